//! Criteria on other resources (chains, `_has`) against a naive evaluation of the same names on a small random world;
//! and that they begin at the selective end. Both backends.

#[path = "search_reach/includes.rs"]
mod includes;
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/store.rs"]
mod support;

use diesel::connection::{Connection, SimpleConnection};
use fastkontakt::fhir::search::query::{Criterion, ReferenceValue, SearchQuery, SystemMatch};
use fastkontakt::fhir::search::{
    Handling, IndexEntry, ParseContext, Scope, SearchError, index, parse, parse_in, patient_of,
};
use fastkontakt::fhir::types::ResourceType::{self, CarePlan, CareTeam, Organization, Patient, Practitioner};
use fastkontakt::fhir::types::ResourceType::{Encounter, PractitionerRole, Questionnaire, QuestionnaireResponse};
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt::store::{NewVersion, Session, Store, StoreError, StoreOptions};
use jiff::Timestamp;
use serde_json::{Value, json};
use support::{Fresh, version};

const NOW: i64 = 1_770_000_000_000_000;
const OWN: &str = "https://vi.se/fhir/r5";
const OTHER: &str = "https://annan.se/fhir/r5";
const PERSONNUMMER: &str = "http://electronichealth.se/identifier/personnummer";
const KINDS: [ResourceType; 9] = [
    Patient,
    Practitioner,
    PractitionerRole,
    Organization,
    CareTeam,
    CarePlan,
    Encounter,
    Questionnaire,
    QuestionnaireResponse,
];

type Pairs = Vec<(String, String)>;

fn context<'a>(kind: ResourceType, own_bases: &'a [String]) -> ParseContext<'a> {
    ParseContext {
        version: FhirVersion::R5,
        kind,
        own_bases,
        now: NOW,
        handling: Handling::Strict,
        default_count: 20,
        max_count: 100,
    }
}

fn try_read(kind: ResourceType, pairs: &[(String, String)]) -> Result<SearchQuery, SearchError> {
    parse(pairs, &context(kind, &[OWN.to_owned()])).map(|parsed| parsed.query)
}

fn read(kind: ResourceType, pairs: &[(String, String)]) -> SearchQuery {
    try_read(kind, pairs).unwrap_or_else(|error| panic!("{kind} {pairs:?}: {error:?}"))
}

