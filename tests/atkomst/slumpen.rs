//! Random callers, records, consents and blocks: no answer of the door holds anything that the pure decision denies, and a
//! search finds exactly what it permits. The records are written through the door, by those whose they are.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use fastkontakt::access::beslut::{Lasare, Post, ar_skyddad, far_lasa, far_se_adress, halls_av};
use fastkontakt::access::medgivande::{medgivanden, racker};
use fastkontakt::access::scope::Right;
use fastkontakt::access::{Call, Caller, klipp};
use fastkontakt::door::Door;
use fastkontakt::door::problem::Problem;
use fastkontakt::fhir::search::compartments::references;
use fastkontakt::fhir::search::has_patient;
use fastkontakt::fhir::types::ResourceType::{self, *};
use fastkontakt::store::{EverythingQuery, HistoryQuery, Scope as Whose, StoreError, Stored};
use serde_json::{Value, json};

use super::support::*;
use super::varlden::{KINDS, Random, callers, world};
use crate::common::{TestApp, spawn};

/// The pure decision about a version, or about the current one.
fn may(door: &Door, call: &Call, right: Right, stored: &Stored, as_version: bool) -> bool {
    let nu = door.clock.now().as_microsecond();
    let lasare = Lasare::of(call).expect("one who is known");
    let (kind, id, number) = (stored.kind, stored.id.clone(), stored.version);
    let (kept, version, ratter) = door
        .store
        .read_blocking(move |session| {
            let kept = session.kept_beside(kind, &id)?.expect("it is stored");
            let version = session.kept_version(kind, &id, number)?;
            let ratter = match &kept.patient {
                Some(patient) => session.ratter(patient, nu)?,
                None => Vec::new(),
            };
            Ok::<_, StoreError>((kept, version, ratter))
        })
        .expect("an answer");
    let post = Post {
        kind,
        kept: &kept,
        version: version.filter(|_| as_version),
    };
    let Caller::Known(identity) = &call.caller else {
        panic!("one who is known")
    };
    let resource = serde_json::from_str(&stored.body).unwrap_or_default();
    let patient = kept.patient.as_deref();
    let reached = medgivanden(identity, right, kind).iter().any(|granted| {
        (granted.filter.is_empty() || !stored.deleted) && racker(granted, (kind, kept.allman), patient, &resource)
    });
    reached && far_lasa(&lasare, post, &ratter, nu).is_ok()
}

/// Whether the caller may not be told where the person is.
fn is_hidden_person(door: &Door, call: &Call, stored: &Stored) -> bool {
    let nu = door.clock.now().as_microsecond();
    let lasare = Lasare::of(call).expect("one who is known");
    let (kind, id) = (stored.kind, stored.id.clone());
    let (kept, ratter) = door
        .store
        .read_blocking(move |session| {
            let kept = session.kept_beside(kind, &id)?.expect("it is stored");
            let ratter = match &kept.patient {
                Some(patient) => session.ratter(patient, nu)?,
                None => Vec::new(),
            };
            Ok::<_, StoreError>((kept, ratter))
        })
        .expect("an answer");
    // What is contained is a person too.
    ar_skyddad(Patient, &kept, &ratter, nu) && !far_se_adress(&lasare, &kept, &ratter, nu)
}

type Name = (ResourceType, String, i64);

fn name(stored: &Stored) -> Name {
    (stored.kind, stored.id.clone(), stored.version)
}

/// Everything that is stored, each version once, the current ones marked.
fn everything(door: &Door) -> Vec<(Stored, bool)> {
    let query = HistoryQuery {
        scope: Whose::System,
        since: None,
        at: None,
        oldest_first: false,
        after: None,
        limit: 10_000,
    };
    let versions = door
        .store
        .read_blocking(move |session| session.history(&query))
        .expect("all");
    let mut seen = BTreeSet::new();
    versions
        .into_iter()
        .map(|past| {
            let is_current = seen.insert((past.stored.kind, past.stored.id.clone()));
            (past.stored, is_current)
        })
        .collect()
}

/// A page, all of it; `None` when the search as such is not permitted.
fn searched(
    door: &Door,
    call: &Call,
    kind: ResourceType,
    text: &str,
) -> Option<(Vec<Stored>, Vec<Stored>, Option<i64>)> {
    match block_on(door.search(call, query(kind, text, &[]), Vec::new())) {
        Ok(page) => Some((page.entries, page.included.entries, page.total)),
        Err(Problem::Forbidden) => None,
        Err(problem) => panic!("{kind}?{text}: {problem:?}"),
    }
}

