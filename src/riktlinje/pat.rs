//! PAT: what the care provider owes the patient. Nothing here refuses a write; the check and the work lists tell it.

use jiff::Span;
use jiff::civil::Date;

use crate::fhir::types::ResourceType;

use super::finding::{Evidence, Remark, Severity, Weight};
use super::kontakttyp::Kontakter;
use super::livshotande::is_livshotande;
use super::patientbild::{Anmarkning, Avser, HELHETEN, Patientbild, Resurs, Stangd, Utforare};
use super::plan::Planer;
use super::policy::Policy;

/// Behovsgrupper for which a fast vårdkontakt, a fast läkarkontakt or a medicinsk vårdplan is needed.
const KOMPLEXT: &str = "komplext";
const STORT_BEHOV: &str = "stort-vard-och-omsorgsbehov";

/// An insats that requires a fast läkarkontakt, and none is active.
pub fn pat_01(bild: &Patientbild, policy: &Policy) -> Vec<Anmarkning> {
    let krav = bild.insatser_bland(&policy.parameters.insatser_som_kraver_lakarkontakt);
    saknas(bild, policy, Avser::Lakarkontakt, krav, || {
        Remark::contradicted(
            HELHETEN,
            "Patienten har en insats som kräver en fast läkarkontakt, men ingen är aktiv.",
            "The patient has an insats that requires a fast läkarkontakt, but none is active.",
        )
    })
}

/// Great needs of care and no active fast läkarkontakt.
pub fn pat_02(bild: &Patientbild, policy: &Policy) -> Vec<Anmarkning> {
    saknas(
        bild,
        policy,
        Avser::Lakarkontakt,
        bild.behov_bland(&[STORT_BEHOV]),
        || {
            Remark::contradicted(
                HELHETEN,
                "Patienten har stort vård- och omsorgsbehov men ingen aktiv fast läkarkontakt.",
                "The patient has great needs of care but no active fast läkarkontakt.",
            )
        },
    )
}

/// A life-threatening condition and no active fast vårdkontakt who is a licensed physician.
pub fn pat_03(bild: &Patientbild, policy: &Policy) -> Vec<Anmarkning> {
    let conditions = || bild.tillstand.iter().map(|it| (it, is_livshotande(it, policy)));
    let mut pagar = Evidence::any(conditions().map(|(_, evidence)| evidence));
    let mut grund: Vec<Resurs> = conditions()
        .filter(|(_, evidence)| *evidence != Evidence::Contradicted)
        .map(|(it, _)| (ResourceType::Condition, it.head.id.clone()))
        .collect();
    let by_reason = bild
        .gallande(Kontakter::Alla)
        .filter(|it| it.vid_livshotande && !bild.avliden);
    for kontakt in by_reason {
        pagar = Evidence::Shown;
        grund.push((ResourceType::CareTeam, kontakt.id.clone()));
    }
    if grund.is_empty() {
        return Vec::new();
    }
    let remark = match Evidence::any(bild.gallande(Kontakter::Vardkontakt).map(|it| it.lakare)) {
        Evidence::Shown => return Vec::new(),
        _ if pagar != Evidence::Shown => Remark::not_stated(
            HELHETEN,
            "patienten har ett tillstånd som är livshotande, men det framgår inte om det pågår (clinicalStatus), och ingen aktiv fast vårdkontakt är visad legitimerad läkare.",
            "the patient has a condition that is life-threatening, but nothing tells whether it goes on (clinicalStatus), and no active fast vårdkontakt is shown to be a licensed physician.",
        ),
        Evidence::NotStated => Remark::not_stated(
            HELHETEN,
            "patienten har ett livshotande tillstånd, men det framgår inte att någon fast vårdkontakt är legitimerad läkare.",
            "the patient is in a life-threatening condition, but nothing shows that any fast vårdkontakt is a licensed physician.",
        ),
        Evidence::Contradicted => Remark::contradicted(
            HELHETEN,
            "Patienten har ett livshotande tillstånd men ingen aktiv fast vårdkontakt som är legitimerad läkare.",
            "The patient is in a life-threatening condition but has no active fast vårdkontakt who is a licensed physician.",
        ),
    };
    let remark = efter_avbojt(bild, policy, Avser::Vardkontakt, remark);
    vec![Anmarkning::om_patienten(remark, grund)]
}

