//! What a rule brings about beside its findings: a new version of another resource, or a message to someone, written by
//! the door in the same transaction. The rules only say what is to be done.

use std::collections::BTreeMap;

use fastkontakt_model::facts::Reference;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::fhir::references::local;
use crate::fhir::types::ResourceType;

use super::codes::{ERSATTNING_ATERKALLAD, KONTAKT_ERSATT, MEDDELANDE};
use super::ersattmarke;

/// A change that follows from an accepted write.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// FLK-04, FVK-03: a contact is replaced (`ersatter`), or by another than before, or no longer.
    Ersatts(Ersattning),
    /// What replaced a contact does not come into force, and the contact is no longer to be had back: that is noted on it.
    NoteraAterkallat { care_team: String, dag: Date },
    /// A Communication tells someone of what was written.
    Meddela(Box<Meddelande>),
}

/// What becomes of a contact by others that replace it. Whatever they are, it ends for the one that begins first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ersattning {
    pub care_team: String,
    /// Something that replaced it does not come into force, or later: none replace it but these.
    pub tas_tillbaka: bool,
    /// The ids of those that replace it, from when, and how it then ends.
    pub av: BTreeMap<String, (Date, Avslut)>,
}

/// How the replaced contact ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

impl Ersattning {
    /// The one that begins first, from when it replaces the contact, and how that then ends.
    pub fn forsta(&self) -> Option<(&str, Date, Avslut)> {
        let first = self.av.iter().min_by_key(|(_, ends)| **ends)?;
        let (id, (day, avslut)) = first;
        Some((id, *day, *avslut))
    }

    fn apply(&self, members: &mut Map<String, Value>) {
        let before = ersattmarke::tillbaka(members);
        let Some((_, day, avslut)) = self.forsta() else { return };
        let mut av: Vec<String> = self.av.keys().cloned().collect();
        if !self.tas_tillbaka {
            av.extend(before.into_iter().filter(|id| !self.av.contains_key(id)));
        }
        ersattmarke::ersatt(members, &av, day, avslut);
    }

    /// What several writes of one transaction mean for the contact.
    fn and(&mut self, other: Ersattning) {
        self.tas_tillbaka |= other.tas_tillbaka;
        self.av.extend(other.av);
    }
}

impl Effect {
    /// What the writes of one transaction bring about together: each contact is changed once, whatever the order of the writes, and
    /// its unit is told once.
    pub fn samlade(effects: impl IntoIterator<Item = Effect>) -> Vec<Effect> {
        let mut all: Vec<Effect> = Vec::new();
        for effect in effects {
            let same = all.iter_mut().find(|known| known.is_of_the_same(&effect));
            match (same, effect) {
                (Some(Effect::Ersatts(known)), Effect::Ersatts(more)) => known.and(more),
                (Some(Effect::Meddela(known)), Effect::Meddela(more)) if more.kod == KONTAKT_ERSATT => *known = more,
                (Some(_), _) => {}
                (None, effect) => all.push(effect),
            }
        }
        all
    }

    fn is_of_the_same(&self, other: &Effect) -> bool {
        match (self, other) {
            (Effect::Ersatts(one), Effect::Ersatts(other)) => one.care_team == other.care_team,
            (Effect::NoteraAterkallat { care_team: one, .. }, Effect::NoteraAterkallat { care_team, .. }) => {
                one == care_team
            }
            (Effect::Meddela(one), Effect::Meddela(other)) => {
                one.tells_of_a_replacement() && other.tells_of_a_replacement() && one.about == other.about
            }
            _ => false,
        }
    }

    /// What is to be written.
    pub fn target(&self) -> Target<'_> {
        match self {
            Effect::Ersatts(Ersattning { care_team, .. }) | Effect::NoteraAterkallat { care_team, .. } => {
                Target::Version(ResourceType::CareTeam, care_team)
            }
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
        match (self, resource.as_object_mut()) {
            (Effect::Meddela(meddelande), _) => *resource = meddelande.resource(now),
            (Effect::Ersatts(ersattning), Some(members)) => ersattning.apply(members),
            (Effect::NoteraAterkallat { dag, .. }, Some(members)) => ersattmarke::notera_aterkallad(members, *dag),
            (_, None) => {}
        }
    }
}