struct Looking<'a> {
    /// What was decided before.
    decided: RefCell<HashMap<(Right, Name, bool), bool>>,
    door: &'a Door,
    call: &'a Call,
    who: &'a str,
    all: &'a [(Stored, bool)],
}

impl Looking<'_> {
    fn may(&self, right: Right, stored: &Stored, as_version: bool) -> bool {
        let asked = (right, name(stored), as_version);
        let known = self.decided.borrow().get(&asked).copied();
        known.unwrap_or_else(|| {
            let answer = may(self.door, self.call, right, stored, as_version);
            self.decided.borrow_mut().insert(asked, answer);
            answer
        })
    }

    fn living(&self) -> impl Iterator<Item = &Stored> {
        self.all
            .iter()
            .filter(|(stored, current)| *current && !stored.deleted)
            .map(|(stored, _)| stored)
    }

    /// The stored form of what was shown.
    fn whole(&self, shown: &Stored) -> &Stored {
        let found = self.all.iter().find(|(stored, _)| name(stored) == name(shown));
        &found
            .unwrap_or_else(|| panic!("{} was shown {:?}", self.who, name(shown)))
            .0
    }

    /// That what is shown may be, and lacks what it must.
    fn check(&self, right: Right, shown: &Stored, as_version: bool, how: &str) {
        let whole = self.whole(shown);
        assert!(
            self.may(right, whole, as_version),
            "{} was shown {:?} by {how}: {}",
            self.who,
            name(shown),
            whole.body
        );
        if matches!(Lasare::of(self.call), Some(Lasare::Patient { .. })) {
            assert!(!shown.body.contains("Hemligt"), "{} {how}: {}", self.who, shown.body);
            assert!(!shown.body.contains(klipp::INTERN_ANTECKNING));
        }
        if is_hidden_person(self.door, self.call, whole) {
            assert!(!shown.body.contains("Hemlig ort"), "{} {how}: {}", self.who, shown.body);
            assert!(!shown.body.contains("0700000000"));
        }
    }

    /// That a search finds exactly this.
    fn finds(&self, kind: ResourceType, text: &str, expected: &BTreeSet<Name>) {
        let how = format!("{kind}?{text}");
        let Some((entries, included, total)) = searched(self.door, self.call, kind, text) else {
            return;
        };
        for shown in entries.iter().chain(&included) {
            self.check(Right::Search, shown, false, &how);
        }
        let found: BTreeSet<Name> = entries.iter().map(name).collect();
        assert_eq!(&found, expected, "{} {how}", self.who);
        if let Some(total) = total {
            assert_eq!(total, expected.len() as i64, "{} {how}", self.who);
        }
    }

    fn visible(&self, kind: ResourceType, that: impl Fn(&Value) -> bool) -> Vec<(Name, Value)> {
        self.living()
            .filter(|stored| stored.kind == kind && self.may(Right::Search, stored, false))
            .map(|stored| (name(stored), serde_json::from_str(&stored.body).expect("JSON")))
            .filter(|(_, resource)| that(resource))
            .collect()
    }

    fn names(&self, kind: ResourceType, that: impl Fn(&Value) -> bool) -> BTreeSet<Name> {
        self.visible(kind, that).into_iter().map(|(name, _)| name).collect()
    }

    fn searches(&self) {
        for kind in KINDS.into_iter().chain([Patient, Organization, Provenance]) {
            let all = self.names(kind, |_| true);
            self.finds(kind, "_total=accurate", &all);
            self.finds(kind, "_sort=_id", &all);
        }
        let women: BTreeSet<String> = self
            .visible(Patient, |it| it["gender"] == "female")
            .into_iter()
            .map(|it| format!("Patient/{}", it.0.1))
            .collect();
        let of_women = self.names(CareTeam, |it| {
            it["subject"]["reference"].as_str().is_some_and(|it| women.contains(it))
        });
        self.finds(CareTeam, "subject:Patient.gender=female&_total=accurate", &of_women);
        self.finds(
            CareTeam,
            "subject:Patient.gender=female&_sort=-_lastUpdated&status:not=x",
            &of_women,
        );
        let with_team: BTreeSet<String> = self
            .visible(CareTeam, |it| it["status"] == "active")
            .into_iter()
            .filter_map(|(_, it)| it["subject"]["reference"].as_str().map(str::to_owned))
            .collect();
        let patients = self.names(Patient, |it| {
            with_team.contains(&format!("Patient/{}", it["id"].as_str().expect("an id")))
        });
        self.finds(
            Patient,
            "_has:CareTeam:subject:status=active&_total=accurate",
            &patients,
        );
        let teams: BTreeSet<String> = self
            .visible(CareTeam, |_| true)
            .into_iter()
            .map(|it| format!("CareTeam/{}", it.0.1))
            .collect();
        let plans = self.names(CarePlan, |it| {
            it["careTeam"][0]["reference"]
                .as_str()
                .is_some_and(|it| teams.contains(it))
        });
        self.finds(CarePlan, "care-team:CareTeam._lastUpdated=gt2000", &plans);
        // Where one lives is not asked of who is protected.
        let placed: BTreeSet<Name> = self
            .living()
            .filter(|it| it.kind == Patient && self.may(Right::Search, it, false))
            .filter(|it| !is_hidden_person(self.door, self.call, it))
            .map(name)
            .collect();
        self.finds(Patient, "address-city=Hemlig ort&_total=accurate", &placed);
        // What comes with a page is looked at one by one.
        for (kind, text) in [
            (
                CarePlan,
                "_include=CarePlan:subject&_include=CarePlan:care-team&_include:iterate=CareTeam:subject",
            ),
            (
                Patient,
                "_revinclude=CareTeam:subject&_revinclude=CarePlan:subject&_revinclude=Encounter:subject&_revinclude=Consent:subject",
            ),
            (CareTeam, "_include=CareTeam:*&_revinclude=CarePlan:care-team"),
        ] {
            let all = self.names(kind, |_| true);
            self.finds(kind, text, &all);
        }
    }

    fn reads(&self) {
        for (stored, is_current) in self.all {
            let (kind, id) = (stored.kind, stored.id.clone());
            let version = block_on(self.door.vread(self.call, kind, id.clone(), stored.version));
            self.one(stored, version, true, "vread");
            if *is_current {
                self.one(stored, block_on(self.door.read(self.call, kind, id)), false, "read");
            }
        }
    }

    fn one(&self, stored: &Stored, answer: Result<Stored, Problem>, as_version: bool, how: &str) {
        let allowed = self.may(Right::Read, stored, as_version);
        match answer {
            Ok(shown) => self.check(Right::Read, &shown, as_version, how),
            Err(Problem::Deleted { .. }) => assert!(allowed && stored.deleted, "{} {how} {:?}", self.who, name(stored)),
            Err(Problem::NotFound | Problem::Forbidden) => {
                assert!(!allowed, "{} may {how} {:?}: {}", self.who, name(stored), stored.body);
            }
            Err(problem) => panic!("{problem:?}"),
        }
    }

    fn histories(&self) {
        let scopes = KINDS
            .into_iter()
            .chain([Patient])
            .map(Whose::Type)
            .chain([Whose::System]);
        let instances = self
            .all
            .iter()
            .map(|(stored, _)| Whose::Instance(stored.kind, stored.id.clone()));
        for scope in scopes.chain(instances) {
            let right = match scope {
                Whose::Instance(..) => Right::Read,
                _ => Right::Search,
            };
            let how = format!("history of {scope:?}");
            let expected: BTreeSet<Name> = self
                .all
                .iter()
                .map(|(stored, _)| stored)
                .filter(|stored| match &scope {
                    Whose::Instance(kind, id) => stored.kind == *kind && stored.id == *id,
                    Whose::Type(kind) => stored.kind == *kind,
                    Whose::System => true,
                })
                .filter(|stored| self.may(right, stored, true) && self.current_reached(right, stored))
                .map(name)
                .collect();
            let query = HistoryQuery {
                oldest_first: false,
                scope,
                since: None,
                at: None,
                after: None,
                limit: 7,
            };
            let mut found = BTreeSet::new();
            let mut next = query;
            loop {
                let page = match block_on(self.door.history(self.call, next.clone())) {
                    Ok(page) => page,
                    Err(Problem::Forbidden) => return,
                    Err(Problem::NotFound) => break,
                    Err(problem) => panic!("{problem:?}"),
                };
                for past in &page {
                    self.check(right, &past.stored, true, &how);
                    found.insert(name(&past.stored));
                }
                match page.last() {
                    Some(past) if page.len() == 7 => next.after = Some(past.end),
                    _ => break,
                }
            }
            assert_eq!(found, expected, "{} {how}", self.who);
        }
    }

    /// What a granular scope asks is asked of the current version too.
    fn current_reached(&self, right: Right, stored: &Stored) -> bool {
        let current = self
            .all
            .iter()
            .find(|(it, current)| *current && it.kind == stored.kind && it.id == stored.id);
        current.is_some_and(|(current, _)| self.may(right, current, false))
    }

    fn all_of_a_patient(&self) {
        for id in ["p1", "p2", "p3"] {
            let query = EverythingQuery {
                patient: id.to_owned(),
                references: references(Patient),
                own_urls: Vec::new(),
                kinds: None,
                since: None,
                care: None,
                after: None,
                limit: 1000,
            };
            let Ok(page) = block_on(self.door.everything(self.call, query, Vec::new())) else {
                continue;
            };
            for shown in page.entries.iter().chain(&page.included.entries) {
                self.check(Right::Read, shown, false, "$everything");
            }
            let filed = |stored: &&Stored| {
                let (kind, own) = (stored.kind, stored.id.clone());
                let kept = self
                    .door
                    .store
                    .read_blocking(move |session| session.kept_beside(kind, &own))
                    .expect("an answer");
                kept.is_some_and(|kept| kept.patient.as_deref() == Some(id))
            };
            let expected: BTreeSet<Name> = self
                .living()
                .filter(filed)
                .filter(|it| self.may(Right::Read, it, false))
                .map(name)
                .collect();
            let found: BTreeSet<Name> = page.entries.iter().map(name).collect();
            assert!(found.is_superset(&expected), "{} {id}", self.who);
        }
    }
}

