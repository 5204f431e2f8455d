//! Two vårdgivare with their units, callers of each kind, and short words for what they do.

use std::sync::Arc;

use fastkontakt::access::scope::{About, Context, Rights, Scope, Scopes};
use fastkontakt::access::{
    Call, Caller, Disclosed, Identity, Interaction, Medarbetare, Nodoppning, Patientanvandare, Systemanvandare, Who,
};
use fastkontakt::door::content::Content;
use fastkontakt::door::problem::Problem;
use fastkontakt::door::{Action, Door, Precondition};
use fastkontakt::fhir::search::{Handling, ParseContext, SearchQuery, parse};
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt::store::Page;
use serde_json::{Value, json};

use crate::common::{TestApp, spawn};

pub(super) const A: &str = "SE2321000164-A";
pub(super) const A1: &str = "SE2321000164-A1";
pub(super) const A2: &str = "SE2321000164-A2";
pub(super) const B: &str = "SE2321000172-B";
pub(super) const B1: &str = "SE2321000172-B1";
pub(super) const HSA: &str = "urn:oid:1.2.752.129.2.1.4.1";
pub(super) const ATKOMST: &str = "https://w3id.org/fastkontakt/CodeSystem/atkomst";

thread_local! {
    static SYSTEM: actix_web::rt::SystemRunner = actix_web::rt::System::new();
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    SYSTEM.with(|system| system.block_on(work))
}

pub(super) fn scope(context: Context, kind: Option<ResourceType>, filter: Option<&str>) -> Scope {
    Scope {
        context,
        about: kind.map_or(About::Everything, About::Kind),
        rights: Rights::ALL,
        filter: filter.map(str::to_owned),
    }
}

pub(super) fn call(who: Who, scopes: Vec<Scope>) -> Call {
    Call {
        caller: Caller::Known(Arc::new(Identity {
            issuer: "https://issuer.test".to_owned(),
            subject: "subject".to_owned(),
            client: None,
            who,
            scopes: Scopes(scopes),
            purpose: None,
            granskar_allt: false,
        })),
        interaction: Interaction::Transaction,
        purpose: "TREAT".into(),
        nodoppning: None,
        request_id: "r".to_owned(),
        disclosed: Disclosed::default(),
    }
}

pub(super) fn patient(id: &str, ombud: bool) -> Call {
    let who = Who::Patient(Patientanvandare {
        patient: id.to_owned(),
        ombud: ombud.then(|| "RelatedPerson/r".to_owned()),
    });
    call(who, vec![scope(Context::Patient, None, None)])
}

pub(super) fn medarbetare(unit: &str, in_context: Option<&str>) -> Who {
    Who::Medarbetare(Medarbetare {
        hsa_id: "SE2321000164-P1".to_owned(),
        // HSA-ids are compared without regard to case.
        vardenhet: unit.to_ascii_lowercase(),
        vardgivare: if unit.starts_with(B) { B } else { A }.to_owned(),
        profession: None,
        uppdrag: None,
        fhir_user: None,
        patient: in_context.map(str::to_owned),
    })
}

pub(super) fn staff(unit: &str) -> Call {
    call(medarbetare(unit, None), vec![scope(Context::User, None, None)])
}

pub(super) fn system(unit: Option<&str>) -> Call {
    let who = Who::System(Systemanvandare {
        hsa_id: None,
        vardenhet: unit.map(str::to_owned),
        vardgivare: A.to_owned(),
        katalog: false,
    });
    call(who, vec![scope(Context::System, None, None)])
}

/// Opens the patient's record by a nödöppning.
pub(super) fn in_emergency(unit: &str, patient: &str) -> Call {
    Call {
        nodoppning: Some(Arc::new(Nodoppning {
            patient: patient.to_owned(),
            skal: "Medvetslös".to_owned(),
        })),
        ..staff(unit)
    }
}

pub(super) fn open() -> Call {
    Call {
        caller: Caller::Open,
        ..staff(A1)
    }
}

pub(super) fn write(door: &Door, call: &Call, resource: &Value) -> Result<(), Problem> {
    let kind = ResourceType::from_name(resource["resourceType"].as_str().expect("a type")).expect("a known type");
    let prepared = Content::new(FhirVersion::R5, kind, resource.clone(), &[])
        .prepare(resource["id"].as_str().expect("an id"))
        .expect("what can be understood");
    let action = Action::Update {
        prepared,
        precondition: Precondition::None,
    };
    block_on(door.write_one(call, Vec::new(), action)).map(drop)
}

pub(super) fn delete(door: &Door, call: &Call, kind: ResourceType, id: &str) -> Result<(), Problem> {
    let action = Action::Delete {
        kind,
        id: id.to_owned(),
        precondition: Precondition::None,
    };
    block_on(door.write_one(call, Vec::new(), action)).map(drop)
}

pub(super) fn query(kind: ResourceType, text: &str, own_bases: &[String]) -> SearchQuery {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    let context = ParseContext {
        version: FhirVersion::R5,
        kind,
        own_bases,
        now: 0,
        handling: Handling::Strict,
        default_count: 1000,
        max_count: 1000,
    };
    parse(&pairs, &context)
        .unwrap_or_else(|error| panic!("{kind}?{text}: {error:?}"))
        .query
}

/// Two vårdgivare, A with two units and B with one.
pub(super) fn units(door: &Door) {
    for (id, hsa_id, above) in [
        ("A", A, None),
        ("A1", A1, Some("A")),
        ("A2", A2, Some("A")),
        ("B", B, None),
        ("B1", B1, Some("B")),
    ] {
        let mut unit =
            json!({"resourceType": "Organization", "id": id, "identifier": [{"system": HSA, "value": hsa_id}]});
        if let Some(above) = above {
            unit["partOf"] = json!({"reference": format!("Organization/{above}")});
        }
        write(door, &open(), &unit).expect("a unit");
    }
}

/// Two vårdgivare, and the patient p1.
pub(super) fn world() -> TestApp {
    let app = spawn();
    units(&app.door);
    for id in ["p1", "p2"] {
        write(&app.door, &open(), &json!({"resourceType": "Patient", "id": id})).expect("a patient");
    }
    app
}

pub(super) fn stay(id: &str, unit: &str) -> Value {
    json!({"resourceType": "Encounter", "id": id, "status": "in-progress", "subject": {"reference": "Patient/p1"},
        "serviceProvider": {"reference": format!("Organization/{unit}")}})
}

pub(super) fn condition(id: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": "Patient/p1"}})
}

pub(super) fn consent(id: &str, code: &str, about: &str) -> Value {
    let decision = if code.starts_with("sammanhallen") || code.starts_with("havning") {
        "permit"
    } else {
        "deny"
    };
    json!({"resourceType": "Consent", "id": id, "status": "active", "subject": {"reference": "Patient/p1"}, "decision": decision,
        "category": [{"coding": [{"system": ATKOMST, "code": code}]}], "controller": [{"reference": format!("Organization/{about}")}]})
}

pub(super) fn found(door: &Door, call: &Call, kind: ResourceType, text: &str) -> Page {
    block_on(door.search(call, query(kind, text, &[]), Vec::new())).expect("a page")
}

pub(super) fn read(door: &Door, call: &Call, kind: ResourceType, id: &str) -> Result<String, Problem> {
    block_on(door.read(call, kind, id.to_owned())).map(|stored| stored.body)
}

pub(super) fn ids(page: &Page) -> Vec<&str> {
    let mut ids: Vec<&str> = page.entries.iter().map(|stored| stored.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

pub(super) const MINE: &str = "patient=Patient/p1&_total=accurate";
