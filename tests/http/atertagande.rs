//! What becomes of the contacts that a fast kontakt replaced when it does not come into force (FK-09).

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{Answer, TestApp, spawn};
use crate::kontakter::*;
use crate::people::*;

/// What the service has written of a replacement, in the order in which it did.
fn messages(app: &TestApp) -> Vec<(String, Value, Value)> {
    let told = app.get("/fhir/r5/Communication?_sort=_lastUpdated").expect(200).json();
    let entries = told["entry"].as_array().cloned().unwrap_or_default();
    let read = |entry: &Value| {
        let message = &entry["resource"];
        let code = message["category"][0]["coding"][0]["code"].as_str().unwrap_or_default();
        (code.to_owned(), message["about"].clone(), message["recipient"].clone())
    };
    entries.iter().map(read).collect()
}

fn told(code: &str) -> (String, Value, Value) {
    let about = json!([{ "reference": "CareTeam/gammal" }]);
    (code.to_owned(), about, json!([{ "reference": "Organization/vc" }]))
}

fn without_meta(mut contact: Value) -> Value {
    contact.as_object_mut().unwrap().remove("meta");
    contact
}

fn stored(app: &TestApp, path: &str) -> Value {
    without_meta(app.get(path).expect(200).json())
}

/// Puts another läkarkontakt in the place of the present one, under the id `ny`.
fn replaced(app: &TestApp, start: &str) -> Value {
    let mut new = request(replacing());
    new["id"] = json!("ny");
    new["period"]["start"] = json!(start);
    app.put("/fhir/r5/CareTeam/ny", &new).expect(201);
    new
}

/// C10: a replacement that is withdrawn before it begins leaves the patient the contact that she had, and its unit is told.
#[test]
fn a_replacement_that_is_withdrawn_before_it_begins_is_taken_back() {
    type Withdrawal = fn(&TestApp, Value) -> Answer;
    let ways: [(&str, Withdrawal); 6] = [
        ("entered in error", |app, _| {
            let patch = json!([{ "op": "replace", "path": "/status", "value": "entered-in-error" }]);
            app.patch("/fhir/r5/CareTeam/ny", &[], &patch)
        }),
        ("entered in error, R4", |app, _| {
            let patch = json!([{ "op": "replace", "path": "/status", "value": "entered-in-error" }]);
            app.patch("/fhir/r4/CareTeam/ny", &[], &patch)
        }),
        ("deleted", |app, _| app.delete("/fhir/r5/CareTeam/ny")),
        ("deleted in a transaction", |app, _| {
            let entry = json!({ "request": { "method": "DELETE", "url": "CareTeam/ny" } });
            let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
            app.post("/fhir/r4", &bundle)
        }),
        ("a draft again", |app, mut new| {
            new["status"] = json!("proposed");
            app.put("/fhir/r5/CareTeam/ny", &new)
        }),
        ("filed on somebody else", |app, mut new| {
            put(app, &patient("bertil", None));
            new["subject"] = json!({ "reference": "Patient/bertil" });
            app.put("/fhir/r5/CareTeam/ny", &new)
        }),
    ];
    for (way, withdraw) in ways {
        let app = spawn();
        two_vardgivare(&app);
        let before = stored(&app, "/fhir/r5/CareTeam/gammal");
        let new = replaced(&app, "2026-03-20");
        assert_eq!(valid_on(&app, "2026-03-21"), ["ny"], "{way}");
        let answer = withdraw(&app, new);
        assert!(matches!(answer.status, 200 | 204), "{way}: {}", answer.text);
        assert!(!answer.text.contains("FK-09"), "{way}: {}", answer.text);
        assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal"), before, "{way}");
        assert_eq!(valid_on(&app, "2026-03-21"), ["gammal"], "{way}");
        assert_eq!(
            messages(&app),
            [told("kontakt-ersatt"), told("ersattning-aterkallad")],
            "{way}"
        );
        // It is the service's own write, and leaves its trace.
        let history = app.get("/fhir/r5/CareTeam/gammal/_history").expect(200).json();
        assert_eq!(history["entry"].as_array().map(Vec::len), Some(3), "{way}");
        let trace = app.get("/fhir/r5/Provenance?target=CareTeam/gammal").expect(200).json();
        assert!(trace.to_string().contains("CareTeam/gammal/_history/3"), "{way}");
        // There is one again, and no other beside it.
        let mut second = request(replacing());
        second.as_object_mut().unwrap().remove("extension");
        app.post("/fhir/r5/CareTeam", &second).expect(422);
        app.post("/fhir/r5/CareTeam", &request(replacing())).expect(201);
    }
}

