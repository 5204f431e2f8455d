//! read, vread, history: conditional reads, addresses, paging.

use fastkontakt::clock::Clock;
use serde_json::json;

use crate::common::{TestApp, spawn, spawn_at, spawn_with};
use crate::people::{patient, put};

#[test]
fn what_the_caller_has_is_not_sent_again() {
    let app = spawn();
    put(&app, &patient("p", None));
    let read = app.get("/fhir/r5/Patient/p").expect(200);
    let modified = read.header("last-modified").unwrap();
    let not_modified = app
        .send("GET", "/fhir/r5/Patient/p", &[("If-None-Match", "W/\"1\"")], None)
        .expect(304);
    assert_eq!(not_modified.text, "");
    app.send("GET", "/fhir/r5/Patient/p", &[("If-None-Match", "W/\"2\"")], None)
        .expect(200);
    app.send("GET", "/fhir/r5/Patient/p", &[("If-Modified-Since", modified)], None)
        .expect(304);
}

#[test]
fn history_shows_every_version_and_pages() {
    let app = spawn();
    let mut resource = patient("p", None);
    for number in 1..=4 {
        resource["name"][0]["family"] = json!(format!("Prov{number}"));
        put(&app, &resource);
    }
    app.delete("/fhir/r5/Patient/p").expect(204);
    let whole = app.get("/fhir/r5/Patient/p/_history").expect(200).json();
    assert_eq!(whole["type"], "history");
    let entries = whole["entry"].as_array().unwrap();
    let etags: Vec<&str> = entries
        .iter()
        .map(|entry| entry["response"]["etag"].as_str().unwrap())
        .collect();
    assert_eq!(etags, ["W/\"5\"", "W/\"4\"", "W/\"3\"", "W/\"2\"", "W/\"1\""]);
    assert_eq!(entries[0]["request"]["method"], "DELETE");
    assert!(entries[0].get("resource").is_none());
    assert_eq!(entries[1]["resource"]["name"][0]["family"], "Prov4");

    assert_eq!(
        versions_by_pages(&app, "/fhir/r5/Patient/p/_history?_count=2"),
        [5, 4, 3, 2, 1]
    );
    app.get("/fhir/r5/Patient/nobody/_history").expect(404);
    app.get("/fhir/r5/Patient/p/_history?_since=yesterday").expect(400);
}

/// The request of each version, newest first, and how it was answered.
fn requests(app: &TestApp, path: &str) -> Vec<String> {
    let history = app.get(path).expect(200).json();
    let entries = history["entry"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|entry| {
            let (request, response) = (&entry["request"], &entry["response"]);
            [
                text(&request["method"]),
                text(&request["url"]),
                text(&response["status"]),
            ]
            .join(" ")
        })
        .collect()
}

#[test]
fn history_tells_the_request_that_made_each_version() {
    let app = spawn();
    let id = app.post("/fhir/r5/Patient", &patient("x", None)).expect(201).json()["id"].take();
    let id = id.as_str().unwrap();
    let own = format!("Patient/{id}");
    let activate = json!([{ "op": "add", "path": "/active", "value": true }]);
    app.patch(&format!("/fhir/r4/{own}"), &[], &activate).expect(200);
    app.put(&format!("/fhir/r5/{own}"), &patient(id, None)).expect(200);
    app.delete(&format!("/fhir/r5/{own}")).expect(204);
    app.put(&format!("/fhir/r5/{own}"), &patient(id, None)).expect(201);
    let expected = [
        format!("PUT {own} 201"),
        format!("DELETE {own} 204"),
        format!("PUT {own} 200"),
        format!("PATCH {own} 200"),
        "POST Patient 201".to_owned(),
    ];
    assert_eq!(requests(&app, &format!("/fhir/r4/{own}/_history")), expected);
    // R5's bdl-14: no history says PATCH.
    let in_r5 = |expected: &[String]| -> Vec<String> {
        let told = expected.iter().map(|request| request.replace("PATCH", "PUT"));
        told.collect()
    };
    assert_eq!(requests(&app, &format!("/fhir/r5/{own}/_history")), in_r5(&expected));

    // In a transaction each entry is its own request, and conditional ones are told as if they named the resource.
    let criteria = "Patient?identifier=http://journal.example/id|t";
    let known = json!({
        "resourceType": "Patient", "identifier": [{ "system": "http://journal.example/id", "value": "t" }],
    });
    let transaction = |request: serde_json::Value, resource: &serde_json::Value| {
        let mut entry = json!({ "request": request });
        if !resource.is_null() {
            entry["resource"] = resource.clone();
        }
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
        app.post("/fhir/r5", &bundle).expect(200);
    };
    transaction(json!({ "method": "POST", "url": criteria }), &known);
    let found = app.get(&format!("/fhir/r5/{criteria}")).expect(200).json();
    let id = found["entry"][0]["resource"]["id"].as_str().unwrap();
    let own = format!("Patient/{id}");
    let patch = json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": [
        { "name": "type", "valueCode": "add" },
        { "name": "path", "valueString": "Patient" },
        { "name": "name", "valueString": "active" },
        { "name": "value", "valueBoolean": true },
    ] }] });
    transaction(json!({ "method": "PATCH", "url": criteria }), &patch);
    transaction(json!({ "method": "PUT", "url": criteria }), &known);
    transaction(json!({ "method": "DELETE", "url": criteria }), &serde_json::Value::Null);
    let expected = [
        format!("DELETE {own} 204"),
        format!("PUT {own} 200"),
        format!("PATCH {own} 200"),
        "POST Patient 201".to_owned(),
    ];
    assert_eq!(requests(&app, &format!("/fhir/r4/{own}/_history")), expected);
    assert_eq!(requests(&app, &format!("/fhir/r5/{own}/_history")), in_r5(&expected));
}

