//! Fastkontakt: a FHIR service for fasta kontakter and överenskommelser that enforces the regions' riktlinjer.
//!
//! Who knows whom: `api → door → access, definitions, riktlinje, store, fhir`; `definitions → riktlinje, fhir`;
//! `store → fhir`; `riktlinje → fhir`; `fhir → nobody`. `hsa` and `personnummer`, which know the numbers, may be asked by all of these.
//! docs/ARCHITECTURE.md walks one request through the house.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod access;
pub mod api;
pub mod clock;
pub mod config;
pub mod definitions;
pub mod demo;
pub mod door;
pub mod fhir;
pub mod hsa;
pub mod load;
pub mod observe;
pub mod personnummer;
pub mod questions;
pub mod retention;
pub mod riktlinje;
pub mod server;
pub mod store;
pub mod validate;
