//! What the caller wants of the answer: version, format, language, `Prefer`, preconditions, and under which address.
//! Every handler starts here, through [`super::answer`].

use std::borrow::Cow;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpMessage, HttpRequest, web};
use uuid::Uuid;

use super::app::App;
use super::limits::Room;
use super::media_type::{MediaType, acceptable};
use super::nodoppning::nodoppning;
use super::prefer::{Preferences, Return};
use crate::access::{Call, Caller, Disclosed, Interaction};
use crate::door::address::chooses;
use crate::door::bundle::Entry;
use crate::door::content::require_id_form;
use crate::door::patch::{JSON_PATCH, MERGE_PATCH};
use crate::door::problem::Problem;
use crate::door::villkor::{Criteria, only_of_a_create, stated_twice};
use crate::door::{Precondition, versions_of_tags};
use crate::fhir::percent;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// What a body of FHIR must be sent as.
const FHIR_JSON: &str = "Content-Type: application/fhir+json";

/// What a patch must be sent as.
pub const PATCHES: &str =
    "Content-Type: application/json-patch+json | application/fhir+json | application/merge-patch+json";

/// The kinds of patch (http.html#patch).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchFormat {
    /// RFC 6902.
    Json,
    /// A Parameters resource.
    FhirPath,
    /// RFC 7396.
    Merge,
    /// `application/json`: what it holds tells which.
    Plain,
}

/// The languages we speak to callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Swedish,
    English,
}

/// How an answer is written, whatever it says. Never fails, so that every problem can be told in it.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The version in the address; R5 when the address names none.
    pub version: FhirVersion,
    pub language: Language,
    pub pretty: bool,
}

impl Manner {
    pub fn of(request: &HttpRequest) -> Manner {
        Manner {
            version: version_in_path(request).unwrap_or(FhirVersion::R5),
            language: language(request.headers()),
            pretty: query_value(request, "_pretty").as_deref() == Some("true"),
        }
    }
}

/// A request that can be answered: what every interaction needs to know.
#[derive(Clone)]
pub struct Ask {
    pub app: web::Data<App>,
    pub call: Call,
    pub manner: Manner,
    pub prefer_return: Return,
    /// `Prefer: handling=lenient`: unknown search parameters are ignored (and left out of the `self` link).
    pub lenient: bool,
    /// `[base]`, without a slash at the end.
    pub base: String,
    /// What the request's body takes of the memory that all bodies share.
    pub room: Room,
    root: String,
    headers: Headers,
}

#[derive(Clone, Default)]
struct Headers {
    if_match: Option<String>,
    if_none_match: Option<String>,
    /// In seconds since 1970.
    if_modified_since: Option<i64>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    content_length: Option<usize>,
    if_none_exist: Vec<Vec<u8>>,
}

impl Ask {
    /// Negotiates; 404 for a version we do not speak, 406 for a format we do not write.
    pub fn new(request: &HttpRequest, interaction: Interaction) -> Result<Ask, Problem> {
        let app = request.app_data::<web::Data<App>>().ok_or_else(|| Problem::Internal {
            reason: "the application is not set up".to_owned(),
        })?;
        // No address of ours has a NUL, and a text of PostgreSQL holds none.
        let version = version_in_path(request)
            .filter(|_| !request.path().contains("%00"))
            .ok_or(Problem::UnknownAddress)?;
        let manner = Manner::of(request);
        readable(request.query_string().as_bytes())?;
        acceptable(query_value(request, "_format").as_deref(), request.headers(), version)?;
        let text = |name: header::HeaderName| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        // What cannot be read stays what it is, to be refused: a demand that is ignored would write where it must not.
        let list = |name: header::HeaderName| {
            let values: Vec<_> = request.headers().get_all(name).collect();
            let texts = values.iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            (!values.is_empty()).then(|| texts.collect::<Vec<_>>().join(","))
        };
        let Preferences { wanted, lenient } = Preferences::of(request.headers());
        let root = root(request, app);
        // Where nobody has looked who calls, nobody is known.
        let caller = request
            .extensions()
            .get::<Caller>()
            .cloned()
            .unwrap_or(Caller::Anonymous);
        Ok(Ask {
            base: base(&root, version),
            room: Room::default(),
            root,
            app: app.clone(),
            call: Call {
                interaction,
                purpose: purpose(&caller),
                nodoppning: nodoppning(request, &caller, app.door.clock)?,
                caller,
                request_id: request_id(request),
                disclosed: Disclosed::default(),
            },
            manner,
            prefer_return: wanted,
            lenient,
            headers: Headers {
                if_match: list(header::IF_MATCH),
                if_none_match: list(header::IF_NONE_MATCH),
                if_modified_since: text(header::IF_MODIFIED_SINCE).as_deref().and_then(http_date),
                content_type: text(header::CONTENT_TYPE),
                content_encoding: text(header::CONTENT_ENCODING),
                content_length: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
                if_none_exist: request
                    .headers()
                    .get_all("If-None-Exist")
                    .map(|value| value.as_bytes().to_vec())
                    .collect(),
            },
        })
    }

