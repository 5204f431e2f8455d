//! What the entries of a transaction want: each understood as a create, update, patch or delete, with the questions to the
//! database that it hangs on.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

use super::Faults;
use super::entry::{Entry, Method, not_in_a_transaction, not_there};
use super::transaction::{Question, When};
use crate::door::Precondition;
use crate::door::address::only;
use crate::door::patch::read_entry;
use crate::door::problem::Problem;
use crate::door::villkor::{Criteria, no_criteria, only_of_a_create, stated_twice};
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::json::Limits;
use crate::fhir::links::{self, Stray};
use crate::fhir::patch::Patch;
use crate::fhir::references::conditional;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// One entry.
pub(super) struct Item {
    pub(super) index: usize,
    pub(super) full_url: Option<String>,
    pub(super) wanted: Wanted,
}

/// What it wants done.
pub(super) enum Wanted {
    Create {
        kind: ResourceType,
        /// The id that it will have if it is created.
        id: String,
        /// Only if nobody answers this question.
        unless: Option<usize>,
        resource: Value,
    },
    Update {
        kind: ResourceType,
        which: Which,
        precondition: Precondition,
        resource: Value,
    },
    Patch {
        kind: ResourceType,
        which: Which,
        precondition: Precondition,
        patch: Patch,
    },
    Delete {
        kind: ResourceType,
        which: Which,
        precondition: Precondition,
    },
}

/// Which resource an entry writes.
pub(super) enum Which {
    Id(String),
    /// The one that answers this question; when nobody does, an update makes a new one, under this id.
    Where(usize, String),
}

impl Item {
    pub(super) fn kind(&self) -> ResourceType {
        match &self.wanted {
            Wanted::Create { kind, .. }
            | Wanted::Update { kind, .. }
            | Wanted::Patch { kind, .. }
            | Wanted::Delete { kind, .. } => *kind,
        }
    }

    /// The question that chooses the resource.
    pub(super) fn question(&self) -> Option<usize> {
        match &self.wanted {
            Wanted::Create { unless, .. } => *unless,
            Wanted::Update { which, .. } | Wanted::Patch { which, .. } | Wanted::Delete { which, .. } => match which {
                Which::Id(_) => None,
                Which::Where(question, _) => Some(*question),
            },
        }
    }
}

/// Understands entries one after the other, gathering what must be asked.
pub(super) struct Reader<'a> {
    version: FhirVersion,
    own_bases: &'a [String],
    now: i64,
    limits: Limits,
    questions: Vec<Question>,
    conditional: HashMap<String, usize>,
}

