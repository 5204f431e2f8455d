//! The OpenAPI document, put together from the handlers' own descriptions. `fastkontakt openapi` prints it; a test
//! compares it with the committed `openapi/openapi.json`.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Fastkontakt",
        description = "FHIR service (R5 and R4) for fasta kontakter (CareTeam) and dokumenterade överenskommelser, \
                       medicinska vårdplaner and SIP (CarePlan), which enforces the regions' riktlinjer. \
                       The FHIR side is described in full by [base]/metadata.",
    ),
    paths(
        super::bundle::submit,
        super::metadata::metadata,
        super::smart::configuration,
        super::search::search,
        super::search::search_by_post,
        super::search::search_system,
        super::search::search_system_by_post,
        super::search::search_compartment,
        super::search::search_compartment_by_post,
        super::create::create,
        super::read::read,
        super::update::update,
        super::update::update_where,
        super::patch::patch,
        super::patch::patch_where,
        super::delete::delete,
        super::delete::delete_where,
        super::history::of_instance,
        super::history::of_type,
        super::history::of_system,
        super::read::vread,
        super::riktlinjesida::riktlinje,
        super::validate::validate_type,
        super::validate::validate_instance,
        super::validate::validate_stored,
        super::patientkontroll::patientkontroll,
        super::patientkontroll::patientkontroll_by_post,
        super::everything::everything,
        super::everything::everything_by_post,
        super::logg::read,
        super::logg::search,
        super::logg::search_by_post,
        super::logg::utdrag::by_get,
        super::definitions::read,
        super::definitions::search,
        super::definitions::search_by_post,
        super::arbetslista::by_get,
        super::arbetslista::by_post,
        super::service::live,
        super::service::ready,
        super::service::metrics,
    ),
    modifiers(&Tokens),
    // Without a token where the service is open; with one where it is not.
    security((), ("token" = [])),
    tags(
        (name = "instance", description = "One resource"),
        (name = "type", description = "All resources of a type"),
        (name = "system", description = "The whole service"),
        (name = "service", description = "Running the service"),
    ),
)]
pub struct ApiDoc;

/// How callers show who they are (docs/access.md).
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let description = "An access token of the authorization server in [base]/.well-known/smart-configuration.";
        let scheme = SecurityScheme::Http(bearer.description(Some(description)).build());
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", scheme);
    }
}

/// The document as pretty JSON with a newline at the end.
pub fn document() -> String {
    let text = ApiDoc::openapi().to_pretty_json().unwrap_or_default();
    format!("{text}\n")
}
