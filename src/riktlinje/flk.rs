//! FLK: fast läkarkontakt i primärvård (role 2).

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

/// Never two fasta läkarkontakter on one day from today on, the day of a handover apart.
pub fn flk_04(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let Some(own) = bild.interval else { return Vec::new() };
    let overlapping = bild
        .kvarvarande()
        .filter(|other| own.overlaps(&other.interval, bild.today));
    overlapping
        .map(|other| {
            Remark::contradicted(
                bild.till_tiden(),
                "Patienten har redan en aktiv fast läkarkontakt under samma tid. Avsluta den tidigare, eller ange ersatter.",
                "The patient already has an active fast läkarkontakt at the same time. End the earlier one, or state ersatter.",
            )
            .about(other.id.clone())
        })
        .collect()
}
