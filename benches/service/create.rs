//! Creating fasta vårdkontakter for many patients with 32 clients, against bare diesel inserting the same rows.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::{Connection as _, SimpleConnection};
use diesel::prelude::*;
use fastkontakt::store::schema::{
    audit, audit_patient, history, index_date, index_reference, index_string, index_token, outbox, patient_key,
    resource,
};
use fastkontakt::store::{Store, StoreOptions};
use serde_json::{Value, json};

use crate::client::{Connection, Service, rate, write_request};
use crate::{CLIENTS, TURNS};

const TIME: Duration = Duration::from_millis(2500);
/// Patients of each client; a client goes round among its own.
const PATIENTS: usize = 25;

pub fn ratios() -> Vec<f64> {
    (0..TURNS).map(|_| ratio()).collect()
}

/// One turn, on a database of its own.
fn ratio() -> f64 {
    let service = Service::start();
    register(&service);
    let before = highest(&service.folder);
    let batches_before = service.door.store.figures().batches;
    let post = |client, number| write_request("POST", "/fhir/r5/CareTeam", &contact(client, number).to_string());
    let requests: Vec<Vec<Vec<u8>>> = (0..CLIENTS)
        .map(|client| (0..PATIENTS).map(|number| post(client, number)).collect())
        .collect();
    let ours = rate(service.address, TIME, 201, |client, number| {
        &requests[client][number % PATIENTS]
    });
    let batches = difference(&service.door.store.figures().batches, &batches_before);
    let rows = Rows::since(&service.folder, before);
    let floor = floor(&service.folder, &rows, &batches);
    let sizes: usize = batches.iter().map(|(size, count)| size * count).sum();
    let count: usize = batches.iter().map(|(_, count)| count).sum();
    println!(
        "  create: {ours:.0}/s, floor {floor:.0}/s, {:.1} writes a transaction",
        sizes as f64 / count as f64
    );
    ours / floor
}

/// A vårdcentral with a nurse, and the patients.
fn register(service: &Service) {
    let mut connection = Connection::open(service.address);
    let mut put = |resource: Value| {
        let path = format!(
            "/fhir/r5/{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        let (status, body) = connection.ask(&write_request("PUT", &path, &resource.to_string()));
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(body));
    };
    put(
        json!({ "resourceType": "Organization", "id": "region", "name": "Regionen", "identifier": [
        { "system": "urn:oid:1.2.752.129.2.1.4.1", "value": "SE2321000164-1000" }] }),
    );
    put(
        json!({ "resourceType": "Organization", "id": "vc", "name": "Vårdcentralen",
        "identifier": [{ "system": "urn:oid:1.2.752.129.2.1.4.1", "value": "SE2321000164-0001" }],
        "partOf": { "reference": "Organization/region" },
        "contact": [{ "telecom": [{ "system": "phone", "value": "019-000000" }] }] }),
    );
    put(
        json!({ "resourceType": "Practitioner", "id": "s", "name": [{ "family": "Testsson" }],
        "qualification": [{ "code": { "coding": [{ "system": "urn:oid:1.2.752.116.3.1.3", "code": "SJ" }] } }] }),
    );
    put(
        json!({ "resourceType": "PractitionerRole", "id": "s", "practitioner": { "reference": "Practitioner/s" },
        "organization": { "reference": "Organization/vc" },
        "code": [{ "coding": [{ "system": "urn:oid:1.2.752.129.2.2.1.4", "code": "206090" }] }] }),
    );
    for client in 0..CLIENTS {
        for number in 0..PATIENTS {
            put(
                json!({ "resourceType": "Patient", "id": format!("p{client}-{number}"), "name": [{ "family": "Prov" }],
                "identifier": [{ "system": "http://electronichealth.se/identifier/personnummer", "value": number_of(client, number) }] }),
            );
        }
    }
}

/// A synthetic personnummer with a computed check digit.
fn number_of(client: usize, number: usize) -> String {
    let nine = format!(
        "{:02}{:02}{:02}98{}",
        10 + client,
        number / 5 + 1,
        number % 5 + 1,
        client % 10
    );
    let sum: u32 = nine
        .chars()
        .filter_map(|digit| digit.to_digit(10))
        .enumerate()
        .map(|(place, digit)| {
            if place % 2 == 0 {
                digit * 2 / 10 + digit * 2 % 10
            } else {
                digit
            }
        })
        .sum();
    format!("19{nine}{}", (10 - sum % 10) % 10)
}

