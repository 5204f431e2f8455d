//! The access log over HTTP: every interaction leaves its record, naming each patient, before the answer goes out.

use fastkontakt::access::Interaction;
use fastkontakt::fhir::structure::check;
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt::store::Session;
use serde_json::{Value, json};

use crate::common::{TestApp, spawn};

/// The records of a request, oldest first, as R5 AuditEvents.
fn records_of(app: &TestApp, request_id: &str) -> Vec<Value> {
    let found = app.get("/fhir/r5/AuditEvent?_count=1000").expect(200).json();
    let mut records: Vec<Value> = entries(&found)
        .filter(|event| {
            event["entity"]
                .as_array()
                .is_some_and(|all| all.iter().any(|it| it["what"]["identifier"]["value"] == request_id))
        })
        .cloned()
        .collect();
    records.reverse();
    records
}

fn entries(bundle: &Value) -> impl Iterator<Item = &Value> {
    let all = bundle["entry"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    all.iter().map(|entry| &entry["resource"])
}

/// What an AuditEvent names.
fn named(event: &Value) -> Vec<String> {
    let mut named: Vec<String> = event["entity"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entity| entity["what"]["reference"].as_str().map(str::to_owned))
        .collect();
    named.sort();
    named
}

fn patients(event: &Value) -> Vec<String> {
    let is_patient = |name: &String| name.starts_with("Patient/") && !name.contains("_history");
    named(event).into_iter().filter(is_patient).collect()
}

/// Sends a request under an id of its own; the records it left.
fn logged(app: &TestApp, method: &str, path: &str, body: Option<Value>) -> (u16, Vec<Value>) {
    let id = uuid::Uuid::new_v4().to_string();
    let text = body.map(|body| body.to_string());
    let mut headers = vec![("X-Request-Id", id.as_str())];
    if text.is_some() {
        let form = path.ends_with("_search");
        headers.push((
            "Content-Type",
            if form {
                "application/x-www-form-urlencoded"
            } else {
                "application/fhir+json"
            },
        ));
    }
    let answer = app.send(method, path, &headers, text.as_deref().map(str::as_bytes));
    (answer.status, records_of(app, &id))
}

fn patient(app: &TestApp, id: &str) {
    let body = json!({ "resourceType": "Patient", "id": id, "active": true });
    app.put(&format!("/fhir/r5/Patient/{id}"), &body).expect(201);
}

fn goal(app: &TestApp, id: &str, of: &str) {
    app.put(&format!("/fhir/r5/Goal/{id}"), &a_goal(id, of)).expect(201);
}

fn a_goal(id: &str, of: &str) -> Value {
    json!({
        "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": "Mål" },
        "subject": { "reference": format!("Patient/{of}") },
    })
}

