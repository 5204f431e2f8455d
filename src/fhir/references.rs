//! Links between resources: what a literal reference says, and the replacing of a transaction's temporary addresses.

use std::collections::HashMap;

use serde_json::Value;

use super::types::ResourceType;

/// `Patient/anna` or `Patient/anna/_history/3` → the local resource; anything else is not local.
pub fn local(reference: &str) -> Option<(ResourceType, &str)> {
    let mut parts = reference.split('/');
    let kind = ResourceType::from_name(parts.next()?)?;
    let id = parts.next().filter(|id| !id.is_empty())?;
    match (parts.next(), parts.next(), parts.next()) {
        (None, None, None) | (Some("_history"), Some(_), None) => Some((kind, id)),
        _ => None,
    }
}

/// An address without the one of our own bases that it begins with; any other as it is.
pub fn relative<'a>(address: &'a str, own_bases: &[String]) -> &'a str {
    own_bases
        .iter()
        .find_map(|base| address.strip_prefix(base.as_str())?.strip_prefix('/'))
        .unwrap_or(address)
}

/// Makes references to resources under one of our own bases (`https://…/fhir/r5`, no slash at the end) relative, so that
/// rules, index and compartments see that they are ours: a contact must not escape its patient by the way the reference
/// is written (references.html#literal: both forms say the same).
pub fn make_local(resource: &mut Value, own_bases: &[String]) {
    match resource {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::String(text) if name == "reference" => {
                        let rest = relative(text, own_bases);
                        if rest.len() < text.len() && local(rest).is_some() {
                            *text = rest.to_owned();
                        }
                    }
                    other => make_local(other, own_bases),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| make_local(item, own_bases)),
        _ => {}
    }
}

/// Members that hold an address and may therefore hold an entry's `fullUrl` (http.html#transaction: elements of type
/// Reference, uri, url, oid, uuid; canonicals stay as they are). `Identifier.value` is a string and is not among them.
const ADDRESSES: &[&str] = &[
    "reference",
    "valueUri",
    "valueUrl",
    "valueOid",
    "valueUuid",
    "instantiatesUri",
    "url",
    // Provenance.policy and Questionnaire.item.definition.
    "policy",
    "definition",
];

/// Replaces every link to a `fullUrl` of the transaction, narrative included. A relative reference in an entry whose own
/// `fullUrl` is that of a RESTful server is meant under that server (bundle.html#references). Returns the paths (below the resource)
/// of the references that point at no entry although only an entry could be meant (`urn:uuid:` and `urn:oid:`), or
/// that are conditional.
pub fn resolve(resource: &mut Value, addresses: &HashMap<String, String>, full_url: Option<&str>) -> Vec<String> {
    let mut unresolved = Vec::new();
    let addresses = Addresses {
        known: addresses,
        server: full_url.and_then(server_of),
    };
    walk(resource, "", &addresses, &mut unresolved);
    unresolved
}

/// The entries' addresses as seen from one entry.
struct Addresses<'a> {
    known: &'a HashMap<String, String>,
    /// The base of the entry's own server, with its slash.
    server: Option<&'a str>,
}

impl Addresses<'_> {
    fn get(&self, link: &str) -> Option<&String> {
        self.known.get(link).or_else(|| match self.server {
            Some(server) if local(link).is_some() => self.known.get(&format!("{server}{link}")),
            _ => None,
        })
    }
}

/// `https://…/fhir/Patient/77` → `https://…/fhir/`.
fn server_of(full_url: &str) -> Option<&str> {
    let (rest, _) = full_url.rsplit_once('/')?;
    let (server, kind) = rest.rsplit_once('/')?;
    (server.contains("://") && ResourceType::from_name(kind).is_some()).then(|| &full_url[..=server.len()])
}

fn walk(value: &mut Value, path: &str, addresses: &Addresses<'_>, unresolved: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let below = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                match member {
                    Value::String(text) if name == "div" => replace_links(text, addresses.known),
                    Value::String(text) if ADDRESSES.contains(&name.as_str()) => {
                        if let Some(address) = addresses.get(text.as_str()) {
                            address.clone_into(text);
                        } else if name == "reference" && needs_entry(text) {
                            unresolved.push(path.to_owned());
                        }
                    }
                    Value::Array(items) if ADDRESSES.contains(&name.as_str()) => {
                        for (index, item) in items.iter_mut().enumerate() {
                            match item {
                                Value::String(text) => {
                                    if let Some(address) = addresses.get(text.as_str()) {
                                        address.clone_into(text);
                                    }
                                }
                                other => walk(other, &format!("{below}[{index}]"), addresses, unresolved),
                            }
                        }
                    }
                    other => walk(other, &below, addresses, unresolved),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, &format!("{path}[{index}]"), addresses, unresolved);
            }
        }
        _ => {}
    }
}

