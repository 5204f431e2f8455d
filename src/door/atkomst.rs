//! Where the access decision meets the store: the eyes that searches and histories look with, the decision about one
//! resource that is asked for by its id, and what is cut out of it. What a write is refused for stands in skrivratt.rs.

use std::sync::Arc;

use super::Door;
use super::logg::note_denied;
use super::problem::Problem;
use crate::access::beslut::{self, Lasare, PERSONER, Post};
use crate::access::medgivande::{Medgivande, medgivanden, racker_innehall, racker_patient};
use crate::access::{Call, Caller, Decision, Right, Target, decide, klipp, sikt};
use crate::fhir::search::query::{Criterion, SearchQuery, SortBy};
use crate::fhir::types::ResourceType;
use crate::store::{Kept, Ratt, Session, Sikt, Slag, StoreError, Stored};

/// What findings tell of: contacts, plans and staff.
const FINDINGS_OF: [ResourceType; 5] = [
    ResourceType::Organization,
    ResourceType::Patient,
    ResourceType::CareTeam,
    ResourceType::CarePlan,
    ResourceType::Practitioner,
];

impl Door {
    /// Refuses what the access decision denies before any record is looked at.
    pub(super) fn permit(&self, call: &Call, right: Right, target: impl Into<Target>) -> Result<(), Problem> {
        match decide(call, right, target) {
            Decision::Permit => Ok(()),
            Decision::Deny => Err(Problem::Forbidden),
            Decision::Unknown => Err(Problem::Unauthorized),
        }
    }

    /// Refuses findings, which tell of resources without showing them, unless the scopes reach all of each type: whether a
    /// granular one reaches what a finding is about is not known by the finding.
    pub(super) fn permit_findings(&self, call: &Call) -> Result<(), Problem> {
        for kind in FINDINGS_OF {
            self.permit(call, Right::Read, kind)?;
            if let Caller::Known(identity) = &call.caller {
                let granted = medgivanden(identity, Right::Read, kind);
                if granted.iter().all(|granted| !granted.filter.is_empty()) {
                    return Err(Problem::Forbidden);
                }
            }
        }
        Ok(())
    }

    /// This instant, in microseconds since 1970.
    pub(super) fn nu(&self) -> i64 {
        self.clock.now().as_microsecond()
    }

    /// What the call sees by this right; `None`: everything.
    pub(super) fn eyes(&self, call: &Call, right: Right) -> Option<Arc<Sikt>> {
        sikt::sikt(call, right, self.nu())
    }

    /// What the call sees in this search.
    pub(super) fn eyes_in(&self, call: &Call, query: &SearchQuery) -> Option<Arc<Sikt>> {
        let asks_where = query.parts().any(|(_, criteria)| criteria.iter().any(asks_where))
            || query.sort.iter().any(|key| match key.by {
                SortBy::Text(text) => is_adress(text.param),
                _ => false,
            });
        match asks_where {
            true => sikt::sikt_pa_adress(call, Right::Search, self.nu()),
            false => self.eyes(call, Right::Search),
        }
    }

    /// The resource as the call may see it by this right; `None` when it may not: then it is as if it was not there, and the
    /// attempt is noted. `version` when an earlier version may be what is asked for.
    pub(super) fn seen(
        &self,
        call: &Call,
        session: &mut Session,
        (right, stored, version): (Right, Option<Stored>, bool),
    ) -> Result<Option<Stored>, StoreError> {
        let Some(stored) = stored else { return Ok(None) };
        let (kind, id) = (stored.kind, stored.id.clone());
        let seen = self.visible(call, session, (right, stored, version))?;
        if seen.is_none() {
            note_denied(call, Some((kind, &id)));
        }
        Ok(seen)
    }

    /// The same of what the caller has not asked for by its name: that it is not shown is no attempt.
    pub(super) fn visible(
        &self,
        call: &Call,
        session: &mut Session,
        (right, stored, version): (Right, Stored, bool),
    ) -> Result<Option<Stored>, StoreError> {
        let Some(lasare) = Lasare::of(call) else {
            return Ok(Some(stored));
        };
        let record = (stored.kind, stored.id.as_str(), version.then_some(stored.version));
        let Some((kept, ratter)) = readable(session, (&lasare, self.nu()), record)? else {
            return Ok(None);
        };
        if !reaches(call, right, &kept, &stored)? {
            return Ok(None);
        }
        cut((&lasare, self.nu()), &kept, &ratter, stored).map(Some)
    }

    /// What was found with the call's eyes, as the call may see it: nothing but what is cut out is lacking.
    pub(super) fn shown(&self, call: &Call, session: &mut Session, stored: Stored) -> Result<Stored, StoreError> {
        match Lasare::of(call) {
            None => Ok(stored),
            Some(lasare) if !may_be_cut(&lasare, &stored) => Ok(stored),
            Some(lasare) => {
                let kept = session.kept_beside(stored.kind, &stored.id)?.unwrap_or_default();
                let ratter = ratter(session, &kept, self.nu())?;
                cut((&lasare, self.nu()), &kept, &ratter, stored)
            }
        }
    }

    /// The same of many.
    pub(super) fn all_shown(
        &self,
        call: &Call,
        session: &mut Session,
        found: Vec<Stored>,
    ) -> Result<Vec<Stored>, StoreError> {
        found
            .into_iter()
            .map(|stored| self.shown(call, session, stored))
            .collect()
    }

