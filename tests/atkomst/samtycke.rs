//! What the patient said, consents and blocks: who may give it, end it and see it.

use fastkontakt::access::harledning::DOLD;
use fastkontakt::door::problem::Problem;
use fastkontakt::fhir::fault::IssueCode;
use fastkontakt::fhir::types::ResourceType::*;
use serde_json::{Value, json};

use super::support::*;

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
