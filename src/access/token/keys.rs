//! The keys of an issuer: a JSON Web Key Set (RFC 7517), and which algorithms each key is for.
//!
//! What a key may verify is fixed by the key: its type, its curve, and its own `alg` where it has one. The header of a token
//! only chooses among that, so that no token can have a public key taken for a secret, or no signature for a good one.
//!
//! A key is parsed once, for each algorithm that it is for, and not for each token.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use serde::Deserialize;
use serde_json::{Map, Value};

/// More keys than any issuer has; the rest is not read.
const MOST_KEYS: usize = 100;

/// How many keys are tried for a token that names none.
const MOST_TRIES: usize = 4;

/// A public key, and what it may verify.
#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    algorithms: Vec<(Algorithm, ParsedPublicKey)>,
}

/// The keys of an issuer at one time.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    /// What they were read from.
    text: Vec<u8>,
    /// Counts the changes: what was verified by other keys is verified again.
    pub generation: u64,
}

impl KeySet {
    /// Reads a key set; `None` when it is none. Keys that cannot verify a token (secrets, keys to encrypt by, unknown
    /// types) are left out. `accepted`: the algorithms that the operator accepts; empty: all.
    pub fn read(text: &[u8], accepted: &[Algorithm]) -> Option<KeySet> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Map<String, Value>>,
        }
        let set: Set = serde_json::from_slice(text).ok()?;
        let keys = set.keys.into_iter().take(MOST_KEYS);
        let keys = keys.filter_map(|members| Key::read(members, accepted)).collect();
        Some(KeySet {
            keys,
            text: text.to_owned(),
            generation: 0,
        })
    }

    /// Whether it was read from this text.
    pub fn is_of(&self, text: &[u8]) -> bool {
        self.text == text
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that a token with this header may have been signed by.
    pub fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &ParsedPublicKey> {
        let named = self
            .keys
            .iter()
            .filter(move |key| id.is_none_or(|id| key.id.as_deref() == Some(id)));
        let fitting = named
            .flat_map(|key| &key.algorithms)
            .filter(move |(own, _)| *own == algorithm);
        fitting.map(|(_, key)| key).take(MOST_TRIES)
    }
}

/// The members of a key that are read; others (`x5c`, validity times of some issuers) are not ours to understand.
const MEMBERS: [&str; 10] = ["kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y"];

impl Key {
    fn read(mut members: Map<String, Value>, accepted: &[Algorithm]) -> Option<Key> {
        members.retain(|name, _| MEMBERS.contains(&name.as_str()));
        let jwk: Jwk = serde_json::from_value(Value::Object(members)).ok()?;
        if matches!(&jwk.common.public_key_use, Some(other) if *other != PublicKeyUse::Signature) {
            return None;
        }
        let operations = jwk.common.key_operations.as_ref();
        if operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
            return None;
        }
        let own = jwk.common.key_algorithm.map(|own| own.to_string());
        let wanted = |algorithm: Algorithm| {
            own.as_ref().is_none_or(|own| named(algorithm) == *own)
                && (accepted.is_empty() || accepted.contains(&algorithm))
        };
        let algorithms = parsed(&jwk.algorithm, wanted)?;
        (!algorithms.is_empty()).then_some(Key {
            id: jwk.common.key_id,
            algorithms,
        })
    }
}

/// What RSA keys are for, with what is verified by (RFC 7518, 3.1).
const RSA: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::RS256, &RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::RS384, &RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::RS512, &RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::PS256, &RSA_PSS_2048_8192_SHA256),
    (Algorithm::PS384, &RSA_PSS_2048_8192_SHA384),
    (Algorithm::PS512, &RSA_PSS_2048_8192_SHA512),
];

