//! Transaction Bundles: what `demo` hands to the door.

use serde_json::{Value, json};

use crate::fhir::version::FhirVersion;

/// One entry of a transaction.
pub enum Entry {
    /// The resource has an id of its own.
    Put(Value),
    /// The server gives the id; the other entries point at it by this temporary address.
    Post { full_url: String, resource: Value },
}

impl Entry {
    pub fn put(resource: Value) -> Entry {
        Entry::Put(resource)
    }
}

/// A transaction in the order in which `demo` posts it.
pub struct Transaction {
    /// For the progress line.
    pub title: String,
    /// The version the Bundle is written in.
    pub version: FhirVersion,
    pub bundle: Value,
}

impl Transaction {
    pub fn new(title: String, version: FhirVersion, entries: Vec<Entry>) -> Transaction {
        let entries: Vec<Value> = entries.into_iter().map(entry).collect();
        Transaction {
            title,
            version,
            bundle: json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }),
        }
    }
}

fn entry(entry: Entry) -> Value {
    match entry {
        Entry::Put(resource) => {
            let url = format!("{}/{}", text(&resource, "resourceType"), text(&resource, "id"));
            json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
        }
        Entry::Post { full_url, resource } => {
            let url = text(&resource, "resourceType").to_owned();
            json!({ "fullUrl": full_url, "resource": resource, "request": { "method": "POST", "url": url } })
        }
    }
}

fn text<'a>(resource: &'a Value, name: &str) -> &'a str {
    resource[name].as_str().unwrap_or_default()
}
