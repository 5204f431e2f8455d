//! The write of a transaction: all entries in one database transaction, in the order of http.html#trules, and every guess
//! held against the truth ([`super::transaction`]).

use std::collections::HashMap;
use std::sync::Arc;

use super::target::Twin;
use super::transaction::{Plan, Reading, When};
use super::{Faults, MOST_ANSWERED, duplicate};
use crate::access::beslut::Lasare;
use crate::access::{Call, Disclosure};
use crate::door::content::computing;
use crate::door::lock::lock;
use crate::door::logg::{disclosure, named, note_undone};
use crate::door::problem::Problem;
use crate::door::villkor::{Matches, again};
use crate::door::write::{Staged, Transaction};
use crate::door::{Action, Door, Look, Looked, Outcome, Written};
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::search::SearchQuery;
use crate::store::{Failure, Session, StoreError, Stored};

/// How often a transaction is planned anew by what the last attempt learnt. Each conditional reference may lean on another.
const GUESSES: usize = 5;

/// The reads of a transaction, each with its entry's place in the Bundle.
type Looks = Arc<Vec<(usize, Look)>>;

/// What became of an entry.
#[derive(Debug)]
pub enum Done {
    Written(Written),
    /// A conditional delete that met nobody: what was asked for is so.
    Nothing,
    Looked(Looked),
}

/// Why nothing was written.
enum Undone {
    Refused(Problem),
    /// Something was otherwise than guessed; the truth, as far as it was asked.
    Learnt(Vec<Matches>),
}

impl From<Problem> for Undone {
    fn from(problem: Problem) -> Undone {
        Undone::Refused(problem)
    }
}

impl Failure for Undone {
    fn is_deadlock(&self) -> bool {
        matches!(self, Undone::Refused(problem) if problem.is_deadlock())
    }
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Undone {
        Undone::Refused(error.into())
    }
}

impl Door {
    /// Carries out all writes, or none, and then looks at what is to be read; what became of each entry, with its place in
    /// the Bundle, in that order. Answers after the commit.
    pub async fn transact(
        &self,
        call: &Call,
        reading: Reading,
        looks: Vec<(usize, Look)>,
    ) -> Result<Vec<(usize, Done)>, Problem> {
        self.permit_looks(call, &looks)?;
        let (reading, looks) = (Arc::new(reading), Arc::new(looks));
        if reading.is_empty() {
            return self.look_at_all(call, looks, true).await;
        }
        again(async || {
            let criteria: Vec<_> = reading.questions().iter().map(|it| it.criteria.clone()).collect();
            let mut guess = match criteria.is_empty() {
                true => Vec::new(),
                false => reading.guess(self.resolve(call, criteria).await?),
            };
            for _ in 0..GUESSES {
                if let Some(problem) = reading.hopeless(&guess) {
                    return Err(problem);
                }
                let stored = self.to_be_patched(call, &reading).await?;
                let patches = !stored.is_empty();
                let plan = planned(&reading, &guess, stored).await.inspect_err(|problem| {
                    // Why what is stored cannot be patched tells of it, and that nobody meets the criteria of whom they name.
                    if patches || matches!(problem.itself(), Problem::NotFound) {
                        call.disclosed.fail();
                    }
                })?;
                match self.together(call, (&reading, plan, &looks), guess.clone()).await {
                    Ok(done) => return Ok(done),
                    Err(Undone::Refused(problem)) => return Err(problem),
                    Err(Undone::Learnt(truth)) => {
                        if is_same(&truth, &guess)
                            && let Some(problem) = reading.refusal(&truth)
                        {
                            return Err(problem);
                        }
                        guess = truth;
                    }
                }
            }
            Err(Problem::Race)
        })
        .await
    }

    /// What the entries patch, as it is stored.
    async fn to_be_patched(&self, call: &Call, reading: &Reading) -> Result<HashMap<usize, Stored>, Problem> {
        let patched = reading.patched();
        if patched.is_empty() {
            return Ok(HashMap::new());
        }
        let looks = patched
            .into_iter()
            .map(|(index, kind, id)| (index, Look::Current(kind, id)));
        let done = self.look_at_all(call, Arc::new(looks.collect()), false).await?;
        let stored = done.into_iter().filter_map(|(index, done)| match done {
            Done::Looked(Looked::Resource(stored)) => Some((index, stored)),
            _ => None,
        });
        Ok(stored.collect())
    }

