//! How a query string becomes a search: forms, modifiers, refusals; and that no input makes it panic.

use fastkontakt::fhir::search::page;
use fastkontakt::fhir::search::query::{
    CanonicalMatch, Criterion, KeyPart, Naming, ReferenceValue, SystemMatch, TokenValue,
};
use fastkontakt::fhir::search::{Handling, ParseContext, Parsed, SearchError, parse};
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::fhir::version::FhirVersion;
use proptest::prelude::*;

fn read_as(version: FhirVersion, kind: ResourceType, handling: Handling, query: &str) -> Result<Parsed, SearchError> {
    let own_bases = ["https://vi.se/fhir/r5".to_owned(), "https://vi.se/fhir/r4".to_owned()];
    let context = ParseContext {
        version,
        kind,
        own_bases: &own_bases,
        now: 0,
        handling,
        default_count: 20,
        max_count: 100,
    };
    parse(&pairs(query), &context)
}

fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn encode(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

fn read(query: &str) -> Result<Parsed, SearchError> {
    read_as(FhirVersion::R5, ResourceType::CareTeam, Handling::Strict, query)
}

fn criterion(query: &str) -> Criterion {
    let mut parsed = read(query).unwrap_or_else(|error| panic!("{query}: {error:?}"));
    parsed
        .query
        .criteria
        .pop()
        .unwrap_or_else(|| panic!("{query} has no criterion"))
}

fn token(query: &str) -> TokenValue {
    match criterion(query) {
        Criterion::Token { mut any_of, .. } if any_of.len() == 1 => any_of.remove(0),
        other => panic!("{query}: {other:?}"),
    }
}

fn refused(query: &str) -> String {
    let error = read(query).expect_err(query);
    error.fault().text.sv.into_owned()
}

#[test]
fn tokens_have_four_forms() {
    let value = |system: SystemMatch, value: &str| TokenValue {
        system,
        value: Some(value.to_owned()),
    };
    let system = || SystemMatch::Is("http://s".to_owned());
    assert_eq!(token("category=a"), value(SystemMatch::Any, "a"));
    assert_eq!(token("category=http://s|a"), value(system(), "a"));
    assert_eq!(token("category=|a"), value(SystemMatch::None, "a"));
    assert_eq!(
        token("category=http://s|"),
        TokenValue {
            system: system(),
            value: None
        }
    );
    assert_eq!(token(r"category=a\|b\,c\$\\"), value(SystemMatch::Any, r"a|b,c$\"));
    // The system that the binding of a code implies is the same as none.
    assert_eq!(token("status=active"), value(SystemMatch::None, "active"));
    assert_eq!(
        token("status=http://hl7.org/fhir/care-team-status|active"),
        value(SystemMatch::None, "active")
    );
    assert_eq!(token("status=http://s|active"), value(system(), "active"));
}

#[test]
fn equivalent_identifier_systems_are_one() {
    let first = token("identifier=http://electronichealth.se/identifier/personnummer|191212121212");
    assert_eq!(token("identifier=urn:oid:1.2.752.129.2.1.3.1|191212121212"), first);
    assert_eq!(
        token("patient:identifier=urn:oid:1.2.752.129.2.1.3.1|191212121212"),
        first
    );
}

#[test]
fn references_under_our_own_base_are_local() {
    for query in [
        "patient=1",
        "patient=Patient/1",
        "patient=https://vi.se/fhir/r5/Patient/1",
        "patient=https://vi.se/fhir/r4/Patient/1",
        "subject=Patient/1",
        "subject:Patient=1",
        "subject:Patient=Patient/1",
    ] {
        let Criterion::Reference {
            param: "subject",
            any_of,
        } = criterion(query)
        else {
            panic!("{query}")
        };
        let [ReferenceValue::Local { kinds, id, own_urls }] = any_of.as_slice() else {
            panic!("{query}: {any_of:?}")
        };
        assert_eq!(
            (kinds.as_slice(), id.as_str()),
            (&["Patient".to_owned()][..], "1"),
            "{query}"
        );
        assert_eq!(
            own_urls,
            &["https://vi.se/fhir/r5/Patient/1", "https://vi.se/fhir/r4/Patient/1"],
            "{query}"
        );
    }
    // With a version it is that version, however it is written.
    for query in [
        "patient=Patient/1/_history/3",
        "patient=https://vi.se/fhir/r4/Patient/1/_history/3",
    ] {
        let Criterion::Token { param, any_of, .. } = criterion(query) else {
            panic!("{query}")
        };
        let literals: Vec<_> = any_of.iter().filter_map(|token| token.value.as_deref()).collect();
        assert_eq!(
            (param, literals.as_slice()),
            (
                "subject:version",
                &[
                    "Patient/1/_history/3",
                    "https://vi.se/fhir/r5/Patient/1/_history/3",
                    "https://vi.se/fhir/r4/Patient/1/_history/3"
                ][..]
            )
        );
    }
    assert!(matches!(
        criterion("patient=Patient/2,Patient/1/_history/3"),
        Criterion::Any(any_of) if any_of.len() == 2
    ));
    let Criterion::Reference { any_of, .. } = criterion("subject=1") else {
        panic!()
    };
    assert!(matches!(&any_of[..], [ReferenceValue::Local { kinds, .. }] if kinds == &["Group", "Patient"]));
    let Criterion::Reference { any_of, .. } = criterion("patient=http://annan.se/fhir/Patient/1") else {
        panic!()
    };
    assert!(matches!(&any_of[..], [ReferenceValue::Url(target)] if target.id.as_deref() == Some("1")));
}

#[test]
fn a_reference_of_a_type_that_cannot_be_there_finds_nothing() {
    for query in [
        "patient=Group/1",
        "subject:Patient=Group/1",
        "patient=http://annan.se/Group/1",
    ] {
        assert!(
            matches!(criterion(query), Criterion::Reference { any_of, .. } if any_of.is_empty()),
            "{query}"
        );
    }
}

#[test]
fn what_we_do_not_have_is_refused_by_name() {
    for (query, name) in [
        ("colour=red", "colour"),
        ("status:text=a", ":text"),
        ("date:not=2024", ":not"),
        ("subject:Location=1", ":Location"),
        ("_include=CareTeam:colour", "_include"),
        ("_include=colour", "_include"),
        ("_include:recurse=CareTeam:patient", ":recurse"),
        ("_revinclude=CareTeam:status", "_revinclude"),
        ("_revinclude=CarePlan:care-team&_summary=text", "_summary"),
        ("_has:X:y:z=1", "_has:X:y:z"),
        ("_has:CareTeam:participant=1", "_has:CareTeam:participant"),
        ("_has:CareTeam:status:identifier=1", "_has:CareTeam:status:identifier"),
        // A CarePlan does not refer to contacts by `patient`.
        ("_has:CarePlan:patient:status=active", "_has:CarePlan:patient"),
        ("_has:CarePlan:care-team:colour=red", "_has:CarePlan:care-team:colour"),
        ("_has:CarePlan:care-team:colour=", "_has:CarePlan:care-team:colour"),
        ("patient.colour=red", "patient.colour"),
        ("patient.colour=", "patient.colour"),
        ("patient.=1", "patient."),
        (".identifier=1", ".identifier"),
        ("colour.identifier=1", "colour.identifier"),
        // Known for a practitioner, not for a patient.
        ("subject:Patient.communication=sv", "subject:Patient.communication"),
        // Groups are not stored here.
        ("subject:Group.identifier=1", "subject:Group.identifier"),
        ("subject:Location.identifier=1", ":Location"),
        ("patient:identifier.value=1", ":identifier"),
        ("status.identifier=1", "status"),
        ("patient.identifier:colour=1", ":colour"),
        ("patient.birthdate=x", "birthdate"),
        ("_sort=colour", "colour"),
        ("_sort=care-unit", "_sort"),
        ("_summary=yes", "_summary"),
        ("_summary=true&_elements=id", "_elements"),
        ("_elements=colour", "_elements"),
        ("_elements=participant.role", "_elements"),
        ("status=a,", "status"),
        ("status=,", "status"),
        (r"status=a\b", "status"),
        (r"status=a\", "status"),
        ("status=a|b|c", "status"),
        ("status=|", "status"),
        ("date=igår", "date"),
        ("date=2024-02-30", "date"),
        ("date=ge", "date"),
        ("status:missing=x", "status"),
        ("_lastUpdated=x", "_lastUpdated"),
        ("patient=", "patient"),
        ("patient.birthdate=", "patient.birthdate"),
        ("_has:CarePlan:care-team:status=", "_has:CarePlan:care-team:status"),
        ("subject=a b", "subject"),
        ("subject=a/b/c", "subject"),
        ("_count=-1", "_count"),
        ("_count=x", "_count"),
        ("_total=all", "_total"),
        ("status=a%00b", "status"),
    ] {
        assert!(refused(query).contains(name), "{query}: {}", refused(query));
    }
    // "Empty parameters are not an error": those that steer the answer.
    for query in [
        "_count=",
        "_sort=",
        "_elements=",
        "_include=",
        "_revinclude:iterate=",
        "_format=",
    ] {
        let parsed = read(query);
        assert!(
            parsed.is_ok_and(|parsed| parsed.query.criteria.is_empty() && parsed.used.is_empty()),
            "{query}"
        );
    }
    assert_eq!(read(&"status=a&".repeat(101)), Err(SearchError::TooMuch));
    assert_eq!(
        read(&format!("status={}", ["a"; 501].join(","))),
        Err(SearchError::TooMuch)
    );
}

#[test]
fn a_chain_goes_to_every_type_that_knows_what_is_asked() {
    let far = |query: &str| match criterion(query) {
        Criterion::Chain { param, any_of, by } => {
            assert!(matches!(by, Naming::Place { own_bases } if own_bases.len() == 2));
            (param, any_of.iter().map(|far| far.kind).collect::<Vec<_>>())
        }
        other => panic!("{query}: {other:?}"),
    };
    use ResourceType::*;
    assert_eq!(far("patient.identifier=1"), ("subject", vec![Patient]));
    assert_eq!(far("subject.identifier=1"), ("subject", vec![Patient]));
    assert_eq!(
        far("subject:Patient.identifier:missing=true"),
        ("subject", vec![Patient])
    );
    assert_eq!(far("patient._id=1"), ("subject", vec![Patient]));
    assert_eq!(far("patient._lastUpdated=ge2026"), ("subject", vec![Patient]));
    assert_eq!(
        far("participant.practitioner.gender:not=male"),
        ("participant", vec![PractitionerRole])
    );
    assert_eq!(
        far("participant.gender=male"),
        ("participant", vec![Patient, RelatedPerson, Practitioner])
    );
    assert_eq!(
        far("participant:Organization.partof=1"),
        ("participant", vec![Organization])
    );
    // What refers back may be asked of what is referred to.
    assert_eq!(
        far("patient._has:CarePlan:patient:status=active"),
        ("subject", vec![Patient])
    );
    let touched = |query: &str| {
        read(query)
            .expect("a search")
            .query
            .touches()
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(touched("status=active"), [CareTeam]);
    assert_eq!(touched("care-unit=1"), [CareTeam, PractitionerRole, Organization]);
    let parsed = read_as(
        FhirVersion::R5,
        Practitioner,
        Handling::Strict,
        "_has:PractitionerRole:practitioner:_has:CareTeam:participant:patient.identifier=1",
    );
    let touched = parsed.expect("a search").query.touches();
    assert_eq!(
        touched.into_iter().collect::<Vec<_>>(),
        [CareTeam, Patient, Practitioner, PractitionerRole]
    );
}

#[test]
fn chains_are_bounded() {
    let part_of = |steps: usize| format!("participant:Organization{}.identifier=1", ".partof".repeat(steps - 1));
    assert!(read(&part_of(4)).is_ok());
    assert_eq!(read(&part_of(5)), Err(SearchError::TooFar));
    let back = |steps: usize| {
        format!(
            "_has:CareTeam:participant:{}identifier=1",
            "_has:CareTeam:participant:".repeat(steps - 1)
        )
    };
    assert!(read(&back(4)).is_ok());
    assert_eq!(read(&back(5)), Err(SearchError::TooFar));
    assert!(read(&"patient.identifier=1&".repeat(10)).is_ok());
    assert_eq!(read(&"patient.identifier=1&".repeat(11)), Err(SearchError::TooFar));
    // Each alternative counts for each type that it is asked of.
    let many = |count: usize| format!("participant.identifier={}", vec!["a"; count].join(","));
    assert!(read(&many(80)).is_ok());
    assert_eq!(read(&many(100)), Err(SearchError::TooMuch));
    assert_eq!(
        SearchError::TooFar.fault().code,
        fastkontakt::fhir::fault::IssueCode::TooCostly
    );
    // A way that goes everywhere.
    let everywhere = read_as(
        FhirVersion::R5,
        ResourceType::Task,
        Handling::Strict,
        "focus.subject.subject.subject.identifier=1&focus.focus.focus.focus.identifier=1",
    );
    assert_eq!(everywhere, Err(SearchError::TooFar));
}

#[test]
fn a_refusal_shows_no_value() {
    for query in [
        "identifier=a|b|191212121212",
        "date=191212121212x",
        "subject=19 1212121212",
    ] {
        assert!(!refused(query).contains("1212121212"), "{query}");
    }
    assert!(!refused("<script>alert(1)=x").contains('<'));
}

#[test]
fn lenient_handling_leaves_out_what_we_do_not_have_and_says_so() {
    let lenient = |query| read_as(FhirVersion::R5, ResourceType::CareTeam, Handling::Lenient, query);
    let parsed = lenient("status=active&colour=red&patient=&_count=5").expect("lenient");
    assert_eq!(encode(&parsed.used), "status=active&_count=5");
    assert_eq!(parsed.ignored, ["colour", "patient"]);
    assert_eq!((parsed.query.criteria.len(), parsed.query.count), (1, 5));
    // A value that cannot be read is wrong in any handling, and so is a modifier that the parameter does not have.
    assert!(lenient("date=x").is_err());
    assert!(lenient("status:text=x").is_err());
}

#[test]
fn the_version_decides_what_a_type_has() {
    let custodian = |version| {
        read_as(
            version,
            ResourceType::CarePlan,
            Handling::Strict,
            "custodian=Organization/1",
        )
        .is_ok()
    };
    assert!(custodian(FhirVersion::R5) && !custodian(FhirVersion::R4));
    let code = |version| read_as(version, ResourceType::ServiceRequest, Handling::Strict, "code=x").is_ok();
    assert!(code(FhirVersion::R4) && !code(FhirVersion::R5));
}

#[test]
fn uris_and_canonicals_are_compared_as_they_are_written() {
    let read = |kind, query: &str| {
        let parsed = read_as(FhirVersion::R5, kind, Handling::Strict, query)?;
        Ok::<_, SearchError>(parsed.query.criteria)
    };
    let uri = |value: &str| Criterion::Token {
        param: "url",
        any_of: vec![TokenValue {
            system: SystemMatch::None,
            value: Some(value.to_owned()),
        }],
        not: false,
        selective: true,
    };
    let matched = |canonical: CanonicalMatch| Criterion::Reference {
        param: "questionnaire",
        any_of: vec![ReferenceValue::Canonical(canonical)],
    };
    let canonical = |name: &str| matched(CanonicalMatch::Is(name.to_owned()));
    let version = |name: &str| matched(CanonicalMatch::Version(name.to_owned()));
    for (kind, query, expected) in [
        (ResourceType::Questionnaire, "url=http://x/q", uri("http://x/q")),
        (ResourceType::Questionnaire, "url=http://x/q|2", uri("http://x/q|2")),
        (
            ResourceType::QuestionnaireResponse,
            "questionnaire=http://x/q",
            canonical("http://x/q"),
        ),
        (
            ResourceType::QuestionnaireResponse,
            "questionnaire=http://x/q|2",
            canonical("http://x/q|2"),
        ),
        (
            ResourceType::QuestionnaireResponse,
            "questionnaire=http://x/q|",
            canonical("http://x/q"),
        ),
        (
            ResourceType::QuestionnaireResponse,
            "questionnaire:below=http://x/q",
            canonical("http://x/q"),
        ),
        (
            ResourceType::QuestionnaireResponse,
            "questionnaire:below=http://x/q|2",
            version("http://x/q|2"),
        ),
        // A name, even under our own base.
        (
            ResourceType::QuestionnaireResponse,
            "questionnaire=https://vi.se/fhir/r5/Questionnaire/1",
            canonical("https://vi.se/fhir/r5/Questionnaire/1"),
        ),
    ] {
        assert_eq!(read(kind, query), Ok(vec![expected]), "{query}");
    }
    for (kind, query) in [
        (ResourceType::QuestionnaireResponse, "questionnaire=1"),
        (ResourceType::QuestionnaireResponse, "questionnaire=Questionnaire/1"),
        (ResourceType::QuestionnaireResponse, "questionnaire:identifier=x|1"),
        (ResourceType::QuestionnaireResponse, "questionnaire:Questionnaire=1"),
        (ResourceType::QuestionnaireResponse, "questionnaire=http://x/q|2|3"),
        (ResourceType::QuestionnaireResponse, "questionnaire:above=http://x/q|2"),
        (ResourceType::QuestionnaireResponse, "_profile.title=x"),
        (ResourceType::QuestionnaireResponse, "questionnaire:missing=x"),
        (ResourceType::Questionnaire, "url:contains=http://x"),
        (ResourceType::Questionnaire, "url:not=http://x"),
    ] {
        assert!(read(kind, query).is_err(), "{query}");
    }
}

#[test]
fn a_pair_is_two_values_and_takes_no_modifier() {
    let read = |query: &str| {
        let parsed = read_as(FhirVersion::R5, ResourceType::Encounter, Handling::Strict, query)?;
        Ok::<_, SearchError>(parsed.query.criteria)
    };
    let Ok(found) = read("location-period=a$ge2026,http://x/y\\$z$2025") else {
        panic!("a search");
    };
    let [Criterion::Pair(pairs)] = found.as_slice() else {
        panic!("{found:?}");
    };
    let names: Vec<&[String]> = pairs.iter().map(|pair| pair.names.as_slice()).collect();
    let own = [
        "location-period$Location/a",
        "location-period$https://vi.se/fhir/r5/Location/a",
        "location-period$https://vi.se/fhir/r4/Location/a",
    ];
    assert_eq!(names[0], own);
    assert_eq!(names[1], ["location-period$http://x/y$z"]);
    assert!(pairs.iter().all(|pair| matches!(pair.second, Criterion::Date { .. })));
    for wrong in [
        "location-period=a",
        "location-period=2026",
        "location-period=a$",
        "location-period=$2026",
        "location-period=a$2026$2027",
        "location-period=a\\$2026",
        "location-period=a$idag",
        "location-period:missing=true",
        "location-period:not=a$2026",
        "location-period.status=active",
        "_sort=location-period",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    // What is wrong is told of the pair, which the caller knows.
    let Err(SearchError::BadValue { parameter, .. }) = read("location-period=a$idag") else {
        panic!("a bad value");
    };
    assert_eq!(parameter, "location-period");
    // In R4 the same name is a date.
    let date = |value: &str| {
        let query = format!("location-period={value}");
        read_as(FhirVersion::R4, ResourceType::Encounter, Handling::Strict, &query).is_ok()
    };
    assert!(date("ge2026") && !date("a$ge2026"));
}

/// R4 calls it a uri, R5 a reference.
#[test]
fn profiles_are_asked_for_as_each_version_has_it() {
    let read = |version, query: &str| read_as(version, ResourceType::Patient, Handling::Strict, query).is_ok();
    for (query, in_r4, in_r5) in [
        ("_profile=http://x/p", true, true),
        ("_profile=http://x/p|1", true, true),
        ("_profile:below=http://x/p|1", true, true),
        ("_profile:below=http://x", true, true),
        ("_profile:above=http://x/p/q", true, false),
        ("_profile:missing=true", true, true),
        ("_profile=p", false, false),
    ] {
        assert_eq!(read(FhirVersion::R4, query), in_r4, "{query}");
        assert_eq!(read(FhirVersion::R5, query), in_r5, "{query}");
    }
}

#[test]
fn the_size_of_a_page_is_bounded_and_zero_asks_for_the_number() {
    let count = |query| read(query).map(|parsed| (parsed.query.count, parsed.query.total));
    assert_eq!(count(""), Ok((20, false)));
    assert_eq!(count("_count=7"), Ok((7, false)));
    assert_eq!(count("_count=99999999999999999999"), Ok((100, false)));
    assert_eq!(count("_count=0"), Ok((0, true)));
    assert_eq!(count("_summary=count"), Ok((0, true)));
    assert_eq!(count("_count=7&_summary=count"), Ok((0, true)));
    assert_eq!(count("_summary=count&_count=7"), Ok((0, true)));
    assert_eq!(count("_total=accurate"), Ok((20, true)));
}

#[test]
fn a_page_belongs_to_its_search() {
    let first = read("status=active&_sort=_id&_count=5").expect("a search");
    let token = page::encode(
        first.query.fingerprint,
        &[KeyPart::Text("k1".into()), KeyPart::Number(7)],
    );
    let next = read(&format!("status=active&_sort=_id&_count=9&_page={token}")).expect("its next page");
    assert_eq!(
        next.query.after,
        Some(vec![KeyPart::Text("k1".into()), KeyPart::Number(7)])
    );
    assert_eq!(encode(&next.used), "status=active&_sort=_id&_count=9");
    for other in ["status=inactive&_sort=_id", "status=active", "_sort=_id"] {
        assert_eq!(
            read(&format!("{other}&_page={token}")),
            Err(SearchError::BadPage),
            "{other}"
        );
    }
    let wrong_end = page::encode(first.query.fingerprint, &[KeyPart::Number(1), KeyPart::Number(7)]);
    for bad in [wrong_end.as_str(), "x", "00", "%C3%A5"] {
        assert_eq!(
            read(&format!("status=active&_sort=_id&_page={bad}")),
            Err(SearchError::BadPage),
            "{bad}"
        );
    }
}

proptest! {
    #[test]
    fn no_query_makes_it_panic(query in "\\PC{0,200}") {
        let _ = read(&query);
    }

    #[test]
    fn nothing_like_a_query_makes_it_panic(
        name in prop::sample::select(vec!["status", "category", "patient", "subject:Patient", "patient:identifier", "date", "_id", "_lastUpdated", "_sort", "_count", "_page", "_total", "status:missing", "status:not", "url", "version", "questionnaire", "questionnaire:missing", "target", "patient.identifier", "subject.", "patient._has:Flag:patient:status", "_has:CareTeam:patient:status", "_has:Provenance:target:agent.practitioner.identifier", "_has::", "focus.focus.focus.status"]),
        value in "([a-z0-9|,/\\\\$:.+%é-]|http://|Patient/|2024-01|ge|\\|\\||\\PC){0,20}",
    ) {
        for kind in ResourceType::ALL.iter().copied() {
            for version in FhirVersion::ALL {
                for handling in [Handling::Strict, Handling::Lenient] {
                    let _ = read_as(version, kind, handling, &format!("{name}={value}"));
                }
            }
        }
    }
}
