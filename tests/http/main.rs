//! Black-box tests over real HTTP against the real app.

#[path = "../common/mod.rs"]
mod common;

mod arbetslista;
mod atkomst;
mod bad_input;
mod batch;
mod browsers;
mod bundle_model;
mod care;
mod chains;
mod command_line;
mod concurrency;
mod definitions;
mod everything;
mod handelser;
mod includes;
mod issuer;
mod klienter;
mod kontakter;
mod limits;
mod metadata;
mod modifiers;
mod negotiation;
mod operation;
mod patch;
mod patientkontroll;
mod people;
mod planer;
mod policies;
mod read;
mod riktlinje;
mod search;
mod search_values;
mod serving;
mod statuses;
mod subset;
mod token;
mod token_tls;
mod transaction;
mod validate;
mod validate_vectors;
mod versions;
mod villkor;
mod write;
