//! What is asked grows with the patient's contacts and plans, not with their square: each is judged beside all the others, but
//! those are gathered once. Questions are counted, and each answer that they bring.

use std::convert::Infallible;
use std::sync::Arc;

use fastkontakt::fhir::types::ResourceType;
use fastkontakt::riktlinje::{
    Files, Fore, Judgement, Samlat, Skrivning, Underlag, bedom, kontrollera, kontrollera_for_listor,
};
use fastkontakt_model::Fact;
use fastkontakt_model::facts::Reference;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::{POLICIES, json_at, root, understood};

const TODAY: Date = date(2026, 9, 15);

/// Files that count what they are asked, and keep what is gathered as the door does.
pub(super) struct Raknade {
    files: Files,
    asked: usize,
    samlat: Samlat,
}

impl Raknade {
    pub fn new(files: Files) -> Raknade {
        Raknade {
            files,
            asked: 0,
            samlat: Samlat::default(),
        }
    }

    fn answered(&mut self, facts: Vec<Arc<Fact>>) -> Vec<Arc<Fact>> {
        self.asked += 1 + facts.len();
        facts
    }
}

impl Underlag for Raknade {
    type Error = Infallible;

    fn folj(&mut self, reference: &Reference) -> Result<Option<Arc<Fact>>, Infallible> {
        self.asked += 1;
        self.files.folj(reference)
    }

    fn av_patienter(&mut self, kind: ResourceType, patient_ids: &[String]) -> Result<Vec<Arc<Fact>>, Infallible> {
        let Ok(found) = self.files.av_patienter(kind, patient_ids);
        Ok(self.answered(found))
    }

    fn med_identifierare(
        &mut self,
        kind: ResourceType,
        systems: &[&str],
        value: &str,
    ) -> Result<Vec<Arc<Fact>>, Infallible> {
        let Ok(found) = self.files.med_identifierare(kind, systems, value);
        Ok(self.answered(found))
    }

    fn patienter_som_lankar(&mut self, patient_id: &str) -> Result<Vec<Arc<Fact>>, Infallible> {
        let Ok(found) = self.files.patienter_som_lankar(patient_id);
        Ok(self.answered(found))
    }

    fn tillkomna(&mut self, patient_ids: &[String]) -> Result<Vec<Option<i64>>, Infallible> {
        self.asked += 1;
        self.files.tillkomna(patient_ids)
    }

    fn far_lasa(&mut self, fact: &Fact) -> bool {
        self.asked += 1;
        self.files.far_lasa(fact)
    }

    fn samma_vardgivare(&mut self, kind: ResourceType, one: &str, other: &str) -> Result<Option<bool>, Infallible> {
        self.asked += 1;
        self.files.samma_vardgivare(kind, one, other)
    }

    fn far_ersatta(&mut self, kind: ResourceType, which: (&str, &str), same: bool) -> Result<bool, Infallible> {
        self.asked += 1;
        self.files.far_ersatta(kind, which, same)
    }

    fn fore(&mut self, current: &Arc<Fact>) -> Result<Fore, Infallible> {
        self.asked += 1;
        self.files.fore(current)
    }

    fn skrivs_nu(&mut self, current: &Arc<Fact>) -> Result<bool, Infallible> {
        self.asked += 1;
        self.files.skrivs_nu(current)
    }

    fn samlat(&mut self) -> Option<&mut Samlat> {
        Some(&mut self.samlat)
    }
}

/// A fast vårdkontakt at one of two regions' units; every other is where its person is.
fn contact(id: &str, number: usize, ersatter: Option<Value>) -> Value {
    let (unit, member) = match number % 3 {
        0 => ("vc-gavleborg", "sjukskoterska-uppdrag"),
        1 => ("vc-orebro", "lakare-uppdrag"),
        _ => ("vc-gavleborg-2", "sjukskoterska-uppdrag"),
    };
    let system = "https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt";
    let mut contact = json!({
        "resourceType": "CareTeam", "id": id, "status": "active",
        "category": [{"coding": [{"system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": "fast-kontakt"}]}],
        "subject": {"reference": "Patient/anna"},
        "period": {"start": format!("2024-01-{:02}", 1 + number % 28)},
        "participant": [{"role": {"coding": [{"system": system, "code": "1"}]},
            "member": {"reference": format!("PractitionerRole/{member}")}}],
    });
    if number.is_multiple_of(2) {
        contact["managingOrganization"] = json!([{"reference": format!("Organization/{unit}")}]);
    }
    if let Some(other) = ersatter {
        contact["extension"] =
            json!([{"url": "https://w3id.org/fastkontakt/StructureDefinition/ersatter", "valueReference": other}]);
    }
    contact
}

