//! Opening a database and bringing it to the present schema. A database that is not ours, is damaged or comes from a
//! newer program is named as such and left untouched; a file is made only where its folder is.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::StoreOptions;
use super::connection::{Connection, Place, Role, set_up};
use super::error::StoreError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// `PRAGMA application_id` of our files: "FKon".
const APPLICATION_ID: i64 = 0x464b_6f6e;
/// What SQLite says of a file that is none of its own.
const NO_DATABASE: &str = "file is not a database";
/// The PostgreSQL advisory lock under which the schema is changed: "FKon" twice.
const MIGRATION_LOCK: i64 = 0x464b_6f6e_464b_6f6e;

/// Opens the writer's connection (SQLite) or a first one to see whether the server answers (PostgreSQL).
pub(super) fn open(place: &Place, options: &StoreOptions) -> Result<Connection, StoreError> {
    match place {
        Place::Sqlite(path) => open_sqlite(place, path, options),
        Place::Postgres(_) => {
            let mut connection = place.connect()?;
            set_up(&mut connection, options, Role::Reader)?;
            refuse_foreign_schema(&mut connection)?;
            warn_of_other_words(&mut connection)?;
            Ok(connection)
        }
    }
}

fn open_sqlite(place: &Place, path: &Path, options: &StoreOptions) -> Result<Connection, StoreError> {
    let shown = path.display();
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(StoreError::Unavailable(format!(
            "{shown}: the folder {} does not exist",
            folder.display()
        )));
    }
    if path.is_dir() {
        return Err(StoreError::Unavailable(format!("{shown} is a folder, not a file")));
    }
    let existed = path.exists();
    let opened = take_possession(place, path, options);
    if opened.is_err() && !existed {
        // Nothing half-made is left behind. What is not empty, another program may have begun at the same time.
        let empty = std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
        let _ = if empty { std::fs::remove_file(path) } else { Ok(()) };
    }
    opened
}

fn take_possession(place: &Place, path: &Path, options: &StoreOptions) -> Result<Connection, StoreError> {
    let named = |error: StoreError| match error {
        StoreError::Unavailable(reason) => StoreError::Unavailable(format!("{}: {reason}", path.display())),
        // SQLite is asked, and the file never opened beside it: when that was closed, all locks of this process on the file
        // would be gone (POSIX), and whoever looked at it next would take the write-ahead log away (howtocorrupt.html, 2.2).
        StoreError::Corrupt(reason) if reason.contains(NO_DATABASE) => {
            StoreError::Corrupt(format!("{} is not an SQLite database", path.display()))
        }
        StoreError::Corrupt(reason) => StoreError::Corrupt(format!("{}: {reason}", path.display())),
        other => other,
    };
    let mut connection = place.connect().map_err(named)?;
    connection
        .execute(&format!("PRAGMA busy_timeout = {}", options.busy_timeout.as_millis()))
        .map_err(named)?;
    claim(&mut connection, path).map_err(named)?;
    set_up(&mut connection, options, Role::Writer).map_err(named)?;
    Ok(connection)
}

/// Makes an empty file ours; refuses somebody else's.
fn claim(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let Connection::Sqlite(sqlite) = &mut *connection else {
        return Ok(());
    };
    // In one statement: another program of ours may be claiming the same file.
    let found: Claim = diesel::sql_query(
        "SELECT application_id AS application, (SELECT count(*) FROM sqlite_master) AS objects FROM pragma_application_id",
    )
    .get_result(sqlite)?;
    match (found.application, found.objects) {
        (APPLICATION_ID, _) => {}
        (0, 0) => connection.execute(&format!("PRAGMA application_id = {APPLICATION_ID}"))?,
        _ => {
            return Err(StoreError::Corrupt(format!(
                "{} is another program's database",
                path.display()
            )));
        }
    }
    let Connection::Sqlite(sqlite) = connection else {
        return Ok(());
    };
    let mode: Word = diesel::sql_query("PRAGMA journal_mode = WAL").get_result(sqlite)?;
    if mode.journal_mode != "wal" {
        return Err(StoreError::Unavailable(
            "the file system does not allow a write-ahead log".to_owned(),
        ));
    }
    Ok(())
}

