//! `$validate`: what a write would be answered, in an outcome with status 200, and nothing stored.

use diesel::prelude::*;
use diesel::{PgConnection, SqliteConnection};
use serde_json::{Value, json};

use crate::common::{Answer, TestApp, spawn, spawn_with};
use crate::people::*;

/// severity, rule or code, expression of each issue.
fn told(answer: &Answer) -> Vec<String> {
    let outcome = outcome(answer);
    let issues = outcome["issue"].as_array().unwrap();
    issues
        .iter()
        .map(|issue| {
            let rule = &issue["details"]["coding"][0]["code"];
            let what = rule.as_str().or(issue["code"].as_str()).unwrap();
            let place = issue["expression"][0].as_str().unwrap_or("-");
            format!("{} {what} {place}", issue["severity"].as_str().unwrap())
        })
        .collect()
}

fn errors(answer: &Answer) -> Vec<String> {
    told(answer)
        .into_iter()
        .filter(|issue| issue.starts_with("error"))
        .collect()
}

/// How many rows a table has.
fn count(app: &TestApp, table: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let sql = diesel::sql_query(format!("SELECT count(*) AS count FROM {table}"));
    let count: Count = match app.database.strip_prefix("sqlite://") {
        Some(path) => sql.get_result(&mut SqliteConnection::establish(path).unwrap()),
        None => sql.get_result(&mut PgConnection::establish(&app.database).unwrap()),
    }
    .unwrap();
    count.count
}

/// How many rows each table of what is stored has; the access log is not among them.
fn rows(app: &TestApp) -> Vec<(&'static str, i64)> {
    let tables = [
        "patient_key",
        "resource",
        "history",
        "index_token",
        "index_reference",
        "index_date",
        "index_string",
        "index_quantity",
        "outbox",
    ];
    tables.map(|table| (table, count(app, table))).to_vec()
}

fn parameters(resource: &Value, others: &[(&str, &str, &str)]) -> Value {
    let mut all = vec![json!({ "name": "resource", "resource": resource })];
    for (name, member, value) in others {
        let mut parameter = json!({ "name": name });
        parameter[*member] = json!(value);
        all.push(parameter);
    }
    json!({ "resourceType": "Parameters", "parameter": all })
}

/// A contact without anything to remark.
fn spotless(member: &str) -> Value {
    let mut contact = fast_kontakt("anna", "2", member);
    contact["managingOrganization"] = json!([{ "reference": "Organization/vc" }]);
    contact["reason"] = json!([{ "concept": { "coding": [{
        "system": "https://w3id.org/fastkontakt/CodeSystem/anledning", "code": "patientens-begaran",
    }] } }]);
    contact["extension"] = json!([{
        "url": "https://w3id.org/fastkontakt/StructureDefinition/samrad", "valueBoolean": true,
    }]);
    contact
}

#[test]
fn what_is_well_is_told_so_in_each_version() {
    let app = spawn();
    let well = patient("x", Some("195009072553"));
    let r5 = app.post("/fhir/r5/Patient/$validate", &well).expect(200);
    assert_eq!(told(&r5), ["success success -"]);
    assert_eq!(
        r5.header("content-type"),
        Some("application/fhir+json; fhirVersion=5.0; charset=utf-8")
    );
    let r4 = app.post("/fhir/r4/Patient/$validate", &well).expect(200);
    assert_eq!(told(&r4), ["information informational -"]);
    assert_eq!(
        r4.header("content-type"),
        Some("application/fhir+json; fhirVersion=4.0; charset=utf-8")
    );
    app.get("/fhir/r5/Patient/x").expect(404);
}

