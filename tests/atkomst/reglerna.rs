//! What the rules bring about, and what a write may say of itself, held against who may see and do what.

use fastkontakt::access::scope::Context;
use fastkontakt::access::{Call, Systemanvandare, Who};
use fastkontakt::door::content::Content;
use fastkontakt::door::problem::Problem;
use fastkontakt::door::{Action, Door, Precondition};
use fastkontakt::fhir::types::ResourceType::*;
use fastkontakt::fhir::version::FhirVersion;
use serde_json::{Value, json};

use super::support::*;

const ERSATTER: &str = "https://w3id.org/fastkontakt/StructureDefinition/ersatter";
const ERSATT_FRAN: &str = "https://w3id.org/fastkontakt/StructureDefinition/ersatt-fran";
const NUMBER: &str = "195009072553";

fn fast_kontakt(id: &str, role: &str, unit: Value) -> Value {
    json!({"resourceType": "CareTeam", "id": id, "status": "active", "period": {"start": "2020-01-01"},
        "subject": {"reference": "Patient/p1"}, "telecom": [{"system": "phone", "value": "019-000000"}],
        "category": [{"coding": [{"system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": "fast-kontakt"}]}],
        "participant": [{"role": {"coding": [{"system": "https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt", "code": role}]},
            "member": {"reference": "PractitionerRole/nobody-here", "display": "Test Testsson"}}],
        "managingOrganization": [unit]})
}

fn unit(id: &str) -> Value {
    json!({"reference": format!("Organization/{id}")})
}

/// A läkarkontakt that replaces the present one.
fn replacing(unit: Value) -> Value {
    let mut new = fast_kontakt("ny", "2", unit);
    new["period"]["start"] = json!("2026-06-01");
    new["extension"] = json!([{"url": ERSATTER, "valueBoolean": true}]);
    new
}

fn wished(mut new: Value) -> Value {
    let anledning = "https://w3id.org/fastkontakt/CodeSystem/anledning";
    new["reason"] = json!([{"concept": {"coding": [{"system": anledning, "code": "patientens-begaran"}]}}]);
    new
}

/// What the refusal tells, when it is FLK-04's.
fn refused(answer: Result<(), Problem>, case: &str) -> String {
    match answer {
        Err(Problem::Refused(findings)) => {
            let told = findings.iter().find(|finding| finding.rule.as_str() == "FLK-04");
            let told = told.unwrap_or_else(|| panic!("{case}: {findings:?}"));
            format!("{} {}", told.text.sv, told.text.en)
        }
        other => panic!("{case}: {other:?}"),
    }
}

/// How the old contact stands: its end, and from when it is marked as replaced.
fn old(door: &Door) -> (Value, Value) {
    let body = read(door, &open(), CareTeam, "gammal").expect("it is there");
    let old: Value = serde_json::from_str(&body).expect("JSON");
    let extensions = old["extension"].as_array().cloned().unwrap_or_default();
    let marked = extensions.into_iter().find(|extension| extension["url"] == ERSATT_FRAN);
    (
        old["period"]["end"].clone(),
        marked.unwrap_or_default()["valueDate"].clone(),
    )
}

const UNTOUCHED: (Value, Value) = (Value::Null, Value::Null);

#[test]
fn a_contained_organization_is_not_believed_about_its_vardgivare() {
    let claims = [
        (
            "the own id, within another vårdgivare",
            json!([{"resourceType": "Organization", "id": "o",
            "identifier": [{"system": HSA, "value": B1}], "partOf": unit("A")}]),
        ),
        (
            "another's id",
            json!([{"resourceType": "Organization", "id": "o", "identifier": [{"system": HSA, "value": A1}]}]),
        ),
        (
            "an id that nobody knows",
            json!([{"resourceType": "Organization", "id": "o",
            "identifier": [{"system": HSA, "value": "SE2321000164-X"}], "partOf": unit("A")}]),
        ),
        (
            "no id",
            json!([{"resourceType": "Organization", "id": "o", "partOf": unit("A1")}]),
        ),
        (
            "a chain of its own",
            json!([
            {"resourceType": "Organization", "id": "o", "identifier": [{"system": HSA, "value": "SE2321000164-Y"}], "partOf": {"reference": "#p"}},
            {"resourceType": "Organization", "id": "p", "identifier": [{"system": HSA, "value": A}]}]),
        ),
        (
            "a contained assignment",
            json!([{"resourceType": "PractitionerRole", "id": "o", "organization": unit("A1")}]),
        ),
    ];
    for (case, contained) in claims {
        let app = world();
        let door = &app.door;
        write(door, &staff(A1), &fast_kontakt("gammal", "2", unit("A1"))).expect("the own unit's");
        write(door, &staff(B1), &stay("visit", "B1")).expect("a part in the care");
        let mut new = replacing(json!({"reference": "#o"}));
        if contained[0]["resourceType"] == "PractitionerRole" {
            new.as_object_mut().expect("an object").remove("managingOrganization");
            new["participant"][0]["member"] = json!({"reference": "#o"});
        }
        new["contained"] = contained;
        refused(write(door, &staff(B1), &new), case);
        assert_eq!(old(door), UNTOUCHED, "{case}");
        // At the patient's wish it is marked, as another vårdgivare's, and not ended.
        write(door, &staff(B1), &wished(new)).unwrap_or_else(|problem| panic!("{case}: {problem:?}"));
        assert_eq!(old(door), (Value::Null, json!("2026-06-01")), "{case}");
    }
}

