//! The search parameters we have, as data: parsing, indexing, SQL and the CapabilityStatement all read this one table
//! ([`super::table`] holds the rows, one line per parameter). To add a parameter of a kind we know, add a row.

use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;

use super::query::Table;
use super::table;

/// Our extension on a contact that one of another vårdgivare replaces: from this day it counts as ended.
pub const EXT_ERSATT_FRAN: &str = "https://w3id.org/fastkontakt/StructureDefinition/ersatt-fran";

/// What a parameter's elements are, which decides how they are indexed and compared (search.html#type-mapping).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The logical id: a column of the resource itself.
    Id,
    /// `meta.lastUpdated`: a column of the resource itself.
    LastUpdated,
    /// Token on a `code` with a required binding; the code system that the binding implies.
    Code(&'static str),
    /// Token on a boolean: `true` or `false`.
    Boolean,
    /// Token: `true` when one of the elements is there and is not `false` (Patient.deceased).
    Exists,
    /// Token on CodeableConcept or Coding.
    Concept,
    /// Token on Identifier; equivalent systems match each other.
    Identifier,
    /// Token on ContactPoint: its value, without system.
    Contact,
    /// Token on a string, which has no system.
    Text,
    /// A uri that names something; compared as it is written.
    Uri,
    Reference,
    /// Reference on a canonical: an address, perhaps with `|version`; asked for without a version, any version is meant.
    Canonical,
    /// Uri on a canonical (R4's `_profile`): the same entries, and addresses below and above each other by their paths.
    CanonicalUri,
    /// date, dateTime, instant, Period or Timing.
    Date,
    /// Token: the identifier (HSA-id) of the vårdenhet that answers for a CareTeam; see [`super::units`].
    CareUnit,
    /// Token: the identifier of the vårdgivare that the vårdenhet is part of; reads the entries of [`Kind::CareUnit`].
    CareGiver,
    /// Quantity, Age, Duration or Range: `[number]|[system]|[code]`.
    Quantity,
    /// A text, found by its beginning; a part of a HumanName or an Address is a text of its own.
    String,
    /// Two values of one element, with `$` between ([`super::composite`]).
    Composite,
}

impl Kind {
    /// `SearchParameter.type` and `CapabilityStatement.rest.resource.searchParam.type` (search.html#ptypes).
    pub fn search_type(self) -> &'static str {
        match self {
            Kind::Reference | Kind::Canonical => "reference",
            Kind::Uri | Kind::CanonicalUri => "uri",
            Kind::Date | Kind::LastUpdated => "date",
            Kind::String => "string",
            Kind::Quantity => "quantity",
            Kind::Composite => "composite",
            _ => "token",
        }
    }

    pub fn is_token(self) -> bool {
        self.search_type() == "token"
    }
}

/// One search parameter of one type.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name in a query.
    pub code: &'static str,
    pub kind: Kind,
    /// Where its elements stand in the stored (R5) resource; the language of [`super::paths`].
    pub paths: &'static [&'static str],
    /// When not empty, the paths are those of R4 and lead through what the conversion makes of these elements of the stored
    /// resource.
    pub shown_from: &'static [&'static str],
    /// Reference: the types it may point at; empty means any.
    pub targets: &'static [&'static str],
    /// Its name in the index. Parameters that only narrow another one's targets (`patient` of `subject`) share that one's.
    pub index: &'static str,
    /// String: other parameters whose entries count for this one too (`family` and `given` for `name`), so that each text
    /// stands in the index once.
    pub also: &'static [&'static str],
    /// Reference: the name under which the identifiers inside the references are indexed. Identifier: the name of what
    /// `:of-type` asks for.
    pub identifier_index: &'static str,
    /// Reference: the name under which the references that state a version are indexed, as they are written.
    pub version_index: &'static str,
    definition: &'static str,
    r4_definition: Option<&'static str>,
    only: Option<FhirVersion>,
    own: bool,
    /// Date: an extension of the resource whose day cuts the period, as if it ended there.
    pub cut_by: Option<&'static str>,
    /// Composite: the two values, whose paths begin at the element that holds both. The first is a token or a reference.
    pub parts: &'static [Parameter],
}

