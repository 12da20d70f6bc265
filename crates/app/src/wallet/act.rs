//! What is done to a player's account by hand, and its way through the lane.

use super::{FreezeView, Player, PostingView};
use crate::authored::{check_actor, check_reason};
use crate::lanes::{Command, Direction, MoveMoney, Outcome, Reply};
use crate::{Answer, App, Error, KeptRefusal, Keyed};
use overround_domain::ids::{AccountId, PostingId};
use overround_domain::money::{Cents, Currency};
use overround_domain::wallet::{Entry, Freeze, RefType};
use serde::{Deserialize, Serialize};

/// The largest amount of one movement by hand: 10^13 minor units, so that no sum of a sane number of
/// them comes near the end of an i64.
const AMOUNT_MAX: i64 = 10_000_000_000_000;

/// Something done by hand.
#[derive(Debug, Clone)]
pub(crate) enum ByHand {
    /// Money is posted.
    Post(Act),
    /// The account is frozen, or let go.
    Freeze { freeze: Freeze, on: bool },
}

/// What is posted by hand.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Money crosses the house's border.
    Move { direction: Direction, amount: Cents, currency: Currency },
    /// The balance is corrected by an amount above or below zero.
    Adjust { amount: Cents, currency: Currency },
    /// Money goes to another wallet of the same player's account.
    Transfer { to: AccountId, amount: Cents, currency: Currency },
    /// A posting is taken back. Its entries never change, so that they are read beforehand.
    Reverse { posting_id: PostingId, ref_type: RefType, entries: Vec<Entry> },
}

/// What was done: the answer kept under the key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Done {
    /// A posting.
    Moved(PostingView),
    /// The account was frozen, or let go.
    Frozen(FreezeView),
}

/// Who does something by hand, and why.
#[derive(Debug, Clone)]
pub(crate) struct Authored {
    author: String,
    reason: String,
}

impl Authored {
    /// Refuses who has no name, and a reason that says nothing.
    pub(crate) fn new(author: String, reason: String) -> Result<Self, Error> {
        check_actor(&author)?;
        check_reason(&reason)?;
        Ok(Self { author, reason })
    }
}

/// Refuses an amount that is not from `least` to 10^13, or is zero.
pub(crate) fn check_amount(amount: Cents, least: i64) -> Result<(), Error> {
    if amount != Cents::ZERO && (least..=AMOUNT_MAX).contains(&amount.get()) {
        return Ok(());
    }
    Err(Error::Invalid {
        pointer: "/amount_cents".to_owned(),
        detail: format!("an amount is from {least} to {AMOUNT_MAX} minor units, and not zero"),
    })
}

/// The least amount of an adjustment.
pub(crate) const ADJUSTMENT_MIN: i64 = -AMOUNT_MAX;

impl App {
    /// Does it in a lane.
    pub(crate) async fn by_hand(
        &self,
        player: Player,
        keyed: Keyed,
        act: ByHand,
        by: Authored,
    ) -> Result<Answer<Done>, Error> {
        let deadline = keyed.deadline;
        let Authored { author, reason } = by;
        let command = Command::Move(MoveMoney { player, keyed, act, author, reason });
        let Reply { replayed, outcome } = self.lanes().submit(command, deadline).await?;
        match outcome {
            Outcome::Moved(value) => Ok(Answer { replayed, value }),
            Outcome::Refused { refusal, trace_id } => {
                Err(Error::Refused(Box::new(KeptRefusal { refusal: *refusal, trace_id, replayed })))
            }
            other => Err(Error::internal(format!("an act by hand was answered with {other:?}"))),
        }
    }

    /// Posts it in a lane.
    pub(crate) async fn post_by_hand(
        &self,
        player: Player,
        keyed: Keyed,
        act: Act,
        by: Authored,
    ) -> Result<Answer<PostingView>, Error> {
        match self.by_hand(player, keyed, ByHand::Post(act), by).await? {
            Answer { replayed, value: Done::Moved(value) } => Ok(Answer { replayed, value }),
            other => Err(Error::internal(format!("a posting was answered with {other:?}"))),
        }
    }
}
