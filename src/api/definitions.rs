//! GET `[base]/StructureDefinition`, `CodeSystem`, `ValueSet`, `OperationDefinition` and `SearchParameter`: the service's own
//! definitions, read and searched. They are not stored data, so the search is over a short list in memory.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::answer::{answer, text_of};
use super::bundle_text::BundleText;
use super::negotiate::Ask;
use super::reply::{Body, Reply};
use super::search::{Links, Pairs, address, ignored_parameters, in_address, told, with_form};
use crate::access::Interaction;
use crate::definitions::Definition;
use crate::door::address::only;
use crate::door::problem::Problem;
use crate::fhir::fault::Text;
use crate::fhir::search::SearchError;
use crate::fhir::search::parse::{TOTAL_METHOD, is_total_method, shown};
use crate::fhir::types::DefinitionType;
use crate::fhir::version::FhirVersion;

/// How a parameter's value is held against an element.
#[derive(Clone, Copy, PartialEq)]
enum Match {
    /// The whole address.
    Uri,
    /// A code, with or without `system|`.
    Token,
    /// The beginning, whatever the case; `:exact`, `:contains`.
    String,
}

/// A search parameter: name, how it matches, and which types have it (none: all). The element has the parameter's name,
/// or that name without the underscore.
struct Parameter {
    name: &'static str,
    matches: Match,
    only: Option<DefinitionType>,
}

const fn parameter(name: &'static str, matches: Match) -> Parameter {
    Parameter {
        name,
        matches,
        only: None,
    }
}

const fn of_structures(name: &'static str, matches: Match) -> Parameter {
    Parameter {
        name,
        matches,
        only: Some(DefinitionType::StructureDefinition),
    }
}

const fn of_search_parameters(name: &'static str, matches: Match) -> Parameter {
    Parameter {
        name,
        matches,
        only: Some(DefinitionType::SearchParameter),
    }
}

const PARAMETERS: [Parameter; 13] = [
    parameter("_id", Match::Token),
    parameter("url", Match::Uri),
    parameter("version", Match::Token),
    parameter("name", Match::String),
    parameter("title", Match::String),
    parameter("status", Match::Token),
    of_structures("type", Match::Uri),
    of_structures("kind", Match::Token),
    of_structures("derivation", Match::Token),
    of_structures("base", Match::Uri),
    of_search_parameters("base", Match::Token),
    of_search_parameters("code", Match::Token),
    of_search_parameters("type", Match::Token),
];

impl Parameter {
    fn element(&self) -> &'static str {
        match self.name {
            "base" if self.only == Some(DefinitionType::StructureDefinition) => "baseDefinition",
            name => name.trim_start_matches('_'),
        }
    }

    /// The SearchParameter as HL7 names it in that version.
    fn definition(&self, version: FhirVersion) -> String {
        let name = self.name.trim_start_matches('_');
        let of = match (self.name, self.only, version) {
            ("_id", ..) => "Resource",
            (_, Some(only), _) => only.name(),
            (_, None, FhirVersion::R4) => "conformance",
            (_, None, FhirVersion::R5) => "CanonicalResource",
        };
        format!("http://hl7.org/fhir/SearchParameter/{of}-{name}")
    }
}

fn parameters(kind: DefinitionType) -> impl Iterator<Item = &'static Parameter> {
    PARAMETERS
        .iter()
        .filter(move |parameter| parameter.only.is_none_or(|only| only == kind))
        // R4's has none.
        .filter(move |parameter| parameter.name != "title" || kind != DefinitionType::SearchParameter)
}

/// The CapabilityStatement's entry for a type of definitions.
pub fn capability(version: FhirVersion, kind: DefinitionType) -> Value {
    let search: Vec<Value> = parameters(kind)
        .map(|parameter| {
            let search_type = match parameter.matches {
                // As HL7 has it: it names another definition.
                Match::Uri if parameter.name == "base" => "reference",
                Match::Uri => "uri",
                Match::Token => "token",
                Match::String => "string",
            };
            json!({ "name": parameter.name, "definition": parameter.definition(version), "type": search_type })
        })
        .collect();
    json!({
        "type": kind.name(),
        "documentation": "Tjänstens egna definitioner. The service's own definitions.",
        "interaction": [{ "code": Interaction::Read.code() }, { "code": Interaction::Search.code() }],
        "versioning": "no-version",
        "readHistory": false,
        "updateCreate": false,
        "conditionalCreate": false,
        "conditionalRead": "full-support",
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "searchParam": search,
    })
}

