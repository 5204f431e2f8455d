//! What SQLite alone promises: group commit by one writer, what a kill leaves behind, which files are refused.

#[path = "common/store.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use fastkontakt::fhir::types::ResourceType::CareTeam;
use fastkontakt::store::{HistoryQuery, Party, Scope, Session, Store, StoreError, StoreOptions};
use support::{Folder, Fresh, put_next, record, version, versions};

/// Work that keeps the writer busy until it is let go.
fn hold(store: &Store) -> Sender<()> {
    let (let_go, wait): (Sender<()>, Receiver<()>) = channel();
    let (begun, has_begun) = channel();
    let store = store.clone();
    thread::spawn(move || {
        store.write_blocking(move |_| {
            let _ = begun.send(());
            let _ = wait.recv();
            Ok::<(), StoreError>(())
        })
    });
    has_begun.recv().expect("the writer is held");
    let_go
}

type Writing = fn(&Store) -> Result<i64, StoreError>;

/// Hands in these writes while the writer is held, so that they share a transaction; their answers in order.
fn together(store: &Store, writes: &[Writing]) -> Vec<Result<i64, StoreError>> {
    let let_go = hold(store);
    thread::scope(|scope| {
        let mut handed_in = Vec::new();
        for write in writes {
            handed_in.push(scope.spawn(move || write(store)));
            let start = Instant::now();
            while store.figures().writes_waiting < handed_in.len() && start.elapsed() < Duration::from_secs(10) {
                thread::yield_now();
            }
        }
        drop(let_go);
        handed_in
            .into_iter()
            .map(|write| write.join().expect("an answer"))
            .collect()
    })
}

fn good(store: &Store) -> Result<i64, StoreError> {
    store.write_blocking(|session| put_next(session, CareTeam, "a", Some("p")))
}

fn refused(store: &Store) -> Result<i64, StoreError> {
    store.write_blocking(|session| {
        put_next(session, CareTeam, "a", Some("p"))?;
        Err(StoreError::Other("refused".to_owned()))
    })
}

fn panicking(store: &Store) -> Result<i64, StoreError> {
    store.write_blocking(|session| {
        session.snapshot(|session| {
            put_next(session, CareTeam, "a", Some("p"))?;
            panic!("on purpose")
        })
    })
}

#[test]
fn waiting_writes_share_a_transaction_and_fail_alone() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let answers = together(
        &fresh.store,
        &[good, refused, panicking, refused, good, panicking, good],
    );
    let kept: Vec<i64> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().ok().copied())
        .collect();
    assert_eq!(kept, [1, 2, 3]);
    assert_eq!(answers[1], Err(StoreError::Other("refused".to_owned())));
    assert!(matches!(&answers[2], Err(StoreError::Other(reason)) if reason.contains("panicked")));
    let history = versions(&fresh.store, CareTeam, "a");
    assert_eq!(history.len(), 3);
    let batches = fresh.store.figures().batches;
    assert_eq!(
        batches.iter().map(|(size, count)| *size as u64 * count).sum::<u64>(),
        8,
        "{batches:?}"
    );
    assert!(batches.iter().any(|(size, _)| *size >= 2), "{batches:?}");
}

#[test]
fn a_full_queue_refuses_at_once() {
    let fresh = Fresh::sqlite(&StoreOptions {
        queue_bound: 2,
        ..StoreOptions::default()
    });
    let let_go = hold(&fresh.store);
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..2).map(|_| scope.spawn(|| good(&fresh.store))).collect();
        while fresh.store.figures().writes_waiting < 2 {
            thread::yield_now();
        }
        assert_eq!(good(&fresh.store), Err(StoreError::QueueFull));
        drop(let_go);
        waiting
            .into_iter()
            .for_each(|write| assert!(write.join().expect("an answer").is_ok()));
    });
}

