//! What a resource says that the access decision leans on, read when it is written: its labels, and what a consent, a
//! contact or a Patient says about who may see the patient's other records. Pure.
//!
//! A Consent counts when its category is one of our own code system `atkomst`, its status is active, and its decision is
//! the one that the code stands for (R5 `decision`; R4 `provision.type`). Whom it is about stands in `controller` and
//! `manager` (R4 `organization`): a unit or a vårdgivare with an HSA-id. What a block says of whom cannot be told counts for
//! every unit; what a consent says of whom cannot be told counts for none. See docs/atkomst.md.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::beslut::enheter;
use super::klipp::interna_anteckningar;
use crate::fhir::identifiers::{HSA_ID, TYP_AV_FAST_KONTAKT, canonical_system};
use crate::fhir::search::{IndexEntry, has_patient, span};
use crate::fhir::types::ResourceType;
use crate::personnummer::Personregister;
use crate::store::{Keeping, Ratt, Slag};

/// Our own code system for consents and blocks.
pub const ATKOMST: &str = "https://w3id.org/fastkontakt/CodeSystem/atkomst";

/// The codes of [`ATKOMST`], with the decision each stands for.
const KODER: [(&str, &str, Slag); 4] = [
    ("sammanhallen-vard", "permit", Slag::Samtycke),
    ("inre-sparr", "deny", Slag::InreSparr),
    ("yttre-sparr", "deny", Slag::YttreSparr),
    ("havning-av-sparr", "permit", Slag::Havning),
];

/// The label of what is not to be shown to the patient (Inera, PDL-001), and one of a protected person's, as we write them.
pub const DOLD: (&str, &str) = ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "NOPATIENT");
pub const SKYDDAD: (&str, &str) = (
    "http://hl7.se/fhir/ig/base/CodeSystem/SecurityLabel",
    "sekretessmarkering",
);
/// All labels of protected persons.
const SKYDDADE: [&str; 2] = [SKYDDAD.1, "skyddadFolkbokforing"];

const TYP_AV_CARETEAM: &str = "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs";

/// What is kept beside the resource, but for who keeps it. `units` answers with the HSA-ids of a reference to an
/// Organization; `hallare` is who keeps this one, for what it says of that unit.
pub fn harled(
    kind: ResourceType,
    resource: &Value,
    entries: &[IndexEntry],
    hallare: &[String],
    mut units: impl FnMut(&Value) -> Vec<String>,
) -> Keeping {
    let skyddad = SKYDDADE.into_iter().any(|code| ar_markt(resource, code));
    let mut ratter = Vec::new();
    match kind {
        ResourceType::Consent => ratter = samtycken(resource, &mut units),
        ResourceType::Patient if skyddad => ratter.push(Ratt {
            slag: Slag::Skyddad,
            hsa_id: String::new(),
            low: i64::MIN,
            high: i64::MAX,
        }),
        ResourceType::CareTeam | ResourceType::Encounter | ResourceType::EpisodeOfCare => {
            ratter = relationer(kind, resource, entries, hallare);
        }
        _ => {}
    }
    Keeping {
        hallare: None,
        dold: ar_markt(resource, DOLD.1),
        skyddad,
        allman: match kind {
            ResourceType::Patient => resource.get("managingOrganization").is_none(),
            ResourceType::CareTeam => ar_allmant_team(resource),
            kind => !has_patient(kind),
        },
        ratter,
    }
}

/// Whether a CareTeam is open to all as it stands: a team of staff that contacts are reached through (RIVManagingTeam), which says
/// that it is one, tells of no patient, and has nothing that is meant for the own staff alone.
fn ar_allmant_team(team: &Value) -> bool {
    kategorier(team).any(|coding| is_coding(coding, TYP_AV_CARETEAM, "team"))
        && !talar_om_patient(team)
        && !interna_anteckningar(&mut team.clone())
}

/// Whether a CareTeam tells of a patient: by what it is (a fast kontakt, before it has a subject too), by its subject or its
/// reason, by a member, or by whatever else it refers to or contains. One that ever did is never open to all.
pub fn talar_om_patient(team: &Value) -> bool {
    match team {
        Value::Object(members) => {
            may_mean_patient(team)
                || members.iter().any(|(name, member)| match (name.as_str(), member) {
                    ("subject" | "reason", _) => true,
                    ("resourceType", Value::String(kind)) => !is_named(kind, INGENS),
                    ("system", Value::String(system)) => Personregister::of(system).is_some(),
                    ("code", Value::String(code)) => code.trim().eq_ignore_ascii_case("fast-kontakt"),
                    _ => talar_om_patient(member),
                })
        }
        Value::Array(items) => items.iter().any(talar_om_patient),
        _ => false,
    }
}

fn kategorier(team: &Value) -> impl Iterator<Item = &Value> {
    items(team.get("category")).flat_map(|category| items(category.get("coding")))
}

/// Types that tell of no patient. Any other may.
const INGENS: [&str; 9] = [
    "CareTeam",
    "Device",
    "Endpoint",
    "HealthcareService",
    "Location",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
];

