//! One criterion as SQL: as the driver, through the index on what is asked for, or as a probe of a resource that is found.

use std::borrow::Cow;

use crate::fhir::search::dates::{Compare, DateValue, Prefix, Test};
use crate::fhir::search::query::{
    CanonicalMatch, Criterion, PairValue, ReferenceValue, StringMatch, SystemMatch, Table, TokenValue,
};
use crate::fhir::types::ResourceType;
use crate::store::index::{system_key, text_key};
use crate::store::statement::Statement;

use super::chain::{drive_reaching, probe_reaching, rank_reaching};
use super::ranges::{Ends, dates, quantities};
use super::strings::{below, beneath, strings};
use super::units::Asked;

/// How few rows a criterion is likely to leave, 0 being fewest; `None` when it is no place to begin.
pub(super) fn rank(criterion: &Criterion) -> Option<u8> {
    match criterion {
        Criterion::Id { not: false, .. } => Some(0),
        Criterion::Token {
            not: false,
            selective: true,
            any_of,
            ..
        } if all_have_values(any_of) => Some(1),
        Criterion::Reference { any_of, .. } if any_of.iter().all(names_a_patient) => Some(2),
        Criterion::Reference { .. } => Some(3),
        Criterion::Date { any_of, .. } if any_of.iter().all(|date| date.prefix == Prefix::Eq) => Some(4),
        // Who asks what was written since asks often, and little is new.
        Criterion::LastUpdated { any_of } if matches!(&any_of[..], [since] if is_bounded_below(since)) => Some(5),
        Criterion::Token { not: false, any_of, .. } if all_have_values(any_of) => Some(SHARED_TOKEN),
        Criterion::Chain { .. } | Criterion::Has { .. } | Criterion::Any(_) => rank_reaching(criterion),
        // Names are shared by few, and a whole one by fewer than its beginning.
        Criterion::String {
            how: StringMatch::Exact,
            ..
        } => Some(3),
        Criterion::String {
            how: StringMatch::Begins,
            ..
        } => Some(4),
        Criterion::UriBelow { .. } | Criterion::Quantity { .. } | Criterion::Pair(_) => Some(4),
        Criterion::CareUnit {
            is_giver: false,
            not: false,
            ..
        } => Some(4),
        // A vårdgivare may be a whole region.
        Criterion::CareUnit { not: false, .. } => Some(SHARED_TOKEN + 1),
        // A text that stands anywhere is looked for in every entry of the parameter: better than in every resource, but
        // after everything else.
        Criterion::String {
            how: StringMatch::Contains,
            ..
        } => Some(SHARED_TOKEN + 2),
        _ => None,
    }
}

/// Up to this rank a criterion leaves some few resources.
pub(super) const FEW: u8 = 2;
/// The rank of a token that many may share.
pub(super) const SHARED_TOKEN: u8 = 6;

fn all_have_values(any_of: &[TokenValue]) -> bool {
    any_of.iter().all(|token| token.value.is_some())
}

fn is_bounded_below(date: &DateValue) -> bool {
    let bounds = |compare| matches!(compare, Compare::LowFrom(_) | Compare::HighAfter(_));
    match date.test() {
        Test::One(one) => bounds(one),
        Test::Both(first, second) => bounds(first) || bounds(second),
        Test::Either(..) => false,
    }
}

pub(super) fn names_a_patient(value: &ReferenceValue) -> bool {
    matches!(value, ReferenceValue::Local { kinds, .. } if *kinds == [ResourceType::Patient.name()])
}

/// The driver, which says all there is to say of a resource of the type: its rows are found through the index on what is
/// asked for. What is no place to begin walks the type.
pub(super) fn drive<'q>(sql: &mut Statement<'q>, kind: ResourceType, criterion: &'q Criterion) {
    match criterion {
        // In a subselect: beside several ids SQLite would rather walk the type in the order that the page has.
        Criterion::Id { any_of, not: false } => {
            sql.push("r.key IN (SELECT i.key FROM resource i WHERE i.kind = ");
            sql.kind(kind);
            sql.push(" AND i.id");
            one_of(sql, any_of.iter().map(|id| Cow::Borrowed(id.as_str())));
            sql.push(")");
        }
        Criterion::Token {
            param,
            any_of,
            not: false,
            ..
        } => {
            drive_table(sql, kind, "index_token", (param, &[]), |sql| tokens(sql, any_of, "t"));
        }
        Criterion::Reference { param, any_of } => {
            drive_table(sql, kind, "index_reference", (param, &[]), |sql| {
                references(sql, any_of)
            });
        }
        Criterion::Date { param, any_of } => {
            drive_table(sql, kind, "index_date", (param, &[]), |sql| {
                dates(sql, any_of, Ends::OfRange)
            });
        }
        Criterion::Chain { .. } | Criterion::Has { .. } | Criterion::Any(_) => drive_reaching(sql, kind, criterion),
        Criterion::String {
            param,
            also,
            any_of,
            how,
        } => {
            drive_table(sql, kind, "index_string", (param, also), |sql| {
                strings(sql, any_of, *how)
            });
        }
        Criterion::UriBelow { param, any_of } => {
            drive_table(sql, kind, "index_token", (param, &[]), |sql| below(sql, any_of));
        }
        Criterion::Quantity { param, any_of } => {
            drive_table(sql, kind, "index_quantity", (param, &[]), |sql| quantities(sql, any_of));
        }
        Criterion::Pair(any_of) => {
            sql.push("r.key IN (SELECT t.resource FROM ");
            sql.push(table_of_pairs(any_of));
            sql.push(" t WHERE t.kind = ");
            sql.kind(kind);
            sql.push(" AND ");
            pairs(sql, any_of);
            sql.push(")");
        }
        Criterion::CareUnit {
            any_of,
            is_giver,
            not: false,
        } => Asked {
            any_of,
            is_giver: *is_giver,
        }
        .drive(sql, kind),
        _ => {
            sql.push("r.kind = ");
            sql.kind(kind);
            sql.push(" AND ");
            probe(sql, criterion);
        }
    }
}

