//! What can go wrong in the store: a closed set. The door makes a problem of each; the texts are for the log and the
//! command line and hold neither SQL nor personal data.

use std::fmt;

use diesel::ConnectionError;
use diesel::result::{DatabaseErrorKind, Error};

/// Why the store could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The database is busy, out of reach or cannot be opened.
    Unavailable(String),
    /// More writes wait than the queue may hold.
    QueueFull,
    /// Two transactions waited for each other, and the database gave up this one: done again, it goes through.
    Deadlock,
    /// A read took longer than it may, and was broken off.
    TooCostly,
    /// Another write came between: the version that was to be followed is not the current one.
    Conflict,
    /// The database is damaged, is not ours, or holds what this program cannot understand.
    Corrupt(String),
    /// A fault of ours.
    Other(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Unavailable(reason) => write!(f, "the database is not available: {reason}"),
            StoreError::QueueFull => f.write_str("too many writes are waiting"),
            StoreError::Deadlock => f.write_str("the transaction was given up for another one"),
            StoreError::TooCostly => f.write_str("the read took too long"),
            StoreError::Conflict => f.write_str("another write came between"),
            StoreError::Corrupt(reason) => write!(f, "the database cannot be used: {reason}"),
            StoreError::Other(reason) => write!(f, "the store failed: {reason}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// What a piece of work fails with; the store tells its own errors in it.
pub trait Failure: From<StoreError> {
    /// Whether it failed by [`StoreError::Deadlock`].
    fn is_deadlock(&self) -> bool;
}

impl Failure for StoreError {
    fn is_deadlock(&self) -> bool {
        *self == StoreError::Deadlock
    }
}

/// Pieces of the databases' own messages that tell what diesel has no kind for (PostgreSQL's SQLSTATE it does not tell). SQLite's
/// are in English always; PostgreSQL's in the server's language where we may not choose it (connection.rs), which is Swedish or English here.
const UNAVAILABLE: [&str; 13] = [
    "database is locked",
    "database table is locked",
    "disk I/O error",
    "database or disk is full",
    "attempt to write a readonly database",
    "unable to open database file",
    "lock timeout",
    "på grund av lås-timeout",
    // Its operator broke it off; or its table of locks, or its disk, is full.
    "due to user request",
    "på användares begäran",
    "out of shared memory",
    "slut på delat minne",
    "No space left on device",
];
/// What is said of a read that took too long, by SQLite and by PostgreSQL.
const TOO_COSTLY: [&str; 3] = ["interrupted", "statement timeout", "på grund av sats-timeout"];
const DEADLOCK: [&str; 2] = ["deadlock detected", "deadlock upptäckt"];
const CORRUPT: [&str; 3] = ["file is not a database", "malformed", "no such table"];

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::DatabaseError(kind, information) => {
                let message = information.message();
                match kind {
                    DatabaseErrorKind::UniqueViolation => StoreError::Conflict,
                    DatabaseErrorKind::SerializationFailure
                    | DatabaseErrorKind::UnableToSendCommand
                    | DatabaseErrorKind::ReadOnlyTransaction
                    | DatabaseErrorKind::ClosedConnection => StoreError::Unavailable(message.to_owned()),
                    _ if TOO_COSTLY.iter().any(|piece| message.contains(piece)) => StoreError::TooCostly,
                    _ if DEADLOCK.iter().any(|piece| message.contains(piece)) => StoreError::Deadlock,
                    _ if UNAVAILABLE.iter().any(|piece| message.contains(piece)) => {
                        StoreError::Unavailable(message.to_owned())
                    }
                    _ if CORRUPT.iter().any(|piece| message.contains(piece)) => StoreError::Corrupt(message.to_owned()),
                    _ => StoreError::Other(message.to_owned()),
                }
            }
            Error::BrokenTransactionManager => StoreError::Unavailable("the transaction was lost".to_owned()),
            other => StoreError::Other(other.to_string()),
        }
    }
}

impl From<ConnectionError> for StoreError {
    fn from(error: ConnectionError) -> Self {
        StoreError::Unavailable(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_says_is_known_in_both_languages() {
        let told = |message: &str| {
            let information = Box::new(message.to_owned());
            StoreError::from(Error::DatabaseError(DatabaseErrorKind::Unknown, information))
        };
        for message in [
            "canceling statement due to statement timeout",
            "avbryter sats på grund av sats-timeout",
        ] {
            assert_eq!(told(message), StoreError::TooCostly);
        }
        for message in ["deadlock detected", "deadlock upptäckt"] {
            assert_eq!(told(message), StoreError::Deadlock);
        }
        for message in [
            "canceling statement due to lock timeout",
            "avbryter sats på grund av lås-timeout",
            "canceling statement due to user request",
            "avbryter sats på användares begäran",
            "out of shared memory",
            "slut på delat minne",
            "could not extend file \"base/5/16384\": No space left on device",
        ] {
            assert!(matches!(told(message), StoreError::Unavailable(_)), "{message}");
        }
        assert!(matches!(told("délai dépassé"), StoreError::Other(_)));
    }
}
