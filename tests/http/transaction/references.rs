//! References among the entries of a transaction, and to what is stored.

use serde_json::json;

use crate::bundles::*;
use crate::common::spawn;
use crate::people::*;

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
