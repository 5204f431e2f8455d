//! FK: every fast kontakt. A named person, one type, one patient, a period that makes sense, a known unit, a way to reach
//! it; how it ends.

use fastkontakt_model::facts::{CareTeam, CareTeamStatus};
use jiff::civil::Date;

use super::codes::{AVSLUTSORSAKER, BEHOV_UPPHORT, EXT_AVSLUTAD_I_SAMRAD, EXT_AVSLUTSORSAK};
use super::finding::{Evidence, Remark, Severity};
use super::giltighet::{ar_over, ersatt_fran, sista_dag};
use super::kontakt::{Kontaktbild, Kontakter, Kontakttyp};
use super::period::Periodbild;

/// A named person. Who cannot be followed and has no display is not stated; a masked name passes.
pub fn fk_01(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    // Without participant FK-02 speaks.
    let Some(medlem) = &bild.medlem else { return Vec::new() };
    match medlem.is_named() {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            bild.till_personen(),
            "En fast kontakt ska vara en namngiven person i verksamheten.",
            "A fast kontakt must be a named person of the staff.",
        )],
        Evidence::NotStated if medlem.role().is_some_and(|role| role.practitioner.is_none()) => {
            vec![Remark::not_stated(
                bild.till_personen(),
                "uppdraget som kontakten hänvisar till anger ingen person.",
                "the assignment that the contact refers to names no person.",
            )]
        }
        Evidence::NotStated => vec![Remark::not_stated(
            bild.till_personen(),
            "personen bakom kontakten går inte att slå upp; ange en hänvisning eller ett HSA-id, och personens namn.",
            "the person behind the contact cannot be looked up; state a reference or an HSA-id, and the person's name.",
        )],
    }
}

/// Exactly one participant, exactly one type code, a patient.
pub fn fk_02(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if bild.kontakt.participants.len() != 1 {
        remarks.push(Remark::contradicted(
            "CareTeam.participant",
            "En fast kontakt ska ha exakt en deltagare.",
            "A fast kontakt must have exactly one participant.",
        ));
    } else if bild.typer.len() != 1 {
        remarks.push(Remark::contradicted(
            "CareTeam.participant[0].role",
            "En fast kontakt ska ha exakt en typ (kv_typ_av_fast_kontakt 1–4 eller en av tilläggskoderna).",
            "A fast kontakt must have exactly one type (kv_typ_av_fast_kontakt 1–4 or one of the additional codes).",
        ));
    }
    match bild.patient {
        Evidence::Shown => {}
        Evidence::Contradicted => remarks.push(Remark::contradicted(
            "CareTeam.subject",
            "En fast kontakt ska gälla en patient.",
            "The subject of a fast kontakt must be a patient.",
        )),
        Evidence::NotStated => remarks.push(Remark::not_stated(
            "CareTeam.subject",
            "hänvisningen går inte att slå upp och säger inte att den gäller en patient.",
            "the reference cannot be followed and does not say that it is a patient.",
        )),
    }
    remarks
}

/// An end before the start; an active contact whose end has passed is treated as ended.
pub fn fk_03(bild: &Periodbild<'_>) -> Vec<Remark> {
    if bild.is_backwards() {
        return vec![Remark::contradicted(
            bild.expression,
            "Perioden slutar innan den börjar.",
            "The period ends before it starts.",
        )];
    }
    if bild.is_ended_kontakt {
        return vec![Remark::at_most(
            Severity::Warning,
            bild.expression,
            "Kontakten är aktiv men slutdatumet har passerats; den behandlas som avslutad.",
            "The contact is active but its end has passed; it is treated as ended.",
        )];
    }
    Vec::new()
}

/// The patient can reach the contact.
pub fn fk_04(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let element = "CareTeam.telecom";
    match bild.kan_nas {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            element,
            "Patienten kan inte nå kontakten: ange ett kontaktsätt för kontakten, teamet, personen eller vårdenheten.",
            "The patient cannot reach the contact: state a telecom of the contact, the team, the person or the vårdenhet.",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            element,
            "inget kontaktsätt anges, och personen, vårdenheten eller teamet går inte att slå upp.",
            "no telecom is stated, and the person, the vårdenhet or the team cannot be followed.",
        )],
    }
}

/// A vårdenhet with HSA-id (an omsorgskontakt: organisationsnummer is enough) whose vårdgivare can be found.
pub fn fk_05(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let stated = &bild.kontakt.managing_organizations;
    let mut remarks = Vec::new();
    if stated.len() > 1 {
        remarks.push(Remark::at_most(
            Severity::Warning,
            "CareTeam.managingOrganization",
            "Fler än en organisation anges; den första räknas som vårdenhet.",
            "More than one organization is stated; the first counts as the vårdenhet.",
        ));
    }
    let element = bild.till_enheten();
    let Some(enhet) = &bild.enhet else {
        remarks.push(without_unit(bild));
        return remarks;
    };
    let unit = enhet.unit();
    let by_number = bild.typer.contains(&Kontakttyp::Omsorgskontakt) && !unit.numbers.is_empty();
    if unit.hsa_ids.is_empty() && !by_number {
        let (sv, en) = if unit.found {
            (
                "Vårdenheten har inget HSA-id; kontakten kan inte visas i NPÖ.",
                "The vårdenhet has no HSA-id; NPÖ cannot show the contact.",
            )
        } else {
            (
                "Vårdenheten går inte att slå upp och dess HSA-id anges inte.",
                "The vårdenhet cannot be followed and its HSA-id is not stated.",
            )
        };
        remarks.push(Remark::at_most(Severity::Warning, element, sv, en));
    } else if !enhet.has_vardgivare() {
        remarks.push(Remark::at_most(
            Severity::Warning,
            element,
            "Vårdenhetens vårdgivare kan inte hittas; kontakten kan inte visas i NPÖ.",
            "The vårdgivare of the vårdenhet cannot be found; NPÖ cannot show the contact.",
        ));
    }
    remarks
}

