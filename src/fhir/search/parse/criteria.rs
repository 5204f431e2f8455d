//! The parameters that choose resources: one pair of name and value becomes one criterion.

use crate::fhir::search::dates::DateValue;
use crate::fhir::search::literal::VERSION;
use crate::fhir::search::parameters::{self, Kind, Parameter};
use crate::fhir::search::query::{Criterion, PairValue, StringMatch};
use crate::fhir::search::values::{self, ValueError};
use crate::fhir::search::{canonical, composite};
use crate::fhir::types::ResourceType;

use super::{Reading, SearchError, bad, bad_value, shown};

impl Reading<'_> {
    pub(super) fn criterion(&mut self, name: &str, value: &str) -> Result<(), SearchError> {
        let values = values::split(value).map_err(|error| bad_value(&shown(name), error))?;
        let criterion = self.reach(name, &values)?;
        self.query.criteria.push(criterion);
        Ok(())
    }

    /// A parameter of the type itself.
    pub(super) fn plain(&mut self, kind: ResourceType, name: &str, values: &[&str]) -> Result<Criterion, SearchError> {
        let (code, modifier) = name
            .split_once(':')
            .map_or((name, None), |(code, modifier)| (code, Some(modifier)));
        let parameter = parameters::find(self.context.version, kind, code)
            .ok_or_else(|| SearchError::UnknownParameter(shown(name)))?;
        self.values += values.len();
        if self.values > self.most_values {
            return Err(SearchError::TooMuch);
        }
        self.condition(parameter, modifier, values)
    }

    fn condition(
        &self,
        parameter: &'static Parameter,
        modifier: Option<&str>,
        values: &[&str],
    ) -> Result<Criterion, SearchError> {
        let told = |error| bad_value(parameter.code, error);
        let (param, kind) = (parameter.index, parameter.kind);
        match (kind, modifier) {
            (Kind::Composite, None) => self.pairs_of_values(parameter, values),
            (kind, Some("missing")) if kind != Kind::Composite => self.missing(parameter, values),
            (Kind::Id, None | Some("not")) => {
                let any_of = collect(values, values::unescape).map_err(told)?;
                Ok(Criterion::Id {
                    any_of,
                    not: modifier.is_some(),
                })
            }
            (Kind::LastUpdated, None) => Ok(Criterion::LastUpdated {
                any_of: self.dates(values).map_err(told)?,
            }),
            (Kind::Date, None) => Ok(Criterion::Date {
                param,
                any_of: self.dates(values).map_err(told)?,
            }),
            (Kind::CareUnit | Kind::CareGiver, None | Some("not")) => Ok(Criterion::CareUnit {
                any_of: collect(values, |value| values::identifier(Kind::Identifier, value))
                    .map_err(told)?
                    .concat(),
                is_giver: kind == Kind::CareGiver,
                not: modifier.is_some(),
            }),
            (Kind::Quantity, None) => Ok(Criterion::Quantity {
                param,
                any_of: collect(values, values::quantity).map_err(told)?,
            }),
            (Kind::Uri, Some("below")) => Ok(Criterion::UriBelow {
                param,
                any_of: collect(values, values::uri_below).map_err(told)?,
            }),
            (Kind::Uri, Some("above")) => Ok(Criterion::Token {
                param,
                any_of: collect(values, values::uri_above).map_err(told)?.concat(),
                not: false,
                selective: true,
            }),
            (Kind::Concept | Kind::Identifier, Some("text")) => self.string(parameter, StringMatch::Begins, values),
            // What a reference says of whom it points at stands under each parameter's own name: `practitioner` and
            // `location` are the same references, and not the same people.
            (Kind::Reference, Some("text")) => Ok(Criterion::String {
                param: parameter.text_index(),
                also: &[],
                any_of: collect(values, |value| values::string(StringMatch::Begins, value)).map_err(told)?,
                how: StringMatch::Begins,
            }),
            (Kind::Identifier, Some("of-type")) => Ok(Criterion::Token {
                param: parameter.identifier_index,
                any_of: collect(values, values::of_type).map_err(told)?,
                not: false,
                selective: true,
            }),
            (Kind::String, None) => self.string(parameter, StringMatch::Begins, values),
            (Kind::String, Some("contains")) => self.string(parameter, StringMatch::Contains, values),
            (Kind::String, Some("exact")) => self.string(parameter, StringMatch::Exact, values),
            (Kind::Reference, Some("identifier")) => {
                let any_of = collect(values, |value| values::identifier(Kind::Identifier, value))
                    .map_err(told)?
                    .concat();
                Ok(Criterion::Token {
                    param: parameter.identifier_index,
                    any_of,
                    not: false,
                    selective: true,
                })
            }
            (Kind::Uri, None) => Ok(Criterion::Token {
                param,
                any_of: collect(values, values::uri).map_err(told)?,
                not: false,
                selective: true,
            }),
            (Kind::Canonical | Kind::CanonicalUri, None) => Ok(Criterion::Reference {
                param,
                any_of: collect(values, canonical::is).map_err(told)?,
            }),
            (Kind::Canonical, Some("below")) => Ok(Criterion::Reference {
                param,
                any_of: collect(values, canonical::below).map_err(told)?,
            }),
            (Kind::CanonicalUri, Some("below")) => Ok(Criterion::Reference {
                param,
                any_of: collect(values, canonical::uri_below).map_err(told)?,
            }),
            (Kind::CanonicalUri, Some("above")) => Ok(Criterion::Reference {
                param,
                any_of: collect(values, canonical::uris_above).map_err(told)?.concat(),
            }),
            (Kind::Reference, None) => self.reference(parameter, None, values),
            (Kind::Reference, Some(target)) if values::is_target(parameter, target) => {
                self.reference(parameter, Some(target), values)
            }
            (kind, None | Some("not")) if kind.is_token() => {
                let any_of = collect(values, |value| values::identifier(kind, value))
                    .map_err(told)?
                    .concat();
                Ok(Criterion::Token {
                    param,
                    any_of,
                    not: modifier.is_some(),
                    selective: matches!(kind, Kind::Identifier | Kind::Contact),
                })
            }
            (_, modifier) => Err(SearchError::UnknownModifier {
                parameter: parameter.code.to_owned(),
                modifier: shown(modifier.unwrap_or_default()),
            }),
        }
    }

    /// Each value is two, of which each is read as a value of its own parameter would be.
    fn pairs_of_values(&self, parameter: &'static Parameter, values: &[&str]) -> Result<Criterion, SearchError> {
        let [first, second] = parameter.parts else {
            return Err(bad_value(parameter.code, ValueError::Composite));
        };
        let read = |value: &&str| {
            let [first_value, second_value] = values::pair(value).map_err(|error| bad_value(parameter.code, error))?;
            // A pair holds where a reference points, whatever the version.
            if first.kind == Kind::Reference && first_value.contains(VERSION) {
                return Err(bad_value(parameter.code, ValueError::Reference));
            }
            let first = self.condition(first, None, &[first_value])?;
            let second = self.condition(second, None, &[second_value])?;
            Ok(PairValue {
                names: composite::names(parameter, &first),
                second,
            })
        };
        let pairs: Result<Vec<PairValue>, SearchError> = values.iter().map(read).collect();
        // The caller knows the pair by its name, not its parts.
        pairs.map(Criterion::Pair).map_err(|error| match error {
            SearchError::BadValue { reason, .. } => SearchError::BadValue {
                parameter: parameter.code.to_owned(),
                reason,
            },
            other => other,
        })
    }

    fn missing(&self, parameter: &'static Parameter, values: &[&str]) -> Result<Criterion, SearchError> {
        let missing = match values {
            ["true"] => true,
            ["false"] => false,
            _ => {
                return Err(bad(
                    parameter.code,
                    ":missing ska vara true eller false",
                    ":missing must be true or false",
                ));
            }
        };
        Ok(Criterion::Missing {
            param: parameter.index,
            also: parameter.also,
            table: parameter.table(),
            targets: parameter.targets,
            missing,
        })
    }

    fn string(
        &self,
        parameter: &'static Parameter,
        how: StringMatch,
        values: &[&str],
    ) -> Result<Criterion, SearchError> {
        let any_of =
            collect(values, |value| values::string(how, value)).map_err(|error| bad_value(parameter.code, error))?;
        Ok(Criterion::String {
            param: parameter.index,
            also: parameter.also,
            any_of,
            how,
        })
    }

    fn reference(
        &self,
        parameter: &'static Parameter,
        target: Option<&str>,
        values: &[&str],
    ) -> Result<Criterion, SearchError> {
        let bases = self.context.own_bases;
        let (versions, plain): (Vec<&str>, Vec<&str>) = values.iter().partition(|value| value.contains(VERSION));
        let of_any = Criterion::Reference {
            param: parameter.index,
            any_of: found(parameter, &plain, |value| {
                values::reference(parameter, target, bases, value)
            })?,
        };
        if versions.is_empty() {
            return Ok(of_any);
        }
        let of_version = Criterion::Token {
            param: parameter.version_index,
            any_of: found(parameter, &versions, |value| {
                values::version_reference(parameter, target, bases, value)
            })?,
            not: false,
            selective: true,
        };
        Ok(match plain.is_empty() {
            true => of_version,
            false => Criterion::Any(vec![of_any, of_version]),
        })
    }

    fn dates(&self, values: &[&str]) -> Result<Vec<DateValue>, ValueError> {
        collect(values, |value| {
            DateValue::parse(value, self.context.now).ok_or(ValueError::Date)
        })
    }
}

/// What the values can match: nothing, or several forms of it.
fn found<T, F: IntoIterator<Item = T>>(
    parameter: &Parameter,
    values: &[&str],
    read: impl Fn(&str) -> Result<F, ValueError>,
) -> Result<Vec<T>, SearchError> {
    let read: Result<Vec<F>, ValueError> = values.iter().map(|value| read(value)).collect();
    Ok(read
        .map_err(|error| bad_value(parameter.code, error))?
        .into_iter()
        .flatten()
        .collect())
}

fn collect<T>(values: &[&str], read: impl Fn(&str) -> Result<T, ValueError>) -> Result<Vec<T>, ValueError> {
    values.iter().map(|value| read(value)).collect()
}
