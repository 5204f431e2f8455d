//! The synthetic people of the benchmarks and of the tests of search plans, put straight into the store: patients with
//! three contacts and a plan each, spread over the vårdcentraler of one region.
#![allow(dead_code, reason = "each that uses it has its own part")]

use std::time::Instant;

use fastkontakt::fhir::search;
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::store::{NewVersion, Session, Store, StoreError};
use jiff::{Timestamp, ToSpan, civil};
use serde_json::{Value, json};

pub const UNITS: usize = 50;
/// Physicians, and as many nurses, of each unit; the first physician of each is a nurse by now.
pub const STAFF: usize = 4;

pub const HSA_ID: &str = "urn:oid:1.2.752.129.2.1.4.1";
pub const PERSONNUMMER: &str = "http://electronichealth.se/identifier/personnummer";
pub const TYPE_OF_CONTACT: &str =
    "https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt";
pub const TYPE_OF_PLAN: &str = "https://fhir.inera.se/CodeSystem/typeofcareplan-cs";

/// How many patients a benchmark has: 100 000, or FASTKONTAKT_BENCH_PATIENTS.
pub fn patients() -> usize {
    std::env::var("FASTKONTAKT_BENCH_PATIENTS").map_or(100_000, |text| text.parse().expect("a number"))
}

/// Stores staff, units and what `each` makes of every patient's number, and tells how long it took.
pub fn populate(store: &Store, each: impl Fn(usize) -> Vec<Value>) {
    let (patients, started) = (patients(), Instant::now());
    write(store, staff_and_units());
    for first in (0..patients).step_by(500) {
        write(store, (first..(first + 500).min(patients)).flat_map(&each).collect());
    }
    println!(
        "  {patients} patients stored in {:.0} s",
        started.elapsed().as_secs_f64()
    );
}

