//! What a rule brings about beside its findings: a new version of another resource, or a message to someone, written by
//! the door in the same transaction. The rules only say what is to be done.

use fastkontakt_model::facts::Reference;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::fhir::references::local;
use crate::fhir::types::ResourceType;

use super::codes::{
    BYTE, ERSATT_AV_ATERKALLAD, ERSATT_AV_KONTAKT, ERSATT_AV_TIDIGARE_SLUT, EXT_AVSLUTSORSAK, EXT_ERSATT_AV,
    EXT_ERSATT_FRAN, MEDDELANDE,
};

/// A change that follows from an accepted write.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// FLK-04, FVK-03: the contact that the written one replaces (`ersatter`) ends.
    AvslutaGenomByte {
        care_team: String,
        /// The id of the written one.
        ersattare: String,
        avslut: Avslut,
    },
    /// What replaced a contact does not come into force: what was written on it then is taken back; it may be replaced anew, by
    /// the contact with this id.
    AterkallaByte {
        care_team: String,
        pa_nytt: Option<(String, Avslut)>,
    },
    /// The same, but the contact is no longer to be had back: that is noted on it.
    NoteraAterkallat {
        care_team: String,
        ersattare: String,
        dag: Date,
    },
    /// A Communication tells someone of what was written.
    Meddela(Box<Meddelande>),
}

/// How the replaced contact ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Avslut {
    /// `period.end` is set to this day, the one before the new contact starts; `avslutsorsak` is `byte`.
    Slutar(Date),
    /// It would end before it started: it becomes inactive and keeps its period; `avslutsorsak` is `byte`.
    Inaktiv,
    /// It belongs to another vårdgivare: nothing is changed, but it is marked as replaced from this day
    /// (`ersatt-fran`).
    ErsattFran(Date),
}

/// A message that the service writes. It names nobody: references only.
#[derive(Clone, Debug, PartialEq)]
pub struct Meddelande {
    /// Code of the own code system `meddelande`.
    pub kod: &'static str,
    /// The patient.
    pub subject: Reference,
    /// `CareTeam/…`, `CarePlan/…`: what it is about.
    pub about: String,
    pub mottagare: Vec<Reference>,
    /// The id of the CareTeam that the receivers stand in: who keeps it keeps the message, and so may read it.
    pub hos: String,
}

/// What the door has to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'e> {
    /// A new version of this resource.
    Version(ResourceType, &'e str),
    /// A new resource of this type, kept by whoever keeps the CareTeam with this id.
    New(ResourceType, &'e str),
}

impl Effect {
    /// What is to be written.
    pub fn target(&self) -> Target<'_> {
        match self {
            Effect::AvslutaGenomByte { care_team, .. }
            | Effect::AterkallaByte { care_team, .. }
            | Effect::NoteraAterkallat { care_team, .. } => Target::Version(ResourceType::CareTeam, care_team),
            Effect::Meddela(it) => Target::New(ResourceType::Communication, &it.hos),
        }
    }

    /// What a message tells of.
    pub fn about(&self) -> Option<(ResourceType, &str)> {
        match self {
            Effect::Meddela(it) => local(&it.about),
            _ => None,
        }
    }

    /// Makes the new version of the target, R5; a new resource begins as `{}`. Everything else stays as it is.
    pub fn apply(&self, resource: &mut Value, now: Timestamp) {
        match self {
            Effect::Meddela(meddelande) => *resource = meddelande.resource(now),
            _ => {
                if let Some(members) = resource.as_object_mut() {
                    self.change(members);
                }
            }
        }
    }

    fn change(&self, members: &mut Map<String, Value>) {
        match self {
            Effect::AvslutaGenomByte { ersattare, avslut, .. } => avslut.apply(ersattare, members),
            Effect::AterkallaByte { pa_nytt, .. } => {
                take_back(members);
                if let Some((ersattare, avslut)) = pa_nytt {
                    avslut.apply(ersattare, members);
                }
            }
            Effect::NoteraAterkallat { ersattare, dag, .. } => {
                let mut mark = taken(members, EXT_ERSATT_AV).unwrap_or_else(|| replaced_by(ersattare, None));
                let noted = json!({ "url": ERSATT_AV_ATERKALLAD, "valueDate": dag.to_string() });
                if let Some(inner) = mark.as_object_mut() {
                    set_extension(inner, ERSATT_AV_ATERKALLAD, noted);
                }
                set_extension(members, EXT_ERSATT_AV, mark);
            }
            Effect::Meddela(_) => {}
        }
    }
}

