//! What is wrong with a resource as FHIR: one fault becomes one `OperationOutcome.issue`.

use std::borrow::Cow;

/// Text for the caller in the two languages we speak: Swedish by default, English by `Accept-Language`.
/// Never holds personal data, values from the body included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub sv: Cow<'static, str>,
    pub en: Cow<'static, str>,
}

impl Text {
    pub fn new(sv: impl Into<Cow<'static, str>>, en: impl Into<Cow<'static, str>>) -> Self {
        Text {
            sv: sv.into(),
            en: en.into(),
        }
    }
}

/// The codes of `OperationOutcome.issue.code` (value set issue-type) that we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssueCode {
    Invalid,
    Structure,
    Required,
    Value,
    Invariant,
    CodeInvalid,
    Extension,
    NotSupported,
    Duplicate,
    NotFound,
    Deleted,
    TooLong,
    TooCostly,
    MultipleMatches,
    BusinessRule,
    Conflict,
    Transient,
    Timeout,
    Throttled,
    Login,
    Forbidden,
    Security,
    Processing,
    Exception,
    Informational,
    /// R5 only.
    Success,
}

impl IssueCode {
    /// The code as it stands in `OperationOutcome.issue.code`.
    pub fn code(self) -> &'static str {
        match self {
            IssueCode::Invalid => "invalid",
            IssueCode::Structure => "structure",
            IssueCode::Required => "required",
            IssueCode::Value => "value",
            IssueCode::Invariant => "invariant",
            IssueCode::CodeInvalid => "code-invalid",
            IssueCode::Extension => "extension",
            IssueCode::NotSupported => "not-supported",
            IssueCode::Duplicate => "duplicate",
            IssueCode::NotFound => "not-found",
            IssueCode::Deleted => "deleted",
            IssueCode::TooLong => "too-long",
            IssueCode::TooCostly => "too-costly",
            IssueCode::MultipleMatches => "multiple-matches",
            IssueCode::BusinessRule => "business-rule",
            IssueCode::Conflict => "conflict",
            IssueCode::Transient => "transient",
            IssueCode::Timeout => "timeout",
            IssueCode::Throttled => "throttled",
            IssueCode::Login => "login",
            IssueCode::Forbidden => "forbidden",
            IssueCode::Security => "security",
            IssueCode::Processing => "processing",
            IssueCode::Exception => "exception",
            IssueCode::Informational => "informational",
            IssueCode::Success => "success",
        }
    }
}

/// One fault of structure, found before anything is stored (status 400; 413 for [`IssueCode::TooLong`] on the whole body).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: IssueCode,
    /// FHIRPath of the offending element in the version that was read, e.g. `CareTeam.participant[0].role`.
    /// Empty when the body as a whole is meant.
    pub expression: String,
    pub text: Text,
}
