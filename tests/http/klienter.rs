//! Habits of real clients that no specification tells (tests/clients runs the clients themselves).

use serde_json::json;

use crate::common::spawn;

const SYSTEM: &str = "https://example.se/id/klient";

/// fhirpy's `get_or_create` writes the criteria of a conditional create into the address.
#[test]
fn criteria_in_the_address_of_a_create_are_if_none_exist() {
    let app = spawn();
    for base in ["/fhir/r5", "/fhir/r4"] {
        let value = base.replace('/', "-");
        let body = json!({ "resourceType": "Patient", "identifier": [{ "system": SYSTEM, "value": value }] });
        let path = format!("{base}/Patient?identifier={SYSTEM}|{value}");
        let created = app.post(&path, &body).expect(201).json();
        let found = app.post(&path, &body).expect(200).json();
        assert_eq!(found["id"], created["id"]);
        app.post(&format!("{base}/Patient?_pretty=true&_format=json"), &body)
            .expect(201);
        app.post(&path, &body).expect(412);
        app.post(&format!("{base}/Patient?shoesize=43"), &body).expect(400);
        let criteria = format!("identifier={SYSTEM}|{value}");
        app.post_with(&path, &[("If-None-Exist", &criteria)], &body).expect(400);
    }
}
