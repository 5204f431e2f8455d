//! HTTPS, and callers that show a certificate (mutual TLS): which system a certificate is of.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::settings::{TlsSettings, hsa_id};
use super::token::{Digest, sha256};
use crate::riktlinje::identity::is_hsa_id;

/// What a connection's client certificate says; the handshake has verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `serialNumber` of its subject, when it is an HSA-id (SITHS function certificates).
    pub hsa_id: Option<String>,
    /// SHA-256 of the certificate, what a token may be bound to (RFC 8705).
    pub digest: Digest,
    /// In seconds since 1970: a connection may outlive the certificate.
    not_after: i64,
}

impl ClientCertificate {
    /// Reads a certificate in DER; `None` when it is none.
    pub fn read(der: &[u8]) -> Option<ClientCertificate> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let number = x509_parser::oid_registry::OID_X509_SERIALNUMBER;
        let mut numbers = certificate.subject().iter_by_oid(&number);
        // A subject with two of them does not tell who it is.
        let one = match (numbers.next(), numbers.next()) {
            (Some(one), None) => one.as_str().ok().map(hsa_id),
            _ => None,
        };
        Some(ClientCertificate {
            hsa_id: one.filter(|id| is_hsa_id(id)),
            digest: sha256(der),
            not_after: certificate.validity().not_after.timestamp(),
        })
    }

    /// Whether it still holds.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        now.as_second() <= self.not_after
    }
}

/// What a TLS listener needs. Every fault is told with the file that it is in.
pub fn server_config(settings: &TlsSettings) -> Result<ServerConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = certificates(&settings.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| told(&settings.key, error))?;
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = match &settings.client_ca {
        None => config.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(file)? {
                roots.add(authority).map_err(|error| told(file, error))?;
            }
            let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            if let Some(lists) = &settings.client_crl {
                verifier = verifier.with_crls(revocations(lists)?);
            }
            if !settings.client_required {
                verifier = verifier.allow_unauthenticated();
            }
            config.with_client_cert_verifier(verifier.build().map_err(|error| told(file, error))?)
        }
    };
    config
        .with_single_cert(chain, key)
        .map_err(|error| told(&settings.certificate, error))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(file).map_err(|error| told(file, error))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| told(file, error))?;
    if found.is_empty() {
        return Err(told(file, "there is no certificate in it"));
    }
    Ok(found)
}

fn revocations(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let found = CertificateRevocationListDer::pem_file_iter(file).map_err(|error| told(file, error))?;
    found.collect::<Result<_, _>>().map_err(|error| told(file, error))
}

fn told(file: &Path, reason: impl std::fmt::Display) -> String {
    format!("{}: {reason}", file.display())
}
