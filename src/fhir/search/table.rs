//! The rows of the parameter table, a list per type, names in alphabetical order. Names, elements and definitions
//! are HL7's (packages hl7.fhir.r4.core 4.0.1 and hl7.fhir.r5.core 5.0.0); elements are given as they stand in R5, which is
//! what we store.
//! R4 parameters whose element has no place of its own in R5 (CarePlan.activity-code, Consent.scope, …) look at the
//! resource as R4 shows it: their paths are R4's.

use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion::{R4, R5};

use super::parameters::{EXT_ERSATT_FRAN,
    Kind, Parameter, boolean, canonical, canonical_uri, care_giver, care_unit, code, column, concept, contact, date, exists, identifier, quantity, reference, string, uri,
};

#[rustfmt::skip]
mod care;

/// The rows of one type, without [`COMMON`].
pub(super) fn of_type(kind: ResourceType) -> &'static [Parameter] {
    match kind {
        ResourceType::CareTeam => CARE_TEAM,
        ResourceType::CarePlan => CARE_PLAN,
        ResourceType::Patient => PATIENT,
        ResourceType::RelatedPerson => RELATED_PERSON,
        ResourceType::Practitioner => PRACTITIONER,
        ResourceType::PractitionerRole => PRACTITIONER_ROLE,
        ResourceType::Organization => ORGANIZATION,
        ResourceType::Condition => CONDITION,
        ResourceType::Consent => CONSENT,
        ResourceType::Appointment => APPOINTMENT,
        ResourceType::Goal => GOAL,
        ResourceType::ServiceRequest => SERVICE_REQUEST,
        ResourceType::Task => TASK,
        ResourceType::Encounter => care::ENCOUNTER,
        ResourceType::EpisodeOfCare => care::EPISODE_OF_CARE,
        ResourceType::Flag => care::FLAG,
        ResourceType::Communication => care::COMMUNICATION,
        ResourceType::Questionnaire => care::QUESTIONNAIRE,
        ResourceType::QuestionnaireResponse => care::QUESTIONNAIRE_RESPONSE,
        ResourceType::Provenance => care::PROVENANCE,
    }
}

/// Elements that hold the patient of the compartment (the shard key of a row); see [`super::extract::patient_of`].
///
/// HL7's Patient compartment (CompartmentDefinition/patient) may hold a resource in several compartments, a row has one
/// key: the element that says whom the resource is about comes first, and the others count when it names no patient.
/// A message without a subject belongs to the patient it went to or came from, answers without one to the patient who
/// gave them, and a provenance (R4 has no `patient` there) to the patient that it is about.
pub(super) fn patient_paths(kind: ResourceType) -> &'static [&'static str] {
    match kind {
        ResourceType::CareTeam
        | ResourceType::CarePlan
        | ResourceType::Condition
        | ResourceType::Consent
        | ResourceType::Goal
        | ResourceType::ServiceRequest
        | ResourceType::Encounter
        | ResourceType::Flag => &["subject"],
        ResourceType::RelatedPerson | ResourceType::EpisodeOfCare => &["patient"],
        ResourceType::Communication => &["subject", "recipient", "sender"],
        ResourceType::QuestionnaireResponse => &["subject", "author"],
        ResourceType::Provenance => &["patient", "target"],
        ResourceType::Task => &["for"],
        ResourceType::Appointment => &["subject", "participant.actor"],
        ResourceType::Patient
        | ResourceType::Practitioner
        | ResourceType::PractitionerRole
        | ResourceType::Organization
        | ResourceType::Questionnaire => &[],
    }
}

/// Whether resources of the type belong to a patient; those of the others belong to nobody.
pub fn has_patient(kind: ResourceType) -> bool {
    kind == ResourceType::Patient || !patient_paths(kind).is_empty()
}

