//! The in-parameters of an operation (operations.html#executing): in the address, in a body of type Parameters, or, for
//! the one that is a resource, as the body itself. What an operation does not know is refused, not ignored.

use serde_json::Value;

use super::negotiate::Ask;
use super::sent::Sent;
use crate::door::address::GENERAL;
use crate::door::content;
use crate::door::problem::Problem;
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::version::FhirVersion;

/// One in-parameter of an operation.
pub struct InParameter {
    pub name: &'static str,
    pub takes: Takes,
}

impl InParameter {
    /// A text or number, in Parameters as one of these members.
    pub const fn text(name: &'static str, members: &'static [&'static str]) -> InParameter {
        InParameter {
            name,
            takes: Takes::Text(members),
        }
    }
}

/// What an in-parameter holds.
#[derive(Clone, Copy)]
pub enum Takes {
    /// A text or number: in the address, or in Parameters as one of these members.
    Text(&'static [&'static str]),
    /// A resource: in Parameters, or the body itself.
    Resource,
    /// Anything, in Parameters; it cannot change the answer here.
    Anything,
}

/// What the caller gave.
#[derive(Default)]
pub struct Given {
    texts: Vec<(&'static str, String)>,
    pub resource: Option<Value>,
}

impl Given {
    /// Reads the address's query and the body.
    pub fn read(
        version: FhirVersion,
        known: &'static [InParameter],
        query: &str,
        body: Option<Value>,
    ) -> Result<Given, Problem> {
        let mut given = Given::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match known.iter().find(|known| known.name == name) {
                _ if GENERAL.contains(&name.as_ref()) => {}
                Some(InParameter {
                    name,
                    takes: Takes::Text(_),
                }) => given.texts.push((name, value.into_owned())),
                Some(_) => {
                    return Err(Problem::bad_request(
                        "Den parametern kan inte stå i adressen; sänd den i en Parameters-resurs.",
                        "That parameter cannot stand in the address; send it in a Parameters resource.",
                    ));
                }
                None => return Err(unknown(known, "")),
            }
        }
        if let Some(body) = body {
            given.read_body(version, known, body)?;
        }
        Ok(given)
    }

    fn read_body(&mut self, version: FhirVersion, known: &'static [InParameter], value: Value) -> Result<(), Problem> {
        if content::type_of(&value) != Some("Parameters") {
            if !known.iter().any(|known| matches!(known.takes, Takes::Resource)) {
                content::check(version, "Parameters", &value)?;
            }
            self.resource = Some(value);
            return Ok(());
        }
        content::check_parameters(version, &value)?;
        let Value::Object(mut members) = value else {
            return Ok(());
        };
        let Some(Value::Array(parameters)) = members.shift_remove("parameter") else {
            return Ok(());
        };
        for (index, parameter) in parameters.into_iter().enumerate() {
            self.take(known, &format!("Parameters.parameter[{index}]"), parameter)?;
        }
        Ok(())
    }

    fn take(&mut self, known: &'static [InParameter], place: &str, mut parameter: Value) -> Result<(), Problem> {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        let Some(own) = known.iter().find(|known| known.name == name) else {
            return Err(unknown(known, place));
        };
        match own.takes {
            Takes::Anything => {}
            Takes::Text(members) => {
                let text = members.iter().find_map(|member| match parameter.get(*member)? {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                });
                let text = text.ok_or_else(|| wrong_type(place, &members.join(", ")))?;
                self.texts.push((own.name, text));
            }
            Takes::Resource => {
                let resource = parameter.get_mut("resource").map(Value::take);
                let resource = resource.ok_or_else(|| wrong_type(place, "resource"))?;
                if self.resource.replace(resource).is_some() {
                    return Err(more_than_one(own.name, place));
                }
            }
        }
        Ok(())
    }

    /// Every value of a parameter, in the order given.
    pub fn all<'g>(&'g self, name: &'g str) -> impl Iterator<Item = &'g str> {
        let named = self.texts.iter().filter(move |(own, _)| *own == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that may be given once; the same in the address and in the body is once.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let mut all = self.all(name);
        let first = all.next();
        if all.any(|other| Some(other) != first) {
            return Err(more_than_one(name, ""));
        }
        Ok(first)
    }
}

impl Ask {
    /// Reads an operation's in-parameters; `query` is that of the address.
    pub async fn given(&self, known: &'static [InParameter], query: String, sent: Sent) -> Result<Given, Problem> {
        let (version, limits) = (self.version(), self.app.door.limits);
        match sent {
            Sent::Nothing => Given::read(version, known, &query, None),
            Sent::Entry(resource) => {
                self.computing(usize::MAX, move || Given::read(version, known, &query, Some(resource)))
                    .await
            }
            Sent::Body(payload) => {
                let bytes = self.body(payload).await?;
                if bytes.is_empty() {
                    return Given::read(version, known, &query, None);
                }
                self.require_fhir_json()?;
                self.computing(bytes.len(), move || {
                    let body = content::read_json(&bytes, &limits)?;
                    Given::read(version, known, &query, Some(body))
                })
                .await
            }
        }
    }
}

fn unknown(known: &[InParameter], place: &str) -> Problem {
    let names: Vec<&str> = known.iter().map(|known| known.name).collect();
    let names = names.join(", ");
    Problem::fault(
        IssueCode::NotSupported,
        place,
        Text::new(
            format!("Operationen har inte den parametern; den har {names}."),
            format!("The operation has no such parameter; it has {names}."),
        ),
    )
}

fn wrong_type(place: &str, wanted: &str) -> Problem {
    Problem::fault(
        IssueCode::Value,
        place,
        Text::new(
            format!("Parametern ska anges som {wanted}."),
            format!("The parameter must be given as {wanted}."),
        ),
    )
}

fn more_than_one(name: &str, place: &str) -> Problem {
    Problem::fault(
        IssueCode::Value,
        place,
        Text::new(
            format!("Parametern {name} får anges en gång."),
            format!("The parameter {name} may be given once."),
        ),
    )
}

/// The address with what is asked for; the address alone when nothing is.
pub fn with_query(address: &str, query: &str) -> String {
    match query {
        "" => address.to_owned(),
        query => format!("{address}?{query}"),
    }
}