fn needs_entry(reference: &str) -> bool {
    reference.starts_with("urn:uuid:") || reference.starts_with("urn:oid:") || reference.contains('?')
}

/// `<a href="urn:uuid:…">` and `<img src="urn:uuid:…">` in narrative.
fn replace_links(div: &mut String, addresses: &HashMap<String, String>) {
    if !div.contains("urn:") {
        return;
    }
    for (temporary, address) in addresses {
        for attribute in ["href", "src"] {
            let link = format!("{attribute}=\"{temporary}\"");
            if div.contains(&link) {
                *div = div.replace(&link, &format!("{attribute}=\"{address}\""));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn local_references_are_type_and_id() {
        assert_eq!(local("Patient/anna"), Some((ResourceType::Patient, "anna")));
        assert_eq!(local("Patient/anna/_history/3"), Some((ResourceType::Patient, "anna")));
        assert_eq!(local("http://elsewhere/Patient/anna"), None);
        assert_eq!(local("Location/1"), None);
        assert_eq!(local("Patient/"), None);
    }

    #[test]
    fn our_own_absolute_addresses_become_relative() {
        let own = ["https://fhir.example.se/fhir/r5".to_owned()];
        let mut resource = json!({
            "subject": { "reference": "https://fhir.example.se/fhir/r5/Patient/anna" },
            "participant": [{ "member": { "reference": "https://other.example.se/fhir/r5/Practitioner/x" } }],
            "instantiatesUri": ["https://fhir.example.se/fhir/r5/CarePlan/1"],
        });
        let mut expected = resource.clone();
        expected["subject"]["reference"] = json!("Patient/anna");
        make_local(&mut resource, &own);
        assert_eq!(resource, expected);
    }

    #[test]
    fn temporary_addresses_are_replaced_and_strays_are_told() {
        let addresses = HashMap::from([("urn:uuid:1".to_owned(), "Patient/p".to_owned())]);
        let mut resource = json!({
            "subject": { "reference": "urn:uuid:1" },
            "identifier": [{ "value": "urn:uuid:1" }],
            "participant": [{ "member": { "reference": "urn:uuid:2" } }],
            "text": { "div": "<div><a href=\"urn:uuid:1\">x</a></div>" },
        });
        let unresolved = resolve(&mut resource, &addresses, None);
        assert_eq!(unresolved, ["participant[0].member"]);
        assert_eq!(resource["subject"]["reference"], "Patient/p");
        assert_eq!(resource["identifier"][0]["value"], "urn:uuid:1");
        assert_eq!(resource["text"]["div"], "<div><a href=\"Patient/p\">x</a></div>");
    }

    #[test]
    fn what_a_provenance_is_about_is_resolved_too() {
        let addresses = HashMap::from([
            ("urn:uuid:1".to_owned(), "CarePlan/p".to_owned()),
            ("urn:uuid:2".to_owned(), "Consent/c".to_owned()),
        ]);
        let mut resource = json!({
            "target": [{ "reference": "urn:uuid:1" }, { "reference": "urn:uuid:3" }],
            "policy": ["urn:uuid:2", "http://example.org/policy"],
            "entity": [{ "what": { "reference": "urn:uuid:1" } }],
        });
        assert_eq!(resolve(&mut resource, &addresses, None), ["target[1]"]);
        assert_eq!(resource["target"][0]["reference"], "CarePlan/p");
        assert_eq!(resource["policy"], json!(["Consent/c", "http://example.org/policy"]));
        assert_eq!(resource["entity"][0]["what"]["reference"], "CarePlan/p");
        // A Consent's policies are objects.
        let mut consent = json!({ "policy": [{ "url": "urn:uuid:2" }] });
        resolve(&mut consent, &addresses, None);
        assert_eq!(consent["policy"][0]["url"], "Consent/c");
    }

    #[test]
    fn a_relative_reference_is_meant_under_the_entrys_own_server() {
        let addresses = HashMap::from([(
            "http://other.example/fhir/Patient/77".to_owned(),
            "Patient/new".to_owned(),
        )]);
        let mut resource = json!({ "subject": { "reference": "Patient/77" } });
        resolve(&mut resource, &addresses, Some("http://other.example/fhir/Condition/2"));
        assert_eq!(resource["subject"]["reference"], "Patient/new");
    }
}
