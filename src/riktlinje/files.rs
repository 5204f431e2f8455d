//! The rules' context when there is no database: a plain list of resources, each the others' context. Used by
//! `fastkontakt validate` and by the test vectors.

use std::convert::Infallible;
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Identifier, Reference};

use crate::fhir::types::ResourceType;

use super::patient::{bars_av, nummer};
use super::underlag::{Fore, Underlag};

/// A list of resources, all current.
#[derive(Clone, Debug, Default)]
pub struct Files {
    facts: Vec<Arc<Fact>>,
    before: Vec<Arc<Fact>>,
    /// Ids of what the caller may not read (GEN-05).
    hidden: Vec<String>,
}

impl Files {
    pub fn new(facts: Vec<Arc<Fact>>) -> Files {
        Files {
            facts,
            ..Files::default()
        }
    }

    /// With the earlier versions of those that the same transaction changes.
    pub fn with_before(self, before: Vec<Arc<Fact>>) -> Files {
        Files { before, ..self }
    }

    /// With some of them hidden from the caller.
    pub fn with_hidden(self, hidden: Vec<String>) -> Files {
        Files { hidden, ..self }
    }

    fn patients(&self) -> impl Iterator<Item = &Arc<Fact>> {
        self.facts
            .iter()
            .filter(|fact| matches!(fact.as_ref(), Fact::Patient(_)))
    }
}

impl Underlag for Files {
    type Error = Infallible;

    /// By type and id; a server's address before them is ignored, since the files of one call belong together.
    fn folj(&mut self, reference: &Reference) -> Result<Option<Arc<Fact>>, Infallible> {
        let Some((kind, id)) = reference.type_and_id() else {
            return Ok(None);
        };
        Ok(self
            .facts
            .iter()
            .find(|fact| fact.resource_type() == kind && fact.id() == id)
            .cloned())
    }

    fn av_patienter(&mut self, kind: ResourceType, patient_ids: &[String]) -> Result<Vec<Arc<Fact>>, Infallible> {
        let mut numbers = Vec::new();
        for fact in self
            .patients()
            .filter(|fact| patient_ids.iter().any(|id| id == fact.id()))
        {
            if let Fact::Patient(patient) = fact.as_ref() {
                numbers.extend(nummer(patient));
            }
        }
        let belongs = |fact: &&Arc<Fact>| {
            let literally = patient_of(fact).is_some_and(|patient| patient_ids.iter().any(|known| known == patient));
            fact.resource_type() == kind.name()
                && (literally || numbers.iter().any(|(register, value)| bars_av(fact, *register, value)))
        };
        Ok(self.facts.iter().filter(belongs).cloned().collect())
    }

    fn med_identifierare(
        &mut self,
        kind: ResourceType,
        systems: &[&str],
        value: &str,
    ) -> Result<Vec<Arc<Fact>>, Infallible> {
        let is_it = |identifier: &Identifier| {
            identifier.value.as_deref() == Some(value)
                && identifier
                    .system
                    .as_deref()
                    .is_some_and(|system| systems.contains(&system))
        };
        let carries = |fact: &&Arc<Fact>| match fact.as_ref() {
            Fact::Patient(it) => it.identifiers.iter().any(is_it),
            Fact::Organization(it) => it.identifiers.iter().any(is_it),
            Fact::Practitioner(it) => it.identifiers.iter().any(is_it),
            Fact::PractitionerRole(it) => it.identifiers.iter().any(is_it),
            _ => false,
        };
        Ok(self
            .facts
            .iter()
            .filter(|fact| fact.resource_type() == kind.name() && carries(fact))
            .cloned()
            .collect())
    }

    fn patienter_som_lankar(&mut self, patient_id: &str) -> Result<Vec<Arc<Fact>>, Infallible> {
        let links = |fact: &&Arc<Fact>| match fact.as_ref() {
            Fact::Patient(patient) => patient
                .links
                .iter()
                .any(|link| link.other.type_and_id() == Some(("Patient", patient_id))),
            _ => false,
        };
        Ok(self.patients().filter(links).cloned().collect())
    }

    /// In the order of the list.
    fn tillkomna(&mut self, patient_ids: &[String]) -> Result<Vec<Option<i64>>, Infallible> {
        let place = |id: &String| {
            let place = self.patients().position(|fact| fact.id() == id)?;
            i64::try_from(place).ok()
        };
        Ok(patient_ids.iter().map(place).collect())
    }

    fn far_lasa(&mut self, fact: &Fact) -> bool {
        !self.hidden.iter().any(|id| id == fact.id())
    }

    fn fore(&mut self, current: &Arc<Fact>) -> Result<Fore, Infallible> {
        let same = |it: &&Arc<Fact>| it.resource_type() == current.resource_type() && it.id() == current.id();
        Ok(self
            .before
            .iter()
            .find(same)
            .map_or(Fore::Oforandrad, |before| Fore::Fanns(before.clone())))
    }

