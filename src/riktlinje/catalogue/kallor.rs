//! The documents behind the rules, as findings name them.

macro_rules! orebro {
    ($section:literal) => {
        concat!("Region Örebro län, riktlinje 1030579 R1, ", $section)
    };
}
macro_rules! gavleborg {
    ($section:literal) => {
        concat!("Region Gävleborg, handlingsplan för patientkontrakt 2021, ", $section)
    };
}
macro_rules! halland {
    ($section:literal) => {
        concat!("Region Halland, handlingsplan God och nära vård 2021, ", $section)
    };
}
macro_rules! jamtland {
    ($section:literal) => {
        concat!(
            "Region Jämtland Härjedalen, handlingsplan fasta kontakter 2025, ",
            $section
        )
    };
}
pub(super) const GET_CARE_MANAGERS: &str = "Inera, GetCareManagers 1.0";
pub(super) const SKATTEVERKET: &str = "Skatteverket, personnummer och samordningsnummer";
pub(super) use {gavleborg, halland, jamtland, orebro};
