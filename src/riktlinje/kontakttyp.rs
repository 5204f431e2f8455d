//! What a CareTeam is to the riktlinje: whether it is a fast kontakt, of which type, and what it says of itself.

use fastkontakt_model::facts::{
    CareTeam, CareTeamStatus, Coding, ExtValue, Extension, Participant, Reference, any_has,
};

use super::codes::{
    ANLEDNING, EXT_VIA_TEAM, LIVSHOTANDE_TILLSTAND, R4_ROLES, TILLAGG, TYP_AV_CARETEAM, TYP_AV_FAST_KONTAKT,
    TYP_TILLAGG,
};
use crate::fhir::identifiers::canonical_system;

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
    fn of(coding: &Coding) -> Option<Kontakttyp> {
        let (system, code) = (coding.system.as_deref()?, coding.code.as_deref()?);
        if system == TYP_TILLAGG {
            return TILLAGG.iter().position(|known| *known == code).map(Kontakttyp::Tillagg);
        }
        if canonical_system(system) != TYP_AV_FAST_KONTAKT {
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

/// Whether a CareTeam is a fast kontakt at all.
pub fn is_fast_kontakt(care_team: &CareTeam) -> bool {
    any_has(&care_team.categories, TYP_AV_CARETEAM, "fast-kontakt")
}

/// Whether it is active; without status it counts as active.
pub fn is_active(care_team: &CareTeam) -> bool {
    matches!(care_team.status, None | Some(CareTeamStatus::Active))
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
    own.filter_map(Kontakttyp::of)
        .chain(participant.extensions.all(R4_ROLES).flat_map(typer_i_extension))
        .collect()
}

fn typer_i_extension(extension: &Extension) -> Vec<Kontakttyp> {
    let codings: &[Coding] = match &extension.value {
        Some(ExtValue::Concept(concept)) => &concept.codings,
        Some(ExtValue::Coding(coding)) => std::slice::from_ref(coding),
        _ => &[],
    };
    let nested = extension.nested.iter().flat_map(typer_i_extension);
    codings.iter().filter_map(Kontakttyp::of).chain(nested).collect()
}

/// Whether the contact gives this reason (own code system `anledning`).
pub fn har_anledning(care_team: &CareTeam, code: &str) -> bool {
    let concepts = care_team.reasons.iter().filter_map(|reason| reason.concept.as_ref());
    concepts.into_iter().any(|concept| concept.has(ANLEDNING, code))
}

/// Whether the contact's own reason is a life-threatening state.
pub fn is_vid_livshotande(care_team: &CareTeam) -> bool {
    har_anledning(care_team, LIVSHOTANDE_TILLSTAND)
}

/// The teams that the contact is reached through (Inera's contact-via-team).
pub fn team(care_team: &CareTeam) -> impl Iterator<Item = &Reference> {
    let participants = care_team.participants.iter();
    participants
        .flat_map(|participant| participant.extensions.all(EXT_VIA_TEAM))
        .filter_map(|extension| extension.value.as_ref()?.reference())
}
