//! The context of a written fast kontakt, gathered before any rule runs: its type, person, unit, patient, and the
//! patient's other contacts. A plain picture; the rules of the families FK, FVK, FLK, FOK are pure functions of it.

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeam, Condition, EpisodeStatus, Reference, any_has};
use jiff::civil::Date;

use super::Villkor;
use super::andra::{self, AnnanKontakt};
use super::atertagande;
use super::codes::INSATSFORM;
use super::enhet::{Enhet, Huvudman, valj};
use super::enhetstyp::{Enhetstyp, typer_av};
use super::ersattning::{self, Ersatt};
use super::finding::Evidence;
use super::giltighet::interval_av;
use super::intervals::Interval;
use super::kontakttyp::is_vid_livshotande;
use super::livshotande;
use super::medlem::Medlem;
use super::nabarhet;
use super::patient::samma_som;
use super::policy::Policy;
use super::principles::Skede;
use super::profession::Profession;
use super::underlag::{Underlag, folj, lasbara, typ_av};
use crate::fhir::types::ResourceType;

pub use super::kontakttyp::{Kontakter, Kontakttyp, is_fast_kontakt, typer};

/// What the rules see of a written fast kontakt.
pub struct Kontaktbild<'a> {
    pub kontakt: &'a CareTeam,
    /// The version before.
    pub stored: Option<&'a CareTeam>,
    pub today: Date,
    pub policy: &'a Policy,
    /// The name of the policy that the unit belongs to: another than that which judges, when a whole picture is checked.
    pub enhetens_policy: &'a str,
    pub typer: Vec<Kontakttyp>,
    /// The first participant's member; `None` without participant.
    pub medlem: Option<Medlem>,
    /// `None` when no organization is stated.
    pub enhet: Option<Enhet>,
    pub huvudman: Huvudman,
    /// Whether the subject is a patient.
    pub patient: Evidence,
    /// The days it is valid; `None` when there are none.
    pub interval: Option<Interval>,
    /// Whether the patient can reach the contact.
    pub kan_nas: Evidence,
    /// The patient's other active contacts of the same family (vårdkontakter, or läkarkontakter).
    pub andra: Vec<AnnanKontakt>,
    /// Which of those the written contact replaces (`ersatter`).
    pub ersatta: Vec<Ersatt>,
    /// It was replaced by one that is not in force, and the patient has no other.
    pub star_utan: bool,
    /// The ids of those, written in the same transaction, that replace the written contact.
    pub ersattare: Vec<String>,
    /// The patient has a condition that is life-threatening, or may have one.
    pub livshotande_tillstand: bool,
    /// The condition is shown to go on.
    pub livshotande_pagar: bool,
    /// The responsibility for coordination came here from elsewhere, and no individual plan is active.
    pub overtar_utan_plan: bool,
    /// The patient is in hemsjukvård (asked where psychiatry may host the läkarkontakt).
    pub i_hemsjukvard: bool,
}

impl Kontaktbild<'_> {
    /// What is stated of the profession of the written contact's person.
    pub fn profession(&self) -> Profession {
        self.profession_den(self.today)
    }

    /// The same as it is on a day.
    pub fn profession_den(&self, day: Date) -> Profession {
        self.medlem
            .as_ref()
            .map(|medlem| Profession::of(medlem, day))
            .unwrap_or_default()
    }

    /// Whether the contact's own reason is a life-threatening state.
    pub fn vid_livshotande(&self) -> bool {
        is_vid_livshotande(self.kontakt)
    }

    /// The element that a finding about the person points at.
    pub fn till_personen(&self) -> &'static str {
        "CareTeam.participant[0].member"
    }

    /// The element that a finding about the unit points at.
    pub fn till_enheten(&self) -> &'static str {
        if self.kontakt.managing_organizations.is_empty() {
            self.till_personen()
        } else {
            "CareTeam.managingOrganization[0]"
        }
    }

    /// The element that a finding about the type points at.
    pub fn till_typen(&self) -> &'static str {
        "CareTeam.participant[0].role"
    }

    /// The element that a finding about the time points at.
    pub fn till_tiden(&self) -> &'static str {
        if self.kontakt.period.is_empty() {
            "CareTeam"
        } else {
            "CareTeam.period"
        }
    }
}

