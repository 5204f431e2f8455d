//! Where the patient is cared for, what they need, what was told or asked, and who did it: each type is created, read and
//! searched in both versions.

use fastkontakt::fhir::structure::check;
use fastkontakt::fhir::version::FhirVersion;
use serde_json::{Value, json};

use crate::common::{TestApp, is_the_services_provenance, spawn};
use crate::people::{patient, put};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const PLAN: &str = "CarePlan/plan";

/// One resource of a type as a caller of one version writes it, and searches that find it or not in that version.
struct Case {
    version: &'static str,
    resource: Value,
    finds: &'static [&'static str],
    misses: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    let anna = || json!({ "reference": "Patient/anna" });
    let mut cases = Vec::new();
    let mut case = |version, resource, finds, misses| {
        cases.push(Case {
            version,
            resource,
            finds,
            misses,
        });
    };
    case(
        "r5",
        json!({
            "resourceType": "Encounter",
            "status": "discharged",
            "class": [{ "coding": [{ "system": ACT_CODE, "code": "IMP" }] }],
            "subject": anna(),
            "episodeOfCare": [{ "reference": "EpisodeOfCare/1" }],
            "careTeam": [{ "reference": "CareTeam/1" }],
            "serviceProvider": { "reference": "Organization/avdelning" },
            "participant": [{ "actor": { "reference": "Practitioner/lakare" } }],
            "actualPeriod": { "start": "2026-01-02T10:00:00+01:00", "end": "2026-01-04" },
            "reason": [{ "value": [{ "reference": { "reference": "Condition/1" } }] }],
            "admission": { "dischargeDisposition": { "coding": [{ "code": "home" }] } },
        }),
        &[
            "patient=anna",
            "class=IMP",
            "status=discharged",
            "date=2026-01",
            "date-start=2026-01-02",
            "end-date=2026-01-04",
            "episode-of-care=EpisodeOfCare/1",
            "careteam=CareTeam/1",
            "service-provider=avdelning",
            "participant=Practitioner/lakare",
            "practitioner=lakare",
            "reason-reference=Condition/1",
        ],
        &["status=planned", "class=AMB", "date=2026-02", "status:not=discharged"],
    );
    case(
        "r4",
        json!({
            "resourceType": "Encounter",
            "status": "finished",
            "class": { "system": ACT_CODE, "code": "IMP" },
            "subject": anna(),
            "participant": [{ "individual": { "reference": "Practitioner/lakare" } }],
            "period": { "start": "2026-01-02", "end": "2026-01-04" },
            "reasonReference": [{ "reference": "Condition/1" }],
            "diagnosis": [{ "condition": { "reference": "Condition/2" } }],
            "hospitalization": { "dischargeDisposition": { "coding": [{ "code": "home" }] } },
            "location": [{ "location": { "reference": "Location/1" }, "period": { "start": "2026-01-02" } }],
            "serviceProvider": { "reference": "Organization/avdelning" },
        }),
        &[
            "patient=anna",
            "class=IMP",
            "date=2026-01",
            "location-period=ge2026-02",
            "participant=Practitioner/lakare",
            "practitioner=lakare",
            "reason-reference=Condition/1",
            "diagnosis=Condition/2",
            "status=finished",
            "status=http://hl7.org/fhir/encounter-status|finished,planned",
            "service-provider=avdelning",
        ],
        &["status=in-progress", "status=arrived", "status:not=finished"],
    );
    let episode = json!({
        "resourceType": "EpisodeOfCare",
        "status": "active",
        "type": [{ "coding": [{ "system": "http://example.org/insats", "code": "hemsjukvard" }] }],
        "patient": anna(),
        "managingOrganization": { "reference": "Organization/kommun" },
        "period": { "start": "2026-01-01" },
        "careManager": { "reference": "Practitioner/lakare" },
    });
    for version in ["r5", "r4"] {
        case(
            version,
            episode.clone(),
            &[
                "patient=Patient/anna",
                "organization=kommun",
                "status=active",
                "type=hemsjukvard",
                "date=ge2026-03",
                "care-manager=lakare",
            ],
            &[
                "patient=bertil",
                "organization=region",
                "status=finished",
                "date=lt2025",
            ],
        );
    }
    let flag = json!({
        "resourceType": "Flag",
        "status": "active",
        "category": [{ "coding": [{ "system": "http://example.org/c", "code": "behov" }] }],
        "code": { "text": "hemsjukvård" },
        "subject": anna(),
        "period": { "start": "2026-01-01", "end": "2026-06-30" },
        "author": { "reference": "Organization/vc" },
    });
    case(
        "r5",
        flag.clone(),
        &[
            "patient=anna",
            "subject=Patient/anna",
            "status=active",
            "category=behov",
            "author=Organization/vc",
        ],
        &["status=inactive", "date=2027"],
    );
    case(
        "r4",
        flag,
        &["patient=anna", "date=2026", "author=Organization/vc"],
        &["date=2027", "encounter:missing=false"],
    );
    let message = json!({
        "resourceType": "Communication",
        "status": "completed",
        "category": [{ "coding": [{ "system": "http://example.org/c", "code": "kallelse" }] }],
        "subject": anna(),
        "about": [{ "reference": PLAN }],
        "basedOn": [{ "reference": PLAN }],
        "sent": "2026-01-02T10:00:00+01:00",
        "recipient": [{ "reference": "RelatedPerson/dotter" }, { "reference": "Organization/kommun" }],
        "sender": { "reference": "PractitionerRole/vc-lakare" },
    });
    for version in ["r5", "r4"] {
        case(
            version,
            message.clone(),
            &[
                "patient=anna",
                "category=http://example.org/c|kallelse",
                "sent=2026-01-02",
                "recipient=Organization/kommun",
                "sender=PractitionerRole/vc-lakare",
                "based-on=CarePlan/plan",
                "status=completed",
            ],
            &[
                "recipient=Organization/region",
                "received:missing=false",
                "sent=gt2026-02",
            ],
        );
    }
    let questions = json!({
        "resourceType": "Questionnaire",
        "url": "https://example.org/fragor",
        "version": "2",
        "status": "active",
        "subjectType": ["Patient"],
        "date": "2026-01",
        "item": [{
            "linkId": "1",
            "type": "group",
            "item": [{ "linkId": "1.1", "type": "boolean", "text": "Har patienten hemsjukvård?" }],
        }],
    });
    for version in ["r5", "r4"] {
        case(
            version,
            questions.clone(),
            &[
                "url=https://example.org/fragor",
                "url=https://example.org/fragor&version=2",
                "status=active",
                "subject-type=Patient",
                "date=2026",
            ],
            &[
                "url=https://example.org/fragor|2",
                "url=https://example.org/Fragor",
                "version=1",
                "subject-type=Group",
                "url:missing=true",
            ],
        );
    }
    let answers = json!({
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "https://example.org/fragor|2",
        "status": "completed",
        "basedOn": [{ "reference": PLAN }],
        "subject": anna(),
        "authored": "2026-01-02",
        "author": { "reference": "PractitionerRole/vc-lakare" },
        "source": anna(),
        "item": [{ "linkId": "1", "item": [{ "linkId": "1.1", "answer": [{ "valueBoolean": true }] }] }],
    });
    for version in ["r5", "r4"] {
        case(
            version,
            answers.clone(),
            &[
                "patient=anna",
                "questionnaire=https://example.org/fragor",
                "questionnaire=https://example.org/fragor|2",
                "based-on=CarePlan/plan",
                "authored=2026-01",
                "source=Patient/anna",
                "status=completed",
            ],
            &[
                "questionnaire=https://example.org/fragor|1",
                "questionnaire:missing=true",
                "status=amended",
            ],
        );
    }
    let provenance = json!({
        "resourceType": "Provenance",
        "target": [{ "reference": "CarePlan/plan/_history/2" }, anna()],
        "recorded": "2026-01-02T10:00:00.000+01:00",
        "occurredDateTime": "2026-01-01",
        "agent": [{
            "type": { "coding": [{ "code": "author" }] },
            "who": { "reference": "PractitionerRole/vc-lakare" },
        }],
        "entity": [{ "role": "source", "what": { "reference": "DocumentReference/brev" } }],
    });
    case(
        "r4",
        provenance.clone(),
        &[
            "target=CarePlan/plan",
            "patient=anna",
            "agent=PractitionerRole/vc-lakare",
            "agent-type=author",
            "entity=DocumentReference/brev",
            "recorded=2026-01-02",
            "when=2026-01-01",
        ],
        &["target=CareTeam/plan", "patient=bertil", "when=2026-01-02"],
    );
    let mut provenance = provenance;
    provenance["patient"] = anna();
    case(
        "r5",
        provenance,
        &[
            "target=CarePlan/plan",
            "target=Patient/anna",
            "patient=anna",
            "recorded=2026-01",
        ],
        &["target=CareTeam/plan", "patient=bertil"],
    );
    cases
}

