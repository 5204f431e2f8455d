//! One operation of a FHIRPath Patch, as its Parameters state it: what is to be done, where, and with which value.

use serde_json::Value;

use super::super::path::{self, Path};
use super::{Change, Done, Obstacle, wrong};
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::types::ResourceType;

/// A value as the patch gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// `valueHumanName`: the type's name as it stands there, the value, and what stands beside a primitive.
    Typed {
        type_name: String,
        value: Option<Value>,
        beside: Option<Value>,
    },
    /// Element by element, by name.
    Parts(Vec<(String, Given)>),
    Resource(Value),
}

/// Reads a parameter `operation` of a patch of a resource of type `kind`.
pub(super) fn read(kind: ResourceType, operation: &Value) -> Done<(Path, Change)> {
    if name_of(operation) != "operation" {
        return wrong(
            "parametern ska heta operation.",
            "the parameter must be named operation.",
        );
    }
    let parts = Parts::of(operation)?;
    let path =
        path::read(kind.name(), parts.text("path")?).map_err(|text| Obstacle::Wrong(IssueCode::NotSupported, text))?;
    let change = match parts.text("type")? {
        "add" => Change::Add {
            name: parts.text("name")?.to_owned(),
            value: parts.value()?,
        },
        "insert" => Change::Insert {
            value: parts.value()?,
            index: parts.number("index")?,
        },
        "delete" => Change::Delete,
        "replace" => Change::Replace { value: parts.value()? },
        "move" => Change::Move {
            source: parts.number("source")?,
            destination: parts.number("destination")?,
        },
        _ => {
            return wrong(
                "type ska vara add, insert, delete, replace eller move.",
                "type must be add, insert, delete, replace or move.",
            );
        }
    };
    Ok((path, change))
}

fn name_of(parameter: &Value) -> &str {
    parameter.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// The parts of one operation, each at most once.
struct Parts<'v>(Vec<(&'v str, &'v Value)>);

impl<'v> Parts<'v> {
    const KNOWN: [&'static str; 7] = ["type", "path", "name", "value", "index", "source", "destination"];

    fn of(operation: &'v Value) -> Done<Parts<'v>> {
        let mut parts: Vec<(&str, &Value)> = Vec::new();
        for part in operation.get("part").and_then(Value::as_array).into_iter().flatten() {
            let name = name_of(part);
            if !Self::KNOWN.contains(&name) || parts.iter().any(|(known, _)| *known == name) {
                return wrong(
                    "delarna ska vara type, path, name, value, index, source och destination, var och en högst en gång.",
                    "the parts must be type, path, name, value, index, source and destination, each at most once.",
                );
            }
            parts.push((name, part));
        }
        Ok(Parts(parts))
    }

    fn part(&self, name: &'static str) -> Done<&'v Value> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, part)| *part).ok_or_else(|| missing(name))
    }

    fn text(&self, name: &'static str) -> Done<&'v str> {
        let part = self.part(name)?;
        let value = part.get("valueString").or_else(|| part.get("valueCode"));
        value.and_then(Value::as_str).ok_or_else(|| missing(name))
    }

    fn number(&self, name: &'static str) -> Done<usize> {
        let part = self.part(name)?;
        let value = ["valueInteger", "valueUnsignedInt", "valuePositiveInt"]
            .iter()
            .find_map(|member| part.get(member));
        let number = value.and_then(Value::as_u64).ok_or_else(|| missing(name))?;
        usize::try_from(number).map_err(|_| missing(name))
    }

    fn value(&self) -> Done<Given> {
        given(self.part("value")?)
    }
}

fn missing(name: &'static str) -> Obstacle {
    Obstacle::Wrong(
        IssueCode::Required,
        Text::new(
            format!("delen {name} saknas, eller har fel slag av värde."),
            format!("the part {name} is missing, or has a value of the wrong kind."),
        ),
    )
}

fn given(part: &Value) -> Done<Given> {
    let Some(members) = part.as_object() else {
        return Err(missing("value"));
    };
    if let Some(resource) = members.get("resource") {
        return Ok(Given::Resource(resource.clone()));
    }
    if let Some(Value::Array(parts)) = members.get("part") {
        let parts = parts.iter().map(|part| Ok((name_of(part).to_owned(), given(part)?)));
        return Ok(Given::Parts(parts.collect::<Done<_>>()?));
    }
    let type_name = members
        .keys()
        .find_map(|name| name.strip_prefix('_').unwrap_or(name).strip_prefix("value"));
    let type_name = type_name.ok_or_else(|| missing("value"))?;
    Ok(Given::Typed {
        type_name: type_name.to_owned(),
        value: members.get(&format!("value{type_name}")).cloned(),
        beside: members.get(&format!("_value{type_name}")).cloned(),
    })
}
