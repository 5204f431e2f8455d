//! What the rules read of identifiers: the HSA-ids and organisationsnummer among them.

use fastkontakt_model::facts::{Identifier, Reference};

use super::codes::ORGANISATIONSNUMMER;
use crate::fhir::identifiers::{HSA_ID, canonical_system};
use crate::hsa::in_capitals;

/// The HSA-ids among identifiers, in capitals.
pub fn hsa_ids(identifiers: &[Identifier]) -> Vec<String> {
    values(identifiers, HSA_ID).map(in_capitals).collect()
}

/// The organisationsnummer among identifiers, as ten digits.
pub fn organisationsnummer(identifiers: &[Identifier]) -> Vec<String> {
    values(identifiers, ORGANISATIONSNUMMER)
        .filter_map(ten_digits)
        .collect()
}

/// The values in a register, in order.
pub fn values<'a>(identifiers: &'a [Identifier], system: &'a str) -> impl Iterator<Item = &'a str> {
    identifiers
        .iter()
        .filter(move |identifier| {
            identifier
                .system
                .as_deref()
                .is_some_and(|own| canonical_system(own) == system)
        })
        .filter_map(|identifier| identifier.value.as_deref())
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

/// The identifier of a logical reference, as a list.
pub fn logical(reference: &Reference) -> &[Identifier] {
    reference.identifier.as_deref().map_or(&[], std::slice::from_ref)
}

/// `232100-0164`, `162321000164` and `2321000164` → `2321000164`.
fn ten_digits(value: &str) -> Option<String> {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    match digits.len() {
        10 => Some(digits),
        12 => digits.strip_prefix("16").map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_number_is_ten_digits() {
        assert_eq!(ten_digits("232100-0164").as_deref(), Some("2321000164"));
        assert_eq!(ten_digits("162321000164").as_deref(), Some("2321000164"));
    }
}
