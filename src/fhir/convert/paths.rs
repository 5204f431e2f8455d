//! Where an element of the converted resource stands in the resource it comes from, and the other way, so that findings
//! come out as paths of the caller's version. Built by the conversion; asked by the door (what an R4 caller sends) and by
//! the operations that judge what is stored (what an R4 caller reads).

use super::plan::{Direction, How, Plan, To};

/// The places that differ, as the walk met them; and the names of the element tables for what the resource does not
/// have: a finding often names the very element that is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathMap {
    /// Nothing: the resource was not converted, and every path stays.
    direction: Option<Direction>,
    /// Path in the target version, path in the source version.
    rows: Vec<(String, String)>,
}

impl PathMap {
    pub(super) fn of(direction: Direction) -> PathMap {
        PathMap {
            direction: Some(direction),
            rows: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, target: String, source: String) {
        if target != source {
            self.rows.push((target, source));
        }
    }

    /// The map of the way back.
    pub(super) fn reversed(self) -> PathMap {
        let rows = self.rows.into_iter().map(|(target, source)| (source, target));
        PathMap {
            direction: self.direction.map(Direction::back),
            rows: rows.collect(),
        }
    }

    /// A path of the converted resource in the version it was converted from: the door judges what `r4_to_r5` made and
    /// answers an R4 caller. The longest prefix that is known is rewritten, what lies below it is kept; a path that no
    /// element of the resource has goes by the element's name. What the source version has no element for is told by
    /// the nearest parent.
    pub fn to_source(&self, target_path: &str) -> String {
        let rows = self.rows.iter().map(|(target, source)| (target, source));
        rewritten(rows, self.direction.map(Direction::back), target_path)
    }

    /// The same the other way: a path of the resource that was converted, in the version it was converted to. With the
    /// map of `r5_to_r4`, what is found in a stored R5 resource is told to an R4 caller.
    pub fn to_target(&self, source_path: &str) -> String {
        let rows = self.rows.iter().map(|(target, source)| (source, target));
        rewritten(rows, self.direction, source_path)
    }
}

fn rewritten<'r>(
    rows: impl Iterator<Item = (&'r String, &'r String)>,
    direction: Option<Direction>,
    path: &str,
) -> String {
    let known = rows
        .filter(|(from, _)| covers(from, path))
        .max_by_key(|(from, _)| from.len());
    match (known, direction) {
        (Some((from, to)), _) => format!("{to}{}", &path[from.len()..]),
        (None, Some(direction)) => by_name(Plan::of(direction), path),
        (None, None) => path.to_owned(),
    }
}

/// Whether `prefix` is the path itself or one of its ancestors.
fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The path by the names of the plan alone.
fn by_name(plan: &Plan, path: &str) -> String {
    let (kind, mut rest) = split_name(path);
    let Some(mut at) = plan.pair(kind, kind) else {
        return path.to_owned();
    };
    let mut made = kind.to_owned();
    while let Some((name, after)) = rest.strip_prefix('.').map(split_name) {
        let pair = &plan.pairs[at];
        let Some(step) = pair.steps.get(name) else { break };
        let (index, below) = split_index(after);
        let mut push = |name: &str, many: bool| {
            made.push('.');
            made.push_str(name);
            made.push_str(if many { index } else { "" });
        };
        match &step.to {
            To::Element(mapped) => {
                push(mapped.name, mapped.element.many);
                match &mapped.how {
                    How::Object(pair) | How::Reference(pair, _) => (at, rest) = (*pair, below),
                    How::Wrap { member, .. } => return format!("{made}.{member}{below}"),
                    How::Unwrap { member, .. } => {
                        let inner = below.strip_prefix('.').and_then(|b| b.strip_prefix(member));
                        return made + inner.unwrap_or_default();
                    }
                    _ => return made + below,
                }
            }
            To::Merge => {
                if let Some(merge) = pair.merges.iter().find(|m| [m.code, m.reference, m.r5].contains(&name)) {
                    let to = match (plan.direction, below.starts_with(".reference")) {
                        (Direction::Up, _) => merge.r5,
                        (Direction::Down, false) => merge.code,
                        (Direction::Down, true) => merge.reference,
                    };
                    let many = plan.target.type_(pair.target).and_then(|table| table.get(to));
                    push(to, many.is_some_and(|element| element.many));
                }
                return made;
            }
            // A rule keeps the name, or nobody can say without the resource.
            To::Special
                if plan
                    .target
                    .type_(pair.target)
                    .is_some_and(|table| table.get(name).is_some()) =>
            {
                break;
            }
            To::Special | To::Carry => return made,
        }
    }
    made + rest
}

/// The name a path begins with, and what follows it.
fn split_name(path: &str) -> (&str, &str) {
    let end = path.find(|c: char| !c.is_ascii_alphanumeric());
    path.split_at(end.unwrap_or(path.len()))
}

/// `[2]` and what follows it; the first is empty when the path has no number there.
fn split_index(path: &str) -> (&str, &str) {
    let end = path.starts_with('[').then(|| path.find(']')).flatten();
    path.split_at(end.map_or(0, |end| end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_known_prefix_is_rewritten_and_whole_names_only() {
        let mut paths = PathMap::default();
        paths.add("CarePlan.custodian".into(), "CarePlan.author".into());
        paths.add("CarePlan.contained[0]".into(), "CarePlan.activity[0].detail".into());
        paths.add(
            "CarePlan.contained[0].code.concept".into(),
            "CarePlan.activity[0].detail.code".into(),
        );
        assert_eq!(paths.to_source("CarePlan.custodian.display"), "CarePlan.author.display");
        assert_eq!(paths.to_source("CarePlan.custodianX"), "CarePlan.custodianX");
        assert_eq!(
            paths.to_source("CarePlan.contained[0].code.concept.coding[1]"),
            "CarePlan.activity[0].detail.code.coding[1]"
        );
        assert_eq!(
            paths.to_source("CarePlan.contained[0].status"),
            "CarePlan.activity[0].detail.status"
        );
        assert_eq!(paths.to_source("CarePlan.contained[01]"), "CarePlan.contained[01]");
        assert_eq!(
            paths.to_target("CarePlan.activity[0].detail.status"),
            "CarePlan.contained[0].status"
        );
    }

    #[test]
    fn what_the_resource_lacks_goes_by_its_name() {
        let down = PathMap::of(Direction::Down);
        for (r5, r4) in [
            ("CarePlan.custodian", "CarePlan.author"),
            (
                "CareTeam.participant[2].coveragePeriod.end",
                "CareTeam.participant[2].period.end",
            ),
            ("CareTeam.participant[2].coverageTiming", "CareTeam.participant[2]"),
            (
                "CarePlan.addresses[1].reference.display",
                "CarePlan.addresses[1].display",
            ),
            ("CareTeam.reason", "CareTeam.reasonCode"),
            ("CareTeam.reason[1].reference", "CareTeam.reasonReference[1]"),
            ("CarePlan.activity[1]", "CarePlan.activity[1]"),
            (
                "CarePlan.extension('http://a.b/c').value",
                "CarePlan.extension('http://a.b/c').value",
            ),
            ("Bundle.entry[0]", "Bundle.entry[0]"),
            ("", ""),
        ] {
            assert_eq!(down.to_target(r5), r4);
        }
        let up = PathMap::of(Direction::Up);
        assert_eq!(up.to_source("CarePlan.custodian"), "CarePlan.author");
        assert_eq!(
            up.to_target("CarePlan.addresses[1].display"),
            "CarePlan.addresses[1].reference.display"
        );
    }
}
