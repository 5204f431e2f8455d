//! A [`SearchQuery`] as SQL, one generator for both backends, and its execution.
//!
//! The look-up begins where few rows are expected: at one criterion, the *driver*, through its index; every other
//! criterion is a probe by the resource's own key (`EXISTS`). Without a driver the type is walked in its order until
//! the page is full. Pages end at a key (keyset), so that they neither skip nor repeat while others write.

mod ahead;
mod brief;
mod include;
mod sql;

use std::cmp::Reverse;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use ahead::Search;
pub use ahead::looks_ahead;
pub use brief::is_brief;
pub(super) use include::list;
pub use include::{Included, Referred};
pub(super) use sql::criterion_holds;

use super::connection::on_either;
use super::error::StoreError;
use super::session::{CurrentColumns, CurrentRow, Session, Stored};
use super::statement::Statement;
use crate::fhir::search::page;
use crate::fhir::search::query::{KeyPart, SearchQuery, SortBy};

/// One page of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<Stored>,
    /// The token of the next page, when there is one: the value of `_page` in the `next` link.
    pub next: Option<String>,
    /// The number of all matches, when it was asked for.
    pub total: Option<i64>,
    /// What comes with the entries.
    pub included: Included,
    /// The search is about one patient, of whom others keep what may be known to exist but is not shown.
    pub annorstades: bool,
}

impl Session {
    /// The page of current, not deleted resources that a search asks for.
    pub fn search(&mut self, query: &SearchQuery) -> Result<Page, StoreError> {
        let search = Search::of(query, self.sikt.clone());
        self.page(&search)
    }

    /// [`Session::search`], with what can be known beforehand looked up first ([`looks_ahead`]): faster, and several
    /// statements, so that the caller holds the state of the database still. With `brief`, nothing is done that is not
    /// brief after all: `None`.
    pub fn search_ahead(&mut self, query: &SearchQuery, brief: bool) -> Result<Option<Page>, StoreError> {
        let search = self.look_ahead(query)?;
        if brief && search.is_open {
            return Ok(None);
        }
        self.page(&search).map(Some)
    }

    fn page(&mut self, search: &Search) -> Result<Page, StoreError> {
        let query = &*search.query;
        let mut page = Page::default();
        if search.is_in_vain() {
            page.total = query.total.then_some(0);
            return Ok(page);
        }
        if query.total {
            let statement = sql::count(search);
            let found: CountRow = on_either!(self, c => statement.get_result(c))?;
            page.total = Some(found.total);
        }
        if query.count > 0 {
            let mut rows = self.rows(search)?;
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

    fn rows(&mut self, search: &Search) -> Result<Vec<ResultRow>, StoreError> {
        if let Some(statement) = sql::unsorted(search) {
            let mut rows = self.plain_rows(statement)?;
            if rows.len() <= usize::try_from(search.query.count).unwrap_or(usize::MAX) {
                rows.sort_unstable_by_key(|row| Reverse(row.key));
                return Ok(rows);
            }
        }
        let statement = sql::select(search);
        if sql::holds_values(&search.query) {
            let statement = statement.of_columns::<(BigInt, CurrentColumns, Values)>();
            return Ok(on_either!(self, c => statement.load(c))?);
        }
        self.plain_rows(statement)
    }

    /// The rows of a statement that gives no values of sort keys.
    fn plain_rows(&mut self, statement: Statement<'_>) -> Result<Vec<ResultRow>, StoreError> {
        let statement = statement.of_columns::<(BigInt, CurrentColumns)>();
        let rows: Vec<(i64, CurrentRow)> = on_either!(self, c => statement.load(c))?;
        let plain = |(key, current)| ResultRow {
            key,
            current,
            values: Default::default(),
        };
        Ok(rows.into_iter().map(plain).collect())
    }

    /// How the database goes about a search, and about counting it when the number is asked for, one step per line: for
    /// the tests that no search walks a table. With `ahead`, as [`Session::search_ahead`] does it.
    pub fn explain_search(&mut self, query: &SearchQuery, ahead: bool) -> Result<Vec<String>, StoreError> {
        let mut lines = Vec::new();
        let mut search = Search::of(query, self.sikt.clone());
        if ahead {
            lines.extend(self.explain_ahead(query)?);
            search = self.look_ahead(query)?;
        }
        if let Some(statement) = sql::unsorted(&search) {
            lines.extend(self.explain(statement)?);
        }
        lines.extend(self.explain(sql::select(&search))?);
        if query.total {
            lines.extend(self.explain(sql::count(&search))?);
        }
        Ok(lines)
    }
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    total: i64,
}

#[derive(Queryable)]
struct ResultRow {
    key: i64,
    current: CurrentRow,
    /// Of the sort keys that stand in the index.
    values: (i64, i64, i64, String, String, String),
}

type Values = (BigInt, BigInt, BigInt, Text, Text, Text);

/// Where a page ends: the values of its sort keys in its last row, then the row key.
fn end(query: &SearchQuery, last: &ResultRow) -> Vec<KeyPart> {
    let (s0, s1, s2, t0, t1, t2) = &last.values;
    let values = query
        .sort
        .iter()
        .zip([(*s0, t0), (*s1, t1), (*s2, t2)])
        .map(|(key, (number, text))| match key.by {
            SortBy::Id => KeyPart::Text(last.current.id.clone()),
            SortBy::LastUpdated => KeyPart::Number(last.current.last_updated),
            SortBy::Date(_) => KeyPart::Number(number),
            SortBy::Text(_) => KeyPart::Text(text.clone()),
        });
    values.chain([KeyPart::Number(last.key)]).collect()
}
