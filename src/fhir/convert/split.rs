//! One list of R4 that R5 has divided in two. What the value itself tells decides; a list of another order, or a value
//! in the other list than it tells, leaves the order in an extension.

use serde_json::Value;

use super::carrier::{order_extension, take_order};
use super::engine::Walk;
use super::part::Part;
use super::values::{Object, part_url};

pub(super) struct Split {
    pub r4: &'static str,
    pub r5: [&'static str; 2],
    /// The type of the values, in both versions.
    pub type_name: &'static str,
    /// Which of the two lists an R4 value belongs to; the outermost resource tells what is contained.
    pub which: fn(&Object, &Value) -> usize,
}

/// The words of the kept order, by list.
const WORDS: [&str; 2] = ["1", "2"];

fn values<'s>(part: &Part<'s>, name: &str) -> Vec<&'s Value> {
    part.items(name).into_iter().filter_map(|(value, _)| value).collect()
}

/// The kept order, when it is one of a list of so many of each.
fn kept(walk: &mut Walk<'_>, part: &mut Part<'_>, name: &str, holds: impl Fn(&[usize]) -> bool) -> Option<Vec<usize>> {
    let (words, rest) = take_order(part, name);
    for extension in rest {
        walk.keep(part, extension);
    }
    let order: Option<Vec<usize>> = words
        .iter()
        .map(|word| WORDS.iter().position(|known| known == word))
        .collect();
    order.filter(|order| !order.is_empty() && holds(order))
}

fn order(part: &mut Part<'_>, name: &str, order: &[usize]) {
    let words: Vec<&str> = order.iter().map(|which| WORDS[*which]).collect();
    part.carried
        .push(order_extension(part_url(&part.pair.carrier, name), &words));
}

fn convert(walk: &mut Walk<'_>, part: &Part<'_>, split: &Split, source: &str, target: &str, value: &Value) -> Value {
    if split.type_name == "Reference" {
        walk.reference_in(part, source, target, value)
    } else {
        walk.convert(split.type_name, value)
    }
}

pub(super) fn up(walk: &mut Walk<'_>, part: &mut Part<'_>, split: &Split) {
    let list = values(part, split.r4);
    let kept = kept(walk, part, split.r5[0], |order| order.len() == list.len());
    let places = kept.unwrap_or_else(|| list.iter().map(|value| (split.which)(walk.root, value)).collect());
    let mut made: [Vec<Value>; 2] = [Vec::new(), Vec::new()];
    for (at, (value, which)) in list.into_iter().zip(&places).enumerate() {
        let name = split.r5[*which];
        walk.trail.note(
            &format!("{name}[{}]", made[*which].len()),
            &format!("{}[{at}]", split.r4),
        );
        let value = convert(walk, part, split, split.r4, name, value);
        made[*which].push(value);
    }
    if !places.is_sorted() {
        order(part, split.r4, &places);
    }
    for (name, list) in split.r5.iter().zip(made) {
        if !list.is_empty() {
            part.out.insert((*name).to_owned(), Value::Array(list));
        }
    }
    for extension in part.take_restored(split.r5[1]) {
        walk.keep(part, extension);
    }
}

pub(super) fn down(walk: &mut Walk<'_>, part: &mut Part<'_>, split: &Split) {
    let lists = split.r5.map(|name| values(part, name));
    let counts = [lists[0].len(), lists[1].len()];
    let count = |order: &[usize], which: usize| order.iter().filter(|w| **w == which).count();
    let kept = kept(walk, part, split.r4, |order| {
        [count(order, 0), count(order, 1)] == counts
    });
    let places = kept.unwrap_or_else(|| [vec![0; counts[0]], vec![1; counts[1]]].concat());
    let mut made: Vec<Value> = Vec::with_capacity(places.len());
    let mut next = [0, 0];
    for which in &places {
        let (name, at) = (split.r5[*which], next[*which]);
        walk.trail
            .note(&format!("{}[{}]", split.r4, made.len()), &format!("{name}[{at}]"));
        let value = convert(walk, part, split, name, split.r4, lists[*which][at]);
        made.push(value);
        next[*which] += 1;
    }
    let told = made.iter().map(|value| (split.which)(walk.root, value));
    if !told.eq(places.iter().copied()) {
        order(part, split.r5[0], &places);
    }
    if !made.is_empty() {
        part.out.insert(split.r4.to_owned(), Value::Array(made));
    }
}
