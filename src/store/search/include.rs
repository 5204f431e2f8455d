//! What comes with a page: the resources that its matches refer to, or that refer to them. Step by step: the references of
//! all resources of a step are read with a few statements from the index, by the resources' own keys, and what they name
//! is then read with one statement per type. What is not there, deleted, or not for the caller's eyes is left out, and
//! nothing is followed from it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::Value;

use crate::fhir::json::reread;
use crate::fhir::references::{local, relative};
use crate::fhir::search::include::{Include, Join, questionnaires};
use crate::fhir::types::ResourceType;
use crate::store::connection::on_either;
use crate::store::error::StoreError;
use crate::store::index::text_key;
use crate::store::session::{CurrentColumns, CurrentRow, Session, Stored};
use crate::store::statement::Statement;

/// Resources asked for in one statement.
const CHUNK: usize = 100;
/// How far `:iterate` goes.
const MOST_STEPS: usize = 12;

/// What comes with a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Included {
    /// Each once, none of them a match.
    pub entries: Vec<Stored>,
    /// There is more than was taken in.
    pub cut: bool,
}

/// What bounds an inclusion, and who looks.
pub struct Referred<'a> {
    /// Our own base URLs, without a slash at the end: references under them are local.
    pub own_bases: &'a [String],
    /// Most resources that are taken in.
    pub most: usize,
    /// The access decision about one resource.
    pub may_see: &'a dyn Fn(&Stored) -> bool,
}

/// A resource that is referred to: its type, its id, and the version when the reference names one.
type Wanted = (ResourceType, String, Option<i64>);

impl Session {
    /// What comes with these matches.
    pub fn include(
        &mut self,
        matches: &[Stored],
        includes: &[Include],
        how: &Referred<'_>,
    ) -> Result<Included, StoreError> {
        let mut gathering = Gathering::of(matches);
        let mut step: Vec<Item> = matches.iter().cloned().map(Item::current).collect();
        for number in 0.. {
            let active = includes.iter().filter(|include| number == 0 || include.iterate);
            let (reverse, forward): (Vec<&Include>, Vec<&Include>) = active.partition(|include| include.reverse);
            if step.is_empty() || reverse.is_empty() && forward.is_empty() {
                break;
            }
            if number == MOST_STEPS {
                gathering.included.cut = true;
                break;
            }
            let mut found = self.referred_to(&step, &forward, &gathering, how)?;
            let (referring, more) = self.referring(&step, &reverse, how)?;
            gathering.included.cut |= more;
            found.extend(referring);
            step = gathering.take(found, how);
            if gathering.full(how) {
                break;
            }
        }
        Ok(gathering.included)
    }

    /// Everything that these resources refer to wherever a reference stands in them, and what that refers to in turn, as far
    /// as it belongs to no patient: for `$everything`, which shows what belongs to the patient on its own.
    pub fn all_referred(&mut self, matches: &[Stored], how: &Referred<'_>) -> Result<Included, StoreError> {
        let mut gathering = Gathering::of(matches);
        let mut step: Vec<Stored> = matches.to_vec();
        for _ in 0..MOST_STEPS {
            let mut wanted = BTreeSet::new();
            for stored in &step {
                literals(&read(stored)?, &mut |literal| {
                    let target = local(relative(literal, how.own_bases));
                    wanted.extend(target.map(|(kind, id)| (kind, id.to_owned())));
                });
            }
            wanted.retain(|(kind, id)| !gathering.has_current(*kind, id));
            let found = self.current_of(&wanted, Whose::Nobodys)?;
            step = gathering
                .take(found.into_iter().map(Item::current).collect(), how)
                .into_iter()
                .map(|item| item.stored)
                .collect();
            if step.is_empty() || gathering.full(how) {
                return Ok(gathering.included);
            }
        }
        gathering.included.cut = true;
        Ok(gathering.included)
    }

