//! The transaction Bundle: all or nothing, in one order, rules once on the final state.

mod ordning;
mod questions;
mod references;
mod villkor;

use serde_json::{Value, json};

use crate::bundles::*;
use crate::common::{spawn, spawn_with};
use crate::people::*;

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
    let mut stray = fast_kontakt("x", "1", "y");
    stray["subject"]["reference"] = json!("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-00000000dead");
    let mut elsewhere = put_entry(person());
    elsewhere["request"]["url"] = json!("http://other.example/fhir/Patient/p");
    let mut unknown = put_entry(person());
    unknown["request"]["url"] = json!("Observation/1");
    let mut without_criteria = put_entry(person());
    without_criteria["request"]["url"] = json!("Patient");
    for (entries, expression) in [
        (vec![put_entry(person()), put_entry(person())], "Bundle.entry[1]"),
        (vec![put_entry(person()), delete_entry("Patient/p")], "Bundle.entry[1]"),
        (
            vec![post(urn, person()), post(urn, person())],
            "Bundle.entry[1].fullUrl",
        ),
        (vec![elsewhere], "Bundle.entry[0].request.url"),
        (vec![without_criteria], "Bundle.entry[0].request.url"),
        (vec![post(urn, stray)], "Bundle.entry[0].resource.subject"),
        (
            vec![post(urn, json!({ "resourceType": "Patient", "active": 1 }))],
            "Bundle.entry[0].resource.active",
        ),
        (
            vec![json!({ "request": { "method": "POST", "url": "Patient" } })],
            "Bundle.entry[0].resource",
        ),
    ] {
        let answer = app.post("/fhir/r5", &bundle(entries)).expect(400);
        assert!(
            answer.expressions().contains(&expression.to_owned()),
            "{expression}: {}",
            answer.text
        );
    }
    let answer = app.post("/fhir/r5", &bundle(vec![unknown])).expect(404);
    assert_eq!(answer.expressions(), ["Bundle.entry[0]"]);
    // The same by either method: there is such an address, and a batch is answered at it.
    let unit = json!({ "resourceType": "Organization", "name": "Prov" });
    for entry in [
        json!({ "request": { "method": "GET", "url": "Patient/p/$everything" } }),
        json!({ "request": { "method": "POST", "url": "Organization/$validate" }, "resource": unit }),
        json!({ "request": { "method": "POST", "url": "Patient/p/$validate" }, "resource": person() }),
        json!({ "request": { "method": "GET", "url": "metadata" } }),
    ] {
        for version in ["r4", "r5"] {
            let refused = app
                .post(&format!("/fhir/{version}"), &bundle(vec![entry.clone()]))
                .expect(400);
            assert_eq!(refused.expressions(), ["Bundle.entry[0].request.url"], "{entry}");
            assert_eq!(outcome(&refused)["issue"][0]["code"], "not-supported", "{entry}");
        }
    }
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
fn other_bundles_are_refused_with_what_to_do_instead() {
    let app = spawn();
    for version in ["r4", "r5"] {
        for kind in ["history", "collection", "searchset", "document"] {
            let answer = app
                .post(
                    &format!("/fhir/{version}"),
                    &json!({ "resourceType": "Bundle", "type": kind }),
                )
                .expect(400);
            if kind != "document" {
                assert_eq!(answer.expressions(), ["Bundle.type"]);
                assert!(answer.text.contains("transaction"), "{}", answer.text);
            }
        }
        app.post(&format!("/fhir/{version}"), &json!({ "resourceType": "Patient" }))
            .expect(400);
    }
}

#[test]
fn more_entries_than_configured_are_refused() {
    let app = spawn_with(|settings| {
        settings.max_transaction_entries = 2;
        settings.max_batch_entries = 1;
    });
    let people = |count: usize| (0..count).map(|n| put_entry(patient(&format!("p{n}"), None))).collect();
    app.post("/fhir/r5", &bundle(people(2))).expect(200);
    let answer = app.post("/fhir/r5", &bundle(people(3))).expect(400);
    assert_eq!(answer.expressions(), ["Bundle.entry"]);
    assert!(answer.text.contains("too-costly"), "{}", answer.text);
    let batch = |count| json!({ "resourceType": "Bundle", "type": "batch", "entry": Value::Array(people(count)) });
    app.post("/fhir/r5", &batch(1)).expect(200);
    app.post("/fhir/r5", &batch(2)).expect(400);
}

