//! The paths of a FHIRPath Patch: the part of FHIRPath that says where something stands. Members (a choice by its stem,
//! `deceased`), `[n]`, `first()`, `last()`, `where(…)` with `=`, `exists()` and `and`, `ofType(…)`, `extension('url')`.
//! Anything else is refused by name, never guessed at.

use serde_json::{Map, Value};

use super::json::same_number;
use crate::fhir::elements::{Element, Tables, TypeTable, is_primitive};
use crate::fhir::fault::Text;
use crate::fhir::json::is_element_name;

/// Longest path, in bytes.
const LONGEST: usize = 2_000;
/// Elements that a path may meet on its way: more are no list of a resource's.
const MOST_ELEMENTS: usize = 10_000;

/// A path that was read; it begins at the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Index(usize),
    First,
    Last,
    Where(Vec<Test>),
    OfType(String),
    Extension(String),
}

/// One condition of a `where`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    steps: Vec<Step>,
    /// `None`: it is enough that something is there (`exists()`).
    is: Option<Literal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Literal {
    /// A string, or a date or time: `'official'`, `@2026-01-01`.
    Text(String),
    Number(String),
    Boolean(bool),
}

// ---------------------------------------------------------------------------------------------- reading

/// Reads a path of a resource of type `kind`. The reason why not never repeats the path: it may hold personal data.
pub(super) fn read(kind: &str, text: &str) -> Result<Path, Text> {
    if text.len() > LONGEST {
        return Err(Text::new("sökvägen är för lång.", "the path is too long."));
    }
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
    };
    let mut steps = Vec::new();
    match reader.next() {
        // The type's own name is where the path begins anyway.
        Some(Token::Name(name)) if name == kind => {}
        Some(Token::Name(name)) => reader.begin(name, &mut steps)?,
        _ => return Err(not_supported()),
    }
    reader.steps(&mut steps)?;
    match reader.next() {
        None => Ok(Path { steps }),
        Some(_) => Err(not_supported()),
    }
}

fn not_supported() -> Text {
    Text::new(
        "sökvägen kan inte läsas: här stöds element, [n], first(), last(), where(… = … and …), exists(), ofType(…) och \
         extension('…').",
        "the path cannot be read: supported here are elements, [n], first(), last(), where(… = … and …), exists(), \
         ofType(…) and extension('…').",
    )
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Literal(Literal),
    This,
    Sign(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, Text> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            ' ' | '\t' | '\r' | '\n' => 1,
            '.' | '[' | ']' | '(' | ')' | '=' => {
                tokens.push(Token::Sign(first));
                1
            }
            '\'' | '`' => {
                let (text, taken) = quoted(rest, first)?;
                tokens.push(match first {
                    '`' => Token::Name(text),
                    _ => Token::Literal(Literal::Text(text)),
                });
                taken
            }
            '@' => {
                let taken = 1 + length(&rest[1..], |c| c.is_ascii_alphanumeric() || "-:.+".contains(c));
                tokens.push(Token::Literal(Literal::Text(rest[1..taken].to_owned())));
                taken
            }
            '$' if rest.starts_with("$this") => {
                tokens.push(Token::This);
                "$this".len()
            }
            '-' | '0'..='9' => {
                let digits = 1 + length(&rest[1..], |c| c.is_ascii_digit());
                let fraction = match rest[digits..].strip_prefix('.') {
                    Some(fraction) => match length(fraction, |c| c.is_ascii_digit()) {
                        0 => 0,
                        some => 1 + some,
                    },
                    None => 0,
                };
                let number = &rest[..digits + fraction];
                if !number.ends_with(|c: char| c.is_ascii_digit()) {
                    return Err(not_supported());
                }
                tokens.push(Token::Literal(Literal::Number(number.to_owned())));
                number.len()
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let taken = length(rest, |c| c.is_ascii_alphanumeric() || c == '_');
                tokens.push(match &rest[..taken] {
                    "true" => Token::Literal(Literal::Boolean(true)),
                    "false" => Token::Literal(Literal::Boolean(false)),
                    name => Token::Name(name.to_owned()),
                });
                taken
            }
            _ => return Err(not_supported()),
        };
        rest = &rest[taken..];
    }
    Ok(tokens)
}

