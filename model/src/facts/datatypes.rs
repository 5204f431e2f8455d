//! The datatypes the facts are made of. Source: <https://hl7.org/fhir/R5/datatypes.html>

use std::ops::Deref;

use jiff::civil;

use crate::date::FhirDate;

/// HL7's extension that tells why a value is absent (`masked`, `unknown` …).
pub const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// A code in a code system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coding {
    pub system: Option<String>,
    pub code: Option<String>,
    pub display: Option<String>,
}

impl Coding {
    /// Whether this is exactly that code of that system.
    pub fn is(&self, system: &str, code: &str) -> bool {
        self.system.as_deref() == Some(system) && self.code.as_deref() == Some(code)
    }
}

/// CodeableConcept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Concept {
    pub codings: Vec<Coding>,
    pub text: Option<String>,
}

impl Concept {
    /// Whether one of the codings is that code of that system.
    pub fn has(&self, system: &str, code: &str) -> bool {
        self.codings.iter().any(|coding| coding.is(system, code))
    }

    /// The codes given in one system, in order.
    pub fn codes<'a>(&'a self, system: &'a str) -> impl Iterator<Item = &'a str> {
        self.codings
            .iter()
            .filter(move |coding| coding.system.as_deref() == Some(system))
            .filter_map(|coding| coding.code.as_deref())
    }

    /// Whether it says anything at all: a code, a display or a text.
    pub fn is_stated(&self) -> bool {
        is_text(&self.text)
            || self
                .codings
                .iter()
                .any(|coding| is_text(&coding.code) || is_text(&coding.display))
    }
}

/// Whether one of the concepts holds that code of that system.
pub fn any_has(concepts: &[Concept], system: &str, code: &str) -> bool {
    concepts.iter().any(|concept| concept.has(system, code))
}

/// A concept, a reference, or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CodeableReference {
    pub concept: Option<Concept>,
    pub reference: Option<Reference>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identifier {
    pub use_: Option<String>,
    pub type_: Option<Concept>,
    pub system: Option<String>,
    pub value: Option<String>,
    pub period: Period,
    /// Of the identifier and of its `_value`.
    pub extensions: Extensions,
}

/// Reference; it may be literal, logical (identifier) or only a display.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    pub reference: Option<String>,
    pub type_: Option<String>,
    pub identifier: Option<Box<Identifier>>,
    pub display: Option<String>,
    /// Of the reference and of its `_reference` and `_display` (a masked name).
    pub extensions: Extensions,
}

impl Reference {
    /// The target's resource type: as stated in `type`, else as the literal reference shows it.
    pub fn target_type(&self) -> Option<&str> {
        match self.type_.as_deref() {
            Some(type_) => Some(
                type_
                    .strip_prefix("http://hl7.org/fhir/StructureDefinition/")
                    .unwrap_or(type_),
            ),
            None => self.type_and_id().map(|(type_, _)| type_),
        }
    }

    /// Type and id of a literal RESTful reference, relative or absolute, with or without version. None for `#x`, urn: and the rest.
    pub fn type_and_id(&self) -> Option<(&str, &str)> {
        let literal = self.reference.as_deref()?;
        let literal = literal.split_once("/_history/").map_or(literal, |(before, _)| before);
        let (before, id) = literal.rsplit_once('/')?;
        let type_ = before.rsplit_once('/').map_or(before, |(_, type_)| type_);
        let is_type =
            type_.starts_with(|c: char| c.is_ascii_uppercase()) && type_.bytes().all(|b| b.is_ascii_alphabetic());
        (is_type && !id.is_empty()).then_some((type_, id))
    }

    /// Whether it points into `contained` (`#x`).
    pub fn is_contained(&self) -> bool {
        self.reference
            .as_deref()
            .is_some_and(|literal| literal.starts_with('#'))
    }

    /// Whether it says anything at all.
    pub fn is_stated(&self) -> bool {
        is_text(&self.reference)
            || is_text(&self.display)
            || self.identifier.as_ref().is_some_and(|id| is_text(&id.value))
    }
}

/// A period; an end that is absent is open. An absent period is the default one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Period {
    pub start: Option<FhirDate>,
    pub end: Option<FhirDate>,
}

impl Period {
    /// First day included; None = since ever. A partial date is widened to its first day.
    pub fn first_day(&self) -> Option<civil::Date> {
        self.start.map(|start| start.first_day())
    }

    /// Last day included; None = for ever. A partial date is widened to its last day.
    pub fn last_day(&self) -> Option<civil::Date> {
        self.end.map(|end| end.last_day())
    }

    /// Whether the day lies inside, both ends included.
    pub fn contains(&self, day: civil::Date) -> bool {
        self.first_day().is_none_or(|first| first <= day) && self.last_day().is_none_or(|last| day <= last)
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.start.is_none() && self.end.is_none()
    }
}

/// ContactPoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Telecom {
    pub system: Option<String>,
    pub use_: Option<String>,
    pub value: Option<String>,
    pub period: Period,
}

