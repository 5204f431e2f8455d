//! The parameter table against HL7's own definitions (search_parameters.tsv) and against the R5 element tables.

use std::collections::BTreeSet;

use fastkontakt::fhir::elements::{CodeList, elements};
use fastkontakt::fhir::search::compartments::{COMPARTMENTS, definition, members};
use fastkontakt::fhir::search::parameters::{Kind, Parameter, find, parameters};
use fastkontakt::fhir::search::paths::segments;
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::fhir::version::FhirVersion;

const HL7: &str = include_str!("fixtures/search_parameters.tsv");

/// version, type, name, search type, definition.
fn definitions() -> impl Iterator<Item = [&'static str; 5]> {
    HL7.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        <[&str; 5]>::try_from(fields).unwrap_or_else(|_| panic!("{line}"))
    })
}

#[test]
fn every_parameter_is_one_of_hl7_with_its_type_and_definition() {
    for version in FhirVersion::ALL {
        for kind in ResourceType::ALL.iter().copied() {
            for parameter in parameters(version, kind).filter(|parameter| !parameter.code.starts_with('_')) {
                let defined = definitions().find(|d| d[..3] == [version.name(), kind.name(), parameter.code]);
                if parameter.is_own() {
                    assert_eq!(defined, None, "{kind} {version}: HL7 has {} too", parameter.code);
                    continue;
                }
                let Some([.., search_type, definition]) = defined else {
                    panic!("{kind} {version}: HL7 has no parameter {}", parameter.code)
                };
                assert_eq!(
                    parameter.kind.search_type(),
                    search_type,
                    "{kind} {version} {}",
                    parameter.code
                );
                assert_eq!(
                    parameter.definition(version),
                    definition,
                    "{kind} {version} {}",
                    parameter.code
                );
            }
        }
    }
}

#[test]
fn no_parameter_of_hl7_is_forgotten() {
    for [version_name, type_name, code, _, _] in definitions() {
        let version = FhirVersion::ALL
            .into_iter()
            .find(|v| v.name() == version_name)
            .expect("a version");
        let kind = ResourceType::from_name(type_name).expect("a type");
        assert!(find(version, kind, code).is_some(), "{type_name} {code} in {version}");
    }
}

/// What is compared, and where it stands: of a pair each of its two.
fn values(parameter: &'static Parameter) -> Vec<(&'static Parameter, String)> {
    let paths = parameter.paths.iter();
    match parameter.parts {
        [] => paths.map(|path| (parameter, (*path).to_owned())).collect(),
        parts => paths
            .flat_map(|outer| parts.iter().map(move |part| (outer, part)))
            .flat_map(|(outer, part)| part.paths.iter().map(move |inner| (part, format!("{outer}.{inner}"))))
            .collect(),
    }
}

/// The first of a pair is a part of its name in the index, so that it must be compared whole.
#[test]
fn a_pair_begins_with_what_is_compared_whole() {
    let kinds = ResourceType::ALL.iter().copied();
    let all = kinds.flat_map(|kind| {
        FhirVersion::ALL
            .into_iter()
            .flat_map(move |version| parameters(version, kind))
    });
    let pairs: Vec<_> = all.filter(|parameter| parameter.kind == Kind::Composite).collect();
    assert_eq!(pairs.len(), 5);
    for pair in pairs {
        let [first, second] = pair.parts else {
            panic!("{}", pair.code)
        };
        assert!(first.kind == Kind::Concept || (first.kind == Kind::Reference && !first.targets.is_empty()));
        let known = [Kind::Concept, Kind::Reference, Kind::Date, Kind::Quantity];
        assert!(known.contains(&second.kind), "{}", pair.code);
    }
}

