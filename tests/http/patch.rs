//! PATCH: JSON Patch and FHIRPath Patch, through the same door as every update.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::common::{Answer, spawn, spawn_with};
use crate::concurrency::{WRITERS, count, on_both, side_by_side};
use crate::people::*;

fn parameters(operations: Vec<Value>) -> Value {
    let operations: Vec<Value> = operations
        .into_iter()
        .map(|parts| json!({ "name": "operation", "part": parts }))
        .collect();
    json!({ "resourceType": "Parameters", "parameter": operations })
}

/// A FHIRPath Patch that sets a value where `path` leads.
fn replace(path: &str, value: &str, with: Value) -> Value {
    parameters(vec![json!([
        { "name": "type", "valueCode": "replace" },
        { "name": "path", "valueString": path },
        { "name": "value", value: with },
    ])])
}

fn add(path: &str, name: &str, value: &str, with: Value) -> Value {
    parameters(vec![json!([
        { "name": "type", "valueCode": "add" },
        { "name": "path", "valueString": path },
        { "name": "name", "valueString": name },
        { "name": "value", value: with },
    ])])
}

fn issue(answer: &Answer) -> Value {
    outcome(answer)["issue"][0].clone()
}

#[test]
fn a_json_patch_makes_a_new_version() {
    let app = spawn();
    for version in ["r4", "r5"] {
        let path = format!("/fhir/{version}/Patient/{version}");
        put(&app, &patient(version, None));
        let patch = json!([
            { "op": "test", "path": "/name/0/family", "value": "Prov" },
            { "op": "replace", "path": "/name/0/family", "value": "Ny" },
            { "op": "add", "path": "/active", "value": true },
            { "op": "add", "path": "/name/-", "value": { "text": "Två" } },
            { "op": "move", "from": "/name/1", "path": "/name/0" },
            { "op": "remove", "path": "/name/1/given" },
        ]);
        let answer = app.patch(&path, &[], &patch).expect(200);
        assert_eq!(answer.header("etag"), Some("W/\"2\""));
        assert_eq!(
            answer.header("location"),
            Some(format!("{}{path}/_history/2", app.base).as_str())
        );
        let resource = answer.json();
        assert_eq!(resource["name"], json!([{ "text": "Två" }, { "family": "Ny" }]));
        assert_eq!(resource["active"], true);
        assert_eq!(app.get(&path).expect(200).text, answer.text);
        let minimal = app
            .patch(&path, &[("Prefer", "return=minimal")], &json!([]))
            .expect(200);
        assert_eq!(minimal.text, "");
    }
}

#[test]
fn a_fhirpath_patch_makes_a_new_version() {
    let app = spawn();
    for version in ["r4", "r5"] {
        let path = format!("/fhir/{version}/Patient/{version}");
        put(&app, &patient(version, None));
        let answer = app
            .patch(
                &path,
                &[],
                &add("Patient", "birthDate", "valueDate", json!("1950-09-07")),
            )
            .expect(200);
        assert_eq!(answer.json()["birthDate"], "1950-09-07");
        assert_eq!(answer.header("etag"), Some("W/\"2\""));
        let given = replace(
            "Patient.name.where(family = 'Prov').given[0]",
            "valueString",
            json!("Ny"),
        );
        let answer = app.patch(&path, &[], &given).expect(200);
        assert_eq!(answer.json()["name"][0]["given"], json!(["Ny"]));
        let contact = parameters(vec![json!([
            { "name": "type", "valueCode": "add" },
            { "name": "path", "valueString": "Patient" },
            { "name": "name", "valueString": "contact" },
            { "name": "value", "part": [
                { "name": "name", "valueHumanName": { "text": "Anhörig" } },
                { "name": "gender", "valueCode": "female" },
            ] },
        ])]);
        let answer = app.patch(&path, &[], &contact).expect(200);
        assert_eq!(
            answer.json()["contact"],
            json!([{ "name": { "text": "Anhörig" }, "gender": "female" }])
        );
    }
}