    /// Notes for the access log which resource an address is about; `path` is what stands below `[base]`.
    pub fn asks_about<'p>(&self, mut path: impl Iterator<Item = &'p str>) {
        let kind = path.next().and_then(ResourceType::from_name);
        let id = path.next().filter(|id| require_id_form(id).is_ok());
        if let (Some(kind), Some(id)) = (kind, id) {
            self.call.disclosed.ask_of(kind, id);
        }
    }

    /// The same caller, whose entry of a batch asks about its own.
    pub fn within_batch(&self) -> Ask {
        let mut ask = self.clone();
        ask.call.disclosed = self.call.disclosed.of_entry();
        ask
    }

    pub fn version(&self) -> FhirVersion {
        self.manner.version
    }

    /// The same caller, answered in an entry of a Bundle: what was written comes back only when that was asked for
    /// (http.html#transaction-response).
    pub fn within_bundle(&self) -> Ask {
        let mut ask = self.clone();
        ask.manner.pretty = false;
        if ask.prefer_return == Return::Default {
            ask.prefer_return = Return::Minimal;
        }
        ask
    }

    /// The same caller asking for what an entry of a Bundle wants, under the entry's own preconditions.
    pub fn of_entry(&self, interaction: Interaction, entry: &Entry) -> Ask {
        let mut ask = self.within_bundle();
        ask.call.interaction = interaction;
        ask.headers = Headers {
            if_match: entry.if_match.clone(),
            if_none_match: entry.if_none_match.clone(),
            if_modified_since: entry.if_modified_since.map(|at| at.as_second()),
            if_none_exist: entry
                .if_none_exist
                .iter()
                .map(|text| text.clone().into_bytes())
                .collect(),
            ..Headers::default()
        };
        ask
    }

    /// The bases of all versions under the same origin: references under them are ours.
    pub fn own_bases(&self) -> [String; 2] {
        FhirVersion::ALL.map(|version| base(&self.root, version))
    }

    /// The resource type the address names; 404 outside the closed set.
    pub fn kind(&self, name: &str) -> Result<ResourceType, Problem> {
        ResourceType::from_name(name).ok_or(Problem::UnknownAddress)
    }

    /// 415 unless the body is FHIR JSON of the address's version.
    pub fn require_fhir_json(&self) -> Result<(), Problem> {
        if self.has_fhir_json() {
            Ok(())
        } else {
            Err(Problem::UnsupportedMediaType { wanted: FHIR_JSON })
        }
    }

    fn has_fhir_json(&self) -> bool {
        let Some(content_type) = &self.headers.content_type else {
            return false;
        };
        let sent = MediaType::read(content_type);
        matches!(sent.essence.as_str(), "application/fhir+json" | "application/json")
            && sent.may_be_of(self.version())
            && sent.is_utf8()
    }

    /// Which kind of patch the body is; 415 for any other.
    pub fn patch_format(&self) -> Result<PatchFormat, Problem> {
        let sent = self.headers.content_type.as_deref().map(MediaType::read);
        let essence = sent
            .as_ref()
            .filter(|sent| sent.is_utf8())
            .map(|sent| sent.essence.as_str());
        match essence {
            Some(JSON_PATCH) => Ok(PatchFormat::Json),
            Some(MERGE_PATCH) => Ok(PatchFormat::Merge),
            Some("application/json") if self.has_fhir_json() => Ok(PatchFormat::Plain),
            _ if self.has_fhir_json() => Ok(PatchFormat::FhirPath),
            _ => Err(Problem::UnsupportedMediaType { wanted: PATCHES }),
        }
    }

    /// Takes the criteria in the address of a create as those of `If-None-Exist`.
    pub fn add_if_none_exist(&mut self, query: &str) {
        if chooses(query) {
            self.headers.if_none_exist.push(query.as_bytes().to_vec());
        }
    }

    /// The criteria of a conditional create. What cannot be read is refused: to ignore it would make a duplicate.
    pub fn if_none_exist(&self, kind: ResourceType) -> Result<Option<Criteria>, Problem> {
        match self.headers.if_none_exist.as_slice() {
            [] => Ok(None),
            [one] if let Ok(text) = std::str::from_utf8(one) => self.criteria(kind, text).map(Some),
            _ => Err(stated_twice()),
        }
    }

    /// The search that tells which resource a conditional interaction is about.
    pub fn criteria(&self, kind: ResourceType, text: &str) -> Result<Criteria, Problem> {
        let now = self.app.door.clock.now().as_microsecond();
        Criteria::read(self.version(), kind, text, &self.own_bases(), now)
    }

    /// The length the caller announces.
    pub fn announced_length(&self) -> Option<usize> {
        self.headers.content_length
    }

    /// 415 for a compressed body: only the bytes themselves are read.
    pub fn require_plain_body(&self) -> Result<(), Problem> {
        match self.headers.content_encoding.as_deref() {
            None | Some("identity") => Ok(()),
            Some(_) => Err(Problem::UnsupportedMediaType {
                wanted: "Content-Encoding: identity",
            }),
        }
    }

    /// Whether the body is a form, as POST `_search` sends it.
    pub fn has_form_body(&self) -> bool {
        let sent = self.headers.content_type.as_deref().map(MediaType::read);
        sent.is_some_and(|sent| sent.essence == "application/x-www-form-urlencoded" && sent.is_utf8())
    }

    /// 400 when a create demands something of a version: it replaces none.
    pub fn no_precondition(&self) -> Result<(), Problem> {
        Precondition::refuse_of_create(self.headers.if_match.as_deref(), self.headers.if_none_match.as_deref())
    }

    /// What the caller demands of the version that a write replaces; 400 for what only a create can demand.
    pub fn precondition(&self) -> Result<Precondition, Problem> {
        if !self.headers.if_none_exist.is_empty() {
            return Err(only_of_a_create());
        }
        Precondition::read(self.headers.if_match.as_deref(), self.headers.if_none_match.as_deref())
    }

    /// Whether the caller already has this version (304): `If-None-Match`, else `If-Modified-Since`.
    pub fn has_already(&self, version: i64, last_updated: jiff::Timestamp) -> bool {
        if let Some(tags) = &self.headers.if_none_match {
            return tags.trim() == "*" || versions_of_tags(tags).is_some_and(|versions| versions.contains(&version));
        }
        let since = self.headers.if_modified_since;
        since.is_some_and(|since| last_updated.as_second() <= since)
    }
}

