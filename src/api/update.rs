//! PUT `[base]/[type]/[id]`: a new version, or a new resource under the caller's id (http.html#update, #upsert).

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::answer;
use super::negotiate::Ask;
use super::reply::Reply;
use super::sent::Sent;
use crate::access::Interaction;
use crate::door::content::{require_id_form, require_same_id};
use crate::door::problem::Problem;
use crate::door::{Action, Order};

/// Replaces a resource, or creates it when the id is new: journal systems own their ids.
#[utoipa::path(
    put,
    path = "/fhir/{version}/{type}/{id}",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
        ("id" = String, Path, description = "1 to 64 of A–Z a–z 0–9 - ."),
        ("If-Match" = Option<String>, Header, description = "W/\"n\": only if n is the current version"),
        ("If-None-Match" = Option<String>, Header, description = "*: only if there is none yet"),
        ("Prefer" = Option<String>, Header, description = "return=minimal | representation | OperationOutcome"),
    ),
    request_body(content = Object, content_type = "application/fhir+json"),
    responses(
        (status = 200, description = "A new version is stored"),
        (status = 201, description = "Stored under a new (or deleted) id"),
        (status = 400, description = "Not FHIR, or the body's id is not the address's"),
        (status = 404, description = "The type is not in the closed set"),
        (status = 412, description = "If-Match or If-None-Match does not hold"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/fhir+json of this version"),
        (status = 422, description = "The riktlinje refuses it: OperationOutcome with every finding"),
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn update(
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    answer(request, Interaction::Update, |ask| async move {
        perform(&ask, &path.1, &path.2, Sent::Body(payload)).await
    })
    .await
}

/// The interaction itself, also for an entry of a batch.
pub async fn perform(ask: &Ask, kind: &str, id: &str, sent: Sent) -> Result<Reply, Problem> {
    let kind = ask.kind(kind)?;
    require_id_form(id)?;
    let precondition = ask.precondition()?;
    let content = ask.content(kind, sent).await?;
    require_same_id(kind, content.id(), id)?;
    let prepared = content.prepare(id)?;
    ask.write_one(Order {
        action: Action::Update { prepared, precondition },
        entry: None,
    })
    .await
}
