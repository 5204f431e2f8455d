//! The data of the conversion: which element of R4 is which of R5, where the names or the shapes differ. What stands
//! in no row and has the same name and type in both versions maps straight; anything else travels by carrier.
//! Sources: the R5 specification's "differences from R4" tabs and HL7's cross-version guides (xver-r4.r5 0.1.0).

use super::special::Special;
use super::{
    care_plan, care_team, condition, consent, embedded, encounter, gather, organization, questionnaire, small, task,
};

/// One row: R4 name first.
pub(super) enum Row {
    /// The same content under another name.
    Rename(&'static str, &'static str),
    /// The R4 value is one member of the R5 element: `code` ↔ `code.concept`.
    Wrap {
        r4: &'static str,
        r5: &'static str,
        member: &'static str,
    },
    /// R4 `reasonCode` and `reasonReference` ↔ R5 `reason` (list of CodeableReference).
    Merge {
        code: &'static str,
        reference: &'static str,
        r5: &'static str,
    },
    /// The R4 choice `itemCodeableConcept` | `itemReference` ↔ R5 `item` (CodeableReference).
    MergeChoice {
        code: &'static str,
        reference: &'static str,
        r5: &'static str,
    },
    /// Rules that need more than one element at a time.
    Special(&'static Special),
}

use Row::{Merge, MergeChoice, Rename, Wrap};

/// The rows of a type; where the type's own name differs, both are given.
pub(super) struct TypeRows {
    pub r4: &'static str,
    pub r5: &'static str,
    pub rows: &'static [Row],
}

const fn same(name: &'static str, rows: &'static [Row]) -> TypeRows {
    TypeRows {
        r4: name,
        r5: name,
        rows,
    }
}

const REASON: Row = Merge {
    code: "reasonCode",
    reference: "reasonReference",
    r5: "reason",
};

const CONTENT: Row = Wrap {
    r4: "contentString",
    r5: "contentCodeableConcept",
    member: "text",
};

const fn concept(name: &'static str) -> Row {
    Wrap {
        r4: name,
        r5: name,
        member: "concept",
    }
}

const fn reference(name: &'static str) -> Row {
    Wrap {
        r4: name,
        r5: name,
        member: "reference",
    }
}

pub(super) static TYPES: &[TypeRows] = &[
    same("Address", &[Row::Special(&organization::HOME)]),
    same(
        "Appointment",
        &[
            Rename("cancelationReason", "cancellationReason"),
            REASON,
            concept("serviceType"),
            Wrap {
                r4: "comment",
                r5: "note",
                member: "text",
            },
            Row::Special(&embedded::PATIENT_INSTRUCTION),
            Row::Special(&small::APPOINTMENT_CANCELLATION),
        ],
    ),
    same("Appointment.participant", &[Row::Special(&small::APPOINTMENT_REQUIRED)]),
    same("CarePlan", &[Rename("author", "custodian"), reference("addresses")]),
    same(
        "CarePlan.activity",
        &[
            Merge {
                code: "outcomeCodeableConcept",
                reference: "outcomeReference",
                r5: "performedActivity",
            },
            Row::Special(&care_plan::CARE_PLAN_ACTIVITY),
        ],
    ),
    same("CareTeam", &[REASON]),
    same(
        "CareTeam.participant",
        &[
            Rename("period", "coveragePeriod"),
            Row::Special(&care_team::CARE_TEAM_ROLE),
        ],
    ),
    same("Communication", &[REASON]),
    same("Communication.payload", &[CONTENT]),
    same(
        "CommunicationRequest",
        &[Rename("sender", "informationProvider"), REASON],
    ),
    same("CommunicationRequest.payload", &[CONTENT]),
    same(
        "Condition",
        &[
            Row::Special(&condition::CONDITION_STATUS),
            Row::Special(&condition::CONDITION_PARTICIPANT),
        ],
    ),
    TypeRows {
        r4: "Condition.evidence",
        r5: "CodeableReference",
        rows: &[
            Rename("code", "concept"),
            Rename("detail", "reference"),
            Row::Special(&condition::EVIDENCE),
        ],
    },
    same(
        "Consent",
        &[
            Rename("patient", "subject"),
            Rename("organization", "manager"),
            Rename("policyRule", "regulatoryBasis"),
            Rename("policy", "policyBasis"),
            Row::Special(&consent::CONSENT_SCOPE),
            Row::Special(&consent::CONSENT_PERFORMER),
            Row::Special(&consent::CONSENT_SOURCE),
            Row::Special(&consent::CONSENT_DATE),
            Row::Special(&consent::CONSENT_PROVISION),
        ],
    ),
    TypeRows {
        r4: "Consent.policy",
        r5: "Consent.policyBasis",
        rows: &[Rename("uri", "url")],
    },
    same("Consent.provision", &[Row::Special(&consent::PROVISION_CLASS)]),
    same("ContactPoint", &[Row::Special(&organization::HOME)]),
    same("Device", &[reference("definition")]),
    same(
        "DeviceRequest",
        &[
            Rename("priorRequest", "replaces"),
            MergeChoice {
                code: "codeCodeableConcept",
                reference: "codeReference",
                r5: "code",
            },
            reference("performer"),
            REASON,
        ],
    ),
    same(
        "Dosage",
        &[
            Rename("asNeededBoolean", "asNeeded"),
            Rename("asNeededCodeableConcept", "asNeededFor"),
            Row::Special(&small::DOSAGE_AS_NEEDED),
        ],
    ),
    same(
        "Encounter",
        &[
            Rename("period", "actualPeriod"),
            concept("serviceType"),
            Row::Special(&embedded::ENCOUNTER_CLASS),
            Row::Special(&encounter::SUBJECT_STATUS),
            Row::Special(&encounter::REASON),
            Row::Special(&encounter::ADMISSION),
        ],
    ),
    same("Encounter.diagnosis", &[reference("condition")]),
    TypeRows {
        r4: "Encounter.hospitalization",
        r5: "Encounter.admission",
        rows: &[Row::Special(&encounter::COURTESIES)],
    },
    same("Encounter.location", &[Rename("physicalType", "form")]),
    same(
        "Encounter.participant",
        &[
            Rename("individual", "actor"),
            Row::Special(&encounter::PARTICIPANT_TYPE),
        ],
    ),
    same("EpisodeOfCare", &[Rename("team", "careTeam")]),
    same(
        "EpisodeOfCare.diagnosis",
        &[reference("condition"), Rename("role", "use")],
    ),
    same(
        "Goal",
        &[
            Rename("expressedBy", "source"),
            Merge {
                code: "outcomeCode",
                reference: "outcomeReference",
                r5: "outcome",
            },
        ],
    ),
    same("Group", &[Row::Special(&small::GROUP_MEMBERSHIP)]),
    same(
        "HealthcareService",
        &[Row::Special(&gather::TELECOM), Row::Special(&gather::AVAILABILITY)],
    ),
    TypeRows {
        r4: "HealthcareService.availableTime",
        r5: "Availability.availableTime",
        rows: &[Row::Special(&small::ALL_DAY)],
    },
    TypeRows {
        r4: "HealthcareService.notAvailable",
        r5: "Availability.notAvailableTime",
        rows: &[],
    },
    same(
        "Location",
        &[Rename("physicalType", "form"), Row::Special(&gather::TELECOM)],
    ),
    same(
        "Medication",
        &[
            Rename("manufacturer", "marketingAuthorizationHolder"),
            Rename("form", "doseForm"),
        ],
    ),
    same(
        "Medication.ingredient",
        &[
            MergeChoice {
                code: "itemCodeableConcept",
                reference: "itemReference",
                r5: "item",
            },
            Rename("strength", "strengthRatio"),
        ],
    ),
    same(
        "MedicationRequest",
        &[
            MergeChoice {
                code: "medicationCodeableConcept",
                reference: "medicationReference",
                r5: "medication",
            },
            Rename("reportedBoolean", "reported"),
            REASON,
        ],
    ),
    same("MedicationRequest.dispenseRequest", &[Rename("performer", "dispenser")]),
    same("NutritionOrder", &[Rename("patient", "subject")]),
    same(
        "NutritionOrder.enteralFormula",
        &[
            Rename("routeofAdministration", "routeOfAdministration"),
            concept("baseFormulaType"),
        ],
    ),
    same("NutritionOrder.supplement", &[concept("type")]),
    same("Organization", &[Row::Special(&organization::ORGANIZATION_CONTACT)]),
    TypeRows {
        r4: "Organization.contact",
        r5: "ExtendedContactDetail",
        rows: &[],
    },
    same(
        "Practitioner",
        &[Wrap {
            r4: "communication",
            r5: "communication",
            member: "language",
        }],
    ),
    same(
        "PractitionerRole",
        &[Row::Special(&gather::TELECOM), Row::Special(&gather::AVAILABILITY)],
    ),
    TypeRows {
        r4: "PractitionerRole.availableTime",
        r5: "Availability.availableTime",
        rows: &[Row::Special(&small::ALL_DAY)],
    },
    TypeRows {
        r4: "PractitionerRole.notAvailable",
        r5: "Availability.notAvailableTime",
        rows: &[],
    },
    same(
        "Provenance",
        &[Wrap {
            r4: "reason",
            r5: "authorization",
            member: "concept",
        }],
    ),
    same("Provenance.agent", &[Row::Special(&small::ON_BEHALF_OF)]),
    same("Questionnaire.item", &[Row::Special(&questionnaire::ITEM_TYPE)]),
    same(
        "QuestionnaireResponse.item.answer",
        &[Row::Special(&small::ANSWER_QUANTITY)],
    ),
    same("SampledData", &[Row::Special(&small::SAMPLED_DATA_PERIOD)]),
    same("Quantity", &[Row::Special(&small::QUANTITY_COMPARATOR)]),
    same("Reference", &[Row::Special(&small::UNKNOWN_TARGET)]),
    same("Ratio", &[Row::Special(&small::RATIO_DENOMINATOR)]),
    same(
        "ServiceRequest",
        &[
            concept("code"),
            REASON,
            Merge {
                code: "locationCode",
                reference: "locationReference",
                r5: "location",
            },
            reference("supportingInfo"),
            Wrap {
                r4: "patientInstruction",
                r5: "patientInstruction",
                member: "instructionMarkdown",
            },
        ],
    ),
    same(
        "Substance",
        &[concept("code"), Row::Special(&small::SUBSTANCE_INSTANCE)],
    ),
    same(
        "Task",
        &[
            REASON,
            concept("statusReason"),
            Wrap {
                r4: "performerType",
                r5: "requestedPerformer",
                member: "concept",
            },
            Row::Special(&task::TASK_RESTRICTION),
        ],
    ),
];

/// The rows of a pair of types, R4 name first.
pub(super) fn rows(r4: &str, r5: &str) -> Option<&'static TypeRows> {
    TYPES.iter().find(|t| t.r4 == r4 && t.r5 == r5)
}

