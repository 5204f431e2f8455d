//! R5 lists of objects whose lists R4 has directly on the resource: contact → telecom, availability → availableTime
//! and notAvailable. One R5 object holding everything needs no note; anything else leaves one extension per object,
//! with how many of the gathered items are its own.

use serde_json::Value;

use super::carrier::{self, nested};
use super::engine::Walk;
use super::part::Part;
use super::special::Special;
use super::values::{Object, part_url};

/// PractitionerRole, HealthcareService, Location: R4 telecom ↔ R5 contact.telecom.
pub(super) static TELECOM: Special = Special {
    r4: &["telecom"],
    r5: &["contact"],
    may_be_carried: &[],
    says: false,
    up: |walk, part| up(walk, part, &CONTACT),
    down: |walk, part| down(walk, part, &CONTACT),
};

/// PractitionerRole, HealthcareService: R4 availableTime and notAvailable ↔ R5 availability.
pub(super) static AVAILABILITY: Special = Special {
    r4: &["availableTime", "notAvailable"],
    r5: &["availability"],
    may_be_carried: &[],
    says: false,
    up: |walk, part| up(walk, part, &TIMES),
    down: |walk, part| down(walk, part, &TIMES),
};

struct Gathered {
    r5: &'static str,
    type_name: &'static str,
    /// Member of the R5 object, R4 element.
    lists: &'static [(&'static str, &'static str)],
}

static CONTACT: Gathered = Gathered {
    r5: "contact",
    type_name: "ExtendedContactDetail",
    lists: &[("telecom", "telecom")],
};
static TIMES: Gathered = Gathered {
    r5: "availability",
    type_name: "Availability",
    lists: &[("availableTime", "availableTime"), ("notAvailableTime", "notAvailable")],
};

/// One item of a list in the other version; its type may have another name there.
fn item(walk: &mut Walk<'_>, source: (&str, &str), target: (&str, &str), value: &Value) -> Value {
    let plan = walk.plan;
    let named = |tables: &'static crate::fhir::elements::Tables, (kind, name): (&str, &str)| {
        tables
            .type_(kind)
            .and_then(|t| t.get(name))
            .map_or("", |e| e.type_name.as_str())
    };
    match (value, plan.pair(named(plan.source, source), named(plan.target, target))) {
        (Value::Object(object), Some(pair)) => Value::Object(walk.object(pair, object)),
        _ => value.clone(),
    }
}

fn up(walk: &mut Walk<'_>, part: &mut Part<'_>, gathered: &Gathered) {
    let kind = part.pair.source;
    let mut lists: Vec<(usize, Vec<&Value>)> = gathered
        .lists
        .iter()
        .map(|(_, name)| (0, part.items(name).into_iter().filter_map(|(v, _)| v).collect()))
        .collect();
    let mut made: Vec<Value> = Vec::new();
    let kept = part.take_restored(gathered.r5);
    let mut parts: Vec<(Object, Vec<usize>)> = Vec::new();
    for extension in kept {
        match counted(walk, gathered, extension) {
            Some(found) => parts.push(found),
            None => walk.keep(part, extension),
        }
    }
    // What nobody has counted (a caller added a number) is one more object.
    parts.push((Object::new(), vec![usize::MAX; gathered.lists.len()]));
    for (mut object, counts) in parts {
        for (which, (member, name)) in gathered.lists.iter().enumerate() {
            let (from, list) = &mut lists[which];
            let take = list.len().saturating_sub(*from).min(counts[which]);
            let mut values = Vec::with_capacity(take);
            for value in &list[*from..*from + take] {
                let target = format!("{}[{}].{member}[{}]", gathered.r5, made.len(), values.len());
                walk.trail.note(&target, &format!("{name}[{}]", *from + values.len()));
                values.push(item(walk, (kind, name), (gathered.type_name, member), value));
            }
            *from += take;
            if !values.is_empty() {
                object.insert((*member).to_owned(), Value::Array(values));
            }
        }
        if !object.is_empty() {
            made.push(Value::Object(object));
        }
    }
    if !made.is_empty() {
        part.out.insert(gathered.r5.to_owned(), Value::Array(made));
    }
}

/// The members of an object and how many of each list are its own, from the extension [`down`] makes.
fn counted(walk: &mut Walk<'_>, gathered: &Gathered, extension: &Object) -> Option<(Object, Vec<usize>)> {
    let mut counts = vec![0; gathered.lists.len()];
    let mut members = Vec::new();
    for nested in extension.get("extension")?.as_array()? {
        let url = nested.get("url")?.as_str()?;
        match gathered.lists.iter().position(|(member, _)| *member == url) {
            Some(which) => counts[which] = usize::try_from(nested.get("valueUnsignedInt")?.as_u64()?).ok()?,
            None => members.push(nested.clone()),
        }
    }
    let mut rest = Object::new();
    rest.insert("extension".to_owned(), Value::Array(members));
    Some((carrier::decode_members(walk, gathered.type_name, &rest)?, counts))
}

fn down(walk: &mut Walk<'_>, part: &mut Part<'_>, gathered: &Gathered) {
    let kind = part.pair.target;
    let objects: Vec<&Object> = part
        .items(gathered.r5)
        .into_iter()
        .filter_map(|(value, _)| value?.as_object())
        .collect();
    let own = |name: &String| gathered.lists.iter().any(|(member, _)| member == name);
    let plain = matches!(objects.as_slice(), [only] if only.keys().all(own));
    let mut lists: Vec<Vec<Value>> = vec![Vec::new(); gathered.lists.len()];
    for (at, object) in objects.into_iter().enumerate() {
        let mut members = Vec::new();
        for (which, (member, name)) in gathered.lists.iter().enumerate() {
            let values = object
                .get(*member)
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            for (index, value) in values.iter().enumerate() {
                let target = format!("{name}[{}]", lists[which].len());
                walk.trail
                    .note(&target, &format!("{}[{at}].{member}[{index}]", gathered.r5));
                lists[which].push(item(walk, (gathered.type_name, member), (kind, name), value));
            }
            if !values.is_empty() {
                let mut count = Object::new();
                count.insert("url".to_owned(), (*member).into());
                count.insert("valueUnsignedInt".to_owned(), values.len().into());
                members.push(Value::Object(count));
            }
        }
        if plain {
            continue;
        }
        let but: Vec<&str> = gathered.lists.iter().map(|(member, _)| *member).collect();
        let url = part_url(&part.pair.carrier, gathered.r5);
        let rest = carrier::encode_rest(walk, gathered.type_name, object, &but, String::new());
        if let Some(Value::Array(rest)) = rest.as_ref().and_then(|r| r.get("extension")) {
            members.splice(0..0, rest.iter().cloned());
        }
        part.carried.push(nested(url, members));
    }
    for ((_, name), list) in gathered.lists.iter().zip(lists) {
        if !list.is_empty() {
            part.out.insert((*name).to_owned(), Value::Array(list));
        }
    }
}
