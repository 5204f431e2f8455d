//! Where an element of the converted resource stood in the resource the caller sent, so that findings come out as
//! paths of the caller's version. Built by the conversion, asked by the door.

/// Only the places that differ are noted; every other path is the same in both versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathMap {
    /// Path in the target version, path in the source version.
    rows: Vec<(String, String)>,
}

impl PathMap {
    pub(super) fn add(&mut self, target: String, source: String) {
        if target != source {
            self.rows.push((target, source));
        }
    }

    /// The map of the way back.
    pub(super) fn reversed(self) -> PathMap {
        let rows = self.rows.into_iter().map(|(target, source)| (source, target));
        PathMap { rows: rows.collect() }
    }

    /// The path in the version the resource was converted from. The longest prefix that is known is rewritten; what
    /// lies below it is kept.
    pub fn to_source(&self, target_path: &str) -> String {
        let known = self
            .rows
            .iter()
            .filter(|(target, _)| covers(target, target_path))
            .max_by_key(|(target, _)| target.len());
        match known {
            Some((target, source)) => format!("{source}{}", &target_path[target.len()..]),
            None => target_path.to_owned(),
        }
    }
}

/// Whether `prefix` is the path itself or one of its ancestors.
fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
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
    }
}
