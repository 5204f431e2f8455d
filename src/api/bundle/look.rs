//! The reads of a transaction: asked like any read, looked at inside the transaction, told like any read.

use super::super::history::History;
use super::super::logg::AUDIT_EVENT;
use super::super::negotiate::Ask;
use super::super::reply::{Body, Reply};
use super::super::search::{Links, Search, SearchAt, opened};
use crate::access::Interaction;
use crate::door::bundle::entry::not_in_a_transaction;
use crate::door::bundle::{Entry, Method};
use crate::door::problem::Problem;
use crate::door::{Look, Looked, version_number};
use crate::fhir::subset::Subset;
use crate::fhir::types::DefinitionType;
use crate::store::Scope;

/// A read of a transaction, as it is to be told.
pub struct Asking {
    ask: Ask,
    is_head: bool,
    what: What,
}

enum What {
    Resource(Subset),
    History(Box<History>),
    Search(Box<Search>),
}

impl Asking {
    /// Understands a GET or HEAD entry, and what the door is to look at for it.
    pub fn new(ask: &Ask, entry: &Entry) -> Result<(Asking, Look), Problem> {
        let ask = ask.of_entry(Interaction::Transaction, entry);
        let query = entry.query.as_deref().unwrap_or_default();
        let path: Vec<&str> = entry.path.iter().map(String::as_str).collect();
        let is_no_data =
            |name: &&str| ["metadata", AUDIT_EVENT].contains(name) || DefinitionType::from_name(name).is_some();
        if path.first().is_some_and(is_no_data)
            || path
                .last()
                .is_some_and(|name| name.starts_with('$') || *name == AUDIT_EVENT)
        {
            return Err(not_in_a_transaction(entry));
        }
        let (what, look) = Asking::what(&ask, &path, query).map_err(|problem| problem.in_entry(entry.index))?;
        let asking = Asking {
            ask,
            is_head: entry.method == Method::Head,
            what,
        };
        Ok((asking, look))
    }

    fn what(ask: &Ask, path: &[&str], query: &str) -> Result<(What, Look), Problem> {
        let history = |scope| {
            let history = History::asked(ask, scope, query)?;
            let look = Look::History(history.query());
            Ok((What::History(Box::new(history)), look))
        };
        match path {
            ["_history"] => history(Scope::System),
            [kind, "_history"] => history(Scope::Type(ask.kind(kind)?)),
            [kind, id, "_history"] => history(Scope::Instance(ask.kind(kind)?, (*id).to_owned())),
            [kind, id] => {
                let kind = ask.kind(kind)?;
                let look = Look::Current(kind, (*id).to_owned());
                Ok((What::Resource(ask.part(query, kind.name())?), look))
            }
            [kind, id, "_history", version] => {
                let kind = ask.kind(kind)?;
                let version = version_number(version).ok_or(Problem::NotFound)?;
                let look = Look::Version(kind, (*id).to_owned(), version);
                Ok((What::Resource(ask.part(query, kind.name())?), look))
            }
            path => {
                let at = SearchAt::of_path(ask, &path.join("/"))?;
                let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
                let (pairs, _) = opened(ask, pairs)?;
                // It came in a body: its links must not show it.
                let (query, search) = Search::asked(ask, &at, pairs, Links::Sealed)?;
                let look = Look::Search(Box::new(query), ask.own_bases().to_vec());
                Ok((What::Search(Box::new(search)), look))
            }
        }
    }

    /// The answer of what the door found.
    pub fn tell(self, looked: Looked) -> Result<Reply, Problem> {
        let mut reply = match (self.what, looked) {
            (What::Resource(subset), Looked::Resource(stored)) => self.ask.disclose(stored, &subset)?,
            (What::History(history), Looked::History(versions)) => history.tell(&self.ask, versions)?,
            (What::Search(search), Looked::Page(page)) => self.ask.reply_text(search.tell(&self.ask, page)?),
            _ => {
                return Err(Problem::Internal {
                    reason: "the door looked at something else than was asked".to_owned(),
                });
            }
        };
        if self.is_head {
            reply.body = Body::Nothing;
        }
        Ok(reply)
    }
}
