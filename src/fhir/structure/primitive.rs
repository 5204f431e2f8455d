//! The primitive types that JSON carries as strings (datatypes.html#primitive), one function each: the "format" checks of
//! the JSON Schemas. Written by hand because regular expressions know no leap days.

use crate::fhir::version::FhirVersion;

/// A check of one primitive type.
pub type Check = fn(&str) -> bool;

/// Format name in the JSON Schemas → check, for one version.
pub fn checks(version: FhirVersion) -> [(&'static str, Check); 22] {
    let [date_time, instant, time]: [Check; 3] = match version {
        FhirVersion::R4 => [is_date_time, is_instant, is_time],
        // R5 allows nanoseconds at most.
        FhirVersion::R5 => [
            |s| is_date_time(s) && fraction_of_nine(s),
            |s| is_instant(s) && fraction_of_nine(s),
            |s| is_time(s) && fraction_of_nine(s),
        ],
    };
    [
        ("fhir-string", is_string),
        ("fhir-markdown", is_string),
        // Whether it is XHTML is asked with the invariants (txt-1, txt-2).
        ("fhir-xhtml", |s| !s.trim().is_empty()),
        ("fhir-code", is_code),
        ("fhir-id", is_id),
        ("fhir-element-id", is_element_id),
        ("fhir-uri", is_uri),
        ("fhir-url", is_uri),
        ("fhir-canonical", is_uri),
        ("fhir-oid", is_oid),
        ("fhir-uuid", is_uuid),
        ("fhir-base64Binary", is_base64),
        ("fhir-integer64", is_integer64),
        ("fhir-date", is_date),
        ("fhir-dateTime", date_time),
        ("fhir-instant", instant),
        ("fhir-time", time),
        ("grammar-language", super::grammar::is_language),
        ("grammar-mime", super::grammar::is_mime),
        ("grammar-ucum", super::grammar::is_ucum),
        ("grammar-currency", super::grammar::is_currency),
        ("grammar-timezone", super::grammar::is_timezone),
    ]
}

/// Text with something in it. Control characters are discouraged, not forbidden (datatypes.html#string); only U+0000 is
/// refused, since PostgreSQL cannot hold it.
fn is_string(text: &str) -> bool {
    text.len() <= 4 * MAX_CHARACTERS
        && text.chars().any(|c| !c.is_whitespace())
        && !text.contains('\0')
        && (text.len() <= MAX_CHARACTERS || text.chars().count() <= MAX_CHARACTERS)
}

const MAX_CHARACTERS: usize = 1024 * 1024;

/// No space at the ends, single spaces inside.
fn is_code(text: &str) -> bool {
    is_string(text)
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && !text
            .chars()
            .zip(text.chars().skip(1))
            .any(|(a, b)| a.is_whitespace() && b.is_whitespace())
}

/// `[A-Za-z0-9\-\.]{1,64}`
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// The id of an element inside a resource: any string without spaces.
fn is_element_id(text: &str) -> bool {
    is_string(text) && !text.contains(char::is_whitespace)
}

/// `\S*` by the specification; an OID in a URN must be an OID.
fn is_uri(text: &str) -> bool {
    is_element_id(text) && (!text.starts_with("urn:oid:") || is_oid(text))
}

fn is_oid(text: &str) -> bool {
    let Some(oid) = text.strip_prefix("urn:oid:") else {
        return false;
    };
    let mut arcs = oid.split('.');
    matches!(arcs.next(), Some("0" | "1" | "2"))
        && oid.contains('.')
        && arcs.all(|arc| is_digits(arc) && (arc == "0" || !arc.starts_with('0')))
}

fn is_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else {
        return false;
    };
    uuid.len() == 36
        && uuid.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Groups of four with padding at the end only; white space is allowed, as R4 has it.
fn is_base64(text: &str) -> bool {
    let (mut count, mut padding) = (0usize, 0usize);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        match byte {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        count += 1;
    }
    count > 0 && count % 4 == 0 && padding <= 2
}

fn is_integer64(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    is_digits(digits) && (text == "0" || !digits.starts_with('0')) && text.parse::<i64>().is_ok()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_date(text: &str) -> bool {
    DateTime::parse(text).is_some_and(|d| d.clock.is_none())
}

fn is_date_time(text: &str) -> bool {
    DateTime::parse(text).is_some()
}

fn is_instant(text: &str) -> bool {
    DateTime::parse(text).is_some_and(|d| d.clock.is_some())
}

fn is_time(text: &str) -> bool {
    Clock::parse(text).is_some_and(|(_, rest)| rest.is_empty())
}

fn fraction_of_nine(text: &str) -> bool {
    let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
    fraction.bytes().take_while(u8::is_ascii_digit).count() <= 9
}

/// The parts of a FHIR date, dateTime or instant; what is not written is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    pub year: i16,
    pub month: Option<i8>,
    pub day: Option<i8>,
    /// Time of day and the offset from UTC in seconds.
    pub clock: Option<(Clock, i32)>,
}

/// A time of day; the second may be 60 (leap second).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    pub hour: i8,
    pub minute: i8,
    pub second: i8,
    pub nanosecond: i32,
}

