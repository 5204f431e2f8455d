//! What a rule brings about, in the transaction of the write that it judged.

use fastkontakt_model::understand;
use serde_json::{Value, json};
use uuid::Uuid;

use super::content::Body;
use super::hallare::keeping;
use super::problem::Problem;
use super::provenance::InName;
use super::write::Transaction;
use super::{Outcome, Written};
use crate::access::harledning::etiketter;
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
                let kept = self.keeping_on((kind, &body), (kind, id))?;
                let made = (Interaction::Update, Outcome::Updated);
                self.put_by_the_service((kind, id), Some(&stored), (&body, &kept), made)
            }
            Target::New(kind, care_team) => {
                let mut resource = json!({});
                effect.apply(&mut resource, now);
                self.label_as(&mut resource, effect.about())?;
                let id = Uuid::now_v7().to_string();
                let body = Body::new(kind, &id, resource);
                let kept = self.keeping_on((kind, &body), (ResourceType::CareTeam, care_team))?;
                let made = (Interaction::Create, Outcome::Created);
                self.put_by_the_service((kind, &id), None, (&body, &kept), made)
            }
        }
    }

    /// Writes what a rule brings about. Another vårdgivare's is told to be the service's doing.
    fn put_by_the_service(
        &mut self,
        (kind, id): (ResourceType, &str),
        current: Option<&Stored>,
        (body, keeping): (&Body, &Keeping),
        made: (Interaction, Outcome),
    ) -> Result<Written, Problem> {
        let written = self.put(kind, id, current, (body, keeping), made)?;
        if let Some(made) = self.made.last_mut()
            && made.in_name == InName::Caller
        {
            made.in_name = InName::Service;
        }
        Ok(written)
    }

    /// What tells of a record that is hidden from the patient, or of a protected person's, is labelled as that is.
    fn label_as(&mut self, resource: &mut Value, about: Option<(ResourceType, &str)>) -> Result<(), Problem> {
        let kept = match about {
            Some((kind, id)) => self.underlag.session.kept_beside(kind, id)?,
            None => None,
        };
        let labels = kept.map_or_else(Vec::new, |kept| etiketter(kept.dold, kept.skyddad));
        if !labels.is_empty() {
            resource["meta"] = json!({ "security": labels });
        }
        Ok(())
    }

    /// What is kept beside what a rule brings about: whoever keeps this resource keeps it.
    fn keeping_on(
        &mut self,
        (kind, body): (ResourceType, &Body),
        keeper_of: (ResourceType, &str),
    ) -> Result<Keeping, Problem> {
        let before = self.underlag.session.kept_beside(keeper_of.0, keeper_of.1)?;
        let text = body.resource.to_string();
        let fact = understand(kind.name(), &text).map_err(|_| Problem::Internal {
            reason: format!("what a rule made of a {kind} cannot be understood"),
        })?;
        let what = (kind, &body.resource, body.index.as_slice());
        Ok(keeping(&Caller::Service, &mut self.underlag, what, (&fact, before))?)
    }
}
