//! DELETE `[base]/[type]/[id]`: a logical end; every version stays (http.html#delete; PDL 3:17: nothing obliterated). And
//! DELETE `[base]/[type]?…`, where search criteria tell which resource is meant (http.html#cdelete).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::{answer, fhir};
use crate::access::Interaction;
use crate::door::{Action, Order};

/// Ends a resource. Deleting what is already deleted is not an error.
#[utoipa::path(
    delete,
    path = "/fhir/{version}/{type}/{id}",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
        ("id" = String, Path, description = "The resource's id"),
        ("If-Match" = Option<String>, Header, description = "W/\"n\": only if n is the current version"),
    ),
    responses(
        (status = 204, description = "Deleted, or was so already"),
        (status = 404, description = "Never stored"),
        (status = 412, description = "If-Match does not hold"),
        (status = 428, description = "If-Match is demanded by the configuration"),
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn delete(request: HttpRequest, path: web::Path<(String, String, String)>) -> HttpResponse {
    answer(request, Interaction::Delete, |ask| async move {
        let kind = ask.kind(&path.1)?;
        let action = Action::Delete {
            kind,
            id: path.2.clone(),
            precondition: ask.precondition()?,
        };
        ask.write_one(Order { action, entry: None }).await
    })
    .await
}

/// Ends the one resource that meets the criteria. That none does is not an error: what was asked for is so.
#[utoipa::path(
    delete,
    path = "/fhir/{version}/{type}",
    tag = "type",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set; the query holds search criteria, identifier=…"),
        ("If-Match" = Option<String>, Header, description = "W/\"n\": only if n is the current version of the one that matches"),
    ),
    responses(
        (status = 204, description = "Deleted; or none matches, then without ETag"),
        (status = 400, description = "No criteria, or no search of this type"),
        (status = 404, description = "The type is not in the closed set"),
        (status = 412, description = "More than one matches: nothing is deleted; or If-Match does not hold"),
        (status = 428, description = "If-Match is demanded by the configuration"),
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn delete_where(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Delete, |ask| async move {
        let criteria = ask.criteria(ask.kind(&path.1)?, &query)?;
        let precondition = ask.precondition()?;
        let written = ask.app.door.delete_where(&ask.call, &criteria, precondition).await?;
        match written {
            Some(written) => ask.wrote(written),
            None => Ok(fhir(StatusCode::NO_CONTENT, ask.version()).finish()),
        }
    })
    .await
}
