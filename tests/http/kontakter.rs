//! Fasta kontakter over HTTP: what one contact does to another, and what others see of it.

use serde_json::{Value, json};

use crate::common::{Answer, TestApp, spawn};
use crate::people::*;

const ERSATTER: &str = "https://w3id.org/fastkontakt/StructureDefinition/ersatter";
const ERSATT_AV: &str = "https://w3id.org/fastkontakt/StructureDefinition/ersatt-av";
const ERSATT_FRAN: &str = "https://w3id.org/fastkontakt/StructureDefinition/ersatt-fran";

/// Anna has a läkarkontakt in Örebro; a private vårdcentral of another vårdgivare stands ready.
fn two_vardgivare(app: &TestApp) {
    orebro(app);
    region(app, "privat", "SE5560000001-1001");
    let mut old = fast_kontakt("anna", "2", "vc-lakare");
    old["id"] = json!("gammal");
    old["managingOrganization"] = json!([{ "reference": "Organization/vc" }]);
    put(app, &old);
}

/// The new vårdcentral's läkarkontakt from 20 March, which replaces the present one.
fn replacing() -> Value {
    let mut new = fast_kontakt("anna", "2", "privat-lakare");
    new["managingOrganization"] = json!([{ "reference": "Organization/privat" }]);
    new["period"]["start"] = json!("2026-03-20");
    new["extension"] = json!([{ "url": ERSATTER, "valueBoolean": true }]);
    new
}

fn request(mut new: Value) -> Value {
    let anledning = "https://w3id.org/fastkontakt/CodeSystem/anledning";
    new["reason"] = json!([{ "concept": { "coding": [{ "system": anledning, "code": "patientens-begaran" }] } }]);
    new
}

/// What is written on a contact of another vårdgivare that is replaced.
fn marks(by: &str, day: &str) -> Value {
    let by = json!({ "url": "kontakt", "valueReference": { "reference": format!("CareTeam/{by}") } });
    json!([{ "url": ERSATT_AV, "extension": [by] }, { "url": ERSATT_FRAN, "valueDate": day }])
}

