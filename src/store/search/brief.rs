//! Which searches are as good as a read: see [`Store::look_up`](crate::store::Store::look_up).

use super::ahead::ends;
use super::sql;
use crate::fhir::search::include::Include;
use crate::fhir::search::query::{Criterion, Far, SearchQuery};
use crate::fhir::types::ResourceType;

/// Entries on a page, criteria, values of a criterion, and references to include that a brief search has at the most.
const ENTRIES: u32 = 50;
const CRITERIA: usize = 8;
const VALUES: usize = 8;
const INCLUDES: usize = 4;

/// Whether a search looks at a handful of rows whatever is stored, so that it may be done on the thread that asks:
///
/// * by ids, by an identifier of the resource's own or of the patient's, or the contacts and plans of one patient; what else
///   it asks, and what comes with them by one reference, is asked of those few;
/// * one criterion whose rows stand in the order of the page, however many there are, or a vårdenhet and a role: a page is
///   what is looked at.
///
/// A chain to an identifier is a look-up of those who have it ([`super::looks_ahead`]), and a vårdenhet one of its
/// assignments; they are few, or the search is not brief after all.
pub fn is_brief(query: &SearchQuery) -> bool {
    let small = query.also.is_empty()
        && query.count <= ENTRIES
        && query.criteria.len() <= CRITERIA
        && (query.criteria.iter().all(is_small) || sql::is_unit_alone(&query.criteria))
        && query.includes.len() <= INCLUDES
        && query.includes.iter().all(is_one_step);
    small && (begins_at_few(query) || (!query.total && query.includes.is_empty() && page_alone(query)))
}

fn begins_at_few(query: &SearchQuery) -> bool {
    let begins_at_few = |criterion: &Criterion| match criterion {
        Criterion::Chain { any_of, .. } => {
            sql::FEW_OF_A_PATIENT.contains(&query.kind) && any_of.iter().all(|far| far.kind == ResourceType::Patient)
        }
        criterion => sql::leaves_few(query.kind, criterion),
    };
    sql::beginning(query).is_some_and(begins_at_few)
}

fn page_alone(query: &SearchQuery) -> bool {
    // A chain becomes references, each of which is read in the order of the page.
    let is_chain_alone = matches!(&query.criteria[..], [chain] if ends(chain).is_some()) && query.sort.is_empty();
    is_chain_alone || sql::goes_no_further_than_the_page(query)
}

/// What is included by one reference of a match, without what that refers to in turn.
fn is_one_step(include: &Include) -> bool {
    !include.reverse && !include.iterate && include.joins.len() == 1 && include.joins.iter().all(|join| !join.canonical)
}

fn is_small(criterion: &Criterion) -> bool {
    match criterion {
        Criterion::Id { any_of, .. } => any_of.len() <= VALUES,
        Criterion::LastUpdated { any_of } | Criterion::Date { any_of, .. } => any_of.len() <= VALUES,
        Criterion::Token { any_of, .. } => any_of.len() <= VALUES,
        Criterion::Reference { any_of, .. } => any_of.len() <= VALUES,
        Criterion::Missing { .. } => true,
        Criterion::Chain { any_of, .. } => {
            let values =
                |far: &Far| matches!(&far.criterion, Criterion::Token { any_of, .. } if any_of.len() <= VALUES);
            any_of.len() <= VALUES && ends(criterion).is_some() && any_of.iter().all(values)
        }
        _ => false,
    }
}