fn pairs(query: &str) -> Pairs {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

// ── A random world ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// A small generator with a seed, so that a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// Mostly to a resource that is there, by its own address or under our base; sometimes elsewhere, or by number alone.
    fn reference(&mut self, kinds: &[&str]) -> Value {
        let (kind, id) = (self.pick(kinds), self.below(5));
        match self.below(8) {
            0 => json!({"reference": format!("{OWN}/{kind}/{id}")}),
            1 => json!({"reference": format!("{OTHER}/{kind}/{id}")}),
            2 => json!({"type": kind, "identifier": {"system": PERSONNUMMER, "value": format!("{id}")}}),
            3 => json!({"reference": format!("{kind}/{id}"), "identifier": {"value": "9"}}),
            _ => json!({"reference": format!("{kind}/{id}")}),
        }
    }

    /// An address, perhaps with a version; `refers`: as it stands in what refers.
    fn canonical(&mut self, refers: bool) -> String {
        let address = self.pick(&["https://a/q", "https://a/r", "https://a/q/r"]);
        let version = self.pick(&["", "|1", "|1.2"]);
        let part = if refers { self.pick(&["", "", "#del"]) } else { "" };
        format!("{address}{version}{part}")
    }

    fn resource(&mut self, kind: ResourceType, id: &str) -> Value {
        let mut made = json!({"resourceType": kind.name(), "id": id});
        if self.below(3) > 0 {
            made["identifier"] =
                json!([{"system": self.pick(&[PERSONNUMMER, "http://s"]), "value": format!("{}", self.below(4))}]);
        }
        let status = self.pick(&["active", "inactive"]);
        for link in LINKS.iter().filter(|link| link.kind == kind && !link.shares) {
            if self.below(4) == 0 {
                continue;
            }
            if link.is_canonical() {
                made[link.path] = json!(self.canonical(true));
                continue;
            }
            let one = self.reference(link.targets);
            match link.path.split_once('.') {
                Some((outer, inner)) => made[outer] = json!([{ inner: one }, { inner: self.reference(link.targets) }]),
                None if link.many => made[link.path] = json!([one, self.reference(link.targets)]),
                None => made[link.path] = one,
            }
        }
        match kind {
            Patient | Practitioner => {
                made["gender"] = json!(self.pick(&["male", "female"]));
                made["birthDate"] = json!(format!("19{}-01-01", 50 + self.below(4)));
            }
            Questionnaire => {
                let canonical = self.canonical(false);
                let (address, version) = canonical.split_once('|').unwrap_or((&canonical, ""));
                made["url"] = json!(address);
                if !version.is_empty() {
                    made["version"] = json!(version);
                }
                made["title"] = json!(self.pick(&["Sömn", "Smärta"]));
                made["status"] = json!(status);
            }
            CareTeam | CarePlan | Encounter | QuestionnaireResponse => made["status"] = json!(status),
            _ => made["active"] = json!(status == "active"),
        }
        made
    }

    /// A name and value that end in a parameter of the type at the end of `steps` references from `kind`.
    fn condition(&mut self, kind: ResourceType, steps: usize) -> (String, String) {
        if steps == 0 {
            let (name, value) = match self.below(7) {
                0 | 1 => (
                    "identifier",
                    self.pick(&["1", "2,3", "http://s|1", "urn:oid:1.2.752.129.2.1.3.1|2"]),
                ),
                2 => ("identifier:missing", self.pick(&["true", "false"])),
                3 => ("_id", self.pick(&["1", "2,3"])),
                4 => (
                    "_lastUpdated",
                    self.pick(&["ge2025-01-03", "lt2025-01-02", "2025-01-01"]),
                ),
                _ => match kind {
                    Patient | Practitioner => match self.below(3) {
                        0 if kind == Patient => ("birthdate", self.pick(&["1950-01-01", "ge1952"])),
                        1 => ("gender", self.pick(&["male", "female", "male,female"])),
                        _ => ("gender:not", "male"),
                    },
                    Questionnaire => match self.below(3) {
                        0 => ("title", self.pick(&["sömn", "sm", "x"])),
                        1 => ("url", self.pick(&["https://a/q", "https://a/r"])),
                        _ => ("status", "active"),
                    },
                    CareTeam | CarePlan | Encounter | QuestionnaireResponse => match self.below(4) {
                        0 => ("status", "active"),
                        1 => ("status:not", "active"),
                        2 => (
                            "patient",
                            self.pick(&["1", "Patient/2,Patient/3", "https://vi.se/fhir/r5/Patient/1"]),
                        ),
                        _ => ("patient:identifier", self.pick(&["1", "9"])),
                    },
                    _ => ("active", self.pick(&["true", "false"])),
                },
            };
            return (name.to_owned(), value.to_owned());
        }
        let forwards: Vec<&Link> = LINKS.iter().filter(|link| link.kind == kind).collect();
        let backwards: Vec<&Link> = LINKS
            .iter()
            .filter(|link| link.targets.contains(&kind.name()))
            .collect();
        let back = forwards.is_empty() || (!backwards.is_empty() && self.below(2) == 0);
        if back {
            let link = backwards[self.below(backwards.len())];
            let (rest, value) = self.condition(link.kind, steps - 1);
            return (format!("_has:{}:{}:{rest}", link.kind, link.code), value);
        }
        let link = forwards[self.below(forwards.len())];
        let known: Vec<&str> = link.targets.iter().copied().filter(|name| *name != "Group").collect();
        let target = self.pick(&known);
        let kind = ResourceType::from_name(target).expect("a type of ours");
        let (rest, value) = self.condition(kind, steps - 1);
        match self.below(2) {
            0 => (format!("{}.{rest}", link.code), value),
            _ => (format!("{}:{target}.{rest}", link.code), value),
        }
    }
}

/// A reference parameter, as the naive evaluation knows it.
struct Link {
    kind: ResourceType,
    code: &'static str,
    path: &'static str,
    targets: &'static [&'static str],
    many: bool,
    /// Reads an element that another parameter reads too.
    shares: bool,
}

impl Link {
    /// Names a Questionnaire by its canonical address.
    fn is_canonical(&self) -> bool {
        self.code == "questionnaire"
    }
}

const fn link(
    kind: ResourceType,
    code: &'static str,
    path: &'static str,
    targets: &'static [&'static str],
    (many, shares): (bool, bool),
) -> Link {
    Link {
        kind,
        code,
        path,
        targets,
        many,
        shares,
    }
}

