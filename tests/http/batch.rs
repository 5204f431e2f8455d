//! The batch Bundle: each entry on its own, like a request of its own.

use serde_json::{Value, json};

use crate::bundles::{bundle, delete_entry, post, put_entry, statuses};
use crate::common::spawn;
use crate::people::*;

fn batch(entries: Vec<Value>) -> Value {
    bundle(entries).merged(&json!({ "type": "batch" }))
}

fn get_entry(url: &str) -> Value {
    json!({ "request": { "method": "GET", "url": url } })
}

#[test]
fn none_makes_another_fail_and_each_tells_how_it_went() {
    for version in ["r4", "r5"] {
        let app = spawn();
        orebro(&app);
        let mut contact = fast_kontakt("anna", "2", "vc-skoterska");
        contact["id"] = json!("k");
        if version == "r4" {
            contact["participant"][0]["role"] = json!([contact["participant"][0]["role"].clone()]);
        }
        let mut stale = put_entry(patient("anna", None));
        stale["request"]["ifMatch"] = json!("W/\"9\"");
        let mut create = post("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001", patient("x", None));
        create.as_object_mut().unwrap().remove("fullUrl");
        let answer = app
            .post(
                &format!("/fhir/{version}"),
                &batch(vec![
                    get_entry("Patient/anna"),
                    put_entry(contact),
                    stale,
                    create,
                    delete_entry("PractitionerRole/vc-lakare-2"),
                    get_entry("Patient/nobody"),
                    put_entry(json!({ "resourceType": "Patient", "id": "bad", "active": 1 })),
                    // As clients write it, with nothing escaped.
                    get_entry("Patient?identifier=http://electronichealth.se/identifier/personnummer|195009072553"),
                    get_entry("Nothing/1"),
                    get_entry("PractitionerRole/vc-lakare-2"),
                ]),
            )
            .expect(200)
            .json();
        assert_eq!(answer["type"], "batch-response");
        assert_eq!(
            statuses(&answer),
            [
                "200 OK",
                "422 Unprocessable Entity",
                "412 Precondition Failed",
                "201 Created",
                "204 No Content",
                "404 Not Found",
                "400 Bad Request",
                "200 OK",
                "404 Not Found",
                "410 Gone",
            ]
        );
        let entry = |index: usize| &answer["entry"][index];
        let place = |index: usize| entry(index)["response"]["outcome"]["issue"][0]["expression"][0].clone();
        assert_eq!(entry(0)["resource"]["id"], "anna");
        assert_eq!(entry(0)["fullUrl"], format!("{}/fhir/{version}/Patient/anna", app.base));
        assert_eq!(entry(0)["response"]["etag"], "W/\"1\"");
        assert!(
            place(1)
                .as_str()
                .unwrap()
                .starts_with("Bundle.entry[1].resource.participant[0]"),
            "{}",
            place(1)
        );
        assert_eq!(place(2), "Bundle.entry[2]");
        assert!(entry(3).get("resource").is_none(), "only when it is asked for");
        assert!(
            entry(3)["response"]["location"]
                .as_str()
                .unwrap()
                .contains("/_history/1")
        );
        assert_eq!(place(5), "Bundle.entry[5]");
        assert_eq!(place(6), "Bundle.entry[6].resource.active");
        assert_eq!(entry(7)["resource"]["entry"][0]["resource"]["id"], "anna");
        assert!(
            !entry(7)["resource"]["link"].to_string().contains("195009072553"),
            "a number from a body stands in no address"
        );
        assert_eq!(place(9), "Bundle.entry[9]");
        app.get("/fhir/r5/CareTeam/k").expect(404);
        app.get("/fhir/r5/PractitionerRole/vc-lakare-2").expect(410);
    }
}

