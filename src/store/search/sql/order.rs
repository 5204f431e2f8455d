//! The order of a search, and where a page of it begins.

use crate::fhir::search::query::{KeyPart, SearchQuery, SortBy, SortKey, Table};
use crate::store::statement::Statement;

use super::criteria::{ALWAYS, named, targeted};

/// Columns for the values of sort keys that stand in the index, a number and a text for each; one that is not needed is
/// 0 or empty.
pub(super) const SORT_COLUMNS: usize = 3;
const NUMBERS: [&str; SORT_COLUMNS] = ["s0", "s1", "s2"];
const TEXTS: [&str; SORT_COLUMNS] = ["t0", "t1", "t2"];

/// After every text, as good as: no character comes after it.
const LAST: &str = "\u{10ffff}";

/// The columns of a row that hold the values of the sort keys.
pub(super) fn sort_columns<'q>(sql: &mut Statement<'q>, sort: &'q [SortKey]) {
    for column in 0..SORT_COLUMNS {
        let key = sort.get(column);
        sql.push(", ");
        match key {
            Some(key) if matches!(key.by, SortBy::Date(_)) => sort_expression(sql, key),
            _ => sql.push("CAST(0 AS BIGINT)"),
        }
        sql.push(" AS ");
        sql.push(NUMBERS[column]);
        sql.push(", ");
        match key {
            Some(key) if matches!(key.by, SortBy::Text(_)) => sort_expression(sql, key),
            _ => sql.push("''"),
        }
        sql.push(" AS ");
        sql.push(TEXTS[column]);
    }
}

/// The value of a sort key. A resource without one comes last, whichever the direction.
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
        (SortBy::Text(text), descending) => {
            let (table, value, is_there) = match text.table {
                Table::Reference => (
                    "index_reference",
                    "t.target_kind || '/' || t.target_id || t.target_url",
                    "t.target_id || t.target_url <> ''",
                ),
                Table::String => ("index_string", "t.folded", "t.folded <> ''"),
                Table::Quantity if descending => ("index_quantity", "t.high", "t.high <> ''"),
                Table::Quantity => ("index_quantity", "t.low", "t.low <> ''"),
                _ => ("index_token", "t.value", "t.value <> ''"),
            };
            sql.push(if descending {
                "COALESCE((SELECT MAX("
            } else {
                "COALESCE((SELECT MIN("
            });
            sql.push(value);
            sql.push(") FROM ");
            sql.push(table);
            sql.push(" t WHERE t.patient = r.patient AND t.resource = r.key AND ");
            named(sql, (text.param, text.also));
            sql.push(" AND ");
            sql.push(is_there);
            if !text.targets.is_empty() {
                sql.push(" AND ");
                targeted(sql, text.targets);
            }
            sql.push("), ");
            sql.text(if descending { "" } else { LAST });
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
            SortBy::Date(_) => sql.push(NUMBERS[column]),
            SortBy::Text(_) => sql.push(TEXTS[column]),
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
