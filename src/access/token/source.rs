//! Where an issuer's keys come from, and how fresh they are. Keys are fetched on threads that may block, never while a
//! request could be answered without; a fault of the issuer takes away no key that is known.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::Mutex;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use super::keys::KeySet;
use crate::access::settings::IssuerSettings;

/// A key set is some kilobytes.
const MOST_BYTES: u64 = 256 * 1024;

/// How long a fetch may take in all.
const FETCH_TIME: Duration = Duration::from_secs(5);

/// How often a file of keys is looked at.
const FILE_REFRESH: Duration = Duration::from_secs(5);
const FILE_PAUSE: Duration = Duration::from_secs(1);

/// The keys of one issuer, kept fresh. Cheap to clone.
#[derive(Clone)]
pub struct Source(Arc<Inner>);

struct Inner {
    /// For the log.
    issuer: String,
    place: Place,
    accepted: Vec<Algorithm>,
    /// Keys older than this are fetched anew, beside the requests; older than twice this, before the next answer.
    refresh: Duration,
    /// The shortest time between two fetches.
    pause: Duration,
    state: RwLock<State>,
    /// Held by the one who fetches.
    fetching: Arc<Mutex<()>>,
}

enum Place {
    Url { agent: Agent, url: String },
    File(PathBuf),
}

#[derive(Clone, Default)]
struct State {
    keys: Arc<KeySet>,
    /// When they were fetched last.
    fetched: Option<Instant>,
    /// When a fetch was begun last.
    tried: Option<Instant>,
}

/// The keys as they are now.
pub enum Keys {
    Known(Arc<KeySet>),
    /// None were ever fetched.
    OutOfReach,
}

impl Source {
    /// The source that the settings name. Fails on a file of certificates that cannot be read.
    pub fn new(settings: &IssuerSettings, accepted: Vec<Algorithm>) -> Result<Source, String> {
        let seconds = |count: u32| Duration::from_secs(count.into());
        let (place, refresh, pause) = match (&settings.jwks_url, &settings.jwks_file) {
            (Some(url), _) => {
                let agent = agent(settings.ca_file.as_ref())?;
                let place = Place::Url {
                    agent,
                    url: url.clone(),
                };
                (place, seconds(settings.jwks_refresh), seconds(settings.jwks_pause))
            }
            (None, Some(file)) => (Place::File(file.clone()), FILE_REFRESH, FILE_PAUSE),
            (None, None) => return Err(format!("{} has neither jwks_url nor jwks_file", settings.issuer)),
        };
        if let Place::File(file) = &place {
            // An operator who names a file means one that is there.
            let text = place.fetch()?;
            KeySet::read(&text, &accepted).ok_or_else(|| format!("{}: it is no JSON Web Key Set", file.display()))?;
        }
        Ok(Source(Arc::new(Inner {
            issuer: settings.issuer.clone(),
            place,
            accepted,
            refresh,
            pause,
            state: RwLock::default(),
            fetching: Arc::default(),
        })))
    }

    /// The keys, at most twice as old as the settings want them unless the issuer is out of reach.
    pub async fn keys(&self) -> Keys {
        let state = self.0.state();
        let age = state.fetched.map(|at| at.elapsed());
        match age {
            Some(age) if age < self.0.refresh => return Keys::Known(state.keys),
            Some(age) if age < self.0.refresh * 2 => {
                if self.0.may_try() {
                    let source = self.clone();
                    tokio::spawn(async move { source.renew().await });
                }
                return Keys::Known(state.keys);
            }
            _ => self.renew().await,
        }
        let state = self.0.state();
        match state.fetched {
            Some(_) => Keys::Known(state.keys),
            None => Keys::OutOfReach,
        }
    }

    /// Fetches the keys, unless that was done a moment ago; who comes while it is done waits for the outcome.
    pub async fn renew(&self) {
        if !self.0.may_try() && self.0.fetching.try_lock().is_ok() {
            return;
        }
        let guard = self.0.fetching.clone().lock_owned().await;
        if !self.0.may_try() {
            return;
        }
        let inner = self.0.clone();
        // The thread holds the lock and keeps what it got, whether or not the one who asked still waits.
        let work = move || {
            inner.renew_blocking();
            drop(guard);
        };
        let _done = tokio::task::spawn_blocking(work).await;
    }

    /// Fetches the keys, on this thread.
    pub fn renew_blocking(&self) {
        self.0.renew_blocking();
    }

    /// Whether keys are known.
    pub fn is_known(&self) -> bool {
        self.0.state().fetched.is_some()
    }
}

impl Inner {
    fn state(&self) -> State {
        // Nothing can panic while it is held; what a poisoned lock guards is whole.
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn may_try(&self) -> bool {
        self.state().tried.is_none_or(|at| at.elapsed() >= self.pause)
    }

    fn renew_blocking(&self) {
        self.change(|state| state.tried = Some(Instant::now()));
        let text = match self.place.fetch() {
            Ok(text) => text,
            Err(reason) => {
                tracing::warn!(issuer = %self.issuer, %reason, "the issuer's keys cannot be fetched; those that are known stay");
                return;
            }
        };
        let known = self.state().keys;
        if known.is_of(&text) {
            self.change(|state| state.fetched = Some(Instant::now()));
            return;
        }
        let Some(mut keys) = KeySet::read(&text, &self.accepted) else {
            tracing::warn!(issuer = %self.issuer, "what the issuer gave is no key set; the keys that are known stay");
            return;
        };
        if keys.is_empty() {
            tracing::warn!(issuer = %self.issuer, "the issuer's key set has no key that tokens can be verified by");
        }
        keys.generation = known.generation + 1;
        self.change(|state| {
            state.keys = Arc::new(keys);
            state.fetched = Some(Instant::now());
        });
        tracing::info!(issuer = %self.issuer, "the issuer's keys are taken in");
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Place {
    fn fetch(&self) -> Result<Vec<u8>, String> {
        match self {
            Place::Url { agent, url } => {
                let mut response = agent.get(url).call().map_err(|error| error.to_string())?;
                let body = response.body_mut().with_config().limit(MOST_BYTES);
                body.read_to_vec().map_err(|error| error.to_string())
            }
            Place::File(path) => {
                let told = |error: std::io::Error| format!("{}: {error}", path.display());
                let mut text = Vec::new();
                let file = std::fs::File::open(path).map_err(told)?;
                file.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(told)?;
                if text.len() as u64 > MOST_BYTES {
                    return Err(format!("{} is larger than {MOST_BYTES} bytes", path.display()));
                }
                Ok(text)
            }
        }
    }
}

/// A client that follows no redirection: the keys come from the address that the operator named, or not at all.
fn agent(ca_file: Option<&PathBuf>) -> Result<Agent, String> {
    let roots = match ca_file {
        None => RootCerts::WebPki,
        Some(file) => RootCerts::new_with_certs(&authorities(file)?),
    };
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(roots)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(FETCH_TIME))
        .max_redirects(0)
        .max_idle_connections(0)
        .user_agent("fastkontakt")
        .build();
    Ok(config.new_agent())
}

fn authorities(file: &PathBuf) -> Result<Vec<Certificate<'static>>, String> {
    let told = |reason: String| format!("{}: {reason}", file.display());
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| told(error.to_string()))?;
    let certificates: Vec<_> = certificates
        .map(|certificate| certificate.map(|der| Certificate::from_der(&der).to_owned()))
        .collect::<Result<_, _>>()
        .map_err(|error| told(error.to_string()))?;
    if certificates.is_empty() {
        return Err(told("there is no certificate in it".to_owned()));
    }
    Ok(certificates)
}
