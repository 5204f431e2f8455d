//! Which elements of each resource become facts, and with which fhir-sdk type they are read.
//!
//! A line is `fact field: fhir-sdk type = "JSON name"`. Whole fhir-sdk resources are not used: their `contained` would
//! pull in all 150 resource types (minutes of compiling), and a required primitive that is present only as an extension
//! (`_status`, `_text`) would make valid FHIR unreadable. Elements without a line (narrative, notes, foreign things) are
//! skipped unread; every line may be absent.

use fhir_sdk::r5::codes;
use fhir_sdk::r5::types::{
    CodeableConcept, CodeableReference, Coding, Extension, FieldExtension, HumanName, Identifier, Period, Reference,
    Timing,
};
use fhir_sdk::{Date, DateTime, Instant};
use serde::Deserialize;

use crate::convert::{Many, ToFact, gathered};
use crate::facts::{self, AsNeeded, Fact, Occurrence};
use crate::understand::Reader;

/// Declares how one resource or backbone element is read. `with` names elements that do not stand for one field each;
/// `finish` puts them into the fact.
macro_rules! table {
    (
        $fact:ident {
            $($field:ident: $type:ty = $json:literal),* $(,)?
        }
        $(with { $($extra:ident: $extra_type:ty = $extra_json:literal),* $(,)? } finish |$target:ident| $finish:block)?
    ) => {
        #[derive(Deserialize)]
        struct $fact {
            $(#[serde(default, rename = $json)] $field: $type,)*
            $($(#[serde(default, rename = $extra_json)] $extra: $extra_type,)*)?
        }

        impl ToFact<facts::$fact> for $fact {
            // Of some elements every field has its line, others have a `finish`.
            #[allow(unused_mut, clippy::needless_update)]
            fn to_fact(self) -> facts::$fact {
                let mut fact = facts::$fact { $($field: self.$field.to_fact(),)* ..Default::default() };
                $(
                    $(let $extra = self.$extra;)*
                    let $target = &mut fact;
                    $finish
                )?
                fact
            }
        }
    };
}

/// The reader of each resource type that is understood.
macro_rules! readers {
    ($($name:ident),+ $(,)?) => {
        /// The reader of that resource type; `None` outside the closed set.
        pub(crate) fn reader(resource_type: &str) -> Option<Reader> {
            match resource_type {
                $(stringify!($name) => {
                    Some(|text| sonic_rs::from_str::<$name>(text).map(|view| Fact::from(view.to_fact())))
                })+
                _ => None,
            }
        }
    };
}

readers!(
    CareTeam,
    CarePlan,
    Patient,
    RelatedPerson,
    Practitioner,
    PractitionerRole,
    Organization,
    Condition,
    Consent,
    Appointment,
    Goal,
    ServiceRequest,
    Task,
    Encounter,
    EpisodeOfCare,
    Flag,
    Communication,
    Questionnaire,
    QuestionnaireResponse,
    Provenance,
);

// ContactPoint and ExtendedContactDetail without their extensions: no rule reads when a telephone is answered
// (RIVContactPointAvailability), and it costs as much to read as the rest of a CareTeam.
table! {
    Telecom {
        system: Option<codes::ContactPointSystem> = "system",
        use_: Option<codes::ContactPointUse> = "use",
        value: Option<String> = "value",
        period: Option<Period> = "period",
    }
}

table! {
    Contact {
        purpose: Option<CodeableConcept> = "purpose",
        telecoms: Many<Telecom> = "telecom",
        period: Option<Period> = "period",
    }
}

table! {
    CareTeam {
        identifiers: Many<Identifier> = "identifier",
        status: Option<codes::CareTeamStatus> = "status",
        categories: Many<CodeableConcept> = "category",
        name: Option<String> = "name",
        subject: Option<Reference> = "subject",
        period: Option<Period> = "period",
        participants: Many<Participant> = "participant",
        reasons: Many<CodeableReference> = "reason",
        managing_organizations: Many<Reference> = "managingOrganization",
        telecoms: Many<Telecom> = "telecom",
    }
}

table! {
    Participant {
        role: Option<CodeableConcept> = "role",
        member: Option<Reference> = "member",
        on_behalf_of: Option<Reference> = "onBehalfOf",
        extensions: Vec<Extension> = "extension",
    }
}

table! {
    CarePlan {
        identifiers: Many<Identifier> = "identifier",
        based_on: Many<Reference> = "basedOn",
        replaces: Many<Reference> = "replaces",
        part_of: Many<Reference> = "partOf",
        status: Option<codes::RequestStatus> = "status",
        intent: Option<String> = "intent",
        categories: Many<CodeableConcept> = "category",
        title: Option<String> = "title",
        description: Option<String> = "description",
        subject: Option<Reference> = "subject",
        period: Option<Period> = "period",
        created: Option<DateTime> = "created",
        custodian: Option<Reference> = "custodian",
        contributors: Many<Reference> = "contributor",
        care_teams: Many<Reference> = "careTeam",
        addresses: Many<CodeableReference> = "addresses",
        supporting_info: Many<Reference> = "supportingInfo",
        goals: Many<Reference> = "goal",
        activities: Many<Activity> = "activity",
    }
}

table! {
    Activity {
        performed: Many<CodeableReference> = "performedActivity",
        planned: Option<Reference> = "plannedActivityReference",
        extensions: Vec<Extension> = "extension",
    }
}

table! {
    Patient {
        identifiers: Many<Identifier> = "identifier",
        active: Option<bool> = "active",
        names: Many<HumanName> = "name",
        telecoms: Many<Telecom> = "telecom",
        birth_date: Option<Date> = "birthDate",
        deceased: Option<bool> = "deceasedBoolean",
        deceased_at: Option<DateTime> = "deceasedDateTime",
        general_practitioners: Many<Reference> = "generalPractitioner",
        managing_organization: Option<Reference> = "managingOrganization",
        links: Many<PatientLink> = "link",
    }
    with {} finish |patient| {
        if patient.deceased_at.is_some() {
            patient.deceased = Some(true);
        }
    }
}

table! {
    PatientLink {
        type_: Option<codes::LinkType> = "type",
    }
    with { other: Option<Reference> = "other" } finish |link| {
        link.other = other.to_fact().unwrap_or_default();
    }
}

table! {
    RelatedPerson {
        identifiers: Many<Identifier> = "identifier",
        active: Option<bool> = "active",
        patient: Option<Reference> = "patient",
        relationships: Many<CodeableConcept> = "relationship",
        names: Many<HumanName> = "name",
        telecoms: Many<Telecom> = "telecom",
        birth_date: Option<Date> = "birthDate",
        period: Option<Period> = "period",
    }
}

table! {
    Practitioner {
        identifiers: Many<Identifier> = "identifier",
        active: Option<bool> = "active",
        names: Many<HumanName> = "name",
        telecoms: Many<Telecom> = "telecom",
        qualifications: Many<Qualification> = "qualification",
    }
}

table! {
    Qualification {
        identifiers: Many<Identifier> = "identifier",
        code: Option<CodeableConcept> = "code",
        period: Option<Period> = "period",
        issuer: Option<Reference> = "issuer",
        extensions: Vec<Extension> = "extension",
    }
}

table! {
    PractitionerRole {
        identifiers: Many<Identifier> = "identifier",
        active: Option<bool> = "active",
        period: Option<Period> = "period",
        practitioner: Option<Reference> = "practitioner",
        organization: Option<Reference> = "organization",
        codes: Many<CodeableConcept> = "code",
        specialties: Many<CodeableConcept> = "specialty",
        contacts: Many<Contact> = "contact",
    }
}

table! {
    Organization {
        identifiers: Many<Identifier> = "identifier",
        active: Option<bool> = "active",
        types: Many<CodeableConcept> = "type",
        name: Option<String> = "name",
        contacts: Many<Contact> = "contact",
        part_of: Option<Reference> = "partOf",
    }
}

table! {
    Condition {
        identifiers: Many<Identifier> = "identifier",
        clinical_status: Option<CodeableConcept> = "clinicalStatus",
        verification_status: Option<CodeableConcept> = "verificationStatus",
        categories: Many<CodeableConcept> = "category",
        severity: Option<CodeableConcept> = "severity",
        code: Option<CodeableConcept> = "code",
        subject: Option<Reference> = "subject",
        recorded_date: Option<DateTime> = "recordedDate",
    }
}

table! {
    Consent {
        identifiers: Many<Identifier> = "identifier",
        status: Option<codes::ConsentState> = "status",
        categories: Many<CodeableConcept> = "category",
        subject: Option<Reference> = "subject",
        date: Option<Date> = "date",
        period: Option<Period> = "period",
        grantors: Many<Reference> = "grantor",
        grantees: Many<Reference> = "grantee",
        managers: Many<Reference> = "manager",
        controllers: Many<Reference> = "controller",
        decision: Option<codes::ConsentProvisionType> = "decision",
        provisions: Many<Provision> = "provision",
    }
}

table! {
    Provision {
        period: Option<Period> = "period",
        purposes: Many<Coding> = "purpose",
        actions: Many<CodeableConcept> = "action",
        extensions: Vec<Extension> = "extension",
    }
    with { actors: Many<ProvisionActor> = "actor" } finish |provision| {
        let references = actors.into_iter().map(|actor| actor.and_then(|actor| actor.reference));
        provision.actors = references.collect::<Many<_>>().to_fact();
    }
}

#[derive(Deserialize)]
struct ProvisionActor {
    #[serde(default)]
    reference: Option<Reference>,
}

table! {
    Appointment {
        identifiers: Many<Identifier> = "identifier",
        status: Option<codes::AppointmentStatus> = "status",
        service_types: Many<CodeableReference> = "serviceType",
        description: Option<String> = "description",
        based_on: Many<Reference> = "basedOn",
        subject: Option<Reference> = "subject",
        start: Option<Instant> = "start",
        end: Option<Instant> = "end",
        requested_periods: Many<Period> = "requestedPeriod",
        created: Option<DateTime> = "created",
        participants: Many<AppointmentParticipant> = "participant",
    }
}

table! {
    AppointmentParticipant {
        types: Many<CodeableConcept> = "type",
        actor: Option<Reference> = "actor",
        required: Option<bool> = "required",
        status: Option<codes::ParticipationStatus> = "status",
        extensions: Vec<Extension> = "extension",
    }
}

table! {
    Goal {
        identifiers: Many<Identifier> = "identifier",
        lifecycle_status: Option<codes::GoalLifecycleStatus> = "lifecycleStatus",
        categories: Many<CodeableConcept> = "category",
        description: Option<CodeableConcept> = "description",
        subject: Option<Reference> = "subject",
        source: Option<Reference> = "source",
        addresses: Many<Reference> = "addresses",
    }
}

table! {
    ServiceRequest {
        identifiers: Many<Identifier> = "identifier",
        based_on: Many<Reference> = "basedOn",
        status: Option<codes::RequestStatus> = "status",
        intent: Option<codes::RequestIntent> = "intent",
        categories: Many<CodeableConcept> = "category",
        do_not_perform: Option<bool> = "doNotPerform",
        code: Option<CodeableReference> = "code",
        subject: Option<Reference> = "subject",
        authored_on: Option<DateTime> = "authoredOn",
        requester: Option<Reference> = "requester",
        performers: Many<Reference> = "performer",
        reasons: Many<CodeableReference> = "reason",
    }
    with {
        occurrence_date_time: Option<DateTime> = "occurrenceDateTime",
        occurrence_date_time_ext: Option<FieldExtension> = "_occurrenceDateTime",
        occurrence_period: Option<Period> = "occurrencePeriod",
        occurrence_timing: Option<Timing> = "occurrenceTiming",
        as_needed_boolean: Option<bool> = "asNeededBoolean",
        as_needed_concept: Option<CodeableConcept> = "asNeededCodeableConcept",
    }
    finish |request| {
        let period_extensions = occurrence_period.iter().flat_map(|period| &period.extension);
        let timing_extensions = occurrence_timing.iter().flat_map(|timing| &timing.extension);
        let of_elements = period_extensions.chain(timing_extensions).cloned().collect();
        request.occurrence_extensions = gathered(of_elements, [occurrence_date_time_ext]);
        request.occurrence = occurrence_date_time
            .map(|date| Occurrence::DateTime(date.to_fact()))
            .or_else(|| occurrence_period.map(|period| Occurrence::Period(period.to_fact())))
            .or_else(|| occurrence_timing.map(|timing| Occurrence::Timing(Box::new(timing.to_fact()))));
        request.as_needed = as_needed_boolean
            .map(AsNeeded::Boolean)
            .or_else(|| as_needed_concept.map(|concept| AsNeeded::Concept(concept.to_fact())));
    }
}

table! {
    Task {
        identifiers: Many<Identifier> = "identifier",
        based_on: Many<Reference> = "basedOn",
        part_of: Many<Reference> = "partOf",
        status: Option<codes::TaskStatus> = "status",
        status_reason: Option<CodeableReference> = "statusReason",
        business_status: Option<CodeableConcept> = "businessStatus",
        intent: Option<codes::TaskIntent> = "intent",
        do_not_perform: Option<bool> = "doNotPerform",
        code: Option<CodeableConcept> = "code",
        description: Option<String> = "description",
        focus: Option<Reference> = "focus",
        for_: Option<Reference> = "for",
        encounter: Option<Reference> = "encounter",
        requested_period: Option<Period> = "requestedPeriod",
        execution_period: Option<Period> = "executionPeriod",
        authored_on: Option<DateTime> = "authoredOn",
        last_modified: Option<DateTime> = "lastModified",
        requester: Option<Reference> = "requester",
        requested_performers: Many<CodeableReference> = "requestedPerformer",
        owner: Option<Reference> = "owner",
        reasons: Many<CodeableReference> = "reason",
    }
    with {
        restriction: Option<TaskRestriction> = "restriction",
        performers: Many<TaskPerformer> = "performer",
    }
    finish |task| {
        task.restriction_period = restriction.and_then(|restriction| restriction.period).to_fact();
        let actors = performers.into_iter().map(|performer| performer.and_then(|performer| performer.actor));
        task.performers = actors.collect::<Many<_>>().to_fact();
    }
}

#[derive(Deserialize)]
struct TaskRestriction {
    #[serde(default)]
    period: Option<Period>,
}

#[derive(Deserialize)]
struct TaskPerformer {
    #[serde(default)]
    actor: Option<Reference>,
}

table! {
    Encounter {
        identifiers: Many<Identifier> = "identifier",
        status: Option<codes::EncounterStatus> = "status",
        classes: Many<CodeableConcept> = "class",
        subject: Option<Reference> = "subject",
        episodes: Many<Reference> = "episodeOfCare",
        part_of: Option<Reference> = "partOf",
        service_provider: Option<Reference> = "serviceProvider",
        actual_period: Option<Period> = "actualPeriod",
    }
    with { admission: Option<Admission> = "admission" } finish |encounter| {
        if let Some(admission) = admission {
            encounter.discharge_disposition = admission.discharge_disposition.to_fact();
            encounter.admission_extensions = admission.extension.to_fact();
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Admission {
    #[serde(default)]
    discharge_disposition: Option<CodeableConcept>,
    #[serde(default)]
    extension: Vec<Extension>,
}

table! {
    EpisodeOfCare {
        identifiers: Many<Identifier> = "identifier",
        status: Option<codes::EpisodeOfCareStatus> = "status",
        types: Many<CodeableConcept> = "type",
        patient: Option<Reference> = "patient",
        managing_organization: Option<Reference> = "managingOrganization",
        period: Option<Period> = "period",
        care_manager: Option<Reference> = "careManager",
        care_teams: Many<Reference> = "careTeam",
    }
}

table! {
    Flag {
        identifiers: Many<Identifier> = "identifier",
        status: Option<codes::FlagStatus> = "status",
        categories: Many<CodeableConcept> = "category",
        code: Option<CodeableConcept> = "code",
        subject: Option<Reference> = "subject",
        period: Option<Period> = "period",
        author: Option<Reference> = "author",
    }
}

table! {
    Communication {
        identifiers: Many<Identifier> = "identifier",
        status: Option<codes::EventStatus> = "status",
        categories: Many<CodeableConcept> = "category",
        topic: Option<CodeableConcept> = "topic",
        subject: Option<Reference> = "subject",
        about: Many<Reference> = "about",
        recipients: Many<Reference> = "recipient",
        sender: Option<Reference> = "sender",
        sent: Option<DateTime> = "sent",
    }
}

table! {
    Questionnaire {
        identifiers: Many<Identifier> = "identifier",
        url: Option<String> = "url",
        version: Option<String> = "version",
        title: Option<String> = "title",
    }
}

table! {
    QuestionnaireResponse {
        identifiers: Many<Identifier> = "identifier",
        based_on: Many<Reference> = "basedOn",
        part_of: Many<Reference> = "partOf",
        questionnaire: Option<String> = "questionnaire",
        status: Option<codes::QuestionnaireResponseStatus> = "status",
        subject: Option<Reference> = "subject",
        authored: Option<DateTime> = "authored",
        author: Option<Reference> = "author",
    }
}

table! {
    Provenance {
        targets: Many<Reference> = "target",
        recorded: Option<Instant> = "recorded",
        activity: Option<CodeableConcept> = "activity",
        patient: Option<Reference> = "patient",
        agents: Many<ProvenanceAgent> = "agent",
    }
}

table! {
    ProvenanceAgent {
        type_: Option<CodeableConcept> = "type",
        who: Option<Reference> = "who",
        on_behalf_of: Option<Reference> = "onBehalfOf",
    }
}
