//! One connection to either backend, how a new one is set up, and the r2d2 pool of them. The same diesel query runs on
//! both: [`on_either!`] writes it once and lets the compiler make two of it, so that nothing is decided at run time
//! but which of the two to call, and diesel's cache of prepared statements works as usual.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager, TransactionManagerStatus};
use diesel::{Connection as _, PgConnection, SqliteConnection};
use r2d2::{CustomizeConnection, ManageConnection};

use super::StoreOptions;
use super::error::StoreError;
use super::session::Session;

/// A connection to one of the two backends.
pub enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs the same diesel expression on whichever backend the session has: `on_either!(session, c => query.load(c))`.
macro_rules! on_either {
    ($session:expr, $connection:ident => $work:expr) => {
        match &mut $session.connection {
            $crate::store::connection::Connection::Sqlite($connection) => $work,
            $crate::store::connection::Connection::Postgres($connection) => $work,
        }
    };
}
pub(super) use on_either;

impl Connection {
    pub(super) fn execute(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(match self {
            Connection::Sqlite(connection) => connection.batch_execute(sql),
            Connection::Postgres(connection) => connection.batch_execute(sql),
        }?)
    }

    /// Opens a transaction (`sql` tells which kind), or a savepoint when one is open already.
    pub(super) fn begin(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(match self {
            Connection::Sqlite(connection) => begin(connection, sql),
            Connection::Postgres(connection) => begin(connection, sql),
        }?)
    }

    /// Commits the transaction, or releases the innermost savepoint.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        Ok(match self {
            Connection::Sqlite(connection) => AnsiTransactionManager::commit_transaction(connection),
            Connection::Postgres(connection) => AnsiTransactionManager::commit_transaction(connection),
        }?)
    }

    /// Undoes the transaction, or what happened since the innermost savepoint.
    pub(super) fn rollback(&mut self) -> Result<(), StoreError> {
        Ok(match self {
            Connection::Sqlite(connection) => AnsiTransactionManager::rollback_transaction(connection),
            Connection::Postgres(connection) => AnsiTransactionManager::rollback_transaction(connection),
        }?)
    }

    /// How many transactions and savepoints are open; `None` when the connection has lost count and must go.
    pub(super) fn depth(&mut self) -> Option<u32> {
        let status = match self {
            Connection::Sqlite(connection) => AnsiTransactionManager::transaction_manager_status_mut(connection),
            Connection::Postgres(connection) => AnsiTransactionManager::transaction_manager_status_mut(connection),
        };
        match status {
            TransactionManagerStatus::Valid(valid) => Some(valid.transaction_depth().map_or(0, |depth| depth.get())),
            TransactionManagerStatus::InError => None,
        }
    }
}

fn begin<C>(connection: &mut C, sql: &str) -> diesel::QueryResult<()>
where
    C: diesel::Connection<TransactionManager = AnsiTransactionManager>,
{
    if AnsiTransactionManager::transaction_manager_status_mut(connection)
        .transaction_depth()?
        .is_none()
    {
        AnsiTransactionManager::begin_transaction_sql(connection, sql)
    } else {
        AnsiTransactionManager::begin_transaction(connection)
    }
}

/// Where the database is.
#[derive(Clone)]
pub enum Place {
    Sqlite(PathBuf),
    /// The whole URL; it may hold a password and is never shown.
    Postgres(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Sqlite(path) => write!(f, "{}", path.display()),
            Place::Postgres(_) => f.write_str("PostgreSQL"),
        }
    }
}

impl Place {
    /// Reads a database URL: `sqlite://PATH`, `postgres://…` or `postgresql://…`.
    pub fn parse(url: &str) -> Result<Place, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return match path {
                "" => Err(StoreError::Unavailable(
                    "the database URL names no file: write sqlite://PATH".to_owned(),
                )),
                ":memory:" => Err(StoreError::Unavailable(
                    "a database in memory would lose what was acknowledged: name a file in sqlite://PATH".to_owned(),
                )),
                path => Ok(Place::Sqlite(PathBuf::from(path))),
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Place::Postgres(url.to_owned()));
        }
        Err(StoreError::Unavailable(
            "the database URL must begin with sqlite:// or postgres://".to_owned(),
        ))
    }

    /// A bare connection, nothing set up.
    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        match self {
            Place::Sqlite(path) => {
                let path = path
                    .to_str()
                    .ok_or_else(|| StoreError::Unavailable("the database's path is not UTF-8".to_owned()))?;
                // SQLite reads a name that begins with `file:` as a URI, and diesel one that begins with `sqlite:`.
                let plain = if path.starts_with('/') {
                    path.to_owned()
                } else {
                    format!("./{path}")
                };
                Ok(Connection::Sqlite(SqliteConnection::establish(&plain)?))
            }
            Place::Postgres(url) => PgConnection::establish(url)
                .map(Connection::Postgres)
                .map_err(|error| StoreError::Unavailable(without_words_of(url, &error.to_string()))),
        }
    }
}

