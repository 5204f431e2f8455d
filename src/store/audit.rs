//! The access log: a row for each request that disclosed or changed something, or was denied, and one for each patient that
//! it names. Rows are only added; audit_chain.rs makes them links of a chain.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use jiff::Timestamp;

use super::connection::Connection;
use super::error::StoreError;
use super::insert::row;
use super::schema::{audit, audit_patient};
use super::session::{Session, instant};
use crate::fhir::types::ResourceType;

/// Ids in one question.
const AT_ONCE: usize = 500;

/// What the log keeps of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub at: Timestamp,
    /// `open`, `service`, `anonymous`, `patient`, `medarbetare` or `system`.
    pub capacity: &'static str,
    /// HSA-id or the issuer's name for the caller; never a personal number.
    pub caller: String,
    /// A reference to the one who calls (`Patient/…`, `RelatedPerson/…`, `Practitioner/…`); empty when not told.
    pub who: String,
    /// HSA-ids of the caller's vårdenhet and vårdgivare; empty when not told.
    pub unit: String,
    pub provider: String,
    /// The program that calls; empty when not told.
    pub client: String,
    pub purpose: String,
    /// Nödöppning: why; empty when there was none.
    pub emergency: String,
    pub interaction: &'static str,
    pub outcome: &'static str,
    pub request_id: String,
    /// Type, id and version of what was written or disclosed; version 0: of the resource as such.
    pub resources: Vec<(ResourceType, String, i64)>,
    /// Whose data it is: logical id, and the key when it is known. In order, each once.
    pub patients: Vec<(String, Option<i64>)>,
    /// Those of the patients who were asked about and of whom nothing was disclosed, though something was of others.
    pub nekade: BTreeSet<String>,
    /// HSA-ids of the other vårdgivare that keep what it tells of. In order, each once.
    pub keepers: Vec<String>,
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub seq: i64,
    pub at: Timestamp,
    pub capacity: String,
    pub caller: String,
    pub who: String,
    pub unit: String,
    pub provider: String,
    pub client: String,
    pub purpose: String,
    pub emergency: String,
    pub interaction: String,
    pub outcome: String,
    pub request_id: String,
    pub resources: Vec<Named>,
    pub patients: Vec<String>,
    /// Those of the patients of whom nothing was disclosed ([`Record::nekade`]).
    pub nekade: Vec<String>,
    pub keepers: Vec<String>,
}

/// Stands before a patient's id in a row when nothing was disclosed of her; no id has it.
const NEKAD: char = '!';

/// A resource that a row names; version 0: the resource as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub kind: String,
    pub id: String,
    pub version: i64,
}

/// The columns of `audit`, in the order of the table.
#[derive(Clone, Debug, Queryable)]
pub(super) struct AuditRow {
    pub seq: i64,
    at: i64,
    caller: String,
    purpose: String,
    interaction: String,
    outcome: String,
    request_id: String,
    resources: String,
    capacity: String,
    who: String,
    unit: String,
    provider: String,
    client: String,
    emergency: String,
    patients: String,
    keepers: String,
}

row!(AuditRow => audit (
    seq: BigInt = seq,
    at: BigInt = at,
    caller: Text = caller,
    purpose: Text = purpose,
    interaction: Text = interaction,
    outcome: Text = outcome,
    request_id: Text = request_id,
    resources: Text = resources,
    capacity: Text = capacity,
    who: Text = who,
    unit: Text = unit,
    provider: Text = provider,
    client: Text = client,
    emergency: Text = emergency,
    patients: Text = patients,
    keepers: Text = keepers,
));

impl AuditRow {
    fn new(record: &Record, seq: i64) -> AuditRow {
        let ids = record.patients.iter().map(|(id, _)| match record.nekade.contains(id) {
            true => format!("{NEKAD}{id}"),
            false => id.clone(),
        });
        // No text of PostgreSQL holds a NUL; nothing of a request's words may keep its record from being written.
        let text = |text: &str| text.replace('\0', " ");
        AuditRow {
            seq,
            at: record.at.as_microsecond(),
            caller: text(&record.caller),
            purpose: text(&record.purpose),
            interaction: record.interaction.to_owned(),
            outcome: record.outcome.to_owned(),
            request_id: text(&record.request_id),
            resources: resources_text(&record.resources),
            capacity: record.capacity.to_owned(),
            who: text(&record.who),
            unit: text(&record.unit),
            provider: text(&record.provider),
            client: text(&record.client),
            emergency: text(&record.emergency),
            patients: ids.collect::<Vec<_>>().join(" "),
            keepers: record.keepers.join(" "),
        }
    }

    /// The row as the chain holds it: every value with its length before it, so that none can be mistaken for another.
    pub fn canonical(&self) -> String {
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        let mut values = vec![
            "fastkontakt-logg-1",
            &seq,
            &at,
            &self.capacity,
            &self.caller,
            &self.who,
            &self.unit,
            &self.provider,
            &self.client,
            &self.purpose,
            &self.emergency,
            &self.interaction,
            &self.outcome,
            &self.request_id,
            &self.resources,
            &self.patients,
        ];
        // Rows from before there were keepers are hashed as they were.
        if !self.keepers.is_empty() {
            values[0] = "fastkontakt-logg-2";
            values.push(&self.keepers);
        }
        let mut text = String::with_capacity(values.iter().map(|value| value.len() + 5).sum());
        for value in values {
            text.push_str(&value.len().to_string());
            text.push(':');
            text.push_str(value);
            text.push('\n');
        }
        text
    }

