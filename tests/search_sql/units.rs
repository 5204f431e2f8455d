//! `care-unit` and `care-giver` against a walk through the resources themselves, on random organizations, assignments and
//! contacts; and that they begin at an index.

use fastkontakt::fhir::search::index;
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::store::{NewVersion, Store, StoreError};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Database, NOW, Random, open, pages_of, postgres, read, sqlite};

const HSA: [&str; 2] = ["urn:oid:1.2.752.129.2.1.4.1", "urn:oid:1.2.752.29.4.19"];
/// Not all of them are stored.
const ORGANIZATIONS: usize = 12;
const MISSING: [usize; 2] = [3, 7];

fn hsa(number: usize) -> String {
    format!("SE1-{number}")
}

fn identifier(random: &mut Random, number: usize) -> Value {
    json!({"system": random.pick(&HSA), "value": hsa(number)})
}

/// By address, by identifier, or to nowhere.
fn reference(random: &mut Random, kind: &str, number: usize) -> Value {
    match random.below(6) {
        0 => json!({"type": kind, "identifier": identifier(random, number)}),
        1 => json!({"reference": format!("http://annan.se/fhir/{kind}/{number}")}),
        _ => json!({"reference": format!("{kind}/{number}")}),
    }
}

#[derive(Default)]
struct World {
    all: Vec<Value>,
}

impl World {
    fn new(random: &mut Random) -> World {
        let mut world = World::default();
        for number in (0..ORGANIZATIONS).filter(|number| !MISSING.contains(number)) {
            let mut organization = json!({"resourceType": "Organization", "id": number.to_string()});
            if random.below(6) > 0 {
                organization["identifier"] = json!([identifier(random, number)]);
            }
            // Part of one with a lower number. By its identifier only a vårdgivare: 0, or one that is not stored.
            if number > 0 && random.below(4) > 0 {
                organization["partOf"] = match random.below(4) {
                    0 => json!({"identifier": identifier(random, random_top(number))}),
                    _ => json!({"reference": format!("Organization/{}", random.below(number))}),
                };
            }
            world.all.push(organization);
        }
        for number in 0..8 {
            let mut role = json!({"resourceType": "PractitionerRole", "id": number.to_string()});
            if random.below(5) > 0 {
                let unit = random.below(ORGANIZATIONS);
                role["organization"] = reference(random, "Organization", unit);
            }
            world.all.push(role);
        }
        for number in 0..40 {
            world.all.push(World::team(random, number));
        }
        world
    }

    fn team(random: &mut Random, number: usize) -> Value {
        let mut team = json!({"resourceType": "CareTeam", "id": format!("t{number:02}")});
        let unit = random.below(ORGANIZATIONS);
        match random.below(4) {
            0 => {
                team["managingOrganization"] = json!([reference(random, "Organization", unit)]);
            }
            1 => {
                let mut own =
                    json!({"resourceType": "Organization", "id": "u", "identifier": [identifier(random, 20)]});
                if random.below(2) == 0 {
                    own["partOf"] = json!({"reference": format!("Organization/{unit}")});
                }
                team["contained"] = json!([own]);
                team["managingOrganization"] = json!([{"reference": "#u"}]);
            }
            _ => {}
        }
        let members: Vec<Value> = (0..random.below(3))
            .map(|_| {
                let kind = random.pick(&["PractitionerRole", "PractitionerRole", "Practitioner"]);
                let person = random.below(9);
                let mut member = json!({"member": {"reference": format!("{kind}/{person}")}});
                if random.below(3) > 0 {
                    let coding =
                        json!({"system": random.pick(&["http://s", "http://t"]), "code": random.pick(&["a", "b"])});
                    member["role"] = json!({"coding": [coding]});
                }
                member
            })
            .collect();
        if !members.is_empty() {
            team["participant"] = json!(members);
        }
        team
    }

    fn find(&self, kind: &str, id: &str) -> Option<&Value> {
        self.all
            .iter()
            .find(|resource| resource["resourceType"] == kind && resource["id"] == id)
    }

    fn stored(&self, reference: &Value) -> Option<&Value> {
        let (kind, id) = reference["reference"].as_str()?.split_once('/')?;
        self.find(kind, id)
    }

    /// The organization behind a reference: by address, else by its identifier.
    fn organization<'w>(&'w self, reference: &Value, home: &'w Value) -> Option<&'w Value> {
        if reference["reference"] == "#u" {
            return Some(&home["contained"][0]);
        }
        let told = reference["identifier"]["value"].as_str();
        let by_identifier = || {
            self.all.iter().find(|resource| {
                resource["resourceType"] == "Organization"
                    && told.is_some()
                    && resource["identifier"][0]["value"].as_str() == told
            })
        };
        self.stored(reference).or_else(by_identifier)
    }

    fn units<'w>(&'w self, team: &'w Value) -> Vec<&'w Value> {
        if let Some(stated) = team["managingOrganization"].as_array() {
            return stated.iter().collect();
        }
        let members = team["participant"].as_array().into_iter().flatten();
        let roles = members.filter_map(|member| self.stored(&member["member"]));
        roles
            .filter(|role| role["resourceType"] == "PractitionerRole")
            .filter_map(|role| role.get("organization"))
            .collect()
    }