/// Whether a reference may mean a patient, or something of hers: what cannot be told to be staff or a unit may. To hide too much is the
/// lesser fault, so names are known in any case and anywhere in an address.
fn may_mean_patient(reference: &Value) -> bool {
    let of_patients = ResourceType::ALL
        .iter()
        .filter(|kind| has_patient(**kind) && **kind != ResourceType::CareTeam);
    let (literal, kind) = (reference["reference"].as_str(), reference["type"].as_str());
    let identifier = reference.get("identifier").filter(|it| it.is_object());
    let named = || literal.into_iter().chain(kind);
    if named().any(|text| is_named(text, of_patients.clone().map(|kind| kind.name()))) {
        return true;
    }
    let is_reference =
        literal.is_some() || identifier.is_some() || (kind.is_some() && reference.get("display").is_some());
    // What is contained is looked at where it stands.
    if !is_reference || literal.is_some_and(|literal| literal.starts_with('#')) {
        return false;
    }
    let system = identifier.and_then(|it| it["system"].as_str()).map(canonical_system);
    !named().any(|text| is_named(text, INGENS)) && (literal.is_some() || system != Some(HSA_ID))
}

/// Whether a name of a type, or an address that ends in one or holds one, names one of these types.
fn is_named<'n>(text: &str, kinds: impl IntoIterator<Item = &'n str>) -> bool {
    kinds.into_iter().any(|kind| {
        let mut parts = text.split(['/', '?', '#', '|']);
        parts.any(|part| part.eq_ignore_ascii_case(kind))
    })
}

/// The labels that say that a record is hidden from the patient, or a protected person's.
pub fn etiketter(dold: bool, skyddad: bool) -> Vec<Value> {
    let labels = [(dold, DOLD), (skyddad, SKYDDAD)].into_iter().filter(|(is, _)| *is);
    labels
        .map(|(_, (system, code))| json!({ "system": system, "code": code }))
        .collect()
}

/// Whether a Consent is a block, in force or not.
pub fn ar_sparr(kind: ResourceType, resource: &Value) -> bool {
    kind == ResourceType::Consent
        && slag_of(resource).any(|(slag, _)| matches!(slag, Slag::InreSparr | Slag::YttreSparr))
}

/// Whether a change of a plan is one of its content alone: it neither becomes nor ceases to be a mistake
/// (`entered-in-error`), its labels stay, and so do the patient and the unit that is responsible. No more is for others than
/// the unit that keeps it, such as the unit of the contact who coordinates.
pub fn bara_innehall(before: &Value, after: &Value) -> bool {
    let is_mistake = |plan: &Value| plan["status"] == "entered-in-error";
    let is_same = |pointer: &str| before.pointer(pointer) == after.pointer(pointer);
    is_mistake(before) == is_mistake(after) && ["/meta/security", "/custodian", "/subject"].into_iter().all(is_same)
}

/// Whether a change of a Consent that is in force is that it ends, and no other: it becomes inactive, or its period gets an end
/// this day, or earlier this day than it had. What it says stays as it was said, with its labels; its narrative is never
/// another, nor are its tags; and what is over is not ended again.
pub fn bara_avslut(before: &Value, after: &Value, (nu, idag): (i64, Date)) -> bool {
    let said = |consent: &Value| {
        let mut rest = consent.clone();
        let Some(members) = rest.as_object_mut() else {
            return rest;
        };
        members.remove("status");
        let inside: [(&str, &[&str]); 2] = [
            ("period", &["end"]),
            ("meta", &["versionId", "lastUpdated", "source", "profile", "tag"]),
        ];
        for (name, of_its_state) in inside {
            if let Some(Value::Object(member)) = members.get_mut(name) {
                of_its_state.iter().for_each(|inner| drop(member.remove(*inner)));
                // A period that is nothing but an end is there because it ended.
                if member.is_empty() {
                    members.remove(name);
                }
            }
        }
        rest
    };
    let in_force = |period: &Value| span(period).is_some_and(|(_, high)| nu < high);
    if before["status"] != "active" || !before.get("period").is_none_or(in_force) {
        return false;
    }
    let (had, has) = (before.pointer("/period/end"), after.pointer("/period/end"));
    let ends_today = || {
        let (Some((dawn, night)), Some((low, high))) = (span(&Value::from(idag.to_string())), has.and_then(span))
        else {
            return false;
        };
        let sooner = had.and_then(span).is_none_or(|(_, before)| high <= before);
        dawn <= low && high <= night && sooner
    };
    let ends = match after["status"].as_str() {
        Some("inactive") => had == has || ends_today(),
        Some("active") => had != has && ends_today(),
        _ => false,
    };
    let mut stood = said(before);
    // A patch leaves a narrative out that was made of the data (patch.html).
    let is_made = matches!(
        before.pointer("/text/status").and_then(Value::as_str),
        Some("generated" | "extensions")
    );
    if let (Some(members), true, None) = (stood.as_object_mut(), is_made, after.get("text")) {
        members.remove("text");
    }
    // What it was tagged with, in words too, may go and does not become another.
    let tagged_as_it_was = ["/meta/source", "/meta/tag", "/meta/profile"]
        .into_iter()
        .all(|pointer| {
            let tagged = after.pointer(pointer);
            tagged.is_none() || tagged == before.pointer(pointer)
        });
    ends && tagged_as_it_was && stood == said(after)
}

