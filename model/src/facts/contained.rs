//! What is contained in a resource, found by id at once and shared, not copied: a plan may hold thousands of åtaganden,
//! and the rules follow every one of them.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::Fact;

/// The contained resources, at the same positions as in the resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contained(Arc<List>);

#[derive(Debug, Default, PartialEq)]
struct List {
    facts: Vec<Arc<Fact>>,
    /// Of several with one id, the first.
    positions: HashMap<String, usize>,
}

impl Contained {
    /// The position of what a reference of the form `#id` points at.
    pub fn position(&self, reference: &str) -> Option<usize> {
        self.0.positions.get(reference.strip_prefix('#')?).copied()
    }

    /// What a reference of the form `#id` points at.
    pub fn find(&self, reference: &str) -> Option<&Arc<Fact>> {
        self.0.facts.get(self.position(reference)?)
    }
}

impl FromIterator<Fact> for Contained {
    fn from_iter<I: IntoIterator<Item = Fact>>(facts: I) -> Contained {
        let facts: Vec<Arc<Fact>> = facts.into_iter().map(Arc::new).collect();
        let mut positions = HashMap::new();
        for (position, fact) in facts.iter().enumerate().filter(|(_, fact)| !fact.id().is_empty()) {
            positions.entry(fact.id().to_owned()).or_insert(position);
        }
        Contained(Arc::new(List { facts, positions }))
    }
}

impl Deref for Contained {
    type Target = [Arc<Fact>];

    fn deref(&self) -> &[Arc<Fact>] {
        &self.0.facts
    }
}
