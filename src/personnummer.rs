//! Personnummer and samordningsnummer: their form (ID-01), and how one is known in an id or a text.

use jiff::civil::Date;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::fhir::identifiers::{PERSONNUMMER, SAMORDNINGSNUMMER, canonical_system};

/// Day 60 is added to the day of birth in a samordningsnummer; day 60 itself means an unknown day.
const SAMORDNING_DAY: i8 = 60;
/// Nobody in a register was born before this year.
const EARLIEST_YEAR: i16 = 1800;

/// A register of people whose numbers have a form that can be checked, and join patients (GEN-01).
/// The national reserve number is left out on purpose: it joins nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personregister {
    Personnummer,
    Samordningsnummer,
}

impl Personregister {
    /// The register that a system URI means, whichever of its equivalents is used.
    pub fn of(system: &str) -> Option<Personregister> {
        match canonical_system(system) {
            PERSONNUMMER => Some(Personregister::Personnummer),
            SAMORDNINGSNUMMER => Some(Personregister::Samordningsnummer),
            _ => None,
        }
    }

    /// The register and the number that a FHIR Identifier tells.
    pub fn and_number(identifier: &Value) -> Option<(Personregister, &str)> {
        let register = Personregister::of(identifier["system"].as_str()?)?;
        Some((register, identifier["value"].as_str()?))
    }

    /// The URI that stands for the register.
    pub fn system(self) -> &'static str {
        match self {
            Personregister::Personnummer => PERSONNUMMER,
            Personregister::Samordningsnummer => SAMORDNINGSNUMMER,
        }
    }

    /// Whether the number has twelve digits that begin with a possible date. Source: Skatteverket.
    pub fn has_form(self, number: &str, today: Date) -> bool {
        if number.len() != 12 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        let part = |range| {
            number
                .get(range)
                .and_then(|digits: &str| digits.parse::<i16>().ok())
                .unwrap_or_default()
        };
        let (year, month, day) = (part(0..4), part(4..6) as i8, part(6..8) as i8);
        if year < EARLIEST_YEAR || year > today.year() {
            return false;
        }
        match self {
            Personregister::Personnummer => Date::new(year, month, day).is_ok_and(|birth| birth <= today),
            Personregister::Samordningsnummer => is_samordning_date(year, month, day - SAMORDNING_DAY),
        }
    }
}

/// Month 00 and day 00 (60 as written) stand for an unknown birth date.
fn is_samordning_date(year: i16, month: i8, day: i8) -> bool {
    match (month, day) {
        (0..=12, 0) => true,
        (0, 1..=31) => true,
        _ => Date::new(year, month, day).is_ok(),
    }
}

/// Whether the last of twelve digits is the check digit of the nine before it (Luhn over the last ten). Source: Skatteverket.
pub fn check_digit_holds(number: &str) -> bool {
    let digits = number.chars().rev().take(10).map(|digit| digit.to_digit(10));
    // Counted from the end, every second digit is doubled.
    let sum = digits.enumerate().try_fold(0, |sum, (place, digit)| {
        let weighted = digit? * (1 + place as u32 % 2);
        Some(sum + weighted / 10 + weighted % 10)
    });
    sum.is_some_and(|sum: u32| sum.is_multiple_of(10))
}

/// Whether a text holds what has the form of a personnummer or samordningsnummer, of ten digits or twelve, with or without a
/// sign before the last four, and its check digit: such a text is not kept where many read it (addresses, logs). A UUID
/// is none, whatever digits it has in a row.
pub fn holds_personal_number(text: &str) -> bool {
    text.split('/').any(|part| !is_uuid(part) && holds_number(part))
}

/// Whether an id is a personnummer or samordningsnummer, with something before it that is no digit or without: twelve digits,
/// or ten or twelve with a sign before the last four. Journals number and date their records: ten digits in a row, and a day
/// of the last year, are left alone.
pub fn is_personal_number(id: &str, today: Date) -> bool {
    let number = id.trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let is_signed = digits.len() + 1 == number.len() && matches!(number.bytes().rev().nth(4), Some(b'-' | b'.'));
    let number = match digits.len() {
        12 if is_signed || digits == number => digits,
        10 if is_signed => {
            let of_this_century = digits[..2].parse().is_ok_and(|year: i16| year <= today.year() % 100);
            format!("{}{digits}", if of_this_century { "20" } else { "19" })
        }
        _ => return false,
    };
    let a_year_ago = today.saturating_sub(jiff::Span::new().years(1));
    let registers = [Personregister::Personnummer, Personregister::Samordningsnummer];
    check_digit_holds(&number) && registers.iter().any(|register| register.has_form(&number, a_year_ago))
}

