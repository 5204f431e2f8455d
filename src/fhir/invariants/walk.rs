//! Visits every element of a resource once, with its definition: the checks that hold for all elements are here, those of
//! single types in the table.

use serde_json::{Map, Value};
use std::collections::HashSet;

use crate::fhir::elements::{CodeList, Element, TypeTable, elements};
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::structure::{Faults, Xhtml, grammar_named, judge_xhtml};
use crate::fhir::version::FhirVersion;

use super::node::{Around, Node, Path, items};
use super::reference::{Stated, declared, stated};
use super::{Standing, table};

/// Checks a resource and those it contains.
pub fn resource(
    version: FhirVersion,
    (place, kind, resource): Standing<'_>,
    contained: &[(String, &str, &Value)],
    faults: &mut Faults,
) {
    let around = Around {
        version,
        tables: elements(version),
        contained: contained
            .iter()
            .filter_map(|(_, kind, inner)| Some((inner.get("id")?.as_str()?, *kind)))
            .collect(),
    };
    let mut walk = Walk {
        around: &around,
        faults,
        inside: false,
        local: HashSet::new(),
    };
    walk.resource(place, kind, resource);
    let mut links_back = Vec::new();
    walk.inside = true;
    for (place, kind, inner) in contained {
        let before = walk.local.take("");
        walk.resource(place, kind, inner);
        links_back.push(walk.local.take("").is_some());
        walk.local.extend(before);
    }
    walk.local_rules(contained, &links_back);
}

struct Walk<'w> {
    around: &'w Around<'w>,
    faults: &'w mut Faults,
    inside: bool,
    /// Every `#…` that something points to, without the `#`.
    local: HashSet<&'w str>,
}

/// How an element is defined, and how its parent is.
#[derive(Clone, Copy)]
struct Defined {
    element: Option<&'static Element>,
    outer: Option<&'static Element>,
    parent_type: &'static str,
}

impl<'w> Walk<'w> {
    fn resource(&mut self, place: &str, kind: &str, resource: &'w Value) {
        let Some((type_name, table)) = self.around.tables.named(kind) else {
            return;
        };
        let Some(object) = resource.as_object() else { return };
        let path = Path {
            parent: None,
            name: place,
            index: None,
        };
        self.object(
            type_name,
            table,
            object,
            Defined {
                element: None,
                outer: None,
                parent_type: "",
            },
            &path,
        );
    }

    /// dom-2 to dom-5, which look at a resource and its contained ones together.
    fn local_rules(&mut self, contained: &[(String, &str, &Value)], links_back: &[bool]) {
        let mut ids = HashSet::new();
        for ((place, _, inner), links_back) in contained.iter().zip(links_back) {
            let id = inner.get("id").and_then(Value::as_str);
            let meta = |name: &str| inner.get("meta").is_some_and(|meta| meta.get(name).is_some());
            let referred = id.is_some_and(|id| self.local.contains(id));
            let breaches = [
                (
                    "dom-2",
                    inner.get("contained").is_some(),
                    "Inneslutna resurser får inte själva innesluta resurser.",
                    "Contained resources must not contain resources.",
                ),
                (
                    "dom-3",
                    !referred && !links_back,
                    "En innesluten resurs måste pekas ut av, eller peka på, resursen den ligger i.",
                    "A contained resource must be referred to from, or refer to, the resource around it.",
                ),
                (
                    "dom-4",
                    meta("versionId") || meta("lastUpdated"),
                    "En innesluten resurs får inte ha meta.versionId eller meta.lastUpdated.",
                    "A contained resource must not have meta.versionId or meta.lastUpdated.",
                ),
                (
                    "dom-5",
                    meta("security"),
                    "En innesluten resurs får inte ha säkerhetsetikett.",
                    "A contained resource must not have a security label.",
                ),
                (
                    "id",
                    id.is_some_and(|id| !ids.insert(id)),
                    "Två inneslutna resurser har samma id.",
                    "Two contained resources have the same id.",
                ),
            ];
            for (rule, breached, sv, en) in breaches {
                if breached {
                    self.faults.add(IssueCode::Invariant, place.clone(), text(rule, sv, en));
                }
            }
        }
    }