#[test]
fn a_caller_patches_what_he_sees_in_his_version() {
    let app = spawn();
    orebro(&app);
    let contact = fast_kontakt("anna", "1", "vc-lakare").merged(&json!({ "id": "k" }));
    put(&app, &contact);
    // Only R4 has several roles, as a list.
    let role = json!([{ "op": "add", "path": "/participant/0/role/-", "value": { "text": "Samordnare" } }]);
    let r4 = app.patch("/fhir/r4/CareTeam/k", &[], &role).expect(200).json();
    assert_eq!(r4["participant"][0]["role"][1]["text"], "Samordnare");
    let answer = app.patch("/fhir/r5/CareTeam/k", &[], &role).expect(400);
    assert_eq!(answer.expressions(), ["CareTeam.participant[0].role"]);
    let r5 = app
        .patch(
            "/fhir/r5/CareTeam/k",
            &[],
            &replace("CareTeam.participant[0].role.text", "valueString", json!("Kontakt")),
        )
        .expect(422);
    assert_eq!(issue(&r5)["expression"][0], "Parameters.parameter[0]");
    let r5 = app
        .patch(
            "/fhir/r5/CareTeam/k",
            &[],
            &add("CareTeam.participant[0].role", "text", "valueString", json!("Kontakt")),
        )
        .expect(200)
        .json();
    assert_eq!(r5["participant"][0]["role"]["text"], "Kontakt");
    let r4 = app.get("/fhir/r4/CareTeam/k").expect(200).json();
    assert_eq!(r4["participant"][0]["role"][0]["text"], "Kontakt");
    assert_eq!(
        r4["participant"][0]["role"][1]["text"], "Samordnare",
        "what R5 does not show is kept"
    );
}

#[test]
fn the_riktlinje_judges_what_a_patch_makes() {
    let app = spawn();
    orebro(&app);
    put(
        &app,
        &fast_kontakt("anna", "2", "vc-lakare").merged(&json!({ "id": "k" })),
    );
    let nurse = json!([{
        "op": "replace",
        "path": "/participant/0/member/reference",
        "value": "PractitionerRole/vc-skoterska",
    }]);
    for version in ["r4", "r5"] {
        let refused = app
            .patch(&format!("/fhir/{version}/CareTeam/k"), &[], &nurse)
            .expect(422);
        assert_eq!(refused.refused_by(), ["FLK-01"]);
        assert!(
            refused.expressions()[0].starts_with("CareTeam.participant[0]"),
            "{}",
            refused.text
        );
    }
    assert_eq!(
        app.get("/fhir/r5/CareTeam/k").expect(200).header("etag"),
        Some("W/\"1\""),
        "nothing was stored"
    );
    // The physician loses the licence: what was stored before may still be ended (GEN-02).
    let [practitioner, _] = staff("vc-lakare", "SJ", "201011", "vc");
    put(&app, &practitioner);
    let end = json!([{ "op": "add", "path": "/period/end", "value": "2026-03-10" }]);
    app.patch("/fhir/r5/CareTeam/k", &[], &end).expect(200);
}

#[test]
fn a_patch_that_does_not_fit_is_422() {
    let app = spawn();
    put(&app, &patient("p", None));
    for patch in [
        json!([{ "op": "test", "path": "/name/0/family", "value": "Annan" }]),
        json!([{ "op": "remove", "path": "/birthDate" }]),
        json!([{ "op": "replace", "path": "/name/7/family", "value": "x" }]),
        json!([{ "op": "add", "path": "/contact/-", "value": {} }]),
        json!([{ "op": "move", "from": "/name", "path": "/name/0" }]),
        replace("Patient.gender", "valueCode", json!("female")),
        add("Patient.contact", "gender", "valueCode", json!("female")),
    ] {
        let answer = app.patch("/fhir/r5/Patient/p", &[], &patch).expect(422);
        assert_eq!(issue(&answer)["code"], "processing", "{}", answer.text);
    }
    // All changes or none.
    let patch = json!([
        { "op": "add", "path": "/active", "value": true },
        { "op": "test", "path": "/active", "value": false },
    ]);
    app.patch("/fhir/r5/Patient/p", &[], &patch).expect(422);
    let stored = app.get("/fhir/r5/Patient/p").expect(200);
    assert_eq!(stored.header("etag"), Some("W/\"1\""));
    assert!(stored.json().get("active").is_none());
}

