//! What cannot be carried out as it is asked is refused, not carried out as something else; and the same thing alike alone,
//! in a batch and in a transaction.

use serde_json::{Value, json};

use crate::bundles::{bundle, everything, statuses};
use crate::common::{Answer, TestApp, spawn};
use crate::people::*;

const LENIENT: [(&str, &str); 1] = [("Prefer", "handling=lenient")];

fn leniently(app: &TestApp, path: &str) -> Answer {
    app.send("GET", path, &LENIENT, None)
}

fn total_of(page: &Value) -> usize {
    let entries = page["entry"].as_array().map_or(&[][..], Vec::as_slice);
    entries
        .iter()
        .filter(|entry| entry["search"]["mode"] == "match")
        .count()
}

/// A request as an entry of a Bundle; what it is answered in a batch (its status) and in a transaction (the Bundle's, when it
/// fails).
fn in_bundles(app: &TestApp, base: &str, entry: &Value) -> (u16, u16) {
    let of_kind = |kind: &str| bundle(vec![entry.clone()]).merged(&json!({ "type": kind }));
    let batch = app.post(base, &of_kind("batch")).expect(200).json();
    let transaction = app.post(base, &of_kind("transaction"));
    let status = |text: &str| text[..3].parse().unwrap();
    let together = match transaction.status {
        200 => status(statuses(&transaction.json())[0]),
        failed => failed,
    };
    (status(statuses(&batch)[0]), together)
}

#[test]
fn a_modifier_that_is_not_supported_is_refused_whatever_the_handling() {
    let app = spawn();
    put(&app, &patient("p", None));
    for base in ["/fhir/r5", "/fhir/r4"] {
        for query in [
            "Patient?name:foo=1",
            "Patient?gender:in=http://example.org/vs",
            "Patient?_id:missing=perhaps",
            "CareTeam?patient:Organization=1",
            "CareTeam?patient.name:foo=1",
            "CareTeam?patient:Organization.name=1",
            "Patient?_has:CareTeam:patient:status:foo=active",
            "Patient?_include:foo=Patient:organization",
            "Encounter?status:text=1",
            "?_type=Patient,CareTeam&_id:foo=1",
            "AuditEvent?patient:foo=1",
            "StructureDefinition?url:foo=1",
        ] {
            let path = format!("{base}/{query}").replace("/?", "?");
            app.get(&path).expect(400);
            leniently(&app, &path).expect(400);
        }
        // What is unknown altogether may be left out.
        let page = leniently(&app, &format!("{base}/Patient?foo:bar=1&_id=p"))
            .expect(200)
            .json();
        assert_eq!(total_of(&page), 1);
        assert_eq!(page["entry"][1]["search"]["mode"], "outcome");
    }
}

#[test]
fn a_parameter_that_chooses_and_says_nothing_is_refused() {
    let app = spawn();
    put(&app, &patient("p", None));
    for base in ["/fhir/r5", "/fhir/r4"] {
        for query in [
            "CareTeam?patient=",
            "Patient?_id=",
            "Patient?name:exact=",
            "CareTeam?patient.name=",
            "Patient?_has:CareTeam:patient:status=",
            "Questionnaire?url:below=",
            "?_type=",
            "?_type=Patient&_id=",
            "Patient/p/*?_type=",
            "AuditEvent?patient=",
            "StructureDefinition?url=",
        ] {
            let path = format!("{base}/{query}").replace("/?", "?");
            let answer = app.send("GET", &path, &[("Accept-Language", "en")], None).expect(400);
            assert!(answer.text.contains("has no value"), "{path}: {}", answer.text);
            // A caller who says so gets what is left, and is told.
            let page = leniently(&app, &path).expect(200).json();
            let entries = page["entry"].as_array().unwrap();
            assert!(
                entries.iter().any(|entry| entry["search"]["mode"] == "outcome"),
                "{path}"
            );
        }
        app.get(&format!("{base}/Patient?foo=")).expect(400);
        app.get(&format!("{base}/Patient?_page=")).expect(400);
        // What steers the answer says nothing then.
        let path = format!("{base}/Patient?_count=&_sort=&_summary=&_elements=&_total=&_include=&_pretty=&_id=p");
        assert_eq!(total_of(&app.get(&path).expect(200).json()), 1);
        for path in [
            "Patient/p/_history?_count=",
            "Patient/p/$everything?_count=&_summary=",
            "AuditEvent?_count=",
        ] {
            app.get(&format!("{base}/{path}")).expect(200);
        }
    }
}

