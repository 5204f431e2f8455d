//! Condition: clinicalStatus where the two versions demand the opposite, and recorder/asserter ↔ participant.

use serde_json::{Value, json};

use super::carrier::{self, order_extension, remainder, reopened, take_order};
use super::engine::Walk;
use super::part::Part;
use super::special::Special;
use super::values::{Made, Object, absent, is_filling, part_url, put, underscored};

/// R5 demands a clinicalStatus always (and knows `unknown`); R4 forbids it when the condition was entered in error
/// (con-5) and binds abatement to it (con-4). What R4 may not say stands in carriers.
pub(super) static CONDITION_STATUS: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &[
        "clinicalStatus",
        "abatementAge",
        "abatementDateTime",
        "abatementPeriod",
        "abatementRange",
        "abatementString",
    ],
    says: true,
    up: |walk, part| walk.sure &= !r4_may_not_say(part.source),
    down: status_down,
};

fn codes(concept: Option<&Value>) -> impl Iterator<Item = &str> {
    let codings = concept.and_then(|c| c.get("coding")).and_then(Value::as_array);
    codings
        .into_iter()
        .flatten()
        .filter_map(|coding| coding.get("code")?.as_str())
}

/// The status of a condition entered in error, or one that R4 has no code for.
fn r4_may_not_say(condition: &Object) -> bool {
    let status = condition.get("clinicalStatus");
    let in_error = codes(condition.get("verificationStatus")).any(|code| code == "entered-in-error");
    let in_r4 = |code| ["active", "recurrence", "relapse", "inactive", "remission", "resolved"].contains(&code);
    let unknown = status.is_some() && !is_filling(status, None) && !codes(status).any(in_r4);
    in_error || unknown
}

fn status_down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    if !r4_may_not_say(part.source) {
        return;
    }
    for name in CONDITION_STATUS.may_be_carried {
        let there = part.out.shift_remove(*name);
        let below = part.out.shift_remove(&underscored(name));
        if there.is_some() || below.is_some() {
            walk.carry_all(part, name);
        }
    }
}

/// R4 recorder and asserter ↔ R5 participants whose function is author and informant (as HL7's converters have it).
pub(super) static CONDITION_PARTICIPANT: Special = Special {
    r4: &["recorder", "asserter"],
    r5: &["participant"],
    may_be_carried: &[],
    says: false,
    up: participant_up,
    down: participant_down,
};

const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";

/// Word of the kept order, R4 element, function code and its display.
const FUNCTIONS: [(&str, &str, &str, &str); 2] = [
    ("r", "recorder", "author", "Author"),
    ("a", "asserter", "informant", "Informant"),
];

fn function(code: &str, display: &str) -> Value {
    json!({"coding": [{"system": SYSTEM, "code": code, "display": display}]})
}

fn participant_up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let (words, rest) = take_order(part, "participant");
    let mut made: Vec<Made> = Vec::new();
    let mut rest = rest.into_iter();
    let given = FUNCTIONS
        .iter()
        .filter(|(_, name, ..)| part.source.contains_key(*name))
        .count();
    let holds = words.len() == given + rest.len()
        && FUNCTIONS
            .iter()
            .all(|(word, name, ..)| words.contains(word) == part.source.contains_key(*name));
    let words = if holds {
        words
    } else {
        FUNCTIONS.iter().map(|(word, ..)| *word).collect()
    };
    let element = walk.plan.target.type_("Condition").and_then(|t| t.get("participant"));
    for word in words {
        match FUNCTIONS.iter().find(|(w, ..)| *w == word) {
            Some((_, name, code, display)) => {
                if let Some(value) = part.source.get(*name) {
                    walk.trail.note(&format!("participant[{}].actor", made.len()), name);
                    walk.trail.note(&format!("participant[{}]", made.len()), name);
                    made.push((
                        Some(Value::Object(participant(
                            walk,
                            part,
                            name,
                            value,
                            function(code, display),
                        ))),
                        None,
                    ));
                }
            }
            None => {
                if let Some(extension) = rest.next() {
                    restore(walk, part, element, extension, &mut made);
                }
            }
        }
    }
    for extension in rest {
        restore(walk, part, element, extension, &mut made);
    }
    put(&mut part.out, "participant", true, made);
}

