//! The patient's whole picture, gathered before any rule about it runs: contacts, plans, insatser, needs, conditions,
//! inpatient stays, what was asked for and offered. PAT and UTS are pure functions of it and of a policy.

mod samla;

use fastkontakt_model::facts::{CareTeamStatus, Concept, Condition, Task, any_has};
use jiff::civil::Date;

use crate::fhir::types::ResourceType;

use super::enhet::Huvudman;
use super::finding::{Evidence, Remark};
use super::intervals::Interval;
use super::kontakttyp::{Kontakter, Kontakttyp};
use super::plan::Planer;
use super::vistelse::Vistelse;

/// A resource, by type and id.
pub type Resurs = (ResourceType, String);

/// What the rules see of a patient. What the caller may not read is not in it (GEN-05).
#[derive(Clone, Debug)]
pub struct Patientbild {
    pub today: Date,
    /// Who is dead needs no contact: then there are neither insatser, needs, conditions nor requests below.
    pub avliden: bool,
    /// The fasta kontakter that hold or once held, by the time they were valid.
    pub kontakter: Vec<Kontakt>,
    /// The plans that are active and not over.
    pub planer: Vec<Plan>,
    /// The insatsformer that go on today.
    pub insatser: Vec<Grund>,
    /// The behovsgrupper the patient belongs to today.
    pub behov: Vec<Grund>,
    /// The conditions; which are life-threatening, the policy says too.
    pub tillstand: Vec<Condition>,
    pub vistelser: Vec<Vistelse>,
    pub begaran: Vec<Begaran>,
    /// The offers that were declined.
    pub avbojda: Vec<Avbojt>,
    /// The units that do something for the patient, each with who runs it.
    pub utforare: Vec<Utforare>,
}

/// A fast kontakt.
#[derive(Clone, Debug)]
pub struct Kontakt {
    pub id: String,
    pub status: Option<CareTeamStatus>,
    pub typer: Vec<Kontakttyp>,
    pub interval: Interval,
    /// Whether the person is a licensed physician.
    pub lakare: Evidence,
    /// Its reason is a life-threatening state.
    pub vid_livshotande: bool,
    /// Whether the unit belongs to the region's open care.
    pub i_oppenvard: Evidence,
    /// Whether the unit is one of psychiatric open care.
    pub i_psykiatrisk_oppenvard: Evidence,
    pub omprovad: Option<Date>,
    pub avslutsorsak: Option<String>,
}

/// A plan that is active.
#[derive(Clone, Debug)]
pub struct Plan {
    pub id: String,
    pub categories: Vec<Concept>,
}

/// A resource that states one or more codes: an insatsform, a behovsgrupp.
#[derive(Clone, Debug)]
pub struct Grund {
    pub resurs: Resurs,
    pub koder: Vec<String>,
}

/// What can be asked for and offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Avser {
    Vardkontakt,
    Lakarkontakt,
    Overenskommelse,
}

/// Something that was asked for (Task, own `begaran`).
#[derive(Clone, Debug)]
pub struct Begaran {
    pub id: String,
    pub avser: Avser,
    /// The last day on which it may have been asked; `None`: not stated.
    pub dag: Option<Date>,
    pub stangd: Stangd,
}

/// Whether a request still waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stangd {
    Nej,
    /// It is said to be carried out, no reason given.
    Utford,
    /// Closed with a reason.
    MedSkal,
}

/// An offer that was declined (Task, own `erbjudande`, rejected).
#[derive(Clone, Debug)]
pub struct Avbojt {
    pub avser: Avser,
    /// The last day on which it may have been declined; `None`: not stated.
    pub dag: Option<Date>,
}

/// A unit that does something for the patient.
#[derive(Clone, Debug)]
pub struct Utforare {
    /// What says so.
    pub resurs: Resurs,
    /// Which unit, or which åtagande where only the huvudman is stated; `None` when nothing tells.
    pub plats: Option<String>,
    pub huvudman: Huvudman,
}

