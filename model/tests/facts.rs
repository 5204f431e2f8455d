//! Every resource type of the closed set is understood, with all that the rules read.

use fastkontakt_model::date::FhirDate;
use fastkontakt_model::facts::*;
use fastkontakt_model::{Fact, understand};

const OWN: &str = "https://w3id.org/fastkontakt/StructureDefinition/";

/// Understands the resource as the type it says it is.
fn fact(json: &str) -> Fact {
    let value: serde_json::Value = serde_json::from_str(json).expect("the test's own JSON");
    let resource_type = value["resourceType"].as_str().expect("resourceType").to_owned();
    let fact = understand(&resource_type, json).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(fact.resource_type(), resource_type);
    fact
}

/// Unwraps one variant of [`Fact`].
macro_rules! read {
    ($kind:ident, $json:expr) => {
        match fact($json) {
            Fact::$kind(fact) => *fact,
            other => panic!("{other:?}"),
        }
    };
}

fn day(text: &str) -> Option<FhirDate> {
    Some(FhirDate::parse(text).expect("the test's own date"))
}

fn target(reference: &Reference) -> &str {
    reference.reference.as_deref().unwrap_or("")
}

#[test]
fn a_fast_kontakt() {
    let care_team = read!(
        CareTeam,
        r##"{
            "resourceType": "CareTeam", "id": "k1",
            "meta": {"versionId": "3", "lastUpdated": "2025-01-01T00:00:00.000Z", "profile": ["p"],
                     "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPATIENT"}]},
            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
            "contained": [
                {"resourceType": "Location", "id": "plats"},
                {"resourceType": "PractitionerRole", "id": "roll", "practitioner": {"reference": "Practitioner/p1"}}
            ],
            "extension": [
                {"url": "https://w3id.org/fastkontakt/StructureDefinition/samrad", "valueBoolean": true},
                {"url": "https://w3id.org/fastkontakt/StructureDefinition/senast-omprovad", "valueDate": "2025-02"},
                {"url": "https://w3id.org/fastkontakt/StructureDefinition/ersatter", "valueReference": {"reference": "CareTeam/k0"}},
                {"url": "https://w3id.org/fastkontakt/StructureDefinition/avslutsorsak", "valueCode": "byte"},
                {"url": "http://example.org/nested", "extension": [{"url": "a", "valueInteger": -3}]}
            ],
            "status": "active",
            "category": [{"coding": [{"system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": "fast-kontakt"}]}],
            "name": "Fast läkarkontakt",
            "subject": {"reference": "Patient/x"},
            "period": {"start": "2024-05-01", "end": "2025"},
            "participant": [{
                "extension": [{"url": "http://example.org/team", "valueReference": {"reference": "CareTeam/t"}}],
                "role": {"coding": [{"system": "s", "code": "2", "display": "fast läkarkontakt"}], "text": "läkare"},
                "member": {"reference": "#roll", "type": "PractitionerRole", "display": "Doktor Dahl",
                           "identifier": {"system": "urn:oid:1.2.752.129.2.1.4.1", "value": "SE2321000164-0001"}},
                "onBehalfOf": {"display": "Vårdcentralen"},
                "coveragePeriod": {"start": "2024-05-01"}
            }],
            "reason": [{"concept": {"coding": [{"system": "r", "code": "behov"}]}}],
            "managingOrganization": [{"reference": "Organization/o1"}, {"reference": "Organization/o2"}],
            "telecom": [{"system": "phone", "use": "work", "value": "019-123", "rank": 1,
                         "extension": [{"url": "a", "valueAvailability": {"availableTime": [{"daysOfWeek": ["mon"], "availableStartTime": "08:00:00"}]}}]}],
            "note": [{"text": "ring"}]
        }"##
    );
    assert_eq!(care_team.head.id, "k1");
    assert_eq!(care_team.head.profiles, ["p"]);
    assert!(care_team.head.security[0].is("http://terminology.hl7.org/CodeSystem/v3-ActCode", "NOPATIENT"));
    assert_eq!(care_team.status, Some(CareTeamStatus::Active));
    assert!(any_has(
        &care_team.categories,
        "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs",
        "fast-kontakt"
    ));
    assert_eq!(
        care_team.period,
        Period {
            start: day("2024-05-01"),
            end: day("2025")
        }
    );
    assert_eq!(care_team.participants.len(), 1);
    let participant = &care_team.participants[0];
    let role = participant.role.as_ref().unwrap();
    assert_eq!(role.codes("s").collect::<Vec<_>>(), ["2"]);
    let member = participant.member.as_ref().unwrap();
    assert_eq!(member.target_type(), Some("PractitionerRole"));
    assert!(member.is_contained() && member.is_stated());
    assert_eq!(
        member.identifier.as_ref().unwrap().value.as_deref(),
        Some("SE2321000164-0001")
    );
    assert_eq!(
        participant.extensions.reference("http://example.org/team").map(target),
        Some("CareTeam/t")
    );
    assert!(care_team.reasons[0].concept.as_ref().unwrap().has("r", "behov"));
    assert_eq!(care_team.managing_organizations.len(), 2);
    assert_eq!(care_team.telecoms[0].system.as_deref(), Some("phone"));
    assert_eq!(care_team.telecoms[0].use_.as_deref(), Some("work"));

    let extensions = &care_team.head.extensions;
    assert_eq!(extensions.boolean(&format!("{OWN}samrad")), Some(true));
    assert_eq!(extensions.date(&format!("{OWN}senast-omprovad")), day("2025-02"));
    assert_eq!(
        extensions.reference(&format!("{OWN}ersatter")).map(target),
        Some("CareTeam/k0")
    );
    assert_eq!(extensions.code(&format!("{OWN}avslutsorsak")), Some("byte"));
    let nested = &extensions.get("http://example.org/nested").unwrap().nested;
    assert_eq!(nested.value("a"), Some(&ExtValue::Integer(-3)));
}

