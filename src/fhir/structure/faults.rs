//! Collects faults: turns an error of the JSON Schema into one of ours, with a FHIRPath and a text that names the element
//! and never repeats what stood in it.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::paths::LocationSegment as Segment;
use serde_json::Value;
use std::collections::HashMap;

use crate::fhir::elements::{Tables, TypeTable, elements};
use crate::fhir::fault::{Fault, IssueCode, Text};
use crate::fhir::json::is_element_name;
use crate::fhir::version::FhirVersion;

/// The faults found so far, at most one per element and kind of fault.
pub struct Faults {
    tables: &'static Tables,
    most: usize,
    list: Vec<Fault>,
    /// Expression → what was said there.
    seen: HashMap<String, Vec<IssueCode>>,
}

impl Faults {
    pub fn new(version: FhirVersion, most: usize) -> Self {
        Faults {
            tables: elements(version),
            most,
            list: Vec::new(),
            seen: HashMap::new(),
        }
    }

    pub fn into_list(self) -> Vec<Fault> {
        self.list
    }

    pub fn is_full(&self) -> bool {
        self.list.len() >= self.most
    }

    /// Whether a fault of form stands at this place already: then nothing more is said about its content.
    pub fn is_broken(&self, expression: &str) -> bool {
        !self.seen.is_empty() && self.seen.contains_key(expression)
    }

    /// Notes a fault, unless the same was said of this element before. False when the list is full.
    pub fn add(&mut self, code: IssueCode, expression: String, text: Text) -> bool {
        if self.is_full() {
            return false;
        }
        let said = self.seen.entry(expression.clone()).or_default();
        if said.contains(&code) && code != IssueCode::Invariant {
            return true;
        }
        said.push(code);
        self.list.push(Fault { code, expression, text });
        true
    }

    /// Notes an error of the schema of `kind`, for a resource that stands at `root`. False when the list is full.
    pub fn add_schema_error(&mut self, error: &ValidationError<'_>, kind: &str, root: &str) -> bool {
        let place = Place::of(self.tables, kind, root, error.instance_path().segments());
        match error.kind() {
            Kind::AdditionalProperties { unexpected } => unexpected.iter().all(|name| self.unknown(&place, name)),
            Kind::Required { property } => self.missing(&place, property.as_str()),
            Kind::AnyOf { context } => {
                let first = context
                    .first()
                    .and_then(|errors| errors.first())
                    .map(ValidationError::kind);
                match first {
                    Some(Kind::Required { property }) => self.missing(&place, property.as_str()),
                    _ => self.say(IssueCode::Structure, place, WRONG_TYPE),
                }
            }
            Kind::Type { .. } => {
                let said = if error.instance().is_null() { NULL } else { WRONG_TYPE };
                self.say(IssueCode::Structure, place, said)
            }
            Kind::MinItems { .. } | Kind::MinProperties { .. } => self.say(IssueCode::Structure, place, EMPTY),
            Kind::Enum { .. } | Kind::Format { .. } if is_blank(error.instance()) => {
                self.say(IssueCode::Structure, place, EMPTY)
            }
            // A wrong type is said by `type` itself.
            Kind::Enum { .. } if !error.instance().is_string() => true,
            Kind::Enum { .. } => self.say(IssueCode::CodeInvalid, place, CODE),
            Kind::Format { format } if format.starts_with("grammar-") => self.say(IssueCode::CodeInvalid, place, CODE),
            Kind::Format { format } => {
                let name = format.strip_prefix("fhir-").unwrap_or(format);
                let sv = format!("Elementet {} följer inte formatet för {name}.", place.name);
                let en = format!("The element {} does not follow the format of {name}.", place.name);
                self.add_form(IssueCode::Value, place.expression, Text::new(sv, en))
            }
            _ => self.say(IssueCode::Value, place, RANGE),
        }
    }

