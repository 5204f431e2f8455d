//! The way of a write, inside one database transaction: lock, check what the caller demands, store, judge the state
//! that results (GEN-01), carry out what the rules bring about, audit. An error anywhere leaves nothing behind.

use std::collections::BTreeSet;
use std::sync::Arc;

use fastkontakt_model::Fact;
use jiff::civil::Date;

use super::content::{Body, Prepared};
use super::lock::lock;
use super::logg::note_undone;
use super::precondition::demand;
use super::problem::{Problem, in_resource};
use super::provenance::{self, InName, Made, SeenBy};
use super::skrivratt::{refuse_personal_numbers, right_of};
use super::underlag::OppenTransaktion;
use super::villkor::Condition;
use super::{Action, Door, Order, Outcome, Precondition, Written};
use crate::access::harledning::harled;
use crate::access::{Asked, Call, Caller, Disclosure, Interaction, Right};
use crate::fhir::search;
use crate::fhir::types::ResourceType;
use crate::riktlinje::{
    Effect, Finding, Judgement, Skrivning, bedom, bedom_borttagning, only_ends_or_limits, samma_patient, samma_som,
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
        let (door, call) = (self.clone(), call.clone());
        // Taken down here: the one writer (SQLite) has better things to do.
        let held = Arc::new(orders);
        let orders = held.clone();
        self.store
            .write(call.caller.party(None), move |session| {
                let written = door.carry_out(&call, session, &conditions, &orders);
                note_undone(&call, &orders, &written);
                Ok::<_, Problem>((written?, door.writes_units(&orders)))
            })
            .await
            .map(|(written, _units)| written)
    }

    /// One order by itself, under the same terms.
    pub async fn write_one(&self, call: &Call, conditions: Vec<Condition>, action: Action) -> Result<Written, Problem> {
        let order = Order { action, entry: None };
        let written = self.write_while(call, conditions, vec![order]).await?;
        written.into_iter().next().ok_or_else(|| Problem::Internal {
            reason: "the door answered nothing".to_owned(),
        })
    }

    fn carry_out(
        &self,
        call: &Call,
        session: &mut Session,
        conditions: &[Condition],
        orders: &[Order],
    ) -> Result<Vec<Written>, Problem> {
        let criteria: Vec<String> = conditions.iter().map(Condition::key).collect();
        lock(session, &criteria, orders, &self.understood, self.clock)?;
        for condition in conditions {
            condition.verify(self.eyes_in(call, condition.query()), session)?;
        }
        let mut transaction = Transaction::begin(self, call, session);
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

/// An order that is in its place but not yet judged.
pub(super) struct Staged<'o> {
    pub(super) order: &'o Order,
    /// What is replaced, deleted or not.
    pub(super) current: Option<Stored>,
    /// What is kept beside it.
    pub(super) fore: Option<Kept>,
    pub(super) before: Option<Arc<Fact>>,
    /// GEN-02: the write only ends or limits what is stored.
    bara_avslut: bool,
}

/// The orders of one request, carried out or only thought of, and the state that they make.
pub(super) struct Transaction<'a, 's> {
    pub(super) door: &'a Door,
    pub(super) call: &'a Call,
    pub(super) underlag: OppenTransaktion<'s>,
    /// The versions that were written, for the Provenances.
    pub(super) made: Vec<Made>,
    /// Whom references mean is guessed, and still to be held against the truth ([`Transaction::guessed_right`]).
    pub(super) guesses: bool,
    /// The first write that was denied, and what stands there.
    pub(super) denied: Option<(Problem, Option<(ResourceType, String)>)>,
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
    /// Nothing is written yet; what the rules may ask is what the caller may read.
    pub(super) fn begin(door: &'a Door, call: &'a Call, session: &'s mut Session) -> Self {
        Transaction {
            door,
            call,
            underlag: OppenTransaktion::new(session, &door.understood)
                .seen_by(call, door.nu())
                .give(door.judged_in),
            made: Vec::new(),
            guesses: false,
            denied: None,
        }
    }

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
        let brought_about = Effect::samlade(effects)
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
        if matches!(order.action, Action::Patch { .. }) && current.as_ref().is_none_or(|stored| stored.deleted) {
            // What it was made of was there.
            return Err(Problem::Race);
        }
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
                only_ends_or_limits(&stored.resource()?, &prepared.body.resource)
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
                let written = self.put(prepared.kind, &prepared.id, current.as_ref(), kept, made)?;
                for understood in self.door.all_understood() {
                    understood.learn(prepared.kind, &prepared.id, &written.body, &prepared.fact);
                }
                Ok(written)
            }
            (None, Some(stored)) if stored.deleted => Ok(Written::already_deleted(stored)),
            (None, Some(stored)) => self.end(stored, staged.fore.as_ref()),
            (None, None) => Err(staged.order.place(Problem::NotFound)),
        }
    }

    /// Writes the next version of a resource: current row, history, index and outbox in one go.
    pub(super) fn put(
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
        self.underlag.forget();
        let seen = SeenBy::of(hallare, keeping);
        let in_name = InName::of(self.call, keeping);
        let what = (version, outcome);
        self.made
            .push(Made::new(kind, id, what, &body.resource, (seen, in_name)));
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
    fn end(&mut self, stored: &Stored, fore: Option<&Kept>) -> Result<Written, Problem> {
        let last_updated = self.underlag.session.next_instant(self.door.clock.now(), Some(stored));
        let version = stored.version + 1;
        let before = stored.resource()?;
        let keeping = Keeping {
            ratter: Vec::new(),
            allman: fore.is_some_and(|fore| fore.allman),
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
        self.underlag.forget();
        let seen = SeenBy::of(hallare, &keeping);
        let what = (version, Outcome::Deleted);
        self.made
            .push(Made::new(stored.kind, &stored.id, what, &before, (seen, InName::Unit)));
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
                judgements.push(self.judge_delete(staged, today)?);
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

    /// A delete is not judged; what follows of it is told and brought about.
    fn judge_delete(&mut self, staged: &Staged<'_>, today: Date) -> Result<Judgement, Problem> {
        let Some(before) = &staged.before else {
            return Ok(Judgement::default());
        };
        let mut judgement = bedom_borttagning(before, &mut self.underlag, &self.door.policies, today)?;
        if let Some(patient) = staged.fore.as_ref().and_then(|fore| fore.patient.as_ref())
            && !judgement.findings.is_empty()
        {
            // What the rules find tells of them.
            let mut asked = Asked::default();
            let all = samma_patient(patient, &mut self.underlag)?;
            all.iter().for_each(|id| asked.patient(id));
            self.call.disclosed.ask(asked);
        }
        if let Some(index) = staged.order.entry {
            for finding in &mut judgement.findings {
                finding.expression = in_resource(&format!("Bundle.entry[{index}]"), &finding.expression);
            }
        }
        Ok(judgement)
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
