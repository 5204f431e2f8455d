//! One `CarePlan.activity`: an åtagande (a ServiceRequest or Task: what, by whom, when) or an överenskommen tid (an
//! Appointment), as far as it could be followed. An R4 `activity.detail` has become one of these before it comes here;
//! one of the kind Appointment that Appointment has no room for is a Task, and is read as the time it is.

use fastkontakt_model::Fact;
use fastkontakt_model::date::FhirDate;
use fastkontakt_model::facts::{
    Activity, Appointment, AppointmentStatus, AsNeeded, CodeableReference, Concept, ExtValue, Extensions, Occurrence,
    Period, Reference, RequestStatus, ServiceRequest, Task, TaskStatus,
};

use super::Planer;
use super::enhet::huvudman_av;
use crate::riktlinje::codes::{
    BEHANDLINGSBEGRANSNING, DIREKTKONTAKT, EXT_NAR, HANDLINGSPLAN_VID_FORSAMRING, MEDICINSK_VARDPLAN_DEL, PROGNOS,
    R4_DETAIL, UPPFOLJNING, VARDNIVA_OCH_INRIKTNING,
};
use crate::riktlinje::enhet::Huvudman;
use crate::riktlinje::finding::{Evidence, Remark};
use crate::riktlinje::identity::{hsa_ids, logical};
use crate::riktlinje::policy::Policies;
use crate::riktlinje::underlag::{Traff, Underlag, folj, typ_av};

/// The parts of a medicinsk vårdplan that are written to be known, not to be carried out by someone at a time.
const DELAR_UTAN_ATAGANDE: &[&str] = &[
    PROGNOS,
    VARDNIVA_OCH_INRIKTNING,
    DIREKTKONTAKT,
    HANDLINGSPLAN_VID_FORSAMRING,
    BEHANDLINGSBEGRANSNING,
];

/// One `activity`, in order.
#[derive(Clone, Debug)]
pub struct Aktivitet<'a> {
    pub activity: &'a Activity,
    /// Where a finding about it points: the contained resource, else the reference.
    pub element: String,
    /// What it points at, when it could be followed.
    pub traff: Option<Traff>,
    /// The type it points at, as far as that can be told.
    pub kind: Option<String>,
    pub utforare: Vec<Utforare>,
    /// The plan is a medicinsk vårdplan (too): its parts need not be åtaganden.
    pub i_medicinsk_vardplan: bool,
}

/// Who carries out an åtagande.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utforare {
    pub vem: Vem,
    /// Who runs the care of the unit it leads to; gathered for a SIP only.
    pub huvudman: Huvudman,
}

/// Whose an åtagande is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vem {
    /// The patient or a relative.
    Patienten,
    /// Anyone else.
    Varden,
    /// Someone, but nothing tells who.
    Okand,
}

