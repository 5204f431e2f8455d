//! How texts are compared in a search (search.html#string): without case, accents and punctuation. The index holds the
//! folded form, so that "begins with" is a range of it.
//!
//! "The default string search only operates on the base characters": å and ä are found by a. Punctuation inside a word
//! (`O'Brien`, `S:t`) is left out; any other separates words, as a space does, so that `Berg-Holm` and `Berg Holm` are one.
//! Spaces count once. Other symbols (`+`, `&`, emoji) are kept.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The text as it is compared. Folding what is folded changes nothing.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // Lower case first, for the letters whose lower case has a mark of its own; and last, for those that only show their
    // letters when they are taken apart.
    let plain = text
        .chars()
        .flat_map(char::to_lowercase)
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| !is_combining_mark(*c));
    let mut space = false;
    for c in plain {
        if is_inside_words(c) {
            continue;
        }
        if c.is_whitespace() || c.is_control() || is_punctuation(c) {
            space = !folded.is_empty();
            continue;
        }
        if space {
            folded.push(' ');
            space = false;
        }
        folded.push(c);
    }
    folded
}

/// The least text that is greater than every text that begins so, in the order of code points (and of bytes of UTF-8);
/// `None` when there is no such text.
pub fn after(beginning: &str) -> Option<String> {
    let mut kept = beginning.to_owned();
    while let Some(last) = kept.pop() {
        // The next code point; there are none between U+D7FF and U+E000.
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            kept.push(next);
            return Some(kept);
        }
    }
    None
}

/// Apostrophes, full stops and colons, and what only typesetting needs.
fn is_inside_words(c: char) -> bool {
    matches!(
        c,
        '\'' | '.' | ':' | '`' | '´' | '\u{2018}' | '\u{2019}' | '\u{ad}' | '\u{200b}'
            ..='\u{200f}' | '\u{2060}' | '\u{feff}'
    )
}

fn is_punctuation(c: char) -> bool {
    let symbol = matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '|' | '~' | '&' | '%' | '#' | '@');
    (c.is_ascii_punctuation() && !symbol)
        || matches!(
            c,
            '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_accents_punctuation_and_spaces_do_not_count() {
        for (text, expected) in [
            ("Åsa Öström", "asa ostrom"),
            ("A\u{30a}sa", "asa"),
            ("Anna-Karin", "anna karin"),
            ("O'Brien", "obrien"),
            ("O’Brien", "obrien"),
            ("S:t Olofs gata 3, 2 tr.", "st olofs gata 3 2 tr"),
            ("  c/o\t Berg\n", "c o berg"),
            ("ﬁn ℡", "fin tel"),
            ("İstanbul", "istanbul"),
            ("Größe", "große"),
            ("å", "a"),
            ("…", ""),
            ("-", ""),
            ("A+B & C", "a+b & c"),
            ("北京", "北京"),
        ] {
            assert_eq!(fold(text), expected, "{text}");
        }
    }

    #[test]
    fn what_comes_after_a_beginning() {
        assert_eq!(after("abc").as_deref(), Some("abd"));
        assert_eq!(after("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(after("\u{10ffff}"), None);
        assert_eq!(after(""), None);
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,40}") {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded);
        }

        #[test]
        fn a_range_holds_what_begins_so(beginning in "[a-c\u{10ffff}]{1,3}", text in "[a-c\u{10ffff}]{0,5}") {
            let within = text >= beginning && after(&beginning).is_none_or(|end| text < end);
            prop_assert_eq!(within, text.starts_with(&beginning));
        }
    }
}
