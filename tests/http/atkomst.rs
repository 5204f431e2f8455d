//! The access decisions as callers meet them: over HTTP, with tokens.

use serde_json::{Value, json};

use fastkontakt::access::settings::SystemSettings;

use crate::common::{Answer, TestApp};
use crate::issuer::*;

const OTHERS: &str = "SE2321000172-B";
const OTHERS_UNIT: &str = "SE2321000172-B1";
const HSA: &str = "urn:oid:1.2.752.129.2.1.4.1";
const INTERN: &str = "https://w3id.org/fastkontakt/StructureDefinition/intern-anteckning";

struct World {
    app: TestApp,
    /// Who reviews the log of the second vårdgivare, and of the first.
    reviewers: [String; 2],
    staff: String,
    others: String,
    patient: String,
    system: String,
}

fn put(app: &TestApp, path: &str, token: &str, body: &Value) -> Answer {
    app.put_with(path, &[("Authorization", &format!("Bearer {token}"))], body)
}

/// Two vårdgivare, a patient, a plan that the first keeps, and a visit at the second.
fn world() -> World {
    let issuer = Issuer::start();
    let app = issuer.service();
    let system = issuer.token(&system(&app, "system/*.cruds"));
    let mut other = crate::issuer::system(&app, "system/*.cruds");
    other["organization_hsaid"] = json!(OTHERS);
    let other_system = issuer.token(&other);
    let mut others = medarbetare(&app, "user/*.cruds");
    others["vardenhet_hsaid"] = json!(OTHERS_UNIT);
    others["organization_hsaid"] = json!(OTHERS);
    for (id, hsa_id, above, by) in [
        ("vg", VARDGIVARE, None, &system),
        ("vc", VARDENHET, Some("vg"), &system),
        ("b", OTHERS, None, &other_system),
        ("b1", OTHERS_UNIT, Some("b"), &other_system),
    ] {
        let mut unit = json!({"resourceType": "Organization", "id": id, "name": id, "identifier": [{"system": HSA, "value": hsa_id}]});
        if let Some(above) = above {
            unit["partOf"] = json!({"reference": format!("Organization/{above}")});
        }
        put(&app, &format!("/fhir/r5/Organization/{id}"), by, &unit).expect(201);
    }
    let staff = issuer.token(&medarbetare(&app, "user/*.cruds"));
    let mut reviewer = others.clone();
    reviewer["scope"] = json!("user/AuditEvent.rs");
    let reviewers = [
        issuer.token(&reviewer),
        issuer.token(&medarbetare(&app, "user/AuditEvent.rs")),
    ];
    let world = World {
        reviewers,
        others: issuer.token(&others),
        patient: issuer.token(&patientanvandare(&app, "anna", "patient/*.cruds")),
        app,
        staff,
        system,
    };
    let anna = json!({"resourceType": "Patient", "id": "anna", "name": [{"family": "Test"}]});
    put(&world.app, "/fhir/r5/Patient/anna", &world.staff, &anna).expect(201);
    let plan = json!({"resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan",
        "subject": {"reference": "Patient/anna"}, "title": "Synlig", "extension": [{"url": INTERN, "valueString": "Hemligt"}]});
    put(&world.app, "/fhir/r5/CarePlan/plan", &world.staff, &plan).expect(201);
    let visit = json!({"resourceType": "Encounter", "id": "visit", "status": "in-progress",
        "subject": {"reference": "Patient/anna"}, "serviceProvider": {"reference": "Organization/b1"}});
    put(&world.app, "/fhir/r5/Encounter/visit", &world.others, &visit).expect(201);
    world
}

