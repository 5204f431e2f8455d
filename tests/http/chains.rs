//! Searches that reach other resources, in both versions: chains, `_has`, compartments, several types at once.

use serde_json::{Value, json};

use crate::common::{TestApp, is_the_services_provenance, spawn};
use crate::people::*;

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// What was found, as `Type/id`, sorted.
fn found(page: &Value) -> Vec<String> {
    let mut found = in_order(page);
    found.sort();
    found
}

fn in_order(page: &Value) -> Vec<String> {
    let name = |entry: &Value| {
        let resource = &entry["resource"];
        format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        )
    };
    let entries = page["entry"].as_array().into_iter().flatten();
    entries
        .filter(|entry| entry["search"]["mode"] == "match" && !is_the_services_provenance(&entry["resource"]))
        .map(name)
        .collect()
}

fn link(app: &TestApp, page: &Value, relation: &str) -> Option<String> {
    let links = page["link"].as_array()?;
    let link = links.iter().find(|link| link["relation"] == relation)?;
    Some(
        link["url"]
            .as_str()?
            .strip_prefix(app.base.as_str())
            .expect("a link of the same origin")
            .to_owned(),
    )
}

/// Asks in both versions; both find the same.
fn finds(app: &TestApp, query: &str, expected: &[&str]) {
    for version in ["r5", "r4"] {
        let page = app.get(&format!("/fhir/{version}/{query}")).expect(200).json();
        assert_eq!(page["type"], "searchset");
        assert_eq!(found(&page), expected, "{query} in {version}");
    }
}

/// Anna has two contacts at the vårdcentral, Bo one; a plan rests on Anna's.
fn two_patients(app: &TestApp) {
    orebro(app);
    put(app, &patient("bo", Some("195205172339")));
    for (id, patient, role, member) in [
        ("anna-1", "anna", "1", "vc-skoterska"),
        ("anna-2", "anna", "2", "vc-lakare"),
        ("bo-1", "bo", "1", "vc-lakare"),
    ] {
        let mut contact = fast_kontakt(patient, role, member);
        contact["id"] = json!(id);
        put(app, &contact);
    }
    let stated_by_number = fast_kontakt("anna", "1", "vc-skoterska").merged(&json!({
        "id": "by-number",
        "subject": {
            "type": "Patient",
            "identifier": { "system": "http://electronichealth.se/identifier/personnummer", "value": "195205172339" },
        },
    }));
    put(app, &stated_by_number);
    put(
        app,
        &json!({
            "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan",
            "subject": { "reference": "Patient/anna" },
            "careTeam": [{ "reference": "CareTeam/anna-1" }, { "reference": "CareTeam/anna-2" }],
        }),
    );
    put(
        app,
        &json!({
            "resourceType": "Task", "id": "task", "status": "requested", "intent": "order",
            "for": { "reference": "Patient/anna" },
        }),
    );
}

