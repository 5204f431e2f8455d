//! The CapabilityStatement tells exactly what is there.

use crate::common::spawn;
use crate::people::{patient, put};
use fastkontakt::api::capability_statement;
use fastkontakt::fhir::version::FhirVersion;

#[test]
fn the_capability_statement_is_served_in_both_versions() {
    let app = spawn();
    for (version, number) in [("r5", "5.0.0"), ("r4", "4.0.1")] {
        let statement = app.get(&format!("/fhir/{version}/metadata")).expect(200).json();
        assert_eq!(statement["fhirVersion"], number);
        assert_eq!(
            statement["implementation"]["url"],
            format!("{}/fhir/{version}", app.base)
        );
    }
}

#[test]
fn every_search_parameter_it_names_is_answered() {
    let app = spawn();
    put(&app, &patient("p", None));
    for version in ["r5", "r4"] {
        let statement = app.get(&format!("/fhir/{version}/metadata")).expect(200).json();
        for resource in statement["rest"][0]["resource"].as_array().unwrap() {
            let kind = resource["type"].as_str().unwrap();
            for parameter in resource["searchParam"].as_array().unwrap() {
                let name = parameter["name"].as_str().unwrap();
                let value = match parameter["type"].as_str().unwrap() {
                    "date" => "2026",
                    "quantity" => "5.4",
                    "reference" | "uri" => "https://example.org/Patient/1",
                    "composite" if name == "location-period" => "Location/1$2026",
                    "composite" => "a$5",
                    _ => "true",
                };
                app.get(&format!("/fhir/{version}/{kind}?{name}={value}")).expect(200);
            }
            // What it says of all types each of them has; `_type` and `_has` are of those that are stored.
            for parameter in statement["rest"][0]["searchParam"].as_array().unwrap() {
                let name = parameter["name"].as_str().unwrap();
                if !["_type", "_has"].contains(&name) {
                    app.get(&format!("/fhir/{version}/{kind}?{name}=x")).expect(200);
                }
            }
        }
    }
}

#[test]
fn capability_statement_snapshot() {
    for version in FhirVersion::ALL {
        let mut statement = capability_statement(version, "http://localhost/fhir", false);
        statement["software"]["version"] = "x".into();
        insta::assert_json_snapshot!(format!("capability_statement_{version}"), statement);
    }
}
