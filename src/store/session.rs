//! What can be asked of the database in one piece of work (`Store::read`, `Store::write`): the resources, their
//! versions, and what the riktlinje needs to know about a patient. Writing stands in put.rs, searching in search.rs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, SmallInt, Text};
use jiff::Timestamp;
use serde_json::Value;

use super::connection::{Connection, Role, on_either};
use super::error::StoreError;
use super::index::{fnv1a, system_key, text_key};
use super::kind;
use super::owners::Names;
use super::schema::{history, index_reference, index_token, meta, patient_key, resource};
use super::sikt::Sikt;
use crate::fhir::identifiers::{canonical_system, comparable};
use crate::fhir::json::reread;
use crate::fhir::types::ResourceType;

/// One version of a resource as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub kind: ResourceType,
    pub id: String,
    /// The key of the patient in whose compartment it lies; 0: of nobody.
    pub patient: i64,
    /// The key of those who keep it; 0: not known.
    pub hallare: i64,
    pub version: i64,
    pub last_updated: Timestamp,
    pub deleted: bool,
    /// R5 JSON text with id and meta; empty when deleted.
    pub body: String,
}

impl Stored {
    /// The body as JSON. It was checked when it was written: that it is none is a fault of ours.
    pub fn resource(&self) -> Result<Value, StoreError> {
        reread(&self.body).map_err(|_| StoreError::Corrupt(format!("a stored {} is not JSON", self.kind)))
    }
}

/// A current version, not deleted, as a written statement selects it: [`CurrentColumns`] in this order.
#[derive(Queryable)]
pub(super) struct CurrentRow {
    pub kind: i16,
    pub id: String,
    patient: i64,
    hallare: i64,
    version: i64,
    pub last_updated: i64,
    body: String,
}

pub(super) type CurrentColumns = (SmallInt, Text, BigInt, BigInt, BigInt, BigInt, Text);

impl CurrentRow {
    pub fn stored(self) -> Result<Stored, StoreError> {
        Ok(Stored {
            kind: kind::of_number(self.kind)?,
            id: self.id,
            patient: self.patient,
            hallare: self.hallare,
            version: self.version,
            last_updated: instant(self.last_updated)?,
            deleted: false,
            body: self.body,
        })
    }
}

/// A connection with a piece of work in hand.
pub struct Session {
    pub(super) connection: Connection,
    /// With whose eyes searches, includes and histories look ([`Session::seen_by`]); `None`: they see all.
    pub(super) sikt: Option<Arc<Sikt>>,
    /// The last instant of which histories of types and of everything tell ([`Session::up_to_horizon`]), in microseconds
    /// since 1970; `None`: there is no such instant.
    pub(super) horizon: Option<i64>,
    /// What keys mean (owners.rs).
    pub(super) names: Names,
    /// What a key means is never undone: no key is seen here that is not committed, or it is not given out again. SQLite's
    /// writer sees keys that are taken back, and given to another.
    pub(super) keys_stand: bool,
    /// The connection failed at something harmless and must not be used again.
    lost: bool,
    /// A snapshot is open (SQLite): not a transaction that diesel knows of.
    in_snapshot: bool,
}

/// The columns of a version whose type and id are known.
type VersionRow = (i64, i64, i64, i64, bool, String);
/// The columns of [`Stored`].
type StoredRow = (i16, String, i64, i64, i64, i64, bool, String);

fn stored_of_version(kind: ResourceType, id: &str, row: VersionRow) -> Result<Stored, StoreError> {
    let (patient, hallare, version, last_updated, deleted, body) = row;
    Ok(Stored {
        kind,
        id: id.to_owned(),
        patient,
        hallare,
        version,
        last_updated: instant(last_updated)?,
        deleted,
        body,
    })
}

fn stored(row: StoredRow) -> Result<Stored, StoreError> {
    let (number, id, patient, hallare, version, last_updated, deleted, body) = row;
    let kind = kind::of_number(number)?;
    Ok(Stored {
        kind,
        id,
        patient,
        hallare,
        version,
        last_updated: instant(last_updated)?,
        deleted,
        body,
    })
}

/// Stored microseconds as a point in time.
pub(super) fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| StoreError::Corrupt(format!("{micros} is no point in time")))
}

