//! What the rules may ask for during a write, answered from the database as it will be after the transaction (GEN-01).
//! A write that is only thought of (`$validate`) is not in the database: it is laid over the answers instead.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastkontakt_model::{Fact, facts::Reference};

use super::Understood;
use super::atkomst::readable;
use crate::access::Call;
use crate::access::beslut::{self, Ersattning, Lasare, Vard};
use crate::fhir::identifiers::{canonical_system, comparable, equivalent_systems};
use crate::fhir::references::local;
use crate::fhir::search::parameters::{Kind, find};
use crate::fhir::search::{IndexEntry, RefTarget};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::riktlinje::patient::{bars_av, nummer, till_patient};
use crate::riktlinje::underlag::{Fore, Underlag};
use crate::store::{Hallare, Ratt, Session, StoreError, Stored, text_key};

use super::content::Prepared;

/// The facts of one open transaction. What was just written is not read back but kept.
pub struct OppenTransaktion<'s> {
    pub session: &'s mut Session,
    understood: Understood,
    known: HashMap<(ResourceType, String), Option<Arc<Fact>>>,
    /// What this transaction replaced, as it was before.
    before: HashMap<(ResourceType, String), Option<Arc<Fact>>>,
    /// What was asked of the whole database; forgotten at the next write of this transaction.
    lists: HashMap<Question, Vec<Arc<Fact>>>,
    /// What is thought to be written; its fact is among the known.
    thought: Option<Thought>,
    /// Who asks, when not everybody may read everything; and the instant.
    lasare: Option<(Lasare, i64)>,
    /// What the caller may not read is not even counted.
    bara_synliga: bool,
    /// Whether the caller may read what was asked about.
    lasta: HashMap<(ResourceType, String), bool>,
    /// What the patients' records say about that. A patient with many contacts has many such words, and each contact is asked about.
    ratter: HashMap<String, Rc<[Ratt]>>,
    /// Who is to keep what this transaction writes.
    hallare: HashMap<(ResourceType, String), Hallare>,
    /// Until when it may be asked.
    until: Option<Instant>,
}

/// How long a write, or a picture, may be judged. Under SQLite all other writes wait for a write.
const JUDGED_IN: Duration = Duration::from_secs(20);

/// A write that is only thought of, as its rows in the database would tell it. A delete leaves no rows.
struct Thought {
    kind: ResourceType,
    id: String,
    patient: Option<String>,
    index: Vec<IndexEntry>,
}

/// A question whose answer is a list. A transaction with many entries for one patient asks the same again and again.
#[derive(PartialEq, Eq, Hash)]
enum Question {
    OfPatients(ResourceType, Vec<String>),
    WithIdentifier(ResourceType, Vec<String>, String),
    /// By a number in the reference to the patient, which the index has under this name.
    AboutNumber(ResourceType, &'static str, Vec<String>, String),
    LinkingTo(String),
}

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
            hallare: HashMap::new(),
            until: None,
        }
    }

    /// Asked while others wait: [`StoreError::TooCostly`] when it has gone on for too long. Nothing of a write stands then.
    pub fn in_time(mut self) -> Self {
        self.give(JUDGED_IN);
        self
    }

    /// From now on it may be asked for so long.
    pub fn give(&mut self, time: Duration) {
        self.until = Instant::now().checked_add(time);
    }

    fn go_on(&self) -> Result<(), StoreError> {
        match self.until {
            Some(until) if Instant::now() > until => Err(StoreError::TooCostly),
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
        let Some((lasare, nu)) = &self.lasare else {
            return Ok(true);
        };
        let name = (kind, id.to_owned());
        if self.before.contains_key(&name) {
            return Ok(true);
        }
        if let Some(known) = self.lasta.get(&name) {
            return Ok(*known);
        }
        let readable = match self.session.kept_beside(kind, id)? {
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
                        let asked: Rc<[Ratt]> = self.session.ratter(patient, *nu)?.into();
                        self.ratter.insert(patient.clone(), asked.clone());
                        asked
                    }
                };
                far_lasa(lasare, post, &ratter, *nu).is_ok()
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
        self.lists.clear();
        self.thought = Some(Thought {
            kind: prepared.kind,
            id: prepared.id.clone(),
            patient: prepared.body.patient.clone(),
            index: prepared.body.index.clone(),
        });
    }

    /// Remembers what this transaction wrote (`None`: deleted), so that the rules see the state after it, and what
    /// stood there before.
    pub fn remember(&mut self, kind: ResourceType, id: &str, fact: Option<Arc<Fact>>, before: Option<Arc<Fact>>) {
        self.lists.clear();
        // A consent, a block or a contact may change what is read.
        self.lasta.clear();
        self.ratter.clear();
        self.known.insert((kind, id.to_owned()), fact);
        self.before.insert((kind, id.to_owned()), before);
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
        Ok(self.session.kept_beside(kind, id)?.unwrap_or_default().hallare)
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
        let added = self.overlay(&question, &mut stored);
        let mut facts: Vec<Arc<Fact>> = stored.into_iter().filter_map(|stored| self.fact(stored)).collect();
        facts.extend(added);
        let facts = self.told(facts);
        self.lists.insert(question, facts.clone());
        Ok(facts)
    }

    /// Takes the row of what is thought to be written out of the answer when it would no longer be there, and returns
    /// its fact when it would come in.
    fn overlay(&self, question: &Question, stored: &mut Vec<Stored>) -> Option<Arc<Fact>> {
        let thought = self.thought.as_ref()?;
        let row = stored
            .iter()
            .position(|row| row.kind == thought.kind && row.id == thought.id);
        match (row, thought.answers(question)) {
            (Some(row), false) => {
                stored.remove(row);
                None
            }
            (None, true) => self.known.get(&(thought.kind, thought.id.clone())).cloned().flatten(),
            // The fact stands for the row.
            _ => None,
        }
    }
}

