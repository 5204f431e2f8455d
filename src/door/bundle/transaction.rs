//! A transaction: its entries understood as writes and reads that stand or fall together (http.html#transaction).
//!
//! Which resource an entry means, and what a conditional reference means, may depend on what is stored and on what the
//! other entries write. So the service *guesses*: it asks the database outside the write ([`Reading::questions`]), makes
//! every entry ready by that guess ([`Reading::plan`]), and holds the guess against the truth inside the write
//! (`together.rs`). What turns out otherwise is learnt, and the transaction is planned again. Nothing slow happens inside
//! the write, and what is stored is right.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

use super::entry::Entry;
use super::ordning::in_order;
use super::target::{Target, Twin};
use super::wanted::{Item, Reader, Wanted, Which};
use super::{Faults, duplicate};
use crate::door::content::{self, Content, Prepared};
use crate::door::patch::{changed, ready};
use crate::door::precondition::demand;
use crate::door::problem::Problem;
use crate::door::villkor::{Criteria, Matches};
use crate::door::{Action, Order, Precondition};
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::json::Limits;
use crate::fhir::links::{self, Addresses, Stray};
use crate::fhir::patch::Patch;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::store::Stored;

/// A transaction whose entries are understood. Planned anew for every guess, so nothing in it changes.
pub struct Reading {
    version: FhirVersion,
    own_bases: Vec<String>,
    limits: Limits,
    items: Vec<Item>,
    questions: Vec<Question>,
    /// The conditional references: as they stand, and the question that answers them.
    conditional: HashMap<String, usize>,
    size: usize,
}

/// Something that only the database can tell.
pub struct Question {
    pub criteria: Criteria,
    pub when: When,
    /// The entry that asks first.
    pub index: usize,
    /// Where the answer is wanted, for the caller: `Bundle.entry[n]…`.
    pub(super) place: String,
}

/// On which state of the database a question is meant (http.html#trules: deletes, creates, updates, reads, conditional
/// references).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// A conditional update, patch or delete: it means one that is there, and if another entry deletes that one, both
    /// write it.
    Before,
    /// A conditional create: a delete may make room for it.
    AfterDeletes,
    /// A conditional reference.
    AtTheEnd,
}

/// What is to be done, by one guess.
#[derive(Default)]
pub struct Plan {
    /// Deletes first.
    pub orders: Vec<Order>,
    /// Conditional creates that met somebody: entry and question.
    pub met: Vec<(usize, usize)>,
    /// Conditional creates that meet what an earlier entry creates under the same criteria: entry, question, and what that
    /// is. In the end it alone must meet them.
    pub(super) twins: Vec<(usize, usize, Twin)>,
    /// Conditional deletes that met nobody.
    pub nothing: Vec<usize>,
    /// For each question that chose what an entry creates or changes, the id that it has or will have. No other may match
    /// in the end.
    pub own: Vec<(usize, String)>,
}

