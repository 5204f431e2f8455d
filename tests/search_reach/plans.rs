//! How the database goes about a search that reaches other resources: from the selective end, and each way once.

use super::*;

/// Each is selective somewhere: there the look-up begins.
const SELECTIVE: &[(ResourceType, &str)] = &[
    (
        CareTeam,
        "patient.identifier=http://electronichealth.se/identifier/personnummer|7",
    ),
    (
        CareTeam,
        "subject:Patient.identifier=http://electronichealth.se/identifier/personnummer|7&status=active",
    ),
    (CareTeam, "participant.identifier=http://s|7"),
    (
        CareTeam,
        "participant:PractitionerRole.practitioner.identifier=http://s|7&status=active",
    ),
    (
        CareTeam,
        "participant:PractitionerRole.organization.partof.identifier=http://s|7",
    ),
    (CareTeam, "patient._id=7"),
    (
        CareTeam,
        "patient=Patient/7&participant:PractitionerRole.role=http://s|a",
    ),
    (
        CareTeam,
        "patient.identifier=http://s|7&participant:PractitionerRole.active=true",
    ),
    (CarePlan, "care-team.participant=PractitionerRole/7"),
    (
        CarePlan,
        "care-team.participant:PractitionerRole.practitioner.identifier=http://s|7",
    ),
    (Patient, "_has:CareTeam:patient:identifier=http://s|7"),
    (Patient, "_has:CareTeam:patient:participant=PractitionerRole/7"),
    (Patient, "_id=7&_has:CareTeam:patient:status=active"),
    (
        Practitioner,
        "_has:PractitionerRole:practitioner:_has:CareTeam:participant:patient=Patient/7",
    ),
    (QuestionnaireResponse, "questionnaire.url=https://a/7"),
    (
        QuestionnaireResponse,
        "questionnaire.title:exact=Frågor 7&status=completed",
    ),
    (QuestionnaireResponse, "patient=Patient/7&questionnaire.status=active"),
    (
        Questionnaire,
        "_has:QuestionnaireResponse:questionnaire:patient=Patient/7",
    ),
    (
        Questionnaire,
        "_id=7&_has:QuestionnaireResponse:questionnaire:status=completed",
    ),
    (QuestionnaireResponse, "questionnaire:below=https://a/7|1"),
    (Encounter, "location-period=Location/7$ge2026-03-10"),
    (Encounter, "patient=Patient/7&location-period=Location/7$2026"),
];

/// Each is answered to by many: a page must not cost more rows than it shows.
const WIDE: &[(ResourceType, &str)] = &[
    (CareTeam, "patient.gender=female"),
    (CareTeam, "status=active&patient.gender=female"),
    (Patient, "_has:CareTeam:patient:status=active"),
    (CarePlan, "care-team.status=active&status:not=completed"),
];

/// Searches over several types, each selective for every type.
const SELECTIVE_IN: &[(&str, &str)] = &[
    ("Patient/7/CareTeam", "status=active"),
    ("Patient/7/*", ""),
    ("Patient/7/*", "_type=CareTeam,CarePlan&status=active"),
    ("Practitioner/7/*", "_sort=_lastUpdated"),
    ("", "_type=CareTeam,CarePlan&patient=Patient/7"),
    ("", "_type=CareTeam,CarePlan&patient.identifier=http://s|7"),
    ("", "_id=7"),
];

/// And those that take their pages from many.
const WIDE_IN: &[(&str, &str)] = &[("", ""), ("", "_type=CareTeam,CarePlan&status=active")];

fn explained_in(store: &Store, searches: &[(&'static str, &'static str)]) -> Vec<(String, Vec<String>)> {
    let plan = |(path, text): &(&'static str, &'static str)| {
        let scope = Scope::of_path(FhirVersion::R5, path).expect("a scope");
        let query = parse_in(&pairs(text), &scope, &context(Patient, &[OWN.to_owned()]))
            .expect("a search")
            .query;
        let plan = store.read_blocking(|session| {
            let plain = session.explain_search(&query, false)?;
            let ahead = session.explain_search(&query, true)?;
            Ok::<_, StoreError>([plain, ahead].concat())
        });
        (format!("{path}?{text}"), plan.expect("a plan"))
    };
    searches.iter().map(plan).collect()
}

fn explained(store: &Store, searches: &[(ResourceType, &'static str)]) -> Vec<(String, Vec<String>)> {
    let plan = |(kind, text): &(ResourceType, &'static str)| {
        let query = read(*kind, &pairs(text));
        let plan = store.read_blocking(|session| {
            let plain = session.explain_search(&query, false)?;
            let ahead = session.explain_search(&query, true)?;
            Ok::<_, StoreError>([plain, ahead].concat())
        });
        (format!("{kind}?{text}"), plan.expect("a plan"))
    };
    searches.iter().map(plan).collect()
}

#[test]
fn sqlite_begins_at_the_selective_end() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let all = [
        explained(&fresh.store, SELECTIVE),
        explained_in(&fresh.store, SELECTIVE_IN),
    ];
    for (search, plan) in all.concat() {
        let walks = |step: &String| {
            ["SCAN r", "SCAN t", "SCAN h", "resource_kind (kind=?)", "(kind=?)"]
                .iter()
                .any(|walk| step.contains(walk))
        };
        assert!(!plan.iter().any(walks), "{search}: {plan:#?}");
    }
}

#[test]
fn sqlite_sorts_nothing_when_many_are_found() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    for (search, plan) in explained_in(&fresh.store, WIDE_IN) {
        // Each type (a) is read in the order of the keys; only what it gave, a page, is sorted into the others'.
        let mut within = false;
        for step in &plan {
            within = (within || step == "CO-ROUTINE a") && step != "SCAN a";
            let sorts_within = within && step.contains("TEMP B-TREE");
            assert!(!sorts_within && !step.contains("SCAN t"), "{search}: {plan:#?}");
        }
    }
    for (search, plan) in explained(&fresh.store, WIDE) {
        let mut finding = plan.iter().take_while(|step| *step != "SCAN p");
        assert!(
            !finding.any(|step| step.contains("TEMP B-TREE") || step.contains("SCAN t")),
            "{search}: {plan:#?}"
        );
    }
}

