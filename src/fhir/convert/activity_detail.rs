//! CarePlan.activity.detail of R4 laid out as a ServiceRequest, Appointment or Task of R4, and gathered up again. This
//! only moves members about within R4; `care_plan.rs` calls it and lets the engine convert what comes out.

use serde_json::{Value, json};

use super::values::{Object, absent, underscored};

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

    /// The kind whose request this is; nothing when no detail becomes such a resource.
    fn of_request(request: &Object) -> Option<Kind> {
        match request.get("resourceType")?.as_str()? {
            "ServiceRequest" => Some(Kind::ServiceRequest),
            "Task" => Some(Kind::Task),
            "Appointment" if request.contains_key("start") => Some(Kind::Appointment),
            "Appointment" => Some(Kind::WishedAppointment),
            _ => None,
        }
    }

    /// Status of the detail and the nearest one of the request, the likeliest first where several meet; the last line is
    /// for all others. The detail's own stands in the extension.
    fn statuses(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Kind::ServiceRequest => &[
                ("in-progress", "active"),
                ("scheduled", "active"),
                ("not-started", "active"),
                ("on-hold", "on-hold"),
                ("completed", "completed"),
                ("cancelled", "revoked"),
                ("stopped", "revoked"),
                ("entered-in-error", "entered-in-error"),
                ("unknown", "unknown"),
            ],
            Kind::Task => &[
                ("not-started", "ready"),
                ("scheduled", "accepted"),
                ("in-progress", "in-progress"),
                ("on-hold", "on-hold"),
                ("completed", "completed"),
                ("cancelled", "cancelled"),
                ("stopped", "failed"),
                ("entered-in-error", "entered-in-error"),
                ("unknown", "draft"),
            ],
            Kind::Appointment => &[
                ("scheduled", "booked"),
                ("in-progress", "arrived"),
                ("completed", "fulfilled"),
                ("cancelled", "cancelled"),
                ("stopped", "cancelled"),
                ("entered-in-error", "entered-in-error"),
                ("not-started", "pending"),
                ("unknown", "pending"),
            ],
            // app-3: any other status demands start and end.
            Kind::WishedAppointment => &[
                ("cancelled", "cancelled"),
                ("stopped", "cancelled"),
                ("entered-in-error", "cancelled"),
                ("not-started", "proposed"),
                ("unknown", "proposed"),
            ],
        }
    }

    fn status(self, detail: Option<&str>) -> &'static str {
        let mut lines = self.statuses().iter();
        let line = lines.clone().find(|(status, _)| detail == Some(status));
        line.or_else(|| lines.next_back())
            .map_or("unknown", |(_, status)| status)
    }

    /// The status of the detail that a request's tells best.
    fn told_by(self, request: &str) -> &'static str {
        let line = self.statuses().iter().find(|(_, status)| *status == request);
        line.map_or("unknown", |(detail, _)| detail)
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
pub(super) fn lay_out(detail: &Object, subject: &Value, id: &str) -> (Object, Object) {
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
pub(super) fn gather_up(made: &Object, rest: &Object) -> Object {
    let mut detail = rest.clone();
    let mut made = made.clone();
    from_service_request(&mut made, &mut detail);
    from_task(&made, &mut detail);
    from_appointment(&made, &mut detail);
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

fn from_service_request(made: &mut Object, detail: &mut Object) {
    let is_marked = |made: &Object, name: &str, url: &str| {
        let extensions = made.get(name).and_then(|value| value.get("extension")?.as_array());
        extensions.is_some_and(|l| l.iter().any(|e| e.get("url").and_then(Value::as_str) == Some(url)))
    };
    if is_marked(made, "code", FROM_DESCRIPTION) {
        if let Some(Value::Object(mut code)) = made.shift_remove("code") {
            give(detail, "description", take(&mut code, "text"));
        }
    } else if let Some(Value::Array(notes)) = made.get("note")
        && let Some(Value::Object(note)) = notes.first()
    {
        give(detail, "description", take(&mut note.clone(), "text"));
    }
    if is_marked(made, "occurrenceTiming", FROM_STRING)
        && let Some(Value::Object(code)) = made
            .shift_remove("occurrenceTiming")
            .as_mut()
            .and_then(|t| t.get_mut("code"))
    {
        give(detail, "scheduledString", take(code, "text"));
    }
}

fn from_task(made: &Object, detail: &mut Object) {
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
                    give(detail, "scheduledString", take(&mut extension, "valueString"));
                }
            }
            Some(DO_NOT_PERFORM) => give(detail, "doNotPerform", take(&mut extension, "valueBoolean")),
            _ => {}
        }
    }
}

fn from_appointment(made: &Object, detail: &mut Object) {
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
}

/// The status that the extension keeps, when the request has one since that does not go with it: somebody has changed
/// the request, and it is the request that is right.
pub(super) fn renewed_status(kept: &str, request: &Object) -> Option<&'static str> {
    let kind = Kind::of_request(request)?;
    let status = request.get("status")?.as_str()?;
    (kind.status(Some(kept)) != status).then(|| kind.told_by(status))
}

/// The plan's subject as another resource repeats it: without ids and extensions.
pub(super) fn subject(plan: Option<&Value>) -> Value {
    let mut made = Object::new();
    for name in ["reference", "type", "identifier", "display"] {
        if let Some(value) = plan.and_then(|s| s.get(name)) {
            made.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(if made.is_empty() { absent() } else { made })
}

/// Where the members of the detail stand in the R5 resource, for findings.
pub(super) fn places(detail: &Object) -> Vec<(String, String)> {
    let place = |target: &str, name: &str| (target.to_owned(), name.to_owned());
    let string = ["scheduledString", "scheduledTiming", "scheduledPeriod"]
        .into_iter()
        .find(|n| detail.contains_key(*n));
    let when = string.unwrap_or("scheduledString");
    let mut places = Vec::new();
    match Kind::of(detail) {
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
