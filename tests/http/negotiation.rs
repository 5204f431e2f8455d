//! What a caller says in headers beside the resource: charsets, `Prefer`, the empty `_format`, `Accept-Encoding`.

use serde_json::json;

use crate::common::spawn;
use crate::people::{patient, put};

const FHIR: &str = "application/fhir+json";

#[test]
fn a_body_in_another_charset_than_utf_8_is_refused() {
    let app = spawn();
    put(&app, &patient("p", None));
    let body = patient("x", None).to_string();
    for base in ["/fhir/r5", "/fhir/r4"] {
        let post = |content_type: &str| {
            let path = format!("{base}/Patient");
            app.send("POST", &path, &[("Content-Type", content_type)], Some(body.as_bytes()))
        };
        for charset in ["utf-8", "UTF-8", "\"utf-8\""] {
            post(&format!("{FHIR}; charset={charset}")).expect(201);
        }
        for charset in ["iso-8859-1", "latin1", "utf-16", "\"windows-1252\""] {
            let refused = post(&format!("{FHIR}; charset={charset}")).expect(415);
            assert_eq!(refused.json()["issue"][0]["code"], "not-supported", "{charset}");
        }
        let headers = [("Content-Type", "application/json-patch+json; charset=latin1")];
        let path = format!("{base}/Patient/p");
        app.send("PATCH", &path, &headers, Some(b"[]")).expect(415);
        // %E5 is å in ISO 8859-1 and nothing at all in UTF-8.
        let form = |charset: &str| {
            let content_type = format!("application/x-www-form-urlencoded; charset={charset}");
            let path = format!("{base}/Patient/_search");
            app.send("POST", &path, &[("Content-Type", &content_type)], Some(b"name=%C3%A5"))
        };
        form("iso-8859-1").expect(415);
        form("utf-8").expect(200);
    }
}

#[test]
fn preferences_are_understood_in_any_case_and_in_quotes() {
    let app = spawn();
    let created = |prefer: &str| {
        let answer = app.post_with("/fhir/r5/Patient", &[("Prefer", prefer)], &patient("x", None));
        answer.expect(201).text
    };
    for minimal in [
        "return=minimal",
        "RETURN=minimal",
        "return=\"minimal\"",
        "wait=1, Return=minimal",
    ] {
        assert_eq!(created(minimal), "", "{minimal}");
    }
    // The first one counts.
    assert_eq!(created("return=minimal, return=representation"), "");
    assert!(created("return=\"OperationOutcome\"").contains("OperationOutcome"));
    let lenient = [("Prefer", "Handling=\"lenient\"")];
    app.send("GET", "/fhir/r5/Patient?shoesize=43", &lenient, None)
        .expect(200);
}

#[test]
fn a_format_without_a_value_says_nothing() {
    let app = spawn();
    put(&app, &patient("p", None));
    for path in [
        "Patient/p?_format=",
        "Patient?_format=",
        "metadata?_format=",
        "Patient/p/_history?_format=",
    ] {
        app.get(&format!("/fhir/r5/{path}")).expect(200);
    }
    let xml = [("Accept", "application/fhir+xml")];
    app.send("GET", "/fhir/r5/Patient/p?_format=", &xml, None).expect(406);
}

#[test]
fn r4b_is_spoken_where_r4_is() {
    let app = spawn();
    put(&app, &patient("p", None));
    let body = patient("p", None).to_string();
    for (address, version, status) in [
        ("/fhir/r4/Patient/p", "4.3", 200),
        ("/fhir/r4/Patient/p", "4.3.0", 200),
        ("/fhir/r4/Patient/p", "4.1", 406),
        ("/fhir/r5/Patient/p", "4.3", 406),
    ] {
        let mime = format!("{FHIR}; fhirVersion={version}");
        let read = app.send("GET", address, &[("Accept", &mime)], None).expect(status);
        let answered = if address.contains("r4") { "4.0" } else { "5.0" };
        let content_type = format!("{FHIR}; fhirVersion={answered}; charset=utf-8");
        assert_eq!(read.header("content-type"), Some(content_type.as_str()));
        let refused = if status == 406 { 415 } else { status };
        app.send("PUT", address, &[("Content-Type", &mime)], Some(body.as_bytes()))
            .expect(refused);
    }
}

#[test]
fn who_reads_neither_gzip_nor_plain_text_is_told_in_an_outcome() {
    let app = spawn();
    for (base, version) in [("/fhir/r5", "5.0"), ("/fhir/r4", "4.0")] {
        let headers = [("Accept-Encoding", "identity;q=0"), ("Accept-Language", "en")];
        let answer = app
            .send("GET", &format!("{base}/Patient/nobody"), &headers, None)
            .expect(406);
        assert!(answer.header("x-request-id").is_some());
        let content_type = format!("{FHIR}; fhirVersion={version}; charset=utf-8");
        assert_eq!(answer.header("content-type"), Some(content_type.as_str()));
        let issue = &answer.json()["issue"][0];
        assert_eq!(issue["code"], "not-supported");
        assert!(issue["details"]["text"].as_str().unwrap().contains("gzip"), "{issue}");
        // Nothing is written either.
        let mut headers = headers.to_vec();
        headers.push(("Content-Type", FHIR));
        let body = patient("p", None).to_string();
        app.send("PUT", &format!("{base}/Patient/p"), &headers, Some(body.as_bytes()))
            .expect(406);
    }
    app.get("/fhir/r5/Patient/p").expect(404);
    // What the service itself refuses it tells once.
    let xml = [("Accept", "application/fhir+xml")];
    let answer = app.send("GET", "/fhir/r5/metadata", &xml, None).expect(406);
    assert_eq!(answer.json()["issue"].as_array().unwrap().len(), 1);
    assert_eq!(answer.json()["resourceType"], json!("OperationOutcome"));
}
