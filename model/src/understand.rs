//! From R5 text to facts: the way in, the parts every resource has, and the contained resources.
//!
//! Each read goes through sonic-rs, never serde_json: with serde_json's `arbitrary_precision` (which the service needs to
//! keep every digit, and which cargo switches on for the whole build) fhir-sdk's choice elements lose their numbers
//! without a word. `tests/precision.rs` pins that.

use fhir_sdk::r5::types::{Coding, Extension};
use serde::Deserialize;
use sonic_rs::LazyValue;

use crate::convert::{Many, ToFact};
use crate::facts::{Fact, Head, Other};
use crate::{NotUnderstood, depth, soften, tables};

/// Reads the facts out of one resource in FHIR R5 JSON; `contained` resources with it.
///
/// Valid FHIR is always understood. What fhir-sdk's types cannot hold (leap seconds, numbers beyond a float) is read as
/// the nearest that they can; elements no fact is made of are passed over unread. Structure is checked elsewhere.
///
/// Fails for a type outside the closed set, and for text that is not that resource.
pub fn understand(resource_type: &str, r5_text: &str) -> Result<Fact, NotUnderstood> {
    let unread = || NotUnderstood::new(resource_type);
    if tables::reader(resource_type).is_none() {
        return Err(unread());
    }
    let read = || read_softening(resource_type, r5_text);
    depth::with_enough_stack(r5_text, read).unwrap_or_else(|| Err(unread()))
}

/// Reads the text as it stands, or softened where fhir-sdk could not hold what it says.
fn read_softening(resource_type: &str, text: &str) -> Result<Fact, NotUnderstood> {
    // A leap second inside an extension would vanish without an error, so those are replaced before reading.
    if soften::may_hold_leap_second(text) {
        return read_resource(resource_type, soften::soften(text).as_deref().unwrap_or(text));
    }
    read_resource(resource_type, text).or_else(|failure| match soften::soften(text) {
        Some(softer) => read_resource(resource_type, &softer),
        None => Err(failure),
    })
}

/// Reads one resource of a known type into its facts; all but the head.
pub(crate) type Reader = fn(&str) -> Result<Fact, sonic_rs::Error>;

/// What every resource has, as fhir-sdk's datatypes; the contained resources still as text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadView<'a> {
    resource_type: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    meta: Option<MetaView>,
    #[serde(default)]
    extension: Vec<Extension>,
    #[serde(default, borrow)]
    contained: Vec<LazyValue<'a>>,
}

#[derive(Deserialize)]
struct MetaView {
    #[serde(default)]
    profile: Many<String>,
    #[serde(default)]
    security: Many<Coding>,
}

fn read_resource(resource_type: &str, text: &str) -> Result<Fact, NotUnderstood> {
    let stopped = |error: sonic_rs::Error| NotUnderstood {
        position: Some((error.line(), error.column())),
        ..NotUnderstood::new(resource_type)
    };
    let view: HeadView = sonic_rs::from_str(text).map_err(stopped)?;
    if view.resource_type != resource_type {
        return Err(NotUnderstood::new(resource_type));
    }
    read_body(view, text, stopped)
}

/// A resource of a type the rules do not read keeps its place and its head.
fn read_contained(text: &str) -> Result<Fact, NotUnderstood> {
    // The position would be one inside the contained resource's own text, so it is not told.
    let view: HeadView = sonic_rs::from_str(text).map_err(|_| NotUnderstood::new("contained"))?;
    let stopped = NotUnderstood::new(&view.resource_type);
    read_body(view, text, |_| stopped)
}

fn read_body(
    view: HeadView,
    text: &str,
    stopped: impl FnOnce(sonic_rs::Error) -> NotUnderstood,
) -> Result<Fact, NotUnderstood> {
    let contained = view
        .contained
        .iter()
        .map(|resource| read_contained(resource.as_raw_str()));
    let (profiles, security) = view.meta.map(|meta| (meta.profile, meta.security)).unwrap_or_default();
    let head = Head {
        contained: contained.collect::<Result<_, _>>()?,
        id: view.id.unwrap_or_default(),
        profiles: profiles.to_fact(),
        security: security.to_fact(),
        extensions: view.extension.to_fact(),
    };
    let mut fact = match tables::reader(&view.resource_type) {
        Some(read) => read(text).map_err(stopped)?,
        None => Fact::from(Other {
            resource_type: view.resource_type,
            ..Other::default()
        }),
    };
    *fact.head_mut() = head;
    Ok(fact)
}
