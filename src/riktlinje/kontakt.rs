//! The context of a written fast kontakt, gathered before any rule runs: its type, person, unit, patient, and the
//! patient's other contacts. A plain picture; the rules of the families FK, FVK, FLK are pure functions of it.

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{
    CareTeam, CareTeamStatus, Condition, ExtValue, Extension, Extensions, Participant, Reference, any_has,
};
use jiff::civil::Date;

use crate::fhir::types::ResourceType;

use super::Villkor;
use super::codes::{
    ANLEDNING, EXT_ERSATTER, LIVSHOTANDE_TILLSTAND, R4_ROLES, TILLAGG, TYP_AV_CARETEAM, TYP_AV_FAST_KONTAKT,
    TYP_TILLAGG,
};
use super::enhet::{Enhet, Huvudman, valj};
use super::ersattning::{self, Ersatt};
use super::finding::Evidence;
use super::intervals::Interval;
use super::livshotande;
use super::medlem::Medlem;
use super::patient::samma_som;
use super::policy::Policy;
use super::principles::Skede;
use super::profession::Profession;
use super::underlag::{Fore, Underlag, folj, typ_av};

/// The type of a fast kontakt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kontakttyp {
    /// 1: fast vårdkontakt
    Vardkontakt,
    /// 2: fast läkarkontakt i primärvård
    Lakarkontakt,
    /// 3: fast omsorgskontakt i hemtjänsten
    Omsorgskontakt,
    /// 4: fast vårdkontakt med övergripande samordningsansvar
    Samordnande,
    /// Kontaktsjuksköterska and the behandlande roller, by position in the code list.
    Tillagg(usize),
}

impl Kontakttyp {
    fn of(system: &str, code: &str) -> Option<Kontakttyp> {
        if system == TYP_TILLAGG {
            return TILLAGG.iter().position(|known| *known == code).map(Kontakttyp::Tillagg);
        }
        if !TYP_AV_FAST_KONTAKT.contains(&system) {
            return None;
        }
        match code {
            "1" => Some(Kontakttyp::Vardkontakt),
            "2" => Some(Kontakttyp::Lakarkontakt),
            "3" => Some(Kontakttyp::Omsorgskontakt),
            "4" => Some(Kontakttyp::Samordnande),
            _ => None,
        }
    }
}

/// The types of contact that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kontakter {
    Alla,
    /// Fast vårdkontakt, with or without responsibility for coordination (1 and 4).
    Vardkontakt,
    Lakarkontakt,
    Omsorgskontakt,
}

impl Kontakter {
    /// Whether a contact of these types is among them.
    pub fn includes(self, typer: &[Kontakttyp]) -> bool {
        match self {
            Kontakter::Alla => true,
            Kontakter::Vardkontakt => {
                typer.contains(&Kontakttyp::Vardkontakt) || typer.contains(&Kontakttyp::Samordnande)
            }
            Kontakter::Lakarkontakt => typer.contains(&Kontakttyp::Lakarkontakt),
            Kontakter::Omsorgskontakt => typer.contains(&Kontakttyp::Omsorgskontakt),
        }
    }
}

/// What the rules see of a written fast kontakt.
pub struct Kontaktbild<'a> {
    pub kontakt: &'a CareTeam,
    pub today: Date,
    pub policy: &'a Policy,
    pub typer: Vec<Kontakttyp>,
    /// The first participant's member; `None` without participant.
    pub medlem: Option<Medlem>,
    /// `None` when no organization is stated.
    pub enhet: Option<Enhet>,
    pub huvudman: Huvudman,
    /// Whether the subject is a patient.
    pub patient: Evidence,
    /// The days it is valid; `None` when its period ends before it starts.
    pub interval: Option<Interval>,
    /// The patient's other active contacts of the same family (vårdkontakter, or läkarkontakter).
    pub andra: Vec<AnnanKontakt>,
    /// Which of those the written contact replaces (`ersatter`).
    pub ersatta: Vec<Ersatt>,
    /// The patient has a condition that is life-threatening.
    pub livshotande_tillstand: bool,
}