impl Parameter {
    /// The canonical of its definition: HL7's, `http://hl7.org/fhir/SearchParameter/…`, or our own.
    pub fn definition(&self, version: FhirVersion) -> String {
        if self.own {
            return format!("https://w3id.org/fastkontakt/SearchParameter/{}", self.definition);
        }
        let name = match (version, self.r4_definition) {
            (FhirVersion::R4, Some(name)) => name,
            _ => self.definition,
        };
        format!("http://hl7.org/fhir/SearchParameter/{name}")
    }

    /// Whether `_sort` may go by it. Which unit answers for a contact stands in other resources, so no order by it is kept;
    /// a pair has none.
    pub fn sorts(&self) -> bool {
        !matches!(self.kind, Kind::CareUnit | Kind::CareGiver | Kind::Composite)
    }

    /// Whether it is ours, and none of HL7's.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// Whether it is defined for the type in that version.
    pub fn is_in(&self, version: FhirVersion) -> bool {
        self.only.is_none_or(|only| only == version)
    }

    /// The modifiers we answer to. A reference also takes each of its target types as a modifier (`subject:Patient=1`).
    pub fn modifiers(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Reference => &["missing", "identifier", "text", "[type]"],
            Kind::Uri | Kind::CanonicalUri => &["missing", "below", "above"],
            Kind::Canonical => &["missing", "below"],
            // "Modifiers are not used on composite parameters" (search.html#composite).
            Kind::Composite => &[],
            Kind::Identifier => &["missing", "not", "text", "of-type"],
            Kind::Concept => &["missing", "not", "text"],
            Kind::String => &["missing", "exact", "contains"],
            kind if kind.is_token() => &["missing", "not"],
            _ => &["missing"],
        }
    }

    /// Where its entries stand.
    pub(super) fn table(&self) -> Table {
        match self.kind {
            Kind::Id | Kind::LastUpdated => Table::Column,
            Kind::Reference | Kind::Canonical | Kind::CanonicalUri | Kind::CareUnit | Kind::CareGiver => {
                Table::Reference
            }
            Kind::Date => Table::Date,
            Kind::String => Table::String,
            Kind::Quantity => Table::Quantity,
            Kind::Composite => self.parts.last().map_or(Table::Column, Parameter::table),
            _ => Table::Token,
        }
    }

    /// Reference: the name of what the references say of whom they point at, for `:text`. Parameters that share their
    /// entries differ in whom they mean, so that it is their own; unless R4 looks at other elements under the same name.
    pub(super) fn text_index(&self) -> &'static str {
        if self.shown_from.is_empty() {
            self.code
        } else {
            self.index
        }
    }

    /// Whether a reference to this type counts for the parameter.
    pub fn may_target(&self, type_name: &str) -> bool {
        self.targets.is_empty() || self.targets.contains(&type_name)
    }

    /// Whether the index entries are made from this row; the others read the row whose index they share.
    pub(super) fn is_indexed(&self) -> bool {
        match self.kind {
            Kind::Id | Kind::LastUpdated | Kind::CanonicalUri => false,
            Kind::Composite => true,
            _ => self.index == self.code || !self.shown_from.is_empty(),
        }
    }
}

/// The parameters of a type in a version: those of every type first.
pub fn parameters(version: FhirVersion, kind: ResourceType) -> impl Iterator<Item = &'static Parameter> {
    table::COMMON
        .iter()
        .chain(table::of_type(kind))
        .filter(move |parameter| parameter.is_in(version))
}

/// The parameters that every type has.
pub fn common(version: FhirVersion) -> impl Iterator<Item = &'static Parameter> {
    table::COMMON.iter().filter(move |parameter| parameter.is_in(version))
}

/// The parameter of that name.
pub fn find(version: FhirVersion, kind: ResourceType, code: &str) -> Option<&'static Parameter> {
    parameters(version, kind).find(|parameter| parameter.code == code)
}

/// Every row of a type, whatever the version.
pub(super) fn of_any_version(kind: ResourceType) -> impl Iterator<Item = &'static Parameter> {
    table::COMMON.iter().chain(table::of_type(kind))
}

/// Every row that makes index entries for a type, whatever the version.
pub(super) fn indexed(kind: ResourceType) -> impl Iterator<Item = &'static Parameter> {
    of_any_version(kind).filter(|parameter| parameter.is_indexed())
}

// ── The words the table is written in ──────────────────────────────────────────────────────────────────────────────────────