    /// The ids of the patients that it names.
    pub fn patients(&self) -> impl Iterator<Item = &str> {
        let named = self.patients.split(' ').filter(|id| !id.is_empty());
        named.map(|id| id.strip_prefix(NEKAD).unwrap_or(id))
    }

    pub fn recorded(self) -> Result<Recorded, StoreError> {
        let patients = self.patients().map(str::to_owned).collect();
        let nekade = self.patients.split(' ').filter_map(|id| id.strip_prefix(NEKAD));
        let nekade = nekade.map(str::to_owned).collect();
        let keepers = self.keepers.split_ascii_whitespace().map(str::to_owned).collect();
        let resources = self.resources.split(' ').filter_map(named).collect();
        Ok(Recorded {
            seq: self.seq,
            at: instant(self.at)?,
            capacity: self.capacity,
            caller: self.caller,
            who: self.who,
            unit: self.unit,
            provider: self.provider,
            client: self.client,
            purpose: self.purpose,
            emergency: self.emergency,
            interaction: self.interaction,
            outcome: self.outcome,
            request_id: self.request_id,
            resources,
            patients,
            nekade,
            keepers,
        })
    }
}

/// `Type/id/_history/n` or `Type/id`.
fn named(text: &str) -> Option<Named> {
    let mut parts = text.split('/');
    let (kind, id) = (parts.next()?, parts.next()?);
    let version = parts.nth(1).and_then(|version| version.parse().ok()).unwrap_or(0);
    Some(Named {
        kind: kind.to_owned(),
        id: id.to_owned(),
        version,
    })
}

/// The resources of a row, as its column holds them.
fn resources_text(resources: &[(ResourceType, String, i64)]) -> String {
    let named = resources.iter().map(|(kind, id, version)| match version {
        0 => format!("{kind}/{id}"),
        version => format!("{kind}/{id}/_history/{version}"),
    });
    named.collect::<Vec<_>>().join(" ")
}

impl Session {
    /// Adds a row to the log, and one for each patient that it names.
    pub fn record(&mut self, record: &Record) -> Result<(), StoreError> {
        self.record_all(&[record])
    }

    /// The same for several. Under SQLite they become links of the chain at once, as part of the same piece of work.
    pub(super) fn record_all(&mut self, records: &[&Record]) -> Result<(), StoreError> {
        let seqs = self.next_audit_seqs(records.len())?;
        let rows: Vec<AuditRow> = records
            .iter()
            .zip(&seqs)
            .map(|(record, seq)| AuditRow::new(record, *seq))
            .collect();
        let mut named: Vec<(i64, i64)> = Vec::new();
        for (record, seq) in records.iter().zip(seqs) {
            for (id, key) in &record.patients {
                let key = match key {
                    Some(key) => *key,
                    None => self.make_patient_key(id)?,
                };
                named.push((key, seq));
            }
        }
        let head = match self.needs_locks() {
            true => None,
            false => Some(self.chain_begun()?),
        };
        self.insert(&rows)?;
        if let Some(head) = head {
            self.link(head, &rows)?;
        }
        match &mut self.connection {
            // What refers to other rows is cheaper one by one: many would have to be undone together.
            Connection::Sqlite(connection) => {
                for (patient, seq) in named {
                    diesel::insert_into(audit_patient::table)
                        .values((audit_patient::patient.eq(patient), audit_patient::audit.eq(seq)))
                        .execute(connection)?;
                }
            }
            Connection::Postgres(connection) => {
                for named in named.chunks(AT_ONCE) {
                    let values: Vec<_> = named
                        .iter()
                        .map(|(patient, seq)| (audit_patient::patient.eq(patient), audit_patient::audit.eq(seq)))
                        .collect();
                    diesel::insert_into(audit_patient::table)
                        .values(values)
                        .execute(connection)?;
                }
            }
        }
        Ok(())
    }

    /// The numbers of the next rows of the log. Under SQLite there is one writer.
    fn next_audit_seqs(&mut self, count: usize) -> Result<Vec<i64>, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                let largest: Option<i64> = audit::table
                    .select(diesel::dsl::max(audit::seq))
                    .get_result(connection)?;
                let next = largest.unwrap_or(0) + 1;
                Ok((next..next + count).collect())
            }
            Connection::Postgres(connection) => {
                let numbers: Vec<Number> = diesel::sql_query(
                    "SELECT nextval(pg_get_serial_sequence('audit', 'seq')) AS number FROM generate_series(1, $1)",
                )
                .bind::<BigInt, _>(count)
                .load(connection)?;
                Ok(numbers.into_iter().map(|row| row.number).collect())
            }
        }
    }
}

/// A number of PostgreSQL's.
#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}