    async fn together(
        &self,
        call: &Call,
        (reading, plan, looks): (&Arc<Reading>, Plan, &Looks),
        guess: Vec<Matches>,
    ) -> Result<Vec<(usize, Done)>, Undone> {
        let permitted = plan.orders.iter().try_for_each(|order| self.permit_order(call, order));
        note_undone(call, &plan.orders, &permitted);
        permitted?;
        let (door, call, reading, looks) = (self.clone(), call.clone(), reading.clone(), looks.clone());
        // Taken down here: the one writer (SQLite) has better things to do.
        let held = Arc::new(plan);
        let plan = held.clone();
        self.store
            .write(call.caller.party(None), move |session| {
                let writing = Writing {
                    reading: &reading,
                    truth: guess.clone(),
                    guess: guess.clone(),
                };
                let mut done = match writing.carry_out(&door, &call, session, (&plan, &looks)) {
                    Err(Undone::Refused(problem)) => {
                        let refused = Err(problem);
                        note_undone(&call, &plan.orders, &refused);
                        refused?
                    }
                    done => done?,
                };
                done.sort_by_key(|(index, _)| *index);
                Ok::<_, Undone>((done, door.writes_units(&plan.orders)))
            })
            .await
            .map(|(done, _units)| done)
    }

    /// The reads of a transaction that writes nothing: on one state of the database, and the writer is not asked.
    /// What is patched is read too, but not disclosed.
    async fn look_at_all(&self, call: &Call, looks: Looks, are_disclosed: bool) -> Result<Vec<(usize, Done)>, Problem> {
        self.permit_looks(call, &looks)?;
        let (door, call) = (self.clone(), call.clone());
        self.store
            .read_for(call.caller.party(None), move |session| {
                door.up_to_horizon(session, &looks, |session| {
                    session.snapshot(|session| {
                        let done = door.looked_at(&call, session, &looks)?;
                        if are_disclosed {
                            call.disclosed.note(disclosed_by(session, &done)?);
                            call.disclosed.note(named(&call, session, searches(&looks))?);
                        }
                        Ok(done)
                    })
                })
            })
            .await
    }

    /// [`Session::up_to_horizon`], when histories are asked for.
    fn up_to_horizon<T>(
        &self,
        session: &mut Session,
        looks: &Looks,
        work: impl FnOnce(&mut Session) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        match looks.iter().any(|(_, look)| matches!(look, Look::History(_))) {
            true => session.up_to_horizon(self.clock.now(), work),
            false => work(session),
        }
    }

    fn permit_looks(&self, call: &Call, looks: &[(usize, Look)]) -> Result<(), Problem> {
        looks
            .iter()
            .try_for_each(|(index, look)| self.permit_look(call, look).map_err(|problem| problem.in_entry(*index)))
    }

    fn looked_at(
        &self,
        call: &Call,
        session: &mut Session,
        looks: &[(usize, Look)],
    ) -> Result<Vec<(usize, Done)>, Problem> {
        let mut size = 0;
        let look = |(index, look): &(usize, Look)| {
            let looked = self
                .look(call, session, look)
                .map_err(|problem| problem.in_entry(*index))?;
            size += looked.resources().iter().map(|stored| stored.body.len()).sum::<usize>();
            match size > MOST_ANSWERED {
                true => Err(Problem::TooCostly.in_entry(*index)),
                false => Ok((*index, Done::Looked(looked))),
            }
        };
        looks.iter().map(look).collect()
    }
}

/// Under PostgreSQL each statement of a write sees what others have committed meanwhile: what decided about a resource may have
/// been asked of another version than the one that was read. Then all is done again.
fn same_still<'s>(
    call: &Call,
    session: &mut Session,
    shown: impl IntoIterator<Item = &'s Stored>,
) -> Result<(), Problem> {
    if !session.needs_locks() || Lasare::of(call).is_none() {
        return Ok(());
    }
    for stored in shown {
        let now = session.current(stored.kind, &stored.id)?;
        if now.is_none_or(|now| now.version != stored.version) {
            return Err(Problem::Deadlock);
        }
    }
    Ok(())
}

