//! From the (decoded) pairs of a query string or form body to a [`SearchQuery`]. What we do not know is refused by name (400), or,
//! with `Prefer: handling=lenient`, left out of the search and of `used`, from which the caller builds the `self` link. A
//! modifier that we do not know is refused in any case: without it the parameter would say something else, often the
//! opposite (search.html#modifiers).

mod chain;
mod control;
mod criteria;
mod include;
mod scope;
pub mod subset;

use std::borrow::Cow;

use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::subset::{Form, Subset};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

use super::page;
use super::parameters;
use super::query::SearchQuery;
use super::values::ValueError;
use chain::{MOST_BRANCHES, MOST_REACHING, MOST_STEPS};
pub use scope::{Scope, parse_in};

/// Pairs in one search, and alternatives in all of them: more is a mistake or an attack.
const MOST_PAIRS: usize = 100;
/// SQLite takes expressions no deeper than a thousand.
const MOST_VALUES: usize = 500;
/// Alternatives over all the types of a search: databases take some ten thousand bound values in a statement.
const MOST_VALUES_IN_ALL: usize = 1000;

/// What to do with parameters that we do not have, or that have no value (search.html#lenient).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Handling {
    #[default]
    Strict,
    Lenient,
}

/// What a search is read against.
#[derive(Clone, Copy, Debug)]
pub struct ParseContext<'a> {
    pub version: FhirVersion,
    pub kind: ResourceType,
    /// Our own base URLs without a slash at the end (`https://…/fhir/r5`, `https://…/fhir/r4`): references under them are local.
    pub own_bases: &'a [String],
    /// Now, in microseconds since 1970: the prefix `ap` needs it.
    pub now: i64,
    pub handling: Handling,
    pub default_count: u32,
    pub max_count: u32,
}

/// A search, and which pairs it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    pub query: SearchQuery,
    /// How much of each resource is shown.
    pub subset: Subset,
    /// The pairs that were used, as they came, without `_page`: for the `self` and `next` links.
    pub used: Vec<(String, String)>,
    /// Names of parameters left out (lenient), for a warning in the Bundle.
    pub ignored: Vec<String>,
}

/// Why a search is refused. Names parameters, never their values: those may be personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchError {
    UnknownParameter(String),
    /// `_elements` names what is no element of what is searched.
    UnknownElement(String),
    /// A search over several types asks for what one of them does not have.
    NotCommon {
        parameter: String,
        kind: ResourceType,
    },
    UnknownModifier {
        parameter: String,
        modifier: String,
    },
    BadValue {
        parameter: String,
        reason: Text,
    },
    /// A parameter that chooses resources says nothing.
    NoValue {
        parameter: String,
    },
    /// A chain goes through what is no reference to a resource.
    NoReference {
        parameter: String,
    },
    BadPage,
    TooMuch,
    /// Too many steps by way of other resources.
    TooFar,
}

impl SearchError {
    /// The fault for the OperationOutcome (status 400).
    pub fn fault(&self) -> Fault {
        let (code, text) = match self {
            SearchError::UnknownParameter(name) => (
                IssueCode::NotSupported,
                Text::new(
                    format!("Okänd sökparameter: {name}"),
                    format!("Unknown search parameter: {name}"),
                ),
            ),
            SearchError::UnknownElement(name) => (
                IssueCode::Value,
                Text::new(
                    format!("_elements: resursen har inget element {name}"),
                    format!("_elements: the resource has no element {name}"),
                ),
            ),
            SearchError::NotCommon { parameter, kind } => (
                IssueCode::NotSupported,
                Text::new(
                    format!("Sökparametern {parameter} är inte gemensam för alla typer som söks: {kind} har den inte"),
                    format!(
                        "The search parameter {parameter} is not common to all types searched: {kind} does not have it"
                    ),
                ),
            ),
            SearchError::UnknownModifier { parameter, modifier } => (
                IssueCode::NotSupported,
                Text::new(
                    format!("Sökparametern {parameter} har inte modifieraren :{modifier}"),
                    format!("The search parameter {parameter} does not have the modifier :{modifier}"),
                ),
            ),
            SearchError::BadValue { parameter, reason } => (
                IssueCode::Value,
                Text::new(
                    format!("Sökparametern {parameter}: {}", reason.sv),
                    format!("Search parameter {parameter}: {}", reason.en),
                ),
            ),
            SearchError::NoValue { parameter } => (
                IssueCode::Value,
                Text::new(
                    format!("Sökparametern {parameter} saknar värde"),
                    format!("The search parameter {parameter} has no value"),
                ),
            ),
            SearchError::NoReference { parameter } => (
                IssueCode::NotSupported,
                Text::new(
                    format!("Sökparametern {parameter} är ingen referens som kan följas till en annan resurs"),
                    format!(
                        "The search parameter {parameter} is no reference that can be followed to another resource"
                    ),
                ),
            ),
            SearchError::BadPage => (
                IssueCode::Value,
                Text::new(
                    "Sidan hör inte till den här sökningen: börja om från första sidan",
                    "The page does not belong to this search: begin again from the first page",
                ),
            ),
            SearchError::TooMuch => (
                IssueCode::TooCostly,
                Text::new(
                    "Sökningen har för många parametrar eller värden",
                    "The search has too many parameters or values",
                ),
            ),
            SearchError::TooFar => (
                IssueCode::TooCostly,
                Text::new(
                    format!(
                        "Sökningen går för långt via andra resurser: högst {MOST_REACHING} sådana parametrar, var och en med högst {MOST_STEPS} steg"
                    ),
                    format!(
                        "The search goes too far by way of other resources: at most {MOST_REACHING} such parameters, each of at most {MOST_STEPS} steps"
                    ),
                ),
            ),
        };
        Fault {
            code,
            expression: String::new(),
            text,
        }
    }
}

