//! Whether the unit that somebody acts for lies with the vårdgivare that her token names: where the catalogue knows the unit, the
//! catalogue tells. An issuer's word is not enough: by a unit of another vårdgivare one would be within two at once.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastkontakt_model::Fact;
use lru::LruCache;

use super::problem::Problem;
use super::underlag::OppenTransaktion;
use super::{Door, Order};
use crate::access::{Caller, Who};
use crate::fhir::identifiers::HSA_ID;
use crate::fhir::types::ResourceType;
use crate::hsa::{hsa_form, number_inside};
use crate::riktlinje::Underlag;
use crate::riktlinje::enhet::Enhet;
use crate::store::StoreError;

/// How long what the catalogue said is good for. Another server may write it.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// How many units are remembered.
const MOST: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// A unit, and the vårdgivare that it is said to lie with.
type Said = (String, String);

/// What the catalogue said of units lately. Cheap to clone.
#[derive(Clone)]
pub struct Enheter(Arc<Mutex<Minne>>);

struct Minne {
    known: LruCache<Said, (bool, Instant)>,
    /// How many times it was forgotten.
    forgotten: u64,
}

impl Default for Enheter {
    fn default() -> Enheter {
        Enheter(Arc::new(Mutex::new(Minne {
            known: LruCache::new(MOST),
            forgotten: 0,
        })))
    }
}

impl Enheter {
    fn lock(&self) -> MutexGuard<'_, Minne> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known; else how many times it was forgotten, to be told with what the catalogue says now.
    fn known(&self, said: &Said) -> Result<bool, u64> {
        let mut minne = self.lock();
        let forgotten = minne.forgotten;
        match minne.known.get(said) {
            Some((holds, at)) if at.elapsed() < GOOD_FOR => Ok(*holds),
            _ => Err(forgotten),
        }
    }

    /// Unless it was forgotten since it was asked.
    fn learn(&self, said: Said, holds: bool, forgotten: u64) {
        let mut minne = self.lock();
        if minne.forgotten == forgotten {
            minne.known.put(said, (holds, Instant::now()));
        }
    }

    fn forget(&self) {
        let mut minne = self.lock();
        minne.forgotten += 1;
        minne.known.clear();
    }
}

/// What is remembered of units is forgotten when this goes. It goes with what a write of theirs answers: after the commit, whether
/// somebody still waits for it or not.
pub(super) struct Forgets(Option<Enheter>);

impl Drop for Forgets {
    fn drop(&mut self) {
        if let Some(enheter) = &self.0 {
            enheter.forget();
        }
    }
}

impl Door {
    /// To be answered with what became of these.
    pub(super) fn writes_units(&self, orders: &[Order]) -> Forgets {
        let any = orders.iter().any(|order| order.kind() == ResourceType::Organization);
        Forgets(any.then(|| self.enheter.clone()))
    }

    /// [`Problem::Forbidden`] when the catalogue knows the caller's unit, and not as one of the vårdgivare that is named with it.
    pub async fn check_unit(&self, caller: &Caller) -> Result<(), Problem> {
        let Some(said) = said(caller) else { return Ok(()) };
        let holds = match self.enheter.known(&said) {
            Ok(known) => known,
            Err(forgotten) => {
                let (door, asked) = (self.clone(), said.clone());
                let answer: Result<bool, StoreError> = self
                    .store
                    .look_up(move |session| lies_with(&asked, &mut OppenTransaktion::new(session, &door.understood)))
                    .await;
                let holds = answer?;
                self.enheter.learn(said, holds, forgotten);
                holds
            }
        };
        if holds { Ok(()) } else { Err(Problem::Forbidden) }
    }
}

/// The unit and the vårdgivare that a token or the settings name; nothing when there is but one.
fn said(caller: &Caller) -> Option<Said> {
    let Caller::Known(identity) = caller else { return None };
    let (unit, vardgivare) = match &identity.who {
        Who::Patient(_) => return None,
        Who::Medarbetare(it) => (Some(&it.vardenhet), &it.vardgivare),
        Who::System(it) => (it.vardenhet.as_ref(), &it.vardgivare),
    };
    let said = (hsa_form(unit?)?, hsa_form(vardgivare)?);
    (said.0 != said.1).then_some(said)
}

/// By `partOf`; where that leads to no HSA-id, by the number inside the ids. What is not in the catalogue is as it is said.
fn lies_with((unit, vardgivare): &Said, underlag: &mut OppenTransaktion<'_>) -> Result<bool, StoreError> {
    let found = underlag.med_identifierare(ResourceType::Organization, &[HSA_ID], unit)?;
    let mut holds = found.is_empty();
    for organization in &found {
        let Fact::Organization(it) = organization.as_ref() else {
            continue;
        };
        let above = match &it.part_of {
            Some(part_of) => Some(Enhet::samla(underlag, part_of, organization)?),
            None => None,
        };
        let mut ids = above
            .iter()
            .flat_map(Enhet::chain)
            .flat_map(|own| &own.hsa_ids)
            .peekable();
        holds |= match ids.peek() {
            Some(_) => ids.any(|id| id == vardgivare),
            None => number_inside(unit).is_some() && number_inside(unit) == number_inside(vardgivare),
        };
    }
    Ok(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_before_a_write_is_not_learnt_after_it() {
        let enheter = Enheter::default();
        let said = ("SE2321000164-A".to_owned(), "SE2321000164-B".to_owned());
        let asked = enheter.known(&said).expect_err("nothing is known");
        drop(Forgets(Some(enheter.clone())));
        enheter.learn(said.clone(), true, asked);
        let asked = enheter.known(&said).expect_err("it was forgotten meanwhile");
        enheter.learn(said.clone(), false, asked);
        assert_eq!(enheter.known(&said), Ok(false));
        drop(Forgets(None));
        assert_eq!(enheter.known(&said), Ok(false));
    }
}
