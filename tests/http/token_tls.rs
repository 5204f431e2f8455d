//! HTTPS, client certificates, and tokens that are bound to one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use fastkontakt::access::settings::{SystemSettings, TlsSettings};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use serde_json::json;
use ureq::tls::{Certificate as Trusted, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::common::TestApp;
use crate::issuer::*;

const SYSTEM: &str = "SE2321000164-SYS1";

/// A certificate authority, and a folder for what it signs.
struct Authority {
    certificate: Certificate,
    issuer: rcgen::Issuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate and its key.
struct Signed {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let folder = std::env::temp_dir().join(format!("fastkontakt-tls-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        let issuer = rcgen::Issuer::new(params, key);
        Authority {
            certificate,
            issuer,
            folder,
        }
    }

    fn sign(&self, change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Signed { certificate, key }
    }

    /// A certificate as SITHS makes them for functions: the HSA-id is the subject's serialNumber.
    fn of_system(&self, hsa_id: &str) -> Signed {
        self.sign(|params| params.distinguished_name.push(serial_number(), hsa_id))
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    fn tls(&self) -> TlsSettings {
        let server = self.sign(|_| {});
        TlsSettings {
            certificate: self.file("server.pem", &server.certificate.pem()),
            key: self.file("server.key", &server.key.serialize_pem()),
            client_ca: Some(self.file("ca.pem", &self.certificate.pem())),
            client_crl: None,
            client_required: false,
        }
    }

    fn agent(&self, client: Option<&Signed>) -> ureq::Agent {
        let client = client.map(|signed| {
            let chain = [Trusted::from_der(signed.certificate.der()).to_owned()];
            let key = PrivateKey::from_pem(signed.key.serialize_pem().as_bytes()).expect("a key");
            ClientCert::new_with_certs(&chain, key)
        });
        let roots = [Trusted::from_der(self.certificate.der()).to_owned()];
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .root_certs(RootCerts::new_with_certs(&roots))
            .client_cert(client)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false);
        config.timeout_global(Some(Duration::from_secs(30))).build().new_agent()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

fn serial_number() -> DnType {
    DnType::CustomDnType(vec![2, 5, 4, 5])
}

/// A service that speaks HTTPS and knows [`SYSTEM`].
fn service(issuer: &Issuer, authority: &Authority, change: impl FnOnce(&mut TlsSettings)) -> TestApp {
    let mut tls = authority.tls();
    change(&mut tls);
    issuer.service_with(|settings| {
        settings.tls = Some(tls);
        settings.access.as_mut().unwrap().systems = vec![SystemSettings {
            client: None,
            issuer: None,
            hsa_id: Some(SYSTEM.to_lowercase()),
            vardgivare: VARDGIVARE.to_owned(),
            vardenhet: None,
            scopes: Some("system/*.cruds".to_owned()),
            catalogue: false,
        }];
    })
}

/// Status of a GET over HTTPS; `None` when the connection is refused.
fn status(app: &TestApp, agent: &ureq::Agent, path: &str, token: Option<&str>) -> Option<u16> {
    let url = format!("{}{path}", app.base.replace("http://", "https://"));
    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    request.call().ok().map(|response| response.status().as_u16())
}

/// Where a caller without a name gets 401.
const CLOSED: &str = "/fhir/r5/Patient/nobody";

#[test]
fn a_certificate_tells_which_system_calls() {
    let (issuer, authority) = (Issuer::start(), Authority::new());
    let app = service(&issuer, &authority, |_| {});
    let ask = |client: Option<&Signed>, path| status(&app, &authority.agent(client), path, None);
    assert_eq!(ask(None, "/fhir/r5/metadata"), Some(200), "HTTPS without a certificate");
    assert_eq!(ask(None, CLOSED), Some(401));
    let known = authority.of_system(SYSTEM);
    assert_ne!(ask(Some(&known), CLOSED), Some(401));
    assert_eq!(
        ask(Some(&authority.of_system("SE2321000164-SYS2")), CLOSED),
        Some(401),
        "another system"
    );
    let two = authority.sign(|params| {
        params.distinguished_name.push(serial_number(), "SE2321000164-SYS2");
        params.distinguished_name.push(DnType::CommonName, SYSTEM);
    });
    assert_eq!(ask(Some(&two), CLOSED), Some(401), "the common name does not count");
    assert_eq!(
        ask(Some(&authority.of_system("195009072553")), CLOSED),
        Some(401),
        "no HSA-id"
    );
    let strangers = Authority::new();
    let forged = strangers.of_system(SYSTEM);
    assert_eq!(ask(Some(&forged), "/fhir/r5/metadata"), None, "signed by strangers");
    let old = authority.sign(|params| {
        params.not_after = date_time_ymd(2020, 1, 1);
        params.distinguished_name.push(serial_number(), SYSTEM);
    });
    assert_eq!(ask(Some(&old), "/fhir/r5/metadata"), None, "expired");
    // Over HTTP nothing is answered.
    let plain = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent();
    assert!(plain.get(format!("{}/fhir/r5/metadata", app.base)).call().is_err());
}

#[test]
fn a_certificate_may_be_demanded_and_revoked() {
    let (issuer, authority) = (Issuer::start(), Authority::new());
    let known = authority.of_system(SYSTEM);
    let revoked = authority.sign(|params| {
        params.serial_number = Some(SerialNumber::from(4711));
        params.distinguished_name.push(serial_number(), SYSTEM);
    });
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(2100, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(4711),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&authority.issuer).expect("a list").pem().expect("PEM");
    let list = authority.file("crl.pem", &list);
    let app = service(&issuer, &authority, |tls| {
        tls.client_required = true;
        tls.client_crl = Some(list);
    });
    let ask = |client: Option<&Signed>| status(&app, &authority.agent(client), "/fhir/r5/metadata", None);
    assert_eq!(ask(None), None);
    assert_eq!(ask(Some(&revoked)), None);
    assert_eq!(ask(Some(&known)), Some(200));
}

#[test]
fn a_token_that_is_bound_to_a_certificate_is_good_with_that_one_only() {
    let (issuer, authority) = (Issuer::start(), Authority::new());
    let app = service(&issuer, &authority, |_| {});
    let (own, other) = (authority.of_system("SE2321000164-A"), authority.of_system(SYSTEM));
    let mut claims = system(&app, "system/*.rs");
    claims["cnf"] = json!({ "x5t#S256": encoded(digest(&SHA256, own.certificate.der()).as_ref()) });
    let token = issuer.token(&claims);
    let ask =
        |client: Option<&Signed>, token: &str| status(&app, &authority.agent(client), "/fhir/r5/metadata", Some(token));
    assert_eq!(ask(Some(&own), &token), Some(200));
    // Remembered or not, it is refused with another certificate, and with none.
    assert_eq!(ask(Some(&other), &token), Some(401));
    assert_eq!(ask(None, &token), Some(401));
    assert_eq!(ask(Some(&own), &token), Some(200));
    let free = issuer.token(&system(&app, "system/*.rs"));
    assert_eq!(ask(Some(&other), &free), Some(200), "a token that is bound to none");
    assert_eq!(
        ask(Some(&other), "x.y.z"),
        Some(401),
        "a bad token is not outweighed by a good certificate"
    );
}

#[test]
fn files_that_cannot_be_used_are_told() {
    let authority = Authority::new();
    let told = |change: &dyn Fn(&mut TlsSettings)| {
        let mut tls = authority.tls();
        change(&mut tls);
        fastkontakt::access::tls::Tls::new(&tls).expect_err("a fault")
    };
    let nowhere = authority.folder.join("nowhere.pem");
    let empty = authority.file("empty.pem", "");
    let foreign = authority.file("foreign.key", &KeyPair::generate().expect("a key").serialize_pem());
    assert!(told(&|tls| tls.certificate = nowhere.clone()).contains("nowhere.pem"));
    assert!(told(&|tls| tls.certificate = empty.clone()).contains("no certificate"));
    assert!(told(&|tls| tls.key = nowhere.clone()).contains("nowhere.pem"));
    assert!(
        told(&|tls| tls.key = foreign.clone()).contains("server.pem"),
        "the key of another certificate"
    );
    assert!(told(&|tls| tls.client_ca = Some(empty.clone())).contains("empty.pem"));
}

/// Certificates are renewed while the service runs, and so are those who vouch for clients.
#[test]
fn files_that_change_are_read_again() {
    let (issuer, authority, next) = (Issuer::start(), Authority::new(), Authority::new());
    let mut files = None;
    let app = service(&issuer, &authority, |tls| files = Some(tls.clone()));
    let files = files.expect("settings");
    let (old, new) = (authority.of_system(SYSTEM), next.of_system(SYSTEM));
    let ask = |authority: &Authority, client: &Signed| status(&app, &authority.agent(Some(client)), CLOSED, None);
    assert_eq!(ask(&authority, &old), Some(404));
    assert_eq!(ask(&next, &new), None, "the other authority is not trusted, nor trusts");
    // A key without its certificate is not used.
    let server = next.sign(|_| {});
    std::fs::write(&files.key, server.key.serialize_pem()).expect("a file");
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(ask(&authority, &old), Some(404), "what was read before stays");
    std::fs::write(&files.certificate, server.certificate.pem()).expect("a file");
    std::fs::write(files.client_ca.expect("a file"), next.certificate.pem()).expect("a file");
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while ask(&next, &new) != Some(404) {
        assert!(std::time::Instant::now() < until, "the files are read");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(ask(&next, &old), None, "who is vouched for no more is not let in");
}
