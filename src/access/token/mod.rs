//! Bearer tokens: OAuth 2 access tokens as signed JWTs (RFC 9068, RFC 8725). A token is held against the keys of its issuer,
//! its claims against the settings; what was verified is remembered until it expires.
//!
//! A token is never written to a log, nor is anything of it.

mod claim;
pub mod claims;
pub mod keys;
mod pseudonym;
pub mod source;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, decode_header};
use lru::LruCache;
use serde_json::Value;

use super::caller::Identity;
use super::settings::{AccessSettings, IssuerSettings};
use crate::clock::Clock;
use crate::fhir::json;
use crate::hsa::in_capitals;
use claim::Claims;
use claims::{ClaimsMap, Missing};
use keys::KeySet;
use pseudonym::Pseudonyms;
use source::{Keys, Source};

/// What identifies a certificate or a token: SHA-256 of its bytes.
pub type Digest = [u8; 32];

/// Why a token is not accepted. The names go to the log; they hold nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no token of ours, or not one now: 401.
    Invalid(&'static str),
    /// It is a good token that says too little: 403.
    Insufficient(&'static str),
    /// It cannot be told, because the keys of its issuer were never fetched: 503.
    OutOfReach,
}

/// Verifies tokens.
pub struct Tokens {
    issuers: Vec<Issuer>,
    claims: ClaimsMap,
    clock: Clock,
    /// In seconds.
    skew: i64,
    longest: usize,
    known: Mutex<LruCache<Digest, Arc<Verified>>>,
}

struct Issuer {
    name: String,
    audience: Vec<String>,
    source: Source,
}

/// A token that was verified, by what holds as long as the issuer's keys are the same.
struct Verified {
    /// Which of the issuers.
    issuer: usize,
    /// The keys that it was verified by.
    generation: u64,
    /// In seconds since 1970.
    expires: f64,
    not_before: Option<f64>,
    /// The certificate that its bearer must show (RFC 8705).
    certificate: Option<Digest>,
    identity: Result<Arc<Identity>, Missing>,
}

impl Tokens {
    /// Reads no keys yet; fails on settings that cannot be used. `pseudonym_key`: kept with the data.
    pub fn new(settings: &AccessSettings, clock: Clock, pseudonym_key: &[u8]) -> Result<Tokens, String> {
        let issuers = settings.issuers.iter().map(Issuer::new);
        let remembered = NonZeroUsize::new(settings.token_cache).ok_or("access.token_cache must be 1 or more")?;
        Ok(Tokens {
            issuers: issuers.collect::<Result<_, _>>()?,
            claims: ClaimsMap {
                names: settings.claims.clone(),
                systems: settings.systems.clone(),
                clock,
                reviewers: reviewers(settings),
                vardgivare: speaking_for(&settings.issuers),
                without_patients: without_patients(&settings.issuers),
                pseudonyms: Pseudonyms::new(pseudonym_key),
            },
            clock,
            skew: settings.clock_skew.into(),
            longest: settings.max_token_bytes,
            known: Mutex::new(LruCache::new(remembered)),
        })
    }

    /// Fetches the keys of all issuers, so that the first caller need not wait for it. Blocks.
    pub fn fetch_keys(&self) {
        for issuer in &self.issuers {
            issuer.source.renew_blocking();
        }
    }

    /// Who the bearer of this token is. `certificate`: the one the caller showed.
    pub async fn verify(&self, token: &str, certificate: Option<&Digest>) -> Result<Arc<Identity>, Refusal> {
        if token.len() > self.longest {
            return Err(Refusal::Invalid("too long"));
        }
        let name = sha256(token.as_bytes());
        if let Some(verified) = self.remembered(&name) {
            let issuer = self.issuers.get(verified.issuer);
            let keys = match issuer {
                Some(issuer) => issuer.source.keys().await,
                None => Keys::OutOfReach,
            };
            if matches!(keys, Keys::Known(keys) if keys.generation == verified.generation) {
                return verified.at(self.now(), self.skew, certificate);
            }
        }
        let verified = Arc::new(self.verify_anew(token).await?);
        let answer = verified.at(self.now(), self.skew, certificate);
        if answer.is_ok() {
            self.remember(name, verified);
        }
        answer
    }

    async fn verify_anew(&self, token: &str) -> Result<Verified, Refusal> {
        let header = read_header(token)?;
        let (signed, signature) = token.rsplit_once('.').ok_or(NO_JWT)?;
        let claims = read_claims(signed)?;
        // What the token says of its issuer only chooses by whose keys it is verified.
        let stated = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
        let found = self.issuers.iter().position(|issuer| issuer.name == stated);
        let number = found.ok_or(Refusal::Invalid("unknown issuer"))?;
        let issuer = &self.issuers[number];
        let mut keys = issuer.keys_for(&header).await?;
        if !is_signed(&keys, &header, signed, signature) {
            // Issuers there are that name no keys, or give a new one the old one's name.
            let known = keys.generation;
            issuer.source.renew().await;
            keys = issuer.keys_for(&header).await?;
            if keys.generation == known || !is_signed(&keys, &header, signed, signature) {
                return Err(Refusal::Invalid("no key of the issuer has signed it"));
            }
        }
        // From here on the claims are the issuer's word.
        if !issuer.is_for_us(&claims) {
            return Err(Refusal::Invalid("another audience"));
        }
        let expires = seconds(&claims, "exp")?.ok_or(Refusal::Invalid("no time of expiry"))?;
        let not_before = seconds(&claims, "nbf")?;
        let certificate = bound_to(&claims)?;
        Ok(Verified {
            issuer: number,
            generation: keys.generation,
            expires,
            not_before,
            certificate,
            identity: self.claims.identity(&issuer.name, &claims).map(Arc::new),
        })
    }

    fn remembered(&self, name: &Digest) -> Option<Arc<Verified>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).cloned()
    }

    fn remember(&self, name: Digest, verified: Arc<Verified>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.put(name, verified);
    }

    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }
}

