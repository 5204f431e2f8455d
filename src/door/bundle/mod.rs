//! A Bundle that is posted to `[base]`: taken apart into entries (`entry.rs`), which are carried out each on its own
//! (batch: `api/bundle/batch.rs` hands each to the interaction that it names) or together (`wanted.rs` understands them,
//! `transaction.rs` plans by a guess, with `target.rs` and, in which order, `ordning.rs`; `together.rs` writes).

pub mod entry;
mod ordning;
mod target;
mod together;
pub mod transaction;
mod wanted;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::content;
use super::problem::Problem;
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::links;
use crate::fhir::modifiers;
use crate::fhir::structure::MOST_FAULTS;
use crate::fhir::version::FhirVersion;
use entry::unknown_method;
pub use entry::{Entry, Method, not_there};
pub use together::Done;
pub use transaction::Reading;

/// What the answers in one Bundle may take together, in bytes.
pub const MOST_ANSWERED: usize = 32 * 1024 * 1024;

/// How many entries a Bundle may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleLimits {
    /// Of a transaction: more keep other writers waiting for too long.
    pub transaction: usize,
    /// Of a batch.
    pub batch: usize,
}

impl Default for BundleLimits {
    fn default() -> Self {
        BundleLimits {
            transaction: 2_000,
            batch: 2_000,
        }
    }
}

/// A Bundle that can be carried out.
pub enum Submitted {
    /// All or nothing.
    Transaction(Vec<Entry>),
    /// Each on its own; an entry that cannot be carried out says why, at its place.
    Batch(Vec<Result<Entry, Problem>>),
}

impl Submitted {
    /// The entries of a transaction; a batch is refused.
    pub fn transaction(self) -> Result<Vec<Entry>, Problem> {
        match self {
            Submitted::Transaction(entries) => Ok(entries),
            Submitted::Batch(_) => Err(not_carried_out(None)),
        }
    }
}

