//! What a search asks for, once parsed: plain data between [`super::parse`] and the store's SQL.

use std::collections::BTreeSet;

use crate::fhir::types::ResourceType;

use super::RefTarget;
use super::dates::DateValue;
use super::include::Include;
pub use super::quantity::QuantityValue;

/// A search on one type, or on several at once. Criteria must all hold; the values within one are alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchQuery {
    pub kind: ResourceType,
    pub criteria: Vec<Criterion>,
    /// The same search on further types.
    pub also: Vec<Part>,
    /// The compartment that is searched, by its resource; what lies in it the criteria tell.
    pub compartment: Option<(ResourceType, String)>,
    /// Never ends the order by itself: the row key does, newest first, so that pages neither skip nor repeat.
    pub sort: Vec<SortKey>,
    /// Most entries on a page; 0 with `total` when only the number is asked for.
    pub count: u32,
    /// Where the page before ended: one value per sort key, then the row key.
    pub after: Option<Vec<KeyPart>>,
    /// Whether the number of all matches is asked for.
    pub total: bool,
    /// What comes with the matches.
    pub includes: Vec<Include>,
    /// Ties a page token to this search (see [`super::page`]).
    pub fingerprint: u64,
}

impl SearchQuery {
    /// Everything of a type, newest first: what a search without parameters means.
    pub fn all(kind: ResourceType, count: u32) -> SearchQuery {
        SearchQuery {
            kind,
            criteria: Vec::new(),
            also: Vec::new(),
            compartment: None,
            sort: Vec::new(),
            count,
            after: None,
            total: false,
            includes: Vec::new(),
            fingerprint: 0,
        }
    }

    /// Each type that is searched, with its criteria.
    pub fn parts(&self) -> impl Iterator<Item = (ResourceType, &[Criterion])> {
        let also = self.also.iter().map(|part| (part.kind, part.criteria.as_slice()));
        std::iter::once((self.kind, self.criteria.as_slice())).chain(also)
    }

    /// Every type that the search touches, those of chains, `_has` and the compartment too: its answer tells something
    /// about the resources of each, so whoever asks must be allowed to read them all.
    pub fn touches(&self) -> BTreeSet<ResourceType> {
        let mut kinds: BTreeSet<ResourceType> = self.compartment.iter().map(|(kind, _)| *kind).collect();
        for (kind, criteria) in self.parts() {
            kinds.insert(kind);
            criteria.iter().for_each(|criterion| criterion.add_kinds(&mut kinds));
        }
        kinds
    }

    /// Whether a page's end has a value of the right kind for each sort key and the row key.
    pub fn accepts(&self, end: &[KeyPart]) -> bool {
        let kinds = self
            .sort
            .iter()
            .map(|key| matches!(key.by, SortBy::Id | SortBy::Text(_)))
            .chain([false]);
        end.len() == self.sort.len() + 1
            && kinds
                .zip(end)
                .all(|(is_text, part)| is_text == matches!(part, KeyPart::Text(_)))
    }
}

/// What is asked of one more type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub kind: ResourceType,
    pub criteria: Vec<Criterion>,
}

/// One condition. `param` is a name in the index ([`super::parameters::Parameter::index`]).
/// A criterion whose list of values is empty matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Criterion {
    Id {
        any_of: Vec<String>,
        not: bool,
    },
    LastUpdated {
        any_of: Vec<DateValue>,
    },
    Token {
        param: &'static str,
        any_of: Vec<TokenValue>,
        not: bool,
        /// Whether few resources share a value (identifiers): a good place to begin the look-up.
        selective: bool,
    },
    Reference {
        param: &'static str,
        any_of: Vec<ReferenceValue>,
    },
    Date {
        param: &'static str,
        any_of: Vec<DateValue>,
    },
    /// The reference leads to a resource of ours, not deleted, that fulfils what is asked of its type (chaining).
    Chain {
        param: &'static str,
        any_of: Vec<Far>,
        by: Naming,
    },
    /// A resource of ours, not deleted, refers to this one, which is of the type `to`, and fulfils what is asked (`_has`).
    Has {
        to: ResourceType,
        /// The reference in the far resource.
        param: &'static str,
        from: Box<Far>,
        by: Naming,
    },
    /// One of these holds.
    Any(Vec<Criterion>),
    String {
        param: &'static str,
        /// Other names in the index whose entries count too.
        also: &'static [&'static str],
        any_of: Vec<StringValue>,
        how: StringMatch,
    },
    /// A uri that is one of these, or stands below it: `http://a/b` is below `http://a`. They end without a slash.
    UriBelow {
        param: &'static str,
        any_of: Vec<String>,
    },
    Quantity {
        param: &'static str,
        any_of: Vec<QuantityValue>,
    },
    /// One of these pairs, both values of the same element ([`super::composite`]).
    Pair(Vec<PairValue>),
    /// A CareTeam by the identifier of the vårdenhet that answers for it, or of the vårdgivare above ([`super::units`]).
    CareUnit {
        any_of: Vec<TokenValue>,
        is_giver: bool,
        not: bool,
    },
    Missing {
        param: &'static str,
        /// Other names in the index whose entries count too.
        also: &'static [&'static str],
        table: Table,
        /// References: only those to one of these types, or to an unknown one, count. Empty means all.
        targets: &'static [&'static str],
        missing: bool,
    },
}

