//! FHIRPath Patch (fhirpatch.html): a Parameters resource whose parameters `operation` say add, insert, delete, replace
//! or move. Values come as `value[x]`, or part by part where the type has no name of its own.

use serde_json::{Map, Value};

use super::path::{self, Astray, Definition, Ground, Key, Node, Path, Place, Step, named};
use super::room::Room;
use super::{MOST_OPERATIONS, PatchError, numbered};
use crate::fhir::elements::{Element, Tables, elements};
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

/// The changes, in order, of a resource of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FhirPathPatch {
    kind: ResourceType,
    changes: Vec<(Path, Change)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Add { name: String, value: Given },
    Insert { value: Given, index: usize },
    Delete,
    Replace { value: Given },
    Move { source: usize, destination: usize },
}

/// A value as the patch gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Given {
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

/// A value as JSON has it: under its name, and beside it (`_name`).
struct Made {
    value: Option<Value>,
    beside: Option<Value>,
}

/// Why a change cannot be made.
enum Obstacle {
    /// The change itself is wrong (400).
    Wrong(IssueCode, Text),
    /// It does not fit this resource (422).
    Unfit(&'static str, &'static str),
    /// It has no room (422).
    NoRoom(PatchError),
}

type Done<T> = Result<T, Obstacle>;

fn wrong<T>(sv: &'static str, en: &'static str) -> Done<T> {
    Err(Obstacle::Wrong(IssueCode::Invalid, Text::new(sv, en)))
}

impl From<Astray> for Obstacle {
    fn from(astray: Astray) -> Obstacle {
        match astray {
            Astray::Wrong(text) => Obstacle::Wrong(IssueCode::Invalid, text),
            Astray::TooMany => Obstacle::Unfit(
                "sökvägen möter fler element än den får.",
                "the path meets more elements than it may.",
            ),
        }
    }
}

impl Obstacle {
    fn told(self, index: usize) -> PatchError {
        let expression = format!("Parameters.parameter[{index}]");
        match self {
            Obstacle::Wrong(code, text) => PatchError::malformed(code, expression, numbered(index, &text.sv, &text.en)),
            Obstacle::Unfit(sv, en) => PatchError::Unfit {
                text: numbered(index, sv, en),
                expression,
            },
            Obstacle::NoRoom(error) => error,
        }
    }
}

// ---------------------------------------------------------------------------------------------- reading

impl FhirPathPatch {
    pub(super) fn read(kind: ResourceType, parameters: &Value) -> Result<FhirPathPatch, PatchError> {
        let given = parameters.get("parameter").and_then(Value::as_array);
        let given = given.map_or(&[][..], Vec::as_slice);
        if given.len() > MOST_OPERATIONS {
            return Err(PatchError::too_many());
        }
        let changes = given
            .iter()
            .enumerate()
            .map(|(index, operation)| change(kind, operation).map_err(|obstacle| obstacle.told(index)))
            .collect::<Result<_, _>>()?;
        Ok(FhirPathPatch { kind, changes })
    }
}

