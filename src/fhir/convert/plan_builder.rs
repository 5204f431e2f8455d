//! Works the plan of one direction out, once per process: from the element tables of both versions and the rows of
//! `tables.rs`. Called by [`super::plan::Plan::of`].

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::plan::{Direction, Fill, How, Mapped, Merge, Pair, Plan, R4_EXTENSION, R5_EXTENSION, Step, Steps, To};
use super::primitive::primitive;
use super::special::Special;
use super::tables::{self, Row};
use super::values::{Made, absent};
use crate::fhir::elements::{CodeList, Element, TypeTable, elements};
use crate::fhir::version::FhirVersion;

/// The plan of one direction.
pub(super) fn build(direction: Direction) -> Plan {
    let (r4, r5) = (elements(FhirVersion::R4), elements(FhirVersion::R5));
    let (source, target, source_base, target_base) = match direction {
        Direction::Up => (r4, r5, R4_EXTENSION, R5_EXTENSION),
        Direction::Down => (r5, r4, R5_EXTENSION, R4_EXTENSION),
    };
    let resource_types = match target.codes("resource-types") {
        Some(CodeList::Listed(systems)) => systems.values().flatten().map(String::as_str).collect(),
        _ => HashSet::new(),
    };
    let plan = Plan {
        direction,
        source,
        target,
        source_base,
        target_base,
        pairs: Vec::new(),
        resource_types,
        index: HashMap::new(),
    };
    let mut builder = Builder { plan, todo: Vec::new() };
    let mut names: Vec<&'static str> = source.names().filter(|name| target.type_(name).is_some()).collect();
    names.sort_unstable();
    for name in names {
        builder.pair(name, name);
    }
    for rows in tables::TYPES {
        let (s, t) = builder.oriented(rows.r4, rows.r5);
        builder.pair(s, t);
    }
    while let Some(at) = builder.todo.pop() {
        builder.work_out(at);
    }
    builder.plan
}

struct Builder {
    plan: Plan,
    /// Pairs named but not yet worked out.
    todo: Vec<usize>,
}

impl Builder {
    fn oriented<T>(&self, r4: T, r5: T) -> (T, T) {
        match self.plan.direction {
            Direction::Up => (r4, r5),
            Direction::Down => (r5, r4),
        }
    }