#[test]
fn each_type_is_created_read_and_found_in_both_versions() {
    for case in cases() {
        let app = spawn();
        put(&app, &patient("anna", None));
        let kind = case.resource["resourceType"].as_str().unwrap();
        let base = format!("/fhir/{}/{kind}", case.version);
        let created = app.post(&base, &case.resource).expect(201).json();
        assert_eq!(content(created.clone()), case.resource, "{kind} {}", case.version);
        let id = created["id"].as_str().unwrap();
        let read = app.get(&format!("{base}/{id}")).expect(200).json();
        assert_eq!(read, created, "{kind} {}", case.version);
        for (queries, expected) in [(case.finds, vec![id]), (case.misses, vec![])] {
            for query in queries {
                assert_eq!(found(&app, &base, query), expected, "{kind} {} {query}", case.version);
            }
        }
        comes_back_from_the_other_version(&app, &case, id);
        app.delete(&format!("{base}/{id}")).expect(204);
        assert_eq!(found(&app, &base, case.finds[0]), [""; 0]);
    }
}

/// Read in the other version, where it is good too, and written back there, it is what it was.
fn comes_back_from_the_other_version(app: &TestApp, case: &Case, id: &str) {
    let (other, version) = match case.version {
        "r4" => ("r5", FhirVersion::R5),
        _ => ("r4", FhirVersion::R4),
    };
    let kind = case.resource["resourceType"].as_str().unwrap();
    let path = format!("/fhir/{other}/{kind}/{id}");
    let seen = app.get(&path).expect(200).json();
    assert_eq!(check(version, kind, &seen), [], "{kind} in {other}: {seen}");
    app.put(&path, &seen).expect(200);
    let again = app
        .get(&format!("/fhir/{}/{kind}/{id}", case.version))
        .expect(200)
        .json();
    assert_eq!(content(again), case.resource, "{kind} {}", case.version);
}

