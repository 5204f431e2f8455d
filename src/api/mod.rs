//! HTTP: one file per interaction. A handler negotiates, calls the door and writes the answer; it decides nothing.

mod answer;
mod app;
mod arbetslista;
mod authenticate;
mod bundle;
mod bundle_text;
mod create;
mod definitions;
mod delete;
mod everything;
mod history;
mod limits;
pub mod logg;
mod media_type;
mod metadata;
mod negotiate;
mod nodoppning;
pub mod openapi;
mod outcome;
mod parameters;
mod patch;
mod patientkontroll;
mod prefer;
mod read;
mod reply;
mod riktlinjesida;
mod sealed;
mod search;
mod sent;
mod service;
mod smart;
pub mod statuses;
mod update;
mod validate;

pub use answer::every_answer;
pub use app::App;
pub use authenticate::authenticate;
pub use limits::{Limits, MOST_FOR_A_BODY};
pub use metadata::capability_statement;
pub use sealed::Sealer;

use actix_web::{Resource, web};

use crate::fhir::types::ResourceType;

/// The types of the service's own definitions, in an address; a test holds it against the list of types.
const DEFINITION: &str = "{definition:StructureDefinition|CodeSystem|ValueSet|OperationDefinition|SearchParameter}";

/// What has a compartment, in an address; a test holds it against the table.
const COMPARTMENT: &str = "{compartment:Patient|Practitioner|RelatedPerson|Encounter}";

/// A type's address.
fn of_type(path: &str) -> Resource {
    web::resource(path)
        .get(search::search)
        .head(search::search)
        .post(create::create)
        .put(update::update_where)
        .patch(patch::patch_where)
        .delete(delete::delete_where)
        .default_service(web::to(answer::only_of_type))
}

/// A resource's address.
fn of_instance(path: &str) -> Resource {
    web::resource(path)
        .get(read::read)
        .head(read::read)
        .put(update::update)
        .patch(patch::patch)
        .delete(delete::delete)
        .default_service(web::to(answer::only_of_instance))
}

/// All addresses of the service.
pub fn routes(config: &mut web::ServiceConfig) {
    let types: Vec<&str> = ResourceType::ALL.iter().map(|kind| kind.name()).collect();
    let kind = format!("{{type:{}}}", types.join("|"));
    config
        .service(
            web::scope("/fhir/{version}")
                // What is asked for most is looked for first: each address before the right one costs a match.
                .service(of_type(&format!("/{kind}")))
                .service(of_instance(&format!("/{kind}/{{id:[A-Za-z0-9.-]+}}")))
                .service(
                    web::resource(["", "/"])
                        .get(search::search_system)
                        .head(search::search_system)
                        .post(bundle::submit)
                        .default_service(web::to(answer::only_get_post)),
                )
                .service(
                    web::resource("/_search")
                        .post(search::search_system_by_post)
                        .default_service(web::to(answer::only_post)),
                )
                .service(
                    web::resource("/metadata")
                        .get(metadata::metadata)
                        .head(metadata::metadata)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource("/.well-known/smart-configuration")
                        .get(smart::configuration)
                        .head(smart::configuration)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource("/_history")
                        .get(history::of_system)
                        .head(history::of_system)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource("/{type}/_history")
                        .get(history::of_type)
                        .head(history::of_type)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource(format!("/{DEFINITION}/_search"))
                        .post(definitions::search_by_post)
                        .default_service(web::to(answer::only_post)),
                )
                .service(
                    web::resource(format!("/{DEFINITION}"))
                        .get(definitions::search)
                        .head(definitions::search)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource(format!("/{DEFINITION}/{{id}}"))
                        .get(definitions::read)
                        .head(definitions::read)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource(format!("/{}/_search", logg::AUDIT_EVENT))
                        .post(logg::search_by_post)
                        .default_service(web::to(answer::only_post)),
                )
                .service(
                    web::resource(format!("/{}", logg::AUDIT_EVENT))
                        .get(logg::search)
                        .head(logg::search)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource(format!("/{}/{{id}}", logg::AUDIT_EVENT))
                        .get(logg::read)
                        .head(logg::read)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource("/Patient/{id}/$loggutdrag")
                        .get(logg::utdrag::by_get)
                        .head(logg::utdrag::by_get)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource("/{type}/_search")
                        .post(search::search_by_post)
                        .default_service(web::to(answer::only_post)),
                )
                .service(
                    web::resource("/{type}/$validate")
                        .post(validate::validate_type)
                        .default_service(web::to(answer::only_post)),
                )
                .service(
                    web::resource("/{type}/{id}/$validate")
                        .get(validate::validate_stored)
                        .head(validate::validate_stored)
                        .post(validate::validate_instance)
                        .default_service(web::to(answer::only_get_post)),
                )
                .service(
                    web::resource("/Patient/{id}/$riktlinjekontroll")
                        .get(patientkontroll::patientkontroll)
                        .head(patientkontroll::patientkontroll)
                        .post(patientkontroll::patientkontroll_by_post)
                        .default_service(web::to(answer::only_get_post)),
                )
                .service(
                    web::resource("/Patient/{id}/$everything")
                        .get(everything::everything)
                        .head(everything::everything)
                        .post(everything::everything_by_post)
                        .default_service(web::to(answer::only_get_post)),
                )
                .service(
                    web::resource("/Organization/{id}/$riktlinjekontroll")
                        .get(arbetslista::by_get)
                        .head(arbetslista::by_get)
                        .post(arbetslista::by_post)
                        .default_service(web::to(answer::only_get_post)),
                )
                .service(of_type("/{type}"))
                // "$" begins the name of an operation, and those that there are stand above.
                .service(of_instance("/{type}/{id:[^$/][^/]*}"))
                .service(
                    web::resource("/{type}/{id}/_history")
                        .get(history::of_instance)
                        .head(history::of_instance)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource("/{type}/{id}/_history/{vid}")
                        .get(read::vread)
                        .head(read::vread)
                        .default_service(web::to(answer::only_get)),
                )
                .service(
                    web::resource([
                        format!("/{COMPARTMENT}/{{id}}/_search"),
                        format!("/{COMPARTMENT}/{{id}}/{{type:[A-Z][A-Za-z]*|\\*}}/_search"),
                    ])
                    .post(search::search_compartment_by_post)
                    .default_service(web::to(answer::only_post)),
                )
                .service(
                    web::resource(format!("/{COMPARTMENT}/{{id}}/{{type:[A-Z][A-Za-z]*|\\*}}"))
                        .get(search::search_compartment)
                        .head(search::search_compartment)
                        .default_service(web::to(answer::only_get)),
                ),
        )
        .service(
            web::resource("/riktlinje")
                .get(riktlinjesida::riktlinje)
                .head(riktlinjesida::riktlinje),
        )
        .configure(service::routes)
        .default_service(web::to(answer::unknown_address));
}
