//! The links of a resource, found by the element tables, and their replacing in a transaction (http.html#transaction,
//! "Replacing hyperlinks and full-urls"): references, elements of type uri, url, oid and uuid, and the links of markdown
//! and narrative. Canonicals stay as they are, and so does `Identifier.value`, which is a string.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::elements::{Tables, TypeTable, elements};
use super::references::{conditional, local};
use super::types::ResourceType;
use super::version::FhirVersion;

/// What kind of place a link stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `Reference.reference`.
    Reference,
    /// An element of type uri, url, oid or uuid.
    Address,
    /// Text with links inside.
    Markdown,
    /// XHTML with links inside.
    Narrative,
}

/// The addresses that entries of a Bundle go by, and where each is really stored: `urn:uuid:…` → `Patient/1`. A
/// conditional reference may stand here too, with what it was found to mean.
pub type Addresses = HashMap<String, String>;

/// A reference that means something only inside a transaction, and has no meaning there either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The Reference's path below the resource: `participant[0].member`.
    pub path: String,
    /// The reference as it stands.
    pub reference: String,
}

/// Replaces every link to one of `addresses`. A relative reference in an entry whose own `fullUrl` is that of a RESTful
/// server is meant under that server (bundle.html#references). Returns the references left over that only an entry could
/// answer (`urn:uuid:`, `urn:oid:`) or that are conditional (`Patient?…`).
pub fn resolve(
    version: FhirVersion,
    resource: &mut Value,
    addresses: &Addresses,
    full_url: Option<&str>,
    own_bases: &[String],
) -> Vec<Stray> {
    let seen = Seen {
        addresses,
        server: full_url.and_then(server_of),
    };
    let mut strays = Vec::new();
    visit(version, resource, &mut |path, place, text| match place {
        Place::Reference => {
            if let Some(address) = seen.get(text) {
                *text = address;
            } else if is_temporary(text) || conditional(text, own_bases).is_some() {
                strays.push(Stray {
                    path: path.render(),
                    reference: text.clone(),
                });
            }
        }
        Place::Address => {
            if let Some(address) = seen.get(text) {
                *text = address;
            }
        }
        Place::Markdown => replace_in(text, markdown_links(text), &seen),
        Place::Narrative => replace_in(text, narrative_links(text), &seen),
    });
    strays
}

/// The references that only mean something among the entries of a transaction, each with the path of its Reference.
pub fn strays(version: FhirVersion, resource: &mut Value, own_bases: &[String]) -> Vec<Stray> {
    resolve(version, resource, &Addresses::new(), None, own_bases)
}

/// Whether the resource has a reference to one of these addresses; its path below the resource.
pub fn first_to(version: FhirVersion, resource: &mut Value, is_one: impl Fn(&str) -> bool) -> Option<String> {
    let mut found = None;
    visit(version, resource, &mut |path, place, text| {
        if place == Place::Reference && found.is_none() && is_one(text) {
            found = Some(path.render());
        }
    });
    found
}

fn is_temporary(reference: &str) -> bool {
    reference.starts_with("urn:uuid:") || reference.starts_with("urn:oid:")
}

/// The entries' addresses as seen from one entry.
struct Seen<'a> {
    addresses: &'a Addresses,
    /// The base of the entry's own server, with its slash.
    server: Option<&'a str>,
}

impl Seen<'_> {
    /// What a link is to say instead: matched whole, or up to its `#`.
    fn get(&self, link: &str) -> Option<String> {
        if self.addresses.is_empty() {
            return None;
        }
        self.whole(link).cloned().or_else(|| {
            let (address, fragment) = link.split_once('#')?;
            Some(format!("{}#{fragment}", self.whole(address)?))
        })
    }

    fn whole(&self, link: &str) -> Option<&String> {
        self.addresses.get(link).or_else(|| match self.server {
            Some(server) if local(link).is_some() => self.addresses.get(&format!("{server}{link}")),
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

/// Where the walk stands; written out only when somebody asks.
#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str, Option<usize>),
}

impl Path<'_> {
    fn render(&self) -> String {
        match self {
            Path::Root => String::new(),
            Path::Member(above, name, index) => {
                let mut text = above.render();
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
                if let Some(index) = index {
                    text.push_str(&format!("[{index}]"));
                }
                text
            }
        }
    }
}

type Visitor<'v> = dyn FnMut(&Path<'_>, Place, &mut String) + 'v;

/// Shows every link of a resource, contained ones included. What is not as the tables say is passed by: the structure
/// check tells about it.
fn visit(version: FhirVersion, resource: &mut Value, visitor: &mut Visitor<'_>) {
    resource_(elements(version), resource, &Path::Root, visitor);
}

