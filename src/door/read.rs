//! The reads: bytes as stored go out; only the access decision stands in between.

use serde_json::Value;

use super::{Door, problem::Problem};
use crate::access::Call;
use crate::definitions::Definition;
use crate::fhir::convert::{PathMap, r5_to_r4};
use crate::fhir::json::reread;
use crate::fhir::search::SearchQuery;
use crate::fhir::types::{DefinitionType, ResourceType};
use crate::fhir::version::FhirVersion;
use crate::store::{HistoryEnd, HistoryQuery, Page, Referred, Scope, StoreError, Stored};

/// Resources that come with one page, at the most.
pub(super) const MOST_INCLUDED: usize = 1000;

impl Door {
    /// The current version (read).
    pub async fn read(&self, call: &Call, kind: ResourceType, id: String) -> Result<Stored, Problem> {
        self.permit(call, kind)?;
        let found = self
            .store
            .look_up(move |session| session.current(kind, &id))
            .await
            .map_err(Problem::from)?;
        live(found)
    }

    /// One version of the past (vread).
    pub async fn vread(&self, call: &Call, kind: ResourceType, id: String, version: i64) -> Result<Stored, Problem> {
        self.permit(call, kind)?;
        let found = self
            .store
            .look_up(move |session| session.version(kind, &id, version))
            .await
            .map_err(Problem::from)?;
        live(found)
    }

    /// The versions that are asked for, newest first, each with its place in the order.
    pub async fn history(&self, call: &Call, query: HistoryQuery) -> Result<Vec<(Stored, HistoryEnd)>, Problem> {
        match &query.scope {
            Scope::Instance(kind, _) | Scope::Type(kind) => self.permit(call, *kind)?,
            Scope::System => ResourceType::ALL.iter().try_for_each(|kind| self.permit(call, *kind))?,
        }
        self.store
            .read(move |session| {
                let versions = session.history(&query)?;
                let is_known = match &query.scope {
                    Scope::Instance(kind, id) if versions.is_empty() => session.current(*kind, id)?.is_some(),
                    _ => true,
                };
                Ok::<_, StoreError>(is_known.then_some(versions))
            })
            .await
            .map_err(Problem::from)?
            .ok_or(Problem::NotFound)
    }

    /// A page of the resources that match, with what was asked to come with them. Every type that decides what the page
    /// holds must be permitted. `own_bases` are our own base URLs: references under them lead to what is stored here.
    pub async fn search(&self, call: &Call, query: SearchQuery, own_bases: Vec<String>) -> Result<Page, Problem> {
        self.permit_search(call, &query)?;
        if query.includes.is_empty() {
            return self
                .store
                .read(move |session| session.search(&query))
                .await
                .map_err(Problem::from);
        }
        let (door, call) = (self.clone(), call.clone());
        let found = self.store.read(move |session| {
            session.snapshot(|session| {
                let mut page = session.search(&query)?;
                let how = Referred {
                    own_bases: &own_bases,
                    most: MOST_INCLUDED,
                    may_see: &|stored| door.may_see(&call, stored),
                };
                page.included = session.include(&page.entries, &query.includes, &how)?;
                Ok::<_, StoreError>(page)
            })
        });
        found.await.map_err(Problem::from)
    }

    /// Whether a resource may come with others that the call asked for: the one place where includes, and what they lead
    /// on to, meet the access decision.
    pub(super) fn may_see(&self, call: &Call, stored: &Stored) -> bool {
        self.permit(call, stored.kind).is_ok()
    }

    /// The service's own definitions of one type, in the form of a version.
    pub fn definitions(
        &self,
        call: &Call,
        version: FhirVersion,
        kind: DefinitionType,
    ) -> Result<impl Iterator<Item = &Definition>, Problem> {
        self.permit(call, kind)?;
        Ok(self.definitions.of(version, kind))
    }

    /// One of the service's own definitions.
    pub fn definition(
        &self,
        call: &Call,
        version: FhirVersion,
        kind: DefinitionType,
        id: &str,
    ) -> Result<&Definition, Problem> {
        self.definitions(call, version, kind)?
            .find(|definition| definition.id() == id)
            .ok_or(Problem::NotFound)
    }
}

/// What is there and not deleted.
pub(super) fn live(found: Option<Stored>) -> Result<Stored, Problem> {
    match found {
        None => Err(Problem::NotFound),
        Some(stored) if stored.deleted => Err(Problem::Deleted {
            version: stored.version,
        }),
        Some(stored) => Ok(stored),
    }
}

/// A stored resource as a caller sees it, with the way to the caller's paths.
pub(super) struct Seen {
    pub resource: Value,
    paths: PathMap,
}

impl Seen {
    pub fn of(version: FhirVersion, stored: &Stored) -> Result<Seen, Problem> {
        let resource = reread(&stored.body).map_err(|_| Problem::Internal {
            reason: format!("a stored {} is not JSON", stored.kind),
        })?;
        Ok(match version {
            FhirVersion::R5 => Seen {
                resource,
                paths: PathMap::default(),
            },
            FhirVersion::R4 => {
                let converted = r5_to_r4(&resource);
                Seen {
                    resource: converted.resource,
                    paths: converted.paths,
                }
            }
        })
    }

    /// A path in the stored resource, in the caller's version.
    pub fn path(&self, stored: &str) -> String {
        self.paths.to_target(stored)
    }
}
