//! A part of a resource instead of the whole (search.html#summary, #elements): `_summary` and `_elements`. Which elements
//! belong to the summary is read from HL7's definitions ([`super::elements`]). What is left out is told by the tag SUBSETTED,
//! so that nobody writes a part back over the whole.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::elements::{Element, Tables, TypeTable, elements};
use super::version::FhirVersion;

/// The system of the tag that marks a part.
const TAG_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
const TAG_CODE: &str = "SUBSETTED";

/// Members that every part has: without them the rest would be nobody's, or mean something else.
const ALWAYS: [&str; 5] = ["resourceType", "id", "meta", "implicitRules", "modifierExtension"];

/// How much of each resource is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subset {
    pub form: Form,
    /// `_elements`; only with [`Form::Whole`]. Empty means all.
    pub elements: Vec<ElementName>,
}

/// The values of `_summary`, `count` aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Whole,
    /// The elements of the summary and the mandatory ones.
    Summary,
    /// The narrative and the mandatory elements at the top.
    Text,
    /// All but the narrative.
    Data,
}

/// One name of `_elements`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementName {
    /// `CareTeam` of `CareTeam.status`: it then also counts for resources that are included.
    pub kind: Option<String>,
    /// The element at the top of the resource; a choice by its stem (`deceased`) or by one of its names.
    pub name: String,
}

/// Why a resource stands in a Bundle. "The list of elements does not apply to included resources" (search.html#elements).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Match,
    Include,
}

impl ElementName {
    /// Whether the type has such an element in that version.
    pub fn is_of(&self, version: FhirVersion, kind: &str) -> bool {
        let table = elements(version).type_(kind);
        table.is_some_and(|table| table.iter().any(|(name, element)| self.names(name, element)))
    }

    fn names(&self, json_name: &str, element: &Element) -> bool {
        self.name == json_name || element.choice.as_deref() == Some(self.name.trim_end_matches("[x]"))
    }

    fn applies(&self, kind: &str, role: Role) -> bool {
        self.kind.as_deref().map_or(role == Role::Match, |own| own == kind)
    }
}

impl Subset {
    /// Whether a resource of this type is to be shown in part: otherwise its text can go out as it stands.
    pub fn touches(&self, kind: &str, role: Role) -> bool {
        self.form != Form::Whole || self.elements.iter().any(|name| name.applies(kind, role))
    }

    /// The part of a resource, which is in the form of `version`.
    pub fn of(&self, version: FhirVersion, role: Role, resource: Value) -> Value {
        let Value::Object(whole) = resource else {
            return resource;
        };
        let kind = whole.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let tables = elements(version);
        let (true, Some(table)) = (self.touches(kind, role), tables.type_(kind)) else {
            return Value::Object(whole);
        };
        let listed = |name: &str, element: &Element| {
            let mut names = self.elements.iter().filter(|listed| listed.applies(kind, role));
            names.any(|listed| listed.names(name, element))
        };
        let mut part = match self.form {
            Form::Data => whole.iter().filter(|(name, _)| *name != "text").map(own).collect(),
            Form::Summary => Summary { tables }.of(table, &whole).0,
            Form::Text => top(table, &whole, |name, _| name == "text"),
            Form::Whole => top(table, &whole, listed),
        };
        keep_contained(&mut part, &whole);
        mark(&mut part);
        Value::Object(part)
    }
}

/// The place in `meta.tag` of the tag that says that a resource is a part only.
pub fn subsetted(resource: &Value) -> Option<usize> {
    let tags = resource.get("meta")?.get("tag")?.as_array()?;
    tags.iter()
        .position(|tag| tag["code"] == TAG_CODE && (tag["system"] == TAG_SYSTEM || tag.get("system").is_none()))
}

