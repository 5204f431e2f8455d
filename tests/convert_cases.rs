//! What the conversion makes of the elements that differ: a resource written in one version is useful in the other.

use fastkontakt::fhir::convert::{forget_stale, r4_to_r5, r5_to_r4};
use fastkontakt::fhir::version::FhirVersion;
use serde_json::{Value, json};

fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{pointer} in {value:#}"))
}

fn fixture(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/convert")
        .join(name);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("JSON")
}

#[test]
fn of_several_roles_the_type_of_contact_becomes_the_one_of_r5() {
    let team = fixture("r4/CareTeam-tva-roller.json");
    let made = r4_to_r5(&team);
    assert_eq!(at(&made.resource, "/participant/0/role/coding/0/code"), "1");
    assert_eq!(at(&made.resource, "/participant/1/role/text"), "anhörig");
    assert_eq!(
        at(&made.resource, "/participant/0/extension/0/url"),
        "http://hl7.org/fhir/4.0/StructureDefinition/extension-CareTeam.participant.role"
    );
    assert_eq!(
        made.paths.to_source("CareTeam.participant[0].role"),
        "CareTeam.participant[0].role[1]"
    );
    assert_eq!(
        made.paths.to_source("CareTeam.participant[1].role"),
        "CareTeam.participant[1].role[0]"
    );
    assert_eq!(
        made.paths.to_source("CareTeam.participant[0].coveragePeriod.start"),
        "CareTeam.participant[0].period.start"
    );
    assert_eq!(at(&made.resource, "/participant/0/coveragePeriod/start"), "2026-01-15");
    let back = r5_to_r4(&made.resource);
    assert_eq!(
        back.paths.to_target("CareTeam.participant[0].role"),
        "CareTeam.participant[0].role[1]"
    );
}

#[test]
fn reasons_become_one_list_codes_first() {
    let made = r4_to_r5(&fixture("r4/CareTeam-tva-roller.json"));
    assert_eq!(at(&made.resource, "/reason/0/concept/coding/0/code"), "behov");
    assert_eq!(at(&made.resource, "/reason/2/reference/reference"), "Condition/c1");
    assert_eq!(
        made.paths.to_source("CareTeam.reason[1].concept"),
        "CareTeam.reasonCode[1]"
    );
    assert_eq!(
        made.paths.to_source("CareTeam.reason[2]"),
        "CareTeam.reasonReference[0]"
    );
}

#[test]
fn availability_travels_through_r4_as_nested_extensions() {
    let telecom = "/telecom/0/extension/0";
    let made = r4_to_r5(&fixture("r4/CareTeam-tva-roller.json")).resource;
    let time = json!({"daysOfWeek": ["mon", "fri"], "availableStartTime": "08:00:00", "availableEndTime": "16:00:00"});
    assert_eq!(at(&made, telecom)["valueAvailability"]["availableTime"][0], time);
    assert!(at(&made, telecom).get("extension").is_none());
    let team = fixture("r5/CareTeam-ExampleManagingTeam.json");
    let r4 = r5_to_r4(&team).resource;
    assert_eq!(at(&r4, telecom)["url"], at(&team, telecom)["url"]);
    assert_eq!(
        at(&r4, telecom)["extension"][0]["url"],
        "http://hl7.org/fhir/5.0/StructureDefinition/extension-Availability"
    );
    assert_eq!(at(&r4, telecom)["extension"][0]["extension"][0]["url"], "availableTime");
    assert_eq!(r4_to_r5(&r4).resource, team);
}

#[test]
fn a_mixed_list_of_reasons_keeps_its_order_and_pairing() {
    let team = json!({"resourceType": "CareTeam", "reason": [
        {"reference": {"reference": "Condition/a"}},
        {"concept": {"text": "behov"}, "reference": {"reference": "Condition/b"}},
        {"concept": {"text": "önskemål"}},
    ]});
    let r4 = r5_to_r4(&team);
    assert_eq!(at(&r4.resource, "/reasonCode/1/text"), "önskemål");
    assert_eq!(at(&r4.resource, "/reasonReference/1/reference"), "Condition/b");
    assert_eq!(
        r4.paths.to_source("CareTeam.reasonCode[1]"),
        "CareTeam.reason[2].concept"
    );
    assert_eq!(r4_to_r5(&r4.resource).resource, team);
}

fn plan(detail: Value) -> Value {
    json!({
        "resourceType": "CarePlan", "status": "active", "intent": "plan",
        "subject": {"reference": "Patient/anna"},
        "author": {"reference": "PractitionerRole/eva"},
        "addresses": [{"reference": "Condition/c1"}],
        "activity": [{"reference": {"reference": "Task/t1"}}, {"detail": detail}],
    })
}

