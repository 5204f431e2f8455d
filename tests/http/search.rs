//! Search as a portal and a journal system use it: parameters, paging, POST, links that show no number.

use serde_json::{Value, json};

use crate::common::{TestApp, spawn};
use crate::people::*;

fn ids(page: &Value) -> Vec<String> {
    page["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
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

fn anna_has_contacts(app: &TestApp) {
    orebro(app);
    for (id, role, member, start, end) in [
        ("a", "1", "vc-skoterska", "2025-01-01", Some("2025-06-30")),
        ("b", "1", "vc-skoterska", "2026-01-01", None),
        ("c", "2", "vc-lakare", "2026-02-01", None),
    ] {
        let mut contact = fast_kontakt("anna", role, member);
        contact["id"] = json!(id);
        contact["period"] = json!({ "start": start });
        if let Some(end) = end {
            contact["period"]["end"] = json!(end);
            contact["status"] = json!("inactive");
        }
        put(app, &contact);
    }
}

#[test]
fn the_parameters_of_the_main_job() {
    let app = spawn();
    anna_has_contacts(&app);
    for (query, expected) in [
        ("patient=Patient/anna", vec!["a", "b", "c"]),
        ("patient=anna&status=active", vec!["b", "c"]),
        ("subject=Patient/anna&status=inactive", vec!["a"]),
        ("subject=Patient/anna&status=active,inactive", vec!["a", "b", "c"]),
        ("patient=nobody", vec![]),
        ("_id=b,c", vec!["b", "c"]),
        ("participant=PractitionerRole/vc-lakare", vec!["c"]),
        ("patient=anna&category=fast-kontakt", vec!["a", "b", "c"]),
        ("patient=anna&category=team", vec![]),
        ("patient=anna&date=le2026-03-10&date=ge2026-03-10", vec!["b", "c"]),
        ("patient=anna&date=2025-03", vec![]),
        ("patient=anna&date=lt2025-02-01", vec!["a"]),
        ("patient=anna&_lastUpdated=gt2020-01-01", vec!["a", "b", "c"]),
        ("patient=anna&_lastUpdated=gt2030-01-01", vec![]),
    ] {
        let page = app.get(&format!("/fhir/r5/CareTeam?{query}")).expect(200).json();
        assert_eq!(page["type"], "searchset");
        let mut found = ids(&page);
        found.sort();
        assert_eq!(found, expected, "{query}");
        let mut in_r4 = ids(&app.get(&format!("/fhir/r4/CareTeam?{query}")).expect(200).json());
        in_r4.sort();
        assert_eq!(in_r4, expected, "{query} in R4");
    }
}

#[test]
fn equivalent_identifier_systems_find_each_other() {
    let app = spawn();
    put(&app, &patient("anna", Some("195009072553")));
    for token in ["195009072553", "urn:oid:1.2.752.129.2.1.3.1|195009072553"] {
        let token = form_urlencoded::byte_serialize(token.as_bytes()).collect::<String>();
        let page = app
            .get(&format!("/fhir/r5/Patient?identifier={token}"))
            .expect(200)
            .json();
        assert_eq!(ids(&page), ["anna"]);
    }
}

#[test]
fn pages_neither_skip_nor_repeat_while_others_write() {
    let app = spawn();
    for number in 0..25 {
        put(&app, &patient(&format!("p{number:02}"), None));
    }
    let mut next = Some("/fhir/r5/Patient?_count=7".to_owned());
    let mut found = Vec::new();
    while let Some(path) = next {
        let page = app.get(&path).expect(200).json();
        found.extend(ids(&page));
        next = link(&app, &page, "next");
        put(&app, &patient(&format!("later{}", found.len()), None));
    }
    found.retain(|id| id.starts_with('p'));
    found.sort();
    assert_eq!(found, (0..25).map(|number| format!("p{number:02}")).collect::<Vec<_>>());
}

#[test]
fn a_search_by_post_shows_its_number_in_no_address() {
    let app = spawn();
    for id in ["anna", "anna-again"] {
        put(&app, &patient(id, Some("195009072553")));
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = b"identifier=http%3A%2F%2Felectronichealth.se%2Fidentifier%2Fpersonnummer%7C195009072553&_count=1";
    let page = app
        .send("POST", "/fhir/r5/Patient/_search", &form, Some(body))
        .expect(200)
        .json();
    assert!(!page["link"].to_string().contains("9072553"), "{}", page["link"]);
    let first = ids(&page);
    let next = link(&app, &page, "next").expect("a second page");
    let second = ids(&app.get(&next).expect(200).json());
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    assert_eq!(
        ids(&app.get(&link(&app, &page, "self").unwrap()).expect(200).json()),
        first
    );
    app.get("/fhir/r5/Patient?_sealed=AAAA").expect(400);
    app.send(
        "POST",
        "/fhir/r5/Patient/_search",
        &[("Content-Type", "text/plain")],
        Some(body),
    )
    .expect(415);
}

#[test]
fn what_is_not_known_is_refused_unless_the_caller_is_lenient() {
    let app = spawn();
    put(&app, &patient("p", None));
    let answer = app.get("/fhir/r5/Patient?favourite=1").expect(400);
    assert!(answer.text.contains("favourite"), "{}", answer.text);
    app.get("/fhir/r5/Patient?favourite=").expect(400);
    app.get("/fhir/r5/Patient?identifier:fuzzy=1").expect(400);
    app.get("/fhir/r5/Patient?_page=zz").expect(400);
    app.get("/fhir/r5/Patient?_count=many").expect(400);
    app.get("/fhir/r5/CareTeam?date=yesterday").expect(400);
    let lenient = [("Prefer", "handling=lenient")];
    let page = app
        .send("GET", "/fhir/r5/Patient?favourite=1&_id=p", &lenient, None)
        .expect(200)
        .json();
    assert_eq!(page["entry"][0]["resource"]["id"], "p");
    assert_eq!(page["entry"][1]["search"]["mode"], "outcome");
    assert!(!link(&app, &page, "self").unwrap().contains("favourite"));
}

#[test]
fn a_lenient_search_leaves_out_a_chain_through_what_is_no_reference() {
    let app = spawn();
    put(&app, &patient("p", None));
    let lenient = [("Prefer", "handling=lenient")];
    for version in ["r5", "r4"] {
        let path = format!("/fhir/{version}/Patient?name.x=1");
        app.get(&path).expect(400);
        let page = app.send("GET", &path, &lenient, None).expect(200).json();
        assert_eq!(page["entry"][0]["resource"]["id"], "p");
        assert_eq!(page["entry"][1]["search"]["mode"], "outcome");
        assert!(!link(&app, &page, "self").unwrap().contains("name"));
        let path = format!("/fhir/{version}/Patient?_elements=name,foo");
        let refused = app.send("GET", &path, &[("Accept-Language", "en")], None).expect(400);
        assert!(refused.text.contains("no element foo"), "{}", refused.text);
        let page = app.send("GET", &path, &lenient, None).expect(200).json();
        assert_eq!(page["entry"][0]["resource"]["id"], "p");
    }
}

#[test]
fn types_that_are_asked_for_twice_have_none_in_common() {
    let app = spawn();
    let english = [("Accept-Language", "en")];
    let text = |query: &str| {
        app.send("GET", &format!("/fhir/r5?{query}"), &english, None)
            .expect(400)
            .text
    };
    let none = text("_type=Patient&_type=CareTeam");
    assert!(none.contains("no types in common"), "{none}");
    let unknown = text("_type=Patient&_type=Foo");
    assert!(unknown.contains("Foo is no resource type"), "{unknown}");
    app.get("/fhir/r5?_type=Patient,CareTeam&_type=CareTeam").expect(200);
}

#[test]
fn what_cannot_be_sorted_by_says_so() {
    let app = spawn();
    for version in ["r5", "r4"] {
        let statement = app.get(&format!("/fhir/{version}/metadata")).expect(200).json();
        let resources = statement["rest"][0]["resource"].as_array().unwrap();
        let team = resources.iter().find(|it| it["type"] == "CareTeam").unwrap();
        for parameter in team["searchParam"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            let refuses = parameter["documentation"]
                .as_str()
                .is_some_and(|text| text.contains("Not for _sort"));
            let status = app.get(&format!("/fhir/{version}/CareTeam?_sort={name}")).status;
            assert_eq!(status, if refuses { 400 } else { 200 }, "{name}");
            assert_eq!(refuses, ["care-unit", "care-giver"].contains(&name), "{name}");
        }
        let named = team["searchParam"].as_array().unwrap();
        let profile = named.iter().find(|it| it["name"] == "_profile").unwrap();
        // As HL7 has it: a uri in R4, a reference in R5.
        assert_eq!(profile["type"], if version == "r4" { "uri" } else { "reference" });
    }
}

#[test]
fn totals_are_told_when_asked_for() {
    let app = spawn();
    put(&app, &patient("p", None));
    put(&app, &patient("q", None));
    assert!(app.get("/fhir/r5/Patient").expect(200).json().get("total").is_none());
    assert_eq!(
        app.get("/fhir/r5/Patient?_total=accurate&_count=1").expect(200).json()["total"],
        2
    );
    let count = app.get("/fhir/r5/Patient?_summary=count").expect(200).json();
    assert_eq!(count["total"], 2);
    assert!(count.get("entry").is_none());
}

#[test]
fn a_deleted_resource_is_not_found_and_a_changed_one_is_found_anew() {
    let app = spawn();
    anna_has_contacts(&app);
    let mut contact = app.get("/fhir/r5/CareTeam/b").expect(200).json();
    contact["status"] = json!("inactive");
    put(&app, &contact);
    assert_eq!(
        ids(&app
            .get("/fhir/r5/CareTeam?patient=anna&status=active")
            .expect(200)
            .json()),
        ["c"]
    );
    app.delete("/fhir/r5/CareTeam/c").expect(204);
    assert!(
        ids(&app
            .get("/fhir/r5/CareTeam?patient=anna&status=active")
            .expect(200)
            .json())
        .is_empty()
    );
}

#[test]
fn an_index_made_by_an_older_table_is_made_anew_at_start() {
    use fastkontakt::door::reindex::reindex_if_older;
    use fastkontakt::fhir::types::ResourceType;
    use fastkontakt::store::{Keeping, StoreError};

    let app = spawn();
    anna_has_contacts(&app);
    let emptied = app.door.store.write_blocking(|session| {
        session.reindex(ResourceType::CareTeam, "b", &[], &Keeping::default())?;
        session.set_meta("index-version", "0")?;
        Ok::<(), StoreError>(())
    });
    emptied.unwrap();
    let active = || {
        ids(&app
            .get("/fhir/r5/CareTeam?patient=anna&status=active")
            .expect(200)
            .json())
    };
    assert_eq!(active(), ["c"]);
    assert!(reindex_if_older(&app.door.store).unwrap() > 3);
    let mut found = active();
    found.sort();
    assert_eq!(found, ["b", "c"]);
    assert_eq!(reindex_if_older(&app.door.store).unwrap(), 0, "done once");
}
