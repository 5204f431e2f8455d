//! The generic carrier (design, conversion f) and extensions whose value the other version has no type for (b):
//! elements as extensions and back. One extension per item of an element; what an extension cannot hold as a value
//! becomes nested extensions, one per member, named by the member.

use serde_json::Value;

use super::engine::Walk;
use super::part::Part;
use super::plan::{Pair, R4_EXTENSION, R5_EXTENSION, value_name};
use super::values::{Item, Made, Object, append_extensions, items, put, underscored};
use crate::fhir::elements::{Element, TypeTable};

/// The members that are lists of extensions themselves.
pub(super) const LISTS: [&str; 2] = ["extension", "modifierExtension"];

/// One item of an element of the source as an extension of the target.
pub(super) fn encode_element(walk: &mut Walk<'_>, base: &str, name: &str, element: &Element, item: Item<'_>) -> Value {
    // A choice goes by its stem, as HL7 names it, when the value's type tells the rest.
    let name = match &element.choice {
        Some(stem) if walk.plan.is_extension_value(&element.type_name) => stem,
        _ => name,
    };
    Value::Object(encode(walk, format!("{base}{name}"), &element.type_name, item))
}

fn encode(walk: &mut Walk<'_>, url: String, type_name: &str, (value, beside): Item<'_>) -> Object {
    let mut made = Object::new();
    made.insert("url".to_owned(), Value::String(url));
    let name = holder(walk, type_name);
    match (name, value) {
        (Some(name), value) => {
            if let Some(value) = value {
                let value = match (value, walk.plan.pair(type_name, type_name)) {
                    (Value::Object(object), Some(pair)) => Value::Object(walk.object(pair, object)),
                    _ => value.clone(),
                };
                made.insert(name.clone(), value);
            }
            if let Some(beside) = beside {
                let beside = walk.beside(beside);
                made.insert(format!("_{name}"), beside);
            }
        }
        (None, Some(Value::Object(object))) => {
            let members = encode_members(walk, type_name, object, None);
            made.insert("extension".to_owned(), Value::Array(members));
        }
        (None, _) => {}
    }
    made
}

/// The name under which an extension holds a value of this type in both versions; text stands for primitive types
/// that one of them lacks (integer64).
fn holder(walk: &Walk<'_>, type_name: &str) -> Option<String> {
    if walk.plan.is_extension_value(type_name) {
        Some(value_name(type_name))
    } else if crate::fhir::elements::is_primitive(type_name) {
        Some("valueString".to_owned())
    } else {
        None
    }
}

/// The members of an object of the source as nested extensions, all but one.
fn encode_members(walk: &mut Walk<'_>, type_name: &str, object: &Object, but: Option<&str>) -> Vec<Value> {
    let Some(table) = walk.plan.source.type_(type_name) else {
        return Vec::new();
    };
    let mut members = Vec::new();
    for (key, value) in object {
        let name = key.strip_prefix('_').unwrap_or(key);
        let below = name.len() < key.len();
        if but == Some(name) || (below && object.contains_key(name)) {
            continue;
        }
        if LISTS.contains(&name) {
            members.extend(encode_list(walk, name.to_owned(), value));
            continue;
        }
        let Some(element) = table.get(name) else { continue };
        let beside = object.get(&underscored(name));
        let (value, beside) = if below {
            (None, Some(value))
        } else {
            (Some(value), beside)
        };
        for item in items(value, beside) {
            members.push(encode_element(walk, "", name, element, item));
        }
    }
    in_order(&mut members, "", table);
    members
}

/// A list of extensions as one extension that holds them.
pub(super) fn encode_list(walk: &mut Walk<'_>, url: String, list: &Value) -> Option<Value> {
    let list = list.as_array()?.iter().map(|e| walk.extension(e)).collect();
    Some(nested(url, list))
}

/// The way back.
pub(super) fn decode_list(walk: &mut Walk<'_>, extension: &Object) -> Option<Value> {
    let list = extension.get("extension")?.as_array()?;
    Some(Value::Array(list.iter().map(|e| walk.extension(e)).collect()))
}

/// Carriers stand in the order of the definition, so that the order of an object's members (which means nothing) does
/// not become the order of a list. Items of one element keep theirs.
pub(super) fn in_order(carriers: &mut [Value], base: &str, table: &TypeTable) {
    if carriers.len() > 1 {
        carriers.sort_by_cached_key(|carrier| {
            let url = carrier.get("url").and_then(Value::as_str).unwrap_or_default();
            let name = url.strip_prefix(base);
            table
                .iter()
                .position(|(n, e)| Some(n) == name || e.choice.is_some() && e.choice.as_deref() == name)
        });
    }
}

