//! Conditional interactions (http.html#ccreate, #cond-update, #cdelete): a search says which resource is meant. It is
//! asked outside the write, where time may pass, and held against the database once more inside it. When another write
//! came between, all is done again from the asking on.

use std::sync::Arc;

use uuid::Uuid;

use super::content::{Content, require_id_form};
use super::efterfragat::of_search;
use super::logg::{note, note_looked};
use super::problem::Problem;
use super::{Action, Door, Precondition, Written};
use crate::access::{Call, Right};
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::percent;
use crate::fhir::search::{Handling, ParseContext, SearchQuery, parse};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::store::{Session, Sikt, StoreError, Stored};

/// How often a request is carried out anew when another write came between, before the caller is told (409).
const ATTEMPTS: usize = 5;

/// A search of one type that tells which resource is meant. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criteria {
    query: SearchQuery,
}

/// Whom the criteria matched when they were asked: what must still be so when the write begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    criteria: Criteria,
    /// The id of the one that matched; `None`: nobody.
    expects: Option<String>,
}

/// Whom criteria match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matches {
    None,
    One(Box<Stored>),
    Many,
}

impl Matches {
    /// Whether it is the same one, or nobody, or several in both.
    pub fn is_same_as(&self, other: &Matches) -> bool {
        match (self, other) {
            (Matches::One(one), Matches::One(other)) => one.id == other.id,
            (Matches::None, Matches::None) | (Matches::Many, Matches::Many) => true,
            _ => false,
        }
    }

    /// The one, or nobody; several are [`Problem::NotSelective`].
    pub fn at_most_one(self) -> Result<Option<Stored>, Problem> {
        match self {
            Matches::None => Ok(None),
            Matches::One(stored) => Ok(Some(*stored)),
            Matches::Many => Err(Problem::NotSelective {
                expression: String::new(),
            }),
        }
    }
}

impl Criteria {
    /// Reads `identifier=…&status=…` as a search of `kind` in `version`. `?…`, `Patient?…` and the same under one of our
    /// own bases are understood too: clients write all of them in `If-None-Exist`.
    ///
    /// What is unknown is refused, `Prefer: handling=lenient` or not, and so is a parameter without a value: a condition
    /// that is left out would let the write meet another resource. What steers an answer (`_count`, `_format`) says
    /// nothing here. `now` is in microseconds since 1970.
    pub fn read(
        version: FhirVersion,
        kind: ResourceType,
        text: &str,
        own_bases: &[String],
        now: i64,
    ) -> Result<Criteria, Problem> {
        let query = without_address(kind, text, own_bases)?;
        if !percent::is_sound(query.as_bytes()) {
            return Err(Problem::bad_request(
                "Sökvillkoren ska vara procentkodad UTF-8.",
                "The criteria must be percent-encoded UTF-8.",
            ));
        }
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        if pairs.iter().any(|(_, value)| value.is_empty()) {
            return Err(Problem::bad_request(
                "Ett av sökvillkoren saknar värde.",
                "One of the criteria has no value.",
            ));
        }
        let context = ParseContext {
            version,
            kind,
            own_bases,
            now,
            handling: Handling::Strict,
            default_count: 1,
            max_count: 1,
        };
        let parsed = parse(&pairs, &context).map_err(|error| Problem::NotFhir(vec![error.fault()]))?;
        if parsed.query.criteria.is_empty() {
            return Err(no_criteria());
        }
        Ok(Criteria {
            query: SearchQuery {
                criteria: parsed.query.criteria,
                ..SearchQuery::all(kind, 1)
            },
        })
    }

    pub fn kind(&self) -> ResourceType {
        self.query.kind
    }

    pub(in crate::door) fn query(&self) -> &SearchQuery {
        &self.query
    }

    /// The condition that these criteria still match this one, or nobody.
    pub fn expecting(&self, found: Option<&Stored>) -> Condition {
        Condition {
            criteria: self.clone(),
            expects: found.map(|stored| stored.id.clone()),
        }
    }

    /// The same for the same criteria, whatever the FHIR version and the order they came in.
    pub(in crate::door) fn key(&self) -> String {
        let criteria = &self.query.criteria;
        let mut criteria: Vec<String> = criteria.iter().map(|criterion| format!("{criterion:?}")).collect();
        criteria.sort_unstable();
        format!("{}?{}", self.kind(), criteria.join("&"))
    }

