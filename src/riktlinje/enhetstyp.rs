//! The type of a unit (riktlinje.md part 3): primary care, the region's open care, psychiatry. Read off
//! `Organization.type` up `partOf`; asked by FLK-03, and by the rules about discharges (UTS).

use super::codes::{VARDENHETSTYP, VERKSAMHETSTYP};
use super::enhet::{Enhet, Organisation};
use super::finding::Evidence;

/// A type of unit that a rule asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enhetstyp {
    /// HSA verksamhetstyp `15`, or own `vardcentral`.
    Primarvard,
    /// Own `oppenvard-region`.
    OppenvardRegion,
    PsykiatriskOppenvard,
    PsykiatriskSlutenvard,
    /// HSA verksamhetstyp other than primary care.
    Annan,
}

impl Enhetstyp {
    /// The type that a code states; `None` when the code says nothing of it. The four-digit verksamhetskoder that share
    /// HSA's system (1506 …) tell what is done at a reception, not what kind of unit it is.
    fn of(system: &str, code: &str) -> Option<Enhetstyp> {
        match (system, code) {
            (VERKSAMHETSTYP, "15") | (VARDENHETSTYP, "vardcentral") => Some(Enhetstyp::Primarvard),
            (VARDENHETSTYP, "oppenvard-region") => Some(Enhetstyp::OppenvardRegion),
            (VARDENHETSTYP, "psykiatrisk-oppenvard") => Some(Enhetstyp::PsykiatriskOppenvard),
            (VARDENHETSTYP, "psykiatrisk-slutenvard") => Some(Enhetstyp::PsykiatriskSlutenvard),
            (VERKSAMHETSTYP, two) if two.len() == 2 && two.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(Enhetstyp::Annan)
            }
            _ => None,
        }
    }
}

/// What one organization states of its type.
fn angivna(organisation: &Organisation) -> Vec<Enhetstyp> {
    let codings = organisation.types.iter().flat_map(|concept| &concept.codings);
    codings
        .filter_map(|coding| Enhetstyp::of(coding.system.as_deref()?, coding.code.as_deref()?))
        .collect()
}

/// The types of a unit: those of the nearest organization up `partOf` that states any; empty when nothing is stated.
pub fn typer_av(enhet: &Enhet) -> Vec<Enhetstyp> {
    let mut all = enhet.chain().iter().map(angivna);
    all.find(|typer| !typer.is_empty()).unwrap_or_default()
}

/// Whether a unit belongs to primary care: any organization up `partOf` may show it (a barnavårdscentral of a vårdcentral).
/// That it is the region's open care says nothing, since primary care is that too.
pub fn i_primarvard(enhet: &Enhet) -> Evidence {
    if enhet
        .chain()
        .iter()
        .flat_map(angivna)
        .any(|typ| typ == Enhetstyp::Primarvard)
    {
        Evidence::Shown
    } else if typer_av(enhet).iter().all(|typ| *typ == Enhetstyp::OppenvardRegion) {
        Evidence::NotStated
    } else {
        Evidence::Contradicted
    }
}

/// Whether a unit is of one of these types (GEN-03): one satisfying code among several is enough.
pub fn ar_av_typ(enhet: &Enhet, sokta: &[Enhetstyp]) -> Evidence {
    let typer = typer_av(enhet);
    if typer.is_empty() {
        Evidence::NotStated
    } else if typer.iter().any(|typ| sokta.contains(typ)) {
        Evidence::Shown
    } else {
        Evidence::Contradicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::riktlinje::Files;
    use crate::riktlinje::underlag::Underlag;
    use fastkontakt_model::facts::Reference;
    use fastkontakt_model::{Fact, understand};
    use serde_json::{Value, json};
    use std::sync::Arc;

    /// A unit with these types below a region that is stated to be open care.
    fn unit(types: Value) -> Enhet {
        let facts: Vec<Arc<Fact>> = [
            json!({ "resourceType": "Organization", "id": "e", "name": "e", "type": types,
                    "partOf": { "reference": "Organization/r" } }),
            json!({ "resourceType": "Organization", "id": "r", "name": "r",
                    "type": [{ "coding": [{ "system": VARDENHETSTYP, "code": "oppenvard-region" }] }] }),
        ]
        .iter()
        .map(|it| Arc::new(understand("Organization", &it.to_string()).unwrap()))
        .collect();
        let mut files = Files::new(facts);
        let reference = Reference {
            reference: Some("Organization/e".into()),
            ..Reference::default()
        };
        let home = files.folj(&reference).unwrap().unwrap();
        Enhet::samla(&mut files, &reference, &home).unwrap()
    }

    fn coded(system: &str, codes: &[&str]) -> Value {
        codes
            .iter()
            .map(|code| json!({ "coding": [{ "system": system, "code": code }] }))
            .collect()
    }

    #[test]
    fn the_nearest_organization_that_states_a_type_decides() {
        for (types, expected) in [
            (coded(VERKSAMHETSTYP, &["15"]), Evidence::Shown),
            (coded(VERKSAMHETSTYP, &["16", "15"]), Evidence::Shown),
            (coded(VERKSAMHETSTYP, &["16"]), Evidence::Contradicted),
            (coded(VARDENHETSTYP, &["vardcentral"]), Evidence::Shown),
            (
                coded(VARDENHETSTYP, &["psykiatrisk-slutenvard"]),
                Evidence::Contradicted,
            ),
        ] {
            assert_eq!(i_primarvard(&unit(types.clone())), expected, "{types}");
        }
        let psychiatry = unit(coded(VARDENHETSTYP, &["psykiatrisk-slutenvard"]));
        assert_eq!(
            ar_av_typ(&psychiatry, &[Enhetstyp::PsykiatriskSlutenvard]),
            Evidence::Shown
        );
        assert_eq!(
            ar_av_typ(&psychiatry, &[Enhetstyp::PsykiatriskOppenvard]),
            Evidence::Contradicted
        );
        // A verksamhetskod and an unknown code state no type: the organization above tells.
        for types in [
            coded(VERKSAMHETSTYP, &["1506"]),
            coded(VARDENHETSTYP, &["x"]),
            coded("urn:x", &["15"]),
        ] {
            assert_eq!(typer_av(&unit(types.clone())), [Enhetstyp::OppenvardRegion]);
            assert_eq!(i_primarvard(&unit(types)), Evidence::NotStated);
        }
    }
}
