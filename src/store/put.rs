//! Writing a version. Only the door calls this, inside `Store::write`.

use diesel::prelude::*;
use jiff::Timestamp;

use super::connection::{Connection, on_either};
use super::error::StoreError;
use super::index::Owner;
use super::kept::{Hallarnyckel, Keeping};
use super::kind;
use super::schema::{history, outbox, patient_key, resource};
use super::session::Session;
use crate::fhir::search::IndexEntry;
use crate::fhir::types::ResourceType;

/// A version to be written.
pub struct NewVersion<'a> {
    pub kind: ResourceType,
    pub id: &'a str,
    /// One more than the current version; 1 for a resource that was never stored.
    pub version: i64,
    pub last_updated: Timestamp,
    pub deleted: bool,
    /// The logical id of the patient in whose compartment the resource lies.
    pub patient: Option<&'a str>,
    /// R5 JSON text with id and meta; empty when deleted.
    pub body: &'a str,
    pub index: &'a [IndexEntry],
    pub caller: &'a str,
    pub request_id: &'a str,
    /// How the version came about: create, update, patch or delete (restful-interaction).
    pub interaction: &'a str,
}

/// What the tables know of the resource before it is written.
struct Before {
    key: i64,
    version: i64,
    patient: i64,
    hallare: i64,
}

/// The columns of `resource` that the access decision asks.
struct Columns<'a> {
    hallare: i64,
    keeping: &'a Keeping,
}

impl Session {
    /// [`Session::put_kept`] of what nobody is known to keep.
    pub fn put(&mut self, new: &NewVersion<'_>) -> Result<(), StoreError> {
        self.put_kept(new, &Keeping::default()).map(drop)
    }

    /// Writes the next version of a resource: the current state, history, index, outbox and the work lists' queue in
    /// one go, and tells who keeps it. [`StoreError::Conflict`] when the version before it is not the current one.
    pub fn put_kept(&mut self, new: &NewVersion<'_>, keeping: &Keeping) -> Result<Hallarnyckel, StoreError> {
        self.put_row(new, keeping, None)
    }

    /// [`Session::put_kept`] of what is kept by whoever keeps another record.
    pub fn put_beside(
        &mut self,
        new: &NewVersion<'_>,
        keeping: &Keeping,
        hallare: Hallarnyckel,
    ) -> Result<(), StoreError> {
        self.put_row(new, keeping, Some(hallare)).map(drop)
    }

    fn put_row(
        &mut self,
        new: &NewVersion<'_>,
        keeping: &Keeping,
        same_as: Option<Hallarnyckel>,
    ) -> Result<Hallarnyckel, StoreError> {
        let patient = match new.patient {
            Some(id) => self.make_patient_key(id)?,
            None => 0,
        };
        // Of a first version nothing is asked: should another stand there, its row refuses this one's.
        let before = match new.version {
            1 => None,
            _ => self.before(new.kind, new.id)?,
        };
        if before.as_ref().map_or(0, |before| before.version) != new.version - 1 {
            return Err(StoreError::Conflict);
        }
        let seq = self.next_seq()?;
        let owner = Owner {
            patient,
            resource: before.as_ref().map_or(seq, |b| b.key),
            kind: kind::number(new.kind),
        };
        let left = before.as_ref().map(|before| before.patient);
        let kept = Columns {
            hallare: match (same_as, &keeping.hallare, &before) {
                (Some(same), ..) => same.0,
                (None, Some(hallare), _) => self.hallare_key(hallare)?,
                (None, None, Some(before)) => before.hallare,
                (None, None, None) => 0,
            },
            keeping,
        };
        match before {
            None => self.insert_resource(new, owner, seq, &kept)?,
            Some(before) => self.update_resource(new, owner, seq, (&before, &kept))?,
        }
        self.put_ratter((left, patient, owner.resource), &keeping.ratter)?;
        self.insert_history(new, owner, seq, keeping.dold)?;
        // What is deleted is in no index: searches rely on it.
        self.insert_index(owner, if new.deleted { &[] } else { new.index })?;
        // What tells of a write changes no list.
        if new.kind != ResourceType::Provenance {
            self.queue(seq, owner, left)?;
        }
        on_either!(self, c => diesel::insert_into(outbox::table)
            .values((outbox::seq.eq(seq), outbox::attempts.eq(0), outbox::next_attempt.eq(0)))
            .execute(c))?;
        Ok(Hallarnyckel(kept.hallare))
    }

    fn before(&mut self, kind: ResourceType, id: &str) -> Result<Option<Before>, StoreError> {
        let row: Option<(i64, i64, i64, i64)> = on_either!(self, c => resource::table
            .filter(resource::kind.eq(kind::number(kind)))
            .filter(resource::id.eq(id))
            .select((resource::key, resource::version, resource::patient, resource::hallare))
            .get_result(c)
            .optional())?;
        Ok(row.map(|(key, version, patient, hallare)| Before {
            key,
            version,
            patient,
            hallare,
        }))
    }

