//! Which vårdenhet answers for a CareTeam, as far as the resource itself tells: what `care-unit` and `care-giver` of a
//! CareTeam search through. The rules (`riktlinje::enhet`) go the same way: managingOrganization, else the organization
//! of the members' assignments; then up `partOf`, whose top is the vårdgivare.
//!
//! The index holds only the first step. An Organization or a PractitionerRole that is stored on its own is followed at the
//! search (`store::search`): when a unit moves to another vårdgivare, no contact is written anew. What is contained is
//! the resource's own and is followed here.

use std::collections::BTreeSet;

use serde_json::Value;

use super::extract::{identifier_token, reference_entry};
use super::paths::walk;
use super::{IndexEntry, RefTarget};

/// References to the unit (an Organization), or to the assignment (a PractitionerRole) that tells it.
pub const UNIT: &str = "care-unit";
/// Identifiers of the unit: inside the reference, or of a contained Organization that is part of no other.
pub const UNIT_IDENTIFIER: &str = "care-unit:identifier";
/// Identifiers of a contained Organization that is part of another.
pub const UNIT_ITSELF: &str = "care-unit:itself";
/// What a contained Organization is part of.
pub const ABOVE: &str = "care-giver";
pub const ABOVE_IDENTIFIER: &str = "care-giver:identifier";
/// The parameter that is asked for together with the unit, and what both say in one entry (the unit's, then the role's
/// code, whatever its system): a unit has thousands of contacts, and of one role there may be few.
pub const ROLE: &str = "role";
pub const UNIT_WITH_ROLE: &str = "care-unit:role";
pub const UNIT_IDENTIFIER_WITH_ROLE: &str = "care-unit:identifier:role";

/// A unit and a role as one value. Neither holds the separator: FHIR's texts have no such character.
pub fn with_role(unit: &str, code: &str) -> String {
    format!("{unit}\u{1f}{code}")
}

pub(super) fn units(team: &Value) -> Vec<IndexEntry> {
    let mut entries = alone(team);
    let codings = walk(team, "participant.role.coding.code")
        .into_iter()
        .filter_map(Value::as_str);
    let codes: BTreeSet<&str> = codings.filter(|code| !code.is_empty()).collect();
    let both: Vec<IndexEntry> = codes
        .into_iter()
        .flat_map(|code| entries.iter().filter_map(move |entry| paired(entry, code)))
        .collect();
    entries.extend(both);
    entries
}

/// The entry of a unit together with a role.
fn paired(entry: &IndexEntry, code: &str) -> Option<IndexEntry> {
    match entry {
        IndexEntry::Token {
            param: UNIT_IDENTIFIER | UNIT_ITSELF,
            system,
            value,
        } => Some(IndexEntry::Token {
            param: UNIT_IDENTIFIER_WITH_ROLE,
            system: system.clone(),
            value: with_role(value, code),
        }),
        IndexEntry::Reference {
            param: UNIT,
            target:
                RefTarget {
                    kind: Some(kind),
                    id: Some(id),
                    url: None,
                },
        } => Some(IndexEntry::Token {
            param: UNIT_WITH_ROLE,
            system: None,
            value: with_role(&format!("{kind}/{id}"), code),
        }),
        _ => None,
    }
}

fn alone(team: &Value) -> Vec<IndexEntry> {
    let mut entries = Vec::new();
    let stated = walk(team, "managingOrganization");
    for organization in &stated {
        unit(team, organization, &mut entries);
    }
    if !stated.is_empty() {
        return entries;
    }
    for member in walk(team, "participant.member") {
        match contained(team, member) {
            Some(role) if role.get("resourceType").is_some_and(|kind| kind == "PractitionerRole") => {
                for organization in walk(role, "organization") {
                    unit(team, organization, &mut entries);
                }
            }
            Some(_) => {}
            None => entries.extend(reference_entry(UNIT, member, &["PractitionerRole"])),
        }
    }
    entries
}

fn unit(team: &Value, organization: &Value, entries: &mut Vec<IndexEntry>) {
    entries.extend(reference_entry(UNIT, organization, &["Organization"]));
    entries.extend(identifiers(UNIT_IDENTIFIER, organization));
    let Some(found) = contained(team, organization) else {
        return;
    };
    let part_of = walk(found, "partOf");
    let own = if part_of.is_empty() {
        UNIT_IDENTIFIER
    } else {
        UNIT_ITSELF
    };
    entries.extend(
        walk(found, "identifier")
            .into_iter()
            .map(|identifier| identifier_token(own, identifier)),
    );
    for above in part_of {
        entries.extend(identifiers(ABOVE_IDENTIFIER, above));
        entries.extend(reference_entry(ABOVE, above, &["Organization"]));
    }
}

fn identifiers<'a>(param: &'static str, reference: &'a Value) -> impl Iterator<Item = IndexEntry> + 'a {
    let inside = walk(reference, "identifier").into_iter();
    inside.map(move |identifier| identifier_token(param, identifier))
}

fn contained<'a>(team: &'a Value, reference: &Value) -> Option<&'a Value> {
    let id = reference.get("reference")?.as_str()?.strip_prefix('#')?;
    walk(team, "contained")
        .into_iter()
        .find(|resource| resource.get("id").and_then(Value::as_str) == Some(id))
}