impl<'a> Aktivitet<'a> {
    /// Follows an activity; `huvudman` when its performers are to be followed to theirs.
    pub fn samla<U: Underlag>(
        underlag: &mut U,
        position: usize,
        activity: &'a Activity,
        within: &Fact,
        huvudman: Option<&Policies>,
    ) -> Result<Aktivitet<'a>, U::Error> {
        let mut aktivitet = Aktivitet {
            activity,
            element: format!("CarePlan.activity[{position}]"),
            traff: None,
            kind: None,
            utforare: Vec::new(),
            i_medicinsk_vardplan: match within {
                Fact::CarePlan(plan) => Planer::MedicinskVardplan.includes(&plan.categories),
                _ => false,
            },
        };
        let Some(reference) = &activity.planned else {
            return Ok(aktivitet);
        };
        let contained = &within.head().contained;
        aktivitet.element = match reference
            .reference
            .as_deref()
            .and_then(|literal| contained.position(literal))
        {
            Some(index) => format!("CarePlan.contained[{index}]"),
            None => format!("CarePlan.activity[{position}].plannedActivityReference"),
        };
        aktivitet.traff = folj(underlag, reference, within)?;
        aktivitet.kind = match &aktivitet.traff {
            Some(found) => Some(found.fact.resource_type().to_owned()),
            None => reference.target_type().map(str::to_owned),
        };
        if let Some(Traff { fact, home }) = &aktivitet.traff {
            for performer in performers(fact) {
                aktivitet.utforare.push(Utforare {
                    vem: vem(underlag, performer, home)?,
                    huvudman: match huvudman {
                        Some(policies) => huvudman_av(underlag, performer, home, policies)?,
                        None => Huvudman::default(),
                    },
                });
            }
        }
        Ok(aktivitet)
    }

    fn fact(&self) -> Option<&Fact> {
        self.traff.as_ref().map(|found| found.fact.as_ref())
    }

    /// Whether it is an åtagande, as far as that can be told. One that was withdrawn or written in error is none.
    pub fn is_atagande(&self) -> Evidence {
        if self.tid_i_r4().is_some() || self.is_bara_del() {
            return Evidence::Contradicted;
        }
        match (&self.activity.planned, self.fact(), self.kind.as_deref()) {
            (None, ..) => Evidence::Contradicted,
            (_, Some(Fact::ServiceRequest(request)), _) => shown_if(!is_withdrawn(request)),
            (_, Some(Fact::Task(task)), _) => shown_if(!is_called_off(task)),
            (_, None, Some("ServiceRequest" | "Task") | None) => Evidence::NotStated,
            _ => Evidence::Contradicted,
        }
    }

    /// Whether it says what is to be done.
    pub fn sager_vad(&self) -> bool {
        match self.fact() {
            Some(Fact::ServiceRequest(request)) => request.code.as_ref().is_some_and(is_said),
            Some(Fact::Task(task)) => {
                let described = task.description.as_deref().is_some_and(|text| !text.trim().is_empty());
                described || task.code.as_ref().is_some_and(Concept::is_stated)
            }
            _ => false,
        }
    }

    /// Our own extensions may stand on the activity, on what it points at, or in R4 on the `detail`.
    pub fn tillagg(&self) -> impl Iterator<Item = &Extensions> {
        let detail = self.activity.extensions.get(R4_DETAIL);
        let of_detail = detail.and_then(|detail| Some(&detail.nested.get("extension")?.nested));
        let own = self.fact().map(|fact| &fact.head().extensions);
        [Some(&self.activity.extensions), own, of_detail].into_iter().flatten()
    }

    /// Whether it says when: a time, a repeat, "vid behov", or in words (extension `nar`).
    pub fn sager_nar(&self) -> bool {
        let in_words = |extensions: &Extensions| extensions.all(EXT_NAR).any(|said| is_text(said.value.as_ref()));
        let said = match self.fact() {
            Some(Fact::ServiceRequest(request)) => {
                let needed = request.as_needed.as_ref().is_some_and(is_needed);
                let occurs = request.occurrence.as_ref().is_some_and(occurs);
                needed || occurs || in_words(&request.occurrence_extensions)
            }
            Some(Fact::Task(task)) => {
                let periods = [task.requested_period, task.execution_period, task.restriction_period];
                periods.iter().any(is_stated)
            }
            Some(Fact::Appointment(time)) => time.start.is_some() || time.requested_periods.iter().any(is_stated),
            _ => false,
        };
        said || self.tillagg().any(in_words)
    }

    /// Whether someone other than the patient takes part in an Appointment, or anyone carries out an åtagande.
    pub fn sager_vem(&self) -> bool {
        match self.fact() {
            Some(Fact::Appointment(time)) => time
                .participants
                .iter()
                .filter_map(|participant| participant.actor.as_ref())
                .any(|actor| actor.is_stated() && actor.target_type() != Some("Patient")),
            _ => !self.utforare.is_empty(),
        }
    }

    /// Whether it is theirs too.
    pub fn utfors_av(&self, vem: Vem) -> bool {
        self.utforare.iter().any(|utforare| utforare.vem == vem)
    }

    /// Whether it is coded as that part of a medicinsk vårdplan: an åtagande by its code, a time by its service type.
    pub fn is_del(&self, del: &str) -> bool {
        let has = |concept: &Concept| concept.has(MEDICINSK_VARDPLAN_DEL, del);
        let refers = |coded: &CodeableReference| coded.concept.as_ref().is_some_and(has);
        match self.fact() {
            Some(Fact::ServiceRequest(request)) if !is_withdrawn(request) => {
                request.code.as_ref().is_some_and(refers) || request.categories.iter().any(has)
            }
            Some(Fact::Task(task)) if !is_called_off(task) => task.code.as_ref().is_some_and(has),
            Some(Fact::Appointment(time)) if is_live(time) => time.service_types.iter().any(refers),
            _ => false,
        }
    }

    /// Whether it is no more than a part of a medicinsk vårdplan (a prognosis, a level of care). A part that is agreed as
    /// an åtagande, by someone at some time, is one; so is the follow-up, whatever it says.
    fn is_bara_del(&self) -> bool {
        let is_any = |parts: &[&str]| parts.iter().any(|part| self.is_del(part));
        self.i_medicinsk_vardplan
            && is_any(DELAR_UTAN_ATAGANDE)
            && !self.is_del(UPPFOLJNING)
            && !(self.sager_vem() && self.sager_nar())
    }

    /// The Task that an R4 `detail` of the kind Appointment became, having no start and end.
    fn tid_i_r4(&self) -> Option<&Task> {
        let kind = self.activity.extensions.get(R4_DETAIL)?.nested.value("kind")?;
        match self.fact() {
            Some(Fact::Task(task)) if kind.code() == Some("Appointment") => Some(task),
            _ => None,
        }
    }

    /// Whether it cannot be told what it is.
    pub fn is_unknown(&self) -> bool {
        self.activity.planned.is_some() && self.traff.is_none()
    }

    /// Whether it is a live Appointment after that moment (microseconds); one that cannot be followed may be.
    pub fn is_tid_efter(&self, from: i64) -> Evidence {
        if let Some(task) = self.tid_i_r4() {
            return is_task_efter(task, from);
        }
        match (&self.activity.planned, self.fact(), self.kind.as_deref()) {
            (None, ..) => Evidence::Contradicted,
            (_, Some(Fact::Appointment(time)), _) if is_next(time, from) => Evidence::Shown,
            (_, None, Some("Appointment") | None) => Evidence::NotStated,
            _ => Evidence::Contradicted,
        }
    }

    /// Extension `huvudman`.
    pub fn angiven_huvudman(&self) -> Option<Huvudman> {
        self.tillagg().find_map(Huvudman::stated)
    }

    /// A remark about this åtagande: told apart from the same remark about another when compared with the stored
    /// version, whatever their order.
    pub fn om(&self, remark: Remark) -> Remark {
        let literal = self.activity.planned.as_ref().and_then(|it| it.reference.as_deref());
        let about = format!("{} {}", literal.unwrap_or(&self.element), remark.text.sv);
        remark.about(about)
    }
}

