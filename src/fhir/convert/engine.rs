//! The walk over a resource: one pass that builds the resource of the other version by the plan. Called by `mod.rs`;
//! the rules call back into it for what lies below their elements.

use serde_json::Value;

use super::carrier;
use super::codeable_reference;
use super::part::Part;
use super::plan::{Direction, Fill, How, Mapped, Pair, Plan, Step, To};
use super::trail::{Place, Trail};
use super::values::{Item, Made, Object, append_extensions, has, indexed, items, put, underscored, unsigned};
use super::wrapping::{Wrapping, unwrap, wrap};

/// The way through one resource, and what is known of it so far.
pub(super) struct Walk<'a> {
    pub plan: &'static Plan,
    /// The outermost resource: contained ones are looked up there.
    pub root: &'a Object,
    pub trail: Trail,
    /// Whether everything so far had the same name and form in both versions, so that the way back need not be tried.
    pub sure: bool,
    /// How many resources are around the one at hand (0: the outermost).
    pub depth: usize,
    /// Contained resources that the conversion adds to the outermost one.
    pub added: Vec<Value>,
    /// Contained resources of the outermost one that were turned into something else.
    pub absorbed: Vec<usize>,
}

impl<'a> Walk<'a> {
    /// Paths are noted only when `told`.
    pub(super) fn new(plan: &'static Plan, root: &'a Object, told: bool) -> Self {
        Walk {
            plan,
            root,
            trail: Trail::new(plan.direction, told),
            sure: true,
            depth: 0,
            added: Vec::new(),
            absorbed: Vec::new(),
        }
    }

    /// A whole resource; nothing when its type is unknown.
    pub(super) fn resource(&mut self, source: &Object) -> Option<Object> {
        let kind = source.get("resourceType")?.as_str()?;
        let at = self.plan.pair(kind, kind)?;
        let name = self.plan.pairs[at].source;
        let outermost = self.trail.is_empty();
        if outermost {
            self.trail.enter(Place {
                source: name,
                target: name,
                source_index: None,
                target_index: None,
            });
        }
        let made = self.object(at, source);
        if outermost {
            self.trail.leave();
        }
        Some(made)
    }

    /// An object, by the plan at this position.
    pub(super) fn object(&mut self, at: usize, source: &Object) -> Object {
        let pair = &self.plan.pairs[at];
        let mut part = Part::new(pair, source);
        let lacks = |fill: &Fill| !fill.any_of.iter().any(|name| has(source, name));
        self.sure &= !pair.demanded.iter().any(lacks);
        self.members(&mut part);
        self.sure &= part.restored.is_empty();
        self.rules(&mut part);
        for (name, element, extension) in std::mem::take(&mut part.restored) {
            self.restore(&mut part, name, element, extension);
        }
        self.contained(&mut part);
        self.sure &= !part.fill();
        if part.carried.len() > 1
            && let Some(table) = self.plan.source.type_(pair.source)
        {
            carrier::in_order(&mut part.carried, &pair.carrier, table);
        }
        append_extensions(&mut part.out, part.carried);
        part.out
    }

    /// Every member by its step, in the order they came; what a rule sees to is left to it.
    fn members(&mut self, part: &mut Part<'_>) {
        let (pair, source) = (part.pair, part.source);
        // Few objects have anything below a primitive: one look spares one per member.
        let has_below = source.keys().any(|key| key.starts_with('_'));
        for (key, value) in source {
            let name = if has_below {
                key.strip_prefix('_').unwrap_or(key)
            } else {
                key
            };
            let below = name.len() < key.len();
            if below && source.contains_key(name) {
                continue;
            }
            let Some(step) = pair.steps.get(name) else {
                // `resourceType`, and what is no FHIR of this version: kept as it is, though the way back may know the name.
                self.sure &= name == "resourceType";
                part.out.insert(key.clone(), value.clone());
                continue;
            };
            if below {
                self.element(part, step, None, Some(value));
            } else {
                let beside = (has_below && step.element.is_primitive())
                    .then(|| source.get(&step.below))
                    .flatten();
                self.element(part, step, Some(value), beside);
            }
        }
    }

    /// What needs more than one element at a time.
    fn rules(&mut self, part: &mut Part<'_>) {
        for merge in &part.pair.merges {
            codeable_reference::merge(self, part, merge);
        }
        let direction = self.plan.direction;
        for special in &part.pair.specials {
            if !special.says && special.names(direction).iter().any(|name| has(part.source, name)) {
                self.doubt();
            }
            match direction {
                Direction::Up => (special.up)(self, part),
                Direction::Down => (special.down)(self, part),
            }
        }
    }