const LINKS: &[Link] = &[
    link(CareTeam, "subject", "subject", &["Group", "Patient"], (false, false)),
    link(CareTeam, "patient", "subject", &["Patient"], (false, true)),
    link(
        CareTeam,
        "participant",
        "participant.member",
        &[
            "CareTeam",
            "Organization",
            "Patient",
            "Practitioner",
            "PractitionerRole",
        ],
        (true, false),
    ),
    link(CarePlan, "patient", "subject", &["Patient"], (false, false)),
    link(CarePlan, "care-team", "careTeam", &["CareTeam"], (true, false)),
    link(CarePlan, "part-of", "partOf", &["CarePlan"], (true, false)),
    link(Encounter, "patient", "subject", &["Patient"], (false, false)),
    link(
        Encounter,
        "service-provider",
        "serviceProvider",
        &["Organization"],
        (false, false),
    ),
    link(
        PractitionerRole,
        "practitioner",
        "practitioner",
        &["Practitioner"],
        (false, false),
    ),
    link(
        PractitionerRole,
        "organization",
        "organization",
        &["Organization"],
        (false, false),
    ),
    link(Organization, "partof", "partOf", &["Organization"], (false, false)),
    link(
        Patient,
        "organization",
        "managingOrganization",
        &["Organization"],
        (false, false),
    ),
    link(
        Patient,
        "general-practitioner",
        "generalPractitioner",
        &["Organization", "Practitioner", "PractitionerRole"],
        (true, false),
    ),
    link(
        QuestionnaireResponse,
        "patient",
        "subject",
        &["Patient"],
        (false, false),
    ),
    link(
        QuestionnaireResponse,
        "questionnaire",
        "questionnaire",
        &["Questionnaire"],
        (false, false),
    ),
];

struct Kept {
    kind: ResourceType,
    id: String,
    last_updated: i64,
    resource: Value,
    entries: Vec<IndexEntry>,
}

/// Writes a version; `None` deletes.
fn put(
    session: &mut Session,
    (kind, id, number): (ResourceType, &str, i64),
    last_updated: i64,
    resource: Option<&Value>,
) -> Result<(), StoreError> {
    let entries = resource.map(|resource| index(kind, resource)).unwrap_or_default();
    let patient = resource.and_then(|resource| patient_of(kind, resource));
    let body = resource.map(Value::to_string).unwrap_or_default();
    session
        .put(&NewVersion {
            last_updated: Timestamp::from_microsecond(last_updated).expect("a time"),
            deleted: resource.is_none(),
            patient: patient.as_deref(),
            index: &entries,
            ..version(kind, id, number, &body)
        })
        .map(|_| ())
}

/// In the order of their making; some are deleted.
fn world(store: &Store, random: &mut Random) -> Vec<Kept> {
    let mut all = Vec::new();
    let write = |session: &mut Session, random: &mut Random, all: &mut Vec<Kept>| {
        for number in 0..120 {
            let kind = KINDS[number % KINDS.len()];
            let id = format!("{}", number / KINDS.len());
            let resource = random.resource(kind, &id);
            let last_updated = 1_735_689_600_000_000 + random.below(4) as i64 * 86_400_000_000;
            put(session, (kind, &id, 1), last_updated, Some(&resource))?;
            if random.below(8) == 0 {
                put(session, (kind, &id, 2), last_updated, None)?;
                continue;
            }
            let entries = index(kind, &resource);
            all.push(Kept {
                kind,
                id,
                last_updated,
                resource,
                entries,
            });
        }
        Ok::<(), StoreError>(())
    };
    let (seed, made) = (random.0, std::sync::mpsc::channel());
    store
        .write_blocking(move |session| {
            let (mut random, mut all) = (Random(seed), Vec::new());
            write(session, &mut random, &mut all)?;
            made.0.send((random.0, all)).expect("the world is awaited");
            Ok::<(), StoreError>(())
        })
        .expect("the world is written");
    let (seed, written) = made.1.recv().expect("the world");
    random.0 = seed;
    all.extend(written);
    all
}

// ── The naive evaluation ────────────────────────────────────────────────────────────────────────────────────────────────

/// The references of a parameter that are to resources of ours, as `Type/id`.
fn literals(kept: &Kept, link: &Link) -> Vec<String> {
    let mut found: Vec<&Value> = vec![&kept.resource];
    for name in link.path.split('.') {
        found = found
            .into_iter()
            .filter_map(|value| value.get(name))
            .flat_map(|value| value.as_array().map_or(vec![value], |items| items.iter().collect()))
            .collect();
    }
    let literals = found
        .into_iter()
        .filter_map(|reference| reference["reference"].as_str());
    literals
        .map(|literal| literal.strip_prefix(OWN).map_or(literal, |rest| &rest[1..]).to_owned())
        .collect()
}

fn targets<'w>(world: &'w [Kept], kept: &Kept, link: &Link) -> Vec<&'w Kept> {
    if link.is_canonical() {
        let canonical = kept.resource[link.path].as_str().unwrap_or_default();
        let whole = canonical.split('#').next().unwrap_or_default();
        let (address, version) = whole
            .split_once('|')
            .map_or((whole, None), |(address, version)| (address, Some(version)));
        let named = |other: &&Kept| {
            other.resource["url"] == address && version.is_none_or(|version| other.resource["version"] == version)
        };
        return world
            .iter()
            .filter(|other| other.kind == Questionnaire)
            .filter(named)
            .collect();
    }
    literals(kept, link)
        .into_iter()
        .filter_map(|literal| {
            world.iter().find(|other| {
                link.targets.contains(&other.kind.name()) && literal == format!("{}/{}", other.kind, other.id)
            })
        })
        .collect()
}

