//! The SQL of a search: which rows, in which order, from where. See [`super`] for how the look-up is laid out.

mod criteria;
mod order;
mod strings;
mod units;

use crate::fhir::search::query::{Criterion, SearchQuery, SortBy, SortKey, SystemMatch};
use crate::store::statement::Statement;

use criteria::{SHARED_TOKEN, drive, probe, rank, tokens};
use order::{SORT_COLUMNS, beyond, order, sort_expression, tie_descending};

/// The page a query asks for, and one row more, which tells that there is a next page.
pub(super) fn select(query: &SearchQuery) -> Statement<'_> {
    let mut sql = Statement::default();
    // The page's keys first, the bodies after: a sort must not carry bodies.
    sql.push("SELECT p.key, p.kind, p.id, p.version, p.last_updated, p.s0, p.s1, p.s2, h.body FROM (");
    sql.push("SELECT r.key, r.kind, r.id, r.version, r.last_updated, r.current");
    for column in 0..SORT_COLUMNS {
        sql.push(", ");
        match query.sort.get(column) {
            Some(
                key @ SortKey {
                    by: SortBy::Date(_), ..
                },
            ) => sort_expression(&mut sql, key),
            _ => sql.push("CAST(0 AS BIGINT)"),
        }
        sql.push([" AS s0", " AS s1", " AS s2"][column]);
    }
    let start = Start::of(query);
    matches(&mut sql, query, start);
    if let Some(end) = &query.after {
        sql.push(" AND ");
        beyond(&mut sql, &query.sort, end, (start.key(), tie_descending(query)));
    }
    order(&mut sql, query, "r.", start.key());
    sql.push(" LIMIT ");
    sql.number(i64::from(query.count) + 1);
    sql.push(") p JOIN history h ON h.seq = p.current");
    order(&mut sql, query, "p.", "p.key");
    sql
}

/// How many resources there are in all.
pub(super) fn count(query: &SearchQuery) -> Statement<'_> {
    let mut sql = Statement::default();
    sql.push("SELECT COUNT(*) AS total");
    matches(&mut sql, query, Start::of(query));
    sql
}

/// Where the look-up begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// At the type, in the order of the row keys.
    Type,
    /// At the criterion of this number, the driver: all its rows, then sorted.
    Driver(usize),
    /// At a token that many may share (a status), read from its index in the order of the row keys, so that a page
    /// needs no more rows than it shows.
    InOrder(usize),
}

impl Start {
    /// The criterion that is likely to leave fewest rows.
    fn of(query: &SearchQuery) -> Start {
        let criteria = query.criteria.iter().enumerate();
        let best = criteria
            .filter_map(|(number, criterion)| Some((rank(criterion)?, number)))
            .min();
        let Some((rank, number)) = best else { return Start::Type };
        match query.criteria.get(number) {
            // Only with its system known is the index in the order of the keys.
            Some(Criterion::Token { any_of, .. }) if rank == SHARED_TOKEN && query.sort.is_empty() => match &any_of[..]
            {
                [token] if token.system != SystemMatch::Any => Start::InOrder(number),
                _ => Start::Driver(number),
            },
            _ => Start::Driver(number),
        }
    }

    /// The column that holds the row key in the index that is read.
    fn key(self) -> &'static str {
        match self {
            Start::InOrder(_) => "o.resource",
            Start::Type | Start::Driver(_) => "r.key",
        }
    }
}

/// ` FROM … WHERE …`: the resources that fulfil every criterion.
fn matches<'q>(sql: &mut Statement<'q>, query: &'q SearchQuery, start: Start) {
    // `CROSS JOIN` makes SQLite keep the order of the tables; to PostgreSQL it is any join.
    sql.push(match start {
        Start::InOrder(_) => " FROM index_token o CROSS JOIN resource r WHERE r.key = o.resource AND NOT r.deleted",
        Start::Type | Start::Driver(_) => " FROM resource r WHERE NOT r.deleted",
    });
    // A driver's index rows are of the type already; saying so again would only tempt the planner to walk the type.
    if start == Start::Type {
        sql.push(" AND r.kind = ");
        sql.kind(query.kind);
    }
    for (number, criterion) in query.criteria.iter().enumerate() {
        sql.push(" AND ");
        match criterion {
            Criterion::Token { param, any_of, .. } if start == Start::InOrder(number) => {
                sql.push("o.kind = ");
                sql.kind(query.kind);
                sql.push(" AND o.param = ");
                sql.text(*param);
                sql.push(" AND ");
                tokens(sql, any_of, "o");
            }
            _ if start == Start::Driver(number) => drive(sql, query.kind, criterion),
            _ => probe(sql, criterion),
        }
    }
}
