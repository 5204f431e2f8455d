//! Who may do what. Every read and every write asks [`decide`] before anything is disclosed or stored, and then of each
//! record [`beslut`] or, of all rows at once, [`sikt`]. All of it is pure; docs/atkomst.md tells it in words, with the law.
//!
//! [`caller`] says who calls, [`interaction`] what is done, [`scope`] what a token lets its bearer ask for;
//! [`authenticator`] finds out who calls, from a token ([`token`]) or a certificate ([`certificate`], over [`tls`]). [`tabell`] says what
//! each interaction needs, [`medgivande`] what the scopes grant, [`harledning`] what a resource says that decisions lean on,
//! [`klipp`] what is cut out of a record before it is shown.
//! [`disclosed`] is what the answer tells of.

use std::borrow::Cow;
use std::sync::Arc;

pub mod authenticator;
pub mod beslut;
pub mod caller;
pub mod certificate;
pub mod disclosed;
pub mod harledning;
pub mod interaction;
pub mod klipp;
pub mod medgivande;
pub mod scope;
pub mod settings;
pub mod sikt;
pub mod tabell;
pub mod tls;
pub mod token;

pub use caller::{Caller, Identity, Medarbetare, Patientanvandare, Systemanvandare, Who};
pub use disclosed::{Asked, Disclosed, Disclosure};
pub use interaction::Interaction;
pub use scope::Right;

use crate::fhir::types::{DefinitionType, ResourceType};

/// One request as the door sees it: who, for what purpose, under which request id.
#[derive(Clone, Debug)]
pub struct Call {
    pub caller: Caller,
    pub interaction: Interaction,
    /// Purpose of use (v3 PurposeOfUse); `TREAT` unless the token says otherwise.
    pub purpose: Cow<'static, str>,
    pub nodoppning: Option<Arc<Nodoppning>>,
    /// The id that answers, logs and audit share.
    pub request_id: String,
    /// What the answer tells of; the access log's record is made of it. Shared by all that one request does.
    pub disclosed: Disclosed,
}

/// A nödöppning (SVOD 2022:913 3:7): of one patient's record, when her life or health is in danger and she cannot consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nodoppning {
    /// The id of the Patient.
    pub patient: String,
    /// Why, in the caller's own words.
    pub skal: String,
}

/// The answer of the access decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Permit,
    /// The caller is known and may not.
    Deny,
    /// It is not known who calls.
    Unknown,
}

/// What a call touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Resources of a stored type.
    Resource(ResourceType),
    /// The service's own definitions, which tell of no patient.
    Definition(DefinitionType),
    /// The access log (AuditEvent), for those who review it.
    Logg,
}

impl From<ResourceType> for Target {
    fn from(kind: ResourceType) -> Target {
        Target::Resource(kind)
    }
}

impl From<DefinitionType> for Target {
    fn from(kind: DefinitionType) -> Target {
        Target::Definition(kind)
    }
}

/// The one access decision before any record is looked at: may this call make use of this right on resources of this type?
/// Which of them is decided record by record.
pub fn decide(call: &Call, right: Right, target: impl Into<Target>) -> Decision {
    let (identity, target) = match (&call.caller, target.into()) {
        (Caller::Open | Caller::Service, _) => return Decision::Permit,
        // They tell of nobody, and are only read.
        (_, Target::Definition(_)) => return Decision::Permit,
        (Caller::Anonymous, _) => return Decision::Unknown,
        (Caller::Known(identity), target) => (identity, target),
    };
    let granted = match target {
        Target::Resource(kind) => !medgivande::medgivanden(identity, right, kind).is_empty(),
        Target::Logg => medgivande::far_granska(identity, right),
        Target::Definition(_) => true,
    };
    let allowed = granted
        && tabell::krav(call.interaction)
            .is_some_and(|krav| krav.allows(&identity.who) && krav.rights.contains(&right));
    if allowed { Decision::Permit } else { Decision::Deny }
}
