//! `fastkontakt log`: the access log's chain is verified, and what is older than it must be kept is taken away, whole months
//! at a time, so that what is left can still be verified. A service may do the latter by itself every night ([`Nightly`]).

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::clock::{Clock, stockholm};
use crate::config::LEAST_LOG_YEARS;
use crate::store::{Break, Head, Session, Store, StoreError, StoreOptions, Verified};

/// Why the log could not be looked after.
#[derive(Debug)]
pub enum LogError {
    Store(StoreError),
    /// The chain does not hold.
    Broken(Break),
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::Store(error) => write!(f, "{error}"),
            LogError::Broken(place) => write!(f, "the access log is not as it was written: {place}"),
        }
    }
}

impl std::error::Error for LogError {}

impl From<StoreError> for LogError {
    fn from(error: StoreError) -> LogError {
        LogError::Store(error)
    }
}

/// A log that is whole, as it is told.
#[derive(Debug)]
pub struct Whole(pub Verified);

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verified {
            head,
            links,
            waiting,
            anchor,
        } = &self.0;
        write!(
            f,
            "the access log is whole: {links} links, the last {} {}",
            head.n, head.hash
        )?;
        if let Some(Head { n, hash, .. }) = anchor {
            write!(f, "\nit begins after link {n} {hash}; what lay before was cut")?;
        }
        if *waiting > 0 {
            write!(f, "\n{waiting} records wait for their links")?;
        }
        Ok(())
    }
}

/// What was cut, as it is told.
#[derive(Debug)]
pub struct Cut {
    pub before: Date,
    pub rows: usize,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records from before {} are taken away", self.rows, self.before)
    }
}

/// Walks the chain. Blocks.
pub fn verify(database: &str) -> Result<Whole, LogError> {
    let store = Store::open(database, &StoreOptions::unhurried())?;
    let verified = store.read_blocking(Session::verify_audit);
    store.close_blocking();
    verified?.map(Whole).map_err(LogError::Broken)
}

/// Takes away what lies before the month that began so many years ago. The chain is verified before anything goes. Blocks.
pub fn cut(database: &str, years: u16, clock: &Clock) -> Result<Cut, LogError> {
    let store = Store::open(database, &StoreOptions::unhurried())?;
    let before = first_kept(clock.today(), years);
    let done = cut_before(&store, before, clock.now());
    store.close_blocking();
    Ok(Cut { before, rows: done? })
}

/// The hour, in Sweden, at which a service takes away what need not be kept.
const NIGHT: i8 = 3;

/// Takes away every night what lies before the month that began so many years ago.
#[derive(Clone, Debug)]
pub struct Nightly {
    pub database: String,
    /// 5 or more: fewer are taken for 5.
    pub years: u16,
    pub clock: Clock,
}

impl Nightly {
    /// Waits for each night, for ever.
    pub async fn run(self) {
        loop {
            let wait = until_night(self.clock.now());
            tokio::time::sleep(wait).await;
            let nightly = self.clone();
            match tokio::task::spawn_blocking(move || nightly.cut()).await {
                Ok(Ok(0)) => {}
                Ok(Ok(rows)) => tracing::info!(rows, "what was too old is taken away from the access log"),
                Ok(Err(error)) => tracing::error!(%error, "the access log could not be cut"),
                Err(_) => tracing::error!("the cutting of the access log panicked"),
            }
        }
    }

    /// What is done in a night; how many records went. Blocks.
    pub fn cut(&self) -> Result<usize, LogError> {
        let store = Store::open(&self.database, &StoreOptions::unhurried())?;
        let before = first_kept(self.clock.today(), self.years.max(LEAST_LOG_YEARS));
        let cut = || {
            // To verify the chain is much work, and most nights there is nothing to take away.
            match store.read_blocking(Session::oldest_in_log)? {
                Some(oldest) if oldest < midnight(before) => cut_before(&store, before, self.clock.now()),
                _ => Ok(0),
            }
        };
        let done = cut();
        store.close_blocking();
        done
    }
}

/// How long it is to the next night.
fn until_night(now: Timestamp) -> Duration {
    let local = now.to_zoned(stockholm());
    let at = |date: Date| {
        date.at(NIGHT, 0, 0, 0)
            .to_zoned(stockholm())
            .map(|at| at.timestamp())
            .ok()
    };
    let today = at(local.date()).filter(|at| *at > now);
    let next = today.or_else(|| at(local.date().tomorrow().ok()?));
    let wait = next.map_or(SignedDuration::from_hours(24), |next| next.duration_since(now));
    wait.unsigned_abs()
}

/// Where a day begins.
fn midnight(day: Date) -> Timestamp {
    day.to_zoned(stockholm())
        .map(|at| at.timestamp())
        .unwrap_or(Timestamp::MIN)
}

fn cut_before(store: &Store, before: Date, now: Timestamp) -> Result<usize, LogError> {
    store.read_blocking(Session::verify_audit)?.map_err(LogError::Broken)?;
    let midnight = midnight(before);
    store.write_blocking(move |session| session.anchor_audit(midnight, now))?;
    let mut rows = 0;
    // Little by little, so that others may write meanwhile. What an earlier cut left goes too.
    loop {
        match store.write_blocking(Session::take_cut)? {
            0 => return Ok(rows),
            taken => rows += taken,
        }
    }
}

/// The first day that is kept: the first of the month, so many years ago.
pub fn first_kept(today: Date, years: u16) -> Date {
    today
        .checked_sub(i64::from(years).years())
        .unwrap_or(Date::MIN)
        .first_of_month()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_night_is_the_next_three_o_clock_in_sweden() {
        for (now, hours) in [
            ("2026-11-22T00:00:00Z", 2),
            ("2026-11-22T02:00:00Z", 24),
            ("2026-07-01T00:00:00Z", 1),
            // The clocks are put forward in between.
            ("2026-03-28T02:00:00Z", 23),
        ] {
            let wait = until_night(now.parse().unwrap());
            assert_eq!(wait, Duration::from_secs(hours * 3600), "{now}");
        }
    }
}
