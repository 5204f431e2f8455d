//! SIP: the samordnad individuell plan, and SPU likewise.

use fastkontakt_model::Fact;
use fastkontakt_model::date::FhirDate;
use fastkontakt_model::facts::{Consent, ConsentDecision, ConsentStatus, ExtValue, Period};

use super::codes::EXT_INGA_ANDRA_ATGARDER;
use super::enhet::Huvudman;
use super::finding::{Evidence, Remark, Severity};
use super::plan::{Aktivitet, Planbild, Planer, Stod, Utforare, Vem};

/// `supportingInfo` leads to a Consent of this patient that is active, permits, and is in force at the plan's start.
pub fn sip_01(bild: &Planbild<'_>) -> Vec<Remark> {
    match Evidence::any(bild.underlag.iter().map(|stod| is_samtycke(bild, stod))) {
        Evidence::Shown => Vec::new(),
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.supportingInfo",
            "det framgår inte att den enskilde samtycker till planen.",
            "nothing shows that the individual consents to the plan.",
        )],
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.supportingInfo",
            "En SIP förutsätter den enskildes samtycke: ange ett Consent som gäller patienten, är aktivt, tillåter och är i \
             kraft när planen börjar.",
            "A SIP requires the individual's consent: state a Consent of the patient that is active, permits and is in force \
             when the plan starts.",
        )],
    }
}

/// Whether a supportingInfo is the consent; what is no Consent at all contradicts.
fn is_samtycke(bild: &Planbild<'_>, stod: &Stod) -> Evidence {
    match (stod.fact.as_deref(), stod.reference.target_type()) {
        (Some(Fact::Consent(consent)), _) => consents(bild, consent),
        (Some(_), _) => Evidence::Contradicted,
        (None, Some("Consent") | None) => Evidence::NotStated,
        (None, Some(_)) => Evidence::Contradicted,
    }
}

fn consents(bild: &Planbild<'_>, consent: &Consent) -> Evidence {
    let status = match consent.status {
        Some(ConsentStatus::Active) => Evidence::Shown,
        Some(ConsentStatus::Unknown) | None => Evidence::NotStated,
        Some(_) => Evidence::Contradicted,
    };
    let decision = match consent.decision {
        Some(ConsentDecision::Permit) => Evidence::Shown,
        Some(ConsentDecision::Deny) => Evidence::Contradicted,
        None => Evidence::NotStated,
    };
    // R5's provisions, with their periods, are the exceptions to the consent; R4's outermost provision is its period here.
    let in_force = if share_a_day(&consent.period, &start(bild)) {
        Evidence::Shown
    } else {
        Evidence::Contradicted
    };
    let of_this_patient = bild.patientens.galler(bild.plan, consent.subject.as_ref());
    Evidence::all([status, decision, in_force, of_this_patient])
}

/// The days on one of which the plan starts: the start of its period, a partial one widened; without it today for a plan
/// that becomes active, whenever its draft was made. One that was active before started on some day since it was created.
fn start(bild: &Planbild<'_>) -> Period {
    let today = FhirDate::from(bild.today);
    match bild.plan.period.start {
        Some(start) => Period {
            start: Some(start),
            end: Some(start),
        },
        None if bild.blir_gallande(Planer::Sip) => Period {
            start: Some(today),
            end: Some(today),
        },
        None => Period {
            start: bild.plan.created,
            end: Some(today),
        },
    }
}

fn share_a_day(one: &Period, two: &Period) -> bool {
    let ends_before = |one: &Period, two: &Period| {
        let days = one.last_day().zip(two.first_day());
        days.is_some_and(|(last, first)| last < first)
    };
    !ends_before(one, two) && !ends_before(two, one)
}

/// The insatser that are needed: at least one åtagande, each saying what.
pub fn sip_02(bild: &Planbild<'_>) -> Vec<Remark> {
    let mut remarks: Vec<Remark> = bild
        .ataganden()
        .filter(|atagande| !atagande.sager_vad())
        .map(|atagande| {
            atagande.om(Remark::contradicted(
                &atagande.element,
                "Insatsen ska säga vad som ska göras (en kod eller en beskrivning).",
                "The insats must say what is to be done (a code or a description).",
            ))
        })
        .collect();
    remarks.extend(match bild.har_atagande() {
        Evidence::Shown => None,
        Evidence::Contradicted => Some(Remark::contradicted(
            "CarePlan.activity",
            "Av planen ska framgå vilka insatser som behövs: minst ett åtagande. En bokad tid är inget åtagande.",
            "The plan must show which insatser are needed: at least one åtagande. A booked time is no åtagande.",
        )),
        Evidence::NotStated => Some(Remark::not_stated(
            "CarePlan.activity",
            "insatserna går inte att slå upp.",
            "the insatser cannot be looked up.",
        )),
    });
    remarks
}