fn contact(client: usize, number: usize) -> Value {
    let mut contact: Value =
        serde_json::from_str(include_str!("../../examples/fast-vardkontakt-sjukskoterska.json")).expect("JSON");
    contact["subject"]["reference"] = json!(format!("Patient/p{client}-{number}"));
    contact["participant"][0]["member"]["reference"] = json!("PractitionerRole/s");
    contact["managingOrganization"][0]["reference"] = json!("Organization/vc");
    // Ended contacts of the past do not pile up among those that the rules compare.
    contact["period"] = json!({ "start": "2020-01-01", "end": "2020-12-31" });
    contact
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
type StringRow = (i64, i64, i16, String, String, i64, String);
type AuditRow = (i64, i64, String, String, String, String, String, String);

/// What one create wrote.
struct Row {
    resource: ResourceRow,
    history: HistoryRow,
    tokens: Vec<TokenRow>,
    references: Vec<ReferenceRow>,
    dates: Vec<DateRow>,
    strings: Vec<StringRow>,
    audit: AuditRow,
}

struct Rows {
    patients: Vec<(i64, String)>,
    rows: Vec<Row>,
}

impl Rows {
    /// The rows of the creates that came after these of history and audit.
    fn since(folder: &Path, (seq, audited): (i64, i64)) -> Rows {
        let mut c = open(folder, "bench.db");
        let resources: Vec<ResourceRow> = resource::table
            .filter(resource::key.gt(seq))
            .order(resource::key)
            .load(&mut c)
            .expect("rows");
        let versions: Vec<HistoryRow> = history::table
            .filter(history::seq.gt(seq))
            .order(history::seq)
            .load(&mut c)
            .expect("rows");
        let audits: Vec<AuditRow> = audit::table
            .filter(audit::seq.gt(audited))
            .order(audit::seq)
            .load(&mut c)
            .expect("rows");
        let rows = resources
            .into_iter()
            .zip(versions)
            .zip(audits)
            .map(|((resource, history), audit)| {
                let key = resource.0;
                Row {
                    tokens: index_token::table
                        .filter(index_token::resource.eq(key))
                        .filter(index_token::patient.eq(resource.3))
                        .load(&mut c)
                        .expect("rows"),
                    references: index_reference::table
                        .filter(index_reference::resource.eq(key))
                        .filter(index_reference::patient.eq(resource.3))
                        .load(&mut c)
                        .expect("rows"),
                    dates: index_date::table
                        .filter(index_date::resource.eq(key))
                        .filter(index_date::patient.eq(resource.3))
                        .load(&mut c)
                        .expect("rows"),
                    strings: index_string::table
                        .filter(index_string::resource.eq(key))
                        .filter(index_string::patient.eq(resource.3))
                        .load(&mut c)
                        .expect("rows"),
                    resource,
                    history,
                    audit,
                }
            })
            .collect();
        Rows {
            patients: patient_key::table
                .filter(patient_key::key.gt(0))
                .load(&mut c)
                .expect("rows"),
            rows,
        }
    }
}

/// Bare diesel on one thread: the same rows, in transactions of the sizes that the writer formed. Creates per second.
fn floor(folder: &Path, rows: &Rows, batches: &[(usize, usize)]) -> f64 {
    let url = format!("sqlite://{}", folder.join("floor.db").display());
    let store = Store::open(&url, &StoreOptions::default()).expect("the store opens");
    store.migrate().expect("the tables are made");
    store.close_blocking();
    let mut c = open(folder, "floor.db");
    // As the writer has it; foreign keys are off, because the rows of the staff are not there.
    c.batch_execute("PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;")
        .expect("pragmas");
    for (key, id) in &rows.patients {
        diesel::insert_into(patient_key::table)
            .values((patient_key::key.eq(key), patient_key::id.eq(id)))
            .execute(&mut c)
            .expect("a row");
    }
    let mut sizes = spread(batches);
    let mut left = rows.rows.as_slice();
    let started = Instant::now();
    while !left.is_empty() {
        let size = sizes.next().unwrap_or(1).min(left.len());
        let (batch, rest) = left.split_at(size);
        c.immediate_transaction(|c| batch.iter().try_for_each(|row| insert(c, row)))
            .expect("a transaction");
        left = rest;
    }
    rows.rows.len() as f64 / started.elapsed().as_secs_f64()
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
    for (patient, resource, kind, param, folded, exact, rest) in &row.strings {
        diesel::insert_into(index_string::table)
            .values((
                index_string::patient.eq(patient),
                index_string::resource.eq(resource),
                index_string::kind.eq(kind),
                index_string::param.eq(param),
                index_string::folded.eq(folded),
                index_string::exact.eq(exact),
                index_string::rest.eq(rest),
            ))
            .execute(c)?;
    }
    diesel::insert_into(outbox::table)
        .values((outbox::seq.eq(seq), outbox::attempts.eq(0), outbox::next_attempt.eq(0)))
        .execute(c)?;
    let (seq, at, caller, purpose, interaction, outcome, request, resources) = &row.audit;
    diesel::insert_into(audit::table)
        .values((
            audit::seq.eq(seq),
            audit::at.eq(at),
            audit::caller.eq(caller),
            audit::purpose.eq(purpose),
            audit::interaction.eq(interaction),
            audit::outcome.eq(outcome),
            audit::request_id.eq(request),
            audit::resources.eq(resources),
        ))
        .execute(c)?;
    diesel::insert_into(audit_patient::table)
        .values((audit_patient::patient.eq(patient), audit_patient::audit.eq(seq)))
        .execute(c)?;
    Ok(())
}
