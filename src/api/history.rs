//! GET `_history` of a resource, of a type and of everything: versions by their time, deletes shown (http.html#history).

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::{answer, etag, part_text};
use super::bundle_text::{BundleText, quoted};
use super::negotiate::Ask;
use super::reply::Reply;
use crate::access::Interaction;
use crate::door::content::instant;
use crate::door::problem::Problem;
use crate::fhir::search::dates::{DateValue, Prefix};
use crate::fhir::search::page;
use crate::fhir::search::query::KeyPart;
use crate::fhir::subset::{Role, Subset};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::store::{HistoryEnd, HistoryQuery, Past, Scope};

/// How many versions a page holds unless `_count` says otherwise, and at the most.
const PAGE: (i64, i64) = (50, 500);

/// What may be said once.
const ONCE: [&str; 5] = ["_count", "_since", "_at", "_sort", "_page"];

/// The versions of one resource.
#[utoipa::path(
    get,
    path = "/fhir/{version}/{type}/{id}/_history",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
        ("id" = String, Path, description = "The resource's id"),
        ("_count" = Option<i64>, Query, description = "Versions per page, at most 500"),
        ("_summary" = Option<String>, Query, description = "true, text, data or false: a part of each resource"),
        ("_elements" = Option<String>, Query, description = "The elements that are wanted, separated by commas"),
        ("_since" = Option<String>, Query, description = "Only versions made at this instant or later"),
        ("_at" = Option<String>, Query, description = "Only versions that were current at some point in this time; with a prefix as dates have it, except ne"),
        ("_sort" = Option<String>, Query, description = "-_lastUpdated (also without it, and none): newest first; _lastUpdated: oldest first"),
    ),
    responses(
        (status = 200, description = "A Bundle of type history"),
        (status = 404, description = "Never stored"),
    ),
)]
pub async fn of_instance(request: HttpRequest, path: web::Path<(String, String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::HistoryInstance, |ask| async move {
        let (_, kind, id) = path.into_inner();
        let scope = Scope::Instance(ask.kind(&kind)?, id);
        perform(&ask, scope, &query).await
    })
    .await
}

/// The versions of all resources of a type.
#[utoipa::path(
    get,
    path = "/fhir/{version}/{type}/_history",
    tag = "type",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
        ("_count" = Option<i64>, Query, description = "Versions per page, at most 500"),
        ("_summary" = Option<String>, Query, description = "true, text, data or false: a part of each resource"),
        ("_elements" = Option<String>, Query, description = "The elements that are wanted, separated by commas"),
        ("_since" = Option<String>, Query, description = "Only versions made at this instant or later"),
        ("_at" = Option<String>, Query, description = "Only versions that were current at some point in this time; with a prefix as dates have it, except ne"),
        ("_sort" = Option<String>, Query, description = "-_lastUpdated (also without it, and none): newest first; _lastUpdated: oldest first"),
    ),
    responses((status = 200, description = "A Bundle of type history"), (status = 404, description = "Another type")),
)]
pub async fn of_type(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::HistoryType, |ask| async move {
        let (_, kind) = path.into_inner();
        let scope = Scope::Type(ask.kind(&kind)?);
        perform(&ask, scope, &query).await
    })
    .await
}

/// The versions of everything.
#[utoipa::path(
    get,
    path = "/fhir/{version}/_history",
    tag = "system",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("_count" = Option<i64>, Query, description = "Versions per page, at most 500"),
        ("_summary" = Option<String>, Query, description = "true, text, data or false: a part of each resource"),
        ("_elements" = Option<String>, Query, description = "The elements that are wanted, separated by commas"),
        ("_since" = Option<String>, Query, description = "Only versions made at this instant or later"),
        ("_at" = Option<String>, Query, description = "Only versions that were current at some point in this time; with a prefix as dates have it, except ne"),
        ("_sort" = Option<String>, Query, description = "-_lastUpdated (also without it, and none): newest first; _lastUpdated: oldest first"),
    ),
    responses((status = 200, description = "A Bundle of type history")),
)]
pub async fn of_system(request: HttpRequest) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::HistorySystem, |ask| async move {
        perform(&ask, Scope::System, &query).await
    })
    .await
}

/// The interaction itself, also for an entry of a batch.
pub async fn perform(ask: &Ask, scope: Scope, query: &str) -> Result<Reply, Problem> {
    let history = History::asked(ask, scope, query)?;
    let versions = ask.app.door.history(&ask.call, history.query()).await?;
    history.tell(ask, versions)
}

