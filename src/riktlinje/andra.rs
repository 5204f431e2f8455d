//! The patient's other contacts, as the rules of a written fast kontakt see them. Units and persons are followed only
//! where a rule needs them: a create should ask the database for no more than that.

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeam, Reference};

use super::Villkor;
use super::codes::EXT_ERSATTER;
use super::enhet::{Enhet, valj};
use super::giltighet::interval_av;
use super::intervals::Interval;
use super::kontakt::{Kontaktbild, enhet_av};
use super::kontakttyp::{Kontakter, Kontakttyp, is_active, is_fast_kontakt, is_vid_livshotande, team, typer};
use super::medlem::Medlem;
use super::underlag::{Fore, Underlag};
use crate::fhir::types::ResourceType;

/// Another active contact of the same patient.
#[derive(Clone, Debug)]
pub struct AnnanKontakt {
    pub id: String,
    pub typer: Vec<Kontakttyp>,
    pub interval: Interval,
    /// The caller may read it. One that is hidden only counts (FLK-04, FVK-03; GEN-05).
    pub far_lasas: bool,
    pub subject: Option<Reference>,
    /// Its reason is a life-threatening state.
    pub vid_livshotande: bool,
    /// The teams it is reached through.
    pub team: Vec<String>,
    /// Empty unless a rule needs it.
    pub medlem: Medlem,
    /// `None` when no organization is stated, or no rule needs it.
    pub enhet: Option<Enhet>,
    /// The name of the policy its unit belongs to.
    pub policy: String,
    /// Its vårdgivare is that of the written one.
    pub samma_vardgivare: bool,
    /// Whoever writes may replace it; asked only when the written one replaces any.
    pub far_ersattas: bool,
}

/// All resources of a type of these patients, as they are, or as they were before the transaction.
pub fn patientens<U: Underlag>(
    kind: ResourceType,
    patients: &[String],
    villkor: &Villkor<'_>,
    underlag: &mut U,
) -> Result<Vec<Arc<Fact>>, U::Error> {
    let mut all = Vec::new();
    for fact in underlag.av_patienter(kind, patients)? {
        let before = if villkor.fore {
            underlag.fore(&fact)?
        } else {
            Fore::Oforandrad
        };
        match before {
            Fore::Oforandrad => all.push(fact),
            Fore::Fanns(before) => all.push(before),
            Fore::FannsInte => {}
        }
    }
    Ok(all)
}