    /// Whether others keep something about the patient that may be known to exist, though it is not shown.
    pub(super) fn annorstades(&self, call: &Call, session: &mut Session, patient: &str) -> Result<bool, StoreError> {
        match sikt::anas(call, patient, self.nu()) {
            None => Ok(false),
            Some(sikt) => session.sees_any_of(patient, &sikt),
        }
    }
}

/// What is kept beside a record that this reader may read, with what the patient's records say; of a version, when one is
/// named. `None`: it is not there, or may not be read.
pub(super) fn readable(
    session: &mut Session,
    (lasare, nu): (&Lasare, i64),
    (kind, id, version): (ResourceType, &str, Option<i64>),
) -> Result<Option<(Kept, Vec<Ratt>)>, StoreError> {
    let Some(kept) = session.kept_beside(kind, id)? else {
        return Ok(None);
    };
    let version = match version {
        Some(version) => session.kept_version(kind, id, version)?,
        None => None,
    };
    let ratter = ratter(session, &kept, nu)?;
    let post = Post {
        kind,
        kept: &kept,
        version,
    };
    let may = beslut::far_lasa(lasare, post, &ratter, nu).is_ok();
    Ok(may.then_some((kept, ratter)))
}

pub(super) fn ratter(session: &mut Session, kept: &Kept, nu: i64) -> Result<Vec<Ratt>, StoreError> {
    match &kept.patient {
        Some(patient) => session.ratter(patient, nu),
        None => Ok(Vec::new()),
    }
}

/// Whether the scopes reach this record.
pub(super) fn reaches(call: &Call, right: Right, kept: &Kept, stored: &Stored) -> Result<bool, StoreError> {
    let Caller::Known(identity) = &call.caller else {
        return Ok(false);
    };
    for granted in medgivanden(identity, right, stored.kind) {
        if racker_patient(&granted, (stored.kind, kept.allman), kept.patient.as_deref())
            && reaches_content(&granted, stored)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the content itself fulfils what a granular scope asks, which an earlier version may not; and whether the type is
/// permitted at all.
pub(super) fn content_reached(call: &Call, right: Right, stored: &Stored) -> bool {
    let Caller::Known(identity) = &call.caller else {
        return !matches!(call.caller, Caller::Anonymous);
    };
    let granted = medgivanden(identity, right, stored.kind);
    granted
        .iter()
        .any(|granted| reaches_content(granted, stored).unwrap_or(false))
}

/// A delete has no content that a granular scope could match.
fn reaches_content(granted: &Medgivande, stored: &Stored) -> Result<bool, StoreError> {
    Ok(granted.filter.is_empty() || (!stored.deleted && racker_innehall(granted, stored.kind, &stored.resource()?)))
}

/// Whether a look at what is kept is needed to know what is to be cut out.
fn may_be_cut(lasare: &Lasare, stored: &Stored) -> bool {
    match lasare {
        Lasare::Patient { .. } => stored.body.contains(klipp::INTERN_ANTECKNING),
        Lasare::Vard(_) => tells_where(stored),
    }
}

fn tells_where(stored: &Stored) -> bool {
    let contains = |kind: &&str| stored.body.contains(&format!("\"{kind}\""));
    PERSONER.contains(&stored.kind)
        || (stored.body.contains("\"contained\"") && klipp::TYPER_MED_ADRESS.iter().any(contains))
}

pub(super) fn cut(
    (lasare, nu): (&Lasare, i64),
    kept: &Kept,
    ratter: &[Ratt],
    mut stored: Stored,
) -> Result<Stored, StoreError> {
    if stored.deleted || !may_be_cut(lasare, &stored) {
        return Ok(stored);
    }
    match lasare {
        Lasare::Patient { .. } => {
            let mut resource = stored.resource()?;
            if klipp::interna_anteckningar(&mut resource) {
                stored.body = resource.to_string();
            }
        }
        Lasare::Vard(_) => {
            let protected = kept.skyddad || ratter.iter().any(|ratt| ratt.slag == Slag::Skyddad);
            if protected && !beslut::far_se_adress(lasare, kept, ratter, nu) {
                let mut resource = stored.resource()?;
                klipp::adresser(&mut resource);
                stored.body = resource.to_string();
            }
        }
    }
    Ok(stored)
}

/// Whether a search parameter (its name in the index) tells where a person lives or how she is reached.
fn is_adress(param: &str) -> bool {
    param.starts_with("address") || matches!(param, "telecom" | "phone" | "email")
}

/// Whether a criterion, or what it asks of others, is about where a person lives or how she is reached.
fn asks_where(criterion: &Criterion) -> bool {
    match criterion {
        Criterion::Token { param, .. } | Criterion::Missing { param, .. } | Criterion::UriBelow { param, .. } => {
            is_adress(param)
        }
        Criterion::String { param, also, .. } => is_adress(param) || also.iter().any(|name| is_adress(name)),
        Criterion::Chain { any_of, .. } => any_of.iter().any(|far| asks_where(&far.criterion)),
        Criterion::Has { from, .. } => asks_where(&from.criterion),
        Criterion::Any(any_of) => any_of.iter().any(asks_where),
        Criterion::Id { .. }
        | Criterion::LastUpdated { .. }
        | Criterion::Reference { .. }
        | Criterion::Date { .. }
        | Criterion::Quantity { .. }
        | Criterion::Pair(_)
        | Criterion::CareUnit { .. } => false,
    }
}
