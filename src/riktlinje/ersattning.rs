//! `ersatter` on a new contact (FLK-04, FVK-03): which present contacts it replaces, and how these end. Within one
//! vårdgivare the old contact gets its end. Across vårdgivare it is only marked as replaced, its unit is told, and it takes
//! the patient's wish: the reason `patientens-begaran`, or the new unit among those the patient has chosen. Who writes must
//! take part in the care besides ([`Underlag::far_ersatta`]): nobody else has heard that wish.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeam, ExtValue, Extension};
use jiff::civil::Date;

use super::Villkor;
use super::andra::{AnnanKontakt, Grannkontakt};
use super::codes::{EXT_ERSATTER, KONTAKT_ERSATT, PATIENTENS_BEGARAN};
use super::effect::{Avslut, Effect, Ersattning, Meddelande};
use super::enhet::Enhet;
use super::kontakt::{Kontaktbild, Kontakter, samla_egen};
use super::kontakttyp::{har_anledning, is_active};
use super::patient::till_patient;
use super::underlag::{Fore, Underlag, folj};
use crate::fhir::types::ResourceType;

/// A contact that the written one replaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Ersatt {
    pub id: String,
    /// The id of the one that is written, and the day from which it replaces this one.
    ersattare: String,
    fran: Date,
    pub avslut: Avslut,
    /// To the unit of another vårdgivare that is left.
    meddelande: Option<Meddelande>,
}

impl Ersatt {
    /// What the door has to carry out.
    pub fn effects(&self) -> impl Iterator<Item = Effect> {
        let ends = Effect::Ersatts(Ersattning {
            care_team: self.id.clone(),
            tas_tillbaka: false,
            av: BTreeMap::from([(self.ersattare.clone(), (self.fran, self.avslut))]),
        });
        let told = self.meddelande.clone().map(|it| Effect::Meddela(Box::new(it)));
        std::iter::once(ends).chain(told)
    }
}

/// The contacts of the same family that the written one says it replaces, that it overlaps and that it may replace.
pub fn ersatta<U: Underlag>(
    bild: &Kontaktbild<'_>,
    patients: &[String],
    underlag: &mut U,
) -> Result<Vec<Ersatt>, U::Error> {
    let (kind, own) = (ResourceType::CareTeam, bild.kontakt.head.id.as_str());
    let new_start = bild.interval.and_then(|interval| interval.start).unwrap_or(bild.today);
    let mut asked = None;
    let mut replaced = Vec::new();
    for other in menade(bild) {
        let samma_vardgivare = match underlag.samma_vardgivare(kind, own, &other.id)? {
            Some(known) => known,
            None => of_same_vardgivare(bild, other),
        };
        if !underlag.far_ersatta(kind, (own, &other.id), samma_vardgivare)? {
            continue;
        }
        if samma_vardgivare {
            replaced.push(Ersatt {
                id: other.id.clone(),
                ersattare: bild.kontakt.head.id.clone(),
                fran: new_start,
                avslut: avslut(other.interval.start, new_start),
                meddelande: None,
            });
            continue;
        }
        let wished = match asked {
            Some(known) => known,
            None => *asked.insert(patienten_vill(bild, patients, underlag)?),
        };
        if wished {
            let subject = other.kontakt().and_then(|kontakt| kontakt.subject.clone());
            replaced.push(Ersatt {
                id: other.id.clone(),
                ersattare: bild.kontakt.head.id.clone(),
                fran: new_start,
                avslut: Avslut::ErsattFran(new_start),
                meddelande: subject.map(|subject| Meddelande {
                    kod: KONTAKT_ERSATT,
                    subject,
                    about: format!("CareTeam/{}", other.id),
                    hos: other.id.clone(),
                    mottagare: other
                        .enhet()
                        .iter()
                        .filter_map(|enhet| enhet.unit().reference())
                        .collect(),
                }),
            });
        }
    }
    Ok(replaced)
}

/// Whether the catalogue says that the units of both belong to one vårdgivare.
fn of_same_vardgivare(bild: &Kontaktbild<'_>, other: &AnnanKontakt) -> bool {
    let both = bild.enhet.as_ref().zip(other.enhet());
    both.is_some_and(|(own, others)| own.same_vardgivare(others))
}

impl Kontaktbild<'_> {
    /// Finds the contacts of the same transaction that replace the written one: it ends with that transaction, and need
    /// not be out of their way before. Of two that say so of each other, the one that begins later replaces.
    pub(super) fn samla_ersattare<U: Underlag>(
        &mut self,
        contacts: &[Arc<Grannkontakt>],
        family: Kontakter,
        patients: &[String],
        villkor: &Villkor<'_>,
        underlag: &mut U,
    ) -> Result<(), U::Error> {
        let own = self.kontakt.head.id.as_str();
        let mut replacing = Vec::new();
        let mut not_replaced = Vec::new();
        for other in &self.andra {
            let replaces =
                other.ersatter_nu && ersatts_av(other, contacts, (family, patients), villkor, underlag)?.contains(own);
            if !replaces {
                continue;
            }
            let starts = (self.interval.and_then(|own| own.start), other.interval.start);
            let mutual = self.ersatta.iter().any(|it| it.id == other.id);
            if mutual && starts.0 <= starts.1 {
                not_replaced.push(other.id.clone());
            }
            if !mutual || starts.0 < starts.1 {
                replacing.push(other.id.clone());
            }
        }
        self.ersatta.retain(|it| !not_replaced.contains(&it.id));
        self.ersattare = replacing;
        Ok(())
    }
}

