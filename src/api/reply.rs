//! What an interaction answers, before it becomes an HTTP response or an entry of a Bundle: the same function serves a
//! request of its own and an entry of a batch or transaction, so that both are answered alike.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;

use super::answer::{etag, fhir, http_date};
use super::bundle_text::{BundleText, quoted};
use super::negotiate::{Ask, Language};
use super::outcome;
use crate::door::content::instant;
use crate::fhir::json::reread;
use crate::fhir::version::FhirVersion;
use crate::riktlinje::Finding;

/// An answer to one interaction.
#[derive(Debug)]
pub struct Reply {
    /// The version it is written in.
    pub fhir: FhirVersion,
    pub status: StatusCode,
    /// The address of the resource, without a version: `fullUrl` in an entry.
    pub address: Option<String>,
    /// The number of the resource's version: `ETag`.
    pub version: Option<i64>,
    pub last_modified: Option<Timestamp>,
    /// The address of the version that was written.
    pub location: Option<String>,
    /// What the riktlinje had to say of a write; expressions in the caller's version.
    pub findings: Vec<Finding>,
    pub body: Body,
}

/// What stands in the answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    Nothing,
    /// The resource that was asked for, or a Bundle of them, as JSON text.
    Resource(String),
    /// An OperationOutcome about the interaction itself (`Prefer: return=OperationOutcome`), as JSON text.
    Outcome(String),
}

impl Body {
    /// In bytes.
    pub fn size(&self) -> usize {
        match self {
            Body::Nothing => 0,
            Body::Resource(text) | Body::Outcome(text) => text.len(),
        }
    }
}

impl Reply {
    pub fn new(fhir: FhirVersion, status: StatusCode) -> Reply {
        Reply {
            fhir,
            status,
            address: None,
            version: None,
            last_modified: None,
            location: None,
            findings: Vec::new(),
            body: Body::Nothing,
        }
    }

    /// 200 with this resource or Bundle.
    pub fn resource(fhir: FhirVersion, text: String) -> Reply {
        Reply {
            body: Body::Resource(text),
            ..Reply::new(fhir, StatusCode::OK)
        }
    }

    /// Writes the answer as an entry of a batch-response or transaction-response (http.html#transaction-response).
    /// Findings are told in `response.outcome`, since an entry has no headers of its own.
    pub fn into_entry(self, bundle: &mut BundleText, language: Language) {
        let mut response = format!(r#"{{"status":{}"#, quoted(&status_line(self.status)));
        if let Some(location) = &self.location {
            response.push_str(&format!(r#","location":{}"#, quoted(location)));
        }
        if let Some(version) = self.version {
            response.push_str(&format!(r#","etag":{}"#, quoted(&etag(version))));
        }
        if let Some(at) = self.last_modified {
            response.push_str(&format!(r#","lastModified":"{}""#, instant(at)));
        }
        let (resource, told) = match self.body {
            Body::Nothing => (None, None),
            Body::Resource(text) => (Some(text), None),
            Body::Outcome(text) => (None, Some(text)),
        };
        let told = told.or_else(|| {
            (!self.findings.is_empty()).then(|| outcome::of_findings(&self.findings, language).to_string())
        });
        if let Some(told) = told {
            response.push_str(&format!(r#","outcome":{told}"#));
        }
        response.push('}');
        bundle.entry(self.address.as_deref(), resource.as_deref(), &[("response", &response)]);
    }
}

impl From<Reply> for HttpResponse {
    fn from(reply: Reply) -> HttpResponse {
        let mut response = fhir(reply.status, reply.fhir);
        if let Some(version) = reply.version {
            response.insert_header((header::ETAG, etag(version)));
        }
        if let Some(at) = reply.last_modified {
            response.insert_header((header::LAST_MODIFIED, http_date(at)));
        }
        if let Some(location) = reply.location {
            response.insert_header((header::LOCATION, location));
        }
        match reply.body {
            // The outcome tells the findings in full.
            Body::Outcome(text) => response.body(text),
            body => {
                if !reply.findings.is_empty() {
                    response.insert_header(("X-Riktlinje", riktlinje_header(&reply.findings)));
                }
                match body {
                    Body::Resource(text) => response.body(text),
                    _ => response.finish(),
                }
            }
        }
    }
}

impl Ask {
    /// An answer without a body.
    pub fn reply(&self, status: StatusCode) -> Reply {
        Reply::new(self.version(), status)
    }

    /// 200 with a resource, or a Bundle, that is JSON text already.
    pub fn reply_text(&self, text: String) -> Reply {
        Reply::resource(self.version(), text)
    }

    /// 200 with a Bundle that was written without regard to how it looks.
    pub fn bundle(&self, text: String) -> Reply {
        self.reply_text(if self.manner.pretty { pretty(&text) } else { text })
    }

    /// 200 with a resource.
    pub fn reply_value(&self, value: &Value) -> Reply {
        self.reply_text(super::answer::text_of(value, self.manner.pretty))
    }
}

/// `201 Created`: how `Bundle.entry.response.status` begins (bundle.html).
fn status_line(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_str().to_owned(),
    }
}

/// `X-Riktlinje: FK-04;warning, FVK-06;information`: ids and severities, nothing more.
fn riktlinje_header(findings: &[Finding]) -> String {
    let told: Vec<String> = findings
        .iter()
        .map(|finding| format!("{};{}", finding.rule.as_str(), finding.severity.code()))
        .collect();
    told.join(", ")
}

/// A written Bundle for the eye.
pub fn pretty(text: &str) -> String {
    reread(text).map_or_else(|_| text.to_owned(), |value| format!("{value:#}"))
}