fn holds(world: &[Kept], kept: &Kept, name: &str, value: &str) -> bool {
    if let Some(asked) = name.strip_prefix("_has:") {
        let parts: Vec<&str> = asked.splitn(3, ':').collect();
        let link = LINKS
            .iter()
            .find(|link| link.kind.name() == parts[0] && link.code == parts[1])
            .expect("a known reference");
        let from = world.iter().filter(|other| other.kind == link.kind);
        return from
            .filter(|other| targets(world, other, link).iter().any(|to| std::ptr::eq(*to, kept)))
            .any(|other| holds(world, other, parts[2], value));
    }
    if let Some((step, rest)) = name.split_once('.') {
        let (code, only) = step
            .split_once(':')
            .map_or((step, None), |(code, kind)| (code, Some(kind)));
        let Some(link) = LINKS.iter().find(|link| link.kind == kept.kind && link.code == code) else {
            return false;
        };
        return targets(world, kept, link)
            .into_iter()
            .filter(|to| only.is_none_or(|only| to.kind.name() == only))
            .any(|to| holds(world, to, rest, value));
    }
    // What this type does not know is not asked of it.
    try_read(kept.kind, &[(name.to_owned(), value.to_owned())])
        .is_ok_and(|query| query.criteria.iter().all(|criterion| fulfils(kept, criterion)))
}

/// The criteria on a resource itself that [`Random::condition`] makes.
fn fulfils(kept: &Kept, criterion: &Criterion) -> bool {
    let tokens = |wanted: &str| {
        let entries = kept.entries.iter().filter_map(move |entry| match entry {
            IndexEntry::Token { param, system, value } if *param == wanted => Some((system.as_deref(), value.as_str())),
            _ => None,
        });
        entries.collect::<Vec<_>>()
    };
    match criterion {
        Criterion::Id { any_of, not } => any_of.contains(&kept.id) != *not,
        Criterion::LastUpdated { any_of } => any_of
            .iter()
            .any(|date| date.matches(kept.last_updated, kept.last_updated + 1)),
        Criterion::Token { param, any_of, not, .. } => {
            let found = tokens(param).into_iter().any(|(system, value)| {
                any_of.iter().any(|wanted| {
                    let same = match &wanted.system {
                        SystemMatch::Any => true,
                        SystemMatch::None => system.is_none(),
                        SystemMatch::Is(uri) => system == Some(uri),
                    };
                    same && wanted.value.as_deref() == Some(value)
                })
            });
            found != *not
        }
        Criterion::Reference { param, any_of } => kept.entries.iter().any(|entry| match entry {
            IndexEntry::Reference { param: p, target } if p == param => any_of.iter().any(|wanted| match wanted {
                ReferenceValue::Local { kinds, id, own_urls } => {
                    target.id.as_ref() == Some(id)
                        && target.kind.as_ref().is_some_and(|kind| kinds.contains(kind))
                        && target.url.as_ref().is_none_or(|url| own_urls.contains(url))
                }
                ReferenceValue::Url(wanted) => target.url == wanted.url,
                ReferenceValue::Canonical(_) => panic!("not made here"),
            }),
            _ => false,
        }),
        Criterion::Date { param, any_of } => kept.entries.iter().any(|entry| match entry {
            IndexEntry::Date { param: p, low, high } => {
                p == param && any_of.iter().any(|date| date.matches(*low, *high))
            }
            _ => false,
        }),
        Criterion::String { param, any_of, .. } => kept.entries.iter().any(|entry| match entry {
            IndexEntry::String { param: p, folded, .. } => {
                p == param && any_of.iter().any(|wanted| folded.starts_with(&wanted.folded))
            }
            _ => false,
        }),
        Criterion::Missing { param, missing, .. } => tokens(param).is_empty() == *missing,
        other => panic!("not made here: {other:?}"),
    }
}

/// All pages of a search as `Type/id`, and the total that the first one told.
fn pages_in(
    store: &Store,
    scope: &Scope,
    pairs: &[(String, String)],
) -> Result<(Vec<String>, Option<i64>), SearchError> {
    let own_bases = [OWN.to_owned()];
    let read = |pairs: &[(String, String)]| parse_in(pairs, scope, &context(Patient, &own_bases));
    let (mut found, mut total, mut query) = (Vec::new(), None, read(pairs)?.query);
    loop {
        let asked = query.clone();
        let page = store
            .read_blocking(|session| {
                let page = session.search(&asked)?;
                // Looking ahead changes nothing but the time.
                let ahead = session.search_ahead(&asked, false)?;
                assert_eq!(ahead.as_ref(), Some(&page));
                Ok::<_, StoreError>(page)
            })
            .unwrap_or_else(|error| panic!("{scope:?} {pairs:?}: {error}"));
        total = total.or(page.total);
        found.extend(
            page.entries
                .iter()
                .map(|stored| format!("{}/{}", stored.kind, stored.id)),
        );
        let Some(next) = page.next else {
            return Ok((found, total));
        };
        query = read(&[pairs, &[("_page".to_owned(), next)]].concat())?.query;
    }
}

