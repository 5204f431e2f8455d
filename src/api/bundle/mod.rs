//! POST `[base]` with a Bundle: a transaction, all entries or none, or a batch, each on its own (http.html#transaction).

mod batch;
mod look;

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::answer;
use super::bundle_text::BundleText;
use super::media_type::may_write;
use super::negotiate::{Ask, Language};
use super::reply::Reply;
use crate::access::Interaction;
use crate::door::address::only;
use crate::door::bundle::{self, Done, Entry, Method, Reading, Submitted};
use crate::door::content;
use crate::door::problem::Problem;
use look::Asking;

/// Carries out the entries of a Bundle: of a transaction together, the riktlinje asked once about the state after all of
/// them; of a batch each like a request of its own.
#[utoipa::path(
    post,
    path = "/fhir/{version}",
    tag = "system",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("Prefer" = Option<String>, Header, description = "return=minimal | representation | OperationOutcome"),
    ),
    request_body(content = Object, content_type = "application/fhir+json", description = "A Bundle of type transaction or batch"),
    responses(
        (status = 200, description = "A Bundle of type transaction-response: all entries are carried out; or batch-response: each entry tells how it went. In request order"),
        (status = 400, description = "Not FHIR, another type of Bundle, too many entries, or one resource written by two entries: an issue per fault, each with Bundle.entry[n]…; nothing is stored"),
        (status = 404, description = "Transaction: an entry reads or deletes what was never stored; nothing is stored"),
        (status = 409, description = "Transaction: others write the same all the time: try again"),
        (status = 410, description = "Transaction: an entry reads what is deleted; nothing is stored"),
        (status = 412, description = "Transaction: an entry's precondition does not hold, or criteria do not tell which resource is meant; nothing is stored"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/fhir+json of this version"),
        (status = 422, description = "Transaction: the riktlinje refuses an entry, or a patch does not fit: all findings; nothing is stored"),
        (status = 428, description = "Transaction: ifMatch is demanded by the configuration"),
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn submit(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let peer = request.peer_addr();
    let query = request.query_string().to_owned();
    answer(request, Interaction::Transaction, |ask| async move {
        only(&query, &[])?;
        ask.require_fhir_json()?;
        let bytes = ask.body(payload).await?;
        let (version, own_bases) = (ask.version(), ask.own_bases());
        let (limits, bundles) = (ask.app.door.limits, ask.app.door.bundles);
        let size = bytes.len();
        let submitted = ask
            .computing(size, move || {
                let bundle = content::read_json(&bytes, &limits)?;
                bundle::read(version, bundle, &bundles, &own_bases)
            })
            .await?;
        match submitted {
            Submitted::Transaction(entries) => transaction(&ask, entries, size).await.map(HttpResponse::from),
            Submitted::Batch(entries) => {
                let turn = ask.app.limits.batch(&ask.call.caller, peer).await;
                let mut response = HttpResponse::from(batch::carry_out(&ask, entries).await?);
                drop(turn);
                // Metrics and logs tell the one from the other.
                response.extensions_mut().insert(Interaction::Batch);
                Ok(response)
            }
        }
    })
    .await
}

/// 406 when an entry asks for a format that we do not write.
fn acceptable(ask: &Ask, entry: &Entry) -> Result<(), Problem> {
    entry
        .formats()
        .try_for_each(|format| may_write(&format, ask.version()))
        .map_err(|problem| problem.in_entry(entry.index))
}

/// `size` is the Bundle's, in bytes: what is to be done grows with it.
async fn transaction(ask: &Ask, entries: Vec<Entry>, size: usize) -> Result<Reply, Problem> {
    entries.iter().try_for_each(|entry| acceptable(ask, entry))?;
    for entry in &entries {
        ask.asks_about(entry.path.iter().map(String::as_str));
    }
    let (version, own_bases) = (ask.version(), ask.own_bases());
    let (now, limits) = (ask.app.door.clock.now().as_microsecond(), ask.app.door.limits);
    let (reads, writes): (Vec<Entry>, Vec<Entry>) = entries
        .into_iter()
        .partition(|entry| matches!(entry.method, Method::Get | Method::Head));
    let mut askings = HashMap::new();
    let mut looks = Vec::with_capacity(reads.len());
    for entry in reads {
        let (asking, look) = Asking::new(ask, &entry)?;
        looks.push((entry.index, look));
        askings.insert(entry.index, asking);
    }
    let reading = ask
        .computing(size, move || Reading::new(version, writes, &own_bases, now, limits))
        .await?
        .of_size(size);
    // What is read may be much, whatever the size of the question.
    let size = if askings.is_empty() { size } else { usize::MAX };
    let done = ask.app.door.transact(&ask.call, reading, looks).await?;
    let within = ask.within_bundle();
    let text = ask
        .computing(size, move || {
            let mut replies = Vec::with_capacity(done.len());
            for (index, done) in done {
                replies.push(match (done, askings.remove(&index)) {
                    (Done::Written(written), _) => within.wrote(written)?,
                    (Done::Looked(looked), Some(asking)) => asking.tell(looked)?,
                    (Done::Nothing | Done::Looked(_), _) => within.reply(StatusCode::NO_CONTENT),
                });
            }
            Ok(response(&within, "transaction-response", replies))
        })
        .await?;
    Ok(ask.bundle(text))
}

/// The text of a response Bundle, entries in the order given.
fn response(within: &Ask, kind: &str, replies: Vec<Reply>) -> String {
    let mut bundle = BundleText::new(kind, None, &[]);
    let language: Language = within.manner.language;
    for reply in replies {
        reply.into_entry(&mut bundle, language);
    }
    bundle.finish()
}
