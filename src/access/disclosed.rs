//! What a request asks about and what it discloses, gathered while it is carried out. The door notes both where data is read;
//! when the answer is ready, one record of the access log is made of it (door/logg.rs).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fhir::search::query::Criterion;
use crate::fhir::types::ResourceType;

/// What has been disclosed so far, and what was asked about. Clones share it, so that the entries of a batch leave one record.
#[derive(Clone, Debug, Default)]
pub struct Disclosed {
    told: Arc<Mutex<Disclosure>>,
    asked: Arc<Mutex<Asked>>,
}

/// What is disclosed by one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disclosure {
    /// Type, id and version; 0 when what is told hangs on no version.
    pub resources: BTreeSet<(ResourceType, String, i64)>,
    /// The patients whose data it is, by logical id; with the key the store has for them, when it has one.
    pub patients: BTreeMap<String, Option<i64>>,
    /// Those of the patients who were only asked about: nothing of theirs was shown.
    pub nekade: BTreeSet<String>,
    /// The vårdgivare that keep it, by HSA-id.
    pub keepers: BTreeSet<String>,
    /// Something that was asked for was denied.
    pub denied: bool,
    /// Something could not be done because of what is stored, which tells of it (a patch that does not fit).
    pub failed: bool,
    /// Something was looked for, found or not. (A write leaves its record in its own transaction.)
    pub looked: bool,
}

/// What a request asks about, by its own words: its address, its criteria, what it would write. It is what the log has to
/// tell of a request that comes to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    resources: BTreeSet<(ResourceType, String)>,
    /// Ids without a type, each with the types that it may be of.
    perhaps: BTreeSet<(ResourceType, String)>,
    /// Ids of patients whose data it would write.
    patients: BTreeSet<String>,
    /// Criteria that resources of a type fulfil by an identifier of theirs: patients by their numbers, records by theirs.
    numbers: Vec<(ResourceType, Criterion)>,
    /// Something of it was denied, or could not be done because of what is stored.
    undone: bool,
}

/// Criteria on numbers that are looked up for one record of the log: those of a batch whose entries all come to nothing.
const MOST_NUMBERS: usize = 500;

impl Asked {
    /// About a resource.
    pub fn resource(&mut self, kind: ResourceType, id: &str) {
        self.resources.insert((kind, id.to_owned()));
    }

    /// About a patient's data.
    pub fn patient(&mut self, id: &str) {
        self.patients.insert(id.to_owned());
    }

    /// About whatever has this id, of this type or another.
    pub fn perhaps(&mut self, kind: ResourceType, id: &str) {
        self.perhaps.insert((kind, id.to_owned()));
    }

    /// About those of a type that fulfil this.
    pub fn number(&mut self, kind: ResourceType, criterion: Criterion) {
        let named = (kind, criterion);
        if self.numbers.len() < MOST_NUMBERS && !self.numbers.contains(&named) {
            self.numbers.push(named);
        }
    }

    pub fn resources(&self) -> impl Iterator<Item = (ResourceType, &str)> {
        self.resources.iter().map(|(kind, id)| (*kind, id.as_str()))
    }

    pub fn numbers(&self) -> &[(ResourceType, Criterion)] {
        &self.numbers
    }

    /// All whose owners are the patients that it is about.
    pub fn owned(&self) -> impl Iterator<Item = (ResourceType, &str)> {
        let patients = self.patients.iter().map(|id| (ResourceType::Patient, id.as_str()));
        let perhaps = self.perhaps.iter().map(|(kind, id)| (*kind, id.as_str()));
        self.resources().chain(perhaps).chain(patients)
    }

    /// Without what has been told of already.
    pub fn beyond(mut self, told: &Disclosure) -> Asked {
        self.patients.retain(|id| !told.patients.contains_key(id));
        let versions = |kind: ResourceType, id: &str| (kind, id.to_owned(), 0)..=(kind, id.to_owned(), i64::MAX);
        self.resources.retain(|(kind, id)| match kind {
            ResourceType::Patient => !told.patients.contains_key(id),
            kind => told.resources.range(versions(*kind, id)).next().is_none(),
        });
        self
    }

    /// Whether something of it was denied, or could not be done because of what is stored.
    pub fn is_undone(&self) -> bool {
        self.undone
    }

    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.perhaps.is_empty() && self.patients.is_empty() && self.numbers.is_empty()
    }

    fn add(&mut self, other: Asked) {
        self.resources.extend(other.resources);
        self.perhaps.extend(other.perhaps);
        self.patients.extend(other.patients);
        for (kind, criterion) in other.numbers {
            self.number(kind, criterion);
        }
    }
}

impl Disclosure {
    /// Takes the other's in.
    pub fn add(&mut self, mut other: Disclosure) {
        self.resources.append(&mut other.resources);
        for (id, key) in other.patients {
            let known = self.patients.entry(id).or_default();
            *known = known.or(key);
        }
        self.nekade.extend(other.nekade);
        self.keepers.extend(other.keepers);
        self.denied |= other.denied;
        self.failed |= other.failed;
        self.looked |= other.looked;
    }
}

impl Disclosed {
    /// The same for one entry of a batch, which asks about its own.
    pub fn of_entry(&self) -> Disclosed {
        Disclosed {
            told: self.told.clone(),
            asked: Arc::default(),
        }
    }

    pub fn note(&self, more: Disclosure) {
        held(&self.told).add(more);
    }

    /// The request asks about this.
    pub fn ask(&self, more: Asked) {
        held(&self.asked).add(more);
    }

    /// The request asks about this resource.
    pub fn ask_of(&self, kind: ResourceType, id: &str) {
        held(&self.asked).resource(kind, id);
    }

    /// The access decision denies something of what the request asks about.
    pub fn deny(&self) {
        held(&self.told).denied = true;
        held(&self.asked).undone = true;
    }

    /// Something could not be done because of what is stored.
    pub fn fail(&self) {
        held(&self.told).failed = true;
        held(&self.asked).undone = true;
    }

    /// What of this has not been told of already.
    pub fn beyond(&self, asked: Asked) -> Asked {
        asked.beyond(&held(&self.told))
    }

    /// All that was noted; nothing is left.
    pub fn take(&self) -> Disclosure {
        std::mem::take(&mut held(&self.told))
    }

    /// All that was asked about so far.
    pub fn asked(&self) -> Asked {
        held(&self.asked).clone()
    }

    /// All that was asked about; nothing is left.
    pub fn take_asked(&self) -> Asked {
        std::mem::take(&mut held(&self.asked))
    }
}

/// A panic while it was held leaves it whole: it only grows.
fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