#[test]
fn a_refusal_is_told_and_not_made_and_nothing_is_stored() {
    let app = spawn();
    orebro(&app);
    put(
        &app,
        &json!({ "resourceType": "Condition", "id": "c" }).merged(&livshotande_tillstand("anna")),
    );
    put(&app, &spotless("vc-lakare").merged(&json!({ "id": "k" })));
    let (before, logged) = (rows(&app), count(&app, "audit"));
    let nurse = fast_kontakt("anna", "1", "vc-skoterska");
    let answers = [
        app.post("/fhir/r5/CareTeam/$validate", &nurse),
        app.post("/fhir/r5/CareTeam/$validate?mode=create", &nurse),
        app.post(
            "/fhir/r5/CareTeam/$validate",
            &parameters(&nurse, &[("mode", "valueCode", "create")]),
        ),
        app.post(
            "/fhir/r5/CareTeam/ny/$validate?mode=update",
            &nurse.clone().merged(&json!({ "id": "ny" })),
        ),
        app.post(
            "/fhir/r5/CareTeam/k/$validate",
            &nurse.clone().merged(&json!({ "id": "k" })),
        ),
    ];
    let asked = i64::try_from(answers.len()).unwrap() + 3;
    for answer in answers {
        let answer = answer.expect(200);
        assert!(
            errors(&answer)
                .iter()
                .any(|issue| issue.starts_with("error FVK-01 CareTeam")),
            "{}",
            answer.text
        );
    }
    app.send("POST", "/fhir/r5/CareTeam/k/$validate?mode=delete", &[], None)
        .expect(200);
    app.get("/fhir/r5/CareTeam/k/$validate").expect(200);
    app.get("/fhir/r4/Patient/anna/$riktlinjekontroll").expect(200);
    assert_eq!(rows(&app), before, "nothing was stored");
    assert_eq!(
        count(&app, "audit") - logged,
        asked,
        "who validates sees what is stored: a record for each request, and nothing else is written"
    );
    assert_eq!(
        app.get("/fhir/r5/CareTeam/k").expect(200).header("etag"),
        Some("W/\"1\"")
    );
}

#[test]
fn patient_rules_see_the_state_as_it_would_be() {
    let app = spawn();
    orebro(&app);
    let first = spotless("vc-lakare").merged(&json!({ "id": "forsta" }));
    put(&app, &first);
    let second = spotless("vc-lakare-2");
    let answer = app.post("/fhir/r5/CareTeam/$validate", &second).expect(200);
    assert_eq!(errors(&answer).len(), 1, "{}", answer.text);
    assert!(errors(&answer)[0].starts_with("error FLK-04"), "{}", answer.text);
    // Under its own id it takes the place of the first; as a new one it would stand beside it.
    let moved = second.clone().merged(&json!({ "id": "forsta" }));
    assert_eq!(
        errors(&app.post("/fhir/r5/CareTeam/$validate", &moved).expect(200)),
        [""; 0]
    );
    let beside = app.post("/fhir/r5/CareTeam/$validate?mode=create", &moved).expect(200);
    assert!(errors(&beside)[0].starts_with("error FLK-04"), "{}", beside.text);
    // A Patient that is only thought of joins those with the same number.
    let mut other = spotless("vc-lakare-2");
    other["subject"] = json!({ "reference": "Patient/annan" });
    put(&app, &patient("annan", None));
    assert_eq!(
        errors(&app.post("/fhir/r5/CareTeam/$validate", &other).expect(200)),
        [""; 0]
    );
    put(&app, &patient("annan", Some("195009072553")));
    let joined = app.post("/fhir/r5/CareTeam/$validate", &other).expect(200);
    assert!(errors(&joined)[0].starts_with("error FLK-04"), "{}", joined.text);
}

