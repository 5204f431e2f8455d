//! The walk over a resource: one pass that builds the resource of the other version by the plan. Called by `mod.rs`.

use serde_json::Value;

use super::carrier::{self, Wrapping};
use super::paths::PathMap;
use super::plan::{How, Mapped, Pair, Plan, Step, To};
pub use super::values::{
    Item, Made, Object, absent, append_extensions, is_filling, items, literal_type, part_url, put, stated_types,
    underscored,
};
use super::values::{has, indexed, unsigned};
use crate::fhir::elements::Element;

/// One step of the way from the resource to the element at hand, in both versions.
#[derive(Clone, Copy)]
struct Place {
    source: &'static str,
    target: &'static str,
    source_index: Option<usize>,
    target_index: Option<usize>,
}

pub struct Walk<'a> {
    pub plan: &'static Plan,
    /// The outermost resource: contained ones are looked up there.
    pub root: &'a Object,
    pub paths: PathMap,
    trail: Vec<Place>,
    /// Where the trail begins, target and source, for a contained resource made from something else.
    base: Option<(String, String)>,
    /// Whether everything so far had the same name and form in both versions, so that the way back need not be tried.
    pub sure: bool,
    /// Whether paths are wanted.
    pub told: bool,
    /// Inside a carrier nothing has a path of its own.
    pub silent: usize,
    /// How many resources are around the one at hand (0: the outermost).
    pub depth: usize,
    /// Contained resources that the conversion adds to the outermost one.
    pub added: Vec<Value>,
    /// Contained resources of the outermost one that were turned into something else.
    pub absorbed: Vec<usize>,
}

/// An object on its way: what it comes from and what has been made so far.
pub struct Part<'a> {
    pub pair: &'static Pair,
    pub source: &'a Object,
    pub out: Object,
    /// Extensions to be appended.
    pub carried: Vec<Value>,
    /// Carriers found that hold an element of the target: name, element, extension.
    pub restored: Vec<(&'static str, &'static Element, &'a Object)>,
}

impl<'a> Part<'a> {
    /// Takes the carriers for one element of the target out of the list.
    pub fn take_restored(&mut self, name: &str) -> Vec<&'a Object> {
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
    pub fn items(&self, name: &str) -> Vec<Item<'a>> {
        let step = self.pair.steps.get(name).filter(|step| step.element.is_primitive());
        items(
            self.source.get(name),
            step.and_then(|step| self.source.get(&step.below)),
        )
    }
}

impl<'a> Walk<'a> {
    pub fn new(plan: &'static Plan, root: &'a Object) -> Self {
        Walk {
            plan,
            root,
            paths: PathMap::default(),
            trail: Vec::new(),
            base: None,
            sure: true,
            told: true,
            silent: 0,
            depth: 0,
            added: Vec::new(),
            absorbed: Vec::new(),
        }
    }

    /// A whole resource; nothing when its type is unknown.
    pub fn resource(&mut self, source: &Object) -> Option<Object> {
        let kind = source.get("resourceType")?.as_str()?;
        let at = self.plan.pair(kind, kind)?;
        let name = self.plan.pairs[at].source;
        let outermost = self.trail.is_empty() && self.base.is_none();
        if outermost {
            self.trail.push(Place {
                source: name,
                target: name,
                source_index: None,
                target_index: None,
            });
        }
        let made = self.object(at, source);
        if outermost {
            self.trail.pop();
        }
        Some(made)
    }