fn one_world(app: &TestApp, seed: u64) -> (usize, usize) {
    let mut random = Random(seed);
    let written = world(&app.door, &mut random);
    let all = everything(&app.door);
    let mut shown = 0;
    for (who, call) in callers() {
        let looking = Looking {
            decided: RefCell::default(),
            door: &app.door,
            call: &call,
            who: &format!("seed {seed}: {who}"),
            all: &all,
        };
        looking.searches();
        looking.reads();
        looking.histories();
        looking.all_of_a_patient();
        shown += looking
            .living()
            .filter(|it| has_patient(it.kind) && looking.may(Right::Read, it, false))
            .count();
    }
    (written, shown)
}

#[test]
fn no_answer_holds_what_the_decision_denies() {
    let (mut written, mut shown) = (0, 0);
    // As many worlds as other property tests have cases, when that is said.
    let worlds = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    for seed in (0x5eed_0001..).take(worlds.unwrap_or(2)) {
        let app = spawn();
        let (more, seen) = one_world(&app, seed);
        written += more;
        shown += seen;
    }
    // The worlds are not empty, and neither is what is seen of them.
    assert!(written > 50 && shown > 150, "{written} written, {shown} shown");
}

#[test]
fn who_keeps_a_record_is_told_when_it_is_written_and_stays() {
    use fastkontakt::store::Hallare;
    let app = spawn();
    let mut random = Random(7);
    world(&app.door, &mut random);
    let team = |unit: &str| {
        json!({"resourceType": "CareTeam", "id": "nytt", "status": "active", "subject": {"reference": "Patient/p1"},
        "category": [{"coding": [{"system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": "team"}]}],
        "managingOrganization": [{"reference": format!("Organization/{unit}")}]})
    };
    let keeper = |kind: ResourceType, id: &'static str| {
        let kept = app
            .door
            .store
            .read_blocking(move |session| session.kept_beside(kind, id))
            .expect("an answer");
        kept.expect("it is stored").hallare
    };
    write(&app.door, &staff(A1), &team("A1")).expect("the own unit's");
    assert_eq!(
        keeper(CareTeam, "nytt"),
        Hallare::Enhet(vec![A1.to_owned(), A.to_owned()])
    );
    // Another unit neither takes it nor is told that it is there, unless it may read it.
    assert!(matches!(
        write(&app.door, &staff(A2), &team("A2")),
        Err(Problem::Forbidden)
    ));
    assert!(matches!(
        write(&app.door, &staff(B1), &team("B1")),
        Err(Problem::NotFound)
    ));
    // The unit moves in the catalogue; the record does not.
    let moved = json!({"resourceType": "Organization", "id": "A1", "identifier": [{"system": HSA, "value": A1}], "partOf": {"reference": "Organization/B"}});
    write(&app.door, &open(), &moved).expect("the catalogue");
    write(&app.door, &staff(A1), &team("A1")).expect("the own unit's");
    assert_eq!(
        keeper(CareTeam, "nytt"),
        Hallare::Enhet(vec![A1.to_owned(), A.to_owned()])
    );
    let kept = app
        .door
        .store
        .read_blocking(|session| session.kept_beside(CareTeam, "nytt"))
        .expect("an answer");
    assert!(!halls_av(&kept.expect("it is stored"), &[B.to_owned()]));
}
