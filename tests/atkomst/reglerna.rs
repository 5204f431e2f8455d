//! What the rules bring about, and what a write may say of itself, held against who may see and do what.

use fastkontakt::access::scope::Context;
use fastkontakt::access::{Call, Systemanvandare, Who};
use fastkontakt::door::Door;
use fastkontakt::door::problem::Problem;
use fastkontakt::fhir::types::ResourceType::*;
use serde_json::{Value, json};

use super::dorren::{condition, consent, read, stay, world};
use super::slumpen::{
    A, A1, A2, B, B1, HSA, call, in_emergency, medarbetare, open, patient, scope, staff, system, write,
};

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
    // A Patient of one's own with the same number is no part in the care of the other.
    write(door, &staff(B1), &numbered("own")).expect("a Patient");
    let mut visit = stay("visit", "B1");
    visit["subject"] = json!({"reference": "Patient/own"});
    write(door, &staff(B1), &visit).expect("the own unit's");
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

#[test]
fn a_visit_of_the_same_patient_is_a_part_in_the_care() {
    let app = world();
    let door = &app.door;
    write(door, &staff(A1), &fast_kontakt("gammal", "2", unit("A1"))).expect("the own unit's");
    write(door, &staff(B1), &stay("visit", "B1")).expect("the own unit's");
    refused(write(door, &staff(B1), &replacing(unit("B1"))), "nobody asked for it");
    write(door, &staff(B1), &wished(replacing(unit("B1")))).expect("with a part in the care");
    assert_eq!(old(door), (Value::Null, json!("2026-06-01")));
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