/// How a reference names a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// By its place: relative, or under one of our own base URLs.
    Place { own_bases: Vec<String> },
    /// By its canonical address ([`super::canonical`]), or by the place where it is stored under one of our own base URLs.
    Canonical { own_bases: Vec<String> },
}

/// The other end of a reference: its type, and what it fulfils.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Far {
    pub kind: ResourceType,
    pub criterion: Criterion,
}

impl Criterion {
    /// Adds the types of other resources that decide whether this one holds.
    fn add_kinds(&self, kinds: &mut BTreeSet<ResourceType>) {
        let mut far = |far: &Far| {
            kinds.insert(far.kind);
            far.criterion.add_kinds(kinds);
        };
        match self {
            Criterion::Chain { any_of, .. } => any_of.iter().for_each(far),
            Criterion::Has { from, .. } => far(from),
            Criterion::Any(any_of) => any_of.iter().for_each(|criterion| criterion.add_kinds(kinds)),
            Criterion::CareUnit { .. } => kinds.extend([ResourceType::Organization, ResourceType::PractitionerRole]),
            _ => {}
        }
    }
}

/// The index table that holds a parameter's entries; also tells that a column is never missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Token,
    Reference,
    Date,
    String,
    Quantity,
    Column,
}

/// A text that is asked for: as it is compared ([`super::text::fold`]) and as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringValue {
    pub folded: String,
    pub text: String,
}

/// Two values of one element that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairValue {
    /// The names in the index of the pairs with the first value, in each way it may be told.
    pub names: Vec<String>,
    /// What the second value fulfils; its own name in the index says nothing here.
    pub second: Criterion,
}

/// How a text is compared (search.html#string).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringMatch {
    /// The folded text begins so.
    Begins,
    /// It stands anywhere in the folded text.
    Contains,
    /// It is the whole text, with case, accents and all.
    Exact,
}

/// `code`, `system|code`, `|code` or `system|`. Systems are canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenValue {
    pub system: SystemMatch,
    /// `None`: any value in the system.
    pub value: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemMatch {
    Any,
    /// The element has no system.
    None,
    Is(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceValue {
    /// A resource of ours: relative in the index, or absolute under one of our own bases.
    Local {
        kinds: Vec<String>,
        id: String,
        own_urls: Vec<String>,
    },
    /// Anything else: its URL is compared as it stands; the type and id it ends in, if any, only help to find it.
    Url(RefTarget),
    Canonical(CanonicalMatch),
}

/// How a canonical is compared, in the forms that the index has of it ([`super::canonical`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanonicalMatch {
    /// The address, or the name with its version.
    Is(String),
    /// The name with this version, or with one that goes on after it (`1` in `1.2`, `2026` in `2026-03`).
    Version(String),
    /// The address, or one beneath it in its path. It ends without a slash.
    Path(String),
}

/// One key of `_sort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    pub by: SortBy,
    pub descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    Id,
    LastUpdated,
    /// A date parameter's index name: its earliest low ascending, its latest high descending; those without come last.
    Date(&'static str),
    /// What a token's, reference's or text's entries hold: the first of them ascending, the last descending; resources
    /// without any come last.
    Text(SortText),
}

/// Where the texts of a sort key stand in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortText {
    pub table: Table,
    pub param: &'static str,
    /// Other names in the index whose entries count too.
    pub also: &'static [&'static str],
    /// References: only those to one of these types, or to an unknown one, count. Empty means all.
    pub targets: &'static [&'static str],
}

/// One value of a page's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    Number(i64),
    Text(String),
}
