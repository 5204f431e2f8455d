//! What comes with a page: the resources that its matches refer to, or that refer to them. Step by step: the references of
//! all resources of a step are read with a few statements from the index, by the resources' own keys, and what they name
//! is then read with one statement per type ([`rows`]). What is not there, deleted, or not for the caller's eyes is left
//! out, and nothing is followed from it.

mod rows;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::fhir::references::{local, relative};
use crate::fhir::search::canonical;
use crate::fhir::search::include::{Include, Join, all_names};
use crate::fhir::types::ResourceType;
use crate::store::error::StoreError;
use crate::store::session::{Session, Stored};

pub(in crate::store) use rows::list;
use rows::{CHUNK, Whose};

/// How far `:iterate` goes.
const MOST_STEPS: usize = 12;

/// What comes with a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Included {
    /// Each once, none of them a match.
    pub entries: Vec<Stored>,
    /// There is more than was taken in.
    pub cut: bool,
}

/// What bounds an inclusion, and who looks.
pub struct Referred<'a> {
    /// Our own base URLs, without a slash at the end: references under them are local.
    pub own_bases: &'a [String],
    /// Most resources that are taken in.
    pub most: usize,
    /// The access decision about one resource.
    pub may_see: &'a dyn Fn(&Stored) -> bool,
}

/// A resource that is referred to: its type, its id, and the version when the reference names one.
type Wanted = (ResourceType, String, Option<i64>);

impl Session {
    /// What comes with these matches.
    pub fn include(
        &mut self,
        matches: &[Stored],
        includes: &[Include],
        how: &Referred<'_>,
    ) -> Result<Included, StoreError> {
        let mut gathering = Gathering::of(matches);
        let mut step: Vec<Item> = matches.iter().cloned().map(Item::current).collect();
        for number in 0.. {
            let active = includes.iter().filter(|include| number == 0 || include.iterate);
            let (reverse, forward): (Vec<&Include>, Vec<&Include>) = active.partition(|include| include.reverse);
            if step.is_empty() || reverse.is_empty() && forward.is_empty() {
                break;
            }
            if number == MOST_STEPS {
                gathering.included.cut = true;
                break;
            }
            let mut found = self.referred_to(&step, &forward, &gathering, how)?;
            let (referring, more) = self.referring(&step, &reverse, how)?;
            gathering.included.cut |= more;
            found.extend(referring);
            step = gathering.take(found, how);
            if gathering.full(how) {
                break;
            }
        }
        Ok(gathering.included)
    }

    /// Everything that these resources refer to wherever a reference stands in them, the question sets that they name, and
    /// what all that refers to in turn, as far as it belongs to no patient: for `$everything`, which shows what belongs to the
    /// patient on its own.
    pub fn all_referred(&mut self, matches: &[Stored], how: &Referred<'_>) -> Result<Included, StoreError> {
        let mut gathering = Gathering::of(matches);
        let mut step: Vec<Stored> = matches.to_vec();
        for _ in 0..MOST_STEPS {
            let (mut wanted, mut names) = (BTreeSet::new(), BTreeSet::new());
            for stored in &step {
                let resource = stored.resource()?;
                literals(&resource, &mut |literal| {
                    let target = local(relative(literal, how.own_bases));
                    wanted.extend(target.map(|(kind, id)| (kind, id.to_owned())));
                });
                names.extend(all_names(stored.kind, &resource));
            }
            wanted.retain(|(kind, id)| !gathering.has_current(*kind, id));
            let mut found = self.current_of(&wanted, Whose::Nobodys)?;
            found.extend(self.named(&below_own(names, how.own_bases))?);
            step = gathering
                .take(found.into_iter().map(Item::current).collect(), how)
                .into_iter()
                .map(|item| item.stored)
                .collect();
            if step.is_empty() || gathering.full(how) {
                return Ok(gathering.included);
            }
        }
        gathering.included.cut = true;
        Ok(gathering.included)
    }

