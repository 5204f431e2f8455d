//! DELETE `[base]/[type]/[id]`: a logical end; every version stays (http.html#delete; PDL 3:17: nothing obliterated). And
//! DELETE `[base]/[type]?…`, where search criteria tell which resource is meant (http.html#cdelete).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::answer;
use super::negotiate::Ask;
use super::reply::Reply;
use crate::access::Interaction;
use crate::door::Action;
use crate::door::address::only;
use crate::door::problem::Problem;

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
    let query = request.query_string().to_owned();
    answer(request, Interaction::Delete, |ask| async move {
        perform(&ask, &path.1, &path.2, &query).await
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
        perform_where(&ask, &path.1, &query).await
    })
    .await
}

/// The interaction itself, also for an entry of a batch; `query` is that of the address.
pub async fn perform(ask: &Ask, kind: &str, id: &str, query: &str) -> Result<Reply, Problem> {
    let kind = ask.kind(kind)?;
    only(query, &[])?;
    let action = Action::Delete {
        kind,
        id: id.to_owned(),
        precondition: ask.precondition()?,
    };
    ask.write_one(action).await
}

/// The conditional interaction, also for an entry of a batch.
pub async fn perform_where(ask: &Ask, kind: &str, query: &str) -> Result<Reply, Problem> {
    let criteria = ask.criteria(ask.kind(kind)?, query)?;
    let precondition = ask.precondition()?;
    match ask.app.door.delete_where(&ask.call, &criteria, precondition).await? {
        Some(written) => ask.wrote(written),
        None => Ok(ask.reply(StatusCode::NO_CONTENT)),
    }
}
