//! The closed set of resource types, grown on purpose: one line per type.

use std::fmt;

/// Declares the closed set once; everything that lists types (routes, CapabilityStatement, schemas) reads this table.
macro_rules! closed_set {
    ($($name:ident),+ $(,)?) => {
        /// A resource type that is stored and served on its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ResourceType { $($name),+ }

        impl ResourceType {
            pub const ALL: &[ResourceType] = &[$(ResourceType::$name),+];

            /// The name exactly as the specification spells it.
            pub fn name(self) -> &'static str {
                match self { $(ResourceType::$name => stringify!($name)),+ }
            }

            /// The type of that name, or `None` when it lies outside the closed set.
            pub fn from_name(name: &str) -> Option<ResourceType> {
                match name { $(stringify!($name) => Some(ResourceType::$name),)+ _ => None }
            }
        }
    };
}

closed_set!(
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

/// Types that may stand in `contained` although they are not stored on their own (design: contained resources).
/// The closed set itself may be contained too.
pub const ALSO_CONTAINED: &[&str] = &[
    "Medication",
    "Substance",
    "CommunicationRequest",
    "DeviceRequest",
    "MedicationRequest",
    "NutritionOrder",
    "VisionPrescription",
    "Location",
    "HealthcareService",
    "Device",
    "Group",
    "ValueSet",
];

/// Whether a resource of this type may be contained in another.
pub fn may_be_contained(name: &str) -> bool {
    ResourceType::from_name(name).is_some() || ALSO_CONTAINED.contains(&name)
}

/// A type whose resources are the service's own definitions: read and searched, never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DefinitionType {
    StructureDefinition,
    CodeSystem,
    ValueSet,
    OperationDefinition,
    SearchParameter,
}

impl DefinitionType {
    pub const ALL: &[DefinitionType] = &[
        DefinitionType::StructureDefinition,
        DefinitionType::CodeSystem,
        DefinitionType::ValueSet,
        DefinitionType::OperationDefinition,
        DefinitionType::SearchParameter,
    ];

    /// The name exactly as the specification spells it.
    pub fn name(self) -> &'static str {
        match self {
            DefinitionType::StructureDefinition => "StructureDefinition",
            DefinitionType::CodeSystem => "CodeSystem",
            DefinitionType::ValueSet => "ValueSet",
            DefinitionType::OperationDefinition => "OperationDefinition",
            DefinitionType::SearchParameter => "SearchParameter",
        }
    }

    pub fn from_name(name: &str) -> Option<DefinitionType> {
        DefinitionType::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for DefinitionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
