//! JSON values as FHIR has them: primitives with their `_name`, repeating elements, extensions, references. Small tools
//! that know no plan; the engine and the rules use them.

use serde_json::{Map, Value};

pub(super) type Object = Map<String, Value>;

/// A value and what stands beside it under `_name` (only primitives have both).
pub(super) type Item<'a> = (Option<&'a Value>, Option<&'a Value>);
/// The same, converted.
pub(super) type Made = (Option<Value>, Option<Value>);

pub(super) fn underscored(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 1);
    key.push('_');
    key.push_str(name);
    key
}

pub(super) fn has(object: &Object, name: &str) -> bool {
    object.contains_key(name) || object.contains_key(&underscored(name))
}

/// The path of one item of an element; only in a list does it have a number.
pub(super) fn indexed(name: &str, many: bool, index: usize) -> String {
    if many {
        format!("{name}[{index}]")
    } else {
        name.to_owned()
    }
}

pub(super) fn part_url(base: &str, name: &str) -> String {
    format!("{base}{name}")
}

/// The items of an element; nulls of primitive arrays are items without a value.
pub(super) fn items<'a>(value: Option<&'a Value>, beside: Option<&'a Value>) -> Vec<Item<'a>> {
    let some = |v: &'a Value| (!v.is_null()).then_some(v);
    match (value, beside) {
        (Some(Value::Array(values)), None) => values.iter().map(|v| (some(v), None)).collect(),
        (None, Some(Value::Array(besides))) => besides.iter().map(|b| (None, some(b))).collect(),
        (Some(Value::Array(values)), Some(Value::Array(besides))) => (0..values.len().max(besides.len()))
            .map(|at| (values.get(at).and_then(some), besides.get(at).and_then(some)))
            .collect(),
        (None, None) => Vec::new(),
        single => vec![single],
    }
}

/// Sets an element, or appends to it when it repeats.
pub(super) fn put(out: &mut Object, name: &str, many: bool, made: Vec<Made>) {
    if !many {
        if let Some((value, beside)) = made.into_iter().next() {
            if let Some(value) = value {
                out.insert(name.to_owned(), value);
            }
            if let Some(beside) = beside {
                out.insert(underscored(name), beside);
            }
        }
        return;
    }
    if made.is_empty() {
        return;
    }
    let below = underscored(name);
    let take = |out: &mut Object, key: &str| match out.get_mut(key) {
        Some(Value::Array(list)) => std::mem::take(list),
        _ => Vec::new(),
    };
    let (mut values, mut besides) = (take(out, name), take(out, &below));
    let before = values.len().max(besides.len());
    let any_value = !values.is_empty() || made.iter().any(|(v, _)| v.is_some());
    let any_beside = !besides.is_empty() || made.iter().any(|(_, b)| b.is_some());
    values.resize(before, Value::Null);
    besides.resize(before, Value::Null);
    for (value, beside) in made {
        values.push(value.unwrap_or_default());
        besides.push(beside.unwrap_or_default());
    }
    if any_value {
        out.insert(name.to_owned(), Value::Array(values));
    }
    if any_beside {
        out.insert(below, Value::Array(besides));
    }
}

/// Appends to the object's `extension`.
pub(super) fn append_extensions(out: &mut Object, more: Vec<Value>) {
    if more.is_empty() {
        return;
    }
    match out.get_mut("extension") {
        Some(Value::Array(list)) => list.extend(more),
        _ => {
            out.insert("extension".to_owned(), Value::Array(more));
        }
    }
}

const ABSENT_URL: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// What stands for an element that the source's version has no place for: `unsupported` says just that.
pub(super) fn absent() -> Object {
    let mut extension = Object::new();
    extension.insert("url".into(), ABSENT_URL.into());
    extension.insert("valueCode".into(), "unsupported".into());
    let mut holder = Object::new();
    holder.insert("extension".into(), Value::Array(vec![Value::Object(extension)]));
    holder
}

/// Whether an element is nothing but our own filling.
pub(super) fn is_filling(value: Option<&Value>, beside: Option<&Value>) -> bool {
    fn is_absent(value: &Value) -> bool {
        let Value::Object(holder) = value else { return false };
        let Some(Value::Array(list)) = holder.get("extension").filter(|_| holder.len() == 1) else {
            return false;
        };
        let [Value::Object(extension)] = list.as_slice() else {
            return false;
        };
        let says = |name: &str| extension.get(name).and_then(Value::as_str);
        extension.len() == 2 && says("url") == Some(ABSENT_URL) && says("valueCode") == Some("unsupported")
    }
    let alone = |value: &Value| match value {
        Value::Array(list) => matches!(list.as_slice(), [only] if is_absent(only)),
        other => is_absent(other),
    };
    match (value, beside) {
        (Some(value), None) | (None, Some(value)) => alone(value),
        _ => false,
    }
}

/// A text that unsignedInt can hold, as a number with the same digits.
pub(super) fn unsigned(text: &str) -> Option<Value> {
    let number: u32 = text.parse().ok().filter(|n| i32::try_from(*n).is_ok())?;
    (number.to_string() == text).then(|| Value::from(number))
}

/// The types that a reference itself states: by `type`, by its literal address, by the contained resource it names.
pub(super) fn stated_types<'v>(reference: &'v Object, root: &'v Object) -> [Option<&'v str>; 2] {
    let by_type = reference.get("type").and_then(Value::as_str);
    let by_address = reference.get("reference").and_then(Value::as_str).and_then(|address| {
        if let Some(id) = address.strip_prefix('#') {
            let contained = root.get("contained")?.as_array()?;
            let named = contained
                .iter()
                .find(|r| r.get("id").and_then(Value::as_str) == Some(id))?;
            return named.get("resourceType")?.as_str();
        }
        literal_type(address)
    });
    [
        by_type.map(|t| t.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(t)),
        by_address,
    ]
}

/// The type in a literal address, `Patient/1` or absolute, with or without a version (references.html#literal).
pub(super) fn literal_type(address: &str) -> Option<&str> {
    let path = address.split(['?', '#', '|']).next().unwrap_or_default();
    let path = path.split_once("/_history/").map_or(path, |(before, _)| before);
    let mut parts = path.rsplit('/');
    let (_, kind) = (parts.next()?, parts.next()?);
    let named = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    named.then_some(kind)
}
