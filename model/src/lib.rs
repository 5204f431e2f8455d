//! What the rules read out of FHIR R5 resources.
//!
//! [`understand`] reads a resource with fhir-sdk's types (through sonic-rs) and hands out plain [`facts`].
//! It is a crate of its own because fhir-sdk is slow to compile: it is built once, the rest of the service in seconds.

mod convert;
pub mod date;
mod depth;
pub mod facts;
mod soften;
mod tables;
mod understand;

use std::fmt;

pub use facts::Fact;
pub use understand::understand;

/// A resource that could not be read with fhir-sdk's types. Tells where, never what stood there: bodies hold personal
/// data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotUnderstood {
    /// The type of the resource, or of the contained resource, that stopped it.
    pub resource_type: String,
    /// Line and column in the text where it stopped, when known.
    pub position: Option<(usize, usize)>,
}

impl NotUnderstood {
    pub(crate) fn new(resource_type: &str) -> NotUnderstood {
        NotUnderstood {
            resource_type: resource_type.to_owned(),
            position: None,
        }
    }
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(
                f,
                "{} not understood at line {line}, column {column}",
                self.resource_type
            ),
            None => write!(f, "{} not understood", self.resource_type),
        }
    }
}

impl std::error::Error for NotUnderstood {}
