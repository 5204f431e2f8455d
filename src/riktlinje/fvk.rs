//! FVK: fast vårdkontakt, with or without responsibility for coordination (roles 1 and 4).

use std::collections::BTreeMap;

use fastkontakt_model::facts::{Concept, Reference};
use jiff::civil::Date;

use super::andra::{AnnanKontakt, team_of};
use super::codes::EXT_SAMRAD;
use super::ersattning::sager_ersatter;
use super::finding::{Evidence, Remark, Severity, Weight};
use super::intervals::Interval;
use super::kontakt::{Kontaktbild, Kontakttyp};
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
    let day = bild.interval.map_or(bild.today, |own| own.first_day_from(bild.today));
    match bild.profession_den(day).licensed_physician() {
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
    let others = bild.synliga().filter(|other| other.interval.contains(day));
    let mut evidence: Vec<Evidence> = others
        .map(|other| other.profession_den(day).licensed_physician())
        .collect();
    evidence.push(bild.profession_den(day).licensed_physician());
    if evidence.contains(&Evidence::Shown) {
        return None;
    }
    if !bild.livshotande_pagar {
        return Some(Remark::not_stated(
            bild.till_personen(),
            "patienten har ett tillstånd som är livshotande, men det framgår inte om det pågår (clinicalStatus). Pågår det ska en legitimerad läkare vara fast vårdkontakt.",
            "the patient has a condition that is life-threatening, but nothing tells whether it goes on (clinicalStatus). If it does, a licensed physician must be fast vårdkontakt.",
        ));
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

/// Someone of the health care staff: a befattning in care, or a licence.
pub fn fvk_02(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    match bild.profession().care_staff() {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            bild.till_personen(),
            "En fast vårdkontakt ska tillhöra hälso- och sjukvårdspersonalen; uppgifterna visar bara andra befattningar.",
            "A fast vårdkontakt must belong to the health care staff; the data show other positions only.",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            bild.till_personen(),
            "det framgår inte att den fasta vårdkontakten tillhör hälso- och sjukvårdspersonalen.",
            "nothing shows that the fast vårdkontakt belongs to the health care staff.",
        )],
    }
}

/// No more active fasta vårdkontakter at units of the same policy than the policy's most.
pub fn fvk_03(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let (Some(most), Some(own)) = (bild.policy.parameters.flest_fasta_vardkontakter, bild.interval) else {
        return Vec::new();
    };
    if bild.enhetens_policy != bild.policy.name {
        return Vec::new();
    }
    let beside: Vec<&AnnanKontakt> = bild
        .kvarvarande()
        .filter(|other| other.policy() == bild.policy.name && own.overlaps(&other.interval, bild.today))
        .collect();
    let own_counts = !is_uncounted(bild, bild.vid_livshotande(), &bild.profession());
    let mut uncounted = usize::from(!own_counts);
    let mut counted: Vec<Interval> = Vec::new();
    for other in beside {
        let excluded = uncounted == 0 && is_uncounted(bild, other.vid_livshotande, &other.profession_den(bild.today));
        if excluded {
            uncounted += 1;
        } else {
            counted.push(other.interval);
        }
    }
    if !own_counts || busiest(&own, &counted, bild.today) < most {
        return Vec::new();
    }
    let (sv, en) = if sager_ersatter(bild.kontakt) {
        (
            "Patienten får fler aktiva fasta vårdkontakter än regionen tillåter, och ingen tidigare ersätts av det som anges \
             i ersatter. Finns det flera ska ersatter peka ut vilken; för att ersätta en annan vårdgivares krävs anledningen \
             patientens-begaran eller att patienten är listad på enheten, och att enheten redan deltar i patientens vård. I \
             annat fall avslutas den tidigare först.",
            "The patient gets more active fasta vårdkontakter than the region allows, and what ersatter states does not \
             replace an earlier one. Where there are several, ersatter must point out which; to replace another vårdgivare's \
             takes the reason patientens-begaran or that the patient is listed at the unit, and that the unit takes part in \
             the patient's care already. Otherwise end the earlier one first.",
        )
    } else {
        (
            "Patienten får fler aktiva fasta vårdkontakter än regionen tillåter. Avsluta den tidigare, eller ange ersatter.",
            "The patient gets more active fasta vårdkontakter than the region allows. End the earlier one, or state ersatter.",
        )
    };
    vec![Remark::contradicted(bild.till_tiden(), sv, en)]
}