/// Each program that reviews the whole log, with its issuer.
fn reviewers(settings: &AccessSettings) -> Vec<(String, String)> {
    let of = |issuer: &IssuerSettings| {
        let name = issuer.issuer.clone();
        let clients = issuer.reviewers.clone().into_iter();
        clients.map(move |client| (name.clone(), client))
    };
    settings.issuers.iter().flat_map(of).collect()
}

/// The issuers that speak for some vårdgivare only.
fn speaking_for(issuers: &[IssuerSettings]) -> HashMap<String, Vec<String>> {
    let confined = issuers.iter().filter(|issuer| !issuer.vardgivare.is_empty());
    confined
        .map(|issuer| {
            let ids = issuer.vardgivare.iter().map(|id| in_capitals(id)).collect();
            (issuer.issuer.clone(), ids)
        })
        .collect()
}

/// The issuers whose tokens are never those of patients: by default those that speak for some vårdgivare only.
fn without_patients(issuers: &[IssuerSettings]) -> Vec<String> {
    let without = |issuer: &&IssuerSettings| !issuer.patients.unwrap_or(issuer.vardgivare.is_empty());
    issuers
        .iter()
        .filter(without)
        .map(|issuer| issuer.issuer.clone())
        .collect()
}

const NO_JWT: Refusal = Refusal::Invalid("no JWT");

impl Issuer {
    fn new(settings: &IssuerSettings) -> Result<Issuer, String> {
        let accepted = settings.algorithms.iter().map(|name| name.parse());
        let accepted: Vec<Algorithm> = accepted
            .collect::<Result<_, jsonwebtoken::errors::Error>>()
            .map_err(|_| format!("{} names an unknown algorithm", settings.issuer))?;
        Ok(Issuer {
            name: settings.issuer.clone(),
            audience: settings.audience.clone(),
            source: Source::new(settings, accepted)?,
        })
    }

    /// Keys that may have signed a token with this header. An unknown key makes us fetch them again, a short while apart.
    async fn keys_for(&self, header: &Header) -> Result<Arc<KeySet>, Refusal> {
        for last_try in [false, true] {
            let Keys::Known(keys) = self.source.keys().await else {
                return Err(Refusal::OutOfReach);
            };
            if keys.candidates(header.kid.as_deref(), header.alg).next().is_some() {
                return Ok(keys);
            }
            if !last_try {
                self.source.renew().await;
            }
        }
        Err(Refusal::Invalid("unknown key, or an algorithm that is not for it"))
    }