    fn object(
        &mut self,
        type_name: &'static str,
        table: &'static TypeTable,
        object: &'w Map<String, Value>,
        defined: Defined,
        path: &Path<'_>,
    ) {
        if self.faults.is_full() {
            return;
        }
        self.choices(table, object, path);
        for (key, value) in object {
            let extensions = key.strip_prefix('_');
            let name = extensions.unwrap_or(key);
            let Some(element) = table.get(name).filter(|element| !element.is_resource()) else {
                continue;
            };
            let shown = element.choice.as_deref().unwrap_or(name);
            if element.is_primitive() {
                match extensions {
                    None => self.primitive(object, name, element, value, &path.child(shown, None)),
                    Some(_) => self.extensions(object, name, value, &path.child(shown, None)),
                }
                continue;
            }
            let Some((child_type, child_table)) = self.around.tables.named(&element.type_name) else {
                continue;
            };
            let below = Defined {
                element: Some(element),
                outer: defined.element,
                parent_type: type_name,
            };
            match value {
                Value::Object(child) => self.object(child_type, child_table, child, below, &path.child(shown, None)),
                Value::Array(list) => {
                    for (index, item) in list.iter().enumerate() {
                        let Some(child) = item.as_object() else { continue };
                        self.object(child_type, child_table, child, below, &path.child(shown, Some(index)));
                    }
                }
                _ => {}
            }
        }
        let Defined {
            element,
            outer,
            parent_type,
        } = defined;
        let node = Node {
            around: self.around,
            object,
            type_name,
            table,
            element,
            outer,
            parent_type,
            inside: self.inside,
        };
        self.node(&node, path);
    }

    /// At most one type of each choice.
    fn choices(&mut self, table: &'static TypeTable, object: &Map<String, Value>, path: &Path<'_>) {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for key in object.keys() {
            let name = key.strip_prefix('_').unwrap_or(key);
            let Some(stem) = table.get(name).and_then(|element| element.choice.as_deref()) else {
                continue;
            };
            if seen.iter().any(|(other, of)| *other == stem && *of != name) {
                let sv = format!("Elementet {stem}[x] står med fler än en typ.");
                let en = format!("The element {stem}[x] is given with more than one type.");
                self.faults.add(
                    IssueCode::Invariant,
                    path.child(stem, None).to_string(),
                    Text::new(sv, en),
                );
                return;
            }
            seen.push((stem, name));
        }
    }

