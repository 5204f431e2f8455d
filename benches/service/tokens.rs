//! What it costs to find out who calls and to decide: a token that is seen for the first time, by a known key of each kind;
//! one that is remembered; and the decision. The aim is 50 µs for all of it.

use std::hint::black_box;
use std::path::PathBuf;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastkontakt::access::settings::{AccessSettings, IssuerSettings};
use fastkontakt::access::token::Tokens;
use fastkontakt::access::{Call, Caller, Disclosed, Interaction, Right, decide};
use fastkontakt::clock::Clock;
use fastkontakt::fhir::types::ResourceType;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::parts::best;

const ISSUER: &str = "https://idp.example.se";
const AIM_MICROS: f64 = 50.0;

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

pub fn tell() {
    let runtime = actix_web::rt::System::new();
    for (alg, jwk, sign) in keys() {
        let file = KeyFile::new(&jwk);
        let tokens = [token(alg, "a", &sign), token(alg, "b", &sign)];
        // Room for one: two tokens in turn are verified anew each time.
        let forgetful = verifier(&file, 1);
        let mut turn = 0_usize;
        let anew = best_mut(|| {
            turn += 1;
            let verified = runtime.block_on(forgetful.verify(&tokens[turn % 2], None));
            assert!(black_box(verified).is_ok());
        });
        let remembering = verifier(&file, 10);
        let call = call(
            runtime
                .block_on(remembering.verify(&tokens[0], None))
                .expect("a good token"),
        );
        let known = best(|| assert!(black_box(runtime.block_on(remembering.verify(&tokens[0], None))).is_ok()));
        let decision = best(|| {
            black_box(decide(black_box(&call), Right::Read, ResourceType::CareTeam));
        });
        let micros = |time: std::time::Duration| time.as_secs_f64() * 1e6;
        println!(
            "who calls, {alg}: {:.1} µs by a known key, {:.2} µs by a remembered token; the decision {:.2} µs (aim {AIM_MICROS} together)",
            micros(anew),
            micros(known),
            micros(decision),
        );
    }
}

fn call(identity: std::sync::Arc<fastkontakt::access::Identity>) -> Call {
    Call {
        caller: Caller::Known(identity),
        interaction: Interaction::Read,
        purpose: "TREAT".into(),
        nodoppning: None,
        request_id: Uuid::new_v4().to_string(),
        disclosed: Disclosed::default(),
    }
}

fn best_mut(step: impl FnMut()) -> std::time::Duration {
    let step = std::cell::RefCell::new(step);
    best(|| step.borrow_mut()())
}

fn keys() -> [(&'static str, Value, Sign); 3] {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let ed = Ed25519KeyPair::generate().expect("a key");
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let point = ec.public_key().as_ref();
    let ec_jwk =
        json!({ "kty": "EC", "crv": "P-256", "kid": "k", "x": encode(&point[1..33]), "y": encode(&point[33..]) });
    let ed_jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": encode(ed.public_key().as_ref()) });
    let n = encode(rsa.public_key().modulus().big_endian_without_leading_zero());
    let rsa_jwk = json!({ "kty": "RSA", "kid": "k", "n": n, "e": "AQAB" });
    let random = SystemRandom::new;
    [
        (
            "RS256",
            rsa_jwk,
            Box::new(move |message| {
                let mut signature = vec![0; rsa.public_modulus_len()];
                rsa.sign(&RSA_PKCS1_SHA256, &random(), message, &mut signature)
                    .expect("a signature");
                signature
            }),
        ),
        (
            "ES256",
            ec_jwk,
            Box::new(move |message| ec.sign(&random(), message).expect("a signature").as_ref().to_vec()),
        ),
        (
            "EdDSA",
            ed_jwk,
            Box::new(move |message| ed.sign(message).as_ref().to_vec()),
        ),
    ]
}

fn token(alg: &str, subject: &str, sign: &Sign) -> String {
    let now = Clock::System.now().as_second();
    let header = json!({ "alg": alg, "typ": "at+jwt", "kid": "k" });
    let claims = json!({
        "iss": ISSUER, "aud": "bench", "sub": subject, "client_id": "bench", "exp": now + 3600, "iat": now, "jti": Uuid::new_v4().to_string(),
        "scope": "openid fhirUser user/CareTeam.rs user/CarePlan.rs user/Patient.rs", "hsaid": "SE2321000164-P1", "hsaid_type": "person",
        "vardenhet_hsaid": "SE2321000164-VC", "organization_hsaid": "SE2321000164-VG", "profession": "LK",
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn verifier(file: &KeyFile, remembered: usize) -> Tokens {
    let settings = AccessSettings {
        issuers: vec![IssuerSettings {
            issuer: ISSUER.to_owned(),
            vardgivare: Vec::new(),
            patients: None,
            audience: vec!["bench".to_owned()],
            jwks_url: None,
            jwks_file: Some(file.0.clone()),
            ca_file: None,
            algorithms: Vec::new(),
            reviewers: Vec::new(),
            jwks_refresh: 600,
            jwks_pause: 30,
        }],
        token_cache: remembered,
        ..AccessSettings::default()
    };
    let tokens = Tokens::new(&settings, Clock::System, b"bench").expect("settings");
    tokens.fetch_keys();
    tokens
}

/// A key set in a file that goes when the bench does.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(jwk: &Value) -> KeyFile {
        let file = std::env::temp_dir().join(format!("fastkontakt-bench-{}.json", Uuid::new_v4()));
        std::fs::write(&file, json!({ "keys": [jwk] }).to_string()).expect("a file");
        KeyFile(file)
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}
