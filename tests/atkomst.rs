//! The access decision: the vectors of the pure functions (tests/atkomst/*.json), and what no answer of the door may hold.

#[path = "common/mod.rs"]
mod common;
#[path = "atkomst/dorren.rs"]
mod dorren;
#[path = "atkomst/reglerna.rs"]
mod reglerna;
#[path = "atkomst/samtycke.rs"]
mod samtycke;
#[path = "atkomst/slumpen.rs"]
mod slumpen;
#[path = "atkomst/support.rs"]
mod support;
#[path = "atkomst/varlden.rs"]
mod varlden;
#[path = "atkomst/vektorer.rs"]
mod vektorer;
