//! Single stories through the door: what is told before it is shown, what is cut out, and who may write.

use fastkontakt::access::harledning::DOLD;
use fastkontakt::access::scope::{About, Context, Right, Rights, Scope};
use fastkontakt::access::{Call, Systemanvandare, Who};
use fastkontakt::door::Door;
use fastkontakt::door::problem::Problem;
use fastkontakt::fhir::fault::IssueCode;
use fastkontakt::fhir::types::ResourceType::{self, *};
use fastkontakt::store::{Page, StoreError};
use serde_json::{Value, json};

use super::slumpen::{
    A, A1, A2, ATKOMST, B, B1, HSA, block_on, call, delete, in_emergency, medarbetare, open, patient, query, scope,
    staff, system, write,
};
use crate::common::{TestApp, spawn};

/// Two vårdgivare, and the patient p1.
pub(super) fn world() -> TestApp {
    let app = spawn();
    for (id, hsa_id, above) in [
        ("A", A, None),
        ("A1", A1, Some("A")),
        ("A2", A2, Some("A")),
        ("B", B, None),
        ("B1", B1, Some("B")),
    ] {
        let mut unit =
            json!({"resourceType": "Organization", "id": id, "identifier": [{"system": HSA, "value": hsa_id}]});
        if let Some(above) = above {
            unit["partOf"] = json!({"reference": format!("Organization/{above}")});
        }
        write(&app.door, &open(), &unit).expect("a unit");
    }
    for id in ["p1", "p2"] {
        write(&app.door, &open(), &json!({"resourceType": "Patient", "id": id})).expect("a patient");
    }
    app
}

pub(super) fn stay(id: &str, unit: &str) -> Value {
    json!({"resourceType": "Encounter", "id": id, "status": "in-progress", "subject": {"reference": "Patient/p1"},
        "serviceProvider": {"reference": format!("Organization/{unit}")}})
}

pub(super) fn condition(id: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": "Patient/p1"}})
}

pub(super) fn consent(id: &str, code: &str, about: &str) -> Value {
    let decision = if code.starts_with("sammanhallen") || code.starts_with("havning") {
        "permit"
    } else {
        "deny"
    };
    json!({"resourceType": "Consent", "id": id, "status": "active", "subject": {"reference": "Patient/p1"}, "decision": decision,
        "category": [{"coding": [{"system": ATKOMST, "code": code}]}], "controller": [{"reference": format!("Organization/{about}")}]})
}

pub(super) fn found(door: &Door, call: &Call, kind: ResourceType, text: &str) -> Page {
    block_on(door.search(call, query(kind, text, &[]), Vec::new())).expect("a page")
}

pub(super) fn read(door: &Door, call: &Call, kind: ResourceType, id: &str) -> Result<String, Problem> {
    block_on(door.read(call, kind, id.to_owned())).map(|stored| stored.body)
}