/// Tells the operator when the server says in a language that is not known here why it broke something off: callers would be
/// told 500 where they should try again.
fn warn_of_other_words(connection: &mut Connection) -> Result<(), StoreError> {
    connection.execute("BEGIN; SET LOCAL statement_timeout = 1")?;
    let said = connection.execute("SELECT pg_sleep(1)");
    connection.execute("ROLLBACK")?;
    if !matches!(said, Err(StoreError::TooCostly)) {
        tracing::warn!(
            "PostgreSQL's messages are in a language that is not known here: set lc_messages = 'C' for the server or the role"
        );
    }
    Ok(())
}

/// A PostgreSQL schema with tables in it that are not ours is not migrated over.
fn refuse_foreign_schema(connection: &mut Connection) -> Result<(), StoreError> {
    let Connection::Postgres(postgres) = connection else {
        return Ok(());
    };
    let tables: Vec<TableName> = diesel::sql_query(
        "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = current_schema()",
    )
    .load(postgres)?;
    if tables.is_empty() {
        return Ok(());
    }
    let ours = tables.iter().any(|table| table.name == "meta")
        && diesel::sql_query(
            "SELECT count(*) AS number FROM meta WHERE name = 'application' AND value = 'fastkontakt'",
        )
        .get_result::<Number>(postgres)
        .is_ok_and(|found| found.number == 1);
    // Between the first statement of diesel's migrations and the last there is only its own table.
    let begun = tables.iter().all(|table| table.name == "__diesel_schema_migrations");
    if ours || begun {
        return Ok(());
    }
    Err(StoreError::Corrupt(
        "the PostgreSQL schema holds another program's tables".to_owned(),
    ))
}

/// Brings the schema to the present: all pending migrations or none. Two programs that start at once wait for each
/// other. Returns the names of the migrations that were run.
pub(super) fn migrate(place: &Place, options: &StoreOptions) -> Result<Vec<String>, StoreError> {
    let mut connection = open(place, options)?;
    let lock = match &connection {
        Connection::Sqlite(_) => "BEGIN IMMEDIATE",
        Connection::Postgres(_) => "BEGIN",
    };
    connection.begin(lock)?;
    match migrate_in_transaction(&mut connection) {
        Ok(run) => {
            connection.commit()?;
            Ok(run)
        }
        Err(error) => {
            connection.rollback()?;
            Err(error)
        }
    }
}

fn migrate_in_transaction(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    match connection {
        Connection::Sqlite(sqlite) => pending(sqlite, SQLITE),
        Connection::Postgres(postgres) => {
            // Another program's change of the schema may take longer than a lock is waited for otherwise.
            diesel::sql_query("SET LOCAL lock_timeout = 0").execute(postgres)?;
            // And what is changed may be large.
            diesel::sql_query("SET LOCAL statement_timeout = 0").execute(postgres)?;
            diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
                .bind::<BigInt, _>(MIGRATION_LOCK)
                .execute(postgres)?;
            pending(postgres, POSTGRES)
        }
    }
}

fn pending<C>(connection: &mut C, migrations: EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    C: MigrationHarness<C::Backend> + diesel::Connection + 'static,
    C::Backend: diesel::backend::Backend,
{
    use diesel::migration::MigrationSource;
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        StoreError::Other(format!(
            "the database could not be brought to the present schema: {error}"
        ))
    };
    let known: Vec<String> = MigrationSource::<C::Backend>::migrations(&migrations)
        .map_err(failed)?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let applied = connection.applied_migrations().map_err(failed)?;
    if let Some(newer) = applied
        .iter()
        .map(ToString::to_string)
        .find(|version| !known.contains(version))
    {
        return Err(StoreError::Corrupt(format!(
            "it was made by a newer program (schema {newer})"
        )));
    }
    let run = connection.run_pending_migrations(migrations).map_err(failed)?;
    Ok(run.iter().map(ToString::to_string).collect())
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Whose file it is, and how much is in it.
#[derive(QueryableByName)]
struct Claim {
    #[diesel(sql_type = BigInt)]
    application: i64,
    #[diesel(sql_type = BigInt)]
    objects: i64,
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

#[derive(QueryableByName)]
struct TableName {
    #[diesel(sql_type = Text)]
    name: String,
}
