//! `$validate` on a type and on an instance (resource-operation-validate.html): what a write would be answered, and
//! nothing stored. 200 whenever the validation could run; what is wrong with the resource stands in the outcome.

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::answer;
use super::negotiate::Ask;
use super::outcome;
use super::parameters::{Given, InParameter, Takes};
use super::reply::Reply;
use super::sent::Sent;
use crate::access::Interaction;
use crate::door::content::require_id_form;
use crate::door::problem::Problem;
use crate::door::validate::{Look, Proposed, Told, examine};
use crate::door::{Action, Order, Precondition};
use crate::fhir::types::ResourceType;

const IN: &[InParameter] = &[
    InParameter {
        name: "resource",
        takes: Takes::Resource,
    },
    InParameter::text("mode", &["valueCode", "valueString"]),
    InParameter::text("profile", &["valueCanonical", "valueUri", "valueString"]),
    // It chooses among additional bindings, of which there are none here.
    InParameter {
        name: "usageContext",
        takes: Takes::Anything,
    },
];

/// What kind of write is meant (resource-validation-mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// None was given.
    General,
    Create,
    Update,
    Delete,
    Profile,
}

/// What is to be validated.
enum Subject {
    Proposed(Proposed, serde_json::Value),
    Stored(String, Look),
    Deletion(String),
}

/// Tells what a write of this resource would be answered, without storing anything.
#[utoipa::path(
    post,
    path = "/fhir/{version}/{type}/$validate",
    tag = "type",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set, e.g. CareTeam"),
        ("mode" = Option<String>, Query, description = "create; without it a resource with an id is judged under that id"),
        ("profile" = Option<String>, Query, description = "The canonical of a profile to be followed"),
    ),
    request_body(
        content = Object,
        content_type = "application/fhir+json",
        description = "The resource, or Parameters with resource, mode, profile",
    ),
    responses(
        (status = 200, description = "OperationOutcome: form, riktlinje and profile, errors first"),
        (status = 400, description = "The validation cannot run: not JSON, another type, an unknown mode, profile or parameter"),
        (status = 404, description = "The type is not in the closed set"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/fhir+json of this version"),
    ),
)]
pub async fn validate_type(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Validate, |ask| async move {
        let kind = ask.kind(&path.1)?;
        run(&ask, kind, None, query, Sent::Body(payload)).await
    })
    .await
}

/// Tells what an update or a delete of this resource would be answered; without a body, what is to be said of it as it
/// is stored.
#[utoipa::path(
    post,
    path = "/fhir/{version}/{type}/{id}/$validate",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
        ("id" = String, Path, description = "The resource's id"),
        ("mode" = Option<String>, Query, description = "update | delete | profile"),
        ("profile" = Option<String>, Query, description = "The canonical of a profile to be followed"),
    ),
    request_body(
        content = Object,
        content_type = "application/fhir+json",
        description = "The resource, or Parameters with resource, mode, profile; or nothing",
    ),
    responses(
        (status = 200, description = "OperationOutcome: form, riktlinje and profile, errors first"),
        (status = 400, description = "The validation cannot run: not JSON, another type, an unknown mode, profile or parameter"),
        (status = 404, description = "Never stored, and there is no resource to validate instead; or an unknown type"),
        (status = 410, description = "Deleted, and there is no resource to validate instead"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not application/fhir+json of this version"),
    ),
)]
pub async fn validate_instance(
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Validate, |ask| async move {
        let (_, kind, id) = path.into_inner();
        run(&ask, ask.kind(&kind)?, Some(id), query, Sent::Body(payload)).await
    })
    .await
}

/// The same of what is stored, with the parameters in the address.
#[utoipa::path(
    get,
    path = "/fhir/{version}/{type}/{id}/$validate",
    tag = "instance",
    params(
        ("version" = String, Path, description = "r4 or r5"),
        ("type" = String, Path, description = "A resource type of the closed set"),
        ("id" = String, Path, description = "The resource's id"),
        ("mode" = Option<String>, Query, description = "delete | profile"),
        ("profile" = Option<String>, Query, description = "The canonical of a profile to be followed"),
    ),
    responses(
        (status = 200, description = "OperationOutcome: riktlinje and profile, errors first"),
        (status = 400, description = "The validation cannot run: an unknown mode, profile or parameter"),
        (status = 404, description = "Never stored, or an unknown type"),
        (status = 410, description = "Deleted"),
    ),
)]
pub async fn validate_stored(request: HttpRequest, path: web::Path<(String, String, String)>) -> HttpResponse {
    let query = request.query_string().to_owned();
    answer(request, Interaction::Validate, |ask| async move {
        let (_, kind, id) = path.into_inner();
        run(&ask, ask.kind(&kind)?, Some(id), query, Sent::Nothing).await
    })
    .await
}

