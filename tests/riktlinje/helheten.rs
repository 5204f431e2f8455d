//! Vectors of the patient's whole picture: `patient` (an id in the context) and perhaps `enhet` (`Organization/[id]` or an
//! HSA-id) instead of a `write`. `rules` names the rules and families that are looked at, otherwise PAT and UTS: the
//! families that are rerun have vectors of their own. A finding about a resource says which. LIST-01 has `list`: how many
//! patients a physician has, and the befattning.

use std::collections::BTreeSet;
use std::sync::Arc;

use fastkontakt::fhir::convert::{r4_to_r5, r5_to_r4};
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::riktlinje::list::{Lakarlista, Lakartyp, lakarens_lista};
use fastkontakt::riktlinje::{
    Files, Finding, Judgement, Kontroll, Kontrollfynd, Policies, kontrollera, kontrollera_for_listor,
};
use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Coding, Concept, Identifier, PractitionerRole, Reference};
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{POLICIES, VECTORS, Vector, understood};

/// What a vector asks about.
#[derive(Clone)]
pub enum Helhet {
    Patient {
        id: String,
        enhet: Option<Reference>,
        rules: Vec<String>,
    },
    Lista(Lakarlista),
}

impl Helhet {
    pub fn read(vector: &Value) -> Option<Helhet> {
        if let Some(antal) = vector["list"]["antal"].as_u64() {
            let role = PractitionerRole {
                codes: vector["list"]["befattning"]
                    .as_str()
                    .map(befattning)
                    .into_iter()
                    .collect(),
                ..PractitionerRole::default()
            };
            return Some(Helhet::Lista(Lakarlista {
                antal: usize::try_from(antal).expect("a number of patients"),
                typ: Lakartyp::of([&role]),
            }));
        }
        let rules = vector["rules"].as_array().map_or_else(
            || vec!["PAT".to_owned(), "UTS".to_owned()],
            |rules| rules.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        );
        Some(Helhet::Patient {
            id: vector["patient"].as_str()?.to_owned(),
            enhet: vector["enhet"].as_str().map(enhet),
            rules,
        })
    }

    /// The findings that the vector looks at.
    pub fn fynd(&self, vector: &Vector, policies: &Policies) -> Vec<Kontrollfynd> {
        match self {
            Helhet::Lista(lista) => {
                let policy = vector.policy.as_deref().and_then(|name| policies.by_name(name));
                lakarens_lista("lakare", lista, policy.unwrap_or_else(|| policies.nationell()))
            }
            Helhet::Patient { rules, .. } => {
                let is_looked_at = |fynd: &Kontrollfynd| rules.iter().any(|rule| fynd.rule.as_str().starts_with(rule));
                let kontroll = self.kontroll(&mut files(vector), policies, vector.today);
                let all = kontroll.into_iter().flat_map(|kontroll| kontroll.fynd);
                all.filter(is_looked_at).collect()
            }
        }
    }

    fn kontroll(&self, files: &mut Files, policies: &Policies, today: Date) -> Option<Kontroll> {
        let Helhet::Patient { id, enhet, .. } = self else {
            return None;
        };
        let Ok(kontroll) = kontrollera(id, enhet.as_ref(), policies, today, files);
        kontroll
    }

    pub fn judge(&self, vector: &Vector, policies: &Policies) -> Judgement {
        let findings = self.fynd(vector, policies).into_iter().map(|fynd| Finding {
            rule: fynd.rule,
            severity: fynd.severity,
            expression: fynd.expression,
            text: fynd.text,
            source: fynd.source,
        });
        Judgement {
            findings: findings.collect(),
            effects: Vec::new(),
        }
    }
}

fn befattning(code: &str) -> Concept {
    Concept {
        codings: vec![Coding {
            system: Some("urn:oid:1.2.752.129.2.2.1.4".into()),
            code: Some(code.into()),
            display: None,
        }],
        text: None,
    }
}

fn enhet(named: &str) -> Reference {
    if named.contains('/') {
        return Reference {
            reference: Some(named.to_owned()),
            ..Reference::default()
        };
    }
    Reference {
        identifier: Some(Box::new(Identifier {
            system: Some("urn:oid:1.2.752.129.2.1.4.1".into()),
            value: Some(named.to_owned()),
            ..Identifier::default()
        })),
        ..Reference::default()
    }
}

fn files(vector: &Vector) -> Files {
    let facts: Vec<Arc<Fact>> = vector.context.iter().map(understood).collect();
    Files::new(facts).with_hidden(vector.hidden.clone())
}

/// As the vectors tell a finding.
pub fn told(fynd: &Kontrollfynd) -> Value {
    let mut told = json!({
        "rule": fynd.rule.as_str(),
        "severity": fynd.severity.code(),
        "expression": fynd.expression,
    });
    if let Some((kind, id)) = &fynd.resurs {
        told["resource"] = json!(format!("{kind}/{id}"));
    }
    told
}

