//! Names of callers that may hold a personal number are replaced before anything keeps them.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claim::LONGEST;
use crate::hsa::{in_capitals, is_hsa_id};
use crate::personnummer::{tells_personal_number, written_plainly};

/// Whether there are ten digits or more in a row, as in a personal number; signs between digits do not break the row. Or it is
/// one, written in parts.
fn may_be_a_personal_number(text: &str) -> bool {
    let mut row = 0;
    for byte in written_plainly(text).bytes() {
        match byte {
            b'0'..=b'9' => row += 1,
            b'-' | b'+' | b' ' => {}
            _ => row = 0,
        }
        if row >= 10 {
            return true;
        }
    }
    tells_personal_number(text)
}

/// Stands in for names that tell who somebody is.
pub struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    /// `key`: kept with the data, so that the same person has the same name tomorrow. Without the key nobody can try all
    /// personal numbers there are.
    pub fn new(key: &[u8]) -> Pseudonyms {
        Pseudonyms(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The name itself, unless it may hold a personal number.
    pub(super) fn of(&self, name: String) -> String {
        if is_hsa_id(&in_capitals(&name)) || (name.len() <= LONGEST && !may_be_a_personal_number(&name)) {
            return name;
        }
        let tag = hmac::sign(&self.0, name.as_bytes());
        let short = tag.as_ref().get(..15).unwrap_or_default();
        format!("dold-{}", URL_SAFE_NO_PAD.encode(short))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_may_be_a_personal_number_is_hidden_and_always_alike() {
        let pseudonyms = Pseudonyms::new(b"key");
        let subject = |name: &str| pseudonyms.of(name.to_owned());
        for number in [
            "195009072553",
            "19500907-2553",
            "500907-2553",
            "urn:pnr:195009072553",
            "19500907\u{2013}2553",
            "p19500907/2553",
            "1950.0907.2553",
        ] {
            assert!(subject(number).starts_with("dold-"), "{number}");
            assert_eq!(subject(number), subject(number));
        }
        assert_ne!(subject("195009072553"), subject("196101182803"));
        for name in ["u-1", "SE2321000164-P1", "5f8d0a52-7b3c-4a1e-9f00-1c2d3e4f5a6b"] {
            assert_eq!(subject(name), name);
        }
    }
}
