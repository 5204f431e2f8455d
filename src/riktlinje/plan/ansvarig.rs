//! Who is responsible for a plan, and whom the patient can turn to.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CarePlan, CareTeam, CareTeamStatus, Reference, RequestStatus};
use jiff::civil::Date;

use super::patientens::Patientens;
use crate::riktlinje::finding::Evidence;
use crate::riktlinje::giltighet::ar_over;
use crate::riktlinje::medlem::{Medlem, NO_STAFF};
use crate::riktlinje::nabarhet;
use crate::riktlinje::profession::Profession;
use crate::riktlinje::underlag::{Underlag, folj, typ_av};

/// Whether the responsible is a physician, or a contact or team with one (MVP-02). An organization, or a team without
/// members, tells nothing of the person who is.
pub fn is_lakare<U: Underlag>(
    underlag: &mut U,
    responsible: &Reference,
    within: &Fact,
    today: Date,
) -> Result<Evidence, U::Error> {
    let Some(found) = folj(underlag, responsible, within)? else {
        return Ok(is_person(responsible));
    };
    let Fact::CareTeam(team) = found.fact.as_ref() else {
        return is_lakare_sjalv(underlag, responsible, within, today);
    };
    let mut members = Vec::new();
    for member in team
        .participants
        .iter()
        .filter_map(|participant| participant.member.as_ref())
    {
        members.push(is_lakare_sjalv(underlag, member, &found.home, today)?);
    }
    if members.is_empty() {
        return Ok(Evidence::NotStated);
    }
    Ok(Evidence::any(members))
}

fn is_lakare_sjalv<U: Underlag>(
    underlag: &mut U,
    reference: &Reference,
    within: &Fact,
    today: Date,
) -> Result<Evidence, U::Error> {
    let Some(found) = folj(underlag, reference, within)? else {
        return Ok(is_person(reference));
    };
    match found.fact.as_ref() {
        Fact::PractitionerRole(_) | Fact::Practitioner(_) => {
            let medlem = Medlem::samla(underlag, Some(reference), within)?;
            Ok(Profession::of(&medlem, today).physician())
        }
        Fact::Organization(_) | Fact::CareTeam(_) => Ok(Evidence::NotStated),
        _ => Ok(Evidence::Contradicted),
    }
}

/// Who cannot be followed may be a physician, unless the reference says that it is no person of the staff.
fn is_person(reference: &Reference) -> Evidence {
    match reference.target_type() {
        // There are people behind it.
        Some("CareTeam" | "Organization") => Evidence::NotStated,
        Some(kind) if NO_STAFF.contains(&kind) => Evidence::Contradicted,
        _ => Evidence::NotStated,
    }
}

/// Whom the patient can turn to (DOK-03): a contact or team of this patient in `careTeam`, or a custodian or contributor
/// of the staff who can be reached.
pub fn att_vanda_sig_till<U: Underlag>(
    underlag: &mut U,
    plan: &CarePlan,
    within: &Fact,
    patientens: &Patientens,
    today: Date,
) -> Result<Evidence, U::Error> {
    let mut ways = Vec::new();
    for reference in &plan.care_teams {
        ways.push(match folj(underlag, reference, within)? {
            Some(found) => match found.fact.as_ref() {
                Fact::CareTeam(care_team) => is_patientens(care_team, plan, patientens, today),
                _ => Evidence::Contradicted,
            },
            None => Evidence::NotStated,
        });
    }
    for reference in plan.custodian.iter().chain(&plan.contributors) {
        if ways.contains(&Evidence::Shown) {
            break;
        }
        ways.push(nabarhet::nar(underlag, reference, within, today)?);
    }
    Ok(Evidence::any(ways))
}

/// A contact or team that has ended helps nobody, nor does one that is only proposed, unless the plan is a draft too. A
/// team without subject is the unit's, and this patient's by being named.
fn is_patientens(care_team: &CareTeam, plan: &CarePlan, patientens: &Patientens, today: Date) -> Evidence {
    let has_ended = matches!(
        care_team.status,
        Some(CareTeamStatus::Inactive | CareTeamStatus::EnteredInError)
    );
    let is_to_come = care_team.status == Some(CareTeamStatus::Proposed) && plan.status != Some(RequestStatus::Draft);
    if has_ended || is_to_come || ar_over(care_team, today) {
        Evidence::Contradicted
    } else if care_team.subject.is_none() {
        Evidence::Shown
    } else {
        patientens.galler(plan, care_team.subject.as_ref())
    }
}

/// Whether the patient or a relative is among those who made the plan.
pub fn har_patienten_med<U: Underlag>(underlag: &mut U, plan: &CarePlan, within: &Fact) -> Result<Evidence, U::Error> {
    let mut found = Vec::new();
    for reference in plan.contributors.iter().chain(&plan.custodian) {
        found.push(match typ_av(underlag, reference, within)?.as_deref() {
            Some("Patient" | "RelatedPerson") => Evidence::Shown,
            Some(_) => Evidence::Contradicted,
            None => Evidence::NotStated,
        });
    }
    Ok(Evidence::any(found))
}