fn resource_(tables: &'static Tables, resource: &mut Value, path: &Path<'_>, visitor: &mut Visitor<'_>) {
    let Value::Object(members) = resource else { return };
    let named = members
        .get("resourceType")
        .and_then(Value::as_str)
        .and_then(|name| tables.named(name));
    if let Some((name, table)) = named {
        object(tables, (name, table), members, path, visitor);
    }
}

fn object(
    tables: &'static Tables,
    (type_name, table): (&'static str, &'static TypeTable),
    members: &mut Map<String, Value>,
    path: &Path<'_>,
    visitor: &mut Visitor<'_>,
) {
    for (name, member) in members.iter_mut() {
        let element = table.get(name);
        each(member, |index, value| {
            let below = Path::Member(path, name, index);
            match (element, value) {
                // The companion of a primitive holds extensions.
                (None, Value::Object(inner)) if name.starts_with('_') => {
                    if let (Some(extensions), Some(extension)) = (inner.get_mut("extension"), tables.named("Extension"))
                    {
                        each(extensions, |at, one| {
                            if let Value::Object(one) = one {
                                object(tables, extension, one, &Path::Member(&below, "extension", at), visitor);
                            }
                        });
                    }
                }
                (Some(element), value) if element.is_resource() => resource_(tables, value, &below, visitor),
                (Some(element), Value::Object(inner)) => {
                    if let Some(named) = tables.named(&element.type_name) {
                        object(tables, named, inner, &below, visitor);
                    }
                }
                (Some(element), Value::String(text)) => {
                    match (type_name, name.as_str(), element.type_name.as_str()) {
                        ("Reference", "reference", _) => visitor(path, Place::Reference, text),
                        // They say what the extension is.
                        ("Extension", "url", _) => {}
                        (_, _, "uri" | "url" | "oid" | "uuid") => visitor(&below, Place::Address, text),
                        (_, _, "markdown") => visitor(&below, Place::Markdown, text),
                        (_, _, "xhtml") => visitor(&below, Place::Narrative, text),
                        _ => {}
                    }
                }
                _ => {}
            }
        });
    }
}

/// The items of an array with their numbers, or the one value.
fn each(value: &mut Value, mut visit: impl FnMut(Option<usize>, &mut Value)) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                visit(Some(index), item);
            }
        }
        one => visit(None, one),
    }
}

/// Where an address stands in a text, in bytes.
type Span = std::ops::Range<usize>;

fn replace_in(text: &mut String, links: Vec<Span>, seen: &Seen<'_>) {
    for span in links.into_iter().rev() {
        if let Some(address) = seen.get(&text[span.clone()]) {
            text.replace_range(span, &address);
        }
    }
}

/// `[text](address "title")`, `<address>` and `[label]: address` (CommonMark).
fn markdown_links(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (opening, ends) in [
        ("](", &[')', ' ', '\t', '\n'][..]),
        ("<", &['>', ' ', '\n']),
        ("]: ", &[' ', '\t', '\n', '\r']),
    ] {
        for (at, _) in text.match_indices(opening) {
            let start = at + opening.len();
            let end = text[start..].find(ends).map_or(text.len(), |length| start + length);
            found.push(start..end);
        }
    }
    found.sort_by_key(|span| span.start);
    // A text that only looks like links within each other is left alone.
    let overlap = found.windows(2).any(|pair| pair[1].start < pair[0].end);
    if overlap { Vec::new() } else { found }
}

/// The values of `href` in `<a>` and `src` in `<img>`. The XHTML is well formed, else the structure check refuses it.
fn narrative_links(div: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(opening) = div[at..].find('<') {
        let start = at + opening + 1;
        let tag_name = |name: &str| {
            let rest = div[start..].strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace()))
        };
        let wanted = if tag_name("a") {
            "href"
        } else if tag_name("img") {
            "src"
        } else {
            at = start;
            continue;
        };
        at = attributes(div, start, |name, value| {
            if name == wanted {
                found.push(value);
            }
        });
    }
    found
}

