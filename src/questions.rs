//! The question sets that come with the service. They are of a stored type: put into the store at the start when they
//! were never there, through the ordinary door, so that they are read, searched and answered like any other. Called by
//! `server.rs`.

use uuid::Uuid;

use crate::access::{Call, Caller, Disclosed, Interaction};
use crate::definitions;
use crate::door::content::{self, Content};
use crate::door::problem::Problem;
use crate::door::{Action, Door, Precondition};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// Puts the question sets into the store; those that are there, or were and have been deleted, stay as they are.
pub async fn put(door: &Door) -> Result<(), Problem> {
    const KIND: ResourceType = ResourceType::Questionnaire;
    let resource = definitions::atta_fragor();
    let id = resource["id"].as_str().unwrap_or_default().to_owned();
    let call = |interaction| Call {
        caller: Caller::Service,
        interaction,
        purpose: "HSYSADMIN".into(),
        nodoppning: None,
        request_id: Uuid::new_v4().to_string(),
        disclosed: Disclosed::default(),
    };
    match door.read(&call(Interaction::Read), KIND, id.clone()).await {
        Err(Problem::NotFound) => {}
        Err(Problem::Deleted { .. }) | Ok(_) => return Ok(()),
        Err(problem) => return Err(problem),
    }
    content::check(FhirVersion::R5, KIND.name(), &resource)?;
    let prepared = Content::new(FhirVersion::R5, KIND, resource, &[]).prepare(&id)?;
    let action = Action::Update {
        prepared,
        precondition: Precondition::MustNotExist,
    };
    match door.write_one(&call(Interaction::Update), Vec::new(), action).await {
        // Another process that starts at the same time was first.
        Err(Problem::PreconditionFailed { .. }) | Ok(_) => Ok(()),
        Err(problem) => Err(problem),
    }
}
