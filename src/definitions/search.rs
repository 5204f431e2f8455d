//! The service's own search parameters as SearchParameter resources: what they search stands in the parameter table
//! (`fhir::search`), what they mean is told here. A test holds the two against each other.

use serde_json::{Value, json};

use crate::fhir::search::parameters::{Parameter, parameters};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// What one of them means.
struct Told {
    id: &'static str,
    /// As a computer names it.
    name: &'static str,
    sv: &'static str,
    en: &'static str,
    /// FHIRPath in R4 and in R5; none when no expression tells it.
    expression: Option<[&'static str; 2]>,
}

const TOLD: &[Told] = &[
    Told {
        id: "CarePlan-author",
        name: "CarePlanAuthor",
        sv: "Den som ansvarar för planen: author i R4, custodian i R5.",
        en: "Who is responsible for the plan: author in R4, custodian in R5.",
        expression: Some(["CarePlan.author", "CarePlan.custodian"]),
    },
    Told {
        id: "CarePlan-contributor",
        name: "CarePlanContributor",
        sv: "De som bidragit till planen.",
        en: "Those who contributed to the plan.",
        expression: Some(["CarePlan.contributor", "CarePlan.contributor"]),
    },
    Told {
        id: "CarePlan-created",
        name: "CarePlanCreated",
        sv: "När planen skrevs.",
        en: "When the plan was made.",
        expression: Some(["CarePlan.created", "CarePlan.created"]),
    },
    Told {
        id: "CareTeam-care-giver",
        name: "CareTeamCareGiver",
        sv: "Vårdgivarens HSA-id: den enhet som vårdenheten (se care-unit) ytterst är en del av, partOf för partOf; enheten själv när den inte är del av någon.",
        en: "The HSA-id of the vårdgivare: what the unit (see care-unit) is part of, partOf by partOf up to the top; the unit itself when it is part of nothing.",
        expression: None,
    },
    Told {
        id: "CareTeam-care-unit",
        name: "CareTeamCareUnit",
        sv: "HSA-id för vårdenheten som svarar för kontakten: managingOrganization, annars organisationen i medlemmarnas uppdrag.",
        en: "The HSA-id of the unit that answers for the contact: managingOrganization, else the organization of the members' assignments.",
        expression: None,
    },
    Told {
        id: "CareTeam-participant-end",
        name: "CareTeamParticipantEnd",
        sv: "När en deltagares tid i teamet slutar.",
        en: "When a participant's time in the team ends.",
        expression: Some([
            "CareTeam.participant.period.end",
            "CareTeam.participant.coverage.ofType(Period).end | CareTeam.participant.coverage.ofType(Timing).repeat.bounds.ofType(Period).end",
        ]),
    },
    Told {
        id: "CareTeam-participant-start",
        name: "CareTeamParticipantStart",
        sv: "När en deltagares tid i teamet börjar.",
        en: "When a participant's time in the team begins.",
        expression: Some([
            "CareTeam.participant.period.start",
            "CareTeam.participant.coverage.ofType(Period).start | CareTeam.participant.coverage.ofType(Timing).repeat.bounds.ofType(Period).start",
        ]),
    },
    Told {
        id: "CareTeam-role",
        name: "CareTeamRole",
        sv: "Deltagarens roll; hos en fast kontakt vilken typ av kontakt det är.",
        en: "The participant's role; of a fast kontakt which type of contact it is.",
        expression: Some(["CareTeam.participant.role", "CareTeam.participant.role"]),
    },
];

/// The definitions, without what all of ours share.
pub(super) fn parameters_of_our_own(version: FhirVersion) -> impl Iterator<Item = Value> {
    let kinds = ResourceType::ALL.iter().copied();
    let own = kinds.flat_map(move |kind| {
        parameters(version, kind)
            .filter(|parameter| parameter.is_own())
            .map(move |parameter| (kind, parameter))
    });
    own.filter_map(move |(kind, parameter)| Some(definition(version, kind, parameter, told(version, parameter)?)))
}

fn told(version: FhirVersion, parameter: &Parameter) -> Option<&'static Told> {
    let canonical = parameter.definition(version);
    TOLD.iter().find(|told| canonical.rsplit('/').next() == Some(told.id))
}

fn definition(version: FhirVersion, kind: ResourceType, parameter: &Parameter, told: &Told) -> Value {
    let mut made = json!({
        "resourceType": "SearchParameter",
        "id": told.id,
        "name": told.name,
        "description": format!("{} {}", told.sv, told.en),
        "code": parameter.code,
        "base": [kind.name()],
        "type": parameter.kind.search_type(),
    });
    if let Some([r4, r5]) = told.expression {
        made["expression"] = match version {
            FhirVersion::R4 => json!(r4),
            FhirVersion::R5 => json!(r5),
        };
    }
    if version == FhirVersion::R5 {
        // Without an expression it is followed through other resources.
        made["processingMode"] = json!(if told.expression.is_some() { "normal" } else { "other" });
    }
    if !parameter.targets.is_empty() {
        made["target"] = json!(parameter.targets);
    }
    made["multipleOr"] = json!(true);
    made["multipleAnd"] = json!(true);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_of_our_own_is_told_of() {
        for version in FhirVersion::ALL {
            let of_table: usize = ResourceType::ALL
                .iter()
                .map(|kind| {
                    parameters(version, *kind)
                        .filter(|parameter| parameter.is_own())
                        .count()
                })
                .sum();
            assert_eq!(parameters_of_our_own(version).count(), of_table, "{version}");
            assert_eq!(TOLD.len(), of_table, "{version}");
        }
    }
}
