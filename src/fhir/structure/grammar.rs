//! Code lists without end, checked by their grammar: languages, media types, units, currencies, time zones.

use super::primitive::Check;

/// The check of a grammar that codes.json names; its code system, for codings.
pub fn named(name: &str) -> Option<(&'static str, Check)> {
    Some(match name {
        "language" => ("urn:ietf:bcp:47", is_language),
        "mime" => ("urn:ietf:bcp:13", is_mime),
        "ucum" => ("http://unitsofmeasure.org", is_ucum),
        "currency" => ("urn:iso:std:iso:4217", is_currency),
        "timezone" => ("https://www.iana.org/time-zones", is_timezone),
        _ => return None,
    })
}

/// A well-formed language tag (RFC 5646, 2.1). Whether its parts are registered is not asked.
pub fn is_language(tag: &str) -> bool {
    let parts: Vec<&str> = tag.split('-').collect();
    if parts
        .iter()
        .any(|p| p.is_empty() || p.len() > 8 || !p.bytes().all(|b| b.is_ascii_alphanumeric()))
    {
        return false;
    }
    if matches!(parts[0], "x" | "X" | "i" | "I") {
        return parts.len() > 1; // private use, and the old registrations such as i-klingon
    }
    let letters = |p: &str| p.bytes().all(|b| b.is_ascii_alphabetic());
    if !(2..=8).contains(&parts[0].len()) || !letters(parts[0]) {
        return false;
    }
    let mut rest = &parts[1..];
    let mut skip = |accept: &dyn Fn(&str) -> bool, most: usize| {
        let count = rest.iter().take(most).take_while(|p| accept(p)).count();
        rest = &rest[count..];
    };
    if parts[0].len() <= 3 {
        skip(&|p| p.len() == 3 && letters(p), 3); // extended language
    }
    skip(&|p| p.len() == 4 && letters(p), 1); // script
    skip(
        &|p| (p.len() == 2 && letters(p)) || (p.len() == 3 && p.bytes().all(|b| b.is_ascii_digit())),
        1,
    ); // region
    skip(
        &|p| p.len() >= 5 || (p.len() == 4 && p.as_bytes()[0].is_ascii_digit()),
        usize::MAX,
    ); // variants
    // Extensions: a single character, then parts that belong to it.
    let mut expects_part = false;
    let mut private = false;
    for part in rest {
        if part.len() == 1 && !private {
            if expects_part {
                return false;
            }
            expects_part = true;
            private = part.eq_ignore_ascii_case("x");
        } else if expects_part || part != &rest[0] {
            expects_part = false;
        } else {
            return false;
        }
    }
    !expects_part
}

/// `type/subtype` with parameters (RFC 2045, 5.1; RFC 6838, 4.2).
pub fn is_mime(text: &str) -> bool {
    let mut parts = text.split(';');
    let name = parts.next().unwrap_or_default().trim_end();
    let Some((kind, subtype)) = name.split_once('/') else {
        return false;
    };
    is_token(kind) && is_token(subtype) && parts.all(is_parameter)
}

fn is_parameter(text: &str) -> bool {
    let Some((name, value)) = text.trim().split_once('=') else {
        return false;
    };
    let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
    // Signatures write canonicalization=http://… without quotes: accepted, as other servers do.
    is_token(name) && (quoted || (!value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic() && b != b'"')))
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
}

/// Printable ASCII without spaces, brackets in pairs (ucum.org, section 2.1).
pub fn is_ucum(text: &str) -> bool {
    let mut open = Vec::new();
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open.push(byte),
            b')' if open.pop() != Some(b'(') => return false,
            b']' if open.pop() != Some(b'[') => return false,
            b'}' if open.pop() != Some(b'{') => return false,
            0x21..=0x7E => {}
            _ => return false,
        }
    }
    !text.is_empty() && open.is_empty()
}

/// Three capital letters (ISO 4217).
pub fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// Names of the IANA time zone database: parts of letters, digits, `_`, `+`, `-` between slashes.
pub fn is_timezone(text: &str) -> bool {
    text.split('/').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_by_grammar() {
        for tag in [
            "sv",
            "sv-SE",
            "fit",
            "zh-Hans-CN",
            "sl-rozaj-biske",
            "de-1996",
            "en-US-x-twain",
            "x-test",
            "i-klingon",
            "es-419",
            "zh-yue",
            "en-a-bbb-x-a",
            "nl-NL",
        ] {
            assert!(is_language(tag), "{tag}");
        }
        for tag in [
            "",
            "s",
            "svenska språket",
            "sv_SE",
            "sv-",
            "sv--SE",
            "123",
            "sv-SE-",
            "en-a",
            "toolonglanguage",
            "sv-S",
        ] {
            assert!(!is_language(tag), "{tag}");
        }
    }

    #[test]
    fn other_grammars() {
        assert!(
            is_mime("text/plain")
                && is_mime("application/fhir+json; fhirVersion=4.0")
                && is_mime("text/plain;charset=\"utf 8\"")
                && is_mime("text/plain;a=http://x#y")
        );
        assert!(!is_mime("text") && !is_mime("text/") && !is_mime("a b/c") && !is_mime("text/plain;"));
        assert!(
            is_ucum("mm[Hg]")
                && is_ucum("{tablets}")
                && is_ucum("%")
                && !is_ucum("")
                && !is_ucum("a b")
                && !is_ucum("[x")
        );
        assert!(is_currency("SEK") && !is_currency("sek") && !is_currency("KR"));
        assert!(
            is_timezone("Europe/Stockholm")
                && is_timezone("Etc/GMT+1")
                && is_timezone("UTC")
                && !is_timezone("Europe/")
        );
    }
}
