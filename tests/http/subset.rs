//! `_summary` and `_elements`: a part of each resource, marked so that nobody stores it for the whole.

use fastkontakt::fhir::fault::IssueCode;
use fastkontakt::fhir::structure::check;
use fastkontakt::fhir::version::FhirVersion;
use serde_json::{Value, json};

use crate::common::{TestApp, spawn};
use crate::people::*;

fn members(resource: &Value) -> Vec<&str> {
    let all = resource.as_object().unwrap().keys().map(String::as_str);
    let mut own: Vec<&str> = all
        .filter(|name| !["resourceType", "id", "meta"].contains(name))
        .collect();
    own.sort_unstable();
    own
}

fn is_marked(resource: &Value) -> bool {
    let tags = resource["meta"]["tag"].as_array();
    let system = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
    tags.into_iter()
        .flatten()
        .any(|tag| tag["code"] == "SUBSETTED" && tag["system"] == system)
}

fn world(app: &TestApp) {
    orebro(app);
    put(
        app,
        &fast_kontakt("anna", "1", "vc-skoterska").merged(&json!({
            "id": "k",
            "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">k</div>" },
            "note": [{ "text": "Ring på förmiddagen" }],
            "telecom": [{ "system": "phone", "value": "019-000000" }],
        })),
    );
}

#[test]
fn every_form_in_both_versions_on_read_search_and_history() {
    let app = spawn();
    world(&app);
    for (form, expected) in [
        (
            "_summary=true",
            vec!["category", "participant", "period", "status", "subject"],
        ),
        ("_summary=text", vec!["text"]),
        (
            "_summary=data",
            vec![
                "category",
                "note",
                "participant",
                "period",
                "status",
                "subject",
                "telecom",
            ],
        ),
        ("_elements=note,status", vec!["note", "status"]),
        ("_elements=CareTeam.note", vec!["note"]),
        ("_elements=note&_elements=period", vec!["note", "period"]),
    ] {
        for (version, fhir) in [("r5", FhirVersion::R5), ("r4", FhirVersion::R4)] {
            let read = app.get(&format!("/fhir/{version}/CareTeam/k?{form}")).expect(200);
            assert_eq!(read.header("etag"), Some("W/\"1\""));
            let part = read.json();
            assert_eq!(members(&part), expected, "{version} {form}");
            assert!(is_marked(&part), "{version} {form}");
            let faults = check(fhir, "CareTeam", &part);
            assert!(faults.is_empty(), "{version} {form}: {faults:?}");
            for path in [
                "CareTeam/k/_history/1",
                "CareTeam?_id=k",
                "CareTeam/k/_history",
                "CareTeam/_history",
            ] {
                let sign = if path.contains('?') { '&' } else { '?' };
                let found = app
                    .get(&format!("/fhir/{version}/{path}{sign}{form}"))
                    .expect(200)
                    .json();
                let shown = found.pointer("/entry/0/resource").unwrap_or(&found);
                assert_eq!(*shown, part, "{version} {path} {form}");
            }
        }
    }
    for version in ["r5", "r4"] {
        let whole = app.get(&format!("/fhir/{version}/CareTeam/k")).expect(200).text;
        let same = app
            .get(&format!("/fhir/{version}/CareTeam/k?_summary=false"))
            .expect(200);
        assert_eq!(same.text, whole);
    }
}

#[test]
fn a_summary_is_well_formed_whatever_it_is_of() {
    let app = spawn();
    world(&app);
    for (version, fhir) in [("r5", FhirVersion::R5), ("r4", FhirVersion::R4)] {
        for form in ["_summary=true", "_summary=text", "_summary=data"] {
            let page = app.get(&format!("/fhir/{version}/_history?{form}")).expect(200).json();
            for entry in page["entry"].as_array().unwrap() {
                let resource = &entry["resource"];
                let faults = check(fhir, resource["resourceType"].as_str().unwrap(), resource);
                // Rules over several elements (a name or an identifier) are not for the part that has neither.
                let of_elements = faults.iter().filter(|fault| fault.code != IssueCode::Invariant);
                assert_eq!(
                    (of_elements.count(), is_marked(resource)),
                    (0, true),
                    "{faults:?} {resource}"
                );
            }
        }
    }
}

