//! A page of what many share, read from several places of an index at once. The rows of one value stand in the order of the
//! row keys, those of several values do not; so each value is an arm of its own, which goes no further than the page, and
//! the page is what the arms give together.

use std::borrow::Cow;

use crate::fhir::search::query::{Criterion, ReferenceValue, SystemMatch, TokenValue};
use crate::fhir::search::units::{UNIT, UNIT_IDENTIFIER, UNIT_ITSELF};
use crate::fhir::types::ResourceType;
use crate::store::index::text_key;
use crate::store::statement::Statement;

use super::criteria::{one_of, tokens};
use super::units::assignments;

/// More alternatives than these are looked up together, and sorted.
const MOST: usize = 24;

/// One place of an index, `o` in the statement.
#[derive(Clone, Copy)]
pub(super) enum Arm<'q> {
    Token {
        param: &'static str,
        value: &'q TokenValue,
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

impl<'q> Arm<'q> {
    /// The arms of a criterion, when it has any and not too many; `units` are the Organizations that it means.
    pub fn all(criterion: &'q Criterion, units: Option<&'q [String]>) -> Option<Vec<Arm<'q>>> {
        let arms: Vec<Arm> = match criterion {
            Criterion::Token {
                param,
                any_of,
                not: false,
                ..
            } => of_tokens(param, any_of).collect(),
            Criterion::Reference { param, any_of } => {
                let mut arms = Vec::new();
                for value in any_of.iter().take(MOST) {
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
                // A whole list, or it does not say the same.
                (any_of.len() <= MOST).then_some(arms)?
            }
            Criterion::CareUnit {
                any_of,
                is_giver: false,
                not: false,
            } => {
                let units = units?;
                let stated = units.iter().map(|id| Arm::Reference {
                    param: UNIT,
                    kind: ResourceType::Organization.name(),
                    id,
                    url: "",
                });
                of_tokens(UNIT_IDENTIFIER, any_of)
                    .chain(of_tokens(UNIT_ITSELF, any_of))
                    .chain(stated)
                    .chain([Arm::Assignments { any_of, units }])
                    .collect()
            }
            _ => return None,
        };
        (1..=MOST).contains(&arms.len()).then_some(arms)
    }

    pub fn table(self) -> &'static str {
        match self {
            Arm::Token { .. } => "index_token",
            Arm::Reference { .. } | Arm::Assignments { .. } => "index_reference",
        }
    }

    /// Whether a resource may stand there twice.
    pub fn repeats(self) -> bool {
        match self {
            Arm::Token { value, .. } => value.value.is_none() || value.system == SystemMatch::Any,
            Arm::Reference { .. } => false,
            Arm::Assignments { .. } => true,
        }
    }

    /// Goes on after the type.
    pub fn condition(self, sql: &mut Statement<'q>) {
        sql.push(" AND o.param = ");
        match self {
            Arm::Token { param, value } => {
                sql.text(param);
                sql.push(" AND ");
                tokens(sql, std::slice::from_ref(value), "o");
            }
            Arm::Reference { param, kind, id, url } => {
                sql.text(param);
                sql.push(" AND o.target_id = ");
                sql.text(text_key(id));
                sql.push(" AND o.target_kind = ");
                sql.text(kind);
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

fn of_tokens<'q>(param: &'static str, any_of: &'q [TokenValue]) -> impl Iterator<Item = Arm<'q>> {
    any_of.iter().map(move |value| Arm::Token { param, value })
}
