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
    /// INSUFFICIENT_FUNDS or ABOVE_DEBT; [`Error::Invalid`] for an amount that is not from 1 to 10^13, for a
    /// wallet that does not stand beside the first, and for kinds that money does not go between.
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
        let refuse = |detail: String| Error::Invalid { pointer: "/to_account_id".to_owned(), detail };
        let beside = match self.wallet(to).await {
            Ok(other) if other.main_id == wallet.main_id && other.account_id != wallet.account_id => {
                Some(other)
            }
            Ok(_) | Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        let other = beside.ok_or_else(|| refuse("it is no other wallet of the same account".to_owned()))?;
        if !wallet.kind.transfers_to(other.kind) {
            return Err(refuse(format!("nothing is transferred from {} to {}", wallet.kind, other.kind)));
        }
        self.post_by_hand(wallet, keyed, Act::Transfer { to, amount, currency }, by).await
    }
}
