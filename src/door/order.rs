//! What the door is asked to write, and what became of it.

use jiff::Timestamp;

use super::Precondition;
use super::content::Prepared;
use super::problem::Problem;
use crate::access::Interaction;
use crate::fhir::types::ResourceType;
use crate::riktlinje::Finding;
use crate::store::Stored;

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
    /// PATCH: a new version, made of the one that is there.
    Patch {
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

impl Order {
    pub(super) fn kind(&self) -> ResourceType {
        match &self.action {
            Action::Create(prepared) | Action::Update { prepared, .. } | Action::Patch { prepared, .. } => {
                prepared.kind
            }
            Action::Delete { kind, .. } => *kind,
        }
    }

    /// What is to stand there; nothing after a delete.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        match &self.action {
            Action::Create(prepared) | Action::Update { prepared, .. } | Action::Patch { prepared, .. } => {
                Some(prepared)
            }
            Action::Delete { .. } => None,
        }
    }

    pub(super) fn id(&self) -> &str {
        match &self.action {
            Action::Create(prepared) | Action::Update { prepared, .. } | Action::Patch { prepared, .. } => &prepared.id,
            Action::Delete { id, .. } => id,
        }
    }

    /// How the version comes about, for its history.
    pub(super) fn interaction(&self) -> Interaction {
        match &self.action {
            Action::Create(_) => Interaction::Create,
            Action::Update { .. } => Interaction::Update,
            Action::Patch { .. } => Interaction::Patch,
            Action::Delete { .. } => Interaction::Delete,
        }
    }

    pub(super) fn is_create(&self) -> bool {
        matches!(self.action, Action::Create(_))
    }

    /// The patient whose compartment is written.
    pub(super) fn patient(&self) -> Option<String> {
        self.prepared()?.body.patient.clone()
    }

    /// The expression or problem as the caller sees it: within the entry, when there is one.
    pub(super) fn place(&self, problem: Problem) -> Problem {
        match self.entry {
            Some(index) => problem.in_entry(index),
            None => problem,
        }
    }
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

    /// What a delete of what was already deleted met.
    pub(super) fn already_deleted(stored: &Stored) -> Written {
        Written {
            kind: stored.kind,
            id: stored.id.clone(),
            version: stored.version,
            last_updated: stored.last_updated,
            outcome: Outcome::AlreadyDeleted,
            body: String::new(),
            findings: Vec::new(),
        }
    }
}
