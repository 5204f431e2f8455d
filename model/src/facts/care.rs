//! Where and when the patient is cared for, what they need, and what was told or asked: read by the rules about the
//! patient's whole picture.

use super::{
    CommunicationStatus, Concept, EncounterStatus, EpisodeStatus, Extensions, FlagStatus, Head, Identifier, Period,
    Reference,
};
use crate::date::FhirDate;

/// A visit or an inpatient stay. <https://hl7.org/fhir/R5/encounter.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encounter {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub status: Option<EncounterStatus>,
    /// `class`
    pub classes: Vec<Concept>,
    pub subject: Option<Reference>,
    pub episodes: Vec<Reference>,
    pub part_of: Option<Reference>,
    pub service_provider: Option<Reference>,
    pub actual_period: Period,
    /// `admission.dischargeDisposition`
    pub discharge_disposition: Option<Concept>,
    /// Of `admission`.
    pub admission_extensions: Extensions,
}

/// An insatsform over time. <https://hl7.org/fhir/R5/episodeofcare.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpisodeOfCare {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub status: Option<EpisodeStatus>,
    pub types: Vec<Concept>,
    pub patient: Option<Reference>,
    pub managing_organization: Option<Reference>,
    pub period: Period,
    pub care_manager: Option<Reference>,
    pub care_teams: Vec<Reference>,
}

/// What a patient needs (behovsgrupp). <https://hl7.org/fhir/R5/flag.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flag {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub status: Option<FlagStatus>,
    pub categories: Vec<Concept>,
    pub code: Option<Concept>,
    pub subject: Option<Reference>,
    pub period: Period,
    pub author: Option<Reference>,
}

/// <https://hl7.org/fhir/R5/communication.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Communication {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub status: Option<CommunicationStatus>,
    pub categories: Vec<Concept>,
    pub topic: Option<Concept>,
    pub subject: Option<Reference>,
    pub about: Vec<Reference>,
    pub recipients: Vec<Reference>,
    pub sender: Option<Reference>,
    pub sent: Option<FhirDate>,
}

/// A question set. <https://hl7.org/fhir/R5/questionnaire.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Questionnaire {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub url: Option<String>,
    pub version: Option<String>,
    pub title: Option<String>,
}

/// <https://hl7.org/fhir/R5/questionnaireresponse.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuestionnaireResponse {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub based_on: Vec<Reference>,
    pub part_of: Vec<Reference>,
    /// Canonical, perhaps with `|version`.
    pub questionnaire: Option<String>,
    /// in-progress | completed | amended | entered-in-error | stopped
    pub status: Option<String>,
    pub subject: Option<Reference>,
    pub authored: Option<FhirDate>,
    pub author: Option<Reference>,
}

/// Who did what on whose behalf. <https://hl7.org/fhir/R5/provenance.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance {
    pub head: Head,
    pub targets: Vec<Reference>,
    pub recorded: Option<FhirDate>,
    pub activity: Option<Concept>,
    pub patient: Option<Reference>,
    pub agents: Vec<ProvenanceAgent>,
}

/// `Provenance.agent`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProvenanceAgent {
    pub type_: Option<Concept>,
    pub who: Option<Reference>,
    pub on_behalf_of: Option<Reference>,
}
