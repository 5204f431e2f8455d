//! The order of the entries means nothing (http.html#trules): not for who keeps what is written, nor for who may write it.

use serde_json::{Value, json};

use super::*;
use crate::common::{Answer, TestApp};
use crate::issuer::*;

const HSA: &str = "urn:oid:1.2.752.129.2.1.4.1";
const ATKOMST: &str = "https://w3id.org/fastkontakt/CodeSystem/atkomst";
/// The unit that is blocked.
const WARD: &str = "SE2321000164-WARD";

struct World {
    app: TestApp,
    /// Of the whole vårdgivare.
    system: String,
    /// Of another unit than the one that is blocked.
    staff: String,
}

/// A vårdgivare, and a patient who has blocked one of its units.
fn world() -> World {
    let issuer = Issuer::start();
    let app = issuer.service();
    let world = World {
        system: issuer.token(&system(&app, "system/*.cruds")),
        staff: issuer.token(&medarbetare(&app, "user/*.cruds")),
        app,
    };
    let vardgivare = organization("vg", VARDGIVARE, None);
    let vc = organization("vc", VARDENHET, Some(json!({ "reference": "Organization/vg" })));
    let block = json!({ "resourceType": "Consent", "id": "block", "status": "active", "decision": "deny",
        "subject": { "reference": "Patient/anna" }, "category": [{ "coding": [{ "system": ATKOMST, "code": "inre-sparr" }] }],
        "controller": [{ "type": "Organization", "identifier": { "system": HSA, "value": WARD } }] });
    let all = [vardgivare, vc, patient("anna", None), block].map(put_entry);
    transact(&world.app, &world.system, all.to_vec()).expect(200);
    world
}

fn organization(id: &str, hsa_id: &str, part_of: Option<Value>) -> Value {
    let mut unit = unit(id, hsa_id);
    if let Some(part_of) = part_of {
        unit["partOf"] = part_of;
    }
    unit
}

fn transact(app: &TestApp, token: &str, entries: Vec<Value>) -> Answer {
    let authorization = format!("Bearer {token}");
    app.post_with("/fhir/r5", &[("Authorization", &authorization)], &bundle(entries))
}

fn visit(id: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "completed", "subject": { "reference": "Patient/anna" },
        "serviceProvider": { "reference": "Organization/ward" } })
}

fn diagnosis(id: &str, more: &Value) -> Value {
    let clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    json!({ "resourceType": "Condition", "id": id, "subject": { "reference": "Patient/anna" },
        "clinicalStatus": { "coding": [{ "system": clinical, "code": "active" }] }, "code": { "text": "Hemlig" } })
    .merged(more)
}

/// Both ways round.
fn orders(entries: &[Value]) -> [Vec<Value>; 2] {
    [entries.to_vec(), entries.iter().rev().cloned().collect()]
}

#[test]
fn who_keeps_a_record_hangs_on_no_order() {
    // By a visit; by who did it, in a team of her unit; each with the catalogue in the same transaction.
    let contained_in = [
        json!({ "reference": "Organization/vg" }),
        json!({ "type": "Organization", "identifier": { "system": HSA, "value": VARDGIVARE } }),
    ];
    for part_of in contained_in {
        let clinic = json!({ "type": "Organization", "identifier": { "system": HSA, "value": "SE2321000164-CLINIC" } });
        let [practitioner, role] = staff("ssk", "SJ", "206090", "ward");
        let team = json!({ "resourceType": "CareTeam", "id": "team", "status": "active", "subject": { "reference": "Patient/anna" },
            "participant": [{ "member": { "reference": "PractitionerRole/ssk" } }] });
        let mut outer = team.clone();
        outer["id"] = json!("outer");
        outer["participant"][0]["member"]["reference"] = json!("CareTeam/team");
        let entries = [
            organization("clinic", "SE2321000164-CLINIC", Some(part_of)),
            organization("ward", WARD, Some(clinic)),
            practitioner,
            role,
            visit("visit"),
            team,
            outer,
            diagnosis("by-visit", &json!({ "encounter": { "reference": "Encounter/visit" } })),
            diagnosis(
                "by-team",
                &json!({ "participant": [{ "actor": { "reference": "CareTeam/outer" } }] }),
            ),
        ];
        for entries in orders(&entries.map(put_entry)) {
            let World { app, system, staff } = world();
            let answer = transact(&app, &system, entries.clone()).expect(200).json();
            // Each is answered where it was asked.
            for (number, entry) in entries.iter().enumerate() {
                let location = answer["entry"][number]["response"]["location"].as_str().unwrap();
                assert!(
                    location.contains(entry["request"]["url"].as_str().unwrap()),
                    "{location}"
                );
            }
            for path in [
                "Encounter/visit",
                "CareTeam/team",
                "CareTeam/outer",
                "Condition/by-visit",
                "Condition/by-team",
            ] {
                get(&app, &format!("/fhir/r5/{path}"), &system).expect(200);
                get(&app, &format!("/fhir/r5/{path}"), &staff).expect(404);
            }
        }
    }
}

