//! What becomes of the contacts that a fast kontakt replaced (`ersatter`) when it does not come into force: it is withdrawn, deleted,
//! filed on somebody else, or begins later. What the service wrote on them is its own to take back, or to move along, until
//! the replacing contact has begun, and their units are told. What is no longer to be had back is told whoever writes, and noted on the
//! contact that was replaced (FK-09): else the patient has nobody, and nobody knows.

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeam, CareTeamStatus, Extension};
use jiff::civil::Date;

use super::andra::fast_kontakt;
use super::catalogue::catalogue;
use super::codes::{
    BYTE, ERSATT_AV_ATERKALLAD, ERSATT_AV_KONTAKT, ERSATT_AV_TIDIGARE_SLUT, ERSATTNING_ATERKALLAD, EXT_AVSLUTSORSAK,
    EXT_ERSATT_AV, EXT_ERSATTER, KONTAKT_ERSATT,
};
use super::effect::{Avslut, Effect, Meddelande};
use super::ersattning::{avslut, sager_ersatter};
use super::finding::{Finding, Judgement, Remark, Severity};
use super::giltighet::{ersatt_fran, interval_av};
use super::intervals::Interval;
use super::kontakt::{enhet_av, samla_egen};
use super::kontakttyp::{Kontakter, is_active, typer};
use super::medlem::Medlem;
use super::patient::samma_som;
use super::policy::Policy;
use super::principles::{Skede, weigh};
use super::underlag::{Underlag, lasbara};
use super::{Told, Villkor, findings};
use crate::fhir::types::ResourceType;

/// What happens to a contact that was active.
enum Vad {
    /// It is not to come into force, or it is said that it never was.
    Aterkallas,
    /// It begins on this day, later than before.
    Flyttas(Date),
}

/// How a contact was replaced, as it stands.
enum Form {
    /// Marked, as another vårdgivare's.
    Markt,
    /// It got an end, or one that is earlier.
    Slutad,
    /// It had not begun.
    Inaktiv,
}

/// What a change of a contact, or a delete (`after` is `None`), means for those that it replaced. Nothing for other resources.
pub(super) fn efter_andring<U: Underlag>(
    before: &Fact,
    after: Option<&Fact>,
    villkor: &Villkor<'_>,
    underlag: &mut U,
) -> Result<Judgement, U::Error> {
    let nothing = Ok(Judgement::default());
    let Some(kontakt) = fast_kontakt(before).filter(|kontakt| is_active(kontakt)) else {
        return nothing;
    };
    let (Some(was), Some(family)) = (interval_av(kontakt), family_of(kontakt)) else {
        return nothing;
    };
    let today = villkor.today;
    let patients = samma_som(kontakt.subject.as_ref(), before, underlag)?;
    let (began, has_begun) = (
        was.start.unwrap_or(Date::MIN),
        was.start.is_none_or(|start| start <= today),
    );
    let Some(vad) = vad_hander((began, has_begun), after, family, &patients, today, underlag)? else {
        return nothing;
    };
    let contacts = underlag.av_patienter(ResourceType::CareTeam, &patients)?;
    let replaced: Vec<&Arc<Fact>> = contacts
        .iter()
        .filter(|fact| fast_kontakt(fact).is_some_and(|old| ersatts_av(old, kontakt, (began, &contacts))))
        .collect();
    if replaced.is_empty() && !sager_ersatter(kontakt) {
        return nothing;
    }
    let bild = samla_egen(before, kontakt, None, villkor, underlag)?;
    let most = bild.policy.parameters.flest_fasta_vardkontakter;
    let en_enda = family == Kontakter::Lakarkontakt || most == Some(1);
    let mut judgement = Judgement::default();
    let mut is_back = false;
    for fact in &replaced {
        let Some(old) = fast_kontakt(fact) else { continue };
        let form = form_of(old, began).filter(|_| !has_begun);
        is_back |= form.is_some();
        let (effect, kod) = match form {
            None => {
                let noted = Effect::NoteraAterkallat {
                    care_team: old.head.id.clone(),
                    ersattare: kontakt.head.id.clone(),
                    dag: today,
                };
                (noted, ERSATTNING_ATERKALLAD)
            }
            Some(form) => {
                let mut next = foljande(old, kontakt, (&contacts, family, en_enda), today, underlag)?;
                if let Vad::Flyttas(day) = vad {
                    next.push((kontakt.head.id.clone(), day));
                }
                let next = next.into_iter().min_by_key(|(_, day)| *day);
                let pa_nytt = next.and_then(|(by, day)| Some((by, avslut_pa_nytt(old, &form, day)?)));
                let kod = match &pa_nytt {
                    Some(_) => KONTAKT_ERSATT,
                    None => ERSATTNING_ATERKALLAD,
                };
                let care_team = old.head.id.clone();
                (Effect::AterkallaByte { care_team, pa_nytt }, kod)
            }
        };
        judgement.effects.push(effect);
        if ersatt_fran(old).is_some() {
            judgement.effects.extend(meddelande(fact, old, kod, underlag)?);
        }
    }
    let from = began.max(today);
    // Findings lean on what the caller may read (GEN-05).
    let another = contacts.iter().any(|fact| {
        let other = fast_kontakt(fact).filter(|other| other.head.id != kontakt.head.id);
        other.is_some_and(|other| galler_den(other, family, from)) && underlag.far_lasa(fact)
    });
    let is_told = !replaced.is_empty() || matches!(vad, Vad::Aterkallas);
    if is_told && !is_back && !another {
        judgement.findings = tillsagt(bild.policy);
    }
    Ok(judgement)
}

