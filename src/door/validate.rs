//! What a write would be answered, without writing it (`$validate`): the same way as a write up to the judgement, on one
//! unchanging state of the database. The writer is not asked, and nothing is left behind.

use super::underlag::OppenTransaktion;
use super::write::Transaction;
use super::{Door, Order, problem::Problem};
use crate::access::Call;
use crate::riktlinje::Finding;

impl Door {
    /// What the riktlinje would say of this order, expressions at the caller's paths. A delete of what is deleted
    /// already is [`Problem::Deleted`].
    pub async fn validate(&self, call: &Call, order: Order) -> Result<Vec<Finding>, Problem> {
        self.permit(call, order.kind())?;
        let (door, call) = (self.clone(), call.clone());
        self.store
            .read(move |session| {
                session.snapshot(|session| {
                    let mut transaction = Transaction {
                        door: &door,
                        call: &call,
                        underlag: OppenTransaktion::new(session, &door.understood),
                    };
                    let staged = transaction.stage(order)?;
                    match (staged.order.prepared(), &staged.current) {
                        (Some(prepared), _) => transaction.underlag.think_of(prepared),
                        (None, Some(stored)) if stored.deleted => {
                            return Err(Problem::Deleted {
                                version: stored.version,
                            });
                        }
                        (None, _) => {}
                    }
                    let judgements = transaction.judge(&[staged])?;
                    Ok(judgements.into_iter().flat_map(|judgement| judgement.findings).collect())
                })
            })
            .await
    }
}