impl Meddelande {
    fn tells_of_a_replacement(&self) -> bool {
        [KONTAKT_ERSATT, ERSATTNING_ATERKALLAD].contains(&self.kod)
    }

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
    use super::super::codes::{EXT_AVSLUTSORSAK, EXT_ERSATT_AV, EXT_ERSATT_FRAN};
    use super::*;
    use crate::fhir::structure;
    use crate::fhir::version::FhirVersion;
    use jiff::civil::date;

    const FIRST: Date = date(2026, 5, 1);

    /// As the riktlinje has it of a contact of the same vårdgivare, or of another.
    fn avslut(contact: &Value, day: Date, markt: bool) -> Avslut {
        let start = contact["period"]["start"].as_str().expect("a start");
        match markt {
            true => Avslut::ErsattFran(day),
            false if *start < *day.to_string() => Avslut::Slutar(day.yesterday().expect("a day")),
            false => Avslut::Inaktiv,
        }
    }

    fn replaced(contact: &Value, markt: bool, tas_tillbaka: bool, av: &[(&str, Date)]) -> Value {
        let av = av
            .iter()
            .map(|(id, day)| ((*id).to_owned(), (*day, avslut(contact, *day, markt))));
        let effect = Effect::Ersatts(Ersattning {
            care_team: "a".into(),
            tas_tillbaka,
            av: av.collect(),
        });
        let mut contact = contact.clone();
        effect.apply(&mut contact, Timestamp::UNIX_EPOCH);
        contact
    }

    fn mark(av: &[&str], fran: &str) -> Value {
        let by = av
            .iter()
            .map(|id| json!({ "url": "kontakt", "valueReference": { "reference": format!("CareTeam/{id}") } }));
        let said: Vec<Value> = by.chain([json!({ "url": "fran", "valueDate": fran })]).collect();
        json!({ "url": EXT_ERSATT_AV, "extension": said })
    }

    fn contact(start: &str) -> Value {
        json!({ "resourceType": "CareTeam", "status": "active", "period": { "start": start } })
    }

    #[test]
    fn a_replaced_contact_ends_and_says_why() {
        let ended = replaced(&contact("2020-01-01"), false, false, &[("b", FIRST)]);
        assert_eq!(ended["period"], json!({ "start": "2020-01-01", "end": "2026-04-30" }));
        assert_eq!(
            ended["extension"],
            json!([mark(&["b"], "2026-05-01"), { "url": EXT_AVSLUTSORSAK, "valueCode": "byte" }])
        );
        assert_eq!(ended["status"], "active");
    }

    #[test]
    fn a_replaced_contact_that_has_not_begun_becomes_inactive() {
        let ended = replaced(&contact("2030-01-01"), false, false, &[("b", FIRST)]);
        assert_eq!(ended["status"], "inactive");
        assert_eq!(ended["period"], json!({ "start": "2030-01-01" }));
    }

    #[test]
    fn a_contact_of_another_vardgivare_is_only_marked() {
        let marked = replaced(&contact("2020-01-01"), true, false, &[("b", date(2026, 6, 1))]);
        let mut expected = contact("2020-01-01");
        expected["extension"] =
            json!([mark(&["b"], "2026-06-01"), { "url": EXT_ERSATT_FRAN, "valueDate": "2026-06-01" }]);
        assert_eq!(marked, expected);
        // Replaced once more, earlier: one mark.
        let again = replaced(&marked, true, false, &[("c", FIRST)]);
        expected["extension"] =
            json!([mark(&["c", "b"], "2026-05-01"), { "url": EXT_ERSATT_FRAN, "valueDate": "2026-05-01" }]);
        assert_eq!(again, expected);
    }

