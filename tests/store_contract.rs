//! The store's contract: one list of behaviours, run on SQLite and on PostgreSQL. What is stored and found again stands
//! here; the start, writers that come at once, and the access log in files of their own.

/// Every behaviour is a function of a fresh store; each becomes one test per backend.
macro_rules! contract {
    ($($behaviour:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $behaviour() {
                super::$behaviour(&crate::support::Fresh::sqlite(&Default::default()));
            })+
        }
        mod postgresql {
            $(#[test]
            fn $behaviour() {
                if let Some(url) = crate::postgres::fresh_database() {
                    super::$behaviour(&crate::support::Fresh::open(url, &Default::default(), None));
                }
            })+
        }
    };
}

#[path = "store_contract/at_once.rs"]
mod at_once;
#[path = "store_contract/log.rs"]
mod log;
#[path = "common/postgres.rs"]
mod postgres;
#[path = "store_contract/start.rs"]
mod start;
#[path = "common/store.rs"]
mod support;

use std::thread;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::{PgConnection, SqliteConnection};
use fastkontakt::fhir::search::{IndexEntry, RefTarget};
use fastkontakt::fhir::types::ResourceType::{self, CarePlan, CareTeam, Organization, Patient};
use fastkontakt::store::{HistoryQuery, Keeping, NewVersion, Party, Scope, Session, Store, StoreError};
use jiff::{Timestamp, ToSpan};
use support::{Fresh, page_of_versions, put_next, version, versions};

const PERSONNUMMER: &str = "http://electronichealth.se/identifier/personnummer";

contract!(
    what_is_written_is_read_back,
    versions_follow_each_other_through_delete_and_return,
    history_comes_in_pages_newest_first,
    history_in_time_shows_what_was_made_since_or_current_then,
    a_version_that_does_not_follow_is_a_conflict,
    a_failed_write_leaves_nothing,
    a_key_of_a_failed_write_means_nothing,
    a_panicking_write_leaves_nothing_and_the_store_goes_on,
    identifiers_are_found_and_replaced,
    links_are_found_when_they_are_ours,
    a_patients_resources_are_found,
    a_resource_moves_to_another_patient_with_its_history,
    index_rows_may_be_many_doubled_and_long,
    the_outbox_has_a_row_per_version,
    what_a_version_says_stands,
    time_never_goes_backwards,
    meta_values_are_kept,
    the_async_interface_does_the_same,
);

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