/// 400 for parameters, of an address or a form, that cannot be read as UTF-8.
pub fn readable(parameters: &[u8]) -> Result<(), Problem> {
    if percent::is_sound(parameters) {
        return Ok(());
    }
    Err(Problem::bad_request(
        "Parametrarna ska vara procentkodad UTF-8.",
        "The parameters must be percent-encoded UTF-8.",
    ))
}

/// The purpose that the caller's token states; care, when it states none.
fn purpose(caller: &Caller) -> Cow<'static, str> {
    let stated = match caller {
        Caller::Known(identity) => identity.purpose.clone(),
        _ => None,
    };
    stated.map_or(Cow::Borrowed("TREAT"), Cow::Owned)
}

fn base(root: &str, version: FhirVersion) -> String {
    [root, "/fhir/", version.name()].concat()
}

fn http_date(text: &str) -> Option<i64> {
    let date: header::HttpDate = text.parse().ok()?;
    let since: std::time::SystemTime = date.into();
    since
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|passed| i64::try_from(passed.as_secs()).ok())
}

/// Whether the address names a version that we speak.
pub fn names_version(request: &HttpRequest) -> bool {
    version_in_path(request).is_some()
}

fn version_in_path(request: &HttpRequest) -> Option<FhirVersion> {
    let rest = request.path().strip_prefix("/fhir/")?;
    let segment = rest.split('/').next()?;
    FhirVersion::ALL.into_iter().find(|version| version.name() == segment)
}

/// The first value of a query parameter, decoded. Asked several times of each request, so that nothing else is decoded.
fn query_value(request: &HttpRequest, name: &str) -> Option<String> {
    let decoded = |pair: &str| {
        form_urlencoded::parse(pair.as_bytes())
            .next()
            .map(|(key, value)| (key == name, value.into_owned()))
    };
    request.query_string().split('&').find_map(|pair| {
        let key = pair.split('=').next().unwrap_or_default();
        let may_be = key == name || key.contains(['%', '+']);
        let (is_it, value) = if may_be { decoded(pair)? } else { return None };
        is_it.then_some(value)
    })
}

/// English when the caller ranks it above Swedish, else Swedish.
fn language(headers: &HeaderMap) -> Language {
    let Some(wanted) = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
    else {
        return Language::Swedish;
    };
    let rank = |language: &str| {
        wanted
            .split(',')
            .filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let tag = parts.next()?.to_ascii_lowercase();
                let quality = parts
                    .find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok())
                    .unwrap_or(1.0);
                (tag == language || tag.starts_with(&format!("{language}-"))).then_some(quality)
            })
            .fold(0.0, f32::max)
    };
    if rank("en") > rank("sv") {
        Language::English
    } else {
        Language::Swedish
    }
}

/// The origin that the caller used: configured, else from Host and X-Forwarded-* (design: base URL).
fn root(request: &HttpRequest, app: &App) -> String {
    match &app.base_url {
        Some(base) => base.trim_end_matches('/').to_owned(),
        None => {
            let connection = request.connection_info();
            let scheme = if connection.scheme() == "https" {
                "https"
            } else {
                "http"
            };
            let host = connection.host();
            // What is no host name or address does not come into our links.
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte);
            let host = if host.bytes().all(plain) {
                host
            } else {
                request.app_config().host()
            };
            format!("{scheme}://{host}")
        }
    }
}

/// The caller's `X-Request-Id` when it is a UUID (anything else might be personal data), else a new one.
pub fn request_id(request: &HttpRequest) -> String {
    let given = request
        .headers()
        .get("X-Request-Id")
        .and_then(|value| value.to_str().ok());
    match given.and_then(|text| Uuid::parse_str(text).ok()) {
        Some(id) => id.to_string(),
        None => Uuid::new_v4().to_string(),
    }
}
