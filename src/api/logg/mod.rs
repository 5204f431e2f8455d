//! The access log over HTTP: `AuditEvent`, read and searched, and the patient's extract (`Patient/[id]/$loggutdrag`). The
//! service writes it; nobody else does. The rows have no version of FHIR: both are made of them (auditevent.rs).

mod auditevent;
mod sok;
pub mod utdrag;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::answer::answer;
use super::bundle_text::BundleText;
use super::negotiate::Ask;
use super::reply::Reply;
use super::search::{Links, Pairs, address, ignored_parameters, in_address, opened, told, with_form};
use crate::access::Interaction;
use crate::door::content::require_id_form;
use crate::door::problem::Problem;
use crate::door::version_number;
use crate::fhir::subset::{Role, Subset};
use crate::fhir::version::FhirVersion;
use crate::store::Recorded;
use auditevent::{For, audit_event};
use sok::Sok;

/// The name of the type, in addresses.
pub const AUDIT_EVENT: &str = "AuditEvent";

/// One record of the access log.
#[utoipa::path(
    get,
    path = "/fhir/{version}/AuditEvent/{id}",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("id" = String, Path, description = "The record's number"),
    ),
    responses(
        (status = 200, description = "The AuditEvent"),
        (status = 403, description = "The caller may not read the log"),
        (status = 404, description = "There is no such record"),
    ),
)]
pub async fn read(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Read, |ask| async move {
        one(&ask, &path.into_inner().1, &query).await
    })
    .await
}

/// The read itself, also for an entry of a batch.
pub async fn one(ask: &Ask, id: &str, query: &str) -> Result<Reply, Problem> {
    let subset = ask.part(query, AUDIT_EVENT)?;
    let seq = version_number(id).ok_or(Problem::NotFound)?;
    let rad = ask.app.door.logg_rad(&ask.call, seq).await?;
    let event = audit_event(ask.version(), &rad, For::Reviewer);
    let mut reply = ask.reply_value(&subset.of(ask.version(), Role::Match, event));
    reply.address = Some(format!("{}/{AUDIT_EVENT}/{id}", ask.base));
    reply.last_modified = Some(rad.at);
    Ok(reply)
}

/// Searches the access log, newest first.
#[utoipa::path(
    get,
    path = "/fhir/{version}/AuditEvent",
    tag = "type",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("patient" = Option<String>, Query, description = "Patient/[id]: whose record was seen or changed"),
        ("agent" = Option<String>, Query, description = "Who did it: a reference; agent:identifier an HSA-id, also of the unit or its vårdgivare"),
        ("date" = Option<String>, Query, description = "When, with prefixes"),
        ("entity" = Option<String>, Query, description = "What was seen or changed: Type/[id]"),
        ("action" = Option<String>, Query, description = "C, R, U, D or E"),
        ("outcome" = Option<String>, Query, description = "How it ended"),
        ("_summary" = Option<String>, Query, description = "true, text, data, count or false; a part is tagged SUBSETTED"),
        ("_elements" = Option<String>, Query, description = "The elements that are wanted, separated by commas"),
        ("_total" = Option<String>, Query, description = "none, estimate or accurate"),
        ("_count" = Option<u32>, Query, description = "Entries per page, at most 1000"),
    ),
    responses(
        (status = 200, description = "A Bundle of type searchset; a page may hold fewer than _count and still have a next"),
        (status = 400, description = "An unknown parameter or modifier, or a bad value"),
        (status = 403, description = "The caller may not read the log"),
    ),
)]
pub async fn search(request: HttpRequest) -> HttpResponse {
    let pairs = in_address(&request);
    answer(request, Interaction::Search, |ask| async move {
        respond_to(&ask, None, pairs).await
    })
    .await
}

/// A GET of the log, or of what of it tells of one patient: its parameters as they stand, or in a sealed link.
pub async fn respond_to(ask: &Ask, patient: Option<&str>, pairs: Pairs) -> Result<Reply, Problem> {
    let (pairs, links) = opened(ask, pairs)?;
    respond(ask, patient, pairs, links).await
}