#[test]
fn a_chain_asks_the_resource_that_a_reference_leads_to() {
    let app = spawn();
    two_patients(&app);
    for (query, expected) in [
        (
            "CareTeam?patient.identifier=195009072553",
            &["CareTeam/anna-1", "CareTeam/anna-2"][..],
        ),
        (
            "CareTeam?patient.identifier=urn:oid:1.2.752.129.2.1.3.1|195009072553&status=active",
            &["CareTeam/anna-1", "CareTeam/anna-2"],
        ),
        (
            "CareTeam?subject:Patient.identifier=195009072553&participant=PractitionerRole/vc-lakare",
            &["CareTeam/anna-2"],
        ),
        // A chain goes to the resource; what a subject says itself is asked by :identifier.
        ("CareTeam?patient.identifier=195205172339", &["CareTeam/bo-1"]),
        ("CareTeam?patient:identifier=195205172339", &["CareTeam/by-number"]),
        ("CareTeam?subject._id=bo", &["CareTeam/bo-1"]),
        ("CareTeam?patient._lastUpdated=lt2000-01-01", &[]),
        ("CareTeam?patient.identifier:missing=true", &[]),
        ("CareTeam?patient.identifier:not=195009072553", &["CareTeam/bo-1"]),
        (
            "CareTeam?participant:PractitionerRole.organization.identifier=SE2321000164-0001&patient=bo",
            &["CareTeam/bo-1"],
        ),
        (
            "CareTeam?participant.organization.identifier=SE2321000164-0001&patient=bo",
            &["CareTeam/bo-1"],
        ),
        (
            "CarePlan?care-team.participant=PractitionerRole/vc-lakare",
            &["CarePlan/plan"],
        ),
        (
            "CarePlan?care-team.participant:PractitionerRole.practitioner=vc-lakare-2",
            &[],
        ),
        ("CarePlan?care-team.patient.identifier=195009072553", &["CarePlan/plan"]),
        (
            "Patient?_has:CareTeam:patient:participant=PractitionerRole/vc-lakare",
            &["Patient/anna", "Patient/bo"],
        ),
        (
            "Patient?_has:CareTeam:patient:participant=PractitionerRole/vc-skoterska",
            &["Patient/anna"],
        ),
        (
            "Patient?_has:CarePlan:subject:status=active,draft&_has:CareTeam:patient:status=active",
            &["Patient/anna"],
        ),
        (
            "Practitioner?_has:PractitionerRole:practitioner:_has:CareTeam:participant:patient=Patient/bo",
            &["Practitioner/vc-lakare"],
        ),
        (
            "CareTeam?patient.name=pROV&participant.organization.name:exact=Testv%C3%A5rdcentralen&patient=bo",
            &["CareTeam/bo-1"],
        ),
        ("CarePlan?care-team.role=2", &["CarePlan/plan"]),
        ("CarePlan?care-team.care-unit=SE2321000164-0001", &["CarePlan/plan"]),
        (
            "Patient?_has:CareTeam:patient:care-unit=SE2321000164-0001",
            &["Patient/anna", "Patient/bo"],
        ),
        ("Patient?_has:CareTeam:patient:care-unit:not=SE2321000164-0001", &[]),
        (
            "CareTeam?patient._has:CarePlan:patient:status=active&participant=vc-lakare",
            &["CareTeam/anna-2"],
        ),
        (
            "CareTeam?_has:CarePlan:care-team:patient.identifier=195009072553",
            &["CareTeam/anna-1", "CareTeam/anna-2"],
        ),
    ] {
        finds(&app, query, expected);
    }
    // A resource that is deleted is at the end of no chain.
    app.delete("/fhir/r5/CarePlan/plan").expect(204);
    finds(&app, "Patient?_has:CarePlan:subject:status=active", &[]);
}

/// Asked for without a system, one who has a number in several is found by each of them, and told once: in two systems, which is
/// looked up before the search, and in twelve, which is left to the search itself.
#[test]
fn one_who_has_a_number_in_several_systems_is_one() {
    let app = spawn();
    two_patients(&app);
    for (id, number, systems) in [("cilla", "prov-2", 2), ("dag", "prov-12", 12)] {
        let identifier = |system| json!({ "system": format!("https://example.org/{system}"), "value": number });
        let mut resource = patient(id, None);
        resource["identifier"] = (0..systems).map(identifier).collect();
        put(&app, &resource);
        let mut contact = fast_kontakt(id, "1", "vc-skoterska");
        contact["id"] = json!(format!("{id}-1"));
        put(&app, &contact);
        let query = format!("CareTeam?patient.identifier={number}&_total=accurate");
        finds(&app, &query, &[&format!("CareTeam/{id}-1")]);
        assert_eq!(app.get(&format!("/fhir/r5/{query}")).json()["total"], 1);
    }
}

#[test]
fn what_cannot_be_followed_is_refused_by_name() {
    let app = spawn();
    for (query, told, code) in [
        ("CareTeam?patient.colour=1", "patient.colour", "not-supported"),
        ("CareTeam?status.identifier=1", "status", "not-supported"),
        (
            "CareTeam?subject:Group.identifier=1",
            "subject:Group.identifier",
            "not-supported",
        ),
        ("CareTeam?subject:Location.identifier=1", ":Location", "not-supported"),
        (
            "Patient?_has:CareTeam:status:identifier=1",
            "_has:CareTeam:status",
            "not-supported",
        ),
        (
            "Patient?_has:Observation:patient:code=1",
            "_has:Observation",
            "not-supported",
        ),
        (
            "Organization?partof.partof.partof.partof.partof.identifier=1",
            "4",
            "too-costly",
        ),
        ("?_type=CareTeam,Hus", "Hus", "value"),
        ("?_type=CareTeam,StructureDefinition", "StructureDefinition", "value"),
        ("?_type=CareTeam,Patient&participant=1", "participant", "not-supported"),
        ("?status=active", "status", "not-supported"),
        ("Patient/anna/*?_type=Organization", "Organization", "value"),
        ("CareTeam?_type=CareTeam", "_type", "not-supported"),
        ("Patient/anna/CareTeam?colour=1", "colour", "not-supported"),
    ] {
        for version in ["r5", "r4"] {
            let answer = app.get(&format!("/fhir/{version}/{query}")).expect(400);
            let outcome = outcome(&answer);
            assert_eq!(outcome["issue"][0]["code"], code, "{query}: {outcome}");
            assert!(answer.text.contains(told), "{query}: {outcome}");
        }
    }
    let lenient = [("Prefer", "handling=lenient")];
    let page = app
        .send(
            "GET",
            "/fhir/r5?_type=CareTeam,Patient&participant=1&patient.colour=1&_id=x",
            &lenient,
            None,
        )
        .expect(200)
        .json();
    let own = link(&app, &page, "self").unwrap();
    assert!(
        own.contains("_type=") && own.contains("_id=x") && !own.contains("participant"),
        "{own}"
    );
    assert_eq!(page["entry"][0]["search"]["mode"], "outcome");
}

