//! Quantities as SQL: their cuts are texts in the order of the numbers, compared as dates are.

use crate::fhir::search::dates::Compare;
use crate::fhir::search::query::QuantityValue;
use crate::store::index::{system_key, text_key};
use crate::store::statement::Statement;

use super::criteria::{any, tested};

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
