//! How the tests write a Bundle, and read what it is answered.

use serde_json::{Value, json};

use crate::common::TestApp;

/// A transaction of these entries.
pub fn bundle(entries: Vec<Value>) -> Value {
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

pub fn post(full_url: &str, resource: Value) -> Value {
    let kind = resource["resourceType"].clone();
    json!({ "fullUrl": full_url, "resource": resource, "request": { "method": "POST", "url": kind } })
}

pub fn put_entry(resource: Value) -> Value {
    let url = format!(
        "{}/{}",
        resource["resourceType"].as_str().unwrap(),
        resource["id"].as_str().unwrap()
    );
    json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
}

pub fn delete_entry(url: &str) -> Value {
    json!({ "request": { "method": "DELETE", "url": url } })
}

/// The statuses of a response Bundle's entries.
pub fn statuses(answer: &Value) -> Vec<&str> {
    let entries = answer["entry"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap())
        .collect()
}

/// Every version of everything, what the service tells of the writes included.
pub fn everything(app: &TestApp) -> Value {
    let mut found = app.get("/fhir/r5/_history?_count=1000").expect(200).json();
    assert!(found["link"].as_array().unwrap().len() == 1, "all on one page");
    found["entry"].take()
}
