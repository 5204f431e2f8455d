//! What becomes of the contacts that a fast kontakt replaced (`ersatter`) when it does not come into force: it is withdrawn, deleted,
//! filed on somebody else, or begins later. What the service wrote on them is its own to take back, or to move along, until
//! the replacing contact has begun, and their units are told. What is no longer to be had back is told whoever writes, and noted on the
//! contact that was replaced (FK-09): else the patient has nobody, and nobody knows.
//!
//! Whatever has replaced a contact besides, and is in force, still does: the one that begins first then ends it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeam, CareTeamStatus};
use jiff::civil::Date;

use super::andra::fast_kontakt;
use super::catalogue::catalogue;
use super::codes::{ERSATTNING_ATERKALLAD, KONTAKT_ERSATT};
use super::effect::{Avslut, Effect, Ersattning, Meddelande};
use super::ersattmarke::{Form, Marke};
use super::ersattning::{avslut, sager_ersatter};
use super::finding::{Finding, Judgement, Remark, Severity};
use super::giltighet::{ar_over, ersatt_fran, interval_av};
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

/// What happens to a contact that was active, or replaced before it was.
enum Vad {
    /// It is not to come into force, or it is said that it never was.
    Aterkallas,
    /// It begins on this day, later than before.
    Flyttas(Date),
}

/// What a change of a contact, or a delete (`after` is `None`), means for those that it replaced. Nothing for other resources.
pub(super) fn efter_andring<U: Underlag>(
    before: &Fact,
    after: Option<&Fact>,
    villkor: &Villkor<'_>,
    underlag: &mut U,
) -> Result<Judgement, U::Error> {
    let nothing = Ok(Judgement::default());
    // One that is over has had its time.
    let counts = |kontakt: &&CareTeam| ar_ersatt(kontakt) || (is_active(kontakt) && !ar_over(kontakt, villkor.today));
    let Some(kontakt) = fast_kontakt(before).filter(counts) else {
        return nothing;
    };
    let Some(family) = family_of(kontakt) else {
        return nothing;
    };
    let today = villkor.today;
    let patients = samma_som(kontakt.subject.as_ref(), before, underlag)?;
    let Some(vad) = vad_hander(kontakt, after, family, &patients, today, underlag)? else {
        return nothing;
    };
    let all = underlag.av_patienter(ResourceType::CareTeam, &patients)?;
    let bild = samla_egen(before, kontakt, None, villkor, underlag)?;
    let most = bild.policy.parameters.flest_fasta_vardkontakter;
    let mut bortfall = Bortfall {
        kontakt,
        vad,
        family,
        en_enda: family == Kontakter::Lakarkontakt || most == Some(1),
        from: kontakt.period.first_day().unwrap_or(Date::MIN).max(today),
        today,
        all: &all,
        borta: vec![kontakt.head.id.as_str()],
        ater: BTreeMap::new(),
    };
    let replaced = bortfall.ersatta();
    let mut judgement = Judgement::default();
    for (fact, old, marke) in &replaced {
        for effect in bortfall.gor_upp(fact, old, marke, underlag)? {
            judgement.effects.push(effect);
        }
    }
    // Findings lean on what the caller may read (GEN-05).
    let another = all.iter().any(|fact| {
        let other = fast_kontakt(fact).filter(|other| other.head.id != kontakt.head.id);
        other.is_some_and(|other| galler_den(other, family, bortfall.from)) && underlag.far_lasa(fact)
    });
    let has_replaced = !replaced.is_empty() || (sager_ersatter(kontakt) && matches!(bortfall.vad, Vad::Aterkallas));
    if has_replaced && is_active(kontakt) && bortfall.ater.is_empty() && !another {
        judgement.findings = tillsagt(bild.policy);
    }
    Ok(judgement)
}

/// A contact that falls away as the one that replaces others, and what is found out on the way.
struct Bortfall<'a> {
    kontakt: &'a CareTeam,
    vad: Vad,
    family: Kontakter,
    /// There may be one of the family only.
    en_enda: bool,
    /// From this day the patient would have had the contact.
    from: Date,
    today: Date,
    /// The patient's contacts as they stand after the transaction's own writes.
    all: &'a [Arc<Fact>],
    /// The ids of those that replace nothing more.
    borta: Vec<&'a str>,
    /// The ids of those that are taken back to what they were, and when they then begin; `None`: replaced before that by another.
    ater: BTreeMap<&'a str, Option<Date>>,
}

/// So far contacts that replace each other are followed: marks may lead round.
const LED: usize = 8;

/// A contact that was replaced.
type Ersatt<'a> = (&'a Arc<Fact>, &'a CareTeam, Marke<'a>);

