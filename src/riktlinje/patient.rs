//! Which Patient resources are one person (GEN-01): joined by `Patient.link`, or by the same personnummer or
//! samordningsnummer. A reserve number joins nobody. The door locks all of them, in id order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Identifier, Patient, Reference};

use crate::fhir::identifiers::equivalent_systems;
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::personnummer::Personregister;

use super::files::about;
use super::underlag::{Fore, Underlag, folj};

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

/// The ids of the patients that are one with this one, itself included, sorted. Where there are more than are looked at,
/// those that were made first: whoever makes more puts nobody out who was there.
pub fn samma_patient<U: Underlag>(patient_id: &str, underlag: &mut U) -> Result<Vec<String>, U::Error> {
    Ok(forenade(vec![patient_id.to_owned()], underlag)?.into_iter().collect())
}

/// Whether more stored ones are one with this one than are looked at.
pub fn ar_for_manga<U: Underlag>(patient_id: &str, underlag: &mut U) -> Result<bool, U::Error> {
    let start = || vec![patient_id.to_owned()];
    if i_nagon_ordning(start(), underlag)?.len() <= MOST {
        return Ok(false);
    }
    let oldest = aldst_forst(start(), MOST + 1, underlag, intill)?;
    Ok(oldest.len() > MOST && oldest.values().all(Option::is_some))
}

/// All that are one with any of these, or the oldest of them.
fn forenade<U: Underlag>(start: Vec<String>, underlag: &mut U) -> Result<BTreeSet<String>, U::Error> {
    let all = i_nagon_ordning(start.clone(), underlag)?;
    if all.len() <= MOST {
        return Ok(all);
    }
    Ok(aldst_forst(start, MOST, underlag, intill)?.into_keys().collect())
}

/// All that are one with any of these, or one more than are looked at.
fn i_nagon_ordning<U: Underlag>(start: Vec<String>, underlag: &mut U) -> Result<BTreeSet<String>, U::Error> {
    let mut joined: BTreeSet<String> = BTreeSet::new();
    let mut waiting = VecDeque::from(start);
    while let Some(id) = waiting.pop_front() {
        if joined.len() > MOST {
            break;
        }
        if !joined.contains(&id) {
            waiting.extend(intill(&id, underlag)?);
            joined.insert(id);
        }
    }
    Ok(joined)
}

/// Tells whom a Patient is one with.
type Intill<U> = fn(&str, &mut U) -> Result<Vec<String>, <U as Underlag>::Error>;

/// So many that are one with any of these, each with its place in the order in which Patients were made. Of all that are known
/// at a time the oldest is followed first, so all that were joined before some later one was made come before it, whatever
/// joins them; of the number, of the links hers and others', none goes before another. Who was never stored comes last.
fn aldst_forst<U: Underlag>(
    start: Vec<String>,
    most: usize,
    underlag: &mut U,
    intill: Intill<U>,
) -> Result<BTreeMap<String, Option<i64>>, U::Error> {
    let mut joined = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut waiting = BinaryHeap::new();
    let mut found = start;
    loop {
        found.retain(|id| seen.insert(id.clone()));
        let places = underlag.tillkomna(&found)?;
        // The greatest comes out of the heap: the least place.
        let ranked = places.into_iter().zip(found).map(|(place, id)| {
            let rank = place.unwrap_or(i64::MAX);
            Reverse((rank, id, place))
        });
        waiting.extend(ranked);
        let Some(Reverse((_, id, place))) = waiting.pop().filter(|_| joined.len() < most) else {
            return Ok(joined);
        };
        found = intill(&id, underlag)?;
        joined.insert(id, place);
    }
}

/// Whom a patient is one with by her own word, by her number, or by theirs.
fn intill<U: Underlag>(id: &str, underlag: &mut U) -> Result<Vec<String>, U::Error> {
    let mut next = Vec::new();
    if let Some(fact) = underlag.folj(&till_patient(id))?
        && let Fact::Patient(patient) = fact.as_ref()
    {
        next.extend(linked(patient));
        next.extend(same_number(patient, underlag)?);
    }
    next.extend(ids(underlag.patienter_som_lankar(id)?));
    Ok(next)
}

/// Whether all of these were one with it already, before what is written now: then a new link to them joins no more. Where more are one
/// than are looked at, it is known of those who are, and of whom those are one with by their own word or their number.
pub fn var_en<U: Underlag>(patient_id: &str, others: &[String], underlag: &mut U) -> Result<bool, U::Error> {
    let mut known: BTreeSet<String> = intill_fore(patient_id, underlag)?.into_iter().collect();
    known.insert(patient_id.to_owned());
    if others.iter().all(|id| known.contains(id)) {
        return Ok(true);
    }
    for id in aldst_forst(vec![patient_id.to_owned()], MOST, underlag, intill_fore)?.into_keys() {
        known.extend(intill_fore(&id, underlag)?);
        known.insert(id);
    }
    Ok(others.iter().all(|id| known.contains(id)))
}

/// [`intill`], by what was said before what is written now.
fn intill_fore<U: Underlag>(id: &str, underlag: &mut U) -> Result<Vec<String>, U::Error> {
    let mut next = Vec::new();
    if let Some(fact) = underlag.folj(&till_patient(id))? {
        let fore = Sagt::fore(&fact, underlag)?;
        for number in &fore.numbers {
            for other in barare((number.0, &number.1), underlag)? {
                if Sagt::fore(&other, underlag)?.numbers.contains(number) {
                    next.push(other.id().to_owned());
                }
            }
        }
        next.extend(fore.links);
    }
    for other in underlag.patienter_som_lankar(id)? {
        if Sagt::fore(&other, underlag)?.links.iter().any(|linked| linked == id) {
            next.push(other.id().to_owned());
        }
    }
    Ok(next)
}

