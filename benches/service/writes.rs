//! Writes over HTTP by 32 clients, against bare diesel on one thread that inserts the same rows in the batch sizes that the
//! writer formed, at the same durability.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::{Connection as _, SimpleConnection};
use diesel::prelude::*;
use fastkontakt::store::schema::{
    audit, audit_chain, audit_patient, history, index_date, index_reference, index_token, outbox, patient_key, resource,
};
use fastkontakt::store::{Store, StoreOptions};
use serde_json::Value;

use crate::client::{Service, rate, write_request};
use crate::people::{patient, staff_and_units, write};
use crate::{CLIENTS, TURNS};

const TIME: Duration = Duration::from_millis(2500);
/// Patients of each client; a client goes round among its own.
const PATIENTS: usize = 25;

/// What is written again and again, each time for another patient.
pub struct Writes {
    pub name: &'static str,
    /// Where it is posted.
    pub path: &'static str,
    /// The status of a good answer.
    pub status: u16,
    /// The body for the patient of this number (people.rs).
    pub body: fn(usize) -> Value,
}

impl Writes {
    pub fn ratios(&self) -> Vec<f64> {
        (0..TURNS).map(|_| self.ratio()).collect()
    }

    /// One turn, on a database of its own.
    fn ratio(&self) -> f64 {
        let patients = || (0..CLIENTS * PATIENTS).map(patient);
        let service = Service::start_with(|door| {
            write(&door.store, staff_and_units().into_iter().chain(patients()).collect());
        });
        let before = highest(&service.folder);
        let batches_before = service.door.store.figures().batches;
        let requests: Vec<Vec<u8>> = (0..CLIENTS * PATIENTS)
            .map(|patient| write_request("POST", self.path, &(self.body)(patient).to_string()))
            .collect();
        let ours = rate(service.address, TIME, self.status, |client, number| {
            &requests[client * PATIENTS + number % PATIENTS]
        });
        service.stop();
        let batches = difference(&service.door.store.figures().batches, &batches_before);
        let written = Written::since(&service.folder, before);
        let floor = floor(&service.folder, &written, &batches);
        let sizes: usize = batches.iter().map(|(size, count)| size * count).sum();
        let count: usize = batches.iter().map(|(_, count)| count).sum();
        println!(
            "  {}: {ours:.0}/s, floor {floor:.0}/s, {:.1} writes a transaction",
            self.name,
            sizes as f64 / count as f64
        );
        ours / floor
    }
}

/// How many transactions of each size came since.
fn difference(now: &[(usize, u64)], before: &[(usize, u64)]) -> Vec<(usize, usize)> {
    let earlier = |size| {
        before
            .iter()
            .find(|(known, _)| *known == size)
            .map_or(0, |(_, count)| *count)
    };
    now.iter()
        .map(|(size, count)| (*size, (count - earlier(*size)) as usize))
        .collect()
}

fn open(folder: &Path, name: &str) -> SqliteConnection {
    let path = folder.join(name);
    SqliteConnection::establish(path.to_str().expect("a path of text")).expect("the database opens")
}

/// The last rows of history and audit.
fn highest(folder: &Path) -> (i64, i64) {
    let mut connection = open(folder, "bench.db");
    let seq: Option<i64> = history::table
        .select(diesel::dsl::max(history::seq))
        .get_result(&mut connection)
        .expect("rows");
    let audited: Option<i64> = audit::table
        .select(diesel::dsl::max(audit::seq))
        .get_result(&mut connection)
        .expect("rows");
    (seq.unwrap_or(0), audited.unwrap_or(0))
}

type ResourceRow = (i64, i16, String, i64, i64, i64, i64, bool);
type HistoryRow = (i64, i64, i64, i64, i64, bool, String, String, String, String, i16);
type TokenRow = (i64, i64, i16, String, i64, String);
type ReferenceRow = (i64, i64, i16, String, String, String, String);
type DateRow = (i64, i64, i16, String, i64, i64);
/// seq, at, six texts, and the seven of the one who calls and the patients.
type AuditRow = (i64, i64, String, String, String, String, String, String, Caller);
type Caller = (String, String, String, String, String, String, String);
type LinkRow = (i64, i64, String);

/// One version that was written: each resource is new.
struct Row {
    resource: ResourceRow,
    history: HistoryRow,
    tokens: Vec<TokenRow>,
    references: Vec<ReferenceRow>,
    dates: Vec<DateRow>,
}

/// What one request wrote.
struct Request {
    rows: Vec<Row>,
    audit: AuditRow,
    link: LinkRow,
}

