//! What `_include` and `_revinclude` ask for (search.html#include): along which references other resources come with the
//! matches. The parser makes an [`Include`] of each pair; the store follows its joins (`store/search/include.rs`).

use serde_json::Value;

use super::canonical;
use super::extract;
use super::parameters::{self, Kind, Parameter};
use super::paths;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// One `_include` or `_revinclude`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// `_revinclude`: not what is referred to, but what refers.
    pub reverse: bool,
    /// `:iterate`: it counts for what is included too, not only for the matches.
    pub iterate: bool,
    /// Several for a wildcard.
    pub joins: Vec<Join>,
}

/// One search parameter as a way from a resource to those it refers to, or back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The type that holds the reference.
    pub source: ResourceType,
    /// The parameter's name in the index.
    pub index: &'static str,
    /// Where the references stand in the stored resource; or, when `shown_from` is not empty, in what R4 shows of it.
    pub paths: &'static [&'static str],
    pub shown_from: &'static [&'static str],
    /// Canonical addresses instead of references ([`super::canonical`]).
    pub canonical: bool,
    /// The types that count as targets; empty means any.
    pub targets: Vec<&'static str>,
}

impl Join {
    fn of(source: ResourceType, parameter: &'static Parameter, target: Option<ResourceType>) -> Join {
        Join {
            source,
            index: parameter.index,
            paths: parameter.paths,
            shown_from: parameter.shown_from,
            canonical: parameter.kind == Kind::Canonical,
            targets: target.map_or_else(|| parameter.targets.to_vec(), |target| vec![target.name()]),
        }
    }

    /// Whether a reference to this type counts.
    pub fn leads_to(&self, kind: ResourceType) -> bool {
        let may_be = !self.canonical || kind == canonical::NAMED;
        may_be && (self.targets.is_empty() || self.targets.contains(&kind.name()))
    }

    /// The local references of a stored resource that count, each with the version it names.
    pub fn references(&self, resource: &Value) -> Vec<(ResourceType, String, Option<i64>)> {
        let shown;
        let resource = if self.shown_from.is_empty() {
            resource
        } else {
            shown = extract::as_shown_in_r4(self.source, resource);
            &shown
        };
        let elements = self.paths.iter().flat_map(|path| paths::walk(resource, path));
        let literals = elements.filter_map(|element| element.get("reference").and_then(Value::as_str));
        literals
            .filter_map(extract::local_version)
            .filter(|(kind, _, _)| self.leads_to(*kind))
            .collect()
    }

    /// The canonical names that a stored resource states here.
    pub fn names(&self, resource: &Value) -> Vec<String> {
        let elements = self.paths.iter().flat_map(|path| paths::walk(resource, path));
        elements
            .filter_map(|element| canonical::stated(element.as_str()?))
            .collect()
    }
}

/// The joins of `[type]:[parameter]`, `[type]:*` or `*`, each perhaps with `:[type]` for the target; `None` for what is not
/// such a value, or names what there is not.
pub fn joins(version: FhirVersion, value: &str) -> Option<Vec<Join>> {
    let parts: Vec<&str> = value.split(':').collect();
    let (sources, code, target) = match parts[..] {
        ["*"] => (ResourceType::ALL, "*", None),
        ["*", "*"] => (ResourceType::ALL, "*", None),
        [source, code] => (slice_of(ResourceType::from_name(source)?), code, None),
        [source, code, target] => (slice_of(ResourceType::from_name(source)?), code, Some(target)),
        _ => return None,
    };
    let mut joins = Vec::new();
    let mut found = code == "*" && target.is_none();
    for source in sources.iter().copied() {
        for parameter in of_references(version, source).filter(|parameter| code == "*" || parameter.code == code) {
            let fits = target.is_none_or(|target| parameter.may_target(target) && extract::is_type_name(target));
            found |= fits;
            match target.map(ResourceType::from_name) {
                None => joins.push(Join::of(source, parameter, None)),
                Some(Some(target)) if fits => joins.push(Join::of(source, parameter, Some(target))),
                // A type that is not stored on its own: nothing can be included.
                Some(_) => {}
            }
        }
    }
    found.then_some(joins)
}

fn slice_of(kind: ResourceType) -> &'static [ResourceType] {
    let at = ResourceType::ALL
        .iter()
        .position(|one| *one == kind)
        .unwrap_or_default();
    &ResourceType::ALL[at..=at]
}

