//! Consent: R4's root provision is the base rule, which R5 says by `decision` and `period`; R5's provisions are the
//! exceptions, which R4 nests in its root provision. R4's performers are R5's grantors and grantees, its scope a category,
//! its dateTime a date.

use serde_json::Value;

use super::carrier::{self, encode_rest, order_extension, take_order};
use super::engine::Walk;
use super::part::Part;
use super::special::Special;
use super::split::{self, Split};
use super::values::{Object, absent, is_filling, items, part_url, put, stated_types, underscored};

/// R4's performers are grantors or grantees ("either the Grantor … or the Grantee"; "commonly, the patient is the
/// consentor"): a person who speaks for herself or for another grants; who else agrees complies with it. HL7's maps
/// know the grantee only, and would have the patient comply with her own consent.
pub(super) static CONSENT_PERFORMER: Special = Special {
    r4: &["performer"],
    r5: &["grantor", "grantee"],
    may_be_carried: &[],
    says: false,
    up: |walk, part| split::up(walk, part, &PERFORMER),
    down: |walk, part| split::down(walk, part, &PERFORMER),
};

static PERFORMER: Split = Split {
    r4: "performer",
    r5: ["grantor", "grantee"],
    type_name: "Reference",
    which: |root, performer| {
        let stated = performer.as_object().map(|reference| stated_types(reference, root));
        let grants = stated.is_some_and(|types| {
            let mut types = types.into_iter().flatten();
            types.any(|kind| kind == "Patient" || kind == "RelatedPerson")
        });
        usize::from(!grants)
    },
};

/// R4 classes are document types or resource types.
pub(super) static PROVISION_CLASS: Special = Special {
    r4: &["class"],
    r5: &["documentType", "resourceType"],
    may_be_carried: &[],
    says: false,
    up: |walk, part| split::up(walk, part, &CLASS),
    down: |walk, part| split::down(walk, part, &CLASS),
};

static CLASS: Split = Split {
    r4: "class",
    r5: ["documentType", "resourceType"],
    type_name: "Coding",
    which: |_, class| {
        let system = class.get("system").and_then(Value::as_str);
        usize::from(system.is_some_and(|system| TYPE_SYSTEMS.contains(&system)))
    },
};

/// Code systems whose codes are resource types, or addresses of profiles on them.
const TYPE_SYSTEMS: [&str; 3] = [
    "http://hl7.org/fhir/resource-types",
    "http://hl7.org/fhir/fhir-types",
    "urn:ietf:rfc:3986",
];

/// R4 scope: in R5 one of the categories, the last when it was R4's.
pub(super) static CONSENT_SCOPE: Special = Special {
    r4: &["scope", "category"],
    r5: &["category"],
    may_be_carried: &[],
    says: false,
    up: scope_up,
    down: scope_down,
};

const SCOPE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/consentscope";

fn is_scope(concept: &Value) -> bool {
    let codings = concept.get("coding").and_then(Value::as_array);
    codings
        .into_iter()
        .flatten()
        .any(|coding| coding.get("system").is_some_and(|system| system == SCOPE_SYSTEM))
}

fn scope_up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let mut categories = Vec::new();
    if !part.is_filled("category") {
        for (value, _) in part.items("category") {
            categories.extend(value.map(|value| walk.convert("CodeableConcept", value)));
        }
    }
    let (words, rest) = take_order(part, "category");
    for extension in rest {
        walk.keep(part, extension);
    }
    match part.source.get("scope").filter(|_| !part.is_filled("scope")) {
        Some(scope) if is_scope(scope) => {
            let kept = words.first().and_then(|word| word.parse::<usize>().ok());
            let at = kept.map_or(categories.len(), |at| at.min(categories.len()));
            walk.trail.note(&format!("category[{at}]"), "scope");
            let scope = walk.convert("CodeableConcept", scope);
            for after in at..categories.len() {
                walk.trail
                    .note(&format!("category[{}]", after + 1), &format!("category[{after}]"));
            }
            categories.insert(at, scope);
        }
        Some(_) => walk.carry_all(part, "scope"),
        None => {}
    }
    if !categories.is_empty() {
        part.out.insert("category".to_owned(), Value::Array(categories));
    }
}

fn scope_down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let mut categories: Vec<Value> = Vec::new();
    for (value, _) in part.items("category") {
        categories.extend(value.map(|value| walk.convert("CodeableConcept", value)));
    }
    // A scope of R4's own words comes back from its carrier.
    let carried = part.restored.iter().any(|(name, ..)| *name == "scope");
    if let Some(at) = categories.iter().rposition(is_scope).filter(|_| !carried) {
        walk.trail.note("scope", &format!("category[{at}]"));
        for after in at + 1..categories.len() {
            walk.trail
                .note(&format!("category[{}]", after - 1), &format!("category[{after}]"));
        }
        part.out.insert("scope".to_owned(), categories.remove(at));
        if at < categories.len() {
            let url = part_url(&part.pair.carrier, "category");
            part.carried.push(order_extension(url, &[at.to_string()]));
        }
    }
    if !categories.is_empty() {
        part.out.insert("category".to_owned(), Value::Array(categories));
    }
}

/// R4 has one source, an attachment or a reference; R5 any number of both.
pub(super) static CONSENT_SOURCE: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &[],
    says: false,
    up: |_, _| {},
    down: |walk, part| super::small::one_of(walk, part, "sourceAttachment", "sourceReference", "sourceReference"),
};

