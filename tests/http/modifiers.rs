//! What may turn a resource's meaning round and is not known here is refused, not judged as if it were not there
//! (extensibility.html#modifierExtension, resource.html#implicitRules).

use serde_json::{Value, json};

use crate::common::{TestApp, spawn};
use crate::people::*;
use crate::transaction::{bundle, everything, put_entry, statuses};

fn not_this() -> Value {
    json!([{ "url": "http://example.org/fhir/StructureDefinition/not", "valueBoolean": true }])
}

/// Expects an issue with this code at each of these places, and nothing else.
fn refused(answer: &crate::common::Answer, expected: &[(&str, &str)]) {
    let issues = answer.json()["issue"].take();
    let told: Vec<(&str, &str)> = issues
        .as_array()
        .unwrap()
        .iter()
        .filter(|issue| issue["severity"] == "error")
        .map(|issue| {
            (
                issue["code"].as_str().unwrap(),
                issue["expression"][0].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, expected, "{issues}");
}

fn contact(app: &TestApp, version: &str) -> Value {
    orebro(app);
    let mut contact = fast_kontakt("anna", "2", "vc-lakare");
    contact["id"] = json!("k");
    if version == "r4" {
        contact["participant"][0]["role"] = json!([contact["participant"][0]["role"].clone()]);
    }
    contact
}

#[test]
fn an_unknown_modifier_extension_is_refused_wherever_it_stands() {
    for version in ["r5", "r4"] {
        let app = spawn();
        let good = contact(&app, version);
        let path = format!("/fhir/{version}/CareTeam/k");
        let mut bad = good.clone();
        bad["modifierExtension"] = not_this();
        bad["participant"][0]["modifierExtension"] = not_this();
        let places = [
            ("extension", "CareTeam.participant[0].modifierExtension[0]"),
            ("extension", "CareTeam.modifierExtension[0]"),
        ];
        let answer = app.put(&path, &bad).expect(422);
        refused(&answer, &places);
        assert!(!answer.text.contains("example.org"), "{}", answer.text);
        refused(
            &app.post(&format!("/fhir/{version}/CareTeam"), &bad).expect(422),
            &places,
        );
        app.get(&path).expect(404);

        // By no other way in either.
        let validated = app
            .post(&format!("/fhir/{version}/CareTeam/$validate"), &bad)
            .expect(200);
        refused(&validated, &places);
        app.put(&path, &good).expect(201);
        let before = everything(&app);
        let patch = json!([{ "op": "add", "path": "/modifierExtension", "value": not_this() }]);
        refused(&app.patch(&path, &[], &patch).expect(422), &places[1..]);
        let answer = app
            .post(&format!("/fhir/{version}"), &bundle(vec![put_entry(bad.clone())]))
            .expect(422);
        assert_eq!(
            answer.expressions(),
            [
                "Bundle.entry[0].resource.participant[0].modifierExtension[0]",
                "Bundle.entry[0].resource.modifierExtension[0]"
            ]
        );
        let batch = bundle(vec![put_entry(bad)]).merged(&json!({ "type": "batch" }));
        let answer = app.post(&format!("/fhir/{version}"), &batch).expect(200).json();
        assert_eq!(statuses(&answer), ["422 Unprocessable Entity"]);
        assert_eq!(everything(&app), before, "nothing is stored");
    }
}

#[test]
fn unknown_rules_are_refused_and_ordinary_extensions_are_not() {
    let app = spawn();
    for base in ["/fhir/r5", "/fhir/r4"] {
        let path = format!("{base}/Patient/p");
        let rules = json!({ "implicitRules": "http://example.org/rules" });
        let answer = app.put(&path, &patient("p", None).merged(&rules)).expect(422);
        refused(&answer, &[("not-supported", "Patient.implicitRules")]);
        let organization = json!({ "resourceType": "Organization", "id": "o", "name": "Enhet" });
        let contained = json!({
            "contained": [organization.merged(&rules)],
            "managingOrganization": { "reference": "#o" },
        });
        let answer = app.put(&path, &patient("p", None).merged(&contained)).expect(422);
        refused(&answer, &[("not-supported", "Patient.contained[0].implicitRules")]);
        app.get(&path).expect(404);
    }
    let extension = json!({ "extension": not_this() });
    put(&app, &patient("p", None).merged(&extension));
}