fn ids(page: &Page) -> Vec<&str> {
    let mut ids: Vec<&str> = page.entries.iter().map(|stored| stored.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

const MINE: &str = "patient=Patient/p1&_total=accurate";

#[test]
fn what_others_keep_is_told_to_exist_and_shown_when_the_patient_consents() {
    let app = world();
    let (door, b1) = (&app.door, staff(B1));
    write(door, &staff(A1), &condition("a")).expect("the own unit's");
    // Without a care relation nothing is told.
    let page = found(door, &b1, Condition, MINE);
    assert_eq!((ids(&page), page.total, page.annorstades), (vec![], Some(0), false));
    // With one: that there is something, and no more.
    write(door, &b1, &stay("b", "B1")).expect("the own unit's");
    let page = found(door, &b1, Condition, MINE);
    assert_eq!((ids(&page), page.total, page.annorstades), (vec![], Some(0), true));
    assert!(matches!(read(door, &b1, Condition, "a"), Err(Problem::NotFound)));
    // The patient is not told of what she sees, and neither is the unit that keeps it.
    assert!(!found(door, &patient("p1", false), Condition, MINE).annorstades);
    write(door, &patient("p1", false), &consent("c", "sammanhallen-vard", "B")).expect("her own");
    let page = found(door, &b1, Condition, MINE);
    assert_eq!((ids(&page), page.total, page.annorstades), (vec!["a"], Some(1), false));
    read(door, &b1, Condition, "a").expect("with consent and relation");
    // Blocked, nothing is told any more.
    write(door, &patient("p1", false), &consent("d", "yttre-sparr", "A")).expect("her own");
    let page = found(door, &b1, Condition, MINE);
    assert_eq!((ids(&page), page.total, page.annorstades), (vec![], Some(0), false));
    // But in a nödöppning, with its reason.
    assert_eq!(ids(&found(door, &in_emergency(B1, "p1"), Condition, MINE)), ["a"]);
    // Which opens the record of that patient, and no other's.
    let without = in_emergency(B1, "p2");
    assert!(ids(&found(door, &without, Condition, MINE)).is_empty());
}

#[test]
fn an_inner_block_holds_at_once_and_is_lifted_by_the_patient() {
    let app = world();
    let (door, a2) = (&app.door, staff(A2));
    write(door, &staff(A1), &condition("a")).expect("the own unit's");
    read(door, &a2, Condition, "a").expect("the same vårdgivare");
    write(door, &patient("p1", false), &consent("c", "inre-sparr", "A1")).expect("her own");
    assert!(matches!(read(door, &a2, Condition, "a"), Err(Problem::NotFound)));
    let page = found(door, &a2, Condition, MINE);
    assert_eq!((ids(&page), page.annorstades), (vec![], false));
    read(door, &staff(A1), Condition, "a").expect("the own unit");
    read(door, &patient("p1", false), Condition, "a").expect("her own");
    write(door, &patient("p1", false), &consent("d", "havning-av-sparr", "A2")).expect("her own");
    read(door, &a2, Condition, "a").expect("lifted");
    // The block ends when the patient says so.
    let mut ended = consent("c", "inre-sparr", "A1");
    ended["status"] = json!("inactive");
    write(door, &patient("p1", false), &ended).expect("her own");
    let mut over = consent("d", "havning-av-sparr", "A2");
    over["status"] = json!("inactive");
    write(door, &patient("p1", false), &over).expect("her own");
    read(door, &a2, Condition, "a").expect("no block");
}

#[test]
fn a_guardian_neither_blocks_nor_lifts_what_the_child_has_blocked() {
    let app = world();
    let door = &app.door;
    let (child, guardian) = (patient("p1", false), patient("p1", true));
    assert!(matches!(
        write(door, &guardian, &consent("c", "inre-sparr", "A1")),
        Err(Problem::Forbidden)
    ));
    write(door, &child, &consent("c", "inre-sparr", "A1")).expect("her own");
    let mut ended = consent("c", "inre-sparr", "A1");
    ended["status"] = json!("inactive");
    assert!(matches!(write(door, &guardian, &ended), Err(Problem::Forbidden)));
    // Neither by making it something else.
    assert!(matches!(
        write(door, &guardian, &consent("c", "sammanhallen-vard", "A1")),
        Err(Problem::Forbidden)
    ));
    write(door, &guardian, &consent("d", "sammanhallen-vard", "B")).expect("a consent");
    assert!(matches!(delete(door, &guardian, Consent, "d"), Err(Problem::Forbidden)));
}

#[test]
fn what_is_meant_for_the_staff_alone_is_cut_out_everywhere() {
    let app = world();
    let door = &app.door;
    let url = fastkontakt::access::klipp::INTERN_ANTECKNING;
    let mut plan = json!({"resourceType": "CarePlan", "id": "a", "status": "active", "intent": "plan", "subject": {"reference": "Patient/p1"},
        "text": {"status": "generated", "div": "<div>Hemligt</div>"},
        "contained": [{"resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "description": {"text": "Gå", "extension": [{"url": url, "valueString": "Hemligt"}]},
            "subject": {"reference": "Patient/p1"}}],
        "title": "Plan", "_title": {"extension": [{"url": url, "valueString": "Hemligt"}]},
        "note": [{"text": "Öppet"}]});
    write(door, &staff(A1), &plan).expect("the own unit's");
    plan["extension"] =
        json!([{"url": url, "valueString": "Hemligt"}, {"url": "https://example.org/annat", "valueString": "Öppet"}]);
    write(door, &staff(A1), &plan).expect("the own unit's");
    for who in [patient("p1", false), patient("p1", true)] {
        let mut shown = vec![read(door, &who, CarePlan, "a").expect("her own")];
        for version in 1..=2 {
            let past = block_on(door.vread(&who, CarePlan, "a".to_owned(), version)).expect("her own");
            shown.push(past.body);
        }
        shown.extend(
            found(door, &who, CarePlan, MINE)
                .entries
                .into_iter()
                .map(|stored| stored.body),
        );
        let page = found(door, &who, Patient, "_id=p1&_revinclude=CarePlan:subject");
        assert_eq!(page.included.entries.len(), 1);
        shown.extend(page.included.entries.into_iter().map(|stored| stored.body));
        for body in shown {
            assert!(
                !body.contains("Hemligt") && !body.contains("intern-anteckning"),
                "{body}"
            );
            let resource: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(resource["note"][0]["text"], "Öppet");
            assert!(resource.get("_title").is_none() && resource.get("text").is_none());
            assert_eq!(resource["contained"][0]["description"], json!({"text": "Gå"}));
        }
    }
    assert!(
        read(door, &staff(A1), CarePlan, "a")
            .expect("the own unit's")
            .contains("Hemligt")
    );
}

#[test]
fn where_a_protected_person_lives_is_not_told_to_another_vardgivare() {
    let app = world();
    let door = &app.door;
    let label = json!({"security": [{"system": "http://hl7.se/fhir/ig/base/CodeSystem/SecurityLabel", "code": "sekretessmarkering"}]});
    let protected = json!({"resourceType": "Patient", "id": "p1", "meta": label, "name": [{"family": "Test"}],
        "managingOrganization": {"reference": "Organization/A1"}, "address": [{"city": "Hemlig ort"}], "telecom": [{"value": "0700000000"}]});
    write(door, &open(), &protected).expect("a patient");
    let relative = json!({"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/p1"}, "address": [{"city": "Hemlig ort"}]});
    write(door, &staff(A1), &relative).expect("the own unit's");
    // The same vårdgivare, but no part in the care.
    assert!(matches!(read(door, &staff(A2), Patient, "p1"), Err(Problem::NotFound)));
    assert!(matches!(
        read(door, &staff(A2), RelatedPerson, "r"),
        Err(Problem::NotFound)
    ));
    assert!(
        read(door, &staff(A1), Patient, "p1")
            .expect("the own unit")
            .contains("Hemlig ort")
    );
    // Another vårdgivare with relation and consent sees who, and not where.
    write(door, &staff(B1), &stay("b", "B1")).expect("the own unit's");
    write(door, &patient("p1", false), &consent("c", "sammanhallen-vard", "B")).expect("her own");
    for (kind, id) in [(Patient, "p1"), (RelatedPerson, "r")] {
        let body = read(door, &staff(B1), kind, id).expect("with relation and consent");
        assert!(!body.contains("Hemlig ort") && !body.contains("0700000000"), "{body}");
    }
    assert_eq!(ids(&found(door, &staff(B1), Patient, "family=Test")), ["p1"]);
    assert!(ids(&found(door, &staff(B1), Patient, "address-city=Hemlig ort")).is_empty());
    assert!(
        ids(&found(
            door,
            &staff(B1),
            Encounter,
            "subject:Patient.address-city=Hemlig ort"
        ))
        .is_empty()
    );
    assert_eq!(
        ids(&found(door, &staff(A1), Patient, "address-city=Hemlig ort")),
        ["p1"]
    );
    // What was cut out is not written away.
    let back: Value = serde_json::from_str(&read(door, &staff(B1), Patient, "p1").expect("a Patient")).expect("JSON");
    assert!(matches!(write(door, &staff(B1), &back), Err(Problem::Forbidden)));
}

#[test]
fn scopes_confine_what_is_read_and_written() {
    let app = world();
    let door = &app.door;
    write(door, &staff(A1), &condition("a")).expect("the own unit's");
    let only = |kind, rights, filter: Option<&str>| {
        let scope = Scope {
            context: Context::User,
            about: About::Kind(kind),
            rights,
            filter: filter.map(str::to_owned),
        };
        call(medarbetare(A1, None), vec![scope])
    };
    let reader = only(
        Condition,
        Rights {
            read: true,
            ..Rights::default()
        },
        None,
    );
    read(door, &reader, Condition, "a").expect("r");
    let refused = block_on(door.search(&reader, query(Condition, "", &[]), Vec::new()));
    assert!(
        matches!(refused, Err(Problem::Forbidden)),
        "{Right:?} s",
        Right = Right::Search
    );
    assert!(matches!(read(door, &reader, CareTeam, "x"), Err(Problem::Forbidden)));
    assert!(matches!(write(door, &reader, &condition("a")), Err(Problem::Forbidden)));
    let creator = only(
        Condition,
        Rights {
            create: true,
            ..Rights::default()
        },
        None,
    );
    write(door, &creator, &condition("b")).expect("c");
    assert!(
        matches!(write(door, &creator, &condition("b")), Err(Problem::Forbidden)),
        "c is no u"
    );
    let active = only(Encounter, Rights::ALL, Some("?status=in-progress"));
    write(door, &active, &stay("s", "A1")).expect("within the scope");
    let mut over = stay("s", "A1");
    over["status"] = json!("completed");
    assert!(
        matches!(write(door, &active, &over), Err(Problem::Forbidden)),
        "out of the scope"
    );
    write(door, &staff(A1), &over).expect("the own unit's");
    assert!(matches!(read(door, &active, Encounter, "s"), Err(Problem::NotFound)));
    assert!(
        matches!(write(door, &active, &stay("s", "A1")), Err(Problem::Forbidden)),
        "from out of the scope"
    );
    // A scope for a patient stays with the patient.
    let launched = call(medarbetare(A1, Some("p2")), vec![scope(Context::Patient, None, None)]);
    assert!(matches!(read(door, &launched, Condition, "a"), Err(Problem::NotFound)));
    assert!(matches!(
        write(door, &launched, &condition("c")),
        Err(Problem::Forbidden)
    ));
    // The catalogue decides who keeps what: no person writes it.
    let unit = json!({"resourceType": "Organization", "id": "A3", "identifier": [{"system": HSA, "value": "SE2321000164-A3"}],
        "partOf": {"reference": "Organization/A"}});
    assert!(matches!(write(door, &staff(A1), &unit), Err(Problem::Forbidden)));
    write(door, &system(None), &unit).expect("the vårdgivare's system");
    let theirs = json!({"resourceType": "Organization", "id": "B1", "identifier": [{"system": HSA, "value": B1}], "partOf": {"reference": "Organization/A"}});
    assert!(
        matches!(write(door, &system(None), &theirs), Err(Problem::Forbidden)),
        "another's unit is not taken"
    );
    let mut twin = theirs.clone();
    twin["id"] = json!("X");
    assert!(
        matches!(write(door, &system(None), &twin), Err(Problem::Forbidden)),
        "nor its name"
    );
}

#[test]
fn what_is_kept_is_made_anew_by_reindexing() {
    let app = world();
    let door = &app.door;
    write(door, &staff(A1), &condition("a")).expect("the own unit's");
    write(door, &patient("p1", false), &consent("c", "inre-sparr", "A1")).expect("her own");
    let looked = |door: &Door| {
        let kept = door.store.read_blocking(|session| {
            Ok::<_, StoreError>((
                session.kept_beside(Condition, "a")?,
                session.kept_beside(Organization, "A1")?,
                session.ratter("p1", door.clock.now().as_microsecond())?,
            ))
        });
        kept.expect("an answer")
    };
    let before = looked(door);
    fastkontakt::door::reindex::reindex(&door.store).expect("made anew");
    assert_eq!(looked(door), before);
    assert!(matches!(read(door, &staff(A2), Condition, "a"), Err(Problem::NotFound)));
}

#[test]
fn what_the_patient_said_is_ended_by_staff_and_never_turned_round() {
    let app = world();
    let door = &app.door;
    write(door, &staff(A1), &condition("a")).expect("the own unit's");
    write(door, &staff(B1), &stay("visit", "B1")).expect("a part in the care");
    write(door, &patient("p1", false), &consent("c", "yttre-sparr", "A")).expect("her own");
    assert!(matches!(
        write(door, &staff(B1), &consent("c", "sammanhallen-vard", "B")),
        Err(Problem::Forbidden)
    ));
    assert!(matches!(read(door, &staff(B1), Condition, "a"), Err(Problem::NotFound)));
    // Who has no part in the care has not been given the patient's word.
    assert!(matches!(
        write(door, &staff(A2), &consent("d", "sammanhallen-vard", "A2")),
        Err(Problem::Forbidden)
    ));
    assert!(matches!(
        write(door, &staff(A2), &consent("d", "havning-av-sparr", "A2")),
        Err(Problem::Forbidden)
    ));
    assert!(matches!(
        write(door, &patient("p1", true), &consent("e", "havning-av-sparr", "A")),
        Err(Problem::Forbidden)
    ));
    let mut ended = consent("c", "yttre-sparr", "A");
    ended["status"] = json!("inactive");
    assert!(
        matches!(write(door, &staff(B1), &ended), Err(Problem::Forbidden)),
        "not by those whom it keeps out"
    );
    write(door, &staff(A1), &stay("visit-a", "A1")).expect("a part in the care");
    let mut changed = ended.clone();
    changed["decision"] = json!("permit");
    assert!(matches!(write(door, &staff(A1), &changed), Err(Problem::Forbidden)));
    write(door, &staff(A1), &ended).expect("as she asked");
}

#[test]
fn who_ends_what_the_patient_said_neither_hides_nor_rewrites_it() {
    let app = world();
    let (door, p1, a1) = (&app.door, patient("p1", false), staff(A1));
    write(door, &a1, &stay("visit-a", "A1")).expect("a part in the care");
    let div = |words: &str| json!({"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{words}</div>")});
    let hidden = json!([{"system": DOLD.0, "code": DOLD.1}]);
    let today = app.door.clock.today();
    let yesterday = today.yesterday().expect("a day").to_string();
    let tomorrow = today.tomorrow().expect("a day").to_string();
    // A block, a consent for others, and one that has no code of ours.
    let block = consent("block", "yttre-sparr", "A");
    let given = consent("given", "sammanhallen-vard", "B");
    let mut research = consent("research", "forskning", "A");
    research["category"] = json!([{"text": "forskning"}]);
    for mut said in [block, given, research] {
        let id = said["id"].as_str().expect("an id").to_owned();
        said["text"] = div("Nej");
        write(door, &p1, &said).expect("her own");
        let change = |changes: &[(&str, Value)]| {
            let mut changed = said.clone();
            for (pointer, value) in changes {
                match pointer.split_once('/') {
                    Some((outer, inner)) => changed[outer][inner] = value.clone(),
                    None => changed[*pointer] = value.clone(),
                }
            }
            changed
        };
        let inactive = || ("status", json!("inactive"));
        for refused in [
            change(&[inactive(), ("meta/security", hidden.clone())]),
            change(&[inactive(), ("text", div("Ja"))]),
            change(&[
                inactive(),
                ("meta/tag", json!([{"code": "x", "display": "Hon tog fel"}])),
            ]),
            change(&[inactive(), ("meta/source", json!("urn:hon-tog-fel"))]),
            change(&[inactive(), ("meta/profile", json!(["http://example.org/hon-tog-fel"]))]),
            change(&[("text", div("Ja"))]),
            change(&[("meta/security", hidden.clone())]),
            // A write that ends nothing, though it changes nothing else.
            said.clone(),
            change(&[("meta/tag", json!([{"code": "sedd"}]))]),
            // It held until today, and is over when it is ended.
            change(&[("period/end", json!("1990-01-01"))]),
            change(&[("period/end", json!(yesterday))]),
            change(&[("period/end", json!(tomorrow))]),
            change(&[
                ("period/start", json!(yesterday)),
                ("period/end", json!(today.to_string())),
            ]),
            change(&[("status", json!("entered-in-error"))]),
        ] {
            let refusal = write(door, &a1, &refused);
            assert!(matches!(refusal, Err(Problem::Forbidden)), "{refused}");
        }
        let ends_today = change(&[("period/end", json!(today.to_string()))]);
        write(door, &a1, &ends_today).expect("as she asked");
        let mut over = ends_today.clone();
        over["status"] = json!("inactive");
        write(door, &a1, &over).expect("at once");
        // What is over is hers.
        let mut after = over.clone();
        after["text"] = div("Ja");
        let mut again = over.clone();
        again["period"]["end"] = json!(format!("{today}T00:00:01+01:00"));
        let mut back = over.clone();
        back["status"] = json!("active");
        let mut label = over.clone();
        label["meta"]["security"] = hidden.clone();
        for refused in [after, again, back, label, over] {
            let refusal = write(door, &a1, &refused);
            assert!(matches!(refusal, Err(Problem::Forbidden)), "{refused}");
        }
        assert!(read(door, &p1, Consent, &id).expect("her own").contains("Nej"));
    }
}

