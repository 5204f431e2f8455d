//! The access log's records (PDL 4:3, 4:9; HSLF-FS 2016:40 4:9): every read notes here what it is about to disclose, and when
//! the answer is ready one record is made of all that the request disclosed, before the answer goes out. A write leaves its
//! record in its own transaction.

use std::collections::BTreeSet;

use super::efterfragat::{of_order, of_search, owners, resources};
use super::problem::Problem;
use super::{Door, Looked, Order, Written};
use crate::access::{Asked, Call, Caller, Disclosed, Disclosure, Interaction, Who};
use crate::fhir::search::SearchQuery;
use crate::fhir::types::ResourceType;
use crate::hsa::hsa_form;
use crate::store::{Owners, Record, Session, StoreError, Stored};

/// How what a record is about ended, as the log has it.
pub mod outcome {
    /// It was done, or disclosed.
    pub const SUCCESS: &str = "success";
    /// The access decision let nothing out.
    pub const DENIED: &str = "denied";
    /// Some of what was asked for was denied (entries of a batch).
    pub const PARTLY: &str = "partly";
    /// The riktlinje refused the write; its findings were told.
    pub const REFUSED: &str = "refused";
    /// It could not be done because of what is stored, and that was told (a precondition, a patch that does not fit).
    pub const FAILED: &str = "failed";
}

/// Stands as the interaction of those who were not let in.
pub const AUTHENTICATE: &str = "authenticate";

/// What these resources, about to be disclosed, mean to the log.
pub(super) fn disclosure<'s>(
    session: &mut Session,
    stored: impl IntoIterator<Item = &'s Stored>,
) -> Result<Disclosure, StoreError> {
    let stored: Vec<&Stored> = stored.into_iter().collect();
    let resources = stored.iter().map(|it| (it.kind, it.id.clone(), it.version)).collect();
    Ok(of(session.owners_of_stored(stored)?, resources))
}

/// What is told of patients and resources without showing a version of them.
pub(super) fn told<'s>(
    session: &mut Session,
    resources: impl IntoIterator<Item = (ResourceType, &'s str)>,
) -> Result<Disclosure, StoreError> {
    let resources: Vec<(ResourceType, &str)> = resources.into_iter().collect();
    let named = resources
        .iter()
        .map(|(kind, id)| (*kind, (*id).to_owned(), 0))
        .collect();
    Ok(of(session.owners(&resources)?, named))
}

/// What is told of these owners' resources.
pub(super) fn of(owners: Owners, resources: BTreeSet<(ResourceType, String, i64)>) -> Disclosure {
    Disclosure {
        patients: owners.patients,
        keepers: owners.keepers,
        resources,
        looked: true,
        ..Disclosure::default()
    }
}

impl Looked {
    /// The resources that are shown.
    pub(super) fn resources(&self) -> Vec<&Stored> {
        match self {
            Looked::Resource(stored) => vec![stored],
            Looked::History(versions) => versions.iter().map(|past| &past.stored).collect(),
            Looked::Page(page) => page.entries.iter().chain(&page.included.entries).collect(),
        }
    }
}

/// Notes in the call what is about to be disclosed.
pub(super) fn note<'s>(
    call: &Call,
    session: &mut Session,
    stored: impl IntoIterator<Item = &'s Stored>,
) -> Result<(), StoreError> {
    call.disclosed.note(disclosure(session, stored)?);
    Ok(())
}

/// Notes that the call asked for this record and is not let to it, whatever it is told.
pub(super) fn note_denied(call: &Call, record: Option<(ResourceType, &str)>) {
    call.disclosed.deny();
    if let Some((kind, id)) = record {
        call.disclosed.ask_of(kind, id);
    }
}

/// The patients whom criteria name, beyond those that are noted already: the answer tells of them, whatever was found.
pub(super) fn named<'q>(
    call: &Call,
    session: &mut Session,
    queries: impl IntoIterator<Item = &'q SearchQuery>,
) -> Result<Disclosure, StoreError> {
    let mut disclosure = Disclosure::default();
    for query in queries {
        let owners = owners(session, &call.disclosed.beyond(of_search(query)))?;
        // Who keeps what was asked about follows that up too, whatever was found.
        disclosure.add(of(owners, BTreeSet::new()));
    }
    Ok(disclosure)
}

