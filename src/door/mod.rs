//! The one door: every write passes [`Door::write`], every read one of the functions in `read.rs`.
//!
//! Whoever wants to store something (HTTP, a transaction Bundle, `demo`) prepares a [`content::Prepared`] and hands it
//! in as an [`Order`]; preconditions, the riktlinje, versioning, index, outbox and audit follow in one database
//! transaction. Nothing else writes.

pub mod arbetslista;
pub mod bundle;
pub mod content;
pub mod everything;
pub mod fornyelse;
pub mod kontroll;
mod kvar;
pub mod logg;
pub mod loggranskning;
pub mod patch;
pub mod problem;
mod provenance;
mod read;
pub mod reindex;
pub mod situation;
mod underlag;
mod understood;
pub mod validate;
pub mod villkor;
mod write;

use std::sync::Arc;

use jiff::Timestamp;

use crate::access::{Call, Decision, Target, decide};
use crate::clock::Clock;
use crate::definitions::Definitions;
use crate::fhir::json::Limits;
use crate::fhir::search::SearchQuery;
use crate::fhir::types::ResourceType;
use crate::riktlinje::{Finding, Policies};
use crate::store::{Store, Stored};
use bundle::BundleLimits;
use content::Prepared;
use fornyelse::Fornyelse;
pub use patch::Turns;
use problem::Problem;
pub use read::{Look, Looked};
pub use understood::Understood;

/// What a write or read needs to know beside the request itself. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    pub store: Store,
    pub policies: Arc<Policies>,
    /// The service's own definitions, the rules under these policies among them.
    pub definitions: Arc<Definitions>,
    pub clock: Clock,
    pub limits: Limits,
    pub bundles: BundleLimits,
    /// Callers must name the version that they change or delete (`If-Match`).
    pub require_if_match: bool,
    /// Patches of one resource take turns.
    pub turns: Turns,
    /// What the rules' context was understood as lately.
    pub understood: Understood,
    /// The renewal of what is kept for the work lists.
    pub fornyelse: Fornyelse,
    /// Reads and denials are logged before they are answered. Always so in a service; only benchmarks turn it off, to see
    /// what it costs. A write has its record in any case.
    pub access_log: bool,
}

/// One thing to be written.
pub struct Order {
    pub action: Action,
    /// The entry's number when the order came in a Bundle: findings and problems then tell `Bundle.entry[n]`.
    pub entry: Option<usize>,
}

/// What an [`Order`] asks for.
pub enum Action {
    /// POST: a new resource under an id that the server gave.
    Create(Prepared),
    /// PUT: a new version, or a new resource under the caller's id.
    Update {
        prepared: Prepared,
        precondition: Precondition,
    },
    /// DELETE: the end of the resource; its versions stay.
    Delete {
        kind: ResourceType,
        id: String,
        precondition: Precondition,
    },
}

/// What the caller demands of the current version before anything is written (http.html#2.21.0.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    None,
    /// `If-Match: W/"n"`.
    VersionIs(i64),
    /// `If-Match: *`.
    MustExist,
    /// `If-None-Match: *`.
    MustNotExist,
    /// The caller demands nothing, but the service made the write of this version: another one is a race.
    BuiltOn(i64),
    /// The caller demands nothing, but the criteria matched nobody: the caller's own id must be free.
    Free,
}

/// What became of an [`Order`].
#[derive(Clone, Debug)]
pub struct Written {
    pub kind: ResourceType,
    pub id: String,
    pub version: i64,
    pub last_updated: Timestamp,
    pub outcome: Outcome,
    /// The stored R5 JSON text; empty after a delete.
    pub body: String,
    /// What the riktlinje had to say, expressions in the caller's version.
    pub findings: Vec<Finding>,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated,
    /// A conditional create met the one that matches: nothing changed.
    AlreadyThere,
    Deleted,
    /// A delete of what was already deleted: nothing changed.
    AlreadyDeleted,
}

impl Written {
    /// What a conditional create met.
    pub fn already_there(stored: Stored) -> Written {
        Written {
            kind: stored.kind,
            id: stored.id,
            version: stored.version,
            last_updated: stored.last_updated,
            outcome: Outcome::AlreadyThere,
            body: stored.body,
            findings: Vec::new(),
        }
    }
}

impl Precondition {
    /// From what a request says, in its headers or in its entry of a Bundle: `If-Match`, else `If-None-Match: *`.
    pub fn read(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Precondition, Problem> {
        if let Some(if_match) = if_match {
            return match if_match.trim() {
                "*" => Ok(Precondition::MustExist),
                tag => Precondition::version_is(tag).ok_or_else(|| {
                    Problem::bad_request(
                        "If-Match ska vara en ETag från tjänsten, till exempel W/\"3\".",
                        "If-Match must be an ETag of this service, for example W/\"3\".",
                    )
                }),
            };
        }
        match if_none_match.map(str::trim) {
            None => Ok(Precondition::None),
            Some("*") => Ok(Precondition::MustNotExist),
            // "Servers MAY choose to only support the wildcard variant"; to ignore another would write where it must not.
            Some(_) => Err(Problem::bad_request(
                "If-None-Match vid en skrivning ska vara *.",
                "If-None-Match of a write must be *.",
            )),
        }
    }

    /// From an ETag of ours: `W/"3"` or `"3"`.
    pub fn version_is(tag: &str) -> Option<Precondition> {
        version_of_tag(tag).map(Precondition::VersionIs)
    }
}

/// The version that an ETag of ours names: `W/"3"` or `"3"` → 3.
pub fn version_of_tag(tag: &str) -> Option<i64> {
    version_number(
        tag.trim()
            .strip_prefix("W/")
            .unwrap_or(tag.trim())
            .strip_prefix('"')?
            .strip_suffix('"')?,
    )
}

/// A version's number as we write it: no sign, no leading zero.
pub fn version_number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

impl Door {
    /// Refuses a search that touches a type which the caller may not read: what chains and `_has` ask of other resources
    /// tells something about them.
    fn permit_search(&self, call: &Call, query: &SearchQuery) -> Result<(), Problem> {
        query.touches().into_iter().try_for_each(|kind| self.permit(call, kind))
    }

    /// Refuses what the access decision denies.
    fn permit(&self, call: &Call, target: impl Into<Target>) -> Result<(), Problem> {
        match decide(call, target) {
            Decision::Permit => Ok(()),
            Decision::Deny => Err(Problem::Forbidden),
            Decision::Unknown => Err(Problem::Unauthorized),
        }
    }
}
