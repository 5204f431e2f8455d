//! A page of what many share, read from several places of an index at once. The rows of one value stand in the order of the
//! row keys, those of several values do not; so each value is an arm of its own, which goes no further than the page, and
//! the page is what the arms give together.

use std::borrow::Cow;

use crate::fhir::search::query::{Criterion, ReferenceValue, SystemMatch, TokenValue};
use crate::fhir::search::units::{
    ROLE, UNIT, UNIT_IDENTIFIER, UNIT_IDENTIFIER_WITH_ROLE, UNIT_ITSELF, UNIT_WITH_ROLE, with_role,
};
use crate::fhir::types::ResourceType;
use crate::store::index::text_key;
use crate::store::statement::Statement;

use super::super::ahead::Unit;
use super::criteria::{ALWAYS, one_of, system};
use super::units::assignments;

/// More alternatives than these are looked up together, and sorted.
const MOST: usize = 24;

/// One place of an index, `o` in the statement.
pub(super) enum Arm<'q> {
    Token {
        param: &'static str,
        value: Cow<'q, TokenValue>,
    },
    Reference {
        param: &'static str,
        kind: &'q str,
        id: &'q str,
        url: &'q str,
    },
    /// What names its vårdenhet only by the assignments of its members: those to one of these units.
    Assignments {
        any_of: &'q [TokenValue],
        units: &'q [String],
    },
}

/// Where a search begins, arm by arm.
pub(super) struct Arms<'q> {
    pub arms: Vec<Arm<'q>>,
    /// The numbers of the criteria that whatever stands in an arm fulfils.
    pub covered: Vec<usize>,
}

impl<'q> Arms<'q> {
    /// The arms of the criterion of this number, when it has any and not too many.
    pub fn of(criteria: &'q [Criterion], number: usize, unit: Option<&'q Unit>) -> Option<Arms<'q>> {
        let (arms, covered) = match (criteria.get(number)?, unit) {
            (
                Criterion::CareUnit {
                    any_of,
                    is_giver: false,
                    not: false,
                },
                Some(unit),
            ) => of_unit(any_of, unit, criteria, number),
            (criterion, _) => (Arm::all(criterion)?, vec![number]),
        };
        (1..=MOST).contains(&arms.len()).then_some(Arms { arms, covered })
    }

    /// Whether the rows of every arm stand in the order of the row keys, each resource once.
    pub fn are_in_order(&self) -> bool {
        !self.arms.iter().any(Arm::repeats)
    }
}

/// The arms of a vårdenhet; with the role that is asked for beside it, where that stands in the same entries.
fn of_unit<'q>(
    any_of: &'q [TokenValue],
    unit: &'q Unit,
    criteria: &'q [Criterion],
    number: usize,
) -> (Vec<Arm<'q>>, Vec<usize>) {
    let is_whole = any_of.iter().all(|told| told.value.is_some());
    if let (true, Some((role, codes)), Some(assigned)) = (is_whole, role(criteria), &unit.assigned)
        && codes.len() * (any_of.len() + unit.organizations.len() + assigned.len()) <= MOST
    {
        let mut arms = Vec::new();
        for code in &codes {
            for told in any_of {
                arms.push(Arm::paired(
                    UNIT_IDENTIFIER_WITH_ROLE,
                    told.system.clone(),
                    told.value.as_deref().unwrap_or_default(),
                    code,
                ));
            }
            let organizations = unit.organizations.iter().map(|id| (ResourceType::Organization, id));
            let places = organizations.chain(assigned.iter().map(|id| (ResourceType::PractitionerRole, id)));
            for (kind, id) in places {
                arms.push(Arm::paired(
                    UNIT_WITH_ROLE,
                    SystemMatch::None,
                    &format!("{kind}/{id}"),
                    code,
                ));
            }
        }
        return (arms, vec![number, role]);
    }
    let stated = |kind: ResourceType, id: &'q String| Arm::Reference {
        param: UNIT,
        kind: kind.name(),
        id,
        url: "",
    };
    let mut arms: Vec<Arm> = of_tokens(UNIT_IDENTIFIER, any_of)
        .chain(of_tokens(UNIT_ITSELF, any_of))
        .chain(
            unit.organizations
                .iter()
                .map(|id| stated(ResourceType::Organization, id)),
        )
        .collect();
    match &unit.assigned {
        Some(assigned) => arms.extend(assigned.iter().map(|id| stated(ResourceType::PractitionerRole, id))),
        None => arms.push(Arm::Assignments {
            any_of,
            units: &unit.organizations,
        }),
    }
    (arms, vec![number])
}

