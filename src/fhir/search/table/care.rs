//! The rows of where the patient is cared for, what they need, what was told or asked, and who did it.

use crate::fhir::version::FhirVersion::{R4, R5};

use super::super::parameters::{
    Parameter, canonical, code, composite, concept, date, identifier, quantity, reference, string, text, uri,
};
use super::{ANY, ENCOUNTERS, GUIDES, PARTIES, PATIENT_OR_GROUP, PATIENTS, REQUESTERS};

/// Where the patient was, and when.
const LOCATION_PERIOD: &[Parameter] = &[
    reference!("location", ["location"], "Encounter-location", &["Location"]),
    date("period", &["period"], "Encounter-period"),
];

pub(super) const ENCOUNTER: &[Parameter] = &[
    reference!("account", ["account"], "Encounter-account", &["Account"]),
    reference!("appointment", ["appointment"], "Encounter-appointment", &["Appointment"]),
    reference!("based-on", ["basedOn"], "Encounter-based-on", &[
        "CarePlan", "DeviceRequest", "MedicationRequest", "ServiceRequest",
    ]),
    reference!("careteam", ["careTeam"], "Encounter-careteam", &["CareTeam"]).only(R5),
    concept("class", &["class"], "Encounter-class"),
    date("date", &["actualPeriod"], "clinical-date"),
    date("date-start", &["actualPeriod.start"], "Encounter-date-start").only(R5),
    reference!(
        "diagnosis" in "diagnosis-reference", ["diagnosis.condition.reference"], "Encounter-diagnosis", &[
            "Condition", "Procedure",
        ]
    ).only(R4),
    concept("diagnosis-code", &["diagnosis.condition.concept"], "Encounter-diagnosis-code").only(R5),
    // Procedure in R4 only.
    reference!("diagnosis-reference", ["diagnosis.condition.reference"], "Encounter-diagnosis-reference", &[
        "Condition", "Procedure",
    ]).only(R5),
    date("end-date", &["actualPeriod.end"], "Encounter-end-date").only(R5),
    reference!("episode-of-care", ["episodeOfCare"], "Encounter-episode-of-care", &["EpisodeOfCare"]),
    identifier!("identifier", ["identifier"], "clinical-identifier"),
    quantity("length", &["length"], "Encounter-length"),
    reference!("location", ["location.location"], "Encounter-location", &["Location"]),
    date("location-period", &["location.period"], "Encounter-location-period").only(R4),
    composite!("location-period", ["location"], "Encounter-location-period", LOCATION_PERIOD).only(R5),
    reference!("part-of", ["partOf"], "Encounter-part-of", ENCOUNTERS),
    reference!("participant", ["participant.actor"], "Encounter-participant", &[
        "Device", "Group", "HealthcareService", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson",
    ]),
    concept("participant-type", &["participant.type"], "Encounter-participant-type"),
    reference!("patient" in "subject", ["subject"], "clinical-patient", PATIENTS),
    reference!("practitioner" in "participant", ["participant.actor"], "Encounter-practitioner", &["Practitioner"]),
    concept("reason-code", &["reason.value.concept"], "Encounter-reason-code"),
    reference!("reason-reference", ["reason.value.reference"], "Encounter-reason-reference", &[
        "Condition", "DiagnosticReport", "ImmunizationRecommendation", "Observation", "Procedure",
    ]),
    reference!("service-provider", ["serviceProvider"], "Encounter-service-provider", &["Organization"]),
    concept("special-arrangement", &["specialArrangement"], "Encounter-special-arrangement"),
    code("status", &["status"], "Encounter-status", "http://hl7.org/fhir/encounter-status").only(R5),
    code("status", &["status"], "Encounter-status", "http://hl7.org/fhir/encounter-status")
        .as_r4_shows_it("status:r4", &["status", "subjectStatus"]),
    reference!("subject", ["subject"], "Encounter-subject", PATIENT_OR_GROUP),
    concept("subject-status", &["subjectStatus"], "Encounter-subject-status").only(R5),
    concept("type", &["type"], "clinical-type"),
];

pub(super) const EPISODE_OF_CARE: &[Parameter] = &[
    reference!("care-manager", ["careManager"], "EpisodeOfCare-care-manager", &["Practitioner"]),
    reference!(
        "condition" in "diagnosis-reference", ["diagnosis.condition.reference"], "EpisodeOfCare-condition",
        &["Condition"]
    ).only(R4),
    date("date", &["period"], "clinical-date"),
    concept("diagnosis-code", &["diagnosis.condition.concept"], "EpisodeOfCare-diagnosis-code").only(R5),
    reference!("diagnosis-reference", ["diagnosis.condition.reference"], "EpisodeOfCare-diagnosis-reference", &[
        "Condition",
    ]).only(R5),
    identifier!("identifier", ["identifier"], "clinical-identifier"),
    reference!("incoming-referral", ["referralRequest"], "EpisodeOfCare-incoming-referral", &["ServiceRequest"]),
    reference!("organization", ["managingOrganization"], "EpisodeOfCare-organization", &["Organization"]),
    reference!("patient", ["patient"], "clinical-patient", PATIENTS),
    concept("reason-code", &["reason.value.concept"], "EpisodeOfCare-reason-code").only(R5),
    reference!("reason-reference", ["reason.value.reference"], "EpisodeOfCare-reason-reference", &[
        "Condition", "HealthcareService", "Observation", "Procedure",
    ]).only(R5),
    code("status", &["status"], "EpisodeOfCare-status", "http://hl7.org/fhir/episode-of-care-status"),
    concept("type", &["type"], "clinical-type"),
];

