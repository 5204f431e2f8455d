//! Black-box tests over real HTTP against the real app.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod browsers;
mod care;
mod command_line;
mod concurrency;
mod definitions;
mod kontakter;
mod metadata;
mod operation;
mod people;
mod planer;
mod policies;
mod read;
mod riktlinje;
mod search;
mod transaction;
mod versions;
mod write;