impl<'a> Reader<'a> {
    /// `now` is in microseconds since 1970.
    pub(super) fn new(version: FhirVersion, own_bases: &'a [String], now: i64, limits: Limits) -> Reader<'a> {
        Reader {
            version,
            own_bases,
            now,
            limits,
            questions: Vec::new(),
            conditional: HashMap::new(),
        }
    }

    /// What must be asked, and which of it each conditional reference means.
    pub(super) fn questions(self) -> (Vec<Question>, HashMap<String, usize>) {
        (self.questions, self.conditional)
    }

    pub(super) fn wanted(&mut self, mut entry: Entry) -> Result<Wanted, Problem> {
        let index = entry.index;
        let (kind, id) = address(&entry)?;
        let query = entry.criteria().map(str::to_owned);
        let at = |member: &str| format!("Bundle.entry[{index}].request.{member}");
        let precondition = || {
            if entry.if_none_exist.is_some() {
                return Err(placed(only_of_a_create(), &at("ifNoneExist")));
            }
            Precondition::read(entry.if_match.as_deref(), entry.if_none_match.as_deref())
                .map_err(|problem| placed(problem, &at("ifMatch")))
        };
        match (entry.method, id, query) {
            (Method::Post, None, query) => {
                Precondition::refuse_of_create(entry.if_match.as_deref(), entry.if_none_match.as_deref())
                    .map_err(|problem| placed(problem, &at("ifMatch")))?;
                let stated = match (entry.if_none_exist.clone(), query) {
                    (Some(_), Some(_)) => return Err(placed(stated_twice(), &at("ifNoneExist"))),
                    (Some(criteria), None) => Some((criteria, at("ifNoneExist"))),
                    (None, query) => query.map(|criteria| (criteria, entry.url_place())),
                };
                let unless = match stated {
                    Some((criteria, place)) => Some(self.ask(kind, &criteria, When::AfterDeletes, index, place)?),
                    None => None,
                };
                Ok(Wanted::Create {
                    kind,
                    id: Uuid::now_v7().to_string(),
                    unless,
                    resource: self.resource(&mut entry)?,
                })
            }
            (Method::Put, Some(id), None) => Ok(Wanted::Update {
                kind,
                which: Which::Id(id),
                precondition: precondition()?,
                resource: self.resource(&mut entry)?,
            }),
            (Method::Put, None, Some(criteria)) => Ok(Wanted::Update {
                kind,
                precondition: precondition()?,
                which: self.whichever(&entry, kind, &criteria, When::Before)?,
                resource: self.resource(&mut entry)?,
            }),
            (Method::Patch, Some(id), None) => Ok(Wanted::Patch {
                kind,
                which: Which::Id(id),
                precondition: precondition()?,
                patch: self.patch(&entry, kind)?,
            }),
            (Method::Patch, None, Some(criteria)) => Ok(Wanted::Patch {
                kind,
                precondition: precondition()?,
                which: self.whichever(&entry, kind, &criteria, When::Before)?,
                patch: self.patch(&entry, kind)?,
            }),
            (Method::Delete, Some(id), None) => Ok(Wanted::Delete {
                kind,
                which: Which::Id(id),
                precondition: precondition()?,
            }),
            (Method::Delete, None, Some(criteria)) => Ok(Wanted::Delete {
                kind,
                precondition: precondition()?,
                which: self.whichever(&entry, kind, &criteria, When::Before)?,
            }),
            (Method::Put | Method::Patch | Method::Delete, Some(_), Some(query)) => {
                only(&query, &[]).map_err(|problem| placed(problem, &entry.url_place()))?;
                Err(not_there(&entry.path()).in_entry(index))
            }
            (Method::Put | Method::Patch | Method::Delete, None, None) => {
                Err(placed(no_criteria(), &entry.url_place()))
            }
            _ => Err(not_there(&entry.path()).in_entry(index)),
        }
    }

    fn patch(&self, entry: &Entry, kind: ResourceType) -> Result<Patch, Problem> {
        let resource = entry.resource.as_ref().unwrap_or(&Value::Null);
        read_entry(self.version, kind, resource, &self.limits).map_err(|problem| problem.in_entry(entry.index))
    }

    fn whichever(&mut self, entry: &Entry, kind: ResourceType, criteria: &str, when: When) -> Result<Which, Problem> {
        let question = self.ask(kind, criteria, when, entry.index, entry.url_place())?;
        Ok(Which::Where(question, Uuid::now_v7().to_string()))
    }

    fn ask(
        &mut self,
        kind: ResourceType,
        criteria: &str,
        when: When,
        index: usize,
        place: String,
    ) -> Result<usize, Problem> {
        let criteria = Criteria::read(self.version, kind, criteria, self.own_bases, self.now)
            .map_err(|problem| placed(problem, &place))?;
        self.questions.push(Question {
            criteria,
            when,
            index,
            place,
        });
        Ok(self.questions.len() - 1)
    }

    /// Takes the entry's resource and asks what its conditional references mean.
    fn resource(&mut self, entry: &mut Entry) -> Result<Value, Problem> {
        let mut resource = entry.resource.take().unwrap_or_default();
        let mut faults = Faults::default();
        for Stray { path, reference } in links::strays(self.version, &mut resource, self.own_bases) {
            let Some((name, criteria)) = conditional(&reference, self.own_bases) else {
                continue;
            };
            if self.conditional.contains_key(&reference) {
                continue;
            }
            let place = format!("Bundle.entry[{}].resource.{path}", entry.index);
            let asked = match ResourceType::from_name(name) {
                Some(kind) => self.ask(kind, criteria, When::AtTheEnd, entry.index, place),
                None => Err(Problem::fault(
                    IssueCode::NotSupported,
                    place,
                    Text::new(
                        "Den villkorade referensen gäller en resurstyp som tjänsten inte har.",
                        "The conditional reference is about a resource type that this service does not have.",
                    ),
                )),
            };
            if let Some(question) = faults.sort_out(asked)? {
                self.conditional.insert(reference, question);
            }
        }
        faults.none_or_refuse()?;
        Ok(resource)
    }
}

/// Type and id that the entry's address names.
fn address(entry: &Entry) -> Result<(ResourceType, Option<String>), Problem> {
    let nowhere = || not_there(&entry.path()).in_entry(entry.index);
    let (kind, id) = match entry.path.as_slice() {
        [.., operation] if entry.method == Method::Post && operation.starts_with('$') => {
            return Err(not_in_a_transaction(entry));
        }
        [kind] => (kind, None),
        [kind, id] if !id.starts_with(['$', '_']) => (kind, Some(id.clone())),
        _ => return Err(nowhere()),
    };
    let kind = ResourceType::from_name(kind).ok_or_else(nowhere)?;
    Ok((kind, id))
}

/// A problem with something that stands at `place`, as a fault there.
fn placed(problem: Problem, place: &str) -> Problem {
    let at = |code, text| Fault {
        code,
        expression: place.to_owned(),
        text,
    };
    match problem {
        Problem::NotFhir(faults) => {
            Problem::NotFhir(faults.into_iter().map(|fault| at(fault.code, fault.text)).collect())
        }
        Problem::BadRequest { text, .. } => Problem::NotFhir(vec![at(IssueCode::Invalid, text)]),
        other => other,
    }
}