fn length(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// The text between two quotes, and how many bytes it took (FHIRPath, string literals).
fn quoted(text: &str, quote: char) -> Result<(String, usize), Text> {
    let mut plain = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => return Ok((plain, at + 1)),
            '\\' => {
                let escaped = match characters.next().map(|(_, escaped)| escaped) {
                    Some(same @ ('\'' | '"' | '`' | '\\' | '/')) => same,
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some('f') => '\u{c}',
                    Some('u') => {
                        let code: String = characters.by_ref().take(4).map(|(_, digit)| digit).collect();
                        u32::from_str_radix(&code, 16)
                            .ok()
                            .and_then(char::from_u32)
                            .ok_or_else(not_supported)?
                    }
                    _ => return Err(not_supported()),
                };
                plain.push(escaped);
            }
            other => plain.push(other),
        }
    }
    Err(not_supported())
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += 1;
        token
    }

    fn is_next(&mut self, sign: char) -> bool {
        let is = self.peek() == Some(&Token::Sign(sign));
        if is {
            self.at += 1;
        }
        is
    }

    fn expect(&mut self, sign: char) -> Result<(), Text> {
        if self.is_next(sign) {
            Ok(())
        } else {
            Err(not_supported())
        }
    }

    /// A name: a member, or a function when a parenthesis follows.
    fn begin(&mut self, name: String, steps: &mut Vec<Step>) -> Result<(), Text> {
        if !self.is_next('(') {
            steps.push(Step::Member(name));
            return Ok(());
        }
        steps.push(match name.as_str() {
            "first" => Step::First,
            "last" => Step::Last,
            "where" => Step::Where(self.tests()?),
            "ofType" | "as" => Step::OfType(self.type_name()?),
            "extension" => match self.next() {
                Some(Token::Literal(Literal::Text(url))) => Step::Extension(url),
                _ => return Err(not_supported()),
            },
            _ => return Err(not_supported()),
        });
        self.expect(')')
    }

    /// What follows, up to something that is no step.
    fn steps(&mut self, steps: &mut Vec<Step>) -> Result<(), Text> {
        loop {
            if self.is_next('[') {
                match self.next() {
                    Some(Token::Literal(Literal::Number(number))) => {
                        steps.push(Step::Index(number.parse().map_err(|_| not_supported())?));
                    }
                    _ => return Err(not_supported()),
                }
                self.expect(']')?;
            } else if self.peek() == Some(&Token::Sign('.')) && !self.is_exists() {
                self.at += 1;
                match self.next() {
                    Some(Token::Name(name)) => self.begin(name, steps)?,
                    _ => return Err(not_supported()),
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Whether `.exists()` comes next; it ends a condition.
    fn is_exists(&self) -> bool {
        let wanted = [
            Token::Sign('.'),
            Token::Name("exists".to_owned()),
            Token::Sign('('),
            Token::Sign(')'),
        ];
        self.tokens[self.at..].starts_with(&wanted)
    }

    fn tests(&mut self) -> Result<Vec<Test>, Text> {
        let mut tests = vec![self.test()?];
        while self.peek() == Some(&Token::Name("and".to_owned())) {
            self.at += 1;
            tests.push(self.test()?);
        }
        Ok(tests)
    }

    fn test(&mut self) -> Result<Test, Text> {
        let mut steps = Vec::new();
        match self.next() {
            Some(Token::This) => {}
            Some(Token::Name(name)) => self.begin(name, &mut steps)?,
            _ => return Err(not_supported()),
        }
        self.steps(&mut steps)?;
        if self.is_exists() {
            self.at += 4;
            return Ok(Test { steps, is: None });
        }
        self.expect('=')?;
        match self.next() {
            Some(Token::Literal(literal)) => Ok(Test {
                steps,
                is: Some(literal),
            }),
            _ => Err(not_supported()),
        }
    }

    /// `Quantity`, `FHIR.Quantity`.
    fn type_name(&mut self) -> Result<String, Text> {
        match (self.next(), self.is_next('.')) {
            (Some(Token::Name(name)), false) => Ok(name),
            (Some(Token::Name(space)), true) if space == "FHIR" => match self.next() {
                Some(Token::Name(name)) => Ok(name),
                _ => Err(not_supported()),
            },
            _ => Err(not_supported()),
        }
    }
}

// ---------------------------------------------------------------------------------------------- finding

/// What every element has, a primitive too: `id` and `extension`. The tables tell so of the complex types alone.
const ELEMENT: &str = "Element";

/// An element under the name that JSON has for it.
pub(super) type Definition = (&'static str, &'static Element);

/// One step on the way from the resource to a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Name(String),
    Index(usize),
}

/// Where an element stands: in which object, under which JSON name, at which place when it repeats. A primitive's `id` and
/// extensions stand beside it, under the name with `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) object: Vec<Key>,
    /// The type that the object is of, as the tables name it.
    pub(super) owner: &'static str,
    pub(super) name: &'static str,
    pub(super) index: Option<usize>,
}

/// An element of the resource, or the resource itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) type_name: &'static str,
    /// `None`: the resource itself.
    pub(super) place: Option<Place>,
}

