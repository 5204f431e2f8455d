//! Which searches are as good as a read: see [`Store::look_up`](crate::store::Store::look_up).

use super::sql;
use crate::fhir::search::query::{Criterion, ReferenceValue, SearchQuery};
use crate::fhir::types::ResourceType;

/// Entries on a page, criteria, and values of a criterion that a brief search has at the most.
const ENTRIES: u32 = 50;
const CRITERIA: usize = 8;
const VALUES: usize = 8;

/// The types of which a patient has a handful. (A patient may have thousands of tasks and messages.)
const FEW_OF_A_PATIENT: &[ResourceType] = &[
    ResourceType::CareTeam,
    ResourceType::CarePlan,
    ResourceType::RelatedPerson,
    ResourceType::Consent,
    ResourceType::Goal,
];

/// Whether a search looks at a handful of rows whatever is stored, so that it may be done on the thread that asks: by ids,
/// by an identifier of the resource's own or of the patient's, or the contacts and plans of one patient. What else it asks
/// is asked of those few. No other resource is followed.
pub fn is_brief(query: &SearchQuery) -> bool {
    let small = query.also.is_empty()
        && query.includes.is_empty()
        && query.count <= ENTRIES
        && query.criteria.len() <= CRITERIA
        && query.criteria.iter().all(is_small);
    small && sql::beginning(query).is_some_and(|criterion| leaves_few(query.kind, criterion))
}

fn is_small(criterion: &Criterion) -> bool {
    match criterion {
        Criterion::Id { any_of, .. } => any_of.len() <= VALUES,
        Criterion::LastUpdated { any_of } | Criterion::Date { any_of, .. } => any_of.len() <= VALUES,
        Criterion::Token { any_of, .. } => any_of.len() <= VALUES,
        Criterion::Reference { any_of, .. } => any_of.len() <= VALUES,
        Criterion::Missing { .. } => true,
        _ => false,
    }
}

/// Whether few resources fulfil the criterion that the look-up begins at.
fn leaves_few(kind: ResourceType, criterion: &Criterion) -> bool {
    match criterion {
        Criterion::Id { .. } => true,
        Criterion::Token {
            param: "identifier", ..
        } => true,
        Criterion::Token {
            param: "subject:identifier" | "patient:identifier",
            ..
        } => FEW_OF_A_PATIENT.contains(&kind),
        Criterion::Reference { any_of, .. } => {
            let patient = ResourceType::Patient.name();
            let is_patient =
                |value: &ReferenceValue| matches!(value, ReferenceValue::Local { kinds, .. } if *kinds == [patient]);
            FEW_OF_A_PATIENT.contains(&kind) && any_of.iter().all(is_patient)
        }
        _ => false,
    }
}
