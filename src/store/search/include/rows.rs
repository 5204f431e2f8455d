//! What an inclusion reads: rows of the index, and the resources they name. Each statement is written by a function of its
//! own, so that tests may ask how the database goes about it.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::fhir::references::{local, relative};
use crate::fhir::search::canonical;
use crate::fhir::search::include::{Include, Join};
use crate::fhir::types::ResourceType;
use crate::store::connection::on_either;
use crate::store::error::StoreError;
use crate::store::index::text_key;
use crate::store::session::{CurrentColumns, CurrentRow, Session, Stored};
use crate::store::sikt::Sikt;
use crate::store::statement::Statement;

/// Resources asked for in one statement.
pub(super) const CHUNK: usize = 100;

/// Whether only what belongs to no patient is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Anybodys,
    Nobodys,
}

type Params = BTreeSet<&'static str>;

impl Session {
    /// The index rows of these resources of a type under the joins' parameters.
    pub(super) fn references_of(
        &mut self,
        kind: ResourceType,
        ids: &[&str],
        joins: &[&Join],
    ) -> Result<Vec<ReferenceRow>, StoreError> {
        let params: Params = joins
            .iter()
            .filter(|join| !join.canonical)
            .map(|join| join.index)
            .collect();
        let mut rows = Vec::new();
        if params.is_empty() {
            return Ok(rows);
        }
        for chunk in ids.chunks(CHUNK) {
            rows.extend(on_either!(self, c => references_of(kind, chunk, &params).of_columns::<ReferenceColumns>().load::<ReferenceRow>(c))?);
        }
        Ok(rows)
    }

    /// The current, not deleted ones of these.
    pub(super) fn current_of(
        &mut self,
        wanted: &BTreeSet<(ResourceType, String)>,
        whose: Whose,
    ) -> Result<Vec<Stored>, StoreError> {
        let sikt = self.sikt.clone();
        let mut ids: BTreeMap<ResourceType, Vec<&str>> = BTreeMap::new();
        for (kind, id) in wanted {
            ids.entry(*kind).or_default().push(id);
        }
        let mut found = Vec::new();
        for (kind, ids) in ids {
            for chunk in ids.chunks(CHUNK) {
                found.extend(self.load(current_of(kind, chunk, whose, sikt.as_deref()))?);
            }
        }
        Ok(found)
    }

    /// The resources that these canonical names mean, of each name the one written last.
    pub(super) fn named(&mut self, names: &BTreeSet<String>) -> Result<Vec<Stored>, StoreError> {
        let sikt = self.sikt.clone();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut last: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for chunk in names.chunks(CHUNK) {
            let rows: Vec<NamedRow> =
                on_either!(self, c => named(chunk, sikt.as_deref()).of_columns::<(Text, BigInt, BigInt)>().load(c))?;
            for row in rows {
                let written = (row.last_updated, row.resource);
                let of_name = last.entry(row.name).or_insert(written);
                *of_name = written.max(*of_name);
            }
        }
        let keys: BTreeSet<i64> = last.into_values().map(|(_, key)| key).collect();
        self.of_some_keys(&keys, keys.len())
    }

    /// The index rows of a type that refer to one of these ids, whatever their type.
    pub(super) fn references_to(
        &mut self,
        source: ResourceType,
        params: &Params,
        ids: &[&str],
        limit: i64,
    ) -> Result<Vec<ReferenceRow>, StoreError> {
        Ok(on_either!(self, c => references_to(source, params, ids, limit).of_columns::<ReferenceColumns>().load(c))?)
    }

    /// The index rows of a type that state one of these canonical names.
    pub(super) fn canonicals_to(
        &mut self,
        source: ResourceType,
        params: &Params,
        names: &[String],
        limit: i64,
    ) -> Result<Vec<ReferenceRow>, StoreError> {
        Ok(on_either!(self, c => canonicals_to(source, params, names, limit).of_columns::<ReferenceColumns>().load(c))?)
    }

    pub(super) fn of_some_keys(&mut self, keys: &BTreeSet<i64>, most: usize) -> Result<Vec<Stored>, StoreError> {
        let sikt = self.sikt.clone();
        let keys: Vec<i64> = keys.iter().copied().take(most.saturating_add(1)).collect();
        let mut found = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(CHUNK) {
            found.extend(self.load(of_keys(chunk, sikt.as_deref()))?);
        }
        Ok(found)
    }

    pub(in crate::store::search) fn load(&mut self, sql: Statement<'_>) -> Result<Vec<Stored>, StoreError> {
        let sql = sql.of_columns::<CurrentColumns>();
        let rows: Vec<CurrentRow> = on_either!(self, c => sql.load(c))?;
        rows.into_iter().map(CurrentRow::stored).collect()
    }

    /// How the database goes about what the includes ask of some resources of a type, each statement by itself, one step
    /// per line: for the tests that no table is walked. `keys` stand for what would be found.
    pub fn explain_include(
        &mut self,
        (kind, ids): (ResourceType, &[&str]),
        include: &Include,
        keys: &[i64],
    ) -> Result<Vec<Vec<String>>, StoreError> {
        let names: Vec<String> = ids.iter().map(|id| format!("https://example.org/{id}|")).collect();
        let mut plans = Vec::new();
        for join in &include.joins {
            let params = Params::from([join.index]);
            let statement = match (include.reverse, join.canonical) {
                (false, false) => references_of(kind, ids, &params),
                (false, true) => named(&ids[..1], None),
                (true, false) => references_to(join.source, &params, ids, 1_001),
                (true, true) => canonicals_to(join.source, &params, &names, 1_001),
            };
            plans.push(self.explain(statement)?);
        }
        for whose in [Whose::Anybodys, Whose::Nobodys] {
            plans.push(self.explain(current_of(kind, ids, whose, None))?);
        }
        plans.push(self.explain(of_keys(keys, None))?);
        Ok(plans)
    }
}

