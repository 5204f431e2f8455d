//! What comes with a search's matches: `_include`, `_revinclude`, `:iterate`, and how a page of them is written.

use serde_json::{Value, json};

use crate::common::{TestApp, is_the_services_provenance, spawn};
use crate::people::*;

/// `Type/id` of each entry with its mode.
fn entries(page: &Value) -> Vec<(String, String)> {
    page["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| !is_the_services_provenance(&entry["resource"]))
        .map(|entry| {
            let resource = &entry["resource"];
            let name = match resource["id"].as_str() {
                Some(id) => format!("{}/{id}", resource["resourceType"].as_str().unwrap()),
                None => resource["resourceType"].as_str().unwrap().to_owned(),
            };
            (entry["search"]["mode"].as_str().unwrap().to_owned(), name)
        })
        .collect()
}

fn included(page: &Value) -> Vec<String> {
    let mut names: Vec<String> = entries(page)
        .into_iter()
        .filter(|(mode, _)| mode == "include")
        .map(|(_, name)| name)
        .collect();
    names.sort();
    names
}

fn link(page: &Value, relation: &str) -> Option<String> {
    let links = page["link"].as_array()?;
    let found = links.iter().find(|link| link["relation"] == relation)?;
    Some(found["url"].as_str()?.to_owned())
}

/// Anna with a contact and a plan that names it; a plan under an earlier one.
fn world(app: &TestApp) {
    orebro(app);
    put(
        app,
        &fast_kontakt("anna", "1", "vc-skoterska").merged(&json!({ "id": "kontakten" })),
    );
    put(app, &plan("overgripande", &json!({})));
    put(
        app,
        &plan(
            "planen",
            &json!({
                "careTeam": [{ "reference": "CareTeam/kontakten" }, { "reference": "CareTeam/saknas" }],
                "partOf": [{ "reference": "CarePlan/overgripande" }],
            }),
        ),
    );
    put(
        app,
        &json!({
            "resourceType": "Provenance", "id": "harkomst", "recorded": "2026-03-01T10:00:00Z",
            "target": [{ "reference": "CarePlan/planen" }],
            "agent": [{ "who": { "reference": "PractitionerRole/vc-skoterska" } }],
        }),
    );
}

fn plan(id: &str, more: &Value) -> Value {
    json!({
        "resourceType": "CarePlan", "id": id, "status": "draft", "intent": "plan",
        "subject": { "reference": "Patient/anna" },
    })
    .merged(more)
}

#[test]
fn what_the_matches_refer_to_comes_with_them() {
    let app = spawn();
    world(&app);
    for (query, expected) in [
        (
            "CarePlan?_id=planen&_include=CarePlan:care-team",
            vec!["CareTeam/kontakten"],
        ),
        (
            "CarePlan?_id=planen&_include=CarePlan:care-team:CareTeam",
            vec!["CareTeam/kontakten"],
        ),
        ("CarePlan?_id=planen&_include=CarePlan:subject:Group", vec![]),
        ("CarePlan?_id=planen&_include=CareTeam:participant", vec![]),
        (
            "CarePlan?_id=planen&_include=CarePlan:*",
            vec!["CarePlan/overgripande", "CareTeam/kontakten", "Patient/anna"],
        ),
        (
            "CarePlan?_id=planen&_include=*",
            vec!["CarePlan/overgripande", "CareTeam/kontakten", "Patient/anna"],
        ),
        (
            "CareTeam?patient=anna&_include=CareTeam:participant:PractitionerRole",
            vec!["PractitionerRole/vc-skoterska"],
        ),
        (
            "CareTeam?patient=anna&_include=CareTeam:participant:Practitioner",
            vec![],
        ),
        (
            "CareTeam?patient=anna&_include=CareTeam:participant&_include:iterate=PractitionerRole:practitioner",
            vec!["Practitioner/vc-skoterska", "PractitionerRole/vc-skoterska"],
        ),
        // Without :iterate what is included leads no further.
        (
            "CareTeam?patient=anna&_include=CareTeam:participant&_include=PractitionerRole:practitioner",
            vec!["PractitionerRole/vc-skoterska"],
        ),
        (
            "CareTeam?_id=kontakten&_revinclude=CarePlan:care-team",
            vec!["CarePlan/planen"],
        ),
        (
            "CareTeam?_id=kontakten&_revinclude=CarePlan:care-team&_revinclude:iterate=Provenance:target",
            vec!["CarePlan/planen", "Provenance/harkomst"],
        ),
        (
            "CarePlan?_id=planen&_revinclude=Provenance:target",
            vec!["Provenance/harkomst"],
        ),
        ("CarePlan?_id=overgripande&_revinclude=Provenance:target", vec![]),
        (
            "CarePlan?_id=planen&_revinclude=*&_include=*",
            vec![
                "CarePlan/overgripande",
                "CareTeam/kontakten",
                "Patient/anna",
                "Provenance/harkomst",
            ],
        ),
    ] {
        for version in ["r5", "r4"] {
            let page = app.get(&format!("/fhir/{version}/{query}")).expect(200).json();
            assert_eq!(included(&page), expected, "{version} {query}");
            let matches = entries(&page).len() - expected.len();
            assert_eq!(matches, 1, "{version} {query}");
        }
    }
}

#[test]
fn a_circle_ends_and_a_match_is_no_include() {
    let app = spawn();
    orebro(&app);
    let part = |id: &str, of: &str| {
        let part_of = json!({ "partOf": { "reference": format!("Organization/{of}") } });
        unit(id, "SE2321000164-0002").merged(&part_of)
    };
    for resource in [part("a", "b"), part("b", "c"), part("c", "a")] {
        put(&app, &resource);
    }
    let page = app
        .get("/fhir/r5/Organization?_id=a&_include:iterate=Organization:partof")
        .expect(200)
        .json();
    assert_eq!(included(&page), ["Organization/b", "Organization/c"]);
    let page = app
        .get("/fhir/r4/Organization?_id=a,b&_include=Organization:partof&_revinclude:iterate=*")
        .expect(200)
        .json();
    let names: Vec<String> = entries(&page).into_iter().map(|(_, name)| name).collect();
    let unique: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "{names:?}");
    assert_eq!(included(&page), ["Organization/c"]);
}

