//! `Patient/[id]/$everything` (operation-patient-everything.html): the patient, what is held about the patient, and whom and
//! what that refers to, as a searchset in pages.

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::{answer, subset_of};
use super::bundle_text::BundleText;
use super::negotiate::Ask;
use super::parameters::{Given, InParameter, with_query};
use super::reply::Reply;
use super::search::{annorstades, found, not_all_included, told};
use super::sent::Sent;
use crate::access::Interaction;
use crate::door::content::require_id_form;
use crate::door::problem::Problem;
use crate::fhir::elements::elements;
use crate::fhir::search::dates::DateValue;
use crate::fhir::search::query::KeyPart;
use crate::fhir::search::{compartments, has_patient, page};
use crate::fhir::subset::{Role, Subset};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::store::{EverythingEnd, EverythingQuery};

/// What belongs to the patient on a page, unless `_count` says otherwise and at the most: "the server returns the entire
/// result set in a single bundle", as long as that is a bundle one can send.
const MOST: i64 = 1000;

const IN: &[InParameter] = &[
    InParameter::text("start", &["valueDate"]),
    InParameter::text("end", &["valueDate"]),
    InParameter::text("_since", &["valueInstant"]),
    InParameter::text("_type", &["valueCode"]),
    InParameter::text("_count", &["valueInteger"]),
    InParameter::text("_summary", &["valueCode"]),
    InParameter::text("_elements", &["valueString"]),
    InParameter::text("_page", &["valueString"]),
];

/// All that is held about a patient.
#[utoipa::path(
    get,
    path = "/fhir/{version}/Patient/{id}/$everything",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("id" = String, Path, description = "The patient's id"),
        ("start" = Option<String>, Query, description = "Only care from this day on"),
        ("end" = Option<String>, Query, description = "Only care up to and with this day"),
        ("_since" = Option<String>, Query, description = "Only what was changed at this instant or later"),
        ("_type" = Option<String>, Query, description = "Only these types, separated by commas"),
        ("_count" = Option<i64>, Query, description = "What belongs to the patient on a page, at most 1000"),
        ("_summary" = Option<String>, Query, description = "true, text, data or false: a part of each resource"),
        ("_elements" = Option<String>, Query, description = "The elements that are wanted, separated by commas"),
    ),
    responses(
        (status = 200, description = "A Bundle of type searchset: what belongs to the patient (match), and whom and what it refers to (include)"),
        (status = 400, description = "An unknown parameter or type, or a bad value"),
        (status = 404, description = "There is no such patient"),
        (status = 410, description = "The patient is deleted"),
    ),
)]
pub async fn everything(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Everything, |ask| async move {
        run(&ask, path.into_inner().1, query, Sent::Nothing).await
    })
    .await
}

/// The same, with the parameters in a Parameters resource.
#[utoipa::path(
    post,
    path = "/fhir/{version}/Patient/{id}/$everything",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("id" = String, Path, description = "The patient's id"),
    ),
    request_body(
        content = Object,
        content_type = "application/fhir+json",
        description = "Parameters with start, end, _since, _type, _count, _summary, _elements; or nothing",
    ),
    responses(
        (status = 200, description = "A Bundle of type searchset: what belongs to the patient (match), and whom and what it refers to (include)"),
        (status = 400, description = "Not Parameters, an unknown parameter or type, or a bad value"),
        (status = 404, description = "There is no such patient"),
        (status = 410, description = "The patient is deleted"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/fhir+json of this version"),
    ),
)]
pub async fn everything_by_post(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Everything, |ask| async move {
        run(&ask, path.into_inner().1, query, Sent::Body(payload)).await
    })
    .await
}

/// The operation itself, also for an entry of a batch.
pub async fn run(ask: &Ask, id: String, query: String, sent: Sent) -> Result<Reply, Problem> {
    require_id_form(&id)?;
    let looks = looks(&query);
    let given = ask.given(IN, query, sent).await?;
    let asked = Asked::read(ask.version(), &id, &given)?;
    let own_bases = ask.own_bases().to_vec();
    let query = asked.query(&id, &own_bases);
    let page = ask.app.door.everything(&ask.call, query, own_bases).await?;
    let address = format!("{}/Patient/{id}/$everything", ask.base);
    let mut links = vec![("self", asked.url(&address, &looks, given.one("_page")?))];
    if asked.after.is_some() || page.next.is_some() {
        links.push(("first", asked.url(&address, &looks, None)));
    }
    if let Some(end) = page.next {
        links.push(("next", asked.url(&address, &looks, Some(&asked.token(end)))));
    }
    let mut bundle = BundleText::new("searchset", None, &links);
    let (manner, subset) = (ask.manner, &asked.subset);
    for stored in page.entries.into_iter().filter(|stored| asked.wants(stored.kind)) {
        found(&mut bundle, ask, stored, subset, (manner, Role::Match))?;
    }
    let included = page.included.entries.into_iter();
    for stored in included.filter(|stored| asked.wants(stored.kind)) {
        found(&mut bundle, ask, stored, subset, (manner, Role::Include))?;
    }
    if page.annorstades {
        told(&mut bundle, &annorstades(manner.language));
    }
    if page.included.cut {
        told(&mut bundle, &not_all_included(manner.language));
    }
    Ok(ask.bundle(bundle.finish()))
}

/// The parameters of the address that say how the answer is written, for the links.
pub fn looks(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| matches!(name.as_ref(), "_format" | "_pretty"))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// `_type`: the names as they came, and those of them that are stored here.
struct Types {
    names: Vec<String>,
    kinds: Vec<ResourceType>,
}

/// A date or instant as it was written, and its range [low, high) in microseconds.
struct Time {
    text: String,
    low: i64,
    high: i64,
}