impl Reading {
    /// Understands the entries; every fault of every entry is told. `now` is in microseconds since 1970.
    pub fn new(
        version: FhirVersion,
        entries: Vec<Entry>,
        own_bases: &[String],
        now: i64,
        limits: Limits,
    ) -> Result<Reading, Problem> {
        let mut reader = Reader::new(version, own_bases, now, limits);
        let mut items = Vec::with_capacity(entries.len());
        let mut faults = Faults::default();
        for entry in entries {
            let (index, full_url) = (entry.index, entry.full_url.clone());
            if let Some(wanted) = faults.sort_out(reader.wanted(entry))? {
                items.push(Item {
                    index,
                    full_url,
                    wanted,
                });
            }
        }
        faults.none_or_refuse()?;
        let (questions, conditional) = reader.questions();
        Ok(Reading {
            version,
            own_bases: own_bases.to_vec(),
            limits,
            items,
            questions,
            conditional,
            size: usize::MAX,
        })
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Told of how many bytes it was read.
    pub fn of_size(self, size: usize) -> Reading {
        Reading { size, ..self }
    }

    /// Of how many bytes it was read; unbounded unless that was told.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// What the database must be asked, in order; a guess has an answer for each.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// A guess made of what the database answers outside the write: whom the transaction deletes will not match.
    pub fn guess(&self, mut answers: Vec<Matches>) -> Vec<Matches> {
        let deleted: HashSet<(ResourceType, String)> = self
            .items
            .iter()
            .filter_map(|item| match &item.wanted {
                Wanted::Delete { kind, which, .. } => match which {
                    Which::Id(id) => Some((*kind, id.clone())),
                    Which::Where(question, _) => match &answers[*question] {
                        Matches::One(stored) => Some((*kind, stored.id.clone())),
                        _ => None,
                    },
                },
                _ => None,
            })
            .collect();
        for (question, answer) in self.questions.iter().zip(&mut answers) {
            if let Matches::One(stored) = answer
                && question.when != When::Before
                && deleted.contains(&(stored.kind, stored.id.clone()))
            {
                *answer = Matches::None;
            }
        }
        answers
    }

    /// The resources that are patched, with the entries that do: what is stored must be known to be changed.
    pub fn patched(&self) -> Vec<(usize, ResourceType, String)> {
        let patched = |item: &Item| match &item.wanted {
            Wanted::Patch {
                kind,
                which: Which::Id(id),
                ..
            } => Some((item.index, *kind, id.clone())),
            _ => None,
        };
        self.items.iter().filter_map(patched).collect()
    }

    /// Makes every entry ready by a guess; every fault of every entry is told. `stored` holds what [`Reading::patched`]
    /// asks for.
    ///
    /// References among the entries are resolved before the resources are checked, so that each is checked as it will be
    /// stored (a reference's target type is known only then).
    pub fn plan(&self, guess: &[Matches], stored: &HashMap<usize, Stored>) -> Result<Plan, Problem> {
        let targets = self.targets(guess)?;
        let addresses = self.addresses(&targets, guess);
        let mut plan = Plan::default();
        let mut faults = Faults::default();
        for (item, target) in self.items.iter().zip(targets) {
            let (kind, question) = (item.kind(), item.question());
            let (id, precondition) = match target {
                Target::Write { id, precondition } => (id, precondition),
                Target::Met(stored_id) => {
                    plan.met.extend(question.map(|question| (item.index, question)));
                    plan.own.extend(question.map(|question| (question, stored_id)));
                    continue;
                }
                Target::Twin(twin) => {
                    plan.twins.extend(question.map(|question| (item.index, question, twin)));
                    continue;
                }
                Target::Nothing => {
                    plan.nothing.push(item.index);
                    continue;
                }
                Target::Unclear => continue,
            };
            // What is deleted is gone before anything is created: then others may meet its criteria.
            if !matches!(item.wanted, Wanted::Delete { .. }) {
                plan.own.extend(question.map(|question| (question, id.clone())));
            }
            let action = match &item.wanted {
                Wanted::Delete { .. } => Some(Action::Delete { kind, id, precondition }),
                Wanted::Create { resource, .. } => faults
                    .sort_out(self.prepare(item, kind, resource, &id, &addresses))?
                    .map(Action::Create),
                Wanted::Update { resource, .. } => faults
                    .sort_out(self.prepare(item, kind, resource, &id, &addresses))?
                    .map(|prepared| Action::Update { prepared, precondition }),
                Wanted::Patch { patch, .. } => {
                    let stored = match question.map(|question| &guess[question]) {
                        Some(Matches::One(stored)) => Some(stored.as_ref()),
                        _ => stored.get(&item.index),
                    };
                    let stored = stored.ok_or_else(|| Problem::NotFound.in_entry(item.index))?;
                    demand(&precondition, Some(stored)).map_err(|problem| problem.in_entry(item.index))?;
                    let precondition = match precondition {
                        Precondition::VersionIn(_) => Precondition::VersionIn(vec![stored.version]),
                        _ => Precondition::BuiltOn(stored.version),
                    };
                    faults
                        .sort_out(self.patch(item, stored, patch, &addresses))?
                        .map(|prepared| Action::Patch { prepared, precondition })
                }
            };
            plan.orders.extend(action.map(|action| Order {
                action,
                entry: Some(item.index),
            }));
        }
        faults.none_or_refuse()?;
        in_order(&mut plan.orders);
        Ok(plan)
    }

    /// Which resource each entry means by this guess. The same one written by two entries is refused ("if any resource
    /// identities overlap in steps 1-3", http.html#trules); a conditional create that finds writes nothing. Of two under
    /// the same criteria that nobody meets, the first creates and the second finds.
    fn targets(&self, guess: &[Matches]) -> Result<Vec<Target>, Problem> {
        let mut faults = Faults::default();
        let mut taken = HashSet::new();
        let mut created: HashMap<String, Twin> = HashMap::new();
        let mut targets = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let target = item
                .target(item.question().map(|question| &guess[question]))
                .map_err(|problem| problem.in_entry(item.index));
            let mut target = faults.sort_out(target)?.unwrap_or(Target::Unclear);
            if let (
                Wanted::Create {
                    id,
                    unless: Some(question),
                    ..
                },
                Target::Write { .. },
            ) = (&item.wanted, &target)
            {
                let twin = Twin {
                    of: item.index,
                    id: id.clone(),
                };
                match created.entry(self.questions[*question].criteria.key()) {
                    Slot::Occupied(first) => target = Target::Twin(first.get().clone()),
                    Slot::Vacant(slot) => {
                        slot.insert(twin);
                    }
                }
            }
            if let Target::Write { id, .. } = &target
                && !taken.insert((item.kind(), id.clone()))
            {
                faults.0.push(duplicate(item.index));
            }
            targets.push(target);
        }
        faults.none_or_refuse()?;
        Ok(targets)
    }

