//! `_include` and `_revinclude`.

use crate::fhir::search::include::{Include, joins};

use super::{Reading, SearchError, shown};

impl Reading<'_> {
    /// `name` is the parameter with its modifier.
    pub(super) fn include(&mut self, name: &str, value: &str) -> Result<(), SearchError> {
        let (code, modifier) = name
            .split_once(':')
            .map_or((name, None), |(code, modifier)| (code, Some(modifier)));
        if let Some(modifier) = modifier.filter(|modifier| *modifier != "iterate") {
            return Err(SearchError::UnknownModifier {
                parameter: code.to_owned(),
                modifier: shown(modifier),
            });
        }
        let joins = joins(self.context.version, value)
            .ok_or_else(|| SearchError::UnknownParameter(format!("{code}={}", shown(value))))?;
        let include = Include {
            reverse: code == "_revinclude",
            iterate: modifier.is_some(),
            joins,
        };
        if !self.query.includes.contains(&include) {
            self.query.includes.push(include);
        }
        Ok(())
    }
}