    // ── Forward ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn referred_to(
        &mut self,
        step: &[Item],
        includes: &[&Include],
        gathering: &Gathering,
        how: &Referred<'_>,
    ) -> Result<Vec<Item>, StoreError> {
        let joins: Vec<&Join> = includes.iter().flat_map(|include| &include.joins).collect();
        let mut wanted: BTreeSet<Wanted> = BTreeSet::new();
        let mut names: BTreeSet<String> = BTreeSet::new();
        for (kind, items) in by_kind(step) {
            let own: Vec<&Join> = joins.iter().copied().filter(|join| join.source == kind).collect();
            if own.is_empty() {
                continue;
            }
            let (in_body, in_index): (Vec<&Item>, Vec<&Item>) = items.into_iter().partition(|item| item.needs_body());
            let in_index: Vec<&str> = in_index.into_iter().map(|item| item.stored.id.as_str()).collect();
            for row in self.references_of(kind, &in_index, &own)? {
                let taken = own.iter().filter(|join| join.index == row.param && !join.canonical);
                if let Some(target) = row.target(how.own_bases)
                    && taken.into_iter().any(|join| join.leads_to(target.0))
                {
                    wanted.insert((target.0, target.1, None));
                }
            }
            for item in in_body {
                let resource = item.stored.resource()?;
                wanted.extend(own.iter().flat_map(|join| join.references(&resource)));
            }
            let canonical: Vec<&Join> = own.iter().copied().filter(|join| join.canonical).collect();
            if !canonical.is_empty() {
                for item in step.iter().filter(|item| item.stored.kind == kind) {
                    let resource = item.stored.resource()?;
                    names.extend(canonical.iter().flat_map(|join| join.names(&resource)));
                }
            }
        }
        wanted.retain(|(kind, id, version)| version.is_some() || !gathering.has_current(*kind, id));
        let mut found = self.versions_of(wanted)?;
        let names = below_own(names, how.own_bases);
        found.extend(self.named(&names)?.into_iter().map(Item::current));
        Ok(found)
    }

    /// What is wanted, in the current version or in the one that is named; a version of what is deleted is left out too.
    fn versions_of(&mut self, wanted: BTreeSet<Wanted>) -> Result<Vec<Item>, StoreError> {
        let resources = wanted.iter().map(|(kind, id, _)| (*kind, id.clone())).collect();
        let current = self.current_of(&resources, Whose::Anybodys)?;
        let mut found = Vec::new();
        for stored in current {
            for (kind, id, version) in wanted.range((stored.kind, stored.id.clone(), None)..) {
                if (*kind, id) != (stored.kind, &stored.id) {
                    break;
                }
                match version.filter(|version| *version != stored.version) {
                    None => found.push(Item::current(stored.clone())),
                    Some(version) => {
                        let past = self.seen_version(*kind, id, version)?.filter(|past| !past.deleted);
                        found.extend(past.map(Item::past));
                    }
                }
            }
        }
        Ok(found)
    }

    // ── Back ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// What refers to the resources of a step, not much more than may be taken in, and whether there is more.
    fn referring(
        &mut self,
        step: &[Item],
        includes: &[&Include],
        how: &Referred<'_>,
    ) -> Result<(Vec<Item>, bool), StoreError> {
        let mut joins: BTreeMap<ResourceType, Vec<&Join>> = BTreeMap::new();
        for join in includes.iter().flat_map(|include| &include.joins) {
            joins.entry(join.source).or_default().push(join);
        }
        let names: HashSet<(ResourceType, &str)> = step
            .iter()
            .map(|item| (item.stored.kind, item.stored.id.as_str()))
            .collect();
        let limit = i64::try_from(how.most).unwrap_or(i64::MAX).saturating_add(1);
        let (mut found, mut more) = (Vec::new(), false);
        for (source, joins) in joins {
            let (canonical, joins): (Vec<&Join>, Vec<&Join>) = joins.into_iter().partition(|join| join.canonical);
            let params: BTreeSet<&'static str> = joins.iter().map(|join| join.index).collect();
            let mut keys = BTreeSet::new();
            let targets: BTreeSet<&str> = step
                .iter()
                .filter(|item| joins.iter().any(|join| join.leads_to(item.stored.kind)))
                .map(|item| item.stored.id.as_str())
                .collect();
            let targets: Vec<&str> = targets.into_iter().collect();
            for chunk in targets.chunks(CHUNK) {
                let rows = self.references_to(source, &params, chunk, limit)?;
                more |= rows.len() as i64 == limit;
                for row in rows {
                    let Some((kind, id)) = row.target(how.own_bases) else {
                        continue;
                    };
                    let taken = joins.iter().any(|join| join.index == row.param && join.leads_to(kind));
                    if taken && names.contains(&(kind, id.as_str())) {
                        keys.insert(row.resource);
                    }
                }
            }
            if !canonical.is_empty() {
                let params: BTreeSet<&'static str> = canonical.iter().map(|join| join.index).collect();
                let names = names_of(step, how.own_bases)?;
                for chunk in names.chunks(CHUNK) {
                    let rows = self.canonicals_to(source, &params, chunk, limit)?;
                    more |= rows.len() as i64 == limit;
                    keys.extend(rows.into_iter().map(|row| row.resource));
                }
            }
            found.extend(self.of_some_keys(&keys, how.most)?);
        }
        Ok((found.into_iter().map(Item::current).collect(), more))
    }
}