/// Who answers for an åtagande.
enum Svarar {
    Huvudman(Huvudman),
    /// The patient, a relative, Försäkringskassan …
    NagonAnnan,
    /// Someone, but nothing tells which huvudman.
    Okand,
    /// No performer is stated.
    Ingen,
}

/// What the activity itself says of its huvudman goes before where its performers lead.
fn svarar(atagande: &Aktivitet<'_>) -> Svarar {
    if let Some(stated) = atagande.angiven_huvudman() {
        return if stated.region || stated.kommun {
            Svarar::Huvudman(stated)
        } else {
            Svarar::NagonAnnan
        };
    }
    let together = atagande
        .utforare
        .iter()
        .fold(Huvudman::default(), |so_far, utforare| Huvudman {
            region: so_far.region || utforare.huvudman.region,
            kommun: so_far.kommun || utforare.huvudman.kommun,
            annan: so_far.annan || utforare.huvudman.annan,
        });
    if together.region || together.kommun {
        Svarar::Huvudman(together)
    } else if atagande.utforare.is_empty() {
        Svarar::Ingen
    } else if atagande.utforare.iter().all(is_nagon_annan) {
        Svarar::NagonAnnan
    } else {
        Svarar::Okand
    }
}

fn is_nagon_annan(utforare: &Utforare) -> bool {
    let huvudman = utforare.huvudman;
    utforare.vem == Vem::Patienten || (huvudman.annan && !huvudman.region && !huvudman.kommun)
}

/// Which insatser each huvudman answers for: every åtagande of care or social services has a performer that leads to a
/// huvudman, and both are there.
pub fn sip_03(bild: &Planbild<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut together = Huvudman::default();
    let mut is_unclear = bild.har_atagande() != Evidence::Shown;
    for aktivitet in &bild.aktiviteter {
        let remark = match aktivitet.is_atagande() {
            Evidence::Contradicted => continue,
            Evidence::NotStated => Remark::not_stated(
                &aktivitet.element,
                "åtagandet går inte att slå upp: det framgår inte vilken huvudman som svarar för det.",
                "the åtagande cannot be looked up: nothing tells which huvudman is responsible for it.",
            ),
            Evidence::Shown => match svarar(aktivitet) {
                Svarar::NagonAnnan => continue,
                Svarar::Huvudman(huvudman) => {
                    together.region |= huvudman.region;
                    together.kommun |= huvudman.kommun;
                    continue;
                }
                Svarar::Ingen => Remark::contradicted(
                    &aktivitet.element,
                    "Av planen ska framgå vilken huvudman som svarar för insatsen: ange vem som utför den.",
                    "The plan must show which huvudman is responsible for the insats: state who carries it out.",
                ),
                Svarar::Okand => Remark::not_stated(
                    &aktivitet.element,
                    "det framgår inte vilken huvudman som svarar för insatsen.",
                    "nothing tells which huvudman is responsible for the insats.",
                ),
            },
        };
        is_unclear = true;
        remarks.push(aktivitet.om(remark));
    }
    let both = together.region && together.kommun;
    if !is_unclear && !both {
        remarks.push(Remark::at_most(
            Severity::Warning,
            "CarePlan.activity",
            "Planen har inte insatser från både region och kommun.",
            "The plan does not have insatser from both region and kommun.",
        ));
    }
    remarks
}

