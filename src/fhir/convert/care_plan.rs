//! CarePlan.activity: R4 has a `detail` on the spot, R5 only references. A detail becomes a contained ServiceRequest,
//! Appointment or Task (design, "Conversion R4 ↔ R5"); what has no place there, and the kind and status as R4 says
//! them, stand in an extension on the activity, which also marks it.
//!
//! The detail is first laid out as an **R4** resource, which the engine then converts as any other; so this file only
//! moves members about, and the way back is the same moves in reverse. A detail is restored only when laying it out
//! again gives exactly what is there: what an R5 caller has changed stays a contained resource.

use serde_json::{Value, json};

use super::carrier::{decode_members, encode_rest};
use super::engine::{Object, Part, Walk, absent, part_url, underscored};
use super::special::Special;

pub static CARE_PLAN_ACTIVITY: Special = Special {
    r4: &["reference", "detail"],
    r5: &["plannedActivityReference"],
    may_be_carried: &[],
    says: false,
    up,
    down,
};

const DETAIL: &str = "CarePlan.activity.detail";
/// When an åtagande is meant to happen, where Task has no element for it (riktlinje.md part 3).
const NAR: &str = "https://w3id.org/fastkontakt/StructureDefinition/nar";
/// Marks on the R4 resource that say which member of the detail a text comes from.
const FROM_DESCRIPTION: &str =
    "http://hl7.org/fhir/4.0/StructureDefinition/extension-CarePlan.activity.detail.description";
const FROM_STRING: &str = "http://hl7.org/fhir/4.0/StructureDefinition/extension-CarePlan.activity.detail.scheduled";
const DO_NOT_PERFORM: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Task.doNotPerform";
const SUBJECT: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.subject";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    ServiceRequest,
    Task,
    /// With start and end.
    Appointment,
    /// The period is not given to the minute: a wish for a time.
    WishedAppointment,
}

impl Kind {
    fn of(detail: &Object) -> Kind {
        match detail.get("kind").and_then(Value::as_str) {
            None | Some("ServiceRequest") => Kind::ServiceRequest,
            Some("Appointment") => {
                let period = detail.get("scheduledPeriod").and_then(Value::as_object);
                let end = |name: &str| period.and_then(|p| p.get(name)).and_then(Value::as_str);
                match (end("start"), end("end"), period) {
                    (Some(start), Some(end), Some(period))
                        if is_instant(start) && is_instant(end) && period.len() == 2 =>
                    {
                        Kind::Appointment
                    }
                    (Some(_), Some(_), _) => Kind::WishedAppointment,
                    _ => Kind::Task,
                }
            }
            Some(_) => Kind::Task,
        }
    }

    fn resource_type(self) -> &'static str {
        match self {
            Kind::ServiceRequest => "ServiceRequest",
            Kind::Task => "Task",
            Kind::Appointment | Kind::WishedAppointment => "Appointment",
        }
    }

    /// The nearest status; the detail's own stands in the extension.
    fn status(self, detail: Option<&str>) -> &'static str {
        match self {
            Kind::ServiceRequest => match detail {
                Some("not-started" | "scheduled" | "in-progress") => "active",
                Some("on-hold") => "on-hold",
                Some("completed") => "completed",
                Some("cancelled" | "stopped") => "revoked",
                Some("entered-in-error") => "entered-in-error",
                _ => "unknown",
            },
            Kind::Task => match detail {
                Some("not-started") => "ready",
                Some("scheduled") => "accepted",
                Some("in-progress") => "in-progress",
                Some("on-hold") => "on-hold",
                Some("completed") => "completed",
                Some("cancelled") => "cancelled",
                Some("stopped") => "failed",
                Some("entered-in-error") => "entered-in-error",
                _ => "draft",
            },
            Kind::Appointment => match detail {
                Some("scheduled") => "booked",
                Some("in-progress") => "arrived",
                Some("completed") => "fulfilled",
                Some("cancelled" | "stopped") => "cancelled",
                Some("entered-in-error") => "entered-in-error",
                _ => "pending",
            },
            // app-3: any other status demands start and end.
            Kind::WishedAppointment => match detail {
                Some("cancelled" | "stopped" | "entered-in-error") => "cancelled",
                _ => "proposed",
            },
        }
    }

    /// Members of the detail and where they stand in the R4 resource.
    fn moves(self) -> &'static [(&'static str, Move)] {
        match self {
            Kind::ServiceRequest => &[
                ("code", Move::Same("code")),
                ("reasonCode", Move::Same("reasonCode")),
                ("reasonReference", Move::Same("reasonReference")),
                ("doNotPerform", Move::Same("doNotPerform")),
                ("scheduledTiming", Move::Same("occurrenceTiming")),
                ("scheduledPeriod", Move::Same("occurrencePeriod")),
                ("location", Move::First("locationReference")),
                ("performer", Move::Same("performer")),
                ("quantity", Move::Same("quantityQuantity")),
            ],
            Kind::Task => &[
                ("code", Move::Same("code")),
                ("description", Move::Same("description")),
                ("location", Move::Same("location")),
                ("reasonCode", Move::Only("reasonCode")),
                ("reasonReference", Move::Only("reasonReference")),
                ("performer", Move::Only("owner")),
            ],
            Kind::Appointment | Kind::WishedAppointment => &[
                ("code", Move::First("serviceType")),
                ("description", Move::Same("description")),
                ("reasonCode", Move::Same("reasonCode")),
                ("reasonReference", Move::Same("reasonReference")),
            ],
        }
    }
}