fn kind(name: &str) -> Result<DefinitionType, Problem> {
    DefinitionType::from_name(name).ok_or(Problem::UnknownAddress)
}

/// One of the service's own definitions; ETag and 304 like any read.
#[utoipa::path(
    get,
    path = "/fhir/{version}/{definition}/{id}",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("definition" = String, Path, description = "StructureDefinition, CodeSystem, ValueSet, OperationDefinition or SearchParameter"),
        ("id" = String, Path, description = "The definition's id"),
        ("If-None-Match" = Option<String>, Header, description = "W/\"version\""),
    ),
    responses(
        (status = 200, description = "The definition"),
        (status = 304, description = "The caller has this version already"),
        (status = 404, description = "There is no such definition"),
    ),
)]
pub async fn read(request: HttpRequest, path: web::Path<(String, String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Read, |ask| async move {
        let (_, name, id) = path.into_inner();
        one(&ask, &name, &id, &query)
    })
    .await
}

/// The read itself, also for an entry of a batch.
pub fn one(ask: &Ask, name: &str, id: &str, query: &str) -> Result<Reply, Problem> {
    only(query, &[])?;
    let definition = ask.app.door.definition(&ask.call, ask.version(), kind(name)?, id)?;
    let since = ask.app.door.definitions.since;
    let (status, body) = if ask.has_already(definition.version, since) {
        (StatusCode::NOT_MODIFIED, Body::Nothing)
    } else {
        (StatusCode::OK, Body::Resource(written(ask, definition)))
    };
    Ok(Reply {
        address: Some(format!("{}/{name}/{id}", ask.base)),
        version: Some(definition.version),
        last_modified: Some(since),
        body,
        ..ask.reply(status)
    })
}

fn written(ask: &Ask, definition: &Definition) -> String {
    if ask.manner.pretty {
        text_of(&definition.value, true)
    } else {
        definition.text.clone()
    }
}

/// Searches the service's own definitions of a type.
#[utoipa::path(
    get,
    path = "/fhir/{version}/{definition}",
    tag = "type",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("definition" = String, Path, description = "StructureDefinition, CodeSystem, ValueSet, OperationDefinition or SearchParameter"),
        ("_count" = Option<u32>, Query, description = "Entries per page; all unless said otherwise"),
    ),
    responses(
        (status = 200, description = "A Bundle of type searchset"),
        (status = 400, description = "An unknown parameter or modifier, or a bad value"),
    ),
)]
pub async fn search(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let pairs = in_address(&request);
    answer(request, Interaction::Search, |ask| async move {
        respond(&ask, &path.1, pairs)
    })
    .await
}

/// The same by POST.
#[utoipa::path(
    post,
    path = "/fhir/{version}/{definition}/_search",
    tag = "type",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("definition" = String, Path, description = "StructureDefinition, CodeSystem, ValueSet, OperationDefinition or SearchParameter"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A Bundle of type searchset"),
        (status = 400, description = "An unknown parameter or modifier, or a bad value"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/x-www-form-urlencoded"),
    ),
)]
pub async fn search_by_post(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    let in_address = in_address(&request);
    answer(request, Interaction::Search, |ask| async move {
        let pairs = with_form(&ask, in_address, payload).await?;
        respond(&ask, &path.1, pairs)
    })
    .await
}

/// The search itself, also for an entry of a batch.
pub fn respond(ask: &Ask, name: &str, pairs: Pairs) -> Result<Reply, Problem> {
    let kind = kind(name)?;
    let search = Search::read(kind, pairs, ask.lenient).map_err(|error| Problem::NotFhir(vec![error.fault()]))?;
    let definitions = ask.app.door.definitions(&ask.call, ask.version(), kind)?;
    let found: Vec<&Definition> = definitions
        .filter(|definition| {
            search
                .criteria
                .iter()
                .all(|criterion| criterion.holds(&definition.value))
        })
        .collect();
    let base = format!("{}/{}", ask.base, kind.name());
    let link = |page: Option<usize>| {
        let page = page.map(|page| ("_page".to_owned(), page.to_string()));
        let pairs: Pairs = search.used.iter().cloned().chain(page).collect();
        address(ask, &base, &pairs, Links::Open)
    };
    let mut links = vec![("self", link(None)?)];
    let after = search.from.saturating_add(search.count);
    if search.count > 0 && after < found.len() {
        links.push(("next", link(Some(after))?));
    }
    let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let mut bundle = BundleText::new("searchset", Some(total), &links);
    for definition in found.into_iter().skip(search.from).take(search.count) {
        let full_url = format!("{base}/{}", definition.id());
        let mode = r#"{"mode":"match"}"#;
        bundle.entry(Some(&full_url), Some(&definition.text), &[("search", mode)]);
    }
    if !search.ignored.is_empty() {
        told(&mut bundle, &ignored_parameters(&search.ignored, ask.manner.language));
    }
    Ok(ask.bundle(bundle.finish()))
}