    /// Whom they match now.
    pub(in crate::door) fn matches(&self, session: &mut Session) -> Result<Matches, StoreError> {
        let mut page = session.search(&self.query)?;
        Ok(match (page.entries.pop(), page.next) {
            (_, Some(_)) => Matches::Many,
            (Some(stored), None) => Matches::One(Box::new(stored)),
            (None, None) => Matches::None,
        })
    }
}

/// What stands after the `?` of an address of this type; an address of another type is refused.
fn without_address<'t>(kind: ResourceType, text: &'t str, own_bases: &[String]) -> Result<&'t str, Problem> {
    let Some((address, query)) = text.split_once('?') else {
        return Ok(text);
    };
    let below = own_bases.iter().find_map(|base| address.strip_prefix(base.as_str()));
    match below.unwrap_or(address).trim_matches('/') {
        "" => Ok(query),
        name if name == kind.name() => Ok(query),
        // A `?` within a value is no address's.
        name if name.contains('=') => Ok(text),
        _ => Err(Problem::bad_request(
            format!("Sökvillkoren ska gälla resurstypen {kind}."),
            format!("The criteria must be about the resource type {kind}."),
        )),
    }
}

impl Condition {
    /// See [`Criteria::key`].
    pub(super) fn key(&self) -> String {
        self.criteria.key()
    }

    pub(super) fn query(&self) -> &SearchQuery {
        &self.criteria.query
    }

    /// [`Problem::Race`] unless the criteria match now whom they matched when they were asked.
    pub(super) fn verify(&self, eyes: Option<Arc<Sikt>>, session: &mut Session) -> Result<(), Problem> {
        let holds = match session.seen_by(eyes, |session| self.criteria.matches(session))? {
            Matches::None => self.expects.is_none(),
            Matches::One(stored) => self.expects.as_ref() == Some(&stored.id),
            Matches::Many => false,
        };
        if holds { Ok(()) } else { Err(Problem::Race) }
    }
}

/// Does the work again, a few times, when another write came between.
pub async fn again<T>(mut attempt: impl AsyncFnMut() -> Result<T, Problem>) -> Result<T, Problem> {
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(Problem::Race) => {}
            done => return done,
        }
    }
    attempt().await
}

impl Door {
    /// Whom the criteria match, each for itself, on one state of the database.
    pub async fn resolve(&self, call: &Call, criteria: Vec<Criteria>) -> Result<Vec<Matches>, Problem> {
        for criteria in &criteria {
            self.permit_search(call, &criteria.query)?;
            call.disclosed.ask(of_search(&criteria.query));
        }
        let (door, call) = (self.clone(), call.clone());
        self.store
            .read_for(call.caller.party(None), move |session| {
                session.snapshot(|session| {
                    criteria
                        .iter()
                        .map(|criteria| {
                            let eyes = door.eyes_in(&call, criteria.query());
                            session.seen_by(eyes, |session| criteria.matches(session))
                        })
                        .collect::<Result<Vec<_>, StoreError>>()
                })
            })
            .await
            .map_err(Problem::from)
    }

    /// The one that the criteria match; several are [`Problem::NotSelective`].
    pub(super) async fn resolve_one(&self, call: &Call, criteria: &Criteria) -> Result<Option<Stored>, Problem> {
        let mut found = self.resolve(call, vec![criteria.clone()]).await?;
        found.pop().unwrap_or(Matches::None).at_most_one()
    }

    /// Conditional create (`If-None-Exist`): a new resource, or the one that matches, untouched
    /// ([`Outcome::AlreadyThere`](super::Outcome::AlreadyThere)).
    pub async fn create_unless(&self, call: &Call, criteria: &Criteria, content: &Content) -> Result<Written, Problem> {
        let id = Uuid::now_v7().to_string();
        again(async || match self.resolve_one(call, criteria).await? {
            Some(stored) => self.already_there(call, criteria, stored).await,
            None => {
                let action = Action::Create(content.clone().prepare(&id)?);
                self.write_one(call, vec![criteria.expecting(None)], action).await
            }
        })
        .await
    }

    /// Conditional update: the one that matches becomes this; when none does, a new resource under the body's id or one
    /// of the server's.
    pub async fn update_where(
        &self,
        call: &Call,
        criteria: &Criteria,
        content: &Content,
        precondition: Precondition,
    ) -> Result<Written, Problem> {
        let new_id = Uuid::now_v7().to_string();
        again(async || {
            let found = self.resolve_one(call, criteria).await?;
            let (id, precondition) = target(found.as_ref(), content, &new_id, &precondition)?;
            let action = Action::Update {
                prepared: content.clone().prepare(id)?,
                precondition,
            };
            self.write_one(call, vec![criteria.expecting(found.as_ref())], action)
                .await
        })
        .await
    }

