//! FHIR dates as the rules and the search index need them: with their precision, and as Swedish days.
//!
//! A date without a time zone is a Swedish date (Europe/Stockholm), so a day is 23 or 25 hours long twice a year.
//! Called by [`crate::understand`], by the riktlinje (whole days) and by the search index (half-open microseconds).

use std::fmt;

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// Swedish winter time; used only beyond what the time zone database reaches (the last day of year 9999).
const FALLBACK_OFFSET: i64 = 3_600 * MICROS_PER_SECOND;

/// A FHIR `date`, `dateTime` or `instant` with the precision it was written with.
///
/// Source: <https://hl7.org/fhir/R5/datatypes.html#dateTime>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FhirDate {
    /// `2024`
    Year(i16),
    /// `2024-05`
    YearMonth(i16, i8),
    /// `2024-05-17`
    Day(civil::Date),
    /// `2024-05-17T08:30:00+02:00`
    Instant(Instant),
}

/// A moment, and how long the unit is in which it was written (a second, a tenth …).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// Microseconds since 1970-01-01T00:00:00Z; a plain number because FHIR's year 9999 ends after jiff's last timestamp.
    pub micros: i64,
    /// Length of the written unit in microseconds, at least one.
    pub width: i64,
}

impl FhirDate {
    /// Reads a FHIR date, dateTime or instant; `None` for anything that is not one, or not in the calendar.
    ///
    /// A leap second (`:60`) is the moment after `:59`. Digits of the fraction beyond microseconds are cut.
    pub fn parse(text: &str) -> Option<FhirDate> {
        let (day, time) = match text.split_once('T') {
            Some((day, time)) => (day, Some(time)),
            None => (text, None),
        };
        let parsed = parse_calendar(day)?;
        match (parsed, time) {
            (calendar, None) => Some(calendar),
            (FhirDate::Day(date), Some(time)) => parse_time(date, time).map(FhirDate::Instant),
            _ => None,
        }
    }

    /// The first Swedish day that this date may mean.
    pub fn first_day(&self) -> civil::Date {
        match *self {
            FhirDate::Year(year) => civil::Date::new(year, 1, 1).unwrap_or(civil::Date::MIN),
            FhirDate::YearMonth(year, month) => civil::Date::new(year, month, 1).unwrap_or(civil::Date::MIN),
            FhirDate::Day(day) => day,
            FhirDate::Instant(instant) => swedish_day(instant.micros),
        }
    }

    /// The last Swedish day that this date may mean.
    pub fn last_day(&self) -> civil::Date {
        match *self {
            FhirDate::Year(_) => self.first_day().last_of_year(),
            FhirDate::YearMonth(..) => self.first_day().last_of_month(),
            FhirDate::Day(day) => day,
            FhirDate::Instant(instant) => swedish_day(instant.micros),
        }
    }

    /// The time span this date covers: microseconds since 1970-01-01T00:00:00Z, low included, high not.
    pub fn range(&self) -> (i64, i64) {
        match *self {
            FhirDate::Instant(instant) => (instant.micros, instant.micros + instant.width),
            _ => (
                swedish_midnight(epoch_day(self.first_day())),
                swedish_midnight(epoch_day(self.last_day()) + 1),
            ),
        }
    }
}

impl From<civil::Date> for FhirDate {
    fn from(day: civil::Date) -> FhirDate {
        FhirDate::Day(day)
    }
}

/// The calendar part as FHIR writes it; an instant is told as its Swedish day.
impl fmt::Display for FhirDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            FhirDate::Year(year) => write!(f, "{year:04}"),
            FhirDate::YearMonth(year, month) => write!(f, "{year:04}-{month:02}"),
            FhirDate::Day(_) | FhirDate::Instant(_) => write!(f, "{}", self.first_day()),
        }
    }
}