/// ExtendedContactDetail, as far as a patient can reach someone by it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contact {
    pub purpose: Option<Concept>,
    pub telecoms: Vec<Telecom>,
    pub period: Period,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct HumanName {
    pub use_: Option<String>,
    pub text: Option<String>,
    pub family: Option<String>,
    /// `None` where only an extension stands.
    pub given: Vec<Option<String>>,
    pub period: Period,
    /// Of the name and of its `_text`, `_family` and `_given`.
    pub extensions: Extensions,
}

impl HumanName {
    /// Whether a name is written out.
    pub fn is_stated(&self) -> bool {
        is_text(&self.text) || is_text(&self.family) || self.given.iter().any(is_text)
    }

    /// Whether the name is kept back on purpose (data-absent-reason `masked`).
    pub fn is_masked(&self) -> bool {
        self.extensions.is_masked()
    }
}

/// Timing, as far as the rules ask whether and when something happens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timing {
    pub events: Vec<FhirDate>,
    /// Something is stated under `repeat`.
    pub repeats: bool,
    /// `repeat.boundsPeriod`
    pub bounds: Period,
    pub code: Option<Concept>,
}

impl Timing {
    /// Whether it says anything of when.
    pub fn is_stated(&self) -> bool {
        !self.events.is_empty() || self.repeats || self.code.as_ref().is_some_and(Concept::is_stated)
    }
}

/// An extension: a value, or nested extensions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extension {
    pub url: String,
    pub value: Option<ExtValue>,
    pub nested: Extensions,
}

/// The value types our own extensions use.
#[derive(Clone, Debug, PartialEq)]
pub enum ExtValue {
    Boolean(bool),
    Integer(i64),
    /// Also `valueId`, `valueUri`, `valueUrl`, `valueCanonical`, `valueOid`, `valueUuid`.
    Code(String),
    /// Also `valueMarkdown`.
    String(String),
    /// `valueDate`
    Date(FhirDate),
    /// `valueDateTime`, `valueInstant`
    DateTime(FhirDate),
    Period(Period),
    Coding(Coding),
    Concept(Concept),
    Identifier(Box<Identifier>),
    Reference(Box<Reference>),
    Timing(Box<Timing>),
    /// A value of another type, or one that could not be read.
    Other,
}

impl ExtValue {
    pub fn boolean(&self) -> Option<bool> {
        if let ExtValue::Boolean(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The code, however it was wrapped: code, string, Coding, or the first coded one of a CodeableConcept.
    pub fn code(&self) -> Option<&str> {
        match self {
            ExtValue::Code(code) | ExtValue::String(code) => Some(code),
            ExtValue::Coding(coding) => coding.code.as_deref(),
            ExtValue::Concept(concept) => concept.codings.iter().find_map(|coding| coding.code.as_deref()),
            _ => None,
        }
    }

    /// Free text, however it was wrapped.
    pub fn text(&self) -> Option<&str> {
        match self {
            ExtValue::Code(text) | ExtValue::String(text) => Some(text),
            ExtValue::Coding(coding) => coding.display.as_deref(),
            ExtValue::Concept(concept) => concept
                .text
                .as_deref()
                .or_else(|| concept.codings.iter().find_map(|coding| coding.display.as_deref())),
            _ => None,
        }
    }

    pub fn date(&self) -> Option<FhirDate> {
        if let ExtValue::Date(date) | ExtValue::DateTime(date) = self {
            Some(*date)
        } else {
            None
        }
    }

    pub fn reference(&self) -> Option<&Reference> {
        if let ExtValue::Reference(reference) = self {
            Some(reference)
        } else {
            None
        }
    }
}

/// The extensions of one element, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extensions(pub Vec<Extension>);

impl Deref for Extensions {
    type Target = [Extension];

    fn deref(&self) -> &[Extension] {
        &self.0
    }
}

impl Extensions {
    /// The first extension of that url.
    pub fn get(&self, url: &str) -> Option<&Extension> {
        self.iter().find(|extension| extension.url == url)
    }

    /// All extensions of that url.
    pub fn all<'a>(&'a self, url: &'a str) -> impl Iterator<Item = &'a Extension> {
        self.iter().filter(move |extension| extension.url == url)
    }

    /// The value of the first extension of that url.
    pub fn value(&self, url: &str) -> Option<&ExtValue> {
        self.get(url)?.value.as_ref()
    }

    pub fn boolean(&self, url: &str) -> Option<bool> {
        self.value(url)?.boolean()
    }

    pub fn code(&self, url: &str) -> Option<&str> {
        self.value(url)?.code()
    }

    pub fn date(&self, url: &str) -> Option<FhirDate> {
        self.value(url)?.date()
    }

    pub fn reference(&self, url: &str) -> Option<&Reference> {
        self.value(url)?.reference()
    }

    /// Whether a value is kept back on purpose (data-absent-reason `masked`).
    pub fn is_masked(&self) -> bool {
        self.all(DATA_ABSENT_REASON)
            .any(|extension| extension.value.as_ref().and_then(ExtValue::code) == Some("masked"))
    }
}

/// Whether a text is there and not blank.
pub(crate) fn is_text(text: &Option<String>) -> bool {
    text.as_deref().is_some_and(|text| !text.trim().is_empty())
}
