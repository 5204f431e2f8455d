//! Where the access decision meets the store: the eyes that searches and histories look with, the decision about one
//! resource that is asked for by its id, what is cut out of it, and who keeps what is written.

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Identifier, Reference};
use serde_json::Value;

use super::Door;
use super::logg::note_denied;
use super::problem::Problem;
use super::underlag::OppenTransaktion;
use crate::access::beslut::{self, Lasare, PERSONER, Post, Skrivning};
use crate::access::medgivande::{medgivanden, racker, racker_patient};
use crate::access::{Call, Caller, Decision, Identity, Right, Target, decide, harledning, klipp, sikt};
use crate::fhir::identifiers::{HSA_ID, canonical_system};
use crate::fhir::search::IndexEntry;
use crate::fhir::search::query::{Criterion, SearchQuery, SortBy};
use crate::fhir::types::ResourceType;
use crate::riktlinje::{enhetens_hsa_id, hallande_enhet};
use crate::store::{Hallare, Keeping, Kept, Ratt, Session, Sikt, Slag, StoreError, Stored, hsa_form};

/// Whether a search parameter (its name in the index) tells where a person lives or how she is reached.
fn is_adress(param: &str) -> bool {
    param.starts_with("address") || matches!(param, "telecom" | "phone" | "email")
}

/// What a write is about: what stands there, with what is kept beside it; what is to stand there, with what is to be kept
/// beside it, and whose that is.
type What<'w> = (
    Option<(&'w Stored, &'w Kept)>,
    Option<(&'w Value, &'w Keeping)>,
    Option<&'w str>,
);

impl Door {
    /// Refuses what the access decision denies before any record is looked at.
    pub(super) fn permit(&self, call: &Call, right: Right, target: impl Into<Target>) -> Result<(), Problem> {
        match decide(call, right, target) {
            Decision::Permit => Ok(()),
            Decision::Deny => Err(Problem::Forbidden),
            Decision::Unknown => Err(Problem::Unauthorized),
        }
    }

