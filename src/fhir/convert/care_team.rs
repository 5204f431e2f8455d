//! CareTeam.participant.role (design, conversion a): R4 lets it repeat, R5 does not. The first with a type code (of
//! the riktlinje's fast kontakt), else the first, becomes R5's; the others stand with their positions in extensions.

use serde_json::Value;

use super::carrier::nested;
use super::engine::Walk;
use super::part::Part;
use super::special::Special;
use super::values::{Object, part_url};

pub(super) static CARE_TEAM_ROLE: Special = Special {
    r4: &["role"],
    r5: &["role"],
    may_be_carried: &[],
    says: true,
    up,
    down,
};

/// Code systems that say what kind of fast kontakt a participant is (riktlinje.md part 3).
const TYPE_SYSTEMS: [&str; 3] = [
    "https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt",
    "urn:oid:1.2.752.129.5.1.69",
    "https://w3id.org/fastkontakt/CodeSystem/typ-av-fast-kontakt-tillagg",
];

fn has_type_code(role: &Value) -> bool {
    let codings = role.get("coding").and_then(Value::as_array);
    codings.into_iter().flatten().any(|coding| {
        let system = coding.get("system").and_then(Value::as_str).unwrap_or_default();
        TYPE_SYSTEMS.contains(&system) && coding.get("code").is_some()
    })
}

fn up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let roles: Vec<&Value> = part.items("role").into_iter().filter_map(|(value, _)| value).collect();
    if roles.len() > 1 || !part.restored.is_empty() {
        walk.doubt();
    }
    let chosen = roles.iter().position(|role| has_type_code(role)).unwrap_or(0);
    for (position, role) in roles.into_iter().enumerate() {
        if position == chosen {
            walk.trail.note("role", &format!("role[{position}]"));
            let role = walk.convert("CodeableConcept", role);
            part.out.insert("role".to_owned(), role);
            continue;
        }
        let mut at = Object::new();
        at.insert("url".to_owned(), "position".into());
        at.insert("valueUnsignedInt".to_owned(), position.into());
        let mut kept = Object::new();
        kept.insert("url".to_owned(), "role".into());
        let role = walk.silently(|walk| walk.convert("CodeableConcept", role));
        kept.insert("valueCodeableConcept".to_owned(), role);
        let url = part_url(&part.pair.carrier, "role");
        part.carried
            .push(nested(url, vec![Value::Object(at), Value::Object(kept)]));
    }
    for extension in part.take_restored("role") {
        walk.keep(part, extension);
    }
}

fn down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let own = part.source.get("role");
    if !part.restored.is_empty() {
        walk.doubt();
    }
    let mut others: Vec<(usize, Value)> = Vec::new();
    for extension in part.take_restored("role") {
        match other_role(extension) {
            Some((position, role)) => {
                let role = walk.silently(|walk| walk.convert("CodeableConcept", role));
                others.push((position, role));
            }
            None => walk.keep(part, extension),
        }
    }
    others.sort_by_key(|(position, _)| *position);
    let count = others.len() + usize::from(own.is_some());
    let mut roles: Vec<Value> = Vec::with_capacity(count);
    let mut own = own;
    for (position, role) in others {
        if position > roles.len() {
            take_own(walk, &mut own, &mut roles);
        }
        roles.push(role);
    }
    take_own(walk, &mut own, &mut roles);
    if !roles.is_empty() {
        part.out.insert("role".to_owned(), Value::Array(roles));
    }
}

fn take_own(walk: &mut Walk<'_>, own: &mut Option<&Value>, roles: &mut Vec<Value>) {
    if let Some(role) = own.take() {
        walk.trail.note(&format!("role[{}]", roles.len()), "role");
        roles.push(walk.convert("CodeableConcept", role));
    }
}

/// The position and the role of an extension made by [`up`].
fn other_role(extension: &Object) -> Option<(usize, &Value)> {
    let [at, kept] = extension.get("extension")?.as_array()?.as_slice() else {
        return None;
    };
    let position = at.get("valueUnsignedInt")?.as_u64()?;
    Some((usize::try_from(position).ok()?, kept.get("valueCodeableConcept")?))
}
