//! Who may do what. Every read and every write asks [`decide`] before anything is disclosed or stored.
//!
//! Today there is one caller, the open one (loopback only, design: "Open without a token only on loopback"); tokens,
//! consent and spärr grow inside this function, not beside it.

use crate::fhir::types::{DefinitionType, ResourceType};

/// What is being done, as FHIR names it (restful-interaction), or which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interaction {
    Create,
    Read,
    Vread,
    Update,
    Patch,
    Delete,
    HistoryInstance,
    HistoryType,
    HistorySystem,
    Search,
    /// Over all types, at `[base]`.
    SearchSystem,
    SearchCompartment,
    Transaction,
    /// A Bundle whose entries are interactions of their own.
    Batch,
    Capabilities,
    /// The operation `$validate`.
    Validate,
    /// The operation `$riktlinjekontroll` on a patient.
    Patientkontroll,
    /// The operation `$riktlinjekontroll` on an organization: its work list.
    Arbetslista,
}

impl Interaction {
    /// The code of the value set restful-interaction, for an operation its own name; also the label in metrics, logs and
    /// the audit.
    pub fn code(self) -> &'static str {
        match self {
            Interaction::Create => "create",
            Interaction::Read => "read",
            Interaction::Vread => "vread",
            Interaction::Update => "update",
            Interaction::Patch => "patch",
            Interaction::Delete => "delete",
            Interaction::HistoryInstance => "history-instance",
            Interaction::HistoryType => "history-type",
            Interaction::HistorySystem => "history-system",
            Interaction::Search => "search-type",
            Interaction::SearchSystem => "search-system",
            Interaction::SearchCompartment => "search-compartment",
            Interaction::Transaction => "transaction",
            Interaction::Batch => "batch",
            Interaction::Capabilities => "capabilities",
            Interaction::Validate => "$validate",
            Interaction::Patientkontroll => "Patient/$riktlinjekontroll",
            Interaction::Arbetslista => "Organization/$riktlinjekontroll",
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Open mode: everyone who reaches the loopback address.
    Open,
    /// The service itself, e.g. when `demo` loads its people.
    Service,
}

impl Caller {
    /// What stands in the audit as the one who acted.
    pub fn name(&self) -> &'static str {
        match self {
            Caller::Open => "open",
            Caller::Service => "service",
        }
    }
}

/// One request as the door sees it: who, for what purpose, under which request id.
#[derive(Clone, Debug)]
pub struct Call {
    pub caller: Caller,
    pub interaction: Interaction,
    /// Purpose of use (v3 PurposeOfUse); `TREAT` until tokens say otherwise.
    pub purpose: &'static str,
    /// The id that answers, logs and audit share.
    pub request_id: String,
}

/// The answer of the access decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Permit,
    Deny,
}

/// What a call touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Resources of a stored type.
    Resource(ResourceType),
    /// The service's own definitions, which tell of no patient.
    Definition(DefinitionType),
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
    }
}
