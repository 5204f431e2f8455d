//! GET `[base]/[type]?…` and POST `[base]/[type]/_search` (search.html); the same over all types at `[base]` and in
//! compartments (`[base]/Patient/[id]/[type]`). A search by POST never has its parameters written into an address: its
//! links are sealed.

use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

use super::answer::{answer, part_text, text_of};
use super::bundle_text::BundleText;
use super::logg::{self, AUDIT_EVENT};
use super::media_type::may_write;
use super::negotiate::{Ask, Language, Manner, readable};
use super::outcome;
use super::reply::{Reply, pretty};
use super::sealed;
use crate::access::Interaction;
use crate::door::problem::Problem;
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::search::{Handling, ParseContext, Parsed, Scope, SearchQuery, parse_in};
use crate::fhir::subset::{Role, Subset};
use crate::fhir::types::ResourceType;
use crate::store::{Page, Stored};

/// The parameters of a search, decoded.
pub type Pairs = Vec<(String, String)>;

/// Entries on a page unless `_count` says otherwise, and at the most.
const DEFAULT_COUNT: u32 = 50;
const MAX_COUNT: u32 = 1000;

/// Searches one type. Unknown parameters are refused unless `Prefer: handling=lenient`.
#[utoipa::path(
    get,
    path = "/fhir/{version}/{type}",
    tag = "type",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
        ("_count" = Option<u32>, Query, description = "Entries per page, at most 1000"),
        ("_sort" = Option<String>, Query, description = "Parameters of the type, at most three; - before one: descending"),
        ("_total" = Option<String>, Query, description = "none, estimate or accurate; an estimate is exact here"),
        ("_include" = Option<String>, Query, description = "[type]:[parameter](:[target type]), [type]:* or *: what the matches refer to; _include:iterate also what that refers to"),
        ("_revinclude" = Option<String>, Query, description = "The same backwards: what refers to the matches"),
        ("_summary" = Option<String>, Query, description = "true, text, data, count or false; a part is tagged SUBSETTED"),
        ("_elements" = Option<String>, Query, description = "The elements that are wanted, separated by commas"),
        ("Prefer" = Option<String>, Header, description = "handling=strict | lenient"),
    ),
    responses(
        (status = 200, description = "A Bundle of type searchset; the parameters of each type stand in [base]/metadata"),
        (status = 400, description = "An unknown parameter or modifier, or a bad value; named in the OperationOutcome"),
        (status = 404, description = "The type is not in the closed set"),
    ),
)]
pub async fn search(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    by_get(request, Interaction::Search, path.into_inner().1).await
}

/// A GET whose path below `[base]` says what is searched.
async fn by_get(request: HttpRequest, interaction: Interaction, path: String) -> HttpResponse {
    let pairs = in_address(&request);
    answer(request, interaction, |ask| async move {
        by_address(&ask, &path, pairs).await
    })
    .await
}

/// A search whose parameters stand in the address; `path` is what stands below `[base]`.
async fn by_address(ask: &Ask, path: &str, pairs: Pairs) -> Result<Reply, Problem> {
    let at = SearchAt::of_path(ask, path)?;
    let (pairs, links) = opened(ask, pairs)?;
    Ok(ask.reply_text(searched(ask, &at, pairs, links).await?))
}

/// Searches one type with the parameters in the body, so that a personal number stands in no address.
#[utoipa::path(
    post,
    path = "/fhir/{version}/{type}/_search",
    tag = "type",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A Bundle of type searchset; its links show nothing of the search"),
        (status = 400, description = "An unknown parameter or modifier, or a bad value; named in the OperationOutcome"),
        (status = 404, description = "The type is not in the closed set"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/x-www-form-urlencoded"),
    ),
)]
pub async fn search_by_post(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    by_post(request, Interaction::Search, path.into_inner().1, payload).await
}

async fn by_post(request: HttpRequest, interaction: Interaction, path: String, payload: web::Payload) -> HttpResponse {
    let in_address = in_address(&request);
    answer(request, interaction, |ask| async move {
        let at = SearchAt::of_path(&ask, &path)?;
        let pairs = with_form(&ask, in_address, payload).await?;
        Ok(ask.reply_text(searched(&ask, &at, pairs, Links::Sealed).await?))
    })
    .await
}

