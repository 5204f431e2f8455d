//! Rules that need more than one element at a time: each names the elements it sees to, in both versions, and the two
//! ways. The rows of `tables.rs` call them up; the functions stand in the files of their types.

use super::engine::Walk;
use super::part::Part;
use super::plan::Direction;

/// A rule: the engine leaves the named elements (and their carriers) to it.
pub(super) struct Special {
    pub r4: &'static [&'static str],
    pub r5: &'static [&'static str],
    /// Elements that map straight but may have to be carried all the same.
    pub may_be_carried: &'static [&'static str],
    /// Whether the rule itself says (by [`Walk::doubt`]) when the way back must be tried; else it is, whenever one of
    /// the named elements is there.
    pub says: bool,
    /// R4 → R5
    pub up: fn(&mut Walk<'_>, &mut Part<'_>),
    /// R5 → R4
    pub down: fn(&mut Walk<'_>, &mut Part<'_>),
}

impl Special {
    /// The named elements of the source.
    pub(super) fn names(&self, direction: Direction) -> &'static [&'static str] {
        match direction {
            Direction::Up => self.r4,
            Direction::Down => self.r5,
        }
    }
}
