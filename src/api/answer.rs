//! From what the door says to an HTTP response. Every handler of the FHIR addresses runs inside [`answer`]: there the
//! request is negotiated, measured and logged, a panic is caught, and every problem becomes an OperationOutcome.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::rt::time::timeout;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use serde_json::Value;

use super::app::App;
use super::logg::AUDIT_EVENT;
use super::negotiate::{Ask, Language, Manner, PATCHES, names_version, request_id};
use super::outcome;
use super::prefer::Return;
use super::reply::{Body, Reply};
use crate::access::{Call, Interaction};
use crate::door::address::only;
use crate::door::content;
use crate::door::problem::Problem;
use crate::door::{Action, Outcome, Written};
use crate::fhir::convert::r5_to_r4;
use crate::fhir::json::reread;
use crate::fhir::search::Scope;
use crate::fhir::search::parse::subset::take;
use crate::fhir::subset::{Role, Subset};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::store::Stored;

/// Tells which kinds of patch are taken (RFC 5789, 3.1).
const ACCEPT_PATCH: &str = "Accept-Patch";
const PATCH_TYPES: &str = "application/json-patch+json, application/fhir+json, application/merge-patch+json";

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The header that names the request, in the answer and in the log.
const REQUEST_ID: &str = "x-request-id";

/// Runs one FHIR interaction.
pub async fn answer<F, Fut, R>(request: HttpRequest, interaction: Interaction, handler: F) -> HttpResponse
where
    F: FnOnce(Ask) -> Fut,
    Fut: Future<Output = Result<R, Problem>>,
    R: Into<HttpResponse>,
{
    let started = Instant::now();
    let manner = Manner::of(&request);
    let asked = Ask::new(&request, interaction).and_then(|ask| {
        ask.app.limits.admit(&ask.call.caller, request.peer_addr())?;
        Ok(ask)
    });
    let id = asked
        .as_ref()
        .map_or_else(|_| request_id(&request), |ask| ask.call.request_id.clone());
    let result = match asked {
        Ok(ask) => {
            // `/fhir/[version]/[type]/[id]…`
            ask.asks_about(request.path().split('/').skip(3));
            let (app, call) = (ask.app.clone(), ask.call.clone());
            let result = AssertUnwindSafe(handler(ask))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| {
                    Err(Problem::Internal {
                        reason: "a handler panicked".to_owned(),
                    })
                })
                .map(R::into);
            logged(&app, &call, result).await
        }
        Err(problem) => Err(problem),
    };
    let mut response = result.unwrap_or_else(|problem| refuse(&problem, manner, &id));
    if let Ok(value) = header::HeaderValue::from_str(&id) {
        response
            .headers_mut()
            .insert(header::HeaderName::from_static(REQUEST_ID), value);
    }
    let interaction = carried_out(&response).unwrap_or(interaction);
    if let Some(app) = request.app_data::<web::Data<App>>() {
        app.metrics
            .observe(interaction.code(), response.status().as_u16(), started.elapsed());
    }
    tracing::info!(
        request_id = %id,
        interaction = interaction.code(),
        fhir = manner.version.name(),
        status = response.status().as_u16(),
        micros = started.elapsed().as_micros() as u64,
        "answered"
    );
    response
}

/// The interaction that a request turned out to be, when its address does not tell.
fn carried_out(response: &HttpResponse) -> Option<Interaction> {
    response.extensions().get::<Interaction>().copied()
}

/// The answer, once the access log has its record; without one nothing is answered.
async fn logged(app: &App, call: &Call, result: Result<HttpResponse, Problem>) -> Result<HttpResponse, Problem> {
    let interaction = result.as_ref().ok().and_then(carried_out).unwrap_or(call.interaction);
    let how = result.as_ref().map(|_| ());
    app.door.log(call, interaction, how).await?;
    result
}

/// How to show who calls (RFC 6750, 3).
const CHALLENGE: &str = "Bearer realm=\"fastkontakt\"";
const CHALLENGE_SCOPE: &str = "Bearer realm=\"fastkontakt\", error=\"insufficient_scope\"";
pub const CHALLENGE_TOKEN: &str = "Bearer realm=\"fastkontakt\", error=\"invalid_token\"";