#[test]
fn what_the_bundle_may_not_hold_is_the_fault_of_the_entry_that_holds_it() {
    let app = spawn();
    let unit = json!({ "resourceType": "Organization", "name": "Prov" });
    let wrong = |request: Value, more: Value| json!({ "request": request, "resource": unit }).merged(&more);
    let get = json!({ "method": "GET", "url": "Organization?_count=1" });
    let create = json!({ "method": "POST", "url": "Organization" });
    for version in ["r4", "r5"] {
        for (entry, place, versions) in [
            (
                wrong(json!({ "method": "FOO", "url": "Organization" }), json!({})),
                "request.method",
                "r4 r5",
            ),
            // In R4 it means nothing.
            (wrong(get.clone(), json!({})), "resource", "r5"),
            (
                wrong(create.clone(), json!({ "search": { "mode": "match" } })),
                "search",
                "r4 r5",
            ),
            // R5 says nothing of it.
            (
                wrong(create.clone(), json!({ "response": { "status": "200" } })),
                "response",
                "r4",
            ),
        ] {
            let good = json!({ "request": create, "resource": unit });
            let answer = app
                .post(&format!("/fhir/{version}"), &batch(vec![entry.clone(), good.clone()]))
                .expect(200)
                .json();
            if !versions.contains(version) {
                assert!(statuses(&answer)[0].starts_with("20"), "{version} {place}: {answer}");
                continue;
            }
            assert_eq!(
                statuses(&answer),
                ["400 Bad Request", "201 Created"],
                "{version} {place}: {answer}"
            );
            let issues = answer["entry"][0]["response"]["outcome"]["issue"].as_array().unwrap();
            assert_eq!(issues[0]["expression"][0], format!("Bundle.entry[0].{place}"));
            // A transaction is refused whole, by the same word.
            let refused = app
                .post(&format!("/fhir/{version}"), &bundle(vec![good, entry]))
                .expect(400);
            assert_eq!(refused.expressions()[0], format!("Bundle.entry[1].{place}"));
        }
    }
}

#[test]
fn the_path_of_an_entry_is_read_as_that_of_a_request() {
    let app = spawn();
    put(&app, &patient("anna", None));
    for version in ["r4", "r5"] {
        let path = format!("/fhir/{version}");
        for (url, status) in [
            ("Patient/%61nna", 200),
            ("%50atient/anna", 200),
            ("Patient/anna/%5Fhistory", 200),
            ("Patient%2Fanna", 404),
            ("Patient/an%2Fna", 404),
        ] {
            assert_eq!(app.get(&format!("{path}/{url}")).status, status, "{url}");
            let answer = app.post(&path, &batch(vec![get_entry(url)])).expect(200).json();
            assert!(statuses(&answer)[0].starts_with(&status.to_string()), "{url}: {answer}");
            app.post(&path, &bundle(vec![get_entry(url)])).expect(status);
        }
        app.post(&format!("{path}?_pretty=true"), &batch(vec![get_entry("Patient/anna")]))
            .expect(200);
        app.post(&format!("{path}?shoesize=43"), &batch(vec![get_entry("Patient/anna")]))
            .expect(400);
        for url in ["Patient/a%00", "Patient/%"] {
            let answer = app.post(&path, &batch(vec![get_entry(url)])).expect(200).json();
            assert_eq!(statuses(&answer), ["400 Bad Request"], "{url}");
        }
        // One resource, however its address is written.
        let mut again = put_entry(patient("anna", None));
        again["request"]["url"] = json!("Patient/%61nna");
        let both = vec![put_entry(patient("anna", None)), again];
        let refused = app.post(&path, &bundle(both)).expect(400);
        assert_eq!(refused.expressions(), ["Bundle.entry[1]"]);
    }
}

#[test]
fn a_format_that_is_not_written_is_refused_at_its_entry() {
    let app = spawn();
    put(&app, &patient("anna", None));
    for version in ["r4", "r5"] {
        let path = format!("/fhir/{version}");
        for url in [
            "Patient/anna?_format=xml",
            "Patient?_format=xml",
            "Patient/anna/_history?_format=xml",
            "metadata?_format=xml",
        ] {
            let answer = app
                .post(&path, &batch(vec![get_entry("Patient/anna"), get_entry(url)]))
                .expect(200)
                .json();
            assert_eq!(statuses(&answer), ["200 OK", "406 Not Acceptable"], "{url}");
            let issue = &answer["entry"][1]["response"]["outcome"]["issue"][0];
            assert_eq!(issue["expression"][0], "Bundle.entry[1]", "{url}");
            if !url.starts_with("metadata") {
                let answer = app.post(&path, &bundle(vec![get_entry("Patient/anna"), get_entry(url)]));
                assert_eq!(answer.expect(406).expressions(), ["Bundle.entry[1]"], "{url}");
            }
        }
        // How an answer is written is no criterion of a write, either.
        let mut update = put_entry(patient("anna", None));
        update["request"]["url"] = json!("Patient/anna?_format=json");
        let answer = app.post(&path, &batch(vec![update.clone()])).expect(200).json();
        assert_eq!(statuses(&answer), ["200 OK"]);
        let answer = app.post(&path, &bundle(vec![update])).expect(200).json();
        assert_eq!(statuses(&answer), ["200 OK"]);
    }
}

