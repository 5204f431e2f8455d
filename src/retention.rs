//! `fastkontakt log`: the access log's chain is verified, and what is older than it must be kept is taken away, whole months
//! at a time, so that what is left can still be verified.

use std::fmt;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::clock::{Clock, stockholm};
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

fn cut_before(store: &Store, before: Date, now: Timestamp) -> Result<usize, LogError> {
    store.read_blocking(Session::verify_audit)?.map_err(LogError::Broken)?;
    let midnight = before
        .to_zoned(stockholm())
        .map(|at| at.timestamp())
        .unwrap_or(Timestamp::MIN);
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
