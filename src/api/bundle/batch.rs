//! A batch: each entry is carried out like a request of its own, by the same functions, and tells how it went. None makes
//! another fail.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt, stream};

use super::super::answer::told;
use super::super::negotiate::Ask;
use super::super::reply::{Body, Reply};
use super::super::search::{Links, Pairs, SearchAt, opened, searched};
use super::super::sent::Sent;
use super::super::{
    arbetslista, create, definitions, delete, everything, history, logg, metadata, patch, patientkontroll, read,
    update, validate,
};
use super::{acceptable, response};
use crate::access::Interaction;
use crate::door::bundle::{Entry, MOST_ANSWERED, Method, not_there, strangers};
use crate::door::problem::{Problem, in_resource};
use crate::fhir::types::{DefinitionType, ResourceType};
use crate::store::Scope;

/// Entries that are on their way at the same time. SQLite's writer takes them into one commit; more would keep other
/// callers waiting.
const AT_ONCE: usize = 16;

/// How long a batch may go on. After that, and when its answers have become too large ([`MOST_ANSWERED`]), the entries that are
/// left are not carried out (403 `too-costly`): whoever asked may have gone long before.
const LONGEST: Duration = Duration::from_secs(60);

/// Carries out all entries; those that cannot even be tried tell why. Deletes go first, then creates, updates and reads
/// (http.html#brules); within each the order is nobody's.
pub async fn carry_out(ask: &Ask, entries: Vec<Result<Entry, Problem>>) -> Result<Reply, Problem> {
    let mut replies: Vec<(usize, Reply)> = Vec::with_capacity(entries.len());
    let mut turns: [Vec<Entry>; 4] = Default::default();
    let entries = {
        let (version, mut entries) = (ask.version(), entries);
        ask.computing(usize::MAX, move || {
            strangers(version, &mut entries);
            Ok(entries)
        })
        .await?
    };
    for (index, entry) in entries.into_iter().enumerate() {
        match entry {
            Ok(entry) => turns[usize::from(entry.method.turn())].push(entry),
            Err(problem) => replies.push((index, failed(ask, &problem))),
        }
    }
    let (begun, answered) = (Instant::now(), &Cell::new(0));
    for turn in turns {
        let answers: Vec<(usize, Reply)> = stream::iter(turn)
            .map(|entry| async move {
                // Writes are taken together, and go one by one as it is.
                let operates = entry.path.last().is_some_and(|name| name.starts_with(['$', '_']));
                let _turn = match entry.method {
                    Method::Post | Method::Put | Method::Patch | Method::Delete if !operates => None,
                    _ => ask.app.limits.entry_reads().await,
                };
                if answered.get() > MOST_ANSWERED || begun.elapsed() > LONGEST {
                    return (entry.index, failed(ask, &Problem::TooCostly.in_entry(entry.index)));
                }
                let (index, reply) = one(ask, entry).await;
                answered.set(answered.get() + reply.body.size());
                (index, reply)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        replies.extend(answers);
    }
    replies.sort_by_key(|(index, _)| *index);
    let replies: Vec<Reply> = replies.into_iter().map(|(_, reply)| reply).collect();
    let within = ask.clone();
    ask.computing(answered.get(), move || {
        Ok(within.bundle(response(&within, "batch-response", replies)))
    })
    .await
}

/// One entry, whatever becomes of it.
async fn one(ask: &Ask, entry: Entry) -> (usize, Reply) {
    let (index, is_head) = (entry.index, entry.method == Method::Head);
    let batch = ask;
    let ask = &batch.within_batch();
    ask.asks_about(entry.path.iter().map(String::as_str));
    let answered = AssertUnwindSafe(perform(ask, entry))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            Err(Problem::Internal {
                reason: "an entry of a batch panicked".to_owned(),
            })
        });
    let mut reply = answered.unwrap_or_else(|problem| {
        let door = &batch.app.door;
        door.note_failed_entry(&batch.call, &ask.call, &problem);
        failed(ask, &problem.in_entry(index))
    });
    for finding in &mut reply.findings {
        finding.expression = in_resource(&format!("Bundle.entry[{index}]"), &finding.expression);
    }
    if is_head {
        reply.body = Body::Nothing;
    }
    (index, reply)
}

/// How an entry that was refused tells why.
fn failed(ask: &Ask, problem: &Problem) -> Reply {
    let (status, outcome) = told(problem, ask.manner.language, &ask.call.request_id);
    Reply {
        version: match problem {
            Problem::Deleted { version } => Some(*version),
            _ => None,
        },
        body: Body::Outcome(outcome.to_string()),
        ..ask.reply(status)
    }
}

