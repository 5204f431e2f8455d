//! Composite parameters and canonicals against the naive model: pairs hold within one element, and canonicals are compared
//! by address and version.

use fastkontakt::fhir::search::dates::{DateValue, Prefix};
use serde_json::{Value, json};

use super::{Asked, Random, at};

pub mod stays {
    use super::*;

    const PLACES: [&str; 4] = [
        "Location/a",
        "Location/b",
        "https://annan.se/Location/a",
        "Location/a$b",
    ];
    /// As asked for, and the days from the first on (of 2026) to the one after.
    const DAYS: [(&str, [i64; 2]); 5] = [
        ("2026", [0, 365]),
        ("2026-01", [0, 31]),
        ("2026-01-01", [0, 1]),
        ("2026-01-03", [2, 3]),
        ("2026-02", [31, 59]),
    ];

    pub fn make(random: &mut Random) -> Value {
        let stays: Vec<Value> = (0..random.below(4))
            .map(|_| {
                let mut stay = json!({});
                match random.below(6) {
                    0 => {}
                    1 => stay["location"] = json!({"display": "hemma"}),
                    _ => stay["location"] = json!({"reference": random.pick(&PLACES)}),
                }
                match random.below(4) {
                    0 => {}
                    1 => stay["period"] = json!({"start": "2026-01-03"}),
                    _ => {
                        let day = 1 + random.below(4);
                        stay["period"] =
                            json!({"start": format!("2026-01-{day:02}"), "end": format!("2026-01-{:02}", day + random.below(3))});
                    }
                }
                stay
            })
            .collect();
        json!({ "location": stays })
    }

    fn period(stay: &Value) -> Option<(i64, i64)> {
        let day = |end: &str| stay["period"][end].as_str()?[8..].parse::<i64>().ok();
        Some((day("start")? - 1, day("end").unwrap_or(i64::MAX)))
    }

    pub fn ask(random: &mut Random) -> Asked {
        let mut wanted: Vec<(&str, &str, Prefix, [i64; 2])> = Vec::new();
        for _ in 0..1 + random.below(2) {
            let (prefix, (written, days)) = (Prefix::ALL[random.below(8)], DAYS[random.below(5)]);
            // `a` is one of ours: the reference is relative.
            wanted.push((random.pick(&PLACES[..3]), written, prefix.1, days));
        }
        let value = wanted.iter().map(|(place, written, prefix, _)| {
            let told = Prefix::ALL.iter().find(|(_, own)| own == prefix).expect("a prefix").0;
            let place = if *place == "Location/b" { "b" } else { place };
            format!("{place}${told}{written}")
        });
        let value = value.collect::<Vec<_>>().join(",");
        let fulfils = move |stay: &&Value| {
            wanted.iter().any(|(place, _, prefix, [low, high])| {
                let asked = DateValue {
                    prefix: *prefix,
                    low: *low,
                    high: *high,
                };
                stay["location"]["reference"] == *place
                    && period(stay).is_some_and(|(low, high)| asked.matches(low, high))
            })
        };
        (
            "location-period".to_owned(),
            value,
            Box::new(move |stay| at(stay, &["location"]).iter().any(&fulfils)),
        )
    }
}

pub mod contexts {
    use super::*;

    const SYSTEMS: [&str; 3] = ["", "http://s", "http://t"];
    /// What means something else where it is not escaped.
    const CODES: [&str; 5] = ["age", "focus", "a|b", "a$b,c", "a\\b"];

    fn coding(random: &mut Random) -> Value {
        let mut coding = json!({});
        let system = random.pick(&SYSTEMS);
        if !system.is_empty() {
            coding["system"] = json!(system);
        }
        if random.below(6) > 0 {
            coding["code"] = json!(random.pick(&CODES));
        }
        coding
    }

    pub fn make(random: &mut Random) -> Value {
        let contexts: Vec<Value> = (0..random.below(4))
            .map(|_| {
                let mut context = json!({ "code": coding(random) });
                match random.below(3) {
                    0 => context["valueQuantity"] = json!({"value": random.below(4), "unit": "år"}),
                    1 => context["valueRange"] = json!({"low": {"value": random.below(3)}}),
                    _ => context["valueCodeableConcept"] = json!({"coding": [coding(random), coding(random)]}),
                }
                context
            })
            .collect();
        json!({ "useContext": contexts })
    }