    fn is_for_us(&self, claims: &Claims) -> bool {
        let ours = |value: &Value| {
            value
                .as_str()
                .is_some_and(|name| self.audience.iter().any(|own| own == name))
        };
        match claims.get("aud") {
            Some(Value::Array(names)) => names.iter().any(ours),
            Some(name) => ours(name),
            None => false,
        }
    }
}

impl Verified {
    /// Whether it is accepted at this time, from a caller with this certificate.
    fn at(&self, now: i64, skew: i64, certificate: Option<&Digest>) -> Result<Arc<Identity>, Refusal> {
        if now as f64 >= self.expires + skew as f64 {
            return Err(Refusal::Invalid("expired"));
        }
        if self.not_before.is_some_and(|begin| begin > (now + skew) as f64) {
            return Err(Refusal::Invalid("not valid yet"));
        }
        if self.certificate.is_some() && self.certificate.as_ref() != certificate {
            return Err(Refusal::Invalid("bound to another certificate"));
        }
        let identity = self.identity.as_ref();
        identity.cloned().map_err(|missing| match missing {
            Missing::FhirUser => Refusal::Invalid(missing.name()),
            _ => Refusal::Insufficient(missing.name()),
        })
    }
}

/// The header, when it is one of an access token that we understand.
fn read_header(token: &str) -> Result<Header, Refusal> {
    // What is not among the algorithms of JWS, `none` and encryption among it, cannot be read.
    let header = decode_header(token).map_err(|_| NO_JWT)?;
    let kind = header.typ.as_deref().map(str::to_ascii_lowercase);
    let kind = kind
        .as_deref()
        .map(|kind| kind.strip_prefix("application/").unwrap_or(kind));
    // Tokens for other ends (dpop+jwt, logout+jwt) say so (RFC 8725, 3.11).
    if !matches!(kind, None | Some("jwt" | "at+jwt")) {
        return Err(Refusal::Invalid("another kind of token"));
    }
    // What must be understood (RFC 7515, 4.1.11), and a payload that is signed in another form (RFC 7797), are not.
    let members = read_part(token.split('.').next().unwrap_or_default())?;
    if ["crit", "b64"].iter().any(|name| members.contains_key(*name)) {
        return Err(Refusal::Invalid("demands what is not understood here"));
    }
    Ok(header)
}

fn read_claims(signed: &str) -> Result<Claims, Refusal> {
    let (_, claims) = signed.split_once('.').ok_or(NO_JWT)?;
    read_part(claims)
}

/// A part of a JWT as a JSON object. A name that stands twice is refused (RFC 7519, 4; RFC 8725, 2.9): another reader would take
/// the other value.
fn read_part(part: &str) -> Result<Claims, Refusal> {
    let text = URL_SAFE_NO_PAD.decode(part).map_err(|_| NO_JWT)?;
    let limits = json::Limits {
        bytes: usize::MAX,
        depth: 32,
    };
    match json::read(&text, &limits) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(NO_JWT),
    }
}

fn is_signed(keys: &KeySet, header: &Header, signed: &str, signature: &str) -> bool {
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
        return false;
    };
    let mut candidates = keys.candidates(header.kid.as_deref(), header.alg);
    candidates.any(|key| key.verify_sig(signed.as_bytes(), &signature).is_ok())
}

/// A NumericDate (RFC 7519, 2).
fn seconds(claims: &Claims, name: &str) -> Result<Option<f64>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(at) if at.is_finite() => Ok(Some(at)),
            _ => Err(Refusal::Invalid("a time that is none")),
        },
    }
}

/// The certificate that a token is bound to. Other bindings (`jkt` of DPoP) cannot be checked here, so such tokens are refused:
/// whoever stole one could use it.
fn bound_to(claims: &Claims) -> Result<Option<Digest>, Refusal> {
    let Some(confirmation) = claims.get("cnf") else {
        return Ok(None);
    };
    let digest = match confirmation.as_object() {
        Some(members) if members.len() == 1 => members.get("x5t#S256").and_then(Value::as_str),
        _ => None,
    };
    let bytes = digest.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let digest = bytes.and_then(|bytes| Digest::try_from(bytes).ok());
    digest
        .map(Some)
        .ok_or(Refusal::Invalid("bound in a way that is not checked here"))
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Digest {
    let mut whole = [0; 32];
    whole.copy_from_slice(digest(&SHA256, bytes).as_ref());
    whole
}
