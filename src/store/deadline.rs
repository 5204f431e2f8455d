//! How long one read may take. A search that meets no index would else keep a connection, and a processor, from everybody
//! as long as it takes. PostgreSQL counts for itself (`statement_timeout`, connection.rs); SQLite asks a function of ours
//! every so often while a statement runs, and that function looks at the clock.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::Once;
use std::time::{Duration, Instant};

use libsqlite3_sys::{SQLITE_OK, sqlite3, sqlite3_api_routines, sqlite3_auto_extension, sqlite3_progress_handler};

/// Steps of SQLite's virtual machine between two looks at the clock: well under a millisecond.
const STEPS: c_int = 10_000;

thread_local! {
    /// Until when the work on this thread may go on; none: as long as it takes.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Runs the work, whose statements are broken off (`StoreError::TooCostly`) when the time is over. Work within
/// other work keeps the earlier deadline.
pub(super) fn within<T>(time: Duration, work: impl FnOnce() -> T) -> T {
    struct Before(Option<Instant>);
    impl Drop for Before {
        fn drop(&mut self) {
            DEADLINE.set(self.0);
        }
    }
    let before = Before(DEADLINE.get());
    if before.0.is_none() {
        DEADLINE.set(Instant::now().checked_add(time));
    }
    work()
}

/// From here on every new SQLite connection of the process heeds deadlines.
#[expect(unsafe_code, reason = "diesel gives no way to SQLite's progress handler")]
pub(super) fn heed() {
    static ONCE: Once = Once::new();
    // SAFETY: `watch` is a function for each new connection (sqlite.org/c3ref/auto_extension.html).
    ONCE.call_once(|| unsafe {
        sqlite3_auto_extension(Some(watch));
    });
}

/// Called by SQLite for each connection that is opened.
#[expect(unsafe_code, reason = "SQLite calls it")]
unsafe extern "C" fn watch(
    connection: *mut sqlite3,
    _message: *mut *mut c_char,
    _routines: *const sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite hands in the connection that it is opening; `is_over` needs no argument.
    unsafe { sqlite3_progress_handler(connection, STEPS, Some(is_over), null_mut()) };
    SQLITE_OK
}

/// Called by SQLite while a statement runs, on the thread that runs it; anything but 0 breaks the statement off.
extern "C" fn is_over(_nothing: *mut c_void) -> c_int {
    let over = DEADLINE.get().is_some_and(|deadline| Instant::now() > deadline);
    c_int::from(over)
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, SqliteConnection};

    use super::*;
    use crate::store::StoreError;

    #[test]
    fn a_statement_is_broken_off_at_its_time_and_the_connection_lives_on() {
        heed();
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
        let error = within(Duration::from_millis(20), || {
            // The time of the work around it counts.
            within(Duration::from_secs(3600), || connection.batch_execute(endless))
        });
        assert_eq!(StoreError::from(error.unwrap_err()), StoreError::TooCostly);
        let counted =
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000000) SELECT count(*) FROM n";
        connection.batch_execute(counted).expect("nothing bounds it any more");
    }
}
