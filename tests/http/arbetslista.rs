//! `Organization/[id]/$riktlinjekontroll`: the work list of a unit, on both databases, as its users see it: what is written
//! shows at once, what is mended goes away, and staff, units, days and policies change it without a write of a patient's.

use std::path::PathBuf;
use std::time::Duration;

use fastkontakt::access::{Call, Caller, Disclosed, Interaction};
use fastkontakt::clock::Clock;
use fastkontakt::door::arbetslista::Listfraga;
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt_model::date::FhirDate;
use jiff::ToSpan;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Answer, TODAY, TestApp, postgres_database, spawn, spawn_at, spawn_with};
use crate::people::*;

/// Runs the test on SQLite and, where it is installed, on PostgreSQL.
fn on_both(test: fn(&TestApp)) {
    test(&spawn());
    if let Some(url) = postgres_database() {
        test(&spawn_with(|settings| settings.database = url));
    }
}

fn list(app: &TestApp, unit: &str, query: &str) -> Value {
    get(app, "r5", unit, query).expect(200).json()
}

fn get(app: &TestApp, version: &str, unit: &str, query: &str) -> Answer {
    app.get(&format!(
        "/fhir/{version}/Organization/{unit}/$riktlinjekontroll{query}"
    ))
}

/// The last two parts of each entry's fullUrl.
fn who(list: &Value) -> Vec<String> {
    let entries = list["entry"].as_array().into_iter().flatten();
    entries
        .map(|entry| {
            assert_eq!(entry["resource"]["resourceType"], "OperationOutcome");
            assert_eq!(entry["search"]["mode"], "outcome");
            let url = entry["fullUrl"].as_str().unwrap();
            let mut parts: Vec<&str> = url.rsplitn(3, '/').take(2).collect();
            parts.reverse();
            parts.join("/")
        })
        .collect()
}

