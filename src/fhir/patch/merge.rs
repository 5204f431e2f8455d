//! JSON Merge Patch (RFC 7396): what is given takes the place of what is there, `null` takes it away, arrays are replaced
//! as a whole. HL7 names two other kinds; this one is what fhirpy's `patch` and `save(fields=…)` send.

use serde_json::{Map, Value};

use super::PatchError;
use crate::fhir::fault::{IssueCode, Text};

/// The members that are to be as they are given here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergePatch(Map<String, Value>);

impl MergePatch {
    pub(super) fn read(patch: Value) -> Result<MergePatch, PatchError> {
        match patch {
            Value::Object(members) => Ok(MergePatch(members)),
            _ => Err(PatchError::malformed(
                IssueCode::Structure,
                "",
                Text::new(
                    "En JSON Merge Patch ska vara ett objekt.",
                    "A JSON Merge Patch must be an object.",
                ),
            )),
        }
    }

    /// It always fits; it adds no more than itself, and its depth is that of a body.
    pub(super) fn apply(&self, resource: &mut Value) {
        merge(resource, &self.0);
    }
}

fn merge(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, value) in patch {
        match value {
            Value::Null => {
                members.shift_remove(name);
            }
            Value::Object(inner) => merge(members.entry(name.as_str()).or_insert(Value::Null), inner),
            other => {
                members.insert(name.clone(), other.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7396, appendix A, those whose patch is an object.
    #[test]
    fn the_examples_of_the_standard() {
        for (original, patch, result) in [
            (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
            (json!({ "a": "b" }), json!({ "a": null }), json!({})),
            (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
            (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "c" }), json!({ "a": ["b"] }), json!({ "a": ["b"] })),
            (
                json!({ "a": { "b": "c" } }),
                json!({ "a": { "b": "d", "c": null } }),
                json!({ "a": { "b": "d" } }),
            ),
            (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] }), json!({ "a": [1] })),
            (json!({ "e": null }), json!({ "a": 1 }), json!({ "e": null, "a": 1 })),
            (json!([1, 2]), json!({ "a": "b", "c": null }), json!({ "a": "b" })),
            (
                json!({}),
                json!({ "a": { "bb": { "ccc": null } } }),
                json!({ "a": { "bb": {} } }),
            ),
        ] {
            let mut patched = original;
            MergePatch::read(patch).unwrap().apply(&mut patched);
            assert_eq!(patched, result);
        }
        assert!(MergePatch::read(json!(["c"])).is_err());
    }

    #[test]
    fn members_keep_their_places_and_numbers_their_digits() {
        let mut patched = serde_json::from_str(r#"{"a":1.50,"b":2,"c":3}"#).unwrap();
        MergePatch::read(json!({ "b": null, "d": 4 }))
            .unwrap()
            .apply(&mut patched);
        assert_eq!(patched.to_string(), r#"{"a":1.50,"c":3,"d":4}"#);
    }
}