/// Twenty slow writes of one party: another's is committed before the second of them is done.
#[test]
fn another_waits_for_one_slow_write_of_many() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let party = |name: &str| Party::Known("issuer".to_owned(), name.to_owned());
    let (go_on, wait): (Sender<()>, Receiver<()>) = channel();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let handed_in = |count: usize, store: &Store| {
        let store = store.clone();
        async move {
            while store.figures().writes_waiting < count {
                tokio::task::yield_now().await;
            }
        }
    };
    runtime.block_on(async {
        let let_go = hold(&fresh.store);
        let slow: Vec<_> = (0..20)
            .map(|_| {
                let (store, wait, party) = (fresh.store.clone(), wait.clone(), party("slow"));
                tokio::spawn(async move {
                    let work = move |session: &mut Session| {
                        // It takes as long as the test says, and so long at the least.
                        let _ = wait.lock().expect("one at a time").recv();
                        thread::sleep(Duration::from_millis(60));
                        put_next(session, CareTeam, "slow", None)
                    };
                    store.write(party, work).await
                })
            })
            .collect();
        handed_in(20, &fresh.store).await;
        drop(let_go);
        // The first of them is under way when the others come.
        while fresh.store.figures().writes_waiting > 19 {
            tokio::task::yield_now().await;
        }
        let (store, one, other) = (fresh.store.clone(), party("one"), party("other"));
        let quick =
            tokio::spawn(async move { store.write(one, |session| put_next(session, CareTeam, "a", None)).await });
        let (store, record) = (fresh.store.clone(), record("read"));
        let logged = tokio::spawn(async move { store.log(other, record).await });
        handed_in(21, &fresh.store).await;
        go_on.send(()).expect("the writer waits");
        let both = async { (quick.await.expect("no panic"), logged.await.expect("no panic")) };
        let both = tokio::time::timeout(Duration::from_secs(30), both).await;
        assert_eq!(both, Ok((Ok(1), Ok(()))), "they do not wait for the second");
        assert_eq!(versions(&fresh.store, CareTeam, "slow").len(), 1);
        drop(go_on);
        for write in slow {
            write.await.expect("no panic").expect("a write");
        }
    });
}

#[test]
fn closing_finishes_what_was_handed_in() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let let_go = hold(&fresh.store);
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..5).map(|_| scope.spawn(|| good(&fresh.store))).collect();
        while fresh.store.figures().writes_waiting < 5 {
            thread::yield_now();
        }
        let closing = scope.spawn(|| fresh.store.close_blocking());
        drop(let_go);
        closing.join().expect("the store closes");
        waiting
            .into_iter()
            .for_each(|write| assert!(write.join().expect("an answer").is_ok()));
    });
    assert!(matches!(good(&fresh.store), Err(StoreError::Unavailable(_))));
    assert!(
        fresh
            .store
            .read_blocking(|session| session.current(CareTeam, "a"))
            .expect("reads go on")
            .is_some()
    );
}

#[test]
fn a_caller_who_has_gone_needs_no_write() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let let_go = hold(&fresh.store);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let write = fresh
            .store
            .write(Party::Unknown, |session| put_next(session, CareTeam, "gone", None));
        let mut write = Box::pin(write);
        // Polled once, so that it is handed in, and dropped before it is carried out.
        std::future::poll_fn(|context| {
            assert!(write.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    });
    drop(let_go);
    good(&fresh.store).expect("a later write");
    assert_eq!(
        fresh.store.read_blocking(|session| session.current(CareTeam, "gone")),
        Ok(None)
    );
}

#[test]
fn a_pooled_connection_cannot_write() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let written = fresh
        .store
        .read_blocking(|session| session.put(&version(CareTeam, "a", 1, "{}")));
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
}

#[test]
fn another_writer_on_the_file_makes_the_store_unavailable_for_a_while_only() {
    let fresh = Fresh::sqlite(&StoreOptions {
        busy_timeout: Duration::from_millis(50),
        ..StoreOptions::default()
    });
    let path = fresh.url.strip_prefix("sqlite://").expect("a path");
    let mut other = SqliteConnection::establish(path).expect("SQLite opens");
    other.batch_execute("BEGIN IMMEDIATE").expect("the other writes");
    assert!(matches!(good(&fresh.store), Err(StoreError::Unavailable(_))));
    other.batch_execute("COMMIT").expect("the other is done");
    assert_eq!(good(&fresh.store), Ok(1));
}

/// Another program that opens the file and closes it must find that it is in use: else it takes away the write-ahead log, with
/// what was written since.
#[cfg(target_os = "linux")]
#[test]
fn the_file_is_locked_as_long_as_it_is_open() {
    use std::os::unix::fs::MetadataExt;
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let path = fresh.url.strip_prefix("sqlite://").expect("a path");
    let locked = || {
        let file = fs::metadata(path).expect("the file").ino();
        let (pid, file) = (std::process::id().to_string(), format!(":{file}"));
        let locks = fs::read_to_string("/proc/locks").expect("the locks of the machine");
        locks.lines().any(|lock| {
            let words: Vec<&str> = lock.split_whitespace().collect();
            words.contains(&pid.as_str()) && words.iter().any(|word| word.ends_with(&file))
        })
    };
    assert_eq!(good(&fresh.store), Ok(1));
    assert!(locked(), "while it is open");
    // A second one in the same process comes and goes, as at the start and by night.
    let second = Store::open(&fresh.url, &StoreOptions::default()).expect("the store opens");
    assert!(second.migrate().expect("it is at the present").is_empty());
    second.close_blocking();
    drop(second);
    assert!(locked(), "after another was closed");
    // Another program looks at it and goes.
    let looked = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('select count(*) from audit').fetchone(); c.close()";
    if let Ok(done) = Command::new("python3").args(["-c", looked, path]).status() {
        assert!(done.success());
    }
    assert!(fs::metadata(format!("{path}-wal")).is_ok(), "the log is there");
    assert_eq!(good(&fresh.store), Ok(2));
}

