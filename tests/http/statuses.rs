//! The status table: the page is made from it, and the service answers by it, alike in both versions.

use std::collections::BTreeMap;

use fastkontakt::api::statuses;
use fastkontakt::door::situation::Situation;
use fastkontakt::fhir::convert::r5_to_r4;
use serde_json::json;

use crate::common::{Answer, TestApp, spawn_with};
use crate::people::*;

#[test]
fn the_committed_page_of_the_statuses_is_made_from_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rest/status.md");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == statuses::page(),
        "run: cargo run -- statuses > docs/rest/status.md"
    );
}

const FHIR: (&str, &str) = ("Content-Type", "application/fhir+json");
const ENGLISH: (&str, &str) = ("Accept-Language", "en");

/// Every situation that a request can bring about by itself.
fn provoked(app: &TestApp, strict: &TestApp, version: &str) -> Vec<(Situation, Answer)> {
    let ask = |app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)], body: Option<String>| {
        let mut all = vec![ENGLISH];
        all.extend_from_slice(headers);
        let path = format!("/fhir/{version}/{path}");
        app.send(method, &path, &all, body.as_deref().map(str::as_bytes))
    };
    let person = |id: &str| Some(patient(id, None).to_string());
    let here = |method, path, headers: &[_], body| ask(app, method, path, headers, body);
    let twins = json!({
        "resourceType": "Patient", "identifier": [{ "system": "https://example.se/id", "value": "twin" }],
    });
    for id in ["twin-1", "twin-2"] {
        put(app, &twins.clone().merged(&json!({ "id": id })));
    }
    put(app, &patient("gone", None));
    app.delete("/fhir/r5/Patient/gone").expect(204);
    put(app, &patient("p", None));
    let huge = json!({ "resourceType": "Patient", "name": [{ "text": "x".repeat(100_000) }] }).to_string();
    // A nurse as fast läkarkontakt.
    let nurse = fast_kontakt("anna", "2", "vc-skoterska");
    let nurse = if version == "r4" {
        r5_to_r4(&nurse).resource
    } else {
        nurse
    };
    vec![
        (
            Situation::NotFhir,
            here(
                "POST",
                "Patient",
                &[FHIR],
                Some(json!({ "resourceType": "Patient", "x": 1 }).to_string()),
            ),
        ),
        (Situation::NotFhir, here("GET", "Patient?shoesize=43", &[], None)),
        (
            Situation::BadRequest,
            here("PUT", "Patient/p", &[FHIR, ("If-Match", "three")], person("p")),
        ),
        (Situation::UnknownAddress, here("GET", "Observation/1", &[], None)),
        (Situation::NotFound, here("GET", "Patient/nobody", &[], None)),
        (Situation::NotFound, here("GET", "Patient/p/_history/99", &[], None)),
        (
            Situation::MethodNotAllowed,
            here("PUT", "metadata", &[FHIR], person("p")),
        ),
        (
            Situation::NotAcceptable,
            here("GET", "Patient/p?_format=xml", &[], None),
        ),
        (Situation::Deleted, here("GET", "Patient/gone", &[], None)),
        (
            Situation::PreconditionFailed,
            here("PUT", "Patient/p", &[FHIR, ("If-Match", "W/\"99\"")], person("p")),
        ),
        (
            Situation::NotSelective,
            here(
                "PUT",
                "Patient?identifier=https://example.se/id%7Ctwin",
                &[FHIR],
                Some(twins.to_string()),
            ),
        ),
        (
            Situation::IdTaken,
            here(
                "PUT",
                "Patient?identifier=https://example.se/id%7Cnobody",
                &[FHIR],
                person("p"),
            ),
        ),
        (Situation::BodyTooLarge, here("POST", "Patient", &[FHIR], Some(huge))),
        (
            Situation::UnsupportedMediaType,
            here(
                "POST",
                "Patient",
                &[("Content-Type", "application/fhir+xml")],
                Some("<Patient/>".to_owned()),
            ),
        ),
        (
            Situation::Refused,
            here("POST", "CareTeam", &[FHIR], Some(nurse.to_string())),
        ),
        (
            Situation::NotUnderstood,
            here(
                "POST",
                "Patient",
                &[FHIR],
                Some(json!({ "resourceType": "Patient", "implicitRules": "https://example.se/rules" }).to_string()),
            ),
        ),
        (
            Situation::PatchFailed,
            here(
                "PATCH",
                "Patient/p",
                &[("Content-Type", "application/json-patch+json")],
                Some(r#"[{ "op": "test", "path": "/gender", "value": "male" }]"#.to_owned()),
            ),
        ),
        (
            Situation::IfMatchRequired,
            ask(strict, "PUT", "Patient/p", &[FHIR], person("p")),
        ),
    ]
}

#[test]
fn a_situation_is_answered_by_the_table_in_both_versions() {
    let app = spawn_with(|settings| settings.max_body_bytes = 50_000);
    orebro(&app);
    let strict = spawn_with(|settings| settings.require_if_match = true);
    put(&strict, &patient("p", None));
    let told = |version: &str| -> BTreeMap<String, (u16, serde_json::Value)> {
        let answers = provoked(&app, &strict, version);
        answers
            .into_iter()
            .enumerate()
            .map(|(number, (situation, answer))| {
                let outcome = outcome(&answer);
                let (row, issue) = (situation.row(), &outcome["issue"][0]);
                assert_eq!(answer.status, row.status, "{version} {situation:?}: {outcome}");
                if let Some(code) = row.code {
                    assert_eq!(issue["code"], code.code(), "{version} {situation:?}");
                }
                // The text up to its value, which stands where the table has {}.
                let beginning = row.en.split("{}").next().unwrap();
                let text = issue["details"]["text"].as_str().unwrap();
                assert!(text.starts_with(beginning), "{version} {situation:?}: {text}");
                assert!(!text.contains("{}"), "{text}");
                assert!(answer.header("x-request-id").is_some(), "{version} {situation:?}");
                (
                    format!("{number} {situation:?}"),
                    (answer.status, issue["code"].clone()),
                )
            })
            .collect()
    };
    assert_eq!(told("r5"), told("r4"));
}