/// The Swedish day a timestamp falls on: what "today" is, everywhere.
pub fn swedish_day_of(timestamp: Timestamp) -> civil::Date {
    swedish_day(timestamp.as_microsecond())
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, digits only, year 0001 to 9999.
fn parse_calendar(text: &str) -> Option<FhirDate> {
    let bytes = text.as_bytes();
    let year = i16::try_from(digits(bytes.get(..4)?)?).ok().filter(|year| *year > 0)?;
    match bytes.len() {
        4 => Some(FhirDate::Year(year)),
        7 if bytes[4] == b'-' => {
            let month = i8::try_from(digits(&bytes[5..])?)
                .ok()
                .filter(|month| (1..=12).contains(month))?;
            Some(FhirDate::YearMonth(year, month))
        }
        10 if bytes[4] == b'-' && bytes[7] == b'-' => {
            let month = i8::try_from(digits(&bytes[5..7])?).ok()?;
            let day = i8::try_from(digits(&bytes[8..])?).ok()?;
            civil::Date::new(year, month, day).ok().map(FhirDate::Day)
        }
        _ => None,
    }
}

/// `hh:mm:ss`, an optional fraction of any length, and the zone that FHIR demands with a time.
fn parse_time(date: civil::Date, text: &str) -> Option<Instant> {
    let bytes = text.as_bytes();
    let clock = bytes.get(..8).filter(|clock| clock[2] == b':' && clock[5] == b':')?;
    let hour = digits(&clock[..2]).filter(|hour| *hour < 24)?;
    let minute = digits(&clock[3..5]).filter(|minute| *minute < 60)?;
    let second = digits(&clock[6..]).filter(|second| *second <= 60)?;
    let (fraction, width, zone) = parse_fraction(&bytes[8..])?;
    let offset = parse_zone(zone)?;
    let local = epoch_day(date) * MICROS_PER_DAY + (hour * 3_600 + minute * 60 + second) * MICROS_PER_SECOND + fraction;
    Some(Instant {
        micros: local - offset * 60 * MICROS_PER_SECOND,
        width,
    })
}

/// `.123…` → (microseconds, width of the last digit read, the rest).
fn parse_fraction(bytes: &[u8]) -> Option<(i64, i64, &[u8])> {
    let Some(rest) = bytes.strip_prefix(b".") else {
        return Some((0, MICROS_PER_SECOND, bytes));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let read = length.min(6);
    let width = 10_i64.pow(6 - u32::try_from(read).ok()?);
    Some((digits(&rest[..read])? * width, width, &rest[length..]))
}

/// `Z` or `±hh:mm` up to 14:00 → minutes east of Greenwich.
fn parse_zone(zone: &[u8]) -> Option<i64> {
    let (sign, rest) = match zone {
        b"Z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let [h1, h2, b':', m1, m2] = *rest else { return None };
    let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
    (minutes < 60 && hours * 60 + minutes <= 14 * 60).then_some(sign * (hours * 60 + minutes))
}

/// A run of ASCII digits as a number; anything else is `None`. The callers pass at most six.
fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
    })
}

fn epoch_day(date: civil::Date) -> i64 {
    const EPOCH: civil::Date = civil::date(1970, 1, 1);
    date.duration_since(EPOCH).as_secs() / 86_400
}

/// The civil date of a day counted from 1970-01-01; outside jiff's calendar the nearest day inside.
fn civil_day(epoch_day: i64) -> civil::Date {
    const EPOCH: civil::Date = civil::date(1970, 1, 1);
    let limit = if epoch_day < 0 {
        civil::Date::MIN
    } else {
        civil::Date::MAX
    };
    EPOCH
        .checked_add(SignedDuration::from_secs(epoch_day.saturating_mul(86_400)))
        .unwrap_or(limit)
}

fn stockholm() -> &'static TimeZone {
    static STOCKHOLM: std::sync::LazyLock<TimeZone> =
        // The database is bundled (feature tzdb-bundle-always), so the fallback is never taken in practice.
        std::sync::LazyLock::new(|| TimeZone::get("Europe/Stockholm").unwrap_or(TimeZone::UTC));
    &STOCKHOLM
}

/// Microseconds since the epoch at which the day begins in Sweden.
fn swedish_midnight(epoch_day: i64) -> i64 {
    let start = civil_day(epoch_day).to_datetime(civil::Time::midnight());
    match stockholm().to_timestamp(start) {
        Ok(timestamp) if epoch_day_in_calendar(epoch_day) => timestamp.as_microsecond(),
        _ => epoch_day * MICROS_PER_DAY - FALLBACK_OFFSET,
    }
}

fn epoch_day_in_calendar(day: i64) -> bool {
    epoch_day(civil_day(day)) == day
}

