//! create, update, delete: statuses, headers, preconditions, versions.

use serde_json::json;

use crate::common::spawn;
use crate::people::patient;

#[test]
fn create_answers_where_the_resource_is_and_what_was_stored() {
    let app = spawn();
    let mut sent = patient("ignored", None);
    let answer = app.post("/fhir/r5/Patient", &sent).expect(201);
    let stored = answer.json();
    let id = stored["id"].as_str().unwrap();
    assert_ne!(id, "ignored", "the server gives the id");
    assert_eq!(answer.header("etag"), Some("W/\"1\""));
    assert_eq!(
        answer.header("location"),
        Some(format!("{}/fhir/r5/Patient/{id}/_history/1", app.base).as_str())
    );
    assert!(answer.header("last-modified").unwrap().ends_with("GMT"));
    assert_eq!(stored["meta"]["versionId"], "1");
    assert_eq!(app.get(&format!("/fhir/r5/Patient/{id}")).expect(200).text, answer.text);
    sent["id"] = json!(id);
    sent["meta"] = stored["meta"].clone();
    assert_eq!(stored, sent, "nothing is lost and nothing is added");
}

#[test]
fn prefer_chooses_what_a_write_returns() {
    let app = spawn();
    let body = patient("x", None);
    let minimal = app
        .post_with("/fhir/r5/Patient", &[("Prefer", "return=minimal")], &body)
        .expect(201);
    assert_eq!(minimal.text, "");
    assert!(minimal.header("location").is_some());
    let outcome = app
        .post_with("/fhir/r5/Patient", &[("Prefer", "return=OperationOutcome")], &body)
        .expect(201);
    assert_eq!(outcome.json()["resourceType"], "OperationOutcome");
    let whole = app
        .post_with("/fhir/r5/Patient", &[("Prefer", "return=representation")], &body)
        .expect(201);
    assert_eq!(whole.json()["resourceType"], "Patient");
}

#[test]
fn put_to_a_new_id_creates_and_then_counts_versions() {
    let app = spawn();
    let mut resource = patient("journal-4711", None);
    let first = app.put("/fhir/r5/Patient/journal-4711", &resource).expect(201);
    assert_eq!(first.header("etag"), Some("W/\"1\""));
    resource["active"] = json!(true);
    let second = app.put("/fhir/r5/Patient/journal-4711", &resource).expect(200);
    assert_eq!(second.header("etag"), Some("W/\"2\""));
    assert!(second.json()["meta"]["lastUpdated"].as_str() >= first.json()["meta"]["lastUpdated"].as_str());
    assert_eq!(
        app.get("/fhir/r5/Patient/journal-4711/_history/1").expect(200).text,
        first.text
    );
    assert_eq!(
        app.get("/fhir/r5/Patient/journal-4711/_history/2").expect(200).text,
        second.text
    );
    app.get("/fhir/r5/Patient/journal-4711/_history/3").expect(404);
}

#[test]
fn put_demands_the_id_of_the_address() {
    let app = spawn();
    let answer = app.put("/fhir/r5/Patient/another", &patient("one", None)).expect(400);
    assert_eq!(answer.expressions(), ["Patient.id"]);
    let mut without = patient("one", None);
    without.as_object_mut().unwrap().remove("id");
    app.put("/fhir/r5/Patient/one", &without).expect(400);
    app.put("/fhir/r5/Patient/not_an_id", &patient("not_an_id", None))
        .expect(400);
}

#[test]
fn if_match_guards_against_lost_updates() {
    let app = spawn();
    let resource = patient("p", None);
    app.put_with("/fhir/r5/Patient/p", &[("If-Match", "W/\"1\"")], &resource)
        .expect(412);
    app.put("/fhir/r5/Patient/p", &resource).expect(201);
    app.put_with("/fhir/r5/Patient/p", &[("If-Match", "W/\"1\"")], &resource)
        .expect(200);
    let stale = app
        .put_with("/fhir/r5/Patient/p", &[("If-Match", "W/\"1\"")], &resource)
        .expect(412);
    assert_eq!(stale.json()["issue"][0]["code"], "conflict");
    app.put_with("/fhir/r5/Patient/p", &[("If-Match", "three")], &resource)
        .expect(400);
    app.send("DELETE", "/fhir/r5/Patient/p", &[("If-Match", "W/\"1\"")], None)
        .expect(412);
    app.put_with("/fhir/r5/Patient/p", &[("If-None-Match", "*")], &resource)
        .expect(412);
    app.put_with(
        "/fhir/r5/Patient/q",
        &[("If-None-Match", "W/\"1\"")],
        &patient("q", None),
    )
    .expect(400);
    app.put_with("/fhir/r5/Patient/q", &[("If-None-Match", "*")], &patient("q", None))
        .expect(201);
}

