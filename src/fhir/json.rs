//! Strict reading of JSON text (RFC 8259) into a [`Value`] that keeps the order of the elements and every digit of every
//! number as it was written. Every body passes here first; `structure` then looks at what it says.
//!
//! Written by hand because a body must be refused for duplicate keys and for depth with the path of the fault, and because
//! serde_json (with `arbitrary_precision`) would take an object `{"$serde_json::private::Number": "1"}` for a number.

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::fault::{Fault, IssueCode, Text};

/// How much of a body is taken in at all.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest body, in bytes. It also bounds the number of values in it, since each takes far more room once it is read
    /// than `{},` takes in the text: one for every [`BYTES_OF_A_VALUE`].
    pub bytes: usize,
    /// Deepest nesting of objects and arrays.
    pub depth: usize,
}

/// A value of FHIR, with its name and its quotes, seldom takes less (25 in HL7's examples, without spaces).
pub const BYTES_OF_A_VALUE: usize = 16;

/// So many values may be in any body, however low the limit is set.
const VALUES_ALLOWED: usize = 1000;

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 5 * 1024 * 1024,
            depth: 64,
        }
    }
}

/// Reads a JSON object. One fault is all there can be: what follows a fault of syntax is guesswork.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    read_whole(bytes, limits, b'{')
}

/// Reads a JSON array by the same rules: a JSON Patch is one.
pub fn read_list(bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    read_whole(bytes, limits, b'[')
}

fn read_whole(bytes: &[u8], limits: &Limits, first: u8) -> Result<Value, Fault> {
    if bytes.len() > limits.bytes {
        return Err(whole(
            IssueCode::TooLong,
            "Texten är för stor.",
            "The body is too large.",
        ));
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        let sv = "Texten börjar med ett byteordningsmärke (BOM); JSON får inte ha något.";
        return Err(whole(
            IssueCode::Structure,
            sv,
            "The body starts with a byte order mark; JSON must not have one.",
        ));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(whole(
            IssueCode::Structure,
            "Texten är inte UTF-8.",
            "The body is not UTF-8.",
        ));
    };
    let mut reader = Reader {
        text,
        at: 0,
        depth: limits.depth,
        values: (limits.bytes / BYTES_OF_A_VALUE).max(VALUES_ALLOWED),
        duplicate: None,
    };
    reader.space();
    let value = match reader.peek() {
        Some(byte) if byte == first => reader.value().and_then(|value| reader.end().map(|()| value)),
        _ => Err(Broken::Syntax),
    };
    match value {
        Err(Broken::Syntax) => Err(reader.not_json(first)),
        Err(Broken::TooDeep) => {
            let sv = "Texten är nästlad för djupt.";
            Err(whole(IssueCode::TooCostly, sv, "The body is nested too deeply."))
        }
        Err(Broken::TooMany) => {
            let sv = "Texten innehåller för många värden.";
            Err(whole(IssueCode::TooCostly, sv, "The body holds too many values."))
        }
        Ok(value) => match reader.duplicate {
            Some(path) => Err(duplicate(&value, &path)),
            None => Ok(value),
        },
    }
}

/// Reads text that passed [`read`] before: stored bodies, which conversion may have nested deeper. To be used instead of
/// `serde_json::from_str`, which rewrites exponents (`1E2` becomes `1e+2`) and so would lose what was written.
pub fn reread(text: &str) -> Result<Value, Fault> {
    read(
        text.as_bytes(),
        &Limits {
            bytes: usize::MAX,
            depth: 256,
        },
    )
}

fn whole(code: IssueCode, sv: &'static str, en: &'static str) -> Fault {
    Fault {
        code,
        expression: String::new(),
        text: Text::new(sv, en),
    }
}

