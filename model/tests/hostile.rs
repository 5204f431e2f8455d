//! Valid FHIR never fails, however strange; what is not that resource fails without telling what stood there.

use fastkontakt_model::date::FhirDate;
use fastkontakt_model::{Fact, understand};

#[test]
fn required_primitives_may_be_present_only_as_extensions() {
    const ABSENT: &str = r#"{"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}"#;
    for (resource_type, elements) in [
        (
            "CareTeam",
            r#""note": [{"_text": ABSENT}], "text": {"_status": ABSENT, "_div": ABSENT}"#,
        ),
        (
            "CarePlan",
            r#""_status": ABSENT, "_intent": ABSENT, "activity": [{"progress": [{"_text": ABSENT}]}]"#,
        ),
        (
            "Patient",
            r#""link": [{"other": {"_reference": ABSENT}, "_type": ABSENT}], "communication": [{"language": ABSENT}]"#,
        ),
        (
            "Practitioner",
            r#""qualification": [{"code": {"_text": ABSENT}}], "_birthDate": ABSENT"#,
        ),
        (
            "Consent",
            r#""_status": ABSENT, "_date": ABSENT, "verification": [{"_verified": ABSENT}], "provision": [{"data": [{"_meaning": ABSENT}]}]"#,
        ),
        (
            "Appointment",
            r#""_status": ABSENT, "_start": ABSENT, "participant": [{"_status": ABSENT}]"#,
        ),
        ("Goal", r#""_lifecycleStatus": ABSENT, "description": ABSENT"#),
        (
            "ServiceRequest",
            r#""_status": ABSENT, "_intent": ABSENT, "_asNeededBoolean": ABSENT"#,
        ),
        (
            "Task",
            r#""_status": ABSENT, "_intent": ABSENT, "input": [{"type": ABSENT, "_valueString": ABSENT}]"#,
        ),
        (
            "Condition",
            r#""clinicalStatus": ABSENT, "subject": ABSENT, "_recordedDate": ABSENT"#,
        ),
        (
            "RelatedPerson",
            r#""patient": ABSENT, "telecom": [{"_value": ABSENT, "_system": ABSENT}]"#,
        ),
        (
            "Organization",
            r#""_name": ABSENT, "qualification": [{"code": ABSENT}], "contact": [{"telecom": [{"_system": ABSENT}]}]"#,
        ),
        (
            "Encounter",
            r#""_status": ABSENT, "class": [ABSENT], "actualPeriod": {"_start": ABSENT}, "_plannedEndDate": ABSENT, "location": [{"location": ABSENT, "_status": ABSENT}], "virtualService": [{"_maxParticipants": ABSENT}]"#,
        ),
        (
            "EpisodeOfCare",
            r#""_status": ABSENT, "patient": ABSENT, "statusHistory": [{"_status": ABSENT, "period": ABSENT}]"#,
        ),
        ("Flag", r#""_status": ABSENT, "code": ABSENT, "subject": ABSENT"#),
        (
            "Communication",
            r#""_status": ABSENT, "_sent": ABSENT, "payload": [{"contentAttachment": {"_url": ABSENT}}], "note": [{"_text": ABSENT}]"#,
        ),
        (
            "Questionnaire",
            r#""_url": ABSENT, "_status": ABSENT, "_version": ABSENT, "item": [{"_linkId": ABSENT, "_type": ABSENT, "initial": [{"_valueDecimal": ABSENT}]}]"#,
        ),
        (
            "QuestionnaireResponse",
            r#""_questionnaire": ABSENT, "_status": ABSENT, "_authored": ABSENT, "item": [{"_linkId": ABSENT, "answer": [{"_valueBoolean": ABSENT}]}]"#,
        ),
        (
            "Provenance",
            r#""target": [ABSENT], "_recorded": ABSENT, "_occurredDateTime": ABSENT, "agent": [{"who": ABSENT}], "entity": [{"_role": ABSENT, "what": ABSENT}]"#,
        ),
        (
            "PractitionerRole",
            r#""availability": [{"availableTime": [{"daysOfWeek": [null], "_daysOfWeek": [ABSENT]}]}]"#,
        ),
    ] {
        let json = format!(
            r#"{{"resourceType": "{resource_type}", {}}}"#,
            elements.replace("ABSENT", ABSENT)
        );
        understand(resource_type, &json).unwrap_or_else(|error| panic!("{error}: {json}"));
    }
}

#[test]
fn times_beyond_fhir_sdk_keep_their_day() {
    for (written, nearest) in [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("2025-05-17T12:30:60+02:00", "2025-05-17T12:30:59+02:00"),
        (
            "2025-05-17T12:30:01.1234567890123456789+02:00",
            "2025-05-17T12:30:01.123456+02:00",
        ),
        ("2025-05-17T12:30:01+14:00", "2025-05-17T12:30:01+14:00"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("9999-12-31", "9999-12-31"),
        ("0001", "0001"),
    ] {
        let json = format!(
            r#"{{"resourceType": "CareTeam", "period": {{"start": "{written}"}}, "extension": [{{"url": "u", "valueDateTime": "{written}"}}]}}"#
        );
        let Ok(Fact::CareTeam(care_team)) = understand("CareTeam", &json) else {
            panic!("{written}")
        };
        let expected = FhirDate::parse(nearest);
        assert_eq!(care_team.period.start, expected, "{written}");
        assert_eq!(care_team.head.extensions.date("u"), expected, "{written}");
        // What the rules compare is the day, and that is the day of the date as written.
        let exact = FhirDate::parse(written).expect("valid FHIR");
        assert_eq!(
            expected.map(|date| date.first_day()),
            Some(exact.first_day()),
            "{written}"
        );
    }
}

/// The same wherever a rule reads a time in the types about the patient's care.
#[test]
fn a_leap_second_keeps_its_day_in_every_element() {
    let leap = "2016-12-31T23:59:60+01:00";
    let day = FhirDate::parse("2016-12-31").map(|date| date.first_day());
    let times = |resource_type: &str, elements: &str| {
        let json = format!(
            r#"{{"resourceType": "{resource_type}", {}}}"#,
            elements.replace("LEAP", leap)
        );
        match understand(resource_type, &json).unwrap_or_else(|error| panic!("{error}: {json}")) {
            Fact::Encounter(it) => vec![
                it.actual_period.start,
                it.actual_period.end,
                it.admission_extensions.date("u"),
            ],
            Fact::EpisodeOfCare(it) => vec![it.period.start],
            Fact::Flag(it) => vec![it.period.end],
            Fact::Communication(it) => vec![it.sent],
            Fact::QuestionnaireResponse(it) => vec![it.authored],
            Fact::Provenance(it) => vec![it.recorded],
            other => panic!("{other:?}"),
        }
    };
    for (resource_type, elements) in [
        (
            "Encounter",
            r#""actualPeriod": {"start": "LEAP", "end": "LEAP"}, "plannedEndDate": "LEAP", "admission": {"extension": [{"url": "u", "valueDateTime": "LEAP"}]}"#,
        ),
        ("EpisodeOfCare", r#""period": {"start": "LEAP"}"#),
        ("Flag", r#""period": {"end": "LEAP"}"#),
        ("Communication", r#""sent": "LEAP", "received": "LEAP""#),
        (
            "QuestionnaireResponse",
            r#""authored": "LEAP", "item": [{"answer": [{"valueDateTime": "LEAP"}, {"valueDecimal": 1e400}]}]"#,
        ),
        ("Provenance", r#""recorded": "LEAP", "occurredDateTime": "LEAP""#),
    ] {
        for time in times(resource_type, elements) {
            assert_eq!(time.map(|time| time.first_day()), day, "{resource_type}");
        }
    }
}

#[test]
fn values_beyond_fhir_sdk_do_not_stop_a_read() {
    let digits = "9".repeat(400);
    for value in [
        r#""valueDecimal": 1e400"#.to_owned(),
        r#""valueDecimal": -1.5E-999999"#.to_owned(),
        format!(r#""valueDecimal": {digits}"#),
        format!(r#""valueDecimal": 0.{digits}"#),
        r#""valueQuantity": {"value": 1e400}"#.to_owned(),
        r#""valueInteger64": "9223372036854775807""#.to_owned(),
        r#""valueTime": "23:59:60""#.to_owned(),
        r#""valueTime": "23:59:59.12345678901234""#.to_owned(),
        r#""valueBase64Binary": "!""#.to_owned(),
        r#""valueAnnotation": {"_text": {"id": "x"}}"#.to_owned(),
        r#""valueSampledData": {"origin": {"value": 1e999}, "dimensions": 1}"#.to_owned(),
        r#""_valueString": {"id": "x"}"#.to_owned(),
        r#""valueString": "\u0000\ud83d\ude00 :60 \"1e400\"""#.to_owned(),
    ] {
        for place in [
            r#""extension": [EXT], "#,
            r#""subject": {"extension": [EXT], "reference": "Patient/x"}, "#,
            r#""_name": {"extension": [EXT]}, "#,
            r#""participant": [{"extension": [{"url": "outer", "extension": [EXT]}]}], "#,
            r#""contained": [{"resourceType": "Organization", "extension": [EXT], "id": "o"}], "#,
        ] {
            let place = place.replace("EXT", &format!(r#"{{"url": "u", {value}}}"#));
            let json = format!(r#"{{"resourceType": "CareTeam", {place}"status": "active"}}"#);
            let Ok(Fact::CareTeam(care_team)) = understand("CareTeam", &json) else {
                panic!("{json}")
            };
            assert!(care_team.status.is_some());
        }
    }
}

#[test]
fn timings_beyond_fhir_sdk_still_say_when() {
    for timing in [
        r#"{"repeat": {"timeOfDay": ["08:30:60"]}}"#,
        r#"{"repeat": {"timeOfDay": ["08:30:00.1234567890123"]}}"#,
        r#"{"repeat": {"frequency": 1, "period": 1e400, "periodUnit": "d"}}"#,
        r#"{"repeat": {"boundsPeriod": {"start": "2016-12-31T23:59:60Z"}}}"#,
        r#"{"repeat": {"boundsDuration": {"value": 1e400}, "frequency": 1}}"#,
        r#"{"event": [null, "2016-12-31T23:59:60Z"], "_event": [{"id": "x"}]}"#,
    ] {
        let json = format!(r#"{{"resourceType": "ServiceRequest", "occurrenceTiming": {timing}}}"#);
        let Ok(Fact::ServiceRequest(request)) = understand("ServiceRequest", &json) else {
            panic!("{timing}")
        };
        let Some(fastkontakt_model::facts::Occurrence::Timing(read)) = request.occurrence else {
            panic!("{timing}")
        };
        assert!(read.is_stated(), "{timing}");
    }
}

#[test]
fn order_whitespace_and_escapes_do_not_matter() {
    let json = "\n{ \"st\\u0061tus\" :\t\"active\" , \"n\\u0061me\":\"\\u00e5\\n\\\"\", \"contained\" : [ { \"id\":\"\\u0061\", \"resourceType\" : \"Go\\u0061l\" } ] ,\r\n \"resourceType\":\"CareTeam\" }\n";
    let Ok(fact @ Fact::CareTeam(_)) = understand("CareTeam", json) else {
        panic!("not understood")
    };
    assert!(matches!(fact.contained("#a"), Some(Fact::Goal(_))));
    let Fact::CareTeam(care_team) = fact else {
        unreachable!()
    };
    assert_eq!(care_team.name.as_deref(), Some("å\n\""));
    assert!(care_team.status.is_some());
}

/// An overflowed stack would end the whole process; worker threads have 2 MiB, test threads too.
#[test]
fn deep_nesting_never_overflows_the_stack() {
    for (open, close) in [
        (r#""extension": [{"url": "u", "#, "}]"),
        (r#""valueReference": {"extension": [{"url": "u", "#, "}]}"),
        (r#""valueTiming": {"repeat": {"extension": [{"url": "u", "#, "}]}}"),
    ] {
        for levels in [1, 5, 10, 15, 30, 60] {
            let value = format!(r#"{}"valueBoolean": true{}"#, open.repeat(levels), close.repeat(levels));
            let json = format!(r#"{{"resourceType": "Goal", "extension": [{{"url": "u", {value}}}]}}"#);
            assert!(understand("Goal", &json).is_ok(), "{levels} × {open}");
        }
        let json = format!(
            r#"{{"resourceType": "Goal", "extension": [{{"url": "u", {}"#,
            open.repeat(50_000)
        );
        assert!(understand("Goal", &json).is_err());
    }
}

#[test]
fn what_is_not_the_resource_fails_without_repeating_it() {
    for json in [
        "",
        "null",
        "[]",
        "{",
        r#"{"resourceType": "CareTeam", "status": "secret-195009072553"}"#,
        r#"{"resourceType": "CareTeam", "status": 195009072553}"#,
        r#"{"resourceType": "CareTeam", "period": {"start": "195009072553"}}"#,
        r#"{"resourceType": "CareTeam", "period": "195009072553"}"#,
        r#"{"resourceType": "CareTeam", "contained": [{"resourceType": "Goal", "lifecycleStatus": "195009072553"}]}"#,
        r#"{"resourceType": "CareTeam", "contained": [{"id": "195009072553"}]}"#,
    ] {
        let error = understand("CareTeam", json).expect_err(json);
        assert!(!format!("{error} {error:?}").contains("195009072553"), "{error:?}");
    }
    let care_team = r#"{"resourceType": "CareTeam"}"#;
    assert!(understand("CareTeam", care_team).is_ok() && understand("CarePlan", care_team).is_err());
    assert!(understand("Observation", r#"{"resourceType": "Observation"}"#).is_err());
    let contained = understand(
        "CareTeam",
        r#"{"resourceType": "CareTeam", "contained": [{"resourceType": "Goal", "lifecycleStatus": 1}]}"#,
    );
    assert_eq!(contained.unwrap_err().resource_type, "Goal");
}