#[test]
fn an_author_is_the_custodian_and_a_detail_an_atagande() {
    let made = r4_to_r5(&plan(json!({
        "status": "scheduled", "description": "Ringa mottagningen", "scheduledString": "vid behov",
        "performer": [{"reference": "Patient/anna"}], "goal": [{"reference": "Goal/g1"}],
    })));
    let r5 = &made.resource;
    assert_eq!(at(r5, "/custodian/reference"), "PractitionerRole/eva");
    assert_eq!(at(r5, "/addresses/0/reference/reference"), "Condition/c1");
    assert_eq!(at(r5, "/activity/0/plannedActivityReference/reference"), "Task/t1");
    assert_eq!(at(r5, "/activity/1/plannedActivityReference/reference"), "#detail-2");
    assert_eq!(at(r5, "/contained/0/resourceType"), "ServiceRequest");
    assert_eq!(at(r5, "/contained/0/subject/reference"), "Patient/anna");
    assert_eq!(at(r5, "/contained/0/code/concept/text"), "Ringa mottagningen");
    assert_eq!(at(r5, "/contained/0/occurrenceTiming/code/text"), "vid behov");
    assert_eq!(at(r5, "/contained/0/performer/0/reference"), "Patient/anna");
    for (target, source) in [
        ("CarePlan.custodian", "CarePlan.author"),
        ("CarePlan.addresses[0].reference", "CarePlan.addresses[0]"),
        (
            "CarePlan.activity[0].plannedActivityReference",
            "CarePlan.activity[0].reference",
        ),
        (
            "CarePlan.activity[1].plannedActivityReference",
            "CarePlan.activity[1].detail",
        ),
        (
            "CarePlan.contained[0].performer[0]",
            "CarePlan.activity[1].detail.performer[0]",
        ),
        (
            "CarePlan.contained[0].occurrenceTiming",
            "CarePlan.activity[1].detail.scheduledString",
        ),
        ("CarePlan.contained[0].code", "CarePlan.activity[1].detail.description"),
        ("CarePlan.contained[0]", "CarePlan.activity[1].detail"),
    ] {
        assert_eq!(made.paths.to_source(target), source);
    }
    let r4 = r5_to_r4(r5);
    assert_eq!(
        r4.resource,
        plan(json!({
            "status": "scheduled", "description": "Ringa mottagningen", "scheduledString": "vid behov",
            "performer": [{"reference": "Patient/anna"}], "goal": [{"reference": "Goal/g1"}],
        }))
    );
    // What is found in the stored R5 resource is told to an R4 caller.
    for (source, target) in [
        ("CarePlan.custodian", "CarePlan.author"),
        ("CarePlan.activity[1]", "CarePlan.activity[1]"),
        (
            "CarePlan.activity[1].plannedActivityReference",
            "CarePlan.activity[1].detail",
        ),
        ("CarePlan.contained[0].status", "CarePlan.activity[1].detail.status"),
        (
            "CarePlan.contained[0].occurrenceTiming",
            "CarePlan.activity[1].detail.scheduledString",
        ),
        ("CarePlan.contained[0].code", "CarePlan.activity[1].detail.description"),
        (
            "CarePlan.activity[0].plannedActivityReference.reference",
            "CarePlan.activity[0].reference.reference",
        ),
    ] {
        assert_eq!(r4.paths.to_target(source), target);
    }
}

#[test]
fn a_booked_visit_in_a_detail_is_an_overenskommen_tid() {
    let visit = plan(json!({
        "kind": "Appointment", "status": "scheduled", "description": "Årskontroll",
        "scheduledPeriod": {"start": "2026-12-01T09:00:00+01:00", "end": "2026-12-01T09:30:00+01:00"},
        "performer": [{"reference": "PractitionerRole/eva"}],
    }));
    let r5 = r4_to_r5(&visit).resource;
    assert_eq!(at(&r5, "/contained/0/resourceType"), "Appointment");
    assert_eq!(at(&r5, "/contained/0/status"), "booked");
    assert_eq!(at(&r5, "/contained/0/start"), "2026-12-01T09:00:00+01:00");
    assert_eq!(at(&r5, "/contained/0/subject/reference"), "Patient/anna");
    assert_eq!(at(&r5, "/contained/0/participant/1/actor/reference"), "Patient/anna");
    assert_eq!(at(&r5, "/contained/0/participant/0/status"), "needs-action");
    assert_eq!(r5_to_r4(&r5).resource, visit);

    let week = plan(json!({
        "kind": "Appointment", "status": "scheduled", "scheduledPeriod": {"start": "2026-12-01", "end": "2026-12-05"},
    }));
    let r5 = r4_to_r5(&week).resource;
    assert_eq!(at(&r5, "/contained/0/status"), "proposed");
    assert_eq!(at(&r5, "/contained/0/requestedPeriod/0/end"), "2026-12-05");
    assert_eq!(r5_to_r4(&r5).resource, week);
}

#[test]
fn any_other_kind_of_detail_is_a_task() {
    let call = plan(json!({
        "kind": "CommunicationRequest", "status": "in-progress", "code": {"text": "uppföljning"}, "doNotPerform": false,
        "scheduledPeriod": {"start": "2026-12"}, "performer": [{"reference": "PractitionerRole/eva"}],
    }));
    let r5 = r4_to_r5(&call);
    assert_eq!(at(&r5.resource, "/contained/0/resourceType"), "Task");
    assert_eq!(at(&r5.resource, "/contained/0/owner/reference"), "PractitionerRole/eva");
    assert_eq!(at(&r5.resource, "/contained/0/requestedPeriod/start"), "2026-12");
    assert_eq!(at(&r5.resource, "/contained/0/doNotPerform"), false);
    assert_eq!(
        r5.paths.to_source("CarePlan.contained[0].owner"),
        "CarePlan.activity[1].detail.performer[0]"
    );
    assert_eq!(r5_to_r4(&r5.resource).resource, call);
}