#[test]
fn another_vardgivares_contact_is_replaced_by_those_who_take_part_in_the_care() {
    let app = world();
    let door = &app.door;
    let numbered = |id: &str| {
        json!({"resourceType": "Patient", "id": id,
        "identifier": [{"system": "http://electronichealth.se/identifier/personnummer", "value": NUMBER}]})
    };
    write(door, &open(), &numbered("p1")).expect("a patient");
    write(door, &staff(A1), &fast_kontakt("gammal", "2", unit("A1"))).expect("the own unit's");
    let new = wished(replacing(unit("B1")));
    let without = refused(write(door, &staff(B1), &new), "no relation");
    refused(
        write(door, &in_emergency(B1, "p1"), &new),
        "a nödöppning opens no right to write",
    );
    // A Patient of one's own with the same number is by itself no part in her care.
    write(door, &staff(B1), &numbered("own")).expect("a Patient");
    let mut by_number = new.clone();
    by_number["subject"] = json!({"reference": "Patient/own"});
    for new in [&new, &by_number] {
        refused(write(door, &staff(B1), new), "by number");
        assert_eq!(old(door), UNTOUCHED);
    }
    // Whatever stands in the way, the same is told.
    write(door, &patient("p1", false), &consent("c", "inre-sparr", "A1")).expect("her own");
    let blocked = refused(write(door, &staff(B1), &new), "blocked");
    assert_eq!(without, blocked);
    for name in ["gammal", "A1", "2020", "Testsson"] {
        assert!(!blocked.contains(name), "{blocked}");
    }
    // With a part in the care it is marked; so it is in a token's launch context.
    let launched = call(medarbetare(B1, Some("p1")), vec![scope(Context::User, None, None)]);
    write(door, &launched, &new).expect("the token was made for the patient");
    assert_eq!(old(door), (Value::Null, json!("2026-06-01")));
}

/// What the system of a whole vårdgivare writes is a unit's all the same, and so is what lies within a unit: a block of it holds.
#[test]
fn a_block_of_a_unit_meets_whatever_was_done_there() {
    let app = world();
    let door = &app.door;
    let within = json!({"resourceType": "Organization", "id": "A1x", "identifier": [{"system": HSA, "value": "SE2321000164-A1X"}],
        "partOf": unit("A1")});
    write(door, &open(), &within).expect("a unit");
    let role = json!({"resourceType": "PractitionerRole", "id": "lakaren", "organization": unit("A1x")});
    write(door, &open(), &role).expect("an assignment");
    let mut visit = stay("besok", "A1x");
    visit["serviceProvider"] = unit("A1x");
    let system = system(None);
    write(door, &system, &visit).expect("the system's");
    let of_p1 = json!({"reference": "Patient/p1"});
    let by = json!({"reference": "PractitionerRole/lakaren"});
    let during = json!({"reference": "Encounter/besok"});
    let written = [
        json!({"resourceType": "Condition", "id": "s1", "subject": of_p1, "encounter": during,
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}}),
        json!({"resourceType": "ServiceRequest", "id": "s2", "status": "active", "intent": "order", "subject": of_p1, "requester": by}),
        json!({"resourceType": "Goal", "id": "s3", "lifecycleStatus": "active", "description": {"text": "Gå"}, "subject": of_p1, "source": by}),
        json!({"resourceType": "Flag", "id": "s4", "status": "active", "code": {"text": "x"}, "subject": of_p1, "author": by}),
        json!({"resourceType": "CarePlan", "id": "s5", "status": "draft", "intent": "plan", "subject": of_p1, "contributor": [by]}),
    ];
    for record in &written {
        write(door, &system, record).expect("the system's");
    }
    let inside = staff("SE2321000164-A1X");
    let mut own = condition("s6");
    own["subject"] = of_p1;
    write(door, &inside, &own).expect("the own unit's");
    let kinds = [Condition, ServiceRequest, Goal, Flag, CarePlan, Condition];
    let seen = |caller: &Call| -> Vec<bool> {
        let each = kinds.iter().enumerate();
        each.map(|(number, kind)| read(door, caller, *kind, &format!("s{}", number + 1)).is_ok())
            .collect()
    };
    assert_eq!(seen(&staff(A2)), [true; 6]);
    for blocked in ["A1", "A1x"] {
        write(door, &patient("p1", false), &consent("c", "inre-sparr", blocked)).expect("her own");
        assert_eq!(seen(&staff(A2)), [false; 6], "{blocked}");
        assert_eq!(seen(&inside), [true; 6], "the own unit");
        let mut over = consent("c", "inre-sparr", blocked);
        over["status"] = json!("inactive");
        write(door, &patient("p1", false), &over).expect("her own");
    }
    // The unit above keeps what is within it.
    let mut changed = own.clone();
    changed["note"] = json!([{"text": "sett"}]);
    write(door, &staff(A1), &changed).expect("what lies within the own unit");
}