/// Takes a Bundle apart. Addresses under `own_bases` are ours. The resources in it are not looked into yet.
///
/// [`Problem::NotFhir`] when it is no Bundle that can be carried out, [`Problem::NotUnderstood`] when it holds what may turn
/// its meaning round; of a transaction every fault is told, each with its entry. The faults of a batch's entry are that
/// entry's alone.
pub fn read(
    version: FhirVersion,
    bundle: Value,
    limits: &BundleLimits,
    own_bases: &[String],
) -> Result<Submitted, Problem> {
    let kind = bundle.get("type").and_then(Value::as_str);
    let limit = match kind {
        Some("transaction") => limits.transaction,
        Some("batch") => limits.batch,
        other => {
            let refused = not_carried_out(other);
            content::check(version, "Bundle", &bundle)?;
            return Err(refused);
        }
    };
    let is_batch = kind == Some("batch");
    let entries = bundle
        .get("entry")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if entries.len() > limit {
        return Err(fault(
            IssueCode::TooCostly,
            "Bundle.entry".to_owned(),
            Text::new(
                format!("Bundlen får ha högst {limit} poster."),
                format!("The Bundle may have {limit} entries at the most."),
            ),
        ));
    }
    let mut faults = at_their_entries(version, entries);
    if let Err(problem) = content::check(version, "Bundle", &bundle) {
        let Problem::NotFhir(found) = problem else {
            return Err(problem);
        };
        // What the Bundle's invariants say of the whole is told better where it is.
        let told: HashSet<String> = faults.iter().map(|fault| fault.expression.clone()).collect();
        let told_already = |fault: &Fault| match fault.expression.as_str() {
            "Bundle" => fault.code == IssueCode::Invariant && !told.is_empty(),
            place => told.contains(place),
        };
        // No more are told than so many: which other entries of a batch have faults is not known.
        let are_all = found.len() < MOST_FAULTS;
        faults.extend(found.into_iter().filter(|fault| !told_already(fault)));
        if is_batch && !are_all {
            return Err(Problem::NotFhir(faults));
        }
    }
    let mut unknown = modifiers::unknown_around("Bundle", &bundle);
    let entries = match bundle {
        Value::Object(mut members) => match members.shift_remove("entry") {
            Some(Value::Array(entries)) => entries,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    if is_batch {
        return batch_of(entries, faults, unknown, own_bases).map(Submitted::Batch);
    }
    let entries = transaction_of(entries, faults, own_bases)?;
    if unknown.is_empty() {
        return Ok(Submitted::Transaction(entries));
    }
    unknown.truncate(MOST_FAULTS);
    Err(Problem::NotUnderstood(unknown))
}

fn batch_of(
    entries: Vec<Value>,
    faults: Vec<Fault>,
    unknown: Vec<Fault>,
    own_bases: &[String],
) -> Result<Vec<Result<Entry, Problem>>, Problem> {
    let (of_bundle, mut of_entries) = by_entry(faults);
    if !of_bundle.is_empty() {
        return Err(Problem::NotFhir(of_bundle));
    }
    let (of_bundle, mut not_understood) = by_entry(unknown);
    if !of_bundle.is_empty() {
        return Err(Problem::NotUnderstood(of_bundle));
    }
    let mut read: Vec<Result<Entry, Problem>> = entries
        .into_iter()
        .enumerate()
        .map(
            |(index, entry)| match (of_entries.remove(&index), not_understood.remove(&index)) {
                (Some(faults), _) => Err(Problem::NotFhir(faults)),
                (None, Some(unknown)) => Err(Problem::NotUnderstood(unknown)),
                (None, None) => Entry::read(index, entry, own_bases),
            },
        )
        .collect();
    let twice = written_twice(read.iter().filter_map(|entry| entry.as_ref().ok()));
    for (index, fault) in twice {
        read[index] = Err(Problem::NotFhir(vec![fault]));
    }
    Ok(read)
}

/// The faults of the Bundle itself, and those of each entry.
fn by_entry(faults: Vec<Fault>) -> (Vec<Fault>, HashMap<usize, Vec<Fault>>) {
    let (mut of_bundle, mut of_entries) = (Vec::new(), HashMap::<usize, Vec<Fault>>::new());
    for fault in faults {
        match index_in(&fault.expression) {
            Some(index) => of_entries.entry(index).or_default().push(fault),
            None => of_bundle.push(fault),
        }
    }
    (of_bundle, of_entries)
}

fn transaction_of(entries: Vec<Value>, faults: Vec<Fault>, own_bases: &[String]) -> Result<Vec<Entry>, Problem> {
    let mut all = Faults(faults);
    let mut read = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        // What has a fault already is not read for more.
        if all.0.iter().any(|fault| index_in(&fault.expression) == Some(index)) {
            continue;
        }
        if let Some(entry) = all.sort_out(Entry::read(index, entry, own_bases))? {
            read.push(entry);
        }
    }
    all.0
        .extend(written_twice(read.iter()).into_iter().map(|(_, fault)| fault));
    all.none_or_refuse()?;
    Ok(read)
}

/// Refuses the entries of a batch whose resource refers to what another entry creates: each stands on its own
/// (http.html#brules).
pub fn strangers(version: FhirVersion, entries: &mut [Result<Entry, Problem>]) {
    let created: HashMap<String, usize> = entries
        .iter()
        .flatten()
        .filter_map(|entry| Some((entry.method, entry.full_url.clone()?, entry.index)))
        .filter(|(method, url, _)| match method {
            Method::Post => true,
            // What has an address of its own may be there already.
            Method::Put => url.starts_with("urn:"),
            _ => false,
        })
        .map(|(_, url, index)| (url, index))
        .collect();
    if created.is_empty() {
        return;
    }
    for entry in entries {
        let Ok(known) = entry else { continue };
        let index = known.index;
        let Some(resource) = &mut known.resource else { continue };
        let is_another = |reference: &str| created.get(reference).is_some_and(|other| *other != index);
        if let Some(path) = links::first_to(version, resource, is_another) {
            *entry = Err(Problem::fault(
                IssueCode::NotFound,
                format!("Bundle.entry[{index}].resource.{path}"),
                Text::new(
                    "Referensen pekar på en annan post. I en batch står varje post för sig; sänd dem som transaction.",
                    "The reference points at another entry. In a batch each entry stands on its own; send them as a transaction.",
                ),
            ));
        }
    }
}

/// The faults of all entries.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// Keeps the faults and goes on; any other problem ends the reading.
    pub(super) fn sort_out<T>(&mut self, result: Result<T, Problem>) -> Result<Option<T>, Problem> {
        match result {
            Ok(read) => Ok(Some(read)),
            Err(Problem::NotFhir(found)) => {
                self.0.extend(found);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    pub(super) fn none_or_refuse(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::NotFhir(self.0))
        }
    }
}

/// Whether an address of the form `…/[type]/[id]` is another than the resource has by its type and id ("fullUrl SHALL NOT
/// disagree with the id in the resource", bundle.html#Bundle.entry.fullUrl). A create has an id only by chance.
fn disagrees(full_url: &str, resource: &Value) -> bool {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    let mut parts = full_url.rsplit('/');
    match (parts.next(), parts.next(), text("resourceType"), text("id")) {
        (Some(id), Some(kind), Some(own_kind), Some(own_id)) => {
            kind.starts_with(|first: char| first.is_ascii_uppercase()) && (kind, id) != (own_kind, own_id)
        }
        _ => false,
    }
}

/// `Bundle.entry[3].resource` → 3.
fn index_in(expression: &str) -> Option<usize> {
    expression
        .strip_prefix("Bundle.entry[")?
        .split_once(']')?
        .0
        .parse()
        .ok()
}

/// What the Bundle's invariants demand of all entries together (bdl-2, bdl-3c, bdl-4, bdl-7), told at each entry that breaks
/// them: no entry of a batch makes another fail.
fn at_their_entries(version: FhirVersion, entries: &[Value]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut addresses = HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let place = format!("Bundle.entry[{index}]");
        let method = entry.pointer("/request/method").and_then(Value::as_str);
        let (has, demands) = (
            entry.get("resource").is_some(),
            matches!(method, Some("POST" | "PUT" | "PATCH")),
        );
        for (member, is_misplaced) in [("search", true), ("response", version == FhirVersion::R4)] {
            if is_misplaced && entry.get(member).is_some() {
                faults.push(Fault {
                    code: IssueCode::Invariant,
                    expression: format!("{place}.{member}"),
                    text: Text::new(
                        format!("{member} hör inte till en post som ska utföras."),
                        format!("{member} does not belong to an entry that is to be carried out."),
                    ),
                });
            }
        }
        let is_known = method.and_then(Method::from_code).is_some();
        if method.is_some() && !is_known {
            faults.push(unknown_method(index));
        }
        // R4 lets a GET or DELETE have a resource that means nothing; R5 does not.
        if version == FhirVersion::R5 && is_known && !demands && has {
            faults.push(Fault {
                code: IssueCode::Invariant,
                expression: format!("{place}.resource"),
                text: Text::new(
                    "Posten ska ha en resurs bara när metoden är POST, PUT eller PATCH.",
                    "The entry must hold a resource only when its method is POST, PUT or PATCH.",
                ),
            });
        }
        if method.is_some() && demands && !has {
            faults.push(Fault {
                code: IssueCode::Required,
                expression: format!("{place}.resource"),
                text: Text::new("Posten ska innehålla en resurs.", "The entry must hold a resource."),
            });
        }
        if method.is_none() {
            faults.push(Fault {
                code: IssueCode::Required,
                expression: format!("{place}.request"),
                text: Text::new(
                    "Posten ska säga vad som ska göras: request.method och request.url.",
                    "The entry must say what is to be done: request.method and request.url.",
                ),
            });
        }
        let full_url = entry.get("fullUrl").and_then(Value::as_str);
        if method == Some("PUT") && full_url.is_some_and(|url| disagrees(url, &entry["resource"])) {
            faults.push(Fault {
                code: IssueCode::Invalid,
                expression: format!("{place}.fullUrl"),
                text: Text::new(
                    "fullUrl anger en annan resurs än den som posten innehåller: typ och id ska vara desamma.",
                    "fullUrl names another resource than the one that the entry holds: type and id must be the same.",
                ),
            });
        }
        if full_url.is_some_and(|url| !addresses.insert(url)) {
            faults.push(Fault {
                code: IssueCode::Duplicate,
                expression: format!("{place}.fullUrl"),
                text: Text::new(
                    "En tidigare post i samma Bundle har samma fullUrl.",
                    "An earlier entry of the same Bundle has the same fullUrl.",
                ),
            });
        }
    }
    faults
}