#[derive(Clone, Copy)]
enum Move {
    Same(&'static str),
    /// One value becomes a list of one.
    First(&'static str),
    /// A list of one becomes a value; a longer one stays in the extension.
    Only(&'static str),
}

impl Move {
    fn name(self) -> &'static str {
        match self {
            Move::Same(name) | Move::First(name) | Move::Only(name) => name,
        }
    }
}

/// A dateTime with time and zone (datatypes.html#instant).
fn is_instant(text: &str) -> bool {
    text.len() > "2024-01-01T00:00:00".len() && text.contains('T')
}

/// Takes a member and what stands beside it.
fn take(from: &mut Object, name: &str) -> (Option<Value>, Option<Value>) {
    (from.shift_remove(name), from.shift_remove(&underscored(name)))
}

fn give(to: &mut Object, name: &str, (value, beside): (Option<Value>, Option<Value>)) {
    if let Some(value) = value {
        to.insert(name.to_owned(), value);
    }
    if let Some(beside) = beside {
        to.insert(underscored(name), beside);
    }
}

/// The detail as an R4 resource, and what of it has no place there.
fn lay_out(detail: &Object, subject: &Value, id: &str) -> (Object, Object) {
    let kind = Kind::of(detail);
    let mut rest = detail.clone();
    let mut made = Object::new();
    made.insert("resourceType".to_owned(), kind.resource_type().into());
    made.insert("id".to_owned(), id.into());
    made.insert(
        "status".to_owned(),
        kind.status(detail.get("status").and_then(Value::as_str)).into(),
    );
    for (name, to) in kind.moves() {
        match (to, rest.get(*name)) {
            (Move::Only(to), Some(Value::Array(list))) => {
                if let [only] = list.as_slice() {
                    made.insert((*to).to_owned(), only.clone());
                    rest.shift_remove(*name);
                }
            }
            (Move::First(to), Some(value)) => {
                made.insert((*to).to_owned(), Value::Array(vec![value.clone()]));
                rest.shift_remove(*name);
            }
            (Move::Same(to), _) => give(&mut made, to, take(&mut rest, name)),
            _ => {}
        }
    }
    match kind {
        Kind::ServiceRequest => service_request(&mut made, &mut rest, subject),
        Kind::Task => task(&mut made, &mut rest, subject),
        Kind::Appointment | Kind::WishedAppointment => appointment(kind, &mut made, &mut rest, subject),
    }
    (made, rest)
}

fn service_request(made: &mut Object, rest: &mut Object, subject: &Value) {
    made.insert("intent".to_owned(), "plan".into());
    made.insert("subject".to_owned(), subject.clone());
    let description = take(rest, "description");
    if description != (None, None) {
        let mut text = Object::new();
        if made.contains_key("code") {
            give(&mut text, "text", description);
            made.insert("note".to_owned(), Value::Array(vec![Value::Object(text)]));
        } else {
            // What is to be done must be said somewhere: ServiceRequest has no description.
            text.insert(
                "extension".to_owned(),
                json!([{"url": FROM_DESCRIPTION, "valueBoolean": true}]),
            );
            give(&mut text, "text", description);
            made.insert("code".to_owned(), Value::Object(text));
        }
    }
    let string = take(rest, "scheduledString");
    if string != (None, None) {
        let mut text = Object::new();
        give(&mut text, "text", string);
        let mark = json!([{"url": FROM_STRING, "valueBoolean": true}]);
        made.insert("occurrenceTiming".to_owned(), json!({"extension": mark, "code": text}));
    }
}

fn task(made: &mut Object, rest: &mut Object, subject: &Value) {
    made.insert("intent".to_owned(), "plan".into());
    made.insert("for".to_owned(), subject.clone());
    let mut extensions = Vec::new();
    if let Some(period) = rest.shift_remove("scheduledPeriod") {
        made.insert("restriction".to_owned(), json!({"period": period}));
    }
    if let Some(timing) = rest.shift_remove("scheduledTiming") {
        extensions.push(json!({"url": NAR, "valueTiming": timing}));
    }
    for (name, url, holder) in [
        ("scheduledString", NAR, "valueString"),
        ("doNotPerform", DO_NOT_PERFORM, "valueBoolean"),
    ] {
        let item = take(rest, name);
        if item != (None, None) {
            let mut extension = Object::new();
            extension.insert("url".to_owned(), url.into());
            give(&mut extension, holder, item);
            extensions.push(Value::Object(extension));
        }
    }
    if !extensions.is_empty() {
        made.insert("extension".to_owned(), Value::Array(extensions));
    }
}

fn appointment(kind: Kind, made: &mut Object, rest: &mut Object, subject: &Value) {
    let period = rest.shift_remove("scheduledPeriod").unwrap_or_default();
    if kind == Kind::Appointment {
        for name in ["start", "end"] {
            made.insert(name.to_owned(), period.get(name).cloned().unwrap_or_default());
        }
    } else {
        made.insert("requestedPeriod".to_owned(), Value::Array(vec![period]));
    }
    let performers = match rest.shift_remove("performer") {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let takes_part = |actor: Value| json!({"actor": actor, "status": "needs-action"});
    let participants = performers
        .into_iter()
        .chain([subject.clone()])
        .map(takes_part)
        .collect();
    made.insert("participant".to_owned(), Value::Array(participants));
    made.insert(
        "extension".to_owned(),
        json!([{"url": SUBJECT, "valueReference": subject}]),
    );
}

/// The detail from the R4 resource and the rest: the moves in reverse. The caller checks the result by laying it out.
fn gather_up(made: &Object, rest: &Object) -> Object {
    let mut detail = rest.clone();
    let mut made = made.clone();
    let text = |extension: Option<&Value>, url: &str| {
        extension
            .and_then(Value::as_array)
            .is_some_and(|l| l.iter().any(|e| e.get("url").and_then(Value::as_str) == Some(url)))
    };
    if made
        .get("code")
        .is_some_and(|code| text(code.get("extension"), FROM_DESCRIPTION))
    {
        if let Some(Value::Object(mut code)) = made.shift_remove("code") {
            give(&mut detail, "description", take(&mut code, "text"));
        }
    } else if let Some(Value::Array(notes)) = made.get("note")
        && let Some(Value::Object(note)) = notes.first()
    {
        give(&mut detail, "description", take(&mut note.clone(), "text"));
    }
    if made
        .get("occurrenceTiming")
        .is_some_and(|timing| text(timing.get("extension"), FROM_STRING))
        && let Some(Value::Object(code)) = made
            .shift_remove("occurrenceTiming")
            .as_mut()
            .and_then(|t| t.get_mut("code"))
    {
        give(&mut detail, "scheduledString", take(code, "text"));
    }
    if let Some(period) = made.get("restriction").and_then(|r| r.get("period")) {
        detail.insert("scheduledPeriod".to_owned(), period.clone());
    }
    for extension in made.get("extension").and_then(Value::as_array).into_iter().flatten() {
        let Value::Object(extension) = extension else { continue };
        let mut extension = extension.clone();
        match extension.get("url").and_then(Value::as_str) {
            Some(NAR) => {
                if let Some(timing) = extension.shift_remove("valueTiming") {
                    detail.insert("scheduledTiming".to_owned(), timing);
                } else {
                    give(&mut detail, "scheduledString", take(&mut extension, "valueString"));
                }
            }
            Some(DO_NOT_PERFORM) => give(&mut detail, "doNotPerform", take(&mut extension, "valueBoolean")),
            _ => {}
        }
    }
    if let (Some(start), Some(end)) = (made.get("start"), made.get("end")) {
        detail.insert("scheduledPeriod".to_owned(), json!({"start": start, "end": end}));
    }
    if let Some([period]) = made.get("requestedPeriod").and_then(Value::as_array).map(Vec::as_slice) {
        detail.insert("scheduledPeriod".to_owned(), period.clone());
    }
    if let Some(Value::Array(participants)) = made.get("participant") {
        let performers = participants.split_last().map_or(&[][..], |(_, performers)| performers);
        let actors: Vec<Value> = performers.iter().filter_map(|p| p.get("actor").cloned()).collect();
        if !actors.is_empty() {
            detail.insert("performer".to_owned(), Value::Array(actors));
        }
    }
    for (name, to) in Kind::of(&detail).moves() {
        match (to, made.get(to.name())) {
            (Move::Only(_), Some(value)) => {
                detail.insert((*name).to_owned(), Value::Array(vec![value.clone()]));
            }
            (Move::First(_), Some(Value::Array(list))) => {
                if let Some(first) = list.first() {
                    detail.insert((*name).to_owned(), first.clone());
                }
            }
            (Move::Same(to), _) => give(&mut detail, name, take(&mut made, to)),
            _ => {}
        }
    }
    detail
}

/// The plan's subject as another resource repeats it: without ids and extensions.
fn subject(plan: Option<&Value>) -> Value {
    let mut made = Object::new();
    for name in ["reference", "type", "identifier", "display"] {
        if let Some(value) = plan.and_then(|s| s.get(name)) {
            made.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(if made.is_empty() { absent() } else { made })
}

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
    let Some(value) = part.source.get(source) else { return };
    walk.note(target, source);
    let targets = walk
        .plan
        .target
        .type_(part.pair.target)
        .and_then(|t| t.get(target))
        .map_or(&[][..], |e| e.targets.as_slice());
    let urls = [
        part_url(&part.pair.carrier, source),
        part_url(&part.pair.restore, target),
    ];
    let made = walk.reference_in(value, targets, [&urls[0], &urls[1]]);
    part.out.insert(target.to_owned(), made);
}

fn up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    reference(walk, part, "reference", "plannedActivityReference");
    let Some(Value::Object(detail)) = part.source.get("detail") else {
        return;
    };
    let outermost =
        walk.depth == 0 && walk.silent == 0 && walk.root.get("resourceType").is_some_and(|t| t == "CarePlan");
    let (true, Some(position), false) = (outermost, walk.position(), part.source.contains_key("reference")) else {
        // A contained plan may not contain anything itself (dom-2).
        return walk.carry_all(part, "detail");
    };
    let id = id(walk.root, position, None);
    let (resource, rest) = lay_out(detail, &subject(walk.root.get("subject")), &id);
    let native = walk.root.get("contained").and_then(Value::as_array).map_or(0, Vec::len);
    let at = format!("CarePlan.contained[{}]", native + walk.added.len());
    let source = format!("{}.detail", walk.here(false));
    walk.note("plannedActivityReference", "detail");
    walk.paths.add(at.clone(), source.clone());
    let kind = Kind::of(detail);
    for (target, name) in places(kind, detail) {
        walk.paths.add(format!("{at}.{target}"), format!("{source}.{name}"));
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

/// Where the members of the detail stand in the R5 resource, for findings.
fn places(kind: Kind, detail: &Object) -> Vec<(String, String)> {
    let place = |target: &str, name: &str| (target.to_owned(), name.to_owned());
    let string = ["scheduledString", "scheduledTiming", "scheduledPeriod"]
        .into_iter()
        .find(|n| detail.contains_key(*n));
    let when = string.unwrap_or("scheduledString");
    let mut places = Vec::new();
    match kind {
        Kind::ServiceRequest => {
            places.push(place("occurrenceTiming", when));
            places.push(place("occurrencePeriod", when));
            places.push(place("location[0].reference", "location"));
            places.push(place("quantityQuantity", "quantity"));
            places.push(place("note[0].text", "description"));
            if !detail.contains_key("code") {
                places.push(place("code", "description"));
                places.push(place("code.concept", "description"));
                places.push(place("code.concept.text", "description"));
            }
        }
        Kind::Task => {
            places.push(place("requestedPeriod", when));
            places.push(place("owner", "performer[0]"));
        }
        Kind::Appointment | Kind::WishedAppointment => {
            places.push(place("serviceType[0].concept", "code"));
            places.push(place("serviceType", "code"));
            places.push(place("requestedPeriod", "scheduledPeriod"));
            places.push(place("requestedPeriod[0]", "scheduledPeriod"));
            places.push(place("start", "scheduledPeriod.start"));
            places.push(place("end", "scheduledPeriod.end"));
            let performers = detail.get("performer").and_then(Value::as_array).map_or(0, Vec::len);
            places.extend((0..performers).map(|i| (format!("participant[{i}].actor"), format!("performer[{i}]"))));
        }
    }
    places
}

fn down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let kept = part.take_restored("detail");
    let restored = match kept.as_slice() {
        [only] if walk.depth == 0 && walk.silent == 0 => restore(walk, part, only),
        _ => None,
    };
    if let Some((index, detail)) = restored {
        walk.absorbed.push(index);
        walk.note("detail", "plannedActivityReference");
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
    if id(root, walk.position()?, Some(named)) != named || refers_to(root, address) != 1 {
        return None;
    }
    walk.silent += 1;
    let rest = decode_members(walk, DETAIL, extension);
    walk.depth += 1;
    let resource = contained
        .get(index)
        .and_then(Value::as_object)
        .and_then(|r| walk.resource(r));
    walk.depth -= 1;
    let plan_subject = root.get("subject").map(|s| walk.convert("Reference", s));
    walk.silent -= 1;
    let (rest, resource) = (rest?, resource?);
    let detail = gather_up(&resource, &rest);
    (lay_out(&detail, &subject(plan_subject.as_ref()), named) == (resource, rest)).then_some((index, detail))
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
