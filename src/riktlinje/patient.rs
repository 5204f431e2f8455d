//! Which Patient resources are one person (GEN-01): joined by `Patient.link`, or by the same personnummer or
//! samordningsnummer. A reserve number joins nobody. The door locks all of them, in id order.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Patient, Reference};

use crate::fhir::identifiers::equivalent_systems;
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;

use super::identity::Personregister;
use super::underlag::{Underlag, folj};

/// The ids of the patients that are one with this one, itself included, sorted.
pub fn samma_patient<U: Underlag>(patient_id: &str, underlag: &mut U) -> Result<Vec<String>, U::Error> {
    let mut joined: BTreeMap<String, ()> = BTreeMap::new();
    let mut waiting = vec![patient_id.to_owned()];
    while let Some(id) = waiting.pop() {
        if joined.insert(id.clone(), ()).is_some() {
            continue;
        }
        let to_it = Reference {
            reference: Some(format!("Patient/{id}")),
            ..Reference::default()
        };
        if let Some(fact) = underlag.folj(&to_it)?
            && let Fact::Patient(patient) = fact.as_ref()
        {
            waiting.extend(linked(patient));
            waiting.extend(same_number(patient, underlag)?);
        }
        waiting.extend(ids(underlag.patienter_som_lankar(&id)?));
    }
    Ok(joined.into_keys().collect())
}

/// The patients that are one with the subject of a resource; empty when the subject cannot be told.
pub fn samma_som<U: Underlag>(
    subject: Option<&Reference>,
    within: &Fact,
    underlag: &mut U,
) -> Result<Vec<String>, U::Error> {
    let Some(subject) = subject else { return Ok(Vec::new()) };
    if let Some((ResourceType::Patient, id)) = subject.reference.as_deref().and_then(local) {
        return samma_patient(id, underlag);
    }
    if let Some(found) = folj(underlag, subject, within)?
        && let Fact::Patient(patient) = found.fact.as_ref()
        && !subject.is_contained()
    {
        return samma_patient(&patient.head.id, underlag);
    }
    // A logical reference: whoever carries the number.
    let Some(identifier) = subject.identifier.as_deref() else {
        return Ok(Vec::new());
    };
    let logical = Patient {
        identifiers: vec![identifier.clone()],
        ..Patient::default()
    };
    let mut all = Vec::new();
    for id in same_number(&logical, underlag)? {
        all.extend(samma_patient(&id, underlag)?);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn linked(patient: &Patient) -> impl Iterator<Item = String> {
    patient
        .links
        .iter()
        .filter_map(|link| match link.other.reference.as_deref().and_then(local) {
            Some((ResourceType::Patient, id)) => Some(id.to_owned()),
            _ => None,
        })
}

fn same_number<U: Underlag>(patient: &Patient, underlag: &mut U) -> Result<Vec<String>, U::Error> {
    let mut found = Vec::new();
    for identifier in &patient.identifiers {
        if let (Some(system), Some(value)) = (identifier.system.as_deref(), identifier.value.as_deref())
            && let Some(register) = Personregister::of(system)
            && !value.trim().is_empty()
        {
            found.extend(ids(underlag.med_identifierare(
                ResourceType::Patient,
                &equivalent_systems(register.system()),
                value,
            )?));
        }
    }
    Ok(found)
}

fn ids(facts: Vec<Arc<Fact>>) -> Vec<String> {
    facts
        .iter()
        .map(|fact| fact.id().to_owned())
        .filter(|id| !id.is_empty())
        .collect()
}
