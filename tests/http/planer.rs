//! Plans at the door: findings at the place where the caller wrote it, in either version, and the signal to the fast
//! vårdkontakt.

use fastkontakt::fhir::types::ResourceType;
use fastkontakt::store::{Hallare, Kept};
use serde_json::{Value, json};

use crate::common::{TestApp, spawn};
use crate::people::*;

/// An överenskommelse as R4 writes it, everything in the plan itself.
fn overenskommelse_r4(unit: &str) -> Value {
    let code =
        json!({ "system": "https://w3id.org/fastkontakt/CodeSystem/plantyp", "code": "dokumenterad-overenskommelse" });
    json!({
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "category": [{ "coding": [code] }],
        "subject": { "reference": "Patient/anna" },
        "created": "2026-03-20",
        "author": { "reference": format!("Organization/{unit}") },
        "contributor": [{ "reference": "Patient/anna" }],
        "activity": [
            { "detail": {
                "status": "in-progress", "code": { "text": "Promenad" }, "scheduledString": "varje dag",
                "performer": [{ "reference": "Patient/anna" }],
            } },
            { "detail": {
                "status": "in-progress", "code": { "text": "Blodtryckskontroll" }, "scheduledString": "varje vecka",
                "performer": [{ "reference": format!("PractitionerRole/{unit}-skoterska") }],
            } },
            { "detail": {
                "kind": "Appointment", "status": "scheduled", "description": "Återbesök",
                "scheduledPeriod": { "start": "2026-04-20T09:00:00+02:00", "end": "2026-04-20T09:30:00+02:00" },
                "performer": [{ "reference": format!("PractitionerRole/{unit}-skoterska") }],
            } },
        ],
    })
}

fn messages(app: &TestApp) -> Vec<Value> {
    let found = app.get("/fhir/r5/Communication").expect(200).json();
    let entries = found["entry"].as_array().cloned().unwrap_or_default();
    entries.into_iter().map(|entry| entry["resource"].clone()).collect()
}

#[test]
fn an_r4_detail_is_judged_as_an_atagande_and_found_where_it_stands() {
    let app = spawn();
    orebro(&app);
    app.post("/fhir/r4/CarePlan", &overenskommelse_r4("vc")).expect(201);

    let mut without_when = overenskommelse_r4("vc");
    without_when["activity"][1]["detail"]
        .as_object_mut()
        .unwrap()
        .remove("scheduledString");
    let refused = app.post("/fhir/r4/CarePlan", &without_when).expect(422);
    assert_eq!(refused.refused_by(), ["DOK-01"]);
    assert_eq!(refused.expressions()[0], "CarePlan.activity[1].detail");

    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": without_when, "request": { "method": "POST", "url": "CarePlan" } },
    ] });
    let refused = app.post("/fhir/r4", &bundle).expect(422);
    assert_eq!(refused.expressions()[0], "Bundle.entry[0].resource.activity[1].detail");
}

#[test]
fn a_missing_element_has_its_name_in_the_callers_version() {
    let app = spawn();
    orebro(&app);
    let mut plan = overenskommelse_r4("vc");
    plan["category"] =
        json!([{ "coding": [{ "system": "https://fhir.inera.se/CodeSystem/typeofcareplan-cs", "code": "SIP" }] }]);
    plan.as_object_mut().unwrap().remove("author");
    let refused = app.post("/fhir/r4/CarePlan", &plan).expect(422);
    assert!(refused.refused_by().contains(&"SIP-05".to_owned()));
    assert!(
        refused.expressions().contains(&"CarePlan.author".to_owned()),
        "{}",
        refused.text
    );
}

#[test]
fn the_fast_vardkontakt_is_told_of_an_overenskommelse_that_someone_else_makes() {
    let app = spawn();
    region(&app, "hc", "SE2321000198-0001");
    let mut kontakten = fast_kontakt("anna", "1", "hc-skoterska");
    kontakten["id"] = json!("kontakten");
    put(&app, &kontakten);
    let created = app
        .post("/fhir/r4/CarePlan", &overenskommelse_r4("hc"))
        .expect(201)
        .json();
    let told = messages(&app);
    assert_eq!(told.len(), 1);
    let id = created["id"].as_str().unwrap();
    assert_eq!(told[0]["category"][0]["coding"][0]["code"], "overenskommelse-upprattad");
    assert_eq!(told[0]["about"], json!([{ "reference": format!("CarePlan/{id}") }]));
    assert_eq!(
        told[0]["recipient"],
        json!([{ "reference": "PractitionerRole/hc-skoterska" }])
    );

    // The unit of the fast vårdkontakt keeps it, and so may read it.
    let message = told[0]["id"].as_str().unwrap().to_owned();
    let keeper = |kind: ResourceType, id: String| {
        let kept = app
            .door
            .store
            .read_blocking(move |session| session.kept_beside(kind, &id));
        let kept: Option<Kept> = kept.expect("an answer");
        kept.expect("it is stored").hallare
    };
    assert_eq!(
        keeper(ResourceType::Communication, message),
        Hallare::Enhet(vec!["SE2321000198-0001".to_owned()])
    );

    // Once: an update of what is active already tells nobody.
    let mut again = app.get(&format!("/fhir/r4/CarePlan/{id}")).expect(200).json();
    again["title"] = json!("Min överenskommelse");
    app.put(&format!("/fhir/r4/CarePlan/{id}"), &again).expect(200);
    // The fast vårdkontakt's own överenskommelse tells nobody either.
    let mut own = overenskommelse_r4("hc");
    own["contributor"] = json!([{ "reference": "Patient/anna" }, { "reference": "PractitionerRole/hc-skoterska" }]);
    app.post("/fhir/r4/CarePlan", &own).expect(201);
    assert_eq!(messages(&app).len(), 1);
}
