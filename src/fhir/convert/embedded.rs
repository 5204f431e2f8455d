//! A single value of R4 that R5 embeds in a list of larger objects: `class` ↔ `class[0].coding[0]`. A list that says
//! more than the value goes along whole, in carriers, for as long as its value is still the one beside them.

use serde_json::{Value, json};

use super::carrier;
use super::engine::Walk;
use super::part::Part;
use super::special::Special;
use super::values::{Item, Made, put, underscored};

struct Embedded {
    r4: &'static str,
    r5: &'static str,
    /// The value's type in both versions; nothing for a primitive.
    type_name: Option<&'static str>,
    embed: fn(Made) -> Value,
    find: for<'v> fn(&'v Value) -> Item<'v>,
}

/// Encounter.class: R4 Coding ↔ R5 list of CodeableConcept.
pub(super) static ENCOUNTER_CLASS: Special = Special {
    r4: &["class"],
    r5: &["class"],
    may_be_carried: &[],
    says: false,
    up: |walk, part| up(walk, part, &CLASS),
    down: |walk, part| down(walk, part, &CLASS),
};

static CLASS: Embedded = Embedded {
    r4: "class",
    r5: "class",
    type_name: Some("Coding"),
    embed: |(coding, _)| json!([{"coding": [coding]}]),
    find: |list| (list.pointer("/0/coding/0"), None),
};

/// Appointment.patientInstruction: R4 string ↔ R5 list of CodeableReference.
pub(super) static PATIENT_INSTRUCTION: Special = Special {
    r4: &["patientInstruction"],
    r5: &["patientInstruction"],
    may_be_carried: &[],
    says: false,
    up: |walk, part| up(walk, part, &INSTRUCTION),
    down: |walk, part| down(walk, part, &INSTRUCTION),
};

static INSTRUCTION: Embedded = Embedded {
    r4: "patientInstruction",
    r5: "patientInstruction",
    type_name: None,
    embed: |text| {
        let mut concept = super::values::Object::new();
        put(&mut concept, "text", false, vec![text]);
        json!([{"concept": concept}])
    },
    find: |list| {
        let concept = list.pointer("/0/concept");
        let member = |name: &str| concept.and_then(|c| c.get(name));
        (member("text"), member("_text"))
    },
};

fn convert(walk: &mut Walk<'_>, embedded: &Embedded, (value, beside): Item<'_>) -> Made {
    let value = value.map(|value| match embedded.type_name {
        Some(name) => walk.convert(name, value),
        None => value.clone(),
    });
    (value, beside.map(|b| walk.beside(b)))
}

fn owned((value, beside): Item<'_>) -> Made {
    (value.cloned(), beside.cloned())
}

fn up(walk: &mut Walk<'_>, part: &mut Part<'_>, embedded: &Embedded) {
    let element = walk
        .plan
        .target
        .type_(part.pair.target)
        .and_then(|table| table.get(embedded.r5));
    let mut kept = Vec::new();
    for extension in part.take_restored(embedded.r5) {
        match element.and_then(|element| carrier::decode(walk, element, extension)) {
            Some((Some(value), _)) => kept.push(value),
            _ => walk.keep(part, extension),
        }
    }
    let made = match part.items(embedded.r4).into_iter().next() {
        Some(item) if !part.is_filled(embedded.r4) => convert(walk, embedded, item),
        _ => (None, None),
    };
    let kept = Value::Array(kept);
    let list = if owned((embedded.find)(&kept)) == made {
        kept
    } else if made == (None, None) {
        return;
    } else {
        (embedded.embed)(made)
    };
    if list.as_array().is_some_and(|list| !list.is_empty()) {
        walk.trail.note(&format!("{}[0]", embedded.r5), embedded.r4);
        part.out.insert(embedded.r5.to_owned(), list);
    }
}

fn down(walk: &mut Walk<'_>, part: &mut Part<'_>, embedded: &Embedded) {
    let Some(list) = part.source.get(embedded.r5) else {
        return;
    };
    let found = (embedded.find)(list);
    if found == (None, None) || &(embedded.embed)(owned(found)) != list {
        walk.carry_all(part, embedded.r5);
    }
    let (value, beside) = convert(walk, embedded, found);
    for (name, value) in [(embedded.r4.to_owned(), value), (underscored(embedded.r4), beside)] {
        if let Some(value) = value {
            walk.trail.note(&name, &format!("{}[0]", embedded.r5));
            part.out.insert(name, value);
        }
    }
}
