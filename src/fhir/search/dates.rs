//! Date search: prefixes and ranges (search.html#prefix, #date). Every value is a range [low, high) of microseconds, in the
//! index as in the query; the prefixes compare ranges. One table of comparisons ([`DateValue::test`]) serves the SQL.
//!
//! `ge` and `le` follow the wording that R6 makes clear: the range from the value's own beginning (or up to its own end)
//! overlaps the resource's. R5's words leave a period that begins on day D out of `leD`, and with it today's new fast kontakt
//! out of `date=leD&date=geD`, which nationally means "in force on day D".

use fastkontakt_model::date::FhirDate;

const MINUTE: i64 = 60 * 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

impl Prefix {
    pub const ALL: [(&'static str, Prefix); 9] = [
        ("eq", Prefix::Eq),
        ("ne", Prefix::Ne),
        ("gt", Prefix::Gt),
        ("lt", Prefix::Lt),
        ("ge", Prefix::Ge),
        ("le", Prefix::Le),
        ("sa", Prefix::Sa),
        ("eb", Prefix::Eb),
        ("ap", Prefix::Ap),
    ];

    /// The prefix of a value, `eq` when none is stated, and the rest.
    pub fn split(text: &str) -> (Prefix, &str) {
        Prefix::ALL
            .iter()
            .find_map(|(name, prefix)| text.strip_prefix(name).map(|rest| (*prefix, rest)))
            .unwrap_or((Prefix::Eq, text))
    }
}

/// A date in a query: its prefix and the range it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateValue {
    pub prefix: Prefix,
    pub low: i64,
    pub high: i64,
}

/// A comparison of one end of the resource's range with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare<T = i64> {
    LowBefore(T),
    LowFrom(T),
    HighUpTo(T),
    HighAfter(T),
}

/// What a date value demands of a resource's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test<T = i64> {
    One(Compare<T>),
    Both(Compare<T>, Compare<T>),
    Either(Compare<T>, Compare<T>),
}

/// The comparisons that make up a prefix, of a value whose range is [low, high).
pub fn test<T: Copy>(prefix: Prefix, low: T, high: T) -> Test<T> {
    match prefix {
        Prefix::Eq => Test::Both(Compare::LowFrom(low), Compare::HighUpTo(high)),
        Prefix::Ne => Test::Either(Compare::LowBefore(low), Compare::HighAfter(high)),
        Prefix::Gt => Test::One(Compare::HighAfter(high)),
        Prefix::Lt => Test::One(Compare::LowBefore(low)),
        Prefix::Ge => Test::One(Compare::HighAfter(low)),
        Prefix::Le => Test::One(Compare::LowBefore(high)),
        Prefix::Sa => Test::One(Compare::LowFrom(high)),
        Prefix::Eb => Test::One(Compare::HighUpTo(low)),
        Prefix::Ap => Test::Both(Compare::LowBefore(high), Compare::HighAfter(low)),
    }
}

impl DateValue {
    /// A date without a prefix, as operations take them.
    pub fn exact(text: &str) -> Option<DateValue> {
        let (low, high) = range(text)?;
        Some(DateValue {
            prefix: Prefix::Eq,
            low,
            high,
        })
    }

    /// `[prefix]date`. Beside FHIR's own forms also minutes without seconds, and a time without a zone (Swedish time), as
    /// search allows; `now` (µs) is what `ap` measures its tenth from.
    pub fn parse(text: &str, now: i64) -> Option<DateValue> {
        let (prefix, date) = Prefix::split(text);
        let (low, high) = range(date)?;
        if prefix != Prefix::Ap {
            return Some(DateValue { prefix, low, high });
        }
        // "The recommended value for the approximation is 10 % of the gap between now and the date."
        let gap = if now < low { low - now } else { (now - high).max(0) };
        Some(DateValue {
            prefix,
            low: low.saturating_sub(gap / 10),
            high: high.saturating_add(gap / 10),
        })
    }

    /// The comparisons that make up the prefix.
    pub fn test(&self) -> Test {
        test(self.prefix, self.low, self.high)
    }

    /// Whether a resource's range fulfils it.
    pub fn matches(&self, low: i64, high: i64) -> bool {
        let holds = |compare: Compare| match compare {
            Compare::LowBefore(limit) => low < limit,
            Compare::LowFrom(limit) => low >= limit,
            Compare::HighUpTo(limit) => high <= limit,
            Compare::HighAfter(limit) => high > limit,
        };
        match self.test() {
            Test::One(one) => holds(one),
            Test::Both(a, b) => holds(a) && holds(b),
            Test::Either(a, b) => holds(a) || holds(b),
        }
    }
}

/// The range of a date as it may stand in a query.
fn range(text: &str) -> Option<(i64, i64)> {
    // A `+` that was not percent-encoded arrives as a space.
    let text = text.replace(' ', "+");
    if let Some(date) = FhirDate::parse(&text) {
        return Some(date.range());
    }
    let (day, time) = text.split_once('T')?;
    let (clock, zone) = match time.find(['Z', '+', '-']) {
        Some(at) => (time.get(..at)?, time.get(at..)?),
        None => (time, ""),
    };
    let (clock, whole_minute) = if clock.len() == 5 {
        (format!("{clock}:00"), true)
    } else {
        (clock.to_owned(), false)
    };
    let (low, high) = if zone.is_empty() {
        swedish_range(day, &clock)?
    } else {
        FhirDate::parse(&format!("{day}T{clock}{zone}"))?.range()
    };
    Some((low, if whole_minute { low + MINUTE } else { high }))
}

