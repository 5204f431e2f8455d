//! Life-threatening conditions (riktlinje.md part 3): active, not ruled out, and severe by code or by the policy's list. Of one
//! without a clinical status (R4 allows that) nothing tells whether it goes on (GEN-03); one that has abated has it (con-4).

use fastkontakt_model::facts::{Concept, Condition};

use super::codes::{
    ALLVARLIGHETSGRAD, CONDITION_CLINICAL, CONDITION_VERIFICATION, LIVSHOTANDE, SNOMED_LIVSHOTANDE, anger,
};
use super::finding::Evidence;
use super::policy::Policy;
use crate::fhir::identifiers::SNOMED_CT;

const GOING_ON: &[&str] = &["active", "recurrence", "relapse"];
/// One that is no longer there; `unknown` (R5) is not among them.
const OVER: &[&str] = &["inactive", "remission", "resolved"];
const RULED_OUT: &[&str] = &["refuted", "entered-in-error"];

/// Whether one of the conditions is life-threatening.
pub fn any<'c>(conditions: impl Iterator<Item = &'c Condition>, policy: &Policy) -> Evidence {
    Evidence::any(conditions.map(|condition| is_livshotande(condition, policy)))
}

/// Whether a condition is life-threatening under a policy.
pub fn is_livshotande(condition: &Condition, policy: &Policy) -> Evidence {
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
    if says(&condition.verification_status, CONDITION_VERIFICATION, RULED_OUT) || !(is_severe || is_listed()) {
        return Evidence::Contradicted;
    }
    let status = |codes| says(&condition.clinical_status, CONDITION_CLINICAL, codes);
    if status(GOING_ON) {
        Evidence::Shown
    } else if status(OVER) {
        Evidence::Contradicted
    } else {
        Evidence::NotStated
    }
}

fn says(concept: &Option<Concept>, system: &str, codes: &[&str]) -> bool {
    concept
        .as_ref()
        .is_some_and(|concept| codes.iter().any(|code| concept.has(system, code)))
}
