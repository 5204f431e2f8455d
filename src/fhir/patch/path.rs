//! The paths of a FHIRPath Patch: the part of FHIRPath that says where something stands. Members (a choice by its stem,
//! `deceased`), `[n]`, `first()`, `last()`, `where(…)` with `=`, `exists()` and `and`, `ofType(…)`, `extension('url')`.
//! Anything else is refused by name, never guessed at.

use crate::fhir::fault::Text;

/// Longest path, in bytes.
const LONGEST: usize = 2_000;

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
    pub(super) steps: Vec<Step>,
    /// `None`: it is enough that something is there (`exists()`).
    pub(super) is: Option<Literal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    /// A string, or a date or time: `'official'`, `@2026-01-01`.
    Text(String),
    Number(String),
    Boolean(bool),
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