/// A search that has been read.
struct Search {
    criteria: Vec<Criterion>,
    /// Entries on a page; all unless something else is asked for.
    count: usize,
    from: usize,
    used: Pairs,
    ignored: Vec<String>,
}

/// One parameter with its alternatives.
struct Criterion {
    parameter: &'static Parameter,
    modifier: Option<String>,
    any_of: Vec<String>,
}

impl Search {
    fn read(kind: DefinitionType, pairs: Pairs, lenient: bool) -> Result<Search, SearchError> {
        let mut search = Search {
            criteria: Vec::new(),
            count: usize::MAX,
            from: 0,
            used: Vec::new(),
            ignored: Vec::new(),
        };
        for (name, value) in pairs {
            match search.pair(kind, &name, &value) {
                Ok(()) if name == "_page" || value.is_empty() => {}
                Ok(()) => search.used.push((name, value)),
                Err(SearchError::UnknownParameter(_) | SearchError::NoValue { .. }) if lenient => {
                    search.ignored.push(shown(&name));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(search)
    }

    fn pair(&mut self, kind: DefinitionType, name: &str, value: &str) -> Result<(), SearchError> {
        let number = |value: &str| value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse());
        match name {
            "_format" | "_pretty" => {}
            // The total of so short a list is always told.
            "_total" if ["none", "estimate", "accurate"].contains(&value) => {}
            "_summary" if value == "false" => {}
            "_summary" if value == "count" => self.count = 0,
            TOTAL_METHOD if is_total_method(value) => {}
            "_total" | TOTAL_METHOD | "_summary" | "_count" | "_page" if value.is_empty() => {}
            _ if value.is_empty() => {
                self.criterion(kind, name)?;
                return Err(SearchError::NoValue { parameter: shown(name) });
            }
            "_count" => match number(value) {
                Some(count) => self.count = self.count.min(count.unwrap_or(usize::MAX)),
                None => return Err(bad("_count")),
            },
            "_page" => match number(value) {
                Some(from) => self.from = from.unwrap_or(usize::MAX),
                None => return Err(SearchError::BadPage),
            },
            _ => {
                let mut criterion = self.criterion(kind, name)?;
                criterion.any_of = value.split(',').map(str::to_owned).collect();
                self.criteria.push(criterion);
            }
        }
        Ok(())
    }

    fn criterion(&self, kind: DefinitionType, name: &str) -> Result<Criterion, SearchError> {
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (name, None),
        };
        let parameter = parameters(kind)
            .find(|parameter| parameter.name == code)
            .ok_or_else(|| SearchError::UnknownParameter(shown(name)))?;
        let known = match modifier {
            None => true,
            Some("exact" | "contains") => parameter.matches == Match::String,
            Some(_) => false,
        };
        if !known {
            return Err(SearchError::UnknownModifier {
                parameter: parameter.name.to_owned(),
                modifier: shown(modifier.unwrap_or_default()),
            });
        }
        Ok(Criterion {
            parameter,
            modifier: modifier.map(str::to_owned),
            any_of: Vec::new(),
        })
    }
}

fn bad(parameter: &str) -> SearchError {
    SearchError::BadValue {
        parameter: parameter.to_owned(),
        reason: Text::new(
            "ska vara ett heltal, noll eller större",
            "must be a whole number, zero or more",
        ),
    }
}

impl Criterion {
    fn holds(&self, definition: &Value) -> bool {
        let stated = match definition.get(self.parameter.element()) {
            Some(Value::Array(several)) => several.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let texts = stated.iter().filter_map(Value::as_str);
        texts.into_iter().any(|stated| self.is_met_by(stated))
    }

    fn is_met_by(&self, stated: &str) -> bool {
        self.any_of.iter().any(|wanted| match self.parameter.matches {
            Match::Uri => wanted == stated,
            Match::Token => wanted.rsplit('|').next() == Some(stated),
            Match::String => match self.modifier.as_deref() {
                Some("exact") => wanted == stated,
                Some(_) => stated.to_lowercase().contains(&wanted.to_lowercase()),
                None => stated.to_lowercase().starts_with(&wanted.to_lowercase()),
            },
        })
    }
}
