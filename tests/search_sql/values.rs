//! The kinds of values against a naive model that reads the resources themselves: no index, no parser, no folding of the
//! service's. On random resources and random searches, on both backends.

mod pairs;

use fastkontakt::fhir::search::query::SearchQuery;
use fastkontakt::fhir::search::{Handling, ParseContext, index, parse};
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt::store::{NewVersion, Store, StoreError};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Database, NOW, Random, open, pages_of, postgres, sqlite};

/// A kind of resource that is made at random, and searches of it with the model's answer to each.
struct Model {
    kind: ResourceType,
    make: fn(&mut Random) -> Value,
    /// Name and value of a search, and whether a resource fulfils it.
    ask: fn(&mut Random) -> Asked,
}

type Asked = (String, String, Box<dyn Fn(&Value) -> bool>);

const MODELS: &[Model] = &[
    Model {
        kind: ResourceType::Patient,
        make: texts::person,
        ask: texts::ask,
    },
    Model {
        kind: ResourceType::Condition,
        make: conditions::make,
        ask: conditions::ask,
    },
    Model {
        kind: ResourceType::Questionnaire,
        make: |random| json!({"url": random.pick(&uris::ALL)}),
        ask: uris::ask,
    },
    Model {
        kind: ResourceType::Encounter,
        make: pairs::stays::make,
        ask: pairs::stays::ask,
    },
    Model {
        kind: ResourceType::Questionnaire,
        make: pairs::contexts::make,
        ask: pairs::contexts::ask,
    },
    Model {
        kind: ResourceType::QuestionnaireResponse,
        make: pairs::canonicals::make,
        ask: pairs::canonicals::ask,
    },
];

fn agrees(store: &Store, model: &Model, seed: u64) {
    let mut random = Random(seed);
    let mut all = Vec::new();
    for number in 0..50 {
        let mut resource = (model.make)(&mut random);
        resource["resourceType"] = json!(model.kind.name());
        resource["id"] = json!(format!("r{number:02}"));
        all.push(resource);
    }
    put(store, model.kind, &all);
    let mut hits = 0;
    for _ in 0..300 {
        let (name, value, fulfils) = (model.ask)(&mut random);
        let pairs = [(name, value), ("_count".to_owned(), "20".to_owned())];
        let expected: Vec<&str> = all
            .iter()
            .rev()
            .filter(|resource| fulfils(resource))
            .map(|resource| resource["id"].as_str().expect("an id"))
            .collect();
        let read = |pairs: &[(String, String)]| read(model.kind, pairs);
        let (found, _) = pages_of(store, &read, &read(&pairs), &pairs);
        assert_eq!(found, expected, "seed {seed}: {pairs:?}");
        hits += usize::from(!expected.is_empty());
    }
    assert!(hits > 100, "too few searches found anything: {hits}");
}

fn read(kind: ResourceType, pairs: &[(String, String)]) -> SearchQuery {
    let context = ParseContext {
        version: FhirVersion::R5,
        kind,
        own_bases: &[],
        now: NOW,
        handling: Handling::Strict,
        default_count: 20,
        max_count: 100,
    };
    parse(pairs, &context)
        .unwrap_or_else(|error| panic!("{pairs:?}: {error:?}"))
        .query
}

fn put(store: &Store, kind: ResourceType, all: &[Value]) {
    let all = all.to_vec();
    let written: Result<(), StoreError> = store.write_blocking(move |session| {
        for resource in &all {
            session.put(&NewVersion {
                kind,
                id: resource["id"].as_str().expect("an id"),
                version: 1,
                last_updated: Timestamp::from_microsecond(NOW).expect("a time"),
                deleted: false,
                patient: None,
                body: &resource.to_string(),
                index: &index(kind, resource),
                caller: "test",
                request_id: "test",
                interaction: "create",
            })?;
        }
        Ok(())
    });
    written.expect("the resources are written");
}

#[test]
fn sqlite_compares_values_as_the_model_does() {
    for model in MODELS {
        for seed in [3, 20_260_311] {
            agrees(&sqlite().store, model, seed);
        }
    }
}

#[test]
fn postgres_compares_values_as_the_model_does() {
    for model in MODELS {
        let Some(url) = postgres::fresh_database() else { return };
        let database = Database {
            store: open(&url),
            folder: None,
        };
        agrees(&database.store, model, 11);
    }
}