#[test]
fn what_an_r5_caller_has_changed_stays_a_contained_resource() {
    let mut r5 = r4_to_r5(&plan(json!({"status": "scheduled", "description": "Ringa"}))).resource;
    r5["contained"][0]["priority"] = json!("urgent");
    let r4 = r5_to_r4(&r5).resource;
    assert_eq!(at(&r4, "/activity/1/reference/reference"), "#detail-2");
    assert_eq!(at(&r4, "/contained/0/priority"), "urgent");
    assert_eq!(r4_to_r5(&r4).resource, r5);
}

#[test]
fn an_atagande_whose_request_is_done_is_done_in_r4_too() {
    let written = json!({"status": "scheduled", "description": "Ringa", "goal": [{"reference": "Goal/g1"}]});
    let mut r5 = r4_to_r5(&plan(written)).resource;
    let fresh = r5.clone();
    forget_stale(FhirVersion::R5, &mut r5);
    assert_eq!(r5, fresh, "nothing was changed");
    r5["contained"][0]["status"] = json!("completed");
    forget_stale(FhirVersion::R5, &mut r5);
    let r4 = r5_to_r4(&r5).resource;
    let done = json!({"status": "completed", "description": "Ringa", "goal": [{"reference": "Goal/g1"}]});
    assert_eq!(r4, plan(done));
    assert_eq!(r4_to_r5(&r4).resource, r5);
    // Also beside something that no detail has room for: what R4 is told of the status is true.
    r5["contained"][0]["priority"] = json!("urgent");
    r5["contained"][0]["status"] = json!("revoked");
    forget_stale(FhirVersion::R5, &mut r5);
    let mut r4 = r5_to_r4(&r5).resource;
    let kept = |r4: &Value| {
        let members = r4["activity"][1]["extension"][0]["extension"].as_array().cloned();
        let mut members = members.into_iter().flatten();
        members.find(|member| member["url"] == "status").unwrap_or_default()["valueCode"].clone()
    };
    assert_eq!(kept(&r4), "cancelled");
    assert_eq!(r4_to_r5(&r4).resource, r5);
    r4["contained"][0]["status"] = json!("on-hold");
    forget_stale(FhirVersion::R4, &mut r4);
    assert_eq!(kept(&r4), "on-hold");
}

#[test]
fn a_consent_permits_in_both_versions() {
    let consent = json!({
        "resourceType": "Consent", "status": "active", "scope": {"text": "s"}, "category": [{"text": "k"}],
        "patient": {"reference": "Patient/anna"}, "dateTime": "2026-01-02T10:00:00+01:00",
        "policyRule": {"text": "SVOD"},
        "provision": {"type": "permit", "period": {"start": "2026-01-01"}, "provision": [{"type": "deny", "purpose": [{"code": "x"}]}]},
    });
    let r5 = r4_to_r5(&consent);
    assert_eq!(at(&r5.resource, "/decision"), "permit");
    assert_eq!(at(&r5.resource, "/period/start"), "2026-01-01");
    assert_eq!(at(&r5.resource, "/subject/reference"), "Patient/anna");
    assert_eq!(at(&r5.resource, "/date"), "2026-01-02");
    assert_eq!(at(&r5.resource, "/provision/0/purpose/0/code"), "x");
    assert_eq!(r5.paths.to_source("Consent.decision"), "Consent.provision.type");
    assert_eq!(
        r5.paths.to_source("Consent.provision[0].purpose"),
        "Consent.provision.provision[0].purpose"
    );
    assert_eq!(r5_to_r4(&r5.resource).resource, consent);
    // The other way: R4 demands a scope, a category and a policy.
    let r5 = json!({"resourceType": "Consent", "status": "active", "decision": "deny"});
    let r4 = r5_to_r4(&r5).resource;
    assert_eq!(at(&r4, "/provision/type"), "deny");
    assert_eq!(at(&r4, "/scope/coding/0/code"), "patient-privacy");
    for name in ["/scope", "/category/0", "/policy/0"] {
        assert_eq!(at(&r4, name)["extension"][0]["valueCode"], "unsupported");
    }
    assert_eq!(r4_to_r5(&r4).resource, r5);
}

#[test]
fn an_organisation_can_be_reached_in_both_versions() {
    let r4 = json!({
        "resourceType": "Organization", "name": "Vårdcentralen",
        "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "2"}],
        "address": [{"city": "Örebro"}, {"city": "Kumla"}],
        "contact": [{"name": {"text": "Chefen"}}, {"telecom": [{"system": "phone", "value": "3"}]}],
    });
    let r5 = r4_to_r5(&r4);
    assert_eq!(at(&r5.resource, "/contact/0/telecom/1/value"), "2");
    assert_eq!(at(&r5.resource, "/contact/0/address/city"), "Örebro");
    assert_eq!(at(&r5.resource, "/contact/1/address/city"), "Kumla");
    assert_eq!(at(&r5.resource, "/contact/2/name/0/text"), "Chefen");
    assert_eq!(
        r5.paths.to_source("Organization.contact[0].telecom[1]"),
        "Organization.telecom[1]"
    );
    assert_eq!(r5_to_r4(&r5.resource).resource, r4);
    let r4 = r5_to_r4(&fixture("r5/Organization-ExampleOrganization.json")).resource;
    assert_eq!(at(&r4, "/address/0/city"), "Stockholm");
}