/// More than one with responsibility for coordination at a time.
pub fn fvk_04(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let coordinates = |typer: &[Kontakttyp]| typer.contains(&Kontakttyp::Samordnande);
    if !coordinates(&bild.typer) || !bild.samtidiga().any(|other| coordinates(&other.typer)) {
        return Vec::new();
    }
    vec![Remark::contradicted(
        bild.till_typen(),
        "Patienten har redan en fast vårdkontakt med övergripande samordningsansvar; en bör ha det.",
        "The patient already has a fast vårdkontakt with overall responsibility for coordination; one should have it.",
    )]
}

/// Contacts at several vårdenheter, not of one team, and none coordinates. Silent where the patient has one contact only.
pub fn fvk_05(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let Some(own) = &bild.enhet else { return Vec::new() };
    if bild.policy.parameters.flest_fasta_vardkontakter == Some(1) {
        return Vec::new();
    }
    let own_teams = team_of(bild.kontakt);
    let is_elsewhere = |other: &AnnanKontakt| {
        let of_one_team = other.team.iter().any(|team| own_teams.contains(team));
        !of_one_team && other.enhet().is_some_and(|unit| !unit.same_unit(own))
    };
    let mut typer = bild.samtidiga().flat_map(|other| &other.typer).chain(&bild.typer);
    let coordinated = typer.any(|typ| *typ == Kontakttyp::Samordnande);
    if coordinated || !bild.samtidiga().any(is_elsewhere) {
        return Vec::new();
    }
    vec![Remark::contradicted(
        bild.till_typen(),
        "Patienten har fasta vårdkontakter vid flera vårdenheter; en av dem bör ha det övergripande samordningsansvaret.",
        "The patient has fasta vårdkontakter at several vårdenheter; one of them should have the overall responsibility for coordination.",
    )]
}

/// The reason is recorded.
pub fn fvk_06(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let is_recorded = bild.kontakt.reasons.iter().any(|reason| {
        reason.concept.as_ref().is_some_and(Concept::is_stated)
            || reason.reference.as_ref().is_some_and(Reference::is_stated)
    });
    if is_recorded {
        return Vec::new();
    }
    vec![Remark::contradicted(
        "CareTeam",
        "Skälet till den fasta vårdkontakten anges inte.",
        "The reason for the fast vårdkontakt is not recorded.",
    )]
}

/// The responsibility for coordination came from elsewhere without an individual plan.
pub fn fvk_07(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    if !bild.overtar_utan_plan {
        return Vec::new();
    }
    vec![Remark::contradicted(
        bild.till_typen(),
        "Samordningsansvaret förs hit från en annan verksamhet, men patienten har ingen aktiv SIP eller annan individuell plan.",
        "The responsibility for coordination comes here from another unit, but the patient has no active SIP or other individual plan.",
    )]
}

/// Whether the patient was consulted is told, yes or no.
pub fn fvk_08(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    if bild.kontakt.head.extensions.boolean(EXT_SAMRAD).is_some() {
        return Vec::new();
    }
    vec![Remark::contradicted(
        "CareTeam",
        "Det anges inte om kontakten utses i samråd med patienten (samrad).",
        "Nothing says whether the patient was consulted (samrad).",
    )]
}

/// Halland: the one physician for a life-threatening state stands beside the others.
fn is_uncounted(bild: &Kontaktbild<'_>, for_livshotande: bool, profession: &Profession) -> bool {
    bild.policy.parameters.livshotande_lakare_raknas_inte
        && (for_livshotande || bild.livshotande_tillstand)
        && profession.physician() == Evidence::Shown
}