/// A unit that is sold leaves its records with the vårdgivare that kept them (PDL 4:1, SVOD 3:1).
#[test]
fn a_unit_that_passes_to_another_vardgivare_leaves_its_records_behind() {
    let app = world();
    let door = &app.door;
    let plan = json!({"resourceType": "CarePlan", "id": "fore", "status": "draft", "intent": "plan", "subject": {"reference": "Patient/p1"},
        "custodian": unit("A1")});
    write(door, &staff(A1), &plan).expect("the own unit's");
    let sold = json!({"resourceType": "Organization", "id": "A1", "identifier": [{"system": HSA, "value": A1}], "partOf": unit("B")});
    write(door, &open(), &sold).expect("the catalogue");
    let mut who = medarbetare(A1, None);
    if let Who::Medarbetare(it) = &mut who {
        it.vardgivare = B.to_owned();
    }
    let now = call(who, vec![scope(Context::User, None, None)]);
    assert!(matches!(read(door, &now, CarePlan, "fore"), Err(Problem::NotFound)));
    assert!(ids(&found(door, &now, CarePlan, "patient=p1")).is_empty());
    assert!(matches!(write(door, &now, &plan), Err(Problem::NotFound)));
    let mut after = plan.clone();
    after["id"] = json!("efter");
    write(door, &now, &after).expect("what it writes from now on is its own");
    assert_eq!(ids(&found(door, &now, CarePlan, "patient=p1")), ["efter"]);
    read(door, &staff(A2), CarePlan, "fore").expect("it stays with the vårdgivare");
    assert!(matches!(
        read(door, &staff(A2), CarePlan, "efter"),
        Err(Problem::NotFound)
    ));
}

/// Vårdgivare that do not see each other's Patient have each their own: who has chosen another vårdcentral is cared for under
/// the new one's.
#[test]
fn a_visit_under_a_patient_of_ones_own_is_a_part_in_the_care_of_the_same_person() {
    let app = world();
    let door = &app.door;
    for (caller, id) in [(open(), "p1"), (staff(B1), "own")] {
        let patient = json!({"resourceType": "Patient", "id": id,
            "identifier": [{"system": "http://electronichealth.se/identifier/personnummer", "value": NUMBER}]});
        write(door, &caller, &patient).expect("a patient");
    }
    write(door, &staff(A1), &fast_kontakt("gammal", "2", unit("A1"))).expect("the own unit's");
    let mut new = replacing(unit("B1"));
    new["subject"] = json!({"reference": "Patient/own"});
    refused(write(door, &staff(B1), &wished(new.clone())), "no part in the care");
    let mut visit = stay("visit", "B1");
    visit["subject"] = json!({"reference": "Patient/own"});
    write(door, &staff(B1), &visit).expect("the own unit's");
    refused(write(door, &staff(B1), &new), "nobody asked for it");
    write(door, &staff(B1), &wished(new)).expect("with a part in the care");
    assert_eq!(old(door), (Value::Null, json!("2026-06-01")));
}

#[test]
fn a_visit_of_the_same_patient_is_a_part_in_the_care() {
    let app = world();
    let door = &app.door;
    write(door, &staff(A1), &fast_kontakt("gammal", "2", unit("A1"))).expect("the own unit's");
    write(door, &staff(B1), &stay("visit", "B1")).expect("the own unit's");
    refused(write(door, &staff(B1), &replacing(unit("B1"))), "nobody asked for it");
    write(door, &staff(B1), &wished(replacing(unit("B1")))).expect("with a part in the care");
    assert_eq!(old(door), (Value::Null, json!("2026-06-01")));
    // What came of it in the record that was left names neither who came after nor for whom.
    for entry in found(door, &staff(A1), Provenance, "patient=p1").entries {
        let by: Value = serde_json::from_str(&entry.body).expect("JSON");
        let names = entry.body.contains(B) || entry.body.contains("Organization/B");
        assert!(!names, "{by}");
    }
    // The unit that is left is told, and may read it; so may the patient. It is no part of who came after's record.
    for (who, messages) in [
        (staff(A1), 1),
        (staff(A2), 1),
        (patient("p1", false), 1),
        (staff(B1), 0),
    ] {
        assert_eq!(ids(&found(door, &who, Communication, "patient=p1")).len(), messages);
    }
}