/// A group of the policy and no active överenskommelse.
pub fn pat_04(bild: &Patientbild, policy: &Policy) -> Vec<Anmarkning> {
    let krav = bild.behov_bland(&policy.parameters.grupper_for_overenskommelse);
    saknas(bild, policy, Avser::Overenskommelse, krav, || {
        Remark::contradicted(
            HELHETEN,
            "Patienten hör till en grupp som bör ha en dokumenterad överenskommelse, men ingen är aktiv.",
            "The patient belongs to a group that should have a dokumenterad överenskommelse, but none is active.",
        )
    })
}

/// Great needs of care and no active medicinsk vårdplan.
pub fn pat_05(bild: &Patientbild, _: &Policy) -> Vec<Anmarkning> {
    let grund = bild.behov_bland(&[STORT_BEHOV]);
    if grund.is_empty() || bild.har_plan(Planer::MedicinskVardplan) {
        return Vec::new();
    }
    let remark = Remark::contradicted(
        HELHETEN,
        "Patienten har stort vård- och omsorgsbehov men ingen aktiv medicinsk vårdplan.",
        "The patient has great needs of care but no active medicinsk vårdplan.",
    );
    vec![Anmarkning::om_patienten(remark, grund)]
}

/// A fast vårdkontakt whose need was last reviewed longer ago than the policy's months.
pub fn pat_06(bild: &Patientbild, policy: &Policy) -> Vec<Anmarkning> {
    let months = policy.parameters.manader_mellan_omprovningar;
    let Some(frist) = months.and_then(|months| Span::new().try_months(months).ok()) else {
        return Vec::new();
    };
    let told = bild.gallande(Kontakter::Vardkontakt).filter(|_| !bild.avliden);
    let told = told.filter_map(|kontakt| {
        let remark = match kontakt.omprovad.or(kontakt.interval.start) {
            Some(reviewed) if !har_gatt(reviewed, frist, bild.today) => return None,
            Some(_) => Remark::contradicted(
                "CareTeam",
                "Behovet av den fasta vårdkontakten har inte omprövats inom den tid som regionen anger.",
                "The need of the fast vårdkontakt has not been reviewed within the time that the region states.",
            ),
            None => Remark::not_stated(
                "CareTeam",
                "det framgår inte när behovet av den fasta vårdkontakten senast omprövades.",
                "nothing says when the need of the fast vårdkontakt was last reviewed.",
            ),
        };
        Some(Anmarkning::om((ResourceType::CareTeam, kontakt.id.clone()), remark))
    });
    told.collect()
}

/// Insatser from region and kommun, at two units, and no active SIP.
pub fn pat_07(bild: &Patientbild, _: &Policy) -> Vec<Anmarkning> {
    if bild.avliden || bild.har_plan(Planer::Sip) {
        return Vec::new();
    }
    let of_region = || bild.utforare.iter().filter(|it| it.huvudman.region);
    let of_kommun = || bild.utforare.iter().filter(|it| it.huvudman.kommun);
    // One unit that is both (Gotland) needs no coordination with itself.
    let is_other = |one: &Utforare, other: &Utforare| one.plats != other.plats;
    if !of_region().any(|one| of_kommun().any(|other| is_other(one, other))) {
        return Vec::new();
    }
    let remark = Remark::contradicted(
        HELHETEN,
        "Patienten har insatser från både region och kommun men ingen aktiv samordnad individuell plan.",
        "The patient has insatser from both region and kommun but no active samordnad individuell plan.",
    );
    let grund = of_region().chain(of_kommun()).map(|it| it.resurs.clone()).collect();
    vec![Anmarkning::om_patienten(remark, grund)]
}

