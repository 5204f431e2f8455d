//! From a stored resource (R5 JSON) to its index entries: every indexed row of the parameter table is walked.
//! Called by the door on every write and by `reindex`. A value that is not what the element should be is passed over:
//! structure is checked elsewhere.

use fastkontakt_model::date::FhirDate;
use std::cell::LazyCell;

use serde_json::{Map, Value};

use crate::fhir::convert::shown_in_r4;
use crate::fhir::identifiers::{canonical_system, comparable};
use crate::fhir::types::ResourceType;

use super::literal::{VERSION, target};
use super::parameters::{self, Kind, Parameter};
use super::text::fold;
use super::{IndexEntry, RefTarget, canonical, composite, paths, quantity as quantities, table, units};

/// Every index entry of a resource, sorted, without doubles.
pub fn index(kind: ResourceType, resource: &Value) -> Vec<IndexEntry> {
    let mut entries = Vec::new();
    let in_r4 = LazyCell::new(|| as_shown_in_r4(kind, resource));
    let source = |parameter: &'static Parameter| match parameter.shown_from {
        [] => Some(resource),
        from if from.iter().any(|name| has(resource, name)) => Some(&*in_r4),
        _ => None,
    };
    for parameter in parameters::indexed(kind) {
        let Some(source) = source(parameter) else { continue };
        let elements = parameter.paths.iter().flat_map(|path| paths::walk(source, path));
        match parameter.kind {
            Kind::CareUnit => entries.extend(units::units(resource)),
            Kind::CareGiver => {}
            Kind::Exists => entries.extend(existence(parameter.index, elements)),
            Kind::Date if parameter.cut_by.is_some() => {
                let cut = parameter.cut_by.and_then(|url| day_of_extension(resource, url));
                entries.extend(elements.filter_map(|element| date(parameter.index, element, cut)));
            }
            _ => elements.for_each(|element| index_element(parameter, element, &mut entries)),
        }
    }
    displays(kind, source, &mut entries);
    let names = canonical::names(kind, resource).into_iter();
    entries.extend(names.map(|name| token(canonical::NAMES, None, &name)));
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// The logical id of the patient whose compartment the resource belongs to, when it points at one of ours.
/// What names several belongs to the first: a message about one, to another.
pub fn patient_of(kind: ResourceType, resource: &Value) -> Option<String> {
    if kind == ResourceType::Patient {
        return resource.get("id").and_then(Value::as_str).map(str::to_owned);
    }
    let references = table::patient_paths(kind)
        .iter()
        .flat_map(|path| paths::walk(resource, path));
    references.map(target).find_map(|target| match target {
        RefTarget {
            kind: Some(kind),
            id: Some(id),
            url: None,
        } if kind == ResourceType::Patient.name() => Some(id),
        _ => None,
    })
}

pub(super) fn index_element(parameter: &'static Parameter, element: &Value, entries: &mut Vec<IndexEntry>) {
    let param = parameter.index;
    match parameter.kind {
        Kind::Code(_) => entries.extend(element.as_str().map(|code| token(param, None, code))),
        Kind::Boolean => entries.extend(element.as_bool().map(|flag| token(param, None, truth(flag)))),
        Kind::Concept => index_concept(param, element, entries),
        Kind::Identifier => {
            entries.push(identifier_token(param, element));
            index_type(parameter, element, entries);
        }
        Kind::Quantity => entries.extend(quantity(param, element)),
        Kind::Contact => entries.extend(text(element, "value").map(|value| token(param, None, value))),
        Kind::Text | Kind::Uri => entries.extend(element.as_str().map(|text| token(param, None, text))),
        Kind::Reference => index_reference(parameter, element, entries),
        Kind::Canonical => {
            let literals = element.as_str().into_iter();
            entries.extend(literals.flat_map(|literal| canonical::entries(param, literal)));
        }
        Kind::Date => entries.extend(date(param, element, None)),
        Kind::Composite => composite::entries(parameter, element, entries),
        Kind::String => entries.extend(element.as_str().map(|text| string(param, text))),
        Kind::Id | Kind::LastUpdated | Kind::Exists | Kind::CanonicalUri => {}
        Kind::CareUnit | Kind::CareGiver => {}
    }
}