/// How the entries came and their ids, but for what the service tells of the writes.
fn modes(answer: &Answer) -> Vec<String> {
    let bundle = answer.json();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .filter(|entry| entry["resource"]["resourceType"] != "Provenance")
        .map(|entry| {
            let resource = &entry["resource"];
            format!(
                "{} {}",
                entry["search"]["mode"].as_str().unwrap_or_default(),
                resource["id"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn another_vardgivare_is_told_that_there_is_more_and_no_more() {
    let World {
        app,
        others,
        staff,
        patient,
        ..
    } = world();
    for path in [
        "/fhir/r5/CarePlan/plan",
        "/fhir/r4/CarePlan/plan",
        "/fhir/r5/CarePlan/plan/_history",
        "/fhir/r5/CarePlan/plan/_history/1",
    ] {
        let answer = get(&app, path, &others).expect(404);
        assert!(!answer.text.contains("Synlig"), "{}", answer.text);
        get(&app, path, &staff).expect(200);
    }
    for path in [
        "/fhir/r5/CarePlan?subject=Patient/anna&_total=accurate",
        "/fhir/r4/CarePlan?subject=Patient/anna",
        "/fhir/r5/Patient/anna/CarePlan",
    ] {
        let answer = get(&app, path, &others).expect(200);
        assert_eq!(modes(&answer), ["outcome "], "{}", answer.text);
        let told = &answer.json()["entry"][0]["resource"]["issue"][0];
        assert_eq!(
            (told["severity"].as_str(), told["code"].as_str()),
            (Some("information"), Some("informational"))
        );
        assert!(!answer.text.contains("plan\"") && answer.json()["total"].as_i64().unwrap_or(0) == 0);
        assert_eq!(modes(&get(&app, path, &staff)), ["match plan"]);
    }
    let all = get(&app, "/fhir/r5/Patient/anna/$everything", &others).expect(200);
    let mut shown = modes(&all);
    shown.sort();
    assert_eq!(
        shown,
        ["include b", "include b1", "match anna", "match visit", "outcome "],
        "{}",
        all.text
    );
    // The patient sees what both keep, and is told nothing besides.
    let hers = get(&app, "/fhir/r5/Patient/anna/$everything", &patient).expect(200);
    let mut shown = modes(&hers);
    shown.sort();
    assert_eq!(
        shown,
        ["include b", "include b1", "match anna", "match plan", "match visit"],
        "{}",
        hers.text
    );
}

#[test]
fn the_patient_never_meets_what_is_meant_for_the_staff_alone() {
    let World {
        app, patient, staff, ..
    } = world();
    let bearer = format!("Bearer {patient}");
    for path in [
        "/fhir/r5/CarePlan/plan",
        "/fhir/r4/CarePlan/plan",
        "/fhir/r4/CarePlan/plan/_history",
        "/fhir/r5/CarePlan/_history",
        "/fhir/r5/CarePlan",
        "/fhir/r4/CarePlan?_summary=data",
        "/fhir/r5/Patient?_id=anna&_revinclude=CarePlan:subject",
        "/fhir/r4/Patient/anna/$everything",
    ] {
        let answer = get(&app, path, &patient).expect(200);
        assert!(answer.text.contains("Synlig"), "{path} {}", answer.text);
        assert!(
            !answer.text.contains("Hemligt") && !answer.text.contains("intern-anteckning"),
            "{path} {}",
            answer.text
        );
    }
    for kind in ["batch", "transaction"] {
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [
            {"request": {"method": "GET", "url": "CarePlan/plan"}},
            {"request": {"method": "GET", "url": "CarePlan?subject=Patient/anna"}},
            {"request": {"method": "GET", "url": "CarePlan/plan/_history"}}]});
        let answer = app
            .post_with("/fhir/r5", &[("Authorization", &bearer)], &bundle)
            .expect(200);
        assert_eq!(answer.text.matches("Synlig").count(), 3, "{}", answer.text);
        assert!(!answer.text.contains("Hemligt"), "{}", answer.text);
    }
    assert!(get(&app, "/fhir/r4/CarePlan/plan", &staff).text.contains("Hemligt"));
    // She writes no plan, and does not make the note go away.
    let patch = json!([{"op": "replace", "path": "/title", "value": "Annan"}]);
    app.patch("/fhir/r5/CarePlan/plan", &[("Authorization", &bearer)], &patch)
        .expect(403);
    app.send("DELETE", "/fhir/r5/CarePlan/plan", &[("Authorization", &bearer)], None)
        .expect(403);
}

#[test]
fn a_write_is_the_keeping_units_own() {
    let World {
        app,
        others,
        staff,
        system,
        ..
    } = world();
    let plan = json!({"resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan", "subject": {"reference": "Patient/anna"}, "title": "Annan"});
    put(&app, "/fhir/r5/CarePlan/plan", &others, &plan).expect(404);
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": plan, "request": {"method": "PUT", "url": "CarePlan/plan"}}]});
    app.post_with("/fhir/r5", &[("Authorization", &format!("Bearer {others}"))], &bundle)
        .expect(404);
    put(&app, "/fhir/r5/CarePlan/plan", &staff, &plan).expect(200);
    put(&app, "/fhir/r5/CarePlan/plan", &system, &plan).expect(200);
    // A condition does not meet what is not seen: the other's plan is no hindrance, and is not told of.
    let new = json!({"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": "Patient/anna"}});
    let headers = [
        ("Authorization", format!("Bearer {others}")),
        ("If-None-Exist", "subject=Patient/anna".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    app.post_with("/fhir/r5/CarePlan", &headers, &new).expect(201);
}

#[test]
fn checks_and_lists_are_for_those_whose_they_are() {
    let World {
        app,
        others,
        staff,
        patient,
        ..
    } = world();
    get(&app, "/fhir/r5/Patient/anna/$riktlinjekontroll", &patient).expect(403);
    get(&app, "/fhir/r5/Patient/anna/$riktlinjekontroll", &staff).expect(200);
    get(&app, "/fhir/r5/Organization/vc/$riktlinjekontroll", &staff).expect(200);
    get(&app, "/fhir/r5/Organization/vc/$riktlinjekontroll", &others).expect(403);
    get(&app, "/fhir/r5/Organization/vc/$riktlinjekontroll", &patient).expect(403);
    let theirs = get(&app, "/fhir/r5/Patient/anna/$riktlinjekontroll", &others).expect(200);
    assert!(!theirs.text.contains("CarePlan/plan"), "{}", theirs.text);
}

/// Findings tell of contacts, plans and staff: whose scopes do not reach those does not have them told.
#[test]
fn a_check_asks_for_all_that_it_tells_of() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let token = |scope: &str| issuer.token(&medarbetare(&app, scope));
    let staff = token("user/*.cruds");
    put(
        &app,
        "/fhir/r5/Patient/anna",
        &staff,
        &json!({"resourceType": "Patient", "id": "anna"}),
    )
    .expect(201);
    let check = "/fhir/r5/Patient/anna/$riktlinjekontroll";
    let all_but_contacts =
        "user/Patient.rs user/CarePlan.rs user/Organization.rs user/PractitionerRole.rs user/Practitioner.rs";
    for few in [
        "user/Patient.rs",
        "user/Patient.rs user/CareTeam.rs user/CarePlan.rs",
        all_but_contacts,
        &format!("{all_but_contacts} user/CareTeam.rs?status=inactive"),
    ] {
        get(&app, check, &token(few)).expect(403);
    }
    get(&app, check, &token(&format!("{all_but_contacts} user/CareTeam.rs"))).expect(200);
    get(&app, check, &token("user/*.rs")).expect(200);
}

/// What was denied, told as if it was not there, is in the log with what it was about; each vårdgivare reviews its own rows,
/// and those about what it keeps.
#[test]
fn attempts_are_in_the_log_of_who_made_them() {
    let World {
        app,
        others,
        staff,
        patient,
        reviewers: [theirs, ours],
        ..
    } = world();
    let of_others = || {
        let extract = get(&app, "/fhir/r5/Patient/anna/$loggutdrag?_count=1000", &patient).expect(200);
        let rows = extract.json()["entry"].as_array().cloned().unwrap_or_default();
        let theirs = |row: &&Value| row["resource"]["agent"][0]["who"]["identifier"]["value"] == OTHERS_UNIT;
        rows.iter().filter(theirs).count()
    };
    let before = of_others();
    get(&app, "/fhir/r5/CarePlan/plan", &others).expect(404);
    let plan = json!({"resourceType": "CarePlan", "id": "plan", "status": "revoked", "intent": "plan", "subject": {"reference": "Patient/anna"}});
    put(&app, "/fhir/r5/CarePlan/plan", &others, &plan).expect(404);
    assert_eq!((before, of_others()), (1, 1), "the visit; the attempts are no access");
    get(&app, "/fhir/r5/CarePlan/plan", &staff).expect(200);
    let log = "/fhir/r4/AuditEvent?entity=CarePlan/plan";
    for (reviewer, rows) in [(&theirs, [("8", 2), ("0", 0)]), (&ours, [("8", 2), ("0", 2)])] {
        for (outcome, number) in rows {
            let answer = get(&app, &format!("{log}&outcome={outcome}"), reviewer).expect(200);
            let bundle = answer.json();
            let found = bundle["entry"].as_array().map_or(0, Vec::len);
            assert_eq!(found, number, "{outcome}: {}", answer.text);
            if number > 0 {
                assert!(answer.text.contains("Patient/anna"), "{}", answer.text);
            }
        }
    }
    // Whose scopes do not name the log does not see it; nor does a patient but in the extract.
    get(&app, log, &staff).expect(403);
    get(&app, log, &patient).expect(403);
    get(&app, "/fhir/r5/Patient/other/$loggutdrag", &patient).expect(404);
}

/// What lies within another comes before it in the Bundle, and what is kept by a unit before the unit: the order is nobody's
/// (http.html#trules).
#[test]
fn a_vardgivares_units_are_written_together_in_any_order() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let by = issuer.token(&system(&app, "system/*.cruds"));
    let unit = |id: &str, hsa_id: String, above: Option<&str>| {
        let mut unit = json!({"resourceType": "Organization", "id": id, "name": id, "identifier": [{"system": HSA, "value": hsa_id}]});
        if let Some(above) = above {
            unit["partOf"] = json!({"reference": format!("Organization/{above}")});
        }
        json!({"resource": unit, "request": {"method": "PUT", "url": format!("Organization/{id}")}})
    };
    let own = |unit: &str| format!("{}-{unit}", &VARDGIVARE[..VARDGIVARE.find('-').unwrap()]);
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        unit("ward", own("WARD"), Some("clinic")),
        unit("clinic", own("CLINIC"), Some("hospital")),
        unit("hospital", own("HOSPITAL"), Some("vg")),
        unit("vg", VARDGIVARE.to_owned(), None),
    ]});
    let headers = [
        ("Authorization", format!("Bearer {by}")),
        ("Content-Type", "application/fhir+json".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = app
        .send("POST", "/fhir/r5", &headers, Some(bundle.to_string().as_bytes()))
        .expect(200);
    for (number, id) in ["ward", "clinic", "hospital", "vg"].into_iter().enumerate() {
        let location = answer.json()["entry"][number]["response"]["location"].to_string();
        assert!(location.contains(&format!("Organization/{id}/")), "{location}");
    }
}

/// A unit that the catalogue knows as one vårdgivare's is not another's, whatever a token says.
#[test]
fn a_unit_lies_with_the_vardgivare_that_the_catalogue_says() {
    let issuer = Issuer::start();
    let app = issuer.service_with(|settings| {
        settings.access.as_mut().unwrap().systems = vec![SystemSettings {
            client: Some("katalogen".to_owned()),
            issuer: None,
            hsa_id: None,
            vardgivare: VARDGIVARE.to_owned(),
            vardenhet: None,
            scopes: None,
            catalogue: true,
        }];
    });
    let token = |unit: &str, vardgivare: &str| {
        let mut claims = medarbetare(&app, "user/*.cruds");
        claims["vardenhet_hsaid"] = json!(unit);
        claims["organization_hsaid"] = json!(vardgivare);
        issuer.token(&claims)
    };
    let both = token(VARDENHET, OTHERS);
    let whole = token(VARDGIVARE, OTHERS);
    // Nothing is known of them yet.
    get(&app, "/fhir/r5/CarePlan", &both).expect(200);
    let by = issuer.token(&system(&app, "system/*.cruds"));
    for (id, hsa_id, above) in [("vg", VARDGIVARE, None), ("vc", VARDENHET, Some("vg"))] {
        let mut unit = json!({"resourceType": "Organization", "id": id, "name": id, "identifier": [{"system": HSA, "value": hsa_id}]});
        if let Some(above) = above {
            unit["partOf"] = json!({"reference": format!("Organization/{above}")});
        }
        put(&app, &format!("/fhir/r5/Organization/{id}"), &by, &unit).expect(201);
    }
    for (token, case) in [(&both, "a unit"), (&whole, "a vårdgivare as a unit of another")] {
        for path in ["/fhir/r5/CarePlan", "/fhir/r4/CarePlan/x"] {
            let answer = get(&app, path, token).expect(403);
            assert!(!answer.text.contains(VARDENHET), "{case}: {}", answer.text);
        }
    }
    get(&app, "/fhir/r5/CarePlan", &token(VARDENHET, VARDGIVARE)).expect(200);
    get(&app, "/fhir/r5/CarePlan", &token(OTHERS_UNIT, OTHERS)).expect(200);
    // The unit passes to the other vårdgivare.
    let moved = json!({"resourceType": "Organization", "id": "vc", "name": "vc", "identifier": [{"system": HSA, "value": VARDENHET}],
        "partOf": {"type": "Organization", "identifier": {"system": HSA, "value": OTHERS}}});
    put(&app, "/fhir/r5/Organization/vc", &by, &moved).expect(403);
    let mut claims = system(&app, "system/*.cruds");
    claims["client_id"] = json!("katalogen");
    let catalogue = issuer.token(&claims);
    put(&app, "/fhir/r5/Organization/vc", &catalogue, &moved).expect(200);
    get(&app, "/fhir/r5/CarePlan", &both).expect(200);
    get(&app, "/fhir/r5/CarePlan", &token(VARDENHET, VARDGIVARE)).expect(403);
}

/// What is hidden is answered alike whichever version is demanded, by every way to write it.
#[test]
fn if_match_tells_nothing_of_what_is_hidden() {
    let World { app, others, staff, .. } = world();
    let bearer = format!("Bearer {others}");
    let plan = json!({"resourceType": "CarePlan", "id": "plan", "status": "revoked", "intent": "plan", "subject": {"reference": "Patient/anna"}});
    let patch = json!([{"op": "replace", "path": "/status", "value": "revoked"}]);
    for tag in ["W/\"1\"", "W/\"2\"", "*"] {
        let headers = [("Authorization", bearer.as_str()), ("If-Match", tag)];
        app.put_with("/fhir/r5/CarePlan/plan", &headers, &plan).expect(404);
        app.send("DELETE", "/fhir/r4/CarePlan/plan", &headers, None).expect(404);
        app.patch("/fhir/r5/CarePlan/plan", &headers, &patch).expect(404);
        for kind in ["batch", "transaction"] {
            let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [
                {"resource": plan, "request": {"method": "PUT", "url": "CarePlan/plan", "ifMatch": tag}}]});
            let answer = app.post_with("/fhir/r5", &[("Authorization", &bearer)], &bundle);
            let status = match kind {
                "batch" => answer.expect(200).json()["entry"][0]["response"]["status"].to_string(),
                _ => answer.status.to_string(),
            };
            assert!(status.contains("404"), "{kind} {tag}: {status}");
        }
    }
    let headers = [("Authorization", bearer.as_str()), ("If-None-Match", "*")];
    app.put_with("/fhir/r5/CarePlan/plan", &headers, &plan).expect(404);
    app.put_with("/fhir/r5/CarePlan?_id=plan", &[("Authorization", &bearer)], &plan)
        .expect(404);
    // It stands as it was, and for those who read it the versions count.
    let bearer = format!("Bearer {staff}");
    for (tag, status) in [("W/\"7\"", 412), ("W/\"1\"", 200)] {
        app.put_with(
            "/fhir/r5/CarePlan/plan",
            &[("Authorization", &bearer), ("If-Match", tag)],
            &plan,
        )
        .expect(status);
    }
}

