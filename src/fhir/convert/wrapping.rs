//! A value that the other version holds as one member of an object (R4 Reference ↔ R5 CodeableReference.reference), and
//! back. What stands beside the member there goes along in an extension. Called by the engine for the rows `Wrap`.

use serde_json::Value;

use super::carrier::{add_remainder, remainder, reopened};
use super::engine::Walk;
use super::plan::{How, Mapped, Pair, Step};
use super::stand_in::{concept_text, label};
use super::values::{Item, Made, Object, put, underscored};

/// The parts of a step that wrapping needs.
#[derive(Clone, Copy)]
pub(super) struct Wrapping {
    pub pair: &'static Pair,
    pub step: &'static Step,
    pub mapped: &'static Mapped,
    pub member: &'static str,
    pub inner: &'static How,
    pub primitive: bool,
}

/// value → { member: value }, and what was kept beside it.
pub(super) fn wrap(walk: &mut Walk<'_>, w: Wrapping, (value, beside): Item<'_>) -> Option<Made> {
    let url = &w.mapped.restore;
    let holder = if w.primitive { beside } else { value };
    let (mut made, rest) = match reopened(walk, &w.mapped.element.type_name, holder, url) {
        Some((members, rest)) => (members, Some(rest)),
        None => (Object::new(), None),
    };
    let said = |rest: &Object| w.member == "reference" && *rest == label(concept_text(made.get("concept")));
    let rest = rest.map(|rest| Value::Object(if said(&rest) { Object::new() } else { rest }));
    let item = match &rest {
        None => (value, beside),
        Some(rest) => {
            let rest = Some(rest).filter(|r| r.as_object().is_some_and(|r| !r.is_empty()));
            if w.primitive { (value, rest) } else { (rest, None) }
        }
    };
    if item.0.is_some() || item.1.is_some() {
        let inner = walk.value(w.pair, w.step, w.mapped, w.inner, item)?;
        put(&mut made, w.member, false, vec![inner]);
    }
    Some((Some(Value::Object(made)), None))
}

/// { member: value } → value, what else there is beside it.
pub(super) fn unwrap(walk: &mut Walk<'_>, w: Wrapping, (value, _): Item<'_>) -> Option<Made> {
    let object = value?.as_object()?;
    let item = (object.get(w.member), object.get(&underscored(w.member)));
    let made = match item {
        // A concept where R4 has but a reference: a reader sees it all the same.
        (None, None) if w.member == "reference" => {
            let display = label(concept_text(object.get("concept")));
            ((!display.is_empty()).then_some(Value::Object(display)), None)
        }
        (None, None) => (None, None),
        item => walk.value(w.pair, w.step, w.mapped, w.inner, item)?,
    };
    let url = w.step.carrier.clone();
    let extension = remainder(walk, &w.step.element.type_name, object, w.member, url);
    Some(add_remainder(made, w.primitive, extension))
}
