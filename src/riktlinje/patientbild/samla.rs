//! How the picture is gathered: each resource of the patient's is looked at once.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{
    CarePlan, CareTeamStatus, Concept, EpisodeStatus, FlagStatus, Patient, Period, Reference, RequestStatus, Task,
    TaskStatus,
};
use jiff::civil::Date;

use crate::fhir::types::ResourceType;

use super::super::codes::{BEGARAN, BEHOVSGRUPP, ERBJUDANDE, EXT_AVSLUTSORSAK, EXT_SENAST_OMPROVAD, INSATSFORM};
use super::super::enhet::{Enhet, Huvudman, valj};
use super::super::enhetstyp::{Enhetstyp, ar_av_typ, typer_av};
use super::super::finding::Evidence;
use super::super::giltighet::interval_av;
use super::super::kontakt::enhet_av;
use super::super::kontakttyp::{is_fast_kontakt, is_vid_livshotande, typer};
use super::super::medlem::Medlem;
use super::super::plan::{self, Aktivitet};
use super::super::policy::Policies;
use super::super::profession::Profession;
use super::super::underlag::{Underlag, lasbara};
use super::super::vistelse::Vistelse;
use super::{Avbojt, Avser, Begaran, Grund, Kontakt, Patientbild, Plan, Resurs, Stangd, Utforare};

impl Patientbild {
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
        for fact in lasbara(underlag, ResourceType::Patient, patienter)?.iter() {
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
        for fact in lasbara(underlag, kind, patienter)?.iter() {
            let resurs = (kind, fact.id().to_owned());
            match fact.as_ref() {
                Fact::CareTeam(_) => self.samla_kontakt(fact, policies, underlag)?,
                Fact::CarePlan(plan)
                    if plan.status == Some(RequestStatus::Active) && !is_over(&plan.period, self.today) =>
                {
                    self.planer.push(Plan {
                        id: plan.head.id.clone(),
                        categories: plan.categories.clone(),
                    });
                    self.samla_atagare(fact, plan, policies, underlag)?;
                }
                Fact::EpisodeOfCare(episode)
                    if episode.status == Some(EpisodeStatus::Active) && episode.period.contains(self.today) =>
                {
                    if let Some(organization) = &episode.managing_organization {
                        let enhet = Enhet::samla(underlag, organization, fact)?;
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
            if let Some(enhet) = enhet_av(underlag, own, Some(&medlem), fact)? {
                let utforare = Utforare::of((ResourceType::CareTeam, kontakt.id.clone()), &enhet, policies);
                let typer = typer_av(&enhet);
                kontakt.i_oppenvard = Evidence::all([av_region(utforare.huvudman), ar_oppenvard(&typer)]);
                kontakt.i_psykiatrisk_oppenvard = ar_av_typ(&enhet, &[Enhetstyp::PsykiatriskOppenvard]);
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

impl Avser {
    /// What a Task coded in `begaran` or `erbjudande` is about.
    fn of(task: &Task, system: &str) -> Option<Avser> {
        let code = task.code.as_ref()?;
        let known = Avser::CODES.iter().find(|(own, _)| code.has(system, own));
        known.map(|(_, avser)| *avser)
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
