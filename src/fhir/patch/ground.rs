//! Where the elements are that a path leads to: a resource walked by the element tables of its version.

use serde_json::{Map, Value};

use super::json::same_number;
use super::path::{Literal, Step, Test};
use crate::fhir::elements::{Element, Tables, TypeTable, is_primitive};
use crate::fhir::fault::Text;
use crate::fhir::json::is_element_name;

/// Elements that a path may meet on its way: more are no list of a resource's.
const MOST_ELEMENTS: usize = 10_000;

/// What every element has, a primitive too: `id` and `extension`. The tables tell so of the complex types alone.
const ELEMENT: &str = "Element";

/// An element under the name that JSON has for it.
pub(super) type Definition = (&'static str, &'static Element);

/// One step on the way from the resource to a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Name(String),
    Index(usize),
}

/// Where an element stands: in which object, under which JSON name, at which place when it repeats. A primitive's `id` and
/// extensions stand beside it, under the name with `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) object: Vec<Key>,
    /// The type that the object is of, as the tables name it.
    pub(super) owner: &'static str,
    pub(super) name: &'static str,
    pub(super) index: Option<usize>,
}

/// An element of the resource, or the resource itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) type_name: &'static str,
    /// `None`: the resource itself.
    pub(super) place: Option<Place>,
}

/// Why a path leads nowhere.
pub(super) enum Astray {
    /// It names what its type does not have: wrong for every resource.
    Wrong(Text),
    /// It meets more elements than it may.
    TooMany,
}

/// A resource, with what is known of its type.
#[derive(Clone, Copy)]
pub(super) struct Ground<'v> {
    pub(super) tables: &'static Tables,
    pub(super) kind: &'static str,
    pub(super) resource: &'v Value,
}

impl Node {
    /// Where the object is that holds what belongs to this element.
    pub(super) fn object(&self) -> Vec<Key> {
        let Some(place) = &self.place else { return Vec::new() };
        let name = if self.is_primitive() {
            format!("_{}", place.name)
        } else {
            place.name.to_owned()
        };
        let mut keys = place.object.clone();
        keys.push(Key::Name(name));
        keys.extend(place.index.map(Key::Index));
        keys
    }

    pub(super) fn is_primitive(&self) -> bool {
        is_primitive(self.type_name)
    }
}

pub(super) fn find<'v>(resource: &'v Value, keys: &[Key]) -> Option<&'v Value> {
    keys.iter().try_fold(resource, |value, key| match key {
        Key::Name(name) => value.get(name),
        Key::Index(index) => value.get(index),
    })
}

/// How many an object has of an element: the longer of the values and what stands beside them.
pub(super) fn count(members: &Map<String, Value>, name: &str, many: bool) -> usize {
    let [value, beside] = [members.get(name), members.get(&format!("_{name}"))];
    if many {
        let length = |list: Option<&Value>| list.and_then(Value::as_array).map_or(0, Vec::len);
        length(value).max(length(beside))
    } else {
        usize::from(value.is_some() || beside.is_some())
    }
}

