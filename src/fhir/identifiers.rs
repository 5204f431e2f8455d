//! Equivalent identifier systems: the national pages and the FHIR base profiles name the same register by different URIs.
//! A resource keeps the system it came with; only matching treats them as one. Search (index and query) and the store's
//! look-up of a patient by national number call this; the rules of form (length, Luhn) live in `riktlinje`.

use std::borrow::Cow;

/// One register and every system URI it goes by.
pub struct System {
    /// The URI that we write and index by.
    pub canonical: &'static str,
    /// Other URIs that mean the same register.
    pub equivalents: &'static [&'static str],
}

/// Source: HL7 Sweden's base profiles and Inera's OID register (shared national facts, "Identifier systems").
/// The last three are code systems: a misprint in the base profiles that resources out there carry, SNOMED CT, which
/// HL7 version 3 and the national service contracts (the Swedish edition) name by object identifiers, and the kinds of fast
/// kontakt, which those contracts name so too.
pub const SYSTEMS: &[System] = &[
    System {
        canonical: PERSONNUMMER,
        equivalents: &["urn:oid:1.2.752.129.2.1.3.1"],
    },
    System {
        canonical: SAMORDNINGSNUMMER,
        equivalents: &["urn:oid:1.2.752.129.2.1.3.3"],
    },
    System {
        canonical: NATIONELLT_RESERVNUMMER,
        equivalents: &["urn:oid:1.2.752.74.9.1"],
    },
    System {
        canonical: HSA_ID,
        equivalents: &["urn:oid:1.2.752.29.4.19"],
    },
    System {
        canonical: BEFATTNING,
        equivalents: &["urn:oid:1.2.759.129.2.2.1.4"],
    },
    System {
        canonical: SNOMED_CT,
        equivalents: &["urn:oid:2.16.840.1.113883.6.96", "urn:oid:1.2.752.116.2.1.1"],
    },
    System {
        canonical: TYP_AV_FAST_KONTAKT,
        equivalents: &["urn:oid:1.2.752.129.5.1.69"],
    },
];

pub const PERSONNUMMER: &str = "http://electronichealth.se/identifier/personnummer";
pub const SAMORDNINGSNUMMER: &str = "http://electronichealth.se/identifier/samordningsnummer";
pub const NATIONELLT_RESERVNUMMER: &str = "http://electronichealth.se/identifier/nationelltReservnummer";
/// HSA-id of a person or a unit.
pub const HSA_ID: &str = "urn:oid:1.2.752.129.2.1.4.1";
/// Position (befattning) in HSA: a code system, not an identifier system.
pub const BEFATTNING: &str = "urn:oid:1.2.752.129.2.2.1.4";

pub const SNOMED_CT: &str = "http://snomed.info/sct";
/// What kind of fast kontakt somebody is: a code system.
pub const TYP_AV_FAST_KONTAKT: &str =
    "https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt";

/// The URI that stands for this system in every comparison: the first of its equivalents, or the URI itself.
pub fn canonical_system(system: &str) -> &str {
    // An edition (`…/sct/45991000052106`) is no system of its own, though it is written as one.
    if system
        .strip_prefix(SNOMED_CT)
        .is_some_and(|edition| edition.starts_with('/'))
    {
        return SNOMED_CT;
    }
    SYSTEMS
        .iter()
        .find(|known| known.equivalents.contains(&system))
        .map_or(system, |known| known.canonical)
}

/// An identifier's value as it is indexed and compared under this system: an HSA-id has no case, and no spaces around it, however
/// it is written.
pub fn comparable<'v>(system: &str, value: &'v str) -> Cow<'v, str> {
    match canonical_system(system) == HSA_ID {
        true if value.trim().len() < value.len() || value.bytes().any(|byte| byte.is_ascii_lowercase()) => {
            Cow::Owned(value.trim().to_ascii_uppercase())
        }
        _ => Cow::Borrowed(value),
    }
}

/// Every URI that means the same register as this one, the canonical first; an unknown system is alone.
pub fn equivalent_systems(system: &str) -> Vec<&str> {
    let canonical = canonical_system(system);
    match SYSTEMS.iter().find(|known| known.canonical == canonical) {
        Some(known) => std::iter::once(known.canonical)
            .chain(known.equivalents.iter().copied())
            .collect(),
        None => vec![system],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_systems_have_one_canonical_form() {
        assert_eq!(canonical_system("urn:oid:1.2.752.129.2.1.3.1"), PERSONNUMMER);
        assert_eq!(canonical_system(PERSONNUMMER), PERSONNUMMER);
        assert_eq!(canonical_system("urn:oid:2.5.4.97"), "urn:oid:2.5.4.97");
        assert_eq!(
            equivalent_systems("urn:oid:1.2.752.29.4.19"),
            vec![HSA_ID, "urn:oid:1.2.752.29.4.19"]
        );
        assert_eq!(equivalent_systems("urn:x"), vec!["urn:x"]);
        for snomed in [
            "urn:oid:1.2.752.116.2.1.1",
            "http://snomed.info/sct/45991000052106",
            "http://snomed.info/sct/",
        ] {
            assert_eq!(canonical_system(snomed), SNOMED_CT);
        }
        assert_eq!(canonical_system("http://snomed.info/sctx"), "http://snomed.info/sctx");
    }

    #[test]
    fn no_uri_stands_in_two_lines() {
        let mut all: Vec<&str> = SYSTEMS
            .iter()
            .flat_map(|s| std::iter::once(s.canonical).chain(s.equivalents.iter().copied()))
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
