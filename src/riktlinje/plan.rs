//! The context of a written plan, gathered before any rule runs: its types, unit, what is agreed (activities), what it
//! leans on (supportingInfo), who answers for it, and the patient's whole picture. Only what the rules about its types
//! look at. The rules of the families DOK, MVP, SIP and IP are pure functions of it.

mod aktivitet;
mod ansvarig;
mod enhet;
mod patientens;
mod signal;

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::date::FhirDate;
use fastkontakt_model::facts::{CarePlan, Concept, Extensions, Reference, RequestStatus, any_has};
use jiff::civil::Date;

pub(super) use aktivitet::performers;
pub use aktivitet::{Aktivitet, Utforare, Vem};
pub(super) use enhet::leder_till;
pub use patientens::{AnnanPlan, EgenKontakt, Grannplan, Patientens};

use super::Villkor;
use super::codes::{DELAKTIGHET, EXT_DELAKTIGHET, EXT_INGEN_BOKAD_TID, PLANTYP, SKAL_INGEN_BOKAD_TID, TYP_AV_PLAN};
use super::effect::Meddelande;
use super::enhet::{Huvudman, valj};
use super::finding::Evidence;
use super::policy::Policy;
use super::principles::Skede;
use super::skal::anges_bland;
use super::underlag::{Underlag, folj};

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
    pub aktiviteter: Vec<Aktivitet<'a>>,
    pub underlag: Vec<Stod>,
    pub mal: Vec<Stod>,
    /// The patient or a relative is among those who made it.
    pub patienten_med: Evidence,
    /// DOK-03: the patient has someone to turn to.
    pub att_vanda_sig_till: Evidence,
    /// MVP-02: the responsible is a physician.
    pub ansvarig_lakare: Evidence,
    /// SIP-05: who runs the care of the responsible's unit.
    pub ansvarig_huvudman: Huvudman,
    pub patientens: Patientens,
    /// What the fast vårdkontakt is to be told when the plan is accepted.
    pub signal: Vec<Meddelande>,
}

/// One resource that the plan leans on, in order.
#[derive(Clone, Debug)]
pub struct Stod {
    pub reference: Reference,
    pub fact: Option<Arc<Fact>>,
}

