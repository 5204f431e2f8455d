//! PATCH (http.html#patch): changes to a resource, as JSON Patch ([`json`]), as FHIRPath Patch ([`fhirpath`], whose paths
//! are read by [`path`] and walked by [`ground`]) or as JSON Merge Patch ([`merge`]). Pure: a patch makes a new resource of
//! the one that it is given, or tells why not; whether the result is FHIR is asked afterwards, as of any update.

mod fhirpath;
mod ground;
mod json;
mod merge;
mod path;
mod room;

use serde_json::Value;

use super::fault::{Fault, IssueCode, Text};
use super::json::Limits;
use super::types::ResourceType;
use super::version::FhirVersion;
use room::Room;

/// Changes in one patch: more is a mistake or an attack.
const MOST_OPERATIONS: usize = 1_000;

/// A patch that is well formed in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch {
    Json(json::JsonPatch),
    FhirPath(fhirpath::FhirPathPatch),
    Merge(merge::MergePatch),
}

/// Why there is no patched resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// The patch itself is wrong, whatever resource it meets (400).
    Malformed(Fault),
    /// It does not fit the resource (422). The expression tells the change within a FHIRPath Patch.
    Unfit { text: Text, expression: String },
}

impl Patch {
    /// A JSON Patch (RFC 6902), read from its JSON.
    pub fn json(patch: Value) -> Result<Patch, PatchError> {
        json::JsonPatch::read(patch).map(Patch::Json)
    }

    /// A JSON Merge Patch (RFC 7396), read from its JSON.
    pub fn merge(patch: Value) -> Result<Patch, PatchError> {
        merge::MergePatch::read(patch).map(Patch::Merge)
    }

    /// A FHIRPath Patch of a resource of type `kind`: a Parameters resource that is known to be well formed.
    pub fn fhirpath(kind: ResourceType, parameters: &Value) -> Result<Patch, PatchError> {
        fhirpath::FhirPathPatch::read(kind, parameters).map(Patch::FhirPath)
    }

    /// The resource after all changes, one after the other, or none of them. `resource` is in `version`. It may become as
    /// large and as deep as the limits allow a body to be (or stay as it was).
    pub fn apply(&self, version: FhirVersion, resource: Value, limits: &Limits) -> Result<Value, PatchError> {
        let mut room = Room::of(&resource, limits);
        let mut patched = resource;
        match self {
            Patch::Json(patch) => patch.apply(&mut patched, &mut room)?,
            Patch::FhirPath(patch) => patch.apply(version, &mut patched, &room)?,
            Patch::Merge(patch) => patch.apply(&mut patched),
        }
        room.holds(&patched)?;
        Ok(patched)
    }
}

impl PatchError {
    fn malformed(code: IssueCode, expression: impl Into<String>, text: Text) -> PatchError {
        PatchError::Malformed(Fault {
            code,
            expression: expression.into(),
            text,
        })
    }

    fn unfit(text: Text) -> PatchError {
        PatchError::Unfit {
            text,
            expression: String::new(),
        }
    }

    fn too_many() -> PatchError {
        PatchError::malformed(
            IssueCode::TooCostly,
            "",
            Text::new(
                "En patch får ha högst 1000 ändringar.",
                "A patch may have 1000 changes at the most.",
            ),
        )
    }
}

/// The text, said of change number `index` (counted from 1 for the reader).
fn numbered(index: usize, sv: &str, en: &str) -> Text {
    Text::new(
        format!("Ändring {}: {sv}", index + 1),
        format!("Change {}: {en}", index + 1),
    )
}