/// A resource of a step.
struct Item {
    stored: Stored,
    /// An earlier version: the index knows only the current one.
    past: bool,
}

impl Item {
    fn current(stored: Stored) -> Item {
        Item { stored, past: false }
    }

    fn past(stored: Stored) -> Item {
        Item { stored, past: true }
    }

    /// Whether its references must be read in the resource itself: the index does not tell the version that they name.
    fn needs_body(&self) -> bool {
        self.past || self.stored.body.contains("/_history/")
    }
}

fn by_kind(step: &[Item]) -> BTreeMap<ResourceType, Vec<&Item>> {
    let mut kinds: BTreeMap<ResourceType, Vec<&Item>> = BTreeMap::new();
    for item in step {
        kinds.entry(item.stored.kind).or_default().push(item);
    }
    kinds
}

/// What is in the answer already.
struct Gathering {
    included: Included,
    there: HashSet<(ResourceType, String, i64)>,
    current: HashSet<(ResourceType, String)>,
}

impl Gathering {
    fn of(matches: &[Stored]) -> Gathering {
        let names = matches.iter().map(|stored| (stored.kind, stored.id.clone()));
        Gathering {
            included: Included::default(),
            current: names.clone().collect(),
            there: names
                .zip(matches)
                .map(|((kind, id), stored)| (kind, id, stored.version))
                .collect(),
        }
    }

    fn has_current(&self, kind: ResourceType, id: &str) -> bool {
        self.current.contains(&(kind, id.to_owned()))
    }

    /// Takes in what is new and may be seen, as far as there is room; answers what was taken in, for the next step.
    fn take(&mut self, found: Vec<Item>, how: &Referred<'_>) -> Vec<Item> {
        let mut taken = Vec::new();
        for item in found {
            let name = (item.stored.kind, item.stored.id.clone());
            if self.there.contains(&(name.0, name.1.clone(), item.stored.version)) || !(how.may_see)(&item.stored) {
                continue;
            }
            if self.included.entries.len() >= how.most {
                self.included.cut = true;
                break;
            }
            self.there.insert((name.0, name.1.clone(), item.stored.version));
            if !item.past {
                self.current.insert(name);
            }
            self.included.entries.push(item.stored.clone());
            taken.push(item);
        }
        taken
    }

    /// Whether nothing more may be taken in; what more there is was told by [`Gathering::take`].
    fn full(&self, how: &Referred<'_>) -> bool {
        self.included.cut && self.included.entries.len() >= how.most
    }
}

/// Every literal reference in a resource.
fn literals(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(literal) if name == "reference" => each(literal),
                    other => literals(other, each),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| literals(item, each)),
        _ => {}
    }
}

/// What canonicals may state that mean the resources of a step.
fn names_of(step: &[Item], own_bases: &[String]) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    for item in step.iter().filter(|item| item.stored.kind == canonical::NAMED) {
        let own = canonical::names(item.stored.kind, &item.stored.resource()?);
        names.extend(own.iter().flat_map(|name| canonical::written(name, own_bases)));
    }
    Ok(names)
}

/// The names as the index has them: places under our own bases are relative there.
fn below_own(names: BTreeSet<String>, own_bases: &[String]) -> BTreeSet<String> {
    let short = |name: String| relative(&name, own_bases).to_owned();
    names.into_iter().map(short).collect()
}