/// The element of the target that an extension of this name holds, among those that may come back.
pub(super) fn named(pair: &Pair, name: &str, extension: &Object) -> Option<(&'static str, &'static Element)> {
    let find = |name: &str| pair.restorable.get_key_value(name).map(|(n, e)| (*n, *e));
    find(name).or_else(|| find(&of_choice(name, extension)?))
}

/// `deceased` and a `valueBoolean` → `deceasedBoolean`.
fn of_choice(stem: &str, extension: &Object) -> Option<String> {
    let kind = extension
        .keys()
        .find_map(|key| key.strip_prefix('_').unwrap_or(key).strip_prefix("value"))?;
    Some(format!("{stem}{kind}"))
}

/// The way back: one item of an element of the target, from its carrier.
pub(super) fn decode(walk: &mut Walk<'_>, element: &Element, extension: &Object) -> Option<Made> {
    let Some(name) = holder(walk, &element.type_name) else {
        return Some((
            Some(Value::Object(decode_members(walk, &element.type_name, extension)?)),
            None,
        ));
    };
    if extension.contains_key("id") || extension.contains_key("extension") {
        return None;
    }
    let value = match (
        extension.get(&name),
        walk.plan.pair(&element.type_name, &element.type_name),
    ) {
        (Some(Value::Object(object)), Some(pair)) => Some(Value::Object(walk.object(pair, object))),
        (value, _) => value.cloned(),
    };
    let beside = extension.get(&format!("_{name}")).map(|b| walk.beside(b));
    (value.is_some() || beside.is_some()).then_some((value, beside))
}

/// An object of the target from nested extensions; nothing when one of them names no member.
pub(super) fn decode_members(walk: &mut Walk<'_>, type_name: &str, extension: &Object) -> Option<Object> {
    let table: &TypeTable = walk.plan.target.type_(type_name)?;
    let mut made = Object::new();
    for nested in extension.get("extension")?.as_array()? {
        let nested = nested.as_object()?;
        let name = nested.get("url")?.as_str()?;
        if LISTS.contains(&name) {
            made.insert(name.to_owned(), decode_list(walk, nested)?);
            continue;
        }
        let of_choice = if table.get(name).is_none() {
            of_choice(name, nested)
        } else {
            None
        };
        let name = of_choice.as_deref().unwrap_or(name);
        let element = table.get(name)?;
        let item = decode(walk, element, nested)?;
        put(&mut made, name, element.many, vec![item]);
    }
    Some(made)
}

/// An extension of the source as one of the target (design, conversion b).
pub(super) fn extension(walk: &mut Walk<'_>, source: &Object) -> Object {
    let plan = walk.plan;
    let (Some(mine), Some(theirs)) = (plan.source.type_("Extension"), plan.target.type_("Extension")) else {
        return source.clone();
    };
    if source.get("url").and_then(Value::as_str).is_none_or(ours) {
        walk.doubt();
    }
    let mut made = Object::with_capacity(source.len());
    let mut foreign: Option<(&str, &Element)> = None;
    for (key, value) in source {
        if key == "extension" {
            match value {
                Value::Array(list) => {
                    if let Some((name, value)) = foreign_value(walk, source, list) {
                        put(&mut made, &name, false, vec![value]);
                    } else {
                        let list = list.iter().map(|e| walk.extension(e)).collect();
                        made.insert(key.clone(), Value::Array(list));
                    }
                }
                other => {
                    made.insert(key.clone(), other.clone());
                }
            }
            continue;
        }
        let name = key.strip_prefix('_').unwrap_or(key);
        let Some(element) = name.strip_prefix("value").and_then(|_| mine.get(name)) else {
            // A value that only the other version has is none here, though the way back will know it.
            walk.sure &= mine.get(name).is_some();
            made.insert(key.clone(), value.clone());
            continue;
        };
        if theirs.get(name).is_none() {
            foreign = Some((name, element));
        } else if name.len() < key.len() {
            let beside = walk.beside(value);
            made.insert(key.clone(), beside);
        } else {
            let value = match (value, plan.pair(&element.type_name, &element.type_name)) {
                (Value::Object(object), Some(pair)) => Value::Object(walk.silently(|walk| walk.object(pair, object))),
                _ => value.clone(),
            };
            made.insert(key.clone(), value);
        }
    }
    if let Some((name, element)) = foreign {
        walk.doubt();
        let item = (source.get(name), source.get(&underscored(name)));
        let url = format!("{}{}", plan.source_base, element.type_name);
        let child = walk.silently(|walk| encode(walk, url, &element.type_name, item));
        append_extensions(&mut made, vec![Value::Object(child)]);
    }
    made
}

/// Extensions that the conversion itself writes and reads.
fn ours(url: &str) -> bool {
    url.starts_with(R4_EXTENSION)
        || url.starts_with(R5_EXTENSION)
        || [super::ORIGINAL_R4, super::ORIGINAL_R5].contains(&url)
}