/// What the caller asks for.
struct Asked {
    types: Option<Types>,
    since: Option<Time>,
    start: Option<Time>,
    end: Option<Time>,
    count: i64,
    /// How much of each resource.
    subset: Subset,
    /// The pairs that say so, for the links.
    part: Vec<(&'static str, String)>,
    after: Option<EverythingEnd>,
    /// Ties a page's token to this question.
    fingerprint: u64,
}

impl Asked {
    fn read(version: FhirVersion, id: &str, given: &Given) -> Result<Asked, Problem> {
        let mut asked = Asked {
            types: types(version, given)?,
            since: time(given, "_since")?,
            start: time(given, "start")?,
            end: time(given, "end")?,
            // What steers the answer says nothing without a value, as in a search.
            count: match given.one("_count")?.filter(|count| !count.is_empty()) {
                None => MOST,
                // None at all would never come to an end.
                Some(count) => count
                    .parse()
                    .ok()
                    .filter(|count: &i64| *count > 0)
                    .ok_or_else(|| refused("_count"))?
                    .min(MOST),
            },
            subset: Subset::default(),
            part: Vec::new(),
            after: None,
            fingerprint: 0,
        };
        for name in ["_summary", "_elements"] {
            let values = given.all(name).filter(|value| !value.is_empty());
            asked.part.extend(values.map(|value| (name, value.to_owned())));
        }
        let part = asked.part.iter().map(|(name, value)| (*name, value.as_str()));
        let kinds: Vec<&str> = ResourceType::ALL.iter().map(|kind| kind.name()).collect();
        asked.subset = subset_of(version, part, &kinds)?;
        let question = asked.question();
        let parts = question.iter().flat_map(|(name, value)| [*name, value.as_str()]);
        asked.fingerprint = page::fingerprint([version.name(), "$everything", id].into_iter().chain(parts));
        if let Some(token) = given.one("_page")? {
            asked.after = Some(end_of(token, asked.fingerprint).ok_or_else(|| refused("_page"))?);
        }
        Ok(asked)
    }

    /// What chooses resources, for the links.
    fn question(&self) -> Vec<(&'static str, String)> {
        let types = self.types.as_ref().map(|types| types.names.join(","));
        let stated = |time: &Option<Time>| time.as_ref().map(|time| time.text.clone());
        [
            ("start", stated(&self.start)),
            ("end", stated(&self.end)),
            ("_since", stated(&self.since)),
            ("_type", types),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    fn query(&self, id: &str, own_bases: &[String]) -> EverythingQuery {
        let kinds = self.types.as_ref().map(|types| types.kinds.clone());
        let care = (self.start.is_some() || self.end.is_some()).then(|| {
            let low = self.start.as_ref().map_or(i64::MIN, |start| start.low);
            (low, self.end.as_ref().map_or(i64::MAX, |end| end.high))
        });
        EverythingQuery {
            patient: id.to_owned(),
            references: compartments::references(ResourceType::Patient),
            own_urls: own_bases.iter().map(|base| format!("{base}/Patient/{id}")).collect(),
            // What belongs to nobody comes only by way of what refers to it: then all of that must be looked through.
            kinds: kinds.filter(|kinds| kinds.iter().all(|kind| has_patient(*kind))),
            since: self.since.as_ref().map(|since| since.low),
            care,
            after: self.after,
            limit: self.count,
        }
    }

    fn wants(&self, kind: ResourceType) -> bool {
        self.types.as_ref().is_none_or(|types| types.kinds.contains(&kind))
    }

    fn url(&self, address: &str, looks: &[(String, String)], page: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .extend_pairs(self.question())
            .extend_pairs(looks)
            .extend_pairs(&self.part);
        if self.count != MOST {
            query.append_pair("_count", &self.count.to_string());
        }
        if let Some(page) = page {
            query.append_pair("_page", page);
        }
        with_query(address, &query.finish())
    }

    fn token(&self, end: EverythingEnd) -> String {
        page::encode(self.fingerprint, &[KeyPart::Number(end.kind), KeyPart::Number(end.key)])
    }
}

fn end_of(token: &str, fingerprint: u64) -> Option<EverythingEnd> {
    match page::decode(token, fingerprint)?.as_slice() {
        [KeyPart::Number(kind), KeyPart::Number(key)] => Some(EverythingEnd { kind: *kind, key: *key }),
        _ => None,
    }
}

/// The types asked for; those of FHIR that are not stored here give nothing.
fn types(version: FhirVersion, given: &Given) -> Result<Option<Types>, Problem> {
    let mut names: Vec<String> = Vec::new();
    let known = elements(version).codes("resource-types");
    for name in given.all("_type").flat_map(|value| value.split(',')).map(str::trim) {
        if !known.is_some_and(|known| known.lists(name)) {
            return Err(refused("_type"));
        }
        if !names.iter().any(|own| own == name) {
            names.push(name.to_owned());
        }
    }
    let kinds = names.iter().filter_map(|name| ResourceType::from_name(name)).collect();
    Ok((!names.is_empty()).then_some(Types { names, kinds }))
}

fn time(given: &Given, name: &'static str) -> Result<Option<Time>, Problem> {
    let Some(text) = given.one(name)? else { return Ok(None) };
    let date = DateValue::exact(text).ok_or_else(|| refused(name))?;
    Ok(Some(Time {
        text: text.to_owned(),
        low: date.low,
        high: date.high,
    }))
}

fn refused(name: &str) -> Problem {
    Problem::bad_request(
        format!("$everything tar inte emot parametern {name} med det värdet."),
        format!("$everything does not take the parameter {name} with that value."),
    )
}
