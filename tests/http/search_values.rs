//! The kinds of values a search compares, as a caller sees them, in both versions.

use serde_json::{Value, json};

use crate::common::{TestApp, spawn};
use crate::people::*;

/// The ids a search finds, in order.
fn found(app: &TestApp, search: &str) -> Vec<String> {
    let mut address = "/fhir/".to_owned();
    for byte in search.bytes() {
        match byte {
            b' ' | b'|' | 0x80.. => address.push_str(&format!("%{byte:02X}")),
            _ => address.push(char::from(byte)),
        }
    }
    let page = app.get(&address).expect(200).json();
    let entries = page["entry"].as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
        .collect()
}

/// What each search finds, sorted, in R5 and in R4.
fn in_both(app: &TestApp, searches: &[(&str, &[&str])]) {
    for (search, expected) in searches {
        for version in ["r5", "r4"] {
            let mut ids = found(app, &format!("{version}/{search}"));
            ids.sort();
            assert_eq!(ids, *expected, "{version} {search}");
        }
    }
}

#[test]
fn people_and_units_are_found_by_name_and_address() {
    let app = spawn();
    let named = |id: &str, name: Value, address: Value| json!({"resourceType": "Patient", "id": id, "name": [name], "address": [address]});
    put(
        &app,
        &named(
            "a",
            json!({"family": "Öström-Berg", "given": ["Åsa", "Lena"], "prefix": ["Dr."]}),
            json!({"line": ["Storgatan 3"], "city": "Örebro", "postalCode": "702 10"}),
        ),
    );
    put(
        &app,
        &named(
            "b",
            json!({"text": "Asa Ostrom", "family": "Ostrom"}),
            json!({"text": "c/o Berg, Örebro"}),
        ),
    );
    let mut unit = unit("vc", "SE2321000164-0001");
    unit["alias"] = json!(["Lilla vårdcentralen"]);
    unit["contact"][0]["address"] = json!({"city": "Kumla"});
    put(&app, &unit);
    in_both(
        &app,
        &[
            ("Patient?family=öström", &["a", "b"]),
            ("Patient?family=OSTROM", &["a", "b"]),
            ("Patient?family=ostrom berg", &["a"]),
            ("Patient?family=berg", &[]),
            ("Patient?family:contains=BERG", &["a"]),
            ("Patient?family:exact=Ostrom", &["b"]),
            ("Patient?family:exact=ostrom", &[]),
            ("Patient?given=lena", &["a"]),
            ("Patient?given:missing=true", &["b"]),
            ("Patient?name=dr", &["a"]),
            ("Patient?name=asa", &["a", "b"]),
            ("Patient?name=asa ostrom", &["b"]),
            ("Patient?phonetic=lena,ostrom", &["a", "b"]),
            ("Patient?address=storg", &["a"]),
            ("Patient?address=orebro", &["a"]),
            ("Patient?address:contains=orebro", &["a", "b"]),
            ("Patient?address-city=örebro&address-postalcode=702", &["a"]),
            ("Organization?name=lilla", &["vc"]),
            ("Organization?name=Testv", &["vc"]),
            ("Organization?address=kumla", &["vc"]),
            ("Organization?address-city:exact=Kumla", &["vc"]),
        ],
    );
    // What means nothing once its punctuation is gone is no question, and the name of the value is not shown.
    app.get("/fhir/r5/Patient?name=-").expect(400);
    app.get("/fhir/r5/Patient?name:below=a").expect(400);
}

/// A vårdgivare with a clinic and its unit, staff there, and three contacts that tell their unit in three ways.
fn contacts_of_units(app: &TestApp) {
    orebro(app);
    let mut region = unit("region", "SE2321000164-1000");
    region["identifier"][0]["system"] = json!("urn:oid:1.2.752.29.4.19");
    put(app, &region);
    let mut vc = unit("vc", "SE2321000164-0001");
    vc["partOf"] = json!({"reference": "Organization/region"});
    put(app, &vc);
    for (id, managing) in [
        ("a", None),
        ("b", Some(json!([{"reference": "Organization/vc"}]))),
        (
            "c",
            Some(json!([{"identifier": {"system": "urn:oid:1.2.752.29.4.19", "value": "SE2321000164-0001"}}])),
        ),
    ] {
        put(app, &patient(id, None));
        let mut contact = fast_kontakt(id, "1", "vc-skoterska");
        contact["id"] = json!(id);
        contact["participant"][0]["coveragePeriod"] = json!({"start": "2026-01-01"});
        if let Some(managing) = managing {
            contact["managingOrganization"] = managing;
        }
        if id == "c" {
            // The code system by its object identifier, as the national service contracts have it.
            contact["participant"][0]["role"]["coding"][0]["system"] = json!("urn:oid:1.2.752.129.5.1.69");
        }
        put(app, &contact);
    }
}

