//! POST `[base]` with a transaction Bundle: all entries or none (http.html#transaction).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::{answer, etag, fhir, resource_text, versioned};
use super::bundle_text::{BundleText, quoted};
use super::negotiate::{Ask, Return};
use super::outcome;
use crate::access::Interaction;
use crate::door::content::{self, instant};
use crate::door::problem::Problem;
use crate::door::{Outcome, Written, transaction};

/// Writes the entries of a Bundle together: the riktlinje is asked once, about the state after all of them.
#[utoipa::path(
    post,
    path = "/fhir/{version}",
    tag = "system",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("Prefer" = Option<String>, Header, description = "return=minimal | representation | OperationOutcome"),
    ),
    request_body(content = Object, content_type = "application/fhir+json"),
    responses(
        (status = 200, description = "All entries are stored: a Bundle of type transaction-response, in request order"),
        (status = 400, description = "Not FHIR: an issue per fault, each with Bundle.entry[n]…; nothing is stored"),
        (status = 412, description = "An entry's ifMatch does not hold; nothing is stored"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/fhir+json of this version"),
        (status = 422, description = "The riktlinje refuses an entry: all findings; nothing is stored"),
        (status = 503, description = "Busy; Retry-After"),
    ),
)]
pub async fn transaction(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    answer(request, Interaction::Transaction, |ask| async move {
        ask.require_fhir_json()?;
        let bytes = ask.body(payload).await?;
        let (version, limits, own_bases) = (ask.version(), ask.app.door.limits, ask.own_bases());
        let orders = ask
            .computing(bytes.len(), move || {
                transaction::orders(version, content::read(version, "Bundle", &bytes, &limits)?, &own_bases)
            })
            .await?;
        let written = ask.app.door.write(&ask.call, orders).await?;
        let mut bundle = BundleText::new("transaction-response", None, &[]);
        for result in written {
            entry(&mut bundle, &ask, result)?;
        }
        Ok(fhir(StatusCode::OK, ask.version()).body(bundle.finish()))
    })
    .await
}

fn entry(bundle: &mut BundleText, ask: &Ask, written: Written) -> Result<(), Problem> {
    let status = match written.outcome {
        Outcome::Created => "201 Created",
        Outcome::Updated | Outcome::AlreadyThere => "200 OK",
        Outcome::Deleted | Outcome::AlreadyDeleted => "204 No Content",
    };
    let mut response = format!(
        r#"{{"status":"{status}","location":{},"etag":{},"lastModified":"{}""#,
        quoted(&format!("{}/{}", ask.base, versioned(&written))),
        quoted(&etag(written.version)),
        instant(written.last_updated),
    );
    if ask.prefer_return == Return::OperationOutcome || !written.findings.is_empty() {
        // An OperationOutcome of ours reads the same in R4 and R5.
        let outcome = outcome::of_findings(&written.findings, ask.manner.language);
        response.push_str(&format!(r#","outcome":{outcome}"#));
    }
    response.push('}');
    let full_url = format!("{}/{}/{}", ask.base, written.kind, written.id);
    let resource = match ask.prefer_return {
        Return::Representation => Some(resource_text(written.body, ask.manner)?),
        _ => None,
    };
    bundle.entry(Some(&full_url), resource.as_deref(), &[("response", response)]);
    Ok(())
}
