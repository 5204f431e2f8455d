//! The values of token and reference parameters: alternatives, escaping and forms (search.html#escaping, #token, #reference).

use crate::fhir::fault::Text;
use crate::fhir::identifiers::{HSA_ID, canonical_system, comparable};
use crate::fhir::references::relative;

use super::RefTarget;
use super::literal::{VERSION, is_id, is_type_name, parse_literal};
use super::parameters::{Kind, Parameter};
use super::query::{QuantityValue, ReferenceValue, StringMatch, StringValue, SystemMatch, TokenValue};
use super::text::fold;

/// Why a value cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// `\` before something that needs no escape, or at the end.
    Escape,
    /// An alternative with nothing in it, as in `a,,b`.
    Empty,
    Control,
    Token,
    Boolean,
    Reference,
    Canonical,
    Date,
    /// Nothing is left of a text when its punctuation is taken away.
    String,
    OfType,
    Quantity,
    /// Too long to be looked for anywhere in a text.
    LongContains,
    Composite,
}

impl ValueError {
    pub fn text(self) -> Text {
        match self {
            ValueError::Escape => Text::new(
                "\\ får bara stå före , | $ eller \\",
                "\\ may stand only before , | $ or \\",
            ),
            ValueError::Empty => Text::new("ett av alternativen är tomt", "one of the alternatives is empty"),
            ValueError::Control => Text::new("värdet har styrtecken", "the value has control characters"),
            ValueError::Token => Text::new(
                "ska skrivas kod, system|kod, |kod eller system|",
                "must be code, system|code, |code or system|",
            ),
            ValueError::Boolean => Text::new("ska vara true eller false", "must be true or false"),
            ValueError::Reference => Text::new(
                "ska vara ett id, Typ/id eller en URL",
                "must be an id, Type/id or a URL",
            ),
            ValueError::Canonical => Text::new("ska vara en hel adress (URL)", "must be a whole address (URL)"),
            ValueError::Date => Text::new("är inget datum eller ingen tid i FHIR", "is not a FHIR date or time"),
            ValueError::String => Text::new("ska ha minst en bokstav eller siffra", "must have a letter or a digit"),
            ValueError::OfType => Text::new("ska skrivas system|kod|värde", "must be system|code|value"),
            ValueError::Quantity => Text::new(
                "ska skrivas tal, tal|system|kod eller tal||kod",
                "must be number, number|system|code or number||code",
            ),
            ValueError::LongContains => Text::new(
                "är för långt för :contains (högst 1000 byte)",
                "is too long for :contains (1000 bytes at most)",
            ),
            ValueError::Composite => Text::new(
                "ska skrivas som två värden med $ mellan",
                "must be two values with $ between",
            ),
        }
    }
}

/// The alternatives of a value, still escaped. None of them may be empty: `a,` is half a question.
pub fn split(value: &str) -> Result<Vec<&str>, ValueError> {
    if value.contains(|c: char| c.is_control()) {
        return Err(ValueError::Control);
    }
    let parts = split_at(value, ',');
    if parts.iter().any(|part| part.is_empty()) {
        Err(ValueError::Empty)
    } else {
        Ok(parts)
    }
}

/// Splits at a separator that is not escaped.
pub(super) fn split_at(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        if c == separator && !escaped {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

/// Takes the escapes away.
pub fn unescape(text: &str) -> Result<String, ValueError> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.push(match c {
            '\\' => characters
                .next()
                .filter(|c| matches!(c, ',' | '|' | '$' | '\\'))
                .ok_or(ValueError::Escape)?,
            other => other,
        });
    }
    Ok(plain)
}

/// `code`, `system|code`, `|code`, `system|`.
pub fn token(kind: Kind, value: &str) -> Result<TokenValue, ValueError> {
    let parts = split_at(value, '|')
        .into_iter()
        .map(unescape)
        .collect::<Result<Vec<_>, _>>()?;
    let token = match <[String; 2]>::try_from(parts) {
        Ok([system, code]) if system.is_empty() && code.is_empty() => return Err(ValueError::Token),
        Ok([system, code]) => TokenValue {
            system: system_match(kind, &system),
            value: Some(code).filter(|c| !c.is_empty()),
        },
        Err(parts) => match parts.as_slice() {
            [code] => TokenValue {
                system: without_system(kind),
                value: Some(code.clone()),
            },
            _ => return Err(ValueError::Token),
        },
    };
    let is_flag = matches!(kind, Kind::Boolean | Kind::Exists);
    if is_flag
        && !token
            .value
            .as_deref()
            .is_some_and(|value| value == "true" || value == "false")
    {
        return Err(ValueError::Boolean);
    }
    Ok(token)
}

