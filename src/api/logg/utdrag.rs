//! `Patient/[id]/$loggutdrag` (PDL 8:5; HSLF-FS 2016:40 4:9–10): which units have had access to the patient's record, and when,
//! for the patient. No names of staff, nothing of other patients; each entry tells in Swedish what was done.

use actix_web::{HttpRequest, HttpResponse, web};

use super::auditevent::For;
use super::{entry, sok};
use crate::access::{Asked, Interaction};
use crate::api::answer::answer;
use crate::api::bundle_text::BundleText;
use crate::api::everything::looks;
use crate::api::negotiate::Ask;
use crate::api::parameters::{InParameter, with_query};
use crate::api::reply::Reply;
use crate::api::sent::Sent;
use crate::door::content::require_id_form;
use crate::door::loggranskning::{Loggfraga, Total};
use crate::door::problem::Problem;
use crate::fhir::search::dates::DateValue;
use crate::fhir::search::page;
use crate::fhir::subset::Subset;
use crate::store::LogQuery;

const DEFAULT_COUNT: usize = 100;
const MAX_COUNT: usize = 1000;

const IN: &[InParameter] = &[
    InParameter::text("start", &["valueDate"]),
    InParameter::text("end", &["valueDate"]),
    InParameter::text("_count", &["valueInteger"]),
    InParameter::text("_page", &["valueString"]),
];

/// Which units have had access to the patient's record, and when.
#[utoipa::path(
    get,
    path = "/fhir/{version}/Patient/{id}/$loggutdrag",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("id" = String, Path, description = "The patient's id"),
        ("start" = Option<String>, Query, description = "From this day on"),
        ("end" = Option<String>, Query, description = "Up to and with this day"),
        ("_count" = Option<u32>, Query, description = "Entries on a page, at most 1000"),
    ),
    responses(
        (status = 200, description = "A Bundle of type searchset: AuditEvents, newest first, with unit, time and a text in Swedish"),
        (status = 400, description = "An unknown parameter, or a bad value"),
        (status = 404, description = "There is no such patient"),
    ),
)]
pub async fn by_get(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Loggutdrag, |ask| async move {
        run(&ask, path.into_inner().1, query).await
    })
    .await
}

/// The operation itself, also for an entry of a batch.
pub async fn run(ask: &Ask, id: String, query: String) -> Result<Reply, Problem> {
    require_id_form(&id)?;
    let looks = looks(&query);
    let given = ask.given(IN, query, Sent::Nothing).await?;
    let (start, end) = (given.one("start")?, given.one("end")?);
    let low = start.map(|text| day("start", text)).transpose()?.map(|date| date.low);
    let high = end.map(|text| day("end", text)).transpose()?.map(|date| date.high);
    // What steers the answer says nothing without a value, as in a search.
    let count = match given.one("_count")?.filter(|count| !count.is_empty()) {
        None => DEFAULT_COUNT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|count: &usize| *count > 0)
            .ok_or_else(|| refused("_count"))?
            .min(MAX_COUNT),
    };
    let parts = ["$loggutdrag", &id, start.unwrap_or_default(), end.unwrap_or_default()];
    let fingerprint = page::fingerprint(parts.into_iter());
    let here = given.one("_page")?;
    let before = match here {
        None => None,
        Some(token) => Some(sok::end_of(token, fingerprint).ok_or_else(|| refused("_page"))?),
    };
    let fraga = Loggfraga {
        asked: Asked::default(),
        query: LogQuery {
            patients: Vec::new(),
            at: (low.is_some() || high.is_some()).then(|| (low.unwrap_or(i64::MIN), high.unwrap_or(i64::MAX))),
            before,
            limit: 0,
        },
        count,
        total: Total::No,
        holds: Box::new(|_| true),
    };
    let sida = ask.app.door.loggutdrag(&ask.call, id.clone(), fraga).await?;
    let address = |page: Option<&str>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let given = [("start", start), ("end", end), ("_page", page)];
        query.extend_pairs(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
        query.extend_pairs(&looks);
        if count != DEFAULT_COUNT {
            query.append_pair("_count", &count.to_string());
        }
        with_query(&format!("{}/Patient/{id}/$loggutdrag", ask.base), &query.finish())
    };
    let mut links = vec![("self", address(here))];
    if here.is_some() || sida.next.is_some() {
        links.push(("first", address(None)));
    }
    if let Some(next) = sida.next {
        links.push(("next", address(Some(&sok::token(fingerprint, next)))));
    }
    let mut bundle = BundleText::new("searchset", None, &links);
    for rad in &sida.rader {
        let unit_name = sida.enheter.get(&rad.unit).map_or("", String::as_str);
        let reader = For::Patient { id: &id, unit_name };
        entry(&mut bundle, ask, rad, (reader, &Subset::default()));
    }
    Ok(ask.bundle(bundle.finish()))
}

fn day(name: &str, text: &str) -> Result<DateValue, Problem> {
    DateValue::exact(text).ok_or_else(|| refused(name))
}

fn refused(name: &str) -> Problem {
    Problem::bad_request(
        format!("$loggutdrag tar inte emot parametern {name} med det värdet."),
        format!("$loggutdrag does not take the parameter {name} with that value."),
    )
}