#[test]
fn an_update_is_judged_against_the_stored_version() {
    let app = spawn();
    orebro(&app);
    let stored = fast_kontakt("anna", "1", "vc-skoterska").merged(&json!({ "id": "k" }));
    put(&app, &stored);
    put(
        &app,
        &json!({ "resourceType": "Condition", "id": "c" }).merged(&livshotande_tillstand("anna")),
    );
    let path = "/fhir/r5/CareTeam/k/$validate?mode=update";
    let corrected = stored.clone().merged(&json!({ "name": "Ny benämning" }));
    let answer = app.post(path, &corrected).expect(200);
    assert!(
        told(&answer).iter().any(|issue| issue.starts_with("warning FVK-01")),
        "{}",
        answer.text
    );
    assert_eq!(errors(&answer), [""; 0], "no worse than before (GEN-02)");
    let ended = stored.clone().merged(&json!({ "status": "inactive" }));
    assert_eq!(
        errors(&app.post(path, &ended).expect(200)),
        [""; 0],
        "an ending is never refused"
    );
    // What is stored, looked at today, is not excused by having been there.
    let today = app.get("/fhir/r5/CareTeam/k/$validate").expect(200);
    assert!(
        told(&today).iter().any(|issue| issue.starts_with("error FVK-01")),
        "{}",
        today.text
    );
    let other_id = stored.merged(&json!({ "id": "annan" }));
    assert!(errors(&app.post(path, &other_id).expect(200)).contains(&"error invalid CareTeam.id".to_owned()));
}

#[test]
fn a_draft_shows_what_would_be_demanded() {
    let app = spawn();
    orebro(&app);
    put(
        &app,
        &json!({ "resourceType": "Condition", "id": "c" }).merged(&livshotande_tillstand("anna")),
    );
    let proposed = fast_kontakt("anna", "1", "vc-skoterska").merged(&json!({ "status": "proposed" }));
    let answer = app.post("/fhir/r5/CareTeam/$validate", &proposed).expect(200);
    assert_eq!(errors(&answer), [""; 0]);
    assert!(
        told(&answer)
            .iter()
            .any(|issue| issue.starts_with("information FVK-01")),
        "{}",
        answer.text
    );
}

#[test]
fn faults_of_form_are_issues_and_say_that_the_rest_was_not_tried() {
    let app = spawn();
    let mut contact = fast_kontakt("p", "1", "x");
    contact["status"] = json!("aktiv");
    contact["okänd"] = json!(1);
    for body in [contact.clone(), parameters(&contact, &[])] {
        let answer = app.post("/fhir/r5/CareTeam/$validate", &body).expect(200);
        let told = told(&answer);
        assert!(
            told.contains(&"error code-invalid CareTeam.status".to_owned()),
            "{told:?}"
        );
        assert!(told.contains(&"information informational -".to_owned()), "{told:?}");
    }
    // Of a member that stands twice, the text alone tells.
    let twice = br#"{"resourceType":"CareTeam","status":"active","status":"proposed"}"#;
    let json_body = [("Content-Type", "application/fhir+json")];
    let answer = app
        .send("POST", "/fhir/r5/CareTeam/$validate", &json_body, Some(twice))
        .expect(200);
    assert_eq!(errors(&answer), ["error structure CareTeam.status"]);
    let answer = app
        .post("/fhir/r5/CareTeam/$validate", &json!({ "status": "active" }))
        .expect(200);
    assert_eq!(errors(&answer).len(), 1, "{}", answer.text);
}

#[test]
fn an_r4_resource_is_told_of_at_r4_paths() {
    let app = spawn();
    orebro(&app);
    let mut contact = fast_kontakt("anna", "2", "vc-skoterska").merged(&json!({ "id": "k" }));
    contact["reasonCode"] = json!([{ "text": "behov" }]);
    contact["participant"][0]["role"] = json!([contact["participant"][0]["role"]]);
    let answer = app.post("/fhir/r4/CareTeam/$validate", &contact).expect(200);
    assert!(
        errors(&answer)[0].starts_with("error FLK-01 CareTeam.participant[0]"),
        "{}",
        answer.text
    );
    let english = app
        .post_with("/fhir/r4/CareTeam/$validate", &[("Accept-Language", "en")], &contact)
        .expect(200);
    assert_ne!(english.text, answer.text);
    // Stored, it is told of at the same paths.
    contact["participant"][0]["member"]["reference"] = json!("PractitionerRole/vc-lakare");
    app.put("/fhir/r4/CareTeam/k", &contact).expect(201);
    put(&app, &staff("vc-lakare", "SJ", "206090", "vc")[0]);
    put(&app, &staff("vc-lakare", "SJ", "206090", "vc")[1]);
    let stored = app.get("/fhir/r4/CareTeam/k/$validate").expect(200);
    assert!(
        errors(&stored)[0].starts_with("error FLK-01 CareTeam.participant[0]"),
        "{}",
        stored.text
    );
}