/// Hands an entry to the interaction that its method and address name.
async fn perform(ask: &Ask, mut entry: Entry) -> Result<Reply, Problem> {
    acceptable(ask, &entry)?;
    let sent = entry.resource.take().map_or(Sent::Nothing, Sent::Entry);
    let asked = entry.query.take().unwrap_or_default();
    let ask = |interaction| ask.of_entry(interaction, &entry);
    let path = entry.path.iter().map(String::as_str).collect::<Vec<_>>();
    let is_definition = path
        .first()
        .is_some_and(|name| DefinitionType::from_name(name).is_some());
    match (entry.method, path.as_slice()) {
        (Method::Get | Method::Head, path) => match path {
            ["metadata"] => Ok(metadata::perform(&ask(Interaction::Capabilities))),
            ["_history"] => history::perform(&ask(Interaction::HistorySystem), Scope::System, &asked).await,
            [kind] if is_definition => definitions::respond(&ask(Interaction::Search), kind, pairs(&asked)),
            [kind, id] if is_definition => definitions::one(&ask(Interaction::Read), kind, id, &asked),
            [logg::AUDIT_EVENT] => logg::respond(&ask(Interaction::Search), None, pairs(&asked), Links::Sealed).await,
            ["Patient", id, logg::AUDIT_EVENT] => {
                let ask = ask(Interaction::SearchCompartment);
                logg::respond(&ask, Some(id), pairs(&asked), Links::Sealed).await
            }
            [logg::AUDIT_EVENT, id] => logg::one(&ask(Interaction::Read), id, &asked).await,
            ["Patient", id, "$loggutdrag"] => {
                logg::utdrag::run(&ask(Interaction::Loggutdrag), (*id).to_owned(), asked).await
            }
            [kind, "_history"] => {
                let ask = ask(Interaction::HistoryType);
                history::perform(&ask, Scope::Type(ask.kind(kind)?), &asked).await
            }
            [kind, id, "_history"] => {
                let ask = ask(Interaction::HistoryInstance);
                history::perform(&ask, Scope::Instance(ask.kind(kind)?, (*id).to_owned()), &asked).await
            }
            [kind, id, "_history", version] => {
                read::version_of(&ask(Interaction::Vread), kind, (*id).to_owned(), version, &asked).await
            }
            [_, _, operation] if operation.starts_with('$') => operate(&ask, path, asked, Sent::Nothing).await,
            [kind, id] => read::current(&ask(Interaction::Read), kind, (*id).to_owned(), &asked).await,
            path => {
                let interaction = match path {
                    [] => Interaction::SearchSystem,
                    [_] => Interaction::Search,
                    _ => Interaction::SearchCompartment,
                };
                search(&ask(interaction), &path.join("/"), pairs(&asked)).await
            }
        },
        (Method::Post, [.., operation]) if operation.starts_with('$') => operate(&ask, &path, asked, sent).await,
        (_, [name] | [name, _]) if ResourceType::from_name(name).is_none() => Err(not_there(&path)),
        (Method::Post, [kind]) => {
            let mut ask = ask(Interaction::Create);
            ask.add_if_none_exist(&asked);
            create::perform(&ask, kind, sent).await
        }
        (Method::Put, [kind, id]) => update::perform(&ask(Interaction::Update), kind, (id, &asked), sent).await,
        (Method::Put, [kind]) => update::perform_where(&ask(Interaction::Update), kind, &asked, sent).await,
        (Method::Patch, [kind, id]) => patch::perform(&ask(Interaction::Patch), kind, (id, &asked), sent).await,
        (Method::Patch, [kind]) => patch::perform_where(&ask(Interaction::Patch), kind, &asked, sent).await,
        (Method::Delete, [kind, id]) => delete::perform(&ask(Interaction::Delete), kind, id, &asked).await,
        (Method::Delete, [kind]) => delete::perform_where(&ask(Interaction::Delete), kind, &asked).await,
        (_, path) => Err(not_there(path)),
    }
}

/// An operation on a type or an instance.
async fn operate(
    ask: &impl Fn(Interaction) -> Ask,
    path: &[&str],
    query: String,
    sent: Sent,
) -> Result<Reply, Problem> {
    match path {
        [kind, "$validate"] => {
            let ask = ask(Interaction::Validate);
            validate::run(&ask, ask.kind(kind)?, None, query, sent).await
        }
        [kind, id, "$validate"] => {
            let ask = ask(Interaction::Validate);
            validate::run(&ask, ask.kind(kind)?, Some((*id).to_owned()), query, sent).await
        }
        ["Patient", id, "$riktlinjekontroll"] => {
            patientkontroll::run(&ask(Interaction::Patientkontroll), (*id).to_owned(), query, sent).await
        }
        ["Patient", id, "$everything"] => {
            everything::run(&ask(Interaction::Everything), (*id).to_owned(), query, sent).await
        }
        ["Organization", id, "$riktlinjekontroll"] => {
            arbetslista::run(&ask(Interaction::Arbetslista), (*id).to_owned(), query, sent).await
        }
        _ => Err(Problem::UnknownAddress),
    }
}

/// The search came in a body: its links must not show it.
async fn search(ask: &Ask, path: &str, pairs: Pairs) -> Result<Reply, Problem> {
    let at = SearchAt::of_path(ask, path)?;
    let (pairs, _) = opened(ask, pairs)?;
    Ok(ask.reply_text(searched(ask, &at, pairs, Links::Sealed).await?))
}

fn pairs(query: &str) -> Pairs {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
