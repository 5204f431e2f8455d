//! The four regions' organizations and staff, as tables. Region names and numbers are the public ones (the policies
//! are chosen by them); every unit, kommun, company and person is invented.

use serde_json::{Value, json};

use super::bundle::Entry;
use super::codes::*;
use super::names::{Chance, name, organisation_number};
use crate::fhir::version::FhirVersion;

/// A region of the demo and the version its journal system writes.
pub struct Region {
    /// First part of every id.
    pub key: &'static str,
    pub name: &'static str,
    /// Organisation number; `SE` + this is the prefix of the HSA-ids.
    number: &'static str,
    kommun: &'static str,
    /// What a primary care unit is called there.
    pub vardcentral: &'static str,
    pub version: FhirVersion,
    /// At most one fast vårdkontakt per patient (Gävleborg, FVK-03).
    pub one_contact_only: bool,
}

/// Jämtland Härjedalen's system speaks R4, the others R5, so that the demo holds data written in both.
pub const REGIONS: [Region; 4] = [
    Region {
        key: "orebro",
        name: "Region Örebro län",
        number: "2321000164",
        kommun: "Exempelby kommun",
        vardcentral: "Vårdcentralen",
        version: FhirVersion::R5,
        one_contact_only: false,
    },
    Region {
        key: "gavleborg",
        name: "Region Gävleborg",
        number: "2321000198",
        kommun: "Provköpings kommun",
        vardcentral: "Hälsocentralen",
        version: FhirVersion::R5,
        one_contact_only: true,
    },
    Region {
        key: "halland",
        name: "Region Halland",
        number: "2321000115",
        kommun: "Mönsterhamns kommun",
        vardcentral: "Vårdcentralen",
        version: FhirVersion::R5,
        one_contact_only: false,
    },
    Region {
        key: "jamtland",
        name: "Region Jämtland Härjedalen",
        number: "2321000214",
        kommun: "Testfjälls kommun",
        vardcentral: "Hälsocentralen",
        version: FhirVersion::R4,
        one_contact_only: false,
    },
];

/// What kind of organization a unit is: decides its types, its number and who it works for.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Region,
    Kommun,
    Bolag,
    Vardcentral,
    /// A vårdcentral run by the company on the region's commission (`uppdragsgivare`).
    PrivatVardcentral,
    PsykiatriskOppenvard,
    PsykiatriskSlutenvard,
    Annan,
}

/// Key, name, kind and the unit it is part of. `{}` in a name is the region's word for vårdcentral.
const UNITS: &[(&str, &str, Kind, Option<&str>)] = &[
    ("region", "", Kind::Region, None),
    ("kommun", "", Kind::Kommun, None),
    ("bolag", "Linden Primärvård AB (exempel)", Kind::Bolag, None),
    ("vc-bjorken", "{} Björken", Kind::Vardcentral, Some("region")),
    ("vc-lonnen", "{} Lönnen", Kind::Vardcentral, Some("region")),
    ("vc-linden", "{} Linden", Kind::PrivatVardcentral, Some("bolag")),
    ("sjukhus", "Exempelsjukhuset", Kind::Annan, Some("region")),
    (
        "medicinkliniken",
        "Medicinkliniken, Exempelsjukhuset",
        Kind::Annan,
        Some("sjukhus"),
    ),
    (
        "onkologkliniken",
        "Onkologkliniken, Exempelsjukhuset",
        Kind::Annan,
        Some("sjukhus"),
    ),
    (
        "psykiatri",
        "Psykiatriska öppenvården Norr",
        Kind::PsykiatriskOppenvard,
        Some("region"),
    ),
    (
        "hemsjukvard",
        "Kommunala hemsjukvården Söder",
        Kind::Annan,
        Some("kommun"),
    ),
    ("hemtjanst", "Hemtjänsten Solsidan", Kind::Annan, Some("kommun")),
    (
        "psykiatri-avdelning",
        "Psykiatriska avdelningen, Exempelsjukhuset",
        Kind::PsykiatriskSlutenvard,
        Some("sjukhus"),
    ),
    ("boende", "Särskilda boendet Aspen", Kind::Annan, Some("kommun")),
];

