//! From bytes to a resource that is ready for the door: strict reading, structure, conversion to R5, understanding.
//! Pure: the same code serves HTTP, `demo` and `fastkontakt validate`.

use std::sync::Arc;

use fastkontakt_model::{Fact, understand};
use jiff::Timestamp;
use serde_json::Value;

use super::bokning;
use super::problem::Problem;
use crate::fhir::convert::{PathMap, forget_stale, r4_to_r5};
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::json::{self, Limits};
use crate::fhir::modifiers;
use crate::fhir::references;
use crate::fhir::search::{self, IndexEntry};
use crate::fhir::structure;
use crate::fhir::subset;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// Reads JSON strictly and checks that it is a resource of type `kind`, whole and well formed in `version`.
pub fn read(version: FhirVersion, kind: &str, bytes: &[u8], limits: &Limits) -> Result<Value, Problem> {
    let value = read_json(bytes, limits)?;
    check(version, kind, &value)?;
    Ok(value)
}

/// The same of a resource that is written on its own: a conditional reference means something only among the entries of a
/// transaction (http.html#trules).
pub fn check_alone(version: FhirVersion, kind: &str, resource: &Value, own_bases: &[String]) -> Result<(), Problem> {
    check(version, kind, resource)?;
    match references::first_conditional(resource, own_bases) {
        None => Ok(()),
        Some(path) => Err(Problem::fault(
            IssueCode::NotSupported,
            format!("{kind}.{path}"),
            Text::new(
                "En villkorad referens (typ?sökvillkor) löses bara upp i en Bundle av typen transaction.",
                "A conditional reference (type?criteria) is resolved only in a Bundle of type transaction.",
            ),
        )),
    }
}

/// Reads JSON strictly; what it says is not looked at.
pub fn read_json(bytes: &[u8], limits: &Limits) -> Result<Value, Problem> {
    json::read(bytes, limits).map_err(|fault| match fault.code {
        IssueCode::TooLong if fault.expression.is_empty() && bytes.len() > limits.bytes => {
            Problem::BodyTooLarge { limit: limits.bytes }
        }
        _ => Problem::NotFhir(vec![fault]),
    })
}

/// Runs parsing and checking: at once when there is little of it (`size` in bytes), on a thread for blocking work when
/// there is much, so that other requests are not kept waiting.
pub async fn computing<T, F>(size: usize, work: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Problem> + Send + 'static,
{
    const SMALL: usize = 32 * 1024;
    if size <= SMALL {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| {
        Err(Problem::Internal {
            reason: "a piece of work panicked".to_owned(),
        })
    })
}

/// Checks that `resource` is of type `kind` and well formed in `version`.
pub fn check(version: FhirVersion, kind: &str, resource: &Value) -> Result<(), Problem> {
    if type_of(resource) != Some(kind) {
        return Err(Problem::fault(
            IssueCode::Structure,
            "resourceType",
            Text::new(
                format!("Här väntas en {kind}: resourceType saknas eller anger en annan resurstyp."),
                format!("The type {kind} is expected here: resourceType is missing or names another."),
            ),
        ));
    }
    let mut faults = structure::check(version, kind, resource);
    faults.extend(a_part_only(kind, resource));
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::NotFhir(faults))
    }
}

/// Checks Parameters that something is done by: well formed, and nothing in them that turns them round. The resources in
/// them are not looked into for that.
pub fn check_parameters(version: FhirVersion, parameters: &Value) -> Result<(), Problem> {
    check(version, "Parameters", parameters)?;
    match modifiers::unknown_around("Parameters", parameters) {
        none if none.is_empty() => Ok(()),
        unknown => Err(Problem::NotUnderstood(unknown)),
    }
}

/// A part of a resource (`_summary`, `_elements`) may not be stored: it would take the place of the whole, and what it
/// leaves out, a contact's member or end, would be lost.
fn a_part_only(kind: &str, resource: &Value) -> Option<Fault> {
    let at = subset::subsetted(resource)?;
    Some(Fault {
        code: IssueCode::BusinessRule,
        expression: format!("{kind}.meta.tag[{at}]"),
        text: Text::new(
            "Resursen är märkt SUBSETTED: den är en del av en större (_summary, _elements) och kan inte lagras. Läs hela \
             resursen och ändra i den.",
            "The resource is tagged SUBSETTED: it is a part of a larger one (_summary, _elements) and cannot be stored. Read \
             the whole resource and change that.",
        ),
    })
}

/// The `resourceType` member of a JSON value.
pub fn type_of(resource: &Value) -> Option<&str> {
    resource.get("resourceType").and_then(Value::as_str)
}