#[test]
fn contained_resources_keep_their_places() {
    let plan = fact(
        r##"{"resourceType": "CarePlan", "id": "p", "status": "draft", "intent": "plan", "subject": {"reference": "Patient/x"},
            "contained": [
                {"resourceType": "Medication", "id": "m", "unknownToUs": 1},
                {"resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "plan", "subject": {"reference": "Patient/x"}}
            ]}"##,
    );
    assert_eq!(plan.head().contained.len(), 2);
    assert_eq!(plan.head().contained[0].resource_type(), "Medication");
    assert_eq!(plan.contained("#m").map(Fact::id), Some("m"));
    assert!(matches!(plan.contained("#s"), Some(Fact::ServiceRequest(_))));
    assert_eq!(plan.contained("#nobody"), None);
    assert_eq!(plan.contained("#"), None);
    assert_eq!(plan.contained("s"), None);
}

#[test]
fn a_care_plan() {
    let plan = read!(
        CarePlan,
        r##"{"resourceType": "CarePlan", "status": "on-hold", "intent": "plan", "title": "t", "description": "d",
            "basedOn": [{"reference": "CarePlan/b"}], "replaces": [{"reference": "CarePlan/r"}], "partOf": [{"reference": "CarePlan/p"}],
            "category": [{"coding": [{"system": "s", "code": "SIP"}]}, {"text": "x"}],
            "subject": {"reference": "Patient/x"}, "period": {"start": "2025-01-01T08:00:00+01:00"}, "created": "2025-01-02",
            "custodian": {"reference": "PractitionerRole/c"}, "contributor": [{"reference": "Patient/x"}],
            "careTeam": [{"reference": "CareTeam/k"}], "addresses": [{"reference": {"reference": "Condition/c"}}],
            "supportingInfo": [{"reference": "Consent/s"}], "goal": [{"reference": "Goal/g"}],
            "activity": [{"extension": [{"url": "u", "valueCodeableConcept": {"coding": [{"code": "kommun"}]}}],
                          "performedActivity": [{"concept": {"text": "gjort"}}], "progress": [{"text": "går bra"}],
                          "plannedActivityReference": {"reference": "#a"}}]}"##
    );
    assert_eq!(plan.status, Some(RequestStatus::OnHold));
    assert_eq!(plan.intent.as_deref(), Some("plan"));
    assert_eq!(
        (plan.based_on.len(), plan.replaces.len(), plan.part_of.len()),
        (1, 1, 1)
    );
    assert_eq!(plan.period.start, day("2025-01-01T07:00:00Z"));
    assert_eq!(plan.created, day("2025-01-02"));
    assert_eq!(plan.custodian.as_ref().map(target), Some("PractitionerRole/c"));
    assert_eq!(plan.addresses[0].reference.as_ref().map(target), Some("Condition/c"));
    assert_eq!(
        (
            plan.contributors.len(),
            plan.care_teams.len(),
            plan.goals.len(),
            plan.supporting_info.len()
        ),
        (1, 1, 1, 1)
    );
    let activity = &plan.activities[0];
    assert_eq!(activity.extensions.code("u"), Some("kommun"));
    assert_eq!(activity.planned.as_ref().map(target), Some("#a"));
    assert!(activity.performed[0].concept.as_ref().unwrap().is_stated());
}

