//! Quantities in a search (search.html#quantity, #number): decimals compared exactly, as ranges, without a float anywhere.
//!
//! A number becomes a text whose order is that of the numbers, so that any database compares it. A range is told by two
//! *cuts*: a cut lies just before or just after a number, so that closed, open and half-open ranges are all [low, high)
//! and the prefixes are those of dates ([`super::dates::test`]).
//!
//! Units are compared as they are written: 1 h is not 60 min here.

use serde_json::Value;

use super::dates::{Prefix, Test, test};

/// Significant digits that count; FHIR asks for eighteen. What comes after them is cut off.
const DIGITS: usize = 34;
/// Exponents that are a number and not a mistake; the order of the texts depends on their width.
const LARGEST_EXPONENT: i64 = 49_000;

/// Before every number and after every number.
const FIRST: &str = "";
const LAST: &str = "~";

/// A quantity in a query: `[prefix][number]|[system]|[code]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantityValue {
    pub prefix: Prefix,
    pub low: String,
    pub high: String,
    /// The unit: canonical system and code; without a system the code may also be the unit as people read it.
    pub system: Option<String>,
    pub code: Option<String>,
}

impl QuantityValue {
    /// The number and its prefix; `None` when it is no decimal of FHIR's.
    pub fn parse(text: &str, system: Option<String>, code: Option<String>) -> Option<QuantityValue> {
        let (prefix, number) = Prefix::split(text);
        let stated = Decimal::parse(number)?;
        let (low, high) = match prefix {
            // "Equal to 100, to 3 significant figures": what would be written so.
            Prefix::Eq | Prefix::Ne => {
                let (low, high) = stated.rounded_to_it();
                (low.before()?, high.before()?)
            }
            Prefix::Ap => {
                let (low, high) = stated.about();
                (low.before()?, high.after()?)
            }
            _ => (stated.before()?, stated.after()?),
        };
        Some(QuantityValue {
            prefix,
            low,
            high,
            system,
            code,
        })
    }

    pub fn test(&self) -> Test<&str> {
        test(self.prefix, self.low.as_str(), self.high.as_str())
    }
}

/// The range of a Quantity or a Range, and its unit: system, code, unit. `None` without any number.
pub(super) fn range(element: &Value) -> Option<(String, String, [Option<&str>; 3])> {
    if let Some(number) = decimal(element) {
        let open = |text: &str| text.to_owned();
        let (low, high) = match element.get("comparator").and_then(Value::as_str) {
            Some("<") => (open(FIRST), number.before()?),
            Some("<=") => (open(FIRST), number.after()?),
            Some(">") => (number.after()?, open(LAST)),
            Some(">=") => (number.before()?, open(LAST)),
            _ => (number.before()?, number.after()?),
        };
        return Some((low, high, unit_of(element)));
    }
    let ends = [element.get("low"), element.get("high")];
    let [low, high] = ends.map(|end| end.and_then(decimal));
    if low.is_none() && high.is_none() {
        return None;
    }
    let told = ends.into_iter().flatten().next()?;
    Some((
        low.map_or(Some(FIRST.to_owned()), |low| low.before())?,
        high.map_or(Some(LAST.to_owned()), |high| high.after())?,
        unit_of(told),
    ))
}

fn unit_of(quantity: &Value) -> [Option<&str>; 3] {
    ["system", "code", "unit"].map(|name| quantity.get(name).and_then(Value::as_str))
}

fn decimal(quantity: &Value) -> Option<Decimal> {
    match quantity.get("value")? {
        Value::Number(number) => Decimal::parse(&number.to_string()),
        _ => None,
    }
}

/// `digits` × 10^`exponent`, with the precision it was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    digits: i128,
    exponent: i64,
    /// Whether it was written with an exponent.
    scientific: bool,
}

