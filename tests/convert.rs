//! Nothing lost: R4 → R5 → R4 and R5 → R4 → R5 give the same resource, for resources made at random from the element
//! tables, for the project's fixtures and for the published examples where they are there.

#[path = "convert_support/mod.rs"]
mod support;

use std::path::Path;

use fastkontakt::fhir::convert::{Converted, r4_to_r5, r5_to_r4};
use fastkontakt::fhir::types::{ALSO_CONTAINED, ResourceType};
use fastkontakt::fhir::version::FhirVersion;
use proptest::prelude::*;
use serde_json::Value;

fn there(version: FhirVersion, resource: &Value) -> Converted {
    match version {
        FhirVersion::R4 => r4_to_r5(resource),
        FhirVersion::R5 => r5_to_r4(resource),
    }
}

fn other(version: FhirVersion) -> FhirVersion {
    match version {
        FhirVersion::R4 => FhirVersion::R5,
        FhirVersion::R5 => FhirVersion::R4,
    }
}

/// The conversion had to send the original along: correct, but it means that a rule of the table does not hold.
fn sends_original(resource: &Value) -> bool {
    let extensions = resource.get("extension").and_then(Value::as_array);
    extensions.into_iter().flatten().any(|e| {
        e.get("url")
            .and_then(Value::as_str)
            .is_some_and(|url| url.starts_with("https://w3id.org/fastkontakt/StructureDefinition/original-"))
    })
}

fn check(version: FhirVersion, resource: &Value) -> Result<(), String> {
    let made = there(version, resource).resource;
    let back = there(other(version), &made).resource;
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    if let Some(differs) = support::difference(kind, resource, &back) {
        return Err(format!("{version} came back different: {differs}"));
    }
    // The generator does not know every invariant; what it makes comes back in any case, and what was valid
    // stays so, without the original going along.
    if let Err(faults) = support::structure(version, resource) {
        if std::env::var_os("CONVERT_GENERATOR").is_some() {
            eprintln!("{version} {kind}: {faults}");
        }
        return Ok(());
    }
    if sends_original(&made) {
        // Without the original: what exactly does not come back.
        let mut bare = made.clone();
        bare["extension"].as_array_mut().and_then(Vec::pop);
        if bare["extension"].as_array().is_some_and(Vec::is_empty) {
            bare.as_object_mut().and_then(|o| o.shift_remove("extension"));
        }
        let back = there(other(version), &bare).resource;
        let differs = support::difference(kind, resource, &back).unwrap_or_default();
        return Err(format!("{version}, the original had to go along: {differs}"));
    }
    support::structure(other(version), &made).map_err(|faults| format!("{version}, not valid in the other: {faults}"))
}

fn all_types() -> impl Iterator<Item = &'static str> {
    ResourceType::ALL
        .iter()
        .map(|t| t.name())
        .chain(ALSO_CONTAINED.iter().copied())
}

/// How many seeds; `CONVERT_CASES=500` for a long run.
fn cases() -> u32 {
    std::env::var("CONVERT_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every type, nested, with extensions, extensions of primitives and contained resources, in both directions.
    #[test]
    fn there_and_back_gives_the_same_resource(seed in any::<u64>()) {
        let mut told = String::new();
        for version in FhirVersion::ALL {
            for kind in all_types() {
                for size in [2, 12, 60] {
                    let resource = support::generate(version, kind, seed, size);
                    if let Err(fault) = check(version, &resource) {
                        told.push_str(&format!("\nseed {seed} {kind} size {size}: {fault}"));
                        break;
                    }
                }
            }
        }
        prop_assert!(told.is_empty(), "{}", told);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is given as a resource of the wrong version is refused before it comes here; it comes back all the same.
    #[test]
    fn also_a_resource_of_the_wrong_version_comes_back(seed in any::<u64>()) {
        let mut told = String::new();
        for version in FhirVersion::ALL {
            for kind in all_types() {
                let mut resource = support::generate(other(version), kind, seed, 30);
                // The service sets it: no part of what goes along.
                resource.as_object_mut().and_then(|o| o.shift_remove("meta"));
                let back = there(other(version), &there(version, &resource).resource).resource;
                if let Some(differs) = support::difference(kind, &resource, &back) {
                    told.push_str(&format!("\nseed {seed} {kind} as {version}: {differs}"));
                }
            }
        }
        prop_assert!(told.is_empty(), "{}", told);
    }
}

/// All resources of the closed set in a folder. The published examples need not be there; the fixtures do.
fn files(version: FhirVersion, folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let mut count = 0;
    for path in entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "json"))
    {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let resource: Value = serde_json::from_str(&text).expect("JSON");
        if resource["resourceType"]
            .as_str()
            .and_then(ResourceType::from_name)
            .is_none()
        {
            continue;
        }
        if let Err(told) = check(version, &resource) {
            panic!("{}: {told}", path.display());
        }
        count += 1;
    }
    count
}

#[test]
fn the_projects_fixtures_come_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/convert");
    assert!(files(FhirVersion::R4, &folder.join("r4")) > 0);
    assert!(files(FhirVersion::R5, &folder.join("r5")) > 0);
}

#[test]
fn the_published_examples_come_back() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    files(FhirVersion::R4, &shared.join("examples/hl7-r4"));
    files(FhirVersion::R5, &shared.join("national/inera-careteam"));
}