/// What the judgement of an order that is only thought of tells of.
pub(super) fn thought_of(session: &mut Session, order: &Order) -> Result<Disclosure, StoreError> {
    let patient = order.patient();
    let patient = patient.iter().map(|id| (ResourceType::Patient, id.as_str()));
    let mut disclosure = told(session, patient.chain([(order.kind(), order.id())]))?;
    // Of a patient of whom nothing was ever stored there is nothing to tell.
    disclosure.patients.retain(|_, key| key.is_some());
    // The patient's own resource is not shown.
    disclosure.resources = resources(session, &of_order(order))?;
    Ok(disclosure)
}

/// Notes that something was looked for by these criteria, whether it was found or not.
pub(super) fn note_looked(call: &Call, session: &mut Session, query: &SearchQuery) -> Result<(), StoreError> {
    let named = named(call, session, [query])?;
    call.disclosed.note(named);
    Ok(())
}

/// What orders that were not carried out were about.
pub(super) fn note_undone<T>(call: &Call, orders: &[Order], outcome: &Result<T, Problem>) {
    if outcome.is_err() {
        orders.iter().for_each(|order| call.disclosed.ask(of_order(order)));
    }
}

/// Whether the answer tells of what is stored, though nothing was done.
fn tells_of_what_is_stored(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::PreconditionFailed { .. }
            | Problem::NotSelective { .. }
            | Problem::IdTaken { .. }
            | Problem::OthersWithin
            | Problem::IfMatchRequired { .. }
            | Problem::PatchFailed { .. }
            | Problem::Deleted { .. }
    )
}

/// How the log has it; `None`: nothing was told of anybody.
fn outcome_of(result: Result<(), &Problem>, disclosure: &Disclosure) -> Option<&'static str> {
    let Disclosure {
        denied, failed, looked, ..
    } = *disclosure;
    match result.map_err(Problem::itself) {
        Err(Problem::Forbidden | Problem::Unauthorized) => Some(outcome::DENIED),
        Err(Problem::Refused(_)) => Some(outcome::REFUSED),
        // Denied, but told as if it were not there.
        Err(_) if denied => Some(outcome::DENIED),
        Err(problem) if failed || tells_of_what_is_stored(problem) => Some(outcome::FAILED),
        Err(_) => None,
        Ok(()) if looked && (denied || failed) => Some(outcome::PARTLY),
        Ok(()) if denied => Some(outcome::DENIED),
        Ok(()) if failed => Some(outcome::FAILED),
        Ok(()) => looked.then_some(outcome::SUCCESS),
    }
}

impl Door {
    /// Notes that an entry of a batch came to nothing, as far as that tells of what is stored.
    pub fn note_failed_entry(&self, batch: &Call, entry: &Call, problem: &Problem) {
        match problem.itself() {
            Problem::Forbidden | Problem::Unauthorized => entry.disclosed.deny(),
            Problem::Refused(_) => entry.disclosed.fail(),
            problem if tells_of_what_is_stored(problem) => entry.disclosed.fail(),
            _ => {}
        }
        let asked = entry.disclosed.take_asked();
        if asked.is_undone() {
            batch.disclosed.ask(asked);
        }
    }

    /// Writes the record of a request that has been carried out, or has come to nothing: one for all that it disclosed, or
    /// asked about. Only when this has succeeded may the answer go out. What discloses nothing (a request that cannot be
    /// understood, the service's own definitions) leaves none; nor does a write again, which has left its own.
    pub async fn log(
        &self,
        call: &Call,
        interaction: Interaction,
        result: Result<(), &Problem>,
    ) -> Result<(), Problem> {
        let mut disclosure = call.disclosed.take();
        let Some(outcome) = outcome_of(result, &disclosure) else {
            return Ok(());
        };
        if !self.access_log {
            return Ok(());
        }
        if outcome != outcome::SUCCESS {
            let asked = call.disclosed.take_asked();
            if outcome == outcome::DENIED {
                // What was read on the way was not let out; what is told is what was asked for.
                disclosure = Disclosure::default();
            }
            let mut asked = self.asked_about(asked).await?;
            if outcome == outcome::PARTLY {
                // Whoever keeps what was denied follows that up; in the patient's eyes it was no access.
                let disclosed = &disclosure.patients;
                let denied = asked.patients.keys().filter(|id| !disclosed.contains_key(*id));
                asked.nekade = denied.cloned().collect();
            }
            disclosure.add(asked);
        }
        let record = self.record(call, interaction, outcome, disclosure);
        self.store.log(call.caller.party(None), record).await.map_err(|error| {
            tracing::error!(%error, request_id = %call.request_id, "the access log could not be written");
            Problem::NotLogged
        })
    }