fn change(kind: ResourceType, operation: &Value) -> Done<(Path, Change)> {
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

// ---------------------------------------------------------------------------------------------- applying

impl FhirPathPatch {
    pub(super) fn apply(&self, version: FhirVersion, resource: &mut Value, room: &Room) -> Result<(), PatchError> {
        let tables = elements(version);
        let Some((kind, _)) = tables.named(self.kind.name()) else {
            return Ok(());
        };
        for (index, (path, change)) in self.changes.iter().enumerate() {
            let mut work = Work {
                tables,
                kind,
                resource,
                room,
            };
            work.carry_out(path, change).map_err(|obstacle| obstacle.told(index))?;
        }
        Ok(())
    }
}

const NOT_FOUND: Obstacle = Obstacle::Unfit(
    "sökvägen leder inte till något element i resursen.",
    "the path leads to no element of the resource.",
);

/// A resource that is being changed.
struct Work<'v, 'r> {
    tables: &'static Tables,
    kind: &'static str,
    resource: &'v mut Value,
    room: &'r Room,
}

impl Work<'_, '_> {
    fn carry_out(&mut self, path: &Path, change: &Change) -> Done<()> {
        match change {
            Change::Add { name, value } => self.add(path, name, value),
            Change::Insert { value, index } => self.insert(path, value, *index),
            Change::Delete => match self.at_most_one(path)? {
                // "Path of the element to delete (if found)".
                None => Ok(()),
                Some(node) => self.delete(node),
            },
            Change::Replace { value } => self.replace(path, value),
            Change::Move { source, destination } => self.reorder(path, *source, *destination),
        }
    }

    fn ground(&self) -> Ground<'_> {
        Ground {
            tables: self.tables,
            kind: self.kind,
            resource: self.resource,
        }
    }

    /// "The FHIRPath statement must return a single element."
    fn at_most_one(&self, path: &Path) -> Done<Option<Node>> {
        one_of(self.ground().select(&path.steps)?)
    }

    fn one(&self, path: &Path) -> Done<Node> {
        self.at_most_one(path)?.ok_or(NOT_FOUND)
    }

    /// The list that a path names, there or not: the element that has it, and its definition.
    fn list(&self, path: &Path) -> Done<(Node, Definition)> {
        let Some((Step::Member(name), above)) = path.steps.split_last() else {
            return wrong(
                "sökvägen ska sluta med en lista, till exempel Patient.name.",
                "the path must end in a list, Patient.name for example.",
            );
        };
        let ground = self.ground();
        let owner = one_of(ground.select(above)?)?.ok_or(NOT_FOUND)?;
        match named(self.tables, ground.owner(&owner), name)?.as_slice() {
            [definition] if definition.1.many => Ok((owner, *definition)),
            _ => wrong("elementet är ingen lista.", "the element is no list."),
        }
    }

    fn add(&mut self, path: &Path, name: &str, value: &Given) -> Done<()> {
        let owner = self.one(path)?;
        let definitions = definitions(self.tables, self.ground().owner(&owner), name)?;
        let (name, element) = chosen(&definitions, value)?;
        let made = make(self.tables, element, value)?;
        let object = owner.object();
        self.check_room(&made, object.len())?;
        let members = make_object(self.resource, &object).ok_or(NOT_FOUND)?;
        match present(members, &definitions) {
            count if element.many => insert(members, name, count, made),
            0 => set(members, name, made),
            _ => {
                return Err(Obstacle::Unfit(
                    "elementet finns redan och kan inte upprepas; använd replace.",
                    "the element is there already and does not repeat; use replace.",
                ));
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: &Path, value: &Given, index: usize) -> Done<()> {
        let (owner, definition) = self.list(path)?;
        let (name, element) = chosen(&[definition], value)?;
        let made = make(self.tables, element, value)?;
        let object = owner.object();
        self.check_room(&made, object.len())?;
        let members = make_object(self.resource, &object).ok_or(NOT_FOUND)?;
        if index > path::count(members, name, true) {
            return Err(Obstacle::Unfit(
                "index ligger utanför listan.",
                "the index lies beyond the list.",
            ));
        }
        insert(members, name, index, made);
        Ok(())
    }

    fn delete(&mut self, node: Node) -> Done<()> {
        let Some(place) = node.place else {
            return wrong(
                "resursen själv tas bort med DELETE.",
                "the resource itself is removed by DELETE.",
            );
        };
        let members = object_at(self.resource, &place.object).ok_or(NOT_FOUND)?;
        take(members, place.name, place.index);
        prune(self.resource, &place.object);
        Ok(())
    }

    fn replace(&mut self, path: &Path, value: &Given) -> Done<()> {
        let Some(place) = self.one(path)?.place else {
            return wrong(
                "resursen själv ersätts med PUT.",
                "the resource itself is replaced by PUT.",
            );
        };
        let Place {
            object,
            owner,
            name,
            index,
        } = place;
        let old = definitions(self.tables, owner, name)?;
        let stem = old.first().and_then(|(_, element)| element.choice.as_deref());
        // The type of a choice may become another.
        let (new_name, element) = chosen(&named(self.tables, owner, stem.unwrap_or(name))?, value)?;
        let made = make(self.tables, element, value)?;
        self.check_room(&made, object.len())?;
        let members = object_at(self.resource, &object).ok_or(NOT_FOUND)?;
        if new_name != name {
            take(members, name, None);
        }
        match index {
            Some(index) => put(members, new_name, index, made),
            None => set(members, new_name, made),
        }
        Ok(())
    }

    fn reorder(&mut self, path: &Path, source: usize, destination: usize) -> Done<()> {
        let (owner, (name, _)) = self.list(path)?;
        let members = object_at(self.resource, &owner.object()).ok_or(NOT_FOUND)?;
        let count = path::count(members, name, true);
        if source >= count || destination >= count {
            return Err(Obstacle::Unfit(
                "source eller destination ligger utanför listan.",
                "source or destination lies beyond the list.",
            ));
        }
        for key in [name.to_owned(), beside(name)] {
            if let Some(Value::Array(list)) = members.get_mut(&key) {
                list.resize(count, Value::Null);
                let moved = list.remove(source);
                list.insert(destination, moved);
            }
        }
        Ok(())
    }

    fn check_room(&self, made: &Made, above: usize) -> Done<()> {
        for value in [&made.value, &made.beside].into_iter().flatten() {
            // Below the object that has it, and perhaps a list.
            self.room.is_deep_enough(value, above + 2).map_err(Obstacle::NoRoom)?;
        }
        Ok(())
    }
}

fn one_of(mut nodes: Vec<Node>) -> Done<Option<Node>> {
    if nodes.len() > 1 {
        return Err(Obstacle::Unfit(
            "sökvägen leder till mer än ett element; peka ut ett, till exempel med [0] eller where(…).",
            "the path leads to more than one element; point at one, with [0] or where(…) for example.",
        ));
    }
    Ok(nodes.pop())
}

// ---------------------------------------------------------------------------------------------- values

/// The definitions of a member by its name; a choice also under the name that JSON has for one of its types.
fn definitions(tables: &'static Tables, owner: &str, member: &str) -> Done<Vec<Definition>> {
    named(tables, owner, member).or_else(|astray| {
        let table = tables.type_(owner);
        let found = table.and_then(|table| table.iter().find(|(name, _)| *name == member));
        found.map(|definition| vec![definition]).ok_or(Obstacle::from(astray))
    })
}

/// The definition that the value is for. "Servers SHALL return an error if the type is wrong."
fn chosen(definitions: &[Definition], value: &Given) -> Done<Definition> {
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

fn make(tables: &'static Tables, element: &Element, given: &Given) -> Done<Made> {
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

// ---------------------------------------------------------------------------------------------- JSON

/// The name under which JSON has what stands beside a primitive: its id and extensions.
fn beside(name: &str) -> String {
    format!("_{name}")
}

/// How many an object has of a member, whatever its type.
fn present(members: &Map<String, Value>, definitions: &[Definition]) -> usize {
    let counts = definitions.iter();
    counts
        .map(|(name, element)| path::count(members, name, element.many))
        .sum()
}

fn object_at<'v>(resource: &'v mut Value, keys: &[Key]) -> Option<&'v mut Map<String, Value>> {
    let found = keys.iter().try_fold(resource, |value, key| match key {
        Key::Name(name) => value.get_mut(name),
        Key::Index(index) => value.get_mut(index),
    });
    found?.as_object_mut()
}

/// The name of an object's member, its place when it repeats, and where the object stands.
fn split(keys: &[Key]) -> Option<(&[Key], &str, Option<usize>)> {
    match keys {
        [above @ .., Key::Name(name)] => Some((above, name, None)),
        [above @ .., Key::Name(name), Key::Index(index)] => Some((above, name, Some(*index))),
        _ => None,
    }
}

/// The object at this place. That beside a primitive is made when it is not there.
fn make_object<'v>(resource: &'v mut Value, keys: &[Key]) -> Option<&'v mut Map<String, Value>> {
    let Some((above, name, index)) = split(keys) else {
        return resource.as_object_mut();
    };
    let members = object_at(resource, above)?;
    let empty = || Value::Object(Map::new());
    let Some(index) = index else {
        return members.entry(name).or_insert_with(empty).as_object_mut();
    };
    let count = path::count(members, name.trim_start_matches('_'), true);
    let list = members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    let list = list.as_array_mut()?;
    list.resize(count.max(list.len()), Value::Null);
    let object = list.get_mut(index)?;
    if object.is_null() {
        *object = empty();
    }
    object.as_object_mut()
}

