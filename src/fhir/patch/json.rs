//! JSON Patch (RFC 6902). Own code, because members keep their order here, numbers their digits, and what a patch puts in
//! is measured before it is copied.

use serde_json::{Map, Value};

use super::room::Room;
use super::{MOST_OPERATIONS, PatchError, numbered};
use crate::fhir::fault::{IssueCode, Text};

/// The changes, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPatch(Vec<Change>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Add(Pointer, Value),
    Remove(Pointer),
    Replace(Pointer, Value),
    /// From, to.
    Move(Pointer, Pointer),
    Copy(Pointer, Pointer),
    Test(Pointer, Value),
}

/// A JSON Pointer (RFC 6901), its tokens unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pointer(Vec<String>);

/// Why a change cannot be made of this resource, in Swedish and English.
type Unfit = (&'static str, &'static str);

const NOT_THERE: Unfit = (
    "det som pekas ut finns inte i resursen.",
    "what is pointed at is not in the resource.",
);

impl JsonPatch {
    pub(super) fn read(patch: Value) -> Result<JsonPatch, PatchError> {
        let Value::Array(changes) = patch else {
            return Err(PatchError::malformed(
                IssueCode::Structure,
                "",
                Text::new(
                    "En JSON Patch ska vara en lista av ändringar.",
                    "A JSON Patch must be an array of changes.",
                ),
            ));
        };
        if changes.len() > MOST_OPERATIONS {
            return Err(PatchError::too_many());
        }
        changes
            .into_iter()
            .enumerate()
            .map(|(index, change)| {
                read(change)
                    .map_err(|(sv, en)| PatchError::malformed(IssueCode::Structure, "", numbered(index, sv, en)))
            })
            .collect::<Result<_, _>>()
            .map(JsonPatch)
    }

    pub(super) fn apply(&self, resource: &mut Value, room: &mut Room) -> Result<(), PatchError> {
        for (index, change) in self.0.iter().enumerate() {
            change.apply(resource, room)?.map_err(|(sv, en)| {
                // A test that fails is answered as any change that does not fit (http.html#patch: 422).
                PatchError::unfit(numbered(index, sv, en))
            })?;
        }
        Ok(())
    }
}

/// One change; members that the RFC does not know are ignored, as it says.
fn read(change: Value) -> Result<Change, Unfit> {
    let Value::Object(mut change) = change else {
        return Err(("ska vara ett objekt.", "must be an object."));
    };
    let path = pointer(&change, "path")?;
    let value = change
        .shift_remove("value")
        .ok_or(("value saknas.", "value is missing."));
    match change.get("op").and_then(Value::as_str) {
        Some("add") => Ok(Change::Add(path, value?)),
        Some("remove") => Ok(Change::Remove(path)),
        Some("replace") => Ok(Change::Replace(path, value?)),
        Some("move") => Ok(Change::Move(pointer(&change, "from")?, path)),
        Some("copy") => Ok(Change::Copy(pointer(&change, "from")?, path)),
        Some("test") => Ok(Change::Test(path, value?)),
        _ => Err((
            "op ska vara add, remove, replace, move, copy eller test.",
            "op must be add, remove, replace, move, copy or test.",
        )),
    }
}

fn pointer(change: &Map<String, Value>, name: &str) -> Result<Pointer, Unfit> {
    let text = change.get(name).and_then(Value::as_str);
    text.and_then(Pointer::parse).ok_or(match name {
        "from" => ("from ska vara en JSON Pointer.", "from must be a JSON Pointer."),
        _ => ("path ska vara en JSON Pointer.", "path must be a JSON Pointer."),
    })
}

impl Pointer {
    fn parse(text: &str) -> Option<Pointer> {
        if text.is_empty() {
            return Some(Pointer(Vec::new()));
        }
        let tokens = text.strip_prefix('/')?.split('/').map(|token| {
            let mut pieces = token.split('~');
            let mut plain = pieces.next()?.to_owned();
            for piece in pieces {
                let (sign, rest) = match piece.as_bytes().first()? {
                    b'0' => ('~', &piece[1..]),
                    b'1' => ('/', &piece[1..]),
                    _ => return None,
                };
                plain.push(sign);
                plain.push_str(rest);
            }
            Some(plain)
        });
        tokens.collect::<Option<_>>().map(Pointer)
    }

