//! Builds the application: opens the store, reads the policies, binds (port 0 in tests), runs, and stops gracefully.

use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, Server, ServerHandle};
use actix_web::http::{Method, header};
use actix_web::middleware::{Compress, Condition, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App as ActixApp, HttpServer, rt, web};

use crate::access::authenticator::Authenticator;
use crate::access::certificate::ClientCertificate;
use crate::access::tls::Tls;
use crate::api::{self, App, Sealer};
use crate::clock::Clock;
use crate::config::Settings;
use crate::definitions::Definitions;
use crate::door::bundle::BundleLimits;
use crate::door::enhet::Enheter;
use crate::door::fornyelse::Fornyelse;
use crate::door::reindex::reindex_if_older;
use crate::door::{Door, JUDGED_IN, Turns, Understood};
use crate::fhir::json::Limits;
use crate::observe::Metrics;
use crate::questions;
use crate::retention::Nightly;
use crate::riktlinje::{Policies, PolicyError};
use crate::store::{Store, StoreError, StoreOptions};

/// How long an idle connection is kept: longer than clients keep theirs, so that none is closed under a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client may take to send a request's head, and to shake hands before it.
const HEAD_TIME: Duration = Duration::from_secs(5);

/// Connections that one worker serves at a time; others wait to be accepted. What one may hold of memory before its
/// request is understood is bounded by actix (128 KiB of head), so all of them together are.
const CONNECTIONS: usize = 2_000;

/// Why the service could not start, told to the operator.
#[derive(Debug)]
pub enum StartError {
    Store(StoreError),
    Policy(PolicyError),
    Bind {
        address: SocketAddr,
        error: io::Error,
    },
    Metrics(String),
    /// Access control cannot be set up.
    Access(String),
    /// HTTPS cannot be set up.
    Tls(String),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Store(error) => write!(f, "the database cannot be used: {error}"),
            StartError::Policy(error) => write!(f, "the policies cannot be used: {error}"),
            StartError::Bind { address, error } => write!(f, "cannot serve on {address}: {error}"),
            StartError::Access(reason) => write!(f, "access control cannot be set up: {reason}"),
            StartError::Tls(reason) => write!(f, "HTTPS cannot be set up: {reason}"),
            StartError::Metrics(reason) => write!(f, "cannot set up metrics: {reason}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Opens the store (migrating and, if need be, reindexing it) and reads the policies: the door, ready for writes.
/// Blocks: call it before the runtime starts.
pub fn open_door(settings: &Settings, clock: Clock) -> Result<Door, StartError> {
    let options = StoreOptions {
        read_time: Duration::from_secs(settings.max_query_seconds),
        ..StoreOptions::default()
    };
    open_door_with(settings, clock, &options)
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
        enheter: Enheter::default(),
        understood: Understood::new(),
        fornyelse: Fornyelse::default(),
        judged_in: JUDGED_IN,
        access_log: true,
    })
}

/// A bound server that is ready to run.
pub struct Application {
    server: Server,
    address: SocketAddr,
    door: Door,
    tls: Option<Tls>,
    nightly: Option<Nightly>,
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
        let tls = settings
            .tls
            .as_ref()
            .map(Tls::new)
            .transpose()
            .map_err(StartError::Tls)?;
        let app = web::Data::new(App {
            authenticator: authenticator(settings, &door).await?,
            door: door.clone(),
            metrics,
            sealer,
            limits: api::Limits::new(settings.requests_per_second, settings.max_body_memory),
            base_url: settings.base_url.clone(),
            cors: !settings.cors_origins.is_empty(),
        });
        fetch_keys(app.clone());
        let origins = settings.cors_origins.clone();
        let mut server = HttpServer::new(move || {
            ActixApp::new()
                .app_data(app.clone())
                .wrap(from_fn(api::authenticate))
                .wrap(Compress::default())
                .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
                .wrap(from_fn(api::every_answer))
                .configure(api::routes)
        });
        if let Some(workers) = settings.workers {
            server = server.workers(workers);
        }
        let server = server
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIME)
            // Whoever hangs up waits for no answer: what is asked is given up where it stands. (A write that has been handed
            // in is carried out.)
            .h1_allow_half_closed(false)
            .max_connections(CONNECTIONS)
            .shutdown_timeout(10)
            .on_connect(remember_certificate);
        let server = match &tls {
            Some(tls) => server.listen_rustls_0_23(listener, tls.config().map_err(StartError::Tls)?),
            None => server.listen(listener),
        };
        let server = server.map_err(cannot_bind)?.run();
        let nightly = settings.log_cut_nightly.then(|| Nightly {
            database: settings.database.clone(),
            years: settings.log_years,
            clock: door.clock,
        });
        Ok(Application {
            server,
            address,
            door,
            tls,
            nightly,
        })
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
        let beside: Vec<_> = [
            self.tls.map(|tls| rt::spawn(tls.watch())),
            self.nightly.map(|nightly| rt::spawn(nightly.run())),
        ]
        .into_iter()
        .flatten()
        .collect();
        let result = self.server.await;
        for task in beside {
            task.abort();
        }
        renewal.stop().await;
        self.door.store.close().await;
        result
    }
}

/// Who finds out who calls; none in open mode.
async fn authenticator(settings: &Settings, door: &Door) -> Result<Option<Authenticator>, StartError> {
    if settings.open {
        return Ok(None);
    }
    let key = door.store.secret("pseudonym-key").await.map_err(StartError::Store)?;
    // Without a word of who may call, nobody may.
    let access = settings.access.clone().unwrap_or_default();
    let authenticator = Authenticator::new(&access, door.clock, &key).map_err(StartError::Access)?;
    Ok(Some(authenticator))
}

/// Fetches the issuers' keys beside the start: a service whose issuer is out of reach starts all the same.
fn fetch_keys(app: web::Data<App>) {
    let fetch = move || {
        if let Some(authenticator) = &app.authenticator {
            authenticator.tokens().fetch_keys();
        }
    };
    // Nobody waits for it: the first caller who needs the keys does.
    drop(actix_web::rt::task::spawn_blocking(fetch));
}

/// Keeps what the caller's certificate says with the connection.
fn remember_certificate(connection: &dyn Any, data: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TlsStream<TcpStream>>() else {
        return;
    };
    let (_, session) = stream.get_ref();
    let first = session.peer_certificates().and_then(|chain| chain.first());
    if let Some(certificate) = first.and_then(|der| ClientCertificate::read(der)) {
        data.insert(certificate);
    }
}

/// What pages of these origins may do from a browser: everything that the service answers (fetch.spec.whatwg.org#http-cors-protocol).
/// They may send any header: clients have their own (`X-Medplum`, `X-Requested-With`), and who calls is told by none that a
/// browser adds by itself.
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
        .allow_any_header()
        .expose_headers([
            header::ALLOW,
            header::CONTENT_LOCATION,
            header::ETAG,
            header::LAST_MODIFIED,
            header::LOCATION,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
        ])
        .expose_headers(["Accept-Patch", "X-Request-Id", "X-Riktlinje"])
        .max_age(3600)
        // Said with the rest in `every_answer`.
        .disable_vary_header();
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