/// The same of an identifier, as it is indexed: what tells no system may be an HSA-id, which has one form.
pub fn identifier(kind: Kind, value: &str) -> Result<Vec<TokenValue>, ValueError> {
    let token = token(kind, value)?;
    let Some(value) = token.value.as_deref().filter(|_| kind == Kind::Identifier) else {
        return Ok(vec![token]);
    };
    let system = match &token.system {
        SystemMatch::Is(system) => system.as_str(),
        SystemMatch::Any => HSA_ID,
        SystemMatch::None => "",
    };
    let indexed = comparable(system, value).into_owned();
    let is_other = indexed != value;
    let as_hsa_id = TokenValue {
        system: SystemMatch::Is(system.to_owned()),
        value: Some(indexed),
    };
    Ok(match token.system {
        SystemMatch::Is(_) if is_other => vec![as_hsa_id],
        SystemMatch::Any if is_other => vec![token, as_hsa_id],
        _ => vec![token],
    })
}

/// Codes and booleans are indexed without a system, so that asking for none at all is asking for exactly that.
fn without_system(kind: Kind) -> SystemMatch {
    match kind {
        Kind::Code(_) | Kind::Boolean | Kind::Exists | Kind::Contact | Kind::Text => SystemMatch::None,
        _ => SystemMatch::Any,
    }
}

/// HL7's system for booleans as tokens.
const BOOLEANS: &str = "http://terminology.hl7.org/CodeSystem/special-values";

fn system_match(kind: Kind, system: &str) -> SystemMatch {
    let implied = match kind {
        Kind::Code(implied) => implied,
        Kind::Boolean | Kind::Exists => BOOLEANS,
        _ => "",
    };
    if system.is_empty() || system == implied {
        SystemMatch::None
    } else {
        SystemMatch::Is(canonical_system(system).to_owned())
    }
}

/// A uri, compared as it is written: `|` is part of it.
pub fn uri(value: &str) -> Result<TokenValue, ValueError> {
    Ok(TokenValue {
        system: SystemMatch::None,
        value: Some(unescape(value)?),
    })
}

/// `system|code|value` of an identifier by its type (`:of-type`), as the index holds it.
pub fn of_type(value: &str) -> Result<TokenValue, ValueError> {
    let parts = split_at(value, '|')
        .into_iter()
        .map(unescape)
        .collect::<Result<Vec<_>, _>>()?;
    match parts.as_slice() {
        [system, code, value] if ![system, code, value].iter().any(|part| part.is_empty()) => Ok(TokenValue {
            system: SystemMatch::Is(canonical_system(system).to_owned()),
            value: Some(format!("{code}|{value}")),
        }),
        _ => Err(ValueError::OfType),
    }
}

/// `[prefix][number]`, `[prefix][number]|[system]|[code]`, `[prefix][number]||[code]`.
pub fn quantity(value: &str) -> Result<QuantityValue, ValueError> {
    let parts = split_at(value, '|')
        .into_iter()
        .map(unescape)
        .collect::<Result<Vec<_>, _>>()?;
    let (number, system, code) = match parts.as_slice() {
        [number] => (number, None, None),
        [number, system, code] => (
            number,
            Some(canonical_system(system).to_owned()).filter(|system| !system.is_empty()),
            Some(code.clone()).filter(|code| !code.is_empty()),
        ),
        _ => return Err(ValueError::Quantity),
    };
    QuantityValue::parse(number, system, code).ok_or(ValueError::Quantity)
}

/// A uri without the slash at its end: what `:below` compares with.
pub fn uri_below(value: &str) -> Result<String, ValueError> {
    let uri = unescape(value)?;
    Ok(uri.trim_end_matches('/').to_owned()).and_then(|uri| {
        if uri.is_empty() {
            Err(ValueError::Empty)
        } else {
            Ok(uri)
        }
    })
}

/// Steps of a path that `:above` goes up.
const MOST_ABOVE: usize = 30;