#[test]
fn a_role_keeps_its_numbers_and_its_hours() {
    let r4 = json!({
        "resourceType": "PractitionerRole", "telecom": [{"system": "phone", "value": "1"}],
        "availableTime": [{"daysOfWeek": ["mon"], "availableStartTime": "08:00:00"}],
        "notAvailable": [{"description": "semester", "during": {"start": "2026-07"}}],
    });
    let r5 = r4_to_r5(&r4).resource;
    assert_eq!(at(&r5, "/contact/0/telecom/0/value"), "1");
    assert_eq!(at(&r5, "/availability/0/availableTime/0/daysOfWeek/0"), "mon");
    assert_eq!(at(&r5, "/availability/0/notAvailableTime/0/description"), "semester");
    assert!(r5.get("extension").is_none());
    assert_eq!(r5_to_r4(&r5).resource, r4);
}

#[test]
fn a_condition_tells_who_recorded_it_and_always_has_a_status_in_r5() {
    let r4 = json!({
        "resourceType": "Condition", "subject": {"reference": "Patient/anna"},
        "recorder": {"reference": "Practitioner/eva"}, "asserter": {"reference": "Patient/anna"},
    });
    let r5 = r4_to_r5(&r4).resource;
    assert_eq!(at(&r5, "/participant/0/function/coding/0/code"), "author");
    assert_eq!(at(&r5, "/participant/1/actor/reference"), "Patient/anna");
    assert_eq!(at(&r5, "/clinicalStatus/extension/0/valueCode"), "unsupported");
    assert_eq!(r5_to_r4(&r5).resource, r4);
}

#[test]
fn requests_and_tasks_map_by_name() {
    let r4 = json!({
        "resourceType": "ServiceRequest", "status": "active", "intent": "plan", "subject": {"reference": "Patient/anna"},
        "code": {"text": "hembesök"}, "quantityQuantity": {"value": 1}, "patientInstruction": "Ring först",
        "locationCode": [{"text": "hemma"}],
    });
    let r5 = r4_to_r5(&r4).resource;
    assert_eq!(at(&r5, "/code/concept/text"), "hembesök");
    assert_eq!(at(&r5, "/location/0/concept/text"), "hemma");
    assert_eq!(at(&r5, "/patientInstruction/0/instructionMarkdown"), "Ring först");
    assert_eq!(r5_to_r4(&r5).resource, r4);

    let task = json!({
        "resourceType": "Task", "status": "requested", "intent": "order", "reasonCode": {"text": "behov"},
        "restriction": {"period": {"end": "2026-12-31"}, "repetitions": 2},
    });
    let r5 = r4_to_r5(&task);
    assert_eq!(at(&r5.resource, "/requestedPeriod/end"), "2026-12-31");
    assert_eq!(at(&r5.resource, "/reason/0/concept/text"), "behov");
    assert_eq!(
        r5.paths.to_source("Task.requestedPeriod.end"),
        "Task.restriction.period.end"
    );
    assert_eq!(r5.paths.to_source("Task.reason[0].concept"), "Task.reasonCode");
    assert_eq!(r5_to_r4(&r5.resource).resource, task);
}

#[test]
fn a_code_that_r4_lacks_is_the_nearest_one_with_the_original_beside_it() {
    let r5 = json!({"resourceType": "CarePlan", "status": "active", "intent": "directive", "subject": {"reference": "Patient/anna"}});
    let mut r4 = r5_to_r4(&r5).resource;
    assert_eq!(at(&r4, "/intent"), "order");
    assert_eq!(at(&r4, "/_intent/extension/0/valueCode"), "directive");
    assert_eq!(r4_to_r5(&r4).resource, r5);
    // Somebody changed the code: the note beside it no longer holds.
    r4["intent"] = json!("plan");
    assert_eq!(at(&r4_to_r5(&r4).resource, "/intent"), "plan");
}

#[test]
fn what_a_caller_has_written_in_its_own_way_comes_back_all_the_same() {
    let strange = json!({"resourceType": "CareTeam", "id": "a", "meta": {"versionId": "1"}, "status": "active", "extension": [
        {"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-CareTeam.reason", "valueString": "inget CodeableReference"},
        {"url": "http://hl7.org/fhir/4.0/StructureDefinition/extension-CareTeam.encounter", "valueReference": {"reference": "Encounter/1"}},
    ]});
    let mut r5 = r4_to_r5(&strange).resource;
    assert_eq!(r5_to_r4(&r5).resource, strange);
    // The service sets id and meta; they are not part of what goes along.
    r5["meta"] = json!({"versionId": "2"});
    let r4 = r5_to_r4(&r5).resource;
    assert_eq!(at(&r4, "/meta/versionId"), "2");
    assert_eq!(r4["extension"], strange["extension"]);
    // A changed resource is never overruled by what went along.
    r5["status"] = json!("inactive");
    assert_eq!(at(&r5_to_r4(&r5).resource, "/status"), "inactive");
}