pub(super) static CONSENT_DATE: Special = Special {
    r4: &["dateTime"],
    r5: &["date"],
    may_be_carried: &[],
    says: false,
    up: date_up,
    down: date_down,
};

/// Length of a date without a time.
const DAY: usize = 10;

fn date_up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let Some((value, beside)) = part.items("dateTime").into_iter().next() else {
        return;
    };
    walk.trail.note("date", "dateTime");
    let mut beside = beside.map(|b| walk.beside(b));
    let text = value.and_then(Value::as_str);
    let day = text
        .and_then(|text| text.get(..DAY))
        .filter(|_| text.is_some_and(|text| text.len() > DAY));
    if day.is_some() {
        let mut original = Object::new();
        original.insert("url".to_owned(), part_url(&part.pair.carrier, "dateTime").into());
        original.insert("valueDateTime".to_owned(), value.cloned().unwrap_or_default());
        beside = carrier::add_remainder((None, beside), true, Some(Value::Object(original))).1;
    }
    let value = day.map(|day| Value::String(day.to_owned())).or_else(|| value.cloned());
    put(&mut part.out, "date", false, vec![(value, beside)]);
}

fn date_down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let Some((value, beside)) = part.items("date").into_iter().next() else {
        return;
    };
    walk.trail.note("dateTime", "date");
    let url = part_url(&part.pair.restore, "dateTime");
    let kept = beside
        .and_then(Value::as_object)
        .and_then(|b| carrier::without_last(b, &url))
        .and_then(|(rest, e)| {
            let original = e.get("valueDateTime")?.as_str()?;
            let same_day = original.len() > DAY && original.get(..DAY) == value.and_then(Value::as_str);
            same_day.then(|| (rest, original.to_owned()))
        });
    let made = match kept {
        Some((rest, original)) => {
            let rest = (!rest.is_empty()).then(|| walk.beside(&Value::Object(rest)));
            (Some(Value::String(original)), rest)
        }
        None => (value.cloned(), beside.map(|b| walk.beside(b))),
    };
    put(&mut part.out, "dateTime", false, vec![made]);
}

pub(super) static CONSENT_PROVISION: Special = Special {
    r4: &["provision"],
    r5: &["decision", "period", "provision"],
    may_be_carried: &[],
    says: false,
    up: provision_up,
    down: provision_down,
};

fn provision_up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    // ppc-1 made the way down write this one.
    if is_filling(part.source.get("policy"), None) {
        part.out.shift_remove("policyBasis");
    }
    let Some(Value::Object(root)) = part.source.get("provision") else {
        return;
    };
    for (target, source) in [("decision", "type"), ("period", "period")] {
        let item = (root.get(source), root.get(&underscored(source)));
        if item == (None, None) {
            continue;
        }
        walk.trail.note(target, &format!("provision.{source}"));
        let made = (
            item.0.map(|v| walk.convert("Period", v)),
            item.1.map(|b| walk.beside(b)),
        );
        put(&mut part.out, target, false, vec![made]);
    }
    exceptions(walk, part, root.get("provision"), true);
    let url = part_url(&part.pair.carrier, "provision");
    let rest = encode_rest(walk, "Consent.provision", root, &["type", "period", "provision"], url);
    part.carried.extend(rest);
}

/// The list of exceptions, one level further up or down.
fn exceptions(walk: &mut Walk<'_>, part: &mut Part<'_>, list: Option<&Value>, up: bool) -> Vec<Value> {
    let Some(pair) = walk.plan.pair("Consent.provision", "Consent.provision") else {
        return Vec::new();
    };
    let mut made = Vec::new();
    for (value, _) in items(list, None) {
        let (flat, deep) = (
            format!("provision[{}]", made.len()),
            format!("provision.provision[{}]", made.len()),
        );
        let (target, source) = if up { (flat, deep) } else { (deep, flat) };
        walk.trail.note(&target, &source);
        made.push(match value {
            Some(Value::Object(object)) => Value::Object(walk.silently(|walk| walk.object(pair, object))),
            other => other.cloned().unwrap_or_default(),
        });
    }
    if up && !made.is_empty() {
        part.out.insert("provision".to_owned(), Value::Array(made));
        return Vec::new();
    }
    made
}

fn provision_down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let mut root = Object::new();
    for (target, source) in [("type", "decision"), ("period", "period")] {
        let item = (part.source.get(source), part.source.get(&underscored(source)));
        if item == (None, None) {
            continue;
        }
        walk.trail.note(&format!("provision.{target}"), source);
        let made = (
            item.0.map(|v| walk.convert("Period", v)),
            item.1.map(|b| walk.beside(b)),
        );
        put(&mut root, target, false, vec![made]);
    }
    let list = exceptions(walk, part, part.source.get("provision"), false);
    if !list.is_empty() {
        root.insert("provision".to_owned(), Value::Array(list));
    }
    for extension in part.take_restored("provision") {
        match carrier::decode_members(walk, "Consent.provision", extension) {
            Some(members) => root.extend(members),
            None => walk.keep(part, extension),
        }
    }
    if !root.is_empty() {
        part.out.insert("provision".to_owned(), Value::Object(root));
    }
    // ppc-1: R4 demands a policy or a policyRule.
    let comes_back = part.restored.iter().any(|(name, ..)| *name == "policy");
    if !comes_back && !part.out.contains_key("policy") && !part.out.contains_key("policyRule") {
        walk.doubt();
        part.out
            .insert("policy".to_owned(), Value::Array(vec![Value::Object(absent())]));
    }
}
