//! The SQL of a search: which rows, in which order, from where. See [`super`] for how the look-up is laid out.

use std::borrow::Cow;

use crate::fhir::search::dates::{Compare, DateValue, Prefix, Test};
use crate::fhir::search::query::{
    Criterion, KeyPart, ReferenceValue, SearchQuery, SortBy, SortKey, SystemMatch, Table, TokenValue,
};
use crate::fhir::types::ResourceType;
use crate::store::index::{system_key, text_key};
use crate::store::statement::Statement;

/// Columns for the values of date sort keys; one that is not needed is 0.
const SORT_COLUMNS: usize = 3;

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

/// How few rows a criterion is likely to leave, 0 being fewest; `None` when it is no place to begin.
fn rank(criterion: &Criterion) -> Option<u8> {
    match criterion {
        Criterion::Id { not: false, .. } => Some(0),
        Criterion::Token {
            not: false,
            selective: true,
            ..
        } => Some(1),
        Criterion::Reference { any_of, .. } if any_of.iter().all(names_a_patient) => Some(2),
        Criterion::Reference { .. } => Some(3),
        Criterion::Date { any_of, .. } if any_of.iter().all(|date| date.prefix == Prefix::Eq) => Some(4),
        Criterion::Token { not: false, any_of, .. } if any_of.iter().all(|token| token.value.is_some()) => {
            Some(SHARED_TOKEN)
        }
        _ => None,
    }
}

const SHARED_TOKEN: u8 = 5;

fn names_a_patient(value: &ReferenceValue) -> bool {
    matches!(value, ReferenceValue::Local { kinds, .. } if *kinds == [ResourceType::Patient.name()])
}

/// The driver: its rows are found through the index on what is asked for.
fn drive<'q>(sql: &mut Statement<'q>, kind: ResourceType, criterion: &'q Criterion) {
    match criterion {
        Criterion::Id { any_of, not: false } => {
            sql.push("r.kind = ");
            sql.kind(kind);
            sql.push(" AND r.id");
            one_of(sql, any_of.iter().map(|id| Cow::Borrowed(id.as_str())));
        }
        Criterion::Token {
            param,
            any_of,
            not: false,
            ..
        } => {
            drive_table(sql, kind, "index_token", param, |sql| tokens(sql, any_of, "t"));
        }
        Criterion::Reference { param, any_of } => {
            drive_table(sql, kind, "index_reference", param, |sql| references(sql, any_of));
        }
        Criterion::Date { param, any_of } => {
            drive_table(sql, kind, "index_date", param, |sql| dates(sql, any_of, Ends::OfRange));
        }
        _ => probe(sql, criterion),
    }
}

fn drive_table<'q>(
    sql: &mut Statement<'q>,
    kind: ResourceType,
    table: &'static str,
    param: &'static str,
    condition: impl FnOnce(&mut Statement<'q>),
) {
    sql.push("r.key IN (SELECT t.resource FROM ");
    sql.push(table);
    sql.push(" t WHERE t.kind = ");
    sql.kind(kind);
    sql.push(" AND t.param = ");
    sql.text(param);
    sql.push(" AND ");
    condition(sql);
    sql.push(")");
}

/// Any other criterion: tested on a resource that is found already, through the key its index rows begin with.
fn probe<'q>(sql: &mut Statement<'q>, criterion: &'q Criterion) {
    match criterion {
        Criterion::Id { any_of, not } => {
            sql.push(if *not { "NOT (r.id" } else { "(r.id" });
            one_of(sql, any_of.iter().map(|id| Cow::Borrowed(id.as_str())));
            sql.push(")");
        }
        Criterion::LastUpdated { any_of } => dates(sql, any_of, Ends::OfUpdate),
        Criterion::Token { param, any_of, not, .. } => {
            probe_table(sql, "index_token", param, *not, |sql| tokens(sql, any_of, "t"));
        }
        Criterion::Reference { param, any_of } => {
            probe_table(sql, "index_reference", param, false, |sql| references(sql, any_of));
        }
        Criterion::Date { param, any_of } => {
            probe_table(sql, "index_date", param, false, |sql| dates(sql, any_of, Ends::OfRange));
        }
        Criterion::Missing {
            table: Table::Column,
            missing,
            ..
        } => sql.push(if *missing { NEVER } else { ALWAYS }),
        Criterion::Missing {
            param,
            table: Table::Token,
            missing,
            ..
        } => {
            probe_table(sql, "index_token", param, *missing, |sql| sql.push(ALWAYS));
        }
        Criterion::Missing {
            param,
            table: Table::Date,
            missing,
            ..
        } => {
            probe_table(sql, "index_date", param, *missing, |sql| sql.push(ALWAYS));
        }
        Criterion::Missing {
            param,
            table: Table::Reference,
            targets,
            missing,
        } => {
            probe_table(sql, "index_reference", param, *missing, |sql| {
                if targets.is_empty() {
                    sql.push(ALWAYS);
                } else {
                    sql.push("t.target_kind");
                    one_of(sql, [""].iter().chain(*targets).map(|kind| Cow::Borrowed(*kind)));
                }
            });
        }
    }
}