/// Makes a replaced contact what it was before.
fn take_back(members: &mut Map<String, Value>) {
    let mark = taken(members, EXT_ERSATT_AV);
    if taken(members, EXT_ERSATT_FRAN).is_some() {
        return;
    }
    taken(members, EXT_AVSLUTSORSAK);
    if members.get("status").and_then(Value::as_str) == Some("inactive") {
        members.insert("status".to_owned(), json!("active"));
        return;
    }
    let end = mark.and_then(|mark| {
        let inner = mark.get("extension")?.as_array()?.iter();
        let mut kept = inner.filter(|it| it.get("url").and_then(Value::as_str) == Some(ERSATT_AV_TIDIGARE_SLUT));
        kept.next()?.get("valueDateTime").cloned()
    });
    let Some(Value::Object(period)) = members.get_mut("period") else {
        return;
    };
    match end {
        Some(end) => period.insert("end".to_owned(), end),
        None => period.shift_remove("end"),
    };
    if period.is_empty() {
        members.shift_remove("period");
    }
}

/// The extension `ersatt-av`.
fn replaced_by(ersattare: &str, end: Option<&Value>) -> Value {
    let by = json!({ "url": ERSATT_AV_KONTAKT, "valueReference": { "reference": format!("CareTeam/{ersattare}") } });
    let end = end.map(|end| json!({ "url": ERSATT_AV_TIDIGARE_SLUT, "valueDateTime": end }));
    let inner: Vec<Value> = [by].into_iter().chain(end).collect();
    json!({ "url": EXT_ERSATT_AV, "extension": inner })
}

impl Avslut {
    fn apply(self, ersattare: &str, members: &mut Map<String, Value>) {
        let byte = || json!({ "url": EXT_AVSLUTSORSAK, "valueCode": BYTE });
        let end = members.get("period").and_then(|period| period.get("end"));
        let mark = replaced_by(ersattare, end.filter(|_| matches!(self, Avslut::Slutar(_))));
        set_extension(members, EXT_ERSATT_AV, mark);
        match self {
            Avslut::Slutar(day) => {
                end_period(members, day);
                set_extension(members, EXT_AVSLUTSORSAK, byte());
            }
            Avslut::Inaktiv => {
                members.insert("status".to_owned(), json!("inactive"));
                set_extension(members, EXT_AVSLUTSORSAK, byte());
            }
            Avslut::ErsattFran(day) => {
                let replaced = json!({ "url": EXT_ERSATT_FRAN, "valueDate": day.to_string() });
                set_extension(members, EXT_ERSATT_FRAN, replaced);
            }
        }
    }
}

fn end_period(members: &mut Map<String, Value>, day: Date) {
    let period = members.entry("period").or_insert_with(|| json!({}));
    if let Value::Object(period) = period {
        period.insert("end".to_owned(), json!(day.to_string()));
        period.shift_remove("_end");
    }
}

/// Takes the extension of that url away.
fn taken(members: &mut Map<String, Value>, url: &str) -> Option<Value> {
    let Some(Value::Array(extensions)) = members.get_mut("extension") else {
        return None;
    };
    let is_it = |extension: &Value| extension.get("url").and_then(Value::as_str) == Some(url);
    let found = extensions.iter().position(is_it).map(|at| extensions.remove(at));
    if extensions.is_empty() {
        members.shift_remove("extension");
    }
    found
}

/// Puts the extension in the place of one of the same url.
fn set_extension(members: &mut Map<String, Value>, url: &str, extension: Value) {
    let extensions = members.entry("extension").or_insert_with(|| json!([]));
    if let Value::Array(extensions) = extensions {
        extensions.retain(|extension| extension.get("url").and_then(Value::as_str) != Some(url));
        extensions.push(extension);
    }
}

impl Meddelande {
    fn resource(&self, now: Timestamp) -> Value {
        let mut resource = json!({
            "resourceType": ResourceType::Communication.name(),
            "status": "completed",
            "category": [{ "coding": [{ "system": MEDDELANDE, "code": self.kod }] }],
            "subject": reference(&self.subject),
            "about": [{ "reference": self.about }],
        });
        // FHIR knows no empty list.
        if !self.mottagare.is_empty() {
            resource["recipient"] = self.mottagare.iter().map(reference).collect();
        }
        resource["sent"] = json!(format!("{now:.3}"));
        resource
    }
}