/// What makes a Patient one with others.
struct Sagt {
    links: Vec<String>,
    numbers: Vec<(Personregister, String)>,
}

impl Sagt {
    /// As it was before what is written now. A new one's number joins her in any case, her links do not.
    fn fore<U: Underlag>(fact: &Arc<Fact>, underlag: &mut U) -> Result<Sagt, U::Error> {
        let (fore, is_new) = match underlag.fore(fact)? {
            Fore::Oforandrad => (fact.clone(), false),
            Fore::Fanns(before) => (before, false),
            Fore::FannsInte => (fact.clone(), true),
        };
        Ok(match fore.as_ref() {
            Fact::Patient(patient) => Sagt {
                links: linked(patient).filter(|_| !is_new).collect(),
                numbers: nummer(patient)
                    .map(|(register, number)| (register, number.to_owned()))
                    .collect(),
            },
            _ => Sagt {
                links: Vec::new(),
                numbers: Vec::new(),
            },
        })
    }
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
    let with_number = same_number(&told, underlag)?;
    let mut all = forenade(with_number, underlag)?;
    for id in linked(&told) {
        if !all.contains(&id) {
            all.extend(samma_patient(&id, underlag)?);
        }
    }
    Ok(all.into_iter().collect())
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
    for number in nummer(patient) {
        found.extend(ids(barare(number, underlag)?));
    }
    Ok(found)
}

/// The Patients that carry a number.
pub fn barare<U: Underlag>(
    (register, value): (Personregister, &str),
    underlag: &mut U,
) -> Result<Vec<Arc<Fact>>, U::Error> {
    let systems = equivalent_systems(register.system());
    underlag.med_identifierare(ResourceType::Patient, &systems, value)
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

    const NUMBER: &str = "195009072553";

    /// A Patient that links to others and carries the number, or not.
    fn said(id: &str, others: &[&str], number: bool) -> Arc<Fact> {
        let mut patient = json!({ "resourceType": "Patient", "id": id });
        let link = |other: &&str| json!({ "other": { "reference": format!("Patient/{other}") }, "type": "seealso" });
        patient["link"] = others.iter().map(link).collect();
        if others.is_empty() {
            patient.as_object_mut().expect("an object").remove("link");
        }
        if number {
            patient["identifier"] =
                json!([{ "system": "http://electronichealth.se/identifier/personnummer", "value": NUMBER }]);
        }
        Arc::new(understand("Patient", &patient.to_string()).expect("a patient"))
    }

    /// One person in seven Patients, joined in every way; the last of them by a row of those who link to each other.
    fn before() -> Vec<Arc<Fact>> {
        vec![
            said("z", &["y"], false),
            said("y", &[], false),
            said("r", &[], true),
            said("p", &["q"], true),
            said("q", &[], false),
            said("s", &["p"], false),
            said("t", &["s"], false),
            said("x", &["t", "z"], false),
        ]
    }

    #[test]
    fn whoever_makes_more_puts_nobody_out() {
        let ids: Vec<String> = before().iter().map(|fact| fact.id().to_owned()).collect();
        let later = |number: usize, form: usize| {
            let id = format!("a{number}");
            match form {
                0 => said(&id, &[], true),
                1 => said(&id, &["p"], false),
                2 => said(&id, &["q", "s", "z", "nobody"], true),
                _ => said(&id, &[&format!("a{}", number + 1), "t"], false),
            }
        };
        for form in 0..5 {
            let more = (0..60).map(|number| later(number, if form == 4 { number % 4 } else { form }));
            let mut files = Files::new(before().into_iter().chain(more).collect());
            for from in &ids {
                let Ok(one) = samma_patient(from, &mut files);
                assert_eq!(one.len(), MOST);
                let missing: Vec<&String> = ids.iter().filter(|id| !one.contains(id)).collect();
                assert!(missing.is_empty(), "{form}, from {from}: {missing:?}");
                assert_eq!(ar_for_manga(from, &mut files), Ok(true));
            }
            // Who comes after them heeds those who were there.
            let Ok(one) = samma_patient("a59", &mut files);
            assert!(one.iter().any(|id| id == "a59"));
            let missing: Vec<&String> = ids.iter().filter(|id| !one.contains(id)).collect();
            assert!(missing.is_empty(), "{form}, from the last: {missing:?}");
            // So it is where nothing but the number is told.
            let by_number = Reference {
                identifier: Some(Box::new(Identifier {
                    system: Some("http://electronichealth.se/identifier/personnummer".to_owned()),
                    value: Some(NUMBER.to_owned()),
                    ..Identifier::default()
                })),
                ..Reference::default()
            };
            let Ok(one) = samma_som(Some(&by_number), &said("within", &[], false), &mut files);
            assert!(ids.iter().all(|id| one.contains(id)), "{form}: {one:?}");
        }
        let mut few = Files::new(before());
        assert_eq!(ar_for_manga("p", &mut few), Ok(false));
        assert_eq!(ar_for_manga("nobody", &mut few), Ok(false));
    }

    #[test]
    fn who_was_never_stored_takes_nobodys_place() {
        let names: Vec<String> = (0..400).map(|number| format!("nobody{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut all = vec![said("first", &names, true)];
        all.extend(before());
        let mut files = Files::new(all);
        let Ok(one) = samma_patient("p", &mut files);
        assert_eq!(one.len(), MOST);
        assert!(
            before().iter().all(|fact| one.iter().any(|id| id == fact.id())),
            "{one:?}"
        );
        assert_eq!(ar_for_manga("p", &mut files), Ok(false));
    }
}
