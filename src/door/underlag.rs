//! What the rules may ask for during a write, answered from the database as it will be after the transaction (GEN-01).
//! A write that is only thought of (`$validate`) is not in the database: it is laid over the answers instead.

#[cfg(test)]
mod tests;
mod thought;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastkontakt_model::{Fact, facts::Reference};

use super::Understood;
use super::atkomst::readable;
use super::content::Prepared;
use crate::access::Call;
use crate::access::beslut::{self, Ersattning, Lasare, Post, Vard, far_lasa, gallande};
use crate::fhir::identifiers::equivalent_systems;
use crate::fhir::references::local;
use crate::fhir::search::parameters::{Kind, find};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::riktlinje::Samlat;
use crate::riktlinje::patient::{bars_av, nummer, samma_patient, till_patient};
use crate::riktlinje::underlag::{Fore, Underlag};
use crate::store::{Hallare, Kept, Ratt, Session, StoreError, Stored};
use thought::{Question, Thought};

/// A resource's type and id.
type Name = (ResourceType, String);

/// The facts of one open transaction. What was just written is not read back but kept.
pub struct OppenTransaktion<'s> {
    pub session: &'s mut Session,
    understood: Understood,
    known: HashMap<Name, Option<Arc<Fact>>>,
    /// What this transaction replaced, as it was before.
    before: HashMap<Name, Option<Arc<Fact>>>,
    /// What was asked of the whole database; forgotten at the next write of this transaction.
    lists: HashMap<Question, Vec<Arc<Fact>>>,
    /// What is thought to be written; its fact is among the known.
    thought: Option<Thought>,
    /// Who asks, when not everybody may read everything; and the instant.
    lasare: Option<(Lasare, i64)>,
    /// What the caller may not read is not even counted.
    bara_synliga: bool,
    /// Whether the caller may read what was asked about.
    lasta: HashMap<Name, bool>,
    /// What the patients' records say about that now: asked once, since each contact of a patient is asked about.
    ratter: HashMap<String, Rc<[Ratt]>>,
    /// The same but for what one resource says: whether that may replace others is asked of each of them.
    ratter_utom: HashMap<(String, Name), Rc<[Ratt]>>,
    /// In which order Patients were made; that never changes.
    tillkomna: HashMap<String, i64>,
    /// What is kept beside the resources that were asked about.
    kept: HashMap<Name, Option<Rc<Kept>>>,
    /// What the rules have gathered.
    samlat: Samlat,
    /// Who is to keep what this transaction writes.
    hallare: HashMap<Name, Hallare>,
    /// Until when it may be asked.
    until: Option<Instant>,
}

/// Fewer are asked about one by one: those statements are prepared.
const WORTH_ONE_QUESTION: usize = 8;

/// How long a write, or a picture, may be judged. Under SQLite all other writes wait for a write.
pub const JUDGED_IN: Duration = Duration::from_secs(20);

impl<'s> OppenTransaktion<'s> {
    pub fn new(session: &'s mut Session, understood: &Understood) -> Self {
        OppenTransaktion {
            session,
            understood: understood.clone(),
            known: HashMap::new(),
            before: HashMap::new(),
            lists: HashMap::new(),
            thought: None,
            lasare: None,
            bara_synliga: false,
            lasta: HashMap::new(),
            ratter: HashMap::new(),
            tillkomna: HashMap::new(),
            ratter_utom: HashMap::new(),
            kept: HashMap::new(),
            samlat: Samlat::default(),
            hallare: HashMap::new(),
            until: None,
        }
    }

    /// Asked while others wait: [`StoreError::TooCostly`] when it has gone on for so long. Nothing of a write stands then.
    pub fn give(mut self, time: Duration) -> Self {
        self.give_anew(time);
        self
    }

    /// From now on it may be asked for so long.
    pub fn give_anew(&mut self, time: Duration) {
        self.until = Instant::now().checked_add(time);
    }

    fn go_on(&self) -> Result<(), StoreError> {
        match self.until {
            Some(until) if Instant::now() >= until => Err(StoreError::TooCostly),
            _ => Ok(()),
        }
    }

    /// Asked on behalf of this call: the rules lean on what it may read (GEN-05).
    pub fn seen_by(self, call: &Call, nu: i64) -> Self {
        OppenTransaktion {
            lasare: Lasare::of(call).map(|lasare| (lasare, nu)),
            ..self
        }
    }