impl Thought {
    /// Whether the database would have it in the answer: told by the same index entries that a write makes.
    fn answers(&self, question: &Question) -> bool {
        match question {
            Question::OfPatients(kind, patients) => {
                *kind == self.kind && self.patient.as_ref().is_some_and(|patient| patients.contains(patient))
            }
            Question::WithIdentifier(kind, systems, wanted) => {
                *kind == self.kind && self.carries("identifier", systems, wanted)
            }
            Question::AboutNumber(kind, param, systems, wanted) => {
                *kind == self.kind && self.carries(param, systems, wanted)
            }
            Question::LinkingTo(patient) => {
                let links = |entry: &IndexEntry| match entry {
                    IndexEntry::Reference {
                        param: "link",
                        target:
                            RefTarget {
                                kind: Some(kind),
                                id: Some(id),
                                url: None,
                            },
                    } => kind == ResourceType::Patient.name() && id == patient,
                    _ => false,
                };
                self.kind == ResourceType::Patient && self.index.iter().any(links)
            }
        }
    }

    fn carries(&self, name: &str, systems: &[String], wanted: &str) -> bool {
        self.index.iter().any(|entry| match entry {
            IndexEntry::Token {
                param,
                system: Some(system),
                value,
            } => {
                let same_system = systems.iter().any(|wanted| canonical_system(wanted) == system);
                *param == name && same_system && text_key(value) == text_key(&comparable(system, wanted))
            }
            _ => false,
        })
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
                for fact in about {
                    let is_known = facts.iter().any(|known| known.id() == fact.id());
                    if !is_known && bars_av(&fact, register, number) {
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
        let Some(fore) = self.session.kept_beside(kind, other)? else {
            return Ok(false);
        };
        let ratter = match &fore.patient {
            Some(patient) => self.session.ratter_apart_from(patient, (kind, written), nu)?,
            None => Vec::new(),
        };
        let ersattning = Ersattning {
            fore: &fore,
            samma_vardgivare,
            ny: &self.hallare(kind, written)?,
            ratter: &ratter,
        };
        Ok(beslut::far_ersatta(&lasare, ersattning, nu))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::content::Content;
    use super::*;
    use crate::fhir::identifiers::PERSONNUMMER;
    use crate::store::{NewVersion, Store, StoreOptions};

    const NUMBER: &str = "195009072553";

    fn patient(id: &str, number: Option<&str>, link: Option<&str>) -> Value {
        let mut patient = json!({ "resourceType": "Patient", "id": id });
        if let Some(number) = number {
            patient["identifier"] = json!([{ "system": PERSONNUMMER, "value": number }]);
        }
        if let Some(other) = link {
            patient["link"] = json!([{ "other": { "reference": other }, "type": "seealso" }]);
        }
        patient
    }

    fn contact(id: &str, patient: &str) -> Value {
        let subject = json!({ "reference": format!("Patient/{patient}") });
        json!({ "resourceType": "CareTeam", "id": id, "status": "active", "subject": subject })
    }

    fn contact_by_number(id: &str) -> Value {
        let subject = json!({ "identifier": { "system": PERSONNUMMER, "value": NUMBER } });
        json!({ "resourceType": "CareTeam", "id": id, "status": "active", "subject": subject })
    }

    fn prepared(resource: &Value) -> Prepared {
        let kind = ResourceType::from_name(resource["resourceType"].as_str().unwrap()).unwrap();
        let content = Content::new(FhirVersion::R5, kind, resource.clone(), &[]);
        content.prepare(resource["id"].as_str().unwrap()).unwrap()
    }

    /// Writes what is prepared, or a delete of it.
    fn write(session: &mut Session, prepared: &Prepared, deleted: bool) {
        let current = session.current(prepared.kind, &prepared.id).unwrap();
        let version = current.map_or(1, |stored| stored.version + 1);
        let body = prepared.body.render(version, jiff::Timestamp::UNIX_EPOCH);
        session
            .put(&NewVersion {
                kind: prepared.kind,
                id: &prepared.id,
                version,
                last_updated: jiff::Timestamp::UNIX_EPOCH,
                deleted,
                patient: prepared.body.patient.as_deref(),
                body: if deleted { "" } else { &body },
                index: if deleted { &[] } else { &prepared.body.index },
                caller: "test",
                request_id: "test",
                interaction: "update",
            })
            .unwrap();
    }

    /// All that can be asked, as type/id of what is answered.
    fn answers(underlag: &mut OppenTransaktion<'_>) -> Vec<Vec<String>> {
        let named = |facts: Vec<Arc<Fact>>| {
            let mut names: Vec<String> = facts
                .iter()
                .map(|fact| format!("{}/{} {:?}", fact.resource_type(), fact.id(), fact.head().extensions))
                .collect();
            names.sort();
            names
        };
        let mut all = Vec::new();
        for kind in [ResourceType::CareTeam, ResourceType::Patient] {
            for patients in [&["a"][..], &["b"], &["ny"], &["a", "b"]] {
                let patients: Vec<String> = patients.iter().map(|id| (*id).to_owned()).collect();
                all.push(named(underlag.av_patienter(kind, &patients).unwrap()));
            }
        }
        for (system, number) in [
            (PERSONNUMMER, NUMBER),
            ("urn:oid:1.2.752.129.2.1.3.1", NUMBER),
            (PERSONNUMMER, "x"),
        ] {
            let found = underlag.med_identifierare(ResourceType::Patient, &[system], number);
            all.push(named(found.unwrap()));
        }
        for id in ["a", "b", "ny"] {
            all.push(named(underlag.patienter_som_lankar(id).unwrap()));
            for kind in ["Patient", "CareTeam"] {
                let reference = Reference {
                    reference: Some(format!("{kind}/{id}")),
                    ..Reference::default()
                };
                all.push(named(underlag.folj(&reference).unwrap().into_iter().collect()));
            }
        }
        all
    }

    #[test]
    fn what_is_thought_of_is_answered_as_if_it_was_written() {
        let file = std::env::temp_dir().join(format!("fastkontakt-thought-{}.db", uuid::Uuid::new_v4()));
        let store = Store::open(&format!("sqlite://{}", file.display()), &StoreOptions::default()).unwrap();
        store.migrate().unwrap();
        let stored = [
            patient("a", Some(NUMBER), None),
            patient("b", None, Some("Patient/a")),
            contact("a", "a"),
            contact("b", "b"),
        ];
        let there: Vec<Prepared> = stored.iter().map(prepared).collect();
        let put = move |session: &mut Session| {
            there.iter().for_each(|prepared| write(session, prepared, false));
            Ok::<(), StoreError>(())
        };
        store.write_blocking(put).unwrap();
        let cases = [
            (contact("ny", "a"), false),
            (contact("ny", "ny"), false),
            (contact_by_number("ny"), false),
            (contact_by_number("a"), false),
            (contact("a", "b"), false),
            (contact("a", "a"), false),
            (patient("a", None, None), false),
            (patient("b", Some(NUMBER), None), false),
            (patient("ny", Some(NUMBER), Some("Patient/b")), false),
            (patient("ny", None, Some("http://example.org/Patient/b")), false),
            (patient("b", None, None), false),
            (contact("a", "a"), true),
            (patient("a", None, None), true),
        ];
        for (resource, deleted) in cases {
            let case = format!("{resource} {deleted}");
            let prepared = prepared(&resource);
            let fact = (!deleted).then(|| prepared.fact.clone());
            let thought = store
                .read_blocking(|session| {
                    let mut underlag = OppenTransaktion::new(session, &Understood::new());
                    let before = answers(&mut underlag);
                    underlag.remember(prepared.kind, &prepared.id, fact, None);
                    if !deleted {
                        underlag.think_of(&prepared);
                    }
                    let after = answers(&mut underlag);
                    let is_as_before = resource == stored[2] || resource == contact_by_number("a");
                    assert!(before != after || is_as_before, "{case}");
                    Ok::<_, StoreError>(after)
                })
                .unwrap();
            let written = store.write_blocking(move |session| {
                write(session, &prepared, deleted);
                let written = answers(&mut OppenTransaktion::new(session, &Understood::new()));
                // An error undoes the write.
                Err::<(), Answered>(Answered(written))
            });
            let Err(Answered(written)) = written else {
                panic!("it was to be undone");
            };
            assert_eq!(thought, written, "{case}");
        }
        store.close_blocking();
        for end in ["", "-wal", "-shm"] {
            let _gone = std::fs::remove_file(format!("{}{end}", file.display()));
        }
    }

    /// Carries the answers out of a write that is undone.
    struct Answered(Vec<Vec<String>>);

    impl From<StoreError> for Answered {
        fn from(error: StoreError) -> Answered {
            panic!("{error}")
        }
    }
}