/// No organization at all is an error; a person that cannot be followed may have one.
fn without_unit(bild: &Kontaktbild<'_>) -> Remark {
    let may_have_one = bild
        .medlem
        .as_ref()
        .is_some_and(|medlem| medlem.reference.is_some() && !medlem.is_found());
    if may_have_one {
        Remark::not_stated(
            "CareTeam.managingOrganization",
            "kontaktens vårdenhet anges inte, och personens uppdrag går inte att slå upp.",
            "the contact's vårdenhet is not stated, and the person's assignment cannot be followed.",
        )
    } else {
        Remark::contradicted(
            "CareTeam.managingOrganization",
            "Kontakten har ingen vårdenhet: ange managingOrganization eller organisationen i personens uppdrag.",
            "The contact has no vårdenhet: state managingOrganization or the organization of the person's assignment.",
        )
    }
}

/// A contact that ends because the need has ceased says that the patient was consulted; every ending says why. It never
/// refuses: the contact ends all the same.
pub fn fk_06(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let ends = bild
        .stored
        .is_some_and(|stored| avslutas(stored, bild.kontakt, bild.today));
    if !ends || ersatt_fran(bild.kontakt).is_some() {
        return Vec::new();
    }
    let extensions = &bild.kontakt.head.extensions;
    let reason = extensions
        .code(EXT_AVSLUTSORSAK)
        .filter(|code| AVSLUTSORSAKER.contains(code));
    match reason {
        None => vec![Remark::not_stated(
            "CareTeam",
            "kontakten avslutas utan att skälet anges (avslutsorsak).",
            "the contact ends without a reason (avslutsorsak).",
        )],
        Some(BEHOV_UPPHORT) if extensions.boolean(EXT_AVSLUTAD_I_SAMRAD) != Some(true) => vec![Remark::at_most(
            Severity::Warning,
            "CareTeam",
            "Behovet har upphört, men det anges inte att kontakten avslutas i samråd med patienten (avslutad-i-samrad).",
            "The need has ceased, but nothing says that the contact ends in consultation with the patient (avslutad-i-samrad).",
        )],
        Some(_) => Vec::new(),
    }
}

/// A contact that was replaced is followed by one that is in force.
pub fn fk_09(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    if !bild.star_utan {
        return Vec::new();
    }
    // What another has done refuses no write of this one, whatever the policy says.
    vec![Remark::at_most(
        Severity::Warning,
        "CareTeam",
        "Kontakten ersattes av en som inte gäller, och patienten har ingen annan aktiv fast kontakt av samma slag.",
        "The contact was replaced by one that is not in force, and the patient has no other active fast kontakt of its kind.",
    )]
}

/// Whether a write ends a contact that went on: it becomes inactive, or gets an end or an earlier one.
fn avslutas(stored: &CareTeam, written: &CareTeam, today: Date) -> bool {
    let goes_on = |status: Option<CareTeamStatus>| {
        matches!(
            status,
            None | Some(CareTeamStatus::Active) | Some(CareTeamStatus::Suspended)
        )
    };
    let shortened = match (sista_dag(stored), sista_dag(written)) {
        (None, end) => end.is_some(),
        (Some(before), Some(now)) => now < before,
        (Some(_), None) => false,
    };
    goes_on(stored.status)
        && !ar_over(stored, today)
        && (written.status == Some(CareTeamStatus::Inactive) || (goes_on(written.status) && shortened))
}

/// The person's assignment is inactive, or ended before the contact begins or today.
pub fn fk_07(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let (Some(interval), Some(role)) = (bild.interval, bild.medlem.as_ref().and_then(|medlem| medlem.role())) else {
        return Vec::new();
    };
    let day = interval.first_day_from(bild.today);
    if role.active != Some(false) && role.period.last_day().is_none_or(|last| day <= last) {
        return Vec::new();
    }
    vec![Remark::contradicted(
        bild.till_personen(),
        "Personens uppdrag har upphört, men kontakten fortsätter.",
        "The person's assignment has ended, but the contact goes on.",
    )]
}

/// A consulting unit of the policy, or a part of one, offers neither fast vårdkontakt nor läkarkontakt.
pub fn fk_08(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    let offered = [Kontakter::Vardkontakt, Kontakter::Lakarkontakt]
        .iter()
        .any(|kontakter| kontakter.includes(&bild.typer));
    let listed = &bild.policy.parameters.konsultverksamheter;
    let is_listed = |id: &String| listed.iter().any(|own| own.eq_ignore_ascii_case(id));
    let consults = bild.enhet.as_ref().is_some_and(|enhet| {
        let ids = enhet.chain().iter().flat_map(|organisation| &organisation.hsa_ids);
        ids.into_iter().any(is_listed)
    });
    if !(offered && consults) {
        return Vec::new();
    }
    vec![Remark::contradicted(
        bild.till_enheten(),
        "Enheten är en konsultverksamhet, som varken erbjuder fast vårdkontakt eller fast läkarkontakt.",
        "The unit is a consulting one, which offers neither fast vårdkontakt nor fast läkarkontakt.",
    )]
}