impl Planbild<'_> {
    /// Whether the patient takes part: among those who made the plan, or extension `delaktighet` says how.
    pub fn delaktighet(&self) -> Evidence {
        if anges_bland(&self.plan.head.extensions, EXT_DELAKTIGHET, DELAKTIGHET) {
            Evidence::Shown
        } else {
            self.patienten_med
        }
    }

    /// Whether a plan of that type becomes active: it was not before.
    pub fn blir_gallande(&self, planer: Planer) -> bool {
        self.stored
            .is_none_or(|stored| stored.status != Some(RequestStatus::Active) || !planer.includes(&stored.categories))
    }

    /// Whether there is any åtagande at all. What cannot be followed may be one.
    pub fn har_atagande(&self) -> Evidence {
        Evidence::any(self.aktiviteter.iter().map(Aktivitet::is_atagande))
    }

    /// The åtaganden, as far as they could be followed.
    pub fn ataganden(&self) -> impl Iterator<Item = &Aktivitet<'_>> {
        self.aktiviteter
            .iter()
            .filter(|aktivitet| aktivitet.is_atagande() == Evidence::Shown)
    }

    /// The extensions of the plan and of its activities.
    pub fn tillagg(&self) -> impl Iterator<Item = &Extensions> {
        let of_activities = self.aktiviteter.iter().flat_map(Aktivitet::tillagg);
        std::iter::once(&self.plan.head.extensions).chain(of_activities)
    }

    /// An överenskommen tid for the next contact, or extension `ingen-bokad-tid` with one of its reasons, on the plan
    /// or an activity.
    pub fn har_tid(&self) -> Evidence {
        let excused = |extensions| anges_bland(extensions, EXT_INGEN_BOKAD_TID, SKAL_INGEN_BOKAD_TID);
        if self.tillagg().any(excused) {
            return Evidence::Shown;
        }
        let from = self.raknas_fran();
        Evidence::any(self.aktiviteter.iter().map(|aktivitet| aktivitet.is_tid_efter(from)))
    }

    /// The moment (microseconds) after which a time is the next one: the plan's own `created` or start, else today. A
    /// plan made today for a period to come may well have its first contact before.
    fn raknas_fran(&self) -> i64 {
        let low = |date: FhirDate| date.range().0;
        let today = low(FhirDate::from(self.today));
        match (self.plan.created.map(low), self.plan.period.start.map(low)) {
            (Some(created), Some(start)) => created.min(start),
            (Some(created), None) => created,
            (None, Some(start)) => start.min(today),
            (None, None) => today,
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
    let is = |planer: Planer| planer.includes(&plan.categories);
    let sip = is(Planer::Sip);
    let mut aktiviteter = Vec::with_capacity(plan.activities.len());
    for (position, activity) in plan.activities.iter().enumerate() {
        let huvudman = sip.then_some(villkor.policies);
        aktiviteter.push(Aktivitet::samla(underlag, position, activity, fact, huvudman)?);
    }
    let enhet = enhet::enhet_av(underlag, plan, &aktiviteter, fact)?;
    let mut bild = Planbild {
        plan,
        stored: match stored {
            Some(Fact::CarePlan(stored)) => Some(stored),
            _ => None,
        },
        today: villkor.today,
        policy: villkor.policy(&valj(enhet.as_ref(), villkor.policies, villkor.forced)),
        aktiviteter,
        underlag: Vec::new(),
        mal: Vec::new(),
        patienten_med: Evidence::NotStated,
        att_vanda_sig_till: Evidence::NotStated,
        ansvarig_lakare: Evidence::NotStated,
        ansvarig_huvudman: Huvudman::default(),
        patientens: Patientens::default(),
        signal: Vec::new(),
    };
    let skede = Skede::of(fact, villkor.today);
    if skede == Skede::Tyst {
        // Every rule about plans is silent.
        return Ok(bild);
    }
    bild.patienten_med = ansvarig::har_patienten_med(underlag, plan, fact)?;
    if is(Planer::Overenskommelse) || sip {
        bild.underlag = stod(underlag, &plan.supporting_info, fact)?;
        bild.patientens = Patientens::samla(underlag, plan, fact, villkor)?;
    }
    if is(Planer::Overenskommelse) {
        bild.mal = stod(underlag, &plan.goals, fact)?;
        bild.att_vanda_sig_till = ansvarig::att_vanda_sig_till(underlag, plan, fact, &bild.patientens, villkor.today)?;
    }
    if is(Planer::Overenskommelse)
        && bild.policy.parameters.signal_vid_overenskommelse
        && skede == Skede::Galler
        && bild.blir_gallande(Planer::Overenskommelse)
    {
        bild.signal = signal::signal(underlag, plan, fact, &bild.patientens)?;
    }
    if let Some(custodian) = &plan.custodian {
        if is(Planer::MedicinskVardplan) {
            bild.ansvarig_lakare = ansvarig::is_lakare(underlag, custodian, fact, villkor.today)?;
        }
        if sip {
            bild.ansvarig_huvudman = enhet::huvudman_av(underlag, custodian, fact, villkor.policies)?;
        }
    }
    Ok(bild)
}

fn stod<U: Underlag>(underlag: &mut U, references: &[Reference], within: &Fact) -> Result<Vec<Stod>, U::Error> {
    let mut all = Vec::with_capacity(references.len());
    for reference in references {
        let found = folj(underlag, reference, within)?;
        all.push(Stod {
            reference: reference.clone(),
            fact: found.map(|found| found.fact),
        });
    }
    Ok(all)
}
