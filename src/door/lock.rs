//! The locks of a write, under PostgreSQL.

use std::collections::BTreeSet;
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::Reference;

use super::katalog::organisationens_hsa_id;
use super::problem::Problem;
use super::underlag::OppenTransaktion;
use super::{Order, Understood};
use crate::clock::Clock;
use crate::fhir::types::ResourceType;
use crate::riktlinje::{samma_patient, samma_som, utan_patientresurs};
use crate::store::Session;

/// Takes the locks the exactness of the patient rules rests on, in one fixed order for all writers. Under SQLite the
/// one writer is the lock.
pub(super) fn lock(
    session: &mut Session,
    criteria: &[String],
    orders: &[Order],
    understood: &Understood,
    clock: Clock,
) -> Result<(), Problem> {
    if !session.needs_locks() {
        return Ok(());
    }
    // Two writers under the same criteria must not both find nobody; nor two that give an Organization the same HSA-id.
    let named = orders.iter().filter(|order| order.kind() == ResourceType::Organization);
    let named = named
        .filter_map(Order::prepared)
        .flat_map(|prepared| organisationens_hsa_id(&prepared.body.resource));
    let mut alone = criteria.to_vec();
    alone.extend(named.map(|id| format!("Organization?hsa-id={id}")));
    session.lock_criteria(&alone)?;
    let keys: BTreeSet<(ResourceType, &str)> = orders.iter().map(|order| (order.kind(), order.id())).collect();
    // The rules look at whom a record leaves, or is deleted from, as at whom it comes to.
    let mut named: BTreeSet<String> = orders.iter().filter_map(Order::patient).collect();
    named.extend(session.patients_of(&keys)?);
    // Who is told by a number only: the rules look at the patients that carry it.
    let left = session.on_nobody(&keys)?;
    let left: Vec<Arc<Fact>> = left.iter().filter_map(|stored| understood.fact(stored)).collect();
    let facts = orders.iter().filter_map(Order::prepared).map(|prepared| &prepared.fact);
    let unnamed: Vec<(&Fact, &Reference)> = facts
        .chain(&left)
        .flat_map(|fact| utan_patientresurs(fact).into_iter().map(|about| (fact.as_ref(), about)))
        .collect();
    let mut locked = BTreeSet::new();
    loop {
        // Another writer may have joined patients while we waited for the locks; then those are waited for too.
        let mut joined = named.clone();
        for patient in &named {
            joined.extend(samma_patient(patient, &mut OppenTransaktion::new(session, understood))?);
        }
        for (fact, about) in &unnamed {
            let mut underlag = OppenTransaktion::new(session, understood);
            joined.extend(samma_som(Some(about), fact, &mut underlag)?);
        }
        let missing: Vec<String> = joined.difference(&locked).cloned().collect();
        if missing.is_empty() {
            break;
        }
        session.lock_patients(&missing)?;
        locked.extend(missing);
    }
    let resources: Vec<(ResourceType, &str)> = keys.iter().copied().collect();
    session.lock_resources(&resources)?;
    // Another writer may have moved one meanwhile, to a patient who is not locked; then all is done again.
    match session.patients_of(&keys)?.is_subset(&locked) {
        true => Ok(session.will_make_versions(clock.now())?),
        false => Err(Problem::Deadlock),
    }
}
