//! What the patient needs and where they are cared for: insatsformer, needs, inpatient stays, what was asked for.
//! Written in R5 or as R4.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::codes::*;
use super::contacts::day;
use crate::fhir::version::FhirVersion;

/// An inpatient stay that ended with a discharge home.
pub struct Stay {
    pub id: String,
    pub patient: Value,
    pub unit: Value,
    pub admitted: Date,
    pub discharged: Date,
    /// Whether the patient needs care after it (extension `behov-efter-utskrivning`).
    pub needs_care: bool,
}

/// Writes the stay as an Encounter.
pub fn inpatient_stay(version: FhirVersion, stay: Stay) -> Value {
    let period = json!({ "start": day(stay.admitted), "end": day(stay.discharged) });
    let disposition = concept(
        "http://terminology.hl7.org/CodeSystem/discharge-disposition",
        "home",
        "Home",
    );
    let mut resource = json!({
        "resourceType": "Encounter",
        "id": stay.id,
        "meta": meta(&[]),
        "extension": [own_extension("behov-efter-utskrivning", "valueBoolean", stay.needs_care)],
        "subject": stay.patient,
        "serviceProvider": stay.unit,
    });
    let class = json!({ "system": ACT_CODE, "code": "IMP", "display": "inpatient encounter" });
    let admission = json!({ "dischargeDisposition": disposition });
    match version {
        FhirVersion::R4 => {
            resource["status"] = "finished".into();
            resource["class"] = class;
            resource["period"] = period;
            resource["hospitalization"] = admission;
        }
        FhirVersion::R5 => {
            resource["status"] = "completed".into();
            resource["class"] = json!([{ "coding": [class] }]);
            resource["actualPeriod"] = period;
            resource["admission"] = admission;
        }
    }
    tidy(resource)
}

/// An insatsform that is going on (own `insatsform`); the same in R4 and R5.
pub fn insats(id: &str, patient: &Value, insatsform: &str, unit: &Value, since: Date) -> Value {
    tidy(json!({
        "resourceType": "EpisodeOfCare",
        "id": id,
        "meta": meta(&[]),
        "status": "active",
        "type": [own_concept("insatsform", insatsform)],
        "patient": patient,
        "managingOrganization": unit,
        "period": { "start": day(since) },
    }))
}

/// What the patient needs (own `behovsgrupp`); the same in R4 and R5.
pub fn behov(id: &str, patient: &Value, grupp: &str, author: &Value, since: Date) -> Value {
    tidy(json!({
        "resourceType": "Flag",
        "id": id,
        "meta": meta(&[]),
        "status": "active",
        "code": own_concept("behovsgrupp", grupp),
        "subject": patient,
        "period": { "start": day(since) },
        "author": author,
    }))
}

/// The patient asks for a contact (own `begaran`); the same in R4 and R5.
pub fn begaran(id: &str, patient: &Value, what: &str, on: Date) -> Value {
    tidy(json!({
        "resourceType": "Task",
        "id": id,
        "meta": meta(&[]),
        "status": "requested",
        "intent": "proposal",
        "code": own_concept("begaran", what),
        "for": patient,
        "authoredOn": day(on),
        "requester": patient,
    }))
}
