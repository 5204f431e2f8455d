//! The access log: what a row tells, its chain, and the cut.

use std::thread;
use std::time::Duration;

use fastkontakt::fhir::types::ResourceType::{CareTeam, Organization};
use fastkontakt::store::{Break, NewVersion, Party, Record, Session, StoreError, StoreOptions, Verified};
use jiff::{Timestamp, ToSpan};

use super::support::{Fresh, record, version};
use super::{count, create, postgres, sql};

contract!(
    the_audit_names_the_patients_and_only_grows,
    the_log_is_a_chain,
    the_log_tells_who_keeps_what_was_told,
    a_row_that_is_taken_out_of_the_log_is_missed,
    a_row_that_is_gone_is_missed_with_or_without_its_link,
    a_row_that_is_added_beside_the_service,
    the_log_is_cut_only_before_an_anchor,
    nothing_is_put_in_the_place_of_what_stands,
    what_was_cut_must_have_been_old,
    five_years_are_those_of_the_calendar,
    records_that_come_at_once_are_all_kept,
);

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

/// Under SQLite a row of the service's comes with its link, so that another's stands outside the chain. (PostgreSQL's rows wait
/// for their links.)
fn a_row_that_is_added_beside_the_service(fresh: &Fresh) {
    log_one(fresh, "r-1");
    let added = "INSERT INTO audit (seq, at, caller, purpose, interaction, outcome, request_id, resources) \
                 VALUES (1000, 1, 'someone', '', 'read', 'success', 'r-x', '')";
    sql(fresh, added).expect("rows are added");
    log_one(fresh, "r-2");
    match verified(fresh) {
        Ok(verified) => assert!(fresh.url.starts_with("postgres") && verified.links == 3),
        Err(broken) => assert_eq!(
            (broken, fresh.url.starts_with("sqlite")),
            (Break::Unlinked { rows: 1 }, true)
        ),
    }
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