    /// Without earlier versions the files of one call are written together.
    fn skrivs_nu(&mut self, current: &Arc<Fact>) -> Result<bool, Infallible> {
        Ok(self.before.is_empty() || !matches!(self.fore(current)?, Fore::Oforandrad))
    }
}

/// The id of the patient a resource belongs to, as the store has it (`fhir::search::patient_of`).
fn patient_of(fact: &Fact) -> Option<&str> {
    if let Fact::Patient(patient) = fact {
        return Some(&patient.head.id);
    }
    about(fact)
        .into_iter()
        .find_map(|reference| match reference.type_and_id()? {
            ("Patient", id) => Some(id),
            _ => None,
        })
}

/// The references that may name that patient, the one that counts most first.
pub(super) fn about(fact: &Fact) -> Vec<&Reference> {
    match fact {
        Fact::CareTeam(it) => it.subject.iter().collect(),
        Fact::CarePlan(it) => it.subject.iter().collect(),
        Fact::Condition(it) => it.subject.iter().collect(),
        Fact::Consent(it) => it.subject.iter().collect(),
        Fact::Goal(it) => it.subject.iter().collect(),
        Fact::ServiceRequest(it) => it.subject.iter().collect(),
        Fact::Appointment(it) => {
            let actors = it
                .participants
                .iter()
                .filter_map(|participant| participant.actor.as_ref());
            it.subject.iter().chain(actors).collect()
        }
        Fact::Task(it) => it.for_.iter().collect(),
        Fact::RelatedPerson(it) => it.patient.iter().collect(),
        Fact::Encounter(it) => it.subject.iter().collect(),
        Fact::EpisodeOfCare(it) => it.patient.iter().collect(),
        Fact::Flag(it) => it.subject.iter().collect(),
        Fact::Communication(it) => it.subject.iter().chain(&it.recipients).chain(&it.sender).collect(),
        Fact::QuestionnaireResponse(it) => it.subject.iter().chain(&it.author).collect(),
        Fact::Provenance(it) => it.patient.iter().chain(&it.targets).collect(),
        Fact::Patient(_)
        | Fact::Practitioner(_)
        | Fact::PractitionerRole(_)
        | Fact::Organization(_)
        | Fact::Questionnaire(_)
        | Fact::Other(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fhir::search;

    #[test]
    fn files_and_store_agree_on_whose_a_resource_is() {
        for (kind, elements, expected) in [
            ("Patient", json!({"id": "p"}), Some("p")),
            ("CareTeam", json!({"subject": {"reference": "Patient/p"}}), Some("p")),
            ("Task", json!({"for": {"reference": "Patient/p"}}), Some("p")),
            (
                "Appointment",
                json!({"participant": [{"actor": {"reference": "Practitioner/x"}}, {"actor": {"reference": "Patient/p"}}]}),
                Some("p"),
            ),
            ("Encounter", json!({"subject": {"reference": "Patient/p"}}), Some("p")),
            ("Encounter", json!({"subject": {"reference": "Group/p"}}), None),
            (
                "EpisodeOfCare",
                json!({"patient": {"reference": "Patient/p"}}),
                Some("p"),
            ),
            ("Flag", json!({"subject": {"reference": "Patient/p"}}), Some("p")),
            (
                "Communication",
                json!({"subject": {"reference": "Patient/p"}, "recipient": [{"reference": "Patient/x"}]}),
                Some("p"),
            ),
            (
                "Communication",
                json!({"recipient": [{"reference": "RelatedPerson/x"}, {"reference": "Patient/p"}], "sender": {"reference": "Patient/x"}}),
                Some("p"),
            ),
            (
                "Communication",
                json!({"sender": {"reference": "Patient/p"}}),
                Some("p"),
            ),
            (
                "QuestionnaireResponse",
                json!({"author": {"reference": "Patient/p"}}),
                Some("p"),
            ),
            (
                "Provenance",
                json!({"target": [{"reference": "CarePlan/x"}, {"reference": "Patient/p"}]}),
                Some("p"),
            ),
            (
                "Provenance",
                json!({"target": [{"reference": "Patient/x"}], "patient": {"reference": "Patient/p"}}),
                Some("p"),
            ),
            ("Questionnaire", json!({"id": "p"}), None),
            ("Organization", json!({"id": "p"}), None),
        ] {
            let mut resource = elements;
            resource["resourceType"] = json!(kind);
            let fact = fastkontakt_model::understand(kind, &resource.to_string()).unwrap();
            let kind = ResourceType::from_name(kind).unwrap();
            assert_eq!(patient_of(&fact), expected, "{resource}");
            assert_eq!(search::patient_of(kind, &resource).as_deref(), expected, "{resource}");
        }
    }
}
