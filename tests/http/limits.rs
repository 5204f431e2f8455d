//! What one caller, and all callers together, may take of the service.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fastkontakt::store::StoreError;
use serde_json::{Value, json};

use crate::bundles::{bundle, put_entry};
use crate::command_line::Folder;
use crate::common::{TestApp, spawn_with};
use crate::issuer::{Issuer, medarbetare};
use crate::people::{Merged, fast_kontakt, patient};
use crate::serving::Serving;

/// A connection to the service, on which the test says what it likes.
fn raw(base: &str) -> TcpStream {
    let stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// The head of a PUT, and the beginning of a body that does not end.
fn begun(base: &str, bytes: usize) -> TcpStream {
    let mut stream = raw(base);
    write!(
        stream,
        "PUT /fhir/r5/Patient/p HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\n\
         {bytes:x}\r\n{}\r\n",
        "x".repeat(bytes)
    )
    .expect("the service reads");
    stream
}

fn put(app: &TestApp) -> u16 {
    app.put("/fhir/r5/Patient/p", &patient("p", None)).status
}

#[test]
fn who_asks_too_often_gets_429_and_may_come_back() {
    let app = spawn_with(|settings| settings.requests_per_second = 2);
    let refused = (0..50)
        .map(|_| app.get("/fhir/r5/metadata"))
        .find(|answer| answer.status == 429)
        .expect("four at once are let in, fifty are not");
    assert_eq!(refused.json()["issue"][0]["code"], "throttled");
    let wait: u64 = refused.header("retry-after").expect("when").parse().expect("seconds");
    assert!((1..=3).contains(&wait), "{wait}");
    std::thread::sleep(Duration::from_secs(wait));
    app.get("/fhir/r5/metadata").expect(200);
}

#[test]
fn bodies_that_are_being_received_share_their_room() {
    let app = spawn_with(|settings| {
        settings.max_body_bytes = 64 * 1024;
        settings.max_body_memory = 64 * 1024;
    });
    let mut long = patient("p", None);
    long["name"][0]["text"] = "x".repeat(3_000).into();
    let until = Instant::now() + Duration::from_secs(30);
    // A begun body arrives beside what is asked, and may be the one that finds no room: then another is begun.
    let mut slow = Vec::new();
    let refused = loop {
        slow.push(begun(&app.base, 40 * 1024));
        let refused = (0..10)
            .map(|_| app.put("/fhir/r5/Patient/p", &long))
            .find(|answer| answer.status != 201 && answer.status != 200);
        if let Some(refused) = refused {
            break refused;
        }
        assert!(Instant::now() < until, "no body met another");
    };
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(app.get("/fhir/r5/metadata").status, 200, "what needs no room goes on");
    drop(slow);
    while put(&app) == 503 {
        assert!(Instant::now() < until, "the room is given back");
    }
}

#[test]
fn a_head_that_does_not_come_to_its_end_is_not_waited_for() {
    let app = spawn_with(|_| {});
    let mut slow = raw(&app.base);
    slow.write_all(b"GET /fhir/r5/metadata HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        .unwrap();
    let started = Instant::now();
    let mut answer = String::new();
    let _closed_or_reset = slow.read_to_string(&mut answer);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

/// What the process has held in memory at the most, in KiB (proc(5)).
#[cfg(target_os = "linux")]
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process lives");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("the peak");
    line.split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number")
}

/// Hundreds of the largest bodies at once, bombs, deep nesting, and bodies that never end: memory stays bounded and the
/// service goes on answering.
#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded_under_attack() {
    const BODY: usize = 4 * 1024 * 1024;
    const AT_ONCE: usize = 128 * 1024 * 1024;
    let folder = Folder::new();
    let settings = folder.text(
        "settings.toml",
        &format!("max_body_bytes = {BODY}\nmax_body_memory = {AT_ONCE}\n"),
    );
    let serving = Serving::start(&folder.0, &["--config", &settings]);
    let before = peak(serving.id());
    let unending: Vec<TcpStream> = (0..100).map(|_| begun(&serving.base, 64 * 1024)).collect();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("{}/fhir/r5/Patient/p", serving.base);
    let deep = "[".repeat(BODY - 1);
    let many = format!("[{}0]", "0,".repeat(BODY / 2 - 2));
    let wide = format!(
        "{{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{}{{}}]}}",
        "{},".repeat(BODY / 4)
    );
    // As many values as any body may have, in the least room.
    let dense = format!(
        "{{\"resourceType\":\"Patient\",\"id\":\"p\",\"x\":[{}1]}}",
        "1,".repeat(BODY / 16 - 100)
    );
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let body = [&deep, &many, &wide, &dense][thread % 4];
            let (agent, url) = (&agent, &url);
            scope.spawn(move || {
                for _ in 0..6 {
                    let sent = agent
                        .put(url)
                        .header("Content-Type", "application/fhir+json")
                        .send(body.as_bytes());
                    // Who is refused before the body is read may find the connection closed.
                    let Ok(answer) = sent else { continue };
                    assert!(
                        [400, 413, 503].contains(&answer.status().as_u16()),
                        "{}",
                        answer.status()
                    );
                }
            });
        }
    });
    let bomb = agent
        .put(&url)
        .header("Content-Type", "application/fhir+json")
        .header("Content-Encoding", "gzip")
        .send([0x1f, 0x8b, 8, 0].as_slice())
        .expect("an answer");
    assert_eq!(bomb.status().as_u16(), 415, "what is compressed is not unpacked");
    drop(unending);
    let alive = agent
        .get(format!("{}/fhir/r5/metadata", serving.base))
        .call()
        .expect("an answer");
    assert_eq!(alive.status().as_u16(), 200);
    let grown = (peak(serving.id()) - before) / 1024;
    // A million names and their schema would be a gigabyte for each body.
    assert!(grown < 256, "{grown} MiB");
    assert_eq!(serving.stop().0, Some(0));
}

