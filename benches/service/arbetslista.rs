//! A page of a unit's work list among 100 000 patients with 300 000 contacts, over HTTP, against bare SQL that reads the same
//! rows. The people are put straight into the store; what is kept of them is made by the renewal itself.

use std::hint::black_box;
use std::time::{Duration, Instant};

use diesel::connection::Connection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use fastkontakt::door::Door;
use fastkontakt::fhir::search;
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::store::{NewVersion, Session, StoreError};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::client::{Connection, Service};

const PATIENTS: usize = 100_000;
const UNITS: usize = 50;
/// Physicians, and as many nurses, of each unit; the first physician of each is a nurse by now.
const STAFF: usize = 4;
const TURNS: usize = 41;

const HSA_ID: &str = "urn:oid:1.2.752.129.2.1.4.1";

/// The lists that are asked for: name, unit, query.
const LISTS: &[(&str, &str, &str)] = &[
    ("a vårdcentral", "vc7", ""),
    ("the region", "region", ""),
    ("the region, one rule", "region", "?regel=FLK-01"),
    ("the region, warnings alone", "region", "?allvarlighet=warning"),
    ("the region, 1000 at a time", "region", "?_count=1000"),
];

pub fn tell() {
    let service = Service::start_with(load);
    let mut connection = Connection::open(service.address);
    for (name, unit, query) in LISTS {
        let path = format!("/fhir/r5/Organization/{unit}/$riktlinjekontroll{query}");
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes();
        let mut entries = 0;
        let ours = median(|| {
            let (status, body) = connection.ask(&request);
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
            entries = body.windows(9).filter(|window| window == b"\"fullUrl\"").count();
        });
        let floor = floor(&service, unit, query);
        println!(
            "work list of {name}: {entries} entries in {:.1} ms (median of {TURNS}), {:.1} × bare SQL",
            ours.as_secs_f64() * 1e3,
            ours.as_secs_f64() / floor.as_secs_f64()
        );
    }
}

