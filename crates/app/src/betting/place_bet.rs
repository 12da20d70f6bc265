//! Placing a bet.

use crate::betting::BetReceipt;
use crate::lanes::{Command, Outcome, Place, Reply};
use crate::{Answer, App, Error, KeptRefusal, Keyed};
use overround_domain::betting::PlaceBet;
use overround_domain::ids::{AccountId, BetId};

impl App {
    /// Places a bet on a player's account. A bet in play is decided at once and keeps the market's
    /// delay on it.
    ///
    /// # Errors
    /// [`Error::Refused`] with the first rule that refuses it; [`Error::Unavailable`] when a datastore
    /// is away or the lane is full: the same request may be sent again with its key.
    pub async fn place_bet(
        &self,
        account_id: AccountId,
        keyed: Keyed,
        request: PlaceBet,
    ) -> Result<Answer<BetReceipt>, Error> {
        let player = self.player(account_id).await?;
        let deadline = keyed.deadline;
        let bet_id = BetId::from_uuid(self.clock().id());
        let command = Command::Place(Place { player, keyed, bet_id, request });
        let Reply { replayed, outcome } = self.lanes().submit(command, deadline).await?;
        match outcome {
            Outcome::Placed(receipt) => Ok(Answer { replayed, value: *receipt }),
            Outcome::Refused { refusal, trace_id } => {
                Err(Error::Refused(Box::new(KeptRefusal { refusal: *refusal, trace_id, replayed })))
            }
            other => Err(Error::internal(format!("a placed bet was answered with {other:?}"))),
        }
    }
}
