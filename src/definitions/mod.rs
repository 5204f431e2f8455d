//! The service's own definitions: profiles, extensions, code systems, value sets, operations and search parameters, as implementers read
//! them at `/fhir/r5` and `/fhir/r4`, and the check of a resource against a profile. The files under `schemas/` hold what
//! each definition says; what all of them share is filled in here. The riktlinje itself is one of the code systems, made
//! from the catalogue and the policies of the running service.
//!
//! Called by the door (reads), by `api` (the CapabilityStatement, `$validate`) and at the start (the question sets).
//! Only differentials are kept: a snapshot can be made from them by any tool, and does not go stale here.

mod files;
pub mod page;
mod riktlinje;
mod search;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::fhir::fault::Fault;
use crate::fhir::profile::{self, Library};
use crate::fhir::types::{DefinitionType, ResourceType};
use crate::fhir::version::FhirVersion;
use crate::riktlinje::Policies;

/// Where our own definitions live.
pub const BASE: &str = "https://w3id.org/fastkontakt";
/// When the definitions were last changed.
const DATE: &str = "2026-11-22";

/// One definition in the form of one version.
pub struct Definition {
    pub value: Value,
    pub text: String,
    /// Differs when the text does; the number of its ETag.
    pub version: i64,
}

impl Definition {
    fn new(value: Value) -> Definition {
        let text = value.to_string();
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        // 63 bits: a positive number.
        let version = i64::try_from(hasher.finish() >> 1).unwrap_or_default();
        Definition { value, text, version }
    }

    pub fn kind(&self) -> Option<DefinitionType> {
        DefinitionType::from_name(text(&self.value, "resourceType"))
    }

    pub fn id(&self) -> &str {
        text(&self.value, "id")
    }
}

/// All definitions of a running service: the shipped ones, and the riktlinje as its policies have it.
pub struct Definitions {
    riktlinje_r4: Vec<Definition>,
    riktlinje_r5: Vec<Definition>,
    /// When this service made them.
    pub since: Timestamp,
}

impl Definitions {
    /// With the riktlinje as these policies have it.
    pub fn new(policies: &Policies, since: Timestamp) -> Definitions {
        let riktlinje = |version| {
            let codes = complete(version, riktlinje::code_system(policies));
            let of_all = all_codes(&codes).map(|value_set| complete(version, value_set));
            std::iter::once(codes).chain(of_all).map(Definition::new).collect()
        };
        Definitions {
            riktlinje_r4: riktlinje(FhirVersion::R4),
            riktlinje_r5: riktlinje(FhirVersion::R5),
            since,
        }
    }

    /// Those of one type, in the order of the files.
    pub fn of(&self, version: FhirVersion, kind: DefinitionType) -> impl Iterator<Item = &Definition> {
        let riktlinje = match version {
            FhirVersion::R4 => &self.riktlinje_r4,
            FhirVersion::R5 => &self.riktlinje_r5,
        };
        let all = library(version).definitions.iter().chain(riktlinje);
        all.filter(move |definition| definition.kind() == Some(kind))
    }
}

/// The eight questions of Region Gävleborg (DOK-08), in R5: of a stored type, see `crate::questions`.
pub fn atta_fragor() -> Value {
    // A test reads it: it cannot be shipped when it is no JSON.
    complete(
        FhirVersion::R5,
        serde_json::from_str(files::ATTA_FRAGOR).unwrap_or_default(),
    )
}

/// A profile that is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownProfile;

/// Holds a resource of the given version against one of our profiles, named by its canonical with or without
/// `|version`, or against HL7's definition of its type. Beyond what `structure::check` says; empty is good.
pub fn check_profile(version: FhirVersion, canonical: &str, resource: &Value) -> Result<Vec<Fault>, UnknownProfile> {
    let shipped = library(version);
    if let Some(structure) = shipped.structure(canonical) {
        return Ok(profile::check(shipped, structure, resource));
    }
    // What the base definition demands has been checked; left is whether it is that of another type.
    let name = canonical.strip_prefix("http://hl7.org/fhir/StructureDefinition/");
    let name = name.map(|name| name.strip_suffix(&format!("|{}", version.number())).unwrap_or(name));
    match name.and_then(ResourceType::from_name) {
        Some(kind) => Ok(profile::check(shipped, &json!({ "type": kind.name() }), resource)),
        None => Err(UnknownProfile),
    }
}

/// The canonicals of our profiles of a resource type, for `supportedProfile`.
pub fn profiles_of(version: FhirVersion, kind: ResourceType) -> impl Iterator<Item = &'static str> {
    let structures = shipped(version).filter(move |definition| {
        text(definition, "resourceType") == "StructureDefinition" && text(definition, "type") == kind.name()
    });
    structures.map(|structure| text(structure, "url"))
}