/// A patch leaves a narrative out that was made of the data, and none in words of one's own.
#[test]
fn what_the_patient_said_is_ended_by_a_patch_too() {
    let app = world();
    let (door, p1, a1) = (&app.door, patient("p1", false), staff(A1));
    write(door, &a1, &stay("visit-a", "A1")).expect("a part in the care");
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\">Nej</div>";
    for (status, is_made) in [("generated", true), ("extensions", true), ("additional", false)] {
        let mut said = consent(&format!("said-{status}"), "inre-sparr", "A1");
        said["text"] = json!({ "status": status, "div": div });
        write(door, &p1, &said).expect("her own");
        let mut ended = said.clone();
        ended["status"] = json!("inactive");
        ended.as_object_mut().expect("an object").remove("text");
        assert_eq!(write(door, &a1, &ended).is_ok(), is_made, "{status}");
    }
}

/// A record that is hidden, or moved to another, while it is read: what decides about it is that of the version that is shown.
#[test]
fn what_decides_about_a_record_is_of_the_version_that_is_shown() {
    let app = world();
    let (door, a1) = (&app.door, staff(A1));
    let plan = |words: &str| json!({"resourceType": "CarePlan", "id": "turning", "status": "draft", "intent": "plan", "subject": {"reference": "Patient/p1"}, "description": words});
    let mut hidden = plan("dold");
    hidden["meta"]["security"] = json!([{"system": DOLD.0, "code": DOLD.1}]);
    let mut others = plan("annans");
    others["subject"]["reference"] = json!("Patient/p2");
    write(door, &a1, &plan("synlig")).expect("the own unit's");
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let p1 = patient("p1", false);
                    let mut seen = 0;
                    while !over.load(std::sync::atomic::Ordering::Relaxed) {
                        if let Ok(body) = read(door, &p1, CarePlan, "turning") {
                            assert!(body.contains("synlig"), "{body}");
                            seen += 1;
                        }
                    }
                    seen
                })
            })
            .collect();
        for number in 0..150 {
            let away = if number % 2 == 0 { &hidden } else { &others };
            write(door, &a1, away).expect("the own unit's");
            write(door, &a1, &plan("synlig")).expect("the own unit's");
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        let seen: usize = readers.into_iter().map(|reader| reader.join().expect("a reader")).sum();
        assert!(seen > 0, "it was read");
    });
}

