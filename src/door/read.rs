//! The reads: bytes as stored go out; only the access decision stands in between.

use std::sync::Arc;

use serde_json::Value;

use super::atkomst::content_reached;
use super::logg::{note, note_looked};
use super::{Door, problem::Problem};
use crate::access::beslut::Lasare;
use crate::access::{Call, Right};
use crate::definitions::Definition;
use crate::fhir::convert::{PathMap, r5_to_r4};
use crate::fhir::search::SearchQuery;
use crate::fhir::search::query::{Criterion, ReferenceValue};
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
        self.look_now(call, Look::Current(kind, id), true).await
    }

    /// The same for the service's own use, when nothing of it is disclosed.
    pub(super) async fn fetch(&self, call: &Call, kind: ResourceType, id: String) -> Result<Stored, Problem> {
        self.look_now(call, Look::Current(kind, id), false).await
    }

    /// One version of the past (vread).
    pub async fn vread(&self, call: &Call, kind: ResourceType, id: String, version: i64) -> Result<Stored, Problem> {
        self.look_now(call, Look::Version(kind, id, version), true).await
    }

    async fn look_now(&self, call: &Call, look: Look, disclosed: bool) -> Result<Stored, Problem> {
        self.permit_look(call, &look)?;
        let (door, call) = (self.clone(), call.clone());
        let work = self.store.look_up(move |session| {
            let look = |session: &mut Session| {
                let looked = door.look(&call, session, &look)?;
                if disclosed {
                    note(&call, session, looked.resources())?;
                }
                Ok::<_, Problem>(looked)
            };
            // What decides about it is asked of the state that it is read from.
            match Lasare::of(&call) {
                Some(_) => session.snapshot(look),
                None => look(session),
            }
        });
        match work.await? {
            Looked::Resource(stored) => Ok(stored),
            _ => Err(Problem::Internal {
                reason: "a read answered something else".to_owned(),
            }),
        }
    }

    /// The versions that are asked for, newest first.
    pub async fn history(&self, call: &Call, query: HistoryQuery) -> Result<Vec<Past>, Problem> {
        self.permit_history(call, &query)?;
        let (door, call) = (self.clone(), call.clone());
        self.store
            .read_for(call.caller.party(None), move |session| {
                session.up_to_horizon(door.clock.now(), |session| {
                    session.snapshot(|session| {
                        let versions = door.versions(&call, session, &query)?;
                        note(&call, session, versions.iter().map(|past| &past.stored))?;
                        Ok(versions)
                    })
                })
            })
            .await
    }

    /// A page of the resources that match, with what was asked to come with them. Every type that decides what the page
    /// holds must be permitted. `own_bases` are our own base URLs: references under them lead to what is stored here.
    pub async fn search(&self, call: &Call, query: SearchQuery, own_bases: Vec<String>) -> Result<Page, Problem> {
        self.permit_search(call, &query)?;
        // Through eyes that see little, many rows may be passed before a page is full.
        let brief = is_brief(&query) && Lasare::of(call).is_none();
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
        let found = self
            .store
            .read_for(call.caller.party(None), move |session| {
                still_page(&asked, session, false)
            })
            .await;
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
        self.through_eyes(call, session, query, |session| {
            let page = session.search(query)?;
            Ok(Some(self.with_includes(call, session, (query, own_bases), page)?))
        })
        .map(Option::unwrap_or_default)
    }

    /// Searches with the caller's eyes, and shows what was found as the caller may see it. `None` stays none.
    fn through_eyes(
        &self,
        call: &Call,
        session: &mut Session,
        query: &SearchQuery,
        search: impl FnOnce(&mut Session) -> Result<Option<Page>, StoreError>,
    ) -> Result<Option<Page>, StoreError> {
        session.seen_by(self.eyes_in(call, query), |session| {
            let Some(mut page) = search(session)? else {
                return Ok(None);
            };
            if let Some(patient) = about_one(query, &page.entries) {
                page.annorstades = self.annorstades(call, session, &patient)?;
            }
            page.entries = self.all_shown(call, session, page.entries)?;
            page.included.entries = self.all_shown(call, session, page.included.entries)?;
            Ok(Some(page))
        })
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
                may_see: &|stored| content_reached(call, Right::Search, stored),
            };
            page.included = session.include(&page.entries, &query.includes, &how)?;
        }
        Ok(page)
    }

    /// Refuses a read that the access decision denies.
    pub(super) fn permit_look(&self, call: &Call, look: &Look) -> Result<(), Problem> {
        match look {
            Look::Current(kind, _) | Look::Version(kind, ..) => self.permit(call, Right::Read, *kind),
            Look::History(query) => self.permit_history(call, query),
            Look::Search(query, _) => self.permit_search(call, query),
        }
    }

    fn permit_history(&self, call: &Call, query: &HistoryQuery) -> Result<(), Problem> {
        match &query.scope {
            Scope::Instance(kind, _) | Scope::Type(kind) => self.permit(call, right_to(query), *kind),
            Scope::System => {
                let mut kinds = ResourceType::ALL.iter();
                kinds.try_for_each(|kind| self.permit(call, Right::Search, *kind))
            }
        }
    }

    /// A permitted read, on the state that the session sees.
    pub(super) fn look(&self, call: &Call, session: &mut Session, look: &Look) -> Result<Looked, Problem> {
        Ok(match look {
            Look::Current(kind, id) => {
                let found = session.current(*kind, id)?;
                Looked::Resource(live(self.seen(call, session, (Right::Read, found, false))?)?)
            }
            Look::Version(kind, id, version) => {
                let found = session.version(*kind, id, *version)?;
                Looked::Resource(live(self.seen(call, session, (Right::Read, found, true))?)?)
            }
            Look::History(query) => Looked::History(self.versions(call, session, query)?),
            Look::Search(query, own_bases) => Looked::Page(self.page(call, session, query, own_bases)?),
        })
    }

    /// The versions that are asked for, as far as they may be seen; of a resource that was never stored, or that is as if it
    /// was not, there is no history.
    fn versions(&self, call: &Call, session: &mut Session, query: &HistoryQuery) -> Result<Vec<Past>, Problem> {
        let right = right_to(query);
        let mut found = Vec::new();
        let mut query = query.clone();
        let most = usize::try_from(query.limit).unwrap_or(usize::MAX);
        // What a granular scope does not reach is known by the content of each version alone: then more is asked for.
        loop {
            let page = session.seen_by(self.eyes(call, right), |session| session.history(&query))?;
            let last = page.last().map(|past| past.end);
            let is_end = (page.len() as i64) < query.limit;
            found.extend(
                page.into_iter()
                    .filter(|past| content_reached(call, right, &past.stored)),
            );
            if is_end || found.len() >= most || last.is_none() {
                break;
            }
            query.after = last;
        }
        found.truncate(most);
        if let (Scope::Instance(kind, id), true) = (&query.scope, found.is_empty()) {
            let current = session.current(*kind, id)?;
            self.seen(call, session, (right, current, false))?
                .ok_or(Problem::NotFound)?;
        }
        let show = |past: Past| {
            let stored = self.shown(call, session, past.stored)?;
            Ok(Past { stored, ..past })
        };
        found.into_iter().map(show).collect()
    }

    /// The service's own definitions of one type, in the form of a version.
    pub fn definitions(
        &self,
        call: &Call,
        version: FhirVersion,
        kind: DefinitionType,
    ) -> Result<impl Iterator<Item = &Definition>, Problem> {
        self.permit(call, Right::Read, kind)?;
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
    // One who does not see everything is decided about on the same state.
    if one_statement && Lasare::of(call).is_none() {
        let page = session.search(query)?;
        note_page(call, session, query, &page)?;
        return Ok(Some(page));
    }
    session.snapshot(|session| {
        let page = door.through_eyes(call, session, query, |session| {
            let found = session.search_ahead(query, brief)?;
            let whole = found.map(|page| door.with_includes(call, session, (query, own_bases), page));
            whole.transpose()
        })?;
        if let Some(page) = &page {
            note_page(call, session, query, page)?;
        }
        Ok(page)
    })
}

fn note_page(call: &Call, session: &mut Session, query: &SearchQuery, page: &Page) -> Result<(), StoreError> {
    note(call, session, page.entries.iter().chain(&page.included.entries))?;
    note_looked(call, session, query)
}

/// The patient that a search is about, when it is about one.
fn about_one(query: &SearchQuery, found: &[Stored]) -> Option<String> {
    if let Some((ResourceType::Patient, id)) = &query.compartment {
        return Some(id.clone());
    }
    let named = query.criteria.iter().find_map(|criterion| match criterion {
        Criterion::Reference { any_of, .. } => match any_of.as_slice() {
            [ReferenceValue::Local { kinds, id, .. }] if *kinds == [ResourceType::Patient.name()] => Some(id.clone()),
            _ => None,
        },
        _ => None,
    });
    named.or_else(|| match found {
        [one] if one.kind == ResourceType::Patient => Some(one.id.clone()),
        _ => None,
    })
}

/// The history of one resource is a read, that of a type or of all a search (SMART 2).
fn right_to(query: &HistoryQuery) -> Right {
    match query.scope {
        Scope::Instance(..) => Right::Read,
        Scope::Type(_) | Scope::System => Right::Search,
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
        let resource = stored.resource()?;
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
