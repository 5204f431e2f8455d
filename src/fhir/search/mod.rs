//! Search as the standard has it, free of SQL: the parameter table ([`parameters`]), what of a resource goes into the index
//! ([`extract`]), what a query asks for ([`query`]) and how a query string becomes that ([`parse`]).
//! The store writes the entries and turns a query into SQL; the API parses and builds links; the CapabilityStatement
//! reads the table.

pub mod canonical;
pub mod compartments;
mod composite;
pub mod dates;
pub mod extract;
pub mod include;
mod literal;
pub mod page;
pub mod parameters;
pub mod parse;
pub mod paths;
pub mod quantity;
pub mod query;
// One row a line.
#[rustfmt::skip]
mod table;
pub mod text;
pub mod units;
pub mod values;

pub use extract::{index, patient_of, span};
pub use parameters::EXT_ERSATT_FRAN;
pub use parse::{Handling, ParseContext, Parsed, Scope, SearchError, parse, parse_in};
pub use query::SearchQuery;
pub use table::{CARE_DATES, has_patient};
pub(crate) use values::local as local_reference;

/// Grows whenever an index entry would come out differently for the same resource: a start with a newer one reindexes.
pub const INDEX_VERSION: i32 = 8;

/// One line of the search index: what a resource says under one search parameter.
/// `param` is the parameter's name in the index; `name:identifier` holds the identifiers inside references.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexEntry {
    /// A code or identifier. `system` is canonical (see `fhir::identifiers`); an empty `value` says that the element is there
    /// but holds no code.
    Token {
        param: &'static str,
        system: Option<String>,
        value: String,
    },
    /// A reference.
    Reference { param: &'static str, target: RefTarget },
    /// A date or period as [low, high) in microseconds since the epoch; open ends are `i64::MIN` and `i64::MAX`.
    Date { param: &'static str, low: i64, high: i64 },
    /// A quantity: its cuts ([`quantity`]), [low, high), and its unit.
    Quantity {
        param: &'static str,
        low: String,
        high: String,
        system: Option<String>,
        code: String,
        unit: String,
    },
    /// A text: as it is compared ([`text::fold`]) and as it stands. Under a token's or a reference's name it is what the
    /// modifier `:text` searches.
    String {
        param: &'static str,
        folded: String,
        text: String,
    },
    /// Two values of one element ([`composite`]): the first is in the name, the second is held as its own kind of entry.
    Pair { name: String, second: Box<IndexEntry> },
}

/// Where a reference points. A literal reference to our own kind of address has `kind` and `id`; an absolute one also has its
/// `url` (it may be our own base or another's); `urn:` has only `url`; a reference without a literal (identifier or display
/// alone, or `#contained`) has none, which still says that the element is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefTarget {
    pub kind: Option<String>,
    pub id: Option<String>,
    pub url: Option<String>,
}
