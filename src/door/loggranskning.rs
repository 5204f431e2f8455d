//! Reading the access log, as AuditEvents and as the extract that a patient has a right to (PDL 8:5). What is read of the
//! log is logged in its turn.

use std::collections::BTreeMap;

use super::logg::{outcome, told};
use super::{Door, problem::Problem};
use crate::access::{Call, Caller, Disclosure, Right, Target, Who};
use crate::fhir::identifiers::{HSA_ID, equivalent_systems};
use crate::fhir::json::reread;
use crate::fhir::types::ResourceType;
use crate::store::{LogQuery, Recorded, Session, StoreError, hsa_form};

/// Rows that are looked through for one page, at the most; when they hold less than a page, the next link goes on from there.
const MOST_LOOKED_THROUGH: usize = 10_000;
/// Rows that are read in one go.
const AT_ONCE: i64 = 500;

/// What is asked of the log.
pub struct Loggfraga {
    pub query: LogQuery,
    /// Rows on a page.
    pub count: usize,
    /// What a row must be besides.
    pub holds: Box<dyn Fn(&Recorded) -> bool + Send>,
}

/// A page of the log, newest first.
pub struct Loggsida {
    pub rader: Vec<Recorded>,
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
                let found = session.log_row(seq)?.filter(|rad| sees(&call, rad));
                let rad = found.ok_or(Problem::NotFound)?;
                note_rows(&call, std::slice::from_ref(&rad));
                Ok(rad)
            })
            .await
    }

    /// A page of the log.
    pub async fn logg(&self, call: &Call, fraga: Loggfraga) -> Result<Loggsida, Problem> {
        self.permit(call, Right::Search, Target::Logg)?;
        let fraga = within_sight(call, fraga);
        let call = call.clone();
        self.store
            .read(move |session| {
                let sida = session.snapshot(|session| page(session, fraga))?;
                note_rows(&call, &sida.rader);
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
                Who::Patient(own) if own.patient != patient => return Err(Problem::NotFound),
                Who::Patient(_) => self.permit(call, Right::Read, ResourceType::Patient)?,
                Who::Medarbetare(_) | Who::System(_) => self.permit(call, Right::Read, Target::Logg)?,
            },
            _ => self.permit(call, Right::Read, Target::Logg)?,
        }
        fraga.query.patients = vec![vec![patient.clone()]];
        fraga.holds = Box::new(|rad| matches!(rad.outcome.as_str(), outcome::SUCCESS | outcome::PARTLY));
        let fraga = within_sight(call, fraga);
        let call = call.clone();
        self.store
            .read(move |session| {
                session.snapshot(|session| {
                    // A patient whose Patient resource is deleted has the right all the same.
                    if session.patient_key(&patient)?.is_none()
                        && session.current(ResourceType::Patient, &patient)?.is_none()
                    {
                        return Err(Problem::NotFound);
                    }
                    call.disclosed
                        .note(told(session, [(ResourceType::Patient, patient.as_str())])?);
                    let mut sida = page(session, fraga)?;
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

/// Whether a caller who may review the log sees this row of it: each vårdgivare reviews what its own have done (PDL 4:3). A
/// patient's extract has the rows of all.
fn sees(call: &Call, rad: &Recorded) -> bool {
    let Caller::Known(identity) = &call.caller else {
        return true;
    };
    match &identity.who {
        Who::Patient(_) => true,
        Who::Medarbetare(it) => is_of(rad, &it.vardgivare),
        Who::System(it) => is_of(rad, &it.vardgivare),
    }
}

fn is_of(rad: &Recorded, vardgivare: &str) -> bool {
    hsa_form(&rad.provider).is_some_and(|own| Some(own) == hsa_form(vardgivare))
}

/// The question, of the rows that the caller sees.
fn within_sight(call: &Call, fraga: Loggfraga) -> Loggfraga {
    let (call, holds) = (call.clone(), fraga.holds);
    Loggfraga {
        holds: Box::new(move |rad| sees(&call, rad) && holds(rad)),
        ..fraga
    }
}

fn page(session: &mut Session, fraga: Loggfraga) -> Result<Loggsida, StoreError> {
    let mut sida = Loggsida {
        rader: Vec::new(),
        next: None,
        enheter: BTreeMap::new(),
    };
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
            if (fraga.holds)(&row) {
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
    let systems = equivalent_systems(HSA_ID);
    for written in [hsa_id.to_owned(), hsa_id.to_ascii_uppercase()] {
        let found = session.with_identifier(ResourceType::Organization, &systems, &written)?;
        if let Some(stored) = found.first() {
            let name = reread(&stored.body)
                .ok()
                .and_then(|unit| unit["name"].as_str().map(str::to_owned));
            return Ok(name.unwrap_or_default());
        }
    }
    Ok(String::new())
}