// ── Statements ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const REFERENCE_ROWS: &str = "SELECT t.resource, t.param, t.target_kind, t.target_id, t.target_url FROM ";

fn references_of<'q>(kind: ResourceType, ids: &[&'q str], params: &Params) -> Statement<'q> {
    let mut sql = Statement::default();
    sql.push(REFERENCE_ROWS);
    sql.push(
        "resource r CROSS JOIN index_reference t WHERE t.patient = r.patient AND t.resource = r.key AND r.kind = ",
    );
    sql.kind(kind);
    sql.push(" AND r.id");
    list(&mut sql, ids, |sql, id| sql.text(*id));
    sql.push(" AND t.param");
    list(&mut sql, params, |sql, param| sql.text(*param));
    sql
}

fn current_of<'q>(kind: ResourceType, ids: &[&'q str], whose: Whose, sikt: Option<&'q Sikt>) -> Statement<'q> {
    let mut sql = current(sikt);
    sql.push(" AND r.kind = ");
    sql.kind(kind);
    sql.push(" AND r.id");
    list(&mut sql, ids, |sql, id| sql.text(*id));
    if whose == Whose::Nobodys {
        sql.push(" AND +r.patient = 0");
    }
    sql.push(" ORDER BY +r.key");
    sql
}

fn of_keys<'q>(keys: &[i64], sikt: Option<&'q Sikt>) -> Statement<'q> {
    let mut sql = current(sikt);
    sql.push(" AND r.key");
    list(&mut sql, keys, |sql, key| sql.number(*key));
    sql.push(" ORDER BY +r.key");
    sql
}

/// Current versions, as they are seen; the condition goes on.
fn current(sikt: Option<&Sikt>) -> Statement<'_> {
    let mut sql = Statement::seen(sikt);
    sql.push(
        "SELECT r.kind, r.id, r.patient, r.hallare, r.version, r.last_updated, h.body FROM resource r JOIN history h ON h.seq = r.current \
         WHERE NOT r.deleted",
    );
    sql.visible();
    sql
}

fn named<'q>(names: &[&'q str], sikt: Option<&'q Sikt>) -> Statement<'q> {
    let mut sql = Statement::seen(sikt);
    sql.push(
        "SELECT n.value AS name, n.resource, r.last_updated FROM index_token n CROSS JOIN resource r WHERE n.kind = ",
    );
    sql.kind(canonical::NAMED);
    sql.push(" AND n.param = ");
    sql.text(canonical::NAMES);
    sql.push(" AND n.value");
    list(&mut sql, names, |sql, name| sql.text(text_key(name)));
    sql.push(" AND r.key = n.resource AND NOT r.deleted");
    sql.visible();
    sql
}

fn references_to<'q>(source: ResourceType, params: &Params, ids: &[&'q str], limit: i64) -> Statement<'q> {
    let mut sql = referring(source, params);
    sql.push(" AND t.target_id");
    list(&mut sql, ids, |sql, id| sql.text(*id));
    sql.push(" ORDER BY t.resource");
    sql.limit(limit);
    sql
}

fn canonicals_to<'q>(source: ResourceType, params: &Params, names: &'q [String], limit: i64) -> Statement<'q> {
    let mut sql = referring(source, params);
    sql.push(" AND t.target_id = '' AND t.target_kind = '' AND t.target_url");
    list(&mut sql, names, |sql, name| sql.text(text_key(name)));
    sql.push(" ORDER BY t.resource");
    sql.limit(limit);
    sql
}

/// Index rows of a type under some parameters; the condition goes on.
fn referring<'q>(source: ResourceType, params: &Params) -> Statement<'q> {
    let mut sql = Statement::default();
    sql.push(REFERENCE_ROWS);
    sql.push("index_reference t WHERE t.kind = ");
    sql.kind(source);
    sql.push(" AND t.param");
    list(&mut sql, params, |sql, param| sql.text(*param));
    sql
}

/// ` IN (?, …)`; there is at least one.
pub(in crate::store) fn list<'q, T>(
    sql: &mut Statement<'q>,
    values: impl IntoIterator<Item = T>,
    each: impl Fn(&mut Statement<'q>, T),
) {
    for (number, value) in values.into_iter().enumerate() {
        sql.push(if number == 0 { " IN (" } else { ", " });
        each(sql, value);
    }
    sql.push(")");
}

#[derive(Queryable)]
struct NamedRow {
    name: String,
    resource: i64,
    last_updated: i64,
}

#[derive(Queryable)]
pub(super) struct ReferenceRow {
    pub resource: i64,
    pub param: String,
    target_kind: String,
    target_id: String,
    target_url: String,
}

type ReferenceColumns = (BigInt, Text, Text, Text, Text);

impl ReferenceRow {
    /// The resource of ours that the row points at.
    pub fn target(&self, own_bases: &[String]) -> Option<(ResourceType, String)> {
        let kind = ResourceType::from_name(&self.target_kind)?;
        let ours = self.target_url.is_empty()
            || local(relative(&self.target_url, own_bases)) == Some((kind, self.target_id.as_str()));
        (ours && !self.target_id.is_empty()).then(|| (kind, self.target_id.clone()))
    }
}
