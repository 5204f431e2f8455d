//! PATCH `[base]/[type]/[id]` and `[base]/[type]?…` (http.html#patch): some changes of a resource, as JSON Patch, as
//! FHIRPath Patch or as JSON Merge Patch.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::answer;
use super::negotiate::{Ask, PatchFormat};
use super::reply::Reply;
use super::sent::Sent;
use crate::access::Interaction;
use crate::door::address::only;
use crate::door::content;
use crate::door::patch::{Meant, read_entry, read_fhirpath_patch, read_json_patch, read_merge_patch, read_plain_patch};
use crate::door::problem::Problem;
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::patch::Patch;
use crate::fhir::types::ResourceType;

/// Changes a resource as the caller sees it in the version of the address; the result is judged as any update.
#[utoipa::path(
    patch,
    path = "/fhir/{version}/{type}/{id}",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
        ("id" = String, Path, description = "The resource's id"),
        ("If-Match" = Option<String>, Header, description = "W/\"n\": only if n is the current version"),
        ("Prefer" = Option<String>, Header, description = "return=minimal | representation | OperationOutcome"),
    ),
    request_body(
        description = "A JSON Patch (RFC 6902), a Parameters resource (fhirpatch.html), or a JSON Merge Patch (RFC 7396)",
        content(
            (Object = "application/json-patch+json"),
            (Object = "application/fhir+json"),
            (Object = "application/merge-patch+json"),
        ),
    ),
    responses(
        (status = 200, description = "A new version is stored"),
        (status = 400, description = "No patch, or what it makes of the resource is not FHIR, or has another id"),
        (status = 404, description = "Never stored, or a type outside the closed set"),
        (status = 409, description = "Others change the resource all the time: try again"),
        (status = 410, description = "Deleted"),
        (status = 412, description = "If-Match does not hold"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "No kind of patch; Accept-Patch names them"),
        (status = 422, description = "The patch does not fit the resource (a test fails, an element is not there), or the riktlinje refuses the result"),
        (status = 428, description = "If-Match is demanded by the configuration"),
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn patch(
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Patch, |ask| async move {
        perform(&ask, &path.1, (&path.2, &query), Sent::Body(payload)).await
    })
    .await
}

/// Changes the one resource that meets the criteria.
#[utoipa::path(
    patch,
    path = "/fhir/{version}/{type}",
    tag = "type",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set; the query holds search criteria, identifier=…"),
        ("If-Match" = Option<String>, Header, description = "W/\"n\": only if n is the current version of the one that matches"),
        ("Prefer" = Option<String>, Header, description = "return=minimal | representation | OperationOutcome"),
    ),
    request_body(
        description = "A JSON Patch (RFC 6902), a Parameters resource (fhirpatch.html), or a JSON Merge Patch (RFC 7396)",
        content(
            (Object = "application/json-patch+json"),
            (Object = "application/fhir+json"),
            (Object = "application/merge-patch+json"),
        ),
    ),
    responses(
        (status = 200, description = "A new version is stored"),
        (status = 400, description = "No patch, no criteria, or what the patch makes of the resource is not FHIR"),
        (status = 404, description = "None matches, or the type is not in the closed set"),
        (status = 409, description = "Others change the resource all the time: try again"),
        (status = 412, description = "More than one matches, or If-Match does not hold"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "No kind of patch; Accept-Patch names them"),
        (status = 422, description = "The patch does not fit the resource, or the riktlinje refuses the result"),
        (status = 428, description = "If-Match is demanded by the configuration"),
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn patch_where(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Patch, |ask| async move {
        perform_where(&ask, &path.1, &query, Sent::Body(payload)).await
    })
    .await
}

/// The interaction itself, also for an entry of a batch; `query` is that of the address.
pub async fn perform(ask: &Ask, kind: &str, (id, query): (&str, &str), sent: Sent) -> Result<Reply, Problem> {
    let kind = ask.kind(kind)?;
    only(query, &[])?;
    run(ask, kind, Meant::Id(kind, id), sent).await
}

/// The conditional interaction, also for an entry of a batch.
pub async fn perform_where(ask: &Ask, kind: &str, query: &str, sent: Sent) -> Result<Reply, Problem> {
    let kind = ask.kind(kind)?;
    let criteria = ask.criteria(kind, query)?;
    run(ask, kind, Meant::Where(&criteria), sent).await
}

async fn run(ask: &Ask, kind: ResourceType, meant: Meant<'_>, sent: Sent) -> Result<Reply, Problem> {
    let precondition = ask.precondition()?;
    let patch = Arc::new(ask.patch(kind, sent).await?);
    let door = &ask.app.door;
    let written = door
        .patch(&ask.call, ask.version(), meant, patch, precondition, &ask.own_bases())
        .await?;
    ask.wrote(written)
}

impl Ask {
    /// Reads what was sent as a patch of a resource of this type.
    async fn patch(&self, kind: ResourceType, sent: Sent) -> Result<Patch, Problem> {
        let (version, limits) = (self.version(), self.app.door.limits);
        match sent {
            Sent::Nothing => Err(Problem::fault(
                IssueCode::Required,
                "",
                Text::new("Det saknas en patch.", "There is no patch."),
            )),
            Sent::Body(payload) => {
                let format = self.patch_format()?;
                let bytes = self.body(payload).await?;
                self.computing(bytes.len(), move || match format {
                    PatchFormat::Json => read_json_patch(&bytes, &limits),
                    PatchFormat::FhirPath => read_fhirpath_patch(version, kind, &content::read_json(&bytes, &limits)?),
                    PatchFormat::Merge => read_merge_patch(&bytes, &limits),
                    PatchFormat::Plain => read_plain_patch(version, kind, &bytes, &limits),
                })
                .await
            }
            Sent::Entry(resource) => {
                self.computing(usize::MAX, move || read_entry(version, kind, &resource, &limits))
                    .await
            }
        }
    }
}