#[test]
fn every_path_leads_to_an_element_of_the_right_type() {
    for kind in ResourceType::ALL.iter().copied() {
        for parameter in FhirVersion::ALL
            .into_iter()
            .flat_map(|version| parameters(version, kind))
        {
            let tables = elements(match parameter.shown_from {
                [] => FhirVersion::R5,
                _ => FhirVersion::R4,
            });
            for (value, path) in values(parameter) {
                let mut type_name = kind.name().to_owned();
                let mut targets = Vec::new();
                for (name, _) in segments(&path) {
                    let element = tables
                        .type_(&type_name)
                        .and_then(|table| table.get(name))
                        .unwrap_or_else(|| panic!("{kind} {path}: {type_name} has no {name}"));
                    type_name = element.type_name.clone();
                    targets = element.targets.clone();
                }
                let allowed: &[&str] = match value.kind {
                    Kind::Code(_) => &["code"],
                    Kind::Boolean => &["boolean"],
                    Kind::Exists => &["boolean", "dateTime"],
                    Kind::Concept => &["CodeableConcept", "Coding"],
                    Kind::Identifier => &["Identifier"],
                    Kind::Contact => &["ContactPoint"],
                    Kind::Text => &["string"],
                    Kind::String => &["string", "markdown"],
                    Kind::Quantity => &["Age", "Duration", "Quantity", "Range"],
                    Kind::Uri => &["uri"],
                    Kind::Reference | Kind::CareUnit | Kind::CareGiver => &["Reference"],
                    Kind::Canonical | Kind::CanonicalUri => &["canonical"],
                    Kind::Date => &["date", "dateTime", "instant", "Period", "Timing"],
                    Kind::Id | Kind::LastUpdated | Kind::Composite => &[],
                };
                assert!(
                    allowed.contains(&type_name.as_str()),
                    "{kind} {}: {path} is a {type_name}",
                    parameter.code
                );
                let missed = targets.iter().find(|target| {
                    !value.may_target(target)
                        && value.index == value.code
                        && !["patient", "group", "care-manager", "consentor"].contains(&value.code)
                });
                assert_eq!(missed, None, "{kind} {}: may also point at this", parameter.code);
            }
        }
    }
}

/// Otherwise an R4 caller who asks for what it is shown (`finished`) would find nothing.
#[test]
fn codes_that_are_others_in_r4_have_a_row_of_their_own_there() {
    let codes = |version: FhirVersion, kind: ResourceType, path: &str| -> Option<BTreeSet<String>> {
        let tables = elements(version);
        let (parent, name) = match path.rsplit_once('.') {
            Some((parent, name)) => (format!("{kind}.{parent}"), name),
            None => (kind.name().to_owned(), path),
        };
        let key = tables.type_(&parent)?.get(name)?.codes.as_deref()?;
        match tables.codes(key)? {
            CodeList::Listed(systems) => Some(systems.values().flatten().cloned().collect()),
            CodeList::Grammar { .. } => None,
        }
    };
    let mut apart = Vec::new();
    for kind in ResourceType::ALL.iter().copied() {
        for parameter in parameters(FhirVersion::R4, kind) {
            let [path] = parameter.paths else { continue };
            let [in_r4, in_r5] = [FhirVersion::R4, FhirVersion::R5].map(|version| codes(version, kind, path));
            let differ = in_r4.is_some() && in_r4 != in_r5;
            match (parameter.kind, parameter.shown_from) {
                (Kind::Code(_), []) => assert!(!differ, "{kind} {}", parameter.code),
                (Kind::Code(_), _) => {
                    assert!(differ && !path.contains('.'), "{kind} {}", parameter.code);
                    apart.push(format!("{kind} {}", parameter.code));
                }
                _ => {}
            }
        }
    }
    assert_eq!(
        apart,
        [
            "CarePlan intent",
            "Consent status",
            "Encounter status",
            "Questionnaire subject-type"
        ]
    );
}

const HL7_COMPARTMENTS: &str = include_str!("fixtures/compartments.tsv");

#[test]
fn compartments_are_those_of_hl7() {
    for version in FhirVersion::ALL {
        let mut ours = BTreeSet::new();
        for of in COMPARTMENTS {
            for (kind, params) in members(version, of) {
                let params = match (version, of, kind) {
                    // R4 forgot that a patient lies in the patient's own compartment.
                    (FhirVersion::R4, ResourceType::Patient, ResourceType::Patient) => "link".to_owned(),
                    _ => params.join(","),
                };
                ours.insert(format!("{version}\t{of}\t{kind}\t{params}\t{}", definition(of)));
            }
        }
        let lines = HL7_COMPARTMENTS.lines().filter(|line| line.starts_with(version.name()));
        let theirs: BTreeSet<String> = lines.map(str::to_owned).collect();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn every_parameter_of_a_compartment_is_a_reference_to_its_owner() {
    for version in FhirVersion::ALL {
        for of in COMPARTMENTS {
            for (kind, name) in
                members(version, of).flat_map(|(kind, params)| params.iter().map(move |name| (kind, *name)))
            {
                let Some(parameter) = find(version, kind, name) else {
                    assert_eq!(name, "{def}", "{kind}");
                    continue;
                };
                assert!(
                    parameter.kind == Kind::Reference && parameter.may_target(of.name()),
                    "{kind} {name} {of}"
                );
            }
        }
    }
}
