//! Every problem and every finding as an OperationOutcome that helps the caller and leaks nothing.

use serde_json::{Value, json};

use super::negotiate::Language;
use crate::door::problem::Problem;
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::riktlinje::{self, Finding, Severity};

/// The OperationOutcome of a problem.
pub fn of_problem(problem: &Problem, language: Language, request_id: &str) -> Value {
    match problem {
        Problem::NotFhir(faults) => outcome(faults.iter().map(|fault| of_fault(fault, language)).collect()),
        Problem::Refused(findings) => of_findings(findings, language),
        other => {
            let (code, text, expression) = told(other);
            let mut issue = issue("error", code, &text, language);
            if !expression.is_empty() {
                issue["expression"] = json!([expression]);
            }
            if matches!(other, Problem::Internal { .. }) {
                issue["diagnostics"] = json!(format!("request id {request_id}"));
            }
            outcome(vec![issue])
        }
    }
}

/// The OperationOutcome of what the riktlinje had to say; "all well" when it had nothing.
pub fn of_findings(findings: &[Finding], language: Language) -> Value {
    if findings.is_empty() {
        let text = Text::new(
            "Allt väl: riktlinjen har inget att anmärka.",
            "All OK: the riktlinje has nothing to remark.",
        );
        return outcome(vec![issue("information", IssueCode::Informational, &text, language)]);
    }
    outcome(findings.iter().map(|finding| of_finding(finding, language)).collect())
}

/// One warning.
pub fn warning(text: &Text, language: Language) -> Value {
    outcome(vec![issue("warning", IssueCode::NotSupported, text, language)])
}

fn outcome(issues: Vec<Value>) -> Value {
    json!({ "resourceType": "OperationOutcome", "issue": issues })
}

fn of_fault(fault: &Fault, language: Language) -> Value {
    let mut issue = issue("error", fault.code, &fault.text, language);
    if !fault.expression.is_empty() {
        issue["expression"] = json!([fault.expression]);
    }
    issue
}

/// One finding, as riktlinje.md part 1 has it.
fn of_finding(finding: &Finding, language: Language) -> Value {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Information => "information",
    };
    let mut issue = issue(severity, IssueCode::BusinessRule, &finding.text, language);
    let text = issue["details"]["text"].take();
    let rule = json!({ "system": riktlinje::CODE_SYSTEM, "code": finding.rule.as_str() });
    issue["details"] = json!({ "coding": [rule], "text": text });
    issue["diagnostics"] = json!(finding.source);
    issue["expression"] = json!([finding.expression]);
    issue
}

fn issue(severity: &str, code: IssueCode, text: &Text, language: Language) -> Value {
    let text = match language {
        Language::Swedish => &text.sv,
        Language::English => &text.en,
    };
    json!({ "severity": severity, "code": code.code(), "details": { "text": text } })
}

/// Code, text and expression of the problems that are not lists themselves.
fn told(problem: &Problem) -> (IssueCode, Text, String) {
    let plain = |code, sv: &'static str, en: &'static str| (code, Text::new(sv, en), String::new());
    match problem {
        Problem::BodyTooLarge { limit } => (
            IssueCode::TooLong,
            Text::new(
                format!("Innehållet är större än tillåtna {limit} byte."),
                format!("The body is larger than the permitted {limit} bytes."),
            ),
            String::new(),
        ),
        Problem::BadRequest { text, expression } => (IssueCode::Invalid, text.clone(), expression.clone()),
        Problem::UnknownAddress => plain(
            IssueCode::NotSupported,
            "Adressen eller resurstypen finns inte här; se [base]/metadata.",
            "There is no such address or resource type here; see [base]/metadata.",
        ),
        Problem::NotFound => plain(
            IssueCode::NotFound,
            "Resursen finns inte.",
            "There is no such resource.",
        ),
        Problem::Deleted { version } => (
            IssueCode::Deleted,
            Text::new(
                format!("Resursen är borttagen (version {version}); tidigare versioner finns under _history."),
                format!("The resource is deleted (version {version}); earlier versions are under _history."),
            ),
            String::new(),
        ),
        Problem::MethodNotAllowed { allow } => (
            IssueCode::NotSupported,
            Text::new(
                format!("Metoden stöds inte på den här adressen; tillåtet är {allow}."),
                format!("The method is not supported at this address; allowed is {allow}."),
            ),
            String::new(),
        ),
        Problem::NotAcceptable => plain(
            IssueCode::NotSupported,
            "Svar ges bara som application/fhir+json i adressens FHIR-version.",
            "Answers are given only as application/fhir+json in the FHIR version of the address.",
        ),
        Problem::UnsupportedMediaType { wanted } => (
            IssueCode::NotSupported,
            Text::new(
                format!("Innehållet ska sändas med {wanted}, i adressens FHIR-version."),
                format!("The body must be sent with {wanted}, in the FHIR version of the address."),
            ),
            String::new(),
        ),
        Problem::TooSlow => plain(
            IssueCode::Timeout,
            "Innehållet kom inte i tid.",
            "The body did not arrive in time.",
        ),
        Problem::PreconditionFailed { text, expression } => (IssueCode::Conflict, text.clone(), expression.clone()),
        Problem::Race => plain(
            IssueCode::Conflict,
            "En annan ändring hann före: läs resursen på nytt och försök igen.",
            "Another change came first: read the resource again and retry.",
        ),
        Problem::Forbidden => plain(IssueCode::Forbidden, "Åtkomst nekas.", "Access is denied."),
        Problem::Busy => plain(
            IssueCode::Transient,
            "Tjänsten är upptagen just nu; försök igen om en stund.",
            "The service is busy at the moment; try again shortly.",
        ),
        Problem::NotFhir(_) | Problem::Refused(_) | Problem::Internal { .. } => plain(
            IssueCode::Exception,
            "Ett internt fel inträffade. Uppge begärans id vid felanmälan.",
            "An internal fault occurred. Name the request id when you report it.",
        ),
    }
}
