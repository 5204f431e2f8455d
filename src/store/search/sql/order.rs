//! The order of a search, and where a page of it begins.

use crate::fhir::search::query::{KeyPart, SearchQuery, SortBy, SortKey};
use crate::store::statement::Statement;

use super::criteria::ALWAYS;

/// Columns for the values of date sort keys; one that is not needed is 0.
pub(super) const SORT_COLUMNS: usize = 3;

/// The value of a sort key. A resource without the date comes last, whichever the direction.
pub(super) fn sort_expression(sql: &mut Statement<'_>, key: &SortKey) {
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
pub(super) fn tie_descending(query: &SearchQuery) -> bool {
    query.sort.first().is_none_or(|key| key.descending)
}

pub(super) fn order(sql: &mut Statement<'_>, query: &SearchQuery, table: &'static str, row_key: &'static str) {
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
pub(super) fn beyond<'q>(
    sql: &mut Statement<'q>,
    sort: &'q [SortKey],
    end: &'q [KeyPart],
    row_key: (&'static str, bool),
) {
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
