//! Freezing an account and letting it go.

use super::FreezeView;
use super::act::{Authored, ByHand, Done};
use crate::{Answer, App, Error, Keyed};
use overround_domain::ids::AccountId;
use overround_domain::wallet::Freeze;

impl App {
    /// Freezes a player's account, for debits, credits or both, or with `on` false lets that go again. It
    /// takes its turn in the lane: what was queued before it is done, what comes after is refused.
    ///
    /// # Errors
    /// [`Error::Refused`] with ACCOUNT_CLOSED.
    pub async fn freeze(
        &self,
        account_id: AccountId,
        keyed: Keyed,
        freeze: Freeze,
        on: bool,
        author: String,
        reason: String,
    ) -> Result<Answer<FreezeView>, Error> {
        let by = Authored::new(author, reason)?;
        let player = self.player(account_id).await?;
        match self.by_hand(player, keyed, ByHand::Freeze { freeze, on }, by).await? {
            Answer { replayed, value: Done::Frozen(value) } => Ok(Answer { replayed, value }),
            other => Err(Error::internal(format!("a freeze was answered with {other:?}"))),
        }
    }
}