/// Who withdraws what replaced another's needs no right to the other, and it stays with who keeps it.
#[test]
fn a_replacement_that_is_withdrawn_is_taken_back_for_whoever_keeps_the_other() {
    let app = world();
    let door = &app.door;
    write(door, &staff(A1), &fast_kontakt("gammal", "2", unit("A1"))).expect("the own unit's");
    write(door, &staff(B1), &stay("visit", "B1")).expect("a part in the care");
    let new = wished(replacing(unit("B1")));
    write(door, &staff(B1), &new).expect("with a part in the care");
    assert_eq!(old(door), (Value::Null, json!("2026-06-01")));
    // Neither the one that was left nor a third withdraws it.
    assert!(delete(door, &staff(A1), CareTeam, "ny").is_err());
    assert_eq!(old(door), (Value::Null, json!("2026-06-01")));
    // Her block keeps nobody from having the own contact back.
    write(door, &patient("p1", false), &consent("c", "inre-sparr", "A1")).expect("her own");
    delete(door, &staff(B1), CareTeam, "ny").expect("the own unit's");
    assert_eq!(old(door), UNTOUCHED);
    read(door, &staff(B1), CareTeam, "gammal").expect_err("another vårdgivare's still");
    // Told of both, by messages of its own.
    for (who, messages) in [(staff(A1), 2), (staff(B1), 0)] {
        assert_eq!(ids(&found(door, &who, Communication, "patient=p1")).len(), messages);
    }
    let kept = read(door, &staff(A1), CareTeam, "gammal").expect("kept on");
    write(door, &staff(A1), &serde_json::from_str(&kept).expect("JSON")).expect("the own unit's");
}

#[test]
fn within_the_vardgivare_a_contact_is_ended_but_not_past_a_block() {
    let app = world();
    let door = &app.door;
    write(door, &staff(A1), &fast_kontakt("gammal", "2", unit("A1"))).expect("the own unit's");
    write(door, &patient("p1", false), &consent("c", "inre-sparr", "A1")).expect("her own");
    refused(write(door, &staff(A2), &replacing(unit("A2"))), "blocked");
    assert_eq!(old(door), UNTOUCHED);
    write(door, &staff(A2), &stay("visit", "A2")).expect("a part in the care");
    write(door, &staff(A2), &replacing(unit("A2"))).expect("the same vårdgivare");
    assert_eq!(old(door), (json!("2026-05-31"), Value::Null));
}

#[test]
fn a_vardgivares_system_names_its_own_units_and_the_catalogues_system_all() {
    let app = world();
    let door = &app.door;
    let of_b = |katalog: bool| {
        let who = Who::System(Systemanvandare {
            hsa_id: None,
            vardenhet: None,
            vardgivare: B.to_owned(),
            katalog,
        });
        call(who, vec![scope(Context::System, None, None)])
    };
    let named = |id: &str, hsa_ids: &[&str], above: &str| {
        let identifiers: Vec<Value> = hsa_ids.iter().map(|it| json!({"system": HSA, "value": it})).collect();
        json!({"resourceType": "Organization", "id": id, "identifier": identifiers, "partOf": unit(above)})
    };
    write(door, &of_b(false), &named("B2", &["SE2321000172-B2"], "B")).expect("its own number");
    for others in [
        &["SE2321000164-A3"][..],
        &["SE2321000172-B3", "se2321000164-a3"],
        &["SE5560000001-1001"],
        &["A3"],
        &["232100-0172"],
    ] {
        let answer = write(door, &of_b(false), &named("x", others, "B"));
        assert!(matches!(answer, Err(Problem::Forbidden)), "{others:?}: {answer:?}");
        // Neither are they added to a unit that is there.
        let answer = write(door, &of_b(false), &named("B2", others, "B"));
        assert!(matches!(answer, Err(Problem::Forbidden)), "{others:?}: {answer:?}");
    }
    // The same system under the other spelling of the identifier system.
    let mut old_system = named("x", &["SE2321000164-A3"], "B");
    old_system["identifier"][0]["system"] = json!("urn:oid:1.2.752.29.4.19");
    assert!(matches!(
        write(door, &of_b(false), &old_system),
        Err(Problem::Forbidden)
    ));
    // A private vårdcentral that the catalogue's system has entered goes on under the id that it has.
    write(door, &of_b(true), &named("P", &["SE5560000001-1001"], "B")).expect("the catalogue's");
    let mut renamed = named("P", &["SE5560000001-1001"], "B");
    renamed["name"] = json!("Testvårdcentralen");
    write(door, &of_b(false), &renamed).expect("its own unit, as it is called");
    // The catalogue's system enters all units, each as its vårdgivare's.
    let mut a3 = named("A3", &["SE2321000164-A3"], "A");
    write(door, &of_b(true), &a3).expect("the catalogue's");
    a3["name"] = json!("Testkliniken");
    write(door, &system(None), &a3).expect("the vårdgivare's own");
    assert!(matches!(write(door, &of_b(false), &a3), Err(Problem::Forbidden)));
    write(door, &of_b(true), &named("A3", &["SE2321000164-A3"], "A")).expect("the catalogue's");
    // And nobody's records.
    write(door, &staff(A1), &condition("a")).expect("the own unit's");
    assert!(matches!(
        read(door, &of_b(true), Condition, "a"),
        Err(Problem::NotFound)
    ));
}