/// What the rules follow one by one, inside the write, is bounded.
#[test]
fn no_list_in_a_resource_is_without_end() {
    let app = spawn_with(|_| {});
    let many = |number: usize| {
        let mut person = patient("p", None);
        let links = (0..number)
            .map(|at| serde_json::json!({ "other": { "reference": format!("Patient/q{at}") }, "type": "seealso" }));
        person["link"] = links.collect();
        person
    };
    for version in ["r5", "r4"] {
        let path = format!("/fhir/{version}/Patient/p");
        let refused = app.put(&path, &many(501)).expect(400);
        assert_eq!(refused.json()["issue"][0]["code"], "too-long", "{}", refused.text);
        assert_eq!(refused.expressions(), ["Patient.link"]);
        app.put(&path, &many(500));
        assert_eq!(
            app.get(&path).expect(200).json()["link"].as_array().map(Vec::len),
            Some(500)
        );
    }
    let mut nested = patient("p", None);
    nested["name"] = json!([{ "family": "Prov", "given": vec!["Person"; 5_001] }]);
    let refused = app.put("/fhir/r5/Patient/p", &nested).expect(400);
    assert_eq!(refused.expressions(), ["Patient.name[0].given"]);
    let mut numbered = patient("p", None);
    let numbers = (0..501).map(|number| json!({ "system": "https://example.se/id", "value": number.to_string() }));
    numbered["identifier"] = numbers.collect();
    let refused = app.put("/fhir/r5/Patient/p", &numbered).expect(400);
    assert_eq!(refused.expressions(), ["Patient.identifier"]);
    // What leads nowhere may be long: notes, numbers to call, and questions that are contained.
    let items: Vec<_> = (0..600).map(|number| json!({ "linkId": number.to_string() })).collect();
    let plan = json!({ "resourceType": "CarePlan", "id": "noted", "status": "active", "intent": "plan", "subject": { "reference": "Patient/p" },
        "note": vec![json!({ "text": "En anteckning" }); 600],
        "supportingInfo": [{ "reference": "#q" }],
        "contained": [{ "resourceType": "QuestionnaireResponse", "id": "q", "status": "completed", "questionnaire": "https://example.se/q", "item": items }] });
    app.put("/fhir/r5/CarePlan/noted", &plan).expect(201);
    let mut by_others = plan;
    by_others["note"] = vec![json!({ "text": "x", "authorReference": { "reference": "Practitioner/x" } }); 501].into();
    let refused = app.put("/fhir/r5/CarePlan/noted", &by_others).expect(400);
    assert_eq!(refused.expressions(), ["CarePlan.note"]);
}

