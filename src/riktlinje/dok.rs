//! DOK: the dokumenterad överenskommelse (formerly patientkontrakt).

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Coding, Concept, Goal, GoalStatus, QuestionnaireResponse};

use super::codes::{EXT_EJ_DIGITAL_ATKOMST, EXT_INGET_EGET_ATAGANDE, NOPATIENT, SKAL_EJ_DIGITAL_ATKOMST};
use super::finding::{Evidence, Remark, Severity, Weight};
use super::plan::{Aktivitet, Planbild, Planer, Stod, Vem};
use super::skal::{anges, anges_bland};

/// Every åtagande says what and who; vårdens also when, the patient's preferably.
pub fn dok_01(bild: &Planbild<'_>) -> Vec<Remark> {
    let of_one = |aktivitet: &Aktivitet<'_>| match aktivitet.is_atagande() {
        Evidence::Shown => what_who_and_when(aktivitet),
        Evidence::Contradicted => Vec::new(),
        Evidence::NotStated => vec![Remark::not_stated(
            &aktivitet.element,
            "åtagandet går inte att slå upp: det framgår inte vad som ska göras, av vem och när.",
            "the åtagande cannot be looked up: nothing tells what is to be done, by whom and when.",
        )],
    };
    bild.aktiviteter
        .iter()
        .flat_map(|aktivitet| of_one(aktivitet).into_iter().map(|remark| aktivitet.om(remark)))
        .collect()
}

fn what_who_and_when(aktivitet: &Aktivitet<'_>) -> Vec<Remark> {
    let element = aktivitet.element.as_str();
    let mut remarks = Vec::new();
    if !aktivitet.sager_vad() {
        remarks.push(Remark::contradicted(
            element,
            "Åtagandet ska säga vad som ska göras (en kod eller en beskrivning).",
            "The åtagande must say what is to be done (a code or a description).",
        ));
    }
    if !aktivitet.sager_vem() {
        remarks.push(Remark::contradicted(
            element,
            "Åtagandet ska säga vem som ska göra det.",
            "The åtagande must say who is to do it.",
        ));
    }
    if aktivitet.sager_nar() {
        return remarks;
    }
    if aktivitet.utfors_av(Vem::Varden) {
        remarks.push(Remark::contradicted(
            element,
            "Vårdens åtagande ska säga när det ska göras: en tid, återkommande, eller till exempel ”vid behov”.",
            "An åtagande of the care provider must say when: a time, a repeat, or for instance \"as needed\".",
        ));
    } else if aktivitet.utfors_av(Vem::Okand) {
        remarks.push(Remark::not_stated(
            element,
            "åtagandet säger inte när, och det framgår inte om det är vårdens.",
            "the åtagande does not say when, and nothing tells whether it is the care provider's.",
        ));
    } else if aktivitet.utfors_av(Vem::Patienten) {
        remarks.push(Remark::at_most(
            Severity::Warning,
            element,
            "Patientens åtagande säger inte när det ska göras.",
            "The patient's åtagande does not say when.",
        ));
    }
    remarks
}