    pub fn object(&mut self, at: usize, source: &Object) -> Object {
        let plan = self.plan;
        let pair = &plan.pairs[at];
        let mut part = Part {
            pair,
            source,
            out: Object::with_capacity(source.len() + 1),
            carried: Vec::new(),
            restored: Vec::new(),
        };
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
                // `resourceType`, and what is no FHIR at all: kept as it is.
                part.out.insert(key.clone(), value.clone());
                continue;
            };
            if matches!(
                &step.to,
                To::Element(Mapped {
                    how: How::Contained,
                    ..
                })
            ) {
                continue;
            }
            if below {
                self.element(&mut part, step, None, Some(value));
            } else {
                let beside = if has_below && step.element.is_primitive() {
                    source.get(&step.below)
                } else {
                    None
                };
                self.element(&mut part, step, Some(value), beside);
            }
        }
        self.sure &= part.restored.is_empty();
        for merge in &pair.merges {
            super::codeable_reference::merge(self, &mut part, merge);
        }
        for special in &pair.specials {
            if !special.says && special.names(plan.direction).iter().any(|name| has(source, name)) {
                self.doubt();
            }
            match plan.direction {
                super::plan::Direction::Up => (special.up)(self, &mut part),
                super::plan::Direction::Down => (special.down)(self, &mut part),
            }
        }
        for (name, element, extension) in std::mem::take(&mut part.restored) {
            self.restore(&mut part, name, element, extension);
        }
        self.contained(&mut part);
        self.sure &= !fill(&mut part);
        if part.carried.len() > 1
            && let Some(table) = plan.source.type_(pair.source)
        {
            carrier::in_order(&mut part.carried, &pair.carrier, table);
        }
        append_extensions(&mut part.out, part.carried);
        part.out
    }

    fn element<'s>(
        &mut self,
        part: &mut Part<'s>,
        step: &'static Step,
        value: Option<&'s Value>,
        beside: Option<&'s Value>,
    ) {
        if step.may_be_filled && is_filling(value, beside) {
            return self.doubt();
        }
        let mapped = match &step.to {
            To::Special | To::Merge => return,
            To::Carry if carrier::LISTS.contains(&step.name) => {
                self.silent += 1;
                let list = value.and_then(|list| carrier::encode_list(self, step.carrier.clone(), list));
                self.silent -= 1;
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
                self.note(mapped.name, step.name);
            }
            return;
        }
        if matches!(mapped.how, How::Extension) {
            self.extensions(part, step.name, value);
            return;
        }
        if mapped.name != step.name {
            self.doubt();
            self.note(mapped.name, step.name);
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
            self.trail.push(Place {
                source: step.name,
                target: mapped.name,
                source_index,
                target_index,
            });
            let result = self.value(part.pair, step, mapped, &mapped.how, item);
            self.trail.pop();
            if step.element.many != mapped.element.many {
                let (t, s) = (
                    indexed(mapped.name, mapped.element.many),
                    indexed(step.name, step.element.many),
                );
                self.note(&t, &s);
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
    pub fn value(
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
                Some(Value::Object(object)) => Some((
                    Some(Value::Object(self.reference(
                        *at,
                        object,
                        targets,
                        [&step.carrier, &mapped.restore],
                    ))),
                    None,
                )),
                other => Some((other.cloned(), None)),
            },
            How::Extension | How::Contained => Some((value.cloned(), None)),
            How::Wrap {
                member,
                inner,
                primitive,
            } => {
                self.note_below(member, true);
                carrier::wrap(
                    self,
                    Wrapping {
                        pair,
                        step,
                        mapped,
                        member,
                        inner,
                        primitive: *primitive,
                    },
                    item,
                )
            }
            How::Unwrap {
                member,
                inner,
                primitive,
            } => {
                self.note_below(member, false);
                carrier::unwrap(
                    self,
                    Wrapping {
                        pair,
                        step,
                        mapped,
                        member,
                        inner,
                        primitive: *primitive,
                    },
                    item,
                )
            }
        }
    }

    /// A code of a required binding: the nearest code where the target lacks it, the original beside it.
    fn code(
        &mut self,
        step: &'static Step,
        mapped: &'static Mapped,
        lacking: &std::collections::HashMap<&'static str, Option<&'static str>>,
        item: Item<'_>,
    ) -> Made {
        let (value, beside) = item;
        let code = value.and_then(Value::as_str);
        self.sure &= beside.is_none() && code.is_none_or(|code| !lacking.contains_key(code));
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
        let Some(near) = code.and_then(|code| lacking.get(code)) else {
            return (value.cloned(), made);
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
        (near.map(|near| Value::String(near.to_owned())), made)
    }

    /// Whether `code` in the source is what the conversion writes for the target's `original`: somebody may have
    /// changed the code since, then the note beside it no longer holds.
    fn stands_for(&self, step: &Step, mapped: &Mapped, original: Option<&str>, code: Option<&str>) -> bool {
        let Some(original) = original else { return false };
        let listed = |tables: &'static crate::fhir::elements::Tables, e: &Element, c: &str| {
            e.codes
                .as_deref()
                .and_then(|key| tables.codes(key))
                .is_some_and(|list| list.lists(c))
        };
        let key = mapped.element.codes.as_deref().unwrap_or_default();
        !listed(self.plan.source, step.element, original)
            && listed(self.plan.target, mapped.element, original)
            && super::plan::nearest(key, original) == code
    }

    /// A reference whose target type the other version does not allow here leaves a stand-in with the original in an
    /// extension: the position in a list and the minimum are kept.
    pub fn reference(
        &mut self,
        at: usize,
        object: &Object,
        targets: &'static [String],
        [carrier, restore]: [&str; 2],
    ) -> Object {
        if object.len() == 1
            && let Some((rest, original)) = carrier::without_last(object, restore)
            && rest.is_empty()
            && let Some(Value::Object(original)) = original.get("valueReference")
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
        extension.insert("valueReference".into(), Value::Object(made));
        let mut stand_in = Object::new();
        append_extensions(&mut stand_in, vec![Value::Object(extension)]);
        stand_in
    }

    /// The same for any value, by the names of the rules in `special.rs`.
    pub fn reference_in(&mut self, value: &Value, targets: &'static [String], urls: [&str; 2]) -> Value {
        match (value, self.plan.pair("Reference", "Reference")) {
            (Value::Object(object), Some(pair)) => Value::Object(self.reference(pair, object, targets, urls)),
            _ => value.clone(),
        }
    }

    /// What is not stated is not wrong.
    pub fn allowed(&self, reference: &Object, targets: &[String]) -> bool {
        stated_types(reference, self.root)
            .into_iter()
            .flatten()
            .all(|kind| targets.iter().any(|t| t == kind))
    }

    /// The list of extensions of an object: carriers for elements of the target are set aside, the rest is converted.
    fn extensions<'s>(&mut self, part: &mut Part<'s>, name: &'static str, value: Option<&'s Value>) {
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

    pub fn extension(&mut self, extension: &Value) -> Value {
        match extension {
            Value::Object(object) => Value::Object(carrier::extension(self, object)),
            other => other.clone(),
        }
    }

    /// What stands under `_name`: ids and extensions of primitives.
    pub fn beside(&mut self, beside: &Value) -> Value {
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
    pub fn doubt(&mut self) {
        self.sure = false;
    }

    /// The generic carrier for one item of an element.
    pub fn carry(&mut self, pair: &'static Pair, step: &'static Step, item: Item<'_>) -> Value {
        self.doubt();
        self.silent += 1;
        let carried = carrier::encode_element(self, &pair.carrier, step.name, step.element, item);
        self.silent -= 1;
        carried
    }

    /// A resource that is made from an element of another one: paths below it begin at `base` (target, source).
    pub fn made_from(&mut self, source: &Object, base: (String, String)) -> Option<Object> {
        let trail = std::mem::take(&mut self.trail);
        let before = self.base.replace(base);
        self.depth += 1;
        let made = self.resource(source);
        self.depth -= 1;
        self.base = before;
        self.trail = trail;
        made
    }

    /// The position of the element at hand in its list, in the source.
    pub fn position(&self) -> Option<usize> {
        self.trail.last().and_then(|place| place.source_index)
    }

    /// A value of a datatype that both versions know.
    pub fn convert(&mut self, type_name: &str, value: &Value) -> Value {
        match (value, self.plan.pair(type_name, type_name)) {
            (Value::Object(object), Some(pair)) => Value::Object(self.object(pair, object)),
            (Value::Array(list), _) => Value::Array(list.iter().map(|v| self.convert(type_name, v)).collect()),
            _ => value.clone(),
        }
    }

    /// Carries a whole element of the source, by name.
    pub fn carry_all<'s>(&mut self, part: &mut Part<'s>, name: &str) {
        if let Some(step) = part.pair.steps.get(name) {
            for item in part.items(name) {
                let carried = self.carry(part.pair, step, item);
                part.carried.push(carried);
            }
        }
    }

    fn restore<'s>(
        &mut self,
        part: &mut Part<'s>,
        name: &'static str,
        element: &'static Element,
        extension: &'s Object,
    ) {
        self.silent += 1;
        let decoded = if carrier::LISTS.contains(&name) {
            if let Some(list) = carrier::decode_list(self, extension) {
                part.out.insert(name.to_owned(), list);
                self.silent -= 1;
                return;
            }
            None
        } else if !element.many && present(&part.out, name, element, part.pair, self.plan) {
            None
        } else {
            carrier::decode(self, element, extension)
        };
        match decoded {
            Some(made) => put(&mut part.out, name, element.many, vec![made]),
            None => self.keep(part, extension),
        }
        self.silent -= 1;
    }

    /// An extension that looks like a carrier but cannot be read as one stays an extension.
    pub fn keep(&mut self, part: &mut Part<'_>, extension: &Object) {
        let kept = carrier::extension(self, extension);
        part.carried.push(Value::Object(kept));
    }

    /// `contained` comes last: by then it is known which ones were turned into something else.
    fn contained<'s>(&mut self, part: &mut Part<'s>) {
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
                    let (t, s) = (format!("contained[{}]", made.len()), format!("contained[{index}]"));
                    self.note(&t, &s);
                }
                self.trail.push(Place {
                    source: "contained",
                    target: "contained",
                    source_index: Some(index),
                    target_index: Some(made.len()),
                });
                let converted = resource
                    .as_object()
                    .and_then(|object| self.resource(object))
                    .map(Value::Object);
                self.trail.pop();
                made.push(converted.unwrap_or_else(|| resource.clone()));
            }
            self.depth -= 1;
        }
        if outermost && self.silent == 0 {
            made.append(&mut self.added);
        }
        if !made.is_empty() {
            part.out.insert("contained".into(), Value::Array(made));
        }
    }

    /// Notes that `target`, below the element at hand, stood at `source`.
    pub fn note(&mut self, target: &str, source: &str) {
        if self.told && self.silent == 0 && (self.base.is_some() || !self.trail.is_empty()) {
            let (t, s) = (self.here(true), self.here(false));
            self.paths.add(format!("{t}.{target}"), format!("{s}.{source}"));
        }
    }

    /// Notes that a member of the element at hand stands for the element itself (or the other way round).
    fn note_below(&mut self, member: &str, wrapped: bool) {
        if !self.told || self.silent > 0 {
            return;
        }
        let (t, s) = (self.here(true), self.here(false));
        if wrapped {
            self.paths.add(format!("{t}.{member}"), s);
        } else {
            self.paths.add(t, format!("{s}.{member}"));
        }
    }

    /// The way to the element at hand, in the target (`true`) or the source.
    pub fn here(&self, target: bool) -> String {
        let mut path = String::with_capacity(64);
        if let Some((to, from)) = &self.base {
            path.push_str(if target { to } else { from });
            if self.trail.is_empty() {
                return path;
            }
        }
        for place in &self.trail {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(if target { place.target } else { place.source });
            if let Some(index) = if target { place.target_index } else { place.source_index } {
                path.push_str(&format!("[{index}]"));
            }
        }
        path
    }
}

/// Whether the element, or another one of its choice, is there already.
fn present(out: &Object, name: &str, element: &Element, pair: &Pair, plan: &Plan) -> bool {
    let has = |name: &str| out.contains_key(name) || out.contains_key(&underscored(name));
    match &element.choice {
        None => has(name),
        Some(choice) => plan.target.type_(pair.target).is_some_and(|table| {
            table
                .iter()
                .any(|(other, e)| e.choice.as_ref() == Some(choice) && has(other))
        }),
    }
}

/// Fills in what the target demands; true when there was something to fill.
fn fill(part: &mut Part<'_>) -> bool {
    let mut filled = false;
    for fill in &part.pair.fills {
        let there = |name: &&str| part.out.contains_key(*name) || part.out.contains_key(&underscored(name));
        if fill.any_of.iter().any(there) {
            continue;
        }
        let value = Value::Object(absent());
        let value = if fill.many { Value::Array(vec![value]) } else { value };
        let name = if fill.primitive {
            underscored(fill.name)
        } else {
            fill.name.to_owned()
        };
        part.out.insert(name, value);
        filled = true;
    }
    filled
}