/// What only resembles a reference to the patient would be filed on nobody, past her blocks.
#[test]
fn a_reference_that_is_misspelt_is_refused() {
    let World { app, staff, .. } = world();
    let base = format!("{}/fhir/r5", app.base);
    for reference in [
        "patient/anna".to_owned(),
        "Patient/anna ".to_owned(),
        " Patient/anna".to_owned(),
        "Patient//anna".to_owned(),
        "Patient/anna/".to_owned(),
        "/Patient/anna".to_owned(),
        "Patient/ann%61".to_owned(),
        "anna".to_owned(),
        format!("{base}/patient/anna"),
        format!("{base}//Patient/anna"),
        format!("{base}/Patient/anna/"),
    ] {
        for version in ["r4", "r5"] {
            let goal = json!({"resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "description": {"text": "Mål"},
                "subject": {"reference": reference}});
            put(&app, &format!("/fhir/{version}/Goal/g"), &staff, &goal).expect(400);
            let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
                {"resource": goal, "request": {"method": "PUT", "url": "Goal/g"}}]});
            app.post_with(
                &format!("/fhir/{version}"),
                &[("Authorization", &format!("Bearer {staff}"))],
                &bundle,
            )
            .expect(400);
        }
    }
}

/// An HSA-id is the same however it is written, by whoever keeps the catalogue and by whoever asks.
#[test]
fn an_hsa_id_has_no_case_and_no_spaces() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let by = issuer.token(&system(&app, "system/*.cruds"));
    let unit = |id: &str, hsa_id: &str, above: Option<&str>| {
        let mut unit = json!({"resourceType": "Organization", "id": id, "name": id, "identifier": [{"system": HSA, "value": hsa_id}]});
        if let Some(above) = above {
            unit["partOf"] = json!({"reference": format!("Organization/{above}")});
        }
        unit
    };
    put(
        &app,
        "/fhir/r5/Organization/vg",
        &by,
        &unit("vg", &VARDGIVARE.to_lowercase(), None),
    )
    .expect(201);
    let written = format!(" {} ", VARDENHET.to_lowercase());
    put(&app, "/fhir/r5/Organization/vc", &by, &unit("vc", &written, Some("vg"))).expect(201);
    // The unit lies with its vårdgivare.
    let staff = |vardgivare: &str| {
        let mut claims = medarbetare(&app, "user/*.cruds");
        claims["organization_hsaid"] = json!(vardgivare);
        issuer.token(&claims)
    };
    get(&app, "/fhir/r5/CarePlan", &staff(VARDGIVARE)).expect(200);
    get(&app, "/fhir/r5/CarePlan", &staff(OTHERS)).expect(403);
    // And is nobody else's to enter, not even under the same number.
    let mut other = system(&app, "system/*.cruds");
    other["organization_hsaid"] = json!("SE2321000164-VG2");
    let other = issuer.token(&other);
    for hsa_id in [VARDENHET.to_owned(), VARDENHET.to_lowercase(), written] {
        put(&app, "/fhir/r5/Organization/x", &other, &unit("x", &hsa_id, None)).expect(403);
    }
    for value in [
        VARDENHET.to_owned(),
        VARDENHET.to_lowercase(),
        "se2321000164-vC".to_owned(),
    ] {
        for system in [format!("{HSA}|"), "urn:oid:1.2.752.29.4.19|".to_owned(), String::new()] {
            let path = format!("/fhir/r5/Organization?identifier={system}{value}");
            let found = get(&app, &path, &by).expect(200);
            assert_eq!(modes(&found), ["match vc"], "{path}");
        }
    }
    let below = get(&app, "/fhir/r5/Organization?partof.identifier=se2321000164-vg", &by).expect(200);
    assert_eq!(modes(&below), ["match vc"]);
}

