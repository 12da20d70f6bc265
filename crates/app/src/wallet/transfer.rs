//! Transfers: money between the wallets of one player's account.

use super::act::{Act, Authored, check_amount};
use super::{Movement, PostingView};
use crate::{Answer, App, Error, Keyed};
use overround_domain::ids::AccountId;

impl App {
    /// Moves an amount from one wallet of a player's account to another: a bonus that was earned to cash, cash to
    /// a debt. Both wallets stay within their floors, and a debt is never more than repaid.
    ///
    /// # Errors
    /// [`Error::Refused`] with ACCOUNT_CLOSED, ACCOUNT_FROZEN (for debits or credits), CURRENCY_MISMATCH,
    /// INSUFFICIENT_FUNDS or ABOVE_DEBT; [`Error::Invalid`] for an amount that is not from 1 to 10^13, and for a
    /// wallet that does not stand beside the first.
    pub async fn transfer(
        &self,
        from: AccountId,
        to: AccountId,
        keyed: Keyed,
        movement: Movement,
    ) -> Result<Answer<PostingView>, Error> {
        let Movement { amount, currency, author, reason } = movement;
        let by = Authored::new(author, reason)?;
        check_amount(amount, 1)?;
        let wallet = self.wallet(from).await?;
        let is_beside = match self.wallet(to).await {
            Ok(other) => other.main_id == wallet.main_id && other.account_id != wallet.account_id,
            Err(Error::NotFound { .. }) => false,
            Err(error) => return Err(error),
        };
        if !is_beside {
            return Err(Error::Invalid {
                pointer: "/to_account_id".to_owned(),
                detail: "it is no other wallet of the same account".to_owned(),
            });
        }
        self.post_by_hand(wallet, keyed, Act::Transfer { to, amount, currency }, by).await
    }
}