fn drive_table<'q>(
    sql: &mut Statement<'q>,
    kind: ResourceType,
    table: &'static str,
    names: Names,
    condition: impl FnOnce(&mut Statement<'q>),
) {
    sql.push("r.key IN (SELECT t.resource FROM ");
    sql.push(table);
    sql.push(" t WHERE t.kind = ");
    sql.kind(kind);
    sql.push(" AND ");
    named(sql, names);
    sql.push(" AND ");
    condition(sql);
    sql.push(")");
}

/// A parameter's name in the index, and others whose entries count too.
pub(super) type Names = (&'static str, &'static [&'static str]);

pub(super) fn named(sql: &mut Statement<'_>, (param, also): Names) {
    sql.push("t.param");
    one_of(
        sql,
        std::iter::once(param).chain(also.iter().copied()).map(Cow::Borrowed),
    );
}

/// Any other criterion: tested on a resource that is found already, through the key its index rows begin with.
pub(super) fn probe<'q>(sql: &mut Statement<'q>, criterion: &'q Criterion) {
    match criterion {
        Criterion::Id { any_of, not } => {
            sql.push(if *not { "NOT (r.id" } else { "(r.id" });
            one_of(sql, any_of.iter().map(|id| Cow::Borrowed(id.as_str())));
            sql.push(")");
        }
        Criterion::LastUpdated { any_of } => dates(sql, any_of, Ends::OfUpdate),
        Criterion::Token { param, any_of, not, .. } => {
            probe_table(sql, "index_token", (param, &[]), *not, |sql| tokens(sql, any_of, "t"));
        }
        Criterion::Reference { param, any_of } => {
            probe_table(sql, "index_reference", (param, &[]), false, |sql| {
                references(sql, any_of)
            });
        }
        Criterion::Date { param, any_of } => {
            probe_table(sql, "index_date", (param, &[]), false, |sql| {
                dates(sql, any_of, Ends::OfRange)
            });
        }
        Criterion::String {
            param,
            also,
            any_of,
            how,
        } => {
            probe_table(sql, "index_string", (param, also), false, |sql| {
                strings(sql, any_of, *how)
            });
        }
        Criterion::UriBelow { param, any_of } => {
            probe_table(sql, "index_token", (param, &[]), false, |sql| below(sql, any_of));
        }
        Criterion::Quantity { param, any_of } => {
            probe_table(sql, "index_quantity", (param, &[]), false, |sql| {
                quantities(sql, any_of)
            });
        }
        Criterion::Pair(any_of) => {
            sql.push("EXISTS (SELECT 1 FROM ");
            sql.push(table_of_pairs(any_of));
            sql.push(" t WHERE t.patient = r.patient AND t.resource = r.key AND ");
            pairs(sql, any_of);
            sql.push(" LIMIT 1 OFFSET 0)");
        }
        Criterion::CareUnit { any_of, is_giver, not } => {
            sql.push(if *not { "NOT " } else { "" });
            Asked {
                any_of,
                is_giver: *is_giver,
            }
            .probe(sql);
        }
        Criterion::Chain { .. } | Criterion::Has { .. } | Criterion::Any(_) => probe_reaching(sql, criterion),
        Criterion::Missing {
            table: Table::Column,
            missing,
            ..
        } => sql.push(if *missing { NEVER } else { ALWAYS }),
        Criterion::Missing {
            param,
            also,
            table,
            targets,
            missing,
        } => {
            let table = match table {
                Table::Reference => "index_reference",
                Table::Date => "index_date",
                Table::String => "index_string",
                Table::Quantity => "index_quantity",
                Table::Token | Table::Column => "index_token",
            };
            probe_table(sql, table, (param, also), *missing, |sql| {
                if targets.is_empty() {
                    sql.push(ALWAYS);
                } else {
                    targeted(sql, targets);
                }
            });
        }
    }
}

/// The reference is to one of these types, or to one that is not told.
pub(super) fn targeted(sql: &mut Statement<'_>, targets: &'static [&'static str]) {
    sql.push("t.target_kind");
    one_of(sql, [""].iter().chain(targets).map(|kind| Cow::Borrowed(*kind)));
}

pub(super) const NEVER: &str = "1 = 0";
pub(super) const ALWAYS: &str = "1 = 1";

fn probe_table<'q>(
    sql: &mut Statement<'q>,
    table: &'static str,
    names: Names,
    not: bool,
    condition: impl FnOnce(&mut Statement<'q>),
) {
    sql.push(if not {
        "NOT EXISTS (SELECT 1 FROM "
    } else {
        "EXISTS (SELECT 1 FROM "
    });
    sql.push(table);
    sql.push(" t WHERE t.patient = r.patient AND t.resource = r.key AND ");
    named(sql, names);
    sql.push(" AND ");
    condition(sql);
    // The limit says nothing new, but with it SQLite does not turn each probe into one more table of a join, whose planning
    // takes seconds when there are twenty; and with the offset PostgreSQL does not either, which now and then would read
    // all resources that fulfil the criterion.
    sql.push(" LIMIT 1 OFFSET 0)");
}

/// `(a OR b …)`, halved again and again, because SQLite bounds how deep an expression is; nothing matches none.
pub(super) fn any<'q, 'a, T>(
    sql: &mut Statement<'q>,
    alternatives: &'a [T],
    each: &impl Fn(&mut Statement<'q>, &'a T),
) {
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
pub(super) fn one_of<'q>(sql: &mut Statement<'q>, values: impl IntoIterator<Item = Cow<'q, str>>) {
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
pub(super) fn tokens<'q>(sql: &mut Statement<'q>, any_of: &'q [TokenValue], table: &'static str) {
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

pub(super) fn system(sql: &mut Statement<'_>, system: &SystemMatch, table: &'static str) {
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

/// `o` is a reference to one of these patients ([`names_a_patient`]). A patient's rows are few: whether an address is ours is
/// asked of each of them, not of the index, for which SQLite would make a list of our addresses at every search.
pub(super) fn to_patients<'q>(sql: &mut Statement<'q>, any_of: &'q [ReferenceValue]) {
    any(sql, any_of, &|sql, value: &'q ReferenceValue| {
        let ReferenceValue::Local { kinds, id, own_urls } = value else {
            return sql.push(NEVER);
        };
        sql.push("o.target_id = ");
        sql.text(text_key(id));
        sql.push(" AND o.target_kind");
        one_of(sql, kinds.iter().map(|kind| Cow::Borrowed(kind.as_str())));
        sql.push(" AND (o.target_url || '' = ''");
        for url in own_urls {
            sql.push(" OR o.target_url || '' = ");
            sql.text(text_key(url));
        }
        sql.push(")");
    });
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
        ReferenceValue::Canonical(canonical) => {
            sql.push("t.target_id = '' AND t.target_kind = '' AND ");
            match canonical {
                CanonicalMatch::Is(name) => {
                    sql.push("t.target_url = ");
                    sql.text(text_key(name));
                }
                CanonicalMatch::Version(name) => beneath(sql, "t.target_url", name, &[".", "-"]),
                CanonicalMatch::Path(address) => beneath(sql, "t.target_url", address, &["/"]),
            }
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

/// The table that holds the second values of pairs, which are all of one parameter.
fn table_of_pairs(any_of: &[PairValue]) -> &'static str {
    match any_of.first().map(|pair| &pair.second) {
        Some(Criterion::Reference { .. }) => "index_reference",
        Some(Criterion::Date { .. }) => "index_date",
        Some(Criterion::Quantity { .. }) => "index_quantity",
        _ => "index_token",
    }
}

/// `t` is an entry of one of the pairs.
fn pairs<'q>(sql: &mut Statement<'q>, any_of: &'q [PairValue]) {
    any(sql, any_of, &|sql, pair: &'q PairValue| {
        sql.push("t.param");
        one_of(sql, pair.names.iter().map(|name| text_key(name)));
        sql.push(" AND ");
        match &pair.second {
            Criterion::Token { any_of, .. } => tokens(sql, any_of, "t"),
            Criterion::Reference { any_of, .. } => references(sql, any_of),
            Criterion::Date { any_of, .. } => dates(sql, any_of, Ends::OfRange),
            Criterion::Quantity { any_of, .. } => quantities(sql, any_of),
            _ => sql.push(NEVER),
        }
    });
}