/// What a patient's consents and blocks name is asked each time that something of hers is read.
#[test]
fn a_patients_consents_and_blocks_name_so_many_units_and_no_more() {
    let app = world();
    let (door, p1) = (&app.door, patient("p1", false));
    let naming = |id: &str, code: &str, units: std::ops::Range<usize>| {
        let mut consent = consent(id, code, "A");
        let named = units.map(|unit| json!({"identifier": {"system": HSA, "value": format!("SE2321000172-U{unit}")}}));
        consent["controller"] = named.collect();
        consent
    };
    let is_too_many = |written: Result<_, Problem>| match written.map(drop) {
        Err(Problem::NotFhir(faults)) => faults[0].code == IssueCode::TooLong,
        other => panic!("{other:?}"),
    };
    write(door, &p1, &naming("a", "yttre-sparr", 0..300)).expect("her own");
    assert!(is_too_many(write(door, &p1, &naming("b", "sammanhallen-vard", 0..201))));
    write(door, &p1, &naming("b", "sammanhallen-vard", 0..200)).expect("so many together");
    assert!(is_too_many(write(door, &p1, &naming("c", "inre-sparr", 0..1))));
    // What names no unit is a row of its own, and so is one that begins later.
    let mut later = naming("c", "inre-sparr", 0..0);
    later.as_object_mut().expect("an object").remove("controller");
    later["period"] = json!({"start": door.clock.today().tomorrow().expect("a day").to_string()});
    assert!(is_too_many(write(door, &p1, &later)));
    // Anew, and fewer, is no more; what has ended, or is over when it is told, does not count.
    write(door, &p1, &naming("a", "yttre-sparr", 0..300)).expect("the same");
    let mut over = naming("over", "inre-sparr", 0..400);
    over["period"] = json!({"end": "2001-01-01"});
    write(door, &p1, &over).expect("it is over");
    let mut ended = naming("a", "yttre-sparr", 0..300);
    ended["status"] = json!("inactive");
    write(door, &p1, &ended).expect("she ends it");
    write(door, &p1, &later).expect("there is room");
}

