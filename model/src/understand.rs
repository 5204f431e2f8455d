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
    let Some(read) = tables::reader(resource_type) else {
        return Err(NotUnderstood {
            resource_type: resource_type.to_owned(),
            position: None,
        });
    };
    let read = || read_softening(r5_text, read).map_err(|failure| failure.into_not_understood(resource_type));
    depth::with_enough_stack(r5_text, read).unwrap_or_else(|| {
        Err(NotUnderstood {
            resource_type: resource_type.to_owned(),
            position: None,
        })
    })
}

/// Reads the text as it stands, or softened where fhir-sdk could not hold what it says.
fn read_softening(text: &str, read: Reader) -> Result<Fact, Failure> {
    // A leap second inside an extension would vanish without an error, so those are replaced before reading.
    if soften::may_hold_leap_second(text) {
        return read_whole(soften::soften(text).as_deref().unwrap_or(text), read);
    }
    match read_whole(text, read) {
        Ok(fact) => Ok(fact),
        Err(failure) => soften::soften(text).map_or(Err(failure), |softer| read_whole(&softer, read)),
    }
}

/// Reads one resource of a known type into its facts.
pub(crate) type Reader = fn(&str) -> Result<Fact, sonic_rs::Error>;

/// What stopped a read: the type of the (contained) resource, and the parser's error.
struct Failure {
    contained_type: Option<String>,
    error: sonic_rs::Error,
}

impl From<sonic_rs::Error> for Failure {
    fn from(error: sonic_rs::Error) -> Failure {
        Failure {
            contained_type: None,
            error,
        }
    }
}

impl Failure {
    fn into_not_understood(self, resource_type: &str) -> NotUnderstood {
        match self.contained_type {
            // A position inside the contained resource's own text would mislead.
            Some(contained) => NotUnderstood {
                resource_type: contained,
                position: None,
            },
            None => NotUnderstood {
                resource_type: resource_type.to_owned(),
                position: Some((self.error.line(), self.error.column())),
            },
        }
    }
}

/// What every resource has, as fhir-sdk's datatypes; the contained resources still as text.
#[derive(Deserialize)]
struct HeadView<'a> {
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeView {
    resource_type: String,
}

fn read_whole(text: &str, read: Reader) -> Result<Fact, Failure> {
    let view: HeadView = sonic_rs::from_str(text)?;
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
    let mut fact = read(text)?;
    *fact.head_mut() = head;
    Ok(fact)
}

fn read_contained(text: &str) -> Result<Fact, Failure> {
    let TypeView { resource_type } = sonic_rs::from_str(text)?;
    // A resource of a type the rules do not read keeps its place and its head.
    let result = match tables::reader(&resource_type) {
        Some(read) => read_whole(text, read),
        None => read_whole(text, |_| Ok(Fact::Other(Box::default()))),
    };
    match result {
        Ok(Fact::Other(other)) => Ok(Fact::Other(Box::new(Other {
            resource_type,
            ..*other
        }))),
        Ok(fact) => Ok(fact),
        Err(failure) => Err(Failure {
            contained_type: Some(resource_type),
            ..failure
        }),
    }
}