/// What all requests wrote, and the patients it was about.
struct Written {
    patients: Vec<(i64, String)>,
    requests: Vec<Request>,
}

impl Written {
    /// The rows that came after these of history and audit.
    fn since(folder: &Path, (seq, audited): (i64, i64)) -> Written {
        let mut c = open(folder, "bench.db");
        let versions: Vec<(HistoryRow, ResourceRow)> = history::table
            .inner_join(resource::table.on(resource::key.eq(history::resource)))
            .filter(history::seq.gt(seq))
            .order(history::seq)
            // What is kept for access has its default in the floor's rows.
            .select((
                (
                    history::seq,
                    history::patient,
                    history::resource,
                    history::version,
                    history::last_updated,
                    history::deleted,
                    history::caller,
                    history::interaction,
                    history::request_id,
                    history::body,
                    history::kind,
                ),
                (
                    resource::key,
                    resource::kind,
                    resource::id,
                    resource::patient,
                    resource::current,
                    resource::version,
                    resource::last_updated,
                    resource::deleted,
                ),
            ))
            .load(&mut c)
            .expect("rows");
        let audits: Vec<(AuditRow, LinkRow)> = audit::table
            .inner_join(audit_chain::table.on(audit_chain::audit.eq(audit::seq)))
            .filter(audit::seq.gt(audited))
            .select((
                (
                    audit::seq,
                    audit::at,
                    audit::caller,
                    audit::purpose,
                    audit::interaction,
                    audit::outcome,
                    audit::request_id,
                    audit::resources,
                    (
                        audit::capacity,
                        audit::who,
                        audit::unit,
                        audit::provider,
                        audit::client,
                        audit::emergency,
                        audit::patients,
                    ),
                ),
                audit_chain::all_columns,
            ))
            .load(&mut c)
            .expect("rows");
        let mut requests: HashMap<String, Request> = audits
            .into_iter()
            .map(|(audit, link)| {
                (
                    audit.6.clone(),
                    Request {
                        rows: Vec::new(),
                        audit,
                        link,
                    },
                )
            })
            .collect();
        for (history, resource) in versions {
            let (key, patient) = (resource.0, resource.3);
            assert_eq!(history.0, key, "a second version of a resource");
            let row = Row {
                tokens: index_token::table
                    .filter(index_token::resource.eq(key))
                    .filter(index_token::patient.eq(patient))
                    .load(&mut c)
                    .expect("rows"),
                references: index_reference::table
                    .filter(index_reference::resource.eq(key))
                    .filter(index_reference::patient.eq(patient))
                    .load(&mut c)
                    .expect("rows"),
                dates: index_date::table
                    .filter(index_date::resource.eq(key))
                    .filter(index_date::patient.eq(patient))
                    .load(&mut c)
                    .expect("rows"),
                resource,
                history,
            };
            let request = requests
                .get_mut(&row.history.8)
                .expect("each version has its audit row");
            request.rows.push(row);
        }
        let mut requests: Vec<Request> = requests.into_values().collect();
        requests.sort_by_key(|request| request.audit.0);
        Written {
            patients: patient_key::table
                .filter(patient_key::key.gt(0))
                .load(&mut c)
                .expect("rows"),
            requests,
        }
    }
}

/// Bare diesel on one thread: the same rows, in transactions of the sizes that the writer formed. Requests per second.
fn floor(folder: &Path, written: &Written, batches: &[(usize, usize)]) -> f64 {
    let url = format!("sqlite://{}", folder.join("floor.db").display());
    let store = Store::open(&url, &StoreOptions::default()).expect("the store opens");
    store.migrate().expect("the tables are made");
    store.close_blocking();
    let mut c = open(folder, "floor.db");
    // As the writer has it; foreign keys are off, because the rows of the staff are not there.
    c.batch_execute("PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;")
        .expect("pragmas");
    for (key, id) in &written.patients {
        diesel::insert_into(patient_key::table)
            .values((patient_key::key.eq(key), patient_key::id.eq(id)))
            .execute(&mut c)
            .expect("a row");
    }
    let mut sizes = spread(batches);
    let mut left = written.requests.as_slice();
    let started = Instant::now();
    while !left.is_empty() {
        let size = sizes.next().unwrap_or(1).min(left.len());
        let (batch, rest) = left.split_at(size);
        c.immediate_transaction(|c| batch.iter().try_for_each(|request| insert_request(c, request)))
            .expect("a transaction");
        left = rest;
    }
    written.requests.len() as f64 / started.elapsed().as_secs_f64()
}

