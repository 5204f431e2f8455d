//! MVP: the medicinsk vårdplan.

use fastkontakt_model::facts::{ExtValue, Extension, Extensions};

use super::codes::{
    BEHANDLINGSBEGRANSNING, DIREKTKONTAKT, EXT_EJ_AKTUELLT, HANDLINGSPLAN_VID_FORSAMRING, PROGNOS, UPPFOLJNING,
    VARDNIVA_OCH_INRIKTNING,
};
use super::finding::{Evidence, Remark};
use super::plan::{Aktivitet, Planbild};
use super::skal::anges;

/// One of the four parts: its code, another code that goes with it, and what to say when it is missing.
struct Del {
    code: &'static str,
    with: Option<&'static str>,
    sv: &'static str,
    en: &'static str,
    unknown_sv: &'static str,
    unknown_en: &'static str,
}

static DELAR: &[Del] = &[
    Del {
        code: PROGNOS,
        with: None,
        sv: "Den medicinska vårdplanen ska bedöma prognosen (prognos).",
        en: "The medicinsk vårdplan must assess the prognosis (prognos).",
        unknown_sv: "det framgår inte om planen bedömer prognosen (prognos).",
        unknown_en: "nothing tells whether the plan assesses the prognosis (prognos).",
    },
    Del {
        code: VARDNIVA_OCH_INRIKTNING,
        with: Some(DIREKTKONTAKT),
        sv: "Den medicinska vårdplanen ska ange vårdnivå och inriktning (vardniva-och-inriktning) med tillgång till \
             direktkontakt vid försämring (direktkontakt).",
        en: "The medicinsk vårdplan must state the level and direction of care (vardniva-och-inriktning) with direct \
             contact for deterioration (direktkontakt).",
        unknown_sv: "det framgår inte om planen anger vårdnivå och inriktning (vardniva-och-inriktning) med direktkontakt \
                     (direktkontakt).",
        unknown_en: "nothing tells whether the plan states the level and direction of care (vardniva-och-inriktning) with \
                     direct contact (direktkontakt).",
    },
    Del {
        code: HANDLINGSPLAN_VID_FORSAMRING,
        with: None,
        sv: "Den medicinska vårdplanen ska ha en handlingsplan att följa vid försämring (handlingsplan-vid-forsamring).",
        en: "The medicinsk vårdplan must have a plan of action for deterioration (handlingsplan-vid-forsamring).",
        unknown_sv: "det framgår inte om planen har en handlingsplan vid försämring (handlingsplan-vid-forsamring).",
        unknown_en: "nothing tells whether the plan has a plan of action for deterioration (handlingsplan-vid-forsamring).",
    },
    Del {
        code: UPPFOLJNING,
        with: None,
        sv: "Den medicinska vårdplanen ska beskriva uppföljningen (uppfoljning).",
        en: "The medicinsk vårdplan must describe the follow-up (uppfoljning).",
        unknown_sv: "det framgår inte om planen beskriver uppföljningen (uppfoljning).",
        unknown_en: "nothing tells whether the plan describes the follow-up (uppfoljning).",
    },
];

/// The four parts, each there or not relevant for a reason.
pub fn mvp_01(bild: &Planbild<'_>) -> Vec<Remark> {
    let missing = |del: &Del| {
        let remark = match har_delen(bild, del) {
            Evidence::Shown => return None,
            Evidence::Contradicted => Remark::contradicted("CarePlan.activity", del.sv, del.en),
            Evidence::NotStated => Remark::not_stated("CarePlan.activity", del.unknown_sv, del.unknown_en),
        };
        Some(remark.about(del.code))
    };
    DELAR.iter().filter_map(missing).collect()
}

/// A part that does not apply needs nothing that goes with it.
fn har_delen(bild: &Planbild<'_>, del: &Del) -> Evidence {
    if ej_aktuellt(bild, del.code) {
        return Evidence::Shown;
    }
    Evidence::all(
        [Some(del.code), del.with]
            .into_iter()
            .flatten()
            .map(|code| sager(bild, code)),
    )
}