/// Everything that stands at a path; arrays are entered.
fn at<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v Value> {
    match (value, path) {
        (Value::Array(items), _) => items.iter().flat_map(|item| at(item, path)).collect(),
        (Value::Null, _) => Vec::new(),
        (_, []) => vec![value],
        (_, [name, rest @ ..]) => value.get(name).map(|value| at(value, rest)).unwrap_or_default(),
    }
}

mod texts {
    use super::*;

    const WORDS: [&str; 16] = [
        "Åsa",
        "asa",
        "A\u{30a}sa",
        "ÅSA LENA",
        "Åsa-Lena",
        "Asalena",
        "O'Brien",
        "OBrien",
        "Öberg",
        "oberg von Å",
        "S:t  Olof",
        "St Olof",
        "100% A_b",
        "100",
        "北京",
        "–",
    ];

    fn word(random: &mut Random) -> String {
        match random.below(8) {
            // At the limit of what the index takes, on both sides of it.
            0 => format!(
                "{}{}",
                "x".repeat(505 + random.below(12)),
                random.pick(&["", "å", "aB", "ab c"])
            ),
            1 => format!("{}{}", "å".repeat(512), random.pick(&["", "b", "bc"])),
            _ => random.pick(&WORDS).to_owned(),
        }
    }

    pub fn person(random: &mut Random) -> Value {
        let mut person = json!({});
        let names: Vec<Value> = (0..random.below(3))
            .map(|_| {
                let mut name = json!({});
                for (member, many) in [("text", false), ("family", false), ("given", true), ("prefix", true)] {
                    match (random.below(3), many) {
                        (0, _) => {}
                        (_, false) => name[member] = json!(word(random)),
                        (_, true) => name[member] = json!([word(random), word(random)]),
                    }
                }
                name
            })
            .collect();
        if !names.is_empty() {
            person["name"] = json!(names);
        }
        if random.below(2) == 0 {
            person["address"] = json!([{ "city": word(random), "line": [word(random)], "postalCode": "702 10" }]);
        }
        person
    }

    /// Only what stands in [`WORDS`] needs folding.
    fn plain(text: &str) -> String {
        let letters = text
            .to_lowercase()
            .replace(['\u{30a}', '\'', ':'], "")
            .replace('å', "a")
            .replace('ö', "o")
            .replace(['-', '–', '_'], " ");
        letters.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn texts<'v>(person: &'v Value, name: &str) -> Vec<&'v str> {
        let paths: &[[&str; 2]] = match name {
            "name" | "phonetic" => &[
                ["name", "text"],
                ["name", "family"],
                ["name", "given"],
                ["name", "prefix"],
            ],
            "family" => &[["name", "family"]],
            "given" => &[["name", "given"]],
            "address" => &[["address", "city"], ["address", "line"], ["address", "postalCode"]],
            "address-city" => &[["address", "city"]],
            "address-postalcode" => &[["address", "postalCode"]],
            other => panic!("{other}"),
        };
        let found = paths.iter().flat_map(|path| at(person, path));
        found.filter_map(Value::as_str).collect()
    }

    pub fn ask(random: &mut Random) -> Asked {
        let name = random.pick(&[
            "name",
            "phonetic",
            "family",
            "given",
            "address",
            "address-city",
            "address-postalcode",
        ]);
        let modifier = random.pick(&["", "", ":contains", ":exact", ":missing"]);
        if modifier == ":missing" {
            let missing = random.below(2) == 0;
            return (
                format!("{name}:missing"),
                missing.to_string(),
                Box::new(move |person| texts(person, name).is_empty() == missing),
            );
        }
        let mut one = || {
            let whole = if name == "address-postalcode" {
                "702 10".to_owned()
            } else {
                word(random)
            };
            let part = match random.below(4) {
                0 => whole.chars().take(1 + random.below(4)).collect(),
                1 if modifier == ":contains" => whole.chars().skip(random.below(whole.chars().count())).collect(),
                _ => whole.clone(),
            };
            // What is punctuation alone is refused.
            if plain(&part).is_empty() && modifier != ":exact" {
                "a".to_owned()
            } else {
                part
            }
        };
        let wanted: Vec<String> = if one().len() > 3 {
            vec![one()]
        } else {
            vec![one(), one()]
        };
        let value = wanted.join(",");
        let fulfils = move |text: &str| {
            wanted.iter().any(|wanted| match modifier {
                ":exact" => text == wanted,
                ":contains" => plain(text).contains(&plain(wanted)),
                _ => plain(text).starts_with(&plain(wanted)),
            })
        };
        (
            format!("{name}{modifier}"),
            value,
            Box::new(move |person| texts(person, name).into_iter().any(&fulfils)),
        )
    }
}