fn of_patients() -> impl Iterator<Item = (&'static Vector, &'static Helhet)> {
    let asked = VECTORS
        .iter()
        .filter_map(|vector| Some((vector, vector.helhet.as_ref()?)));
    asked.filter(|(_, helhet)| matches!(helhet, Helhet::Patient { .. }))
}

/// What came in R4 and is stored in R5 is judged as what came in R5.
#[test]
fn the_whole_picture_is_the_same_through_r4() {
    for (vector, helhet) in of_patients() {
        let through_r4 = |resource: &Value| r4_to_r5(&r5_to_r4(resource).resource).resource;
        let other = Vector {
            context: vector.context.iter().map(through_r4).collect(),
            ..vector.clone()
        };
        assert_eq!(
            helhet.fynd(&other, &POLICIES),
            helhet.fynd(vector, &POLICIES),
            "{}",
            vector.name
        );
    }
}

/// Nothing changes by itself before the day the check says.
#[test]
fn a_check_holds_as_long_as_it_says() {
    let mut changes = 0;
    for (vector, helhet) in of_patients() {
        let mut files = files(vector);
        let mut on = |day: Date| helhet.kontroll(&mut files, &POLICIES, day).expect("a patient");
        let kontroll = on(vector.today);
        let far = vector.today.checked_add(3.years()).expect("a day");
        let last = kontroll.galler_till.unwrap_or(far).min(far);
        assert!(last >= vector.today, "{}", vector.name);
        for days in [1, 2, 3, 5, 8, 13, 30, 90, 365] {
            let day = vector.today.checked_add(days.days()).expect("a day").min(last);
            assert_eq!(on(day).fynd, kontroll.fynd, "{} on {day}", vector.name);
        }
        if let Some(last) = kontroll.galler_till {
            changes += usize::from(on(last.tomorrow().expect("a day")).fynd != kontroll.fynd);
        }
    }
    assert!(changes > 5, "only {changes} checks changed the day after");
}

fn whole() -> (Vector, Files) {
    let vector = VECTORS
        .iter()
        .find(|vector| vector.name.starts_with("Great needs of care, hemsjukvård"))
        .expect("the everyday case");
    (vector.clone(), files(vector))
}

fn ids(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn a_patient_stands_in_the_lists_of_the_units_and_all_above() {
    let (vector, mut files) = whole();
    let Ok(kontroll) = kontrollera("anna", None, &POLICIES, vector.today, &mut files);
    let kontroll = kontroll.expect("a patient");
    assert_eq!(kontroll.policy, "nationell");
    assert_eq!(kontroll.patienter, ["anna"]);
    assert_eq!(
        kontroll.enheter,
        ids(&["vc-orebro", "region-orebro", "hemsjukvarden", "kommun"])
    );
    for needed in [
        (ResourceType::PractitionerRole, "lakare-uppdrag".to_owned()),
        (ResourceType::Practitioner, "lakare".to_owned()),
        (ResourceType::Organization, "kommun".to_owned()),
    ] {
        assert!(kontroll.beroende_av.contains(&needed), "{needed:?}");
    }
}

#[test]
fn each_list_is_judged_by_the_policy_of_its_unit() {
    let (vector, mut files) = whole();
    let Ok(all) = kontrollera_for_listor("anna", &POLICIES, vector.today, &mut files);
    let told: Vec<(&str, &BTreeSet<String>)> = all.iter().map(|it| (it.policy.as_str(), &it.enheter)).collect();
    let (kommunens, regionens) = (ids(&["hemsjukvarden", "kommun"]), ids(&["vc-orebro", "region-orebro"]));
    assert_eq!(told, [("nationell", &kommunens), ("region-orebro-lan", &regionens)]);
}

#[test]
fn nobody_is_checked_who_is_not_there() {
    let (vector, mut files) = whole();
    let Ok(kontroll) = kontrollera("finns-inte", None, &POLICIES, vector.today, &mut files);
    assert_eq!(kontroll, None);
    let Ok(all) = kontrollera_for_listor("finns-inte", &POLICIES, vector.today, &mut files);
    assert!(all.is_empty());
}

/// A unit that is only named by its HSA-id is found when it is stored.
#[test]
fn a_unit_named_by_its_hsa_id_is_looked_up() {
    let (mut vector, _) = whole();
    vector.context.retain(|it| {
        !["CareTeam", "CarePlan", "EpisodeOfCare"]
            .iter()
            .any(|kind| it["resourceType"] == *kind)
    });
    let patient = vector
        .context
        .iter_mut()
        .find(|it| it["resourceType"] == "Patient")
        .expect("a patient");
    patient["managingOrganization"] = json!({
        "identifier": { "system": "urn:oid:1.2.752.129.2.1.4.1", "value": "SE2321000164-1001" },
    });
    let Ok(kontroll) = kontrollera("anna", None, &POLICIES, vector.today, &mut files(&vector));
    let kontroll = kontroll.expect("a patient");
    assert_eq!(kontroll.enheter, ids(&["vc-orebro", "region-orebro"]));
    assert_eq!(kontroll.policy, "region-orebro-lan");
}