    fn rows(&self, source: &str, target: &str) -> Option<&'static tables::TypeRows> {
        let (r4, r5) = self.oriented(source, target);
        tables::rows(r4, r5)
    }

    fn pair(&mut self, source: &'static str, target: &'static str) -> usize {
        if let Some(at) = self.plan.pair(source, target) {
            return at;
        }
        let at = self.plan.pairs.len();
        self.plan.pairs.push(Pair {
            source,
            target,
            steps: Steps::default(),
            merges: Vec::new(),
            specials: Vec::new(),
            fills: Vec::new(),
            demanded: Vec::new(),
            restorable: HashMap::new(),
            carrier: format!("{}{source}.", self.plan.source_base),
            restore: format!("{}{target}.", self.plan.target_base),
        });
        self.plan.index.entry(source).or_default().insert(target, at);
        self.todo.push(at);
        at
    }

    /// The steps of one pair: first what the rows say, then every other element under its own name.
    fn work_out(&mut self, at: usize) {
        let (source_name, target_name) = (self.plan.pairs[at].source, self.plan.pairs[at].target);
        let (Some(source), Some(target)) = (self.plan.source.type_(source_name), self.plan.target.type_(target_name))
        else {
            return;
        };
        let mut pair = Sides::new(&self.plan.pairs[at], source, target);
        for row in self.rows(source_name, target_name).map_or(&[][..], |t| t.rows) {
            self.follow(row, &mut pair);
        }
        for (name, element) in source.iter() {
            if pair.steps.contains_key(name) {
                continue;
            }
            let to = target.get(name).filter(|_| !pair.taken.contains(&name));
            match to.and_then(|to| Some((to, self.how(element, to)?))) {
                Some((to, how)) => pair.maps(name, element, name, to, how),
                None => pair.step(name, element, To::Carry),
            }
        }
        // What the other direction may have filled in is dropped.
        let demanded = fills(source_name, target, source);
        for fill in &demanded {
            if let Some(step) = pair.steps.get_mut(fill.name) {
                step.filling = Some(fill.value.clone());
            }
        }
        let restorable = pair.restorable();
        let made = &mut self.plan.pairs[at];
        made.steps = pair.steps;
        made.merges = pair.merges;
        made.specials = pair.specials;
        made.restorable = restorable;
        made.demanded = demanded;
        made.fills = fills(target_name, source, target);
    }

    /// What a row of the tables says of a pair.
    fn follow(&mut self, row: &'static Row, pair: &mut Sides) {
        match row {
            Row::Rename(r4, r5) | Row::Wrap { r4, r5, .. } => {
                let (s, t) = self.oriented(*r4, *r5);
                let (Some(from), Some(to)) = (pair.source.get(s), pair.target.get(t)) else {
                    return;
                };
                let how = match row {
                    Row::Wrap { member, .. } => self.wrap(member, from, to),
                    _ => self.how(from, to),
                };
                if let Some(how) = how {
                    pair.maps(s, from, t, to, how);
                    pair.taken.push(t);
                }
            }
            Row::Merge { code, reference, r5 } | Row::MergeChoice { code, reference, r5 } => {
                pair.merges.push(Merge {
                    code,
                    reference,
                    r5,
                    choice: matches!(row, Row::MergeChoice { .. }),
                });
                let (s, t) = self.oriented(vec![*code, *reference], vec![*r5]);
                pair.leaves(&s, &t, || To::Merge);
            }
            Row::Special(special) => {
                pair.specials.push(special);
                let (s, t) = self.oriented(special.r4, special.r5);
                pair.leaves(s, t, || To::Special);
            }
        }
    }

    /// What a value of `from` needs to become one of `to`; nothing when the types do not fit.
    fn how(&mut self, from: &'static Element, to: &'static Element) -> Option<How> {
        let (s, t) = (from.type_name.as_str(), to.type_name.as_str());
        match (from.is_primitive(), to.is_primitive()) {
            (true, true) => primitive(self.plan.source, self.plan.target, from, to),
            (false, false) if s == "Extension" && t == "Extension" => Some(How::Extension),
            (false, false) if s == "Resource" && t == "Resource" => Some(How::Contained),
            (false, false) if s == t || self.rows(s, t).is_some() => {
                let known = self.plan.source.type_(s).is_some() && self.plan.target.type_(t).is_some();
                known.then(|| match self.pair(s, t) {
                    pair if s == "Reference" && !to.targets.is_empty() && to.targets != from.targets => {
                        How::Reference(pair, &to.targets)
                    }
                    // The way back of such a reference: its stand-in must be seen.
                    pair if s == "Reference" && to.targets != from.targets => How::Reference(pair, &[]),
                    pair => How::Object(pair),
                })
            }
            _ => None,
        }
    }

    fn wrap(&mut self, member: &'static str, from: &'static Element, to: &'static Element) -> Option<How> {
        match self.plan.direction {
            Direction::Up => {
                let inner = self.plan.target.type_(&to.type_name)?.get(member)?;
                let primitive = inner.is_primitive();
                // The targets of a CodeableReference stand on the element, not on its member.
                let how = if inner.type_name == "Reference" {
                    self.how(from, as_reference(to, inner))
                } else {
                    self.how(from, inner)
                };
                Some(How::Wrap {
                    member,
                    inner: Box::new(how?),
                    primitive,
                })
            }
            Direction::Down => {
                let inner = self.plan.source.type_(&from.type_name)?.get(member)?;
                let primitive = inner.is_primitive();
                let how = if inner.type_name == "Reference" {
                    self.how(as_reference(from, inner), to)
                } else {
                    self.how(inner, to)
                };
                Some(How::Unwrap {
                    member,
                    inner: Box::new(how?),
                    primitive,
                })
            }
        }
    }
}

/// A pair while it is worked out.
struct Sides {
    source: &'static TypeTable,
    target: &'static TypeTable,
    /// Urls of the carriers, for an element of the source and of the target.
    carrier: String,
    restore: String,
    steps: Steps,
    /// Elements of the target that a row gives to another element of the source.
    taken: Vec<&'static str>,
    merges: Vec<Merge>,
    specials: Vec<&'static Special>,
}

