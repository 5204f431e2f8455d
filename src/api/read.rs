//! GET `[base]/[type]/[id]` and `…/_history/[vid]` (http.html#read, #vread).

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::answer;
use super::negotiate::Ask;
use super::reply::Reply;
use crate::access::Interaction;
use crate::door::problem::Problem;
use crate::door::version_number;

/// The current version of a resource.
#[utoipa::path(
    get,
    path = "/fhir/{version}/{type}/{id}",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
        ("id" = String, Path, description = "The resource's id"),
        ("_summary" = Option<String>, Query, description = "true, text, data or false: a part of the resource, tagged SUBSETTED"),
        ("_elements" = Option<String>, Query, description = "The elements that are wanted, separated by commas"),
        ("If-None-Match" = Option<String>, Header, description = "W/\"n\": 304 if n is the current version"),
    ),
    responses(
        (status = 200, description = "The resource; ETag and Last-Modified"),
        (status = 304, description = "The caller has this version already"),
        (status = 400, description = "An unknown value of _summary or _elements"),
        (status = 404, description = "Never stored, or a type outside the closed set"),
        (status = 410, description = "Deleted"),
    ),
)]
pub async fn read(request: HttpRequest, path: web::Path<(String, String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Read, |ask| async move {
        let (_, kind, id) = path.into_inner();
        current(&ask, &kind, id, &query).await
    })
    .await
}

/// The interaction read itself, also for an entry of a batch; `query` is that of the address.
pub async fn current(ask: &Ask, kind: &str, id: String, query: &str) -> Result<Reply, Problem> {
    let kind = ask.kind(kind)?;
    let subset = ask.part(query, kind.name())?;
    let stored = ask.app.door.read(&ask.call, kind, id).await?;
    ask.disclose(stored, &subset)
}

/// One version of a resource, also one that is no longer current.
#[utoipa::path(
    get,
    path = "/fhir/{version}/{type}/{id}/_history/{vid}",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
        ("id" = String, Path, description = "The resource's id"),
        ("vid" = String, Path, description = "The version: 1, 2, 3 …"),
        ("_summary" = Option<String>, Query, description = "true, text, data or false: a part of the resource, tagged SUBSETTED"),
        ("_elements" = Option<String>, Query, description = "The elements that are wanted, separated by commas"),
    ),
    responses(
        (status = 200, description = "That version"),
        (status = 304, description = "The caller has this version already"),
        (status = 400, description = "An unknown value of _summary or _elements"),
        (status = 404, description = "No such version"),
        (status = 410, description = "That version says the resource was deleted"),
    ),
)]
pub async fn vread(request: HttpRequest, path: web::Path<(String, String, String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Vread, |ask| async move {
        let (_, kind, id, version) = path.into_inner();
        version_of(&ask, &kind, id, &version, &query).await
    })
    .await
}

/// The interaction vread itself, also for an entry of a batch; `query` is that of the address.
pub async fn version_of(ask: &Ask, kind: &str, id: String, version: &str, query: &str) -> Result<Reply, Problem> {
    let kind = ask.kind(kind)?;
    let subset = ask.part(query, kind.name())?;
    let version = version_number(version).ok_or(Problem::NotFound)?;
    let stored = ask.app.door.vread(&ask.call, kind, id, version).await?;
    ask.disclose(stored, &subset)
}
