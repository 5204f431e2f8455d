//! R4 lists of codes and of references ↔ R5 lists of CodeableReference (design, conversion c): codes come first, then
//! references. An R5 list of another order, or with code and reference in one item, leaves its order in an extension.

use serde_json::Value;

use super::carrier::{add_remainder, decode, order_extension, remainder, reopened, take_order};
use super::engine::Walk;
use super::part::Part;
use super::plan::{Direction, Merge};
use super::values::{Item, Made, Object, indexed, is_filling, part_url, put};
use crate::fhir::elements::Element;

pub(super) fn merge(walk: &mut Walk<'_>, part: &mut Part<'_>, merge: &Merge) {
    let given = |name: &str| part.source.contains_key(name);
    if part.restored.is_empty() && !given(merge.code) && !given(merge.reference) && !given(merge.r5) {
        return;
    }
    walk.doubt();
    match (walk.plan.direction, merge.choice) {
        (Direction::Up, false) => up(walk, part, merge),
        (Direction::Down, false) => down(walk, part, merge),
        (Direction::Up, true) => choice_up(walk, part, merge),
        (Direction::Down, true) => choice_down(walk, part, merge),
    }
}

/// A concept as it is in the other version.
fn concept(walk: &mut Walk<'_>, value: &Value) -> Value {
    walk.convert("CodeableConcept", value)
}

/// A code as CodeableReference; what R4 kept beside it comes back.
fn from_code(walk: &mut Walk<'_>, part: &Part<'_>, merge: &Merge, value: &Value) -> Value {
    let url = part_url(&part.pair.restore, merge.r5);
    let made = match reopened(walk, "CodeableReference", Some(value), &url) {
        None => single("concept", concept(walk, value)),
        Some((mut members, rest)) => {
            if !rest.is_empty() {
                let rest = concept(walk, &Value::Object(rest));
                members.insert("concept".to_owned(), rest);
            }
            members
        }
    };
    Value::Object(made)
}

fn from_reference(walk: &mut Walk<'_>, part: &Part<'_>, merge: &Merge, value: &Value) -> Value {
    let url = part_url(&part.pair.restore, merge.r5);
    let (mut members, rest) = match reopened(walk, "CodeableReference", Some(value), &url) {
        Some((members, rest)) => (members, Some(Value::Object(rest))),
        None => (Object::new(), None),
    };
    let made = walk.reference_in(part, merge.reference, merge.r5, rest.as_ref().unwrap_or(value));
    members.insert("reference".to_owned(), made);
    Value::Object(members)
}

fn single(name: &str, value: Value) -> Object {
    let mut object = Object::new();
    object.insert(name.to_owned(), value);
    object
}

pub(super) fn up(walk: &mut Walk<'_>, part: &mut Part<'_>, merge: &Merge) {
    let not_filled = |item: &Item<'_>| !is_filling(item.0, item.1);
    let values = |part: &Part<'_>, name: &str| -> Vec<Value> {
        part.items(name)
            .into_iter()
            .filter(not_filled)
            .filter_map(|(value, _)| value.cloned())
            .collect()
    };
    let (codes, references) = (values(part, merge.code), values(part, merge.reference));
    let (words, rest) = take_order(part, merge.r5);
    if codes.is_empty() && references.is_empty() && rest.is_empty() && words.is_empty() {
        return;
    }
    let count = |letters: [&str; 2]| words.iter().filter(|w| letters.contains(*w)).count();
    let holds = count(["c", "b"]) == codes.len() && count(["r", "b"]) == references.len();
    let words: Vec<&str> = if holds && !words.is_empty() {
        words
    } else {
        std::iter::repeat_n("c", codes.len())
            .chain(std::iter::repeat_n("r", references.len()))
            .collect()
    };
    let many = |name: &str| part.pair.steps.get(name).is_some_and(|s| s.element.many);
    let (many_codes, many_references) = (many(merge.code), many(merge.reference));

    let mut made: Vec<Made> = Vec::with_capacity(words.len());
    let (mut code_at, mut reference_at) = (0, 0);
    for word in words {
        let mut item = Object::new();
        let target = format!("{}[{}]", merge.r5, made.len());
        if word != "r"
            && let Some(value) = codes.get(code_at)
        {
            if let Value::Object(object) = from_code(walk, part, merge, value) {
                item = object;
            }
            let source = indexed(merge.code, many_codes, code_at);
            walk.trail.note(&target, &source);
            walk.trail.note(&format!("{target}.concept"), &source);
            code_at += 1;
        }
        if word != "c"
            && let Some(value) = references.get(reference_at)
        {
            let value = walk.reference_in(part, merge.reference, merge.r5, value);
            item.insert("reference".to_owned(), value);
            let source = indexed(merge.reference, many_references, reference_at);
            if word == "r" {
                walk.trail.note(&target, &source);
            }
            walk.trail.note(&format!("{target}.reference"), &source);
            reference_at += 1;
        }
        made.push((Some(Value::Object(item)), None));
    }
    let element: Option<&Element> = walk.plan.target.type_(part.pair.target).and_then(|t| t.get(merge.r5));
    for extension in rest {
        match element.and_then(|element| decode(walk, element, extension)) {
            Some(item) => made.push(item),
            None => walk.keep(part, extension),
        }
    }
    put(&mut part.out, merge.r5, true, made);
}

