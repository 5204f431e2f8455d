//! FLK: fast läkarkontakt i primärvård (role 2).

use fastkontakt_model::facts::{Concept, ExtValue, Extensions};

use super::codes::{EXT_LIKVARDIG_KOMPETENS, anger};
use super::enhetstyp::i_primarvard;
use super::ersattning::sager_ersatter;
use super::finding::{Evidence, Remark, Severity};
use super::kontakt::Kontaktbild;

/// A physician. Shown not to be one: refused; not licensed, or nothing stated: a warning.
pub fn flk_01(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let profession = bild.profession();
    let element = bild.till_personen();
    match (profession.physician(), profession.licensed_physician()) {
        (Evidence::Contradicted, _) => vec![Remark::contradicted(
            element,
            "En fast läkarkontakt ska vara läkare; uppgifterna visar ett annat yrke.",
            "A fast läkarkontakt must be a physician; the data show another profession.",
        )],
        (_, Evidence::Contradicted) => vec![Remark::at_most(
            Severity::Warning,
            element,
            "Den fasta läkarkontakten har ingen gällande läkarlegitimation enligt uppgifterna.",
            "According to the data the fast läkarkontakt holds no current licence as a physician.",
        )],
        (Evidence::Shown, Evidence::Shown) => Vec::new(),
        _ => vec![Remark::not_stated(
            element,
            "det framgår inte att den fasta läkarkontakten är läkare.",
            "nothing shows that the fast läkarkontakt is a physician.",
        )],
    }
}

/// A specialist of the kinds named, in specialist training, or of equivalent competence.
pub fn flk_02(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let profession = bild.profession();
    if profession.physician() == Evidence::Contradicted || har_specialitet(bild) {
        // Who is no physician is told by FLK-01.
        return Vec::new();
    }
    match profession.specialist() {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            bild.till_personen(),
            "En fast läkarkontakt bör vara specialist i allmänmedicin, barn- och ungdomsmedicin eller geriatrik, ha likvärdig \
             kompetens eller fullgöra specialisttjänstgöring.",
            "A fast läkarkontakt should be a specialist in family medicine, paediatrics or geriatrics, have equivalent \
             competence or be in specialist training.",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            bild.till_personen(),
            "det framgår inte att den fasta läkarkontakten är specialist, har likvärdig kompetens eller fullgör \
             specialisttjänstgöring.",
            "nothing shows that the fast läkarkontakt is a specialist, has equivalent competence or is in specialist training.",
        )],
    }
}

/// A specialty or current qualification of the policy's list, or own `likvardig-kompetens`.
fn har_specialitet(bild: &Kontaktbild<'_>) -> bool {
    let Some(medlem) = &bild.medlem else { return false };
    let listed = &bild.policy.parameters.specialistkoder;
    let is_listed = |concept: &Concept| listed.iter().any(|own| anger(concept, &own.system, &own.code));
    let of_role = medlem.role().is_some_and(|role| {
        let mut stated = role.specialties.iter().chain(&role.codes);
        stated.any(is_listed) || ar_likvardig(&role.head.extensions)
    });
    let of_person = medlem.practitioner().is_some_and(|person| {
        let mut current = person
            .qualifications
            .iter()
            .filter(|qualification| qualification.period.contains(bild.today));
        ar_likvardig(&person.head.extensions)
            || current.any(|it| it.code.as_ref().is_some_and(is_listed) || ar_likvardig(&it.extensions))
    });
    of_role || of_person
}

/// Own extension `likvardig-kompetens`: true, or a text or code that says what it is.
fn ar_likvardig(extensions: &Extensions) -> bool {
    extensions
        .value(EXT_LIKVARDIG_KOMPETENS)
        .is_some_and(|value| !matches!(value, ExtValue::Boolean(false)))
}

/// In primary care; where the policy says so, psychiatry may host the läkarkontakt of a patient in hemsjukvård.
pub fn flk_03(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    // Without unit FK-05 speaks.
    let Some(enhet) = &bild.enhet else { return Vec::new() };
    match i_primarvard(enhet) {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted if bild.i_hemsjukvard => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            bild.till_enheten(),
            "En fast läkarkontakt ska finnas i primärvården; enhetens typ är en annan.",
            "A fast läkarkontakt must work in primary care; the type of the unit is another.",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            bild.till_enheten(),
            "det framgår inte att enheten hör till primärvården.",
            "nothing shows that the unit belongs to primary care.",
        )],
    }
}

/// Never two fasta läkarkontakter on one day from today on, the day of a handover apart.
pub fn flk_04(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let Some(own) = bild.interval else { return Vec::new() };
    let (sv, en) = if sager_ersatter(bild.kontakt) {
        (
            "Patienten har redan en aktiv fast läkarkontakt under samma tid, och den ersätts inte av det som anges i \
             ersatter. För att ersätta en annan vårdgivares krävs anledningen patientens-begaran eller att patienten är \
             listad på enheten, och att enheten redan deltar i patientens vård (ett besök, en insats eller en annan kontakt \
             på samma Patient); en kontakt som ännu inte gäller när den nya börjar ska pekas ut. I annat fall avslutas den \
             tidigare först.",
            "The patient already has an active fast läkarkontakt at the same time, and what ersatter states does not \
             replace it. To replace another vårdgivare's takes the reason patientens-begaran or that the patient is listed \
             at the unit, and that the unit takes part in the patient's care already (a visit, an episode of care or another \
             contact on the same Patient); a contact that is not yet valid when the new one starts must be pointed out. \
             Otherwise end the earlier one first.",
        )
    } else {
        (
            "Patienten har redan en aktiv fast läkarkontakt under samma tid. Avsluta den tidigare, eller ange ersatter.",
            "The patient already has an active fast läkarkontakt at the same time. End the earlier one, or state ersatter.",
        )
    };
    let overlapping = bild
        .kvarvarande()
        .filter(|other| own.overlaps(&other.interval, bild.today));
    overlapping
        .map(|other| Remark::contradicted(bild.till_tiden(), sv, en).about(other.id.clone()))
        .collect()
}