#[test]
fn the_end_of_what_is_replaced_moves_with_what_replaces_it() {
    let app = spawn();
    two_vardgivare(&app);
    let before = stored(&app, "/fhir/r5/CareTeam/gammal");
    let mut new = replaced(&app, "2026-03-20");
    for (version, day, last) in [("r5", "2026-04-10", "2026-04-09"), ("r4", "2027-01-01", "2026-12-31")] {
        let mut patched = app.get(&format!("/fhir/{version}/CareTeam/ny")).expect(200).json();
        patched["period"]["start"] = json!(day);
        app.put(&format!("/fhir/{version}/CareTeam/ny"), &patched).expect(200);
        assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal")["extension"], marks("ny", day));
        assert_eq!(valid_on(&app, last), ["gammal"]);
        assert_eq!(valid_on(&app, day), ["ny"]);
    }
    let kod = |messages: &[(String, Value, Value)]| messages.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
    assert_eq!(kod(&messages(&app)), ["kontakt-ersatt"; 3]);
    // Written again as it stands, nothing moves.
    new["period"]["start"] = json!("2027-01-01");
    app.put("/fhir/r5/CareTeam/ny", &new).expect(200);
    assert_eq!(messages(&app).len(), 3);
    app.delete("/fhir/r5/CareTeam/ny").expect(204);
    assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal"), before);
}

/// Within a vårdgivare the contact gets back the end that it had; and in one transaction another may take the place.
#[test]
fn within_a_vardgivare_a_contact_gets_back_the_end_that_it_had() {
    let app = spawn();
    orebro(&app);
    let mut old = fast_kontakt("anna", "2", "vc-lakare");
    old["id"] = json!("gammal");
    old["period"]["end"] = json!("2027-06");
    put(&app, &old);
    let before = stored(&app, "/fhir/r5/CareTeam/gammal");
    let mut new = fast_kontakt("anna", "2", "vc-lakare-2");
    new["id"] = json!("ny");
    new["period"]["start"] = json!("2026-03-20");
    new["extension"] = json!([{ "url": ERSATTER, "valueBoolean": true }]);
    put(&app, &new);
    assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal")["period"]["end"], "2026-03-19");
    let mut wrong = new.clone();
    wrong["status"] = json!("entered-in-error");
    let mut right = new.clone();
    right["id"] = json!("rattad");
    right["period"]["start"] = json!("2026-03-25");
    let entries: Vec<Value> = [&wrong, &right]
        .into_iter()
        .map(|it| {
            let url = format!("CareTeam/{}", it["id"].as_str().unwrap());
            json!({ "resource": it, "request": { "method": "PUT", "url": url } })
        })
        .collect();
    app.post(
        "/fhir/r5",
        &json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }),
    )
    .expect(200);
    assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal")["period"]["end"], "2026-03-24");
    assert_eq!(valid_on(&app, "2026-03-24"), ["gammal"]);
    assert_eq!(valid_on(&app, "2026-03-25"), ["rattad"]);
    right["status"] = json!("entered-in-error");
    app.put("/fhir/r5/CareTeam/rattad", &right).expect(200);
    assert_eq!(stored(&app, "/fhir/r5/CareTeam/gammal"), before);
    assert_eq!(messages(&app), []);
}

