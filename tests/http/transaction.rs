//! The transaction Bundle: all or nothing, references among its entries, rules once on the final state.

use std::collections::BTreeMap;
use std::sync::Mutex;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use serde_json::{Value, json};

use crate::common::spawn;
use crate::people::*;

fn bundle(entries: Vec<Value>) -> Value {
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

fn post(full_url: &str, resource: Value) -> Value {
    let kind = resource["resourceType"].clone();
    json!({ "fullUrl": full_url, "resource": resource, "request": { "method": "POST", "url": kind } })
}

fn put_entry(resource: Value) -> Value {
    let url = format!(
        "{}/{}",
        resource["resourceType"].as_str().unwrap(),
        resource["id"].as_str().unwrap()
    );
    json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
}

#[test]
fn entries_refer_to_each_other_by_urn_uuid() {
    let app = spawn();
    orebro(&app);
    let mut contact = fast_kontakt("x", "1", "vc-skoterska");
    contact["subject"]["reference"] = json!("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001");
    let answer = app
        .post(
            "/fhir/r5",
            &bundle(vec![
                post("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000002", contact),
                post(
                    "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001",
                    patient("ignored", None),
                ),
            ]),
        )
        .expect(200)
        .json();
    assert_eq!(answer["type"], "transaction-response");
    let location = |index: usize| {
        answer["entry"][index]["response"]["location"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(answer["entry"][0]["response"]["status"], "201 Created");
    let patient = location(1);
    let patient = patient
        .split("/fhir/r5/")
        .nth(1)
        .unwrap()
        .split("/_history")
        .next()
        .unwrap();
    let contact = app
        .get(location(0).strip_prefix(app.base.as_str()).unwrap())
        .expect(200)
        .json();
    assert_eq!(contact["subject"]["reference"], patient);
}

#[test]
fn all_or_nothing_and_every_finding_names_its_entry() {
    let app = spawn();
    orebro(&app);
    let answer = app
        .post(
            "/fhir/r5/",
            &bundle(vec![
                put_entry(patient("new", None)),
                post(
                    "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001",
                    fast_kontakt("anna", "2", "vc-skoterska"),
                ),
            ]),
        )
        .expect(422);
    assert_eq!(answer.refused_by(), ["FLK-01"]);
    assert!(
        answer.expressions()[0].starts_with("Bundle.entry[1].resource.participant[0]"),
        "{}",
        answer.text
    );
    app.get("/fhir/r5/Patient/new").expect(404);
}

#[test]
fn a_handover_in_one_transaction_passes_in_either_order() {
    for order in [[0, 1], [1, 0]] {
        let app = spawn();
        orebro(&app);
        let mut old = fast_kontakt("anna", "2", "vc-lakare");
        old["id"] = json!("old");
        put(&app, &old);
        old["period"]["end"] = json!("2026-03-10");
        let mut new = fast_kontakt("anna", "2", "vc-lakare-2");
        new["id"] = json!("new");
        new["period"]["start"] = json!("2026-03-11");
        let entries = [put_entry(old), put_entry(new)];
        app.post("/fhir/r5", &bundle(order.map(|index| entries[index].clone()).to_vec()))
            .expect(200);
    }
}

#[test]
fn what_a_transaction_does_not_take() {
    let app = spawn();
    let person = || patient("p", None);
    let urn = "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001";
    let mut conditional = put_entry(person());
    conditional["request"]["url"] = json!("Patient?identifier=1");
    let mut delete = put_entry(person());
    delete["request"]["method"] = json!("DELETE");
    delete.as_object_mut().unwrap().remove("resource");
    let mut stray = fast_kontakt("x", "1", "y");
    stray["subject"]["reference"] = json!("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-00000000dead");
    for (entries, expression) in [
        (vec![put_entry(person()), put_entry(person())], "Bundle.entry[1]"),
        (vec![conditional], "Bundle.entry[0].request"),
        (vec![delete], "Bundle.entry[0].request.method"),
        (vec![post(urn, stray)], "Bundle.entry[0].resource.subject"),
        (
            vec![post(urn, json!({ "resourceType": "Patient", "active": 1 }))],
            "Bundle.entry[0].resource.active",
        ),
    ] {
        let answer = app.post("/fhir/r5", &bundle(entries)).expect(400);
        assert!(
            answer.expressions().contains(&expression.to_owned()),
            "{expression}: {}",
            answer.text
        );
    }
    let batch = json!({ "resourceType": "Bundle", "type": "batch" });
    assert_eq!(app.post("/fhir/r5", &batch).expect(400).expressions(), ["Bundle.type"]);
    app.get("/fhir/r5/Patient/p").expect(404);
    app.post("/fhir/r5", &bundle(vec![put_entry(person())])).expect(200);
    let mut stale = put_entry(person());
    stale["request"]["ifMatch"] = json!("W/\"7\"");
    assert_eq!(
        app.post("/fhir/r5", &bundle(vec![stale])).expect(412).expressions(),
        ["Bundle.entry[0]"]
    );
}

#[test]
fn prefer_representation_returns_the_resources() {
    let app = spawn();
    let headers = [("Prefer", "return=representation")];
    let answer = app
        .post_with("/fhir/r4", &headers, &bundle(vec![put_entry(patient("p", None))]))
        .expect(200)
        .json();
    assert_eq!(answer["entry"][0]["resource"]["id"], "p");
    let answer = app
        .post("/fhir/r4", &bundle(vec![put_entry(patient("p", None))]))
        .expect(200)
        .json();
    assert_eq!(answer["entry"][0]["response"]["status"], "200 OK");
    assert!(answer["entry"][0].get("resource").is_none());
}

#[test]
fn a_reference_is_checked_as_it_will_be_stored() {
    let app = spawn();
    orebro(&app);
    let urn = "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001";
    let mut condition = livshotande_tillstand("x");
    condition["subject"]["reference"] = json!(urn);
    let other = "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000002";
    let entries = vec![
        post(urn, fast_kontakt("anna", "1", "vc-lakare")),
        post(other, condition),
    ];
    let answer = app.post("/fhir/r5", &bundle(entries)).expect(400);
    assert_eq!(
        answer.expressions(),
        ["Bundle.entry[1].resource.subject"],
        "a CareTeam has no conditions"
    );
}

#[test]
fn a_relative_reference_is_meant_under_the_server_of_its_entry() {
    let app = spawn();
    orebro(&app);
    let answer = app
        .post(
            "/fhir/r5",
            &bundle(vec![
                post("http://other.example/fhir/Patient/77", patient("77", None)),
                post("http://other.example/fhir/Condition/2", livshotande_tillstand("77")),
            ]),
        )
        .expect(200)
        .json();
    let location = answer["entry"][1]["response"]["location"].as_str().unwrap();
    let condition = app
        .get(location.strip_prefix(app.base.as_str()).unwrap())
        .expect(200)
        .json();
    assert_ne!(condition["subject"]["reference"], "Patient/77");
}

#[test]
fn many_entries_of_one_patient_are_judged_without_asking_anew_for_each() {
    set_default_instrumentation(|| Some(Box::new(Count::default()))).unwrap();
    let asked_for = |entries: usize| {
        let app = spawn();
        orebro(&app);
        let contacts = (0..entries).map(|number| {
            let mut contact = fast_kontakt("anna", "1", "vc-lakare");
            contact["id"] = json!(format!("k{number}"));
            put_entry(contact)
        });
        let bundle = bundle(contacts.collect());
        let before = Count::of(&app.database);
        app.post("/fhir/r5", &bundle).expect(200);
        Count::of(&app.database) - before
    };
    let (few, many) = (asked_for(30), asked_for(60));
    assert!(few > 30, "{few} questions for 30 entries: are they counted?");
    // An entry more asks for what stands where it goes, not for the patient's contacts again (that would make fourteen).
    let each = (many - few) as f64 / 30.0;
    assert!(each < 10.0, "{each} questions for an entry");
}

/// Counts the questions to each database.
#[derive(Default)]
struct Count {
    database: String,
}

static QUESTIONS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

impl Count {
    fn of(url: &str) -> usize {
        let database = url.trim_start_matches("sqlite://");
        QUESTIONS.lock().unwrap().get(database).copied().unwrap_or_default()
    }
}

impl Instrumentation for Count {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => url.clone_into(&mut self.database),
            InstrumentationEvent::StartQuery { query, .. } if query.to_string().starts_with("SELECT") => {
                *QUESTIONS.lock().unwrap().entry(self.database.clone()).or_default() += 1;
            }
            _ => {}
        }
    }
}
