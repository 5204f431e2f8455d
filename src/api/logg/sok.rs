//! The search of the access log: its parameters, and what they ask of the door. Time and patients are asked of the
//! database; the rest is held against the rows, newest first.

use serde_json::Value;

use super::AUDIT_EVENT;
use super::auditevent::{For, action, audit_event, outcome_code, reference};
use crate::access::Asked;
use crate::api::search::Pairs;
use crate::door::loggranskning::{Loggfraga, Total};
use crate::fhir::fault::Text;
use crate::fhir::references::{local, relative};
use crate::fhir::search::dates::{DateValue, Prefix};
use crate::fhir::search::page;
use crate::fhir::search::parameters::Kind;
use crate::fhir::search::parse::subset::take;
use crate::fhir::search::parse::{TOTAL_METHOD, is_total_method, shown};
use crate::fhir::search::paths::walk;
use crate::fhir::search::query::{KeyPart, SystemMatch, TokenValue};
use crate::fhir::search::values;
use crate::fhir::search::{SearchError, has_patient};
use crate::fhir::subset::Subset;
use crate::fhir::version::FhirVersion;
use crate::store::{LogQuery, Recorded};

/// A parameter of HL7's that the log answers.
pub struct Parameter {
    pub name: &'static str,
    /// The search parameter's type.
    pub kind: &'static str,
    only: Option<FhirVersion>,
    /// Where it stands in the AuditEvent as it is shown, when it is looked for there: the codings.
    codings: &'static str,
    /// HL7's definition in R5, when it is one of several types.
    shared: Option<&'static str>,
}

const fn parameter(name: &'static str, kind: &'static str) -> Parameter {
    Parameter {
        name,
        kind,
        only: None,
        codings: "",
        shared: None,
    }
}

const fn coded(name: &'static str, only: FhirVersion, codings: &'static str) -> Parameter {
    Parameter {
        only: Some(only),
        codings,
        ..parameter(name, "token")
    }
}

const fn shared(parameter: Parameter, definition: &'static str) -> Parameter {
    Parameter {
        shared: Some(definition),
        ..parameter
    }
}

/// The parameters. What of HL7's is not here asks for what no record holds (`altid`, `site`, `policy`, `encounter` …).
pub const PARAMETERS: &[Parameter] = &[
    parameter("_id", "token"),
    parameter("_lastUpdated", "date"),
    parameter("action", "token"),
    parameter("agent", "reference"),
    coded("category", FhirVersion::R5, "category.coding"),
    shared(coded("code", FhirVersion::R5, "code.coding"), "clinical-code"),
    shared(parameter("date", "date"), "clinical-date"),
    parameter("entity", "reference"),
    coded("entity-role", FhirVersion::R4, "entity.role"),
    coded("entity-role", FhirVersion::R5, "entity.role.coding"),
    coded("entity-type", FhirVersion::R4, "entity.type"),
    parameter("outcome", "token"),
    shared(parameter("patient", "reference"), "clinical-patient"),
    coded("purpose", FhirVersion::R5, "authorization.coding"),
    coded("subtype", FhirVersion::R4, "subtype"),
    coded("type", FhirVersion::R4, "type"),
];

/// Those of a version.
pub fn parameters(version: FhirVersion) -> impl Iterator<Item = &'static Parameter> {
    PARAMETERS
        .iter()
        .filter(move |parameter| parameter.only.is_none_or(|only| only == version))
}

impl Parameter {
    /// The canonical of HL7's definition in that version.
    pub fn definition(&self, version: FhirVersion) -> String {
        let own = match self.name {
            "_id" | "_lastUpdated" => format!("Resource-{}", self.name.trim_start_matches('_')),
            name => format!("{AUDIT_EVENT}-{name}"),
        };
        let name = match (version, self.shared) {
            (FhirVersion::R5, Some(shared)) => shared,
            _ => &own,
        };
        format!("http://hl7.org/fhir/SearchParameter/{name}")
    }
}