impl Session {
    /// Counts the statements from now on.
    #[cfg(test)]
    pub fn count_statements(&mut self) -> Arc<std::sync::atomic::AtomicUsize> {
        use diesel::Connection as _;
        use diesel::connection::InstrumentationEvent;
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = count.clone();
        let count_one = move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::StartQuery { .. }) {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        };
        on_either!(self, c => c.set_instrumentation(count_one));
        count
    }

    pub(super) fn new(connection: Connection, role: Role) -> Session {
        Session {
            connection,
            sikt: None,
            horizon: None,
            names: Names::default(),
            keys_stand: role == Role::Reader,
            lost: false,
            in_snapshot: false,
        }
    }

    /// The current version, a deleted one too.
    pub fn current(&mut self, kind: ResourceType, id: &str) -> Result<Option<Stored>, StoreError> {
        let row: Option<VersionRow> = on_either!(self, c => resource::table
            .inner_join(history::table.on(history::seq.eq(resource::current)))
            .filter(resource::kind.eq(kind::number(kind)))
            .filter(resource::id.eq(id))
            .select((resource::patient, resource::hallare, resource::version, resource::last_updated, resource::deleted, history::body))
            .get_result(c)
            .optional())?;
        row.map(|row| stored_of_version(kind, id, row)).transpose()
    }

    /// By which interaction the resource came to be; `None` when it was never stored.
    pub fn made_by(&mut self, kind: ResourceType, id: &str) -> Result<Option<String>, StoreError> {
        Ok(on_either!(self, c => resource::table
            .inner_join(history::table.on(history::seq.eq(resource::key)))
            .filter(resource::kind.eq(kind::number(kind)))
            .filter(resource::id.eq(id))
            .select(history::interaction)
            .get_result(c)
            .optional())?)
    }

    /// The current versions of those that exist, in the order asked for.
    pub fn current_many(&mut self, wanted: &[(ResourceType, &str)]) -> Result<Vec<Stored>, StoreError> {
        wanted
            .iter()
            .filter_map(|(kind, id)| self.current(*kind, id).transpose())
            .collect()
    }

    /// One version, a deleted one too.
    pub fn version(&mut self, kind: ResourceType, id: &str, version: i64) -> Result<Option<Stored>, StoreError> {
        let row: Option<VersionRow> = on_either!(self, c => resource::table
            .inner_join(history::table.on(
                history::patient.eq(resource::patient).and(history::resource.eq(resource::key)),
            ))
            .filter(resource::kind.eq(kind::number(kind)))
            .filter(resource::id.eq(id))
            .filter(history::version.eq(version))
            .select((resource::patient, resource::hallare, history::version, history::last_updated, history::deleted, history::body))
            .get_result(c)
            .optional())?;
        row.map(|row| stored_of_version(kind, id, row)).transpose()
    }

    /// The current resources of one type in these patients' compartments, none deleted, oldest first per patient.
    pub fn of_patients<S: AsRef<str>>(
        &mut self,
        kind: ResourceType,
        patients: &[S],
    ) -> Result<Vec<Stored>, StoreError> {
        let mut found = Vec::new();
        for patient in patients {
            let rows: Vec<StoredRow> = on_either!(self, c => resource::table
                .inner_join(patient_key::table.on(patient_key::key.eq(resource::patient)))
                .inner_join(history::table.on(history::seq.eq(resource::current)))
                .filter(patient_key::id.eq(patient.as_ref()))
                .filter(resource::kind.eq(kind::number(kind)))
                .filter(resource::deleted.eq(false))
                .order(resource::key)
                .select((
                    resource::kind,
                    resource::id,
                    resource::patient,
                    resource::hallare,
                    resource::version,
                    resource::last_updated,
                    resource::deleted,
                    history::body,
                ))
                .load(c))?;
            found.extend(rows);
        }
        found.into_iter().map(stored).collect()
    }

    /// The resources of a type that carry this identifier under one of the systems, or one equivalent to it.
    pub fn with_identifier(
        &mut self,
        kind: ResourceType,
        systems: &[&str],
        value: &str,
    ) -> Result<Vec<Stored>, StoreError> {
        self.about_identifier(kind, "identifier", systems, value)
    }

    /// The resources of a type with a reference that carries this identifier: `param` is the name that the index has for
    /// the identifiers inside it (`Parameter::identifier_index`).
    pub fn about_identifier(
        &mut self,
        kind: ResourceType,
        param: &str,
        systems: &[&str],
        value: &str,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut keys: Vec<i64> = Vec::new();
        let systems: BTreeSet<&str> = systems.iter().map(|system| canonical_system(system)).collect();
        for system in systems {
            let rows: Vec<i64> = on_either!(self, c => index_token::table
                .filter(index_token::kind.eq(kind::number(kind)))
                .filter(index_token::param.eq(param))
                .filter(index_token::value.eq(text_key(&comparable(system, value))))
                .filter(index_token::system.eq(system_key(Some(system))))
                .select(index_token::resource)
                .load(c))?;
            keys.extend(rows);
        }
        self.living(keys)
    }

    /// The patients whose `link` points at this one, by a relative reference: another server's patient is not ours.
    pub fn patients_linking_to(&mut self, id: &str) -> Result<Vec<Stored>, StoreError> {
        let keys: Vec<i64> = on_either!(self, c => index_reference::table
            .filter(index_reference::kind.eq(kind::number(ResourceType::Patient)))
            .filter(index_reference::param.eq("link"))
            .filter(index_reference::target_id.eq(text_key(id)))
            .filter(index_reference::target_kind.eq(ResourceType::Patient.name()))
            .filter(index_reference::target_url.eq(""))
            .select(index_reference::resource)
            .load(c))?;
        self.living(keys)
    }

    /// The places of those of these Patients that were ever stored in the order in which that came about.
    pub fn patients_made(&mut self, ids: &[&str]) -> Result<Vec<(String, i64)>, StoreError> {
        let mut found = Vec::new();
        for ids in ids.chunks(500) {
            let rows: Vec<(String, i64)> = on_either!(self, c => resource::table
                .filter(resource::kind.eq(kind::number(ResourceType::Patient)))
                .filter(resource::id.eq_any(ids))
                .select((resource::id, resource::key))
                .load(c))?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// The ids of the Organizations that lie within this one by their `partOf`.
    pub fn organizations_within(&mut self, id: &str) -> Result<Vec<String>, StoreError> {
        let within = index_reference::table
            .inner_join(resource::table.on(resource::key.eq(index_reference::resource)))
            .filter(index_reference::kind.eq(kind::number(ResourceType::Organization)))
            .filter(index_reference::param.eq("partof"))
            .filter(index_reference::target_id.eq(text_key(id)))
            .filter(index_reference::target_kind.eq(ResourceType::Organization.name()))
            .filter(index_reference::target_url.eq(""))
            .filter(diesel::dsl::not(resource::deleted))
            .select(resource::id);
        Ok(on_either!(self, c => within.load(c))?)
    }

    fn living(&mut self, mut keys: Vec<i64>) -> Result<Vec<Stored>, StoreError> {
        keys.sort_unstable();
        keys.dedup();
        let mut found = self.of_keys(&keys)?;
        found.retain(|stored| !stored.deleted);
        Ok(found)
    }

    /// The current versions of resources that are known by their keys, in that order.
    pub(super) fn of_keys(&mut self, keys: &[i64]) -> Result<Vec<Stored>, StoreError> {
        keys.iter()
            .map(|key| {
                let row: StoredRow = on_either!(self, c => resource::table
                    .inner_join(history::table.on(history::seq.eq(resource::current)))
                    .filter(resource::key.eq(key))
                    .select((
                        resource::kind,
                        resource::id,
                        resource::patient,
                        resource::hallare,
                        resource::version,
                        resource::last_updated,
                        resource::deleted,
                        history::body,
                    ))
                    .get_result(c))?;
                stored(row)
            })
            .collect()
    }

    /// The key a patient has in the indexes; `None` when nothing was ever stored about that id.
    pub fn patient_key(&mut self, id: &str) -> Result<Option<i64>, StoreError> {
        Ok(on_either!(self, c => patient_key::table
            .filter(patient_key::id.eq(id))
            .select(patient_key::key)
            .get_result(c)
            .optional())?)
    }

    /// Whether several writers work at once, so that the locks below mean something (PostgreSQL).
    pub fn needs_locks(&self) -> bool {
        matches!(self.connection, Connection::Postgres(_))
    }

    /// Holds these search criteria for this transaction alone: no other transaction asks under the same until it ends.
    /// Locked before all else.
    pub fn lock_criteria<S: AsRef<str>>(&mut self, criteria: &[S]) -> Result<(), StoreError> {
        if criteria.is_empty() {
            return Ok(());
        }
        self.lock(
            criteria
                .iter()
                .map(|criteria| fnv1a(&format!("criteria/{}", criteria.as_ref())))
                .collect(),
        )
    }

    /// The patients in whose compartments these resources lie, deleted ones too.
    pub fn patients_of(&mut self, resources: &BTreeSet<(ResourceType, &str)>) -> Result<BTreeSet<String>, StoreError> {
        let mut patients = BTreeSet::new();
        for (kind, ids) in by_kind(resources) {
            let found: Vec<String> = on_either!(self, c => resource::table
                .inner_join(patient_key::table.on(patient_key::key.eq(resource::patient)))
                .filter(resource::kind.eq(kind::number(kind)))
                .filter(resource::id.eq_any(ids))
                .filter(resource::patient.ne(0))
                .select(patient_key::id)
                .distinct()
                .load(c))?;
            patients.extend(found);
        }
        Ok(patients)
    }

    /// Those of these resources that lie in nobody's compartment, none deleted.
    pub fn on_nobody(&mut self, resources: &BTreeSet<(ResourceType, &str)>) -> Result<Vec<Stored>, StoreError> {
        let mut keys: Vec<i64> = Vec::new();
        for (kind, ids) in by_kind(resources) {
            let found: Vec<i64> = on_either!(self, c => resource::table
                .filter(resource::kind.eq(kind::number(kind)))
                .filter(resource::id.eq_any(ids))
                .filter(resource::patient.eq(0))
                .select(resource::key)
                .load(c))?;
            keys.extend(found);
        }
        self.living(keys)
    }

    /// Holds these patients for this transaction alone: what the rules read about them stays true until it ends.
    /// Under SQLite the one writer is the lock.
    pub fn lock_patients<S: AsRef<str>>(&mut self, ids: &[S]) -> Result<(), StoreError> {
        self.lock(
            ids.iter()
                .map(|id| fnv1a(&format!("patient/{}", id.as_ref())))
                .collect(),
        )
    }

    /// Holds these resources, which may not exist yet, for this transaction alone. Patients are locked before.
    pub fn lock_resources(&mut self, resources: &[(ResourceType, &str)]) -> Result<(), StoreError> {
        self.lock(
            resources
                .iter()
                .map(|(kind, id)| fnv1a(&format!("{kind}/{id}")))
                .collect(),
        )
    }

    /// Locks are taken in the order of their keys, so that no two transactions wait for each other.
    pub(super) fn lock(&mut self, mut keys: Vec<i64>) -> Result<(), StoreError> {
        keys.sort_unstable();
        keys.dedup();
        match &mut self.connection {
            Connection::Sqlite(_) => Ok(()),
            Connection::Postgres(_) if keys.is_empty() => Ok(()),
            Connection::Postgres(connection) => {
                AdvisoryLocks { keys }.execute(connection)?;
                Ok(())
            }
        }
    }

    /// The instant of the next version: `now`, but never before the version that it follows.
    pub fn next_instant(&self, now: Timestamp, current: Option<&Stored>) -> Timestamp {
        let micros = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        current.map_or(micros, |stored| micros.max(stored.last_updated))
    }

    /// Does the work on one unchanging state of the database; nothing may be written in it.
    pub fn snapshot<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, E> {
        if matches!(self.connection, Connection::Postgres(_)) {
            return self.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work);
        }
        // What is open already does not change either.
        if self.in_snapshot || self.connection.depth() != Some(0) {
            return work(self);
        }
        self.bare(Bare::<BEGIN>)?;
        self.in_snapshot = true;
        let outcome = work(self);
        match self.bare(Bare::<COMMIT>) {
            Ok(()) => self.in_snapshot = false,
            Err(error) => {
                tracing::warn!(%error, "a snapshot could not be ended");
                self.lost = true;
            }
        }
        outcome
    }

    fn bare<const WORD: usize>(&mut self, bare: Bare<WORD>) -> Result<(), StoreError> {
        if let Connection::Sqlite(connection) = &mut self.connection {
            bare.execute(connection)?;
        }
        Ok(())
    }

    /// Does the work in a transaction (`begin` tells which kind), or in a savepoint of the one that is open.
    pub(super) fn transaction<T, E: From<StoreError>>(
        &mut self,
        begin: &str,
        work: impl FnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, E> {
        self.connection.begin(begin)?;
        match work(self) {
            Ok(done) => {
                self.connection.commit()?;
                Ok(done)
            }
            Err(error) => {
                if let Err(failure) = self.connection.rollback() {
                    tracing::warn!(error = %failure, "a transaction could not be rolled back");
                }
                Err(error)
            }
        }
    }

    /// A value of the table `meta`, such as the index's version.
    pub fn meta(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(on_either!(self, c => meta::table.filter(meta::name.eq(name)).select(meta::value).get_result(c).optional())?)
    }

    /// Sets a value of the table `meta`.
    pub fn set_meta(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        on_either!(self, c => diesel::insert_into(meta::table)
            .values((meta::name.eq(name), meta::value.eq(value)))
            .on_conflict(meta::name)
            .do_update()
            .set(meta::value.eq(value))
            .execute(c))?;
        Ok(())
    }

    /// Sets a value of the table `meta` if it still is what was read; tells whether it was.
    pub fn swap_meta(&mut self, name: &str, read: Option<&str>, value: &str) -> Result<bool, StoreError> {
        let changed = match read {
            Some(read) => on_either!(self, c => diesel::update(
                meta::table.filter(meta::name.eq(name)).filter(meta::value.eq(read)),
            )
            .set(meta::value.eq(value))
            .execute(c))?,
            None => on_either!(self, c => diesel::insert_into(meta::table)
                .values((meta::name.eq(name), meta::value.eq(value)))
                .on_conflict_do_nothing()
                .execute(c))?,
        };
        Ok(changed == 1)
    }

    /// Asks the database for the least it can answer.
    pub(super) fn ping(&mut self) -> Result<(), StoreError> {
        self.connection.execute("SELECT 1")
    }

    /// After a failed piece of work: finds out whether the connection itself is gone (a server that was restarted).
    pub(super) fn examine(&mut self) {
        if matches!(self.connection, Connection::Postgres(_)) && self.ping().is_err() {
            self.lost = true;
        }
    }

    /// Whether the pool must throw the connection away.
    pub(super) fn broken(&mut self) -> bool {
        self.lost || self.in_snapshot || std::thread::panicking() || self.connection.depth() != Some(0)
    }
}

/// One of SQLite's own words, prepared once: diesel prepares those that open and end its transactions each time, which is a
/// good part of a short read.
struct Bare<const WORD: usize>;

const WORDS: [&str; 2] = ["BEGIN", "COMMIT"];
const BEGIN: usize = 0;
const COMMIT: usize = 1;

impl<const WORD: usize> QueryId for Bare<WORD> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<const WORD: usize> QueryFragment<diesel::sqlite::Sqlite> for Bare<WORD> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, diesel::sqlite::Sqlite>) -> QueryResult<()> {
        pass.push_sql(WORDS[WORD]);
        Ok(())
    }
}

