//! Credits and debits: what stands for deposits and withdrawals until payments come.

use super::{Movement, PostingView};
use crate::authored::{check_actor, check_reason};
use crate::lanes::{Command, Direction, MoveMoney, Outcome, Reply};
use crate::{Answer, App, Error, KeptRefusal, Keyed};
use overround_domain::ids::AccountId;
use overround_domain::money::Cents;

/// The largest amount of one credit or debit: 10^13 minor units, so that no sum of a sane number of
/// them comes near the end of an i64.
const AMOUNT_MAX: Cents = Cents::new(10_000_000_000_000);

impl App {
    /// Credits a player's account from the house's PSP clearing account of its cell.
    ///
    /// # Errors
    /// [`Error::Refused`] with ACCOUNT_CLOSED or CURRENCY_MISMATCH; [`Error::Invalid`] for an amount
    /// that is not from 1 to 10^13.
    pub async fn credit(
        &self,
        account_id: AccountId,
        keyed: Keyed,
        movement: Movement,
    ) -> Result<Answer<PostingView>, Error> {
        self.move_money(account_id, keyed, Direction::Credit, movement).await
    }

    /// Debits a player's account to the house's PSP clearing account of its cell.
    ///
    /// # Errors
    /// As [`App::credit`], and ACCOUNT_FROZEN or INSUFFICIENT_FUNDS.
    pub async fn debit(
        &self,
        account_id: AccountId,
        keyed: Keyed,
        movement: Movement,
    ) -> Result<Answer<PostingView>, Error> {
        self.move_money(account_id, keyed, Direction::Debit, movement).await
    }

    async fn move_money(
        &self,
        account_id: AccountId,
        keyed: Keyed,
        direction: Direction,
        movement: Movement,
    ) -> Result<Answer<PostingView>, Error> {
        let Movement { amount, currency, author, reason } = movement;
        check_actor(&author)?;
        check_reason(&reason)?;
        if amount <= Cents::ZERO || amount > AMOUNT_MAX {
            return Err(Error::Invalid {
                pointer: "/amount_cents".to_owned(),
                detail: format!("an amount is from 1 to {AMOUNT_MAX} minor units"),
            });
        }
        let player = self.player(account_id).await?;
        let (cell, deadline) = (player.cell, keyed.deadline);
        let command = Command::Move(MoveMoney { player, keyed, direction, amount, currency, author, reason });
        let Reply { replayed, outcome } = self.lanes().submit(cell, command, deadline).await?;
        match outcome {
            Outcome::Moved(value) => Ok(Answer { replayed, value }),
            Outcome::Refused { refusal, trace_id } => {
                Err(Error::Refused(Box::new(KeptRefusal { refusal: *refusal, trace_id, replayed })))
            }
            other => Err(Error::internal(format!("a credit or debit was answered with {other:?}"))),
        }
    }
}