fn pages(store: &Store, kind: ResourceType, pairs: &[(String, String)]) -> (Vec<String>, Option<i64>) {
    let (found, total) = pages_in(store, &Scope::Type(kind), pairs).expect("a search");
    let ids = found.iter().filter_map(|name| name.split_once('/'));
    (ids.map(|(_, id)| id.to_owned()).collect(), total)
}

// ── Several types at once ──────────────────────────────────────────────────────────────────────────────────────────────

/// By which references the types of the random world lie in a compartment; none: the resource itself.
const COMPARTMENTS: &[(ResourceType, ResourceType, &[&str])] = &[
    (Patient, Patient, &[]),
    (Patient, CareTeam, &["patient", "participant"]),
    (Patient, CarePlan, &["patient"]),
    (Patient, Encounter, &["patient"]),
    (Practitioner, Practitioner, &[]),
    (Practitioner, PractitionerRole, &["practitioner"]),
    (Practitioner, Patient, &["general-practitioner"]),
    (Practitioner, CareTeam, &["participant"]),
    (Encounter, Encounter, &[]),
    (Patient, QuestionnaireResponse, &["patient"]),
];

fn lies_in(kept: &Kept, scope: &Scope) -> bool {
    let Scope::Compartment { of, id, kind } = scope else {
        return true;
    };
    // An owner that is deleted, or never was here, has a compartment all the same.
    let refers = |link: &Link| literals(kept, link).contains(&format!("{of}/{id}"));
    COMPARTMENTS.iter().any(|(owner, member, by)| {
        let itself = by.is_empty() && kept.id == *id;
        let mut links = LINKS
            .iter()
            .filter(|link| link.kind == *member && by.contains(&link.code));
        owner == of
            && *member == kept.kind
            && kind.is_none_or(|kind| kind == kept.kind)
            && (itself || links.any(refers))
    })
}

/// A scope, and the types that it has.
fn scope(random: &mut Random) -> (Scope, Vec<ResourceType>) {
    let of = [Patient, Practitioner, Encounter][random.below(3)];
    let id = random.below(5).to_string();
    let rows = COMPARTMENTS.iter().filter(|row| row.0 == of);
    let members: Vec<ResourceType> = rows.map(|row| row.1).collect();
    match random.below(3) {
        0 => (Scope::System, KINDS.to_vec()),
        1 => (Scope::Compartment { of, id, kind: None }, members),
        _ => {
            let kind = members[random.below(members.len())];
            let kind_only = Scope::Compartment {
                of,
                id,
                kind: Some(kind),
            };
            (kind_only, vec![kind])
        }
    }
}

fn several_types_are_one_list(store: &Store, seed: u64) {
    let mut random = Random(seed);
    let world = world(store, &mut random);
    let (mut hits, mut several) = (0, 0);
    for _ in 0..500 {
        let (scope, mut kinds) = scope(&mut random);
        let mut pairs = Pairs::new();
        if !matches!(scope, Scope::Compartment { kind: Some(_), .. }) {
            kinds.retain(|_| random.below(2) == 0);
            let Some(first) = kinds.first() else { continue };
            // Told twice: the same.
            let names: Vec<&str> = kinds.iter().chain([first]).map(|kind| kind.name()).collect();
            pairs.push(("_type".to_owned(), names.join(",")));
        }
        let conditions: Pairs = (0..random.below(2))
            .map(|_| {
                let (kind, steps) = (kinds[random.below(kinds.len())], random.below(3));
                random.condition(kind, steps)
            })
            .collect();
        pairs.extend(conditions.clone());
        let mut found: Vec<&Kept> = world
            .iter()
            .filter(|kept| kinds.contains(&kept.kind) && lies_in(kept, &scope))
            .filter(|kept| conditions.iter().all(|(name, value)| holds(&world, kept, name, value)))
            .collect();
        if random.below(2) == 0 {
            found.reverse();
        } else {
            // Stable: those of one instant in the order of their making.
            found.sort_by_key(|kept| kept.last_updated);
            pairs.push(("_sort".to_owned(), "_lastUpdated".to_owned()));
        }
        let expected: Vec<String> = found.iter().map(|kept| format!("{}/{}", kept.kind, kept.id)).collect();
        pairs.push(("_count".to_owned(), format!("{}", 1 + random.below(9))));
        pairs.push(("_total".to_owned(), "accurate".to_owned()));
        match pages_in(store, &scope, &pairs) {
            Err(SearchError::NotCommon { .. }) if kinds.len() > 1 => {}
            Err(error) => panic!("{scope:?} {pairs:?}: {error:?}"),
            Ok((found, total)) => {
                assert_eq!(found, expected, "{scope:?} {pairs:?}");
                assert_eq!(total, Some(expected.len() as i64), "{scope:?} {pairs:?}");
                hits += usize::from(!expected.is_empty());
                several += usize::from(kinds.len() > 1 && expected.len() > 5);
            }
        }
    }
    assert!(hits > 80 && several > 20, "too few found anything: {hits}, {several}");
}