    fn is_unit(&self, team: &Value, hsa: &str) -> bool {
        self.units(team).into_iter().any(|reference| {
            let found = self.organization(reference, team);
            reference["identifier"]["value"] == hsa || found.is_some_and(|it| it["identifier"][0]["value"] == hsa)
        })
    }

    fn is_giver(&self, team: &Value, hsa: &str) -> bool {
        self.units(team).into_iter().any(|unit| {
            let mut reference = unit;
            while let Some(organization) = self.organization(reference, team) {
                match organization.get("partOf") {
                    Some(above) => reference = above,
                    // What is contained and part of nothing is a vårdgivare that is stored nowhere.
                    None => return organization["identifier"][0]["value"] == hsa,
                }
            }
            reference["identifier"]["value"] == hsa
        })
    }
}

/// 0 is part of nothing; the others are not stored.
fn random_top(number: usize) -> usize {
    [0, 3, 7][number % 3]
}

fn put(store: &Store, all: &[Value]) {
    let all = all.to_vec();
    let written: Result<(), StoreError> = store.write_blocking(move |session| {
        for resource in &all {
            let kind = resource["resourceType"]
                .as_str()
                .and_then(ResourceType::from_name)
                .expect("a type");
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

fn agrees(store: &Store, seed: u64) {
    let mut random = Random(seed);
    let world = World::new(&mut random);
    put(store, &world.all);
    let mut hits = 0;
    for number in (0..ORGANIZATIONS).chain([20]) {
        for name in ["care-unit", "care-giver", "care-unit:not", "care-giver:not"] {
            for value in [
                hsa(number),
                format!("{}|{}", HSA[0], hsa(number)),
                format!("{}|{}", HSA[1], hsa(number)),
            ] {
                // As the driver, and as a probe.
                for more in [
                    &[][..],
                    &[("participant:missing", "true")],
                    &[("participant", "PractitionerRole/1")],
                    // The role stands in the unit's own entries, its system does not.
                    &[("role", "a,b")],
                    &[("role", "http://s|a")],
                ] {
                    let mut pairs = vec![(name.to_owned(), value.clone())];
                    pairs.extend(
                        more.iter()
                            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
                    );
                    let fulfils = |team: &&Value| {
                        let found = if name.starts_with("care-unit") {
                            world.is_unit(team, &hsa(number))
                        } else {
                            world.is_giver(team, &hsa(number))
                        };
                        let members = team["participant"].as_array().cloned().unwrap_or_default();
                        found != name.ends_with(":not")
                            && match more {
                                [("participant:missing", _)] => members.is_empty(),
                                [("role", asked)] => members.iter().any(|member| {
                                    let coding = &member["role"]["coding"][0];
                                    let (system, code) = (&coding["system"], coding["code"].as_str());
                                    match asked.split_once('|') {
                                        Some((wanted, value)) => system == wanted && code == Some(value),
                                        None => code.is_some_and(|code| asked.split(',').any(|value| value == code)),
                                    }
                                }),
                                [_] => members
                                    .iter()
                                    .any(|member| member["member"]["reference"] == "PractitionerRole/1"),
                                _ => true,
                            }
                    };
                    let expected: Vec<&str> = world
                        .all
                        .iter()
                        .rev()
                        .filter(|resource| resource["resourceType"] == "CareTeam")
                        .filter(fulfils)
                        .map(|team| team["id"].as_str().expect("an id"))
                        .collect();
                    let (found, _) = pages_of(store, &read, &read(&pairs), &pairs);
                    assert_eq!(found, expected, "seed {seed}: {pairs:?}");
                    hits += usize::from(!expected.is_empty() && !name.ends_with(":not"));
                }
            }
        }
    }
    assert!(hits > 30, "too few searches found anything: {hits}");
}

#[test]
fn sqlite_finds_the_contacts_of_units_and_givers() {
    for seed in 1..5 {
        agrees(&sqlite().store, 17 * seed);
    }
}

#[test]
fn postgres_finds_the_contacts_of_units_and_givers() {
    for seed in [5, 6] {
        let Some(url) = postgres::fresh_database() else { return };
        let database = Database {
            store: open(&url),
            folder: None,
        };
        agrees(&database.store, 17 * seed);
    }
}

#[test]
fn sqlite_begins_at_the_unit() {
    let database = sqlite();
    for search in [
        "care-unit=SE1-1&role=1",
        "care-giver=SE1-1",
        "care-unit=urn:oid:1.2.752.29.4.19|SE1-1",
    ] {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(search.as_bytes()).into_owned().collect();
        let plan = database
            .store
            .read_blocking(|session| session.explain_search(&read(&pairs), false))
            .expect("a plan");
        // Before the page itself (p): the keys are found through what is asked for, step by step.
        let finding: Vec<&String> = plan.iter().take_while(|step| *step != "SCAN p").collect();
        let walks = |step: &&&String| {
            step.starts_with("SCAN") && ![&"SCAN u", &"SCAN w"].iter().any(|own| step.starts_with(**own))
        };
        assert_eq!(finding.iter().find(walks), None, "{search}: {plan:#?}");
        assert!(
            finding.iter().any(|step| step.starts_with("SEARCH t")
                && step.contains("index_reference_target (kind=? AND param=? AND target_id=? AND target_kind=?")),
            "{search}: {plan:#?}"
        );
        assert!(
            !finding.iter().any(|step| step.contains("AUTOMATIC")),
            "{search}: {plan:#?}"
        );
    }
}
