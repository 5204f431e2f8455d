//! The patient's inpatient stays after which care is needed, for the rules about discharges (UTS). A move to another ward
//! is no discharge: a stay that goes on in another one, or is part of it, is told by that one.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{
    Encounter, EncounterStatus, ExtValue, Extensions, Patient, Reference, Task, TaskStatus, any_has,
};
use jiff::civil::Date;

use crate::fhir::types::ResourceType;

use super::codes::{ACT_CODE, ARENDE, DISCHARGE_DISPOSITION, EXT_BEHOV_EFTER_UTSKRIVNING};
use super::enhet::Enhet;
use super::enhetstyp::{Enhetstyp, ar_av_typ};
use super::finding::Evidence;
use super::patientbild::{Resurs, ar_arende};
use super::underlag::{Underlag, lasbara};

/// Inpatient, and its two narrower codes (v3 ActCode: acute and non-acute inpatient).
const INNELIGGANDE: [&str; 3] = ["IMP", "ACUTE", "NONAC"];

/// An inpatient stay of a patient who was stated to need care after it.
#[derive(Clone, Debug)]
pub struct Vistelse {
    pub id: String,
    pub slut: Slut,
    /// Whether the patient was alive when it ended.
    pub levande: Evidence,
    /// Whether it was in psychiatric inpatient care.
    pub psykiatrisk: Evidence,
    /// The stay itself first, then what states the need.
    pub grund: Vec<Resurs>,
}

/// How a stay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slut {
    /// Still in progress.
    Pagar,
    /// The first and last day that the end may mean: one day, unless the date is partial.
    Utskriven(Date, Date),
    /// It has ended, but nothing says when; it began on this day, if that is stated.
    Okant(Option<Date>),
}

impl Vistelse {
    /// Gathers the stays of the person that these Patient resources are.
    pub fn samla<U: Underlag>(
        patienter: &[String],
        personer: &[Patient],
        underlag: &mut U,
    ) -> Result<Vec<Vistelse>, U::Error> {
        let mut stays: Vec<Encounter> = Vec::new();
        for fact in lasbara(underlag, ResourceType::Encounter, patienter)?.iter() {
            if let Fact::Encounter(encounter) = fact.as_ref()
                && is_stay(encounter)
            {
                stays.push(encounter.as_ref().clone());
            }
        }
        if stays.is_empty() {
            return Ok(Vec::new());
        }
        let mut messages: Vec<Task> = Vec::new();
        for fact in lasbara(underlag, ResourceType::Task, patienter)?.iter() {
            if let Fact::Task(task) = fact.as_ref()
                && is_message(task)
            {
                messages.push(task.as_ref().clone());
            }
        }
        let mut all = Vec::new();
        for stay in stays.iter().filter(|stay| !goes_on_elsewhere(stay, &stays)) {
            let needs = needs(stay, &stays, &messages);
            if needs.is_empty() {
                continue;
            }
            let psykiatrisk = match &stay.service_provider {
                Some(provider) => {
                    let home = Fact::from(stay.clone());
                    let enhet = Enhet::samla(underlag, provider, &home)?;
                    ar_av_typ(&enhet, &[Enhetstyp::PsykiatriskSlutenvard])
                }
                None => Evidence::NotStated,
            };
            let own = resurs(stay);
            all.push(Vistelse {
                id: stay.head.id.clone(),
                slut: slut(stay),
                levande: levande(stay, personer),
                psykiatrisk,
                grund: std::iter::once(own.clone())
                    .chain(needs.into_iter().filter(|need| *need != own))
                    .collect(),
            });
        }
        Ok(all)
    }
}

/// Whether an Encounter is an inpatient stay that goes on or has ended.
pub fn is_stay(encounter: &Encounter) -> bool {
    let is_inpatient = INNELIGGANDE
        .iter()
        .any(|code| any_has(&encounter.classes, ACT_CODE, code));
    is_inpatient && (is_in_progress(encounter) || is_ended(encounter))
}

fn is_in_progress(encounter: &Encounter) -> bool {
    matches!(
        encounter.status,
        Some(EncounterStatus::InProgress | EncounterStatus::OnHold)
    )
}

fn is_ended(encounter: &Encounter) -> bool {
    matches!(
        encounter.status,
        Some(EncounterStatus::Discharged | EncounterStatus::Completed)
    )
}

/// An inskrivningsmeddelande that was sent and not taken back.
fn is_message(task: &Task) -> bool {
    let is_void = matches!(
        task.status,
        Some(TaskStatus::Draft | TaskStatus::Cancelled | TaskStatus::EnteredInError)
    );
    ar_arende(task, ARENDE, "inskrivningsmeddelande") && !is_void
}