#[test]
fn a_patient_and_a_relative() {
    let patient = read!(
        Patient,
        r#"{"resourceType": "Patient", "active": true, "birthDate": "1950-09-07", "deceasedDateTime": "2025-03-01T10:00:00Z",
            "identifier": [{"use": "official", "type": {"text": "pnr"}, "system": "http://electronichealth.se/identifier/personnummer", "value": "195009072553", "period": {"start": "1950"}}],
            "name": [{"use": "official", "family": "Test", "given": ["Tolvan", null], "_given": [null, {"extension": [{"url": "x", "valueString": "y"}]}]}],
            "telecom": [{"value": "1"}], "gender": "female",
            "generalPractitioner": [{"reference": "Organization/o"}], "managingOrganization": {"reference": "Organization/m"},
            "link": [{"other": {"reference": "Patient/y"}, "type": "seealso"}]}"#
    );
    assert_eq!(patient.identifiers[0].value.as_deref(), Some("195009072553"));
    assert_eq!(patient.identifiers[0].use_.as_deref(), Some("official"));
    assert_eq!(patient.birth_date, day("1950-09-07"));
    assert_eq!(
        (patient.deceased, patient.deceased_at),
        (Some(true), day("2025-03-01T10:00:00Z"))
    );
    assert_eq!(patient.names[0].given, [Some("Tolvan".to_owned()), None]);
    assert_eq!(patient.names[0].extensions.len(), 1);
    assert!(patient.names[0].is_stated() && !patient.names[0].is_masked());
    assert_eq!(patient.links[0].type_, Some(LinkType::SeeAlso));
    assert_eq!(target(&patient.links[0].other), "Patient/y");
    assert_eq!(patient.general_practitioners.len(), 1);

    let relative = read!(
        RelatedPerson,
        r#"{"resourceType": "RelatedPerson", "active": false, "patient": {"reference": "Patient/x"}, "relationship": [{"text": "dotter"}],
            "name": [{"text": "Åsa"}], "period": {"end": "2030-01"}, "birthDate": "1980"}"#
    );
    assert_eq!(relative.patient.as_ref().map(target), Some("Patient/x"));
    assert_eq!((relative.active, relative.birth_date), (Some(false), day("1980")));
    assert_eq!(relative.period.end, day("2030-01"));
}

#[test]
fn staff_with_licence_and_befattning() {
    let practitioner = read!(
        Practitioner,
        r#"{"resourceType": "Practitioner", "identifier": [{"system": "urn:oid:1.2.752.129.2.1.4.1", "value": "SE2321000164-0001"}],
            "name": [{"text": "Doktor Dahl"}], "telecom": [{"system": "email", "value": "d@example.org"}],
            "qualification": [{"identifier": [{"value": "1"}], "code": {"coding": [{"system": "urn:oid:1.2.752.116.3.1.3", "code": "LK"}]},
                               "period": {"end": "2024-12-31"}, "issuer": {"display": "Socialstyrelsen"}}]}"#
    );
    let licence = &practitioner.qualifications[0];
    assert!(licence.code.as_ref().unwrap().has("urn:oid:1.2.752.116.3.1.3", "LK"));
    assert_eq!(licence.period.last_day(), day("2024-12-31").map(|date| date.last_day()));

    let role = read!(
        PractitionerRole,
        r#"{"resourceType": "PractitionerRole", "active": true, "period": {"start": "2020"}, "practitioner": {"reference": "Practitioner/p"},
            "organization": {"reference": "Organization/o"}, "code": [{"coding": [{"system": "b", "code": "201011"}]}],
            "specialty": [{"text": "allmänmedicin"}],
            "contact": [{"purpose": {"text": "tid"}, "telecom": [{"system": "phone", "value": "1"}], "period": {"start": "2021"}}]}"#
    );
    assert!(any_has(&role.codes, "b", "201011"));
    assert_eq!(role.contacts[0].telecoms[0].value.as_deref(), Some("1"));
    assert_eq!(
        role.organization.as_ref().unwrap().type_and_id(),
        Some(("Organization", "o"))
    );
}

