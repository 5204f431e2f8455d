//! What every handler can reach.

use super::limits::Limits;
use super::sealed::Sealer;
use crate::access::authenticator::Authenticator;
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
    /// Who finds out who calls; none: everybody may, on loopback.
    pub authenticator: Option<Authenticator>,
    /// Pages of other origins may call (CORS).
    pub cors: bool,
}
