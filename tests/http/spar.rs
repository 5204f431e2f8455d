//! The trace of what is only asked about: patients whom criteria name, and requests that come to nothing; who may review it;
//! and what is never kept in it.

use fastkontakt::fhir::structure::check;
use fastkontakt::fhir::version::FhirVersion;
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

#[test]
fn attempts_without_the_scope_tell_what_they_were_about() {
    let (issuer, app) = reviewed(|_| {});
    let staff = issuer.token(&medarbetare(&app, "user/*.cruds"));
    put(&app, "/fhir/r5/Patient/a", &staff, &patient("a", None)).expect(201);
    put(&app, "/fhir/r5/Goal/g", &staff, &goal("g", "a")).expect(201);
    let (few, own) = (
        issuer.token(&medarbetare(&app, "user/CareTeam.rs")),
        issuer.token(&patientanvandare(&app, "a", "patient/*.rs")),
    );
    let mut reviewer = system(&app, "system/AuditEvent.rs");
    reviewer["client_id"] = json!("granskning");
    let reviewer = issuer.token(&reviewer);
    let asker = |token| Asker {
        app: &app,
        token: Some(token),
        reviewer: Some(&reviewer),
    };
    let denied = (403, "error");
    let few = asker(&few);
    few.leaves("GET", "/fhir/r5/Goal?patient=a", None, denied, &["Patient/a"]);
    few.leaves(
        "GET",
        "/fhir/r5/CareTeam?patient:Patient._id=a",
        None,
        denied,
        &["Patient/a"],
    );
    few.leaves("GET", "/fhir/r5/Patient/a/Goal", None, denied, &["Patient/a"]);
    few.leaves("GET", "/fhir/r5/Patient/a/$everything", None, denied, &["Patient/a"]);
    few.leaves(
        "GET",
        "/fhir/r5/Patient/a/$riktlinjekontroll",
        None,
        denied,
        &["Patient/a"],
    );
    few.leaves("GET", "/fhir/r5/Patient/a/$loggutdrag", None, denied, &["Patient/a"]);
    few.leaves("GET", "/fhir/r5/AuditEvent?patient=a", None, denied, &["Patient/a"]);
    few.leaves(
        "GET",
        "/fhir/r5/Goal/g/_history",
        None,
        denied,
        &["Goal/g", "Patient/a"],
    );
    few.leaves(
        "GET",
        "/fhir/r5/Goal/g/$validate",
        None,
        denied,
        &["Goal/g", "Patient/a"],
    );
    few.leaves("DELETE", "/fhir/r5/Goal/g", None, denied, &["Goal/g", "Patient/a"]);
    few.leaves("GET", "/fhir/r5/Patient/nobody", None, denied, &["Patient/nobody"]);
    let body = goal("new", "a").to_string();
    few.leaves(
        "PUT",
        "/fhir/r5/Goal/new",
        Some(&body),
        denied,
        &["Goal/new", "Patient/a"],
    );
    few.leaves("DELETE", "/fhir/r5/Goal?patient=a", None, denied, &["Patient/a"]);
    let entry = json!({ "request": { "method": "GET", "url": "Goal/g" } });
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] }).to_string();
    few.leaves(
        "POST",
        "/fhir/r5",
        Some(&batch),
        (200, "error"),
        &["Goal/g", "Patient/a"],
    );
    // What was denied is named beside what was shown.
    let [team, patient] =
        ["CareTeam?patient=a", "Patient/a"].map(|url| json!({ "request": { "method": "GET", "url": url } }));
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [team, patient, entry] }).to_string();
    few.leaves(
        "POST",
        "/fhir/r5",
        Some(&batch),
        (200, "warning"),
        &["Goal/g", "Patient/a"],
    );
    let own = asker(&own);
    own.leaves(
        "GET",
        "/fhir/r5/Patient/a/$riktlinjekontroll",
        None,
        denied,
        &["Patient/a"],
    );
    own.leaves(
        "GET",
        "/fhir/r5/Patient/b/$loggutdrag",
        None,
        (404, "error"),
        &["Patient/b"],
    );
    // A number where an id should be is not kept.
    let path = format!("/fhir/r5/Patient/{NUMBER}");
    few.leaves("GET", &path, None, denied, &[]);
}