#[test]
fn every_interaction_answers_in_a_batch_as_it_does_alone() {
    let app = spawn();
    orebro(&app);
    put(&app, &patient("anna", Some("195009072553")));
    let urls = [
        "Patient/anna",
        "Patient/anna/_history/1",
        "Patient/anna/_history",
        "Patient/_history?_count=1",
        "_history?_count=1",
        "PractitionerRole?_count=1&_sort=_id",
        "StructureDefinition?_count=1",
        "StructureDefinition/nothing",
        "Patient/anna/$validate",
        "Patient/anna/$everything?_type=CareTeam",
        "Patient/anna/$riktlinjekontroll",
        "Organization/vc/$riktlinjekontroll",
        "Patient/anna/$everything",
        "Patient/anna/CareTeam",
        "?_type=Patient&_count=1",
        "Patient?unknown=1",
        "Patient/anna?_format=xml",
        "Patient?_format=xml",
        "Patient/anna/_history?_format=json&_pretty=true",
        "Patient/anna/$unknown",
        "nothing/at/all",
    ];
    for version in ["r4", "r5"] {
        let entries = urls.iter().map(|url| get_entry(url)).collect();
        let answer = app
            .post(&format!("/fhir/{version}"), &batch(entries))
            .expect(200)
            .json();
        for (index, url) in urls.iter().enumerate() {
            let alone = app.get(&format!("/fhir/{version}/{url}"));
            let entry = &answer["entry"][index];
            let status = entry["response"]["status"].as_str().unwrap();
            assert!(
                status.starts_with(&alone.status.to_string()),
                "{url}: {status} {}",
                alone.text
            );
            assert_eq!(entry["response"]["etag"].as_str(), alone.header("etag"), "{url}");
            if alone.status != 200 {
                continue;
            }
            let mut alone = alone.json();
            let mut here = entry["resource"].clone();
            // A search in a body has sealed links.
            for body in [&mut alone, &mut here] {
                if let Some(links) = body.get_mut("link") {
                    links.take();
                }
            }
            assert_eq!(here, alone, "{url}");
        }
    }
    // The link that hides the search can be followed.
    let answer = app
        .post("/fhir/r5", &batch(vec![get_entry("PractitionerRole?_count=1")]))
        .expect(200)
        .json();
    let links = answer["entry"][0]["resource"]["link"].as_array().unwrap();
    let next = links.iter().find(|link| link["relation"] == "next").unwrap();
    let next = next["url"].as_str().unwrap().strip_prefix(app.base.as_str()).unwrap();
    assert_eq!(app.get(next).expect(200).json()["type"], "searchset");
}

#[test]
fn preconditions_of_reads_and_conditional_writes_hold_in_a_batch_too() {
    let app = spawn();
    put(&app, &patient("anna", Some("195009072553")));
    let mut known = get_entry("Patient/anna");
    known["request"]["ifNoneMatch"] = json!("W/\"1\"");
    let mut since = get_entry("Patient/anna");
    since["request"]["ifModifiedSince"] = json!("2099-01-01T00:00:00Z");
    let mut create = post("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001", patient("x", None));
    create["request"]["ifNoneExist"] = json!("identifier=195009072553");
    let mut update = put_entry(patient("anna", Some("195009072553")));
    update["request"]["url"] = json!("Patient?identifier=195009072553");
    let head = json!({ "request": { "method": "HEAD", "url": "Patient/anna" } });
    let answer = app
        .post(
            "/fhir/r5",
            &batch(vec![
                create,
                known,
                since,
                head,
                delete_entry("Patient?identifier=200001012384"),
            ]),
        )
        .expect(200)
        .json();
    assert_eq!(
        statuses(&answer),
        [
            "200 OK",
            "304 Not Modified",
            "304 Not Modified",
            "200 OK",
            "204 No Content"
        ]
    );
    assert!(answer["entry"][3].get("resource").is_none());
    let headers = [("Prefer", "return=representation")];
    let answer = app
        .post_with("/fhir/r4", &headers, &batch(vec![update]))
        .expect(200)
        .json();
    assert_eq!(statuses(&answer), ["200 OK"]);
    assert_eq!(answer["entry"][0]["resource"]["meta"]["versionId"], "2");
    let headers = [("Prefer", "return=OperationOutcome")];
    let answer = app
        .post_with("/fhir/r5", &headers, &batch(vec![put_entry(patient("q", None))]))
        .expect(200)
        .json();
    let outcome = &answer["entry"][0]["response"]["outcome"];
    assert_eq!(outcome["issue"][0]["severity"], "information");
}