const fn row(code: &'static str, kind: Kind, paths: &'static [&'static str], definition: &'static str) -> Parameter {
    Parameter {
        code,
        kind,
        paths,
        shown_from: &[],
        targets: &[],
        index: code,
        also: &[],
        identifier_index: code,
        version_index: code,
        definition,
        r4_definition: None,
        only: None,
        own: false,
        cut_by: None,
        parts: &[],
    }
}

pub(super) const fn column(code: &'static str, kind: Kind, definition: &'static str) -> Parameter {
    row(code, kind, &[], definition)
}

pub(super) const fn code(
    code: &'static str,
    paths: &'static [&'static str],
    definition: &'static str,
    system: &'static str,
) -> Parameter {
    row(code, Kind::Code(system), paths, definition)
}

pub(super) const fn boolean(code: &'static str, paths: &'static [&'static str], definition: &'static str) -> Parameter {
    row(code, Kind::Boolean, paths, definition)
}

pub(super) const fn exists(code: &'static str, paths: &'static [&'static str], definition: &'static str) -> Parameter {
    row(code, Kind::Exists, paths, definition)
}

pub(super) const fn concept(code: &'static str, paths: &'static [&'static str], definition: &'static str) -> Parameter {
    row(code, Kind::Concept, paths, definition)
}

macro_rules! identifier {
    ($code:literal, $paths:expr, $definition:literal) => {
        $crate::fhir::search::parameters::identifier_row($code, concat!($code, ":of-type"), &$paths, $definition)
    };
}
pub(super) use identifier;

pub(super) const fn identifier_row(
    code: &'static str,
    of_type: &'static str,
    paths: &'static [&'static str],
    definition: &'static str,
) -> Parameter {
    Parameter {
        identifier_index: of_type,
        ..row(code, Kind::Identifier, paths, definition)
    }
}

pub(super) const fn quantity(
    code: &'static str,
    paths: &'static [&'static str],
    definition: &'static str,
) -> Parameter {
    row(code, Kind::Quantity, paths, definition)
}

pub(super) const fn contact(code: &'static str, paths: &'static [&'static str], definition: &'static str) -> Parameter {
    row(code, Kind::Contact, paths, definition)
}

pub(super) const fn text(code: &'static str, paths: &'static [&'static str], definition: &'static str) -> Parameter {
    row(code, Kind::Text, paths, definition)
}

pub(super) const fn uri(code: &'static str, paths: &'static [&'static str], definition: &'static str) -> Parameter {
    row(code, Kind::Uri, paths, definition)
}

/// A canonical; no targets means any type.
pub(super) const fn canonical(
    code: &'static str,
    paths: &'static [&'static str],
    definition: &'static str,
    targets: &'static [&'static str],
) -> Parameter {
    Parameter {
        targets,
        ..row(code, Kind::Canonical, paths, definition)
    }
}

/// R4's uri on the canonicals of R5's row of the same name.
pub(super) const fn canonical_uri(
    code: &'static str,
    paths: &'static [&'static str],
    definition: &'static str,
) -> Parameter {
    row(code, Kind::CanonicalUri, paths, definition)
}

/// Two values of the element that the path leads to.
macro_rules! composite {
    ($code:literal, $paths:expr, $definition:literal, $parts:expr) => {
        $crate::fhir::search::parameters::composite_row($code, concat!($code, "$"), &$paths, $definition, $parts)
    };
}
pub(super) use composite;

pub(super) const fn composite_row(
    code: &'static str,
    index: &'static str,
    paths: &'static [&'static str],
    definition: &'static str,
    parts: &'static [Parameter],
) -> Parameter {
    Parameter {
        index,
        parts,
        ..row(code, Kind::Composite, paths, definition)
    }
}

pub(super) const fn date(code: &'static str, paths: &'static [&'static str], definition: &'static str) -> Parameter {
    row(code, Kind::Date, paths, definition)
}

pub(super) const fn string(code: &'static str, paths: &'static [&'static str], definition: &'static str) -> Parameter {
    row(code, Kind::String, paths, definition)
}

pub(super) const fn care_unit(paths: &'static [&'static str]) -> Parameter {
    row("care-unit", Kind::CareUnit, paths, "CareTeam-care-unit").own()
}

pub(super) const fn care_giver(paths: &'static [&'static str]) -> Parameter {
    row("care-giver", Kind::CareGiver, paths, "CareTeam-care-giver")
        .shares("care-unit")
        .own()
}

