//! Writers that come at once: none is lost, and none waits for ever.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use fastkontakt::fhir::types::ResourceType::CareTeam;
use fastkontakt::store::{Hallare, Keeping, Party, Session, Store, StoreError, StoreOptions};

use super::support::{Fresh, put_next, version, versions};
use super::{count, postgres, sql, support};

contract!(
    parallel_writers_lose_no_update_and_leave_no_gap,
    parallel_writers_without_locks_conflict_but_lose_nothing,
    a_patient_lock_makes_a_check_exact,
    one_party_leaves_connections_to_others,
);

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
    assert_eq!(
        given_up(&runtime, &fresh.store),
        [1, 2],
        "one of them was given up once"
    );
    assert_eq!(versions(&fresh.store, CareTeam, "a").len(), 2);
}

/// How often each of two that wait for each other was tried.
fn given_up(runtime: &tokio::runtime::Runtime, store: &Store) -> [usize; 2] {
    let both = Arc::new(Barrier::new(2));
    let (one, other) = runtime.block_on(async {
        let (another, there) = (store.clone(), both.clone());
        let one = tokio::spawn(async move { under_both(&another, ["p", "q"], there).await });
        let other = under_both(store, ["q", "p"], both).await;
        (one.await.expect("no panic"), other)
    });
    let mut attempts = [one.expect("a write"), other.expect("a write")];
    attempts.sort_unstable();
    attempts
}

/// A server whose messages are Swedish, and a role that may not choose others.
#[test]
fn what_a_swedish_server_says_is_understood() {
    let Some(url) = postgres::fresh_database() else { return };
    let fresh = Fresh::open(url, &StoreOptions::default(), None);
    let role = format!("svensk_{}", std::process::id());
    let made = sql(
        &fresh,
        &format!(
            "CREATE ROLE {role} LOGIN;
             GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role};
             DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lc_messages = %L', current_database(), 'C.UTF-8'); END $$"
        ),
    );
    let url = fresh.url.replace("user=fastkontakt", &format!("user={role}"));
    let said = || {
        let mut connection = PgConnection::establish(&url).expect("it answers");
        connection
            .batch_execute("SELECT 1 / 0")
            .expect_err("no number")
            .to_string()
    };
    if made.is_err() || !said().contains("med noll") {
        let _ = writeln!(std::io::stderr(), "SKIPPED: this PostgreSQL speaks no Swedish");
        return;
    }
    let open = |busy_timeout, read_time| {
        let options = StoreOptions {
            busy_timeout,
            read_time,
            ..StoreOptions::default()
        };
        Store::open(&url, &options).expect("it opens")
    };
    let (short, long) = (Duration::from_millis(500), Duration::from_secs(30));
    let store = open(long, long);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    assert_eq!(given_up(&runtime, &store), [1, 2], "one of them was given up once");
    let (impatient, hurried) = (open(short, long), open(long, short));
    let held = store.write_blocking(move |session| {
        session.lock_patients(&["p"])?;
        let waits = |store: &Store| store.write_blocking(|session| session.lock_patients(&["p"]));
        Ok::<_, StoreError>((waits(&impatient), waits(&hurried)))
    });
    let (locked, costly) = held.expect("it has the lock");
    assert!(matches!(locked, Err(StoreError::Unavailable(_))), "{locked:?}");
    assert_eq!(costly, Err(StoreError::TooCostly));
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
