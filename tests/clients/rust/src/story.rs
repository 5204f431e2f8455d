//! The story of one version (`super`), told with the client's own types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::str::FromStr;

use fhir_sdk::client::{Client, Error, Page, RequestSettings, ResourceWrite, SearchParameters};
use fhir_sdk::header::{CONTENT_TYPE, HeaderName, IF_MATCH};
use fhir_sdk::version::FhirVersion;
use fhir_sdk::{Date, TryStreamExt};

use super::fhir::codes::{
    AdministrativeGender, ContactPointSystem, HTTPVerb, IssueSeverity, SearchComparator, SearchEntryMode,
};
use super::fhir::resources::{
    Bundle, BundleEntry, BundleEntryRequest, CarePlan, CareTeam, CodeSystem, OperationDefinition, OperationOutcome,
    ParametersParameter, ParametersParameterValue, Patient, Resource, ResourceType, SearchParameter,
    StructureDefinition, ValueSet,
};
use super::fhir::types::{ContactPoint, HumanName, Identifier, Reference};
use super::search::{DateSearch, MissingSearch, ReferenceSearch, StringSearch, TokenSearch};
use super::{NAME, NUMBER, PHYSICIAN, Version};
use crate::steps::{self, Fault, IDENTIFIERS, Steps, unique};

const MIME: &str = Version::MIME_TYPE;

/// What all resources of the service are.
const TYPES: &str = "CareTeam,CarePlan,Patient,RelatedPerson,Practitioner,PractitionerRole,Organization,Condition,Consent,\
    Appointment,Goal,ServiceRequest,Task,Encounter,EpisodeOfCare,Flag,Communication,Questionnaire,QuestionnaireResponse,\
    Provenance";

