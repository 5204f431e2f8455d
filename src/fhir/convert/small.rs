//! Rules of a few lines each, for single elements whose form differs.

use serde_json::Value;

use super::carrier;
use super::engine::Walk;
use super::part::Part;
use super::special::Special;
use super::values::{Object, append_extensions, has, is_filling, literal_type, part_url, put, underscored};

/// Appointment.participant.required: R4 code (required | optional | information-only) ↔ R5 boolean.
pub(super) static APPOINTMENT_REQUIRED: Special = Special {
    r4: &["required"],
    r5: &["required"],
    may_be_carried: &[],
    says: false,
    up: required_up,
    down: required_down,
};

const FOR_INFORMATION: &str = "information-only";

fn required_up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let Some((value, beside)) = part.items("required").into_iter().next() else {
        return;
    };
    let mut made = (
        value.map(|v| Value::Bool(v == "required")),
        beside.map(|b| walk.beside(b)),
    );
    if value.is_some_and(|v| v == FOR_INFORMATION) {
        let mut original = Object::new();
        original.insert("url".to_owned(), part_url(&part.pair.carrier, "required").into());
        original.insert("valueCode".to_owned(), FOR_INFORMATION.into());
        made = carrier::add_remainder(made, true, Some(Value::Object(original)));
    }
    put(&mut part.out, "required", false, vec![made]);
}

fn required_down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let Some((value, beside)) = part.items("required").into_iter().next() else {
        return;
    };
    let url = part_url(&part.pair.restore, "required");
    let kept = beside
        .and_then(Value::as_object)
        .and_then(|b| carrier::without_last(b, &url));
    let made = match kept {
        Some((rest, original)) if value == Some(&Value::Bool(false)) && original.contains_key("valueCode") => {
            let rest = (!rest.is_empty()).then(|| walk.beside(&Value::Object(rest)));
            (original.get("valueCode").cloned(), rest)
        }
        _ => {
            let code = |v: &Value| {
                Value::from(if v == &Value::Bool(true) {
                    "required"
                } else {
                    "optional"
                })
            };
            (value.map(code), beside.map(|b| walk.beside(b)))
        }
    };
    put(&mut part.out, "required", false, vec![made]);
}

/// Appointment.cancellationReason: R4 knows it of cancelled appointments only (app-4 writes the code of those that nobody
/// came to in a way that is no code).
pub(super) static APPOINTMENT_CANCELLATION: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &["cancellationReason"],
    says: false,
    up: |_, _| {},
    down: |walk, part| {
        if part.source.get("status").is_some_and(|status| status == "noshow")
            && part.out.shift_remove("cancelationReason").is_some()
        {
            walk.carry_all(part, "cancellationReason");
        }
    },
};

/// Provenance.agent: in R5 nobody acts on her own behalf (prov-1).
pub(super) static ON_BEHALF_OF: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &["onBehalfOf"],
    says: true,
    up: |walk, part| {
        if on_her_own_behalf(part) && part.out.shift_remove("onBehalfOf").is_some() {
            walk.carry_all(part, "onBehalfOf");
        }
    },
    down: |walk, part| walk.sure &= !on_her_own_behalf(part),
};

fn on_her_own_behalf(part: &Part<'_>) -> bool {
    let address = |name: &str| part.source.get(name)?.get("reference");
    address("who").is_some() && address("who") == address("onBehalfOf")
}

/// Dosage: R4 has a choice of asNeededBoolean and asNeededCodeableConcept, R5 both side by side.
pub(super) static DOSAGE_AS_NEEDED: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &[],
    says: false,
    up: |_, _| {},
    down: |walk, part| one_of(walk, part, "asNeededBoolean", "asNeededCodeableConcept", "asNeededFor"),
};

/// Where R4 has a choice and R5 both: when both are there, the second of R4's goes by carrier, all its items.
pub(super) fn one_of(walk: &mut Walk<'_>, part: &mut Part<'_>, first: &str, second: &str, source: &str) {
    let has = |name: &str| part.out.contains_key(name) || part.out.contains_key(&underscored(name));
    if has(first) && part.out.shift_remove(second).is_some() {
        let url = part_url(&part.pair.carrier, source);
        part.carried
            .retain(|extension| extension.get("url").and_then(Value::as_str) != Some(&url));
        walk.carry_all(part, source);
    }
}

/// Group: R4 `actual` (boolean) ↔ R5 `membership` (enumerated | definitional).
pub(super) static GROUP_MEMBERSHIP: Special = Special {
    r4: &["actual"],
    r5: &["membership"],
    may_be_carried: &[],
    says: false,
    up: |walk, part| {
        let Some((value, beside)) = part.items("actual").into_iter().next() else {
            return;
        };
        walk.trail.note("membership", "actual");
        let code = |v: &Value| {
            Value::from(if v == &Value::Bool(true) {
                "enumerated"
            } else {
                "definitional"
            })
        };
        let made = (value.map(code), beside.map(|b| walk.beside(b)));
        put(&mut part.out, "membership", false, vec![made]);
    },
    down: |walk, part| {
        let Some((value, beside)) = part.items("membership").into_iter().next() else {
            return;
        };
        walk.trail.note("actual", "membership");
        let made = (
            value.map(|v| Value::Bool(v == "enumerated")),
            beside.map(|b| walk.beside(b)),
        );
        put(&mut part.out, "actual", false, vec![made]);
    },
};

