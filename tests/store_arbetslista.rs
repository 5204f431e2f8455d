//! What the store keeps for the work lists: the queue that every version joins, what is kept of each patient, the pages of
//! a unit's list. On SQLite and on PostgreSQL.

#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/store.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use fastkontakt::fhir::search::IndexEntry;
use fastkontakt::fhir::types::ResourceType::{CareTeam, Organization, Patient, Practitioner};
use fastkontakt::store::{
    Koad, Kvar, Lakarrad, ListQuery, NewVersion, Rad, Session, StoreError, StoreOptions, kalla, kalla_for_identifierare,
};
use support::{Fresh, put_next, version};

fn on_both(test: fn(&Fresh)) {
    test(&Fresh::sqlite(&StoreOptions::default()));
    if let Some(url) = postgres::fresh_database() {
        test(&Fresh::open(url, &StoreOptions::default(), None));
    }
}

fn write<T: Send + 'static>(
    fresh: &Fresh,
    work: impl FnOnce(&mut Session) -> Result<T, StoreError> + Send + 'static,
) -> T {
    fresh.store.write_blocking(work).expect("a write")
}

fn read<T>(fresh: &Fresh, work: impl FnOnce(&mut Session) -> Result<T, StoreError>) -> T {
    fresh.store.read_blocking(work).expect("a read")
}

fn key_of(session: &mut Session, patient: &str) -> i64 {
    session.patient_key(patient).expect("a read").expect("a key")
}

#[test]
fn every_version_joins_the_queue_and_so_does_the_patient_it_left() {
    on_both(|fresh| {
        write(fresh, |session| {
            put_next(session, Patient, "p", Some("p"))?;
            put_next(session, CareTeam, "a", Some("p"))?;
            put_next(session, Practitioner, "s", None)
        });
        let refused = fresh.store.write_blocking(|session| {
            put_next(session, CareTeam, "a", Some("p"))?;
            Err::<(), StoreError>(StoreError::Other("refused".to_owned()))
        });
        assert!(refused.is_err());
        let p = read(fresh, |session| Ok(key_of(session, "p")));
        let queued = |limit| read(fresh, |session| session.untouched(limit));
        let patients: Vec<i64> = queued(10).iter().map(|row| row.patient).collect();
        assert_eq!(patients, [p, p, 0]);
        assert_eq!(queued(2).len(), 2);
        assert!(read(fresh, |session| session.queued_since()).is_some());

        write(fresh, |session| put_next(session, CareTeam, "a", Some("q")));
        let q = read(fresh, |session| Ok(key_of(session, "q")));
        let rows = queued(10);
        let moved: BTreeSet<i64> = rows[3..].iter().map(|row| row.patient).collect();
        assert_eq!(moved, BTreeSet::from([p, q]));
        assert_eq!(rows[3].resource, rows[1].resource);

        let (half, done) = (Koad { efter: p, ..rows[2] }, rows[0]);
        write(fresh, move |session| {
            session.set_half_done(&half)?;
            session.take_from_queue(&[(done.seq, done.patient)])
        });
        assert_eq!(read(fresh, |session| session.half_done(10)), [half]);
        assert_eq!(queued(10).len(), 3);
    });
}

#[test]
fn those_who_lean_on_a_resource_are_found_by_its_id_and_its_identifiers() {
    on_both(|fresh| {
        write(fresh, |session| {
            let index = [IndexEntry::Token {
                param: "identifier",
                system: Some("urn:oid:1.2.752.129.2.1.4.1".to_owned()),
                value: "SE2321000016-0001".to_owned(),
            }];
            session.put(&NewVersion {
                index: &index,
                ..version(Organization, "vc", 1, "{}")
            })?;
            for (patient, kallor) in [
                (1, vec![kalla(Organization, "vc")]),
                (2, vec![kalla_for_identifierare(Organization, "SE2321000016-0001")]),
                (3, vec![kalla(Organization, "annan"), kalla(Practitioner, "vc")]),
                (
                    4,
                    vec![
                        kalla(Organization, "vc"),
                        kalla_for_identifierare(Organization, "SE2321000016-0001"),
                    ],
                ),
            ] {
                let new = Kvar {
                    kallor: kallor.into_iter().collect(),
                    ..Kvar::default()
                };
                session.keep(patient, &Kvar::default(), &new)?;
            }
            Ok(())
        });
        let leaning = |efter, limit| {
            read(fresh, |session| {
                let resource = session.living_key(Organization, "vc")?.expect("a key");
                let kallor = session.kallor_of(resource)?;
                session.leaning_on(&kallor, efter, limit)
            })
        };
        assert_eq!(leaning(0, 10), [1, 2, 4]);
        assert_eq!(leaning(0, 2), [1, 2]);
        assert_eq!(leaning(2, 10), [4]);
    });
}