fn valid_on(app: &TestApp, day: &str) -> Vec<String> {
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

/// What the service has written of a replacement, in the order in which it did.
fn messages(app: &TestApp) -> Vec<(String, Value, Value)> {
    let told = app.get("/fhir/r5/Communication?_sort=_lastUpdated").expect(200).json();
    let entries = told["entry"].as_array().cloned().unwrap_or_default();
    let read = |entry: &Value| {
        let message = &entry["resource"];
        let code = message["category"][0]["coding"][0]["code"].as_str().unwrap_or_default();
        (code.to_owned(), message["about"].clone(), message["recipient"].clone())
    };
    entries.iter().map(read).collect()
}

fn told(code: &str) -> (String, Value, Value) {
    let about = json!([{ "reference": "CareTeam/gammal" }]);
    (code.to_owned(), about, json!([{ "reference": "Organization/vc" }]))
}

fn without_meta(mut contact: Value) -> Value {
    contact.as_object_mut().unwrap().remove("meta");
    contact
}

fn stored(app: &TestApp, path: &str) -> Value {
    without_meta(app.get(path).expect(200).json())
}

/// Puts another läkarkontakt in the place of the present one, under the id `ny`.
fn replaced(app: &TestApp, start: &str) -> Value {
    let mut new = request(replacing());
    new["id"] = json!("ny");
    new["period"]["start"] = json!(start);
    app.put("/fhir/r5/CareTeam/ny", &new).expect(201);
    new
}

/// C10: a replacement that is withdrawn before it begins leaves the patient the contact that she had, and its unit is told.
#[test]
fn a_replacement_that_is_withdrawn_before_it_begins_is_taken_back() {
    type Withdrawal = fn(&TestApp, Value) -> Answer;
    let ways: [(&str, Withdrawal); 6] = [
        ("entered in error", |app, _| {
            let patch = json!([{ "op": "replace", "path": "/status", "value": "entered-in-error" }]);
            app.patch("/fhir/r5/CareTeam/ny", &[], &patch)
        }),
        ("entered in error, R4", |app, _| {
            let patch = json!([{ "op": "replace", "path": "/status", "value": "entered-in-error" }]);
            app.patch("/fhir/r4/CareTeam/ny", &[], &patch)
        }),
        ("deleted", |app, _| app.delete("/fhir/r5/CareTeam/ny")),
        ("deleted in a transaction", |app, _| {
            let entry = json!({ "request": { "method": "DELETE", "url": "CareTeam/ny" } });
            let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
            app.post("/fhir/r4", &bundle)
        }),
        ("a draft again", |app, mut new| {
            new["status"] = json!("proposed");
            app.put("/fhir/r5/CareTeam/ny", &new)
        }),
        ("filed on somebody else", |app, mut new| {
            put(app, &patient("bertil", None));
            new["subject"] = json!({ "reference": "Patient/bertil" });
            app.put("/fhir/r5/CareTeam/ny", &new)
        }),
    ];
    for (way, withdraw) in ways {
        let app = spawn();
        two_vardgivare(&app);
        let before = stored(&app, "/fhir/r5/CareTeam/gammal");
        let new = replaced(&app, "2026-03-20");
        assert_eq!(valid_on(&app, "2026-03-21"), ["ny"], "{way}");
        let answer = withdraw(&app, new);
        assert!(matches!(answer.status, 200 | 204), "{way}: {}", answer.text);
        assert!(!answer.text.contains("FK-09"), "{way}: {}", answer.text);
        assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal"), before, "{way}");
        assert_eq!(valid_on(&app, "2026-03-21"), ["gammal"], "{way}");
        assert_eq!(
            messages(&app),
            [told("kontakt-ersatt"), told("ersattning-aterkallad")],
            "{way}"
        );
        // It is the service's own write, and leaves its trace.
        let history = app.get("/fhir/r5/CareTeam/gammal/_history").expect(200).json();
        assert_eq!(history["entry"].as_array().map(Vec::len), Some(3), "{way}");
        let trace = app.get("/fhir/r5/Provenance?target=CareTeam/gammal").expect(200).json();
        assert!(trace.to_string().contains("CareTeam/gammal/_history/3"), "{way}");
        // There is one again, and no other beside it.
        let mut second = request(replacing());
        second.as_object_mut().unwrap().remove("extension");
        app.post("/fhir/r5/CareTeam", &second).expect(422);
        app.post("/fhir/r5/CareTeam", &request(replacing())).expect(201);
    }
}

#[test]
fn the_end_of_what_is_replaced_moves_with_what_replaces_it() {
    let app = spawn();
    two_vardgivare(&app);
    let before = stored(&app, "/fhir/r5/CareTeam/gammal");
    let mut new = replaced(&app, "2026-03-20");
    for (version, day, last) in [("r5", "2026-04-10", "2026-04-09"), ("r4", "2027-01-01", "2026-12-31")] {
        let mut patched = app.get(&format!("/fhir/{version}/CareTeam/ny")).expect(200).json();
        patched["period"]["start"] = json!(day);
        app.put(&format!("/fhir/{version}/CareTeam/ny"), &patched).expect(200);
        assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal")["extension"], marks("ny", day));
        assert_eq!(valid_on(&app, last), ["gammal"]);
        assert_eq!(valid_on(&app, day), ["ny"]);
    }
    let kod = |messages: &[(String, Value, Value)]| messages.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
    assert_eq!(kod(&messages(&app)), ["kontakt-ersatt"; 3]);
    // Written again as it stands, nothing moves.
    new["period"]["start"] = json!("2027-01-01");
    app.put("/fhir/r5/CareTeam/ny", &new).expect(200);
    assert_eq!(messages(&app).len(), 3);
    app.delete("/fhir/r5/CareTeam/ny").expect(204);
    assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal"), before);
}

/// Within a vårdgivare the contact gets back the end that it had; and in one transaction another may take the place.
#[test]
fn within_a_vardgivare_a_contact_gets_back_the_end_that_it_had() {
    let app = spawn();
    orebro(&app);
    let mut old = fast_kontakt("anna", "2", "vc-lakare");
    old["id"] = json!("gammal");
    old["period"]["end"] = json!("2027-06");
    put(&app, &old);
    let before = stored(&app, "/fhir/r5/CareTeam/gammal");
    let mut new = fast_kontakt("anna", "2", "vc-lakare-2");
    new["id"] = json!("ny");
    new["period"]["start"] = json!("2026-03-20");
    new["extension"] = json!([{ "url": ERSATTER, "valueBoolean": true }]);
    put(&app, &new);
    assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal")["period"]["end"], "2026-03-19");
    let mut wrong = new.clone();
    wrong["status"] = json!("entered-in-error");
    let mut right = new.clone();
    right["id"] = json!("rattad");
    right["period"]["start"] = json!("2026-03-25");
    let entries: Vec<Value> = [&wrong, &right]
        .into_iter()
        .map(|it| {
            let url = format!("CareTeam/{}", it["id"].as_str().unwrap());
            json!({ "resource": it, "request": { "method": "PUT", "url": url } })
        })
        .collect();
    app.post(
        "/fhir/r5",
        &json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }),
    )
    .expect(200);
    assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal")["period"]["end"], "2026-03-24");
    assert_eq!(valid_on(&app, "2026-03-24"), ["gammal"]);
    assert_eq!(valid_on(&app, "2026-03-25"), ["rattad"]);
    right["status"] = json!("entered-in-error");
    app.put("/fhir/r5/CareTeam/rattad", &right).expect(200);
    assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal"), before);
    assert_eq!(messages(&app), []);
}

