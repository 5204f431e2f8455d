//! How far the order of time is settled, under PostgreSQL. A version says when it was made and is seen when its transaction
//! ends: who follows a type's or everything's history by `_since` would lose what an older, longer transaction commits after
//! what was seen. So whoever is about to make versions says since when, and those histories end before the oldest of them.
//!
//! It is said by an advisory lock that many can hold: it ends with the transaction, however that ends, and all servers on
//! the database see it. Under SQLite the one writer commits in the order of time.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Integer, Nullable};
use jiff::Timestamp;

use super::connection::Connection;
use super::error::StoreError;
use super::session::Session;

/// The locks' first key: "FKhz". The second is a time.
const CLASS: i32 = 0x464B_687A;

impl Session {
    /// Says that versions will be made in this transaction, none of them before now. Called once all locks are held.
    pub fn will_make_versions(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Connection::Postgres(connection) = &mut self.connection else {
            return Ok(());
        };
        diesel::sql_query("SELECT pg_advisory_xact_lock_shared($1, $2)")
            .bind::<Integer, _>(CLASS)
            .bind::<Integer, _>(wrapped(now))
            .execute(connection)?;
        Ok(())
    }

    /// Does the work, whose histories of types and of everything end where others may still bring in versions. To be called
    /// before the snapshot that they are read from: what is committed between the two is left for the next who asks.
    pub fn up_to_horizon<T, E: From<StoreError>>(
        &mut self,
        now: Timestamp,
        work: impl FnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, E> {
        let before = self.horizon;
        self.horizon = self.ask_horizon(now)?;
        let done = work(self);
        self.horizon = before;
        done
    }

    /// The latest instant before which nothing more can come, in microseconds since 1970.
    fn ask_horizon(&mut self, now: Timestamp) -> Result<Option<i64>, StoreError> {
        let Connection::Postgres(connection) = &mut self.connection else {
            return Ok(None);
        };
        let oldest: Oldest = diesel::sql_query(
            "SELECT max(($2::bigint - objid::bigint + 4294967296) % 4294967296) AS age FROM pg_locks \
             WHERE locktype = 'advisory' AND objsubid = 2 AND classid::bigint = $1::bigint AND pid <> pg_backend_pid() \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND ($2::bigint - objid::bigint + 4294967296) % 4294967296 < 2147483648",
        )
        .bind::<Integer, _>(CLASS)
        .bind::<BigInt, _>(i64::from(wrapped(now) as u32))
        .get_result(connection)?;
        Ok(Some((now.as_millisecond() - oldest.age.unwrap_or(0)) * 1_000))
    }
}

/// Milliseconds since 1970, as far as they fit: what is told apart lies within some weeks.
fn wrapped(now: Timestamp) -> i32 {
    now.as_millisecond() as i32
}

#[derive(diesel::QueryableByName)]
struct Oldest {
    /// Milliseconds since the oldest began.
    #[diesel(sql_type = Nullable<BigInt>)]
    age: Option<i64>,
}