    /// Conditional delete of the one that matches; `None` when none does, which is no fault: what was asked for is so.
    pub async fn delete_where(
        &self,
        call: &Call,
        criteria: &Criteria,
        precondition: Precondition,
    ) -> Result<Option<Written>, Problem> {
        again(async || {
            let Some(found) = self.resolve_one(call, criteria).await? else {
                let (call, query) = (call.clone(), criteria.query.clone());
                let noted = self.store.look_up(move |session| note_looked(&call, session, &query));
                noted.await?;
                return precondition.met_by_nobody().map(|()| None);
            };
            let condition = criteria.expecting(Some(&found));
            let action = Action::Delete {
                kind: found.kind,
                id: found.id,
                precondition: precondition.clone(),
            };
            self.write_one(call, vec![condition], action).await.map(Some)
        })
        .await
    }

    /// What a conditional create met, as the caller may see it.
    async fn already_there(&self, call: &Call, criteria: &Criteria, stored: Stored) -> Result<Written, Problem> {
        let (door, call, query) = (self.clone(), call.clone(), criteria.query.clone());
        let shown = self.store.look_up(move |session| {
            session.snapshot(|session| {
                // It may have been changed, moved or hidden since it was found.
                let current = session.current(stored.kind, &stored.id)?;
                let living = current.filter(|current| !current.deleted);
                let shown = door.seen(&call, session, (Right::Search, living, false))?;
                let shown = shown.ok_or(Problem::Race)?;
                note(&call, session, [&shown])?;
                note_looked(&call, session, &query)?;
                Ok::<_, Problem>(shown)
            })
        });
        Ok(Written::already_there(shown.await?))
    }
}

/// Under which id a conditional update writes, and on what demand (the table of http.html#cond-update).
pub fn target<'i>(
    found: Option<&'i Stored>,
    content: &'i Content,
    new_id: &'i str,
    precondition: &Precondition,
) -> Result<(&'i str, Precondition), Problem> {
    target_of(found, content.kind, content.id(), new_id, precondition)
}

/// The same, of the id that the body has.
pub fn target_of<'i>(
    found: Option<&'i Stored>,
    kind: ResourceType,
    own_id: Option<&'i str>,
    new_id: &'i str,
    precondition: &Precondition,
) -> Result<(&'i str, Precondition), Problem> {
    match (found, own_id) {
        (Some(stored), None) => Ok((&stored.id, precondition.clone())),
        (Some(stored), Some(own)) if own == stored.id => Ok((own, precondition.clone())),
        (Some(_), Some(_)) => Err(Problem::fault(
            IssueCode::Invalid,
            format!("{kind}.id"),
            Text::new(
                "Resursens id är ett annat än det som resursen har som uppfyller sökvillkoren.",
                "The resource's id is another than that of the resource which meets the criteria.",
            ),
        )),
        (None, own) => {
            precondition.met_by_nobody()?;
            let precondition = match precondition {
                Precondition::MustNotExist => Precondition::MustNotExist,
                _ => Precondition::Free,
            };
            own.map_or(Ok(()), require_id_form)?;
            Ok((own.unwrap_or(new_id), precondition))
        }
    }
}

/// Criteria that choose nobody.
pub fn no_criteria() -> Problem {
    Problem::bad_request(
        "Det saknas sökvillkor som talar om vilken resurs som menas.",
        "There are no criteria that tell which resource is meant.",
    )
}

/// If-None-Exist of another interaction than a create: to ignore it would write where it must not.
pub fn only_of_a_create() -> Problem {
    Problem::bad_request(
        "If-None-Exist (ifNoneExist) gäller bara när en resurs skapas med POST.",
        "If-None-Exist (ifNoneExist) is about the creation of a resource by POST only.",
    )
}

/// The criteria of a create stand in two places.
pub fn stated_twice() -> Problem {
    Problem::bad_request(
        "Villkoren för att skapa ska stå en gång: i If-None-Exist, med sökvillkor som i en adress.",
        "The criteria of a create must stand once: in If-None-Exist, with criteria as in an address.",
    )
}