pub fn tell(steps: &mut Steps, address: &str) -> Result<(), Fault> {
    println!("fhir-sdk's client, {NAME}");
    let base = format!("{address}/fhir/{NAME}");
    let client = Client::<Version>::new(base.parse()?)?;
    // The client offers a condition on a create, a patch or a delete only as a header of all its requests.
    let demanding = |name: HeaderName, value: &str| -> Result<Client<Version>, Fault> {
        let settings = RequestSettings::default().header(name, value.parse()?);
        Ok(Client::builder()
            .base_url(base.parse()?)
            .request_settings(settings)
            .build()?)
    };
    let value = unique();
    let mut stored = patient(&value, "Prov");

    steps.step("capabilities", async {
        let statement = client.capabilities().await?;
        assert_eq!(statement.fhir_version.to_string(), NUMBER);
        let rest = statement.rest.iter().flatten().next().ok_or("no rest")?;
        let types: Vec<String> = rest.resource.iter().flatten().map(|it| it.r#type.to_string()).collect();
        assert!(
            TYPES.split(',').all(|name| types.iter().any(|it| it == name)),
            "{types:?}"
        );
        Ok(())
    });

    #[cfg(feature = "r4b")]
    steps.step("the address of another version says so", async {
        let answer = super::of_other_version(&client).capabilities().await;
        assert!(matches!(answer, Err(Error::DifferentFhirVersion(_))), "{answer:?}");
        Ok(())
    });

    steps.step("create", async {
        let id = stored.create(&client).await?;
        assert_eq!(stored.id.as_deref(), Some(id.as_str()));
        assert_eq!(version_of(&stored), Some("1"));
        Ok(())
    });

    steps.step("read, also by reference", async {
        let mut read = client.read::<Patient>(id_of(&stored)?).await?.ok_or("not found")?;
        assert!(read.meta.as_ref().is_some_and(|meta| meta.last_updated.is_some()));
        assert_eq!(version_of(&read), Some("1"));
        read.meta = stored.meta.clone();
        assert_eq!(read, stored);
        let reference = Reference::relative_to(&stored).ok_or("no id")?;
        let Resource::Patient(again) = client.read_referenced(&reference).await? else {
            return Err("another type".into());
        };
        assert_eq!(again.id, stored.id);
        assert!(client.read::<Patient>("nobody").await?.is_none());
        Ok(())
    });

    steps.step("update, with If-Match and without, conflict", async {
        let mut stale = stored.clone();
        stored.birth_date = Some(Date::from_str("1950-09-07")?);
        assert!(!stored.update(true, &client).await?, "updated, not created");
        assert_eq!(version_of(&stored), Some("2"));
        stale.active = Some(false);
        refused(412, stale.update(true, &client).await)?;
        stored.active = Some(true);
        stored.update(false, &client).await?;
        assert_eq!(version_of(&stored), Some("3"));
        Ok(())
    });

    steps.step("update creates, under an id of the client's", async {
        let mut own = patient(&unique(), "Prov");
        own.id = Some(unique());
        assert!(own.update(false, &client).await?, "created");
        assert_eq!(version_of(&own), Some("1"));
        own.delete(&client).await?;
        Ok(())
    });

    steps.step("vread", async {
        let first = client.read_version::<Patient>(id_of(&stored)?, "1").await?;
        assert!(first.ok_or("not found")?.birth_date.is_none());
        assert!(client.read_version::<Patient>(id_of(&stored)?, "99").await?.is_none());
        Ok(())
    });

    steps.step("JSON Patch", async {
        let phone = ContactPoint::builder()
            .system(ContactPointSystem::Phone)
            .value("070-1740605".to_owned())
            .build()?;
        client
            .patch_via_json(ResourceType::Patient, id_of(&stored)?)
            .test("/gender", AdministrativeGender::Female)?
            .replace("/name/0/family", "Ändrad")?
            .add("/telecom", vec![phone])?
            .copy("/name/0", "/name/-")
            .remove("/active")
            .send()
            .await?;
        let read = client.read::<Patient>(id_of(&stored)?).await?.ok_or("not found")?;
        assert_eq!(families(&read), ["Ändrad", "Ändrad"]);
        assert_eq!(
            (read.active, read.telecom.len(), version_of(&read)),
            (None, 1, Some("4"))
        );
        let failing = client.patch_via_json(ResourceType::Patient, id_of(&stored)?);
        refused(422, failing.test("/gender", AdministrativeGender::Male)?.send().await)?;
        stored = read;
        Ok(())
    });

    steps.step("FHIRPath Patch", async {
        let name = HumanName::builder().family("Först".to_owned()).build()?;
        let of_value = |value| {
            ParametersParameter::builder()
                .name("value".to_owned())
                .value(value)
                .build()
        };
        client
            .patch_via_fhir(ResourceType::Patient, id_of(&stored)?)
            .add("Patient", "active", of_value(ParametersParameterValue::Boolean(false))?)
            .insert("Patient.name", of_value(ParametersParameterValue::HumanName(name))?, 0)
            .replace(
                "Patient.gender",
                of_value(ParametersParameterValue::Code("male".to_owned()))?,
            )
            .r#move("Patient.name", 0, 2)
            .delete("Patient.telecom")
            .send()
            .await?;
        let read = client.read::<Patient>(id_of(&stored)?).await?.ok_or("not found")?;
        assert_eq!(families(&read), ["Ändrad", "Ändrad", "Först"]);
        assert_eq!(
            (read.active, read.gender),
            (Some(false), Some(AdministrativeGender::Male))
        );
        assert!(read.telecom.is_empty());
        stored = read;
        Ok(())
    });

    steps.step("patch and delete with If-Match", async {
        let stale = demanding(IF_MATCH, "W/\"1\"")?;
        let patch = stale.patch_via_json(ResourceType::Patient, id_of(&stored)?);
        refused(412, patch.replace("/gender", AdministrativeGender::Other)?.send().await)?;
        refused(412, stale.delete(ResourceType::Patient, id_of(&stored)?).await)?;
        Ok(())
    });

    steps.step("conditional create, update, patch and delete", async {
        let if_none_exist = HeaderName::from_static("if-none-exist");
        let mut again = patient(&value, "Prov");
        again
            .create(&demanding(if_none_exist, &format!("identifier={IDENTIFIERS}|{value}"))?)
            .await?;
        assert_eq!((&again.id, version_of(&again)), (&stored.id, version_of(&stored)));

        let address = format!("{base}/Patient?identifier={IDENTIFIERS}|{value}");
        let body = patient(&value, "Villkorad");
        let answer = client
            .send_custom_request(|http| http.put(&address).header(CONTENT_TYPE, MIME).json(&body))
            .await?;
        assert_eq!(answer.status(), 200);
        let patch = r#"[{ "op": "replace", "path": "/gender", "value": "other" }]"#;
        let answer = client
            .send_custom_request(|http| {
                let kind = "application/json-patch+json";
                http.patch(&address).header(CONTENT_TYPE, kind).body(patch)
            })
            .await?;
        assert_eq!(answer.status(), 200);
        stored = client.read::<Patient>(id_of(&stored)?).await?.ok_or("not found")?;
        assert_eq!(families(&stored), ["Villkorad"]);
        assert_eq!(stored.gender, Some(AdministrativeGender::Other));

        let gone = unique();
        patient(&gone, "Prov").create(&client).await?;
        let address = format!("{base}/Patient?identifier={IDENTIFIERS}|{gone}");
        let answer = client.send_custom_request(|http| http.delete(&address)).await?;
        assert_eq!(answer.status(), 204);
        assert!(found(client.search(SearchParameters::empty().and(token(&gone))).await?).is_empty());
        Ok(())
    });

    steps.step("search", async {
        let own = [id_of(&stored)?.to_owned()];
        let with_token = || SearchParameters::empty().and(token(&value));
        let family = StringSearch::Standard {
            name: "family",
            value: "villkor",
        };
        let exactly = StringSearch::Exact {
            name: "family",
            value: "Villkorad",
        };
        let within = StringSearch::Contains {
            name: "family",
            value: "lkor",
        };
        for name in [family, exactly, within] {
            assert_eq!(found(client.search(with_token().and(name)).await?), own, "{name:?}");
        }
        let not_female = TokenSearch::Standard {
            name: "gender",
            system: None,
            code: Some("female"),
            not: true,
        };
        let no_birth_date = MissingSearch {
            name: "birthdate",
            missing: true,
        };
        let updated = DateSearch {
            name: "_lastUpdated",
            comparator: Some(SearchComparator::Ge),
            value: "2020",
        };
        let all = with_token().and(not_female).and(no_birth_date).and(updated);
        let page = client.search::<Patient>(all.and_raw("_total", "accurate")).await?;
        assert_eq!(page.total(), Some(1));
        assert_eq!(found(page), own);
        // A comma within a value is the client's to escape.
        let comma = StringSearch::Standard {
            name: "family",
            value: "villkor,prov",
        };
        assert!(found(client.search(with_token().and(comma)).await?).is_empty());
        Ok(())
    });

    steps.step("search by POST", async {
        let form = [("identifier", format!("{IDENTIFIERS}|{value}"))];
        let page = client
            .search_custom::<Patient, _>(|http| http.post(format!("{base}/Patient/_search")).form(&form))
            .await?;
        assert_eq!(found(page), [id_of(&stored)?]);
        Ok(())
    });

    steps.step("a search that is not understood is refused", async {
        let unknown = SearchParameters::empty().and_raw("shoesize", 43);
        let outcome = refused(400, client.search::<Patient>(unknown).await)?;
        assert!(
            outcome
                .issue
                .iter()
                .flatten()
                .all(|issue| issue.severity == IssueSeverity::Error)
        );
        Ok(())
    });

    for way in ["GET", "POST"] {
        steps.step(&format!("all pages of a search by {way}"), async {
            let whole = SearchParameters::empty().and_raw("_count", 1000);
            let everyone: BTreeSet<String> = found(client.search(whole).await?).into_iter().collect();
            let parameters = [("_count", "30"), ("_sort", "-_lastUpdated")];
            let first = client
                .search_custom::<Patient, _>(|http| match way {
                    "GET" => http.get(format!("{base}/Patient")).query(&parameters),
                    _ => http.post(format!("{base}/Patient/_search")).form(&parameters),
                })
                .await?;
            assert_eq!(first.bundle().entry.len(), 30);
            let seen: Vec<Patient> = first.all_matches().try_collect().await?;
            assert!(seen.len() > 100, "{}", seen.len());
            assert_eq!(seen.len(), everyone.len());
            let seen: BTreeSet<String> = seen.into_iter().filter_map(|it| it.id.clone()).collect();
            assert_eq!(seen, everyone);
            Ok(())
        });
    }

    steps.step("include and reverse include", async {
        let erik = ReferenceSearch::Standard {
            name: "patient",
            resource_type: ResourceType::Patient,
            id: "erik",
            version_id: None,
        };
        let plans = SearchParameters::empty()
            .and(erik)
            .and_raw("_include", "CarePlan:care-team");
        let page = client.search::<CarePlan>(plans).await?;
        assert!(page.matches().count() > 0);
        let types = types_of(page.bundle());
        assert!(
            types.contains_key("CarePlan") && types.contains_key("CareTeam"),
            "{types:?}"
        );
        let included = page.bundle().entry.iter().flatten().filter(|entry| {
            let mode = entry.search.as_ref().and_then(|search| search.mode.as_ref());
            mode == Some(&SearchEntryMode::Include)
        });
        assert_eq!(included.count(), types.values().sum::<usize>() - page.matches().count());
        let back = SearchParameters::empty()
            .and_raw("_id", "erik")
            .and_raw("_revinclude", "CareTeam:patient");
        let page = client.search::<Patient>(back).await?;
        assert_eq!(page.matches().count(), 1);
        let everything: Vec<Resource> = page.all_entries().try_collect().await?;
        assert!(everything.iter().any(|it| matches!(it, Resource::CareTeam(_))));
        Ok(())
    });

    steps.step("chains and _has", async {
        let chain = ReferenceSearch::Chaining {
            name: "patient",
            resource_type: Some(ResourceType::Patient),
            target_name: "_id",
            value: "erik",
        };
        let page = client.search::<CareTeam>(SearchParameters::empty().and(chain)).await?;
        let team = page.matches().next().ok_or("no contact")?;
        assert!(page.matches().all(|team| subject_of(team) == Some("Patient/erik")));
        let id = team.id.as_deref().ok_or("no id")?;
        let has = SearchParameters::empty().and_raw("_has:CareTeam:patient:_id", id);
        assert_eq!(found(client.search(has).await?), ["erik"]);
        Ok(())
    });

    steps.step("search of the whole service, and of a compartment", async {
        let both = SearchParameters::empty()
            .and_raw("_type", "Patient,Practitioner")
            .and_raw("_id", "erik,orebro-vc-bjorken-lakare");
        let page = client.search_all(both).await?;
        assert_eq!(types_of(page.bundle()).len(), 2, "{:?}", types_of(page.bundle()));
        let page = client
            .search_custom::<CareTeam, _>(|http| http.get(format!("{base}/Patient/erik/CareTeam")))
            .await?;
        assert!(page.matches().count() > 0);
        Ok(())
    });

    steps.step("_summary and _elements", async {
        let count = client
            .search::<CareTeam>(SearchParameters::empty().and_raw("_summary", "count"))
            .await?;
        assert!(count.total() > Some(50) && count.bundle().entry.is_empty());
        let part = SearchParameters::empty()
            .and_raw("_id", "erik")
            .and_raw("_elements", "birthDate");
        let page = client.search::<Patient>(part).await?;
        let erik = page.matches().next().ok_or("no match")?;
        assert!(erik.birth_date.is_some() && erik.name.is_empty());
        Ok(())
    });

    steps.step("every resource of the demo fits the client's types", async {
        let all = SearchParameters::empty().and_raw("_type", TYPES).and_raw("_count", 500);
        let read: Vec<Resource> = client.search_all(all).await?.all_matches().try_collect().await?;
        let types: BTreeSet<String> = read.iter().map(|it| it.resource_type().to_string()).collect();
        assert!(read.len() > 500 && types.len() > 10, "{} of {types:?}", read.len());
        Ok(())
    });

    steps.step("every definition fits the client's types", async {
        let all = || SearchParameters::empty().and_raw("_count", 100);
        let profiles: Vec<StructureDefinition> = client.search(all()).await?.all_matches().try_collect().await?;
        let systems: Vec<CodeSystem> = client.search(all()).await?.all_matches().try_collect().await?;
        let sets: Vec<ValueSet> = client.search(all()).await?.all_matches().try_collect().await?;
        let operations: Vec<OperationDefinition> = client.search(all()).await?.all_matches().try_collect().await?;
        let parameters: Vec<SearchParameter> = client.search(all()).await?.all_matches().try_collect().await?;
        let numbers = [
            profiles.len(),
            systems.len(),
            sets.len(),
            operations.len(),
            parameters.len(),
        ];
        assert!(numbers.iter().all(|number| *number > 0), "{numbers:?}");
        Ok(())
    });

    let mut team = None;
    steps.step("transaction", async {
        let known = unique();
        patient(&known, "Prov").create(&client).await?;
        let mut transaction = client.transaction();
        let subject = transaction.create(patient(&unique(), "Prov"));
        transaction.create(serde_json::from_slice::<CareTeam>(&steps::contact(
            PHYSICIAN, &subject,
        )?)?);
        transaction.read(ResourceType::Patient, "erik");
        stored.active = Some(true);
        transaction.update(stored.clone(), true)?;
        transaction.with_raw(
            BundleEntry::builder()
                .resource(patient(&known, "Prov").into())
                .request(
                    BundleEntryRequest::builder()
                        .method(HTTPVerb::Post)
                        .url("Patient".to_owned())
                        .if_none_exist(format!("identifier={IDENTIFIERS}|{known}"))
                        .build()?,
                )
                .build()?,
        );
        let answer = transaction.send().await?;
        assert_eq!(statuses(&answer), ["201", "201", "200", "200", "200"]);
        let written = Reference::builder().reference(location(&answer, 1)?).build()?;
        let Resource::CareTeam(written) = client.read_referenced(&written).await? else {
            return Err("another type".into());
        };
        let subject = written.subject.clone().ok_or("no subject")?;
        let Resource::Patient(person) = client.read_referenced(&subject).await? else {
            return Err("another type".into());
        };
        assert_eq!(families(&person), ["Prov"]);
        team = Some(written);
        Ok(())
    });

    steps.step("a transaction that is refused writes nothing", async {
        let nobody = unique();
        let mut transaction = client.transaction();
        transaction.create(patient(&nobody, "Prov"));
        // Its version is no longer the current one.
        transaction.update(stored.clone(), true)?;
        refused(412, transaction.send().await)?;
        assert!(found(client.search(SearchParameters::empty().and(token(&nobody))).await?).is_empty());
        stored = client.read::<Patient>(id_of(&stored)?).await?.ok_or("not found")?;
        Ok(())
    });

    steps.step("batch", async {
        let mut batch = client.batch();
        batch.read(ResourceType::Patient, "erik");
        batch.read(ResourceType::Patient, "nobody");
        batch.create(serde_json::from_slice::<CareTeam>(&steps::nurse_for_anna(PHYSICIAN)?)?);
        batch.create(patient(&unique(), "Prov"));
        let answer = batch.send().await?;
        assert_eq!(statuses(&answer), ["200", "404", "422", "201"]);
        let outcome = answer
            .entry
            .iter()
            .flatten()
            .nth(2)
            .and_then(|entry| entry.response.as_ref()?.outcome.as_ref());
        let Some(Resource::OperationOutcome(outcome)) = outcome else {
            return Err("no outcome".into());
        };
        assert!(rules(outcome).contains(&"FVK-01"));
        Ok(())
    });

    steps.step("the riktlinje refuses, with its reasons", async {
        let mut nurse: CareTeam = serde_json::from_slice(&steps::nurse_for_anna(PHYSICIAN)?)?;
        let outcome = refused(422, nurse.create(&client).await)?;
        assert!(rules(&outcome).contains(&"FVK-01"), "{outcome:?}");
        assert!(outcome.issue.iter().flatten().all(|issue| !issue.expression.is_empty()));
        Ok(())
    });

    steps.step("$validate, $riktlinjekontroll and $everything", async {
        let nurse = steps::nurse_for_anna(PHYSICIAN)?;
        let address = format!("{base}/CareTeam/$validate");
        let answer = client
            .send_custom_request(|http| http.post(&address).header(CONTENT_TYPE, MIME).body(nurse))
            .await?;
        assert_eq!(answer.status(), 200);
        assert!(rules(&answer.json().await?).contains(&"FVK-01"));
        let address = format!("{base}/Patient/anna/$riktlinjekontroll");
        let answer = client.send_custom_request(|http| http.get(&address)).await?;
        assert_eq!(answer.status(), 200);
        answer.json::<OperationOutcome>().await?;
        let everything = types_of(&client.operation_patient_everything("erik").await?);
        for name in ["Patient", "CareTeam", "CarePlan"] {
            assert!(everything.contains_key(name), "{everything:?}");
        }
        Ok(())
    });

    steps.step("what is not offered is told in an OperationOutcome", async {
        refused(
            404,
            client.operation_patient_match(patient(&value, "Prov"), true, 1).await,
        )?;
        Ok(())
    });

    steps.step("delete", async {
        let team = team.take().ok_or("no contact")?;
        let id = team.id.clone().ok_or("no id")?;
        team.delete(&client).await?;
        assert!(client.read::<CareTeam>(&id).await?.is_none());
        stored.clone().delete(&client).await?;
        assert!(client.read::<Patient>(id_of(&stored)?).await?.is_none());
        Ok(())
    });

    steps.step("history of a resource, a type and everything", async {
        let page = client.history::<Patient>(stored.id.as_deref()).await?;
        let newest = page
            .bundle()
            .entry
            .iter()
            .flatten()
            .next()
            .and_then(|entry| entry.request.as_ref());
        assert_eq!(newest.map(|request| &request.method), Some(&HTTPVerb::Delete));
        let versions: Vec<Resource> = page.all_entries().try_collect().await?;
        let versions: Vec<_> = versions
            .iter()
            .filter_map(|it| {
                it.as_base_resource()
                    .meta()
                    .as_ref()?
                    .version_id
                    .clone()?
                    .parse::<u32>()
                    .ok()
            })
            .collect();
        let expected: Vec<u32> = (1..=versions.len() as u32).rev().collect();
        assert_eq!(versions, expected);
        assert!(versions.len() > 5);

        let teams: Vec<Resource> = client
            .history::<CareTeam>(None)
            .await?
            .all_entries()
            .try_collect()
            .await?;
        assert!(teams.len() > 50 && teams.iter().all(|it| matches!(it, Resource::CareTeam(_))));

        let first = client
            .search_custom::<Resource, _>(|http| http.get(format!("{base}/_history?_count=5")))
            .await?;
        let next = first.next_page().await.ok_or("no next page")??;
        assert_eq!(next.bundle().entry.len(), 5);
        assert!(
            next.bundle()
                .entry
                .iter()
                .all(|entry| !first.bundle().entry.contains(entry))
        );
        Ok(())
    });
    Ok(())
}

/// A synthetic patient without a personal number.
fn patient(value: &str, family: &str) -> Patient {
    let identifier = Identifier::builder()
        .system(IDENTIFIERS.to_owned())
        .value(value.to_owned());
    let name = HumanName::builder()
        .family(family.to_owned())
        .given(vec![Some("Klient".to_owned())]);
    Patient::builder()
        .identifier(vec![identifier.build().ok()])
        .name(vec![name.build().ok()])
        .gender(AdministrativeGender::Female)
        .build()
        .expect("a Patient needs nothing")
}

fn token(value: &str) -> TokenSearch<'_> {
    TokenSearch::Standard {
        name: "identifier",
        system: Some(IDENTIFIERS),
        code: Some(value),
        not: false,
    }
}