fn has(resource: &Value, name: &str) -> bool {
    resource.get(name).is_some() || resource.get(format!("_{name}")).is_some()
}

/// What R4's own rows look at, as an R4 caller is shown it: asked of the conversion, which may have kept what R4 said
/// beside R5's.
pub(super) fn as_shown_in_r4(kind: ResourceType, resource: &Value) -> Value {
    let mut part = Map::from_iter([("resourceType".to_owned(), kind.name().into())]);
    for name in parameters::indexed(kind).flat_map(|parameter| parameter.shown_from) {
        for name in [(*name).to_owned(), format!("_{name}")] {
            if let Some(value) = resource.get(&name) {
                part.insert(name, value.clone());
            }
        }
    }
    Value::Object(shown_in_r4(&part))
}

/// What references say of whom they point at (`Reference.display`), for `:text`; under the name of each parameter,
/// because parameters that share their references' entries differ in whom they mean.
fn displays<'r>(
    kind: ResourceType,
    source: impl Fn(&'static Parameter) -> Option<&'r Value>,
    entries: &mut Vec<IndexEntry>,
) {
    let references = parameters::of_any_version(kind).filter(|parameter| parameter.kind == Kind::Reference);
    for (parameter, source) in references.filter_map(|parameter| Some((parameter, source(parameter)?))) {
        for element in parameter.paths.iter().flat_map(|path| paths::walk(source, path)) {
            if let Some(display) = text(element, "display")
                && target(element).kind.is_none_or(|kind| parameter.may_target(&kind))
            {
                entries.push(string(parameter.text_index(), display));
            }
        }
    }
}

/// What an identifier is (`Identifier.type`): for `:of-type` with its value, and for `:text`.
fn index_type(parameter: &'static Parameter, identifier: &Value, entries: &mut Vec<IndexEntry>) {
    let Some(kind) = identifier.get("type") else { return };
    entries.extend(text(kind, "text").map(|words| string(parameter.index, words)));
    let Some(value) = text(identifier, "value") else { return };
    for coding in paths::walk(kind, "coding") {
        if let (Some(system), Some(code)) = (text(coding, "system"), text(coding, "code")) {
            entries.push(token(
                parameter.identifier_index,
                Some(system),
                &format!("{code}|{value}"),
            ));
        }
    }
}

fn quantity(param: &'static str, element: &Value) -> Option<IndexEntry> {
    let (low, high, [system, code, unit]) = quantities::range(element)?;
    Some(IndexEntry::Quantity {
        param,
        low,
        high,
        system: system.map(|system| canonical_system(system).to_owned()),
        code: code.unwrap_or_default().to_owned(),
        unit: unit.unwrap_or_default().to_owned(),
    })
}

/// CodeableConcept (each coding) or Coding; without any code an empty value says that the element is there.
fn index_concept(param: &'static str, element: &Value, entries: &mut Vec<IndexEntry>) {
    let one = std::slice::from_ref(element);
    let codings = match element.get("coding").and_then(Value::as_array) {
        Some(codings) => codings.as_slice(),
        None => one,
    };
    for coding in codings {
        entries.push(token(
            param,
            text(coding, "system"),
            text(coding, "code").unwrap_or_default(),
        ));
        entries.extend(text(coding, "display").map(|words| string(param, words)));
    }
    entries.extend(text(element, "text").map(|words| string(param, words)));
}

fn index_reference(parameter: &'static Parameter, element: &Value, entries: &mut Vec<IndexEntry>) {
    let Some(entry) = reference_entry(parameter.index, element, parameter.targets) else {
        return;
    };
    entries.push(entry);
    if let Some(literal) = text(element, "reference").filter(|literal| literal.contains(VERSION)) {
        entries.push(token(parameter.version_index, None, literal));
    }
    if let Some(identifier) = element.get("identifier").filter(|identifier| identifier.is_object()) {
        entries.push(identifier_token(parameter.identifier_index, identifier));
    }
}