#[test]
fn what_is_deleted_elsewhere_or_inside_is_left_out_and_a_named_version_is_that_version() {
    let app = spawn();
    world(&app);
    app.put(
        "/fhir/r5/CarePlan/overgripande",
        &plan("overgripande", &json!({ "title": "ny" })),
    )
    .expect(200);
    put(
        &app,
        &plan(
            "senare",
            &json!({
                "contained": [{ "resourceType": "CareTeam", "id": "inuti" }],
                "careTeam": [
                    { "reference": "#inuti" },
                    { "reference": "https://annan.example/fhir/r5/CareTeam/kontakten" },
                    { "reference": format!("{}/fhir/r4/CareTeam/kontakten", app.base) },
                ],
                "partOf": [{ "reference": "CarePlan/overgripande/_history/1" }, { "reference": "CarePlan/overgripande/_history/9" }],
            }),
        ),
    );
    let path = "/fhir/r5/CarePlan?_id=senare&_include=CarePlan:care-team&_include=CarePlan:part-of";
    let page = app.get(path).expect(200).json();
    assert_eq!(included(&page), ["CarePlan/overgripande", "CareTeam/kontakten"]);
    let versions: Vec<&Value> = page["entry"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["resource"]["id"] == "overgripande")
        .map(|entry| &entry["resource"]["meta"]["versionId"])
        .collect();
    assert_eq!(versions, ["1"]);
    app.delete("/fhir/r5/CareTeam/kontakten").expect(204);
    app.delete("/fhir/r5/CarePlan/overgripande").expect(204);
    assert_eq!(included(&app.get(path).expect(200).json()), Vec::<String>::new());
}

#[test]
fn a_questionnaire_comes_by_its_address() {
    let app = spawn();
    put(&app, &patient("anna", None));
    let questions = |id: &str, version: &str| json!({ "resourceType": "Questionnaire", "id": id, "url": "https://example.org/q", "version": version, "status": "active" });
    put(&app, &questions("q1", "1"));
    put(&app, &questions("q2", "2"));
    let answers = |id: &str, questionnaire: &str| {
        json!({
            "resourceType": "QuestionnaireResponse", "id": id, "status": "completed",
            "questionnaire": questionnaire, "subject": { "reference": "Patient/anna" },
        })
    };
    put(&app, &answers("a1", "https://example.org/q|1"));
    put(&app, &answers("a", "https://example.org/q"));
    for version in ["r5", "r4"] {
        let page = |query: &str| included(&app.get(&format!("/fhir/{version}/{query}")).expect(200).json());
        let include = "_include=QuestionnaireResponse:questionnaire";
        assert_eq!(
            page(&format!("QuestionnaireResponse?_id=a1&{include}")),
            ["Questionnaire/q1"]
        );
        assert_eq!(
            page(&format!("QuestionnaireResponse?_id=a&{include}")),
            ["Questionnaire/q2"]
        );
        let back = "_revinclude=QuestionnaireResponse:questionnaire";
        assert_eq!(
            page(&format!("Questionnaire?_id=q1&{back}")),
            ["QuestionnaireResponse/a", "QuestionnaireResponse/a1"]
        );
        assert_eq!(
            page(&format!("Questionnaire?_id=q2&{back}")),
            ["QuestionnaireResponse/a"]
        );
    }
}

