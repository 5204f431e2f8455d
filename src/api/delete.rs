//! DELETE `[base]/[type]/[id]`: a logical end; every version stays (http.html#delete; PDL 3:17: nothing obliterated).

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::answer;
use super::negotiate::Ask;
use super::reply::Reply;
use crate::access::Interaction;
use crate::door::problem::Problem;
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
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn delete(request: HttpRequest, path: web::Path<(String, String, String)>) -> HttpResponse {
    answer(request, Interaction::Delete, |ask| async move {
        perform(&ask, &path.1, &path.2).await
    })
    .await
}

/// The interaction itself, also for an entry of a batch.
pub async fn perform(ask: &Ask, kind: &str, id: &str) -> Result<Reply, Problem> {
    let action = Action::Delete {
        kind: ask.kind(kind)?,
        id: id.to_owned(),
        precondition: ask.precondition()?,
    };
    ask.write_one(Order { action, entry: None }).await
}
