//! From a stored resource (R5 JSON) to its index entries: every indexed row of the parameter table is walked.
//! Called by the door on every write and by `reindex`. A value that is not what the element should be is passed over:
//! structure is checked elsewhere.

use fastkontakt_model::date::FhirDate;
use std::cell::LazyCell;

use serde_json::{Map, Value};

use crate::fhir::convert::shown_in_r4;
use crate::fhir::identifiers::canonical_system;
use crate::fhir::types::ResourceType;

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
/// An appointment with several patients belongs to the first.
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
    token(
        param,
        text(identifier, "system"),
        text(identifier, "value").unwrap_or_default(),
    )
}

fn text<'a>(object: &'a Value, member: &str) -> Option<&'a str> {
    object.get(member).and_then(Value::as_str)
}

/// Where a Reference points; its stated `type` helps where the literal does not tell.
fn target(reference: &Value) -> RefTarget {
    let stated = text(reference, "type")
        .and_then(|kind| kind.rsplit('/').next())
        .filter(|kind| is_type_name(kind));
    let literal = text(reference, "reference").filter(|literal| !literal.starts_with('#'));
    let mut target = literal.map(parse_literal).unwrap_or_default();
    if target.kind.is_none() {
        target.kind = stated.map(str::to_owned);
    }
    target
}

/// `Type/id`, an absolute URL ending so, or any other URL; a version at the end is left out, as search ignores it.
pub(super) fn parse_literal(literal: &str) -> RefTarget {
    let literal = literal
        .split_once("/_history/")
        .map_or(literal, |(unversioned, _)| unversioned);
    let absolute = literal.contains(':');
    let mut parts = literal.rsplit('/');
    let (id, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let named = is_type_name(kind) && is_id(id);
    match (named, absolute) {
        (true, true) => RefTarget {
            kind: Some(kind.into()),
            id: Some(id.into()),
            url: Some(literal.into()),
        },
        (true, false) if parts.next().is_none() => RefTarget {
            kind: Some(kind.into()),
            id: Some(id.into()),
            url: None,
        },
        _ => RefTarget {
            kind: None,
            id: None,
            url: Some(literal.into()),
        },
    }
}

/// A local reference (`Type/id`, perhaps with its version) to a type that is stored.
pub(super) fn local_version(literal: &str) -> Option<(ResourceType, String, Option<i64>)> {
    let (unversioned, version) = match literal.split_once("/_history/") {
        Some((unversioned, version)) => (unversioned, Some(version.parse().ok()?)),
        None => (literal, None),
    };
    match parse_literal(unversioned) {
        RefTarget {
            kind: Some(kind),
            id: Some(id),
            url: None,
        } => Some((ResourceType::from_name(&kind)?, id, version)),
        _ => None,
    }
}

/// FHIR's `id`: up to 64 letters, digits, `-` and `.`.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Looks like the name of a resource type: an upper-case letter, then letters.
pub(super) fn is_type_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(|b| b.is_ascii_alphabetic())
}