/// Searches all types, or those of `_type`, with parameters that all of them have.
#[utoipa::path(
    get,
    path = "/fhir/{version}",
    tag = "system",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("_type" = Option<String>, Query, description = "The types that are searched, separated by commas; all when it is left out"),
        ("_count" = Option<u32>, Query, description = "Entries per page, at most 1000"),
        ("Prefer" = Option<String>, Header, description = "handling=strict | lenient"),
    ),
    responses(
        (status = 200, description = "A Bundle of type searchset, of one or several types, newest first"),
        (status = 400, description = "A parameter that one of the types does not have, or a bad value; named in the OperationOutcome"),
    ),
)]
pub async fn search_system(request: HttpRequest) -> HttpResponse {
    by_get(request, Interaction::SearchSystem, String::new()).await
}

/// Searches all types with the parameters in the body.
#[utoipa::path(
    post,
    path = "/fhir/{version}/_search",
    tag = "system",
    params(("version" = String, Path, description = "r4 or r5")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A Bundle of type searchset; its links show nothing of the search"),
        (status = 400, description = "A parameter that one of the types does not have, or a bad value"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/x-www-form-urlencoded"),
    ),
)]
pub async fn search_system_by_post(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    by_post(request, Interaction::SearchSystem, String::new(), payload).await
}

/// Searches what belongs to a patient, a practitioner, a related person or an encounter, as HL7's CompartmentDefinitions
/// say.
#[utoipa::path(
    get,
    path = "/fhir/{version}/{compartment}/{id}/{type}",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("compartment" = String, Path, description = "Patient, Practitioner, RelatedPerson or Encounter"),
        ("id" = String, Path, description = "The logical id"),
        ("type" = String, Path, description = "A type that lies in the compartment, or * for all of them"),
        ("_type" = Option<String>, Query, description = "With *: the types that are searched, separated by commas"),
        ("_count" = Option<u32>, Query, description = "Entries per page, at most 1000"),
        ("Prefer" = Option<String>, Header, description = "handling=strict | lenient"),
    ),
    responses(
        (status = 200, description = "A Bundle of type searchset; empty when nothing refers to that id"),
        (status = 400, description = "An unknown parameter or modifier, or a bad value; named in the OperationOutcome"),
        (status = 404, description = "No such compartment, or the type does not lie in it"),
    ),
)]
pub async fn search_compartment(
    request: HttpRequest,
    path: web::Path<(String, String, String, String)>,
) -> HttpResponse {
    let (_, of, id, kind) = path.into_inner();
    if (of.as_str(), kind.as_str()) == ("Patient", AUDIT_EVENT) {
        let pairs = in_address(&request);
        return answer(request, Interaction::SearchCompartment, |ask| async move {
            logg::respond_to(&ask, Some(&id), pairs).await
        })
        .await;
    }
    by_get(request, Interaction::SearchCompartment, format!("{of}/{id}/{kind}")).await
}

/// Searches a compartment with the parameters in the body.
#[utoipa::path(
    post,
    path = "/fhir/{version}/{compartment}/{id}/{type}/_search",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("compartment" = String, Path, description = "Patient, Practitioner, RelatedPerson or Encounter"),
        ("id" = String, Path, description = "The logical id"),
        ("type" = String, Path, description = "A type that lies in the compartment; without it, all of them"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A Bundle of type searchset; its links show nothing of the search"),
        (status = 400, description = "An unknown parameter or modifier, or a bad value; named in the OperationOutcome"),
        (status = 404, description = "No such compartment, or the type does not lie in it"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/x-www-form-urlencoded"),
    ),
)]
pub async fn search_compartment_by_post(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let segment = |name: &str| request.match_info().get(name).unwrap_or_default().to_owned();
    let kind = request.match_info().get("type").unwrap_or("*");
    if (segment("compartment").as_str(), kind) == ("Patient", AUDIT_EVENT) {
        let (in_address, id) = (in_address(&request), segment("id"));
        return answer(request, Interaction::SearchCompartment, |ask| async move {
            let pairs = with_form(&ask, in_address, payload).await?;
            logg::respond(&ask, Some(&id), pairs, Links::Sealed).await
        })
        .await;
    }
    let path = format!("{}/{}/{kind}", segment("compartment"), segment("id"));
    by_post(request, Interaction::SearchCompartment, path, payload).await
}

/// The parameters in the address.
pub fn in_address(request: &HttpRequest) -> Pairs {
    form_urlencoded::parse(request.query_string().as_bytes())
        .into_owned()
        .collect()
}

/// The parameters in the address, then those of a form in the body.
pub async fn with_form(ask: &Ask, in_address: Pairs, payload: web::Payload) -> Result<Pairs, Problem> {
    let body = ask.body(payload).await?;
    if !body.is_empty() && !ask.has_form_body() {
        return Err(Problem::UnsupportedMediaType {
            wanted: "Content-Type: application/x-www-form-urlencoded",
        });
    }
    readable(&body)?;
    let mut pairs = in_address;
    pairs.extend(form_urlencoded::parse(&body).into_owned());
    Ok(pairs)
}

