//! What a rule brings about beside its findings: a new version of another resource, or a message to someone, written by
//! the door in the same transaction. The rules only say what is to be done.

use fastkontakt_model::facts::Reference;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::fhir::types::ResourceType;

use super::codes::{EXT_AVSLUTSORSAK, EXT_ERSATT_FRAN, MEDDELANDE};

/// A change that follows from an accepted write.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// FLK-04, FVK-03: the contact that the written one replaces (`ersatter`) ends.
    AvslutaGenomByte { care_team: String, avslut: Avslut },
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
}

/// What the door has to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'e> {
    /// A new version of this resource.
    Version(ResourceType, &'e str),
    /// A new resource of this type.
    New(ResourceType),
}

impl Effect {
    /// What is to be written.
    pub fn target(&self) -> Target<'_> {
        match self {
            Effect::AvslutaGenomByte { care_team, .. } => Target::Version(ResourceType::CareTeam, care_team),
            Effect::Meddela(_) => Target::New(ResourceType::Communication),
        }
    }

    /// Makes the new version of the target, R5; a new resource begins as `{}`. Everything else stays as it is.
    pub fn apply(&self, resource: &mut Value, now: Timestamp) {
        match self {
            Effect::AvslutaGenomByte { avslut, .. } => {
                if let Some(members) = resource.as_object_mut() {
                    avslut.apply(members);
                }
            }
            Effect::Meddela(meddelande) => *resource = meddelande.resource(now),
        }
    }
}

impl Avslut {
    fn apply(self, members: &mut Map<String, Value>) {
        let byte = || json!({ "url": EXT_AVSLUTSORSAK, "valueCode": "byte" });
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
            json!([{ "url": EXT_AVSLUTSORSAK, "valueCode": "byte" }])
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
        expected["extension"] = json!([{ "url": EXT_ERSATT_FRAN, "valueDate": "2026-06-01" }]);
        assert_eq!(marked, expected);
        // Replaced once more, earlier: one mark.
        let again = after(Avslut::ErsattFran(date(2026, 5, 1)), marked);
        expected["extension"][0]["valueDate"] = json!("2026-05-01");
        assert_eq!(again, expected);
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
