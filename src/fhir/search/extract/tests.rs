//! What of a resource goes into the index, kind by kind.

use serde_json::json;

use super::*;
use crate::fhir::identifiers::PERSONNUMMER;

fn tokens(entries: &[IndexEntry], name: &str) -> Vec<(Option<String>, String)> {
    entries
        .iter()
        .filter_map(|entry| match entry {
            IndexEntry::Token { param, system, value } if *param == name => Some((system.clone(), value.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn a_fast_kontakt_is_found_by_patient_contact_and_time() {
    let resource = json!({
        "resourceType": "CareTeam", "id": "k1", "status": "active",
        "meta": {"security": [{"system": "s", "code": "NOPATIENT"}]},
        "category": [{"coding": [{"system": "c", "code": "fast-kontakt"}, {"system": "d", "code": "x"}]}, {"text": "fri"}],
        "subject": {"reference": "Patient/p1", "identifier": {"system": "urn:oid:1.2.752.129.2.1.3.1", "value": "191212121212"}},
        "period": {"start": "2024-05-17"},
        "participant": [
            {"member": {"reference": "http://annan.se/fhir/PractitionerRole/r1/_history/3"}},
            {"member": {"type": "Practitioner", "identifier": {"system": "urn:oid:1.2.752.29.4.19", "value": "SE1-A"}}},
        ],
    });
    let entries = index(ResourceType::CareTeam, &resource);
    assert_eq!(tokens(&entries, "status"), [(None, "active".into())]);
    assert_eq!(
        tokens(&entries, "subject:identifier"),
        [(Some(PERSONNUMMER.into()), "191212121212".into())]
    );
    assert_eq!(
        tokens(&entries, "participant:identifier"),
        [(Some("urn:oid:1.2.752.129.2.1.4.1".into()), "SE1-A".into())]
    );
    assert_eq!(tokens(&entries, "category").len(), 3);
    assert!(tokens(&entries, "category").contains(&(None, String::new())));
    assert!(entries.contains(&IndexEntry::Reference {
        param: "participant",
        target: RefTarget {
            kind: Some("PractitionerRole".into()),
            id: Some("r1".into()),
            url: Some("http://annan.se/fhir/PractitionerRole/r1".into()),
        },
    }));
    assert!(entries.iter().any(|e| matches!(
        e,
        IndexEntry::Date {
            param: "date",
            high: i64::MAX,
            ..
        }
    )));
    assert_eq!(patient_of(ResourceType::CareTeam, &resource).as_deref(), Some("p1"));
}

#[test]
fn a_replaced_contact_is_found_as_ended() {
    let dates = |period: Value, day: &str| -> Vec<(i64, i64)> {
        let mark = json!({ "url": super::parameters::EXT_ERSATT_FRAN, "valueDate": day });
        let resource = json!({ "resourceType": "CareTeam", "period": period, "extension": [mark] });
        let entries = index(ResourceType::CareTeam, &resource);
        entries
            .into_iter()
            .filter_map(|entry| match entry {
                IndexEntry::Date { low, high, .. } => Some((low, high)),
                _ => None,
            })
            .collect()
    };
    let starts = |day: &str| FhirDate::parse(day).unwrap().range().0;
    let open = json!({ "start": "2020-01-01" });
    assert_eq!(
        dates(open.clone(), "2026-06-01"),
        [(starts("2020-01-01"), starts("2026-06-01"))]
    );
    assert_eq!(
        dates(json!({ "end": "2021" }), "2026-06-01"),
        [(i64::MIN, starts("2022-01-01"))]
    );
    assert_eq!(
        dates(open, "2019-06-01"),
        [],
        "replaced before it began: never in force"
    );
}

#[test]
fn the_compartment_is_a_literal_local_patient_only() {
    for (subject, expected) in [
        (json!({"reference": "Patient/p1"}), Some("p1")),
        (json!({"reference": "Patient/p1/_history/2"}), Some("p1")),
        (json!({"reference": "Group/g"}), None),
        (json!({"reference": "http://annan.se/Patient/p1"}), None),
        (json!({"reference": "#p"}), None),
        (json!({"reference": "a/Patient/p1"}), None),
        (json!({"identifier": {"value": "1"}}), None),
        (json!("Patient/p1"), None),
    ] {
        let found = patient_of(ResourceType::CareTeam, &json!({"subject": subject}));
        assert_eq!(found.as_deref(), expected, "{subject}");
    }
    let appointment =
        json!({"participant": [{"actor": {"reference": "Location/l"}}, {"actor": {"reference": "Patient/b"}}]});
    assert_eq!(
        patient_of(ResourceType::Appointment, &appointment).as_deref(),
        Some("b")
    );
    assert_eq!(
        patient_of(ResourceType::Patient, &json!({"id": "p"})).as_deref(),
        Some("p")
    );
    assert_eq!(patient_of(ResourceType::Organization, &json!({"id": "p"})), None);
}

#[test]
fn a_code_is_found_as_each_version_shows_it() {
    for (code, expected) in [
        ("active", [("status", "active"), ("status:r4", "active")]),
        ("not-done", [("status", "not-done"), ("status:r4", "rejected")]),
    ] {
        let entries = index(
            ResourceType::Consent,
            &json!({"resourceType": "Consent", "status": code}),
        );
        for (param, value) in expected {
            assert_eq!(tokens(&entries, param), [(None, value.to_owned())], "{code}");
        }
    }
    // R4's own code, kept beside R5's nearest.
    let from_r4 = crate::fhir::convert::r4_to_r5(&json!({"resourceType": "Consent", "status": "proposed"}));
    let entries = index(ResourceType::Consent, &from_r4.resource);
    assert_eq!(tokens(&entries, "status"), [(None, "draft".to_owned())]);
    assert_eq!(tokens(&entries, "status:r4"), [(None, "proposed".to_owned())]);
}

/// What R4 said and R5 has no place of its own for is found by R4's names.
#[test]
fn parameters_of_r4_alone_see_what_r4_shows() {
    let entries = |resource: Value| {
        let kind = ResourceType::from_name(resource["resourceType"].as_str().unwrap()).unwrap();
        index(kind, &crate::fhir::convert::r4_to_r5(&resource).resource)
    };
    let points = |entries: &[IndexEntry], name: &str, place: &str| {
        entries.iter().any(|entry| match entry {
            IndexEntry::Reference {
                param,
                target:
                    RefTarget {
                        kind: Some(kind),
                        id: Some(id),
                        ..
                    },
            } => *param == name && format!("{kind}/{id}") == place,
            _ => false,
        })
    };
    let team = entries(json!({"resourceType": "CareTeam", "encounter": {"reference": "Encounter/e"}}));
    assert!(points(&team, "encounter", "Encounter/e"));

    let plan = entries(json!({
        "resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": "Patient/p"},
        "activity": [{"detail": {
            "status": "scheduled", "code": {"coding": [{"system": "http://s", "code": "samtal"}]},
            "scheduledPeriod": {"start": "2026-03-10", "end": "2026-03-11"},
            "performer": [{"reference": "Practitioner/l"}],
        }}],
    }));
    assert_eq!(
        tokens(&plan, "activity-code"),
        [(Some("http://s".to_owned()), "samtal".to_owned())]
    );
    assert!(points(&plan, "performer", "Practitioner/l"));
    assert!(plan.iter().any(|entry| matches!(
        entry,
        IndexEntry::Date {
            param: "activity-date",
            ..
        }
    )));

    let condition = entries(json!({
        "resourceType": "Condition", "subject": {"reference": "Patient/p"},
        "asserter": {"reference": "RelatedPerson/r"}, "recorder": {"reference": "Practitioner/l"},
    }));
    assert!(points(&condition, "asserter", "RelatedPerson/r"));
    assert!(!points(&condition, "asserter", "Practitioner/l"));

    let scope = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]});
    let own = json!({"coding": [{"system": "http://x", "code": "eget"}]});
    for scope in [scope, own] {
        let consent = entries(json!({
            "resourceType": "Consent", "status": "active", "scope": scope, "category": [{"text": "k"}],
            "patient": {"reference": "Patient/p"}, "performer": [{"reference": "RelatedPerson/r"}],
            "organization": [{"reference": "Organization/o"}], "policyRule": {"text": "regel"},
            "provision": {
                "period": {"start": "2026-01-01"},
                "actor": [{"role": {"text": "r"}, "reference": {"reference": "Practitioner/rot", "display": "Rot"}}],
                "action": [{"coding": [{"system": "http://s", "code": "rot"}]}],
                "securityLabel": [{"system": "http://s", "code": "rot"}],
                "purpose": [{"system": "http://s", "code": "rot"}],
                "data": [{"meaning": "instance", "reference": {"reference": "Condition/rot"}}],
                "provision": [{
                    "period": {"start": "2025-01-01"},
                    "actor": [{"role": {"text": "r"}, "reference": {"reference": "Practitioner/inre", "display": "Inre"}}],
                    "action": [{"coding": [{"system": "http://s", "code": "inre"}]}],
                    "securityLabel": [{"system": "http://s", "code": "inre"}],
                    "purpose": [{"system": "http://s", "code": "inre"}],
                    "data": [{"meaning": "instance", "reference": {"reference": "Condition/inre"}}],
                }],
            },
        }));
        let code = scope["coding"][0]["code"].as_str().unwrap();
        let scopes = tokens(&consent, "scope");
        assert!(scopes.iter().any(|(_, value)| value == code), "{scopes:?}");
        for (name, place) in [
            ("consentor", "RelatedPerson/r"),
            ("manager", "Organization/o"),
            ("data:r4", "Condition/rot"),
            ("data:r4", "Condition/inre"),
            ("data", "Condition/inre"),
            ("actor:r4", "Practitioner/rot"),
            ("actor:r4", "Practitioner/inre"),
            ("actor", "Practitioner/inre"),
        ] {
            assert!(points(&consent, name, place), "{name} {place}: {consent:?}");
        }
        assert!(
            !points(&consent, "actor", "Practitioner/rot"),
            "R5 has no root provision"
        );
        for name in ["action", "security-label", "purpose"] {
            let codes = |name: &str| tokens(&consent, name).into_iter().map(|(_, code)| code);
            assert_eq!(codes(name).collect::<Vec<_>>(), ["inre"], "{name}");
            assert_eq!(
                codes(&format!("{name}:r4")).collect::<Vec<_>>(),
                ["inre", "rot"],
                "{name}"
            );
        }
        let starts = |name: &str| {
            let dates = consent
                .iter()
                .filter(|entry| matches!(entry, IndexEntry::Date { param, .. } if *param == name));
            dates.count()
        };
        assert_eq!((starts("period"), starts("period:r4")), (1, 2));
        let said = |name: &str| {
            let texts = consent.iter().filter_map(|entry| match entry {
                IndexEntry::String { param, text, .. } if *param == name => Some(text.as_str()),
                _ => None,
            });
            texts.collect::<Vec<_>>()
        };
        assert_eq!((said("actor"), said("actor:r4")), (vec!["Inre"], vec!["Inre", "Rot"]));
    }

    let marked = json!([{"url": "http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject", "valueBoolean": true}]);
    let answer = |id: &str| json!([{"valueReference": {"reference": format!("RelatedPerson/{id}")}}]);
    let answers = entries(json!({
        "resourceType": "QuestionnaireResponse", "status": "completed",
        "item": [{"linkId": "1", "extension": marked, "answer": answer("a")}, {"linkId": "2", "answer": answer("b")}],
    }));
    assert!(points(&answers, "item-subject", "RelatedPerson/a"));
    assert!(!points(&answers, "item-subject", "RelatedPerson/b"));
}

#[test]
fn a_canonical_is_found_with_and_without_its_version() {
    let answers = json!({"questionnaire": "https://example.org/q|2"});
    let entries = index(ResourceType::QuestionnaireResponse, &answers);
    let addresses: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            IndexEntry::Reference {
                param: "questionnaire",
                target,
            } => target.url.as_deref(),
            _ => None,
        })
        .collect();
    assert_eq!(addresses, ["https://example.org/q", "https://example.org/q|2"]);
}

#[test]
fn values_of_another_shape_are_passed_over() {
    for wrong in [
        json!(null),
        json!(1),
        json!("x"),
        json!([]),
        json!([[]]),
        json!({}),
        json!([null, 1, "x", {"coding": 3}]),
    ] {
        for kind in ResourceType::ALL.iter().copied() {
            let mut resource = json!({});
            for name in [
                "status",
                "category",
                "subject",
                "period",
                "participant",
                "identifier",
                "meta",
                "occurrenceTiming",
                "for",
                "questionnaire",
                "url",
                "version",
                "subjectType",
                "_status",
                "subjectStatus",
            ] {
                resource[name] = wrong.clone();
            }
            index(kind, &resource);
            patient_of(kind, &resource);
        }
    }
}