#[test]
fn every_interaction_leaves_one_record() {
    let app = spawn();
    patient(&app, "a");
    goal(&app, "g", "a");
    let unit = json!({ "resourceType": "Organization", "id": "o", "name": "Enheten" });
    app.put("/fhir/r5/Organization/o", &unit).expect(201);
    let bundle = |kind: &str, entry: Value| json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
    let read = json!({ "request": { "method": "GET", "url": "Goal/g" } });
    let patch = json!({
        "resourceType": "Parameters",
        "parameter": [{ "name": "operation", "part": [
            { "name": "type", "valueCode": "replace" },
            { "name": "path", "valueString": "Goal.lifecycleStatus" },
            { "name": "value", "valueCode": "accepted" },
        ] }],
    });
    let mut new = a_goal("x", "a");
    new.as_object_mut().expect("an object").remove("id");
    for interaction in Interaction::ALL {
        let (method, path, body) = match interaction {
            // Tells of no patient, to everybody.
            Interaction::Capabilities => continue,
            Interaction::Create => ("POST", "Goal", Some(new.clone())),
            Interaction::Read => ("GET", "Goal/g", None),
            Interaction::Vread => ("GET", "Goal/g/_history/1", None),
            Interaction::Update => ("PUT", "Goal/h", Some(a_goal("h", "a"))),
            Interaction::Patch => ("PATCH", "Goal/g", Some(patch.clone())),
            Interaction::Delete => ("DELETE", "Goal/h", None),
            Interaction::HistoryInstance => ("GET", "Goal/g/_history", None),
            Interaction::HistoryType => ("GET", "Goal/_history", None),
            Interaction::HistorySystem => ("GET", "_history", None),
            Interaction::Search => ("GET", "Goal?patient=a", None),
            Interaction::SearchSystem => ("GET", "?_type=Goal&_lastUpdated=gt2000", None),
            Interaction::SearchCompartment => ("GET", "Patient/a/Goal", None),
            Interaction::Transaction => ("POST", "", Some(bundle("transaction", read.clone()))),
            Interaction::Batch => ("POST", "", Some(bundle("batch", read.clone()))),
            Interaction::Validate => ("POST", "Goal/$validate", Some(new.clone())),
            Interaction::Patientkontroll => ("GET", "Patient/a/$riktlinjekontroll", None),
            Interaction::Everything => ("GET", "Patient/a/$everything", None),
            Interaction::Arbetslista => ("GET", "Organization/o/$riktlinjekontroll", None),
            Interaction::Loggutdrag => ("GET", "Patient/a/$loggutdrag", None),
        };
        let (status, records) = logged(&app, method, &format!("/fhir/r5/{path}").replace("/?", "?"), body);
        assert!((200..300).contains(&status), "{interaction:?}: {status}");
        assert_eq!(records.len(), 1, "{interaction:?}");
        let record = &records[0];
        let subtype = &record["code"]["coding"][0];
        let told = if interaction.code().contains('$') {
            "display"
        } else {
            "code"
        };
        assert_eq!(subtype[told], interaction.code());
        assert_eq!(record["outcome"]["code"]["code"], "success");
        assert_eq!(record["agent"][0]["who"]["display"], "open");
        let whose = if *interaction == Interaction::Arbetslista {
            vec![]
        } else {
            vec!["Patient/a"]
        };
        assert_eq!(patients(record), whose, "{interaction:?}");
        if let [one] = whose.as_slice() {
            assert_eq!(record["patient"]["reference"], *one);
        }
    }
    // Plain faults and the service's own definitions leave none.
    for path in [
        "metadata",
        "StructureDefinition",
        "Goal/nobody",
        "Goal?nonsense=1",
        "Nonsense/1",
    ] {
        let (_, records) = logged(&app, "GET", &format!("/fhir/r5/{path}"), None);
        assert_eq!(records, Vec::<Value>::new(), "{path}");
    }
}

#[test]
fn one_record_names_every_patient_and_version_that_is_disclosed() {
    let app = spawn();
    for (id, goal_id) in [("a", "g1"), ("b", "g2"), ("c", "g3")] {
        patient(&app, id);
        goal(&app, goal_id, id);
    }
    let all = ["Goal/g1/_history/1", "Goal/g2/_history/1", "Goal/g3/_history/1"];
    let three = ["Patient/a", "Patient/b", "Patient/c"];
    let (_, records) = logged(&app, "GET", "/fhir/r4/Goal", None);
    assert_eq!(records.len(), 1);
    assert_eq!(named(&records[0]), [&all[..], &three].concat());
    assert_eq!(records[0]["patient"], Value::Null, "there are several");
    // What is included is disclosed too.
    let (_, records) = logged(&app, "GET", "/fhir/r5/Goal?_id=g1&_include=Goal:subject", None);
    assert_eq!(
        named(&records[0]),
        ["Goal/g1/_history/1", "Patient/a", "Patient/a/_history/1"]
    );
    // A page that is not shown is not disclosed.
    let (_, records) = logged(&app, "GET", "/fhir/r5/Goal?_count=1&_sort=_lastUpdated", None);
    assert_eq!(patients(&records[0]), ["Patient/a"]);
    // A batch of reads leaves one.
    let get = |url: &str| json!({ "request": { "method": "GET", "url": url } });
    let batch =
        json!({ "resourceType": "Bundle", "type": "batch", "entry": [get("Goal/g1"), get("Goal/g3"), get("Goal/x")] });
    let (_, records) = logged(&app, "POST", "/fhir/r5", Some(batch));
    assert_eq!(records.len(), 1);
    assert_eq!(patients(&records[0]), ["Patient/a", "Patient/c"]);
    // So does a transaction, for what it writes and what it reads.
    let put = json!({ "resource": a_goal("g1", "a"), "request": { "method": "PUT", "url": "Goal/g1" } });
    let both = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [put, get("Goal/g2")] });
    let (status, records) = logged(&app, "POST", "/fhir/r5", Some(both));
    assert_eq!((status, records.len()), (200, 1));
    assert_eq!(
        named(&records[0])
            .into_iter()
            .filter(|name| !name.starts_with("Provenance/"))
            .collect::<Vec<_>>(),
        ["Goal/g1/_history/2", "Goal/g2/_history/1", "Patient/a", "Patient/b"]
    );
}

