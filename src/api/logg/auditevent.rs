//! A record of the access log as an AuditEvent, in either version. The rows are the truth; what is shown is made of them
//! each time, so that a read of a patient costs a row and no more.
//!
//! Codes and entities follow IHE's Basic Audit Log Patterns (profiles.ihe.net/ITI/BALP): the interaction as subtype, the one
//! who calls as the user, the program as the source, one entity for each patient, one for each resource, and the request's
//! id. The search itself is not kept: its values may be personal numbers.

use serde_json::{Value, json};

use crate::access::Interaction;
use crate::door::content::instant;
use crate::door::logg::{AUTHENTICATE, outcome};
use crate::fhir::identifiers::HSA_ID;
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::hsa::is_hsa_id;
use crate::store::{Named, Recorded};

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const BALP_ENTITY: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";

/// Who has which part of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For<'a> {
    /// One who may read the log.
    Reviewer,
    /// The patient with this id: unit, time and what was done; nothing of other patients, no names of staff.
    Patient { id: &'a str, unit_name: &'a str },
}

/// `C`, `R`, `U`, `D` or `E` (audit-event-action).
pub fn action(interaction: &str) -> &'static str {
    match Interaction::of_code(interaction) {
        Some(Interaction::Create) => "C",
        Some(Interaction::Update | Interaction::Patch) => "U",
        Some(Interaction::Delete) => "D",
        Some(
            Interaction::Read
            | Interaction::Vread
            | Interaction::HistoryInstance
            | Interaction::HistoryType
            | Interaction::HistorySystem,
        ) => "R",
        _ => "E",
    }
}

/// How it ended, in the codes of a version: audit-event-outcome in R4, issue-severity in R5.
pub fn outcome_code(version: FhirVersion, stored: &str) -> &'static str {
    match (stored, version) {
        (outcome::SUCCESS, FhirVersion::R4) => "0",
        (outcome::SUCCESS, FhirVersion::R5) => "success",
        (outcome::DENIED, FhirVersion::R4) => "8",
        (outcome::DENIED, FhirVersion::R5) => "error",
        (_, FhirVersion::R4) => "4",
        (_, FhirVersion::R5) => "warning",
    }
}

fn outcome_text(stored: &str) -> Option<&'static str> {
    match stored {
        outcome::DENIED => Some("Åtkomst nekades"),
        outcome::PARTLY => Some("En del av det som begärdes nekades"),
        outcome::REFUSED => Some("Riktlinjen hindrade skrivningen"),
        outcome::FAILED => Some("Gick inte att utföra, vilket berättade om det som är lagrat"),
        _ => None,
    }
}

/// The record as an AuditEvent.
pub fn audit_event(version: FhirVersion, rad: &Recorded, reader: For<'_>) -> Value {
    let subtype = subtype(&rad.interaction);
    let purposes = purposes(rad, reader);
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": rad.seq.to_string(),
        "meta": { "lastUpdated": instant(rad.at) },
    });
    if let For::Patient { unit_name, .. } = reader {
        event["text"] = json!({ "status": "generated", "div": narrative(rad, unit_name) });
    }
    let rest = json!({
        "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
        "code": "rest",
        "display": "RESTful Operation",
    });
    match version {
        FhirVersion::R4 => {
            event["type"] = rest;
            event["subtype"] = json!([subtype]);
        }
        FhirVersion::R5 => {
            event["category"] = json!([{ "coding": [rest] }]);
            event["code"] = json!({ "coding": [subtype] });
        }
    }
    event["action"] = json!(action(&rad.interaction));
    event["recorded"] = json!(instant(rad.at));
    let code = outcome_code(version, &rad.outcome);
    match version {
        FhirVersion::R4 => {
            event["outcome"] = json!(code);
            if let Some(text) = outcome_text(&rad.outcome) {
                event["outcomeDesc"] = json!(text);
            }
            if !purposes.is_empty() {
                event["purposeOfEvent"] = json!(purposes);
            }
        }
        FhirVersion::R5 => {
            event["outcome"] = json!({ "code": { "system": "http://hl7.org/fhir/issue-severity", "code": code } });
            if let Some(text) = outcome_text(&rad.outcome) {
                event["outcome"]["detail"] = json!([{ "text": text }]);
            }
            if !purposes.is_empty() {
                event["authorization"] = json!(purposes);
            }
            // AuditEvent.patient names one; when there are several, the entities alone tell.
            match (reader, rad.patients.as_slice()) {
                (For::Patient { id, .. }, _) => event["patient"] = patient_reference(id),
                (For::Reviewer, [one]) => event["patient"] = patient_reference(one),
                _ => {}
            }
        }
    }
    event["agent"] = json!(agents(rad, reader));
    event["source"] = source(version);
    event["entity"] = json!(entities(version, rad, reader));
    event
}

