//! FHIRPath Patch (fhirpatch.html): a Parameters resource whose parameters `operation` say add, insert, delete, replace
//! or move. Values come as `value[x]`, or part by part where the type has no name of its own.

mod members;
mod operation;
#[cfg(test)]
mod tests;
mod value;

use serde_json::Value;

use super::ground::{Astray, Definition, Ground, Node, Place, count, named};
use super::path::{Path, Step};
use super::room::Room;
use super::{MOST_OPERATIONS, PatchError, numbered};
use crate::fhir::elements::{Tables, elements};
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use members::{beside, insert, make_object, object_at, present, prune, put, set, take};
use operation::Given;
use value::{Made, chosen, definitions, make};

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
            .map(|(index, operation)| operation::read(kind, operation).map_err(|obstacle| obstacle.told(index)))
            .collect::<Result<_, _>>()?;
        Ok(FhirPathPatch { kind, changes })
    }
}

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
        if index > count(members, name, true) {
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
        let count = count(members, name, true);
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
