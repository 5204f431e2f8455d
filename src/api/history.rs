//! GET `[base]/[type]/[id]/_history`: every version of a resource, newest first, deletes shown (http.html#history).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::{answer, etag, fhir, resource_text};
use super::bundle_text::{BundleText, quoted};
use super::negotiate::Ask;
use crate::access::Interaction;
use crate::door::content::instant;
use crate::door::problem::Problem;
use crate::store::Stored;

/// How many versions a page holds unless `_count` says otherwise, and at the most.
const PAGE: (i64, i64) = (50, 500);

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
    ),
    responses(
        (status = 200, description = "A Bundle of type history"),
        (status = 404, description = "Never stored"),
    ),
)]
pub async fn history(request: HttpRequest, path: web::Path<(String, String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::HistoryInstance, |ask| async move {
        let (_, kind, id) = path.into_inner();
        let kind = ask.kind(&kind)?;
        let page = Page::read(&query)?;
        // One more than the page tells whether there is a next one.
        let mut versions = ask
            .app
            .door
            .history(&ask.call, kind, id.clone(), page.count + 1, page.before)
            .await?;
        let more = versions.len() as i64 > page.count;
        versions.truncate(page.count as usize);
        let address = format!("{}/{kind}/{id}/_history", ask.base);
        let mut links = vec![("self", page.url(&address))];
        if let Some(last) = versions.last().filter(|_| more) {
            links.push((
                "next",
                Page {
                    before: Some(last.version),
                    ..page
                }
                .url(&address),
            ));
        }
        let mut bundle = BundleText::new("history", None, &links);
        for version in versions {
            entry(&mut bundle, &ask, version)?;
        }
        Ok(fhir(StatusCode::OK, ask.version()).body(bundle.finish()))
    })
    .await
}

fn entry(bundle: &mut BundleText, ask: &Ask, stored: Stored) -> Result<(), Problem> {
    let address = format!("{}/{}", stored.kind, stored.id);
    // A version after a delete was a PUT too: only the server gives ids to POST, and it never gives one twice.
    let (method, status) = match (stored.deleted, stored.version) {
        (true, _) => ("DELETE", "204"),
        (false, 1) => ("PUT", "201"),
        (false, _) => ("PUT", "200"),
    };
    let response = format!(
        r#"{{"status":"{status}","etag":{},"lastModified":"{}"}}"#,
        quoted(&etag(stored.version)),
        instant(stored.last_updated)
    );
    let parts = [
        (
            "request",
            format!(r#"{{"method":"{method}","url":{}}}"#, quoted(&address)),
        ),
        ("response", response),
    ];
    let full_url = format!("{}/{address}", ask.base);
    let resource = if stored.deleted {
        None
    } else {
        Some(resource_text(stored.body, ask.manner)?)
    };
    bundle.entry(Some(&full_url), resource.as_deref(), &parts);
    Ok(())
}

/// Which versions are asked for.
#[derive(Clone, Copy)]
struct Page {
    count: i64,
    /// Only versions older than this one: the continuation of a page.
    before: Option<i64>,
}

impl Page {
    fn read(query: &str) -> Result<Page, Problem> {
        let mut page = Page {
            count: PAGE.0,
            before: None,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let number: Option<i64> = value.parse().ok().filter(|number| *number >= 0);
            match (name.as_ref(), number) {
                ("_count", Some(count)) => page.count = count.min(PAGE.1),
                ("_before", Some(version)) => page.before = Some(version),
                ("_format" | "_pretty", _) => {}
                (name, _) => {
                    return Err(Problem::bad_request(
                        format!("Historik tar inte emot parametern {} med det värdet.", known_name(name)),
                        format!(
                            "History does not take the parameter {} with that value.",
                            known_name(name)
                        ),
                    ));
                }
            }
        }
        Ok(page)
    }

    fn url(self, address: &str) -> String {
        let before = self
            .before
            .map(|version| format!("&_before={version}"))
            .unwrap_or_default();
        format!("{address}?_count={}{before}", self.count)
    }
}

/// A parameter's name may be repeated to the caller when it looks like one.
fn known_name(name: &str) -> &str {
    let plain = name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-' | b':' | b'.'));
    if plain { name } else { "(okänt namn)" }
}
