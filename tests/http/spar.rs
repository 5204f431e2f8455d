//! The trace of what is only asked about: patients whom criteria name, and requests that come to nothing. Who may review it,
//! what it tells of callers, and what is never kept in it, stand in files of their own.

mod anropare;
mod granskning;
mod personnummer;

use serde_json::{Value, json};

use crate::common::{Answer, TestApp, spawn};
use crate::issuer::*;
use crate::people::{Merged, PERSONNUMMER, fast_kontakt, orebro, patient, unit};

/// A test number (Skatteverket).
const NUMBER: &str = "195009072553";
const OTHERS: &str = "SE2321000172-B";
const OTHERS_UNIT: &str = "SE2321000172-B1";

fn goal(id: &str, of: &str) -> Value {
    json!({
        "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": "Mål" },
        "subject": { "reference": format!("Patient/{of}") },
    })
}

fn entries(bundle: &Value) -> Vec<Value> {
    let all = bundle["entry"].as_array().cloned().unwrap_or_default();
    all.into_iter().map(|entry| entry["resource"].clone()).collect()
}

fn references(event: &Value) -> Vec<String> {
    let entities = event["entity"].as_array().cloned().unwrap_or_default();
    let named = entities
        .iter()
        .filter_map(|entity| entity["what"]["reference"].as_str());
    named.map(str::to_owned).collect()
}

fn code(event: &Value) -> &str {
    event["outcome"]["code"]["code"].as_str().unwrap_or_default()
}

/// A caller, and one who reads the log.
struct Asker<'a> {
    app: &'a TestApp,
    token: Option<&'a str>,
    reviewer: Option<&'a str>,
}

fn bearer(token: Option<&str>) -> Vec<(String, String)> {
    token
        .map(|token| ("Authorization".to_owned(), format!("Bearer {token}")))
        .into_iter()
        .collect()
}

impl Asker<'_> {
    fn send(&self, method: &str, path: &str, more: &[(&str, &str)], body: Option<&str>) -> (Answer, Vec<Value>) {
        let id = uuid::Uuid::new_v4().to_string();
        let known = bearer(self.token);
        let mut headers: Vec<(&str, &str)> = known.iter().map(|(name, value)| (&**name, &**value)).collect();
        headers.push(("X-Request-Id", &id));
        headers.extend(more);
        if body.is_some() && !more.iter().any(|(name, _)| *name == "Content-Type") {
            headers.push(("Content-Type", "application/fhir+json"));
        }
        let answer = self.app.send(method, path, &headers, body.map(str::as_bytes));
        (answer, self.rows(&id))
    }

    /// The rows of a request, as its reviewer sees them.
    fn rows(&self, request_id: &str) -> Vec<Value> {
        let known = bearer(self.reviewer);
        let headers: Vec<(&str, &str)> = known.iter().map(|(name, value)| (&**name, &**value)).collect();
        let all = self
            .app
            .send("GET", "/fhir/r5/AuditEvent?_count=1000", &headers, None)
            .expect(200);
        let of_request = |event: &Value| {
            let entities = event["entity"].as_array().cloned().unwrap_or_default();
            entities
                .iter()
                .any(|it| it["what"]["identifier"]["value"] == request_id)
        };
        entries(&all.json()).into_iter().filter(of_request).collect()
    }

    /// One row, with this outcome, that names these, sorted.
    fn leaves(&self, method: &str, path: &str, body: Option<&str>, (status, outcome): (u16, &str), named: &[&str]) {
        let (answer, rows) = self.send(method, path, &[], body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert_eq!(rows.len(), 1, "{method} {path}");
        assert_eq!(code(&rows[0]), outcome, "{method} {path}");
        let mut found = references(&rows[0]);
        found.sort();
        assert_eq!(found, named, "{method} {path}");
    }
}

fn open(app: &TestApp) -> Asker<'_> {
    Asker {
        app,
        token: None,
        reviewer: None,
    }
}