/// The parameters of a type that lead to other resources.
fn of_references(version: FhirVersion, kind: ResourceType) -> impl Iterator<Item = &'static Parameter> {
    parameters::parameters(version, kind).filter(|parameter| match parameter.kind {
        Kind::Reference => true,
        // Profiles are the service's own, or others'.
        Kind::Canonical => parameter.code != "_profile",
        _ => false,
    })
}

/// The canonical names that a stored resource states anywhere a search parameter looks.
pub fn all_names(kind: ResourceType, resource: &Value) -> Vec<String> {
    let leading = parameters::indexed(kind)
        .filter(|parameter| parameter.kind == Kind::Canonical && parameter.may_target(canonical::NAMED.name()));
    leading
        .flat_map(|parameter| Join::of(kind, parameter, None).names(resource))
        .collect()
}

/// What `_include` takes on a search of a type: `CareTeam:participant`, …; for the CapabilityStatement.
pub fn includes_of(version: FhirVersion, kind: ResourceType) -> Vec<String> {
    let own = of_references(version, kind).map(|parameter| format!("{kind}:{}", parameter.code));
    ["*".to_owned(), format!("{kind}:*")].into_iter().chain(own).collect()
}

/// What `_revinclude` takes on a search of a type: the parameters of every type that may lead to it.
pub fn reverse_includes_of(version: FhirVersion, kind: ResourceType) -> Vec<String> {
    let sources = ResourceType::ALL.iter().copied();
    let leading = sources.flat_map(|source| of_references(version, source).map(move |parameter| (source, parameter)));
    leading
        .filter(|(source, parameter)| Join::of(*source, parameter, None).leads_to(kind))
        .map(|(source, parameter)| format!("{source}:{}", parameter.code))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(version: FhirVersion, value: &str) -> Option<Vec<String>> {
        let joins = joins(version, value)?;
        Some(
            joins
                .iter()
                .map(|join| format!("{}.{}", join.source, join.index))
                .collect(),
        )
    }

    #[test]
    fn one_parameter_all_of_a_type_or_everything() {
        for version in FhirVersion::ALL {
            assert_eq!(
                names(version, "CarePlan:care-team"),
                Some(vec!["CarePlan.care-team".to_owned()])
            );
            assert!(names(version, "CarePlan:*").unwrap().len() > 8);
            assert!(names(version, "*").unwrap().len() > 80);
            for wrong in [
                "",
                "CarePlan",
                "care-team",
                "CarePlan:",
                "CarePlan:nothing",
                "CarePlan:status",
                "Observation:subject",
                "CarePlan:care-team:Patient",
                "CarePlan:care-team:",
                "CarePlan:care-team:CareTeam:x",
                "*:care-team",
                "CareTeam:subject:patient",
            ] {
                assert_eq!(names(version, wrong), None, "{wrong}");
            }
        }
        assert_eq!(names(FhirVersion::R4, "CarePlan:custodian"), None);
        // A Group is a target, but none is stored.
        assert_eq!(names(FhirVersion::R5, "CareTeam:subject:Group"), Some(vec![]));
    }

    #[test]
    fn the_target_may_be_narrowed() {
        let joins = joins(FhirVersion::R5, "CareTeam:participant:PractitionerRole").unwrap();
        assert!(joins[0].leads_to(ResourceType::PractitionerRole) && !joins[0].leads_to(ResourceType::Practitioner));
        let team = json!({ "participant": [
            { "member": { "reference": "PractitionerRole/a" } },
            { "member": { "reference": "PractitionerRole/b/_history/3" } },
            { "member": { "reference": "Practitioner/c" } },
            { "member": { "reference": "http://annan.se/PractitionerRole/d" } },
            { "member": { "reference": "#e" } },
            { "member": { "display": "f" } },
        ] });
        let role = ResourceType::PractitionerRole;
        assert_eq!(
            joins[0].references(&team),
            [(role, "a".to_owned(), None), (role, "b".to_owned(), Some(3))]
        );
    }

    #[test]
    fn every_include_that_is_told_of_is_read() {
        for version in FhirVersion::ALL {
            for kind in ResourceType::ALL.iter().copied() {
                let all = includes_of(version, kind)
                    .into_iter()
                    .chain(reverse_includes_of(version, kind));
                for value in all {
                    assert!(joins(version, &value).is_some(), "{version} {value}");
                }
            }
        }
        let of_team = reverse_includes_of(FhirVersion::R5, ResourceType::CareTeam);
        assert!(of_team.contains(&"CarePlan:care-team".to_owned()));
        assert!(of_team.contains(&"Provenance:target".to_owned()));
        assert!(!of_team.contains(&"CarePlan:goal".to_owned()));
    }
}