fn swedish_day(micros: i64) -> civil::Date {
    match Timestamp::from_microsecond(micros) {
        Ok(timestamp) => stockholm().to_datetime(timestamp).date(),
        Err(_) => civil_day((micros + FALLBACK_OFFSET).div_euclid(MICROS_PER_DAY)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600 * MICROS_PER_SECOND;

    fn parsed(text: &str) -> FhirDate {
        FhirDate::parse(text).unwrap_or_else(|| panic!("{text} should parse"))
    }

    #[test]
    fn every_precision_knows_its_first_and_last_day() {
        for (text, first, last) in [
            ("2024", "2024-01-01", "2024-12-31"),
            ("2024-02", "2024-02-01", "2024-02-29"),
            ("2023-02", "2023-02-01", "2023-02-28"),
            ("2024-05-17", "2024-05-17", "2024-05-17"),
            ("2024-05-17T23:30:00+02:00", "2024-05-17", "2024-05-17"),
            ("2024-05-17T23:30:00Z", "2024-05-18", "2024-05-18"),
            ("9999-12-31", "9999-12-31", "9999-12-31"),
            ("9999-12-31T23:59:59Z", "9999-12-31", "9999-12-31"),
            ("0001-01-01T00:00:00+14:00", "0000-12-31", "0000-12-31"),
        ] {
            assert_eq!(parsed(text).first_day().to_string(), first, "{text}");
            assert_eq!(parsed(text).last_day().to_string(), last, "{text}");
        }
    }

    #[test]
    fn days_of_clock_changes_are_23_and_25_hours_long() {
        for (text, hours) in [
            ("2024-03-31", 23),
            ("2024-10-27", 25),
            ("2024-06-01", 24),
            ("9999-12-31", 24),
        ] {
            let (low, high) = parsed(text).range();
            assert_eq!(high - low, hours * HOUR, "{text}");
        }
        assert_eq!(parsed("2024-06-01").range().0, parsed("2024-05-31T22:00:00Z").range().0);
    }

    #[test]
    fn instants_are_as_wide_as_they_were_written() {
        for (text, width) in [
            ("2024-05-17T08:30:00Z", 1_000_000),
            ("2024-05-17T08:30:00.5Z", 100_000),
            ("2024-05-17T08:30:00.123456Z", 1),
            ("2024-05-17T08:30:00.123456789123456789Z", 1),
        ] {
            let (low, high) = parsed(text).range();
            assert_eq!(high - low, width, "{text}");
        }
        assert_eq!(
            parsed("2016-12-31T23:59:60Z").range().0,
            parsed("2017-01-01T00:00:00Z").range().0
        );
        assert_eq!(
            parsed("2024-05-17T08:30:00+02:00").range(),
            parsed("2024-05-17T06:30:00Z").range()
        );
    }

    #[test]
    fn what_is_not_a_fhir_date_is_refused() {
        for text in [
            "",
            "24",
            "0000",
            "2024-13",
            "2024-1",
            "2023-02-29",
            "2024-00-10",
            "20240517",
            "2024-05-17T",
            "2024T08:00:00Z",
            "2024-05-17T08:30Z",
            "2024-05-17T08:30:00",
            "2024-05-17T24:00:00Z",
            "2024-05-17T08:60:00Z",
            "2024-05-17T08:30:61Z",
            "2024-05-17T08:30:00.Z",
            "2024-05-17T08:30:00+14:01",
            "2024-05-17T08:30:00+2:00",
            "2024-05-17 ",
            "+024",
            "２０２４",
            "2024-05-17T08:30:00z",
            "2024-05-17t08:30:00Z",
            "2024-05-1é",
        ] {
            assert_eq!(FhirDate::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = FhirDate::parse(&text);
        }

        #[test]
        fn near_dates_never_panic_and_ranges_are_never_empty(text in "[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,12})?(Z|[+-][0-9]{2}:[0-9]{2}))?)?)?") {
            if let Some(date) = FhirDate::parse(&text) {
                let (low, high) = date.range();
                prop_assert!(low < high);
                prop_assert!(date.first_day() <= date.last_day());
            }
        }

        #[test]
        fn days_follow_each_other_without_gap(year in 1_i16..=9998, month in 1_i8..=12, day in 1_i8..=28) {
            let today = FhirDate::Day(civil::date(year, month, day));
            let tomorrow = FhirDate::Day(civil::date(year, month, day).tomorrow().unwrap());
            prop_assert_eq!(today.range().1, tomorrow.range().0);
            let inside = FhirDate::Instant(Instant { micros: today.range().0, width: 1 });
            prop_assert_eq!(inside.first_day(), today.first_day());
            let end = FhirDate::Instant(Instant { micros: today.range().1 - 1, width: 1 });
            prop_assert_eq!(end.last_day(), today.first_day());
        }

        #[test]
        fn months_and_years_hold_their_days(year in 1_i16..=9999, month in 1_i8..=12) {
            let (low, high) = FhirDate::YearMonth(year, month).range();
            let (year_low, year_high) = FhirDate::Year(year).range();
            prop_assert!(year_low <= low && high <= year_high);
            prop_assert_eq!(parsed(&format!("{year:04}-{month:02}")), FhirDate::YearMonth(year, month));
        }
    }
}
