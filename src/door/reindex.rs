//! Renewing the search index when the parameter table has grown: at a start with a newer table, and by
//! `fastkontakt reindex`. Page by page, each in a transaction that also remembers how far it came, so that an
//! interrupted renewal goes on where it stopped. Makes no versions: the resources stay as they are.

use super::Understood;
use super::hallare::keeping_anew;
use super::underlag::OppenTransaktion;
use crate::fhir::search::{self, INDEX_VERSION, SearchQuery, page};
use crate::fhir::types::ResourceType;
use crate::store::{Session, Store, StoreError};

/// The table version that the whole index was made by.
const VERSION: &str = "index-version";
/// Where an unfinished renewal stands: `version type token`.
const PROGRESS: &str = "index-progress";
/// Resources renewed in one transaction: few enough that other writers do not wait long.
const PAGE: u32 = 200;

/// Renews the index if another parameter table made it. Returns the number of resources renewed. Blocks.
pub fn reindex_if_older(store: &Store) -> Result<u64, StoreError> {
    let made_by = store.read_blocking(|session| session.meta(VERSION))?;
    if made_by.as_deref() == Some(INDEX_VERSION.to_string().as_str()) {
        Ok(0)
    } else {
        reindex(store)
    }
}

/// Renews the index, going on where an interrupted renewal by the same table stopped. Returns the number of resources
/// renewed now. Blocks.
pub fn reindex(store: &Store) -> Result<u64, StoreError> {
    let progress = store.read_blocking(|session| session.meta(PROGRESS))?;
    let (mut next, mut token) = progress.as_deref().and_then(standing).unwrap_or((0, None));
    let mut renewed = 0;
    while let Some(kind) = ResourceType::ALL.get(next).copied() {
        let from = token.take();
        let (count, more) = store.write_blocking(move |session| renew_page(session, kind, from))?;
        renewed += count;
        if more.is_none() {
            next += 1;
        }
        token = more;
    }
    store.write_blocking(|session| {
        session.set_meta(PROGRESS, "")?;
        session.set_meta(VERSION, &INDEX_VERSION.to_string())
    })?;
    Ok(renewed)
}

fn renew_page(
    session: &mut Session,
    kind: ResourceType,
    token: Option<String>,
) -> Result<(u64, Option<String>), StoreError> {
    let mut query = SearchQuery::all(kind, PAGE);
    query.after = token
        .as_deref()
        .and_then(|token| page::decode(token, query.fingerprint));
    let found = session.search(&query)?;
    let mut count = 0;
    let understood = Understood::new();
    for stored in &found.entries {
        let resource = stored.resource()?;
        let entries = search::index(kind, &resource);
        let fact = understood.fact(stored);
        let before = session.kept_beside(kind, &stored.id)?;
        let what = (kind, &resource, entries.as_slice());
        let keeping = keeping_anew(
            &mut OppenTransaktion::new(session, &understood),
            what,
            (fact.as_deref(), before),
        )?;
        session.reindex(kind, &stored.id, &entries, &keeping)?;
        count += 1;
    }
    session.set_meta(
        PROGRESS,
        &format!("{INDEX_VERSION} {kind} {}", found.next.as_deref().unwrap_or("done")),
    )?;
    Ok((count, found.next))
}

/// Where to go on: the place in the list of types, and the page within it. `None`: from the beginning.
fn standing(progress: &str) -> Option<(usize, Option<String>)> {
    let mut parts = progress.split(' ');
    if parts.next()?.parse() != Ok(INDEX_VERSION) {
        return None;
    }
    let kind = ResourceType::from_name(parts.next()?)?;
    let place = ResourceType::ALL.iter().position(|known| *known == kind)?;
    match parts.next()? {
        "done" => Some((place + 1, None)),
        token => Some((place, Some(token.to_owned()))),
    }
}
