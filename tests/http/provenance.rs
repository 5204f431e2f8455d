//! Every write is told of in a Provenance that the service makes in the same transaction.

use serde_json::{Value, json};

use crate::common::{TestApp, spawn};
use crate::issuer::*;
use crate::people::unit;

fn resources(bundle: &Value, kind: &str) -> Vec<Value> {
    let all = bundle["entry"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    all.iter()
        .map(|entry| &entry["resource"])
        .filter(|resource| resource["resourceType"] == kind)
        .cloned()
        .collect()
}

/// The Provenances of a resource, oldest first.
fn of(app: &TestApp, version: &str, target: &str) -> Vec<Value> {
    let found = app
        .get(&format!(
            "/fhir/{version}/Provenance?target={target}&_sort=_lastUpdated"
        ))
        .expect(200)
        .json();
    resources(&found, "Provenance")
}

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "active": true })
}

fn goal(id: &str, of: &str) -> Value {
    json!({
        "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": "Mål" },
        "subject": { "reference": format!("Patient/{of}") },
    })
}

#[test]
fn every_write_has_one_that_names_the_version_and_who() {
    let app = spawn();
    app.put("/fhir/r5/Patient/a", &patient("a")).expect(201);
    app.put("/fhir/r5/Goal/g", &goal("g", "a")).expect(201);
    let mut changed = goal("g", "a");
    changed["lifecycleStatus"] = json!("accepted");
    app.put("/fhir/r4/Goal/g", &changed).expect(200);
    app.delete("/fhir/r5/Goal/g").expect(204);
    for version in ["r4", "r5"] {
        let told = of(&app, version, "Goal/g");
        let activities: Vec<&Value> = told.iter().map(|it| &it["activity"]["coding"][0]["code"]).collect();
        assert_eq!(activities, ["CREATE", "UPDATE", "DELETE"]);
        for (provenance, number) in told.iter().zip(1..) {
            let target = format!("Goal/g/_history/{number}");
            assert_eq!(provenance["target"], json!([{ "reference": target }]));
            assert_eq!(provenance["agent"][0]["who"]["display"], "open");
        }
        // It comes with what it tells of.
        let found = app
            .get(&format!("/fhir/{version}/Patient?_id=a&_revinclude=Provenance:target"))
            .expect(200);
        assert_eq!(resources(&found.json(), "Provenance").len(), 1);
        let by_patient = app
            .get(&format!("/fhir/{version}/Provenance?patient=Patient/a"))
            .expect(200)
            .json();
        assert!(!resources(&by_patient, "Provenance").is_empty());
    }
    // A refused write leaves none.
    let before = of(&app, "r5", "Goal/g").len();
    app.put("/fhir/r5/Goal/g", &json!({ "resourceType": "Goal", "id": "g" }))
        .expect(400);
    assert_eq!(of(&app, "r5", "Goal/g").len(), before);
}

#[test]
fn a_transaction_has_one_for_each_patient_and_a_callers_own_stays_his() {
    let app = spawn();
    let put = |resource: Value| {
        let url = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
    };
    let own = json!({
        "resourceType": "Provenance", "id": "own", "target": [{ "reference": "Goal/g" }],
        "recorded": "2026-03-10T12:00:00Z", "agent": [{ "who": { "display": "Journalsystemet" } }],
    });
    let entries = [patient("a"), patient("b"), goal("g", "a"), goal("h", "b"), own.clone()].map(put);
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    app.post("/fhir/r5", &bundle).expect(200);
    let told = of(&app, "r5", "Goal/g");
    assert_eq!(told.len(), 2, "the caller's and the service's");
    let service = told.iter().find(|it| it["id"] != "own").expect("the service's");
    assert_eq!(
        service["target"],
        json!([{ "reference": "Patient/a/_history/1" }, { "reference": "Goal/g/_history/1" }])
    );
    assert_eq!(service["patient"]["reference"], "Patient/a");
    // The service's cannot be changed or deleted, by any way; the caller's own can.
    let id = service["id"].as_str().expect("an id");
    let address = format!("/fhir/r5/Provenance/{id}");
    app.put(&address, service).expect(403);
    app.delete(&address).expect(403);
    let patch = json!([{ "op": "remove", "path": "/activity" }]);
    app.patch(&address, &[], &patch).expect(403);
    let delete = json!({ "request": { "method": "DELETE", "url": format!("Provenance/{id}") } });
    app.post(
        "/fhir/r5",
        &json!({ "resourceType": "Bundle", "type": "transaction", "entry": [delete] }),
    )
    .expect(403);
    app.get(&address).expect(200);
    app.get(&format!("{address}/_history/1")).expect(200);
    app.delete("/fhir/r5/Provenance/own").expect(204);
    // The attempts stand in the log.
    let denied = app
        .get("/fhir/r5/AuditEvent?outcome=error&_count=10")
        .expect(200)
        .json();
    assert_eq!(resources(&denied, "AuditEvent").len(), 4);
}

