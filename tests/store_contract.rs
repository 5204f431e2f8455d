//! The store's contract: one list of behaviours, run on SQLite and on PostgreSQL.

#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/store.rs"]
mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::{PgConnection, SqliteConnection};
use fastkontakt::fhir::search::{IndexEntry, RefTarget};
use fastkontakt::fhir::types::ResourceType::{self, CarePlan, CareTeam, Organization, Patient};
use fastkontakt::store::{
    Break, Hallare, HistoryQuery, Keeping, NewVersion, Party, Record, Scope, Session, Store, StoreError, StoreOptions,
    Verified,
};
use jiff::{Timestamp, ToSpan};
use support::{Fresh, page_of_versions, put_next, record, version, versions};

const PERSONNUMMER: &str = "http://electronichealth.se/identifier/personnummer";

/// Every behaviour is a function of a fresh store; each becomes one test per backend.
macro_rules! contract {
    ($($behaviour:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $behaviour() {
                super::$behaviour(&super::Fresh::sqlite(&super::StoreOptions::default()));
            })+
        }
        mod postgresql {
            $(#[test]
            fn $behaviour() {
                if let Some(url) = super::postgres::fresh_database() {
                    super::$behaviour(&super::Fresh::open(url, &super::StoreOptions::default(), None));
                }
            })+
        }
    };
}

contract!(
    what_is_written_is_read_back,
    versions_follow_each_other_through_delete_and_return,
    history_comes_in_pages_newest_first,
    history_in_time_shows_what_was_made_since_or_current_then,
    a_version_that_does_not_follow_is_a_conflict,
    parallel_writers_lose_no_update_and_leave_no_gap,
    parallel_writers_without_locks_conflict_but_lose_nothing,
    a_patient_lock_makes_a_check_exact,
    a_failed_write_leaves_nothing,
    a_key_of_a_failed_write_means_nothing,
    a_panicking_write_leaves_nothing_and_the_store_goes_on,
    identifiers_are_found_and_replaced,
    links_are_found_when_they_are_ours,
    a_patients_resources_are_found,
    a_resource_moves_to_another_patient_with_its_history,
    index_rows_may_be_many_doubled_and_long,
    the_outbox_has_a_row_per_version,
    the_audit_names_the_patients_and_only_grows,
    the_log_is_a_chain,
    the_log_tells_who_keeps_what_was_told,
    a_row_that_is_taken_out_of_the_log_is_missed,
    a_row_that_is_gone_is_missed_with_or_without_its_link,
    the_log_is_cut_only_before_an_anchor,
    what_a_version_says_stands,
    nothing_is_put_in_the_place_of_what_stands,
    what_was_cut_must_have_been_old,
    five_years_are_those_of_the_calendar,
    records_that_come_at_once_are_all_kept,
    time_never_goes_backwards,
    one_party_leaves_connections_to_others,
    migrating_again_does_nothing,
    a_newer_schema_is_refused,
    meta_values_are_kept,
    the_async_interface_does_the_same,
);

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
    let folder = support::Folder::new();
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

