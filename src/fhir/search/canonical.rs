//! Canonical addresses (references.html#canonical): what refers names a resource by its `url`, perhaps with `|version`, and
//! not by its place. Of ours, Questionnaires have such names.
//!
//! A canonical may be the literal address too under which the resource is stored ("a canonical URL may be a literal one",
//! references.html#canonical): so a resource has a name more, its place below our base, and who looks knows the bases.
//!
//! A canonical is indexed by its address alone, because who asks without a version means any; and by the name it states,
//! address and version with `|` between, where nothing after the `|` says that any version is meant. The resource has an
//! entry for each name that means it, so that both meet.

use serde_json::Value;

use super::query::{CanonicalMatch, ReferenceValue};
use super::values::{ValueError, split_at, unescape, uri_above};
use super::{IndexEntry, RefTarget};
use crate::fhir::types::ResourceType;

/// The name in the index of what names a resource.
pub const NAMES: &str = "canonical";

/// The one type of ours that canonicals lead to.
pub const NAMED: ResourceType = ResourceType::Questionnaire;

/// Address and version; a fragment (`#…`) names a part of what is there. `#…` alone is a contained resource.
fn parts(canonical: &str) -> (&str, Option<&str>) {
    let whole = match canonical.split_once('#') {
        Some((whole, _)) if !whole.is_empty() => whole,
        _ => canonical,
    };
    match whole.split_once('|') {
        Some((address, version)) => (address, Some(version).filter(|version| !version.is_empty())),
        None => (whole, None),
    }
}

fn name(address: &str, version: Option<&str>) -> String {
    format!("{address}|{}", version.unwrap_or_default())
}

/// The index entries of a canonical.
pub(super) fn entries(param: &'static str, canonical: &str) -> impl Iterator<Item = IndexEntry> {
    let (address, version) = parts(canonical);
    [address.to_owned(), name(address, version)]
        .into_iter()
        .map(move |url| IndexEntry::Reference {
            param,
            target: RefTarget {
                url: Some(url),
                ..RefTarget::default()
            },
        })
}

/// The name that a canonical states; none when it is a resource contained in the one that it stands in.
pub fn stated(canonical: &str) -> Option<String> {
    let (address, version) = parts(canonical);
    (!address.starts_with('#')).then(|| name(address, version))
}

/// The names that mean a resource: of its `url`, and its place below `[base]`.
pub fn names(kind: ResourceType, resource: &Value) -> Vec<String> {
    if kind != NAMED {
        return Vec::new();
    }
    let text = |member: &str| resource[member].as_str().filter(|text| !text.is_empty());
    let version = text("version");
    let place = text("id").map(|id| format!("{kind}/{id}"));
    let addresses = text("url").map(str::to_owned).into_iter().chain(place);
    let of_address = |address: String| {
        let this = version.map(|version| name(&address, Some(version)));
        std::iter::once(name(&address, None)).chain(this)
    };
    addresses.flat_map(of_address).collect()
}

/// What a canonical may state that means a resource of this name: the name, or a place under one of our own base URLs.
pub fn written<'n>(name: &'n str, own_bases: &'n [String]) -> impl Iterator<Item = String> + 'n {
    let is_place = name.starts_with(NAMED.name()) && !name.contains(':');
    let places = own_bases
        .iter()
        .filter(move |_| is_place)
        .map(move |base| format!("{base}/{name}"));
    std::iter::once(name.to_owned()).chain(places)
}

/// A canonical in a query: `address` or `address|version`.
fn asked(value: &str) -> Result<(String, Option<String>), ValueError> {
    let written = split_at(value, '|').into_iter().map(unescape);
    let (address, version) = match written.collect::<Result<Vec<_>, _>>()?.as_slice() {
        [address] => (address.clone(), None),
        [address, version] => (
            address.clone(),
            Some(version.clone()).filter(|version| !version.is_empty()),
        ),
        _ => return Err(ValueError::Canonical),
    };
    // It is a name: an address under our own base is no different.
    if address.contains(':') {
        Ok((address, version))
    } else {
        Err(ValueError::Canonical)
    }
}

fn exactly((address, version): (String, Option<String>)) -> CanonicalMatch {
    CanonicalMatch::Is(match version {
        Some(version) => name(&address, Some(&version)),
        None => address,
    })
}

/// Of that version; of any when none is stated.
pub(super) fn is(value: &str) -> Result<ReferenceValue, ValueError> {
    asked(value).map(exactly).map(ReferenceValue::Canonical)
}

/// `:below` (search.html#versions): of that version or one beneath it, `1` is above `1.2`.
pub(super) fn below(value: &str) -> Result<ReferenceValue, ValueError> {
    let found = match asked(value)? {
        (address, Some(version)) => CanonicalMatch::Version(name(&address, Some(&version))),
        any => exactly(any),
    };
    Ok(ReferenceValue::Canonical(found))
}

/// `:below` of a uri: the address or one beneath it in its path.
pub(super) fn uri_below(value: &str) -> Result<ReferenceValue, ValueError> {
    match asked(value)? {
        (address, None) => Ok(ReferenceValue::Canonical(CanonicalMatch::Path(
            address.trim_end_matches('/').to_owned(),
        ))),
        _ => below(value),
    }
}

/// `:above` of a uri: the address or one that its path lies beneath.
pub(super) fn uris_above(value: &str) -> Result<Vec<ReferenceValue>, ValueError> {
    let addresses = uri_above(value)?.into_iter().filter_map(|token| token.value);
    Ok(addresses
        .map(|address| ReferenceValue::Canonical(CanonicalMatch::Is(address)))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_refers_and_what_is_meant_meet_in_a_name() {
        let form = |version: Option<&str>| {
            let mut form = json!({ "id": "q", "url": "https://a/q" });
            if let Some(version) = version {
                form["version"] = json!(version);
            }
            names(ResourceType::Questionnaire, &form)
        };
        let meets = |canonical: &str, names: &[String]| {
            entries("questionnaire", canonical).any(|entry| match entry {
                IndexEntry::Reference { target, .. } => target.url.is_some_and(|url| names.contains(&url)),
                _ => false,
            })
        };
        for (canonical, of_2, of_none) in [
            ("https://a/q|2", true, false),
            ("https://a/q|2#del", true, false),
            ("https://a/q", true, true),
            ("https://a/q#del", true, true),
            ("https://a/q|", true, true),
            ("https://a/q|3", false, false),
            ("https://a/r", false, false),
            ("#q", false, false),
        ] {
            assert_eq!(meets(canonical, &form(Some("2"))), of_2, "{canonical}");
            assert_eq!(meets(canonical, &form(None)), of_none, "{canonical}");
        }
        assert!(names(ResourceType::Patient, &json!({ "url": "https://a/q" })).is_empty());
        assert_eq!(
            form(Some("2")),
            ["https://a/q|", "https://a/q|2", "Questionnaire/q|", "Questionnaire/q|2"]
        );
        let bases = ["https://vi/fhir/r5".to_owned()];
        assert_eq!(
            written("Questionnaire/q|", &bases).collect::<Vec<_>>(),
            ["Questionnaire/q|", "https://vi/fhir/r5/Questionnaire/q|"]
        );
        assert_eq!(written("https://a/q|", &bases).count(), 1);
    }
}
