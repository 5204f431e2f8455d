//! GET `[base]/.well-known/smart-configuration`: where a client gets its token, and what it may ask for
//! (hl7.org/fhir/smart-app-launch/conformance.html). The same stands in the CapabilityStatement.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::answer::refuse;
use super::app::App;
use super::negotiate::{Manner, names_version, request_id};
use crate::access::settings::SmartSettings;
use crate::door::problem::Problem;

/// What this service understands of permissions, whatever the authorization server can do.
const OWN_CAPABILITIES: [&str; 4] = [
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
];

/// Where a client gets its token, whatever `Accept` asks for; 404 without access control.
#[utoipa::path(
    get,
    path = "/fhir/{version}/.well-known/smart-configuration",
    tag = "system",
    params(("version" = String, Path, description = "r4 or r5")),
    responses(
        (status = 200, description = "SMART's configuration", content_type = "application/json"),
        (status = 404, description = "The service is open, or tells of no authorization server"),
    ),
)]
pub async fn configuration(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let smart = app
        .authenticator
        .as_ref()
        .and_then(|authenticator| authenticator.smart.as_ref());
    let Some(smart) = smart.filter(|_| names_version(&request)) else {
        return refuse(&Problem::UnknownAddress, Manner::of(&request), &request_id(&request));
    };
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "max-age=300"))
        .json(document(smart))
}

fn document(smart: &SmartSettings) -> Value {
    let mut grants = vec!["client_credentials"];
    if smart.authorization_endpoint.is_some() {
        grants.insert(0, "authorization_code");
    }
    let mut capabilities: Vec<&str> = OWN_CAPABILITIES.to_vec();
    capabilities.extend(smart.capabilities.iter().map(String::as_str));
    capabilities.dedup();
    let mut document = json!({
        "token_endpoint": smart.token_endpoint,
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": [
            "openid", "fhirUser", "launch", "launch/patient", "offline_access",
            "patient/*.rs", "user/*.cruds", "system/*.cruds",
        ],
        "capabilities": capabilities,
    });
    if smart.authorization_endpoint.is_some() {
        document["response_types_supported"] = json!(["code"]);
    }
    for (name, endpoint) in endpoints(smart) {
        document[name] = json!(endpoint);
    }
    document
}

/// The endpoints that are configured, by their names in the document.
fn endpoints(smart: &SmartSettings) -> impl Iterator<Item = (&'static str, &str)> {
    [
        ("authorization_endpoint", &smart.authorization_endpoint),
        ("introspection_endpoint", &smart.introspection_endpoint),
        ("revocation_endpoint", &smart.revocation_endpoint),
        ("registration_endpoint", &smart.registration_endpoint),
        ("management_endpoint", &smart.management_endpoint),
    ]
    .into_iter()
    .filter_map(|(name, endpoint)| Some((name, endpoint.as_deref()?)))
}

/// `CapabilityStatement.rest.security`.
pub fn security(smart: Option<&SmartSettings>, cors: bool) -> Value {
    let mut security = json!({
        "cors": cors,
        "service": [{
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                "code": "SMART-on-FHIR",
            }],
        }],
        "description": "Åtkomsttoken (OAuth 2, JWT) eller klientcertifikat krävs. An access token or a client certificate is required.",
    });
    if let Some(smart) = smart {
        let names = [
            ("token", Some(&smart.token_endpoint)),
            ("authorize", smart.authorization_endpoint.as_ref()),
            ("register", smart.registration_endpoint.as_ref()),
            ("manage", smart.management_endpoint.as_ref()),
            ("introspect", smart.introspection_endpoint.as_ref()),
            ("revoke", smart.revocation_endpoint.as_ref()),
        ];
        let uris: Vec<Value> = names
            .into_iter()
            .filter_map(|(name, uri)| Some(json!({ "url": name, "valueUri": uri? })))
            .collect();
        security["extension"] = json!([{
            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
            "extension": uris,
        }]);
    }
    security
}