const NEVER: &str = "1 = 0";
const ALWAYS: &str = "1 = 1";

fn probe_table<'q>(
    sql: &mut Statement<'q>,
    table: &'static str,
    param: &'static str,
    not: bool,
    condition: impl FnOnce(&mut Statement<'q>),
) {
    sql.push(if not {
        "NOT EXISTS (SELECT 1 FROM "
    } else {
        "EXISTS (SELECT 1 FROM "
    });
    sql.push(table);
    sql.push(" t WHERE t.patient = r.patient AND t.resource = r.key AND t.param = ");
    sql.text(param);
    sql.push(" AND ");
    condition(sql);
    // The limit says nothing new, but with it SQLite does not turn each probe into one more table of a join, whose planning
    // takes seconds when there are twenty.
    sql.push(" LIMIT 1)");
}

/// `(a OR b …)`, halved again and again, because SQLite bounds how deep an expression is; nothing matches none.
fn any<'q, 'a, T>(sql: &mut Statement<'q>, alternatives: &'a [T], each: &impl Fn(&mut Statement<'q>, &'a T)) {
    sql.push("(");
    match alternatives {
        [] => sql.push(NEVER),
        [one] => each(sql, one),
        several => {
            let (left, right) = several.split_at(several.len() / 2);
            any(sql, left, each);
            sql.push(" OR ");
            any(sql, right, each);
        }
    }
    sql.push(")");
}

/// ` = ?` or ` IN (?, …)`; none of nothing.
fn one_of<'q>(sql: &mut Statement<'q>, values: impl IntoIterator<Item = Cow<'q, str>>) {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        // A comparison that is never true and still fits after a column's name.
        return sql.push(" <> '' AND 1 = 0");
    }
    // One value as an equality: the planners then see the order that the index has after it.
    let first = values.next();
    if values.peek().is_none() {
        sql.push(" = ");
        first.into_iter().for_each(|value| sql.text(value));
        return;
    }
    sql.push(" IN (");
    for (number, value) in first.into_iter().chain(values).enumerate() {
        sql.push(if number == 0 { "" } else { ", " });
        sql.text(value);
    }
    sql.push(")");
}

/// `table` is the index's name in the statement, `t` or `o`.
fn tokens<'q>(sql: &mut Statement<'q>, any_of: &'q [TokenValue], table: &'static str) {
    // Values in one system are one look-up each in the index, so they are written as a list.
    let [first, ..] = any_of else { return sql.push(NEVER) };
    let values: Option<Vec<&str>> = any_of.iter().map(|token| token.value.as_deref()).collect();
    match values {
        Some(values) if any_of.iter().all(|token| token.system == first.system) => {
            sql.push(table);
            sql.push(".value");
            one_of(sql, values.into_iter().map(text_key));
            system(sql, &first.system, table);
        }
        _ => any(sql, any_of, &|sql, token: &'q TokenValue| {
            match &token.value {
                Some(value) => {
                    sql.push(table);
                    sql.push(".value = ");
                    sql.text(text_key(value));
                }
                None => sql.push(ALWAYS),
            }
            system(sql, &token.system, table);
        }),
    }
}

fn system(sql: &mut Statement<'_>, system: &SystemMatch, table: &'static str) {
    let key = match system {
        SystemMatch::Any => return,
        SystemMatch::None => system_key(None),
        SystemMatch::Is(uri) => system_key(Some(uri)),
    };
    sql.push(" AND ");
    sql.push(table);
    sql.push(".system = ");
    sql.number(key);
}

fn references<'q>(sql: &mut Statement<'q>, any_of: &'q [ReferenceValue]) {
    any(sql, any_of, &|sql, value: &'q ReferenceValue| match value {
        ReferenceValue::Local { kinds, id, own_urls } => {
            sql.push("t.target_id = ");
            sql.text(text_key(id));
            if !kinds.is_empty() {
                sql.push(" AND t.target_kind");
                one_of(sql, kinds.iter().map(|kind| Cow::Borrowed(kind.as_str())));
            }
            sql.push(" AND t.target_url");
            one_of(
                sql,
                std::iter::once(Cow::Borrowed("")).chain(own_urls.iter().map(|url| text_key(url))),
            );
        }
        ReferenceValue::Url(target) => {
            // The URL alone decides; its end is what the index begins with.
            sql.push("t.target_id = ");
            sql.text(text_key(target.id.as_deref().unwrap_or_default()));
            sql.push(" AND t.target_url = ");
            sql.text(text_key(target.url.as_deref().unwrap_or_default()));
        }
    });
}