/// The most of the others that are valid on one day of the written contact, from today on. Two that only hand over to
/// each other on that day count as one. Only a day on which one begins can be the busiest.
fn busiest(own: &Interval, others: &[Interval], today: Date) -> usize {
    let first = own.first_day_from(today);
    let mut starts: Vec<Option<Date>> = others.iter().map(|other| other.start).collect();
    let mut ends: Vec<Date> = others.iter().filter_map(|other| other.end).collect();
    starts.sort_unstable();
    ends.sort_unstable();
    // Those whose last, or first, day (from today on) it is.
    let mut days: BTreeMap<Date, [Vec<&Interval>; 2]> = BTreeMap::from([(first, Default::default())]);
    for other in others {
        days.entry(other.first_day_from(today)).or_default()[1].push(other);
        if let Some(end) = other.end {
            days.entry(end).or_default()[0].push(other);
        }
    }
    let own_days = days.range(first..).filter(|(day, _)| own.contains(**day));
    let valid_on = own_days.map(|(day, [ending, beginning])| {
        // Whoever has ended had begun.
        let begun = starts.partition_point(|start| start.is_none_or(|start| start <= *day));
        let ended = ends.partition_point(|end| end < day);
        begun - ended - handovers(ending, beginning, *day, today)
    });
    valid_on.max().unwrap_or(0)
}

/// How many of those whose last day it is, at the most, hand over to one each of those that begin on it.
fn handovers(ending: &[&Interval], beginning: &[&Interval], day: Date, today: Date) -> usize {
    // Whoever began last, and goes on, takes over from all who can hand over to anybody; and the other way round.
    let last = beginning
        .iter()
        .filter(|new| new.end.is_none_or(|end| end > day))
        .max_by_key(|new| new.start);
    let earliest = ending.iter().min_by_key(|old| old.start);
    let (Some(last), Some(earliest)) = (last, earliest) else {
        return 0;
    };
    let handing = ending.iter().filter(|old| old.hands_over_to(last, day, today)).count();
    let taking = beginning
        .iter()
        .filter(|new| earliest.hands_over_to(new, day, today))
        .count();
    handing.min(taking)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    /// Day by day, each beside each.
    fn plainly(own: &Interval, others: &[Interval], today: Date) -> usize {
        let valid_on = |day: Date| {
            let valid: Vec<&Interval> = others.iter().filter(|other| other.contains(day)).collect();
            let hands = |old: &&&Interval| valid.iter().any(|new| old.hands_over_to(new, day, today));
            let takes = |new: &&&Interval| valid.iter().any(|old| old.hands_over_to(new, day, today));
            valid.len()
                - valid
                    .iter()
                    .filter(hands)
                    .count()
                    .min(valid.iter().filter(takes).count())
        };
        let first = own.first_day_from(today);
        let starts = others.iter().map(|other| other.first_day_from(today).max(first));
        let days = std::iter::once(first).chain(starts).filter(|day| own.contains(*day));
        days.map(valid_on).max().unwrap_or(0)
    }

    fn any_interval() -> impl Strategy<Value = Interval> {
        let end = || proptest::option::of(-4_i32..=4);
        let day = |offset: i32| date(2026, 6, 10).checked_add(offset.days()).expect("a day");
        let interval = (end(), end()).prop_map(move |(start, end)| Interval {
            start: start.map(day),
            end: end.map(day),
        });
        interval.prop_filter("not backwards", |it| it.end.is_none() || it.start <= it.end)
    }

    proptest! {
        #[test]
        fn the_busiest_day_is_found_as_when_each_day_is_looked_at(
            own in any_interval(), others in prop::collection::vec(any_interval(), 0..12)
        ) {
            let today = date(2026, 6, 10);
            prop_assert_eq!(busiest(&own, &others, today), plainly(&own, &others, today));
        }
    }
}