fn patient_reference(id: &str) -> Value {
    json!({ "reference": format!("Patient/{id}") })
}

/// The code of the interaction; an operation has `operation` and its name.
fn subtype(interaction: &str) -> Value {
    if interaction.contains('$') {
        return json!({
            "system": "http://hl7.org/fhir/restful-interaction",
            "code": "operation",
            "display": interaction,
        });
    }
    if interaction == AUTHENTICATE {
        return json!({ "system": DICOM, "code": "110122", "display": "Login" });
    }
    json!({ "system": "http://hl7.org/fhir/restful-interaction", "code": interaction })
}

fn purposes(rad: &Recorded, reader: For<'_>) -> Vec<Value> {
    let mut purposes = Vec::new();
    if !rad.purpose.is_empty() {
        purposes.push(json!({ "coding": [{ "system": REASON, "code": rad.purpose }] }));
    }
    if !rad.emergency.is_empty() {
        let mut broken = json!({ "coding": [{ "system": REASON, "code": "BTG", "display": "break the glass" }] });
        if reader == For::Reviewer {
            broken["text"] = json!(rad.emergency);
        }
        purposes.push(broken);
    }
    purposes
}

fn hsa(value: &str) -> Value {
    json!({ "system": HSA_ID, "value": value })
}

fn agent(type_of: (&str, &str, &str), who: Value, requestor: bool) -> Value {
    let (system, code, display) = type_of;
    json!({
        "type": { "coding": [{ "system": system, "code": code, "display": display }] },
        "who": who,
        "requestor": requestor,
    })
}

/// Of whom the log may have a reference.
const WHO: [ResourceType; 4] = [
    ResourceType::Patient,
    ResourceType::RelatedPerson,
    ResourceType::Practitioner,
    ResourceType::PractitionerRole,
];

const USER: (&str, &str, &str) = (PARTICIPATION, "IRCP", "information recipient");
const CUSTODIAN: (&str, &str, &str) = (PARTICIPATION, "CST", "custodian");
const CLIENT: (&str, &str, &str) = (DICOM, "110153", "Source Role ID");
const SERVER: (&str, &str, &str) = (DICOM, "110152", "Destination Role ID");

fn agents(rad: &Recorded, reader: For<'_>) -> Vec<Value> {
    let mut agents = Vec::new();
    match reader {
        For::Reviewer => {
            let mut who = json!({});
            // What another than these may not be (auditevent.html, agent.who) is told by the identifier beside it.
            let told = local(&rad.who).is_some_and(|(kind, _)| WHO.contains(&kind));
            if told {
                who["reference"] = json!(rad.who);
            }
            match rad.capacity.as_str() {
                // A program without an HSA-id is called by what its issuer calls it.
                "system" if !is_hsa_id(&rad.caller) => who["identifier"] = json!({ "value": rad.caller }),
                "medarbetare" | "system" => who["identifier"] = hsa(&rad.caller),
                "patient" => who["identifier"] = json!({ "value": rad.caller }),
                _ => who["display"] = json!(rad.caller),
            }
            agents.push(agent(USER, who, true));
            if !rad.unit.is_empty() {
                agents.push(agent(
                    CUSTODIAN,
                    json!({ "type": "Organization", "identifier": hsa(&rad.unit) }),
                    false,
                ));
            }
            if !rad.provider.is_empty() && rad.provider != rad.unit {
                agents.push(agent(
                    CUSTODIAN,
                    json!({ "type": "Organization", "identifier": hsa(&rad.provider) }),
                    false,
                ));
            }
            if !rad.client.is_empty() {
                agents.push(agent(CLIENT, json!({ "identifier": { "value": rad.client } }), false));
            }
        }
        For::Patient { unit_name, .. } => {
            let mut who = json!({ "display": whom(rad, unit_name) });
            if !rad.unit.is_empty() {
                who["type"] = json!("Organization");
                who["identifier"] = hsa(&rad.unit);
            }
            agents.push(agent(USER, who, true));
        }
    }
    agents.push(agent(SERVER, json!({ "display": "Fastkontakt" }), false));
    agents
}

fn source(version: FhirVersion) -> Value {
    let server = json!({
        "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
        "code": "4",
        "display": "Application Server",
    });
    let kind = match version {
        FhirVersion::R4 => server,
        FhirVersion::R5 => json!({ "coding": [server] }),
    };
    json!({ "observer": { "display": "Fastkontakt" }, "type": [kind] })
}

