//! Who reviews the trace, and what of it: each vårdgivare follows up what it keeps.

use fastkontakt::fhir::structure::check;
use fastkontakt::fhir::version::FhirVersion;
use serde_json::json;

use super::*;

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