/// Unit, key within the unit, befattning (HSA code, empty: none stated), title, licence (HOSP code, empty: none).
/// The last column names the one region that has this employee; empty: all have.
const STAFF: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("vc-bjorken", "lakare", "201011", "distriktsläkare", "LK", ""),
    ("vc-bjorken", "st-lakare", "203010", "ST-läkare", "LK", ""),
    ("vc-bjorken", "sjukskoterska", "206090", "sjuksköterska", "SJ", ""),
    (
        "vc-bjorken",
        "distriktsskoterska",
        "206011",
        "distriktssköterska",
        "SJ",
        "",
    ),
    (
        "vc-bjorken",
        "administrator",
        "152018",
        "vårdadministratör",
        "",
        "gavleborg",
    ),
    ("vc-bjorken", "hyrlakare", "", "läkare", "LK", "jamtland"),
    ("vc-lonnen", "lakare", "201011", "distriktsläkare", "LK", ""),
    (
        "vc-lonnen",
        "distriktsskoterska",
        "206011",
        "distriktssköterska",
        "SJ",
        "",
    ),
    ("vc-linden", "lakare", "201011", "specialist i allmänmedicin", "LK", ""),
    (
        "vc-linden",
        "sjukskoterska",
        "206090",
        "diabetessjuksköterska",
        "SJ",
        "",
    ),
    ("medicinkliniken", "overlakare", "201010", "överläkare", "LK", ""),
    (
        "medicinkliniken",
        "sjukskoterska",
        "206090",
        "hjärtsviktssjuksköterska",
        "SJ",
        "",
    ),
    ("onkologkliniken", "overlakare", "201010", "överläkare", "LK", ""),
    (
        "onkologkliniken",
        "kontaktsjukskoterska",
        "206090",
        "kontaktsjuksköterska",
        "SJ",
        "",
    ),
    ("psykiatri", "overlakare", "201010", "överläkare", "LK", ""),
    (
        "psykiatri",
        "sjukskoterska",
        "206012",
        "psykiatrisjuksköterska",
        "SJ",
        "",
    ),
    ("psykiatri", "kurator", "352010", "kurator", "HK", ""),
    (
        "hemsjukvard",
        "distriktsskoterska",
        "206011",
        "distriktssköterska",
        "SJ",
        "",
    ),
    ("hemsjukvard", "arbetsterapeut", "301010", "arbetsterapeut", "AT", ""),
    ("hemtjanst", "underskoterska", "207010", "undersköterska", "", ""),
    ("hemtjanst", "underskoterska-2", "207010", "undersköterska", "", ""),
];

/// Whose name is kept back (protected staff): region and employee.
const MASKED: (&str, &str) = ("halland", "psykiatri-sjukskoterska");

/// Someone on the staff, as plans and contacts point at them.
pub struct Employee {
    /// Unit and key, e.g. `vc-bjorken-lakare`.
    pub key: String,
    pub unit: &'static str,
    display: String,
    region: &'static str,
}

impl Employee {
    /// `PractitionerRole/orebro-vc-bjorken-lakare`, with the name and title the patient knows.
    pub fn role(&self) -> Value {
        named(&format!("PractitionerRole/{}-{}", self.region, self.key), &self.display)
    }

    /// The unit the role belongs to.
    pub fn unit(&self) -> Value {
        unit(self.region, self.unit)
    }
}

/// Reference to a unit of a region.
pub fn unit(region: &str, key: &str) -> Value {
    reference(&format!("Organization/{region}-{key}"))
}

impl Region {
    /// The name of a unit in this region.
    fn unit_name(&self, kind: Kind, name: &str) -> String {
        match kind {
            Kind::Region => self.name.to_owned(),
            Kind::Kommun => self.kommun.to_owned(),
            _ => name.replace("{}", self.vardcentral),
        }
    }

    /// The organisation number whose holder answers for a unit.
    fn number(&self, kind: Kind, part_of: Option<&str>) -> String {
        let turn = REGIONS.iter().position(|region| region.key == self.key).unwrap_or(0);
        match (kind, part_of) {
            (Kind::Kommun, _) | (_, Some("kommun")) => organisation_number(&format!("21299990{turn}")),
            (Kind::Bolag | Kind::PrivatVardcentral, _) => organisation_number(&format!("55999999{turn}")),
            _ => self.number.to_owned(),
        }
    }
}

/// All organizations of a region, each after the one it is part of.
pub fn organizations(region: &Region) -> Vec<Entry> {
    UNITS
        .iter()
        .enumerate()
        .map(|(turn, row)| Entry::put(organization(region, turn, *row)))
        .collect()
}

fn organization(region: &Region, turn: usize, (key, name, kind, part_of): (&str, &str, Kind, Option<&str>)) -> Value {
    let number = region.number(kind, part_of);
    let mut identifiers = vec![json!({ "system": HSA_ID, "value": format!("SE{number}-DEMOE{turn:03}") })];
    if part_of.is_none() {
        identifiers.push(json!({ "system": ORGANISATIONSNUMMER, "value": number }));
    }
    let commissioned = (kind == Kind::PrivatVardcentral).then(|| {
        vec![own_extension(
            "uppdragsgivare",
            "valueReference",
            unit(region.key, "region"),
        )]
    });
    let phone = json!({ "system": "phone", "value": format!("08-465 004 {turn:02}"), "use": "work" });
    let mut resource = json!({
        "resourceType": "Organization",
        "id": format!("{}-{key}", region.key),
        "meta": meta(&[]),
        "extension": commissioned,
        "identifier": identifiers,
        "active": true,
        "type": types(kind),
        "name": region.unit_name(kind, name),
        "partOf": part_of.map(|part_of| unit(region.key, part_of)),
    });
    set_telecom(region.version, &mut resource, phone);
    tidy(resource)
}