/// The same of an id whose digits stand in parts, with `-`, `.` or `_` between them (`1950.09.07.2553`): of somebody who is told of,
/// where it is no journal's own.
pub fn is_personal_number_in_parts(id: &str, today: Date) -> bool {
    let number = id.trim_start_matches(|c: char| !c.is_ascii_digit());
    let has_parts = number.contains(PARTING);
    let digits: String = number.chars().filter(|c| !PARTING.contains(c)).collect();
    let in_parts = match digits.len() {
        10 | 12 if has_parts && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let (head, last_four) = digits.split_at(digits.len() - 4);
            is_personal_number(&format!("{head}-{last_four}"), today)
        }
        _ => false,
    };
    in_parts || is_personal_number(id, today)
}

/// What stands between the parts of a number.
const PARTING: [char; 6] = ['-', '+', ' ', '.', '_', '/'];
/// So much of it, at the most, between two parts (` - `).
const WIDEST: usize = 3;

/// Whether a text that somebody wrote holds a personnummer or samordningsnummer, however it is written: what
/// [`holds_personal_number`] knows, and with dashes, spaces and digits of every kind, or in parts (`1950 0907 - 2553`).
/// The last four stand together: a day and a time (`2026-11-22 14.20`) are no number.
pub fn tells_personal_number(text: &str) -> bool {
    let plain = written_plainly(text);
    let words = plain.split_inclusive([' ', '/']);
    let words = words.map(|word| match is_uuid(word.trim_end_matches([' ', '/'])) {
        true => "x",
        false => word,
    });
    holds_in_parts(&words.collect::<String>())
}

/// The text in compatibility form (NFKC), with `-` for every dash and one kind of space; without what is not seen.
pub fn written_plainly(text: &str) -> String {
    let seen = text
        .nfkc()
        .filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'));
    seen.map(|c| match c {
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{2e3a}' | '\u{2e3b}' | '\u{301c}' | '\u{2d7}' => '-',
        c if c.is_whitespace() => ' ',
        c => c,
    })
    .collect()
}

/// Whether parts of digits that follow each other make a number.
fn holds_in_parts(text: &str) -> bool {
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = text;
    loop {
        let begin = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (between, from) = rest.split_at(begin);
        if between.chars().count() > WIDEST || !between.chars().all(|c| PARTING.contains(&c)) {
            parts.clear();
        }
        if from.is_empty() {
            return false;
        }
        let (part, after) = digits(from);
        parts.push(part);
        if part.len() >= 4 {
            let mut number = String::new();
            for part in parts.iter().rev() {
                number.insert_str(0, part);
                if number.len() > 12 {
                    break;
                }
                if is_number(&number) {
                    return true;
                }
            }
        }
        rest = after;
    }
}

fn holds_number(text: &str) -> bool {
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
        let (run, after) = digits(&rest[begin..]);
        let last_four = after
            .strip_prefix(['-', '+', ' '])
            .map(|after| digits(after).0)
            .filter(|last| matches!(run.len(), 6 | 8) && last.len() == 4);
        if is_number(run) || last_four.is_some_and(|last| is_number(&format!("{run}{last}"))) {
            return true;
        }
        rest = after;
    }
    false
}

/// The digits that a text begins with, and what follows.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Ten digits or twelve that are a number of a person: a day that may be one of birth, with or without 60 more, and the check digit.
fn is_number(digits: &str) -> bool {
    let short = match digits.len() {
        10 => digits,
        12 if ["18", "19", "20"].iter().any(|century| digits.starts_with(century)) => &digits[2..],
        _ => return false,
    };
    let part = |range: std::ops::Range<usize>| short[range].parse::<i8>().unwrap_or_default();
    let day = part(4..6);
    let is_day = (1..=31).contains(&day) || (1..=31).contains(&(day - SAMORDNING_DAY));
    (1..=12).contains(&part(2..4)) && is_day && check_digit_holds(short)
}