/// A uri and what it stands below (`:above`): its path shortened step by step, with and without a slash at the end.
pub fn uri_above(value: &str) -> Result<Vec<TokenValue>, ValueError> {
    let uri = unescape(value)?;
    // A name (`urn:`) is below nothing.
    let path_from = uri.find("://").map_or(uri.len(), |at| at + 3);
    let mut all = vec![uri.clone()];
    let mut rest = uri.as_str();
    while let Some(at) = rest
        .rfind('/')
        .filter(|at| *at >= path_from && all.len() <= 2 * MOST_ABOVE)
    {
        all.push(format!("{}/", &rest[..at]));
        rest = &rest[..at];
        all.push(rest.to_owned());
    }
    let exactly = |value: String| TokenValue {
        system: SystemMatch::None,
        value: Some(value),
    };
    Ok(all.into_iter().map(exactly).collect())
}

/// Bytes of a text that is looked for anywhere in others: the databases bound their patterns.
const MOST_CONTAINED: usize = 1000;

/// A text.
pub fn string(how: StringMatch, value: &str) -> Result<StringValue, ValueError> {
    let text = unescape(value)?;
    let folded = fold(&text);
    if folded.is_empty() && how != StringMatch::Exact {
        return Err(ValueError::String);
    }
    if folded.len() > MOST_CONTAINED && how == StringMatch::Contains {
        return Err(ValueError::LongContains);
    }
    Ok(StringValue { folded, text })
}

/// The two values of a pair, still escaped.
pub fn pair(value: &str) -> Result<[&str; 2], ValueError> {
    match <[&str; 2]>::try_from(split_at(value, '$')) {
        Ok(parts) if parts.iter().all(|part| !part.is_empty()) => Ok(parts),
        _ => Err(ValueError::Composite),
    }
}

/// Whether `:[type]` may be said of the parameter.
pub fn is_target(parameter: &Parameter, modifier: &str) -> bool {
    is_type_name(modifier) && parameter.may_target(modifier)
}

/// `id`, `Type/id`, or a URL; `target` comes from `:[type]`. `None` when nothing the parameter holds can match.
pub fn reference(
    parameter: &Parameter,
    target: Option<&str>,
    own_bases: &[String],
    value: &str,
) -> Result<Option<ReferenceValue>, ValueError> {
    let literal = unescape(value)?;
    if is_id(&literal) {
        let kinds: Vec<String> = match target {
            Some(target) => vec![target.to_owned()],
            None => parameter.targets.iter().map(|kind| (*kind).to_owned()).collect(),
        };
        return Ok(Some(local(kinds, literal, own_bases)));
    }
    let below_own = own_bases
        .iter()
        .find_map(|base| literal.strip_prefix(base.trim_end_matches('/'))?.strip_prefix('/'));
    let found = parse_literal(below_own.unwrap_or(&literal));
    let fits = found
        .kind
        .as_deref()
        .is_none_or(|kind| parameter.may_target(kind) && target.is_none_or(|t| t == kind));
    match found {
        _ if !fits => Ok(None),
        RefTarget {
            kind: Some(kind),
            id: Some(id),
            url: None,
        } => Ok(Some(local(vec![kind], id, own_bases))),
        found @ RefTarget { url: Some(_), .. } if literal.contains(':') => Ok(Some(ReferenceValue::Url(found))),
        _ => Err(ValueError::Reference),
    }
}

/// `Type/id/_history/version`, or the same under an address: a reference to that very version, in the ways in which the
/// index may have it. None when the parameter's references are never to such a type.
pub fn version_reference(
    parameter: &Parameter,
    target: Option<&str>,
    own_bases: &[String],
    value: &str,
) -> Result<Vec<TokenValue>, ValueError> {
    let literal = unescape(value)?;
    let literal = relative(&literal, own_bases);
    let (unversioned, version) = literal.split_once(VERSION).ok_or(ValueError::Reference)?;
    let found = parse_literal(unversioned);
    let (Some(kind), true) = (&found.kind, is_id(version)) else {
        return Err(ValueError::Reference);
    };
    if !parameter.may_target(kind) || target.is_some_and(|target| target != kind) {
        return Ok(Vec::new());
    }
    let mut written = vec![literal.to_owned()];
    if found.url.is_none() {
        written.extend(own_bases.iter().map(|base| format!("{base}/{literal}")));
    }
    let token = |literal| TokenValue {
        system: SystemMatch::None,
        value: Some(literal),
    };
    Ok(written.into_iter().map(token).collect())
}

pub fn local(kinds: Vec<String>, id: String, own_bases: &[String]) -> ReferenceValue {
    let mut own_urls = Vec::with_capacity(own_bases.len() * kinds.len());
    for base in own_bases {
        let base = base.trim_end_matches('/');
        own_urls.extend(kinds.iter().map(|kind| [base, "/", kind, "/", &id].concat()));
    }
    ReferenceValue::Local { kinds, id, own_urls }
}