fn plan(number: usize) -> Value {
    json!({
        "resourceType": "CarePlan", "id": format!("plan-{number}"), "status": "active", "intent": "plan",
        "category": [{"coding": [{"system": "https://fhir.inera.se/CodeSystem/typeofcareplan-cs", "code": "SIP"}]}],
        "subject": {"reference": "Patient/anna"}, "created": "2026-09-15",
        "custodian": {"reference": "PractitionerRole/lakare-uppdrag"},
        "supportingInfo": [{"reference": format!("CarePlan/plan-{}", number + 1)}],
    })
}

/// A patient in a life-threatening state, with so many contacts and plans.
fn world(many: usize) -> Vec<Value> {
    let shared = json_at(&root().join("gemensamt.json"));
    let mut all: Vec<Value> = shared
        .as_object()
        .expect("resources by name")
        .values()
        .cloned()
        .collect();
    all.retain(|it| !matches!(it["resourceType"].as_str(), Some("CareTeam" | "CarePlan")));
    for number in 0..many {
        let id = format!("kontakt-{number}");
        let ersatter = (number % 5 == 0).then(|| json!({"reference": format!("CareTeam/kontakt-{}", number + 1)}));
        all.push(contact(&id, number, ersatter));
        all.push(plan(number));
    }
    all
}

fn raknade(resources: &[Value], written: &[Value], before: &[Value]) -> Raknade {
    let facts = resources.iter().chain(written).map(understood).collect();
    Raknade::new(Files::new(facts).with_before(before.iter().map(understood).collect()))
}

/// Twice as much asks for somewhat more than twice as much, never for four times.
fn is_linear(name: &str, asked: impl Fn(usize) -> usize) {
    let (few, many) = (asked(30), asked(60));
    assert!(
        few > 0 && many <= few * 22 / 10,
        "{name}: {few} questions of 30, {many} of 60"
    );
}

#[test]
fn a_check_asks_for_each_once() {
    is_linear("the check", |many| {
        let mut files = raknade(&world(many), &[], &[]);
        let Ok(kontroll) = kontrollera("anna", None, &POLICIES, TODAY, &mut files);
        let fynd = kontroll.expect("a patient").fynd;
        assert!(fynd.iter().any(|it| it.rule.as_str().starts_with("FVK")), "{fynd:?}");
        files.asked
    });
    is_linear("the lists", |many| {
        let mut files = raknade(&world(many), &[], &[]);
        let Ok(all) = kontrollera_for_listor("anna", &POLICIES, TODAY, &mut files);
        assert!(all.len() > 1, "several policies");
        files.asked
    });
}

/// What is asked when these are written in one transaction, with what is found of each.
fn judged(files: &mut Raknade, written: &[Value], stored: Option<&Value>) -> Vec<Judgement> {
    let stored = stored.map(understood);
    written
        .iter()
        .map(|written| {
            let written = understood(written);
            let skrivning = Skrivning {
                written: &written,
                stored: stored.as_deref(),
                bara_avslut: false,
            };
            let Ok(judgement) = bedom(&skrivning, files, &POLICIES, TODAY);
            judgement
        })
        .collect()
}

#[test]
fn a_write_asks_for_each_once() {
    let first = Some(json!({"reference": "CareTeam/kontakt-0"}));
    is_linear("a contact", |many| {
        let written = [contact("ny", 0, first.clone())];
        let mut files = raknade(&world(many), &written, &[]);
        let judgements = judged(&mut files, &written, None);
        assert!(!judgements[0].findings.is_empty(), "there are too many");
        files.asked
    });
    is_linear("a change of a contact", |many| {
        let (written, stored) = ([contact("ny", 0, first.clone())], contact("ny", 1, None));
        let mut files = raknade(&world(many), &written, std::slice::from_ref(&stored));
        judged(&mut files, &written, Some(&stored));
        files.asked
    });
    is_linear("a plan", |many| {
        let written = [plan(1_000)];
        let mut files = raknade(&world(many), &written, &[]);
        judged(&mut files, &written, None);
        files.asked
    });
}

#[test]
fn a_transaction_asks_for_each_once() {
    is_linear("a transaction of ten", |many| {
        let written: Vec<Value> = (0..10).map(|number| replacing(number, number)).collect();
        let mut files = raknade(&world(many), &written, &[]);
        judged(&mut files, &written, None);
        files.asked
    });
    is_linear("a transaction of many", |many| {
        let written: Vec<Value> = (0..many).map(|number| replacing(number, number + 1)).collect();
        let mut files = raknade(&world(5), &written, &[]);
        judged(&mut files, &written, None);
        files.asked
    });
}

/// One that says that it replaces another of those that are written with it.
fn replacing(number: usize, other: usize) -> Value {
    let other = json!({"reference": format!("CareTeam/ny-{other}")});
    contact(&format!("ny-{number}"), number, Some(other))
}
