//! A page of a unit's work list among 100 000 patients with 300 000 contacts, over HTTP, against bare SQL that reads the same
//! rows. The people are put straight into the store; what is kept of them is made by the renewal itself.

use std::hint::black_box;
use std::time::{Duration, Instant};

use diesel::connection::Connection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use fastkontakt::door::Door;

use crate::client::{Connection, Service};
use crate::people::{patients, person, populate};

const TURNS: usize = 41;

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
    populate(&door.store, person);
    make_lists(door);
}

pub fn make_lists(door: &Door) {
    let started = Instant::now();
    let runtime = actix_web::rt::System::new();
    runtime.block_on(door.fornya_allt()).expect("the lists are made");
    let took = started.elapsed().as_secs_f64();
    println!(
        "  their lists made in {took:.0} s, {:.0} patients a second",
        patients() as f64 / took
    );
}