/// Writes under two locks that another writer takes the other way round; each waits for the other the first time.
async fn under_both(store: &Store, order: [&'static str; 2], both: Arc<Barrier>) -> Result<usize, StoreError> {
    let mut attempts = 0;
    let work = move |session: &mut Session| {
        attempts += 1;
        session.lock_patients(&order[..1])?;
        if attempts == 1 {
            both.wait();
        }
        session.lock_patients(&order[1..])?;
        put_next(session, CareTeam, "a", None)?;
        Ok(attempts)
    };
    store.write(Party::Unknown, work).await
}

#[test]
fn a_transaction_that_postgresql_gives_up_for_another_is_done_again() {
    let Some(url) = postgres::fresh_database() else { return };
    let fresh = Fresh::open(url, &StoreOptions::default(), None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let both = Arc::new(Barrier::new(2));
    let (one, other) = runtime.block_on(async {
        let (store, there) = (fresh.store.clone(), both.clone());
        let one = tokio::spawn(async move { under_both(&store, ["p", "q"], there).await });
        let other = under_both(&fresh.store, ["q", "p"], both).await;
        (one.await.expect("no panic"), other)
    });
    let mut attempts = [one.expect("a write"), other.expect("a write")];
    attempts.sort_unstable();
    assert_eq!(attempts, [1, 2], "one of them was given up once");
    assert_eq!(versions(&fresh.store, CareTeam, "a").len(), 2);
}

#[test]
fn a_transaction_that_is_given_up_each_time_is_told_so() {
    let Some(url) = postgres::fresh_database() else { return };
    let fresh = Fresh::open(url, &StoreOptions::default(), None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let work = move |_: &mut Session| -> Result<(), StoreError> {
        counted.fetch_add(1, Ordering::Relaxed);
        Err(StoreError::Deadlock)
    };
    let told = runtime.block_on(fresh.store.write(Party::Unknown, work));
    assert_eq!(told, Err(StoreError::Deadlock));
    assert_eq!(attempts.load(Ordering::Relaxed), 3);
}

/// How many sessions wait for a lock of the database.
fn waiting_for_locks(url: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    let mut connection = PgConnection::establish(url).expect("PostgreSQL answers");
    let asked =
        "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let count: Count = diesel::sql_query(asked).get_result(&mut connection).expect("a count");
    count.n
}

/// Two transactions that need the same new keepers, the one in the other's order, follow each other.
#[test]
fn those_who_keep_are_made_one_transaction_at_a_time_on_postgresql() {
    let Some(url) = postgres::fresh_database() else { return };
    let fresh = Fresh::open(url, &StoreOptions::default(), None);
    let put = |session: &mut Session, id: &str, unit: &str| {
        let keeping = Keeping {
            hallare: Some(Hallare::Enhet(vec![unit.to_owned(), "SE2321000016-1000".to_owned()])),
            ..Keeping::default()
        };
        session.put_kept(&version(CareTeam, id, 1, "{}"), &keeping).map(drop)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let (began, has_begun) = std::sync::mpsc::channel::<()>();
    let attempts = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let (store, url, tried) = (fresh.store.clone(), fresh.url.clone(), attempts.clone());
        let one = tokio::spawn(async move {
            let work = move |session: &mut Session| {
                tried.fetch_add(1, Ordering::Relaxed);
                put(session, "a1", "SE2321000016-A")?;
                let _ = began.send(());
                let until = Instant::now() + Duration::from_secs(30);
                while waiting_for_locks(&url) == 0 && Instant::now() < until {
                    thread::sleep(Duration::from_millis(5));
                }
                put(session, "a2", "SE2321000016-B")
            };
            store.write(Party::Unknown, work).await
        });
        tokio::task::yield_now().await;
        has_begun.recv().expect("it has begun");
        let tried = attempts.clone();
        let work = move |session: &mut Session| {
            tried.fetch_add(1, Ordering::Relaxed);
            put(session, "b1", "SE2321000016-B")?;
            put(session, "b2", "SE2321000016-A")
        };
        let other = fresh.store.write(Party::Service, work).await;
        assert_eq!((one.await.expect("no panic"), other), (Ok(()), Ok(())));
    });
    assert_eq!(attempts.load(Ordering::Relaxed), 2, "none was given up");
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

/// Runs SQL of the test's own on the database behind the store.
fn sql(fresh: &Fresh, sql: &str) -> Result<(), diesel::result::Error> {
    match fresh.url.strip_prefix("sqlite://") {
        Some(path) => SqliteConnection::establish(path)
            .expect("SQLite opens")
            .batch_execute(sql),
        None => PgConnection::establish(&fresh.url)
            .expect("PostgreSQL answers")
            .batch_execute(sql),
    }
}

fn count(fresh: &Fresh, from: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let query = diesel::sql_query(format!("SELECT count(*) AS count FROM {from}"));
    let found: Result<Count, _> = match fresh.url.strip_prefix("sqlite://") {
        Some(path) => query.get_result(&mut SqliteConnection::establish(path).expect("SQLite opens")),
        None => query.get_result(&mut PgConnection::establish(&fresh.url).expect("PostgreSQL answers")),
    };
    found.expect("a count").count
}

/// Writes version 1 with these index rows and patient.
fn create(store: &Store, kind: ResourceType, id: &'static str, patient: Option<&'static str>, index: Vec<IndexEntry>) {
    store
        .write_blocking(move |session| {
            session.put(&NewVersion {
                patient,
                index: &index,
                ..version(kind, id, 1, "{}")
            })
        })
        .expect("the resource is created");
}

fn token(param: &'static str, system: &str, value: &str) -> IndexEntry {
    IndexEntry::Token {
        param,
        system: Some(system.to_owned()),
        value: value.to_owned(),
    }
}

fn ids(found: Vec<fastkontakt::store::Stored>) -> Vec<String> {
    found.into_iter().map(|stored| stored.id).collect()
}

fn what_is_written_is_read_back(fresh: &Fresh) {
    let body = r#"{"resourceType":"CareTeam","id":"a","name":"Åsa \u0000 1.50"}"#;
    let at: Timestamp = "2026-03-01T10:00:00.123456789Z".parse().expect("an instant");
    fresh
        .store
        .write_blocking(move |session| {
            session.put(&NewVersion {
                last_updated: at,
                patient: Some("p"),
                ..version(CareTeam, "a", 1, body)
            })
        })
        .expect("it is written");
    let read = fresh
        .store
        .read_blocking(|session| session.current(CareTeam, "a"))
        .expect("it is read");
    let stored = read.expect("it is there");
    assert_eq!((stored.version, stored.deleted, stored.body.as_str()), (1, false, body));
    assert_eq!(stored.last_updated.as_microsecond(), at.as_microsecond());
    assert_eq!(
        fresh.store.read_blocking(|session| session.version(CareTeam, "a", 1)),
        Ok(Some(stored.clone()))
    );
    assert_eq!(
        fresh.store.read_blocking(|session| session.version(CareTeam, "a", 2)),
        Ok(None)
    );
    assert_eq!(
        fresh.store.read_blocking(|session| session.current(CarePlan, "a")),
        Ok(None)
    );
    let wanted = [(CareTeam, "none"), (CareTeam, "a")];
    assert_eq!(
        fresh.store.read_blocking(|session| session.current_many(&wanted)),
        Ok(vec![stored])
    );
}

fn versions_follow_each_other_through_delete_and_return(fresh: &Fresh) {
    fresh
        .store
        .write_blocking(|session| {
            session.put(&version(CareTeam, "a", 1, "{1}"))?;
            session.put(&NewVersion {
                deleted: true,
                ..version(CareTeam, "a", 2, "")
            })?;
            session.put(&version(CareTeam, "a", 3, "{3}"))
        })
        .expect("three versions");
    let history = versions(&fresh.store, CareTeam, "a");
    let seen: Vec<(i64, bool, &str)> = history
        .iter()
        .map(|v| (v.version, v.deleted, v.body.as_str()))
        .collect();
    assert_eq!(seen, [(3, false, "{3}"), (2, true, ""), (1, false, "{1}")]);
    let second = fresh
        .store
        .read_blocking(|session| session.version(CareTeam, "a", 2))
        .expect("read");
    assert!(second.expect("the deleted version").deleted);
}

fn history_comes_in_pages_newest_first(fresh: &Fresh) {
    let written = fresh.store.write_blocking(|session| {
        (0..7).try_for_each(|_| put_next(session, CareTeam, "a", None).map(drop))?;
        put_next(session, CareTeam, "b", None)
    });
    assert_eq!(written, Ok(1));
    let by_pages = |scope: Scope| {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = page_of_versions(&fresh.store, scope.clone(), 3, after);
            let Some(last) = page.last() else { return pages };
            after = Some(last.end);
            pages.push(page.iter().map(|past| past.stored.version).collect::<Vec<_>>());
        }
    };
    let of_one = by_pages(Scope::Instance(CareTeam, "a".to_owned()));
    assert_eq!(of_one, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    let of_all = [vec![1, 7, 6], vec![5, 4, 3], vec![2, 1]];
    assert_eq!(by_pages(Scope::Type(CareTeam)), of_all);
    assert_eq!(by_pages(Scope::System), of_all);
    assert!(by_pages(Scope::Type(CarePlan)).is_empty());
}

fn history_in_time_shows_what_was_made_since_or_current_then(fresh: &Fresh) {
    let start = Timestamp::from_second(1_800_000_000).expect("a time");
    let after = move |seconds: i64| start + seconds.seconds();
    let written = fresh.store.write_blocking(move |session| {
        for number in 1..=4 {
            let body = format!("{number}");
            session.put(&NewVersion {
                last_updated: after(10 * number),
                ..version(CareTeam, "a", number, &body)
            })?;
        }
        Ok::<_, StoreError>(())
    });
    assert_eq!(written, Ok(()));
    let found = |since: Option<i64>, at: Option<(i64, i64)>| {
        let micros = |seconds| after(seconds).as_microsecond();
        let query = HistoryQuery {
            scope: Scope::Type(CareTeam),
            since: since.map(micros),
            at: at.map(|(low, high)| (micros(low), micros(high))),
            oldest_first: false,
            after: None,
            limit: 10,
        };
        let read = fresh.store.read_blocking(|session| session.history(&query));
        let read = read.expect("a history");
        read.iter().map(|past| past.stored.version).collect::<Vec<_>>()
    };
    assert_eq!(found(Some(30), None), [4, 3]);
    assert_eq!(found(Some(41), None), Vec::<i64>::new());
    assert_eq!(found(None, Some((25, 35))), [3, 2]);
    assert_eq!(found(None, Some((20, 21))), [2]);
    assert_eq!(found(None, Some((0, 5))), Vec::<i64>::new());
    assert_eq!(found(None, Some((99, 100))), [4]);

    let mut query = HistoryQuery {
        scope: Scope::Type(CareTeam),
        since: None,
        at: Some((i64::MIN, i64::MAX)),
        oldest_first: true,
        after: None,
        limit: 3,
    };
    let mut pages = Vec::new();
    for _ in 0..3 {
        let page = fresh.store.read_blocking(|session| session.history(&query));
        let page = page.expect("a history");
        query.after = page.last().map(|past| past.end).or(query.after);
        pages.push(page.iter().map(|past| past.stored.version).collect::<Vec<_>>());
    }
    assert_eq!(pages, [vec![1, 2, 3], vec![4], vec![]], "oldest first");
}

fn a_version_that_does_not_follow_is_a_conflict(fresh: &Fresh) {
    create(&fresh.store, CareTeam, "a", None, Vec::new());
    for wrong in [0, 1, 3] {
        let written = fresh
            .store
            .write_blocking(move |session| session.put(&version(CareTeam, "a", wrong, "{}")));
        assert_eq!(written, Err(StoreError::Conflict));
    }
    let skipped = fresh
        .store
        .write_blocking(|session| session.put(&version(CareTeam, "new", 2, "{}")));
    assert_eq!(skipped, Err(StoreError::Conflict));
    assert_eq!(count(fresh, "history"), 1);
}

/// 32 threads that each write the next version of one resource until each has had its turn.
fn race(store: &Store, write: impl Fn(&Store) -> Result<i64, StoreError> + Sync) -> Vec<i64> {
    let mut versions: Vec<i64> = thread::scope(|scope| {
        let writers: Vec<_> = (0..32)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        match write(store) {
                            Ok(version) => return version,
                            Err(StoreError::Conflict) => continue,
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer"))
            .collect()
    });
    versions.sort_unstable();
    versions
}

fn parallel_writers_lose_no_update_and_leave_no_gap(fresh: &Fresh) {
    let versions = race(&fresh.store, |store| {
        store
            .write_blocking(|session| put_next(session, CareTeam, "a", Some("p")))
            .map_err(|error| match error {
                StoreError::Conflict => StoreError::Other("a conflict in spite of the lock".to_owned()),
                other => other,
            })
    });
    assert_eq!(versions, (1..=32).collect::<Vec<_>>());
    let history = support::versions(&fresh.store, CareTeam, "a");
    assert_eq!(
        history.iter().map(|stored| stored.version).collect::<Vec<_>>(),
        (1..=32).rev().collect::<Vec<_>>()
    );
    assert!(history.is_sorted_by_key(|stored| std::cmp::Reverse(stored.last_updated)));
}

fn parallel_writers_without_locks_conflict_but_lose_nothing(fresh: &Fresh) {
    let versions = race(&fresh.store, |store| {
        let seen = store
            .read_blocking(|session| session.current(CareTeam, "a"))?
            .map_or(0, |stored| stored.version);
        store.write_blocking(move |session| session.put(&version(CareTeam, "a", seen + 1, "{}")))?;
        Ok(seen + 1)
    });
    assert_eq!(versions, (1..=32).collect::<Vec<_>>());
    assert_eq!(count(fresh, "history"), 32);
}

/// The shape of FLK-04: at most one per patient, whoever comes first.
fn a_patient_lock_makes_a_check_exact(fresh: &Fresh) {
    let written = thread::scope(|scope| {
        let writers: Vec<_> = (0..32)
            .map(|number| {
                scope.spawn(move || {
                    fresh.store.write_blocking(move |session| {
                        session.lock_patients(&["p", "joined"])?;
                        if session.of_patients(CareTeam, &["p", "joined"])?.is_empty() {
                            put_next(session, CareTeam, &format!("team-{number}"), Some("p")).map(|_| true)
                        } else {
                            Ok::<bool, StoreError>(false)
                        }
                    })
                })
            })
            .collect();
        let answers = writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer").expect("an answer"));
        answers.filter(|written| *written).count()
    });
    assert_eq!(written, 1);
}

fn a_failed_write_leaves_nothing(fresh: &Fresh) {
    let written: Result<(), StoreError> = fresh.store.write_blocking(|session| {
        put_next(session, CareTeam, "a", Some("p"))?;
        put_next(session, CareTeam, "b", Some("p"))?;
        Err(StoreError::Other("refused".to_owned()))
    });
    assert_eq!(written, Err(StoreError::Other("refused".to_owned())));
    for table in [
        "resource",
        "history",
        "outbox",
        "index_token",
        "patient_key WHERE key > 0",
    ] {
        assert_eq!(count(fresh, table), 0, "{table}");
    }
    create(&fresh.store, CareTeam, "a", None, Vec::new());
}

/// SQLite gives a key that was taken back to the next who needs one.
fn a_key_of_a_failed_write_means_nothing(fresh: &Fresh) {
    let patients = |session: &mut Session, id: &str| {
        let stored = session.current(CareTeam, id)?;
        let owners = session.owners_of_stored(&stored)?;
        Ok::<_, StoreError>(owners.patients.into_keys().collect::<Vec<_>>())
    };
    let refused: Result<(), StoreError> = fresh.store.write_blocking(move |session| {
        put_next(session, CareTeam, "a", Some("p"))?;
        assert_eq!(patients(session, "a")?, ["p"]);
        Err(StoreError::Other("refused".to_owned()))
    });
    assert!(refused.is_err());
    let written = fresh.store.write_blocking(move |session| {
        put_next(session, CareTeam, "b", Some("q"))?;
        patients(session, "b")
    });
    assert_eq!(written, Ok(vec!["q".to_owned()]));
    assert_eq!(
        fresh.store.read_blocking(|session| patients(session, "b")),
        Ok(vec!["q".to_owned()])
    );
}

fn a_panicking_write_leaves_nothing_and_the_store_goes_on(fresh: &Fresh) {
    let outcome = thread::scope(|scope| {
        let write = || {
            fresh.store.write_blocking(|session| -> Result<(), StoreError> {
                put_next(session, CareTeam, "a", None)?;
                panic!("on purpose")
            })
        };
        // Where the work is done on the caller's own thread, the panic is the caller's.
        scope.spawn(write).join()
    });
    assert!(!matches!(outcome, Ok(Ok(()))));
    assert_eq!(count(fresh, "history"), 0);
    create(&fresh.store, CareTeam, "a", None, Vec::new());
}

fn identifiers_are_found_and_replaced(fresh: &Fresh) {
    let store = &fresh.store;
    create(
        store,
        Patient,
        "p",
        Some("p"),
        vec![token("identifier", PERSONNUMMER, "191212121212")],
    );
    create(
        store,
        Organization,
        "o",
        None,
        vec![token("identifier", PERSONNUMMER, "191212121212")],
    );
    let find = |systems: &'static [&'static str], value: &'static str| {
        ids(store
            .read_blocking(|session| session.with_identifier(ResourceType::Patient, systems, value))
            .expect("an answer"))
    };
    assert_eq!(find(&[PERSONNUMMER], "191212121212"), ["p"]);
    assert_eq!(
        find(&["urn:oid:1.2.752.129.2.1.3.1", PERSONNUMMER], "191212121212"),
        ["p"]
    );
    assert!(find(&["http://example.org"], "191212121212").is_empty());
    let index = [token("identifier", PERSONNUMMER, "tolvan")];
    store
        .write_blocking(move |session| {
            session.put(&NewVersion {
                patient: Some("p"),
                index: &index,
                ..version(Patient, "p", 2, "{}")
            })
        })
        .expect("an update");
    assert!(find(&[PERSONNUMMER], "191212121212").is_empty());
    assert_eq!(find(&[PERSONNUMMER], "tolvan"), ["p"]);
    let deleted = NewVersion {
        deleted: true,
        patient: Some("p"),
        ..version(Patient, "p", 3, "")
    };
    store
        .write_blocking(move |session| session.put(&deleted))
        .expect("a delete");
    assert!(find(&[PERSONNUMMER], "tolvan").is_empty());
    assert_eq!(count(fresh, "index_token"), 1);
}

fn links_are_found_when_they_are_ours(fresh: &Fresh) {
    let link = |kind: &str, id: &str, url: Option<&str>| IndexEntry::Reference {
        param: "link",
        target: RefTarget {
            kind: Some(kind.to_owned()),
            id: Some(id.to_owned()),
            url: url.map(str::to_owned),
        },
    };
    create(&fresh.store, Patient, "a", Some("a"), vec![link("Patient", "b", None)]);
    create(
        &fresh.store,
        Patient,
        "c",
        Some("c"),
        vec![link("Patient", "b", Some("https://other.example/Patient/b"))],
    );
    create(
        &fresh.store,
        Patient,
        "d",
        Some("d"),
        vec![link("RelatedPerson", "b", None)],
    );
    let found = fresh
        .store
        .read_blocking(|session| session.patients_linking_to("b"))
        .expect("an answer");
    assert_eq!(ids(found), ["a"]);
}

fn a_patients_resources_are_found(fresh: &Fresh) {
    let store = &fresh.store;
    create(store, CareTeam, "t1", Some("p"), Vec::new());
    create(store, CareTeam, "t2", Some("q"), Vec::new());
    create(store, CareTeam, "t3", Some("r"), Vec::new());
    create(store, CareTeam, "t4", None, Vec::new());
    create(store, CarePlan, "c1", Some("p"), Vec::new());
    let find = |patients: &'static [&'static str]| {
        ids(store
            .read_blocking(|session| session.of_patients(CareTeam, patients))
            .expect("an answer"))
    };
    assert_eq!(find(&["p", "q", "unknown"]), ["t1", "t2"]);
    assert!(find(&[]).is_empty());
    let deleted = NewVersion {
        deleted: true,
        patient: Some("p"),
        ..version(CareTeam, "t1", 2, "")
    };
    store
        .write_blocking(move |session| session.put(&deleted))
        .expect("a delete");
    assert_eq!(find(&["p", "q"]), ["t2"]);
}

fn a_resource_moves_to_another_patient_with_its_history(fresh: &Fresh) {
    let store = &fresh.store;
    create(
        store,
        CareTeam,
        "t",
        Some("wrong"),
        vec![token("status", "s", "active")],
    );
    let index = [token("status", "s", "active")];
    store
        .write_blocking(move |session| {
            session.put(&NewVersion {
                patient: Some("right"),
                index: &index,
                ..version(CareTeam, "t", 2, "{}")
            })
        })
        .expect("the correction");
    let of = |id: &'static str| {
        ids(store
            .read_blocking(|session| session.of_patients(CareTeam, &[id]))
            .expect("read"))
    };
    assert_eq!((of("wrong"), of("right")), (vec![], vec!["t".to_owned()]));
    assert_eq!(versions(store, CareTeam, "t").len(), 2);
    assert_eq!(count(fresh, "index_token"), 1);
}