pub(super) const FLAG: &[Parameter] = &[
    reference!("author", ["author"], "Flag-author", REQUESTERS),
    concept("category", &["category"], "Flag-category").only(R5),
    date("date", &["period"], "clinical-date"),
    reference!("encounter", ["encounter"], "clinical-encounter", ENCOUNTERS),
    identifier!("identifier", ["identifier"], "clinical-identifier").r4_definition("Flag-identifier"),
    reference!("patient" in "subject", ["subject"], "clinical-patient", PATIENTS),
    code("status", &["status"], "Flag-status", "http://hl7.org/fhir/flag-status").only(R5),
    reference!("subject", ["subject"], "Flag-subject", &[
        "Group", "Location", "Medication", "Organization", "Patient", "PlanDefinition", "Practitioner",
        "PractitionerRole", "Procedure", "RelatedPerson",
    ]),
];

pub(super) const COMMUNICATION: &[Parameter] = &[
    reference!("based-on", ["basedOn"], "Communication-based-on", ANY),
    concept("category", &["category"], "Communication-category"),
    reference!("encounter", ["encounter"], "clinical-encounter", ENCOUNTERS).r4_definition("Communication-encounter"),
    identifier!("identifier", ["identifier"], "clinical-identifier").r4_definition("Communication-identifier"),
    canonical("instantiates-canonical", &["instantiatesCanonical"], "Communication-instantiates-canonical", GUIDES),
    uri("instantiates-uri", &["instantiatesUri"], "Communication-instantiates-uri"),
    concept("medium", &["medium"], "Communication-medium"),
    reference!("part-of", ["partOf"], "Communication-part-of", ANY),
    reference!("patient" in "subject", ["subject"], "clinical-patient", PATIENTS)
        .r4_definition("Communication-patient"),
    date("received", &["received"], "Communication-received"),
    reference!("recipient", ["recipient"], "Communication-recipient", &[
        "CareTeam", "Device", "Endpoint", "Group", "HealthcareService", "Location", "Organization", "Patient",
        "Practitioner", "PractitionerRole", "RelatedPerson",
    ]),
    reference!("sender", ["sender"], "Communication-sender", &[
        "CareTeam", "Device", "Endpoint", "HealthcareService", "Organization", "Patient", "Practitioner",
        "PractitionerRole", "RelatedPerson",
    ]),
    date("sent", &["sent"], "Communication-sent"),
    code("status", &["status"], "Communication-status", "http://hl7.org/fhir/event-status"),
    reference!("subject", ["subject"], "Communication-subject", PATIENT_OR_GROUP),
    concept("topic", &["topic"], "Communication-topic").only(R5),
];

const CONTEXT_QUANTITY: &[Parameter] = &[
    concept("context-type", &["code"], "CanonicalResource-context-type"),
    quantity("context-quantity", &["valueQuantity", "valueRange"], "CanonicalResource-context-quantity"),
];
const CONTEXT_VALUE: &[Parameter] = &[
    concept("context-type", &["code"], "CanonicalResource-context-type"),
    concept("context", &["valueCodeableConcept"], "CanonicalResource-context"),
];

