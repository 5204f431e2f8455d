//! Callers that show a certificate (mutual TLS): which system a certificate is of.

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::token::{Digest, sha256};
use crate::hsa::{in_capitals, is_hsa_id};

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
            (Some(one), None) => one.as_str().ok().map(in_capitals),
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
