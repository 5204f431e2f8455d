//! The span of time a FHIR date stands for, to compare dates of different precision.

use jiff::civil;
use jiff::tz::TimeZone;
use std::sync::OnceLock;

use crate::fhir::structure::primitive::{DateTime, days_in};

/// First and last microsecond (since 1970, UTC) of a date, dateTime or instant. Dates are Swedish dates.
pub fn span(text: &str) -> Option<(i64, i64)> {
    let date = DateTime::parse(text)?;
    let (month, day) = (date.month.unwrap_or(1), date.day.unwrap_or(1));
    if let Some((clock, offset)) = date.clock {
        // A leap second counts as the first of the next minute here.
        let seconds = i64::from(clock.hour) * 3600 + i64::from(clock.minute) * 60 + i64::from(clock.second);
        let seconds = days(date.year, month, day)? * 86_400 + seconds - i64::from(offset);
        let micros = seconds * 1_000_000 + i64::from(clock.nanosecond / 1000);
        return Some((micros, micros));
    }
    let last_month = date.month.unwrap_or(12);
    let last_day = date.day.unwrap_or_else(|| days_in(date.year, last_month));
    let end = swedish_midnight(date.year, last_month, last_day, 1)? - 1;
    Some((swedish_midnight(date.year, month, day, 0)?, end))
}

/// FHIRPath `start.lowBoundary() <= end.highBoundary()`; unknown is not a breach.
pub fn in_order(start: Option<&str>, end: Option<&str>) -> bool {
    match (start.and_then(span), end.and_then(span)) {
        (Some((low, _)), Some((_, high))) => low <= high,
        _ => true,
    }
}

/// Days since 1970-01-01.
fn days(year: i16, month: i8, day: i8) -> Option<i64> {
    let date = civil::Date::new(year, month, day).ok()?;
    Some(i64::from(date.since(civil::date(1970, 1, 1)).ok()?.get_days()))
}

/// Midnight, so many days later, in Sweden. Beyond what time zones are computed for: UTC.
fn swedish_midnight(year: i16, month: i8, day: i8, later: i64) -> Option<i64> {
    static SWEDEN: OnceLock<TimeZone> = OnceLock::new();
    let sweden = SWEDEN.get_or_init(|| TimeZone::get("Europe/Stockholm").unwrap_or(TimeZone::UTC));
    let utc = (days(year, month, day)? + later) * 86_400 * 1_000_000;
    let civil = civil::Date::new(year, month, day).ok()?;
    let civil = if later == 0 { Some(civil) } else { civil.tomorrow().ok() };
    let zoned = civil.and_then(|date| date.to_zoned(sweden.clone()).ok());
    Some(zoned.map_or(utc, |zoned| zoned.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_swedish_day() {
        let (low, high) = span("2026-07-01").unwrap();
        assert_eq!(span("2026-06-30T22:00:00Z").unwrap().0, low);
        assert_eq!(high - low + 1, 86_400_000_000);
        assert_eq!(span("2026").unwrap().0, span("2026-01-01T00:00:00+01:00").unwrap().0);
        assert!(span("9999").is_some() && span("0001-01").is_some());
    }

    #[test]
    fn precision_does_not_break_the_order() {
        assert!(in_order(Some("2024-05-10"), Some("2024-05")));
        assert!(in_order(Some("2024-05"), Some("2024-05-10")));
        assert!(in_order(Some("2024-05-10T10:00:00+02:00"), Some("2024-05-10")));
        assert!(!in_order(Some("2024-05-11"), Some("2024-05-10")));
        assert!(in_order(Some("2024-05-11"), None));
    }
}
