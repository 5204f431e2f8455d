//! Rewrites the few valid values that fhir-sdk's types cannot hold into the nearest ones they can.
//!
//! Called by [`crate::understand`] only for texts that need it; the result is read and thrown away, never stored.
//! Leap seconds (`:60`) become `:59` (the same day), fractions of a second are cut to nine digits, and numbers beyond
//! what a float holds become 0 (no rule reads a decimal).

/// Whether [`soften`] must run before the first read.
pub(crate) fn may_hold_leap_second(text: &str) -> bool {
    text.contains(":60")
}

/// The text with such values replaced; `None` when there are none.
pub(crate) fn soften(text: &str) -> Option<String> {
    let mut output = String::with_capacity(text.len());
    // Everything before this position stands in the output.
    let mut copied = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let token = Token::first_of(rest);
        if let Some(replacement) = token.replacement(&rest[..token.length]) {
            output.push_str(&text[copied..at]);
            output.push_str(&replacement);
            copied = at + token.length;
        }
        at += token.length;
    }
    (copied > 0).then(|| output + &text[copied..])
}

/// A stretch of JSON text that ends on a character boundary.
struct Token {
    kind: Kind,
    length: usize,
}

enum Kind {
    String,
    Number,
    Rest,
}

impl Token {
    fn first_of(text: &str) -> Token {
        let bytes = text.as_bytes();
        match bytes[0] {
            b'"' => Token {
                kind: Kind::String,
                length: string_length(bytes),
            },
            b'-' | b'0'..=b'9' => {
                let is_number = |b: &u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                Token {
                    kind: Kind::Number,
                    length: bytes.iter().take_while(|b| is_number(b)).count(),
                }
            }
            _ => {
                let is_rest = |b: &u8| !matches!(b, b'"' | b'-' | b'0'..=b'9');
                Token {
                    kind: Kind::Rest,
                    length: bytes.iter().take_while(|b| is_rest(b)).count(),
                }
            }
        }
    }

    fn replacement(&self, text: &str) -> Option<String> {
        match self.kind {
            Kind::String => soften_time(text),
            Kind::Number => (text.len() > 18 || text.contains(['e', 'E'])).then(|| "0".to_owned()),
            Kind::Rest => None,
        }
    }
}

/// Length of a JSON string with both quotation marks; to the end of the text when it is not closed.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Softens a quoted `[YYYY-MM-DDT]hh:mm:ss[.fraction][zone]`; anything else is left alone.
fn soften_time(quoted: &str) -> Option<String> {
    let value = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let (date, time) = match value.as_bytes().get(10) {
        Some(b'T') => value.split_at_checked(11)?,
        _ => value.split_at(0),
    };
    if !matches_shape(date, "0000-00-00T") && !date.is_empty() {
        return None;
    }
    let (clock, rest) = time
        .split_at_checked(8)
        .filter(|(clock, _)| matches_shape(clock, "00:00:00"))?;
    let digits = rest
        .strip_prefix('.')
        .map_or(0, |fraction| fraction.bytes().take_while(u8::is_ascii_digit).count());
    if !clock.ends_with("60") && digits <= 9 {
        return None;
    }
    let second = if clock.ends_with("60") { "59" } else { &clock[6..] };
    let (fraction, zone) = rest.split_at(if digits == 0 { 0 } else { digits + 1 });
    Some(format!(
        "\"{date}{}{second}{}{zone}\"",
        &clock[..6],
        &fraction[..fraction.len().min(10)]
    ))
}

/// Whether the text has digits where the shape has `0`, and otherwise the shape's own characters.
fn matches_shape(text: &str, shape: &str) -> bool {
    let same = |(byte, wanted): (u8, u8)| {
        if wanted == b'0' {
            byte.is_ascii_digit()
        } else {
            byte == wanted
        }
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_values_that_cannot_be_held_are_replaced() {
        for (text, softened) in [
            (
                r#"{"start":"2016-12-31T23:59:60Z"}"#,
                r#"{"start":"2016-12-31T23:59:59Z"}"#,
            ),
            (
                r#"["2016-12-31T23:59:60.25+01:00"]"#,
                r#"["2016-12-31T23:59:59.25+01:00"]"#,
            ),
            (r#"["08:30:60"]"#, r#"["08:30:59"]"#),
            (r#"["08:30:01.12345678901234"]"#, r#"["08:30:01.123456789"]"#),
            (r#"{"a":1e400,"b":-2E5}"#, r#"{"a":0,"b":0}"#),
            (r#"{"å":123456789012345678901234567890.5,"ö":1}"#, r#"{"å":0,"ö":1}"#),
        ] {
            assert_eq!(soften(text).as_deref(), Some(softened));
        }
    }

    #[test]
    fn all_else_is_left_alone() {
        for text in [
            r#"{"a":1.50,"b":-12,"c":true,"d":"2024-01-01T08:30:00.123456789Z"}"#,
            r#"["kl 08:30:60", "x\"08:30:60", "\"08:30:60\"", "1e400", "åäö:60"]"#,
            r#""unclosed :60"#,
            r#""unclosed \"#,
            "",
        ] {
            assert_eq!(soften(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\"\\\\:0-9TZe.å -]{0,60}") {
            let _ = soften(&text);
        }
    }
}
