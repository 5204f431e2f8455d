//! Who calls, before anything else is done with a request: the token or the certificate is verified, and what was found is put
//! into the request's extensions, where [`super::negotiate::Ask`] takes it. Nothing of a body is read for one who is not known.

use std::time::{Duration, Instant};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};

use super::answer::{CHALLENGE_TOKEN, refuse};
use super::app::App;
use super::negotiate::{Manner, names_version, request_id};
use crate::access::Caller;
use crate::access::authenticator::Authenticator;
use crate::access::certificate::ClientCertificate;
use crate::access::token::Refusal;
use crate::door::problem::Problem;
use crate::fhir::types::DefinitionType;

/// The label of a refusal in metrics and log.
const AUTHENTICATION: &str = "authenticate";

/// The middleware.
pub async fn authenticate<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    // Health, metrics and the pages tell of no patient; they do not ask who calls.
    if !request.path().starts_with("/fhir/") {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let started = Instant::now();
    let refused = match caller(request.request()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            return Ok(next.call(request).await?.map_into_left_body());
        }
        Err(refused) => refused,
    };
    let refused = logged(request.request(), refused).await;
    let response = refused.response(request.request(), started.elapsed());
    Ok(request.into_response(response).map_into_right_body())
}

/// Why nobody is let in.
struct Refused {
    problem: Problem,
    /// For the log; holds nothing of what was sent.
    reason: &'static str,
    /// A token was sent, and it is not good.
    of_token: bool,
}

async fn caller(request: &HttpRequest) -> Result<Caller, Refused> {
    let Some(app) = request.app_data::<web::Data<App>>() else {
        return Ok(Caller::Anonymous);
    };
    let Some(authenticator) = &app.authenticator else {
        return Ok(Caller::Open);
    };
    let caller = shown(request, authenticator).await?;
    app.door.check_unit(&caller).await.map_err(|problem| Refused {
        reason: match problem {
            Problem::Forbidden => "the catalogue knows the unit as another vardgivare's",
            _ => "the catalogue could not be asked",
        },
        of_token: matches!(problem, Problem::Forbidden),
        problem,
    })?;
    if caller == Caller::Anonymous && !is_open_to_all(request) {
        return Err(Refused {
            problem: Problem::Unauthorized,
            reason: "nothing shows who calls",
            of_token: false,
        });
    }
    Ok(caller)
}

/// The refusal, once the access log has its record. Who is refused too often is told so, and not logged any more: the log must
/// not be filled by strangers.
async fn logged(request: &HttpRequest, refused: Refused) -> Refused {
    let Some(app) = request.app_data::<web::Data<App>>() else {
        return refused;
    };
    if !matches!(refused.problem, Problem::Unauthorized | Problem::Forbidden) {
        return refused;
    }
    let logged = match app.limits.admit(&Caller::Anonymous, request.peer_addr()) {
        Ok(()) => app.door.log_stranger(request_id(request)).await,
        too_many => too_many,
    };
    match logged {
        Ok(()) => refused,
        Err(problem) => Refused {
            problem,
            of_token: false,
            ..refused
        },
    }
}

/// Who calls, by what the request shows.
async fn shown(request: &HttpRequest, authenticator: &Authenticator) -> Result<Caller, Refused> {
    let invalid = |reason| Refused {
        problem: Problem::Unauthorized,
        reason,
        of_token: true,
    };
    let token = bearer(request).map_err(invalid)?;
    let certificate = request.conn_data::<ClientCertificate>();
    authenticator
        .caller(token, certificate)
        .await
        .map_err(|refusal| match refusal {
            Refusal::Invalid(reason) => invalid(reason),
            Refusal::Insufficient(reason) => Refused {
                problem: Problem::Forbidden,
                reason,
                of_token: true,
            },
            Refusal::OutOfReach => Refused {
                problem: Problem::Busy,
                reason: "the keys of the issuer are out of reach",
                of_token: true,
            },
        })
}

/// The token in the header `Authorization` (RFC 6750, 2.1). Tokens in addresses and forms are never looked at: addresses are
/// kept in logs and histories.
fn bearer(request: &HttpRequest) -> Result<Option<&str>, &'static str> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        return Err("several headers Authorization");
    }
    let text = header.to_str().map_err(|_| "no bearer token")?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err("no bearer token"),
    }
}

/// What anybody may ask for: what the service is and how to come in. It tells of no patient. What is not an address of ours is
/// answered 404 as ever.
fn is_open_to_all(request: &HttpRequest) -> bool {
    if request.method() == Method::OPTIONS || !names_version(request) {
        return true;
    }
    let rest = request
        .path()
        .strip_prefix("/fhir/")
        .and_then(|rest| rest.split_once('/'));
    let Some((_, rest)) = rest else {
        return false;
    };
    let first = rest.split('/').next().unwrap_or_default();
    matches!(rest, "metadata" | ".well-known/smart-configuration") || DefinitionType::from_name(first).is_some()
}

impl Refused {
    fn response(&self, request: &HttpRequest, took: Duration) -> HttpResponse {
        let id = request_id(request);
        let mut response = refuse(&self.problem, Manner::of(request), &id);
        if self.of_token && matches!(self.problem, Problem::Unauthorized) {
            let challenge = header::HeaderValue::from_static(CHALLENGE_TOKEN);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        // What was sent may still come; it is no new request.
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let close = header::HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        let status = response.status().as_u16();
        if let Some(app) = request.app_data::<web::Data<App>>() {
            app.metrics.observe(AUTHENTICATION, status, took);
        }
        tracing::info!(
            request_id = %id,
            interaction = AUTHENTICATION,
            reason = self.reason,
            status,
            micros = took.as_micros() as u64,
            "refused"
        );
        response
    }
}