#[test]
fn each_vardgivare_follows_up_who_had_to_do_with_what_it_keeps() {
    let (issuer, app) = reviewed(|_| {});
    let staff = issuer.token(&medarbetare(&app, "user/*.cruds"));
    let others = issuer.token(&of_others(&app, "user/*.cruds"));
    let mut named = patient("a", None);
    named["identifier"] = json!([{ "system": "x", "value": "1" }]);
    put(&app, "/fhir/r5/Patient/a", &staff, &named).expect(201);
    put(&app, "/fhir/r5/Goal/g", &staff, &goal("g", "a")).expect(201);
    put(&app, "/fhir/r5/Patient/z", &others, &patient("z", None)).expect(201);
    put(&app, "/fhir/r5/Goal/theirs", &others, &goal("theirs", "z")).expect(201);
    let ours = issuer.token(&medarbetare(&app, "user/AuditEvent.rs"));
    let theirs = issuer.token(&of_others(&app, "user/AuditEvent.rs"));
    let mut all = of_others(&app, "user/AuditEvent.rs");
    all["client_id"] = json!("granskning");
    let all = issuer.token(&all);
    let as_seen_by = |reviewer: &str, id: &str| {
        let asker = Asker {
            app: &app,
            token: None,
            reviewer: Some(reviewer),
        };
        asker.rows(id).iter().flat_map(references).collect::<Vec<_>>()
    };
    let send = |path: &str, token: &str, more: &[(&str, &str)]| {
        let id = uuid::Uuid::new_v4().to_string();
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("Authorization", bearer.as_str()), ("X-Request-Id", &id)];
        headers.extend(more);
        (app.send("GET", path, &headers, None).status, id)
    };
    // Another vårdgivare's nödöppning of what we keep, in a search that finds its own records too.
    let nodoppning = [("X-Nodoppning", "Patient/a medvetsl%C3%B6s")];
    let (status, id) = send("/fhir/r5/Goal", &others, &nodoppning);
    assert_eq!(status, 200);
    assert_eq!(
        as_seen_by(&theirs, &id),
        ["Patient/a", "Patient/z", "Goal/g/_history/1", "Goal/theirs/_history/1"]
    );
    assert_eq!(
        as_seen_by(&ours, &id),
        ["Patient/a", "Goal/g/_history/1"],
        "what we keep, and no more"
    );
    // What was denied.
    let (status, id) = send("/fhir/r5/Goal/g", &others, &[]);
    assert_eq!(status, 404);
    assert_eq!(as_seen_by(&ours, &id), ["Patient/a", "Goal/g"]);
    // What only was asked about: by id, by number, by a record, in the log.
    for path in [
        "Goal?patient=a",
        "Patient?_id=a&_summary=count",
        "Patient/a/Goal",
        "Goal?_id=g",
        "Patient?identifier=x|1",
        "Goal?patient:identifier=x|1",
        "CareTeam?patient.identifier=x|1",
    ] {
        let (status, id) = send(&format!("/fhir/r5/{path}"), &others, &[]);
        assert_eq!(status, 200, "{path}");
        // A Patient that states no unit is shown.
        let named = as_seen_by(&ours, &id);
        assert_eq!(
            named.first().map(String::as_str),
            Some("Patient/a"),
            "{path}: {named:?}"
        );
    }
    // A conditional delete that meets nobody has asked too.
    let id = uuid::Uuid::new_v4().to_string();
    let bearer = format!("Bearer {others}");
    let headers = [("Authorization", bearer.as_str()), ("X-Request-Id", &id)];
    app.send("DELETE", "/fhir/r5/Goal?_id=g", &headers, None).expect(204);
    assert_eq!(as_seen_by(&ours, &id), ["Patient/a"]);
    // That a patient of ours has a record with them is not told, beside what was denied of another.
    let mut both = patient("both", None);
    both["identifier"] = json!([{ "system": "x", "value": "2" }]);
    put(&app, "/fhir/r5/Patient/both", &staff, &both).expect(201);
    put(&app, "/fhir/r5/Goal/of-both", &others, &goal("of-both", "both")).expect(201);
    let [denied, shown] = ["Goal/g", "Goal/of-both"].map(|url| json!({ "request": { "method": "GET", "url": url } }));
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [denied, shown] }).to_string();
    let id = uuid::Uuid::new_v4().to_string();
    let headers = [
        ("Authorization", bearer.as_str()),
        ("X-Request-Id", &id),
        ("Content-Type", "application/fhir+json"),
    ];
    app.send("POST", "/fhir/r5", &headers, Some(batch.as_bytes()))
        .expect(200);
    assert_eq!(as_seen_by(&ours, &id), ["Patient/a", "Goal/g"]);
    // What is theirs alone is not for us, nor by asking for the patient.
    let (status, id) = send("/fhir/r5/Goal/theirs", &others, &[]);
    assert_eq!(status, 200);
    assert!(as_seen_by(&ours, &id).is_empty());
    let found = get(&app, "/fhir/r5/AuditEvent?patient=z", &ours).expect(200).json();
    assert!(entries(&found).is_empty(), "{found}");
    assert!(!as_seen_by(&theirs, &id).is_empty());
    // Who was not let in stands for no vårdgivare: those who review all see it.
    let (status, id) = send("/fhir/r5/Goal/g", "x.y.z", &[]);
    assert_eq!(status, 401);
    let rows = |reviewer: &str| {
        let asker = Asker {
            app: &app,
            token: None,
            reviewer: Some(reviewer),
        };
        asker.rows(&id).len()
    };
    assert_eq!((rows(&ours), rows(&theirs), rows(&all)), (0, 0, 1));
}