impl DateTime {
    /// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or the latter with time and zone; the day must exist.
    pub fn parse(text: &str) -> Option<DateTime> {
        let (year, rest) = number(text, 4)?;
        if year == 0 {
            return None;
        }
        let mut date = DateTime {
            year,
            month: None,
            day: None,
            clock: None,
        };
        let Some(rest) = dash(rest)? else { return Some(date) };
        let (month, rest) = number(rest, 2)?;
        let month = i8::try_from(month).ok().filter(|m| (1..=12).contains(m))?;
        date.month = Some(month);
        let Some(rest) = dash(rest)? else { return Some(date) };
        let (day, rest) = number(rest, 2)?;
        date.day = Some(
            i8::try_from(day)
                .ok()
                .filter(|d| (1..=days_in(year, month)).contains(d))?,
        );
        if rest.is_empty() {
            return Some(date);
        }
        let (clock, zone) = Clock::parse(rest.strip_prefix('T')?)?;
        date.clock = Some((clock, offset(zone)?));
        Some(date)
    }
}

impl Clock {
    /// Reads `hh:mm:ss` with an optional fraction; gives what follows.
    fn parse(text: &str) -> Option<(Clock, &str)> {
        let (hour, rest) = number(text, 2)?;
        let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
        let (second, mut rest) = number(rest.strip_prefix(':')?, 2)?;
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut nanosecond = 0;
        if let Some(fraction) = rest.strip_prefix('.') {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return None;
            }
            for position in 0..9 {
                let digit = if position < digits {
                    i32::from(fraction.as_bytes()[position] - b'0')
                } else {
                    0
                };
                nanosecond = nanosecond * 10 + digit;
            }
            rest = &fraction[digits..];
        }
        let clock = Clock {
            hour: hour as i8,
            minute: minute as i8,
            second: second as i8,
            nanosecond,
        };
        Some((clock, rest))
    }
}

/// `Z` or `±hh:mm` up to 14:00, in seconds.
fn offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('+') { 1 } else { -1 };
    let (hour, rest) = number(text.strip_prefix(['+', '-'])?, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let possible = rest.is_empty() && minute < 60 && (hour < 14 || (hour == 14 && minute == 0));
    possible.then(|| sign * (i32::from(hour) * 3600 + i32::from(minute) * 60))
}

/// Exactly so many digits, and what follows.
fn number(text: &str, digits: usize) -> Option<(i16, &str)> {
    let head = text.get(..digits).filter(|head| is_digits(head))?;
    Some((head.parse().ok()?, &text[digits..]))
}

/// `Some(None)` at the end of the text, `Some(Some(rest))` after a dash, `None` otherwise.
fn dash(text: &str) -> Option<Option<&str>> {
    if text.is_empty() {
        Some(None)
    } else {
        text.strip_prefix('-').map(Some)
    }
}

/// Days of a month in the Gregorian calendar.
pub fn days_in(year: i16, month: i8) -> i8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(check: Check, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(check(text), "{text}");
        }
        for text in bad {
            assert!(!check(text), "{text}");
        }
    }

    #[test]
    fn dates_must_exist() {
        all(
            is_date,
            &[
                "2024",
                "2024-02",
                "2024-02-29",
                "0001-01-01",
                "2000-02-29",
                "9999-12-31",
            ],
            &[
                "",
                "2024-02-30",
                "2023-02-29",
                "1900-02-29",
                "2024-13",
                "2024-1",
                "0000",
                "24",
                "2024-02-29T10:00:00Z",
                "2024-",
                "20240229",
                "２024",
            ],
        );
    }

    #[test]
    fn a_time_of_day_needs_seconds_and_a_zone() {
        all(
            is_date_time,
            &[
                "2024",
                "2024-02-29T23:59:60Z",
                "2024-01-01T00:00:00.123456+14:00",
                "2024-01-01T00:00:00-05:30",
            ],
            &[
                "2024-01-01T24:00:00Z",
                "2024-01-01T10:00Z",
                "2024-01-01T10:00:00",
                "2024-01T10:00:00Z",
                "2024-01-01T10:00:00+14:30",
                "2024-01-01 10:00:00Z",
                "2024-01-01T10:00:00.Z",
                "2024-01-01T10:00:61Z",
            ],
        );
        all(
            is_time,
            &["10:00:00", "10:00:00.5"],
            &["10:00", "10:00:00Z", "25:00:00"],
        );
        all(is_instant, &["2024-01-01T10:00:00Z"], &["2024-01-01"]);
    }

    #[test]
    fn other_primitives() {
        all(is_id, &["a", "A-1.b"], &["", "a b", "å", "a_b", &"x".repeat(65)]);
        all(is_code, &["a", "a b"], &["", " a", "a ", "a  b", "\t"]);
        all(is_string, &["a", " a\n"], &["", "  ", "\n\t", "a\0"]);
        all(
            is_uri,
            &["http://x/y", "urn:oid:1.2.3", "urn:uuid:x", "#a"],
            &["", "a b", "urn:oid:1.02", "urn:oid:x"],
        );
        all(
            is_oid,
            &["urn:oid:1.2.752", "urn:oid:0.0"],
            &["urn:oid:3.1", "1.2", "urn:oid:1", "urn:oid:1."],
        );
        all(
            is_uuid,
            &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
            &["c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:x"],
        );
        all(
            is_base64,
            &["QQ==", "QUI=", "QU JD\n"],
            &["", " ", "Q", "QQ=Q", "Q===", "QQ=", "å+=="],
        );
        all(
            is_integer64,
            &["0", "-9223372036854775808", "12"],
            &["", "01", "9223372036854775808", "1.0"],
        );
    }
}
