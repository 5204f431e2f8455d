//! The days a contact is valid, and when two contacts overlap (GEN-01): whole Swedish days, from today on.
//! Used by FLK-04, FVK-01 and FVK-03.

use jiff::civil::Date;

/// Whole days, both ends included; an end that is absent is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// `None`: since ever.
    pub start: Option<Date>,
    /// `None`: for ever.
    pub end: Option<Date>,
}

impl Interval {
    /// Whether the day lies inside.
    pub fn contains(&self, day: Date) -> bool {
        self.start.is_none_or(|start| start <= day) && self.end.is_none_or(|end| day <= end)
    }

    /// Whether nothing of it lies on or after `today`.
    pub fn is_over(&self, today: Date) -> bool {
        self.end.is_some_and(|end| end < today)
    }

    /// Its first day that is not in the past.
    pub fn first_day_from(&self, today: Date) -> Date {
        self.start.map_or(today, |start| start.max(today))
    }

    /// Whether the two overlap from `today` on: they share a day, and it is not a mere handover.
    pub fn overlaps(&self, other: &Interval, today: Date) -> bool {
        let first = self.first_day_from(today).max(other.first_day_from(today));
        let last = earliest(self.end, other.end);
        if last.is_some_and(|last| last < first) {
            return false;
        }
        let one_day = last == Some(first);
        !(one_day && (self.hands_over_to(other, first, today) || other.hands_over_to(self, first, today)))
    }

    /// `day` is the last of this one, which began earlier, and the first (from today on) of the other, which ends later.
    pub fn hands_over_to(&self, other: &Interval, day: Date, today: Date) -> bool {
        let began_earlier = match (self.start, other.start) {
            (None, later) => later.is_some(),
            (Some(_), None) => false,
            (Some(own), Some(other)) => own < other,
        };
        let ends_later = other.end.is_none_or(|end| end > day);
        began_earlier && self.end == Some(day) && other.first_day_from(today) == day && ends_later
    }
}

/// The earlier of two ends, an absent one being never.
fn earliest(one: Option<Date>, other: Option<Date>) -> Option<Date> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn day(offset: i32) -> Date {
        date(2026, 6, 1)
            .checked_add(offset.days())
            .expect("within the calendar")
    }

    fn from_to(start: Option<i32>, end: Option<i32>) -> Interval {
        Interval {
            start: start.map(day),
            end: end.map(day),
        }
    }

    /// Small numbers, so that the ends often meet.
    fn any_interval() -> impl Strategy<Value = Interval> {
        let end = || proptest::option::of(-6i32..=6);
        (end(), end())
            .prop_filter("not backwards", |(start, end)| {
                start.is_none() || end.is_none() || start <= end
            })
            .prop_map(|(start, end)| from_to(start, end))
    }

    #[test]
    fn an_old_contact_that_ends_when_the_new_one_starts_hands_over() {
        let old = from_to(Some(-100), Some(5));
        assert!(!old.overlaps(&from_to(Some(5), None), day(0)));
        assert!(!old.overlaps(&from_to(Some(6), None), day(0)));
        assert!(old.overlaps(&from_to(Some(4), None), day(0)));
        assert!(
            old.overlaps(&from_to(Some(5), Some(5)), day(0)),
            "a single day inside is no handover"
        );
    }

    #[test]
    fn absent_ends_are_open() {
        assert!(from_to(None, None).overlaps(&from_to(None, None), day(0)));
        assert!(from_to(None, Some(3)).overlaps(&from_to(Some(2), None), day(0)));
    }

    #[test]
    fn an_overlap_that_ends_today_counts_as_handover_when_the_new_one_goes_on() {
        assert!(!from_to(Some(-10), Some(0)).overlaps(&from_to(Some(-3), None), day(0)));
    }

    proptest! {
        #[test]
        fn overlapping_is_symmetric(a in any_interval(), b in any_interval()) {
            prop_assert_eq!(a.overlaps(&b, day(0)), b.overlaps(&a, day(0)));
        }

        #[test]
        fn the_past_never_counts(a in any_interval(), b in any_interval()) {
            if a.is_over(day(0)) || b.is_over(day(0)) {
                prop_assert!(!a.overlaps(&b, day(0)));
            }
        }

        /// Day by day: more than one shared day from today on is an overlap, none is not, one may be a handover.
        #[test]
        fn overlapping_means_sharing_days_from_today_on(a in any_interval(), b in any_interval()) {
            let shared = (0..20).filter(|offset| a.contains(day(*offset)) && b.contains(day(*offset))).count();
            match shared {
                0 => prop_assert!(!a.overlaps(&b, day(0))),
                1 => {}
                _ => prop_assert!(a.overlaps(&b, day(0))),
            }
        }

        #[test]
        fn a_handover_never_overlaps(start in -6i32..0, meet in 0i32..6, later in proptest::option::of(7i32..9)) {
            let (old, new) = (from_to(Some(start), Some(meet)), from_to(Some(meet), later));
            prop_assert!(!old.overlaps(&new, day(0)));
        }
    }
}