    /// A token that is asked for, and whether a Coding is it.
    fn token(random: &mut Random) -> (String, impl Fn(&Value) -> bool + Clone + 'static) {
        let (system, code) = (random.pick(&SYSTEMS), random.pick(&CODES));
        let form = random.below(4);
        let mut escaped = code.to_owned();
        for special in ["\\", "|", "$", ","] {
            escaped = escaped.replace(special, &format!("\\{special}"));
        }
        let text = match form {
            0 => escaped,
            1 => format!("|{escaped}"),
            2 if !system.is_empty() => format!("{system}|"),
            _ => format!("{system}|{escaped}"),
        };
        let fulfils = move |coding: &Value| {
            let same_code = coding["code"] == code;
            let same_system = coding["system"].as_str().unwrap_or_default() == system;
            match form {
                0 => same_code,
                1 => same_code && coding.get("system").is_none(),
                2 if !system.is_empty() => same_system,
                _ => same_code && same_system,
            }
        };
        (text, fulfils)
    }

    pub fn ask(random: &mut Random) -> Asked {
        let (kind, of_kind) = token(random);
        if random.below(2) == 0 {
            let (value, of_value) = token(random);
            let fulfils = move |context: &&Value| {
                of_kind(&context["code"])
                    && at(context, &["valueCodeableConcept", "coding"])
                        .into_iter()
                        .any(&of_value)
            };
            return (
                "context-type-value".to_owned(),
                format!("{kind}${value}"),
                Box::new(move |form| at(form, &["useContext"]).iter().any(&fulfils)),
            );
        }
        let number = random.below(4) as u64;
        let (prefix, unit) = (random.pick(&["", "ge", "lt"]), random.pick(&["", "||år"]));
        let fulfils = move |context: &&Value| {
            let quantity = context["valueQuantity"]["value"].as_u64();
            let from = context["valueRange"]["low"]["value"].as_u64();
            // A range without an end goes on: it meets what is asked for from some number on, and lies within none.
            let of_number = match (quantity, from) {
                (Some(value), _) => match prefix {
                    "ge" => value >= number,
                    "lt" => value < number,
                    _ => value == number,
                },
                (None, Some(from)) => prefix == "ge" || (prefix == "lt" && from < number),
                (None, None) => false,
            };
            of_kind(&context["code"]) && of_number && (unit.is_empty() || quantity.is_some())
        };
        (
            "context-type-quantity".to_owned(),
            format!("{kind}${prefix}{number}{unit}"),
            Box::new(move |form| at(form, &["useContext"]).iter().any(&fulfils)),
        )
    }
}

pub mod canonicals {
    use super::*;

    const ALL: [&str; 12] = [
        "http://a.se/q",
        "http://a.se/q|1",
        "http://a.se/q|1.2",
        "http://a.se/q|1.2.3",
        "http://a.se/q|1-a",
        "http://a.se/q|12",
        "http://a.se/q|2026-03",
        "http://a.se/q|2#del",
        "http://a.se/q/1|1",
        "http://a.se/qq|1",
        "#q",
        "urn:uuid:00000000-0000-4000-8000-000000000001",
    ];

    pub fn make(random: &mut Random) -> Value {
        json!({"questionnaire": random.pick(&ALL)})
    }

    pub fn ask(random: &mut Random) -> Asked {
        let (asked, modifier) = (random.pick(&ALL[..10]), random.pick(&["", ":below"]));
        let parts = |canonical: &str| {
            let whole = canonical.split('#').next().unwrap_or_default().to_owned();
            match whole.split_once('|') {
                Some((address, version)) => (address.to_owned(), Some(version.to_owned())),
                None => (whole, None),
            }
        };
        let (address, version) = parts(asked);
        let value = match &version {
            Some(version) => format!("{address}|{version}"),
            None => address.clone(),
        };
        (
            format!("questionnaire{modifier}"),
            value,
            Box::new(move |it| {
                let (of, stated) = parts(it["questionnaire"].as_str().expect("a canonical"));
                let fits = match (&version, &stated) {
                    (None, _) => true,
                    (Some(wanted), Some(stated)) if modifier == ":below" => stated
                        .strip_prefix(wanted.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-'])),
                    (wanted, stated) => wanted == stated,
                };
                of == address && fits
            }),
        )
    }
}
