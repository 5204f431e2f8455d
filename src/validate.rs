//! `fastkontakt validate`: the structure and riktlinje check without a server, by the code that guards every write.
//!
//! All files of one call are each other's context; Bundles are taken apart. Exit code 0: no error; 1: an error finding,
//! or not FHIR; 2: a file could not be read.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use fastkontakt_model::Fact;
use jiff::civil::Date;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Clock;
use crate::door::content::{self, Content, Prepared};
use crate::door::problem::{Problem, in_resource};
use crate::fhir::json::Limits;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::riktlinje::{Files, Policies, Severity, Skrivning, bedom_enligt};

/// What is to be checked, and how.
pub struct Task {
    /// Judge by this policy instead of the one that GEN-04 chooses.
    pub policy: Option<String>,
    pub version: FhirVersion,
    /// The day that counts as today.
    pub date: Option<Date>,
    /// Policy files that add to or override the shipped ones.
    pub policies: Option<PathBuf>,
    pub files: Vec<PathBuf>,
}

/// One resource of the files, and where it stands.
struct Found {
    file: PathBuf,
    /// `Bundle.entry[n]` when it came in a Bundle.
    entry: Option<String>,
    prepared: Prepared,
}

/// Checks and prints one line per fault or finding.
pub fn run(task: &Task) -> ExitCode {
    let policies = match &task.policies {
        Some(directory) => match Policies::load(directory) {
            Ok(policies) => policies,
            Err(error) => return unreadable(&error.to_string()),
        },
        None => Policies::shipped(),
    };
    if let Some(name) = &task.policy
        && policies.by_name(name).is_none()
    {
        return unreadable(&format!(
            "there is no policy {name}; there are {}",
            policies.names().join(", ")
        ));
    }
    let mut texts = Vec::with_capacity(task.files.len());
    for file in &task.files {
        match std::fs::read(file) {
            Ok(bytes) => texts.push((file.as_path(), bytes)),
            Err(error) => return unreadable(&format!("{}: {error}", file.display())),
        }
    }
    let mut errors = 0;
    let mut found = Vec::new();
    for (file, bytes) in texts {
        match resources(task.version, file, &bytes) {
            Ok(resources) => found.extend(resources),
            Err(problem) => errors += tell_problem(file, &problem),
        }
    }
    errors += judge(task, &policies, &found);
    if errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

fn unreadable(reason: &str) -> ExitCode {
    eprintln!("fastkontakt: {reason}");
    ExitCode::from(2)
}

/// The resources of one file: itself, or the entries of a Bundle. What lies outside the closed set is told and skipped.
fn resources(version: FhirVersion, file: &Path, bytes: &[u8]) -> Result<Vec<Found>, Problem> {
    let limits = Limits {
        bytes: bytes.len(),
        ..Limits::default()
    };
    let value = crate::fhir::json::read(bytes, &limits).map_err(|fault| Problem::NotFhir(vec![fault]))?;
    if content::type_of(&value) != Some("Bundle") {
        return Ok(resource(version, file, None, value)?.into_iter().collect());
    }
    content::check(version, "Bundle", &value)?;
    let entries = value
        .get("entry")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut found = Vec::with_capacity(entries.len());
    for (index, mut entry) in entries.into_iter().enumerate() {
        if let Some(inner) = entry.get_mut("resource").map(Value::take) {
            let place = format!("Bundle.entry[{index}]");
            found.extend(resource(version, file, Some(place), inner).map_err(|problem| problem.in_entry(index))?);
        }
    }
    Ok(found)
}

fn resource(version: FhirVersion, file: &Path, entry: Option<String>, value: Value) -> Result<Option<Found>, Problem> {
    let Some(kind) = content::type_of(&value).and_then(ResourceType::from_name) else {
        println!(
            "{}: {}: outside the closed set of types, not checked",
            file.display(),
            entry.unwrap_or_default()
        );
        return Ok(None);
    };
    content::check(version, kind.name(), &value)?;
    let content = Content::new(version, kind, value, &[]);
    // Without an id a resource still needs one of its own, or two such contacts would be taken for one.
    let id = content.id().map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    Ok(Some(Found {
        file: file.to_owned(),
        entry,
        prepared: content.prepare(&id)?,
    }))
}

/// Prints the faults of a file; returns how many.
fn tell_problem(file: &Path, problem: &Problem) -> usize {
    match problem {
        Problem::NotFhir(faults) | Problem::NotUnderstood(faults) => {
            for fault in faults {
                println!(
                    "{}: error {} {}: {}",
                    file.display(),
                    fault.code.code(),
                    fault.expression,
                    fault.text.sv
                );
            }
            faults.len()
        }
        other => {
            println!("{}: error: {other:?}", file.display());
            1
        }
    }
}

/// Judges every resource with all others as its context; returns the number of errors.
fn judge(task: &Task, policies: &Policies, found: &[Found]) -> usize {
    let facts: Vec<Arc<Fact>> = found.iter().map(|found| found.prepared.fact.clone()).collect();
    let mut files = Files::new(facts);
    let today = task.date.unwrap_or_else(|| Clock::System.today());
    let mut errors = 0;
    for Found { file, entry, prepared } in found {
        let skrivning = Skrivning {
            written: &prepared.fact,
            stored: None,
            bara_avslut: false,
        };
        let Ok(judgement) = bedom_enligt(&skrivning, &mut files, policies, task.policy.as_deref(), today);
        for finding in judgement.findings {
            let path = prepared.paths.to_source(&finding.expression);
            let path = entry
                .as_deref()
                .map_or_else(|| path.clone(), |entry| in_resource(entry, &path));
            let (severity, rule) = (finding.severity.code(), finding.rule.as_str());
            println!(
                "{}: {severity} {rule} {path}: {} ({})",
                file.display(),
                finding.text.sv,
                finding.source
            );
            errors += usize::from(finding.severity == Severity::Error);
        }
    }
    errors
}