/// The date parameters (names in the index) that tell when care was given, or is planned, for `$everything` between two days.
/// Types that are not here hold whatever the day: a diagnosis, a goal, a consent, a relative. A Provenance goes with what it
/// tells of.
pub const CARE_DATES: &[(ResourceType, &[&str])] = &[
    (ResourceType::Appointment, &["date"]),
    (ResourceType::CarePlan, &["date"]),
    (ResourceType::CareTeam, &["date"]),
    (ResourceType::Communication, &["received", "sent"]),
    (ResourceType::Encounter, &["date"]),
    (ResourceType::EpisodeOfCare, &["date"]),
    (ResourceType::Flag, &["date"]),
    (ResourceType::QuestionnaireResponse, &["authored"]),
    (ResourceType::ServiceRequest, &["occurrence"]),
    (ResourceType::Task, &["period"]),
];

/// Parameters of every type.
pub(super) const COMMON: &[Parameter] = &[
    column("_id", Kind::Id, "Resource-id"),
    code("_language", &["language"], "Resource-language", "urn:ietf:bcp:47").only(R5),
    column("_lastUpdated", Kind::LastUpdated, "Resource-lastUpdated"),
    canonical("_profile", &["meta.profile"], "Resource-profile", &["StructureDefinition"]).only(R5),
    canonical_uri("_profile", &["meta.profile"], "Resource-profile").only(R4),
    concept("_security", &["meta.security"], "Resource-security"),
    uri("_source", &["meta.source"], "Resource-source"),
    concept("_tag", &["meta.tag"], "Resource-tag"),
];

// Types that references may point at, where several parameters have the same.
const ANY: &[&str] = &[];
const PATIENTS: &[&str] = &["Patient"];
const PATIENT_OR_GROUP: &[&str] = &["Group", "Patient"];
const ENCOUNTERS: &[&str] = &["Encounter"];
const PERFORMERS: &[&str] =
    &["CareTeam", "Device", "HealthcareService", "Organization", "Patient", "Practitioner", "PractitionerRole",
      "RelatedPerson"];
const MEMBERS: &[&str] = &["CareTeam", "Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson"];
const PARTIES: &[&str] =
    &["CareTeam", "Device", "Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson"];
const REQUESTERS: &[&str] = &["Device", "Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson"];
const CONTROLLERS: &[&str] = &["HealthcareService", "Organization", "Patient", "Practitioner"];
/// What plans and messages follow.
const GUIDES: &[&str] = &["ActivityDefinition", "Measure", "OperationDefinition", "PlanDefinition", "Questionnaire"];

/// The parts of an Address and of a HumanName that have parameters of their own.
const ADDRESS: &[&str] = &["address-city", "address-country", "address-postalcode", "address-state"];
const FAMILY_AND_GIVEN: &[&str] = &["family", "given"];

/// Where a CareTeam tells its vårdenhet.
const UNIT_PATHS: &[&str] = &["managingOrganization", "participant.member"];

const CARE_TEAM: &[Parameter] = &[
    care_giver(UNIT_PATHS),
    care_unit(UNIT_PATHS),
    concept("category", &["category"], "CareTeam-category"),
    date("date", &["period"], "clinical-date").cut_by(EXT_ERSATT_FRAN),
    reference!("encounter", ["encounter"], "CareTeam-encounter", ENCOUNTERS).shown_from(&["extension"]),
    identifier!("identifier", ["identifier"], "clinical-identifier"),
    string("name", &["name"], "CareTeam-name").only(R5),
    reference!("participant", ["participant.member"], "CareTeam-participant", MEMBERS),
    date("participant-end", &[
        "participant.coveragePeriod.end", "participant.coverageTiming.repeat.boundsPeriod.end",
    ], "CareTeam-participant-end").own(),
    date("participant-start", &[
        "participant.coveragePeriod.start", "participant.coverageTiming.repeat.boundsPeriod.start",
    ], "CareTeam-participant-start").own(),
    reference!("patient" in "subject", ["subject"], "clinical-patient", PATIENTS),
    concept("role", &["participant.role"], "CareTeam-role").own(),
    code("status", &["status"], "CareTeam-status", "http://hl7.org/fhir/care-team-status"),
    reference!("subject", ["subject"], "CareTeam-subject", PATIENT_OR_GROUP),
];

/// What an activity's detail of R4 is made of: a contained resource, and what R5 has no place for.
const DETAIL: &[&str] = &["activity", "contained", "subject"];