/// A region in small: enough rows that PostgreSQL would rather walk a table than look up many.
pub(super) fn region(session: &mut Session, number: usize) -> Result<(), StoreError> {
    let identifier = json!([{"system": if number.is_multiple_of(2) { PERSONNUMMER } else { "http://s" }, "value": format!("{number}")}]);
    let to = |kind: ResourceType, number: usize| json!({"reference": format!("{kind}/{number}")});
    let concept = json!([{"coding": [{"system": "http://s", "code": "a"}]}]);
    let resources = [
        (
            Patient,
            json!({"gender": if number.is_multiple_of(2) { "female" } else { "male" }, "identifier": identifier}),
        ),
        (Practitioner, json!({"identifier": identifier})),
        (
            Organization,
            json!({"identifier": identifier, "partOf": to(Organization, number / 20)}),
        ),
        (
            PractitionerRole,
            json!({"active": true, "code": concept, "practitioner": to(Practitioner, number), "organization": to(Organization, number / 20)}),
        ),
        (
            CareTeam,
            json!({"status": "active", "identifier": identifier, "subject": to(Patient, number), "participant": [{"member": to(PractitionerRole, number / 20)}]}),
        ),
        (
            CarePlan,
            json!({"status": "active", "subject": to(Patient, number), "careTeam": [to(CareTeam, number)]}),
        ),
        (
            Questionnaire,
            json!({"status": "active", "url": format!("https://a/{number}"), "version": "1.0", "title": format!("Frågor {number}")}),
        ),
        (
            QuestionnaireResponse,
            json!({"status": "completed", "subject": to(Patient, number), "questionnaire": format!("https://a/{}|1.0", number / 20)}),
        ),
        (
            Encounter,
            json!({"status": "completed", "subject": to(Patient, number), "location": [
                {"location": {"reference": format!("Location/{}", number / 20)}, "period": {"start": "2026-03-10"}},
            ]}),
        ),
    ];
    for (kind, mut resource) in resources {
        let id = number.to_string();
        resource["resourceType"] = json!(kind.name());
        resource["id"] = json!(id);
        put(session, (kind, &id, 1), NOW + number as i64, Some(&resource))?;
    }
    Ok(())
}

#[test]
fn postgres_begins_at_the_selective_end() {
    let Some(url) = postgres::fresh_database() else { return };
    let fresh = Fresh::open(url, &StoreOptions::default(), None);
    fresh
        .store
        .write_blocking(|session| (0..1_000).try_for_each(|number| region(session, number)))
        .expect("a region");
    diesel::PgConnection::establish(&fresh.url)
        .expect("a connection")
        .batch_execute("ANALYZE")
        .expect("statistics");
    let all = [
        explained(&fresh.store, SELECTIVE),
        explained_in(&fresh.store, SELECTIVE_IN),
    ];
    for (search, plan) in all.concat() {
        assert!(
            !plan.iter().any(|step| step.contains("Seq Scan")),
            "{search}: {plan:#?}"
        );
    }
}

/// Many to one and back to many, twice: by following each way it would be the cube of the patients.
fn a_way_to_and_fro_is_gone_once(store: &Store) {
    const PATIENTS: usize = 600;
    let write = |session: &mut Session| {
        let organization = json!({"resourceType": "Organization", "id": "o"});
        put(session, (Organization, "o", 1), NOW, Some(&organization))?;
        (0..PATIENTS).try_for_each(|number| {
            let id = number.to_string();
            let patient =
                json!({"resourceType": "Patient", "id": id, "managingOrganization": {"reference": "Organization/o"}});
            put(session, (Patient, &id, 1), NOW, Some(&patient))
        })
    };
    store.write_blocking(write).expect("the patients are written");
    let (to_and_fro, end) = (
        "organization._has:Patient:organization:".repeat(2),
        "identifier:missing",
    );
    for (before, value, expected) in [
        ("", "false", 0),
        ("", "true", PATIENTS),
        ("_id=7&", "true", 1),
        ("_id=7&", "false", 0),
        ("_id:not=7&", "false", 0),
        ("_has:Patient:link:identifier:missing=true&", "true", 0),
    ] {
        let asked = pairs(&format!("{before}{to_and_fro}{end}={value}&_count=0"));
        let (_, total) = pages(store, Patient, &asked);
        assert_eq!(total, Some(expected as i64), "{before}{value}");
    }
}

#[test]
fn sqlite_goes_a_way_to_and_fro_once() {
    a_way_to_and_fro_is_gone_once(&Fresh::sqlite(&StoreOptions::default()).store);
}

#[test]
fn postgres_goes_a_way_to_and_fro_once() {
    let Some(url) = postgres::fresh_database() else { return };
    a_way_to_and_fro_is_gone_once(&Fresh::open(url, &StoreOptions::default(), None).store);
}