fn types(kind: Kind) -> Vec<Value> {
    let primary_care = || concept(VERKSAMHETSKOD, "15", "Primärvårdsverksamhet");
    match kind {
        Kind::Region => vec![own_concept("huvudman", "region")],
        Kind::Kommun => vec![own_concept("huvudman", "kommun")],
        Kind::Vardcentral | Kind::PrivatVardcentral => {
            vec![primary_care(), own_concept("vardenhetstyp", "vardcentral")]
        }
        Kind::PsykiatriskOppenvard => vec![own_concept("vardenhetstyp", "psykiatrisk-oppenvard")],
        Kind::PsykiatriskSlutenvard => vec![own_concept("vardenhetstyp", "psykiatrisk-slutenvard")],
        Kind::Bolag | Kind::Annan => Vec::new(),
    }
}

/// Organization and PractitionerRole: R5 has `contact`, R4 `telecom`.
fn set_telecom(version: FhirVersion, resource: &mut Value, telecom: Value) {
    match version {
        FhirVersion::R4 => resource["telecom"] = json!([telecom]),
        FhirVersion::R5 => resource["contact"] = json!([{ "telecom": [telecom] }]),
    }
}

/// The staff of a region: who they are, and the entries that register them (Practitioner and PractitionerRole each).
pub fn staff(region: &Region, chance: &mut Chance) -> (Vec<Employee>, Vec<Entry>) {
    let mut employees = Vec::new();
    let mut entries = Vec::new();
    for (turn, row) in STAFF.iter().enumerate() {
        let (unit_key, key, befattning, title, licence, only) = *row;
        if !only.is_empty() && only != region.key {
            continue;
        }
        let female = chance.between(0, 1) == 0;
        let (given, family) = name(chance, female);
        let masked = (region.key, format!("{unit_key}-{key}").as_str()) == MASKED;
        let employee = Employee {
            key: format!("{unit_key}-{key}"),
            unit: unit_key,
            display: if masked {
                title.to_owned()
            } else {
                format!("{given} {family}, {title}")
            },
            region: region.key,
        };
        let id = format!("{}-{}", region.key, employee.key);
        let (kind, part_of) = UNITS
            .iter()
            .find(|row| row.0 == unit_key)
            .map_or((Kind::Annan, None), |row| (row.2, row.3));
        let hsa_id = format!("SE{}-DEMOP{turn:03}", region.number(kind, part_of));
        let shown = if masked {
            masked_name()
        } else {
            json!({ "family": family, "given": [given] })
        };
        entries.push(Entry::put(practitioner(&id, &hsa_id, shown, licence)));
        entries.push(Entry::put(practitioner_role(
            region, &id, &employee, befattning, title, turn,
        )));
        employees.push(employee);
    }
    (employees, entries)
}

fn masked_name() -> Value {
    json!({ "_family": { "extension": [{ "url": DATA_ABSENT_REASON, "valueCode": "masked" }] } })
}

fn practitioner(id: &str, hsa_id: &str, shown: Value, licence: &str) -> Value {
    let qualification = (!licence.is_empty()).then(|| vec![json!({ "code": concept(LEGITIMATION, licence, "") })]);
    tidy(json!({
        "resourceType": "Practitioner",
        "id": id,
        "meta": meta(&[]),
        "identifier": [{ "system": HSA_ID, "value": hsa_id }],
        "active": true,
        "name": [shown],
        "qualification": qualification,
    }))
}

fn practitioner_role(
    region: &Region,
    id: &str,
    employee: &Employee,
    befattning: &str,
    title: &str,
    turn: usize,
) -> Value {
    let code = (!befattning.is_empty()).then(|| vec![concept(BEFATTNING, befattning, title)]);
    let phone = json!({ "system": "phone", "value": format!("070-174 06 {:02}", 10 + turn), "use": "work" });
    let mut resource = json!({
        "resourceType": "PractitionerRole",
        "id": id,
        "meta": meta(&[]),
        "active": true,
        "practitioner": reference(&format!("Practitioner/{id}")),
        "organization": employee.unit(),
        "code": code,
    });
    set_telecom(region.version, &mut resource, phone);
    tidy(resource)
}