#[test]
fn the_log_does_not_grow_for_ever() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let body = "x".repeat(100_000);
    for number in 1..=800 {
        let body = body.clone();
        fresh
            .store
            .write_blocking(move |session| session.put(&version(CareTeam, "a", number, &body)))
            .expect("written");
    }
    let path = fresh.url.strip_prefix("sqlite://").expect("a path");
    let log = fs::metadata(format!("{path}-wal")).expect("the log").len();
    assert!(log < 70_000_000, "{log}");
    fresh.store.close_blocking();
    assert_eq!(fs::metadata(format!("{path}-wal")).map_or(0, |log| log.len()), 0);
}

fn why_not(url: &str) -> String {
    Store::open(url, &StoreOptions::default())
        .err()
        .expect("it is refused")
        .to_string()
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_as_it_was() {
    let folder = Folder::new();
    let url = |name: &str| format!("sqlite://{}", folder.file(name).display());

    assert!(why_not(&url("missing/x.db")).contains("does not exist"));
    assert!(!folder.file("missing").exists());
    fs::create_dir(folder.file("folder")).expect("a folder");
    assert!(why_not(&url("folder")).contains("is a folder"));

    let text = "a letter, not a database; long enough to have a header";
    fs::write(folder.file("letter.txt"), text).expect("a file");
    assert!(why_not(&url("letter.txt")).contains("not an SQLite database"));
    assert_eq!(
        fs::read_to_string(folder.file("letter.txt")).expect("still there"),
        text
    );

    let broken = [b"SQLite format 3\0".as_slice(), &[0x5a; 4096]].concat();
    fs::write(folder.file("broken.db"), &broken).expect("a file");
    assert!(
        why_not(&url("broken.db")).contains("cannot be used"),
        "{}",
        why_not(&url("broken.db"))
    );
    assert_eq!(fs::read(folder.file("broken.db")).expect("still there"), broken);

    let foreign = folder.file("foreign.db");
    let mut other = SqliteConnection::establish(foreign.to_str().expect("UTF-8")).expect("somebody's database");
    other.batch_execute("CREATE TABLE letters (x)").expect("a table");
    drop(other);
    let before = fs::read(&foreign).expect("it can be read");
    assert!(why_not(&url("foreign.db")).contains("another program's"));
    assert_eq!(fs::read(&foreign).expect("still there"), before);

    assert!(why_not("sqlite://:memory:").contains("in memory"));
    assert!(why_not("sqlite://").contains("names no file"));
    assert!(why_not("mysql://x").contains("sqlite:// or postgres://"));
}

#[test]
fn an_odd_file_name_stands_as_it_is() {
    let folder = Folder::new();
    let name = "file:a b?mode=ro#å%20.db";
    let store = Store::open(
        &format!("sqlite://{}", folder.file(name).display()),
        &StoreOptions::default(),
    );
    store.expect("the store opens").migrate().expect("the store migrates");
    assert!(folder.file(name).exists());
}

#[test]
fn a_search_for_a_patient_reads_no_whole_table() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let path = fresh.url.strip_prefix("sqlite://").expect("a path");
    let mut connection = SqliteConnection::establish(path).expect("SQLite opens");
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    for query in [
        "SELECT body FROM resource JOIN history ON seq = current WHERE resource.kind = 6 AND id = 'a'",
        "SELECT body FROM resource r JOIN history h ON h.patient = r.patient AND h.resource = r.key \
         WHERE r.kind = 6 AND r.id = 'a' AND h.version < 9 ORDER BY h.version DESC",
        "SELECT body FROM patient_key p JOIN resource r ON r.patient = p.key JOIN history ON seq = current \
         WHERE p.id = 'p' AND r.kind = 6 AND NOT r.deleted ORDER BY r.key",
        "SELECT resource FROM index_token WHERE kind = 1 AND param = 'identifier' AND value = 'x' AND system = 3",
        "DELETE FROM index_token WHERE patient = 1 AND resource = 2",
    ] {
        let plan: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}"))
            .load(&mut connection)
            .expect("a plan");
        for step in plan {
            assert!(
                !step.detail.starts_with("SCAN") && !step.detail.contains("TEMP B-TREE"),
                "{query}: {}",
                step.detail
            );
        }
    }
}

