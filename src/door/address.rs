//! The parameters of an address that names one resource, in a request or in an entry of a Bundle.

use super::problem::Problem;
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::search::parse::shown;

/// Parameters that every address takes: they say how the answer is written (http.html#parameters).
pub const GENERAL: &[&str] = &["_format", "_pretty"];

/// Whether a query says more than how the answer is written.
pub fn chooses(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| !GENERAL.contains(&name.as_ref()))
}

/// 400 for a parameter of an address that names one resource, beside those that every address takes and those that are
/// `known`: what is left out might have kept the interaction from being carried out.
pub fn only(query: &str, known: &[&str]) -> Result<(), Problem> {
    let is_known = |name: &str| GENERAL.contains(&name) || known.contains(&name);
    let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    match names.find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => Err(Problem::fault(
            IssueCode::NotSupported,
            "",
            Text::new(
                format!("Okänd parameter: {}", shown(&name)),
                format!("Unknown parameter: {}", shown(&name)),
            ),
        )),
    }
}
