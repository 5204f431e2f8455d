//! Who may do what. Every read and every write asks [`decide`] before anything is disclosed or stored.
//!
//! [`caller`] says who calls, [`interaction`] what is done, [`scope`] what a token lets its bearer ask for;
//! [`authenticator`] finds out who calls, from a token ([`token`]) or a certificate ([`certificate`]);
//! [`disclosed`] is what the answer tells of.

use std::borrow::Cow;
use std::sync::Arc;

pub mod authenticator;
pub mod caller;
pub mod certificate;
pub mod disclosed;
pub mod interaction;
pub mod scope;
pub mod settings;
pub mod token;

pub use caller::{Caller, Identity, Medarbetare, Patientanvandare, Systemanvandare, Who};
pub use disclosed::{Disclosed, Disclosure};
pub use interaction::Interaction;

use crate::fhir::types::{DefinitionType, ResourceType};

/// One request as the door sees it: who, for what purpose, under which request id.
#[derive(Clone, Debug)]
pub struct Call {
    pub caller: Caller,
    pub interaction: Interaction,
    /// Purpose of use (v3 PurposeOfUse); `TREAT` unless the token says otherwise.
    pub purpose: Cow<'static, str>,
    /// Nödöppning (SVOD 2022:913 3:7): why the caller must see what otherwise needs a consent, in the caller's own words.
    pub nodoppning: Option<Arc<str>>,
    /// The id that answers, logs and audit share.
    pub request_id: String,
    /// What the answer tells of; the access log's record is made of it. Shared by all that one request does.
    pub disclosed: Disclosed,
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

/// The one access decision: may this call touch resources of this type?
pub fn decide(call: &Call, target: impl Into<Target>) -> Decision {
    match (&call.caller, target.into()) {
        (Caller::Open | Caller::Service, _) => Decision::Permit,
        (Caller::Anonymous, _) => Decision::Unknown,
        // What a token's bearer may see and do is decided here; until it is, nothing.
        (Caller::Known(_), _) => Decision::Deny,
    }
}
