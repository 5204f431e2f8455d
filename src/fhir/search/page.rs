//! The opaque page token: where a page ended, and which search it belongs to. Nothing else stands in it, so a token used
//! with another search is refused (400) instead of giving a page of something else. Where a page ended may be a name or a
//! number of a person: in an address a search's token stands sealed (`api::sealed`).

use super::query::KeyPart;

const FORMAT: &str = "1";
const SEPARATOR: char = '\u{1f}';
/// Longer than any token we write: three texts as an index holds them, in hexadecimal.
const LONGEST: usize = 8192;
/// Stands before what stands for a separator, or for itself, within a text.
const ESCAPE: char = '\u{1b}';

/// The token for the page after this end.
pub fn encode(fingerprint: u64, end: &[KeyPart]) -> String {
    let mut plain = format!("{FORMAT}{SEPARATOR}{fingerprint:x}");
    for part in end {
        plain.push(SEPARATOR);
        match part {
            KeyPart::Number(number) => plain.push_str(&format!("n{number}")),
            KeyPart::Text(text) => {
                plain.push('t');
                for c in text.chars() {
                    match c {
                        SEPARATOR => plain.extend([ESCAPE, 's']),
                        ESCAPE => plain.extend([ESCAPE, 'e']),
                        c => plain.push(c),
                    }
                }
            }
        }
    }
    plain.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The end that a token tells, when it is one of ours, made for this search.
pub fn decode(token: &str, fingerprint: u64) -> Option<Vec<KeyPart>> {
    let plain = String::from_utf8(unhex(token)?).ok()?;
    let mut parts = plain.split(SEPARATOR);
    if parts.next()? != FORMAT || u64::from_str_radix(parts.next()?, 16).ok()? != fingerprint {
        return None;
    }
    parts
        .map(|part| match part.split_at_checked(1)? {
            ("n", number) => number.parse().ok().map(KeyPart::Number),
            ("t", text) => Some(KeyPart::Text(
                text.replace("\u{1b}s", "\u{1f}").replace("\u{1b}e", "\u{1b}"),
            )),
            _ => None,
        })
        .collect()
}

/// A hash that ties a token to its search (FNV-1a; it guards against mistakes, not against malice).
pub fn fingerprint<'a>(parts: impl Iterator<Item = &'a str>) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

fn unhex(token: &str) -> Option<Vec<u8>> {
    let digits = token.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() > LONGEST {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
    digits
        .chunks_exact(2)
        .map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_and_only_for_its_own_search() {
        let end = vec![
            KeyPart::Number(-7),
            KeyPart::Text("a.b-1".into()),
            KeyPart::Text("\u{1f}Å\u{1b}s\u{1b}".into()),
            KeyPart::Number(i64::MAX),
        ];
        let token = encode(42, &end);
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(decode(&token, 42), Some(end));
        assert_eq!(decode(&token, 43), None);
        assert_eq!(decode(&encode(1, &[]), 1), Some(vec![]));
    }

    #[test]
    fn a_bad_token_is_refused() {
        for token in ["", "x", "zz", "313", "ff", "åä", "31", &"31".repeat(3000)] {
            assert_eq!(decode(token, 42), None, "{token}");
        }
    }
}
