//! The rules' context when there is no database: a plain list of resources, each the others' context. Used by
//! `fastkontakt validate` and by the test vectors.

use std::convert::Infallible;
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Identifier, Reference};

use crate::fhir::types::ResourceType;

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
        let belongs = |fact: &&Arc<Fact>| {
            fact.resource_type() == kind.name()
                && patient_of(fact).is_some_and(|patient| patient_ids.iter().any(|known| known == patient))
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
}

/// The id of the patient a resource is about.
fn patient_of(fact: &Fact) -> Option<&str> {
    let subject = match fact {
        Fact::Patient(patient) => return Some(&patient.head.id),
        Fact::CareTeam(it) => it.subject.as_ref(),
        Fact::CarePlan(it) => it.subject.as_ref(),
        Fact::Condition(it) => it.subject.as_ref(),
        Fact::Consent(it) => it.subject.as_ref(),
        Fact::Goal(it) => it.subject.as_ref(),
        Fact::ServiceRequest(it) => it.subject.as_ref(),
        Fact::Appointment(it) => it.subject.as_ref(),
        Fact::Task(it) => it.for_.as_ref(),
        Fact::RelatedPerson(it) => it.patient.as_ref(),
        Fact::Encounter(it) => it.subject.as_ref(),
        Fact::EpisodeOfCare(it) => it.patient.as_ref(),
        Fact::Flag(it) => it.subject.as_ref(),
        Fact::Communication(it) => it.subject.as_ref(),
        Fact::QuestionnaireResponse(it) => it.subject.as_ref(),
        Fact::Provenance(it) => it.patient.as_ref(),
        Fact::Practitioner(_)
        | Fact::PractitionerRole(_)
        | Fact::Organization(_)
        | Fact::Questionnaire(_)
        | Fact::Other(_) => None,
    };
    match subject?.type_and_id()? {
        ("Patient", id) => Some(id),
        _ => None,
    }
}
