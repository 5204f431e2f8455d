//! How one claim is read: by its name or by a path, as a text, a list or an HSA-id. What has another form than it must have is
//! refused; what it means is `claims.rs`'s to tell.

use serde_json::{Map, Value};

use super::claims::Missing;
use crate::hsa::{in_capitals, is_hsa_id};

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// The longest text that is taken from a claim.
pub(super) const LONGEST: usize = 200;

/// The first of these claims that is there.
fn first<'a>(claims: &'a Claims, paths: &[String]) -> Option<&'a Value> {
    let values = paths.iter().filter_map(|path| at(claims, path));
    values.into_iter().find(|value| !value.is_null())
}

/// The claim of that name, else the one that the path leads to: `uppdrag.0.hsaid`.
fn at<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut steps = path.split('.');
    let start = claims.get(steps.next()?)?;
    steps.try_fold(start, |value, step| match value {
        Value::Object(members) => members.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A claim that is one text, or a list of one. Anything else has the wrong form: a list of units does not tell which.
pub(super) fn text(claims: &Claims, paths: &[String]) -> Result<Option<String>, Missing> {
    let value = match first(claims, paths) {
        None => return Ok(None),
        Some(Value::Array(items)) if items.len() == 1 => items.first(),
        other => other,
    };
    match value {
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) if text.len() <= LONGEST && !text.chars().any(char::is_control) => {
            Ok(Some(text.trim().to_owned()))
        }
        _ => Err(Missing::Form),
    }
}

/// What is told of somebody and gives no right: several texts are told as one.
pub(super) fn told(claims: &Claims, paths: &[String]) -> Option<String> {
    let text = match first(claims, paths)? {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    let text: String = text.chars().filter(|char| !char.is_control()).take(LONGEST).collect();
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// A claim that is an HSA-id. (Registers out there have personal numbers under that name: they are none.)
pub(super) fn hsa(claims: &Claims, paths: &[String]) -> Result<Option<String>, Missing> {
    let id = text(claims, paths)?.map(|text| in_capitals(&text));
    match id {
        Some(id) if !is_hsa_id(&id) => Err(Missing::Form),
        other => Ok(other),
    }
}

/// Scopes as one text with spaces between (RFC 8693, 4.2), or as a list.
pub(super) fn spaced(claims: &Claims, paths: &[String]) -> String {
    match first(claims, paths) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_found_by_name_and_by_path() {
        let claims =
            json!({ "http://sambi.se/attributes/1/unit": "a", "uppdrag": [{ "enhet": "b" }], "c": null, "d": "d" });
        let Value::Object(claims) = claims else { panic!() };
        let found = |paths: &[&str]| {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            text(&claims, &paths).expect("a text")
        };
        assert_eq!(found(&["http://sambi.se/attributes/1/unit"]).as_deref(), Some("a"));
        assert_eq!(found(&["uppdrag.0.enhet"]).as_deref(), Some("b"));
        assert_eq!(found(&["uppdrag.1.enhet", "c", "d"]).as_deref(), Some("d"));
        assert_eq!(found(&["uppdrag.enhet"]), None);
    }
}