fn slag_of(consent: &Value) -> impl Iterator<Item = (Slag, &'static str)> {
    let categories = items(consent.get("category")).flat_map(|category| items(category.get("coding")));
    let codings: Vec<&Value> = categories.collect();
    KODER
        .into_iter()
        .filter(move |(code, ..)| codings.iter().any(|coding| is_coding(coding, ATKOMST, code)))
        .map(|(_, decision, slag)| (slag, decision))
}

fn samtycken(consent: &Value, units: &mut impl FnMut(&Value) -> Vec<String>) -> Vec<Ratt> {
    if consent["status"] != "active" {
        return Vec::new();
    }
    let named = items(consent.get("controller")).chain(items(consent.get("manager")));
    let mut about: Vec<String> = named.flat_map(units).collect();
    about.sort_unstable();
    about.dedup();
    let (low, high) = consent
        .get("period")
        .map_or(Some((i64::MIN, i64::MAX)), span)
        .unwrap_or((0, 0));
    let mut ratter = Vec::new();
    for (slag, decision) in slag_of(consent) {
        let blocks = matches!(slag, Slag::InreSparr | Slag::YttreSparr);
        // A block without a decision is still a block; a consent must say that it permits.
        let decided = consent
            .get("decision")
            .and_then(Value::as_str)
            .unwrap_or(if blocks { "deny" } else { "" });
        if decided != decision {
            continue;
        }
        let whom = if about.is_empty() && blocks {
            vec![String::new()]
        } else {
            about.clone()
        };
        ratter.extend(whom.into_iter().map(|hsa_id| Ratt {
            slag,
            hsa_id,
            low,
            high,
        }));
    }
    ratter
}

/// That a unit takes part in the care: an active contact, a visit or a stay that goes on, an active episode; and that it
/// has the contact with the overall responsibility for coordination.
fn relationer(kind: ResourceType, resource: &Value, entries: &[IndexEntry], hallare: &[String]) -> Vec<Ratt> {
    let status = resource["status"].as_str().unwrap_or_default();
    let goes_on = match kind {
        ResourceType::Encounter => matches!(status, "in-progress" | "on-hold" | "planned"),
        _ => status == "active",
    };
    let units = enheter(hallare);
    if !goes_on {
        return Vec::new();
    }
    let stated = entries.iter().find_map(|entry| match entry {
        IndexEntry::Date { param, low, high } if *param == "date" => Some((*low, *high)),
        _ => None,
    });
    // The index leaves out what ends before it begins.
    let says_when = ["period", "actualPeriod"]
        .iter()
        .any(|name| resource.get(name).is_some());
    let mut planned = ["plannedStartDate", "plannedEndDate"]
        .into_iter()
        .filter_map(|name| resource.get(name).and_then(span));
    let (low, high) = match (stated, planned.next_back()) {
        (Some(range), _) => range,
        // One that is planned is prepared for; one that never was is over.
        (None, Some((_, high))) if status == "planned" => (i64::MIN, high),
        (None, _) if says_when => return Vec::new(),
        (None, _) => (i64::MIN, i64::MAX),
    };
    let mut slags = vec![Slag::Relation];
    if samordnar(resource) {
        slags.push(Slag::Samordning);
    }
    let of_all = slags.into_iter().flat_map(|slag| {
        units.iter().map(move |hsa_id| Ratt {
            slag,
            hsa_id: hsa_id.clone(),
            low,
            high,
        })
    });
    of_all.collect()
}

/// A fast vårdkontakt med övergripande samordningsansvar.
fn samordnar(contact: &Value) -> bool {
    let is_contact = kategorier(contact).any(|coding| is_coding(coding, TYP_AV_CARETEAM, "fast-kontakt"));
    let roles = items(contact.get("participant")).filter_map(|participant| participant.get("role"));
    is_contact
        && roles
            .flat_map(|role| items(role.get("coding")))
            .any(|coding| is_coding(coding, TYP_AV_FAST_KONTAKT, "4"))
}

/// Whether a resource has a label with this code. The code alone tells: the same code system has several names
/// (`urn:oid:2.16.840.1.113883.5.4`, `http://hl7.org/fhir/v3/ActCode`), or its name is left out, and to hide too much is the
/// lesser fault.
fn ar_markt(resource: &Value, code: &str) -> bool {
    let codes = items(resource.pointer("/meta/security")).filter_map(|label| label["code"].as_str());
    codes.into_iter().any(|own| own.trim().eq_ignore_ascii_case(code))
}

fn is_coding(coding: &Value, system: &str, code: &str) -> bool {
    coding["system"].as_str().map(canonical_system) == Some(system) && coding["code"] == code
}

/// The items of a list, or the one that is none.
fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (list, one) = match value {
        Some(Value::Array(list)) => (list.as_slice(), None),
        other => (&[][..], other),
    };
    list.iter().chain(one)
}
