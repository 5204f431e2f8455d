//! Bundles written as text: stored resources are put in as they are, without being parsed again.

use jiff::Timestamp;
use serde_json::Value;

use crate::door::content::instant;

/// A Bundle under construction.
pub struct BundleText {
    text: String,
    entries: usize,
}

impl BundleText {
    /// A Bundle of the given `Bundle.type`, with its total (when known) and its links (relation, url).
    pub fn new(kind: &str, total: Option<i64>, links: &[(&str, String)]) -> BundleText {
        let mut text = format!(r#"{{"resourceType":"Bundle","type":"{kind}""#);
        if let Some(total) = total {
            text.push_str(&format!(r#","total":{total}"#));
        }
        for (number, (relation, url)) in links.iter().enumerate() {
            text.push_str(if number == 0 { r#","link":["# } else { "," });
            text.push_str(r#"{"relation":""#);
            text.push_str(relation);
            text.push_str(r#"","url":"#);
            push_quoted(&mut text, url);
            text.push('}');
        }
        if !links.is_empty() {
            text.push(']');
        }
        BundleText { text, entries: 0 }
    }

    /// Makes room for so many bytes more, so that the text is not moved again and again while it grows.
    pub fn make_room(&mut self, bytes: usize) {
        self.text.reserve(bytes);
    }

    /// Sets `meta.lastUpdated`; before any entry.
    pub fn last_updated(&mut self, at: Timestamp) {
        self.text
            .push_str(&format!(r#","meta":{{"lastUpdated":"{}"}}"#, instant(at)));
    }

    /// Adds an entry; each part is given as JSON text.
    pub fn entry(&mut self, full_url: Option<&str>, resource: Option<&str>, parts: &[(&str, &str)]) {
        self.text
            .push_str(if self.entries == 0 { r#","entry":["# } else { "," });
        self.entries += 1;
        self.text.push('{');
        let mut first = full_url.is_none();
        if let Some(url) = full_url {
            self.text.push_str(r#""fullUrl":"#);
            push_quoted(&mut self.text, url);
        }
        if let Some(resource) = resource {
            self.text
                .push_str(if first { r#""resource":"# } else { r#","resource":"# });
            self.text.push_str(resource);
            first = false;
        }
        for (name, json) in parts {
            self.text.push_str(if first { "\"" } else { ",\"" });
            self.text.push_str(name);
            self.text.push_str("\":");
            self.text.push_str(json);
            first = false;
        }
        self.text.push('}');
    }

    /// The finished Bundle.
    pub fn finish(mut self) -> String {
        self.text.push_str(if self.entries == 0 { "}" } else { "]}" });
        self.text
    }
}

/// A JSON string literal.
pub fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    push_quoted(&mut literal, text);
    literal
}

fn push_quoted(to: &mut String, text: &str) {
    // Addresses and statuses, as good as always, have nothing to escape (RFC 8259, 7).
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        to.push_str(&Value::from(text).to_string());
    } else {
        to.push('"');
        to.push_str(text);
        to.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_what_serde_json_makes_of_it() {
        for text in [
            "",
            "http://å/ä?ö=1",
            "a\"b",
            "a\\b",
            "a\nb",
            "\u{1}",
            "\u{7f}\u{2028}😀",
        ] {
            assert_eq!(quoted(text), Value::from(text).to_string());
        }
    }
}
