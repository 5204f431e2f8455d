//! DOK: the dokumenterad överenskommelse (formerly patientkontrakt).

use fastkontakt_model::Fact;
use fastkontakt_model::date::FhirDate;
use fastkontakt_model::facts::{Appointment, AppointmentStatus, ExtValue, Period, RequestStatus};

use super::codes::{EXT_INGEN_BOKAD_TID, EXT_INGET_EGET_ATAGANDE, SKAL_INGEN_BOKAD_TID};
use super::finding::{Evidence, Remark, Severity, Weight};
use super::plan::{Aktivitet, Planbild, Planer, Utforare};

/// At least one åtagande is the patient's (or `inget-eget-atagande` with a reason), and at least one is vårdens.
pub fn dok_02(bild: &Planbild<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let excused = bild
        .plan
        .head
        .extensions
        .value(EXT_INGET_EGET_ATAGANDE)
        .is_some_and(is_reason);
    if !excused {
        remarks.extend(match har_atagande(bild, Utforare::Patienten) {
            Evidence::Shown => None,
            Evidence::Contradicted => Some(Remark::contradicted(
                "CarePlan.activity",
                "Överenskommelsen ska visa vad patienten ska göra: minst ett åtagande är patientens, eller ange skälet till \
                 att inget är det (inget-eget-atagande).",
                "The överenskommelse must show what the patient will do: at least one åtagande is the patient's, or state \
                 why none is (inget-eget-atagande).",
            )),
            Evidence::NotStated => Some(Remark::not_stated(
                "CarePlan.activity",
                "det framgår inte om något åtagande är patientens.",
                "nothing tells whether any åtagande is the patient's.",
            )),
        });
    }
    remarks.extend(match har_atagande(bild, Utforare::Varden) {
        Evidence::Shown => None,
        Evidence::Contradicted => Some(Remark::contradicted(
            "CarePlan.activity",
            "Överenskommelsen ska visa vad vården ska göra: minst ett åtagande är vårdens.",
            "The överenskommelse must show what the care provider will do: at least one åtagande is vårdens.",
        )),
        Evidence::NotStated => Some(Remark::not_stated(
            "CarePlan.activity",
            "det framgår inte om något åtagande är vårdens.",
            "nothing tells whether any åtagande is vårdens.",
        )),
    });
    // Two faults of one element: told apart when compared with the stored version.
    remarks
        .into_iter()
        .map(|remark| {
            let about = remark.text.sv.to_string();
            remark.about(about)
        })
        .collect()
}

/// Whether one of the åtaganden is theirs. What cannot be followed, or has someone unknown, may be.
fn har_atagande(bild: &Planbild<'_>, wanted: Utforare) -> Evidence {
    let mut unknown = false;
    for aktivitet in &bild.aktiviteter {
        match aktivitet.is_atagande() {
            Evidence::Shown if aktivitet.utforare.contains(&wanted) => return Evidence::Shown,
            Evidence::Shown => unknown |= aktivitet.utforare.contains(&Utforare::Okand),
            Evidence::NotStated => unknown = true,
            Evidence::Contradicted => {}
        }
    }
    if unknown {
        Evidence::NotStated
    } else {
        Evidence::Contradicted
    }
}

/// An överenskommen tid for the next contact when the plan becomes active, or the reason why none is booked.
pub fn dok_04(bild: &Planbild<'_>) -> Vec<Remark> {
    if without_booked_time(bild) {
        return Vec::new();
    }
    let from = counts_from(bild);
    let mut unknown = false;
    for aktivitet in &bild.aktiviteter {
        match is_tid(aktivitet, from) {
            Evidence::Shown => return Vec::new(),
            Evidence::NotStated => unknown = true,
            Evidence::Contradicted => {}
        }
    }
    let mut remark = if unknown {
        Remark::not_stated(
            "CarePlan.activity",
            "en överenskommen tid kan inte följas.",
            "an agreed time cannot be followed.",
        )
    } else {
        Remark::contradicted(
            "CarePlan.activity",
            "Överenskommelsen ska ha en överenskommen tid för nästa kontakt (en Appointment som aktivitet), eller skälet till \
             att ingen är bokad (ingen-bokad-tid).",
            "The överenskommelse must have an agreed time for the next contact (an Appointment as an activity), or the reason \
             why none is booked (ingen-bokad-tid).",
        )
    };
    if !becomes_active(bild) {
        remark.weight = Weight::AtMost(Severity::Information);
    }
    vec![remark]
}

/// Only a plan that becomes active needs the time; a time that passed, was cancelled or moved refuses no update.
fn becomes_active(bild: &Planbild<'_>) -> bool {
    bild.stored.is_none_or(|stored| {
        stored.status != Some(RequestStatus::Active) || !Planer::Overenskommelse.includes(&stored.categories)
    })
}

/// Extension `ingen-bokad-tid` with one of its reasons, on the plan or an activity.
fn without_booked_time(bild: &Planbild<'_>) -> bool {
    let on_plan = bild.plan.head.extensions.all(EXT_INGEN_BOKAD_TID);
    let on_activities = bild
        .plan
        .activities
        .iter()
        .flat_map(|activity| activity.extensions.all(EXT_INGEN_BOKAD_TID));
    on_plan
        .chain(on_activities)
        .filter_map(|extension| extension.value.as_ref())
        .any(|value| match value {
            ExtValue::Concept(concept) if concept.text.is_some() => is_reason(value),
            _ => value.code().is_some_and(|code| SKAL_INGEN_BOKAD_TID.contains(&code)),
        })
}

/// Whether an extension's value says anything.
fn is_reason(value: &ExtValue) -> bool {
    value
        .code()
        .or_else(|| value.text())
        .is_some_and(|reason| !reason.trim().is_empty())
}

/// The moment (microseconds) after which a time is the next one: the plan's own `created` or start, else today. A plan
/// made today for a period to come may well have its first contact before.
fn counts_from(bild: &Planbild<'_>) -> i64 {
    let low = |date: FhirDate| date.range().0;
    let today = low(FhirDate::from(bild.today));
    match (bild.plan.created.map(low), bild.plan.period.start.map(low)) {
        (Some(created), Some(start)) => created.min(start),
        (Some(created), None) => created,
        (None, Some(start)) => start.min(today),
        (None, None) => today,
    }
}

/// Whether an activity is a live Appointment after that moment.
fn is_tid(aktivitet: &Aktivitet, from: i64) -> Evidence {
    match (&aktivitet.planned, aktivitet.fact.as_deref(), aktivitet.kind.as_deref()) {
        (None, ..) => Evidence::Contradicted,
        (_, Some(Fact::Appointment(appointment)), _) => {
            if is_next(appointment, from) {
                Evidence::Shown
            } else {
                Evidence::Contradicted
            }
        }
        (_, None, Some("Appointment") | None) => Evidence::NotStated,
        _ => Evidence::Contradicted,
    }
}

fn is_next(appointment: &Appointment, from: i64) -> bool {
    let is_after = |date: FhirDate| date.range().1 > from;
    match appointment.status {
        Some(AppointmentStatus::Cancelled | AppointmentStatus::NoShow | AppointmentStatus::EnteredInError) => false,
        Some(AppointmentStatus::Proposed | AppointmentStatus::Waitlist) => {
            let asked_for = |period: &Period| !period.is_empty() && period.end.is_none_or(is_after);
            appointment.start.is_some_and(is_after) || appointment.requested_periods.iter().any(asked_for)
        }
        _ => appointment.start.is_some_and(is_after),
    }
}