    fn find<'v>(&self, resource: &'v Value) -> Result<&'v Value, Unfit> {
        let step = |value: &'v Value, token: &String| match value {
            Value::Object(members) => members.get(token),
            Value::Array(items) => items.get(position(token)?),
            _ => None,
        };
        self.0.iter().try_fold(resource, step).ok_or(NOT_THERE)
    }

    /// What has the value that is pointed at, and the value's name or number there; `None` for the whole resource.
    fn parent<'v, 'p>(&'p self, resource: &'v mut Value) -> Result<Option<(&'v mut Value, &'p str)>, Unfit> {
        let Some((last, above)) = self.0.split_last() else {
            return Ok(None);
        };
        let step = |value: &'v mut Value, token: &String| match value {
            Value::Object(members) => members.get_mut(token),
            Value::Array(items) => items.get_mut(position(token)?),
            _ => None,
        };
        let parent = above.iter().try_fold(resource, step).ok_or(NOT_THERE)?;
        Ok(Some((parent, last)))
    }

    /// Whether this points into what the other points at.
    fn is_within(&self, other: &Pointer) -> bool {
        self.0.len() > other.0.len() && self.0.starts_with(&other.0)
    }
}

/// A place in an array: digits, without leading zeros.
fn position(token: &str) -> Option<usize> {
    let plain = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { token.parse().ok() } else { None }
}

impl Change {
    /// The outer error: there is no room. The inner one: the change does not fit.
    fn apply(&self, resource: &mut Value, room: &mut Room) -> Result<Result<(), Unfit>, PatchError> {
        Ok(match self {
            Change::Add(path, value) => {
                room.take(value, path.0.len())?;
                add(resource, path, value.clone())
            }
            Change::Remove(path) => remove(resource, path).map(drop),
            Change::Replace(path, value) => {
                room.take(value, path.0.len())?;
                replace(resource, path, value.clone())
            }
            Change::Move(from, path) => {
                if path.is_within(from) {
                    return Ok(Err((
                        "ett värde kan inte flyttas in i sig självt.",
                        "a value cannot be moved into itself.",
                    )));
                }
                match from.find(resource) {
                    Err(unfit) => return Ok(Err(unfit)),
                    // The whole resource cannot be taken away, and so not moved either.
                    Ok(_) if from == path && !path.0.is_empty() => return Ok(Ok(())),
                    Ok(value) => room.take(value, path.0.len())?,
                }
                remove(resource, from).and_then(|value| add(resource, path, value))
            }
            Change::Copy(from, path) => {
                let value = match from.find(resource) {
                    Err(unfit) => return Ok(Err(unfit)),
                    Ok(value) => value,
                };
                room.take(value, path.0.len())?;
                let value = value.clone();
                add(resource, path, value)
            }
            Change::Test(path, value) => match path.find(resource) {
                Ok(found) if equal(found, value) => Ok(()),
                Ok(_) => Err((
                    "resursen har ett annat värde än det som prövas (test).",
                    "the resource has another value than the one tested for.",
                )),
                Err(unfit) => Err(unfit),
            },
        })
    }
}

fn add(resource: &mut Value, path: &Pointer, value: Value) -> Result<(), Unfit> {
    match path.parent(resource)? {
        None => *resource = value,
        Some((Value::Object(members), name)) => {
            members.insert(name.to_owned(), value);
        }
        Some((Value::Array(items), "-")) => items.push(value),
        Some((Value::Array(items), token)) => match position(token) {
            Some(index) if index <= items.len() => items.insert(index, value),
            _ => return Err(NOT_THERE),
        },
        Some(_) => return Err(NOT_THERE),
    }
    Ok(())
}

fn replace(resource: &mut Value, path: &Pointer, value: Value) -> Result<(), Unfit> {
    let target = match path.parent(resource)? {
        None => {
            *resource = value;
            return Ok(());
        }
        Some((Value::Object(members), name)) => members.get_mut(name),
        Some((Value::Array(items), token)) => position(token).and_then(|index| items.get_mut(index)),
        Some(_) => None,
    };
    *target.ok_or(NOT_THERE)? = value;
    Ok(())
}