#[test]
fn masked_names_are_told_wherever_the_mask_stands() {
    let mask = r#"{"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}"#;
    for name in [
        mask.to_owned(),
        format!(r#"{{"_text": {mask}}}"#),
        format!(r#"{{"_family": {mask}}}"#),
        format!(r#"{{"given": [null], "_given": [{mask}]}}"#),
        format!(r#"{{"_given": [{mask}]}}"#),
    ] {
        let practitioner = read!(
            Practitioner,
            &format!(r#"{{"resourceType": "Practitioner", "name": [{name}]}}"#)
        );
        assert!(
            practitioner.names[0].is_masked() && !practitioner.names[0].is_stated(),
            "{name}"
        );
    }
    let care_team = read!(
        CareTeam,
        &format!(
            r#"{{"resourceType": "CareTeam", "participant": [{{"member": {{"reference": "PractitionerRole/r", "_display": {mask}}}}}]}}"#
        )
    );
    assert!(
        care_team.participants[0]
            .member
            .as_ref()
            .unwrap()
            .extensions
            .is_masked()
    );
}

#[test]
fn an_organization() {
    let organization = read!(
        Organization,
        r#"{"resourceType": "Organization", "identifier": [{"system": "urn:oid:2.5.4.97", "value": "2321000164"}], "active": true,
            "type": [{"coding": [{"system": "t", "code": "15"}]}], "name": "Vårdcentralen", "alias": ["VC"],
            "extension": [{"url": "u", "valueReference": {"reference": "Organization/region"}}],
            "contact": [{"telecom": [{"system": "phone", "value": "1"}], "address": {"line": ["Gatan 1"]}}],
            "partOf": {"reference": "https://example.org/fhir/Organization/o2/_history/3"}}"#
    );
    assert!(any_has(&organization.types, "t", "15"));
    assert_eq!(
        organization.head.extensions.reference("u").map(target),
        Some("Organization/region")
    );
    assert_eq!(
        organization.part_of.as_ref().unwrap().type_and_id(),
        Some(("Organization", "o2"))
    );
    assert_eq!(organization.contacts[0].telecoms.len(), 1);
}

#[test]
fn a_condition_and_a_goal() {
    let condition = read!(
        Condition,
        r#"{"resourceType": "Condition", "clinicalStatus": {"coding": [{"code": "active"}]}, "verificationStatus": {"coding": [{"code": "confirmed"}]},
            "category": [{"text": "c"}], "severity": {"coding": [{"system": "http://snomed.info/sct", "code": "442452003"}]},
            "code": {"text": "KOL"}, "subject": {"reference": "Patient/x"}, "onsetAge": {"value": 1.5}, "recordedDate": "2024-01"}"#
    );
    assert!(
        condition
            .severity
            .as_ref()
            .unwrap()
            .has("http://snomed.info/sct", "442452003")
    );
    assert_eq!(
        condition.clinical_status.unwrap().codings[0].code.as_deref(),
        Some("active")
    );
    assert_eq!(condition.recorded_date, day("2024-01"));

    let goal = read!(
        Goal,
        r#"{"resourceType": "Goal", "lifecycleStatus": "accepted", "category": [{"text": "c"}], "description": {"text": "kunna gå"},
            "subject": {"reference": "Patient/x"}, "source": {"reference": "Patient/x"}, "addresses": [{"reference": "Condition/c"}]}"#
    );
    assert_eq!(goal.lifecycle_status, Some(GoalStatus::Accepted));
    assert!(goal.description.unwrap().is_stated());
}

#[test]
fn a_consent() {
    let consent = read!(
        Consent,
        r#"{"resourceType": "Consent", "status": "active", "category": [{"text": "c"}], "subject": {"reference": "Patient/x"}, "date": "2025-01-01",
            "period": {"start": "2025-01-01", "end": "2025-12-31"}, "grantor": [{"reference": "Patient/x"}], "grantee": [{"reference": "Organization/o"}],
            "decision": "permit",
            "provision": [{"period": {"start": "2025-02-01"}, "actor": [{"role": {"text": "r"}, "reference": {"reference": "Organization/a"}}],
                           "action": [{"text": "läsa"}], "purpose": [{"code": "TREAT"}], "provision": [{}]}]}"#
    );
    assert_eq!(
        (consent.status, consent.decision),
        (Some(ConsentStatus::Active), Some(ConsentDecision::Permit))
    );
    assert!(consent.period.contains(day("2025-12-31").unwrap().first_day()));
    assert!(!consent.period.contains(day("2026-01-01").unwrap().first_day()));
    assert_eq!(target(&consent.provisions[0].actors[0]), "Organization/a");
    assert_eq!(consent.provisions[0].purposes[0].code.as_deref(), Some("TREAT"));
}

#[test]
fn an_appointment() {
    let appointment = read!(
        Appointment,
        r#"{"resourceType": "Appointment", "status": "noshow", "start": "2025-06-01T08:00:00+02:00", "end": "2025-06-01T08:30:00.500+02:00",
            "created": "2025-05-01", "requestedPeriod": [{"start": "2025-06"}], "subject": {"reference": "Patient/x"}, "basedOn": [{"reference": "CarePlan/p"}],
            "participant": [{"type": [{"text": "t"}], "actor": {"reference": "Patient/x"}, "required": true, "status": "needs-action"}]}"#
    );
    assert_eq!(appointment.status, Some(AppointmentStatus::NoShow));
    assert_eq!(appointment.start, day("2025-06-01T06:00:00Z"));
    assert_eq!(appointment.end, day("2025-06-01T06:30:00.5Z"));
    assert_eq!(appointment.requested_periods[0].start, day("2025-06"));
    assert_eq!(appointment.participants[0].status.as_deref(), Some("needs-action"));
}

