//! Reading the access log: by row, or newest first for patients and a time.

use diesel::prelude::*;
use jiff::Timestamp;

use super::audit::{AuditRow, Recorded};
use super::connection::on_either;
use super::error::StoreError;
use super::schema::{audit, audit_patient, patient_key};
use super::session::{Session, instant};

/// Which rows of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Each names one of these patients (logical ids), for each list.
    pub patients: Vec<Vec<String>>,
    /// Recorded in [low, high), in microseconds; no bounds when `None`.
    pub at: Option<(i64, i64)>,
    /// Older than this row.
    pub before: Option<i64>,
    pub limit: i64,
}

impl Session {
    /// A row of the log.
    pub fn log_row(&mut self, seq: i64) -> Result<Option<Recorded>, StoreError> {
        let row: Option<AuditRow> =
            on_either!(self, c => audit::table.filter(audit::seq.eq(seq)).get_result(c).optional())?;
        row.map(AuditRow::recorded).transpose()
    }

    /// When the oldest row of the log was written.
    pub fn oldest_in_log(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let oldest: Option<i64> = on_either!(self, c => audit::table
            .select(diesel::dsl::min(audit::at))
            .get_result(c))?;
        oldest.map(instant).transpose()
    }

    /// Rows of the log, newest first.
    pub fn log_rows(&mut self, query: &LogQuery) -> Result<Vec<Recorded>, StoreError> {
        let (low, high) = query.at.unwrap_or((i64::MIN, i64::MAX));
        let before = query.before.unwrap_or(i64::MAX);
        let mut keys: Vec<Vec<i64>> = Vec::new();
        for ids in &query.patients {
            keys.push(on_either!(self, c => patient_key::table
                .filter(patient_key::id.eq_any(ids))
                .select(patient_key::key)
                .load(c))?);
        }
        let rows: Vec<AuditRow> = on_either!(self, c => {
            let mut wanted = audit::table.filter(audit::seq.lt(before)).into_boxed();
            if query.at.is_some() {
                wanted = wanted.filter(audit::at.ge(low)).filter(audit::at.lt(high));
            }
            for keys in &keys {
                let of_patients = audit_patient::table
                    .filter(audit_patient::patient.eq_any(keys))
                    .select(audit_patient::audit);
                wanted = wanted.filter(audit::seq.eq_any(of_patients));
            }
            wanted.order(audit::seq.desc()).limit(query.limit).load(c)
        })?;
        rows.into_iter().map(AuditRow::recorded).collect()
    }
}