impl<'a> Bortfall<'a> {
    /// The contacts that it replaced, and those replaced by such as have come to nothing themselves: those that begin last come first,
    /// so that what replaced another is settled before that.
    fn ersatta(&mut self) -> Vec<Ersatt<'a>> {
        let mut found: Vec<Ersatt<'a>> = Vec::new();
        let mut looked_at = 0;
        while let Some(id) = self.borta.get(looked_at).copied() {
            looked_at += 1;
            for fact in self.all {
                let Some(old) = fast_kontakt(fact) else { continue };
                let Some(marke) = Marke::of(old).filter(|marke| marke.av().any(|by| by == id)) else {
                    continue;
                };
                let is_known = found.iter().any(|(_, known, _)| known.head.id == old.head.id);
                if is_known || self.borta.contains(&old.head.id.as_str()) {
                    continue;
                }
                match old.status {
                    None | Some(CareTeamStatus::Active | CareTeamStatus::Inactive) => found.push((fact, old, marke)),
                    // It is to count for nothing: whom it replaced is asked instead.
                    Some(_) => self.borta.push(&old.head.id),
                }
            }
        }
        found.sort_by_key(|(_, old, _)| Reverse(old.period.first_day()));
        found
    }

    /// What becomes of one of them, and what its unit is told.
    fn gor_upp<U: Underlag>(
        &mut self,
        fact: &Fact,
        old: &'a CareTeam,
        marke: &Marke<'a>,
        underlag: &mut U,
    ) -> Result<Vec<Effect>, U::Error> {
        let care_team = old.head.id.clone();
        let (effect, kod) = match marke.form.filter(|_| marke.fran > self.today) {
            None => {
                // What else replaced it stands.
                let named = self.namnda(marke);
                let stands = |other: &CareTeam| {
                    named.contains(&other.head.id.as_str()) && galler_den(other, self.family, self.from)
                };
                if self.all.iter().filter_map(|fact| fast_kontakt(fact)).any(stands) {
                    return Ok(Vec::new());
                }
                let dag = self.today;
                (Effect::NoteraAterkallat { care_team, dag }, Some(ERSATTNING_ATERKALLAD))
            }
            Some(form) => {
                let av = self.som_nu_ersatter(old, marke, form, underlag)?;
                let ersattning = Ersattning {
                    care_team,
                    tas_tillbaka: true,
                    av,
                };
                let forsta = ersattning.forsta();
                let begins = match forsta {
                    Some((_, _, Avslut::Inaktiv)) => None,
                    Some((_, day, Avslut::ErsattFran(_)))
                        if old.period.first_day().is_some_and(|start| day <= start) =>
                    {
                        None
                    }
                    _ => Some(old.period.first_day().unwrap_or(Date::MIN)),
                };
                self.ater.insert(&old.head.id, begins);
                let kod = match forsta {
                    None => Some(ERSATTNING_ATERKALLAD),
                    // It is known already.
                    Some((by, day, _)) if day == marke.fran && marke.av().any(|known| known == by) => None,
                    Some(_) => Some(KONTAKT_ERSATT),
                };
                (Effect::Ersatts(ersattning), kod)
            }
        };
        let mut effects = vec![effect];
        if let Some(kod) = kod
            && ersatt_fran(old).is_some()
        {
            effects.extend(meddelande(fact, old, kod, underlag)?);
        }
        Ok(effects)
    }

    /// Those that the mark names, or that replaced the contact that falls away.
    fn namnda(&self, marke: &Marke<'a>) -> Vec<&'a str> {
        let after = Marke::of(self.kontakt);
        marke.av().chain(after.iter().flat_map(Marke::av)).collect()
    }

    /// Those of them that are in force, or that are so again, and from when.
    fn som_ersatter(&self, marke: &Marke<'a>) -> impl Iterator<Item = (&'a str, Date)> {
        let named = self.namnda(marke).into_iter();
        named.filter_map(|id| {
            let taken_back = self.ater.get(id).copied().flatten();
            Some((id, taken_back.or_else(|| self.i_kraft(id))?))
        })
    }

    /// From when a contact is in force, if it is to be.
    fn i_kraft(&self, id: &str) -> Option<Date> {
        self.i_kraft_efter(id, LED)
    }

    /// The same, following so many that replace each other. One that was replaced before it began is in force when none that replaced
    /// it is by then: another write of the transaction takes that back.
    fn i_kraft_efter(&self, id: &str, led: usize) -> Option<Date> {
        if self.borta.contains(&id) {
            return match self.vad {
                Vad::Flyttas(day) if id == self.kontakt.head.id => Some(day),
                _ => None,
            };
        }
        let mut all = self.all.iter().filter_map(|fact| fast_kontakt(fact));
        let other = all.find(|other| other.head.id == id)?;
        if let Some(marke) = Marke::of(other).filter(|marke| ar_ersatt(other) && marke.fran > self.today) {
            let start = other.period.first_day()?;
            let by_then = |by: &str| {
                self.i_kraft_efter(by, led.saturating_sub(1))
                    .is_some_and(|day| day <= start)
            };
            if led == 0 {
                return None;
            }
            return (!marke.av().any(by_then)).then_some(start);
        }
        let interval = interval_av(other).filter(|interval| is_active(other) && !interval.is_over(self.today))?;
        Some(interval.start.unwrap_or(Date::MIN))
    }

    /// Who replaces the contact when it is no longer the one that falls away, from when, and how it then ends: the same one on its
    /// later day, whoever else has replaced it, and those it would stand beside though there may be one only.
    fn som_nu_ersatter<U: Underlag>(
        &self,
        old: &CareTeam,
        marke: &Marke<'a>,
        form: Form,
        underlag: &mut U,
    ) -> Result<BTreeMap<String, (Date, Avslut)>, U::Error> {
        let mut next: BTreeMap<&str, Date> = self.som_ersatter(marke).collect();
        for (id, day) in self.som_stod_bredvid(old, underlag)? {
            next.entry(id).or_insert(day);
        }
        if let Vad::Flyttas(day) = self.vad {
            next.insert(&self.kontakt.head.id, day);
        }
        let end = match form {
            Form::Slutad => marke.tidigare_slut(),
            Form::Markt | Form::Inaktiv => old.period.last_day(),
        };
        let mut av = BTreeMap::new();
        for (id, day) in next {
            if id == old.head.id || end.is_some_and(|end| end < day) {
                continue;
            }
            let known = underlag.samma_vardgivare(ResourceType::CareTeam, id, &old.head.id)?;
            let how = match known.unwrap_or(form != Form::Markt) {
                true => avslut(old.period.first_day(), day),
                false => Avslut::ErsattFran(day),
            };
            av.insert(id.to_owned(), (day, how));
        }
        Ok(av)
    }

    /// The contacts that the old one would stand beside if it went on, though there may be one only, or they replace it. One that stood
    /// beside it before is none of them.
    fn som_stod_bredvid<U: Underlag>(
        &self,
        old: &CareTeam,
        underlag: &mut U,
    ) -> Result<Vec<(&'a str, Date)>, U::Error> {
        let present = interval_av(old).filter(|_| is_active(old));
        let open = Interval {
            start: old.period.first_day(),
            end: None,
        };
        let mut beside = Vec::new();
        for fact in self.all {
            let Some(other) =
                fast_kontakt(fact).filter(|other| is_active(other) && self.family.includes(&typer(other)))
            else {
                continue;
            };
            let id = other.head.id.as_str();
            if id == old.head.id || self.borta.contains(&id) {
                continue;
            }
            let Some(interval) = interval_av(other).filter(|interval| open.overlaps(interval, self.today)) else {
                continue;
            };
            let was_beside = present.is_some_and(|present| present.overlaps(&interval, self.today));
            let replaces = self.en_enda || (sager_ersatter(other) && underlag.skrivs_nu(fact)?);
            if replaces && !was_beside {
                beside.push((id, interval.start.unwrap_or(Date::MIN)));
            }
        }
        Ok(beside)
    }
}

