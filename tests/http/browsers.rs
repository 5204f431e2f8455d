//! What browsers and careful clients ask beside GET and POST: HEAD, OPTIONS, CORS, compressed answers.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::common::{TestApp, spawn, spawn_with};
use crate::people::{outcome, patient, put};

const PORTAL: &str = "https://portal.example.se";

#[test]
fn head_answers_as_get_without_the_body() {
    let app = spawn();
    put(&app, &patient("p", None));
    for path in [
        "/fhir/r5/Patient/p",
        "/fhir/r4/Patient/p",
        "/fhir/r5/Patient/p/_history/1",
        "/fhir/r5/Patient/p/_history",
        "/fhir/r5/Patient?_id=p",
        "/fhir/r5/metadata",
        "/fhir/r5/Patient/nobody",
    ] {
        let get = app.get(path);
        let head = app.send("HEAD", path, &[], None);
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "etag", "last-modified"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
}

#[test]
fn options_tells_what_an_address_has_and_head_is_wherever_get_is() {
    let app = spawn();
    put(&app, &patient("p", None));
    let document = app.get("/openapi.json").expect(200).json();
    let described = document["paths"].as_object().unwrap().iter().map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys().map(String::as_str).collect();
        (path.as_str(), methods)
    });
    let mut seen = 0;
    for (path, methods) in described.filter(|(path, _): &(&str, Vec<&str>)| path.starts_with("/fhir/")) {
        let path = path
            .replace("{version}", "r5")
            .replace("{compartment}", "Patient")
            .replace("{definition}", "StructureDefinition")
            .replace("{type}", "Patient")
            .replace("{vid}", "1")
            .replace("{id}", "p");
        let mut expected: BTreeSet<String> = methods.iter().map(|method| method.to_uppercase()).collect();
        if expected.contains("GET") {
            expected.insert("HEAD".to_owned());
            let get = app.get(&path);
            let head = app.send("HEAD", &path, &[], None);
            assert_eq!((head.status, head.text.as_str()), (get.status, ""), "HEAD {path}");
        }
        let options = app.send("OPTIONS", &path, &[], None).expect(204);
        let allowed = options
            .header("allow")
            .unwrap()
            .split(", ")
            .map(str::to_owned)
            .collect();
        assert_eq!(expected, allowed, "{path}");
        seen += 1;
    }
    assert!(seen > 12, "{seen} addresses");
    app.send("OPTIONS", "/fhir/r3/Patient/p", &[], None).expect(404);
}

#[test]
fn a_page_of_a_configured_origin_may_call_and_no_other() {
    let app = spawn_with(|settings| settings.cors_origins = vec![PORTAL.to_owned()]);
    // What FHIR has, and what clients add of their own (MedplumClient sends `X-Medplum` with every request).
    let asked = "authorization,cache-control,content-type,if-match,prefer,x-medplum,x-requested-with";
    let preflight = |origin: &str, method: &str| {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", asked),
        ];
        app.send("OPTIONS", "/fhir/r5/CareTeam/k", &headers, None)
    };
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let allowed = preflight(PORTAL, method).expect(200);
        assert_eq!(allowed.header("access-control-allow-origin"), Some(PORTAL));
        assert_eq!(allowed.header("access-control-allow-headers"), Some(asked));
        assert!(allowed.header("vary").unwrap().contains("Origin"));
        assert!(allowed.header("x-request-id").is_some());
    }
    for (origin, method) in [("https://evil.example.org", "PUT"), (PORTAL, "TRACE")] {
        let refused = preflight(origin, method).expect(400);
        assert_eq!(outcome(&refused)["issue"][0]["code"], "invalid");
        assert!(refused.header("x-request-id").is_some());
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }
    // What the compression refuses, the page may read too.
    let headers = [("Origin", PORTAL), ("Accept-Encoding", "identity;q=0")];
    let refused = app.send("GET", "/fhir/r5/metadata", &headers, None).expect(406);
    assert_eq!(refused.header("access-control-allow-origin"), Some(PORTAL));
    assert!(
        refused
            .header("access-control-expose-headers")
            .unwrap()
            .contains("x-request-id")
    );

    let read = app
        .send("GET", "/fhir/r5/metadata", &[("Origin", PORTAL)], None)
        .expect(200);
    assert_eq!(read.header("access-control-allow-origin"), Some(PORTAL));
    let exposed = read
        .header("access-control-expose-headers")
        .unwrap_or_default()
        .to_lowercase();
    assert!(exposed.contains("etag") && exposed.contains("x-riktlinje"), "{exposed}");
}

#[test]
fn every_answer_names_its_request_and_none_is_kept_on_the_way() {
    let app = spawn();
    put(&app, &patient("p", None));
    let id = "0198c2a0-7b3c-7c1e-9d2f-0123456789ab";
    let known = ("If-None-Match", "W/\"1\"");
    for version in ["r4", "r5"] {
        for (method, path, header, status) in [
            ("GET", "/Patient/p", None, 200),
            ("HEAD", "/Patient/p", None, 200),
            ("GET", "/Patient/p", Some(known), 304),
            ("GET", "/Patient/p/_history", None, 200),
            ("GET", "/Patient/p/$everything", None, 200),
            ("GET", "/Patient?_id=p", None, 200),
            ("GET", "/Patient/nobody", None, 404),
            ("GET", "/metadata", None, 200),
            ("OPTIONS", "/Patient/p", None, 204),
            ("GET", "/Patient/p", Some(("Accept-Encoding", "identity;q=0")), 406),
            ("DELETE", "/Patient/q", None, 404),
        ] {
            let mut headers = vec![("X-Request-Id", id)];
            headers.extend(header);
            let answer = app
                .send(method, &format!("/fhir/{version}{path}"), &headers, None)
                .expect(status);
            assert_eq!(answer.header("x-request-id"), Some(id), "{method} {path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}");
            let vary = "Accept, Accept-Encoding, Accept-Language";
            assert_eq!(answer.header("vary"), Some(vary), "{method} {path}");
        }
    }
}

#[test]
fn without_configuration_no_origin_is_told_anything() {
    let app = spawn();
    let read = app
        .send("GET", "/fhir/r5/metadata", &[("Origin", PORTAL)], None)
        .expect(200);
    assert_eq!(read.header("access-control-allow-origin"), None);
}

#[test]
fn a_large_answer_is_compressed_when_the_caller_can_read_it() {
    let app = spawn();
    let plain = app.get("/fhir/r5/metadata").expect(200).text.len();
    let compressed = raw(&app, "/fhir/r5/metadata", "gzip");
    let head = String::from_utf8_lossy(&compressed).to_lowercase();
    assert!(
        head.contains("content-encoding: gzip") && head.contains("vary: accept, accept-encoding, accept-language"),
        "{head}"
    );
    assert!(compressed.len() < plain / 4, "{} of {plain}", compressed.len());
    let identity = raw(&app, "/fhir/r5/metadata", "identity");
    assert!(
        !String::from_utf8_lossy(&identity)
            .to_lowercase()
            .contains("content-encoding")
    );
}

#[test]
fn a_compressed_body_is_refused_with_a_reason() {
    let app = spawn();
    let body = json!({ "resourceType": "Patient" }).to_string();
    let headers = [("Content-Type", "application/fhir+json"), ("Content-Encoding", "gzip")];
    app.send("POST", "/fhir/r5/Patient", &headers, Some(body.as_bytes()))
        .expect(415);
}

/// The answer as it comes over the wire.
fn raw(app: &TestApp, path: &str, encoding: &str) -> Vec<u8> {
    let address = app.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the service listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("read");
    answer
}
