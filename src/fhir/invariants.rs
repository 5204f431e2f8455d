//! Structure beyond the schema: what HL7's definitions demand of a resource as a whole (ele-1, ext-1, ref-1, dom-2 to dom-5
//! and the invariants of each type), doubled choices, arrays of primitives, reference targets, codes of required bindings
//! in codings. Called by [`super::structure`] after the JSON Schema; tolerant of whatever the schema has refused.
//!
//! The invariants are the lines of [`table`]; [`walk`] visits every element and asks the lines of its type.

mod checks;
mod dates;
mod node;
mod reference;
mod table;
mod walk;

use serde_json::Value;

use super::structure::Faults;
use super::version::FhirVersion;

/// Where a resource stands, its type, and the resource.
pub(crate) type Standing<'a> = (&'a str, &'a str, &'a Value);

/// Checks a resource and those it contains (each with its place and type).
pub(crate) fn check(
    version: FhirVersion,
    resource: Standing<'_>,
    contained: &[(String, &str, &Value)],
    faults: &mut Faults,
) {
    walk::resource(version, resource, contained, faults);
}