#[test]
fn nothing_is_filed_in_the_name_of_another_unit() {
    let app = world();
    let door = &app.door;
    let plan = |id: &str, custodian: Value| {
        json!({"resourceType": "CarePlan", "id": id, "status": "draft", "intent": "plan", "custodian": custodian,
            "subject": {"reference": "Patient/p1"}, "contained": [{"resourceType": "Organization", "id": "o",
                "identifier": [{"system": HSA, "value": A1}], "partOf": {"reference": "Organization/B1"}}]})
    };
    let both = json!({"reference": "Organization/B1", "identifier": {"system": HSA, "value": A1}});
    for (id, custodian) in [("contained", json!({"reference": "#o"})), ("both", both)] {
        let mut plan = plan(id, custodian.clone());
        if custodian["reference"] != "#o" {
            plan.as_object_mut().unwrap().remove("contained");
        }
        write(door, &staff(B1), &plan).expect("the own unit's");
        read(door, &staff(B1), CarePlan, id).expect("the own unit's");
        assert!(
            matches!(read(door, &staff(A1), CarePlan, id), Err(Problem::NotFound)),
            "{id}"
        );
    }
    // Nor does the catalogue of another vårdgivare make a unit its own.
    let claimed = json!({"resourceType": "Organization", "id": "x", "identifier": [{"system": HSA, "value": "SE2321000164-A3"}],
        "partOf": {"reference": "Organization/B"}});
    let others = Who::System(Systemanvandare {
        hsa_id: None,
        vardenhet: None,
        vardgivare: B.to_owned(),
        katalog: false,
    });
    let others = call(others, vec![scope(Context::System, None, None)]);
    assert!(
        matches!(write(door, &others, &claimed), Err(Problem::Forbidden)),
        "an identifier that nobody has yet, but that is not B's to give"
    );
    // And if the catalogue had it so, it would not help.
    write(door, &open(), &claimed).expect("open mode");
    let a3 = call(
        medarbetare("SE2321000164-A3", None),
        vec![scope(Context::User, None, None)],
    );
    let own = json!({"resourceType": "CarePlan", "id": "a3", "status": "draft", "intent": "plan", "custodian": {"reference": "Organization/x"},
        "subject": {"reference": "Patient/p1"}});
    write(door, &a3, &own).expect("the own unit's");
    assert!(matches!(read(door, &staff(B1), CarePlan, "a3"), Err(Problem::NotFound)));
    assert!(matches!(read(door, &others, CarePlan, "a3"), Err(Problem::NotFound)));
    // And no vårdgivare puts its unit among those of another, whose records would then lie in it too.
    let mut moved = json!({"resourceType": "Organization", "id": "B1", "identifier": [{"system": HSA, "value": B1}],
        "partOf": {"reference": "Organization/B"}});
    write(door, &others, &moved).expect("where it lies");
    for above in [
        json!({"reference": "Organization/A1"}),
        json!({"identifier": {"system": HSA, "value": A1}}),
        json!({"reference": "Organization/not-there"}),
        // What is not there yet is made by somebody else, who says where it lies; an identifier beside it does not.
        json!({"reference": "Organization/not-there", "identifier": {"system": HSA, "value": B}}),
        json!({"reference": "Organization/not-there/_history/1", "identifier": {"system": HSA, "value": B}}),
    ] {
        moved["partOf"] = above;
        assert!(
            matches!(write(door, &others, &moved), Err(Problem::Forbidden)),
            "{moved}"
        );
    }
}

