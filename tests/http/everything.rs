//! `Patient/[id]/$everything`: all that is held about a patient, nothing of anybody else's, in pages.

use std::collections::BTreeSet;

use fastkontakt::fhir::structure::check;
use fastkontakt::fhir::version::FhirVersion;
use serde_json::{Value, json};

use crate::common::{TestApp, is_the_services_provenance, spawn};
use crate::people::*;

/// What stands in a page under a mode, as `Type/id`.
fn of_mode(page: &Value, mode: &str) -> Vec<String> {
    let entries = page["entry"].as_array().into_iter().flatten();
    entries
        .filter(|entry| entry["search"]["mode"] == mode && !is_the_services_provenance(&entry["resource"]))
        .map(|entry| {
            let resource = &entry["resource"];
            format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            )
        })
        .collect()
}

fn link(app: &TestApp, page: &Value, relation: &str) -> Option<String> {
    let links = page["link"].as_array().unwrap();
    let link = links.iter().find(|link| link["relation"] == relation)?;
    Some(
        link["url"]
            .as_str()
            .unwrap()
            .strip_prefix(app.base.as_str())
            .unwrap()
            .to_owned(),
    )
}

/// Anna and Bo: contacts, a shared appointment, a task, a provenance of Anna's; each with a relative.
fn world(app: &TestApp) {
    orebro(app);
    put(app, &patient("bo", Some("196101182803")));
    put(
        app,
        &fast_kontakt("anna", "1", "vc-skoterska").merged(&json!({ "id": "annas" })),
    );
    put(
        app,
        &fast_kontakt("bo", "2", "vc-lakare").merged(&json!({ "id": "bos" })),
    );
    put(
        app,
        &json!({
            "resourceType": "CareTeam", "id": "ended", "status": "inactive",
            "subject": { "reference": "Patient/anna" }, "period": { "start": "2024-01-01", "end": "2024-02-01" },
        }),
    );
    put(
        app,
        &json!({
            "resourceType": "Communication", "id": "till-anna", "status": "completed", "sent": "2026-04-01T09:00:00+02:00",
            "subject": { "reference": "Patient/bo" }, "recipient": [{ "reference": "Patient/anna" }],
        }),
    );
    put(
        app,
        &json!({
            "resourceType": "Task", "id": "uppgift", "status": "requested", "intent": "order",
            "for": { "reference": "Patient/anna" }, "requester": { "reference": "RelatedPerson/bos-anhorig" },
        }),
    );
    for (id, of) in [("annas-anhorig", "anna"), ("bos-anhorig", "bo")] {
        let who = json!({ "reference": format!("Patient/{of}") });
        put(
            app,
            &json!({ "resourceType": "RelatedPerson", "id": id, "patient": who }),
        );
    }
    put(
        app,
        &json!({
            "resourceType": "Provenance", "id": "harkomst", "recorded": "2026-03-01T10:00:00Z",
            "target": [{ "reference": "Patient/anna" }], "agent": [{ "who": { "reference": "Practitioner/vc-lakare-2" } }],
        }),
    );
    for (id, version) in [("fragor-1", "1"), ("fragor-2", "2")] {
        put(
            app,
            &json!({
                "resourceType": "Questionnaire", "id": id, "status": "active",
                "url": "https://exempel.se/fragor", "version": version,
            }),
        );
    }
    put(
        app,
        &json!({
            "resourceType": "QuestionnaireResponse", "id": "svar", "status": "completed",
            "questionnaire": "https://exempel.se/fragor|1", "subject": { "reference": "Patient/anna" },
        }),
    );
}

