//! A write that is only thought of (`$validate`), laid over what the database answers.

use crate::door::content::Prepared;
use crate::fhir::identifiers::{canonical_system, comparable};
use crate::fhir::search::{IndexEntry, RefTarget};
use crate::fhir::types::ResourceType;
use crate::store::{Stored, text_key};

/// A write that is only thought of, as its rows in the database would tell it. A delete leaves no rows.
pub struct Thought {
    kind: ResourceType,
    id: String,
    patient: Option<String>,
    index: Vec<IndexEntry>,
}

/// A question whose answer is a list. A transaction with many entries for one patient asks the same again and again.
#[derive(PartialEq, Eq, Hash)]
pub enum Question {
    OfPatients(ResourceType, Vec<String>),
    WithIdentifier(ResourceType, Vec<String>, String),
    /// By a number in the reference to the patient, which the index has under this name.
    AboutNumber(ResourceType, &'static str, Vec<String>, String),
    LinkingTo(String),
}

impl Thought {
    pub fn of(prepared: &Prepared) -> Thought {
        Thought {
            kind: prepared.kind,
            id: prepared.id.clone(),
            patient: prepared.body.patient.clone(),
            index: prepared.body.index.clone(),
        }
    }

    pub fn name(&self) -> (ResourceType, String) {
        (self.kind, self.id.clone())
    }

    /// Takes its row out of the answer when it would no longer be there; whether it would come in. When it stays, its fact
    /// stands for the row.
    pub fn overlay(&self, question: &Question, stored: &mut Vec<Stored>) -> bool {
        let row = stored.iter().position(|row| row.kind == self.kind && row.id == self.id);
        match (row, self.answers(question)) {
            (Some(row), false) => {
                stored.remove(row);
                false
            }
            (None, answers) => answers,
            (Some(_), true) => false,
        }
    }

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fastkontakt_model::{Fact, facts::Reference};
    use serde_json::{Value, json};

    use super::super::OppenTransaktion;
    use super::*;
    use crate::door::Understood;
    use crate::door::content::Content;
    use crate::fhir::identifiers::PERSONNUMMER;
    use crate::fhir::version::FhirVersion;
    use crate::riktlinje::underlag::Underlag;
    use crate::store::{NewVersion, Session, Store, StoreError, StoreOptions};

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
