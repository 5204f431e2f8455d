//! What a rule brings about beside its findings: a new version of another resource, written by the door in the same
//! transaction. The rules only say what is to be done.

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::fhir::types::ResourceType;

use super::codes::EXT_AVSLUTSORSAK;

/// A change that follows from an accepted write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// FLK-04, FVK-03: the contact that the written one replaces (`ersatter`) ends, with `avslutsorsak` `byte`.
    AvslutaGenomByte { care_team: String, avslut: Avslut },
}

/// How the replaced contact ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Avslut {
    /// `period.end` is set to this day, the one before the new contact starts.
    Slutar(Date),
    /// It would end before it started: it becomes inactive and keeps its period.
    Inaktiv,
}

impl Effect {
    /// The resource that gets a new version.
    pub fn target(&self) -> (ResourceType, &str) {
        match self {
            Effect::AvslutaGenomByte { care_team, .. } => (ResourceType::CareTeam, care_team),
        }
    }

    /// Makes the new version of the target, R5. Everything else stays as it is.
    pub fn apply(&self, resource: &mut Value) {
        let Effect::AvslutaGenomByte { avslut, .. } = self;
        let Some(members) = resource.as_object_mut() else {
            return;
        };
        match avslut {
            Avslut::Slutar(day) => end_period(members, *day),
            Avslut::Inaktiv => {
                members.insert("status".to_owned(), json!("inactive"));
            }
        }
        let reason = json!({ "url": EXT_AVSLUTSORSAK, "valueCode": "byte" });
        let extensions = members.entry("extension").or_insert_with(|| json!([]));
        if let Value::Array(extensions) = extensions {
            extensions.retain(|extension| extension.get("url").and_then(Value::as_str) != Some(EXT_AVSLUTSORSAK));
            extensions.push(reason);
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

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_replaced_contact_ends_and_says_why() {
        let mut contact =
            json!({ "resourceType": "CareTeam", "status": "active", "period": { "start": "2020-01-01" } });
        let effect = Effect::AvslutaGenomByte {
            care_team: "a".into(),
            avslut: Avslut::Slutar(date(2026, 5, 31)),
        };
        effect.apply(&mut contact);
        assert_eq!(contact["period"], json!({ "start": "2020-01-01", "end": "2026-05-31" }));
        assert_eq!(
            contact["extension"],
            json!([{ "url": EXT_AVSLUTSORSAK, "valueCode": "byte" }])
        );
        assert_eq!(contact["status"], "active");
    }

    #[test]
    fn a_replaced_contact_that_has_not_begun_becomes_inactive() {
        let mut contact =
            json!({ "resourceType": "CareTeam", "status": "active", "period": { "start": "2030-01-01" } });
        Effect::AvslutaGenomByte {
            care_team: "a".into(),
            avslut: Avslut::Inaktiv,
        }
        .apply(&mut contact);
        assert_eq!(contact["status"], "inactive");
        assert_eq!(contact["period"], json!({ "start": "2030-01-01" }));
    }
}