#[test]
fn a_service_request_tells_when_in_every_form() {
    let with = |when: &str| {
        let json = format!(
            r#"{{"resourceType": "ServiceRequest", "status": "active", "intent": "plan", "subject": {{"reference": "Patient/x"}},
                "code": {{"concept": {{"text": "ta blodtryck"}}}}, "performer": [{{"reference": "PractitionerRole/r"}}], "doNotPerform": false{when}}}"#
        );
        read!(ServiceRequest, &json)
    };
    assert_eq!(with("").occurrence, None);
    assert_eq!(
        with(r#", "occurrenceDateTime": "2025-05""#).occurrence,
        day("2025-05").map(Occurrence::DateTime)
    );
    let period =
        with(r#", "occurrencePeriod": {"end": "2025-05-01", "extension": [{"url": "u", "valueBoolean": true}]}"#);
    assert_eq!(
        period.occurrence,
        Some(Occurrence::Period(Period {
            start: None,
            end: day("2025-05-01")
        }))
    );
    assert_eq!(period.occurrence_extensions.boolean("u"), Some(true));
    let only_extension = with(r#", "_occurrenceDateTime": {"extension": [{"url": "u", "valueString": "vid behov"}]}"#);
    assert_eq!(
        (
            only_extension.occurrence,
            only_extension.occurrence_extensions.code("u")
        ),
        (None, Some("vid behov"))
    );

    for (timing, stated) in [
        (r#"{"code": {"text": "vid behov"}}"#, true),
        (
            r#"{"repeat": {"frequency": 2, "period": 1.0, "periodUnit": "wk"}}"#,
            true,
        ),
        (r#"{"repeat": {"dayOfWeek": ["mon"], "timeOfDay": ["08:30:00"]}}"#, true),
        (r#"{"repeat": {"boundsPeriod": {"start": "2025-01"}}}"#, true),
        (r#"{"event": ["2025-05-01"]}"#, true),
        (r#"{"id": "x"}"#, false),
    ] {
        let Some(Occurrence::Timing(read)) = with(&format!(r#", "occurrenceTiming": {timing}"#)).occurrence else {
            panic!("{timing}")
        };
        assert_eq!(read.is_stated(), stated, "{timing}");
    }
    assert_eq!(
        with(r#", "asNeededBoolean": true"#).as_needed,
        Some(AsNeeded::Boolean(true))
    );
    assert!(matches!(
        with(r#", "asNeededCodeableConcept": {"text": "vid smärta"}"#).as_needed,
        Some(AsNeeded::Concept(_))
    ));
}

#[test]
fn a_task() {
    let task = read!(
        Task,
        r#"{"resourceType": "Task", "status": "in-progress", "statusReason": {"concept": {"text": "s"}}, "businessStatus": {"text": "b"},
            "intent": "plan", "code": {"text": "kod"}, "description": "promenad", "focus": {"reference": "CarePlan/p"}, "for": {"reference": "Patient/x"},
            "requestedPeriod": {"start": "2025"}, "executionPeriod": {"end": "2026"}, "restriction": {"repetitions": 2, "period": {"end": "2027"}},
            "authoredOn": "2025-01-01", "lastModified": "2025-01-02", "requester": {"reference": "Patient/x"},
            "requestedPerformer": [{"reference": {"reference": "Organization/o"}}], "owner": {"reference": "Patient/x"},
            "performer": [{"function": {"text": "f"}, "actor": {"reference": "Practitioner/p"}}],
            "input": [{"type": {"text": "t"}, "valueDecimal": 1.50}]}"#
    );
    assert_eq!(task.status, Some(TaskStatus::InProgress));
    assert_eq!(task.for_.as_ref().map(target), Some("Patient/x"));
    assert_eq!(task.requested_period.start, day("2025"));
    assert_eq!(task.execution_period.end, day("2026"));
    assert_eq!(task.restriction_period.end, day("2027"));
    assert_eq!(target(&task.performers[0]), "Practitioner/p");
    assert_eq!(task.description.as_deref(), Some("promenad"));
}

#[test]
fn an_inpatient_stay() {
    let encounter = read!(
        Encounter,
        r#"{"resourceType": "Encounter", "id": "e1", "identifier": [{"system": "s", "value": "1"}], "status": "discharged",
            "class": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}]}, {"text": "slutenvård"}],
            "subject": {"reference": "Patient/x"}, "episodeOfCare": [{"reference": "EpisodeOfCare/i"}], "partOf": {"reference": "Encounter/e0"},
            "serviceProvider": {"reference": "Organization/o"}, "actualPeriod": {"start": "2025-05-01T10:00:00+02:00", "end": "2025-05-04"},
            "length": {"value": 3.50, "unit": "d"}, "location": [{"location": {"reference": "Location/l"}}],
            "reason": [{"value": [{"concept": {"text": "r"}}]}],
            "admission": {"dischargeDisposition": {"coding": [{"system": "d", "code": "home"}]}, "origin": {"reference": "Location/a"},
                          "extension": [{"url": "u", "valueDateTime": "2025-05-03T15:00:00+02:00"}]}}"#
    );
    assert_eq!(encounter.head.id, "e1");
    assert_eq!(encounter.identifiers[0].value.as_deref(), Some("1"));
    assert_eq!(encounter.status, Some(EncounterStatus::Discharged));
    assert!(any_has(
        &encounter.classes,
        "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "IMP"
    ));
    assert_eq!(encounter.classes.len(), 2);
    assert_eq!(encounter.subject.as_ref().map(target), Some("Patient/x"));
    assert_eq!(target(&encounter.episodes[0]), "EpisodeOfCare/i");
    assert_eq!(encounter.part_of.as_ref().map(target), Some("Encounter/e0"));
    assert_eq!(encounter.service_provider.as_ref().map(target), Some("Organization/o"));
    assert_eq!(encounter.actual_period.start, day("2025-05-01T08:00:00Z"));
    assert_eq!(encounter.actual_period.end, day("2025-05-04"));
    assert!(encounter.discharge_disposition.unwrap().has("d", "home"));
    assert_eq!(encounter.admission_extensions.date("u"), day("2025-05-03T13:00:00Z"));
    assert!(encounter.head.extensions.is_empty());
}

#[test]
fn an_episode_of_care_and_a_flag() {
    let episode = read!(
        EpisodeOfCare,
        r#"{"resourceType": "EpisodeOfCare", "identifier": [{"value": "1"}], "status": "onhold",
            "statusHistory": [{"status": "active", "period": {"start": "2024"}}], "type": [{"coding": [{"system": "t", "code": "hemsjukvard"}]}],
            "patient": {"reference": "Patient/x"}, "managingOrganization": {"reference": "Organization/o"}, "period": {"start": "2024-02"},
            "careManager": {"reference": "PractitionerRole/r"}, "careTeam": [{"reference": "CareTeam/k"}],
            "diagnosis": [{"condition": [{"reference": {"reference": "Condition/c"}}]}]}"#
    );
    assert_eq!(episode.identifiers.len(), 1);
    assert_eq!(episode.status, Some(EpisodeStatus::OnHold));
    assert!(any_has(&episode.types, "t", "hemsjukvard"));
    assert_eq!(episode.patient.as_ref().map(target), Some("Patient/x"));
    assert_eq!(
        episode.managing_organization.as_ref().map(target),
        Some("Organization/o")
    );
    assert_eq!((episode.period.start, episode.period.end), (day("2024-02"), None));
    assert_eq!(episode.care_manager.as_ref().map(target), Some("PractitionerRole/r"));
    assert_eq!(target(&episode.care_teams[0]), "CareTeam/k");

    let flag = read!(
        Flag,
        r#"{"resourceType": "Flag", "identifier": [{"value": "1"}], "status": "inactive", "category": [{"coding": [{"system": "c", "code": "behov"}]}],
            "code": {"coding": [{"system": "b", "code": "1"}]}, "subject": {"reference": "Patient/x"}, "period": {"end": "2025-06-30"},
            "encounter": {"reference": "Encounter/e"}, "author": {"reference": "Organization/o"}}"#
    );
    assert_eq!((flag.identifiers.len(), flag.status), (1, Some(FlagStatus::Inactive)));
    assert!(any_has(&flag.categories, "c", "behov"));
    assert!(flag.code.as_ref().unwrap().has("b", "1"));
    assert_eq!(flag.subject.as_ref().map(target), Some("Patient/x"));
    assert_eq!((flag.period.start, flag.period.end), (None, day("2025-06-30")));
    assert_eq!(flag.author.as_ref().map(target), Some("Organization/o"));
}

#[test]
fn a_message() {
    let message = read!(
        Communication,
        r#"{"resourceType": "Communication", "identifier": [{"value": "1"}], "status": "not-done", "category": [{"coding": [{"system": "c", "code": "1"}]}],
            "topic": {"coding": [{"system": "t", "code": "kallelse"}]}, "subject": {"reference": "Patient/x"},
            "about": [{"reference": "CarePlan/p"}, {"reference": "Observation/o"}], "recipient": [{"reference": "RelatedPerson/a"}, {"reference": "Organization/o"}],
            "sender": {"reference": "PractitionerRole/r"}, "sent": "2025-05-17T10:15:00+02:00", "received": "2025-05-18",
            "payload": [{"contentCodeableConcept": {"text": "hej"}}, {"contentAttachment": {"size": "12345678901"}}], "note": [{"text": "n"}]}"#
    );
    assert_eq!(message.identifiers.len(), 1);
    assert_eq!(message.status, Some(CommunicationStatus::NotDone));
    assert!(any_has(&message.categories, "c", "1"));
    assert!(message.topic.as_ref().unwrap().has("t", "kallelse"));
    assert_eq!(message.subject.as_ref().map(target), Some("Patient/x"));
    assert_eq!(
        message.about.iter().map(target).collect::<Vec<_>>(),
        ["CarePlan/p", "Observation/o"]
    );
    assert_eq!(
        message.recipients.iter().map(target).collect::<Vec<_>>(),
        ["RelatedPerson/a", "Organization/o"]
    );
    assert_eq!(message.sender.as_ref().map(target), Some("PractitionerRole/r"));
    assert_eq!(message.sent, day("2025-05-17T08:15:00Z"));
}

#[test]
fn questions_and_answers() {
    let questionnaire = read!(
        Questionnaire,
        r#"{"resourceType": "Questionnaire", "identifier": [{"value": "1"}], "url": "https://example.org/q", "version": "2", "title": "Åtta frågor",
            "status": "active", "item": [{"linkId": "1", "type": "decimal", "initial": [{"valueDecimal": 1.50}],
                                         "item": [{"linkId": "1.1", "type": "string"}]}]}"#
    );
    assert_eq!(questionnaire.identifiers.len(), 1);
    assert_eq!(questionnaire.url.as_deref(), Some("https://example.org/q"));
    assert_eq!(questionnaire.version.as_deref(), Some("2"));
    assert_eq!(questionnaire.title.as_deref(), Some("Åtta frågor"));

    let answers = read!(
        QuestionnaireResponse,
        r#"{"resourceType": "QuestionnaireResponse", "identifier": [{"value": "1"}], "basedOn": [{"reference": "CarePlan/p"}],
            "partOf": [{"reference": "Observation/o"}], "questionnaire": "https://example.org/q|2", "status": "completed",
            "subject": {"reference": "Patient/x"}, "authored": "2025-05", "author": {"reference": "Patient/x"},
            "item": [{"linkId": "1", "answer": [{"valueDecimal": 1.50}, {"valueTime": "23:59:60"}]}]}"#
    );
    assert_eq!(answers.identifiers.len(), 1);
    assert_eq!(target(&answers.based_on[0]), "CarePlan/p");
    assert_eq!(target(&answers.part_of[0]), "Observation/o");
    assert_eq!(answers.questionnaire.as_deref(), Some("https://example.org/q|2"));
    assert_eq!(answers.status.as_deref(), Some("completed"));
    assert_eq!(answers.subject.as_ref().map(target), Some("Patient/x"));
    assert_eq!(answers.authored, day("2025-05"));
    assert_eq!(answers.author.as_ref().map(target), Some("Patient/x"));
}