/// What had begun has ended the other for good: who withdraws it is told, and so is who checks the patient.
#[test]
fn what_is_no_longer_to_be_had_back_is_told() {
    for deletes in [true, false] {
        let app = spawn();
        two_vardgivare(&app);
        let new = replaced(&app, "2026-03-10");
        let marked = stored(&app, "/fhir/r5/CareTeam/gammal");
        let answer = match deletes {
            true => app.delete("/fhir/r5/CareTeam/ny").expect(204),
            false => {
                let mut wrong = new.clone();
                wrong["status"] = json!("entered-in-error");
                app.put("/fhir/r5/CareTeam/ny", &wrong).expect(200)
            }
        };
        assert_eq!(answer.header("x-riktlinje"), Some("FK-09;warning"), "{deletes}");
        let noted = stored(&app, "/fhir/r5/CareTeam/gammal");
        assert_eq!(
            noted["extension"][1],
            json!({ "url": ERSATT_FRAN, "valueDate": "2026-03-10" })
        );
        assert_eq!(noted["period"], marked["period"]);
        assert!(
            noted["extension"][0]
                .to_string()
                .contains("\"aterkallad\",\"valueDate\":\"2026-03-10\""),
            "{noted}"
        );
        assert_eq!(messages(&app), [told("kontakt-ersatt"), told("ersattning-aterkallad")]);
        let tells = |app: &TestApp| {
            let check = app.get("/fhir/r5/Patient/anna/$riktlinjekontroll").expect(200);
            check.text.contains("FK-09")
        };
        assert!(tells(&app), "{deletes}");
        let mut next = fast_kontakt("anna", "2", "vc-lakare");
        next["period"]["start"] = json!("2026-03-10");
        app.post("/fhir/r5/CareTeam", &next).expect(201);
        assert!(!tells(&app), "{deletes}");
    }
}

/// What its own unit has done with it since stands.
#[test]
fn what_its_own_unit_has_ended_is_not_taken_back() {
    let app = spawn();
    two_vardgivare(&app);
    replaced(&app, "2026-03-20");
    let mut ended = app.get("/fhir/r5/CareTeam/gammal").expect(200).json();
    ended["status"] = json!("inactive");
    app.put("/fhir/r5/CareTeam/gammal", &ended).expect(200);
    let answer = app.delete("/fhir/r5/CareTeam/ny").expect(204);
    assert_eq!(answer.header("x-riktlinje"), Some("FK-09;warning"));
    let stood = stored(&app, "/fhir/r5/CareTeam/gammal");
    assert_eq!(
        (&stood["status"], &stood["period"]),
        (&json!("inactive"), &ended["period"])
    );
}

/// Anna's läkarkontakt `a` at the vårdcentral since January, and others at that of the same vårdgivare or of another.
struct Byten {
    app: TestApp,
    annans: bool,
}

impl Byten {
    fn new(annans: bool) -> Byten {
        let app = spawn();
        orebro(&app);
        region(&app, "privat", "SE5560000001-1001");
        let byten = Byten { app, annans };
        let mut first = fast_kontakt("anna", "2", "vc-lakare");
        first["id"] = json!("a");
        first["managingOrganization"] = json!([{ "reference": "Organization/vc" }]);
        put(&byten.app, &first);
        byten
    }

    /// A contact over these days that replaces those.
    fn kontakt(&self, id: &str, days: (&str, Option<&str>), replaces: &[&str]) -> Value {
        let unit = if self.annans { "privat" } else { "vc" };
        let mut kontakt = request(fast_kontakt("anna", "2", &format!("{unit}-lakare-2")));
        kontakt["id"] = json!(id);
        kontakt["managingOrganization"] = json!([{ "reference": format!("Organization/{unit}") }]);
        kontakt["period"] = json!({ "start": days.0 });
        if let Some(end) = days.1 {
            kontakt["period"]["end"] = json!(end);
        }
        let said = |id: &&str| json!({ "url": ERSATTER, "valueReference": { "reference": format!("CareTeam/{id}") } });
        if !replaces.is_empty() {
            kontakt["extension"] = replaces.iter().map(said).collect();
        }
        kontakt
    }

    fn read(&self, id: &str) -> Value {
        stored(&self.app, &format!("/fhir/r5/CareTeam/{id}"))
    }

    /// The contact as it stands, entered in error.
    fn wrong(&self, id: &str) -> Value {
        self.read(id).merged(&json!({ "status": "entered-in-error" }))
    }