#[test]
fn the_history_of_a_type_and_of_everything_comes_newest_first_in_pages() {
    let app = spawn();
    put(&app, &patient("a", None));
    put(&app, &patient("b", None));
    app.put(
        "/fhir/r5/Organization/o",
        &json!({ "resourceType": "Organization", "id": "o", "name": "Vårdcentral" }),
    )
    .expect(201);
    put(&app, &patient("a", None));
    app.delete("/fhir/r5/Patient/b").expect(204);
    let urls = |path: &str| {
        let (mut urls, mut next) = (Vec::new(), Some(path.to_owned()));
        while let Some(path) = next {
            let page = app.get(&path).expect(200).json();
            assert_eq!(page["type"], "history");
            for entry in page["entry"].as_array().into_iter().flatten() {
                let method = entry["request"]["method"].as_str().unwrap();
                let url = entry["request"]["url"].as_str().unwrap();
                // The service's own question set stands there from the start, and it tells of every write.
                if !url.starts_with("Questionnaire/") && !url.starts_with("Provenance/") {
                    urls.push(format!("{method} {url}"));
                }
            }
            let links = page["link"].as_array().unwrap();
            let link = links.iter().find(|link| link["relation"] == "next");
            next = link.map(|link| {
                link["url"]
                    .as_str()
                    .unwrap()
                    .trim_start_matches(app.base.as_str())
                    .to_owned()
            });
        }
        urls
    };
    let patients = ["DELETE Patient/b", "PUT Patient/a", "PUT Patient/b", "PUT Patient/a"];
    for version in ["r4", "r5"] {
        assert_eq!(urls(&format!("/fhir/{version}/Patient/_history?_count=3")), patients);
        assert_eq!(
            urls(&format!("/fhir/{version}/_history?_count=2")),
            [
                "DELETE Patient/b",
                "PUT Patient/a",
                "PUT Organization/o",
                "PUT Patient/b",
                "PUT Patient/a"
            ]
        );
    }
    assert_eq!(urls("/fhir/r5/Patient/_history?_since=1999-01-01"), patients);
    assert_eq!(
        urls("/fhir/r5/Patient/_history?_since=2999-01-01"),
        Vec::<String>::new()
    );
    assert_eq!(urls("/fhir/r5/Patient/_history?_at=2001"), Vec::<String>::new());
    assert_eq!(
        urls("/fhir/r5/Patient/_history?_at=2001-01-01&_count=1"),
        Vec::<String>::new()
    );
    app.get("/fhir/r5/Observation/_history").expect(404);
    for bad in [
        "_since=gt2020",
        "_at=x",
        "_count=-1",
        "_page=00",
        "_sort=_id",
        "_sort=-_lastUpdated,_id",
        "_at=ne2026",
        "_at=2026-03-10,2026-03-11",
        // Of two only one would count.
        "_at=2001&_at=2026",
        "_since=2001-01-01&_since=2002-01-01",
        "_count=1&_count=2",
        "_sort=none&_sort=_lastUpdated",
    ] {
        for version in ["r4", "r5"] {
            for of in ["", "/Patient", "/Patient/a"] {
                app.get(&format!("/fhir/{version}{of}/_history?{bad}")).expect(400);
            }
        }
    }
}

