//! The rules about identities: ID.

use super::Check::Identitet;
use super::Rule;
use super::kallor::SKATTEVERKET;
use crate::riktlinje::finding::Severity::{Error, Warning};
use crate::riktlinje::id;

pub(super) static RULES: &[Rule] = &[
    // Identities.
    Rule::new("ID-01", Error, SKATTEVERKET)
        .demands(
            "Personnummer och samordningsnummer skrivs med tolv siffror, ÅÅÅÅMMDDNNNN.",
            "Personnummer and samordningsnummer are written with twelve digits, YYYYMMDDNNNN.",
        )
        .check(Identitet(id::id_01)),
    Rule::new("ID-02", Warning, SKATTEVERKET)
        .demands(
            "Kontrollsiffran i ett personnummer stämmer.",
            "The check digit of a personnummer is right.",
        )
        .check(Identitet(id::id_02)),
    Rule::new("ID-03", Warning, "Inera, HSA")
        .demands(
            "Ett HSA-id är SE, tio siffror, bindestreck och 1–31 tecken A–Z, 0–9.",
            "An HSA-id is SE, ten digits, a hyphen and 1–31 characters A–Z, 0–9.",
        )
        .check(Identitet(id::id_03)),
];