/// Eight, four, four, four and twelve hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let parts = text.split('-').map(|part| {
        let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex { part.len() } else { 0 }
    });
    parts.eq([8, 4, 4, 4, 12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 9, 15);

    #[test]
    fn personal_numbers_are_known_in_any_writing() {
        for text in [
            "195009072553",
            "5009072553",
            "19500907-2553",
            "500907-2553",
            "500907+2553",
            "Practitioner/195009072553",
            "pat195009072553x",
            "ring 19500907 2553 genast",
            // Day 67: a samordningsnummer.
            "5009672550",
        ] {
            assert!(holds_personal_number(text), "{text}");
        }
        for text in [
            "",
            "195009072554",
            "1950090725530",
            "SE2321000164-1000",
            "232100-0164",
            "20261122-1",
            "01950090-7255-7abc-8def-195009072553",
            "a-b",
            "åäö 1950",
        ] {
            assert!(!holds_personal_number(text), "{text}");
        }
    }

    #[test]
    fn a_number_in_free_text_is_known_however_it_is_written() {
        for text in [
            "195009072553",
            "ring 5009072553",
            "19500907-2553",
            "19500907\u{2013}2553",
            "19500907 - 2553",
            "19500907\u{a0}\u{2014}\u{a0}2553",
            "1950 0907 2553",
            "1950-09-07-2553",
            "1950.09.07.2553",
            "19500907_2553",
            "p19500907/2553",
            "500907\u{a0}2553",
            "500907\u{200b}-2553",
            "500907\u{2212}2553",
            "\u{ff11}\u{ff19}\u{ff15}\u{ff10}\u{ff10}\u{ff19}\u{ff10}\u{ff17}\u{ff0d}\u{ff12}\u{ff15}\u{ff15}\u{ff13}",
            "s\u{e4}ng 4, 500907-2553, medvetsl\u{f6}s",
            "s\u{e4}ng 12 500907-2553",
            // Day 67: a samordningsnummer.
            "19500967\u{2013}2550",
        ] {
            assert!(tells_personal_number(text), "{text}");
        }
        for text in [
            "",
            "medvetsl\u{f6}s vid inkomst",
            "19500907\u{2013}2554",
            "1950090725530",
            "19500907 och 2553",
            "2026-11-22 14.20",
            "01950090-7255-7abc-8def-195009072553",
            "klient/01950090-7255-7abc-8def-195009072553",
            "SE2321000164-1000",
            "1.2.752.129.2.1.4.1",
        ] {
            assert!(!tells_personal_number(text), "{text}");
        }
        let times = (0..24 * 60).map(|minute| format!("2026-11-22 {:02}.{:02}", minute / 60, minute % 60));
        for text in times {
            assert!(!tells_personal_number(&text), "{text}");
        }
    }

    #[test]
    fn an_id_in_parts_is_known() {
        for id in [
            "1950.0907.2553",
            "1950-09-07-2553",
            "p1950_0907_2553",
            "50.09.07-2553",
            "195009072553",
        ] {
            assert!(is_personal_number_in_parts(id, TODAY), "{id}");
        }
        for id in [
            "5009072553",
            "202611221234",
            "1950.0907.2554",
            "01990412-7255-7012-8345-195009072553",
            "a.b-c",
        ] {
            assert!(!is_personal_number_in_parts(id, TODAY), "{id}");
        }
    }

    #[test]
    fn an_id_that_is_a_personal_number_is_known_from_one_that_a_journal_made() {
        for id in [
            "195009072553",
            "19500907-2553",
            "500907-2553",
            "pat-195009072553",
            "196109732393",
        ] {
            assert!(is_personal_number(id, TODAY), "{id}");
        }
        let this_year = format!("{}0101", TODAY.year());
        let stamped = (0..10_000).map(|last| format!("{this_year}{last:04}"));
        let numbered = (0..10_000).map(|last| format!("500907{last:04}"));
        for id in stamped.chain(numbered) {
            assert!(!is_personal_number(&id, TODAY), "{id}");
        }
        for id in [
            "195009072554",
            "1950090725530",
            "195009072553-1",
            "01950090-7255-7abc-8def-195009072553",
            "a",
        ] {
            assert!(!is_personal_number(id, TODAY), "{id}");
        }
    }

    #[test]
    fn the_valid_test_numbers_have_the_form() {
        for number in [
            "195009072553",
            "196101182803",
            "189002029800",
            "200302022389",
            "200001252386",
            "191212121212",
        ] {
            assert!(Personregister::Personnummer.has_form(number, TODAY), "{number}");
        }
        for number in [
            "196109732393",
            "191500722390",
            "198000609802",
            "198013009800".replace("13", "05").as_str(),
        ] {
            let expected = number != "198005009800";
            assert_eq!(
                Personregister::Samordningsnummer.has_form(number, TODAY),
                expected,
                "{number}"
            );
        }
    }

    #[test]
    fn check_digits() {
        for number in [
            "195009072553",
            "196101182803",
            "189002029800",
            "200302022389",
            "199002222397",
            "200001252386",
            "191212121212",
            "196109732393",
            "191500722390",
        ] {
            assert!(check_digit_holds(number), "{number}");
        }
        for number in ["197805232391", "195009072554", "19500907255X", "1950å9072553"] {
            assert!(!check_digit_holds(number), "{number}");
        }
    }

    #[test]
    fn hyphens_ten_digits_and_impossible_dates_do_not_have_the_form() {
        for number in [
            "19500907-2553",
            "5009072553",
            "195002302553",
            "209901012380",
            "196109732393",
            "1950O9072553",
            "",
        ] {
            assert!(!Personregister::Personnummer.has_form(number, TODAY), "{number}");
        }
    }
}