    /// Refuses what tells of resources of these types without showing them, unless the scopes reach all of each: whether a
    /// granular one reaches what a finding is about is not known by the finding.
    pub(super) fn permit_findings(&self, call: &Call, kinds: &[ResourceType]) -> Result<(), Problem> {
        for kind in kinds {
            self.permit(call, Right::Read, *kind)?;
            if let Caller::Known(identity) = &call.caller {
                let granted = medgivanden(identity, Right::Read, *kind);
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
        let Some(kept) = session.kept_beside(stored.kind, &stored.id)? else {
            return Ok(None);
        };
        let version = match version {
            true => session.kept_version(stored.kind, &stored.id, stored.version)?,
            false => None,
        };
        let ratter = ratter(session, &kept, self.nu())?;
        let post = Post {
            kind: stored.kind,
            kept: &kept,
            version,
        };
        if beslut::far_lasa(&lasare, post, &ratter, self.nu()).is_err() || !reaches(call, right, &kept, &stored)? {
            return Ok(None);
        }
        cut(&lasare, &kept, &ratter, stored).map(Some)
    }

    /// What was found with the call's eyes, as the call may see it: nothing but what is cut out is lacking.
    pub(super) fn shown(&self, call: &Call, session: &mut Session, stored: Stored) -> Result<Stored, StoreError> {
        match Lasare::of(call) {
            None => Ok(stored),
            Some(lasare) if !may_be_cut(&lasare, &stored) => Ok(stored),
            Some(lasare) => {
                let kept = session.kept_beside(stored.kind, &stored.id)?.unwrap_or_default();
                let ratter = ratter(session, &kept, self.nu())?;
                cut(&lasare, &kept, &ratter, stored)
            }
        }
    }

    /// Whether others keep something about the patient that may be known to exist, though it is not shown.
    pub(super) fn annorstades(&self, call: &Call, session: &mut Session, patient: &str) -> Result<bool, StoreError> {
        match sikt::anas(call, patient, self.nu()) {
            None => Ok(false),
            Some(sikt) => session.sees_any_of(patient, &sikt),
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

    /// Refuses to touch what the caller may not know of, before anything is told of its version: who may not read it is not
    /// told that it is there. Nor is it written over when it is deleted.
    pub(super) fn may_touch(
        &self,
        call: &Call,
        session: &mut Session,
        (stored, kept): (&Stored, &Kept),
        right: Right,
    ) -> Result<(), Problem> {
        let Some(lasare) = Lasare::of(call) else { return Ok(()) };
        let post = Post {
            kind: stored.kind,
            kept,
            version: None,
        };
        let ratter = ratter(session, kept, self.nu())?;
        let decided = match beslut::far_lasa(&lasare, post, &ratter, self.nu()) {
            Err(_) => Err(Problem::NotFound),
            Ok(_) => match self.permit(call, right, stored.kind) {
                Ok(()) if !stored.deleted && !reaches(call, right, kept, stored)? => Err(Problem::Forbidden),
                permitted => permitted,
            },
        };
        if decided.is_err() {
            note_denied(call, Some((stored.kind, &stored.id)));
        }
        decided
    }

    /// Refuses a write that the access decision denies: of what stands there, which the caller may touch
    /// ([`Door::may_touch`]), and of what is to stand.
    pub(super) fn may_write(
        &self,
        call: &Call,
        session: &mut Session,
        what: What<'_>,
        kind: ResourceType,
    ) -> Result<(), Problem> {
        let decided = self.decide_write(call, session, what, kind);
        if matches!(decided, Err(Problem::Forbidden | Problem::NotFound)) {
            note_denied(call, what.0.map(|(stored, _)| (stored.kind, stored.id.as_str())));
        }
        decided
    }

    fn decide_write(
        &self,
        call: &Call,
        session: &mut Session,
        (before, after, patient): What<'_>,
        kind: ResourceType,
    ) -> Result<(), Problem> {
        let Some(lasare) = Lasare::of(call) else { return Ok(()) };
        let (current, fore) = before.unzip();
        let living = current.filter(|stored| !stored.deleted);
        let right = right_of(current, after.is_none());
        self.permit(call, right, kind)?;
        let efter = after.map(|(_, keeping)| Kept {
            patient: patient.map(str::to_owned),
            hallare: match (&keeping.hallare, fore) {
                (Some(hallare), _) => hallare.clone(),
                (None, Some(fore)) => fore.hallare.clone(),
                (None, None) => Hallare::Okand,
            },
            dold: keeping.dold,
            skyddad: keeping.skyddad,
            allman: keeping.allman,
            ..Kept::default()
        });
        let ratter = match (fore, &efter) {
            (Some(kept), _) | (None, Some(kept)) => ratter(session, kept, self.nu())?,
            (None, None) => Vec::new(),
        };
        let (mut bara_innehall, mut bara_avslut) = (false, false);
        let mut gav = Vec::new();
        let mut sparr = after.is_some_and(|(resource, _)| harledning::ar_sparr(kind, resource));
        if let (Some(stored), Some(fore)) = (living, fore) {
            let before = stored.resource()?;
            sparr |= harledning::ar_sparr(kind, &before);
            bara_innehall = after.is_some_and(|(after, _)| harledning::bara_innehall(&before, after));
            if kind == ResourceType::Consent {
                bara_avslut = after
                    .is_some_and(|(after, _)| harledning::bara_avslut(&before, after, (self.nu(), self.clock.today())));
                gav = session.ratter_of(kind, &stored.id)?;
            }
            // Who is shown less than what is stored would take the rest away.
            if cut(&lasare, fore, &ratter, stored.clone())?.body != stored.body {
                return Err(Problem::Forbidden);
            }
        }
        // What is given or blocked in her name is not hidden from her, nor a part of it (PDL 5:5): else she could not end it.
        let hides = |(resource, keeping): (&Value, &Keeping)| {
            keeping.dold || klipp::interna_anteckningar(&mut resource.clone())
        };
        if kind == ResourceType::Consent && after.is_some_and(hides) {
            return Err(Problem::Forbidden);
        }
        let mut nya_hsa_id = Vec::new();
        if let (Lasare::Vard(vard), Some((resource, _)), ResourceType::Organization) = (&lasare, after, kind)
            && !vard.katalog
        {
            nya_hsa_id = organisationens_hsa_id(resource);
            let id = current.map(|stored| stored.id.as_str());
            if takes_anothers_id(session, &vard.egna(), id, &nya_hsa_id)? {
                return Err(Problem::Forbidden);
            }
            if let Some(stored) = living {
                let before = organisationens_hsa_id(&stored.resource()?);
                nya_hsa_id.retain(|id| !before.contains(id));
            }
        }
        if let (Caller::Known(identity), Some((resource, _))) = (&call.caller, after) {
            let granted = medgivanden(identity, right, kind);
            if !granted.iter().any(|granted| racker(granted, kind, patient, resource)) {
                return Err(Problem::Forbidden);
            }
        }
        let skrivning = Skrivning {
            kind,
            fore,
            efter: efter.as_ref(),
            sparr,
            bara_innehall,
            bara_avslut,
            gav: &gav,
            ger: after.map_or(&[], |(_, keeping)| keeping.ratter.as_slice()),
            nya_hsa_id: &nya_hsa_id,
            ratter: &ratter,
        };
        beslut::far_skriva(&lasare, skrivning, self.nu()).map_err(|_| Problem::Forbidden)
    }
}

/// The right that a write makes use of: by what stands there, and whether it is a delete.
pub(super) fn right_of(current: Option<&Stored>, deletes: bool) -> Right {
    match current.filter(|stored| !stored.deleted) {
        _ if deletes => Right::Delete,
        None => Right::Create,
        Some(_) => Right::Update,
    }
}

/// What is kept beside what a caller writes over `before`. Who keeps it is the unit that it states, else whoever kept it
/// before, else the caller's unit; and it is not told anew while the unit is the same: the record stays with the vårdgivare
/// that kept it.
pub(super) fn keeping(
    caller: &Caller,
    underlag: &mut OppenTransaktion<'_>,
    what: (ResourceType, &Value, &[IndexEntry]),
    (fact, before): (&Fact, Option<Kept>),
) -> Result<Keeping, StoreError> {
    let stated = hallande_enhet(fact, underlag)?;
    let before = before.map(|kept| kept.hallare).filter(|kept| *kept != Hallare::Okand);
    let hallare = match (who_keeps(caller, &stated), before) {
        // What others wrote down for the patient does not become her own because she ends it.
        (Some(Hallare::Patienten), before) => before.or(Some(Hallare::Patienten)),
        (_, Some(before)) if stated.is_empty() => Some(before),
        (Some(Hallare::Enhet(now)), Some(Hallare::Enhet(before))) if now.first() == before.first() => {
            Some(Hallare::Enhet(before))
        }
        (now, _) => now,
    };
    keeping_of(underlag, what, Some(fact), hallare)
}

/// What is kept beside a resource that is renewed: who keeps it as far as it says so itself.
pub(super) fn keeping_anew(
    underlag: &mut OppenTransaktion<'_>,
    what: (ResourceType, &Value, &[IndexEntry]),
    (fact, before): (Option<&Fact>, Option<Kept>),
) -> Result<Keeping, StoreError> {
    match fact {
        Some(fact) => keeping(&Caller::Service, underlag, what, (fact, before)),
        None => keeping_of(underlag, what, None, None),
    }
}

fn keeping_of(
    underlag: &mut OppenTransaktion<'_>,
    (kind, resource, entries): (ResourceType, &Value, &[IndexEntry]),
    fact: Option<&Fact>,
    hallare: Option<Hallare>,
) -> Result<Keeping, StoreError> {
    let chain = match &hallare {
        Some(Hallare::Enhet(chain)) => chain.as_slice(),
        _ => &[],
    };
    let mut failed = None;
    let units = |organization: &Value| {
        let Some(fact) = fact else { return Vec::new() };
        match enhetens_hsa_id(&reference_of(organization), fact, underlag) {
            Ok(ids) => ids.iter().filter_map(|id| hsa_form(id)).collect(),
            Err(error) => {
                failed = Some(error);
                Vec::new()
            }
        }
    };
    let keeping = harledning::harled(kind, resource, entries, chain, units);
    match failed {
        Some(error) => Err(error),
        None => Ok(Keeping { hallare, ..keeping }),
    }
}

/// The HSA-ids of an Organization, in capitals. What cannot be one is told as it is: it is nobody's to give.
pub(super) fn organisationens_hsa_id(organization: &Value) -> Vec<String> {
    let identifiers = organization.get("identifier").and_then(Value::as_array);
    let is_hsa = |system: &str| canonical_system(system) == HSA_ID;
    let of_hsa = identifiers
        .into_iter()
        .flatten()
        .filter(|identifier| identifier["system"].as_str().is_some_and(is_hsa));
    let values = of_hsa.filter_map(|identifier| identifier["value"].as_str());
    values
        .map(|value| hsa_form(value).unwrap_or_else(|| value.to_owned()))
        .collect()
}

/// Whether an Organization carries the HSA-id of one that another vårdgivare keeps: who names that unit by its id would be
/// led here, and what lies in it with them.
fn takes_anothers_id(
    session: &mut Session,
    own: &[String],
    id: Option<&str>,
    hsa_ids: &[String],
) -> Result<bool, StoreError> {
    for value in hsa_ids {
        for other in session.with_identifier(ResourceType::Organization, &[HSA_ID], value)? {
            let kept = session.kept_beside(other.kind, &other.id)?.unwrap_or_default();
            if Some(other.id.as_str()) != id && !beslut::halls_av(&kept, own) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The unit that is stated, else the caller's. What the caller states within the own unit or vårdgivare lies there and in
/// nothing else, whatever the catalogue says: others write in it too.
fn who_keeps(caller: &Caller, stated: &[String]) -> Option<Hallare> {
    let mut chain: Vec<String> = stated.iter().filter_map(|id| hsa_form(id)).collect();
    let (unit, vardgivare) = match caller {
        Caller::Known(identity) => match own(identity) {
            Some(own) => own,
            None => return Some(Hallare::Patienten),
        },
        _ => (None, None),
    };
    if chain.is_empty() {
        chain.extend(unit);
        chain.extend(vardgivare);
        chain.dedup();
    } else if let Some(vardgivare) = vardgivare
        && let Some(own) = chain
            .iter()
            .position(|id| *id == vardgivare || Some(id) == unit.as_ref())
    {
        chain.truncate(own + 1);
        if !chain.contains(&vardgivare) {
            chain.push(vardgivare);
        }
    }
    (!chain.is_empty()).then_some(Hallare::Enhet(chain))
}

/// The unit and the vårdgivare that somebody acts for; `None` for a patient.
fn own(identity: &Identity) -> Option<(Option<String>, Option<String>)> {
    use crate::access::Who;
    match &identity.who {
        Who::Patient(_) => None,
        Who::Medarbetare(it) => Some((hsa_form(&it.vardenhet), hsa_form(&it.vardgivare))),
        Who::System(it) => Some((it.vardenhet.as_deref().and_then(hsa_form), hsa_form(&it.vardgivare))),
    }
}

/// As the rules see a reference.
pub(super) fn reference_of(value: &Value) -> Reference {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Reference {
        reference: text(value, "reference"),
        type_: text(value, "type"),
        identifier: value.get("identifier").map(|identifier| {
            Box::new(Identifier {
                system: text(identifier, "system"),
                value: text(identifier, "value"),
                ..Identifier::default()
            })
        }),
        ..Reference::default()
    }
}

pub(super) fn ratter(session: &mut Session, kept: &Kept, nu: i64) -> Result<Vec<Ratt>, StoreError> {
    match &kept.patient {
        Some(patient) => session.ratter(patient, nu),
        None => Ok(Vec::new()),
    }
}

/// Whether the scopes reach this record.
fn reaches(call: &Call, right: Right, kept: &Kept, stored: &Stored) -> Result<bool, StoreError> {
    let Caller::Known(identity) = &call.caller else {
        return Ok(false);
    };
    for granted in medgivanden(identity, right, stored.kind) {
        let patient = kept.patient.as_deref();
        let reached = match granted.filter.is_empty() {
            true => racker_patient(&granted, stored.kind, patient),
            // A delete has no content that a granular scope could match.
            false => !stored.deleted && racker(&granted, stored.kind, patient, &stored.resource()?),
        };
        if reached {
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
    medgivanden(identity, right, stored.kind).iter().any(|granted| {
        granted.filter.is_empty()
            || (!stored.deleted
                && stored.resource().is_ok_and(|resource| {
                    let content = crate::access::medgivande::Medgivande {
                        bara: None,
                        filter: granted.filter.clone(),
                    };
                    racker(&content, stored.kind, None, &resource)
                }))
    })
}

/// Whether a look at what is kept is needed to know what is to be cut out.
fn may_be_cut(lasare: &Lasare, stored: &Stored) -> bool {
    match lasare {
        Lasare::Patient { .. } => stored.body.contains(klipp::INTERN_ANTECKNING),
        Lasare::Vard(_) => holds_person(stored),
    }
}

fn holds_person(stored: &Stored) -> bool {
    let contains = |kind: &ResourceType| stored.body.contains(&format!("\"{kind}\""));
    PERSONER.contains(&stored.kind) || (stored.body.contains("\"contained\"") && PERSONER.iter().any(contains))
}

fn cut(lasare: &Lasare, kept: &Kept, ratter: &[Ratt], mut stored: Stored) -> Result<Stored, StoreError> {
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
            if protected && !beslut::far_se_adress(lasare, kept) {
                let mut resource = stored.resource()?;
                klipp::adresser(&mut resource);
                stored.body = resource.to_string();
            }
        }
    }
    Ok(stored)
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
