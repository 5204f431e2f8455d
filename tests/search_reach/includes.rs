//! What comes with the matches (`_include`, `_revinclude`, `:iterate`) against a naive evaluation of the same values on the
//! random world; and that what the caller may not see is neither included nor followed.

use std::collections::BTreeSet;

use fastkontakt::fhir::search::compartments;
use fastkontakt::store::{EverythingEnd, EverythingQuery, Included, Referred, Stored};

use super::*;

/// One include, as the naive evaluation knows it: the references that it follows, and to which type only.
struct Asked {
    reverse: bool,
    iterate: bool,
    links: Vec<&'static Link>,
    target: Option<ResourceType>,
    pair: (String, String),
}

fn asked(random: &mut Random) -> Asked {
    let (reverse, iterate) = (random.below(2) == 0, random.below(2) == 0);
    let link = &LINKS[random.below(LINKS.len())];
    let (links, target, value): (Vec<&'static Link>, _, _) = match random.below(8) {
        0 => (LINKS.iter().collect(), None, "*".to_owned()),
        1 => {
            let kind = link.kind;
            let links = LINKS.iter().filter(move |other| other.kind == kind);
            (links.collect(), None, format!("{kind}:*"))
        }
        2 => {
            let known: Vec<&str> = link.targets.iter().copied().filter(|name| *name != "Group").collect();
            let name = random.pick(&known);
            let value = format!("{}:{}:{name}", link.kind, link.code);
            (vec![link], ResourceType::from_name(name), value)
        }
        _ => (vec![link], None, format!("{}:{}", link.kind, link.code)),
    };
    let name = if reverse { "_revinclude" } else { "_include" };
    let name = if iterate {
        format!("{name}:iterate")
    } else {
        name.to_owned()
    };
    Asked {
        reverse,
        iterate,
        links,
        target,
        pair: (name, value),
    }
}

fn may_see(kind: ResourceType, id: &str, hidden: Option<(ResourceType, &str)>) -> bool {
    hidden != Some((kind, id))
}

/// A reference between resources of the world: the parameter's place in [`LINKS`], from where, to where.
struct Edge {
    link: usize,
    from: usize,
    to: usize,
    /// Of the Questionnaires that a canonical names only the one written last is included.
    forward: bool,
}

fn edges(world: &[Kept]) -> Vec<Edge> {
    let at = |kept: &Kept| world.iter().position(|other| std::ptr::eq(other, kept)).expect("there");
    let mut all = Vec::new();
    for (number, link) in LINKS.iter().enumerate() {
        for (from, kept) in world.iter().enumerate().filter(|(_, kept)| kept.kind == link.kind) {
            let named: Vec<usize> = targets(world, kept, link).into_iter().map(at).collect();
            let last = named.iter().max_by_key(|to| (world[**to].last_updated, **to)).copied();
            all.extend(named.iter().map(|to| Edge {
                link: number,
                from,
                to: *to,
                forward: !link.is_canonical() || last == Some(*to),
            }));
        }
    }
    all
}

