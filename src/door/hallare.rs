//! Who keeps what is written, and what else is kept beside it for the access decision.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Identifier, Reference};
use serde_json::Value;

use super::underlag::OppenTransaktion;
use crate::access::{Caller, Identity, Who, harledning};
use crate::fhir::identifiers::HSA_ID;
use crate::fhir::references::local;
use crate::fhir::search::IndexEntry;
use crate::fhir::search::paths::walk;
use crate::fhir::types::ResourceType;
use crate::hsa::hsa_form;
use crate::riktlinje::{enhet_som_anges, enhetens_hsa_id, hallande_enhet};
use crate::store::{Hallare, HistoryQuery, Keeping, Kept, Scope, Session, StoreError};

/// What is kept beside what a caller writes over `before`. Who keeps it is the unit that it states, else whoever kept it
/// before, else the caller's unit; and it is not told anew while the unit is the same: the record stays with the vårdgivare
/// that kept it.
pub(super) fn keeping(
    caller: &Caller,
    underlag: &mut OppenTransaktion<'_>,
    what: (ResourceType, &Value, &[IndexEntry]),
    (fact, before): (&Fact, Option<Kept>),
) -> Result<Keeping, StoreError> {
    // What was open to all told of nobody, and no more did what stood before it.
    let never_told = before.as_ref().is_none_or(|kept| kept.allman);
    let before = before.map(|kept| kept.hallare).filter(|kept| *kept != Hallare::Okand);
    // Of one alone it may be told which of its units it is.
    let is_known = match &before {
        None => false,
        Some(Hallare::Enhet(chain)) => chain.len() > 1,
        Some(_) => true,
    };
    let stated = match hallande_enhet(fact, underlag)? {
        none if none.is_empty() && !is_known => outtalad_enhet(caller, underlag, (what.0, what.1), fact)?,
        stated => stated,
    };
    let hallare = match (who_keeps(caller, &stated), before) {
        // What others wrote down for the patient does not become her own because she ends it.
        (Some(Hallare::Patienten), before) => before.or(Some(Hallare::Patienten)),
        (_, Some(before)) if stated.is_empty() => Some(before),
        (Some(Hallare::Enhet(now)), Some(Hallare::Enhet(before))) if now.first() == before.first() => {
            Some(Hallare::Enhet(before))
        }
        (now, _) => now,
    };
    let mut keeping = keeping_of(underlag, what, Some(fact), hallare)?;
    if what.0 == ResourceType::CareTeam && keeping.allman && !never_told {
        keeping.allman = !has_told_of_patient(underlag.session, fact.id())?;
    }
    Ok(keeping)
}

/// Versions of a team that are looked through, at the most: of one that has more it is not known that it never told of a patient.
const MOST_VERSIONS: usize = 1_000;

/// Whether a CareTeam told of a patient in any version. What it says now may have been said of her.
fn has_told_of_patient(session: &mut Session, id: &str) -> Result<bool, StoreError> {
    let versions = session.history(&HistoryQuery {
        scope: Scope::Instance(ResourceType::CareTeam, id.to_owned()),
        since: None,
        at: None,
        oldest_first: true,
        after: None,
        limit: MOST_VERSIONS as i64,
    })?;
    let mut told = versions.len() == MOST_VERSIONS;
    for past in versions.iter().filter(|past| !past.stored.deleted) {
        told |= harledning::talar_om_patient(&past.stored.resource()?);
    }
    Ok(told)
}

/// Where a resource (R5) tells which care it comes of, the likeliest to be of the unit first.
#[rustfmt::skip]
const GJORT_VID: &[(ResourceType, &[&str])] = &[
    (ResourceType::Appointment,           &["participant.actor"]),
    (ResourceType::CarePlan,              &["encounter", "contributor"]),
    (ResourceType::Communication,         &["encounter", "sender"]),
    (ResourceType::Condition,             &["encounter", "participant.actor"]),
    (ResourceType::Encounter,             &["participant.actor"]),
    (ResourceType::EpisodeOfCare,         &["careManager"]),
    (ResourceType::Flag,                  &["encounter", "author"]),
    (ResourceType::Goal,                  &["source"]),
    (ResourceType::QuestionnaireResponse, &["encounter", "author"]),
    (ResourceType::ServiceRequest,        &["encounter", "requester", "performer"]),
    (ResourceType::Task,                  &["encounter", "requester", "owner"]),
];