#[test]
fn patients_whom_criteria_name_are_named_in_the_log() {
    let app = spawn();
    app.put("/fhir/r5/Patient/a", &patient("a", Some(NUMBER))).expect(201);
    app.put("/fhir/r5/Patient/b", &patient("b", None)).expect(201);
    let mut named = goal("g", "a");
    named["identifier"] = json!([{ "system": "journal", "value": "7" }]);
    app.put("/fhir/r5/Goal/g", &named).expect(201);
    let ask = open(&app);
    let identifier = format!("{PERSONNUMMER}|{NUMBER}");
    let asked = [
        "Practitioner?_has:CareTeam:participant:patient=Patient/a".to_owned(),
        "PractitionerRole?_has:CareTeam:participant:patient=Patient/a".to_owned(),
        "Practitioner?_has:CareTeam:participant:patient._id=a".to_owned(),
        format!("Practitioner?_has:CareTeam:participant:patient.identifier={identifier}"),
        "Goal?patient=Patient/a&_summary=count".to_owned(),
        "Goal?patient=a&_count=0".to_owned(),
        "Goal?_id=g&_summary=count".to_owned(),
        format!("Goal?patient.identifier={identifier}&_summary=count"),
        format!("Goal?patient:identifier={identifier}"),
        format!("Patient?identifier={identifier}&_summary=count"),
        "Patient?_has:Goal:patient:_id=g&_summary=count".to_owned(),
        "Goal?patient=a&_lastUpdated=gt2999".to_owned(),
        "Patient/a/Goal?_lastUpdated=gt2999".to_owned(),
        "Goal?patient=a,nobody&_lastUpdated=gt2999".to_owned(),
        "AuditEvent?patient=a&date=lt2000".to_owned(),
        "AuditEvent?entity=Goal/g&date=lt2000".to_owned(),
        "AuditEvent?entity=Goal/g,Patient/a&_summary=count&date=lt2000".to_owned(),
        // By a version, whatever refers to it.
        "Goal?subject=Patient/a/_history/1&_summary=count".to_owned(),
        "Goal?subject=Patient/a/_history/1,Patient/nobody&_summary=count".to_owned(),
        "Provenance?target=Goal/g/_history/1&_summary=count".to_owned(),
        "Practitioner?_has:CareTeam:participant:subject=Patient/a/_history/1".to_owned(),
        // By the number, whatever reference it stands in, and by a number that is left out.
        format!("Task?owner:identifier={identifier}&_summary=count"),
        format!("Communication?recipient:identifier={identifier}&_summary=count"),
        format!("Patient?link:identifier={identifier}&_summary=count"),
        format!("Practitioner?_has:Task:owner:subject:identifier={identifier}"),
        format!("Patient?identifier:not={identifier}&_summary=count"),
        // By an id that does not tell its type, and by a record's own number.
        "Provenance?target=g&_summary=count".to_owned(),
        "Goal?identifier=journal|7&_summary=count".to_owned(),
    ];
    for path in &asked {
        ask.leaves(
            "GET",
            &format!("/fhir/r5/{path}"),
            None,
            (200, "success"),
            &["Patient/a"],
        );
    }
    // Of whom nothing was ever stored, nothing is told.
    ask.leaves("GET", "/fhir/r5/Goal?patient=nobody", None, (200, "success"), &[]);
    ask.leaves("GET", "/fhir/r5/Patient?identifier=x|1", None, (200, "success"), &[]);
    // Nor by what many share.
    for many in [format!("{PERSONNUMMER}|"), format!("{PERSONNUMMER}|,x|1")] {
        let path = format!("/fhir/r5/Patient?identifier={many}&_summary=count");
        ask.leaves("GET", &path, None, (200, "success"), &[]);
    }
    // However many are asked about at once.
    let many: Vec<String> = (10..40).map(|number| format!("m{number}")).collect();
    for id in &many {
        let mut one = patient(id, None);
        one["identifier"] = json!([{ "system": "x", "value": id }]);
        app.put(&format!("/fhir/r5/Patient/{id}"), &one).expect(201);
    }
    let numbers: Vec<String> = many.iter().map(|id| format!("x|{id}")).collect();
    let named: Vec<String> = many.iter().map(|id| format!("Patient/{id}")).collect();
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let path = format!("/fhir/r5/Patient?identifier={}&_summary=count", numbers.join(","));
    ask.leaves("GET", &path, None, (200, "success"), &named);
    // What is found is named as ever, and another whom the criteria name besides.
    let (_, rows) = ask.send("GET", "/fhir/r5/Goal?patient=a,b", &[], None);
    assert_eq!(references(&rows[0]), ["Patient/a", "Patient/b", "Goal/g/_history/1"]);
    // Among entries, and as conditions of writes.
    let count = json!({ "request": { "method": "GET", "url": "Goal?patient=b&_summary=count" } });
    for kind in ["batch", "transaction"] {
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [count] }).to_string();
        ask.leaves("POST", "/fhir/r5", Some(&bundle), (200, "success"), &["Patient/b"]);
    }
    let nobody = "/fhir/r5/Goal?patient=b&_id=x";
    ask.leaves("DELETE", nobody, None, (204, "success"), &["Patient/b"]);
    let new = json!({ "resourceType": "Organization", "name": "Enheten" }).to_string();
    let id = [("If-None-Exist", "identifier=x|1")];
    let (answer, rows) = ask.send("POST", "/fhir/r5/Organization", &id, Some(&new));
    assert_eq!((answer.status, rows.len()), (201, 1));
    let mut third = goal("x", "a");
    third.as_object_mut().expect("an object").remove("id");
    let id = [("If-None-Exist", "patient=Patient/b")];
    let (answer, rows) = ask.send("POST", "/fhir/r5/Goal", &id, Some(&third.to_string()));
    assert_eq!((answer.status, rows.len()), (201, 1), "{}", answer.text);
    assert!(references(&rows[0]).starts_with(&["Patient/a".to_owned(), "Patient/b".to_owned()]));
    // The patient is told that she was looked for.
    let extract = app.get("/fhir/r5/Patient/b/$loggutdrag").expect(200);
    assert!(
        extract.text.contains("sökte efter uppgifter om dig"),
        "{}",
        extract.text
    );
}

