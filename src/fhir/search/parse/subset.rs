//! `_summary` and `_elements`: how much of each resource is wanted. Search, read and history read them here.

use crate::fhir::search::parse::{SearchError, bad, shown};
use crate::fhir::subset::{ElementName, Form, Subset};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// Names of `_elements`; no type has as many elements.
const MOST_NAMES: usize = 100;

/// Takes a pair of name and value into the subset. `kinds` are the names of the types that the answer is about.
/// `_summary=count` is the search's own and never comes here.
pub fn take(
    subset: &mut Subset,
    (name, value): (&str, &str),
    version: FhirVersion,
    kinds: &[&str],
) -> Result<(), SearchError> {
    match name {
        "_summary" => {
            subset.form = match value {
                "false" => Form::Whole,
                "true" => Form::Summary,
                "text" => Form::Text,
                "data" => Form::Data,
                _ => return Err(bad("_summary", "okänt värde", "unknown value")),
            };
        }
        _ => {
            let names: Result<Vec<ElementName>, SearchError> =
                value.split(',').map(|name| element(name, version, kinds)).collect();
            subset.elements.extend(names?);
            if subset.elements.len() > MOST_NAMES {
                return Err(SearchError::TooMuch);
            }
        }
    }
    if subset.form != Form::Whole && !subset.elements.is_empty() {
        return Err(bad(
            "_elements",
            "kan inte förenas med _summary",
            "cannot be combined with _summary",
        ));
    }
    Ok(())
}

/// `status` or `CareTeam.status`: an element at the top of a resource.
fn element(text: &str, version: FhirVersion, kinds: &[&str]) -> Result<ElementName, SearchError> {
    let name = match text.split_once('.') {
        Some((kind, name)) => ElementName {
            kind: Some(kind.to_owned()),
            name: name.to_owned(),
        },
        None => ElementName {
            kind: None,
            name: text.to_owned(),
        },
    };
    let known = match &name.kind {
        Some(kind) => {
            (kinds.contains(&kind.as_str()) || ResourceType::from_name(kind).is_some()) && name.is_of(version, kind)
        }
        // It is in every answer; some clients (fhirpy) ask for it all the same.
        None if text == "resourceType" => true,
        None => kinds.iter().any(|kind| name.is_of(version, kind)),
    };
    if known {
        Ok(name)
    } else {
        Err(SearchError::UnknownElement(shown(text)))
    }
}
