//! `$validate` and the write that follows say the same: vectors of every rule, first validated, then written, in both
//! versions. A second way that drifts from the door would show here.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use fastkontakt::clock::Clock;
use fastkontakt::fhir::convert::{r4_to_r5, r5_to_r4};
use fastkontakt::fhir::search;
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::store::{NewVersion, StoreError};
use serde_json::{Value, json};

use crate::common::{Answer, TestApp, spawn_at};

/// Of each rule so many vectors, spread over those it has.
const PER_RULE: usize = 2;
const THREADS: usize = 4;

#[test]
fn a_validation_finds_what_the_write_finds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/riktlinje");
    let shared = json_at(&root.join("gemensamt.json"));
    let chosen = chosen(&root);
    // Each vector has a service of its own, so several go at a time.
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut compared, mut refused) = (0, 0);
        while let Some((number, path)) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let vector = json_at(path);
            // Earlier versions of the context belong to a transaction, and a validation is of one resource; who may read
            // what is not decided here.
            let other = ["before", "hidden"].iter().any(|name| vector[name].is_array());
            if other || !vector["write"].is_object() {
                continue;
            }
            let way = if number % 2 == 1 || is_r4(&vector) { "r4" } else { "r5" };
            let app = with_context(&vector, &shared);
            let (validated, written) = both_ways(&app, &vector, way);
            assert_eq!(validated, written, "{} {way}", path.display());
            compared += 1;
            refused += usize::from(written.iter().any(|finding| finding["severity"] == "error"));
        }
        (compared, refused)
    };
    let counts: Vec<(usize, usize)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let compared: usize = counts.iter().map(|(compared, _)| compared).sum();
    let refused: usize = counts.iter().map(|(_, refused)| refused).sum();
    assert!(
        compared > 40 && refused > 15,
        "only {compared} compared, {refused} of them refused"
    );
}

/// The vectors that are compared, each with its number among those of its rule.
fn chosen(root: &Path) -> Vec<(usize, PathBuf)> {
    let directories = entries(root).into_iter().filter(|path| path.is_dir());
    directories
        .flat_map(|directory| {
            let mut vectors = entries(&directory);
            vectors.retain(|path| path.extension().is_some_and(|it| it == "json"));
            let step = vectors.len().div_ceil(PER_RULE).max(1);
            vectors.into_iter().enumerate().step_by(step)
        })
        .collect()
}

/// The findings of the validation and of the write: a create, or an update when there is a stored version or an id.
fn both_ways(app: &TestApp, vector: &Value, way: &str) -> (Vec<Value>, Vec<Value>) {
    let written = match way {
        "r4" if !is_r4(vector) => r5_to_r4(&vector["write"]).resource,
        _ => vector["write"].clone(),
    };
    let kind = written["resourceType"].as_str().unwrap();
    let outcome = [("Prefer", "return=OperationOutcome")];
    match written["id"].as_str() {
        Some(id) => {
            let path = format!("/fhir/{way}/{kind}/{id}");
            let validated = app.post(&format!("{path}/$validate?mode=update"), &written).expect(200);
            (findings(&validated), findings(&app.put_with(&path, &outcome, &written)))
        }
        None => {
            let path = format!("/fhir/{way}/{kind}");
            let validated = app.post(&format!("{path}/$validate?mode=create"), &written).expect(200);
            (
                findings(&validated),
                findings(&app.post_with(&path, &outcome, &written)),
            )
        }
    }
}

/// The issues that a rule found, whole.
fn findings(answer: &Answer) -> Vec<Value> {
    assert!(
        matches!(answer.status, 200 | 201 | 422),
        "{} {}",
        answer.status,
        answer.text
    );
    let outcome = answer.json();
    let issues = outcome["issue"].as_array().unwrap();
    let own = issues.iter().filter(|issue| issue["code"] == "business-rule");
    own.cloned().collect()
}

/// The service at the vector's day with its context, as it was before there were rules: not all of it would be let in.
fn with_context(vector: &Value, shared: &Value) -> TestApp {
    let today = vector["today"].as_str().unwrap().parse().unwrap();
    let app = spawn_at(Clock::at(today), |settings| settings.workers = Some(1));
    let in_r5 = |entry: &Value| match entry.as_str() {
        Some(name) => shared[name].clone(),
        None if entry["r4"].is_object() => r4_to_r5(&entry["r4"]).resource,
        None if is_r4(vector) => r4_to_r5(entry).resource,
        None => entry.clone(),
    };
    let context = vector["context"].as_array().unwrap().iter();
    let mut resources: Vec<Value> = context.chain(vector.get("stored")).map(in_r5).collect();
    // Where a vector has its own form of a shared resource, the first stands.
    let mut seen = HashSet::new();
    resources.retain(|resource| seen.insert((resource["resourceType"].to_string(), resource["id"].to_string())));
    app.door
        .store
        .write_blocking(move |session| {
            for resource in &resources {
                let kind = ResourceType::from_name(resource["resourceType"].as_str().unwrap()).unwrap();
                session.put(&NewVersion {
                    kind,
                    id: resource["id"].as_str().unwrap(),
                    version: 1,
                    last_updated: jiff::Timestamp::UNIX_EPOCH,
                    deleted: false,
                    patient: search::patient_of(kind, resource).as_deref(),
                    body: &resource.to_string(),
                    index: &search::index(kind, resource),
                    caller: "test",
                    request_id: "test",
                    interaction: "update",
                })?;
            }
            Ok::<(), StoreError>(())
        })
        .unwrap_or_else(|error| panic!("{error}: {}", json!(vector["name"])));
    app
}

/// Whether all that stands in the vector itself is R4.
fn is_r4(vector: &Value) -> bool {
    vector["version"] == "r4"
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

fn json_at(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