/// The searches among the reads of a transaction.
fn searches(looks: &[(usize, Look)]) -> impl Iterator<Item = &SearchQuery> {
    looks.iter().filter_map(|(_, look)| match look {
        Look::Search(query, _) => Some(query.as_ref()),
        _ => None,
    })
}

/// What the reads of a transaction disclose.
fn disclosed_by(session: &mut Session, done: &[(usize, Done)]) -> Result<Disclosure, StoreError> {
    let looked = done.iter().filter_map(|(_, done)| match done {
        Done::Looked(looked) => Some(looked),
        _ => None,
    });
    disclosure(session, looked.flat_map(Looked::resources))
}

/// Plans; there may be thousands of resources to check.
async fn planned(reading: &Arc<Reading>, guess: &[Matches], stored: HashMap<usize, Stored>) -> Result<Plan, Problem> {
    let (asked, guess) = (reading.clone(), guess.to_vec());
    computing(reading.size(), move || asked.plan(&guess, &stored)).await
}

/// Whether both say the same of everything that was asked.
fn is_same(truth: &[Matches], guess: &[Matches]) -> bool {
    truth.iter().zip(guess).all(|(truth, guess)| truth.is_same_as(guess))
}

/// One attempt.
struct Writing<'a> {
    reading: &'a Reading,
    guess: Vec<Matches>,
    /// The guess, corrected by what was asked so far.
    truth: Vec<Matches>,
}