/// Reads a search on one type.
pub fn parse(pairs: &[(String, String)], context: &ParseContext) -> Result<Parsed, SearchError> {
    parse_in(pairs, &Scope::Type(context.kind), context)
}

/// How a total is to be reckoned: Aidbox's parameter, which fhirpy sends with `count()`. Here it is counted in any case.
pub const TOTAL_METHOD: &str = "_totalMethod";

/// Whether a total may be reckoned so.
pub fn is_total_method(value: &str) -> bool {
    ["count", "estimate"].contains(&value)
}

/// The parameters that steer the answer instead of choosing resources.
const CONTROL: [&str; 12] = [
    "_count",
    "_sort",
    "_total",
    TOTAL_METHOD,
    "_summary",
    "_elements",
    "_include",
    "_include:iterate",
    "_revinclude",
    "_revinclude:iterate",
    "_format",
    "_pretty",
];

struct Reading<'a> {
    context: &'a ParseContext<'a>,
    kinds: Vec<ResourceType>,
    query: SearchQuery,
    subset: Subset,
    page: Option<String>,
    only_number: bool,
    /// Alternatives so far; one that a chain carries to several types counts for each.
    values: usize,
    most_values: usize,
    /// Parameters that reach other resources so far, and the types they reach.
    reaching: usize,
    branches: usize,
    most_branches: usize,
    /// Whether `_type` has been read: the search is over several types.
    may_have_type: bool,
    used: Vec<(String, String)>,
    ignored: Vec<String>,
}

impl<'a> Reading<'a> {
    /// For a search over these types, of which `context` names the one that is read.
    fn new(context: &'a ParseContext<'a>, kinds: &[ResourceType]) -> Self {
        let types = kinds.len().max(1);
        let query = SearchQuery::all(context.kind, context.default_count.min(context.max_count));
        Reading {
            context,
            kinds: kinds.to_vec(),
            query,
            subset: Subset::default(),
            page: None,
            only_number: false,
            values: 0,
            most_values: MOST_VALUES.min(MOST_VALUES_IN_ALL / types),
            reaching: 0,
            branches: 0,
            most_branches: MOST_BRANCHES / types,
            may_have_type: false,
            used: Vec::new(),
            ignored: Vec::new(),
        }
    }

