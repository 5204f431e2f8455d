//! Fasta kontakter over HTTP: what one contact does to another, and what others see of it.

use serde_json::{Value, json};

use crate::common::{Answer, TestApp, spawn};
use crate::people::*;

pub const ERSATTER: &str = "https://w3id.org/fastkontakt/StructureDefinition/ersatter";
pub const ERSATT_AV: &str = "https://w3id.org/fastkontakt/StructureDefinition/ersatt-av";
pub const ERSATT_FRAN: &str = "https://w3id.org/fastkontakt/StructureDefinition/ersatt-fran";

/// Anna has a läkarkontakt in Örebro; a private vårdcentral of another vårdgivare stands ready.
pub fn two_vardgivare(app: &TestApp) {
    orebro(app);
    region(app, "privat", "SE5560000001-1001");
    let mut old = fast_kontakt("anna", "2", "vc-lakare");
    old["id"] = json!("gammal");
    old["managingOrganization"] = json!([{ "reference": "Organization/vc" }]);
    put(app, &old);
}

/// The new vårdcentral's läkarkontakt from 20 March, which replaces the present one.
pub fn replacing() -> Value {
    let mut new = fast_kontakt("anna", "2", "privat-lakare");
    new["managingOrganization"] = json!([{ "reference": "Organization/privat" }]);
    new["period"]["start"] = json!("2026-03-20");
    new["extension"] = json!([{ "url": ERSATTER, "valueBoolean": true }]);
    new
}

pub fn request(mut new: Value) -> Value {
    let anledning = "https://w3id.org/fastkontakt/CodeSystem/anledning";
    new["reason"] = json!([{ "concept": { "coding": [{ "system": anledning, "code": "patientens-begaran" }] } }]);
    new
}

/// What is written on a contact of another vårdgivare that is replaced.
pub fn marks(by: &str, day: &str) -> Value {
    let by = json!({ "url": "kontakt", "valueReference": { "reference": format!("CareTeam/{by}") } });
    let from = json!({ "url": "fran", "valueDate": day });
    json!([{ "url": ERSATT_AV, "extension": [by, from] }, { "url": ERSATT_FRAN, "valueDate": day }])
}

pub fn valid_on(app: &TestApp, day: &str) -> Vec<String> {
    let query = format!("/fhir/r5/CareTeam?patient=anna&status=active&date=le{day}&date=ge{day}");
    ids(&app.get(&query).expect(200))
}

fn ids(answer: &Answer) -> Vec<String> {
    let found = answer.json();
    let entries = found["entry"].as_array().cloned().unwrap_or_default();
    let id = |entry: &Value| entry["resource"]["id"].as_str().unwrap_or_default().to_owned();
    entries.iter().map(id).collect()
}

#[test]
fn a_new_vardgivare_takes_over_at_the_patients_request_and_the_old_unit_is_told() {
    let app = spawn();
    two_vardgivare(&app);
    let before = app.get("/fhir/r5/CareTeam/gammal").expect(200).json();
    assert_eq!(
        app.post("/fhir/r5/CareTeam", &replacing()).expect(422).refused_by(),
        ["FLK-04"]
    );
    let nobody = app.get("/fhir/r5/Communication").expect(200);
    assert_eq!(ids(&nobody), [""; 0], "a refused write tells nobody");

    let created = app.post("/fhir/r5/CareTeam", &request(replacing())).expect(201).json();
    let new = created["id"].as_str().unwrap().to_owned();
    let mut after = app.get("/fhir/r5/CareTeam/gammal").expect(200).json();
    assert_eq!(after["meta"]["versionId"], "2");
    let marked = marks(&new, "2026-03-20");
    assert_eq!(after["extension"], marked);
    // Nothing but the mark was added.
    after.as_object_mut().unwrap().remove("extension");
    after["meta"] = before["meta"].clone();
    assert_eq!(after, before);
    let r4 = app.get("/fhir/r4/CareTeam/gammal").expect(200).json();
    assert_eq!(r4["extension"], marked);

    // The search counts it as ended from that day.
    assert_eq!(valid_on(&app, "2026-03-19"), ["gammal"]);
    assert_eq!(valid_on(&app, "2026-03-20"), [new.as_str()]);

    let told = app.get("/fhir/r5/Communication").expect(200);
    let message = told.json()["entry"][0]["resource"].clone();
    assert_eq!(message["meta"]["versionId"], "1");
    assert_eq!(message["status"], "completed");
    assert_eq!(message["category"][0]["coding"][0]["code"], "kontakt-ersatt");
    assert_eq!(message["subject"], json!({ "reference": "Patient/anna" }));
    assert_eq!(message["about"], json!([{ "reference": "CareTeam/gammal" }]));
    assert_eq!(message["recipient"], json!([{ "reference": "Organization/vc" }]));
    assert_eq!(ids(&told).len(), 1);
    let path = format!("/fhir/r4/Communication/{}", message["id"].as_str().unwrap());
    app.get(&path).expect(200);

    // The replacement is carried out once: writing the contact again tells nobody anew.
    let mut again = request(replacing());
    again["id"] = json!(new);
    app.put(&format!("/fhir/r5/CareTeam/{new}"), &again).expect(200);
    assert_eq!(ids(&app.get("/fhir/r5/Communication").expect(200)).len(), 1);
}

