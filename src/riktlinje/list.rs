//! LIST-01: a physician's number of patients held against the guide value, "varken golv eller tak". Computed in the work
//! list of a unit, which counts; never on a write.

use crate::fhir::identifiers::{BEFATTNING, canonical_system};
use crate::fhir::types::ResourceType;

use fastkontakt_model::facts::PractitionerRole;

use super::Told;
use super::catalogue::{Check, catalogue};
use super::finding::Remark;
use super::kontroll::Kontrollfynd;
use super::policy::Policy;
use super::principles::{Skede, weigh};

/// The kinds of physician that a guide value is stated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lakartyp {
    Specialist,
    /// In specialist training (ST).
    St,
}

/// Befattningar of specialists begin so: överläkare and distriktsläkare (201), specialistläkare (202).
const SPECIALIST: [&str; 2] = ["201", "202"];
/// Legitimerad läkare, specialiseringstjänstgöring.
const ST_LAKARE: &str = "203010";

impl Lakartyp {
    /// By the befattningar of the physician's assignments; `None` when they tell neither. A specialist who is in training
    /// for another specialty is a specialist.
    pub fn of<'r>(roles: impl IntoIterator<Item = &'r PractitionerRole>) -> Option<Lakartyp> {
        let codings = roles
            .into_iter()
            .flat_map(|role| role.codes.iter().flat_map(|concept| &concept.codings));
        let mut typ = None;
        for coding in codings {
            let is_post = coding.system.as_deref().map(canonical_system) == Some(BEFATTNING);
            match coding.code.as_deref().filter(|_| is_post) {
                Some(code) if SPECIALIST.iter().any(|group| code.starts_with(group)) => {
                    return Some(Lakartyp::Specialist);
                }
                Some(ST_LAKARE) => typ = Some(Lakartyp::St),
                _ => {}
            }
        }
        typ
    }
}

/// How many patients a physician is active fast läkarkontakt for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lakarlista {
    pub antal: usize,
    /// `None`: the data do not tell; then only the higher value is held against.
    pub typ: Option<Lakartyp>,
}

/// More patients than the guide value.
pub fn list_01(lista: &Lakarlista, policy: &Policy) -> Vec<Remark> {
    let parameters = &policy.parameters;
    let guide_value = match lista.typ {
        Some(Lakartyp::Specialist) => parameters.invanare_per_specialist,
        Some(Lakartyp::St) => parameters.invanare_per_st_lakare,
        None => parameters
            .invanare_per_specialist
            .max(parameters.invanare_per_st_lakare),
    };
    if lista.antal <= guide_value {
        return Vec::new();
    }
    vec![Remark::contradicted(
        "Practitioner",
        "Läkaren är fast läkarkontakt för fler patienter än riktvärdet, som är varken golv eller tak.",
        "The physician is fast läkarkontakt for more patients than the guide value, which is neither floor nor ceiling.",
    )]
}

/// LIST-01 of one physician, as the work list of a unit tells it under the unit's policy.
pub fn lakarens_lista(practitioner_id: &str, lista: &Lakarlista, policy: &Policy) -> Vec<Kontrollfynd> {
    let rules = catalogue().filter_map(|rule| match rule.check {
        Check::Lista(check) => Some((rule, check)),
        _ => None,
    });
    let told = rules.flat_map(|(rule, check)| {
        check(lista, policy).into_iter().filter_map(move |remark| {
            let severity = weigh(rule, &remark, policy, Skede::Galler)?;
            let resurs = Some((ResourceType::Practitioner, practitioner_id.to_owned()));
            Some(Kontrollfynd::of(Told { rule, severity, remark }, resurs))
        })
    });
    told.collect()
}