/// At least one åtagande is the patient's (or `inget-eget-atagande` with a reason), and at least one is vårdens.
pub fn dok_02(bild: &Planbild<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let excused = bild
        .plan
        .head
        .extensions
        .value(EXT_INGET_EGET_ATAGANDE)
        .is_some_and(anges);
    if !excused {
        remarks.extend(match har_atagande(bild, Vem::Patienten) {
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
    remarks.extend(match har_atagande(bild, Vem::Varden) {
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
    told_apart(remarks)
}

/// Two faults of one element: told apart when compared with the stored version.
fn told_apart(remarks: Vec<Remark>) -> Vec<Remark> {
    remarks
        .into_iter()
        .map(|remark| {
            let about = remark.text.sv.to_string();
            remark.about(about)
        })
        .collect()
}

/// Whether one of the åtaganden is theirs. What cannot be followed, or has someone unknown, may be.
fn har_atagande(bild: &Planbild<'_>, vem: Vem) -> Evidence {
    Evidence::any(bild.aktiviteter.iter().map(|aktivitet| match aktivitet.is_atagande() {
        Evidence::Shown if aktivitet.utfors_av(vem) => Evidence::Shown,
        Evidence::Shown if aktivitet.utfors_av(Vem::Okand) => Evidence::NotStated,
        Evidence::Shown => Evidence::Contradicted,
        other => other,
    }))
}

/// Whom the patient can turn to; the patient's fasta vård- and läkarkontakter are listed.
pub fn dok_03(bild: &Planbild<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    match bild.att_vanda_sig_till {
        Evidence::Shown => {}
        Evidence::Contradicted => remarks.push(Remark::contradicted(
            "CarePlan.careTeam",
            "Överenskommelsen ska visa vem patienten kan vända sig till: en av patientens kontakter eller team i careTeam, \
             eller en ansvarig eller medverkande i vården som kan nås.",
            "The överenskommelse must show whom the patient can turn to: one of the patient's contacts or teams in \
             careTeam, or a responsible or contributor of the care provider who can be reached.",
        )),
        Evidence::NotStated => remarks.push(Remark::not_stated(
            "CarePlan.careTeam",
            "det framgår inte vem patienten kan vända sig till.",
            "nothing tells whom the patient can turn to.",
        )),
    }
    let patientens = &bild.patientens;
    if patientens
        .kontakter
        .iter()
        .any(|kontakt| kontakt.galler && !kontakt.namns)
    {
        remarks.push(Remark::at_most(
            Severity::Warning,
            "CarePlan.careTeam",
            "Patienten har en fast vårdkontakt eller läkarkontakt som inte finns med i överenskommelsen (careTeam).",
            "The patient has a fast vårdkontakt or läkarkontakt that the överenskommelse does not list (careTeam).",
        ));
    } else if patientens.kontakter.is_empty() && !patientens.ids.is_empty() {
        remarks.push(Remark::at_most(
            Severity::Information,
            "CarePlan.careTeam",
            "Patienten har varken fast vårdkontakt eller fast läkarkontakt.",
            "The patient has neither fast vårdkontakt nor fast läkarkontakt.",
        ));
    }
    told_apart(remarks)
}

/// An överenskommen tid for the next contact when the plan becomes active, or the reason why none is booked.
pub fn dok_04(bild: &Planbild<'_>) -> Vec<Remark> {
    let mut remark = match bild.har_tid() {
        Evidence::Shown => return Vec::new(),
        Evidence::NotStated => Remark::not_stated(
            "CarePlan.activity",
            "det framgår inte om överenskommelsen har en överenskommen tid för nästa kontakt.",
            "nothing tells whether the överenskommelse has an agreed time for the next contact.",
        ),
        Evidence::Contradicted => Remark::contradicted(
            "CarePlan.activity",
            "Överenskommelsen ska ha en överenskommen tid för nästa kontakt (en Appointment som aktivitet), eller skälet till \
             att ingen är bokad (ingen-bokad-tid).",
            "The överenskommelse must have an agreed time for the next contact (an Appointment as an activity), or the reason \
             why none is booked (ingen-bokad-tid).",
        ),
    };
    // Only a plan that becomes active needs the time; one that passed, was cancelled or moved refuses no update.
    if !bild.blir_gallande(Planer::Overenskommelse) {
        remark.weight = Weight::AtMost(Severity::Information);
    }
    vec![remark]
}

/// Made together.
pub fn dok_05(bild: &Planbild<'_>) -> Vec<Remark> {
    match bild.delaktighet() {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.contributor",
            "Vården och patienten utformar överenskommelsen tillsammans: ange patienten eller en närstående som medverkande, \
             eller hur delaktigheten ser ut (delaktighet).",
            "The care provider and the patient make the överenskommelse together: state the patient or a relative as a \
             contributor, or how they take part (delaktighet).",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.contributor",
            "det framgår inte om patienten har varit med och utformat överenskommelsen.",
            "nothing tells whether the patient took part in making the överenskommelse.",
        )],
    }
}

/// Not kept from the patient without a reason.
pub fn dok_06(bild: &Planbild<'_>) -> Vec<Remark> {
    let labels = &bild.plan.head.security;
    // Whatever the code system is called: it is hidden all the same.
    let is_hidden = |label: &Coding| {
        label
            .code
            .as_deref()
            .is_some_and(|code| code.trim().eq_ignore_ascii_case(NOPATIENT))
    };
    let Some(index) = labels.iter().position(is_hidden) else {
        return Vec::new();
    };
    if anges_bland(
        &bild.plan.head.extensions,
        EXT_EJ_DIGITAL_ATKOMST,
        SKAL_EJ_DIGITAL_ATKOMST,
    ) {
        return Vec::new();
    }
    vec![Remark::contradicted(
        format!("CarePlan.meta.security[{index}]"),
        "Överenskommelsen ska vara tillgänglig för patienten: ta bort märkningen NOPATIENT, eller ange skälet \
         (ej-digital-atkomst).",
        "The överenskommelse must be open to the patient: remove the label NOPATIENT, or state the reason \
         (ej-digital-atkomst).",
    )]
}

/// What matters to the patient.
pub fn dok_07(bild: &Planbild<'_>) -> Vec<Remark> {
    let evidence = bild.mal.iter().map(|stod| match stod.fact.as_deref() {
        Some(Fact::Goal(goal)) if tells(goal) => Evidence::Shown,
        Some(_) => Evidence::Contradicted,
        None => Evidence::NotStated,
    });
    match Evidence::any(evidence) {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.goal",
            "Överenskommelsen skulle kunna säga vad som är viktigt för patienten (ett mål).",
            "The överenskommelse could tell what matters to the patient (a Goal).",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.goal",
            "målet går inte att slå upp.",
            "the goal cannot be looked up.",
        )],
    }
}

fn tells(goal: &Goal) -> bool {
    use GoalStatus::{Cancelled, EnteredInError, Rejected};
    let is_dropped = matches!(goal.lifecycle_status, Some(Cancelled | EnteredInError | Rejected));
    !is_dropped && goal.description.as_ref().is_some_and(Concept::is_stated)
}

/// The region's questions are answered.
pub fn dok_08(bild: &Planbild<'_>) -> Vec<Remark> {
    let Some(questions) = bild.policy.parameters.fragor.as_deref() else {
        return Vec::new();
    };
    let answers = |fact: &Fact| matches!(fact, Fact::QuestionnaireResponse(response) if is_to(response, questions));
    if bild.plan.head.contained.iter().any(|fact| answers(fact)) {
        return Vec::new();
    }
    let linked = |stod: &Stod| match (stod.fact.as_deref(), stod.reference.target_type()) {
        (Some(fact), _) if answers(fact) => Evidence::Shown,
        (None, Some("QuestionnaireResponse") | None) => Evidence::NotStated,
        _ => Evidence::Contradicted,
    };
    match Evidence::any(bild.underlag.iter().map(linked)) {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.supportingInfo",
            "Regionens frågor till patienten är inte besvarade i överenskommelsen (ett QuestionnaireResponse i \
             supportingInfo).",
            "The region's questions to the patient are not answered in the överenskommelse (a QuestionnaireResponse in \
             supportingInfo).",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.supportingInfo",
            "det framgår inte om regionens frågor är besvarade.",
            "nothing tells whether the region's questions have been answered.",
        )],
    }
}

/// Whether it answers the question set, whatever version of it.
fn is_to(response: &QuestionnaireResponse, questions: &str) -> bool {
    let bare = |canonical: &str| canonical.split('|').next().map(str::to_owned);
    response.status.as_deref() != Some("entered-in-error")
        && response.questionnaire.as_deref().and_then(bare) == bare(questions)
}

/// The patient's plans hang together.
pub fn dok_09(bild: &Planbild<'_>) -> Vec<Remark> {
    if bild.patientens.planer.iter().all(|plan| plan.hanger_ihop) {
        return Vec::new();
    }
    vec![Remark::contradicted(
        "CarePlan.supportingInfo",
        "Patienten har en annan aktiv plan som överenskommelsen inte hänger ihop med (partOf, basedOn eller supportingInfo).",
        "The patient has another active plan that the överenskommelse is not linked to (partOf, basedOn or supportingInfo).",
    )]
}