#[test]
fn the_unit_that_was_left_may_end_its_contact_but_not_take_it_back() {
    let app = spawn();
    two_vardgivare(&app);
    let mut anna = patient("anna", Some("195009072553"));
    anna["generalPractitioner"] = json!([{ "reference": "Organization/privat" }]);
    put(&app, &anna);
    app.post("/fhir/r5/CareTeam", &replacing()).expect(201);
    let marked = app.get("/fhir/r5/CareTeam/gammal").expect(200).json();
    let mut taken_back = marked.clone();
    taken_back.as_object_mut().unwrap().remove("extension");
    taken_back["telecom"] = json!([{ "system": "phone", "value": "019-000001" }]);
    assert_eq!(
        app.put("/fhir/r5/CareTeam/gammal", &taken_back)
            .expect(422)
            .refused_by(),
        ["FLK-04"]
    );
    let mut corrected = marked.clone();
    corrected["telecom"] = taken_back["telecom"].clone();
    app.put("/fhir/r5/CareTeam/gammal", &corrected).expect(200);
    let mut ended = corrected;
    ended["status"] = json!("inactive");
    app.put("/fhir/r5/CareTeam/gammal", &ended).expect(200);
}

/// Everyday case: the old läkarkontakt ends today and a new one starts tomorrow, in one transaction, in either order.
#[test]
fn a_handover_in_one_transaction_in_either_order() {
    for new_first in [false, true] {
        let app = spawn();
        orebro(&app);
        let mut old = fast_kontakt("anna", "2", "vc-lakare");
        old["id"] = json!("gammal");
        put(&app, &old);
        old["period"]["end"] = json!("2026-03-10");
        let mut new = fast_kontakt("anna", "2", "vc-lakare-2");
        new["period"]["start"] = json!("2026-03-11");
        let mut entries = vec![
            json!({ "resource": old, "request": { "method": "PUT", "url": "CareTeam/gammal" } }),
            json!({ "resource": new, "request": { "method": "POST", "url": "CareTeam" } }),
        ];
        if new_first {
            entries.reverse();
        }
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        app.post("/fhir/r5", &bundle).expect(200);
        assert_eq!(valid_on(&app, "2026-03-10"), ["gammal"]);
        assert_eq!(valid_on(&app, "2026-03-11").len(), 1);
    }
}

/// FK-06: the answer to an ending asks why, and nothing is refused.
#[test]
fn an_ending_without_a_reason_is_told_of() {
    let app = spawn();
    orebro(&app);
    let created = app
        .post("/fhir/r5/CareTeam", &fast_kontakt("anna", "1", "vc-skoterska"))
        .expect(201)
        .json();
    let path = format!("/fhir/r5/CareTeam/{}", created["id"].as_str().unwrap());
    let mut ended = created.clone();
    ended["status"] = json!("inactive");
    let answer = app.put(&path, &ended).expect(200);
    let told = answer.header("x-riktlinje").unwrap_or_default().to_owned();
    assert_eq!(told, "FK-06;warning");
}

/// Old and new in one transaction, the old one corrected where the new one replaces it: both are stored, and the old one
/// ends the day before. So when both are loaded at once, in either order.
#[test]
fn the_replaced_contact_may_be_written_in_the_same_transaction() {
    for (new_first, was_there) in [(false, true), (true, true), (false, false), (true, false)] {
        let app = spawn();
        orebro(&app);
        let mut old = fast_kontakt("anna", "2", "vc-lakare");
        old["id"] = json!("gammal");
        if was_there {
            put(&app, &old);
        }
        old["telecom"] = json!([{ "system": "phone", "value": "019-000001" }]);
        let mut new = fast_kontakt("anna", "2", "vc-lakare-2");
        new["period"]["start"] = json!("2026-03-20");
        new["extension"] = json!([{ "url": ERSATTER, "valueBoolean": true }]);
        let mut entries = vec![
            json!({ "resource": old, "request": { "method": "PUT", "url": "CareTeam/gammal" } }),
            json!({ "resource": new, "request": { "method": "POST", "url": "CareTeam" } }),
        ];
        if new_first {
            entries.reverse();
        }
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        app.post("/fhir/r5", &bundle).expect(200);
        let stored = app.get("/fhir/r5/CareTeam/gammal").expect(200).json();
        assert_eq!(stored["period"]["end"], "2026-03-19");
        assert_eq!(stored["telecom"], old["telecom"]);
        // Written again by itself, without the end, nothing excuses it.
        app.put("/fhir/r5/CareTeam/gammal", &old).expect(422);
    }
}

/// GEN-01: a contact that names the patient by personnummer only is one of the patient's.
#[test]
fn a_contact_by_personnummer_counts_among_the_patients() {
    let app = spawn();
    orebro(&app);
    let numbers = app.get("/fhir/r5/Patient/anna").expect(200).json()["identifier"].clone();
    let mut first = fast_kontakt("anna", "2", "vc-lakare");
    first["subject"] = json!({ "identifier": numbers[0] });
    app.post("/fhir/r5/CareTeam", &first).expect(201);
    let second = fast_kontakt("anna", "2", "vc-lakare-2");
    app.post("/fhir/r5/CareTeam", &second).expect(422);
    app.post("/fhir/r5/CareTeam", &first).expect(422);
}
