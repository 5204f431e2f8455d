//! `$everything`'s question to the store: all that is held about one patient, a page at a time. The patient is the shard:
//! what belongs to nobody else lies in one range of an index, and what refers to the patient besides (a message about
//! a child, to her) is found by the reference.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::connection::on_either;
use super::error::StoreError;
use super::kind::OF_NAME;
use super::search::list;
use super::session::{CurrentColumns, CurrentRow, Session, Stored};
use super::sikt::Sikt;
use super::statement::Statement;
use crate::fhir::search::CARE_DATES;
use crate::fhir::types::ResourceType;

/// What is asked for. Times are microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EverythingQuery {
    /// The patient's logical id.
    pub patient: String,
    /// The references to the patient by which a resource of a type belongs to the compartment: names in the index.
    pub references: BTreeMap<ResourceType, BTreeSet<&'static str>>,
    /// Addresses of the patient under our own base URLs.
    pub own_urls: Vec<String>,
    /// Only these types; `None`: all.
    pub kinds: Option<Vec<ResourceType>>,
    /// Only what was changed at this instant or later.
    pub since: Option<i64>,
    /// Only care in [low, high), and what has no date of care.
    pub care: Option<(i64, i64)>,
    /// Where the page before ended.
    pub after: Option<EverythingEnd>,
    pub limit: i64,
}

/// A resource's place in the order: the patient first, then type by type, each in the order of its first writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EverythingEnd {
    pub kind: i64,
    pub key: i64,
}

impl Session {
    /// The current, not deleted resources in the patient's compartment (`key` is the patient's), each with its place.
    pub fn everything(
        &mut self,
        key: i64,
        query: &EverythingQuery,
    ) -> Result<Vec<(Stored, EverythingEnd)>, StoreError> {
        let sikt = self.sikt.clone();
        let statement = select(key, query, sikt.as_deref());
        let statement = statement.of_columns::<(BigInt, CurrentColumns)>();
        let rows: Vec<Row> = on_either!(self, c => statement.load(c))?;
        rows.into_iter().map(Row::place).collect()
    }

    /// How the database goes about it, one step per line: for the tests that no table is walked.
    pub fn explain_everything(&mut self, key: i64, query: &EverythingQuery) -> Result<Vec<String>, StoreError> {
        let sikt = self.sikt.clone();
        self.explain(select(key, query, sikt.as_deref()))
    }
}

fn select<'q>(key: i64, query: &'q EverythingQuery, sikt: Option<&'q Sikt>) -> Statement<'q> {
    let mut sql = Statement::seen(sikt);
    // The page's keys first, the bodies after: a sort must not carry bodies.
    sql.push(
        "SELECT p.key, p.kind, p.id, p.patient, p.hallare, p.version, p.last_updated, h.body FROM (\
         SELECT r.kind, r.key, r.id, r.patient, r.hallare, r.version, r.last_updated, r.current FROM resource r \
         WHERE NOT r.deleted AND r.key IN (SELECT o.key FROM resource o WHERE o.patient = ",
    );
    sql.number(key);
    for (kind, params) in &query.references {
        sql.push(" UNION SELECT t.resource FROM index_reference t WHERE t.kind = ");
        sql.kind(*kind);
        sql.push(" AND t.param");
        list(&mut sql, params, |sql, param| sql.text(*param));
        sql.push(" AND t.target_id = ");
        sql.text(query.patient.as_str());
        sql.push(" AND t.target_kind = ");
        sql.text(ResourceType::Patient.name());
        sql.push(" AND t.target_url");
        let urls = [""].into_iter().chain(query.own_urls.iter().map(String::as_str));
        list(&mut sql, urls, |sql, url| sql.text(url));
    }
    sql.push(")");
    sql.visible();
    // A plus before a column keeps SQLite from beginning at the type or the time, of which there are many more.
    match query.kinds.as_deref() {
        None => {}
        Some([]) => sql.push(" AND 1 = 0"),
        Some(kinds) => {
            sql.push(" AND +r.kind");
            list(&mut sql, kinds, |sql, kind| sql.kind(*kind));
        }
    }
    if let Some(since) = query.since {
        sql.push(" AND +r.last_updated >= ");
        sql.number(since);
    }
    if let Some((low, high)) = query.care {
        sql.push(" AND ");
        in_time(&mut sql, "r", (low, high));
        // What is told of something goes with it; of what is not stored here, nothing is known.
        sql.push(" AND (r.kind <> ");
        sql.kind(ResourceType::Provenance);
        sql.push(" OR NOT EXISTS (");
        told_of(&mut sql);
        // As in a probe: PostgreSQL is not to make a set of all that is told of.
        sql.push(" LIMIT 1 OFFSET 0) OR EXISTS (");
        told_of(&mut sql);
        sql.push(" AND NOT o.deleted AND ");
        in_time(&mut sql, "o", (low, high));
        sql.push(" LIMIT 1 OFFSET 0))");
    }
    if let Some(end) = query.after {
        sql.push(" AND +r.kind >= ");
        sql.number(end.kind);
        sql.push(" AND (r.kind > ");
        sql.number(end.kind);
        sql.push(" OR r.key > ");
        sql.number(end.key);
        sql.push(")");
    }
    sql.push(" ORDER BY r.kind, r.key");
    sql.limit(query.limit);
    sql.push(") p JOIN history h ON h.seq = p.current ORDER BY p.kind, p.key");
    sql
}

/// What the Provenance `r` tells of, as far as it is stored: `o`; the condition goes on.
fn told_of(sql: &mut Statement<'_>) {
    sql.push(
        "SELECT 1 FROM index_reference g CROSS JOIN resource o WHERE g.patient = r.patient AND g.resource = r.key \
         AND g.param = 'target' AND g.target_url = '' AND o.id = g.target_id AND o.kind = CASE g.target_kind",
    );
    sql.push(&OF_NAME);
}

/// That the resource of this name has no date of care, or one in [low, high).
fn in_time(sql: &mut Statement<'_>, resource: &'static str, (low, high): (i64, i64)) {
    sql.push("(");
    sql.push(resource);
    sql.push(".kind NOT");
    list(sql, CARE_DATES, |sql, (kind, _)| sql.kind(*kind));
    sql.push(" OR NOT EXISTS (");
    care_dates(sql, resource);
    sql.push(") OR EXISTS (");
    care_dates(sql, resource);
    sql.push(" AND t.low < ");
    sql.number(high);
    sql.push(" AND t.high > ");
    sql.number(low);
    sql.push("))");
}

fn care_dates(sql: &mut Statement<'_>, resource: &'static str) {
    sql.push("SELECT 1 FROM index_date t WHERE t.patient = ");
    sql.push(resource);
    sql.push(".patient AND t.resource = ");
    sql.push(resource);
    sql.push(".key AND t.param");
    let params: BTreeSet<&'static str> = CARE_DATES.iter().flat_map(|(_, params)| *params).copied().collect();
    list(sql, params, |sql, param| sql.text(param));
}

#[derive(Queryable)]
struct Row {
    key: i64,
    current: CurrentRow,
}

impl Row {
    fn place(self) -> Result<(Stored, EverythingEnd), StoreError> {
        let end = EverythingEnd {
            kind: i64::from(self.current.kind),
            key: self.key,
        };
        Ok((self.current.stored()?, end))
    }
}