#[test]
fn profiles_are_nominated_or_named() {
    let app = spawn();
    let base = "http://hl7.org/fhir/StructureDefinition/Patient";
    put(&app, &patient("p", None));
    for path in [
        format!("/fhir/r5/Patient/$validate?profile={base}"),
        format!("/fhir/r5/Patient/p/$validate?profile={base}"),
        format!("/fhir/r4/Patient/p/$validate?mode=profile&profile={base}%7C4.0.1"),
    ] {
        let answer = if path.contains("/p/") {
            app.get(&path)
        } else {
            app.post(&path, &patient("p", None))
        };
        assert_eq!(errors(&answer.expect(200)), [""; 0], "{path}");
    }
    // "If the server cannot validate against the nominated profile, it SHALL return an error."
    let unknown = "http://example.org/StructureDefinition/195009072553";
    let refused = app
        .post(
            &format!("/fhir/r5/Patient/$validate?profile={unknown}"),
            &patient("p", None),
        )
        .expect(400);
    assert!(!refused.text.contains("9072553"), "{}", refused.text);
    app.get(&format!("/fhir/r5/Patient/p/$validate?mode=profile&profile={unknown}"))
        .expect(400);
    let of_another = app
        .get("/fhir/r5/Patient/p/$validate?profile=http://hl7.org/fhir/StructureDefinition/CareTeam")
        .expect(200);
    assert_eq!(errors(&of_another), ["error structure Patient"]);
    // One that the resource names itself is only told.
    let naming = patient("p", None).merged(&json!({ "meta": { "profile": [base, unknown] } }));
    let answer = app.post("/fhir/r5/Patient/$validate", &naming).expect(200);
    assert_eq!(told(&answer), ["information not-supported Patient.meta.profile[1]"]);
}

#[test]
fn our_own_profiles_are_tried_in_both_versions() {
    let app = spawn();
    orebro(&app);
    let canonical = "https://w3id.org/fastkontakt/StructureDefinition/fast-kontakt";
    for version in ["r5", "r4"] {
        let path = format!("/fhir/{version}/CareTeam/$validate");
        let mut contact = spotless("vc-lakare");
        if version == "r4" {
            contact = fastkontakt::fhir::convert::r5_to_r4(&contact).resource;
        }
        let follows = app.post(&format!("{path}?profile={canonical}"), &contact).expect(200);
        assert_eq!(errors(&follows), [""; 0], "{}", follows.text);
        contact["participant"] = json!([contact["participant"][0], contact["participant"][0]]);
        let sent = [
            app.post(&format!("{path}?profile={canonical}"), &contact),
            app.post(
                &path,
                &parameters(&contact, &[("profile", "valueCanonical", canonical)]),
            ),
            app.post(
                &path,
                &contact.clone().merged(&json!({ "meta": { "profile": [canonical] } })),
            ),
        ];
        for answer in sent {
            let errors = errors(&answer.expect(200));
            assert!(
                errors.iter().any(|error| error.starts_with("error FK-02")),
                "{errors:?}"
            );
            let by_profile = errors
                .iter()
                .any(|error| error.ends_with(" CareTeam.participant") && !error.contains("FK-"));
            assert!(by_profile, "{errors:?}");
        }
    }
}

