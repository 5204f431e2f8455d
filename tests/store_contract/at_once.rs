//! Writers that come at once: none is lost, and none waits for ever.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use fastkontakt::fhir::types::ResourceType::CareTeam;
use fastkontakt::store::{Hallare, HistoryQuery, Keeping, Party, Scope, Session, Store, StoreError, StoreOptions};
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::support::{Fresh, put_next, record, version, versions};
use super::{count, postgres, sql, support};

contract!(
    parallel_writers_lose_no_update_and_leave_no_gap,
    parallel_writers_without_locks_conflict_but_lose_nothing,
    a_patient_lock_makes_a_check_exact,
    who_follows_the_history_by_time_misses_nothing,
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

/// Short transactions are committed beside longer ones that are older; whoever asks from the newest that was seen on sees all.
fn who_follows_the_history_by_time_misses_nothing(fresh: &Fresh) {
    const WRITERS: usize = 4;
    const EACH: usize = 12;
    let write = |writer: usize, number: usize| {
        fresh.store.write_blocking(move |session| {
            session.will_make_versions(Timestamp::now())?;
            for part in ["a", "b"] {
                put_next(session, CareTeam, &format!("{writer}-{number}-{part}"), None)?;
                // The first writer's take long, the others' come in between.
                thread::sleep(Duration::from_millis(if writer == 0 { 20 } else { 1 }));
            }
            Ok::<_, StoreError>(())
        })
    };
    let mut query = HistoryQuery {
        scope: Scope::Type(CareTeam),
        since: None,
        at: None,
        oldest_first: true,
        after: None,
        limit: 1_000,
    };
    let mut seen = BTreeSet::new();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || (0..EACH).for_each(|number| write(writer, number).expect("a write")));
        }
        let end = Instant::now() + Duration::from_secs(30);
        while seen.len() < WRITERS * EACH * 2 && Instant::now() < end {
            let page = fresh.store.read_blocking(|session| {
                session.up_to_horizon(Timestamp::now(), |session| {
                    session.snapshot(|session| session.history(&query))
                })
            });
            for past in page.expect("a history") {
                query.since = Some(past.end.last_updated);
                seen.insert(past.stored.id);
            }
        }
    });
    assert_eq!(seen.len(), WRITERS * EACH * 2);
}

/// Work that keeps its connection until it may go on.
struct Held {
    go_on: Option<Sender<()>>,
    wait: Arc<Mutex<Receiver<()>>>,
    begun: UnboundedSender<()>,
    has_begun: UnboundedReceiver<()>,
    all: Vec<JoinHandle<Result<(), StoreError>>>,
}

impl Held {
    fn new() -> Held {
        let (go_on, wait) = channel();
        let (begun, has_begun) = unbounded_channel();
        Held {
            go_on: Some(go_on),
            wait: Arc::new(Mutex::new(wait)),
            begun,
            has_begun,
            all: Vec::new(),
        }
    }

    /// A costly read, or a write, more.
    fn add(&mut self, store: &Store, party: Party, writes: bool) {
        let (store, wait, begun) = (store.clone(), self.wait.clone(), self.begun.clone());
        let work = move |_: &mut Session| {
            let _ = begun.send(());
            let _ = wait.lock().expect("one after the other").recv();
            Ok::<_, StoreError>(())
        };
        self.all.push(tokio::spawn(async move {
            match writes {
                true => store.write(party, work).await,
                false => store.read_for(party, work).await,
            }
        }));
    }

    /// So many have a connection.
    async fn begun(&mut self, many: usize) {
        for _ in 0..many {
            in_time(self.has_begun.recv()).await.expect("one of them begins");
        }
    }

    /// Lets all go on; how many had not begun before.
    async fn finish(mut self) -> usize {
        let before = std::iter::from_fn(|| self.has_begun.try_recv().ok()).count();
        drop(self.go_on.take());
        for work in self.all {
            work.await.expect("no panic").expect("an answer");
        }
        before
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work)
        .await
        .expect("it does not wait")
}

fn known(name: &str) -> Party {
    Party::Known("issuer".to_owned(), name.to_owned())
}

fn block_on(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(work);
}

/// Of the connections that may be held for long one party has half; under PostgreSQL its writes count too.
fn one_party_leaves_connections_to_others(fresh: &Fresh) {
    let is_sqlite = fresh.url.starts_with("sqlite");
    block_on(async {
        let mut held = Held::new();
        for number in 0..100 {
            held.add(&fresh.store, known("many"), number % 2 == 0 && !is_sqlite);
        }
        held.begun(1).await;
        let other = fresh
            .store
            .read_for(known("other"), |session| session.current(CareTeam, "a"));
        assert_eq!(in_time(other).await, Ok(None));
        let write = fresh
            .store
            .write(known("other"), |session| put_next(session, CareTeam, "a", None));
        assert_eq!(in_time(write).await, Ok(1));
        held.finish().await;
    });
}

/// However many callers ask for what is costly, a short read and a record of the log find a connection.
fn what_takes_long_leaves_connections_to_short_reads(fresh: &Fresh, (reads, all): (usize, usize)) {
    let store = &fresh.store;
    let parties = ["one", "two", "three", "four"];
    let short = async || {
        let read = store.look_up(|session| session.current(CareTeam, "a"));
        assert_eq!(in_time(read).await.map(|found| found.is_some()), Ok(true));
        assert_eq!(in_time(store.ping()).await, Ok(()));
        assert_eq!(in_time(store.log(known("five"), record("r-1"))).await, Ok(()));
    };
    block_on(async {
        let mut held = Held::new();
        for party in parties.iter().cycle().take(40) {
            held.add(store, known(party), false);
        }
        held.begun(reads).await;
        // Costly reads leave a connection to writes, too.
        let write = store.write(known("five"), |session| put_next(session, CareTeam, "a", None));
        assert_eq!(in_time(write).await, Ok(1));
        short().await;
        if reads < all {
            for party in parties.iter().cycle().take(40) {
                held.add(store, known(party), true);
            }
            held.begun(all - reads).await;
            short().await;
        }
        assert_eq!(held.finish().await, 0, "more have begun than may");
    });
}

/// A pool of eight: two of its connections are for short reads, and one is for PostgreSQL's writes.
fn eight() -> StoreOptions {
    StoreOptions {
        pool_size: 8,
        ..StoreOptions::default()
    }
}

#[test]
fn what_takes_long_leaves_connections_to_short_reads_on_sqlite() {
    what_takes_long_leaves_connections_to_short_reads(&Fresh::sqlite(&eight()), (6, 6));
}

#[test]
fn what_takes_long_leaves_connections_to_short_reads_on_postgresql() {
    if let Some(url) = postgres::fresh_database() {
        what_takes_long_leaves_connections_to_short_reads(&Fresh::open(url, &eight(), None), (5, 6));
    }
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
