//! The transaction Bundle: all or nothing, references among its entries, rules once on the final state.

use std::collections::BTreeMap;
use std::sync::Mutex;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use serde_json::{Value, json};

use crate::common::{TestApp, spawn, spawn_with};
use crate::people::*;

pub fn bundle(entries: Vec<Value>) -> Value {
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

pub fn post(full_url: &str, resource: Value) -> Value {
    let kind = resource["resourceType"].clone();
    json!({ "fullUrl": full_url, "resource": resource, "request": { "method": "POST", "url": kind } })
}

pub fn put_entry(resource: Value) -> Value {
    let url = format!(
        "{}/{}",
        resource["resourceType"].as_str().unwrap(),
        resource["id"].as_str().unwrap()
    );
    json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
}

pub fn delete_entry(url: &str) -> Value {
    json!({ "request": { "method": "DELETE", "url": url } })
}

/// The statuses of a response Bundle's entries.
pub fn statuses(answer: &Value) -> Vec<&str> {
    let entries = answer["entry"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap())
        .collect()
}

/// Every version of everything, what the service tells of the writes included.
pub fn everything(app: &TestApp) -> Value {
    let mut found = app.get("/fhir/r5/_history?_count=1000").expect(200).json();
    assert!(found["link"].as_array().unwrap().len() == 1, "all on one page");
    found["entry"].take()
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
fn a_conditional_create_that_matches_is_answered_with_the_one_that_is_there() {
    for version in ["r4", "r5"] {
        let app = spawn();
        orebro(&app);
        let urn = "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001";
        let mut person = post(urn, patient("x", Some("195009072553")));
        person["request"]["ifNoneExist"] = json!("identifier=195009072553");
        let mut contact = fast_kontakt("x", "1", "vc-skoterska");
        contact["id"] = json!("k");
        if version == "r4" {
            contact["participant"][0]["role"] = json!([contact["participant"][0]["role"].clone()]);
        }
        contact["subject"]["reference"] = json!(urn);
        let entries = vec![put_entry(contact), person];
        let answer = app
            .post(&format!("/fhir/{version}"), &bundle(entries))
            .expect(200)
            .json();
        assert_eq!(statuses(&answer), ["201 Created", "200 OK"]);
        let there = &answer["entry"][1];
        assert_eq!(there["fullUrl"], format!("{}/fhir/{version}/Patient/anna", app.base));
        assert_eq!(there["response"]["etag"], "W/\"1\"");
        let contact = app.get("/fhir/r5/CareTeam/k").expect(200).json();
        assert_eq!(contact["subject"]["reference"], "Patient/anna");
    }
}

#[test]
fn conditional_updates_and_deletes_mean_the_one_that_matches() {
    let app = spawn();
    put(&app, &patient("anna", Some("195009072553")));
    put(&app, &patient("b", Some("194910100000")));
    let number = |number: &str| format!("Patient?identifier={number}");
    let mut update = put_entry(patient("anna", Some("195009072553")));
    update["request"]["url"] = json!(number("195009072553"));
    update["resource"].as_object_mut().unwrap().remove("id");
    let mut create = update.clone();
    create["request"]["url"] = json!(number("197705232382"));
    create["resource"]["identifier"][0]["value"] = json!("197705232382");
    let entries = vec![
        update.clone(),
        delete_entry(&number("194910100000")),
        create,
        delete_entry(&number("200001012384")),
    ];
    let answer = app.post("/fhir/r5", &bundle(entries)).expect(200).json();
    assert_eq!(
        statuses(&answer),
        ["200 OK", "204 No Content", "201 Created", "204 No Content"]
    );
    assert_eq!(
        app.get("/fhir/r5/Patient/anna").expect(200).header("etag"),
        Some("W/\"2\"")
    );
    app.get("/fhir/r5/Patient/b").expect(410);
    // The same resource by its id and by what it is.
    let answer = app
        .post("/fhir/r5", &bundle(vec![delete_entry("Patient/anna"), update.clone()]))
        .expect(400);
    assert_eq!(answer.expressions(), ["Bundle.entry[1]"]);
    // Several match.
    put(&app, &patient("twin", Some("195009072553")));
    let answer = app.post("/fhir/r5", &bundle(vec![update])).expect(412);
    assert_eq!(answer.expressions(), ["Bundle.entry[0].request.url"]);
}

#[test]
fn a_conditional_delete_makes_room_for_a_conditional_create() {
    for version in ["r5", "r4"] {
        let app = spawn();
        put(&app, &patient("old", Some("195009072553")));
        let mut create = post(
            "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001",
            patient("x", Some("195009072553")),
        );
        create["request"]["ifNoneExist"] = json!("identifier=195009072553");
        let delete = delete_entry("Patient?identifier=195009072553");
        for entries in [
            vec![delete.clone(), create.clone()],
            vec![create.clone(), delete.clone()],
        ] {
            let is_delete_first = entries[0] == delete;
            let answer = app
                .post(&format!("/fhir/{version}"), &bundle(entries))
                .expect(200)
                .json();
            let expected = match is_delete_first {
                true => ["204 No Content", "201 Created"],
                false => ["201 Created", "204 No Content"],
            };
            assert_eq!(statuses(&answer), expected, "{version}");
            let found = app.get("/fhir/r5/Patient?identifier=195009072553").expect(200).json();
            assert_eq!(found["entry"].as_array().unwrap().len(), 1, "{version}");
        }
        app.get("/fhir/r5/Patient/old").expect(410);
        // What is created without a condition comes after the delete, too.
        let answer = app
            .post(
                &format!("/fhir/{version}"),
                &bundle(vec![
                    post(
                        "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000002",
                        patient("x", Some("195009072553")),
                    ),
                    delete,
                ]),
            )
            .expect(200)
            .json();
        assert_eq!(statuses(&answer), ["201 Created", "204 No Content"]);
        // An update of the one that is deleted would hang on the order.
        let mut update = put_entry(patient("x", Some("195009072553")));
        update["request"]["url"] = json!("Patient?identifier=195009072553");
        update["resource"].as_object_mut().unwrap().remove("id");
        let delete = delete_entry("Patient?identifier=195009072553");
        app.post(&format!("/fhir/{version}"), &bundle(vec![delete, update]))
            .expect(400);
    }
}

#[test]
fn the_full_url_of_an_update_agrees_with_its_resource() {
    let app = spawn();
    let own = format!("{}/fhir/r5/Patient", app.base);
    for version in ["r5", "r4"] {
        for (full_url, is_good) in [
            (format!("{own}/p"), true),
            ("https://journal.example/fhir/Patient/p".to_owned(), true),
            ("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001".to_owned(), true),
            ("urn:oid:1.2.752.1".to_owned(), true),
            (format!("{own}/other"), false),
            ("https://journal.example/fhir/Patient/other".to_owned(), false),
            ("https://journal.example/fhir/Organization/p".to_owned(), false),
        ] {
            let mut entry = put_entry(patient("p", None));
            entry["fullUrl"] = json!(full_url);
            let path = format!("/fhir/{version}");
            let answer = app.post(&path, &bundle(vec![entry.clone()]));
            let in_batch = bundle(vec![entry]).merged(&json!({ "type": "batch" }));
            let in_batch = app.post(&path, &in_batch).expect(200).json();
            if is_good {
                answer.expect(200);
                assert_eq!(statuses(&in_batch), ["200 OK"], "{full_url}");
            } else {
                assert_eq!(
                    answer.expect(400).expressions(),
                    ["Bundle.entry[0].fullUrl"],
                    "{full_url}"
                );
                assert_eq!(statuses(&in_batch), ["400 Bad Request"], "{full_url}");
            }
        }
    }
}

/// An Organization that is created unless these criteria are met.
fn unit_unless(n: usize, criteria: &str, value: &str) -> Value {
    let organization = json!({
        "resourceType": "Organization", "name": format!("Rad {n}"),
        "identifier": [{ "system": "https://example.se/id", "value": value }],
    });
    let mut entry = post(
        &format!("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-00000000000{n}"),
        organization,
    );
    entry["request"]["ifNoneExist"] = json!(criteria);
    entry
}

const BY_ID: &str = "identifier=https://example.se/id|x";

#[test]
fn a_conditional_create_that_finds_is_a_read() {
    for version in ["r5", "r4"] {
        let (app, base) = (spawn(), format!("/fhir/{version}"));
        let there = json!({
            "resourceType": "Organization", "id": "x", "name": "Finns",
            "identifier": [{ "system": "https://example.se/id", "value": "x" }],
        });
        put(&app, &there);
        let before = everything(&app);
        // Twice the same, and by other criteria.
        let entries = vec![
            unit_unless(1, BY_ID, "x"),
            unit_unless(2, BY_ID, "x"),
            unit_unless(3, "name:exact=Finns", "x"),
        ];
        let answer = app.post(&base, &bundle(entries)).expect(200).json();
        assert_eq!(statuses(&answer), ["200 OK"; 3]);
        for entry in answer["entry"].as_array().unwrap() {
            assert_eq!(entry["fullUrl"], format!("{}{base}/Organization/x", app.base));
            assert_eq!(entry["response"]["etag"], "W/\"1\"");
        }
        assert_eq!(everything(&app), before, "nothing is written");
        // And written by another entry: it is found as it was before that (POST comes before PUT).
        for name in ["Ändrad", "Ändrad igen"] {
            let version = app.get("/fhir/r5/Organization/x").expect(200).json()["meta"]["versionId"].take();
            let update = put_entry(there.clone().merged(&json!({ "name": name })));
            let mut entries = vec![update, unit_unless(1, BY_ID, "x")];
            if name == "Ändrad igen" {
                entries.reverse();
            }
            let answer = app.post(&base, &bundle(entries)).expect(200).json();
            assert_eq!(statuses(&answer), ["200 OK"; 2]);
            let found = answer["entry"].as_array().unwrap().iter();
            let etags: Vec<&str> = found.filter_map(|it| it["response"]["etag"].as_str()).collect();
            let old = format!("W/\"{}\"", version.as_str().unwrap());
            assert!(etags.contains(&old.as_str()), "{etags:?}");
            let stored = app.get("/fhir/r5/Organization/x").expect(200).json();
            assert_eq!(stored["name"], name);
        }
        // Two that write the same are refused as ever.
        let update = put_entry(there.clone());
        let mut by_criteria = put_entry(there);
        by_criteria["request"]["url"] = json!(format!("Organization?{BY_ID}"));
        app.post(&base, &bundle(vec![update, by_criteria])).expect(400);
    }
}

#[test]
fn of_conditional_creates_under_the_same_criteria_one_creates_and_the_others_find() {
    for version in ["r5", "r4"] {
        let (app, base) = (spawn(), format!("/fhir/{version}"));
        let mut below = unit_unless(4, "identifier=https://example.se/id|y", "y");
        below["resource"]["partOf"] = json!({ "reference": unit_unless(3, "", "")["fullUrl"] });
        let entries = vec![
            below,
            unit_unless(1, BY_ID, "x"),
            unit_unless(2, &format!("Organization?{BY_ID}"), "x"),
            unit_unless(3, BY_ID, "x"),
        ];
        let answer = app
            .post_with(&base, &[("Prefer", "return=representation")], &bundle(entries))
            .expect(200)
            .json();
        assert_eq!(statuses(&answer), ["201 Created", "201 Created", "200 OK", "200 OK"]);
        let id = answer["entry"][1]["resource"]["id"].as_str().unwrap();
        for entry in &answer["entry"].as_array().unwrap()[1..] {
            assert_eq!(entry["resource"]["id"], id);
            assert_eq!(entry["resource"]["name"], "Rad 1", "the first one's");
            assert_eq!(entry["response"]["etag"], "W/\"1\"");
            let location = format!("{}{base}/Organization/{id}/_history/1", app.base);
            assert_eq!(entry["response"]["location"], location);
        }
        assert_eq!(
            answer["entry"][0]["resource"]["partOf"]["reference"],
            format!("Organization/{id}"),
            "the address of any of them means the one"
        );
        let found = app.get(&format!("/fhir/r5/Organization?{BY_ID}")).expect(200).json();
        assert_eq!(found["entry"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn conditional_creates_whose_outcome_would_hang_on_their_order_are_refused() {
    let app = spawn();
    let before = everything(&app);
    // By other criteria, which what the other creates meets.
    let other = unit_unless(2, "name=Rad", "x");
    let answer = app
        .post("/fhir/r5", &bundle(vec![unit_unless(1, BY_ID, "x"), other]))
        .expect(400);
    assert_eq!(answer.expressions(), ["Bundle.entry[0]", "Bundle.entry[1]"]);
    // Under the same criteria, which what they create does not meet.
    let entries = vec![unit_unless(1, BY_ID, "y"), unit_unless(2, BY_ID, "y")];
    let answer = app.post("/fhir/r5", &bundle(entries)).expect(400);
    assert_eq!(answer.expressions(), ["Bundle.entry[1]"]);
    assert_eq!(everything(&app), before);
}

#[test]
fn a_conditional_reference_means_the_one_that_matches_stored_or_just_written() {
    for version in ["r4", "r5"] {
        let app = spawn();
        orebro(&app);
        let contact = |id: &str, number: &str| {
            let mut contact = fast_kontakt("x", "1", "vc-skoterska");
            contact["id"] = json!(id);
            if version == "r4" {
                contact["participant"][0]["role"] = json!([contact["participant"][0]["role"].clone()]);
            }
            contact["subject"]["reference"] = json!(format!("Patient?identifier={number}"));
            put_entry(contact)
        };
        let base = format!("/fhir/{version}");
        app.post(&base, &bundle(vec![contact("stored", "195009072553")]))
            .expect(200);
        let person = post(
            "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001",
            patient("x", Some("197705232382")),
        );
        let answer = app
            .post(&base, &bundle(vec![contact("written", "197705232382"), person]))
            .expect(200)
            .json();
        let subject =
            |id: &str| app.get(&format!("/fhir/r5/CareTeam/{id}")).expect(200).json()["subject"]["reference"].clone();
        assert_eq!(subject("stored"), "Patient/anna");
        let written = answer["entry"][1]["fullUrl"].as_str().unwrap().to_owned();
        assert!(written.ends_with(subject("written").as_str().unwrap()), "{written}");

        let before = everything(&app);
        let answer = app
            .post(&base, &bundle(vec![contact("nobody", "200001012384")]))
            .expect(412);
        assert_eq!(answer.expressions(), ["Bundle.entry[0].resource.subject"]);
        let twin = post(
            "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001",
            patient("x", Some("195009072553")),
        );
        let answer = app
            .post(&base, &bundle(vec![contact("several", "195009072553"), twin]))
            .expect(412);
        assert_eq!(answer.expressions(), ["Bundle.entry[0].resource.subject"]);
        let answer = app
            .post(
                &base,
                &bundle(vec![contact("gone", "195009072553"), delete_entry("Patient/anna")]),
            )
            .expect(412);
        assert_eq!(answer.expressions(), ["Bundle.entry[0].resource.subject"]);
        assert_eq!(everything(&app), before, "nothing of the refused ones is left");
    }
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
