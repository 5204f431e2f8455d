//! Whether the patient can reach a contact (FK-04): by the contact's own telecom, the person's, the unit's or the team's.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeam, Contact, Telecom};
use jiff::civil::Date;

use super::enhet::Enhet;
use super::finding::Evidence;
use super::kontakttyp::team;
use super::medlem::Medlem;
use super::underlag::{Underlag, folj};

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
    let by_role = || medlem?.role().map(|role| har_kontaktvag(&role.contacts, today));
    let by_person = || medlem?.practitioner().map(|it| har_telecom(&it.telecoms, today));
    let by_unit = || enhet.map(|enhet| har_kontaktvag(&enhet.unit().contacts, today));
    if har_telecom(&kontakt.telecoms, today) || [by_role(), by_person(), by_unit()].contains(&Some(true)) {
        return Ok(Evidence::Shown);
    }
    let mut all_followed =
        medlem.is_none_or(|medlem| medlem.practitioner().is_some()) && enhet.is_none_or(|enhet| enhet.unit().found);
    for reference in team(kontakt) {
        match folj(underlag, reference, within)?
            .as_ref()
            .map(|found| found.fact.as_ref())
        {
            Some(Fact::CareTeam(team)) if har_telecom(&team.telecoms, today) => return Ok(Evidence::Shown),
            Some(_) => {}
            None => all_followed = false,
        }
    }
    Ok(if all_followed {
        Evidence::Contradicted
    } else {
        Evidence::NotStated
    })
}