    /// The number of the next row of history. Under SQLite there is one writer, so the next is the largest and one.
    fn next_seq(&mut self) -> Result<i64, StoreError> {
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                let largest: Option<i64> = history::table
                    .select(diesel::dsl::max(history::seq))
                    .get_result(connection)?;
                Ok(largest.unwrap_or(0) + 1)
            }
            Connection::Postgres(connection) => Ok(diesel::select(nextval("version_seq")).get_result(connection)?),
        }
    }

    /// The patient's key, made when this is the first time the id is heard.
    pub(super) fn make_patient_key(&mut self, id: &str) -> Result<i64, StoreError> {
        if let Some(key) = self.patient_key(id)? {
            return Ok(key);
        }
        on_either!(self, c => diesel::insert_into(patient_key::table)
            .values(patient_key::id.eq(id))
            .on_conflict_do_nothing()
            .execute(c))?;
        // Two transactions may make the same key at once: the second waits for the first and then finds its row.
        self.patient_key(id)?.ok_or(StoreError::Conflict)
    }

    fn insert_resource(
        &mut self,
        new: &NewVersion<'_>,
        owner: Owner,
        seq: i64,
        kept: &Columns<'_>,
    ) -> Result<(), StoreError> {
        on_either!(self, c => diesel::insert_into(resource::table)
            .values((
                resource::key.eq(owner.resource),
                resource::kind.eq(owner.kind),
                resource::id.eq(new.id),
                resource::patient.eq(owner.patient),
                resource::current.eq(seq),
                resource::version.eq(new.version),
                resource::last_updated.eq(new.last_updated.as_microsecond()),
                resource::deleted.eq(new.deleted),
                resource::hallare.eq(kept.hallare),
                resource::dold.eq(kept.keeping.dold),
                resource::skyddad.eq(kept.keeping.skyddad),
                resource::allman.eq(kept.keeping.allman),
            ))
            .execute(c))?;
        Ok(())
    }

    /// Moves the resource to its next version, if it still has the one that was seen, and clears its index rows.
    fn update_resource(
        &mut self,
        new: &NewVersion<'_>,
        owner: Owner,
        seq: i64,
        (before, kept): (&Before, &Columns<'_>),
    ) -> Result<(), StoreError> {
        let moved = on_either!(self, c => diesel::update(
            resource::table.filter(resource::key.eq(owner.resource)).filter(resource::version.eq(before.version)),
        )
        .set((
            resource::patient.eq(owner.patient),
            resource::current.eq(seq),
            resource::version.eq(new.version),
            resource::last_updated.eq(new.last_updated.as_microsecond()),
            resource::deleted.eq(new.deleted),
            resource::hallare.eq(kept.hallare),
            resource::dold.eq(kept.keeping.dold),
            resource::skyddad.eq(kept.keeping.skyddad),
            resource::allman.eq(kept.keeping.allman),
        ))
        .execute(c))?;
        if moved != 1 {
            return Err(StoreError::Conflict);
        }
        if before.patient != owner.patient {
            // Registered on the wrong patient: its versions follow, so that they are found under one key.
            on_either!(self, c => diesel::update(
                history::table
                    .filter(history::patient.eq(before.patient))
                    .filter(history::resource.eq(owner.resource)),
            )
            .set((history::patient.eq(owner.patient), history::flyttad.eq(true)))
            .execute(c))?;
        }
        self.delete_index(Owner {
            patient: before.patient,
            ..owner
        })
    }

    fn insert_history(&mut self, new: &NewVersion<'_>, owner: Owner, seq: i64, dold: bool) -> Result<(), StoreError> {
        on_either!(self, c => diesel::insert_into(history::table)
            .values((
                history::seq.eq(seq),
                history::patient.eq(owner.patient),
                history::resource.eq(owner.resource),
                history::kind.eq(owner.kind),
                history::version.eq(new.version),
                history::last_updated.eq(new.last_updated.as_microsecond()),
                history::deleted.eq(new.deleted),
                history::caller.eq(new.caller),
                history::interaction.eq(new.interaction),
                history::request_id.eq(new.request_id),
                history::body.eq(new.body),
                history::dold.eq(dold),
            ))
            .execute(c))?;
        Ok(())
    }

    /// Replaces the index rows of a resource, and what is kept beside it, without making a version (reindexing). Who keeps
    /// it is told anew only when nobody knew.
    pub fn reindex(
        &mut self,
        kind: ResourceType,
        id: &str,
        entries: &[IndexEntry],
        keeping: &Keeping,
    ) -> Result<(), StoreError> {
        let Some(before) = self.before(kind, id)? else {
            return Ok(());
        };
        let hallare = match &keeping.hallare {
            Some(hallare) if before.hallare == 0 => self.hallare_key(hallare)?,
            _ => before.hallare,
        };
        on_either!(self, c => diesel::update(resource::table.filter(resource::key.eq(before.key)))
            .set((
                resource::hallare.eq(hallare),
                resource::dold.eq(keeping.dold),
                resource::skyddad.eq(keeping.skyddad),
                resource::allman.eq(keeping.allman),
            ))
            .execute(c))?;
        self.put_ratter((Some(before.patient), before.patient, before.key), &keeping.ratter)?;
        let owner = Owner {
            patient: before.patient,
            resource: before.key,
            kind: kind::number(kind),
        };
        self.delete_index(owner)?;
        self.insert_index(owner, entries)
    }
}

diesel::define_sql_function! {
    /// The next number of a PostgreSQL sequence.
    fn nextval(sequence: diesel::sql_types::Text) -> BigInt;
}