#[test]
fn a_number_in_a_chain_by_post_stands_in_no_address() {
    let app = spawn();
    two_patients(&app);
    for (path, expected) in [
        ("CareTeam/_search", 2),
        ("_search", 3),
        ("Patient/anna/CareTeam/_search", 2),
        ("Patient/anna/_search", 3),
    ] {
        let types = if path.contains("CareTeam") {
            ""
        } else {
            "&_type=CareTeam,CarePlan"
        };
        let body = format!("patient.identifier=195009072553&_count=1{types}");
        let mut page = app
            .send("POST", &format!("/fhir/r5/{path}"), &[FORM], Some(body.as_bytes()))
            .expect(200)
            .json();
        let mut all = found(&page);
        while let Some(next) = link(&app, &page, "next") {
            assert!(!page["link"].to_string().contains("9072553"), "{}", page["link"]);
            page = app.get(&next).expect(200).json();
            all.extend(found(&page));
        }
        assert_eq!(all.len(), expected, "{path}: {all:?}");
    }
    app.send(
        "POST",
        "/fhir/r5/_search",
        &[("Content-Type", "text/plain")],
        Some(b"_id=1"),
    )
    .expect(415);
}

#[test]
fn a_compartment_holds_what_belongs_to_its_owner() {
    let app = spawn();
    two_patients(&app);
    for (query, expected) in [
        ("Patient/anna/CareTeam", &["CareTeam/anna-1", "CareTeam/anna-2"][..]),
        (
            "Patient/anna/CareTeam?status=active&participant.organization=vc&_sort=_id",
            &["CareTeam/anna-1", "CareTeam/anna-2"],
        ),
        ("Patient/bo/CarePlan", &[]),
        ("Patient/bo/*", &["CareTeam/bo-1", "Patient/bo"]),
        (
            "Patient/anna/*?_type=CarePlan,CareTeam",
            &["CarePlan/plan", "CareTeam/anna-1", "CareTeam/anna-2"],
        ),
        ("Patient/nobody/CareTeam", &[]),
        (
            "Practitioner/vc-lakare/*",
            &["Practitioner/vc-lakare", "PractitionerRole/vc-lakare"],
        ),
        ("RelatedPerson/nobody/*", &[]),
        ("Encounter/nobody/CarePlan", &[]),
    ] {
        finds(&app, query, expected);
    }
    // A Task lies in a patient's compartment in R5 only.
    let tasks = app.get("/fhir/r5/Patient/anna/Task").expect(200).json();
    assert_eq!(found(&tasks), ["Task/task"]);
    for path in [
        "r4/Patient/anna/Task",
        "r5/Patient/anna/Organization",
        "r5/Patient/anna/Hus",
        "r5/Patient/an%20na/CareTeam",
        "r5/Organization/vc/CareTeam",
        "r5/Device/1/CareTeam",
        "r6/Patient/anna/CareTeam",
    ] {
        app.get(&format!("/fhir/{path}")).expect(404);
    }
    let page = app.get("/fhir/r5/Patient/anna/*?_count=2").expect(200).json();
    assert!(
        link(&app, &page, "next")
            .unwrap()
            .starts_with("/fhir/r5/Patient/anna/*?")
    );
    app.send("HEAD", "/fhir/r5/Patient/anna/CareTeam", &[], None)
        .expect(200);
    app.send("PUT", "/fhir/r5/Patient/anna/CareTeam", &[], None).expect(405);
}

