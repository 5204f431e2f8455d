//! When a contact is valid: its period, cut where another vårdgivare's contact took over (extension `ersatt-fran`).
//! Everything that asks whether a contact goes on asks here.

use fastkontakt_model::facts::CareTeam;
use jiff::civil::Date;

use super::codes::EXT_ERSATT_FRAN;
use super::intervals::Interval;

/// The days a contact is valid; `None` when there are none: it ends, or was replaced, before it starts.
pub fn interval_av(kontakt: &CareTeam) -> Option<Interval> {
    let interval = Interval {
        start: kontakt.period.first_day(),
        end: sista_dag(kontakt),
    };
    match (interval.start, interval.end) {
        (Some(start), Some(end)) if end < start => None,
        _ => Some(interval),
    }
}

/// Whether a contact is treated as ended: its last day has passed, or it was replaced before it began.
pub fn ar_over(kontakt: &CareTeam, today: Date) -> bool {
    let replaced_before_it_began = || {
        let start = kontakt.period.first_day();
        ersatt_fran(kontakt).is_some_and(|from| start.is_some_and(|start| from <= start))
    };
    sista_dag(kontakt).is_some_and(|last| last < today) || replaced_before_it_began()
}

/// The day from which a contact of another vårdgivare replaces this one.
pub fn ersatt_fran(kontakt: &CareTeam) -> Option<Date> {
    let marked = kontakt.head.extensions.date(EXT_ERSATT_FRAN)?;
    Some(marked.first_day())
}

/// The last day of a contact: of its period, or the day before the contact was replaced.
pub fn sista_dag(kontakt: &CareTeam) -> Option<Date> {
    let replaced = ersatt_fran(kontakt).map(|from| from.yesterday().unwrap_or(Date::MIN));
    match (kontakt.period.last_day(), replaced) {
        (Some(end), Some(replaced)) => Some(end.min(replaced)),
        (end, replaced) => end.or(replaced),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastkontakt_model::date::FhirDate;
    use fastkontakt_model::facts::{ExtValue, Extension, Extensions, Period};
    use jiff::civil::date;

    fn kontakt(start: Option<&str>, end: Option<&str>, replaced: Option<&str>) -> CareTeam {
        let parsed = |text: &str| FhirDate::parse(text).expect("a date");
        let mut kontakt = CareTeam {
            period: Period {
                start: start.map(parsed),
                end: end.map(parsed),
            },
            ..CareTeam::default()
        };
        kontakt.head.extensions = Extensions(
            replaced
                .map(|day| Extension {
                    url: EXT_ERSATT_FRAN.into(),
                    value: Some(ExtValue::Date(parsed(day))),
                    ..Extension::default()
                })
                .into_iter()
                .collect(),
        );
        kontakt
    }

    #[test]
    fn a_replaced_contact_ends_the_day_before() {
        let today = date(2026, 9, 15);
        let end = |kontakt: &CareTeam| interval_av(kontakt).expect("days").end;
        let replaced = kontakt(Some("2020"), None, Some("2026-09-15"));
        assert_eq!(end(&replaced), Some(date(2026, 9, 14)));
        assert!(ar_over(&replaced, today));
        assert!(!ar_over(&replaced, date(2026, 9, 14)));
        let ended_before = kontakt(None, Some("2026-01"), Some("2026-09-15"));
        assert_eq!(end(&ended_before), Some(date(2026, 1, 31)));
        let not_begun = kontakt(Some("2026-10-01"), None, Some("2026-09-20"));
        assert_eq!(interval_av(&not_begun), None);
        assert!(ar_over(&not_begun, today));
        assert_eq!(interval_av(&kontakt(Some("2026-02"), Some("2026-01"), None)), None);
        assert!(!ar_over(&kontakt(None, None, None), today));
    }
}