    /// The same, and what it may not read is as if it was not there.
    pub fn only_what_is_seen(self, call: &Call, nu: i64) -> Self {
        OppenTransaktion {
            bara_synliga: true,
            ..self.seen_by(call, nu)
        }
    }

    /// Whether the caller may read the current resource. What this transaction writes, the caller writes.
    pub(super) fn is_readable(&mut self, kind: ResourceType, id: &str) -> Result<bool, StoreError> {
        let Some(nu) = self.lasare.as_ref().map(|(_, nu)| *nu) else {
            return Ok(true);
        };
        let name = (kind, id.to_owned());
        if self.before.contains_key(&name) {
            return Ok(true);
        }
        if let Some(known) = self.lasta.get(&name) {
            return Ok(*known);
        }
        let readable = match self.kept(kind, id)? {
            None => false,
            Some(kept) => {
                let post = Post {
                    kind,
                    kept: &kept,
                    version: None,
                };
                let known = kept.patient.as_ref().and_then(|patient| self.ratter.get(patient));
                let ratter = match (known, &kept.patient) {
                    (Some(known), _) => known.clone(),
                    (None, None) => Rc::default(),
                    (None, Some(patient)) => {
                        let asked: Rc<[Ratt]> = gallande(self.session.ratter(patient, nu)?, nu).into();
                        self.ratter.insert(patient.clone(), asked.clone());
                        asked
                    }
                };
                let lasare = self.lasare.as_ref();
                lasare.is_none_or(|(lasare, nu)| far_lasa(lasare, post, &ratter, *nu).is_ok())
            }
        };
        self.lasta.insert(name, readable);
        Ok(readable)
    }

    /// Whether the version was ever there, and the caller may read it.
    pub(super) fn is_version_readable(
        &mut self,
        kind: ResourceType,
        id: &str,
        version: i64,
    ) -> Result<bool, StoreError> {
        let is_there = self.session.version(kind, id, version)?.is_some();
        let writes_it = self.before.contains_key(&(kind, id.to_owned()));
        let Some((lasare, nu)) = self.lasare.as_ref().filter(|_| is_there && !writes_it) else {
            return Ok(is_there);
        };
        Ok(readable(self.session, (lasare, *nu), (kind, id, Some(version)))?.is_some())
    }

    /// Who asks, when it is one who works in care or a system.
    pub(super) fn vard(&self) -> Option<Vard> {
        match &self.lasare {
            Some((Lasare::Vard(vard), _)) => Some(vard.clone()),
            _ => None,
        }
    }

    /// What of it is to be told, when only that is told which the caller may read.
    fn told(&mut self, facts: Vec<Arc<Fact>>) -> Vec<Arc<Fact>> {
        if !self.bara_synliga {
            return facts;
        }
        facts.into_iter().filter(|fact| self.far_lasa(fact)).collect()
    }

    /// Lays a write over the answers without writing it. What stood there before is to be remembered as for any write.
    pub fn think_of(&mut self, prepared: &Prepared) {
        self.forget();
        self.thought = Some(Thought::of(prepared));
    }

    /// Remembers what this transaction wrote (`None`: deleted), so that the rules see the state after it, and what
    /// stood there before.
    pub fn remember(&mut self, kind: ResourceType, id: &str, fact: Option<Arc<Fact>>, before: Option<Arc<Fact>>) {
        self.forget();
        self.known.insert((kind, id.to_owned()), fact);
        self.before.insert((kind, id.to_owned()), before);
    }

    /// Forgets what was asked of the whole database: something has been written since.
    pub(super) fn forget(&mut self) {
        self.lists.clear();
        // A consent, a block or a contact may change what is read.
        self.lasta.clear();
        self.ratter.clear();
        self.ratter_utom.clear();
        self.kept.clear();
        self.samlat = Samlat::default();
    }

    /// Whether this transaction writes it.
    pub(super) fn writes(&self, kind: ResourceType, id: &str) -> bool {
        self.before.contains_key(&(kind, id.to_owned()))
    }

    /// Remembers who is to keep what is written.
    pub fn remember_hallare(&mut self, kind: ResourceType, id: &str, hallare: Hallare) {
        self.hallare.insert((kind, id.to_owned()), hallare);
    }

