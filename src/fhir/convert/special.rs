//! Rules that need more than one element at a time: each names the elements it sees to, in both versions, and the two
//! ways. The rows of `tables.rs` call them up; the functions stand in the files of their types.

use super::engine::{Part, Walk};

/// A rule: the engine leaves the named elements (and their carriers) to it.
pub struct Special {
    pub r4: &'static [&'static str],
    pub r5: &'static [&'static str],
    /// Elements that map straight but may have to be carried all the same.
    pub may_be_carried: &'static [&'static str],
    /// R4 → R5
    pub up: fn(&mut Walk<'_>, &mut Part<'_>),
    /// R5 → R4
    pub down: fn(&mut Walk<'_>, &mut Part<'_>),
}
