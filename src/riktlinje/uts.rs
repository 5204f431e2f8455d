//! UTS: what must be there when a patient who needs care after it is discharged from an inpatient stay.

use jiff::Span;
use jiff::civil::Date;

use crate::fhir::types::ResourceType;

use super::finding::{Evidence, Remark, Severity};
use super::kontakttyp::Kontakter;
use super::patientbild::{Anmarkning, Kontakt, Patientbild};
use super::policy::Policy;
use super::vistelse::{Slut, Vistelse};

const VISTELSEN: &str = "Encounter";
/// Reason of an ended contact: the need ceased.
const BEHOV_UPPHORT: &str = "behov-upphort";

/// No fast vårdkontakt of the region's open care was valid on the day of discharge.
pub fn uts_01(bild: &Patientbild, policy: &Policy) -> Vec<Anmarkning> {
    let texter = Texter {
        pagar: (
            "Patienten är inskriven och behöver insatser efteråt: en fast vårdkontakt i regionens öppenvård ska utses före utskrivningen.",
            "The patient is an inpatient and needs care afterwards: a fast vårdkontakt in the region's open care must be appointed before discharge.",
        ),
        brister: (
            "Patienten skrevs ut med behov av insatser, men ingen fast vårdkontakt i regionens öppenvård gällde den dagen.",
            "The patient was discharged in need of care, but no fast vårdkontakt in the region's open care was valid that day.",
        ),
        okant: (
            "patienten skrevs ut med behov av insatser, men det framgår inte att en fast vårdkontakt i regionens öppenvård gällde den dagen.",
            "the patient was discharged in need of care, but nothing shows that a fast vårdkontakt in the region's open care was valid that day.",
        ),
    };
    let vistelser = aktuella(bild, policy);
    vistelser
        .filter_map(|vistelse| texter.anmarkning(&vistelse, vistelse.nagon(bild, |kontakt| kontakt.i_oppenvard)))
        .collect()
}

/// After psychiatric inpatient care the contact is in psychiatric open care and has role 4.
pub fn uts_02(bild: &Patientbild, policy: &Policy) -> Vec<Anmarkning> {
    let texter = Texter {
        pagar: (
            "Patienten är inskriven i psykiatrisk slutenvård: en fast vårdkontakt med samordningsansvar i den psykiatriska öppenvården ska utses före utskrivningen.",
            "The patient is in psychiatric inpatient care: a fast vårdkontakt with responsibility for coordination in psychiatric open care must be appointed before discharge.",
        ),
        brister: (
            "Patienten skrevs ut från psykiatrisk slutenvård, men ingen fast vårdkontakt med samordningsansvar i den psykiatriska öppenvården gällde den dagen.",
            "The patient was discharged from psychiatric inpatient care, but no fast vårdkontakt with responsibility for coordination in psychiatric open care was valid that day.",
        ),
        okant: (
            "patienten skrevs ut från psykiatrisk slutenvård, men det framgår inte att en fast vårdkontakt med samordningsansvar i den psykiatriska öppenvården gällde den dagen.",
            "the patient was discharged from psychiatric inpatient care, but nothing shows that a fast vårdkontakt with responsibility for coordination in psychiatric open care was valid that day.",
        ),
    };
    let samordnare = |kontakt: &Kontakt| match kontakt.samordnar() {
        true => kontakt.i_psykiatrisk_oppenvard,
        false => Evidence::Contradicted,
    };
    let vistelser = aktuella(bild, policy).filter(|it| it.vistelse.psykiatrisk == Evidence::Shown);
    vistelser
        .filter_map(|vistelse| texter.anmarkning(&vistelse, vistelse.nagon(bild, samordnare)))
        .collect()
}

/// After the discharge role 4 stays in the region's open care until it ends with `behov-upphort` or a later one starts.
pub fn uts_03(bild: &Patientbild, policy: &Policy) -> Vec<Anmarkning> {
    let texter = Texter {
        pagar: ("", ""),
        brister: (
            "Efter utskrivningen finns samordningsansvaret inte kvar i regionens öppenvård, fast det varken upphört eller förts över.",
            "After the discharge coordination has not stayed in the region's open care, although it neither ceased nor was handed over.",
        ),
        okant: (
            "det framgår inte att samordningsansvaret finns i regionens öppenvård efter utskrivningen.",
            "nothing shows that coordination is in the region's open care after the discharge.",
        ),
    };
    let ended = aktuella(bild, policy).filter(|it| it.lage == Lage::Utskriven);
    ended
        .filter_map(|vistelse| texter.anmarkning(&vistelse, vistelse.samordning_kvar(bild)?))
        .collect()
}