#[test]
fn who_keeps_what_the_server_names_hangs_on_no_order() {
    let visited = "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000001";
    let entries = [
        put_entry(organization(
            "ward",
            WARD,
            Some(json!({ "reference": "Organization/vg" })),
        )),
        post(visited, visit("x")),
        post(
            "urn:uuid:0198c2a0-7b3c-7c1e-9d2f-000000000002",
            diagnosis("x", &json!({ "encounter": { "reference": visited } })),
        ),
    ];
    for entries in orders(&entries) {
        let World { app, system, staff } = world();
        transact(&app, &system, entries).expect(200);
        let seen = |token: &str| {
            get(&app, "/fhir/r5/Condition?_total=accurate", token)
                .expect(200)
                .json()["total"]
                .clone()
        };
        assert_eq!((seen(&system), seen(&staff)), (json!(1), json!(0)));
    }
}

/// Units that lie within each other, and teams that are members of each other, are put all the same.
#[test]
fn what_leads_round_is_put_too() {
    let World { app, system, .. } = world();
    let within = |id: &str| Some(json!({ "reference": format!("Organization/{id}") }));
    let team = |id: &str, member: &str| {
        json!({ "resourceType": "CareTeam", "id": id, "status": "active", "subject": { "reference": "Patient/anna" },
            "participant": [{ "member": { "reference": format!("CareTeam/{member}") } }] })
    };
    let entries = [
        organization("a", "SE2321000164-A", within("b")),
        organization("b", "SE2321000164-B", within("a")),
        team("x", "y"),
        team("y", "x"),
    ];
    let refused = transact(&app, &system, entries[..2].iter().cloned().map(put_entry).collect()).expect(403);
    assert!(!refused.text.contains("SE2321000164-B"), "{}", refused.text);
    transact(&app, &system, entries[2..].iter().cloned().map(put_entry).collect()).expect(200);
}

/// Who comes to take part in the care registers the patient's consent with it; and consents that end make room for others.
#[test]
fn who_may_write_hangs_on_no_order() {
    let contact = json!({ "resourceType": "CareTeam", "id": "contact", "status": "active",
        "subject": { "reference": "Patient/anna" }, "managingOrganization": [{ "reference": "Organization/vc" }] });
    let consent = |id: &str, status: &str, units: usize| {
        let units: Vec<Value> = (0..units)
            .map(|number| json!({ "type": "Organization", "identifier": { "system": HSA, "value": format!("SE2321000164-{id}{number}") } }))
            .collect();
        json!({ "resourceType": "Consent", "id": id, "status": status, "decision": "deny",
            "subject": { "reference": "Patient/anna" }, "category": [{ "coding": [{ "system": ATKOMST, "code": "inre-sparr" }] }],
            "controller": units })
    };
    let mut permits = consent("permits", "active", 0);
    permits["decision"] = json!("permit");
    permits["category"][0]["coding"][0]["code"] = json!("sammanhallen-vard");
    permits["controller"] = json!([{ "reference": "Organization/vc" }]);
    for entries in orders(&[contact, permits].map(put_entry)) {
        let World { app, staff, .. } = world();
        transact(&app, &staff, entries).expect(200);
    }
    for entries in orders(&[consent("a", "inactive", 400), consent("b", "active", 400)].map(put_entry)) {
        let World { app, system, .. } = world();
        transact(&app, &system, vec![put_entry(consent("a", "active", 400))]).expect(200);
        transact(&app, &system, entries).expect(200);
    }
}
