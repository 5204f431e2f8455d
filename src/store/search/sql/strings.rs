//! Texts as SQL: a beginning is a range of the index, a whole text a place in it, anywhere a look through the entries.

use std::borrow::Cow;

use crate::fhir::search::query::{StringMatch, StringValue};
use crate::fhir::search::text::after;
use crate::store::index::{divided, exact_key, text_key};
use crate::store::statement::Statement;

use super::criteria::any;

pub(super) fn strings<'q>(sql: &mut Statement<'q>, any_of: &'q [StringValue], how: StringMatch) {
    any(sql, any_of, &|sql, value: &'q StringValue| {
        let (folded, rest) = divided(&value.folded);
        match how {
            StringMatch::Begins if rest.is_empty() => begins(sql, "t.folded", folded),
            StringMatch::Begins => {
                sql.push("t.folded = ");
                sql.text(folded);
                sql.push(" AND ");
                begins(sql, "t.rest", rest);
            }
            StringMatch::Exact => {
                sql.push("t.folded = ");
                sql.text(folded);
                sql.push(" AND t.exact = ");
                sql.number(exact_key(&value.text));
            }
            StringMatch::Contains => {
                sql.push("t.folded || t.rest LIKE ");
                sql.text(pattern(&value.folded));
                sql.push(" ESCAPE '\\'");
            }
        }
    });
}

/// A uri that is one of these or stands below it, in `t.value`.
pub(super) fn below<'q>(sql: &mut Statement<'q>, any_of: &'q [String]) {
    any(sql, any_of, &|sql, uri: &'q String| {
        beneath(sql, "t.value", uri, &["/"])
    });
}

/// `column` is this, or goes on after it from one of these characters.
pub(super) fn beneath<'q>(sql: &mut Statement<'q>, column: &'static str, top: &'q str, from: &[&str]) {
    sql.push("(");
    sql.push(column);
    sql.push(" = ");
    sql.text(text_key(top));
    for from in from {
        sql.push(" OR ");
        begins(sql, column, format!("{top}{from}"));
    }
    sql.push(")");
}

/// `column` begins so; `beginning` is not empty.
fn begins<'q>(sql: &mut Statement<'q>, column: &'static str, beginning: impl Into<Cow<'q, str>>) {
    let beginning = beginning.into();
    let end = after(&beginning);
    sql.push(column);
    sql.push(" >= ");
    sql.text(beginning);
    if let Some(end) = end {
        sql.push(" AND ");
        sql.push(column);
        sql.push(" < ");
        sql.text(end);
    }
}

/// Both backends compare folded texts alike: SQLite's LIKE knows no case of ASCII letters, and there is none left.
fn pattern(folded: &str) -> Cow<'static, str> {
    let mut pattern = String::with_capacity(folded.len() + 2);
    pattern.push('%');
    for c in folded.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Cow::Owned(pattern)
}