#[test]
fn if_match_may_name_several_versions() {
    let app = spawn();
    let resource = patient("p", None);
    for base in ["/fhir/r5", "/fhir/r4"] {
        let path = format!("{base}/Patient/p{}", &base[7..]);
        let resource = resource.clone();
        let resource = crate::people::Merged::merged(resource, &json!({ "id": path.rsplit('/').next() }));
        app.put(&path, &resource).expect(201);
        let either = [("If-Match", "W/\"1\", W/\"2\"")];
        app.put_with(&path, &either, &resource).expect(200);
        let patch = json!([{ "op": "add", "path": "/active", "value": true }]);
        app.patch(&path, &either, &patch).expect(200);
        // Now it is version 3.
        app.put_with(&path, &either, &resource).expect(412);
        app.patch(&path, &either, &patch).expect(412);
        app.send("DELETE", &path, &either, None).expect(412);
        // A list may stand in several headers.
        let twice = [("If-Match", "W/\"8\""), ("If-Match", "W/\"9\", W/\"3\"")];
        app.put_with(&path, &twice, &resource).expect(200);
        app.put_with(&path, &twice, &resource).expect(412);
        for wrong in ["W/\"3\", *", "W/3", "W/\"3\" three"] {
            app.put_with(&path, &[("If-Match", wrong)], &resource).expect(400);
        }
        app.send("DELETE", &path, &[("If-Match", "W/\"3\",W/\"4\"")], None)
            .expect(204);
    }
}

/// Of two demands none is dropped.
#[test]
fn a_write_demands_one_thing_of_a_version() {
    let app = spawn();
    app.put("/fhir/r5/Patient/p", &patient("p", None)).expect(201);
    let both = [("If-Match", "W/\"1\""), ("If-None-Match", "*")];
    for path in ["/fhir/r5/Patient/p", "/fhir/r4/Patient?_id=p"] {
        app.put_with(path, &both, &patient("p", None)).expect(400);
    }
    app.send("DELETE", "/fhir/r5/Patient/p", &both, None).expect(400);
    let request = json!({ "method": "PUT", "url": "Patient/p", "ifMatch": "W/\"1\"", "ifNoneMatch": "*" });
    let entry = json!({ "resource": patient("p", None), "request": request });
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
    app.post("/fhir/r5", &bundle).expect(400);
    assert_eq!(
        app.get("/fhir/r5/Patient/p").expect(200).header("etag"),
        Some("W/\"1\"")
    );
}

#[test]
fn a_create_demands_nothing_of_a_version() {
    let app = spawn();
    for base in ["/fhir/r5", "/fhir/r4"] {
        for header in ["If-Match", "If-None-Match"] {
            for value in ["*", "W/\"1\""] {
                app.post_with(&format!("{base}/Patient"), &[(header, value)], &patient("x", None))
                    .expect(400);
            }
        }
        for member in ["ifMatch", "ifNoneMatch"] {
            let mut entry = json!({
                "resource": patient("x", None), "request": { "method": "POST", "url": "Patient" },
            });
            entry["request"][member] = json!("W/\"1\"");
            let mut bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
            let answer = app.post(base, &bundle).expect(200).json();
            assert_eq!(answer["entry"][0]["response"]["status"], "400 Bad Request", "{member}");
            bundle["type"] = json!("transaction");
            let answer = app.post(base, &bundle).expect(400);
            assert_eq!(answer.expressions(), ["Bundle.entry[0].request.ifMatch"]);
        }
    }
    assert_eq!(
        app.get("/fhir/r5/Patient?_summary=count").expect(200).json()["total"],
        0
    );
}

#[test]
fn delete_ends_and_put_begins_again() {
    let app = spawn();
    let resource = patient("p", None);
    app.delete("/fhir/r5/Patient/p").expect(404);
    app.put("/fhir/r5/Patient/p", &resource).expect(201);
    let deleted = app.delete("/fhir/r5/Patient/p").expect(204);
    assert_eq!(deleted.header("etag"), Some("W/\"2\""));
    app.delete("/fhir/r5/Patient/p").expect(204);
    let gone = app.get("/fhir/r5/Patient/p").expect(410);
    assert_eq!(gone.json()["issue"][0]["code"], "deleted");
    app.get("/fhir/r5/Patient/p/_history/2").expect(410);
    app.get("/fhir/r5/Patient/p/_history/1").expect(200);
    assert_eq!(
        app.put("/fhir/r5/Patient/p", &resource).expect(201).header("etag"),
        Some("W/\"3\"")
    );
    app.get("/fhir/r5/Patient/p").expect(200);
}

#[test]
fn digits_order_and_extensions_come_back() {
    let app = spawn();
    let body = r#"{"resourceType":"Patient","id":"p","extension":[{"url":"http://example.org/kvot","valueDecimal":1.50},
        {"url":"http://example.org/liten","valueDecimal":1.0E-7}],"_birthDate":{"extension":[{"url":"http://example.org/x","valueString":"y"}]},
        "name":[{"given":["A",null],"_given":[null,{"extension":[{"url":"http://example.org/x","valueString":"y"}]}],"family":"B"}]}"#;
    let headers = [("Content-Type", "application/json")];
    app.send("PUT", "/fhir/r5/Patient/p", &headers, Some(body.as_bytes()))
        .expect(201);
    let text = app.get("/fhir/r5/Patient/p").expect(200).text;
    assert!(text.contains("1.50}") && text.contains("1.0E-7}"), "{text}");
    assert!(text.find("_birthDate") < text.find("family"), "{text}");
    let text = app.get("/fhir/r4/Patient/p").expect(200).text;
    assert!(text.contains("1.50}") && text.contains("1.0E-7}"), "{text}");
}
