//! One patient's tale while it is being told: collects the entries of the patient's resources and remembers which
//! contacts and conditions the plans should name. The tales themselves stand in stories.rs.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use super::bundle::Entry;
use super::care::{self, Stay};
use super::codes::own_extension;
use super::contacts::{Kontakt, Roll, fast_kontakt};
use super::names::Chance;
use super::people::{Person, Severity, condition, patient, related_person};
use super::plans::{self, Atagande, Plan, Tid};
use super::units::{Employee, Region, unit};
use crate::fhir::version::FhirVersion;

/// Where and when a tale takes place.
pub struct Scene<'a> {
    pub region: &'a Region,
    pub staff: &'a [Employee],
    pub today: Date,
}

/// See the module's head.
pub struct Tale<'a> {
    pub scene: &'a Scene<'a>,
    pub person: &'a Person,
    pub chance: &'a mut Chance,
    pub entries: Vec<Entry>,
    /// The fasta vård- and läkarkontakter so far, as `CareTeam/…`.
    contacts: Vec<String>,
    conditions: Vec<String>,
    plans: Vec<String>,
}

impl<'a> Tale<'a> {
    /// Begins with the patient.
    pub fn new(scene: &'a Scene<'a>, person: &'a Person, chance: &'a mut Chance) -> Tale<'a> {
        let entries = vec![Entry::put(patient(scene.region, person))];
        Tale {
            scene,
            person,
            chance,
            entries,
            contacts: Vec::new(),
            conditions: Vec::new(),
            plans: Vec::new(),
        }
    }

    fn version(&self) -> FhirVersion {
        self.scene.region.version
    }

    fn id(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.person.id)
    }

    pub fn patient(&self) -> Value {
        self.person.reference()
    }

    /// So many days before today.
    pub fn ago(&self, days: i64) -> Date {
        self.scene.today.saturating_sub(days.days())
    }

    fn employee(&self, key: &str) -> Option<&'a Employee> {
        self.scene.staff.iter().find(|employee| employee.key == key)
    }

    /// Whether the region has that employee.
    pub fn works_here(&self, key: &str) -> bool {
        self.employee(key).is_some()
    }

    /// The role of someone on the staff, as contacts and plans point at it.
    pub fn role(&self, key: &str) -> Value {
        self.employee(key).map(Employee::role).unwrap_or_default()
    }

    pub fn unit(&self, key: &str) -> Value {
        unit(self.scene.region.key, key)
    }

    /// The physician at the vårdcentral where the patient is listed.
    pub fn listed_physician(&self) -> String {
        format!("{}-lakare", self.person.listed_at)
    }

    /// The nurse at the vårdcentral where the patient is listed.
    pub fn listed_nurse(&self) -> String {
        let nurse = if self.person.listed_at == "vc-linden" {
            "sjukskoterska"
        } else {
            "distriktsskoterska"
        };
        format!("{}-{nurse}", self.person.listed_at)
    }

    pub fn condition(&mut self, icd: &str, text: &str, severity: Severity) {
        let id = self.id(&format!("tillstand-{}", self.conditions.len() + 1));
        let recorded = self.ago(600);
        self.entries.push(Entry::put(condition(
            &id,
            &self.patient(),
            icd,
            text,
            severity,
            recorded,
        )));
        self.conditions.push(format!("Condition/{id}"));
    }

    pub fn relative(&mut self, given: &str, relation: &str, text: &str) -> Value {
        let id = self.id("narstaende");
        self.entries
            .push(Entry::put(related_person(&id, self.person, given, relation, text)));
        super::codes::reference(&format!("RelatedPerson/{id}"))
    }

    /// An insatsform that has gone on for so many days, at a unit of the kommun.
    pub fn insats(&mut self, insatsform: &str, unit: &str, days: i64) {
        let id = self.id(insatsform);
        let (patient, unit, since) = (self.patient(), self.unit(unit), self.ago(days));
        self.entries
            .push(Entry::put(care::insats(&id, &patient, insatsform, &unit, since)));
    }

    /// The listed nurse has noted what the patient needs.
    pub fn behov(&mut self, grupp: &str) {
        let id = self.id(&format!("behov-{grupp}"));
        let (patient, nurse, since) = (self.patient(), self.role(&self.listed_nurse()), self.ago(200));
        self.entries
            .push(Entry::put(care::behov(&id, &patient, grupp, &nurse, since)));
    }

    /// The patient asked for a contact so many days ago.
    pub fn begaran(&mut self, what: &str, days: i64) {
        let id = self.id(&format!("begaran-{what}"));
        let (patient, day) = (self.patient(), self.ago(days));
        self.entries.push(Entry::put(care::begaran(&id, &patient, what, day)));
    }

    /// An inpatient stay, from and to so many days ago.
    pub fn stay(&mut self, unit: &str, (admitted, discharged): (i64, i64), needs_care: bool) {
        let stay = Stay {
            id: self.id("vardtillfalle"),
            patient: self.patient(),
            unit: self.unit(unit),
            admitted: self.ago(admitted),
            discharged: self.ago(discharged),
            needs_care,
        };
        self.entries
            .push(Entry::put(care::inpatient_stay(self.version(), stay)));
    }

    /// Registers a fast kontakt since `days` ago. An employee the region lacks registers nothing.
    pub fn contact(&mut self, suffix: &str, roll: Roll, key: &str, days: i64, anledning: &'static str) {
        self.contact_with(suffix, roll, key, days, anledning, |kontakt| kontakt);
    }

    /// As [`Tale::contact`], with something more said of it.
    pub fn contact_with(
        &mut self,
        suffix: &str,
        roll: Roll,
        key: &str,
        days: i64,
        anledning: &'static str,
        more: impl FnOnce(Kontakt<'a>) -> Kontakt<'a>,
    ) {
        let Some(who) = self.employee(key) else { return };
        let life_threatening = anledning == "livshotande-tillstand";
        let kontakt = more(Kontakt {
            id: self.id(suffix),
            patient: self.patient(),
            roll,
            who,
            start: self.ago(days),
            anledning,
            condition: self.conditions.first().cloned().filter(|_| life_threatening),
            team: None,
            ended: None,
            note: None,
        });
        if kontakt.ended.is_none() && !matches!(roll, Roll::Omsorgskontakt) {
            self.contacts.push(format!("CareTeam/{}", kontakt.id));
        }
        self.entries.push(Entry::put(fast_kontakt(self.version(), kontakt)));
    }

    /// A överenskommelse made some days ago by the patient and `who`, listing all contacts so far.
    pub fn overenskommelse(&mut self, who: &str, goal: &'static str, ataganden: Vec<Atagande>, tid: Tid) {
        let contributors = vec![self.patient(), self.role(who)];
        self.agreement(who, contributors, goal, ataganden, tid, Vec::new());
    }

    /// A överenskommelse where someone else speaks for the patient, or something more must be said.
    pub fn agreement(
        &mut self,
        who: &str,
        contributors: Vec<Value>,
        goal: &'static str,
        ataganden: Vec<Atagande>,
        tid: Tid,
        extensions: Vec<Value>,
    ) {
        let plan = Plan {
            title: "Dokumenterad överenskommelse",
            contributors,
            ataganden,
            tid,
            extensions,
            ..self.plan("overenskommelse", plans::overenskommelse(), who, goal)
        };
        self.write(plan);
    }

    /// A samordnad individuell plan with its consent: the region's, the kommun's and the patient's own åtaganden.
    pub fn sip(&mut self, who: &str, relative: &Value, goal: &'static str, also_agreement: bool) {
        let (patient, nurse) = (self.patient(), self.role(who));
        let (home_care, home_help) = (self.role("hemsjukvard-distriktsskoterska"), self.unit("hemtjanst"));
        let consent_id = self.id("samtycke-sip");
        let controller = self.unit(self.person.listed_at);
        let since = self.ago(20);
        self.entries.push(Entry::put(plans::consent(
            self.version(),
            &consent_id,
            &patient,
            &controller,
            since,
        )));
        let mut categories = plans::sip();
        if also_agreement {
            categories.extend(plans::overenskommelse());
        }
        let mut plan = self.plan("sip", categories, who, goal);
        plan.title = "Samordnad individuell plan";
        plan.custodian = controller;
        plan.supporting_info.push(format!("Consent/{consent_id}"));
        plan.contributors = vec![
            patient.clone(),
            relative.clone(),
            nurse.clone(),
            home_care.clone(),
            home_help.clone(),
        ];
        plan.separate = true;
        plan.ataganden = vec![
            Atagande::new("Samordnar planen och följer upp läkemedel", &nurse, "en gång i månaden"),
            Atagande::new(
                "Såromläggning och blodtryck i hemmet",
                &home_care,
                "tisdagar och fredagar",
            ),
            Atagande::new("Hjälp morgon och kväll", &home_help, "varje dag"),
            Atagande::new(
                "Väger mig och ringer vid viktuppgång",
                &patient,
                "måndag, onsdag och fredag",
            ),
            Atagande::new("Följer med på besök", relative, "vid behov"),
        ];
        plan.tid = Tid::Bokad("Uppföljning av samordnad individuell plan", nurse);
        self.write(plan);
    }

    /// A medicinsk vårdplan with its parts, the listed physician responsible.
    pub fn medicinsk_vardplan(&mut self, goal: &'static str) {
        let who = self.listed_physician();
        let (patient, physician, nurse) = (self.patient(), self.role(&who), self.role(&self.listed_nurse()));
        let mut plan = self.plan("medicinsk-vardplan", plans::medicinsk_vardplan(), &who, goal);
        plan.title = "Medicinsk vårdplan";
        plan.contributors = vec![patient, physician.clone(), nurse.clone()];
        plan.ataganden = vec![
            Atagande::part(
                "prognos",
                "Långsam försämring att vänta",
                &physician,
                "bedömd vid senaste besöket",
            ),
            Atagande::part(
                "vardniva-och-inriktning",
                "Vård i hemmet, sjukhus vid andnöd som inte ger sig",
                &physician,
                "vid försämring",
            ),
            Atagande::part(
                "direktkontakt",
                "Direktnummer till mottagningen dygnet runt",
                &nurse,
                "vid försämring",
            ),
            Atagande::part(
                "handlingsplan-vid-forsamring",
                "Extra vätskedrivande enligt schema, sedan kontakt",
                &nurse,
                "vid viktuppgång",
            ),
            Atagande::part("uppfoljning", "Planen följs upp", &physician, "var sjätte månad"),
            Atagande::part(
                "behandlingsbegransning",
                "Inga beslut om begränsning",
                &physician,
                "gäller tills vidare",
            ),
        ];
        self.write(plan);
    }

    /// A plan with what all plans share.
    fn plan(&mut self, suffix: &str, categories: Vec<Value>, who: &str, goal: &'static str) -> Plan {
        let days = self.chance.between(1, 12);
        Plan {
            id: self.id(suffix),
            categories,
            title: "",
            patient: self.patient(),
            created: self.ago(days),
            custodian: self.role(who),
            contributors: Vec::new(),
            care_teams: self.contacts.clone(),
            addresses: self.conditions.clone(),
            supporting_info: self.plans.clone(),
            goal,
            ataganden: Vec::new(),
            separate: false,
            tid: Tid::EjAktuell,
            extensions: Vec::new(),
        }
    }

    fn write(&mut self, plan: Plan) {
        self.plans.push(format!("CarePlan/{}", plan.id));
        self.entries.extend(plans::write(self.version(), plan, self.chance));
    }
}

/// How the patient or a relative took part, where they are not among the contributors.
pub fn took_part(how: &str) -> Value {
    own_extension("delaktighet", "valueCode", how)
}