/// Nobody who opens her own unit's list has asked for the patients on it whom others keep.
#[test]
fn the_list_of_the_own_unit_is_no_attempt_on_others_patients() {
    let (issuer, app) = reviewed(|_| {});
    let staff = issuer.token(&medarbetare(&app, "user/*.cruds"));
    let others = issuer.token(&of_others(&app, "user/*.cruds"));
    let catalogue = issuer.token(&system(&app, "system/*.cruds"));
    let vg = unit("vg", VARDGIVARE);
    let vc = unit("vc", VARDENHET).merged(&json!({ "partOf": { "reference": "Organization/vg" } }));
    let [person, mut role] = crate::people::staff("vc-okand", "", "", "vc");
    role.as_object_mut().expect("an object").remove("code");
    let person = person.merged(&json!({ "qualification": [{ "code": { "text": "okänd" } }] }));
    for resource in [vg, vc, person, role] {
        let [kind, id] = ["resourceType", "id"].map(|name| resource[name].as_str().expect("a text"));
        put(&app, &format!("/fhir/r5/{kind}/{id}"), &catalogue, &resource).expect(201);
    }
    // The own unit has a contact with each, of which the riktlinje has something to say.
    for (id, keeper) in [("a", &staff), ("z", &others)] {
        let hsa_id = if id == "z" { OTHERS_UNIT } else { VARDENHET };
        let of = json!({ "type": "Organization", "identifier": { "system": "urn:oid:1.2.752.129.2.1.4.1", "value": hsa_id } });
        let person = patient(id, None).merged(&json!({ "managingOrganization": of }));
        put(&app, &format!("/fhir/r5/Patient/{id}"), keeper, &person).expect(201);
        let contact = fast_kontakt(id, "2", "vc-okand").merged(&json!({ "id": format!("k-{id}") }));
        put(&app, &format!("/fhir/r5/CareTeam/k-{id}"), &staff, &contact).expect(201);
    }
    let ours = issuer.token(&medarbetare(&app, "user/AuditEvent.rs"));
    let asker = Asker {
        app: &app,
        token: Some(&staff),
        reviewer: Some(&ours),
    };
    let (list, rows) = asker.send("GET", "/fhir/r5/Organization/vc/$riktlinjekontroll", &[], None);
    assert_eq!(list.status, 200, "{}", list.text);
    assert!(
        list.text.contains("/Patient/a\"") && !list.text.contains("/Patient/z\""),
        "{}",
        list.text
    );
    assert_eq!(rows.len(), 1);
    assert_eq!(code(&rows[0]), "success", "{}", rows[0]);
    let named = references(&rows[0]);
    assert!(named.contains(&"Patient/a".to_owned()), "{named:?}");
    assert!(!named.contains(&"Patient/z".to_owned()), "{named:?}");
}