#[test]
fn entries_of_a_batch_stand_each_on_its_own() {
    let app = spawn();
    orebro(&app);
    let urn = "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001";
    let mut contact = fast_kontakt("x", "1", "vc-skoterska");
    contact["subject"]["reference"] = json!(urn);
    let mut conditional = fast_kontakt("x", "1", "vc-skoterska");
    conditional["subject"]["reference"] = json!("Patient?identifier=195009072553");
    let other = "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000002";
    let answer = app
        .post(
            "/fhir/r5",
            &batch(vec![
                post(urn, patient("x", None)),
                post(other, contact),
                put_entry(patient("p", None)),
                put_entry(patient("p", Some("195009072553"))),
                post(other, patient("x", None)),
                post("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000003", conditional),
                json!({ "request": { "method": "POST", "url": "Patient" } }),
            ]),
        )
        .expect(200)
        .json();
    let told: Vec<(&str, &str)> = (0..7)
        .map(|index| {
            let response = &answer["entry"][index]["response"];
            let place = response["outcome"]["issue"][0]["expression"][0].as_str();
            (&response["status"].as_str().unwrap()[..3], place.unwrap_or_default())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("201", ""),
            ("400", "Bundle.entry[1].resource.subject"),
            ("201", ""),
            ("400", "Bundle.entry[3]"),
            ("400", "Bundle.entry[4].fullUrl"),
            ("400", "Bundle.entry[5].resource.subject"),
            ("400", "Bundle.entry[6].resource"),
        ]
    );
    let stored = app.get("/fhir/r5/Patient/p").expect(200);
    assert_eq!(stored.header("etag"), Some("W/\"1\""));
}

#[test]
fn an_empty_bundle_is_answered_with_an_empty_one() {
    let app = spawn();
    for kind in ["batch", "transaction"] {
        let empty = json!({ "resourceType": "Bundle", "type": kind });
        let answer = app.post("/fhir/r4/?_pretty=true", &empty).expect(200);
        assert_eq!(answer.json()["type"], format!("{kind}-response"));
        assert!(answer.text.contains('\n'));
    }
}

#[test]
fn a_batch_whose_answers_become_too_large_is_not_gone_on_with() {
    let app = spawn();
    let mut large = patient("large", None);
    large["name"][0]["text"] = "x".repeat(900_000).into();
    app.put("/fhir/r5/Patient/large", &large).expect(201);
    let asked = vec![get_entry("Patient/large"); 80];
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let mut answer = agent
        .post(format!("{}/fhir/r5", app.base))
        .header("Content-Type", "application/fhir+json")
        .send(batch(asked.clone()).to_string())
        .expect("an answer");
    let text = answer.body_mut().with_config().limit(64 * 1024 * 1024).read_to_string();
    let answer: Value = serde_json::from_str(&text.expect("a text")).expect("JSON");
    let refused = statuses(&answer)
        .iter()
        .filter(|status| status.starts_with("403"))
        .count();
    // Some are on their way when 32 MiB have been answered.
    assert!((80 - 38 - 16..=80 - 37).contains(&refused), "{refused}");
    // A transaction is all or nothing.
    let answer = app.post("/fhir/r5", &bundle(asked)).expect(403).json();
    assert_eq!(answer["issue"][0]["code"], "too-costly");
}

/// Whoever hangs up waits for no answer: the entries that are left are not carried out.
#[test]
fn a_batch_ends_when_the_caller_has_gone() {
    use std::io::Write;
    let app = spawn();
    let entries = (0..1000).map(|number| {
        let id = format!("p{number}");
        json!({ "resource": patient(&id, None), "request": { "method": "PUT", "url": format!("Patient/{id}") } })
    });
    let body = batch(entries.collect()).to_string();
    let host = app.base.strip_prefix("http://").expect("an address");
    let mut stream = std::net::TcpStream::connect(host).expect("a connection");
    let head = format!(
        "POST /fhir/r5 HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/fhir+json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    stream.write_all(body.as_bytes()).expect("the body is sent");
    drop(stream);
    let count = || app.get("/fhir/r5/Patient?_summary=count").expect(200).json()["total"].as_i64();
    let (mut before, mut still) = (count(), 0);
    while still < 3 {
        std::thread::sleep(std::time::Duration::from_secs(1));
        let now = count();
        still = if now == before { still + 1 } else { 0 };
        before = now;
    }
    assert!(before.is_some_and(|carried_out| carried_out < 1000), "{before:?}");
}