#[test]
fn a_patch_that_is_wrong_is_400() {
    let app = spawn();
    put(&app, &patient("p", None));
    let body = patient("p", None);
    for patch in [
        json!([{ "op": "spam", "path": "/active" }]),
        json!([{ "op": "add", "path": "active", "value": true }]),
        json!([{ "op": "add", "path": "/active" }]),
        // What comes out is no Patient, or another one.
        json!([{ "op": "add", "path": "/active", "value": "yes" }]),
        json!([{ "op": "add", "path": "/nonsense", "value": 1 }]),
        json!([{ "op": "remove", "path": "/name/0" }]),
        json!([{ "op": "replace", "path": "/id", "value": "other" }]),
        json!([{ "op": "remove", "path": "/id" }]),
        json!([{ "op": "replace", "path": "/resourceType", "value": "Person" }]),
        json!([{ "op": "replace", "path": "", "value": 1 }]),
        body,
        parameters(vec![json!([{ "name": "type", "valueCode": "delete" }])]),
        replace("Patient.name.first().resolve()", "valueString", json!("x")),
        replace("Patient.id", "valueId", json!("other")),
        add("Patient", "gender", "valueCode", json!("nonsense")),
        add("Patient", "gender", "valueBoolean", json!(true)),
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": "x" }] }),
    ] {
        app.patch("/fhir/r5/Patient/p", &[], &patch).expect(400);
    }
    for body in [
        "",
        "{",
        "[{\"op\":\"remove\",\"op\":\"add\",\"path\":\"/a\"}]",
        "{}",
        "null",
    ] {
        let headers = [("Content-Type", "application/json-patch+json")];
        app.send("PATCH", "/fhir/r5/Patient/p", &headers, Some(body.as_bytes()))
            .expect(400);
    }
    let headers = [
        ("Content-Type", "application/json-patch+json"),
        ("Accept-Language", "en"),
    ];
    let answer = app
        .send("PATCH", "/fhir/r5/Patient/p", &headers, Some(b"{\"op\":\"add\"}"))
        .expect(400);
    assert!(answer.text.contains("not a JSON array"), "{}", answer.text);
    assert_eq!(
        app.get("/fhir/r5/Patient/p").expect(200).header("etag"),
        Some("W/\"1\"")
    );
}

#[test]
fn the_servers_own_members_are_not_the_patchs() {
    let app = spawn();
    put(&app, &patient("p", None));
    let patch = json!([
        { "op": "test", "path": "/meta/versionId", "value": "1" },
        { "op": "replace", "path": "/meta/versionId", "value": "77" },
        { "op": "add", "path": "/meta/tag", "value": [{ "code": "x" }] },
    ]);
    let meta = app.patch("/fhir/r5/Patient/p", &[], &patch).expect(200).json()["meta"].clone();
    assert_eq!(meta["versionId"], "2");
    assert_eq!(meta["tag"][0]["code"], "x");
}

#[test]
fn digits_and_order_come_back_from_a_patch() {
    let app = spawn();
    let body = r#"{"resourceType":"Patient","id":"p","extension":[{"url":"http://example.org/kvot","valueDecimal":1.50}],"active":true,"gender":"female"}"#;
    let headers = [("Content-Type", "application/fhir+json")];
    app.send("PUT", "/fhir/r5/Patient/p", &headers, Some(body.as_bytes()))
        .expect(201);
    for version in ["r4", "r5"] {
        let patch = json!([{ "op": "test", "path": "/extension/0/valueDecimal", "value": 1.5 }]);
        app.patch(&format!("/fhir/{version}/Patient/p"), &[], &patch)
            .expect(200);
    }
    let patch = json!([{ "op": "remove", "path": "/active" }]);
    let text = app.patch("/fhir/r5/Patient/p", &[], &patch).expect(200).text;
    assert!(
        text.contains("1.50}") && text.ends_with(r#","gender":"female"}"#),
        "{text}"
    );
}

#[test]
fn a_narrative_that_was_generated_does_not_outlive_its_data() {
    let app = spawn();
    let text = |status: &str, words: &str| json!({ "status": status, "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{words}</div>") });
    let active = json!({ "op": "add", "path": "/active", "value": true });
    let new_text = json!({ "op": "replace", "path": "/text", "value": text("generated", "new") });
    for (status, patch, left) in [
        ("generated", json!([active]), None),
        ("extensions", json!([active]), None),
        ("additional", json!([active]), Some("old")),
        ("generated", json!([active, new_text]), Some("new")),
        ("generated", json!([]), Some("old")),
    ] {
        put(
            &app,
            &patient("p", None).merged(&json!({ "text": text(status, "old") })),
        );
        let resource = app.patch("/fhir/r5/Patient/p", &[], &patch).expect(200).json();
        let div = resource["text"]["div"].as_str();
        assert_eq!(div.is_some(), left.is_some(), "{status} {patch}");
        assert!(
            left.is_none_or(|words| div.is_some_and(|div| div.contains(words))),
            "{status} {patch}"
        );
        app.delete("/fhir/r5/Patient/p").expect(204);
    }
}