#[test]
fn sqlite_searches_several_types_as_one_list() {
    several_types_are_one_list(&Fresh::sqlite(&StoreOptions::default()).store, 3);
}

#[test]
fn postgres_searches_several_types_as_one_list() {
    let Some(url) = postgres::fresh_database() else { return };
    several_types_are_one_list(&Fresh::open(url, &StoreOptions::default(), None).store, 4);
}

// ── One type ───────────────────────────────────────────────────────────────────────────────────────────────────────────

fn reaches_what_the_naive_evaluation_reaches(store: &Store, seed: u64) {
    let mut random = Random(seed);
    let world = world(store, &mut random);
    let (mut hits, mut far_hits) = (0, 0);
    for _ in 0..600 {
        let kind = KINDS[random.below(KINDS.len())];
        let steps = random.below(5);
        let mut pairs = vec![random.condition(kind, steps)];
        if random.below(3) == 0 {
            let steps = random.below(3);
            pairs.push(random.condition(kind, steps));
        }
        let mut expected: Vec<&str> = world
            .iter()
            .filter(|kept| kept.kind == kind && pairs.iter().all(|(name, value)| holds(&world, kept, name, value)))
            .map(|kept| kept.id.as_str())
            .collect();
        match random.below(2) {
            // Newest first.
            0 => expected.reverse(),
            _ => {
                expected.sort_unstable();
                pairs.push(("_sort".to_owned(), "_id".to_owned()));
            }
        }
        hits += usize::from(!expected.is_empty());
        far_hits += usize::from(steps > 1 && !expected.is_empty());
        pairs.push(("_count".to_owned(), format!("{}", 1 + random.below(9))));
        pairs.push(("_total".to_owned(), "accurate".to_owned()));
        let (found, total) = pages(store, kind, &pairs);
        assert_eq!(found, expected, "{kind} {pairs:?}");
        assert_eq!(total, Some(expected.len() as i64), "{kind} {pairs:?}");
    }
    assert!(
        hits > 200 && far_hits > 70,
        "too few found anything: {hits}, {far_hits}"
    );
}

#[test]
fn sqlite_reaches_what_the_naive_evaluation_reaches() {
    for seed in [1, 20_260_310] {
        reaches_what_the_naive_evaluation_reaches(&Fresh::sqlite(&StoreOptions::default()).store, seed);
    }
}

#[test]
fn postgres_reaches_what_the_naive_evaluation_reaches() {
    let Some(url) = postgres::fresh_database() else { return };
    reaches_what_the_naive_evaluation_reaches(&Fresh::open(url, &StoreOptions::default(), None).store, 7);
}

// ── The way the database goes ──────────────────────────────────────────────────────────────────────────────────────────

/// Each is selective somewhere: there the look-up begins.
const SELECTIVE: &[(ResourceType, &str)] = &[
    (
        CareTeam,
        "patient.identifier=http://electronichealth.se/identifier/personnummer|7",
    ),
    (
        CareTeam,
        "subject:Patient.identifier=http://electronichealth.se/identifier/personnummer|7&status=active",
    ),
    (CareTeam, "participant.identifier=http://s|7"),
    (
        CareTeam,
        "participant:PractitionerRole.practitioner.identifier=http://s|7&status=active",
    ),
    (
        CareTeam,
        "participant:PractitionerRole.organization.partof.identifier=http://s|7",
    ),
    (CareTeam, "patient._id=7"),
    (
        CareTeam,
        "patient=Patient/7&participant:PractitionerRole.role=http://s|a",
    ),
    (
        CareTeam,
        "patient.identifier=http://s|7&participant:PractitionerRole.active=true",
    ),
    (CarePlan, "care-team.participant=PractitionerRole/7"),
    (
        CarePlan,
        "care-team.participant:PractitionerRole.practitioner.identifier=http://s|7",
    ),
    (Patient, "_has:CareTeam:patient:identifier=http://s|7"),
    (Patient, "_has:CareTeam:patient:participant=PractitionerRole/7"),
    (Patient, "_id=7&_has:CareTeam:patient:status=active"),
    (
        Practitioner,
        "_has:PractitionerRole:practitioner:_has:CareTeam:participant:patient=Patient/7",
    ),
    (QuestionnaireResponse, "questionnaire.url=https://a/7"),
    (
        QuestionnaireResponse,
        "questionnaire.title:exact=Frågor 7&status=completed",
    ),
    (QuestionnaireResponse, "patient=Patient/7&questionnaire.status=active"),
    (
        Questionnaire,
        "_has:QuestionnaireResponse:questionnaire:patient=Patient/7",
    ),
    (
        Questionnaire,
        "_id=7&_has:QuestionnaireResponse:questionnaire:status=completed",
    ),
    (QuestionnaireResponse, "questionnaire:below=https://a/7|1"),
    (Encounter, "location-period=Location/7$ge2026-03-10"),
    (Encounter, "patient=Patient/7&location-period=Location/7$2026"),
];