#[test]
fn what_is_kept_comes_back_and_only_the_difference_is_written() {
    on_both(|fresh| {
        let rad = |regel: &str, allvarlighet| Rad {
            enhet: 7,
            regel: regel.to_owned(),
            allvarlighet,
            policy: 1,
        };
        let first = Kvar {
            fynd: BTreeMap::from([(1, "[1]".to_owned()), (2, "[2]".to_owned())]),
            rader: BTreeSet::from([rad("", 1), rad("FK-01", 1), rad("FK-04", 2)]),
            lakare: BTreeSet::from([Lakarrad {
                enhet: 7,
                lakare: 8,
                typ: 1,
            }]),
            kallor: BTreeSet::from([i64::MIN, 0, i64::MAX]),
            omprovas: Some(20_000),
        };
        let second = Kvar {
            fynd: BTreeMap::from([(2, "[2, 3]".to_owned())]),
            rader: BTreeSet::from([rad("", 2), rad("FK-04", 2)]),
            lakare: BTreeSet::from([Lakarrad {
                enhet: 7,
                lakare: 8,
                typ: 2,
            }]),
            kallor: BTreeSet::from([0]),
            omprovas: None,
        };
        let mut before = Kvar::default();
        for new in [first.clone(), second, first, Kvar::default()] {
            let (old, wanted) = (before.clone(), new.clone());
            write(fresh, move |session| session.keep(5, &old, &wanted));
            assert_eq!(read(fresh, |session| session.kept(5)), new);
            before = new;
        }
    });
}

#[test]
fn the_longest_overdue_come_first() {
    on_both(|fresh| {
        write(fresh, |session| {
            for (patient, dag) in [(1, 12), (2, 10), (3, 11), (4, 13)] {
                let new = Kvar {
                    omprovas: Some(dag),
                    ..Kvar::default()
                };
                session.keep(patient, &Kvar::default(), &new)?;
            }
            Ok(())
        });
        assert_eq!(read(fresh, |session| session.due(12, 10)), [(10, 2), (11, 3), (12, 1)]);
        assert_eq!(read(fresh, |session| session.due(12, 1)), [(10, 2)]);
        assert_eq!(read(fresh, |session| session.due(9, 10)), []);
    });
}

#[test]
fn a_value_that_another_changed_is_not_swapped() {
    on_both(|fresh| {
        let swap = |read: Option<&'static str>, value: &'static str| {
            write(fresh, move |session| session.swap_meta("n", read, value))
        };
        assert!(swap(None, "1"));
        assert!(!swap(None, "1"));
        assert!(swap(Some("1"), "2"));
        assert!(!swap(Some("1"), "3"));
        assert_eq!(read(fresh, |session| session.meta("n")).as_deref(), Some("2"));
    });
}

/// The rules and severities of patient `number`, and the heaviest.
fn places(number: i64) -> Vec<(&'static str, i16)> {
    let mut places = Vec::new();
    for (rule, every) in [("FK-01", 7), ("FK-04", 2), ("FLK-01", 5), ("ID-01", 1)] {
        if number % every == 0 {
            places.push((rule, 1 + i16::try_from((number / every) % 3).unwrap_or(0)));
        }
    }
    if number % 10 == 0 {
        places.push(("FK-04", 3));
    }
    places
}

const PATIENTS: i64 = 800;

/// Patients in the lists of the units 7 and 8.
fn listed(fresh: &Fresh) {
    write(fresh, |session| {
        for number in 1..=PATIENTS {
            let id = format!("p{number}");
            put_next(session, Patient, &id, Some(&id))?;
            let patient = key_of(session, &id);
            let places = places(number);
            let heaviest = places.iter().map(|(_, severity)| *severity).min().expect("a finding");
            let rad = |enhet| {
                places
                    .iter()
                    .copied()
                    .chain([(ListQuery::VARST, heaviest)])
                    .map(move |(regel, allvarlighet)| Rad {
                        enhet,
                        regel: regel.to_owned(),
                        allvarlighet,
                        policy: 1,
                    })
            };
            let new = Kvar {
                fynd: BTreeMap::from([(1, format!("[{number}]"))]),
                rader: rad(7).chain(rad(8).filter(|_| number % 3 == 0)).collect(),
                ..Kvar::default()
            };
            session.keep(patient, &Kvar::default(), &new)?;
        }
        Ok(())
    });
}