#[test]
fn the_log_is_searched_in_both_versions() {
    let app = spawn();
    patient(&app, "a");
    patient(&app, "b");
    goal(&app, "g", "a");
    app.get("/fhir/r5/Goal/g").expect(200);
    app.get("/fhir/r5/Patient/b").expect(200);
    for version in ["r4", "r5"] {
        let count = |query: &str| {
            let found = app
                .get(&format!("/fhir/{version}/AuditEvent?{query}"))
                .expect(200)
                .json();
            entries(&found).count()
        };
        let success = if version == "r4" { "0" } else { "success" };
        assert_eq!(count("patient=Patient/a&action=R&entity=Goal/g"), 1);
        assert_eq!(count("patient=a&action=C,U&entity=Goal/g"), 1);
        // Who reads the log of a patient is logged too.
        assert!(count("entity=Patient/b&action=R") >= 1);
        assert_eq!(count("patient=nobody"), 0);
        assert_eq!(count("agent:identifier=SE2321000016-1003"), 0);
        assert_eq!(count("date=lt2000"), 0);
        assert_eq!(count("date=ge2026-01-01&date=lt2027&entity=Goal/g&action=R"), 1);
        assert_eq!(count(&format!("outcome={success}&entity=Goal/g&action=R")), 1);
        app.get(&format!("/fhir/{version}/AuditEvent?site=x")).expect(400);
        app.get(&format!("/fhir/{version}/AuditEvent?patient:identifier=x"))
            .expect(400);
        app.get(&format!("/fhir/{version}/AuditEvent/0")).expect(404);
        // Pages follow one another without gaps.
        let first = app
            .get(&format!("/fhir/{version}/AuditEvent?patient=a&_count=1"))
            .expect(200)
            .json();
        let next = first["link"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|link| link["relation"] == "next");
        let next = next
            .and_then(|link| link["url"].as_str())
            .expect("a next page")
            .to_owned();
        let next = next.strip_prefix(&app.base).expect("an address of ours").to_owned();
        let second = app.get(&next).expect(200).json();
        let ids: Vec<i64> = entries(&first)
            .chain(entries(&second))
            .filter_map(|event| event["id"].as_str()?.parse().ok())
            .collect();
        assert_eq!(ids.len(), 2);
        assert!(ids[0] > ids[1]);
        let one = app
            .get(&format!("/fhir/{version}/AuditEvent/{}", ids[0]))
            .expect(200)
            .json();
        assert_eq!(one["resourceType"], "AuditEvent");
    }
    app.post("/fhir/r5/AuditEvent", &json!({ "resourceType": "AuditEvent" }))
        .expect(405);
    app.delete("/fhir/r5/AuditEvent/1").expect(405);
}

