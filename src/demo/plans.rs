//! Plans (CarePlan) and what they are made of: åtaganden, an överenskommen tid, goals, consent. Written in R5 or as R4.

use jiff::civil::{Date, Weekday};
use jiff::{ToSpan, civil::Time};
use serde_json::{Value, json};

use super::bundle::Entry;
use super::codes::*;
use super::contacts::day;
use super::names::Chance;
use crate::clock::stockholm;
use crate::fhir::version::FhirVersion;

/// An åtagande: what, who and when (riktlinje.md, DOK-01).
pub struct Atagande {
    pub what: &'static str,
    pub who: Value,
    pub when: &'static str,
    /// Which part of a medicinsk vårdplan it is, where it is one.
    pub part: Option<&'static str>,
}

impl Atagande {
    pub fn new(what: &'static str, who: &Value, when: &'static str) -> Atagande {
        Atagande {
            what,
            who: who.clone(),
            when,
            part: None,
        }
    }

    /// A part of a medicinsk vårdplan.
    pub fn part(part: &'static str, what: &'static str, who: &Value, when: &'static str) -> Atagande {
        Atagande {
            what,
            who: who.clone(),
            when,
            part: Some(part),
        }
    }

    fn code(&self) -> Value {
        let mut code = json!({ "text": self.what });
        if let Some(part) = self.part {
            code["coding"] = json!([{ "system": own_system("medicinsk-vardplan-del"), "code": part }]);
        }
        code
    }
}