#[test]
fn if_match_holds_for_a_patch() {
    let app = spawn();
    put(&app, &patient("p", None));
    let patch = json!([{ "op": "add", "path": "/active", "value": true }]);
    let stale = app
        .patch("/fhir/r5/Patient/p", &[("If-Match", "W/\"7\"")], &patch)
        .expect(412);
    assert_eq!(issue(&stale)["code"], "conflict");
    app.patch("/fhir/r5/Patient/p", &[("If-Match", "W/\"1\"")], &patch)
        .expect(200);
    app.patch("/fhir/r5/Patient/p", &[("If-Match", "W/\"1\"")], &patch)
        .expect(412);
    app.patch("/fhir/r5/Patient/p", &[("If-Match", "*")], &patch)
        .expect(200);
    app.patch("/fhir/r5/Patient/p", &[("If-Match", "three")], &patch)
        .expect(400);
    // The version is looked at before the patch is.
    let unfit = json!([{ "op": "remove", "path": "/photo" }]);
    app.patch("/fhir/r5/Patient/p", &[("If-Match", "W/\"1\"")], &unfit)
        .expect(412);
}

#[test]
fn what_is_not_there_cannot_be_patched() {
    let app = spawn();
    let patch = json!([]);
    app.patch("/fhir/r5/Patient/never", &[], &patch).expect(404);
    app.patch("/fhir/r5/Nonsense/never", &[], &patch).expect(404);
    put(&app, &patient("p", None));
    app.delete("/fhir/r5/Patient/p").expect(204);
    app.patch("/fhir/r5/Patient/p", &[], &patch).expect(410);
}

#[test]
fn the_kinds_of_patch_are_named() {
    let app = spawn();
    put(&app, &patient("p", None));
    let types = "application/json-patch+json, application/fhir+json, application/merge-patch+json";
    for content_type in [
        "application/xml-patch+xml",
        "text/plain",
        "application/fhir+json; fhirVersion=4.0",
    ] {
        let headers = [("Content-Type", content_type)];
        let answer = app
            .send("PATCH", "/fhir/r5/Patient/p", &headers, Some(b"[]"))
            .expect(415);
        assert_eq!(answer.header("accept-patch"), Some(types), "{content_type}");
    }
    for path in ["/fhir/r5/Patient/p", "/fhir/r5/Patient"] {
        let answer = app.send("OPTIONS", path, &[], None).expect(204);
        assert_eq!(answer.header("accept-patch"), Some(types));
        assert!(answer.header("allow").unwrap().contains("PATCH"));
    }
    let metadata = app.get("/fhir/r5/metadata").expect(200).json();
    let codes = metadata["rest"][0]["resource"][0]["interaction"].to_string();
    assert!(codes.contains("\"patch\""), "{codes}");
}