/// A history that is asked for.
pub struct History {
    scope: Scope,
    address: String,
    subset: Subset,
    asked: Asked,
}

impl History {
    /// Reads the parameters of the address.
    pub fn asked(ask: &Ask, scope: Scope, query: &str) -> Result<History, Problem> {
        let address = match &scope {
            Scope::Instance(kind, id) => format!("{}/{kind}/{id}/_history", ask.base),
            Scope::Type(kind) => format!("{}/{kind}/_history", ask.base),
            Scope::System => format!("{}/_history", ask.base),
        };
        let kinds: Vec<&str> = match &scope {
            Scope::Instance(kind, _) | Scope::Type(kind) => vec![kind.name()],
            Scope::System => ResourceType::ALL.iter().map(|kind| kind.name()).collect(),
        };
        let subset = ask.subset(query, &kinds)?;
        let asked = Asked::read(query, &address, ask.app.door.clock.now().as_microsecond())?;
        Ok(History {
            scope,
            address,
            subset,
            asked,
        })
    }

    /// What the door is asked.
    pub fn query(&self) -> HistoryQuery {
        self.asked.query(self.scope.clone())
    }

    /// The history Bundle of what the door answered.
    pub fn tell(&self, ask: &Ask, mut versions: Vec<Past>) -> Result<Reply, Problem> {
        let History { address, asked, .. } = self;
        let more = versions.len() as i64 > asked.count;
        versions.truncate(asked.count as usize);
        let mut links = vec![("self", asked.url(address, asked.page.as_deref()))];
        if let Some(last) = versions.last().filter(|_| more) {
            links.push(("next", asked.url(address, Some(&asked.token(last.end)))));
        }
        let mut bundle = BundleText::new("history", None, &links);
        for version in versions {
            entry(&mut bundle, ask, version, &self.subset)?;
        }
        Ok(ask.bundle(bundle.finish()))
    }
}

