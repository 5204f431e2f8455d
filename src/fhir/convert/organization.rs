//! Organization: R4 telecom[], address[] and contact[] ↔ R5 contact[] (design, conversion c). The organisation's own
//! telecom and first address become one contact without name or purpose, each further address another; then the R4
//! contacts. An R5 list of another order leaves its order in an extension.

use serde_json::Value;

use super::carrier::{order_extension, take_order, without_last};
use super::engine::Walk;
use super::part::Part;
use super::special::Special;
use super::values::{Object, append_extensions, part_url};

pub(super) static ORGANIZATION_CONTACT: Special = Special {
    r4: &["telecom", "address", "contact"],
    r5: &["contact"],
    may_be_carried: &[],
    says: false,
    up,
    down,
};

/// What one R5 contact takes: so many telecoms, an address or none; or a whole R4 contact.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Own { telecoms: usize, address: bool },
    Contact,
}

impl Entry {
    fn word(self) -> String {
        match self {
            Entry::Own { telecoms, address } => format!("{telecoms}{}", if address { "a" } else { "" }),
            Entry::Contact => "c".to_owned(),
        }
    }

    fn parse(word: &str) -> Option<Entry> {
        if word == "c" {
            return Some(Entry::Contact);
        }
        let (count, address) = word.strip_suffix('a').map_or((word, false), |count| (count, true));
        Some(Entry::Own {
            telecoms: count.parse().ok()?,
            address,
        })
    }
}

/// The order that needs no note.
fn natural(telecoms: usize, addresses: usize, contacts: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    if telecoms + addresses > 0 {
        entries.push(Entry::Own {
            telecoms,
            address: addresses > 0,
        });
    }
    entries.extend((1..addresses).map(|_| Entry::Own {
        telecoms: 0,
        address: true,
    }));
    entries.extend((0..contacts).map(|_| Entry::Contact));
    entries
}

fn takes(entries: &[Entry]) -> (usize, usize, usize) {
    entries.iter().fold((0, 0, 0), |(t, a, c), entry| match entry {
        Entry::Own { telecoms, address } => (t.saturating_add(*telecoms), a + usize::from(*address), c),
        Entry::Contact => (t, a, c + 1),
    })
}

/// Nothing but ways to reach it: in R4 that is the organisation's own.
fn is_own(contact: &Object) -> bool {
    contact.keys().all(|key| key == "telecom" || key == "address")
}

fn up(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let values = |part: &Part<'_>, name: &str| -> Vec<Value> {
        part.items(name)
            .into_iter()
            .filter_map(|(value, _)| value.cloned())
            .collect()
    };
    let (telecoms, addresses) = (values(part, "telecom"), values(part, "address"));
    let contacts: Vec<&Value> = part
        .items("contact")
        .into_iter()
        .filter_map(|(value, _)| value)
        .collect();
    let (words, rest) = take_order(part, "contact");
    for extension in rest {
        walk.keep(part, extension);
    }
    let given = (telecoms.len(), addresses.len(), contacts.len());
    let kept: Option<Vec<Entry>> = words.iter().map(|word| Entry::parse(word)).collect();
    let entries = kept
        .filter(|e| takes(e) == given)
        .unwrap_or_else(|| natural(given.0, given.1, given.2));
    let mut made: Vec<Value> = Vec::with_capacity(entries.len());
    let (mut telecom, mut address, mut contact) = (0, 0, 0);
    for entry in entries {
        let at = format!("contact[{}]", made.len());
        let mut object = Object::new();
        match entry {
            Entry::Own {
                telecoms: count,
                address: with_address,
            } => {
                if count > 0 {
                    for index in 0..count {
                        walk.trail.note(
                            &format!("{at}.telecom[{index}]"),
                            &format!("telecom[{}]", telecom + index),
                        );
                    }
                    let own: Vec<Value> = telecoms[telecom..telecom + count]
                        .iter()
                        .map(|t| walk.convert("ContactPoint", t))
                        .collect();
                    object.insert("telecom".to_owned(), Value::Array(own));
                    telecom += count;
                }
                if with_address {
                    walk.trail
                        .note(&format!("{at}.address"), &format!("address[{address}]"));
                    object.insert("address".to_owned(), walk.convert("Address", &addresses[address]));
                    address += 1;
                }
            }
            Entry::Contact => {
                walk.trail.note(&at, &format!("contact[{contact}]"));
                if let Value::Object(source) = contacts[contact] {
                    object = convert_contact(walk, source);
                    if let Some(address) = object.get_mut("address") {
                        not_home(walk, "Address", address);
                    }
                    if let Some(Value::Array(telecoms)) = object.get_mut("telecom") {
                        telecoms
                            .iter_mut()
                            .for_each(|telecom| not_home(walk, "ContactPoint", telecom));
                    }
                    if is_own(&object) {
                        append_extensions(&mut object, vec![mark(part)]);
                    }
                }
                contact += 1;
            }
        }
        made.push(Value::Object(object));
    }
    if !made.is_empty() {
        part.out.insert("contact".to_owned(), Value::Array(made));
    }
}

