//! An object on its way: what it comes from and what has been made of it so far. The engine makes one for each object
//! and hands it to the rules (`special.rs`).

use serde_json::Value;

use super::plan::{Pair, Plan};
use super::values::{Item, Object, has, items, underscored};
use crate::fhir::elements::Element;

pub(super) struct Part<'a> {
    pub pair: &'static Pair,
    pub source: &'a Object,
    pub out: Object,
    /// Extensions to be appended.
    pub carried: Vec<Value>,
    /// Carriers found that hold an element of the target: name, element, extension.
    pub restored: Vec<(&'static str, &'static Element, &'a Object)>,
}

impl<'a> Part<'a> {
    pub(super) fn new(pair: &'static Pair, source: &'a Object) -> Self {
        Part {
            pair,
            source,
            out: Object::with_capacity(source.len() + 1),
            carried: Vec::new(),
            restored: Vec::new(),
        }
    }

    /// Takes the carriers for one element of the target out of the list.
    pub(super) fn take_restored(&mut self, name: &str) -> Vec<&'a Object> {
        let mut taken = Vec::new();
        self.restored.retain(|(n, _, extension)| {
            if *n == name {
                taken.push(*extension);
            }
            *n != name
        });
        taken
    }

    /// The items of an element of the source, `_name` beside them.
    pub(super) fn items(&self, name: &str) -> Vec<Item<'a>> {
        let step = self.pair.steps.get(name).filter(|step| step.element.is_primitive());
        items(
            self.source.get(name),
            step.and_then(|step| self.source.get(&step.below)),
        )
    }

    /// Whether an element of the source is nothing but what the other direction filled in.
    pub(super) fn is_filled(&self, name: &str) -> bool {
        let step = self.pair.steps.get(name);
        step.is_some_and(|step| step.is_filling(self.source.get(name), self.source.get(&step.below)))
    }

    /// Whether the element, or another one of its choice, has been made already.
    pub(super) fn has_made(&self, plan: &Plan, name: &str, element: &Element) -> bool {
        match &element.choice {
            None => has(&self.out, name),
            Some(choice) => plan.target.type_(self.pair.target).is_some_and(|table| {
                table
                    .iter()
                    .any(|(other, e)| e.choice.as_ref() == Some(choice) && has(&self.out, other))
            }),
        }
    }

    /// Fills in what the target demands; true when there was something to fill.
    pub(super) fn fill(&mut self) -> bool {
        let mut filled = false;
        for fill in &self.pair.fills {
            if fill.any_of.iter().any(|name| has(&self.out, name)) {
                continue;
            }
            let (value, beside) = &fill.value;
            for (name, value) in [(fill.name.to_owned(), value), (underscored(fill.name), beside)] {
                if let Some(value) = value {
                    self.out.insert(name, value.clone());
                }
            }
            filled = true;
        }
        filled
    }
}