const CRASH: &str = "FASTKONTAKT_STORE_CRASH";

/// The other half of the crash test: run again by it as a process of its own, it writes until it is killed and tells
/// each version that was acknowledged.
#[test]
fn crash_child() {
    let Ok(url) = std::env::var(CRASH) else { return };
    let store = Store::open(&url, &StoreOptions::default()).expect("the store opens");
    thread::scope(|scope| {
        for number in 0..8 {
            let store = &store;
            scope.spawn(move || {
                let id = format!("team-{number}");
                loop {
                    let own = id.clone();
                    let written = store.write_blocking(move |session| put_next(session, CareTeam, &own, Some("p")));
                    let version = written.expect("it is written");
                    let _ = writeln!(std::io::stdout().lock(), "\nACK {id} {version}");
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let mut acknowledged: BTreeMap<String, i64> = BTreeMap::new();
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().expect("the test program"))
            .args(["--exact", "crash_child", "--nocapture"])
            .env(CRASH, &fresh.url)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut seen = 0;
        for line in lines {
            let line = line.expect("a line");
            let Some((id, version)) = line.strip_prefix("ACK ").and_then(|told| told.split_once(' ')) else {
                continue;
            };
            // The last line may be cut short by the kill; a shorter number is a version that was told before.
            let Ok(version) = version.parse::<i64>() else { continue };
            let known = acknowledged.entry(id.to_owned()).or_default();
            *known = version.max(*known);
            seen += 1;
            if seen == 150 * round {
                child.kill().expect("the child is killed");
            }
        }
        child.wait().expect("the child is gone");
        check(&fresh, &acknowledged);
    }
    assert_eq!(acknowledged.len(), 8);
}

fn check(fresh: &Fresh, acknowledged: &BTreeMap<String, i64>) {
    let again = Store::open(&fresh.url, &StoreOptions::default()).expect("the store opens again");
    for (id, version) in acknowledged {
        let history = versions(&again, CareTeam, id);
        let versions: Vec<i64> = history.iter().rev().map(|stored| stored.version).collect();
        assert_eq!(
            versions,
            (1..=versions.len() as i64).collect::<Vec<_>>(),
            "{id} has gaps"
        );
        assert!(
            versions.len() as i64 >= *version,
            "{id}/{version} was acknowledged and is lost"
        );
        let current = again
            .read_blocking(|session| session.current(CareTeam, id))
            .expect("read")
            .expect("it is there");
        assert_eq!(Some(&current), history.first());
        assert_eq!(current.body, format!("{{\"v\":{}}}", current.version));
    }
    let path = fresh.url.strip_prefix("sqlite://").expect("a path");
    let mut connection = SqliteConnection::establish(path).expect("SQLite opens");
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    let found: Vec<Found> = diesel::sql_query("PRAGMA integrity_check")
        .load(&mut connection)
        .expect("a check");
    assert_eq!(
        found
            .iter()
            .map(|found| found.integrity_check.as_str())
            .collect::<Vec<_>>(),
        ["ok"]
    );
}

#[test]
fn no_history_walks_a_table_or_sorts_it() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let scopes = [
        Scope::Instance(CareTeam, "k7".to_owned()),
        Scope::Type(CareTeam),
        Scope::System,
    ];
    for (scope, oldest_first) in scopes
        .into_iter()
        .flat_map(|scope| [(scope.clone(), false), (scope, true)])
    {
        let of_one = matches!(scope, Scope::Instance(..));
        let query = HistoryQuery {
            scope,
            since: Some(0),
            at: Some((1, 2)),
            oldest_first,
            after: None,
            limit: 2,
        };
        let plan = fresh
            .store
            .read_blocking(|session| session.explain_history(&query))
            .expect("a plan");
        let walks = |step: &&String| step.starts_with("SCAN") && !step.contains("USING INDEX");
        assert_eq!(plan.iter().find(walks), None, "{query:?}: {plan:#?}");
        // The versions of one resource are few; all others come in the order of an index.
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(of_one || !sorts, "{query:?}: {plan:#?}");
    }
}
