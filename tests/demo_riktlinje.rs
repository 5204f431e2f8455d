//! Every write of the demo is accepted by the riktlinje of its own region, and the README's walk gets the answers it
//! promises. Judged on facts, without a store; the door's own tests load the demo into databases.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use fastkontakt::demo::people;
use fastkontakt::fhir::convert::r4_to_r5;
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt::riktlinje::{Files, Judgement, Policies, Severity, Skrivning, bedom};
use fastkontakt_model::{Fact, understand};
use jiff::civil::{Date, date};
use serde_json::Value;

const TODAY: Date = date(2026, 11, 22);

/// Understands a resource; what was written in R4 is converted first.
fn fact(version: FhirVersion, resource: &Value) -> Arc<Fact> {
    let resource = match version {
        FhirVersion::R4 => r4_to_r5(resource).resource,
        FhirVersion::R5 => resource.clone(),
    };
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let fact = understand(kind, &resource.to_string());
    Arc::new(fact.unwrap_or_else(|error| panic!("{}/{}: {error}", kind, resource["id"])))
}

/// All facts of the demo, POST entries under the ids a server would give them.
fn demo() -> &'static [Arc<Fact>] {
    static FACTS: LazyLock<Vec<Arc<Fact>>> = LazyLock::new(|| {
        let demo = people(1, TODAY);
        let entries = demo.bundles.iter().flat_map(|bundle| {
            let entries = bundle.bundle["entry"].as_array().into_iter().flatten();
            entries.map(|entry| (bundle.version, entry.clone()))
        });
        let mut entries: Vec<(FhirVersion, Value)> = entries.collect();
        let mut given: HashMap<String, String> = HashMap::new();
        for (_, entry) in &mut entries {
            if let Some(urn) = entry["fullUrl"].as_str().map(str::to_owned) {
                let id = urn.trim_start_matches("urn:uuid:").to_owned();
                let address = format!(
                    "{}/{id}",
                    entry["resource"]["resourceType"].as_str().unwrap_or_default()
                );
                entry["resource"]["id"] = id.into();
                given.insert(urn, address);
            }
        }
        for (_, entry) in &mut entries {
            resolve(&mut entry["resource"], &given);
        }
        entries
            .iter()
            .map(|(version, entry)| fact(*version, &entry["resource"]))
            .collect()
    });
    &FACTS
}

fn resolve(value: &mut Value, given: &HashMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(address) = given.get(text) {
                text.clone_from(address);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, given)),
        Value::Object(members) => members.values_mut().for_each(|member| resolve(member, given)),
        _ => {}
    }
}

fn judge(written: &Fact, state: &mut Files) -> Judgement {
    let skrivning = Skrivning {
        written,
        stored: None,
        bara_avslut: false,
    };
    match bedom(&skrivning, state, &Policies::shipped(), TODAY) {
        Ok(judgement) => judgement,
        Err(never) => match never {},
    }
}

fn example(name: &str) -> Arc<Fact> {
    let path = format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let body: Value = serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON");
    let version = if name.contains(".r4.") {
        FhirVersion::R4
    } else {
        FhirVersion::R5
    };
    fact(version, &body)
}

/// The ids of the errors when this example is written on top of the demo and of the examples before it.
fn errors(name: &str, before: &[&str]) -> Vec<String> {
    let written = example(name);
    let mut state: Vec<Arc<Fact>> = demo().to_vec();
    state.extend(before.iter().map(|name| example(name)));
    state.push(written.clone());
    let judgement = judge(&written, &mut Files::new(state));
    let errors = judgement
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let mut ids: Vec<String> = errors.map(|finding| finding.rule.as_str().to_owned()).collect();
    ids.dedup();
    ids
}

#[test]
fn every_write_of_the_demo_is_accepted_without_a_remark_but_what_its_tales_are_about() {
    let mut remarks: BTreeMap<String, usize> = BTreeMap::new();
    let mut revealed: BTreeSet<&str> = BTreeSet::new();
    let mut state = Files::new(demo().to_vec());
    for written in demo() {
        for finding in judge(written, &mut state).findings {
            let place = format!(
                "{} {} {}/{}",
                finding.rule.as_str(),
                finding.severity,
                written.resource_type(),
                written.id()
            );
            assert!(finding.severity != Severity::Error, "{place}: {}", finding.text.sv);
            // Information is for the patient's best, not a fault of the demo's.
            let family = finding.rule.as_str().split('-').next();
            if matches!(family, Some("PAT" | "UTS")) {
                revealed.insert(finding.rule.as_str());
            } else if finding.severity == Severity::Warning {
                *remarks.entry(format!("{place}: {}", finding.text.sv)).or_default() += 1;
            }
        }
    }
    assert!(remarks.is_empty(), "{remarks:#?}");
    // Särskilt boende without fast läkarkontakt, great needs, Anna's diagnosis, asked for and not appointed, discharged.
    let tales = ["PAT-01", "PAT-02", "PAT-03", "PAT-04", "PAT-05", "PAT-08", "UTS-01"];
    assert_eq!(revealed, BTreeSet::from(tales));
}

#[test]
fn a_nurse_alone_cannot_be_annas_fast_vardkontakt() {
    assert_eq!(errors("fast-vardkontakt-sjukskoterska.json", &[]), ["FVK-01"]);
}

#[test]
fn a_physician_can_be_annas_fast_vardkontakt_written_in_either_version() {
    assert!(errors("fast-vardkontakt-lakare.json", &[]).is_empty());
    assert!(errors("fast-vardkontakt-lakare.r4.json", &[]).is_empty());
}

#[test]
fn an_overenskommelse_without_a_time_is_refused_for_that_alone() {
    assert_eq!(
        errors("overenskommelse-utan-tid.json", &["fast-vardkontakt-lakare.json"]),
        ["DOK-04"]
    );
}

#[test]
fn an_overenskommelse_with_a_time_is_accepted_written_in_either_version() {
    let before = ["fast-vardkontakt-lakare.json"];
    assert!(errors("overenskommelse-med-tid.json", &before).is_empty());
    assert!(errors("overenskommelse-med-tid.r4.json", &before).is_empty());
}
