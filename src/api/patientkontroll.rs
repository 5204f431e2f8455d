//! `Patient/[id]/$riktlinjekontroll`: all that the riktlinje has to say of a patient's whole picture. It refuses nothing.

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::answer;
use super::negotiate::Ask;
use super::outcome;
use super::parameters::InParameter;
use super::reply::Reply;
use super::sent::Sent;
use crate::access::Interaction;
use crate::door::content::require_id_form;
use crate::door::kontroll::Kontrollfraga;
use crate::door::problem::Problem;

const IN: &[InParameter] = &[InParameter::text("enhet", &["valueString", "valueUri"])];

/// Checks the whole picture by the policy of a unit; without one, by that of the patient's unit.
#[utoipa::path(
    get,
    path = "/fhir/{version}/Patient/{id}/$riktlinjekontroll",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("id" = String, Path, description = "The patient's id"),
        ("enhet" = Option<String>, Query, description = "Organization/[id] or an HSA-id: the unit whose policy judges"),
    ),
    responses(
        (status = 200, description = "OperationOutcome: every finding, errors first; each names the resource it is about"),
        (status = 400, description = "An unknown unit or parameter"),
        (status = 404, description = "There is no such patient"),
        (status = 410, description = "The patient is deleted"),
    ),
)]
pub async fn patientkontroll(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Patientkontroll, |ask| async move {
        run(&ask, path.into_inner().1, query, Sent::Nothing).await
    })
    .await
}

/// The same, with the parameter in a Parameters resource.
#[utoipa::path(
    post,
    path = "/fhir/{version}/Patient/{id}/$riktlinjekontroll",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("id" = String, Path, description = "The patient's id"),
    ),
    request_body(
        content = Object,
        content_type = "application/fhir+json",
        description = "Parameters with enhet; or nothing",
    ),
    responses(
        (status = 200, description = "OperationOutcome: every finding, errors first; each names the resource it is about"),
        (status = 400, description = "Not Parameters, or an unknown unit or parameter"),
        (status = 404, description = "There is no such patient"),
        (status = 410, description = "The patient is deleted"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/fhir+json of this version"),
    ),
)]
pub async fn patientkontroll_by_post(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Patientkontroll, |ask| async move {
        run(&ask, path.into_inner().1, query, Sent::Body(payload)).await
    })
    .await
}

/// The operation itself, also for an entry of a batch.
pub async fn run(ask: &Ask, id: String, query: String, sent: Sent) -> Result<Reply, Problem> {
    require_id_form(&id)?;
    let given = ask.given(IN, query, sent).await?;
    let fraga = Kontrollfraga {
        patient: id.clone(),
        enhet: given.one("enhet")?.map(str::to_owned),
        version: ask.version(),
        own_bases: ask.own_bases(),
    };
    let kontroll = ask.app.door.kontrollera(&ask.call, fraga).await?;
    let outcome = outcome::of_kontroll(&kontroll, &id, ask.version(), ask.manner.language);
    Ok(ask.reply_value(&outcome))
}