fn restore(
    walk: &mut Walk<'_>,
    part: &mut Part<'_>,
    element: Option<&crate::fhir::elements::Element>,
    extension: &Object,
    made: &mut Vec<Made>,
) {
    match element.and_then(|element| carrier::decode(walk, element, extension)) {
        Some(item) => made.push(item),
        None => walk.keep(part, extension),
    }
}

fn participant(walk: &mut Walk<'_>, part: &Part<'_>, name: &str, actor: &Value, function: Value) -> Object {
    let url = part_url(&part.pair.restore, "participant");
    let (mut made, rest) = match reopened(walk, "Condition.participant", Some(actor), &url) {
        Some((members, rest)) => (members, Some(Value::Object(rest))),
        None => (Object::new(), None),
    };
    made.entry("function").or_insert(function);
    let targets = walk.plan.targets("Condition.participant", "actor");
    let carrier = part_url(&part.pair.carrier, name);
    let actor = walk.reference_to(rest.as_ref().unwrap_or(actor), targets, [&carrier, &url]);
    made.insert("actor".to_owned(), actor);
    made
}

fn participant_down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let items = part.items("participant");
    let has = |value: Option<&Value>, code: &str| {
        let function = value.and_then(|v| v.get("function"));
        value.is_some_and(|v| v.get("actor").is_some()) && codes(function).any(|c| c == code)
    };
    let mut places: Vec<Option<usize>> = vec![None; items.len()];
    for (which, (_, _, code, _)) in FUNCTIONS.iter().enumerate() {
        let found = (0..items.len()).find(|at| places[*at].is_none() && has(items[*at].0, code));
        if let Some(at) = found {
            places[at] = Some(which);
        }
    }
    let mut words: Vec<&str> = Vec::with_capacity(items.len());
    let Some(step) = part.pair.steps.get("participant") else {
        return;
    };
    let mut rest = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let (Some(which), Some(Value::Object(object))) = (places[at], item.0) else {
            rest.push(walk.carry(part.pair, step, item));
            words.push("p");
            continue;
        };
        let (word, name, code, display) = FUNCTIONS[which];
        words.push(word);
        walk.trail.note(name, &format!("participant[{at}].actor"));
        let mut others = object.clone();
        if others.get("function") == Some(&function(code, display)) {
            others.shift_remove("function");
        }
        let url = part_url(&part.pair.carrier, "participant");
        let kept = remainder(walk, "Condition.participant", &others, "actor", url.clone());
        let actor = object.get("actor").map(|actor| {
            let targets = walk.plan.targets("Condition", name);
            walk.reference_to(actor, targets, [&url, &part_url(&part.pair.restore, name)])
        });
        let made = carrier::add_remainder((actor, None), false, kept);
        put(&mut part.out, name, false, vec![made]);
    }
    let natural: Vec<&str> = {
        let mut sorted = words.clone();
        sorted.sort_by_key(|word| ["r", "a", "p"].iter().position(|w| w == word));
        sorted
    };
    if words != natural {
        part.carried
            .push(order_extension(part_url(&part.pair.carrier, "participant"), &words));
    }
    part.carried.extend(rest);
}

/// Condition.evidence: R4 demands a code or a detail (con-2), R5's CodeableReference may have neither.
pub(super) static EVIDENCE: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &[],
    says: false,
    up: |walk, part| {
        if is_filling(part.source.get("code"), None) {
            part.out.shift_remove("concept");
        }
        walk.sure &= part.source.contains_key("code") || part.source.contains_key("detail");
    },
    down: |walk, part| {
        if !part.out.contains_key("code") && !part.out.contains_key("detail") {
            walk.doubt();
            part.out
                .insert("code".to_owned(), Value::Array(vec![Value::Object(absent())]));
        }
    },
};
