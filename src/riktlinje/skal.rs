//! Reasons and choices that our own extensions state: a code of a list, or something else in words.

use fastkontakt_model::facts::{ExtValue, Extensions};

/// Whether an extension's value says anything.
pub fn anges(value: &ExtValue) -> bool {
    value
        .code()
        .or_else(|| value.text())
        .is_some_and(|reason| !reason.trim().is_empty())
}

/// Whether one of the extensions of that url has one of the codes, or a CodeableConcept that says it in words.
pub fn anges_bland(extensions: &Extensions, url: &str, codes: &[&str]) -> bool {
    extensions
        .all(url)
        .filter_map(|extension| extension.value.as_ref())
        .any(|value| match value {
            ExtValue::Concept(concept) if concept.text.is_some() => anges(value),
            _ => value.code().is_some_and(|code| codes.contains(&code)),
        })
}