    fn together(&self, contacts: &[Value]) -> Answer {
        let entry = |it: &Value| {
            let url = format!("CareTeam/{}", it["id"].as_str().unwrap());
            json!({ "resource": it, "request": { "method": "PUT", "url": url } })
        };
        let entries: Vec<Value> = contacts.iter().map(entry).collect();
        self.app.post(
            "/fhir/r5",
            &json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }),
        )
    }

    /// On which days the contact is in force, from the day of the test on: of a marked one until the day before.
    fn days(&self, id: &str) -> Option<(String, String)> {
        let kontakt = self.read(id);
        if kontakt["status"] != "active" {
            return None;
        }
        let extensions = kontakt["extension"].as_array().cloned().unwrap_or_default();
        let marked = extensions.iter().find(|it| it["url"] == ERSATT_FRAN);
        let before = marked.map(|it| day_before(it["valueDate"].as_str().unwrap()));
        let end = kontakt["period"]["end"].as_str().unwrap_or("9999-12-31").to_owned();
        let end = before.map_or(end.clone(), |before| before.min(end));
        let start = kontakt["period"]["start"].as_str().unwrap_or("0001-01-01").to_owned();
        (start <= end && *end >= *"2026-03-10").then_some((start, end))
    }

    fn kontroll(&self) -> String {
        self.app
            .get("/fhir/r5/Patient/anna/$riktlinjekontroll")
            .expect(200)
            .text
    }
}

fn day_before(day: &str) -> String {
    let day: jiff::civil::Date = day.parse().expect("a date");
    day.yesterday().expect("a day").to_string()
}

fn until(day: &str) -> Option<(String, String)> {
    Some(("2026-01-01".to_owned(), day.to_owned()))
}

const FOR_EVER: &str = "9999-12-31";

#[test]
fn the_first_form_comes_back_when_all_that_replaced_it_has_come_to_nothing() {
    for annans in [false, true] {
        for last_first in [false, true] {
            for deletes in [false, true] {
                let byten = Byten::new(annans);
                let before = byten.read("a");
                put(&byten.app, &byten.kontakt("b", ("2026-04-01", None), &["a"]));
                assert_eq!(byten.days("a"), until("2026-03-31"));
                put(&byten.app, &byten.kontakt("c", ("2026-03-25", None), &["a", "b"]));
                assert_eq!((byten.days("a"), byten.days("b")), (until("2026-03-24"), None));
                let take_away = |id: &str| {
                    let answer = match deletes {
                        true => byten.app.delete(&format!("/fhir/r5/CareTeam/{id}")),
                        false => byten.app.put(&format!("/fhir/r5/CareTeam/{id}"), &byten.wrong(id)),
                    };
                    assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
                    assert!(!answer.text.contains("FK-09"), "{}", answer.text);
                };
                match last_first {
                    true => {
                        take_away("c");
                        let april = ("2026-04-01".to_owned(), FOR_EVER.to_owned());
                        assert_eq!((byten.days("a"), byten.days("b")), (until("2026-03-31"), Some(april)));
                        take_away("b");
                    }
                    false => {
                        take_away("b");
                        assert_eq!(byten.days("a"), until("2026-03-24"));
                        take_away("c");
                    }
                }
                assert_eq!(byten.read("a"), before, "{annans} {last_first} {deletes}");
                assert!(!byten.kontroll().contains("FLK-04"));
            }
        }
    }
}

/// The order of a transaction's entries means nothing (http.html, transaction).
#[test]
fn what_a_transaction_brings_about_hangs_not_on_the_order_of_its_entries() {
    for annans in [false, true] {
        for turned in [false, true] {
            let byten = Byten::new(annans);
            let before = byten.read("a");
            let together = |mut contacts: Vec<Value>| {
                if turned {
                    contacts.reverse();
                }
                byten.together(&contacts).expect(200)
            };
            put(&byten.app, &byten.kontakt("b", ("2026-04-01", None), &["a"]));
            let told = messages(&byten.app).len();
            together(vec![byten.kontakt("c", ("2026-03-25", None), &["a"]), byten.wrong("b")]);
            assert_eq!(byten.days("a"), until("2026-03-24"), "{annans} {turned}");
            let later: Vec<String> = messages(&byten.app).into_iter().skip(told).map(|it| it.0).collect();
            assert_eq!(later, ["kontakt-ersatt"; 1][usize::from(!annans)..]);
            // What the taken back leaves can be corrected.
            let phone = json!({ "telecom": [{ "system": "phone", "value": "019-000001" }] });
            put(&byten.app, &byten.read("c").merged(&phone));
            together(vec![byten.wrong("c")]);
            assert_eq!(byten.read("a"), before);
            // A stand-in, and the next one after it.
            let stand_in = byten.kontakt("d", ("2026-03-25", Some("2026-04-04")), &["a"]);
            together(vec![stand_in, byten.kontakt("e", ("2026-04-05", None), &["a"])]);
            assert_eq!(byten.days("a"), until("2026-03-24"), "{annans} {turned}");
            assert!(!byten.kontroll().contains("FLK-04"));
            together(vec![byten.wrong("d"), byten.wrong("e")]);
            assert_eq!(byten.read("a"), before);
        }
    }
}

