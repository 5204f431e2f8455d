//! ID: the numbers of people (Patient, RelatedPerson, Practitioner) and organizations. No rule demands a number.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::Identifier;
use jiff::civil::Date;

use super::finding::Remark;
use crate::fhir::identifiers::{HSA_ID, canonical_system};
use crate::hsa::is_hsa_id;
use crate::personnummer::{Personregister, check_digit_holds};

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

impl Identitetsbild<'_> {
    /// Every identifier with a system and a value, and the element of the value.
    fn stated(&self) -> impl Iterator<Item = (&str, &str, String)> {
        let numbered = self.identifiers.iter().enumerate();
        numbered.filter_map(|(index, identifier)| {
            let (system, value) = (identifier.system.as_deref()?, identifier.value.as_deref()?);
            Some((system, value, format!("{}.identifier[{index}].value", self.kind)))
        })
    }
}

/// Form: twelve digits with a possible date. The number itself is never repeated.
pub fn id_01(bild: &Identitetsbild<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (system, value, element) in bild.stated() {
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
        remarks.push(Remark::contradicted(element, sv, en).about(format!("{}|{value}", register.system())));
    }
    remarks
}

/// The check digit of a number that has the form.
pub fn id_02(bild: &Identitetsbild<'_>) -> Vec<Remark> {
    let wrong = bild.stated().filter(|(system, value, _)| {
        Personregister::of(system)
            .is_some_and(|register| register.has_form(value, bild.today) && !check_digit_holds(value))
    });
    wrong
        .map(|(_, value, element)| {
            Remark::contradicted(
                element,
                "Kontrollsiffran i personnumret eller samordningsnumret stämmer inte.",
                "The check digit of the personnummer or samordningsnummer is wrong.",
            )
            .about(value)
        })
        .collect()
}

/// The form of an HSA-id.
pub fn id_03(bild: &Identitetsbild<'_>) -> Vec<Remark> {
    let wrong = bild
        .stated()
        .filter(|(system, value, _)| canonical_system(system) == HSA_ID && !is_hsa_id(value));
    wrong
        .map(|(_, value, element)| {
            Remark::contradicted(
                element,
                "Ett HSA-id ska ha formen SE, tio siffror, bindestreck och 1–31 tecken A–Z, 0–9.",
                "An HSA-id must have the form SE, ten digits, a hyphen and 1–31 characters A–Z, 0–9.",
            )
            .about(value)
        })
        .collect()
}