#[test]
fn a_fast_kontakt_is_appointed_on_behalf_of_the_unit_and_its_verksamhetschef() {
    let app = spawn();
    let unit = json!({
        "resourceType": "Organization", "id": "vc", "name": "Vårdcentralen",
        "contact": [{ "purpose": { "text": "Verksamhetschef" }, "name": [{ "text": "Kim Exempel" }] }],
    });
    app.put("/fhir/r5/Organization/vc", &unit).expect(201);
    app.put("/fhir/r5/Patient/a", &patient("a")).expect(201);
    let stay = json!({
        "resourceType": "EpisodeOfCare", "id": "e", "status": "active", "patient": { "reference": "Patient/a" },
        "managingOrganization": { "reference": "Organization/vc" },
    });
    app.put("/fhir/r5/EpisodeOfCare/e", &stay).expect(201);
    for version in ["r4", "r5"] {
        let told = of(&app, version, "EpisodeOfCare/e");
        assert_eq!(
            told[0]["agent"][0]["onBehalfOf"],
            json!({ "reference": "Organization/vc", "display": "Kim Exempel, verksamhetschef" })
        );
    }
}

#[test]
fn what_one_unit_keeps_is_told_of_together_also_what_does_not_state_it() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let system = issuer.token(&system(&app, "system/*.cruds"));
    let staff = issuer.token(&medarbetare(&app, "user/*.cruds"));
    let put = |app: &TestApp, token: &str, resource: &Value| {
        let path = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        app.put_with(
            &format!("/fhir/r5/{path}"),
            &[("Authorization", &format!("Bearer {token}"))],
            resource,
        )
        .expect(201);
    };
    let mut vc = unit("vc", VARDENHET);
    vc["partOf"] = json!({ "reference": "Organization/vg" });
    let together = |person: &Value| {
        let episode = json!({
            "resourceType": "EpisodeOfCare", "id": "e", "status": "active", "patient": { "reference": "Patient/a" },
            "managingOrganization": { "reference": "Organization/vc" },
        });
        let entry =
            |resource: Value, url: &str| json!({ "resource": resource, "request": { "method": "PUT", "url": url } });
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            entry(person.clone(), "Patient/a"), entry(goal("g", "a"), "Goal/g"), entry(episode, "EpisodeOfCare/e"),
        ] })
    };
    put(&app, &system, &unit("vg", VARDGIVARE));
    put(&app, &system, &vc);
    let bearer = format!("Bearer {staff}");
    let bearer = [("Authorization", bearer.as_str())];
    app.post_with("/fhir/r5", &bearer, &together(&patient("a"))).expect(200);
    let told = |target: &str| {
        let found = app
            .send("GET", &format!("/fhir/r5/Provenance?target={target}"), &bearer, None)
            .expect(200);
        resources(&found.json(), "Provenance")
    };
    let of_the_goal = told("Goal/g");
    assert_eq!(of_the_goal, told("EpisodeOfCare/e"));
    assert_eq!(of_the_goal.len(), 1);
    assert_eq!(of_the_goal[0]["agent"][0]["onBehalfOf"]["reference"], "Organization/vc");
    // Whose the goal is nobody knows in open mode: it is not told to be the unit's.
    let open = spawn();
    open.put("/fhir/r5/Organization/vg", &unit("vg", VARDGIVARE))
        .expect(201);
    open.put("/fhir/r5/Organization/vc", &vc).expect(201);
    open.post("/fhir/r5", &together(&patient("a"))).expect(200);
    let of_the_goal = of(&open, "r5", "Goal/g");
    assert_eq!(of_the_goal.len(), 1);
    assert_eq!(of_the_goal[0]["agent"][0].get("onBehalfOf"), None);
    assert_ne!(of_the_goal, of(&open, "r5", "EpisodeOfCare/e"));
}

