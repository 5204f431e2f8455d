//! Whose resources are, and who keeps them, as the access log names both: the patients by their logical ids, the vårdgivare by
//! their HSA-ids. Rows hold keys; what a key means never changes, so that each connection remembers it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::connection::on_either;
use super::error::StoreError;
use super::index::{system_key, text_key};
use super::kind;
use super::schema::{hallare, index_token, patient_key, resource};
use super::session::{Session, Stored};
use super::statement::Statement;
use crate::fhir::identifiers::{canonical_system, comparable};
use crate::fhir::types::ResourceType;

/// Ids in one question.
const AT_ONCE: usize = 500;

/// Whose resources are, and who keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// The patients whose data they are: logical id, and the key; one that nothing was ever stored about has no key.
    pub patients: BTreeMap<String, Option<i64>>,
    /// The vårdgivare that keep them, by HSA-id.
    pub keepers: BTreeSet<String>,
}

/// What keys mean, as a connection remembers it.
#[derive(Default)]
pub(super) struct Names {
    /// Logical ids.
    patients: HashMap<i64, String>,
    /// HSA-ids of vårdgivare; `None` when nobody is known, and of what the patient herself keeps.
    keepers: HashMap<i64, Option<String>>,
}

/// So many of each a connection remembers at the most; then it begins anew. An id is some forty bytes.
const MOST_NAMES: usize = 8_192;

impl Names {
    fn owners(&self, rows: &[Row]) -> Owners {
        let patient = |row: &Row| Some((self.patients.get(&row.patient)?.clone(), Some(row.patient)));
        let keeper = |row: &Row| self.keepers.get(&row.hallare)?.clone();
        let of_somebody = rows.iter().filter(|row| row.patient != 0);
        Owners {
            patients: rows.iter().filter_map(patient).collect(),
            keepers: of_somebody.filter_map(keeper).collect(),
        }
    }
}

/// The keys of a stored resource.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    patient: i64,
    hallare: i64,
}

