//! Quantities as SQL: their cuts are texts in the order of the numbers, compared as dates are.

use crate::fhir::search::dates::{Compare, Test};
use crate::fhir::search::query::QuantityValue;
use crate::store::index::{system_key, text_key};
use crate::store::statement::Statement;

use super::criteria::any;

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
        match value.test() {
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
