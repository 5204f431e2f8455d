//! Builds the application: opens the store, reads the policies, binds (port 0 in tests), runs, and stops gracefully.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::dev::{Server, ServerHandle};
use actix_web::http::{Method, header};
use actix_web::middleware::{Compress, Condition};
use actix_web::{App as ActixApp, HttpServer, web};

use crate::api::{self, App, Sealer};
use crate::clock::Clock;
use crate::config::Settings;
use crate::definitions::Definitions;
use crate::door::bundle::BundleLimits;
use crate::door::fornyelse::Fornyelse;
use crate::door::reindex::reindex_if_older;
use crate::door::{Door, Turns, Understood};
use crate::fhir::json::Limits;
use crate::observe::Metrics;
use crate::questions;
use crate::riktlinje::{Policies, PolicyError};
use crate::store::{Store, StoreError, StoreOptions};

/// How long an idle connection is kept: longer than clients keep theirs, so that none is closed under a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Why the service could not start, told to the operator.
#[derive(Debug)]
pub enum StartError {
    Store(StoreError),
    Policy(PolicyError),
    Bind { address: SocketAddr, error: io::Error },
    Metrics(String),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Store(error) => write!(f, "the database cannot be used: {error}"),
            StartError::Policy(error) => write!(f, "the policies cannot be used: {error}"),
            StartError::Bind { address, error } => write!(f, "cannot serve on {address}: {error}"),
            StartError::Metrics(reason) => write!(f, "cannot set up metrics: {reason}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Opens the store (migrating and, if need be, reindexing it) and reads the policies: the door, ready for writes.
/// Blocks: call it before the runtime starts.
pub fn open_door(settings: &Settings, clock: Clock) -> Result<Door, StartError> {
    open_door_with(settings, clock, &StoreOptions::default())
}

/// [`open_door`] with a store that uses the machine otherwise.
pub fn open_door_with(settings: &Settings, clock: Clock, options: &StoreOptions) -> Result<Door, StartError> {
    let policies = match &settings.policies {
        Some(directory) => Policies::load(directory).map_err(StartError::Policy)?,
        None => Policies::shipped(),
    };
    let store = Store::open(&settings.database, options).map_err(StartError::Store)?;
    store.migrate().map_err(StartError::Store)?;
    reindex_if_older(&store).map_err(StartError::Store)?;
    let definitions = Definitions::new(&policies, clock.now());
    Ok(Door {
        store,
        policies: Arc::new(policies),
        definitions: Arc::new(definitions),
        clock,
        limits: Limits {
            bytes: settings.max_body_bytes,
            depth: settings.max_depth,
        },
        bundles: BundleLimits {
            transaction: settings.max_transaction_entries,
            batch: settings.max_batch_entries,
        },
        require_if_match: settings.require_if_match,
        turns: Turns::new(),
        understood: Understood::new(),
        fornyelse: Fornyelse::default(),
        access_log: true,
    })
}

/// A bound server that is ready to run.
pub struct Application {
    server: Server,
    address: SocketAddr,
    door: Door,
}

impl Application {
    /// Binds; from here on the address is known and connections wait.
    pub async fn bind(settings: &Settings, door: Door) -> Result<Application, StartError> {
        let cannot_bind = |error| StartError::Bind {
            address: settings.bind,
            error,
        };
        let listener = TcpListener::bind(settings.bind).map_err(cannot_bind)?;
        let address = listener.local_addr().map_err(cannot_bind)?;
        let metrics = Metrics::new().map_err(|error| StartError::Metrics(error.to_string()))?;
        let sealer = Sealer::of(&door.store).await.map_err(StartError::Store)?;
        if let Err(problem) = questions::put(&door).await {
            // Bad data never stops a start; it is told.
            tracing::error!(?problem, "the shipped question sets could not be stored");
        }
        let app = web::Data::new(App {
            door: door.clone(),
            metrics,
            sealer,
            base_url: settings.base_url.clone(),
        });
        let origins = settings.cors_origins.clone();
        let mut server = HttpServer::new(move || {
            ActixApp::new()
                .app_data(app.clone())
                .wrap(Compress::default())
                .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
                .configure(api::routes)
        });
        if let Some(workers) = settings.workers {
            server = server.workers(workers);
        }
        let server = server
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout(10)
            .listen(listener)
            .map_err(cannot_bind)?
            .run();
        Ok(Application { server, address, door })
    }

    /// Where the service listens; the port is a real one also when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server from elsewhere.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves until SIGTERM or SIGINT; then finishes what is under way and closes the store.
    pub async fn run(self) -> io::Result<()> {
        let renewal = Fornyelse::start(self.door.clone());
        let result = self.server.await;
        renewal.stop().await;
        self.door.store.close().await;
        result
    }
}

/// What pages of these origins may do from a browser: everything that the service answers (fetch.spec.whatwg.org#http-cors-protocol).
fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allowed_headers([
            header::ACCEPT,
            header::ACCEPT_LANGUAGE,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
        ])
        .allowed_headers([
            "If-Match",
            "If-Modified-Since",
            "If-None-Exist",
            "If-None-Match",
            "Prefer",
            "X-Request-Id",
        ])
        .expose_headers([
            header::CONTENT_LOCATION,
            header::ETAG,
            header::LAST_MODIFIED,
            header::LOCATION,
        ])
        .expose_headers(["Accept-Patch", "X-Request-Id", "X-Riktlinje"])
        .max_age(3600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