/// The entries that write a resource which an earlier entry writes too: the outcome would hang on their order.
fn written_twice<'e>(entries: impl Iterator<Item = &'e Entry>) -> Vec<(usize, Fault)> {
    let mut seen = HashSet::new();
    entries
        .filter(|entry| entry.writes().is_some_and(|target| !seen.insert(target)))
        .map(|entry| (entry.index, duplicate(entry.index)))
        .collect()
}

/// An entry that writes what another one writes.
pub(super) fn duplicate(index: usize) -> Fault {
    Fault {
        code: IssueCode::Duplicate,
        expression: format!("Bundle.entry[{index}]"),
        text: Text::new(
            "En annan post i samma Bundle skriver samma resurs.",
            "Another entry of the same Bundle writes the same resource.",
        ),
    }
}

/// A Bundle that says nothing that could be carried out (http.html#other-bundles).
fn not_carried_out(kind: Option<&str>) -> Problem {
    let text = match kind {
        Some("history") => Text::new(
            "En history-Bundle tas inte emot: versioner uppstår av skrivningar. Sänd skrivningarna som transaction eller batch.",
            "A history Bundle is not taken: versions come of writes. Send the writes as a transaction or a batch.",
        ),
        Some("document" | "message" | "collection") => Text::new(
            "En Bundle av den typen säger inte vad som ska göras med posterna. Sänd dem som transaction eller batch, med request i varje post.",
            "A Bundle of that type does not say what is to be done with its entries. Send them as a transaction or a batch, with a request in each entry.",
        ),
        _ => Text::new(
            "Här tas bara Bundle av typen transaction eller batch emot.",
            "Only a Bundle of type transaction or batch is accepted here.",
        ),
    };
    fault(IssueCode::NotSupported, "Bundle.type".to_owned(), text)
}

fn fault(code: IssueCode, expression: String, text: Text) -> Problem {
    Problem::fault(code, expression, text)
}