const CARE_PLAN: &[Parameter] = &[
    concept("activity-code", &["activity.detail.code"], "CarePlan-activity-code").shown_from(DETAIL),
    date("activity-date", &["activity.detail.scheduledTiming", "activity.detail.scheduledPeriod"], "CarePlan-activity-date")
        .shown_from(DETAIL),
    reference!("activity-reference", ["activity.plannedActivityReference"], "CarePlan-activity-reference", &[
        "Appointment", "CommunicationRequest", "DeviceRequest", "ImmunizationRecommendation", "MedicationRequest",
        "NutritionOrder", "RequestGroup", "RequestOrchestration", "ServiceRequest", "SupplyRequest", "Task",
        "VisionPrescription",
    ]),
    // What R4 calls author is R5's custodian; HL7 has a parameter for R5's name only.
    reference!("author" in "custodian", ["custodian"], "CarePlan-author", PARTIES).own(),
    reference!("based-on", ["basedOn"], "CarePlan-based-on", &[
        "CarePlan", "NutritionOrder", "RequestOrchestration", "ServiceRequest",
    ]),
    reference!("care-team", ["careTeam"], "CarePlan-care-team", &["CareTeam"]),
    concept("category", &["category"], "CarePlan-category"),
    reference!("condition", ["addresses.reference"], "CarePlan-condition", &["Condition"]),
    reference!("contributor", ["contributor"], "CarePlan-contributor", PARTIES).own(),
    date("created", &["created"], "CarePlan-created").own(),
    reference!("custodian", ["custodian"], "CarePlan-custodian", PARTIES).only(R5),
    date("date", &["period"], "clinical-date"),
    reference!("encounter", ["encounter"], "clinical-encounter", ENCOUNTERS).r4_definition("CarePlan-encounter"),
    reference!("goal", ["goal"], "CarePlan-goal", &["Goal"]),
    identifier!("identifier", ["identifier"], "clinical-identifier"),
    canonical("instantiates-canonical", &["instantiatesCanonical"], "CarePlan-instantiates-canonical", GUIDES),
    uri("instantiates-uri", &["instantiatesUri"], "CarePlan-instantiates-uri"),
    code("intent", &["intent"], "CarePlan-intent", "http://hl7.org/fhir/request-intent").only(R5),
    code("intent", &["intent"], "CarePlan-intent", "http://hl7.org/fhir/request-intent").as_r4_shows_it("intent:r4", &["intent"]),
    reference!("part-of", ["partOf"], "CarePlan-part-of", &["CarePlan"]),
    reference!("patient" in "subject", ["subject"], "clinical-patient", PATIENTS),
    reference!("performer", ["activity.detail.performer"], "CarePlan-performer", PERFORMERS).shown_from(DETAIL),
    reference!("replaces", ["replaces"], "CarePlan-replaces", &["CarePlan"]),
    code("status", &["status"], "CarePlan-status", "http://hl7.org/fhir/request-status"),
    reference!("subject", ["subject"], "CarePlan-subject", PATIENT_OR_GROUP),
];

const PATIENT: &[Parameter] = &[
    boolean("active", &["active"], "Patient-active"),
    string("address", &["address.text", "address.line", "address.district"], "individual-address").also(ADDRESS),
    string("address-city", &["address.city"], "individual-address-city"),
    string("address-country", &["address.country"], "individual-address-country"),
    string("address-postalcode", &["address.postalCode"], "individual-address-postalcode"),
    string("address-state", &["address.state"], "individual-address-state"),
    code("address-use", &["address.use"], "individual-address-use", "http://hl7.org/fhir/address-use"),
    date("birthdate", &["birthDate"], "individual-birthdate"),
    date("death-date", &["deceasedDateTime"], "Patient-death-date"),
    exists("deceased", &["deceasedBoolean", "deceasedDateTime"], "Patient-deceased"),
    contact("email", &["telecom[system=email]"], "individual-email"),
    string("family", &["name.family"], "individual-family"),
    code("gender", &["gender"], "individual-gender", "http://hl7.org/fhir/administrative-gender"),
    reference!("general-practitioner", ["generalPractitioner"], "Patient-general-practitioner", &[
        "Organization", "Practitioner", "PractitionerRole",
    ]),
    string("given", &["name.given"], "individual-given"),
    identifier!("identifier", ["identifier"], "Patient-identifier"),
    concept("language", &["communication.language"], "Patient-language"),
    reference!("link", ["link.other"], "Patient-link", &["Patient", "RelatedPerson"]),
    string("name", &["name.text", "name.prefix", "name.suffix"], "Patient-name").also(FAMILY_AND_GIVEN),
    reference!("organization", ["managingOrganization"], "Patient-organization", &["Organization"]),
    // HL7's example of a parameter on an extension; R4's looks at a DocumentReference.
    reference!(
        "part-agree", ["extension[url=http://example.org/fhir/StructureDefinition/participation-agreement].valueReference"],
        "example-extension", &["DocumentReference"]
    ).only(R5),
    contact("phone", &["telecom[system=phone]"], "individual-phone"),
    string("phonetic", &["name.text", "name.prefix", "name.suffix"], "individual-phonetic").shares("name").also(FAMILY_AND_GIVEN),
    contact("telecom", &["telecom"], "individual-telecom"),
];