/// FK-09: the contact was replaced by one that is not in force, and the patient has no other today.
pub(super) fn star_utan<U: Underlag>(
    fact: &Fact,
    kontakt: &CareTeam,
    today: Date,
    underlag: &mut U,
) -> Result<bool, U::Error> {
    let is_noted = ersatt_av(kontakt).is_some_and(|mark| mark.nested.date(ERSATT_AV_ATERKALLAD).is_some());
    let Some(family) = family_of(kontakt).filter(|_| is_noted) else {
        return Ok(false);
    };
    let patients = samma_som(kontakt.subject.as_ref(), fact, underlag)?;
    let contacts = lasbara(underlag, ResourceType::CareTeam, &patients)?;
    let mut contacts = contacts.iter().filter_map(|fact| fast_kontakt(fact)).chain([kontakt]);
    Ok(!contacts.any(|other| galler_den(other, family, today)))
}

/// Only these are replaced.
fn family_of(kontakt: &CareTeam) -> Option<Kontakter> {
    let typer = typer(kontakt);
    let mut families = [Kontakter::Vardkontakt, Kontakter::Lakarkontakt].into_iter();
    families.find(|family| family.includes(&typer))
}

fn galler_den(kontakt: &CareTeam, family: Kontakter, day: Date) -> bool {
    is_active(kontakt)
        && family.includes(&typer(kontakt))
        && interval_av(kontakt).is_some_and(|interval| interval.contains(day))
}

/// `None`: the contact goes on, or ends as contacts do.
fn vad_hander<U: Underlag>(
    (began, has_begun): (Date, bool),
    after: Option<&Fact>,
    family: Kontakter,
    patients: &[String],
    today: Date,
    underlag: &mut U,
) -> Result<Option<Vad>, U::Error> {
    let Some(after) = after else {
        return Ok(Some(Vad::Aterkallas));
    };
    let Some(kontakt) = fast_kontakt(after).filter(|kontakt| family.includes(&typer(kontakt))) else {
        return Ok(Some(Vad::Aterkallas));
    };
    if !is_active(kontakt) {
        let ends = matches!(
            kontakt.status,
            Some(CareTeamStatus::Inactive | CareTeamStatus::Suspended)
        );
        return Ok((!has_begun || !ends).then_some(Vad::Aterkallas));
    }
    let theirs = samma_som(kontakt.subject.as_ref(), after, underlag)?;
    if !theirs.iter().any(|id| patients.contains(id)) {
        return Ok(Some(Vad::Aterkallas));
    }
    let starts = interval_av(kontakt).and_then(|interval| interval.start);
    // Of one that has begun, a correction of a day that has passed changes nothing from today on.
    let is_later = |start: &Date| *start > began && (!has_begun || *start > today);
    Ok(starts.filter(is_later).map(Vad::Flyttas))
}

fn ersatt_av(kontakt: &CareTeam) -> Option<&Extension> {
    kontakt.head.extensions.get(EXT_ERSATT_AV)
}

/// Whether a contact was replaced by this one. Marks that were made before they named the other are known by the day, where no other
/// may have made them.
fn ersatts_av(old: &CareTeam, kontakt: &CareTeam, (began, contacts): (Date, &[Arc<Fact>])) -> bool {
    let own = ("CareTeam", kontakt.head.id.as_str());
    match ersatt_av(old) {
        Some(mark) => {
            let by = mark.nested.reference(ERSATT_AV_KONTAKT);
            by.and_then(|by| by.type_and_id()) == Some(own)
        }
        None => {
            let mut said = kontakt
                .head
                .extensions
                .all(EXT_ERSATTER)
                .filter_map(|said| said.value.as_ref());
            let is_meant = said.any(|said| match said.reference() {
                Some(other) => other.type_and_id() == Some(("CareTeam", old.head.id.as_str())),
                None => said.boolean() == Some(true),
            });
            let same_family = family_of(old).is_some_and(|family| family.includes(&typer(kontakt)));
            let may_have = |other: &CareTeam| {
                let is_another = ![&old.head.id, &kontakt.head.id].contains(&&other.head.id);
                is_another && sager_ersatter(other) && other.period.first_day() == Some(began)
            };
            let mut others = contacts.iter().filter_map(|fact| fast_kontakt(fact));
            is_meant && same_family && ersatt_fran(old) == Some(began) && !others.any(may_have)
        }
    }
}

