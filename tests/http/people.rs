//! Synthetic people and units that the tests register, as a journal system would.

use serde_json::{Value, json};

use fastkontakt::fhir::structure;
use fastkontakt::fhir::version::FhirVersion;

use crate::common::{Answer, TestApp};

pub const TYP_AV_CARETEAM: &str = "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs";
pub const TYP_AV_FAST_KONTAKT: &str =
    "https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt";
const HSA_ID: &str = "urn:oid:1.2.752.129.2.1.4.1";
pub const PERSONNUMMER: &str = "http://electronichealth.se/identifier/personnummer";
const HOSP: &str = "urn:oid:1.2.752.116.3.1.3";
const BEFATTNING: &str = "urn:oid:1.2.752.129.2.2.1.4";

pub fn unit(id: &str, hsa_id: &str) -> Value {
    json!({
        "resourceType": "Organization", "id": id, "name": "Testvårdcentralen",
        "identifier": [{ "system": HSA_ID, "value": hsa_id }],
        "contact": [{ "telecom": [{ "system": "phone", "value": "019-000000" }] }],
    })
}

/// A member of staff; `licence` is the HOSP code (LK, SJ), `befattning` the HSA one.
pub fn staff(id: &str, licence: &str, befattning: &str, unit: &str) -> [Value; 2] {
    let practitioner = json!({
        "resourceType": "Practitioner", "id": id,
        "name": [{ "family": "Testsson", "given": ["Test"] }],
        "qualification": [{ "code": { "coding": [{ "system": HOSP, "code": licence }] } }],
    });
    let role = json!({
        "resourceType": "PractitionerRole", "id": id, "active": true,
        "practitioner": { "reference": format!("Practitioner/{id}") },
        "organization": { "reference": format!("Organization/{unit}") },
        "code": [{ "coding": [{ "system": BEFATTNING, "code": befattning }] }],
    });
    [practitioner, role]
}

pub fn patient(id: &str, personnummer: Option<&str>) -> Value {
    let mut patient =
        json!({ "resourceType": "Patient", "id": id, "name": [{ "family": "Prov", "given": ["Person"] }] });
    if let Some(number) = personnummer {
        patient["identifier"] = json!([{ "system": PERSONNUMMER, "value": number }]);
    }
    patient
}

/// A fast kontakt of type `role` (1 vårdkontakt, 2 läkarkontakt, 3 omsorgskontakt, 4 samordnande) from 2026-01-01.
pub fn fast_kontakt(patient: &str, role: &str, member: &str) -> Value {
    json!({
        "resourceType": "CareTeam",
        "status": "active",
        "category": [{ "coding": [{ "system": TYP_AV_CARETEAM, "code": "fast-kontakt" }] }],
        "subject": { "reference": format!("Patient/{patient}") },
        "period": { "start": "2026-01-01" },
        "participant": [{
            "role": { "coding": [{ "system": TYP_AV_FAST_KONTAKT, "code": role }] },
            "member": { "reference": format!("PractitionerRole/{member}") },
        }],
    })
}

pub fn livshotande_tillstand(patient: &str) -> Value {
    json!({
        "resourceType": "Condition",
        "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
        "severity": { "coding": [{ "system": "http://snomed.info/sct", "code": "442452003" }] },
        "subject": { "reference": format!("Patient/{patient}") },
    })
}

/// An Örebro vårdcentral with a nurse and a physician, and the patient `anna`.
pub fn orebro(app: &TestApp) {
    region(app, "vc", "SE2321000164-0001");
}

/// A vårdcentral `unit` with the nurse `{unit}-skoterska` and the physicians `{unit}-lakare` and `{unit}-lakare-2`, and `anna`.
pub fn region(app: &TestApp, unit_id: &str, hsa_id: &str) {
    put(app, &unit(unit_id, hsa_id));
    for (id, licence, befattning) in [
        ("skoterska", "SJ", "206090"),
        ("lakare", "LK", "201011"),
        ("lakare-2", "LK", "201011"),
    ] {
        for resource in staff(&format!("{unit_id}-{id}"), licence, befattning, unit_id) {
            put(app, &resource);
        }
    }
    put(app, &patient("anna", Some("195009072553")));
}

/// Registers a resource under its own id in R5.
pub fn put(app: &TestApp, resource: &Value) {
    let (kind, id) = (
        resource["resourceType"].as_str().unwrap(),
        resource["id"].as_str().unwrap(),
    );
    let answer = app.put(&format!("/fhir/r5/{kind}/{id}"), resource);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
}

/// A resource with some members more, or other ones.
pub trait Merged {
    fn merged(self, other: &Value) -> Value;
}

impl Merged for Value {
    fn merged(mut self, other: &Value) -> Value {
        for (name, member) in other.as_object().unwrap() {
            self[name] = member.clone();
        }
        self
    }
}

/// The OperationOutcome of an answer, which is whole and well formed in its version.
pub fn outcome(answer: &Answer) -> Value {
    let outcome = answer.json();
    let is_r4 = answer
        .header("content-type")
        .is_some_and(|text| text.contains("fhirVersion=4.0"));
    let version = if is_r4 { FhirVersion::R4 } else { FhirVersion::R5 };
    let faults = structure::check(version, "OperationOutcome", &outcome);
    assert!(faults.is_empty(), "{faults:?} {outcome}");
    outcome
}