/// Another active contact of the same patient.
#[derive(Clone, Debug)]
pub struct AnnanKontakt {
    pub id: String,
    pub interval: Interval,
    pub medlem: Medlem,
    /// Its reason is a life-threatening state.
    pub vid_livshotande: bool,
    /// `None` when no organization is stated.
    pub enhet: Option<Enhet>,
    /// The name of the policy its unit belongs to.
    pub policy: String,
}

impl Kontaktbild<'_> {
    /// What is stated of the profession of the written contact's person.
    pub fn profession(&self) -> Profession {
        self.medlem
            .as_ref()
            .map(|medlem| Profession::of(medlem, self.today))
            .unwrap_or_default()
    }

    /// Whether the contact's own reason is a life-threatening state.
    pub fn vid_livshotande(&self) -> bool {
        is_vid_livshotande(self.kontakt)
    }

    /// The patient's other contacts, those that the written one replaces left out.
    pub fn kvarvarande(&self) -> impl Iterator<Item = &AnnanKontakt> {
        self.andra
            .iter()
            .filter(|other| !self.ersatta.iter().any(|replaced| replaced.id == other.id))
    }

    /// The element that a finding about the person points at.
    pub fn till_personen(&self) -> &'static str {
        "CareTeam.participant[0].member"
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

/// Whether a CareTeam is a fast kontakt at all.
pub fn is_fast_kontakt(care_team: &CareTeam) -> bool {
    any_has(&care_team.categories, TYP_AV_CARETEAM, "fast-kontakt")
}

/// The types of a contact, each once, in order.
pub fn typer(care_team: &CareTeam) -> Vec<Kontakttyp> {
    let mut all = Vec::new();
    for typ in care_team.participants.iter().flat_map(typer_av_deltagare) {
        if !all.contains(&typ) {
            all.push(typ);
        }
    }
    all
}

/// The types a participant's roles state: R5's one role, and what R4's further roles became.
fn typer_av_deltagare(participant: &Participant) -> Vec<Kontakttyp> {
    let own = participant.role.iter().flat_map(|role| &role.codings);
    let own = own.filter_map(|coding| Kontakttyp::of(coding.system.as_deref()?, coding.code.as_deref()?));
    own.chain(participant.extensions.all(R4_ROLES).flat_map(typer_i_extension))
        .collect()
}

fn typer_i_extension(extension: &Extension) -> Vec<Kontakttyp> {
    let mut found: Vec<Kontakttyp> = match &extension.value {
        Some(ExtValue::Concept(concept)) => concept
            .codings
            .iter()
            .filter_map(|coding| Kontakttyp::of(coding.system.as_deref()?, coding.code.as_deref()?))
            .collect(),
        Some(ExtValue::Coding(coding)) => coding
            .system
            .as_deref()
            .zip(coding.code.as_deref())
            .and_then(|(system, code)| Kontakttyp::of(system, code))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    found.extend(extension.nested.iter().flat_map(typer_i_extension));
    found
}

/// Whether the contact's own reason is a life-threatening state.
fn is_vid_livshotande(care_team: &CareTeam) -> bool {
    care_team
        .reasons
        .iter()
        .filter_map(|reason| reason.concept.as_ref())
        .any(|concept| concept.has(ANLEDNING, LIVSHOTANDE_TILLSTAND))
}

/// Gathers everything the rules need to know about a written fast kontakt.
pub fn samla<'a, U: Underlag>(
    fact: &'a Fact,
    kontakt: &'a CareTeam,
    stored: Option<&Fact>,
    villkor: &Villkor<'a>,
    underlag: &mut U,
) -> Result<Kontaktbild<'a>, U::Error> {
    let typer = typer(kontakt);
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
    let mut bild = Kontaktbild {
        kontakt,
        today: villkor.today,
        policy: val.policy,
        typer,
        medlem,
        enhet,
        huvudman,
        patient: is_patient(underlag, kontakt.subject.as_ref(), fact)?,
        interval: Interval::of(&kontakt.period),
        andra: Vec::new(),
        ersatta: Vec::new(),
        livshotande_tillstand: false,
    };
    let family = [Kontakter::Vardkontakt, Kontakter::Lakarkontakt]
        .into_iter()
        .find(|family| family.includes(&bild.typer));
    if let Some(family) = family
        && Skede::of(fact, villkor.today) != Skede::Tyst
    {
        let patients = samma_som(kontakt.subject.as_ref(), fact, underlag)?;
        bild.samla_patientens(&patients, family, villkor, underlag)?;
        bild.ersatta = ersattning::ersatta(&bild, stored);
    }
    Ok(bild)
}

