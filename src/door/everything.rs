//! `Patient/[id]/$everything`: all that is held about a patient, and what that refers to, on one unchanging state of the
//! database.

use super::Door;
use super::atkomst::content_reached;
use super::logg::{note, told};
use super::problem::Problem;
use super::read::{MOST_INCLUDED, live};
use crate::access::{Call, Right};
use crate::fhir::types::ResourceType;
use crate::store::{EverythingEnd, EverythingQuery, Included, Referred, Stored};

/// A page of it.
pub struct Everything {
    /// What belongs to the patient, as far as the caller may see it.
    pub entries: Vec<Stored>,
    /// Who and what they refer to that belongs to no patient.
    pub included: Included,
    /// Others keep what may be known to exist but is not shown.
    pub annorstades: bool,
    /// Where the page ends, when there is another.
    pub next: Option<EverythingEnd>,
}

impl Door {
    /// A page; `own_bases` are our own base URLs.
    pub async fn everything(
        &self,
        call: &Call,
        mut query: EverythingQuery,
        own_bases: Vec<String>,
    ) -> Result<Everything, Problem> {
        self.permit(call, Right::Read, ResourceType::Patient)?;
        let full = query.limit;
        // One more tells whether there is a next page.
        query.limit += 1;
        let (door, call) = (self.clone(), call.clone());
        let work = self.store.read_for(call.caller.party(None), move |session| {
            session.snapshot(|session| {
                let patient = session.current(ResourceType::Patient, &query.patient)?;
                live(door.seen(&call, session, (Right::Read, patient, false))?)?;
                let Some(key) = session.patient_key(&query.patient)? else {
                    return Err(Problem::NotFound);
                };
                let eyes = door.eyes(&call, Right::Read);
                let mut rows = session.seen_by(eyes.clone(), |session| session.everything(key, &query))?;
                let more = rows.len() as i64 > full;
                if more {
                    rows.pop();
                }
                let next = rows.last().filter(|_| more).map(|(_, end)| *end);
                let entries = rows.into_iter().map(|(stored, _)| stored);
                let entries: Vec<Stored> = entries.collect();
                let how = Referred {
                    own_bases: &own_bases,
                    most: MOST_INCLUDED,
                    may_see: &|stored| content_reached(&call, Right::Read, stored),
                };
                let mut included = session.seen_by(eyes, |session| session.all_referred(&entries, &how))?;
                included.entries = door.all_shown(&call, session, included.entries)?;
                note(&call, session, entries.iter().chain(&included.entries))?;
                call.disclosed
                    .note(told(session, [(ResourceType::Patient, query.patient.as_str())])?);
                Ok(Everything {
                    annorstades: door.annorstades(&call, session, &query.patient)?,
                    entries: door.all_shown(&call, session, entries)?,
                    included,
                    next,
                })
            })
        });
        work.await
    }
}