/// The key, for each of the algorithms that fit its type (RFC 7518, 3.1; RFC 8037, 3.1) and are `wanted`; `None` when it is none.
fn parsed(
    parameters: &AlgorithmParameters,
    wanted: impl Fn(Algorithm) -> bool,
) -> Option<Vec<(Algorithm, ParsedPublicKey)>> {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let one = |algorithm: Algorithm, key: ParsedPublicKey| wanted(algorithm).then_some((algorithm, key));
    match parameters {
        AlgorithmParameters::RSA(key) => {
            let (n, e) = (bytes(&key.n)?, bytes(&key.e)?);
            let zeroes = n.iter().take_while(|byte| **byte == 0).count();
            let key = RsaPublicKeyComponents { n: &n[zeroes..], e: &e };
            let fitting = RSA.into_iter().filter(|(algorithm, _)| wanted(*algorithm));
            fitting
                .map(|(algorithm, how)| Some((algorithm, key.to_parsed_public_key(how).ok()?)))
                .collect()
        }
        AlgorithmParameters::EllipticCurve(key) => {
            // An uncompressed point (SEC 1, 2.3.3).
            let point = [&[4], bytes(&key.x)?.as_slice(), bytes(&key.y)?.as_slice()].concat();
            let parsed = match key.curve {
                EllipticCurve::P256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
                EllipticCurve::P384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point),
                _ => return None,
            };
            let algorithm = match key.curve {
                EllipticCurve::P256 => Algorithm::ES256,
                _ => Algorithm::ES384,
            };
            Some(one(algorithm, parsed.ok()?).into_iter().collect())
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            let parsed = ParsedPublicKey::new(&ED25519, bytes(&key.x)?).ok()?;
            Some(one(Algorithm::EdDSA, parsed).into_iter().collect())
        }
        // A secret among public keys is no key; other curves and types are not verified here.
        _ => None,
    }
}

/// The name of an algorithm (RFC 7518).
fn named(algorithm: Algorithm) -> String {
    format!("{algorithm:?}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(keys: Value) -> KeySet {
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes(), &[]).expect("a key set")
    }

    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    fn allowed(keys: &KeySet, id: Option<&str>, algorithm: Algorithm) -> usize {
        keys.candidates(id, algorithm).count()
    }

    #[test]
    fn a_key_is_for_the_algorithms_of_its_type_and_of_its_own_alg() {
        let keys = set(json!([
            { "kty": "RSA", "kid": "any", "n": N, "e": "AQAB" },
            { "kty": "RSA", "kid": "ps", "alg": "PS256", "use": "sig", "n": N, "e": "AQAB" },
            { "kty": "EC", "kid": "ec", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" },
            { "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
        ]));
        assert_eq!(allowed(&keys, Some("any"), Algorithm::RS256), 1);
        assert_eq!(allowed(&keys, Some("any"), Algorithm::PS256), 1);
        assert_eq!(allowed(&keys, Some("ps"), Algorithm::PS256), 1);
        assert_eq!(allowed(&keys, Some("ps"), Algorithm::RS256), 0);
        assert_eq!(allowed(&keys, Some("ec"), Algorithm::ES256), 1);
        assert_eq!(allowed(&keys, Some("ec"), Algorithm::ES384), 0);
        assert_eq!(allowed(&keys, Some("ec"), Algorithm::RS256), 0);
        assert_eq!(allowed(&keys, Some("ed"), Algorithm::EdDSA), 1);
        for id in ["any", "ps", "ec", "ed"] {
            assert_eq!(allowed(&keys, Some(id), Algorithm::HS256), 0, "{id}");
        }
        assert_eq!(allowed(&keys, None, Algorithm::PS256), 2, "without an id, all that fit");
        assert_eq!(allowed(&keys, Some("other"), Algorithm::RS256), 0);
    }

    #[test]
    fn what_cannot_verify_a_token_is_no_key() {
        let keys = set(json!([
            { "kty": "oct", "kid": "a", "k": "c2VjcmV0" },
            { "kty": "RSA", "kid": "b", "use": "enc", "n": N, "e": "AQAB" },
            { "kty": "RSA", "kid": "c", "key_ops": ["encrypt"], "n": N, "e": "AQAB" },
            { "kty": "EC", "kid": "d", "crv": "secp256k1", "x": "AA", "y": "AA" },
            { "kty": "RSA", "kid": "e", "alg": "HS256", "n": N, "e": "AQAB" },
            { "kty": "new", "kid": "f" },
            { "kid": 7 },
            { "kty": "RSA", "kid": "g", "n": "not base64!", "e": "AQAB" },
        ]));
        assert!(keys.is_empty(), "{keys:?}");
    }

    #[test]
    fn the_operator_narrows_and_what_is_no_key_set_is_told() {
        let text = json!({ "keys": [{ "kty": "RSA", "kid": "a", "n": N, "e": "AQAB", "exp": 1.5, "x5t#S256": "x" }] })
            .to_string();
        let keys = KeySet::read(text.as_bytes(), &[Algorithm::PS256]).expect("a key set");
        assert_eq!(allowed(&keys, Some("a"), Algorithm::PS256), 1);
        assert_eq!(allowed(&keys, Some("a"), Algorithm::RS256), 0);
        assert!(KeySet::read(b"<html>", &[]).is_none());
        assert!(KeySet::read(b"{\"keys\":{}}", &[]).is_none());
    }
}
