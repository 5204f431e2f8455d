//! Events that refuse nothing: a life-threatening condition, an insats, a discharge is always recorded, and the answer
//! tells what it reveals about the patient's contacts.

use serde_json::{Value, json};

use crate::common::{Answer, TestApp, spawn};
use crate::people::*;

const OUTCOME: [(&str, &str); 1] = [("Prefer", "return=OperationOutcome")];
const INSATSFORM: &str = "https://w3id.org/fastkontakt/CodeSystem/insatsform";
const BEHOV_EFTER_UTSKRIVNING: &str = "https://w3id.org/fastkontakt/StructureDefinition/behov-efter-utskrivning";

/// severity, rule and expression of each finding.
fn told(outcome: &Value) -> Vec<String> {
    let issues = outcome["issue"].as_array().unwrap();
    issues
        .iter()
        .filter(|issue| issue["code"] == "business-rule")
        .map(|issue| {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let rule = text(&issue["details"]["coding"][0]["code"]);
            format!("{} {rule} {}", text(&issue["severity"]), text(&issue["expression"][0]))
        })
        .collect()
}

/// Anna, listed at an Örebro vårdcentral, without any contact.
fn anna(app: &TestApp) {
    orebro(app);
    let listed = json!({ "generalPractitioner": [{ "reference": "Organization/vc" }] });
    put(app, &patient("anna", Some("195009072553")).merged(&listed));
}

fn sarskilt_boende() -> Value {
    json!({
        "resourceType": "EpisodeOfCare", "status": "active",
        "type": [{ "coding": [{ "system": INSATSFORM, "code": "sarskilt-boende" }] }],
        "patient": { "reference": "Patient/anna" },
        "managingOrganization": { "reference": "Organization/vc" },
        "period": { "start": "2026-01-01" },
    })
}

/// A discharge two days ago, with need afterwards, in the shape of a version.
fn utskrivning(version: &str) -> Value {
    let imp = json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" });
    let period = json!({ "start": "2026-03-01T10:00:00+01:00", "end": "2026-03-08T10:00:00+01:00" });
    let mut stay = json!({
        "resourceType": "Encounter",
        "extension": [{ "url": BEHOV_EFTER_UTSKRIVNING, "valueBoolean": true }],
        "subject": { "reference": "Patient/anna" },
        "serviceProvider": { "reference": "Organization/vc" },
    });
    if version == "r4" {
        stay["status"] = json!("finished");
        stay["class"] = imp;
        stay["period"] = period;
    } else {
        stay["status"] = json!("completed");
        stay["class"] = json!([{ "coding": [imp] }]);
        stay["actualPeriod"] = period;
    }
    stay
}

fn expect_told(answer: &Answer, rule: &str) {
    let told = told(&outcome(answer));
    let wanted = format!("warning {rule} ");
    assert!(
        told.iter().any(|issue| issue.starts_with(&wanted)),
        "{rule}: {}",
        answer.text
    );
    assert!(told.iter().all(|issue| !issue.starts_with("error")), "{told:?}");
}

#[test]
fn an_event_is_stored_and_the_answer_tells_what_it_reveals() {
    for version in ["r5", "r4"] {
        for (rule, event) in [
            ("PAT-03", livshotande_tillstand("anna")),
            ("PAT-01", sarskilt_boende()),
            ("UTS-01", utskrivning(version)),
        ] {
            let app = spawn();
            anna(&app);
            let path = format!("/fhir/{version}/{}", event["resourceType"].as_str().unwrap());
            let validated = app.post(&format!("{path}/$validate"), &event).expect(200);
            expect_told(&validated, rule);
            let answer = app.post_with(&path, &OUTCOME, &event).expect(201);
            expect_told(&answer, rule);
            assert_eq!(told(&validated.json()), told(&answer.json()));
            let id = answer.header("location").unwrap().split("/_history").next().unwrap();
            let id = id.rsplit('/').next().unwrap().to_owned();
            // Otherwise the header tells, ids and severities only.
            let whole = app.post(&path, &event).expect(201);
            let header = whole.header("x-riktlinje").unwrap();
            assert!(header.contains(&format!("{rule};warning")), "{header}");
            // Looked at later, it still tells; an update and a delete are let through.
            expect_told(&app.get(&format!("{path}/{id}/$validate")).expect(200), rule);
            let again = event.clone().merged(&json!({ "id": id }));
            app.put(&format!("{path}/{id}"), &again).expect(200);
            app.delete(&format!("{path}/{id}")).expect(204);
        }
    }
}

#[test]
fn the_state_after_the_whole_transaction_counts_and_each_entry_tells() {
    let app = spawn();
    anna(&app);
    let entry = |resource: Value| {
        let request = json!({ "method": "POST", "url": resource["resourceType"] });
        json!({ "resource": resource, "request": request })
    };
    let bundle = |entries: &[Value]| json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    let alone = app.post(
        "/fhir/r5",
        &bundle(&[entry(patient("x", None)), entry(livshotande_tillstand("anna"))]),
    );
    let alone = alone.expect(200).json();
    assert!(alone["entry"][0]["response"].get("outcome").is_none());
    let outcome = &alone["entry"][1]["response"]["outcome"];
    assert!(
        told(outcome).contains(&"warning PAT-03 Bundle.entry[1].resource".to_owned()),
        "{outcome}"
    );
    let app = spawn();
    anna(&app);
    let with_contact = [
        entry(livshotande_tillstand("anna")),
        entry(fast_kontakt("anna", "1", "vc-lakare")),
    ];
    let answer = app
        .post_with("/fhir/r5", &OUTCOME, &bundle(&with_contact))
        .expect(200)
        .json();
    assert_eq!(told(&answer["entry"][0]["response"]["outcome"]), [""; 0], "{answer}");
}

#[test]
fn the_whole_picture_tells_it_in_full() {
    let app = spawn();
    anna(&app);
    put(&app, &livshotande_tillstand("anna").merged(&json!({ "id": "c" })));
    for version in ["r5", "r4"] {
        let kontroll = app
            .get(&format!("/fhir/{version}/Patient/anna/$riktlinjekontroll"))
            .expect(200);
        assert!(
            told(&kontroll.json())
                .iter()
                .any(|issue| issue.starts_with("error PAT-03 ")),
            "{}",
            kontroll.text
        );
    }
    put(
        &app,
        &fast_kontakt("anna", "1", "vc-lakare").merged(&json!({ "id": "k" })),
    );
    let kontroll = app.get("/fhir/r5/Patient/anna/$riktlinjekontroll").expect(200);
    assert!(!kontroll.text.contains("PAT-03"), "{}", kontroll.text);
}