/// The same with the parameters in the body.
#[utoipa::path(
    post,
    path = "/fhir/{version}/AuditEvent/_search",
    tag = "type",
    params(("version" = String, Path, description = "r4 or r5")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A Bundle of type searchset, as by GET; its links show nothing of the search"),
        (status = 400, description = "An unknown parameter or modifier, or a bad value"),
        (status = 403, description = "The caller may not read the log"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/x-www-form-urlencoded"),
    ),
)]
pub async fn search_by_post(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let in_address = in_address(&request);
    answer(request, Interaction::Search, |ask| async move {
        let pairs = with_form(&ask, in_address, payload).await?;
        respond(&ask, None, pairs, Links::Sealed).await
    })
    .await
}

/// The search itself, also for an entry of a batch; of the log, or of what of it lies in a patient's compartment
/// (compartmentdefinition-patient.html: `AuditEvent.patient`).
pub async fn respond(ask: &Ask, patient: Option<&str>, pairs: Pairs, links: Links) -> Result<Reply, Problem> {
    if let Some(id) = patient {
        require_id_form(id).map_err(|_| Problem::UnknownAddress)?;
    }
    let now = ask.app.door.clock.now().as_microsecond();
    let sok = Sok::read(ask.version(), patient, pairs, &ask.own_bases(), now, ask.lenient)
        .map_err(|error| Problem::NotFhir(vec![error.fault()]))?;
    let (used, ignored, fingerprint) = (sok.used.clone(), sok.ignored.clone(), sok.fingerprint);
    let subset = sok.subset.clone();
    let here = sok.page.clone();
    let sida = ask.app.door.logg(&ask.call, sok.fraga()).await?;
    let base = match patient {
        None => format!("{}/{AUDIT_EVENT}", ask.base),
        Some(id) => format!("{}/Patient/{id}/{AUDIT_EVENT}", ask.base),
    };
    let link = |page: Option<String>| {
        let page = page.map(|page| ("_page".to_owned(), page));
        let pairs: Pairs = used.iter().cloned().chain(page).collect();
        address(ask, &base, &pairs, links)
    };
    let mut all = vec![("self", link(here.clone())?)];
    if here.is_some() || sida.next.is_some() {
        all.push(("first", link(None)?));
    }
    if let Some(next) = sida.next {
        all.push(("next", link(Some(sok::token(fingerprint, next)))?));
    }
    let mut bundle = BundleText::new("searchset", sida.total, &all);
    for rad in &sida.rader {
        entry(&mut bundle, ask, rad, (For::Reviewer, &subset));
    }
    if !ignored.is_empty() {
        told(&mut bundle, &ignored_parameters(&ignored, ask.manner.language));
    }
    Ok(ask.bundle(bundle.finish()))
}

fn entry(bundle: &mut BundleText, ask: &Ask, rad: &Recorded, (reader, subset): (For<'_>, &Subset)) {
    let event = audit_event(ask.version(), rad, reader);
    let event = subset.of(ask.version(), Role::Match, event).to_string();
    let full_url = format!("{}/{AUDIT_EVENT}/{}", ask.base, rad.seq);
    bundle.entry(Some(&full_url), Some(&event), &[("search", r#"{"mode":"match"}"#)]);
}

/// The CapabilityStatement's entry.
pub fn capability(version: FhirVersion) -> Value {
    let search: Vec<Value> = sok::parameters(version)
        .map(|parameter| {
            json!({
                "name": parameter.name,
                "definition": parameter.definition(version),
                "type": parameter.kind,
            })
        })
        .collect();
    let mut capability = json!({
        "type": AUDIT_EVENT,
        "documentation": "Åtkomstloggen: skrivs av tjänsten, läses av den som granskar. The access log: written by the service, read by those who review it.",
        "interaction": [{ "code": Interaction::Read.code() }, { "code": Interaction::Search.code() }],
        "versioning": "no-version",
        "readHistory": false,
        "updateCreate": false,
        "conditionalCreate": false,
        "conditionalRead": "not-supported",
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "searchParam": search,
    });
    if version == FhirVersion::R5 {
        capability["conditionalPatch"] = json!(false);
    }
    capability
}
