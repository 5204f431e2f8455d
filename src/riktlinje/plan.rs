//! The context of a written plan, gathered before any rule runs: its types, unit, what is agreed (activities) and what
//! it leans on (supportingInfo). The rules of the families DOK and SIP are pure functions of it.

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CarePlan, Concept, Reference, any_has};
use jiff::civil::Date;

use super::Villkor;
use super::codes::{PLANTYP, TYP_AV_PLAN};
use super::enhet::{Enhet, valj};
use super::finding::Evidence;
use super::identity::{hsa_ids, logical};
use super::patient::samma_som;
use super::policy::Policy;
use super::underlag::{Traff, Underlag, folj, typ_av};

/// The types of plan that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planer {
    Overenskommelse,
    MedicinskVardplan,
    /// SIP, and SPU likewise.
    Sip,
    /// Other individual plans: HP, RP.
    Individuell,
}

impl Planer {
    const ALL: [Planer; 4] = [
        Planer::Overenskommelse,
        Planer::MedicinskVardplan,
        Planer::Sip,
        Planer::Individuell,
    ];

    /// Whether a plan of these categories is one of them.
    pub fn includes(self, categories: &[Concept]) -> bool {
        match self {
            Planer::Overenskommelse => any_has(categories, PLANTYP, "dokumenterad-overenskommelse"),
            Planer::MedicinskVardplan => any_has(categories, PLANTYP, "medicinsk-vardplan"),
            Planer::Sip => ["SIP", "SPU"].iter().any(|code| any_has(categories, TYP_AV_PLAN, code)),
            Planer::Individuell => ["HP", "RP"].iter().any(|code| any_has(categories, TYP_AV_PLAN, code)),
        }
    }
}

/// Whether any rule is about a plan of these categories.
pub fn is_ours(plan: &CarePlan) -> bool {
    Planer::ALL.iter().any(|planer| planer.includes(&plan.categories))
}

/// What the rules see of a written plan.
pub struct Planbild<'a> {
    pub plan: &'a CarePlan,
    pub stored: Option<&'a CarePlan>,
    pub today: Date,
    pub policy: &'a Policy,
    pub aktiviteter: Vec<Aktivitet>,
    pub underlag: Vec<Stod>,
    /// The patients that are one with the subject.
    pub patienter: Vec<String>,
}

/// One `activity`, in order.
#[derive(Clone, Debug)]
pub struct Aktivitet {
    /// `plannedActivityReference`
    pub planned: Option<Reference>,
    /// What it points at, when it could be followed.
    pub fact: Option<Arc<Fact>>,
    /// The type it points at, as far as that can be told.
    pub kind: Option<String>,
    pub utforare: Vec<Utforare>,
}

/// Who carries out an åtagande.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Utforare {
    /// The patient or a relative.
    Patienten,
    /// Anyone else.
    Varden,
    /// Someone, but nothing tells who.
    Okand,
}

/// One `supportingInfo`, in order.
#[derive(Clone, Debug)]
pub struct Stod {
    pub reference: Reference,
    pub fact: Option<Arc<Fact>>,
}

impl Aktivitet {
    /// Whether it is an åtagande (ServiceRequest or Task), as far as that can be told.
    pub fn is_atagande(&self) -> Evidence {
        match (&self.planned, self.kind.as_deref()) {
            (None, _) => Evidence::Contradicted,
            (_, Some("ServiceRequest" | "Task")) if self.fact.is_some() => Evidence::Shown,
            (_, Some("ServiceRequest" | "Task") | None) => Evidence::NotStated,
            _ => Evidence::Contradicted,
        }
    }
}

/// Gathers everything the rules need to know about a written plan.
pub fn samla<'a, U: Underlag>(
    fact: &'a Fact,
    plan: &'a CarePlan,
    stored: Option<&'a Fact>,
    villkor: &Villkor<'a>,
    underlag: &mut U,
) -> Result<Planbild<'a>, U::Error> {
    let mut aktiviteter = Vec::with_capacity(plan.activities.len());
    for activity in &plan.activities {
        aktiviteter.push(aktivitet(underlag, activity.planned.as_ref(), fact)?);
    }
    let mut stod = Vec::with_capacity(plan.supporting_info.len());
    for reference in &plan.supporting_info {
        let found = folj(underlag, reference, fact)?.map(|found| found.fact);
        stod.push(Stod {
            reference: reference.clone(),
            fact: found,
        });
    }
    let enhet = enhet_av(underlag, plan, &aktiviteter, fact)?;
    let needs_patients = Planer::Sip.includes(&plan.categories);
    Ok(Planbild {
        plan,
        stored: match stored {
            Some(Fact::CarePlan(stored)) => Some(stored),
            _ => None,
        },
        today: villkor.today,
        policy: valj(enhet.as_ref(), villkor.policies, villkor.forced).policy,
        aktiviteter,
        underlag: stod,
        patienter: if needs_patients {
            samma_som(plan.subject.as_ref(), fact, underlag)?
        } else {
            Vec::new()
        },
    })
}