    /// One element of the source: where it goes in the target, or by carrier.
    fn element<'s>(
        &mut self,
        part: &mut Part<'s>,
        step: &'static Step,
        value: Option<&'s Value>,
        beside: Option<&'s Value>,
    ) {
        // One value where a list belongs, or the other way: no FHIR of this version.
        self.sure &= value.is_none_or(|value| value.is_array() == step.element.many);
        if step.is_filling(value, beside) {
            return self.doubt();
        }
        let mapped = match &step.to {
            To::Special | To::Merge => return,
            To::Carry if carrier::LISTS.contains(&step.name) => {
                let url = step.carrier.clone();
                let list = self.silently(|walk| carrier::encode_list(walk, url, value?));
                part.carried.extend(list);
                return self.doubt();
            }
            To::Carry => {
                for item in items(value, beside) {
                    let carried = self.carry(part.pair, step, item);
                    part.carried.push(carried);
                }
                return;
            }
            // What is contained comes last, see `contained`.
            To::Element(mapped) if matches!(mapped.how, How::Contained) => return,
            To::Element(mapped) => mapped,
        };
        if matches!(mapped.how, How::Copy) && step.element.many == mapped.element.many {
            if let Some(value) = value {
                part.out.insert(mapped.name.to_owned(), value.clone());
            }
            if let Some(beside) = beside {
                let beside = self.beside(beside);
                part.out.insert(underscored(mapped.name), beside);
            }
            if mapped.name != step.name {
                self.doubt();
                self.trail.note(mapped.name, step.name);
            }
            return;
        }
        if matches!(mapped.how, How::Extension) {
            self.extensions(part, step.name, value);
            return;
        }
        if mapped.name != step.name {
            self.doubt();
            self.trail.note(mapped.name, step.name);
        }
        if !matches!(mapped.how, How::Object(_) | How::Reference(..) | How::Code(_))
            || step.element.many != mapped.element.many
        {
            self.doubt();
        }
        self.items_to(part, step, mapped, items(value, beside));
    }

    fn items_to<'s>(&mut self, part: &mut Part<'s>, step: &'static Step, mapped: &'static Mapped, list: Vec<Item<'s>>) {
        let mut made = Vec::with_capacity(list.len());
        for (index, item) in list.into_iter().enumerate() {
            if !mapped.element.many && !made.is_empty() {
                let carried = self.carry(part.pair, step, item);
                part.carried.push(carried);
                continue;
            }
            let source_index = step.element.many.then_some(index);
            let target_index = mapped.element.many.then_some(made.len());
            self.trail.enter(Place {
                source: step.name,
                target: mapped.name,
                source_index,
                target_index,
            });
            let result = self.value(part.pair, step, mapped, &mapped.how, item);
            self.trail.leave();
            if step.element.many != mapped.element.many {
                let target = indexed(mapped.name, mapped.element.many, 0);
                self.trail.note(&target, &indexed(step.name, step.element.many, 0));
            }
            match result {
                Some(result) => made.push(result),
                None => {
                    let carried = self.carry(part.pair, step, item);
                    part.carried.push(carried);
                }
            }
        }
        put(&mut part.out, mapped.name, mapped.element.many, made);
    }

    /// One value; nothing when it has no place in the target.
    pub(super) fn value(
        &mut self,
        pair: &'static Pair,
        step: &'static Step,
        mapped: &'static Mapped,
        how: &'static How,
        item: Item<'_>,
    ) -> Option<Made> {
        let (value, beside) = item;
        let plain = |walk: &mut Self, value: Option<Value>| Some((value, beside.map(|b| walk.beside(b))));
        match how {
            How::Copy => plain(self, value.cloned()),
            How::CopyIf(fits) => {
                let fits = value.is_none_or(|v| v.as_str().is_some_and(fits));
                if fits { plain(self, value.cloned()) } else { None }
            }
            How::NumberToText => match value {
                Some(Value::Number(number)) => plain(self, Some(Value::String(number.to_string()))),
                None => plain(self, None),
                Some(_) => None,
            },
            How::TextToNumber => match value {
                Some(Value::String(text)) => plain(self, Some(unsigned(text)?)),
                None => plain(self, None),
                Some(_) => None,
            },
            How::Code(lacking) => Some(self.code(step, mapped, lacking, item)),
            How::Object(at) => match value {
                Some(Value::Object(object)) => Some((Some(Value::Object(self.object(*at, object))), None)),
                other => Some((other.cloned(), None)),
            },
            How::Reference(at, targets) => match value {
                Some(Value::Object(object)) => {
                    let urls = [step.carrier.as_str(), mapped.restore.as_str()];
                    // What this version does not allow either, the way back would set aside.
                    self.sure &= step.element.targets.is_empty() || self.allowed(object, &step.element.targets);
                    Some((Some(Value::Object(self.reference(*at, object, targets, urls))), None))
                }
                other => Some((other.cloned(), None)),
            },
            How::Extension | How::Contained => Some((value.cloned(), None)),
            How::Wrap {
                member,
                inner,
                primitive,
            }
            | How::Unwrap {
                member,
                inner,
                primitive,
            } => {
                let wrapping = Wrapping {
                    pair,
                    step,
                    mapped,
                    member,
                    inner,
                    primitive: *primitive,
                };
                if matches!(how, How::Wrap { .. }) {
                    self.trail.note_wrapped(member);
                    wrap(self, wrapping, item)
                } else {
                    self.trail.note_unwrapped(member);
                    unwrap(self, wrapping, item)
                }
            }
        }
    }

    /// An extension of the source as one of the target.
    pub(super) fn extension(&mut self, extension: &Value) -> Value {
        match extension {
            Value::Object(object) => Value::Object(carrier::extension(self, object)),
            other => other.clone(),
        }
    }

    /// What stands under `_name`: ids and extensions of primitives.
    pub(super) fn beside(&mut self, beside: &Value) -> Value {
        match beside {
            Value::Array(list) => Value::Array(list.iter().map(|b| self.beside(b)).collect()),
            Value::Object(object) => {
                let convert = |(key, value): (&String, &Value)| {
                    let value = match value {
                        Value::Array(list) if key == "extension" => {
                            Value::Array(list.iter().map(|e| self.extension(e)).collect())
                        }
                        other => other.clone(),
                    };
                    (key.clone(), value)
                };
                Value::Object(object.iter().map(convert).collect())
            }
            other => other.clone(),
        }
    }

    /// Something took another form: the way back is to be tried.
    pub(super) fn doubt(&mut self) {
        self.sure = false;
    }

    /// Does something inside a carrier.
    pub(super) fn silently<T>(&mut self, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.trail.hush();
        let made = inside(self);
        self.trail.speak();
        made
    }

    /// A resource that is made from an element of another one: paths below it begin at `base` (target, source).
    pub(super) fn made_from(&mut self, source: &Object, base: (String, String)) -> Option<Object> {
        let left = self.trail.begin_at(base);
        self.depth += 1;
        let made = self.resource(source);
        self.depth -= 1;
        self.trail.resume(left);
        made
    }

    /// A value of a datatype that both versions know.
    pub(super) fn convert(&mut self, type_name: &str, value: &Value) -> Value {
        match (value, self.plan.pair(type_name, type_name)) {
            (Value::Object(object), Some(pair)) => Value::Object(self.object(pair, object)),
            (Value::Array(list), _) => Value::Array(list.iter().map(|v| self.convert(type_name, v)).collect()),
            _ => value.clone(),
        }
    }

    /// `contained` comes last: by then it is known which ones were turned into something else.
    fn contained(&mut self, part: &mut Part<'_>) {
        if !part.pair.steps.contains_key("contained") {
            return;
        }
        let outermost = self.depth == 0;
        let mut made = Vec::new();
        if let Some(value) = part.source.get("contained") {
            let Value::Array(list) = value else {
                part.out.insert("contained".into(), value.clone());
                return;
            };
            self.depth += 1;
            for (index, resource) in list.iter().enumerate() {
                if outermost && self.absorbed.contains(&index) {
                    continue;
                }
                if made.len() != index {
                    self.trail
                        .note(&format!("contained[{}]", made.len()), &format!("contained[{index}]"));
                }
                self.trail.enter(Place {
                    source: "contained",
                    target: "contained",
                    source_index: Some(index),
                    target_index: Some(made.len()),
                });
                let converted = resource
                    .as_object()
                    .and_then(|object| self.resource(object))
                    .map(Value::Object);
                self.trail.leave();
                made.push(converted.unwrap_or_else(|| resource.clone()));
            }
            self.depth -= 1;
        }
        if outermost && !self.trail.is_silent() {
            made.append(&mut self.added);
        }
        if !made.is_empty() {
            part.out.insert("contained".into(), Value::Array(made));
        }
    }
}
