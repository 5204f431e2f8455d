//! What must hold while many write at once, on both databases.

use std::sync::Barrier;

use fastkontakt::store::StoreError;
use serde_json::{Value, json};

use crate::bundles::{bundle, post, put_entry};
use crate::common::{TestApp, postgres_database, spawn, spawn_with};
use crate::people::*;

pub const WRITERS: usize = 32;

/// Runs the test on SQLite and, where it is installed, on PostgreSQL.
pub fn on_both(test: fn(&TestApp)) {
    test(&spawn());
    if let Some(url) = postgres_database() {
        test(&spawn_with(|settings| settings.database = url));
    }
}

/// Does the work of all writers at the same moment; returns the statuses.
pub fn side_by_side(work: impl Fn(usize) -> u16 + Sync) -> Vec<u16> {
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

/// Sends the bodies, one of each writer, at the same moment; returns the statuses.
fn at_once(app: &TestApp, path: &str, bodies: &[Value]) -> Vec<u16> {
    side_by_side(|number| app.post(path, &bodies[number]).status)
}

pub fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|given| **given == status).count()
}

/// Who takes a contact away changes what holds for its patient: a delete, and a move, wait for whoever holds her.
#[test]
fn what_leaves_a_patient_waits_for_those_who_look_at_her() {
    let Some(url) = postgres_database() else { return };
    let app = spawn_with(|settings| settings.database = url);
    region(&app, "vc", "SE2321000198-0001");
    for id in ["gone", "moved"] {
        let mut contact = fast_kontakt("anna", "1", "vc-skoterska");
        contact["id"] = json!(id);
        contact["status"] = json!("proposed");
        app.put(&format!("/fhir/r5/CareTeam/{id}"), &contact).expect(201);
    }
    let waiting = || {
        let asked = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        app.counted(asked)
    };
    let mut elsewhere = fast_kontakt("berit", "1", "vc-skoterska");
    elsewhere["id"] = json!("moved");
    elsewhere["status"] = json!("proposed");
    let writes: [&(dyn Fn() -> u16 + Sync); 2] = [&|| app.delete("/fhir/r5/CareTeam/gone").status, &|| {
        app.put("/fhir/r5/CareTeam/moved", &elsewhere).status
    }];
    for (write, status) in writes.into_iter().zip([204, 200]) {
        let (let_go, wait) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let store = &app.door.store;
            scope.spawn(move || {
                store.write_blocking(move |session| {
                    session.lock_patients(&["anna"])?;
                    let _ = begun.send(());
                    let _ = wait.recv();
                    Ok::<(), StoreError>(())
                })
            });
            has_begun.recv().expect("she is held");
            let writing = scope.spawn(write);
            while waiting() == 0 {
                assert!(!writing.is_finished(), "it does not wait");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            drop(let_go);
            assert_eq!(writing.join().expect("an answer"), status);
        });
    }
}

#[test]
fn gavleborg_gets_one_fast_vardkontakt_of_32_at_once() {
    on_both(|app| {
        region(app, "vc", "SE2321000198-0001");
        let statuses = at_once(
            app,
            "/fhir/r5/CareTeam",
            &vec![fast_kontakt("anna", "1", "vc-skoterska"); WRITERS],
        );
        assert_eq!(count(&statuses, 201), 1, "{statuses:?}");
        assert_eq!(count(&statuses, 422), WRITERS - 1, "{statuses:?}");
    });
}

#[test]
fn a_patient_gets_one_fast_lakarkontakt_of_32_at_once() {
    on_both(|app| {
        orebro(app);
        let statuses = at_once(
            app,
            "/fhir/r5/CareTeam",
            &vec![fast_kontakt("anna", "2", "vc-lakare"); WRITERS],
        );
        assert_eq!(count(&statuses, 201), 1, "{statuses:?}");
        assert_eq!(count(&statuses, 422), WRITERS - 1, "{statuses:?}");
    });
}

#[test]
fn patients_with_the_same_personnummer_are_one_also_at_once() {
    on_both(|app| {
        orebro(app);
        put(app, &patient("anna-again", Some("195009072553")));
        let bodies: Vec<Value> = (0..WRITERS)
            .map(|number| fast_kontakt(if number % 2 == 0 { "anna" } else { "anna-again" }, "2", "vc-lakare"))
            .collect();
        let statuses = at_once(app, "/fhir/r5/CareTeam", &bodies);
        assert_eq!(count(&statuses, 201), 1, "{statuses:?}");
    });
}