fn aktivitet<U: Underlag>(underlag: &mut U, planned: Option<&Reference>, within: &Fact) -> Result<Aktivitet, U::Error> {
    let Some(reference) = planned else {
        return Ok(Aktivitet {
            planned: None,
            fact: None,
            kind: None,
            utforare: Vec::new(),
        });
    };
    let found = folj(underlag, reference, within)?;
    let mut utforare = Vec::new();
    if let Some(Traff { fact, home }) = &found {
        for performer in performers(fact) {
            utforare.push(who(underlag, performer, home)?);
        }
    }
    let kind = match &found {
        Some(found) => Some(found.fact.resource_type().to_owned()),
        None => reference.target_type().map(str::to_owned),
    };
    Ok(Aktivitet {
        planned: Some(reference.clone()),
        fact: found.map(|found| found.fact),
        kind,
        utforare,
    })
}

/// Everyone who is to carry out an åtagande.
fn performers(fact: &Fact) -> Vec<&Reference> {
    match fact {
        Fact::ServiceRequest(request) => request.performers.iter().collect(),
        Fact::Task(task) => task.owner.iter().chain(&task.performers).collect(),
        _ => Vec::new(),
    }
}

fn who<U: Underlag>(underlag: &mut U, performer: &Reference, within: &Fact) -> Result<Utforare, U::Error> {
    Ok(match typ_av(underlag, performer, within)?.as_deref() {
        Some("Patient" | "RelatedPerson") => Utforare::Patienten,
        Some(_) => Utforare::Varden,
        None if !hsa_ids(logical(performer)).is_empty() => Utforare::Varden,
        None => Utforare::Okand,
    })
}

/// GEN-04: the unit of the custodian, else of the first contributor, contact or performer that leads to one.
fn enhet_av<U: Underlag>(
    underlag: &mut U,
    plan: &CarePlan,
    aktiviteter: &[Aktivitet],
    within: &Fact,
) -> Result<Option<Enhet>, U::Error> {
    for reference in plan.custodian.iter().chain(&plan.contributors).chain(&plan.care_teams) {
        if let Some(enhet) = leder_till(underlag, reference, within, 0)? {
            return Ok(Some(enhet));
        }
    }
    for fact in aktiviteter.iter().filter_map(|aktivitet| aktivitet.fact.clone()) {
        // A contained åtagande refers to what is contained in the plan.
        let home = if fact.head().contained.is_empty() {
            within
        } else {
            fact.as_ref()
        };
        for performer in performers(&fact) {
            if let Some(enhet) = leder_till(underlag, performer, home, 0)? {
                return Ok(Some(enhet));
            }
        }
    }
    Ok(None)
}

/// How many steps a person or team may be away from its unit: CareTeam → PractitionerRole → Organization.
const STEPS: usize = 3;

/// The unit that a reference leads to: an Organization itself, a person's assignment, a contact's or team's unit.
fn leder_till<U: Underlag>(
    underlag: &mut U,
    reference: &Reference,
    within: &Fact,
    steps: usize,
) -> Result<Option<Enhet>, U::Error> {
    if reference.target_type() == Some("Organization") {
        return Enhet::samla(underlag, reference, within).map(Some);
    }
    let Some(Traff { fact, home }) = folj(underlag, reference, within)? else {
        return Ok(None);
    };
    let next: Vec<&Reference> = match fact.as_ref() {
        Fact::Organization(_) => return Enhet::samla(underlag, reference, within).map(Some),
        Fact::PractitionerRole(role) => role.organization.iter().collect(),
        Fact::CareTeam(team) => {
            let members = team
                .participants
                .iter()
                .filter_map(|participant| participant.member.as_ref());
            team.managing_organizations.iter().chain(members).collect()
        }
        _ => Vec::new(),
    };
    for reference in next.into_iter().filter(|_| steps < STEPS) {
        if let Some(enhet) = leder_till(underlag, reference, &home, steps + 1)? {
            return Ok(Some(enhet));
        }
    }
    Ok(None)
}