#[test]
fn a_chain_is_handed_on_when_its_middle_goes() {
    for annans in [false, true] {
        for deletes in [false, true] {
            let byten = Byten::new(annans);
            let before = byten.read("a");
            put(&byten.app, &byten.kontakt("b", ("2026-04-01", None), &["a"]));
            put(&byten.app, &byten.kontakt("c", ("2026-04-01", None), &["b"]));
            assert_eq!((byten.days("a"), byten.days("b")), (until("2026-03-31"), None));
            match deletes {
                true => byten.app.delete("/fhir/r5/CareTeam/b").expect(204),
                false => byten.app.put("/fhir/r5/CareTeam/b", &byten.wrong("b")).expect(200),
            };
            assert_eq!(byten.days("a"), until("2026-03-31"));
            let answer = byten.app.put("/fhir/r5/CareTeam/c", &byten.wrong("c")).expect(200);
            assert!(!answer.text.contains("FK-09"), "{}", answer.text);
            assert_eq!(byten.read("a"), before, "{annans} {deletes}");
        }
    }
}

#[test]
fn a_replacement_moves_both_ways_and_one_that_is_dated_into_the_past_is_none() {
    for annans in [false, true] {
        let byten = Byten::new(annans);
        let mut first = byten.read("a");
        first["period"]["end"] = json!("2026-06-20");
        put(&byten.app, &first);
        let before = byten.read("a");
        put(&byten.app, &byten.kontakt("b", ("2026-06-01", None), &["a"]));
        for (start, last) in [
            ("2026-05-26", "2026-05-25"),
            ("2026-06-10", "2026-06-09"),
            ("2026-06-24", "2026-06-20"),
            ("2026-06-10", "2026-06-09"),
        ] {
            put(&byten.app, &byten.kontakt("b", (start, None), &["a"]));
            assert_eq!(byten.days("a"), until(last), "{annans} {start}");
        }
        put(
            &byten.app,
            &byten.kontakt("b", ("2026-03-01", Some("2026-03-05")), &["a"]),
        );
        assert_eq!(byten.read("a"), before);
    }
}

/// What one write of a transaction gives back counts for what another takes back.
#[test]
fn what_is_given_back_by_one_entry_replaces_what_another_gives_back() {
    for turned in [false, true] {
        let byten = Byten::new(false);
        put(&byten.app, &byten.kontakt("b", ("2026-03-17", None), &["a"]));
        put(&byten.app, &byten.kontakt("d", ("2026-03-16", None), &["b"]));
        put(
            &byten.app,
            &byten.kontakt("c", ("2026-03-12", Some("2026-03-12")), &["a"]),
        );
        let mut moved = vec![
            byten.kontakt("d", ("2026-03-19", None), &[]),
            byten.kontakt("c", ("2026-03-19", None), &["d"]),
        ];
        if turned {
            moved.reverse();
        }
        byten.together(&moved).expect(200);
        assert_eq!(byten.days("a"), until("2026-03-16"));
        let between = ("2026-03-17".to_owned(), "2026-03-18".to_owned());
        assert_eq!(byten.days("b"), Some(between));
    }
}

/// GEN-02: what came to stand beside a contact since it replaced another does not keep it from being corrected.
#[test]
fn a_contact_that_has_replaced_another_can_be_corrected_beside_one_that_came_later() {
    let byten = Byten::new(false);
    let mut new = byten.kontakt("b", ("2026-03-10", None), &[]);
    new["extension"] = json!([{ "url": ERSATTER, "valueBoolean": true }]);
    put(&byten.app, &new);
    put(&byten.app, &patient("other", None));
    let mut others = fast_kontakt("other", "2", "vc-lakare");
    others["id"] = json!("others");
    put(&byten.app, &others);
    let linked = json!({ "link": [{ "other": { "reference": "Patient/other" }, "type": "seealso" }] });
    let anna = stored(&byten.app, "/fhir/r5/Patient/anna");
    put(&byten.app, &anna.merged(&linked));
    new["telecom"] = json!([{ "system": "phone", "value": "019-000001" }]);
    let answer = byten.app.put("/fhir/r5/CareTeam/b", &new).expect(200);
    assert!(answer.header("x-riktlinje").unwrap().contains("FLK-04;warning"));
}

