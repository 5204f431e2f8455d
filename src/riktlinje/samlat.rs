//! What is gathered of one state of the data once, however many resources are judged on it. Each of a patient's contacts is
//! judged beside all the others: were they gathered for each, the work would grow with their square.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use fastkontakt_model::Fact;

use super::andra::Grannkontakt;
use super::plan::Grannplan;
use super::underlag::{Fore, Underlag};
use crate::fhir::types::ResourceType;

/// Whose: these Patient resources'; as it was before the transaction, or as it is.
type Vems = (Vec<String>, bool);

/// What is gathered of each.
type Samling<K, T> = HashMap<K, Arc<[T]>>;

/// What is gathered, by whose it is: these Patient resources, and as it is, or as it was before the transaction. It holds for one
/// state, one caller and one set of policies.
#[derive(Debug, Default)]
pub struct Samlat {
    pub(super) lasbara: Samling<(ResourceType, Vems), Arc<Fact>>,
    pub(super) kontakter: Samling<Vems, Arc<Grannkontakt>>,
    pub(super) planer: Samling<Vems, Grannplan>,
}

/// Gathers something, unless that has been done.
pub(super) fn en_gang<U: Underlag, K: Eq + Hash, T: ?Sized>(
    underlag: &mut U,
    of: impl Fn(&mut Samlat) -> &mut HashMap<K, Arc<T>>,
    key: K,
    samla: impl FnOnce(&mut U) -> Result<Arc<T>, U::Error>,
) -> Result<Arc<T>, U::Error> {
    if let Some(known) = underlag.samlat().and_then(|samlat| of(samlat).get(&key).cloned()) {
        return Ok(known);
    }
    let samlat = samla(underlag)?;
    if let Some(all) = underlag.samlat() {
        of(all).insert(key, samlat.clone());
    }
    Ok(samlat)
}

/// All resources of a type of these patients, as they are, or as they were before the transaction.
pub(super) fn patientens<U: Underlag>(
    underlag: &mut U,
    kind: ResourceType,
    patients: &[String],
    fore: bool,
) -> Result<Vec<Arc<Fact>>, U::Error> {
    let now = underlag.av_patienter(kind, patients)?;
    if !fore {
        return Ok(now);
    }
    let mut all = Vec::with_capacity(now.len());
    for fact in now {
        match underlag.fore(&fact)? {
            Fore::Oforandrad => all.push(fact),
            Fore::Fanns(before) => all.push(before),
            Fore::FannsInte => {}
        }
    }
    Ok(all)
}

/// Those of them that the caller may read: what findings may lean on (GEN-05).
pub(super) fn lasbara<U: Underlag>(
    underlag: &mut U,
    kind: ResourceType,
    patients: &[String],
    fore: bool,
) -> Result<Arc<[Arc<Fact>]>, U::Error> {
    let key = (kind, (patients.to_vec(), fore));
    en_gang(
        underlag,
        |samlat| &mut samlat.lasbara,
        key,
        |underlag| {
            let mut facts = patientens(underlag, kind, patients, fore)?;
            facts.retain(|fact| underlag.far_lasa(fact));
            Ok(facts.into())
        },
    )
}
