//! The search of the access log: its parameters, and what they ask of the door. Time and patients are asked of the
//! database; the rest is held against the rows, newest first.

use super::auditevent::{action, outcome_code, reference};
use crate::api::search::Pairs;
use crate::door::loggranskning::Loggfraga;
use crate::fhir::fault::Text;
use crate::fhir::references::relative;
use crate::fhir::search::SearchError;
use crate::fhir::search::dates::{DateValue, Prefix};
use crate::fhir::search::page;
use crate::fhir::search::parse::shown;
use crate::fhir::search::query::KeyPart;
use crate::fhir::version::FhirVersion;
use crate::store::{LogQuery, Recorded};

/// The parameters and their types.
pub const PARAMETERS: [(&str, &str); 8] = [
    ("_id", "token"),
    ("_lastUpdated", "date"),
    ("action", "token"),
    ("agent", "reference"),
    ("date", "date"),
    ("entity", "reference"),
    ("outcome", "token"),
    ("patient", "reference"),
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
}

/// A search that has been read.
pub struct Sok {
    version: FhirVersion,
    criteria: Vec<Criterion>,
    count: usize,
    pub page: Option<String>,
    before: Option<i64>,
    pub used: Pairs,
    pub ignored: Vec<String>,
    pub fingerprint: u64,
}

impl Sok {
    pub fn read(
        version: FhirVersion,
        pairs: Pairs,
        own_bases: &[String],
        now: i64,
        lenient: bool,
    ) -> Result<Sok, SearchError> {
        let mut sok = Sok {
            version,
            criteria: Vec::new(),
            count: DEFAULT_COUNT,
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
        let chosen = sok
            .used
            .iter()
            .filter(|(name, _)| name != "_count" && name != "_pretty");
        let parts = chosen.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        sok.fingerprint = page::fingerprint(["AuditEvent"].into_iter().chain(parts));
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
            ("_format" | "_pretty", None) => return Ok(()),
            ("_count" | "_total" | "_sort" | "_summary", None) if value.is_empty() => return Ok(()),
            ("_total", None) if value == "none" => return Ok(()),
            ("_sort", None) if ["-date", "-_lastUpdated", "-_id"].contains(&value) => return Ok(()),
            ("_summary", None) if value == "false" => return Ok(()),
            ("_count", None) => {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let count = digits.then(|| value.parse().unwrap_or(MAX_COUNT));
                // None at all would never come to an end.
                self.count = count
                    .filter(|count| *count > 0)
                    .ok_or_else(|| bad("_count"))?
                    .min(MAX_COUNT);
                return Ok(());
            }
            ("_page", None) => {
                self.page = Some(value.to_owned());
                return Ok(());
            }
            (code, modifier) if PARAMETERS.iter().any(|(known, _)| *known == code) => {
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

    /// What the door is asked.
    pub fn fraga(self) -> Loggfraga {
        let mut patients = Vec::new();
        let mut at: Option<(i64, i64)> = None;
        for criterion in &self.criteria {
            match criterion {
                Criterion::Patient(ids) => patients.push(ids.clone()),
                Criterion::Entity(named) => {
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
            query: LogQuery {
                patients,
                at,
                before: self.before,
                limit: 0,
            },
            count: self.count,
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
        }
    }
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

fn bad(parameter: &str) -> SearchError {
    SearchError::BadValue {
        parameter: parameter.to_owned(),
        reason: Text::new(
            "har ett värde som inte går att förstå",
            "has a value that cannot be understood",
        ),
    }
}