fn found(app: &TestApp, base: &str, query: &str) -> Vec<String> {
    let page = app
        .get(&format!("{base}?{}", query.replace('|', "%7C")))
        .expect(200)
        .json();
    let entries = page["entry"].as_array().into_iter().flatten();
    entries
        .filter(|entry| !is_the_services_provenance(&entry["resource"]))
        .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
        // The service's own question set stands there from the start.
        .filter(|id| id != "gavleborg-atta-fragor")
        .collect()
}

/// Without what the server sets.
fn content(mut resource: Value) -> Value {
    let members = resource.as_object_mut().unwrap();
    members.remove("id");
    members.remove("meta");
    resource
}

/// A search finds what its answer shows: each version by its own codes and elements, whoever wrote it.
#[test]
fn codes_are_searched_as_each_version_shows_them() {
    let app = spawn();
    put(&app, &patient("anna", None));
    let class = json!({ "system": ACT_CODE, "code": "IMP" });
    for (written, shown_in_r4, shown_in_r5) in [
        (("r4", "finished"), "finished", "completed"),
        (("r4", "arrived"), "arrived", "in-progress"),
        (("r4", "in-progress"), "in-progress", "in-progress"),
        (("r5", "completed"), "finished", "completed"),
        (("r5", "in-progress"), "in-progress", "in-progress"),
    ] {
        let (version, status) = written;
        let class = match version {
            "r4" => class.clone(),
            _ => json!([{ "coding": [class] }]),
        };
        let encounter = json!({
            "resourceType": "Encounter",
            "status": status,
            "class": class,
            "subject": { "reference": "Patient/anna" },
        });
        let created = app
            .post(&format!("/fhir/{version}/Encounter"), &encounter)
            .expect(201)
            .json();
        let id = created["id"].as_str().unwrap().to_owned();
        for (version, shown, others) in [
            ("r4", shown_in_r4, ["planned", "completed"]),
            ("r5", shown_in_r5, ["planned", "finished"]),
        ] {
            let base = format!("/fhir/{version}/Encounter");
            let read = app.get(&format!("{base}/{id}")).expect(200).json();
            assert_eq!(read["status"], shown, "{written:?} in {version}");
            assert_eq!(
                found(&app, &base, &format!("status={shown}")),
                [id.as_str()],
                "{written:?} in {version}"
            );
            assert_eq!(
                found(&app, &base, "class=IMP&patient=anna"),
                [id.as_str()],
                "{written:?} in {version}"
            );
            for other in others {
                assert_eq!(
                    found(&app, &base, &format!("status={other}")),
                    [""; 0],
                    "{written:?} in {version}"
                );
            }
        }
        if shown_in_r4 == "arrived" {
            assert_eq!(found(&app, "/fhir/r4/Encounter", "status=in-progress"), [""; 0]);
        }
        app.delete(&format!("/fhir/r5/Encounter/{id}")).expect(204);
    }
}