/// What a required element gets that the source lacks, where a data-absent-reason alone would not do (design,
/// conversion e): the mark stands beside it, and the way back drops both. (type, element, JSON)
pub(super) static FIXED: &[(&str, &str, &str)] = &[
    // The model reads a plain string here.
    (
        "QuestionnaireResponse",
        "questionnaire",
        r#""https://w3id.org/fastkontakt/Questionnaire/okant""#,
    ),
    // Bindings of R4 that ask for a code: consent to share information, with its recipient; a patient's consent.
    (
        "Consent",
        "scope",
        r#"{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}"#,
    ),
    (
        "Consent.provision.actor",
        "role",
        r#"{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}"#,
    ),
    (
        "Consent",
        "category",
        r#"{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}"#,
    ),
    // R5 requires a code, and has one for this: "does not know which of the status values currently applies".
    (
        "Condition",
        "clinicalStatus",
        r#"{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "unknown"}]}"#,
    ),
];

/// Codes that say the same in both versions, alone or with another element that a rule writes: list, R4, R5.
pub(super) static SAME: &[(&str, &str, &str)] = &[
    ("encounter-status", "finished", "completed"),
    // "begun, but currently on hold, i.e. because the patient is temporarily on leave".
    ("encounter-status", "onleave", "on-hold"),
    // And `subjectStatus`, see encounter.rs.
    ("encounter-status", "arrived", "in-progress"),
    ("encounter-status", "triaged", "in-progress"),
];