/// There and back again; gives the one in the middle.
fn r4_through_r5(r4: &Value) -> Value {
    let r5 = r4_to_r5(r4).resource;
    assert_eq!(r5_to_r4(&r5).resource, *r4);
    r5
}

fn r5_through_r4(r5: &Value) -> Value {
    let r4 = r5_to_r4(r5).resource;
    assert_eq!(r4_to_r5(&r4).resource, *r5);
    r4
}

const SUBJECT_STATUS: &str = "http://terminology.hl7.org/CodeSystem/encounter-subject-status";

#[test]
fn a_stay_is_told_in_both_versions() {
    let class = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"});
    let r4 = json!({
        "resourceType": "Encounter", "status": "finished", "class": class,
        "subject": {"reference": "Patient/anna"}, "period": {"start": "2026-01-02", "end": "2026-01-09"},
        "serviceType": {"text": "geriatrik"},
        "participant": [{"individual": {"reference": "PractitionerRole/eva"}}, {"period": {"start": "2026-01-02"}}],
        "reasonCode": [{"text": "fall"}], "reasonReference": [{"reference": "Condition/c1"}],
        "diagnosis": [{"condition": {"reference": "Condition/c1"}, "use": {"text": "huvuddiagnos"}, "rank": 1}],
        "hospitalization": {
            "dischargeDisposition": {"text": "hem"}, "dietPreference": [{"text": "vegetarisk"}],
            "destination": {"reference": "Organization/hemsjukvard"},
        },
        "location": [{"location": {"reference": "Location/l1"}, "physicalType": {"text": "rum"}}],
        "statusHistory": [{"status": "arrived", "period": {"start": "2026-01-02"}}],
        "classHistory": [{"class": {"code": "EMER"}, "period": {"start": "2026-01-02"}}],
    });
    let r5 = r4_to_r5(&r4);
    let made = &r5.resource;
    assert_eq!(at(made, "/status"), "completed");
    assert!(made.get("_status").is_none());
    assert_eq!(at(made, "/class"), &json!([{"coding": [class]}]));
    assert_eq!(at(made, "/actualPeriod/end"), "2026-01-09");
    assert_eq!(at(made, "/serviceType/0/concept/text"), "geriatrik");
    assert_eq!(at(made, "/participant/0/actor/reference"), "PractitionerRole/eva");
    assert_eq!(at(made, "/participant/1/type/0/extension/0/valueCode"), "unsupported");
    assert_eq!(at(made, "/reason/0/value/0/concept/text"), "fall");
    assert_eq!(at(made, "/reason/1/value/0/reference/reference"), "Condition/c1");
    assert_eq!(at(made, "/diagnosis/0/condition/0/reference/reference"), "Condition/c1");
    assert_eq!(at(made, "/diagnosis/0/use/0/text"), "huvuddiagnos");
    assert_eq!(at(made, "/admission/dischargeDisposition/text"), "hem");
    assert_eq!(at(made, "/admission/destination/reference"), "Organization/hemsjukvard");
    assert_eq!(at(made, "/dietPreference/0/text"), "vegetarisk");
    assert_eq!(at(made, "/location/0/form/text"), "rum");
    for (target, source) in [
        ("Encounter.actualPeriod.end", "Encounter.period.end"),
        ("Encounter.class[0]", "Encounter.class"),
        ("Encounter.participant[0].actor", "Encounter.participant[0].individual"),
        ("Encounter.reason[1].value[0].reference", "Encounter.reasonReference[0]"),
        (
            "Encounter.admission.dischargeDisposition",
            "Encounter.hospitalization.dischargeDisposition",
        ),
        (
            "Encounter.dietPreference[0]",
            "Encounter.hospitalization.dietPreference[0]",
        ),
    ] {
        assert_eq!(r5.paths.to_source(target), source);
    }
    let back = r5_to_r4(made);
    assert_eq!(back.resource, r4);
    assert_eq!(
        back.paths.to_target("Encounter.reason[0].value[0].concept"),
        "Encounter.reasonCode[0]"
    );
    assert_eq!(back.paths.to_target("Encounter.actualPeriod"), "Encounter.period");
}

#[test]
fn who_has_arrived_is_in_progress() {
    let encounter = |status: &str| json!({"resourceType": "Encounter", "status": status, "class": {"code": "AMB"}});
    let mut r5 = r4_through_r5(&encounter("arrived"));
    assert_eq!(at(&r5, "/status"), "in-progress");
    let arrived = json!({"coding": [{"system": SUBJECT_STATUS, "code": "arrived"}]});
    assert_eq!(at(&r5, "/subjectStatus"), &arrived);
    assert_eq!(at(&r4_through_r5(&encounter("onleave")), "/status"), "on-hold");
    assert_eq!(at(&r4_through_r5(&encounter("planned")), "/status"), "planned");
    // As R5 callers write it, and what R4 has no word for.
    r5["subjectStatus"]["coding"][0]["display"] = json!("Arrived");
    let mut r4 = r5_through_r4(&r5);
    assert_eq!(at(&r4, "/status"), "arrived");
    r4["status"] = json!("finished");
    let later = r4_to_r5(&r4).resource;
    assert_eq!(at(&later, "/status"), "completed");
    assert!(later.get("subjectStatus").is_none(), "the patient is no longer arrived");
    r5["status"] = json!("discharged");
    let r4 = r5_through_r4(&r5);
    assert_eq!(at(&r4, "/status"), "finished");
    assert_eq!(at(&r4, "/_status/extension/0/valueCode"), "discharged");
}

