//! Code systems, extension addresses and the small pieces of JSON every demo resource is made of.
//! Used by the other files of `demo` only. Sources: national.md (identifiers, code systems), riktlinje.md part 3.

use serde_json::{Map, Value, json};

pub const PERSONNUMMER: &str = "http://electronichealth.se/identifier/personnummer";
pub const SAMORDNINGSNUMMER: &str = "http://electronichealth.se/identifier/samordningsnummer";
pub const RESERVNUMMER: &str = "http://electronichealth.se/identifier/nationelltReservnummer";
pub const HSA_ID: &str = "urn:oid:1.2.752.129.2.1.4.1";
pub const ORGANISATIONSNUMMER: &str = "urn:oid:2.5.4.97";
pub const LEGITIMATION: &str = "urn:oid:1.2.752.116.3.1.3";
pub const BEFATTNING: &str = "urn:oid:1.2.752.129.2.2.1.4";
pub const VERKSAMHETSKOD: &str = "urn:oid:1.2.752.129.2.2.1.3";
pub const ICD_10: &str = "http://hl7.org/fhir/sid/icd-10";
pub const SNOMED_CT: &str = "http://snomed.info/sct";
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
pub const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// Hälso- och sjukvårdslagen (2017:30), whose chapter 16 is about the samordnad individuell plan.
pub const HSL: &str = "https://rkrattsbaser.gov.se/sfst?bet=2017:30";
pub const ROLE_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
pub const TYP_AV_CARETEAM: &str = "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs";
pub const TYP_AV_FAST_KONTAKT: &str =
    "https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt";
pub const TYP_AV_PLAN: &str = "https://fhir.inera.se/CodeSystem/typeofcareplan-cs";
pub const CARE_MANAGER_PROFILE: &str = "https://fhir.inera.se/ig/careteam/StructureDefinition/RIVCareManager-careteam";
pub const MANAGING_TEAM_PROFILE: &str =
    "https://fhir.inera.se/ig/careteam/StructureDefinition/RIVManagingTeam-careteam";
pub const VIA_TEAM: &str = "https://fhir.inera.se/ig/careteam/StructureDefinition/riv-contact-via-team-extension";
pub const TELECOM_AVAILABILITY: &str =
    "https://fhir.inera.se/ig/careteam/StructureDefinition/RIVContactPointAvailability";
/// How a value of the datatype Availability, which R4 lacks, stands in R4 (design.md, conversion (b)).
pub const AVAILABILITY_IN_R4: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Availability";
pub const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// Where our own definitions live.
const OWN: &str = "https://w3id.org/fastkontakt";

/// The address of one of our own code systems.
pub fn own_system(name: &str) -> String {
    format!("{OWN}/CodeSystem/{name}")
}

/// A CodeableConcept with one coding and, where given, a display.
pub fn concept(system: &str, code: &str, display: &str) -> Value {
    tidy(json!({ "coding": [{ "system": system, "code": code, "display": display }] }))
}

/// A CodeableConcept in one of our own code systems.
pub fn own_concept(system: &str, code: &str) -> Value {
    concept(&own_system(system), code, "")
}

/// One of our own extensions; `value_name` is `valueCode`, `valueBoolean` and so on.
pub fn own_extension(name: &str, value_name: &str, value: impl Into<Value>) -> Value {
    let mut extension = Map::new();
    extension.insert("url".to_owned(), format!("{OWN}/StructureDefinition/{name}").into());
    extension.insert(value_name.to_owned(), value.into());
    Value::Object(extension)
}

/// A literal reference.
pub fn reference(literal: &str) -> Value {
    json!({ "reference": literal })
}

/// A literal reference with a name for the reader.
pub fn named(literal: &str, display: &str) -> Value {
    json!({ "reference": literal, "display": display })
}

/// The label every demo resource carries (v3-ActReason HTEST, "test health data"), and the profiles it follows.
pub fn meta(profiles: &[String]) -> Value {
    json!({ "profile": profiles, "security": [{ "system": ACT_REASON, "code": "HTEST" }] })
}

/// The address of one of our own profiles.
pub fn own_profile(name: &str) -> String {
    format!("{OWN}/StructureDefinition/{name}")
}

/// Drops what FHIR does not allow: null, empty strings, arrays and objects. So the builders can leave things out by `None`.
pub fn tidy(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, member)| (name, tidy(member)))
                .filter(|(_, member)| !is_empty(member))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(tidy).filter(|item| !is_empty(item)).collect()),
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}
