//! GET `[base]/metadata`: the CapabilityStatement, one per version, made from the tables that also drive the service.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::answer::answer;
use super::definitions;
use super::logg;
use super::negotiate::Ask;
use super::reply::Reply;
use super::smart;
use crate::access::Interaction;
use crate::definitions::profiles_of;
use crate::fhir::search::compartments::{COMPARTMENTS, definition};
use crate::fhir::search::include::{includes_of, reverse_includes_of};
use crate::fhir::search::parameters::{Parameter, common, parameters};
use crate::fhir::types::{DefinitionType, ResourceType};
use crate::fhir::version::FhirVersion;

/// What this service can do in this version.
#[utoipa::path(
    get,
    path = "/fhir/{version}/metadata",
    tag = "system",
    params(("version" = String, Path, description = "r4 or r5")),
    responses((status = 200, description = "A CapabilityStatement"), (status = 404, description = "Another version")),
)]
pub async fn metadata(request: HttpRequest) -> HttpResponse {
    answer(
        request,
        Interaction::Capabilities,
        |ask| async move { Ok(perform(&ask)) },
    )
    .await
}

/// The interaction itself, also for an entry of a batch.
pub fn perform(ask: &Ask) -> Reply {
    let door = &ask.app.door;
    let mut statement = capability_statement(ask.version(), &ask.base, door.require_if_match);
    if let Some(authenticator) = &ask.app.authenticator {
        statement["rest"][0]["security"] = smart::security(authenticator.smart.as_ref(), ask.app.cors);
    }
    ask.reply_value(&statement)
}

/// The CapabilityStatement (capabilitystatement.html): exactly what is there, nothing more.
/// `require_if_match`: the configuration demands that a change names its version.
pub fn capability_statement(version: FhirVersion, base: &str, require_if_match: bool) -> Value {
    let stored = ResourceType::ALL
        .iter()
        .map(|kind| resource(version, *kind, require_if_match));
    let defined = DefinitionType::ALL
        .iter()
        .map(|kind| definitions::capability(version, *kind));
    let resources: Vec<Value> = stored.chain(defined).chain([logg::capability(version)]).collect();
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-21",
        "kind": "instance",
        "software": { "name": "Fastkontakt", "version": env!("CARGO_PKG_VERSION") },
        "implementation": {
            "description": "Fasta kontakter och överenskommelser, med regionernas riktlinjer",
            "url": base,
        },
        "fhirVersion": version.number(),
        "format": ["application/fhir+json", "json"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json", "application/merge-patch+json"],
        "rest": [{
            "mode": "server",
            "documentation": "Varje skrivning prövas mot regionens riktlinje; 422 ger alla fynd. Every write is judged by the region's riktlinje; 422 tells all findings.",
            "resource": resources,
            "interaction": [{ "code": "transaction" }, { "code": "batch" }, { "code": "history-system" }, { "code": "search-system" }],
            "searchParam": system_parameters(version),
            "compartment": COMPARTMENTS.map(definition),
        }],
    })
}

/// The parameters that every type here has, the access log and the definitions too, and those of a search over several types
/// that are stored. What all these have stands with each type. R4 has no definitions of `_type` and `_has`.
fn system_parameters(version: FhirVersion) -> Vec<Value> {
    let of_all = common(version).filter(|parameter| parameter.code == "_id");
    let of_all = of_all.map(|parameter| search_param(version, parameter));
    let special = [
        (
            "_type",
            "token",
            "Resource-type",
            "Typerna som söks, av dem som lagras. The types that are searched, of those that are stored.",
        ),
        (
            "_has",
            "special",
            "Resource-has",
            "_has:[typ]:[referens]:[parameter], även i varandra; typer som lagras. Also nested; types that are stored.",
        ),
    ];
    let special = special.map(|(name, kind, definition, documentation)| {
        let mut parameter = json!({ "name": name, "type": kind, "documentation": documentation });
        if version == FhirVersion::R5 {
            parameter["definition"] = json!(format!("http://hl7.org/fhir/SearchParameter/{definition}"));
        }
        parameter
    });
    of_all.chain(special).collect()
}

fn resource(version: FhirVersion, kind: ResourceType, require_if_match: bool) -> Value {
    let interactions: Vec<Value> = [
        Interaction::Read,
        Interaction::Vread,
        Interaction::Update,
        Interaction::Patch,
        Interaction::Delete,
        Interaction::HistoryInstance,
        Interaction::HistoryType,
        Interaction::Create,
        Interaction::Search,
    ]
    .iter()
    .map(|interaction| json!({ "code": interaction.code() }))
    .collect();
    let search: Vec<Value> = parameters(version, kind)
        .map(|parameter| search_param(version, parameter))
        .collect();
    let mut resource = json!({
        "type": kind.name(),
        "interaction": interactions,
        "versioning": if require_if_match { "versioned-update" } else { "versioned" },
        "readHistory": true,
        "updateCreate": true,
        "conditionalCreate": true,
        "conditionalRead": "full-support",
        "conditionalUpdate": true,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical"],
        "searchInclude": includes_of(version, kind),
        "searchRevInclude": reverse_includes_of(version, kind),
        "searchParam": search,
        "operation": operations(kind),
    });
    if version == FhirVersion::R5 {
        resource["conditionalPatch"] = json!(true);
    }
    let profiles: Vec<&str> = profiles_of(version, kind).collect();
    if !profiles.is_empty() {
        resource["supportedProfile"] = json!(profiles);
    }
    resource
}

/// The operations of a type, by the canonicals of their definitions.
fn operations(kind: ResourceType) -> Vec<Value> {
    let validate = ("validate", "http://hl7.org/fhir/OperationDefinition/Resource-validate");
    let own: &[(&str, &str)] = match kind {
        ResourceType::Patient => &[
            (
                "everything",
                "http://hl7.org/fhir/OperationDefinition/Patient-everything",
            ),
            (
                "riktlinjekontroll",
                "https://w3id.org/fastkontakt/OperationDefinition/patient-riktlinjekontroll",
            ),
            (
                "loggutdrag",
                "https://w3id.org/fastkontakt/OperationDefinition/patient-loggutdrag",
            ),
        ],
        ResourceType::Organization => &[(
            "riktlinjekontroll",
            "https://w3id.org/fastkontakt/OperationDefinition/organization-riktlinjekontroll",
        )],
        _ => &[],
    };
    let all = std::iter::once(&validate).chain(own);
    all.map(|(name, definition)| json!({ "name": name, "definition": definition }))
        .collect()
}

fn search_param(version: FhirVersion, parameter: &Parameter) -> Value {
    let mut told = json!({
        "name": parameter.code,
        "definition": parameter.definition(version),
        "type": parameter.kind.search_type(),
    });
    if !parameter.sorts() {
        told["documentation"] = json!("Inte för _sort. Not for _sort.");
    }
    told
}