mod conditions {
    use fastkontakt::fhir::search::dates::{DateValue, Prefix};

    use super::*;

    /// As written; the number and half its precision in ten-thousandths.
    const NUMBERS: [(&str, i64, i64); 9] = [
        ("5", 50_000, 5_000),
        ("5.0", 50_000, 500),
        ("5.4", 54_000, 500),
        ("5.45", 54_500, 50),
        ("100", 1_000_000, 5_000),
        ("99.5", 995_000, 500),
        ("1e2", 1_000_000, 50_000),
        ("-3", -30_000, 5_000),
        ("0", 0, 5_000),
    ];
    const UNITS: [[&str; 3]; 3] = [["http://u", "a", "år"], ["http://u", "mo", "mån"], ["", "", "a"]];
    const WORDS: [&str; 4] = ["Hjärtsvikt", "hjartsvikt, akut", "Akut", "svikt"];
    const TYPES: [&str; 2] = ["MR", "AN"];

    fn quantity(random: &mut Random, comparators: bool) -> Value {
        let [system, code, unit] = UNITS[random.below(3)];
        let number: Value = serde_json::from_str(NUMBERS[random.below(9)].0).expect("a number");
        let mut quantity = json!({"value": number, "unit": unit});
        if !system.is_empty() {
            quantity["system"] = json!(system);
            quantity["code"] = json!(code);
        }
        if comparators && random.below(4) == 0 {
            quantity["comparator"] = json!(random.pick(&["<", "<=", ">", ">="]));
        }
        quantity
    }

    pub fn make(random: &mut Random) -> Value {
        let mut condition = json!({});
        match random.below(5) {
            0 => {}
            1 => {
                let (low, high) = (quantity(random, false), quantity(random, false));
                let (a, b) = (number(&low), number(&high));
                condition["onsetRange"] = match random.below(3) {
                    0 => json!({"low": low}),
                    1 => json!({"high": high}),
                    _ if a <= b => json!({"low": low, "high": high}),
                    _ => json!({"low": high, "high": low}),
                };
            }
            _ => condition["onsetAge"] = quantity(random, true),
        }
        if random.below(4) > 0 {
            let coding =
                json!({"system": "http://s", "code": random.pick(&["x", "y"]), "display": random.pick(&WORDS)});
            condition["code"] = json!({"coding": [coding], "text": random.pick(&WORDS)});
        }
        if random.below(4) > 0 {
            let kind =
                json!({"text": random.pick(&WORDS), "coding": [{"system": "http://t", "code": random.pick(&TYPES)}]});
            condition["identifier"] = json!([{"type": kind, "value": random.pick(&["1", "2"])}]);
        }
        let subject = random.pick(&["Patient/1", "Group/1"]);
        condition["subject"] = json!({"reference": subject, "display": random.pick(&WORDS)});
        condition
    }

    fn number(quantity: &Value) -> i64 {
        let text = quantity["value"].to_string();
        // What the JSON library writes of 1e2 may be spelled otherwise.
        let same = |known: &str| known == text || (known == "1e2" && text.contains(['e', 'E']));
        NUMBERS
            .iter()
            .find(|(known, ..)| same(known))
            .expect("a number of the list")
            .1
    }

    /// The range as whole numbers: 2n lies just before n, 2n + 1 just after.
    fn range(condition: &Value) -> Option<(i64, i64, &Value)> {
        let (before, after) = (|n: i64| 2 * n, |n: i64| 2 * n + 1);
        if let Some(age) = condition.get("onsetAge") {
            let n = number(age);
            let (low, high) = match age["comparator"].as_str() {
                Some("<") => (i64::MIN, before(n)),
                Some("<=") => (i64::MIN, after(n)),
                Some(">") => (after(n), i64::MAX),
                Some(">=") => (before(n), i64::MAX),
                _ => (before(n), after(n)),
            };
            return Some((low, high, age));
        }
        let range = condition.get("onsetRange")?;
        let (low, high) = (range.get("low"), range.get("high"));
        Some((
            low.map_or(i64::MIN, |low| before(number(low))),
            high.map_or(i64::MAX, |high| after(number(high))),
            low.or(high)?,
        ))
    }

