//! Which Patient resources are one person (GEN-01): joined by `Patient.link`, or by the same personnummer or
//! samordningsnummer. A reserve number joins nobody. The door locks all of them, in id order.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Identifier, Patient, Reference};

use crate::fhir::identifiers::equivalent_systems;
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::personnummer::Personregister;

use super::files::about;
use super::underlag::{Underlag, folj};

/// A reference to a Patient resource of ours.
pub fn till_patient(id: &str) -> Reference {
    Reference {
        reference: Some(format!("Patient/{id}")),
        ..Reference::default()
    }
}

/// Patient resources that are taken to be one person, at the most. A person has some few; links can be made without end, and
/// each is followed inside a write.
const MOST: usize = 25;

/// The ids of the patients that are one with this one, itself included, sorted.
pub fn samma_patient<U: Underlag>(patient_id: &str, underlag: &mut U) -> Result<Vec<String>, U::Error> {
    narmast(patient_id, MOST, underlag)
}

/// Whether more are one with this one than are looked at.
pub fn ar_for_manga<U: Underlag>(patient_id: &str, underlag: &mut U) -> Result<bool, U::Error> {
    Ok(narmast(patient_id, MOST + 1, underlag)?.len() > MOST)
}

/// So many that are one with this one, the nearest first: whom she links to and who has her number, and only then those who say of
/// themselves that they are her. Anybody may make a Patient that does.
fn narmast<U: Underlag>(patient_id: &str, most: usize, underlag: &mut U) -> Result<Vec<String>, U::Error> {
    let mut joined: BTreeSet<String> = BTreeSet::new();
    let (mut near, mut far) = (VecDeque::from([patient_id.to_owned()]), VecDeque::new());
    while joined.len() < most {
        let (id, is_near) = match near.pop_front() {
            Some(id) => (id, true),
            None => match far.pop_front() {
                Some(id) => (id, false),
                None => break,
            },
        };
        if !joined.insert(id.clone()) {
            continue;
        }
        if let Some(fact) = underlag.folj(&till_patient(&id))?
            && let Fact::Patient(patient) = fact.as_ref()
        {
            let next = if is_near { &mut near } else { &mut far };
            next.extend(linked(patient));
            next.extend(same_number(patient, underlag)?);
        }
        far.extend(ids(underlag.patienter_som_lankar(&id)?));
    }
    Ok(joined.into_iter().collect())
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
    // A logical reference, or a contained Patient: whoever carries the number.
    let mut told = Patient {
        identifiers: subject.identifier.iter().map(|it| (**it).clone()).collect(),
        ..Patient::default()
    };
    if let Some(found) = folj(underlag, subject, within)?
        && let Fact::Patient(patient) = found.fact.as_ref()
    {
        if !subject.is_contained() {
            return samma_patient(&patient.head.id, underlag);
        }
        told.identifiers.extend(patient.identifiers.iter().cloned());
        told.links.clone_from(&patient.links);
    }
    let mut all = Vec::new();
    for id in linked(&told).chain(same_number(&told, underlag)?) {
        all.extend(samma_patient(&id, underlag)?);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// Whom a Patient says that it is one with.
pub fn linked(patient: &Patient) -> impl Iterator<Item = String> {
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
    for (register, value) in nummer(patient) {
        let systems = equivalent_systems(register.system());
        found.extend(ids(underlag.med_identifierare(
            ResourceType::Patient,
            &systems,
            value,
        )?));
    }
    Ok(found)
}

/// The numbers that make patients one.
pub fn nummer(patient: &Patient) -> impl Iterator<Item = (Personregister, &str)> {
    patient.identifiers.iter().filter_map(personnummer)
}

fn personnummer(identifier: &Identifier) -> Option<(Personregister, &str)> {
    let register = Personregister::of(identifier.system.as_deref()?)?;
    let value = identifier.value.as_deref().filter(|value| !value.trim().is_empty())?;
    Some((register, value))
}

/// The references that tell whose a resource is when none of them names a Patient of ours: by a number, or by a contained
/// Patient.
pub fn utan_patientresurs(fact: &Fact) -> Vec<&Reference> {
    let references = about(fact);
    let is_ours = |reference: &&Reference| {
        let literal = reference.reference.as_deref().and_then(local);
        matches!(literal, Some((ResourceType::Patient, _)))
    };
    if references.iter().any(is_ours) {
        return Vec::new();
    }
    references
}

/// Whether a resource is about the person with this number, and says so by nothing but the number.
pub fn bars_av(fact: &Fact, register: Personregister, number: &str) -> bool {
    utan_patientresurs(fact).into_iter().any(|reference| {
        let identifier = reference.identifier.as_deref();
        identifier.and_then(personnummer) == Some((register, number))
    })
}

fn ids(facts: Vec<Arc<Fact>>) -> Vec<String> {
    facts
        .iter()
        .map(|fact| fact.id().to_owned())
        .filter(|id| !id.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use fastkontakt_model::understand;
    use serde_json::json;

    use super::*;
    use crate::riktlinje::Files;

    fn linked_in_a_row(count: usize) -> Files {
        let patient = |number: usize| {
            let next = json!([{ "other": { "reference": format!("Patient/p{}", number + 1) }, "type": "seealso" }]);
            let text = json!({ "resourceType": "Patient", "id": format!("p{number}"), "link": next }).to_string();
            Arc::new(understand("Patient", &text).expect("a patient"))
        };
        Files::new((1..=count).map(patient).collect())
    }

    #[test]
    fn links_are_followed_as_far_as_a_person_may_have_them() {
        let Ok(few) = samma_patient("p2", &mut linked_in_a_row(4));
        // The last one's link leads to what is not there.
        assert_eq!(few, ["p1", "p2", "p3", "p4", "p5"]);
        let Ok(many) = samma_patient("p20", &mut linked_in_a_row(1_000));
        assert_eq!(many.len(), MOST);
        assert!(many.iter().any(|id| id == "p20"));
    }

    #[test]
    fn those_who_say_that_they_are_her_put_nobody_out() {
        let said = |id: &str, other: Option<&str>, number: bool| {
            let mut patient = json!({ "resourceType": "Patient", "id": id });
            if let Some(other) = other {
                patient["link"] = json!([{ "other": { "reference": format!("Patient/{other}") }, "type": "seealso" }]);
            }
            if number {
                patient["identifier"] = json!([{ "system": "http://electronichealth.se/identifier/personnummer", "value": "195009072553" }]);
            }
            Arc::new(understand("Patient", &patient.to_string()).expect("a patient"))
        };
        let mut all: Vec<_> = (0..100)
            .map(|number| said(&format!("a{number}"), Some("p"), false))
            .collect();
        all.extend([
            said("p", Some("q"), true),
            said("q", Some("r"), false),
            said("r", None, false),
            said("s", None, true),
        ]);
        let mut files = Files::new(all);
        let Ok(one) = samma_patient("p", &mut files);
        assert_eq!(one.len(), MOST);
        for near in ["p", "q", "r", "s"] {
            assert!(one.iter().any(|id| id == near), "{near}: {one:?}");
        }
        assert_eq!(ar_for_manga("p", &mut files), Ok(true));
        assert_eq!(ar_for_manga("x", &mut files), Ok(false));
    }
}
