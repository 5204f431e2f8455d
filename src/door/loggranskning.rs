//! Reading the access log, as AuditEvents and as the extract that a patient has a right to (PDL 8:5). What is read of the
//! log is logged in its turn.

use std::collections::{BTreeMap, BTreeSet};

use super::efterfragat::owners;
use super::logg::{of, outcome, told};
use super::{Door, problem::Problem};
use crate::access::{Asked, Call, Caller, Disclosure, Right, Target, Who};
use crate::fhir::identifiers::HSA_ID;
use crate::fhir::types::ResourceType;
use crate::hsa::hsa_form;
use crate::store::{LogQuery, Recorded, Session, StoreError};

/// Rows that are looked through for one page, at the most; when they hold less than a page, the next link goes on from there.
const MOST_LOOKED_THROUGH: usize = 10_000;
/// Rows that are read in one go.
const AT_ONCE: i64 = 500;

/// What is asked of the log.
pub struct Loggfraga {
    pub query: LogQuery,
    /// Rows on a page; none at all when only their number is asked for.
    pub count: usize,
    /// Whether the number of all rows is told.
    pub total: Total,
    /// Whom it is about, by its own words.
    pub asked: Asked,
    /// What a row must be besides.
    pub holds: Box<dyn Fn(&Recorded) -> bool + Send>,
}

/// Whether, and how, the number of all that is found is told. To count, what is found is looked through: no further than
/// for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    No,
    /// When the end comes soon enough.
    IfFew,
    /// [`Problem::TooCostly`] when it does not.
    Demanded,
}

/// A page of the log, newest first.
#[derive(Default)]
pub struct Loggsida {
    pub rader: Vec<Recorded>,
    /// How many are found in all, when that was asked for and is known.
    pub total: Option<i64>,
    /// The row after which the next page begins, when there may be more.
    pub next: Option<i64>,
    /// Names of the units in the extract, by HSA-id.
    pub enheter: BTreeMap<String, String>,
}

impl Door {
    /// One row of the log.
    pub async fn logg_rad(&self, call: &Call, seq: i64) -> Result<Recorded, Problem> {
        self.permit(call, Right::Read, Target::Logg)?;
        let call = call.clone();
        self.store
            .look_up(move |session| {
                let rad = session.log_row(seq)?.ok_or(Problem::NotFound)?;
                let rad = seen(&call, session, rad)?.ok_or_else(|| {
                    call.disclosed.deny();
                    Problem::NotFound
                })?;
                note_rows(&call, std::slice::from_ref(&rad));
                Ok(rad)
            })
            .await
    }

    /// A page of the log.
    pub async fn logg(&self, call: &Call, fraga: Loggfraga) -> Result<Loggsida, Problem> {
        let asked = fraga.asked.clone();
        self.permit(call, Right::Search, Target::Logg)
            .inspect_err(|_| call.disclosed.ask(asked.clone()))?;
        let call = call.clone();
        self.store
            .read_for(call.caller.party(None), move |session| {
                let sida = session.snapshot(|session| {
                    let total = total(&call, session, &fraga)?;
                    let sida = match fraga.count {
                        0 => Loggsida::default(),
                        _ => page(&call, session, fraga)?,
                    };
                    Ok::<_, Problem>(Loggsida { total, ..sida })
                })?;
                note_rows(&call, &sida.rader);
                // Whose log was asked for, whatever was found.
                let owners = owners(session, &call.disclosed.beyond(asked))?;
                call.disclosed.note(of(owners, BTreeSet::new()));
                Ok(sida)
            })
            .await
    }

    /// A page of the extract of one patient's log: who had access, and when. Attempts that were denied disclosed nothing and
    /// are not in it.
    pub async fn loggutdrag(&self, call: &Call, patient: String, mut fraga: Loggfraga) -> Result<Loggsida, Problem> {
        match &call.caller {
            // The patient's own right needs no scope on the log.
            Caller::Known(identity) => match &identity.who {
                Who::Patient(own) if own.patient != patient => {
                    call.disclosed.deny();
                    return Err(Problem::NotFound);
                }
                Who::Patient(_) => self.permit(call, Right::Read, ResourceType::Patient)?,
                Who::Medarbetare(_) | Who::System(_) => self.permit(call, Right::Read, Target::Logg)?,
            },
            _ => self.permit(call, Right::Read, Target::Logg)?,
        }
        fraga.query.patients = vec![vec![patient.clone()]];
        let of = patient.clone();
        fraga.holds = Box::new(move |rad| {
            matches!(rad.outcome.as_str(), outcome::SUCCESS | outcome::PARTLY)
                && rad.patients.contains(&of)
                && !rad.nekade.contains(&of)
        });
        let call = call.clone();
        self.store
            .read_for(call.caller.party(None), move |session| {
                session.snapshot(|session| {
                    // A patient whose Patient resource is deleted has the right all the same.
                    if session.patient_key(&patient)?.is_none()
                        && session.current(ResourceType::Patient, &patient)?.is_none()
                    {
                        return Err(Problem::NotFound);
                    }
                    call.disclosed
                        .note(told(session, [(ResourceType::Patient, patient.as_str())])?);
                    let mut sida = page(&call, session, fraga)?;
                    for rad in &sida.rader {
                        if !rad.unit.is_empty() && !sida.enheter.contains_key(&rad.unit) {
                            let name = unit_name(session, &rad.unit)?;
                            sida.enheter.insert(rad.unit.clone(), name);
                        }
                    }
                    Ok(sida)
                })
            })
            .await
    }
}