/// Nearest code where the other version's required binding lacks one (design, conversion d); the original stands in
/// an extension on `_element`. A code without a line is left out, and only the extension stands.
/// (code list as in schemas/*/codes.json, code, nearest code of the other version)
pub(super) static NEAREST: &[(&str, &str, &str)] = &[
    // R5 directive: a legally binding instruction; R4 knows no stronger request than an order.
    ("care-plan-intent", "directive", "order"),
    ("consent-state-codes", "proposed", "draft"),
    // Refused before it took effect: not in force, and no longer awaited.
    ("consent-state-codes", "rejected", "not-done"),
    ("consent-state-codes", "not-done", "rejected"),
    // Nothing may rest on a consent whose state is unknown.
    ("consent-state-codes", "unknown", "inactive"),
    ("device-status", "unknown", "inactive"),
    // Discharged, or broken off: over, though not all is written up or done.
    ("encounter-status", "discharged", "finished"),
    ("encounter-status", "discontinued", "finished"),
    ("group-type", "medication", "device"),
    ("group-type", "substance", "device"),
    ("group-type", "careteam", "practitioner"),
    ("group-type", "relatedperson", "person"),
    ("group-type", "healthcareservice", "device"),
    ("group-type", "location", "device"),
    ("group-type", "organization", "device"),
    ("group-type", "specimen", "device"),
    // The rule of questionnaire.rs says the same by answerConstraint where it can.
    ("item-type", "choice", "coding"),
    ("item-type", "open-choice", "coding"),
    ("item-type", "coding", "choice"),
    ("medicationrequest-status", "ended", "stopped"),
    // R5 says of `source`: input to the activity that produced the target.
    ("provenance-entity-role", "derivation", "source"),
    // R4 says of `derivation`: a new entity made on the basis of another one.
    ("provenance-entity-role", "instantiates", "derivation"),
    // "sufficient to achieve": at least.
    ("quantity-comparator", "ad", ">="),
    ("udi-entry-type", "electronic-transmission", "unknown"),
];