pub(super) const QUESTIONNAIRE: &[Parameter] = &[
    concept("code", &["item.code"], "Questionnaire-code").only(R4).shares("item-code"),
    concept("combo-code", &["code", "item.code"], "Questionnaire-combo-code").only(R5),
    concept("context", &["useContext.valueCodeableConcept"], "CanonicalResource-context")
        .r4_definition("Questionnaire-context"),
    quantity("context-quantity", &["useContext.valueQuantity", "useContext.valueRange"], "CanonicalResource-context-quantity")
        .r4_definition("Questionnaire-context-quantity"),
    concept("context-type", &["useContext.code"], "CanonicalResource-context-type")
        .r4_definition("Questionnaire-context-type"),
    composite!("context-type-quantity", ["useContext"], "CanonicalResource-context-type-quantity", CONTEXT_QUANTITY)
        .r4_definition("Questionnaire-context-type-quantity"),
    composite!("context-type-value", ["useContext"], "CanonicalResource-context-type-value", CONTEXT_VALUE)
        .r4_definition("Questionnaire-context-type-value"),
    date("date", &["date"], "CanonicalResource-date").r4_definition("Questionnaire-date"),
    uri("definition", &["item.definition"], "Questionnaire-definition"),
    string("description", &["description"], "CanonicalResource-description").r4_definition("Questionnaire-description"),
    date("effective", &["effectivePeriod"], "MetadataResource-effective").r4_definition("Questionnaire-effective"),
    identifier!("identifier", ["identifier"], "CanonicalResource-identifier")
        .r4_definition("Questionnaire-identifier"),
    concept("item-code", &["item.code"], "Questionnaire-item-code").only(R5),
    concept("jurisdiction", &["jurisdiction"], "CanonicalResource-jurisdiction")
        .r4_definition("Questionnaire-jurisdiction"),
    string("name", &["name"], "CanonicalResource-name").r4_definition("Questionnaire-name"),
    string("publisher", &["publisher"], "CanonicalResource-publisher").r4_definition("Questionnaire-publisher"),
    concept("questionnaire-code", &["code"], "Questionnaire-questionnaire-code").only(R5),
    code("status", &["status"], "CanonicalResource-status", "http://hl7.org/fhir/publication-status")
        .r4_definition("Questionnaire-status"),
    code("subject-type", &["subjectType"], "Questionnaire-subject-type", "http://hl7.org/fhir/resource-types")
        .only(R5),
    code("subject-type", &["subjectType"], "Questionnaire-subject-type", "http://hl7.org/fhir/resource-types")
        .as_r4_shows_it("subject-type:r4", &["subjectType"]),
    string("title", &["title"], "CanonicalResource-title").r4_definition("Questionnaire-title"),
    uri("url", &["url"], "CanonicalResource-url").r4_definition("Questionnaire-url"),
    text("version", &["version"], "CanonicalResource-version").r4_definition("Questionnaire-version"),
];

pub(super) const QUESTIONNAIRE_RESPONSE: &[Parameter] = &[
    reference!("author", ["author"], "QuestionnaireResponse-author", REQUESTERS),
    date("authored", &["authored"], "QuestionnaireResponse-authored"),
    reference!("based-on", ["basedOn"], "QuestionnaireResponse-based-on", &["CarePlan", "ServiceRequest"]),
    reference!("encounter", ["encounter"], "clinical-encounter", ENCOUNTERS)
        .r4_definition("QuestionnaireResponse-encounter"),
    identifier!("identifier", ["identifier"], "clinical-identifier").r4_definition("QuestionnaireResponse-identifier"),
    reference!("item-subject", ["item[extension.url=http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject].answer.valueReference"], "QuestionnaireResponse-item-subject", ANY)
        .r4_definition("questionnaireresponse-extensions-QuestionnaireResponse-item-subject"),
    reference!("part-of", ["partOf"], "QuestionnaireResponse-part-of", &["Observation", "Procedure"]),
    reference!("patient" in "subject", ["subject"], "clinical-patient", PATIENTS)
        .r4_definition("QuestionnaireResponse-patient"),
    canonical("questionnaire", &["questionnaire"], "QuestionnaireResponse-questionnaire", &["Questionnaire"]),
    reference!("source", ["source"], "QuestionnaireResponse-source", REQUESTERS),
    code(
        "status", &["status"], "QuestionnaireResponse-status", "http://hl7.org/fhir/questionnaire-answers-status"
    ),
    reference!("subject", ["subject"], "QuestionnaireResponse-subject", ANY),
];

pub(super) const PROVENANCE: &[Parameter] = &[
    concept("activity", &["activity"], "Provenance-activity").only(R5),
    reference!("agent", ["agent.who"], "Provenance-agent", PARTIES),
    concept("agent-role", &["agent.role"], "Provenance-agent-role"),
    concept("agent-type", &["agent.type"], "Provenance-agent-type"),
    reference!("based-on", ["basedOn"], "Provenance-based-on", &[
        "CarePlan", "DeviceRequest", "ImmunizationRecommendation", "MedicationRequest", "NutritionOrder",
        "ServiceRequest", "Task",
    ]).only(R5),
    reference!("encounter", ["encounter"], "clinical-encounter", ENCOUNTERS).only(R5),
    reference!("entity", ["entity.what"], "Provenance-entity", ANY),
    reference!("location", ["location"], "Provenance-location", &["Location"]),
    // R4 means a patient among the targets, R5 an element of its own.
    reference!("patient" in "target", ["target"], "Provenance-patient", PATIENTS).only(R4),
    reference!("patient", ["patient"], "clinical-patient", PATIENTS).only(R5),
    date("recorded", &["recorded"], "Provenance-recorded"),
    concept("signature-type", &["signature.type"], "Provenance-signature-type"),
    reference!("target", ["target"], "Provenance-target", ANY),
    date("when", &["occurredDateTime"], "Provenance-when"),
];