fn remove(resource: &mut Value, path: &Pointer) -> Result<Value, Unfit> {
    match path.parent(resource)? {
        None => Err((
            "resursen själv kan inte tas bort.",
            "the resource itself cannot be removed.",
        )),
        // The others keep their order.
        Some((Value::Object(members), name)) => members.shift_remove(name).ok_or(NOT_THERE),
        Some((Value::Array(items), token)) => match position(token) {
            Some(index) if index < items.len() => Ok(items.remove(index)),
            _ => Err(NOT_THERE),
        },
        Some(_) => Err(NOT_THERE),
    }
}

/// RFC 6902, 4.6: numbers are equal when their values are, objects whatever the order of their members.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(&one.to_string(), &other.to_string()),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| equal(value, other)))
        }
        (one, other) => one == other,
    }
}

/// Whether two numbers, as JSON writes them, have the same value: 1.50 and 15e-1.
pub(super) fn same_number(one: &str, other: &str) -> bool {
    one == other || matches!((normal(one), normal(other)), (Some(one), Some(other)) if one == other)
}

/// Sign, digits without zeros at the ends, exponent of the last digit; `None` for an exponent that is absurd.
fn normal(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
        None => (number, 0_i64),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let plain = digits.trim_end_matches('0');
    if plain.is_empty() {
        return Some((false, String::new(), 0));
    }
    let moved = i64::try_from(digits.len() - plain.len()).ok()? - i64::try_from(fraction.len()).ok()?;
    Some((negative, plain.to_owned(), exponent.checked_add(moved)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Patch;
    use super::*;
    use crate::fhir::json::Limits;
    use crate::fhir::version::FhirVersion;

    fn patched(resource: Value, patch: Value) -> Result<Value, PatchError> {
        Patch::json(patch)?.apply(FhirVersion::R5, resource, &Limits::default())
    }

    #[test]
    fn members_keep_their_order_and_numbers_their_digits() {
        let resource = json!({"a": 1, "b": 2, "c": {"x": 1, "y": 2}, "d": 4});
        let patch = json!([
            {"op": "remove", "path": "/b"},
            {"op": "replace", "path": "/a", "value": 7},
            {"op": "add", "path": "/c/x", "value": 8},
        ]);
        assert_eq!(
            patched(resource, patch).unwrap().to_string(),
            r#"{"a":7,"c":{"x":8,"y":2},"d":4}"#
        );
        let resource: Value = serde_json::from_str(r#"{"a":1.50,"b":2}"#).unwrap();
        let patch = json!([{"op": "move", "from": "/a", "path": "/c"}]);
        assert_eq!(patched(resource, patch).unwrap().to_string(), r#"{"b":2,"c":1.50}"#);
    }

    #[test]
    fn the_cases_of_rfc_6902() {
        let ok = [
            (
                json!({"foo": ["bar", "baz"]}),
                json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
                json!({"foo": ["bar", "qux", "baz"]}),
            ),
            (
                json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
                json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
                json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
            ),
            (
                json!({"foo": ["all", "grass", "cows", "eat"]}),
                json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
                json!({"foo": ["all", "cows", "eat", "grass"]}),
            ),
            (
                json!({"baz": "qux", "foo": ["a", 2, "c"]}),
                json!([{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}]),
                json!({"baz": "qux", "foo": ["a", 2, "c"]}),
            ),
            (
                json!({"/": 9, "~1": 10}),
                json!([{"op": "test", "path": "/~01", "value": 10}]),
                json!({"/": 9, "~1": 10}),
            ),
            (
                json!({"foo": ["bar"]}),
                json!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
                json!({"foo": ["bar", ["abc", "def"]]}),
            ),
            (
                json!({"foo": 1}),
                json!([{"op": "add", "path": "", "value": {"bar": 2}}]),
                json!({"bar": 2}),
            ),
            (
                json!({"foo": 1}),
                json!([{"op": "copy", "from": "", "path": "/bar"}]),
                json!({"foo": 1, "bar": {"foo": 1}}),
            ),
            (
                json!({"foo": 1}),
                json!([{"op": "test", "path": "/foo", "value": 1, "comment": "ignored"}]),
                json!({"foo": 1}),
            ),
            (
                json!({"": 1}),
                json!([{"op": "replace", "path": "/", "value": 2}]),
                json!({"": 2}),
            ),
        ];
        for (resource, patch, expected) in ok {
            assert_eq!(patched(resource, patch.clone()).unwrap(), expected, "{patch}");
        }
        let unfit = [
            json!([{"op": "add", "path": "/baz/bat", "value": "qux"}]),
            json!([{"op": "add", "path": "/list/3", "value": 1}]),
            json!([{"op": "remove", "path": "/list/2"}]),
            json!([{"op": "remove", "path": "/list/-"}]),
            json!([{"op": "remove", "path": "/list/01"}]),
            json!([{"op": "remove", "path": "/list/+1"}]),
            json!([{"op": "remove", "path": ""}]),
            json!([{"op": "replace", "path": "/none", "value": 1}]),
            json!([{"op": "replace", "path": "/foo/x", "value": 1}]),
            json!([{"op": "move", "from": "/o", "path": "/o/x"}]),
            json!([{"op": "move", "from": "", "path": ""}]),
            json!([{"op": "copy", "from": "/none", "path": "/o/x"}]),
            json!([{"op": "test", "path": "/foo", "value": "1"}]),
            json!([{"op": "test", "path": "/none", "value": null}]),
        ];
        for patch in unfit {
            let resource = json!({"foo": 1, "list": [1, 2], "o": {"p": 1}});
            let error = patched(resource, patch.clone()).unwrap_err();
            assert!(matches!(error, PatchError::Unfit { .. }), "{patch}: {error:?}");
        }
        let malformed = [
            json!({"op": "add"}),
            json!([1]),
            json!([{"op": "spam", "path": "/a"}]),
            json!([{"path": "/a", "value": 1}]),
            json!([{"op": "add", "path": "a", "value": 1}]),
            json!([{"op": "add", "path": "/a~2", "value": 1}]),
            json!([{"op": "add", "path": "/a~", "value": 1}]),
            json!([{"op": "add", "path": "/a"}]),
            json!([{"op": "add", "value": 1}]),
            json!([{"op": "move", "path": "/a"}]),
        ];
        for patch in malformed {
            let error = patched(json!({}), patch.clone()).unwrap_err();
            assert!(matches!(error, PatchError::Malformed(_)), "{patch}: {error:?}");
        }
    }

    #[test]
    fn numbers_are_equal_by_their_values() {
        for (one, other, same) in [
            ("1", "1.0", true),
            ("1.50", "15e-1", true),
            ("-0", "0.0e7", true),
            ("100", "1E+2", true),
            ("1", "-1", false),
            ("1", "1.0000000000000000000001", false),
            ("1e99999999999999999999", "1", false),
            ("1e99999999999999999999", "1e99999999999999999999", true),
        ] {
            assert_eq!(same_number(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn a_patch_cannot_grow_a_resource_without_end() {
        let limits = Limits {
            bytes: 10_000,
            depth: 32,
        };
        let doubling: Vec<Value> = (0..60)
            .map(|number| json!({"op": "copy", "from": "", "path": format!("/c{number}")}))
            .collect();
        let nesting: Vec<Value> = (0..60)
            .map(|_| json!({"op": "copy", "from": "/a", "path": "/a/a"}))
            .collect();
        let moving: Vec<Value> = (0..900)
            .flat_map(|_| {
                [
                    json!({"op": "add", "path": "/n", "value": {}}),
                    json!({"op": "move", "from": "/a", "path": "/n/a"}),
                    json!({"op": "move", "from": "/n", "path": "/a"}),
                ]
            })
            .take(900)
            .collect();
        for patch in [doubling, nesting, moving] {
            let patch = Patch::json(Value::Array(patch)).unwrap();
            let error = patch
                .apply(FhirVersion::R5, json!({"a": {"b": "c"}}), &limits)
                .unwrap_err();
            assert!(matches!(error, PatchError::Unfit { .. }));
        }
    }
}
