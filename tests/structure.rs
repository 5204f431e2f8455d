//! Strict parsing seen from outside: what HL7, Inera and we call good is accepted, what is bad is refused with its place.

use std::path::{Path, PathBuf};

use fastkontakt::fhir::json::{Limits, read};
use fastkontakt::fhir::structure::check;
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::fhir::version::FhirVersion;
use proptest::prelude::*;
use serde_json::Value;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn version(name: &str) -> FhirVersion {
    if name == "r4" { FhirVersion::R4 } else { FhirVersion::R5 }
}

/// Every fault of a body as `code expression`, in order.
fn faults(version: FhirVersion, kind: &str, text: &str) -> Vec<String> {
    let found = match read(text.as_bytes(), &Limits::default()) {
        Ok(value) => check(version, kind, &value),
        Err(fault) => vec![fault],
    };
    found
        .iter()
        .map(|fault| {
            format!("{} {}", fault.code.code(), fault.expression)
                .trim_end()
                .to_owned()
        })
        .collect()
}

/// The shared examples lie beside the project, when they are there at all.
fn accept_folder(folder: &str, version: FhirVersion) {
    let Ok(entries) = std::fs::read_dir(project(folder)) else {
        return;
    };
    let mut seen = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let value = read(text.as_bytes(), &Limits::default()).unwrap();
        let kind = value["resourceType"].as_str().unwrap();
        if ResourceType::from_name(kind).is_some() {
            assert_eq!(check(version, kind, &value), [], "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 0, "{folder}");
}

#[test]
fn hl7s_r4_examples_are_accepted() {
    accept_folder("../shared/examples/hl7-r4", FhirVersion::R4);
}

#[test]
fn ineras_r5_examples_are_accepted() {
    accept_folder("../shared/national/inera-careteam", FhirVersion::R5);
}

/// Each vector: version, type, body (text when it is no JSON), and the faults it must give: none = good.
#[test]
fn every_vector_gives_exactly_its_faults() {
    let text = std::fs::read_to_string(project("tests/fixtures/structure/vectors.json")).unwrap();
    let vectors = read(text.as_bytes(), &Limits::default()).unwrap();
    let mut wrong = Vec::new();
    for vector in vectors["vectors"].as_array().unwrap() {
        let (name, kind) = (vector["name"].as_str().unwrap(), vector["type"].as_str().unwrap());
        let body = match vector.get("text").and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => vector["body"].to_string(),
        };
        let mut expected: Vec<&str> = vector["faults"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        expected.sort_unstable();
        for version in vector["versions"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .map(version)
        {
            let mut found = faults(version, kind, &body);
            found.sort_unstable();
            if found != expected {
                wrong.push(format!(
                    "{version} {name}:\n  expected {expected:?}\n  found    {found:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_fault_repeats_what_stood_in_the_body() {
    let body = r#"{"resourceType":"Patient","birthDate":"hemligt","gender":"hemligt","191212121212":"hemligt",
        "identifier":[{"value":191212121212,"use":"hemligt"}],"name":[{"given":["",null]}],"hemligt värde":1}"#;
    let value = read(body.as_bytes(), &Limits::default()).unwrap();
    let found = check(FhirVersion::R5, "Patient", &value);
    assert!(found.len() >= 6);
    for fault in found {
        let told = format!("{} {} {}", fault.expression, fault.text.sv, fault.text.en);
        assert!(!told.contains("hemligt") && !told.contains("1912"), "{told}");
    }
}

#[test]
fn all_faults_come_at_once_but_not_without_end() {
    let participants = vec![r#"{"rool":1}"#; 500].join(",");
    let body = format!(r#"{{"resourceType":"CareTeam","participant":[{participants}]}}"#);
    assert_eq!(faults(FhirVersion::R5, "CareTeam", &body).len(), 100);
}

#[test]
fn deep_nesting_is_no_danger() {
    let deep = 1_000_000;
    let body = format!("{{\"a\":{}", "[".repeat(deep));
    assert_eq!(faults(FhirVersion::R5, "CareTeam", &body), ["too-costly"]);
    let mut extension = r#"{"url":"u","valueString":"x"}"#.to_owned();
    for _ in 0..30 {
        extension = format!(r#"{{"url":"u","extension":[{extension}]}}"#);
    }
    let body = format!(r#"{{"resourceType":"CareTeam","extension":[{extension}]}}"#);
    assert_eq!(faults(FhirVersion::R5, "CareTeam", &body), [""; 0]);
}

/// JSON that looks a little like FHIR.
fn json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "resourceType",
        "id",
        "_id",
        "meta",
        "text",
        "div",
        "status",
        "_status",
        "contained",
        "extension",
        "url",
        "valueString",
        "_valueString",
        "valuePeriod",
        "valueReference",
        "period",
        "start",
        "end",
        "participant",
        "member",
        "reference",
        "type",
        "role",
        "coding",
        "system",
        "code",
        "name",
        "given",
        "_given",
        "telecom",
        "value",
        "category",
        "identifier",
        "note",
        "time",
        "item",
        "linkId",
        "answer",
        "enableWhen",
        "initial",
        "agent",
        "who",
        "onBehalfOf",
        "actor",
        "x",
        "",
        "_",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "CareTeam",
            "Patient",
            "active",
            "2024-02-30",
            "#x",
            "#",
            "Patient/1",
            "",
            " ",
            "<div>",
            "å"
        ])
        .prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, &Limits::default());
    }

    #[test]
    fn json_never_panics_and_reads_as_serde_writes_it(mut value in json()) {
        if let Some(object) = value.as_object_mut() {
            let text = serde_json::to_string(object).unwrap();
            let again = read(text.as_bytes(), &Limits::default()).unwrap();
            prop_assert_eq!(serde_json::to_string(&again).unwrap(), text);
        }
        for kind in ResourceType::ALL {
            if let Some(object) = value.as_object_mut() {
                object.insert("resourceType".into(), kind.name().into());
            }
            for version in FhirVersion::ALL {
                check(version, kind.name(), &value);
            }
        }
    }
}
