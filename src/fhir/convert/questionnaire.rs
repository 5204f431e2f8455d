//! Questionnaire.item: R4's `choice` and `open-choice` are in R5 the type of the answer and `answerConstraint`.

use serde_json::Value;

use super::carrier::without_last;
use super::engine::Walk;
use super::part::Part;
use super::special::Special;
use super::values::{Object, has, part_url};

pub(super) static ITEM_TYPE: Special = Special {
    r4: &[],
    r5: &["answerConstraint"],
    may_be_carried: &["maxLength"],
    says: true,
    up,
    down,
};

/// R4 type, R5 constraint.
const CHOICES: [(&str, &str); 2] = [("choice", "optionsOnly"), ("open-choice", "optionsOrString")];

/// The R5 type of an item whose options all have values of one kind; those of other kinds are codings.
const KINDS: [(&str, &str); 4] = [
    ("valueInteger", "integer"),
    ("valueDate", "date"),
    ("valueTime", "time"),
    ("valueString", "string"),
];

fn options(item: &Object) -> impl Iterator<Item = &Value> {
    let list = item.get("answerOption").and_then(Value::as_array);
    list.into_iter().flatten()
}

fn answer_type(item: &Object) -> &'static str {
    let of_kind = |name: &str| options(item).all(|option| option.get(name).is_some());
    let known = KINDS.iter().find(|(name, _)| of_kind(name));
    match known {
        Some((_, kind)) if options(item).next().is_some() => kind,
        _ => "coding",
    }
}

/// What R5 says by the constraint: nothing where there is nothing to choose from (que-14), unless it says more than the
/// meaning it has when missing.
fn constraint(item: &Object, choice: &str) -> Option<&'static str> {
    let (_, constraint) = CHOICES.iter().find(|(name, _)| *name == choice)?;
    let chooses = has(item, "answerOption") || has(item, "answerValueSet");
    (chooses || choice == "open-choice").then_some(constraint)
}

fn text<'o>(item: &'o Object, name: &str) -> Option<&'o str> {
    item.get(name).and_then(Value::as_str)
}

fn up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    // Without a note the type came back as R5 had it, and so will the constraint.
    let Some(choice) = text(part.source, "type") else {
        return;
    };
    if !take_note(part) {
        return;
    }
    walk.doubt();
    part.take_restored("answerConstraint");
    if let Some(constraint) = constraint(part.source, choice) {
        part.out.insert("answerConstraint".to_owned(), constraint.into());
    }
    let kind = answer_type(part.source);
    part.out.insert("type".to_owned(), kind.into());
    // que-10 of R5 knows no length of a coding.
    if kind == "coding" && has(part.source, "maxLength") {
        part.out.shift_remove("maxLength");
        part.out.shift_remove("_maxLength");
        walk.carry_all(part, "maxLength");
    }
}

/// Takes away the note that the engine left beside the nearest type, where this rule says the same by the constraint.
fn take_note(part: &mut Part<'_>) -> bool {
    let url = part_url(&part.pair.carrier, "type");
    let below = part.out.get("_type").and_then(Value::as_object);
    let Some((rest, _)) = below.and_then(|below| without_last(below, &url)) else {
        return false;
    };
    part.out.shift_remove("_type");
    if !rest.is_empty() {
        part.out.insert("_type".to_owned(), Value::Object(rest));
    }
    true
}

fn down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let (kind, given) = (text(part.source, "type"), text(part.source, "answerConstraint"));
    let plain = kind == Some(answer_type(part.source)) && !part.source.contains_key("_answerConstraint");
    let chosen = CHOICES
        .iter()
        .find(|(choice, _)| plain && constraint(part.source, choice) == given);
    let Some((choice, _)) = chosen else {
        return walk.carry_all(part, "answerConstraint");
    };
    walk.doubt();
    take_note(part);
    part.out.insert("type".to_owned(), (*choice).into());
}