#[test]
fn what_is_denied_in_a_batch_is_followed_up_by_who_keeps_it() {
    let (issuer, app) = reviewed(|_| {});
    let staff = issuer.token(&medarbetare(&app, "user/*.cruds"));
    let others = issuer.token(&of_others(&app, "user/*.cruds"));
    put(&app, "/fhir/r5/Patient/a", &staff, &patient("a", None)).expect(201);
    put(&app, "/fhir/r5/Goal/g", &staff, &goal("g", "a")).expect(201);
    put(&app, "/fhir/r5/Patient/z", &others, &patient("z", None)).expect(201);
    put(&app, "/fhir/r5/Goal/theirs", &others, &goal("theirs", "z")).expect(201);
    let ours = issuer.token(&medarbetare(&app, "user/AuditEvent.rs"));
    let theirs = issuer.token(&of_others(&app, "user/AuditEvent.rs"));
    let anna = issuer.token(&patientanvandare(&app, "a", "patient/*.rs"));
    let extract = || {
        let told = get(&app, "/fhir/r5/Patient/a/$loggutdrag?_count=1000", &anna).expect(200);
        let all = entries(&told.json());
        // Her own looks at it are in it too.
        all.into_iter().filter(|event| event["action"] != "E").count()
    };
    let before = extract();
    let [denied, shown] = ["Goal/g", "Goal/theirs"].map(|url| json!({ "request": { "method": "GET", "url": url } }));
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [denied, shown] }).to_string();
    let asker = |reviewer| Asker {
        app: &app,
        token: Some(&others),
        reviewer: Some(reviewer),
    };
    let partly = (200, "warning");
    let seen = ["Goal/g", "Patient/a"];
    asker(&ours).leaves("POST", "/fhir/r5", Some(&batch), partly, &seen);
    let all = ["Goal/g", "Goal/theirs/_history/1", "Patient/a", "Patient/z"];
    asker(&theirs).leaves("POST", "/fhir/r5", Some(&batch), partly, &all);
    for asked in ["patient=a", "entity=Goal/g"] {
        let found = get(&app, &format!("/fhir/r5/AuditEvent?{asked}&outcome=warning"), &ours).expect(200);
        assert_eq!(entries(&found.json()).len(), 2, "{asked}");
    }
    assert_eq!(extract(), before, "nothing of hers was disclosed");
    // Who reviews it sees of whom something was shown.
    for (base, version) in [("/fhir/r4", FhirVersion::R4), ("/fhir/r5", FhirVersion::R5)] {
        for (reviewer, named) in [(&ours, vec!["Patient/a"]), (&theirs, vec!["Patient/a", "Patient/z"])] {
            let found = get(&app, &format!("{base}/AuditEvent?entity=Goal/g&_count=1"), reviewer).expect(200);
            let event = entries(&found.json()).remove(0);
            assert!(check(version, "AuditEvent", &event).is_empty(), "{event}");
            let mut patients = event["entity"].as_array().unwrap().iter().filter(|entity| {
                let reference = entity["what"]["reference"].as_str();
                reference.is_some_and(|it| it.starts_with("Patient/"))
            });
            for id in named {
                let entity = patients.next().expect("a patient");
                assert_eq!(entity["what"]["reference"], id);
                assert_eq!(entity.get("detail").is_some(), id == "Patient/a", "{entity}");
            }
        }
    }
}