#[test]
fn a_conditional_patch_changes_the_one_that_matches() {
    let app = spawn();
    for version in ["r4", "r5"] {
        let path = format!("/fhir/{version}/Patient?identifier=http://journal.example|{version}");
        let patch = json!([{ "op": "add", "path": "/active", "value": true }]);
        app.patch(&path, &[], &patch).expect(404);
        let one = patient(version, None)
            .merged(&json!({ "identifier": [{ "system": "http://journal.example", "value": version }] }));
        put(&app, &one);
        let answer = app.patch(&path, &[], &patch).expect(200);
        assert_eq!(answer.json()["id"], version);
        app.patch(&path, &[], &replace("Patient.active", "valueBoolean", json!(false)))
            .expect(200);
        app.patch(&path, &[("If-Match", "W/\"1\"")], &patch).expect(412);
        put(&app, &one.clone().merged(&json!({ "id": format!("{version}-2") })));
        let many = app.patch(&path, &[], &patch).expect(412);
        assert_eq!(issue(&many)["code"], "multiple-matches");
        app.patch(&format!("/fhir/{version}/Patient"), &[], &patch).expect(400);
        app.patch(&format!("/fhir/{version}/Patient?nonsense=1"), &[], &patch)
            .expect(400);
    }
}

#[test]
fn parallel_patches_lose_nothing() {
    on_both(|app| {
        put(app, &patient("p", None));
        let plan = json!({ "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan",
            "subject": { "reference": "Patient/p" }, "note": [{ "text": "first" }] });
        put(app, &plan);
        let statuses = side_by_side(|number| {
            let note = json!({ "text": format!("note {number}") });
            match number % 3 {
                0 => app.patch(
                    "/fhir/r5/CarePlan/plan",
                    &[],
                    &json!([{ "op": "add", "path": "/note/-", "value": note }]),
                ),
                1 => app.patch(
                    "/fhir/r4/CarePlan?_id=plan",
                    &[],
                    &json!([{ "op": "add", "path": "/note/0", "value": note }]),
                ),
                _ => app.patch(
                    "/fhir/r4/CarePlan/plan",
                    &[],
                    &add("CarePlan", "note", "valueAnnotation", note),
                ),
            }
            .status
        });
        assert_eq!(count(&statuses, 200), WRITERS, "{statuses:?}");
        let stored = app.get("/fhir/r5/CarePlan/plan").expect(200).json();
        assert_eq!(stored["note"].as_array().unwrap().len(), WRITERS + 1);
        assert_eq!(stored["meta"]["versionId"], (WRITERS + 1).to_string());
    });
}

#[test]
fn a_patch_under_if_match_wins_once() {
    on_both(|app| {
        put(app, &patient("p", None));
        let patch = json!([{ "op": "add", "path": "/active", "value": true }]);
        let statuses = side_by_side(|_| {
            app.patch("/fhir/r5/Patient/p", &[("If-Match", "W/\"1\"")], &patch)
                .status
        });
        assert_eq!(count(&statuses, 200), 1, "{statuses:?}");
        assert_eq!(count(&statuses, 412), WRITERS - 1, "{statuses:?}");
    });
}

