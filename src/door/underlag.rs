//! What the rules may ask for during a write, answered from the database as it will be after the transaction (GEN-01).

use std::collections::HashMap;
use std::sync::Arc;

use fastkontakt_model::{Fact, facts::Reference, understand};

use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::riktlinje::underlag::{Fore, Underlag};
use crate::store::{Session, StoreError, Stored};

/// The facts of one open transaction. What was just written is not read back but kept.
pub struct OppenTransaktion<'s> {
    pub session: &'s mut Session,
    known: HashMap<(ResourceType, String), Option<Arc<Fact>>>,
    /// What this transaction replaced, as it was before.
    before: HashMap<(ResourceType, String), Option<Arc<Fact>>>,
}

impl<'s> OppenTransaktion<'s> {
    pub fn new(session: &'s mut Session) -> Self {
        OppenTransaktion {
            session,
            known: HashMap::new(),
            before: HashMap::new(),
        }
    }

    /// Remembers what this transaction wrote (`None`: deleted), so that the rules see the state after it, and what
    /// stood there before.
    pub fn remember(&mut self, kind: ResourceType, id: &str, fact: Option<Arc<Fact>>, before: Option<Arc<Fact>>) {
        self.known.insert((kind, id.to_owned()), fact);
        self.before.insert((kind, id.to_owned()), before);
    }

    /// Understands a stored resource once per transaction. What cannot be understood counts as not stated (GEN-03).
    fn fact(&mut self, stored: Stored) -> Option<Arc<Fact>> {
        let key = (stored.kind, stored.id);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let fact = if stored.deleted {
            None
        } else {
            understand(key.0.name(), &stored.body).ok().map(Arc::new)
        };
        self.known.insert(key, fact.clone());
        fact
    }

    fn facts(&mut self, stored: Vec<Stored>) -> Vec<Arc<Fact>> {
        stored.into_iter().filter_map(|resource| self.fact(resource)).collect()
    }
}

impl Underlag for OppenTransaktion<'_> {
    type Error = StoreError;

    fn folj(&mut self, reference: &Reference) -> Result<Option<Arc<Fact>>, StoreError> {
        let Some((kind, id)) = reference.reference.as_deref().and_then(local) else {
            return Ok(None);
        };
        if let Some(known) = self.known.get(&(kind, id.to_owned())) {
            return Ok(known.clone());
        }
        match self.session.current(kind, id)? {
            Some(stored) => Ok(self.fact(stored)),
            None => {
                self.known.insert((kind, id.to_owned()), None);
                Ok(None)
            }
        }
    }

    fn av_patienter(&mut self, kind: ResourceType, patient_ids: &[String]) -> Result<Vec<Arc<Fact>>, StoreError> {
        let stored = self.session.of_patients(kind, patient_ids)?;
        Ok(self.facts(stored))
    }

    fn patienter_med(&mut self, systems: &[&str], value: &str) -> Result<Vec<Arc<Fact>>, StoreError> {
        let stored = self.session.patients_with_identifier(systems, value)?;
        Ok(self.facts(stored))
    }

    fn patienter_som_lankar(&mut self, patient_id: &str) -> Result<Vec<Arc<Fact>>, StoreError> {
        let stored = self.session.patients_linking_to(patient_id)?;
        Ok(self.facts(stored))
    }

    fn fore(&mut self, current: &Arc<Fact>) -> Result<Fore, StoreError> {
        let Some(kind) = ResourceType::from_name(current.resource_type()) else {
            return Ok(Fore::Oforandrad);
        };
        Ok(match self.before.get(&(kind, current.id().to_owned())) {
            None => Fore::Oforandrad,
            Some(Some(before)) => Fore::Fanns(before.clone()),
            Some(None) => Fore::FannsInte,
        })
    }
}
