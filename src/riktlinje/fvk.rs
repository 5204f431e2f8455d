//! FVK: fast vårdkontakt, with or without responsibility for coordination (roles 1 and 4).

use jiff::civil::Date;

use super::andra::AnnanKontakt;
use super::finding::{Evidence, Remark, Severity, Weight};
use super::intervals::Interval;
use super::kontakt::Kontaktbild;
use super::profession::Profession;

/// In a life-threatening condition a licensed physician is fast vårdkontakt; beside a physician, others pass.
pub fn fvk_01(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    if bild.vid_livshotande()
        && let Some(remark) = own_reason(bild)
    {
        return vec![remark];
    }
    if bild.livshotande_tillstand {
        the_patients_condition(bild).into_iter().collect()
    } else {
        Vec::new()
    }
}

/// (a) The contact's own reason is a life-threatening state.
fn own_reason(bild: &Kontaktbild<'_>) -> Option<Remark> {
    match bild.profession().licensed_physician() {
        Evidence::Shown => None,
        Evidence::Contradicted => Some(Remark::contradicted(
            bild.till_personen(),
            "Kontakten utses på grund av livshotande tillstånd: den fasta vårdkontakten ska vara legitimerad läkare.",
            "The contact is appointed because of a life-threatening state: the fast vårdkontakt must be a licensed physician.",
        )),
        Evidence::NotStated => Some(Remark::not_stated(
            bild.till_personen(),
            "kontakten utses på grund av livshotande tillstånd, men det framgår inte att personen är legitimerad läkare.",
            "the contact is appointed because of a life-threatening state, but nothing shows that the person is a licensed physician.",
        )),
    }
}

/// (b) The patient has a life-threatening condition and none of the contacts on that day is a licensed physician.
fn the_patients_condition(bild: &Kontaktbild<'_>) -> Option<Remark> {
    let day = bild.interval?.first_day_from(bild.today);
    let others = bild.kvarvarande().filter(|other| other.interval.contains(day));
    let mut evidence: Vec<Evidence> = others
        .map(|other| Profession::of(&other.medlem, bild.today).licensed_physician())
        .collect();
    evidence.push(bild.profession().licensed_physician());
    if evidence.contains(&Evidence::Shown) {
        return None;
    }
    let unknown = evidence.contains(&Evidence::NotStated);
    let mut remark = if unknown {
        Remark::not_stated(
            bild.till_personen(),
            "patienten har ett livshotande tillstånd, men det framgår inte att någon fast vårdkontakt är legitimerad läkare.",
            "the patient is in a life-threatening condition, but nothing shows that any fast vårdkontakt is a licensed physician.",
        )
    } else {
        Remark::contradicted(
            bild.till_personen(),
            "Patienten har ett livshotande tillstånd: en legitimerad läkare ska vara fast vårdkontakt.",
            "The patient is in a life-threatening condition: a licensed physician must be fast vårdkontakt.",
        )
    };
    // Only the region is bound; a kommun's nurse may be appointed while the region has yet to do its part.
    if !bild.huvudman.region && !unknown {
        remark.weight = Weight::AtMost(Severity::Warning);
    }
    Some(remark)
}

/// No more active fasta vårdkontakter at units of the same policy than the policy's most.
pub fn fvk_03(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let (Some(most), Some(own)) = (bild.policy.parameters.flest_fasta_vardkontakter, bild.interval) else {
        return Vec::new();
    };
    let beside: Vec<&AnnanKontakt> = bild
        .kvarvarande()
        .filter(|other| other.policy == bild.policy.name && own.overlaps(&other.interval, bild.today))
        .collect();
    let own_counts = !is_uncounted(bild, bild.vid_livshotande(), &bild.profession());
    let mut uncounted = usize::from(!own_counts);
    let mut counted: Vec<Interval> = Vec::new();
    for other in beside {
        let excluded =
            uncounted == 0 && is_uncounted(bild, other.vid_livshotande, &Profession::of(&other.medlem, bild.today));
        if excluded {
            uncounted += 1;
        } else {
            counted.push(other.interval);
        }
    }
    if !own_counts || busiest(&own, &counted, bild.today) < most {
        return Vec::new();
    }
    vec![Remark::contradicted(
        bild.till_tiden(),
        "Patienten får fler aktiva fasta vårdkontakter än regionen tillåter. Avsluta den tidigare, eller ange ersatter.",
        "The patient gets more active fasta vårdkontakter than the region allows. End the earlier one, or state ersatter.",
    )]
}

/// Halland: the one physician for a life-threatening state stands beside the others.
fn is_uncounted(bild: &Kontaktbild<'_>, for_livshotande: bool, profession: &Profession) -> bool {
    bild.policy.parameters.livshotande_lakare_raknas_inte
        && (for_livshotande || bild.livshotande_tillstand)
        && profession.physician() == Evidence::Shown
}

/// The most of the others that are valid on one day of the written contact, from today on. Two that only hand over to
/// each other on that day count as one.
fn busiest(own: &Interval, others: &[Interval], today: Date) -> usize {
    let first = own.first_day_from(today);
    let starts = others.iter().map(|other| other.first_day_from(today).max(first));
    std::iter::once(first)
        .chain(starts)
        .filter(|day| own.contains(*day))
        .map(|day| valid_on(others, day, today))
        .max()
        .unwrap_or(0)
}

fn valid_on(others: &[Interval], day: Date, today: Date) -> usize {
    let valid: Vec<&Interval> = others.iter().filter(|other| other.contains(day)).collect();
    let handing_over = valid
        .iter()
        .filter(|old| valid.iter().any(|new| old.hands_over_to(new, day, today)))
        .count();
    let taking_over = valid
        .iter()
        .filter(|new| valid.iter().any(|old| old.hands_over_to(new, day, today)))
        .count();
    valid.len() - handing_over.min(taking_over)
}
