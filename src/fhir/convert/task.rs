//! Task.restriction: R5 allows it only on a Task that seeks fulfilment (tsk-1) and has `requestedPeriod` for what R4
//! says by `restriction.period`.

use serde_json::Value;

use super::carrier::{self, encode_rest};
use super::engine::Walk;
use super::part::Part;
use super::special::Special;
use super::values::{Object, part_url};

pub(super) static TASK_RESTRICTION: Special = Special {
    r4: &["restriction"],
    r5: &["restriction", "requestedPeriod"],
    may_be_carried: &[],
    says: false,
    up,
    down,
};

/// tsk-1 of R5.
fn seeks_fulfilment(task: &Object) -> bool {
    let codings = task.get("code").and_then(|c| c.get("coding")).and_then(Value::as_array);
    task.contains_key("focus")
        && codings.into_iter().flatten().any(|coding| {
            let is = |name: &str, value: &str| coding.get(name).and_then(Value::as_str) == Some(value);
            is("code", "fulfill") && is("system", "http://hl7.org/fhir/CodeSystem/task-code")
        })
}

fn straight(walk: &mut Walk<'_>, part: &mut Part<'_>, restriction: &Object) {
    if let Some(pair) = walk.plan.pair("Task.restriction", "Task.restriction") {
        let made = walk.object(pair, restriction);
        part.out.insert("restriction".to_owned(), Value::Object(made));
    }
}

fn up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let Some(Value::Object(restriction)) = part.source.get("restriction") else {
        return;
    };
    if seeks_fulfilment(part.source) {
        return straight(walk, part, restriction);
    }
    if let Some(period) = restriction.get("period") {
        walk.trail.note("requestedPeriod", "restriction.period");
        let period = walk.convert("Period", period);
        part.out.insert("requestedPeriod".to_owned(), period);
    }
    let url = part_url(&part.pair.carrier, "restriction");
    part.carried
        .extend(encode_rest(walk, "Task.restriction", restriction, &["period"], url));
}

fn down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    if let Some(Value::Object(restriction)) = part.source.get("restriction") {
        straight(walk, part, restriction);
        return walk.carry_all(part, "requestedPeriod");
    }
    if seeks_fulfilment(part.source) {
        return walk.carry_all(part, "requestedPeriod");
    }
    let mut made = Object::new();
    for extension in part.take_restored("restriction") {
        match carrier::decode_members(walk, "Task.restriction", extension) {
            Some(members) => made.extend(members),
            None => walk.keep(part, extension),
        }
    }
    if let Some(period) = part.source.get("requestedPeriod") {
        walk.trail.note("restriction.period", "requestedPeriod");
        made.insert("period".to_owned(), walk.convert("Period", period));
    }
    if !made.is_empty() {
        part.out.insert("restriction".to_owned(), Value::Object(made));
    }
}
