//! The value of an operation as JSON has it: the member it is for by the type that it was given in, or element by element.

use serde_json::{Map, Value};

use super::super::ground::{Definition, named};
use super::members::{insert, present, set};
use super::operation::Given;
use super::{Done, Obstacle, wrong};
use crate::fhir::elements::{Element, Tables};
use crate::fhir::fault::{IssueCode, Text};

/// A value as JSON has it: under its name, and beside it (`_name`).
pub(super) struct Made {
    pub(super) value: Option<Value>,
    pub(super) beside: Option<Value>,
}

/// The definitions of a member by its name; a choice also under the name that JSON has for one of its types.
pub(super) fn definitions(tables: &'static Tables, owner: &str, member: &str) -> Done<Vec<Definition>> {
    named(tables, owner, member).or_else(|astray| {
        let table = tables.type_(owner);
        let found = table.and_then(|table| table.iter().find(|(name, _)| *name == member));
        found.map(|definition| vec![definition]).ok_or(Obstacle::from(astray))
    })
}

/// The definition that the value is for. "Servers SHALL return an error if the type is wrong."
pub(super) fn chosen(definitions: &[Definition], value: &Given) -> Done<Definition> {
    let fitting = definitions.iter().find(|(_, element)| fits(element, value)).copied();
    fitting.ok_or_else(|| {
        Obstacle::Wrong(
            IssueCode::Value,
            Text::new(
                "värdet har en annan typ än elementet.",
                "the value is of another type than the element.",
            ),
        )
    })
}

/// Types that are written alike: a value of one is taken for another of its row. A choice takes its very types.
const ALIKE: [&[&str]; 4] = [
    &["string", "code", "id", "markdown", "xhtml"],
    &["uri", "url", "canonical", "oid", "uuid", "string"],
    &["integer", "unsignedInt", "positiveInt"],
    &["date", "dateTime"],
];

fn fits(element: &Element, value: &Given) -> bool {
    match value {
        Given::Resource(_) => element.is_resource(),
        Given::Parts(_) => !element.is_primitive() && !element.is_resource(),
        Given::Typed { type_name, .. } => {
            let wanted = element.type_name.as_str();
            let same = if element.is_primitive() {
                let mut characters = type_name.chars();
                let first = characters.next().map(|first| first.to_ascii_lowercase());
                let type_name: String = first.into_iter().chain(characters).collect();
                let alike = |row: &&[&str]| row.contains(&wanted) && row.contains(&type_name.as_str());
                type_name == wanted || (element.choice.is_none() && ALIKE.iter().any(alike))
            } else {
                type_name == wanted
            };
            same && !element.is_resource()
        }
    }
}

pub(super) fn make(tables: &'static Tables, element: &Element, given: &Given) -> Done<Made> {
    match given {
        Given::Typed { value, beside, .. } => Ok(Made {
            value: value.clone(),
            beside: beside.clone(),
        }),
        Given::Resource(resource) => Ok(Made {
            value: Some(resource.clone()),
            beside: None,
        }),
        Given::Parts(parts) => {
            let mut members = Map::new();
            for (name, part) in parts {
                let definitions = definitions(tables, &element.type_name, name)?;
                let (name, element) = chosen(&definitions, part)?;
                let made = make(tables, element, part)?;
                match present(&members, &definitions) {
                    count if element.many => insert(&mut members, name, count, made),
                    0 => set(&mut members, name, made),
                    _ => {
                        return wrong(
                            "en del som inte kan upprepas står två gånger i värdet.",
                            "a part that does not repeat stands twice in the value.",
                        );
                    }
                }
            }
            Ok(Made {
                value: Some(Value::Object(members)),
                beside: None,
            })
        }
    }
}
