//! Personal numbers are kept in no trace.

use serde_json::{Value, json};

use super::*;

#[test]
fn personal_numbers_are_kept_in_no_address_and_no_log() {
    let app = spawn();
    for id in [NUMBER, "500907-2553", "pat-195009072553", "500967-2550"] {
        let refused = app
            .put(&format!("/fhir/r5/Patient/{id}"), &patient(id, None))
            .expect(400);
        assert!(refused.text.contains("personnummer"), "{}", refused.text);
        assert!(!refused.text.contains("2553"), "{}", refused.text);
        let entry =
            json!({ "resource": patient(id, None), "request": { "method": "PUT", "url": format!("Patient/{id}") } });
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
        app.post("/fhir/r5", &bundle).expect(400);
    }
    app.put("/fhir/r5/Goal/g", &goal("g", NUMBER)).expect(400);
    app.put("/fhir/r5/Patient/195009072554", &patient("195009072554", None))
        .expect(201);
    app.get(&format!("/fhir/r5/Goal?patient={NUMBER}")).expect(200);
    app.get(&format!("/fhir/r5/Patient/{NUMBER}")).expect(404);
    // An id that a journal made of ten digits is one as any other, and an attempt on it is in the log.
    app.put("/fhir/r5/Patient/5009072553", &patient("5009072553", None))
        .expect(201);
    let other = [("If-Match", "W/\"7\"")];
    let (answer, rows) = open(&app).send("DELETE", "/fhir/r5/Patient/5009072553", &other, None);
    assert_eq!(
        (answer.status, references(&rows[0])),
        (412, vec!["Patient/5009072553".to_owned()])
    );
    // What is not known is not said again when it may be a number.
    let mut odd = patient("odd", None);
    odd["p195009072553"] = json!(1);
    for answer in [
        app.put("/fhir/r5/Patient/odd", &odd),
        app.get(&format!("/fhir/r5/Patient?x{NUMBER}=1")),
        app.get(&format!("/fhir/r5/Patient?identifier:{NUMBER}=1")),
        app.get(&format!("/fhir/r5/Patient?_sort={NUMBER}")),
        app.get(&format!("/fhir/r5/Patient?_elements={NUMBER}")),
        app.get(&format!("/fhir/r5/Patient?_include=Patient:{NUMBER}")),
        app.get(&format!("/fhir/r5/AuditEvent?x{NUMBER}=1")),
        app.get(&format!("/fhir/r5/Patient/a/$everything?x{NUMBER}=1")),
        app.send(
            "PUT",
            "/fhir/r5/Patient/odd",
            &[("Content-Type", "application/fhir+json")],
            Some(format!(r#"{{"resourceType":"Patient","id":"odd","p{NUMBER}":1,"p{NUMBER}":2}}"#).as_bytes()),
        ),
    ] {
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(!answer.text.contains(NUMBER), "{}", answer.text);
    }
    let log = app.get("/fhir/r5/AuditEvent?_count=1000").expect(200);
    assert!(!log.text.contains(NUMBER), "{}", log.text);

    let (issuer, app) = reviewed(|_| {});
    let with = |name: &str, value: &str| {
        let mut claims = medarbetare(&app, "user/*.rs");
        claims[name] = json!(value);
        issuer.token(&claims)
    };
    for (name, value) in [
        ("fhirUser", format!("Practitioner/{NUMBER}")),
        ("purpose_of_use", NUMBER.to_owned()),
    ] {
        get(&app, "/fhir/r5/Goal", &with(name, &value)).expect(403);
    }
    let odd = "Practitioner/1950.0907.2553";
    get(&app, "/fhir/r5/Goal", &with("fhirUser", odd)).expect(403);
    for name in ["sub", "client_id"] {
        for number in [NUMBER, "p19500907/2553", "19500907\u{2013}2553", "1950.0907.2553"] {
            get(&app, "/fhir/r5/Goal", &with(name, number)).expect(200);
        }
    }
    let staff = issuer.token(&medarbetare(&app, "user/*.rs"));
    let bearer = format!("Bearer {staff}");
    for reason in [
        "Patient/a 19500907-2553 ligger medvetsl%C3%B6s",
        "Patient/195009072553 medvetsl%C3%B6s",
        "Patient/a 19500907%E2%80%932553 medvetsl%C3%B6s",
        "Patient/a 19500907 - 2553 medvetsl%C3%B6s",
        "Patient/a 1950 0907 2553 medvetsl%C3%B6s",
        "Patient/a 1950.09.07.2553 medvetsl%C3%B6s",
        "Patient/a 19500907_2553 medvetsl%C3%B6s",
        "Patient/a 500907%C2%A02553 medvetsl%C3%B6s",
        "Patient/a %EF%BC%95%EF%BC%90%EF%BC%90%EF%BC%99%EF%BC%90%EF%BC%97-%EF%BC%92%EF%BC%95%EF%BC%95%EF%BC%93 medvetsl%C3%B6s",
    ] {
        let headers = [("Authorization", bearer.as_str()), ("X-Nodoppning", reason)];
        let refused = app.send("GET", "/fhir/r5/Goal", &headers, None).expect(400);
        assert!(!refused.text.contains("2553"), "{}", refused.text);
    }
    let headers = [
        ("Authorization", bearer.as_str()),
        ("X-Nodoppning", "Patient/a inkom 2026-11-22 14.20, medvetsl%C3%B6s"),
    ];
    app.send("GET", "/fhir/r5/Goal", &headers, None).expect(200);
    let mut reviewer = system(&app, "system/AuditEvent.rs");
    reviewer["client_id"] = json!("granskning");
    let log = get(&app, "/fhir/r5/AuditEvent?_count=1000", &issuer.token(&reviewer)).expect(200);
    // A request's id is random, and may hold any four digits.
    let told: Vec<Value> = entries(&log.json())
        .into_iter()
        .map(|event| json!([event["agent"], event["authorization"], references(&event)]))
        .collect();
    assert!(!told.is_empty());
    let told = json!(told).to_string();
    assert!(!told.contains("2553"), "{told}");
    assert!(!log.text.contains(NUMBER), "{}", log.text);
}