/// A reference; no targets means any type. `"patient" in "subject"` shares the index of `subject`.
macro_rules! reference {
    ($code:literal, $paths:expr, $definition:literal, $targets:expr) => {
        reference!($code in $code, $paths, $definition, $targets)
    };
    ($code:literal in $index:literal, $paths:expr, $definition:literal, $targets:expr) => {
        $crate::fhir::search::parameters::reference_row(
            $code,
            ($index, concat!($index, ":identifier"), concat!($index, ":version")),
            &$paths,
            $definition,
            $targets,
        )
    };
}
pub(super) use reference;

pub(super) const fn reference_row(
    code: &'static str,
    (index, identifier_index, version_index): (&'static str, &'static str, &'static str),
    paths: &'static [&'static str],
    definition: &'static str,
    targets: &'static [&'static str],
) -> Parameter {
    Parameter {
        index,
        identifier_index,
        version_index,
        targets,
        ..row(code, Kind::Reference, paths, definition)
    }
}

impl Parameter {
    /// HL7 defines it in one version only.
    pub(super) const fn only(self, version: FhirVersion) -> Parameter {
        Parameter {
            only: Some(version),
            ..self
        }
    }

    /// Ours: HL7 has no parameter of that name for the type.
    pub(super) const fn own(self) -> Parameter {
        Parameter { own: true, ..self }
    }

    /// R4's own row of elements that R4 shows otherwise (other codes: `finished` of an Encounter; other places: a root
    /// provision), with an index of its own.
    pub(super) const fn as_r4_shows_it(self, index: &'static str, from: &'static [&'static str]) -> Parameter {
        Parameter { index, ..self }.shown_from(from)
    }

    /// R4's own row of an element that stands in R5 in another way; its paths are R4's.
    pub(super) const fn shown_from(self, from: &'static [&'static str]) -> Parameter {
        Parameter {
            shown_from: from,
            ..self
        }
        .only(FhirVersion::R4)
    }

    /// HL7's definition goes by another name in R4.
    pub(super) const fn r4_definition(self, definition: &'static str) -> Parameter {
        Parameter {
            r4_definition: Some(definition),
            ..self
        }
    }

    /// Date: the resource's period is treated as ended from the day of this extension.
    pub(super) const fn cut_by(self, url: &'static str) -> Parameter {
        Parameter {
            cut_by: Some(url),
            ..self
        }
    }

    /// String: the entries of these parameters count too.
    pub(super) const fn also(self, also: &'static [&'static str]) -> Parameter {
        Parameter { also, ..self }
    }

    /// Reads another parameter's index entries (the same elements under another name).
    pub(super) const fn shares(self, index: &'static str) -> Parameter {
        Parameter { index, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_index_is_written_by_one_row() {
        for kind in ResourceType::ALL.iter().copied() {
            for version in FhirVersion::ALL {
                let names: Vec<_> = parameters(version, kind).map(|p| p.code).collect();
                assert_eq!(
                    names.len(),
                    names.iter().collect::<BTreeSet<_>>().len(),
                    "{kind} {version}: {names:?}"
                );
                for parameter in parameters(version, kind) {
                    let writers = indexed(kind).filter(|p| p.index == parameter.index).count();
                    let expected = if matches!(parameter.kind, Kind::Id | Kind::LastUpdated) {
                        0
                    } else {
                        1
                    };
                    assert_eq!(writers, expected, "{kind} {}", parameter.code);
                }
            }
        }
    }

    #[test]
    fn parameters_of_one_version_are_not_in_the_other() {
        assert!(find(FhirVersion::R5, ResourceType::CarePlan, "custodian").is_some());
        assert!(find(FhirVersion::R4, ResourceType::CarePlan, "custodian").is_none());
        let date = find(FhirVersion::R4, ResourceType::Appointment, "date").unwrap();
        assert_eq!(
            date.definition(FhirVersion::R4),
            "http://hl7.org/fhir/SearchParameter/Appointment-date"
        );
        assert_eq!(
            date.definition(FhirVersion::R5),
            "http://hl7.org/fhir/SearchParameter/clinical-date"
        );
    }
}