    /// What a request that came to nothing was about, and whose that is.
    async fn asked_about(&self, asked: Asked) -> Result<Disclosure, Problem> {
        if asked.is_empty() {
            return Ok(Disclosure::default());
        }
        let found = self
            .store
            .look_up(move |session| Ok::<_, StoreError>(of(owners(session, &asked)?, resources(session, &asked)?)));
        found.await.map_err(|error| {
            tracing::error!(%error, "what was asked about could not be told to the access log");
            Problem::NotLogged
        })
    }

    /// Writes the record of an attempt by one who is not let in, so that it is not known what was to be done.
    pub async fn log_stranger(&self, request_id: String) -> Result<(), Problem> {
        let call = Call {
            caller: Caller::Anonymous,
            // It stands in no record: nothing was done.
            interaction: Interaction::Capabilities,
            purpose: "".into(),
            nodoppning: None,
            request_id,
            disclosed: Disclosed::default(),
        };
        let mut record = self.record(&call, call.interaction, outcome::DENIED, Disclosure::default());
        record.interaction = AUTHENTICATE;
        self.store.log(call.caller.party(None), record).await.map_err(|error| {
            tracing::error!(%error, request_id = %call.request_id, "the access log could not be written");
            Problem::NotLogged
        })
    }

    /// The record of what was written, and disclosed with it; written in the transaction.
    pub(super) fn log_write<'w>(
        &self,
        call: &Call,
        session: &mut Session,
        written: impl IntoIterator<Item = &'w Written>,
        mut disclosure: Disclosure,
    ) -> Result<(), StoreError> {
        let written: Vec<&Written> = written.into_iter().collect();
        let ids: Vec<(ResourceType, &str)> = written.iter().map(|it| (it.kind, it.id.as_str())).collect();
        let resources = written.iter().map(|it| (it.kind, it.id.clone(), it.version)).collect();
        disclosure.add(of(session.owners(&ids)?, resources));
        // Criteria that chose what is written asked about patients too.
        let asked = call.disclosed.asked().beyond(&disclosure);
        disclosure.add(of(owners(session, &asked)?, BTreeSet::new()));
        session.record(&self.record(call, call.interaction, outcome::SUCCESS, disclosure))
    }

    fn record(&self, call: &Call, interaction: Interaction, outcome: &'static str, disclosure: Disclosure) -> Record {
        let mut record = Record {
            at: self.clock.now(),
            capacity: "",
            caller: call.caller.name().to_owned(),
            who: String::new(),
            unit: String::new(),
            provider: String::new(),
            client: String::new(),
            purpose: call.purpose.clone().into_owned(),
            emergency: call
                .nodoppning
                .as_ref()
                .map_or_else(String::new, |stated| stated.skal.clone()),
            interaction: interaction.code(),
            outcome,
            request_id: call.request_id.clone(),
            resources: disclosure.resources.into_iter().collect(),
            patients: disclosure.patients.into_iter().collect(),
            nekade: disclosure.nekade,
            keepers: Vec::new(),
        };
        match &call.caller {
            Caller::Open => record.capacity = "open",
            Caller::Service => record.capacity = "service",
            Caller::Anonymous => record.capacity = "anonymous",
            Caller::Known(identity) => {
                record.client = identity.client.clone().unwrap_or_default();
                match &identity.who {
                    Who::Patient(patient) => {
                        record.capacity = "patient";
                        let own = || format!("Patient/{}", patient.patient);
                        record.who = patient.ombud.clone().unwrap_or_else(own);
                    }
                    Who::Medarbetare(medarbetare) => {
                        record.capacity = "medarbetare";
                        record.who = medarbetare.fhir_user.clone().unwrap_or_default();
                        record.unit = medarbetare.vardenhet.clone();
                        record.provider = medarbetare.vardgivare.clone();
                    }
                    Who::System(system) => {
                        record.capacity = "system";
                        record.unit = system.vardenhet.clone().unwrap_or_default();
                        record.provider = system.vardgivare.clone();
                    }
                }
                // Whose records others were told of, so that they can follow it up.
                let others = |keeper: &String| hsa_form(&record.provider).as_ref() != Some(keeper);
                record.keepers = disclosure.keepers.into_iter().filter(others).collect();
            }
        }
        record
    }
}