const ANNAS: [&str; 8] = [
    "CareTeam/annas",
    "CareTeam/ended",
    "Communication/till-anna",
    "Patient/anna",
    "Provenance/harkomst",
    "QuestionnaireResponse/svar",
    "RelatedPerson/annas-anhorig",
    "Task/uppgift",
];
const REFERRED: [&str; 5] = [
    "Organization/vc",
    "Practitioner/vc-lakare-2",
    "Practitioner/vc-skoterska",
    "PractitionerRole/vc-skoterska",
    "Questionnaire/fragor-1",
];

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn all_that_is_held_about_a_patient_and_nothing_about_another() {
    let app = spawn();
    world(&app);
    for (version, fhir) in [("r5", FhirVersion::R5), ("r4", FhirVersion::R4)] {
        let path = format!("/fhir/{version}/Patient/anna/$everything");
        let page = app.get(&path).expect(200).json();
        assert_eq!(page["type"], "searchset");
        assert!(check(fhir, "Bundle", &page).is_empty());
        assert_eq!(of_mode(&page, "match")[0], "Patient/anna");
        assert_eq!(sorted(of_mode(&page, "match")), ANNAS, "{version}");
        assert_eq!(sorted(of_mode(&page, "include")), REFERRED, "{version}");
        assert_eq!(link(&app, &page, "next"), None);
        let posted = app
            .post(&path, &json!({ "resourceType": "Parameters" }))
            .expect(200)
            .json();
        assert_eq!(posted, page);
    }
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let app = spawn();
    world(&app);
    let mut next = Some("/fhir/r5/Patient/anna/$everything?_count=2&_format=json".to_owned());
    let (mut found, mut referred, mut sizes) = (Vec::new(), BTreeSet::new(), Vec::new());
    while let Some(path) = next {
        let page = app.get(&path).expect(200).json();
        let here = of_mode(&page, "match");
        sizes.push(here.len());
        found.extend(here);
        referred.extend(of_mode(&page, "include"));
        assert!(link(&app, &page, "first").unwrap().ends_with("_format=json&_count=2"));
        next = link(&app, &page, "next");
        // What is written meanwhile moves nothing.
        put(&app, &fast_kontakt("anna", "1", "vc-skoterska").merged(&json!({
            "id": format!("senare-{}", found.len()), "status": "inactive", "period": { "start": "2025-01-01", "end": "2025-01-02" },
        })));
        found.retain(|name| !name.contains("senare"));
    }
    assert_eq!(sorted(found), ANNAS);
    assert_eq!(referred.into_iter().collect::<Vec<_>>(), REFERRED);
    assert!(sizes.iter().all(|size| *size <= 2));
    let page = app.get("/fhir/r5/Patient/anna/$everything?_count=2").expect(200).json();
    let token = link(&app, &page, "next").unwrap();
    app.get(&token.replace("/anna/", "/bo/")).expect(400);
}

#[test]
fn types_days_and_changes_narrow_it() {
    let app = spawn();
    world(&app);
    for version in ["r5", "r4"] {
        let matches = |query: &str| {
            let path = format!("/fhir/{version}/Patient/anna/$everything?{query}");
            let page = app.get(&path).expect(200).json();
            (sorted(of_mode(&page, "match")), sorted(of_mode(&page, "include")))
        };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (found, referred) = matches("_type=CareTeam,Observation&_type=Task");
        assert_eq!(found, names(&["CareTeam/annas", "CareTeam/ended", "Task/uppgift"]));
        assert!(referred.is_empty());
        assert_eq!(matches("_type=Observation"), (vec![], vec![]));
        let (found, referred) = matches("_type=Practitioner");
        assert!(found.is_empty());
        assert_eq!(
            referred,
            names(&["Practitioner/vc-lakare-2", "Practitioner/vc-skoterska"])
        );
        let without = |left_out: &[&str]| {
            ANNAS
                .iter()
                .filter(|name| !left_out.contains(name))
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(matches("start=2024-02-02").0, without(&["CareTeam/ended"]));
        assert_eq!(matches("start=2024-02-01").0, without(&[]));
        assert_eq!(
            matches("start=2024&end=2024-12-31").0,
            without(&["CareTeam/annas", "Communication/till-anna"])
        );
        assert_eq!(matches("_since=2999-01-01T00:00:00Z").0, without(&ANNAS));
        assert_eq!(matches("_since=2001-01-01T00:00:00Z").0, without(&[]));
    }
    let asked = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "_type", "valueCode": "CareTeam" },
        { "name": "end", "valueDate": "2024-12-31" },
        { "name": "_count", "valueInteger": 1 },
    ] });
    let page = app.post("/fhir/r5/Patient/anna/$everything", &asked).expect(200).json();
    assert_eq!(of_mode(&page, "match"), ["CareTeam/ended"]);
}