#[test]
fn what_is_not_percent_encoded_utf_8_is_refused() {
    let app = spawn();
    put(&app, &patient("p", None));
    for base in ["/fhir/r5", "/fhir/r4"] {
        for broken in ["%E5", "%zz", "a%", "%e5%00"] {
            for path in [
                format!("Patient?name={broken}"),
                format!("Patient?{broken}=x"),
                format!("Patient/p?_elements={broken}"),
                format!("Patient/p/_history?_since={broken}"),
                format!("Patient/p/$everything?_type={broken}"),
                format!("StructureDefinition?url={broken}"),
                format!("AuditEvent?patient={broken}"),
            ] {
                app.get(&format!("{base}/{path}")).expect(400);
            }
            let form = [("Content-Type", "application/x-www-form-urlencoded")];
            for kind in ["Patient", "AuditEvent", "StructureDefinition"] {
                let body = format!("_id={broken}");
                app.send("POST", &format!("{base}/{kind}/_search"), &form, Some(body.as_bytes()))
                    .expect(400);
            }
            let criteria = format!("name={broken}");
            app.post_with(
                &format!("{base}/Patient"),
                &[("If-None-Exist", &criteria)],
                &patient("x", None),
            )
            .expect(400);
            let get = json!({ "request": { "method": "GET", "url": format!("Patient?name={broken}") } });
            assert_eq!(in_bundles(&app, base, &get), (400, 400), "{broken}");
            let create = json!({
                "resource": patient("x", None),
                "request": { "method": "POST", "url": "Patient", "ifNoneExist": criteria },
            });
            assert_eq!(in_bundles(&app, base, &create), (400, 400), "{broken}");
        }
        app.get(&format!("{base}/Patient?name=%C3%85sa&_id=p")).expect(200);
    }
}

#[test]
fn lists_of_etags_are_read_as_the_rfc_says() {
    for version in ["r5", "r4"] {
        let app = spawn();
        let path = format!("/fhir/{version}/Patient/p");
        app.put(&path, &patient("p", None)).expect(201);
        for (list, status) in [
            ("W/\"9\", W/\"x\"", 412),
            ("W/\"x\"", 412),
            ("W/\"9\",", 412),
            ("3", 400),
            ("W/\"1\" W/\"2\"", 400),
            (",", 400),
            ("*, W/\"1\"", 400),
        ] {
            for method in ["PUT", "DELETE"] {
                let body = patient("p", None).to_string();
                let headers = [("Content-Type", "application/fhir+json"), ("If-Match", list)];
                let answer = app.send(method, &path, &headers, Some(body.as_bytes()));
                assert_eq!(answer.status, status, "{method} {list}: {}", answer.text);
            }
            let entry = json!({
                "resource": patient("p", None),
                "request": { "method": "PUT", "url": "Patient/p", "ifMatch": list },
            });
            assert_eq!(
                in_bundles(&app, &format!("/fhir/{version}"), &entry),
                (status, status),
                "{list}"
            );
        }
        for (number, list) in ["W/\"%\",", "W/\"99\",,W/\"%\"", "W/\"a,b\", W/\"%\"", "\"%\""]
            .iter()
            .enumerate()
        {
            let list = list.replace('%', &(number + 1).to_string());
            app.put_with(&path, &[("If-Match", &list)], &patient("p", None))
                .expect(200);
        }
        // Both would have to hold, and never do.
        let both = [("If-Match", "W/\"5\""), ("If-None-Match", "*")];
        app.put_with(&path, &both, &patient("p", None)).expect(400);
        let entry = json!({
            "resource": patient("p", None),
            "request": { "method": "PUT", "url": "Patient/p", "ifMatch": "W/\"5\"", "ifNoneMatch": "*" },
        });
        assert_eq!(in_bundles(&app, &format!("/fhir/{version}"), &entry), (400, 400));
        let tags = "W/\"a,b\", W/\"5\"";
        app.send("GET", &path, &[("If-None-Match", tags)], None).expect(304);
    }
}