#[test]
fn the_patient_gets_units_and_times_and_no_other_patients() {
    let app = spawn();
    patient(&app, "a");
    patient(&app, "b");
    goal(&app, "g", "a");
    goal(&app, "h", "b");
    app.get("/fhir/r5/Goal").expect(200);
    for version in ["r4", "r5"] {
        let extract = app.get(&format!("/fhir/{version}/Patient/a/$loggutdrag")).expect(200);
        assert!(!extract.text.contains("Patient/b"), "{}", extract.text);
        assert!(!extract.text.contains("Goal/"), "{}", extract.text);
        let extract = extract.json();
        assert!(entries(&extract).count() >= 3);
        for event in entries(&extract) {
            assert_eq!(named(event), ["Patient/a"]);
            let text = event["text"]["div"].as_str().expect("a text");
            assert!(text.contains("uppgifter om dig"), "{text}");
        }
        app.get(&format!("/fhir/{version}/Patient/nobody/$loggutdrag"))
            .expect(404);
        app.get(&format!("/fhir/{version}/Patient/a/$loggutdrag?start=x"))
            .expect(400);
        let none = app
            .get(&format!("/fhir/{version}/Patient/a/$loggutdrag?end=2000-01-01"))
            .expect(200);
        assert_eq!(entries(&none.json()).count(), 0);
        app.get(&format!("/fhir/{version}/Patient/a/$loggutdrag?_count="))
            .expect(200);
        // The links keep how the answer is written.
        let mut seen = 0;
        let mut next = Some(format!("/fhir/{version}/Patient/a/$loggutdrag?_count=2&_pretty=true"));
        while let Some(path) = next {
            let page = app.get(&path).expect(200);
            assert!(page.text.contains("\n"), "{path}");
            let page = page.json();
            seen += entries(&page).count();
            let link = |relation: &str| {
                let links = page["link"].as_array().unwrap();
                let link = links.iter().find(|link| link["relation"] == relation)?;
                let url = link["url"].as_str().unwrap();
                Some(url.strip_prefix(app.base.as_str()).unwrap().to_owned())
            };
            assert!(!link("first").expect("where it begins").contains("_page"));
            next = link("next").filter(|_| seen < 5);
        }
        assert!(seen >= 5, "{seen}");
    }
}

#[test]
fn nothing_goes_out_when_the_log_cannot_be_written() {
    let app = spawn();
    patient(&app, "a");
    goal(&app, "g", "a");
    app.raw_sql(
        "CREATE TRIGGER full_disk BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END",
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
         CREATE TRIGGER full_disk BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION no()",
    );
    for path in [
        "Goal/g",
        "Goal?patient=a",
        "Goal/_history",
        "Patient/a/$everything",
        "Patient/a/$riktlinjekontroll",
    ] {
        let answer = app.get(&format!("/fhir/r5/{path}")).expect(503);
        assert!(answer.header("retry-after").is_some());
        assert!(!answer.text.contains("Mål"), "{}", answer.text);
    }
    // A write that cannot be logged is not made.
    let refused = app.put("/fhir/r5/Goal/new", &a_goal("new", "a"));
    assert!(refused.status >= 500, "{}", refused.status);
    app.get("/fhir/r5/metadata").expect(200);
    app.raw_sql("DROP TRIGGER full_disk", "DROP TRIGGER full_disk ON audit");
    app.get("/fhir/r5/Goal/new").expect(404);
    app.get("/fhir/r5/Goal/g").expect(200);
}

#[test]
fn what_the_service_writes_is_a_whole_chain() {
    let app = spawn();
    patient(&app, "a");
    for number in 0..5 {
        goal(&app, &format!("g{number}"), "a");
        app.get(&format!("/fhir/r5/Goal/g{number}")).expect(200);
    }
    let verified = || {
        app.door
            .store
            .read_blocking(Session::verify_audit)
            .expect("it can be read")
    };
    // PostgreSQL links what writes left a moment later.
    while verified().is_ok_and(|whole| whole.waiting > 0) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(verified().expect("it is whole").links >= 11);
    app.raw_sql(
        "DROP TRIGGER audit_stands; UPDATE audit SET at = at + 1 WHERE seq = 4",
        "SET session_replication_role = replica; UPDATE audit SET at = at + 1 WHERE seq = 4",
    );
    let broken = verified().expect_err("it was changed").to_string();
    assert!(broken.contains("row 4"), "{broken}");
}