/// The row as a caller who may review the log sees it: each vårdgivare reviews what its own have done, and what others have
/// had to do with the records that it keeps (PDL 4:3), of which nothing but those is shown. Who is trusted with the log of
/// all (`reviewers` in the settings) sees every row, also of those who were not let in. A patient's extract has the rows of all.
fn seen(call: &Call, session: &mut Session, rad: Recorded) -> Result<Option<Recorded>, StoreError> {
    let Caller::Known(identity) = &call.caller else {
        return Ok(Some(rad));
    };
    let own = match &identity.who {
        Who::Patient(_) => return Ok(Some(rad)),
        _ if identity.granskar_allt => return Ok(Some(rad)),
        Who::Medarbetare(it) => hsa_form(&it.vardgivare),
        Who::System(it) => hsa_form(&it.vardgivare),
    };
    match own {
        Some(own) if hsa_form(&rad.provider).as_ref() == Some(&own) => Ok(Some(rad)),
        Some(own) if rad.keepers.contains(&own) => kept_by(&own, session, rad).map(Some),
        _ => Ok(None),
    }
}

/// The row with nothing but what this vårdgivare keeps.
fn kept_by(own: &str, session: &mut Session, mut rad: Recorded) -> Result<Recorded, StoreError> {
    let named = rad
        .resources
        .iter()
        .map(|named| (named.kind.as_str(), named.id.as_str()));
    let named = named.filter_map(|(kind, id)| Some((ResourceType::from_name(kind)?, id)));
    let patients = rad.patients.iter().map(|id| (ResourceType::Patient, id.as_str()));
    let named: Vec<(ResourceType, &str)> = named.collect();
    let all: Vec<(ResourceType, &str)> = named.iter().copied().chain(patients).collect();
    let kept = session.kept_by(own, &all)?;
    let kept: Vec<(ResourceType, &str)> = kept.iter().map(|(kind, id)| (*kind, id.as_str())).collect();
    let patients = session.owners(&kept)?.patients;
    // A patient of whom it tells by the records of others alone has those: that is not told.
    let (of_own, of_others): (Vec<_>, Vec<_>) = named.iter().partition(|named| kept.contains(named));
    let (of_own, of_others) = (session.owners(&of_own)?.patients, session.owners(&of_others)?.patients);
    let is_told = |id: &String| patients.contains_key(id) && (of_own.contains_key(id) || !of_others.contains_key(id));
    let told: Vec<String> = rad.patients.iter().filter(|id| is_told(id)).cloned().collect();
    rad.patients = told;
    rad.resources.retain(|named| {
        kept.iter()
            .any(|(kind, id)| named.kind == kind.name() && named.id == *id)
    });
    rad.keepers = vec![own.to_owned()];
    Ok(rad)
}

/// How many rows are found in all, from the newest on.
fn total(call: &Call, session: &mut Session, fraga: &Loggfraga) -> Result<Option<i64>, Problem> {
    if fraga.total == Total::No {
        return Ok(None);
    }
    let mut query = LogQuery {
        limit: AT_ONCE,
        before: None,
        ..fraga.query.clone()
    };
    let (mut total, mut looked_through) = (0, 0);
    loop {
        let rows = session.log_rows(&query)?;
        looked_through += rows.len();
        query.before = rows.last().map(|row| row.seq);
        let last = (rows.len() as i64) < AT_ONCE;
        for row in rows {
            total += usize::from(seen(call, session, row)?.is_some_and(|row| (fraga.holds)(&row)));
        }
        if last {
            return Ok(i64::try_from(total).ok());
        }
        if looked_through >= MOST_LOOKED_THROUGH {
            return match fraga.total {
                Total::Demanded => Err(Problem::TooCostly),
                _ => Ok(None),
            };
        }
    }
}

fn page(call: &Call, session: &mut Session, fraga: Loggfraga) -> Result<Loggsida, StoreError> {
    let mut sida = Loggsida::default();
    let mut query = LogQuery {
        limit: AT_ONCE,
        ..fraga.query
    };
    let mut looked_through = 0;
    loop {
        let rows = session.log_rows(&query)?;
        let last = (rows.len() as i64) < AT_ONCE;
        for row in rows {
            if sida.rader.len() == fraga.count {
                return Ok(sida);
            }
            looked_through += 1;
            sida.next = Some(row.seq);
            // What is held against the question is what is seen of the row.
            if let Some(row) = seen(call, session, row)?.filter(|row| (fraga.holds)(row)) {
                sida.rader.push(row);
            }
        }
        if last {
            sida.next = None;
            return Ok(sida);
        }
        if looked_through >= MOST_LOOKED_THROUGH {
            return Ok(sida);
        }
        query.before = sida.next;
    }
}

/// Who reads the log sees whose records were seen.
fn note_rows(call: &Call, rows: &[Recorded]) {
    let patients = rows.iter().flat_map(|rad| &rad.patients);
    call.disclosed.note(Disclosure {
        patients: patients.map(|id| (id.clone(), None)).collect(),
        looked: true,
        ..Disclosure::default()
    });
}

/// The name of the unit with this HSA-id; empty when it is not registered.
fn unit_name(session: &mut Session, hsa_id: &str) -> Result<String, StoreError> {
    let found = session.with_identifier(ResourceType::Organization, &[HSA_ID], hsa_id)?;
    let unit = found.first().and_then(|stored| stored.resource().ok());
    Ok(unit
        .and_then(|unit| unit["name"].as_str().map(str::to_owned))
        .unwrap_or_default())
}
