//! The service's own definitions are read and searched like any resource, and written by nobody.

use crate::common::spawn;
use fastkontakt::fhir::types::DefinitionType;
use serde_json::Value;

fn ids(bundle: &Value) -> Vec<&str> {
    let entries = bundle["entry"].as_array().map_or(&[][..], Vec::as_slice);
    entries
        .iter()
        .filter_map(|entry| entry["resource"]["id"].as_str())
        .collect()
}

#[test]
fn every_definition_of_a_search_is_read_in_both_versions() {
    let app = spawn();
    for (version, number) in [("r5", "5.0.0"), ("r4", "4.0.1")] {
        for kind in DefinitionType::ALL {
            let bundle = app.get(&format!("/fhir/{version}/{kind}")).expect(200).json();
            let found = ids(&bundle);
            assert_eq!(bundle["total"].as_u64(), Some(found.len() as u64));
            assert!(!found.is_empty());
            for id in found {
                let read = app.get(&format!("/fhir/{version}/{kind}/{id}")).expect(200);
                let definition = read.json();
                assert_eq!(definition["id"], id);
                if *kind == DefinitionType::StructureDefinition {
                    assert_eq!(definition["fhirVersion"], number);
                }
            }
        }
    }
}

#[test]
fn a_definition_is_found_by_its_canonical_name_type_and_status() {
    let app = spawn();
    let found = |query: &str| {
        let bundle = app.get(&format!("/fhir/r5/{query}")).expect(200).json();
        ids(&bundle).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let url = "https://w3id.org/fastkontakt/StructureDefinition/fast-kontakt";
    assert_eq!(found(&format!("StructureDefinition?url={url}")), ["fast-kontakt"]);
    assert_eq!(
        found(&format!(
            "StructureDefinition?url={url}&status=active&version={}",
            env!("CARGO_PKG_VERSION")
        )),
        ["fast-kontakt"]
    );
    assert_eq!(found("StructureDefinition?type=CareTeam"), ["fast-kontakt", "team"]);
    assert_eq!(found("CodeSystem?_id=riktlinje,anledning"), ["anledning", "riktlinje"]);
    assert_eq!(found("CodeSystem?name=plant"), ["plantyp"]);
    assert_eq!(found("CodeSystem?name:contains=TYP&name:exact=Plantyp"), ["plantyp"]);
    assert_eq!(found("SearchParameter?base=CarePlan&type=date"), ["CarePlan-created"]);
    assert_eq!(found("SearchParameter?code=care-unit"), ["CareTeam-care-unit"]);
    assert_eq!(found("CodeSystem?status=draft"), Vec::<String>::new());
    let posted = app.send(
        "POST",
        "/fhir/r5/CodeSystem/_search",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        Some(b"_id=riktlinje"),
    );
    assert_eq!(ids(&posted.expect(200).json()), ["riktlinje"]);
}

#[test]
fn pages_of_definitions_neither_skip_nor_repeat() {
    let app = spawn();
    let all = app.get("/fhir/r4/CodeSystem").expect(200).json();
    let mut seen = Vec::new();
    let mut next = Some("/fhir/r4/CodeSystem?_count=4".to_owned());
    while let Some(path) = next {
        let page = app.get(&path).expect(200).json();
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let links = page["link"].as_array().cloned().unwrap_or_default();
        let link = links.iter().find(|link| link["relation"] == "next");
        next = link.map(|link| link["url"].as_str().unwrap_or_default().replace(&app.base, ""));
    }
    assert_eq!(seen, ids(&all));
}

#[test]
fn what_is_not_known_or_not_offered_is_refused() {
    let app = spawn();
    for (path, status) in [
        ("/fhir/r5/CodeSystem?unknown=1", 400),
        ("/fhir/r5/CodeSystem?type=CareTeam", 400),
        ("/fhir/r5/CodeSystem?url:below=x", 400),
        ("/fhir/r5/CodeSystem?_count=x", 400),
        ("/fhir/r5/CodeSystem?_page=x", 400),
        ("/fhir/r5/CodeSystem/nothing", 404),
        ("/fhir/r6/CodeSystem/riktlinje", 404),
        ("/fhir/r5/ConceptMap", 404),
    ] {
        let answer = app.get(path).expect(status);
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{path}");
    }
    let headers = [("Content-Type", "application/fhir+json")];
    for (method, path) in [
        ("PUT", "/fhir/r5/CodeSystem/riktlinje"),
        ("DELETE", "/fhir/r4/StructureDefinition/team"),
        ("POST", "/fhir/r5/ValueSet"),
    ] {
        let answer = app.send(method, path, &headers, Some(b"{}")).expect(405);
        assert_eq!(answer.header("Allow"), Some("GET, HEAD"), "{method} {path}");
    }
    let lenient = app.send(
        "GET",
        "/fhir/r5/CodeSystem?unknown=1&_id=riktlinje",
        &[("Prefer", "handling=lenient")],
        None,
    );
    let bundle = lenient.expect(200).json();
    assert_eq!(bundle["entry"][1]["search"]["mode"], "outcome");
    assert!(
        !bundle["link"][0]["url"]
            .as_str()
            .unwrap_or_default()
            .contains("unknown")
    );
}

#[test]
fn a_reader_who_has_the_definition_already_gets_304() {
    let app = spawn();
    let path = "/fhir/r5/CodeSystem/riktlinje";
    let first = app.get(path).expect(200);
    let etag = first.header("ETag").expect("an ETag").to_owned();
    let again = app.send("GET", path, &[("If-None-Match", &etag)], None).expect(304);
    assert_eq!(again.text, "");
    app.send("GET", path, &[("If-None-Match", "W/\"1\"")], None).expect(200);
    let other = app.get("/fhir/r4/CodeSystem/anledning").expect(200);
    assert_ne!(other.header("ETag"), Some(etag.as_str()));
}

/// DOK-08 names the questions of a region; they are there to be answered.
#[test]
fn the_eight_questions_are_a_questionnaire_like_any_other() {
    let app = spawn();
    let canonical = "https://w3id.org/fastkontakt/Questionnaire/gavleborg-atta-fragor";
    let policy = app.door.policies.by_name("region-gavleborg").expect("the policy");
    assert_eq!(policy.parameters.fragor.as_deref(), Some(canonical));
    for version in ["r5", "r4"] {
        let questions = app
            .get(&format!("/fhir/{version}/Questionnaire/gavleborg-atta-fragor"))
            .expect(200)
            .json();
        assert_eq!(questions["url"], canonical);
        assert_eq!(questions["item"].as_array().map(Vec::len), Some(8));
        let found = app
            .get(&format!("/fhir/{version}/Questionnaire?url={canonical}"))
            .expect(200)
            .json();
        assert_eq!(ids(&found), ["gavleborg-atta-fragor"]);
    }
}

#[test]
fn the_page_of_the_rules_is_served() {
    let app = spawn();
    let page = app.get("/riktlinje").expect(200);
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.text.contains("id=\"FVK-01\""));
    assert!(!page.text.contains("http://") && !page.text.contains("src="));
}