/// Everyone who is to carry out an åtagande, those it is asked of included.
pub fn performers(fact: &Fact) -> Vec<&Reference> {
    let all: Vec<&Reference> = match fact {
        Fact::ServiceRequest(request) => request.performers.iter().collect(),
        Fact::Task(task) => {
            let asked = task
                .requested_performers
                .iter()
                .filter_map(|asked| asked.reference.as_ref());
            task.owner.iter().chain(&task.performers).chain(asked).collect()
        }
        _ => Vec::new(),
    };
    all.into_iter()
        .filter(|performer| performer.is_stated() || performer.target_type().is_some())
        .collect()
}

fn vem<U: Underlag>(underlag: &mut U, performer: &Reference, within: &Fact) -> Result<Vem, U::Error> {
    Ok(match typ_av(underlag, performer, within)?.as_deref() {
        Some("Patient" | "RelatedPerson") => Vem::Patienten,
        Some(_) => Vem::Varden,
        None if !hsa_ids(logical(performer)).is_empty() => Vem::Varden,
        None => Vem::Okand,
    })
}

fn shown_if(is_so: bool) -> Evidence {
    if is_so { Evidence::Shown } else { Evidence::Contradicted }
}

fn is_withdrawn(request: &ServiceRequest) -> bool {
    matches!(
        request.status,
        Some(RequestStatus::Revoked | RequestStatus::EnteredInError)
    )
}