#[test]
fn a_provenance() {
    let provenance = read!(
        Provenance,
        r#"{"resourceType": "Provenance", "target": [{"reference": "CarePlan/p/_history/2"}, {"reference": "CareTeam/k"}],
            "recorded": "2025-05-17T10:15:00.123+02:00", "activity": {"coding": [{"system": "a", "code": "CREATE"}]}, "patient": {"reference": "Patient/x"},
            "agent": [{"type": {"coding": [{"system": "t", "code": "author"}]}, "who": {"reference": "PractitionerRole/r"}, "onBehalfOf": {"reference": "Organization/o"}},
                      {"who": {"reference": "Patient/x"}}],
            "entity": [{"role": "source", "what": {"reference": "DocumentReference/d"}}],
            "signature": [{"data": "!", "when": "2016-12-31T23:59:60Z"}]}"#
    );
    assert_eq!(
        provenance.targets.iter().map(target).collect::<Vec<_>>(),
        ["CarePlan/p/_history/2", "CareTeam/k"]
    );
    assert_eq!(provenance.recorded, day("2025-05-17T08:15:00.123Z"));
    assert!(provenance.activity.as_ref().unwrap().has("a", "CREATE"));
    assert_eq!(provenance.patient.as_ref().map(target), Some("Patient/x"));
    let agent = &provenance.agents[0];
    assert!(agent.type_.as_ref().unwrap().has("t", "author"));
    assert_eq!(agent.who.as_ref().map(target), Some("PractitionerRole/r"));
    assert_eq!(agent.on_behalf_of.as_ref().map(target), Some("Organization/o"));
    assert_eq!(provenance.agents[1].who.as_ref().map(target), Some("Patient/x"));
}