impl Kontaktbild<'_> {
    /// The patient's other contacts and conditions, as far as the rules of the written contact's family look at them.
    fn samla_patientens<U: Underlag>(
        &mut self,
        patients: &[String],
        family: Kontakter,
        villkor: &Villkor<'_>,
        underlag: &mut U,
    ) -> Result<(), U::Error> {
        if patients.is_empty() {
            return Ok(());
        }
        let vardkontakt = family == Kontakter::Vardkontakt;
        if vardkontakt {
            let conditions = underlag.av_patienter(ResourceType::Condition, patients)?;
            let conditions = conditions.iter().filter_map(|fact| as_condition(fact));
            self.livshotande_tillstand = livshotande::any(conditions, self.policy);
        }
        let needs_unit = (vardkontakt && self.policy.parameters.flest_fasta_vardkontakter.is_some())
            || self.kontakt.head.extensions.get(EXT_ERSATTER).is_some();
        let needs_person =
            vardkontakt && (self.livshotande_tillstand || self.policy.parameters.livshotande_lakare_raknas_inte);
        for fact in underlag.av_patienter(ResourceType::CareTeam, patients)? {
            let fact = match if villkor.fore {
                underlag.fore(&fact)?
            } else {
                Fore::Oforandrad
            } {
                Fore::Oforandrad => fact,
                Fore::Fanns(before) => before,
                Fore::FannsInte => continue,
            };
            let Fact::CareTeam(other) = fact.as_ref() else { continue };
            if !counts_beside(other, self.kontakt, family) {
                continue;
            }
            let Some(interval) = Interval::of(&other.period).filter(|interval| !interval.is_over(self.today)) else {
                continue;
            };
            let member = other
                .participants
                .first()
                .and_then(|participant| participant.member.as_ref());
            let medlem = match needs_unit || needs_person {
                true => Medlem::samla(underlag, member, &fact)?,
                false => Medlem::default(),
            };
            let enhet = if needs_unit {
                enhet_av(underlag, other, Some(&medlem), &fact)?
            } else {
                None
            };
            let policy = valj(enhet.as_ref(), villkor.policies, villkor.forced)
                .policy
                .name
                .clone();
            let vid_livshotande = is_vid_livshotande(other);
            self.andra.push(AnnanKontakt {
                id: other.head.id.clone(),
                interval,
                medlem,
                vid_livshotande,
                enhet,
                policy,
            });
        }
        Ok(())
    }
}

/// Only other active contacts of the same family count (GEN-01).
fn counts_beside(other: &CareTeam, written: &CareTeam, family: Kontakter) -> bool {
    let is_active = matches!(other.status, None | Some(CareTeamStatus::Active));
    let is_other = other.head.id != written.head.id;
    is_active && is_other && is_fast_kontakt(other) && family.includes(&typer(other))
}

fn as_condition(fact: &Arc<Fact>) -> Option<&Condition> {
    if let Fact::Condition(condition) = fact.as_ref() {
        Some(condition)
    } else {
        None
    }
}

/// The vårdenhet: the first managingOrganization, else the organization of the person's assignment.
fn enhet_av<U: Underlag>(
    underlag: &mut U,
    kontakt: &CareTeam,
    medlem: Option<&Medlem>,
    within: &Fact,
) -> Result<Option<Enhet>, U::Error> {
    if let Some(organization) = kontakt.managing_organizations.first() {
        return Enhet::samla(underlag, organization, within).map(Some);
    }
    let by_role = medlem.and_then(|medlem| medlem.role()?.organization.as_ref().zip(medlem.home()));
    match by_role {
        Some((organization, home)) => Enhet::samla(underlag, organization, home).map(Some),
        None => Ok(None),
    }
}

/// Whether a subject is a Patient: by the reference itself, else by following it.
fn is_patient<U: Underlag>(underlag: &mut U, subject: Option<&Reference>, within: &Fact) -> Result<Evidence, U::Error> {
    let Some(subject) = subject.filter(|subject| subject.is_stated() || has_extensions(&subject.extensions)) else {
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

fn has_extensions(extensions: &Extensions) -> bool {
    !extensions.is_empty()
}