/// Writes the first version of each, in one transaction.
pub fn write(store: &Store, resources: Vec<Value>) {
    let put = move |session: &mut Session| resources.iter().try_for_each(|resource| put(session, resource));
    store.write_blocking(put).expect("a write");
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

pub fn unit_hsa_id(unit: usize) -> String {
    format!("SE2321000164-V{unit}")
}

/// `role` is `l` for a physician, `s` for a nurse.
pub fn staff_hsa_id(role: &str, unit: usize, member: usize) -> String {
    format!("SE2321000164-{}{unit}M{member}", role.to_uppercase())
}

/// The unit of a patient, and the number of the physician and of the nurse there.
pub fn place_of(patient: usize) -> (usize, usize) {
    (patient % UNITS, patient / UNITS % STAFF)
}

/// A number of the series for tests (birth numbers 980–989), its check digit computed; each patient's own.
pub fn personnummer(patient: usize) -> String {
    let born = civil::date(1930, 1, 1) + i64::try_from(patient / 10).expect("a small number").days();
    let nine = format!("{}98{}", born.strftime("%y%m%d"), patient % 10);
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
    format!("{}{nine}{}", born.year() / 100, (10 - sum % 10) % 10)
}

fn identifier(system: &str, value: impl Into<String>) -> Value {
    json!({ "system": system, "value": value.into() })
}

fn organization(id: &str, hsa_id: &str, above: Option<&str>) -> Value {
    let mut unit = json!({ "resourceType": "Organization", "id": id, "name": "Enheten",
        "identifier": [identifier(HSA_ID, hsa_id)],
        "contact": [{ "telecom": [{ "system": "phone", "value": "019-000000" }] }] });
    if let Some(above) = above {
        unit["partOf"] = json!({ "reference": format!("Organization/{above}") });
    }
    unit
}

/// The region, its vårdcentraler `vc…`, and who works there: `l[unit]-[member]` and `s[unit]-[member]`.
pub fn staff_and_units() -> Vec<Value> {
    let mut all = vec![organization("region", "SE2321000164-1000", None)];
    for unit in 0..UNITS {
        let vc = format!("vc{unit}");
        all.push(organization(&vc, &unit_hsa_id(unit), Some("region")));
        for member in 0..STAFF {
            let physician = if member == 0 {
                ("SJ", "206090")
            } else {
                ("LK", "201011")
            };
            for (role, (licence, befattning)) in [("l", physician), ("s", ("SJ", "206090"))] {
                let id = format!("{role}{unit}-{member}");
                let hsa_id = staff_hsa_id(role, unit, member);
                all.push(json!({ "resourceType": "Practitioner", "id": id, "name": [{ "family": "Testsson" }],
                    "identifier": [identifier(HSA_ID, hsa_id.as_str())],
                    "qualification": [{ "code": { "coding": [{ "system": "urn:oid:1.2.752.116.3.1.3", "code": licence }] } }] }));
                all.push(json!({ "resourceType": "PractitionerRole", "id": id, "active": true,
                    "identifier": [identifier(HSA_ID, hsa_id)],
                    "practitioner": { "reference": format!("Practitioner/{id}") },
                    "organization": { "reference": format!("Organization/{vc}") },
                    "code": [{ "coding": [{ "system": "urn:oid:1.2.752.129.2.2.1.4", "code": befattning }] }] }));
            }
        }
    }
    all
}

/// The Patient `p[number]`.
pub fn patient(number: usize) -> Value {
    json!({ "resourceType": "Patient", "id": format!("p{number}"), "name": [{ "family": "Prov" }],
        "identifier": [identifier(PERSONNUMMER, personnummer(number))],
        "generalPractitioner": [{ "reference": format!("Organization/vc{}", place_of(number).0) }] })
}

/// A patient `p[number]` with a fast läkarkontakt `…-l`, a fast vårdkontakt `…-s` and one that ended, `…-t`.
pub fn person(number: usize) -> Vec<Value> {
    let (unit, member) = place_of(number);
    let id = format!("p{number}");
    let contact = |name: &str, code: &str, role: &str, period: Value| {
        json!({
            "resourceType": "CareTeam", "id": format!("{id}-{name}"), "status": if name == "t" { "inactive" } else { "active" },
            "category": [{ "coding": [{ "system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": "fast-kontakt" }] }],
            "subject": { "reference": format!("Patient/{id}"), "identifier": identifier(PERSONNUMMER, personnummer(number)) },
            "period": period,
            "participant": [{
                "role": { "coding": [{ "system": TYPE_OF_CONTACT, "code": code }] },
                "member": { "reference": format!("PractitionerRole/{role}{unit}-{member}"),
                    "identifier": identifier(HSA_ID, staff_hsa_id(role, unit, member)) },
            }],
            "managingOrganization": [{ "reference": format!("Organization/vc{unit}"), "identifier": identifier(HSA_ID, unit_hsa_id(unit)) }],
        })
    };
    vec![
        patient(number),
        contact("l", "2", "l", json!({ "start": "2024-01-01" })),
        contact("s", "1", "s", json!({ "start": "2024-01-01" })),
        contact("t", "1", "s", json!({ "start": "2020-01-01", "end": "2023-12-31" })),
    ]
}

/// The patient's överenskommelse `p[number]-plan` with the fast vårdkontakt.
pub fn plan(number: usize) -> Value {
    let (unit, member) = place_of(number);
    let id = format!("p{number}");
    json!({
        "resourceType": "CarePlan", "id": format!("{id}-plan"), "status": "active", "intent": "plan",
        "category": [{ "coding": [{ "system": TYPE_OF_PLAN, "code": "VP" }] }],
        "title": "Dokumenterad överenskommelse",
        "subject": { "reference": format!("Patient/{id}"), "identifier": identifier(PERSONNUMMER, personnummer(number)) },
        "period": { "start": "2024-01-01" },
        "custodian": { "reference": format!("PractitionerRole/s{unit}-{member}") },
        "contributor": [{ "reference": format!("Patient/{id}") }],
        "careTeam": [{ "reference": format!("CareTeam/{id}-s") }],
    })
}