/// What `log_cut_nightly` does each night.
#[test]
fn a_night_takes_away_what_is_too_old_and_no_more() {
    let then = jiff::civil::date(2020, 3, 10).at(12, 0, 0, 0);
    let then = then.to_zoned(jiff::tz::TimeZone::UTC).expect("a time").timestamp();
    let app = crate::common::spawn_at(fastkontakt::clock::Clock::Fixed(then), |_| {});
    patient(&app, "a");
    let rows = || {
        let found = app.get("/fhir/r5/AuditEvent?_count=1000").expect(200);
        entries(&found.json()).count()
    };
    let before = rows();
    let at = |year: i16, years: u16| {
        let now = jiff::civil::date(year, 4, 1).at(1, 0, 0, 0);
        let now = now.to_zoned(jiff::tz::TimeZone::UTC).expect("a time").timestamp();
        let nightly = fastkontakt::retention::Nightly {
            database: app.database.clone(),
            years,
            clock: fastkontakt::clock::Clock::Fixed(now),
        };
        nightly.cut().expect("the log is whole")
    };
    // Five years are kept whatever is said.
    assert_eq!(at(2024, 1), 0);
    assert_eq!(at(2025, 6), 0);
    assert_eq!(rows(), before + 1);
    assert!(at(2025, 5) >= before);
    assert!(rows() <= 2);
}