#[test]
fn what_r5_says_more_of_a_visit_goes_along() {
    let r5 = json!({
        "resourceType": "Encounter", "status": "in-progress",
        "class": [{"coding": [{"code": "HH"}, {"code": "X"}], "text": "hembesök"}, {"coding": [{"code": "Y"}]}],
        "participant": [{"actor": {"reference": "Patient/anna"}}],
        "reason": [
            {"use": [{"text": "skäl"}], "value": [{"reference": {"reference": "Condition/c1"}}, {"concept": {"text": "fall"}}]},
            {"use": [{"text": "övrigt"}]},
        ],
        "diagnosis": [
            {"condition": [{"concept": {"text": "anemi"}}, {"reference": {"reference": "Condition/c2"}}]},
            {"condition": [{"reference": {"reference": "Condition/c3"}}]},
        ],
        "specialCourtesy": [{"text": "tolk"}],
    });
    let mut r4 = r5_through_r4(&r5);
    assert_eq!(at(&r4, "/class/code"), "HH");
    assert_eq!(at(&r4, "/reasonCode/0/text"), "fall");
    assert_eq!(at(&r4, "/reasonReference/0/reference"), "Condition/c1");
    assert_eq!(at(&r4, "/hospitalization/specialCourtesy/0/text"), "tolk");
    // Where R4 allows no such reference, a reader still sees whom or what it was.
    assert_eq!(at(&r4, "/participant/0/individual/display"), "Patient/anna");
    assert_eq!(at(&r4, "/diagnosis/0/condition/display"), "anemi");
    assert_eq!(at(&r4, "/diagnosis/1/condition"), &json!({"reference": "Condition/c3"}));
    // A changed class is never overruled by what went along.
    r4["class"]["code"] = json!("VR");
    assert_eq!(
        at(&r4_to_r5(&r4).resource, "/class"),
        &json!([{"coding": [{"code": "VR"}]}])
    );
    // And one without a class has none that R4 would know.
    let bare = json!({"resourceType": "Encounter", "status": "planned"});
    assert_eq!(at(&r5_through_r4(&bare), "/class/extension/0/valueCode"), "unsupported");
}

#[test]
fn an_insatsform_and_its_team() {
    let r5 = r4_through_r5(&json!({
        "resourceType": "EpisodeOfCare", "status": "active", "patient": {"reference": "Patient/anna"},
        "team": [{"reference": "CareTeam/t1"}],
        "diagnosis": [{"condition": {"reference": "Condition/c1"}, "role": {"text": "huvuddiagnos"}, "rank": 1}],
    }));
    assert_eq!(at(&r5, "/careTeam/0/reference"), "CareTeam/t1");
    assert_eq!(at(&r5, "/diagnosis/0/condition/0/reference/reference"), "Condition/c1");
    assert_eq!(at(&r5, "/diagnosis/0/use/text"), "huvuddiagnos");
}

#[test]
fn what_was_told_and_why() {
    let r5 = r4_through_r5(&json!({
        "resourceType": "Communication", "status": "completed", "subject": {"reference": "Patient/anna"},
        "reasonCode": [{"text": "utskrivning"}], "reasonReference": [{"reference": "Condition/c1"}],
        "payload": [{"contentString": "Ny fast vårdkontakt"}],
    }));
    assert_eq!(at(&r5, "/reason/0/concept/text"), "utskrivning");
    assert_eq!(at(&r5, "/reason/1/reference/reference"), "Condition/c1");
    assert_eq!(at(&r5, "/payload/0/contentCodeableConcept/text"), "Ny fast vårdkontakt");
}

#[test]
fn a_choice_is_the_type_of_its_answers_and_a_constraint() {
    let r4 = json!({"resourceType": "Questionnaire", "status": "active", "item": [
        {"linkId": "1", "type": "choice", "answerValueSet": "http://example.org/vs"},
        {"linkId": "2", "type": "open-choice", "maxLength": 20, "answerOption": [{"valueCoding": {"code": "ja"}}]},
        {"linkId": "3", "type": "choice", "answerOption": [{"valueString": "hemma"}, {"valueString": "borta"}]},
        {"linkId": "4", "type": "choice"},
        {"linkId": "5", "type": "string", "answerOption": [{"valueString": "hemma"}]},
    ]});
    let r5 = r4_through_r5(&r4);
    let told = |n: usize| {
        let item = &r5["item"][n];
        (
            item["type"].as_str(),
            item.get("answerConstraint").and_then(Value::as_str),
        )
    };
    assert_eq!(told(0), (Some("coding"), Some("optionsOnly")));
    assert_eq!(told(1), (Some("coding"), Some("optionsOrString")));
    assert!(r5["item"][1].get("maxLength").is_none(), "que-10");
    assert_eq!(told(2), (Some("string"), Some("optionsOnly")));
    assert_eq!(told(3), (Some("coding"), None));
    assert_eq!(told(4), (Some("string"), None));
    assert!(
        r5["item"]
            .as_array()
            .expect("items")
            .iter()
            .all(|item| item.get("_type").is_none())
    );
    let r4 = r5_through_r4(&json!({"resourceType": "Questionnaire", "status": "draft", "item": [
        {"linkId": "1", "type": "coding", "answerValueSet": "http://example.org/vs"},
        {"linkId": "2", "type": "coding", "answerValueSet": "http://example.org/vs", "answerConstraint": "optionsOrType"},
        {"linkId": "3", "type": "coding", "answerValueSet": "http://example.org/vs", "answerConstraint": "optionsOrString"},
    ]}));
    assert_eq!(at(&r4, "/item/0/type"), "choice");
    assert_eq!(at(&r4, "/item/1/_type/extension/0/valueCode"), "coding");
    assert_eq!(at(&r4, "/item/2/type"), "open-choice");
}

