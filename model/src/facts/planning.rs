//! Contacts, plans and what they are made of: åtaganden, times, goals, consent, conditions.

use super::{
    AppointmentStatus, CareTeamStatus, CodeableReference, Coding, Concept, ConsentDecision, ConsentStatus, Extensions,
    GoalStatus, Head, Identifier, Period, Reference, RequestStatus, TaskStatus, Telecom, Timing,
};
use crate::date::FhirDate;

/// A fast kontakt or a team. <https://hl7.org/fhir/R5/careteam.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CareTeam {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub status: Option<CareTeamStatus>,
    pub categories: Vec<Concept>,
    pub name: Option<String>,
    pub subject: Option<Reference>,
    pub period: Period,
    pub participants: Vec<Participant>,
    pub reasons: Vec<CodeableReference>,
    pub managing_organizations: Vec<Reference>,
    pub telecoms: Vec<Telecom>,
}

/// `CareTeam.participant`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Participant {
    pub role: Option<Concept>,
    pub member: Option<Reference>,
    pub on_behalf_of: Option<Reference>,
    pub extensions: Extensions,
}

/// A överenskommelse, medicinsk vårdplan, SIP … <https://hl7.org/fhir/R5/careplan.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CarePlan {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub based_on: Vec<Reference>,
    pub replaces: Vec<Reference>,
    pub part_of: Vec<Reference>,
    pub status: Option<RequestStatus>,
    pub intent: Option<String>,
    pub categories: Vec<Concept>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub subject: Option<Reference>,
    pub period: Period,
    pub created: Option<FhirDate>,
    pub custodian: Option<Reference>,
    pub contributors: Vec<Reference>,
    pub care_teams: Vec<Reference>,
    pub addresses: Vec<CodeableReference>,
    pub supporting_info: Vec<Reference>,
    pub goals: Vec<Reference>,
    pub activities: Vec<Activity>,
}

/// `CarePlan.activity`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    pub performed: Vec<CodeableReference>,
    /// `plannedActivityReference`
    pub planned: Option<Reference>,
    pub extensions: Extensions,
}

/// <https://hl7.org/fhir/R5/servicerequest.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceRequest {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub based_on: Vec<Reference>,
    pub status: Option<RequestStatus>,
    pub intent: Option<String>,
    pub categories: Vec<Concept>,
    pub do_not_perform: Option<bool>,
    pub code: Option<CodeableReference>,
    pub subject: Option<Reference>,
    pub occurrence: Option<Occurrence>,
    /// Extensions on the occurrence, its primitive's included (`_occurrenceDateTime`).
    pub occurrence_extensions: Extensions,
    pub as_needed: Option<AsNeeded>,
    pub authored_on: Option<FhirDate>,
    pub requester: Option<Reference>,
    pub performers: Vec<Reference>,
    pub reasons: Vec<CodeableReference>,
}

/// `ServiceRequest.occurrence[x]`
#[derive(Clone, Debug, PartialEq)]
pub enum Occurrence {
    DateTime(FhirDate),
    Period(Period),
    Timing(Box<Timing>),
}

/// `ServiceRequest.asNeeded[x]`
#[derive(Clone, Debug, PartialEq)]
pub enum AsNeeded {
    Boolean(bool),
    Concept(Concept),
}

/// An åtagande, or something asked for or offered. <https://hl7.org/fhir/R5/task.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub based_on: Vec<Reference>,
    pub part_of: Vec<Reference>,
    pub status: Option<TaskStatus>,
    pub status_reason: Option<CodeableReference>,
    pub business_status: Option<Concept>,
    pub intent: Option<String>,
    pub do_not_perform: Option<bool>,
    pub code: Option<Concept>,
    pub description: Option<String>,
    pub focus: Option<Reference>,
    /// `Task.for`
    pub for_: Option<Reference>,
    pub encounter: Option<Reference>,
    pub requested_period: Period,
    pub execution_period: Period,
    /// `restriction.period`
    pub restriction_period: Period,
    pub authored_on: Option<FhirDate>,
    pub last_modified: Option<FhirDate>,
    pub requester: Option<Reference>,
    pub requested_performers: Vec<CodeableReference>,
    pub owner: Option<Reference>,
    /// `performer.actor`
    pub performers: Vec<Reference>,
    pub reasons: Vec<CodeableReference>,
}

/// An överenskommen tid. <https://hl7.org/fhir/R5/appointment.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Appointment {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub status: Option<AppointmentStatus>,
    pub service_types: Vec<CodeableReference>,
    pub description: Option<String>,
    pub based_on: Vec<Reference>,
    pub subject: Option<Reference>,
    pub start: Option<FhirDate>,
    pub end: Option<FhirDate>,
    pub requested_periods: Vec<Period>,
    pub created: Option<FhirDate>,
    pub participants: Vec<AppointmentParticipant>,
}

/// `Appointment.participant`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppointmentParticipant {
    pub types: Vec<Concept>,
    pub actor: Option<Reference>,
    pub required: Option<bool>,
    /// accepted | declined | tentative | needs-action
    pub status: Option<String>,
    pub extensions: Extensions,
}

/// What matters to the patient. <https://hl7.org/fhir/R5/goal.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Goal {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub lifecycle_status: Option<GoalStatus>,
    pub categories: Vec<Concept>,
    pub description: Option<Concept>,
    pub subject: Option<Reference>,
    pub source: Option<Reference>,
    pub addresses: Vec<Reference>,
}

/// <https://hl7.org/fhir/R5/condition.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub clinical_status: Option<Concept>,
    pub verification_status: Option<Concept>,
    pub categories: Vec<Concept>,
    pub severity: Option<Concept>,
    pub code: Option<Concept>,
    pub subject: Option<Reference>,
    pub recorded_date: Option<FhirDate>,
}

/// <https://hl7.org/fhir/R5/consent.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consent {
    pub head: Head,
    pub identifiers: Vec<Identifier>,
    pub status: Option<ConsentStatus>,
    pub categories: Vec<Concept>,
    pub subject: Option<Reference>,
    pub date: Option<FhirDate>,
    pub period: Period,
    pub grantors: Vec<Reference>,
    pub grantees: Vec<Reference>,
    pub managers: Vec<Reference>,
    pub controllers: Vec<Reference>,
    pub decision: Option<ConsentDecision>,
    /// The outermost provisions.
    pub provisions: Vec<Provision>,
}

/// `Consent.provision`, as far as inre spärr and consent to a plan need it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provision {
    pub period: Period,
    pub actors: Vec<Reference>,
    pub purposes: Vec<Coding>,
    pub actions: Vec<Concept>,
    pub extensions: Extensions,
}