    // ── Forward ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn referred_to(
        &mut self,
        step: &[Item],
        includes: &[&Include],
        gathering: &Gathering,
        how: &Referred<'_>,
    ) -> Result<Vec<Item>, StoreError> {
        let joins: Vec<&Join> = includes.iter().flat_map(|include| &include.joins).collect();
        let mut wanted: BTreeSet<Wanted> = BTreeSet::new();
        let mut addresses: BTreeSet<String> = BTreeSet::new();
        for (kind, items) in by_kind(step) {
            let own: Vec<&Join> = joins.iter().copied().filter(|join| join.source == kind).collect();
            if own.is_empty() {
                continue;
            }
            let (in_body, in_index): (Vec<&Item>, Vec<&Item>) = items.into_iter().partition(|item| item.needs_body());
            for row in self.references_of(kind, &in_index, &own)? {
                let taken = own.iter().filter(|join| join.index == row.param && !join.canonical);
                if let Some(target) = row.target(how.own_bases)
                    && taken.into_iter().any(|join| join.leads_to(target.0))
                {
                    wanted.insert((target.0, target.1, None));
                }
            }
            for item in in_body {
                let resource = read(&item.stored)?;
                wanted.extend(own.iter().flat_map(|join| join.references(&resource)));
            }
            let canonical: Vec<&Join> = own.iter().copied().filter(|join| join.canonical).collect();
            if !canonical.is_empty() {
                for item in step.iter().filter(|item| item.stored.kind == kind) {
                    let resource = read(&item.stored)?;
                    let named = canonical.iter().flat_map(|join| join.canonicals(&resource));
                    addresses.extend(named.map(str::to_owned));
                }
            }
        }
        wanted.retain(|(kind, id, version)| version.is_some() || !gathering.has_current(*kind, id));
        let mut found = self.versions_of(wanted)?;
        for address in addresses {
            found.extend(self.questionnaire(&address)?.map(Item::current));
        }
        Ok(found)
    }

    /// The index rows of these resources under the joins' parameters.
    fn references_of(
        &mut self,
        kind: ResourceType,
        items: &[&Item],
        joins: &[&Join],
    ) -> Result<Vec<ReferenceRow>, StoreError> {
        let params: BTreeSet<&'static str> = joins
            .iter()
            .filter(|join| !join.canonical)
            .map(|join| join.index)
            .collect();
        let mut rows = Vec::new();
        if params.is_empty() {
            return Ok(rows);
        }
        for chunk in items.chunks(CHUNK) {
            let mut sql = Statement::default();
            sql.push(
                "SELECT t.resource, t.param, t.target_kind, t.target_id, t.target_url \
                 FROM resource r CROSS JOIN index_reference t WHERE t.patient = r.patient AND t.resource = r.key AND r.kind = ",
            );
            sql.kind(kind);
            sql.push(" AND r.id");
            list(&mut sql, chunk, |sql, item| sql.text(item.stored.id.as_str()));
            sql.push(" AND t.param");
            list(&mut sql, params.iter(), |sql, param| sql.text(*param));
            let sql = sql.of_columns::<ReferenceColumns>();
            rows.extend(on_either!(self, c => sql.load::<ReferenceRow>(c))?);
        }
        Ok(rows)
    }

    /// What is wanted, in the current version or in the one that is named; a version of what is deleted is left out too.
    fn versions_of(&mut self, wanted: BTreeSet<Wanted>) -> Result<Vec<Item>, StoreError> {
        let resources = wanted.iter().map(|(kind, id, _)| (*kind, id.clone())).collect();
        let current = self.current_of(&resources, Whose::Anybodys)?;
        let mut found = Vec::new();
        for stored in current {
            for (kind, id, version) in wanted.range((stored.kind, stored.id.clone(), None)..) {
                if (*kind, id) != (stored.kind, &stored.id) {
                    break;
                }
                match version.filter(|version| *version != stored.version) {
                    None => found.push(Item::current(stored.clone())),
                    Some(version) => {
                        let past = self.version(*kind, id, version)?.filter(|past| !past.deleted);
                        found.extend(past.map(Item::past));
                    }
                }
            }
        }
        Ok(found)
    }

    /// The current, not deleted ones of these.
    fn current_of(
        &mut self,
        wanted: &BTreeSet<(ResourceType, String)>,
        whose: Whose,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut ids: BTreeMap<ResourceType, Vec<&str>> = BTreeMap::new();
        for (kind, id) in wanted {
            ids.entry(*kind).or_default().push(id);
        }
        let mut found = Vec::new();
        for (kind, ids) in ids {
            for chunk in ids.chunks(CHUNK) {
                let mut sql = current();
                sql.push(" AND r.kind = ");
                sql.kind(kind);
                sql.push(" AND r.id");
                list(&mut sql, chunk, |sql, id| sql.text(*id));
                if whose == Whose::Nobodys {
                    sql.push(" AND +r.patient = 0");
                }
                sql.push(" ORDER BY +r.key");
                found.extend(self.load(sql)?);
            }
        }
        Ok(found)
    }

    /// The Questionnaire that a canonical address names: of that version, else the one written last.
    fn questionnaire(&mut self, canonical: &str) -> Result<Option<Stored>, StoreError> {
        let (address, version) = match canonical.split_once('|') {
            Some((address, version)) => (address, Some(version)),
            None => (canonical, None),
        };
        let Some(query) = questionnaires(address) else {
            return Ok(None);
        };
        let mut found = self.search(&query)?.entries;
        if let Some(version) = version {
            found.retain(|stored| read(stored).is_ok_and(|resource| resource["version"] == version));
        }
        // Newest first: of two from the same instant the first stays.
        Ok(found.into_iter().rev().max_by_key(|stored| stored.last_updated))
    }

    // ── Back ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// What refers to the resources of a step, not much more than may be taken in, and whether there is more.
    fn referring(
        &mut self,
        step: &[Item],
        includes: &[&Include],
        how: &Referred<'_>,
    ) -> Result<(Vec<Item>, bool), StoreError> {
        let mut joins: BTreeMap<ResourceType, Vec<&Join>> = BTreeMap::new();
        for join in includes.iter().flat_map(|include| &include.joins) {
            joins.entry(join.source).or_default().push(join);
        }
        let names: HashSet<(ResourceType, &str)> = step
            .iter()
            .map(|item| (item.stored.kind, item.stored.id.as_str()))
            .collect();
        let limit = i64::try_from(how.most).unwrap_or(i64::MAX).saturating_add(1);
        let (mut found, mut more) = (Vec::new(), false);
        for (source, joins) in joins {
            let (canonical, joins): (Vec<&Join>, Vec<&Join>) = joins.into_iter().partition(|join| join.canonical);
            let mut keys = BTreeSet::new();
            let targets: BTreeSet<&str> = step
                .iter()
                .filter(|item| joins.iter().any(|join| join.leads_to(item.stored.kind)))
                .map(|item| item.stored.id.as_str())
                .collect();
            let targets: Vec<&str> = targets.into_iter().collect();
            for chunk in targets.chunks(CHUNK) {
                let rows = self.references_to(source, &joins, chunk, limit)?;
                more |= rows.len() as i64 == limit;
                for row in rows {
                    let Some((kind, id)) = row.target(how.own_bases) else {
                        continue;
                    };
                    let taken = joins.iter().any(|join| join.index == row.param && join.leads_to(kind));
                    if taken && names.contains(&(kind, id.as_str())) {
                        keys.insert(row.resource);
                    }
                }
            }
            found.extend(self.of_some_keys(&keys, how.most)?);
            if !canonical.is_empty() {
                found.extend(self.answering(source, &canonical, step, limit)?);
            }
        }
        Ok((found.into_iter().map(Item::current).collect(), more))
    }

    /// The index rows of a type that refer to one of these ids, whatever their type.
    fn references_to(
        &mut self,
        source: ResourceType,
        joins: &[&Join],
        ids: &[&str],
        limit: i64,
    ) -> Result<Vec<ReferenceRow>, StoreError> {
        let params: BTreeSet<&'static str> = joins.iter().map(|join| join.index).collect();
        let mut sql = referring_rows(source, params);
        sql.push(" AND t.target_id");
        list(&mut sql, ids, |sql, id| sql.text(*id));
        sql.push(" ORDER BY t.resource");
        sql.limit(limit);
        let sql = sql.of_columns::<ReferenceColumns>();
        Ok(on_either!(self, c => sql.load(c))?)
    }

    /// The resources that name a Questionnaire of the step by its canonical address.
    fn answering(
        &mut self,
        source: ResourceType,
        joins: &[&Join],
        step: &[Item],
        limit: i64,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut found = Vec::new();
        for item in step
            .iter()
            .filter(|item| item.stored.kind == ResourceType::Questionnaire)
        {
            let questionnaire = read(&item.stored)?;
            let Some(address) = questionnaire["url"].as_str() else {
                continue;
            };
            let versioned = questionnaire["version"]
                .as_str()
                .map(|version| format!("{address}|{version}"));
            let params: BTreeSet<&'static str> = joins.iter().map(|join| join.index).collect();
            let mut sql = referring_rows(source, params);
            sql.push(" AND t.target_id = '' AND t.target_kind = '' AND t.target_url = ");
            sql.text(text_key(address));
            sql.push(" ORDER BY t.resource");
            sql.limit(limit);
            let sql = sql.of_columns::<ReferenceColumns>();
            let rows: Vec<ReferenceRow> = on_either!(self, c => sql.load(c))?;
            let keys = rows.into_iter().map(|row| row.resource).collect();
            for stored in self.of_some_keys(&keys, keys.len())? {
                let resource = read(&stored)?;
                let mut named = joins.iter().flat_map(|join| join.canonicals(&resource));
                // The index has the address without its version too: another version is another question set.
                if named.any(|named| named == address || Some(named) == versioned.as_deref()) {
                    found.push(stored);
                }
            }
        }
        Ok(found)
    }

    fn of_some_keys(&mut self, keys: &BTreeSet<i64>, most: usize) -> Result<Vec<Stored>, StoreError> {
        let keys: Vec<i64> = keys.iter().copied().take(most.saturating_add(1)).collect();
        let mut found = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(CHUNK) {
            let mut sql = current();
            sql.push(" AND r.key");
            list(&mut sql, chunk, |sql, key| sql.number(*key));
            sql.push(" ORDER BY +r.key");
            found.extend(self.load(sql)?);
        }
        Ok(found)
    }

    pub(super) fn load(&mut self, sql: Statement<'_>) -> Result<Vec<Stored>, StoreError> {
        let sql = sql.of_columns::<CurrentColumns>();
        let rows: Vec<CurrentRow> = on_either!(self, c => sql.load(c))?;
        rows.into_iter().map(CurrentRow::stored).collect()
    }
}

