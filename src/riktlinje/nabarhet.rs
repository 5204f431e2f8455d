//! Whether the patient can reach a contact (FK-04), or anyone else of the staff (DOK-03): by its own telecom, the
//! person's, the unit's or the team's.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeam, Contact, Reference, Telecom};
use jiff::civil::Date;

use super::enhet::Enhet;
use super::finding::Evidence;
use super::kontakttyp::team;
use super::medlem::Medlem;
use super::underlag::{Traff, Underlag, folj};

/// Whether one of the telecoms can be used: it has a value, is not old and its period has not ended.
pub fn har_telecom(telecoms: &[Telecom], today: Date) -> bool {
    telecoms.iter().any(|telecom| {
        let has_value = telecom.value.as_deref().is_some_and(|value| !value.trim().is_empty());
        has_value && telecom.use_.as_deref() != Some("old") && !is_over(telecom.period.last_day(), today)
    })
}

/// Whether one of the contact details holds a telecom that can be used.
pub fn har_kontaktvag(contacts: &[Contact], today: Date) -> bool {
    contacts
        .iter()
        .any(|contact| !is_over(contact.period.last_day(), today) && har_telecom(&contact.telecoms, today))
}

fn is_over(last: Option<Date>, today: Date) -> bool {
    last.is_some_and(|last| last < today)
}

/// Whether a fast kontakt can be reached. What could not be followed may know a way: not stated.
pub fn kan_nas<U: Underlag>(
    underlag: &mut U,
    kontakt: &CareTeam,
    medlem: Option<&Medlem>,
    enhet: Option<&Enhet>,
    within: &Fact,
    today: Date,
) -> Result<Evidence, U::Error> {
    if har_telecom(&kontakt.telecoms, today) {
        return Ok(Evidence::Shown);
    }
    let mut found: Vec<Evidence> = medlem.map(|medlem| till_medlem(medlem, today)).into_iter().collect();
    found.extend(enhet.map(|enhet| till_enhet(enhet, today)));
    // A team is looked up only where nobody else can be reached.
    for reference in team(kontakt) {
        if found.contains(&Evidence::Shown) {
            break;
        }
        let team = folj(underlag, reference, within)?;
        found.push(match team.as_ref().map(|team| team.fact.as_ref()) {
            Some(Fact::CareTeam(team)) if har_telecom(&team.telecoms, today) => Evidence::Shown,
            Some(_) => Evidence::Contradicted,
            None => Evidence::NotStated,
        });
    }
    Ok(Evidence::any(found))
}

/// Whether the patient can reach whoever a reference points at: an organization, a person of the staff with the unit of
/// the assignment, a contact or team. The patient and relatives are nobody to turn to.
pub fn nar<U: Underlag>(
    underlag: &mut U,
    reference: &Reference,
    within: &Fact,
    today: Date,
) -> Result<Evidence, U::Error> {
    let Some(Traff { fact, home }) = folj(underlag, reference, within)? else {
        return Ok(match reference.target_type() {
            None | Some("Organization" | "PractitionerRole" | "Practitioner" | "CareTeam") => Evidence::NotStated,
            Some(_) => Evidence::Contradicted,
        });
    };
    match fact.as_ref() {
        Fact::Organization(_) => Ok(till_enhet(&Enhet::samla(underlag, reference, within)?, today)),
        Fact::Practitioner(_) | Fact::PractitionerRole(_) => till_person(underlag, reference, within, today),
        Fact::CareTeam(care_team) => till_team(underlag, care_team, &home, today),
        _ => Ok(Evidence::Contradicted),
    }
}

/// The person's own ways and those of the assignment; not those of the unit.
fn till_medlem(medlem: &Medlem, today: Date) -> Evidence {
    let by_role = medlem.role().is_some_and(|role| har_kontaktvag(&role.contacts, today));
    let practitioner = medlem.practitioner();
    if by_role || practitioner.is_some_and(|person| har_telecom(&person.telecoms, today)) {
        return Evidence::Shown;
    }
    let is_known = match medlem.role() {
        Some(role) => role.practitioner.is_none() || practitioner.is_some(),
        None => medlem.is_found(),
    };
    if is_known {
        Evidence::Contradicted
    } else {
        Evidence::NotStated
    }
}

/// The unit's own ways; those of the vårdgivare above it are not the unit's.
fn till_enhet(enhet: &Enhet, today: Date) -> Evidence {
    let unit = enhet.unit();
    if har_kontaktvag(&unit.contacts, today) {
        Evidence::Shown
    } else if unit.found {
        Evidence::Contradicted
    } else {
        Evidence::NotStated
    }
}

/// A contact or team: its own telecom, its unit's, or one of its members'.
fn till_team<U: Underlag>(
    underlag: &mut U,
    care_team: &CareTeam,
    within: &Fact,
    today: Date,
) -> Result<Evidence, U::Error> {
    if har_telecom(&care_team.telecoms, today) {
        return Ok(Evidence::Shown);
    }
    let mut found = Vec::new();
    for organization in &care_team.managing_organizations {
        found.push(till_enhet(&Enhet::samla(underlag, organization, within)?, today));
    }
    let members = care_team
        .participants
        .iter()
        .filter_map(|participant| participant.member.as_ref());
    for member in members {
        found.push(match member.target_type() {
            Some("Organization") => till_enhet(&Enhet::samla(underlag, member, within)?, today),
            // The patient, relatives, and teams within teams, which might never end.
            Some("Patient" | "RelatedPerson" | "CareTeam") => continue,
            _ => till_person(underlag, member, within, today)?,
        });
    }
    Ok(Evidence::any(found))
}

/// A person of the staff, or the unit of the assignment.
fn till_person<U: Underlag>(
    underlag: &mut U,
    reference: &Reference,
    within: &Fact,
    today: Date,
) -> Result<Evidence, U::Error> {
    let medlem = Medlem::samla(underlag, Some(reference), within)?;
    let person = till_medlem(&medlem, today);
    let unit = medlem
        .role()
        .and_then(|role| role.organization.as_ref().zip(medlem.home()));
    Ok(match unit {
        Some((unit, home)) if person != Evidence::Shown => {
            let unit = till_enhet(&Enhet::samla(underlag, unit, home)?, today);
            Evidence::any([person, unit])
        }
        _ => person,
    })
}
