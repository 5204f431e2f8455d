//! How a store is opened, and its tables made.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use fastkontakt::fhir::types::ResourceType::CareTeam;
use fastkontakt::store::{Store, StoreError, StoreOptions};

use super::support::{Folder, Fresh, put_next};
use super::{create, postgres, sql};

contract!(migrating_again_does_nothing, a_newer_schema_is_refused,);

/// Several programs that start on one new database: each migration is run once, and all of them go on.
fn start_at_once(url: &str) {
    let run = thread::scope(|scope| {
        let start = || {
            let store = Store::open(url, &StoreOptions::default()).expect("the store opens");
            let run = store.migrate().expect("the store migrates").len();
            store
                .read_blocking(|session| session.current(CareTeam, "a"))
                .expect("the tables are there");
            run
        };
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        starts
            .into_iter()
            .map(|start| start.join().expect("a start"))
            .collect::<Vec<_>>()
    });
    assert_eq!(run.iter().filter(|run| **run > 0).count(), 1, "{run:?}");
}

#[test]
fn programs_may_start_at_once_on_sqlite() {
    let folder = Folder::new();
    start_at_once(&folder.sqlite_url());
}

#[test]
fn programs_may_start_at_once_on_postgresql() {
    if let Some(url) = postgres::fresh_database() {
        start_at_once(&url);
    }
}

#[test]
fn another_programs_postgresql_schema_is_left_alone() {
    let Some(url) = postgres::fresh_database() else { return };
    let mut connection = PgConnection::establish(&url).expect("PostgreSQL answers");
    connection
        .batch_execute("CREATE TABLE meta (x INT)")
        .expect("somebody's table");
    let refused = Store::open(&url, &StoreOptions::default()).err();
    assert!(matches!(refused, Some(StoreError::Corrupt(reason)) if reason.contains("another program")));
}

#[test]
fn a_postgresql_server_out_of_reach_is_told() {
    let url = "postgres:///x?host=/nonexistent&user=fastkontakt&password=hemligt";
    let refused = Store::open(url, &StoreOptions::default())
        .err()
        .expect("no such server");
    assert!(
        matches!(&refused, StoreError::Unavailable(_)) && !refused.to_string().contains("hemligt"),
        "{refused}"
    );
}

/// Who is no superuser may not choose the language of the server's messages, and is served all the same.
#[test]
fn a_role_of_its_own_is_enough_on_postgresql() {
    let Some(url) = postgres::fresh_database() else { return };
    let fresh = Fresh::open(url, &StoreOptions::default(), None);
    let role = format!("plain_{}", std::process::id());
    let all = format!(
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"
    );
    sql(&fresh, &format!("CREATE ROLE {role} LOGIN; {all}")).expect("a role");
    let url = fresh.url.replace("user=fastkontakt", &format!("user={role}"));
    let store = Store::open(&url, &StoreOptions::default()).expect("it opens");
    store
        .write_blocking(|session| put_next(session, CareTeam, "a", None))
        .expect("a version");
    let slow = Store::open(
        &url,
        &StoreOptions {
            busy_timeout: Duration::from_millis(50),
            ..StoreOptions::default()
        },
    );
    let slow = slow.expect("it opens");
    let waits = store.write_blocking(move |session| {
        session.lock_resources(&[(CareTeam, "a")])?;
        let waits = slow.write_blocking(|session| session.lock_resources(&[(CareTeam, "a")]));
        assert!(matches!(waits, Err(StoreError::Unavailable(_))), "{waits:?}");
        Ok::<(), StoreError>(())
    });
    waits.expect("it has the lock");
}

fn migrating_again_does_nothing(fresh: &Fresh) {
    assert_eq!(fresh.store.migrate(), Ok(Vec::new()));
    create(&fresh.store, CareTeam, "a", None, Vec::new());
    let again = Store::open(&fresh.url, &StoreOptions::default()).expect("a second store");
    let migrated: BTreeSet<usize> = thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| again.migrate())).collect();
        starts
            .into_iter()
            .map(|start| start.join().expect("a start").expect("migrated").len())
            .collect()
    });
    assert_eq!(migrated, BTreeSet::from([0]));
    assert!(
        again
            .read_blocking(|session| session.current(CareTeam, "a"))
            .expect("read")
            .is_some()
    );
}

fn a_newer_schema_is_refused(fresh: &Fresh) {
    sql(
        fresh,
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')",
    )
    .expect("a later migration");
    assert!(matches!(fresh.store.migrate(), Err(StoreError::Corrupt(reason)) if reason.contains("newer program")));
}