/// How a page's links are written.
#[derive(Clone, Copy)]
pub enum Links {
    /// The parameters as they came.
    Open,
    /// Encrypted, because the search came in a body.
    Sealed,
}

/// Where a search is asked: what it is about, and the address that its links begin with.
pub struct SearchAt {
    pub scope: Scope,
    pub address: String,
}

impl SearchAt {
    /// From the path below `[base]`; 404 when nothing is searched there.
    pub fn of_path(ask: &Ask, path: &str) -> Result<SearchAt, Problem> {
        let scope = Scope::of_path(ask.version(), path).ok_or(Problem::UnknownAddress)?;
        let address = match &scope {
            Scope::System => ask.base.clone(),
            scope => [&ask.base, "/", &scope.to_string()].concat(),
        };
        Ok(SearchAt { scope, address })
    }
}

/// The parameters of a GET: as they stand, or those that a sealed link holds.
pub fn opened(ask: &Ask, pairs: Pairs) -> Result<(Pairs, Links), Problem> {
    let Some((_, text)) = pairs.iter().find(|(name, _)| name == sealed::PARAMETER) else {
        return Ok((pairs, Links::Open));
    };
    let pairs = ask.app.sealer.open(text).ok_or_else(|| {
        Problem::bad_request(
            "Länken är inte en av tjänstens: gör om sökningen.",
            "The link is not one of this service's: search again.",
        )
    })?;
    Ok((pairs, Links::Sealed))
}

/// Carries a search out; the text of the searchset Bundle. Whoever searches (GET, POST, an entry of a batch) comes here.
pub async fn searched(ask: &Ask, at: &SearchAt, pairs: Pairs, links: Links) -> Result<String, Problem> {
    let (query, search) = Search::asked(ask, at, pairs, links)?;
    let page = ask.app.door.search(&ask.call, query, ask.own_bases().to_vec()).await?;
    search.tell(ask, page)
}

/// A search that is asked for: how its page is told.
pub struct Search {
    subset: Subset,
    used: Pairs,
    ignored: Vec<String>,
    manner: Manner,
    /// The page that is asked for.
    here: Option<(String, String)>,
    address: String,
    links: Links,
}

impl Search {
    /// Reads the parameters; what the door is asked stands beside.
    pub fn asked(ask: &Ask, at: &SearchAt, mut pairs: Pairs, links: Links) -> Result<(SearchQuery, Search), Problem> {
        let here = pairs.iter().find(|(name, _)| name == sealed::PAGE).cloned();
        for (_, token) in pairs.iter_mut().filter(|(name, _)| name == sealed::PAGE) {
            // What is not ours becomes no token, which the parser refuses.
            *token = ask.app.sealer.open_page(token).unwrap_or_else(|| "-".to_owned());
        }
        let own_bases = ask.own_bases();
        let context = ParseContext {
            version: ask.version(),
            // The scope tells.
            kind: ResourceType::ALL[0],
            own_bases: &own_bases,
            now: ask.app.door.clock.now().as_microsecond(),
            handling: if ask.lenient {
                Handling::Lenient
            } else {
                Handling::Strict
            },
            default_count: DEFAULT_COUNT,
            max_count: MAX_COUNT,
        };
        let Parsed {
            query,
            subset,
            used,
            ignored,
        } = parse_in(&pairs, &at.scope, &context).map_err(|error| Problem::NotFhir(vec![error.fault()]))?;
        let search = Search {
            subset,
            manner: manner_of(ask, &used)?,
            used,
            ignored,
            here,
            address: at.address.clone(),
            links,
        };
        Ok((query, search))
    }

