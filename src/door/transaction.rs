//! From a transaction Bundle to the orders of one write (http.html#transaction): POST and PUT entries, `urn:uuid`
//! references resolved among the entries. Used by HTTP and by `demo`; conditional entries and batch are not offered.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

use super::content::{self, Content};
use super::problem::Problem;
use super::{Action, Order, Precondition};
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::references;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// An entry whose request line is understood, before its references are resolved.
struct Entry {
    index: usize,
    content: Content,
    id: String,
    full_url: Option<String>,
    /// `None`: POST; else PUT under this condition.
    put: Option<Precondition>,
}

/// Reads the entries of a transaction; references under `own_bases` are local. All faults of all entries are told at once.
pub fn orders(version: FhirVersion, bundle: Value, own_bases: &[String]) -> Result<Vec<Order>, Problem> {
    content::check(version, "Bundle", &bundle)?;
    if bundle.get("type").and_then(Value::as_str) != Some("transaction") {
        return Err(fault(
            IssueCode::NotSupported,
            "Bundle.type".to_owned(),
            "Här tas bara Bundle av typen transaction emot.",
            "Only a Bundle of type transaction is accepted here.",
        ));
    }
    let Value::Object(mut members) = bundle else {
        return Ok(Vec::new());
    };
    let Some(Value::Array(entries)) = members.shift_remove("entry") else {
        return Ok(Vec::new());
    };
    let mut faults = Vec::new();
    let mut read = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        match self::entry(version, index, entry, own_bases) {
            Ok(entry) => read.push(entry),
            Err(Problem::NotFhir(found)) => faults.extend(found),
            Err(other) => return Err(other),
        }
    }
    faults.extend(repeated(&read));
    let addresses: HashMap<String, String> = read
        .iter()
        .filter_map(|entry| Some((entry.full_url.clone()?, format!("{}/{}", entry.content.kind, entry.id))))
        .collect();
    let mut orders = Vec::with_capacity(read.len());
    for mut entry in read {
        let unresolved = references::resolve(&mut entry.content.resource, &addresses);
        faults.extend(unresolved.into_iter().map(|path| unresolved_fault(&entry, &path)));
        match order(entry) {
            Ok(order) => orders.push(order),
            Err(Problem::NotFhir(found)) => faults.extend(found),
            Err(other) => return Err(other),
        }
    }
    if faults.is_empty() {
        Ok(orders)
    } else {
        Err(Problem::NotFhir(faults))
    }
}

/// Reads one entry: its request line, and its resource by the same strict reading as a single write.
fn entry(version: FhirVersion, index: usize, mut entry: Value, own_bases: &[String]) -> Result<Entry, Problem> {
    let place = format!("Bundle.entry[{index}]");
    let request = entry.get("request").cloned().unwrap_or(Value::Null);
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let method = text("method").unwrap_or_default();
    if !matches!(method, "POST" | "PUT") {
        return Err(fault(
            IssueCode::NotSupported,
            format!("{place}.request.method"),
            "En transaktion tar emot POST och PUT.",
            "A transaction takes POST and PUT.",
        ));
    }
    let url = text("url").unwrap_or_default();
    if text("ifNoneExist").is_some() || url.contains('?') {
        return Err(fault(
            IssueCode::NotSupported,
            format!("{place}.request"),
            "Villkorade poster stöds inte ännu.",
            "Conditional entries are not supported yet.",
        ));
    }
    let (kind, url_id) = match (method, url.split_once('/')) {
        ("POST", None) => (ResourceType::from_name(url), None),
        ("PUT", Some((name, id))) => (ResourceType::from_name(name), Some(id)),
        _ => (None, None),
    };
    let Some(kind) = kind else {
        return Err(fault(
            IssueCode::Value,
            format!("{place}.request.url"),
            "Adressen ska vara en resurstyp som tjänsten har (POST) eller typ/id (PUT).",
            "The url must be a resource type of this service (POST) or type/id (PUT).",
        ));
    };
    let full_url = entry.get("fullUrl").and_then(Value::as_str).map(str::to_owned);
    let put = match (method, text("ifMatch")) {
        ("POST", _) => None,
        (_, None) => Some(Precondition::None),
        (_, Some(tag)) => Some(version_is(tag, &place)?),
    };
    let resource = entry.get_mut("resource").map(Value::take).ok_or_else(|| {
        fault(
            IssueCode::Required,
            format!("{place}.resource"),
            "Posten ska innehålla en resurs.",
            "The entry must hold a resource.",
        )
    })?;
    content::check(version, kind.name(), &resource).map_err(|problem| problem.in_entry(index))?;
    let content = Content::new(version, kind, resource, own_bases);
    let id = match url_id {
        None => Uuid::now_v7().to_string(),
        Some(id) if content.id() == Some(id) => id.to_owned(),
        Some(_) => {
            return Err(fault(
                IssueCode::Invalid,
                format!("{place}.resource.id"),
                "Resursens id ska finnas och vara detsamma som i adressen.",
                "The resource's id must be present and be the same as in the address.",
            ));
        }
    };
    Ok(Entry {
        index,
        content,
        id,
        full_url,
        put,
    })
}

fn order(entry: Entry) -> Result<Order, Problem> {
    let Entry {
        index,
        content,
        id,
        put,
        ..
    } = entry;
    let prepared = content.prepare(&id).map_err(|problem| problem.in_entry(index))?;
    let action = match put {
        None => Action::Create(prepared),
        Some(precondition) => Action::Update { prepared, precondition },
    };
    Ok(Order {
        action,
        entry: Some(index),
    })
}

/// The same resource, or the same fullUrl, twice in one transaction is refused, naming the entry.
fn repeated(entries: &[Entry]) -> Vec<Fault> {
    let (mut seen, mut urls) = (HashSet::new(), HashSet::new());
    let mut faults = Vec::new();
    for entry in entries {
        let twice = !seen.insert((entry.content.kind, entry.id.as_str()));
        let same_url = entry.full_url.as_deref().is_some_and(|url| !urls.insert(url));
        if twice || same_url {
            faults.push(Fault {
                code: IssueCode::Duplicate,
                expression: format!("Bundle.entry[{}]", entry.index),
                text: Text::new(
                    "Samma resurs eller fullUrl förekommer mer än en gång i transaktionen.",
                    "The same resource or fullUrl occurs more than once in the transaction.",
                ),
            });
        }
    }
    faults
}

fn version_is(tag: &str, place: &str) -> Result<Precondition, Problem> {
    let version = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').parse();
    version.map(Precondition::VersionIs).map_err(|_| {
        fault(
            IssueCode::Value,
            format!("{place}.request.ifMatch"),
            "ifMatch ska vara en ETag från tjänsten, till exempel W/\"3\".",
            "ifMatch must be an ETag of this service, for example W/\"3\".",
        )
    })
}

fn unresolved_fault(entry: &Entry, path: &str) -> Fault {
    let source = entry.content.paths.to_source(&format!("{}.{path}", entry.content.kind));
    Fault {
        code: IssueCode::NotFound,
        expression: super::problem::in_resource(&format!("Bundle.entry[{}]", entry.index), &source),
        text: Text::new(
            "Referensen pekar inte på någon post i transaktionen, eller är villkorad (stöds inte ännu).",
            "The reference points at no entry of the transaction, or is conditional (not supported yet).",
        ),
    }
}

fn fault(code: IssueCode, expression: String, sv: &'static str, en: &'static str) -> Problem {
    Problem::fault(code, expression, Text::new(sv, en))
}