    /// Under which addresses the entries' resources are meant, and where they are.
    fn addresses(&self, targets: &[Target], guess: &[Matches]) -> Addresses {
        let mut addresses = Addresses::new();
        for (item, target) in self.items.iter().zip(targets) {
            if let (Some(full_url), Target::Write { id, .. } | Target::Met(id) | Target::Twin(Twin { id, .. })) =
                (&item.full_url, target)
                && !matches!(item.wanted, Wanted::Delete { .. })
            {
                addresses.insert(full_url.clone(), format!("{}/{id}", item.kind()));
            }
        }
        for (reference, question) in &self.conditional {
            let kind = self.questions[*question].criteria.kind();
            let id = match &guess[*question] {
                Matches::One(stored) => stored.id.clone(),
                // Somebody of that type, who will be known when the others are written.
                _ => Uuid::now_v7().to_string(),
            };
            addresses.insert(reference.clone(), format!("{kind}/{id}"));
        }
        addresses
    }

    /// Reads an entry's resource by the same strict reading as a single write.
    fn prepare(
        &self,
        item: &Item,
        kind: ResourceType,
        resource: &Value,
        id: &str,
        addresses: &Addresses,
    ) -> Result<Prepared, Problem> {
        let mut resource = resource.clone();
        let full_url = item.full_url.as_deref();
        let strays = links::resolve(self.version, &mut resource, addresses, full_url, &self.own_bases);
        let unresolved: Vec<Fault> = strays.iter().map(|stray| unresolved(item.index, stray)).collect();
        let prepared = content::check(self.version, kind.name(), &resource)
            .and_then(|()| Content::new(self.version, kind, resource, &self.own_bases).prepare(id))
            .map_err(|problem| problem.in_entry(item.index));
        if unresolved.is_empty() {
            return prepared;
        }
        let mut faults = Faults(unresolved);
        faults.sort_out(prepared)?;
        Err(Problem::NotFhir(faults.0))
    }

    /// Changes what is stored by an entry's patch. The references it puts in may be to other entries.
    fn patch(&self, item: &Item, stored: &Stored, patch: &Patch, addresses: &Addresses) -> Result<Prepared, Problem> {
        let in_entry = |problem: Problem| problem.in_entry(item.index);
        let mut resource = changed(self.version, stored, patch, &self.limits).map_err(in_entry)?;
        let full_url = item.full_url.as_deref();
        let strays = links::resolve(self.version, &mut resource, addresses, full_url, &self.own_bases);
        let unresolved: Vec<Fault> = strays
            .iter()
            // What stood there before is not the patch's.
            .filter(|stray| !stored.body.contains(&stray.reference))
            .map(|stray| unresolved(item.index, stray))
            .collect();
        Faults(unresolved).none_or_refuse()?;
        ready(self.version, stored, resource, &self.own_bases).map_err(in_entry)
    }

    /// Why this guess can never be carried out, when no entry could change it: several match, or nobody does whom a
    /// reference could mean.
    pub fn hopeless(&self, guess: &[Matches]) -> Option<Problem> {
        let could_change = |question: &Question| {
            self.items.iter().any(|item| {
                item.kind() == question.criteria.kind()
                    && match question.when {
                        When::Before => false,
                        When::AfterDeletes => matches!(item.wanted, Wanted::Delete { .. }),
                        When::AtTheEnd => true,
                    }
            })
        };
        self.unfulfilled(guess)
            .find(|(question, _)| !could_change(question))
            .map(|(question, found)| question.refusal(found))
    }

    /// Why the truth cannot be carried out.
    pub fn refusal(&self, truth: &[Matches]) -> Option<Problem> {
        self.unfulfilled(truth)
            .next()
            .map(|(question, found)| question.refusal(found))
    }

    fn unfulfilled<'r>(&'r self, answers: &'r [Matches]) -> impl Iterator<Item = (&'r Question, &'r Matches)> {
        self.questions
            .iter()
            .zip(answers)
            .filter(|(question, found)| !question.is_fulfilled_by(found))
    }
}

impl Question {
    /// A reference means exactly one; whatever else is conditional, one at the most.
    pub fn is_fulfilled_by(&self, found: &Matches) -> bool {
        match found {
            Matches::One(_) => true,
            Matches::None => self.when != When::AtTheEnd,
            Matches::Many => false,
        }
    }

    /// "If there are no matches, or multiple matches, the transaction fails" (http.html#trules).
    fn refusal(&self, found: &Matches) -> Problem {
        let expression = self.place.clone();
        match found {
            Matches::Many => Problem::NotSelective { expression },
            _ => Problem::PreconditionFailed {
                text: Text::new(
                    "Ingen resurs uppfyller den villkorade referensens sökvillkor.",
                    "No resource meets the criteria of the conditional reference.",
                ),
                expression,
            },
        }
    }
}

fn unresolved(index: usize, stray: &Stray) -> Fault {
    Fault {
        code: IssueCode::NotFound,
        expression: format!("Bundle.entry[{index}].resource.{}", stray.path),
        text: Text::new(
            "Referensen pekar inte på någon post i transaktionen.",
            "The reference points at no entry of the transaction.",
        ),
    }
}