const RELATED_PERSON: &[Parameter] = &[
    boolean("active", &["active"], "RelatedPerson-active"),
    string("address", &["address.text", "address.line", "address.district"], "individual-address").also(ADDRESS),
    string("address-city", &["address.city"], "individual-address-city"),
    string("address-country", &["address.country"], "individual-address-country"),
    string("address-postalcode", &["address.postalCode"], "individual-address-postalcode"),
    string("address-state", &["address.state"], "individual-address-state"),
    code("address-use", &["address.use"], "individual-address-use", "http://hl7.org/fhir/address-use"),
    date("birthdate", &["birthDate"], "individual-birthdate"),
    contact("email", &["telecom[system=email]"], "individual-email"),
    string("family", &["name.family"], "RelatedPerson-family").only(R5),
    code("gender", &["gender"], "individual-gender", "http://hl7.org/fhir/administrative-gender"),
    string("given", &["name.given"], "RelatedPerson-given").only(R5),
    identifier!("identifier", ["identifier"], "clinical-identifier").r4_definition("RelatedPerson-identifier"),
    string("name", &["name.text", "name.prefix", "name.suffix"], "RelatedPerson-name").also(FAMILY_AND_GIVEN),
    reference!("patient", ["patient"], "clinical-patient", PATIENTS).r4_definition("RelatedPerson-patient"),
    contact("phone", &["telecom[system=phone]"], "individual-phone"),
    string("phonetic", &["name.text", "name.prefix", "name.suffix"], "individual-phonetic").shares("name").also(FAMILY_AND_GIVEN),
    concept("relationship", &["relationship"], "RelatedPerson-relationship"),
    contact("telecom", &["telecom"], "individual-telecom"),
];

const PRACTITIONER: &[Parameter] = &[
    boolean("active", &["active"], "Practitioner-active"),
    string("address", &["address.text", "address.line", "address.district"], "individual-address").also(ADDRESS),
    string("address-city", &["address.city"], "individual-address-city"),
    string("address-country", &["address.country"], "individual-address-country"),
    string("address-postalcode", &["address.postalCode"], "individual-address-postalcode"),
    string("address-state", &["address.state"], "individual-address-state"),
    code("address-use", &["address.use"], "individual-address-use", "http://hl7.org/fhir/address-use"),
    concept("communication", &["communication.language"], "Practitioner-communication"),
    date("death-date", &["deceasedDateTime"], "Practitioner-death-date").only(R5),
    exists("deceased", &["deceasedBoolean", "deceasedDateTime"], "Practitioner-deceased").only(R5),
    contact("email", &["telecom[system=email]"], "individual-email"),
    string("family", &["name.family"], "individual-family"),
    code("gender", &["gender"], "individual-gender", "http://hl7.org/fhir/administrative-gender"),
    string("given", &["name.given"], "individual-given"),
    identifier!("identifier", ["identifier", "qualification.identifier"], "Practitioner-identifier"),
    string("name", &["name.text", "name.prefix", "name.suffix"], "Practitioner-name").also(FAMILY_AND_GIVEN),
    contact("phone", &["telecom[system=phone]"], "individual-phone"),
    string("phonetic", &["name.text", "name.prefix", "name.suffix"], "individual-phonetic").shares("name").also(FAMILY_AND_GIVEN),
    date("qualification-period", &["qualification.period"], "Practitioner-qualification-period").only(R5),
    contact("telecom", &["telecom"], "individual-telecom"),
];