/// A checked resource in R5, with the way back to the paths of the version it came in.
#[derive(Clone)]
pub struct Content {
    pub kind: ResourceType,
    pub resource: Value,
    pub paths: PathMap,
    /// Where a reference under one of our own bases is no resource's address, in the caller's version.
    misspelt: Option<String>,
}

impl Content {
    /// Takes a resource that passed [`check`] in `version`. References under `own_bases` become relative.
    pub fn new(version: FhirVersion, kind: ResourceType, mut resource: Value, own_bases: &[String]) -> Content {
        references::make_local(&mut resource, own_bases);
        let misspelt = references::first_misspelt(&resource, own_bases);
        forget_stale(version, &mut resource);
        match version {
            FhirVersion::R5 => Content {
                kind,
                resource,
                paths: PathMap::default(),
                misspelt,
            },
            FhirVersion::R4 => {
                let converted = r4_to_r5(&resource);
                Content {
                    kind,
                    resource: converted.resource,
                    paths: converted.paths,
                    misspelt,
                }
            }
        }
    }

    /// The id in the body, if any.
    pub fn id(&self) -> Option<&str> {
        self.resource.get("id").and_then(Value::as_str)
    }

    /// Gives the resource its id and understands it: now it is ready for the door. [`Problem::NotUnderstood`] when it holds
    /// what may turn its meaning round and is not known here.
    pub fn prepare(self, id: &str) -> Result<Prepared, Problem> {
        let Content {
            kind,
            resource,
            paths,
            misspelt,
        } = self;
        if let Some(path) = misspelt {
            return Err(Problem::fault(
                IssueCode::Value,
                format!("{kind}.{path}"),
                Text::new(
                    "Referensen börjar med den här tjänstens adress men är ingen resurs adress (…/typ/id).",
                    "The reference begins with the address of this service but is no resource's address (…/type/id).",
                ),
            ));
        }
        bokning::refuse_others(kind, &resource, &paths)?;
        if let Some((path, most)) = too_long(kind, &resource) {
            return Err(Problem::fault(
                IssueCode::TooLong,
                paths.to_source(&format!("{kind}{path}")),
                Text::new(
                    format!("Den listan har högst {most} poster."),
                    format!("That list has at most {most} items."),
                ),
            ));
        }
        let mut unknown = modifiers::unknown(kind.name(), &resource);
        if !unknown.is_empty() {
            for fault in &mut unknown {
                fault.expression = paths.to_source(&fault.expression);
            }
            return Err(Problem::NotUnderstood(unknown));
        }
        let body = Body::new(kind, id, resource);
        let text = body.render(0, Timestamp::UNIX_EPOCH);
        let fact = understand(kind.name(), &text).map_err(|_| not_understood(kind))?;
        Ok(Prepared {
            kind,
            id: id.to_owned(),
            body,
            fact: Arc::new(fact),
            paths,
        })
    }
}

/// Items of one list that leads to others: the riktlinje and the access decisions follow links, members, plans and identifiers
/// one by one, inside the write. A person or a contact has a handful, and thousands would keep everybody waiting.
const MOST_FOLLOWED: usize = 500;

/// Items of one list of anything else.
const MOST_IN_A_LIST: usize = 5_000;

/// The first list that is too long, as it is written in an expression, and how long it may be. Questions and answers are
/// followed by nobody, contained ones neither.
fn too_long(kind: ResourceType, resource: &Value) -> Option<(String, usize)> {
    fn first(name: &str, value: &Value) -> Option<(String, usize)> {
        match value {
            Value::Object(members) if is_of_questions(members.get("resourceType")) => None,
            Value::Object(members) => members
                .iter()
                .find_map(|(name, member)| first(name, member).map(|(rest, most)| (format!(".{name}{rest}"), most))),
            Value::Array(items) if items.len() > MOST_IN_A_LIST => Some((String::new(), MOST_IN_A_LIST)),
            Value::Array(items) if items.len() > MOST_FOLLOWED && (name == "identifier" || leads_on(value)) => {
                Some((String::new(), MOST_FOLLOWED))
            }
            Value::Array(items) => {
                let mut items = items.iter().enumerate();
                items.find_map(|(index, item)| first(name, item).map(|(rest, most)| (format!("[{index}]{rest}"), most)))
            }
            _ => None,
        }
    }
    match kind {
        ResourceType::Questionnaire | ResourceType::QuestionnaireResponse => None,
        _ => first("", resource),
    }
}

