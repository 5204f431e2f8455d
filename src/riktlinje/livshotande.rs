//! Life-threatening conditions (riktlinje.md part 3): active, not ruled out, and severe by code or by the policy's list.

use fastkontakt_model::facts::{Concept, Condition};

use super::codes::{
    ALLVARLIGHETSGRAD, CONDITION_CLINICAL, CONDITION_VERIFICATION, LIVSHOTANDE, SNOMED_LIVSHOTANDE, anger,
};
use super::policy::Policy;
use crate::fhir::identifiers::SNOMED_CT;

const GOING_ON: &[&str] = &["active", "recurrence", "relapse"];
const RULED_OUT: &[&str] = &["refuted", "entered-in-error"];

/// Whether one of the conditions is life-threatening.
pub fn any<'c>(mut conditions: impl Iterator<Item = &'c Condition>, policy: &Policy) -> bool {
    conditions.any(|condition| is_livshotande(condition, policy))
}

/// Whether a condition is life-threatening under a policy.
pub fn is_livshotande(condition: &Condition, policy: &Policy) -> bool {
    let is_severe = condition.severity.as_ref().is_some_and(|severity| {
        anger(severity, SNOMED_CT, SNOMED_LIVSHOTANDE) || severity.has(ALLVARLIGHETSGRAD, LIVSHOTANDE)
    });
    let is_listed = || {
        let listed = &policy.parameters.livshotande_koder;
        condition
            .code
            .as_ref()
            .is_some_and(|code| listed.iter().any(|own| anger(code, &own.system, &own.code)))
    };
    says(&condition.clinical_status, CONDITION_CLINICAL, GOING_ON)
        && !says(&condition.verification_status, CONDITION_VERIFICATION, RULED_OUT)
        && (is_severe || is_listed())
}

fn says(concept: &Option<Concept>, system: &str, codes: &[&str]) -> bool {
    concept
        .as_ref()
        .is_some_and(|concept| codes.iter().any(|code| concept.has(system, code)))
}
