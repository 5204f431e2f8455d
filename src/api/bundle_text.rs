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
        if !links.is_empty() {
            let links: Vec<String> = links
                .iter()
                .map(|(relation, url)| format!(r#"{{"relation":"{relation}","url":{}}}"#, quoted(url)))
                .collect();
            text.push_str(&format!(r#","link":[{}]"#, links.join(",")));
        }
        BundleText { text, entries: 0 }
    }

    /// Sets `meta.lastUpdated`; before any entry.
    pub fn last_updated(&mut self, at: Timestamp) {
        self.text
            .push_str(&format!(r#","meta":{{"lastUpdated":"{}"}}"#, instant(at)));
    }

    /// Adds an entry; each part is given as JSON text.
    pub fn entry(&mut self, full_url: Option<&str>, resource: Option<&str>, parts: &[(&str, String)]) {
        self.text
            .push_str(if self.entries == 0 { r#","entry":["# } else { "," });
        self.entries += 1;
        let mut members = Vec::with_capacity(2 + parts.len());
        if let Some(url) = full_url {
            members.push(format!(r#""fullUrl":{}"#, quoted(url)));
        }
        self.text.push('{');
        self.text.push_str(&members.join(","));
        let mut first = members.is_empty();
        if let Some(resource) = resource {
            self.text
                .push_str(if first { r#""resource":"# } else { r#","resource":"# });
            self.text.push_str(resource);
            first = false;
        }
        for (name, json) in parts {
            self.text.push_str(if first { "" } else { "," });
            self.text.push_str(&format!(r#""{name}":{json}"#));
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
    Value::from(text).to_string()
}
