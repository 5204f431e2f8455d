//! Random records of three patients, some changed, moved or deleted, and everybody who looks at them.

use fastkontakt::access::scope::Context;
use fastkontakt::access::{Call, klipp};
use fastkontakt::door::Door;
use fastkontakt::door::problem::Problem;
use fastkontakt::fhir::types::ResourceType::{self, *};
use serde_json::{Value, json};

use super::support::*;

/// A small generator with a seed, so that a failure comes again.
pub(super) struct Random(pub u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// Everybody who looks.
pub(super) fn callers() -> Vec<(String, Call)> {
    let mut all = vec![
        ("p1".to_owned(), patient("p1", false)),
        ("p2 by proxy".to_owned(), patient("p2", true)),
        ("no patient".to_owned(), patient("", false)),
        ("system of A".to_owned(), system(None)),
        ("system of A2".to_owned(), system(Some(A2))),
    ];
    for unit in [A1, A2, B1] {
        all.push((unit.to_owned(), staff(unit)));
        all.push((format!("{unit} in an emergency"), in_emergency(unit, "p1")));
        let other = Call {
            purpose: "HOPERAT".into(),
            ..staff(unit)
        };
        all.push((format!("{unit} for something else than care"), other));
        let launched = call(medarbetare(unit, Some("p1")), vec![scope(Context::User, None, None)]);
        all.push((format!("{unit} launched with p1"), launched));
        let confined = call(medarbetare(unit, Some("p2")), vec![scope(Context::Patient, None, None)]);
        all.push((format!("{unit} confined to p2"), confined));
        let granular = vec![
            scope(Context::User, Some(CareTeam), Some("?status=active")),
            scope(Context::User, Some(Patient), None),
            scope(Context::User, Some(CarePlan), Some("?_security=NOPATIENT")),
            scope(Context::User, Some(Condition), Some("?_lastUpdated=gt2000")),
        ];
        all.push((format!("{unit} in part"), call(medarbetare(unit, None), granular)));
    }
    all
}

fn unit_reference(random: &mut Random, unit: &str) -> Value {
    match random.below(3) {
        0 => json!({"type": "Organization", "identifier": {"system": HSA, "value": unit.to_ascii_lowercase()}}),
        _ => json!({"reference": format!("Organization/{}", unit.rsplit('-').next().expect("a name"))}),
    }
}

fn period(random: &mut Random) -> Option<Value> {
    match random.below(4) {
        0 => Some(json!({"start": "2020-01-01", "end": "2021-01-01"})),
        1 => Some(json!({"start": "2030-01-01"})),
        2 => Some(json!({"start": "2020-01-01"})),
        _ => None,
    }
}

pub(super) const KINDS: [ResourceType; 10] = [
    CareTeam,
    CarePlan,
    Encounter,
    EpisodeOfCare,
    Condition,
    Goal,
    QuestionnaireResponse,
    Consent,
    RelatedPerson,
    Appointment,
];

fn record(random: &mut Random, kind: ResourceType, id: &str, unit: Option<&str>) -> Value {
    let whose = match random.below(10) {
        0 => {
            json!({"identifier": {"system": "http://electronichealth.se/identifier/personnummer", "value": "195009072553"}})
        }
        number => json!({"reference": format!("Patient/p{}", number % 3 + 1)}),
    };
    let mut made = json!({"resourceType": kind.name(), "id": id});
    match kind {
        RelatedPerson | EpisodeOfCare => made["patient"] = whose,
        Appointment => {
            made["participant"] = json!([{"actor": whose}, {"actor": {"display": "Test Testsson"}}]);
        }
        // A team that contacts are reached through is about nobody.
        CareTeam if random.below(4) == 0 => {}
        _ => made["subject"] = whose,
    }
    if random.below(4) == 0 {
        made["meta"] =
            json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPATIENT"}]});
    }
    if random.below(4) == 0 {
        made["extension"] = json!([{"url": klipp::INTERN_ANTECKNING, "valueString": "Hemligt för patienten"}]);
        made["text"] = json!({"status": "generated", "div": "<div>Hemligt för patienten</div>"});
    }
    if random.below(4) == 0 {
        made["contained"] = json!([{"resourceType": "RelatedPerson", "id": "inuti", "patient": {"reference": "Patient/p1"},
            "address": [{"city": "Hemlig ort"}], "telecom": [{"system": "phone", "value": "0700000000"}]}]);
    }
    let active = random.below(3) > 0;
    match kind {
        CareTeam => {
            made["status"] = json!(if active { "active" } else { "inactive" });
            // A contact is somebody's before it says whose.
            let code = random.pick(&["team", "team", "team", "fast-kontakt"]);
            made["category"] = json!([{"coding": [{"system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": code}]}]);
            made["managingOrganization"] = unit
                .map(|unit| json!([unit_reference(random, unit)]))
                .unwrap_or_default();
        }
        CarePlan => {
            made["status"] = json!(if active { "active" } else { "completed" });
            made["intent"] = json!("plan");
            made["custodian"] = unit.map(|unit| unit_reference(random, unit)).unwrap_or_default();
            made["careTeam"] = json!([{"reference": format!("CareTeam/r{}", random.below(40))}]);
        }
        Encounter => {
            made["status"] = json!(if active { "in-progress" } else { "completed" });
            made["serviceProvider"] = unit.map(|unit| unit_reference(random, unit)).unwrap_or_default();
        }
        EpisodeOfCare => {
            made["status"] = json!(if active { "active" } else { "finished" });
            made["managingOrganization"] = unit.map(|unit| unit_reference(random, unit)).unwrap_or_default();
        }
        Consent => {
            let code = random.pick(&[
                "sammanhallen-vard",
                "sammanhallen-vard",
                "inre-sparr",
                "yttre-sparr",
                "havning-av-sparr",
            ]);
            made["status"] = json!(if active { "active" } else { "inactive" });
            made["category"] = json!([{"coding": [{"system": ATKOMST, "code": code}]}]);
            made["decision"] = json!(if code.ends_with("sparr") && !code.starts_with("hav") {
                "deny"
            } else {
                "permit"
            });
            let about = match unit {
                Some(unit) => unit,
                None => random.pick(&[A, A1, A2, B, B1]),
            };
            if random.below(6) > 0 {
                made["controller"] = json!([unit_reference(random, about)]);
            }
            if let Some(period) = period(random) {
                made["period"] = period;
            }
        }
        Appointment => made["status"] = json!("booked"),
        QuestionnaireResponse => made["status"] = json!("completed"),
        _ => {}
    }
    // A member that is null is none.
    made.as_object_mut()
        .expect("an object")
        .retain(|_, member| !member.is_null());
    made
}

fn person(random: &mut Random, id: &str) -> Value {
    let mut made = json!({"resourceType": "Patient", "id": id, "gender": random.pick(&["female", "male"]),
        "address": [{"city": "Hemlig ort"}], "telecom": [{"system": "phone", "value": "0700000000"}]});
    if random.below(2) == 0 {
        made["meta"] = json!({"security": [{"system": "http://hl7.se/fhir/ig/base/CodeSystem/SecurityLabel", "code": "sekretessmarkering"}]});
    }
    if random.below(3) == 0 {
        let unit = random.pick(&[A1, B1]);
        made["managingOrganization"] = unit_reference(random, unit);
    }
    made
}

/// Units, three patients and what is written about them, some of it changed, moved or deleted. Returns how many of the
/// writes were made.
pub(super) fn world(door: &Door, random: &mut Random) -> usize {
    units(door);
    for id in ["p1", "p2", "p3"] {
        let made = person(random, id);
        write(door, &open(), &made).expect("a patient");
    }
    let mut written = 0;
    for number in 0..70 {
        let (kind, id) = (KINDS[random.below(KINDS.len())], format!("r{}", random.below(40)));
        let (by, unit) = match random.below(8) {
            0 => (open(), None),
            1 | 2 => (patient(random.pick(&["p1", "p2", "p3"]), number % 5 == 0), None),
            _ => {
                let unit = random.pick(&[A1, A2, B1]);
                (staff(unit), Some(unit))
            }
        };
        let made = record(random, kind, &id, unit);
        let done = match random.below(12) {
            0 => delete(door, &by, kind, &id),
            _ => write(door, &by, &made),
        };
        written += usize::from(done.is_ok());
        // Whatever the decision, a write is not refused for a fault of ours.
        assert!(!matches!(done, Err(Problem::Internal { .. })), "{done:?}");
    }
    written
}