#[test]
fn what_cannot_be_validated_is_refused() {
    let app = spawn_with(|settings| settings.max_body_bytes = 20_000);
    put(&app, &patient("p", None));
    put(&app, &patient("borta", None));
    app.delete("/fhir/r5/Patient/borta").expect(204);
    let post = |path: &str, body: &Value| app.post(&format!("/fhir/r5/{path}"), body);
    let p = patient("p", None);

    post("Observation/$validate", &json!({ "resourceType": "Observation" })).expect(404);
    app.get("/fhir/r5/Patient/$validate").expect(405);
    app.send("PUT", "/fhir/r5/Patient/p/$validate", &[], None).expect(405);
    app.send("POST", "/fhir/r6/Patient/$validate", &[], None).expect(404);
    // Modes that are about an instance; a mode that is none; one given twice.
    for mode in ["update", "delete", "profile", "destroy", "Create", ""] {
        post(&format!("Patient/$validate?mode={mode}"), &p).expect(400);
    }
    post("Patient/$validate?mode=create&mode=update", &p).expect(400);
    post(
        "Patient/$validate?mode=create",
        &parameters(&p, &[("mode", "valueCode", "update")]),
    )
    .expect(400);
    post(
        "Patient/$validate?mode=create",
        &parameters(&p, &[("mode", "valueCode", "create")]),
    )
    .expect(200);
    post("Patient/p/$validate?mode=create", &p).expect(400);
    // Nothing to validate; too much.
    app.send("POST", "/fhir/r5/Patient/$validate", &[], None).expect(400);
    app.get("/fhir/r5/Patient/p/$validate?mode=update").expect(400);
    post("Patient/p/$validate?mode=profile", &p).expect(400);
    app.get("/fhir/r5/Patient/p/$validate?mode=profile").expect(400);
    let mut large = p.clone();
    large["name"][0]["family"] = json!("x".repeat(30_000));
    post("Patient/$validate", &large).expect(413);
    // Unknown or wrongly typed parameters.
    post("Patient/$validate?resource=x", &p).expect(400);
    post("Patient/$validate?195009072553=1", &p).expect(400);
    let named = |name: &str, member: &str, value: Value| {
        let mut body = parameters(&p, &[]);
        let mut parameter = json!({ "name": name });
        parameter[member] = value;
        body["parameter"].as_array_mut().unwrap().push(parameter);
        body
    };
    for body in [
        named("mode", "valueBoolean", json!(true)),
        named("mode", "valueInteger", json!(1)),
        named("profile", "resource", p.clone()),
        named("unknown", "valueString", json!("x")),
        named("resource", "resource", p.clone()),
        named("resource", "valueString", json!("x")),
        json!({ "resourceType": "Parameters" }),
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "resource" }] }),
        json!({ "resourceType": "Parameters", "parameter": "x" }),
        fast_kontakt("p", "1", "x"),
        parameters(&fast_kontakt("p", "1", "x"), &[]),
    ] {
        let refused = post("Patient/$validate", &body).expect(400);
        assert_eq!(refused.json()["resourceType"], "OperationOutcome");
    }
    let with_context = named(
        "usageContext",
        "valueUsageContext",
        json!({ "code": { "code": "focus" }, "valueCodeableConcept": { "text": "x" } }),
    );
    post("Patient/$validate", &with_context).expect(200);
    // Not JSON; not FHIR's media type.
    let json_body = [("Content-Type", "application/fhir+json")];
    for body in ["not json", "[]", "null", "{", "\u{feff}{}"] {
        app.send("POST", "/fhir/r5/Patient/$validate", &json_body, Some(body.as_bytes()))
            .expect(400);
    }
    app.send(
        "POST",
        "/fhir/r5/Patient/$validate",
        &[("Content-Type", "text/plain")],
        Some(b"{}"),
    )
    .expect(415);
    let other_version = [("Content-Type", "application/fhir+json; fhirVersion=4.0")];
    app.send("POST", "/fhir/r5/Patient/$validate", &other_version, Some(b"{}"))
        .expect(415);
    // Addresses of what is not there.
    for (id, status) in [("nobody", 404), ("borta", 410), ("..", 400)] {
        app.get(&format!("/fhir/r5/Patient/{}/$validate", id.replace('.', "%2E")))
            .expect(status);
        app.get(&format!(
            "/fhir/r5/Patient/{}/$validate?mode=delete",
            id.replace('.', "%2E")
        ))
        .expect(status);
    }
    // An update may create, and may bring back.
    for id in ["nobody", "borta"] {
        post(&format!("Patient/{id}/$validate?mode=update"), &patient(id, None)).expect(200);
    }
    app.get("/fhir/r5/Patient/nobody").expect(404);
    app.get("/fhir/r5/Patient/borta").expect(410);
}