/// The operation itself, also for an entry of a batch.
pub async fn run(
    ask: &Ask,
    kind: ResourceType,
    id: Option<String>,
    query: String,
    sent: Sent,
) -> Result<Reply, Problem> {
    if let Some(id) = &id {
        require_id_form(id)?;
    }
    let size = ask.announced_length().unwrap_or(usize::MAX);
    let told = match ask.given(IN, query, sent).await {
        Ok(mut given) => {
            let profile = given.one("profile")?.map(str::to_owned);
            let subject = subject(&mut given, id)?;
            validate(ask, kind, subject, profile, size).await?
        }
        // The body is a resource of this type and the reading says where it is wrong: a double member.
        Err(Problem::NotFhir(faults)) if faults.iter().all(|fault| is_within(kind, &fault.expression)) => Told {
            faults,
            ..Told::default()
        },
        Err(problem) => return Err(problem),
    };
    let outcome = outcome::of_validation(&told, ask.version(), ask.manner.language);
    Ok(ask.reply_value(&outcome))
}

fn is_within(kind: ResourceType, expression: &str) -> bool {
    let rest = expression.strip_prefix(kind.name());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What the mode makes of the address and the body. Modes update, delete and profile are about an instance.
fn subject(given: &mut Given, id: Option<String>) -> Result<Subject, Problem> {
    let mode = match given.one("mode")? {
        None => Mode::General,
        Some("create") => Mode::Create,
        Some("update") => Mode::Update,
        Some("delete") => Mode::Delete,
        Some("profile") => Mode::Profile,
        Some(_) => {
            return Err(Problem::bad_request(
                "mode ska vara create, update, delete eller profile.",
                "mode must be create, update, delete or profile.",
            ));
        }
    };
    match (mode, id, given.resource.take()) {
        (Mode::Create, Some(_), _) => Err(Problem::bad_request(
            "mode=create hör till adressen [typ]/$validate.",
            "mode=create belongs to the address [type]/$validate.",
        )),
        (Mode::Update | Mode::Delete | Mode::Profile, None, _) => Err(Problem::bad_request(
            "Det läget gäller en resurs som finns: adressen ska vara [typ]/[id]/$validate.",
            "That mode is about a resource that exists: the address must be [type]/[id]/$validate.",
        )),
        // The content is ignored.
        (Mode::Delete, Some(id), _) => Ok(Subject::Deletion(id)),
        (Mode::Profile, _, Some(_)) => Err(Problem::bad_request(
            "mode=profile gäller resursen som den är lagrad; sänd ingen resurs.",
            "mode=profile is about the resource as it is stored; send no resource.",
        )),
        (Mode::Profile, Some(id), None) => match given.one("profile")? {
            Some(_) => Ok(Subject::Stored(id, Look::Profile)),
            None => Err(Problem::bad_request(
                "mode=profile behöver parametern profile.",
                "mode=profile needs the parameter profile.",
            )),
        },
        (Mode::General, Some(id), None) => Ok(Subject::Stored(id, Look::All)),
        (Mode::General | Mode::Update, Some(id), Some(resource)) => {
            Ok(Subject::Proposed(Proposed::Under(id), resource))
        }
        (Mode::General, None, Some(resource)) => Ok(Subject::Proposed(Proposed::AsItSays, resource)),
        (Mode::Create, None, Some(resource)) => Ok(Subject::Proposed(Proposed::New, resource)),
        (Mode::General | Mode::Create | Mode::Update, _, None) => Err(Problem::bad_request(
            "Det saknas en resurs att pröva: sänd den som innehåll eller i en Parameters-resurs.",
            "There is no resource to validate: send it as the body or in a Parameters resource.",
        )),
    }
}

async fn validate(
    ask: &Ask,
    kind: ResourceType,
    subject: Subject,
    profile: Option<String>,
    size: usize,
) -> Result<Told, Problem> {
    let door = &ask.app.door;
    match subject {
        Subject::Proposed(proposed, resource) => {
            let (version, own_bases) = (ask.version(), ask.own_bases());
            let (mut told, order) = ask
                .computing(size, move || {
                    examine(version, kind, proposed, resource, profile.as_deref(), &own_bases)
                })
                .await?;
            if let Some(order) = order {
                match door.validate(&ask.call, order).await {
                    Ok(findings) => told.findings = findings,
                    // What a write would answer with 400.
                    Err(Problem::NotFhir(faults)) => told.faults.extend(faults),
                    Err(problem) => return Err(problem),
                }
            }
            Ok(told)
        }
        Subject::Stored(id, look) => {
            door.validate_stored(&ask.call, ask.version(), (kind, id), profile, look)
                .await
        }
        Subject::Deletion(id) => {
            let order = Order {
                action: Action::Delete {
                    kind,
                    id,
                    precondition: Precondition::None,
                },
                entry: None,
            };
            Ok(Told {
                findings: door.validate(&ask.call, order).await?,
                ..Told::default()
            })
        }
    }
}