impl Ground<'_> {
    /// All that the steps lead to, from the resource on.
    pub(super) fn select(&self, steps: &[Step]) -> Result<Vec<Node>, Astray> {
        let root = Node {
            type_name: self.kind,
            place: None,
        };
        self.follow(vec![root], steps)
    }

    fn follow(&self, start: Vec<Node>, steps: &[Step]) -> Result<Vec<Node>, Astray> {
        let mut nodes = start;
        for step in steps {
            nodes = match step {
                Step::Member(name) => self.members(&nodes, name)?,
                Step::Index(index) => nodes.into_iter().nth(*index).into_iter().collect(),
                Step::First => nodes.into_iter().next().into_iter().collect(),
                Step::Last => nodes.into_iter().next_back().into_iter().collect(),
                Step::OfType(name) => nodes.into_iter().filter(|node| self.type_of(node) == name).collect(),
                Step::Extension(url) => {
                    let all = self.members(&nodes, "extension")?;
                    let is_wanted = |node: &Node| {
                        let found = find(self.resource, &node.object()).and_then(|extension| extension.get("url"));
                        found.and_then(Value::as_str) == Some(url)
                    };
                    all.into_iter().filter(is_wanted).collect()
                }
                Step::Where(tests) => {
                    let mut kept = Vec::new();
                    for node in nodes {
                        if self.passes(&node, tests)? {
                            kept.push(node);
                        }
                    }
                    kept
                }
            };
        }
        Ok(nodes)
    }

    fn passes(&self, node: &Node, tests: &[Test]) -> Result<bool, Astray> {
        for test in tests {
            let found = self.follow(vec![node.clone()], &test.steps)?;
            let holds = match (&test.is, found.as_slice()) {
                (None, found) => !found.is_empty(),
                (Some(literal), [one]) => self.value(one).is_some_and(|value| literal.is(value)),
                (Some(_), _) => false,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The JSON value of an element; a primitive that has extensions alone has none.
    fn value(&self, node: &Node) -> Option<&Value> {
        let place = node.place.as_ref()?;
        let value = find(self.resource, &place.object)?.get(place.name)?;
        match place.index {
            Some(index) => value.get(index),
            None => Some(value),
        }
    }

    /// The type of an element; of a resource within the resource, what it says it is.
    fn type_of(&self, node: &Node) -> &'static str {
        if node.type_name != "Resource" {
            return node.type_name;
        }
        let inner = find(self.resource, &node.object()).and_then(|inner| inner.get("resourceType")?.as_str());
        inner
            .and_then(|name| self.tables.named(name))
            .map_or("Resource", |(name, _)| name)
    }

    /// The type whose table tells of the members of an element.
    pub(super) fn owner(&self, node: &Node) -> &'static str {
        if node.is_primitive() {
            ELEMENT
        } else {
            self.type_of(node)
        }
    }

    fn members(&self, nodes: &[Node], member: &str) -> Result<Vec<Node>, Astray> {
        let mut found = Vec::new();
        for node in nodes {
            let object = node.object();
            let owner = self.owner(node);
            let definitions = named(self.tables, owner, member)?;
            let Some(Value::Object(members)) = find(self.resource, &object) else {
                continue;
            };
            for (name, element) in definitions {
                let count = count(members, name, element.many);
                if found.len() + count > MOST_ELEMENTS {
                    return Err(Astray::TooMany);
                }
                found.extend((0..count).map(|index| Node {
                    type_name: &element.type_name,
                    place: Some(Place {
                        object: object.clone(),
                        owner,
                        name,
                        index: element.many.then_some(index),
                    }),
                }));
            }
        }
        Ok(found)
    }
}

