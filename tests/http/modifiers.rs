//! What may turn a resource's meaning round and is not known here is refused, not judged as if it were not there
//! (extensibility.html#modifierExtension, resource.html#implicitRules).

use serde_json::{Value, json};

use crate::bundles::{bundle, everything, put_entry, statuses};
use crate::common::{TestApp, spawn};
use crate::people::*;

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

/// What says what is to be done may be turned round no less than what it is done with.
#[test]
fn a_bundle_with_unknown_modifiers_or_rules_is_not_carried_out() {
    for version in ["r5", "r4"] {
        let app = spawn();
        let base = format!("/fhir/{version}");
        let entry = || {
            json!({
                "fullUrl": "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001",
                "resource": { "resourceType": "Organization", "name": "Enhet" },
                "request": { "method": "POST", "url": "Organization" },
            })
        };
        let with = |place: &str| {
            let mut bundle = bundle(vec![entry(), {
                let mut other = entry();
                other["fullUrl"] = json!("urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000002");
                other
            }]);
            let (at, name) = place.rsplit_once('/').unwrap();
            let value = match name {
                "implicitRules" => json!("http://example.org/rules"),
                _ => not_this(),
            };
            bundle.pointer_mut(at).unwrap()[name] = value;
            bundle
        };
        for (place, code, expression) in [
            ("/implicitRules", "not-supported", "Bundle.implicitRules"),
            (
                "/entry/1/modifierExtension",
                "extension",
                "Bundle.entry[1].modifierExtension[0]",
            ),
            (
                "/entry/1/request/modifierExtension",
                "extension",
                "Bundle.entry[1].request.modifierExtension[0]",
            ),
        ] {
            let before = everything(&app);
            let answer = app.post(&base, &with(place)).expect(422);
            refused(&answer, &[(code, expression)]);
            assert_eq!(everything(&app), before, "{version} {place}: nothing is stored");

            // Of a batch it is the entry's alone, unless the Bundle itself has it.
            let batch = with(place).merged(&json!({ "type": "batch" }));
            if place == "/implicitRules" {
                refused(&app.post(&base, &batch).expect(422), &[(code, expression)]);
                assert_eq!(everything(&app), before, "{version} {place}: nothing is stored");
            } else {
                let answer = app.post(&base, &batch).expect(200).json();
                assert_eq!(statuses(&answer), ["201 Created", "422 Unprocessable Entity"]);
                let told = &answer["entry"][1]["response"]["outcome"]["issue"][0]["expression"][0];
                assert_eq!(told, expression);
            }
        }
        // A link of the Bundle, too, may be said not to be one.
        let mut linked = bundle(vec![entry()]);
        linked["link"] = json!([{ "relation": "self", "url": "http://example.org", "modifierExtension": not_this() }]);
        refused(
            &app.post(&base, &linked).expect(422),
            &[("extension", "Bundle.link[0].modifierExtension[0]")],
        );
        // However many they are, none is carried out.
        let many: Vec<Value> = (0..150)
            .map(|_| {
                let mut entry = entry();
                entry.as_object_mut().unwrap().remove("fullUrl");
                entry["request"]["modifierExtension"] = not_this();
                entry
            })
            .collect();
        let batch = bundle(many).merged(&json!({ "type": "batch" }));
        let answer = app.post(&base, &batch).expect(200).json();
        assert!(
            statuses(&answer)
                .iter()
                .all(|status| *status == "422 Unprocessable Entity")
        );
    }
}

#[test]
fn a_batch_with_more_faults_than_are_told_is_not_carried_out() {
    let app = spawn();
    let before = everything(&app);
    let entry = |_| {
        json!({
            "resource": { "resourceType": "Organization", "name": "Enhet" },
            "request": { "method": "POST", "url": "Organization", "shoeSize": "43" },
        })
    };
    let batch = bundle((0..150).map(entry).collect()).merged(&json!({ "type": "batch" }));
    app.post("/fhir/r5", &batch).expect(400);
    assert_eq!(everything(&app), before);
}

#[test]
fn parameters_with_unknown_modifiers_or_rules_are_not_carried_out() {
    for version in ["r5", "r4"] {
        let app = spawn();
        let base = format!("/fhir/{version}");
        put(&app, &patient("p", None));
        let before = everything(&app);
        let rules = json!({ "implicitRules": "http://example.org/rules" });
        let of = |parameter: Value| json!({ "resourceType": "Parameters", "parameter": [parameter] });
        let ruled = |parameter: Value| of(parameter).merged(&rules);
        let marked = |parameter: Value| of(parameter.merged(&json!({ "modifierExtension": not_this() })));
        let by_rules = [("not-supported", "Parameters.implicitRules")];
        let by_mark = [("extension", "Parameters.parameter[0].modifierExtension[0]")];

        let path = format!("{base}/Patient/p/$everything");
        let asked = json!({ "name": "_count", "valueInteger": 5 });
        refused(&app.post(&path, &ruled(asked.clone())).expect(422), &by_rules);
        refused(&app.post(&path, &marked(asked.clone())).expect(422), &by_mark);
        app.post(&path, &of(asked)).expect(200);

        let path = format!("{base}/Patient/$validate");
        let asked = json!({ "name": "resource", "resource": patient("x", None) });
        refused(&app.post(&path, &ruled(asked.clone())).expect(422), &by_rules);
        refused(&app.post(&path, &marked(asked)).expect(422), &by_mark);
        // What is to be judged is judged: that is the answer, and no refusal.
        let asked = json!({ "name": "resource", "resource": patient("x", None).merged(&rules) });
        refused(
            &app.post(&path, &of(asked)).expect(200),
            &[("not-supported", "Patient.implicitRules")],
        );

        let path = format!("{base}/Patient/p");
        let operation = json!({ "name": "operation", "part": [
            { "name": "type", "valueCode": "replace" },
            { "name": "path", "valueString": "Patient.gender" },
            { "name": "value", "valueCode": "unknown" },
        ] });
        let by_fhirpath = |patch: &Value| app.patch(&path, &[], patch);
        refused(&by_fhirpath(&ruled(operation.clone())).expect(422), &by_rules);
        refused(&by_fhirpath(&marked(operation.clone())).expect(422), &by_mark);
        let in_bundle = |resource: Value| {
            bundle(vec![json!({
                "resource": resource,
                "request": { "method": "PATCH", "url": "Patient/p" },
            })])
        };
        let answer = app.post(&base, &in_bundle(ruled(operation))).expect(422);
        assert_eq!(answer.expressions(), ["Bundle.entry[0].resource.implicitRules"]);
        // A JSON Patch in a Binary.
        let binary = json!({
            "resourceType": "Binary",
            "contentType": "application/json-patch+json",
            "data": "W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6Ii9nZW5kZXIiLCJ2YWx1ZSI6InVua25vd24ifV0=",
        });
        let answer = app.post(&base, &in_bundle(binary.merged(&rules))).expect(422);
        assert_eq!(answer.expressions(), ["Bundle.entry[0].resource.implicitRules"]);
        assert_eq!(everything(&app), before, "{version}: nothing is stored");
    }
}