fn own((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// `status` of `_status`, which holds a primitive's extensions.
fn base(member: &str) -> &str {
    member.strip_prefix('_').unwrap_or(member)
}

/// The members at the top that are chosen or mandatory, whole.
fn top(table: &TypeTable, whole: &Map<String, Value>, chosen: impl Fn(&str, &Element) -> bool) -> Map<String, Value> {
    let kept = |member: &str| {
        let name = base(member);
        let element = table.get(name);
        ALWAYS.contains(&name) || element.is_some_and(|element| element.min > 0 || chosen(name, element))
    };
    whole.iter().filter(|(member, _)| kept(member)).map(own).collect()
}

/// `_summary=true`.
struct Summary<'t> {
    tables: &'t Tables,
}

impl Summary<'_> {
    /// The summary of a resource or backbone element, and whether anything in it belongs there for its own sake.
    /// A backbone element that is no part of the summary itself is kept for the elements in it that are (the role and
    /// member of a CareTeam's participant).
    fn of(&self, table: &TypeTable, whole: &Map<String, Value>) -> (Map<String, Value>, bool) {
        let mut part = Map::new();
        let mut worth = false;
        for (member, value) in whole {
            let name = base(member);
            let Some(element) = table.get(name) else {
                if ALWAYS.contains(&name) {
                    part.insert(member.clone(), value.clone());
                }
                continue;
            };
            let wanted = element.summary || ALWAYS.contains(&name) && (name != "id" || table.is_resource());
            let kept = match self.backbone(element) {
                Some(inner) => self.inside(inner, value, wanted || element.min > 0),
                None => (wanted || element.min > 0).then(|| value.clone()),
            };
            if let Some(kept) = kept {
                worth |= wanted || element.min == 0;
                part.insert(member.clone(), kept);
            }
        }
        (part, worth)
    }

    fn backbone(&self, element: &Element) -> Option<&TypeTable> {
        let name = &element.type_name;
        name.contains('.').then(|| self.tables.type_(name)).flatten()
    }

    /// The summaries of one backbone element or of several; those of which nothing is left are left out.
    fn inside(&self, table: &TypeTable, value: &Value, wanted: bool) -> Option<Value> {
        match value {
            Value::Object(whole) => {
                let (part, worth) = self.of(table, whole);
                (!part.is_empty() && (wanted || worth)).then_some(Value::Object(part))
            }
            Value::Array(items) => {
                let kept = items.iter().filter_map(|item| self.inside(table, item, wanted));
                let kept: Vec<Value> = kept.collect();
                (!kept.is_empty()).then_some(Value::Array(kept))
            }
            other => wanted.then(|| other.clone()),
        }
    }
}

/// Puts back the contained resources that something kept refers to: a `#id` without its resource is no reference.
fn keep_contained(part: &mut Map<String, Value>, whole: &Map<String, Value>) {
    let Some(Value::Array(contained)) = whole.get("contained") else {
        return;
    };
    if part.contains_key("contained") {
        return;
    }
    let mut wanted = BTreeSet::new();
    part.values().for_each(|value| inner_references(value, &mut wanted));
    let mut kept = BTreeSet::new();
    // What is contained may refer to what is contained.
    while let Some(index) = contained
        .iter()
        .enumerate()
        .position(|(index, inner)| !kept.contains(&index) && inner["id"].as_str().is_some_and(|id| wanted.contains(id)))
    {
        kept.insert(index);
        inner_references(&contained[index], &mut wanted);
    }
    if !kept.is_empty() {
        let kept: Vec<Value> = kept.into_iter().map(|index| contained[index].clone()).collect();
        part.insert("contained".to_owned(), Value::Array(kept));
    }
}

/// The ids behind every `"reference": "#id"`.
fn inner_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(id) = members
                .get("reference")
                .and_then(Value::as_str)
                .and_then(|literal| literal.strip_prefix('#'))
            {
                found.insert(id.to_owned());
            }
            members.values().for_each(|member| inner_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| inner_references(item, found)),
        _ => {}
    }
}

