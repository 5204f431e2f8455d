//! Whether a resource is FHIR: the JSON Schema of its version (`schemas/`, compiled on first use), then what a
//! schema cannot say ([`super::invariants`]), then the same for every contained resource. The door calls [`check`]
//! before anything else looks at a body.

mod faults;
mod grammar;
pub mod primitive;
mod xhtml;

use jsonschema::Validator;
use serde_json::{Map, Value};
use std::sync::OnceLock;

use super::elements::elements;
use super::fault::{Fault, IssueCode, Text};
use super::invariants;
use super::types::may_be_contained;
use super::version::FhirVersion;

pub(crate) use faults::Faults;
pub(crate) use grammar::named as grammar_named;
pub(crate) use xhtml::{Xhtml, judge as judge_xhtml};

/// No more faults than this are listed: enough to mend a body, too few to fill a disk.
pub const MOST_FAULTS: usize = 100;

/// Checks a resource of the closed set, a contained-only type, a Bundle, Parameters or an OperationOutcome.
/// Empty = good; otherwise every fault, one per element. What stands in `Bundle.entry.resource` and
/// `Parameters.parameter.resource` is not looked into: whoever takes it out checks it with [`check_at`].
pub fn check(version: FhirVersion, kind: &str, resource: &Value) -> Vec<Fault> {
    check_at(version, kind, resource, kind)
}

/// The same, with expressions that begin with `expression`: `Bundle.entry[2].resource`.
pub fn check_at(version: FhirVersion, kind: &str, resource: &Value, expression: &str) -> Vec<Fault> {
    let mut faults = Faults::new(version, MOST_FAULTS);
    let Some(map) = resource.as_object() else {
        faults.add(
            IssueCode::Structure,
            expression.to_owned(),
            Text::new("Resursen är inget objekt.", "The resource is not an object."),
        );
        return faults.into_list();
    };
    if !by_schema(version, kind, resource, expression, &mut faults) {
        return faults.into_list(); // not even the type is right
    }
    let mut contained = Vec::new();
    for (index, inner, name) in contained_in(map) {
        let place = format!("{expression}.contained[{index}]");
        if may_be_contained(name) {
            if by_schema(version, name, inner, &place, &mut faults) {
                contained.push((place, name, inner));
            }
        } else {
            let sv = "Resurser av denna typ får inte ligga i contained.";
            let en = "Resources of this type may not be contained.";
            faults.add(IssueCode::NotSupported, place, Text::new(sv, en));
        }
    }
    invariants::check(version, (expression, kind, resource), &contained, &mut faults);
    faults.into_list()
}

/// The contained resources that say what they are; the schema has refused the others.
fn contained_in(resource: &Map<String, Value>) -> impl Iterator<Item = (usize, &Value, &str)> {
    let list = resource
        .get("contained")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    list.iter()
        .enumerate()
        .filter_map(|(index, inner)| Some((index, inner, inner.get("resourceType")?.as_str()?)))
}

/// False when the resource is not of this type at all, so that there is nothing more to say about it.
fn by_schema(version: FhirVersion, kind: &str, resource: &Value, expression: &str, faults: &mut Faults) -> bool {
    let refused = match resource.get("resourceType").map(Value::as_str) {
        _ if !elements(version).type_(kind).is_some_and(|table| table.is_resource()) => Some((
            IssueCode::NotSupported,
            "Resurstypen stöds inte.",
            "The resource type is not supported.",
        )),
        None => Some((IssueCode::Required, "resourceType saknas.", "resourceType is missing.")),
        Some(name) if name != Some(kind) => Some((
            IssueCode::Structure,
            "resourceType är inte den väntade.",
            "resourceType is not the expected one.",
        )),
        Some(_) => None,
    };
    if let Some((code, sv, en)) = refused {
        faults.add(code, expression.to_owned(), Text::new(sv, en));
        return false;
    }
    let validator = validator(version);
    if !validator.is_valid(resource) {
        for error in validator.iter_errors(resource) {
            if !faults.add_schema_error(&error, kind, expression) {
                break;
            }
        }
    }
    true
}

/// The compiled schema of a version, made on first use (milliseconds).
fn validator(version: FhirVersion) -> &'static Validator {
    static COMPILED: [OnceLock<Validator>; 2] = [OnceLock::new(), OnceLock::new()];
    COMPILED[version as usize].get_or_init(|| {
        let text = match version {
            FhirVersion::R4 => include_str!("../../schemas/r4/fhir.schema.json"),
            FhirVersion::R5 => include_str!("../../schemas/r5/fhir.schema.json"),
        };
        let mut options = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_keyword("fhirDigits", |_, _, _| Ok(Box::new(Digits)));
        for (name, check) in primitive::checks(version) {
            options = options.with_format(name, check);
        }
        // The schemas are our own output and tests compile both: failing here is a fault of the build.
        let schema = serde_json::from_str(text).expect("schemas/*/fhir.schema.json is generated and tested");
        options
            .build(&schema)
            .expect("schemas/*/fhir.schema.json is generated and tested")
    })
}

/// The keyword `fhirDigits`: an integer is written with digits only. JSON Schema takes 1.0 and 1e2 for integers, FHIR does not.
struct Digits;

impl<'i> jsonschema::Keyword<'i> for Digits {
    fn validate(&self, instance: &'i Value) -> Result<(), jsonschema::ValidationError<'i>> {
        if self.is_valid(instance) {
            Ok(())
        } else {
            Err(jsonschema::ValidationError::custom("not an integer"))
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        match instance {
            Value::Number(number) => {
                let text = number.to_string();
                let digits = text.strip_prefix('-').unwrap_or(&text);
                text != "-0" && digits.bytes().all(|b| b.is_ascii_digit())
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemas_compile() {
        for version in FhirVersion::ALL {
            assert!(validator(version).is_valid(&serde_json::json!({"resourceType": "CareTeam"})));
        }
    }

    #[test]
    fn a_type_outside_the_set_is_not_supported() {
        let faults = check(
            FhirVersion::R5,
            "Observation",
            &serde_json::json!({"resourceType": "Observation"}),
        );
        assert_eq!(faults[0].code, IssueCode::NotSupported);
    }
}
