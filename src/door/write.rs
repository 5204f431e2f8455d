//! The way of a write, inside one database transaction: lock, check what the caller demands, store, judge the state
//! that results (GEN-01), carry out what the rules bring about, audit. An error anywhere leaves nothing behind.

use std::collections::BTreeSet;
use std::sync::Arc;

use fastkontakt_model::facts::Reference;
use fastkontakt_model::{Fact, understand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::atkomst::{keeping, organisationens_hsa_id, right_of};
use super::content::{Body, Prepared};
use super::logg::note_undone;
use super::precondition::demand;
use super::problem::{Problem, in_resource};
use super::provenance::{self, Made, SeenBy};
use super::skrivratt::refuse_personal_numbers;
use super::underlag::OppenTransaktion;
use super::villkor::Condition;
use super::{Action, Door, Order, Outcome, Precondition, Understood, Written};
use crate::access::harledning::harled;
use crate::access::{Asked, Call, Caller, Disclosure, Interaction, Right};
use crate::fhir::json::reread;
use crate::fhir::search;
use crate::fhir::types::ResourceType;
use crate::riktlinje::{
    Effect, Finding, Judgement, Skrivning, Target, bedom, only_ends_or_limits, samma_patient, samma_som,
    utan_patientresurs,
};
use crate::store::{Keeping, Kept, NewVersion, Session, Stored};

impl Door {
    /// Carries out all orders, or none. Answers after the commit.
    pub async fn write(&self, call: &Call, orders: Vec<Order>) -> Result<Vec<Written>, Problem> {
        self.write_while(call, Vec::new(), orders).await
    }

    /// The same, if all conditions hold on the state before the first order; [`Problem::Race`] when one no longer does:
    /// then they are to be resolved again ([`super::villkor::again`]).
    pub async fn write_while(
        &self,
        call: &Call,
        conditions: Vec<Condition>,
        orders: Vec<Order>,
    ) -> Result<Vec<Written>, Problem> {
        let permitted = orders.iter().try_for_each(|order| self.permit_order(call, order));
        note_undone(call, &orders, &permitted);
        permitted?;
        let _units = self.writes_units(&orders);
        let (door, call) = (self.clone(), call.clone());
        self.store
            .write(move |session| {
                let writing = Writing {
                    door: &door,
                    call: &call,
                    session,
                };
                let written = writing.carry_out(&conditions, &orders);
                note_undone(&call, &orders, &written);
                written
            })
            .await
    }
}

impl Door {
    /// Refuses what no scope lets the caller write, whatever stands there; what does is known in the transaction.
    pub(super) fn permit_order(&self, call: &Call, order: &Order) -> Result<(), Problem> {
        let kind = order.kind();
        match order.action {
            Action::Create(_) => self.permit(call, Right::Create, kind),
            Action::Delete { .. } => self.permit(call, Right::Delete, kind),
            Action::Patch { .. } => self.permit(call, Right::Update, kind),
            Action::Update { .. } => self
                .permit(call, Right::Update, kind)
                .or_else(|_| self.permit(call, Right::Create, kind)),
        }
    }

    /// 428 when the configuration demands that whoever changes a resource names its version and this caller does not. The
    /// service's own writes are not a caller's.
    pub(super) fn demand_version(&self, call: &Call, precondition: &Precondition) -> Result<(), Problem> {
        let named = matches!(precondition, Precondition::VersionIn(_));
        if named || !self.require_if_match || call.caller == Caller::Service {
            return Ok(());
        }
        Err(Problem::IfMatchRequired {
            expression: String::new(),
        })
    }

    fn demand_if_match(&self, call: &Call, staged: &Staged<'_>) -> Result<(), Problem> {
        let exists = staged.current.as_ref().is_some_and(|stored| !stored.deleted);
        match &staged.order.action {
            Action::Update { precondition, .. }
            | Action::Patch { precondition, .. }
            | Action::Delete { precondition, .. }
                if exists =>
            {
                self.demand_version(call, precondition)
                    .map_err(|problem| staged.order.place(problem))
            }
            _ => Ok(()),
        }
    }
}

/// What became of the one order that was given.
pub(super) fn first(written: Vec<Written>) -> Result<Written, Problem> {
    written.into_iter().next().ok_or_else(|| Problem::Internal {
        reason: "the door answered nothing".to_owned(),
    })
}

impl Order {
    pub(super) fn kind(&self) -> ResourceType {
        match &self.action {
            Action::Create(prepared) | Action::Update { prepared, .. } | Action::Patch { prepared, .. } => {
                prepared.kind
            }
            Action::Delete { kind, .. } => *kind,
        }
    }

    /// What is to stand there; nothing after a delete.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        match &self.action {
            Action::Create(prepared) | Action::Update { prepared, .. } | Action::Patch { prepared, .. } => {
                Some(prepared)
            }
            Action::Delete { .. } => None,
        }
    }

    pub(super) fn id(&self) -> &str {
        match &self.action {
            Action::Create(prepared) | Action::Update { prepared, .. } | Action::Patch { prepared, .. } => &prepared.id,
            Action::Delete { id, .. } => id,
        }
    }

    /// How the version comes about, for its history.
    fn interaction(&self) -> Interaction {
        match &self.action {
            Action::Create(_) => Interaction::Create,
            Action::Update { .. } => Interaction::Update,
            Action::Patch { .. } => Interaction::Patch,
            Action::Delete { .. } => Interaction::Delete,
        }
    }

    pub(super) fn is_create(&self) -> bool {
        matches!(self.action, Action::Create(_))
    }

    /// The patient whose compartment is written.
    pub(super) fn patient(&self) -> Option<String> {
        self.prepared()?.body.patient.clone()
    }

    /// The expression or problem as the caller sees it: within the entry, when there is one.
    pub(super) fn place(&self, problem: Problem) -> Problem {
        match self.entry {
            Some(index) => problem.in_entry(index),
            None => problem,
        }
    }
}

