//! The compartments (compartmentdefinition.html): which resources belong to a patient, a practitioner, a related person or
//! an encounter, told by parameters of the search table. As HL7's CompartmentDefinitions have it for our types (packages
//! hl7.fhir.r4.core 4.0.1 and hl7.fhir.r5.core 5.0.0); a parameter that we do not have leads nowhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::fhir::types::ResourceType::{self, *};
use crate::fhir::version::FhirVersion;

use super::parameters::{self, Kind};
use super::query::{Criterion, ReferenceValue};
use super::values;

/// The types whose resources have a compartment.
pub const COMPARTMENTS: [ResourceType; 4] = [Patient, Practitioner, RelatedPerson, Encounter];

/// Stands where the resource that the compartment is named after lies in it itself.
const DEF: &str = "{def}";

/// One type in one compartment: the parameters by which a resource lies in it, any of them.
struct Row {
    of: ResourceType,
    kind: ResourceType,
    in_r4: &'static [&'static str],
    in_r5: &'static [&'static str],
}

const fn row(of: ResourceType, kind: ResourceType, params: &'static [&'static str]) -> Row {
    differ(of, kind, params, params)
}

const fn differ(
    of: ResourceType,
    kind: ResourceType,
    in_r4: &'static [&'static str],
    in_r5: &'static [&'static str],
) -> Row {
    Row { of, kind, in_r4, in_r5 }
}

// One row a line.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    row(Patient, Appointment, &["actor"]),
    differ(Patient, CarePlan, &["patient", "performer"], &["patient"]),
    row(Patient, CareTeam, &["patient", "participant"]),
    row(Patient, Communication, &["subject", "sender", "recipient"]),
    differ(Patient, Condition, &["patient", "asserter"], &["patient", "participant-actor"]),
    differ(Patient, Consent, &["patient"], &["subject"]),
    row(Patient, Encounter, &["patient"]),
    row(Patient, EpisodeOfCare, &["patient"]),
    row(Patient, Flag, &["patient"]),
    row(Patient, Goal, &["patient"]),
    // R4's definition leaves the patient itself out, as the one compartment that does; R5 has mended it.
    row(Patient, Patient, &[DEF, "link"]),
    row(Patient, Provenance, &["patient"]),
    row(Patient, QuestionnaireResponse, &["subject", "author"]),
    row(Patient, RelatedPerson, &["patient"]),
    row(Patient, ServiceRequest, &["subject", "performer"]),
    differ(Patient, Task, &[], &["patient", "focus"]),

    row(Practitioner, Appointment, &["actor"]),
    differ(Practitioner, CarePlan, &["performer"], &[]),
    row(Practitioner, CareTeam, &["participant"]),
    row(Practitioner, Communication, &["sender", "recipient"]),
    differ(Practitioner, Condition, &["asserter"], &["participant-actor"]),
    row(Practitioner, Encounter, &["practitioner", "participant"]),
    row(Practitioner, EpisodeOfCare, &["care-manager"]),
    row(Practitioner, Flag, &["author"]),
    row(Practitioner, Patient, &["general-practitioner"]),
    row(Practitioner, Practitioner, &[DEF]),
    row(Practitioner, PractitionerRole, &["practitioner"]),
    row(Practitioner, Provenance, &["agent"]),
    row(Practitioner, QuestionnaireResponse, &["author", "source"]),
    row(Practitioner, ServiceRequest, &["performer", "requester"]),

    row(RelatedPerson, Appointment, &["actor"]),
    differ(RelatedPerson, CarePlan, &["performer"], &[]),
    row(RelatedPerson, CareTeam, &["participant"]),
    row(RelatedPerson, Communication, &["sender", "recipient"]),
    differ(RelatedPerson, Condition, &["asserter"], &["participant-actor"]),
    row(RelatedPerson, Encounter, &["participant"]),
    row(RelatedPerson, Patient, &["link"]),
    row(RelatedPerson, Provenance, &["agent"]),
    row(RelatedPerson, QuestionnaireResponse, &["author", "source"]),
    row(RelatedPerson, RelatedPerson, &[DEF]),
    row(RelatedPerson, ServiceRequest, &["performer"]),

    row(Encounter, CarePlan, &["encounter"]),
    differ(Encounter, CareTeam, &["encounter"], &[]),
    row(Encounter, Communication, &["encounter"]),
    row(Encounter, Condition, &["encounter"]),
    row(Encounter, Encounter, &[DEF]),
    row(Encounter, QuestionnaireResponse, &["encounter"]),
    row(Encounter, ServiceRequest, &["encounter"]),
];

