//! What players try, and what became of it.

use super::wire::Terms;
use std::fmt;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $weight:literal $text:literal;)*) => {
        /// A kind of attempt.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($(#[doc = $doc])+ $name,)* }

        impl Kind {
            /// Every kind with how often it is drawn, in parts of the sum.
            pub const WEIGHTED: &'static [(Self, u32)] = &[$((Self::$name, $weight)),*];

            /// Its name in the list of attempts.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// One leg at the price on the board.
    Single = 44 "single";
    /// Legs of several events.
    Parlay = 14 "parlay";
    /// Legs of one event.
    Correlated = 4 "correlated";
    /// One leg at an older version and its price.
    OlderVersion = 9 "older-version";
    /// One leg at a version that the market has not reached.
    FutureVersion = 3 "future-version";
    /// One leg at another price than the board's, under any policy.
    MovedPrice = 10 "moved-price";
    /// An earlier request again, word for word.
    RepeatedKey = 5 "repeated-key";
    /// An earlier request's key for another bet.
    ReusedKey = 3 "reused-key";
    /// A stake above the balance.
    AboveBalance = 3 "above-balance";
    /// A stake below the least one.
    BelowMinimum = 2 "below-minimum";
    /// The same bet twice at once under two keys.
    SentTwice = 2 "sent-twice";
    /// A bet on a non-runner.
    NonRunner = 2 "non-runner";
    /// A bet on a market that is not on sale.
    NotOnSale = 2 "not-on-sale";
}

impl Kind {
    /// Whether a sound house never accepts such an attempt.
    pub const fn is_never_accepted(self) -> bool {
        matches!(
            self,
            Self::Correlated
                | Self::FutureVersion
                | Self::ReusedKey
                | Self::AboveBalance
                | Self::BelowMinimum
                | Self::NonRunner
                | Self::NotOnSale
        )
    }
}

/// A leg as it was asked for, by the source's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The market.
    pub market: String,
    /// The outcome.
    pub outcome: String,
    /// The price that was asked for.
    pub price: Terms,
    /// The market's version that was named.
    pub version: i64,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken.
    Accepted(Placed),
    /// Refused with a code.
    Refused(String),
    /// The kept answer came back.
    Replayed,
}

/// A bet that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its id on the wire.
    pub id: String,
    /// The return if every leg wins.
    pub payout_cents: i64,
    /// The prices it was filled at, by position.
    pub prices: Vec<Terms>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which player, from 0.
    pub player: usize,
    /// The player's number of the request's key.
    pub key: u32,
    /// What kind.
    pub kind: Kind,
    /// The stake in minor units.
    pub stake_cents: i64,
    /// The price policy.
    pub policy: String,
    /// The legs by position.
    pub legs: Vec<Leg>,
    /// What became of it.
    pub outcome: Outcome,
    /// What a sound house would not have answered, in words.
    pub surprise: Option<String>,
}

/// The attempt's line in the list that is hashed: no id in it, and nothing of the machine's time.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p{} k{} {} {} {}",
            self.player,
            self.key,
            self.kind.as_str(),
            self.stake_cents,
            self.policy
        )?;
        for Leg { market, outcome, price, version } in &self.legs {
            write!(f, " [{market} {outcome} {}/{} v{version}]", price.num, price.den)?;
        }
        match &self.outcome {
            Outcome::Accepted(placed) => {
                write!(f, " ACCEPTED {}", placed.payout_cents)?;
                placed.prices.iter().try_for_each(|price| write!(f, " {}/{}", price.num, price.den))
            }
            Outcome::Refused(code) => write!(f, " {code}"),
            Outcome::Replayed => write!(f, " REPLAYED"),
        }
    }
}