#[test]
fn a_search_over_several_types_is_one_list() {
    let app = spawn();
    two_patients(&app);
    finds(
        &app,
        "?_type=CareTeam,CarePlan&patient=anna",
        &["CarePlan/plan", "CareTeam/anna-1", "CareTeam/anna-2"],
    );
    finds(&app, "?_type=Patient&_id=bo", &["Patient/bo"]);
    finds(
        &app,
        "?_id=vc-lakare",
        &["Practitioner/vc-lakare", "PractitionerRole/vc-lakare"],
    );
    finds(
        &app,
        "?_type=CareTeam,CarePlan&patient.identifier=195205172339",
        &["CareTeam/bo-1"],
    );
    let count = app.get("/fhir/r5?_summary=count").expect(200).json();
    let everything = app.get("/fhir/r5/?_count=1000").expect(200).json();
    assert_eq!(count["total"], everything["entry"].as_array().unwrap().len());
    assert_eq!(in_order(&everything)[0], "Task/task", "newest first");

    // Pages go on over the types while others write.
    for (order, backwards) in [("", true), ("&_sort=_lastUpdated", false)] {
        let before = in_order(&app.get(&format!("/fhir/r5?_count=1000{order}")).expect(200).json());
        let mut next = Some(format!("/fhir/r5?_count=3{order}"));
        let mut seen = Vec::new();
        while let Some(path) = next {
            let page = app.get(&path).expect(200).json();
            seen.extend(in_order(&page));
            next = link(&app, &page, "next");
            if backwards {
                put(&app, &patient(&format!("later{}", seen.len()), None));
            }
        }
        assert_eq!(seen, before);
    }
    app.get("/fhir/r5?_page=00").expect(400);
    app.send("HEAD", "/fhir/r4", &[], None).expect(200);
    app.send("DELETE", "/fhir/r4", &[], None).expect(405);
}

