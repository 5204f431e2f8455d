//! What the scopes of a token grant, for one right on one type: everything, one patient's, or what a granular scope's
//! search matches (SMART 2). What a scope says that we cannot hold a record against grants nothing.

use serde_json::Value;

use super::beslut::ar_ingens;
use super::caller::{Identity, Who};
use super::scope::{About, Context, Right};
use crate::fhir::search::query::{Criterion, SystemMatch, TokenValue};
use crate::fhir::search::{Handling, IndexEntry, ParseContext, index, parse};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// What one scope grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medgivande {
    /// Only what is filed on this patient, and what tells of no patient.
    pub bara: Option<String>,
    /// Only what fulfils all of these, each of which is one about tokens.
    pub filter: Vec<Criterion>,
}

/// All that is granted; any of them suffices. Empty: nothing.
pub fn medgivanden(identity: &Identity, right: Right, kind: ResourceType) -> Vec<Medgivande> {
    let mut granted: Vec<Medgivande> = Vec::new();
    for scope in &identity.scopes.0 {
        if !scope.about.covers(kind) || !scope.rights.has(right) {
            continue;
        }
        let bara = match (scope.context, &identity.who) {
            (Context::Patient, Who::Patient(it)) => Some(it.patient.clone()),
            (Context::Patient, Who::Medarbetare(it)) => match &it.patient {
                Some(patient) => Some(patient.clone()),
                None => continue,
            },
            (Context::User, Who::Medarbetare(_)) | (Context::System, Who::System(_)) => None,
            _ => continue,
        };
        let Some(filter) = scope
            .filter
            .as_deref()
            .map_or(Some(Vec::new()), |text| read(kind, text))
        else {
            continue;
        };
        let new = Medgivande { bara, filter };
        if new.bara.is_none() && new.filter.is_empty() {
            return vec![new];
        }
        granted.push(new);
    }
    granted
}

/// Whether the access log may be reviewed: by a scope that names it, and says nothing that would confine it. Patients have
/// their extract.
pub fn far_granska(identity: &Identity, right: Right) -> bool {
    identity.scopes.0.iter().any(|scope| {
        let own = match identity.who {
            Who::Patient(_) => false,
            Who::Medarbetare(_) => scope.context == Context::User,
            Who::System(_) => scope.context == Context::System,
        };
        own && scope.about == About::Log && scope.rights.has(right) && scope.filter.is_none()
    })
}

/// The criteria of a granular scope; `None` when they ask for what cannot be seen in the record alone.
fn read(kind: ResourceType, filter: &str) -> Option<Vec<Criterion>> {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(filter.trim_start_matches('?').as_bytes())
        .into_owned()
        .collect();
    if pairs.is_empty() {
        return Some(Vec::new());
    }
    let context = ParseContext {
        version: FhirVersion::R5,
        kind,
        own_bases: &[],
        now: 0,
        handling: Handling::Strict,
        default_count: 1,
        max_count: 1,
    };
    let parsed = parse(&pairs, &context).ok()?;
    let plain = parsed.query.sort.is_empty() && parsed.query.includes.is_empty() && parsed.used.len() == pairs.len();
    let criteria = parsed.query.criteria;
    let all_tokens = criteria
        .iter()
        .all(|criterion| matches!(criterion, Criterion::Token { .. }));
    // Each pair is one criterion: what shows or orders the answer is none.
    (plain && all_tokens && criteria.len() == pairs.len()).then_some(criteria)
}

/// Whether a grant reaches a record: filed on this patient, with this content (R5).
pub fn racker(
    granted: &Medgivande,
    (kind, allman): (ResourceType, bool),
    patient: Option<&str>,
    resource: &Value,
) -> bool {
    racker_patient(granted, (kind, allman), patient) && racker_innehall(granted, kind, resource)
}

/// The same, of the content alone.
pub fn racker_innehall(granted: &Medgivande, kind: ResourceType, resource: &Value) -> bool {
    granted.filter.is_empty() || {
        let entries = index(kind, resource);
        granted.filter.iter().all(|criterion| fulfils(&entries, criterion))
    }
}

/// The same, of the patient alone.
pub fn racker_patient(granted: &Medgivande, (kind, allman): (ResourceType, bool), patient: Option<&str>) -> bool {
    match &granted.bara {
        None => true,
        Some(own) => ar_ingens(kind, allman) || (!own.is_empty() && patient.is_some_and(|it| it == own)),
    }
}

fn fulfils(entries: &[IndexEntry], criterion: &Criterion) -> bool {
    let Criterion::Token { param, any_of, not, .. } = criterion else {
        return false;
    };
    let found = entries.iter().any(|entry| match entry {
        IndexEntry::Token {
            param: own,
            system,
            value,
        } => own == param && any_of.iter().any(|wanted| is(wanted, system.as_deref(), value)),
        _ => false,
    });
    found != *not
}

fn is(wanted: &TokenValue, system: Option<&str>, value: &str) -> bool {
    let same_system = match &wanted.system {
        SystemMatch::Any => true,
        SystemMatch::None => system.is_none(),
        SystemMatch::Is(uri) => system == Some(uri),
    };
    same_system && wanted.value.as_deref().is_none_or(|wanted| wanted == value)
}
