//! SIP: the samordnad individuell plan, and SPU likewise.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Consent, ConsentDecision, ConsentStatus, Reference};
use jiff::civil::Date;

use crate::fhir::references::local;
use crate::fhir::types::ResourceType;

use super::finding::{Evidence, Remark};
use super::plan::{Planbild, Stod};

/// `supportingInfo` leads to a Consent of this patient that is active, permits, and is in force at the plan's start.
pub fn sip_01(bild: &Planbild<'_>) -> Vec<Remark> {
    let evidence: Vec<Evidence> = bild.underlag.iter().map(|stod| is_samtycke(bild, stod)).collect();
    if evidence.contains(&Evidence::Shown) {
        return Vec::new();
    }
    if evidence.contains(&Evidence::NotStated) {
        return vec![Remark::not_stated(
            "CarePlan.supportingInfo",
            "det framgår inte att den enskilde samtycker till planen.",
            "nothing shows that the individual consents to the plan.",
        )];
    }
    vec![Remark::contradicted(
        "CarePlan.supportingInfo",
        "En SIP förutsätter den enskildes samtycke: ange ett Consent som gäller patienten, är aktivt, tillåter och är i kraft \
         när planen börjar.",
        "A SIP requires the individual's consent: state a Consent of the patient that is active, permits and is in force when \
         the plan starts.",
    )]
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

/// Every part must be shown; one that is contradicted decides.
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
    let in_force = if consent.period.contains(start(bild)) {
        Evidence::Shown
    } else {
        Evidence::Contradicted
    };
    let parts = [
        status,
        decision,
        in_force,
        is_same_patient(bild, consent.subject.as_ref()),
    ];
    if parts.contains(&Evidence::Contradicted) {
        Evidence::Contradicted
    } else if parts.contains(&Evidence::NotStated) {
        Evidence::NotStated
    } else {
        Evidence::Shown
    }
}

/// The day the plan starts: its period, else when it was created, else today.
fn start(bild: &Planbild<'_>) -> Date {
    let created = || bild.plan.created.map(|created| created.first_day());
    bild.plan.period.first_day().or_else(created).unwrap_or(bild.today)
}

fn is_same_patient(bild: &Planbild<'_>, subject: Option<&Reference>) -> Evidence {
    let Some(subject) = subject else {
        return Evidence::NotStated;
    };
    if let Some((ResourceType::Patient, id)) = subject.reference.as_deref().and_then(local)
        && !bild.patienter.is_empty()
    {
        let is_one = bild.patienter.iter().any(|patient| patient == id);
        return if is_one {
            Evidence::Shown
        } else {
            Evidence::Contradicted
        };
    }
    let own = bild.plan.subject.as_ref();
    let same_literal = subject.reference.is_some() && own.is_some_and(|own| own.reference == subject.reference);
    let value = |reference: &Reference| {
        reference
            .identifier
            .as_ref()
            .and_then(|identifier| identifier.value.clone())
    };
    let same_number = value(subject).is_some() && own.and_then(value) == value(subject);
    if same_literal || same_number {
        Evidence::Shown
    } else {
        Evidence::NotStated
    }
}