/// Shows the attributes of the tag that begins before `start`; returns where it ends.
fn attributes(div: &str, start: usize, mut show: impl FnMut(&str, Span)) -> usize {
    let mut at = start;
    loop {
        let Some(stop) = div[at..].find(['"', '\'', '>']).map(|length| at + length) else {
            return div.len();
        };
        if div[stop..].starts_with('>') {
            return stop + 1;
        }
        let quote = &div[stop..=stop];
        let Some(end) = div[stop + 1..].find(quote).map(|length| stop + 1 + length) else {
            return div.len();
        };
        let before = div[at..stop].trim_end().trim_end_matches('=').trim_end();
        let name = before
            .rsplit(|c: char| c.is_ascii_whitespace())
            .next()
            .unwrap_or_default();
        show(name, stop + 1..end);
        at = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn addresses(pairs: &[(&str, &str)]) -> Addresses {
        pairs
            .iter()
            .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
            .collect()
    }

    fn resolved(resource: Value, pairs: &[(&str, &str)], full_url: Option<&str>) -> (Value, Vec<String>) {
        let mut resource = resource;
        let strays = resolve(FhirVersion::R5, &mut resource, &addresses(pairs), full_url, &[]);
        (resource, strays.into_iter().map(|stray| stray.path).collect())
    }

    #[test]
    fn temporary_addresses_are_replaced_and_strays_are_told() {
        let resource = json!({
            "resourceType": "CareTeam",
            "subject": { "reference": "urn:uuid:1" },
            "identifier": [{ "value": "urn:uuid:1" }],
            "participant": [{ "member": { "reference": "urn:uuid:2" } }, { "member": { "reference": "Patient?identifier=x" } }],
            "text": { "div": "<div><a class=\"b\" href=\"urn:uuid:1\">href=\"urn:uuid:1\"</a><img src='urn:uuid:1#x'/></div>" },
            "note": [{ "text": "see [her](urn:uuid:1#top), <urn:uuid:1> and urn:uuid:1" }],
        });
        let (resource, strays) = resolved(resource, &[("urn:uuid:1", "Patient/p")], None);
        assert_eq!(strays, ["participant[0].member", "participant[1].member"]);
        assert_eq!(resource["subject"]["reference"], "Patient/p");
        assert_eq!(resource["identifier"][0]["value"], "urn:uuid:1");
        assert_eq!(
            resource["text"]["div"],
            "<div><a class=\"b\" href=\"Patient/p\">href=\"urn:uuid:1\"</a><img src='Patient/p#x'/></div>"
        );
        assert_eq!(
            resource["note"][0]["text"],
            "see [her](Patient/p#top), <Patient/p> and urn:uuid:1"
        );
    }

    #[test]
    fn elements_of_every_type_of_address_are_replaced_wherever_they_stand() {
        let known = [("urn:uuid:1", "CarePlan/p"), ("urn:uuid:2", "Consent/c")];
        let (resource, strays) = resolved(
            json!({
                "resourceType": "Provenance",
                "target": [{ "reference": "urn:uuid:1" }, { "reference": "urn:uuid:3" }],
                "policy": ["urn:uuid:2", "http://example.org/policy"],
                "_recorded": { "extension": [{ "url": "urn:uuid:1", "valueReference": { "reference": "urn:uuid:1" } }] },
                "contained": [{ "resourceType": "CareTeam", "subject": { "reference": "urn:uuid:1" } }],
            }),
            &known,
            None,
        );
        assert_eq!(strays, ["target[1]"]);
        assert_eq!(resource["target"][0]["reference"], "CarePlan/p");
        assert_eq!(resource["policy"], json!(["Consent/c", "http://example.org/policy"]));
        let extension = &resource["_recorded"]["extension"][0];
        assert_eq!(extension["valueReference"]["reference"], "CarePlan/p");
        assert_eq!(extension["url"], "urn:uuid:1", "it says what the extension is");
        assert_eq!(resource["contained"][0]["subject"]["reference"], "CarePlan/p");
        let (plan, _) = resolved(
            json!({ "resourceType": "CarePlan", "instantiatesUri": ["urn:uuid:2"], "instantiatesCanonical": ["urn:uuid:2"] }),
            &known,
            None,
        );
        assert_eq!(plan["instantiatesUri"], json!(["Consent/c"]));
        assert_eq!(
            plan["instantiatesCanonical"],
            json!(["urn:uuid:2"]),
            "a canonical stays"
        );
    }

    #[test]
    fn a_relative_reference_is_meant_under_the_entrys_own_server() {
        let condition = json!({ "resourceType": "Condition", "subject": { "reference": "Patient/77" } });
        let known = [("http://other.example/fhir/Patient/77", "Patient/new")];
        let (resource, _) = resolved(condition.clone(), &known, Some("http://other.example/fhir/Condition/2"));
        assert_eq!(resource["subject"]["reference"], "Patient/new");
        let (resource, strays) = resolved(condition, &known, Some("urn:uuid:1"));
        assert_eq!(resource["subject"]["reference"], "Patient/77");
        assert!(strays.is_empty());
    }
}
