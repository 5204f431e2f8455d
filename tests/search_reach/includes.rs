//! What comes with the matches (`_include`, `_revinclude`, `:iterate`) against a naive evaluation of the same values on the
//! random world; and that what the caller may not see is neither included nor followed.

use std::collections::BTreeSet;

use fastkontakt::store::{Included, Referred, Stored};

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

/// Everything that the includes lead to, by going on until nothing is new.
fn naive(
    world: &[Kept],
    matches: &[&Kept],
    includes: &[Asked],
    hidden: Option<(ResourceType, &str)>,
) -> BTreeSet<String> {
    let name = |kept: &Kept| format!("{}/{}", kept.kind, kept.id);
    let own: BTreeSet<String> = matches.iter().map(|kept| name(kept)).collect();
    let mut found: BTreeSet<String> = BTreeSet::new();
    loop {
        let before = found.len();
        for include in includes {
            let starts = |kept: &Kept| own.contains(&name(kept)) || (include.iterate && found.contains(&name(kept)));
            let follows = |from: &Kept, to: &Kept| {
                let fits = include.target.is_none_or(|target| to.kind == target);
                let mut links = include.links.iter().filter(|link| link.kind == from.kind);
                fits && links.any(|link| targets(world, from, link).iter().any(|other| std::ptr::eq(*other, to)))
            };
            let new: Vec<String> = world
                .iter()
                .filter(|kept| may_see(kept.kind, &kept.id, hidden))
                .filter(|kept| {
                    world
                        .iter()
                        .filter(|other| starts(other))
                        .any(|other| match include.reverse {
                            false => follows(other, kept),
                            true => follows(kept, other),
                        })
                })
                .map(name)
                .filter(|name| !own.contains(name))
                .collect();
            found.extend(new);
        }
        if found.len() == before {
            return found;
        }
    }
}

fn includes_what_the_naive_evaluation_includes(store: &Store, seed: u64) {
    let mut random = Random(seed);
    let world = world(store, &mut random);
    let (mut several, mut steps) = (0, 0);
    for _ in 0..300 {
        let kind = KINDS[random.below(KINDS.len())];
        let ids: Vec<String> = (0..1 + random.below(3)).map(|_| random.below(6).to_string()).collect();
        let includes: Vec<Asked> = (0..1 + random.below(3)).map(|_| asked(&mut random)).collect();
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
        let matches: Vec<&Kept> = world
            .iter()
            .filter(|kept| {
                page.iter()
                    .any(|stored| (stored.kind, &stored.id) == (kept.kind, &kept.id))
            })
            .collect();
        assert_eq!(matches.len(), page.len());
        let expected = naive(&world, &matches, &includes, hidden);
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
        steps += usize::from(expected.len() > 20);
    }
    assert!(several > 60 && steps > 15, "too few found anything: {several}, {steps}");
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