    /// The values of a primitive element: pairing with `_name`, narrative, links within the resource.
    fn primitive(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
        element: &'static Element,
        value: &'w Value,
        path: &Path<'_>,
    ) {
        match value {
            Value::String(text) => self.string(element, text, path),
            Value::Array(list) => {
                for text in list.iter().filter_map(Value::as_str) {
                    self.string(element, text, path);
                }
                let halves = object.get(&format!("_{name}"));
                match halves.and_then(Value::as_array) {
                    Some(other) if other.len() != list.len() => self.form(
                        path.to_string(),
                        "Värdena och deras utvidgningar (_) måste vara lika många.",
                        "The values and their extensions (_) must be of the same number.",
                    ),
                    other => {
                        for (index, item) in list.iter().enumerate() {
                            let lone = other.is_none_or(|other| other[index].is_null());
                            if item.is_null() && lone {
                                self.null(path, index);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn string(&mut self, element: &'static Element, text: &'w str, path: &Path<'_>) {
        match element.type_name.as_str() {
            "xhtml" => self.narrative(text, path),
            "uri" | "url" | "canonical" | "string" => self.local.extend(text.strip_prefix('#')),
            _ => {}
        }
    }

    fn narrative(&mut self, text_: &str, path: &Path<'_>) {
        let (code, said) = match judge_xhtml(text_) {
            Xhtml::Good => return,
            Xhtml::Malformed => (
                IssueCode::Value,
                Text::new(
                    "Texten är inte ett välformat XHTML-stycke (<div xmlns=\"http://www.w3.org/1999/xhtml\">).",
                    "The text is not a well-formed XHTML fragment (<div xmlns=\"http://www.w3.org/1999/xhtml\">).",
                ),
            ),
            Xhtml::Forbidden => (
                IssueCode::Invariant,
                text(
                    "txt-1",
                    "Texten har element eller attribut som inte är enbart formatering.",
                    "The text has elements or attributes that are not mere formatting.",
                ),
            ),
            Xhtml::Empty => (
                IssueCode::Invariant,
                text("txt-2", "Texten är tom.", "The text is empty."),
            ),
        };
        let expression = path.to_string();
        if !self.faults.is_broken(&expression) {
            self.faults.add(code, expression, said);
        }
    }

    /// `_name`: the ids and extensions of primitive values.
    fn extensions(&mut self, object: &Map<String, Value>, name: &str, value: &'w Value, path: &Path<'_>) {
        let own = object.get(name);
        match value {
            Value::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    let valued = own.map_or(Some(false), |own| own.get(index).map(|value| !value.is_null()));
                    let path = Path {
                        index: Some(index),
                        ..*path
                    };
                    match item {
                        Value::Null if own.is_none() => self.null(&path, index),
                        Value::Object(half) => self.half(half, valued.unwrap_or(true), &path),
                        _ => {}
                    }
                }
            }
            Value::Object(half) => self.half(half, own.is_some(), path),
            _ => {}
        }
    }

    /// The id and extensions of one primitive value.
    fn half(&mut self, half: &'w Map<String, Value>, valued: bool, path: &Path<'_>) {
        if !valued && !half.contains_key("extension") && half.contains_key("id") {
            self.no_content(path);
        }
        let Some((type_name, table)) = self.around.tables.named("Extension") else {
            return;
        };
        let defined = Defined {
            element: table.get("extension"),
            outer: None,
            parent_type: "",
        };
        for (index, item) in items(half.get("extension")).iter().enumerate() {
            let Some(extension) = item.as_object() else { continue };
            self.object(
                type_name,
                table,
                extension,
                defined,
                &path.child("extension", Some(index)),
            );
        }
    }

    fn null(&mut self, path: &Path<'_>, index: usize) {
        let expression = Path {
            index: Some(index),
            ..*path
        }
        .to_string();
        let sv = "null får bara stå i en lista där den andra halvan (med eller utan _) har ett värde.";
        self.form(
            expression,
            sv,
            "null may only stand in a list where the other half (with or without _) has a value.",
        );
    }

    fn form(&mut self, expression: String, sv: &'static str, en: &'static str) {
        self.faults.add(IssueCode::Structure, expression, Text::new(sv, en));
    }

    fn no_content(&mut self, path: &Path<'_>) {
        let said = text(
            "ele-1",
            "Elementet har bara ett id, inget innehåll.",
            "The element has an id only, no content.",
        );
        self.faults.add(IssueCode::Invariant, path.to_string(), said);
    }

    /// What holds for an object as a whole.
    fn node(&mut self, node: &Node<'w>, path: &Path<'_>) {
        if node.object.is_empty() {
            return; // the schema has said so
        }
        if node.object.keys().all(|key| key == "id") && !node.table.is_resource() {
            self.no_content(path);
        }
        match node.type_name {
            "Reference" => self.targets(node, path),
            "CodeableConcept" | "Coding" => self.codes(node, path),
            "Quantity" if node.element.is_some_and(|e| e.profile.is_some()) && node.has("comparator") => {
                let sv = "En enkel mängd (SimpleQuantity) får inte ha comparator.";
                let said = text("sqty-1", sv, "A SimpleQuantity must not have a comparator.");
                self.faults.add(IssueCode::Invariant, path.to_string(), said);
            }
            _ => {}
        }
        for row in table::rows_of(self.around.version, node.type_name) {
            if !row.holds(node) {
                self.faults
                    .add(IssueCode::Invariant, path.to_string(), text(row.id, row.sv, row.en));
            }
        }
    }

    /// The types a reference may point to, as far as it says where it points.
    fn targets(&mut self, node: &Node<'w>, path: &Path<'_>) {
        let mut said = |sv: &'static str, en: &'static str| {
            self.faults.add(IssueCode::Value, path.to_string(), Text::new(sv, en));
        };
        let literal = match node.text("reference").map(|reference| stated(node.around, reference)) {
            Some(Stated::NoSuchType) => {
                return said(
                    "Referensen pekar på en okänd resurstyp.",
                    "The reference points to an unknown resource type.",
                );
            }
            Some(Stated::Misspelt) => {
                return said(
                    "Referensen är varken en adress eller skriven typ/id, till exempel Patient/123: utan mellanslag och med stor \
                     begynnelsebokstav.",
                    "The reference is neither an address nor written type/id, such as Patient/123: without spaces, and with a \
                     capital letter.",
                );
            }
            Some(Stated::Type(kind)) => Some(kind),
            Some(Stated::Nothing) | None => None,
        };
        let declared = declared(node);
        if let (Some(literal), Some(declared)) = (literal, declared)
            && literal != declared
        {
            return said(
                "Referensens typ stämmer inte med vad den pekar på.",
                "The reference's type is not that of its target.",
            );
        }
        let outer = node.outer.filter(|outer| outer.type_name == "CodeableReference");
        let targets = [node.element, outer]
            .into_iter()
            .flatten()
            .map(|element| &element.targets);
        for targets in targets.filter(|targets| !targets.is_empty()) {
            if literal
                .or(declared)
                .is_some_and(|kind| !targets.iter().any(|target| target == kind))
            {
                return said(
                    "Referensen pekar på en resurstyp som inte får stå här.",
                    "The reference points to a resource type that may not stand here.",
                );
            }
        }
    }

    /// Required bindings of codings. A concept with only an extension (data-absent-reason) states no code to check.
    fn codes(&mut self, node: &Node<'w>, path: &Path<'_>) {
        let outer = node.outer.filter(|outer| outer.type_name == "CodeableReference");
        let bound = [node.element, outer]
            .into_iter()
            .flatten()
            .find_map(|element| element.codes.as_deref());
        let Some(list) = bound.and_then(|key| self.around.tables.codes(key)) else {
            return;
        };
        let codings = items(node.get("coding"));
        let good = match node.type_name {
            "Coding" => listed(list, node.object),
            _ if codings.is_empty() => node.has("extension"),
            _ => codings
                .iter()
                .filter_map(Value::as_object)
                .any(|coding| listed(list, coding)),
        };
        if !good {
            let sv = "Ingen av koderna hör till de koder som måste användas här.";
            let en = "None of the codes is one of those that must be used here.";
            self.faults
                .add(IssueCode::CodeInvalid, path.to_string(), Text::new(sv, en));
        }
    }
}

fn listed(list: &CodeList, coding: &Map<String, Value>) -> bool {
    let (Some(system), Some(code)) = (
        coding.get("system").and_then(Value::as_str),
        coding.get("code").and_then(Value::as_str),
    ) else {
        return false;
    };
    match list {
        CodeList::Grammar { grammar } => {
            grammar_named(grammar).is_none_or(|(expected, check)| expected == system && check(code))
        }
        CodeList::Listed(systems) => systems.get(system).is_some_and(|codes| codes.iter().any(|c| c == code)),
    }
}

/// A text that ends with the id of the rule.
fn text(rule: &str, sv: &str, en: &str) -> Text {
    Text::new(format!("{sv} ({rule})"), format!("{en} ({rule})"))
}