    /// The searchset Bundle of what the door answered.
    pub fn tell(self, ask: &Ask, page: Page) -> Result<String, Problem> {
        let Search {
            subset,
            used,
            ignored,
            manner,
            here,
            address: at,
            links,
        } = self;
        let link = |page: Option<(String, String)>| {
            let pairs: Pairs = used.iter().cloned().chain(page).collect();
            address(ask, &at, &pairs, links)
        };
        let mut all = vec![("self", link(here.clone())?)];
        if here.is_some() || page.next.is_some() {
            all.push(("first", link(None)?));
        }
        if let Some(next) = page.next {
            let sealed = ask.app.sealer.seal_page(next).ok_or_else(unsealed)?;
            all.push(("next", link(Some((sealed::PAGE.to_owned(), sealed)))?));
        }
        let mut bundle = BundleText::new("searchset", page.total, &all);
        let all = page.entries.iter().chain(&page.included.entries);
        bundle.make_room(all.map(|stored| stored.body.len() + AROUND).sum());
        for stored in page.entries {
            found(&mut bundle, ask, stored, &subset, (manner, Role::Match))?;
        }
        for stored in page.included.entries {
            found(&mut bundle, ask, stored, &subset, (manner, Role::Include))?;
        }
        if page.annorstades {
            told(&mut bundle, &annorstades(manner.language));
        }
        if page.included.cut {
            told(&mut bundle, &not_all_included(manner.language));
        }
        if !ignored.is_empty() {
            told(&mut bundle, &ignored_parameters(&ignored, manner.language));
        }
        let text = bundle.finish();
        Ok(if manner.pretty { pretty(&text) } else { text })
    }
}

/// `_format` and `_pretty` may stand in the body of a POST, and in a sealed link, too.
fn manner_of(ask: &Ask, used: &Pairs) -> Result<Manner, Problem> {
    let mut manner = ask.manner;
    for (name, value) in used {
        match name.as_str() {
            "_pretty" => manner.pretty |= value == "true",
            "_format" => may_write(value, manner.version)?,
            _ => {}
        }
    }
    Ok(manner)
}

/// An entry that was found; [`Role`] tells why.
pub fn found(
    bundle: &mut BundleText,
    ask: &Ask,
    stored: Stored,
    subset: &Subset,
    (manner, role): (Manner, Role),
) -> Result<(), Problem> {
    let full_url = [&ask.base, "/", stored.kind.name(), "/", &stored.id].concat();
    let mode = match role {
        Role::Match => r#"{"mode":"match"}"#,
        Role::Include => r#"{"mode":"include"}"#,
    };
    let text = part_text(stored, manner, subset, role)?;
    bundle.entry(Some(&full_url), Some(&text), &[("search", mode)]);
    Ok(())
}

/// An entry that tells something about the search itself: an OperationOutcome.
pub fn told(bundle: &mut BundleText, outcome: &str) {
    let full_url = format!("urn:uuid:{}", Uuid::new_v4());
    let parts = [("search", r#"{"mode":"outcome"}"#)];
    bundle.entry(Some(&full_url), Some(outcome), &parts);
}

/// The address of a search with these parameters.
pub fn address(ask: &Ask, base: &str, pairs: &Pairs, links: Links) -> Result<String, Problem> {
    if pairs.is_empty() {
        return Ok(base.to_owned());
    }
    let query = match links {
        Links::Open => form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish(),
        Links::Sealed => {
            let sealed = ask.app.sealer.seal(pairs).ok_or_else(unsealed)?;
            format!("{}={sealed}", sealed::PARAMETER)
        }
    };
    Ok([base, "?", &query].concat())
}

/// What stands around an entry's resource, in bytes, as good as always.
const AROUND: usize = 192;

fn unsealed() -> Problem {
    Problem::Internal {
        reason: "a search link could not be sealed".to_owned(),
    }
}

/// The warning about parameters that a lenient search left out. Their names came through the parser, their values not.
pub fn ignored_parameters(ignored: &[String], language: Language) -> String {
    let names = ignored.join(", ");
    let text = Text::new(
        format!("Sökparametrar som inte användes: {names}"),
        format!("Search parameters that were not used: {names}"),
    );
    text_of(&outcome::warning(&text, language), false)
}

/// The warning that a page does not hold all that it refers to.
pub fn not_all_included(language: Language) -> String {
    let text = Text::new(
        "Alla resurser som hör till sidan är inte med: de är för många. Begär färre per sida (_count) eller sök dem för sig.",
        "Not all resources that belong to the page are in it: there are too many. Ask for fewer per page (_count) or search \
         for them on their own.",
    );
    text_of(&outcome::warning_of(IssueCode::TooCostly, &text, language), false)
}

/// That other vårdgivare keep what is not blocked and not shown (SVOD 2022:913, 3 kap.): that much, and no more.
pub fn annorstades(language: Language) -> String {
    let text = Text::new(
        "Det finns ospärrade uppgifter om patienten hos andra vårdgivare. De kan visas om patienten samtycker till det.",
        "There is information about the patient at other care providers that is not blocked. It can be shown if the patient \
         consents to it.",
    );
    text_of(
        &outcome::information_of(IssueCode::Informational, &text, language),
        false,
    )
}
