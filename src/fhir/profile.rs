//! Whether a resource follows a profile: the differential of a StructureDefinition held against it. Interprets what our
//! own profiles use: cardinalities, `fixed[x]`, `pattern[x]`, slicing (by value, pattern or required binding), required
//! bindings, types and reference targets, and the profiles of extensions. What the base definition demands is
//! `structure`'s work; invariants (`constraint`) of our profiles carry the ids of rules and are the riktlinje's work.
//! Called by `definitions`.

mod tree;

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::fault::{Fault, IssueCode, Text};
use super::structure::MOST_FAULTS;
use tree::Node;

/// Where the interpreter finds what a profile names.
pub trait Library {
    /// The StructureDefinition of that canonical, when it is known.
    fn structure(&self, canonical: &str) -> Option<&Value>;
    /// Whether the value set holds the code; `None` when the value set is not known. A `code` element has no system.
    fn contains(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool>;
}

/// Every way in which the resource does not follow the profile; at most [`MOST_FAULTS`].
pub fn check<L: Library>(library: &L, profile: &Value, resource: &Value) -> Vec<Fault> {
    let kind = text(resource, "resourceType");
    let root = tree::read(profile);
    let mut checking = Checking {
        library,
        resource,
        faults: Vec::new(),
        told: HashSet::new(),
    };
    if text(profile, "type") != kind {
        let wanted = text(profile, "type").to_owned();
        checking.add(
            IssueCode::Structure,
            kind,
            format!("Profilen gäller {wanted}."),
            format!("The profile is for {wanted}."),
        );
    } else {
        checking.value(&root, resource, kind);
    }
    checking.faults
}

struct Checking<'a, L> {
    library: &'a L,
    resource: &'a Value,
    faults: Vec<Fault>,
    /// Element and text of the faults so far: the base of a slice and the slice may say the same.
    told: HashSet<(String, String)>,
}

/// One item of an element: its value (null where only an extension stands), the type of a choice, and where it is.
struct Item<'a> {
    value: &'a Value,
    choice: Option<&'a str>,
    expression: String,
}

