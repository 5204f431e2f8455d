//! What happens to each element of each type, worked out once per direction from the element tables and the rows of
//! `tables.rs`. The walk (`engine.rs`) only follows the plan.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use super::special::Special;
use super::tables::{self, Row};
use crate::fhir::elements::{CodeList, Element, Tables, TypeTable, elements, is_primitive};
use crate::fhir::version::FhirVersion;

/// The base of HL7's cross-version extensions for elements of R4 and of R5.
pub const R4_EXTENSION: &str = "http://hl7.org/fhir/4.0/StructureDefinition/extension-";
pub const R5_EXTENSION: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// R4 → R5
    Up,
    /// R5 → R4
    Down,
}

/// How a value of the source becomes one of the target.
#[derive(Debug)]
pub enum How {
    /// Primitive values of the same form.
    Copy,
    /// A primitive that fits only when the test says so; else it travels by carrier.
    CopyIf(fn(&str) -> bool),
    /// unsignedInt (a JSON number) → integer64 (a JSON string).
    NumberToText,
    /// The way back, for what unsignedInt can hold.
    TextToNumber,
    /// A required code of which the target lacks some: those, with the nearest of the target.
    Code(HashMap<&'static str, Option<&'static str>>),
    /// Another object: the pair of types.
    Object(usize),
    /// A reference whose possible targets differ.
    Reference(usize, &'static [String]),
    Extension,
    Contained,
    /// value → { member: value }
    Wrap {
        member: &'static str,
        inner: Box<How>,
        primitive: bool,
    },
    /// { member: value } → value
    Unwrap {
        member: &'static str,
        inner: Box<How>,
        primitive: bool,
    },
}

impl How {
    /// Whether some values, one way or the other, find no place and go by carrier although the element is mapped.
    fn may_fail(&self) -> bool {
        matches!(self, How::CopyIf(_) | How::TextToNumber | How::NumberToText)
    }
}

pub struct Mapped {
    pub name: &'static str,
    /// Url of a carrier for this element of the target.
    pub restore: String,
    pub element: &'static Element,
    pub how: How,
}

pub enum To {
    Element(Mapped),
    Merge,
    /// A rule of `special.rs` sees to it.
    Special,
    /// No place in the target: the generic carrier.
    Carry,
}

/// An R4 pair of code and reference ↔ an R5 CodeableReference.
pub struct Merge {
    pub code: &'static str,
    pub reference: &'static str,
    pub r5: &'static str,
    /// The R4 pair is one choice element: only one of the two.
    pub choice: bool,
}

pub struct Step {
    pub name: &'static str,
    pub element: &'static Element,
    pub to: To,
    /// `_name`, where extensions of a primitive stand.
    pub below: String,
    /// Url of the carrier for this element.
    pub carrier: String,
    /// The target may lack the element: what stands here may be our own filling (see [`Fill`]).
    pub may_be_filled: bool,
}

impl Mapped {
    fn new(name: &'static str, element: &'static Element, how: How, base: &str) -> Mapped {
        Mapped {
            name,
            restore: format!("{base}{name}"),
            element,
            how,
        }
    }
}

impl Step {
    fn new(name: &'static str, element: &'static Element, to: To, base: &str) -> Step {
        Step {
            name,
            element,
            to,
            below: format!("_{name}"),
            carrier: format!("{base}{name}"),
            may_be_filled: false,
        }
    }
}

/// Steps by name. The names are our own: a plain hash (FNV-1a) does, and every member of every object asks.
pub type Steps = HashMap<&'static str, Step, BuildHasherDefault<Fnv>>;

pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xCBF2_9CE4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// An element the target demands and the source may lack (design, conversion e).
pub struct Fill {
    /// The element itself, or the one of a choice that is filled.
    pub name: &'static str,
    /// Names of which one must be there.
    pub any_of: Vec<&'static str>,
    pub many: bool,
    pub primitive: bool,
}

/// The plan for one type of the source and one of the target.
pub struct Pair {
    pub source: &'static str,
    pub target: &'static str,
    pub steps: Steps,
    pub merges: Vec<&'static Merge>,
    pub specials: Vec<&'static Special>,
    pub fills: Vec<Fill>,
    /// Elements of the target that may come back from a carrier.
    pub restorable: HashMap<&'static str, &'static Element>,
    /// Url of a carrier for an element of the source: this and the element's name.
    pub carrier: String,
    /// Url of a carrier that holds an element of the target.
    pub restore: String,
}

pub struct Plan {
    pub direction: Direction,
    pub source: &'static Tables,
    pub target: &'static Tables,
    pub source_base: &'static str,
    pub target_base: &'static str,
    pub pairs: Vec<Pair>,
    /// All resource types of the target.
    pub resource_types: HashSet<&'static str>,
    index: HashMap<&'static str, HashMap<&'static str, usize>>,
}

impl Plan {
    pub fn of(direction: Direction) -> &'static Plan {
        static UP: LazyLock<Plan> = LazyLock::new(|| Builder::build(Direction::Up));
        static DOWN: LazyLock<Plan> = LazyLock::new(|| Builder::build(Direction::Down));
        match direction {
            Direction::Up => &UP,
            Direction::Down => &DOWN,
        }
    }