/// A version, with the request that made it, as it would be if it named the resource itself: "conditional creates, updates
/// and deletes are converted to direct updates and deletes in a history list" (http.html#history).
fn entry(bundle: &mut BundleText, ask: &Ask, past: Past, subset: &Subset) -> Result<(), Problem> {
    let Past {
        stored,
        interaction,
        begins,
        ..
    } = past;
    let address = format!("{}/{}", stored.kind, stored.id);
    let is = |known: Interaction| interaction == known.code();
    let (method, url) = match stored.deleted {
        true => ("DELETE", address.as_str()),
        false if is(Interaction::Create) => ("POST", stored.kind.name()),
        // R5 lets no history say PATCH (bdl-14).
        false if is(Interaction::Patch) && ask.version() == FhirVersion::R4 => ("PATCH", address.as_str()),
        false => ("PUT", address.as_str()),
    };
    let status = match (stored.deleted, begins) {
        (true, _) => "204",
        (false, true) => "201",
        (false, false) => "200",
    };
    let response = format!(
        r#"{{"status":"{status}","etag":{},"lastModified":"{}"}}"#,
        quoted(&etag(stored.version)),
        instant(stored.last_updated)
    );
    let request = format!(r#"{{"method":"{method}","url":{}}}"#, quoted(url));
    let parts = [("request", request.as_str()), ("response", response.as_str())];
    let full_url = format!("{}/{address}", ask.base);
    let resource = if stored.deleted {
        None
    } else {
        Some(part_text(stored, ask.manner, subset, Role::Match)?)
    };
    bundle.entry(Some(&full_url), resource.as_deref(), &parts);
    Ok(())
}

/// Which versions the caller asks for.
struct Asked {
    count: i64,
    since: Option<i64>,
    at: Option<(i64, i64)>,
    oldest_first: bool,
    page: Option<String>,
    after: Option<HistoryEnd>,
    /// What chooses versions, as it was written, for the links.
    kept: Vec<(String, String)>,
    /// What tells how the answer is written, likewise.
    looks: Vec<(String, String)>,
    /// Ties a page's token to this history.
    fingerprint: u64,
}

impl Asked {
    /// `now` is in microseconds since 1970.
    fn read(query: &str, address: &str, now: i64) -> Result<Asked, Problem> {
        let mut asked = Asked {
            count: PAGE.0,
            since: None,
            at: None,
            oldest_first: false,
            page: None,
            after: None,
            kept: Vec::new(),
            looks: Vec::new(),
            fingerprint: 0,
        };
        let mut read = HashSet::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // Of two only one would count, and nobody would see which.
            if ONCE.contains(&name.as_ref()) && !value.is_empty() && !read.insert(name.clone()) {
                return Err(stated_twice(&name));
            }
            asked.parameter(&name, &value, now).ok_or_else(|| refused(&name))?;
        }
        let kept = asked
            .kept
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        asked.fingerprint = page::fingerprint([address].into_iter().chain(kept));
        if let Some(token) = &asked.page {
            asked.after = Some(end_of(token, asked.fingerprint).ok_or_else(|| refused("_page"))?);
        }
        Ok(asked)
    }

    fn parameter(&mut self, name: &str, value: &str, now: i64) -> Option<()> {
        match name {
            // What steers the answer says nothing without a value, as in a search.
            "_count" | "_sort" if value.is_empty() => {}
            "_count" => self.count = value.parse().ok().filter(|count: &i64| *count >= 0)?.min(PAGE.1),
            "_since" => {
                self.since = Some(instant_of(value)?);
                self.kept.push((name.to_owned(), value.to_owned()));
            }
            "_at" => {
                self.at = Some(period(value, now)?);
                self.kept.push((name.to_owned(), value.to_owned()));
            }
            "_sort" => {
                self.oldest_first = match value {
                    "_lastUpdated" => true,
                    "-_lastUpdated" | "none" => false,
                    _ => return None,
                };
                self.kept.push((name.to_owned(), value.to_owned()));
            }
            "_page" => self.page = Some(value.to_owned()),
            // How the answer is written: read elsewhere, kept for the links, and no part of the choice.
            "_format" | "_pretty" | "_summary" | "_elements" => self.looks.push((name.to_owned(), value.to_owned())),
            _ => return None,
        }
        Some(())
    }

    /// One more than the page tells whether there is a next one.
    fn query(&self, scope: Scope) -> HistoryQuery {
        HistoryQuery {
            scope,
            since: self.since,
            at: self.at,
            oldest_first: self.oldest_first,
            after: self.after,
            limit: self.count + 1,
        }
    }

    fn token(&self, end: HistoryEnd) -> String {
        page::encode(
            self.fingerprint,
            &[KeyPart::Number(end.last_updated), KeyPart::Number(end.seq)],
        )
    }

    fn url(&self, address: &str, page: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.kept.iter().chain(&self.looks));
        query.append_pair("_count", &self.count.to_string());
        if let Some(page) = page {
            query.append_pair("_page", page);
        }
        format!("{address}?{}", query.finish())
    }
}

/// The instant at which a date begins, in microseconds.
fn instant_of(value: &str) -> Option<i64> {
    DateValue::exact(value).map(|date| date.low)
}

/// The time in which a version is to have been current: the date's, or what its prefix makes of it, [low, high) in microseconds.
fn period(value: &str, now: i64) -> Option<(i64, i64)> {
    let DateValue { prefix, low, high } = DateValue::parse(value, now)?;
    Some(match prefix {
        Prefix::Eq | Prefix::Ap => (low, high),
        Prefix::Ge => (low, i64::MAX),
        Prefix::Gt | Prefix::Sa => (high, i64::MAX),
        Prefix::Le => (i64::MIN, high),
        Prefix::Lt | Prefix::Eb => (i64::MIN, low),
        // Two times, one before the date and one after it.
        Prefix::Ne => return None,
    })
}

fn end_of(token: &str, fingerprint: u64) -> Option<HistoryEnd> {
    match page::decode(token, fingerprint)?.as_slice() {
        [KeyPart::Number(last_updated), KeyPart::Number(seq)] => Some(HistoryEnd {
            last_updated: *last_updated,
            seq: *seq,
        }),
        _ => None,
    }
}

fn stated_twice(name: &str) -> Problem {
    Problem::bad_request(
        format!("Historik tar emot parametern {name} en gång."),
        format!("History takes the parameter {name} once."),
    )
}

fn refused(name: &str) -> Problem {
    let name = known_name(name);
    Problem::bad_request(
        format!("Historik tar inte emot parametern {name} med det värdet."),
        format!("History does not take the parameter {name} with that value."),
    )
}

/// A parameter's name may be repeated to the caller when it looks like one.
fn known_name(name: &str) -> &str {
    let plain = name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-' | b':' | b'.'));
    if plain { name } else { "(okänt namn)" }
}
