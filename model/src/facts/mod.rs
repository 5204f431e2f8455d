//! Plain facts: what the riktlinje reads out of a resource, and nothing of FHIR's machinery.
//!
//! Filled by [`crate::understand`], read by the rules. Positions in lists are those of the resource, so that a finding
//! can name `CareTeam.participant[0]`. A list or option that is empty means *not stated*, never *no*.
//! Names follow R5, in the plural where they repeat. No serde and no fhir-sdk type here, so that the main crate rebuilds fast.

mod care;
mod contained;
mod datatypes;
mod people;
mod planning;
mod status;

pub use care::*;
pub use contained::Contained;
pub use datatypes::*;
pub use people::*;
pub use planning::*;
pub use status::*;

/// What every resource has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// Logical id; empty when the resource has none yet.
    pub id: String,
    /// `meta.security`
    pub security: Vec<Coding>,
    /// `meta.profile`
    pub profiles: Vec<String>,
    /// `extension` of the resource itself
    pub extensions: Extensions,
    /// `contained`, at the same positions as in the resource; foreign types as [`Fact::Other`].
    pub contained: Contained,
}

impl Head {
    /// The contained resource that a reference of the form `#id` points at.
    pub fn contained(&self, reference: &str) -> Option<&Fact> {
        self.contained.find(reference).map(AsRef::as_ref)
    }
}

/// A resource of a type that the rules do not read: only that it is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Other {
    pub head: Head,
    pub resource_type: String,
}

/// Declares [`Fact`] with one variant for each understood resource type.
macro_rules! facts {
    ($($name:ident),+ $(,)?) => {
        /// One understood resource.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Fact {
            $($name(Box<$name>),)+
            /// Only inside `contained`: a type the rules do not read.
            Other(Box<Other>),
        }

        impl Fact {
            /// The resource type as FHIR spells it.
            pub fn resource_type(&self) -> &str {
                match self { $(Fact::$name(_) => stringify!($name),)+ Fact::Other(other) => &other.resource_type }
            }

            /// What every resource has: id, security labels, extensions, contained resources.
            pub fn head(&self) -> &Head {
                match self { $(Fact::$name(fact) => &fact.head,)+ Fact::Other(other) => &other.head }
            }

            pub(crate) fn head_mut(&mut self) -> &mut Head {
                match self { $(Fact::$name(fact) => &mut fact.head,)+ Fact::Other(other) => &mut other.head }
            }
        }

        $(impl From<$name> for Fact {
            fn from(fact: $name) -> Fact {
                Fact::$name(Box::new(fact))
            }
        })+
    };
}

facts!(
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

impl From<Other> for Fact {
    fn from(other: Other) -> Fact {
        Fact::Other(Box::new(other))
    }
}

impl Fact {
    /// Logical id; empty when the resource has none yet.
    pub fn id(&self) -> &str {
        &self.head().id
    }

    /// The contained resource that a reference of the form `#id` points at.
    pub fn contained(&self, reference: &str) -> Option<&Fact> {
        self.head().contained(reference)
    }
}