/// Why a path leads nowhere.
pub(super) enum Astray {
    /// It names what its type does not have: wrong for every resource.
    Wrong(Text),
    /// It meets more elements than it may.
    TooMany,
}

/// A resource, with what is known of its type.
#[derive(Clone, Copy)]
pub(super) struct Ground<'v> {
    pub(super) tables: &'static Tables,
    pub(super) kind: &'static str,
    pub(super) resource: &'v Value,
}

impl Node {
    /// Where the object is that holds what belongs to this element.
    pub(super) fn object(&self) -> Vec<Key> {
        let Some(place) = &self.place else { return Vec::new() };
        let name = if self.is_primitive() {
            format!("_{}", place.name)
        } else {
            place.name.to_owned()
        };
        let mut keys = place.object.clone();
        keys.push(Key::Name(name));
        keys.extend(place.index.map(Key::Index));
        keys
    }

    pub(super) fn is_primitive(&self) -> bool {
        is_primitive(self.type_name)
    }
}

pub(super) fn find<'v>(resource: &'v Value, keys: &[Key]) -> Option<&'v Value> {
    keys.iter().try_fold(resource, |value, key| match key {
        Key::Name(name) => value.get(name),
        Key::Index(index) => value.get(index),
    })
}

/// How many an object has of an element: the longer of the values and what stands beside them.
pub(super) fn count(members: &Map<String, Value>, name: &str, many: bool) -> usize {
    let [value, beside] = [members.get(name), members.get(&format!("_{name}"))];
    if many {
        let length = |list: Option<&Value>| list.and_then(Value::as_array).map_or(0, Vec::len);
        length(value).max(length(beside))
    } else {
        usize::from(value.is_some() || beside.is_some())
    }
}

impl Ground<'_> {
    /// All that the steps lead to, from the resource on.
    pub(super) fn select(&self, steps: &[Step]) -> Result<Vec<Node>, Astray> {
        let root = Node {
            type_name: self.kind,
            place: None,
        };
        self.follow(vec![root], steps)
    }

    fn follow(&self, start: Vec<Node>, steps: &[Step]) -> Result<Vec<Node>, Astray> {
        let mut nodes = start;
        for step in steps {
            nodes = match step {
                Step::Member(name) => self.members(&nodes, name)?,
                Step::Index(index) => nodes.into_iter().nth(*index).into_iter().collect(),
                Step::First => nodes.into_iter().next().into_iter().collect(),
                Step::Last => nodes.into_iter().next_back().into_iter().collect(),
                Step::OfType(name) => nodes.into_iter().filter(|node| self.type_of(node) == name).collect(),
                Step::Extension(url) => {
                    let all = self.members(&nodes, "extension")?;
                    let is_wanted = |node: &Node| {
                        let found = find(self.resource, &node.object()).and_then(|extension| extension.get("url"));
                        found.and_then(Value::as_str) == Some(url)
                    };
                    all.into_iter().filter(is_wanted).collect()
                }
                Step::Where(tests) => {
                    let mut kept = Vec::new();
                    for node in nodes {
                        if self.passes(&node, tests)? {
                            kept.push(node);
                        }
                    }
                    kept
                }
            };
        }
        Ok(nodes)
    }

    fn passes(&self, node: &Node, tests: &[Test]) -> Result<bool, Astray> {
        for test in tests {
            let found = self.follow(vec![node.clone()], &test.steps)?;
            let holds = match (&test.is, found.as_slice()) {
                (None, found) => !found.is_empty(),
                (Some(literal), [one]) => self.value(one).is_some_and(|value| literal.is(value)),
                (Some(_), _) => false,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The JSON value of an element; a primitive that has extensions alone has none.
    fn value(&self, node: &Node) -> Option<&Value> {
        let place = node.place.as_ref()?;
        let value = find(self.resource, &place.object)?.get(place.name)?;
        match place.index {
            Some(index) => value.get(index),
            None => Some(value),
        }
    }

    /// The type of an element; of a resource within the resource, what it says it is.
    fn type_of(&self, node: &Node) -> &'static str {
        if node.type_name != "Resource" {
            return node.type_name;
        }
        let inner = find(self.resource, &node.object()).and_then(|inner| inner.get("resourceType")?.as_str());
        inner
            .and_then(|name| self.tables.named(name))
            .map_or("Resource", |(name, _)| name)
    }

    /// The type whose table tells of the members of an element.
    pub(super) fn owner(&self, node: &Node) -> &'static str {
        if node.is_primitive() {
            ELEMENT
        } else {
            self.type_of(node)
        }
    }

    fn members(&self, nodes: &[Node], member: &str) -> Result<Vec<Node>, Astray> {
        let mut found = Vec::new();
        for node in nodes {
            let object = node.object();
            let owner = self.owner(node);
            let definitions = named(self.tables, owner, member)?;
            let Some(Value::Object(members)) = find(self.resource, &object) else {
                continue;
            };
            for (name, element) in definitions {
                let count = count(members, name, element.many);
                if found.len() + count > MOST_ELEMENTS {
                    return Err(Astray::TooMany);
                }
                found.extend((0..count).map(|index| Node {
                    type_name: &element.type_name,
                    place: Some(Place {
                        object: object.clone(),
                        owner,
                        name,
                        index: element.many.then_some(index),
                    }),
                }));
            }
        }
        Ok(found)
    }
}