/// Everything that the includes lead to, by going on until nothing is new; all are places in the world.
fn naive(
    world: &[Kept],
    edges: &[Edge],
    matches: &BTreeSet<usize>,
    includes: &[Asked],
    hidden: Option<(ResourceType, &str)>,
) -> BTreeSet<usize> {
    let mut found: BTreeSet<usize> = BTreeSet::new();
    loop {
        let before = found.len();
        for include in includes {
            for Edge {
                link,
                from,
                to,
                forward,
            } in edges
            {
                let link = &LINKS[*link];
                let mut own = include.links.iter();
                let follows = own.any(|own| (own.kind, own.code) == (link.kind, link.code))
                    && (include.reverse || *forward)
                    && include.target.is_none_or(|target| world[*to].kind == target);
                let (start, new) = if include.reverse { (to, from) } else { (from, to) };
                let starts = matches.contains(start) || (include.iterate && found.contains(start));
                if follows && starts && !matches.contains(new) && may_see(world[*new].kind, &world[*new].id, hidden) {
                    found.insert(*new);
                }
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

fn includes_what_the_naive_evaluation_includes(store: &Store, seed: u64) {
    let mut random = Random(seed);
    let world = world(store, &mut random);
    let edges = edges(&world);
    let (mut several, mut many) = (0, 0);
    for _ in 0..300 {
        let ids: Vec<String> = (0..1 + random.below(3)).map(|_| random.below(6).to_string()).collect();
        let includes: Vec<Asked> = (0..1 + random.below(3)).map(|_| asked(&mut random)).collect();
        // Where the first of them has something to follow.
        let first = includes[0].links[0];
        let kind = match ResourceType::from_name(first.targets[first.targets.len() - 1]) {
            Some(target) if includes[0].reverse => target,
            _ => first.kind,
        };
        let hidden = world.get(random.below(world.len() * 2));
        let hidden = hidden.map(|kept| (kept.kind, kept.id.as_str()));
        let mut pairs = vec![("_id".to_owned(), ids.join(","))];
        pairs.extend(includes.iter().map(|include| include.pair.clone()));
        let query = read(kind, &pairs);
        let (owned, own_bases) = (hidden.map(|(kind, id)| (kind, id.to_owned())), [OWN.to_owned()]);
        let (page, included) = store
            .read_blocking(|session| {
                let page = session.search(&query)?;
                let how = Referred {
                    own_bases: &own_bases,
                    most: 1000,
                    may_see: &|stored| {
                        let hidden = owned.as_ref().map(|(kind, id)| (*kind, id.as_str()));
                        may_see(stored.kind, &stored.id, hidden)
                    },
                };
                let included = session.include(&page.entries, &query.includes, &how)?;
                Ok::<(Vec<Stored>, Included), StoreError>((page.entries, included))
            })
            .unwrap_or_else(|error| panic!("{kind} {pairs:?}: {error}"));
        let matches: BTreeSet<usize> = (0..world.len())
            .filter(|at| {
                page.iter()
                    .any(|stored| (stored.kind, &stored.id) == (world[*at].kind, &world[*at].id))
            })
            .collect();
        assert_eq!(matches.len(), page.len());
        let expected: BTreeSet<String> = naive(&world, &edges, &matches, &includes, hidden)
            .into_iter()
            .map(|at| format!("{}/{}", world[at].kind, world[at].id))
            .collect();
        let found: Vec<String> = included
            .entries
            .iter()
            .map(|stored| format!("{}/{}", stored.kind, stored.id))
            .collect();
        let unique: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(unique.len(), found.len(), "{kind} {pairs:?}: {found:?}");
        assert_eq!(unique, expected, "{kind} {pairs:?}");
        assert!(!included.cut);
        several += usize::from(expected.len() > 3);
        many += usize::from(expected.len() > 8);
    }
    assert!(several > 60 && many > 5, "too few found anything: {several}, {many}");
}

fn what_is_left_out_is_told(store: &Store) {
    let mut random = Random(5);
    let world = world(store, &mut random);
    let query = read(Organization, &pairs("_id=1,2,3&_revinclude:iterate=*"));
    let all = |most: usize| {
        store
            .read_blocking(|session| {
                let page = session.search(&query)?;
                let how = Referred {
                    own_bases: &[OWN.to_owned()],
                    most,
                    may_see: &|_| true,
                };
                session.include(&page.entries, &query.includes, &how)
            })
            .expect("an inclusion")
    };
    let whole = all(1000);
    let count = whole.entries.len();
    assert!(count > 10 && count < world.len() && !whole.cut, "{count}");
    for most in [0, 1, count - 1] {
        let part = all(most);
        assert_eq!((part.entries.len(), part.cut), (most, true));
    }
    assert_eq!(all(count), whole);
}

#[test]
fn sqlite_includes_what_the_naive_evaluation_includes() {
    for seed in [11, 20_260_310] {
        includes_what_the_naive_evaluation_includes(&Fresh::sqlite(&StoreOptions::default()).store, seed);
    }
    what_is_left_out_is_told(&Fresh::sqlite(&StoreOptions::default()).store);
}

#[test]
fn postgres_includes_what_the_naive_evaluation_includes() {
    let Some(url) = postgres::fresh_database() else { return };
    includes_what_the_naive_evaluation_includes(&Fresh::open(url, &StoreOptions::default(), None).store, 12);
    let Some(url) = postgres::fresh_database() else { return };
    what_is_left_out_is_told(&Fresh::open(url, &StoreOptions::default(), None).store);
}

// ── Plans ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Every include and `$everything`, with what each of their statements does: those of [`region`]'s middle.
fn plans(store: &Store) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for (kind, text) in [
        (CareTeam, "_include=CareTeam:patient"),
        (CareTeam, "_include=CareTeam:participant"),
        (CarePlan, "_include=CarePlan:care-team"),
        (QuestionnaireResponse, "_include=QuestionnaireResponse:questionnaire"),
        (Patient, "_revinclude=CareTeam:patient"),
        (PractitionerRole, "_revinclude=CareTeam:participant"),
        (Questionnaire, "_revinclude=QuestionnaireResponse:questionnaire"),
        (CareTeam, "_include=CareTeam:*"),
        (Patient, "_revinclude=*"),
    ] {
        let query = read(kind, &pairs(text));
        let plans = store
            .read_blocking(|session| session.explain_include((kind, &["7", "8", "9"]), &query.includes[0], &[7, 8, 9]));
        let plans = plans.expect("plans").into_iter();
        all.extend(plans.map(|plan| (format!("{kind}?{text}"), plan)));
    }
    let everything = EverythingQuery {
        patient: "7".to_owned(),
        references: compartments::references(Patient),
        own_urls: vec![format!("{OWN}/Patient/7")],
        kinds: None,
        since: None,
        care: None,
        after: None,
        limit: 21,
    };
    let narrowed = EverythingQuery {
        kinds: Some(vec![CareTeam, CarePlan]),
        since: Some(0),
        care: Some((0, 1)),
        after: Some(EverythingEnd { kind: 6, key: 1 }),
        ..everything.clone()
    };
    for query in [everything, narrowed] {
        let told = format!("{query:?}");
        let plan = store.read_blocking(move |session| {
            let key = session.patient_key("7")?.expect("a patient");
            session.explain_everything(key, &query)
        });
        all.push((told, plan.expect("a plan")));
    }
    all
}

/// Enough people that a planner would rather walk a table than look up many.
fn region_on(store: &Store, people: usize) {
    store
        .write_blocking(move |session| (0..people).try_for_each(|number| region(session, number)))
        .expect("a region");
}

#[test]
fn sqlite_walks_no_table_for_what_comes_along() {
    let fresh = Fresh::sqlite(&StoreOptions::default());
    region_on(&fresh.store, 20);
    for (asked, plan) in plans(&fresh.store) {
        // The page itself is all that is walked, and no look-up begins at a type alone.
        let mut walks = plan
            .iter()
            .filter(|step| step.contains("SCAN") || step.contains("(kind=?)"));
        assert!(walks.all(|step| step == "SCAN p"), "{asked}: {plan:#?}");
        if asked.contains("EverythingQuery") {
            let by_key = "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)";
            assert!(plan.iter().any(|step| step == by_key), "{plan:#?}");
            assert!(plan.iter().any(|step| step.contains("resource_patient")), "{plan:#?}");
        }
    }
}

#[test]
fn postgres_walks_no_table_for_what_comes_along() {
    let Some(url) = postgres::fresh_database() else { return };
    let fresh = Fresh::open(url, &StoreOptions::default(), None);
    region_on(&fresh.store, 1_000);
    diesel::PgConnection::establish(&fresh.url)
        .expect("a connection")
        .batch_execute("ANALYZE")
        .expect("statistics");
    for (asked, plan) in plans(&fresh.store) {
        let walks = plan.iter().find(|step| step.contains("Seq Scan"));
        assert_eq!(walks, None, "{asked}: {plan:#?}");
    }
}
