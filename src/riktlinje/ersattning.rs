//! `ersatter` on a new contact (FLK-04, FVK-03): which present contacts it replaces, and how these end. Within one
//! vårdgivare the door writes their new version; across vårdgivare it comes later, and until then nothing is replaced.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeam, CareTeamStatus, ExtValue, Extension};
use jiff::civil::Date;

use super::codes::EXT_ERSATTER;
use super::effect::{Avslut, Effect};
use super::kontakt::{AnnanKontakt, Kontaktbild, Kontakter};

/// A contact that the written one replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ersatt {
    pub id: String,
    pub avslut: Avslut,
}

impl Ersatt {
    /// What the door has to carry out.
    pub fn effect(&self) -> Effect {
        Effect::AvslutaGenomByte {
            care_team: self.id.clone(),
            avslut: self.avslut,
        }
    }
}

/// The contacts of the same family and vårdgivare that the written one says it replaces and that it overlaps.
pub fn ersatta(bild: &Kontaktbild<'_>, stored: Option<&Fact>) -> Vec<Ersatt> {
    let said: Vec<&Extension> = bild.kontakt.head.extensions.all(EXT_ERSATTER).collect();
    let Some(interval) = bild
        .interval
        .filter(|_| !said.is_empty() && !is_carried_out(bild.kontakt, stored))
    else {
        return Vec::new();
    };
    let overlapping: Vec<&AnnanKontakt> = bild
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
    let is_meant = |other: &AnnanKontakt| {
        said.iter().any(|extension| match &extension.value {
            Some(ExtValue::Boolean(true)) => present.iter().any(|it| it.id == other.id),
            Some(ExtValue::Reference(reference)) => reference.type_and_id() == Some(("CareTeam", other.id.as_str())),
            _ => false,
        })
    };
    overlapping
        .into_iter()
        .filter(|other| is_meant(other) && of_same_vardgivare(bild, other))
        .map(|other| Ersatt {
            id: other.id.clone(),
            avslut: avslut(other, interval.start.unwrap_or(bild.today)),
        })
        .collect()
}

/// Whether the stored version already said so while it was active: a replacement is carried out once.
fn is_carried_out(written: &CareTeam, stored: Option<&Fact>) -> bool {
    let Some(Fact::CareTeam(stored)) = stored else {
        return false;
    };
    let said = |care_team: &CareTeam| care_team.head.extensions.all(EXT_ERSATTER).cloned().collect::<Vec<_>>();
    matches!(stored.status, None | Some(CareTeamStatus::Active)) && said(stored) == said(written)
}

fn of_same_vardgivare(bild: &Kontaktbild<'_>, other: &AnnanKontakt) -> bool {
    bild.enhet
        .as_ref()
        .zip(other.enhet.as_ref())
        .is_some_and(|(own, others)| own.same_vardgivare(others))
}

/// The day before the new start; inactive when that falls before the old start.
fn avslut(other: &AnnanKontakt, new_start: Date) -> Avslut {
    match new_start.yesterday() {
        Ok(last) if other.interval.start.is_none_or(|start| start <= last) => Avslut::Slutar(last),
        _ => Avslut::Inaktiv,
    }
}
