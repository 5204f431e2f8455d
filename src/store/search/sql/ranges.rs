//! Dates and quantities as SQL: of both a range is compared, a quantity's by its cuts, texts in the order of the numbers.

use crate::fhir::search::dates::{Compare, DateValue, Test};
use crate::fhir::search::query::QuantityValue;
use crate::store::index::{system_key, text_key};
use crate::store::statement::Statement;

use super::criteria::any;

/// Which columns hold the ends of the range that dates are compared with.
#[derive(Clone, Copy)]
pub(super) enum Ends {
    OfRange,
    /// `last_updated` is a moment, the range [m, m + 1): both ends are told by one column, so that its index serves.
    OfUpdate,
}

pub(super) fn dates(sql: &mut Statement<'_>, any_of: &[DateValue], ends: Ends) {
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
    any(sql, any_of, &|sql, value: &DateValue| {
        tested(sql, value.test(), compare)
    });
}

pub(super) fn quantities<'q>(sql: &mut Statement<'q>, any_of: &'q [QuantityValue]) {
    any(sql, any_of, &|sql, value: &'q QuantityValue| {
        let compare = |sql: &mut Statement<'q>, compare: Compare<&'q str>| {
            let (comparison, limit) = match compare {
                Compare::LowBefore(limit) => ("t.low < ", limit),
                Compare::LowFrom(limit) => ("t.low >= ", limit),
                Compare::HighUpTo(limit) => ("t.high <= ", limit),
                Compare::HighAfter(limit) => ("t.high > ", limit),
            };
            sql.push(comparison);
            sql.text(limit);
        };
        sql.push("(");
        tested(sql, value.test(), compare);
        sql.push(")");
        if let Some(system) = &value.system {
            sql.push(" AND t.system = ");
            sql.number(system_key(Some(system)));
        }
        if let Some(code) = &value.code {
            sql.push(" AND (t.code = ");
            sql.text(text_key(code));
            // "Where system is not specified the code or the unit": `5.4||mg`.
            if value.system.is_none() {
                sql.push(" OR t.unit = ");
                sql.text(text_key(code));
            }
            sql.push(")");
        }
    });
}

/// What a value demands of a range, each comparison written by `compare`.
fn tested<'q, T: Copy>(sql: &mut Statement<'q>, test: Test<T>, compare: impl Fn(&mut Statement<'q>, Compare<T>)) {
    match test {
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
    }
}
