//! What the trace tells of each kind of caller is FHIR.

use fastkontakt::fhir::structure::check;
use fastkontakt::fhir::version::FhirVersion;
use serde_json::{Value, json};

use super::*;

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

/// Whoever calls, what the service tells of it is FHIR, and calls nobody what she is not.
#[test]
fn what_is_told_of_each_kind_of_caller_is_fhir() {
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
            let faults = check(version, "Provenance", &told[0]);
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
            let faults = check(version, "AuditEvent", &event);
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
