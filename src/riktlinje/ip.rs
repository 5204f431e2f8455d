//! IP: other individual plans than the SIP, for habilitering (HP) and rehabilitering (RP).

use super::finding::{Evidence, Remark};
use super::plan::Planbild;

/// Planned and decided insatser are shown.
pub fn ip_01(bild: &Planbild<'_>) -> Vec<Remark> {
    match bild.har_atagande() {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.activity",
            "Av den individuella planen ska planerade och beslutade insatser framgå: minst ett åtagande.",
            "The individual plan must show planned and decided insatser: at least one åtagande.",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.activity",
            "insatserna går inte att slå upp.",
            "the insatser cannot be looked up.",
        )],
    }
}

/// In collaboration with the patient.
pub fn ip_02(bild: &Planbild<'_>) -> Vec<Remark> {
    match bild.delaktighet() {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            "CarePlan.contributor",
            "Den individuella planen upprättas i samverkan med patienten: ange patienten eller en närstående som medverkande, \
             eller hur delaktigheten ser ut (delaktighet).",
            "The individual plan is made in collaboration with the patient: state the patient or a relative as a contributor, \
             or how they take part (delaktighet).",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            "CarePlan.contributor",
            "det framgår inte om planen har upprättats i samverkan med patienten.",
            "nothing tells whether the plan was made in collaboration with the patient.",
        )],
    }
}
