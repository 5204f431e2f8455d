//! Random Bundles against a naive model of the store: what is stored afterwards, and how each entry is answered.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{TestApp, spawn};
use crate::people::patient;

const IDS: [&str; 3] = ["a", "b", "c"];

/// What an entry asks for, of one of [`IDS`] or of nobody in particular.
#[derive(Clone, Debug)]
enum Wanted {
    Create,
    /// Only if the version is this much from the current one.
    Put(usize, Option<i64>),
    Delete(usize),
    Get(usize),
    Vread(usize, i64),
}

impl Wanted {
    fn entry(&self, store: &Store) -> Value {
        let request = |method: &str, url: String| json!({ "request": { "method": method, "url": url } });
        match self {
            Wanted::Create => {
                let mut entry = request("POST", "Patient".to_owned());
                entry["resource"] = patient("ignored", None);
                entry
            }
            Wanted::Put(id, off) => {
                let mut entry = request("PUT", format!("Patient/{}", IDS[*id]));
                entry["resource"] = patient(IDS[*id], None);
                if let Some(off) = off {
                    entry["request"]["ifMatch"] = json!(format!("W/\"{}\"", store.version(*id) + off));
                }
                entry
            }
            Wanted::Delete(id) => request("DELETE", format!("Patient/{}", IDS[*id])),
            Wanted::Get(id) => request("GET", format!("Patient/{}", IDS[*id])),
            Wanted::Vread(id, version) => request("GET", format!("Patient/{}/_history/{version}", IDS[*id])),
        }
    }

    fn writes(&self) -> Option<usize> {
        match self {
            Wanted::Put(id, _) | Wanted::Delete(id) => Some(*id),
            _ => None,
        }
    }

    fn turn(&self) -> u8 {
        match self {
            Wanted::Delete(_) => 0,
            Wanted::Create => 1,
            Wanted::Put(..) => 2,
            Wanted::Get(_) | Wanted::Vread(..) => 3,
        }
    }
}

/// For each id its versions, `true` for those that say it is deleted; and the number of resources without such an id.
#[derive(Clone, Debug, Default, PartialEq)]
struct Store {
    versions: BTreeMap<usize, Vec<bool>>,
    created: usize,
}

impl Store {
    fn version(&self, id: usize) -> i64 {
        self.versions.get(&id).map_or(0, Vec::len) as i64
    }

    fn lives(&self, id: usize) -> Option<bool> {
        self.versions.get(&id).map(|versions| !versions[versions.len() - 1])
    }

    /// Carries one entry out; the status. `asked` is the store when the preconditions were written.
    fn carry_out(&mut self, wanted: &Wanted, asked: &Store) -> u16 {
        match wanted {
            Wanted::Create => {
                self.created += 1;
                201
            }
            Wanted::Put(id, off) => {
                // There is no version 0 to name.
                let current = self.version(*id);
                if off.is_some_and(|off| current == 0 || asked.version(*id) + off != current) {
                    return 412;
                }
                let existed = self.lives(*id) == Some(true);
                self.versions.entry(*id).or_default().push(false);
                if existed { 200 } else { 201 }
            }
            Wanted::Delete(id) => match self.lives(*id) {
                None => 404,
                Some(false) => 204,
                Some(true) => {
                    self.versions.entry(*id).or_default().push(true);
                    204
                }
            },
            Wanted::Get(id) => match self.lives(*id) {
                None => 404,
                Some(false) => 410,
                Some(true) => 200,
            },
            Wanted::Vread(id, version) => match self.versions.get(id).and_then(|all| all.get(*version as usize - 1)) {
                None => 404,
                Some(true) => 410,
                Some(false) => 200,
            },
        }
    }

    /// A Bundle: all entries in their turns; the statuses in the order of the request.
    fn bundle(&mut self, entries: &[Wanted]) -> Vec<u16> {
        let asked = self.clone();
        let mut statuses = vec![0; entries.len()];
        let mut written = BTreeSet::new();
        let twice: Vec<bool> = entries
            .iter()
            .map(|entry| entry.writes().is_some_and(|id| !written.insert(id)))
            .collect();
        for turn in 0..4 {
            for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.turn() == turn) {
                statuses[index] = if twice[index] {
                    400
                } else {
                    self.carry_out(entry, &asked)
                };
            }
        }
        statuses
    }

    /// A transaction: as a Bundle, or not at all.
    fn transaction(&mut self, entries: &[Wanted]) -> Result<Vec<u16>, BTreeSet<u16>> {
        let mut after = self.clone();
        let statuses = after.bundle(entries);
        let failed: BTreeSet<u16> = statuses.iter().copied().filter(|status| *status >= 400).collect();
        if failed.is_empty() {
            *self = after;
            Ok(statuses)
        } else {
            Err(failed)
        }
    }

    fn is_what_is_stored(&self, app: &TestApp) {
        for (number, id) in IDS.iter().enumerate() {
            let answer = app.get(&format!("/fhir/r5/Patient/{id}"));
            let expected = match self.lives(number) {
                None => 404,
                Some(false) => 410,
                Some(true) => 200,
            };
            assert_eq!(answer.status, expected, "{id}");
            let etag = (expected != 404).then(|| format!("W/\"{}\"", self.version(number)));
            assert_eq!(answer.header("etag"), etag.as_deref(), "{id}");
        }
        let living = (0..IDS.len()).filter(|id| self.lives(*id) == Some(true)).count();
        let found = app.get("/fhir/r5/Patient?_summary=count").json();
        assert_eq!(found["total"], living + self.created);
    }
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let id = || 0..IDS.len();
    prop_oneof![
        1 => Just(Wanted::Create),
        4 => (id(), prop_oneof![3 => Just(None), 1 => Just(Some(0)), 1 => Just(Some(1))]).prop_map(|(id, off)| Wanted::Put(id, off)),
        2 => id().prop_map(Wanted::Delete),
        2 => id().prop_map(Wanted::Get),
        1 => (id(), 1..4_i64).prop_map(|(id, version)| Wanted::Vread(id, version)),
    ]
}

fn statuses(answer: &Value) -> Vec<u16> {
    let entries = answer["entry"].as_array().map_or(&[][..], Vec::as_slice);
    let status = |entry: &Value| entry["response"]["status"].as_str()?.get(..3)?.parse().ok();
    entries.iter().map(|entry| status(entry).unwrap_or(0)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bundles_do_what_a_naive_store_does(
        bundles in proptest::collection::vec((any::<bool>(), proptest::collection::vec(wanted(), 1..6)), 1..7)
    ) {
        let app = spawn();
        let mut store = Store::default();
        for (is_batch, wanted) in bundles {
            let entries: Vec<Value> = wanted.iter().map(|one| one.entry(&store)).collect();
            let kind = if is_batch { "batch" } else { "transaction" };
            let answer = app.post("/fhir/r5", &json!({ "resourceType": "Bundle", "type": kind, "entry": entries }));
            if is_batch {
                let expected = store.bundle(&wanted);
                prop_assert_eq!(statuses(&answer.expect(200).json()), expected);
            } else {
                match store.transaction(&wanted) {
                    Ok(expected) => prop_assert_eq!(statuses(&answer.expect(200).json()), expected),
                    Err(failed) => prop_assert!(failed.contains(&answer.status), "{:?}: {}", failed, answer.text),
                }
            }
            store.is_what_is_stored(&app);
        }
    }
}
