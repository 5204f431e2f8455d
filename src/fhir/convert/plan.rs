//! What happens to each element of each type, worked out once per direction from the element tables and the rows of
//! `tables.rs` (by `plan_builder.rs`). The walk (`engine.rs`) only follows the plan.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use serde_json::Value;

use super::plan_builder;
use super::special::Special;
use super::values::Made;
use crate::fhir::elements::{Element, Tables};

/// The base of HL7's cross-version extensions for elements of R4 and of R5.
pub(super) const R4_EXTENSION: &str = "http://hl7.org/fhir/4.0/StructureDefinition/extension-";
pub(super) const R5_EXTENSION: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// R4 → R5
    Up,
    /// R5 → R4
    Down,
}

/// How a value of the source becomes one of the target.
#[derive(Debug)]
pub(super) enum How {
    /// Primitive values of the same form.
    Copy,
    /// A primitive that fits only when the test says so; else it travels by carrier.
    CopyIf(fn(&str) -> bool),
    /// unsignedInt (a JSON number) → integer64 (a JSON string).
    NumberToText,
    /// The way back, for what unsignedInt can hold.
    TextToNumber,
    /// A required code of which the target lacks some: those, with what stands for them.
    Code(HashMap<&'static str, Instead>),
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

/// What stands for a code that the target lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// The target's word for it: nothing needs to be noted.
    Same(&'static str),
    /// The nearest one; the original goes beside it.
    Nearest(&'static str),
    /// The original alone, beside no code.
    Nothing,
}

impl How {
    /// Whether some values, one way or the other, find no place and go by carrier although the element is mapped.
    pub(super) fn may_fail(&self) -> bool {
        matches!(self, How::CopyIf(_) | How::TextToNumber | How::NumberToText)
    }
}

pub(super) struct Mapped {
    pub name: &'static str,
    /// Url of a carrier for this element of the target.
    pub restore: String,
    pub element: &'static Element,
    pub how: How,
}

pub(super) enum To {
    Element(Mapped),
    Merge,
    /// A rule of `special.rs` sees to it.
    Special,
    /// No place in the target: the generic carrier.
    Carry,
}

/// An R4 pair of code and reference ↔ an R5 CodeableReference.
pub(super) struct Merge {
    pub code: &'static str,
    pub reference: &'static str,
    pub r5: &'static str,
    /// The R4 pair is one choice element: only one of the two.
    pub choice: bool,
}

pub(super) struct Step {
    pub name: &'static str,
    pub element: &'static Element,
    pub to: To,
    /// `_name`, where extensions of a primitive stand.
    pub below: String,
    /// Url of the carrier for this element.
    pub carrier: String,
    /// What the other direction fills in where the target lacks the element (see [`Fill`]): dropped.
    pub filling: Option<Made>,
}

impl Mapped {
    pub(super) fn new(name: &'static str, element: &'static Element, how: How, base: &str) -> Mapped {
        Mapped {
            name,
            restore: format!("{base}{name}"),
            element,
            how,
        }
    }
}

impl Step {
    pub(super) fn new(name: &'static str, element: &'static Element, to: To, base: &str) -> Step {
        Step {
            name,
            element,
            to,
            below: format!("_{name}"),
            carrier: format!("{base}{name}"),
            filling: None,
        }
    }

    /// Whether this is nothing but what the other direction fills in.
    pub(super) fn is_filling(&self, value: Option<&Value>, beside: Option<&Value>) -> bool {
        self.filling
            .as_ref()
            .is_some_and(|(v, b)| (v.as_ref(), b.as_ref()) == (value, beside))
    }
}

/// Steps by name. The names are our own: a plain hash (FNV-1a) does, and every member of every object asks.
pub(super) type Steps = HashMap<&'static str, Step, BuildHasherDefault<Fnv>>;

pub(super) struct Fnv(u64);

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
pub(super) struct Fill {
    /// The element itself, or the one of a choice that is filled.
    pub name: &'static str,
    /// Names of which one must be there.
    pub any_of: Vec<&'static str>,
    /// What is filled in: a data-absent-reason, or a fixed value marked by one ([`super::tables::FIXED`]).
    pub value: Made,
}

/// The plan for one type of the source and one of the target.
pub(super) struct Pair {
    pub source: &'static str,
    pub target: &'static str,
    pub steps: Steps,
    pub merges: Vec<Merge>,
    pub specials: Vec<&'static Special>,
    pub fills: Vec<Fill>,
    /// What the source demands and the target may lack: the way back would fill it in.
    pub demanded: Vec<Fill>,
    /// Elements of the target that may come back from a carrier.
    pub restorable: HashMap<&'static str, &'static Element>,
    /// Url of a carrier for an element of the source: this and the element's name.
    pub carrier: String,
    /// Url of a carrier that holds an element of the target.
    pub restore: String,
}

pub(super) struct Plan {
    pub direction: Direction,
    pub source: &'static Tables,
    pub target: &'static Tables,
    pub source_base: &'static str,
    pub target_base: &'static str,
    pub pairs: Vec<Pair>,
    /// All resource types of the target.
    pub resource_types: HashSet<&'static str>,
    pub(super) index: HashMap<&'static str, HashMap<&'static str, usize>>,
}

impl Plan {
    pub(super) fn of(direction: Direction) -> &'static Plan {
        static UP: LazyLock<Plan> = LazyLock::new(|| plan_builder::build(Direction::Up));
        static DOWN: LazyLock<Plan> = LazyLock::new(|| plan_builder::build(Direction::Down));
        match direction {
            Direction::Up => &UP,
            Direction::Down => &DOWN,
        }
    }

    /// The pair of two type names, when the plan knows it.
    pub(super) fn pair(&self, source: &str, target: &str) -> Option<usize> {
        self.index.get(source)?.get(target).copied()
    }

    /// What a reference in this element of the target may refer to; nothing when it may be anything, or is none.
    pub(super) fn targets(&self, type_name: &str, element: &str) -> &'static [String] {
        let element = self.target.type_(type_name).and_then(|table| table.get(element));
        element.map_or(&[], |element| &element.targets)
    }

    /// Whether an extension may hold a value of this type in both versions.
    pub(super) fn is_extension_value(&self, type_name: &str) -> bool {
        let name = value_name(type_name);
        let holds = |tables: &Tables| tables.type_("Extension").is_some_and(|t| t.get(&name).is_some());
        holds(self.source) && holds(self.target)
    }
}

/// `valueString` for `string`.
pub(super) fn value_name(type_name: &str) -> String {
    let mut name = String::with_capacity(5 + type_name.len());
    name.push_str("value");
    let mut letters = type_name.chars();
    name.extend(letters.next().map(|c| c.to_ascii_uppercase()));
    name.push_str(letters.as_str());
    name
}
