//! People and organizations: who the patient is, who cares for them, and where.

use super::{Concept, Contact, Extensions, Head, HumanName, Identifier, LinkType, Period, Reference, Telecom};
use crate::date::FhirDate;

/// <https://hl7.org/fhir/R5/patient.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patient {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub active: Option<bool>,
    pub names: Vec<HumanName>,
    pub telecoms: Vec<Telecom>,
    pub birth_date: Option<FhirDate>,
    /// True also when only the time of death is stated.
    pub deceased: Option<bool>,
    pub deceased_at: Option<FhirDate>,
    pub general_practitioners: Vec<Reference>,
    pub managing_organization: Option<Reference>,
    pub links: Vec<PatientLink>,
}

/// `Patient.link`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PatientLink {
    pub other: Reference,
    pub type_: Option<LinkType>,
}

/// <https://hl7.org/fhir/R5/relatedperson.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RelatedPerson {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub active: Option<bool>,
    pub patient: Option<Reference>,
    pub relationships: Vec<Concept>,
    pub names: Vec<HumanName>,
    pub telecoms: Vec<Telecom>,
    pub birth_date: Option<FhirDate>,
    pub period: Period,
}

/// <https://hl7.org/fhir/R5/practitioner.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Practitioner {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub active: Option<bool>,
    pub names: Vec<HumanName>,
    pub telecoms: Vec<Telecom>,
    pub qualifications: Vec<Qualification>,
}

/// `Practitioner.qualification`: a licence or a competence, with its time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Qualification {
    pub identifiers: Vec<Identifier>,
    pub code: Option<Concept>,
    pub period: Period,
    pub issuer: Option<Reference>,
    pub extensions: Extensions,
}

/// <https://hl7.org/fhir/R5/practitionerrole.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PractitionerRole {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub active: Option<bool>,
    pub period: Period,
    pub practitioner: Option<Reference>,
    pub organization: Option<Reference>,
    /// Befattning and other roles.
    pub codes: Vec<Concept>,
    pub specialties: Vec<Concept>,
    pub contacts: Vec<Contact>,
}

/// <https://hl7.org/fhir/R5/organization.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Organization {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub active: Option<bool>,
    pub types: Vec<Concept>,
    pub name: Option<String>,
    pub contacts: Vec<Contact>,
    pub part_of: Option<Reference>,
}