fn index_rows_may_be_many_doubled_and_long(fresh: &Fresh) {
    let long = "9".repeat(5_000);
    let mut index: Vec<IndexEntry> = (0..100)
        .map(|number| token("identifier", "urn:x", &number.to_string()))
        .collect();
    index.push(token("identifier", "urn:x", "7"));
    index.push(token("identifier", "urn:x", &long));
    index.push(token("identifier", "urn:x", "with \0 in it"));
    index.extend((0..5).map(|day| IndexEntry::Date {
        param: "date",
        low: i64::MIN,
        high: i64::MAX - day,
    }));
    create(&fresh.store, Patient, "p", Some("p"), index.clone());
    assert_eq!((count(fresh, "index_token"), count(fresh, "index_date")), (101, 5));
    for value in ["0".to_owned(), "99".to_owned(), long] {
        let found = fresh
            .store
            .read_blocking(|session| session.with_identifier(ResourceType::Patient, &["urn:x"], &value));
        assert_eq!(ids(found.expect("an answer")), ["p"]);
    }
    fresh
        .store
        .write_blocking(move |session| session.reindex(Patient, "p", &index[..3], &Keeping::default()))
        .expect("the index is made anew");
    assert_eq!((count(fresh, "index_token"), count(fresh, "history")), (3, 1));
}