/// Whether only what belongs to no patient is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Anybodys,
    Nobodys,
}

/// A resource of a step.
struct Item {
    stored: Stored,
    /// An earlier version: the index knows only the current one.
    past: bool,
}

impl Item {
    fn current(stored: Stored) -> Item {
        Item { stored, past: false }
    }

    fn past(stored: Stored) -> Item {
        Item { stored, past: true }
    }

    /// Whether its references must be read in the resource itself: the index does not tell the version that they name.
    fn needs_body(&self) -> bool {
        self.past || self.stored.body.contains("/_history/")
    }
}

fn by_kind(step: &[Item]) -> BTreeMap<ResourceType, Vec<&Item>> {
    let mut kinds: BTreeMap<ResourceType, Vec<&Item>> = BTreeMap::new();
    for item in step {
        kinds.entry(item.stored.kind).or_default().push(item);
    }
    kinds
}

/// What is in the answer already.
struct Gathering {
    included: Included,
    there: HashSet<(ResourceType, String, i64)>,
    current: HashSet<(ResourceType, String)>,
}

impl Gathering {
    fn of(matches: &[Stored]) -> Gathering {
        let names = matches.iter().map(|stored| (stored.kind, stored.id.clone()));
        Gathering {
            included: Included::default(),
            current: names.clone().collect(),
            there: names
                .zip(matches)
                .map(|((kind, id), stored)| (kind, id, stored.version))
                .collect(),
        }
    }

