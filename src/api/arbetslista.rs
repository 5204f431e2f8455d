//! `Organization/[id]/$riktlinjekontroll`: the work list of a vårdenhet or vårdgivare, a searchset with one entry for each
//! patient that the riktlinje has something to say about, those with errors first.

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::{answer, text_of};
use super::bundle_text::BundleText;
use super::negotiate::Ask;
use super::outcome;
use super::parameters::{Given, InParameter, with_query};
use super::reply::Reply;
use super::search::told;
use super::sent::Sent;
use crate::access::Interaction;
use crate::door::arbetslista::{Arbetslista, Listfraga, Listpost};
use crate::door::problem::Problem;
use crate::fhir::fault::Text;
use crate::riktlinje::{RuleId, Severity};

const CODES: &[&str] = &["valueCode", "valueString"];

/// `rule` and `severity` are other names of `regel` and `allvarlighet`.
const IN: &[InParameter] = &[
    InParameter::text("regel", CODES),
    InParameter::text("rule", CODES),
    InParameter::text("allvarlighet", CODES),
    InParameter::text("severity", CODES),
    InParameter::text("_count", &["valueInteger", "valuePositiveInt", "valueUnsignedInt"]),
    InParameter::text("_page", &["valueString"]),
];

/// Entries on a page unless `_count` says otherwise, and at the most.
const DEFAULT_COUNT: usize = 50;
const MAX_COUNT: usize = 1000;

/// The patients in the list of a unit, and of all units below it by partOf. `meta.lastUpdated` tells as of when.
#[utoipa::path(
    get,
    path = "/fhir/{version}/Organization/{id}/$riktlinjekontroll",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("id" = String, Path, description = "The organization's id"),
        ("regel" = Option<String>, Query, description = "Only findings of these rules, e.g. PAT-01,PAT-03 (also: rule)"),
        ("allvarlighet" = Option<String>, Query, description = "Only findings of these severities: error, warning, information (also: severity)"),
        ("_count" = Option<u32>, Query, description = "Patients per page, at most 1000"),
    ),
    responses(
        (status = 200, description = "A Bundle of type searchset: fullUrl is the Patient, resource an OperationOutcome with that patient's findings; errors first. A physician with more patients than the guide value (LIST-01) has an entry of its own on the last page"),
        (status = 400, description = "An unknown rule, severity or parameter, or a bad page"),
        (status = 404, description = "There is no such organization"),
        (status = 410, description = "The organization is deleted"),
    ),
)]
pub async fn by_get(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Arbetslista, |ask| async move {
        run(&ask, path.into_inner().1, query, Sent::Nothing).await
    })
    .await
}

/// The same, with the parameters in a Parameters resource.
#[utoipa::path(
    post,
    path = "/fhir/{version}/Organization/{id}/$riktlinjekontroll",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("id" = String, Path, description = "The organization's id"),
    ),
    request_body(
        content = Object,
        content_type = "application/fhir+json",
        description = "Parameters with regel, allvarlighet (each may be repeated) and _count; or nothing",
    ),
    responses(
        (status = 200, description = "A Bundle of type searchset, as by GET"),
        (status = 400, description = "Not Parameters, or an unknown rule, severity or parameter, or a bad page"),
        (status = 404, description = "There is no such organization"),
        (status = 410, description = "The organization is deleted"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/fhir+json of this version"),
    ),
)]
pub async fn by_post(request: HttpRequest, path: web::Path<(String, String)>, payload: web::Payload) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Arbetslista, |ask| async move {
        run(&ask, path.into_inner().1, query, Sent::Body(payload)).await
    })
    .await
}

/// The operation itself, also for an entry of a batch.
pub async fn run(ask: &Ask, id: String, query: String, sent: Sent) -> Result<Reply, Problem> {
    let given = ask.given(IN, query, sent).await?;
    let filters = Filters::read(&given)?;
    let fraga = Listfraga {
        enhet: id.clone(),
        regler: filters.regler.clone(),
        allvarligheter: filters.allvarligheter.clone(),
        count: filters.count,
        page: given.one("_page")?.map(str::to_owned),
        version: ask.version(),
    };
    let own_page = fraga.page.clone();
    let list = ask.app.door.arbetslista(&ask.call, fraga).await?;
    let address =
        |page: Option<&str>| filters.address(&format!("{}/Organization/{id}/$riktlinjekontroll", ask.base), page);
    let mut links = vec![("self", address(own_page.as_deref()))];
    links.extend(list.next.as_deref().map(|next| ("next", address(Some(next)))));
    Ok(ask.bundle(bundle(ask, &list, &links)))
}

