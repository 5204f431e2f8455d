//! The vectors: one line, one case.

use fastkontakt::access::beslut::{Lasare, Post, Skrivning, Vard, far_lasa, far_skriva};
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::store::{Hallare, Kept, KeptVersion, Ratt, Slag};
use serde_json::Value;

/// The instant of every case.
const NU: i64 = 100;

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn truth(value: &Value) -> bool {
    value.as_bool().unwrap_or_default()
}

fn known(value: &Value, members: &[&str], case: &str) {
    for name in value.as_object().into_iter().flatten().map(|(name, _)| name) {
        assert!(members.contains(&name.as_str()), "{case}: {name}");
    }
}

fn lasare(value: &Value, case: &str) -> Lasare {
    if let Some(patient) = text(&value["patient"]) {
        known(value, &["patient", "ombud"], case);
        return Lasare::Patient {
            patient,
            ombud: truth(&value["ombud"]),
        };
    }
    known(
        value,
        &[
            "enhet",
            "vardgivare",
            "system",
            "katalog",
            "i_kontext",
            "nodoppning",
            "for_vard",
        ],
        case,
    );
    Lasare::Vard(Vard {
        enhet: text(&value["enhet"]),
        vardgivare: text(&value["vardgivare"]),
        system: truth(&value["system"]),
        katalog: truth(&value["katalog"]),
        i_kontext: text(&value["i_kontext"]),
        nodoppning: text(&value["nodoppning"]),
        for_vard: value["for_vard"].as_bool().unwrap_or(true),
    })
}

fn kept(value: &Value, case: &str) -> Kept {
    known(
        value,
        &["patient", "halls_av", "dold", "skyddad", "allman", "version", "mal"],
        case,
    );
    Kept {
        patient: text(&value["patient"]),
        hallare: match &value["halls_av"] {
            Value::Array(ids) => Hallare::Enhet(ids.iter().filter_map(text).collect()),
            Value::Null => Hallare::Okand,
            patienten => {
                assert_eq!(patienten, "patienten", "{case}");
                Hallare::Patienten
            }
        },
        dold: truth(&value["dold"]),
        skyddad: truth(&value["skyddad"]),
        allman: truth(&value["allman"]),
        mal: KeptVersion {
            dold: truth(&value["mal"]["dold"]),
            flyttad: truth(&value["mal"]["flyttad"]),
        },
    }
}

fn ratter(value: &Value, case: &str) -> Vec<Ratt> {
    let one = |value: &Value| {
        known(value, &["slag", "hsa_id", "low", "high"], case);
        let named = |slag: &Slag| value["slag"] == format!("{slag:?}");
        Ratt {
            slag: Slag::ALL
                .into_iter()
                .find(named)
                .unwrap_or_else(|| panic!("{case}: {value}")),
            hsa_id: text(&value["hsa_id"]).expect("an id, or nothing"),
            low: value["low"].as_i64().unwrap_or(i64::MIN),
            high: value["high"].as_i64().unwrap_or(i64::MAX),
        }
    };
    value.as_array().into_iter().flatten().map(one).collect()
}

fn cases(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("a list of cases")
}

fn kind(case: &Value) -> ResourceType {
    ResourceType::from_name(case["typ"].as_str().unwrap_or_default()).expect("a type")
}

#[test]
fn reading() {
    let cases = cases(include_str!("lasning.json"));
    for case in &cases {
        let name = case["namn"].as_str().expect("a name");
        known(case, &["namn", "vem", "typ", "post", "ratter", "svar"], name);
        let post = &case["post"];
        let version = post.get("version").map(|version| KeptVersion {
            dold: truth(&version["dold"]),
            flyttad: truth(&version["flyttad"]),
        });
        let kept = kept(post, name);
        let asked = Post {
            kind: kind(case),
            kept: &kept,
            version,
        };
        let answer = match far_lasa(&lasare(&case["vem"], name), asked, &ratter(&case["ratter"], name), NU) {
            Ok(why) => format!("{why:?}"),
            Err(why) => format!("{why:?}"),
        };
        assert_eq!(answer, case["svar"].as_str().unwrap_or_default(), "{name}");
    }
    assert!(cases.len() > 50);
}

#[test]
fn writing() {
    let cases = cases(include_str!("skrivning.json"));
    for case in &cases {
        let name = case["namn"].as_str().expect("a name");
        known(
            case,
            &[
                "namn",
                "vem",
                "typ",
                "fore",
                "efter",
                "sparr",
                "mer_an_innehall",
                "mer_an_avslut",
                "gav",
                "ger",
                "nya_hsa_id",
                "ratter",
                "svar",
            ],
            name,
        );
        let fore = case.get("fore").map(|value| kept(value, name));
        let efter = case.get("efter").map(|value| kept(value, name));
        let named = case["nya_hsa_id"].as_array().into_iter().flatten();
        let nya_hsa_id: Vec<String> = named.filter_map(text).collect();
        let skrivning = Skrivning {
            kind: kind(case),
            fore: fore.as_ref(),
            efter: efter.as_ref(),
            sparr: truth(&case["sparr"]),
            bara_innehall: !truth(&case["mer_an_innehall"]),
            bara_avslut: !truth(&case["mer_an_avslut"]),
            gav: &ratter(&case["gav"], name),
            nya_hsa_id: &nya_hsa_id,
            ger: &ratter(&case["ger"], name),
            ratter: &ratter(&case["ratter"], name),
        };
        let answer = match far_skriva(&lasare(&case["vem"], name), skrivning, NU) {
            Ok(()) => "far".to_owned(),
            Err(why) => format!("{why:?}"),
        };
        assert_eq!(answer, case["svar"].as_str().unwrap_or_default(), "{name}");
    }
    assert!(cases.len() > 30);
}
