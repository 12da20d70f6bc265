//! Credits and debits: what stands for deposits and withdrawals until payments come.

use super::act::{Act, Authored, check_amount};
use super::{Movement, PostingView};
use crate::lanes::Direction;
use crate::{Answer, App, Error, Keyed};
use overround_domain::ids::AccountId;

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
        let by = Authored::new(author, reason)?;
        check_amount(amount, 1)?;
        let player = self.player(account_id).await?;
        self.post_by_hand(player, keyed, Act::Move { direction, amount, currency }, by).await
    }
}
