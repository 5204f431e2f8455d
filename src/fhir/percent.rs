//! Percent-encoding (RFC 3986, 2.1) as addresses and forms have it: UTF-8, or nothing that could be read.

/// What the text says; `None` when an escape is broken, or it is not UTF-8 in the end.
pub fn decoded(text: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        decoded.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
        rest = after;
    }
    String::from_utf8(decoded).ok()
}

/// Whether it can be read. What cannot would be guessed at, and another thing searched than was meant.
pub fn is_sound(text: &[u8]) -> bool {
    (text.is_ascii() && !text.contains(&b'%')) || decoded(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_read_is() {
        assert_eq!(decoded(b"a%C3%A5%20b").as_deref(), Some("a\u{e5} b"));
        for broken in [&b"%E5"[..], b"%zz", b"a%", b"a%2", b"%+1", b"\xe5"] {
            assert!(!is_sound(broken) && decoded(broken).is_none(), "{broken:?}");
        }
        assert!(is_sound("name=Åsa&x=%25".as_bytes()) && is_sound(b""));
    }
}
