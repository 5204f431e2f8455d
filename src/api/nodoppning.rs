//! `X-Nodoppning`: whose record the caller opens though it otherwise needs a consent, and why (SVOD 2022:913 3:7).

use std::sync::Arc;

use actix_web::HttpRequest;
use jiff::civil::Date;

use crate::access::scope::Context;
use crate::access::{Caller, Nodoppning, Who};
use crate::clock::Clock;
use crate::door::problem::Problem;
use crate::fhir::percent;
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::personnummer::{is_personal_number, tells_personal_number};

/// The longest reason of a nödöppning, in characters.
const LONGEST_REASON: usize = 500;

/// The shortest, in letters: a full stop is no reason.
const SHORTEST_REASON: usize = 3;

/// Whose record the caller opens though it otherwise needs a consent, and why (`X-Nodoppning: Patient/[id] [reason]`,
/// percent-encoded UTF-8). Only one who works in care may.
pub fn nodoppning(request: &HttpRequest, caller: &Caller, clock: Clock) -> Result<Option<Arc<Nodoppning>>, Problem> {
    let mut stated = request.headers().get_all("X-Nodoppning");
    let Some(header) = stated.next() else {
        return Ok(None);
    };
    let may = match caller {
        Caller::Known(identity) => matches!(identity.who, Who::Medarbetare(_)) && identity.scopes.has(Context::User),
        _ => false,
    };
    let opened = percent::decoded(header.as_bytes()).and_then(|text| opened(&text, clock.today()));
    match opened {
        Some(opened) if may && stated.next().is_none() => Ok(Some(Arc::new(opened))),
        _ => Err(Problem::bad_request(
            "X-Nodoppning anges en gång, av den som arbetar i vården (user/): Patient/[id], ett mellanslag och skälet i högst 500 tecken, utan personnummer (procentkodad UTF-8).",
            "X-Nodoppning is given once, by one who works in care (user/): Patient/[id], a space, and the reason in at most 500 characters, without a personal number (percent-encoded UTF-8).",
        )),
    }
}

fn opened(text: &str, today: Date) -> Option<Nodoppning> {
    let (patient, reason) = text.trim().split_once(' ')?;
    let (kind, id) = local(patient)?;
    let reason = reason.trim();
    let letters = reason.chars().filter(|c| c.is_alphabetic()).count();
    let is_reason =
        reason.chars().count() <= LONGEST_REASON && letters >= SHORTEST_REASON && !reason.chars().any(char::is_control);
    // Both are kept in the access log.
    let is_plain = !tells_personal_number(reason) && !is_personal_number(id, today);
    (kind == ResourceType::Patient && is_reason && is_plain).then(|| Nodoppning {
        patient: id.to_owned(),
        skal: reason.to_owned(),
    })
}