/// The last day; `None` while it goes on, or when nothing says.
fn last_day(stay: &Encounter) -> Option<Date> {
    stay.actual_period.last_day().filter(|_| is_ended(stay))
}

fn slut(stay: &Encounter) -> Slut {
    match stay.actual_period.end {
        _ if is_in_progress(stay) => Slut::Pagar,
        Some(end) => Slut::Utskriven(end.first_day(), end.last_day()),
        None => Slut::Okant(stay.actual_period.first_day()),
    }
}

/// Whether two stays share a day: one hands over to the other, or they are told side by side.
fn touch(one: &Encounter, other: &Encounter) -> bool {
    let begins_before_end = |one: &Encounter, other: &Encounter| {
        let (start, end) = (one.actual_period.first_day(), last_day(other));
        start.zip(end).is_none_or(|(start, end)| start <= end)
    };
    begins_before_end(one, other) && begins_before_end(other, one)
}

/// Whether the patient stayed on: the stay is part of another, or another took over and ends later.
fn goes_on_elsewhere(stay: &Encounter, stays: &[Encounter]) -> bool {
    let is_other = |other: &&Encounter| other.head.id != stay.head.id;
    let mut others = stays.iter().filter(is_other);
    others.any(|other| {
        let is_part = stay.part_of.as_ref().is_some_and(|whole| points_at(whole, other));
        let ends_later = match (last_day(stay), last_day(other)) {
            (Some(own), Some(others)) => others > own,
            (Some(_), None) => is_in_progress(other),
            (None, _) => false,
        };
        is_part || (ends_later && touch(stay, other))
    })
}

/// What states the need of care after the stay: the stay itself or one it hangs together with, or an
/// inskrivningsmeddelande about it; one that names no stay is about the one it was sent during.
fn needs(stay: &Encounter, stays: &[Encounter], messages: &[Task]) -> Vec<Resurs> {
    let together = |other: &&Encounter| other.head.id == stay.head.id || touch(stay, other);
    let of_stays = stays.iter().filter(together).filter(|it| states_need(it)).map(resurs);
    let is_about = |task: &&Task| {
        let named: Vec<&Reference> = [&task.focus, &task.encounter]
            .into_iter()
            .flatten()
            .filter(|reference| reference.target_type() == Some("Encounter"))
            .collect();
        if named.is_empty() {
            task.authored_on.is_some_and(|sent| {
                let begun = stay
                    .actual_period
                    .first_day()
                    .is_none_or(|start| start <= sent.last_day());
                begun && last_day(stay).is_none_or(|last| sent.first_day() <= last)
            })
        } else {
            let mut meant = stays.iter().filter(together);
            meant.any(|it| named.iter().any(|reference| points_at(reference, it)))
        }
    };
    let of_messages = messages.iter().filter(is_about);
    of_stays
        .chain(of_messages.map(|task| (ResourceType::Task, task.head.id.clone())))
        .collect()
}

/// Extension `behov-efter-utskrivning`, on the stay or its admission; `false` says that there is none.
fn states_need(stay: &Encounter) -> bool {
    let states = |extensions: &Extensions| {
        extensions
            .all(EXT_BEHOV_EFTER_UTSKRIVNING)
            .any(|extension| match &extension.value {
                Some(ExtValue::Boolean(needs)) => *needs,
                value => value.is_some() || !extension.nested.is_empty(),
            })
    };
    states(&stay.head.extensions) || states(&stay.admission_extensions)
}

/// Whether the patient left the stay alive: by the disposition, else by when the patient died.
fn levande(stay: &Encounter, personer: &[Patient]) -> Evidence {
    let died_there = |concept: &_| any_has(std::slice::from_ref(concept), DISCHARGE_DISPOSITION, "exp");
    if stay.discharge_disposition.as_ref().is_some_and(died_there) {
        return Evidence::Contradicted;
    }
    let Some(dead) = personer.iter().find(|patient| patient.deceased == Some(true)) else {
        return Evidence::Shown;
    };
    let by_disposition = match stay.discharge_disposition {
        Some(_) => Evidence::Shown,
        None => Evidence::NotStated,
    };
    match (dead.deceased_at, stay.actual_period.end) {
        (Some(died), Some(end)) if died.last_day() <= end.first_day() => Evidence::Contradicted,
        (Some(died), Some(end)) if died.first_day() > end.last_day() => Evidence::Shown,
        _ => by_disposition,
    }
}

fn points_at(reference: &Reference, stay: &Encounter) -> bool {
    reference.type_and_id() == Some(("Encounter", stay.head.id.as_str()))
}

fn resurs(stay: &Encounter) -> Resurs {
    (ResourceType::Encounter, stay.head.id.clone())
}