    fn pairs(&mut self, pairs: &[(String, String)]) -> Result<(), SearchError> {
        if pairs.len() > MOST_PAIRS {
            return Err(SearchError::TooMuch);
        }
        for (name, value) in pairs {
            match self.pair(name, value) {
                Ok(()) if value.is_empty() => {}
                // The links tell what was done.
                Ok(()) if name == "_count" => self.used.push((name.clone(), self.query.count.to_string())),
                Ok(()) => self.used.push((name.clone(), value.clone())),
                Err(SearchError::UnknownParameter(name)) if self.context.handling == Handling::Lenient => {
                    self.ignored.push(name);
                }
                Err(SearchError::UnknownElement(element)) if self.context.handling == Handling::Lenient => {
                    self.ignored.push(format!("{name}={element}"));
                }
                Err(SearchError::NoValue { .. } | SearchError::NoReference { .. })
                    if self.context.handling == Handling::Lenient =>
                {
                    self.ignored.push(shown(name));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether a parameter of that name, modifier aside, exists.
    fn is_known(&self, name: &str) -> bool {
        let code = name.split(':').next().unwrap_or_default();
        (self.may_have_type && code == scope::TYPE)
            || parameters::find(self.context.version, self.context.kind, code).is_some()
            || self.reaches(name)
    }

    /// A parameter without a value. "Empty parameters are not an error - they are just ignored" (search.html#errors): so we
    /// do with those that steer the answer. One that chooses resources would give all of them instead (`patient=` of a
    /// form that was not filled in), and is refused.
    fn empty(&self, name: &str) -> Result<(), SearchError> {
        if CONTROL.contains(&name) {
            Ok(())
        } else if self.is_known(name) {
            Err(SearchError::NoValue { parameter: shown(name) })
        } else {
            Err(SearchError::UnknownParameter(shown(name)))
        }
    }

    fn pair(&mut self, name: &str, value: &str) -> Result<(), SearchError> {
        if value.is_empty() {
            return self.empty(name);
        }
        match name {
            "_count" => self.count(value),
            "_sort" => self.sort(value),
            "_total" => self.total(value),
            TOTAL_METHOD if is_total_method(value) => Ok(()),
            "_summary" | "_elements" => self.subset(name, value),
            // What negotiation has read already.
            "_format" | "_pretty" => Ok(()),
            scope::TYPE if self.may_have_type => Ok(()),
            "_page" => {
                self.page = Some(value.to_owned());
                Ok(())
            }
            _ if matches!(name.split(':').next(), Some("_include" | "_revinclude")) => self.include(name, value),
            _ => self.criterion(name, value),
        }
    }

    /// `scope` is what the search is over.
    fn finish(mut self, scope: &str) -> Result<Parsed, SearchError> {
        if self.only_number {
            self.query.count = 0;
            self.query.total = true;
        }
        // "The _include and _revinclude parameters cannot be mixed with _summary=text" (search.html#summary).
        if self.subset.form == Form::Text && !self.query.includes.is_empty() {
            return Err(bad(
                "_summary",
                "text kan inte förenas med _include och _revinclude",
                "text cannot be combined with _include and _revinclude",
            ));
        }
        // The size of pages, their looks and what comes with them may change between pages; the search itself may not.
        const NOT_THE_SEARCH: [&str; 10] = [
            TOTAL_METHOD,
            "_count",
            "_format",
            "_pretty",
            "_total",
            "_page",
            "_summary",
            "_elements",
            "_include",
            "_revinclude",
        ];
        let base = [self.context.version.name(), scope];
        let pairs = self
            .used
            .iter()
            .filter(|(name, _)| !NOT_THE_SEARCH.contains(&name.split(':').next().unwrap_or_default()));
        let parts = pairs.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        self.query.fingerprint = page::fingerprint(base.into_iter().chain(parts));
        if let Some(token) = &self.page {
            let end = page::decode(token, self.query.fingerprint).ok_or(SearchError::BadPage)?;
            if !self.query.accepts(&end) {
                return Err(SearchError::BadPage);
            }
            self.query.after = Some(end);
        }
        self.used.retain(|(name, _)| name != "_page");
        Ok(Parsed {
            query: self.query,
            subset: self.subset,
            used: self.used,
            ignored: self.ignored,
        })
    }
}

fn bad(parameter: &str, sv: impl Into<Cow<'static, str>>, en: impl Into<Cow<'static, str>>) -> SearchError {
    SearchError::BadValue {
        parameter: parameter.to_owned(),
        reason: Text::new(sv, en),
    }
}

fn bad_value(parameter: &str, error: ValueError) -> SearchError {
    SearchError::BadValue {
        parameter: parameter.to_owned(),
        reason: error.text(),
    }
}

/// A name of the caller's as it may be shown: short, and nothing that plays tricks in a log or a page.
pub fn shown(name: &str) -> String {
    // Digits are left out too: what was meant as a value may be a personal number.
    name.chars()
        .filter(|c| c.is_alphabetic() || "-_.:=".contains(*c))
        .take(64)
        .collect()
}