/// The response that tells a problem.
pub fn refuse(problem: &Problem, manner: Manner, request_id: &str) -> HttpResponse {
    let (status, outcome) = told(problem, manner.language, request_id);
    let mut response = fhir(status, manner.version);
    response.insert_header((REQUEST_ID, request_id));
    match problem {
        Problem::NotLogged | Problem::Busy | Problem::Deadlock | Problem::Race => {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        Problem::TooMany { seconds } => {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        Problem::Unauthorized => {
            response.insert_header((header::WWW_AUTHENTICATE, CHALLENGE));
        }
        Problem::Forbidden => {
            response.insert_header((header::WWW_AUTHENTICATE, CHALLENGE_SCOPE));
        }
        Problem::MethodNotAllowed { allow } => {
            response.insert_header((header::ALLOW, *allow));
        }
        Problem::UnsupportedMediaType { wanted } if *wanted == PATCHES => {
            response.insert_header((ACCEPT_PATCH, PATCH_TYPES));
        }
        Problem::TooSlow => {
            // The rest of the body, should it still come, is no new request.
            response.insert_header((header::CONNECTION, "close"));
        }
        Problem::Deleted { version } => {
            response.insert_header((header::ETAG, etag(*version)));
        }
        _ => {}
    }
    response.body(text_of(&outcome, manner.pretty))
}

/// Status and OperationOutcome of a problem. A fault of ours goes to the log.
pub fn told(problem: &Problem, language: Language, request_id: &str) -> (StatusCode, Value) {
    if let Problem::Internal { reason } = problem {
        tracing::error!(request_id, reason, "internal fault");
    }
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, outcome::of_problem(problem, language, request_id))
}

/// A response builder with the FHIR content type of the version; the encoding must stand in it (http.html#mime-type).
pub fn fhir(status: StatusCode, version: FhirVersion) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.content_type(match version {
        FhirVersion::R4 => "application/fhir+json; fhirVersion=4.0; charset=utf-8",
        FhirVersion::R5 => "application/fhir+json; fhirVersion=5.0; charset=utf-8",
    });
    response
}

/// A JSON value as response text.
pub fn text_of(value: &Value, pretty: bool) -> String {
    if pretty {
        format!("{value:#}")
    } else {
        value.to_string()
    }
}

/// A stored R5 text as the caller wants it: untouched for R5, converted for R4.
pub fn resource_text(stored: String, manner: Manner) -> Result<String, Problem> {
    shown(stored, manner, None)
}

/// The same of a resource of which only a part may be wanted.
pub fn part_text(stored: Stored, manner: Manner, subset: &Subset, role: Role) -> Result<String, Problem> {
    let touched = subset.touches(stored.kind.name(), role);
    shown(stored.body, manner, touched.then_some((subset, role)))
}

fn shown(stored: String, manner: Manner, part: Option<(&Subset, Role)>) -> Result<String, Problem> {
    if manner.version == FhirVersion::R5 && !manner.pretty && part.is_none() {
        return Ok(stored);
    }
    let resource = reread(&stored).map_err(|_| Problem::Internal {
        reason: "a stored resource is not JSON".to_owned(),
    })?;
    let resource = match manner.version {
        FhirVersion::R5 => resource,
        FhirVersion::R4 => r5_to_r4(&resource).resource,
    };
    let resource = match part {
        Some((subset, role)) => subset.of(manner.version, role, resource),
        None => resource,
    };
    Ok(text_of(&resource, manner.pretty))
}

pub fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// An HTTP date: whole seconds, GMT.
pub fn http_date(at: Timestamp) -> header::HttpDate {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    (std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).into()
}

impl Ask {
    /// The whole body, at most as large as configured.
    pub async fn body(&self, payload: web::Payload) -> Result<Bytes, Problem> {
        let limit = self.app.door.limits.bytes;
        self.require_plain_body()?;
        if self.announced_length().is_some_and(|length| length > limit) {
            return Err(Problem::BodyTooLarge { limit });
        }
        timeout(BODY_TIME, self.collect(payload, limit))
            .await
            .map_err(|_| Problem::TooSlow)?
    }