/// Whoever is told by a number alone is asked about all the same, also through a Patient of one's own with that number.
#[test]
fn a_judgement_names_the_patients_whom_it_looks_at() {
    let app = spawn();
    orebro(&app);
    app.put("/fhir/r5/Patient/own", &patient("own", Some(NUMBER)))
        .expect(201);
    let number = json!({ "type": "Patient", "identifier": { "system": PERSONNUMMER, "value": NUMBER } });
    for subject in [number, json!({ "reference": "Patient/own" })] {
        // A nurse is no fast läkarkontakt.
        let mut contact = fast_kontakt("anna", "2", "vc-skoterska");
        contact["subject"] = subject;
        for (path, status) in [("/fhir/r5/CareTeam/$validate", 200), ("/fhir/r5/CareTeam", 422)] {
            let (answer, rows) = open(&app).send("POST", path, &[], Some(&contact.to_string()));
            assert_eq!(answer.status, status, "{}", answer.text);
            assert_eq!(rows.len(), 1, "{path}");
            let named = references(&rows[0]);
            assert!(named.iter().any(|it| it == "Patient/anna"), "{path}: {named:?}");
        }
    }
}

#[test]
fn what_comes_to_nothing_leaves_what_it_was_about() {
    let app = spawn();
    app.put("/fhir/r5/Patient/a", &patient("a", None)).expect(201);
    app.put("/fhir/r5/Goal/g", &goal("g", "a")).expect(201);
    app.put("/fhir/r5/Goal/gone", &goal("gone", "a")).expect(201);
    app.put("/fhir/r5/Goal/more", &goal("more", "a")).expect(201);
    app.delete("/fhir/r5/Goal/gone").expect(204);
    let ask = open(&app);
    let about = |id: &str| [format!("Goal/{id}"), "Patient/a".to_owned()];
    let sent = |method: &str, path: &str, headers: &[(&str, &str)], body: &str, status: u16, id: &str| {
        let (answer, rows) = ask.send(method, path, headers, (!body.is_empty()).then_some(body));
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(rows.len(), 1, "{method} {path}");
        assert_eq!(code(&rows[0]), "warning", "{method} {path}");
        let mut found = references(&rows[0]);
        found.sort();
        assert_eq!(found, about(id), "{method} {path}");
    };
    let patches = ("Content-Type", "application/json-patch+json");
    let probe = r#"[{ "op": "test", "path": "/lifecycleStatus", "value": "completed" }]"#;
    sent("PATCH", "/fhir/r5/Goal/g", &[patches], probe, 422, "g");
    sent("PATCH", "/fhir/r5/Goal?_id=g", &[patches], probe, 422, "g");
    // What a patch makes of what is stored is no Goal: the fault tells of it.
    let away = r#"[{ "op": "remove", "path": "/subject" }]"#;
    sent("PATCH", "/fhir/r5/Goal/g", &[patches], away, 400, "g");
    // Nobody meets the criteria, which tells of whom they name.
    let nobody = "Goal?_id=g&lifecycle-status=completed";
    sent("PATCH", &format!("/fhir/r5/{nobody}"), &[patches], probe, 404, "g");
    sent(
        "PUT",
        &format!("/fhir/r5/{nobody}"),
        &[("If-Match", "*")],
        &goal("g", "a").to_string(),
        412,
        "g",
    );
    sent(
        "DELETE",
        &format!("/fhir/r5/{nobody}"),
        &[("If-Match", "*")],
        "",
        412,
        "g",
    );
    let whole = goal("g", "a").to_string();
    let other = ("If-Match", "W/\"7\"");
    sent("PUT", "/fhir/r5/Goal/g", &[other], &whole, 412, "g");
    sent("PATCH", "/fhir/r5/Goal/g", &[other, patches], "[]", 412, "g");
    sent("DELETE", "/fhir/r5/Goal/g", &[other], "", 412, "g");
    sent("PUT", "/fhir/r5/Goal/g", &[("If-None-Match", "*")], &whole, 412, "g");
    sent("GET", "/fhir/r5/Goal/gone", &[], "", 410, "gone");
    // Several match.
    let (answer, rows) = ask.send("DELETE", "/fhir/r5/Goal?patient=a", &[], None);
    assert_eq!((answer.status, rows.len()), (412, 1), "{}", answer.text);
    assert_eq!(references(&rows[0]), ["Patient/a"]);
    // What the riktlinje refuses.
    let mut team = json!({ "resourceType": "CareTeam", "id": "t", "status": "active" });
    team["subject"] = json!({ "reference": "Patient/a" });
    team["category"] = json!([{ "coding": [{ "system": crate::people::TYP_AV_CARETEAM, "code": "fast-kontakt" }] }]);
    ask.leaves(
        "PUT",
        "/fhir/r5/CareTeam/t",
        Some(&team.to_string()),
        (422, "warning"),
        &["CareTeam/t", "Patient/a"],
    );
    let (answer, rows) = ask.send("POST", "/fhir/r5/CareTeam/$validate", &[], Some(&team.to_string()));
    assert_eq!((answer.status, rows.len()), (200, 1), "{}", answer.text);
    // Entries of a batch that come to nothing leave one row together; of a transaction too.
    let binary = {
        use base64::Engine;
        let data = base64::engine::general_purpose::STANDARD.encode(probe);
        json!({ "resourceType": "Binary", "contentType": "application/json-patch+json", "data": data })
    };
    let patch = json!({ "resource": binary, "request": { "method": "PATCH", "url": "Goal/g" } });
    let put = json!({ "resource": goal("more", "a"), "request": { "method": "PUT", "url": "Goal/more", "ifMatch": "W/\"9\"" } });
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [patch, put] }).to_string();
    ask.leaves(
        "POST",
        "/fhir/r5",
        Some(&batch),
        (200, "warning"),
        &["Goal/g", "Goal/more", "Patient/a"],
    );
    let transaction = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [patch] }).to_string();
    ask.leaves(
        "POST",
        "/fhir/r5",
        Some(&transaction),
        (422, "warning"),
        &["Goal/g", "Patient/a"],
    );
    let patch = json!({ "resource": binary, "request": { "method": "PATCH", "url": nobody } });
    for (kind, status) in [("batch", 200), ("transaction", 404)] {
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [patch] }).to_string();
        let about = ["Goal/g", "Patient/a"];
        ask.leaves("POST", "/fhir/r5", Some(&bundle), (status, "warning"), &about);
    }
    // None of it is access to the record, in the patient's eyes.
    let all = entries(&app.get("/fhir/r5/Patient/a/$loggutdrag?_count=1000").expect(200).json());
    assert!(all.iter().all(|event| code(event) == "success"), "{all:?}");
}

fn reviewed(change: impl FnOnce(&mut fastkontakt::config::Settings)) -> (Issuer, TestApp) {
    let issuer = Issuer::start();
    let app = issuer.service_with(|settings| {
        settings.access.as_mut().expect("access").issuers[0].reviewers = vec!["granskning".to_owned()];
        change(settings);
    });
    (issuer, app)
}

fn of_others(app: &TestApp, scope: &str) -> Value {
    let mut claims = medarbetare(app, scope);
    claims["vardenhet_hsaid"] = json!(OTHERS_UNIT);
    claims["organization_hsaid"] = json!(OTHERS);
    claims
}

fn put(app: &TestApp, path: &str, token: &str, body: &Value) -> Answer {
    app.put_with(path, &[("Authorization", &format!("Bearer {token}"))], body)
}