/// date, dateTime, instant, Period (open ends infinite) or Timing (from its first event to its last, or its bounds).
fn span(element: &Value) -> Option<(i64, i64)> {
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fhir::identifiers::PERSONNUMMER;

    fn tokens(entries: &[IndexEntry], name: &str) -> Vec<(Option<String>, String)> {
        entries
            .iter()
            .filter_map(|entry| match entry {
                IndexEntry::Token { param, system, value } if *param == name => Some((system.clone(), value.clone())),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_fast_kontakt_is_found_by_patient_contact_and_time() {
        let resource = json!({
            "resourceType": "CareTeam", "id": "k1", "status": "active",
            "meta": {"security": [{"system": "s", "code": "NOPATIENT"}]},
            "category": [{"coding": [{"system": "c", "code": "fast-kontakt"}, {"system": "d", "code": "x"}]}, {"text": "fri"}],
            "subject": {"reference": "Patient/p1", "identifier": {"system": "urn:oid:1.2.752.129.2.1.3.1", "value": "191212121212"}},
            "period": {"start": "2024-05-17"},
            "participant": [
                {"member": {"reference": "http://annan.se/fhir/PractitionerRole/r1/_history/3"}},
                {"member": {"type": "Practitioner", "identifier": {"system": "urn:oid:1.2.752.29.4.19", "value": "SE1-A"}}},
            ],
        });
        let entries = index(ResourceType::CareTeam, &resource);
        assert_eq!(tokens(&entries, "status"), [(None, "active".into())]);
        assert_eq!(
            tokens(&entries, "subject:identifier"),
            [(Some(PERSONNUMMER.into()), "191212121212".into())]
        );
        assert_eq!(
            tokens(&entries, "participant:identifier"),
            [(Some("urn:oid:1.2.752.129.2.1.4.1".into()), "SE1-A".into())]
        );
        assert_eq!(tokens(&entries, "category").len(), 3);
        assert!(tokens(&entries, "category").contains(&(None, String::new())));
        assert!(entries.contains(&IndexEntry::Reference {
            param: "participant",
            target: RefTarget {
                kind: Some("PractitionerRole".into()),
                id: Some("r1".into()),
                url: Some("http://annan.se/fhir/PractitionerRole/r1".into()),
            },
        }));
        assert!(entries.iter().any(|e| matches!(
            e,
            IndexEntry::Date {
                param: "date",
                high: i64::MAX,
                ..
            }
        )));
        assert_eq!(patient_of(ResourceType::CareTeam, &resource).as_deref(), Some("p1"));
    }

    #[test]
    fn a_replaced_contact_is_found_as_ended() {
        let dates = |period: Value, day: &str| -> Vec<(i64, i64)> {
            let mark = json!({ "url": super::parameters::EXT_ERSATT_FRAN, "valueDate": day });
            let resource = json!({ "resourceType": "CareTeam", "period": period, "extension": [mark] });
            let entries = index(ResourceType::CareTeam, &resource);
            entries
                .into_iter()
                .filter_map(|entry| match entry {
                    IndexEntry::Date { low, high, .. } => Some((low, high)),
                    _ => None,
                })
                .collect()
        };
        let starts = |day: &str| FhirDate::parse(day).unwrap().range().0;
        let open = json!({ "start": "2020-01-01" });
        assert_eq!(
            dates(open.clone(), "2026-06-01"),
            [(starts("2020-01-01"), starts("2026-06-01"))]
        );
        assert_eq!(
            dates(json!({ "end": "2021" }), "2026-06-01"),
            [(i64::MIN, starts("2022-01-01"))]
        );
        assert_eq!(
            dates(open, "2019-06-01"),
            [],
            "replaced before it began: never in force"
        );
    }

    #[test]
    fn the_compartment_is_a_literal_local_patient_only() {
        for (subject, expected) in [
            (json!({"reference": "Patient/p1"}), Some("p1")),
            (json!({"reference": "Patient/p1/_history/2"}), Some("p1")),
            (json!({"reference": "Group/g"}), None),
            (json!({"reference": "http://annan.se/Patient/p1"}), None),
            (json!({"reference": "#p"}), None),
            (json!({"reference": "a/Patient/p1"}), None),
            (json!({"identifier": {"value": "1"}}), None),
            (json!("Patient/p1"), None),
        ] {
            let found = patient_of(ResourceType::CareTeam, &json!({"subject": subject}));
            assert_eq!(found.as_deref(), expected, "{subject}");
        }
        let appointment =
            json!({"participant": [{"actor": {"reference": "Location/l"}}, {"actor": {"reference": "Patient/b"}}]});
        assert_eq!(
            patient_of(ResourceType::Appointment, &appointment).as_deref(),
            Some("b")
        );
        assert_eq!(
            patient_of(ResourceType::Patient, &json!({"id": "p"})).as_deref(),
            Some("p")
        );
        assert_eq!(patient_of(ResourceType::Organization, &json!({"id": "p"})), None);
    }

    #[test]
    fn a_code_is_found_as_each_version_shows_it() {
        for (code, expected) in [
            ("active", [("status", "active"), ("status:r4", "active")]),
            ("not-done", [("status", "not-done"), ("status:r4", "rejected")]),
        ] {
            let entries = index(
                ResourceType::Consent,
                &json!({"resourceType": "Consent", "status": code}),
            );
            for (param, value) in expected {
                assert_eq!(tokens(&entries, param), [(None, value.to_owned())], "{code}");
            }
        }
        // R4's own code, kept beside R5's nearest.
        let from_r4 = crate::fhir::convert::r4_to_r5(&json!({"resourceType": "Consent", "status": "proposed"}));
        let entries = index(ResourceType::Consent, &from_r4.resource);
        assert_eq!(tokens(&entries, "status"), [(None, "draft".to_owned())]);
        assert_eq!(tokens(&entries, "status:r4"), [(None, "proposed".to_owned())]);
    }

    /// What R4 said and R5 has no place of its own for is found by R4's names.
    #[test]
    fn parameters_of_r4_alone_see_what_r4_shows() {
        let entries = |resource: Value| {
            let kind = ResourceType::from_name(resource["resourceType"].as_str().unwrap()).unwrap();
            index(kind, &crate::fhir::convert::r4_to_r5(&resource).resource)
        };
        let points = |entries: &[IndexEntry], name: &str, place: &str| {
            entries.iter().any(|entry| match entry {
                IndexEntry::Reference {
                    param,
                    target:
                        RefTarget {
                            kind: Some(kind),
                            id: Some(id),
                            ..
                        },
                } => *param == name && format!("{kind}/{id}") == place,
                _ => false,
            })
        };
        let team = entries(json!({"resourceType": "CareTeam", "encounter": {"reference": "Encounter/e"}}));
        assert!(points(&team, "encounter", "Encounter/e"));

        let plan = entries(json!({
            "resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": "Patient/p"},
            "activity": [{"detail": {
                "status": "scheduled", "code": {"coding": [{"system": "http://s", "code": "samtal"}]},
                "scheduledPeriod": {"start": "2026-03-10", "end": "2026-03-11"},
                "performer": [{"reference": "Practitioner/l"}],
            }}],
        }));
        assert_eq!(
            tokens(&plan, "activity-code"),
            [(Some("http://s".to_owned()), "samtal".to_owned())]
        );
        assert!(points(&plan, "performer", "Practitioner/l"));
        assert!(plan.iter().any(|entry| matches!(
            entry,
            IndexEntry::Date {
                param: "activity-date",
                ..
            }
        )));

        let condition = entries(json!({
            "resourceType": "Condition", "subject": {"reference": "Patient/p"},
            "asserter": {"reference": "RelatedPerson/r"}, "recorder": {"reference": "Practitioner/l"},
        }));
        assert!(points(&condition, "asserter", "RelatedPerson/r"));
        assert!(!points(&condition, "asserter", "Practitioner/l"));

        let scope = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]});
        let own = json!({"coding": [{"system": "http://x", "code": "eget"}]});
        for scope in [scope, own] {
            let consent = entries(json!({
                "resourceType": "Consent", "status": "active", "scope": scope, "category": [{"text": "k"}],
                "patient": {"reference": "Patient/p"}, "performer": [{"reference": "RelatedPerson/r"}],
                "organization": [{"reference": "Organization/o"}], "policyRule": {"text": "regel"},
                "provision": {
                    "period": {"start": "2026-01-01"},
                    "actor": [{"role": {"text": "r"}, "reference": {"reference": "Practitioner/rot", "display": "Rot"}}],
                    "action": [{"coding": [{"system": "http://s", "code": "rot"}]}],
                    "securityLabel": [{"system": "http://s", "code": "rot"}],
                    "purpose": [{"system": "http://s", "code": "rot"}],
                    "data": [{"meaning": "instance", "reference": {"reference": "Condition/rot"}}],
                    "provision": [{
                        "period": {"start": "2025-01-01"},
                        "actor": [{"role": {"text": "r"}, "reference": {"reference": "Practitioner/inre", "display": "Inre"}}],
                        "action": [{"coding": [{"system": "http://s", "code": "inre"}]}],
                        "securityLabel": [{"system": "http://s", "code": "inre"}],
                        "purpose": [{"system": "http://s", "code": "inre"}],
                        "data": [{"meaning": "instance", "reference": {"reference": "Condition/inre"}}],
                    }],
                },
            }));
            let code = scope["coding"][0]["code"].as_str().unwrap();
            let scopes = tokens(&consent, "scope");
            assert!(scopes.iter().any(|(_, value)| value == code), "{scopes:?}");
            for (name, place) in [
                ("consentor", "RelatedPerson/r"),
                ("manager", "Organization/o"),
                ("data:r4", "Condition/rot"),
                ("data:r4", "Condition/inre"),
                ("data", "Condition/inre"),
                ("actor:r4", "Practitioner/rot"),
                ("actor:r4", "Practitioner/inre"),
                ("actor", "Practitioner/inre"),
            ] {
                assert!(points(&consent, name, place), "{name} {place}: {consent:?}");
            }
            assert!(
                !points(&consent, "actor", "Practitioner/rot"),
                "R5 has no root provision"
            );
            for name in ["action", "security-label", "purpose"] {
                let codes = |name: &str| tokens(&consent, name).into_iter().map(|(_, code)| code);
                assert_eq!(codes(name).collect::<Vec<_>>(), ["inre"], "{name}");
                assert_eq!(
                    codes(&format!("{name}:r4")).collect::<Vec<_>>(),
                    ["inre", "rot"],
                    "{name}"
                );
            }
            let starts = |name: &str| {
                let dates = consent
                    .iter()
                    .filter(|entry| matches!(entry, IndexEntry::Date { param, .. } if *param == name));
                dates.count()
            };
            assert_eq!((starts("period"), starts("period:r4")), (1, 2));
            let said = |name: &str| {
                let texts = consent.iter().filter_map(|entry| match entry {
                    IndexEntry::String { param, text, .. } if *param == name => Some(text.as_str()),
                    _ => None,
                });
                texts.collect::<Vec<_>>()
            };
            assert_eq!((said("actor"), said("actor:r4")), (vec!["Inre"], vec!["Inre", "Rot"]));
        }

        let marked = json!([{"url": "http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject", "valueBoolean": true}]);
        let answer = |id: &str| json!([{"valueReference": {"reference": format!("RelatedPerson/{id}")}}]);
        let answers = entries(json!({
            "resourceType": "QuestionnaireResponse", "status": "completed",
            "item": [{"linkId": "1", "extension": marked, "answer": answer("a")}, {"linkId": "2", "answer": answer("b")}],
        }));
        assert!(points(&answers, "item-subject", "RelatedPerson/a"));
        assert!(!points(&answers, "item-subject", "RelatedPerson/b"));
    }

    #[test]
    fn a_canonical_is_found_with_and_without_its_version() {
        let answers = json!({"questionnaire": "https://example.org/q|2"});
        let entries = index(ResourceType::QuestionnaireResponse, &answers);
        let addresses: Vec<_> = entries
            .iter()
            .filter_map(|entry| match entry {
                IndexEntry::Reference {
                    param: "questionnaire",
                    target,
                } => target.url.as_deref(),
                _ => None,
            })
            .collect();
        assert_eq!(addresses, ["https://example.org/q", "https://example.org/q|2"]);
    }

    #[test]
    fn values_of_another_shape_are_passed_over() {
        for wrong in [
            json!(null),
            json!(1),
            json!("x"),
            json!([]),
            json!([[]]),
            json!({}),
            json!([null, 1, "x", {"coding": 3}]),
        ] {
            for kind in ResourceType::ALL.iter().copied() {
                let mut resource = json!({});
                for name in [
                    "status",
                    "category",
                    "subject",
                    "period",
                    "participant",
                    "identifier",
                    "meta",
                    "occurrenceTiming",
                    "for",
                    "questionnaire",
                    "url",
                    "version",
                    "subjectType",
                    "_status",
                    "subjectStatus",
                ] {
                    resource[name] = wrong.clone();
                }
                index(kind, &resource);
                patient_of(kind, &resource);
            }
        }
    }
}
