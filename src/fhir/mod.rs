//! The standard, free of our domain: the closed set of types, strict reading, structure checks, dates, references,
//! search parameters, patches and the conversion R4 ↔ R5. Knows nobody; everyone may know it.

pub mod convert;
pub mod elements;
pub mod fault;
pub mod identifiers;
pub mod invariants;
pub mod json;
pub mod links;
pub mod modifiers;
pub mod patch;
pub mod percent;
pub mod profile;
pub mod references;
pub mod search;
pub mod structure;
pub mod subset;
pub mod types;
pub mod version;