/// Gathers everything the rules need to know about a written fast kontakt.
pub fn samla<'a, U: Underlag>(
    fact: &'a Fact,
    kontakt: &'a CareTeam,
    stored: Option<&'a Fact>,
    villkor: &Villkor<'a>,
    underlag: &mut U,
) -> Result<Kontaktbild<'a>, U::Error> {
    let mut bild = samla_egen(fact, kontakt, stored, villkor, underlag)?;
    bild.star_utan = atertagande::star_utan(fact, kontakt, villkor.today, underlag)?;
    if Skede::of(fact, villkor.today) != Skede::Tyst {
        bild.kan_nas = nabarhet::kan_nas(
            underlag,
            kontakt,
            bild.medlem.as_ref(),
            bild.enhet.as_ref(),
            fact,
            villkor.today,
        )?;
        bild.samla_patientens(fact, villkor, underlag)?;
    }
    Ok(bild)
}

/// What the contact itself leads to, without the patient's whole picture.
pub(super) fn samla_egen<'a, U: Underlag>(
    fact: &Fact,
    kontakt: &'a CareTeam,
    stored: Option<&'a Fact>,
    villkor: &Villkor<'a>,
    underlag: &mut U,
) -> Result<Kontaktbild<'a>, U::Error> {
    let medlem = match kontakt.participants.first() {
        Some(participant) => Some(Medlem::samla(underlag, participant.member.as_ref(), fact)?),
        None => None,
    };
    let enhet = enhet_av(underlag, kontakt, medlem.as_ref(), fact)?;
    let val = valj(enhet.as_ref(), villkor.policies, villkor.forced);
    let huvudman = enhet
        .as_ref()
        .map(|enhet| Huvudman::of(enhet, &val, villkor.policies))
        .unwrap_or_default();
    Ok(Kontaktbild {
        kontakt,
        stored: match stored {
            Some(Fact::CareTeam(stored)) => Some(stored),
            _ => None,
        },
        today: villkor.today,
        policy: villkor.policy(&val),
        enhetens_policy: &val.policy.name,
        typer: typer(kontakt),
        medlem,
        enhet,
        huvudman,
        patient: is_patient(underlag, kontakt.subject.as_ref(), fact)?,
        interval: interval_av(kontakt),
        kan_nas: Evidence::Shown,
        andra: Vec::new(),
        ersatta: Vec::new(),
        ersattare: Vec::new(),
        star_utan: false,
        livshotande_tillstand: false,
        livshotande_pagar: false,
        overtar_utan_plan: false,
        i_hemsjukvard: false,
    })
}

