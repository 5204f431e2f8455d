//! Health, metrics, the API description.

use crate::common::spawn;
use crate::people::{patient, put};

#[test]
fn health_and_metrics() {
    let app = spawn();
    app.get("/health/live").expect(200);
    app.get("/health/ready").expect(200);
    put(&app, &patient("anna", Some("195009072553")));
    app.get("/fhir/r5/Patient/anna").expect(200);
    app.get("/fhir/r5/Patient/nobody").expect(404);
    let metrics = app.get("/metrics").expect(200).text;
    for line in [
        r#"fastkontakt_requests_total{interaction="update",status="201"} 1"#,
        r#"fastkontakt_requests_total{interaction="read",status="404"} 1"#,
        r#"fastkontakt_request_seconds_count{interaction="read",status="200"} 1"#,
        "fastkontakt_writer_queue 0",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("anna"));
}

#[test]
fn the_committed_openapi_document_is_the_one_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let document = fastkontakt::api::openapi::document();
    assert!(
        committed == document,
        "run: cargo run -- openapi > openapi/openapi.json"
    );
    let app = spawn();
    let served: serde_json::Value = app.get("/openapi.json").expect(200).json();
    assert_eq!(served, serde_json::from_str::<serde_json::Value>(&document).unwrap());
    assert!(app.get("/swagger-ui/").expect(200).text.contains("swagger-ui"));
}
