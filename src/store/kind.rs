//! The number a resource type has in the tables. Numbers are for ever: a new type gets a new one, none is reused.

use std::sync::LazyLock;

use super::error::StoreError;
use crate::fhir::types::ResourceType;

/// The stored number of a type.
pub fn number(kind: ResourceType) -> i16 {
    match kind {
        ResourceType::Patient => 1,
        ResourceType::RelatedPerson => 2,
        ResourceType::Practitioner => 3,
        ResourceType::PractitionerRole => 4,
        ResourceType::Organization => 5,
        ResourceType::CareTeam => 6,
        ResourceType::CarePlan => 7,
        ResourceType::Condition => 8,
        ResourceType::Consent => 9,
        ResourceType::Appointment => 10,
        ResourceType::Goal => 11,
        ResourceType::ServiceRequest => 12,
        ResourceType::Task => 13,
        ResourceType::Encounter => 14,
        ResourceType::EpisodeOfCare => 15,
        ResourceType::Flag => 16,
        ResourceType::Communication => 17,
        ResourceType::Questionnaire => 18,
        ResourceType::QuestionnaireResponse => 19,
        ResourceType::Provenance => 20,
    }
}

/// The type of a stored number.
pub fn of_number(stored: i16) -> Result<ResourceType, StoreError> {
    ResourceType::ALL
        .iter()
        .copied()
        .find(|kind| number(*kind) == stored)
        .ok_or_else(|| StoreError::Corrupt(format!("no resource type has the number {stored}")))
}

/// In SQL, after `CASE` and what a type's name stands in: its number, and the end of the case. One piece of text: a statement has
/// many of them.
pub static OF_NAME: LazyLock<String> = LazyLock::new(|| {
    let each = ResourceType::ALL
        .iter()
        .map(|kind| format!(" WHEN '{kind}' THEN {}", number(*kind)));
    each.chain([" END".to_owned()]).collect()
});

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_type_has_its_own_number() {
        let numbers: HashSet<i16> = ResourceType::ALL.iter().map(|kind| number(*kind)).collect();
        assert_eq!(numbers.len(), ResourceType::ALL.len());
        for kind in ResourceType::ALL {
            assert_eq!(of_number(number(*kind)).ok(), Some(*kind));
        }
    }
}
