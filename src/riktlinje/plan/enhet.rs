//! Where someone in a plan leads: the unit of an organization, a person's assignment, a contact or a team. For the
//! choice of policy (GEN-04) and for the huvudman.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CarePlan, Reference};

use super::aktivitet::{Aktivitet, performers};
use crate::fhir::types::ResourceType;
use crate::riktlinje::enhet::{Enhet, Huvudman, valj};
use crate::riktlinje::identity::{hsa_ids, logical, organisationsnummer};
use crate::riktlinje::policy::Policies;
use crate::riktlinje::underlag::{Traff, Underlag, folj, folj_hsa_id};

/// How many steps a person or team may be away from its unit: CareTeam → PractitionerRole → Organization.
const STEPS: usize = 3;

/// The unit of the custodian, else of the first contributor, contact or performer that leads to one (GEN-04).
pub fn enhet_av<U: Underlag>(
    underlag: &mut U,
    plan: &CarePlan,
    aktiviteter: &[Aktivitet<'_>],
    within: &Fact,
) -> Result<Option<Enhet>, U::Error> {
    for reference in plan.custodian.iter().chain(&plan.contributors).chain(&plan.care_teams) {
        if let Some(enhet) = leder_till(underlag, reference, within)? {
            return Ok(Some(enhet));
        }
    }
    for Traff { fact, home } in aktiviteter.iter().filter_map(|aktivitet| aktivitet.traff.as_ref()) {
        for performer in performers(fact) {
            if let Some(enhet) = leder_till(underlag, performer, home)? {
                return Ok(Some(enhet));
            }
        }
    }
    Ok(None)
}

/// The unit that a reference leads to; `None` when it leads to none, or cannot be followed so far.
pub fn leder_till<U: Underlag>(
    underlag: &mut U,
    reference: &Reference,
    within: &Fact,
) -> Result<Option<Enhet>, U::Error> {
    leder_vidare(underlag, reference, within, 0)
}

fn leder_vidare<U: Underlag>(
    underlag: &mut U,
    reference: &Reference,
    within: &Fact,
    steps: usize,
) -> Result<Option<Enhet>, U::Error> {
    let is_organization =
        reference.target_type() == Some("Organization") || !organisationsnummer(logical(reference)).is_empty();
    if is_organization {
        return Enhet::samla(underlag, reference, within).map(Some);
    }
    let Some(Traff { fact, home }) = folj(underlag, reference, within)? else {
        return med_hsa_id(underlag, reference, within);
    };
    let next: Vec<&Reference> = match fact.as_ref() {
        Fact::Organization(_) => return Enhet::samla(underlag, reference, within).map(Some),
        Fact::PractitionerRole(role) => role.organization.iter().collect(),
        Fact::CareTeam(team) => {
            let members = team
                .participants
                .iter()
                .filter_map(|participant| participant.member.as_ref());
            team.managing_organizations.iter().chain(members).collect()
        }
        _ => Vec::new(),
    };
    for reference in next.into_iter().filter(|_| steps < STEPS) {
        if let Some(enhet) = leder_vidare(underlag, reference, &home, steps + 1)? {
            return Ok(Some(enhet));
        }
    }
    Ok(None)
}

/// The unit behind an HSA-id without an address: of the assignment that carries it, else the organization that does. One
/// that nobody here carries still tells by its prefix whose it is.
fn med_hsa_id<U: Underlag>(underlag: &mut U, reference: &Reference, within: &Fact) -> Result<Option<Enhet>, U::Error> {
    if hsa_ids(logical(reference)).is_empty() {
        return Ok(None);
    }
    if let Some(Traff { fact, home }) = folj_hsa_id(underlag, reference, ResourceType::PractitionerRole)?
        && let Fact::PractitionerRole(role) = fact.as_ref()
        && let Some(organization) = &role.organization
    {
        return Enhet::samla(underlag, organization, &home).map(Some);
    }
    Enhet::samla(underlag, reference, within).map(Some)
}

/// Who runs the care of the unit that a reference leads to; nothing stated when it leads to none. A policy that is
/// forced upon the judgement says nothing of who runs a unit.
pub fn huvudman_av<U: Underlag>(
    underlag: &mut U,
    reference: &Reference,
    within: &Fact,
    policies: &Policies,
) -> Result<Huvudman, U::Error> {
    let enhet = leder_till(underlag, reference, within)?;
    Ok(enhet
        .map(|enhet| Huvudman::of(&enhet, &valj(Some(&enhet), policies, None), policies))
        .unwrap_or_default())
}
