//! Composite parameters (search.html#composite): two values that must hold of the same element.
//!
//! The first is a code or a reference, compared whole. So it is a part of the entry's name in the index, in each way it may
//! be asked for: `context-type-quantity$http://s|age`; what the entry holds is the second value. A pair is then found as
//! any value is, by its name and what its type compares.

use serde_json::Value;

use super::IndexEntry;
use super::extract::index_element;
use super::parameters::Parameter;
use super::paths;
use super::query::{Criterion, ReferenceValue, SystemMatch, Table, TokenValue};

/// The entries of one element that holds the parts of a pair.
pub(super) fn entries(parameter: &'static Parameter, element: &Value, entries: &mut Vec<IndexEntry>) {
    let [first, second] = parameter.parts else { return };
    let seconds = values(second, element);
    for name in values(first, element).iter().flat_map(forms) {
        let pairs = seconds.iter().map(|second| IndexEntry::Pair {
            name: named(parameter, &name),
            second: Box::new(second.clone()),
        });
        entries.extend(pairs);
    }
}

/// What the element holds of one part, without what only the modifiers look at.
fn values(part: &'static Parameter, element: &Value) -> Vec<IndexEntry> {
    let mut found = Vec::new();
    for value in part.paths.iter().flat_map(|path| paths::walk(element, path)) {
        index_element(part, value, &mut found);
    }
    found.retain(|entry| match (entry, part.table()) {
        (IndexEntry::Token { param, .. }, Table::Token) => *param == part.index,
        (IndexEntry::Reference { .. }, Table::Reference)
        | (IndexEntry::Date { .. }, Table::Date)
        | (IndexEntry::Quantity { .. }, Table::Quantity) => true,
        _ => false,
    });
    found
}

fn named(parameter: &Parameter, first: &str) -> String {
    format!("{}{first}", parameter.index)
}

/// The names under which the pairs stand whose first value fulfils the criterion.
pub(super) fn names(parameter: &Parameter, first: &Criterion) -> Vec<String> {
    let forms: Vec<String> = match first {
        Criterion::Token { any_of, .. } => any_of.iter().map(asked_token).collect(),
        Criterion::Reference { any_of, .. } => any_of.iter().flat_map(asked_reference).collect(),
        _ => Vec::new(),
    };
    forms.iter().map(|form| named(parameter, form)).collect()
}

// ── A first value, as it is indexed and as it is asked for ─────────────────────────────────────────────────────────────────

fn forms(first: &IndexEntry) -> Vec<String> {
    match first {
        IndexEntry::Token { system, value, .. } => {
            let system = system.as_deref().unwrap_or_default();
            let mut forms = Vec::with_capacity(3);
            if !value.is_empty() {
                forms.extend([any_system(value), in_system(system, value)]);
            }
            if !system.is_empty() {
                forms.push(in_system(system, ""));
            }
            forms
        }
        IndexEntry::Reference { target, .. } => {
            let place = target.kind.as_ref().zip(target.id.as_ref());
            let local = place.map(|(kind, id)| format!("{kind}/{id}"));
            target.url.clone().or(local).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn asked_token(token: &TokenValue) -> String {
    let value = token.value.as_deref().unwrap_or_default();
    match &token.system {
        SystemMatch::Any => any_system(value),
        SystemMatch::None => in_system("", value),
        SystemMatch::Is(system) => in_system(system, value),
    }
}

fn asked_reference(reference: &ReferenceValue) -> Vec<String> {
    match reference {
        ReferenceValue::Local { kinds, id, own_urls } => {
            let relative = kinds.iter().map(|kind| format!("{kind}/{id}"));
            relative.chain(own_urls.iter().cloned()).collect()
        }
        ReferenceValue::Url(target) => target.url.iter().cloned().collect(),
        ReferenceValue::Canonical(_) => Vec::new(),
    }
}

fn any_system(value: &str) -> String {
    escaped(value)
}

fn in_system(system: &str, value: &str) -> String {
    format!("{}|{}", escaped(system), escaped(value))
}

/// As in a query, so that a `|` within a code is no system.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|")
}