impl Sides {
    fn new(pair: &Pair, source: &'static TypeTable, target: &'static TypeTable) -> Sides {
        Sides {
            source,
            target,
            carrier: pair.carrier.clone(),
            restore: pair.restore.clone(),
            steps: Steps::default(),
            taken: Vec::new(),
            merges: Vec::new(),
            specials: Vec::new(),
        }
    }

    fn step(&mut self, name: &'static str, element: &'static Element, to: To) {
        self.steps.insert(name, Step::new(name, element, to, &self.carrier));
    }

    fn maps(
        &mut self,
        name: &'static str,
        from: &'static Element,
        target: &'static str,
        to: &'static Element,
        how: How,
    ) {
        let to = To::Element(Mapped::new(target, to, how, &self.restore));
        self.step(name, from, to);
    }

    /// Leaves these elements to a rule.
    fn leaves(&mut self, names: &[&'static str], targets: &[&'static str], to: fn() -> To) {
        for name in names {
            if let Some(element) = self.source.get(name) {
                self.step(name, element, to());
            }
        }
        self.taken.extend(targets);
    }

    /// The elements of the target that no step surely makes: they may come back from a carrier.
    fn restorable(&self) -> HashMap<&'static str, &'static Element> {
        let straight = |name: &str| {
            self.steps.values().any(|step| match &step.to {
                To::Element(m) => m.name == name && !m.how.may_fail() && (step.element.many || !m.element.many),
                _ => false,
            })
        };
        let by_rule = |name: &&str| self.specials.iter().any(|s| s.may_be_carried.contains(name));
        let elements = self.target.iter();
        elements.filter(|(name, _)| !straight(name) || by_rule(name)).collect()
    }
}

/// What the target demands and the source may lack.
fn fills(target_name: &str, source: &'static TypeTable, target: &'static TypeTable) -> Vec<Fill> {
    let mut fills: Vec<Fill> = Vec::new();
    for (name, element) in target.iter().filter(|(_, e)| e.min > 0) {
        let choice = element.choice.as_deref();
        let in_source = source.get(name).is_some_and(|e| e.min > 0);
        if in_source && (choice.is_none() || same_choice(source, target, choice)) {
            continue;
        }
        let known = fills
            .iter_mut()
            .find(|f| choice.is_some() && target.get(f.name).is_some_and(|e| e.choice.as_deref() == choice));
        match known {
            Some(fill) => fill.any_of.push(name),
            None => fills.push(Fill {
                name,
                any_of: vec![name],
                value: filling(target_name, name, element),
            }),
        }
    }
    fills
}

/// What is filled in for an element.
fn filling(type_name: &str, name: &str, element: &Element) -> Made {
    let fixed = tables::FIXED
        .iter()
        .find(|(t, n, _)| *t == type_name && *n == name)
        .and_then(|(_, _, text)| serde_json::from_str::<Value>(text).ok());
    let mut mark = absent();
    let item = match fixed {
        Some(Value::Object(members)) => {
            mark.extend(members);
            (Some(Value::Object(mark)), None)
        }
        Some(value) => (Some(value), Some(Value::Object(mark))),
        None if element.is_primitive() => (None, Some(Value::Object(mark))),
        None => (Some(Value::Object(mark)), None),
    };
    let listed = |value: Value| {
        if element.many { Value::Array(vec![value]) } else { value }
    };
    (item.0.map(listed), item.1.map(listed))
}

/// A CodeableReference's `reference` member with the targets that are declared for the whole element.
fn as_reference(whole: &'static Element, member: &'static Element) -> &'static Element {
    let mut element = member.clone();
    element.targets.clone_from(&whole.targets);
    Box::leak(Box::new(element))
}

fn same_choice(source: &TypeTable, target: &TypeTable, choice: Option<&str>) -> bool {
    source
        .iter()
        .filter(|(_, e)| e.choice.as_deref() == choice)
        .all(|(name, _)| target.get(name).is_some())
}