    #[test]
    fn whatever_replaced_a_contact_it_becomes_what_it_was() {
        let mut moved = contact("2020-01-01");
        moved["period"]["end"] = json!("2027");
        moved["extension"] = json!([{ "url": EXT_AVSLUTSORSAK, "valueCode": "flytt" }]);
        let mut own = contact("2020-01-01");
        own["extension"] = json!([{ "url": "urn:own", "valueBoolean": true }]);
        let by_members = |mut contact: Value| {
            let extensions = contact.get_mut("extension").and_then(Value::as_array_mut);
            extensions.into_iter().for_each(|all| all.sort_by_key(Value::to_string));
            contact
        };
        for before in [contact("2020-01-01"), contact("2030-01-01"), moved, own].map(by_members) {
            for markt in [true, false] {
                let once = replaced(&before, markt, false, &[("b", date(2026, 6, 1))]);
                assert_ne!(once, before);
                let back = |contact: &Value| by_members(replaced(contact, markt, true, &[]));
                assert_eq!(back(&once), before);
                // Replaced by another besides, and that is taken back: as it was by the first.
                let twice = replaced(&once, markt, false, &[("c", FIRST)]);
                assert!(twice.to_string().contains("CareTeam/b") && twice.to_string().contains("CareTeam/c"));
                assert_eq!(back(&twice), before);
                let by_the_first = replaced(&twice, markt, true, &[("b", date(2026, 6, 1))]);
                assert_eq!(by_members(by_the_first), by_members(once.clone()));
                let mut noted = once.clone();
                let note = Effect::NoteraAterkallat {
                    care_team: "a".into(),
                    dag: date(2026, 7, 1),
                };
                note.apply(&mut noted, Timestamp::UNIX_EPOCH);
                note.apply(&mut noted, Timestamp::UNIX_EPOCH);
                assert_eq!(noted.to_string().matches("2026-07-01").count(), 1);
                assert_eq!(noted["period"], once["period"]);
            }
        }
    }

    #[test]
    fn what_its_own_unit_has_changed_since_stands() {
        let mut ended = replaced(&contact("2020-01-01"), false, false, &[("b", FIRST)]);
        ended["period"]["end"] = json!("2026-03-01");
        let back = replaced(&ended, false, true, &[]);
        assert_eq!(back["period"]["end"], "2026-03-01");
        assert_eq!(
            back["extension"],
            json!([{ "url": EXT_AVSLUTSORSAK, "valueCode": "byte" }])
        );
    }

    #[test]
    fn the_effects_of_a_transaction_are_one_for_each_contact_in_any_order() {
        let ersatts = |tas_tillbaka: bool, av: &[(&str, Date)]| {
            let av = av
                .iter()
                .map(|(id, day)| ((*id).to_owned(), (*day, Avslut::ErsattFran(*day))));
            Effect::Ersatts(Ersattning {
                care_team: "a".into(),
                tas_tillbaka,
                av: av.collect(),
            })
        };
        let told = |kod: &'static str| {
            let subject = Reference::default();
            let (about, hos, mottagare) = ("CareTeam/a".into(), "a".into(), Vec::new());
            Effect::Meddela(Box::new(Meddelande {
                kod,
                subject,
                about,
                mottagare,
                hos,
            }))
        };
        let mut effects = [
            ersatts(false, &[("c", FIRST)]),
            told(KONTAKT_ERSATT),
            ersatts(true, &[("d", date(2026, 6, 1))]),
            told(ERSATTNING_ATERKALLAD),
        ];
        let together = ersatts(true, &[("c", FIRST), ("d", date(2026, 6, 1))]);
        for _ in 0..4 {
            effects.rotate_left(1);
            let mut found = Effect::samlade(effects.clone());
            found.sort_by_key(|effect| matches!(effect, Effect::Meddela(_)));
            assert_eq!(found, [together.clone(), told(KONTAKT_ERSATT)]);
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
