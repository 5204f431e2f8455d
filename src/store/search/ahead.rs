//! What a search asks of other resources, looked up before the search itself where few answer: a chain that ends at an
//! identifier becomes the references to those who have it, and a vårdenhet the Organizations that its identifier means. The
//! search then begins at references, one value each, whose rows the index holds in the order of the page.
//!
//! Both look-ups are of one state of the database (`Session::snapshot`), or the page might tell of what never was.

use std::borrow::Cow;
use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_types::{SmallInt, Text};

use super::sql;
use crate::fhir::search::local_reference;
use crate::fhir::search::query::{Criterion, Far, Naming, SearchQuery};
use crate::fhir::types::ResourceType;
use crate::store::connection::on_either;
use crate::store::error::StoreError;
use crate::store::kind;
use crate::store::session::Session;
use crate::store::sikt::Sikt;

/// More than these are left to the search's own statement.
const MOST: usize = 8;

/// Assignments to a unit: more of them are left to the search's own statement, too.
const MOST_ASSIGNED: usize = 16;

/// A search, and what is known of it before it is carried out.
pub(super) struct Search<'q> {
    pub query: Cow<'q, SearchQuery>,
    /// The vårdenhet, when the look-up begins there.
    pub unit: Option<Unit>,
    /// With whose eyes.
    pub sikt: Option<Arc<Sikt>>,
    /// Something was not found out, because too many answer to it.
    pub is_open: bool,
}

/// Whom a vårdenhet's identifier means.
pub(super) struct Unit {
    /// The ids of the Organizations.
    pub organizations: Vec<String>,
    /// The ids of the assignments (PractitionerRole) there; `None` when they are many.
    pub assigned: Option<Vec<String>>,
}

impl<'q> Search<'q> {
    /// Whether it is known that nothing is found: nobody is at the other end.
    pub fn is_in_vain(&self) -> bool {
        let nobody =
            |criterion: &Criterion| matches!(criterion, Criterion::Reference { any_of, .. } if any_of.is_empty());
        self.query.also.is_empty() && self.query.criteria.iter().any(nobody)
    }

    /// Nothing is known.
    pub fn of(query: &'q SearchQuery, sikt: Option<Arc<Sikt>>) -> Search<'q> {
        Search {
            query: Cow::Borrowed(query),
            unit: None,
            sikt,
            is_open: false,
        }
    }
}

/// Whether something is looked up before the search itself.
pub fn looks_ahead(query: &SearchQuery) -> bool {
    query.also.is_empty() && (query.criteria.iter().any(|criterion| ends(criterion).is_some()) || unit(query).is_some())
}

/// The far ends of a chain, when each is asked for by what few have.
pub(super) fn ends(criterion: &Criterion) -> Option<&[Far]> {
    let few = |far: &Far| {
        matches!(
            &far.criterion,
            Criterion::Token { not: false, selective: true, any_of, .. } if any_of.iter().all(|token| token.value.is_some())
        )
    };
    match criterion {
        Criterion::Chain {
            any_of,
            by: Naming::Place { .. },
            ..
        } if any_of.iter().all(few) => Some(any_of),
        _ => None,
    }
}

/// The Organizations to look for, when a page without a sort begins at a vårdenhet.
fn unit(query: &SearchQuery) -> Option<Far> {
    match sql::beginning(query) {
        Some(Criterion::CareUnit {
            any_of,
            is_giver: false,
            not: false,
        }) if query.sort.is_empty() => Some(Far {
            kind: ResourceType::Organization,
            criterion: Criterion::Token {
                param: "identifier",
                any_of: any_of.clone(),
                not: false,
                selective: true,
            },
        }),
        _ => None,
    }
}

impl Session {
    /// Looks up what can be known beforehand.
    pub(super) fn look_ahead<'q>(&mut self, query: &'q SearchQuery) -> Result<Search<'q>, StoreError> {
        let mut search = Search::of(query, self.sikt.clone());
        if !query.also.is_empty() {
            return Ok(search);
        }
        for (number, criterion) in query.criteria.iter().enumerate() {
            let (
                Some(far),
                Criterion::Chain {
                    param,
                    by: Naming::Place { own_bases },
                    ..
                },
            ) = (ends(criterion), criterion)
            else {
                continue;
            };
            match self.those(far)? {
                None => search.is_open = true,
                Some(those) => {
                    let any_of = those.into_iter().map(|(kind, id)| {
                        let kind = kind.name().to_owned();
                        local_reference(vec![kind], id, own_bases)
                    });
                    search.query.to_mut().criteria[number] = Criterion::Reference {
                        param,
                        any_of: any_of.collect(),
                    };
                }
            }
        }
        if let Some(organizations) = unit(&search.query) {
            search.unit = self.unit(&organizations)?;
            search.is_open |= search.unit.as_ref().is_none_or(|unit| unit.assigned.is_none());
        }
        Ok(search)
    }

    fn unit(&mut self, asked: &Far) -> Result<Option<Unit>, StoreError> {
        let Some(found) = self.those(std::slice::from_ref(asked))? else {
            return Ok(None);
        };
        let organizations: Vec<String> = found.into_iter().map(|(_, id)| id).collect();
        let Criterion::Token { any_of, .. } = &asked.criterion else {
            return Ok(None);
        };
        let most = i64::try_from(MOST_ASSIGNED).unwrap_or(i64::MAX);
        let statement = sql::assigned(any_of, &organizations, most + 1).of_columns::<Text>();
        let mut assigned: Vec<String> = on_either!(self, c => statement.load(c))?;
        let few = assigned.len() <= MOST_ASSIGNED;
        // One that names its unit both ways is found twice.
        assigned.sort_unstable();
        assigned.dedup();
        Ok(Some(Unit {
            organizations,
            assigned: few.then_some(assigned),
        }))
    }

    /// The current resources that are asked for; `None` when they are not few.
    fn those(&mut self, far: &[Far]) -> Result<Option<Vec<(ResourceType, String)>>, StoreError> {
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let sikt = self.sikt.clone();
        let statement = sql::those(far, most + 1, sikt.as_deref()).of_columns::<(SmallInt, Text)>();
        let mut rows: Vec<(i16, String)> = on_either!(self, c => statement.load(c))?;
        if rows.len() > MOST {
            return Ok(None);
        }
        rows.sort_unstable();
        rows.dedup();
        rows.into_iter()
            .map(|(number, id)| Ok((kind::of_number(number)?, id)))
            .collect::<Result<_, StoreError>>()
            .map(Some)
    }

    /// The statements that look ahead, explained.
    pub(super) fn explain_ahead(&mut self, query: &SearchQuery) -> Result<Vec<String>, StoreError> {
        let unit = unit(query).into_iter().collect::<Vec<Far>>();
        let ends = query.criteria.iter().filter_map(ends);
        let sikt = self.sikt.clone();
        let mut lines = Vec::new();
        for far in ends.chain([unit.as_slice()]).filter(|far| !far.is_empty()) {
            let most = i64::try_from(MOST).unwrap_or(i64::MAX);
            lines.extend(self.explain(sql::those(far, most + 1, sikt.as_deref()))?);
        }
        Ok(lines)
    }
}
