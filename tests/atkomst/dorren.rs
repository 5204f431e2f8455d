//! Single stories through the door: what is told before it is shown, what is cut out, and who may write.

use fastkontakt::access::harledning::DOLD;
use fastkontakt::access::scope::{About, Context, Right, Rights, Scope};
use fastkontakt::access::{Call, Systemanvandare, Who, klipp};
use fastkontakt::door::Door;
use fastkontakt::door::problem::Problem;
use fastkontakt::door::reindex::reindex;
use fastkontakt::fhir::types::ResourceType::{self, *};
use fastkontakt::store::StoreError;
use serde_json::{Value, json};

use super::support::*;

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

/// A contact is reached through a team of staff (riv-contact-via-team): whoever sees the contact must see the team.
#[test]
fn a_team_that_is_about_nobody_is_shown_as_the_catalogue_is() {
    let app = world();
    let door = &app.door;
    let team = json!({"resourceType": "CareTeam", "id": "team", "status": "active", "managingOrganization": [{"reference": "Organization/A1"}],
        "category": [{"coding": [{"system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": "team"}]}],
        "telecom": [{"system": "phone", "value": "019-123456"}], "participant": [{"member": {"reference": "PractitionerRole/x"}}]});
    write(door, &staff(A1), &team).expect("the own unit's");
    for caller in [patient("p1", false), staff(A1), staff(A2), staff(B1)] {
        assert!(
            read(door, &caller, CareTeam, "team")
                .expect("a team")
                .contains("019-123456")
        );
        assert_eq!(ids(&found(door, &caller, CareTeam, "category=team")), ["team"]);
    }
    // What it said before is for the own vårdgivare.
    let mut now = team.clone();
    now["telecom"][0]["value"] = json!("019-654321");
    write(door, &staff(A1), &now).expect("the own unit's");
    let before = |caller: &Call| block_on(door.vread(caller, CareTeam, "team".to_owned(), 1)).is_ok();
    let told = [patient("p1", false), staff(A1), staff(A2), staff(B1)].map(|caller| before(&caller));
    assert_eq!(told, [false, true, true, false]);
    // A word of a patient in it, and it is the unit's alone.
    let member = |member: Value| ("participant", json!([{"member": member}]));
    let number = "195009072553";
    let category = |system: &str, code: &str| json!([{"coding": [{"system": system, "code": code}]}]);
    let typ_av_careteam = "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs";
    let both =
        json!([{"coding": [{"system": typ_av_careteam, "code": "team"}]}, {"coding": [{"code": "Fast-Kontakt"}]}]);
    let nobodys = [
        member(json!({"reference": "RelatedPerson/r"})),
        ("contained", json!([{"resourceType": "Patient", "id": "c"}])),
        (
            "contained",
            json!([{"resourceType": "CareTeam", "id": "c", "category": category(typ_av_careteam, "fast-kontakt")}]),
        ),
        member(json!({"type": "Patient", "display": "Test Testsson"})),
        (
            "extension",
            json!([{"url": "https://example.org/of", "valueReference": {"reference": "https://example.org/fhir/Condition/1"}}]),
        ),
        member(
            json!({"identifier": {"system": "http://electronichealth.se/identifier/personnummer", "value": number}}),
        ),
        member(json!({"type": "http://hl7.org/fhir/StructureDefinition/Patient", "display": "Test Testsson"})),
        member(json!({"type": "Group", "display": "Test Testsson med flera"})),
        member(json!({"identifier": {"value": number}})),
        member(json!({"identifier": {"system": "https://example.org/journalnummer", "value": "17"}})),
        member(json!({"reference": "https://example.org/fhir/patient/5"})),
        member(json!({"reference": "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001"})),
        (
            "extension",
            json!([{"url": klipp::INTERN_ANTECKNING, "valueString": "Hemligt"}]),
        ),
        ("reason", json!([{"concept": {"text": "Hemligt"}}])),
        ("category", category(typ_av_careteam, "fast-kontakt")),
        ("category", category("https://example.org/egna", "team")),
        ("category", both),
    ];
    let is_shown = |id: &str| {
        let callers = [patient("p1", false), staff(A2), staff(B1)];
        let answers = callers.map(|caller| read(door, &caller, CareTeam, id));
        answers.iter().any(Result::is_ok)
    };
    for (number, (name, value)) in nobodys.into_iter().enumerate() {
        let mut told = team.clone();
        let id = format!("team-{number}");
        (told["id"], told["status"], told[name]) = (json!(id), json!("proposed"), value);
        write(door, &staff(A1), &told).expect("the own unit's");
        assert!(!is_shown(&id), "{number}");
    }
    assert_eq!(ids(&found(door, &staff(B1), CareTeam, "category=team")), ["team"]);
    // As staff and units are told, and as Inera's team is.
    let open_to_all = [
        member(json!({"identifier": {"system": HSA, "value": "SE2321000164-P1"}, "display": "Test Testsson"})),
        member(json!({"reference": "https://example.org/fhir/PractitionerRole/1"})),
        member(
            json!({"type": "Practitioner", "identifier": {"system": "https://example.org/anstallning", "value": "17"}}),
        ),
        member(json!({"display": "Test Testsson"})),
        (
            "note",
            json!([{"text": "Teamets telefonnummer används för kontakt med medarbetare i teamet."}]),
        ),
    ];
    for (number, (name, value)) in open_to_all.into_iter().enumerate() {
        let mut told = team.clone();
        let id = format!("open-{number}");
        (told["id"], told[name]) = (json!(id), value);
        write(door, &staff(A1), &told).expect("the own unit's");
        assert!(is_shown(&id), "{number}");
    }
}