/// Adds the tag that says so.
fn mark(part: &mut Map<String, Value>) {
    let meta = part.entry("meta").or_insert_with(|| json!({}));
    let Some(meta) = meta.as_object_mut() else { return };
    let tags = meta.entry("tag").or_insert_with(|| json!([]));
    if let Some(tags) = tags.as_array_mut() {
        tags.push(json!({ "system": TAG_SYSTEM, "code": TAG_CODE }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::types::ResourceType;

    fn team() -> Value {
        json!({
            "resourceType": "CareTeam", "id": "k", "meta": { "versionId": "1" },
            "text": { "status": "generated", "div": "<div/>" },
            "contained": [
                { "resourceType": "Practitioner", "id": "p", "extension": [{ "url": "u", "valueReference": { "reference": "#o" } }] },
                { "resourceType": "Organization", "id": "o" },
                { "resourceType": "Organization", "id": "other" },
            ],
            "extension": [{ "url": "u", "valueReference": { "reference": "#other" } }],
            "status": "active", "_status": { "id": "s" },
            "participant": [
                { "id": "x", "role": { "text": "r" }, "member": { "reference": "#p" }, "coveragePeriod": { "start": "2025" } },
                { "coveragePeriod": { "start": "2025" } },
            ],
            "reason": [{ "concept": { "text": "orsak" } }],
            "note": [{ "text": "n" }],
        })
    }

    fn names(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    fn of(form: Form, list: &[(Option<&str>, &str)], role: Role, resource: Value) -> Value {
        let elements = list
            .iter()
            .map(|(kind, name)| ElementName {
                kind: kind.map(str::to_owned),
                name: (*name).to_owned(),
            })
            .collect();
        Subset { form, elements }.of(FhirVersion::R5, role, resource)
    }

    #[test]
    fn the_summary_has_the_contact_itself_and_what_it_refers_to() {
        let part = of(Form::Summary, &[], Role::Match, team());
        assert_eq!(
            names(&part),
            [
                "resourceType",
                "id",
                "meta",
                "status",
                "_status",
                "participant",
                "contained"
            ]
        );
        assert_eq!(
            part["participant"],
            json!([{ "role": { "text": "r" }, "member": { "reference": "#p" } }])
        );
        let ids: Vec<&Value> = part["contained"].as_array().unwrap().iter().map(|c| &c["id"]).collect();
        assert_eq!(ids, ["p", "o"]);
        assert_eq!(part["meta"]["tag"], json!([{ "system": TAG_SYSTEM, "code": TAG_CODE }]));
        assert_eq!(subsetted(&part), Some(0));
        assert_eq!(subsetted(&team()), None);
    }

    #[test]
    fn text_data_and_elements() {
        let plan = json!({
            "resourceType": "CarePlan", "id": "p", "meta": { "tag": [{ "code": "x" }] }, "text": { "status": "empty" },
            "status": "active", "intent": "plan", "subject": { "reference": "Patient/a" }, "title": "t", "note": [],
        });
        let kept = |form, list: &[(Option<&str>, &str)], role| {
            let part = of(form, list, role, plan.clone());
            let kept: Vec<String> = names(&part).iter().skip(3).map(|name| (*name).to_owned()).collect();
            (kept.join(" "), subsetted(&part))
        };
        let (mandatory, marked) = ("status intent subject".to_owned(), Some(1));
        assert_eq!(
            kept(Form::Text, &[], Role::Match),
            (format!("text {mandatory}"), marked)
        );
        assert_eq!(
            kept(Form::Data, &[], Role::Include),
            (format!("{mandatory} title note"), marked)
        );
        assert_eq!(
            kept(Form::Whole, &[(None, "title")], Role::Match),
            (format!("{mandatory} title"), marked)
        );
        assert_eq!(
            kept(Form::Whole, &[(Some("CarePlan"), "note")], Role::Include),
            (format!("{mandatory} note"), marked)
        );
        let whole = format!("text {mandatory} title note");
        assert_eq!(
            kept(Form::Whole, &[(None, "title")], Role::Include),
            (whole.clone(), None)
        );
        assert_eq!(
            kept(Form::Whole, &[(Some("CareTeam"), "name")], Role::Match),
            (whole.clone(), None)
        );
        assert_eq!(kept(Form::Whole, &[], Role::Match), (whole, None));
    }

    #[test]
    fn a_choice_is_named_by_its_stem_or_its_name() {
        for (name, known) in [
            ("deceased", true),
            ("deceased[x]", true),
            ("deceasedBoolean", true),
            ("birthDate", true),
            ("contact.name", false),
            ("resourceType", false),
            ("", false),
        ] {
            let name = ElementName {
                kind: None,
                name: name.to_owned(),
            };
            assert_eq!(name.is_of(FhirVersion::R4, "Patient"), known, "{name:?}");
        }
        let patient = json!({ "resourceType": "Patient", "id": "p", "deceasedBoolean": true, "_deceasedBoolean": {}, "name": [] });
        let part = of(Form::Whole, &[(None, "deceased")], Role::Match, patient);
        assert_eq!(
            names(&part),
            ["resourceType", "id", "deceasedBoolean", "_deceasedBoolean", "meta"]
        );
    }

    #[test]
    fn every_type_has_a_summary_in_both_versions() {
        for version in FhirVersion::ALL {
            for kind in ResourceType::ALL {
                let table = elements(version).type_(kind.name()).unwrap();
                let count = table.iter().filter(|(_, element)| element.summary).count();
                assert!(count > 4, "{version} {kind}");
                assert!(table.get("meta").unwrap().summary && !table.get("text").unwrap().summary);
            }
        }
    }
}