fn query(enhet: i64, regler: &[&str], allvarligheter: &[i16], count: usize) -> ListQuery {
    ListQuery {
        enhet,
        regler: regler.iter().map(|regel| (*regel).to_owned()).collect(),
        allvarligheter: allvarligheter.to_vec(),
        efter: None,
        count,
    }
}

const ASKED: &[(&[&str], &[i16])] = &[
    (&[""], &[1, 2, 3]),
    (&[""], &[1]),
    (&["FK-04"], &[1, 2, 3]),
    (&["FK-01", "FLK-01"], &[1, 2, 3]),
    (&["FK-01", "FK-04", "FLK-01", "ID-01"], &[2, 3]),
    (&["FK-01", "FK-04", "FLK-01", "ID-01"], &[3]),
    (&["XX-01"], &[1, 2, 3]),
];

#[test]
fn pages_hold_every_patient_once_heaviest_first() {
    on_both(|fresh| {
        listed(fresh);
        for enhet in [7, 8, 9] {
            for (regler, severities) in ASKED {
                let own = |number: i64| {
                    let asked = |(rule, severity): &(&str, i16)| {
                        (regler == &[""] || regler.contains(rule)) && severities.contains(severity)
                    };
                    let listed = enhet == 7 || (enhet == 8 && number % 3 == 0);
                    let heaviest = places(number)
                        .into_iter()
                        .filter(asked)
                        .map(|(_, severity)| severity)
                        .min();
                    // Without a rule, a patient counts by the heaviest of all.
                    let all = places(number).into_iter().map(|(_, severity)| severity).min();
                    let heaviest = if regler == &[""] {
                        all.filter(|it| severities.contains(it))
                    } else {
                        heaviest
                    };
                    heaviest
                        .filter(|_| listed)
                        .map(|severity| (severity, format!("p{number}"), format!("[{number}]")))
                };
                let mut expected: Vec<(i16, i64, String, String)> = (1..=PATIENTS)
                    .filter_map(|number| own(number).map(|(severity, id, fynd)| (severity, number, id, fynd)))
                    .collect();
                expected.sort();
                let mut asked = query(enhet, regler, severities, 97);
                let mut found = Vec::new();
                loop {
                    let rows = read(fresh, |session| session.list(&asked));
                    let more = rows.len() > asked.count;
                    let page: Vec<_> = rows.into_iter().take(asked.count).collect();
                    asked.efter = page.last().map(|last| (last.allvarlighet, last.patient));
                    found.extend(page);
                    if !more {
                        break;
                    }
                }
                let found: Vec<_> = found
                    .into_iter()
                    .map(|row| (row.allvarlighet, row.id, row.fynd))
                    .collect();
                let expected: Vec<_> = expected
                    .into_iter()
                    .map(|(severity, _, id, fynd)| (severity, id, fynd))
                    .collect();
                assert_eq!(found, expected, "{enhet} {regler:?} {severities:?}");
            }
        }
    });
}

#[test]
fn a_page_is_a_walk_along_the_index() {
    let explained = |fresh: &Fresh| {
        listed(fresh);
        if let Ok(mut connection) = <diesel::PgConnection as diesel::Connection>::establish(&fresh.url) {
            diesel::connection::SimpleConnection::batch_execute(&mut connection, "ANALYZE").expect("statistics");
        }
        let plans = ASKED.iter().map(|(regler, severities)| {
            let asked = query(7, regler, severities, 50);
            read(fresh, |session| session.explain_list(&asked))
        });
        plans.collect::<Vec<_>>()
    };
    for plan in explained(&Fresh::sqlite(&StoreOptions::default())) {
        let walks = "SEARCH kontroll_rad USING PRIMARY KEY (enhet=? AND regel=? AND allvarlighet=? AND patient>?)";
        assert!(plan.iter().any(|step| step == walks), "{plan:#?}");
        assert!(
            !plan
                .iter()
                .any(|step| step.contains("SCAN") || step.contains("TEMP B-TREE")),
            "{plan:#?}"
        );
    }
    if let Some(url) = postgres::fresh_database() {
        for plan in explained(&Fresh::open(url, &StoreOptions::default(), None)) {
            assert!(plan.iter().any(|step| step.contains("kontroll_rad_pkey")), "{plan:#?}");
            // A few rows may be sorted; none but the index is read.
            assert!(!plan.iter().any(|step| step.contains("Seq Scan")), "{plan:#?}");
        }
    }
}