/// Which columns hold the ends of the range that dates are compared with.
#[derive(Clone, Copy)]
enum Ends {
    OfRange,
    /// `last_updated` is a moment, the range [m, m + 1): both ends are told by one column, so that its index serves.
    OfUpdate,
}

fn dates(sql: &mut Statement<'_>, any_of: &[DateValue], ends: Ends) {
    let compare = |sql: &mut Statement<'_>, compare: Compare| {
        let (comparison, limit) = match (ends, compare) {
            (Ends::OfRange, Compare::LowBefore(limit)) => ("t.low < ", limit),
            (Ends::OfRange, Compare::LowFrom(limit)) => ("t.low >= ", limit),
            (Ends::OfRange, Compare::HighUpTo(limit)) => ("t.high <= ", limit),
            (Ends::OfRange, Compare::HighAfter(limit)) => ("t.high > ", limit),
            (Ends::OfUpdate, Compare::LowBefore(limit) | Compare::HighUpTo(limit)) => ("r.last_updated < ", limit),
            (Ends::OfUpdate, Compare::LowFrom(limit) | Compare::HighAfter(limit)) => ("r.last_updated >= ", limit),
        };
        sql.push(comparison);
        sql.number(limit);
    };
    any(sql, any_of, &|sql, value: &DateValue| match value.test() {
        Test::One(one) => compare(sql, one),
        Test::Both(first, second) => {
            compare(sql, first);
            sql.push(" AND ");
            compare(sql, second);
            // No range ends before it begins: a bound for the index that holds them by their beginning.
            if let (Compare::LowFrom(_), Compare::HighUpTo(limit)) = (first, second) {
                sql.push(" AND ");
                compare(sql, Compare::LowBefore(limit));
            }
        }
        Test::Either(first, second) => {
            compare(sql, first);
            sql.push(" OR ");
            compare(sql, second);
        }
    });
}

// ── Order and pages ────────────────────────────────────────────────────────────────────────────────────────────────────

/// The value of a sort key. A resource without the date comes last, whichever the direction.
fn sort_expression(sql: &mut Statement<'_>, key: &SortKey) {
    match (key.by, key.descending) {
        (SortBy::Id, _) => sql.push("r.id"),
        (SortBy::LastUpdated, _) => sql.push("r.last_updated"),
        (SortBy::Date(param), descending) => {
            sql.push(if descending {
                "COALESCE((SELECT MAX(t.high)"
            } else {
                "COALESCE((SELECT MIN(t.low)"
            });
            sql.push(" FROM index_date t WHERE t.patient = r.patient AND t.resource = r.key AND t.param = ");
            sql.text(param);
            sql.push("), ");
            sql.number(if descending { i64::MIN } else { i64::MAX });
            sql.push(")");
        }
    }
}

/// The row key ends every order, in the direction of the first key (so that one index serves both); newest first alone.
fn tie_descending(query: &SearchQuery) -> bool {
    query.sort.first().is_none_or(|key| key.descending)
}

fn order(sql: &mut Statement<'_>, query: &SearchQuery, table: &'static str, row_key: &'static str) {
    sql.push(" ORDER BY ");
    for (column, key) in query.sort.iter().take(SORT_COLUMNS).enumerate() {
        match key.by {
            SortBy::Id => {
                sql.push(table);
                sql.push("id");
            }
            SortBy::LastUpdated => {
                sql.push(table);
                sql.push("last_updated");
            }
            SortBy::Date(_) => sql.push(["s0", "s1", "s2"][column]),
        }
        sql.push(if key.descending { " DESC, " } else { ", " });
    }
    sql.push(row_key);
    sql.push(if tie_descending(query) { " DESC" } else { "" });
}

/// What comes after a page's end: `k > v OR (k = v AND (…))`, and at last the row key (its column, and whether descending).
fn beyond<'q>(sql: &mut Statement<'q>, sort: &'q [SortKey], end: &'q [KeyPart], row_key: (&'static str, bool)) {
    let (Some(value), rest) = (end.first(), end.get(1..).unwrap_or_default()) else {
        return sql.push(ALWAYS);
    };
    let Some((key, others)) = sort.split_first() else {
        let (column, descending) = row_key;
        sql.push(column);
        sql.push(if descending { " < " } else { " > " });
        return sql.part(value);
    };
    sql.push("(");
    sort_expression(sql, key);
    // The bound that an index can use comes first.
    sql.push(if key.descending { " <= " } else { " >= " });
    sql.part(value);
    sql.push(" AND (");
    sort_expression(sql, key);
    sql.push(if key.descending { " < " } else { " > " });
    sql.part(value);
    sql.push(" OR ");
    beyond(sql, others, rest, row_key);
    sql.push("))");
}
