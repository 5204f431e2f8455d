//! The OpenAPI document, put together from the handlers' own descriptions. `fastkontakt openapi` prints it; a test
//! compares it with the committed `openapi/openapi.json`.

use utoipa::OpenApi;

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
        super::page::riktlinje,
        super::validate::validate_type,
        super::validate::validate_instance,
        super::validate::validate_stored,
        super::patientkontroll::patientkontroll,
        super::patientkontroll::patientkontroll_by_post,
        super::everything::everything,
        super::everything::everything_by_post,
        super::logg::read,
        super::logg::search,
        super::logg::utdrag::by_get,
        super::arbetslista::by_get,
        super::arbetslista::by_post,
        super::operation::live,
        super::operation::ready,
        super::operation::metrics,
    ),
    tags(
        (name = "instance", description = "One resource"),
        (name = "type", description = "All resources of a type"),
        (name = "system", description = "The whole service"),
        (name = "operation", description = "Running the service"),
    ),
)]
pub struct ApiDoc;

/// The document as pretty JSON with a newline at the end.
pub fn document() -> String {
    let text = ApiDoc::openapi().to_pretty_json().unwrap_or_default();
    format!("{text}\n")
}
