//! What recording an event reveals about the patient (a diagnosis, an insats, a need, a stay, a request): it is never
//! refused because of what is missing, but the answer tells it, and the work list shows it.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Concept, EpisodeStatus, FlagStatus, Reference};
use jiff::civil::Date;

use crate::fhir::types::ResourceType;

use super::codes::{ARENDE, BEGARAN, BEHOVSGRUPP};
use super::enhet::valj;
use super::finding::{Evidence, Finding, Severity};
use super::kontroll::{helheten, patientens_policy};
use super::livshotande::is_livshotande;
use super::patient::samma_som;
use super::patientbild::Patientbild;
use super::plan::leder_till;
use super::policy::{Policies, Policy};
use super::underlag::Underlag;
use super::vistelse::is_stay;
use super::{Villkor, findings};

/// What recording an event (Condition, EpisodeOfCare, Encounter, Flag, Task) reveals about the patient: only what springs
/// from that very resource, warnings at most, on the resource as a whole. Nothing for other types. Its policy is that of
/// the event's unit when a region claims that, else the patient's (GEN-04): the insats that a kommun records is what
/// obliges the region.
pub fn efter_handelse<U: Underlag>(
    written: &Fact,
    policies: &Policies,
    today: Date,
    underlag: &mut U,
) -> Result<Vec<Finding>, U::Error> {
    let villkor = Villkor::of(policies, today);
    efter_handelse_enligt(written, &villkor, underlag)
}

pub(super) fn efter_handelse_enligt<U: Underlag>(
    written: &Fact,
    villkor: &Villkor<'_>,
    underlag: &mut U,
) -> Result<Vec<Finding>, U::Error> {
    let Some(handelse) = Handelse::of(written, villkor.policies) else {
        return Ok(Vec::new());
    };
    let patienter = samma_som(handelse.patient, written, underlag)?;
    if patienter.is_empty() {
        return Ok(Vec::new());
    }
    let policy = handelse.policy(written, &patienter, villkor, underlag)?;
    let bild = Patientbild::samla(&patienter, villkor.policies, villkor.today, underlag)?;
    let own = (handelse.kind, written.id().to_owned());
    let told = helheten(&bild, policy)
        .filter(|(_, anmarkning)| anmarkning.grund.contains(&own))
        .map(|(mut told, _)| {
            told.severity = told.severity.milder(Severity::Warning);
            told.remark.expression = written.resource_type().to_owned();
            told
        });
    Ok(findings(told.collect()))
}

/// A written resource that may reveal something.
struct Handelse<'a> {
    kind: ResourceType,
    patient: Option<&'a Reference>,
    /// Who recorded it or answers for it, as far as the resource tells.
    av: Vec<&'a Reference>,
}

impl<'a> Handelse<'a> {
    /// `None` when nothing in the resource can be a ground for any rule: most diagnoses, visits, tasks.
    fn of(written: &'a Fact, policies: &Policies) -> Option<Handelse<'a>> {
        let coded =
            |concept: &Option<Concept>, system| concept.as_ref().is_some_and(|own| own.codes(system).next().is_some());
        Some(match written {
            Fact::Condition(it)
                if policies
                    .all()
                    .any(|policy| is_livshotande(it, policy) != Evidence::Contradicted) =>
            {
                Handelse {
                    kind: ResourceType::Condition,
                    patient: it.subject.as_ref(),
                    av: Vec::new(),
                }
            }
            Fact::EpisodeOfCare(it) if it.status == Some(EpisodeStatus::Active) => Handelse {
                kind: ResourceType::EpisodeOfCare,
                patient: it.patient.as_ref(),
                av: it.managing_organization.iter().collect(),
            },
            Fact::Encounter(it) if is_stay(it) => Handelse {
                kind: ResourceType::Encounter,
                patient: it.subject.as_ref(),
                av: it.service_provider.iter().collect(),
            },
            Fact::Flag(it) if it.status == Some(FlagStatus::Active) && coded(&it.code, BEHOVSGRUPP) => Handelse {
                kind: ResourceType::Flag,
                patient: it.subject.as_ref(),
                av: it.author.iter().collect(),
            },
            Fact::Task(it) if coded(&it.code, BEGARAN) || coded(&it.code, ARENDE) => Handelse {
                kind: ResourceType::Task,
                patient: it.for_.as_ref(),
                av: it.owner.iter().chain(&it.requester).collect(),
            },
            _ => return None,
        })
    }

    fn policy<'p, U: Underlag>(
        &self,
        written: &Fact,
        patienter: &[String],
        villkor: &Villkor<'p>,
        underlag: &mut U,
    ) -> Result<&'p Policy, U::Error> {
        for reference in &self.av {
            if let Some(enhet) = leder_till(underlag, reference, written)? {
                let val = valj(Some(&enhet), villkor.policies, villkor.forced);
                if val.claimed {
                    return Ok(val.policy);
                }
            }
        }
        match villkor.forced.and_then(|name| villkor.policies.by_name(name)) {
            Some(forced) => Ok(forced),
            None => patientens_policy(patienter, villkor.policies, underlag),
        }
    }
}
