//! What the target does not allow leaves a stand-in with the original in an extension: the nearest code of a required
//! binding, a reference that is but a display. The position in a list and the minimum are kept that way. Called by the engine and by
//! the rules that move references.

use std::collections::HashMap;

use serde_json::Value;

use super::carrier;
use super::engine::Walk;
use super::part::Part;
use super::plan::{Instead, Mapped, Step};
use super::primitive::nearest;
use super::values::{Item, Made, Object, append_extensions, part_url, stated_types};
use crate::fhir::elements::{Element, Tables};

/// A reference that refers to nothing and says to a reader what would stand there.
pub(super) fn label(text: Option<&str>) -> Object {
    let mut made = Object::new();
    if let Some(text) = text {
        made.insert("display".to_owned(), text.into());
    }
    made
}

fn reference_text(reference: &Object) -> Option<&str> {
    let text = |name: &str| reference.get(name).and_then(Value::as_str);
    text("display").or_else(|| text("reference"))
}

/// The text of a concept, as a reader would have it.
pub(super) fn concept_text(concept: Option<&Value>) -> Option<&str> {
    let text = concept?.get("text").and_then(Value::as_str);
    text.or_else(|| {
        let coding = concept?.get("coding")?.get(0)?;
        coding.get("display").or_else(|| coding.get("code"))?.as_str()
    })
}

impl Walk<'_> {
    /// A code of a required binding: the nearest code where the target lacks it, the original beside it.
    pub(super) fn code(
        &mut self,
        step: &'static Step,
        mapped: &'static Mapped,
        lacking: &HashMap<&'static str, Instead>,
        item: Item<'_>,
    ) -> Made {
        let (value, beside) = item;
        let code = value.and_then(Value::as_str);
        // Nor is a code sure that this version does not know: the way back would set it aside.
        let known = |code| {
            let list = step
                .element
                .codes
                .as_deref()
                .and_then(|key| self.plan.source.codes(key));
            list.is_some_and(|list| list.lists(code)) && !lacking.contains_key(code)
        };
        self.sure &= beside.is_none() && code.is_none_or(known);
        if let Some(beside) = beside.and_then(Value::as_object)
            && let Some((rest, original)) = carrier::without_last(beside, &mapped.restore)
            && let Some(original) = original
                .get("valueCode")
                .filter(|o| self.stands_for(step, mapped, o.as_str(), code))
        {
            let rest = (!rest.is_empty()).then(|| self.beside(&Value::Object(rest)));
            return (Some(original.clone()), rest);
        }
        let mut made = beside.map(|b| self.beside(b));
        let near = match code.and_then(|code| lacking.get(code)) {
            None => return (value.cloned(), made),
            Some(Instead::Same(same)) => return (Some(Value::from(*same)), made),
            Some(Instead::Nearest(near)) => Some(*near),
            Some(Instead::Nothing) => None,
        };
        let mut extension = Object::new();
        extension.insert("url".into(), Value::String(step.carrier.clone()));
        extension.insert("valueCode".into(), value.cloned().unwrap_or_default());
        if !matches!(made, Some(Value::Object(_))) {
            made = Some(Value::Object(Object::new()));
        }
        if let Some(Value::Object(made)) = &mut made {
            append_extensions(made, vec![Value::Object(extension)]);
        }
        (near.map(Value::from), made)
    }

    /// Whether `code` in the source is what the conversion writes for the target's `original`: somebody may have
    /// changed the code since, then the note beside it no longer holds.
    fn stands_for(&self, step: &Step, mapped: &Mapped, original: Option<&str>, code: Option<&str>) -> bool {
        let Some(original) = original else { return false };
        let listed = |tables: &'static Tables, e: &Element, c: &str| {
            e.codes
                .as_deref()
                .and_then(|key| tables.codes(key))
                .is_some_and(|list| list.lists(c))
        };
        let key = mapped.element.codes.as_deref().unwrap_or_default();
        !listed(self.plan.source, step.element, original)
            && listed(self.plan.target, mapped.element, original)
            && nearest(key, original) == code
    }

    /// A reference whose target type the other version does not allow here leaves a stand-in, a display with the
    /// original in an extension: the position in a list and the minimum are kept.
    pub(super) fn reference(
        &mut self,
        at: usize,
        object: &Object,
        targets: &'static [String],
        [carrier, restore]: [&str; 2],
    ) -> Object {
        if let Some((rest, original)) = carrier::without_last(object, restore)
            && let Some(Value::Object(original)) = original.get("valueReference")
            && rest == label(reference_text(original))
        {
            self.doubt();
            return self.object(at, original);
        }
        let made = self.object(at, object);
        if targets.is_empty() || self.allowed(object, targets) {
            return made;
        }
        self.doubt();
        let mut extension = Object::new();
        extension.insert("url".into(), carrier.into());
        let mut stand_in = label(reference_text(&made));
        extension.insert("valueReference".into(), Value::Object(made));
        append_extensions(&mut stand_in, vec![Value::Object(extension)]);
        stand_in
    }

    /// A reference in the element `target` of the part, from the element `source`.
    pub(super) fn reference_in(&mut self, part: &Part<'_>, source: &str, target: &str, value: &Value) -> Value {
        let targets = self.plan.targets(part.pair.target, target);
        let carrier = part_url(&part.pair.carrier, source);
        let restore = part_url(&part.pair.restore, target);
        self.reference_to(value, targets, [&carrier, &restore])
    }

    /// The same for any value, with the targets and the urls given.
    pub(super) fn reference_to(&mut self, value: &Value, targets: &'static [String], urls: [&str; 2]) -> Value {
        match (value, self.plan.pair("Reference", "Reference")) {
            (Value::Object(object), Some(pair)) => Value::Object(self.reference(pair, object, targets, urls)),
            _ => value.clone(),
        }
    }

    /// What is not stated is not wrong.
    pub(super) fn allowed(&self, reference: &Object, targets: &[String]) -> bool {
        stated_types(reference, self.root)
            .into_iter()
            .flatten()
            .all(|kind| targets.iter().any(|t| t == kind))
    }
}