    /// The body's bytes, each of which takes its room among those of all requests before it is kept.
    async fn collect(&self, mut payload: web::Payload, limit: usize) -> Result<Bytes, Problem> {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk
                .map_err(|_| Problem::bad_request("Innehållet kunde inte läsas.", "The body could not be read."))?;
            if body.len() + chunk.len() > limit {
                return Err(Problem::BodyTooLarge { limit });
            }
            self.room.grow(&self.app.limits, body.len() + chunk.len())?;
            body.extend_from_slice(&chunk);
        }
        self.room.read(&self.app.limits, &body, limit)?;
        Ok(body.freeze())
    }

    /// Runs parsing and checking of a body of this size.
    pub async fn computing<T, F>(&self, size: usize, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Problem> + Send + 'static,
    {
        content::computing(size, work).await
    }

    /// Hands one order to the door and answers with what became of it.
    pub async fn write_one(&self, action: Action) -> Result<Reply, Problem> {
        let written = self.app.door.write_one(&self.call, Vec::new(), action).await?;
        self.wrote(written)
    }

    /// The answer to a read of a stored version, whole or in part; 304 when the caller has it already.
    pub fn disclose(&self, stored: Stored, subset: &Subset) -> Result<Reply, Problem> {
        let address = format!("{}/{}/{}", self.base, stored.kind, stored.id);
        let (version, last_modified) = (Some(stored.version), Some(stored.last_updated));
        let already = self.has_already(stored.version, stored.last_updated);
        let (status, body) = if already {
            (StatusCode::NOT_MODIFIED, Body::Nothing)
        } else {
            let text = part_text(stored, self.manner, subset, Role::Match)?;
            (StatusCode::OK, Body::Resource(text))
        };
        Ok(Reply {
            address: Some(address),
            version,
            last_modified,
            body,
            ..self.reply(status)
        })
    }

    /// How much of the one resource that the address names it asks for; nothing else may stand in it.
    pub fn part(&self, query: &str, kind: &str) -> Result<Subset, Problem> {
        only(query, &["_summary", "_elements"])?;
        self.subset(query, &[kind])
    }

    /// How much of each resource the address asks for, on other interactions than search: `kinds` are the names of the types it is about.
    pub fn subset(&self, query: &str, kinds: &[&str]) -> Result<Subset, Problem> {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let pairs = pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        subset_of(self.version(), pairs, kinds)
    }

    /// The answer to a write, as `Prefer: return` wants it; a representation unless something else was asked for.
    pub fn wrote(&self, written: Written) -> Result<Reply, Problem> {
        let status = match written.outcome {
            Outcome::Created => StatusCode::CREATED,
            Outcome::Updated | Outcome::AlreadyThere => StatusCode::OK,
            Outcome::Deleted | Outcome::AlreadyDeleted => StatusCode::NO_CONTENT,
        };
        let mut reply = self.reply(status);
        reply.address = Some(format!("{}/{}/{}", self.base, written.kind, written.id));
        reply.version = Some(written.version);
        if status == StatusCode::NO_CONTENT {
            // What a delete brings about is told in the header: there is no body.
            reply.findings = written.findings;
            return Ok(reply);
        }
        reply.last_modified = Some(written.last_updated);
        reply.location = Some(format!("{}/{}", self.base, versioned(&written)));
        reply.body = match self.prefer_return {
            Return::Minimal => Body::Nothing,
            Return::OperationOutcome => {
                let outcome = outcome::of_findings(&written.findings, self.manner.language);
                Body::Outcome(text_of(&outcome, self.manner.pretty))
            }
            Return::Default | Return::Representation => Body::Resource(resource_text(written.body, self.manner)?),
        };
        reply.findings = written.findings;
        Ok(reply)
    }
}

/// What `_summary` and `_elements` among these pairs of name and value ask for.
pub fn subset_of<'p>(
    version: FhirVersion,
    pairs: impl IntoIterator<Item = (&'p str, &'p str)>,
    kinds: &[&str],
) -> Result<Subset, Problem> {
    let mut subset = Subset::default();
    for (name, value) in pairs {
        if matches!(name, "_summary" | "_elements") && !value.is_empty() {
            take(&mut subset, (name, value), version, kinds).map_err(|error| Problem::NotFhir(vec![error.fault()]))?;
        }
    }
    Ok(subset)
}

/// `CareTeam/…/_history/1`, relative to the base.
pub fn versioned(written: &Written) -> String {
    format!("{}/{}/_history/{}", written.kind, written.id, written.version)
}

/// Any address that is not ours.
pub async fn unknown_address(request: HttpRequest) -> HttpResponse {
    refuse(&Problem::UnknownAddress, Manner::of(&request), &request_id(&request))
}

/// The headers by which an answer is chosen, and those that CORS looks at.
const VARY: &str = "Accept, Accept-Encoding, Accept-Language";
const VARY_CORS: &str =
    "Accept, Accept-Encoding, Accept-Language, Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// What holds for all answers, whichever layer gives them. A refusal without a body of ours is told as any other problem; each