#[test]
fn an_address_of_one_resource_takes_no_criteria() {
    for version in ["r5", "r4"] {
        let (app, base) = (spawn(), format!("/fhir/{version}"));
        put(&app, &patient("p", None));
        let before = everything(&app);
        let body = patient("p", None);
        let path = format!("{base}/Patient/p?name=foo");
        app.put(&path, &body).expect(400);
        app.delete(&path).expect(400);
        app.patch(&path, &[], &json!([])).expect(400);
        for path in [
            "Patient/p?foo=1",
            "Patient/p?name=Prov",
            "Patient/p/_history/1?foo=1",
            "StructureDefinition/fast-kontakt?foo=1",
            "AuditEvent/1?foo=1",
        ] {
            app.get(&format!("{base}/{path}")).expect(400);
        }
        for path in ["Patient/p", "Patient/p/_history/1"] {
            app.get(&format!("{base}/{path}?_format=json&_pretty=true&_summary=true"))
                .expect(200);
            app.get(&format!("{base}/{path}?_elements=name")).expect(200);
        }
        // A condition that only a create has.
        let headers = [("If-None-Exist", "name=foo")];
        app.put_with(&format!("{base}/Patient/p"), &headers, &body).expect(400);
        app.patch(&format!("{base}/Patient/p"), &headers, &json!([]))
            .expect(400);
        app.send("DELETE", &format!("{base}/Patient/p"), &headers, None)
            .expect(400);
        for (method, url) in [
            ("PUT", "Patient/p"),
            ("DELETE", "Patient/p"),
            ("PUT", "Patient?name=Prov"),
        ] {
            let mut entry = json!({ "request": { "method": method, "url": url, "ifNoneExist": "name=foo" } });
            if method == "PUT" {
                entry["resource"] = body.clone();
            }
            // R4's Bundles may have it there, R5's too (bdl-3); it means nothing there.
            assert_eq!(in_bundles(&app, &base, &entry), (400, 400), "{method} {url}");
        }
        assert_eq!(everything(&app), before, "nothing is written");
    }
}

#[test]
fn what_cannot_be_carried_out_has_the_same_status_everywhere() {
    for version in ["r5", "r4"] {
        let (app, base) = (spawn(), format!("/fhir/{version}"));
        put(&app, &patient("p", None));
        let before = everything(&app);
        for (method, url, status) in [
            ("PUT", "Patient", 400),
            ("PATCH", "Patient", 400),
            ("DELETE", "Patient", 400),
            ("PUT", "Patient?_format=json", 400),
            ("PUT", "Patient/p?name=foo", 400),
            ("DELETE", "Patient/p?name=foo", 400),
            ("POST", "Observation", 404),
            ("PUT", "Observation/1", 404),
            ("DELETE", "Observation?name=1", 404),
            ("POST", "Patient/p", 405),
            ("PUT", "Patient/p/_history/1", 405),
            ("DELETE", "Patient/p/_history", 405),
            ("PUT", "metadata", 405),
            ("DELETE", "AuditEvent/1", 405),
            ("DELETE", "StructureDefinition/x", 405),
            ("DELETE", "Patient/nobody", 404),
        ] {
            let resource = match method {
                "PATCH" => json!({ "resourceType": "Parameters", "parameter": [] }),
                _ => patient("p", None),
            };
            let has_body = method != "DELETE";
            let headers = [("Content-Type", "application/fhir+json"), ("Accept-Language", "en")];
            let body = resource.to_string();
            let path = format!("{base}/{url}");
            let alone = app.send(method, &path, &headers, has_body.then_some(body.as_bytes()));
            assert_eq!(alone.status, status, "{method} {url}: {}", alone.text);
            let mut entry = json!({ "request": { "method": method, "url": url } });
            if has_body {
                entry["resource"] = resource;
            }
            assert_eq!(in_bundles(&app, &base, &entry), (status, status), "{method} {url}");
        }
        // What a transaction does not read it says of all that it does not.
        for url in [
            "metadata",
            "StructureDefinition",
            "AuditEvent?patient=Patient/p",
            "Patient/p/$everything",
        ] {
            let entry = json!({ "request": { "method": "GET", "url": url } });
            assert_eq!(in_bundles(&app, &base, &entry), (200, 400), "{url}");
        }
        assert_eq!(everything(&app), before, "nothing is written");
    }
}