fn entity(version: FhirVersion, what: Value, type_of: (&str, &str, &str), role: Option<(&str, &str)>) -> Value {
    let mut entity = json!({ "what": what });
    let (system, code, display) = type_of;
    let coded = json!({ "system": system, "code": code, "display": display });
    let role = role.map(|(code, display)| json!({ "system": ENTITY_ROLE, "code": code, "display": display }));
    match version {
        FhirVersion::R4 => {
            entity["type"] = coded;
            if let Some(role) = role {
                entity["role"] = role;
            }
        }
        // R5 has one place for both.
        FhirVersion::R5 => entity["role"] = json!({ "coding": [role.unwrap_or(coded)] }),
    }
    entity
}

const PERSON: (&str, &str, &str) = (ENTITY_TYPE, "1", "Person");
const SYSTEM_OBJECT: (&str, &str, &str) = (ENTITY_TYPE, "2", "System Object");
const REQUEST: (&str, &str, &str) = (BALP_ENTITY, "XrequestId", "The X-Request-Id");

/// Of this patient nothing was shown.
fn not_shown(version: FhirVersion) -> Value {
    let what = match version {
        FhirVersion::R4 => json!("visades-inte"),
        FhirVersion::R5 => json!({ "text": "visades-inte" }),
    };
    json!({ "type": what, "valueString": "Det som gäller patienten nekades eller blev inte gjort." })
}

fn entities(version: FhirVersion, rad: &Recorded, reader: For<'_>) -> Vec<Value> {
    let patient = |id: &str| entity(version, patient_reference(id), PERSON, Some(("1", "Patient")));
    if let For::Patient { id, .. } = reader {
        return vec![patient(id)];
    }
    let mut entities: Vec<Value> = Vec::with_capacity(rad.patients.len() + rad.resources.len() + 1);
    for id in &rad.patients {
        let mut named = patient(id);
        // Beside those of whom something was shown.
        if rad.nekade.contains(id) {
            named["detail"] = json!([not_shown(version)]);
        }
        entities.push(named);
    }
    // A patient of whom no version was shown is named above.
    let is_patient = |named: &&Named| named.version == 0 && named.kind == "Patient" && rad.patients.contains(&named.id);
    for named in rad.resources.iter().filter(|named| !is_patient(named)) {
        let what = json!({ "reference": reference(named) });
        entities.push(entity(version, what, SYSTEM_OBJECT, Some(("4", "Domain Resource"))));
    }
    let what = json!({ "identifier": { "value": rad.request_id } });
    entities.push(entity(version, what, REQUEST, None));
    entities
}

/// `Type/id/_history/n`, without a version when none was shown.
pub fn reference(named: &Named) -> String {
    match named.version {
        0 => format!("{}/{}", named.kind, named.id),
        version => format!("{}/{}/_history/{version}", named.kind, named.id),
    }
}

/// Who had access, as the patient is told.
fn whom(rad: &Recorded, unit_name: &str) -> String {
    match rad.capacity.as_str() {
        _ if !unit_name.is_empty() => unit_name.to_owned(),
        _ if !rad.unit.is_empty() => format!("Vårdenhet {}", rad.unit),
        _ if !rad.provider.is_empty() => format!("Vårdgivare {}", rad.provider),
        "patient" if rad.who.starts_with("RelatedPerson/") => "Ditt ombud".to_owned(),
        "patient" => "Du själv".to_owned(),
        "service" => "Tjänsten Fastkontakt".to_owned(),
        _ => "Utan inloggning (öppet läge)".to_owned(),
    }
}

/// What was done, as the patient is told.
fn what(rad: &Recorded) -> &'static str {
    match action(&rad.interaction) {
        "C" => "skapade uppgifter om dig",
        "U" => "ändrade uppgifter om dig",
        "D" => "tog bort uppgifter om dig",
        _ if rad.interaction.starts_with("search") && rad.resources.is_empty() => "sökte efter uppgifter om dig",
        _ if rad.interaction == Interaction::Transaction.code() => "läste eller ändrade uppgifter om dig",
        _ => "läste uppgifter om dig",
    }
}

/// A line of the extract in Swedish: time, unit, what was done.
fn narrative(rad: &Recorded, unit_name: &str) -> String {
    let time = rad
        .at
        .in_tz("Europe/Stockholm")
        .map(|at| at.strftime("%Y-%m-%d kl. %H.%M").to_string())
        .unwrap_or_else(|_| instant(rad.at));
    let emergency = match rad.emergency.is_empty() {
        true => "",
        false => " (nödöppning)",
    };
    let whom = escaped(&whom(rad, unit_name));
    let what = what(rad);
    format!(r#"<div xmlns="http://www.w3.org/1999/xhtml" lang="sv"><p>{time}: {whom} {what}{emergency}.</p></div>"#)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