impl Decimal {
    fn parse(text: &str) -> Option<Decimal> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (number, power) = match text.split_once(['e', 'E']) {
            Some((number, power)) => (number, Some(power)),
            None => (text, None),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (number, ""),
        };
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let power: i64 = match power {
            Some(power) => power.parse().ok()?,
            None => 0,
        };
        let written = format!("{whole}{fraction}");
        let significant = written.trim_start_matches('0');
        let kept = significant.get(..DIGITS).unwrap_or(significant);
        let cut = i64::try_from(significant.len() - kept.len()).ok()?;
        let exponent = power
            .checked_sub(i64::try_from(fraction.len()).ok()?)?
            .checked_add(cut)?;
        if exponent.abs() > LARGEST_EXPONENT {
            return None;
        }
        let digits: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
        Some(Decimal {
            digits: if negative { -digits } else { digits },
            exponent,
            scientific: text.len() > number.len(),
        })
    }

    fn with(self, digits: i128, exponent: i64) -> Decimal {
        Decimal {
            digits,
            exponent,
            ..self
        }
    }

    /// The least number that is written so with this precision, and the least that no longer is: `100` → 99.5 and 100.5.
    /// HL7 reads `1e2` as [95, 105): a digit finer than what is written.
    fn rounded_to_it(self) -> (Decimal, Decimal) {
        let (scale, places) = self.finer();
        let digits = self.digits * scale;
        (
            self.with(digits - 5, self.exponent - places),
            self.with(digits + 5, self.exponent - places),
        )
    }

    /// Ten per cent to each side ("the recommended value for the approximation"), at least what rounding gives.
    fn about(self) -> (Decimal, Decimal) {
        let (scale, places) = self.finer();
        let digits = self.digits * scale;
        let width = (digits.abs() / 10).max(5);
        (
            self.with(digits - width, self.exponent - places),
            self.with(digits + width, self.exponent - places),
        )
    }

    /// How many digits finer the ends of its implicit range are: what to multiply by, and the power of ten.
    fn finer(self) -> (i128, i64) {
        if self.scientific { (100, 2) } else { (10, 1) }
    }

    /// The cut just before the number.
    fn before(self) -> Option<String> {
        self.in_order().map(|text| text + "!")
    }

    /// The cut just after it.
    fn after(self) -> Option<String> {
        self.in_order().map(|text| text + "#")
    }

    /// Its text among the texts of all numbers: sign, exponent of the first digit, digits without the zeros at their end.
    /// Both `!` and `#` come before any digit, so that the cuts at a number lie before the numbers it begins.
    fn in_order(self) -> Option<String> {
        let digits = self.digits.unsigned_abs().to_string();
        let first = self.exponent + i64::try_from(digits.len()).ok()?;
        if first.abs() > LARGEST_EXPONENT + 100 {
            return None;
        }
        let digits = digits.trim_end_matches('0');
        Some(match self.digits {
            0 => "1".to_owned(),
            1.. => format!("2{:05}{digits}", first + 50_000),
            // Of negative numbers everything is turned round, and a longer one comes before the one it begins with.
            _ => {
                let turned: String = digits.bytes().map(|digit| char::from(b'9' - (digit - b'0'))).collect();
                format!("0{:05}{turned}~", 49_999 - first)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn cuts(text: &str) -> (String, String) {
        let number = Decimal::parse(text).unwrap_or_else(|| panic!("{text}"));
        (number.before().unwrap(), number.after().unwrap())
    }

    #[test]
    fn texts_are_in_the_order_of_the_numbers() {
        let numbers = [
            "-1e400",
            "-1000",
            "-10.01",
            "-10",
            "-9.99",
            "-0.5",
            "-0.0001",
            "0",
            "1e-400",
            "0.0001",
            "0.05",
            "0.5",
            "0.51",
            "1",
            "1.000000000000000000000001",
            "1.5",
            "9",
            "10",
            "10.5",
            "99.5",
            "100",
            "1e400",
        ];
        for pair in numbers.windows(2) {
            let ((before, after), (next, _)) = (cuts(pair[0]), cuts(pair[1]));
            assert!(before < after && after < next, "{pair:?}");
            assert!(FIRST < before.as_str() && next.as_str() < LAST);
        }
        for (one, same) in [
            ("1", "1.000"),
            ("100", "1e2"),
            ("0", "-0.0"),
            ("0.5", "5E-1"),
            ("120", "1.2e+2"),
        ] {
            assert_eq!(cuts(one), cuts(same));
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1e",
            "1e1.5",
            "1,5",
            "0x1",
            "1e99999",
            "1e99999999999999999999",
            "nan",
            "--1",
            "5 ",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_read_with_its_precision() {
        let equal = |text: &str, low: &str, high: &str| {
            let value = QuantityValue::parse(text, None, None).unwrap();
            assert_eq!((value.low, value.high), (cuts(low).0, cuts(high).0), "{text}");
        };
        equal("100", "99.5", "100.5");
        equal("eq100.00", "99.995", "100.005");
        equal("1e2", "95", "105");
        equal("-1.5", "-1.55", "-1.45");
        equal("0", "-0.5", "0.5");
    }

    #[test]
    fn ranges_and_comparators_are_ranges() {
        let unit = [None; 3];
        let (low, high) = (cuts("2"), cuts("5"));
        assert_eq!(
            range(&json!({"low": {"value": 2}, "high": {"value": 5}})),
            Some((low.0.clone(), high.1.clone(), unit))
        );
        assert_eq!(
            range(&json!({"low": {"value": 2}})),
            Some((low.0, LAST.to_owned(), unit))
        );
        assert_eq!(
            range(&json!({"value": 5, "comparator": "<"})),
            Some((FIRST.to_owned(), high.0, unit))
        );
        assert_eq!(range(&json!({"unit": "år"})), None);
        assert_eq!(range(&json!("5")), None);
    }

    proptest! {
        #[test]
        fn any_two_numbers_compare_as_their_texts(a in -99_999_i64..99_999, b in -99_999_i64..99_999, places in 0_u32..6) {
            let text = |number: i64| {
                let scale = 10_i64.pow(places);
                let sign = if number < 0 { "-" } else { "" };
                let (whole, rest) = (number.abs() / scale, number.abs() % scale);
                if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest:0width$}", width = places as usize) }
            };
            prop_assert_eq!(cuts(&text(a)).cmp(&cuts(&text(b))), a.cmp(&b));
        }

        #[test]
        fn nothing_makes_it_panic(text in "[-+0-9.eE]{0,60}") {
            let _ = QuantityValue::parse(&text, None, None);
            let _ = range(&json!({"value": text}));
        }
    }
}