/// What was asked for and is not there after the policy's days; and a need that nobody asked about.
pub fn pat_08(bild: &Patientbild, policy: &Policy) -> Vec<Anmarkning> {
    let mut told: Vec<Anmarkning> = Vec::new();
    for begaran in bild.begaran.iter().filter(|it| !bild.har(it.avser)) {
        let was_answered = match begaran.stangd {
            Stangd::MedSkal => true,
            // Carried out, and ended since.
            Stangd::Utford => har_funnits(bild, begaran.avser, begaran.dag),
            Stangd::Nej => false,
        };
        let waited = begaran
            .dag
            .map(|day| har_gatt(day, dagar(policy.parameters.dagar_till_utsedd), bild.today));
        if was_answered || waited == Some(false) {
            continue;
        }
        let remark = if waited.is_none() {
            Remark::not_stated(
                "Task",
                "något har begärts och finns inte, men det framgår inte när det begärdes.",
                "something was asked for and is not there, but nothing says when it was asked for.",
            )
        } else {
            begart(begaran.avser)
        };
        told.push(Anmarkning::om((ResourceType::Task, begaran.id.clone()), remark));
    }
    let grund = bild.behov_bland(&[KOMPLEXT, STORT_BEHOV]);
    if !grund.is_empty() && !bild.har(Avser::Vardkontakt) {
        let remark = Remark::at_most(
            Severity::Warning,
            HELHETEN,
            "Patientens behov talar för en fast vårdkontakt, men ingen är aktiv.",
            "The patient's needs speak for a fast vårdkontakt, but none is active.",
        );
        told.push(Anmarkning::om_patienten(remark, grund));
    }
    told
}

fn begart(avser: Avser) -> Remark {
    let (sv, en) = match avser {
        Avser::Vardkontakt => (
            "En fast vårdkontakt har begärts men ingen är aktiv, och begäran är inte avslutad med skäl.",
            "A fast vårdkontakt was asked for but none is active, and the request was not closed with a reason.",
        ),
        Avser::Lakarkontakt => (
            "En fast läkarkontakt har begärts men ingen är aktiv, och begäran är inte avslutad med skäl.",
            "A fast läkarkontakt was asked for but none is active, and the request was not closed with a reason.",
        ),
        Avser::Overenskommelse => (
            "En dokumenterad överenskommelse har begärts men ingen är aktiv, och begäran är inte avslutad med skäl.",
            "A dokumenterad överenskommelse was asked for but none is active, and the request was not closed with a reason.",
        ),
    };
    Remark::contradicted("Task", sv, en)
}

/// The remark, when there is a ground for it and what it asks for is missing.
fn saknas(
    bild: &Patientbild,
    policy: &Policy,
    avser: Avser,
    grund: Vec<Resurs>,
    remark: impl FnOnce() -> Remark,
) -> Vec<Anmarkning> {
    if grund.is_empty() || bild.har(avser) {
        return Vec::new();
    }
    let remark = efter_avbojt(bild, policy, avser, remark());
    vec![Anmarkning::om_patienten(remark, grund)]
}

/// An offer that the patient declined within the policy's days lowers the remark to information; one whose day is not
/// stated leaves a warning (GEN-03).
fn efter_avbojt(bild: &Patientbild, policy: &Policy, avser: Avser, remark: Remark) -> Remark {
    let frist = dagar(policy.parameters.dagar_avbojt_erbjudande);
    let matching = bild.avbojda.iter().filter(|it| it.avser == avser);
    let respected = Evidence::any(matching.map(|it| match it.dag {
        Some(day) if har_gatt(day, frist, bild.today) => Evidence::Contradicted,
        Some(_) => Evidence::Shown,
        None => Evidence::NotStated,
    }));
    let weight = match (respected, remark.weight) {
        (Evidence::Shown, _) => Weight::AtMost(Severity::Information),
        (Evidence::NotStated, Weight::Contradicted) => Weight::AtMost(Severity::Warning),
        (_, weight) => weight,
    };
    Remark { weight, ..remark }
}

/// Whether a contact of that kind began on the day it was asked for or later.
fn har_funnits(bild: &Patientbild, avser: Avser, asked: Option<Date>) -> bool {
    let kontakter = match avser {
        Avser::Vardkontakt => Kontakter::Vardkontakt,
        Avser::Lakarkontakt => Kontakter::Lakarkontakt,
        // Of plans only the active ones are seen; that it was carried out is taken as it is said.
        Avser::Overenskommelse => return true,
    };
    let began_since = |start: Option<Date>| start.zip(asked).is_none_or(|(start, asked)| start >= asked);
    bild.kontakter
        .iter()
        .any(|it| it.ar(kontakter) && began_since(it.interval.start))
}

fn dagar(days: i32) -> Span {
    Span::new().try_days(days).unwrap_or_default()
}

/// Whether that long has passed since the day, the last day of the time not counted.
fn har_gatt(since: Date, frist: Span, today: Date) -> bool {
    since.checked_add(frist).is_ok_and(|last| last < today)
}