#[test]
fn contacts_are_found_by_unit_and_giver_and_role() {
    let app = spawn();
    contacts_of_units(&app);
    in_both(
        &app,
        &[
            ("CareTeam?care-unit=SE2321000164-0001", &["a", "b", "c"]),
            (
                "CareTeam?care-unit=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-0001",
                &["a", "b", "c"],
            ),
            (
                "CareTeam?care-unit=urn:oid:1.2.752.29.4.19|SE2321000164-0001&role=1",
                &["a", "b", "c"],
            ),
            ("CareTeam?care-unit=urn:x|SE2321000164-0001", &[]),
            ("CareTeam?care-unit=SE2321000164-1000", &[]),
            ("CareTeam?care-giver=SE2321000164-1000", &["a", "b", "c"]),
            ("CareTeam?care-giver=SE2321000164-0001", &[]),
            ("CareTeam?care-giver:not=SE2321000164-1000", &[]),
            ("CareTeam?care-unit:missing=true", &[]),
            ("CareTeam?patient=a&care-unit=SE2321000164-0001", &["a"]),
            ("CareTeam?care-unit=SE2321000164-0001&role=2", &[]),
            ("CareTeam?role=urn:oid:1.2.752.129.5.1.69|1", &["a", "b", "c"]),
            (
                "CareTeam?role=https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt|1",
                &["a", "b", "c"],
            ),
            ("CareTeam?participant-start=2026-01-01", &["a", "b", "c"]),
            ("CareTeam?participant-start=gt2026-01-01", &[]),
            ("CareTeam?participant-end:missing=false", &[]),
        ],
    );
    // The unit goes to another vårdgivare: no contact is written, and the search knows.
    put(&app, &unit("private", "SE5560000000-1000"));
    let mut vc = unit("vc", "SE2321000164-0001");
    vc["partOf"] = json!({"reference": "Organization/private"});
    put(&app, &vc);
    in_both(
        &app,
        &[
            ("CareTeam?care-giver=SE2321000164-1000", &[]),
            ("CareTeam?care-giver=SE5560000000-1000", &["a", "b", "c"]),
        ],
    );
}

#[test]
fn plans_are_found_by_author_contributor_and_day() {
    let app = spawn();
    orebro(&app);
    let plan = json!({
        "resourceType": "CarePlan", "id": "p", "status": "active", "intent": "plan",
        "subject": {"reference": "Patient/anna"}, "created": "2026-02-03",
        "custodian": {"reference": "Organization/vc"},
        "contributor": [{"reference": "PractitionerRole/vc-lakare"}],
    });
    put(&app, &plan);
    in_both(
        &app,
        &[
            ("CarePlan?author=Organization/vc", &["p"]),
            ("CarePlan?author=Organization/vc2", &[]),
            ("CarePlan?contributor=PractitionerRole/vc-lakare", &["p"]),
            ("CarePlan?created=2026-02", &["p"]),
            ("CarePlan?created=lt2026-02", &[]),
        ],
    );
}

#[test]
fn pages_sorted_by_name_neither_skip_nor_repeat_and_show_no_name() {
    let app = spawn();
    let mut expected = Vec::new();
    for number in 0..9 {
        let id = format!("p{number}");
        let mut person = patient(&id, None);
        match number {
            8 => {
                person.as_object_mut().unwrap().remove("name");
            }
            _ => person["name"][0]["family"] = json!(format!("Öhemlig{}", (number * 5) % 8)),
        }
        put(&app, &person);
        expected.push(((number * 5) % 8, id));
    }
    // Without a name last.
    let last = expected.pop().unwrap().1;
    expected.sort();
    let mut expected: Vec<String> = expected.into_iter().map(|(_, id)| id).collect();
    for sort in ["family", "-family"] {
        let mut next = Some(format!("/fhir/r5/Patient?_sort={sort},_id&_count=2"));
        let mut found = Vec::new();
        while let Some(address) = next {
            let page = app.get(&address).expect(200).json();
            let links = page["link"].as_array().unwrap().clone();
            assert!(!page["link"].to_string().to_lowercase().contains("hemlig"));
            next = links.iter().find(|link| link["relation"] == "next").map(|link| {
                let url = link["url"].as_str().unwrap().to_owned();
                let token = url.split("_page=").nth(1).unwrap();
                // Nor in the clothes of hexadecimal digits or Base64.
                assert!(
                    !token.contains("68656d6c6967") && !token.contains("aGVtbGln"),
                    "{token}"
                );
                url.strip_prefix(app.base.as_str()).unwrap().to_owned()
            });
            let entries = page["entry"].as_array().unwrap();
            found.extend(
                entries
                    .iter()
                    .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()),
            );
            // Others write meanwhile: behind the page that was read, it is not shown again.
            put(&app, &patient("senare", None));
            found.retain(|id| id != "senare");
        }
        let mut wanted = expected.clone();
        wanted.push(last.clone());
        assert_eq!(found, wanted, "{sort}");
        expected.reverse();
    }
    app.get("/fhir/r5/Patient?_sort=family&_page=00").expect(400);
}