#[test]
fn history_goes_the_other_way_and_by_a_time_that_is_open_at_one_end() {
    let app = spawn_at(Clock::System, |_| {});
    let mut resource = patient("p", None);
    let made: Vec<String> = (1..=4)
        .map(|number| {
            resource["name"][0]["family"] = json!(format!("Prov{number}"));
            put(&app, &resource);
            let read = app.get("/fhir/r5/Patient/p").expect(200).json();
            // Far enough from the next one for a millisecond to tell them apart.
            std::thread::sleep(std::time::Duration::from_millis(5));
            read["meta"]["lastUpdated"].as_str().unwrap().replace('+', "%2B")
        })
        .collect();
    for base in ["/fhir/r4/Patient/p", "/fhir/r5/Patient/p", "/fhir/r5/Patient"] {
        let found = |query: &str| versions_by_pages(&app, &format!("{base}/_history?_count=3&{query}"));
        assert_eq!(found("_sort=_lastUpdated"), [1, 2, 3, 4]);
        assert_eq!(found(&format!("_sort=_lastUpdated&_since={}", made[1])), [2, 3, 4]);
        for newest_first in ["_sort=-_lastUpdated", "_sort=none", "_sort="] {
            assert_eq!(found(newest_first), [4, 3, 2, 1]);
        }
        // The third was current until the fourth came, and that it is still.
        for (prefix, versions) in [
            ("ge", vec![4, 3]),
            ("gt", vec![4, 3]),
            ("sa", vec![4, 3]),
            ("le", vec![3, 2, 1]),
            ("lt", vec![2, 1]),
            ("eb", vec![2, 1]),
            ("eq", vec![3]),
            ("", vec![3]),
        ] {
            assert_eq!(found(&format!("_at={prefix}{}", made[2])), versions, "{prefix}");
        }
        assert_eq!(found("_at=ge2001"), [4, 3, 2, 1]);
        let none = app.get(&format!("{base}/_history?_at=lt2001")).expect(200).json();
        assert_eq!((&none["type"], none.get("entry")), (&json!("history"), None));
    }
}

fn versions_by_pages(app: &TestApp, first: &str) -> Vec<i64> {
    let mut versions = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        let page = app.get(&path).expect(200).json();
        for entry in page["entry"].as_array().unwrap() {
            let etag = entry["response"]["etag"].as_str().unwrap();
            versions.push(etag.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap());
        }
        next = page["link"]
            .as_array()
            .unwrap()
            .iter()
            .find(|link| link["relation"] == "next")
            .map(|link| {
                link["url"]
                    .as_str()
                    .unwrap()
                    .strip_prefix(app.base.as_str())
                    .expect("a link of the same origin")
                    .to_owned()
            });
    }
    versions
}

#[test]
fn links_use_the_origin_that_the_caller_used_or_the_configured_one() {
    let app = spawn();
    let headers = [
        ("Content-Type", "application/fhir+json"),
        ("X-Forwarded-Host", "fhir.example.se"),
        ("X-Forwarded-Proto", "https"),
    ];
    let body = patient("p", None).to_string();
    let answer = app
        .send("PUT", "/fhir/r5/Patient/p", &headers, Some(body.as_bytes()))
        .expect(201);
    assert_eq!(
        answer.header("location"),
        Some("https://fhir.example.se/fhir/r5/Patient/p/_history/1")
    );

    let app = spawn_with(|settings| settings.base_url = Some("https://configured.example.se/".to_owned()));
    let answer = app.put("/fhir/r5/Patient/p", &patient("p", None)).expect(201);
    assert_eq!(
        answer.header("location"),
        Some("https://configured.example.se/fhir/r5/Patient/p/_history/1")
    );
}

#[test]
fn an_answer_can_be_pretty_whatever_it_is() {
    let app = spawn();
    put(&app, &patient("p", None));
    for path in [
        "/fhir/r5/Patient/p",
        "/fhir/r4/Patient/p",
        "/fhir/r5/Patient/p/_history/1",
        "/fhir/r5/Patient/p/_history",
        "/fhir/r5/Patient",
        "/fhir/r5/metadata",
        "/fhir/r5/CodeSystem",
        "/fhir/r5/Patient/p/$validate",
        "/fhir/r5/Patient/p/$riktlinjekontroll",
        "/fhir/r5/Patient/nobody",
    ] {
        let answer = app.get(&format!("{path}?_pretty=true"));
        assert_eq!(answer.text, format!("{:#}", answer.json()), "{path}");
        assert_ne!(app.get(path).text, answer.text, "{path}");
    }
}
