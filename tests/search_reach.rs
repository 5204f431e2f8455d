//! Criteria on other resources (chains, `_has`) against a naive evaluation of the same names on a small random world;
//! and that they begin at the selective end. Both backends.

#[path = "search_reach/includes.rs"]
mod includes;
#[path = "search_reach/plans.rs"]
mod plans;
#[path = "common/postgres.rs"]
mod postgres;
#[path = "search_reach/several.rs"]
mod several;
#[path = "common/store.rs"]
mod support;
#[path = "search_reach/world.rs"]
mod world;

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
use world::{Kept, LINKS, Link, Random, put, world};

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
