//! CarePlan.activity: R4 has a `detail` on the spot, R5 only references. A detail becomes a contained ServiceRequest,
//! Appointment or Task (design, "Conversion R4 ↔ R5"); what has no place there, and the kind and status as R4 says
//! them, stand in an extension on the activity, which also marks it.
//!
//! `activity_detail.rs` lays the detail out as an **R4** resource, which the engine then converts as any other. A detail
//! is restored only when laying it out again gives exactly what is there: a request that an R5 caller has given what no
//! detail has room for stays a contained resource. A changed status is no such thing: see [`renew`].

use serde_json::{Value, json};

use super::activity_detail::{gather_up, lay_out, places, renewed_status, subject};
use super::carrier::{decode_members, encode_rest};
use super::engine::Walk;
use super::part::Part;
use super::plan::R4_EXTENSION;
use super::special::Special;
use super::values::{Object, part_url};

pub(super) static CARE_PLAN_ACTIVITY: Special = Special {
    r4: &["reference", "detail"],
    r5: &["plannedActivityReference"],
    may_be_carried: &[],
    says: false,
    up,
    down,
};

const DETAIL: &str = "CarePlan.activity.detail";

/// The id of the contained resource: by the activity's position, and free.
fn id(root: &Object, position: usize, but: Option<&str>) -> String {
    let taken = |id: &str| {
        let contained = root.get("contained").and_then(Value::as_array);
        but != Some(id)
            && contained
                .into_iter()
                .flatten()
                .any(|r| r.get("id").and_then(Value::as_str) == Some(id))
    };
    let mut id = format!("detail-{}", position + 1);
    while taken(&id) {
        id.push('x');
    }
    id
}

fn reference(walk: &mut Walk<'_>, part: &mut Part<'_>, source: &str, target: &str) {
    if let Some(value) = part.source.get(source) {
        walk.trail.note(target, source);
        let made = walk.reference_in(part, source, target, value);
        part.out.insert(target.to_owned(), made);
    }
}

/// A contained plan may not contain anything itself (dom-2), nor may one in an extension.
fn is_outermost(walk: &Walk<'_>) -> bool {
    walk.depth == 0 && !walk.trail.is_silent()
}

fn up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    reference(walk, part, "reference", "plannedActivityReference");
    let Some(Value::Object(detail)) = part.source.get("detail") else {
        return;
    };
    let outermost = is_outermost(walk) && walk.root.get("resourceType").is_some_and(|t| t == "CarePlan");
    let (true, Some(position), false) = (outermost, walk.trail.position(), part.source.contains_key("reference"))
    else {
        return walk.carry_all(part, "detail");
    };
    let id = id(walk.root, position, None);
    let (resource, rest) = lay_out(detail, &subject(walk.root.get("subject")), &id);
    let native = walk.root.get("contained").and_then(Value::as_array).map_or(0, Vec::len);
    let at = format!("CarePlan.contained[{}]", native + walk.added.len());
    let source = format!("{}.detail", walk.trail.here_in_source());
    walk.trail.note("plannedActivityReference", "detail");
    walk.trail.note_whole(at.clone(), source.clone());
    for (target, name) in places(detail) {
        walk.trail
            .note_whole(format!("{at}.{target}"), format!("{source}.{name}"));
    }
    let Some(made) = walk.made_from(&resource, (at, source)) else {
        return walk.carry_all(part, "detail");
    };
    walk.added.push(Value::Object(made));
    part.out.insert(
        "plannedActivityReference".to_owned(),
        json!({"reference": format!("#{id}")}),
    );
    let url = part_url(&part.pair.carrier, "detail");
    part.carried.extend(encode_rest(walk, DETAIL, &rest, &[], url));
}