pub(super) fn down(walk: &mut Walk<'_>, part: &mut Part<'_>, merge: &Merge) {
    let Some(step) = part.pair.steps.get(merge.r5) else {
        return;
    };
    let Some(table) = walk.plan.target.type_(part.pair.target) else {
        return;
    };
    let many = |name: &str| table.get(name).is_some_and(|e| e.many);
    let (many_codes, many_references) = (many(merge.code), many(merge.reference));
    let (mut codes, mut references): (Vec<Made>, Vec<Made>) = (Vec::new(), Vec::new());
    let mut words: Vec<&str> = Vec::new();
    let mut full = false;
    for item in part.items(merge.r5) {
        let Some(Value::Object(object)) = item.0 else { continue };
        let (code, target) = (object.get("concept"), object.get("reference"));
        let plain = object.keys().all(|key| key == "concept" || key == "reference");
        let word = match (code, target) {
            (Some(_), Some(_)) if plain => "b",
            (None, Some(_)) if plain => "r",
            _ => "c",
        };
        full |= word != "r" && !many_codes && !codes.is_empty();
        full |= word != "c" && !many_references && !references.is_empty();
        if full {
            let carried = walk.carry(part.pair, step, item);
            part.carried.push(carried);
            continue;
        }
        let from = format!("{}[{}]", merge.r5, words.len());
        if word == "c" {
            let value = code.map(|code| concept(walk, code));
            let url = part_url(&part.pair.carrier, merge.r5);
            let rest = remainder(walk, "CodeableReference", object, "concept", url);
            walk.trail.note(
                &indexed(merge.code, many_codes, codes.len()),
                &format!("{from}.concept"),
            );
            codes.push(add_remainder((value, None), false, rest));
        } else {
            if let Some(code) = code {
                walk.trail.note(
                    &indexed(merge.code, many_codes, codes.len()),
                    &format!("{from}.concept"),
                );
                codes.push((Some(concept(walk, code)), None));
            }
            if let Some(target) = target {
                walk.trail.note(
                    &indexed(merge.reference, many_references, references.len()),
                    &format!("{from}.reference"),
                );
                references.push((Some(walk.reference_in(part, merge.r5, merge.reference, target)), None));
            }
        }
        words.push(word);
    }
    let in_order = words.iter().all(|w| *w != "b") && words.is_sorted();
    if !in_order {
        part.carried
            .push(order_extension(part_url(&part.pair.carrier, merge.r5), &words));
    }
    put(&mut part.out, merge.code, many_codes, codes);
    put(&mut part.out, merge.reference, many_references, references);
    for name in [merge.code, merge.reference] {
        restore_rest(walk, part, name);
    }
}

/// Nothing of R4's own is kept in R5 for these names; what pretends to be stays an extension.
fn restore_rest(walk: &mut Walk<'_>, part: &mut Part<'_>, name: &str) {
    for extension in part.take_restored(name) {
        walk.keep(part, extension);
    }
}

fn choice_up(walk: &mut Walk<'_>, part: &mut Part<'_>, merge: &Merge) {
    let not_filled = |value: &&Value| !is_filling(Some(value), None);
    let made = if let Some(value) = part.source.get(merge.code).filter(not_filled) {
        walk.trail.note(&format!("{}.concept", merge.r5), merge.code);
        walk.trail.note(merge.r5, merge.code);
        from_code(walk, part, merge, value)
    } else if let Some(value) = part.source.get(merge.reference).filter(not_filled) {
        walk.trail.note(&format!("{}.reference", merge.r5), merge.reference);
        walk.trail.note(merge.r5, merge.reference);
        from_reference(walk, part, merge, value)
    } else {
        return;
    };
    part.out.insert(merge.r5.to_owned(), made);
}

fn choice_down(walk: &mut Walk<'_>, part: &mut Part<'_>, merge: &Merge) {
    let Some(Value::Object(object)) = part.source.get(merge.r5).filter(|v| !is_filling(Some(v), None)) else {
        return;
    };
    let url = part_url(&part.pair.carrier, merge.r5);
    let (name, value, member) = match (object.get("concept"), object.get("reference")) {
        (None, Some(target)) => (
            merge.reference,
            Some(walk.reference_in(part, merge.r5, merge.reference, target)),
            "reference",
        ),
        (code, _) => (merge.code, code.map(|code| concept(walk, code)), "concept"),
    };
    walk.trail.note(name, &format!("{}.{member}", merge.r5));
    let rest = remainder(walk, "CodeableReference", object, member, url);
    let made = add_remainder((value, None), false, rest);
    put(&mut part.out, name, false, vec![made]);
}
