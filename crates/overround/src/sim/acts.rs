//! What is asked to be done to an account by hand.

use super::calls::{Cast, Map, Value};
use overround_app::{Answer, App, Error, Keyed, Movement};
use overround_domain::betting::Factor;
use overround_domain::ids::{AccountId, PostingId};
use overround_domain::money::{Cents, Currency};
use overround_domain::wallet::Freeze;

/// Why it is done.
const REASON: &str = "simulated";

/// An act by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A credit or a debit.
    Move { credits: bool, amount: i64, currency: Currency },
    /// An adjustment, below zero where it takes.
    Adjust { amount: i64, currency: Currency },
    /// A posting is taken back.
    Reverse { posting: PostingId },
    /// The account is frozen, or let go.
    Freeze { freeze: Freeze, on: bool },
    /// Its limits in a sport are multiplied by so many hundredths.
    Factor { sport: &'static str, pct: u16 },
}

impl Act {
    /// What reports count it as.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Move { credits: true, .. } => "credit",
            Self::Move { .. } => "debit",
            Self::Adjust { .. } => "adjust",
            Self::Reverse { .. } => "reverse_posting",
            Self::Freeze { on: true, .. } => "freeze",
            Self::Freeze { .. } => "unfreeze",
            Self::Factor { .. } => "set_factor",
        }
    }

    /// Another act for a key that is used twice; the same one where there is no other of its kind.
    pub const fn twist(&mut self) {
        match self {
            // Away from zero, which nobody may move.
            Self::Move { amount, .. } | Self::Adjust { amount, .. } => *amount += amount.signum(),
            Self::Freeze { on, .. } => *on = !*on,
            Self::Factor { pct, .. } => *pct = if *pct == 100 { 50 } else { 100 },
            Self::Reverse { .. } => {}
        }
    }

    /// Asks the house for it.
    ///
    /// # Errors
    /// As the use case.
    pub async fn send(
        self,
        app: &App,
        cast: &Cast,
        account: AccountId,
        keyed: Keyed,
    ) -> Result<Answer<Value>, Error> {
        let (author, reason) = (cast.actor(), REASON.to_owned());
        let by = |amount, currency, author, reason| Movement {
            amount: Cents::new(amount),
            currency,
            author,
            reason,
        };
        let moved = match self {
            Self::Move { credits: true, amount, currency } => {
                app.credit(account, keyed, by(amount, currency, author, reason)).await?
            }
            Self::Move { amount, currency, .. } => {
                app.debit(account, keyed, by(amount, currency, author, reason)).await?
            }
            Self::Adjust { amount, currency } => {
                app.adjust(account, keyed, by(amount, currency, author, reason)).await?
            }
            Self::Reverse { posting } => app.reverse_posting(account, posting, keyed, author, reason).await?,
            Self::Freeze { freeze, on } => {
                let frozen = app.freeze(account, keyed, freeze, on, author, reason).await?;
                return Ok(frozen.map(Value::Frozen));
            }
            Self::Factor { sport, pct } => {
                let factor = Factor::from_pct(pct).map_err(Error::internal)?;
                let set = app.set_account_factor(account, cast.sport(sport), factor, &author, keyed, reason);
                return Ok(set.await?.map(Value::Factored));
            }
        };
        Ok(moved.map(Value::Moved))
    }
}
