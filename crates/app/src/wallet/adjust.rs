//! Adjustments: corrections by hand between a player and the house.

use super::act::{ADJUSTMENT_MIN, Act, Authored, check_amount};
use super::{Movement, PostingView};
use crate::{Answer, App, Error, Keyed};
use overround_domain::ids::AccountId;

impl App {
    /// Corrects the balance of a player's wallet against the house's account of its cell: up by an amount above
    /// zero, down by one below it, never below the wallet's floor. So bonuses are granted and debts written off.
    ///
    /// # Errors
    /// [`Error::Refused`] with ACCOUNT_CLOSED, ACCOUNT_FROZEN, CURRENCY_MISMATCH, ABOVE_DEBT or INSUFFICIENT_FUNDS;
    /// [`Error::Invalid`] for an amount of zero or beyond 10^13 either way.
    pub async fn adjust(
        &self,
        account_id: AccountId,
        keyed: Keyed,
        adjustment: Movement,
    ) -> Result<Answer<PostingView>, Error> {
        let Movement { amount, currency, author, reason } = adjustment;
        let by = Authored::new(author, reason)?;
        check_amount(amount, ADJUSTMENT_MIN)?;
        let wallet = self.wallet(account_id).await?;
        self.post_by_hand(wallet, keyed, Act::Adjust { amount, currency }, by).await
    }
}
