//! What is refused, with which status, and that nothing of it is stored.

use serde_json::{Value, json};

use crate::common::{spawn, spawn_with};
use crate::people::{Merged, PERSONNUMMER, fast_kontakt, patient, put};

#[test]
fn unknown_types_and_interactions() {
    let app = spawn();
    for path in [
        "/fhir/r5/Observation",
        "/fhir/r5/Observation/1",
        "/fhir/r6/Patient/1",
        "/fhir",
        "/nowhere",
    ] {
        let answer = app.get(path).expect(404);
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{path}");
    }
    app.post("/fhir/r5/Observation", &json!({ "resourceType": "Observation" }))
        .expect(404);
    for (method, path) in [
        ("PUT", "/fhir/r5/metadata"),
        ("POST", "/fhir/r5/Patient/1"),
        ("DELETE", "/fhir/r5"),
        ("PUT", "/fhir/r5/Patient/1/_history/1"),
    ] {
        let answer = app.send(method, path, &[], None).expect(405);
        assert!(answer.header("allow").is_some(), "{method} {path}");
    }
    app.send("PUT", "/fhir/r5/Observation/1/_history", &[], None)
        .expect(404);
    // An operation that is not offered is no resource with a strange id.
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
        for path in ["Patient/$match", "Patient/%24match", "Patient/1/$match", "$versions"] {
            app.send(method, &format!("/fhir/r5/{path}"), &[], None).expect(404);
        }
    }
}

#[test]
fn an_address_of_ours_tells_its_methods_and_another_is_not_there() {
    let app = spawn();
    for base in ["/fhir/r5", "/fhir/r4"] {
        for path in ["Patient/x/*", "Patient/x/CareTeam", "Practitioner/x/*/_search"] {
            for method in ["PUT", "PATCH", "DELETE", "TRACE"] {
                let answer = app.send(method, &format!("{base}/{path}"), &[], None).expect(405);
                assert!(answer.header("allow").is_some(), "{method} {path}");
            }
            app.send("OPTIONS", &format!("{base}/{path}"), &[], None).expect(204);
        }
        app.send("POST", &format!("{base}/Patient/x/*"), &[], None).expect(405);
        for path in [
            "Foo",
            "Bundle",
            "Foo/1",
            "Bundle/1",
            "Foo/_search",
            "Foo/1/_history",
            "Patient/x/Organization",
        ] {
            let answer = app.send("OPTIONS", &format!("{base}/{path}"), &[], None).expect(404);
            assert_eq!(answer.header("allow"), None, "{path}");
            app.send("TRACE", &format!("{base}/{path}"), &[], None).expect(404);
        }
    }
}

