//! What the conversion makes of the elements that differ: a resource written in one version is useful in the other.

use fastkontakt::fhir::convert::{r4_to_r5, r5_to_r4};
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
    for name in ["/scope", "/category/0", "/policyRule"] {
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