#[test]
fn a_callers_own_calls_nobody_by_another_name_and_tells_of_what_is_there() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let system = issuer.token(&system(&app, "system/*.cruds"));
    let staff = issuer.token(&medarbetare(&app, "user/*.cruds"));
    let send = |token: &str, path: &str, resource: &Value| {
        let bearer = format!("Bearer {token}");
        match path.contains('/') {
            true => app.put_with(&format!("/fhir/r5/{path}"), &[("Authorization", &bearer)], resource),
            false => app.post_with(&format!("/fhir/r5/{path}"), &[("Authorization", &bearer)], resource),
        }
    };
    send(&system, "Organization/vg", &unit("vg", VARDGIVARE)).expect(201);
    let mut vc = unit("vc", VARDENHET);
    vc["partOf"] = json!({ "reference": "Organization/vg" });
    let system_of_hsa = vc["identifier"][0]["system"].clone();
    let by_id = |value: &str| json!({ "identifier": { "system": system_of_hsa, "value": value } });
    send(&system, "Organization/vc", &vc).expect(201);
    let person = json!({
        "resourceType": "Practitioner", "id": "p", "name": [{ "family": "Testsson", "given": ["Test", "Exempel"] }],
        "identifier": [by_id("SE2321000164-P1")["identifier"]],
    });
    send(&system, "Practitioner/p", &person).expect(201);
    let role = json!({
        "resourceType": "PractitionerRole", "id": "r", "practitioner": { "reference": "Practitioner/p" },
        "organization": { "reference": "Organization/vc" },
    });
    send(&system, "PractitionerRole/r", &role).expect(201);
    send(&staff, "Patient/a", &patient("a")).expect(201);
    send(&staff, "Goal/g", &goal("g", "a")).expect(201);
    let told = |who: Value| {
        json!({
            "resourceType": "Provenance", "target": [{ "reference": "Goal/g" }], "patient": { "reference": "Patient/a" },
            "recorded": "2026-03-10T12:00:00Z", "agent": [{ "who": who }],
        })
    };
    let called = |mut who: Value, name: &str| {
        who["display"] = json!(name);
        who
    };
    let herself = || by_id("SE2321000164-P1");
    let at = |kind: &str| json!({ "reference": kind });
    for who in [
        herself(),
        called(herself(), "Test Testsson"),
        called(at("Practitioner/p"), "test exempel  testsson"),
        called(at("PractitionerRole/r"), "Test Testsson"),
        called(at("PractitionerRole/r"), "Testvårdcentralen"),
        called(at("Organization/vc"), "Testvårdcentralen"),
    ] {
        send(&staff, "Provenance", &told(who)).expect(201);
    }
    // A program without an HSA-id is named as the service names it.
    let program = |name: &str| json!({ "type": "Device", "identifier": { "value": name } });
    send(&system, "Provenance", &told(program("klient"))).expect(201);
    send(&system, "Provenance", &told(program("another"))).expect(403);
    send(&staff, "Provenance", &told(program("u-1"))).expect(403);
    let name = "Chefen vid enheten";
    for who in [
        called(herself(), name),
        called(at("Practitioner/p"), name),
        called(at("PractitionerRole/r"), name),
        called(at("Organization/vc"), "Regionen"),
        called(at("Practitioner/p"), "Testvårdcentralen"),
    ] {
        let refused = send(&staff, "Provenance", &told(who)).expect(400);
        assert_eq!(refused.expressions(), ["Provenance.agent[0].who.display"]);
    }
    let mut behalf = told(herself());
    behalf["agent"][0]["onBehalfOf"] = called(by_id(VARDENHET), "Regionen");
    let refused = send(&staff, "Provenance", &behalf).expect(400);
    assert_eq!(refused.expressions(), ["Provenance.agent[0].onBehalfOf.display"]);
    let mut contained = told(at("#p"));
    contained["contained"] = json!([{
        "resourceType": "Practitioner", "id": "p", "name": [{ "text": name }], "identifier": person["identifier"],
    }]);
    send(&staff, "Provenance", &contained).expect(400);
    contained["contained"][0]["name"] = person["name"].clone();
    send(&staff, "Provenance", &contained).expect(201);
    let entry =
        json!({ "resource": told(called(herself(), name)), "request": { "method": "POST", "url": "Provenance" } });
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
    let bearer = format!("Bearer {staff}");
    app.post_with("/fhir/r5", &[("Authorization", &bearer)], &bundle)
        .expect(400);
    // What it tells of.
    let of = |target: Value| {
        let mut told = told(herself());
        told["target"] = json!([target]);
        told
    };
    for target in ["Goal/g", "Goal/g/_history/1"] {
        send(&staff, "Provenance", &of(at(target))).expect(201);
    }
    for target in [
        at("Goal/g/_history/99"),
        at("Goal/nobody"),
        at("https://other.example.se/fhir/Goal/g"),
        at("DocumentReference/x"),
        json!({ "identifier": { "system": "https://example.se", "value": "1" } }),
        json!({ "display": "Något" }),
    ] {
        let answer = send(&staff, "Provenance", &of(target.clone()));
        assert_eq!(answer.status, 403, "{target}: {}", answer.text);
    }
}