fn the_outbox_has_a_row_per_version(fresh: &Fresh) {
    create(&fresh.store, CareTeam, "a", Some("p"), Vec::new());
    fresh
        .store
        .write_blocking(|session| put_next(session, CareTeam, "a", Some("p")))
        .expect("an update");
    assert_eq!(count(fresh, "outbox JOIN history ON history.seq = outbox.seq"), 2);
}

fn the_audit_names_the_patients_and_only_grows(fresh: &Fresh) {
    create(&fresh.store, CareTeam, "a", Some("p"), Vec::new());
    create(&fresh.store, CareTeam, "b", Some("p"), Vec::new());
    create(&fresh.store, CareTeam, "c", Some("q"), Vec::new());
    create(&fresh.store, Organization, "o", None, Vec::new());
    fresh
        .store
        .write_blocking(|session| {
            let resources = [(CareTeam, "a"), (CareTeam, "b"), (CareTeam, "c"), (Organization, "o")];
            let patients = session.owners(&resources)?.patients;
            session.record(&Record {
                resources: resources.map(|(kind, id)| (kind, id.to_owned(), 1)).to_vec(),
                patients: patients.into_iter().collect(),
                ..record("r-9")
            })
        })
        .expect("an audit row");
    assert_eq!(
        count(
            fresh,
            "audit WHERE request_id = 'r-9' AND resources LIKE 'CareTeam/a/_history/1 %'"
        ),
        1
    );
    assert_eq!(count(fresh, "audit_patient"), 2);
    for change in [
        "DELETE FROM audit",
        "UPDATE audit SET caller = 'x'",
        "DELETE FROM audit_patient",
    ] {
        let refused = sql(fresh, change).expect_err("the audit only grows").to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

fn log_one(fresh: &Fresh, request_id: &str) {
    let record = record(request_id);
    fresh
        .store
        .write_blocking(move |session| session.record(&record))
        .expect("a row of the log");
}

fn verified(fresh: &Fresh) -> Result<Verified, Break> {
    // PostgreSQL makes the links a moment after the write.
    for _ in 0..100 {
        let verified = fresh
            .store
            .read_blocking(Session::verify_audit)
            .expect("the chain can be read");
        match verified {
            Ok(verified) if verified.waiting > 0 => thread::sleep(Duration::from_millis(50)),
            told => return told,
        }
    }
    panic!("rows wait for their links");
}

/// Changes a row as one would who has the database: the triggers taken away first.
fn tamper(fresh: &Fresh, change: &str) {
    let off: &[&str] = if fresh.url.starts_with("postgres") {
        &["SET session_replication_role = replica"]
    } else {
        &[
            "DROP TRIGGER IF EXISTS audit_stands",
            "DROP TRIGGER IF EXISTS audit_remains",
            "DROP TRIGGER IF EXISTS audit_patient_remains",
            "DROP TRIGGER IF EXISTS audit_chain_stands",
            "DROP TRIGGER IF EXISTS audit_chain_remains",
            "DROP TRIGGER IF EXISTS audit_anchor_frees_what_is_old",
            "DROP TRIGGER IF EXISTS audit_anchor_remains",
        ]
    };
    let all = off.iter().copied().chain([change]).collect::<Vec<_>>().join(";");
    sql(fresh, &all).expect("the change is made");
}

fn the_log_is_a_chain(fresh: &Fresh) {
    assert_eq!(verified(fresh).expect("an empty log is whole").head.n, 0);
    for number in 0..3 {
        log_one(fresh, &format!("r-{number}"));
    }
    let whole = verified(fresh).expect("it is whole");
    assert_eq!((whole.links, whole.head.n, whole.head.hash.len()), (3, 3, 64));
    log_one(fresh, "r-3");
    let later = verified(fresh).expect("it is whole");
    assert_eq!(later.links, 4);
    assert_ne!(later.head.hash, whole.head.hash);
    tamper(fresh, "UPDATE audit SET caller = 'another' WHERE request_id = 'r-1'");
    assert_eq!(verified(fresh), Err(Break::Changed { n: 2, audit: 2 }));
}

fn the_log_tells_who_keeps_what_was_told(fresh: &Fresh) {
    let keepers = ["SE2321000016-2000", "SE2321000016-3000"].map(str::to_owned).to_vec();
    let row = Record {
        keepers: keepers.clone(),
        patients: vec![("p".to_owned(), None), ("q".to_owned(), None)],
        nekade: ["q".to_owned()].into(),
        ..record("r-0")
    };
    let recorded = fresh.store.write_blocking(move |session| session.record(&row));
    recorded.expect("a row of the log");
    log_one(fresh, "r-1");
    assert_eq!(verified(fresh).expect("it is whole").links, 2);
    let rows = fresh.store.read_blocking(|session| {
        let first = session.log_row(1)?;
        let second = session.log_row(2)?;
        Ok::<_, StoreError>([first, second].map(|row| row.map(|row| row.keepers)))
    });
    assert_eq!(rows.expect("the rows"), [Some(keepers), Some(Vec::new())]);
    // Who was only asked about is named, and told apart.
    let row = fresh.store.read_blocking(|session| session.log_row(1));
    let row = row.expect("the row").expect("a row");
    assert_eq!(
        (row.patients, row.nekade),
        (vec!["p".to_owned(), "q".to_owned()], vec!["q".to_owned()])
    );
    tamper(fresh, "UPDATE audit SET keepers = '' WHERE seq = 1");
    assert_eq!(verified(fresh), Err(Break::Changed { n: 1, audit: 1 }));
}

fn a_row_that_is_taken_out_of_the_log_is_missed(fresh: &Fresh) {
    for number in 0..3 {
        log_one(fresh, &format!("r-{number}"));
    }
    verified(fresh).expect("it is whole");
    tamper(fresh, "DELETE FROM audit_patient WHERE audit = 3");
    assert_eq!(verified(fresh), Err(Break::Patients { n: 3, audit: 3 }));
}

fn a_row_that_is_gone_is_missed_with_or_without_its_link(fresh: &Fresh) {
    for number in 0..3 {
        log_one(fresh, &format!("r-{number}"));
    }
    verified(fresh).expect("it is whole");
    tamper(fresh, "DELETE FROM audit WHERE seq = 2");
    assert_eq!(verified(fresh), Err(Break::RowGone { n: 2, audit: 2 }));
    tamper(fresh, "DELETE FROM audit_chain WHERE n = 2");
    assert_eq!(verified(fresh), Err(Break::LinkGone { n: 2 }));
}

/// Nobody changes or takes away by SQL what a version said; the service's own moves leave that alone.
fn what_a_version_says_stands(fresh: &Fresh) {
    fresh
        .store
        .write_blocking(|session| session.put(&version(CareTeam, "a", 1, "{1}")))
        .expect("a version");
    for change in [
        "UPDATE history SET body = '{}'",
        "UPDATE history SET deleted = NOT deleted",
        "UPDATE history SET interaction = 'delete'",
        "DELETE FROM history",
    ] {
        let refused = sql(fresh, change).expect_err(change);
        assert!(refused.to_string().contains("append-only"), "{change}: {refused}");
    }
    assert_eq!(count(fresh, "history"), 1);
}

fn the_log_is_cut_only_before_an_anchor(fresh: &Fresh) {
    for number in 0..4 {
        let old = Record {
            at: Timestamp::now() - (6 * 366 * 24).hours(),
            ..record(&format!("r-{number}"))
        };
        let logged = fresh.store.write_blocking(move |session| session.record(&old));
        logged.expect("a row of the log");
    }
    let whole = verified(fresh).expect("it is whole");
    let later = Timestamp::now() + 1.hour();
    let anchor = fresh
        .store
        .write_blocking(move |session| session.anchor_audit(later, later))
        .expect("an anchor")
        .expect("there is something to cut");
    // The end of the chain stays, whatever its age.
    assert_eq!(anchor.n, 3);
    let taken = fresh.store.write_blocking(Session::take_cut).expect("a cut");
    assert_eq!(taken, 3);
    assert_eq!(count(fresh, "audit"), 1);
    assert_eq!(count(fresh, "audit_patient"), 1);
    let cut = verified(fresh).expect("it is whole from the anchor on");
    assert_eq!((cut.links, &cut.head, cut.anchor), (1, &whole.head, Some(anchor)));
    log_one(fresh, "r-4");
    assert_eq!(verified(fresh).expect("it goes on").head.n, 5);
    sql(fresh, "DELETE FROM audit").expect_err("what the anchor does not free stands");
    sql(
        fresh,
        "INSERT INTO audit_anchor SELECT n, audit, hash, 0 FROM audit_chain",
    )
    .expect_err("it is too young");
    log_one(fresh, "r-5");
    verified(fresh).expect("it goes on");
    fresh
        .store
        .write_blocking(move |session| session.anchor_audit(later, later))
        .expect_err("it is too young, whatever the clock says");
    assert!(
        fresh
            .store
            .write_blocking(|session| session.anchor_audit(Timestamp::UNIX_EPOCH, Timestamp::now()))
            .expect("asked")
            .is_none(),
        "nothing is that old"
    );
}

/// Writes a version of a goal and the record of that, as the door does.
fn write_one(fresh: &Fresh, id: &'static str, at: Timestamp) {
    let row = Record { at, ..record(id) };
    let written = fresh.store.write_blocking(move |session| {
        let new = NewVersion {
            last_updated: at,
            request_id: id,
            ..version(CareTeam, id, 1, "{}")
        };
        session.put(&new)?;
        session.record(&row)
    });
    written.expect("a version and its record");
    // Each gets its link before the next.
    verified(fresh).expect("it is whole");
}

fn what_was_cut_must_have_been_old(fresh: &Fresh) {
    let old = Timestamp::now() - (6 * 366 * 24).hours();
    write_one(fresh, "old", old);
    for id in ["a", "b", "c"] {
        write_one(fresh, id, Timestamp::now());
    }
    let anchored = fresh
        .store
        .write_blocking(|session| session.anchor_audit(Timestamp::now() - 1.hour(), Timestamp::now()));
    assert_eq!(anchored.expect("an anchor").map(|anchor| anchor.n), Some(1));
    assert_eq!(fresh.store.write_blocking(Session::take_cut).expect("a cut"), 1);
    verified(fresh).expect("what was old may go");
    // By SQL, whatever the anchor says of its time.
    let is_sqlite = fresh.url.starts_with("sqlite");
    for (n, at) in [(2, "at"), (3, "at + 2000000000000000")] {
        let now = if is_sqlite {
            "unixepoch('now') * 1000000"
        } else {
            "(extract(epoch FROM now()) * 1000000)::bigint"
        };
        let at = at.replace("at", now);
        tamper(
            fresh,
            &format!(
                "INSERT INTO audit_anchor SELECT n, audit, hash, {at} FROM audit_chain WHERE n = {n};
                 DELETE FROM audit_patient WHERE audit <= (SELECT audit FROM audit_chain WHERE n = {n});
                 DELETE FROM audit WHERE seq <= (SELECT audit FROM audit_chain WHERE n = {n});
                 DELETE FROM audit_chain WHERE n <= {n}"
            ),
        );
        let broken = verified(fresh).expect_err("what was young is gone");
        assert!(matches!(broken, Break::CutTooYoung { .. }), "{broken}");
        assert!(broken.to_string().contains("and that of"), "{broken}");
    }
    tamper(
        fresh,
        "DELETE FROM audit_patient; DELETE FROM audit; DELETE FROM audit_chain; DELETE FROM audit_anchor",
    );
    let broken = verified(fresh).expect_err("all of it is gone");
    assert!(matches!(broken, Break::CutTooYoung { .. }), "{broken}");
}

/// `OR REPLACE` and the like take away what has the same key, without an UPDATE or a DELETE that a trigger would see.
fn nothing_is_put_in_the_place_of_what_stands(fresh: &Fresh) {
    for id in ["a", "b"] {
        let put = fresh
            .store
            .write_blocking(move |session| session.put(&version(CareTeam, id, 1, "{1}")));
        put.expect("a version");
        log_one(fresh, "r-1");
    }
    verified(fresh).expect("it is whole");
    // Another row with the patient, the resource and the version of the first, and the same filed on another patient.
    let row = "patient, resource, version, last_updated, deleted, caller, interaction, request_id, body";
    let other = |seq: &str, patient: &str| {
        format!(
            "INTO history (seq, {row}) SELECT {seq}, {patient}, resource, version, last_updated, deleted, 'x', interaction, request_id, 'x' \
             FROM history WHERE seq = 1"
        )
    };
    sql(fresh, &format!("INSERT {}", other("60", "60"))).expect("what is added takes nothing away");
    let log = "INTO audit SELECT seq, 0, 'x', purpose, interaction, outcome, request_id, resources, capacity, who, unit, provider, client, \
               emergency, patients, keepers FROM audit WHERE seq = 1";
    let is_sqlite = fresh.url.starts_with("sqlite");
    let changes = if is_sqlite {
        vec![
            format!("INSERT OR REPLACE {}", other("1", "60")),
            format!("INSERT OR REPLACE {}", other("61", "patient")),
            format!(
                "INSERT {} ON CONFLICT (seq) DO UPDATE SET body = 'x'",
                other("1", "patient").replace("WHERE seq = 1", "WHERE seq = 1 AND true")
            ),
            "UPDATE OR REPLACE history SET patient = 0 WHERE seq = 60".to_owned(),
            "UPDATE OR REPLACE history SET rowid = 1 WHERE seq = 2".to_owned(),
            "UPDATE history SET oid = 70 WHERE seq = 1".to_owned(),
            format!("INSERT OR REPLACE {log}"),
            "INSERT OR REPLACE INTO audit_chain SELECT n, audit + 70, hash FROM audit_chain WHERE n = 1".to_owned(),
            "INSERT OR REPLACE INTO audit_chain SELECT n + 70, audit, hash FROM audit_chain WHERE n = 1".to_owned(),
            // An anchor whose key the database is to find.
            "INSERT INTO audit_anchor (audit, hash, at) SELECT audit, hash, 0 FROM audit_chain WHERE n = 1".to_owned(),
        ]
    } else {
        vec![
            format!("INSERT {} ON CONFLICT (seq) DO UPDATE SET body = 'x'", other("1", "patient")),
            format!("INSERT {} ON CONFLICT (patient, resource, version) DO UPDATE SET body = 'x'", other("61", "patient")),
            "UPDATE history SET patient = 0 WHERE seq = 60".to_owned(),
            format!("INSERT {log} ON CONFLICT (seq) DO UPDATE SET caller = 'x'"),
            "INSERT INTO audit_chain SELECT n, audit, hash FROM audit_chain WHERE n = 1 ON CONFLICT (n) DO UPDATE SET hash = 'x'".to_owned(),
        ]
    };
    for change in changes {
        sql(fresh, &change).expect_err(&change);
    }
    assert_eq!(count(fresh, "history WHERE body = '{1}' AND seq IN (1, 2)"), 2);
    assert_eq!(count(fresh, "history"), 3);
    let whole = verified(fresh).expect("it is whole");
    assert_eq!((whole.links, whole.anchor), (2, None));
}

/// PostgreSQL looks for a name among one's own temporary tables first; the triggers do not.
#[test]
fn what_a_role_has_of_its_own_frees_nothing_of_the_log() {
    let Some(url) = postgres::fresh_database() else { return };
    let fresh = Fresh::open(url, &StoreOptions::default(), None);
    for number in 0..3 {
        log_one(&fresh, &format!("r-{number}"));
    }
    assert_eq!(verified(&fresh).expect("it is whole").links, 3);
    for hidden in [
        "CREATE TEMP VIEW audit_anchor AS SELECT 1000000::BIGINT AS n; DELETE FROM public.audit_patient",
        "CREATE TEMP VIEW audit_anchor AS SELECT 1000000::BIGINT AS n; DELETE FROM public.audit",
        "CREATE TEMP VIEW audit_anchor AS SELECT 1000000::BIGINT AS n; DELETE FROM public.audit_chain",
        "CREATE TEMP VIEW audit_chain AS SELECT 0::BIGINT AS n, 0::BIGINT AS audit, ''::TEXT AS hash WHERE false; \
         INSERT INTO public.audit_anchor SELECT n, audit, hash, 0 FROM public.audit_chain WHERE n = 2",
        "CREATE TEMP TABLE audit_waiting (audit BIGINT); INSERT INTO public.audit SELECT * FROM public.audit WHERE false; \
         INSERT INTO public.audit (at, caller, purpose, interaction, outcome, request_id, resources) VALUES (0, 'x', 'x', 'x', 'x', 'x', ''); \
         DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_temp.audit_waiting) THEN RAISE EXCEPTION 'taken aside'; END IF; END $$",
        "SET search_path = pg_temp, public; CREATE TEMP TABLE audit_anchor (n BIGINT); INSERT INTO audit_anchor VALUES (9); DELETE FROM audit_chain",
    ] {
        let done = sql(&fresh, hidden);
        assert_eq!(done.is_ok(), hidden.contains("taken aside"), "{hidden}: {done:?}");
    }
    assert_eq!(count(&fresh, "audit WHERE caller <> 'x'"), 3);
    assert_eq!(count(&fresh, "audit_anchor"), 0);
}

fn five_years_are_those_of_the_calendar(fresh: &Fresh) {
    let zoned = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let limit = zoned.checked_sub(5.years()).expect("a date").timestamp();
    // 1825 days are a day or two less, by the leap days.
    for (at, name) in [
        (limit - 1.hour(), "old"),
        (limit + 1.hour(), "young"),
        (Timestamp::now(), "new"),
    ] {
        let old = Record { at, ..record(name) };
        fresh
            .store
            .write_blocking(move |session| session.record(&old))
            .expect("a row of the log");
    }
    verified(fresh).expect("it is whole");
    let anchor = |n: i64| {
        let whole = format!("INSERT INTO audit_anchor SELECT n, audit, hash, 0 FROM audit_chain WHERE n = {n}");
        sql(fresh, &whole)
    };
    anchor(2).expect_err("it is too young");
    anchor(1).expect("it is old enough");
    // Nor is what was kept of the cut put otherwise.
    let change = match fresh.url.starts_with("sqlite") {
        true => "INSERT OR REPLACE INTO audit_anchor SELECT n, audit, 'x', 1 FROM audit_anchor",
        false => {
            "INSERT INTO audit_anchor SELECT n, audit, 'x', 1 FROM audit_anchor ON CONFLICT (n) DO UPDATE SET hash = 'x'"
        }
    };
    sql(fresh, change).expect_err("an anchor stands");
    assert_eq!(count(fresh, "audit_anchor WHERE hash <> 'x'"), 1);
}

fn records_that_come_at_once_are_all_kept(fresh: &Fresh) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let all = (0..40).map(|number| {
            let (store, record) = (fresh.store.clone(), record(&format!("r-{number}")));
            tokio::spawn(async move { store.log(Party::Unknown, record).await })
        });
        for logged in all.collect::<Vec<_>>() {
            logged.await.expect("a task").expect("a record");
        }
    });
    assert_eq!(count(fresh, "audit"), 40);
    assert_eq!(verified(fresh).expect("it is whole").links, 40);
}