fn convert_contact(walk: &mut Walk<'_>, source: &Object) -> Object {
    let (r4, r5) = ("Organization.contact", "ExtendedContactDetail");
    match walk.plan.pair(r4, r5).or_else(|| walk.plan.pair(r5, r4)) {
        Some(pair) => walk.object(pair, source),
        None => source.clone(),
    }
}

/// R5 knows no `home` among the contacts of an organisation (org-3, org-4), R4 only for the organisation's own.
fn not_home(walk: &mut Walk<'_>, type_name: &str, made: &mut Value) {
    let Some(pair) = walk.plan.pair(type_name, type_name).map(|at| &walk.plan.pairs[at]) else {
        return;
    };
    let (Some(step), Value::Object(made)) = (pair.steps.get("use"), made) else {
        return;
    };
    if made.get("use").is_none_or(|kind| kind != "home") {
        return;
    }
    let (kind, beside) = (made.shift_remove("use"), made.shift_remove("_use"));
    // Already converted: as good as the source's own, for a code.
    let carried = walk.carry(pair, step, (kind.as_ref(), beside.as_ref()));
    append_extensions(made, vec![carried]);
}

/// What [`not_home`] sets aside comes back.
pub(super) static HOME: Special = Special {
    r4: &[],
    r5: &[],
    may_be_carried: &["use"],
    says: false,
    up: |_, _| {},
    down: |_, _| {},
};

/// Says that an R5 contact without name or purpose is an R4 contact all the same.
fn mark(part: &Part<'_>) -> Value {
    let mut mark = Object::new();
    mark.insert("url".to_owned(), part_url(&part.pair.carrier, "contact").into());
    mark.insert("valueBoolean".to_owned(), true.into());
    Value::Object(mark)
}

fn down(walk: &mut Walk<'_>, part: &mut Part<'_>) {
    let (mut telecoms, mut addresses, mut contacts) = (Vec::new(), Vec::new(), Vec::new());
    let mut entries = Vec::new();
    let url = part_url(&part.pair.restore, "contact");
    for (at, (value, _)) in part.items("contact").into_iter().enumerate() {
        let Some(Value::Object(contact)) = value else { continue };
        if !is_own(contact) {
            let unmarked =
                without_last(contact, &url).filter(|(rest, e)| is_own(rest) && e.contains_key("valueBoolean"));
            let source = unmarked.as_ref().map_or(contact, |(rest, _)| rest);
            walk.trail
                .note(&format!("contact[{}]", contacts.len()), &format!("contact[{at}]"));
            contacts.push(Value::Object(convert_contact(walk, source)));
            entries.push(Entry::Contact);
            continue;
        }
        let own = contact
            .get("telecom")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        for (index, telecom) in own.iter().enumerate() {
            walk.trail.note(
                &format!("telecom[{}]", telecoms.len()),
                &format!("contact[{at}].telecom[{index}]"),
            );
            telecoms.push(walk.convert("ContactPoint", telecom));
        }
        if let Some(address) = contact.get("address") {
            walk.trail.note(
                &format!("address[{}]", addresses.len()),
                &format!("contact[{at}].address"),
            );
            addresses.push(walk.convert("Address", address));
        }
        entries.push(Entry::Own {
            telecoms: own.len(),
            address: contact.contains_key("address"),
        });
    }
    if entries != natural(telecoms.len(), addresses.len(), contacts.len()) {
        let words: Vec<String> = entries.into_iter().map(Entry::word).collect();
        part.carried
            .push(order_extension(part_url(&part.pair.carrier, "contact"), &words));
    }
    for (name, list) in [("telecom", telecoms), ("address", addresses), ("contact", contacts)] {
        if !list.is_empty() {
            part.out.insert(name.to_owned(), Value::Array(list));
        }
    }
}
