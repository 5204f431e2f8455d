//! An authorization server of the tests' own: keys made on the spot, its key set over HTTP, and tokens of every kind, good
//! and bad, put together by hand.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastkontakt::access::settings::{AccessSettings, IssuerSettings};
use fastkontakt::config::Settings;
use serde_json::{Value, json};

use crate::common::{Answer, TestApp, spawn_with};

pub const ISSUER: &str = "https://idp.example.se";
pub const AUDIENCE: &str = "https://fhir.example.se";
pub const VARDGIVARE: &str = "SE2321000164-VG";
pub const VARDENHET: &str = "SE2321000164-VC";

/// A key pair, and the algorithm that it signs by.
pub struct Key {
    pub id: String,
    pub alg: &'static str,
    pair: Pair,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(Arc<RsaKeyPair>),
}

/// Making an RSA key takes a while: all tests share it.
static RSA: LazyLock<Arc<RsaKeyPair>> =
    LazyLock::new(|| Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")));

impl Key {
    pub fn new(id: &str, alg: &'static str) -> Key {
        let pair = match alg {
            "ES256" => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key")),
            "ES384" => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key")),
            "EdDSA" => Pair::Ed(Ed25519KeyPair::generate().expect("a key")),
            _ => Pair::Rsa(RSA.clone()),
        };
        let id = id.to_owned();
        Key { id, alg, pair }
    }

    /// The public half (RFC 7517).
    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": curve, "kid": self.id, "use": "sig", "x": encoded(x), "y": encoded(y) })
            }
            Pair::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": encoded(pair.public_key().as_ref()) })
            }
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let n = encoded(public.modulus().big_endian_without_leading_zero());
                let e = encoded(public.exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "kid": self.id, "n": n, "e": e })
            }
        }
    }

    /// The modulus of an RSA key: what one who takes it for a secret would use.
    pub fn modulus(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().modulus().big_endian_without_leading_zero().to_vec(),
            _ => panic!("no RSA key"),
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match self.alg {
                    "PS256" => &RSA_PSS_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)
                    .expect("a signature");
                signature
            }
        }
    }

    /// A token with the header that fits the key.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.alg, "typ": "at+jwt", "kid": self.id }), claims)
    }

    /// A token of texts that may be no JSON.
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encoded(header.as_bytes()), encoded(claims.as_bytes()));
        let signature = encoded(&self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// A token with any header.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let signature = encoded(&self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// Header and claims, as they are signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        encoded(header.to_string().as_bytes()),
        encoded(claims.to_string().as_bytes())
    )
}

pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What the address of the key set answers.
enum Jwks {
    Answers(String),
    /// Hangs up.
    Down,
}

/// A running address of a key set, and the keys in it.
pub struct Issuer {
    pub key: Key,
    address: SocketAddr,
    jwks: Arc<Mutex<(Jwks, usize)>>,
}

impl Issuer {
    pub fn start() -> Issuer {
        Issuer::with_key(Key::new("k1", "ES256"))
    }

    pub fn with_key(key: Key) -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("port 0 is free");
        let address = listener.local_addr().expect("an address");
        let jwks = Arc::new(Mutex::new((Jwks::Down, 0)));
        let shared = jwks.clone();
        // The thread ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = {
                    let mut jwks = shared.lock().expect("the key set");
                    jwks.1 += 1;
                    match &jwks.0 {
                        Jwks::Answers(text) => Some(text.clone()),
                        Jwks::Down => None,
                    }
                };
                respond(&stream, answer.as_deref());
            }
        });
        let issuer = Issuer { key, address, jwks };
        issuer.publish(&[&issuer.key]);
        issuer
    }

    /// The keys that the key set has from now on.
    pub fn publish(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.answer(&json!({ "keys": keys }).to_string());
    }

    /// What the address answers from now on.
    pub fn answer(&self, text: &str) {
        self.jwks.lock().expect("the key set").0 = Jwks::Answers(text.to_owned());
    }

    pub fn go_down(&self) {
        self.jwks.lock().expect("the key set").0 = Jwks::Down;
    }

    /// How many times the key set was asked for.
    pub fn fetches(&self) -> usize {
        self.jwks.lock().expect("the key set").1
    }

    pub fn access(&self) -> AccessSettings {
        AccessSettings {
            issuers: vec![IssuerSettings {
                issuer: ISSUER.to_owned(),
                vardgivare: Vec::new(),
                patients: None,
                audience: vec![AUDIENCE.to_owned()],
                jwks_url: Some(format!("http://{}/jwks", self.address)),
                jwks_file: None,
                ca_file: None,
                algorithms: Vec::new(),
                reviewers: Vec::new(),
                jwks_refresh: 600,
                jwks_pause: 1,
            }],
            ..AccessSettings::default()
        }
    }

    /// A service that accepts this issuer's tokens.
    pub fn service(&self) -> TestApp {
        self.service_with(|_| {})
    }

    pub fn service_with(&self, adjust: impl FnOnce(&mut Settings)) -> TestApp {
        let access = self.access();
        spawn_with(|settings| {
            settings.open = false;
            settings.access = Some(access);
            adjust(settings);
        })
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.key.token(claims)
    }
}

fn respond(mut stream: &TcpStream, answer: Option<&str>) {
    let Some(text) = answer else { return };
    let mut lines = BufReader::new(stream).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/jwk-set+json\r\nConnection: close\r\n";
    let _sent = write!(stream, "{head}Content-Length: {}\r\n\r\n{text}", text.len());
}

/// Seconds since 1970 at the time it is in the service.
pub fn now(app: &TestApp) -> i64 {
    app.door.clock.now().as_second()
}

/// The claims of a token for this service that is good for an hour, with more claims or others.
pub fn claims(app: &TestApp, more: Value) -> Value {
    let now = now(app);
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "client_id": "klient", "iat": now, "exp": now + 3600,
    });
    for (name, value) in more.as_object().expect("claims") {
        claims[name] = value.clone();
    }
    claims
}

/// Claims of one who works in care at [`VARDENHET`].
pub fn medarbetare(app: &TestApp, scope: &str) -> Value {
    claims(
        app,
        json!({
            "scope": scope, "hsaid": "SE2321000164-P1", "hsaid_type": "person", "profession": "LK",
            "vardenhet_hsaid": VARDENHET, "organization_hsaid": VARDGIVARE,
        }),
    )
}

/// Claims of a patient who reads her own record.
pub fn patientanvandare(app: &TestApp, patient: &str, scope: &str) -> Value {
    claims(
        app,
        json!({ "scope": scope, "patient": patient, "fhirUser": format!("Patient/{patient}") }),
    )
}

/// Claims of a program that acts for [`VARDGIVARE`].
pub fn system(app: &TestApp, scope: &str) -> Value {
    claims(
        app,
        json!({ "sub": "klient", "scope": scope, "organization_hsaid": VARDGIVARE }),
    )
}

/// A GET with a token.
pub fn get(app: &TestApp, path: &str, token: &str) -> Answer {
    app.send("GET", path, &[("Authorization", &format!("Bearer {token}"))], None)
}
