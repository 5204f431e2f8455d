//! A [`SearchQuery`] as SQL, one generator for both backends, and its execution.
//!
//! The look-up begins where few rows are expected: at one criterion, the *driver*, through its index; every other
//! criterion is a probe by the resource's own key (`EXISTS`). Without a driver the type is walked in its order until
//! the page is full. Pages end at a key (keyset), so that they neither skip nor repeat while others write.

mod brief;
mod include;
mod sql;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

pub use brief::is_brief;
pub(super) use include::list;
pub use include::{Included, Referred};

use super::connection::on_either;
use super::error::StoreError;
use super::session::{CurrentRow, Session, Stored};
use crate::fhir::search::page;
use crate::fhir::search::query::{KeyPart, SearchQuery, SortBy};

/// One page of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<Stored>,
    /// The token of the next page, when there is one: the value of `_page` in the `next` link.
    pub next: Option<String>,
    /// The number of all matches, when it was asked for.
    pub total: Option<i64>,
    /// What comes with the entries.
    pub included: Included,
}

impl Session {
    /// The page of current, not deleted resources that a search asks for.
    pub fn search(&mut self, query: &SearchQuery) -> Result<Page, StoreError> {
        let mut page = Page {
            entries: Vec::new(),
            next: None,
            total: None,
            included: Included::default(),
        };
        if query.total {
            let statement = sql::count(query);
            let found: CountRow = on_either!(self, c => statement.get_result(c))?;
            page.total = Some(found.total);
        }
        if query.count > 0 {
            let statement = sql::select(query);
            let mut rows: Vec<ResultRow> = on_either!(self, c => statement.load(c))?;
            let full = usize::try_from(query.count).unwrap_or(usize::MAX);
            if rows.len() > full {
                rows.truncate(full);
                page.next = rows
                    .last()
                    .map(|last| page::encode(query.fingerprint, &end(query, last)));
            }
            page.entries = rows
                .into_iter()
                .map(|row| row.current.stored())
                .collect::<Result<_, _>>()?;
        }
        Ok(page)
    }

    /// How the database goes about a search, and about counting it when the number is asked for, one step per line: for
    /// the tests that no search walks a table.
    pub fn explain_search(&mut self, query: &SearchQuery) -> Result<Vec<String>, StoreError> {
        let mut lines = self.explain(sql::select(query))?;
        if query.total {
            lines.extend(self.explain(sql::count(query))?);
        }
        Ok(lines)
    }
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    total: i64,
}

#[derive(QueryableByName)]
struct ResultRow {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(embed)]
    current: CurrentRow,
    #[diesel(sql_type = BigInt)]
    s0: i64,
    #[diesel(sql_type = BigInt)]
    s1: i64,
    #[diesel(sql_type = BigInt)]
    s2: i64,
    #[diesel(sql_type = Text)]
    t0: String,
    #[diesel(sql_type = Text)]
    t1: String,
    #[diesel(sql_type = Text)]
    t2: String,
}

/// Where a page ends: the values of its sort keys in its last row, then the row key.
fn end(query: &SearchQuery, last: &ResultRow) -> Vec<KeyPart> {
    let values = query
        .sort
        .iter()
        .zip([(last.s0, &last.t0), (last.s1, &last.t1), (last.s2, &last.t2)])
        .map(|(key, (number, text))| match key.by {
            SortBy::Id => KeyPart::Text(last.current.id.clone()),
            SortBy::LastUpdated => KeyPart::Number(last.current.last_updated),
            SortBy::Date(_) => KeyPart::Number(number),
            SortBy::Text(_) => KeyPart::Text(text.clone()),
        });
    values.chain([KeyPart::Number(last.key)]).collect()
}
