//! The work lists' queue: every version written joins it in its own transaction (put.rs), the renewal takes from it. The
//! order of history is not enough: under PostgreSQL a later number may be committed before an earlier one.

use diesel::prelude::*;
use jiff::Timestamp;

use super::connection::on_either;
use super::error::StoreError;
use super::index::{Owner, fnv1a, text_key};
use super::kind;
use super::schema::{history, index_token, kontroll_beroende, kontroll_dag, kontroll_ko, patient_key, resource};
use super::session::{Session, instant};
use crate::fhir::search::parameters::find;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// Nobody who leans on the resource is renewed yet.
const UNTOUCHED: i64 = -1;

/// A row of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct Koad {
    pub seq: i64,
    /// Whose picture it belongs to; 0 = nobody's.
    pub patient: i64,
    pub resource: i64,
    /// The last of those who lean on the resource that is renewed; -1 when the row is untouched.
    pub efter: i64,
}

/// The key of a resource among what evaluations lean on. Need not exist: what a reference led nowhere to is leaned on too.
pub fn kalla(kind: ResourceType, id: &str) -> i64 {
    fnv1a(&format!("{kind}/{id}"))
}

/// The key of whoever carries this identifier.
pub fn kalla_for_identifierare(kind: ResourceType, value: &str) -> i64 {
    fnv1a(&format!("{kind}|{}", text_key(value)))
}

impl Session {
    /// Puts a version in the queue, and the patient whose picture it `left`, if any.
    pub(super) fn queue(&mut self, seq: i64, owner: Owner, left: Option<i64>) -> Result<(), StoreError> {
        let moved = left.filter(|left| *left != owner.patient && *left != 0);
        for patient in [Some(owner.patient), moved].into_iter().flatten() {
            on_either!(self, c => diesel::insert_into(kontroll_ko::table)
                .values((
                    kontroll_ko::seq.eq(seq),
                    kontroll_ko::patient.eq(patient),
                    kontroll_ko::resource.eq(owner.resource),
                    kontroll_ko::efter.eq(UNTOUCHED),
                ))
                .execute(c))?;
        }
        Ok(())
    }

    /// The first rows that nothing is done about yet.
    pub fn untouched(&mut self, limit: i64) -> Result<Vec<Koad>, StoreError> {
        Ok(on_either!(self, c => kontroll_ko::table
            .filter(kontroll_ko::efter.eq(UNTOUCHED))
            .order((kontroll_ko::seq, kontroll_ko::patient))
            .limit(limit)
            .load(c))?)
    }

    /// The first rows of which some that lean on them are renewed.
    pub fn half_done(&mut self, limit: i64) -> Result<Vec<Koad>, StoreError> {
        Ok(on_either!(self, c => kontroll_ko::table
            .filter(kontroll_ko::efter.gt(UNTOUCHED))
            .order((kontroll_ko::seq, kontroll_ko::patient))
            .limit(limit)
            .load(c))?)
    }

    /// When the oldest version that is still in the queue was written.
    pub fn queued_since(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let oldest: Option<i64> = on_either!(self, c => kontroll_ko::table
            .inner_join(history::table.on(history::seq.eq(kontroll_ko::seq)))
            .order(kontroll_ko::seq)
            .select(history::last_updated)
            .limit(1)
            .get_result(c)
            .optional())?;
        oldest.map(instant).transpose()
    }

    /// Takes rows out of the queue.
    pub fn take_from_queue(&mut self, rows: &[(i64, i64)]) -> Result<(), StoreError> {
        for (seq, patient) in rows {
            on_either!(self, c => diesel::delete(
                kontroll_ko::table.filter(kontroll_ko::seq.eq(seq)).filter(kontroll_ko::patient.eq(patient)),
            )
            .execute(c))?;
        }
        Ok(())
    }

    /// Remembers how far the renewal of those who lean on a row's resource has come.
    pub fn set_half_done(&mut self, row: &Koad) -> Result<(), StoreError> {
        on_either!(self, c => diesel::update(
            kontroll_ko::table.filter(kontroll_ko::seq.eq(row.seq)).filter(kontroll_ko::patient.eq(row.patient)),
        )
        .set(kontroll_ko::efter.eq(row.efter))
        .execute(c))?;
        Ok(())
    }

    /// Under which keys evaluations may lean on a resource: itself, its identifiers, by which logical references name staff
    /// and units, and the number by which it states its patient when that is all it states.
    pub fn kallor_of(&mut self, resource: i64) -> Result<Vec<i64>, StoreError> {
        let (number, id, patient): (i16, String, i64) = on_either!(self, c => resource::table
            .filter(resource::key.eq(resource))
            .select((resource::kind, resource::id, resource::patient))
            .get_result(c))?;
        let kind = kind::of_number(number)?;
        let mut kallor = vec![kalla(kind, &id)];
        if patient == 0 {
            let about = find(FhirVersion::R5, kind, "patient").map_or("", |parameter| parameter.identifier_index);
            let values: Vec<(String, String)> = on_either!(self, c => index_token::table
                .filter(index_token::patient.eq(patient))
                .filter(index_token::resource.eq(resource))
                .filter(index_token::param.eq_any(["identifier", about]))
                .select((index_token::param, index_token::value))
                .load(c))?;
            kallor.extend(values.iter().map(|(param, value)| match param.as_str() {
                "identifier" => kalla_for_identifierare(kind, value),
                _ => kalla_for_identifierare(ResourceType::Patient, value),
            }));
        }
        Ok(kallor)
    }

    /// The first patients after `efter`, in order, whose evaluation leaned on one of these.
    pub fn leaning_on(&mut self, kallor: &[i64], efter: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
        let mut patients: Vec<i64> = Vec::new();
        for kalla in kallor {
            // One walk along the index for each, so that none is sorted that is not needed.
            let some: Vec<i64> = on_either!(self, c => kontroll_beroende::table
                .filter(kontroll_beroende::kalla.eq(kalla))
                .filter(kontroll_beroende::patient.gt(efter))
                .order(kontroll_beroende::patient)
                .select(kontroll_beroende::patient)
                .limit(limit)
                .load(c))?;
            patients.extend(some);
        }
        patients.sort_unstable();
        patients.dedup();
        patients.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(patients)
    }

    /// Stored patients in the order they came: (the resource's key, the patient's key), after that resource.
    pub fn patients_after(&mut self, after: i64, limit: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(on_either!(self, c => resource::table
            .filter(resource::kind.eq(kind::number(ResourceType::Patient)))
            .filter(resource::deleted.eq(false))
            .filter(resource::key.gt(after))
            .order(resource::key)
            .select((resource::key, resource::patient))
            .limit(limit)
            .load(c))?)
    }

    /// The first patients that are to be evaluated anew on this day, in days since 1970, or were to be earlier: the day
    /// and the patient, longest overdue first.
    pub fn due(&mut self, dag: i64, limit: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(on_either!(self, c => kontroll_dag::table
            .filter(kontroll_dag::dag.le(dag))
            .order((kontroll_dag::dag, kontroll_dag::patient))
            .select((kontroll_dag::dag, kontroll_dag::patient))
            .limit(limit)
            .load(c))?)
    }

    /// The logical id of a patient's key.
    pub fn patient_of_key(&mut self, key: i64) -> Result<Option<String>, StoreError> {
        Ok(on_either!(self, c => patient_key::table
            .filter(patient_key::key.eq(key))
            .select(patient_key::id)
            .get_result(c)
            .optional())?)
    }
}
