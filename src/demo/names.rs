//! Chance with a seed, invented names and valid numbers: the raw material of the demo people.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::codes::{PERSONNUMMER, SAMORDNINGSNUMMER};

/// SplitMix64: the same seed gives the same people on every machine. Not for secrets.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (high - low + 1).max(1).unsigned_abs();
        low + i64::try_from(self.next() % span).unwrap_or(0)
    }

    /// One of the items; the list must not be empty.
    pub fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        let index = self.between(0, items.len() as i64 - 1) as usize;
        items.get(index).copied().unwrap_or_default()
    }

    /// An address for a resource that gets its id from the server (a version 4 UUID in form).
    pub fn urn(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "urn:uuid:{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }
}

const WOMEN: &[&str] = &[
    "Agneta",
    "Alma",
    "Amira",
    "Astrid",
    "Birgitta",
    "Cecilia",
    "Ebba",
    "Elsa",
    "Fatima",
    "Frida",
    "Greta",
    "Gunilla",
    "Hanna",
    "Ingrid",
    "Jasmin",
    "Karin",
    "Kerstin",
    "Lena",
    "Linnea",
    "Maja",
    "Margareta",
    "Marie",
    "Nora",
    "Olga",
    "Petra",
    "Ronja",
    "Signe",
    "Sofia",
    "Tuva",
    "Ulla",
    "Vera",
    "Zahra",
];

const MEN: &[&str] = &[
    "Adam", "Ahmed", "Alvar", "Anders", "Arvid", "Bengt", "Bo", "Daniel", "Elias", "Emil", "Fredrik", "Gunnar",
    "Göran", "Henrik", "Hugo", "Ibrahim", "Isak", "Johan", "Karl", "Lars", "Liam", "Mats", "Mikael", "Nils", "Olle",
    "Oskar", "Per", "Rolf", "Sixten", "Sven", "Tomas", "Yusuf",
];

/// Made up so that no combination is meant to be anyone.
const FAMILIES: &[&str] = &[
    "Almkvist",
    "Bergsten",
    "Björkvik",
    "Dalström",
    "Ekeblad",
    "Fjällman",
    "Granlund",
    "Havsmo",
    "Idegren",
    "Kvarnlund",
    "Lindmo",
    "Ljungvall",
    "Malmsten",
    "Norrvik",
    "Oxelgren",
    "Prästmo",
    "Rönnmark",
    "Sandvik",
    "Sjövall",
    "Skogmo",
    "Stenmark",
    "Strömvall",
    "Tallberg",
    "Tångmo",
    "Uddgren",
    "Vallmo",
    "Vikgren",
    "Åkervall",
    "Älvmo",
    "Öbrink",
];

/// Given name and family name.
pub fn name(chance: &mut Chance, female: bool) -> (&'static str, &'static str) {
    (chance.pick(if female { WOMEN } else { MEN }), chance.pick(FAMILIES))
}

/// Luhn's check digit over digits (Skatteverket: over the ten last of a personnummer, the check digit left out).
fn check_digit(digits: &str) -> u32 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte.saturating_sub(b'0'));
            if place % 2 == 0 {
                digit * 2 / 10 + digit * 2 % 10
            } else {
                digit
            }
        })
        .sum();
    (10 - sum % 10) % 10
}

/// An organisation number: nine digits and their check digit.
pub fn organisation_number(nine_digits: &str) -> String {
    format!("{nine_digits}{}", check_digit(nine_digits))
}

/// A personnummer with a birth number of the block reserved for tests, 980–989: even for women, odd for men.
pub fn personnummer(birth: Date, female: bool, turn: i64) -> Value {
    json!({ "system": PERSONNUMMER, "value": numbered(birth, 0, female, turn) })
}

/// A samordningsnummer: the day is raised by 60.
pub fn samordningsnummer(birth: Date, female: bool, turn: i64) -> Value {
    json!({ "system": SAMORDNINGSNUMMER, "value": numbered(birth, 60, female, turn) })
}

fn numbered(birth: Date, raise: i8, female: bool, turn: i64) -> String {
    let birth_number = 980 + 2 * (turn.rem_euclid(5)) + i64::from(!female);
    let date = format!("{:04}{:02}{:02}", birth.year(), birth.month(), birth.day() + raise);
    let nine = format!("{}{birth_number}", &date[2..]);
    format!("{}{nine}{}", &date[..2], check_digit(&nine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_national_test_numbers_have_our_check_digit() {
        for number in [
            "195009072553",
            "196101182803",
            "189002029800",
            "200302022389",
            "196109732393",
        ] {
            assert_eq!(check_digit(&number[2..11]).to_string(), number[11..]);
        }
        assert_eq!(organisation_number("232100016"), "2321000164");
    }

    #[test]
    fn the_same_seed_gives_the_same_chance() {
        let (mut one, mut two) = (Chance::new(7), Chance::new(7));
        assert_eq!(one.urn(), two.urn());
        assert!((0..100).all(|_| (3..=5).contains(&one.between(3, 5))));
    }
}