/// One caller has twenty writes waiting for SQLite's writer when another comes: hers is the next but one.
#[test]
fn the_writes_of_callers_take_turns() {
    let issuer = Issuer::start();
    let app = issuer.service();
    if !app.database.starts_with("sqlite") {
        // Writers of PostgreSQL do not wait for each other.
        return;
    }
    let caller = |name: &str| {
        let mut claims = medarbetare(&app, "user/*.cruds");
        claims["sub"] = json!(name);
        format!("Bearer {}", issuer.token(&claims))
    };
    let put = |caller: &str, id: &str| {
        let path = format!("/fhir/r5/Patient/{id}");
        let answer = app.put_with(&path, &[("Authorization", caller)], &patient(id, None));
        answer.expect(201).json()["meta"]["lastUpdated"]
            .as_str()
            .map(str::to_owned)
    };
    let store = &app.door.store;
    let (many, one) = (&caller("many"), &caller("one"));
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            store.write_blocking(move |_| {
                let _ = begun.send(());
                let _ = wait.recv();
                Ok::<(), StoreError>(())
            })
        });
        has_begun.recv().expect("the writer is held");
        let waits_for = |count: usize| {
            let until = Instant::now() + Duration::from_secs(60);
            while store.figures().writes_waiting < count {
                assert!(Instant::now() < until, "the writes are handed in");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let waiting: Vec<_> = (0..20)
            .map(|number| scope.spawn(move || put(many, &format!("many-{number}"))))
            .collect();
        waits_for(20);
        let single = scope.spawn(move || put(one, "one"));
        waits_for(21);
        drop(let_go);
        let single = single.join().expect("an answer");
        let before = waiting.into_iter().map(|write| write.join().expect("an answer"));
        let before = before.filter(|written| *written < single).count();
        assert!(before <= 1, "{before} of the many were before the one");
    });
}

/// The rules look at so many Patients that are one person; who would be one more is told.
#[test]
fn a_person_has_so_many_patients_and_no_more() {
    let app = spawn_with(|_| {});
    app.put("/fhir/r5/Patient/p", &patient("p", None)).expect(201);
    let linking = |id: &str| {
        let mut person = patient(id, None);
        person["link"] = json!([{ "other": { "reference": "Patient/p" }, "type": "seealso" }]);
        person
    };
    for number in 1..25 {
        let id = format!("q{number}");
        app.put(&format!("/fhir/r5/Patient/{id}"), &linking(&id)).expect(201);
    }
    for version in ["r5", "r4"] {
        let refused = app
            .put(&format!("/fhir/{version}/Patient/one-more"), &linking("one-more"))
            .expect(400);
        assert_eq!(refused.expressions(), ["Patient.link"]);
    }
    app.get("/fhir/r5/Patient/one-more").expect(404);
    // Those who are there are written as before.
    app.put("/fhir/r5/Patient/q1", &linking("q1")).expect(200);
    app.put("/fhir/r5/Patient/q1", &patient("q1", None)).expect(200);
    app.put("/fhir/r5/Patient/one-more", &linking("one-more")).expect(201);
}

