//! The patient's whole picture, as far as the rules about plans look at it: fasta kontakter and other plans. What the
//! caller may not read is left out (GEN-05); when the stored version is judged, all is as it was before (GEN-02).

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CarePlan, CareTeam, Reference, RequestStatus};
use jiff::civil::Date;

use super::Planer;
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::riktlinje::Villkor;
use crate::riktlinje::andra;
use crate::riktlinje::finding::Evidence;
use crate::riktlinje::giltighet::interval_av;
use crate::riktlinje::kontakttyp::{Kontakter, Kontakttyp, is_active, is_fast_kontakt, typer};
use crate::riktlinje::patient::samma_som;
use crate::riktlinje::underlag::Underlag;

/// What the rules see of the patient beside the plan.
#[derive(Clone, Debug, Default)]
pub struct Patientens {
    /// The patients that are one with the subject; empty when the subject cannot be told.
    pub ids: Vec<String>,
    pub kontakter: Vec<EgenKontakt>,
    pub planer: Vec<AnnanPlan>,
}

/// An active fast vård- or läkarkontakt of the patient that is not over.
#[derive(Clone, Debug)]
pub struct EgenKontakt {
    /// In force today.
    pub galler: bool,
    /// Has role 4.
    pub samordnar: bool,
    /// Stands in the plan's `careTeam`.
    pub namns: bool,
    /// Has role 1 or 4.
    pub vardkontakt: bool,
    pub medlem: Option<Reference>,
    pub kontakt: Arc<Fact>,
}

/// Another active plan of the patient.
#[derive(Clone, Debug)]
pub struct AnnanPlan {
    pub is_sip: bool,
    /// One of the two refers to the other (partOf, basedOn, supportingInfo).
    pub hanger_ihop: bool,
}

impl Patientens {
    /// Who the patient is, and the patient's contacts and other plans.
    pub fn samla<U: Underlag>(
        underlag: &mut U,
        plan: &CarePlan,
        within: &Fact,
        villkor: &Villkor<'_>,
    ) -> Result<Patientens, U::Error> {
        let mut patientens = Patientens {
            ids: samma_som(plan.subject.as_ref(), within, underlag)?,
            ..Patientens::default()
        };
        if patientens.ids.is_empty() {
            return Ok(patientens);
        }
        let today = villkor.today;
        for fact in som_far_lasas(underlag, ResourceType::CareTeam, &patientens.ids, villkor)? {
            if let Fact::CareTeam(care_team) = fact.as_ref() {
                patientens.kontakter.extend(egen_kontakt(care_team, &fact, plan, today));
            }
        }
        for fact in som_far_lasas(underlag, ResourceType::CarePlan, &patientens.ids, villkor)? {
            if let Fact::CarePlan(other) = fact.as_ref() {
                patientens.planer.extend(annan_plan(other, plan, today));
            }
        }
        Ok(patientens)
    }

    /// Whether a resource with this subject is about the plan's patient.
    pub fn galler(&self, plan: &CarePlan, subject: Option<&Reference>) -> Evidence {
        let Some(subject) = subject else {
            return Evidence::NotStated;
        };
        if let Some((ResourceType::Patient, id)) = subject.reference.as_deref().and_then(local)
            && !self.ids.is_empty()
        {
            let is_one = self.ids.iter().any(|patient| patient == id);
            return if is_one {
                Evidence::Shown
            } else {
                Evidence::Contradicted
            };
        }
        let own = plan.subject.as_ref();
        let same_literal = subject.reference.is_some() && own.is_some_and(|own| own.reference == subject.reference);
        let value = |reference: &Reference| {
            reference
                .identifier
                .as_ref()
                .and_then(|identifier| identifier.value.clone())
        };
        let same_number = value(subject).is_some() && own.and_then(value) == value(subject);
        if same_literal || same_number {
            Evidence::Shown
        } else {
            Evidence::NotStated
        }
    }
}

fn som_far_lasas<U: Underlag>(
    underlag: &mut U,
    kind: ResourceType,
    patients: &[String],
    villkor: &Villkor<'_>,
) -> Result<Vec<Arc<Fact>>, U::Error> {
    let mut all = andra::patientens(kind, patients, villkor, underlag)?;
    all.retain(|fact| underlag.far_lasa(fact));
    Ok(all)
}

fn egen_kontakt(care_team: &CareTeam, fact: &Arc<Fact>, plan: &CarePlan, today: Date) -> Option<EgenKontakt> {
    let typer = typer(care_team);
    let vardkontakt = Kontakter::Vardkontakt.includes(&typer);
    let is_meant = vardkontakt || Kontakter::Lakarkontakt.includes(&typer);
    let interval = interval_av(care_team).filter(|interval| !interval.is_over(today))?;
    (is_fast_kontakt(care_team) && is_meant && is_active(care_team)).then(|| EgenKontakt {
        galler: interval.contains(today),
        samordnar: typer.contains(&Kontakttyp::Samordnande),
        namns: names(&plan.care_teams, "CareTeam", &care_team.head.id),
        vardkontakt,
        medlem: care_team.participants.first().and_then(|first| first.member.clone()),
        kontakt: fact.clone(),
    })
}

fn annan_plan(other: &CarePlan, plan: &CarePlan, today: Date) -> Option<AnnanPlan> {
    let is_other = other.head.id != plan.head.id;
    let is_over = other.period.last_day().is_some_and(|last| last < today);
    let is_active = other.status == Some(RequestStatus::Active);
    (is_other && is_active && !is_over).then(|| AnnanPlan {
        is_sip: Planer::Sip.includes(&other.categories),
        hanger_ihop: refers(plan, other) || refers(other, plan),
    })
}

fn refers(from: &CarePlan, to: &CarePlan) -> bool {
    [&from.part_of, &from.based_on, &from.supporting_info]
        .into_iter()
        .any(|references| names(references, "CarePlan", &to.head.id))
}

fn names(references: &[Reference], kind: &str, id: &str) -> bool {
    references
        .iter()
        .any(|reference| !id.is_empty() && reference.type_and_id() == Some((kind, id)))
}
