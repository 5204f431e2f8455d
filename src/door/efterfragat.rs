//! What a request asks about, by its own words, and which patients that is: whoever searches for what is said of one patient
//! has asked about her, also when nothing is found or no more than a number is told.

use std::collections::BTreeSet;

use super::Order;
use crate::access::Asked;
use crate::fhir::identifiers::HSA_ID;
use crate::fhir::references::local;
use crate::fhir::search::SearchQuery;
use crate::fhir::search::has_patient;
use crate::fhir::search::query::{Criterion, ReferenceValue, SystemMatch, TokenValue};
use crate::fhir::types::ResourceType;
use crate::personnummer::holds_personal_number;
use crate::store::{Owners, Session, StoreError};

/// More of one criterion are not named. As many values as a search may have (`MOST_VALUES` of fhir/search/parse.rs) stay below it,
/// each of them the number of one or two.
const MOST_MATCHES: u32 = 1000;

/// What the criteria of a search name: patients and records by their ids, patients by their numbers, through chains and `_has` too.
pub(super) fn of_search(query: &SearchQuery) -> Asked {
    let mut asked = Asked::default();
    if let Some((kind, id)) = &query.compartment {
        asked.resource(*kind, id);
    }
    for (kind, criteria) in query.parts() {
        criteria.iter().for_each(|criterion| add(&mut asked, kind, criterion));
    }
    asked
}

/// `kind`: the type whose resources fulfil the criterion.
fn add(asked: &mut Asked, kind: ResourceType, criterion: &Criterion) {
    match criterion {
        Criterion::Id { any_of, .. } if has_patient(kind) => {
            any_of.iter().for_each(|id| asked.resource(kind, id));
        }
        // A version that a reference names is one of the resource.
        Criterion::Token { param, any_of, .. } if param.ends_with(":version") => {
            let literals = any_of.iter().filter_map(|token| token.value.as_deref());
            for (kind, id) in literals.filter_map(local).filter(|(kind, _)| has_patient(*kind)) {
                asked.resource(kind, id);
            }
        }
        // The number that a record itself states of whom it points at is the patient's, whoever else has it.
        Criterion::Token { param, any_of, .. } if param.ends_with(":identifier") => {
            ask_number(asked, ResourceType::Patient, "identifier", any_of);
        }
        Criterion::Token {
            param,
            any_of,
            selective: true,
            ..
        } if kind == ResourceType::Patient || (has_patient(kind) && param.starts_with("identifier")) => {
            ask_number(asked, kind, param, any_of);
        }
        Criterion::Reference { any_of, .. } => {
            for value in any_of {
                let ReferenceValue::Local { kinds, id, .. } = value else {
                    continue;
                };
                let is_told = kinds.len() == 1;
                // None: of any type.
                let named = kinds.iter().filter_map(|name| ResourceType::from_name(name));
                let kinds: Vec<ResourceType> = match kinds.is_empty() {
                    true => ResourceType::ALL.to_vec(),
                    false => named.collect(),
                };
                for kind in kinds.into_iter().filter(|kind| has_patient(*kind)) {
                    match is_told || kind == ResourceType::Patient {
                        true => asked.resource(kind, id),
                        false => asked.perhaps(kind, id),
                    }
                }
            }
        }
        Criterion::Chain { any_of, .. } => any_of.iter().for_each(|far| add(asked, far.kind, &far.criterion)),
        Criterion::Has { from, .. } => add(asked, from.kind, &from.criterion),
        Criterion::Any(any_of) => any_of.iter().for_each(|criterion| add(asked, kind, criterion)),
        _ => {}
    }
}

/// About the patients who have one of these numbers, or are to be reached by one, and the records that do. What names a system
/// alone is common to many, and an HSA-id is no patient's.
fn ask_number(asked: &mut Asked, kind: ResourceType, param: &'static str, any_of: &[TokenValue]) {
    let of_people = |token: &&TokenValue| token.value.is_some() && token.system != SystemMatch::Is(HSA_ID.to_owned());
    let any_of: Vec<TokenValue> = any_of.iter().filter(of_people).cloned().collect();
    if !any_of.is_empty() {
        let criterion = Criterion::Token {
            param,
            any_of,
            not: false,
            selective: true,
        };
        asked.number(kind, criterion);
    }
}

/// What an order would write. The id of a new resource is ours, and says nothing.
pub(super) fn of_order(order: &Order) -> Asked {
    let mut asked = Asked::default();
    if !order.is_create() {
        asked.resource(order.kind(), order.id());
    }
    order.patient().iter().for_each(|id| asked.patient(id));
    asked
}

/// The resources that are asked about, as the log names them. What may be a personal number is named when it is the id of
/// something that is stored; else it was sent in the place of an id, and is not kept.
pub(super) fn resources(
    session: &mut Session,
    asked: &Asked,
) -> Result<BTreeSet<(ResourceType, String, i64)>, StoreError> {
    let mut named = BTreeSet::new();
    for (kind, id) in asked.resources() {
        if !holds_personal_number(id) || session.current(kind, id)?.is_some() {
            named.insert((kind, id.to_owned(), 0));
        }
    }
    Ok(named)
}

/// The owners of the resources of a type that fulfil a criterion on their numbers.
fn with_number(session: &mut Session, kind: ResourceType, criterion: &Criterion) -> Result<Owners, StoreError> {
    if let Criterion::Token { param, any_of, .. } = criterion
        && let [TokenValue { system, value }] = any_of.as_slice()
        && let (SystemMatch::Is(system), Some(value)) = (system, value)
    {
        // As people are asked for each day: one look-up, where a search would be made ready first.
        return session.owners_by_identifier(kind, (param, system), value);
    }
    let query = SearchQuery {
        criteria: vec![criterion.clone()],
        ..SearchQuery::all(kind, MOST_MATCHES)
    };
    let found = session.search(&query)?.entries;
    session.owners_of_stored(&found)
}

/// The patients whom it is about, as far as something was ever stored of them, and who keeps what is named. Asked without
/// anybody's eyes: what is not shown may be asked about all the same.
pub(super) fn owners(session: &mut Session, asked: &Asked) -> Result<Owners, StoreError> {
    if asked.is_empty() {
        return Ok(Owners::default());
    }
    session.seen_by(None, |session| {
        let named: Vec<(ResourceType, &str)> = asked.owned().collect();
        let mut owners = session.owners(&named)?;
        for (kind, number) in asked.numbers() {
            let found = with_number(session, *kind, number)?;
            owners.patients.extend(found.patients);
            owners.keepers.extend(found.keepers);
        }
        // A patient of whom nothing was ever stored is none.
        owners.patients.retain(|_, key| key.is_some());
        Ok(owners)
    })
}