/// A token may say of its user what may not stand in the trace as it is.
#[test]
fn the_record_of_every_kind_of_caller_is_fhir() {
    let (issuer, app) = reviewed(|_| {});
    let staff = issuer.token(&medarbetare(&app, "user/*.cruds"));
    put(&app, "/fhir/r5/Patient/a", &staff, &patient("a", None)).expect(201);
    let mut reviewer = system(&app, "system/AuditEvent.rs");
    reviewer["client_id"] = json!("granskning");
    let reviewer = issuer.token(&reviewer);
    let user = |mut claims: Value, name: &str| {
        claims["fhirUser"] = json!(name);
        claims
    };
    let care = |name: &str| user(medarbetare(&app, "user/*.rs"), name);
    let patient = |name: &str| user(patientanvandare(&app, "a", "patient/*.rs"), name);
    let mut with_hsa_id = system(&app, "system/*.rs");
    with_hsa_id["hsaid"] = json!("SE2321000164-S1");
    with_hsa_id["hsaid_type"] = json!("system");
    let hsa = "urn:oid:1.2.752.129.2.1.4.1";
    for (claims, reference, identifier) in [
        (care("Practitioner/p"), Some("Practitioner/p"), Some(hsa)),
        (care("PractitionerRole/p"), Some("PractitionerRole/p"), Some(hsa)),
        (care("Person/p"), None, Some(hsa)),
        (patient("Patient/a"), Some("Patient/a"), None),
        (patient("RelatedPerson/p"), Some("RelatedPerson/p"), None),
        (patient("Person/p"), None, None),
        (with_hsa_id, None, Some(hsa)),
        // Called by the issuer's name for it, which is no HSA-id.
        (system(&app, "system/*.rs"), None, None),
    ] {
        let token = issuer.token(&claims);
        let asker = Asker {
            app: &app,
            token: Some(&token),
            reviewer: Some(&reviewer),
        };
        let (answer, rows) = asker.send("GET", "/fhir/r5/Patient/a", &[], None);
        assert_eq!(answer.status, 200, "{claims}: {}", answer.text);
        let who = &rows[0]["agent"][0]["who"];
        assert_eq!(who["reference"].as_str(), reference, "{claims}");
        assert_eq!(who["identifier"]["system"].as_str(), identifier, "{claims}");
        assert!(who["identifier"]["value"].is_string(), "{claims}: {who}");
        let id = rows[0]["id"].as_str().expect("an id");
        for (base, version) in [("/fhir/r4", FhirVersion::R4), ("/fhir/r5", FhirVersion::R5)] {
            let event = get(&app, &format!("{base}/AuditEvent/{id}"), &reviewer)
                .expect(200)
                .json();
            let faults = check(version, "AuditEvent", &event);
            assert!(faults.is_empty(), "{claims}: {faults:?} {event}");
        }
    }
}

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