/// Expects the call to be refused with this status; gives the OperationOutcome, read by the client.
fn refused<T: Debug>(status: u16, answer: Result<T, Error>) -> Result<OperationOutcome, Fault> {
    match answer {
        Ok(answer) => Err(format!("expected {status}, got {answer:?}").into()),
        Err(error) => {
            let (told, outcome) = super::refusal(error)?;
            assert_eq!(told, status, "{outcome:?}");
            assert!(!outcome.issue.is_empty());
            Ok(outcome)
        }
    }
}

/// The rules that an outcome names.
fn rules(outcome: &OperationOutcome) -> Vec<&str> {
    let codings = outcome
        .issue
        .iter()
        .flatten()
        .filter_map(|issue| issue.details.as_ref())
        .flat_map(|it| &it.coding);
    codings.flatten().filter_map(|coding| coding.code.as_deref()).collect()
}

fn found(page: Page<Version, Patient>) -> Vec<String> {
    page.matches().filter_map(|it| it.id.clone()).collect()
}

/// How many resources of each type a Bundle holds.
fn types_of(bundle: &Bundle) -> BTreeMap<String, usize> {
    let mut types = BTreeMap::new();
    for resource in bundle
        .entry
        .iter()
        .flatten()
        .filter_map(|entry| entry.resource.as_ref())
    {
        *types.entry(resource.resource_type().to_string()).or_default() += 1;
    }
    types
}

/// The statuses of a response's entries, without their texts.
fn statuses(bundle: &Bundle) -> Vec<&str> {
    let responses = bundle
        .entry
        .iter()
        .flatten()
        .filter_map(|entry| entry.response.as_ref());
    responses
        .filter_map(|response| response.status.split(' ').next())
        .collect()
}

fn location(bundle: &Bundle, entry: usize) -> Result<String, Fault> {
    let response = bundle
        .entry
        .get(entry)
        .and_then(|entry| entry.as_ref()?.response.as_ref());
    Ok(response
        .and_then(|response| response.location.clone())
        .ok_or("no location")?)
}

fn id_of(patient: &Patient) -> Result<&str, Fault> {
    Ok(patient.id.as_deref().ok_or("no id")?)
}

fn version_of(patient: &Patient) -> Option<&str> {
    patient.meta.as_ref()?.version_id.as_deref()
}

fn families(patient: &Patient) -> Vec<&str> {
    patient
        .name
        .iter()
        .flatten()
        .filter_map(|name| name.family.as_deref())
        .collect()
}

fn subject_of(team: &CareTeam) -> Option<&str> {
    team.subject.as_ref()?.reference.as_deref()
}