/// A stay that the rules look at today.
struct Aktuell<'b> {
    vistelse: &'b Vistelse,
    lage: Lage,
    /// The days on which a contact counts.
    first: Date,
    last: Date,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lage {
    Pagar,
    Utskriven,
    /// It has ended, nothing says when.
    Okant,
}

/// The stays that go on, or that ended alive within the policy's days.
fn aktuella<'b>(bild: &'b Patientbild, policy: &Policy) -> impl Iterator<Item = Aktuell<'b>> {
    let today = bild.today;
    let frist = Span::new()
        .try_days(policy.parameters.dagar_efter_utskrivning)
        .unwrap_or_default();
    let earliest = today.checked_sub(frist).unwrap_or(Date::MIN);
    bild.vistelser.iter().filter_map(move |vistelse| {
        let (lage, first, last) = match vistelse.slut {
            Slut::Pagar if bild.avliden => return None,
            // Whoever is appointed in time is appointed: from today on.
            Slut::Pagar => (Lage::Pagar, today, Date::MAX),
            Slut::Utskriven(first, _) if first > today => (Lage::Pagar, today, Date::MAX),
            Slut::Utskriven(_, last) if last < earliest => return None,
            Slut::Utskriven(first, last) => (Lage::Utskriven, first, last),
            Slut::Okant(start) => (Lage::Okant, start.unwrap_or(Date::MIN), today),
        };
        (vistelse.levande != Evidence::Contradicted).then_some(Aktuell {
            vistelse,
            lage,
            first,
            last,
        })
    })
}

impl Aktuell<'_> {
    /// Whether one of the fasta vårdkontakter of that day is such a one.
    fn nagon(&self, bild: &Patientbild, ar_sadan: impl Fn(&Kontakt) -> Evidence) -> Evidence {
        let kontakter = bild.kontakter.iter().filter(|it| it.ar(Kontakter::Vardkontakt));
        Evidence::any(kontakter.map(|it| Evidence::all([it.gallde(self.first, self.last), ar_sadan(it)])))
    }

    /// Whether coordination is where it should be; `None` when nobody coordinated on the day of discharge.
    fn samordning_kvar(&self, bild: &Patientbild) -> Option<Evidence> {
        let samordnare = || bild.kontakter.iter().filter(|it| it.samordnar());
        let that_day: Vec<&Kontakt> = samordnare()
            .filter(|it| it.gallde(self.first, self.last) != Evidence::Contradicted)
            .collect();
        if that_day.is_empty() {
            return None;
        }
        let started_after = |earlier: Option<Date>| {
            let mut starts = samordnare().filter_map(|it| it.interval.start);
            starts.any(|start| earlier < Some(start) && start <= bild.today)
        };
        if started_after(Some(self.last)) {
            return Some(Evidence::Shown);
        }
        Some(Evidence::any(that_day.into_iter().map(|it| {
            let ceased = it.avslutsorsak.as_deref() == Some(BEHOV_UPPHORT);
            let kept = if ceased || it.galler(bild.today) || started_after(it.interval.start) {
                Evidence::Shown
            } else {
                it.gallde(bild.today, bild.today)
            };
            Evidence::all([it.gallde(self.first, self.last), it.i_oppenvard, kept])
        })))
    }
}

/// What a rule says of a stay: in Swedish and English each.
struct Texter {
    pagar: (&'static str, &'static str),
    brister: (&'static str, &'static str),
    /// Led by "Underlag saknas".
    okant: (&'static str, &'static str),
}

impl Texter {
    /// The remark that the evidence gives: none when it is shown, information while the stay goes on.
    fn anmarkning(&self, aktuell: &Aktuell<'_>, evidence: Evidence) -> Option<Anmarkning> {
        let certain = aktuell.lage != Lage::Okant && aktuell.vistelse.levande == Evidence::Shown;
        let remark = match (evidence, aktuell.lage) {
            (Evidence::Shown, _) => return None,
            (_, Lage::Pagar) => Remark::at_most(Severity::Information, VISTELSEN, self.pagar.0, self.pagar.1),
            (Evidence::Contradicted, _) if certain => Remark::contradicted(VISTELSEN, self.brister.0, self.brister.1),
            _ => Remark::not_stated(VISTELSEN, self.okant.0, self.okant.1),
        };
        Some(Anmarkning {
            remark,
            resurs: Some((ResourceType::Encounter, aktuell.vistelse.id.clone())),
            grund: aktuell.vistelse.grund.clone(),
        })
    }
}
