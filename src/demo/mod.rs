//! The demo people: about a hundred synthetic patients of four regions with their organizations, staff, fasta kontakter
//! and plans, as ordered transaction Bundles. Pure: knows no HTTP and no store. Called by the command `demo`, which posts
//! the Bundles through the ordinary door, and by tests. docs/DEMO.md tells who the people are.

mod bundle;
mod care;
mod codes;
mod contacts;
mod names;
mod people;
mod plans;
mod stories;
mod tale;
mod units;

use jiff::civil::Date;
use serde_json::{Value, json};

use bundle::Entry;
pub use bundle::Transaction;
use codes::{PERSONNUMMER, RESERVNUMMER, SAMORDNINGSNUMMER};
use names::Chance;
use people::Person;
use stories::{Story, TURN, tell};
use tale::{Scene, Tale};
use units::{REGIONS, Region};

/// The demo's data, in the order in which it must be loaded.
pub struct Demo {
    pub bundles: Vec<Transaction>,
    /// How many patients there are.
    pub patients: usize,
}

/// Patients made by chance in each region; the known ones come on top.
const PATIENTS_PER_REGION: usize = 25;
/// Patients in one transaction.
const PATIENTS_PER_TRANSACTION: usize = 5;
/// Where the patients are listed, in turn.
const LISTED_AT: [&str; 3] = ["vc-bjorken", "vc-lonnen", "vc-linden"];

/// A patient whom the README and the examples know by id.
struct Known {
    region: &'static str,
    id: &'static str,
    name: (&'static str, &'static str),
    female: bool,
    birth: (i16, i8, i8),
    system: &'static str,
    /// One of the national test numbers (national.md).
    number: &'static str,
    story: Story,
}

const KNOWN: [Known; 4] = [
    Known {
        region: "orebro",
        id: "anna",
        name: ("Anna", "Vallmo"),
        female: true,
        birth: (1961, 1, 18),
        system: PERSONNUMMER,
        number: "196101182803",
        story: Story::Utan,
    },
    Known {
        region: "orebro",
        id: "erik",
        name: ("Erik", "Skogmo"),
        female: false,
        birth: (1950, 9, 7),
        system: PERSONNUMMER,
        number: "195009072553",
        story: Story::Allt,
    },
    Known {
        region: "halland",
        id: "sara",
        name: ("Sara", "Havsmo"),
        female: true,
        birth: (2000, 1, 25),
        system: PERSONNUMMER,
        number: "200001252386",
        story: Story::Psykiatri,
    },
    Known {
        region: "jamtland",
        id: "omar",
        name: ("Omar", "Fjällman"),
        female: false,
        birth: (1961, 9, 13),
        system: SAMORDNINGSNUMMER,
        number: "196109732393",
        story: Story::Kronisk,
    },
];

/// The same seed and day give the same people, byte for byte.
pub fn people(seed: u64, today: Date) -> Demo {
    let mut chance = Chance::new(seed);
    let mut bundles = Vec::new();
    let mut patients = 0;
    for region in &REGIONS {
        let version = region.version;
        let title = |what: &str| format!("{}: {what}", region.name);
        bundles.push(Transaction::new(
            title("enheter"),
            version,
            units::organizations(region),
        ));
        let (staff, entries) = units::staff(region, &mut chance);
        bundles.push(Transaction::new(title("personal"), version, entries));
        let scene = Scene {
            region,
            staff: &staff,
            today,
        };
        let cast = cast(region, &mut chance, today);
        patients += cast.len();
        for group in cast.chunks(PATIENTS_PER_TRANSACTION) {
            let mut entries: Vec<Entry> = Vec::new();
            for (person, story) in group {
                entries.extend(tell(*story, Tale::new(&scene, person, &mut chance)));
            }
            bundles.push(Transaction::new(title("patienter"), version, entries));
        }
    }
    Demo { bundles, patients }
}

/// The patients of a region and what each one's tale is about.
fn cast(region: &Region, chance: &mut Chance, today: Date) -> Vec<(Person, Story)> {
    let known = KNOWN
        .iter()
        .filter(|known| known.region == region.key)
        .map(|known| (known_person(known), known.story));
    let mut cast: Vec<_> = known.collect();
    for turn in 0..PATIENTS_PER_REGION {
        let story = TURN[turn % TURN.len()];
        let (youngest, oldest) = story.ages();
        let female = chance.between(0, 1) == 0;
        let (given, family) = names::name(chance, female);
        let year = i64::from(today.year()) - chance.between(youngest, oldest);
        let birth = date(year as i16, chance.between(1, 12) as i8, chance.between(1, 28) as i8);
        let number = match turn % TURN.len() {
            11 => names::samordningsnummer(birth, female, turn as i64),
            _ => names::personnummer(birth, female, turn as i64),
        };
        let person = Person {
            id: format!("{}-patient-{:02}", region.key, turn + 1),
            given: given.to_owned(),
            family,
            female,
            birth,
            identifier: Some(number),
            listed_at: LISTED_AT[(turn + turn / TURN.len()) % LISTED_AT.len()],
            line: chance.between(0, 94),
        };
        cast.push((person, story));
    }
    cast.extend(without_number(region, chance, today));
    cast
}

fn known_person(known: &Known) -> Person {
    let (year, month, day) = known.birth;
    Person {
        id: known.id.to_owned(),
        given: known.name.0.to_owned(),
        family: known.name.1,
        female: known.female,
        birth: date(year, month, day),
        identifier: Some(json!({ "system": known.system, "value": known.number })),
        listed_at: "vc-bjorken",
        line: i64::from(day),
    }
}

/// A patient with a reserve number in Halland, a newborn without any in Jämtland Härjedalen.
fn without_number(region: &Region, chance: &mut Chance, today: Date) -> Option<(Person, Story)> {
    let (id, given, birth, identifier): (&str, &str, Date, Option<Value>) = match region.key {
        "halland" => (
            "reservnummer",
            "Okänd",
            date(1985, 1, 1),
            Some(json!({ "system": RESERVNUMMER, "value": "22DEMO000001" })),
        ),
        "jamtland" => ("nyfodd", "Nyfödd", today.saturating_sub(jiff::ToSpan::days(3)), None),
        _ => return None,
    };
    let (_, family) = names::name(chance, true);
    let person = Person {
        id: format!("{}-{id}", region.key),
        given: given.to_owned(),
        family,
        female: true,
        birth,
        identifier,
        listed_at: "vc-bjorken",
        line: chance.between(0, 94),
    };
    Some((
        person,
        if region.key == "halland" {
            Story::Lakarkontakt
        } else {
            Story::Listad
        },
    ))
}

/// A day that is always possible here (months 1–12, days 1–28); anything else would be the first of January.
fn date(year: i16, month: i8, day: i8) -> Date {
    Date::new(year, month, day).unwrap_or(Date::constant(1970, 1, 1))
}
