//! The carriers of an object: which elements go by carrier and which come back from one. The engine sets carriers aside
//! when it meets them and restores them when the rules have taken theirs; how a carrier looks is `carrier.rs`'s business.

use serde_json::Value;

use super::carrier;
use super::engine::Walk;
use super::part::Part;
use super::plan::{Pair, Step};
use super::values::{Item, Object, put};
use crate::fhir::elements::Element;

impl Walk<'_> {
    /// The list of extensions of an object: carriers for elements of the target are set aside, the rest is converted.
    pub(super) fn extensions<'s>(&mut self, part: &mut Part<'s>, name: &'static str, value: Option<&'s Value>) {
        let Some(Value::Array(list)) = value else {
            if let Some(value) = value {
                part.out.insert(name.to_owned(), value.clone());
            }
            return;
        };
        let mut made = Vec::with_capacity(list.len());
        for extension in list {
            let holds = extension
                .as_object()
                .filter(|_| name == "extension")
                .and_then(|object| {
                    let element = object.get("url")?.as_str()?.strip_prefix(part.pair.restore.as_str())?;
                    let (name, element) = carrier::named(part.pair, element, object)?;
                    Some((name, element, object))
                });
            match holds {
                Some(restored) => part.restored.push(restored),
                None => made.push(self.extension(extension)),
            }
        }
        if !made.is_empty() || list.is_empty() {
            part.out.insert(name.to_owned(), Value::Array(made));
        }
    }

    /// The generic carrier for one item of an element.
    pub(super) fn carry(&mut self, pair: &'static Pair, step: &'static Step, item: Item<'_>) -> Value {
        self.doubt();
        self.silently(|walk| carrier::encode_element(walk, &pair.carrier, step.name, step.element, item))
    }

    /// Carries a whole element of the source, by name.
    pub(super) fn carry_all(&mut self, part: &mut Part<'_>, name: &str) {
        if let Some(step) = part.pair.steps.get(name) {
            for item in part.items(name) {
                let carried = self.carry(part.pair, step, item);
                part.carried.push(carried);
            }
        }
    }

    /// Brings back one element of the target from the carrier that holds it.
    pub(super) fn restore(
        &mut self,
        part: &mut Part<'_>,
        name: &'static str,
        element: &'static Element,
        extension: &Object,
    ) {
        if carrier::LISTS.contains(&name) {
            return match self.silently(|walk| carrier::decode_list(walk, extension)) {
                Some(list) => {
                    part.out.insert(name.to_owned(), list);
                }
                None => self.keep(part, extension),
            };
        }
        let free = element.many || !part.has_made(self.plan, name, element);
        let decoded = free.then(|| self.silently(|walk| carrier::decode(walk, element, extension)));
        match decoded.flatten() {
            Some(made) => put(&mut part.out, name, element.many, vec![made]),
            None => self.keep(part, extension),
        }
    }

    /// An extension that looks like a carrier but cannot be read as one stays an extension.
    pub(super) fn keep(&mut self, part: &mut Part<'_>, extension: &Object) {
        let kept = carrier::extension(self, extension);
        part.carried.push(Value::Object(kept));
    }
}
