//! The searches of national practice over HTTP, among 100 000 patients with 300 000 contacts, against bare SQL that reads the
//! same rows (ids and bodies), written by hand for each search. Two ratios are told: against the same SQL behind a handler
//! of its own, asked over HTTP by the same clients (what the service adds to the database and to HTTP; the aim is for this
//! one), and against the SQL alone on all processors, without HTTP and without clients (what all of it costs together).

use std::time::Duration;

use fastkontakt::store::system_key;
use serde_json::Value;

use crate::TURNS;
use crate::arbetslista::make_lists;
use crate::bare::{Bare, Bound, Served, rate_without_http};
use crate::client::{Connection, Service, rate};
use crate::people::{
    HSA_ID, PERSONNUMMER, patients, person, personnummer, place_of, plan, populate, staff_hsa_id, unit_hsa_id,
};

const TIME: Duration = Duration::from_millis(1000);
/// Patients that are asked about, spread over all of them.
const ASKED: usize = 4_096;

struct Search {
    name: &'static str,
    /// What is asked about the patient of this number (people.rs), below the base.
    path: fn(usize) -> String,
    /// The same rows in the same order; `?` for each value.
    sql: &'static str,
    values: fn(usize) -> Vec<Bound>,
}

const SEARCHES: &[Search] = &[
    Search {
        name: "CareTeam?patient&status",
        path: |p| format!("CareTeam?patient=Patient/p{p}&status=active"),
        sql: "SELECT r.id, h.body FROM index_reference t JOIN resource r ON r.key = t.resource JOIN history h ON h.seq = r.current \
              WHERE t.kind = 6 AND t.param = 'subject' AND t.target_id = ? AND t.target_kind = 'Patient' AND t.target_url = '' \
              AND EXISTS (SELECT 1 FROM index_token s WHERE s.patient = t.patient AND s.resource = t.resource \
                          AND s.param = 'status' AND s.value = 'active') \
              AND NOT r.deleted ORDER BY t.resource DESC LIMIT 50",
        values: |p| vec![Bound::Text(format!("p{p}"))],
    },
    Search {
        name: "CareTeam?patient&date",
        path: |p| format!("CareTeam?patient=Patient/p{p}&date=le2026-03-10&date=ge2026-03-10"),
        sql: "SELECT r.id, h.body FROM index_reference t JOIN resource r ON r.key = t.resource JOIN history h ON h.seq = r.current \
              WHERE t.kind = 6 AND t.param = 'subject' AND t.target_id = ? AND t.target_kind = 'Patient' AND t.target_url = '' \
              AND EXISTS (SELECT 1 FROM index_date d WHERE d.patient = t.patient AND d.resource = t.resource \
                          AND d.param = 'date' AND d.low < 1773183600000000 AND d.high > 1773097200000000) \
              AND NOT r.deleted ORDER BY t.resource DESC LIMIT 50",
        values: |p| vec![Bound::Text(format!("p{p}"))],
    },
    Search {
        name: "CareTeam?patient:identifier",
        path: |p| format!("CareTeam?patient:identifier={PERSONNUMMER}|{}", personnummer(p)),
        sql: "SELECT r.id, h.body FROM index_token t JOIN resource r ON r.key = t.resource JOIN history h ON h.seq = r.current \
              WHERE t.kind = 6 AND t.param = 'subject:identifier' AND t.value = ? AND t.system = ? \
              AND NOT r.deleted ORDER BY t.resource DESC LIMIT 50",
        values: |p| {
            vec![
                Bound::Text(personnummer(p)),
                Bound::Number(system_key(Some(PERSONNUMMER))),
            ]
        },
    },
    Search {
        name: "CareTeam?participant:identifier",
        path: |p| format!("CareTeam?participant:identifier={HSA_ID}|{}", nurse(p)),
        sql: "SELECT r.id, h.body FROM index_token t JOIN resource r ON r.key = t.resource JOIN history h ON h.seq = r.current \
              WHERE t.kind = 6 AND t.param = 'participant:identifier' AND t.value = ? AND t.system = ? \
              AND NOT r.deleted ORDER BY t.resource DESC LIMIT 50",
        values: |p| vec![Bound::Text(nurse(p)), Bound::Number(system_key(Some(HSA_ID)))],
    },
    Search {
        name: "CareTeam?patient.identifier",
        path: |p| format!("CareTeam?patient.identifier={PERSONNUMMER}|{}", personnummer(p)),
        sql: "SELECT r.id, h.body FROM index_token i CROSS JOIN resource p CROSS JOIN index_reference t CROSS JOIN resource r \
              CROSS JOIN history h WHERE i.kind = 1 AND i.param = 'identifier' AND i.value = ? AND i.system = ? \
              AND p.key = i.resource AND NOT p.deleted AND t.kind = 6 AND t.param = 'subject' AND t.target_id = p.id \
              AND t.target_kind = 'Patient' AND t.target_url = '' AND r.key = t.resource AND NOT r.deleted \
              AND h.seq = r.current ORDER BY t.resource DESC LIMIT 50",
        values: |p| {
            vec![
                Bound::Text(personnummer(p)),
                Bound::Number(system_key(Some(PERSONNUMMER))),
            ]
        },
    },
    Search {
        name: "CareTeam?participant.identifier",
        path: |p| format!("CareTeam?participant.identifier={HSA_ID}|{}", nurse(p)),
        // The keys of the page first, from the indexes alone (what is deleted has no rows there), then the bodies.
        sql: "SELECT r.id, h.body FROM (SELECT t.resource AS key FROM index_token i CROSS JOIN resource p CROSS JOIN index_reference t \
              WHERE i.kind = 4 AND i.param = 'identifier' AND i.value = ? AND i.system = ? AND p.key = i.resource AND t.kind = 6 \
              AND t.param = 'participant' AND t.target_id = p.id AND t.target_kind = 'PractitionerRole' AND t.target_url = '' \
              ORDER BY t.resource DESC LIMIT 50) k CROSS JOIN resource r CROSS JOIN history h \
              WHERE r.key = k.key AND h.seq = r.current ORDER BY k.key DESC",
        values: |p| vec![Bound::Text(nurse(p)), Bound::Number(system_key(Some(HSA_ID)))],
    },
    Search {
        name: "CareTeam?care-unit&role",
        path: |p| format!("CareTeam?care-unit={HSA_ID}|{}&role=1", unit_hsa_id(place_of(p).0)),
        // Each contact names the unit's number beside the reference.
        sql: "SELECT r.id, h.body FROM index_token t JOIN resource r ON r.key = t.resource JOIN history h ON h.seq = r.current \
              WHERE t.kind = 6 AND t.param = 'care-unit:identifier' AND t.value = ? AND t.system = ? \
              AND EXISTS (SELECT 1 FROM index_token s WHERE s.patient = t.patient AND s.resource = t.resource \
                          AND s.param = 'role' AND s.value = '1') \
              AND NOT r.deleted ORDER BY t.resource DESC LIMIT 50",
        values: |p| {
            vec![
                Bound::Text(unit_hsa_id(place_of(p).0)),
                Bound::Number(system_key(Some(HSA_ID))),
            ]
        },
    },
    Search {
        name: "CareTeam?_lastUpdated&_sort=_lastUpdated",
        path: |_| "CareTeam?_lastUpdated=gt2026-03-10&_sort=_lastUpdated".to_owned(),
        sql: "SELECT r.id, h.body FROM resource r JOIN history h ON h.seq = r.current \
              WHERE r.kind = 6 AND r.last_updated >= ? AND NOT r.deleted ORDER BY r.last_updated, r.key LIMIT 50",
        values: |_| vec![Bound::Number(1_773_183_600_000_000)],
    },
    Search {
        name: "CarePlan?patient&category",
        path: |p| format!("CarePlan?patient=Patient/p{p}&category=VP"),
        sql: "SELECT r.id, h.body FROM index_reference t JOIN resource r ON r.key = t.resource JOIN history h ON h.seq = r.current \
              WHERE t.kind = 7 AND t.param = 'subject' AND t.target_id = ? AND t.target_kind = 'Patient' AND t.target_url = '' \
              AND EXISTS (SELECT 1 FROM index_token s WHERE s.patient = t.patient AND s.resource = t.resource \
                          AND s.param = 'category' AND s.value = 'VP') \
              AND NOT r.deleted ORDER BY t.resource DESC LIMIT 50",
        values: |p| vec![Bound::Text(format!("p{p}"))],
    },
    Search {
        name: "CarePlan?patient&category&_include=care-team",
        path: |p| format!("CarePlan?patient=Patient/p{p}&category=VP&_include=CarePlan:care-team"),
        sql: "WITH plan AS (SELECT t.patient, t.resource FROM index_reference t \
              WHERE t.kind = 7 AND t.param = 'subject' AND t.target_id = ? AND t.target_kind = 'Patient' AND t.target_url = '' \
              AND EXISTS (SELECT 1 FROM index_token s WHERE s.patient = t.patient AND s.resource = t.resource \
                          AND s.param = 'category' AND s.value = 'VP')) \
              SELECT r.id, h.body FROM plan p CROSS JOIN resource r CROSS JOIN history h \
              WHERE r.key = p.resource AND NOT r.deleted AND h.seq = r.current \
              UNION ALL SELECT r.id, h.body FROM plan p CROSS JOIN index_reference t CROSS JOIN resource r CROSS JOIN history h \
              WHERE t.patient = p.patient AND t.resource = p.resource AND t.param = 'care-team' AND t.target_kind = 'CareTeam' \
              AND r.kind = 6 AND r.id = t.target_id AND NOT r.deleted AND h.seq = r.current",
        values: |p| vec![Bound::Text(format!("p{p}"))],
    },
];

