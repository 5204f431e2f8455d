//! One resource, two versions of FHIR: useful in both, the same when it comes back.

use serde_json::{Value, json};

use crate::common::spawn;
use crate::people::*;

/// Without what the server sets.
fn content(mut resource: Value) -> Value {
    let members = resource.as_object_mut().unwrap();
    members.remove("id");
    if let Some(meta) = members.get_mut("meta").and_then(Value::as_object_mut) {
        meta.remove("versionId");
        meta.remove("lastUpdated");
    }
    if members
        .get("meta")
        .is_some_and(|meta| meta.as_object().unwrap().is_empty())
    {
        members.remove("meta");
    }
    resource
}

#[test]
fn a_fast_kontakt_written_in_r4_is_one_in_r5() {
    let app = spawn();
    orebro(&app);
    let availability = json!([{
        "url": "https://fhir.inera.se/ig/careteam/StructureDefinition/RIVContactPointAvailability",
        "extension": [{
            "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Availability",
            "extension": [{
                "url": "availableTime",
                "extension": [
                    { "url": "daysOfWeek", "valueCode": "mon" },
                    { "url": "availableStartTime", "valueTime": "08:00:00" },
                    { "url": "availableEndTime", "valueTime": "12:00:00" },
                ],
            }],
        }],
    }]);
    let mut contact = fast_kontakt("anna", "1", "vc-skoterska");
    contact["participant"][0]["role"] = json!([contact["participant"][0]["role"]]);
    contact["telecom"] = json!([{ "extension": availability, "system": "phone", "value": "019-000000" }]);
    let created = app.post("/fhir/r4/CareTeam", &contact).expect(201);
    assert_eq!(
        created.header("content-type"),
        Some("application/fhir+json; fhirVersion=4.0; charset=utf-8")
    );
    assert_eq!(content(created.json()), contact);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let r5 = app.get(&format!("/fhir/r5/CareTeam/{id}")).expect(200).json();
    assert_eq!(r5["participant"][0]["role"]["coding"][0]["code"], "1");
    assert_eq!(
        r5["telecom"][0]["extension"][0]["valueAvailability"]["availableTime"][0],
        json!({ "daysOfWeek": ["mon"], "availableStartTime": "08:00:00", "availableEndTime": "12:00:00" })
    );
    app.put(&format!("/fhir/r5/CareTeam/{id}"), &r5).expect(200);
    let again = app.get(&format!("/fhir/r4/CareTeam/{id}")).expect(200).json();
    assert_eq!(content(again), contact);
}

#[test]
fn a_plan_written_in_r4_comes_back_and_reads_as_r5() {
    let app = spawn();
    put(&app, &patient("anna", None));
    let plan = json!({
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "subject": { "reference": "Patient/anna" },
        "author": { "reference": "Practitioner/x" },
        "activity": [{ "detail": {
            "kind": "ServiceRequest",
            "code": { "text": "Blodtryckskontroll" },
            "status": "scheduled",
            "scheduledString": "varje vår",
        } }],
    });
    let created = app.post("/fhir/r4/CarePlan", &plan).expect(201).json();
    assert_eq!(content(created.clone()), plan);
    let r5 = app
        .get(&format!("/fhir/r5/CarePlan/{}", created["id"].as_str().unwrap()))
        .expect(200)
        .json();
    assert_eq!(r5["custodian"]["reference"], "Practitioner/x");
    assert_eq!(r5["contained"][0]["resourceType"], "ServiceRequest");
    assert_eq!(
        r5["activity"][0]["plannedActivityReference"]["reference"]
            .as_str()
            .unwrap()
            .chars()
            .next(),
        Some('#')
    );
}

#[test]
fn what_is_removed_in_one_version_does_not_live_on_for_the_other() {
    let app = spawn();
    put(&app, &patient("anna", None));
    // An extension of the conversion's own in a form it does not make: only the original itself brings it back.
    let strange = json!({
        "resourceType": "CareTeam",
        "extension": [{
            "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-CareTeam.reason",
            "valueString": "inget CodeableReference",
        }],
        "status": "active",
        "subject": { "reference": "Patient/anna" },
        "reasonCode": [{ "text": "hemlig anledning" }],
    });
    let created = app.post("/fhir/r4/CareTeam", &strange).expect(201).json();
    assert_eq!(content(created.clone()), strange);
    let path = format!("/fhir/r5/CareTeam/{}", created["id"].as_str().unwrap());
    let mut r5 = app.get(&path).expect(200).json();
    r5.as_object_mut().unwrap().remove("reason");
    app.put(&path, &r5).expect(200);
    for version in ["r4", "r5"] {
        let text = app.get(&path.replace("r5", version)).expect(200).text;
        assert!(!text.contains("hemlig"), "{text}");
    }
}

/// The national IG's own examples, unchanged, in R5 and then as R4 (everyday case; reference material beside the project).
#[test]
fn the_national_examples_are_taken_in_both_versions() {
    let folder = std::path::Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/national/inera-careteam"
    ));
    if !folder.exists() {
        println!("SKIPPED: the national examples are not beside the project");
        return;
    }
    let app = spawn();
    for name in [
        "Organization-ExampleOrganization",
        "Practitioner-ExamplePractitioner",
        "PractitionerRole-ExamplePractitionerRole",
        "Patient-ExamplePatient",
        "CareTeam-ExampleManagingTeam",
        "CareTeam-ExampleCareManager",
    ] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let resource: Value = serde_json::from_str(&text).unwrap();
        let path = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        let stored = app.put(&format!("/fhir/r5/{path}"), &resource).expect(201).json();
        let as_r4 = app.get(&format!("/fhir/r4/{path}")).expect(200).json();
        app.put(&format!("/fhir/r4/{path}"), &as_r4).expect(200);
        let again = app.get(&format!("/fhir/r5/{path}")).expect(200).json();
        assert_eq!(content(again), content(stored), "{name}");
    }
}
