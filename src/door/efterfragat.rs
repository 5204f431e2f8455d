//! What a request asks about, by its own words, and which patients that is: whoever searches for what is said of one patient
//! has asked about her, also when nothing is found or no more than a number is told.

use std::collections::BTreeSet;

use super::Order;
use crate::access::Asked;
use crate::fhir::search::SearchQuery;
use crate::fhir::search::has_patient;
use crate::fhir::search::query::{Criterion, ReferenceValue, SystemMatch, TokenValue};
use crate::fhir::types::ResourceType;
use crate::riktlinje::identity::holds_personal_number;
use crate::store::{Owners, Session, StoreError};

/// More of one search is not looked up: its criteria are so bounded (`fhir/search/values.rs`) that nobody comes near it.
const MOST_MATCHES: u32 = 20;

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
        Criterion::Id { any_of, not: false } if has_patient(kind) => {
            any_of.iter().for_each(|id| asked.resource(kind, id));
        }
        Criterion::Token {
            not: false,
            selective: true,
            ..
        } if kind == ResourceType::Patient => asked.number(criterion.clone()),
        // The number that a record itself states is the patient's, whoever else has it.
        Criterion::Token {
            param: "subject:identifier" | "patient:identifier",
            any_of,
            not: false,
            ..
        } => asked.number(Criterion::Token {
            param: "identifier",
            any_of: any_of.clone(),
            not: false,
            selective: true,
        }),
        Criterion::Reference { any_of, .. } => {
            for value in any_of {
                let ReferenceValue::Local { kinds, id, .. } = value else {
                    continue;
                };
                let is_patient = kinds.iter().any(|name| name == ResourceType::Patient.name());
                let kind = match kinds.as_slice() {
                    _ if is_patient => Some(ResourceType::Patient),
                    [one] => ResourceType::from_name(one).filter(|kind| has_patient(*kind)),
                    _ => None,
                };
                kind.into_iter().for_each(|kind| asked.resource(kind, id));
            }
        }
        Criterion::Chain { any_of, .. } => any_of.iter().for_each(|far| add(asked, far.kind, &far.criterion)),
        Criterion::Has { from, .. } => add(asked, from.kind, &from.criterion),
        Criterion::Any(any_of) => any_of.iter().for_each(|criterion| add(asked, kind, criterion)),
        _ => {}
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

/// The Patients that fulfil a criterion on their numbers, and who keeps them.
fn with_number(session: &mut Session, criterion: &Criterion) -> Result<Owners, StoreError> {
    if let Criterion::Token { param, any_of, .. } = criterion
        && let [TokenValue { system, value }] = any_of.as_slice()
        && let (SystemMatch::Is(system), Some(value)) = (system, value)
    {
        // As people are asked for each day: one look-up, where a search would be made ready first.
        return session.owners_by_identifier(ResourceType::Patient, (param, system), value);
    }
    let query = SearchQuery {
        criteria: vec![criterion.clone()],
        ..SearchQuery::all(ResourceType::Patient, MOST_MATCHES)
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
        for number in asked.numbers() {
            owners.patients.extend(with_number(session, number)?.patients);
        }
        // A patient of whom nothing was ever stored is none.
        owners.patients.retain(|_, key| key.is_some());
        Ok(owners)
    })
}