/// `null` stands in a list where only an extension is; the facts keep its place.
#[test]
fn null_entries_keep_their_places() {
    let message = read!(
        Communication,
        r#"{"resourceType": "Communication", "recipient": [null, {"reference": "Organization/o"}], "about": [null], "category": [null]}"#
    );
    assert_eq!(
        message.recipients.iter().map(target).collect::<Vec<_>>(),
        ["", "Organization/o"]
    );
    assert_eq!((message.about.len(), message.categories.len()), (1, 1));
    let provenance = read!(
        Provenance,
        r#"{"resourceType": "Provenance", "target": [null, {"reference": "CareTeam/k"}], "agent": [null, {"who": {"reference": "Patient/x"}}]}"#
    );
    assert_eq!((provenance.targets.len(), provenance.agents.len()), (2, 2));
    assert_eq!(target(&provenance.targets[1]), "CareTeam/k");
    let encounter = read!(
        Encounter,
        r#"{"resourceType": "Encounter", "class": [null, {"text": "x"}], "episodeOfCare": [null], "admission": null, "actualPeriod": null}"#
    );
    assert_eq!((encounter.classes.len(), encounter.episodes.len()), (2, 1));
    assert_eq!(encounter.discharge_disposition, None);
}

#[test]
fn every_status_code_is_known_to_both_sides() {
    for code in ["proposed", "active", "suspended", "inactive", "entered-in-error"] {
        let read = read!(
            CareTeam,
            &format!(r#"{{"resourceType": "CareTeam", "status": "{code}"}}"#)
        );
        assert_eq!(read.status.map(CareTeamStatus::code), Some(code));
    }
    for code in [
        "proposed",
        "pending",
        "booked",
        "arrived",
        "fulfilled",
        "cancelled",
        "noshow",
        "entered-in-error",
        "checked-in",
        "waitlist",
    ] {
        let read = read!(
            Appointment,
            &format!(r#"{{"resourceType": "Appointment", "status": "{code}"}}"#)
        );
        assert_eq!(read.status.map(AppointmentStatus::code), Some(code));
        assert_eq!(AppointmentStatus::from_code(code), read.status);
    }
    for code in [
        "draft",
        "requested",
        "received",
        "accepted",
        "rejected",
        "ready",
        "cancelled",
        "in-progress",
        "on-hold",
        "failed",
        "completed",
        "entered-in-error",
    ] {
        let read = read!(Task, &format!(r#"{{"resourceType": "Task", "status": "{code}"}}"#));
        assert_eq!(read.status.map(TaskStatus::code), Some(code));
    }
    for code in [
        "planned",
        "in-progress",
        "on-hold",
        "discharged",
        "completed",
        "cancelled",
        "discontinued",
        "entered-in-error",
        "unknown",
    ] {
        let read = read!(
            Encounter,
            &format!(r#"{{"resourceType": "Encounter", "status": "{code}"}}"#)
        );
        assert_eq!(read.status.map(EncounterStatus::code), Some(code));
    }
    for code in [
        "planned",
        "waitlist",
        "active",
        "onhold",
        "finished",
        "cancelled",
        "entered-in-error",
    ] {
        let read = read!(
            EpisodeOfCare,
            &format!(r#"{{"resourceType": "EpisodeOfCare", "status": "{code}"}}"#)
        );
        assert_eq!(read.status.map(EpisodeStatus::code), Some(code));
    }
    for code in ["active", "inactive", "entered-in-error"] {
        let read = read!(Flag, &format!(r#"{{"resourceType": "Flag", "status": "{code}"}}"#));
        assert_eq!(read.status.map(FlagStatus::code), Some(code));
    }
    for code in [
        "preparation",
        "in-progress",
        "not-done",
        "on-hold",
        "stopped",
        "completed",
        "entered-in-error",
        "unknown",
    ] {
        let read = read!(
            Communication,
            &format!(r#"{{"resourceType": "Communication", "status": "{code}"}}"#)
        );
        assert_eq!(read.status.map(CommunicationStatus::code), Some(code));
    }
    for code in ["in-progress", "completed", "amended", "entered-in-error", "stopped"] {
        let read = read!(
            QuestionnaireResponse,
            &format!(r#"{{"resourceType": "QuestionnaireResponse", "status": "{code}"}}"#)
        );
        assert_eq!(read.status.as_deref(), Some(code));
    }
}