/// SampledData: R4 `period` is milliseconds between samples; R5 has `interval` and its unit.
pub(super) static SAMPLED_DATA_PERIOD: Special = Special {
    r4: &["period"],
    r5: &["interval", "intervalUnit"],
    may_be_carried: &[],
    says: false,
    up: |walk, part| {
        let Some((value, beside)) = part.items("period").into_iter().next() else {
            return;
        };
        if is_filling(value, beside) {
            return;
        }
        walk.trail.note("interval", "period");
        let made = (value.cloned(), beside.map(|b| walk.beside(b)));
        put(&mut part.out, "interval", false, vec![made]);
        part.out.insert("intervalUnit".to_owned(), "ms".into());
    },
    down: |walk, part| {
        let in_ms = part.source.get("intervalUnit").is_some_and(|unit| unit == "ms")
            && !part.source.contains_key("_intervalUnit");
        match part.items("interval").into_iter().next() {
            Some((value, beside)) if in_ms => {
                walk.trail.note("period", "interval");
                let made = (value.cloned(), beside.map(|b| walk.beside(b)));
                put(&mut part.out, "period", false, vec![made]);
            }
            _ => {
                walk.carry_all(part, "interval");
                walk.carry_all(part, "intervalUnit");
            }
        }
    },
};

/// Substance.instance: in R4 the packages at hand, in R5 whether it is one.
pub(super) static SUBSTANCE_INSTANCE: Special = Special {
    r4: &["instance"],
    r5: &["instance"],
    may_be_carried: &[],
    says: false,
    up: |walk, part| {
        let given = !part.items("instance").is_empty();
        walk.carry_all(part, "instance");
        if !part.restored.iter().any(|(name, ..)| *name == "instance") {
            part.out.insert("instance".to_owned(), Value::Bool(given));
        }
    },
    down: |walk, part| {
        let given = part.restored.iter().any(|(name, ..)| *name == "instance");
        let plain = !part.source.contains_key("_instance");
        if !plain || part.source.get("instance") != Some(&Value::Bool(given)) {
            walk.carry_all(part, "instance");
        }
    },
};

/// Ratio.denominator: R5 allows no comparator there.
pub(super) static RATIO_DENOMINATOR: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &[],
    says: true,
    up: |walk, part| no_comparator(walk, part, "denominator"),
    down: |walk, part| walk.sure &= !has_comparator(part, "denominator"),
};

/// QuestionnaireResponse.item.answer.valueQuantity: the same.
pub(super) static ANSWER_QUANTITY: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &[],
    says: true,
    up: |walk, part| no_comparator(walk, part, "valueQuantity"),
    down: |walk, part| walk.sure &= !has_comparator(part, "valueQuantity"),
};

fn has_comparator(part: &Part<'_>, name: &str) -> bool {
    let quantity = part.source.get(name).and_then(Value::as_object);
    quantity.is_some_and(|quantity| has(quantity, "comparator"))
}

/// Sets the comparator of a quantity aside.
fn no_comparator(walk: &mut Walk<'_>, part: &mut Part<'_>, name: &str) {
    let quantity = walk.plan.pair("Quantity", "Quantity").map(|at| &walk.plan.pairs[at]);
    let (Some(pair), Some(Value::Object(source))) = (quantity, part.source.get(name)) else {
        return;
    };
    let Some(Value::Object(made)) = part.out.get_mut(name) else {
        return;
    };
    let item = (source.get("comparator"), source.get("_comparator"));
    let Some(step) = pair.steps.get("comparator").filter(|_| item != (None, None)) else {
        return;
    };
    made.shift_remove("comparator");
    made.shift_remove("_comparator");
    let carried = walk.carry(pair, step, item);
    append_extensions(made, vec![carried]);
}

/// What [`no_comparator`] sets aside comes back.
pub(super) static QUANTITY_COMPARATOR: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &["comparator"],
    says: false,
    up: |_, _| {},
    down: |_, _| {},
};

/// Reference.reference: a relative address of a resource type that the other version does not know is no address
/// there. It is set aside, in any reference anywhere.
pub(super) static UNKNOWN_TARGET: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &["reference"],
    says: false,
    up: unknown_target,
    down: unknown_target,
};

fn unknown_target(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let Some(address) = part.out.get("reference").and_then(Value::as_str) else {
        return;
    };
    let relative = !address.contains(':') && !address.starts_with('#');
    if relative && literal_type(address).is_some_and(|kind| !walk.plan.resource_types.contains(kind)) {
        part.out.shift_remove("reference");
        part.out.shift_remove("_reference");
        walk.carry_all(part, "reference");
    }
}

/// availableTime: R5 has no times of day beside allDay (av-1).
pub(super) static ALL_DAY: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &TIMES,
    says: false,
    up: |walk, part| {
        if part.source.get("allDay") != Some(&Value::Bool(true)) {
            return;
        }
        for name in TIMES {
            part.out.shift_remove(name);
            part.out.shift_remove(&underscored(name));
            walk.carry_all(part, name);
        }
    },
    down: |_, _| {},
};

const TIMES: [&str; 2] = ["availableStartTime", "availableEndTime"];
