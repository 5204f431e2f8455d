//! The parameters that steer the answer: how many, in which order, how much of each.

use crate::fhir::search::parameters::{self, Kind};
use crate::fhir::search::query::{SortBy, SortKey, SortText};

use super::{Reading, SearchError, bad, shown};

/// Keys of `_sort`.
const MOST_SORT_KEYS: usize = 3;

impl Reading<'_> {
    pub(super) fn count(&mut self, value: &str) -> Result<(), SearchError> {
        if !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad(
                "_count",
                "ska vara ett heltal, noll eller större",
                "must be a whole number, zero or more",
            ));
        }
        // More digits than fit is more than the most.
        self.query.count = value.parse().unwrap_or(u32::MAX).min(self.context.max_count);
        // "_count=0 is the same as _summary=count" (search.html#count).
        self.only_number |= self.query.count == 0;
        Ok(())
    }

    pub(super) fn total(&mut self, value: &str) -> Result<(), SearchError> {
        match value {
            "none" => Ok(()),
            // An estimate is allowed to be exact.
            "estimate" | "accurate" => {
                self.query.total = true;
                Ok(())
            }
            _ => Err(bad(
                "_total",
                "ska vara none, estimate eller accurate",
                "must be none, estimate or accurate",
            )),
        }
    }

    /// `_summary` and `_elements`.
    pub(super) fn subset(&mut self, name: &str, value: &str) -> Result<(), SearchError> {
        if (name, value) == ("_summary", "count") {
            self.only_number = true;
            return Ok(());
        }
        let mut subset = self.subset.clone();
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
        super::subset::take(&mut subset, (name, value), self.context.version, &kinds)?;
        self.subset = subset;
        Ok(())
    }

    pub(super) fn sort(&mut self, value: &str) -> Result<(), SearchError> {
        for key in value.split(',') {
            let (name, descending) = key.strip_prefix('-').map_or((key, false), |name| (name, true));
            let parameter = parameters::find(self.context.version, self.context.kind, name)
                .ok_or_else(|| SearchError::UnknownParameter(format!("_sort={}", shown(name))))?;
            if !parameter.sorts() {
                return Err(bad(
                    "_sort",
                    format!("går inte på {name}: det som söks är ett par, eller står i andra resurser"),
                    format!("cannot go by {name}: what it searches is a pair, or stands in other resources"),
                ));
            }
            let by = match parameter.kind {
                Kind::Id => SortBy::Id,
                Kind::LastUpdated => SortBy::LastUpdated,
                Kind::Date => SortBy::Date(parameter.index),
                _ => SortBy::Text(SortText {
                    table: parameter.table(),
                    param: parameter.index,
                    also: parameter.also,
                    targets: parameter.targets,
                }),
            };
            if self.query.sort.len() == MOST_SORT_KEYS {
                return Err(SearchError::TooMuch);
            }
            self.query.sort.push(SortKey { by, descending });
        }
        Ok(())
    }
}
