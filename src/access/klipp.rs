//! What is cut out of a record before it is shown: what is meant for the staff alone (extension `intern-anteckning`) before
//! a patient sees it, and where a protected person lives and how she is reached before others than those who may know. Pure; the
//! stored form (R5) is cut, so that whatever is made of it (R4, a part, a Bundle) lacks it too.

use serde_json::Value;

use super::beslut::PERSONER;

/// What the patient never sees.
pub const INTERN_ANTECKNING: &str = "https://w3id.org/fastkontakt/StructureDefinition/intern-anteckning";

/// Takes the extension out wherever it stands, and the narratives, which may say the same in words. Tells whether anything
/// was taken out.
pub fn interna_anteckningar(resource: &mut Value) -> bool {
    let is_it = |item: &Value| item.get("url").and_then(Value::as_str) == Some(INTERN_ANTECKNING);
    let found = without_extension(resource, is_it);
    if found {
        without_narrative(resource);
    }
    found
}

/// Takes these extensions out wherever they stand; tells whether there was any.
fn without_extension(value: &mut Value, is_it: fn(&Value) -> bool) -> bool {
    match value {
        Value::Array(items) => {
            let before = items.len();
            items.retain(|item| !is_it(item));
            let mut found = items.len() < before;
            for item in items {
                found |= without_extension(item, is_it);
            }
            found
        }
        Value::Object(members) => {
            let mut found = false;
            for (name, member) in members.iter_mut() {
                found |= without_extension(member, is_it);
                // Beside a list of primitive values stands one with nothing for those that have no extension.
                if let (true, Some(beside)) = (name.starts_with('_'), member.as_array_mut()) {
                    beside
                        .iter_mut()
                        .filter(|item| is_empty(item))
                        .for_each(|item| *item = Value::Null);
                }
            }
            // An empty list is no FHIR, and neither is an element that held nothing but what was cut.
            members.retain(|_, member| !is_empty(member));
            found
        }
        _ => false,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(Value::is_null),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn without_narrative(resource: &mut Value) {
    let Some(members) = resource.as_object_mut() else {
        return;
    };
    members.shift_remove("text");
    let contained = members.get_mut("contained").and_then(Value::as_array_mut);
    contained.into_iter().flatten().for_each(without_narrative);
}

/// Types that tell where somebody is: a person, and what her record contains, a visit at home or the home.
pub const TYPER_MED_ADRESS: [&str; 4] = ["Patient", "RelatedPerson", "Location", "Organization"];

/// Their elements that do.
const VAR: [&str; 4] = ["address", "telecom", "contact", "position"];

/// So do their extensions with such a value (`patient-birthPlace`).
const VAR_I_TILLAGG: [&str; 4] = [
    "valueAddress",
    "valueContactPoint",
    "valueContactDetail",
    "valueExtendedContactDetail",
];

/// Takes out where the person lives and how she is reached, in the Patient or RelatedPerson itself and in what it contains;
/// the narrative too.
pub fn adresser(resource: &mut Value) {
    if PERSONER.iter().any(|kind| resource["resourceType"] == kind.name()) {
        cut(resource);
    }
    let has_address = |resource: &Value| {
        let kind = resource["resourceType"].as_str();
        kind.is_some_and(|kind| TYPER_MED_ADRESS.contains(&kind))
    };
    let contained = resource.get_mut("contained").and_then(Value::as_array_mut);
    let mut told = contained
        .into_iter()
        .flatten()
        .filter(|inner| has_address(inner))
        .peekable();
    let held = told.peek().is_some();
    told.for_each(cut);
    if let (true, Some(members)) = (held, resource.as_object_mut()) {
        members.shift_remove("text");
    }
}

fn cut(person: &mut Value) {
    if let Some(members) = person.as_object_mut() {
        for name in VAR.into_iter().chain(["text"]) {
            members.shift_remove(name);
            members.shift_remove(&format!("_{name}"));
        }
    }
    without_extension(person, tells_where);
}

/// Whether an extension tells where somebody is, or one within it does.
fn tells_where(item: &Value) -> bool {
    let within = item.get("extension").and_then(Value::as_array);
    item.get("url").is_some()
        && (VAR_I_TILLAGG.iter().any(|name| item.get(name).is_some()) || within.into_iter().flatten().any(tells_where))
}
