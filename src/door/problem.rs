//! Why a request was not carried out: the closed set of problems. `api/outcome.rs` makes an OperationOutcome of each.

use super::situation::Situation;
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::riktlinje::Finding;
use crate::store::{Failure, StoreError};

/// Everything that can keep a request from being carried out. What it is answered with stands in [`Situation`].
#[derive(Debug)]
pub enum Problem {
    /// The content is not FHIR, or not the FHIR that was asked for.
    NotFhir(Vec<Fault>),
    /// The content is FHIR, but holds what may turn its meaning round and is not known here.
    NotUnderstood(Vec<Fault>),
    /// The body is larger than the configured limit, in bytes.
    BodyTooLarge { limit: usize },
    /// The riktlinje refuses the write; every finding is told. Expressions are in the caller's version.
    Refused(Vec<Finding>),
    /// The request's own words (URL, headers, parameters) are wrong.
    BadRequest { text: Text, expression: String },
    /// No such resource type in the closed set, or no such address.
    UnknownAddress,
    /// No resource with that id (or version) was ever stored.
    NotFound,
    /// The resource is deleted; its last version's number.
    Deleted { version: i64 },
    /// The interaction is not offered at this address.
    MethodNotAllowed { allow: &'static str },
    /// `Accept` or `_format` asks for what we do not write.
    NotAcceptable,
    /// `Content-Type` or `Content-Encoding` names what we do not read; the header that is wanted.
    UnsupportedMediaType { wanted: &'static str },
    /// The body did not arrive in time.
    TooSlow,
    /// `If-Match` names another version than the current one, or `If-None-Match: *` met an existing resource.
    PreconditionFailed { text: Text, expression: String },
    /// The criteria of a conditional interaction match more than one resource.
    NotSelective { expression: String },
    /// Another write came between, and the caller named no version.
    Race,
    /// The caller's own id belongs to a resource that the criteria do not match.
    IdTaken { expression: String },
    /// Others lie within the Organization, and would come to lie with another vårdgivare or with none.
    OthersWithin,
    /// The configuration demands that the caller names the version that is changed.
    IfMatchRequired { expression: String },
    /// A patch does not fit the resource: what it points at is not there, or a test fails.
    PatchFailed { text: Text, expression: String },
    /// It is not known who calls: no token, or one that cannot be accepted.
    Unauthorized,
    /// The caller may not do this.
    Forbidden,
    /// The access log cannot be written, so nothing may be disclosed; try again.
    NotLogged,
    /// The search took longer than one may.
    TooCostly,
    /// The caller asks more often than one may; in how many seconds to try again.
    TooMany { seconds: u64 },
    /// The database is busy or out of reach; try again.
    Busy,
    /// The database gave up the transaction for another one, again and again; try again.
    Deadlock,
    /// The same about one entry of a Bundle, when the problem has no expression of its own.
    InEntry { expression: String, problem: Box<Problem> },
    /// A fault of ours. The reason goes to the log, never to the caller.
    Internal { reason: String },
}

impl Problem {
    /// A fault in the request's own words, told in both languages.
    pub fn bad_request(sv: impl Into<String>, en: impl Into<String>) -> Problem {
        Problem::BadRequest {
            text: Text::new(sv.into(), en.into()),
            expression: String::new(),
        }
    }

    /// One single structural fault.
    pub fn fault(code: IssueCode, expression: impl Into<String>, text: Text) -> Problem {
        Problem::NotFhir(vec![Fault {
            code,
            expression: expression.into(),
            text,
        }])
    }

    /// The problem, without the entry of a Bundle that it is told about.
    pub fn itself(&self) -> &Problem {
        match self {
            Problem::InEntry { problem, .. } => problem.itself(),
            problem => problem,
        }
    }

    /// The problem's row of the status table.
    pub fn situation(&self) -> Situation {
        match self {
            Problem::NotFhir(_) => Situation::NotFhir,
            Problem::NotUnderstood(_) => Situation::NotUnderstood,
            Problem::BodyTooLarge { .. } => Situation::BodyTooLarge,
            Problem::Refused(_) => Situation::Refused,
            Problem::BadRequest { .. } => Situation::BadRequest,
            Problem::UnknownAddress => Situation::UnknownAddress,
            Problem::NotFound => Situation::NotFound,
            Problem::Deleted { .. } => Situation::Deleted,
            Problem::MethodNotAllowed { .. } => Situation::MethodNotAllowed,
            Problem::NotAcceptable => Situation::NotAcceptable,
            Problem::UnsupportedMediaType { .. } => Situation::UnsupportedMediaType,
            Problem::TooSlow => Situation::TooSlow,
            Problem::PreconditionFailed { .. } => Situation::PreconditionFailed,
            Problem::NotSelective { .. } => Situation::NotSelective,
            Problem::Race => Situation::Race,
            Problem::IdTaken { .. } => Situation::IdTaken,
            Problem::OthersWithin => Situation::OthersWithin,
            Problem::IfMatchRequired { .. } => Situation::IfMatchRequired,
            Problem::PatchFailed { .. } => Situation::PatchFailed,
            Problem::Unauthorized => Situation::Unauthorized,
            Problem::Forbidden => Situation::Forbidden,
            Problem::NotLogged => Situation::NotLogged,
            Problem::TooCostly => Situation::TooCostly,
            Problem::TooMany { .. } => Situation::TooMany,
            Problem::Busy | Problem::Deadlock => Situation::Busy,
            Problem::InEntry { problem, .. } => problem.situation(),
            Problem::Internal { .. } => Situation::Internal,
        }
    }

    /// The HTTP status of the problem.
    pub fn status(&self) -> u16 {
        self.situation().row().status
    }

    /// What the caller is told of it. Problems that are lists are told item by item instead.
    pub fn text(&self) -> Text {
        let row = self.situation().row();
        match self {
            Problem::BadRequest { text, .. }
            | Problem::PreconditionFailed { text, .. }
            | Problem::PatchFailed { text, .. } => text.clone(),
            Problem::InEntry { problem, .. } => problem.text(),
            Problem::BodyTooLarge { limit } => row.text(&limit.to_string()),
            Problem::TooMany { seconds } => row.text(&seconds.to_string()),
            Problem::Deleted { version } => row.text(&version.to_string()),
            Problem::MethodNotAllowed { allow: value } | Problem::UnsupportedMediaType { wanted: value } => {
                row.text(value)
            }
            _ => row.text(""),
        }
    }

    /// Where in the request the problem is; empty: no single place.
    pub fn expression(&self) -> &str {
        match self {
            Problem::BadRequest { expression, .. }
            | Problem::PreconditionFailed { expression, .. }
            | Problem::NotSelective { expression }
            | Problem::IdTaken { expression }
            | Problem::IfMatchRequired { expression }
            | Problem::PatchFailed { expression, .. }
            | Problem::InEntry { expression, .. } => expression,
            _ => "",
        }
    }

    /// The same problem told about entry `index` of a Bundle: every expression starts with `Bundle.entry[n]`.
    pub fn in_entry(self, index: usize) -> Problem {
        let entry = format!("Bundle.entry[{index}]");
        match self {
            Problem::NotFhir(faults) => Problem::NotFhir(faults_in(&entry, faults)),
            Problem::NotUnderstood(faults) => Problem::NotUnderstood(faults_in(&entry, faults)),
            Problem::Refused(findings) => Problem::Refused(
                findings
                    .into_iter()
                    .map(|finding| Finding {
                        expression: in_resource(&entry, &finding.expression),
                        ..finding
                    })
                    .collect(),
            ),
            Problem::BadRequest { text, .. } => Problem::BadRequest {
                text,
                expression: entry,
            },
            Problem::PreconditionFailed { text, .. } => Problem::PreconditionFailed {
                text,
                expression: entry,
            },
            Problem::NotSelective { .. } => Problem::NotSelective { expression: entry },
            Problem::IdTaken { .. } => Problem::IdTaken { expression: entry },
            Problem::IfMatchRequired { .. } => Problem::IfMatchRequired { expression: entry },
            Problem::PatchFailed { text, expression } => Problem::PatchFailed {
                text,
                expression: in_resource(&entry, &expression),
            },
            problem @ (Problem::UnknownAddress
            | Problem::NotFound
            | Problem::Deleted { .. }
            | Problem::MethodNotAllowed { .. }
            | Problem::NotAcceptable
            | Problem::UnsupportedMediaType { .. }
            | Problem::Unauthorized
            | Problem::Forbidden
            | Problem::OthersWithin
            | Problem::TooCostly) => Problem::InEntry {
                expression: entry,
                problem: Box::new(problem),
            },
            // About the service, not about the entry; a race is looked at by whoever tries again.
            other => other,
        }
    }
}

fn faults_in(entry: &str, faults: Vec<Fault>) -> Vec<Fault> {
    let placed = |fault: Fault| Fault {
        expression: in_resource(entry, &fault.expression),
        ..fault
    };
    faults.into_iter().map(placed).collect()
}

/// `CareTeam.participant[0]` inside an entry is `Bundle.entry[n].resource.participant[0]`.
pub fn in_resource(entry: &str, expression: &str) -> String {
    if expression.is_empty() {
        return entry.to_owned();
    }
    match expression.split_once('.') {
        Some((_, rest)) => format!("{entry}.resource.{rest}"),
        None => format!("{entry}.resource"),
    }
}

impl Failure for Problem {
    fn is_deadlock(&self) -> bool {
        matches!(self, Problem::Deadlock)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => {
                tracing::warn!(reason, "the database is not available");
                Problem::Busy
            }
            StoreError::QueueFull => Problem::Busy,
            StoreError::Deadlock => Problem::Deadlock,
            StoreError::TooCostly => Problem::TooCostly,
            StoreError::Conflict => Problem::Race,
            other => Problem::Internal {
                reason: other.to_string(),
            },
        }
    }
}