    /// The pair of two type names, when the plan knows it.
    pub fn pair(&self, source: &str, target: &str) -> Option<usize> {
        self.index.get(source)?.get(target).copied()
    }

    /// Whether an extension may hold a value of this type in both versions.
    pub fn is_extension_value(&self, type_name: &str) -> bool {
        let name = value_name(type_name);
        let holds = |tables: &Tables| tables.type_("Extension").is_some_and(|t| t.get(&name).is_some());
        holds(self.source) && holds(self.target)
    }
}

/// `valueString` for `string`.
pub fn value_name(type_name: &str) -> String {
    let mut name = String::with_capacity(5 + type_name.len());
    name.push_str("value");
    let mut letters = type_name.chars();
    name.extend(letters.next().map(|c| c.to_ascii_uppercase()));
    name.push_str(letters.as_str());
    name
}

struct Builder {
    plan: Plan,
    /// Pairs named but not yet worked out.
    todo: Vec<usize>,
}

impl Builder {
    fn build(direction: Direction) -> Plan {
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
            restorable: HashMap::new(),
            carrier: format!("{}{source}.", self.plan.source_base),
            restore: format!("{}{target}.", self.plan.target_base),
        });
        self.plan.index.entry(source).or_default().insert(target, at);
        self.todo.push(at);
        at
    }

    fn work_out(&mut self, at: usize) {
        let (source_name, target_name) = (self.plan.pairs[at].source, self.plan.pairs[at].target);
        let (Some(source), Some(target)) = (self.plan.source.type_(source_name), self.plan.target.type_(target_name))
        else {
            return;
        };
        let rows = self.rows(source_name, target_name).map_or(&[][..], |t| t.rows);
        let mut steps = Steps::default();
        let (carrier, restore) = (
            &self.plan.pairs[at].carrier.clone(),
            &self.plan.pairs[at].restore.clone(),
        );
        let mut taken: Vec<&'static str> = Vec::new();
        let mut merges = Vec::new();
        let mut specials = Vec::new();

        for row in rows {
            let (names, targets, merge, special): (Vec<_>, Vec<_>, _, _) = match row {
                Row::Rename(r4, r5) | Row::Wrap { r4, r5, .. } => {
                    let (s, t) = self.oriented(*r4, *r5);
                    if let (Some(from), Some(to)) = (source.get(s), target.get(t)) {
                        let how = match row {
                            Row::Wrap { member, .. } => self.wrap(member, from, to),
                            _ => self.how(from, to),
                        };
                        if let Some(how) = how {
                            let to = To::Element(Mapped::new(t, to, how, restore));
                            steps.insert(s, Step::new(s, from, to, carrier));
                            taken.push(t);
                        }
                    }
                    continue;
                }
                Row::Merge { code, reference, r5 } | Row::MergeChoice { code, reference, r5 } => {
                    let choice = matches!(row, Row::MergeChoice { .. });
                    let merge: &'static Merge = Box::leak(Box::new(Merge {
                        code,
                        reference,
                        r5,
                        choice,
                    }));
                    let (s, t) = self.oriented(vec![*code, *reference], vec![*r5]);
                    (s, t, Some(merge), None)
                }
                Row::Special(special) => {
                    let (s, t) = self.oriented(special.r4.to_vec(), special.r5.to_vec());
                    (s, t, None, Some(*special))
                }
            };
            for name in names {
                if let Some(element) = source.get(name) {
                    let to = if merge.is_some() { To::Merge } else { To::Special };
                    steps.insert(static_name(source, name), Step::new(name, element, to, carrier));
                }
            }
            taken.extend(targets);
            merges.extend(merge);
            specials.extend(special);
        }
        for (name, element) in source.iter() {
            if steps.contains_key(name) {
                continue;
            }
            let to = match target.get(name).filter(|_| !taken.contains(&name)) {
                Some(to) => self.how(element, to).map(|how| Mapped::new(name, to, how, restore)),
                None => None,
            };
            let to = to.map_or(To::Carry, To::Element);
            steps.insert(name, Step::new(name, element, to, carrier));
        }
        // What the other direction may have filled in is dropped.
        for fill in fills(target, source) {
            if let Some(step) = steps.get_mut(fill.name) {
                step.may_be_filled = true;
            }
        }

        let mut restorable = HashMap::new();
        for (name, element) in target.iter() {
            let straight = steps.values().any(|step| match &step.to {
                To::Element(m) => m.name == name && !m.how.may_fail() && (step.element.many || !m.element.many),
                _ => false,
            });
            let by_rule = specials.iter().any(|s: &&Special| s.may_be_carried.contains(&name));
            if !straight || by_rule {
                restorable.insert(name, element);
            }
        }
        let pair = &mut self.plan.pairs[at];
        pair.steps = steps;
        pair.merges = merges;
        pair.specials = specials;
        pair.restorable = restorable;
        pair.fills = fills(source, target);
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

