//! One entry of a Bundle: its request line, read like that of an HTTP request, and what comes with it.

use jiff::Timestamp;
use serde_json::Value;

use crate::door::address::chooses;
use crate::door::problem::Problem;
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::percent;
use crate::fhir::references::relative;
use crate::fhir::types::{DefinitionType, ResourceType};

/// What an entry wants done (value set http-verb).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    // In the order in which a Bundle's entries are carried out (http.html#trules).
    Delete,
    Post,
    Put,
    Patch,
    Get,
    Head,
}

impl Method {
    pub(super) fn from_code(code: &str) -> Option<Method> {
        Some(match code {
            "DELETE" => Method::Delete,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => return None,
        })
    }

    /// DELETE before POST before PUT and PATCH before GET and HEAD.
    pub fn turn(self) -> u8 {
        match self {
            Method::Delete => 0,
            Method::Post => 1,
            Method::Put | Method::Patch => 2,
            Method::Get | Method::Head => 3,
        }
    }
}

/// An entry whose request line is understood; its resource is not looked into yet.
#[derive(Debug)]
pub struct Entry {
    /// Its place in the Bundle.
    pub index: usize,
    pub full_url: Option<String>,
    pub method: Method,
    /// The parts of `request.url` before its `?`, relative to our base: `["Patient", "1", "_history"]`.
    pub path: Vec<String>,
    /// What follows the `?`.
    pub query: Option<String>,
    pub if_match: Option<String>,
    pub if_none_match: Option<String>,
    pub if_modified_since: Option<Timestamp>,
    pub if_none_exist: Option<String>,
    pub resource: Option<Value>,
}

impl Entry {
    /// Reads the request line of an entry that is well formed. A `url` under one of `own_bases` counts as relative.
    pub fn read(index: usize, mut entry: Value, own_bases: &[String]) -> Result<Entry, Problem> {
        let place = format!("Bundle.entry[{index}].request");
        let request = entry.get_mut("request").map(Value::take).unwrap_or_default();
        let text = |name: &str| request.get(name).and_then(Value::as_str).map(str::to_owned);
        let method = text("method")
            .as_deref()
            .and_then(Method::from_code)
            .ok_or_else(|| Problem::NotFhir(vec![unknown_method(index)]))?;
        let url = text("url").unwrap_or_default();
        let url = relative(&url, own_bases);
        let url = url.strip_prefix('/').unwrap_or(url);
        // Criteria may name systems and whole addresses, the path may not. No address of ours has a NUL, and a text of
        // PostgreSQL holds none.
        let path = url.split('?').next().unwrap_or_default();
        let is_elsewhere = path.contains("://") || url.starts_with("urn:");
        let has_nul = url.contains('\0') || path.contains("%00");
        if is_elsewhere || has_nul || !percent::is_sound(url.as_bytes()) {
            return Err(Problem::fault(
                IssueCode::Value,
                format!("{place}.url"),
                Text::new(
                    "Adressen ska vara relativ tjänstens bas, till exempel Patient/1, och procentkodad UTF-8.",
                    "The url must be relative to the service's base, for example Patient/1, and percent-encoded UTF-8.",
                ),
            ));
        }
        let (path, query) = match url.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (url, None),
        };
        let path = path.strip_suffix('/').unwrap_or(path);
        Ok(Entry {
            index,
            method,
            path: match path {
                "" => Vec::new(),
                path => path
                    .split('/')
                    .map(|part| percent::decoded(part.as_bytes()).unwrap_or_default())
                    .collect(),
            },
            query: query.filter(|query| !query.is_empty()).map(str::to_owned),
            if_match: text("ifMatch"),
            if_none_match: text("ifNoneMatch"),
            // The structure check has seen that it is an instant.
            if_modified_since: text("ifModifiedSince").and_then(|at| at.parse().ok()),
            if_none_exist: text("ifNoneExist"),
            full_url: entry.get("fullUrl").and_then(Value::as_str).map(str::to_owned),
            resource: entry.get_mut("resource").map(Value::take),
        })
    }

    /// The parts of the path, to be matched.
    pub fn path(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// What follows the `?`, when it chooses resources.
    pub fn criteria(&self) -> Option<&str> {
        self.query.as_deref().filter(|query| chooses(query))
    }

    /// The formats that the entry's answer is asked for in (`_format`).
    pub fn formats(&self) -> impl Iterator<Item = String> + '_ {
        let pairs = form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes());
        pairs
            .filter(|(name, value)| name == "_format" && !value.is_empty())
            .map(|(_, value)| value.into_owned())
    }

    /// The resource that the entry writes, when its address says which.
    pub fn writes(&self) -> Option<(ResourceType, &str)> {
        match (self.method, self.path.as_slice()) {
            (Method::Put | Method::Patch | Method::Delete, [kind, id]) => Some((ResourceType::from_name(kind)?, id)),
            _ => None,
        }
    }

    /// `Bundle.entry[n].request.url`.
    pub fn url_place(&self) -> String {
        format!("Bundle.entry[{}].request.url", self.index)
    }
}

/// Why an operation, or what is no stored data, has no place in a transaction.
pub fn not_in_a_transaction(entry: &Entry) -> Problem {
    Problem::fault(
        IssueCode::NotSupported,
        entry.url_place(),
        Text::new(
            "En transaktion läser och skriver det som är lagrat: operationer, metadata, definitioner och åtkomstloggen hör hemma i en batch.",
            "A transaction reads and writes what is stored: operations, metadata, definitions and the access log belong in a batch.",
        ),
    )
}

/// An entry whose method is none of the value set's.
pub(super) fn unknown_method(index: usize) -> Fault {
    Fault {
        code: IssueCode::Value,
        expression: format!("Bundle.entry[{index}].request.method"),
        text: Text::new("Okänd metod.", "Unknown method."),
    }
}

/// Why nothing is done at an address that does not have the method: as a request of its own would be told.
pub fn not_there(path: &[&str]) -> Problem {
    let is_kind = |name: &str| ResourceType::from_name(name).is_some();
    let is_read = |name: &str| DefinitionType::from_name(name).is_some() || ["metadata", "AuditEvent"].contains(&name);
    let allow = match path {
        [] => "GET, HEAD, POST",
        ["_history"] => "GET, HEAD",
        [name, ..] if is_read(name) => "GET, HEAD",
        [kind] if is_kind(kind) => "GET, HEAD, POST, PUT, PATCH, DELETE",
        [kind, "_history"] | [kind, _, "_history"] | [kind, _, "_history", _] if is_kind(kind) => "GET, HEAD",
        [kind, id] if is_kind(kind) && !id.starts_with(['$', '_']) => "GET, HEAD, PUT, PATCH, DELETE",
        _ => return Problem::UnknownAddress,
    };
    Problem::MethodNotAllowed { allow }
}