#[test]
fn the_log_is_kept_five_years_at_least() {
    let today = jiff::civil::date(2026, 3, 10);
    assert_eq!(
        fastkontakt::retention::first_kept(today, 5),
        jiff::civil::date(2021, 3, 1)
    );
    let folder = std::env::temp_dir().join(format!("fastkontakt-test-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).expect("a folder");
    let file = folder.join("settings.toml");
    std::fs::write(&file, "log_years = 4").expect("a file");
    let flags = fastkontakt::config::Flags {
        config: Some(file),
        ..Default::default()
    };
    let refused = fastkontakt::config::Settings::new(&flags)
        .expect_err("too short")
        .to_string();
    assert!(refused.contains("log_years"), "{refused}");
    let _gone = std::fs::remove_dir_all(&folder);
}

#[test]
fn the_log_answers_what_a_reviewer_asks() {
    let app = spawn();
    patient(&app, "a");
    patient(&app, "b");
    goal(&app, "g", "a");
    for _ in 0..3 {
        app.get("/fhir/r5/Goal/g").expect(200);
    }
    app.get("/fhir/r5/Patient/b").expect(200);
    for version in ["r4", "r5"] {
        let base = format!("/fhir/{version}");
        let fhir = if version == "r4" {
            FhirVersion::R4
        } else {
            FhirVersion::R5
        };
        let page = |query: &str| app.get(&format!("{base}/AuditEvent?{query}")).expect(200).json();
        let count = |query: &str| entries(&page(query)).count();
        // Codes: which interaction, which kind of record, which part an entity has.
        let (subtype, kind) = if version == "r4" {
            ("subtype", "type")
        } else {
            ("code", "category")
        };
        let reads = count("entity=Goal/g&action=R");
        assert_eq!(reads, 3);
        assert_eq!(count(&format!("entity=Goal/g&{subtype}=read")), reads);
        let system = "http://hl7.org/fhir/restful-interaction";
        assert_eq!(count(&format!("entity=Goal/g&{subtype}={system}|read,delete")), reads);
        assert_eq!(count(&format!("entity=Goal/g&{subtype}=http://example.org|read")), 0);
        assert_eq!(count(&format!("entity=Goal/g&{subtype}=|read")), 0);
        assert_eq!(count(&format!("entity=Goal/g&action=R&{kind}=rest")), reads);
        assert_eq!(count("entity=Goal/g&action=R&entity-role=1"), reads);
        assert_eq!(count("entity=Goal/g&action=R&entity-role=24"), 0);
        if version == "r4" {
            assert_eq!(count("entity=Goal/g&action=R&entity-type=2"), reads);
            app.get(&format!("{base}/AuditEvent?purpose=TREAT")).expect(400);
        } else {
            assert_eq!(count("entity=Goal/g&action=R&purpose=TREAT"), reads);
            assert_eq!(count("entity=Goal/g&action=R&purpose=BTG"), 0);
            app.get(&format!("{base}/AuditEvent?entity-type=2")).expect(400);
        }
        // Numbers.
        for alone in ["_summary=count", "_count=0"] {
            let page = page(&format!("entity=Goal/g&action=R&{alone}"));
            assert_eq!(page["total"], reads, "{alone}");
            assert!(page.get("entry").is_none(), "{alone}");
        }
        for total in ["accurate", "estimate"] {
            let page = page(&format!("entity=Goal/g&action=R&_total={total}&_count=1"));
            assert_eq!((&page["total"], entries(&page).count()), (&json!(reads), 1));
        }
        assert!(page("entity=Goal/g&_total=none").get("total").is_none());
        // Parts.
        let one = |query: &str| {
            let page = page(&format!("entity=Goal/g&action=R&_count=1&{query}"));
            assert!(check(fhir, "Bundle", &page).is_empty());
            entries(&page).next().expect("a record").clone()
        };
        assert!(
            check(fhir, "AuditEvent", &one("")).is_empty(),
            "{:?}",
            check(fhir, "AuditEvent", &one(""))
        );
        let part = one("_elements=action,AuditEvent.recorded");
        assert!(part.get("action").is_some() && part.get("entity").is_none(), "{part}");
        assert_eq!(part["meta"]["tag"][0]["code"], "SUBSETTED");
        let summary = one("_summary=true");
        assert!(
            summary.get("action").is_some() && summary["source"].get("type").is_none(),
            "{summary}"
        );
        assert!(summary["agent"][0].get("who").is_some() && summary["agent"][0].get("type").is_none());
        assert!(one("_summary=data").get("entity").is_some());
        assert!(one("_summary=text").get("entity").is_none());
        let id = one("")["id"].as_str().expect("an id").to_owned();
        let read = app
            .get(&format!("{base}/AuditEvent/{id}?_elements=action"))
            .expect(200)
            .json();
        assert!(read.get("entity").is_none() && read.get("action").is_some());
        for bad in [
            "_elements=name",
            "_summary=some",
            "_total=much",
            "_count=many",
            "_sort=date",
            "site=x",
            "altid=x",
        ] {
            app.get(&format!("{base}/AuditEvent?{bad}")).expect(400);
        }
        // What of it is about one patient.
        let of = |path: &str| {
            let page = app.get(&format!("{base}/{path}")).expect(200).json();
            let events: Vec<Value> = entries(&page).cloned().collect();
            (page, events)
        };
        let (page, events) = of("Patient/a/AuditEvent?action=R");
        assert!(events.len() >= 3);
        assert!(
            events
                .iter()
                .all(|event| patients(event).contains(&"Patient/a".to_owned()))
        );
        let link = page["link"][0]["url"].as_str().expect("a link");
        assert!(link.ends_with("/Patient/a/AuditEvent?action=R"), "{link}");
        let (first, _) = of("Patient/a/AuditEvent?_count=1");
        let next = first["link"]
            .as_array()
            .and_then(|links| links.last())
            .expect("a next page");
        let next = next["url"]
            .as_str()
            .and_then(|url| url.strip_prefix(&app.base))
            .expect("ours");
        app.get(next).expect(200);
        // A page of one patient is not another's.
        let others = next.replace("Patient/a/", "Patient/b/");
        app.get(&others).expect(400);
        assert!(of("Patient/nobody/AuditEvent").1.is_empty());
        app.get(&format!("{base}/Practitioner/a/AuditEvent")).expect(404);
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let path = format!("{base}/Patient/a/AuditEvent/_search");
        let found = app.send("POST", &path, &form, Some(b"action=R")).expect(200);
        assert!(entries(&found.json()).count() >= 3);
        let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
            { "request": { "method": "GET", "url": "Patient/a/AuditEvent?action=R" } },
        ] });
        let answer = app.post(&base, &batch).expect(200).json();
        assert_eq!(answer["entry"][0]["response"]["status"], "200 OK");
    }
}

#[test]
fn metadata_tells_the_parameters_that_the_log_has() {
    let app = spawn();
    for version in ["r4", "r5"] {
        let statement = app.get(&format!("/fhir/{version}/metadata")).expect(200).json();
        let resources = statement["rest"][0]["resource"].as_array().expect("resources");
        let log = resources.iter().find(|it| it["type"] == "AuditEvent").expect("the log");
        for parameter in log["searchParam"].as_array().expect("parameters") {
            let name = parameter["name"].as_str().expect("a name");
            let value = if parameter["type"] == "date" { "2026" } else { "x" };
            app.get(&format!("/fhir/{version}/AuditEvent?{name}={value}"))
                .expect(200);
        }
    }
}