#[test]
fn hostile_bodies_are_answered_and_the_service_lives_on() {
    let app = spawn();
    let json_body = [("Content-Type", "application/fhir+json")];
    let deep = format!(
        "{}1{}",
        r#"{"resourceType":"Patient","x":"#.repeat(5000),
        "}".repeat(5000)
    );
    let nested_parameters = format!(
        "{}null{}",
        r#"{"resourceType":"Parameters","parameter":[{"name":"resource","resource":"#.repeat(30),
        "}]}".repeat(30)
    );
    for body in [
        deep.as_str(),
        nested_parameters.as_str(),
        r#"{"resourceType":"Patient","id":"\u0000"}"#,
        r#"{"resourceType":"Patient","identifier":[{"value":"a\u0000b"}]}"#,
        r#"{"resourceType":"Patient","id":"../../etc/passwd"}"#,
        r#"{"resourceType":["Patient"]}"#,
        r#"{"resourceType":"Patient","meta":{"profile":[1,null,{}]}}"#,
        r#"{"resourceType":"Patient","birthDate":1e999999}"#,
    ] {
        let answer = app.send("POST", "/fhir/r5/Patient/$validate", &json_body, Some(body.as_bytes()));
        assert!(matches!(answer.status, 200 | 400), "{} {}", answer.status, answer.text);
        if answer.status == 200 {
            assert!(!errors(&answer).is_empty(), "{body}");
        }
    }
    // A contact whose units go round, whose member is contained and whose subject is itself.
    put(
        &app,
        &unit("a", "SE2321000164-A").merged(&json!({ "partOf": { "reference": "Organization/b" } })),
    );
    put(
        &app,
        &unit("b", "SE2321000164-B").merged(&json!({ "partOf": { "reference": "Organization/a" } })),
    );
    let mut contact = fast_kontakt("p", "1", "x").merged(&json!({ "id": "k" }));
    contact["managingOrganization"] = json!([{ "reference": "Organization/a" }]);
    contact["contained"] = json!([{ "resourceType": "PractitionerRole", "id": "r" }]);
    contact["participant"][0]["member"] = json!({ "reference": "#r" });
    app.post("/fhir/r5/CareTeam/$validate", &contact).expect(200);
    app.get("/health/ready").expect(200);
}

#[test]
fn outcome_snapshots() {
    let app = spawn();
    orebro(&app);
    put(
        &app,
        &json!({ "resourceType": "Condition", "id": "c" }).merged(&livshotande_tillstand("anna")),
    );
    for version in ["r4", "r5"] {
        let mut nurse = fast_kontakt("anna", "1", "vc-skoterska");
        nurse["meta"] = json!({ "profile": ["http://example.org/StructureDefinition/x"] });
        if version == "r4" {
            nurse["participant"][0]["role"] = json!([nurse["participant"][0]["role"]]);
        }
        let path = format!("/fhir/{version}/CareTeam/$validate");
        insta::assert_json_snapshot!(
            format!("validate_refused_{version}"),
            app.post(&path, &nurse).expect(200).json()
        );
        nurse["status"] = json!("aktiv");
        insta::assert_json_snapshot!(
            format!("validate_form_{version}"),
            app.post(&path, &nurse).expect(200).json()
        );
        let well = app
            .post(&format!("/fhir/{version}/Patient/$validate"), &patient("x", None))
            .expect(200);
        insta::assert_json_snapshot!(format!("validate_well_{version}"), well.json());
    }
}
