//! What a request discloses, gathered while it is carried out. The door notes it where data is read; when the answer is
//! ready, one record of the access log is made of all of it (door/logg.rs).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::fhir::types::ResourceType;

/// What has been disclosed so far. Clones share it, so that the entries of a batch leave one record.
#[derive(Clone, Debug, Default)]
pub struct Disclosed(Arc<Mutex<Disclosure>>);

/// What is disclosed by one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disclosure {
    /// Type, id and version; 0 when what is told hangs on no version.
    pub resources: BTreeSet<(ResourceType, String, i64)>,
    /// The patients whose data it is, by logical id; with the key the store has for them, when it has one.
    pub patients: BTreeMap<String, Option<i64>>,
    /// Something that was asked for was denied.
    pub denied: bool,
    /// What that was, as far as it is known.
    pub attempted: Attempted,
    /// Something was looked for, found or not. (A write leaves its record in its own transaction.)
    pub looked: bool,
}

/// What was asked for and not let out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempted {
    pub resources: BTreeSet<(ResourceType, String, i64)>,
    pub patients: BTreeMap<String, Option<i64>>,
}

impl Disclosure {
    /// Takes the other's in.
    pub fn add(&mut self, other: Disclosure) {
        self.resources.extend(other.resources);
        for (id, key) in other.patients {
            let known = self.patients.entry(id).or_default();
            *known = known.or(key);
        }
        self.denied |= other.denied;
        self.attempted.resources.extend(other.attempted.resources);
        self.attempted.patients.extend(other.attempted.patients);
        self.looked |= other.looked;
    }
}

impl Disclosed {
    pub fn note(&self, more: Disclosure) {
        self.with(|disclosure| disclosure.add(more));
    }

    /// The request asked for something that the access decision denies.
    pub fn deny(&self, attempted: Attempted) {
        self.note(Disclosure {
            denied: true,
            attempted,
            ..Disclosure::default()
        });
    }

    /// All that was noted; nothing is left.
    pub fn take(&self) -> Disclosure {
        self.with(std::mem::take)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Disclosure) -> T) -> T {
        // A panic while it was held leaves it whole: it only grows.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
