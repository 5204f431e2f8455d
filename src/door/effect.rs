//! What a rule brings about, in the transaction of the write that it judged.

use fastkontakt_model::understand;
use serde_json::json;
use uuid::Uuid;

use super::content::Body;
use super::hallare::keeping;
use super::problem::Problem;
use super::write::Transaction;
use super::{Outcome, Written};
use crate::access::{Caller, Interaction};
use crate::fhir::types::ResourceType;
use crate::riktlinje::{Effect, Target};
use crate::store::{Keeping, Stored};

impl Transaction<'_, '_> {
    /// Carries out what a rule brings about, in the same transaction: a new version of another resource, or a new one
    /// under an id of ours.
    pub(super) fn bring_about(&mut self, effect: Effect) -> Result<Written, Problem> {
        let now = self.door.clock.now();
        match effect.target() {
            Target::Version(kind, id) => {
                let Some(stored) = self.underlag.session.current(kind, id)? else {
                    return Err(Problem::Internal {
                        reason: format!("the {kind} an effect ends is not stored"),
                    });
                };
                if stored.deleted {
                    // Another transaction came between (PostgreSQL): all is done again.
                    return Err(Problem::Deadlock);
                }
                let mut resource = stored.resource()?;
                effect.apply(&mut resource, now);
                let body = Body::new(kind, id, resource);
                let kept = self.keeping_on(kind, &body, Some(&stored))?;
                let made = (Interaction::Update, Outcome::Updated);
                self.put(kind, id, Some(&stored), (&body, &kept), made)
            }
            Target::New(kind) => {
                let mut resource = json!({});
                effect.apply(&mut resource, now);
                let id = Uuid::now_v7().to_string();
                let body = Body::new(kind, &id, resource);
                let kept = self.keeping_on(kind, &body, None)?;
                let made = (Interaction::Create, Outcome::Created);
                self.put(kind, &id, None, (&body, &kept), made)
            }
        }
    }

    /// What is kept beside what a rule brings about: whoever kept it keeps it on.
    fn keeping_on(&mut self, kind: ResourceType, body: &Body, current: Option<&Stored>) -> Result<Keeping, Problem> {
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
}
