//! Patients, those close to them, and their conditions.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::codes::*;
use super::contacts::day;
use super::units::{Region, unit};

/// A synthetic patient before it is written out.
pub struct Person {
    pub id: String,
    pub given: String,
    pub family: &'static str,
    pub female: bool,
    pub birth: Date,
    /// A newborn has none yet.
    pub identifier: Option<Value>,
    /// The vårdcentral where the patient is listed.
    pub listed_at: &'static str,
    /// Chooses the telephone number.
    pub line: i64,
}

impl Person {
    /// `Patient/…`, without a name: a reference needs none.
    pub fn reference(&self) -> Value {
        reference(&format!("Patient/{}", self.id))
    }
}

/// The same in R4 and R5.
pub fn patient(region: &Region, person: &Person) -> Value {
    tidy(json!({
        "resourceType": "Patient",
        "id": person.id,
        "meta": meta(&[]),
        "identifier": person.identifier.iter().collect::<Vec<_>>(),
        "active": true,
        "name": [{ "use": "official", "family": person.family, "given": [person.given] }],
        "telecom": [{ "system": "phone", "value": mobile(person.line), "use": "mobile" }],
        "gender": if person.female { "female" } else { "male" },
        "birthDate": day(person.birth),
        "generalPractitioner": [unit(region.key, person.listed_at)],
        "managingOrganization": unit(region.key, person.listed_at),
    }))
}

/// A number of the series PTS keeps for fiction, 070-174 06 05 to 99.
fn mobile(line: i64) -> String {
    format!("070-174 06 {:02}", 5 + line.rem_euclid(95))
}

/// A close relative or a guardian; `relation` is a v3-RoleCode such as `DAU` or `MTH`.
pub fn related_person(id: &str, person: &Person, given: &str, relation: &str, text: &str) -> Value {
    let mut relationship = concept(ROLE_CODE, relation, "");
    relationship["text"] = text.into();
    tidy(json!({
        "resourceType": "RelatedPerson",
        "id": id,
        "meta": meta(&[]),
        "active": true,
        "patient": person.reference(),
        "relationship": [relationship],
        "name": [{ "family": person.family, "given": [given] }],
    }))
}

/// How a life-threatening severity is written; riktlinje.md accepts both.
#[derive(Clone, Copy, PartialEq)]
pub enum Severity {
    Ordinary,
    LifeThreateningSnomed,
    LifeThreateningOwn,
}

/// An active, confirmed condition; the same in R4 and R5.
pub fn condition(id: &str, patient: &Value, icd: &str, text: &str, severity: Severity, recorded: Date) -> Value {
    let severity = match severity {
        Severity::Ordinary => None,
        Severity::LifeThreateningSnomed => Some(concept(SNOMED_CT, "442452003", "Life threatening severity")),
        Severity::LifeThreateningOwn => Some(own_concept("allvarlighetsgrad", "livshotande")),
    };
    let clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    let verification = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
    tidy(json!({
        "resourceType": "Condition",
        "id": id,
        "meta": meta(&[]),
        "clinicalStatus": concept(clinical, "active", ""),
        "verificationStatus": concept(verification, "confirmed", ""),
        "severity": severity,
        "code": { "coding": [{ "system": ICD_10, "code": icd }], "text": text },
        "subject": patient,
        "recordedDate": day(recorded),
    }))
}

/// An offer of a fast vårdkontakt that the patient declined (riktlinje.md: Task, own `erbjudande`).
pub fn declined_offer(id: &str, patient: &Value, offered_by: &Value, on: Date) -> Value {
    tidy(json!({
        "resourceType": "Task",
        "id": id,
        "meta": meta(&[]),
        "status": "rejected",
        "intent": "proposal",
        "code": own_concept("erbjudande", "fast-vardkontakt"),
        "for": patient,
        "authoredOn": day(on),
        "requester": offered_by,
    }))
}