/// The canonical of HL7's CompartmentDefinition.
pub fn definition(of: ResourceType) -> String {
    let (first, rest) = of.name().split_at(1);
    format!(
        "http://hl7.org/fhir/CompartmentDefinition/{}{rest}",
        first.to_ascii_lowercase()
    )
}

/// The types that may lie in a compartment, each with the parameters that tell.
pub fn members(
    version: FhirVersion,
    of: ResourceType,
) -> impl Iterator<Item = (ResourceType, &'static [&'static str])> {
    TABLE
        .iter()
        .filter(move |row| row.of == of)
        .map(move |row| match version {
            FhirVersion::R4 => (row.kind, row.in_r4),
            FhirVersion::R5 => (row.kind, row.in_r5),
        })
        .filter(|(_, params)| !params.is_empty())
}

/// Every reference by which a resource of a type lies in a compartment, in either version: names in the index.
pub fn references(of: ResourceType) -> BTreeMap<ResourceType, BTreeSet<&'static str>> {
    let mut found: BTreeMap<ResourceType, BTreeSet<&'static str>> = BTreeMap::new();
    for version in FhirVersion::ALL {
        for (kind, params) in members(version, of) {
            let named = params.iter().filter_map(|name| parameters::find(version, kind, name));
            let named = named.filter(|parameter| parameter.kind == Kind::Reference);
            found
                .entry(kind)
                .or_default()
                .extend(named.map(|parameter| parameter.index));
        }
    }
    found.retain(|_, params| !params.is_empty());
    found
}

/// That a resource of a type lies in the compartment; `None` when none of the type may.
pub(super) fn criterion(
    version: FhirVersion,
    (of, id): (ResourceType, &str),
    kind: ResourceType,
    own_bases: &[String],
) -> Option<Criterion> {
    let (_, params) = members(version, of).find(|(member, _)| *member == kind)?;
    let lies_in_it = |name: &&str| {
        if *name == DEF {
            return Some(Criterion::Id {
                any_of: vec![id.to_owned()],
                not: false,
            });
        }
        let parameter = parameters::find(version, kind, name).filter(|parameter| parameter.kind == Kind::Reference)?;
        let owner: ReferenceValue = values::local(vec![of.name().to_owned()], id.to_owned(), own_bases);
        Some(Criterion::Reference {
            param: parameter.index,
            any_of: vec![owner],
        })
    };
    let mut any_of: Vec<Criterion> = params.iter().filter_map(lies_in_it).collect();
    any_of.dedup();
    match any_of.len() {
        1 => any_of.pop(),
        _ => Some(Criterion::Any(any_of)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::search::CARE_DATES;

    #[test]
    fn dates_of_care_are_dates_of_the_type() {
        for (kind, params) in CARE_DATES {
            for name in *params {
                let mut all = FhirVersion::ALL
                    .iter()
                    .flat_map(|version| parameters::parameters(*version, *kind));
                assert!(
                    all.any(|parameter| parameter.index == *name && parameter.kind == Kind::Date),
                    "{kind} {name}"
                );
            }
        }
    }

    #[test]
    fn a_patient_is_referred_to_by_what_either_version_says() {
        let references = references(Patient);
        assert!(references[&Task].contains("focus"));
        assert!(references[&CareTeam].contains("participant") && references[&CareTeam].contains("subject"));
        assert!(references[&Patient].contains("link"));
        assert!(!references.contains_key(&Organization));
    }
}
