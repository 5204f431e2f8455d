//! Criteria on other resources: chains (`patient.identifier`, `subject:Patient.name`; search.html#chaining) and `_has`
//! (`_has:CareTeam:patient:status`; search.html#has), each of which may hold the other.
//!
//! A chain goes to the resource that a literal reference points at, or to those that a canonical names. What a reference
//! only states by an identifier is found by `:identifier` (`patient:identifier`), which looks at the reference itself.

use crate::fhir::search::parameters::{self, Kind, Parameter};
use crate::fhir::search::query::{Criterion, Far, Naming};
use crate::fhir::search::{canonical, values};
use crate::fhir::types::ResourceType;

use super::{Reading, SearchError, shown};

/// References followed in one parameter, forwards and backwards: `a.b.c` follows two.
pub(super) const MOST_STEPS: usize = 4;
/// Parameters of one search that reach other resources.
pub(super) const MOST_REACHING: usize = 10;
/// Types that the chains of one search are tried on: without `:[type]` a step may lead to many.
pub(super) const MOST_BRANCHES: usize = 200;

const HAS: &str = "_has:";

impl Reading<'_> {
    /// The criterion of one pair, on this resource or on others.
    pub(super) fn reach(&mut self, name: &str, values: &[&str]) -> Result<Criterion, SearchError> {
        let kind = self.context.kind;
        if !name.contains('.') && !name.starts_with(HAS) {
            return self.plain(kind, name, values);
        }
        self.reaching += 1;
        if self.reaching > MOST_REACHING {
            return Err(SearchError::TooFar);
        }
        // Somewhere along the way a name is unknown: the whole of it is told.
        self.step(kind, name, values, 0).map_err(|error| match error {
            SearchError::UnknownParameter(_) => SearchError::UnknownParameter(shown(name)),
            other => other,
        })
    }

    /// Whether the name reaches other resources by a way that exists, whatever is asked for at its end.
    pub(super) fn reaches(&self, name: &str) -> bool {
        let mut trial = Reading::new(self.context, &[self.context.kind]);
        let unknown = |error: &SearchError| matches!(error, SearchError::UnknownParameter(_));
        (name.contains('.') || name.starts_with(HAS)) && !trial.reach(name, &["1"]).as_ref().is_err_and(unknown)
    }

    /// `name` asked of a resource that `steps` references lead to.
    fn step(
        &mut self,
        kind: ResourceType,
        name: &str,
        values: &[&str],
        steps: usize,
    ) -> Result<Criterion, SearchError> {
        let has = name.strip_prefix(HAS);
        let chain = name.split_once('.').filter(|_| has.is_none());
        if steps == MOST_STEPS && (has.is_some() || chain.is_some()) {
            return Err(SearchError::TooFar);
        }
        match (has, chain) {
            (Some(rest), _) => self.has(kind, rest, values, steps),
            (None, Some((reference, rest))) => self.chain(kind, reference, rest, values, steps),
            (None, None) => self.plain(kind, name, values),
        }
    }

    /// `rest` asked of what the reference leads to: of each type that it may be and that knows what is asked.
    fn chain(
        &mut self,
        kind: ResourceType,
        reference: &str,
        rest: &str,
        values: &[&str],
        steps: usize,
    ) -> Result<Criterion, SearchError> {
        let (code, target) = reference
            .split_once(':')
            .map_or((reference, None), |(code, target)| (code, Some(target)));
        let unknown = || SearchError::UnknownParameter(shown(reference));
        let parameter = parameters::find(self.context.version, kind, code).ok_or_else(unknown)?;
        let by = self.naming(parameter).ok_or_else(|| SearchError::NoReference {
            parameter: parameter.code.to_owned(),
        })?;
        if let Some(target) = target.filter(|target| !values::is_target(parameter, target)) {
            return Err(SearchError::UnknownModifier {
                parameter: parameter.code.to_owned(),
                modifier: shown(target),
            });
        }
        let (mut any_of, mut refused) = (Vec::new(), unknown());
        for far in ResourceType::ALL.iter().copied() {
            if !leads_to(parameter, far) || target.is_some_and(|target| target != far.name()) {
                continue;
            }
            self.branches += 1;
            if self.branches > self.most_branches {
                return Err(SearchError::TooFar);
            }
            match self.step(far, rest, values, steps + 1) {
                Ok(criterion) => any_of.push(Far { kind: far, criterion }),
                Err(error @ (SearchError::TooMuch | SearchError::TooFar)) => return Err(error),
                // Another type may know what this one does not; what is wrong with a known parameter says most.
                Err(SearchError::UnknownParameter(_)) => {}
                Err(error) => refused = error,
            }
        }
        if any_of.is_empty() {
            return Err(refused);
        }
        Ok(Criterion::Chain {
            param: parameter.index,
            any_of,
            by,
        })
    }

    /// How the parameter's references name what they lead to; `None` when it has none that lead to resources of ours.
    fn naming(&self, parameter: &Parameter) -> Option<Naming> {
        match parameter.kind {
            Kind::Reference => Some(Naming::Place {
                own_bases: self.context.own_bases.to_vec(),
            }),
            Kind::Canonical if leads_to(parameter, canonical::NAMED) => Some(Naming::Canonical {
                own_bases: self.context.own_bases.to_vec(),
            }),
            _ => None,
        }
    }

    /// `[type]:[reference]:[rest]`: `rest` asked of what refers to a resource of this type.
    fn has(
        &mut self,
        kind: ResourceType,
        asked: &str,
        values: &[&str],
        steps: usize,
    ) -> Result<Criterion, SearchError> {
        let unknown = || SearchError::UnknownParameter(shown(asked));
        let mut parts = asked.splitn(3, ':');
        let (Some(name), Some(code), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(unknown());
        };
        let from = ResourceType::from_name(name).ok_or_else(unknown)?;
        let parameter = parameters::find(self.context.version, from, code)
            .filter(|parameter| leads_to(parameter, kind))
            .ok_or_else(unknown)?;
        let by = self.naming(parameter).ok_or_else(unknown)?;
        let criterion = self.step(from, rest, values, steps + 1)?;
        Ok(Criterion::Has {
            to: kind,
            param: parameter.index,
            from: Box::new(Far { kind: from, criterion }),
            by,
        })
    }
}

/// Whether a reference of the parameter may be to a resource of this type, of ours.
fn leads_to(parameter: &Parameter, kind: ResourceType) -> bool {
    parameter.may_target(kind.name()) && (parameter.kind != Kind::Canonical || kind == canonical::NAMED)
}
