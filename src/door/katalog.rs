//! What an Organization says that decides where others' records lie: its HSA-ids, what it lies within, and what lies in it.

use serde_json::Value;

use super::problem::Problem;
use super::write::{Staged, Transaction};
use crate::access::beslut::{self, far_ligga_under};
use crate::fhir::identifiers::{HSA_ID, canonical_system};
use crate::fhir::types::ResourceType;
use crate::hsa::hsa_form;
use crate::riktlinje::{ovanfor, vardgivaren};
use crate::store::{Hallare, Kept, Session, StoreError};

impl Transaction<'_, '_> {
    /// Whether an Organization lies where it lay, or below what is the caller's vårdgivare's: others keep records where they
    /// are led by what lies within what.
    pub(super) fn is_in_own_place(&mut self, staged: &Staged<'_>) -> Result<bool, Problem> {
        let (Some(prepared), Some(vard)) = (staged.order.prepared(), self.underlag.vard()) else {
            return Ok(true);
        };
        let now = prepared.body.resource.get("partOf");
        if let Some(stored) = staged.current.as_ref().filter(|stored| !stored.deleted) {
            let before = stored.resource()?;
            if now == before.get("partOf") {
                return Ok(true);
            }
        }
        let above = ovanfor(&prepared.fact, &mut self.underlag)?;
        Ok(far_ligga_under(&vard, now.is_some(), &above))
    }

    /// Whether others that lie within an Organization would come to lie with another vårdgivare, or with none, unknowingly: they
    /// are not written in this transaction. Who makes another's unit under an id that was one's own, or takes the place over that
    /// units of hers still name, would keep what is kept in them.
    pub(super) fn takes_others_along(&mut self, staged: &Staged<'_>) -> Result<bool, Problem> {
        let Some(vard) = self.underlag.vard() else {
            return Ok(false);
        };
        let now = match staged.order.prepared() {
            Some(prepared) => vardgivaren(&prepared.fact, &mut self.underlag)?,
            None => None,
        };
        let before = match (&staged.before, &staged.fore) {
            (Some(before), _) => vardgivaren(before, &mut self.underlag)?,
            // What is deleted lies nowhere; it is told who kept it.
            (
                None,
                Some(Kept {
                    hallare: Hallare::Enhet(chain),
                    ..
                }),
            ) => chain.last().cloned(),
            // Who keeps everybody's catalogue writes it in any order.
            (None, None) if vard.katalog => return Ok(false),
            (None, _) => None,
        };
        if now == before && staged.order.prepared().is_some() {
            return Ok(false);
        }
        let within = self.underlag.session.organizations_within(staged.order.id())?;
        Ok(within
            .iter()
            .any(|id| !self.underlag.writes(ResourceType::Organization, id)))
    }
}

/// The HSA-ids of an Organization, in capitals. What cannot be one is told as it is: it is nobody's to give.
pub(super) fn organisationens_hsa_id(organization: &Value) -> Vec<String> {
    let identifiers = organization.get("identifier").and_then(Value::as_array);
    let is_hsa = |system: &str| canonical_system(system) == HSA_ID;
    let of_hsa = identifiers
        .into_iter()
        .flatten()
        .filter(|identifier| identifier["system"].as_str().is_some_and(is_hsa));
    let values = of_hsa.filter_map(|identifier| identifier["value"].as_str());
    values
        .map(|value| hsa_form(value).unwrap_or_else(|| value.to_owned()))
        .collect()
}

/// Whether an Organization carries the HSA-id of one that another vårdgivare keeps: who names that unit by its id would be
/// led here, and what lies in it with them.
pub(super) fn takes_anothers_id(
    session: &mut Session,
    own: &[String],
    id: Option<&str>,
    hsa_ids: &[String],
) -> Result<bool, StoreError> {
    for value in hsa_ids {
        for other in session.with_identifier(ResourceType::Organization, &[HSA_ID], value)? {
            let kept = session.kept_beside(other.kind, &other.id)?.unwrap_or_default();
            if Some(other.id.as_str()) != id && !beslut::halls_av(&kept, own) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
