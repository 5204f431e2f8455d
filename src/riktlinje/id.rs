//! ID: the numbers of people (Patient, RelatedPerson, Practitioner) and organizations. No rule demands a number.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::Identifier;
use jiff::civil::Date;

use super::finding::Remark;
use super::identity::Personregister;

/// What the ID rules see of a written resource.
pub struct Identitetsbild<'a> {
    /// `Patient` …
    pub kind: &'a str,
    pub identifiers: &'a [Identifier],
    pub today: Date,
}

impl<'a> Identitetsbild<'a> {
    /// The picture of a person or organization; `None` for other types.
    pub fn of(fact: &'a Fact, today: Date) -> Option<Identitetsbild<'a>> {
        let identifiers = match fact {
            Fact::Patient(it) => &it.identifiers,
            Fact::RelatedPerson(it) => &it.identifiers,
            Fact::Practitioner(it) => &it.identifiers,
            Fact::Organization(it) => &it.identifiers,
            _ => return None,
        };
        Some(Identitetsbild {
            kind: fact.resource_type(),
            identifiers,
            today,
        })
    }
}

/// Form: twelve digits with a possible date. The number itself is never repeated.
pub fn id_01(bild: &Identitetsbild<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (index, identifier) in bild.identifiers.iter().enumerate() {
        let (Some(system), Some(value)) = (identifier.system.as_deref(), identifier.value.as_deref()) else {
            continue;
        };
        let Some(register) = Personregister::of(system).filter(|register| !register.has_form(value, bild.today)) else {
            continue;
        };
        let (sv, en) = match register {
            Personregister::Personnummer => (
                "Ett personnummer ska ha formen ÅÅÅÅMMDDNNNN: tolv siffror utan bindestreck, med ett möjligt datum.",
                "A personnummer must have the form YYYYMMDDNNNN: twelve digits, no hyphen, with a possible date.",
            ),
            Personregister::Samordningsnummer => (
                "Ett samordningsnummer ska ha formen ÅÅÅÅMMDDNNNN: tolv siffror utan bindestreck, med dagen ökad med 60.",
                "A samordningsnummer must have the form YYYYMMDDNNNN: twelve digits, no hyphen, with 60 added to the day.",
            ),
        };
        let expression = format!("{}.identifier[{index}].value", bild.kind);
        remarks.push(Remark::contradicted(expression, sv, en).about(format!("{}|{value}", register.system())));
    }
    remarks
}
