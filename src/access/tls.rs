//! HTTPS. Certificate, key, and those who vouch for client certificates are read from files, and read again when the files
//! change, so that they are renewed while the service runs. What cannot be used is told, and what was used before stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme};

use super::settings::TlsSettings;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What a TLS listener uses. Cheap to clone; all clones use the same.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: TlsSettings,
    provider: Arc<CryptoProvider>,
    used: RwLock<Used>,
}

/// What was read of the files.
#[derive(Clone, Debug)]
struct Used {
    key: Arc<CertifiedKey>,
    clients: Option<Clients>,
    /// As the files were when they were read, or refused.
    seen: Vec<Stamp>,
}

/// Who verifies client certificates, and the names of those who vouch for them, which are told to the client.
#[derive(Clone, Debug)]
struct Clients {
    verifier: Arc<dyn ClientCertVerifier>,
    hints: &'static [DistinguishedName],
}

/// When a file was written, and how long it is; `None`: it is not there.
type Stamp = Option<(SystemTime, u64)>;

impl Tls {
    /// Reads the files. Every fault is told with the file that it is in.
    pub fn new(settings: &TlsSettings) -> Result<Tls, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        // Before they are read: a change meanwhile is seen the next time.
        let seen = stamps(settings);
        let (key, clients) = read(settings, &provider, None)?;
        let used = RwLock::new(Used { key, clients, seen });
        Ok(Tls(Arc::new(Inner {
            settings: settings.clone(),
            provider,
            used,
        })))
    }

    /// What the listener needs.
    pub fn config(&self) -> Result<ServerConfig, String> {
        let config = ServerConfig::builder_with_provider(self.0.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let resolver = Arc::new(Own(self.0.clone()));
        if self.0.settings.client_ca.is_none() {
            return Ok(config.with_no_client_auth().with_cert_resolver(resolver));
        }
        let verifier = Arc::new(Others(self.0.clone()));
        let mut config = config.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
        // In a session that is taken up again nobody verifies the certificate, which may be revoked meanwhile.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// Looks at the files now and then, for ever.
    pub async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let tls = self.clone();
            // On a thread that may block: files may lie far away.
            let _done = tokio::task::spawn_blocking(move || tls.renew()).await;
        }
    }

    /// Reads the files again if one has changed.
    fn renew(&self) {
        let seen = stamps(&self.0.settings);
        let before = self.0.used();
        if seen == before.seen {
            return;
        }
        let used = match read(&self.0.settings, &self.0.provider, before.clients.as_ref()) {
            Ok((key, clients)) => {
                tracing::info!("the files of [tls] are read anew");
                Used { key, clients, seen }
            }
            Err(reason) => {
                tracing::error!(%reason, "the files of [tls] have changed and cannot be used; what was read before stays");
                // Told once; a file that is written after another is a change of its own.
                Used { seen, ..before }
            }
        };
        *self.0.used.write().unwrap_or_else(PoisonError::into_inner) = used;
    }
}

impl Inner {
    fn used(&self) -> Used {
        // Nothing can panic while it is held; what a poisoned lock guards is whole.
        self.used.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn clients(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let clients = self.used().clients;
        let clients = clients.ok_or_else(|| Error::General("nobody vouches for clients".to_owned()))?;
        Ok(clients.verifier)
    }
}

fn stamps(settings: &TlsSettings) -> Vec<Stamp> {
    let TlsSettings {
        certificate,
        key,
        client_ca,
        client_crl,
        ..
    } = settings;
    let files = [Some(certificate), Some(key), client_ca.as_ref(), client_crl.as_ref()];
    let stamp = |file: &PathBuf| {
        let about = fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    files.into_iter().map(|file| file.and_then(stamp)).collect()
}

/// `before`: whom the clients were told of last.
fn read(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
    before: Option<&Clients>,
) -> Result<(Arc<CertifiedKey>, Option<Clients>), String> {
    let chain = certificates(&settings.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| told(&settings.key, error))?;
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| told(&settings.certificate, error))?;
    let Some(file) = &settings.client_ca else {
        return Ok((Arc::new(key), None));
    };
    let mut roots = RootCertStore::empty();
    for authority in certificates(file)? {
        roots.add(authority).map_err(|error| told(file, error))?;
    }
    let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    if let Some(lists) = &settings.client_crl {
        verifier = verifier.with_crls(revocations(lists)?);
    }
    if !settings.client_required {
        verifier = verifier.allow_unauthenticated();
    }
    let verifier = verifier.build().map_err(|error| told(file, error))?;
    let names = verifier.root_hint_subjects().to_vec();
    let bytes = |names: &[DistinguishedName]| names.iter().map(|name| name.as_ref().to_vec()).collect::<Vec<_>>();
    let hints = match before {
        Some(before) if bytes(before.hints) == bytes(&names) => before.hints,
        // The interface lends them for as long as the listener lives: some hundred bytes for each new authority.
        _ => Box::leak(names.into_boxed_slice()),
    };
    Ok((Arc::new(key), Some(Clients { verifier, hints })))
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

/// The service's own certificate, as it is now.
#[derive(Debug)]
struct Own(Arc<Inner>);

impl ResolvesServerCert for Own {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.used().key)
    }
}

/// Verifies client certificates by those who vouch for them now.
#[derive(Debug)]
struct Others(Arc<Inner>);

impl ClientCertVerifier for Others {
    fn client_auth_mandatory(&self) -> bool {
        self.0.settings.client_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.used().clients.map_or(&[], |clients| clients.hints)
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.clients()?.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.clients()?.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.clients()?.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let schemes = &self.0.provider.signature_verification_algorithms;
        schemes.supported_schemes()
    }
}
