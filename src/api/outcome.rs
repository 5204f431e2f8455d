//! Every problem and every finding as an OperationOutcome that helps the caller and leaks nothing.

use serde_json::{Value, json};

use super::negotiate::Language;
use crate::door::problem::Problem;
use crate::door::validate::{Note, Told};
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::version::FhirVersion;
use crate::riktlinje::codes::EXT_BERORD_RESURS;
use crate::riktlinje::{self, Finding, Kontroll, Kontrollfynd, Severity};

/// The OperationOutcome of a problem.
pub fn of_problem(problem: &Problem, language: Language, request_id: &str) -> Value {
    match problem {
        Problem::NotFhir(faults) | Problem::NotUnderstood(faults) => {
            outcome(faults.iter().map(|fault| of_fault(fault, language)).collect())
        }
        Problem::Refused(findings) => of_findings(findings, language),
        other => {
            let code = other.situation().row().code.unwrap_or(IssueCode::Processing);
            let mut issue = at(issue("error", code, &other.text(), language), other.expression());
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

/// The OperationOutcome of a validation, errors first; "all OK" when there is nothing to tell.
pub fn of_validation(told: &Told, version: FhirVersion, language: Language) -> Value {
    let faults = told.faults.iter().map(|it| (Severity::Error, of_fault(it, language)));
    let findings = told.findings.iter().map(|it| (it.severity, of_finding(it, language)));
    let notes = told.notes.iter().map(|it| (it.severity, of_note(it, language)));
    let mut issues: Vec<(Severity, Value)> = faults.chain(findings).chain(notes).collect();
    issues.sort_by_key(|(severity, _)| *severity);
    if issues.is_empty() {
        let text = Text::new("Allt väl: inget att anmärka.", "All OK");
        return outcome(vec![all_ok(&text, version, language)]);
    }
    outcome(issues.into_iter().map(|(_, issue)| issue).collect())
}

/// The OperationOutcome of a check of a patient's whole picture.
pub fn of_kontroll(kontroll: &Kontroll, patient: &str, version: FhirVersion, language: Language) -> Value {
    if kontroll.fynd.is_empty() {
        let text = Text::new(
            "Allt väl: riktlinjen har inget att anmärka på patientens helhet.",
            "All OK: the riktlinje has nothing to remark on the patient's whole picture.",
        );
        return outcome(vec![all_ok(&text, version, language)]);
    }
    of_fynd(&kontroll.fynd, patient, language)
}

/// The OperationOutcome of findings about a patient; there is at least one.
pub fn of_fynd(fynd: &[Kontrollfynd], patient: &str, language: Language) -> Value {
    outcome(
        fynd.iter()
            .map(|fynd| of_kontrollfynd(fynd, patient, language))
            .collect(),
    )
}

/// Something worth knowing about the answer itself.
pub fn notice(text: &Text, language: Language) -> Value {
    outcome(vec![issue("information", IssueCode::Informational, text, language)])
}

/// R5 has a severity of its own for what is well.
fn all_ok(text: &Text, version: FhirVersion, language: Language) -> Value {
    match version {
        FhirVersion::R4 => issue("information", IssueCode::Informational, text, language),
        FhirVersion::R5 => issue("success", IssueCode::Success, text, language),
    }
}

fn of_note(note: &Note, language: Language) -> Value {
    let issue = issue(note.severity.code(), note.code, &note.text, language);
    at(issue, &note.expression)
}

/// One warning, that something is not offered.
pub fn warning(text: &Text, language: Language) -> Value {
    warning_of(IssueCode::NotSupported, text, language)
}

/// One warning.
pub fn warning_of(code: IssueCode, text: &Text, language: Language) -> Value {
    outcome(vec![issue("warning", code, text, language)])
}

fn outcome(issues: Vec<Value>) -> Value {
    json!({ "resourceType": "OperationOutcome", "issue": issues })
}

fn of_fault(fault: &Fault, language: Language) -> Value {
    at(issue("error", fault.code, &fault.text, language), &fault.expression)
}

/// The issue with its place, when it has one.
fn at(mut issue: Value, expression: &str) -> Value {
    if !expression.is_empty() {
        issue["expression"] = json!([expression]);
    }
    issue
}

/// One finding, as riktlinje.md part 1 has it.
fn of_finding(finding: &Finding, language: Language) -> Value {
    let Finding {
        rule,
        severity,
        expression,
        text,
        source,
    } = finding;
    let mut issue = issue(severity.code(), IssueCode::BusinessRule, text, language);
    let text = issue["details"]["text"].take();
    let rule = json!({ "system": riktlinje::CODE_SYSTEM, "code": rule.as_str() });
    issue["details"] = json!({ "coding": [rule], "text": text });
    issue["diagnostics"] = json!(source);
    issue["expression"] = json!([expression]);
    issue
}

/// One finding of a check: the extension tells which resource it is about, the patient when it is the whole picture.
fn of_kontrollfynd(fynd: &Kontrollfynd, patient: &str, language: Language) -> Value {
    let about = match &fynd.resurs {
        Some((kind, id)) => format!("{kind}/{id}"),
        None => format!("Patient/{patient}"),
    };
    let mut issue = of_finding(&fynd.finding(), language);
    issue["extension"] = json!([{ "url": EXT_BERORD_RESURS, "valueReference": { "reference": about } }]);
    issue
}

fn issue(severity: &str, code: IssueCode, text: &Text, language: Language) -> Value {
    let text = match language {
        Language::Swedish => &text.sv,
        Language::English => &text.en,
    };
    json!({ "severity": severity, "code": code.code(), "details": { "text": text } })
}
