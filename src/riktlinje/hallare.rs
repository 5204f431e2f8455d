//! The unit that a resource says it is kept by, with what it lies within: for the access decision, which asks who keeps a
//! record. Types that state no unit are kept by whoever writes them.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::Reference;

use super::enhet::Enhet;
use super::identity::hsa_ids;
use super::plan::leder_till;
use super::underlag::Underlag;
use crate::fhir::references::local;

/// HSA-ids of one organization that count.
const MOST_OF_ONE: usize = 3;

/// The HSA-ids of the unit, then of each organization above it, the vårdgivare last; empty when none is stated that has one.
pub fn hallande_enhet<U: Underlag>(fact: &Fact, underlag: &mut U) -> Result<Vec<String>, U::Error> {
    let itself;
    let stated: Option<&Reference> = match fact {
        Fact::CareTeam(it) => {
            let members = it
                .participants
                .iter()
                .filter_map(|participant| participant.member.as_ref());
            it.managing_organizations.iter().chain(members).next()
        }
        Fact::CarePlan(it) => it.custodian.as_ref(),
        Fact::Encounter(it) => it.service_provider.as_ref(),
        Fact::EpisodeOfCare(it) => it.managing_organization.as_ref(),
        Fact::Patient(it) => it.managing_organization.as_ref(),
        Fact::PractitionerRole(it) => it.organization.as_ref(),
        Fact::Organization(it) => {
            itself = Reference {
                reference: Some(format!("Organization/{}", it.head.id)),
                ..Reference::default()
            };
            Some(&itself)
        }
        _ => None,
    };
    match stated {
        None => Ok(Vec::new()),
        Some(stated) => enhet_som_anges(stated, fact, underlag),
    }
}

/// The same of one reference in a resource, to an organization or to who works there.
pub fn enhet_som_anges<U: Underlag>(
    stated: &Reference,
    fact: &Fact,
    underlag: &mut U,
) -> Result<Vec<String>, U::Error> {
    match stated {
        // What the record itself contains is its writer's word alone: nobody else has said that there is such a unit.
        stated if stated.is_contained() => Ok(Vec::new()),
        // Nor does an identifier beside a reference make the Organization another one.
        stated if stated.reference.is_some() => match enhetens_kedja(&utan_identifierare(stated), fact, underlag)? {
            kedja if kedja.is_empty() => enhetens_kedja(stated, fact, underlag),
            kedja => Ok(kedja),
        },
        stated => enhetens_kedja(stated, fact, underlag),
    }
}

/// The HSA-ids of what an Organization says that it lies within; empty when that is nothing, or cannot be found. A resource of
/// ours that is not there is nothing, whatever identifier stands beside it: whoever makes it later says where it lies.
pub fn ovanfor<U: Underlag>(fact: &Fact, underlag: &mut U) -> Result<Vec<String>, U::Error> {
    match fact {
        Fact::Organization(it) => match &it.part_of {
            Some(above) if above.is_contained() => Ok(Vec::new()),
            Some(above) if above.reference.as_deref().and_then(local).is_some() => {
                enhetens_kedja(&utan_identifierare(above), fact, underlag)
            }
            Some(above) => enhetens_kedja(above, fact, underlag),
            None => Ok(Vec::new()),
        },
        _ => Ok(Vec::new()),
    }
}

/// The vårdgivare that an Organization says it lies with: the top of what it lies within, else itself.
pub fn vardgivaren<U: Underlag>(fact: &Fact, underlag: &mut U) -> Result<Option<String>, U::Error> {
    let top = ovanfor(fact, underlag)?.pop();
    let own = || match fact {
        Fact::Organization(it) => hsa_ids(&it.identifiers).into_iter().next(),
        _ => None,
    };
    Ok(top.or_else(own))
}

fn utan_identifierare(reference: &Reference) -> Reference {
    Reference {
        identifier: None,
        ..reference.clone()
    }
}

/// The same of a reference that stands in `within`.
fn enhetens_kedja<U: Underlag>(
    reference: &Reference,
    within: &Fact,
    underlag: &mut U,
) -> Result<Vec<String>, U::Error> {
    let enhet: Option<Enhet> = leder_till(underlag, reference, within)?;
    let mut ids: Vec<String> = Vec::new();
    let known = enhet.iter().flat_map(Enhet::chain).take_while(|own| !own.bara_pastadd);
    for organisation in known {
        for id in organisation.hsa_ids.iter().take(MOST_OF_ONE) {
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
    }
    Ok(ids)
}

/// The HSA-ids of the organization alone that a reference in `within` is to, without what is above it.
pub fn enhetens_hsa_id<U: Underlag>(
    reference: &Reference,
    within: &Fact,
    underlag: &mut U,
) -> Result<Vec<String>, U::Error> {
    let enhet = Enhet::samla(underlag, reference, within)?;
    Ok(enhet.unit().hsa_ids.iter().take(MOST_OF_ONE).cloned().collect())
}