fn down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let kept = part.take_restored("detail");
    let restored = match kept.as_slice() {
        [only] if is_outermost(walk) => restore(walk, part, only),
        _ => None,
    };
    if let Some((index, detail)) = restored {
        walk.absorbed.push(index);
        walk.trail.note("detail", "plannedActivityReference");
        let (at, contained) = (walk.trail.here_in_source(), format!("CarePlan.contained[{index}]"));
        for (source, name) in places(&detail) {
            walk.trail
                .note_whole(format!("{at}.detail.{name}"), format!("{contained}.{source}"));
        }
        walk.trail.note_whole(format!("{at}.detail"), contained);
        part.out.insert("detail".to_owned(), Value::Object(detail));
        return;
    }
    reference(walk, part, "plannedActivityReference", "reference");
    for extension in kept {
        let alone = !part.out.contains_key("reference") && !part.out.contains_key("detail");
        match alone.then(|| decode_members(walk, DETAIL, extension)).flatten() {
            Some(detail) => {
                part.out.insert("detail".to_owned(), Value::Object(detail));
            }
            None => walk.keep(part, extension),
        }
    }
}

/// The detail that a contained resource was made from, when nothing has changed since, and the resource's position.
fn restore(walk: &mut Walk<'_>, part: &Part<'_>, extension: &Object) -> Option<(usize, Object)> {
    let reference = part.source.get("plannedActivityReference")?.as_object()?;
    let address = reference.get("reference").filter(|_| reference.len() == 1)?.as_str()?;
    let named = address.strip_prefix('#')?;
    let root = walk.root;
    let contained = root.get("contained")?.as_array()?;
    let index = contained
        .iter()
        .position(|r| r.get("id").and_then(Value::as_str) == Some(named))?;
    if id(root, walk.trail.position()?, Some(named)) != named || refers_to(root, address) != 1 {
        return None;
    }
    let (rest, resource, plan_subject) = walk.silently(|walk| {
        let rest = decode_members(walk, DETAIL, extension);
        walk.depth += 1;
        let resource = contained
            .get(index)
            .and_then(Value::as_object)
            .and_then(|r| walk.resource(r));
        walk.depth -= 1;
        (
            rest,
            resource,
            root.get("subject").map(|s| walk.convert("Reference", s)),
        )
    });
    let (rest, resource) = (rest?, resource?);
    let detail = gather_up(&resource, &rest);
    (lay_out(&detail, &subject(plan_subject.as_ref()), named) == (resource, rest)).then_some((index, detail))
}

/// Renews the status that the extension of each activity keeps, in a plan of either version, where its request has
/// another one since. What else the extension keeps has no place in the request, and cannot grow old.
pub(super) fn renew(plan: &mut Object) {
    let contained = plan.get("contained").and_then(Value::as_array).cloned();
    let request = |address: &str| {
        let id = address.strip_prefix('#')?;
        let mut all = contained.iter().flatten().filter_map(Value::as_object);
        all.find(|request| request.get("id").and_then(Value::as_str) == Some(id))
    };
    let activities = plan.get_mut("activity").and_then(Value::as_array_mut);
    for activity in activities.into_iter().flatten() {
        let reference = ["plannedActivityReference", "reference"]
            .iter()
            .find_map(|name| activity.get(*name)?.get("reference")?.as_str());
        let Some(request) = reference.and_then(request) else {
            continue;
        };
        let kept = activity.get_mut("extension").and_then(|list| {
            let mut markers = list.as_array_mut()?.iter_mut();
            let marker = markers.find(|e| has_url(e, &format!("{R4_EXTENSION}{DETAIL}")))?;
            let mut members = marker.get_mut("extension")?.as_array_mut()?.iter_mut();
            members.find(|e| has_url(e, "status"))?.get_mut("valueCode")
        });
        if let Some(kept) = kept
            && let Some(status) = renewed_status(kept.as_str().unwrap_or_default(), request)
        {
            *kept = status.into();
        }
    }
}

fn has_url(extension: &Value, url: &str) -> bool {
    extension.get("url").and_then(Value::as_str) == Some(url)
}

/// How many references in the resource are to this address.
fn refers_to(object: &Object, address: &str) -> usize {
    fn count(value: &Value, address: &str) -> usize {
        match value {
            Value::Object(object) => refers_to(object, address),
            Value::Array(list) => list.iter().map(|v| count(v, address)).sum(),
            _ => 0,
        }
    }
    let own = usize::from(object.get("reference").and_then(Value::as_str) == Some(address));
    own + object.values().map(|value| count(value, address)).sum::<usize>()
}