#[test]
fn formats_and_media_types() {
    let app = spawn();
    crate::people::put(&app, &patient("p", None));
    for (accept, status) in [
        ("application/fhir+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("text/html,application/xhtml+xml", 200),
        ("application/fhir+json; fhirVersion=5.0", 200),
        ("application/fhir+json; fhirVersion=4.0", 406),
        ("application/fhir+xml", 406),
        ("application/fhir+xml, application/fhir+json;q=0.5", 200),
        ("application/fhir+json;q=0", 406),
    ] {
        let answer = app.send("GET", "/fhir/r5/Patient/p", &[("Accept", accept)], None);
        assert_eq!(answer.status, status, "{accept}");
    }
    for (format, status) in [
        ("json", 200),
        ("application/json", 200),
        ("application/fhir+json", 200),
        ("application/fhir%2Bjson", 200),
        ("application/fhir%2Bjson;fhirVersion=5.0", 200),
        ("application/fhir+json;%20fhirVersion=4.0", 406),
        ("xml", 406),
        ("application/fhir%2Bxml", 406),
        ("html", 406),
    ] {
        let path = format!("/fhir/r5/Patient/p?_format={format}");
        let answer = app.send("GET", &path, &[("Accept", "application/fhir+json")], None);
        assert_eq!(answer.status, status, "{format}");
    }
    let xml = app.send("GET", "/fhir/r5/Patient/p", &[("Accept", "application/fhir+xml")], None);
    assert_eq!(
        xml.header("content-type"),
        Some("application/fhir+json; fhirVersion=5.0; charset=utf-8")
    );

    let body = patient("p", None).to_string();
    for content_type in [
        "application/fhir+xml",
        "text/plain",
        "application/fhir+json; fhirVersion=4.0",
    ] {
        let headers = [("Content-Type", content_type)];
        app.send("PUT", "/fhir/r5/Patient/p", &headers, Some(body.as_bytes()))
            .expect(415);
    }
    app.send("PUT", "/fhir/r5/Patient/p", &[], Some(body.as_bytes()))
        .expect(415);
    assert_eq!(
        app.get("/fhir/r5/Patient/p").expect(200).header("etag"),
        Some("W/\"1\""),
        "nothing was stored"
    );
}

/// Each body is refused with an issue at the expression; the code is that of the issue type value set.
#[test]
fn bodies_that_are_not_fhir() {
    let app = spawn();
    let bad: &[(&str, &str, &str)] = &[
        ("not json", "", "structure"),
        ("[]", "", "structure"),
        (r#"{"resourceType":"Practitioner"}"#, "resourceType", "structure"),
        (
            r#"{"resourceType":"Patient","favourite":1}"#,
            "Patient.favourite",
            "structure",
        ),
        (
            r#"{"resourceType":"Patient","active":"yes"}"#,
            "Patient.active",
            "structure",
        ),
        (r#"{"resourceType":"Patient","name":[]}"#, "Patient.name", "structure"),
        (
            r#"{"resourceType":"Patient","name":[{}]}"#,
            "Patient.name[0]",
            "structure",
        ),
        (
            r#"{"resourceType":"Patient","gender":"okänt"}"#,
            "Patient.gender",
            "code-invalid",
        ),
        (
            r#"{"resourceType":"Patient","birthDate":"2024-02-30"}"#,
            "Patient.birthDate",
            "value",
        ),
    ];
    for (body, expression, code) in bad {
        let headers = [("Content-Type", "application/fhir+json")];
        let answer = app
            .send("POST", "/fhir/r5/Patient", &headers, Some(body.as_bytes()))
            .expect(400);
        let outcome = answer.json();
        assert_eq!(outcome["issue"][0]["code"], *code, "{body}: {outcome}");
        if !expression.is_empty() {
            assert_eq!(outcome["issue"][0]["expression"][0], *expression, "{body}: {outcome}");
        }
    }
    let none = app.get("/fhir/r5/Patient?_total=accurate").expect(200).json();
    assert_eq!(none["total"], 0, "nothing of it was stored");
}

#[test]
fn every_fault_is_told_at_once() {
    let app = spawn();
    let mut contact = fast_kontakt("p", "1", "x");
    contact["status"] = json!("aktiv");
    contact["okänd"] = json!(1);
    contact["period"]["start"] = json!("igår");
    let answer = app.post("/fhir/r5/CareTeam", &contact).expect(400);
    let mut expressions = answer.expressions();
    expressions.sort();
    assert!(expressions.len() >= 3, "{expressions:?}");
    assert!(expressions.contains(&"CareTeam.status".to_owned()), "{expressions:?}");
    assert!(
        expressions.contains(&"CareTeam.period.start".to_owned()),
        "{expressions:?}"
    );
}

#[test]
fn what_is_too_large_or_too_deep_is_refused_and_the_service_lives_on() {
    let app = spawn_with(|settings| {
        settings.max_body_bytes = 20_000;
        settings.max_depth = 20;
    });
    let mut large = patient("p", None);
    large["name"][0]["family"] = json!("x".repeat(30_000));
    let answer = app.put("/fhir/r5/Patient/p", &large).expect(413);
    assert_eq!(answer.json()["issue"][0]["code"], "too-long");
    let mut deep: Value = json!({ "url": "http://example.org/x", "valueBoolean": true });
    for _ in 0..30 {
        deep = json!({ "url": "http://example.org/x", "extension": [deep] });
    }
    let mut nested = patient("p", None);
    nested["extension"] = json!([deep]);
    app.put("/fhir/r5/Patient/p", &nested).expect(400);
    app.put("/fhir/r5/Patient/p", &patient("p", None)).expect(201);
}

#[test]
fn an_error_is_told_in_the_callers_language_and_never_repeats_a_number() {
    let app = spawn();
    let mut wrong = patient("p", Some("19500907-2553"));
    wrong["gender"] = json!("195009072553");
    let swedish = app.put("/fhir/r5/Patient/p", &wrong).expect(400);
    let english = app
        .put_with("/fhir/r5/Patient/p", &[("Accept-Language", "en, sv;q=0.5")], &wrong)
        .expect(400);
    assert_ne!(
        swedish.json()["issue"][0]["details"]["text"],
        english.json()["issue"][0]["details"]["text"]
    );
    wrong["gender"] = json!("female");
    let refused = app.put("/fhir/r5/Patient/p", &wrong).expect(422);
    assert_eq!(refused.refused_by(), ["ID-01"]);
    for answer in [&swedish, &english, &refused] {
        assert!(!answer.text.contains("2553"), "{}", answer.text);
    }
}

#[test]
fn a_request_keeps_its_id_only_when_it_is_a_uuid() {
    let app = spawn();
    let id = "0198c2a0-7b3c-7c1e-9d2f-0123456789ab";
    assert_eq!(
        app.send("GET", "/fhir/r5/metadata", &[("X-Request-Id", id)], None)
            .header("x-request-id"),
        Some(id)
    );
    let answer = app.send("GET", "/fhir/r5/metadata", &[("X-Request-Id", "195009072553")], None);
    assert_ne!(answer.header("x-request-id"), Some("195009072553"));
}

#[test]
fn an_id_that_is_no_address_is_refused() {
    let app = spawn();
    app.put("/fhir/r5/Patient/..", &patient("..", None)).expect(400);
}

#[test]
fn a_parameter_that_may_be_a_number_is_not_repeated() {
    let app = spawn();
    let answer = app.get("/fhir/r5/Patient?195009072553=1").expect(400);
    assert!(!answer.text.contains("9072553"), "{}", answer.text);
}

#[test]
fn a_header_does_not_forge_our_links() {
    let app = spawn();
    let headers = [
        ("Content-Type", "application/fhir+json"),
        ("X-Forwarded-Proto", "javascript"),
        ("X-Forwarded-Host", "evil\"<x>"),
    ];
    let body = patient("p", None).to_string();
    let answer = app
        .send("PUT", "/fhir/r5/Patient/p", &headers, Some(body.as_bytes()))
        .expect(201);
    let location = answer.header("location").unwrap();
    assert!(
        location.starts_with("http://") && !location.contains("evil"),
        "{location}"
    );
}

#[test]
fn an_address_with_a_nul_is_nowhere() {
    let app = spawn();
    for address in [
        "Patient/%00",
        "Patient/%00/_history",
        "Patient/%00/_history/1",
        "Patient/a%00b",
        "Organization/%00/$riktlinjekontroll",
        "Patient/%00/$validate",
        "%00",
    ] {
        app.get(&format!("/fhir/r5/{address}")).expect(404);
    }
    app.delete("/fhir/r5/Patient/%00").expect(404);
}

/// An Appointment is shown to the patient it is about, and a group's would tell who else comes.
#[test]
fn an_appointment_is_about_one_patient() {
    let app = spawn();
    let number = json!({ "identifier": { "system": "http://electronichealth.se/identifier/personnummer", "value": "195009072553" } });
    let with = |actors: &[Value]| {
        let participants: Vec<Value> = actors
            .iter()
            .map(|actor| json!({ "actor": actor, "status": "accepted" }))
            .collect();
        json!({ "resourceType": "Appointment", "id": "b", "status": "booked", "start": "2026-04-01T09:00:00+02:00",
            "end": "2026-04-01T10:00:00+02:00", "participant": participants })
    };
    let (anna, bo) = (
        json!({ "reference": "Patient/anna" }),
        json!({ "reference": "Patient/bo" }),
    );
    let own = json!({ "reference": format!("{}/fhir/r5/Patient/bo", app.base) });
    let staff = json!({ "reference": "Practitioner/x" });
    for version in ["r4", "r5"] {
        let path = format!("/fhir/{version}/Appointment/b");
        for other in [&bo, &own, &number] {
            let refused = app
                .put(&path, &with(&[staff.clone(), anna.clone(), other.clone()]))
                .expect(400);
            assert_eq!(refused.expressions(), ["Appointment.participant[2].actor"]);
            assert!(!refused.text.contains("195009072553"), "{}", refused.text);
        }
        let stored = app.put(&path, &with(&[anna.clone(), staff.clone(), anna.clone()]));
        assert!(matches!(stored.status, 200 | 201), "{}", stored.text);
    }
    let mut of_a_subject = with(std::slice::from_ref(&anna));
    of_a_subject["subject"] = bo;
    app.put("/fhir/r5/Appointment/b", &of_a_subject).expect(400);
    // Her own number beside her id is she; another's is not, nor is one who is told in another way.
    put(&app, &patient("anna", Some("195009072553")));
    let inner = |id: &str, more: Value| {
        json!({ "resourceType": "Patient", "id": id, "name": [{ "text": "Bo Prov" }] }).merged(&more)
    };
    let others_number = json!({ "identifier": { "system": PERSONNUMMER, "value": "196109732393" } });
    let told = [
        others_number.clone(),
        json!({ "reference": "https://other.example.se/fhir/Patient/5", "display": "Bo Prov" }),
        json!({ "reference": "https://other.example.se/fhir/patient/5" }),
        json!({ "reference": "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001", "type": "Patient" }),
        json!({ "type": "Patient", "display": "Bo Prov" }),
        json!({ "type": "http://hl7.org/fhir/StructureDefinition/Patient", "display": "Bo Prov" }),
        json!({ "type": "Patient", "identifier": { "system": "https://example.org/journalnummer", "value": "17" } }),
        json!({ "reference": "#bo" }),
        json!({ "reference": "#numbered" }),
    ];
    let contained = |resource: Value| {
        let meant = |it: &&Value| {
            resource
                .to_string()
                .contains(&format!("\"#{}\"", it["id"].as_str().unwrap()))
        };
        let inner = [
            inner("bo", json!({})),
            inner("numbered", json!({ "identifier": [others_number["identifier"]] })),
            inner("hers", json!({ "identifier": [number["identifier"]] })),
        ];
        let inner: Vec<&Value> = inner.iter().filter(meant).collect();
        match inner.is_empty() {
            true => resource.clone(),
            false => resource.clone().merged(&json!({ "contained": inner })),
        }
    };
    for version in ["r4", "r5"] {
        let path = format!("/fhir/{version}/Appointment/b");
        for other in &told {
            let refused = app
                .put(&path, &contained(with(&[anna.clone(), other.clone()])))
                .expect(400);
            assert_eq!(refused.expressions(), ["Appointment.participant[1].actor"], "{other}");
            assert!(!refused.text.contains("196109732393"), "{}", refused.text);
            // By herself she is one.
            app.put(&path, &contained(with(&[staff.clone(), other.clone(), other.clone()])))
                .expect(200);
        }
        for herself in [&number, &json!({ "reference": "#hers" })] {
            app.put(&path, &contained(with(&[herself.clone(), anna.clone()])))
                .expect(200);
        }
    }
    // One whom nobody names is told of all the same.
    let unnamed = with(&[anna]).merged(&json!({ "contained": [inner("bo", json!({}))],
        "extension": [{ "url": "https://example.org/e", "valueReference": { "reference": "#bo" } }] }));
    app.put("/fhir/r5/Appointment/b", &unnamed).expect(400);
}
