//! Fasta kontakter and teams (CareTeam) as Inera's CareTeam IG shapes them, written in R5 or as R4.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::codes::*;
use super::units::Employee;
use crate::fhir::version::FhirVersion;

/// What the contact is for (kv_typ_av_fast_kontakt, or our own addition to it).
#[derive(Clone, Copy)]
pub enum Roll {
    Vardkontakt,
    Lakarkontakt,
    Omsorgskontakt,
    /// Fast vårdkontakt with övergripande samordningsansvar.
    Samordnare,
    /// `kontaktsjukskoterska` or one of Gävleborg's behandlande roller.
    Tillagg(&'static str),
}

impl Roll {
    fn concept(self) -> Value {
        let national = |code, display| concept(TYP_AV_FAST_KONTAKT, code, display);
        match self {
            Roll::Vardkontakt => national("1", "fast vårdkontakt"),
            Roll::Lakarkontakt => national("2", "fast läkarkontakt i primärvård"),
            Roll::Omsorgskontakt => national("3", "fast omsorgskontakt i hemtjänsten"),
            Roll::Samordnare => national("4", "fast vårdkontakt med övergripande samordningsansvar"),
            Roll::Tillagg(code) => own_concept("typ-av-fast-kontakt-tillagg", code),
        }
    }
}

/// A fast kontakt before it is written out.
pub struct Kontakt<'a> {
    pub id: String,
    /// `Patient/…`
    pub patient: Value,
    pub roll: Roll,
    pub who: &'a Employee,
    pub start: Date,
    /// Own code system `anledning`.
    pub anledning: &'static str,
    /// `Condition/…`, where one is the reason.
    pub condition: Option<String>,
    /// `CareTeam/…`, when the person is reached through a team.
    pub team: Option<String>,
    /// Last day and avslutsorsak of a contact that has ended.
    pub ended: Option<(Date, &'static str)>,
    /// What the patient may read.
    pub note: Option<&'static str>,
}

/// Writes the contact as RIVCareManager.
pub fn fast_kontakt(version: FhirVersion, kontakt: Kontakt<'_>) -> Value {
    let mut extensions = vec![own_extension("samrad", "valueBoolean", true)];
    if let Some((_, avslutsorsak)) = kontakt.ended {
        extensions.push(own_extension("avslutsorsak", "valueCode", avslutsorsak));
        extensions.push(own_extension("avslutad-i-samrad", "valueBoolean", true));
    }
    let via_team = kontakt
        .team
        .map(|team| vec![json!({ "url": VIA_TEAM, "valueReference": reference(&team) })]);
    let mut resource = json!({
        "resourceType": "CareTeam",
        "id": kontakt.id,
        "meta": meta(&[CARE_MANAGER_PROFILE.to_owned(), own_profile("fast-kontakt")]),
        "extension": extensions,
        "status": if kontakt.ended.is_some() { "inactive" } else { "active" },
        "category": [concept(TYP_AV_CARETEAM, "fast-kontakt", "Fast kontakt")],
        "subject": kontakt.patient,
        "period": { "start": day(kontakt.start), "end": kontakt.ended.map(|(end, _)| day(end)) },
        "participant": [{
            "extension": via_team,
            "role": one_or_list(version, kontakt.roll.concept()),
            "member": kontakt.who.role(),
        }],
        "managingOrganization": [kontakt.who.unit()],
        "note": kontakt.note.map(|text| json!([{ "text": text }])),
    });
    set_reason(version, &mut resource, kontakt.anledning, kontakt.condition);
    tidy(resource)
}

/// R5 has one role, R4 a list of them.
fn one_or_list(version: FhirVersion, role: Value) -> Value {
    match version {
        FhirVersion::R4 => json!([role]),
        FhirVersion::R5 => role,
    }
}

/// R5 `reason` holds concepts and references; R4 has `reasonCode` and `reasonReference`.
fn set_reason(version: FhirVersion, resource: &mut Value, anledning: &str, condition: Option<String>) {
    let code = own_concept("anledning", anledning);
    let condition = condition.as_deref().map(reference);
    match version {
        FhirVersion::R4 => {
            resource["reasonCode"] = json!([code]);
            resource["reasonReference"] = json!([condition]);
        }
        FhirVersion::R5 => resource["reason"] = json!([{ "concept": code, "reference": condition }]),
    }
}

/// Writes a team as RIVManagingTeam: reached on weekdays from eight to four.
pub fn team(version: FhirVersion, id: &str, name: &str, phone: &str, members: &[&Employee]) -> Value {
    let participants: Vec<Value> = members
        .iter()
        .map(|member| json!({ "member": member.role() }))
        .collect();
    tidy(json!({
        "resourceType": "CareTeam",
        "id": id,
        "meta": meta(&[MANAGING_TEAM_PROFILE.to_owned(), own_profile("team")]),
        "identifier": [{ "system": "https://example.org/fhir/sid/team-id", "value": id.to_uppercase() }],
        "status": "active",
        "category": [concept(TYP_AV_CARETEAM, "team", "Team")],
        "name": name,
        "participant": participants,
        "managingOrganization": members.first().map(|member| vec![member.unit()]),
        "telecom": [{ "extension": [weekdays(version)], "system": "phone", "value": phone, "use": "work" }],
        "note": [{ "text": "Teamets telefon besvaras vardagar 8–16." }],
    }))
}

fn weekdays(version: FhirVersion) -> Value {
    let days = ["mon", "tue", "wed", "thu", "fri"];
    let (start, end) = ("08:00:00", "16:00:00");
    match version {
        FhirVersion::R5 => json!({
            "url": TELECOM_AVAILABILITY,
            "valueAvailability": {
                "availableTime": [{ "daysOfWeek": days, "availableStartTime": start, "availableEndTime": end }],
            },
        }),
        FhirVersion::R4 => {
            let mut time: Vec<Value> = days
                .iter()
                .map(|day| json!({ "url": "daysOfWeek", "valueCode": day }))
                .collect();
            time.push(json!({ "url": "availableStartTime", "valueTime": start }));
            time.push(json!({ "url": "availableEndTime", "valueTime": end }));
            json!({
                "url": TELECOM_AVAILABILITY,
                "extension": [{
                    "url": AVAILABILITY_IN_R4,
                    "extension": [{ "url": "availableTime", "extension": time }],
                }],
            })
        }
    }
}

/// A day as FHIR writes it.
pub fn day(date: Date) -> String {
    date.to_string()
}