/// What the target demands and the source may lack.
fn fills(source: &'static TypeTable, target: &'static TypeTable) -> Vec<Fill> {
    let mut fills: Vec<Fill> = Vec::new();
    for (name, element) in target.iter().filter(|(_, e)| e.min > 0) {
        let primitive = element.is_primitive();
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
                many: element.many,
                primitive,
            }),
        }
    }
    fills
}

/// A CodeableReference's `reference` member with the targets that are declared for the whole element.
fn as_reference(whole: &'static Element, member: &'static Element) -> &'static Element {
    let mut element = member.clone();
    element.targets.clone_from(&whole.targets);
    Box::leak(Box::new(element))
}

fn static_name(table: &'static TypeTable, name: &str) -> &'static str {
    table.iter().find(|(n, _)| *n == name).map_or("", |(n, _)| n)
}

fn same_choice(source: &TypeTable, target: &TypeTable, choice: Option<&str>) -> bool {
    source
        .iter()
        .filter(|(_, e)| e.choice.as_deref() == choice)
        .all(|(name, _)| target.get(name).is_some())
}

fn primitive(
    source: &'static Tables,
    target: &'static Tables,
    from: &'static Element,
    to: &'static Element,
) -> Option<How> {
    let codes =
        |tables: &'static Tables, element: &'static Element| element.codes.as_ref().and_then(|key| tables.codes(key));
    match (from.type_name.as_str(), to.type_name.as_str()) {
        ("unsignedInt", "integer64") => Some(How::NumberToText),
        ("integer64", "unsignedInt") => Some(How::TextToNumber),
        ("code", "id") => Some(How::CopyIf(is_id)),
        // Expression.name, the only one: exp-2 of R5.
        ("id", "code") => Some(How::CopyIf(is_variable)),
        ("string", "markdown") | ("markdown", "string") => Some(How::Copy),
        (s, t) if s == t && is_primitive(s) => match (codes(source, from), codes(target, to)) {
            (Some(CodeList::Listed(have)), Some(allowed @ CodeList::Listed(_))) => {
                let key = from.codes.as_deref().unwrap_or_default();
                let lacking: HashMap<&'static str, Option<&'static str>> = have
                    .values()
                    .flatten()
                    .filter(|code| !allowed.lists(code))
                    .map(|code| (code.as_str(), nearest(key, code).filter(|near| allowed.lists(near))))
                    .collect();
                // Also when only the target knows more: a stand-in must be seen on the way back.
                let same = lacking.is_empty() && codes_equal(have, allowed);
                Some(if same { How::Copy } else { How::Code(lacking) })
            }
            // Expression.language: a media type in R4, any code in R5.
            (None, Some(CodeList::Grammar { grammar })) if grammar == "mime" => Some(How::CopyIf(is_plain_mime)),
            (Some(CodeList::Grammar { .. }), None) => Some(How::CopyIf(|_| true)),
            _ => Some(How::Copy),
        },
        _ => None,
    }
}

fn codes_equal(have: &'static HashMap<String, Vec<String>>, other: &CodeList) -> bool {
    match other {
        CodeList::Listed(other) => other
            .values()
            .flatten()
            .all(|code| have.values().flatten().any(|mine| mine == code)),
        CodeList::Grammar { .. } => false,
    }
}

/// The nearest code of the other version, from [`tables::NEAREST`].
pub fn nearest(list: &str, code: &str) -> Option<&'static str> {
    tables::NEAREST
        .iter()
        .find(|(l, c, _)| *l == list && *c == code)
        .map(|(_, _, near)| *near)
}

/// The form of an `id` (datatypes.html#id).
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// A media type without parameters: what is surely one.
fn is_plain_mime(text: &str) -> bool {
    let name = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+._".contains(&b));
    text.split_once('/').is_some_and(|(kind, sub)| name(kind) && name(sub))
}

/// A variable name as exp-2 has it.
fn is_variable(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
