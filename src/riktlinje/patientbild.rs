//! The patient's whole picture, gathered before any rule about it runs: contacts, plans, insatser, needs, conditions,
//! inpatient stays, what was asked for and offered. PAT and UTS are pure functions of it and of a policy.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{
    CarePlan, CareTeamStatus, Concept, Condition, EpisodeStatus, FlagStatus, Patient, Period, Reference, RequestStatus,
    Task, TaskStatus, any_has,
};
use jiff::civil::Date;

use crate::fhir::types::ResourceType;

use super::codes::{BEGARAN, BEHOVSGRUPP, ERBJUDANDE, EXT_AVSLUTSORSAK, EXT_SENAST_OMPROVAD, INSATSFORM};
use super::enhet::{Enhet, Huvudman, valj};
use super::enhetstyp::{Enhetstyp, typer_av};
use super::finding::{Evidence, Remark};
use super::giltighet::interval_av;
use super::intervals::Interval;
use super::kontakt;
use super::kontakttyp::{Kontakter, Kontakttyp, is_fast_kontakt, is_vid_livshotande, typer};
use super::medlem::Medlem;
use super::plan::{self, Aktivitet, Planer};
use super::policy::Policies;
use super::profession::Profession;
use super::underlag::{Underlag, lasbara};
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

    /// What a Task coded in `begaran` or `erbjudande` is about.
    fn of(task: &Task, system: &str) -> Option<Avser> {
        let code = task.code.as_ref()?;
        let known = Avser::CODES.iter().find(|(own, _)| code.has(system, own));
        known.map(|(_, avser)| *avser)
    }
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

    /// Gathers the picture of the person that these Patient resources are.
    pub fn samla<U: Underlag>(
        patienter: &[String],
        policies: &Policies,
        today: Date,
        underlag: &mut U,
    ) -> Result<Patientbild, U::Error> {
        let mut bild = Patientbild {
            today,
            avliden: false,
            kontakter: Vec::new(),
            planer: Vec::new(),
            insatser: Vec::new(),
            behov: Vec::new(),
            tillstand: Vec::new(),
            vistelser: Vec::new(),
            begaran: Vec::new(),
            avbojda: Vec::new(),
            utforare: Vec::new(),
        };
        let mut personer: Vec<Patient> = Vec::new();
        for fact in lasbara(underlag, ResourceType::Patient, patienter)? {
            if let Fact::Patient(patient) = fact.as_ref() {
                personer.push(patient.as_ref().clone());
            }
        }
        bild.avliden = personer.iter().any(|patient| ar_avliden(patient, today));
        bild.vistelser = Vistelse::samla(patienter, &personer, underlag)?;
        for kind in [ResourceType::CareTeam, ResourceType::CarePlan] {
            bild.samla_alla(kind, patienter, policies, underlag)?;
        }
        if !bild.avliden {
            for kind in [
                ResourceType::EpisodeOfCare,
                ResourceType::Flag,
                ResourceType::Condition,
                ResourceType::Task,
            ] {
                bild.samla_alla(kind, patienter, policies, underlag)?;
            }
        }
        Ok(bild)
    }

    fn samla_alla<U: Underlag>(
        &mut self,
        kind: ResourceType,
        patienter: &[String],
        policies: &Policies,
        underlag: &mut U,
    ) -> Result<(), U::Error> {
        for fact in lasbara(underlag, kind, patienter)? {
            let resurs = (kind, fact.id().to_owned());
            match fact.as_ref() {
                Fact::CareTeam(_) => self.samla_kontakt(&fact, policies, underlag)?,
                Fact::CarePlan(plan)
                    if plan.status == Some(RequestStatus::Active) && !is_over(&plan.period, self.today) =>
                {
                    self.planer.push(Plan {
                        id: plan.head.id.clone(),
                        categories: plan.categories.clone(),
                    });
                    self.samla_atagare(&fact, plan, policies, underlag)?;
                }
                Fact::EpisodeOfCare(episode)
                    if episode.status == Some(EpisodeStatus::Active) && episode.period.contains(self.today) =>
                {
                    if let Some(organization) = &episode.managing_organization {
                        let enhet = Enhet::samla(underlag, organization, &fact)?;
                        self.utforare.push(Utforare::of(resurs.clone(), &enhet, policies));
                    }
                    self.insatser.push(Grund::of(resurs, &episode.types, INSATSFORM));
                }
                Fact::Flag(flag) if flag.status == Some(FlagStatus::Active) && flag.period.contains(self.today) => {
                    self.behov.push(Grund::of(resurs, flag.code.as_slice(), BEHOVSGRUPP));
                }
                Fact::Condition(condition) => self.tillstand.push(condition.as_ref().clone()),
                Fact::Task(task) => self.samla_arende(task),
                _ => {}
            }
        }
        Ok(())
    }

    fn samla_kontakt<U: Underlag>(
        &mut self,
        fact: &Fact,
        policies: &Policies,
        underlag: &mut U,
    ) -> Result<(), U::Error> {
        let Fact::CareTeam(own) = fact else { return Ok(()) };
        let never_held = matches!(
            own.status,
            Some(CareTeamStatus::Proposed | CareTeamStatus::EnteredInError)
        );
        let Some(interval) = interval_av(own).filter(|_| !never_held && is_fast_kontakt(own)) else {
            return Ok(());
        };
        let mut kontakt = Kontakt {
            id: own.head.id.clone(),
            status: own.status,
            typer: typer(own),
            interval,
            lakare: Evidence::NotStated,
            vid_livshotande: is_vid_livshotande(own),
            i_oppenvard: Evidence::NotStated,
            i_psykiatrisk_oppenvard: Evidence::NotStated,
            omprovad: own
                .head
                .extensions
                .date(EXT_SENAST_OMPROVAD)
                .map(|date| date.last_day()),
            avslutsorsak: own.head.extensions.code(EXT_AVSLUTSORSAK).map(str::to_owned),
        };
        // Of contacts that ended, person and unit are asked about only where there was a stay.
        if kontakt.galler(self.today) || !self.vistelser.is_empty() {
            let member = own.participants.first().and_then(|first| first.member.as_ref());
            let medlem = Medlem::samla(underlag, member, fact)?;
            kontakt.lakare = Profession::of(&medlem, self.today).licensed_physician();
            if let Some(enhet) = kontakt::enhet_av(underlag, own, Some(&medlem), fact)? {
                let utforare = Utforare::of((ResourceType::CareTeam, kontakt.id.clone()), &enhet, policies);
                let typer = typer_av(&enhet);
                kontakt.i_oppenvard = Evidence::all([av_region(utforare.huvudman), ar_oppenvard(&typer)]);
                kontakt.i_psykiatrisk_oppenvard =
                    super::enhetstyp::ar_av_typ(&enhet, &[Enhetstyp::PsykiatriskOppenvard]);
                if kontakt.galler(self.today) {
                    self.utforare.push(utforare);
                }
            }
        }
        self.kontakter.push(kontakt);
        Ok(())
    }

    /// The units that a plan's custodian and live åtaganden lead to; what an åtagande itself says of its huvudman goes
    /// before that.
    fn samla_atagare<U: Underlag>(
        &mut self,
        fact: &Fact,
        plan: &CarePlan,
        policies: &Policies,
        underlag: &mut U,
    ) -> Result<(), U::Error> {
        let resurs = (ResourceType::CarePlan, plan.head.id.clone());
        let mut enheter = Vec::new();
        if let Some(custodian) = &plan.custodian {
            enheter.extend(plan::leder_till(underlag, custodian, fact)?);
        }
        for (position, activity) in plan.activities.iter().enumerate() {
            let aktivitet = Aktivitet::samla(underlag, position, activity, fact, None)?;
            let Some(found) = aktivitet.traff.as_ref().filter(|found| is_live(&found.fact)) else {
                continue;
            };
            if let Some(huvudman) = aktivitet.angiven_huvudman() {
                self.utforare.push(Utforare {
                    resurs: resurs.clone(),
                    plats: Some(format!("{} {}", plan.head.id, aktivitet.element)),
                    huvudman,
                });
                continue;
            }
            for performer in plan::performers(&found.fact) {
                enheter.extend(plan::leder_till(underlag, performer, &found.home)?);
            }
        }
        let all = enheter
            .iter()
            .map(|enhet| Utforare::of(resurs.clone(), enhet, policies));
        self.utforare.extend(all);
        Ok(())
    }

    /// What was asked for, and what was offered and declined.
    fn samla_arende(&mut self, task: &Task) {
        let day = |date: Option<fastkontakt_model::date::FhirDate>| date.map(|date| date.last_day());
        if let Some(avser) = Avser::of(task, BEGARAN)
            && let Some(stangd) = stangd(task)
        {
            self.begaran.push(Begaran {
                id: task.head.id.clone(),
                avser,
                dag: day(task.authored_on.or(task.last_modified)),
                stangd,
            });
        }
        if let Some(avser) = Avser::of(task, ERBJUDANDE)
            && task.status == Some(TaskStatus::Rejected)
        {
            self.avbojda.push(Avbojt {
                avser,
                dag: day(task.last_modified.or(task.authored_on)),
            });
        }
    }
}

