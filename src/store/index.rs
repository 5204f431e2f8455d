//! The index rows of a resource: written together with a new version, many rows in one statement. search.rs reads them.

use std::borrow::Cow;

use diesel::prelude::*;

use super::connection::on_either;
use super::error::StoreError;
use super::insert::{Row, row};
use super::schema::{index_date, index_quantity, index_reference, index_string, index_token};
use super::session::Session;
use crate::fhir::search::IndexEntry;

/// What a token's system becomes in `index_token.system`: 0 for none, else FNV-1a of its URI. The systems in use are
/// some hundreds, so that two of them meet in 64 bits with a chance of one in 10¹⁴; the value is compared as text.
pub fn system_key(system: Option<&str>) -> i64 {
    system.map_or(0, |uri| match fnv1a(uri) {
        0 => 1,
        key => key,
    })
}

/// What a name becomes where it stands in many rows.
pub fn name_key(name: &str) -> i64 {
    fnv1a(name)
}

/// FNV-1a, 64 bits: small, fast and the same for ever.
pub(super) fn fnv1a(text: &str) -> i64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    i64::from_ne_bytes(hash.to_ne_bytes())
}

/// Longest text that stands in an index as it is, in bytes: PostgreSQL takes no index row above a third of a page.
const LONGEST: usize = 512;

/// What a text becomes in an index, and what must be asked for: itself, or its beginning and a hash when it is long.
pub fn text_key(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let start = text.floor_char_boundary(LONGEST - 17);
    Cow::Owned(format!("{}…{:016x}", &text[..start], fnv1a(text)))
}

/// A folded text as index_string holds it: its beginning, which is indexed, and the rest. Two texts with the same
/// beginning up to the limit are divided at the same place, so that a long text that is asked for is divided as well.
pub(super) fn divided(folded: &str) -> (&str, &str) {
    folded.split_at(folded.floor_char_boundary(LONGEST))
}

/// What stands for a text as it is written, with case, accents and all, beside its folded form.
pub(super) fn exact_key(text: &str) -> i64 {
    fnv1a(text)
}

/// To which resource index rows belong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    pub patient: i64,
    pub resource: i64,
    pub kind: i16,
}

impl Session {
    /// Puts the entries in, in a few statements. The resource has no rows before.
    pub(super) fn insert_index(&mut self, owner: Owner, entries: &[IndexEntry]) -> Result<(), StoreError> {
        let mut tokens = Vec::with_capacity(entries.len());
        let mut references = Vec::new();
        let mut dates = Vec::new();
        let mut strings = Vec::new();
        let mut quantities = Vec::new();
        for entry in entries {
            let (param, entry) = named(entry);
            match entry {
                IndexEntry::Token { system, value, .. } => {
                    tokens.push(TokenRow {
                        owner,
                        param,
                        value: text_key(value),
                        system: system_key(system.as_deref()),
                    });
                }
                IndexEntry::Reference { target, .. } => references.push(ReferenceRow {
                    owner,
                    param,
                    target_id: text_key(target.id.as_deref().unwrap_or_default()),
                    target_kind: text_key(target.kind.as_deref().unwrap_or_default()),
                    target_url: text_key(target.url.as_deref().unwrap_or_default()),
                }),
                IndexEntry::Date { low, high, .. } => dates.push(DateRow {
                    owner,
                    param,
                    low: *low,
                    high: *high,
                }),
                IndexEntry::Quantity {
                    low,
                    high,
                    system,
                    code,
                    unit,
                    ..
                } => quantities.push(QuantityRow {
                    owner,
                    param,
                    low,
                    high,
                    system: system_key(system.as_deref()),
                    code: text_key(code),
                    unit: text_key(unit),
                }),
                IndexEntry::String { folded, text, .. } => {
                    let (folded, rest) = divided(folded);
                    strings.push(StringRow {
                        owner,
                        param,
                        folded,
                        exact: exact_key(text),
                        rest,
                    });
                }
                // A pair's second value is none.
                IndexEntry::Pair { .. } => {}
            }
        }
        self.insert_rows(tokens)?;
        self.insert_rows(references)?;
        self.insert_rows(dates)?;
        self.insert_rows(strings)?;
        self.insert_rows(quantities)
    }

    /// Takes the rows of a resource away.
    pub(super) fn delete_index(&mut self, owner: Owner) -> Result<(), StoreError> {
        macro_rules! delete {
            ($table:ident) => {
                on_either!(self, c => diesel::delete(
                    $table::table.filter($table::patient.eq(owner.patient)).filter($table::resource.eq(owner.resource)),
                )
                .execute(c))?
            };
        }
        delete!(index_token);
        delete!(index_reference);
        delete!(index_date);
        delete!(index_string);
        delete!(index_quantity);
        Ok(())
    }

