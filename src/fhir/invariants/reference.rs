//! What a reference says about its target: the type in a literal reference (references.html#literal) and in `type`.

use crate::fhir::elements::Tables;
use crate::fhir::references::{conditional, is_absolute, is_literal};

use super::node::{Around, Node};

const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// What a literal reference tells of the type it points to.
#[derive(Debug, PartialEq, Eq)]
pub enum Stated<'r> {
    Nothing,
    Type(&'r str),
    /// `Foo/1`: relative, yet no resource type.
    NoSuchType,
    /// `patient/1`, `Patient/1 `: neither an address nor `Type/id`.
    Misspelt,
}

/// The type in `Patient/1`, `https://server/Patient/1/_history/2` or, looked up in what is contained, `#p`.
pub fn stated<'r>(around: &Around<'r>, reference: &'r str) -> Stated<'r> {
    if let Some(id) = reference.strip_prefix('#') {
        return around
            .contained
            .get(id)
            .map_or(Stated::Nothing, |kind| Stated::Type(kind));
    }
    let absolute = is_absolute(reference);
    let is_conditional = !absolute && conditional(reference, &[]).is_some();
    if reference.contains(|c: char| c.is_whitespace() || c.is_control())
        || !(absolute || is_conditional || is_literal(reference))
    {
        return Stated::Misspelt;
    }
    let path = reference.split(['?', '#', '|']).next().unwrap_or_default();
    let mut parts: Vec<&str> = path.split('/').collect();
    if parts.len() >= 4 && parts[parts.len() - 2] == "_history" {
        parts.truncate(parts.len() - 2);
    }
    let [.., kind, _] = parts[..] else {
        return Stated::Nothing;
    };
    if is_resource_type(around.tables, kind) {
        Stated::Type(kind)
    } else if !absolute && parts.len() == 2 && kind.starts_with(|c: char| c.is_ascii_uppercase()) {
        Stated::NoSuchType
    } else {
        Stated::Nothing
    }
}

/// A name from the version's list of resource types.
pub fn is_resource_type(tables: &Tables, name: &str) -> bool {
    tables.codes("resource-types").is_some_and(|list| list.lists(name))
}

/// The type a Reference (its node) states, by `reference` or by `type`.
pub fn stated_type<'n>(node: &Node<'n>) -> Option<&'n str> {
    let literal = match node.text("reference").map(|reference| stated(node.around, reference)) {
        Some(Stated::Type(kind)) => Some(kind),
        _ => None,
    };
    literal.or_else(|| declared(node))
}

/// The type in `Reference.type`: `Patient` or the canonical URL of it; nothing when it is of another kind.
pub fn declared<'n>(node: &Node<'n>) -> Option<&'n str> {
    let name = node.text("type")?;
    let name = name.strip_prefix(BASE).unwrap_or(name);
    is_resource_type(node.around.tables, name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::elements::elements;
    use crate::fhir::version::FhirVersion;

    #[test]
    fn the_type_is_read_from_every_kind_of_literal_reference() {
        let contained = [("p", "Patient")].into();
        let around = Around {
            version: FhirVersion::R5,
            tables: elements(FhirVersion::R5),
            contained,
        };
        for (reference, expected) in [
            ("Patient/1", Stated::Type("Patient")),
            ("Patient/1/_history/2", Stated::Type("Patient")),
            ("https://example.org/fhir/Patient/1", Stated::Type("Patient")),
            ("#p", Stated::Type("Patient")),
            ("#x", Stated::Nothing),
            ("Foo/1", Stated::NoSuchType),
            ("https://example.org/Foo/1", Stated::Nothing),
            ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", Stated::Nothing),
            ("Patient?identifier=x", Stated::Nothing),
            ("1", Stated::Misspelt),
            ("", Stated::Misspelt),
            ("patient/1", Stated::Misspelt),
            ("Patient/1 ", Stated::Misspelt),
            ("https://example.org/fhir/Patient/1 ", Stated::Misspelt),
            ("Patient/a:1", Stated::Misspelt),
        ] {
            assert_eq!(stated(&around, reference), expected, "{reference}");
        }
    }
}