    fn begins(text: &Value, wanted: &str) -> bool {
        let plain = |text: &str| text.to_lowercase().replace('ä', "a").replace(',', "");
        text.as_str()
            .is_some_and(|text| plain(text).starts_with(&plain(wanted)))
    }

    pub fn ask(random: &mut Random) -> Asked {
        let word = random.pick(&["Hjärt", "hjartsvikt akut", "AKUT", "svikt", "x"]);
        match random.below(9) {
            0 => (
                "code:text".to_owned(),
                word.to_owned(),
                Box::new(move |it| {
                    begins(&it["code"]["text"], word) || begins(&it["code"]["coding"][0]["display"], word)
                }),
            ),
            1 => (
                "identifier:text".to_owned(),
                word.to_owned(),
                Box::new(move |it| begins(&it["identifier"][0]["type"]["text"], word)),
            ),
            2 => (
                "subject:text".to_owned(),
                word.to_owned(),
                Box::new(move |it| begins(&it["subject"]["display"], word)),
            ),
            3 => (
                "patient:text".to_owned(),
                word.to_owned(),
                Box::new(move |it| {
                    begins(&it["subject"]["display"], word) && it["subject"]["reference"] == "Patient/1"
                }),
            ),
            4 => {
                let (system, code, value) = (
                    random.pick(&["http://t", "http://u"]),
                    random.pick(&TYPES),
                    random.pick(&["1", "2"]),
                );
                (
                    "identifier:of-type".to_owned(),
                    format!("{system}|{code}|{value}"),
                    Box::new(move |it| {
                        let identifier = &it["identifier"][0];
                        let coding = &identifier["type"]["coding"][0];
                        coding["system"] == system && coding["code"] == code && identifier["value"] == value
                    }),
                )
            }
            5 => {
                let missing = random.below(2) == 0;
                (
                    "onset-age:missing".to_owned(),
                    missing.to_string(),
                    Box::new(move |it| range(it).is_none() == missing),
                )
            }
            _ => {
                let (text, n, half) = NUMBERS[random.below(9)];
                let (name, prefix) = Prefix::ALL[random.below(9)];
                let width = (n.abs() / 10).max(half);
                let (low, high) = match prefix {
                    Prefix::Eq | Prefix::Ne => (2 * (n - half), 2 * (n + half)),
                    Prefix::Ap => (2 * (n - width), 2 * (n + width) + 1),
                    _ => (2 * n, 2 * n + 1),
                };
                let asked = DateValue { prefix, low, high };
                let unit = random.pick(&["", "|http://u|a", "|http://u|", "||a", "||år", "|http://x|a"]);
                let fits = move |of: &Value| match unit {
                    "" => true,
                    "|http://u|a" => of["system"] == "http://u" && of["code"] == "a",
                    "|http://u|" => of["system"] == "http://u",
                    "||a" => of["code"] == "a" || of["unit"] == "a",
                    "||år" => of["unit"] == "år",
                    _ => false,
                };
                (
                    "onset-age".to_owned(),
                    format!("{name}{text}{unit}"),
                    Box::new(move |it| range(it).is_some_and(|(low, high, of)| asked.matches(low, high) && fits(of))),
                )
            }
        }
    }
}

mod uris {
    use super::*;

    pub const ALL: [&str; 7] = [
        "http://a.se",
        "http://a.se/q",
        "http://a.se/q/",
        "http://a.se/q/1",
        "http://a.se/q1",
        "urn:oid:1.2",
        "urn:oid:1.2.3",
    ];

    pub fn ask(random: &mut Random) -> Asked {
        let (asked, modifier) = (random.pick(&ALL), random.pick(&["", ":below", ":above"]));
        let below =
            |one: &str, other: &str| one == other || one.starts_with(&format!("{}/", other.trim_end_matches('/')));
        (
            format!("url{modifier}"),
            asked.to_owned(),
            Box::new(move |it| {
                let url = it["url"].as_str().expect("a url");
                match modifier {
                    ":below" => url == asked.trim_end_matches('/') || below(url, asked),
                    ":above" => below(asked, url),
                    _ => url == asked,
                }
            }),
        )
    }
}
