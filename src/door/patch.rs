//! PATCH (http.html#patch): the resource as the caller sees it, in his version, is read, changed, and goes the way of an
//! update. Nothing slow happens inside the write: it only demands that the version is still the one that was read, and
//! when it is not, all is done again. So no change is lost, whether the caller named a version or not.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use super::content::{self, Content, Prepared, computing, require_same_id};
use super::precondition::demand;
use super::problem::Problem;
use super::read::Seen;
use super::villkor::{Criteria, again};
use super::{Action, Door, Precondition, Written};
use crate::access::Call;
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::json::{self, Limits};
use crate::fhir::modifiers;
use crate::fhir::patch::{Patch, PatchError};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::store::Stored;

/// The media type of a JSON Patch.
pub const JSON_PATCH: &str = "application/json-patch+json";
/// The media type of a JSON Merge Patch.
pub const MERGE_PATCH: &str = "application/merge-patch+json";

impl From<PatchError> for Problem {
    fn from(error: PatchError) -> Problem {
        match error {
            PatchError::Malformed(fault) => Problem::NotFhir(vec![fault]),
            PatchError::Unfit { text, expression } => Problem::PatchFailed { text, expression },
        }
    }
}

/// Reads a JSON Patch, as strictly as any body.
pub fn read_json_patch(bytes: &[u8], limits: &Limits) -> Result<Patch, Problem> {
    let patch = json::read_list(bytes, limits).map_err(|fault| Problem::NotFhir(vec![fault]))?;
    Ok(Patch::json(patch)?)
}

/// Reads a JSON Merge Patch.
pub fn read_merge_patch(bytes: &[u8], limits: &Limits) -> Result<Patch, Problem> {
    Ok(Patch::merge(content::read_json(bytes, limits)?)?)
}

/// Reads what is sent as plain JSON: Parameters are a FHIRPath Patch, anything else is a JSON Merge Patch (fhirpy's).
pub fn read_plain_patch(
    version: FhirVersion,
    kind: ResourceType,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Patch, Problem> {
    // A patch of the other kinds is an object.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return read_json_patch(bytes, limits);
    }
    let patch = content::read_json(bytes, limits)?;
    match content::type_of(&patch) {
        Some("Parameters") => read_fhirpath_patch(version, kind, &patch),
        _ => Ok(Patch::merge(patch)?),
    }
}

/// Reads a FHIRPath Patch of a resource of type `kind`.
pub fn read_fhirpath_patch(version: FhirVersion, kind: ResourceType, parameters: &Value) -> Result<Patch, Problem> {
    content::check_parameters(version, parameters)?;
    Ok(Patch::fhirpath(kind, parameters)?)
}

/// Reads the patch of an entry of a Bundle: Parameters, or a Binary that holds a JSON Patch (http.html#patch,
/// "batch/transaction").
pub fn read_entry(
    version: FhirVersion,
    kind: ResourceType,
    resource: &Value,
    limits: &Limits,
) -> Result<Patch, Problem> {
    if content::type_of(resource) != Some("Binary") {
        return read_fhirpath_patch(version, kind, resource);
    }
    let unknown = modifiers::unknown("Binary", resource);
    if !unknown.is_empty() {
        return Err(Problem::NotUnderstood(unknown));
    }
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    if text("contentType") != Some(JSON_PATCH) {
        return Err(Problem::fault(
            IssueCode::NotSupported,
            "Binary.contentType",
            Text::new(
                "En Binary med en patch ska ha contentType application/json-patch+json.",
                "A Binary with a patch must have the contentType application/json-patch+json.",
            ),
        ));
    }
    let bytes = text("data").and_then(|data| STANDARD.decode(data).ok());
    let bytes = bytes.ok_or_else(|| {
        Problem::fault(
            IssueCode::Value,
            "Binary.data",
            Text::new(
                "data ska vara en JSON Patch i base64.",
                "data must be a JSON Patch in base64.",
            ),
        )
    })?;
    read_json_patch(&bytes, limits)
}

/// What is stored, as it is after the patch: checked and understood, ready to be written over the version it was made of.
pub fn patched(
    version: FhirVersion,
    stored: &Stored,
    patch: &Patch,
    own_bases: &[String],
    limits: &Limits,
) -> Result<Prepared, Problem> {
    let resource = changed(version, stored, patch, limits)?;
    ready(version, stored, resource, own_bases)
}

/// What is stored, as the caller sees it, with the changes of the patch; not looked at yet.
pub(super) fn changed(version: FhirVersion, stored: &Stored, patch: &Patch, limits: &Limits) -> Result<Value, Problem> {
    let seen = Seen::of(version, stored)?;
    let before = has_generated_text(&seen.resource).then(|| seen.resource.clone());
    let mut resource = patch.apply(version, seen.resource, limits)?;
    if let Some(before) = before {
        forget_text(&before, &mut resource);
    }
    Ok(resource)
}