const PRACTITIONER_ROLE: &[Parameter] = &[
    boolean("active", &["active"], "PractitionerRole-active"),
    concept("characteristic", &["characteristic"], "PractitionerRole-characteristic").only(R5),
    concept("communication", &["communication"], "PractitionerRole-communication").only(R5),
    date("date", &["period"], "PractitionerRole-date"),
    contact("email", &["contact.telecom[system=email]"], "individual-email"),
    reference!("endpoint", ["endpoint"], "PractitionerRole-endpoint", &["Endpoint"]),
    identifier!("identifier", ["identifier"], "PractitionerRole-identifier"),
    reference!("location", ["location"], "PractitionerRole-location", &["Location"]),
    reference!("organization", ["organization"], "PractitionerRole-organization", &["Organization"]),
    contact("phone", &["contact.telecom[system=phone]"], "individual-phone"),
    reference!("practitioner", ["practitioner"], "PractitionerRole-practitioner", &["Practitioner"]),
    concept("role", &["code"], "PractitionerRole-role"),
    reference!("service", ["healthcareService"], "PractitionerRole-service", &["HealthcareService"]),
    concept("specialty", &["specialty"], "PractitionerRole-specialty"),
    contact("telecom", &["contact.telecom"], "individual-telecom"),
];

const ORGANIZATION: &[Parameter] = &[
    boolean("active", &["active"], "Organization-active"),
    string("address", &["contact.address.text", "contact.address.line", "contact.address.district"], "Organization-address").also(ADDRESS),
    string("address-city", &["contact.address.city"], "Organization-address-city"),
    string("address-country", &["contact.address.country"], "Organization-address-country"),
    string("address-postalcode", &["contact.address.postalCode"], "Organization-address-postalcode"),
    string("address-state", &["contact.address.state"], "Organization-address-state"),
    code("address-use", &["contact.address.use"], "Organization-address-use", "http://hl7.org/fhir/address-use"),
    reference!("endpoint", ["endpoint"], "Organization-endpoint", &["Endpoint"]),
    identifier!("identifier", ["identifier", "qualification.identifier"], "Organization-identifier"),
    string("name", &["name", "alias"], "Organization-name"),
    reference!("partof", ["partOf"], "Organization-partof", &["Organization"]),
    // As the name: no algorithm of sounds is ours, and the folding is mild already.
    string("phonetic", &["name", "alias"], "Organization-phonetic").shares("name"),
    concept("type", &["type"], "Organization-type"),
];

const CONDITION: &[Parameter] = &[
    quantity("abatement-age", &["abatementAge", "abatementRange"], "Condition-abatement-age"),
    date("abatement-date", &["abatementDateTime", "abatementPeriod"], "Condition-abatement-date"),
    string("abatement-string", &["abatementString"], "Condition-abatement-string"),
    reference!("asserter", ["asserter"], "Condition-asserter", &[
        "Patient", "Practitioner", "PractitionerRole", "RelatedPerson",
    ]).shown_from(&["participant", "extension"]),
    concept("body-site", &["bodySite"], "Condition-body-site"),
    concept("category", &["category"], "Condition-category"),
    concept("clinical-status", &["clinicalStatus"], "Condition-clinical-status"),
    concept("code", &["code"], "clinical-code"),
    reference!("encounter", ["encounter"], "clinical-encounter", ENCOUNTERS).r4_definition("Condition-encounter"),
    concept("evidence", &["evidence.concept"], "Condition-evidence"),
    reference!("evidence-detail", ["evidence.reference"], "Condition-evidence-detail", ANY),
    identifier!("identifier", ["identifier"], "clinical-identifier"),
    quantity("onset-age", &["onsetAge", "onsetRange"], "Condition-onset-age"),
    date("onset-date", &["onsetDateTime", "onsetPeriod"], "Condition-onset-date"),
    string("onset-info", &["onsetString"], "Condition-onset-info"),
    reference!("participant-actor", ["participant.actor"], "Condition-participant-actor", PARTIES).only(R5),
    concept("participant-function", &["participant.function"], "Condition-participant-function").only(R5),
    reference!("patient" in "subject", ["subject"], "clinical-patient", PATIENTS),
    date("recorded-date", &["recordedDate"], "Condition-recorded-date"),
    concept("severity", &["severity"], "Condition-severity"),
    concept("stage", &["stage.summary"], "Condition-stage"),
    reference!("subject", ["subject"], "Condition-subject", PATIENT_OR_GROUP),
    concept("verification-status", &["verificationStatus"], "Condition-verification-status"),
];