impl<L: Library> Checking<'_, L> {
    fn add(&mut self, code: IssueCode, expression: &str, sv: String, en: String) {
        if self.faults.len() < MOST_FAULTS && self.told.insert((expression.to_owned(), sv.clone())) {
            self.faults.push(Fault {
                code,
                expression: expression.to_owned(),
                text: Text::new(sv, en),
            });
        }
    }

    /// What the node says of one value, and what its children say of the value's members.
    fn value(&mut self, node: &Node<'_>, value: &Value, expression: &str) {
        if let Some(wanted) = node.fixed()
            && wanted != value
        {
            self.differs(expression);
        }
        if let Some(wanted) = node.pattern()
            && !follows(value, wanted)
        {
            self.differs(expression);
        }
        if let Some(value_set) = node.required_binding()
            && self.is_bound(value_set, value) == Some(false)
        {
            self.add(
                IssueCode::CodeInvalid,
                expression,
                format!("Profilen kräver en kod ur {value_set}."),
                format!("The profile demands a code of {value_set}."),
            );
        }
        self.target(node, value, expression);
        for profile in node.profiles() {
            if let Some(structure) = self.library.structure(profile) {
                self.children(&tree::read(structure), value, expression);
            }
        }
        self.children(node, value, expression);
    }

    fn differs(&mut self, expression: &str) {
        self.add(
            IssueCode::Value,
            expression,
            "Värdet är inte det som profilen anger.".to_owned(),
            "The value is not the one that the profile states.".to_owned(),
        );
    }

    fn children(&mut self, node: &Node<'_>, value: &Value, expression: &str) {
        let Some(object) = value.as_object() else { return };
        for child in node.children.iter().filter(|child| child.slice.is_none()) {
            self.element(node, child, object, expression);
        }
    }

    /// One element with its slices, in one object.
    fn element(&mut self, parent: &Node<'_>, base: &Node<'_>, object: &Map<String, Value>, expression: &str) {
        let items = items(object, base.name, expression);
        let place = format!("{expression}.{}", base.name.trim_end_matches("[x]"));
        self.count(base, items.len(), &place);
        for item in &items {
            self.choice(base, item);
            self.value(base, item.value, &item.expression);
        }
        let mut in_slices = HashSet::new();
        for slice in parent.slices(base.name) {
            let matching: Vec<usize> = (0..items.len())
                .filter(|at| self.is_in_slice(base, slice, items[*at].value))
                .collect();
            self.count(slice, matching.len(), &place);
            for at in matching {
                in_slices.insert(at);
                self.choice(slice, &items[at]);
                self.value(slice, items[at].value, &items[at].expression);
            }
        }
        if base.is_closed() {
            for (_, item) in items.iter().enumerate().filter(|(at, _)| !in_slices.contains(at)) {
                self.add(
                    IssueCode::Structure,
                    &item.expression,
                    "Profilen tillåter bara de slag den räknar upp.".to_owned(),
                    "The profile allows only the kinds it lists.".to_owned(),
                );
            }
        }
    }

    fn count(&mut self, node: &Node<'_>, found: usize, place: &str) {
        let of_sv = node
            .slice
            .map(|slice| format!(" av slaget {slice}"))
            .unwrap_or_default();
        let of_en = node.slice.map(|slice| format!(" of kind {slice}")).unwrap_or_default();
        if found < node.min() {
            let min = node.min();
            self.add(
                IssueCode::Required,
                place,
                format!("Profilen kräver minst {min}{of_sv}."),
                format!("The profile demands at least {min}{of_en}."),
            );
        }
        if let Some(max) = node.max().filter(|max| found > *max) {
            self.add(
                IssueCode::Structure,
                place,
                format!("Profilen tillåter högst {max}{of_sv}."),
                format!("The profile allows at most {max}{of_en}."),
            );
        }
    }

    /// The type of a choice is one of those listed.
    fn choice(&mut self, node: &Node<'_>, item: &Item<'_>) {
        let Some(choice) = item.choice else { return };
        let mut types = node.types().peekable();
        if types.peek().is_some() && !types.any(|type_| capitalised_is(type_, choice)) {
            self.add(
                IssueCode::Structure,
                &item.expression,
                "Profilen tillåter inte värden av den här typen.".to_owned(),
                "The profile does not allow values of this type.".to_owned(),
            );
        }
    }

    /// A reference whose target's type shows points at one of the types listed.
    fn target(&mut self, node: &Node<'_>, value: &Value, expression: &str) {
        let library = self.library;
        let targets: Vec<&str> = node.targets().map(|target| type_of_target(library, target)).collect();
        if targets.is_empty() {
            return;
        }
        if let Some(kind) = referenced_type(self.resource, value)
            && !targets.contains(&kind)
        {
            let listed = targets.join(", ");
            self.add(
                IssueCode::Value,
                expression,
                format!("Profilen kräver en referens till {listed}."),
                format!("The profile demands a reference to {listed}."),
            );
        }
    }

    /// Whether a value belongs to a slice, by the discriminators of its base; an extension of a known profile by its url.
    fn is_in_slice(&self, base: &Node<'_>, slice: &Node<'_>, value: &Value) -> bool {
        let mut paths = base.discriminators().peekable();
        paths.peek().is_some() && paths.all(|path| self.is_told_by(slice, path, value))
    }

    fn is_told_by(&self, slice: &Node<'_>, path: &str, value: &Value) -> bool {
        if path == "url"
            && let Some(profile) = slice.profiles().next()
        {
            return text(value, "url") == profile;
        }
        let steps: Vec<&str> = path.split('.').filter(|step| *step != "$this").collect();
        let mut node = slice;
        let mut values = vec![value];
        for step in steps {
            let Some(child) = node
                .children
                .iter()
                .find(|child| child.name == step && child.slice.is_none())
            else {
                return false;
            };
            node = child;
            values = values.into_iter().flat_map(|value| listed(value.get(step))).collect();
        }
        values.into_iter().any(|value| {
            let fixed = node.fixed().map(|wanted| wanted == value);
            let pattern = node.pattern().map(|wanted| follows(value, wanted));
            let bound = node.required_binding().and_then(|set| self.is_bound(set, value));
            let told = [fixed, pattern, bound];
            told.contains(&Some(true)) && !told.contains(&Some(false))
        })
    }

    /// Whether a code, Coding, CodeableConcept or CodeableReference has a code of the value set; `None` when that cannot
    /// be told.
    fn is_bound(&self, value_set: &str, value: &Value) -> Option<bool> {
        if let Some(code) = value.as_str() {
            return self.library.contains(value_set, None, code);
        }
        if let Some(concept) = value.get("concept") {
            return self.is_bound(value_set, concept);
        }
        let codings = match value.get("coding") {
            Some(codings) => listed(Some(codings)),
            None if value.get("code").is_some() => vec![value],
            None => Vec::new(),
        };
        // Is the value set known at all?
        self.library.contains(value_set, None, "")?;
        Some(codings.into_iter().any(|coding| {
            let system = coding.get("system").and_then(Value::as_str);
            let code = text(coding, "code");
            system.is_some() && self.library.contains(value_set, system, code) == Some(true)
        }))
    }
}