/// The sizes of the transactions, large and small in turn.
fn spread(batches: &[(usize, usize)]) -> impl Iterator<Item = usize> {
    let mut left = batches.to_vec();
    let mut sizes = Vec::new();
    while left.iter().any(|(_, count)| *count > 0) {
        for (size, count) in left.iter_mut().filter(|(_, count)| *count > 0) {
            sizes.push(*size);
            *count -= 1;
        }
    }
    sizes.into_iter()
}

fn insert_request(c: &mut SqliteConnection, request: &Request) -> QueryResult<()> {
    request.rows.iter().try_for_each(|row| insert(c, row))?;
    let (seq, at, caller, purpose, interaction, outcome, request_id, resources, more) = &request.audit;
    let (capacity, who, unit, provider, client, emergency, patients) = more;
    diesel::insert_into(audit::table)
        .values((
            audit::seq.eq(seq),
            audit::at.eq(at),
            audit::caller.eq(caller),
            audit::purpose.eq(purpose),
            audit::interaction.eq(interaction),
            audit::outcome.eq(outcome),
            audit::request_id.eq(request_id),
            audit::resources.eq(resources),
            audit::capacity.eq(capacity),
            audit::who.eq(who),
            audit::unit.eq(unit),
            audit::provider.eq(provider),
            audit::client.eq(client),
            audit::emergency.eq(emergency),
            audit::patients.eq(patients),
        ))
        .execute(c)?;
    let (n, row, hash) = &request.link;
    diesel::insert_into(audit_chain::table)
        .values((
            audit_chain::n.eq(n),
            audit_chain::audit.eq(row),
            audit_chain::hash.eq(hash),
        ))
        .execute(c)?;
    // All that one request writes is of one patient.
    for row in request.rows.iter().take(1) {
        diesel::insert_into(audit_patient::table)
            .values((audit_patient::patient.eq(row.resource.3), audit_patient::audit.eq(seq)))
            .execute(c)?;
    }
    Ok(())
}

fn insert(c: &mut SqliteConnection, row: &Row) -> QueryResult<()> {
    let (key, kind, id, patient, current, version, updated, deleted) = &row.resource;
    diesel::insert_into(resource::table)
        .values((
            resource::key.eq(key),
            resource::kind.eq(kind),
            resource::id.eq(id),
            resource::patient.eq(patient),
            resource::current.eq(current),
            resource::version.eq(version),
            resource::last_updated.eq(updated),
            resource::deleted.eq(deleted),
        ))
        .execute(c)?;
    let (seq, patient, resource, version, updated, deleted, caller, interaction, request, body, kind) = &row.history;
    diesel::insert_into(history::table)
        .values((
            history::seq.eq(seq),
            history::patient.eq(patient),
            history::resource.eq(resource),
            history::version.eq(version),
            history::last_updated.eq(updated),
            history::deleted.eq(deleted),
            history::caller.eq(caller),
            history::interaction.eq(interaction),
            history::request_id.eq(request),
            history::body.eq(body),
            history::kind.eq(kind),
        ))
        .execute(c)?;
    for (patient, resource, kind, param, system, value) in &row.tokens {
        diesel::insert_into(index_token::table)
            .values((
                index_token::patient.eq(patient),
                index_token::resource.eq(resource),
                index_token::kind.eq(kind),
                index_token::param.eq(param),
                index_token::system.eq(system),
                index_token::value.eq(value),
            ))
            .execute(c)?;
    }
    for (patient, resource, kind, param, target_kind, target_id, target_url) in &row.references {
        diesel::insert_into(index_reference::table)
            .values((
                index_reference::patient.eq(patient),
                index_reference::resource.eq(resource),
                index_reference::kind.eq(kind),
                index_reference::param.eq(param),
                index_reference::target_kind.eq(target_kind),
                index_reference::target_id.eq(target_id),
                index_reference::target_url.eq(target_url),
            ))
            .execute(c)?;
    }
    for (patient, resource, kind, param, low, high) in &row.dates {
        diesel::insert_into(index_date::table)
            .values((
                index_date::patient.eq(patient),
                index_date::resource.eq(resource),
                index_date::kind.eq(kind),
                index_date::param.eq(param),
                index_date::low.eq(low),
                index_date::high.eq(high),
            ))
            .execute(c)?;
    }
    diesel::insert_into(outbox::table)
        .values((outbox::seq.eq(seq), outbox::attempts.eq(0), outbox::next_attempt.eq(0)))
        .execute(c)?;
    Ok(())
}