/// Of those who enter a new HSA-id at the same instant one has it.
#[test]
fn one_organization_gets_a_new_hsa_id() {
    let issuer = Issuer::start();
    let app = issuer.service();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let entering = (0..8).map(|number| {
            let mut claims = system(&app, "system/*.cruds");
            claims["organization_hsaid"] = json!(format!("SE2321000164-V{number}"));
            let (token, app) = (issuer.token(&claims), &app);
            scope.spawn(move || {
                let unit = json!({"resourceType": "Organization", "id": format!("u{number}"), "name": "u",
                    "identifier": [{"system": HSA, "value": "SE2321000164-NY"}],
                    "partOf": {"identifier": {"system": HSA, "value": format!("SE2321000164-V{number}")}}});
                put(app, &format!("/fhir/r5/Organization/u{number}"), &token, &unit).status
            })
        });
        let entering: Vec<_> = entering.collect();
        entering.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 403).count(),
        7,
        "{statuses:?}"
    );
}

/// Who speaks for one vårdgivare says who works there, not who the patients are, who read what all keep of them.
#[test]
fn an_issuer_of_one_vardgivare_makes_no_patients() {
    for (patients, status) in [(None, 403), (Some(false), 403), (Some(true), 200)] {
        let issuer = Issuer::start();
        let app = issuer.service_with(|settings| {
            let own = &mut settings.access.as_mut().expect("access").issuers[0];
            own.vardgivare = vec![VARDGIVARE.to_owned()];
            own.patients = patients;
        });
        let staff = issuer.token(&medarbetare(&app, "user/*.cruds"));
        put(
            &app,
            "/fhir/r5/Patient/anna",
            &staff,
            &json!({"resourceType": "Patient", "id": "anna"}),
        )
        .expect(201);
        let mut guardian = patientanvandare(&app, "anna", "patient/*.rs");
        guardian["fhirUser"] = json!("RelatedPerson/mor");
        for claims in [patientanvandare(&app, "anna", "patient/*.rs"), guardian] {
            get(&app, "/fhir/r5/Patient/anna", &issuer.token(&claims)).expect(status);
        }
    }
}