#[test]
fn answers_name_their_questions_in_r5() {
    let r4 = json!({
        "resourceType": "QuestionnaireResponse", "status": "completed",
        "identifier": {"system": "http://example.org/svar", "value": "1"},
        "item": [{"linkId": "1", "answer": [{"valueQuantity": {"value": 3, "comparator": "<"}}, {"item": [{"linkId": "2"}]}]}],
    });
    let r5 = r4_through_r5(&r4);
    assert_eq!(at(&r5, "/identifier/0/value"), "1");
    assert!(at(&r5, "/questionnaire").is_string());
    assert_eq!(at(&r5, "/_questionnaire/extension/0/valueCode"), "unsupported");
    assert!(r5["item"][0]["answer"][0]["valueQuantity"].get("comparator").is_none());
    let mut named = r4;
    named["questionnaire"] = json!("http://example.org/fragor|1");
    assert!(r4_through_r5(&named).get("_questionnaire").is_none());
}

#[test]
fn who_did_what_and_why() {
    let agent = json!({"type": {"text": "author"}, "who": {"reference": "Practitioner/eva"}, "onBehalfOf": {"reference": "Organization/vc"}});
    let r4 = json!({
        "resourceType": "Provenance", "target": [{"reference": "CareTeam/t1"}], "recorded": "2026-01-02T08:00:00Z",
        "occurredPeriod": {"start": "2026-01-02"}, "reason": [{"text": "vård"}], "activity": {"text": "införande"},
        "policy": ["http://example.org/p"], "agent": [agent],
        "entity": [{"role": "derivation", "what": {"reference": "DocumentReference/d"}, "agent": [agent]}],
    });
    let r5 = r4_through_r5(&r4);
    assert_eq!(at(&r5, "/authorization/0/concept/text"), "vård");
    assert_eq!(at(&r5, "/entity/0/role"), "source");
    assert_eq!(at(&r5, "/entity/0/agent/0"), &agent);
    let mut own = r4;
    own["agent"][0]["onBehalfOf"] = own["agent"][0]["who"].clone();
    assert!(r4_through_r5(&own)["agent"][0].get("onBehalfOf").is_none(), "prov-1");
    let bare = json!({
        "resourceType": "Provenance", "target": [{"reference": "CareTeam/t1"}],
        "agent": [{"who": {"reference": "CareTeam/t1"}}], "patient": {"reference": "Patient/anna"},
    });
    assert_eq!(
        at(&r5_through_r4(&bare), "/_recorded/extension/0/valueCode"),
        "unsupported"
    );
}

#[test]
fn the_parties_of_a_consent() {
    let scope =
        json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]});
    let r4 = json!({
        "resourceType": "Consent", "status": "proposed", "scope": scope, "category": [{"text": "SIP"}],
        "patient": {"reference": "Patient/anna"},
        "performer": [{"reference": "Organization/vc"}, {"reference": "RelatedPerson/dotter"}, {"reference": "Patient/anna"}],
        "organization": [{"reference": "Organization/vc"}],
        "policy": [{"authority": "http://example.org/a", "uri": "http://example.org/p"}, {"uri": "urn:oid:1.2.3"}],
        "provision": {"type": "permit", "provision": [{"type": "deny", "class": [
            {"system": "http://hl7.org/fhir/resource-types", "code": "CarePlan"}, {"system": "urn:ietf:bcp:13", "code": "application/pdf"},
        ]}]},
    });
    let r5 = r4_to_r5(&r4);
    let made = &r5.resource;
    assert_eq!(at(made, "/category/1"), &scope);
    assert_eq!(at(made, "/grantor/0/reference"), "RelatedPerson/dotter");
    assert_eq!(at(made, "/grantor/1/reference"), "Patient/anna");
    assert_eq!(at(made, "/grantee/0/reference"), "Organization/vc");
    assert_eq!(at(made, "/manager/0/reference"), "Organization/vc");
    assert_eq!(at(made, "/policyBasis/url"), "http://example.org/p");
    assert_eq!(at(made, "/provision/0/resourceType/0/code"), "CarePlan");
    assert_eq!(at(made, "/provision/0/documentType/0/code"), "application/pdf");
    assert_eq!(r5.paths.to_source("Consent.category[1]"), "Consent.scope");
    assert_eq!(r5.paths.to_source("Consent.grantor[1]"), "Consent.performer[2]");
    assert_eq!(r5_to_r4(made).resource, r4);
    // R5's own: an organisation that grants, a scope among the categories.
    let r4 = r5_through_r4(&json!({
        "resourceType": "Consent", "status": "active", "category": [scope, {"text": "SIP"}],
        "grantor": [{"reference": "Organization/vc"}, {"reference": "CareTeam/t1"}], "grantee": [{"reference": "Patient/anna"}],
        "policyBasis": {"reference": {"reference": "DocumentReference/d"}}, "decision": "permit",
    }));
    assert_eq!(at(&r4, "/scope"), &scope);
    assert_eq!(at(&r4, "/category"), &json!([{"text": "SIP"}]));
    assert_eq!(at(&r4, "/performer/0/reference"), "Organization/vc");
    assert_eq!(at(&r4, "/performer/2/reference"), "Patient/anna");
}