/// The HSA-id of the patient's nurse.
fn nurse(patient: usize) -> String {
    let (unit, member) = place_of(patient);
    staff_hsa_id("s", unit, member)
}

/// Tells the ratios of each search: over HTTP, then without. Words besides `search` choose among them.
pub fn ratios(wanted: &[String], tell: impl Fn(&str, Option<f64>, Vec<f64>)) {
    let others = [
        "search",
        "read",
        "create",
        "transaction",
        "parts",
        "tokens",
        "arbetslista",
    ];
    let words: Vec<&String> = wanted.iter().filter(|word| !others.contains(&word.as_str())).collect();
    let is_wanted = |search: &Search| words.is_empty() || words.iter().any(|word| search.name.contains(word.as_str()));
    let service = Service::start_as(false, |door| {
        populate(&door.store, |number| {
            let mut all = person(number);
            all.push(plan(number));
            all
        });
        // Else the service makes them meanwhile, and what is measured shares the machine with that.
        make_lists(door);
    });
    let served = Served::start(
        service.folder.clone(),
        SEARCHES.iter().map(|search| search.sql).collect(),
    );
    for (number, search) in SEARCHES.iter().enumerate().filter(|(_, search)| is_wanted(search)) {
        search.compare(&service);
        let rates: Vec<Rates> = (0..TURNS).map(|_| search.rates(number, &service, &served)).collect();
        let of = |floor: fn(&Rates) -> f64| rates.iter().map(|rates| rates.ours / floor(rates)).collect();
        tell(search.name, Some(0.5), of(|rates| rates.http));
        tell(&format!("{} without HTTP", search.name), None, of(|rates| rates.bare));
    }
}