/// A browser or a proxy that keeps an answer shows it again without asking, and without a trace.
#[test]
fn no_answer_about_people_is_kept_on_the_way() {
    let World { app, staff, others, .. } = world();
    let bearer = format!("Bearer {staff}");
    for path in [
        "/fhir/r5/CarePlan/plan",
        "/fhir/r4/CarePlan/plan/_history/1",
        "/fhir/r5/CarePlan/plan/_history",
        "/fhir/r5/CarePlan?subject=Patient/anna",
        "/fhir/r5/Patient/anna/$everything",
        "/fhir/r5/Organization/vc",
        "/fhir/r5/CarePlan/nobody",
        "/fhir/r5/CarePlan?nonsense=1",
    ] {
        let answer = get(&app, path, &staff);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    let headers = [("Authorization", bearer.as_str()), ("If-None-Match", "W/\"1\"")];
    let same = app.send("GET", "/fhir/r5/CarePlan/plan", &headers, None).expect(304);
    assert_eq!(same.header("cache-control"), Some("no-store"));
    for (path, token) in [
        ("/fhir/r5/CarePlan/plan", others.as_str()),
        ("/fhir/r5/CarePlan/plan", "x.y.z"),
    ] {
        assert_eq!(get(&app, path, token).header("cache-control"), Some("no-store"));
    }
    let plan = json!({"resourceType": "CarePlan", "id": "new", "status": "draft", "intent": "plan", "subject": {"reference": "Patient/anna"}});
    let made = put(&app, "/fhir/r5/CarePlan/new", &staff, &plan).expect(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
}

/// An id that was one vårdgivare's is never another's place with hers still in it.
#[test]
fn what_others_lie_within_does_not_change_its_vardgivare_under_them() {
    let issuer = Issuer::start();
    let app = issuer.service_with(|settings| {
        let access = settings.access.as_mut().expect("access control");
        access.systems.push(SystemSettings {
            client: Some("katalog".to_owned()),
            issuer: None,
            hsa_id: None,
            vardgivare: VARDGIVARE.to_owned(),
            vardenhet: None,
            scopes: None,
            catalogue: true,
        });
    });
    let own = issuer.token(&system(&app, "system/*.cruds"));
    let mut catalogue = system(&app, "system/*.cruds");
    catalogue["client_id"] = json!("katalog");
    let catalogue = issuer.token(&catalogue);
    let mut others = system(&app, "system/*.cruds");
    others["organization_hsaid"] = json!(OTHERS);
    let others = issuer.token(&others);
    let unit = |id: &str, hsa_id: Option<&str>, above: Option<&str>| {
        let mut unit = json!({"resourceType": "Organization", "id": id, "name": id});
        if let Some(hsa_id) = hsa_id {
            unit["identifier"] = json!([{"system": HSA, "value": hsa_id}]);
        }
        if let Some(above) = above {
            unit["partOf"] = json!({"reference": format!("Organization/{above}")});
        }
        unit
    };
    let write = |by: &str, unit: &Value| {
        let id = unit["id"].as_str().expect("an id");
        put(&app, &format!("/fhir/r5/Organization/{id}"), by, unit)
    };
    let delete = |by: &str, id: &str| {
        let by = format!("Bearer {by}");
        app.send(
            "DELETE",
            &format!("/fhir/r5/Organization/{id}"),
            &[("Authorization", &by)],
            None,
        )
    };
    write(&own, &unit("vg", Some(VARDGIVARE), None)).expect(201);
    write(&others, &unit("b", Some(OTHERS), None)).expect(201);
    // The second vårdgivare takes an id that the first is to use, and lays a unit of its own within.
    let taken = unit("taken", Some("SE2321000172-B7"), Some("b"));
    let within = unit("within", Some(OTHERS_UNIT), Some("taken"));
    write(&others, &taken).expect(201);
    write(&others, &within).expect(201);
    let told = delete(&others, "taken").expect(409);
    assert!(told.text.contains("Flytta dem först"), "{}", told.text);
    write(&others, &unit("taken", None, None)).expect(409);
    write(&others, &unit("taken", Some("SE2321000172-B7"), None)).expect(409);
    let renamed = {
        let mut unit = taken.clone();
        unit["name"] = json!("another name");
        unit
    };
    write(&others, &renamed).expect(200);
    let ours = unit("taken", Some(VARDENHET), Some("vg"));
    write(&own, &ours).expect(403);
    // Nor does who keeps everybody's catalogue take them along by mistake.
    write(&catalogue, &ours).expect(409);
    // Knowingly: both in one transaction.
    let entry = |unit: &Value| json!({"resource": unit, "request": {"method": "PUT", "url": format!("Organization/{}", unit["id"].as_str().expect("an id"))}});
    let moved = unit("within", Some(OTHERS_UNIT), Some("b"));
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry(&ours), entry(&moved)]});
    let by = format!("Bearer {catalogue}");
    app.post_with("/fhir/r5", &[("Authorization", &by)], &bundle)
        .expect(200);
    // What nobody lies within any more may go; and an id that was another's is told by its keeper.
    write(&others, &unit("gone", Some("SE2321000172-B8"), Some("b"))).expect(201);
    delete(&others, "gone").expect(204);
    write(&catalogue, &unit("later", Some("SE2321000172-B9"), Some("gone"))).expect(201);
    write(&catalogue, &unit("gone", Some("SE2321000164-X"), Some("vg"))).expect(409);
    write(&catalogue, &unit("gone", Some("SE2321000172-B8"), Some("b"))).expect(201);
    // Nor does one lay oneself above what somebody else has laid there already.
    write(&catalogue, &unit("below", Some("SE2321000164-Y"), Some("coming"))).expect(201);
    write(&others, &unit("coming", Some("SE2321000172-BA"), Some("b"))).expect(409);
    write(&catalogue, &unit("coming", Some("SE2321000164-Z"), Some("vg"))).expect(201);
}