/// One contact of a random story: when it begins and ends in days after the test's, and whom it replaces.
type Kontakt = (u8, Option<u8>, Vec<bool>);

#[derive(Clone, Debug)]
enum Steg {
    Satts(usize, Kontakt),
    TasBort(usize, bool),
}

fn steg() -> impl Strategy<Value = Vec<Steg>> {
    let kontakt = (
        2u8..12,
        proptest::option::of(0u8..6),
        proptest::collection::vec(proptest::bool::weighted(0.8), 4),
    );
    let one = prop_oneof![
        2 => (0usize..3, kontakt).prop_map(|(which, kontakt)| Steg::Satts(which, kontakt)),
        1 => (0usize..3, any::<bool>()).prop_map(|(which, deletes)| Steg::TasBort(which, deletes)),
    ];
    proptest::collection::vec(one, 1..3)
}

fn in_days(days: u8) -> String {
    let today: jiff::civil::Date = "2026-03-10".parse().expect("a date");
    today
        .checked_add(jiff::Span::new().days(days))
        .expect("a day")
        .to_string()
}

/// The entries of a transaction; of two steps with one contact, the last.
fn entries(byten: &Byten, steps: &[Steg]) -> Vec<Value> {
    let ids = ["b", "c", "d"];
    let mut all = std::collections::BTreeMap::new();
    for step in steps {
        let (which, request) = match step {
            Steg::Satts(which, (start, length, replaces)) => {
                let named = ["a", "b", "c", "d"].into_iter().zip(replaces);
                let named: Vec<&str> = named
                    .filter(|(id, is)| **is && *id != ids[*which])
                    .map(|(id, _)| id)
                    .collect();
                let end = length.map(|length| in_days(start + length));
                let kontakt = byten.kontakt(ids[*which], (&in_days(*start), end.as_deref()), &named);
                let url = format!("CareTeam/{}", ids[*which]);
                (
                    which,
                    json!({ "resource": kontakt, "request": { "method": "PUT", "url": url } }),
                )
            }
            Steg::TasBort(which, deletes) => {
                let url = format!("CareTeam/{}", ids[*which]);
                let there = byten.app.get(&format!("/fhir/r5/{url}"));
                let request = match (there.status, deletes) {
                    (200, true) => json!({ "request": { "method": "DELETE", "url": url } }),
                    (200, false) => {
                        json!({ "resource": byten.wrong(ids[*which]), "request": { "method": "PUT", "url": url } })
                    }
                    _ => continue,
                };
                (which, request)
            }
        };
        all.insert(*which, request);
    }
    all.into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is written in whatever order: never two läkarkontakter on one day; and when all that replaced the first is
    /// withdrawn before it begins, she is what she was.
    #[test]
    fn no_story_leaves_two_or_none(annans in any::<bool>(), story in proptest::collection::vec(steg(), 1..6)) {
        let (one, turned) = (Byten::new(annans), Byten::new(annans));
        let before = one.read("a");
        for steps in &story {
            if entries(&one, steps).is_empty() {
                continue;
            }
            let send = |byten: &Byten, turn: bool| {
                let mut entries = entries(byten, steps);
                if turn {
                    entries.reverse();
                }
                byten.app.post("/fhir/r5", &json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }))
            };
            let (answer, other) = (send(&one, false), send(&turned, true));
            prop_assert!(matches!(answer.status, 200 | 422), "{}", answer.text);
            prop_assert_eq!(answer.status, other.status, "{}\n{}", answer.text, other.text);
            let there: Vec<&str> = ["a", "b", "c", "d"].into_iter()
                .filter(|id| one.app.get(&format!("/fhir/r5/CareTeam/{id}")).status == 200)
                .collect();
            let mut days = Vec::new();
            for id in &there {
                prop_assert_eq!(one.days(id), turned.days(id), "{}", id);
                days.extend(one.days(id));
            }
            days.sort();
            for pair in days.windows(2) {
                prop_assert!(pair[0].1 <= pair[1].0, "{:?}", days);
            }
        }
        for id in ["b", "c", "d"] {
            one.app.delete(&format!("/fhir/r5/CareTeam/{id}"));
        }
        prop_assert_eq!(one.read("a"), before);
    }
}
