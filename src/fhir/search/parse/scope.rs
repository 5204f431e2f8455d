//! What a search is over, as its address tells: one type, a compartment, or all there is. A search over several types is
//! read once for each, with what they have in common; their answers are one list.

use std::fmt;

use crate::fhir::search::compartments::{self, COMPARTMENTS};
use crate::fhir::search::extract::is_id;
use crate::fhir::search::query::Part;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

use super::{Handling, ParseContext, Parsed, Reading, SearchError, bad, shown};

/// Narrows a search over several types.
pub(super) const TYPE: &str = "_type";

/// The resources that are searched (http.html#search, compartmentdefinition.html).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `[base]/[type]`
    Type(ResourceType),
    /// `[base]`
    System,
    /// `[base]/[compartment]/[id]/[type]`, or with `*` every type that lies in the compartment.
    Compartment {
        of: ResourceType,
        id: String,
        kind: Option<ResourceType>,
    },
}

impl fmt::Display for Scope {
    /// The path below `[base]`, without a slash before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Type(kind) => write!(f, "{kind}"),
            Scope::System => Ok(()),
            Scope::Compartment { of, id, kind: None } => write!(f, "{of}/{id}/*"),
            Scope::Compartment {
                of,
                id,
                kind: Some(kind),
            } => write!(f, "{of}/{id}/{kind}"),
        }
    }
}

impl Scope {
    /// From a path below `[base]` (`CareTeam`, `Patient/1/CareTeam`, `Patient/1/*`, nothing at all); `None` when it is not
    /// that of a search.
    pub fn of_path(version: FhirVersion, path: &str) -> Option<Scope> {
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Some(Scope::System);
        }
        let scope = match path.split('/').collect::<Vec<_>>()[..] {
            [kind] => Scope::Type(ResourceType::from_name(kind)?),
            [of, id, kind] => Scope::Compartment {
                of: ResourceType::from_name(of).filter(|of| COMPARTMENTS.contains(of))?,
                id: Some(id).filter(|id| is_id(id))?.to_owned(),
                kind: match kind {
                    "*" => None,
                    name => Some(ResourceType::from_name(name)?),
                },
            },
            _ => return None,
        };
        // A type of which nothing lies in the compartment has no address there.
        Some(scope).filter(|scope| !scope.kinds(version).is_empty())
    }

    /// The types that are searched unless `_type` says otherwise.
    fn kinds(&self, version: FhirVersion) -> Vec<ResourceType> {
        match self {
            Scope::Type(kind) => vec![*kind],
            Scope::System => ResourceType::ALL.to_vec(),
            Scope::Compartment { of, kind, .. } => compartments::members(version, *of)
                .map(|(member, _)| member)
                .filter(|member| kind.is_none_or(|kind| kind == *member))
                .collect(),
        }
    }

    /// Whether `_type` may narrow it.
    fn has_several(&self) -> bool {
        matches!(self, Scope::System | Scope::Compartment { kind: None, .. })
    }
}

/// Reads a search in a scope; the type that `context` names is not looked at.
pub fn parse_in(pairs: &[(String, String)], scope: &Scope, context: &ParseContext) -> Result<Parsed, SearchError> {
    let all = scope.kinds(context.version);
    let mut kinds = all.clone();
    let narrowing = pairs.iter().filter(|(name, value)| name == TYPE && !value.is_empty());
    for (_, value) in narrowing.filter(|_| scope.has_several()) {
        let wanted = types(value, &all)?;
        kinds.retain(|kind| wanted.contains(kind));
    }
    let contexts: Vec<ParseContext> = kinds
        .iter()
        .map(|kind| ParseContext {
            kind: *kind,
            ..*context
        })
        .collect();
    let read = |pairs: &[(String, String)]| -> Result<Vec<Reading>, SearchError> {
        contexts
            .iter()
            .map(|context| read_one(pairs, context, scope, &kinds))
            .collect()
    };
    let mut readings = read(pairs)?;
    let mut ignored = Vec::new();
    if context.handling == Handling::Lenient && readings.len() > 1 {
        // What one of the types does not know is asked of none.
        let mut common = pairs.to_vec();
        common.retain(|pair| readings.iter().all(|reading| reading.used.contains(pair)));
        ignored = readings.iter().flat_map(|reading| reading.ignored.clone()).collect();
        ignored.sort_unstable();
        ignored.dedup();
        readings = read(&common)?;
    }
    let mut readings = readings.into_iter();
    let Some(mut first) = readings.next() else {
        return Err(bad(TYPE, "inga typer är gemensamma", "no types in common"));
    };
    for other in readings {
        // Only one order can hold for all.
        if other.query.sort != first.query.sort {
            return Err(SearchError::NotCommon {
                parameter: "_sort".to_owned(),
                kind: other.context.kind,
            });
        }
        first.query.also.push(Part {
            kind: other.context.kind,
            criteria: other.query.criteria,
        });
    }
    first.ignored.extend(ignored);
    if let Scope::Compartment { of, id, .. } = scope {
        first.query.compartment = Some((*of, id.clone()));
    }
    first.finish(&scope.to_string())
}

/// The search as one of the types understands it.
fn read_one<'c>(
    pairs: &[(String, String)],
    context: &'c ParseContext<'c>,
    scope: &Scope,
    kinds: &[ResourceType],
) -> Result<Reading<'c>, SearchError> {
    let mut reading = Reading::new(context, kinds);
    reading.may_have_type = scope.has_several();
    if let Scope::Compartment { of, id, .. } = scope {
        let owner = (*of, id.as_str());
        reading.query.criteria.extend(compartments::criterion(
            context.version,
            owner,
            context.kind,
            context.own_bases,
        ));
    }
    reading.pairs(pairs).map_err(|error| match error {
        SearchError::UnknownParameter(parameter) if kinds.len() > 1 => SearchError::NotCommon {
            parameter,
            kind: context.kind,
        },
        other => other,
    })?;
    Ok(reading)
}

/// The types that `_type` names, each of which must be one of those that can be searched there.
fn types(value: &str, among: &[ResourceType]) -> Result<Vec<ResourceType>, SearchError> {
    let named = value.split(',').map(|name| {
        ResourceType::from_name(name)
            .filter(|kind| among.contains(kind))
            .ok_or_else(|| {
                bad(
                    TYPE,
                    format!("{} är ingen resurstyp som kan sökas här", shown(name)),
                    format!("{} is no resource type that can be searched here", shown(name)),
                )
            })
    });
    named.collect()
}