fn duplicate(root: &Value, path: &[Step]) -> Fault {
    let mut expression = match root.get("resourceType") {
        Some(Value::String(name)) if is_element_name(name) => name.clone(),
        _ => String::new(),
    };
    for step in path.iter().rev() {
        match step {
            Step::Name(name) => {
                let name = name.strip_prefix('_').unwrap_or(name);
                if !is_element_name(name) {
                    break;
                }
                if !expression.is_empty() {
                    expression.push('.');
                }
                expression.push_str(name);
            }
            Step::Index(index) => expression.push_str(&format!("[{index}]")),
        }
    }
    let text = Text::new(
        "Elementet står två gånger i samma objekt.",
        "The element stands twice in the same object.",
    );
    Fault {
        code: IssueCode::Structure,
        expression,
        text,
    }
}

/// Whether a name may be repeated to the caller: it looks like the name of an element, not like data.
pub(crate) fn is_element_name(name: &str) -> bool {
    // No element has so many digits (`valueBase64Binary` has two), but a number that was meant as a value has.
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    name.len() <= 64
        && digits <= 3
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

enum Step {
    Name(String),
    Index(usize),
}

enum Broken {
    Syntax,
    TooDeep,
    TooMany,
}

type Read<T> = Result<T, Broken>;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How much deeper we may go.
    depth: usize,
    /// How many values more there may be.
    values: usize,
    /// Where the first duplicate key stands, innermost step first: the steps are added on the way out. Reading goes on,
    /// since the text may still turn out not to be JSON.
    duplicate: Option<Vec<Step>>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Read<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(Broken::Syntax)
        }
    }

    fn end(&mut self) -> Read<()> {
        self.space();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(Broken::Syntax)
        }
    }

    fn value(&mut self) -> Read<Value> {
        self.values = self.values.checked_sub(1).ok_or(Broken::TooMany)?;
        match self.peek() {
            Some(b'{') => self.object().map(Value::Object),
            Some(b'[') => self.array().map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            _ => self.number().map(Value::Number),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Read<Value> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(Broken::Syntax)
        }
    }

    fn deeper(&mut self) -> Read<()> {
        self.depth = self.depth.checked_sub(1).ok_or(Broken::TooDeep)?;
        Ok(())
    }

    fn object(&mut self) -> Read<Map<String, Value>> {
        self.deeper()?;
        self.eat(b'{')?;
        let mut map = Map::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                self.space();
                let name = self.string()?;
                self.space();
                self.eat(b':')?;
                self.space();
                let known = self.duplicate.is_some();
                let value = self.value()?;
                if !known && let Some(path) = &mut self.duplicate {
                    path.push(Step::Name(name.clone()));
                }
                match map.entry(name) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(value);
                    }
                    Entry::Occupied(twice) => {
                        self.duplicate
                            .get_or_insert_with(|| vec![Step::Name(twice.key().clone())]);
                    }
                }
                self.space();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    _ => {
                        self.eat(b'}')?;
                        break;
                    }
                }
            }
        }
        self.depth += 1;
        Ok(map)
    }

    fn array(&mut self) -> Read<Vec<Value>> {
        self.deeper()?;
        self.eat(b'[')?;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                self.space();
                let known = self.duplicate.is_some();
                let item = self.value()?;
                if !known && let Some(path) = &mut self.duplicate {
                    path.push(Step::Index(items.len()));
                }
                items.push(item);
                self.space();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    _ => {
                        self.eat(b']')?;
                        break;
                    }
                }
            }
        }
        self.depth += 1;
        Ok(items)
    }

    fn string(&mut self) -> Read<String> {
        self.eat(b'"')?;
        let mut out = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1F)) {
                self.at += 1;
            }
            out.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return Err(Broken::Syntax),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let byte = self.peek().ok_or(Broken::Syntax)?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(Broken::Syntax),
        })
    }

    /// `\uXXXX`, or a pair of surrogates; half a pair is no text.
    fn unicode(&mut self) -> Read<char> {
        let first = self.hex4()?;
        let code = match first {
            0xD800..=0xDBFF => {
                self.eat(b'\\')?;
                self.eat(b'u')?;
                let second = self.hex4()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(Broken::Syntax);
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            other => other,
        };
        char::from_u32(code).ok_or(Broken::Syntax)
    }

    fn hex4(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self
                .peek()
                .and_then(|b| char::from(b).to_digit(16))
                .ok_or(Broken::Syntax)?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn number(&mut self) -> Read<Number> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(Broken::Syntax),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // Not `parse`: that would rewrite some exponents. The text was just checked against the grammar of JSON.
        Ok(Number::from_string_unchecked(self.text[start..self.at].to_owned()))
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(Broken::Syntax) } else { Ok(()) }
    }

    /// `first` tells what was awaited.
    fn not_json(&self, first: u8) -> Fault {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
        let (sv, en) = match first {
            b'[' => ("en JSON-lista ([…])", "a JSON array ([…])"),
            _ => ("ett JSON-objekt", "a JSON object"),
        };
        let sv = format!("Texten är inte {sv}: fel på rad {line}, position {column}.");
        let en = format!("The body is not {en}: fault at line {line}, column {column}.");
        Fault {
            code: IssueCode::Structure,
            expression: String::new(),
            text: Text::new(sv, en),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        read(text.as_bytes(), &Limits::default()).expect_err(text)
    }

    #[test]
    fn numbers_and_order_are_kept_as_written() {
        let text =
            r#"{"z":1.50,"a":[1E2,1e-7,-0,1.000000000000000000000001,1E+2,0.0],"m":{"y":12345678901234567890123}}"#;
        let value = read(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
        assert_eq!(serde_json::to_string(&reread(text).unwrap()).unwrap(), text);
    }

    #[test]
    fn a_look_alike_of_serdes_private_number_stays_an_object() {
        let value = read(br#"{"a":{"$serde_json::private::Number":"1"}}"#, &Limits::default()).unwrap();
        assert!(value["a"].is_object());
    }

    #[test]
    fn escapes_become_characters() {
        let value = read(r#"{"a":"\u00e5\ud83d\ude00\n\/å"}"#.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(value["a"], "å😀\n/å");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let bad = [
            "",
            "null",
            "[]",
            "{",
            "{}x",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1e}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":NaN}",
            "{\"a\" 1}",
            "{\"a\":[1,]}",
            "{\"a\":tru}",
            "{\"a\":\"",
            "\u{feff}{}",
        ];
        for text in bad {
            assert_eq!(fault(text).code, IssueCode::Structure, "{text}");
        }
        assert!(read(b"{\"a\":\"\xff\"}", &Limits::default()).is_err());
    }

    #[test]
    fn a_duplicate_key_is_named_even_when_the_type_stands_last() {
        let fault = fault(r#"{"participant":[{},{"role":1,"role":2}],"resourceType":"CareTeam"}"#);
        assert_eq!(fault.expression, "CareTeam.participant[1].role");
    }

    #[test]
    fn depth_and_size_are_limited() {
        let limits = Limits { bytes: 100, depth: 4 };
        assert!(read(br#"{"a":[{"b":[1]}]}"#, &limits).is_ok());
        assert_eq!(
            read(br#"{"a":[{"b":[[]]}]}"#, &limits).unwrap_err().code,
            IssueCode::TooCostly
        );
        assert_eq!(read(&[b' '; 101], &limits).unwrap_err().code, IssueCode::TooLong);
        let limits = Limits {
            bytes: 10_000,
            depth: 4,
        };
        let many = |values: usize| format!("[{}{{}}]", "{},".repeat(values - 2));
        assert!(read_list(many(VALUES_ALLOWED).as_bytes(), &limits).is_ok());
        let refused = read_list(many(VALUES_ALLOWED + 1).as_bytes(), &limits).unwrap_err();
        assert_eq!(refused.code, IssueCode::TooCostly);
    }
}