fn is_of_questions(kind: Option<&Value>) -> bool {
    let kind = kind.and_then(Value::as_str).and_then(ResourceType::from_name);
    matches!(
        kind,
        Some(ResourceType::Questionnaire | ResourceType::QuestionnaireResponse)
    )
}

/// Whether a reference stands in it, to what is stored or by an identifier.
fn leads_on(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.contains_key("reference")
                || members.get("identifier").is_some_and(Value::is_object)
                || members.values().any(leads_on)
        }
        Value::Array(items) => items.iter().any(leads_on),
        _ => false,
    }
}

fn not_understood(kind: ResourceType) -> Problem {
    Problem::NotFhir(vec![Fault {
        code: IssueCode::Value,
        expression: kind.name().to_owned(),
        text: Text::new(
            "Resursen följer schemat men innehåller ett värde som tjänsten inte kan tolka.",
            "The resource follows the schema but holds a value that the service cannot interpret.",
        ),
    }])
}

/// A resource ready to be written: its stored form, what the rules see, and the way back to the caller's paths.
pub struct Prepared {
    pub kind: ResourceType,
    pub id: String,
    pub body: Body,
    pub fact: Arc<Fact>,
    pub paths: PathMap,
}

/// A resource's stored form, serialised once; only version and instant are filled in at the moment of the write.
pub struct Body {
    /// `{"resourceType":…,"id":…,"meta":{`
    head: String,
    /// What `meta` holds beside versionId and lastUpdated, each member with its leading comma.
    meta: String,
    /// Everything after `meta`, each member with its leading comma.
    tail: String,
    /// The resource as it will be stored (its meta without versionId and lastUpdated).
    pub resource: Value,
    /// Its entries in the search index, and the patient in whose compartment it lies: made here, because nothing slow is done
    /// inside a write.
    pub index: Vec<IndexEntry>,
    pub patient: Option<String>,
}

impl Body {
    /// Sets type and id first; keeps every other member as it came.
    pub fn new(kind: ResourceType, id: &str, mut resource: Value) -> Body {
        let mut meta_rest = String::new();
        let mut tail = String::new();
        if let Some(members) = resource.as_object_mut() {
            if let Some(Value::Object(meta)) = members.get_mut("meta") {
                meta.shift_remove("versionId");
                meta.shift_remove("lastUpdated");
                append_members(&mut meta_rest, meta.iter());
            }
            members.insert("id".to_owned(), Value::String(id.to_owned()));
            let rest = members
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "resourceType" | "id" | "meta"));
            append_members(&mut tail, rest);
        }
        let head = format!(r#"{{"resourceType":"{kind}","id":{},"meta":{{"#, Value::from(id));
        Body {
            head,
            meta: meta_rest,
            tail,
            index: search::index(kind, &resource),
            patient: search::patient_of(kind, &resource),
            resource,
        }
    }

    /// The JSON text of this version.
    pub fn render(&self, version: i64, last_updated: Timestamp) -> String {
        let mut text = String::with_capacity(self.head.len() + self.meta.len() + self.tail.len() + 80);
        text.push_str(&self.head);
        text.push_str(&format!(
            r#""versionId":"{version}","lastUpdated":"{}""#,
            instant(last_updated)
        ));
        text.push_str(&self.meta);
        text.push('}');
        text.push_str(&self.tail);
        text.push('}');
        text
    }
}

/// The form of an id (datatypes.html#id). `.` and `..` have that form but no address: clients take them for folders.
pub fn require_id_form(id: &str) -> Result<(), Problem> {
    let good = !matches!(id, "." | "..")
        && (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if good {
        return Ok(());
    }
    Err(Problem::bad_request(
        "Ett id består av 1–64 tecken av A–Z, a–z, 0–9, bindestreck och punkt.",
        "An id is 1 to 64 characters of A–Z, a–z, 0–9, hyphen and full stop.",
    ))
}

/// The body's id must be there and be the address's (http.html#update).
pub fn require_same_id(kind: ResourceType, body_id: Option<&str>, id: &str) -> Result<(), Problem> {
    if body_id == Some(id) {
        return Ok(());
    }
    Err(Problem::fault(
        IssueCode::Invalid,
        format!("{kind}.id"),
        Text::new(
            "Resursens id ska finnas och vara detsamma som i adressen.",
            "The resource's id must be present and be the same as in the address.",
        ),
    ))
}

/// A FHIR instant with milliseconds, UTC.
pub fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}

fn append_members<'a>(text: &mut String, members: impl Iterator<Item = (&'a String, &'a Value)>) {
    for (name, value) in members {
        text.push(',');
        // A String or Value always serialises: its keys are strings and its numbers were read from JSON.
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        text.push_str(&value.to_string());
    }
}
