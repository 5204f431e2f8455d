//! What was understood lately. Staff, units and contacts are asked for at every write that concerns them, and to
//! understand a text costs more than to read it. An entry counts only for exactly the text it was made of, and that text
//! is read anew every time: no other process's write, and no write that was undone, can make it stale.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use fastkontakt_model::{Fact, understand};
use lru::LruCache;

use crate::fhir::types::ResourceType;
use crate::store::Stored;

/// Facts kept: some kilobytes each.
const MOST: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// Larger texts are understood anew, so that memory stays bounded.
const LONGEST: usize = 16 * 1024;

type Kept = LruCache<(ResourceType, String), (String, Arc<Fact>)>;

/// The facts of texts read before. Cheap to clone; shared by all writers.
#[derive(Clone)]
pub struct Understood(Arc<Mutex<Kept>>);

impl Understood {
    pub fn new() -> Understood {
        Understood(Arc::new(Mutex::new(LruCache::new(MOST))))
    }

    /// The fact of a stored resource. What is deleted, or cannot be understood, counts as not stated (GEN-03).
    pub fn fact(&self, stored: &Stored) -> Option<Arc<Fact>> {
        if stored.deleted {
            return None;
        }
        if let Some((text, fact)) = self.kept().get(&(stored.kind, stored.id.clone()))
            && *text == stored.body
        {
            return Some(fact.clone());
        }
        let fact = Arc::new(understand(stored.kind.name(), &stored.body).ok()?);
        self.learn(stored.kind, &stored.id, &stored.body, &fact);
        Some(fact)
    }

    /// Keeps the fact of a text that is about to be stored. Whoever reads a text does not understand its version and its
    /// instant, so that a fact that was made before these were known is the same.
    pub fn learn(&self, kind: ResourceType, id: &str, text: &str, fact: &Arc<Fact>) {
        if text.len() <= LONGEST {
            self.kept().put((kind, id.to_owned()), (text.to_owned(), fact.clone()));
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Understood {
    fn default() -> Self {
        Understood::new()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn stored(family: &str) -> Stored {
        Stored {
            kind: ResourceType::Patient,
            id: "p".to_owned(),
            patient: 1,
            hallare: 0,
            version: 1,
            last_updated: Timestamp::UNIX_EPOCH,
            deleted: false,
            body: format!(r#"{{"resourceType":"Patient","id":"p","name":[{{"family":"{family}"}}]}}"#),
        }
    }

    #[test]
    fn a_fact_holds_nothing_of_the_version() {
        let of = |meta: &str| {
            let text =
                format!(r#"{{"resourceType":"Patient","id":"p","meta":{{{meta}}},"name":[{{"family":"Prov"}}]}}"#);
            understand("Patient", &text).unwrap()
        };
        let before = of(r#""versionId":"0","lastUpdated":"1970-01-01T00:00:00.000Z","source":"urn:x""#);
        let after = of(r#""versionId":"3","lastUpdated":"2026-01-01T00:00:00.000Z","source":"urn:x""#);
        assert_eq!(before, after);
        let (understood, learnt) = (Understood::new(), Arc::new(before));
        let text = stored("Prov");
        understood.learn(text.kind, &text.id, &text.body, &learnt);
        assert!(
            Arc::ptr_eq(&learnt, &understood.fact(&text).unwrap()),
            "what was learnt is not read again"
        );
    }

    #[test]
    fn a_fact_counts_only_for_the_text_it_was_made_of() {
        let understood = Understood::new();
        let first = understood.fact(&stored("Prov")).unwrap();
        assert!(
            Arc::ptr_eq(&first, &understood.fact(&stored("Prov")).unwrap()),
            "the same text is not read again"
        );
        // The same id and version with another text: the first was undone.
        assert_ne!(first, understood.fact(&stored("Annan")).unwrap());
        assert!(
            understood
                .fact(&Stored {
                    deleted: true,
                    ..stored("Annan")
                })
                .is_none()
        );
    }
}