const CONSENT_ACTORS: &[&str] =
    &["CareTeam", "Device", "Group", "Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson"];

/// What R4's root provision is made of, which R5 lacks. R4's own rows look at the root, as HL7's expressions have it, and
/// at the exceptions within it, which are all there is in R5.
const ROOT_PROVISION: &[&str] = &["decision", "extension", "period", "provision"];

const CONSENT: &[Parameter] = &[
    concept("action", &["provision.action"], "Consent-action").only(R5),
    concept("action", &["provision.action", "provision.provision.action"], "Consent-action")
        .as_r4_shows_it("action:r4", ROOT_PROVISION),
    reference!("actor", ["provision.actor.reference"], "Consent-actor", CONSENT_ACTORS).only(R5),
    reference!(
        "actor" in "actor:r4", ["provision.actor.reference", "provision.provision.actor.reference"], "Consent-actor",
        CONSENT_ACTORS
    ).shown_from(ROOT_PROVISION),
    concept("category", &["category"], "Consent-category"),
    // Who gives and who receives are performers in R4.
    reference!("consentor", ["grantor", "grantee"], "Consent-consentor", &[
        "Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson",
    ]).only(R4),
    reference!("controller", ["controller"], "Consent-controller", CONTROLLERS).only(R5),
    date("date", &["date"], "clinical-date"),
    reference!("data", ["provision.data.reference"], "Consent-data", ANY).only(R5),
    reference!("data" in "data:r4", ["provision.data.reference", "provision.provision.data.reference"], "Consent-data", ANY)
        .shown_from(ROOT_PROVISION),
    reference!("grantee", ["grantee"], "Consent-grantee", &[
        "CareTeam", "HealthcareService", "Organization", "Patient", "Practitioner", "PractitionerRole",
        "RelatedPerson",
    ]).only(R5),
    identifier!("identifier", ["identifier"], "clinical-identifier"),
    reference!("manager", ["manager"], "Consent-manager", CONTROLLERS).only(R5),
    reference!("organization" in "manager", ["manager"], "Consent-organization", &["Organization"]).only(R4),
    reference!("patient" in "subject", ["subject"], "clinical-patient", PATIENTS),
    date("period", &["provision.period"], "Consent-period").only(R5),
    date("period", &["provision.period", "provision.provision.period"], "Consent-period")
        .as_r4_shows_it("period:r4", ROOT_PROVISION),
    concept("purpose", &["provision.purpose"], "Consent-purpose").only(R5),
    concept("purpose", &["provision.purpose", "provision.provision.purpose"], "Consent-purpose")
        .as_r4_shows_it("purpose:r4", ROOT_PROVISION),
    concept("scope", &["scope"], "Consent-scope").shown_from(&["category", "extension"]),
    concept("security-label", &["provision.securityLabel"], "Consent-security-label").only(R5),
    concept("security-label", &["provision.securityLabel", "provision.provision.securityLabel"], "Consent-security-label")
        .as_r4_shows_it("security-label:r4", ROOT_PROVISION),
    reference!("source-reference", ["sourceReference"], "Consent-source-reference", &[
        "Consent", "Contract", "DocumentReference", "QuestionnaireResponse",
    ]),
    code("status", &["status"], "Consent-status", "http://hl7.org/fhir/consent-state-codes").only(R5),
    code("status", &["status"], "Consent-status", "http://hl7.org/fhir/consent-state-codes")
        .as_r4_shows_it("status:r4", &["status"]),
    reference!("subject", ["subject"], "Consent-subject", &["Group", "Patient", "Practitioner"]).only(R5),
    boolean("verified", &["verification.verified"], "Consent-verified").only(R5),
    date("verified-date", &["verification.verificationDate"], "Consent-verified-date").only(R5),
];