/// A clock time without a zone on a Swedish day. In the doubled hour of autumn it is the first of the two.
fn swedish_range(day: &str, clock: &str) -> Option<(i64, i64)> {
    // Read as Greenwich time first, for the checks and the width; then moved by the zone's offset.
    let (low, high) = FhirDate::parse(&format!("{day}T{clock}Z"))?.range();
    let civil = jiff::Timestamp::from_microsecond(low)
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .datetime();
    let zone = jiff::tz::TimeZone::get("Europe/Stockholm").ok()?;
    let moved = zone.to_timestamp(civil).ok()?.as_microsecond();
    Some((moved, moved + (high - low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_750_000_000_000_000;

    fn parse(text: &str) -> (i64, i64) {
        let value = DateValue::parse(text, NOW).unwrap_or_else(|| panic!("{text}"));
        (value.low, value.high)
    }

    #[test]
    fn search_takes_minutes_and_times_without_zone() {
        assert_eq!(parse("2024-05-17T08:30+02:00"), {
            let (low, _) = parse("2024-05-17T08:30:00+02:00");
            (low, low + MINUTE)
        });
        assert_eq!(parse("2024-05-17T08:30 02:00"), parse("2024-05-17T08:30+02:00"));
        assert_eq!(parse("2024-05-17T08:30:00"), parse("2024-05-17T08:30:00+02:00"));
        assert_eq!(parse("2024-01-17T08:30"), parse("2024-01-17T08:30+01:00"));
        assert_eq!(parse("ge2024-05-17"), parse("2024-05-17"));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "ge",
            "xx2024",
            "2024-13-01",
            "2024-05-17T08",
            "2024-05-17T0830",
            "2024-05-17T25:00",
            "T08:30",
            "ge ge2024",
            "åäö",
            "2024-05-17T08:30Å",
        ] {
            assert_eq!(DateValue::parse(text, NOW), None, "{text}");
        }
    }

    /// The naive model: time is fourteen moments, a range is the set of its moments, and the prefixes are said in sets.
    /// The two outermost moments stand for infinity.
    #[test]
    fn every_prefix_agrees_with_sets_of_moments() {
        const MOMENTS: std::ops::Range<i64> = 0..14;
        let set = |low: i64, high: i64| -> Vec<i64> { MOMENTS.filter(|m| *m >= low && *m < high).collect() };
        let open = |low: i64, high: i64| {
            (
                if low == 0 { i64::MIN } else { low },
                if high == 14 { i64::MAX } else { high },
            )
        };
        for (p_low, p_high) in ranges(1, 13) {
            let value = set(p_low, p_high);
            let (below, above) = (set(0, p_low), set(p_high, 14));
            for (r_low, r_high) in ranges(0, 14) {
                let resource = set(r_low, r_high);
                let overlaps = |other: &[i64]| resource.iter().any(|m| other.contains(m));
                let within = |other: &[i64]| resource.iter().all(|m| other.contains(m));
                for (name, prefix) in Prefix::ALL {
                    let expected = match prefix {
                        Prefix::Eq => within(&value),
                        Prefix::Ne => !within(&value),
                        Prefix::Gt => overlaps(&above),
                        Prefix::Lt => overlaps(&below),
                        Prefix::Ge => overlaps(&above) || overlaps(&value),
                        Prefix::Le => overlaps(&below) || overlaps(&value),
                        Prefix::Sa => within(&above),
                        Prefix::Eb => within(&below),
                        Prefix::Ap => overlaps(&value),
                    };
                    let (low, high) = open(r_low, r_high);
                    let tested = DateValue {
                        prefix,
                        low: p_low,
                        high: p_high,
                    }
                    .matches(low, high);
                    assert_eq!(tested, expected, "{name} [{p_low},{p_high}) against [{r_low},{r_high})");
                }
            }
        }
    }

    fn ranges(from: i64, to: i64) -> Vec<(i64, i64)> {
        (from..to)
            .flat_map(|low| (low + 1..=to).map(move |high| (low, high)))
            .collect()
    }

    #[test]
    fn every_prefix_and_precision_agrees_with_the_period_it_is_asked_about() {
        let periods = [
            (parse("2024-05-17").0, parse("2024-05-17").1),
            (parse("2024-05-17").0, i64::MAX),
            (i64::MIN, parse("2024-05-17").1),
            (i64::MIN, i64::MAX),
        ];
        // In force on its first and on its last day, whatever the precision asked with.
        for day in [
            "2024-05-17",
            "2024-05",
            "2024",
            "2024-05-17T12:00:00Z",
            "2024-05-17T12:00Z",
        ] {
            for (low, high) in periods {
                for prefix in ["le", "ge", "ap"] {
                    let value = DateValue::parse(&format!("{prefix}{day}"), NOW).unwrap();
                    assert!(value.matches(low, high), "{prefix}{day}");
                }
            }
        }
        let (low, high) = periods[0];
        for (text, expected) in [
            ("2024", true),
            ("2024-05", true),
            ("2024-05-17", true),
            ("2024-05-18", false),
            ("ne2024", false),
            ("gt2024-05-16", true),
            ("gt2024-05-17", false),
            ("lt2024-05-18", true),
            ("lt2024-05-17", false),
            ("sa2024-05-16", true),
            ("sa2024-05-17", false),
            ("eb2024-05-18", true),
            ("eb2024-05-17", false),
            ("ge2024-05-18", false),
            ("le2024-05-16", false),
            ("sa2024-04", true),
            ("eb2024-06", true),
            ("sa2024", false),
        ] {
            assert_eq!(
                DateValue::parse(text, NOW).unwrap().matches(low, high),
                expected,
                "{text}"
            );
        }
    }
}