impl Writing<'_> {
    fn carry_out(
        mut self,
        door: &Door,
        call: &Call,
        session: &mut Session,
        (plan, looks): (&Plan, &Looks),
    ) -> Result<Vec<(usize, Done)>, Undone> {
        let choosing = self.reading.questions().iter().filter(|it| it.when != When::AtTheEnd);
        let keys: Vec<String> = choosing.map(|question| question.criteria.key()).collect();
        lock(session, &keys, &plan.orders, &door.understood, door.clock)?;
        let eyes = (door, call);
        self.verify(When::Before, session, eyes)?;
        let mut transaction = Transaction::begin(door, call, session);
        transaction.guesses = self.reading.questions().iter().any(|it| it.when == When::AtTheEnd);
        let mut staged = Vec::with_capacity(plan.orders.len());
        let mut written = Vec::with_capacity(plan.orders.len());
        let mut deleting = true;
        for order in &plan.orders {
            if deleting && !matches!(order.action, Action::Delete { .. }) {
                deleting = false;
                self.verify(When::AfterDeletes, transaction.underlag.session, eyes)?;
            }
            let (order, result) = transaction.carry_out(order)?;
            staged.push(order);
            written.push(result);
        }
        if deleting {
            self.verify(When::AfterDeletes, transaction.underlag.session, eyes)?;
        }
        self.verify(When::AtTheEnd, transaction.underlag.session, eyes)?;
        if self.reading.refusal(&self.truth).is_some() {
            return Err(Undone::Learnt(self.truth));
        }
        transaction.guessed_right()?;
        self.verify_alone(&plan.own, transaction.underlag.session, eyes)?;
        self.verify_twins(plan, transaction.underlag.session, eyes)?;
        let concluded = transaction.conclude(&staged, &mut written)?;
        let looked = door.up_to_horizon(concluded.session, looks, |session| door.looked_at(call, session, looks))?;
        let mut disclosed = disclosed_by(concluded.session, &looked)?;
        disclosed.add(named(call, concluded.session, searches(looks))?);
        let mut met = Vec::new();
        for (index, question) in &plan.met {
            if let Matches::One(stored) = &self.truth[*question] {
                disclosed.add(disclosure(concluded.session, [stored.as_ref()])?);
                let shown = door.shown(call, concluded.session, stored.as_ref().clone())?;
                met.push((*index, Done::Written(Written::already_there(shown))));
                same_still(call, concluded.session, [stored.as_ref()])?;
            }
        }
        for ((_, look), (_, done)) in looks.iter().zip(&looked) {
            if let (Look::Current(..) | Look::Search(..), Done::Looked(looked)) = (look, done) {
                same_still(call, concluded.session, looked.resources())?;
            }
        }
        concluded.log(disclosed, &written)?;
        met.extend(twins(plan, &staged, &written));
        let mut done: Vec<(usize, Done)> = staged
            .iter()
            .zip(written)
            .filter_map(|(staged, written)| Some((staged.order.entry?, Done::Written(written))))
            .collect();
        done.extend(met);
        done.extend(plan.nothing.iter().map(|index| (*index, Done::Nothing)));
        done.extend(looked);
        Ok(done)
    }

    /// Asks what is to be asked on this state; anything otherwise than guessed ends the attempt.
    fn verify(&mut self, when: When, session: &mut Session, (door, call): (&Door, &Call)) -> Result<(), Undone> {
        let questions = self.reading.questions();
        for (number, question) in questions.iter().enumerate().filter(|(_, it)| it.when == when) {
            let eyes = door.eyes_in(call, question.criteria.query());
            self.truth[number] = session.seen_by(eyes, |session| question.criteria.matches(session))?;
        }
        if is_same(&self.truth, &self.guess) {
            Ok(())
        } else {
            Err(Undone::Learnt(std::mem::take(&mut self.truth)))
        }
    }

    /// When all is written, the criteria that chose an entry's resource match no other: else the outcome would hang on
    /// the order of the entries (two conditional creates of the same, under different criteria).
    fn verify_alone(
        &self,
        own: &[(usize, String)],
        session: &mut Session,
        (door, call): (&Door, &Call),
    ) -> Result<(), Undone> {
        let mut faults = Vec::new();
        for (question, id) in own {
            let question = &self.reading.questions()[*question];
            let eyes = door.eyes_in(call, question.criteria.query());
            let alone = match session.seen_by(eyes, |session| question.criteria.matches(session))? {
                Matches::None => true,
                Matches::One(stored) => stored.id == *id,
                Matches::Many => false,
            };
            if !alone {
                faults.push(duplicate(question.index));
            }
        }
        Faults(faults).none_or_refuse().map_err(Undone::Refused)
    }

    /// What an entry creates meets the criteria under which another one was to create too, else that one would not have
    /// found it. That nobody else does is seen by [`Writing::verify_alone`].
    fn verify_twins(&self, plan: &Plan, session: &mut Session, (door, call): (&Door, &Call)) -> Result<(), Undone> {
        let mut faults = Vec::new();
        for (entry, question, twin) in &plan.twins {
            let question = &self.reading.questions()[*question];
            let eyes = door.eyes_in(call, question.criteria.query());
            match session.seen_by(eyes, |session| question.criteria.matches(session))? {
                Matches::One(stored) if stored.id == twin.id => {}
                _ => faults.push(not_met(*entry)),
            }
        }
        Faults(faults).none_or_refuse().map_err(Undone::Refused)
    }
}

/// A conditional create whose criteria nobody meets, not even what an earlier entry made under the same.
fn not_met(entry: usize) -> Fault {
    Fault {
        code: IssueCode::Duplicate,
        expression: format!("Bundle.entry[{entry}]"),
        text: Text::new(
            "En tidigare post skapar under samma villkor, men det som den skapar uppfyller dem inte.",
            "An earlier entry creates under the same criteria, but what it creates does not meet them.",
        ),
    }
}

/// The conditional creates that met what an earlier entry made.
fn twins(plan: &Plan, staged: &[Staged], written: &[Written]) -> Vec<(usize, Done)> {
    if plan.twins.is_empty() {
        return Vec::new();
    }
    let made: HashMap<usize, &Written> = staged
        .iter()
        .zip(written)
        .filter_map(|(staged, written)| Some((staged.order.entry?, written)))
        .collect();
    let met = |(entry, _, twin): &(usize, usize, Twin)| {
        let written = Written {
            outcome: Outcome::AlreadyThere,
            findings: Vec::new(),
            ..(*made.get(&twin.of)?).clone()
        };
        Some((*entry, Done::Written(written)))
    };
    plan.twins.iter().filter_map(met).collect()
}