/// A patch that a delete overtakes is one of what is gone: nobody was denied anything.
#[test]
fn a_patch_that_a_delete_overtakes_is_of_what_is_gone() {
    let World { app, staff, .. } = world();
    let bearer = format!("Bearer {staff}");
    let headers = [("Authorization", bearer.as_str())];
    for number in 0..12 {
        let path = format!("/fhir/r5/CarePlan/gone-{number}");
        let plan = json!({"resourceType": "CarePlan", "id": format!("gone-{number}"), "status": "draft", "intent": "plan",
            "subject": {"reference": "Patient/anna"}});
        put(&app, &path, &staff, &plan).expect(201);
        let both = std::sync::Barrier::new(2);
        let (patched, deleted) = std::thread::scope(|scope| {
            let deleting = scope.spawn(|| {
                both.wait();
                app.send("DELETE", &path, &headers, None)
            });
            both.wait();
            let patch = json!([{"op": "add", "path": "/title", "value": "Ny"}]);
            let patched = app.patch(&path, &headers, &patch);
            (patched, deleting.join().unwrap())
        });
        deleted.expect(204);
        assert!(
            matches!(patched.status, 200 | 410),
            "{} {}",
            patched.status,
            patched.text
        );
    }
}

/// What a reference by criteria means is known when all is written: until then nobody is refused for what it was taken to mean.
#[test]
fn units_that_are_written_together_name_each_other_by_criteria() {
    let World { app, system, .. } = world();
    let headers = [
        ("Authorization", format!("Bearer {system}")),
        ("Content-Type", "application/fhir+json".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let own = |unit: &str| format!("{}-{unit}", &VARDGIVARE[..VARDGIVARE.find('-').unwrap()]);
    let by_id = |hsa_id: &str| format!("Organization?identifier={HSA}|{hsa_id}");
    let unit = |hsa_id: &str, above: &str| {
        let unit = json!({"resourceType": "Organization", "name": "u", "identifier": [{"system": HSA, "value": hsa_id}],
            "partOf": {"reference": above}});
        json!({"resource": unit, "request": {"method": "PUT", "url": by_id(hsa_id)}})
    };
    let send = |entries: [Value; 2]| {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        app.send("POST", "/fhir/r5", &headers, Some(bundle.to_string().as_bytes()))
    };
    let found = |hsa_id: &str| {
        let path = by_id(hsa_id).replace('|', "%7C");
        get(&app, &format!("/fhir/r5/{path}"), &system).expect(200).json()["entry"][0]["resource"].clone()
    };
    for (name, above_first) in [("A", false), ("B", true)] {
        let (ward, clinic) = (own(&format!("WARD{name}")), own(&format!("CLINIC{name}")));
        let mut entries = [unit(&ward, &by_id(&clinic)), unit(&clinic, "Organization/vg")];
        if above_first {
            entries.reverse();
        }
        send(entries).expect(200);
        let above = format!("Organization/{}", found(&clinic)["id"].as_str().unwrap());
        assert_eq!(found(&ward)["partOf"]["reference"], json!(above));
    }
    // And whoever is refused for what it does mean is.
    let (ward, clinic) = (own("WARDC"), own("CLINICC"));
    for above in ["Organization/b".to_owned(), by_id(OTHERS_UNIT)] {
        send([unit(&ward, &by_id(&clinic)), unit(&clinic, &above)]).expect(403);
    }
    send([unit(&ward, &by_id(&clinic)), unit(&own("OTHER"), "Organization/vg")]).expect(412);
    assert!(found(&ward).is_null() && found(&clinic).is_null());
}
