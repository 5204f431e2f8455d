//! R4 ↔ R5, nothing lost in either direction: total functions on JSON, driven by the element tables (design,
//! "Conversion R4 ↔ R5"). The door calls [`r4_to_r5`] for what R4 callers write, the interactions call [`r5_to_r4`]
//! for what they read.
//!
//! What the other version has no place for travels in HL7's cross-version extensions. The way back is tried
//! whenever anything took another form: should it not give the same resource (a caller may have written such extensions in a way of its own),
//! the original goes along as text. So `r5_to_r4(r4_to_r5(x)) == x` holds also for what no rule foresaw, input of the
//! wrong version included; that an object where nothing took another form comes back is what the property test holds.

mod activity_detail;
mod care_plan;
mod care_team;
mod carrier;
mod carrying;
mod codeable_reference;
mod condition;
mod consent;
mod embedded;
mod encounter;
mod engine;
mod gather;
mod organization;
mod part;
mod paths;
mod plan;
mod plan_builder;
mod primitive;
mod questionnaire;
mod small;
mod special;
mod split;
mod stand_in;
mod tables;
mod task;
mod trail;
mod values;
mod wrapping;

use serde_json::Value;

pub use paths::PathMap;

use crate::fhir::json::reread;
use crate::fhir::version::FhirVersion;

use engine::Walk;
use plan::{Direction, Plan};
use values::{Object, append_extensions};

/// A converted resource and where its elements stood in the one it comes from. A finding in what was converted to is told
/// by [`PathMap::to_source`], one in what was converted from by [`PathMap::to_target`].
#[derive(Clone, Debug)]
pub struct Converted {
    pub resource: Value,
    pub paths: PathMap,
}

/// An R4 resource as R5. Total: what is no resource of a known type comes back as it is.
pub fn r4_to_r5(resource: &Value) -> Converted {
    convert(Direction::Up, resource)
}

/// An R5 resource as R4.
pub fn r5_to_r4(resource: &Value) -> Converted {
    convert(Direction::Down, resource)
}

/// Some elements of an R5 resource as an R4 caller is shown them; the search index asks, of single elements. The walk
/// alone: nothing is carried along that only the way back needs.
pub fn shown_in_r4(elements: &Object) -> Object {
    walk(Direction::Down, elements, false)
        .map(|(made, _)| made)
        .unwrap_or_default()
}

/// The extension that holds the original as JSON text, by the version of the original. Rarely needed.
const ORIGINAL_R4: &str = "https://w3id.org/fastkontakt/StructureDefinition/original-r4";
const ORIGINAL_R5: &str = "https://w3id.org/fastkontakt/StructureDefinition/original-r5";

/// Members that the service itself sets: no part of the original.
const OWN: [&str; 2] = ["id", "meta"];

impl Direction {
    fn back(self) -> Direction {
        match self {
            Direction::Up => Direction::Down,
            Direction::Down => Direction::Up,
        }
    }

    /// The extension that holds the original of a conversion in this direction.
    fn original(self) -> &'static str {
        match self {
            Direction::Up => ORIGINAL_R4,
            Direction::Down => ORIGINAL_R5,
        }
    }
}

fn convert(direction: Direction, resource: &Value) -> Converted {
    let unchanged = || Converted {
        resource: resource.clone(),
        paths: PathMap::default(),
    };
    let Some(source) = resource.as_object() else {
        return unchanged();
    };
    if let Some((original, paths)) = from_original(direction, source) {
        return Converted {
            resource: Value::Object(original),
            paths,
        };
    }
    let Some((mut made, Walked { sure, paths })) = walk(direction, source, true) else {
        return unchanged();
    };
    if !sure {
        let back = from_original(direction.back(), &made).map(|(original, _)| original);
        let back = back.or_else(|| Some(walk(direction.back(), &made, false)?.0));
        if back.as_ref().map(without_own) != Some(without_own(source)) {
            let mut extension = Object::new();
            extension.insert("url".to_owned(), direction.original().into());
            extension.insert("valueString".to_owned(), text(source).into());
            append_extensions(&mut made, vec![Value::Object(extension)]);
        }
    }
    Converted {
        resource: Value::Object(made),
        paths,
    }
}

/// What a walk tells beside the resource it made.
struct Walked {
    /// Nothing took another form.
    sure: bool,
    paths: PathMap,
}

/// The conversion by the plan, without trying the way back; paths only when `told`. Nothing when the type is unknown.
fn walk(direction: Direction, source: &Object, told: bool) -> Option<(Object, Walked)> {
    let mut walk = Walk::new(Plan::of(direction), source, told);
    let made = walk.resource(source)?;
    Some((
        made,
        Walked {
            sure: walk.sure,
            paths: walk.trail.into_paths(),
        },
    ))
}

/// The original as it goes along.
fn text(source: &Object) -> String {
    without_own(source).to_string()
}

/// The original that went along, as long as it still says the same as the resource it went along with; and where its
/// elements stand in that resource, which is the map of the way it came, reversed.
fn from_original(direction: Direction, source: &Object) -> Option<(Object, PathMap)> {
    let (rest, extension) = carrier::without_last(source, direction.back().original())?;
    let kept = extension.get("valueString")?.as_str()?;
    let Ok(Value::Object(original)) = reread(kept) else {
        return None;
    };
    let (made, Walked { paths, .. }) = walk(direction.back(), &original, true)?;
    let (plain, _) = walk(direction, &rest, false)?;
    let holds = without_own(&made) == without_own(&rest) && kept == text(&original);
    if !holds || without_own(&plain) == without_own(&original) {
        return None;
    }
    // id and meta may have changed since: those of today.
    let own = plain.into_iter().filter(|(name, _)| OWN.contains(&name.as_str()));
    let mut whole = Object::new();
    whole.extend(own);
    whole.extend(original);
    Some((whole, paths.reversed()))
}

/// Forgets what went along with a resource and no longer says what the resource says: somebody changed it since. An
/// original is dropped (what was removed from the resource must not live on), the status of an åtagande is renewed. The
/// door calls this with every resource that is written, in the version it came in.
pub fn forget_stale(version: FhirVersion, resource: &mut Value) {
    let direction = match version {
        FhirVersion::R4 => Direction::Up,
        FhirVersion::R5 => Direction::Down,
    };
    if let Some(source) = resource.as_object()
        && let Some((rest, _)) = carrier::without_last(source, direction.back().original())
        && from_original(direction, source).is_none()
    {
        *resource = Value::Object(rest);
    }
    if let Some(plan) = resource.as_object_mut()
        && plan.get("resourceType").is_some_and(|kind| kind == "CarePlan")
    {
        care_plan::renew(plan);
    }
}

fn without_own(resource: &Object) -> Value {
    let members = resource.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_paths_are_known_also_when_the_original_went_along() {
        let strange = json!({"resourceType": "CareTeam", "status": "active", "reasonCode": [{"text": "smärta"}], "extension": [
            {"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-CareTeam.reason", "valueString": "inget CodeableReference"},
        ]});
        let r5 = r4_to_r5(&strange);
        assert_eq!(
            r5.paths.to_source("CareTeam.reason[0].concept.text"),
            "CareTeam.reasonCode[0].text"
        );
        let r4 = r5_to_r4(&r5.resource);
        assert_eq!(r4.resource, strange);
        assert_eq!(
            r4.paths.to_source("CareTeam.reasonCode[0].text"),
            "CareTeam.reason[0].concept.text"
        );
    }
}
