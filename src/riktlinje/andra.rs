//! The patient's other contacts, as the rules of a written fast kontakt see them. Units and persons are followed only
//! where a rule needs them: a create should ask the database for no more than that.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeam, Reference};
use jiff::civil::Date;

use super::Villkor;
use super::codes::EXT_ERSATTER;
use super::enhet::{Enhet, valj};
use super::ersattning::sager_ersatter;
use super::giltighet::interval_av;
use super::intervals::Interval;
use super::kontakt::{Kontaktbild, enhet_av};
use super::kontakttyp::{Kontakter, Kontakttyp, is_active, is_fast_kontakt, is_vid_livshotande, team, typer};
use super::medlem::Medlem;
use super::profession::Profession;
use super::samlat::{en_gang, patientens};
use super::underlag::Underlag;
use crate::fhir::types::ResourceType;

/// A fast kontakt of the patient's that is valid some day, as those that are judged beside it see it. It is gathered once for
/// all of them; person and unit are followed when a rule needs them the first time.
#[derive(Debug)]
pub struct Grannkontakt {
    pub id: String,
    pub typer: Vec<Kontakttyp>,
    pub interval: Interval,
    pub is_active: bool,
    /// The caller may read it. One that is hidden only counts (FLK-04, FVK-03; GEN-05).
    pub far_lasas: bool,
    /// Its reason is a life-threatening state.
    pub vid_livshotande: bool,
    /// The teams it is reached through.
    pub team: Vec<String>,
    /// It says that it replaces others, and is written by the transaction that is judged.
    pub ersatter_nu: bool,
    fact: Arc<Fact>,
    medlem: OnceLock<Medlem>,
    plats: OnceLock<Plats>,
    /// The ids of those that it replaces, of vårdkontakter and of läkarkontakter.
    pub(super) ersatter: [OnceLock<BTreeSet<String>>; 2],
}

/// Where a contact is.
#[derive(Debug)]
struct Plats {
    /// `None` when no organization is stated.
    enhet: Option<Enhet>,
    /// The name of the policy that the unit belongs to.
    policy: String,
}

/// The fasta kontakter of these patients that are valid some day, as they are, or as they were before the transaction.
pub fn grannar<U: Underlag>(
    patients: &[String],
    fore: bool,
    underlag: &mut U,
) -> Result<Arc<[Arc<Grannkontakt>]>, U::Error> {
    let key = (patients.to_vec(), fore);
    en_gang(
        underlag,
        |samlat| &mut samlat.kontakter,
        key,
        |underlag| {
            let contacts = patientens(underlag, ResourceType::CareTeam, patients, fore)?;
            let mut found = Vec::with_capacity(contacts.len());
            for fact in contacts {
                found.extend(Grannkontakt::samla(fact, underlag)?.map(Arc::new));
            }
            Ok(found.into())
        },
    )
}

impl Grannkontakt {
    fn samla<U: Underlag>(fact: Arc<Fact>, underlag: &mut U) -> Result<Option<Grannkontakt>, U::Error> {
        let Some((own, interval)) = fast_kontakt(&fact).and_then(|own| Some((own, interval_av(own)?))) else {
            return Ok(None);
        };
        Ok(Some(Grannkontakt {
            id: own.head.id.clone(),
            typer: typer(own),
            interval,
            is_active: is_active(own),
            far_lasas: underlag.far_lasa(&fact),
            vid_livshotande: is_vid_livshotande(own),
            team: team_of(own),
            ersatter_nu: sager_ersatter(own) && underlag.skrivs_nu(&fact)?,
            medlem: OnceLock::new(),
            plats: OnceLock::new(),
            ersatter: Default::default(),
            fact,
        }))
    }

    /// The resource, a CareTeam.
    pub fn fact(&self) -> &Arc<Fact> {
        &self.fact
    }

    /// As the resource says.
    pub fn kontakt(&self) -> Option<&CareTeam> {
        fast_kontakt(&self.fact)
    }

    /// The first participant's member.
    pub fn member(&self) -> Option<&Reference> {
        self.kontakt()?.participants.first()?.member.as_ref()
    }

    /// The person, followed once.
    pub(super) fn samla_medlem<U: Underlag>(&self, underlag: &mut U) -> Result<&Medlem, U::Error> {
        if let Some(known) = self.medlem.get() {
            return Ok(known);
        }
        let medlem = Medlem::samla(underlag, self.member(), &self.fact)?;
        Ok(self.medlem.get_or_init(|| medlem))
    }

