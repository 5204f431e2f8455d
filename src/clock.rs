//! Time as an input: the rules and the door ask this clock, tests and `validate --date` set it.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Where "now" and "today" come from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands at one instant.
    Fixed(Timestamp),
}

impl Clock {
    /// A clock that stands at noon of `day` in Sweden.
    pub fn at(day: Date) -> Clock {
        let noon = day.at(12, 0, 0, 0).to_zoned(stockholm()).map(|zoned| zoned.timestamp());
        Clock::Fixed(noon.unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Now, in whole milliseconds: what `meta.lastUpdated` shows is exactly what is stored and searched.
    pub fn now(self) -> Timestamp {
        let now = match self {
            Clock::System => Timestamp::now(),
            Clock::Fixed(instant) => instant,
        };
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// The day it is in Sweden (GEN-01: whole days, Europe/Stockholm).
    pub fn today(self) -> Date {
        self.now().to_zoned(stockholm()).date()
    }
}

/// Swedish time. The zone is bundled with the program, so it is always found.
pub fn stockholm() -> TimeZone {
    TimeZone::get("Europe/Stockholm").unwrap_or(TimeZone::UTC)
}
