//! The one door: every write passes [`Door::write`], every read one of the functions in `read.rs`.
//!
//! Whoever wants to store something (HTTP, a transaction Bundle, `demo`) prepares a [`content::Prepared`] and hands it
//! in as an [`Order`]; preconditions, the riktlinje, versioning, index, outbox and audit follow in one database
//! transaction. Nothing else writes.

pub mod address;
pub mod arbetslista;
mod atkomst;
mod bokning;
pub mod bundle;
pub mod content;
mod effect;
mod efterfragat;
pub mod enhet;
pub mod everything;
pub mod fornyelse;
mod hallare;
mod katalog;
pub mod kontroll;
mod kvar;
mod lock;
pub mod logg;
pub mod loggranskning;
mod order;
pub mod patch;
mod precondition;
pub mod problem;
mod provenance;
mod read;
pub mod reindex;
pub mod situation;
mod skrivratt;
mod underlag;
mod understood;
mod upphov;
pub mod validate;
pub mod villkor;
mod write;

use std::sync::Arc;
use std::time::Duration;

use crate::access::{Call, Right};
use crate::clock::Clock;
use crate::definitions::Definitions;
use crate::fhir::json::Limits;
use crate::fhir::search::SearchQuery;
use crate::riktlinje::Policies;
use crate::store::Store;
use bundle::BundleLimits;
use enhet::Enheter;
use fornyelse::Fornyelse;
pub use order::{Action, Order, Outcome, Written};
pub use patch::Turns;
pub use precondition::{Precondition, version_number, versions_of_tags};
use problem::Problem;
pub use read::{Look, Looked};
pub use underlag::JUDGED_IN;
pub use understood::Understood;

/// What a write or read needs to know beside the request itself. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    pub store: Store,
    pub policies: Arc<Policies>,
    /// The service's own definitions, the rules under these policies among them.
    pub definitions: Arc<Definitions>,
    pub clock: Clock,
    pub limits: Limits,
    pub bundles: BundleLimits,
    /// Callers must name the version that they change or delete (`If-Match`).
    pub require_if_match: bool,
    /// Patches of one resource take turns.
    pub turns: Turns,
    /// What the catalogue said lately of the callers' units.
    pub enheter: Enheter,
    /// What the rules' context was understood as lately.
    pub understood: Understood,
    /// The renewal of what is kept for the work lists.
    pub fornyelse: Fornyelse,
    /// How long a write, or a picture, may be judged ([`JUDGED_IN`]); only tests set it otherwise.
    pub judged_in: Duration,
    /// Reads and denials are logged before they are answered. Always so in a service; only benchmarks turn it off, to see
    /// what it costs. A write has its record in any case.
    pub access_log: bool,
}

impl Door {
    /// Refuses a search that touches a type which the caller may not search: what chains and `_has` ask of other resources
    /// tells something about them.
    fn permit_search(&self, call: &Call, query: &SearchQuery) -> Result<(), Problem> {
        query
            .touches()
            .into_iter()
            .try_for_each(|kind| self.permit(call, Right::Search, kind))
            .inspect_err(|_| call.disclosed.ask(efterfragat::of_search(query)))
    }
}