/// A reference as FHIR writes it, without display: a message names nobody.
fn reference(reference: &Reference) -> Value {
    let mut written = json!({});
    if let Some(literal) = &reference.reference {
        written["reference"] = json!(literal);
    }
    if let Some(kind) = &reference.type_ {
        written["type"] = json!(kind);
    }
    if let Some(identifier) = &reference.identifier {
        let mut inner = json!({});
        if let Some(system) = &identifier.system {
            inner["system"] = json!(system);
        }
        if let Some(value) = &identifier.value {
            inner["value"] = json!(value);
        }
        written["identifier"] = inner;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::structure;
    use crate::fhir::version::FhirVersion;
    use jiff::civil::date;

    fn after(avslut: Avslut, mut contact: Value) -> Value {
        let effect = Effect::AvslutaGenomByte {
            care_team: "a".into(),
            ersattare: "b".into(),
            avslut,
        };
        effect.apply(&mut contact, Timestamp::UNIX_EPOCH);
        contact
    }

    fn contact(start: &str) -> Value {
        json!({ "resourceType": "CareTeam", "status": "active", "period": { "start": start } })
    }

    #[test]
    fn a_replaced_contact_ends_and_says_why() {
        let contact = after(Avslut::Slutar(date(2026, 5, 31)), contact("2020-01-01"));
        assert_eq!(contact["period"], json!({ "start": "2020-01-01", "end": "2026-05-31" }));
        assert_eq!(
            contact["extension"],
            json!([replaced_by("b", None), { "url": EXT_AVSLUTSORSAK, "valueCode": "byte" }])
        );
        assert_eq!(contact["status"], "active");
    }

    #[test]
    fn a_replaced_contact_that_has_not_begun_becomes_inactive() {
        let contact = after(Avslut::Inaktiv, contact("2030-01-01"));
        assert_eq!(contact["status"], "inactive");
        assert_eq!(contact["period"], json!({ "start": "2030-01-01" }));
    }

    #[test]
    fn a_contact_of_another_vardgivare_is_only_marked() {
        let marked = after(Avslut::ErsattFran(date(2026, 6, 1)), contact("2020-01-01"));
        let mut expected = contact("2020-01-01");
        expected["extension"] = json!([replaced_by("b", None), { "url": EXT_ERSATT_FRAN, "valueDate": "2026-06-01" }]);
        assert_eq!(marked, expected);
        // Replaced once more, earlier: one mark.
        let again = after(Avslut::ErsattFran(date(2026, 5, 1)), marked);
        expected["extension"][1]["valueDate"] = json!("2026-05-01");
        assert_eq!(again, expected);
    }

    #[test]
    fn what_was_brought_about_is_taken_back_as_it_was() {
        let fixed = json!({ "resourceType": "CareTeam", "period": { "start": "2020-01-01", "end": "2027" } });
        let own = json!({ "resourceType": "CareTeam", "status": "active", "extension": [{ "url": "urn:own", "valueBoolean": true }] });
        for before in [contact("2020-01-01"), contact("2030-01-01"), fixed, own] {
            for avslut in [
                Avslut::Slutar(date(2026, 5, 31)),
                Avslut::ErsattFran(date(2026, 6, 1)),
                Avslut::Inaktiv,
            ] {
                if avslut == Avslut::Inaktiv && before["status"] != "active" {
                    continue;
                }
                let back = |pa_nytt: Option<(String, Avslut)>, contact: &Value| {
                    let mut contact = contact.clone();
                    let care_team = "a".to_owned();
                    Effect::AterkallaByte { care_team, pa_nytt }.apply(&mut contact, Timestamp::UNIX_EPOCH);
                    contact
                };
                let replaced = after(avslut, before.clone());
                assert_ne!(replaced, before);
                assert_eq!(back(None, &replaced), before, "{avslut:?}");
                // Replaced by the other from another day, and taken back then.
                let later = Avslut::ErsattFran(date(2026, 8, 1));
                let moved = back(Some(("c".to_owned(), later)), &replaced);
                assert!(moved.to_string().contains("CareTeam/c") && !moved.to_string().contains("CareTeam/b"));
                assert_eq!(back(None, &moved), before);
                let mut noted = replaced.clone();
                let note = |ersattare: &str| Effect::NoteraAterkallat {
                    care_team: "a".into(),
                    ersattare: ersattare.into(),
                    dag: date(2026, 7, 1),
                };
                note("b").apply(&mut noted, Timestamp::UNIX_EPOCH);
                note("b").apply(&mut noted, Timestamp::UNIX_EPOCH);
                assert_eq!(noted.to_string().matches("2026-07-01").count(), 1);
                assert_eq!(noted["period"], replaced["period"]);
            }
        }
    }

    #[test]
    fn a_message_is_valid_and_names_nobody() {
        let to = |reference: &str| Reference {
            reference: Some(reference.into()),
            display: Some("Namn".into()),
            ..Reference::default()
        };
        for mottagare in [vec![to("Organization/e"), to("PractitionerRole/r")], Vec::new()] {
            let effect = Effect::Meddela(Box::new(Meddelande {
                kod: "kontakt-ersatt",
                subject: to("Patient/p"),
                about: "CareTeam/a".into(),
                hos: "a".into(),
                mottagare,
            }));
            let mut message = json!({});
            effect.apply(&mut message, Timestamp::UNIX_EPOCH);
            message["id"] = json!("m");
            assert_eq!(structure::check(FhirVersion::R5, "Communication", &message), []);
            assert!(!message.to_string().contains("Namn"));
        }
    }
}
