//! What a write would be answered, without writing it (`$validate`): the same way as a write up to the judgement, on one
//! unchanging state of the database. The writer is not asked, and nothing is left behind.

use serde_json::Value;
use uuid::Uuid;

use super::content::{self, Content, Prepared, require_same_id};
use super::logg::{note, note_undone, thought_of, told};
use super::problem::Problem;
use super::read::{Seen, live};
use super::underlag::OppenTransaktion;
use super::write::Transaction;
use super::{Action, Door, Order, Precondition};
use crate::access::{Call, Right};
use crate::definitions::{UnknownProfile, check_profile};
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::riktlinje::{Finding, Severity, omprova};
use crate::store::{Session, Stored};

/// What a validation has to tell; nothing at all when all is well. Expressions are in the caller's version.
#[derive(Debug, Default)]
pub struct Told {
    pub faults: Vec<Fault>,
    pub findings: Vec<Finding>,
    pub notes: Vec<Note>,
}

/// Something worth knowing that is no fault and no finding.
#[derive(Debug)]
pub struct Note {
    pub severity: Severity,
    pub code: IssueCode,
    pub expression: String,
    pub text: Text,
}

/// Under which id a proposed resource is meant to be stored.
#[derive(Clone, Debug)]
pub enum Proposed {
    /// As a new resource: an id in the body is the server's to give.
    New,
    /// As it says itself; as a new resource when it has no id.
    AsItSays,
    /// Under this id; the body must have the same.
    Under(String),
}

/// Checks a proposed resource as far as it can be without the database: its form, and the profiles it is to follow (the
/// nominated one and those it names itself). The order is there when the form holds; it is then to be judged.
///
/// A resource of another type than the address names is [`Problem`]: of that nothing can be said here.
pub fn examine(
    version: FhirVersion,
    kind: ResourceType,
    proposed: Proposed,
    resource: Value,
    profile: Option<&str>,
    own_bases: &[String],
) -> Result<(Told, Option<Order>), Problem> {
    let other_type = content::type_of(&resource).is_some_and(|name| name != kind.name());
    let mut told = Told::default();
    match content::check_alone(version, kind.name(), &resource, own_bases) {
        Ok(()) => {}
        Err(Problem::NotFhir(faults)) if !other_type => return Ok((not_judged(faults), None)),
        Err(problem) => return Err(problem),
    }
    told.against_profiles(version, kind, &resource, profile, true)?;
    let content = Content::new(version, kind, resource, own_bases);
    let own_id = content.id().map(str::to_owned);
    let (id, is_new) = match (proposed, own_id.as_deref()) {
        (Proposed::New, _) | (Proposed::AsItSays, None) => (Uuid::now_v7().to_string(), true),
        (Proposed::AsItSays, Some(id)) => (id.to_owned(), false),
        (Proposed::Under(id), own) => {
            if let Err(Problem::NotFhir(faults)) = require_same_id(kind, own, &id) {
                told.faults.extend(faults);
            }
            (id, false)
        }
    };
    let prepared = match content.prepare(&id) {
        Ok(prepared) => prepared,
        Err(Problem::NotFhir(faults)) => return Ok((not_judged(faults), None)),
        Err(Problem::NotUnderstood(faults)) => {
            told.faults.extend(faults);
            return Ok((told, None));
        }
        Err(problem) => return Err(problem),
    };
    Ok((told, Some(order(prepared, is_new))))
}

fn order(prepared: Prepared, is_new: bool) -> Order {
    let precondition = Precondition::None;
    Order {
        action: if is_new {
            Action::Create(prepared)
        } else {
            Action::Update { prepared, precondition }
        },
        entry: None,
    }
}

/// What has no form cannot be judged; that is said, so that nobody takes the faults for all there is.
fn not_judged(faults: Vec<Fault>) -> Told {
    let note = Note {
        severity: Severity::Information,
        code: IssueCode::Informational,
        expression: String::new(),
        text: Text::new(
            "Riktlinjen och profilerna prövas först när resursens form håller.",
            "The riktlinje and the profiles are tried once the resource's form holds.",
        ),
    };
    Told {
        faults,
        notes: vec![note],
        ..Told::default()
    }
}