impl Grund {
    fn of(resurs: Resurs, concepts: &[Concept], system: &str) -> Grund {
        let koder = concepts.iter().flat_map(|concept| concept.codes(system));
        Grund {
            resurs,
            koder: koder.map(str::to_owned).collect(),
        }
    }
}

impl Utforare {
    fn of(resurs: Resurs, enhet: &Enhet, policies: &Policies) -> Utforare {
        let val = valj(Some(enhet), policies, None);
        let unit = enhet.unit();
        Utforare {
            resurs,
            plats: unit
                .place
                .as_ref()
                .or(unit.hsa_ids.first())
                .or(unit.numbers.first())
                .cloned(),
            huvudman: Huvudman::of(enhet, &val, policies),
        }
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

/// Dead, or said to have died on a day that has come.
fn ar_avliden(patient: &Patient, today: Date) -> bool {
    patient.deceased == Some(true) && patient.deceased_at.is_none_or(|day| day.first_day() <= today)
}

fn is_over(period: &Period, today: Date) -> bool {
    period.last_day().is_some_and(|last| last < today)
}

/// Whether an åtagande still is one.
fn is_live(fact: &Fact) -> bool {
    match fact {
        Fact::ServiceRequest(it) => !matches!(
            it.status,
            Some(RequestStatus::Revoked | RequestStatus::Completed | RequestStatus::EnteredInError)
        ),
        Fact::Task(it) => !matches!(
            it.status,
            Some(
                TaskStatus::Rejected
                    | TaskStatus::Cancelled
                    | TaskStatus::Failed
                    | TaskStatus::Completed
                    | TaskStatus::EnteredInError
            )
        ),
        _ => false,
    }
}

/// Whether a request still waits; `None`: it was never made.
fn stangd(task: &Task) -> Option<Stangd> {
    let has_reason = task.status_reason.as_ref().is_some_and(|reason| {
        let by_code = reason.concept.as_ref().is_some_and(Concept::is_stated);
        by_code || reason.reference.as_ref().is_some_and(Reference::is_stated)
    });
    Some(match task.status {
        Some(TaskStatus::Draft | TaskStatus::EnteredInError) => return None,
        Some(TaskStatus::Rejected | TaskStatus::Cancelled | TaskStatus::Failed | TaskStatus::Completed)
            if has_reason =>
        {
            Stangd::MedSkal
        }
        Some(TaskStatus::Completed) => Stangd::Utford,
        _ => Stangd::Nej,
    })
}

fn av_region(huvudman: Huvudman) -> Evidence {
    match huvudman {
        Huvudman { region: true, .. } => Evidence::Shown,
        Huvudman { kommun: true, .. } | Huvudman { annan: true, .. } => Evidence::Contradicted,
        _ => Evidence::NotStated,
    }
}

/// Open care: primary care, or open care by its own type. A type that both kinds of care have says nothing.
fn ar_oppenvard(typer: &[Enhetstyp]) -> Evidence {
    let each = typer.iter().map(|typ| match typ {
        Enhetstyp::Primarvard | Enhetstyp::OppenvardRegion | Enhetstyp::PsykiatriskOppenvard => Evidence::Shown,
        Enhetstyp::PsykiatriskSlutenvard => Evidence::Contradicted,
        Enhetstyp::Annan => Evidence::NotStated,
    });
    if typer.is_empty() {
        Evidence::NotStated
    } else {
        Evidence::any(each)
    }
}

/// Whether a Task is of one of these codes of a system.
pub fn ar_arende(task: &Task, system: &str, code: &str) -> bool {
    any_has(task.code.as_slice(), system, code)
}
