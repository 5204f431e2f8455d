//! The kinds of values against a naive model that reads the resources themselves: no index, no parser, no folding of the
//! service's. On random resources and random searches, on both backends.

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
    ask: fn(&mut Random) -> (String, String, Box<dyn Fn(&Value) -> bool>),
}

const MODELS: &[Model] = &[Model {
    kind: ResourceType::Patient,
    make: texts::person,
    ask: texts::ask,
}];

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

    pub fn ask(random: &mut Random) -> (String, String, Box<dyn Fn(&Value) -> bool>) {
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