/// Each is answered to by many: a page must not cost more rows than it shows.
const WIDE: &[(ResourceType, &str)] = &[
    (CareTeam, "patient.gender=female"),
    (CareTeam, "status=active&patient.gender=female"),
    (Patient, "_has:CareTeam:patient:status=active"),
    (CarePlan, "care-team.status=active&status:not=completed"),
];

/// Searches over several types, each selective for every type.
const SELECTIVE_IN: &[(&str, &str)] = &[
    ("Patient/7/CareTeam", "status=active"),
    ("Patient/7/*", ""),
    ("Patient/7/*", "_type=CareTeam,CarePlan&status=active"),
    ("Practitioner/7/*", "_sort=_lastUpdated"),
    ("", "_type=CareTeam,CarePlan&patient=Patient/7"),
    ("", "_type=CareTeam,CarePlan&patient.identifier=http://s|7"),
    ("", "_id=7"),
];

/// And those that take their pages from many.
const WIDE_IN: &[(&str, &str)] = &[("", ""), ("", "_type=CareTeam,CarePlan&status=active")];

fn explained_in(store: &Store, searches: &[(&'static str, &'static str)]) -> Vec<(String, Vec<String>)> {
    let plan = |(path, text): &(&'static str, &'static str)| {
        let scope = Scope::of_path(FhirVersion::R5, path).expect("a scope");
        let query = parse_in(&pairs(text), &scope, &context(Patient, &[OWN.to_owned()]))
            .expect("a search")
            .query;
        let plan = store.read_blocking(|session| {
            let plain = session.explain_search(&query, false)?;
            let ahead = session.explain_search(&query, true)?;
            Ok::<_, StoreError>([plain, ahead].concat())
        });
        (format!("{path}?{text}"), plan.expect("a plan"))
    };
    searches.iter().map(plan).collect()
}

fn explained(store: &Store, searches: &[(ResourceType, &'static str)]) -> Vec<(String, Vec<String>)> {
    let plan = |(kind, text): &(ResourceType, &'static str)| {
        let query = read(*kind, &pairs(text));
        let plan = store.read_blocking(|session| {
            let plain = session.explain_search(&query, false)?;
            let ahead = session.explain_search(&query, true)?;
            Ok::<_, StoreError>([plain, ahead].concat())
        });
        (format!("{kind}?{text}"), plan.expect("a plan"))
    };
    searches.iter().map(plan).collect()
}

#[test]
fn sqlite_begins_at_the_selective_end() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    let all = [
        explained(&fresh.store, SELECTIVE),
        explained_in(&fresh.store, SELECTIVE_IN),
    ];
    for (search, plan) in all.concat() {
        let walks = |step: &String| {
            ["SCAN r", "SCAN t", "SCAN h", "resource_kind (kind=?)", "(kind=?)"]
                .iter()
                .any(|walk| step.contains(walk))
        };
        assert!(!plan.iter().any(walks), "{search}: {plan:#?}");
    }
}

#[test]
fn sqlite_sorts_nothing_when_many_are_found() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    for (search, plan) in explained_in(&fresh.store, WIDE_IN) {
        // Each type (a) is read in the order of the keys; only what it gave, a page, is sorted into the others'.
        let mut within = false;
        for step in &plan {
            within = (within || step == "CO-ROUTINE a") && step != "SCAN a";
            let sorts_within = within && step.contains("TEMP B-TREE");
            assert!(!sorts_within && !step.contains("SCAN t"), "{search}: {plan:#?}");
        }
    }
    for (search, plan) in explained(&fresh.store, WIDE) {
        let mut finding = plan.iter().take_while(|step| *step != "SCAN p");
        assert!(
            !finding.any(|step| step.contains("TEMP B-TREE") || step.contains("SCAN t")),
            "{search}: {plan:#?}"
        );
    }
}