const APPOINTMENT: &[Parameter] = &[
    reference!("actor", ["participant.actor"], "Appointment-actor", &[
        "CareTeam", "Device", "Group", "HealthcareService", "Location", "Patient", "Practitioner",
        "PractitionerRole", "RelatedPerson",
    ]),
    concept("appointment-type", &["appointmentType"], "Appointment-appointment-type"),
    reference!("based-on", ["basedOn"], "Appointment-based-on", &[
        "CarePlan", "DeviceRequest", "MedicationRequest", "ServiceRequest",
    ]),
    date("date", &["start", "requestedPeriod.start"], "clinical-date").r4_definition("Appointment-date"),
    reference!("group", ["participant.actor", "subject"], "Appointment-group", &["Group"]).only(R5),
    identifier!("identifier", ["identifier"], "clinical-identifier").r4_definition("Appointment-identifier"),
    reference!("location" in "actor", ["participant.actor"], "Appointment-location", &["Location"]),
    code("part-status", &["participant.status"], "Appointment-part-status", "http://hl7.org/fhir/participationstatus"),
    reference!("patient", ["participant.actor", "subject"], "clinical-patient", PATIENTS)
        .r4_definition("Appointment-patient"),
    reference!("practitioner" in "actor", ["participant.actor"], "Appointment-practitioner", &["Practitioner"]),
    concept("reason-code", &["reason.concept"], "Appointment-reason-code"),
    reference!("reason-reference", ["reason.reference"], "Appointment-reason-reference", &[
        "Condition", "ImmunizationRecommendation", "Observation", "Procedure",
    ]),
    date("requested-period", &["requestedPeriod"], "Appointment-requested-period").only(R5),
    concept("service-category", &["serviceCategory"], "Appointment-service-category"),
    concept("service-type", &["serviceType.concept"], "Appointment-service-type"),
    reference!("service-type-reference", ["serviceType.reference"], "Appointment-service-type-reference", &[
        "HealthcareService",
    ]).only(R5),
    reference!("slot", ["slot"], "Appointment-slot", &["Slot"]),
    concept("specialty", &["specialty"], "Appointment-specialty"),
    code("status", &["status"], "Appointment-status", "http://hl7.org/fhir/appointmentstatus"),
    reference!("subject", ["subject"], "Appointment-subject", PATIENT_OR_GROUP).only(R5),
    reference!("supporting-info", ["supportingInformation"], "Appointment-supporting-info", ANY),
];

const GOAL: &[Parameter] = &[
    concept("achievement-status", &["achievementStatus"], "Goal-achievement-status"),
    reference!("addresses", ["addresses"], "Goal-addresses", &[
        "Condition", "MedicationRequest", "MedicationStatement", "NutritionOrder", "Observation", "Procedure",
        "RiskAssessment", "ServiceRequest",
    ]).only(R5),
    concept("category", &["category"], "Goal-category"),
    concept("description", &["description"], "Goal-description").only(R5),
    identifier!("identifier", ["identifier"], "clinical-identifier"),
    code("lifecycle-status", &["lifecycleStatus"], "Goal-lifecycle-status", "http://hl7.org/fhir/goal-status"),
    reference!("patient" in "subject", ["subject"], "clinical-patient", PATIENTS),
    date("start-date", &["startDate"], "Goal-start-date"),
    reference!("subject", ["subject"], "Goal-subject", &["Group", "Organization", "Patient"]),
    date("target-date", &["target.dueDate"], "Goal-target-date"),
    concept("target-measure", &["target.measure"], "Goal-target-measure").only(R5),
];