impl Session {
    /// The patients whose data these stored versions are, and the vårdgivare that keep them.
    pub fn owners_of_stored<'s>(&mut self, stored: impl IntoIterator<Item = &'s Stored>) -> Result<Owners, StoreError> {
        let rows = stored.into_iter().map(|it| Row {
            patient: it.patient,
            hallare: it.hallare,
        });
        self.owners_of_rows(rows.collect())
    }

    /// The same of the resources of a type that carry this identifier under the system, or one equivalent to it, under the
    /// name that the index has for it.
    pub fn owners_by_identifier(
        &mut self,
        kind: ResourceType,
        (param, system): (&str, &str),
        value: &str,
    ) -> Result<Owners, StoreError> {
        // What is deleted has no rows in the index.
        let rows: Vec<(i64, i64)> = on_either!(self, c => index_token::table
            .inner_join(resource::table.on(resource::key.eq(index_token::resource)))
            .filter(index_token::kind.eq(kind::number(kind)))
            .filter(index_token::param.eq(param))
            .filter(index_token::value.eq(text_key(&comparable(system, value))))
            .filter(index_token::system.eq(system_key(Some(canonical_system(system)))))
            .select((resource::patient, resource::hallare))
            .load(c))?;
        self.owners_of_rows(
            rows.into_iter()
                .map(|(patient, hallare)| Row { patient, hallare })
                .collect(),
        )
    }

    fn owners_of_rows(&mut self, mut rows: Vec<Row>) -> Result<Owners, StoreError> {
        rows.sort_unstable();
        rows.dedup();
        if !self.keys_stand || self.names.patients.len() > MOST_NAMES || self.names.keepers.len() > MOST_NAMES {
            self.names = Names::default();
        }
        let patients = rows.iter().map(|row| row.patient);
        let patients = unknown(patients, &self.names.patients);
        let found = self.names_of_keys("SELECT key, id FROM patient_key WHERE key IN (", &patients)?;
        self.names.patients.extend(found);
        let keepers = rows.iter().filter(|row| row.patient != 0).map(|row| row.hallare);
        let keepers = unknown(keepers, &self.names.keepers);
        let found = self.names_of_keys("SELECT key, namn FROM hallare WHERE key IN (", &keepers)?;
        let found = found.into_iter().map(|(key, namn)| (key, vardgivare(&namn)));
        self.names.keepers.extend(found);
        Ok(self.names.owners(&rows))
    }

    /// The names of rows by their keys.
    fn names_of_keys(&mut self, select: &'static str, keys: &[i64]) -> Result<Vec<(i64, String)>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            let statement = by_keys(select, keys).of_columns::<(BigInt, Text)>();
            let rows: Vec<(i64, String)> = on_either!(self, c => statement.load(c))?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// The patients whose data these resources are, and the vårdgivare that keep them. A Patient is its own.
    pub fn owners(&mut self, resources: &[(ResourceType, &str)]) -> Result<Owners, StoreError> {
        let mut owners = Owners::default();
        let mut kinds: Vec<ResourceType> = resources.iter().map(|(kind, _)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let mut ids: Vec<&str> = resources
                .iter()
                .filter(|(of, _)| *of == kind)
                .map(|(_, id)| *id)
                .collect();
            ids.sort_unstable();
            ids.dedup();
            for ids in ids.chunks(AT_ONCE) {
                for (id, key, keeper) in self.owners_of(kind, ids)? {
                    owners.patients.insert(id, Some(key));
                    owners.keepers.extend(vardgivare(&keeper));
                }
                if kind != ResourceType::Patient {
                    continue;
                }
                let unstored: Vec<&str> = ids
                    .iter()
                    .copied()
                    .filter(|id| !owners.patients.contains_key(*id))
                    .collect();
                if !unstored.is_empty() {
                    let known = self.keys_of_patients(&unstored)?;
                    owners
                        .patients
                        .extend(unstored.iter().map(|id| ((*id).to_owned(), None)));
                    owners
                        .patients
                        .extend(known.into_iter().map(|(id, key)| (id, Some(key))));
                }
            }
        }
        Ok(owners)
    }

    fn keys_of_patients(&mut self, ids: &[&str]) -> Result<Vec<(String, i64)>, StoreError> {
        let wanted = patient_key::table.select((patient_key::id, patient_key::key));
        Ok(match ids {
            [id] => on_either!(self, c => wanted.filter(patient_key::id.eq(id)).load(c)),
            ids => on_either!(self, c => wanted.filter(patient_key::id.eq_any(ids)).load(c)),
        }?)
    }

    /// For each patient, and each who keeps one of them: the patient's id and key, and the keeper.
    fn owners_of(&mut self, kind: ResourceType, ids: &[&str]) -> Result<Vec<(String, i64, String)>, StoreError> {
        let wanted = resource::table
            .inner_join(patient_key::table.on(patient_key::key.eq(resource::patient)))
            .inner_join(hallare::table.on(hallare::key.eq(resource::hallare)))
            .filter(resource::kind.eq(kind::number(kind)))
            .filter(resource::patient.ne(0))
            .select((patient_key::id, patient_key::key, hallare::namn))
            .distinct();
        Ok(match ids {
            [id] => on_either!(self, c => wanted.filter(resource::id.eq(id)).load(c)),
            ids => on_either!(self, c => wanted.filter(resource::id.eq_any(ids)).load(c)),
        }?)
    }
}

/// The keys whose names are not known yet; key 0 has none.
fn unknown<T>(keys: impl Iterator<Item = i64>, known: &HashMap<i64, T>) -> Vec<i64> {
    let mut keys: Vec<i64> = keys.filter(|key| *key != 0 && !known.contains_key(key)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The vårdgivare among those who keep a record: a unit, what it lies within, and last its vårdgivare. `None` when nobody is
/// known, and of what the patient herself keeps, for which there is a word.
fn vardgivare(keepers: &str) -> Option<String> {
    let last = keepers.rsplit(' ').next()?;
    (!matches!(last, "" | "patienten")).then(|| last.to_owned())
}

/// The rows of these keys. Asked for one, some or many, the last of them as often as it takes, so that the statement is one of
/// few and stays prepared.
fn by_keys(select: &'static str, keys: &[i64]) -> Statement<'static> {
    let places = match keys.len() {
        0..=1 => 1,
        2..=8 => 8,
        9..=64 => 64,
        _ => AT_ONCE,
    };
    let mut sql = Statement::default();
    sql.push(select);
    for place in 0..places {
        sql.push(if place == 0 { "" } else { ", " });
        sql.number(*keys.get(place).or(keys.last()).unwrap_or(&0));
    }
    sql.push(")");
    sql
}