/// Whoever makes Patients of her by the dozen puts none out that the rules looked at before, and keeps nobody from entering her.
#[test]
fn later_patients_take_no_earlier_ones_place() {
    const NUMBER: &str = "195009072553";
    let app = spawn_with(|_| {});
    let put = |person: &Value| {
        let id = person["id"].as_str().expect("an id");
        app.put(&format!("/fhir/r5/Patient/{id}"), person)
    };
    let linking = |id: &str, other: &str| {
        let mut person = patient(id, None);
        person["link"] = json!([{ "other": { "reference": format!("Patient/{other}") }, "type": "seealso" }]);
        person
    };
    for early in 0..3 {
        put(&patient(&format!("early{early}"), None)).expect(201);
    }
    put(&patient("p", Some(NUMBER))).expect(201);
    put(&linking("q", "p")).expect(201);
    let contact = |patient: &str| fast_kontakt(patient, "2", "nobody-here");
    app.post("/fhir/r5/CareTeam", &contact("q")).expect(201);
    for number in 0..30 {
        put(&patient(&format!("x{number}"), Some(NUMBER))).expect(201);
    }
    // She may still be entered, and is who she is.
    put(&patient("latest", Some(NUMBER))).expect(201);
    for joined in ["p", "x1", "latest"] {
        let refused = app.post("/fhir/r5/CareTeam", &contact(joined)).expect(422);
        assert_eq!(refused.refused_by(), ["FLK-04"], "{joined}");
    }
    // What was made before she was would come before her other ones.
    for version in ["r5", "r4"] {
        let refused = app
            .put(
                &format!("/fhir/{version}/Patient/early0"),
                &patient("early0", Some(NUMBER)),
            )
            .expect(400);
        assert_eq!(refused.expressions(), ["Patient.identifier"]);
    }
    let refused = put(&linking("early1", "x7")).expect(400);
    assert_eq!(refused.expressions(), ["Patient.link"]);
    app.delete("/fhir/r5/Patient/early2").expect(204);
    put(&patient("early2", Some(NUMBER))).expect(400);
    // Those who have the number are written as before.
    for id in ["p", "x3", "latest"] {
        put(&patient(id, Some(NUMBER))).expect(200);
    }
}

/// Duplicates are merged however many there are: who is one with another already is joined with nobody more.
#[test]
fn many_duplicates_can_be_merged_and_no_more_joined() {
    const NUMBER: &str = "195009072553";
    let app = spawn_with(|_| {});
    let linked = |id: &str, number: Option<&str>, other: &str, how: &str| {
        patient(id, number)
            .merged(&json!({ "link": [{ "other": { "reference": format!("Patient/{other}") }, "type": how }] }))
    };
    let put = |person: &Value| app.put(&format!("/fhir/r5/Patient/{}", person["id"].as_str().unwrap()), person);
    for id in ["outside", "outside-2"] {
        put(&patient(id, None)).expect(201);
    }
    put(&linked("by-link", None, "x0", "seealso")).expect(201);
    for number in 0..30 {
        put(&patient(&format!("x{number}"), Some(NUMBER))).expect(201);
    }
    put(&linked("x29", Some(NUMBER), "x0", "replaced-by")).expect(200);
    put(&linked("x0", Some(NUMBER), "x29", "replaces")).expect(200);
    put(&linked("x0", Some(NUMBER), "by-link", "replaces")).expect(200);
    put(&linked("by-link", None, "x0", "replaced-by")).expect(200);
    // By its link it is one with them; it gets the number too.
    put(&linked("by-link", Some(NUMBER), "x0", "replaced-by")).expect(200);
    // A new one with the number, linked at once to whom the number joins it with.
    put(&linked("new", Some(NUMBER), "x7", "seealso")).expect(201);
    // Two that vouch for each other are joined by nothing else; nor are those between whom a third lies that is written with them.
    let refused = [
        vec![
            linked("outside", None, "x3", "seealso"),
            linked("x3", Some(NUMBER), "outside", "seealso"),
        ],
        vec![
            linked("outside", None, "x4", "seealso"),
            linked("outside-2", None, "outside", "seealso"),
            linked("x4", Some(NUMBER), "outside-2", "seealso"),
        ],
        vec![linked("outside", Some(NUMBER), "x5", "seealso")],
    ];
    for persons in refused {
        let entries = persons.into_iter().map(put_entry).collect();
        app.post("/fhir/r5", &bundle(entries)).expect(400);
    }
}
