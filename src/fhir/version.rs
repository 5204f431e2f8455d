//! The two FHIR versions the service speaks.

use std::fmt;

/// A FHIR version a caller may speak. Everything is stored as R5; R4 is checked by its own schema and converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FhirVersion {
    R4,
    R5,
}

impl FhirVersion {
    pub const ALL: [FhirVersion; 2] = [FhirVersion::R4, FhirVersion::R5];

    /// The path segment and command-line name: `r4` or `r5`.
    pub fn name(self) -> &'static str {
        match self {
            FhirVersion::R4 => "r4",
            FhirVersion::R5 => "r5",
        }
    }

    /// The publication's number, as CapabilityStatement.fhirVersion wants it.
    pub fn number(self) -> &'static str {
        match self {
            FhirVersion::R4 => "4.0.1",
            FhirVersion::R5 => "5.0.0",
        }
    }

    /// The `fhirVersion` MIME parameter (http.html#version-parameter).
    pub fn mime_parameter(self) -> &'static str {
        match self {
            FhirVersion::R4 => "4.0",
            FhirVersion::R5 => "5.0",
        }
    }
}

impl fmt::Display for FhirVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
