//! How large and how deep a patch may make a resource. Changes can copy what is there into itself: thirty of them would
//! fill any memory, and a resource nested by the thousands would end the thread that walks it.

use serde_json::Value;

use super::PatchError;
use crate::fhir::fault::Text;
use crate::fhir::json::Limits;

/// What is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Largest resource, in bytes of JSON text.
    bytes: usize,
    /// Deepest nesting.
    depth: usize,
    /// What may still be put in by all changes together, in bytes.
    left: usize,
}

impl Room {
    /// As much as the limits give a body; a resource that is larger or deeper already (conversion nests) may stay so.
    pub(super) fn of(resource: &Value, limits: &Limits) -> Room {
        let (mut bytes, mut depth) = (0, 0);
        measure(resource, 1, &mut |size, at| {
            bytes += size;
            depth = depth.max(at);
            true
        });
        let bytes = bytes.max(limits.bytes);
        Room {
            bytes,
            depth: depth.max(limits.depth),
            left: bytes,
        }
    }

    /// Whether a value that is to stand below `above` objects and arrays has room; counts it.
    pub(super) fn take(&mut self, value: &Value, above: usize) -> Result<(), PatchError> {
        let (deepest, mut left) = (self.depth, self.left);
        let fits = measure(value, above + 1, &mut |size, at| match left.checked_sub(size) {
            Some(rest) if at <= deepest => {
                left = rest;
                true
            }
            _ => false,
        });
        self.left = left;
        if fits { Ok(()) } else { Err(no_room()) }
    }

    /// Whether a value has the depth to stand below `above` objects and arrays.
    pub(super) fn is_deep_enough(&self, value: &Value, above: usize) -> Result<(), PatchError> {
        if measure(value, above + 1, &mut |_, at| at <= self.depth) {
            Ok(())
        } else {
            Err(no_room())
        }
    }

    /// Whether the resource as a whole is within bounds.
    pub(super) fn holds(&self, resource: &Value) -> Result<(), PatchError> {
        let mut whole = Room {
            left: self.bytes,
            ..*self
        };
        whole.take(resource, 0)
    }
}

fn no_room() -> PatchError {
    PatchError::unfit(Text::new(
        "Ändringarna gör resursen större eller djupare än tillåtet.",
        "The changes make the resource larger or deeper than permitted.",
    ))
}

/// Walks a value that stands at `depth`, telling `visit` the size of every piece (as JSON text, give or take escapes) and
/// the depth of every object and array; stops when it says no.
fn measure(value: &Value, depth: usize, visit: &mut impl FnMut(usize, usize) -> bool) -> bool {
    match value {
        Value::Null | Value::Bool(_) => visit(5, 0),
        Value::Number(number) => visit(number.to_string().len() + 1, 0),
        Value::String(text) => visit(text.len() + 3, 0),
        Value::Array(items) => visit(2, depth) && items.iter().all(|item| measure(item, depth + 1, visit)),
        Value::Object(members) => {
            visit(2, depth)
                && members
                    .iter()
                    .all(|(name, value)| visit(name.len() + 3, 0) && measure(value, depth + 1, visit))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn room(bytes: usize, depth: usize) -> Room {
        Room {
            bytes,
            depth,
            left: bytes,
        }
    }

    #[test]
    fn what_is_put_in_is_counted_once_for_all_changes() {
        let mut room = room(30, 4);
        assert!(room.take(&json!({"a": "bcd"}), 1).is_ok());
        assert!(room.take(&json!("0123456789"), 1).is_ok());
        assert!(room.take(&json!("0123456789"), 1).is_err());
    }

    #[test]
    fn depth_is_counted_from_the_root() {
        let room = room(1000, 4);
        assert!(room.is_deep_enough(&json!([[1]]), 2).is_ok());
        assert!(room.is_deep_enough(&json!([[[1]]]), 2).is_err());
    }

    #[test]
    fn a_resource_that_is_deep_already_may_stay_so() {
        let deep = json!([[[[["x"]]]]]);
        let limits = Limits { bytes: 10, depth: 2 };
        assert!(Room::of(&deep, &limits).holds(&deep).is_ok());
    }
}