#[test]
fn hostile_patches_are_refused_in_time() {
    let app = spawn_with(|settings| settings.max_body_bytes = 256 * 1024);
    put(&app, &patient("p", None));
    let doubling: Vec<Value> = (0..200)
        .map(|number| json!({ "op": "copy", "from": "", "path": format!("/c{number}") }))
        .collect();
    let nesting: Vec<Value> = (0..200)
        .map(|_| json!({ "op": "copy", "from": "/name", "path": "/name/0/name" }))
        .collect();
    let many: Vec<Value> = (0..2000)
        .map(|_| json!({ "op": "test", "path": "", "value": 1 }))
        .collect();
    let deep = json!([{ "op": "add", "path": format!("/name{}", "/0".repeat(10_000)), "value": 1 }]);
    let long = replace(&format!("Patient{}", ".name".repeat(10_000)), "valueString", json!("x"));
    let nested = replace(
        &format!("Patient.name{}", ".where(x".repeat(200)),
        "valueString",
        json!("x"),
    );
    let extensions = parameters(
        (0..100)
            .map(|depth| {
                json!([
                    { "name": "type", "valueCode": "add" },
                    { "name": "path", "valueString": format!("Patient{}", ".extension".repeat(depth)) },
                    { "name": "name", "valueString": "extension" },
                    { "name": "value", "valueExtension": { "url": "http://example.org" } },
                ])
            })
            .collect(),
    );
    let started = std::time::Instant::now();
    for patch in [
        json!(doubling),
        json!(nesting),
        json!(many),
        deep,
        long,
        nested,
        extensions,
    ] {
        let answer = app.patch("/fhir/r5/Patient/p", &[], &patch);
        assert!(matches!(answer.status, 400 | 422), "{} {}", answer.status, answer.text);
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
    assert_eq!(
        app.get("/fhir/r5/Patient/p").expect(200).header("etag"),
        Some("W/\"1\"")
    );
}

/// A resource without what the server sets.
fn own(mut resource: Value) -> Value {
    if let Some(Value::Object(meta)) = resource.get_mut("meta") {
        meta.remove("versionId");
        meta.remove("lastUpdated");
        if meta.is_empty() {
            resource.as_object_mut().unwrap().remove("meta");
        }
    }
    resource
}

/// Changes of a patient, some of which fit.
fn changes() -> impl Strategy<Value = Value> {
    let paths = prop::sample::select(vec![
        "/name",
        "/name/0",
        "/name/1",
        "/name/-",
        "/name/0/family",
        "/name/0/given",
        "/name/0/given/0",
        "/name/0/given/1",
        "/name/0/given/-",
        "/active",
        "/gender",
        "/birthDate",
        "/id",
        "/nonsense",
        "/name/0/x/y",
        "/telecom",
        "/telecom/0",
        "/telecom/0/value",
        "",
    ]);
    let values = prop::sample::select(vec![
        json!("x"),
        json!(true),
        json!("female"),
        json!("1950-09-07"),
        json!({ "family": "F" }),
        json!([{ "text": "T" }]),
        json!([{ "system": "url", "value": "1" }]),
        json!({ "system": "email", "value": "2" }),
        json!(["A", "B"]),
        json!([]),
        json!(null),
        json!(1.50),
    ]);
    // Paths with values that are FHIR there, and any with any.
    let sound = prop::sample::select(vec![
        ("/active", json!(true)),
        ("/gender", json!("female")),
        ("/birthDate", json!("1950-09-07")),
        ("/name/-", json!({ "family": "F" })),
        ("/name/0", json!({ "text": "T" })),
        ("/name/0/family", json!("F")),
        ("/name/0/given/0", json!("A")),
        ("/name/0/given/-", json!("B")),
        ("/telecom", json!([{ "system": "url", "value": "1" }])),
        ("/telecom/0", json!({ "system": "email", "value": "2" })),
    ]);
    let any = (paths.clone(), values);
    let target = prop_oneof![3 => sound, 1 => any];
    let change = (0..7, target, paths).prop_map(|(op, (path, value), from)| match op {
        0..=2 => json!({ "op": "add", "path": path, "value": value }),
        3 => json!({ "op": "remove", "path": path }),
        4 => json!({ "op": "replace", "path": path, "value": value }),
        5 => json!({ "op": "move", "from": from, "path": path }),
        _ => json!({ "op": "copy", "from": from, "path": path }),
    });
    prop::collection::vec(change, 1..4).prop_map(Value::Array)
}

#[test]
fn a_patch_does_what_the_rfc_says_or_is_refused() {
    let app = spawn();
    let original =
        patient("p", None).merged(&json!({ "active": false, "telecom": [{ "system": "phone", "value": "0" }] }));
    let config = ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    // The same changes each time.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let fitted = std::cell::Cell::new(0);
    runner
        .run(&changes(), |patch| {
            put(&app, &original);
            let answer = app.patch("/fhir/r5/Patient/p", &[], &patch);
            let stored = own(app.get("/fhir/r5/Patient/p").expect(200).json());
            let mut naive = original.clone();
            let operations: json_patch::Patch = serde_json::from_value(patch).unwrap();
            let fits = json_patch::patch_unsafe(&mut naive, &operations).is_ok();
            match answer.status {
                200 => {
                    prop_assert!(fits);
                    prop_assert_eq!(&stored, &naive);
                    fitted.set(fitted.get() + 1);
                }
                400 => prop_assert!(fits, "a patch that does not fit is 422"),
                422 => prop_assert!(!fits, "{}", answer.text),
                other => prop_assert!(false, "{} {}", other, answer.text),
            }
            if answer.status != 200 {
                prop_assert_eq!(stored, original.clone());
            }
            Ok(())
        })
        .unwrap();
    assert!(fitted.get() > 10, "some must fit for the test to mean anything");
}