impl Kontaktbild<'_> {
    /// The patient's whole picture, as far as the rules of the written contact's family look at it.
    fn samla_patientens<U: Underlag>(
        &mut self,
        fact: &Fact,
        villkor: &Villkor<'_>,
        underlag: &mut U,
    ) -> Result<(), U::Error> {
        let mut families = [Kontakter::Vardkontakt, Kontakter::Lakarkontakt].into_iter();
        let Some(family) = families.find(|family| family.includes(&self.typer)) else {
            return Ok(());
        };
        let patients = samma_som(self.kontakt.subject.as_ref(), fact, underlag)?;
        if patients.is_empty() {
            return Ok(());
        }
        if family == Kontakter::Vardkontakt {
            let conditions = lasbara(underlag, ResourceType::Condition, &patients)?;
            let conditions = conditions.iter().filter_map(|fact| as_condition(fact));
            let livshotande = livshotande::any(conditions, self.policy);
            self.livshotande_tillstand = livshotande != Evidence::Contradicted;
            self.livshotande_pagar = livshotande == Evidence::Shown;
        }
        let contacts = andra::grannar(&patients, villkor.fore, underlag)?;
        self.samla_andra(&contacts, family, villkor, underlag)?;
        // What was before the transaction replaces nothing more, and nor is anything being written there, or in a check of what is stored.
        if !villkor.fore {
            self.ersatta = ersattning::ersatta(self, &patients, underlag)?;
        }
        if !villkor.fore && villkor.policy.is_none() {
            self.samla_ersattare(&contacts, family, &patients, villkor, underlag)?;
        }
        if family == Kontakter::Vardkontakt {
            self.samla_samordning(&contacts, &patients, villkor, underlag)?;
        }
        let psychiatry = |enhet: &Enhet| typer_av(enhet).contains(&Enhetstyp::PsykiatriskOppenvard);
        if family == Kontakter::Lakarkontakt
            && self.policy.parameters.psykiatri_far_ha_lakarkontakt
            && self.enhet.as_ref().is_some_and(psychiatry)
        {
            let episodes = lasbara(underlag, ResourceType::EpisodeOfCare, &patients)?;
            self.i_hemsjukvard = episodes.iter().any(|fact| is_hemsjukvard(fact, self.today));
        }
        Ok(())
    }
}

fn as_condition(fact: &Arc<Fact>) -> Option<&Condition> {
    if let Fact::Condition(condition) = fact.as_ref() {
        Some(condition)
    } else {
        None
    }
}

/// An active EpisodeOfCare of the insatsform hemsjukvård.
fn is_hemsjukvard(fact: &Fact, today: Date) -> bool {
    let Fact::EpisodeOfCare(episode) = fact else {
        return false;
    };
    episode.status == Some(EpisodeStatus::Active)
        && episode.period.last_day().is_none_or(|last| today <= last)
        && any_has(&episode.types, INSATSFORM, "hemsjukvard")
}

/// The vårdenhet: the first managingOrganization, else the organization of the person's assignment.
pub(super) fn enhet_av<U: Underlag>(
    underlag: &mut U,
    kontakt: &CareTeam,
    medlem: Option<&Medlem>,
    within: &Fact,
) -> Result<Option<Enhet>, U::Error> {
    if let Some(organization) = kontakt.managing_organizations.first() {
        return Enhet::samla(underlag, organization, within).map(Some);
    }
    let by_role = medlem.and_then(|medlem| medlem.role()?.organization.as_ref().zip(medlem.home()));
    let is_claimed = medlem
        .and_then(|medlem| medlem.reference.as_ref())
        .is_some_and(Reference::is_contained);
    match by_role {
        Some((organization, home)) => {
            let enhet = Enhet::samla(underlag, organization, home)?;
            Ok(Some(if is_claimed { enhet.bara_pastadd() } else { enhet }))
        }
        None => Ok(None),
    }
}

/// Whether a subject is a Patient: by the reference itself, else by following it.
fn is_patient<U: Underlag>(underlag: &mut U, subject: Option<&Reference>, within: &Fact) -> Result<Evidence, U::Error> {
    let Some(subject) = subject.filter(|subject| subject.is_stated() || !subject.extensions.is_empty()) else {
        return Ok(Evidence::Contradicted);
    };
    let found = folj(underlag, subject, within)?.map(|found| found.fact.resource_type().to_owned());
    let kind = match found {
        Some(kind) => Some(kind),
        None => typ_av(underlag, subject, within)?,
    };
    Ok(match kind.as_deref() {
        Some("Patient") => Evidence::Shown,
        Some(_) => Evidence::Contradicted,
        // A logical reference: the numbers of people are those of patients here.
        None if subject.identifier.is_some() => Evidence::Shown,
        None => Evidence::NotStated,
    })
}