#[test]
fn a_booking_in_both_versions() {
    let r4 = json!({
        "resourceType": "Appointment", "status": "cancelled", "cancelationReason": {"text": "förhinder"},
        "serviceType": [{"text": "uppföljning"}], "reasonCode": [{"text": "smärta"}], "comment": "Ring först",
        "patientInstruction": "Ta med läkemedelslistan", "priority": 5, "minutesDuration": 30,
        "participant": [
            {"actor": {"reference": "Patient/anna"}, "required": "required", "status": "accepted"},
            {"actor": {"reference": "RelatedPerson/dotter"}, "required": "information-only", "status": "needs-action"},
        ],
    });
    let mut r5 = r4_through_r5(&r4);
    assert_eq!(at(&r5, "/cancellationReason/text"), "förhinder");
    assert_eq!(at(&r5, "/serviceType/0/concept/text"), "uppföljning");
    assert_eq!(at(&r5, "/note/0/text"), "Ring först");
    assert_eq!(
        at(&r5, "/patientInstruction"),
        &json!([{"concept": {"text": "Ta med läkemedelslistan"}}])
    );
    assert_eq!(at(&r5, "/participant/0/required"), true);
    assert_eq!(at(&r5, "/participant/1/required"), false);
    // HL7's R4 knows the reason of cancelled appointments only.
    r5["status"] = json!("noshow");
    assert!(r5_through_r4(&r5).get("cancelationReason").is_none());
    let r4 = r5_through_r4(&json!({
        "resourceType": "Appointment", "status": "proposed", "participant": [{"actor": {"reference": "Patient/anna"}, "status": "accepted"}],
        "patientInstruction": [{"concept": {"text": "Fasta"}}, {"reference": {"reference": "DocumentReference/d"}}],
    }));
    assert_eq!(at(&r4, "/patientInstruction"), "Fasta");
}

#[test]
fn a_task_and_who_is_asked() {
    let r4 = json!({
        "resourceType": "Task", "status": "rejected", "intent": "order", "statusReason": {"text": "tid saknas"},
        "performerType": [{"text": "dietist"}], "reasonReference": {"reference": "Condition/c1"},
        "executionPeriod": {"start": "2026-01-02"}, "input": [{"type": {"text": "längd"}, "valueString": "170"}],
    });
    let r5 = r4_through_r5(&r4);
    assert_eq!(at(&r5, "/statusReason/concept/text"), "tid saknas");
    assert_eq!(at(&r5, "/requestedPerformer/0/concept/text"), "dietist");
    assert_eq!(at(&r5, "/reason/0/reference/reference"), "Condition/c1");
    let r4 = r5_through_r4(&json!({
        "resourceType": "Task", "status": "requested", "intent": "order", "doNotPerform": true,
        "requestedPeriod": {"end": "2026-12-31"}, "performer": [{"actor": {"reference": "Practitioner/eva"}}],
        "requestedPerformer": [{"reference": {"reference": "PractitionerRole/eva"}}],
        "reason": [{"concept": {"text": "a"}}, {"concept": {"text": "b"}}],
        "input": [{"type": {"text": "x"}, "valueCodeableReference": {"concept": {"text": "y"}}}],
    }));
    assert_eq!(at(&r4, "/restriction/period/end"), "2026-12-31");
    assert_eq!(at(&r4, "/reasonCode/text"), "a");
}

#[test]
fn anything_is_answered() {
    for value in [
        json!(null),
        json!([]),
        json!({}),
        json!({"resourceType": "Foo", "a": 1}),
        json!({"resourceType": 7}),
    ] {
        assert_eq!(r4_to_r5(&value).resource, value);
        assert_eq!(r5_to_r4(&value).resource, value);
    }
    for broken in [
        json!({"resourceType": "CareTeam", "participant": "x", "reasonCode": [1, null], "extension": {"a": 1}, "contained": 3}),
        json!({"resourceType": "CarePlan", "activity": [{"detail": []}, 4], "intent": 5, "_intent": "x"}),
        json!({"resourceType": "Organization", "telecom": {}, "contact": [null], "address": [1]}),
        json!({"resourceType": "Consent", "provision": [1], "dateTime": 4, "period": "x"}),
    ] {
        // Refused before it comes here; all the same nothing may panic.
        assert!(r5_to_r4(&r4_to_r5(&broken).resource).resource.is_object());
        assert!(r4_to_r5(&r5_to_r4(&broken).resource).resource.is_object());
    }
}