/// The resource type behind a target: of one of our profiles the type it constrains, else the name itself.
fn type_of_target<'t, L: Library>(library: &'t L, target: &'t str) -> &'t str {
    match library.structure(target) {
        Some(structure) => text(structure, "type"),
        None => target.rsplit('/').next().unwrap_or(target),
    }
}

/// The type that a reference shows: as stated, else of the literal reference, followed into `contained`.
fn referenced_type<'v>(resource: &'v Value, value: &'v Value) -> Option<&'v str> {
    if let Some(stated) = value.get("type").and_then(Value::as_str) {
        return stated.rsplit('/').next();
    }
    let literal = value.get("reference")?.as_str()?;
    if let Some(id) = literal.strip_prefix('#') {
        let contained = resource.get("contained")?.as_array()?;
        let found = contained.iter().find(|it| text(it, "id") == id)?;
        return found.get("resourceType")?.as_str();
    }
    let literal = literal.split("/_history/").next().unwrap_or(literal);
    let kind = literal.rsplit('/').nth(1)?;
    let is_type = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.bytes().all(|b| b.is_ascii_alphabetic());
    is_type.then_some(kind)
}

/// The items of an element in an object. A choice goes by the stem of its name.
fn items<'a>(object: &'a Map<String, Value>, name: &str, expression: &str) -> Vec<Item<'a>> {
    let Some(stem) = name.strip_suffix("[x]") else {
        let place = format!("{expression}.{name}");
        let beside = object.get(&format!("_{name}"));
        return match (object.get(name), beside) {
            (Some(Value::Array(list)), _) | (None, Some(Value::Array(list))) => list
                .iter()
                .enumerate()
                .map(|(at, value)| Item {
                    value,
                    choice: None,
                    expression: format!("{place}[{at}]"),
                })
                .collect(),
            (Some(value), _) => vec![Item {
                value,
                choice: None,
                expression: place,
            }],
            // A primitive of which only extensions are told.
            (None, Some(_)) => vec![Item {
                value: &Value::Null,
                choice: None,
                expression: place,
            }],
            (None, None) => Vec::new(),
        };
    };
    let types = object.iter().filter_map(|(key, value)| {
        let below = key.starts_with('_');
        let choice = key.strip_prefix('_').unwrap_or(key).strip_prefix(stem)?;
        // The value and what stands beside it are one.
        let counted = !below || !object.contains_key(&key[1..]);
        let is_type = choice.starts_with(|c: char| c.is_ascii_uppercase());
        (is_type && counted).then_some(Item {
            value: if below { &Value::Null } else { value },
            choice: Some(choice),
            expression: format!("{expression}.{stem}"),
        })
    });
    types.collect()
}

/// A value as a list: an array's items, or the value itself.
fn listed(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

/// Whether a value follows a pattern (elementdefinition.html): every member is there and follows; every item of a list
/// is followed by one of the value's.
fn follows(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => pattern
            .iter()
            .all(|(name, wanted)| value.get(name).is_some_and(|value| follows(value, wanted))),
        (Value::Array(value), Value::Array(pattern)) => pattern
            .iter()
            .all(|wanted| value.iter().any(|value| follows(value, wanted))),
        (value, pattern) => value == pattern,
    }
}

/// `dateTime` is `DateTime` in the name of a choice.
fn capitalised_is(type_: &str, choice: &str) -> bool {
    let mut letters = type_.chars();
    letters.next().is_some_and(|first| {
        choice
            .chars()
            .eq(std::iter::once(first.to_ascii_uppercase()).chain(letters))
    })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
