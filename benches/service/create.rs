//! Creating fasta vårdkontakter for many patients.

use serde_json::{Value, json};

use crate::people::place_of;
use crate::writes::Writes;

pub const CREATE: Writes = Writes {
    name: "create",
    path: "/fhir/r5/CareTeam",
    status: 201,
    body: contact,
};

pub fn contact(patient: usize) -> Value {
    let (unit, member) = place_of(patient);
    let mut contact: Value =
        serde_json::from_str(include_str!("../../examples/fast-vardkontakt-sjukskoterska.json")).expect("JSON");
    contact["subject"]["reference"] = json!(format!("Patient/p{patient}"));
    contact["participant"][0]["member"]["reference"] = json!(format!("PractitionerRole/s{unit}-{member}"));
    contact["managingOrganization"][0]["reference"] = json!(format!("Organization/vc{unit}"));
    // Ended contacts of the past do not pile up among those that the rules compare.
    contact["period"] = json!({ "start": "2020-01-01", "end": "2020-12-31" });
    contact
}