/// What steers the answer instead of choosing records.
const STEERS: [&str; 8] = [
    "_count",
    "_total",
    TOTAL_METHOD,
    "_sort",
    "_summary",
    "_elements",
    "_format",
    "_pretty",
];

const DEFAULT_COUNT: usize = 50;
const MAX_COUNT: usize = 1000;

/// One criterion with its alternatives.
#[derive(Clone, Debug)]
enum Criterion {
    Id(Vec<String>),
    Date(Vec<DateValue>),
    Action(Vec<String>),
    Outcome(Vec<String>),
    /// References to the one who calls.
    Agent(Vec<String>),
    /// HSA-ids of the one who calls, the unit or its vårdgivare.
    AgentIdentifier(Vec<String>),
    /// `Type/id`.
    Entity(Vec<String>),
    /// Ids of patients.
    Patient(Vec<String>),
    /// Codes, where they stand in the AuditEvent.
    Coded(&'static str, Vec<TokenValue>),
}

/// A search that has been read.
pub struct Sok {
    version: FhirVersion,
    criteria: Vec<Criterion>,
    count: usize,
    total: Total,
    /// How much of each record is shown.
    pub subset: Subset,
    pub page: Option<String>,
    before: Option<i64>,
    pub used: Pairs,
    pub ignored: Vec<String>,
    pub fingerprint: u64,
}

impl Sok {
    /// `patient` is the one in whose compartment is searched.
    pub fn read(
        version: FhirVersion,
        patient: Option<&str>,
        pairs: Pairs,
        own_bases: &[String],
        now: i64,
        lenient: bool,
    ) -> Result<Sok, SearchError> {
        let mut sok = Sok {
            version,
            criteria: patient
                .map(|id| Criterion::Patient(vec![id.to_owned()]))
                .into_iter()
                .collect(),
            count: DEFAULT_COUNT,
            total: Total::No,
            subset: Subset::default(),
            page: None,
            before: None,
            used: Vec::new(),
            ignored: Vec::new(),
            fingerprint: 0,
        };
        for (name, value) in pairs {
            match sok.pair(&name, &value, own_bases, now) {
                Ok(()) if name == "_page" || value.is_empty() => {}
                Ok(()) => sok.used.push((name, value)),
                Err(SearchError::UnknownParameter(_) | SearchError::NoValue { .. }) if lenient => {
                    sok.ignored.push(shown(&name));
                }
                Err(error) => return Err(error),
            }
        }
        let chosen = sok.used.iter().filter(|(name, _)| !STEERS.contains(&name.as_str()));
        let parts = chosen.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let of = [AUDIT_EVENT, patient.unwrap_or_default()];
        sok.fingerprint = page::fingerprint(of.into_iter().chain(parts));
        if let Some(token) = &sok.page {
            sok.before = Some(end_of(token, sok.fingerprint).ok_or(SearchError::BadPage)?);
        }
        Ok(sok)
    }