/// What was written of a patient is not shown to all because it no longer says of whom.
#[test]
fn a_team_that_told_of_a_patient_is_never_open_to_all() {
    let app = world();
    let door = &app.door;
    let team = json!({"resourceType": "CareTeam", "id": "team", "status": "inactive", "managingOrganization": [{"reference": "Organization/A1"}],
        "category": [{"coding": [{"system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": "team"}]}],
        "note": [{"text": "Test Testsson"}]});
    let mut of_p1 = team.clone();
    of_p1["subject"] = json!({"reference": "Patient/p1"});
    let seen = |version: Option<i64>| {
        [patient("p1", false), patient("p2", false), staff(A2), staff(B1)].map(|caller| match version {
            None => read(door, &caller, CareTeam, "team").is_ok(),
            Some(version) => block_on(door.vread(&caller, CareTeam, "team".to_owned(), version)).is_ok(),
        })
    };
    // Open to all, and then hers.
    write(door, &staff(A1), &team).expect("the own unit's");
    assert_eq!(seen(None), [true; 4]);
    write(door, &staff(A1), &of_p1).expect("the own unit's");
    assert_eq!(seen(None), [true, false, true, false]);
    for _ in 0..2 {
        write(door, &staff(A1), &team).expect("the own unit's");
        assert_eq!(
            (seen(None), seen(Some(1)), seen(Some(2))),
            ([false; 4], [false; 4], [false; 4])
        );
    }
    delete(door, &staff(A1), CareTeam, "team").expect("the own unit's");
    write(door, &staff(A1), &team).expect("the own unit's");
    assert_eq!((seen(None), seen(Some(2))), ([false; 4], [false; 4]));
    // Nor when what is kept beside it is made anew.
    app.raw_sql(
        "UPDATE resource SET allman = 1 WHERE id = 'team'",
        "UPDATE resource SET allman = true WHERE id = 'team'",
    );
    reindex(&door.store).expect("an index");
    assert_eq!(seen(None), [false; 4]);
}

#[test]
fn where_a_protected_person_lives_is_told_to_those_alone_who_may_know() {
    let app = world();
    let door = &app.door;
    let label = json!({"security": [{"system": "http://hl7.se/fhir/ig/base/CodeSystem/SecurityLabel", "code": "sekretessmarkering"}]});
    let protected = json!({"resourceType": "Patient", "id": "p1", "meta": label, "name": [{"family": "Test"}],
        "managingOrganization": {"reference": "Organization/A1"}, "address": [{"city": "Hemlig ort"}], "telecom": [{"value": "0700000000"}],
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": "Hemlig ort"}},
            {"url": "https://example.org/e", "extension": [{"url": "e", "valueContactPoint": {"value": "0700000000"}}]},
            {"url": "https://example.org/kept", "valueString": "Syns"}]});
    write(door, &open(), &protected).expect("a patient");
    let relative = json!({"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/p1"}, "address": [{"city": "Hemlig ort"}]});
    write(door, &staff(A1), &relative).expect("the own unit's");
    let visit = json!({"resourceType": "Encounter", "id": "hem", "status": "completed", "class": [{"text": "hembesök"}],
        "subject": {"reference": "Patient/p1"}, "serviceProvider": {"reference": "Organization/A1"},
        "contained": [{"resourceType": "Patient", "id": "c", "address": [{"city": "Hemlig ort"}]},
            {"resourceType": "Location", "id": "l", "name": "Hemmet", "address": {"city": "Hemlig ort"}, "position": {"longitude": 17, "latitude": 61}},
            {"resourceType": "Organization", "id": "o", "name": "Boendet", "contact": [{"address": {"city": "Hemlig ort"}}]}],
        "location": [{"location": {"reference": "#l"}}], "extension": [{"url": "https://example.org/c", "valueReference": {"reference": "#c"}},
            {"url": "https://example.org/c", "valueReference": {"reference": "#o"}}]});
    write(door, &staff(A1), &visit).expect("the own unit's");
    let told = |caller: &Call| read(door, caller, Encounter, "hem").expect("a visit");
    assert!(told(&staff(A1)).contains("Hemlig ort"));
    for part in ["Hemlig ort", "position"] {
        assert!(!told(&staff(A2)).contains(part), "no part in the care: {part}");
    }
    assert!(told(&staff(A2)).contains("Boendet"));
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
    for (kind, id) in [(Patient, "p1"), (RelatedPerson, "r"), (Encounter, "hem")] {
        let body = read(door, &staff(B1), kind, id).expect("with relation and consent");
        assert!(!body.contains("Hemlig ort") && !body.contains("0700000000"), "{body}");
    }
    let shown = read(door, &staff(B1), Patient, "p1").expect("with relation and consent");
    assert!(
        shown.contains("Syns") && !shown.contains("https://example.org/e\""),
        "{shown}"
    );
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

#[test]
fn what_cannot_be_judged_in_time_is_not_written() {
    let app = world();
    let mut hurried = app.door.clone();
    hurried.judged_in = std::time::Duration::ZERO;
    let contact = stay("late", "A1");
    let plan = json!({"resourceType": "CarePlan", "id": "late", "status": "draft", "intent": "plan", "subject": {"reference": "Patient/p1"},
        "custodian": {"reference": "Organization/A1"}});
    for resource in [contact, plan] {
        let kind = ResourceType::from_name(resource["resourceType"].as_str().expect("a type")).expect("one of ours");
        let late = write(&hurried, &staff(A1), &resource);
        assert!(matches!(late, Err(Problem::TooCostly)), "{late:?}");
        assert!(matches!(
            read(&app.door, &staff(A1), kind, "late"),
            Err(Problem::NotFound)
        ));
        write(&app.door, &staff(A1), &resource).expect("in time");
    }
}
