//! Who keeps what is written, and what else is kept beside it for the access decision.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Identifier, Reference};
use serde_json::Value;

use super::underlag::OppenTransaktion;
use crate::access::{Caller, Identity, Who, harledning};
use crate::fhir::search::IndexEntry;
use crate::fhir::types::ResourceType;
use crate::hsa::hsa_form;
use crate::riktlinje::{enhetens_hsa_id, hallande_enhet};
use crate::store::{Hallare, Keeping, Kept, StoreError};

/// What is kept beside what a caller writes over `before`. Who keeps it is the unit that it states, else whoever kept it
/// before, else the caller's unit; and it is not told anew while the unit is the same: the record stays with the vårdgivare
/// that kept it.
pub(super) fn keeping(
    caller: &Caller,
    underlag: &mut OppenTransaktion<'_>,
    what: (ResourceType, &Value, &[IndexEntry]),
    (fact, before): (&Fact, Option<Kept>),
) -> Result<Keeping, StoreError> {
    let stated = hallande_enhet(fact, underlag)?;
    let before = before.map(|kept| kept.hallare).filter(|kept| *kept != Hallare::Okand);
    let hallare = match (who_keeps(caller, &stated), before) {
        // What others wrote down for the patient does not become her own because she ends it.
        (Some(Hallare::Patienten), before) => before.or(Some(Hallare::Patienten)),
        (_, Some(before)) if stated.is_empty() => Some(before),
        (Some(Hallare::Enhet(now)), Some(Hallare::Enhet(before))) if now.first() == before.first() => {
            Some(Hallare::Enhet(before))
        }
        (now, _) => now,
    };
    keeping_of(underlag, what, Some(fact), hallare)
}

/// What is kept beside a resource that is renewed: who keeps it as far as it says so itself.
pub(super) fn keeping_anew(
    underlag: &mut OppenTransaktion<'_>,
    what: (ResourceType, &Value, &[IndexEntry]),
    (fact, before): (Option<&Fact>, Option<Kept>),
) -> Result<Keeping, StoreError> {
    match fact {
        Some(fact) => keeping(&Caller::Service, underlag, what, (fact, before)),
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

/// The unit that is stated, else the caller's. What the caller states within the own unit or vårdgivare lies there and in
/// nothing else, whatever the catalogue says: others write in it too.
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
    } else if let Some(vardgivare) = vardgivare
        && let Some(own) = chain
            .iter()
            .position(|id| *id == vardgivare || Some(id) == unit.as_ref())
    {
        chain.truncate(own + 1);
        if !chain.contains(&vardgivare) {
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