    fn pair(&mut self, name: &str, value: &str, own_bases: &[String], now: i64) -> Result<(), SearchError> {
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (name, None),
        };
        let criterion = match (code, modifier) {
            // What steers the answer says nothing without a value, as in any search.
            (code, None) if STEERS.contains(&code) && value.is_empty() => return Ok(()),
            ("_format" | "_pretty", None) => return Ok(()),
            (TOTAL_METHOD, None) if is_total_method(value) => return Ok(()),
            ("_total", None) => {
                self.total = match value {
                    "none" => self.total,
                    "estimate" if self.total == Total::No => Total::IfFew,
                    "estimate" => self.total,
                    "accurate" => Total::Demanded,
                    _ => return Err(bad("_total")),
                };
                return Ok(());
            }
            ("_sort", None) if ["-date", "-_lastUpdated", "-_id"].contains(&value) => return Ok(()),
            ("_sort", None) => return Err(only_newest_first()),
            ("_summary", None) if value == "count" => {
                (self.count, self.total) = (0, Total::Demanded);
                return Ok(());
            }
            ("_summary" | "_elements", None) => {
                return take(&mut self.subset, (code, value), self.version, &[AUDIT_EVENT]);
            }
            ("_count", None) => {
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                let count = digits.then(|| value.parse().unwrap_or(MAX_COUNT));
                self.count = self.count.min(count.ok_or_else(|| bad("_count"))?.min(MAX_COUNT));
                // "_count=0 is the same as _summary=count" (search.html#count).
                if self.count == 0 {
                    self.total = Total::Demanded;
                }
                return Ok(());
            }
            ("_page", None) => {
                self.page = Some(value.to_owned());
                return Ok(());
            }
            (code, modifier) if let Some(known) = parameters(self.version).find(|known| known.name == code) => {
                let of_agent = code == "agent" && modifier == Some("identifier");
                if modifier.is_some() && !of_agent {
                    return Err(SearchError::UnknownModifier {
                        parameter: code.to_owned(),
                        modifier: shown(modifier.unwrap_or_default()),
                    });
                }
                if value.is_empty() {
                    return Err(SearchError::NoValue { parameter: shown(name) });
                }
                if !known.codings.is_empty() {
                    return self.coded(known, value);
                }
                let values = value.split(',').map(str::trim);
                let local = |value: &str| relative(value, own_bases).to_owned();
                let token = |value: &str| value.rsplit('|').next().unwrap_or_default().to_owned();
                match code {
                    "_id" => Criterion::Id(values.map(str::to_owned).collect()),
                    "action" => Criterion::Action(values.map(token).collect()),
                    "outcome" => Criterion::Outcome(values.map(token).collect()),
                    "agent" if of_agent => Criterion::AgentIdentifier(values.map(token).collect()),
                    "agent" => Criterion::Agent(values.map(local).collect()),
                    "entity" => Criterion::Entity(values.map(|value| without_version(&local(value))).collect()),
                    "patient" => Criterion::Patient(
                        values
                            .map(|value| {
                                let value = local(value);
                                value.strip_prefix("Patient/").unwrap_or(&value).to_owned()
                            })
                            .collect(),
                    ),
                    date => Criterion::Date(
                        values
                            .map(|value| DateValue::parse(value, now).ok_or_else(|| bad(date)))
                            .collect::<Result<_, _>>()?,
                    ),
                }
            }
            _ => return Err(SearchError::UnknownParameter(shown(name))),
        };
        self.criteria.push(criterion);
        Ok(())
    }

    /// Codes with their systems, as any token.
    fn coded(&mut self, parameter: &Parameter, value: &str) -> Result<(), SearchError> {
        let token = |value: &str| values::token(Kind::Concept, value);
        let tokens: Result<Vec<TokenValue>, _> =
            values::split(value).and_then(|all| all.into_iter().map(token).collect());
        let tokens = tokens.map_err(|error| SearchError::BadValue {
            parameter: parameter.name.to_owned(),
            reason: error.text(),
        })?;
        self.criteria.push(Criterion::Coded(parameter.codings, tokens));
        Ok(())
    }

    /// What the door is asked.
    pub fn fraga(self) -> Loggfraga {
        let (mut patients, mut asked) = (Vec::new(), Asked::default());
        let mut at: Option<(i64, i64)> = None;
        for criterion in &self.criteria {
            match criterion {
                Criterion::Patient(ids) => {
                    ids.iter().for_each(|id| asked.patient(id));
                    patients.push(ids.clone());
                }
                Criterion::Entity(named) => {
                    let ours = named.iter().filter_map(|named| local(named));
                    ours.filter(|(kind, _)| has_patient(*kind))
                        .for_each(|(kind, id)| asked.resource(kind, id));
                    let ids: Option<Vec<String>> = named
                        .iter()
                        .map(|named| named.strip_prefix("Patient/").map(str::to_owned))
                        .collect();
                    patients.extend(ids);
                }
                Criterion::Date(dates) => {
                    if let [date] = dates.as_slice() {
                        let (low, high) = bounds(date);
                        let (from, to) = at.unwrap_or((i64::MIN, i64::MAX));
                        at = Some((from.max(low), to.min(high)));
                    }
                }
                _ => {}
            }
        }
        let (version, criteria) = (self.version, self.criteria);
        Loggfraga {
            asked,
            query: LogQuery {
                patients,
                at,
                before: self.before,
                limit: 0,
            },
            count: self.count,
            total: self.total,
            holds: Box::new(move |rad| criteria.iter().all(|criterion| criterion.holds(version, rad))),
        }
    }
}

