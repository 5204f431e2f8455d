//! Encounter: what R4 says by the status and R5 by two elements, reasons on two levels, and what R4 gathers under
//! `hospitalization`.

use serde_json::{Value, json};

use super::carrier::{self, encode_rest, nested};
use super::codeable_reference;
use super::engine::Walk;
use super::part::Part;
use super::plan::Merge;
use super::special::Special;
use super::values::{Object, absent, has, is_filling, part_url};

/// R4 status arrived and triaged ↔ R5 status in-progress and the subjectStatus of that name.
pub(super) static SUBJECT_STATUS: Special = Special {
    r4: &[],
    r5: &["subjectStatus"],
    may_be_carried: &[],
    says: true,
    up: status_up,
    down: status_down,
};

const STATUS_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/encounter-subject-status";
const TOLD_BY_STATUS: [&str; 2] = ["arrived", "triaged"];

fn subject_status(code: &str) -> Value {
    json!({"coding": [{"system": STATUS_SYSTEM, "code": code}]})
}

/// The status of R4 that a subjectStatus tells.
fn told(concept: &Value) -> Option<&'static str> {
    let codings = concept.get("coding").and_then(Value::as_array);
    let mut codings = codings.into_iter().flatten();
    codings.find_map(|coding| {
        let code = coding
            .get("code")
            .filter(|_| coding.get("system").is_some_and(|s| s == STATUS_SYSTEM))?;
        TOLD_BY_STATUS.into_iter().find(|told| code == *told)
    })
}

fn status_up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let status = part.source.get("status").and_then(Value::as_str);
    let status = TOLD_BY_STATUS.into_iter().find(|told| status == Some(told));
    let element = walk
        .plan
        .target
        .type_("Encounter")
        .and_then(|table| table.get("subjectStatus"));
    let mut kept = None;
    for extension in part.take_restored("subjectStatus") {
        match element.and_then(|element| carrier::decode(walk, element, extension)) {
            // One that tells another status than there is now is out of date.
            Some((Some(concept), _)) if kept.is_none() => kept = Some(concept).filter(|c| told(c) == status),
            _ => walk.keep(part, extension),
        }
    }
    if status.is_some() {
        walk.doubt();
    }
    if let Some(concept) = kept.or_else(|| status.map(subject_status)) {
        part.out.insert("subjectStatus".to_owned(), concept);
    }
}

fn status_down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let Some(concept) = part.source.get("subjectStatus") else {
        return;
    };
    let in_progress = part.source.get("status").is_some_and(|status| status == "in-progress");
    match told(concept).filter(|_| in_progress) {
        Some(status) => {
            walk.doubt();
            walk.trail.note("status", "subjectStatus");
            part.out.insert("status".to_owned(), status.into());
            if *concept != subject_status(status) {
                walk.carry_all(part, "subjectStatus");
            }
        }
        None => walk.carry_all(part, "subjectStatus"),
    }
}

/// R4 reasonCode and reasonReference ↔ R5 reason, each with values: one value in each needs no note; anything else
/// leaves one extension per reason, with how many of the values are its own.
pub(super) static REASON: Special = Special {
    r4: &["reasonCode", "reasonReference"],
    r5: &["reason"],
    may_be_carried: &[],
    says: false,
    up: reason_up,
    down: reason_down,
};

static VALUES: Merge = Merge {
    code: "reasonCode",
    reference: "reasonReference",
    r5: "reason",
    choice: false,
};

fn reason_up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let mut groups: Vec<(Object, usize)> = Vec::new();
    let restored = std::mem::take(&mut part.restored);
    for held in restored {
        match counted(walk, held.2).filter(|_| held.0 == "reason") {
            Some(group) => groups.push(group),
            None => part.restored.push(held),
        }
    }
    // The values as one list first; then by reason. The paths are those of the second step.
    walk.silently(|walk| codeable_reference::up(walk, part, &VALUES));
    let flat = match part.out.shift_remove("reason") {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    // What nobody has counted (a caller added a reason) stands alone.
    groups.extend(std::iter::repeat_n((Object::new(), 1), flat.len()));
    let mut flat = flat.into_iter();
    let mut next = Next::default();
    let mut made: Vec<Value> = Vec::new();
    for (mut reason, count) in groups {
        let values: Vec<Value> = flat.by_ref().take(count).collect();
        for (at, value) in values.iter().enumerate() {
            for (target, source) in next.places(made.len(), at, value) {
                walk.trail.note(&target, &source);
            }
        }
        if !values.is_empty() {
            reason.insert("value".to_owned(), Value::Array(values));
        }
        if !reason.is_empty() {
            made.push(Value::Object(reason));
        }
    }
    if !made.is_empty() {
        part.out.insert("reason".to_owned(), Value::Array(made));
    }
}

/// Counts the codes and references of R4 along the values of R5.
#[derive(Default)]
struct Next {
    codes: usize,
    references: usize,
}

impl Next {
    /// The paths of one value in R5 and in R4.
    fn places(&mut self, reason: usize, at: usize, value: &Value) -> Vec<(String, String)> {
        let r5 = format!("reason[{reason}].value[{at}]");
        let mut places = Vec::new();
        if value.get("concept").is_some() || value.get("reference").is_none() {
            places.push((format!("{r5}.concept"), format!("reasonCode[{}]", self.codes)));
            self.codes += 1;
        }
        if value.get("reference").is_some() {
            places.push((
                format!("{r5}.reference"),
                format!("reasonReference[{}]", self.references),
            ));
            self.references += 1;
        }
        places
    }
}