/// A reference, unless it points at none of these types; no types means any.
pub(super) fn reference_entry(param: &'static str, element: &Value, targets: &[&str]) -> Option<IndexEntry> {
    let target = target(element);
    let other = |kind: &str| !targets.is_empty() && !targets.contains(&kind);
    (!target.kind.as_deref().is_some_and(other)).then_some(IndexEntry::Reference { param, target })
}

/// The span of an element, up to `cut` when there is one; nothing when nothing is left.
fn date(param: &'static str, element: &Value, cut: Option<i64>) -> Option<IndexEntry> {
    let (low, high) = span(element)?;
    let high = cut.map_or(high, |cut| high.min(cut));
    (low < high).then_some(IndexEntry::Date { param, low, high })
}

/// The beginning of the day that an extension of the resource states.
fn day_of_extension(resource: &Value, url: &str) -> Option<i64> {
    let extensions = resource.get("extension")?.as_array()?;
    let found = extensions
        .iter()
        .find(|extension| text(extension, "url") == Some(url))?;
    let stated = text(found, "valueDate").or_else(|| text(found, "valueDateTime"))?;
    FhirDate::parse(stated).map(|date| FhirDate::Day(date.first_day()).range().0)
}

fn existence<'a>(param: &'static str, elements: impl Iterator<Item = &'a Value>) -> Option<IndexEntry> {
    let there: Vec<bool> = elements.map(|element| element != &Value::Bool(false)).collect();
    // Absent altogether counts as false, as HL7's expression has it.
    Some(token(param, None, truth(there.contains(&true))))
}

fn truth(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

fn token(param: &'static str, system: Option<&str>, value: &str) -> IndexEntry {
    IndexEntry::Token {
        param,
        system: system.map(|s| canonical_system(s).to_owned()),
        value: value.to_owned(),
    }
}

fn string(param: &'static str, text: &str) -> IndexEntry {
    IndexEntry::String {
        param,
        folded: fold(text),
        text: text.to_owned(),
    }
}

pub(super) fn identifier_token(param: &'static str, identifier: &Value) -> IndexEntry {
    let (system, value) = (
        text(identifier, "system"),
        text(identifier, "value").unwrap_or_default(),
    );
    token(param, system, &comparable(system.unwrap_or_default(), value))
}

fn text<'a>(object: &'a Value, member: &str) -> Option<&'a str> {
    object.get(member).and_then(Value::as_str)
}

/// date, dateTime, instant, Period (open ends infinite) or Timing (from its first event to its last, or its bounds).
/// [low, high) of a date, a period or a timing, in microseconds; `None` when it tells no time, or ends before it begins.
pub fn span(element: &Value) -> Option<(i64, i64)> {
    if let Some(literal) = element.as_str() {
        return FhirDate::parse(literal).map(|date| date.range());
    }
    let period = period(element);
    if period.is_some() {
        return period;
    }
    let events = paths::walk(element, "event").into_iter().filter_map(span);
    let bounds = paths::walk(element, "repeat.boundsPeriod").into_iter().filter_map(span);
    events
        .chain(bounds)
        .reduce(|(low, high), (l, h)| (low.min(l), high.max(h)))
}

fn period(element: &Value) -> Option<(i64, i64)> {
    let end_of = |member| text(element, member).and_then(FhirDate::parse).map(|date| date.range());
    match (end_of("start"), end_of("end")) {
        (None, None) => None,
        (start, end) => {
            let (low, high) = (
                start.map_or(i64::MIN, |(low, _)| low),
                end.map_or(i64::MAX, |(_, high)| high),
            );
            // A period that ends before it begins is no period (per-1).
            (low < high).then_some((low, high))
        }
    }
}

#[cfg(test)]
mod tests;