/// One transaction on its way.
struct Writing<'s> {
    door: &'s Door,
    call: &'s Call,
    session: &'s mut Session,
}

/// An order that is in its place but not yet judged.
pub(super) struct Staged<'o> {
    pub(super) order: &'o Order,
    /// What is replaced, deleted or not.
    pub(super) current: Option<Stored>,
    /// What is kept beside it.
    pub(super) fore: Option<Kept>,
    before: Option<Arc<Fact>>,
    /// GEN-02: the write only ends or limits what is stored.
    bara_avslut: bool,
}

impl Writing<'_> {
    fn carry_out(self, conditions: &[Condition], orders: &[Order]) -> Result<Vec<Written>, Problem> {
        let Writing { door, call, session } = self;
        let criteria: Vec<String> = conditions.iter().map(Condition::key).collect();
        lock(session, &criteria, orders, &door.understood)?;
        for condition in conditions {
            condition.verify(door.eyes_in(call, condition.query()), session)?;
        }
        let mut transaction = Transaction {
            door,
            call,
            underlag: OppenTransaktion::new(session, &door.understood)
                .seen_by(call, door.nu())
                .in_time(),
            made: Vec::new(),
        };
        let mut staged = Vec::with_capacity(orders.len());
        let mut written = Vec::with_capacity(orders.len());
        for order in orders {
            let (order, result) = transaction.carry_out(order)?;
            staged.push(order);
            written.push(result);
        }
        transaction
            .conclude(&staged, &mut written)?
            .log(Disclosure::default(), &written)?;
        Ok(written)
    }
}