    /// The unit, followed once; by the person's assignment where the contact states none.
    pub(super) fn samla_plats<U: Underlag>(
        &self,
        villkor: &Villkor<'_>,
        underlag: &mut U,
    ) -> Result<Option<&Enhet>, U::Error> {
        if let Some(known) = self.plats.get() {
            return Ok(known.enhet.as_ref());
        }
        let enhet = match self.kontakt() {
            Some(own) if own.managing_organizations.is_empty() => {
                let medlem = self.samla_medlem(underlag)?;
                enhet_av(underlag, own, Some(medlem), &self.fact)?
            }
            Some(own) => enhet_av(underlag, own, None, &self.fact)?,
            None => None,
        };
        let policy = valj(enhet.as_ref(), villkor.policies, villkor.forced)
            .policy
            .name
            .clone();
        Ok(self.plats.get_or_init(|| Plats { enhet, policy }).enhet.as_ref())
    }
}

/// Another active contact of the same patient, with as much about it as a rule needs.
#[derive(Clone, Debug)]
pub struct AnnanKontakt {
    kontakt: Arc<Grannkontakt>,
    /// A rule asks who it is.
    behover_medlem: bool,
    /// A rule asks where it is.
    behover_plats: bool,
}

impl Deref for AnnanKontakt {
    type Target = Grannkontakt;

    fn deref(&self) -> &Grannkontakt {
        &self.kontakt
    }
}

impl AnnanKontakt {
    /// What is stated of the person's profession, as it is on a day; nothing unless a rule needs it.
    pub fn profession_den(&self, day: Date) -> Profession {
        let medlem = self.kontakt.medlem.get().filter(|_| self.behover_medlem);
        medlem.map(|medlem| Profession::of(medlem, day)).unwrap_or_default()
    }

    fn plats(&self) -> Option<&Plats> {
        self.kontakt.plats.get().filter(|_| self.behover_plats)
    }

    /// Its unit; `None` when none is stated, or no rule needs it.
    pub fn enhet(&self) -> Option<&Enhet> {
        self.plats()?.enhet.as_ref()
    }

    /// The name of the policy that its unit belongs to; empty unless a rule needs it.
    pub fn policy(&self) -> &str {
        self.plats().map(|plats| plats.policy.as_str()).unwrap_or_default()
    }
}

impl Kontaktbild<'_> {
    /// The active contacts beside the written one that are valid some day from today on.
    pub(super) fn samla_andra<U: Underlag>(
        &mut self,
        contacts: &[Arc<Grannkontakt>],
        family: Kontakter,
        villkor: &Villkor<'_>,
        underlag: &mut U,
    ) -> Result<(), U::Error> {
        let beside = contacts.iter().filter(|other| {
            // Only other active contacts of the same family count (GEN-01).
            let counts = other.is_active && other.id != self.kontakt.head.id && family.includes(&other.typer);
            counts && !other.interval.is_over(self.today)
        });
        self.andra = beside
            .map(|other| AnnanKontakt {
                kontakt: other.clone(),
                behover_medlem: false,
                behover_plats: false,
            })
            .collect();
        let behover_plats = self.needs_units(family);
        let behover_medlem = family == Kontakter::Vardkontakt
            && (self.livshotande_tillstand || self.policy.parameters.livshotande_lakare_raknas_inte);
        for annan in &mut self.andra {
            if behover_medlem {
                annan.kontakt.samla_medlem(underlag)?;
            }
            if behover_plats {
                annan.kontakt.samla_plats(villkor, underlag)?;
            }
            (annan.behover_medlem, annan.behover_plats) = (behover_medlem, behover_plats);
        }
        Ok(())
    }

    /// Whether a rule asks where the others are: what is replaced (FLK-04, FVK-03), more than the most (FVK-03), several
    /// units of which none coordinates (FVK-05).
    fn needs_units(&self, family: Kontakter) -> bool {
        let others = &self.andra;
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

/// Which teams a contact is reached through.
pub fn team_of(care_team: &CareTeam) -> Vec<String> {
    team(care_team)
        .filter_map(|reference| reference.type_and_id())
        .map(|(kind, id)| format!("{kind}/{id}"))
        .collect()
}