/// B1 coordinates the care that A1 plans.
fn coordinator(door: &Door) -> Call {
    let b1 = staff(B1);
    write(door, &b1, &fast_kontakt("samordnare", "4", unit("B1"))).expect("the own unit's");
    write(door, &patient("p1", false), &consent("c", "sammanhallen-vard", "B")).expect("her own");
    b1
}

#[test]
fn who_coordinates_changes_what_a_plan_says_and_no_more() {
    let app = world();
    let door = &app.door;
    let b1 = coordinator(door);
    let plan = json!({"resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan", "title": "Plan",
        "subject": {"reference": "Patient/p1"}, "custodian": unit("A1"),
        "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}});
    write(door, &staff(A1), &plan).expect("the own unit's");
    let changed = |pointer: &str, value: Value| {
        let mut changed = plan.clone();
        *changed.pointer_mut(pointer).expect("it is there") = value;
        changed
    };
    for (case, more) in [
        ("a mistake", changed("/status", json!("entered-in-error"))),
        ("hidden", changed("/meta/security/0", json!({"code": "NOPATIENT"}))),
        ("no labels", changed("/meta", json!({}))),
        ("taken", changed("/custodian", unit("B1"))),
        ("handed over", changed("/custodian", unit("A2"))),
        ("nobody's", changed("/custodian", json!({"display": "Någon"}))),
    ] {
        let answer = write(door, &b1, &more);
        assert!(matches!(answer, Err(Problem::Forbidden)), "{case}: {answer:?}");
    }
    write(door, &b1, &changed("/title", json!("Annan"))).expect("the content");
    write(door, &b1, &changed("/status", json!("completed"))).expect("it is carried out");
    // The unit that keeps it takes it back; who coordinates does not bring it to life again.
    write(door, &staff(A1), &changed("/status", json!("entered-in-error"))).expect("the own unit's");
    assert!(matches!(write(door, &b1, &plan), Err(Problem::Forbidden)));
}

#[test]
fn what_is_not_for_the_patient_is_hidden_whatever_the_code_system_is_called() {
    let app = world();
    let door = &app.door;
    for (number, label) in [
        json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPATIENT"}),
        json!({"system": "urn:oid:2.16.840.1.113883.5.4", "code": "NOPATIENT"}),
        json!({"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPATIENT"}),
        json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "version": "9.0.0", "code": "nopatient"}),
        json!({"code": "NoPatient"}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut hidden = condition(&format!("c{number}"));
        hidden["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}, label.clone()]});
        write(door, &staff(A1), &hidden).expect("the own unit's");
        let answer = read(door, &patient("p1", false), Condition, &format!("c{number}"));
        assert!(matches!(answer, Err(Problem::NotFound)), "{label}: {answer:?}");
        read(door, &staff(A1), Condition, &format!("c{number}")).expect("the own unit's");
    }
    // So it is with who is protected.
    for code in ["Sekretessmarkering", "skyddadfolkbokforing"] {
        let protected = json!({"resourceType": "Patient", "id": "p2", "meta": {"security": [{"code": code}]}, "address": [{"city": "Hemlig ort"}]});
        write(door, &open(), &protected).expect("a patient");
        assert!(
            matches!(read(door, &staff(A1), Patient, "p2"), Err(Problem::NotFound)),
            "{code}"
        );
    }
}

fn provenance(id: &str, target: &str, who: Value, behalf: Option<Value>) -> Value {
    let mut agent = json!({"who": who});
    if let Some(behalf) = behalf {
        agent["onBehalfOf"] = behalf;
    }
    json!({"resourceType": "Provenance", "id": id, "target": [{"reference": target}], "patient": {"reference": "Patient/p1"},
        "recorded": "2026-03-10T12:00:00Z", "agent": [agent]})
}

fn by_id(kind: &str, hsa_id: &str) -> Value {
    json!({"type": kind, "identifier": {"system": HSA, "value": hsa_id}})
}

#[test]
fn nobody_tells_of_what_she_may_not_read_or_in_the_name_of_others() {
    let app = world();
    let door = &app.door;
    // The person of `staff`, one more, and where they work.
    let person = |id: &str, hsa_id: &str| {
        json!({"resourceType": "Practitioner", "id": id,
        "identifier": [{"system": HSA, "value": hsa_id}]})
    };
    let role = |id: &str, person: &str, unit_id: &str| {
        json!({"resourceType": "PractitionerRole", "id": id,
        "practitioner": {"reference": format!("Practitioner/{person}")}, "organization": unit(unit_id)})
    };
    for resource in [
        person("me", "SE2321000164-P1"),
        person("other", "SE2321000164-P2"),
        role("me-b1", "me", "B1"),
        role("me-a1", "me", "A1"),
        role("other-b1", "other", "B1"),
    ] {
        write(door, &open(), &resource).expect("the catalogue");
    }
    write(door, &staff(A1), &condition("theirs")).expect("the own unit's");
    write(door, &staff(B1), &condition("ours")).expect("the own unit's");
    let me = || json!({"reference": "Practitioner/me"});
    let refused = |case: &str, told: Value| {
        let answer = write(door, &staff(B1), &told);
        assert!(matches!(answer, Err(Problem::Forbidden)), "{case}: {answer:?}");
    };
    refused("of what is hidden", provenance("x", "Condition/theirs", me(), None));
    refused(
        "of its version",
        provenance("x", "Condition/theirs/_history/1", me(), None),
    );
    let mut two = provenance("x", "Condition/ours", me(), None);
    two["target"] = json!([{"reference": "Condition/ours"}, {"reference": "Condition/theirs"}]);
    refused("of both", two);
    refused("of nothing", provenance("x", "Condition/nobody", me(), None));
    for (case, who, behalf) in [
        ("for another unit", me(), Some(unit("A1"))),
        ("for another unit, by its id", me(), Some(by_id("Organization", A1))),
        ("for its vårdgivare", me(), Some(unit("A"))),
        (
            "for the whole vårdgivare's sister",
            me(),
            Some(json!({"display": "Region A"})),
        ),
        ("as another unit", unit("A1"), None),
        ("as another person", json!({"reference": "Practitioner/other"}), None),
        (
            "as another in the own unit",
            json!({"reference": "PractitionerRole/other-b1"}),
            None,
        ),
        (
            "as oneself at another unit",
            json!({"reference": "PractitionerRole/me-a1"}),
            None,
        ),
        ("as somebody by id", by_id("Practitioner", "SE2321000164-P2"), None),
        (
            "as a unit without saying so",
            json!({"identifier": {"system": HSA, "value": A1}}),
            None,
        ),
        ("as the patient", json!({"reference": "Patient/p1"}), None),
        ("as a name", json!({"display": "Region A"}), None),
        ("as nobody here", json!({"reference": "Practitioner/nobody"}), None),
    ] {
        refused(case, provenance("x", "Condition/ours", who, behalf));
    }
    let mut contained = provenance("x", "Condition/ours", me(), Some(json!({"reference": "#o"})));
    contained["contained"] = json!([{"resourceType": "Organization", "id": "o", "identifier": [{"system": HSA, "value": A1}], "partOf": unit("B1")}]);
    refused("for a contained unit", contained);
    let mut entity = provenance("x", "Condition/ours", me(), None);
    entity["entity"] = json!([{"role": "source", "what": {"display": "En källa"}, "agent": [{"who": unit("A1")}]}]);
    refused("within an entity", entity);
    let mut signed = provenance("x", "Condition/ours", me(), None);
    signed["signature"] = json!([{"who": {"reference": "Practitioner/other"}}]);
    refused("signed by another", signed);
    for (number, (who, behalf)) in [
        (me(), None),
        (me(), Some(unit("B1"))),
        (me(), Some(by_id("Organization", B1))),
        (json!({"reference": "PractitionerRole/me-b1"}), Some(unit("B"))),
        (by_id("Practitioner", "se2321000164-p1"), None),
        (unit("B1"), None),
    ]
    .into_iter()
    .enumerate()
    {
        let told = provenance(&format!("own{number}"), "Condition/ours", who, behalf);
        write(door, &staff(B1), &told).unwrap_or_else(|problem| panic!("{told}: {problem:?}"));
    }
    // A program tells of whomever works for its own units.
    let told = provenance(
        "program",
        "Condition/theirs",
        json!({"reference": "Practitioner/other"}),
        Some(unit("A1")),
    );
    write(door, &system(None), &told).expect("its own");
    let told = provenance(
        "program2",
        "Condition/theirs",
        json!({"reference": "Practitioner/other"}),
        Some(unit("B1")),
    );
    assert!(matches!(write(door, &system(None), &told), Err(Problem::Forbidden)));
}

/// The ids of what the service told of a record's writes, as a caller finds them and reads them.
fn told_of(door: &Door, call: &Call, target: &str) -> usize {
    let page = found(door, call, Provenance, &format!("target={target}&_total=accurate"));
    assert_eq!(page.total, Some(page.entries.len() as i64));
    page.entries.len()
}

#[test]
fn what_was_told_of_a_record_is_hidden_when_the_record_is() {
    let app = world();
    let door = &app.door;
    let (p1, p2, a1) = (patient("p1", false), patient("p2", false), staff(A1));
    for id in ["labelled", "moved"] {
        write(door, &a1, &condition(id)).expect("the own unit's");
        assert_eq!(told_of(door, &p1, &format!("Condition/{id}")), 1);
    }
    let of_moved = found(door, &p1, Provenance, "target=Condition/moved").entries[0]
        .id
        .clone();
    let mut hidden = condition("labelled");
    hidden["meta"] = json!({"security": [{"system": "urn:oid:2.16.840.1.113883.5.4", "code": "NOPATIENT"}]});
    write(door, &a1, &hidden).expect("the own unit's");
    let mut elsewhere = condition("moved");
    elsewhere["subject"] = json!({"reference": "Patient/p2"});
    write(door, &a1, &elsewhere).expect("the own unit's");
    assert_eq!(told_of(door, &p1, "Condition/labelled"), 0);
    assert_eq!(told_of(door, &p1, "Condition/moved"), 0);
    assert!(matches!(read(door, &p1, Provenance, &of_moved), Err(Problem::NotFound)));
    let past = block_on(door.vread(&p1, Provenance, of_moved.clone(), 1));
    assert!(matches!(past, Err(Problem::NotFound)), "{past:?}");
    // Whose it is now is told of the move, and of no more; the unit that keeps it of all.
    assert_eq!(told_of(door, &p2, "Condition/moved"), 1);
    for id in ["labelled", "moved"] {
        assert_eq!(told_of(door, &a1, &format!("Condition/{id}")), 2);
    }
    assert_eq!(told_of(door, &staff(A2), "Condition/labelled"), 2);
    assert_eq!(told_of(door, &staff(A2), "Condition/moved"), 1);
    // The label is taken away again.
    write(door, &a1, &condition("labelled")).expect("the own unit's");
    assert_eq!(told_of(door, &p1, "Condition/labelled"), 2);
}

#[test]
fn what_is_hidden_is_not_held_against_a_version() {
    let app = world();
    let door = &app.door;
    write(door, &staff(A1), &condition("a")).expect("the own unit's");
    write(door, &staff(A1), &condition("gone")).expect("the own unit's");
    delete(door, &staff(A1), Condition, "gone").expect("the own unit's");
    let b1 = staff(B1);
    for id in ["a", "gone"] {
        for precondition in [
            Precondition::None,
            Precondition::VersionIn(vec![1]),
            Precondition::VersionIn(vec![2]),
            Precondition::VersionIn(vec![7]),
            Precondition::MustExist,
            Precondition::MustNotExist,
            Precondition::BuiltOn(1),
            Precondition::Free,
        ] {
            let prepared = Content::new(FhirVersion::R5, Condition, condition(id), &[])
                .prepare(id)
                .expect("a Condition");
            let update = Action::Update {
                prepared,
                precondition: precondition.clone(),
            };
            let delete = Action::Delete {
                kind: Condition,
                id: id.to_owned(),
                precondition: precondition.clone(),
            };
            for action in [update, delete] {
                let answer = block_on(door.write_one(&b1, Vec::new(), action));
                assert!(
                    matches!(answer, Err(Problem::NotFound)),
                    "{id} {precondition:?}: {answer:?}"
                );
            }
        }
    }
    // So it is for a scope that does not reach it; who may read it is told.
    let confined = call(medarbetare(A1, Some("p2")), vec![scope(Context::Patient, None, None)]);
    for version in [1, 7] {
        let delete = |call: &Call| {
            let precondition = Precondition::VersionIn(vec![version]);
            let action = Action::Delete {
                kind: Condition,
                id: "a".to_owned(),
                precondition,
            };
            block_on(door.write_one(call, Vec::new(), action))
        };
        let answer = delete(&confined);
        assert!(matches!(answer, Err(Problem::Forbidden)), "{answer:?}");
        let answer = delete(&staff(A2));
        let told = match version {
            1 => matches!(answer, Err(Problem::Forbidden)),
            _ => matches!(answer, Err(Problem::PreconditionFailed { .. })),
        };
        assert!(told, "{answer:?}");
    }
}

/// Staff read what a patient answers as the word of whoever stands there.
#[test]
fn what_a_patient_answers_is_her_own_word() {
    let app = world();
    let door = &app.door;
    let register = "http://electronichealth.se/identifier/personnummer";
    let identifier = |number: &str| json!({"system": register, "value": number});
    let person = json!({"resourceType": "Patient", "id": "p1", "name": [{"family": "Testsson", "given": ["Test", "Prov"]}],
        "identifier": [identifier(NUMBER)]});
    write(door, &open(), &person).expect("a patient");
    for (id, whose) in [("mor", "p1"), ("annans", "p2"), ("borta", "p1"), ("dold", "p1")] {
        let mut relative =
            json!({"resourceType": "RelatedPerson", "id": id, "patient": {"reference": format!("Patient/{whose}")}});
        if id == "dold" {
            relative["meta"] = json!({"security": [{"code": "NOPATIENT"}]});
        }
        write(door, &open(), &relative).expect("a relative");
    }
    delete(door, &open(), RelatedPerson, "borta").expect("open mode");
    let answered = |number: usize, author: &Value| {
        let mut response = json!({"resourceType": "QuestionnaireResponse", "id": format!("svar-{number}"), "status": "completed",
            "questionnaire": "https://example.org/q", "subject": {"reference": "Patient/p1"}});
        let inner = [
            json!({"resourceType": "Patient", "id": "jag"}),
            json!({"resourceType": "Patient", "id": "namngiven", "name": [{"family": "Testsson", "given": ["Test"]}], "identifier": [identifier(NUMBER)]}),
            json!({"resourceType": "Patient", "id": "annan", "identifier": [identifier("196109732393")]}),
            json!({"resourceType": "Patient", "id": "lakaren", "name": [{"text": "Dr Lars Test"}]}),
            json!({"resourceType": "RelatedPerson", "id": "far", "patient": {"reference": "#jag"}}),
            json!({"resourceType": "RelatedPerson", "id": "fars", "patient": {"type": "Patient", "identifier": identifier(NUMBER)}}),
            json!({"resourceType": "RelatedPerson", "id": "grannes", "patient": {"reference": "Patient/p2"}}),
            json!({"resourceType": "RelatedPerson", "id": "rund", "patient": {"reference": "#rund"}}),
            json!({"resourceType": "Practitioner", "id": "vard"}),
        ];
        response["contained"] = json!(inner);
        match author.get("url").is_some() {
            true => response["extension"] = json!([author]),
            false => response[["author", "source"][number % 2]] = author.clone(),
        }
        write(door, &patient("p1", false), &response)
    };
    let author = "http://hl7.org/fhir/StructureDefinition/questionnaireresponse-author";
    let hers = [
        json!({"reference": "Patient/p1"}),
        json!({"type": "Patient", "identifier": identifier(NUMBER)}),
        json!({"identifier": identifier(NUMBER)}),
        json!({"reference": "#jag"}),
        json!({"reference": "#namngiven"}),
        json!({"reference": "RelatedPerson/mor"}),
        json!({"reference": "#far"}),
        json!({"reference": "#fars"}),
        json!({"url": author, "valueReference": {"reference": "Patient/p1"}}),
    ];
    for (number, named) in hers.iter().enumerate() {
        answered(number, named).unwrap_or_else(|problem| panic!("{named}: {problem:?}"));
    }
    let others = [
        json!({"reference": "Patient/p2"}),
        json!({"identifier": identifier("196109732393")}),
        json!({"type": "Practitioner", "identifier": identifier(NUMBER)}),
        json!({"identifier": {"value": NUMBER}}),
        json!({"display": "Test Testsson"}),
        json!({"reference": "#annan"}),
        json!({"reference": "#lakaren"}),
        json!({"type": "RelatedPerson", "display": "Dr Lars Test"}),
        json!({"reference": "RelatedPerson/annans"}),
        json!({"reference": "RelatedPerson/borta"}),
        json!({"reference": "RelatedPerson/dold"}),
        json!({"reference": "RelatedPerson/ingen"}),
        json!({"reference": "#grannes"}),
        json!({"reference": "#rund"}),
        json!({"reference": "#vard"}),
        json!({"reference": "PractitionerRole/x"}),
        json!({"url": author, "valueReference": {"reference": "PractitionerRole/x"}}),
    ];
    for (number, named) in others.iter().enumerate() {
        let answer = answered(100 + number, named);
        assert!(matches!(answer, Err(Problem::Forbidden)), "{named}: {answer:?}");
    }
}
