//! Where references point (references.html#literal): what is written, as the index has it.

use serde_json::Value;

use super::RefTarget;
use crate::fhir::types::ResourceType;

/// What stands between a resource and its version (references.html#literal).
pub(super) const VERSION: &str = "/_history/";

/// Where a Reference points; its stated `type` helps where the literal does not tell.
pub(super) fn target(reference: &Value) -> RefTarget {
    let text = |member: &str| reference.get(member).and_then(Value::as_str);
    let stated = text("type")
        .and_then(|kind| kind.rsplit('/').next())
        .filter(|kind| is_type_name(kind));
    let literal = text("reference").filter(|literal| !literal.starts_with('#'));
    let mut target = literal.map(parse_literal).unwrap_or_default();
    if target.kind.is_none() {
        target.kind = stated.map(str::to_owned);
    }
    target
}

/// `Type/id`, an absolute URL ending so, or any other URL; a version at the end is left out: it has an entry of its own.
pub(super) fn parse_literal(literal: &str) -> RefTarget {
    let literal = literal
        .split_once(VERSION)
        .map_or(literal, |(unversioned, _)| unversioned);
    let absolute = literal.contains(':');
    let mut parts = literal.rsplit('/');
    let (id, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let named = is_type_name(kind) && is_id(id);
    match (named, absolute) {
        (true, true) => RefTarget {
            kind: Some(kind.into()),
            id: Some(id.into()),
            url: Some(literal.into()),
        },
        (true, false) if parts.next().is_none() => RefTarget {
            kind: Some(kind.into()),
            id: Some(id.into()),
            url: None,
        },
        _ => RefTarget {
            kind: None,
            id: None,
            url: Some(literal.into()),
        },
    }
}

/// A local reference (`Type/id`, perhaps with its version) to a type that is stored.
pub(super) fn local_version(literal: &str) -> Option<(ResourceType, String, Option<i64>)> {
    let (unversioned, version) = match literal.split_once(VERSION) {
        Some((unversioned, version)) => (unversioned, Some(version.parse().ok()?)),
        None => (literal, None),
    };
    match parse_literal(unversioned) {
        RefTarget {
            kind: Some(kind),
            id: Some(id),
            url: None,
        } => Some((ResourceType::from_name(&kind)?, id, version)),
        _ => None,
    }
}

/// FHIR's `id`: up to 64 letters, digits, `-` and `.`.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Looks like the name of a resource type: an upper-case letter, then letters.
pub(super) fn is_type_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(|b| b.is_ascii_alphabetic())
}
