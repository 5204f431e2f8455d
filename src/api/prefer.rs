//! `Prefer` (RFC 7240): how the caller would like to be served. What we do not know of it may be ignored, as it says.

use actix_web::http::header::HeaderMap;

/// `Prefer: return=…` (http.html#ops).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// Nothing was said.
    Default,
    Minimal,
    Representation,
    OperationOutcome,
}

/// What the caller prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preferences {
    pub wanted: Return,
    /// `handling=lenient`: unknown search parameters are ignored (and left out of the `self` link).
    pub lenient: bool,
}

impl Preferences {
    pub fn of(headers: &HeaderMap) -> Preferences {
        let values = headers.get_all("Prefer").filter_map(|value| value.to_str().ok());
        Preferences::read(values)
    }

    /// "If any preference is specified more than once, only the first instance is to be considered"; names are the same in
    /// any case, `minimal` and `"minimal"` mean the same (RFC 7240, 2). Values are read in any case too: nothing is gained
    /// by not understanding `return=operationoutcome`.
    fn read<'v>(values: impl Iterator<Item = &'v str>) -> Preferences {
        let (mut wanted, mut lenient) = (None, None);
        // A `;` begins a parameter of the preference before it. None of ours has any, and clients write it between two.
        let preferences = values.flat_map(|value| value.split([',', ';']));
        for (name, value) in preferences.filter_map(|preference| preference.split_once('=')) {
            let value = value.trim().trim_matches('"').trim().to_ascii_lowercase();
            match name.trim().to_ascii_lowercase().as_str() {
                "return" if wanted.is_none() => wanted = return_of(&value),
                "handling" if lenient.is_none() => lenient = lenient_of(&value),
                _ => {}
            }
        }
        Preferences {
            wanted: wanted.unwrap_or(Return::Default),
            lenient: lenient.unwrap_or(false),
        }
    }
}

fn return_of(value: &str) -> Option<Return> {
    match value {
        "minimal" => Some(Return::Minimal),
        "representation" => Some(Return::Representation),
        "operationoutcome" => Some(Return::OperationOutcome),
        _ => None,
    }
}

fn lenient_of(value: &str) -> Option<bool> {
    match value {
        "lenient" => Some(true),
        "strict" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_as_the_rfc_says() {
        let read = |text: &[&str]| {
            let Preferences { wanted, lenient } = Preferences::read(text.iter().copied());
            (wanted, lenient)
        };
        assert_eq!(read(&[]), (Return::Default, false));
        assert_eq!(read(&["RETURN=minimal"]), (Return::Minimal, false));
        assert_eq!(read(&["return=\"minimal\""]), (Return::Minimal, false));
        assert_eq!(read(&["return = OperationOutcome"]), (Return::OperationOutcome, false));
        assert_eq!(
            read(&["Handling=\"lenient\", return=representation"]),
            (Return::Representation, true)
        );
        assert_eq!(
            read(&["respond-async; wait=10, handling=lenient"]),
            (Return::Default, true)
        );
        assert_eq!(
            read(&["return=minimal", "return=representation"]),
            (Return::Minimal, false)
        );
        assert_eq!(read(&["return=nothing; handling=strict"]), (Return::Default, false));
    }
}
