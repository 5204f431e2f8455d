//! The reads: bytes as stored go out; only the access decision stands in between.

use std::sync::Arc;

use serde_json::Value;

use super::logg::note;
use super::{Door, problem::Problem};
use crate::access::Call;
use crate::definitions::Definition;
use crate::fhir::convert::{PathMap, r5_to_r4};
use crate::fhir::json::reread;
use crate::fhir::search::SearchQuery;
use crate::fhir::types::{DefinitionType, ResourceType};
use crate::fhir::version::FhirVersion;
use crate::store::{HistoryQuery, Page, Past, Referred, Scope, Session, StoreError, Stored, is_brief, looks_ahead};

/// Resources that come with one page, at the most.
pub(super) const MOST_INCLUDED: usize = 1000;

/// A read among the entries of a transaction: it sees what they wrote.
#[derive(Clone, Debug)]
pub enum Look {
    Current(ResourceType, String),
    Version(ResourceType, String, i64),
    History(HistoryQuery),
    /// With our own base URLs: references under them lead to what is stored here.
    Search(Box<SearchQuery>, Vec<String>),
}

/// What was found.
#[derive(Debug)]
pub enum Looked {
    Resource(Stored),
    History(Vec<Past>),
    Page(Page),
}

impl Door {
    /// The current version (read).
    pub async fn read(&self, call: &Call, kind: ResourceType, id: String) -> Result<Stored, Problem> {
        let noted = call.clone();
        let seen = move |session: &mut Session, stored: &Stored| note(&noted, session, [stored]);
        self.current(call, kind, id, seen).await
    }

    /// The same for the service's own use, when nothing of it is disclosed.
    pub(super) async fn fetch(&self, call: &Call, kind: ResourceType, id: String) -> Result<Stored, Problem> {
        self.current(call, kind, id, |_, _| Ok(())).await
    }

    async fn current(
        &self,
        call: &Call,
        kind: ResourceType,
        id: String,
        seen: impl FnOnce(&mut Session, &Stored) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Stored, Problem> {
        self.permit(call, kind)?;
        self.store
            .look_up(move |session| {
                let stored = live(session.current(kind, &id)?)?;
                seen(session, &stored)?;
                Ok(stored)
            })
            .await
    }

    /// One version of the past (vread).
    pub async fn vread(&self, call: &Call, kind: ResourceType, id: String, version: i64) -> Result<Stored, Problem> {
        self.permit(call, kind)?;
        let call = call.clone();
        self.store
            .look_up(move |session| {
                let stored = live(session.version(kind, &id, version)?)?;
                note(&call, session, [&stored])?;
                Ok(stored)
            })
            .await
    }

    /// The versions that are asked for, newest first.
    pub async fn history(&self, call: &Call, query: HistoryQuery) -> Result<Vec<Past>, Problem> {
        self.permit_history(call, &query)?;
        let call = call.clone();
        self.store
            .read(move |session| {
                let versions = versions(session, &query)?;
                note(&call, session, versions.iter().map(|past| &past.stored))?;
                Ok(versions)
            })
            .await
    }

    /// A page of the resources that match, with what was asked to come with them. Every type that decides what the page
    /// holds must be permitted. `own_bases` are our own base URLs: references under them lead to what is stored here.
    pub async fn search(&self, call: &Call, query: SearchQuery, own_bases: Vec<String>) -> Result<Page, Problem> {
        self.permit_search(call, &query)?;
        let brief = is_brief(&query);
        let asked = Arc::new((self.clone(), call.clone(), query, own_bases));
        if brief {
            let asked = asked.clone();
            let found = self
                .store
                .look_up(move |session| still_page(&asked, session, true))
                .await;
            if let Some(page) = found? {
                return Ok(page);
            }
        }
        let found = self.store.read(move |session| still_page(&asked, session, false)).await;
        Ok(found?.unwrap_or_default())
    }

    /// The page of a search, on the state that the session sees.
    fn page(
        &self,
        call: &Call,
        session: &mut Session,
        query: &SearchQuery,
        own_bases: &[String],
    ) -> Result<Page, StoreError> {
        let page = session.search(query)?;
        self.with_includes(call, session, (query, own_bases), page)
    }

    /// The page with what comes with it.
    fn with_includes(
        &self,
        call: &Call,
        session: &mut Session,
        (query, own_bases): (&SearchQuery, &[String]),
        mut page: Page,
    ) -> Result<Page, StoreError> {
        if !query.includes.is_empty() {
            let how = Referred {
                own_bases,
                most: MOST_INCLUDED,
                may_see: &|stored| self.may_see(call, stored),
            };
            page.included = session.include(&page.entries, &query.includes, &how)?;
        }
        Ok(page)
    }

    /// Refuses a read that the access decision denies.
    pub(super) fn permit_look(&self, call: &Call, look: &Look) -> Result<(), Problem> {
        match look {
            Look::Current(kind, _) | Look::Version(kind, ..) => self.permit(call, *kind),
            Look::History(query) => self.permit_history(call, query),
            Look::Search(query, _) => self.permit_search(call, query),
        }
    }

    fn permit_history(&self, call: &Call, query: &HistoryQuery) -> Result<(), Problem> {
        match &query.scope {
            Scope::Instance(kind, _) | Scope::Type(kind) => self.permit(call, *kind),
            Scope::System => ResourceType::ALL.iter().try_for_each(|kind| self.permit(call, *kind)),
        }
    }

    /// A permitted read, on the state that the session sees.
    pub(super) fn look(&self, call: &Call, session: &mut Session, look: &Look) -> Result<Looked, Problem> {
        Ok(match look {
            Look::Current(kind, id) => Looked::Resource(live(session.current(*kind, id)?)?),
            Look::Version(kind, id, version) => Looked::Resource(live(session.version(*kind, id, *version)?)?),
            Look::History(query) => Looked::History(versions(session, query)?),
            Look::Search(query, own_bases) => Looked::Page(self.page(call, session, query, own_bases)?),
        })
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

/// What a search needs: the door, who asks, the search, and our own base URLs.
type Asked = (Door, Call, SearchQuery, Vec<String>);

/// The page of a search on one unchanging state of the database; `None` when it was to be `brief` and is not.
fn still_page(
    (door, call, query, own_bases): &Asked,
    session: &mut Session,
    brief: bool,
) -> Result<Option<Page>, StoreError> {
    let one_statement = query.includes.is_empty() && !query.total && !looks_ahead(query);
    let page = match one_statement {
        true => Some(session.search(query)?),
        false => session.snapshot(|session| {
            let found = session.search_ahead(query, brief)?;
            let whole = found.map(|page| door.with_includes(call, session, (query, own_bases), page));
            whole.transpose()
        })?,
    };
    if let Some(page) = &page {
        note(call, session, page.entries.iter().chain(&page.included.entries))?;
    }
    Ok(page)
}

/// The versions that are asked for; of a resource that was never stored there is no history.
fn versions(session: &mut Session, query: &HistoryQuery) -> Result<Vec<Past>, Problem> {
    let versions = session.history(query)?;
    match &query.scope {
        Scope::Instance(kind, id) if versions.is_empty() && session.current(*kind, id)?.is_none() => {
            Err(Problem::NotFound)
        }
        _ => Ok(versions),
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
