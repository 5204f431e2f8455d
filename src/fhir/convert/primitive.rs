//! How a primitive value of one version becomes one of the other: by its type and the codes its binding lists. Asked by
//! the plan builder; [`nearest`] also by the walk.

use std::collections::HashMap;

use super::plan::{How, Instead};
use super::tables;
use crate::fhir::elements::{CodeList, Element, Tables, is_primitive};

/// What a primitive value of `from` needs to become one of `to`; nothing when the types do not fit.
pub(super) fn primitive(
    source: &'static Tables,
    target: &'static Tables,
    from: &'static Element,
    to: &'static Element,
) -> Option<How> {
    let codes =
        |tables: &'static Tables, element: &'static Element| element.codes.as_ref().and_then(|key| tables.codes(key));
    match (from.type_name.as_str(), to.type_name.as_str()) {
        ("unsignedInt", "integer64") => Some(How::NumberToText),
        ("integer64", "unsignedInt") => Some(How::TextToNumber),
        ("code", "id") => Some(How::CopyIf(is_id)),
        // Expression.name, the only one: exp-2 of R5.
        ("id", "code") => Some(How::CopyIf(is_variable)),
        ("string", "markdown") | ("markdown", "string") => Some(How::Copy),
        ("uri", "url") => Some(How::CopyIf(is_address)),
        ("url", "uri") => Some(How::CopyIf(|_| true)),
        (s, t) if s == t && is_primitive(s) => match (codes(source, from), codes(target, to)) {
            (Some(CodeList::Listed(have)), Some(allowed @ CodeList::Listed(_))) => {
                let key = from.codes.as_deref().unwrap_or_default();
                let lacking: HashMap<&'static str, Instead> = have
                    .values()
                    .flatten()
                    .filter(|code| !allowed.lists(code))
                    .map(|code| (code.as_str(), instead(key, code, allowed)))
                    .collect();
                // Also when only the target knows more: a stand-in must be seen on the way back.
                let same = lacking.is_empty() && codes_equal(have, allowed);
                Some(if same { How::Copy } else { How::Code(lacking) })
            }
            // Expression.language: a media type in R4, any code in R5.
            (None, Some(CodeList::Grammar { grammar })) if grammar == "mime" => Some(How::CopyIf(is_plain_mime)),
            (Some(CodeList::Grammar { .. }), None) => Some(How::CopyIf(|_| true)),
            _ => Some(How::Copy),
        },
        _ => None,
    }
}

fn codes_equal(have: &'static HashMap<String, Vec<String>>, other: &CodeList) -> bool {
    match other {
        CodeList::Listed(other) => other
            .values()
            .flatten()
            .all(|code| have.values().flatten().any(|mine| mine == code)),
        CodeList::Grammar { .. } => false,
    }
}

/// What stands for a code that the target's list lacks.
fn instead(list: &str, code: &str, allowed: &CodeList) -> Instead {
    let same = tables::SAME.iter().find_map(|(l, r4, r5)| match code {
        _ if *l != list => None,
        code if code == *r4 => Some(*r5),
        code if code == *r5 => Some(*r4),
        _ => None,
    });
    match (same, nearest(list, code)) {
        (Some(same), _) if allowed.lists(same) => Instead::Same(same),
        (_, Some(near)) if allowed.lists(near) => Instead::Nearest(near),
        _ => Instead::Nothing,
    }
}

/// The nearest code of the other version, from [`tables::NEAREST`].
pub(super) fn nearest(list: &str, code: &str) -> Option<&'static str> {
    tables::NEAREST
        .iter()
        .find(|(l, c, _)| *l == list && *c == code)
        .map(|(_, _, near)| *near)
}

/// The form of an `id` (datatypes.html#id).
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// An address that can be followed, which `url` is meant for; other names are no urls.
fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// A media type without parameters: what is surely one.
fn is_plain_mime(text: &str) -> bool {
    let name = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+._".contains(&b));
    text.split_once('/').is_some_and(|(kind, sub)| name(kind) && name(sub))
}

/// A variable name as exp-2 has it.
fn is_variable(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