/// A remark about the whole picture.
#[derive(Clone, Debug)]
pub struct Anmarkning {
    pub remark: Remark,
    /// The resource that the expression is within; `None`: the patient's whole picture.
    pub resurs: Option<Resurs>,
    /// The resources that make it a remark: recording one of them reveals it.
    pub grund: Vec<Resurs>,
}

/// The expression of a remark about the whole picture.
pub const HELHETEN: &str = "Patient";

impl Anmarkning {
    /// About the whole picture.
    pub fn om_patienten(remark: Remark, grund: Vec<Resurs>) -> Anmarkning {
        Anmarkning {
            remark,
            resurs: None,
            grund,
        }
    }

    /// About one resource.
    pub fn om(resurs: Resurs, remark: Remark) -> Anmarkning {
        Anmarkning {
            remark,
            grund: vec![resurs.clone()],
            resurs: Some(resurs),
        }
    }
}

impl Kontakt {
    /// Active, and valid on that day.
    pub fn galler(&self, day: Date) -> bool {
        matches!(self.status, None | Some(CareTeamStatus::Active)) && self.interval.contains(day)
    }

    /// Whether it was valid on one of these days. Of one that was paused, or made inactive without an end, only what came
    /// before it began is known.
    pub fn gallde(&self, first: Date, last: Date) -> Evidence {
        let began = self.interval.start.is_none_or(|start| start <= last);
        let ended = self.interval.end.is_some_and(|end| end < first);
        match self.status {
            _ if !began || ended => Evidence::Contradicted,
            None | Some(CareTeamStatus::Active) => Evidence::Shown,
            Some(CareTeamStatus::Inactive) if self.interval.end.is_some() => Evidence::Shown,
            _ => Evidence::NotStated,
        }
    }

    pub fn ar(&self, kontakter: Kontakter) -> bool {
        kontakter.includes(&self.typer)
    }

    /// Role 4.
    pub fn samordnar(&self) -> bool {
        self.typer.contains(&Kontakttyp::Samordnande)
    }
}

impl Avser {
    const CODES: [(&'static str, Avser); 3] = [
        ("fast-vardkontakt", Avser::Vardkontakt),
        ("fast-lakarkontakt", Avser::Lakarkontakt),
        ("dokumenterad-overenskommelse", Avser::Overenskommelse),
    ];
}

impl Patientbild {
    /// The active contacts of these types that are valid today.
    pub fn gallande(&self, kontakter: Kontakter) -> impl Iterator<Item = &Kontakt> {
        self.kontakter
            .iter()
            .filter(move |it| it.ar(kontakter) && it.galler(self.today))
    }

    /// Whether a plan of that type is active.
    pub fn har_plan(&self, planer: Planer) -> bool {
        self.planer.iter().any(|plan| planer.includes(&plan.categories))
    }

    /// Whether what can be asked for is there.
    pub fn har(&self, avser: Avser) -> bool {
        match avser {
            Avser::Vardkontakt => self.gallande(Kontakter::Vardkontakt).next().is_some(),
            Avser::Lakarkontakt => self.gallande(Kontakter::Lakarkontakt).next().is_some(),
            Avser::Overenskommelse => self.har_plan(Planer::Overenskommelse),
        }
    }

    /// The needs among these behovsgrupper.
    pub fn behov_bland(&self, grupper: &[impl AsRef<str>]) -> Vec<Resurs> {
        bland(&self.behov, grupper)
    }

    /// The insatser among these insatsformer.
    pub fn insatser_bland(&self, former: &[impl AsRef<str>]) -> Vec<Resurs> {
        bland(&self.insatser, former)
    }
}

fn bland(grunder: &[Grund], koder: &[impl AsRef<str>]) -> Vec<Resurs> {
    let is_among = |grund: &&Grund| {
        koder
            .iter()
            .any(|kod| grund.koder.iter().any(|own| own == kod.as_ref()))
    };
    grunder
        .iter()
        .filter(is_among)
        .map(|grund| grund.resurs.clone())
        .collect()
}

/// Whether a Task is of one of these codes of a system.
pub fn ar_arende(task: &Task, system: &str, code: &str) -> bool {
    any_has(task.code.as_slice(), system, code)
}