/// The members of a reason and how many values are its own, from the extension [`reason_down`] makes.
fn counted(walk: &mut Walk<'_>, extension: &Object) -> Option<(Object, usize)> {
    let members = extension.get("extension")?.as_array()?;
    let (count, rest): (Vec<&Value>, Vec<&Value>) = members
        .iter()
        .partition(|member| member.get("url").is_some_and(|url| url == "value"));
    let [count] = count.as_slice() else { return None };
    let count = usize::try_from(count.get("valueUnsignedInt")?.as_u64()?).ok()?;
    let mut holder = Object::new();
    holder.insert("extension".to_owned(), rest.into_iter().cloned().collect());
    let rest = walk.silently(|walk| carrier::decode_members(walk, "Encounter.reason", &holder));
    Some((rest?, count))
}

fn reason_down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let reasons: Vec<&Object> = part
        .items("reason")
        .into_iter()
        .filter_map(|(value, _)| value?.as_object())
        .collect();
    let values = |reason: &Object| match reason.get("value") {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    };
    let plain = reasons
        .iter()
        .all(|reason| reason.len() == 1 && values(reason).len() == 1);
    let mut flat = Vec::new();
    let mut next = Next::default();
    for (index, reason) in reasons.iter().enumerate() {
        let own = values(reason);
        for (at, value) in own.iter().enumerate() {
            for (source, target) in next.places(index, at, value) {
                walk.trail.note(&target, &source);
            }
        }
        if !plain {
            let url = part_url(&part.pair.carrier, "reason");
            let rest = encode_rest(walk, "Encounter.reason", reason, &["value"], String::new());
            let mut members = match rest {
                Some(Value::Object(mut rest)) => rest.shift_remove("extension"),
                _ => None,
            }
            .and_then(|list| list.as_array().cloned())
            .unwrap_or_default();
            members.push(json!({"url": "value", "valueUnsignedInt": own.len()}));
            part.carried.push(nested(url, members));
        }
        flat.extend(own);
    }
    if flat.is_empty() {
        return;
    }
    let mut list = Object::new();
    list.insert("reason".to_owned(), Value::Array(flat));
    let mut values = Part::new(part.pair, &list);
    walk.silently(|walk| codeable_reference::down(walk, &mut values, &VALUES));
    part.out.extend(values.out);
    part.carried.extend(values.carried);
}

/// R4 hospitalization ↔ R5 admission; what the patient wishes for the stay stands beside it in R5.
pub(super) static ADMISSION: Special = Special {
    r4: &["hospitalization"],
    r5: &["admission", "dietPreference", "specialArrangement", "specialCourtesy"],
    may_be_carried: &[],
    says: false,
    up: admission_up,
    down: admission_down,
};

/// Left to [`ADMISSION`].
pub(super) static COURTESIES: Special = Special {
    r4: &WISHES,
    r5: &[],
    may_be_carried: &[],
    says: false,
    up: |_, _| {},
    down: |_, _| {},
};

const WISHES: [&str; 3] = ["dietPreference", "specialArrangement", "specialCourtesy"];
const HOSPITALIZATION: &str = "Encounter.hospitalization";
const ADMISSION_TYPE: &str = "Encounter.admission";

fn admission_up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let Some(Value::Object(source)) = part.source.get("hospitalization") else {
        return;
    };
    if let Some(pair) = walk.plan.pair(HOSPITALIZATION, ADMISSION_TYPE) {
        walk.trail.note("admission", "hospitalization");
        let mut made = walk.object(pair, source);
        if made.len() == 1 && made.contains_key("id") {
            // All that it said stands beside it now, and an id alone is no element (ele-1).
            made.extend(absent());
            walk.doubt();
        }
        if !made.is_empty() {
            part.out.insert("admission".to_owned(), Value::Object(made));
        }
    }
    for name in WISHES {
        if let Some(list) = source.get(name) {
            walk.trail.note(name, &format!("hospitalization.{name}"));
            let list = walk.convert("CodeableConcept", list);
            part.out.insert(name.to_owned(), list);
        }
    }
}

fn admission_down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let mut made = Object::new();
    if let (Some(Value::Object(source)), Some(pair)) = (
        part.source.get("admission"),
        walk.plan.pair(ADMISSION_TYPE, HOSPITALIZATION),
    ) {
        walk.trail.note("hospitalization", "admission");
        made = walk.object(pair, source);
        let wished = WISHES.iter().any(|name| has(part.source, name));
        if wished && is_filled_id(source) {
            made.shift_remove("extension");
            walk.doubt();
        }
    }
    for name in WISHES {
        if let Some(list) = part.source.get(name) {
            walk.trail.note(&format!("hospitalization.{name}"), name);
            let list = walk.convert("CodeableConcept", list);
            made.insert(name.to_owned(), list);
        }
    }
    if !made.is_empty() {
        part.out.insert("hospitalization".to_owned(), Value::Object(made));
    }
}

/// An admission that is there for its id alone, as [`admission_up`] makes it.
fn is_filled_id(admission: &Object) -> bool {
    let mut rest = admission.clone();
    rest.shift_remove("id").is_some() && is_filling(Some(&Value::Object(rest)), None)
}

/// enc-1 of R5: a participant without an actor has a type.
pub(super) static PARTICIPANT_TYPE: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &[],
    says: true,
    up: |walk, part| {
        if !has(&part.out, "type") && !has(&part.out, "actor") {
            walk.doubt();
            part.out
                .insert("type".to_owned(), Value::Array(vec![Value::Object(absent())]));
        }
    },
    down: |walk, part| {
        if has(part.source, "actor") {
            return;
        }
        if is_filling(part.source.get("type"), None) {
            walk.doubt();
            part.out.shift_remove("type");
        }
        walk.sure &= has(part.source, "type");
    },
};