/// Whether all that is asked is a vårdenhet by its identifier and system, perhaps with a role: then each arm is in order.
pub fn is_unit_alone(criteria: &[Criterion]) -> bool {
    let is_unit = |criterion: &Criterion| {
        let told = |token: &TokenValue| token.value.is_some() && token.system != SystemMatch::Any;
        matches!(criterion, Criterion::CareUnit { any_of, is_giver: false, not: false } if any_of.len() == 1 && any_of.iter().all(told))
    };
    match criteria {
        [unit] => is_unit(unit),
        [_, _] => criteria.iter().any(is_unit) && role(criteria).is_some_and(|(_, codes)| codes.len() == 1),
        _ => false,
    }
}

/// The number and the codes of a role that is asked for by its code alone.
fn role(criteria: &[Criterion]) -> Option<(usize, Vec<&str>)> {
    criteria
        .iter()
        .enumerate()
        .find_map(|(number, criterion)| match criterion {
            Criterion::Token {
                param: ROLE,
                any_of,
                not: false,
                ..
            } if any_of.iter().all(|token| token.system == SystemMatch::Any) => {
                let codes = any_of
                    .iter()
                    .map(|token| token.value.as_deref().filter(|code| !code.is_empty()));
                Some((number, codes.collect::<Option<_>>()?))
            }
            _ => None,
        })
}

impl<'q> Arm<'q> {
    fn paired(param: &'static str, system: SystemMatch, unit: &str, code: &str) -> Arm<'q> {
        Arm::Token {
            param,
            value: Cow::Owned(TokenValue {
                system,
                value: Some(with_role(unit, code)),
            }),
        }
    }

    fn all(criterion: &'q Criterion) -> Option<Vec<Arm<'q>>> {
        match criterion {
            Criterion::Token {
                param,
                any_of,
                not: false,
                ..
            } => Some(of_tokens(param, any_of).collect()),
            // A whole list, or it does not say the same.
            Criterion::Reference { param, any_of } if any_of.len() <= MOST => {
                let mut arms = Vec::new();
                for value in any_of {
                    let ReferenceValue::Local { kinds, id, own_urls } = value else {
                        return None;
                    };
                    for kind in kinds {
                        let end = format!("/{kind}/{id}");
                        let own = own_urls.iter().map(String::as_str).filter(|url| url.ends_with(&end));
                        arms.extend(
                            [""].into_iter()
                                .chain(own)
                                .map(|url| Arm::Reference { param, kind, id, url }),
                        );
                    }
                }
                Some(arms)
            }
            _ => None,
        }
    }

    pub fn table(&self) -> &'static str {
        match self {
            Arm::Token { .. } => "index_token",
            Arm::Reference { .. } | Arm::Assignments { .. } => "index_reference",
        }
    }

    /// Whether a resource may stand there twice, and then not in the order of the row keys.
    pub fn repeats(&self) -> bool {
        match self {
            Arm::Token { value, .. } => value.value.is_none() || value.system == SystemMatch::Any,
            Arm::Reference { .. } => false,
            Arm::Assignments { .. } => true,
        }
    }

    /// Goes on after the type.
    pub fn condition(&self, sql: &mut Statement<'q>) {
        sql.push(" AND o.param = ");
        match self {
            Arm::Token { param, value } => {
                sql.text(*param);
                sql.push(" AND ");
                token(sql, value);
            }
            Arm::Reference { param, kind, id, url } => {
                sql.text(*param);
                sql.push(" AND o.target_id = ");
                sql.text(text_key(id));
                sql.push(" AND o.target_kind = ");
                sql.text(*kind);
                sql.push(" AND o.target_url = ");
                sql.text(text_key(url));
            }
            Arm::Assignments { any_of, units } => {
                sql.text(UNIT);
                sql.push(" AND o.target_kind");
                one_of(sql, [Cow::Borrowed(ResourceType::PractitionerRole.name())]);
                sql.push(" AND o.target_url = '' AND o.target_id IN (");
                assignments(sql, any_of, units);
                sql.push(")");
            }
        }
    }
}

/// As [`super::criteria::tokens`], of one whose texts may be made here.
fn token(sql: &mut Statement<'_>, token: &TokenValue) {
    if let Some(value) = &token.value {
        sql.push("o.value = ");
        sql.text(text_key(value).into_owned());
    } else {
        sql.push(ALWAYS);
    }
    system(sql, &token.system, "o");
}

fn of_tokens<'q>(param: &'static str, any_of: &'q [TokenValue]) -> impl Iterator<Item = Arm<'q>> {
    any_of.iter().map(move |value| Arm::Token {
        param,
        value: Cow::Borrowed(value),
    })
}
