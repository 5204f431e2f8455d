//! What a caller tells of how things came about (a Provenance of the caller's own) is told of what she may read, and in her own
//! name: as herself, or for her own unit. Who did what is otherwise the service's to tell (`provenance.rs`).

use fastkontakt_model::Fact;
use fastkontakt_model::facts::Reference;
use serde_json::Value;

use super::atkomst::reference_of;
use super::underlag::OppenTransaktion;
use crate::access::beslut::Vard;
use crate::access::{Caller, Who};
use crate::fhir::identifiers::HSA_ID;
use crate::fhir::references::local;
use crate::riktlinje::Underlag;
use crate::riktlinje::enhet::Enhet;
use crate::riktlinje::identity::{hsa_ids, logical};
use crate::riktlinje::underlag::folj;
use crate::store::{StoreError, hsa_form};

/// Whether all that a Provenance tells of may be read by the one who writes it.
pub(super) fn tells_of_what_is_read(
    provenance: &Value,
    underlag: &mut OppenTransaktion<'_>,
) -> Result<bool, StoreError> {
    for target in items(&provenance["target"]) {
        if let Some((kind, id)) = target["reference"].as_str().and_then(local)
            && !underlag.is_readable(kind, id)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a Provenance names nobody but the caller and her own unit as those who did something or for whom: a person
/// herself, a program whomever works for the units that it acts for.
pub(super) fn in_own_name(
    caller: &Caller,
    vard: &Vard,
    (provenance, fact): (&Value, &Fact),
    underlag: &mut OppenTransaktion<'_>,
) -> Result<bool, StoreError> {
    let herself = match caller {
        Caller::Known(identity) => match &identity.who {
            Who::Medarbetare(medarbetare) => hsa_form(&medarbetare.hsa_id),
            _ => None,
        },
        _ => None,
    };
    let mut own = Own {
        vard,
        herself,
        fact,
        underlag,
    };
    let entities = items(&provenance["entity"]).flat_map(|entity| items(&entity["agent"]));
    let agents = items(&provenance["agent"])
        .chain(entities)
        .chain(items(&provenance["signature"]));
    for agent in agents {
        for (name, as_unit) in [("who", false), ("onBehalfOf", true)] {
            if let Some(named) = agent.get(name)
                && !own.is_own(&reference_of(named), as_unit)?
            {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

struct Own<'a, 'u, 's> {
    vard: &'a Vard,
    /// The person's own HSA-id; none: a program.
    herself: Option<String>,
    fact: &'a Fact,
    underlag: &'u mut OppenTransaktion<'s>,
}

impl Own<'_, '_, '_> {
    /// Whether it is the caller, or her unit. What cannot be told is somebody else.
    fn is_own(&mut self, named: &Reference, as_unit: bool) -> Result<bool, StoreError> {
        let found = folj(self.underlag, named, self.fact)?;
        let ids = hsa_ids(logical(named));
        match found.as_ref().map(|found| found.fact.as_ref()) {
            Some(Fact::Organization(_)) => self.is_own_unit(named),
            Some(Fact::PractitionerRole(role)) => {
                let in_own_unit = match (&role.organization, &found) {
                    (Some(organization), Some(found)) if !named.is_contained() => {
                        let home = found.home.clone();
                        let enhet = Enhet::samla(self.underlag, organization, &home)?;
                        self.is_within(&enhet)
                    }
                    _ => false,
                };
                let person = match (&role.practitioner, &found) {
                    (Some(practitioner), Some(found)) => self.person(practitioner, &found.home.clone())?,
                    _ => Vec::new(),
                };
                Ok(in_own_unit && (as_unit || self.is_herself(&person)))
            }
            Some(Fact::Practitioner(_)) if !as_unit => {
                let person = self.person(named, self.fact)?;
                Ok(self.is_herself(&person))
            }
            // A Device of a program; of nothing else that is found can anybody speak.
            Some(_) => Ok(false),
            None if named.target_type() == Some("Organization") || as_unit => self.is_own_unit(named),
            None if ids.is_empty() => Ok(false),
            // Somebody, or something, by HSA-id alone: it may be a unit.
            None => {
                let units = self.underlag.med_identifierare(
                    crate::fhir::types::ResourceType::Organization,
                    &[HSA_ID],
                    &ids[0],
                )?;
                match units.is_empty() && !self.is_unit_by_name(&ids) {
                    true => Ok(self.is_herself(&ids)),
                    false => self.is_own_unit(named),
                }
            }
        }
    }

    fn is_unit_by_name(&self, ids: &[String]) -> bool {
        ids.iter().any(|id| self.vard.egna().contains(id))
    }

    fn is_own_unit(&mut self, named: &Reference) -> Result<bool, StoreError> {
        let enhet = Enhet::samla(self.underlag, named, self.fact)?;
        Ok(self.is_within(&enhet))
    }

    /// The own unit, what the catalogue says lies within it, or the own vårdgivare itself.
    fn is_within(&self, enhet: &Enhet) -> bool {
        let unit = enhet.unit();
        let egna = self.vard.egna();
        if unit.bara_pastadd {
            return !unit.hsa_ids.is_empty() && unit.hsa_ids.iter().all(|id| egna.contains(id));
        }
        let egen = self.vard.egen_enhet();
        let mut known = enhet.chain().iter().take_while(|own| !own.bara_pastadd);
        unit.hsa_ids.iter().any(|id| egna.contains(id))
            || known.any(|own| own.hsa_ids.iter().any(|id| egen.contains(id)))
    }

    /// The HSA-ids of a person who is named.
    fn person(&mut self, named: &Reference, within: &Fact) -> Result<Vec<String>, StoreError> {
        let found = folj(self.underlag, named, within)?;
        Ok(match found.as_ref().map(|found| found.fact.as_ref()) {
            Some(Fact::Practitioner(practitioner)) => hsa_ids(&practitioner.identifiers),
            Some(_) => Vec::new(),
            None => hsa_ids(logical(named)),
        })
    }

    /// A program may name whomever works there.
    fn is_herself(&self, ids: &[String]) -> bool {
        match &self.herself {
            Some(own) => !ids.is_empty() && ids.iter().all(|id| id == own),
            None => self.vard.system,
        }
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