    fn hallare(&mut self, kind: ResourceType, id: &str) -> Result<Hallare, StoreError> {
        if let Some(known) = self.hallare.get(&(kind, id.to_owned())) {
            return Ok(known.clone());
        }
        Ok(self
            .kept(kind, id)?
            .map(|kept| kept.hallare.clone())
            .unwrap_or_default())
    }

    /// What is kept beside a resource; asked once.
    fn kept(&mut self, kind: ResourceType, id: &str) -> Result<Option<Rc<Kept>>, StoreError> {
        let name = (kind, id.to_owned());
        if let Some(known) = self.kept.get(&name) {
            return Ok(known.clone());
        }
        let kept = self.session.kept_beside(kind, id)?.map(Rc::new);
        self.kept.insert(name, kept.clone());
        Ok(kept)
    }

    /// Asks what is kept beside all of these at once: whether each may be read is asked presently.
    fn keep_beside(&mut self, stored: &[Stored]) -> Result<(), StoreError> {
        let Some(kind) = stored.first().map(|stored| stored.kind) else {
            return Ok(());
        };
        if self.lasare.is_none() || stored.len() < WORTH_ONE_QUESTION || kind == ResourceType::Provenance {
            return Ok(());
        }
        let is_unknown = |id: &&str| !self.kept.contains_key(&(kind, (*id).to_owned()));
        let ids: Vec<&str> = stored
            .iter()
            .map(|stored| stored.id.as_str())
            .filter(is_unknown)
            .collect();
        let kept = self.session.kept_beside_all(kind, &ids)?;
        self.kept
            .extend(kept.into_iter().map(|(id, kept)| ((kind, id), Some(Rc::new(kept)))));
        Ok(())
    }

    /// What a patient's records say, but for this resource; asked once.
    fn ratter_utom(&mut self, patient: &str, written: (ResourceType, &str), nu: i64) -> Result<Rc<[Ratt]>, StoreError> {
        let name = (patient.to_owned(), (written.0, written.1.to_owned()));
        if let Some(known) = self.ratter_utom.get(&name) {
            return Ok(known.clone());
        }
        let ratter: Rc<[Ratt]> = gallande(self.session.ratter_apart_from(patient, written, nu)?, nu).into();
        self.ratter_utom.insert(name, ratter.clone());
        Ok(ratter)
    }

    /// Understands a stored resource once per transaction. What cannot be understood counts as not stated (GEN-03).
    fn fact(&mut self, stored: Stored) -> Option<Arc<Fact>> {
        if let Some(known) = self.known.get(&(stored.kind, stored.id.clone())) {
            return known.clone();
        }
        let fact = self.understood.fact(&stored);
        self.known.insert((stored.kind, stored.id), fact.clone());
        fact
    }

    /// Asks once.
    fn list(
        &mut self,
        question: Question,
        ask: impl FnOnce(&mut Session) -> Result<Vec<Stored>, StoreError>,
    ) -> Result<Vec<Arc<Fact>>, StoreError> {
        self.go_on()?;
        if let Some(known) = self.lists.get(&question) {
            return Ok(known.clone());
        }
        let mut stored = ask(self.session)?;
        let thought = self
            .thought
            .as_ref()
            .filter(|thought| thought.overlay(&question, &mut stored));
        let added = thought.map(Thought::name);
        self.keep_beside(&stored)?;
        let mut facts: Vec<Arc<Fact>> = stored.into_iter().filter_map(|stored| self.fact(stored)).collect();
        facts.extend(added.and_then(|name| self.known.get(&name).cloned().flatten()));
        let facts = self.told(facts);
        self.lists.insert(question, facts.clone());
        Ok(facts)
    }
}

