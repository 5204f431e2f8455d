//! Searches over several types at once, and of compartments: one list, against the naive evaluation.

use super::*;

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