/// The ids of those that a contact of the same transaction replaces, found once.
fn ersatts_av<'g, U: Underlag>(
    other: &'g Grannkontakt,
    contacts: &[Arc<Grannkontakt>],
    (family, patients): (Kontakter, &[String]),
    villkor: &Villkor<'_>,
    underlag: &mut U,
) -> Result<&'g BTreeSet<String>, U::Error> {
    let found = &other.ersatter[usize::from(family == Kontakter::Lakarkontakt)];
    if let Some(known) = found.get() {
        return Ok(known);
    }
    let mut ids = BTreeSet::new();
    if let Some(care_team) = other.kontakt() {
        let before = match underlag.fore(other.fact())? {
            Fore::Fanns(before) => Some(before),
            Fore::Oforandrad | Fore::FannsInte => None,
        };
        let mut bild = samla_egen(other.fact(), care_team, before.as_deref(), villkor, underlag)?;
        bild.samla_andra(contacts, family, villkor, underlag)?;
        ids.extend(ersatta(&bild, patients, underlag)?.into_iter().map(|it| it.id));
    }
    Ok(found.get_or_init(|| ids))
}

/// Whether the contact says that it replaces another.
pub fn sager_ersatter(care_team: &CareTeam) -> bool {
    let mut said = care_team.head.extensions.all(EXT_ERSATTER);
    said.any(|extension| !matches!(extension.value, None | Some(ExtValue::Boolean(false))))
}

/// The overlapping contacts that `ersatter` names.
fn menade<'b>(bild: &'b Kontaktbild<'_>) -> Vec<&'b AnnanKontakt> {
    let said: Vec<&Extension> = bild.kontakt.head.extensions.all(EXT_ERSATTER).collect();
    let Some(interval) = bild
        .interval
        .filter(|_| !said.is_empty() && !is_carried_out(bild.kontakt, bild.stored))
    else {
        return Vec::new();
    };
    let mut overlapping: Vec<&AnnanKontakt> = bild
        .andra
        .iter()
        .filter(|other| interval.overlaps(&other.interval, bild.today))
        .collect();
    // "The present one": valid when the new contact begins. Several läkarkontakter are all replaced, since there may be
    // only one; among several vårdkontakter nothing says which.
    let begins = interval.first_day_from(bild.today);
    let present: Vec<&AnnanKontakt> = overlapping
        .iter()
        .copied()
        .filter(|other| other.interval.contains(begins))
        .collect();
    let present = if Kontakter::Lakarkontakt.includes(&bild.typer) || present.len() == 1 {
        present
    } else {
        Vec::new()
    };
    let mut meant: BTreeSet<&str> = BTreeSet::new();
    for extension in &said {
        match &extension.value {
            Some(ExtValue::Boolean(true)) => meant.extend(present.iter().map(|it| it.id.as_str())),
            Some(ExtValue::Reference(reference)) => {
                let contact = reference.type_and_id().filter(|(kind, _)| *kind == "CareTeam");
                meant.extend(contact.map(|(_, id)| id));
            }
            _ => {}
        }
    }
    overlapping.retain(|other| meant.contains(other.id.as_str()));
    overlapping
}

/// Whether the stored version already said so while it was active: a replacement is carried out once, unless it is to begin earlier.
fn is_carried_out(written: &CareTeam, stored: Option<&CareTeam>) -> bool {
    let said = |care_team: &CareTeam| care_team.head.extensions.all(EXT_ERSATTER).cloned().collect::<Vec<_>>();
    let is_earlier = |stored: &CareTeam| written.period.first_day() < stored.period.first_day();
    stored.is_some_and(|stored| is_active(stored) && said(stored) == said(written) && !is_earlier(stored))
}

/// Whether the patient asked for the new contact, or has chosen its unit (or one above it) in
/// `Patient.generalPractitioner`.
fn patienten_vill<U: Underlag>(
    bild: &Kontaktbild<'_>,
    patients: &[String],
    underlag: &mut U,
) -> Result<bool, U::Error> {
    if har_anledning(bild.kontakt, PATIENTENS_BEGARAN) {
        return Ok(true);
    }
    let Some(own) = &bild.enhet else { return Ok(false) };
    for id in patients {
        let Some(home) = underlag.folj(&till_patient(id))?.filter(|fact| underlag.far_lasa(fact)) else {
            continue;
        };
        let Fact::Patient(patient) = home.as_ref() else {
            continue;
        };
        for chosen in &patient.general_practitioners {
            let is_person = matches!(chosen.target_type(), Some("Practitioner" | "PractitionerRole"));
            let to_unit = match folj(underlag, chosen, &home)?.as_ref().map(|found| found.fact.as_ref()) {
                // The chosen person's own unit.
                Some(Fact::PractitionerRole(role)) => role.organization.clone(),
                _ if is_person => None,
                _ => Some(chosen.clone()),
            };
            let Some(to_unit) = to_unit else { continue };
            let listed = Enhet::samla(underlag, &to_unit, &home)?;
            let mut known = own.chain().iter().filter(|organisation| !organisation.bara_pastadd);
            if known.any(|organisation| organisation.is_same(listed.unit())) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The day before the new start; inactive when that falls before the old start.
pub(super) fn avslut(old_start: Option<Date>, new_start: Date) -> Avslut {
    match new_start.yesterday() {
        Ok(last) if old_start.is_none_or(|start| start <= last) => Avslut::Slutar(last),
        _ => Avslut::Inaktiv,
    }
}
