//! Conditional create, update and delete: which resource is meant is told by a search.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::common::{TestApp, postgres_database, spawn, spawn_with};
use crate::people::patient;

const SYSTEM: &str = "http://journal.example/patient";
const BASES: [&str; 2] = ["/fhir/r4", "/fhir/r5"];

/// A patient without id, known to a journal system by this number.
fn known(number: &str) -> Value {
    let mut resource = patient("x", None);
    resource.as_object_mut().unwrap().remove("id");
    resource["identifier"] = json!([{ "system": SYSTEM, "value": number }]);
    resource
}

fn criteria(number: &str) -> String {
    format!("identifier={SYSTEM}|{number}")
}

fn create(app: &TestApp, base: &str, number: &str) -> crate::common::Answer {
    app.post_with(
        &format!("{base}/Patient"),
        &[("If-None-Exist", &criteria(number))],
        &known(number),
    )
}

#[test]
fn conditional_create_makes_one_and_then_shows_it() {
    let app = spawn();
    for base in BASES {
        let number = base.replace('/', "-");
        let made = create(&app, base, &number).expect(201);
        let again = create(&app, base, &number).expect(200);
        assert_eq!(again.header("location"), made.header("location"));
        assert_eq!(again.header("etag"), Some("W/\"1\""));
        assert!(again.header("last-modified").is_some());
        assert_eq!(again.text, made.text);
        let minimal = app
            .post_with(
                &format!("{base}/Patient"),
                &[("If-None-Exist", &criteria(&number)), ("Prefer", "return=minimal")],
                &known(&number),
            )
            .expect(200);
        assert_eq!(minimal.text, "");
        app.post(&format!("{base}/Patient"), &known(&number)).expect(201);
        let many = create(&app, base, &number).expect(412);
        assert_eq!(many.json()["issue"][0]["code"], "multiple-matches");
    }
}

#[test]
fn criteria_are_understood_as_clients_write_them() {
    let app = spawn();
    create(&app, "/fhir/r5", "1").expect(201);
    let query = criteria("1");
    for text in [
        query.clone(),
        format!("?{query}"),
        format!("Patient?{query}"),
        format!("{}/fhir/r5/Patient?{query}", app.base),
        query.replace(':', "%3A").replace('|', "%7C"),
        format!("{query}&_format=json"),
        format!("identifier={SYSTEM}|0,{SYSTEM}|1"),
    ] {
        app.post_with("/fhir/r5/Patient", &[("If-None-Exist", &text)], &known("1"))
            .expect(200);
    }
}

#[test]
fn criteria_that_choose_nothing_are_refused() {
    let app = spawn();
    for text in [
        "",
        "_format=json",
        "_count=1",
        "identifier=",
        "identifier=1&active=",
        "nonsense=1",
        "identifier:contains=1",
        "Organization?name=x",
        "http://other.example/fhir/Patient?identifier=1",
        "_page=31",
    ] {
        // A lenient search would leave out what it does not know; a write must not.
        let headers = [("If-None-Exist", text), ("Prefer", "handling=lenient")];
        app.post_with("/fhir/r5/Patient", &headers, &known("1")).expect(400);
        if !text.contains('?') {
            let path = format!("/fhir/r5/Patient?{text}");
            app.put(&path, &known("1")).expect(400);
            app.delete(&path).expect(400);
        }
    }
    assert_eq!(
        app.get("/fhir/r5/Patient?_total=accurate").expect(200).json()["total"],
        0
    );
}

#[test]
fn conditional_update_without_a_match_creates() {
    let app = spawn();
    for base in BASES {
        let number = base.replace('/', "-");
        let path = format!("{base}/Patient?{}", criteria(&number));
        let made = app.put(&path, &known(&number)).expect(201);
        assert_eq!(made.header("etag"), Some("W/\"1\""));
        assert!(made.header("location").is_some());

        let own = format!("own{number}");
        let mut with_id = known(&own);
        with_id["id"] = json!(own);
        let path = format!("{base}/Patient?{}", criteria(&own));
        app.put_with(&path, &[("If-Match", "W/\"1\"")], &with_id).expect(412);
        app.put_with(&path, &[("If-None-Match", "*")], &with_id).expect(201);
        app.get(&format!("{base}/Patient/{own}")).expect(200);

        let mut taken = known("somebody-else");
        taken["id"] = json!(own);
        let answer = app
            .put(&format!("{base}/Patient?{}", criteria("somebody-else")), &taken)
            .expect(409);
        assert_eq!(answer.expressions(), ["Patient.id"]);
        // A deleted resource holds no id: a PUT brings it back.
        app.delete(&format!("{base}/Patient/{own}")).expect(204);
        let back = app
            .put(&format!("{base}/Patient?{}", criteria("somebody-else")), &taken)
            .expect(201);
        assert_eq!(back.header("etag"), Some("W/\"3\""));
        app.delete(&format!("{base}/Patient/{own}")).expect(204);
    }
}

