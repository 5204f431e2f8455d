//! PUT `[base]/[type]/[id]`: a new version, or a new resource under the caller's id (http.html#update, #upsert); and PUT
//! `[base]/[type]?…`, where search criteria tell which resource is meant (http.html#cond-update).

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::answer;
use super::negotiate::Ask;
use super::reply::Reply;
use super::sent::Sent;
use crate::access::Interaction;
use crate::door::Action;
use crate::door::address::only;
use crate::door::content::{require_id_form, require_same_id};
use crate::door::problem::Problem;

/// Replaces the one resource that meets the criteria, or creates it when none does.
#[utoipa::path(
    put,
    path = "/fhir/{version}/{type}",
    tag = "type",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set; the query holds search criteria, identifier=…"),
        ("If-Match" = Option<String>, Header, description = "W/\"n\": only if n is the current version of the one that matches"),
        ("If-None-Match" = Option<String>, Header, description = "*: only if none matches"),
        ("Prefer" = Option<String>, Header, description = "return=minimal | representation | OperationOutcome"),
    ),
    request_body(content = Object, content_type = "application/fhir+json"),
    responses(
        (status = 200, description = "One matches: a new version of it is stored"),
        (status = 201, description = "None matches: stored under the body's id, or the server's"),
        (status = 400, description = "Not FHIR, no criteria, or the body's id is not that of the one that matches"),
        (status = 404, description = "The type is not in the closed set"),
        (status = 409, description = "None matches, and the body's id belongs to another"),
        (status = 412, description = "More than one matches, or If-Match or If-None-Match does not hold"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/fhir+json of this version"),
        (status = 422, description = "The riktlinje refuses it: OperationOutcome with every finding; or it holds a modifierExtension or implicitRules, none of which are known here"),
        (status = 428, description = "If-Match is demanded by the configuration"),
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn update_where(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Update, |ask| async move {
        perform_where(&ask, &path.1, &query, Sent::Body(payload)).await
    })
    .await
}

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
        (status = 422, description = "The riktlinje refuses it: OperationOutcome with every finding; or it holds a modifierExtension or implicitRules, none of which are known here"),
        (status = 428, description = "If-Match is demanded by the configuration"),
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn update(
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Update, |ask| async move {
        perform(&ask, &path.1, (&path.2, &query), Sent::Body(payload)).await
    })
    .await
}

/// The interaction itself, also for an entry of a batch; `query` is that of the address.
pub async fn perform(ask: &Ask, kind: &str, (id, query): (&str, &str), sent: Sent) -> Result<Reply, Problem> {
    let kind = ask.kind(kind)?;
    only(query, &[])?;
    require_id_form(id)?;
    let precondition = ask.precondition()?;
    let content = ask.content(kind, sent).await?;
    require_same_id(kind, content.id(), id)?;
    let prepared = content.prepare(id)?;
    ask.write_one(Action::Update { prepared, precondition }).await
}

/// The conditional interaction, also for an entry of a batch.
pub async fn perform_where(ask: &Ask, kind: &str, query: &str, sent: Sent) -> Result<Reply, Problem> {
    let kind = ask.kind(kind)?;
    let criteria = ask.criteria(kind, query)?;
    let precondition = ask.precondition()?;
    let content = ask.content(kind, sent).await?;
    let door = &ask.app.door;
    let written = door.update_where(&ask.call, &criteria, &content, precondition).await?;
    ask.wrote(written)
}
