//! Media types as callers name them, and which of them we write.

use actix_web::http::header::{self, HeaderMap};

use crate::door::problem::Problem;
use crate::fhir::version::FhirVersion;

/// `application/fhir+json; fhirVersion=4.0; charset=utf-8`, taken apart.
pub struct MediaType {
    /// In lower case.
    pub essence: String,
    fhir_version: Option<String>,
    charset: Option<String>,
}

impl MediaType {
    pub fn read(text: &str) -> MediaType {
        let mut parts = text.split(';').map(str::trim);
        let mut read = MediaType {
            essence: parts.next().unwrap_or_default().to_ascii_lowercase(),
            fhir_version: None,
            charset: None,
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"').to_owned();
            match name.trim().to_ascii_lowercase().as_str() {
                "fhirversion" => read.fhir_version = read.fhir_version.or(Some(value)),
                "charset" => read.charset = read.charset.or(Some(value)),
                _ => {}
            }
        }
        read
    }

    /// Whether it names this FHIR version, or none.
    pub fn may_be_of(&self, version: FhirVersion) -> bool {
        let named = self.fhir_version.as_deref();
        named.is_none_or(|name| named_version(name) == Some(version))
    }

    /// "The character encoding is always UTF-8" (http.html#mime-type); another is read wrongly, so it is not read.
    pub fn is_utf8(&self) -> bool {
        let named = self.charset.as_deref();
        named.is_none_or(|name| name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("utf8"))
    }
}

/// R4B left every type that we have as it is in R4 (r4b-explanation.html), and those who speak it ask for it: fhir-sdk's
/// client speaks no R4.
fn named_version(name: &str) -> Option<FhirVersion> {
    let ours = |version: &FhirVersion| version.mime_parameter() == name || version.number() == name;
    match name {
        "4.3" | "4.3.0" => Some(FhirVersion::R4),
        _ => FhirVersion::ALL.into_iter().find(ours),
    }
}

/// Whether a media type is JSON, of no other version than this one. JSON is the one format we write; a browser, which asks
/// for a page, gets it too.
fn writes(text: &str, version: FhirVersion) -> bool {
    let wanted = MediaType::read(text);
    let json = matches!(
        wanted.essence.as_str(),
        "*/*" | "application/*" | "application/fhir+json" | "application/json" | "text/json" | "text/html" | "text/*"
    );
    json && wanted.may_be_of(version)
}

/// 406 for a `_format` that we do not write.
pub fn may_write(format: &str, version: FhirVersion) -> Result<(), Problem> {
    // A "+" that the caller did not escape arrives as a space: "application/fhir json".
    let (essence, rest) = format.split_at(format.find(';').unwrap_or(format.len()));
    let format = format!("{}{rest}", essence.trim().replace(' ', "+"));
    // A page is what `Accept` may ask for besides, in a browser; whoever asks for nothing else is told that there is none.
    if format == "json" || (writes(&format, version) && MediaType::read(&format).essence != "text/html") {
        Ok(())
    } else {
        Err(Problem::NotAcceptable)
    }
}

/// `_format` outranks `Accept` (http.html#parameters).
pub fn acceptable(format: Option<&str>, headers: &HeaderMap, version: FhirVersion) -> Result<(), Problem> {
    // One without a value says nothing, as any parameter (search.html#errors).
    if let Some(format) = format.filter(|format| !format.is_empty()) {
        return may_write(format, version);
    }
    let accept: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .filter_map(|value| value.to_str().ok())
        .collect();
    let accept = accept.join(",");
    let mut wanted = accept.split(',').filter(|range| !refused(range));
    if accept.trim().is_empty() || wanted.any(|range| writes(range, version)) {
        Ok(())
    } else {
        Err(Problem::NotAcceptable)
    }
}

/// A media range with `q=0` is one the caller refuses.
fn refused(range: &str) -> bool {
    range.split(';').skip(1).any(|parameter| {
        let parameter = parameter.trim();
        parameter.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0)
    })
}