/// A region in small: enough rows that PostgreSQL would rather walk a table than look up many.
fn region(session: &mut Session, number: usize) -> Result<(), StoreError> {
    let identifier = json!([{"system": if number.is_multiple_of(2) { PERSONNUMMER } else { "http://s" }, "value": format!("{number}")}]);
    let to = |kind: ResourceType, number: usize| json!({"reference": format!("{kind}/{number}")});
    let concept = json!([{"coding": [{"system": "http://s", "code": "a"}]}]);
    let resources = [
        (
            Patient,
            json!({"gender": if number.is_multiple_of(2) { "female" } else { "male" }, "identifier": identifier}),
        ),
        (Practitioner, json!({"identifier": identifier})),
        (
            Organization,
            json!({"identifier": identifier, "partOf": to(Organization, number / 20)}),
        ),
        (
            PractitionerRole,
            json!({"active": true, "code": concept, "practitioner": to(Practitioner, number), "organization": to(Organization, number / 20)}),
        ),
        (
            CareTeam,
            json!({"status": "active", "identifier": identifier, "subject": to(Patient, number), "participant": [{"member": to(PractitionerRole, number / 20)}]}),
        ),
        (
            CarePlan,
            json!({"status": "active", "subject": to(Patient, number), "careTeam": [to(CareTeam, number)]}),
        ),
        (
            Questionnaire,
            json!({"status": "active", "url": format!("https://a/{number}"), "version": "1.0", "title": format!("Frågor {number}")}),
        ),
        (
            QuestionnaireResponse,
            json!({"status": "completed", "subject": to(Patient, number), "questionnaire": format!("https://a/{}|1.0", number / 20)}),
        ),
        (
            Encounter,
            json!({"status": "completed", "subject": to(Patient, number), "location": [
                {"location": {"reference": format!("Location/{}", number / 20)}, "period": {"start": "2026-03-10"}},
            ]}),
        ),
    ];
    for (kind, mut resource) in resources {
        let id = number.to_string();
        resource["resourceType"] = json!(kind.name());
        resource["id"] = json!(id);
        put(session, (kind, &id, 1), NOW + number as i64, Some(&resource))?;
    }
    Ok(())
}

#[test]
fn postgres_begins_at_the_selective_end() {
    let Some(url) = postgres::fresh_database() else { return };
    let fresh = Fresh::open(url, &StoreOptions::default(), None);
    fresh
        .store
        .write_blocking(|session| (0..1_000).try_for_each(|number| region(session, number)))
        .expect("a region");
    diesel::PgConnection::establish(&fresh.url)
        .expect("a connection")
        .batch_execute("ANALYZE")
        .expect("statistics");
    let all = [
        explained(&fresh.store, SELECTIVE),
        explained_in(&fresh.store, SELECTIVE_IN),
    ];
    for (search, plan) in all.concat() {
        assert!(
            !plan.iter().any(|step| step.contains("Seq Scan")),
            "{search}: {plan:#?}"
        );
    }
}

/// Many to one and back to many, twice: by following each way it would be the cube of the patients.
fn a_way_to_and_fro_is_gone_once(store: &Store) {
    const PATIENTS: usize = 600;
    let write = |session: &mut Session| {
        let organization = json!({"resourceType": "Organization", "id": "o"});
        put(session, (Organization, "o", 1), NOW, Some(&organization))?;
        (0..PATIENTS).try_for_each(|number| {
            let id = number.to_string();
            let patient =
                json!({"resourceType": "Patient", "id": id, "managingOrganization": {"reference": "Organization/o"}});
            put(session, (Patient, &id, 1), NOW, Some(&patient))
        })
    };
    store.write_blocking(write).expect("the patients are written");
    let (to_and_fro, end) = (
        "organization._has:Patient:organization:".repeat(2),
        "identifier:missing",
    );
    for (before, value, expected) in [
        ("", "false", 0),
        ("", "true", PATIENTS),
        ("_id=7&", "true", 1),
        ("_id=7&", "false", 0),
        ("_id:not=7&", "false", 0),
        ("_has:Patient:link:identifier:missing=true&", "true", 0),
    ] {
        let asked = pairs(&format!("{before}{to_and_fro}{end}={value}&_count=0"));
        let (_, total) = pages(store, Patient, &asked);
        assert_eq!(total, Some(expected as i64), "{before}{value}");
    }
}

#[test]
fn sqlite_goes_a_way_to_and_fro_once() {
    a_way_to_and_fro_is_gone_once(&Fresh::sqlite(&StoreOptions::default()).store);
}

#[test]
fn postgres_goes_a_way_to_and_fro_once() {
    let Some(url) = postgres::fresh_database() else { return };
    a_way_to_and_fro_is_gone_once(&Fresh::open(url, &StoreOptions::default(), None).store);
}
