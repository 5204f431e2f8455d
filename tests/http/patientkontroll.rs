//! `Patient/[id]/$riktlinjekontroll`: the patient's whole picture; and events that refuse nothing but tell what they reveal.

use serde_json::{Value, json};

use crate::common::{Answer, TestApp, spawn};
use crate::people::*;

const BERORD_RESURS: &str = "https://w3id.org/fastkontakt/StructureDefinition/berord-resurs";

/// severity, rule, which resource, expression of each issue.
fn told(answer: &Answer) -> Vec<String> {
    let outcome = outcome(answer);
    let issues = outcome["issue"].as_array().unwrap();
    issues
        .iter()
        .map(|issue| {
            let (severity, rule) = (&issue["severity"], &issue["details"]["coding"][0]["code"]);
            assert_eq!(issue["extension"][0]["url"], BERORD_RESURS, "{issue}");
            let about = &issue["extension"][0]["valueReference"]["reference"];
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} {}",
                text(severity),
                text(rule),
                text(about),
                text(&issue["expression"][0])
            )
        })
        .collect()
}

/// Anna with a contact whose physician was one when the contact was made, and is a nurse today.
fn a_lapsed_physician(app: &TestApp) {
    orebro(app);
    let mut contact = fast_kontakt("anna", "2", "vc-lakare").merged(&json!({ "id": "k" }));
    contact["reason"] = json!([{ "concept": { "text": "behov" } }]);
    put(app, &contact);
    for resource in staff("vc-lakare", "SJ", "206090", "vc") {
        put(app, &resource);
    }
}

#[test]
fn the_stored_resources_are_judged_anew() {
    let app = spawn();
    a_lapsed_physician(&app);
    for version in ["r5", "r4"] {
        let path = format!("/fhir/{version}/Patient/anna/$riktlinjekontroll");
        let answer = app.get(&path).expect(200);
        let told = told(&answer);
        assert!(
            told[0].starts_with("error FLK-01 CareTeam/k CareTeam.participant[0]"),
            "{told:?}"
        );
        let severities: Vec<&str> = told.iter().map(|issue| issue.split(' ').next().unwrap()).collect();
        let order = ["error", "warning", "information"];
        assert!(
            severities.is_sorted_by_key(|own| order.iter().position(|it| it == own)),
            "{told:?}"
        );
        let posted = app.send("POST", &path, &[], None).expect(200);
        assert_eq!(posted.text, answer.text);
    }
}

#[test]
fn a_clean_picture_says_so_in_each_version() {
    let app = spawn();
    put(&app, &patient("p", None));
    let r5 = app.get("/fhir/r5/Patient/p/$riktlinjekontroll").expect(200).json();
    assert_eq!(r5["issue"][0]["severity"], "success");
    let r4 = app.get("/fhir/r4/Patient/p/$riktlinjekontroll").expect(200).json();
    assert_eq!(r4["issue"][0]["severity"], "information");
    assert_eq!(r4["issue"].as_array().unwrap().len(), 1);
}

#[test]
fn the_unit_named_chooses_the_policy() {
    let app = spawn();
    a_lapsed_physician(&app);
    put(&app, &unit("hallands-vc", "SE2321000115-VC1"));
    let path = "/fhir/r5/Patient/anna/$riktlinjekontroll";
    let enhet = |member: &str, value: &str| {
        let mut parameter = json!({ "name": "enhet" });
        parameter[member] = json!(value);
        json!({ "resourceType": "Parameters", "parameter": [parameter] })
    };
    let by_reference = app.get(&format!("{path}?enhet=Organization/hallands-vc")).expect(200);
    for same in [
        app.get(&format!("{path}?enhet=SE2321000115-VC1")),
        app.get(&format!("{path}?enhet=se2321000115-vc1")),
        app.get(&format!("{path}?enhet={}/fhir/r4/Organization/hallands-vc", app.base)),
        app.post(path, &enhet("valueString", "Organization/hallands-vc")),
        app.post(path, &enhet("valueString", "SE2321000115-VC1")),
    ] {
        assert_eq!(same.expect(200).text, by_reference.text);
    }
    for unknown in [
        "Organization/nowhere",
        "SE0000000000-X",
        "Patient/anna",
        "",
        "%00",
        "Organization/",
    ] {
        let refused = app.get(&format!("{path}?enhet={unknown}")).expect(400);
        assert_eq!(refused.json()["issue"][0]["code"], "not-found", "{unknown}");
    }
    for wrong in [
        enhet("valueBoolean", "x"),
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "enhet", "valueInteger": 1 }] }),
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "unit", "valueString": "x" }] }),
        patient("anna", None),
        json!([]),
    ] {
        app.post(path, &wrong).expect(400);
    }
    app.get(&format!("{path}?unit=x")).expect(400);
    app.get(&format!("{path}?enhet=Organization/vc&enhet=Organization/hallands-vc"))
        .expect(400);
    app.delete("/fhir/r5/Organization/hallands-vc").expect(204);
    app.get(&format!("{path}?enhet=Organization/hallands-vc")).expect(400);
}

#[test]
fn patients_that_are_not_there_and_types_that_have_no_check() {
    let app = spawn();
    put(&app, &patient("borta", None));
    app.delete("/fhir/r5/Patient/borta").expect(204);
    app.get("/fhir/r5/Patient/nobody/$riktlinjekontroll").expect(404);
    app.get("/fhir/r5/Patient/borta/$riktlinjekontroll").expect(410);
    app.get("/fhir/r5/Patient/%00/$riktlinjekontroll").expect(404);
    app.get("/fhir/r5/CareTeam/x/$riktlinjekontroll").expect(404);
    app.get("/fhir/r6/Patient/nobody/$riktlinjekontroll").expect(404);
    app.delete("/fhir/r5/Patient/borta/$riktlinjekontroll").expect(405);
}

#[test]
fn linked_patients_are_one_picture() {
    let app = spawn();
    a_lapsed_physician(&app);
    put(
        &app,
        &patient("annan", None)
            .merged(&json!({ "link": [{ "other": { "reference": "Patient/anna" }, "type": "seealso" }] })),
    );
    let told = told(&app.get("/fhir/r5/Patient/annan/$riktlinjekontroll").expect(200));
    assert!(told[0].starts_with("error FLK-01 CareTeam/k"), "{told:?}");
}
