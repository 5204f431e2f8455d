//! Habits of real clients that no specification tells (tests/clients runs the clients themselves).

use serde_json::{Value, json};

use crate::common::{Answer, spawn};

const SYSTEM: &str = "https://example.se/id/klient";

/// fhirpy's `patch` and `save(fields=…)` send the members that are to change, as plain JSON.
#[test]
fn members_sent_as_plain_json_are_a_merge_patch() {
    let app = spawn();
    for base in ["/fhir/r5", "/fhir/r4"] {
        let body = json!({ "resourceType": "Patient", "gender": "female", "birthDate": "1950-09-07", "active": true });
        let created = app.post(&format!("{base}/Patient"), &body).expect(201).json();
        let path = format!("{base}/Patient/{}", created["id"].as_str().unwrap());
        let patch = |content_type: &str, headers: &[(&str, &str)], body: &str| {
            let mut all = vec![("Content-Type", content_type)];
            all.extend_from_slice(headers);
            app.send("PATCH", &path, &all, Some(body.as_bytes()))
        };
        let members = r#"{ "gender": "male", "birthDate": null }"#;
        for content_type in ["application/json", "application/merge-patch+json"] {
            let patched = patch(content_type, &[], members).expect(200).json();
            assert_eq!((&patched["gender"], &patched["active"]), (&json!("male"), &json!(true)));
            assert!(patched.get("birthDate").is_none());
        }
        patch("application/json", &[("If-Match", "W/\"1\"")], members).expect(412);
        patch("application/json", &[], r#"{ "shoeSize": 43 }"#).expect(400);
        patch("application/json", &[], r#"{ "id": "another" }"#).expect(400);
        let list = r#" [{ "op": "replace", "path": "/gender", "value": "unknown" }]"#;
        for content_type in ["application/json", "application/json-patch+json"] {
            let patched = patch(content_type, &[], list).expect(200).json();
            assert_eq!(patched["gender"], "unknown", "{content_type}");
        }
        patch("application/json", &[], "[1]").expect(400);
        patch("application/fhir+json", &[], list).expect(400);
        // FHIR JSON that is no Parameters resource is no patch.
        patch("application/fhir+json", &[], members).expect(400);
        let parameters = json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": [
            { "name": "type", "valueCode": "replace" },
            { "name": "path", "valueString": "Patient.gender" },
            { "name": "value", "valueCode": "other" },
        ] }] });
        let patched = patch("application/json", &[], &parameters.to_string())
            .expect(200)
            .json();
        assert_eq!(patched["gender"], "other");
    }
}

/// fhirpy's `elements` asks for `resourceType` too, its `count` names a parameter of its own server's.
#[test]
fn elements_and_counts_as_fhirpy_asks_for_them() {
    let app = spawn();
    for number in 0..3 {
        let body =
            json!({ "resourceType": "Patient", "gender": "female", "name": [{ "family": format!("Prov{number}") }] });
        app.post("/fhir/r5/Patient", &body).expect(201);
    }
    for base in ["/fhir/r5", "/fhir/r4"] {
        let search = |query: &str| app.get(&format!("{base}/Patient?{query}"));
        let found = search("_elements=name,id,resourceType").expect(200).json();
        let first = &found["entry"][0]["resource"];
        assert_eq!(first["resourceType"], "Patient");
        assert!(first["name"].is_array() && first.get("gender").is_none(), "{first}");
        search("_elements=resourceTyp").expect(400);
        let counted = search("_count=0&_totalMethod=count").expect(200).json();
        assert_eq!((&counted["total"], counted.get("entry")), (&json!(3), None));
        search("_totalMethod=estimate&_count=1").expect(200);
        search("_totalMethod=").expect(200);
        search("_totalMethod=x").expect(400);
        for kind in ["AuditEvent", "StructureDefinition"] {
            let path = format!("{base}/{kind}?_count=0&_totalMethod=count");
            let counted = app.get(&path).expect(200).json();
            assert!(counted["total"].as_i64().unwrap() > 2, "{path}: {counted}");
        }
        // A page of the same search, whatever is said of the total.
        let first = search("_count=2&_totalMethod=count").expect(200).json();
        let next = first["link"]
            .as_array()
            .unwrap()
            .iter()
            .find(|link| link["relation"] == "next");
        let next = next.unwrap()["url"]
            .as_str()
            .unwrap()
            .replace("_totalMethod=count", "_total=none");
        let last = app
            .get(next.strip_prefix(app.base.as_str()).unwrap())
            .expect(200)
            .json();
        assert_eq!(last["entry"].as_array().unwrap().len(), 1);
        // The links tell what was done.
        let many = search("_count=5000&gender=female").expect(200).json();
        let itself = many["link"][0]["url"].as_str().unwrap();
        assert!(itself.ends_with("?_count=1000&gender=female"), "{itself}");
    }
}

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

/// The same address means the same in an entry, of a transaction and of a batch.
#[test]
fn criteria_in_the_address_of_a_create_mean_the_same_in_an_entry() {
    for (kind, version) in [
        ("transaction", "r5"),
        ("transaction", "r4"),
        ("batch", "r5"),
        ("batch", "r4"),
    ] {
        let app = spawn();
        let send = |value: &str, more: Value| {
            let body = json!({ "resourceType": "Patient", "identifier": [{ "system": SYSTEM, "value": value }] });
            let mut request = json!({ "method": "POST", "url": format!("Patient?identifier={SYSTEM}|{value}") });
            request
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let entry = json!({ "resource": body, "request": request });
            app.post(
                &format!("/fhir/{version}"),
                &json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] }),
            )
        };
        let status = |answer: Answer| answer.expect(200).json()["entry"][0]["response"]["status"].take();
        assert_eq!(status(send("a", json!({}))), "201 Created", "{kind}");
        assert_eq!(status(send("a", json!({}))), "200 OK", "{kind}");
        let count = app.get("/fhir/r5/Patient?_summary=count").expect(200).json()["total"].take();
        assert_eq!(count, 1, "{kind}");
        // How the answer is written is no criterion.
        let plain = json!({ "url": "Patient?_format=json&_pretty=true" });
        assert_eq!(status(send("a", plain)), "201 Created", "{kind}");
        // Two match; criteria in two places; criteria that are none.
        let wrong = [
            (json!({}), 412, "Bundle.entry[0].request.url"),
            (
                json!({ "ifNoneExist": "identifier=1" }),
                400,
                "Bundle.entry[0].request.ifNoneExist",
            ),
            (
                json!({ "url": "Patient?shoesize=43" }),
                400,
                "Bundle.entry[0].request.url",
            ),
        ];
        for (more, expected, place) in wrong {
            let answer = send("a", more.clone());
            if kind == "transaction" {
                assert_eq!(answer.expect(expected).expressions(), [place], "{more}");
            } else {
                let told = status(answer).to_string();
                assert!(told.contains(&expected.to_string()), "{more}: {told}");
            }
        }
    }
}