#[test]
fn includes_belong_to_their_page_and_are_not_counted() {
    let app = spawn();
    orebro(&app);
    for number in 0..5 {
        let member = ["vc-skoterska", "vc-lakare"][number % 2];
        let contact = fast_kontakt("anna", "1", member).merged(&json!({
            "id": format!("k{number}"), "status": "inactive",
            "period": { "start": format!("2025-0{}-01", number + 1), "end": format!("2025-0{}-20", number + 1) },
        }));
        put(&app, &contact);
    }
    let mut next = Some("/fhir/r5/CareTeam?patient=anna&_count=2&_total=accurate&_include=*&_format=json".to_owned());
    let (mut matches, mut pages) = (Vec::new(), 0);
    while let Some(path) = next {
        let page = app.get(&path).expect(200).json();
        assert_eq!(page["total"], 5);
        let here: Vec<String> = entries(&page)
            .into_iter()
            .filter(|(mode, _)| mode == "match")
            .map(|(_, name)| name)
            .collect();
        let members = if here.len() == 2 { 2 } else { 1 };
        assert_eq!(included(&page).len(), 1 + members, "{page}");
        matches.extend(here);
        pages += 1;
        for relation in ["self", "first"] {
            let url = link(&page, relation).unwrap();
            assert!(url.contains("_include=*") && url.contains("_format=json"), "{url}");
            assert_eq!(url.contains("_page="), relation == "self" && pages > 1, "{url}");
        }
        next = link(&page, "next").map(|url| url.trim_start_matches(app.base.as_str()).to_owned());
    }
    assert_eq!((pages, matches.len()), (3, 5));
    for query in ["_count=0", "_summary=count"] {
        let page = app
            .get(&format!("/fhir/r5/CareTeam?patient=anna&_include=*&{query}"))
            .expect(200)
            .json();
        assert_eq!((page["total"].as_i64(), page.get("entry")), (Some(5), None));
        assert_eq!(link(&page, "next"), None);
    }
}

#[test]
fn an_include_that_is_none_is_refused_or_told() {
    let app = spawn();
    put(&app, &patient("p", None));
    for wrong in [
        "_include=Patient:nothing",
        "_include=Patient",
        "_include=Observation:subject",
        "_include:recurse=Patient:link",
        "_revinclude=CareTeam:status",
        "_revinclude=CareTeam:subject:Organization",
        "_include=Patient:link&_summary=text",
    ] {
        for version in ["r5", "r4"] {
            app.get(&format!("/fhir/{version}/Patient?{wrong}")).expect(400);
        }
    }
    let lenient = [("Prefer", "handling=lenient")];
    let page = app
        .send("GET", "/fhir/r5/Patient?_include=Patient:nothing", &lenient, None)
        .expect(200)
        .json();
    assert_eq!(entries(&page)[1].0, "outcome");
    assert!(!link(&page, "self").unwrap().contains("_include"));
}

#[test]
fn a_page_that_cannot_hold_all_says_so() {
    let app = spawn();
    orebro(&app);
    let store = &app.door.store;
    let written = store.write_blocking(|session| {
        for number in 0..1100 {
            let id = format!("u{number}");
            let body =
                json!({ "resourceType": "Organization", "id": id, "partOf": { "reference": "Organization/vc" } });
            let kind = fastkontakt::fhir::types::ResourceType::Organization;
            let index = fastkontakt::fhir::search::index(kind, &body);
            session.put(&fastkontakt::store::NewVersion {
                kind,
                id: &id,
                version: 1,
                last_updated: jiff::Timestamp::now(),
                deleted: false,
                patient: None,
                body: &body.to_string(),
                index: &index,
                caller: "test",
                request_id: "r",
                interaction: "update",
            })?;
        }
        Ok::<(), fastkontakt::store::StoreError>(())
    });
    written.unwrap();
    let page = app
        .get("/fhir/r5/Organization?_id=vc&_revinclude=Organization:partof")
        .expect(200)
        .json();
    assert_eq!(included(&page).len(), 1000);
    assert_eq!(
        entries(&page).last(),
        Some(&("outcome".to_owned(), "OperationOutcome".to_owned()))
    );
}

#[test]
fn a_search_by_post_keeps_its_includes_and_its_looks_in_sealed_links() {
    let app = spawn();
    world(&app);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = b"patient=anna&_count=1&_include=CarePlan:subject&_pretty=true&_elements=title";
    let answer = app
        .send("POST", "/fhir/r5/CarePlan/_search", &form, Some(body))
        .expect(200);
    assert!(answer.text.contains("\n  \"resourceType\""));
    let next = link(&answer.json(), "next").unwrap();
    let second = app.get(next.trim_start_matches(app.base.as_str())).expect(200);
    assert!(second.text.contains("\n  \"resourceType\""));
    assert_eq!(included(&second.json()), ["Patient/anna"]);
    let names: Vec<String> = second.json()["entry"][0]["resource"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert!(!names.contains(&"careTeam".to_owned()), "{names:?}");
    let body = b"patient=anna&_format=xml";
    app.send("POST", "/fhir/r5/CarePlan/_search", &form, Some(body))
        .expect(406);
}
