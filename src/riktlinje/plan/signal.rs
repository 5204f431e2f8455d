//! The signal to the fast vårdkontakt when someone else makes an överenskommelse (Gävleborg, handlingsplan).

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CarePlan, CareTeam, Reference};

use super::patientens::{EgenKontakt, Patientens};
use crate::riktlinje::codes::OVERENSKOMMELSE_UPPRATTAD;
use crate::riktlinje::effect::Meddelande;
use crate::riktlinje::identity::{hsa_ids, logical};
use crate::riktlinje::underlag::{Traff, Underlag, folj};

/// The message to each of the patient's fasta vårdkontakter in force, unless one of them is among those who made the plan.
pub fn signal<U: Underlag>(
    underlag: &mut U,
    plan: &CarePlan,
    within: &Fact,
    patientens: &Patientens,
) -> Result<Vec<Meddelande>, U::Error> {
    let contacts: Vec<&EgenKontakt> = patientens
        .kontakter
        .iter()
        .filter(|kontakt| kontakt.vardkontakt && kontakt.galler)
        .collect();
    if contacts.is_empty() {
        return Ok(Vec::new());
    }
    let mut makers = Vec::new();
    for maker in plan.custodian.iter().chain(&plan.contributors) {
        makers.extend(personer(underlag, maker, within)?);
    }
    for kontakt in &contacts {
        if let Some(care_team) = kontakt.kontakt.kontakt() {
            let own = medlemmar(underlag, care_team, kontakt.kontakt.fact())?;
            if own.iter().any(|person| makers.contains(person)) {
                return Ok(Vec::new());
            }
        }
    }
    let Some(patient) = patientens.ids.first() else {
        return Ok(Vec::new());
    };
    let subject = plan.subject.clone().filter(|subject| !subject.is_contained());
    let subject = subject.unwrap_or_else(|| till(format!("Patient/{patient}")));
    let to = |kontakt: &EgenKontakt| Meddelande {
        kod: OVERENSKOMMELSE_UPPRATTAD,
        subject: subject.clone(),
        about: format!("CarePlan/{}", plan.head.id),
        mottagare: vec![mottagare(kontakt)],
        hos: kontakt.kontakt.id.clone(),
    };
    Ok(contacts.into_iter().map(to).collect())
}

/// The member of a contact; the contact itself where the member stands inside it, or only as a text.
fn mottagare(kontakt: &EgenKontakt) -> Reference {
    let member = kontakt.kontakt.member().cloned().filter(|member| {
        let has_number = member.identifier.as_ref().is_some_and(|id| id.value.is_some());
        !member.is_contained() && (member.reference.is_some() || has_number)
    });
    member.unwrap_or_else(|| till(format!("CareTeam/{}", kontakt.kontakt.id)))
}

fn till(literal: String) -> Reference {
    Reference {
        reference: Some(literal),
        ..Reference::default()
    }
}

/// Who a reference means: a person by the assignment, by the person and by HSA-id; a contact or team by its members.
fn personer<U: Underlag>(underlag: &mut U, reference: &Reference, within: &Fact) -> Result<Vec<String>, U::Error> {
    match folj(underlag, reference, within)? {
        Some(Traff { fact, home }) => match fact.as_ref() {
            Fact::CareTeam(care_team) => medlemmar(underlag, care_team, &home),
            _ => person(underlag, reference, within),
        },
        None => person(underlag, reference, within),
    }
}

fn medlemmar<U: Underlag>(underlag: &mut U, care_team: &CareTeam, within: &Fact) -> Result<Vec<String>, U::Error> {
    let mut all = Vec::new();
    for participant in &care_team.participants {
        if let Some(member) = &participant.member {
            all.extend(person(underlag, member, within)?);
        }
    }
    Ok(all)
}

fn person<U: Underlag>(underlag: &mut U, reference: &Reference, within: &Fact) -> Result<Vec<String>, U::Error> {
    let mut places: Vec<String> = hsa_ids(logical(reference));
    // Patients, relatives and units make no one of the staff.
    let is_staff = |literal: &&str| literal.starts_with("Practitioner");
    places.extend(reference.reference.as_deref().filter(is_staff).map(str::to_owned));
    if let Some(found) = folj(underlag, reference, within)? {
        match found.fact.as_ref() {
            Fact::PractitionerRole(role) => {
                places.extend(hsa_ids(&role.identifiers));
                if let Some(practitioner) = &role.practitioner {
                    places.extend(hsa_ids(logical(practitioner)));
                    places.extend(practitioner.reference.as_deref().filter(is_staff).map(str::to_owned));
                    if let Some(found) = folj(underlag, practitioner, &found.home)?
                        && let Fact::Practitioner(it) = found.fact.as_ref()
                    {
                        places.extend(hsa_ids(&it.identifiers));
                    }
                }
            }
            Fact::Practitioner(it) => places.extend(hsa_ids(&it.identifiers)),
            _ => {}
        }
    }
    Ok(places)
}