#[test]
fn a_part_of_each_resource_as_in_a_search() {
    let app = spawn();
    world(&app);
    let entry = |page: &Value, kind: &str| {
        let entries = page["entry"].as_array().unwrap().iter();
        let mut resources = entries.map(|entry| &entry["resource"]);
        let found = resources.find(|resource| resource["resourceType"] == kind);
        found.unwrap_or_else(|| panic!("{kind} in {page:#}")).clone()
    };
    let is_part = |resource: &Value| {
        let tags = resource["meta"]["tag"].as_array();
        tags.is_some_and(|tags| tags.iter().any(|tag| tag["code"] == "SUBSETTED"))
    };
    for (version, fhir) in [("r5", FhirVersion::R5), ("r4", FhirVersion::R4)] {
        let path = format!("/fhir/{version}/Patient/anna/$everything");
        let page = app
            .get(&format!("{path}?_elements=status,Practitioner.qualification&_count=3"))
            .expect(200)
            .json();
        assert!(check(fhir, "Bundle", &page).is_empty());
        for (kind, there, gone) in [
            ("CareTeam", "status", "participant"),
            ("Patient", "id", "name"),
            ("Practitioner", "qualification", "name"),
        ] {
            let resource = entry(&page, kind);
            assert!(
                resource.get(there).is_some() && resource.get(gone).is_none(),
                "{version} {resource:#}"
            );
            assert!(is_part(&resource), "{version} {kind}");
        }
        // The elements of what is included are named with their type.
        let unit = entry(&page, "PractitionerRole");
        assert!(
            unit.get("organization").is_some() && !is_part(&unit),
            "{version} {unit:#}"
        );
        let next = link(&app, &page, "next").unwrap();
        assert!(next.contains("_elements=status%2CPractitioner.qualification"), "{next}");
        assert!(is_part(&app.get(&next).expect(200).json()["entry"][0]["resource"]));

        for form in ["true", "text", "data"] {
            let asked =
                json!({ "resourceType": "Parameters", "parameter": [{ "name": "_summary", "valueCode": form }] });
            let page = app.post(&path, &asked).expect(200).json();
            let entries = page["entry"].as_array().unwrap();
            assert!(
                entries.iter().all(|entry| is_part(&entry["resource"])),
                "{version} {form}"
            );
            assert!(check(fhir, "Bundle", &page).is_empty());
        }
        let whole = app.get(&format!("{path}?_summary=false")).expect(200).json();
        assert!(!is_part(&whole["entry"][0]["resource"]));
        for wrong in [
            "_summary=count",
            "_summary=some",
            "_elements=nothing",
            "_summary=true&_elements=status",
        ] {
            app.get(&format!("{path}?{wrong}")).expect(400);
        }
    }
}

#[test]
fn who_is_not_there_and_what_is_not_understood() {
    let app = spawn();
    world(&app);
    for version in ["r5", "r4"] {
        let base = format!("/fhir/{version}/Patient");
        app.get(&format!("{base}/nobody/$everything")).expect(404);
        app.get(&format!("/fhir/{version}/CareTeam/annas/$everything"))
            .expect(404);
        for wrong in [
            "_count=0",
            "_count=x",
            "_type=Nothing",
            "start=yesterday",
            "_since=gt2020",
            "colour=red",
            "_page=00",
        ] {
            app.get(&format!("{base}/anna/$everything?{wrong}")).expect(400);
        }
        app.send("DELETE", &format!("{base}/anna/$everything"), &[], None)
            .expect(405);
    }
    // A patient who is only referred to is nobody.
    put(
        &app,
        &fast_kontakt("okand", "1", "vc-skoterska").merged(&json!({ "id": "okands" })),
    );
    app.get("/fhir/r5/Patient/okand/$everything").expect(404);
    app.delete("/fhir/r5/Patient/bo").expect(204);
    app.get("/fhir/r5/Patient/bo/$everything").expect(410);
}

#[test]
fn what_is_told_of_care_goes_with_the_care() {
    let app = spawn();
    world(&app);
    app.delete("/fhir/r5/Task/uppgift").expect(204);
    for version in ["r5", "r4"] {
        let told = |query: &str| {
            let page = app
                .get(&format!("/fhir/{version}/Patient/anna/$everything?{query}"))
                .expect(200)
                .json();
            let entries = page["entry"].as_array().unwrap().iter();
            let own = entries.filter(|entry| is_the_services_provenance(&entry["resource"]));
            let targets = own.filter_map(|entry| entry["resource"]["target"][0]["reference"].as_str());
            let mut targets: Vec<String> = targets
                .map(|target| target.split("/_history").next().unwrap().to_owned())
                .collect();
            targets.sort_unstable();
            targets.dedup();
            targets
        };
        let everything = told("");
        let without = |left_out: &[&str]| {
            let mut left = everything.clone();
            left.retain(|target| !left_out.contains(&target.as_str()));
            left
        };
        for target in ["CareTeam/ended", "CareTeam/annas", "Patient/anna", "Task/uppgift"] {
            assert!(
                everything.contains(&target.to_owned()),
                "{version} {target}: {everything:?}"
            );
        }
        assert_eq!(told("start=2024-02-02"), without(&["CareTeam/ended", "Task/uppgift"]));
        assert_eq!(
            told("start=2024&end=2024-12-31"),
            without(&["CareTeam/annas", "Communication/till-anna", "Task/uppgift"])
        );
        assert_eq!(told("start=2030&_type=Provenance"), told("start=2030"));
    }
}