/// answer names its request and says what it hangs on (RFC 9110, 12.5.5); and none about patients is kept by a browser or a
/// proxy (RFC 9111, 5.2.2.5): one that is shown again without asking would be in no log, and may be another user's.
pub async fn every_answer<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let response = next.call(request).await?;
    let mut response = match bare_refusal(&response) {
        None => response.map_into_left_body(),
        Some(problem) => {
            let asked = response.request();
            let mut told = refuse(&problem, Manner::of(asked), &request_id(asked));
            let of_cors = |name: &header::HeaderName| name.as_str().starts_with("access-control-");
            for (name, value) in response.headers().iter().filter(|(name, _)| of_cors(name)) {
                told.headers_mut().append(name.clone(), value.clone());
            }
            response.into_response(told).map_into_right_body()
        }
    };
    let asked = response.request();
    let by_origin = asked.app_data::<web::Data<App>>().is_some_and(|app| app.cors);
    let vary = if by_origin { VARY_CORS } else { VARY };
    let is_fhir = asked.path().starts_with("/fhir/");
    let id = (!response.headers().contains_key(REQUEST_ID)).then(|| request_id(asked));
    let headers = response.headers_mut();
    headers.insert(header::VARY, header::HeaderValue::from_static(vary));
    if is_fhir && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    }
    if let Some(value) = id.and_then(|id| header::HeaderValue::try_from(id).ok()) {
        headers.insert(header::HeaderName::from_static(REQUEST_ID), value);
    }
    Ok(response)
}

/// What a layer around the service refused by itself: the compression, when the caller accepts neither gzip nor the text as it
/// is, and CORS.
fn bare_refusal<B>(response: &ServiceResponse<B>) -> Option<Problem> {
    let is_told = response.headers().contains_key(REQUEST_ID);
    let is_from_elsewhere = response.request().headers().contains_key(header::ORIGIN);
    match response.status() {
        _ if is_told => None,
        StatusCode::NOT_ACCEPTABLE => Some(Problem::NotAcceptable),
        StatusCode::BAD_REQUEST if is_from_elsewhere => Some(Problem::bad_request(
            "En sida från det ursprunget (Origin) får inte göra det anropet.",
            "A page of that origin may not make that request.",
        )),
        _ => None,
    }
}

/// Whether the address itself is one of ours: the version and the types that it names are there.
fn is_ours(request: &HttpRequest) -> bool {
    let named = |name: &str| request.match_info().get(name);
    names_version(request)
        && match (named("compartment"), named("type")) {
            (Some("Patient"), Some(AUDIT_EVENT)) => true,
            (Some(of), kind) => {
                let path = format!("{of}/{}/{}", named("id").unwrap_or_default(), kind.unwrap_or("*"));
                Scope::of_path(Manner::of(request).version, &path).is_some()
            }
            (None, Some(kind)) => ResourceType::from_name(kind).is_some(),
            (None, None) => true,
        }
}

/// A method that an address of ours does not have: 405. OPTIONS asks what it has.
fn not_allowed(request: &HttpRequest, allow: &'static str) -> HttpResponse {
    if !is_ours(request) {
        return refuse(&Problem::UnknownAddress, Manner::of(request), &request_id(request));
    }
    if request.method() == Method::OPTIONS {
        let mut response = HttpResponse::NoContent();
        response.insert_header((header::ALLOW, allow));
        if allow.contains("PATCH") {
            response.insert_header((ACCEPT_PATCH, PATCH_TYPES));
        }
        return response.finish();
    }
    let problem = Problem::MethodNotAllowed { allow };
    refuse(&problem, Manner::of(request), &request_id(request))
}

pub async fn only_get(request: HttpRequest) -> HttpResponse {
    not_allowed(&request, "GET, HEAD")
}

pub async fn only_post(request: HttpRequest) -> HttpResponse {
    not_allowed(&request, "POST")
}

pub async fn only_get_post(request: HttpRequest) -> HttpResponse {
    not_allowed(&request, "GET, HEAD, POST")
}

pub async fn only_of_type(request: HttpRequest) -> HttpResponse {
    not_allowed(&request, "GET, HEAD, POST, PUT, PATCH, DELETE")
}

pub async fn only_of_instance(request: HttpRequest) -> HttpResponse {
    not_allowed(&request, "GET, HEAD, PUT, PATCH, DELETE")
}
