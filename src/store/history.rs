//! The history interaction's question to the store: versions of one resource, of a type or of everything, in the order of their time.

use std::borrow::Cow;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, SmallInt, Text};

use super::connection::on_either;
use super::error::StoreError;
use super::kind;
use super::session::{Session, Stored, instant};
use super::sikt::Sikt;
use super::statement::Statement;
use crate::fhir::types::ResourceType;

/// Whose versions are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Instance(ResourceType, String),
    Type(ResourceType),
    System,
}

/// Versions in the order of their time. Times are microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    pub scope: Scope,
    /// Only versions made at this instant or later.
    pub since: Option<i64>,
    /// Only versions that were current at some point in [low, high).
    pub at: Option<(i64, i64)>,
    /// The order is turned round: else the newest come first.
    pub oldest_first: bool,
    /// Where the page before ended.
    pub after: Option<HistoryEnd>,
    pub limit: i64,
}

/// The place of a version in the order: its time, then its number among all versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryEnd {
    pub last_updated: i64,
    pub seq: i64,
}

/// A version of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    pub stored: Stored,
    /// Its place in the order.
    pub end: HistoryEnd,
    /// How it came about: create, update, patch or delete (restful-interaction). What older programs wrote in a transaction
    /// is told as `transaction`.
    pub interaction: String,
    /// Whether nothing was there before it: the first version, or the first one after a delete.
    pub begins: bool,
}

impl Session {
    /// The versions, deletes among them.
    pub fn history(&mut self, query: &HistoryQuery) -> Result<Vec<Past>, StoreError> {
        let sikt = self.sikt.clone();
        let statement = select(query, sikt.as_deref(), self.horizon);
        let rows: Vec<Row> = on_either!(self, c => statement.load(c))?;
        rows.into_iter().map(Row::past).collect()
    }

    /// One version, if it and the resource are seen ([`Session::seen_by`]); a deleted one too.
    pub fn seen_version(&mut self, kind: ResourceType, id: &str, version: i64) -> Result<Option<Stored>, StoreError> {
        let sikt = self.sikt.clone();
        let mut sql = Statement::seen(sikt.as_deref());
        sql.push(COLUMNS);
        sql.push("FROM resource r JOIN history h ON h.patient = r.patient AND h.resource = r.key WHERE r.kind = ");
        sql.kind(kind);
        sql.push(" AND r.id = ");
        sql.text(id);
        sql.push(" AND h.version = ");
        sql.number(version);
        sql.visible_version();
        let rows: Vec<Row> = on_either!(self, c => sql.load(c))?;
        Ok(rows
            .into_iter()
            .next()
            .map(Row::past)
            .transpose()?
            .map(|past| past.stored))
    }

    /// How the database goes about it, one step per line: for the tests that no history walks a table.
    pub fn explain_history(&mut self, query: &HistoryQuery) -> Result<Vec<String>, StoreError> {
        let sikt = self.sikt.clone();
        self.explain(select(query, sikt.as_deref(), self.horizon))
    }
}

/// The columns of [`Row`]; the tables go on. The version before is looked up by its key: to answer an `EXISTS`, PostgreSQL
/// would read the whole table for a page.
const COLUMNS: &str = "SELECT h.seq, r.kind, r.id, r.patient, r.hallare, h.version, h.last_updated, h.deleted, h.interaction, h.body, \
     COALESCE((SELECT b.deleted FROM history b WHERE b.patient = h.patient AND b.resource = h.resource \
     AND b.version = h.version - 1), TRUE) AS begins ";

fn select<'q>(query: &'q HistoryQuery, sikt: Option<&'q Sikt>, horizon: Option<i64>) -> Statement<'q> {
    let mut sql = Statement::seen(sikt);
    sql.push(COLUMNS);
    match &query.scope {
        Scope::Instance(kind, id) => {
            sql.push("FROM resource r JOIN history h ON h.patient = r.patient AND h.resource = r.key WHERE r.kind = ");
            sql.kind(*kind);
            sql.push(" AND r.id = ");
            sql.text(Cow::Borrowed(id.as_str()));
        }
        // `CROSS JOIN` makes SQLite keep the order of the tables; to PostgreSQL it is any join.
        Scope::Type(kind) => {
            sql.push("FROM history h CROSS JOIN resource r WHERE r.key = h.resource AND h.kind = ");
            sql.kind(*kind);
        }
        Scope::System => sql.push("FROM history h CROSS JOIN resource r WHERE r.key = h.resource"),
    }
    sql.visible_version();
    // The versions of one resource come one after the other: nothing is missed among them.
    if let (Some(horizon), Scope::Type(_) | Scope::System) = (horizon, &query.scope) {
        sql.push(" AND h.last_updated <= ");
        sql.number(horizon);
    }
    if let Some(since) = query.since {
        sql.push(" AND h.last_updated >= ");
        sql.number(since);
    }
    if let Some((low, high)) = query.at {
        sql.push(" AND h.last_updated < ");
        sql.number(high);
        sql.push(
            " AND NOT EXISTS (SELECT 1 FROM history n WHERE n.patient = h.patient AND n.resource = h.resource \
             AND n.version = h.version + 1 AND n.last_updated <= ",
        );
        sql.number(low);
        sql.push(")");
    }
    if let Some(end) = query.after {
        let [from, later, or_number] = match query.oldest_first {
            true => [" AND h.last_updated >= ", " AND (h.last_updated > ", " OR h.seq > "],
            false => [" AND h.last_updated <= ", " AND (h.last_updated < ", " OR h.seq < "],
        };
        sql.push(from);
        sql.number(end.last_updated);
        sql.push(later);
        sql.number(end.last_updated);
        sql.push(or_number);
        sql.number(end.seq);
        sql.push(")");
    }
    sql.push(match query.oldest_first {
        true => " ORDER BY h.last_updated, h.seq",
        false => " ORDER BY h.last_updated DESC, h.seq DESC",
    });
    sql.limit(query.limit);
    sql
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = SmallInt)]
    kind: i16,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    patient: i64,
    #[diesel(sql_type = BigInt)]
    hallare: i64,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    last_updated: i64,
    #[diesel(sql_type = Bool)]
    deleted: bool,
    #[diesel(sql_type = Text)]
    interaction: String,
    #[diesel(sql_type = Text)]
    body: String,
    #[diesel(sql_type = Bool)]
    begins: bool,
}

impl Row {
    fn past(self) -> Result<Past, StoreError> {
        let end = HistoryEnd {
            last_updated: self.last_updated,
            seq: self.seq,
        };
        let stored = Stored {
            kind: kind::of_number(self.kind)?,
            id: self.id,
            patient: self.patient,
            hallare: self.hallare,
            version: self.version,
            last_updated: instant(self.last_updated)?,
            deleted: self.deleted,
            body: self.body,
        };
        Ok(Past {
            stored,
            end,
            interaction: self.interaction,
            begins: self.begins,
        })
    }
}