/// Measures by others than region and kommun, or that there are none.
pub fn sip_04(bild: &Planbild<'_>) -> Vec<Remark> {
    let none_needed = bild
        .plan
        .head
        .extensions
        .value(EXT_INGA_ANDRA_ATGARDER)
        .and_then(ExtValue::boolean);
    if none_needed == Some(true) {
        return Vec::new();
    }
    let by_others = |aktivitet: &Aktivitet<'_>| match aktivitet.is_atagande() {
        Evidence::Shown => {
            let listed =
                matches!(svarar(aktivitet), Svarar::NagonAnnan) || aktivitet.utforare.iter().any(is_nagon_annan);
            let unclear = matches!(svarar(aktivitet), Svarar::Okand);
            match (listed, unclear) {
                (true, _) => Evidence::Shown,
                (false, true) => Evidence::NotStated,
                (false, false) => Evidence::Contradicted,
            }
        }
        other => other,
    };
    match Evidence::any(bild.aktiviteter.iter().map(by_others)) {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.activity",
            "Av planen ska framgå vilka åtgärder någon annan än regionen eller kommunen vidtar (patienten, närstående, en \
             annan myndighet …), eller att det inte finns några (inga-andra-atgarder).",
            "The plan must show the measures taken by others than the region and the kommun (the patient, relatives, \
             another authority …), or that there are none (inga-andra-atgarder).",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.activity",
            "det framgår inte om någon annan än regionen eller kommunen vidtar åtgärder.",
            "nothing tells whether anyone other than the region and the kommun takes measures.",
        )],
    }
}

/// Which huvudman has the overall responsibility.
pub fn sip_05(bild: &Planbild<'_>) -> Vec<Remark> {
    let Huvudman { region, kommun, annan } = bild.ansvarig_huvudman;
    if region || kommun {
        return Vec::new();
    }
    let is_no_huvudman = bild
        .plan
        .custodian
        .as_ref()
        .is_none_or(|custodian| matches!(custodian.target_type(), Some("Patient" | "RelatedPerson")));
    if is_no_huvudman || annan {
        return vec![Remark::contradicted(
            "CarePlan.custodian",
            "Av planen ska framgå vem av huvudmännen, region eller kommun, som har det övergripande ansvaret.",
            "The plan must show which huvudman, region or kommun, has the overall responsibility.",
        )];
    }
    vec![Remark::not_stated(
        "CarePlan.custodian",
        "det framgår inte vilken huvudman den ansvariga hör till.",
        "nothing tells to which huvudman the responsible belongs.",
    )]
}

/// Made with the individual.
pub fn sip_06(bild: &Planbild<'_>) -> Vec<Remark> {
    match bild.delaktighet() {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.contributor",
            "Planen ska när det är möjligt upprättas tillsammans med den enskilde: ange patienten eller en närstående som \
             medverkande, eller hur delaktigheten ser ut (delaktighet).",
            "The plan is when possible made together with the individual: state the patient or a relative as a contributor, \
             or how they take part (delaktighet).",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.contributor",
            "det framgår inte om planen har upprättats tillsammans med den enskilde.",
            "nothing tells whether the plan was made together with the individual.",
        )],
    }
}

/// Somebody convenes it.
pub fn sip_07(bild: &Planbild<'_>) -> Vec<Remark> {
    let patientens = &bild.patientens;
    if patientens.ids.is_empty() || patientens.kontakter.iter().any(|kontakt| kontakt.samordnar) {
        return Vec::new();
    }
    vec![Remark::contradicted(
        "CarePlan.subject",
        "Ingen fast vårdkontakt med övergripande samordningsansvar finns som kan sammankalla till SIP.",
        "There is no fast vårdkontakt with overall responsibility for coordination to convene the SIP.",
    )]
}

/// One common plan, with a time for follow-up.
pub fn sip_08(bild: &Planbild<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if bild.patientens.planer.iter().any(|plan| plan.is_sip) {
        remarks.push(Remark::contradicted(
            "CarePlan.subject",
            "Patienten har redan en aktiv SIP: planerna kan hållas samman i en.",
            "The patient already has an active SIP: the plans may be kept together in one.",
        ));
    }
    remarks.extend(match bild.har_tid() {
        Evidence::Shown => None,
        Evidence::Contradicted => Some(Remark::contradicted(
            "CarePlan.activity",
            "Planen har ingen tid för uppföljning.",
            "The plan has no time for follow-up.",
        )),
        Evidence::NotStated => Some(Remark::not_stated(
            "CarePlan.activity",
            "det framgår inte om planen har en tid för uppföljning.",
            "nothing tells whether the plan has a time for follow-up.",
        )),
    });
    remarks
}
