use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::riktlinje::catalogue::all as all_rules;
use crate::riktlinje::codes;

fn everything(version: FhirVersion) -> Vec<Value> {
    let definitions = Definitions::new(&Policies::shipped(), Timestamp::UNIX_EPOCH);
    DefinitionType::ALL
        .iter()
        .flat_map(|kind| {
            definitions
                .of(version, *kind)
                .map(|definition| definition.value.clone())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_file_is_embedded_and_is_named_by_the_id_it_holds() {
    for folder in files::ALL {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(folder.path);
        let there: BTreeSet<String> = std::fs::read_dir(&path)
            .expect("the folder")
            .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
            .collect();
        let listed: BTreeSet<String> = folder.texts.iter().map(|(name, _)| format!("{name}.json")).collect();
        assert_eq!(there, listed, "{}", folder.path);
        for (name, text) in folder.texts {
            let definition: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(name.ends_with(definition["id"].as_str().expect("an id")), "{name}");
        }
    }
    assert_eq!(atta_fragor()["item"].as_array().map(Vec::len), Some(8));
}

#[test]
fn every_canonical_is_used_once_and_every_own_one_that_is_named_is_there() {
    for version in FhirVersion::ALL {
        let all = everything(version);
        let urls: BTreeSet<&str> = all.iter().map(|definition| text(definition, "url")).collect();
        assert_eq!(urls.len(), all.len(), "{version}");
        for definition in &all {
            let mut waiting = vec![definition];
            while let Some(value) = waiting.pop() {
                match value {
                    Value::Object(members) => waiting.extend(members.values()),
                    Value::Array(items) => waiting.extend(items),
                    Value::String(named) if named.starts_with(BASE) && !named.contains(['#', ' ']) => {
                        assert!(urls.contains(named.as_str()), "{version}: {named}");
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The rules' code systems and extensions are those that implementers can read.
#[test]
fn every_own_code_system_and_extension_of_the_rules_is_defined() {
    let named: Vec<&str> = include_str!("../riktlinje/codes.rs")
        .split("own!(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(named.len() > 30);
    for version in FhirVersion::ALL {
        let all = everything(version);
        for path in &named {
            let url = format!("{BASE}/{path}");
            assert!(
                all.iter().any(|definition| text(definition, "url") == url),
                "{version}: {url}"
            );
        }
    }
}

#[test]
fn the_codes_that_the_rules_list_are_those_of_the_code_systems() {
    let all = everything(FhirVersion::R5);
    let codes_of = |url: &str| -> Vec<String> {
        let system = all.iter().find(|definition| text(definition, "url") == url).expect(url);
        each(system.get("concept"))
            .map(|concept| text(concept, "code").to_owned())
            .collect()
    };
    assert_eq!(codes_of(codes::TYP_TILLAGG), codes::TILLAGG);
    assert_eq!(
        codes_of(&format!("{BASE}/CodeSystem/ingen-bokad-tid")),
        codes::SKAL_INGEN_BOKAD_TID
    );
    assert_eq!(codes_of(codes::INSATSFORM), codes::INSATSFORMER);
    assert_eq!(codes_of(codes::BEHOVSGRUPP), codes::BEHOVSGRUPPER);
    let rules: Vec<&str> = all_rules().map(|rule| rule.id.as_str()).collect();
    assert_eq!(codes_of(codes::CODE_SYSTEM), rules);
}

#[test]
fn a_rule_tells_its_severity_in_every_policy() {
    let all = everything(FhirVersion::R4);
    let riktlinje = all
        .iter()
        .find(|it| text(it, "url") == codes::CODE_SYSTEM)
        .expect("the code system");
    let rule = each(riktlinje.get("concept"))
        .find(|concept| text(concept, "code") == "DOK-04")
        .expect("DOK-04");
    let told: Vec<(&str, &str)> = each(rule.get("property"))
        .filter(|property| text(property, "code").starts_with("allvarlighet"))
        .map(|property| (text(property, "code"), text(property, "valueCode")))
        .collect();
    assert_eq!(
        told,
        [
            ("allvarlighet", "warning"),
            ("allvarlighet-region-orebro-lan", "error"),
            ("allvarlighet-region-gavleborg", "error"),
            ("allvarlighet-region-halland", "warning"),
            ("allvarlighet-region-jamtland-harjedalen", "warning"),
        ]
    );
}

#[test]
fn no_definition_holds_what_fhir_forbids_empty() {
    fn is_empty(value: &Value) -> bool {
        match value {
            Value::Object(members) => members.is_empty() || members.values().any(is_empty),
            Value::Array(items) => items.is_empty() || items.iter().any(is_empty),
            Value::String(text) => text.is_empty(),
            other => other.is_null(),
        }
    }
    for version in FhirVersion::ALL {
        for definition in everything(version) {
            assert!(!is_empty(&definition), "{version} {}", text(&definition, "url"));
        }
    }
}