impl Criterion {
    fn holds(&self, version: FhirVersion, rad: &Recorded) -> bool {
        let same = |wanted: &String, stated: &str| wanted.trim().eq_ignore_ascii_case(stated.trim());
        match self {
            Criterion::Id(ids) => ids.contains(&rad.seq.to_string()),
            Criterion::Date(dates) => {
                let at = rad.at.as_microsecond();
                dates.iter().any(|date| date.matches(at, at + 1))
            }
            Criterion::Action(codes) => codes.iter().any(|code| code == action(&rad.interaction)),
            Criterion::Outcome(codes) => codes.iter().any(|code| code == outcome_code(version, &rad.outcome)),
            Criterion::Agent(references) => references.iter().any(|wanted| !wanted.is_empty() && *wanted == rad.who),
            Criterion::AgentIdentifier(values) => values.iter().any(|wanted| {
                !wanted.is_empty()
                    && [&rad.caller, &rad.unit, &rad.provider]
                        .iter()
                        .any(|stated| same(wanted, stated))
            }),
            Criterion::Entity(named) => named.iter().any(|wanted| {
                let patient = wanted.strip_prefix("Patient/");
                patient.is_some_and(|id| rad.patients.iter().any(|named| named == id))
                    || rad
                        .resources
                        .iter()
                        .any(|named| without_version(&reference(named)) == *wanted)
            }),
            Criterion::Patient(ids) => ids.iter().any(|id| rad.patients.contains(id)),
            Criterion::Coded(path, tokens) => {
                let event = audit_event(version, rad, For::Reviewer);
                walk(&event, path)
                    .into_iter()
                    .any(|coding| tokens.iter().any(|token| is_coded(coding, token)))
            }
        }
    }
}

/// Whether a coding is what is asked for.
fn is_coded(coding: &Value, token: &TokenValue) -> bool {
    let text = |member: &str| coding.get(member).and_then(Value::as_str);
    let system = match &token.system {
        SystemMatch::Any => true,
        SystemMatch::None => text("system").is_none(),
        SystemMatch::Is(system) => text("system") == Some(system),
    };
    system && token.value.as_deref().is_none_or(|code| text("code") == Some(code))
}

/// Where a date's matches lie, so that the database need not be asked for all.
fn bounds(date: &DateValue) -> (i64, i64) {
    match date.prefix {
        Prefix::Eq | Prefix::Ap => (date.low, date.high),
        Prefix::Ge => (date.low, i64::MAX),
        Prefix::Gt | Prefix::Sa => (date.low, i64::MAX),
        Prefix::Le | Prefix::Lt | Prefix::Eb => (i64::MIN, date.high),
        Prefix::Ne => (i64::MIN, i64::MAX),
    }
}

fn without_version(reference: &str) -> String {
    reference.split("/_history/").next().unwrap_or_default().to_owned()
}

/// The token of the page after this row.
pub fn token(fingerprint: u64, last: i64) -> String {
    page::encode(fingerprint, &[KeyPart::Number(last)])
}

/// The row that a page token names.
pub fn end_of(token: &str, fingerprint: u64) -> Option<i64> {
    match page::decode(token, fingerprint)?.as_slice() {
        [KeyPart::Number(last)] => Some(*last),
        _ => None,
    }
}

/// The log has one order.
fn only_newest_first() -> SearchError {
    SearchError::BadValue {
        parameter: "_sort".to_owned(),
        reason: Text::new(
            "loggen lämnas ut nyast först: -date",
            "the log is given newest first: -date",
        ),
    }
}

fn bad(parameter: &str) -> SearchError {
    SearchError::BadValue {
        parameter: parameter.to_owned(),
        reason: Text::new(
            "har ett värde som inte går att förstå",
            "has a value that cannot be understood",
        ),
    }
}