/// The överenskommen tid of a plan.
pub enum Tid {
    /// What for, and with whom.
    Bokad(&'static str, Value),
    /// Own code of `ingen-bokad-tid`.
    Ingen(&'static str),
    /// The plan needs none (a medicinsk vårdplan).
    EjAktuell,
}

/// A plan before it is written out.
pub struct Plan {
    pub id: String,
    pub categories: Vec<Value>,
    pub title: &'static str,
    pub patient: Value,
    pub created: Date,
    pub custodian: Value,
    pub contributors: Vec<Value>,
    pub care_teams: Vec<String>,
    pub addresses: Vec<String>,
    pub supporting_info: Vec<String>,
    /// What matters to the patient, in the patient's words.
    pub goal: &'static str,
    pub ataganden: Vec<Atagande>,
    /// Each åtagande a resource of its own, as when two huvudmän keep their own; else inside the plan.
    pub separate: bool,
    pub tid: Tid,
    pub extensions: Vec<Value>,
}

/// The category of a överenskommelse: our own code beside the nearest national one.
pub fn overenskommelse() -> Vec<Value> {
    own_plan("dokumenterad-overenskommelse")
}

/// The category of a medicinsk vårdplan.
pub fn medicinsk_vardplan() -> Vec<Value> {
    own_plan("medicinsk-vardplan")
}

fn own_plan(code: &str) -> Vec<Value> {
    vec![json!({
        "coding": [{ "system": own_system("plantyp"), "code": code }, { "system": TYP_AV_PLAN, "code": "VP" }],
    })]
}

/// The category of a samordnad individuell plan.
pub fn sip() -> Vec<Value> {
    vec![concept(TYP_AV_PLAN, "SIP", "Samordnad individuell plan")]
}

/// Writes the plan and the resources it consists of.
pub fn write(version: FhirVersion, plan: Plan, chance: &mut Chance) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut contained = Vec::new();
    let mut activities = Vec::new();
    for (turn, atagande) in plan.ataganden.iter().enumerate() {
        if plan.separate {
            let full_url = chance.urn();
            let resource = tidy(service_request(version, &plan, atagande, None));
            activities.push(planned(version, &full_url));
            entries.push(Entry::Post { full_url, resource });
        } else if version == FhirVersion::R4 {
            activities.push(detail(atagande));
        } else {
            let id = format!("atagande-{}", turn + 1);
            activities.push(planned(version, &format!("#{id}")));
            contained.push(service_request(version, &plan, atagande, Some(id)));
        }
    }
    let mut extensions = plan.extensions.clone();
    match &plan.tid {
        Tid::Bokad(description, with) => {
            let full_url = chance.urn();
            let date = weekday(plan.created.saturating_add(chance.between(20, 70).days()));
            let resource = appointment(version, &plan, description, with, date, chance.between(8, 15) as i8);
            activities.push(planned(version, &full_url));
            entries.push(Entry::Post { full_url, resource });
        }
        Tid::Ingen(reason) => extensions.push(own_extension("ingen-bokad-tid", "valueCode", *reason)),
        Tid::EjAktuell => {}
    }
    let goal_id = format!("{}-mal", plan.id);
    entries.push(Entry::put(goal(&goal_id, &plan)));
    let resource = care_plan(version, plan, contained, extensions, activities, &goal_id);
    entries.push(Entry::put(resource));
    entries
}

/// Our profiles of the plan's categories.
fn profiles(categories: &[Value]) -> Vec<String> {
    let codings = categories
        .iter()
        .filter_map(|category| category["coding"].as_array())
        .flatten();
    let codes = codings.filter_map(|coding| coding["code"].as_str());
    let names = codes.filter_map(|code| match code {
        "SIP" => Some("samordnad-individuell-plan"),
        "dokumenterad-overenskommelse" | "medicinsk-vardplan" => Some(code),
        _ => None,
    });
    names.map(own_profile).collect()
}

fn care_plan(
    version: FhirVersion,
    plan: Plan,
    contained: Vec<Value>,
    extensions: Vec<Value>,
    activities: Vec<Value>,
    goal_id: &str,
) -> Value {
    let references = |literals: &[String]| literals.iter().map(|literal| reference(literal)).collect::<Vec<_>>();
    let mut resource = json!({
        "resourceType": "CarePlan",
        "id": plan.id,
        "meta": meta(&profiles(&plan.categories)),
        "contained": contained,
        "extension": extensions,
        "status": "active",
        "intent": "plan",
        "category": plan.categories,
        "title": plan.title,
        "subject": plan.patient,
        "period": { "start": day(plan.created) },
        "created": day(plan.created),
        "contributor": plan.contributors,
        "careTeam": references(&plan.care_teams),
        "supportingInfo": references(&plan.supporting_info),
        "goal": [reference(&format!("Goal/{goal_id}"))],
        "activity": activities,
    });
    match version {
        FhirVersion::R4 => {
            resource["author"] = plan.custodian;
            resource["addresses"] = references(&plan.addresses).into();
        }
        FhirVersion::R5 => {
            resource["custodian"] = plan.custodian;
            let addresses = plan
                .addresses
                .iter()
                .map(|literal| json!({ "reference": reference(literal) }));
            resource["addresses"] = addresses.collect::<Vec<_>>().into();
        }
    }
    tidy(resource)
}

/// An activity that points at a resource.
fn planned(version: FhirVersion, literal: &str) -> Value {
    match version {
        FhirVersion::R4 => json!({ "reference": reference(literal) }),
        FhirVersion::R5 => json!({ "plannedActivityReference": reference(literal) }),
    }
}

/// R4 can write the åtagande in the plan itself.
fn detail(atagande: &Atagande) -> Value {
    json!({
        "detail": {
            "kind": "ServiceRequest",
            "code": atagande.code(),
            "status": "in-progress",
            "scheduledString": atagande.when,
            "performer": [atagande.who],
        },
    })
}

fn service_request(version: FhirVersion, plan: &Plan, atagande: &Atagande, contained_id: Option<String>) -> Value {
    let code = match version {
        FhirVersion::R4 => atagande.code(),
        FhirVersion::R5 => json!({ "concept": atagande.code() }),
    };
    json!({
        "resourceType": "ServiceRequest",
        "meta": contained_id.is_none().then(|| meta(&[])),
        "id": contained_id,
        "status": "active",
        "intent": "plan",
        "code": code,
        "subject": plan.patient,
        "occurrenceTiming": { "code": { "text": atagande.when } },
        "performer": [atagande.who],
    })
}

fn appointment(version: FhirVersion, plan: &Plan, description: &str, with: &Value, date: Date, hour: i8) -> Value {
    tidy(json!({
        "resourceType": "Appointment",
        "meta": meta(&[]),
        "status": "booked",
        "description": description,
        "start": instant(date, hour, 0),
        "end": instant(date, hour, 30),
        "minutesDuration": 30,
        "subject": (version == FhirVersion::R5).then(|| plan.patient.clone()),
        "participant": [
            { "actor": plan.patient, "status": "accepted" },
            { "actor": with, "status": "accepted" },
        ],
    }))
}

/// Saturdays and Sundays become the Monday after.
fn weekday(date: Date) -> Date {
    match date.weekday() {
        Weekday::Saturday => date.saturating_add(2.days()),
        Weekday::Sunday => date.saturating_add(1.days()),
        _ => date,
    }
}

/// A Swedish time of day with its offset.
fn instant(date: Date, hour: i8, minute: i8) -> Option<String> {
    let time = Time::new(hour, minute, 0, 0).ok()?;
    let zoned = date.to_datetime(time).to_zoned(stockholm()).ok()?;
    Some(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

fn goal(id: &str, plan: &Plan) -> Value {
    tidy(json!({
        "resourceType": "Goal",
        "id": id,
        "meta": meta(&[]),
        "lifecycleStatus": "active",
        "description": { "text": plan.goal },
        "subject": plan.patient,
        "startDate": day(plan.created),
    }))
}

/// Consent to a samordnad individuell plan, in force from `since`.
pub fn consent(version: FhirVersion, id: &str, patient: &Value, controller: &Value, since: Date) -> Value {
    // Disclosure between the huvudmän is what the consent is about.
    let category = json!([{
        "coding": [{ "system": ACT_CODE, "code": "IDSCL" }],
        "text": "Samtycke till samordnad individuell plan",
    }]);
    let since = day(since);
    tidy(match version {
        FhirVersion::R4 => json!({
            "resourceType": "Consent",
            "id": id,
            "meta": meta(&[]),
            "status": "active",
            "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy", ""),
            "category": category,
            "patient": patient,
            "dateTime": since,
            "performer": [patient],
            "organization": [controller],
            "policy": [{ "uri": HSL }],
            "provision": { "type": "permit", "period": { "start": since } },
        }),
        FhirVersion::R5 => json!({
            "resourceType": "Consent",
            "id": id,
            "meta": meta(&[]),
            "status": "active",
            "category": category,
            "subject": patient,
            "date": since,
            "period": { "start": since },
            "grantor": [patient],
            "controller": [controller],
            "policyBasis": { "url": HSL },
            "decision": "permit",
        }),
    })
}