impl Underlag for OppenTransaktion<'_> {
    type Error = StoreError;

    fn folj(&mut self, reference: &Reference) -> Result<Option<Arc<Fact>>, StoreError> {
        let Some((kind, id)) = reference.reference.as_deref().and_then(local) else {
            return Ok(None);
        };
        self.go_on()?;
        if self.bara_synliga && !self.is_readable(kind, id)? {
            return Ok(None);
        }
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
        let mut facts = self.list(Question::OfPatients(kind, patient_ids.to_vec()), |session| {
            session.of_patients(kind, patient_ids)
        })?;
        let Some(parameter) = find(FhirVersion::R5, kind, "patient").filter(|it| it.kind == Kind::Reference) else {
            return Ok(facts);
        };
        let mut known: HashSet<String> = HashSet::new();
        for id in patient_ids {
            let Some(patient) = self.folj(&till_patient(id))? else {
                continue;
            };
            let Fact::Patient(patient) = patient.as_ref() else {
                continue;
            };
            for (register, number) in nummer(patient) {
                let (param, systems) = (parameter.identifier_index, equivalent_systems(register.system()));
                let named = systems.iter().map(|system| (*system).to_owned()).collect();
                let question = Question::AboutNumber(kind, param, named, number.to_owned());
                let about = self.list(question, |session| {
                    session.about_identifier(kind, param, &systems, number)
                })?;
                if !about.is_empty() && known.is_empty() {
                    known = facts.iter().map(|fact| fact.id().to_owned()).collect();
                }
                for fact in about {
                    if !known.contains(fact.id()) && bars_av(&fact, register, number) {
                        known.insert(fact.id().to_owned());
                        facts.push(fact);
                    }
                }
            }
        }
        Ok(facts)
    }

    fn med_identifierare(
        &mut self,
        kind: ResourceType,
        systems: &[&str],
        value: &str,
    ) -> Result<Vec<Arc<Fact>>, StoreError> {
        let named = systems.iter().map(|system| (*system).to_owned()).collect();
        let question = Question::WithIdentifier(kind, named, value.to_owned());
        self.list(question, |session| session.with_identifier(kind, systems, value))
    }

    fn patienter_som_lankar(&mut self, patient_id: &str) -> Result<Vec<Arc<Fact>>, StoreError> {
        self.list(Question::LinkingTo(patient_id.to_owned()), |session| {
            session.patients_linking_to(patient_id)
        })
    }

    fn tillkomna(&mut self, patient_ids: &[String]) -> Result<Vec<Option<i64>>, StoreError> {
        self.go_on()?;
        let is_new = |id: &&String| !self.tillkomna.contains_key(*id);
        let asked: Vec<&str> = patient_ids.iter().filter(is_new).map(String::as_str).collect();
        let found = self.session.patients_made(&asked)?;
        self.tillkomna.extend(found);
        Ok(patient_ids.iter().map(|id| self.tillkomna.get(id).copied()).collect())
    }

    fn far_lasa(&mut self, fact: &Fact) -> bool {
        // What is contained is read with what contains it.
        let Some(kind) = ResourceType::from_name(fact.resource_type()) else {
            return true;
        };
        match fact.id() {
            "" => true,
            // What cannot be asked is not shown.
            id => self.is_readable(kind, id).unwrap_or(false),
        }
    }

    fn samma_vardgivare(&mut self, kind: ResourceType, one: &str, other: &str) -> Result<Option<bool>, StoreError> {
        // Where everybody may do everything, nobody knows who keeps what.
        if self.lasare.is_none() {
            return Ok(None);
        }
        let (one, other) = (self.hallare(kind, one)?, self.hallare(kind, other)?);
        Ok(Some(beslut::samma_vardgivare(&one, &other)))
    }

    fn far_ersatta(
        &mut self,
        kind: ResourceType,
        (written, other): (&str, &str),
        samma_vardgivare: bool,
    ) -> Result<bool, StoreError> {
        let Some((lasare, nu)) = self.lasare.clone() else {
            return Ok(true);
        };
        let Some(fore) = self.kept(kind, other)? else {
            return Ok(false);
        };
        let (mut ratter, mut samma_person): (Rc<[Ratt]>, _) = (Rc::default(), Vec::new());
        if let Some(patient) = &fore.patient {
            for person in samma_patient(patient, self)? {
                let said = self.ratter_utom(&person, (kind, written), nu)?;
                match person == *patient {
                    true => ratter = said,
                    false => samma_person.push((person, said)),
                }
            }
        }
        let ersattning = Ersattning {
            fore: &fore,
            samma_vardgivare,
            ny: &self.hallare(kind, written)?,
            ratter: &ratter,
            samma_person: &samma_person,
        };
        Ok(beslut::far_ersatta(&lasare, ersattning, nu))
    }

    fn samlat(&mut self) -> Option<&mut Samlat> {
        Some(&mut self.samlat)
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
