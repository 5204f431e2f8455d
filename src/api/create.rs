//! POST `[base]/[type]`: a new resource under an id that the server gives (http.html#create), with `If-None-Exist` only
//! when nothing matches the criteria (http.html#ccreate). Criteria in the address mean the same: fhirpy sends them there.

use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

use super::answer::answer;
use super::negotiate::Ask;
use super::reply::Reply;
use super::sent::Sent;
use crate::access::Interaction;
use crate::door::Action;
use crate::door::problem::Problem;

/// Registers a resource. An id in the body is ignored, as the specification says.
#[utoipa::path(
    post,
    path = "/fhir/{version}/{type}",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set, e.g. CareTeam"),
        ("If-None-Exist" = Option<String>, Header, description = "Search criteria, identifier=…: only if nothing matches"),
        ("Prefer" = Option<String>, Header, description = "return=minimal | representation | OperationOutcome"),
    ),
    request_body(content = Object, content_type = "application/fhir+json"),
    responses(
        (status = 200, description = "If-None-Exist: the one that matches, untouched"),
        (status = 201, description = "Stored; Location, ETag, Last-Modified, and X-Riktlinje when the riktlinje has something to say"),
        (status = 400, description = "Not FHIR: OperationOutcome with an issue per fault; or If-None-Exist is no search, or there is an If-Match or If-None-Match"),
        (status = 404, description = "The type is not in the closed set"),
        (status = 409, description = "Others write under the same criteria all the time: try again"),
        (status = 412, description = "If-None-Exist: more than one matches"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/fhir+json of this version"),
        (status = 422, description = "The riktlinje refuses it: OperationOutcome with every finding; or it holds a modifierExtension or implicitRules, none of which are known here"),
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn create(request: HttpRequest, path: web::Path<(String, String)>, payload: web::Payload) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Create, |mut ask| async move {
        // Some clients write the criteria into the address; to ignore them would make a duplicate.
        ask.add_if_none_exist(&query);
        perform(&ask, &path.1, Sent::Body(payload)).await
    })
    .await
}

/// The interaction itself, also for an entry of a batch.
pub async fn perform(ask: &Ask, kind: &str, sent: Sent) -> Result<Reply, Problem> {
    let kind = ask.kind(kind)?;
    ask.no_precondition()?;
    let criteria = ask.if_none_exist(kind)?;
    let content = ask.content(kind, sent).await?;
    if let Some(criteria) = criteria {
        let written = ask.app.door.create_unless(&ask.call, &criteria, &content).await?;
        return ask.wrote(written);
    }
    let prepared = content.prepare(&Uuid::now_v7().to_string())?;
    ask.write_one(Action::Create(prepared)).await
}