#[test]
fn words_types_and_quantities() {
    let app = spawn();
    put(&app, &patient("anna", None));
    let condition = json!({
        "resourceType": "Condition", "id": "c",
        "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
        "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "84114007", "display": "hjärtsvikt" }], "text": "Svår hjärtsvikt" },
        "identifier": [{
            "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "FILL" }], "text": "Journalnummer" },
            "value": "17",
        }],
        "subject": { "reference": "Patient/anna", "display": "Anna Prov" },
        "onsetAge": { "value": 62.50, "unit": "år", "system": "http://unitsofmeasure.org", "code": "a" },
    });
    put(&app, &condition);
    in_both(
        &app,
        &[
            ("Condition?code:text=HJARTSVIKT", &["c"]),
            ("Condition?code:text=svår", &["c"]),
            ("Condition?code:text=svikt", &[]),
            ("Condition?subject:text=anna", &["c"]),
            ("Condition?patient:text=anna prov", &["c"]),
            ("Condition?identifier:text=journal", &["c"]),
            (
                "Condition?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|FILL|17",
                &["c"],
            ),
            (
                "Condition?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|17",
                &[],
            ),
            ("Condition?onset-age=62.5", &["c"]),
            ("Condition?onset-age=62.50|http://unitsofmeasure.org|a", &["c"]),
            ("Condition?onset-age=62.5||år", &["c"]),
            ("Condition?onset-age=62", &[]),
            ("Condition?onset-age=63", &["c"]),
            ("Condition?onset-age=gt62.5", &[]),
            ("Condition?onset-age=ge62.5&onset-age=lt62.501", &["c"]),
            ("Condition?onset-age=62.5|http://unitsofmeasure.org|mo", &[]),
            ("Condition?onset-age:missing=false&_sort=-onset-age,code", &["c"]),
        ],
    );
    for refused in [
        "code:in=http://x",
        "code:below=84114007",
        "identifier:of-type=FILL|17",
        "onset-age=gammal",
        "onset-age=62|a",
        "onset-age:text=62",
    ] {
        app.get(&format!("/fhir/r5/Condition?{}", refused.replace('|', "%7C")))
            .expect(400);
    }
}

#[test]
fn a_form_is_found_below_an_address() {
    let app = spawn();
    for (id, url) in [
        ("a", "https://exempel.se/formular"),
        ("b", "https://exempel.se/formular/b"),
        ("c", "https://exempel.se/formularet"),
    ] {
        put(
            &app,
            &json!({"resourceType": "Questionnaire", "id": id, "status": "active", "url": url}),
        );
    }
    in_both(
        &app,
        &[
            ("Questionnaire?url:below=https://exempel.se/formular", &["a", "b"]),
            ("Questionnaire?url:below=https://exempel.se/formular/", &["a", "b"]),
            ("Questionnaire?url:above=https://exempel.se/formular/b/c", &["a", "b"]),
            ("Questionnaire?url=https://exempel.se/formular", &["a"]),
        ],
    );
}