/// The JSON names and definitions of a member of a type: one, or each type of a choice (by its stem).
pub(super) fn named(tables: &'static Tables, owner: &str, member: &str) -> Result<Vec<Definition>, Astray> {
    let is_meant = |(name, element): &Definition| match &element.choice {
        Some(stem) => stem == member,
        None => *name == member,
    };
    let found: Vec<Definition> = match owner {
        ELEMENT if !matches!(member, "id" | "extension") => Vec::new(),
        ELEMENT => tables
            .type_("Extension")
            .into_iter()
            .flat_map(TypeTable::iter)
            .filter(is_meant)
            .collect(),
        _ => tables
            .type_(owner)
            .into_iter()
            .flat_map(TypeTable::iter)
            .filter(is_meant)
            .collect(),
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let shown = if is_element_name(member) { member } else { "?" };
    Err(Astray::Wrong(Text::new(
        format!("{shown} är inget element där (ett val anges med sin stam, till exempel deceased)."),
        format!("{shown} is no element there (a choice is named by its stem, deceased for example)."),
    )))
}

impl Literal {
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Literal::Text(text), Value::String(value)) => text == value,
            (Literal::Number(number), Value::Number(value)) => same_number(number, &value.to_string()),
            (Literal::Boolean(truth), Value::Bool(value)) => truth == value,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fhir::elements::elements;
    use crate::fhir::version::FhirVersion;

    fn found(resource: &Value, text: &str) -> Vec<String> {
        let ground = Ground {
            tables: elements(FhirVersion::R5),
            kind: "Patient",
            resource,
        };
        let path = read("Patient", text).unwrap_or_else(|reason| panic!("{text}: {reason:?}"));
        let Ok(nodes) = ground.select(&path.steps) else {
            panic!("{text} leads astray")
        };
        nodes
            .iter()
            .map(|node| {
                node.place.as_ref().map_or("Patient".to_owned(), |place| {
                    let above: String = place
                        .object
                        .iter()
                        .map(|key| match key {
                            Key::Name(name) => format!("/{name}"),
                            Key::Index(index) => format!("/{index}"),
                        })
                        .collect();
                    let index = place.index.map(|index| format!("/{index}")).unwrap_or_default();
                    format!("{above}/{}{index}", place.name)
                })
            })
            .collect()
    }

    fn person() -> Value {
        json!({
            "resourceType": "Patient",
            "name": [
                { "use": "usual", "given": ["A", "B"], "_given": [null, {"extension": [{"url": "u", "valueInteger": 1}]}] },
                { "use": "official", "family": "O'C", "given": ["C"] },
            ],
            "telecom": [{ "system": "phone", "use": "home", "rank": 1 }, { "system": "phone", "use": "work", "rank": 2 }],
            "deceasedDateTime": "2026-01-01",
            "_birthDate": { "extension": [{ "url": "u", "valueString": "x" }] },
            "contained": [{ "resourceType": "Organization", "id": "o", "active": true }],
        })
    }

    #[test]
    fn paths_lead_to_elements() {
        for (path, expected) in [
            ("Patient", vec!["Patient"]),
            ("Patient.name", vec!["/name/0", "/name/1"]),
            ("name[1].family", vec!["/name/1/family"]),
            (
                "Patient.name.given",
                vec!["/name/0/given/0", "/name/0/given/1", "/name/1/given/0"],
            ),
            ("Patient.name.first().given.last()", vec!["/name/0/given/1"]),
            ("Patient.name.where(use = 'official').given[0]", vec!["/name/1/given/0"]),
            ("Patient.name.where(family='O\\'C')", vec!["/name/1"]),
            (
                "Patient.telecom.where(system='phone' and use = 'work')",
                vec!["/telecom/1"],
            ),
            ("Patient.telecom.where(rank = 1.0)", vec!["/telecom/0"]),
            ("Patient.telecom.where(rank.exists()).first()", vec!["/telecom/0"]),
            ("Patient.name.given.where($this = 'B')", vec!["/name/0/given/1"]),
            (
                "Patient.name.given.where(extension('u').exists())",
                vec!["/name/0/given/1"],
            ),
            (
                "Patient.name[0].given[1].extension('u').value",
                vec!["/name/0/_given/1/extension/0/valueInteger"],
            ),
            ("Patient.deceased", vec!["/deceasedDateTime"]),
            ("Patient.deceased.ofType(dateTime)", vec!["/deceasedDateTime"]),
            ("Patient.deceased.ofType(boolean)", vec![]),
            ("Patient.where(deceased = @2026-01-01).name[0]", vec!["/name/0"]),
            ("Patient.birthDate", vec!["/birthDate"]),
            (
                "Patient.birthDate.extension.where(url = 'u').value",
                vec!["/_birthDate/extension/0/valueString"],
            ),
            (
                "Patient.contained.ofType(Organization).active",
                vec!["/contained/0/active"],
            ),
            ("Patient.contained.where(id = 'o')", vec!["/contained/0"]),
            ("Patient.contact.name", vec![]),
            ("Patient.`name`[7]", vec![]),
            ("Patient.name.where(period.where(start.exists()).exists())", vec![]),
        ] {
            assert_eq!(found(&person(), path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for text in [
            "",
            "Patient.",
            "Patient..name",
            ".name",
            "Patient.name[",
            "Patient.name[-1]",
            "Patient.name[1.5]",
            "Patient.name[x]",
            "Patient.name[99999999999999999999]",
            "Patient.name.where(",
            "Patient.name.where()",
            "Patient.name.where(use = )",
            "Patient.name.where(use != 'x')",
            "Patient.name.where(use = 'x' or use = 'y')",
            "Patient.name.where(use)",
            "Patient.name.exists()",
            "Patient.managingOrganization.resolve()",
            "Patient.name.select(given)",
            "Patient.name | Patient.telecom",
            "Patient.name 'x'",
            "Patient.name.where(family = 'x)",
            "Patient.name.where(family = '\\ud800')",
            "Patient.extension()",
            "Patient.ofType(System.String)",
            "%resource.name",
            "Patient.name.given = 'A'",
            "åäö",
            "Patient.näme",
        ] {
            assert!(read("Patient", text).is_err(), "{text}");
        }
        assert!(read("Patient", &format!("Patient{}", ".name".repeat(1000))).is_err());
        let resource = person();
        let ground = Ground {
            tables: elements(FhirVersion::R5),
            kind: "Patient",
            resource: &resource,
        };
        for text in [
            "Patient.nonsense",
            "Patient.deceasedDateTime",
            "Patient.birthDate.x",
            "Organization.name",
            "Patient.name.where(x = 1)",
        ] {
            let path = read("Patient", text).unwrap();
            assert!(matches!(ground.select(&path.steps), Err(Astray::Wrong(_))), "{text}");
        }
    }
}