/// Takes the locks the exactness of the patient rules rests on, in one fixed order for all writers. Under SQLite the
/// one writer is the lock.
pub(super) fn lock(
    session: &mut Session,
    criteria: &[String],
    orders: &[Order],
    understood: &Understood,
) -> Result<(), Problem> {
    if !session.needs_locks() {
        return Ok(());
    }
    // Two writers under the same criteria must not both find nobody; nor two that give an Organization the same HSA-id.
    let named = orders.iter().filter(|order| order.kind() == ResourceType::Organization);
    let named = named
        .filter_map(Order::prepared)
        .flat_map(|prepared| organisationens_hsa_id(&prepared.body.resource));
    let mut alone = criteria.to_vec();
    alone.extend(named.map(|id| format!("Organization?hsa-id={id}")));
    session.lock_criteria(&alone)?;
    let keys: BTreeSet<(ResourceType, &str)> = orders.iter().map(|order| (order.kind(), order.id())).collect();
    let named: BTreeSet<String> = orders.iter().filter_map(Order::patient).collect();
    // Who is told by a number only: the rules look at the patients that carry it.
    let facts = orders.iter().filter_map(Order::prepared).map(|prepared| &prepared.fact);
    let unnamed: Vec<(&Fact, &Reference)> = facts
        .flat_map(|fact| utan_patientresurs(fact).into_iter().map(|about| (fact.as_ref(), about)))
        .collect();
    let mut locked = BTreeSet::new();
    loop {
        // Another writer may have joined patients while we waited for the locks; then those are waited for too.
        let mut joined = named.clone();
        for patient in &named {
            joined.extend(samma_patient(patient, &mut OppenTransaktion::new(session, understood))?);
        }
        for (fact, about) in &unnamed {
            let mut underlag = OppenTransaktion::new(session, understood);
            joined.extend(samma_som(Some(about), fact, &mut underlag)?);
        }
        let missing: Vec<String> = joined.difference(&locked).cloned().collect();
        if missing.is_empty() {
            break;
        }
        session.lock_patients(&missing)?;
        locked.extend(missing);
    }
    session.lock_resources(&keys.into_iter().collect::<Vec<_>>())?;
    Ok(())
}

/// The orders of one request, carried out or only thought of, and the state that they make.
pub(super) struct Transaction<'a, 's> {
    pub(super) door: &'a Door,
    pub(super) call: &'a Call,
    pub(super) underlag: OppenTransaktion<'s>,
    /// The versions that were written, for the Provenances.
    pub(super) made: Vec<Made>,
}

/// A transaction that is judged and holds; the log's record is still to be made.
#[must_use]
pub(super) struct Concluded<'a, 's> {
    pub(super) door: &'a Door,
    pub(super) call: &'a Call,
    pub(super) session: &'s mut Session,
    /// What the rules brought about.
    brought_about: Vec<Written>,
}

