//! What every handler can reach.

use super::limits::Limits;
use super::sealed::Sealer;
use crate::door::Door;
use crate::observe::Metrics;

/// The application as its handlers see it; built by `server.rs`.
pub struct App {
    pub door: Door,
    pub metrics: Metrics,
    /// Hides the search in the links of a search by POST.
    pub sealer: Sealer,
    pub limits: Limits,
    /// The origin in links, when configured.
    pub base_url: Option<String>,
}