impl Kontaktbild<'_> {
    /// The active contacts beside the written one that are valid some day from today on.
    pub(super) fn samla_andra<U: Underlag>(
        &mut self,
        contacts: &[Arc<Fact>],
        family: Kontakter,
        villkor: &Villkor<'_>,
        underlag: &mut U,
    ) -> Result<(), U::Error> {
        let mut found: Vec<(Arc<Fact>, AnnanKontakt)> = Vec::new();
        for fact in contacts {
            let Some(other) = fast_kontakt(fact).filter(|other| counts_beside(other, self.kontakt, family)) else {
                continue;
            };
            let Some(interval) = interval_av(other).filter(|interval| !interval.is_over(self.today)) else {
                continue;
            };
            let annan = AnnanKontakt {
                id: other.head.id.clone(),
                typer: typer(other),
                interval,
                far_lasas: underlag.far_lasa(fact),
                subject: other.subject.clone(),
                vid_livshotande: is_vid_livshotande(other),
                team: team_of(other),
                medlem: Medlem::default(),
                enhet: None,
                policy: String::new(),
                samma_vardgivare: false,
                far_ersattas: false,
            };
            found.push((fact.clone(), annan));
        }
        let others: Vec<&AnnanKontakt> = found.iter().map(|(_, other)| other).collect();
        let needs_unit = self.needs_units(&others, family);
        let needs_person = family == Kontakter::Vardkontakt
            && (self.livshotande_tillstand || self.policy.parameters.livshotande_lakare_raknas_inte);
        for (fact, mut annan) in found {
            let Some(other) = fast_kontakt(&fact) else { continue };
            if needs_person || (needs_unit && other.managing_organizations.is_empty()) {
                let first = other.participants.first();
                let member = first.and_then(|participant| participant.member.as_ref());
                annan.medlem = Medlem::samla(underlag, member, &fact)?;
            }
            if needs_unit {
                annan.enhet = enhet_av(underlag, other, Some(&annan.medlem), &fact)?;
                let val = valj(annan.enhet.as_ref(), villkor.policies, villkor.forced);
                annan.policy.clone_from(&val.policy.name);
            }
            if self.kontakt.head.extensions.get(EXT_ERSATTER).is_some() {
                let (kind, own) = (ResourceType::CareTeam, self.kontakt.head.id.as_str());
                annan.samma_vardgivare = match underlag.samma_vardgivare(kind, own, &annan.id)? {
                    Some(known) => known,
                    None => self.of_same_vardgivare(&annan),
                };
                annan.far_ersattas = underlag.far_ersatta(kind, (own, &annan.id), annan.samma_vardgivare)?;
            }
            self.andra.push(annan);
        }
        Ok(())
    }

    /// Whether the catalogue says that the units of both belong to one vårdgivare.
    fn of_same_vardgivare(&self, other: &AnnanKontakt) -> bool {
        let both = self.enhet.as_ref().zip(other.enhet.as_ref());
        both.is_some_and(|(own, others)| own.same_vardgivare(others))
    }

    /// Whether a rule asks where the others are: what is replaced (FLK-04, FVK-03), more than the most (FVK-03), several
    /// units of which none coordinates (FVK-05).
    fn needs_units(&self, others: &[&AnnanKontakt], family: Kontakter) -> bool {
        let replaces = self.kontakt.head.extensions.get(EXT_ERSATTER).is_some();
        let vardkontakt = family == Kontakter::Vardkontakt;
        let may_be_too_many = || {
            let most = self.policy.parameters.flest_fasta_vardkontakter;
            most.is_some_and(|most| others.len() >= most)
        };
        let nobody_coordinates = || {
            let beside = others.iter().filter(|other| self.is_beside(other));
            let mut typer = beside.flat_map(|other| &other.typer).chain(&self.typer);
            self.policy.asks("FVK-05") && !typer.any(|typ| *typ == Kontakttyp::Samordnande)
        };
        !others.is_empty() && (replaces || (vardkontakt && (may_be_too_many() || nobody_coordinates())))
    }

    /// Whether the caller may read the other contact and it is valid at the same time as the written one.
    fn is_beside(&self, other: &AnnanKontakt) -> bool {
        other.far_lasas
            && self
                .interval
                .is_some_and(|own| own.overlaps(&other.interval, self.today))
    }

    /// The patient's other contacts, without those that the written one replaces or is replaced by. Hidden ones are among
    /// them.
    pub fn kvarvarande(&self) -> impl Iterator<Item = &AnnanKontakt> {
        self.andra
            .iter()
            .filter(|other| !self.ersatter(other) && !self.ersattare.contains(&other.id))
    }

    fn ersatter(&self, other: &AnnanKontakt) -> bool {
        self.ersatta.iter().any(|replaced| replaced.id == other.id)
    }

    /// The other contacts that are valid at the same time, as far as the caller may read them.
    pub fn samtidiga(&self) -> impl Iterator<Item = &AnnanKontakt> {
        self.kvarvarande().filter(|other| self.is_beside(other))
    }

    /// All that are there after the transaction and that the caller may read: what findings lean on (GEN-05).
    pub fn synliga(&self) -> impl Iterator<Item = &AnnanKontakt> {
        self.andra
            .iter()
            .filter(|other| other.far_lasas && !self.ersatter(other))
    }
}

/// The contact, when it is a fast kontakt.
pub fn fast_kontakt(fact: &Fact) -> Option<&CareTeam> {
    match fact {
        Fact::CareTeam(care_team) if is_fast_kontakt(care_team) => Some(care_team),
        _ => None,
    }
}

/// Only other active contacts of the same family count (GEN-01).
fn counts_beside(other: &CareTeam, written: &CareTeam, family: Kontakter) -> bool {
    is_active(other) && other.head.id != written.head.id && family.includes(&typer(other))
}

/// Which teams a contact is reached through.
pub fn team_of(care_team: &CareTeam) -> Vec<String> {
    team(care_team)
        .filter_map(|reference| reference.type_and_id())
        .map(|(kind, id)| format!("{kind}/{id}"))
        .collect()
}