fn median(mut ask: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..TURNS)
        .map(|_| {
            let started = Instant::now();
            ask();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[TURNS / 2]
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    fynd: String,
}

/// The first page's rows by one statement, on a connection of its own.
fn floor(service: &Service, unit: &str, query: &str) -> Duration {
    let path = service.folder.join("bench.db");
    let mut connection =
        SqliteConnection::establish(path.to_str().expect("a path of text")).expect("the database opens");
    let (regel, severity, count) = match query {
        "?regel=FLK-01" => ("FLK-01", 1, 51),
        "?allvarlighet=warning" => ("", 2, 51),
        "?_count=1000" => ("", 1, 1001),
        _ => ("", 1, 51),
    };
    let mut page = || {
        diesel::sql_query(
            "SELECT p.id, k.fynd FROM (SELECT a.patient, a.policy FROM kontroll_rad a \
             JOIN resource u ON u.key = a.enhet AND u.kind = 5 AND u.id = ? \
             WHERE a.regel = ? AND a.allvarlighet >= ? ORDER BY a.allvarlighet, a.patient LIMIT ?) a \
             JOIN kontroll k ON k.patient = a.patient AND k.policy = a.policy JOIN patient_key p ON p.key = a.patient",
        )
        .bind::<Text, _>(unit)
        .bind::<Text, _>(regel)
        .bind::<BigInt, _>(severity)
        .bind::<BigInt, _>(count)
        .load::<Row>(&mut connection)
        .expect("rows")
    };
    median(|| {
        for row in page() {
            black_box((row.id.len(), row.fynd.len()));
        }
    })
}

/// Puts everybody into the store, and lets the renewal make the lists.
fn load(door: &Door) {
    let patients = std::env::var("FASTKONTAKT_BENCH_PATIENTS").map_or(PATIENTS, |text| text.parse().expect("a number"));
    let started = Instant::now();
    write(door, staff_and_units());
    for first in (0..patients).step_by(500) {
        write(door, (first..(first + 500).min(patients)).flat_map(person).collect());
    }
    println!(
        "  {patients} patients stored in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    let started = Instant::now();
    let runtime = actix_web::rt::System::new();
    runtime.block_on(door.fornya_allt()).expect("the lists are made");
    let took = started.elapsed().as_secs_f64();
    println!(
        "  their lists made in {took:.0} s, {:.0} patients a second",
        patients as f64 / took
    );
}

fn write(door: &Door, resources: Vec<Value>) {
    let put = move |session: &mut Session| resources.iter().try_for_each(|resource| put(session, resource));
    door.store.write_blocking(put).expect("a write");
}

fn put(session: &mut Session, resource: &Value) -> Result<(), StoreError> {
    let kind = resource["resourceType"]
        .as_str()
        .and_then(ResourceType::from_name)
        .expect("a type");
    session.put(&NewVersion {
        kind,
        id: resource["id"].as_str().expect("an id"),
        version: 1,
        last_updated: Timestamp::now(),
        deleted: false,
        patient: search::patient_of(kind, resource).as_deref(),
        body: &resource.to_string(),
        index: &search::index(kind, resource),
        caller: "bench",
        request_id: "bench",
        interaction: "create",
    })
}

fn unit(id: &str, hsa_id: &str, above: Option<&str>) -> Value {
    let mut unit = json!({ "resourceType": "Organization", "id": id, "name": "Enheten",
        "identifier": [{ "system": HSA_ID, "value": hsa_id }],
        "contact": [{ "telecom": [{ "system": "phone", "value": "019-000000" }] }] });
    if let Some(above) = above {
        unit["partOf"] = json!({ "reference": format!("Organization/{above}") });
    }
    unit
}

fn staff_and_units() -> Vec<Value> {
    let mut all = vec![unit("region", "SE2321000164-1000", None)];
    for number in 0..UNITS {
        let vc = format!("vc{number}");
        all.push(unit(&vc, &format!("SE2321000164-V{number}"), Some("region")));
        for member in 0..STAFF {
            let physician = if member == 0 {
                ("SJ", "206090")
            } else {
                ("LK", "201011")
            };
            for (role, (licence, befattning)) in [("l", physician), ("s", ("SJ", "206090"))] {
                let id = format!("{role}{number}-{member}");
                all.push(json!({ "resourceType": "Practitioner", "id": id, "name": [{ "family": "Testsson" }],
                    "qualification": [{ "code": { "coding": [{ "system": "urn:oid:1.2.752.116.3.1.3", "code": licence }] } }] }));
                all.push(json!({ "resourceType": "PractitionerRole", "id": id, "active": true,
                    "practitioner": { "reference": format!("Practitioner/{id}") },
                    "organization": { "reference": format!("Organization/{vc}") },
                    "code": [{ "coding": [{ "system": "urn:oid:1.2.752.129.2.2.1.4", "code": befattning }] }] }));
            }
        }
    }
    all
}

/// A patient with a fast läkarkontakt, a fast vårdkontakt and one that ended.
fn person(number: usize) -> Vec<Value> {
    let (unit, member) = (number % UNITS, number / UNITS % STAFF);
    let id = format!("p{number}");
    let contact = |name: &str, code: &str, role: &str, period: Value| {
        json!({
            "resourceType": "CareTeam", "id": format!("{id}-{name}"), "status": "active",
            "category": [{ "coding": [{ "system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": "fast-kontakt" }] }],
            "subject": { "reference": format!("Patient/{id}") },
            "period": period,
            "participant": [{
                "role": { "coding": [{ "system": "https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt", "code": code }] },
                "member": { "reference": format!("PractitionerRole/{role}{unit}-{member}") },
            }],
            "managingOrganization": [{ "reference": format!("Organization/vc{unit}") }],
        })
    };
    vec![
        json!({ "resourceType": "Patient", "id": id, "name": [{ "family": "Prov" }],
            "generalPractitioner": [{ "reference": format!("Organization/vc{unit}") }] }),
        contact("l", "2", "l", json!({ "start": "2024-01-01" })),
        contact("s", "1", "s", json!({ "start": "2024-01-01" })),
        contact("t", "1", "s", json!({ "start": "2020-01-01", "end": "2023-12-31" })),
    ]
}