/// `severity rule` of each issue about a patient.
fn findings(list: &Value, patient: &str) -> Vec<String> {
    let entries = list["entry"].as_array().into_iter().flatten();
    let own = entries.filter(|entry| {
        entry["fullUrl"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/Patient/{patient}"))
    });
    own.flat_map(|entry| entry["resource"]["issue"].as_array().unwrap())
        .map(|issue| {
            format!(
                "{} {}",
                issue["severity"].as_str().unwrap(),
                issue["details"]["coding"][0]["code"].as_str().unwrap()
            )
        })
        .collect()
}

fn has(list: &Value, patient: &str, finding: &str) -> bool {
    findings(list, patient).iter().any(|own| own == finding)
}

fn next(app: &TestApp, list: &Value) -> Option<String> {
    let links = list["link"].as_array()?;
    let next = links.iter().find(|link| link["relation"] == "next")?;
    Some(next["url"].as_str()?.strip_prefix(app.base.as_str())?.to_owned())
}

/// The unit `vc` of the region, with staff, and the läkarkontakt `k` of `anna`.
fn a_contact(app: &TestApp) {
    put(app, &unit("region", "SE2321000164-1000"));
    orebro(app);
    put(
        app,
        &unit("vc", "SE2321000164-0001").merged(&json!({ "partOf": { "reference": "Organization/region" } })),
    );
    put(
        app,
        &fast_kontakt("anna", "2", "vc-lakare").merged(&json!({ "id": "k" })),
    );
    // Nothing is known of this one's profession: a läkarkontakt with it is a warning (FLK-01).
    let [mut okand, mut role] = staff("vc-okand", "", "", "vc");
    okand.as_object_mut().unwrap().remove("qualification");
    role.as_object_mut().unwrap().remove("code");
    put(app, &okand);
    put(app, &role);
}

/// The läkarkontakt `k-{id}` of a patient.
fn put_contact(app: &TestApp, patient: &str, member: &str) {
    let contact = fast_kontakt(patient, "2", member);
    put(app, &contact.merged(&json!({ "id": format!("k-{patient}") })));
}

fn becomes_a_nurse(app: &TestApp) {
    for resource in staff("vc-lakare", "SJ", "206090", "vc") {
        put(app, &resource);
    }
}

#[test]
fn what_is_written_shows_and_what_is_mended_goes_away() {
    on_both(|app| {
        a_contact(app);
        assert!(!has(&list(app, "vc", ""), "anna", "error FLK-01"));
        becomes_a_nurse(app);
        for unit in ["vc", "region"] {
            let told = list(app, unit, "");
            assert_eq!(told["type"], "searchset");
            assert_eq!(
                findings(&told, "anna").first().map(String::as_str),
                Some("error FLK-01")
            );
            assert!(told["meta"]["lastUpdated"].is_string());
        }
        for resource in staff("vc-lakare", "LK", "201011", "vc") {
            put(app, &resource);
        }
        assert!(!has(&list(app, "region", ""), "anna", "error FLK-01"));
        becomes_a_nurse(app);
        assert!(has(&list(app, "region", ""), "anna", "error FLK-01"));
        app.delete("/fhir/r5/CareTeam/k").expect(204);
        assert!(!has(&list(app, "region", ""), "anna", "error FLK-01"));
    });
}

#[test]
fn each_finding_tells_its_resource_in_the_callers_version() {
    on_both(|app| {
        a_contact(app);
        becomes_a_nurse(app);
        let issue = |version: &str| {
            let told = get(app, version, "vc", "?regel=FLK-01").expect(200).json();
            assert_eq!(who(&told), ["Patient/anna"]);
            told["entry"][0]["resource"]["issue"][0].clone()
        };
        let (r5, r4) = (issue("r5"), issue("r4"));
        for told in [&r5, &r4] {
            assert_eq!(told["extension"][0]["valueReference"]["reference"], "CareTeam/k");
            assert_eq!(told["code"], "business-rule");
        }
        assert!(
            r5["expression"][0]
                .as_str()
                .unwrap()
                .starts_with("CareTeam.participant[0]")
        );
        assert!(
            r4["expression"][0]
                .as_str()
                .unwrap()
                .starts_with("CareTeam.participant[0]")
        );
        let english = app.send(
            "GET",
            "/fhir/r5/Organization/vc/$riktlinjekontroll?regel=FLK-01",
            &[("Accept-Language", "en")],
            None,
        );
        let english = english.expect(200).json();
        assert_ne!(
            english["entry"][0]["resource"]["issue"][0]["details"]["text"],
            r5["details"]["text"]
        );
    });
}

#[test]
fn a_moved_unit_takes_its_patients_along() {
    on_both(|app| {
        a_contact(app);
        becomes_a_nurse(app);
        put(app, &unit("annan", "SE2321000115-1000"));
        assert!(who(&list(app, "annan", "")).is_empty());
        put(
            app,
            &unit("vc", "SE2321000164-0001").merged(&json!({ "partOf": { "reference": "Organization/annan" } })),
        );
        assert!(who(&list(app, "region", "")).is_empty());
        assert_eq!(who(&list(app, "annan", "?regel=FLK-01")), ["Patient/anna"]);
        assert_eq!(who(&list(app, "vc", "?regel=FLK-01")), ["Patient/anna"]);
    });
}

#[test]
fn a_unit_that_is_registered_later_gets_those_who_were_referred_to_it() {
    on_both(|app| {
        a_contact(app);
        becomes_a_nurse(app);
        get(app, "r5", "ny", "").expect(404);
        for (id, unit) in [
            ("literal", json!({ "reference": "Organization/ny" })),
            (
                "logical",
                json!({ "type": "Organization", "identifier": { "system": "urn:oid:1.2.752.129.2.1.4.1", "value": "SE2321000164-0NY" } }),
            ),
        ] {
            put(app, &patient(id, None).merged(&json!({ "managingOrganization": unit })));
            put_contact(app, id, "vc-okand");
        }
        put(app, &unit("ny", "SE2321000164-0NY"));
        let mut told = who(&list(app, "ny", ""));
        told.sort();
        assert_eq!(told, ["Patient/literal", "Patient/logical"]);
        app.delete("/fhir/r5/Organization/ny").expect(204);
        get(app, "r5", "ny", "").expect(410);
        assert_eq!(who(&list(app, "vc", "")).len(), 3);
    });
}

#[test]
fn joined_patients_stand_once_and_apart_again_when_they_are_told_apart() {
    on_both(|app| {
        a_contact(app);
        becomes_a_nurse(app);
        for id in ["bengt", "cilla"] {
            put(app, &patient(id, None));
            put_contact(app, id, "vc-okand");
        }
        let all = || {
            let mut all = who(&list(app, "vc", ""));
            all.sort();
            all
        };
        assert_eq!(all(), ["Patient/anna", "Patient/bengt", "Patient/cilla"]);
        let link = |ids: &[&str]| {
            let links: Vec<Value> = ids
                .iter()
                .map(|id| json!({ "other": { "reference": format!("Patient/{id}") }, "type": "seealso" }))
                .collect();
            patient("anna", None).merged(&json!({ "link": links }))
        };
        put(app, &link(&["bengt", "cilla"]));
        assert_eq!(all(), ["Patient/anna"]);
        put(app, &patient("anna", None));
        assert_eq!(all(), ["Patient/anna", "Patient/bengt", "Patient/cilla"]);
        // The one that is replaced gives way to the other.
        put(
            app,
            &patient("anna", None)
                .merged(&json!({ "link": [{ "other": { "reference": "Patient/bengt" }, "type": "replaced-by" }] })),
        );
        assert_eq!(all(), ["Patient/bengt", "Patient/cilla"]);
        app.delete("/fhir/r5/Patient/bengt").expect(204);
        assert_eq!(all(), ["Patient/anna", "Patient/cilla"]);
        for id in ["anna", "cilla"] {
            app.delete(&format!("/fhir/r5/Patient/{id}")).expect(204);
        }
        assert!(all().is_empty());
    });
}

/// Three patients with a warning each; cilla, who came last, has an error too.
fn three(app: &TestApp) {
    a_contact(app);
    put(
        app,
        &fast_kontakt("anna", "2", "vc-okand").merged(&json!({ "id": "k" })),
    );
    put(app, &patient("bengt", None));
    put_contact(app, "bengt", "vc-okand");
    put(app, &patient("cilla", None));
    put_contact(app, "cilla", "vc-lakare");
    for id in ["bengt", "cilla"] {
        let ended = json!({ "id": format!("ended-{id}"), "period": { "start": "2024-01-01", "end": "2024-12-31" } });
        put(app, &fast_kontakt(id, "1", "vc-skoterska").merged(&ended));
    }
    becomes_a_nurse(app);
}

#[test]
fn errors_come_first_and_the_filters_choose() {
    on_both(|app| {
        three(app);
        let all = list(app, "vc", "");
        assert_eq!(who(&all).first().map(String::as_str), Some("Patient/cilla"), "{all:#}");
        assert_eq!(who(&all).len(), 3);
        for entry in all["entry"].as_array().unwrap() {
            let order = ["error", "warning", "information"];
            let issues = entry["resource"]["issue"].as_array().unwrap();
            assert!(issues.is_sorted_by_key(|issue| order.iter().position(|it| issue["severity"] == *it)));
        }
        for (query, expected) in [
            ("?allvarlighet=error", 1),
            ("?severity=error", 1),
            ("?regel=FLK-01", 3),
            ("?rule=FLK-01&severity=error", 1),
            ("?regel=FLK-01&allvarlighet=warning", 2),
            ("?regel=FK-03", 2),
            ("?regel=FK-03&allvarlighet=error", 0),
            ("?regel=FK-03,FLK-01", 3),
            ("?regel=FK-03&regel=FLK-01", 3),
            ("?regel=FK-03,FLK-01&allvarlighet=warning", 3),
            ("?allvarlighet=error,warning,information", 3),
            ("?regel=LIST-01", 0),
            ("?regel=MVP-01", 0),
        ] {
            let told = list(app, "vc", query);
            let found = who(&told);
            assert_eq!(found.len(), expected, "{query} {told:#}");
            for entry in told["entry"].as_array().into_iter().flatten() {
                for issue in entry["resource"]["issue"].as_array().unwrap() {
                    let (rule, severity) = (&issue["details"]["coding"][0]["code"], &issue["severity"]);
                    let (rule, severity) = (rule.as_str().unwrap(), severity.as_str().unwrap());
                    let named = |name: &str, value: &str| !query.contains(&format!("{name}=")) || query.contains(value);
                    assert!(
                        named("regel", rule) && named("allvarlighet", severity),
                        "{query} {issue}"
                    );
                }
            }
        }
        // Not the heaviest of a patient counts, but each that is asked for.
        let lighter = list(app, "vc", "?allvarlighet=warning,information");
        assert_eq!(who(&lighter), ["Patient/anna", "Patient/bengt", "Patient/cilla"]);
        assert!(lighter["entry"].as_array().unwrap().iter().all(|entry| {
            let issues = entry["resource"]["issue"].as_array().unwrap();
            issues.iter().all(|issue| issue["severity"] != "error")
        }));
        let by_post = |parameters: Value| {
            let body = json!({ "resourceType": "Parameters", "parameter": parameters });
            app.post("/fhir/r5/Organization/vc/$riktlinjekontroll", &body)
        };
        let posted =
            by_post(json!([{ "name": "regel", "valueCode": "FLK-01" }, { "name": "_count", "valueInteger": 10 }]));
        assert_eq!(who(&posted.expect(200).json())[0], "Patient/cilla");
        by_post(json!([{ "name": "regel", "valueCode": "FLK-99" }])).expect(400);
        let empty = app.send("POST", "/fhir/r4/Organization/vc/$riktlinjekontroll", &[], None);
        assert_eq!(who(&empty.expect(200).json()).len(), 3);
    });
}

#[test]
fn bad_words_are_refused_and_units_that_are_not_there_told() {
    let app = spawn();
    three(&app);
    for query in [
        "?regel=FLK-99",
        "?regel=",
        "?regel=flk-01",
        "?regel=FLK-01%27%20OR%201=1",
        "?allvarlighet=fatal",
        "?allvarlighet=",
        "?_count=0",
        "?_count=-1",
        "?_count=many",
        "?_count=1&_count=2",
        "?_page=zz",
        "?_page=",
        "?_page=31",
        "?favourite=1",
        "?regel=%00",
        "?_page=%00",
    ] {
        let answer = get(&app, "r5", "vc", query).expect(400);
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{query}");
    }
    get(&app, "r5", "nowhere", "").expect(404);
    get(&app, "r6", "vc", "").expect(404);
    app.get("/fhir/r5/Practitioner/vc/$riktlinjekontroll").expect(404);
    app.delete("/fhir/r5/Organization/vc/$riktlinjekontroll").expect(405);
    get(&app, "r5", "vc", "?_count=100000").expect(200);
    get(&app, "r5", "vc", "?_count=").expect(200);
    // A page belongs to its list and filters.
    let token = next(&app, &list(&app, "vc", "?_count=1")).unwrap();
    let token = token.split("_page=").nth(1).unwrap();
    get(&app, "r5", "vc", &format!("?_page={token}")).expect(200);
    get(&app, "r5", "vc", &format!("?_page={token}&regel=FLK-01")).expect(400);
    get(&app, "r5", "region", &format!("?_page={token}")).expect(400);
}

#[test]
fn pages_neither_skip_nor_repeat_while_others_write() {
    on_both(|app| {
        a_contact(app);
        for number in 0..23 {
            let id = format!("p{number:02}");
            put(app, &patient(&id, None));
            put_contact(app, &id, if number % 3 == 0 { "vc-lakare" } else { "vc-okand" });
        }
        becomes_a_nurse(app);
        for query in [
            "?_count=4",
            "?_count=4&allvarlighet=warning,information",
            "?_count=5&regel=FK-03,FLK-01",
        ] {
            let mut found = Vec::new();
            let mut page = list(app, "vc", query);
            let expected = who(&list(
                app,
                "vc",
                &query.replace("_count=4", "_count=99").replace("_count=5", "_count=99"),
            ));
            loop {
                found.extend(who(&page));
                let Some(path) = next(app, &page) else { break };
                let id = format!("later{}-{}", query.len(), found.len());
                put(app, &patient(&id, None));
                put_contact(app, &id, "vc-okand");
                page = app.get(&path).expect(200).json();
            }
            found.retain(|own| !own.contains("later") || expected.contains(own));
            assert_eq!(found, expected, "{query}");
        }
        let errors = who(&list(app, "vc", "?allvarlighet=error"));
        assert_eq!(errors.len(), 9, "eight of the 23, and anna");
        assert_eq!(who(&list(app, "vc", "?_count=9")), errors, "errors first");
    });
}

/// A database that outlives the servers on it.
struct Lasting {
    url: String,
    folder: PathBuf,
}

impl Lasting {
    fn both() -> Vec<Lasting> {
        let folder = || {
            let folder = std::env::temp_dir().join(format!("fastkontakt-list-{}", Uuid::new_v4()));
            std::fs::create_dir_all(&folder).unwrap();
            folder
        };
        let own = folder();
        let sqlite = Lasting {
            url: format!("sqlite://{}", own.join("test.db").display()),
            folder: own,
        };
        let postgres = postgres_database().map(|url| Lasting { url, folder: folder() });
        [sqlite].into_iter().chain(postgres).collect()
    }

    fn at(&self, clock: Clock, policies: Option<&str>) -> TestApp {
        let directory = self.folder.join(format!("policies-{}", Uuid::new_v4()));
        if let Some(text) = policies {
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join("region-orebro-lan.toml"), text).unwrap();
        }
        spawn_at(clock, |settings| {
            settings.database.clone_from(&self.url);
            settings.policies = policies.map(|_| directory);
        })
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn the_day_turns() {
    for database in Lasting::both() {
        let today = database.at(Clock::at(TODAY), None);
        a_contact(&today);
        let [mut lakare, _] = staff("vc-lakare", "LK", "201011", "vc");
        lakare["qualification"][0]["period"] = json!({ "end": TODAY.to_string() });
        put(&today, &lakare);
        let flk_01 = |app: &TestApp| findings(&list(app, "vc", "?regel=FLK-01"), "anna").len();
        assert_eq!(flk_01(&today), 0, "licensed to the end of the day");
        drop(today);
        let tomorrow = database.at(Clock::at(TODAY.tomorrow().unwrap()), None);
        assert_eq!(flk_01(&tomorrow), 1);
        let as_of = list(&tomorrow, "vc", "")["meta"]["lastUpdated"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(as_of.starts_with(&TODAY.tomorrow().unwrap().to_string()), "{as_of}");
        assert!(FhirDate::parse(&as_of).is_some());
    }
}

/// Who cannot be checked in time keeps nobody waiting: what is kept of her stands until another day.
#[test]
fn a_patient_who_takes_too_long_is_set_aside() {
    on_both(|app| {
        a_contact(app);
        let [mut lakare, _] = staff("vc-lakare", "LK", "201011", "vc");
        lakare["qualification"][0]["period"] = json!({ "end": TODAY.to_string() });
        put(app, &lakare);
        assert!(!has(&list(app, "vc", ""), "anna", "error FLK-01"));
        // The days that follow, as a server would have it that has so long for a patient.
        let asked = |days: i64, time: Duration| {
            let mut door = app.door.clone();
            door.clock = Clock::at(TODAY.checked_add(days.days()).unwrap());
            door.fornyelse.a_patient = time;
            let call = Call {
                caller: Caller::Open,
                interaction: Interaction::Arbetslista,
                purpose: "TREAT".into(),
                nodoppning: None,
                request_id: Uuid::new_v4().to_string(),
                disclosed: Disclosed::default(),
            };
            let fraga = Listfraga {
                enhet: "vc".to_owned(),
                regler: Vec::new(),
                allvarligheter: Vec::new(),
                count: 100,
                page: None,
                version: FhirVersion::R5,
            };
            let list = actix_web::rt::System::new()
                .block_on(door.arbetslista(&call, fraga))
                .unwrap();
            let of_anna = list.patienter.iter().filter(|post| post.id == "anna");
            let rules = of_anna.flat_map(|post| post.fynd.iter().map(|fynd| fynd.rule.to_string()));
            (rules.filter(|rule| rule == "FLK-01").count(), list.fornyas)
        };
        let usual = Duration::from_secs(60);
        assert_eq!(
            asked(1, Duration::ZERO),
            (0, false),
            "what was kept stands, and the list is not held up"
        );
        assert_eq!(asked(1, usual), (0, false), "it is not tried again that day");
        assert_eq!(asked(2, usual), (1, false));
    });
}

#[test]
fn a_policy_changes_while_the_service_is_down() {
    const MILD: &str = r#"
        [severity]
        FLK-01 = "information"
    "#;
    for database in Lasting::both() {
        let before = database.at(Clock::at(TODAY), None);
        a_contact(&before);
        becomes_a_nurse(&before);
        assert!(has(&list(&before, "vc", ""), "anna", "error FLK-01"));
        drop(before);
        let after = database.at(Clock::at(TODAY), Some(&policy(MILD)));
        assert!(has(&list(&after, "vc", ""), "anna", "information FLK-01"));
        drop(after);
        let again = database.at(Clock::at(TODAY), None);
        assert!(has(&list(&again, "vc", ""), "anna", "error FLK-01"));
    }
}

/// The shipped policy of Örebro with other words in it.
fn policy(own: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/policies/region-orebro-lan.toml");
    let shipped: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let own: toml::Table = toml::from_str(own).unwrap();
    let mut all = shipped;
    for (section, values) in own {
        match (all.get_mut(&section), values) {
            (Some(toml::Value::Table(known)), toml::Value::Table(values)) => known.extend(values),
            (_, values) => drop(all.insert(section, values)),
        }
    }
    toml::to_string(&all).unwrap()
}

#[test]
fn a_physician_with_many_patients_has_an_entry_on_the_last_page() {
    const FEW: &str = r#"
        [parameters]
        invanare-per-specialist = 2
        invanare-per-st-lakare = 1
    "#;
    for database in Lasting::both() {
        let app = database.at(Clock::at(TODAY), Some(&policy(FEW)));
        a_contact(&app);
        put(&app, &patient("bengt", None));
        put_contact(&app, "bengt", "vc-lakare");
        assert!(
            who(&list(&app, "vc", "?regel=LIST-01")).is_empty(),
            "two are not more than two"
        );
        put(&app, &patient("cilla", None));
        put_contact(&app, "cilla", "vc-lakare");
        for unit in ["vc", "region"] {
            let told = list(&app, unit, "");
            assert_eq!(who(&told).last().map(String::as_str), Some("Practitioner/vc-lakare"));
            let issue = &told["entry"].as_array().unwrap().last().unwrap()["resource"]["issue"][0];
            assert_eq!(issue["severity"], "information");
            assert_eq!(
                issue["extension"][0]["valueReference"]["reference"],
                "Practitioner/vc-lakare"
            );
        }
        assert_eq!(who(&list(&app, "vc", "?regel=LIST-01")), ["Practitioner/vc-lakare"]);
        assert!(!who(&list(&app, "vc", "?allvarlighet=error")).contains(&"Practitioner/vc-lakare".to_owned()));
        for id in ["david", "erik"] {
            put(&app, &patient(id, None));
            put_contact(&app, id, "vc-okand");
        }
        let mut page = list(&app, "vc", "?_count=1");
        while let Some(path) = next(&app, &page) {
            assert!(!who(&page).contains(&"Practitioner/vc-lakare".to_owned()));
            page = app.get(&path).expect(200).json();
        }
        assert_eq!(who(&page).last().map(String::as_str), Some("Practitioner/vc-lakare"));
        // One in training has the lower value.
        for resource in staff("vc-lakare-2", "LK", "203010", "vc") {
            put(&app, &resource);
        }
        for id in ["bengt", "cilla"] {
            put_contact(&app, id, "vc-lakare-2");
        }
        assert_eq!(who(&list(&app, "vc", "?regel=LIST-01")), ["Practitioner/vc-lakare-2"]);
        app.delete("/fhir/r5/CareTeam/k-cilla").expect(204);
        assert!(who(&list(&app, "vc", "?regel=LIST-01")).is_empty());
    }
}

/// Each entry is what the patient's own check says by the policy of the unit, and nobody is missing.
fn agrees(app: &TestApp, units: &[&str], patients: &[String]) {
    for unit in units {
        let told = list(app, unit, "?_count=1000");
        let mut listed: Vec<String> = who(&told);
        listed.retain(|own| own.starts_with("Patient/"));
        for patient in patients {
            let path = format!("/fhir/r5/Patient/{patient}/$riktlinjekontroll?enhet=Organization/{unit}");
            let own = app.get(&path);
            let entries = told["entry"].as_array().into_iter().flatten();
            let mut entries = entries.filter(|entry| {
                entry["fullUrl"]
                    .as_str()
                    .unwrap()
                    .ends_with(&format!("/Patient/{patient}"))
            });
            match entries.next() {
                Some(entry) => assert_eq!(entry["resource"], own.expect(200).json(), "{unit} {patient}"),
                // No contact, no unit; or nothing to remark.
                None => {
                    let contact = app.get(&format!("/fhir/r5/CareTeam/k-{patient}"));
                    let is_well = own.json()["issue"][0]["severity"] == "success";
                    assert!(contact.status != 200 || is_well, "{unit} lacks {patient}: {}", own.text);
                }
            }
        }
    }
}

/// Patients with a läkarkontakt each, in one transaction.
fn many(app: &TestApp, patients: &[String]) {
    let mut entries = Vec::new();
    for id in patients {
        let contact = fast_kontakt(id, "2", "vc-lakare").merged(&json!({ "id": format!("k-{id}") }));
        for resource in [patient(id, None), contact] {
            let url = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            );
            entries.push(json!({ "resource": resource, "request": { "method": "PUT", "url": url } }));
        }
    }
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    app.post("/fhir/r5", &bundle).expect(200);
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(300), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_too_much_at_once_is_told_as_of_when_and_done_beside_the_service() {
    on_both(|app| {
        a_contact(app);
        let patients: Vec<String> = (0..210).map(|number| format!("p{number}")).collect();
        for some in patients.chunks(105) {
            many(app, some);
        }
        let is_renewed = || !list(app, "vc", "?_count=1")["entry"].to_string().contains("Listan");
        wait_for("the first renewal", is_renewed);
        assert!(who(&list(app, "vc", "?regel=FLK-01&allvarlighet=error")).is_empty());
        becomes_a_nurse(app);
        // A row of the queue now stands for everybody; the answer is the old one, or a newer, and says so.
        let told = list(app, "vc", "?regel=FLK-01&allvarlighet=error&_count=1000");
        if told["entry"].to_string().contains("Listan") {
            assert_eq!(told["entry"][0]["search"]["mode"], "outcome");
            assert!(told["entry"][0]["fullUrl"].as_str().unwrap().starts_with("urn:uuid:"));
            assert!(told["meta"]["lastUpdated"].is_string());
            assert!(who(&told).len() <= 212);
        }
        // A write meanwhile is not kept waiting behind them.
        put(app, &patient("ny", None));
        put_contact(app, "ny", "vc-okand");
        assert!(has(&list(app, "vc", "?_count=1000"), "ny", "warning FLK-01"));
        wait_for("the second renewal", is_renewed);
        let errors = who(&list(app, "vc", "?regel=FLK-01&allvarlighet=error&_count=1000"));
        assert_eq!(errors.len(), 211, "anna and all the others");
        agrees(
            app,
            &["vc", "region"],
            &["p0".to_owned(), "p209".to_owned(), "anna".to_owned()],
        );
    });
}

#[test]
fn two_servers_on_one_database_agree_with_the_patients_own_checks() {
    for database in Lasting::both() {
        let apps = [database.at(Clock::at(TODAY), None), database.at(Clock::at(TODAY), None)];
        a_contact(&apps[0]);
        put(&apps[0], &unit("annan", "SE2321000115-1000"));
        let patients: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
        std::thread::scope(|scope| {
            for (number, own) in patients.chunks(3).enumerate() {
                let app = &apps[number % 2];
                scope.spawn(move || {
                    for round in 0..6 {
                        for (place, id) in own.iter().enumerate() {
                            put(app, &patient(id, None));
                            let member = ["vc-lakare", "vc-okand", "vc-lakare-2"][(round + place) % 3];
                            // Refused while the physician is a nurse; then the one before stands.
                            let contact = fast_kontakt(id, "2", member).merged(&json!({ "id": format!("k-{id}") }));
                            app.put(&format!("/fhir/r5/CareTeam/k-{id}"), &contact);
                        }
                        match (number, round % 2) {
                            (0, 0) => becomes_a_nurse(app),
                            (0, _) => staff("vc-lakare", "LK", "201011", "vc")
                                .iter()
                                .for_each(|own| put(app, own)),
                            (1, round) => {
                                let above = ["region", "annan"][round];
                                let moved = json!({ "partOf": { "reference": format!("Organization/{above}") } });
                                put(app, &unit("vc", "SE2321000164-0001").merged(&moved));
                            }
                            (2, 0) => drop(app.delete(&format!("/fhir/r5/CareTeam/k-{}", own[0]))),
                            _ => drop(list(app, "vc", "")),
                        }
                    }
                });
            }
        });
        for app in &apps {
            wait_for("both are up to date", || {
                !list(app, "vc", "").to_string().contains("Listan")
            });
            agrees(app, &["vc"], &patients);
        }
        let (above, other) = (who(&list(&apps[0], "annan", "")), who(&list(&apps[1], "region", "")));
        assert_eq!(above, who(&list(&apps[0], "vc", "")));
        assert!(other.is_empty(), "{other:?}");
    }
}

#[test]
fn a_contact_that_names_its_patient_by_number_alone_counts_at_once() {
    on_both(|app| {
        a_contact(app);
        put(app, &livshotande_tillstand("anna").merged(&json!({ "id": "l" })));
        assert!(has(&list(app, "vc", ""), "anna", "error PAT-03"));
        let number = &patient("anna", Some("195009072553"))["identifier"][0];
        let contact = fast_kontakt("anna", "1", "vc-lakare");
        let contact = contact.merged(&json!({ "id": "n", "subject": { "type": "Patient", "identifier": number } }));
        put(app, &contact);
        assert!(!has(&list(app, "vc", ""), "anna", "error PAT-03"));
        app.delete("/fhir/r5/CareTeam/n").expect(204);
        assert!(has(&list(app, "vc", ""), "anna", "error PAT-03"));
    });
}
