//! Reversals: an earlier posting is taken back by one of opposite entries, once.

use super::PostingView;
use super::act::{Act, Authored};
use crate::{Answer, App, Error, Keyed};
use overround_domain::ids::{AccountId, PostingId};
use overround_store::wallet::entries;

impl App {
    /// Takes back a posting of a player's wallet.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account has no such posting; [`Error::Refused`] with NOT_REVERSIBLE,
    /// ALREADY_REVERSED, ABOVE_DEBT, ACCOUNT_CLOSED, ACCOUNT_FROZEN, or INSUFFICIENT_FUNDS where the money is gone.
    pub async fn reverse_posting(
        &self,
        account_id: AccountId,
        posting_id: PostingId,
        keyed: Keyed,
        author: String,
        reason: String,
    ) -> Result<Answer<PostingView>, Error> {
        let by = Authored::new(author, reason)?;
        let wallet = self.wallet(account_id).await?;
        let rows =
            entries::of_posting(self.store().read(), account_id, wallet.main_id, wallet.cell, posting_id)
                .await?;
        let Some(ref_type) = rows.first().map(|row| row.ref_type) else {
            return Err(Error::not_found("posting", posting_id));
        };
        let entries = rows.into_iter().map(|row| row.booked.entry).collect();
        self.post_by_hand(wallet, keyed, Act::Reverse { posting_id, ref_type, entries }, by).await
    }
}