impl<'a, 's> Transaction<'a, 's> {
    /// Puts an order in its place and stores it; it is judged when all are ([`Transaction::conclude`]).
    pub(super) fn carry_out<'o>(&mut self, order: &'o Order) -> Result<(Staged<'o>, Written), Problem> {
        let staged = self.stage(order)?;
        self.door.demand_if_match(self.call, &staged)?;
        let written = self.store(&staged)?;
        Ok((staged, written))
    }

    /// Judges the state after all orders, carries out what the rules bring about, and tells of it all in Provenances. The findings of each order are put with
    /// what became of it. The record in the log is still to be made ([`Concluded::log`]).
    pub(super) fn conclude(
        mut self,
        staged: &[Staged<'_>],
        written: &mut [Written],
    ) -> Result<Concluded<'a, 's>, Problem> {
        let judgements = self.judge(staged)?;
        refuse(&judgements)?;
        let mut effects = Vec::new();
        for (result, judgement) in written.iter_mut().zip(judgements) {
            result.findings = judgement.findings;
            effects.extend(judgement.effects);
        }
        let brought_about = effects
            .into_iter()
            .map(|effect| self.bring_about(effect))
            .collect::<Result<Vec<Written>, Problem>>()?;
        provenance::put(self.door, self.call, self.underlag.session, &self.made)?;
        Ok(Concluded {
            door: self.door,
            call: self.call,
            session: self.underlag.session,
            brought_about,
        })
    }

    /// Looks at what stands where the order goes, checks the preconditions, and lets the rules see the state after it;
    /// nothing is stored and nothing judged yet.
    pub(super) fn stage<'o>(&mut self, order: &'o Order) -> Result<Staged<'o>, Problem> {
        let current = self.underlag.session.current(order.kind(), order.id())?;
        let fore = match &current {
            Some(stored) => self.underlag.session.kept_beside(stored.kind, &stored.id)?,
            None => None,
        };
        if let Some(stored) = &current {
            let fore = fore.as_ref().ok_or_else(|| Problem::Internal {
                reason: "nothing is kept beside a stored resource".to_owned(),
            })?;
            let right = right_of(Some(stored), order.prepared().is_none());
            self.door
                .may_touch(self.call, self.underlag.session, (stored, fore), right)
                .map_err(|problem| order.place(problem))?;
        }
        precondition(order, current.as_ref()).map_err(|problem| order.place(problem))?;
        if matches!(order.action, Action::Delete { .. }) && current.is_none() {
            return Err(order.place(Problem::NotFound));
        }
        if current.is_none() {
            refuse_personal_numbers(order, self.door.clock.today()).map_err(|problem| order.place(problem))?;
        }
        if order.kind() == ResourceType::Provenance && current.is_some() {
            provenance::refuse_change(self.underlag.session, order.id()).map_err(|problem| order.place(problem))?;
        }
        let before = current.as_ref().filter(|stored| !stored.deleted);
        let before_fact = before.and_then(|stored| self.door.understood.fact(stored));
        let bara_avslut = match (before, &order.action) {
            (Some(stored), Action::Update { prepared, .. } | Action::Patch { prepared, .. }) => {
                only_ends_or_limits(&resource_of(stored)?, &prepared.body.resource)
            }
            _ => false,
        };
        let after = order.prepared().map(|prepared| prepared.fact.clone());
        self.underlag
            .remember(order.kind(), order.id(), after, before_fact.clone());
        Ok(Staged {
            order,
            current,
            fore,
            before: before_fact,
            bara_avslut,
        })
    }

    /// Stores the new version of what is staged.
    fn store(&mut self, staged: &Staged<'_>) -> Result<Written, Problem> {
        let keeping = self.may_write(staged)?;
        match (staged.order.prepared(), &staged.current) {
            (Some(prepared), current) => {
                let outcome = if current.as_ref().is_some_and(|stored| !stored.deleted) {
                    Outcome::Updated
                } else {
                    Outcome::Created
                };
                let made = (staged.order.interaction(), outcome);
                let kept = (&prepared.body, &keeping);
                self.put(prepared.kind, &prepared.id, current.as_ref(), kept, made)
            }
            (None, Some(stored)) if stored.deleted => Ok(already_deleted(stored)),
            (None, Some(stored)) => self.end(stored),
            (None, None) => Err(staged.order.place(Problem::NotFound)),
        }
    }

    /// What is kept beside what a rule brings about: whoever kept it keeps it on.
    fn brought_about(&mut self, kind: ResourceType, body: &Body, current: Option<&Stored>) -> Result<Keeping, Problem> {
        let before = match current {
            Some(stored) => self.underlag.session.kept_beside(kind, &stored.id)?,
            None => None,
        };
        let what = (kind, &body.resource, body.index.as_slice());
        let text = body.resource.to_string();
        let fact = understand(kind.name(), &text).map_err(|_| Problem::Internal {
            reason: format!("what a rule made of a {kind} cannot be understood"),
        })?;
        Ok(keeping(&Caller::Service, &mut self.underlag, what, (&fact, before))?)
    }

    /// Writes the next version of a resource: current row, history, index and outbox in one go.
    fn put(
        &mut self,
        kind: ResourceType,
        id: &str,
        current: Option<&Stored>,
        (body, keeping): (&Body, &Keeping),
        (interaction, outcome): (Interaction, Outcome),
    ) -> Result<Written, Problem> {
        let version = current.map_or(1, |stored| stored.version + 1);
        let last_updated = self.underlag.session.next_instant(self.door.clock.now(), current);
        let text = body.render(version, last_updated);
        let new = NewVersion {
            kind,
            id,
            version,
            last_updated,
            deleted: false,
            patient: body.patient.as_deref(),
            body: &text,
            index: &body.index,
            caller: self.call.caller.name(),
            request_id: &self.call.request_id,
            interaction: interaction.code(),
        };
        let hallare = self.underlag.session.put_kept(&new, keeping)?;
        let seen = SeenBy::of(hallare, keeping);
        self.made
            .push(Made::new(kind, id, (version, outcome), &body.resource, seen));
        Ok(Written {
            kind,
            id: id.to_owned(),
            version,
            last_updated,
            outcome,
            body: text,
            findings: Vec::new(),
        })
    }

    /// Writes the version that says the resource is deleted. It keeps its patient, its keeper and its labels, so that the
    /// patient's history is whole and seen by the same.
    fn end(&mut self, stored: &Stored) -> Result<Written, Problem> {
        let last_updated = self.underlag.session.next_instant(self.door.clock.now(), Some(stored));
        let version = stored.version + 1;
        let before = resource_of(stored)?;
        let keeping = Keeping {
            ratter: Vec::new(),
            ..harled(stored.kind, &before, &[], &[], |_| Vec::new())
        };
        let patient = search::patient_of(stored.kind, &before);
        let new = NewVersion {
            kind: stored.kind,
            id: &stored.id,
            version,
            last_updated,
            deleted: true,
            patient: patient.as_deref(),
            body: "",
            index: &[],
            caller: self.call.caller.name(),
            request_id: &self.call.request_id,
            interaction: Interaction::Delete.code(),
        };
        let hallare = self.underlag.session.put_kept(&new, &keeping)?;
        let seen = SeenBy::of(hallare, &keeping);
        let what = (version, Outcome::Deleted);
        self.made.push(Made::new(stored.kind, &stored.id, what, &before, seen));
        Ok(Written {
            kind: stored.kind,
            id: stored.id.clone(),
            version,
            last_updated,
            outcome: Outcome::Deleted,
            body: String::new(),
            findings: Vec::new(),
        })
    }

    /// Judges every order on the state after all of them, findings at the caller's paths. What the rules bring about is
    /// still to be carried out.
    pub(super) fn judge(&mut self, staged: &[Staged<'_>]) -> Result<Vec<Judgement>, Problem> {
        let today = self.door.clock.today();
        // What it tells of may be written by another entry: so it is asked when all are.
        for staged in staged {
            self.refuse_for_others(staged)
                .map_err(|problem| staged.order.place(problem))?;
        }
        let mut judgements = Vec::with_capacity(staged.len());
        for staged in staged {
            let Some(prepared) = staged.order.prepared() else {
                judgements.push(Judgement::default());
                continue;
            };
            let skrivning = Skrivning {
                written: &prepared.fact,
                stored: staged.before.as_deref(),
                bara_avslut: staged.bara_avslut,
            };
            let Judgement { findings, effects } = bedom(&skrivning, &mut self.underlag, &self.door.policies, today)?;
            if !findings.is_empty() {
                // What the rules find tells of them.
                let mut asked = Asked::default();
                self.berorda(prepared)?.iter().for_each(|id| asked.patient(id));
                self.call.disclosed.ask(asked);
            }
            let findings = findings
                .into_iter()
                .map(|finding| located(finding, prepared, staged.order.entry))
                .collect();
            judgements.push(Judgement { findings, effects });
        }
        Ok(judgements)
    }

    /// The patients whom the rules look at: those that it is about, by a number alone too, and those who are one with them.
    pub(super) fn berorda(&mut self, prepared: &Prepared) -> Result<BTreeSet<String>, Problem> {
        let mut all = BTreeSet::new();
        if let Some(patient) = &prepared.body.patient {
            all.extend(samma_patient(patient, &mut self.underlag)?);
        }
        for about in utan_patientresurs(&prepared.fact) {
            all.extend(samma_som(Some(about), &prepared.fact, &mut self.underlag)?);
        }
        Ok(all)
    }

    /// Carries out what a rule brings about, in the same transaction: a new version of another resource, or a new one
    /// under an id of ours.
    fn bring_about(&mut self, effect: Effect) -> Result<Written, Problem> {
        let now = self.door.clock.now();
        match effect.target() {
            Target::Version(kind, id) => {
                let Some(stored) = self.underlag.session.current(kind, id)? else {
                    return Err(Problem::Internal {
                        reason: format!("the {kind} an effect ends is not stored"),
                    });
                };
                let mut resource = resource_of(&stored)?;
                effect.apply(&mut resource, now);
                let body = Body::new(kind, id, resource);
                let kept = self.brought_about(kind, &body, Some(&stored))?;
                let made = (Interaction::Update, Outcome::Updated);
                self.put(kind, id, Some(&stored), (&body, &kept), made)
            }
            Target::New(kind) => {
                let mut resource = json!({});
                effect.apply(&mut resource, now);
                let id = Uuid::now_v7().to_string();
                let body = Body::new(kind, &id, resource);
                let kept = self.brought_about(kind, &body, None)?;
                let made = (Interaction::Create, Outcome::Created);
                self.put(kind, &id, None, (&body, &kept), made)
            }
        }
    }
}