    /// Rows of one table, each once.
    fn insert_rows<R: IndexRow>(&mut self, mut rows: Vec<R>) -> Result<(), StoreError> {
        rows.retain(IndexRow::storable);
        rows.sort_unstable();
        rows.dedup();
        self.insert(&rows)
    }
}

/// An entry's name in the index, and what it holds: of a pair the second value.
fn named(entry: &IndexEntry) -> (Cow<'_, str>, &IndexEntry) {
    match entry {
        IndexEntry::Pair { name, second } => (text_key(name), second),
        IndexEntry::Token { param, .. }
        | IndexEntry::Reference { param, .. }
        | IndexEntry::Date { param, .. }
        | IndexEntry::Quantity { param, .. }
        | IndexEntry::String { param, .. } => (Cow::Borrowed(*param), entry),
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct TokenRow<'a> {
    owner: Owner,
    param: Cow<'a, str>,
    value: Cow<'a, str>,
    system: i64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ReferenceRow<'a> {
    owner: Owner,
    param: Cow<'a, str>,
    target_id: Cow<'a, str>,
    target_kind: Cow<'a, str>,
    target_url: Cow<'a, str>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct DateRow<'a> {
    owner: Owner,
    param: Cow<'a, str>,
    low: i64,
    high: i64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct StringRow<'a> {
    owner: Owner,
    param: Cow<'a, str>,
    folded: &'a str,
    exact: i64,
    rest: &'a str,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct QuantityRow<'a> {
    owner: Owner,
    param: Cow<'a, str>,
    low: &'a str,
    high: &'a str,
    system: i64,
    code: Cow<'a, str>,
    unit: Cow<'a, str>,
}

/// A row of one of the index tables.
trait IndexRow: Ord + Row {
    /// A text with a NUL in it is not FHIR, and PostgreSQL cannot store it: such a row is left out.
    fn storable(&self) -> bool;
}

/// The columns of an index table after those of the owner, as the row's fields are called.
macro_rules! index_row {
    ($row:ident => $table:ident ($($column:ident: $type:ident),+)) => {
        row!($row<'_> => $table (
            patient: BigInt = owner.patient,
            resource: BigInt = owner.resource,
            kind: SmallInt = owner.kind,
            $($column: $type = $column),+
        ));
    };
}

index_row!(TokenRow => index_token (param: Text, value: Text, system: BigInt));
index_row!(ReferenceRow => index_reference (param: Text, target_id: Text, target_kind: Text, target_url: Text));
index_row!(DateRow => index_date (param: Text, low: BigInt, high: BigInt));
index_row!(StringRow => index_string (param: Text, folded: Text, exact: BigInt, rest: Text));
index_row!(QuantityRow => index_quantity (param: Text, low: Text, high: Text, system: BigInt, code: Text, unit: Text));

impl IndexRow for TokenRow<'_> {
    fn storable(&self) -> bool {
        ![&self.param, &self.value].iter().any(|text| text.contains('\0'))
    }
}

impl IndexRow for ReferenceRow<'_> {
    fn storable(&self) -> bool {
        ![&self.param, &self.target_id, &self.target_kind, &self.target_url]
            .iter()
            .any(|text| text.contains('\0'))
    }
}

impl IndexRow for DateRow<'_> {
    fn storable(&self) -> bool {
        !self.param.contains('\0')
    }
}

impl IndexRow for StringRow<'_> {
    fn storable(&self) -> bool {
        // Folding leaves no NUL.
        true
    }
}

impl IndexRow for QuantityRow<'_> {
    fn storable(&self) -> bool {
        ![&self.param, &self.code, &self.unit]
            .iter()
            .any(|text| text.contains('\0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_stay_distinct_and_fit() {
        let a = "å".repeat(400);
        let b = format!("{a}b");
        assert_ne!(text_key(&a), text_key(&b));
        assert!(text_key(&b).len() <= LONGEST + 3);
        assert_eq!(text_key("kort"), "kort");
    }

    #[test]
    fn a_system_has_the_same_key_for_ever() {
        assert_eq!(system_key(None), 0);
        assert_eq!(
            system_key(Some("http://electronichealth.se/identifier/personnummer")),
            { fnv1a("http://electronichealth.se/identifier/personnummer") }
        );
        assert_eq!(fnv1a("a"), i64::from_ne_bytes(0xaf63_dc4c_8601_ec8c_u64.to_ne_bytes()));
    }
}