#[test]
fn deletes_come_first_and_answers_in_the_order_of_the_request() {
    for version in ["r4", "r5"] {
        let app = spawn();
        put(&app, &patient("old", Some("195009072553")));
        let mut new = post(
            "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001",
            patient("x", Some("195009072553")),
        );
        new["request"]["ifNoneExist"] = json!("identifier=195009072553");
        let answer = app
            .post(
                &format!("/fhir/{version}"),
                &bundle(vec![put_entry(patient("p", None)), new, delete_entry("Patient/old")]),
            )
            .expect(200)
            .json();
        let statuses: Vec<&str> = statuses(&answer);
        assert_eq!(
            statuses,
            ["201 Created", "201 Created", "204 No Content"],
            "the delete makes room for the conditional create"
        );
        assert_eq!(answer["entry"][2]["response"]["etag"], "W/\"2\"");
        app.get("/fhir/r5/Patient/old").expect(410);
        let found = app.get("/fhir/r5/Patient?identifier=195009072553").json();
        assert_eq!(found["entry"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn an_entry_that_deletes_what_never_was_fails_all() {
    let app = spawn();
    let before = everything(&app);
    let answer = app
        .post(
            "/fhir/r5",
            &bundle(vec![put_entry(patient("p", None)), delete_entry("Patient/nobody")]),
        )
        .expect(404);
    assert_eq!(answer.expressions(), ["Bundle.entry[1]"]);
    assert_eq!(everything(&app), before);
}

#[test]
fn a_contact_of_a_patient_deleted_in_the_same_transaction_is_judged_without_the_patient() {
    let app = spawn();
    orebro(&app);
    // The rule about the physician leans on the patient's region, not on the order of the entries.
    let mut contact = fast_kontakt("anna", "1", "vc-skoterska");
    contact["id"] = json!("k");
    let entries = [put_entry(contact), delete_entry("Patient/anna")];
    let first = app.post("/fhir/r5", &bundle(entries.to_vec()));
    let app = spawn();
    orebro(&app);
    let [one, two] = entries;
    let second = app.post("/fhir/r5", &bundle(vec![two, one]));
    assert_eq!(first.status, second.status, "{} {}", first.text, second.text);
    assert_eq!(first.refused_by(), second.refused_by());
}

#[test]
fn nothing_is_left_of_a_transaction_that_fails_late() {
    let app = spawn();
    orebro(&app);
    let before = everything(&app);
    let mut stale = put_entry(patient("anna", Some("195009072553")));
    stale["request"]["ifMatch"] = json!("W/\"9\"");
    let refused = post(
        "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000003",
        fast_kontakt("anna", "2", "vc-skoterska"),
    );
    for (late, status) in [(stale, 412), (refused, 422)] {
        let answer = app
            .post(
                "/fhir/r5",
                &bundle(vec![
                    put_entry(patient("new", None)),
                    delete_entry("PractitionerRole/vc-lakare-2"),
                    late,
                ]),
            )
            .expect(status);
        for expression in answer.expressions() {
            assert!(expression.starts_with("Bundle.entry[2]"), "{expression}");
        }
        assert_eq!(everything(&app), before);
    }
}

#[test]
fn reads_see_what_the_transaction_wrote_whatever_their_place() {
    for version in ["r4", "r5"] {
        let app = spawn();
        put(&app, &patient("old", Some("195009072553")));
        let get = |url: &str| json!({ "request": { "method": "GET", "url": url } });
        let base = format!("/fhir/{version}");
        let entries = vec![
            get("Patient/new"),
            get("Patient?identifier=195009072553"),
            put_entry(patient("new", Some("195009072553"))),
            delete_entry("Patient/old"),
            get("Patient/old/_history"),
            get("Patient/old/_history/1"),
            json!({ "request": { "method": "HEAD", "url": "Patient/new" } }),
        ];
        let answer = app.post(&base, &bundle(entries)).expect(200).json();
        assert_eq!(
            statuses(&answer),
            [
                "200 OK",
                "200 OK",
                "201 Created",
                "204 No Content",
                "200 OK",
                "200 OK",
                "200 OK"
            ]
        );
        let entry = |index: usize| &answer["entry"][index];
        assert_eq!(entry(0)["resource"]["id"], "new");
        assert_eq!(entry(0)["fullUrl"], format!("{}{base}/Patient/new", app.base));
        let found = entry(1)["resource"]["entry"].as_array().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["resource"]["id"], "new");
        assert!(!entry(1)["resource"]["link"].to_string().contains("195009072553"));
        assert_eq!(entry(4)["resource"]["entry"].as_array().unwrap().len(), 2);
        assert_eq!(entry(5)["resource"]["meta"]["versionId"], "1");
        assert!(entry(6).get("resource").is_none());

        let before = everything(&app);
        for (url, status) in [
            ("Patient/old", 410),
            ("Patient/nobody", 404),
            ("Patient?unknown=1", 400),
            ("Patient/new/$validate", 400),
        ] {
            let answer = app
                .post(&base, &bundle(vec![put_entry(patient("other", None)), get(url)]))
                .expect(status);
            assert!(
                answer.expressions()[0].starts_with("Bundle.entry[1]"),
                "{url}: {}",
                answer.text
            );
        }
        assert_eq!(everything(&app), before);
        let answer = app
            .post(&base, &bundle(vec![get("Patient/new"), get("Patient?_summary=count")]))
            .expect(200)
            .json();
        assert_eq!(answer["entry"][1]["resource"]["total"], 1);
    }
}

#[test]
fn patches_go_with_the_rest() {
    for version in ["r4", "r5"] {
        let app = spawn();
        put(&app, &patient("anna", Some("195009072553")));
        put(&app, &patient("b", None));
        let parameters = |path: &str, name: &str, value: Value| {
            json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": [
                { "name": "type", "valueCode": "add" },
                { "name": "path", "valueString": path },
                { "name": "name", "valueString": name },
                json!({ "name": "value" }).merged(&value),
            ] }] })
        };
        let patch =
            |url: &str, resource: Value| json!({ "resource": resource, "request": { "method": "PATCH", "url": url } });
        // [{"op":"add","path":"/active","value":true}]
        let binary = json!({
            "resourceType": "Binary", "contentType": "application/json-patch+json",
            "data": "W3sib3AiOiJhZGQiLCJwYXRoIjoiL2FjdGl2ZSIsInZhbHVlIjp0cnVlfV0=",
        });
        let urn = "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001";
        let organization = json!({ "resourceType": "Organization", "name": "Vårdcentralen", "identifier": [{ "system": "urn:oid:1.2.752.129.2.1.4.1", "value": "SE2321000164-0009" }] });
        let link = parameters(
            "Patient",
            "managingOrganization",
            json!({ "valueReference": { "reference": urn } }),
        );
        let base = format!("/fhir/{version}");
        let entries = vec![
            patch("Patient/b", link),
            patch("Patient?identifier=195009072553", binary.clone()),
            post(urn, organization),
        ];
        let answer = app.post(&base, &bundle(entries)).expect(200).json();
        assert_eq!(statuses(&answer), ["200 OK", "200 OK", "201 Created"]);
        assert_eq!(answer["entry"][0]["response"]["etag"], "W/\"2\"");
        let stored = |id: &str| app.get(&format!("/fhir/r5/Patient/{id}")).expect(200).json();
        assert_eq!(stored("anna")["active"], true);
        let organization = answer["entry"][2]["fullUrl"].as_str().unwrap();
        let reference = stored("b")["managingOrganization"]["reference"].clone();
        assert!(organization.ends_with(reference.as_str().unwrap()), "{reference}");

        let before = everything(&app);
        for (entries, status) in [
            (vec![patch("Patient/nobody", binary.clone())], 404),
            (vec![patch("Patient?identifier=200001012384", binary.clone())], 404),
            (
                vec![patch("Patient/b", binary.clone()), put_entry(patient("b", None))],
                400,
            ),
            (
                vec![patch("Patient/b", binary.clone()), patch("Patient/b", binary.clone())],
                400,
            ),
            (
                vec![
                    patch("Patient/b", binary.clone())
                        .merged(&json!({ "request": { "method": "PATCH", "url": "Patient/b", "ifMatch": "W/\"1\"" } })),
                ],
                412,
            ),
        ] {
            let answer = app.post(&base, &bundle(entries)).expect(status);
            assert!(answer.expressions()[0].starts_with("Bundle.entry["), "{}", answer.text);
        }
        assert_eq!(everything(&app), before);
    }
}