/// The JSON names and definitions of a member of a type: one, or each type of a choice (by its stem).
pub(super) fn named(tables: &'static Tables, owner: &str, member: &str) -> Result<Vec<Definition>, Astray> {
    let is_meant = |(name, element): &Definition| match &element.choice {
        Some(stem) => stem == member,
        None => *name == member,
    };
    let found: Vec<Definition> = match owner {
        ELEMENT if !matches!(member, "id" | "extension") => Vec::new(),
        ELEMENT => tables
            .type_("Extension")
            .into_iter()
            .flat_map(TypeTable::iter)
            .filter(is_meant)
            .collect(),
        _ => tables
            .type_(owner)
            .into_iter()
            .flat_map(TypeTable::iter)
            .filter(is_meant)
            .collect(),
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let shown = if is_element_name(member) { member } else { "?" };
    Err(Astray::Wrong(Text::new(
        format!("{shown} är inget element där (ett val anges med sin stam, till exempel deceased)."),
        format!("{shown} is no element there (a choice is named by its stem, deceased for example)."),
    )))
}

impl Literal {
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Literal::Text(text), Value::String(value)) => text == value,
            (Literal::Number(number), Value::Number(value)) => same_number(number, &value.to_string()),
            (Literal::Boolean(truth), Value::Bool(value)) => truth == value,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::path::read;
    use super::*;
    use crate::fhir::elements::elements;
    use crate::fhir::version::FhirVersion;

    fn found(resource: &Value, text: &str) -> Vec<String> {
        let ground = Ground {
            tables: elements(FhirVersion::R5),
            kind: "Patient",
            resource,
        };
        let path = read("Patient", text).unwrap_or_else(|reason| panic!("{text}: {reason:?}"));
        let Ok(nodes) = ground.select(&path.steps) else {
            panic!("{text} leads astray")
        };
        nodes
            .iter()
            .map(|node| {
                node.place.as_ref().map_or("Patient".to_owned(), |place| {
                    let above: String = place
                        .object
                        .iter()
                        .map(|key| match key {
                            Key::Name(name) => format!("/{name}"),
                            Key::Index(index) => format!("/{index}"),
                        })
                        .collect();
                    let index = place.index.map(|index| format!("/{index}")).unwrap_or_default();
                    format!("{above}/{}{index}", place.name)
                })
            })
            .collect()
    }

    fn person() -> Value {
        json!({
            "resourceType": "Patient",
            "name": [
                { "use": "usual", "given": ["A", "B"], "_given": [null, {"extension": [{"url": "u", "valueInteger": 1}]}] },
                { "use": "official", "family": "O'C", "given": ["C"] },
            ],
            "telecom": [{ "system": "phone", "use": "home", "rank": 1 }, { "system": "phone", "use": "work", "rank": 2 }],
            "deceasedDateTime": "2026-01-01",
            "_birthDate": { "extension": [{ "url": "u", "valueString": "x" }] },
            "contained": [{ "resourceType": "Organization", "id": "o", "active": true }],
        })
    }

    #[test]
    fn paths_lead_to_elements() {
        for (path, expected) in [
            ("Patient", vec!["Patient"]),
            ("Patient.name", vec!["/name/0", "/name/1"]),
            ("name[1].family", vec!["/name/1/family"]),
            (
                "Patient.name.given",
                vec!["/name/0/given/0", "/name/0/given/1", "/name/1/given/0"],
            ),
            ("Patient.name.first().given.last()", vec!["/name/0/given/1"]),
            ("Patient.name.where(use = 'official').given[0]", vec!["/name/1/given/0"]),
            ("Patient.name.where(family='O\\'C')", vec!["/name/1"]),
            (
                "Patient.telecom.where(system='phone' and use = 'work')",
                vec!["/telecom/1"],
            ),
            ("Patient.telecom.where(rank = 1.0)", vec!["/telecom/0"]),
            ("Patient.telecom.where(rank.exists()).first()", vec!["/telecom/0"]),
            ("Patient.name.given.where($this = 'B')", vec!["/name/0/given/1"]),
            (
                "Patient.name.given.where(extension('u').exists())",
                vec!["/name/0/given/1"],
            ),
            (
                "Patient.name[0].given[1].extension('u').value",
                vec!["/name/0/_given/1/extension/0/valueInteger"],
            ),
            ("Patient.deceased", vec!["/deceasedDateTime"]),
            ("Patient.deceased.ofType(dateTime)", vec!["/deceasedDateTime"]),
            ("Patient.deceased.ofType(boolean)", vec![]),
            ("Patient.where(deceased = @2026-01-01).name[0]", vec!["/name/0"]),
            ("Patient.birthDate", vec!["/birthDate"]),
            (
                "Patient.birthDate.extension.where(url = 'u').value",
                vec!["/_birthDate/extension/0/valueString"],
            ),
            (
                "Patient.contained.ofType(Organization).active",
                vec!["/contained/0/active"],
            ),
            ("Patient.contained.where(id = 'o')", vec!["/contained/0"]),
            ("Patient.contact.name", vec![]),
            ("Patient.`name`[7]", vec![]),
            ("Patient.name.where(period.where(start.exists()).exists())", vec![]),
        ] {
            assert_eq!(found(&person(), path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_to_what_no_such_resource_has_leads_astray() {
        let resource = person();
        let ground = Ground {
            tables: elements(FhirVersion::R5),
            kind: "Patient",
            resource: &resource,
        };
        for text in [
            "Patient.nonsense",
            "Patient.deceasedDateTime",
            "Patient.birthDate.x",
            "Organization.name",
            "Patient.name.where(x = 1)",
        ] {
            let path = read("Patient", text).unwrap();
            assert!(matches!(ground.select(&path.steps), Err(Astray::Wrong(_))), "{text}");
        }
    }
}