impl<const WORD: usize> RunQueryDsl<SqliteConnection> for Bare<WORD> {}

/// The ids of each type, as many as are asked for in one question.
fn by_kind<'r>(resources: &BTreeSet<(ResourceType, &'r str)>) -> Vec<(ResourceType, Vec<&'r str>)> {
    let mut by_kind: BTreeMap<ResourceType, Vec<&str>> = BTreeMap::new();
    for (kind, id) in resources {
        by_kind.entry(*kind).or_default().push(id);
    }
    by_kind
        .iter()
        .flat_map(|(kind, ids)| ids.chunks(500).map(|ids| (*kind, ids.to_vec())))
        .collect()
}

/// `pg_advisory_xact_lock` for each key, in the order given, in one round trip.
struct AdvisoryLocks {
    keys: Vec<i64>,
}

impl QueryId for AdvisoryLocks {
    type QueryId = AdvisoryLocks;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<diesel::pg::Pg> for AdvisoryLocks {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, diesel::pg::Pg>) -> QueryResult<()> {
        pass.push_sql("SELECT count(pg_advisory_xact_lock(key)) FROM unnest(");
        pass.push_bind_param::<Array<BigInt>, _>(&self.keys)?;
        pass.push_sql(") AS keys (key)");
        Ok(())
    }
}

impl RunQueryDsl<PgConnection> for AdvisoryLocks {}
