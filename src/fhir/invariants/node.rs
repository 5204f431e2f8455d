//! What an invariant sees: one element, its definition, and the resource around it.

use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt;

use crate::fhir::elements::{Element, Tables, TypeTable};
use crate::fhir::version::FhirVersion;

/// The way down to an element, as FHIRPath; written out only when there is a fault.
#[derive(Clone, Copy)]
pub struct Path<'p> {
    pub parent: Option<&'p Path<'p>>,
    pub name: &'p str,
    pub index: Option<usize>,
}

impl Path<'_> {
    /// The path of an element beneath this one.
    pub fn child<'c>(&'c self, name: &'c str, index: Option<usize>) -> Path<'c> {
        Path {
            parent: Some(self),
            name,
            index,
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.name)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}

/// What holds for the whole of a resource with its contained ones.
pub struct Around<'a> {
    pub version: FhirVersion,
    pub tables: &'static Tables,
    /// The types of the contained resources, by id.
    pub contained: HashMap<&'a str, &'a str>,
}

/// One element that is an object, or a resource.
pub struct Node<'n> {
    pub around: &'n Around<'n>,
    pub object: &'n Map<String, Value>,
    /// Its type or backbone path.
    pub type_name: &'static str,
    pub table: &'static TypeTable,
    /// How the parent defines it; `None` for a resource.
    pub element: Option<&'static Element>,
    /// How the grandparent defines the parent: a Reference in a CodeableReference has its targets there.
    pub outer: Option<&'static Element>,
    /// The type of the parent.
    pub parent_type: &'static str,
    /// Inside a contained resource.
    pub inside: bool,
}

impl<'n> Node<'n> {
    /// FHIRPath `exists()`: the element or its extensions. `value[x]` asks for any type of a choice.
    pub fn has(&self, name: &str) -> bool {
        match name.strip_suffix("[x]") {
            Some(stem) => self.object.keys().any(|key| {
                let key = key.strip_prefix('_').unwrap_or(key);
                key.starts_with(stem) && self.table.get(key).and_then(|element| element.choice.as_deref()) == Some(stem)
            }),
            None => {
                self.object.contains_key(name)
                    || (self.table.get(name).is_some_and(Element::is_primitive)
                        && self.object.keys().any(|key| key.strip_prefix('_') == Some(name)))
            }
        }
    }

    pub fn get(&self, name: &str) -> Option<&'n Value> {
        self.object.get(name)
    }

    pub fn text(&self, name: &str) -> Option<&'n str> {
        self.get(name)?.as_str()
    }

    /// The items of a repeating element; none when it is absent or malformed.
    pub fn items(&self, name: &str) -> &'n [Value] {
        items(self.get(name))
    }

    /// Whether the text of an element is one of these codes.
    pub fn is(&self, name: &str, codes: &[&str]) -> bool {
        self.text(name).is_some_and(|code| codes.contains(&code))
    }

    /// Whether a CodeableConcept has one of these codes of a system.
    pub fn has_coding(&self, name: &str, system: &str, codes: &[&str]) -> bool {
        items(self.get(name).and_then(|concept| concept.get("coding")))
            .iter()
            .any(|coding| {
                coding.get("system").and_then(Value::as_str) == Some(system)
                    && coding
                        .get("code")
                        .and_then(Value::as_str)
                        .is_some_and(|code| codes.contains(&code))
            })
    }

    /// A number as a float: good enough to compare, never used to store.
    pub fn float(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }
}

/// The items of an array; none when there is none.
pub fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
