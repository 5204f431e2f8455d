//! The way of a write, inside one database transaction: lock, check what the caller demands, store, judge the state
//! that results (GEN-01), carry out what the rules bring about, audit. An error anywhere leaves nothing behind.

use std::collections::BTreeSet;
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::Reference;
use serde_json::{Value, json};
use uuid::Uuid;

use super::content::{Body, Prepared};
use super::problem::{Problem, in_resource};
use super::underlag::OppenTransaktion;
use super::villkor::Condition;
use super::{Action, Door, Order, Outcome, Precondition, Understood, Written};
use crate::access::{Call, Caller};
use crate::fhir::fault::Text;
use crate::fhir::json::reread;
use crate::fhir::search;
use crate::fhir::types::ResourceType;
use crate::riktlinje::{
    Effect, Finding, Judgement, Skrivning, Target, bedom, only_ends_or_limits, samma_patient, samma_som,
    utan_patientresurs,
};
use crate::store::{AuditEntry, NewVersion, Session, Stored};

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
        for order in &orders {
            self.permit(call, order.kind())?;
        }
        let (door, call) = (self.clone(), call.clone());
        self.store
            .write(move |session| {
                let writing = Writing {
                    door: &door,
                    call: &call,
                    session,
                };
                writing.carry_out(&conditions, &orders)
            })
            .await
    }
}

impl Door {
    /// 428 when the configuration demands that whoever changes a resource names its version and this caller does not. The
    /// service's own writes are not a caller's.
    pub(super) fn demand_version(&self, call: &Call, precondition: Precondition) -> Result<(), Problem> {
        let named = matches!(precondition, Precondition::VersionIs(_));
        if named || !self.require_if_match || call.caller == Caller::Service {
            return Ok(());
        }
        Err(Problem::IfMatchRequired {
            expression: String::new(),
        })
    }

    fn demand_if_match(&self, call: &Call, staged: &Staged<'_>) -> Result<(), Problem> {
        let exists = staged.current.as_ref().is_some_and(|stored| !stored.deleted);
        match staged.order.action {
            Action::Update { precondition, .. } | Action::Delete { precondition, .. } if exists => self
                .demand_version(call, precondition)
                .map_err(|problem| staged.order.place(problem)),
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
            Action::Create(prepared) | Action::Update { prepared, .. } => prepared.kind,
            Action::Delete { kind, .. } => *kind,
        }
    }

    /// What is to stand there; nothing after a delete.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        match &self.action {
            Action::Create(prepared) | Action::Update { prepared, .. } => Some(prepared),
            Action::Delete { .. } => None,
        }
    }

    fn id(&self) -> &str {
        match &self.action {
            Action::Create(prepared) | Action::Update { prepared, .. } => &prepared.id,
            Action::Delete { id, .. } => id,
        }
    }

    /// The patient whose compartment is written.
    fn patient(&self) -> Option<String> {
        self.prepared()?.body.patient.clone()
    }

    /// The expression or problem as the caller sees it: within the entry, when there is one.
    fn place(&self, problem: Problem) -> Problem {
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
            condition.verify(session)?;
        }
        let mut transaction = Transaction {
            door,
            call,
            underlag: OppenTransaktion::new(session, &door.understood),
        };
        let mut staged = Vec::with_capacity(orders.len());
        let mut written = Vec::with_capacity(orders.len());
        for order in orders {
            let (order, result) = transaction.carry_out(order)?;
            staged.push(order);
            written.push(result);
        }
        transaction.conclude(&staged, &mut written)?;
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
    // Two writers under the same criteria must not both find nobody.
    session.lock_criteria(criteria)?;
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
}

