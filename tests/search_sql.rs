//! Search in the database against a naive evaluation of the same query in memory, on random resources; and how the
//! database goes about it (plans.rs). Both backends.

#[path = "../benches/service/people.rs"]
mod people;
#[path = "search_sql/plans.rs"]
mod plans;
#[path = "common/postgres.rs"]
mod postgres;
#[path = "search_sql/units.rs"]
mod units;
#[path = "search_sql/values.rs"]
mod values;

use std::collections::BTreeMap;

use fastkontakt::fhir::search::query::{
    Criterion, ReferenceValue, SearchQuery, SortBy, SortKey, SortText, SystemMatch, Table, TokenValue,
};
use fastkontakt::fhir::search::{Handling, IndexEntry, ParseContext, index, parse, patient_of};
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt::store::{NewVersion, Session, Store, StoreError, StoreOptions, Synchronous};
use jiff::Timestamp;
use serde_json::{Value, json};

const NOW: i64 = 1_770_000_000_000_000;
const OWN: &str = "https://vi.se/fhir/r5";
const OTHER: &str = "http://annan.se/fhir";
const PERSONNUMMER: [&str; 2] = [
    "http://electronichealth.se/identifier/personnummer",
    "urn:oid:1.2.752.129.2.1.3.1",
];

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

    fn date(&mut self) -> String {
        let (year, month, day) = (2023 + self.below(3), 1 + self.below(3), 1 + self.below(3));
        match self.below(4) {
            0 => format!("{year}"),
            1 => format!("{year}-{month:02}"),
            2 => format!("{year}-{month:02}-{day:02}"),
            _ => format!("{year}-{month:02}-{day:02}T{:02}:00:00+01:00", self.below(24)),
        }
    }

    fn reference(&mut self, kinds: &[&str]) -> Value {
        let (kind, id) = (self.pick(kinds), self.below(4));
        let number = format!("19121212121{id}");
        match self.below(7) {
            0 => json!({"reference": format!("{OWN}/{kind}/{id}")}),
            1 => json!({"reference": format!("{OTHER}/{kind}/{id}")}),
            2 => json!({"type": kind, "identifier": {"system": self.pick(&PERSONNUMMER), "value": number}}),
            3 => json!({"reference": format!("urn:uuid:00000000-0000-4000-8000-00000000000{id}")}),
            4 => json!({"display": "någon"}),
            5 => json!({"reference": format!("{kind}/{id}"), "identifier": {"value": number}}),
            _ => json!({"reference": format!("{kind}/{id}")}),
        }
    }

    fn care_team(&mut self, id: &str) -> Value {
        let mut team = json!({"resourceType": "CareTeam", "id": id});
        if self.below(8) > 0 {
            team["status"] = json!(self.pick(&["active", "inactive", "proposed"]));
        }
        if self.below(3) > 0 {
            team["name"] = json!(self.pick(&["Åsa", "Berit", "asa", "berit-kerstin", "Ö"]));
        }
        let coding = |random: &mut Random| match random.below(3) {
            0 => json!({"code": random.pick(&["a", "b"])}),
            1 => json!({"system": random.pick(&["http://s", "http://t"])}),
            _ => json!({"system": random.pick(&["http://s", "http://t"]), "code": random.pick(&["a", "b"])}),
        };
        let categories: Vec<Value> = (0..self.below(3))
            .map(|_| json!({"coding": [coding(self), coding(self)]}))
            .collect();
        if !categories.is_empty() {
            team["category"] = json!(categories);
        }
        if self.below(6) > 0 {
            team["subject"] = self.reference(&["Patient", "Group"]);
        }
        let mut period = json!({});
        for end in ["start", "end"] {
            if self.below(3) > 0 {
                period[end] = json!(self.date());
            }
        }
        if self.below(4) > 0 && period != json!({}) {
            team["period"] = period;
        }
        let members: Vec<Value> = (0..self.below(3))
            .map(|_| json!({"member": self.reference(&["Practitioner", "Organization", "PractitionerRole"])}))
            .collect();
        if !members.is_empty() {
            team["participant"] = json!(members);
        }
        team
    }

    fn condition(&mut self) -> (String, String) {
        let id = self.below(4);
        let (name, value) = match self.below(24) {
            0 => (
                "status",
                self.pick(&[
                    "active",
                    "active,proposed",
                    "|active",
                    "http://hl7.org/fhir/care-team-status|active",
                    "x|active",
                    "none",
                ])
                .to_owned(),
            ),
            1 => ("status:not", self.pick(&["active", "active,proposed"]).to_owned()),
            2 => ("status:missing", self.pick(&["true", "false"]).to_owned()),
            3 | 4 => (
                "category",
                self.pick(&[
                    "a",
                    "http://s|a",
                    "|a",
                    "http://s|",
                    "a,b",
                    "http://s|a,http://t|b",
                    "a,http://t|",
                    "http://s|a,http://s|b",
                ])
                .to_owned(),
            ),
            5 => ("category:not", self.pick(&["a", "http://s|a", "http://t|"]).to_owned()),
            6 => ("category:missing", self.pick(&["true", "false"]).to_owned()),
            7 => (
                "patient",
                self.pick(&[
                    "1",
                    "Patient/1",
                    "Patient/1,Patient/2",
                    "Group/1",
                    "http://annan.se/fhir/Patient/1",
                    "https://vi.se/fhir/r5/Patient/1",
                ])
                .to_owned(),
            ),
            8 => (
                "subject",
                self.pick(&[
                    "1",
                    "Patient/1",
                    "Group/1",
                    "Patient/1,Group/2",
                    "urn:uuid:00000000-0000-4000-8000-000000000001",
                ])
                .to_owned(),
            ),
            9 => (self.pick(&["subject:Patient", "subject:Group"]), format!("{id}")),
            10 => (
                self.pick(&[
                    "subject:missing",
                    "patient:missing",
                    "participant:missing",
                    "date:missing",
                    "_id:missing",
                ]),
                self.pick(&["true", "false"]).to_owned(),
            ),
            11 | 12 => {
                let system = self.pick(&[
                    "",
                    "|",
                    "http://electronichealth.se/identifier/personnummer|",
                    "urn:oid:1.2.752.129.2.1.3.1|",
                ]);
                (
                    self.pick(&["patient:identifier", "participant:identifier", "subject:identifier"]),
                    format!("{system}19121212121{id}"),
                )
            }
            13 => (
                "participant",
                format!(
                    "{}/{id}",
                    self.pick(&["Practitioner", "Organization", OTHER, "PractitionerRole"])
                )
                .replace("fhir/", "fhir/Practitioner/"),
            ),
            14 => ("participant:PractitionerRole", format!("{id},9")),
            15 => ("_id", format!("k{},k{}", self.below(60), self.below(60))),
            16 => ("_id:not", format!("k{},k{}", self.below(60), self.below(60))),
            17 => (
                "_lastUpdated",
                format!(
                    "{}2025-01-{:02}",
                    self.pick(&["", "ge", "lt", "ne", "sa", "eb"]),
                    1 + self.below(28)
                ),
            ),
            _ => {
                let one = |random: &mut Random| {
                    format!(
                        "{}{}",
                        random.pick(&["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]),
                        random.date()
                    )
                };
                (
                    "date",
                    if self.below(4) == 0 {
                        format!("{},{}", one(self), one(self))
                    } else {
                        one(self)
                    },
                )
            }
        };
        (name.to_owned(), value)
    }
}

struct Kept {
    id: String,
    /// Order of making.
    number: i64,
    last_updated: i64,
    entries: Vec<IndexEntry>,
}

/// The parameters of a search, decoded.
type Pairs = [(String, String)];

fn read(pairs: &Pairs) -> SearchQuery {
    let own_bases = [OWN.to_owned()];
    let context = ParseContext {
        version: FhirVersion::R5,
        kind: ResourceType::CareTeam,
        own_bases: &own_bases,
        now: NOW,
        handling: Handling::Strict,
        default_count: 20,
        max_count: 100,
    };
    parse(pairs, &context)
        .unwrap_or_else(|error| panic!("{pairs:?}: {error:?}"))
        .query
}

// ── The naive evaluation ────────────────────────────────────────────────────────────────────────────────────────────────

fn fulfils(kept: &Kept, criterion: &Criterion) -> bool {
    let entries = &kept.entries;
    match criterion {
        Criterion::Id { any_of, not } => any_of.contains(&kept.id) != *not,
        Criterion::LastUpdated { any_of } => any_of
            .iter()
            .any(|date| date.matches(kept.last_updated, kept.last_updated + 1)),
        Criterion::Token { param, any_of, not, .. } => {
            let found = entries.iter().any(|entry| match entry {
                IndexEntry::Token {
                    param: p,
                    system,
                    value,
                } => p == param && any_of.iter().any(|wanted| same_token(wanted, system.as_deref(), value)),
                _ => false,
            });
            found != *not
        }
        Criterion::Reference { param, any_of } => entries.iter().any(|entry| match entry {
            IndexEntry::Reference { param: p, target } if p == param => any_of.iter().any(|wanted| match wanted {
                ReferenceValue::Local { kinds, id, own_urls } => {
                    target.id.as_ref() == Some(id)
                        && (kinds.is_empty() || target.kind.as_ref().is_some_and(|kind| kinds.contains(kind)))
                        && target.url.as_ref().is_none_or(|url| own_urls.contains(url))
                }
                ReferenceValue::Url(wanted) => target.url == wanted.url,
                ReferenceValue::Canonical(_) => unreachable!("asked in other tests"),
            }),
            _ => false,
        }),
        Criterion::Date { param, any_of } => entries.iter().any(|entry| match entry {
            IndexEntry::Date { param: p, low, high } => {
                p == param && any_of.iter().any(|date| date.matches(*low, *high))
            }
            _ => false,
        }),
        Criterion::Chain { .. } | Criterion::Has { .. } | Criterion::Any(_) => {
            panic!("tests/search_reach.rs looks at these: {criterion:?}")
        }
        Criterion::String { .. }
        | Criterion::CareUnit { .. }
        | Criterion::UriBelow { .. }
        | Criterion::Pair(_)
        | Criterion::Quantity { .. } => unreachable!("asked in other tests"),
        Criterion::Missing {
            table: Table::Column,
            missing,
            ..
        } => !*missing,
        Criterion::Missing {
            param,
            targets,
            missing,
            ..
        } => {
            let there = entries.iter().any(|entry| match entry {
                IndexEntry::Token { param: p, .. }
                | IndexEntry::Date { param: p, .. }
                | IndexEntry::Quantity { param: p, .. }
                | IndexEntry::String { param: p, .. } => p == param,
                IndexEntry::Pair { .. } => false,
                IndexEntry::Reference { param: p, target } => {
                    p == param
                        && (targets.is_empty() || target.kind.as_deref().is_none_or(|kind| targets.contains(&kind)))
                }
            });
            there != *missing
        }
    }
}

fn same_token(wanted: &TokenValue, system: Option<&str>, value: &str) -> bool {
    let same_system = match &wanted.system {
        SystemMatch::Any => true,
        SystemMatch::None => system.is_none(),
        SystemMatch::Is(uri) => system == Some(uri),
    };
    same_system && wanted.value.as_deref().is_none_or(|code| code == value)
}

fn naive(all: &[Kept], query: &SearchQuery) -> Vec<String> {
    let mut found: Vec<&Kept> = all
        .iter()
        .filter(|kept| query.criteria.iter().all(|c| fulfils(kept, c)))
        .collect();
    found.sort_by(|a, b| {
        let by_keys = query.sort.iter().map(|key| {
            let order = match key.by {
                SortBy::Id => a.id.cmp(&b.id),
                SortBy::LastUpdated => a.last_updated.cmp(&b.last_updated),
                SortBy::Date(_) => date_key(a, key).cmp(&date_key(b, key)),
                SortBy::Text(text) => match [a, b].map(|kept| text_key(kept, &text, key.descending)) {
                    [Some(a), Some(b)] => a.cmp(&b),
                    // Without a value: last, whichever the direction.
                    [None, Some(_)] => return std::cmp::Ordering::Greater,
                    [Some(_), None] => return std::cmp::Ordering::Less,
                    [None, None] => std::cmp::Ordering::Equal,
                },
            };
            if key.descending { order.reverse() } else { order }
        });
        let tie = a.number.cmp(&b.number);
        let newest_first = query.sort.first().is_none_or(|key| key.descending);
        by_keys
            .fold(std::cmp::Ordering::Equal, |order, next| order.then(next))
            .then(if newest_first { tie.reverse() } else { tie })
    });
    found.into_iter().map(|kept| kept.id.clone()).collect()
}

fn date_key(kept: &Kept, key: &SortKey) -> i64 {
    let ranges = kept.entries.iter().filter_map(|entry| match (entry, key.by) {
        (IndexEntry::Date { param, low, high }, SortBy::Date(wanted)) if *param == wanted => Some((*low, *high)),
        _ => None,
    });
    if key.descending {
        ranges.map(|(_, high)| high).max().unwrap_or(i64::MIN)
    } else {
        ranges.map(|(low, _)| low).min().unwrap_or(i64::MAX)
    }
}

fn text_key(kept: &Kept, by: &SortText, descending: bool) -> Option<String> {
    let is_named = |param: &str| param == by.param || by.also.contains(&param);
    let values = kept.entries.iter().filter_map(|entry| match (entry, by.table) {
        (IndexEntry::Token { param, value, .. }, Table::Token) if is_named(param) => Some(value.clone()),
        (IndexEntry::String { param, folded, .. }, Table::String) if is_named(param) => Some(folded.clone()),
        (IndexEntry::Reference { param, target }, Table::Reference) if is_named(param) => {
            let of_type = |kind: &String| by.targets.is_empty() || by.targets.contains(&kind.as_str());
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            let place = part(&target.id) + &part(&target.url);
            (target.kind.as_ref().is_none_or(of_type) && !place.is_empty())
                .then(|| format!("{}/{place}", part(&target.kind)))
        }
        _ => None,
    });
    let values = values.filter(|value| !value.is_empty());
    if descending { values.max() } else { values.min() }
}

// ── The database ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// A fresh database; the SQLite one's folder goes with the guard.
struct Database {
    store: Store,
    folder: Option<std::path::PathBuf>,
}

impl Drop for Database {
    fn drop(&mut self) {
        self.store.close_blocking();
        if let Some(folder) = &self.folder {
            let _gone = std::fs::remove_dir_all(folder);
        }
    }
}

fn sqlite() -> Database {
    let folder = std::env::temp_dir().join(format!("fastkontakt-search-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).expect("a folder for the test's database");
    let store = open(&format!("sqlite://{}", folder.join("test.db").display()));
    Database {
        store,
        folder: Some(folder),
    }
}

fn open(url: &str) -> Store {
    // What is on disk after a power cut does not matter here.
    let options = StoreOptions {
        synchronous: Synchronous::Normal,
        pool_size: 2,
        ..StoreOptions::default()
    };
    let store = Store::open(url, &options).expect("the store opens");
    store.migrate().expect("the schema is made");
    store
}

/// Writes a version of a CareTeam; `None` deletes it.
fn put(store: &Store, id: &str, version: i64, last_updated: i64, team: Option<&Value>) -> Vec<IndexEntry> {
    put_all(store, vec![(id.to_owned(), version, last_updated, team.cloned())]).remove(0)
}

/// Writes several in one transaction.
fn put_all(store: &Store, teams: Vec<(String, i64, i64, Option<Value>)>) -> Vec<Vec<IndexEntry>> {
    let write = move |session: &mut Session| {
        teams
            .into_iter()
            .map(|(id, version, last_updated, team)| put_one(session, &id, version, last_updated, team))
            .collect()
    };
    let written: Result<Vec<Vec<IndexEntry>>, StoreError> = store.write_blocking(write);
    written.expect("the versions are written")
}

fn put_one(
    session: &mut Session,
    id: &str,
    version: i64,
    last_updated: i64,
    team: Option<Value>,
) -> Result<Vec<IndexEntry>, StoreError> {
    let entries = team
        .as_ref()
        .map(|team| index(ResourceType::CareTeam, team))
        .unwrap_or_default();
    let patient = team.as_ref().and_then(|team| patient_of(ResourceType::CareTeam, team));
    session.put(&NewVersion {
        kind: ResourceType::CareTeam,
        id,
        version,
        last_updated: Timestamp::from_microsecond(last_updated).expect("a time"),
        deleted: team.is_none(),
        patient: patient.as_deref(),
        body: &team.as_ref().map(Value::to_string).unwrap_or_default(),
        index: &entries,
        caller: "test",
        request_id: "test",
        interaction: "create",
    })?;
    Ok(entries)
}

/// All pages of a search, and the total that the first one told.
fn pages(store: &Store, query: &SearchQuery, pairs: &Pairs) -> (Vec<String>, Option<i64>) {
    pages_of(store, &read, query, pairs)
}

/// All pages of a search of any type, by the way its pairs are read.
fn pages_of(
    store: &Store,
    read: &dyn Fn(&Pairs) -> SearchQuery,
    query: &SearchQuery,
    pairs: &Pairs,
) -> (Vec<String>, Option<i64>) {
    let (mut found, mut total, mut query) = (Vec::new(), None, query.clone());
    for number in 0.. {
        let asked = query.clone();
        let page = store
            .read_blocking(|session| {
                let page = session.search(&asked)?;
                // Looking ahead changes nothing but the time.
                let ahead = session.search_ahead(&asked, false)?;
                assert_eq!(ahead.as_ref(), Some(&page));
                Ok::<_, StoreError>(page)
            })
            .unwrap_or_else(|error| panic!("{pairs:?}: {error}"));
        assert!(page.entries.len() <= query.count as usize);
        if number == 0 {
            total = page.total;
        }
        found.extend(page.entries.iter().map(|stored| stored.id.clone()));
        let Some(next) = page.next else { break };
        assert_eq!(
            page.entries.len(),
            query.count as usize,
            "a page before the last is full"
        );
        let token = [("_page".to_owned(), next)];
        query = read(&[pairs, &token].concat());
    }
    (found, total)
}

fn agrees_with_the_naive_evaluation(store: &Store, seed: u64) {
    let mut random = Random(seed);
    let mut kept: BTreeMap<String, Kept> = BTreeMap::new();
    for number in 0..60 {
        let id = format!("k{number}");
        let last_updated = 1_735_689_600_000_000 + random.below(30) as i64 * 86_400_000_000;
        let mut entries = put(store, &id, 1, last_updated, Some(&random.care_team(&id)));
        match random.below(6) {
            0 => entries = put(store, &id, 2, last_updated, Some(&random.care_team(&id))),
            1 => {
                put(store, &id, 2, last_updated, None);
                continue;
            }
            _ => {}
        }
        kept.insert(
            id.clone(),
            Kept {
                id,
                number,
                last_updated,
                entries,
            },
        );
    }
    let all: Vec<Kept> = kept.into_values().collect();
    let mut hits = 0;
    for _ in 0..400 {
        let mut pairs: Vec<(String, String)> = (0..random.below(4)).map(|_| random.condition()).collect();
        if random.below(2) == 0 {
            let keys = [
                "date",
                "-date",
                "_id",
                "-_id",
                "_lastUpdated",
                "-_lastUpdated",
                "date,-_lastUpdated",
                "-date,_id",
                "_lastUpdated,-date,_id",
                "name",
                "-name,status",
                "status,-category",
                "-status,date,-name",
                "subject",
                "-patient,participant",
                "-participant,_id",
            ];
            pairs.push(("_sort".to_owned(), random.pick(&keys).to_owned()));
        }
        pairs.push(("_count".to_owned(), format!("{}", 1 + random.below(20))));
        pairs.push(("_total".to_owned(), "accurate".to_owned()));
        let query = read(&pairs);
        let expected = naive(&all, &query);
        let (found, total) = pages(store, &query, &pairs);
        assert_eq!(found, expected, "{pairs:?}");
        assert_eq!(total, Some(expected.len() as i64), "{pairs:?}");
        hits += usize::from(!expected.is_empty());
    }
    assert!(hits > 120, "too few searches found anything: {hits}");
}

#[test]
fn sqlite_finds_what_the_naive_evaluation_finds() {
    for seed in [1, 20_260_310] {
        agrees_with_the_naive_evaluation(&sqlite().store, seed);
    }
}

#[test]
fn postgres_finds_what_the_naive_evaluation_finds() {
    let Some(url) = postgres::fresh_database() else { return };
    agrees_with_the_naive_evaluation(
        &Database {
            store: open(&url),
            folder: None,
        }
        .store,
        7,
    );
}

#[test]
fn pages_neither_skip_nor_repeat_while_others_write() {
    let database = sqlite();
    let team = json!({"resourceType": "CareTeam", "status": "active"});
    for number in 0..10 {
        put(&database.store, &format!("k{number}"), 1, NOW, Some(&team));
    }
    let pairs = [
        ("status".to_owned(), "active".to_owned()),
        ("_count".to_owned(), "4".to_owned()),
    ];
    let first = database
        .store
        .read_blocking(|session| session.search(&read(&pairs)))
        .expect("a page");
    // Others change what was shown and what was not, and add one.
    for id in ["k9", "k1", "k0"] {
        put(&database.store, id, 2, NOW + 1, Some(&team));
    }
    put(&database.store, "new", 1, NOW + 2, Some(&team));
    let mut found: Vec<String> = first.entries.into_iter().map(|stored| stored.id).collect();
    let token = [("_page".to_owned(), first.next.expect("a next page"))];
    let rest = [&pairs[..], &token].concat();
    found.extend(pages(&database.store, &read(&rest), &pairs).0);
    assert_eq!(
        found,
        (0..10).rev().map(|number| format!("k{number}")).collect::<Vec<_>>()
    );
}

#[test]
fn sqlite_answers_the_largest_search_that_is_taken() {
    the_largest_searches_are_answered(&sqlite().store);
}

#[test]
fn postgres_answers_the_largest_search_that_is_taken() {
    let Some(url) = postgres::fresh_database() else { return };
    the_largest_searches_are_answered(
        &Database {
            store: open(&url),
            folder: None,
        }
        .store,
    );
}

fn the_largest_searches_are_answered(store: &Store) {
    let many = |name: &str, each: &dyn Fn(usize) -> String| {
        (name.to_owned(), (0..500).map(each).collect::<Vec<_>>().join(","))
    };
    for pair in [
        many("participant", &|number| format!("{number}")),
        many("participant", &|number| format!("{OTHER}/Practitioner/{number}")),
        many("date", &|number| format!("ne{}", 1500 + number)),
        many("_lastUpdated", &|number| format!("{}", 1500 + number)),
        many("category", &|number| format!("http://s{number}|a")),
        many("category:not", &|number| format!("http://s{number}|")),
        many("_id", &|number| format!("{number}")),
    ] {
        let (found, _) = pages(store, &read(std::slice::from_ref(&pair)), std::slice::from_ref(&pair));
        assert!(found.is_empty());
    }
    let sorts = ("_sort".to_owned(), "date,-date,_lastUpdated".to_owned());
    let all: Vec<(String, String)> = (0..99)
        .map(|_| ("date".to_owned(), "ge2024".to_owned()))
        .chain([sorts])
        .collect();
    assert!(pages(store, &read(&all), &all).0.is_empty());
}
