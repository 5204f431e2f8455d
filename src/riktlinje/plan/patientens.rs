//! The patient's whole picture, as far as the rules about plans look at it: fasta kontakter and other plans. What the
//! caller may not read is left out (GEN-05); when the stored version is judged, all is as it was before (GEN-02).

use std::collections::HashSet;
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CarePlan, Reference, RequestStatus};
use jiff::civil::Date;

use super::Planer;
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::riktlinje::Villkor;
use crate::riktlinje::andra::{self, Grannkontakt};
use crate::riktlinje::finding::Evidence;
use crate::riktlinje::kontakttyp::{Kontakter, Kontakttyp};
use crate::riktlinje::patient::samma_som;
use crate::riktlinje::samlat::{en_gang, lasbara};
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
    pub kontakt: Arc<Grannkontakt>,
}

/// Another active plan of the patient.
#[derive(Clone, Debug)]
pub struct AnnanPlan {
    pub is_sip: bool,
    /// One of the two refers to the other (partOf, basedOn, supportingInfo).
    pub hanger_ihop: bool,
}

/// An active plan of the patient that the caller may read, as other plans see it. It is gathered once for all of them.
#[derive(Debug)]
pub struct Grannplan {
    id: String,
    is_sip: bool,
    sista_dag: Option<Date>,
    /// The ids of the plans that it refers to.
    hanvisar: HashSet<String>,
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
        let namnda = hanvisade([&plan.care_teams], "CareTeam");
        let kontakter = andra::grannar(&patientens.ids, villkor.fore, underlag)?;
        patientens.kontakter = kontakter
            .iter()
            .filter_map(|kontakt| egen_kontakt(kontakt, &namnda, today))
            .collect();
        let egna = hanvisningar(plan);
        let planer = grannplaner(&patientens.ids, villkor.fore, underlag)?;
        let andra = planer.iter().filter(|other| {
            let is_over = other.sista_dag.is_some_and(|last| last < today);
            other.id != plan.head.id && !is_over
        });
        patientens.planer = andra
            .map(|other| AnnanPlan {
                is_sip: other.is_sip,
                hanger_ihop: egna.contains(other.id.as_str()) || other.hanvisar.contains(&plan.head.id),
            })
            .collect();
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

fn grannplaner<U: Underlag>(patients: &[String], fore: bool, underlag: &mut U) -> Result<Arc<[Grannplan]>, U::Error> {
    let key = (patients.to_vec(), fore);
    en_gang(
        underlag,
        |samlat| &mut samlat.planer,
        key,
        |underlag| {
            let plans = lasbara(underlag, ResourceType::CarePlan, patients, fore)?;
            let active = plans.iter().filter_map(|fact| match fact.as_ref() {
                Fact::CarePlan(plan) if plan.status == Some(RequestStatus::Active) => Some(plan),
                _ => None,
            });
            let found = active.map(|plan| Grannplan {
                id: plan.head.id.clone(),
                is_sip: Planer::Sip.includes(&plan.categories),
                sista_dag: plan.period.last_day(),
                hanvisar: hanvisningar(plan).into_iter().map(str::to_owned).collect(),
            });
            Ok(found.collect())
        },
    )
}

fn egen_kontakt(kontakt: &Arc<Grannkontakt>, namnda: &HashSet<&str>, today: Date) -> Option<EgenKontakt> {
    let vardkontakt = Kontakter::Vardkontakt.includes(&kontakt.typer);
    let is_meant = vardkontakt || Kontakter::Lakarkontakt.includes(&kontakt.typer);
    let is_there = kontakt.far_lasas && kontakt.is_active && !kontakt.interval.is_over(today);
    (is_there && is_meant).then(|| EgenKontakt {
        galler: kontakt.interval.contains(today),
        samordnar: kontakt.typer.contains(&Kontakttyp::Samordnande),
        namns: namnda.contains(kontakt.id.as_str()),
        vardkontakt,
        kontakt: kontakt.clone(),
    })
}

/// The ids of the plans that a plan refers to.
fn hanvisningar(plan: &CarePlan) -> HashSet<&str> {
    hanvisade([&plan.part_of, &plan.based_on, &plan.supporting_info], "CarePlan")
}

/// The ids of those of a type that are referred to.
fn hanvisade<'r>(references: impl IntoIterator<Item = &'r Vec<Reference>>, kind: &str) -> HashSet<&'r str> {
    let named = references.into_iter().flatten().filter_map(Reference::type_and_id);
    named
        .filter(|named| named.0 == kind && !named.1.is_empty())
        .map(|named| named.1)
        .collect()
}