#[test]
fn a_thousand_entries_are_one_transaction() {
    // What Synthea makes of a life: a patient, and what refers to her by temporary addresses; staff by what they are.
    let app = spawn();
    orebro(&app);
    let urn = |number: usize| format!("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-{number:012}");
    let mut person = post(&urn(0), patient("x", Some("197705232382")));
    person["request"]["ifNoneExist"] = json!("identifier=197705232382");
    let mut entries = vec![person];
    for number in 1..1000 {
        let subject = json!({ "reference": urn(0) });
        let resource = match number % 3 {
            0 => json!({
                "resourceType": "Encounter", "status": "finished", "subject": subject,
                "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
                "period": { "start": "2025-01-01T10:00:00+01:00", "end": "2025-01-01T11:00:00+01:00" },
                "serviceProvider": { "reference": "Organization?identifier=SE2321000164-0001" },
            }),
            1 => json!({
                "resourceType": "Condition", "subject": subject,
                "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
                "code": { "text": "Prov" },
                "encounter": { "reference": urn(if number > 3 { number - 1 } else { 3 }) },
            }),
            _ => json!({
                "resourceType": "Goal", "subject": subject, "lifecycleStatus": "active", "description": { "text": "Prov" },
                "addresses": [{ "reference": urn(number - 1) }],
            }),
        };
        entries.push(post(&urn(number), resource));
    }
    let started = std::time::Instant::now();
    let answer = app.post("/fhir/r4", &bundle(entries)).expect(200).json();
    let took = started.elapsed();
    println!("1000 entries in {took:?}");
    assert_eq!(answer["entry"].as_array().unwrap().len(), 1000);
    assert!(statuses(&answer).iter().all(|status| *status == "201 Created"));
    let patient = answer["entry"][0]["fullUrl"].as_str().unwrap();
    let patient = patient.rsplit('/').next().unwrap();
    let found = app
        .get(&format!("/fhir/r4/Encounter?patient={patient}&_summary=count"))
        .json();
    assert_eq!(found["total"], 333);
    let encounter = answer["entry"][3]["fullUrl"].as_str().unwrap();
    let encounter = app.get(encounter.strip_prefix(app.base.as_str()).unwrap()).json();
    assert_eq!(encounter["serviceProvider"]["reference"], "Organization/vc");
    // A debug build on a busy machine.
    assert!(took < std::time::Duration::from_secs(45), "{took:?}");
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