#[test]
fn conditional_update_changes_the_one_that_matches() {
    let app = spawn();
    for base in BASES {
        let number = base.replace('/', "-");
        let path = format!("{base}/Patient?{}", criteria(&number));
        let id = app.put(&path, &known(&number)).expect(201).json()["id"].clone();
        let mut next = known(&number);
        next["active"] = json!(true);
        let changed = app.put(&path, &next).expect(200);
        assert_eq!(changed.json()["id"], id);
        assert_eq!(changed.header("etag"), Some("W/\"2\""));
        app.put_with(&path, &[("If-Match", "W/\"1\"")], &next).expect(412);
        app.put_with(&path, &[("If-None-Match", "*")], &next).expect(412);
        app.put_with(&path, &[("If-Match", "W/\"2\"")], &next).expect(200);
        next["id"] = id;
        app.put(&path, &next).expect(200);
        next["id"] = json!("another");
        let answer = app.put(&path, &next).expect(400);
        assert_eq!(answer.expressions(), ["Patient.id"]);
        app.post(&format!("{base}/Patient"), &known(&number)).expect(201);
        app.put(&path, &known(&number)).expect(412);
    }
}

#[test]
fn conditional_delete_ends_one_and_never_many() {
    let app = spawn();
    for base in BASES {
        let number = base.replace('/', "-");
        let path = format!("{base}/Patient?{}", criteria(&number));
        let none = app.delete(&path).expect(204);
        assert_eq!(none.header("etag"), None);
        app.send("DELETE", &path, &[("If-Match", "W/\"1\"")], None).expect(412);
        create(&app, base, &number).expect(201);
        app.post(&format!("{base}/Patient"), &known(&number)).expect(201);
        app.delete(&path).expect(412);
        let found = app.get(&path).expect(200).json();
        let ids: Vec<&str> = found["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["resource"]["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), 2, "nothing was deleted");
        app.delete(&format!("{base}/Patient/{}", ids[0])).expect(204);
        app.send("DELETE", &path, &[("If-Match", "W/\"7\"")], None).expect(412);
        let gone = app.send("DELETE", &path, &[("If-Match", "W/\"1\"")], None).expect(204);
        assert_eq!(gone.header("etag"), Some("W/\"2\""));
        app.get(&format!("{base}/Patient/{}", ids[1])).expect(410);
    }
}

#[test]
fn the_riktlinje_judges_a_conditional_write_as_any() {
    use crate::people::*;
    let app = spawn();
    orebro(&app);
    let mut contact = fast_kontakt("anna", "2", "vc-skoterska");
    contact["identifier"] = json!([{ "system": "http://journal.example/kontakt", "value": "1" }]);
    let query = "identifier=http://journal.example/kontakt|1";
    let refused = app
        .post_with("/fhir/r5/CareTeam", &[("If-None-Exist", query)], &contact)
        .expect(422);
    assert_eq!(refused.refused_by(), ["FLK-01"]);
    let refused = app.put(&format!("/fhir/r5/CareTeam?{query}"), &contact).expect(422);
    assert_eq!(refused.refused_by(), ["FLK-01"]);
}

const WRITERS: usize = 32;

fn on_both(test: fn(&TestApp)) {
    test(&spawn());
    if let Some(url) = postgres_database() {
        test(&spawn_with(|settings| settings.database = url));
    }
}

fn at_once(work: impl Fn(usize) -> u16 + Sync) -> Vec<u16> {
    let barrier = Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS)
            .map(|number| {
                let (work, barrier) = (&work, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    work(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|given| **given == status).count()
}

#[test]
fn of_32_conditional_creates_at_once_one_makes_a_resource() {
    on_both(|app| {
        // Both versions ask under the same criteria, in other words.
        let statuses = at_once(|number| create(app, BASES[number % 2], "1").status);
        assert_eq!(count(&statuses, 201), 1, "{statuses:?}");
        assert_eq!(count(&statuses, 200), WRITERS - 1, "{statuses:?}");
        let total = app.get("/fhir/r5/Patient?_total=accurate").expect(200).json()["total"].clone();
        assert_eq!(total, 1);
    });
}

#[test]
fn of_32_conditional_updates_at_once_one_creates_and_none_is_lost() {
    on_both(|app| {
        let path = format!("/fhir/r5/Patient?{}", criteria("1"));
        let statuses = at_once(|_| app.put(&path, &known("1")).status);
        assert_eq!(count(&statuses, 201), 1, "{statuses:?}");
        assert_eq!(count(&statuses, 200), WRITERS - 1, "{statuses:?}");
        let found = app.get(&path).expect(200).json();
        assert_eq!(found["entry"][0]["resource"]["meta"]["versionId"], WRITERS.to_string());
    });
}