/// Checks and understands what a patch made of a resource.
pub(super) fn ready(
    version: FhirVersion,
    stored: &Stored,
    resource: Value,
    own_bases: &[String],
) -> Result<Prepared, Problem> {
    content::check(version, stored.kind.name(), &resource)?;
    let content = Content::new(version, stored.kind, resource, own_bases);
    require_same_id(stored.kind, content.id(), &stored.id)?;
    content.prepare(&stored.id)
}

/// Whether the narrative was made of the data alone (narrative-status).
fn has_generated_text(resource: &Value) -> bool {
    let status = resource.pointer("/text/status").and_then(Value::as_str);
    matches!(status, Some("generated" | "extensions"))
}

/// "The server SHALL ensure that the narrative in a resource is not clinically unsafe after the PATCH" (http.html#patch):
/// one that was made of the data, and that the patch left as it was, goes when the data became others.
fn forget_text(before: &Value, resource: &mut Value) {
    let is_stale = resource.get("text") == before.get("text") && resource != before;
    if let (true, Some(members)) = (is_stale, resource.as_object_mut()) {
        members.shift_remove("text");
    }
}

/// Which resource a patch is of.
#[derive(Clone, Copy, Debug)]
pub enum Meant<'a> {
    Id(ResourceType, &'a str),
    /// The one that meets the criteria (conditional patch).
    Where(&'a Criteria),
}

impl Door {
    /// Patches a resource. A patch that does not fit is [`Problem::PatchFailed`]; that what it makes is no FHIR, or
    /// against the riktlinje, is told as of an update.
    pub async fn patch(
        &self,
        call: &Call,
        version: FhirVersion,
        meant: Meant<'_>,
        patch: Arc<Patch>,
        precondition: Precondition,
        own_bases: &[String],
    ) -> Result<Written, Problem> {
        again(async || {
            let (kind, id) = match meant {
                Meant::Id(kind, id) => (kind, id.to_owned()),
                Meant::Where(criteria) => {
                    let found = self.resolve_one(call, criteria).await?;
                    let id = match found {
                        Some(found) => found.id,
                        None => {
                            // That nobody meets the criteria tells of whom they name.
                            call.disclosed.fail();
                            return Err(Problem::NotFound);
                        }
                    };
                    call.disclosed.ask_of(criteria.kind(), &id);
                    (criteria.kind(), id)
                }
            };
            // Many patches of one resource at once would make each other do their work again; so they take turns.
            let _turn = self.turns.take(kind, &id).await;
            let stored = match (self.fetch(call, kind, id).await, meant) {
                // It was there when it was found.
                (Err(Problem::Deleted { .. }), Meant::Where(_)) => Err(Problem::Race),
                (read, _) => read,
            }?;
            demand(&precondition, Some(&stored))?;
            self.demand_version(call, &precondition)?;
            let conditions = match meant {
                Meant::Id(..) => Vec::new(),
                Meant::Where(criteria) => vec![criteria.expecting(Some(&stored))],
            };
            let precondition = match precondition {
                Precondition::VersionIn(_) => Precondition::VersionIn(vec![stored.version]),
                _ => Precondition::BuiltOn(stored.version),
            };
            let (patch, own_bases, limits) = (patch.clone(), own_bases.to_vec(), self.limits);
            let prepared = computing(stored.body.len(), move || {
                patched(version, &stored, &patch, &own_bases, &limits)
            })
            .await
            // Why what is stored cannot be patched tells of it: a `test` that fails, what it would become.
            .inspect_err(|_| call.disclosed.fail())?;
            let action = Action::Patch { prepared, precondition };
            self.write_one(call, conditions, action).await
        })
        .await
    }
}

/// Locks of this process that let patches of the same resource work one after the other; correctness does not rest on
/// them. Cheap to clone.
#[derive(Clone)]
pub struct Turns {
    /// Each for the resources whose hash falls on it.
    places: Arc<[Mutex<()>]>,
    hasher: RandomState,
}

impl Turns {
    const PLACES: usize = 256;

    pub fn new() -> Turns {
        Turns {
            places: (0..Self::PLACES).map(|_| Mutex::new(())).collect(),
            hasher: RandomState::new(),
        }
    }

    async fn take(&self, kind: ResourceType, id: &str) -> MutexGuard<'_, ()> {
        let hash = usize::try_from(self.hasher.hash_one((kind, id)) % Self::PLACES as u64).unwrap_or(0);
        self.places[hash].lock().await
    }
}

impl Default for Turns {
    fn default() -> Self {
        Turns::new()
    }
}