impl Concluded<'_, '_> {
    /// One record in the access log for the request, naming all that it wrote, what the rules brought about included, and
    /// what else it discloses.
    pub(super) fn log(self, disclosed: Disclosure, written: &[Written]) -> Result<(), Problem> {
        let all = written.iter().chain(&self.brought_about);
        Ok(self.door.log_write(self.call, self.session, all, disclosed)?)
    }
}

/// Refuses the whole when one order has an error; every finding is told.
fn refuse(judgements: &[Judgement]) -> Result<(), Problem> {
    if !judgements.iter().any(Judgement::refuses) {
        return Ok(());
    }
    let mut findings: Vec<Finding> = judgements.iter().flat_map(|it| it.findings.clone()).collect();
    findings.sort_by_key(|finding| finding.severity);
    Err(Problem::Refused(findings))
}

/// What the caller demands of the current version (http.html#concurrency).
fn precondition(order: &Order, current: Option<&Stored>) -> Result<(), Problem> {
    let precondition = match &order.action {
        Action::Create(_) => {
            return match current {
                None => Ok(()),
                Some(_) => Err(Problem::Race),
            };
        }
        Action::Update { precondition, .. }
        | Action::Patch { precondition, .. }
        | Action::Delete { precondition, .. } => precondition,
    };
    demand(precondition, current)
}

/// The finding as the caller should see it: a path in the caller's version, inside its entry.
fn located(finding: Finding, prepared: &Prepared, entry: Option<usize>) -> Finding {
    let expression = prepared.paths.to_source(&finding.expression);
    let expression = match entry {
        Some(index) => in_resource(&format!("Bundle.entry[{index}]"), &expression),
        None => expression,
    };
    Finding { expression, ..finding }
}

fn already_deleted(stored: &Stored) -> Written {
    Written {
        kind: stored.kind,
        id: stored.id.clone(),
        version: stored.version,
        last_updated: stored.last_updated,
        outcome: Outcome::AlreadyDeleted,
        body: String::new(),
        findings: Vec::new(),
    }
}

/// The stored text as JSON; what was stored was checked, so a failure is a fault of ours.
fn resource_of(stored: &Stored) -> Result<Value, Problem> {
    reread(&stored.body).map_err(|_| Problem::Internal {
        reason: format!("a stored {} is not JSON", stored.kind),
    })
}
