//! The members of JSON objects: an element set, put into its list, taken away. What stands beside a primitive (`_name`: its id
//! and extensions) goes along.

use serde_json::{Map, Value};

use super::super::ground::{Definition, Key, count};
use super::value::Made;

/// The name under which JSON has what stands beside a primitive: its id and extensions.
pub(super) fn beside(name: &str) -> String {
    format!("_{name}")
}

/// How many an object has of a member, whatever its type.
pub(super) fn present(members: &Map<String, Value>, definitions: &[Definition]) -> usize {
    let counts = definitions.iter();
    counts.map(|(name, element)| count(members, name, element.many)).sum()
}

pub(super) fn object_at<'v>(resource: &'v mut Value, keys: &[Key]) -> Option<&'v mut Map<String, Value>> {
    let found = keys.iter().try_fold(resource, |value, key| match key {
        Key::Name(name) => value.get_mut(name),
        Key::Index(index) => value.get_mut(index),
    });
    found?.as_object_mut()
}

/// The name of an object's member, its place when it repeats, and where the object stands.
fn split(keys: &[Key]) -> Option<(&[Key], &str, Option<usize>)> {
    match keys {
        [above @ .., Key::Name(name)] => Some((above, name, None)),
        [above @ .., Key::Name(name), Key::Index(index)] => Some((above, name, Some(*index))),
        _ => None,
    }
}

/// The object at this place. That beside a primitive is made when it is not there.
pub(super) fn make_object<'v>(resource: &'v mut Value, keys: &[Key]) -> Option<&'v mut Map<String, Value>> {
    let Some((above, name, index)) = split(keys) else {
        return resource.as_object_mut();
    };
    let members = object_at(resource, above)?;
    let empty = || Value::Object(Map::new());
    let Some(index) = index else {
        return members.entry(name).or_insert_with(empty).as_object_mut();
    };
    let count = count(members, name.trim_start_matches('_'), true);
    let list = members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    let list = list.as_array_mut()?;
    list.resize(count.max(list.len()), Value::Null);
    let object = list.get_mut(index)?;
    if object.is_null() {
        *object = empty();
    }
    object.as_object_mut()
}

/// The element as it is to be, in the place that it had.
pub(super) fn set(members: &mut Map<String, Value>, name: &str, made: Made) {
    for (key, value) in [(name.to_owned(), made.value), (beside(name), made.beside)] {
        match value {
            Some(value) => {
                members.insert(key, value);
            }
            None => {
                members.shift_remove(&key);
            }
        }
    }
}

/// Puts an element into a list; what stands beside the list's primitives moves along.
pub(super) fn insert(members: &mut Map<String, Value>, name: &str, index: usize, made: Made) {
    change_lists(members, name, made, |list, value| list.insert(index, value));
}

pub(super) fn put(members: &mut Map<String, Value>, name: &str, index: usize, made: Made) {
    change_lists(members, name, made, |list, value| list[index] = value);
}

/// Changes the list and the one beside it alike; both are made as long as the list is.
fn change_lists(members: &mut Map<String, Value>, name: &str, made: Made, change: impl Fn(&mut Vec<Value>, Value)) {
    let count = count(members, name, true);
    for (key, value) in [(name.to_owned(), made.value), (beside(name), made.beside)] {
        if value.is_none() && !members.contains_key(&key) {
            continue;
        }
        let list = members.entry(key.as_str()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.resize(count, Value::Null);
            change(list, value.unwrap_or(Value::Null));
        }
        forget_empty(members, &key);
    }
}

/// Takes an element away.
pub(super) fn take(members: &mut Map<String, Value>, name: &str, index: Option<usize>) {
    for key in [name.to_owned(), beside(name)] {
        match (index, members.get_mut(&key)) {
            (None, _) => {
                members.shift_remove(&key);
            }
            (Some(index), Some(Value::Array(list))) if index < list.len() => {
                list.remove(index);
            }
            (Some(_), _) => {}
        }
        forget_empty(members, &key);
    }
}

/// A list of nothing is no list in FHIR.
fn forget_empty(members: &mut Map<String, Value>, key: &str) {
    if let Some(Value::Array(list)) = members.get(key)
        && list.iter().all(Value::is_null)
    {
        members.shift_remove(key);
    }
}

/// An element without content is not there: what became empty goes, and so on upwards.
pub(super) fn prune(resource: &mut Value, object: &[Key]) {
    let mut keys = object;
    while let Some((above, name, index)) = split(keys) {
        if object_at(resource, keys).is_none_or(|members| !members.is_empty()) {
            return;
        }
        let Some(members) = object_at(resource, above) else {
            return;
        };
        match (index, members.get_mut(name)) {
            // Beside a primitive, whose place in its list stays.
            (Some(index), Some(Value::Array(list))) if name.starts_with('_') => list[index] = Value::Null,
            (Some(index), Some(Value::Array(list))) => {
                list.remove(index);
            }
            _ => {
                members.shift_remove(name);
            }
        }
        forget_empty(members, name);
        keys = above;
    }
}
