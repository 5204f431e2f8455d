//! A fast vårdkontakt and the överenskommelse with it, in one transaction Bundle.

use serde_json::{Value, json};

use crate::create::contact;
use crate::people::place_of;
use crate::writes::Writes;

pub const TRANSACTION: Writes = Writes {
    name: "transaction",
    path: "/fhir/r5",
    status: 200,
    body: bundle,
};

fn bundle(patient: usize) -> Value {
    const CONTACT: &str = "urn:uuid:5f1f2d4c-8a54-4c38-9b52-0b6a1d2f7e01";
    json!({
        "resourceType": "Bundle", "type": "transaction",
        "entry": [
            { "fullUrl": CONTACT, "resource": contact(patient), "request": { "method": "POST", "url": "CareTeam" } },
            { "fullUrl": "urn:uuid:5f1f2d4c-8a54-4c38-9b52-0b6a1d2f7e02", "resource": plan(patient, CONTACT),
                "request": { "method": "POST", "url": "CarePlan" } },
        ],
    })
}

fn plan(patient: usize, contact: &str) -> Value {
    let (unit, member) = place_of(patient);
    let text = include_str!("../../examples/overenskommelse-med-tid.json")
        .replace("Patient/anna", &format!("Patient/p{patient}"))
        .replace(
            "PractitionerRole/orebro-vc-bjorken-sjukskoterska",
            &format!("PractitionerRole/s{unit}-{member}"),
        )
        .replace(
            "PractitionerRole/orebro-vc-bjorken-lakare",
            &format!("PractitionerRole/s{unit}-{member}"),
        )
        .replace("CareTeam/anna-vardkontakt", contact);
    let mut plan: Value = serde_json::from_str(&text).expect("JSON");
    // As with the contacts: what has ended does not pile up among what the rules compare.
    plan["period"] = json!({ "start": "2020-01-01", "end": "2020-12-31" });
    plan
}
