//! The SQL of a search: which rows, in which order, from where. See [`super`] for how the look-up is laid out.

mod chain;
mod criteria;
mod order;
mod quantities;
mod strings;
mod units;

use crate::fhir::search::query::{Criterion, SearchQuery, SortKey, SystemMatch, TokenValue};
use crate::fhir::types::ResourceType;
use crate::store::statement::Statement;

use chain::spreads;
use criteria::{FEW, drive, probe, rank, tokens};
use order::{beyond, order, sort_columns, tie_descending};

/// The page a query asks for, and one row more, which tells that there is a next page.
pub(super) fn select(query: &SearchQuery) -> Statement<'_> {
    let mut sql = Statement::default();
    // The page's keys first, the bodies after: a sort must not carry bodies.
    sql.push(
        "SELECT p.key, p.kind, p.id, p.version, p.last_updated, p.s0, p.s1, p.s2, p.t0, p.t1, p.t2, h.body FROM (",
    );
    if query.also.is_empty() {
        page_of_type(&mut sql, query, query.kind, &query.criteria);
    } else {
        // Each type gives a page, read in its own order; row keys count over all types, so the page is their beginning.
        sql.push("SELECT u.* FROM (");
        for (number, (kind, criteria)) in query.parts().enumerate() {
            sql.push(if number == 0 {
                "SELECT a.* FROM ("
            } else {
                " UNION ALL SELECT a.* FROM ("
            });
            page_of_type(&mut sql, query, kind, criteria);
            sql.push(") a");
        }
        sql.push(") u");
        order(&mut sql, query, "u.", "u.key");
        limit(&mut sql, query);
    }
    sql.push(") p JOIN history h ON h.seq = p.current");
    order(&mut sql, query, "p.", "p.key");
    sql
}

fn page_of_type<'q>(sql: &mut Statement<'q>, query: &'q SearchQuery, kind: ResourceType, criteria: &'q [Criterion]) {
    sql.push("SELECT r.key, r.kind, r.id, r.version, r.last_updated, r.current");
    sort_columns(sql, &query.sort);
    let start = Start::of(criteria, &query.sort);
    matches(sql, kind, criteria, start);
    if let Some(end) = &query.after {
        sql.push(" AND ");
        beyond(sql, &query.sort, end, (start.key(), tie_descending(query)));
    }
    order(sql, query, "r.", start.key());
    limit(sql, query);
}

fn limit(sql: &mut Statement<'_>, query: &SearchQuery) {
    sql.push(" LIMIT ");
    sql.number(i64::from(query.count) + 1);
}

/// How many resources there are in all.
pub(super) fn count(query: &SearchQuery) -> Statement<'_> {
    let mut sql = Statement::default();
    sql.push("SELECT CAST(SUM(c.number) AS BIGINT) AS total FROM (");
    for (number, (kind, criteria)) in query.parts().enumerate() {
        sql.push(if number == 0 { "" } else { " UNION ALL " });
        sql.push("SELECT COUNT(*) AS number");
        matches(&mut sql, kind, criteria, Start::of(criteria, &query.sort));
    }
    sql.push(") c");
    sql
}

/// The criterion at which the look-up of a search on one type begins.
pub(super) fn beginning(query: &SearchQuery) -> Option<&Criterion> {
    match Start::of(&query.criteria, &query.sort) {
        Start::Driver(number) | Start::InOrder(number) => query.criteria.get(number),
        Start::Type | Start::Lately => None,
    }
}

/// Where the look-up begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// At the type, in the order that is asked for.
    Type,
    /// At what was written lately: the end of the type's index by time, then sorted.
    Lately,
    /// At the criterion of this number, the driver: all its rows, then sorted.
    Driver(usize),
    /// At one token, which many may share (a status, a unit), read from its index in the order of the row keys, so that a
    /// page needs no more rows than it shows.
    InOrder(usize),
}

impl Start {
    /// The criterion that is likely to leave fewest rows.
    fn of(criteria: &[Criterion], sort: &[SortKey]) -> Start {
        let best = criteria
            .iter()
            .enumerate()
            .filter_map(|(number, criterion)| Some((rank(criterion)?, number)))
            .min();
        let Some((_, number)) = best else { return Start::Type };
        match criteria.get(number) {
            Some(Criterion::LastUpdated { .. }) if sort.is_empty() => Start::Lately,
            // The index by time gives the order, or what is to be sorted.
            Some(Criterion::LastUpdated { .. }) => Start::Type,
            Some(Criterion::Token { any_of, .. }) if sort.is_empty() && in_order(any_of) => Start::InOrder(number),
            _ => Start::Driver(number),
        }
    }

    /// The row key in the index that is read.
    fn key(self) -> &'static str {
        match self {
            Start::InOrder(_) => "o.resource",
            Start::Type | Start::Driver(_) => "r.key",
            // No column of an index: else SQLite rather walks the type in the order of its keys than sort a few rows.
            Start::Lately => "(r.key + 0)",
        }
    }
}

/// Whether the rows of these tokens stand in their index in the order of the row keys: one value in one system.
fn in_order(any_of: &[TokenValue]) -> bool {
    matches!(any_of, [token] if token.value.is_some() && token.system != SystemMatch::Any)
}

/// ` FROM … WHERE …`: the resources that fulfil every criterion.
fn matches<'q>(sql: &mut Statement<'q>, kind: ResourceType, criteria: &'q [Criterion], start: Start) {
    // `CROSS JOIN` makes SQLite keep the order of the tables; to PostgreSQL it is any join.
    sql.push(match start {
        Start::InOrder(_) => " FROM index_token o CROSS JOIN resource r WHERE r.key = o.resource AND NOT r.deleted",
        Start::Type | Start::Lately | Start::Driver(_) => " FROM resource r WHERE NOT r.deleted",
    });
    // A driver's index rows are of the type already; saying so again would only tempt the planner to walk the type.
    if matches!(start, Start::Type | Start::Lately) {
        sql.push(" AND r.kind = ");
        sql.kind(kind);
    }
    let driver = match start {
        Start::Driver(number) => criteria.get(number),
        _ => None,
    };
    let few = driver.and_then(rank).is_some_and(|rank| rank <= FEW);
    for (number, criterion) in criteria.iter().enumerate() {
        sql.push(" AND ");
        match criterion {
            Criterion::Token { param, any_of, .. } if start == Start::InOrder(number) => {
                sql.push("o.kind = ");
                sql.kind(kind);
                sql.push(" AND o.param = ");
                sql.text(*param);
                sql.push(" AND ");
                tokens(sql, any_of, "o");
            }
            _ if start == Start::Driver(number) || (!few && spreads(criterion)) => drive(sql, kind, criterion),
            _ => probe(sql, criterion),
        }
    }
}
