//! The data of the conversion: which element of R4 is which of R5, where the names or the shapes differ. What stands
//! in no row and has the same name and type in both versions maps straight; anything else travels by carrier.
//! Sources: the R5 specification's "differences from R4" tabs and HL7's cross-version guides (xver-r4.r5 0.1.0).

use super::special::Special;
use super::{care_plan, care_team, condition, consent, gather, organization, small, task};

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
    same(
        "CommunicationRequest",
        &[Rename("sender", "informationProvider"), REASON],
    ),
    same(
        "CommunicationRequest.payload",
        &[Wrap {
            r4: "contentString",
            r5: "contentCodeableConcept",
            member: "text",
        }],
    ),
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
            Rename("performer", "grantee"),
            Rename("policyRule", "regulatoryBasis"),
            Row::Special(&consent::CONSENT_SOURCE),
            Row::Special(&consent::CONSENT_DATE),
            Row::Special(&consent::CONSENT_PROVISION),
        ],
    ),
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
    ("group-type", "medication", "device"),
    ("group-type", "substance", "device"),
    ("group-type", "careteam", "practitioner"),
    ("group-type", "relatedperson", "person"),
    ("group-type", "healthcareservice", "device"),
    ("group-type", "location", "device"),
    ("group-type", "organization", "device"),
    ("group-type", "specimen", "device"),
    ("medicationrequest-status", "ended", "stopped"),
    // "sufficient to achieve": at least.
    ("quantity-comparator", "ad", ">="),
    ("udi-entry-type", "electronic-transmission", "unknown"),
];