/// Whoever calls, what the service tells of it is FHIR, and calls nobody what she is not.
#[test]
fn what_is_told_of_each_kind_of_caller_is_fhir() {
    use fastkontakt::fhir::structure;
    use fastkontakt::fhir::version::FhirVersion;
    let (issuer, app) = reviewed(|_| {});
    let with = |mut claims: Value, user: &str| {
        claims["fhirUser"] = json!(user);
        issuer.token(&claims)
    };
    let staff = issuer.token(&medarbetare(&app, "user/*.cruds"));
    put(&app, "/fhir/r5/Patient/a", &staff, &patient("a", None)).expect(201);
    let hers = |id: &str| {
        json!({ "resourceType": "QuestionnaireResponse", "id": id, "status": "completed", "questionnaire": "https://example.se/q",
            "subject": { "reference": "Patient/a" } })
    };
    let (care, own) = ("user/*.cruds", "patient/*.cruds");
    let made = [
        (
            with(medarbetare(&app, care), "Practitioner/p"),
            goal("g1", "a"),
            json!({ "type": "Practitioner", "reference": "Practitioner/p" }),
        ),
        (
            with(medarbetare(&app, care), "PractitionerRole/r"),
            goal("g2", "a"),
            json!({ "type": "PractitionerRole", "reference": "PractitionerRole/r" }),
        ),
        (
            with(patientanvandare(&app, "a", own), "Patient/a"),
            hers("q1"),
            json!({ "reference": "Patient/a" }),
        ),
        (
            with(patientanvandare(&app, "a", own), "RelatedPerson/mor"),
            hers("q2"),
            json!({ "reference": "RelatedPerson/mor" }),
        ),
        (
            with(patientanvandare(&app, "a", own), "Person/mor"),
            hers("q3"),
            json!({ "identifier": { "value": "u-1" } }),
        ),
        (
            issuer.token(&system(&app, "system/*.cruds")),
            goal("g3", "a"),
            json!({ "type": "Device", "identifier": { "value": "klient" } }),
        ),
    ];
    for (token, resource, who) in &made {
        let [kind, id] = ["resourceType", "id"].map(|name| resource[name].as_str().expect("a text"));
        let path = format!("{kind}/{id}");
        put(&app, &format!("/fhir/r5/{path}"), token, resource).expect(201);
        for (name, version) in [("r4", FhirVersion::R4), ("r5", FhirVersion::R5)] {
            let told = get(&app, &format!("/fhir/{name}/Provenance?target={path}"), token)
                .expect(200)
                .json();
            let told = entries(&told);
            assert_eq!(told.len(), 1, "{path}");
            let faults = structure::check(version, "Provenance", &told[0]);
            assert!(faults.is_empty(), "{faults:?} {}", told[0]);
            for (member, value) in who.as_object().expect("an object") {
                assert_eq!(&told[0]["agent"][0]["who"][member], value, "{}", told[0]);
            }
        }
    }
    // What was shown and what was not, in one row.
    let others = issuer.token(&of_others(&app, "user/*.cruds"));
    put(&app, "/fhir/r5/Patient/z", &others, &patient("z", None)).expect(201);
    put(&app, "/fhir/r5/Goal/theirs", &others, &goal("theirs", "z")).expect(201);
    let [denied, shown] = ["Goal/theirs", "Goal/g1"].map(|url| json!({ "request": { "method": "GET", "url": url } }));
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [denied, shown] });
    app.post_with("/fhir/r5", &[("Authorization", &format!("Bearer {staff}"))], &batch)
        .expect(200);
    let mut reviewer = system(&app, "system/AuditEvent.rs");
    reviewer["client_id"] = json!("granskning");
    let reviewer = issuer.token(&reviewer);
    for (name, version) in [("r4", FhirVersion::R4), ("r5", FhirVersion::R5)] {
        let log = get(&app, &format!("/fhir/{name}/AuditEvent?_count=1000"), &reviewer)
            .expect(200)
            .json();
        let mut not_shown = Vec::new();
        for event in entries(&log) {
            let faults = structure::check(version, "AuditEvent", &event);
            assert!(faults.is_empty(), "{faults:?} {event}");
            let who = &event["agent"][0]["who"];
            assert_ne!(who["reference"], "Person/mor", "{event}");
            if who["identifier"]["value"] == "klient" {
                assert!(who["identifier"]["system"].is_null(), "{event}");
            }
            let entities = event["entity"].as_array().cloned().unwrap_or_default();
            let told = entities.iter().filter(|entity| !entity["detail"].is_null());
            not_shown.extend(told.filter_map(|entity| entity["what"]["reference"].as_str().map(str::to_owned)));
        }
        assert_eq!(not_shown, ["Patient/z"], "{name}");
    }
}