#[test]
fn criteria_of_another_type_are_told_as_such() {
    let app = spawn();
    let organization = json!({ "resourceType": "Organization", "name": "Enhet" });
    for base in ["/fhir/r5", "/fhir/r4"] {
        let headers = [("If-None-Exist", "Patient?identifier=x|1"), ("Accept-Language", "en")];
        let answer = app
            .post_with(&format!("{base}/Organization"), &headers, &organization)
            .expect(400);
        assert!(
            answer.text.contains("about the resource type Organization"),
            "{}",
            answer.text
        );
    }
}

#[test]
fn an_answer_says_what_it_hangs_on() {
    let app = spawn();
    put(&app, &patient("p", None));
    for (path, status) in [
        ("/fhir/r5/Patient/p", 200),
        ("/fhir/r4/Patient/p", 200),
        ("/fhir/r5/metadata", 200),
        ("/fhir/r5/Patient/nobody", 404),
        ("/fhir/r5/nowhere", 404),
    ] {
        for encoding in ["identity", "gzip"] {
            // The body of what is compressed is no text.
            let method = if encoding == "gzip" { "HEAD" } else { "GET" };
            let answer = app
                .send(method, path, &[("Accept-Encoding", encoding)], None)
                .expect(status);
            let vary = answer.header("vary").unwrap_or_default().to_ascii_lowercase();
            for name in ["accept-language", "accept-encoding"] {
                assert!(vary.contains(name), "{path} {encoding}: {vary}");
            }
        }
    }
}

#[test]
fn a_reference_with_a_version_finds_what_refers_to_that_version() {
    let app = spawn();
    for name in ["Ett", "Två", "Tre"] {
        app.put(
            "/fhir/r5/Organization/x",
            &json!({ "resourceType": "Organization", "id": "x", "name": name }),
        );
    }
    put(
        &app,
        &json!({ "resourceType": "Organization", "id": "y", "name": "Annan" }),
    );
    for version in ["r5", "r4"] {
        let base = format!("/fhir/{version}");
        let found = |query: &str| {
            let page = app.get(&format!("{base}/Provenance?{query}")).expect(200).json();
            let entries = page["entry"].as_array().map_or(&[][..], Vec::as_slice);
            let targets = entries
                .iter()
                .filter_map(|entry| entry["resource"]["target"][0]["reference"].as_str());
            let mut targets: Vec<String> = targets.map(str::to_owned).collect();
            targets.sort_unstable();
            targets
        };
        let x = |number: u8| format!("Organization/x/_history/{number}");
        assert_eq!(found("target=Organization/x"), [x(1), x(2), x(3)]);
        assert_eq!(found("target=Organization/x/_history/2"), [x(2)]);
        assert_eq!(
            found(&format!("target={}{base}/Organization/x/_history/2", app.base)),
            [x(2)]
        );
        assert_eq!(found("target:Organization=Organization/x/_history/2"), [x(2)]);
        assert_eq!(found("target:Patient=Organization/x/_history/2"), [] as [String; 0]);
        assert_eq!(found("target=Organization/x/_history/9"), [] as [String; 0]);
        let both = "target=Organization/x/_history/3,Organization/y,Organization/x/_history/1";
        assert_eq!(found(both), [x(1), x(3), "Organization/y/_history/1".to_owned()]);
        for bad in [
            "target=Organization/x/_history/",
            "target=x/_history/1",
            "target=Organization/x/_history/a%20b",
        ] {
            app.get(&format!("{base}/Provenance?{bad}")).expect(400);
        }
        // Through a chain too, and no parameter of another type is meant.
        let path = format!("{base}/Organization?_has:Provenance:target:target=Organization/x/_history/2");
        assert_eq!(total_of(&app.get(&path).expect(200).json()), 1);
    }
}