/// The element as it is to be, in the place that it had.
fn set(members: &mut Map<String, Value>, name: &str, made: Made) {
    for (key, value) in [(name.to_owned(), made.value), (beside(name), made.beside)] {
        match value {
            Some(value) => {
                members.insert(key, value);
            }
            None => {
                members.shift_remove(&key);
            }
        }
    }
}

/// Puts an element into a list; what stands beside the list's primitives moves along.
fn insert(members: &mut Map<String, Value>, name: &str, index: usize, made: Made) {
    change_lists(members, name, made, |list, value| list.insert(index, value));
}

fn put(members: &mut Map<String, Value>, name: &str, index: usize, made: Made) {
    change_lists(members, name, made, |list, value| list[index] = value);
}

/// Changes the list and the one beside it alike; both are made as long as the list is.
fn change_lists(members: &mut Map<String, Value>, name: &str, made: Made, change: impl Fn(&mut Vec<Value>, Value)) {
    let count = path::count(members, name, true);
    for (key, value) in [(name.to_owned(), made.value), (beside(name), made.beside)] {
        if value.is_none() && !members.contains_key(&key) {
            continue;
        }
        let list = members.entry(key.as_str()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.resize(count, Value::Null);
            change(list, value.unwrap_or(Value::Null));
        }
        forget_empty(members, &key);
    }
}

