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

/// Entries in one transaction: more keep other writers waiting for too long.
const MOST_ENTRIES: usize = 2_000;

/// An entry whose request line is understood; its resource is not read yet.
struct Entry {
    index: usize,
    kind: ResourceType,
    id: String,
    full_url: Option<String>,
    /// `None`: POST; else PUT under this condition.
    put: Option<Precondition>,
    resource: Value,
}

/// Reads the entries of a transaction; references under `own_bases` are local. All faults of all entries are told at once.
///
/// References among the entries are resolved before the resources are checked, so that each is checked as it will be
/// stored (a reference's target type is known only then).
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
    if entries.len() > MOST_ENTRIES {
        return Err(fault(
            IssueCode::TooCostly,
            "Bundle.entry".to_owned(),
            "En transaktion får ha högst 2000 poster.",
            "A transaction may have 2000 entries at the most.",
        ));
    }
    let mut faults = Faults::default();
    let read: Vec<Entry> = entries
        .into_iter()
        .enumerate()
        .filter_map(|(index, entry)| faults.sort_out(self::entry(index, entry)).transpose())
        .collect::<Result<_, _>>()?;
    faults.0.extend(repeated(&read));
    let addresses: HashMap<String, String> = read
        .iter()
        .filter_map(|entry| Some((entry.full_url.clone()?, format!("{}/{}", entry.kind, entry.id))))
        .collect();
    let mut orders = Vec::with_capacity(read.len());
    for mut entry in read {
        let place = format!("Bundle.entry[{}].resource", entry.index);
        let unresolved = references::resolve(&mut entry.resource, &addresses, entry.full_url.as_deref());
        faults
            .0
            .extend(unresolved.iter().map(|path| unresolved_fault(&place, path)));
        if let Some(order) = faults.sort_out(order(version, entry, own_bases))? {
            orders.push(order);
        }
    }
    if faults.0.is_empty() {
        Ok(orders)
    } else {
        Err(Problem::NotFhir(faults.0))
    }
}

/// The faults of all entries.
#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    /// Keeps the faults and goes on; any other problem ends the reading.
    fn sort_out<T>(&mut self, result: Result<T, Problem>) -> Result<Option<T>, Problem> {
        match result {
            Ok(read) => Ok(Some(read)),
            Err(Problem::NotFhir(found)) => {
                self.0.extend(found);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }
}

/// Reads an entry's request line and takes its resource.
fn entry(index: usize, mut entry: Value) -> Result<Entry, Problem> {
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
        (_, Some(tag)) => Some(Precondition::version_is(tag).ok_or_else(|| {
            fault(
                IssueCode::Value,
                format!("{place}.request.ifMatch"),
                "ifMatch ska vara en ETag från tjänsten, till exempel W/\"3\".",
                "ifMatch must be an ETag of this service, for example W/\"3\".",
            )
        })?),
    };
    let resource = entry.get_mut("resource").map(Value::take).ok_or_else(|| {
        fault(
            IssueCode::Required,
            format!("{place}.resource"),
            "Posten ska innehålla en resurs.",
            "The entry must hold a resource.",
        )
    })?;
    let id = match url_id {
        None => Uuid::now_v7().to_string(),
        Some(id) => {
            content::require_same_id(kind, resource.get("id").and_then(Value::as_str), id)
                .map_err(|problem| problem.in_entry(index))?;
            id.to_owned()
        }
    };
    Ok(Entry {
        index,
        kind,
        id,
        full_url,
        put,
        resource,
    })
}

/// Reads an entry's resource by the same strict reading as a single write.
fn order(version: FhirVersion, entry: Entry, own_bases: &[String]) -> Result<Order, Problem> {
    let Entry {
        index,
        kind,
        id,
        put,
        resource,
        ..
    } = entry;
    let prepared = content::check(version, kind.name(), &resource)
        .and_then(|()| Content::new(version, kind, resource, own_bases).prepare(&id))
        .map_err(|problem| problem.in_entry(index))?;
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
        let twice = !seen.insert((entry.kind, entry.id.as_str()));
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

/// `place` is the entry's resource, `path` the reference below it.
fn unresolved_fault(place: &str, path: &str) -> Fault {
    Fault {
        code: IssueCode::NotFound,
        expression: format!("{place}.{path}"),
        text: Text::new(
            "Referensen pekar inte på någon post i transaktionen, eller är villkorad (stöds inte ännu).",
            "The reference points at no entry of the transaction, or is conditional (not supported yet).",
        ),
    }
}

fn fault(code: IssueCode, expression: String, sv: &'static str, en: &'static str) -> Problem {
    Problem::fault(code, expression, Text::new(sv, en))
}