fn bundle(ask: &Ask, list: &Arbetslista, links: &[(&str, String)]) -> String {
    let mut bundle = BundleText::new("searchset", None, links);
    if let Some(per) = list.per {
        bundle.last_updated(per);
    }
    // An OperationOutcome is never a match of a search, whatever it is about (search.html#entries).
    let mode = [("search", r#"{"mode":"outcome"}"#)];
    if list.fornyas {
        let renewed = outcome::notice(&being_renewed(list), ask.manner.language);
        told(&mut bundle, &text_of(&renewed, false));
    }
    let mut add = |kind: &str, post: &Listpost| {
        let told = outcome::of_fynd(&post.fynd, &post.id, ask.manner.language);
        let full_url = format!("{}/{kind}/{}", ask.base, post.id);
        bundle.entry(Some(&full_url), Some(&text_of(&told, false)), &mode);
    };
    list.patienter.iter().for_each(|post| add("Patient", post));
    list.lakare.iter().for_each(|post| add("Practitioner", post));
    bundle.finish()
}

/// What the caller is told while later changes are being taken in.
fn being_renewed(list: &Arbetslista) -> Text {
    match list.per {
        Some(per) => Text::new(
            format!("Listan förnyas; den visar läget per {per}."),
            format!("The list is being renewed; it shows the state as of {per}."),
        ),
        None => Text::new(
            "Listan håller på att göras och är inte fullständig ännu.",
            "The list is being made and is not complete yet.",
        ),
    }
}

/// Which findings are asked for, and how many patients at a time.
struct Filters {
    regler: Vec<RuleId>,
    allvarligheter: Vec<Severity>,
    count: usize,
}

impl Filters {
    fn read(given: &Given) -> Result<Filters, Problem> {
        let values = |name: &'static str, other: &'static str| {
            let all: Vec<&str> = given.all(name).chain(given.all(other)).collect();
            all.into_iter().flat_map(|value| value.split(','))
        };
        let mut regler = Vec::new();
        for value in values("regel", "rule") {
            regler.push(RuleId::find(value).ok_or_else(unknown_rule)?);
        }
        let mut allvarligheter = Vec::new();
        for value in values("allvarlighet", "severity") {
            allvarligheter.push(severity(value).ok_or_else(unknown_severity)?);
        }
        regler.sort_unstable();
        regler.dedup();
        allvarligheter.sort_unstable();
        allvarligheter.dedup();
        // What steers the answer says nothing without a value, as in a search.
        let count = match given.one("_count")?.filter(|count| !count.is_empty()) {
            None => DEFAULT_COUNT,
            Some(count) => match count.parse::<u32>() {
                Ok(count) if count > 0 => usize::try_from(count).unwrap_or(MAX_COUNT).min(MAX_COUNT),
                _ => {
                    return Err(Problem::bad_request(
                        "_count ska vara ett heltal som är minst 1.",
                        "_count must be a whole number of at least 1.",
                    ));
                }
            },
        };
        Ok(Filters {
            regler,
            allvarligheter,
            count,
        })
    }

    /// The address of a page; nothing in it is about a patient.
    fn address(&self, list: &str, page: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for regel in &self.regler {
            query.append_pair("regel", regel.as_str());
        }
        for severity in &self.allvarligheter {
            query.append_pair("allvarlighet", severity.code());
        }
        if self.count != DEFAULT_COUNT {
            query.append_pair("_count", &self.count.to_string());
        }
        if let Some(page) = page {
            query.append_pair("_page", page);
        }
        with_query(list, &query.finish())
    }
}

fn severity(code: &str) -> Option<Severity> {
    [Severity::Error, Severity::Warning, Severity::Information]
        .into_iter()
        .find(|severity| severity.code() == code)
}

fn unknown_rule() -> Problem {
    Problem::bad_request(
        "regel ska vara id för regler i riktlinjen, till exempel PAT-01 eller FLK-04,FVK-03.",
        "regel must be ids of rules of the riktlinje, for example PAT-01 or FLK-04,FVK-03.",
    )
}

fn unknown_severity() -> Problem {
    Problem::bad_request(
        "allvarlighet ska vara error, warning eller information.",
        "allvarlighet must be error, warning or information.",
    )
}