fn is_called_off(task: &Task) -> bool {
    use TaskStatus::{Cancelled, EnteredInError, Failed, Rejected};
    matches!(task.status, Some(Cancelled | EnteredInError | Failed | Rejected))
}

fn is_said(coded: &CodeableReference) -> bool {
    coded.concept.as_ref().is_some_and(Concept::is_stated) || coded.reference.as_ref().is_some_and(Reference::is_stated)
}

fn is_needed(needed: &AsNeeded) -> bool {
    match needed {
        AsNeeded::Boolean(needed) => *needed,
        AsNeeded::Concept(when) => when.is_stated(),
    }
}

fn occurs(occurrence: &Occurrence) -> bool {
    match occurrence {
        Occurrence::DateTime(_) => true,
        Occurrence::Period(period) => is_stated(period),
        Occurrence::Timing(timing) => timing.is_stated(),
    }
}

fn is_stated(period: &Period) -> bool {
    !period.is_empty()
}

/// A text that says something; a Timing (which is read as another value) does.
fn is_text(value: Option<&ExtValue>) -> bool {
    value.is_some_and(|value| value.text().is_none_or(|text| !text.trim().is_empty()))
}

fn is_live(time: &Appointment) -> bool {
    use AppointmentStatus::{Cancelled, EnteredInError, NoShow};
    !matches!(time.status, Some(Cancelled | NoShow | EnteredInError))
}

fn is_next(time: &Appointment, from: i64) -> bool {
    let is_after = |date: FhirDate| date.range().1 > from;
    let is_wish = matches!(
        time.status,
        Some(AppointmentStatus::Proposed | AppointmentStatus::Waitlist)
    );
    let asked_for = |period: &Period| is_stated(period) && period.end.is_none_or(is_after);
    is_live(time) && (time.start.is_some_and(is_after) || (is_wish && time.requested_periods.iter().any(asked_for)))
}

/// Whether a time that R4 gave otherwise than by start and end comes after that moment: by its period, by what its timing
/// tells. One in words ("vecka 40") may.
fn is_task_efter(task: &Task, from: i64) -> Evidence {
    if is_called_off(task) {
        return Evidence::Contradicted;
    }
    let is_after = |date: FhirDate| date.range().1 > from;
    let by_period = [task.restriction_period, task.requested_period, task.execution_period]
        .into_iter()
        .filter(is_stated)
        .map(|period| shown_if(period.end.or(period.start).is_none_or(is_after)));
    let by_extension = task.head.extensions.all(EXT_NAR).map(|said| match &said.value {
        Some(ExtValue::Timing(timing)) if timing.events.iter().copied().any(is_after) => Evidence::Shown,
        Some(ExtValue::Timing(timing)) if timing.repeats && timing.bounds.end.is_none_or(is_after) => Evidence::Shown,
        Some(ExtValue::Timing(timing)) if timing.repeats || !timing.events.is_empty() => Evidence::Contradicted,
        value if is_text(value.as_ref()) => Evidence::NotStated,
        _ => Evidence::Contradicted,
    });
    Evidence::any(by_period.chain(by_extension))
}