/// Whether an activity is that part, or it is not relevant for a reason. What cannot be followed may be it.
fn sager(bild: &Planbild<'_>, del: &str) -> Evidence {
    if ej_aktuellt(bild, del) {
        return Evidence::Shown;
    }
    Evidence::any(bild.aktiviteter.iter().map(|aktivitet| {
        if aktivitet.is_del(del) {
            Evidence::Shown
        } else if aktivitet.is_unknown() {
            Evidence::NotStated
        } else {
            Evidence::Contradicted
        }
    }))
}

/// Extension `ej-aktuellt` with that part and a reason, on the plan or an activity.
fn ej_aktuellt(bild: &Planbild<'_>, del: &str) -> bool {
    let says = |extensions: &Extensions| {
        extensions
            .all(EXT_EJ_AKTUELLT)
            .any(|said| names(said, del) && said.nested.value("skal").is_some_and(anges))
    };
    bild.tillagg().any(says)
}

fn names(said: &Extension, del: &str) -> bool {
    said.nested
        .all("del")
        .any(|it| it.value.as_ref().and_then(ExtValue::code) == Some(del))
}

/// A physician is responsible.
pub fn mvp_02(bild: &Planbild<'_>) -> Vec<Remark> {
    if bild.plan.custodian.is_none() {
        return vec![Remark::not_stated(
            "CarePlan.custodian",
            "det anges inte vem som ansvarar för den medicinska vårdplanen.",
            "nothing tells who is responsible for the medicinsk vårdplan.",
        )];
    }
    match bild.ansvarig_lakare {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.custodian",
            "En läkare ska ansvara för den medicinska vårdplanen: den fasta läkarkontakten eller den behandlande läkaren.",
            "A physician must be responsible for the medicinsk vårdplan: the fast läkarkontakt or the attending physician.",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.custodian",
            "det framgår inte att den ansvariga är läkare.",
            "nothing shows that the responsible is a physician.",
        )],
    }
}

/// With the patient's participation.
pub fn mvp_03(bild: &Planbild<'_>) -> Vec<Remark> {
    match bild.delaktighet() {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.contributor",
            "Den medicinska vårdplanen upprättas med patientens delaktighet: ange patienten eller en närstående som \
             medverkande, eller hur delaktigheten ser ut (delaktighet).",
            "The medicinsk vårdplan is made with the patient's participation: state the patient or a relative as a \
             contributor, or how they take part (delaktighet).",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.contributor",
            "det framgår inte om patienten är delaktig.",
            "nothing tells whether the patient takes part.",
        )],
    }
}

/// The follow-up says when and by whom. Silent when it is missing, or not relevant: then MVP-01 speaks, or nobody.
pub fn mvp_04(bild: &Planbild<'_>) -> Vec<Remark> {
    let follow_ups: Vec<&Aktivitet<'_>> = bild
        .aktiviteter
        .iter()
        .filter(|aktivitet| aktivitet.is_del(UPPFOLJNING))
        .collect();
    let Some(first) = follow_ups.first() else {
        return Vec::new();
    };
    let mut remarks = Vec::new();
    if !follow_ups.iter().any(|aktivitet| aktivitet.sager_nar()) {
        remarks.push(Remark::contradicted(
            &first.element,
            "Uppföljningen ska säga när planen ska följas upp.",
            "The follow-up must say when the plan is to be reviewed.",
        ));
    }
    if !follow_ups.iter().any(|aktivitet| aktivitet.sager_vem()) {
        remarks.push(Remark::contradicted(
            &first.element,
            "Uppföljningen ska säga av vem planen ska följas upp.",
            "The follow-up must say by whom the plan is to be reviewed.",
        ));
    }
    remarks.into_iter().map(|remark| first.om(remark)).collect()
}

/// Decisions to limit treatment, or that there are none.
pub fn mvp_05(bild: &Planbild<'_>) -> Vec<Remark> {
    match sager(bild, BEHANDLINGSBEGRANSNING) {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.activity",
            "Planen säger inget om behandlingsbegränsningar (behandlingsbegransning, eller ej-aktuellt med skäl).",
            "The plan says nothing of limits to treatment (behandlingsbegransning, or ej-aktuellt with a reason).",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.activity",
            "det framgår inte om planen säger något om behandlingsbegränsningar.",
            "nothing tells whether the plan says anything of limits to treatment.",
        )],
    }
}
