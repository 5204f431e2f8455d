//! The files of the definitions, embedded. A test holds the lists against the folders.

use crate::fhir::version::FhirVersion;

/// Declares the files of a folder under `schemas/`.
macro_rules! texts {
    ($name:ident, $folder:literal, [$($file:literal),+ $(,)?]) => {
        const $name: Folder = Folder {
            path: $folder,
            texts: &[$(($file, include_str!(concat!("../../schemas/", $folder, "/", $file, ".json")))),+],
        };
    };
}

/// The files of one folder: name without `.json`, and text.
pub(super) struct Folder {
    #[cfg_attr(not(test), expect(dead_code, reason = "the test that reads the folder asks for it"))]
    pub path: &'static str,
    pub texts: &'static [(&'static str, &'static str)],
}

texts!(
    BOTH,
    "profiles/both",
    [
        "avslutad-i-samrad",
        "avslutsorsak",
        "berord-resurs",
        "delaktighet",
        "dokumenterad-overenskommelse",
        "ej-digital-atkomst",
        "ersatt-av",
        "ersatt-fran",
        "ersatter",
        "inga-andra-atgarder",
        "inget-eget-atagande",
        "intern-anteckning",
        "likvardig-kompetens",
        "medicinsk-vardplan",
        "samrad",
        "senast-omprovad",
        "team",
        "uppdragsgivare",
    ]
);
texts!(
    R4,
    "profiles/r4",
    [
        "behov-efter-utskrivning",
        "ej-aktuellt",
        "fast-kontakt",
        "huvudman",
        "ingen-bokad-tid",
        "nar",
        "samordnad-individuell-plan",
    ]
);
texts!(
    R5,
    "profiles/r5",
    [
        "behov-efter-utskrivning",
        "ej-aktuellt",
        "fast-kontakt",
        "huvudman",
        "ingen-bokad-tid",
        "nar",
        "samordnad-individuell-plan",
    ]
);
texts!(
    TERMINOLOGY,
    "terminology",
    [
        "CodeSystem-allvarlighetsgrad",
        "CodeSystem-anledning",
        "CodeSystem-arende",
        "CodeSystem-atkomst",
        "CodeSystem-avslutsorsak",
        "CodeSystem-begaran",
        "CodeSystem-behovsgrupp",
        "CodeSystem-delaktighet",
        "CodeSystem-ej-digital-atkomst",
        "CodeSystem-erbjudande",
        "CodeSystem-huvudman",
        "CodeSystem-ingen-bokad-tid",
        "CodeSystem-insatsform",
        "CodeSystem-kv-typ-av-fast-kontakt",
        "CodeSystem-meddelande",
        "CodeSystem-medicinsk-vardplan-del",
        "CodeSystem-plantyp",
        "CodeSystem-typ-av-careteam-cs",
        "CodeSystem-typ-av-fast-kontakt-tillagg",
        "CodeSystem-typeofcareplan-cs",
        "CodeSystem-vardenhetstyp",
        "ValueSet-typ-av-fast-kontakt",
    ]
);
texts!(
    OPERATIONS,
    "operations",
    [
        "organization-riktlinjekontroll",
        "patient-loggutdrag",
        "patient-riktlinjekontroll",
    ]
);

#[cfg(test)]
pub(super) const ALL: [Folder; 5] = [BOTH, R4, R5, TERMINOLOGY, OPERATIONS];

pub(super) const ATTA_FRAGOR: &str = include_str!("../../schemas/questionnaires/gavleborg-atta-fragor.json");

/// The definitions of a version, as they stand in the files.
pub(super) fn of(version: FhirVersion) -> impl Iterator<Item = &'static str> {
    let own = match version {
        FhirVersion::R4 => R4,
        FhirVersion::R5 => R5,
    };
    [own, BOTH, TERMINOLOGY, OPERATIONS]
        .into_iter()
        .flat_map(|folder| folder.texts.iter().map(|(_, text)| *text))
}
