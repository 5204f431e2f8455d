//! Which resource an entry of a transaction means, by one guess of whom its criteria match.

use serde_json::Value;

use super::wanted::{Item, Wanted, Which};
use crate::door::Precondition;
use crate::door::content;
use crate::door::problem::Problem;
use crate::door::villkor::{Matches, target_of};

/// What an entry comes to by a guess.
pub(super) enum Target {
    Write {
        id: String,
        precondition: Precondition,
    },
    /// A conditional create met the one with this id: it reads, whoever writes that one.
    Met(String),
    /// A conditional create under the criteria by which an earlier entry creates: it will meet what that one made.
    Twin(Twin),
    /// A conditional delete met nobody.
    Nothing,
    /// Several match: nothing can be said.
    Unclear,
}

/// What an earlier entry creates, for those who meet it.
#[derive(Clone)]
pub(super) struct Twin {
    /// The earlier entry's place in the Bundle.
    pub(super) of: usize,
    pub(super) id: String,
}

impl Item {
    pub(super) fn target(&self, found: Option<&Matches>) -> Result<Target, Problem> {
        let found = match found {
            Some(Matches::Many) => return Ok(Target::Unclear),
            Some(Matches::One(stored)) => Some(stored.as_ref()),
            Some(Matches::None) | None => None,
        };
        Ok(match &self.wanted {
            Wanted::Create { id, .. } => match found {
                Some(stored) => Target::Met(stored.id.clone()),
                None => Target::Write {
                    id: id.clone(),
                    precondition: Precondition::None,
                },
            },
            Wanted::Update {
                kind,
                which,
                precondition,
                resource,
            } => {
                let own = resource.get("id").and_then(Value::as_str);
                let (id, precondition) = match which {
                    Which::Id(id) => {
                        content::require_id_form(id)?;
                        content::require_same_id(*kind, own, id)?;
                        (id.as_str(), precondition.clone())
                    }
                    Which::Where(_, new_id) => target_of(found, *kind, own, new_id, precondition)?,
                };
                Target::Write {
                    id: id.to_owned(),
                    precondition,
                }
            }
            Wanted::Patch {
                which, precondition, ..
            } => {
                let id = match (which, found) {
                    (Which::Id(id), _) => id.clone(),
                    (Which::Where(..), Some(stored)) => stored.id.clone(),
                    (Which::Where(..), None) => return Err(Problem::NotFound),
                };
                Target::Write {
                    id,
                    precondition: precondition.clone(),
                }
            }
            Wanted::Delete {
                which, precondition, ..
            } => {
                let id = match (which, found) {
                    (Which::Id(id), _) => id.clone(),
                    (Which::Where(..), Some(stored)) => stored.id.clone(),
                    (Which::Where(..), None) => {
                        precondition.met_by_nobody()?;
                        return Ok(Target::Nothing);
                    }
                };
                Target::Write {
                    id,
                    precondition: precondition.clone(),
                }
            }
        })
    }
}