/// Takes an element away.
fn take(members: &mut Map<String, Value>, name: &str, index: Option<usize>) {
    for key in [name.to_owned(), beside(name)] {
        match (index, members.get_mut(&key)) {
            (None, _) => {
                members.shift_remove(&key);
            }
            (Some(index), Some(Value::Array(list))) if index < list.len() => {
                list.remove(index);
            }
            (Some(_), _) => {}
        }
        forget_empty(members, &key);
    }
}

/// A list of nothing is no list in FHIR.
fn forget_empty(members: &mut Map<String, Value>, key: &str) {
    if let Some(Value::Array(list)) = members.get(key)
        && list.iter().all(Value::is_null)
    {
        members.shift_remove(key);
    }
}

/// An element without content is not there: what became empty goes, and so on upwards.
fn prune(resource: &mut Value, object: &[Key]) {
    let mut keys = object;
    while let Some((above, name, index)) = split(keys) {
        if object_at(resource, keys).is_none_or(|members| !members.is_empty()) {
            return;
        }
        let Some(members) = object_at(resource, above) else {
            return;
        };
        match (index, members.get_mut(name)) {
            // Beside a primitive, whose place in its list stays.
            (Some(index), Some(Value::Array(list))) if name.starts_with('_') => list[index] = Value::Null,
            (Some(index), Some(Value::Array(list))) => {
                list.remove(index);
            }
            _ => {
                members.shift_remove(name);
            }
        }
        forget_empty(members, name);
        keys = above;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Patch;
    use super::*;
    use crate::fhir::json::Limits;

    /// One operation from its parts: strings but for `value…` and numbers.
    fn operation(parts: Value) -> Value {
        let part = |(name, value): (&String, &Value)| match (name.as_str(), value) {
            ("type", value) => json!({"name": "type", "valueCode": value}),
            (name @ ("index" | "source" | "destination"), Value::Number(number)) => {
                json!({"name": name, "valueInteger": number})
            }
            ("path" | "name", value) => json!({"name": name, "valueString": value}),
            ("part", value) => json!({"name": "value", "part": value}),
            (typed, value) => json!({"name": "value", typed: value}),
        };
        let parts: Vec<Value> = parts.as_object().unwrap().iter().map(part).collect();
        json!({"name": "operation", "part": parts})
    }

    fn patched(resource: &Value, operations: &[Value]) -> Result<Value, PatchError> {
        let parameters = json!({
            "resourceType": "Parameters",
            "parameter": operations.iter().cloned().map(operation).collect::<Vec<_>>(),
        });
        Patch::fhirpath(ResourceType::Patient, &parameters)?.apply(
            FhirVersion::R5,
            resource.clone(),
            &Limits::default(),
        )
    }

    fn person() -> Value {
        json!({
            "resourceType": "Patient",
            "id": "p",
            "name": [{"family": "A", "given": ["B", "C"], "_given": [null, {"id": "c"}]}, {"family": "D"}],
            "telecom": [{"value": "1"}, {"value": "2"}, {"value": "3"}, {"value": "4"}],
            "birthDate": "1950-09-07",
            "_birthDate": {"extension": [{"url": "u", "valueString": "x"}]},
            "deceasedBoolean": false,
        })
    }

    #[test]
    fn each_operation_does_its_work() {
        let telecoms = |order: [&str; 4]| json!(order.map(|value| json!({"value": value})));
        let cases = [
            (
                json!({"type": "add", "path": "Patient", "name": "active", "valueBoolean": true}),
                "/active",
                json!(true),
            ),
            (
                json!({"type": "add", "path": "Patient", "name": "name", "valueHumanName": {"family": "E"}}),
                "/name/2",
                json!({"family": "E"}),
            ),
            (
                json!({"type": "add", "path": "Patient", "name": "multipleBirth", "valueInteger": 2}),
                "/multipleBirthInteger",
                json!(2),
            ),
            (
                json!({"type": "add", "path": "Patient", "name": "contact", "part": [
                    {"name": "name", "valueHumanName": {"text": "n"}},
                    {"name": "telecom", "valueContactPoint": {"value": "1"}},
                    {"name": "telecom", "valueContactPoint": {"value": "2"}},
                    {"name": "gender", "valueCode": "female"},
                ]}),
                "/contact/0",
                json!({"name": {"text": "n"}, "telecom": [{"value": "1"}, {"value": "2"}], "gender": "female"}),
            ),
            (
                json!({"type": "add", "path": "Patient.name[0]", "name": "given", "valueString": "X"}),
                "/name/0",
                json!({"family": "A", "given": ["B", "C", "X"], "_given": [null, {"id": "c"}, null]}),
            ),
            (
                json!({"type": "add", "path": "Patient.name[1]", "name": "given", "valueString": "X"}),
                "/name/1",
                json!({"family": "D", "given": ["X"]}),
            ),
            (
                json!({"type": "add", "path": "Patient.name[0].given[0]", "name": "extension", "valueExtension": {"url": "v", "valueCode": "y"}}),
                "/name/0/_given",
                json!([{"extension": [{"url": "v", "valueCode": "y"}]}, {"id": "c"}]),
            ),
            (
                json!({"type": "add", "path": "Patient.name[1].family", "name": "extension", "valueExtension": {"url": "v", "valueCode": "y"}}),
                "/name/1/_family",
                json!({"extension": [{"url": "v", "valueCode": "y"}]}),
            ),
            (
                json!({"type": "add", "path": "Patient", "name": "extension", "part": [{"name": "url", "valueUri": "v"}, {"name": "value", "valueDate": "2026-01-01"}]}),
                "/extension/0",
                json!({"url": "v", "valueDate": "2026-01-01"}),
            ),
            (
                json!({"type": "insert", "path": "Patient.name[0].given", "valueString": "X", "index": 1}),
                "/name/0",
                json!({"family": "A", "given": ["B", "X", "C"], "_given": [null, null, {"id": "c"}]}),
            ),
            (
                json!({"type": "insert", "path": "Patient.photo", "valueAttachment": {"title": "t"}, "index": 0}),
                "/photo",
                json!([{"title": "t"}]),
            ),
            (
                json!({"type": "insert", "path": "Patient.telecom", "valueContactPoint": {"value": "5"}, "index": 4}),
                "/telecom/4",
                json!({"value": "5"}),
            ),
            (
                json!({"type": "delete", "path": "Patient.telecom.where(value = '2')"}),
                "/telecom",
                json!([{"value": "1"}, {"value": "3"}, {"value": "4"}]),
            ),
            (
                json!({"type": "delete", "path": "Patient.name[0].given[0]"}),
                "/name/0",
                json!({"family": "A", "given": ["C"], "_given": [{"id": "c"}]}),
            ),
            (
                json!({"type": "delete", "path": "Patient.name[1].family"}),
                "/name",
                json!([{"family": "A", "given": ["B", "C"], "_given": [null, {"id": "c"}]}]),
            ),
            (
                json!({"type": "replace", "path": "Patient.birthDate", "valueDate": "1951-01-01"}),
                "/birthDate",
                json!("1951-01-01"),
            ),
            (
                json!({"type": "replace", "path": "Patient.deceased", "valueDateTime": "2026-01-01"}),
                "/deceasedDateTime",
                json!("2026-01-01"),
            ),
            (
                json!({"type": "replace", "path": "Patient.name[0].given[1]", "valueString": "X"}),
                "/name/0",
                json!({"family": "A", "given": ["B", "X"]}),
            ),
            (
                json!({"type": "replace", "path": "Patient.name.where(family = 'D')", "part": [{"name": "family", "valueString": "E"}]}),
                "/name/1",
                json!({"family": "E"}),
            ),
            (
                json!({"type": "move", "path": "Patient.telecom", "source": 3, "destination": 1}),
                "/telecom",
                telecoms(["1", "4", "2", "3"]),
            ),
            (
                json!({"type": "move", "path": "Patient.telecom", "source": 0, "destination": 3}),
                "/telecom",
                telecoms(["2", "3", "4", "1"]),
            ),
            (
                json!({"type": "move", "path": "Patient.name[0].given", "source": 1, "destination": 0}),
                "/name/0",
                json!({"family": "A", "given": ["C", "B"], "_given": [{"id": "c"}, null]}),
            ),
        ];
        for (change, place, expected) in cases {
            let result =
                patched(&person(), std::slice::from_ref(&change)).unwrap_or_else(|error| panic!("{change}: {error:?}"));
            assert_eq!(result.pointer(place), Some(&expected), "{change}");
        }
    }

    #[test]
    fn what_is_deleted_leaves_nothing_behind() {
        let gone = |path: &str, place: &str| {
            let result = patched(&person(), &[json!({"type": "delete", "path": path})]).unwrap();
            assert_eq!(result.pointer(place), None, "{path}");
            result
        };
        let result = gone("Patient.birthDate", "/birthDate");
        assert_eq!(result.get("_birthDate"), None);
        let result = gone("Patient.birthDate.extension('u')", "/_birthDate");
        assert_eq!(result["birthDate"], "1950-09-07");
        let result = gone("Patient.name[0].given[1].id", "/name/0/_given");
        assert_eq!(result["name"][0]["given"], json!(["B", "C"]));
        let result = patched(
            &person(),
            &[json!({"type": "replace", "path": "Patient.deceased", "valueDateTime": "2026"})],
        );
        assert_eq!(result.unwrap().get("deceasedBoolean"), None);
        let nothing = patched(&person(), &[json!({"type": "delete", "path": "Patient.photo"})]).unwrap();
        assert_eq!(nothing, person(), "to delete what is not there is no fault");
    }

    #[test]
    fn operations_see_what_those_before_them_did() {
        let result = patched(
            &json!({"resourceType": "Patient"}),
            &[
                json!({"type": "add", "path": "Patient", "name": "name", "valueHumanName": {"use": "usual"}}),
                json!({"type": "add", "path": "Patient.name.where(use = 'usual')", "name": "family", "valueString": "F"}),
                json!({"type": "insert", "path": "Patient.name", "valueHumanName": {"family": "G"}, "index": 0}),
                json!({"type": "move", "path": "Patient.name", "source": 0, "destination": 1}),
                json!({"type": "delete", "path": "Patient.name[1]"}),
            ],
        );
        assert_eq!(result.unwrap()["name"], json!([{"use": "usual", "family": "F"}]));
    }

    #[test]
    fn what_does_not_fit_is_told_apart_from_what_is_wrong() {
        let unfit = [
            json!({"type": "add", "path": "Patient", "name": "birthDate", "valueDate": "2026-01-01"}),
            json!({"type": "add", "path": "Patient", "name": "deceased", "valueDateTime": "2026-01-01"}),
            json!({"type": "add", "path": "Patient.name", "name": "given", "valueString": "X"}),
            json!({"type": "add", "path": "Patient.contact", "name": "gender", "valueCode": "male"}),
            json!({"type": "insert", "path": "Patient.name", "valueHumanName": {"text": "x"}, "index": 3}),
            json!({"type": "delete", "path": "Patient.telecom"}),
            json!({"type": "replace", "path": "Patient.gender", "valueCode": "male"}),
            json!({"type": "replace", "path": "Patient.telecom", "valueContactPoint": {"value": "1"}}),
            json!({"type": "move", "path": "Patient.telecom", "source": 4, "destination": 0}),
            json!({"type": "move", "path": "Patient.telecom", "source": 0, "destination": 4}),
            json!({"type": "move", "path": "Patient.photo", "source": 0, "destination": 0}),
        ];
        for change in unfit {
            let error = patched(&person(), std::slice::from_ref(&change)).unwrap_err();
            assert!(matches!(error, PatchError::Unfit { .. }), "{change}: {error:?}");
        }
        let wrong = [
            json!({"type": "add", "path": "Patient", "name": "nonsense", "valueString": "x"}),
            json!({"type": "add", "path": "Patient", "name": "name", "valueString": "x"}),
            json!({"type": "add", "path": "Patient", "name": "multipleBirth", "valueDecimal": 1.5}),
            json!({"type": "add", "path": "Patient", "name": "active"}),
            json!({"type": "add", "path": "Patient", "valueBoolean": true}),
            json!({"type": "add", "name": "active", "valueBoolean": true}),
            json!({"type": "add", "path": "Patient.birthDate", "name": "url", "valueUri": "x"}),
            json!({"type": "add", "path": "Patient", "name": "contact", "part": [{"name": "family", "valueString": "x"}]}),
            json!({"type": "add", "path": "Patient", "name": "contact", "part": [{"name": "gender", "valueCode": "male"}, {"name": "gender", "valueCode": "male"}]}),
            json!({"type": "insert", "path": "Patient.birthDate", "valueDate": "2026-01-01", "index": 0}),
            json!({"type": "insert", "path": "Patient.name[0]", "valueHumanName": {"text": "x"}, "index": 0}),
            json!({"type": "insert", "path": "Patient.name", "valueHumanName": {"text": "x"}}),
            json!({"type": "insert", "path": "Patient.name", "valueHumanName": {"text": "x"}, "index": -1}),
            json!({"type": "delete", "path": "Patient"}),
            json!({"type": "delete", "path": "Patient.nonsense"}),
            json!({"type": "replace", "path": "Patient", "part": []}),
            json!({"type": "replace", "path": "Patient.birthDate", "valueBoolean": true}),
            json!({"type": "move", "path": "Patient.telecom", "source": 0}),
            json!({"type": "copy", "path": "Patient.telecom"}),
            json!({"path": "Patient.telecom"}),
            json!({"type": "delete", "path": "Patient.name.where(family ~ 'x')"}),
        ];
        for change in wrong {
            let error = patched(&person(), std::slice::from_ref(&change)).unwrap_err();
            let PatchError::Malformed(fault) = error else {
                panic!("{change}: {error:?}")
            };
            assert_eq!(fault.expression, "Parameters.parameter[0]", "{change}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let mut operations =
            vec![json!({"type": "add", "path": "Patient", "name": "extension", "valueExtension": {"url": "u"}})];
        let mut path = "Patient.extension".to_owned();
        for _ in 0..100 {
            operations.push(json!({"type": "add", "path": path, "name": "extension", "valueExtension": {"url": "u"}}));
            path.push_str(".extension");
        }
        let error = patched(&json!({"resourceType": "Patient"}), &operations).unwrap_err();
        assert!(matches!(error, PatchError::Unfit { .. }), "{error:?}");
    }
}