impl Transaction<'_, '_> {
    /// Puts an order in its place and stores it; it is judged when all are ([`Transaction::conclude`]).
    pub(super) fn carry_out<'o>(&mut self, order: &'o Order) -> Result<(Staged<'o>, Written), Problem> {
        let staged = self.stage(order)?;
        self.door.demand_if_match(self.call, &staged)?;
        let written = self.store(&staged)?;
        Ok((staged, written))
    }

    /// Judges the state after all orders, carries out what the rules bring about, and writes the audit. The findings of
    /// each order are put with what became of it.
    pub(super) fn conclude(&mut self, staged: &[Staged<'_>], written: &mut [Written]) -> Result<(), Problem> {
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
        self.audit(written.iter().chain(&brought_about))
    }

    /// Looks at what stands where the order goes, checks the preconditions, and lets the rules see the state after it;
    /// nothing is stored and nothing judged yet.
    pub(super) fn stage<'o>(&mut self, order: &'o Order) -> Result<Staged<'o>, Problem> {
        let current = self.underlag.session.current(order.kind(), order.id())?;
        precondition(order, current.as_ref()).map_err(|problem| order.place(problem))?;
        if matches!(order.action, Action::Delete { .. }) && current.is_none() {
            return Err(order.place(Problem::NotFound));
        }
        let before = current.as_ref().filter(|stored| !stored.deleted);
        let before_fact = before.and_then(|stored| self.door.understood.fact(stored));
        let bara_avslut = match (before, &order.action) {
            (Some(stored), Action::Update { prepared, .. }) => {
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
            before: before_fact,
            bara_avslut,
        })
    }

    /// Stores the new version of what is staged.
    fn store(&mut self, staged: &Staged<'_>) -> Result<Written, Problem> {
        match (staged.order.prepared(), &staged.current) {
            (Some(prepared), current) => {
                let outcome = if current.as_ref().is_some_and(|stored| !stored.deleted) {
                    Outcome::Updated
                } else {
                    Outcome::Created
                };
                self.put(prepared.kind, &prepared.id, current.as_ref(), &prepared.body, outcome)
            }
            (None, Some(stored)) if stored.deleted => Ok(already_deleted(stored)),
            (None, Some(stored)) => self.end(stored),
            (None, None) => Err(staged.order.place(Problem::NotFound)),
        }
    }

    /// Writes the next version of a resource: current row, history, index and outbox in one go.
    fn put(
        &mut self,
        kind: ResourceType,
        id: &str,
        current: Option<&Stored>,
        body: &Body,
        outcome: Outcome,
    ) -> Result<Written, Problem> {
        let version = current.map_or(1, |stored| stored.version + 1);
        let last_updated = self.underlag.session.next_instant(self.door.clock.now(), current);
        let text = body.render(version, last_updated);
        self.underlag.session.put(&NewVersion {
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
            interaction: self.call.interaction.code(),
        })?;
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

    /// Writes the version that says the resource is deleted. It keeps its patient, so that the patient's history is whole.
    fn end(&mut self, stored: &Stored) -> Result<Written, Problem> {
        let last_updated = self.underlag.session.next_instant(self.door.clock.now(), Some(stored));
        let version = stored.version + 1;
        let patient = resource_of(stored)?;
        self.underlag.session.put(&NewVersion {
            kind: stored.kind,
            id: &stored.id,
            version,
            last_updated,
            deleted: true,
            patient: search::patient_of(stored.kind, &patient).as_deref(),
            body: "",
            index: &[],
            caller: self.call.caller.name(),
            request_id: &self.call.request_id,
            interaction: self.call.interaction.code(),
        })?;
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
            let findings = findings
                .into_iter()
                .map(|finding| located(finding, prepared, staged.order.entry))
                .collect();
            judgements.push(Judgement { findings, effects });
        }
        Ok(judgements)
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
                self.put(kind, id, Some(&stored), &body, Outcome::Updated)
            }
            Target::New(kind) => {
                let mut resource = json!({});
                effect.apply(&mut resource, now);
                let id = Uuid::now_v7().to_string();
                let body = Body::new(kind, &id, resource);
                self.put(kind, &id, None, &body, Outcome::Created)
            }
        }
    }

    /// One audit row for the request, naming all that it wrote, what the rules brought about included.
    fn audit<'w>(&mut self, written: impl Iterator<Item = &'w Written>) -> Result<(), Problem> {
        let entry = AuditEntry {
            at: self.door.clock.now(),
            caller: self.call.caller.name(),
            purpose: self.call.purpose,
            interaction: self.call.interaction.code(),
            request_id: &self.call.request_id,
            outcome: "success",
            resources: written
                .map(|result| (result.kind, result.id.as_str(), result.version))
                .collect(),
        };
        Ok(self.underlag.session.audit(&entry)?)
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
        Action::Update { precondition, .. } | Action::Delete { precondition, .. } => *precondition,
    };
    demand(precondition, current)
}

/// The same, of an update, a delete or a patch.
pub(super) fn demand(precondition: Precondition, current: Option<&Stored>) -> Result<(), Problem> {
    let failed = |sv: &'static str, en: &'static str| {
        Err(Problem::PreconditionFailed {
            text: Text::new(sv, en),
            expression: String::new(),
        })
    };
    match (precondition, current) {
        (Precondition::None, _) => Ok(()),
        (Precondition::MustNotExist | Precondition::Free, None) => Ok(()),
        (Precondition::MustNotExist | Precondition::Free, Some(stored)) if stored.deleted => Ok(()),
        (Precondition::MustNotExist, Some(_)) => failed(
            "Resursen finns redan (If-None-Match: *).",
            "The resource exists already (If-None-Match: *).",
        ),
        (Precondition::Free, Some(stored)) => Err(Problem::IdTaken {
            expression: format!("{}.id", stored.kind),
        }),
        (Precondition::BuiltOn(version), Some(stored)) if stored.version == version => Ok(()),
        (Precondition::BuiltOn(_), _) => Err(Problem::Race),
        (Precondition::MustExist, Some(stored)) if !stored.deleted => Ok(()),
        (Precondition::MustExist, _) => failed(
            "Det finns ingen gällande version (If-Match: *).",
            "There is no current version (If-Match: *).",
        ),
        (Precondition::VersionIs(version), Some(stored)) if stored.version == version => Ok(()),
        (Precondition::VersionIs(_), _) => failed(
            "If-Match anger en annan version än den gällande: läs resursen på nytt och gör om ändringen.",
            "If-Match names another version than the current one: read the resource again and redo the change.",
        ),
    }
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