const SERVICE_REQUEST: &[Parameter] = &[
    date("authored", &["authoredOn"], "ServiceRequest-authored"),
    reference!("based-on", ["basedOn"], "ServiceRequest-based-on", &[
        "CarePlan", "MedicationRequest", "ServiceRequest",
    ]),
    concept("body-site", &["bodySite"], "ServiceRequest-body-site"),
    reference!("body-structure", ["bodyStructure"], "ServiceRequest-body-structure", &["BodyStructure"]).only(R5),
    concept("category", &["category"], "ServiceRequest-category"),
    concept("code", &["code.concept"], "clinical-code").only(R4).shares("code-concept"),
    concept("code-concept", &["code.concept"], "ServiceRequest-code-concept").only(R5),
    reference!("code-reference", ["code.reference"], "ServiceRequest-code-reference", &[
        "ActivityDefinition", "PlanDefinition",
    ]).only(R5),
    reference!("encounter", ["encounter"], "clinical-encounter", &["Encounter", "EpisodeOfCare"]),
    identifier!("identifier", ["identifier"], "clinical-identifier"),
    canonical("instantiates-canonical", &["instantiatesCanonical"], "ServiceRequest-instantiates-canonical", &[
        "ActivityDefinition", "PlanDefinition",
    ]),
    uri("instantiates-uri", &["instantiatesUri"], "ServiceRequest-instantiates-uri"),
    code("intent", &["intent"], "ServiceRequest-intent", "http://hl7.org/fhir/request-intent"),
    date("occurrence", &["occurrenceDateTime", "occurrencePeriod", "occurrenceTiming"], "ServiceRequest-occurrence"),
    reference!("patient" in "subject", ["subject"], "clinical-patient", PATIENTS),
    reference!("performer", ["performer"], "ServiceRequest-performer", PERFORMERS),
    concept("performer-type", &["performerType"], "ServiceRequest-performer-type"),
    code("priority", &["priority"], "ServiceRequest-priority", "http://hl7.org/fhir/request-priority"),
    reference!("replaces", ["replaces"], "ServiceRequest-replaces", &["ServiceRequest"]),
    reference!("requester", ["requester"], "ServiceRequest-requester", REQUESTERS),
    identifier!("requisition", ["requisition"], "ServiceRequest-requisition"),
    reference!("specimen", ["specimen"], "ServiceRequest-specimen", &["Specimen"]),
    code("status", &["status"], "ServiceRequest-status", "http://hl7.org/fhir/request-status"),
    reference!("subject", ["subject"], "ServiceRequest-subject", &["Device", "Group", "Location", "Patient"]),
];

const TASK: &[Parameter] = &[
    reference!("actor", ["performer.actor"], "Task-actor", MEMBERS).only(R5),
    date("authored-on", &["authoredOn"], "Task-authored-on"),
    reference!("based-on", ["basedOn"], "Task-based-on", ANY),
    concept("business-status", &["businessStatus"], "Task-business-status"),
    concept("code", &["code"], "clinical-code").r4_definition("Task-code"),
    reference!("encounter", ["encounter"], "clinical-encounter", ENCOUNTERS).r4_definition("Task-encounter"),
    reference!("focus", ["focus"], "Task-focus", ANY),
    identifier!("group-identifier", ["groupIdentifier"], "Task-group-identifier"),
    identifier!("identifier", ["identifier"], "clinical-identifier").r4_definition("Task-identifier"),
    code("intent", &["intent"], "Task-intent", "http://hl7.org/fhir/request-intent"),
    date("modified", &["lastModified"], "Task-modified"),
    reference!("output", ["output.valueReference"], "Task-output", ANY).only(R5),
    reference!("owner", ["owner"], "Task-owner", PERFORMERS),
    reference!("part-of", ["partOf"], "Task-part-of", &["Task"]),
    reference!("patient" in "subject", ["for"], "clinical-patient", PATIENTS).r4_definition("Task-patient"),
    concept("performer", &["requestedPerformer.concept"], "Task-performer"),
    date("period", &["executionPeriod"], "Task-period"),
    code("priority", &["priority"], "Task-priority", "http://hl7.org/fhir/request-priority"),
    reference!(
        "requestedperformer-reference", ["requestedPerformer.reference"], "Task-requestedperformer-reference", PERFORMERS
    ).only(R5),
    reference!("requester", ["requester"], "Task-requester", REQUESTERS),
    code("status", &["status"], "Task-status", "http://hl7.org/fhir/task-status"),
    reference!("subject", ["for"], "Task-subject", ANY),
];
