//! Entries that mean what meets their criteria.

use serde_json::{Value, json};

use crate::bundles::*;
use crate::common::spawn;
use crate::people::*;

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