/// What takes long keeps half of the connections at the most; under PostgreSQL writes too.
fn one_party_leaves_connections_to_others(fresh: &Fresh) {
    let party = |name: &str| Party::Known("issuer".to_owned(), name.to_owned());
    let is_sqlite = fresh.url.starts_with("sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(wait));
    let (begun, has_begun) = std::sync::mpsc::channel();
    runtime.block_on(async {
        let many: Vec<_> = (0..100)
            .map(|number| {
                let (store, many, wait, begun) = (fresh.store.clone(), party("many"), wait.clone(), begun.clone());
                let work = move |_: &mut Session| {
                    let _ = begun.send(());
                    let _ = wait.lock().expect("one after the other").recv();
                    Ok::<_, StoreError>(())
                };
                tokio::spawn(async move {
                    match number % 2 {
                        0 if !is_sqlite => store.write(many, work).await,
                        _ => store.read_for(many, work).await,
                    }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        has_begun.recv().expect("one of them has a connection");
        let other = fresh
            .store
            .read_for(party("other"), |session| session.current(CareTeam, "a"));
        let other = tokio::time::timeout(Duration::from_secs(30), other).await;
        assert_eq!(other, Ok(Ok(None)), "it does not wait");
        let write = fresh
            .store
            .write(party("other"), |session| put_next(session, CareTeam, "a", None));
        let write = tokio::time::timeout(Duration::from_secs(30), write).await;
        assert_eq!(write, Ok(Ok(1)), "nor does a write");
        drop(go_on);
        for work in many {
            work.await.expect("no panic").expect("an answer");
        }
    });
}

fn time_never_goes_backwards(fresh: &Fresh) {
    fresh
        .store
        .write_blocking(|session| put_next(session, CareTeam, "a", None))
        .expect("a version");
    fresh
        .store
        .read_blocking(|session| -> Result<(), StoreError> {
            let stored = session.current(CareTeam, "a")?.expect("it is there");
            let earlier = stored.last_updated - 1.hour();
            let later = stored.last_updated + 1.hour();
            assert_eq!(session.next_instant(earlier, Some(&stored)), stored.last_updated);
            assert_eq!(session.next_instant(later, Some(&stored)), later);
            assert_eq!(session.next_instant(earlier, None), earlier);
            Ok(())
        })
        .expect("it is read");
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

fn meta_values_are_kept(fresh: &Fresh) {
    fresh
        .store
        .write_blocking(|session| session.set_meta("index_version", "1"))
        .expect("set");
    fresh
        .store
        .write_blocking(|session| session.set_meta("index_version", "2"))
        .expect("set again");
    assert_eq!(
        fresh.store.read_blocking(|session| session.meta("index_version")),
        Ok(Some("2".to_owned()))
    );
    assert_eq!(fresh.store.read_blocking(|session| session.meta("none")), Ok(None));
}

fn the_async_interface_does_the_same(fresh: &Fresh) {
    let store = fresh.store.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        store.ping().await.expect("the database answers");
        let written = store
            .write(Party::Unknown, |session| put_next(session, CareTeam, "a", None))
            .await;
        assert_eq!(written, Ok(1));
        let read = store
            .read(|session| session.current(CareTeam, "a"))
            .await
            .expect("read");
        assert_eq!(read.map(|stored| stored.version), Some(1));
        let panicked: Result<(), StoreError> = store.write(Party::Unknown, |_| panic!("on purpose")).await;
        assert!(matches!(panicked, Err(StoreError::Other(_))));
        let panicked: Result<(), StoreError> = store.read(|_| panic!("on purpose")).await;
        assert!(matches!(panicked, Err(StoreError::Other(_))));
        store.close().await;
    });
}