/// A value whose type only the target has, from the one child that carries it.
fn foreign_value(walk: &mut Walk<'_>, source: &Object, list: &[Value]) -> Option<(String, Made)> {
    let [Value::Object(child)] = list else { return None };
    if source.keys().any(|key| key.contains("value")) {
        return None;
    }
    let type_name = child.get("url")?.as_str()?.strip_prefix(walk.plan.target_base)?;
    let name = value_name(type_name);
    let extension = |tables: &'static crate::fhir::elements::Tables| tables.type_("Extension")?.get(&name);
    let element = extension(walk.plan.target).filter(|e| e.type_name == type_name)?;
    if extension(walk.plan.source).is_some() {
        return None;
    }
    let made = walk.silently(|walk| decode(walk, element, child));
    Some((name, made?))
}

/// The last extension of an object, when it has this url; and the object without it.
pub(super) fn without_last<'v>(object: &'v Object, url: &str) -> Option<(Object, &'v Object)> {
    let list = object.get("extension")?.as_array()?;
    let last = list.last()?.as_object()?;
    if last.get("url")?.as_str()? != url {
        return None;
    }
    let mut rest = object.clone();
    if list.len() == 1 {
        rest.shift_remove("extension");
    } else if let Some(Value::Array(list)) = rest.get_mut("extension") {
        list.pop();
    }
    Some((rest, last))
}

/// What of an object finds no place in the value that stands for it: all members but one, as one extension.
pub(super) fn remainder(
    walk: &mut Walk<'_>,
    type_name: &str,
    object: &Object,
    member: &str,
    url: String,
) -> Option<Value> {
    let members = walk.silently(|walk| encode_members(walk, type_name, object, Some(member)));
    if members.is_empty() {
        return None;
    }
    Some(nested(url, members))
}

/// The way back: the members from that extension, and the holder without it.
pub(super) fn reopened(
    walk: &mut Walk<'_>,
    type_name: &str,
    holder: Option<&Value>,
    url: &str,
) -> Option<(Object, Object)> {
    let (rest, extension) = without_last(holder?.as_object()?, url)?;
    let members = walk.silently(|walk| decode_members(walk, type_name, extension));
    Some((members?, rest))
}

/// Adds the extension to a value: to the object itself, or beside a primitive.
pub(super) fn add_remainder((mut value, mut beside): Made, primitive: bool, extension: Option<Value>) -> Made {
    if let Some(extension) = extension {
        let holder = if primitive { &mut beside } else { &mut value };
        if !matches!(holder, Some(Value::Object(_))) {
            *holder = Some(Value::Object(Object::new()));
        }
        if let Some(Value::Object(holder)) = holder {
            append_extensions(holder, vec![extension]);
        }
    }
    (value, beside)
}

/// The nested extension that keeps the order of a list: one word per item.
const ORDER: &str = "order";

/// The extension that keeps the order of a list that became several.
pub(super) fn order_extension(url: String, words: &[impl AsRef<str>]) -> Value {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let mut order = Object::new();
    order.insert("url".to_owned(), ORDER.into());
    order.insert("valueString".to_owned(), words.join(" ").into());
    nested(url, vec![Value::Object(order)])
}

/// An extension of extensions.
pub(super) fn nested(url: String, members: Vec<Value>) -> Value {
    let mut extension = Object::new();
    extension.insert("url".to_owned(), Value::String(url));
    extension.insert("extension".to_owned(), Value::Array(members));
    Value::Object(extension)
}

fn order_of(extension: &Object) -> Option<&str> {
    let [Value::Object(only)] = extension.get("extension")?.as_array()?.as_slice() else {
        return None;
    };
    if only.get("url")?.as_str()? != ORDER {
        return None;
    }
    only.get("valueString")?.as_str()
}

/// The order kept for an element of the target, and the other carriers for it.
pub(super) fn take_order<'s>(part: &mut Part<'s>, name: &str) -> (Vec<&'s str>, Vec<&'s Object>) {
    let (order, rest): (Vec<&Object>, Vec<&Object>) = part
        .take_restored(name)
        .into_iter()
        .partition(|extension| order_of(extension).is_some());
    (
        order
            .first()
            .and_then(|e| order_of(e))
            .map_or(Vec::new(), |o| o.split(' ').collect()),
        rest,
    )
}

/// All members of an object but some, as one extension; nothing when there are none.
pub(super) fn encode_rest(
    walk: &mut Walk<'_>,
    type_name: &str,
    object: &Object,
    but: &[&str],
    url: String,
) -> Option<Value> {
    let rest: Object = object
        .iter()
        .filter(|(key, _)| !but.contains(&key.strip_prefix('_').unwrap_or(key)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let members = walk.silently(|walk| encode_members(walk, type_name, &rest, None));
    (!members.is_empty()).then(|| nested(url, members))
}