#[test]
fn the_list_of_elements_is_for_the_matches_unless_it_names_the_type() {
    let app = spawn();
    world(&app);
    let shown = |elements: &str| {
        let path = format!("/fhir/r5/CareTeam?_id=k&_include=CareTeam:subject&_elements={elements}");
        let page = app.get(&path).expect(200).json();
        let of = |index: usize| page["entry"][index]["resource"].clone();
        (of(0), of(1))
    };
    let (team, anna) = shown("status");
    assert_eq!((members(&team), is_marked(&team)), (vec!["status"], true));
    assert_eq!((members(&anna), is_marked(&anna)), (vec!["identifier", "name"], false));
    let (team, anna) = shown("status,Patient.name");
    assert_eq!(members(&team), ["status"]);
    assert_eq!((members(&anna), is_marked(&anna)), (vec!["name"], true));
}

#[test]
fn what_is_no_form_or_element_is_refused() {
    let app = spawn();
    world(&app);
    for wrong in [
        "_summary=much",
        "_elements=nothing",
        "_elements=participant.role",
        "_elements=CareTeam.participant.role",
        "_elements=Observation.status",
        "_elements=status,",
        "_summary=true&_elements=status",
    ] {
        for path in ["CareTeam/k?", "CareTeam?_id=k&", "CareTeam/_history?", "_history?"] {
            app.get(&format!("/fhir/r5/{path}{wrong}")).expect(400);
        }
    }
    // Only a search can be counted.
    app.get("/fhir/r5/CareTeam/k?_summary=count").expect(400);
    let lenient = [("Prefer", "handling=lenient")];
    let page = app
        .send("GET", "/fhir/r5/CareTeam?_id=k&_elements=nothing", &lenient, None)
        .expect(200)
        .json();
    assert!(page["entry"][0]["resource"].get("participant").is_some());
    assert_eq!(page["entry"][1]["search"]["mode"], "outcome");
}

#[test]
fn a_part_that_is_sent_back_is_refused() {
    let app = spawn();
    world(&app);
    for version in ["r5", "r4"] {
        let whole = app.get(&format!("/fhir/{version}/CareTeam/k")).expect(200).json();
        let part = app
            .get(&format!("/fhir/{version}/CareTeam/k?_elements=status"))
            .expect(200)
            .json();
        let refused = app.put(&format!("/fhir/{version}/CareTeam/k"), &part).expect(400);
        assert_eq!(outcome(&refused)["issue"][0]["code"], "business-rule");
        assert_eq!(refused.expressions(), ["CareTeam.meta.tag[0]"]);
        app.post(&format!("/fhir/{version}/CareTeam"), &part).expect(400);
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            { "resource": part, "request": { "method": "PUT", "url": "CareTeam/k" } },
        ] });
        let refused = app.post(&format!("/fhir/{version}"), &bundle).expect(400);
        assert_eq!(refused.expressions(), ["Bundle.entry[0].resource.meta.tag[0]"]);
        assert_eq!(
            app.get(&format!("/fhir/{version}/CareTeam/k")).expect(200).json(),
            whole
        );
    }
}

#[test]
fn the_links_of_a_history_keep_how_it_is_shown() {
    let app = spawn();
    world(&app);
    let page = app
        .get("/fhir/r5/_history?_count=2&_elements=CareTeam.status&_pretty=true")
        .expect(200)
        .json();
    for link in page["link"].as_array().unwrap() {
        let url = link["url"].as_str().unwrap();
        assert!(
            url.contains("_elements=CareTeam.status") && url.contains("_pretty=true"),
            "{url}"
        );
    }
}