/// What libpq says of a URL it cannot read may quote a piece of it, and that piece may be the password.
fn without_words_of(url: &str, message: &str) -> String {
    let quotes_url = message
        .split('"')
        .skip(1)
        .step_by(2)
        .any(|quoted| !quoted.is_empty() && url.contains(quoted));
    if quotes_url && (message.contains("token") || message.contains("URI") || message.contains("parameter")) {
        "the database URL is not well formed (is a character in it to be percent-encoded?)".to_owned()
    } else {
        message.to_owned()
    }
}

/// Settings are a connection's own in both backends, so each new one gets them (trap 4).
pub(super) fn set_up(connection: &mut Connection, options: &StoreOptions, role: Role) -> Result<(), StoreError> {
    let busy = options.busy_timeout.as_millis();
    let sql = match (&mut *connection, role) {
        (Connection::Sqlite(_), Role::Writer) => format!(
            // The writer checkpoints by itself, after it has answered (writer.rs).
            "PRAGMA busy_timeout = {busy}; PRAGMA foreign_keys = ON; PRAGMA synchronous = {}; \
             PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT}; \
             PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;",
            options.synchronous.pragma(),
        ),
        (Connection::Sqlite(_), Role::Reader) => {
            format!(
                "PRAGMA busy_timeout = {busy}; PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;"
            )
        }
        (Connection::Postgres(_), _) => format!(
            "SET lock_timeout = {busy}; SET statement_timeout = {}; SET default_transaction_isolation = 'read committed'; \
             SET client_min_messages = 'warning'; SET application_name = 'fastkontakt'; {ENGLISH}",
            options.read_time.as_millis(),
        ),
    };
    connection.execute(&sql)
}

/// A server answers in its own language; what went wrong is told by the words (error.rs). Who may not choose them is let be.
const ENGLISH: &str = "DO $$ BEGIN PERFORM set_config('lc_messages', 'C', false); EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;";

/// What is left of the write-ahead log after a checkpoint that emptied it, in bytes.
pub(super) const JOURNAL_SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// SQLite's one writer.
    Writer,
    /// The pool: reads under SQLite, everything under PostgreSQL.
    Reader,
}

/// Makes the pool's sessions.
pub(super) struct Manager(pub(super) Place);

impl ManageConnection for Manager {
    type Connection = Session;
    type Error = StoreError;

    fn connect(&self) -> Result<Session, StoreError> {
        Ok(Session::new(self.0.connect()?, Role::Reader))
    }

    /// Not asked on check-out: a question to the server for each request costs more than the rare connection that the
    /// server has closed, which [`Manager::has_broken`] finds after its first failure.
    fn is_valid(&self, session: &mut Session) -> Result<(), StoreError> {
        session.ping()
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        session.broken()
    }
}

/// Sets up what the pool has connected.
#[derive(Debug)]
pub(super) struct Customizer(pub(super) StoreOptions);

impl CustomizeConnection<Session, StoreError> for Customizer {
    fn on_acquire(&self, session: &mut Session) -> Result<(), StoreError> {
        set_up(&mut session.connection, &self.0, Role::Reader)
    }
}

/// r2d2 tells of failed connections here; they go to the log, and callers see [`StoreError::Unavailable`].
#[derive(Debug)]
pub(super) struct Complaints;

impl r2d2::HandleError<StoreError> for Complaints {
    fn handle_error(&self, error: StoreError) {
        tracing::warn!(%error, "a pooled database connection could not be made");
    }
}

/// How hard SQLite makes sure that a commit is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// An acknowledged write survives a power cut (fsync at every commit).
    #[default]
    Full,
    /// An acknowledged write survives a crash of the program, not always one of the machine.
    Normal,
}

impl Synchronous {
    fn pragma(self) -> &'static str {
        match self {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        }
    }
}

/// The longest wait that is still taken for an answer rather than for a database out of reach.
pub(super) const POOL_TIMEOUT: Duration = Duration::from_secs(5);