/// The unit of what states none: the caller's, as it lies in the catalogue, so that a block of what lies between it and the
/// vårdgivare meets it. The system of a whole vårdgivare has none: there it is told by the visit, or by who did it, as far as
/// that lies within the vårdgivare; else nobody tells.
fn outtalad_enhet(
    caller: &Caller,
    underlag: &mut OppenTransaktion<'_>,
    (kind, resource): (ResourceType, &Value),
    fact: &Fact,
) -> Result<Vec<String>, StoreError> {
    let Caller::Known(identity) = caller else {
        return Ok(Vec::new());
    };
    let (unit, Some(vardgivare)) = own(identity).unwrap_or_default() else {
        return Ok(Vec::new());
    };
    if let Some(unit) = unit {
        let by_id = Reference {
            identifier: Some(Box::new(Identifier {
                system: Some(HSA_ID.to_owned()),
                value: Some(unit),
                ..Identifier::default()
            })),
            ..Reference::default()
        };
        return enhet_som_anges(&by_id, fact, underlag);
    }
    let paths = GJORT_VID
        .iter()
        .find(|(of, _)| *of == kind)
        .map_or(&[][..], |(_, paths)| paths);
    for told in paths.iter().flat_map(|path| walk(resource, path)) {
        let chain = match told["reference"].as_str().and_then(local) {
            Some((ResourceType::Encounter, id)) => {
                match underlag
                    .session
                    .kept_beside(ResourceType::Encounter, id)?
                    .map(|kept| kept.hallare)
                {
                    Some(Hallare::Enhet(chain)) => chain,
                    _ => continue,
                }
            }
            _ => enhet_som_anges(&reference_of(told), fact, underlag)?,
        };
        let is_vardgivare = |id: &String| hsa_form(id).as_ref() == Some(&vardgivare);
        if chain.iter().position(is_vardgivare).is_some_and(|above| above > 0) {
            return Ok(chain);
        }
    }
    Ok(Vec::new())
}

/// What is kept beside a resource that is renewed: who keeps it as far as it says so itself. What another program said of it is
/// not relied on.
pub(super) fn keeping_anew(
    underlag: &mut OppenTransaktion<'_>,
    what: (ResourceType, &Value, &[IndexEntry]),
    (fact, before): (Option<&Fact>, Option<Kept>),
) -> Result<Keeping, StoreError> {
    match fact {
        Some(fact) => {
            let before = before.map(|kept| Kept { allman: false, ..kept });
            keeping(&Caller::Service, underlag, what, (fact, before))
        }
        None => keeping_of(underlag, what, None, None),
    }
}

fn keeping_of(
    underlag: &mut OppenTransaktion<'_>,
    (kind, resource, entries): (ResourceType, &Value, &[IndexEntry]),
    fact: Option<&Fact>,
    hallare: Option<Hallare>,
) -> Result<Keeping, StoreError> {
    let chain = match &hallare {
        Some(Hallare::Enhet(chain)) => chain.as_slice(),
        _ => &[],
    };
    let mut failed = None;
    let units = |organization: &Value| {
        let Some(fact) = fact else { return Vec::new() };
        match enhetens_hsa_id(&reference_of(organization), fact, underlag) {
            Ok(ids) => ids.iter().filter_map(|id| hsa_form(id)).collect(),
            Err(error) => {
                failed = Some(error);
                Vec::new()
            }
        }
    };
    let keeping = harledning::harled(kind, resource, entries, chain, units);
    match failed {
        Some(error) => Err(error),
        None => Ok(Keeping { hallare, ..keeping }),
    }
}

/// The unit that is stated, else the caller's. What the caller states within the own vårdgivare lies there as the catalogue
/// says, and in nothing above it; what the catalogue puts elsewhere lies in the own vårdgivare all the same when it is the caller's
/// own unit.
fn who_keeps(caller: &Caller, stated: &[String]) -> Option<Hallare> {
    let mut chain: Vec<String> = stated.iter().filter_map(|id| hsa_form(id)).collect();
    let (unit, vardgivare) = match caller {
        Caller::Known(identity) => match own(identity) {
            Some(own) => own,
            None => return Some(Hallare::Patienten),
        },
        _ => (None, None),
    };
    if chain.is_empty() {
        chain.extend(unit);
        chain.extend(vardgivare);
        chain.dedup();
    } else if let Some(vardgivare) = vardgivare {
        let place = |id: &String| chain.iter().position(|own| own == id);
        if let Some(top) = place(&vardgivare) {
            chain.truncate(top + 1);
        } else if let Some(own) = unit.as_ref().and_then(place) {
            chain.truncate(own + 1);
            chain.push(vardgivare);
        }
    }
    (!chain.is_empty()).then_some(Hallare::Enhet(chain))
}

/// The unit and the vårdgivare that somebody acts for; `None` for a patient.
fn own(identity: &Identity) -> Option<(Option<String>, Option<String>)> {
    match &identity.who {
        Who::Patient(_) => None,
        Who::Medarbetare(it) => Some((hsa_form(&it.vardenhet), hsa_form(&it.vardgivare))),
        Who::System(it) => Some((it.vardenhet.as_deref().and_then(hsa_form), hsa_form(&it.vardgivare))),
    }
}

/// As the rules see a reference.
pub(super) fn reference_of(value: &Value) -> Reference {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Reference {
        reference: text(value, "reference"),
        type_: text(value, "type"),
        identifier: value.get("identifier").map(|identifier| {
            Box::new(Identifier {
                system: text(identifier, "system"),
                value: text(identifier, "value"),
                ..Identifier::default()
            })
        }),
        ..Reference::default()
    }
}