#[test]
fn the_capability_statement_names_compartments_and_what_is_common() {
    use fastkontakt::fhir::search::compartments::COMPARTMENTS;
    let app = spawn();
    for version in ["r5", "r4"] {
        let statement = app.get(&format!("/fhir/{version}/metadata")).expect(200).json();
        let rest = &statement["rest"][0];
        let named: Vec<&str> = rest["compartment"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(named.len(), COMPARTMENTS.len());
        for owner in COMPARTMENTS {
            let name = owner.name();
            assert!(
                named
                    .iter()
                    .any(|url| url.to_lowercase().ends_with(&format!("/{}", name.to_lowercase())))
            );
            app.get(&format!("/fhir/{version}/{name}/1/*")).expect(200);
        }
        for parameter in rest["searchParam"].as_array().unwrap() {
            let (name, value) = match parameter["name"].as_str().unwrap() {
                "_has" => ("_has:Provenance:target:agent", "Practitioner/1"),
                "_type" => ("_type", "CareTeam"),
                "_lastUpdated" => ("_lastUpdated", "2026"),
                "_profile" => ("_profile", "https://profil.example/a"),
                name => (name, "x"),
            };
            app.get(&format!("/fhir/{version}?{name}={value}")).expect(200);
        }
    }
}

/// A canonical may be the address under which the questions are stored here.
#[test]
fn a_canonical_may_be_the_place_where_the_questions_are() {
    let app = spawn();
    put(&app, &patient("p", None));
    for (id, version) in [("q", Some("1")), ("r", None)] {
        let mut questions =
            json!({ "resourceType": "Questionnaire", "id": id, "status": "active", "title": format!("Om {id}") });
        if let Some(version) = version {
            questions = questions.merged(&json!({ "url": "https://exempel.se/q", "version": version }));
        }
        put(&app, &questions);
    }
    for (id, canonical) in [
        ("of-q", format!("{}/fhir/r5/Questionnaire/q", app.base)),
        ("of-q-1", format!("{}/fhir/r4/Questionnaire/q|1", app.base)),
        ("of-q-2", format!("{}/fhir/r4/Questionnaire/q|2", app.base)),
        ("of-r", format!("{}/fhir/r4/Questionnaire/r#1", app.base)),
        ("of-url", "https://exempel.se/q".to_owned()),
        ("elsewhere", "https://annan.se/fhir/r5/Questionnaire/q".to_owned()),
    ] {
        put(
            &app,
            &json!({
                "resourceType": "QuestionnaireResponse", "id": id, "status": "completed", "questionnaire": canonical,
                "subject": { "reference": "Patient/p" },
            }),
        );
    }
    let [of_q, of_q_1, of_r, of_url] =
        ["of-q", "of-q-1", "of-r", "of-url"].map(|id| format!("QuestionnaireResponse/{id}"));
    finds(
        &app,
        "QuestionnaireResponse?questionnaire.title=om%20q",
        &[&of_q, &of_q_1, &of_url],
    );
    finds(&app, "QuestionnaireResponse?questionnaire.title=om%20r", &[&of_r]);
    finds(
        &app,
        "QuestionnaireResponse?patient=Patient/p&questionnaire.title=om%20q&_id=of-q,of-r",
        &[&of_q],
    );
    let all = ["Questionnaire/q", "Questionnaire/r"];
    finds(
        &app,
        "Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed",
        &all,
    );
    finds(
        &app,
        "Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=of-r",
        &all[1..],
    );
    finds(
        &app,
        "Questionnaire?title=om&_has:QuestionnaireResponse:questionnaire:_id=of-q-1",
        &all[..1],
    );
    for version in ["r5", "r4"] {
        let comes_along = |query: &str| {
            let page = app.get(&format!("/fhir/{version}/{query}")).expect(200).json();
            let entries = page["entry"].as_array().unwrap().iter();
            let along = entries.filter(|entry| entry["search"]["mode"] == "include");
            let mut along: Vec<String> = along
                .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
                .collect();
            along.sort();
            along
        };
        let by = "_include=QuestionnaireResponse:questionnaire";
        assert_eq!(
            comes_along(&format!("QuestionnaireResponse?_id=of-q,of-r&{by}")),
            ["q", "r"]
        );
        assert_eq!(
            comes_along(&format!("QuestionnaireResponse?_id=of-q-2,elsewhere&{by}")),
            [""; 0]
        );
        assert_eq!(
            comes_along("Questionnaire?_id=q&_revinclude=QuestionnaireResponse:questionnaire"),
            ["of-q", "of-q-1", "of-url"]
        );
        assert_eq!(comes_along("Patient/p/$everything"), ["q", "r"]);
    }
}

/// Along canonicals: to the questions of the version that is stated, of any when none is.
#[test]
fn answers_are_found_by_their_questions_and_questions_by_their_answers() {
    let app = spawn();
    orebro(&app);
    for (id, version, title) in [("q1", "1", "Sömn"), ("q2", "2", "Smärta")] {
        put(
            &app,
            &json!({
                "resourceType": "Questionnaire", "id": id, "status": "active", "url": "https://exempel.se/q",
                "version": version, "title": title,
            }),
        );
    }
    for (id, canonical, status) in [
        ("of-1", "https://exempel.se/q|1", "completed"),
        ("of-2", "https://exempel.se/q|2", "in-progress"),
        ("of-any", "https://exempel.se/q", "amended"),
        ("of-3", "https://exempel.se/q|3", "completed"),
        ("of-other", "https://exempel.se/qq|1", "completed"),
    ] {
        put(
            &app,
            &json!({
                "resourceType": "QuestionnaireResponse", "id": id, "status": status, "questionnaire": canonical,
                "subject": { "reference": "Patient/anna" },
            }),
        );
    }
    let [of_1, of_2, of_any] = ["of-1", "of-2", "of-any"].map(|id| format!("QuestionnaireResponse/{id}"));
    for (query, expected) in [
        ("QuestionnaireResponse?questionnaire.title=somn", vec![&of_1, &of_any]),
        (
            "QuestionnaireResponse?questionnaire:Questionnaire.version=2",
            vec![&of_2, &of_any],
        ),
        (
            "QuestionnaireResponse?questionnaire.title:contains=s&status=in-progress",
            vec![&of_2],
        ),
        (
            "QuestionnaireResponse?patient=Patient/anna&questionnaire.title=sm",
            vec![&of_2, &of_any],
        ),
        ("QuestionnaireResponse?questionnaire.title=x", vec![]),
        ("QuestionnaireResponse?questionnaire.status:not=active", vec![]),
    ] {
        let expected: Vec<&str> = expected.into_iter().map(String::as_str).collect();
        finds(&app, query, &expected);
    }
    for (query, expected) in [
        (
            "Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed",
            &["Questionnaire/q1"][..],
        ),
        (
            "Questionnaire?_has:QuestionnaireResponse:questionnaire:status=in-progress",
            &["Questionnaire/q2"],
        ),
        (
            "Questionnaire?_has:QuestionnaireResponse:questionnaire:status=amended",
            &["Questionnaire/q1", "Questionnaire/q2"],
        ),
        (
            "Questionnaire?title=sm&_has:QuestionnaireResponse:questionnaire:patient.identifier:missing=false",
            &["Questionnaire/q2"],
        ),
    ] {
        finds(&app, query, expected);
    }
    // What is deleted is named by nothing.
    app.delete("/fhir/r5/Questionnaire/q1").expect(204);
    finds(&app, "QuestionnaireResponse?questionnaire.title=somn", &[]);
    app.get("/fhir/r5/Questionnaire?_has:Patient:questionnaire:active=true")
        .expect(400);
    app.get("/fhir/r5/QuestionnaireResponse?questionnaire:Patient.name=x")
        .expect(400);
}
