//! What came with a request: a body over HTTP, or the resource of an entry of a Bundle.

use actix_web::web;
use serde_json::Value;

use super::negotiate::Ask;
use crate::door::content::{self, Content};
use crate::door::problem::Problem;
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::types::ResourceType;

/// The content of a request.
pub enum Sent {
    Nothing,
    /// Over HTTP: not read yet.
    Body(web::Payload),
    /// In an entry of a Bundle: strictly read together with it, but not yet checked for what it is.
    Entry(Value),
}

impl Ask {
    /// Reads what was sent as a resource of this type, strictly, in the version of the address.
    pub async fn content(&self, kind: ResourceType, sent: Sent) -> Result<Content, Problem> {
        let (version, limits, own_bases) = (self.version(), self.app.door.limits, self.own_bases());
        match sent {
            Sent::Nothing => Err(Problem::fault(
                IssueCode::Required,
                "",
                Text::new("Det saknas en resurs.", "There is no resource."),
            )),
            Sent::Body(payload) => {
                self.require_fhir_json()?;
                let bytes = self.body(payload).await?;
                self.computing(bytes.len(), move || {
                    let resource = content::read_json(&bytes, &limits)?;
                    content::check_alone(version, kind.name(), &resource, &own_bases)?;
                    Ok(Content::new(version, kind, resource, &own_bases))
                })
                .await
            }
            // There are many entries: one after the other they would keep other requests waiting.
            Sent::Entry(resource) => {
                self.computing(usize::MAX, move || {
                    content::check_alone(version, kind.name(), &resource, &own_bases)?;
                    Ok(Content::new(version, kind, resource, &own_bases))
                })
                .await
            }
        }
    }
}