/// Answers per second of one turn.
struct Rates {
    ours: f64,
    /// Bare SQL over HTTP.
    http: f64,
    /// Bare SQL.
    bare: f64,
}

/// The patient that is asked about at the turn of this number.
fn asked(number: usize) -> usize {
    // A stride without a common divisor, so that neighbours come seldom.
    number % ASKED * 48_611 % patients()
}

impl Search {
    /// That both say the same.
    fn compare(&self, service: &Service) {
        let mut bare = Bare::open(&service.folder);
        let mut connection = Connection::open(service.address);
        for patient in (0..5).map(asked) {
            let (status, body) = connection.ask(&self.request(patient));
            let text = String::from_utf8_lossy(body);
            assert_eq!(status, 200, "{text}");
            let bundle: Value = serde_json::from_str(&text).expect("JSON");
            let ours: Vec<&str> = bundle["entry"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|entry| entry["resource"]["id"].as_str().expect("an id"))
                .collect();
            let rows = bare.rows(self.sql, (self.values)(patient));
            let floor: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
            assert_eq!(ours, floor, "{}", self.name);
            assert!(!ours.is_empty(), "{} finds nothing", self.name);
        }
    }

    fn request(&self, patient: usize) -> Vec<u8> {
        let path = (self.path)(patient).replace('|', "%7C");
        format!("GET /fhir/r5/{path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
    }

    fn rates(&self, number: usize, service: &Service, served: &Served) -> Rates {
        let all = |request: &dyn Fn(usize) -> Vec<u8>| -> Vec<Vec<u8>> {
            (0..ASKED).map(|number| request(asked(number))).collect()
        };
        let to_us = all(&|patient| self.request(patient));
        let to_floor = all(&|patient| Served::request(number, (self.values)(patient)));
        // Each client goes its own way among them.
        let way = |client: usize, number: usize| (client * 997 + number) % ASKED;
        let ours = rate(service.address, TIME, 200, |client, number| &to_us[way(client, number)]);
        let http = rate(served.address, TIME, 200, |client, number| {
            &to_floor[way(client, number)]
        });
        let bare = rate_without_http(&service.folder, TIME, self.sql, |thread, number| {
            (self.values)(asked(thread * 997 + number))
        });
        println!(
            "  {}: {ours:.0}/s, bare SQL over HTTP {http:.0}/s, without {bare:.0}/s",
            self.name
        );
        Rates { ours, http, bare }
    }
}