#[test]
fn pairs_hold_within_one_element() {
    let app = spawn();
    put(&app, &patient("anna", None));
    let stay = |place: &str, start: &str, end: &str| json!({"location": {"reference": place}, "period": {"start": start, "end": end}});
    let own = format!("{}/fhir/r5/Location/avd-2", app.base);
    put(
        &app,
        &json!({
            "resourceType": "Encounter", "id": "e", "status": "completed", "subject": { "reference": "Patient/anna" },
            "class": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" }] }],
            "location": [stay("Location/avd-1", "2026-03-01", "2026-03-03"), stay(&own, "2026-03-03", "2026-03-09")],
        }),
    );
    for (search, expected) in [
        ("location-period=Location/avd-1$2026-03", true),
        ("location-period=avd-1$ge2026-03-02", true),
        ("location-period=avd-1$ge2026-03-04", false),
        ("location-period=avd-2$ge2026-03-04", true),
        ("location-period=avd-1$ge2026-03-04,avd-2$ge2026-03-04", true),
        ("location-period=avd-3$2026", false),
        ("location=avd-1&location-period=avd-2$sa2026-03-02", true),
    ] {
        let found = found(&app, &format!("r5/Encounter?{search}"));
        assert_eq!(!found.is_empty(), expected, "{search}");
    }
    // In R4 it is a date, of any of the places.
    assert_eq!(found(&app, "r4/Encounter?location-period=ge2026-03-04"), ["e"]);
    app.get("/fhir/r4/Encounter?location-period=avd-1$2026").expect(400);
    app.get("/fhir/r5/Encounter?location-period=ge2026-03-04").expect(400);
    app.get("/fhir/r5/Encounter?location-period:missing=true").expect(400);
    app.get("/fhir/r5/Encounter?_sort=location-period").expect(400);

    let context = |kind: &str, value: Value| json!({ "code": { "system": "http://t", "code": kind } }).merged(&value);
    let concept =
        |code: &str| json!({ "valueCodeableConcept": { "coding": [{ "system": "http://s", "code": code }] } });
    let years = json!({ "valueRange": { "low": { "value": 65, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a" } } });
    put(
        &app,
        &json!({
            "resourceType": "Questionnaire", "id": "q", "status": "active",
            "useContext": [context("focus", concept("x,y")), context("venue", concept("hem")), context("age", years)],
        }),
    );
    in_both(
        &app,
        &[
            ("Questionnaire?context-type-value=focus$http://s|x\\,y", &["q"]),
            ("Questionnaire?context-type-value=http://t|venue$hem", &["q"]),
            ("Questionnaire?context-type-value=http://t|$hem", &["q"]),
            ("Questionnaire?context-type-value=focus$hem", &[]),
            ("Questionnaire?context-type-value=focus$hem,venue$hem", &["q"]),
            ("Questionnaire?context-type-value=|venue$hem", &[]),
            ("Questionnaire?context-type-quantity=age$ge70", &["q"]),
            ("Questionnaire?context-type-quantity=age$lt65", &[]),
            (
                "Questionnaire?context-type-quantity=age$ge70|http://unitsofmeasure.org|a",
                &["q"],
            ),
            ("Questionnaire?context-type-quantity=focus$ge70", &[]),
        ],
    );
    app.delete("/fhir/r5/Questionnaire/q").expect(204);
    in_both(&app, &[("Questionnaire?context-type-value=venue$hem", &[])]);
}

#[test]
fn answers_are_found_by_the_version_of_their_questions() {
    let app = spawn();
    for (id, canonical) in [
        ("a", "https://exempel.se/q|1.0"),
        ("b", "https://exempel.se/q|1.1.2"),
        ("c", "https://exempel.se/q|2"),
        ("d", "https://exempel.se/q"),
        ("e", "https://exempel.se/q/del|1.0"),
    ] {
        put(
            &app,
            &json!({"resourceType": "QuestionnaireResponse", "id": id, "status": "completed", "questionnaire": canonical}),
        );
    }
    in_both(
        &app,
        &[
            (
                "QuestionnaireResponse?questionnaire=https://exempel.se/q",
                &["a", "b", "c", "d"],
            ),
            ("QuestionnaireResponse?questionnaire=https://exempel.se/q|1.0", &["a"]),
            ("QuestionnaireResponse?questionnaire=https://exempel.se/q|1", &[]),
            (
                "QuestionnaireResponse?questionnaire:below=https://exempel.se/q|1",
                &["a", "b"],
            ),
            (
                "QuestionnaireResponse?questionnaire:below=https://exempel.se/q|1.1",
                &["b"],
            ),
            (
                "QuestionnaireResponse?questionnaire:below=https://exempel.se/q",
                &["a", "b", "c", "d"],
            ),
            (
                "QuestionnaireResponse?questionnaire:below=https://exempel.se/q|2,https://exempel.se/q/del|1",
                &["c", "e"],
            ),
        ],
    );
    app.get("/fhir/r5/QuestionnaireResponse?questionnaire:above=https://exempel.se/q")
        .expect(400);
}

#[test]
fn what_only_r4_has_is_searched_in_r4() {
    let app = spawn();
    orebro(&app);
    let plan = json!({
        "resourceType": "CarePlan", "id": "p", "status": "active", "intent": "plan",
        "subject": { "reference": "Patient/anna" },
        "activity": [{ "detail": {
            "status": "scheduled", "description": "samtal", "code": { "coding": [{ "system": "http://s", "code": "samtal" }] },
            "scheduledPeriod": { "start": "2026-03-10", "end": "2026-03-11" },
            "performer": [{ "reference": "PractitionerRole/vc-lakare" }],
        }}],
    });
    app.put("/fhir/r4/CarePlan/p", &plan).expect(201);
    for (search, expected) in [
        ("activity-code=http://s|samtal", 1),
        ("activity-code:not=samtal", 0),
        ("activity-date=2026-03-10", 0),
        ("activity-date=2026-03", 1),
        ("performer=PractitionerRole/vc-lakare&_sort=activity-date", 1),
        ("performer=PractitionerRole/vc-skoterska", 0),
    ] {
        assert_eq!(
            found(&app, &format!("r4/CarePlan?{search}")).len(),
            expected,
            "{search}"
        );
    }
    app.get("/fhir/r5/CarePlan?performer=PractitionerRole/vc-lakare")
        .expect(400);
}

/// R4's root provision is R5's decision and period; its exceptions are R5's provisions.
#[test]
fn a_consent_is_found_by_what_each_version_shows_of_its_provisions() {
    let app = spawn();
    put(&app, &patient("anna", None));
    let rule = |who: &str, code: &str, year: &str| {
        json!({
            "period": { "start": format!("{year}-01-01"), "end": format!("{year}-12-31") },
            "actor": [{ "role": { "text": "mottagare" }, "reference": { "reference": format!("Practitioner/{who}"), "display": who } }],
            "action": [{ "coding": [{ "system": "http://s", "code": code }] }],
            "securityLabel": [{ "system": "http://s", "code": code }],
            "purpose": [{ "system": "http://s", "code": code }],
        })
    };
    let mut root = rule("rot", "r", "2026");
    root["provision"] = json!([rule("undantag", "u", "2024")]);
    let consent = json!({
        "resourceType": "Consent", "id": "s", "status": "active", "patient": { "reference": "Patient/anna" },
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "text": "samtycke" }], "policyRule": { "text": "regel" }, "provision": root,
    });
    app.put("/fhir/r4/Consent/s", &consent).expect(201);
    for (search, in_r4, in_r5) in [
        ("actor=Practitioner/rot", true, false),
        ("actor=Practitioner/undantag", true, true),
        ("actor:text=rot", true, false),
        ("actor:text=undantag", true, true),
        ("actor=Practitioner/annan", false, false),
        ("action=http://s|r", true, false),
        ("action=u", true, true),
        ("action:not=r", false, true),
        ("purpose=r", true, false),
        ("purpose=http://s|u", true, true),
        ("security-label=r", true, false),
        ("security-label=u", true, true),
        ("period=2026", true, false),
        ("period=2024", true, true),
        ("period=2025", false, false),
        ("period:missing=true", false, false),
    ] {
        for (version, expected) in [("r4", in_r4), ("r5", in_r5)] {
            let found = found(&app, &format!("{version}/Consent?{search}"));
            assert_eq!(!found.is_empty(), expected, "{version} {search}");
        }
    }
    // What comes along follows the same elements.
    let [practitioner, _] = staff("rot", "LK", "202010", "vc");
    put(&app, &practitioner);
    for (version, expected) in [("r4", 2), ("r5", 1)] {
        let page = app
            .get(&format!("/fhir/{version}/Consent?_include=Consent:actor"))
            .expect(200)
            .json();
        assert_eq!(page["entry"].as_array().unwrap().len(), expected, "{version}");
    }
}

#[test]
fn profile_source_and_language_are_asked_of_every_type() {
    let app = spawn();
    let meta = json!({ "profile": ["https://profil.example/a|1"], "source": "https://journal.example/1" });
    let told = patient("p", None).merged(&json!({ "meta": meta, "language": "sv" }));
    for resource in [told, patient("other", None)] {
        put(&app, &resource);
    }
    for (version, search) in [
        ("r5", "_profile=https://profil.example/a"),
        ("r4", "_profile=https://profil.example/a|1"),
        ("r5", "_source=https://journal.example/1"),
        ("r4", "_source:below=https://journal.example"),
        ("r4", "_profile:below=https://profil.example"),
        ("r4", "_profile:above=https://profil.example/a/b"),
        ("r5", "_profile:below=https://profil.example/a|1"),
        ("r5", "_language=sv"),
    ] {
        let page = app.get(&format!("/fhir/{version}/Patient?{}", search.replace('|', "%7C")));
        let found = page.expect(200).json();
        let entries = found["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(entries.len(), 1, "{search}");
        assert_eq!(entries[0]["resource"]["id"], "p", "{search}");
    }
    app.get("/fhir/r4/Patient?_language=sv").expect(400);
}