    fn has_current(&self, kind: ResourceType, id: &str) -> bool {
        self.current.contains(&(kind, id.to_owned()))
    }

    /// Takes in what is new and may be seen, as far as there is room; answers what was taken in, for the next step.
    fn take(&mut self, found: Vec<Item>, how: &Referred<'_>) -> Vec<Item> {
        let mut taken = Vec::new();
        for item in found {
            let name = (item.stored.kind, item.stored.id.clone());
            if self.there.contains(&(name.0, name.1.clone(), item.stored.version)) || !(how.may_see)(&item.stored) {
                continue;
            }
            if self.included.entries.len() >= how.most {
                self.included.cut = true;
                break;
            }
            self.there.insert((name.0, name.1.clone(), item.stored.version));
            if !item.past {
                self.current.insert(name);
            }
            self.included.entries.push(item.stored.clone());
            taken.push(item);
        }
        taken
    }

    /// Whether nothing more may be taken in; what more there is was told by [`Gathering::take`].
    fn full(&self, how: &Referred<'_>) -> bool {
        self.included.cut && self.included.entries.len() >= how.most
    }
}

/// The stored JSON.
fn read(stored: &Stored) -> Result<Value, StoreError> {
    reread(&stored.body).map_err(|_| StoreError::Corrupt(format!("a stored {} is not JSON", stored.kind)))
}

/// Every literal reference in a resource.
fn literals(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(literal) if name == "reference" => each(literal),
                    other => literals(other, each),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| literals(item, each)),
        _ => {}
    }
}

// ── Statements ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Current versions; the condition goes on.
pub(super) fn current<'q>() -> Statement<'q> {
    let mut sql = Statement::default();
    sql.push(
        "SELECT r.kind, r.id, r.version, r.last_updated, h.body FROM resource r JOIN history h ON h.seq = r.current \
         WHERE NOT r.deleted",
    );
    sql
}

/// Index rows of a type under some parameters; the condition goes on.
fn referring_rows<'q>(source: ResourceType, params: BTreeSet<&'static str>) -> Statement<'q> {
    let mut sql = Statement::default();
    sql.push(
        "SELECT t.resource, t.param, t.target_kind, t.target_id, t.target_url FROM index_reference t WHERE t.kind = ",
    );
    sql.kind(source);
    sql.push(" AND t.param");
    list(&mut sql, params, |sql, param| sql.text(param));
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
struct ReferenceRow {
    resource: i64,
    param: String,
    target_kind: String,
    target_id: String,
    target_url: String,
}

type ReferenceColumns = (BigInt, Text, Text, Text, Text);

impl ReferenceRow {
    /// The resource of ours that the row points at.
    fn target(&self, own_bases: &[String]) -> Option<(ResourceType, String)> {
        let kind = ResourceType::from_name(&self.target_kind)?;
        let ours = self.target_url.is_empty()
            || local(relative(&self.target_url, own_bases)) == Some((kind, self.target_id.as_str()));
        (ours && !self.target_id.is_empty()).then(|| (kind, self.target_id.clone()))
    }
}