/// Whether another contact has replaced it before it began.
fn ar_ersatt(kontakt: &CareTeam) -> bool {
    Marke::of(kontakt).is_some_and(|marke| match marke.form {
        Some(Form::Inaktiv) => true,
        Some(Form::Markt) => kontakt.period.first_day().is_some_and(|start| marke.fran <= start),
        Some(Form::Slutad) | None => false,
    })
}

/// FK-09: the contact was replaced by one that is not in force, and the patient has no other today.
pub(super) fn star_utan<U: Underlag>(
    fact: &Fact,
    kontakt: &CareTeam,
    today: Date,
    underlag: &mut U,
) -> Result<bool, U::Error> {
    let is_noted = Marke::of(kontakt).is_some_and(|marke| marke.ar_aterkallad());
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
    before: &CareTeam,
    after: Option<&Fact>,
    family: Kontakter,
    patients: &[String],
    today: Date,
    underlag: &mut U,
) -> Result<Option<Vad>, U::Error> {
    let began = before.period.first_day();
    let had_begun = is_active(before) && began.is_none_or(|start| start <= today);
    let after = after.and_then(|after| Some((after, fast_kontakt(after)?)));
    let Some((fact, kontakt)) = after.filter(|(_, kontakt)| family.includes(&typer(kontakt))) else {
        return Ok(Some(Vad::Aterkallas));
    };
    if !is_active(kontakt) {
        let ends = matches!(
            kontakt.status,
            Some(CareTeamStatus::Inactive | CareTeamStatus::Suspended)
        );
        return Ok((!ends || (is_active(before) && !had_begun)).then_some(Vad::Aterkallas));
    }
    let theirs = samma_som(kontakt.subject.as_ref(), fact, underlag)?;
    if !theirs.iter().any(|id| patients.contains(id)) {
        return Ok(Some(Vad::Aterkallas));
    }
    if !is_active(before) {
        return Ok(None);
    }
    let is_over = kontakt.period.last_day().is_some_and(|end| end < today);
    if !had_begun && is_over {
        return Ok(Some(Vad::Aterkallas));
    }
    // Of one that has begun, a correction of a day that has passed changes nothing from today on.
    let is_later = |start: &Date| Some(*start) > began && (!had_begun || *start > today);
    Ok(kontakt.period.first_day().filter(is_later).map(Vad::Flyttas))
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