/// What is wrong is told at its place, in the caller's own version.
#[test]
fn each_type_is_held_to_its_invariants() {
    let app = spawn();
    for (version, resource, expression) in [
        (
            "r5",
            json!({ "resourceType": "Encounter", "status": "planned", "participant": [{}, { "period": { "start": "2026" } }] }),
            "Encounter.participant[1]",
        ),
        (
            "r4",
            json!({ "resourceType": "Encounter", "status": "completed", "class": { "code": "IMP" } }),
            "Encounter.status",
        ),
        (
            "r5",
            json!({ "resourceType": "EpisodeOfCare", "status": "active" }),
            "EpisodeOfCare.patient",
        ),
        (
            "r4",
            json!({ "resourceType": "Flag", "status": "active", "code": { "text": "x" }, "subject": { "reference": "CareTeam/1" } }),
            "Flag.subject",
        ),
        (
            "r5",
            json!({ "resourceType": "Communication", "status": "sent" }),
            "Communication.status",
        ),
        (
            "r4",
            json!({ "resourceType": "Questionnaire", "status": "draft", "item": [{ "linkId": "1", "type": "group" }] }),
            "Questionnaire.item[0]",
        ),
        (
            "r5",
            json!({ "resourceType": "QuestionnaireResponse", "status": "completed" }),
            "QuestionnaireResponse.questionnaire",
        ),
        (
            "r5",
            json!({ "resourceType": "Provenance", "target": [{ "reference": "CareTeam/1" }], "agent": [{ "type": { "text": "x" } }] }),
            "Provenance.agent[0].who",
        ),
    ] {
        let kind = resource["resourceType"].as_str().unwrap();
        let answer = app.post(&format!("/fhir/{version}/{kind}"), &resource);
        assert!(matches!(answer.status, 400 | 422), "{kind}: {}", answer.text);
        assert!(
            answer.expressions().iter().any(|told| told == expression),
            "{kind}: {}",
            answer.text
        );
    }
}