    fn unknown(&mut self, place: &Place, name: &str) -> bool {
        let plain = name.strip_prefix('_').unwrap_or(name);
        if !is_element_name(plain) {
            let text = Text::new(
                "Här står ett element vars namn inte kan finnas i FHIR.",
                "An element stands here whose name cannot exist in FHIR.",
            );
            return self.add(IssueCode::Structure, place.expression.clone(), text);
        }
        let sv = format!("Elementet {name} finns inte här i denna FHIR-version.");
        let en = format!("The element {name} does not exist here in this FHIR version.");
        self.add(
            IssueCode::Structure,
            format!("{}.{plain}", place.expression),
            Text::new(sv, en),
        )
    }

    fn missing(&mut self, place: &Place, name: Option<&str>) -> bool {
        let name = name.unwrap_or_default();
        if name == "resourceType" {
            let text = Text::new("resourceType saknas.", "resourceType is missing.");
            return self.add(IssueCode::Required, place.expression.clone(), text);
        }
        let name = place
            .table
            .and_then(|table| table.get(name))
            .and_then(|e| e.choice.as_deref())
            .unwrap_or(name);
        let sv = format!("Elementet {name} saknas men måste finnas.");
        let en = format!("The element {name} is missing but required.");
        self.add(
            IssueCode::Required,
            format!("{}.{name}", place.expression),
            Text::new(sv, en),
        )
    }

    fn say(&mut self, code: IssueCode, place: Place, (sv, en): (&str, &str)) -> bool {
        let text = Text::new(sv.replace("{}", &place.name), en.replace("{}", &place.name));
        self.add_form(code, place.expression, text)
    }

    /// One fault of form per element is enough: a number for a code is a wrong type, not also a wrong code.
    fn add_form(&mut self, code: IssueCode, expression: String, text: Text) -> bool {
        if self.is_broken(&expression) {
            !self.is_full()
        } else {
            self.add(code, expression, text)
        }
    }
}

const WRONG_TYPE: (&str, &str) = (
    "Elementet {} har fel JSON-typ.",
    "The element {} has the wrong JSON type.",
);
const NULL: (&str, &str) = ("Elementet {} får inte vara null.", "The element {} must not be null.");
const EMPTY: (&str, &str) = ("Elementet {} får inte vara tomt.", "The element {} must not be empty.");
const CODE: (&str, &str) = (
    "Koden i {} hör inte till de koder som får användas där.",
    "The code in {} is not one of the codes that may be used there.",
);
const RANGE: (&str, &str) = ("Värdet i {} är inte tillåtet.", "The value in {} is not allowed.");

fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// An element of a resource, as FHIRPath and by its JSON name.
struct Place {
    expression: String,
    name: String,
    table: Option<&'static TypeTable>,
}

impl Place {
    /// Follows a JSON pointer through the element tables: `_status` is `status`, `valueString` is `value`.
    fn of<'p>(tables: &'static Tables, kind: &str, root: &str, pointer: impl Iterator<Item = Segment<'p>>) -> Place {
        let mut place = Place {
            expression: root.to_owned(),
            name: kind.to_owned(),
            table: tables.type_(kind),
        };
        for segment in pointer {
            match segment {
                Segment::Index(index) => place.expression.push_str(&format!("[{index}]")),
                Segment::Property(name) => place.step(tables, &name),
            }
        }
        place
    }

    fn step(&mut self, tables: &'static Tables, name: &str) {
        let plain = name.strip_prefix('_').unwrap_or(name);
        let element = match self.table {
            Some(table) => table.get(plain),
            // Beneath a primitive there are `id` and `extension`, as in every element.
            None => tables
                .type_("Extension")
                .filter(|_| plain == "extension")
                .and_then(|table| table.get(plain)),
        };
        self.expression.push('.');
        self.expression
            .push_str(element.and_then(|e| e.choice.as_deref()).unwrap_or(plain));
        self.name = plain.to_owned();
        self.table = element.and_then(|e| tables.type_(&e.type_name));
    }
}