/// How the contact stands replaced; `None` when its own unit has changed that since.
fn form_of(old: &CareTeam, began: Date) -> Option<Form> {
    if ersatt_fran(old).is_some() {
        return is_active(old).then_some(Form::Markt);
    }
    if old.head.extensions.code(EXT_AVSLUTSORSAK) != Some(BYTE) {
        return None;
    }
    let had_not_begun = old.period.first_day().is_some_and(|start| start >= began);
    match old.status {
        Some(CareTeamStatus::Inactive) if had_not_begun => Some(Form::Inaktiv),
        None | Some(CareTeamStatus::Active) if old.period.last_day() == began.yesterday().ok() => Some(Form::Slutad),
        _ => None,
    }
}

/// The contacts that the old one would stand beside if it went on, though there may be one only, or they replace it: whose, and from
/// when. One that stood beside it before is none of them.
fn foljande<U: Underlag>(
    old: &CareTeam,
    kontakt: &CareTeam,
    (contacts, family, en_enda): (&[Arc<Fact>], Kontakter, bool),
    today: Date,
    underlag: &mut U,
) -> Result<Vec<(String, Date)>, U::Error> {
    let present = interval_av(old).filter(|_| is_active(old));
    let open = Interval {
        start: old.period.first_day(),
        end: None,
    };
    let mut all = Vec::new();
    for fact in contacts {
        let Some(other) = fast_kontakt(fact).filter(|other| is_active(other) && family.includes(&typer(other))) else {
            continue;
        };
        if [&old.head.id, &kontakt.head.id].contains(&&other.head.id) {
            continue;
        }
        let Some(interval) = interval_av(other).filter(|interval| open.overlaps(interval, today)) else {
            continue;
        };
        let was_beside = present.is_some_and(|present| present.overlaps(&interval, today));
        let replaces = en_enda || (sager_ersatter(other) && underlag.skrivs_nu(fact)?);
        if replaces && !was_beside {
            all.push((other.head.id.clone(), interval.start.unwrap_or(Date::MIN)));
        }
    }
    Ok(all)
}

/// How the contact ends when it is replaced from another day than before; `None` when it ends before that by itself.
fn avslut_pa_nytt(old: &CareTeam, form: &Form, day: Date) -> Option<Avslut> {
    let kept = ersatt_av(old).and_then(|mark| mark.nested.date(ERSATT_AV_TIDIGARE_SLUT));
    let end = match form {
        Form::Slutad => kept.map(|end| end.last_day()),
        Form::Markt | Form::Inaktiv => old.period.last_day(),
    };
    if end.is_some_and(|end| end < day) {
        return None;
    }
    Some(match form {
        Form::Markt => Avslut::ErsattFran(day),
        Form::Slutad | Form::Inaktiv => avslut(old.period.first_day(), day),
    })
}

/// To the unit of another vårdgivare whose contact it is.
fn meddelande<U: Underlag>(
    fact: &Fact,
    old: &CareTeam,
    kod: &'static str,
    underlag: &mut U,
) -> Result<Option<Effect>, U::Error> {
    let Some(subject) = old.subject.clone() else {
        return Ok(None);
    };
    let member = old.participants.first().and_then(|first| first.member.as_ref());
    let medlem = Medlem::samla(underlag, member, fact)?;
    let enhet = enhet_av(underlag, old, Some(&medlem), fact)?;
    Ok(Some(Effect::Meddela(Box::new(Meddelande {
        kod,
        subject,
        about: format!("CareTeam/{}", old.head.id),
        hos: old.head.id.clone(),
        mottagare: enhet.iter().filter_map(|enhet| enhet.unit().reference()).collect(),
    }))))
}

/// As FK-09 tells it of a write.
fn tillsagt(policy: &Policy) -> Vec<Finding> {
    let remark = Remark::at_most(
        Severity::Warning,
        "CareTeam",
        "Kontakten ersatte en annan men gäller inte, och ingen tidigare kontakt har återtagits. Se efter att patienten har en fast kontakt.",
        "The contact replaced another but is not in force, and no earlier contact has been taken back. See to it that the patient has a fast kontakt.",
    );
    let mut rules = catalogue();
    let told = rules.find(|rule| rule.id.as_str() == "FK-09").and_then(|rule| {
        let severity = weigh(rule, &remark, policy, Skede::Galler)?;
        Some(Told { rule, severity, remark })
    });
    findings(told.into_iter().collect())
}