impl Told {
    /// Holds a resource of good form against the nominated profile and, when `named`, those it names itself.
    fn against_profiles(
        &mut self,
        version: FhirVersion,
        kind: ResourceType,
        resource: &Value,
        nominated: Option<&str>,
        named: bool,
    ) -> Result<(), Problem> {
        if let Some(canonical) = nominated {
            self.faults
                .extend(check_profile(version, canonical, resource).map_err(unknown_profile)?);
        }
        let own = resource["meta"]["profile"].as_array().filter(|_| named);
        for (index, canonical) in own.into_iter().flatten().enumerate() {
            let Some(canonical) = canonical.as_str().filter(|own| nominated != Some(own)) else {
                continue;
            };
            match check_profile(version, canonical, resource) {
                Ok(faults) => self.faults.extend(faults),
                Err(UnknownProfile) => self.notes.push(Note {
                    severity: Severity::Information,
                    code: IssueCode::NotSupported,
                    expression: format!("{kind}.meta.profile[{index}]"),
                    text: Text::new(
                        "Profilen är inte känd här och har inte prövats.",
                        "The profile is not known here and was not tried.",
                    ),
                }),
            }
        }
        Ok(())
    }
}

/// "If a profile is nominated, and the server cannot validate against the nominated profile, it SHALL return an error."
fn unknown_profile(_: UnknownProfile) -> Problem {
    Problem::fault(
        IssueCode::NotSupported,
        "",
        Text::new(
            "Den angivna profilen är inte känd här; se [base]/StructureDefinition.",
            "The nominated profile is not known here; see [base]/StructureDefinition.",
        ),
    )
}

/// What a validation of what is stored looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The nominated profile alone (mode `profile`).
    Profile,
    /// The riktlinje, the nominated profile and those that the resource names itself.
    All,
}

impl Door {
    /// What is to be said today of a resource as it is stored. Its form was checked when it was written.
    pub async fn validate_stored(
        &self,
        call: &Call,
        version: FhirVersion,
        (kind, id): (ResourceType, String),
        profile: Option<String>,
        look: Look,
    ) -> Result<Told, Problem> {
        self.permit(call, Right::Read, kind)?;
        let (door, call) = (self.clone(), call.clone());
        self.store
            .read_for(call.caller.party(None), move |session| {
                session.snapshot(|session| {
                    let stored = session.current(kind, &id)?;
                    let stored = live(door.seen(&call, session, (Right::Read, stored, false))?)?;
                    note(&call, session, [&stored])?;
                    let seen = Seen::of(version, &stored)?;
                    let mut told = Told::default();
                    told.against_profiles(version, kind, &seen.resource, profile.as_deref(), look == Look::All)?;
                    if let (Look::All, Some(fact)) = (look, door.understood.fact(&stored)) {
                        let mut underlag = OppenTransaktion::new(session, &door.understood).seen_by(&call, door.nu());
                        let findings = omprova(&fact, &mut underlag, &door.policies, door.clock.today())?;
                        let located = |finding: Finding| Finding {
                            expression: seen.path(&finding.expression),
                            ..finding
                        };
                        told.findings = findings.into_iter().map(located).collect();
                    }
                    Ok(told)
                })
            })
            .await
    }

    /// What the riktlinje would say of this order, expressions at the caller's paths.
    /// A delete of what is deleted already is [`Problem::Deleted`].
    pub async fn validate(&self, call: &Call, order: Order) -> Result<Vec<Finding>, Problem> {
        let permitted = self.permit_order(call, &order);
        note_undone(call, std::slice::from_ref(&order), &permitted);
        permitted?;
        let (door, call) = (self.clone(), call.clone());
        self.store
            .read_for(call.caller.party(None), move |session| {
                session.snapshot(|session| {
                    let judged = door.judged(&call, session, &order);
                    note_undone(&call, std::slice::from_ref(&order), &judged);
                    judged
                })
            })
            .await
    }

    fn judged(&self, call: &Call, session: &mut Session, order: &Order) -> Result<Vec<Finding>, Problem> {
        // The judgement tells of what is stored about the patient.
        call.disclosed.note(thought_of(session, order)?);
        let mut transaction = Transaction::begin(self, call, session);
        let staged = transaction.stage(order)?;
        transaction.may_write(&staged)?;
        match (staged.order.prepared(), &staged.current) {
            (Some(prepared), _) => transaction.underlag.think_of(prepared),
            (
                None,
                Some(Stored {
                    deleted: true, version, ..
                }),
            ) => {
                return Err(Problem::Deleted { version: *version });
            }
            (None, _) => {}
        }
        let judgements = transaction.judge(&[staged])?;
        if let Some(prepared) = order.prepared() {
            // Also of those whom it is about by a number alone, whatever is found.
            let berorda = transaction.berorda(prepared)?;
            let patients = berorda.iter().map(|id| (ResourceType::Patient, id.as_str()));
            let mut disclosure = told(transaction.underlag.session, patients)?;
            disclosure.resources.clear();
            call.disclosed.note(disclosure);
        }
        Ok(judgements
            .into_iter()
            .flat_map(|judgement| judgement.findings)
            .collect())
    }
}