/// What had begun has ended the other for good: who withdraws it is told, and so is who checks the patient.
#[test]
fn what_is_no_longer_to_be_had_back_is_told() {
    for deletes in [true, false] {
        let app = spawn();
        two_vardgivare(&app);
        let new = replaced(&app, "2026-03-10");
        let marked = stored(&app, "/fhir/r5/CareTeam/gammal");
        let answer = match deletes {
            true => app.delete("/fhir/r5/CareTeam/ny").expect(204),
            false => {
                let mut wrong = new.clone();
                wrong["status"] = json!("entered-in-error");
                app.put("/fhir/r5/CareTeam/ny", &wrong).expect(200)
            }
        };
        assert_eq!(answer.header("x-riktlinje"), Some("FK-09;warning"), "{deletes}");
        let noted = stored(&app, "/fhir/r5/CareTeam/gammal");
        assert_eq!(
            noted["extension"][0],
            json!({ "url": ERSATT_FRAN, "valueDate": "2026-03-10" })
        );
        assert_eq!(noted["period"], marked["period"]);
        assert!(
            noted["extension"][1]
                .to_string()
                .contains("\"aterkallad\",\"valueDate\":\"2026-03-10\""),
            "{noted}"
        );
        assert_eq!(messages(&app), [told("kontakt-ersatt"), told("ersattning-aterkallad")]);
        let tells = |app: &TestApp| {
            let check = app.get("/fhir/r5/Patient/anna/$riktlinjekontroll").expect(200);
            check.text.contains("FK-09")
        };
        assert!(tells(&app), "{deletes}");
        let mut next = fast_kontakt("anna", "2", "vc-lakare");
        next["period"]["start"] = json!("2026-03-10");
        app.post("/fhir/r5/CareTeam", &next).expect(201);
        assert!(!tells(&app), "{deletes}");
    }
}

/// What its own unit has done with it since stands.
#[test]
fn what_its_own_unit_has_ended_is_not_taken_back() {
    let app = spawn();
    two_vardgivare(&app);
    replaced(&app, "2026-03-20");
    let mut ended = app.get("/fhir/r5/CareTeam/gammal").expect(200).json();
    ended["status"] = json!("inactive");
    app.put("/fhir/r5/CareTeam/gammal", &ended).expect(200);
    let answer = app.delete("/fhir/r5/CareTeam/ny").expect(204);
    assert_eq!(answer.header("x-riktlinje"), Some("FK-09;warning"));
    let stood = stored(&app, "/fhir/r5/CareTeam/gammal");
    assert_eq!(
        (&stood["status"], &stood["period"]),
        (&json!("inactive"), &ended["period"])
    );
}
