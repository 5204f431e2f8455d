//! The access log's records (PDL 4:3, 4:9; HSLF-FS 2016:40 4:9): every read notes here what it is about to disclose, and when
//! the answer is ready one record is made of all that the request disclosed, before the answer goes out. A write leaves its
//! record in its own transaction.

use super::problem::Problem;
use super::{Door, Looked, Order, Written};
use crate::access::{Attempted, Call, Caller, Disclosed, Disclosure, Interaction, Who};
use crate::fhir::types::ResourceType;
use crate::store::{Record, Session, StoreError, Stored};

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
}

/// Stands as the interaction of those who were not let in.
pub const AUTHENTICATE: &str = "authenticate";

/// What these resources, about to be disclosed, mean to the log.
pub(super) fn disclosure<'s>(
    session: &mut Session,
    stored: impl IntoIterator<Item = &'s Stored>,
) -> Result<Disclosure, StoreError> {
    let stored: Vec<&Stored> = stored.into_iter().collect();
    let patients = session.patients_of_stored(&stored)?;
    Ok(Disclosure {
        patients: patients.into_iter().map(|(id, key)| (id, Some(key))).collect(),
        resources: stored.iter().map(|it| (it.kind, it.id.clone(), it.version)).collect(),
        looked: true,
        ..Disclosure::default()
    })
}

/// What is told of patients and resources without showing a version of them.
pub(super) fn told<'s>(
    session: &mut Session,
    resources: impl IntoIterator<Item = (ResourceType, &'s str)>,
) -> Result<Disclosure, StoreError> {
    let resources: Vec<(ResourceType, &str)> = resources.into_iter().collect();
    Ok(Disclosure {
        patients: session.patients_of(&resources)?.into_iter().collect(),
        resources: resources
            .iter()
            .map(|(kind, id)| (*kind, (*id).to_owned(), 0))
            .collect(),
        looked: true,
        ..Disclosure::default()
    })
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
pub(super) fn note_denied(
    call: &Call,
    session: &mut Session,
    record: Option<(ResourceType, &str)>,
) -> Result<(), StoreError> {
    let attempted = told(session, record)?;
    call.disclosed.deny(Attempted {
        resources: attempted.resources,
        patients: attempted.patients,
    });
    Ok(())
}

/// What the judgement of an order that is only thought of tells of.
pub(super) fn thought_of(session: &mut Session, order: &Order) -> Result<Disclosure, StoreError> {
    let patient = order.patient();
    let patient = patient.iter().map(|id| (ResourceType::Patient, id.as_str()));
    let mut disclosure = told(session, patient.chain([(order.kind(), order.id())]))?;
    // The patient's own resource is not shown.
    disclosure.resources = [(order.kind(), order.id().to_owned(), 0)].into();
    Ok(disclosure)
}

/// Notes that something was looked for, whether it was found or not.
pub(super) fn note_looked(call: &Call) {
    call.disclosed.note(Disclosure {
        looked: true,
        ..Disclosure::default()
    });
}

impl Door {
    /// Writes the record of a request that has been carried out, or has come to nothing: one for all that it disclosed. Only
    /// when this has succeeded may the answer go out. What discloses nothing (a request that cannot be understood, the
    /// service's own definitions) leaves none; nor does a write again, which has left its own.
    pub async fn log(
        &self,
        call: &Call,
        interaction: Interaction,
        result: Result<(), &Problem>,
    ) -> Result<(), Problem> {
        let mut disclosure = call.disclosed.take();
        let outcome = match result.map_err(Problem::itself) {
            Err(Problem::Forbidden | Problem::Unauthorized) => outcome::DENIED,
            Err(Problem::Refused(_)) => outcome::REFUSED,
            // Denied, but told as if it were not there.
            Err(_) if disclosure.denied => outcome::DENIED,
            Err(_) => return Ok(()),
            Ok(()) if disclosure.denied => outcome::PARTLY,
            Ok(()) if disclosure.looked => outcome::SUCCESS,
            Ok(()) => return Ok(()),
        };
        if !self.access_log {
            return Ok(());
        }
        if outcome == outcome::DENIED {
            // What was read on the way was not let out; what is told is what was asked for.
            let attempted = std::mem::take(&mut disclosure.attempted);
            (disclosure.resources, disclosure.patients) = (attempted.resources, attempted.patients);
        }
        let record = self.record(call, interaction, outcome, disclosure);
        self.store.log(record).await.map_err(|error| {
            tracing::error!(%error, request_id = %call.request_id, "the access log could not be written");
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
        self.store.log(record).await.map_err(|error| {
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
        disclosure.add(Disclosure {
            patients: session.patients_of(&ids)?.into_iter().collect(),
            resources: written.iter().map(|it| (it.kind, it.id.clone(), it.version)).collect(),
            ..Disclosure::default()
        });
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
            }
        }
        record
    }
}
