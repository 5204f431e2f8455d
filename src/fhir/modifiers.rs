//! What may turn a resource's meaning round and is not known here. "Implementations processing an element SHALL reject it
//! unless they recognise its modifier extensions" (extensibility.html#modifierExtension), and `implicitRules` "must be
//! understood when processing the content" (resource.html#implicitRules). The riktlinje judges what a resource says, and the
//! search chooses by it: a member who is marked as *not* taking part must not count as one. It holds no less for what is
//! carried out: an entry of a Bundle that is marked as *not* meant must not be written.
//!
//! No modifier extension and no such rules are known here, so every one is told.

use serde_json::Value;

use super::fault::{Fault, IssueCode, Text};
use super::structure::MOST_FAULTS;

/// The modifier extensions and implicit rules of a resource of type `kind`, contained ones included: a fault for each.
pub fn unknown(kind: &str, resource: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    look(resource, &mut kind.to_owned(), &mut faults, None);
    faults.truncate(MOST_FAULTS);
    faults
}

/// Those of a Bundle or of Parameters that are carried out, beside the resources in them: each of these is looked at for
/// itself, as what it is to be (written, patched, validated). All are told, so that no entry of a batch is carried out
/// because others had too many; each takes more bytes of the body than its fault costs.
pub fn unknown_around(kind: &str, resource: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    look(resource, &mut kind.to_owned(), &mut faults, Some("resource"));
    faults
}

/// `aside` names members that are not looked into.
fn look(value: &Value, path: &mut String, faults: &mut Vec<Fault>, aside: Option<&str>) {
    let length = path.len();
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                path.push('.');
                path.push_str(name);
                match (name.as_str(), inner) {
                    ("modifierExtension", Value::Array(extensions)) => {
                        let places = (0..extensions.len()).map(|index| format!("{path}[{index}]"));
                        faults.extend(places.map(unknown_extension));
                    }
                    ("implicitRules", Value::String(_)) => faults.push(unknown_rules(path.clone())),
                    (name, _) if Some(name) == aside => {}
                    _ => look(inner, path, faults, aside),
                }
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                look(inner, path, faults, aside);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

fn unknown_extension(expression: String) -> Fault {
    Fault {
        code: IssueCode::Extension,
        expression,
        text: Text::new(
            "Tillägget (modifierExtension) är inte känt här. Det kan ändra innebörden av det som det står i, och därför tas det inte emot.",
            "The modifier extension is not known here. It may change the meaning of what it stands in, so that is not accepted.",
        ),
    }
}

fn unknown_rules(expression: String) -> Fault {
    Fault {
        code: IssueCode::NotSupported,
        expression,
        text: Text::new(
            "Reglerna (implicitRules) är inte kända här. Utan dem går det inte att veta vad resursen säger, och därför tas den inte emot.",
            "The rules (implicitRules) are not known here. Without them nobody knows what the resource says, so it is not accepted.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn they_are_found_wherever_they_stand() {
        let extension = json!([{ "url": "http://example.org/not", "valueBoolean": true }]);
        let team = json!({
            "resourceType": "CareTeam",
            "modifierExtension": extension,
            "extension": [{ "url": "http://example.org/x", "valueString": "implicitRules" }],
            "participant": [{}, { "modifierExtension": [extension[0], extension[0]] }],
            "contained": [{ "resourceType": "Organization", "implicitRules": "http://example.org/rules" }],
        });
        let places: Vec<String> = unknown("CareTeam", &team).into_iter().map(|it| it.expression).collect();
        assert_eq!(
            places,
            [
                "CareTeam.modifierExtension[0]",
                "CareTeam.participant[1].modifierExtension[0]",
                "CareTeam.participant[1].modifierExtension[1]",
                "CareTeam.contained[0].implicitRules",
            ]
        );
        assert_eq!(unknown("CareTeam", &json!({ "resourceType": "CareTeam" })), []);
    }

    #[test]
    fn what_is_around_resources_is_told_without_them() {
        let extension = json!([{ "url": "http://example.org/not", "valueBoolean": true }]);
        let bundle = json!({
            "resourceType": "Bundle",
            "implicitRules": "http://example.org/rules",
            "entry": [{
                "modifierExtension": extension,
                "resource": { "resourceType": "Patient", "modifierExtension": extension },
                "request": { "method": "POST", "url": "Patient", "modifierExtension": extension },
            }],
        });
        let places: Vec<String> = unknown_around("Bundle", &bundle)
            .into_iter()
            .map(|it| it.expression)
            .collect();
        assert_eq!(
            places,
            [
                "Bundle.implicitRules",
                "Bundle.entry[0].modifierExtension[0]",
                "Bundle.entry[0].request.modifierExtension[0]",
            ]
        );
    }
}