#[test]
fn no_update_is_lost_and_versions_have_no_gaps() {
    on_both(|app| {
        put(app, &patient("p", None));
        let statuses = side_by_side(|number| {
            let mut resource = patient("p", None);
            resource["name"][0]["family"] = json!(format!("Prov{number}"));
            app.put_with("/fhir/r5/Patient/p", &[("If-Match", "W/\"1\"")], &resource)
                .status
        });
        assert_eq!(count(&statuses, 200), 1, "{statuses:?}");
        assert_eq!(count(&statuses, 412), WRITERS - 1, "{statuses:?}");
        let history = app.get("/fhir/r5/Patient/p/_history").expect(200).json();
        assert_eq!(history["entry"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn of_32_transactions_that_create_the_same_patient_one_does_and_all_refer_to_it() {
    on_both(|app| {
        let urn = "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001";
        let mut person = post(urn, patient("x", Some("195009072553")));
        person["request"]["ifNoneExist"] = json!("identifier=195009072553");
        let goal = |number: usize| {
            json!({
                "resourceType": "Goal", "id": format!("g{number}"), "lifecycleStatus": "active",
                "description": { "text": "Prov" },
                "subject": { "reference": if number.is_multiple_of(2) { urn } else { "Patient?identifier=195009072553" } },
            })
        };
        let bodies: Vec<Value> = (0..WRITERS)
            .map(|number| bundle(vec![put_entry(goal(number)), person.clone()]))
            .collect();
        let statuses = at_once(app, "/fhir/r5", &bodies);
        assert_eq!(count(&statuses, 200), WRITERS, "{statuses:?}");
        let found = app.get("/fhir/r5/Patient?identifier=195009072553").expect(200).json();
        assert_eq!(found["entry"].as_array().unwrap().len(), 1);
        let id = found["entry"][0]["resource"]["id"].as_str().unwrap();
        let goals = app.get(&format!("/fhir/r5/Goal?patient={id}&_summary=count")).json();
        assert_eq!(goals["total"], WRITERS);
    });
}

#[test]
fn transactions_that_write_the_same_in_other_orders_do_not_lock_each_other_out() {
    on_both(|app| {
        let people: Vec<Value> = (0..6).map(|n| put_entry(patient(&format!("p{n}"), None))).collect();
        let backwards: Vec<Value> = people.iter().rev().cloned().collect();
        let bodies: Vec<Value> = (0..WRITERS)
            .map(|number| {
                bundle(if number.is_multiple_of(2) {
                    people.clone()
                } else {
                    backwards.clone()
                })
            })
            .collect();
        let statuses = at_once(app, "/fhir/r5", &bodies);
        assert_eq!(count(&statuses, 200), WRITERS, "{statuses:?}");
        let etag = format!("W/\"{WRITERS}\"");
        assert_eq!(app.get("/fhir/r5/Patient/p0").header("etag"), Some(etag.as_str()));
    });
}

/// Whoever takes a contact away waits for those who lean on it, and they for him: each is carried out, whichever comes first.
#[test]
fn a_contact_is_deleted_or_moved_while_another_replaces_it() {
    on_both(|app| {
        orebro(app);
        put(app, &patient("moved", None));
        for number in 0..8 {
            let (person, id) = (format!("p{number}"), format!("gammal-{number}"));
            put(app, &patient(&person, None));
            let mut old = fast_kontakt(&person, "2", "vc-lakare");
            old["id"] = json!(id);
            put(app, &old);
            let mut new = fast_kontakt(&person, "2", "vc-lakare-2");
            new["period"]["start"] = json!("2026-03-20");
            new["extension"] = json!([{
                "url": "https://w3id.org/fastkontakt/StructureDefinition/ersatter", "valueBoolean": true
            }]);
            old["subject"]["reference"] = json!("Patient/moved");
            old["status"] = json!("inactive");
            let (path, both) = (format!("/fhir/r5/CareTeam/{id}"), Barrier::new(2));
            let (left, made) = std::thread::scope(|scope| {
                let leaving = scope.spawn(|| {
                    both.wait();
                    match number % 2 {
                        0 => app.delete(&path),
                        _ => app.put(&path, &old),
                    }
                });
                both.wait();
                let made = app.post("/fhir/r5/CareTeam", &new);
                (leaving.join().unwrap(), made)
            });
            left.expect(if number % 2 == 0 { 204 } else { 200 });
            made.expect(201);
        }
    });
}