/// What staff write down as the patient's word is hers to see, and to take back.
#[test]
fn what_was_written_down_for_her_is_seen_and_taken_back() {
    let app = world();
    let (door, p1, guardian) = (&app.door, patient("p1", false), patient("p1", true));
    let (a1, a2, b1) = (staff(A1), staff(A2), staff(B1));
    write(door, &a1, &condition("a")).expect("the own unit's");
    for (caller, unit) in [(&a1, "A1"), (&a2, "A2"), (&b1, "B1")] {
        write(door, caller, &stay(&format!("visit-{unit}"), unit)).expect("a part in the care");
    }
    let hidden = |mut consent: Value| {
        consent["meta"]["security"] = json!([{"system": DOLD.0, "code": DOLD.1}]);
        consent
    };
    let ended = |mut consent: Value| {
        consent["status"] = json!("inactive");
        consent
    };
    let given = consent("given", "sammanhallen-vard", "B");
    assert!(matches!(
        write(door, &b1, &hidden(given.clone())),
        Err(Problem::Forbidden)
    ));
    write(door, &b1, &given).expect("her word");
    assert!(matches!(
        write(door, &b1, &hidden(given.clone())),
        Err(Problem::Forbidden)
    ));
    assert!(matches!(
        write(door, &b1, &hidden(ended(given.clone()))),
        Err(Problem::Forbidden)
    ));
    // Nor is any other Consent, or a part of one: it may become her word, or have been it.
    let mut other = consent("other", "sammanhallen-vard", "B");
    other["category"] = json!([{"text": "forskning"}]);
    let mut noted = given.clone();
    noted["extension"] = json!([{"url": fastkontakt::access::klipp::INTERN_ANTECKNING, "valueString": "för oss"}]);
    for refused in [hidden(other), noted] {
        assert!(
            matches!(write(door, &b1, &refused), Err(Problem::Forbidden)),
            "{refused}"
        );
    }
    read(door, &b1, Condition, "a").expect("with consent and relation");
    // She changes nothing else of it, and ends it.
    let mut changed = ended(given.clone());
    changed["controller"] = json!([{"reference": "Organization/A"}]);
    assert!(matches!(write(door, &p1, &changed), Err(Problem::Forbidden)));
    assert!(write(door, &patient("p2", false), &ended(given.clone())).is_err());
    write(door, &p1, &ended(given.clone())).expect("hers to take back");
    assert!(matches!(read(door, &b1, Condition, "a"), Err(Problem::NotFound)));
    // It is still the unit's record, and what is over is not ended again.
    assert!(matches!(
        write(door, &p1, &ended(given.clone())),
        Err(Problem::Forbidden)
    ));
    write(door, &b1, &given).expect("the unit's record");
    write(door, &guardian, &ended(given)).expect("a consent");
    // A lifting; which who acts for her neither makes nor ends.
    write(door, &p1, &consent("block", "inre-sparr", "A1")).expect("her own");
    let lifting = consent("lifting", "havning-av-sparr", "A2");
    write(door, &a2, &lifting).expect("her word");
    read(door, &a2, Condition, "a").expect("lifted");
    assert!(matches!(
        write(door, &guardian, &ended(lifting.clone())),
        Err(Problem::Forbidden)
    ));
    write(door, &p1, &ended(lifting)).expect("hers to take back");
    assert!(matches!(read(door, &a2, Condition, "a"), Err(Problem::NotFound)));
    // A block that the unit wrote down for her.
    let block = consent("of-unit", "inre-sparr", "A2");
    write(door, &a2, &block).expect("her word");
    assert!(matches!(
        write(door, &guardian, &ended(block.clone())),
        Err(Problem::Forbidden)
    ));
    write(door, &p1, &ended(block)).expect("hers to lift");
}
