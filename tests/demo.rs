//! The demo people: reproducible, connected, labelled, and good FHIR. Whether the riktlinje accepts them is tested in
//! demo_riktlinje.rs.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use fastkontakt::demo::{Demo, Transaction, people};
use fastkontakt::fhir::structure;
use fastkontakt::fhir::version::FhirVersion;
use jiff::civil::{Date, date};
use serde_json::Value;

const TODAY: Date = date(2026, 11, 22);

fn demo() -> &'static Demo {
    static DEMO: LazyLock<Demo> = LazyLock::new(|| people(1, TODAY));
    &DEMO
}

fn entries(transaction: &Transaction) -> impl Iterator<Item = &Value> {
    transaction.bundle["entry"].as_array().into_iter().flatten()
}

fn resources(demo: &Demo) -> impl Iterator<Item = (FhirVersion, &Value)> {
    demo.bundles
        .iter()
        .flat_map(|t| entries(t).map(|entry| (t.version, &entry["resource"])))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Every `reference` member below a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(literal) if name == "reference" => found.push(literal),
                    other => references(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn bytes(demo: &Demo) -> Vec<String> {
    demo.bundles.iter().map(|t| t.bundle.to_string()).collect()
}

#[test]
fn the_same_seed_and_day_give_the_same_people() {
    assert_eq!(bytes(demo()), bytes(&people(1, TODAY)));
    assert_ne!(bytes(demo()), bytes(&people(2, TODAY)));
}

#[test]
fn there_are_about_a_hundred_patients_in_four_regions_and_both_versions() {
    let demo = demo();
    assert!((100..=120).contains(&demo.patients));
    let patients = resources(demo)
        .filter(|(_, resource)| resource["resourceType"] == "Patient")
        .count();
    assert_eq!(patients, demo.patients);
    for version in FhirVersion::ALL {
        assert!(
            demo.bundles.iter().any(|t| t.version == version),
            "nothing in {version}"
        );
    }
    for region in ["orebro", "gavleborg", "halland", "jamtland"] {
        let id = format!("{region}-region");
        assert!(resources(demo).any(|(_, resource)| resource["id"] == *id), "no {id}");
    }
}

#[test]
fn every_resource_is_labelled_as_test_data() {
    for (_, resource) in resources(demo()) {
        assert_eq!(
            resource["meta"]["security"][0]["code"], "HTEST",
            "{}/{}",
            resource["resourceType"], resource["id"]
        );
    }
}

#[test]
fn every_reference_leads_to_a_resource_loaded_before_or_together() {
    let demo = demo();
    let mut known: HashSet<String> = HashSet::new();
    for transaction in &demo.bundles {
        for entry in entries(transaction) {
            let address = match entry["request"]["method"].as_str() {
                Some("PUT") => text(&entry["request"], "url"),
                _ => text(entry, "fullUrl"),
            };
            assert!(known.insert(address.to_owned()), "{address} twice");
        }
        for entry in entries(transaction) {
            let mut found = Vec::new();
            references(&entry["resource"], &mut found);
            for literal in found.into_iter().filter(|literal| !literal.starts_with('#')) {
                assert!(known.contains(literal), "{}: {literal} is not known", transaction.title);
            }
        }
    }
}

#[test]
fn every_resource_passes_the_structure_check_of_its_version() {
    let demo = demo();
    for transaction in &demo.bundles {
        let faults = structure::check(transaction.version, "Bundle", &transaction.bundle);
        assert!(faults.is_empty(), "{}: {faults:?}", transaction.title);
    }
    for (version, resource) in resources(demo) {
        let faults = structure::check(version, text(resource, "resourceType"), resource);
        assert!(
            faults.is_empty(),
            "{version} {}/{}: {faults:?}",
            resource["resourceType"],
            resource["id"]
        );
    }
}

#[test]
fn every_national_number_is_twelve_digits_with_a_valid_check_digit() {
    let mut numbers = 0;
    for (_, patient) in resources(demo()).filter(|(_, resource)| resource["resourceType"] == "Patient") {
        for identifier in patient["identifier"].as_array().into_iter().flatten() {
            let system = text(identifier, "system");
            if system.ends_with("/personnummer") || system.ends_with("/samordningsnummer") {
                let value = text(identifier, "value");
                assert!(value.len() == 12 && luhn(&value[2..]), "{}", patient["id"]);
                numbers += 1;
            }
        }
    }
    assert!(numbers > 95);
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .chars()
        .rev()
        .enumerate()
        .filter_map(|(place, c)| {
            c.to_digit(10)
                .map(|digit| if place % 2 == 1 { digit * 2 } else { digit })
        })
        .map(|digit| digit / 10 + digit % 10)
        .sum();
    sum.is_multiple_of(10)
}

/// Patients with one number are one patient to the rules (GEN-01).
#[test]
fn no_two_patients_share_a_number() {
    for seed in 1..4 {
        let demo = &people(seed, TODAY);
        let mut seen = HashSet::new();
        for (_, patient) in resources(demo).filter(|(_, resource)| resource["resourceType"] == "Patient") {
            for identifier in patient["identifier"].as_array().into_iter().flatten() {
                assert!(
                    seen.insert(text(identifier, "value").to_owned()),
                    "seed {seed}: {}",
                    patient["id"]
                );
            }
        }
    }
}

#[test]
fn a_newborn_has_no_number_and_someone_has_a_reserve_number() {
    let demo = demo();
    let patients: HashMap<&str, &Value> = resources(demo)
        .map(|(_, resource)| (text(resource, "id"), resource))
        .collect();
    assert!(patients["jamtland-nyfodd"].get("identifier").is_none());
    assert!(text(&patients["halland-reservnummer"]["identifier"][0], "system").ends_with("nationelltReservnummer"));
}

#[test]
fn anna_has_a_life_threatening_condition_and_no_contact_yet() {
    let demo = demo();
    let of_anna = |(_, resource): &(FhirVersion, &Value)| resource["subject"]["reference"] == "Patient/anna";
    let hers: Vec<&str> = resources(demo)
        .filter(of_anna)
        .map(|(_, resource)| text(resource, "resourceType"))
        .collect();
    assert_eq!(hers, ["Condition"]);
}

#[test]
fn every_booked_time_lies_in_the_future_with_swedish_offset() {
    let mut times = 0;
    for (_, appointment) in resources(demo()).filter(|(_, resource)| resource["resourceType"] == "Appointment") {
        let start = text(appointment, "start");
        assert!(start > TODAY.to_string().as_str(), "{start}");
        assert!(start.ends_with("+01:00") || start.ends_with("+02:00"), "{start}");
        times += 1;
    }
    assert!(times > 40);
}

#[test]
fn the_example_files_are_good_fhir_and_point_at_the_demo() {
    let demo = demo();
    let mut known: HashSet<String> = resources(demo)
        .map(|(_, r)| format!("{}/{}", text(r, "resourceType"), text(r, "id")))
        .collect();
    known.insert("CareTeam/anna-vardkontakt".to_owned());
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut files = 0;
    for file in std::fs::read_dir(directory).expect("examples/") {
        let path = file.expect("a file").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        if !name.ends_with(".json") {
            continue;
        }
        files += 1;
        let version = if name.ends_with(".r4.json") {
            FhirVersion::R4
        } else {
            FhirVersion::R5
        };
        let body: Value = serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("JSON");
        let faults = structure::check(version, text(&body, "resourceType"), &body);
        assert!(faults.is_empty(), "{name}: {faults:?}");
        let mut found = Vec::new();
        references(&body, &mut found);
        for literal in found
            .into_iter()
            .filter(|literal| !literal.starts_with('#') && !literal.starts_with("urn:"))
        {
            assert!(known.contains(literal), "{name}: {literal} is not in the demo");
        }
    }
    assert_eq!(files, 7);
}