/// The shipped definitions, and their places by canonical.
struct Shipped {
    definitions: Vec<Definition>,
    by_url: HashMap<String, usize>,
}

fn library(version: FhirVersion) -> &'static Shipped {
    static R4: LazyLock<Shipped> = LazyLock::new(|| Shipped::read(FhirVersion::R4));
    static R5: LazyLock<Shipped> = LazyLock::new(|| Shipped::read(FhirVersion::R5));
    match version {
        FhirVersion::R4 => &R4,
        FhirVersion::R5 => &R5,
    }
}

fn shipped(version: FhirVersion) -> impl Iterator<Item = &'static Value> {
    library(version).definitions.iter().map(|definition| &definition.value)
}

impl Shipped {
    fn read(version: FhirVersion) -> Shipped {
        // A test reads every file: one that is no JSON cannot be shipped.
        let read = files::of(version).filter_map(|text| serde_json::from_str(text).ok());
        let mut all: Vec<Value> = Vec::new();
        for definition in read {
            let definition = complete(version, definition);
            let value_set = all_codes(&definition).map(|value_set| complete(version, value_set));
            all.push(definition);
            all.extend(value_set);
        }
        all.extend(search::parameters_of_our_own(version).map(|parameter| complete(version, parameter)));
        let by_url = all
            .iter()
            .enumerate()
            .map(|(at, definition)| (text(definition, "url").to_owned(), at))
            .collect();
        Shipped {
            definitions: all.into_iter().map(Definition::new).collect(),
            by_url,
        }
    }

    /// The definition of a canonical, with or without `|version`.
    fn find(&self, kind: DefinitionType, canonical: &str) -> Option<&Value> {
        let (url, version) = match canonical.split_once('|') {
            Some((url, version)) => (url, Some(version)),
            None => (canonical, None),
        };
        let definition = &self.definitions.get(*self.by_url.get(url)?)?.value;
        let is_it = text(definition, "resourceType") == kind.name()
            && version.is_none_or(|version| text(definition, "version") == version);
        is_it.then_some(definition)
    }
}

impl Library for Shipped {
    fn structure(&self, canonical: &str) -> Option<&Value> {
        self.find(DefinitionType::StructureDefinition, canonical)
    }

    fn contains(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        let value_set = self.find(DefinitionType::ValueSet, value_set)?;
        let lists = |include: &Value| {
            let from = text(include, "system");
            let same_system = system.is_none_or(|system| system == from);
            let concepts = match include.get("concept") {
                Some(listed) => Some(listed),
                None => self
                    .find(DefinitionType::CodeSystem, from)
                    .and_then(|system| system.get("concept")),
            };
            same_system && each(concepts).any(|concept| text(concept, "code") == code)
        };
        Some(each(value_set.pointer("/compose/include")).any(lists))
    }
}

/// Fills in what all our definitions share, and what depends on the version. A definition with an address of its own
/// is someone else's, retold here: it keeps what it says of version and publisher.
fn complete(version: FhirVersion, definition: Value) -> Value {
    let Value::Object(members) = definition else {
        return definition;
    };
    let kind = members.get("resourceType").cloned().unwrap_or_default();
    let id = members.get("id").cloned().unwrap_or_default();
    let is_ours = !members.contains_key("url");
    let mut whole = Map::new();
    let mut set = |name: &str, value: Value| whole.insert(name.to_owned(), value);
    set("resourceType", kind.clone());
    set("id", id.clone());
    set("language", "sv".into());
    if is_ours {
        let (kind, id) = (kind.as_str().unwrap_or_default(), id.as_str().unwrap_or_default());
        set("url", format!("{BASE}/{kind}/{id}").into());
        set("version", env!("CARGO_PKG_VERSION").into());
        set("publisher", "Fastkontakt".into());
    }
    set("status", "active".into());
    set("experimental", false.into());
    set("date", DATE.into());
    if kind == "StructureDefinition" {
        set("fhirVersion", version.number().into());
    }
    whole.extend(members);
    Value::Object(whole)
}

/// The value set of all codes of a code system of our own, which the code system names in `valueSet`.
fn all_codes(code_system: &Value) -> Option<Value> {
    let url = code_system.get("valueSet")?.as_str()?;
    let id = url.rsplit('/').next()?;
    let member = |name: &str| code_system.get(name).cloned().unwrap_or_default();
    let mut value_set = json!({
        "resourceType": "ValueSet",
        "id": id,
        "name": format!("{}Alla", text(code_system, "name")),
        "title": member("title"),
        "description": format!("Alla koder i {}.", text(code_system, "url")),
        "compose": { "include": [{ "system": member("url") }] },
    });
    if let Some(translated) = code_system.get("_title") {
        value_set["_title"] = translated.clone();
    }
    Some(value_set)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn each(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests;
