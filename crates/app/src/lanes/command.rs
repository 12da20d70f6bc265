//! What a lane is asked for, and what it answers.

use super::caps::Needs;
use crate::Keyed;
use crate::betting::BetReceipt;
use crate::wallet::{ByHand, Done, Player};
use overround_domain::betting::{LegResult, PlaceBet, Refusal};
use overround_domain::ids::{BetId, MarketId, OutcomeId};
use overround_domain::money::Cents;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that moves money.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Place(Place),
    Move(MoveMoney),
    Settle(Settle),
}

/// A bet to place.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub player: Player,
    pub keyed: Keyed,
    /// The id it gets if it is accepted: part of the claim of its key.
    pub bet_id: BetId,
    pub request: PlaceBet,
}

/// Which way money crosses the house's border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Credit,
    Debit,
}

/// Something done to a player's account by hand.
#[derive(Debug, Clone)]
pub(crate) struct MoveMoney {
    pub player: Player,
    pub keyed: Keyed,
    pub act: ByHand,
    /// Who does it, and why.
    pub author: String,
    pub reason: String,
}

/// What is decided about a market.
#[derive(Debug)]
pub(crate) struct MarketResults {
    pub market_id: MarketId,
    pub outcomes: BTreeMap<OutcomeId, LegResult>,
    /// 2 confirmed, 1 live.
    pub certainty: i16,
    pub source: String,
    pub reason: Option<String>,
}

/// A bet with an open leg on a decided market.
#[derive(Debug, Clone)]
pub(crate) struct Settle {
    pub player: Player,
    pub bet_id: BetId,
    pub results: Arc<MarketResults>,
}

impl Command {
    /// The player it is about.
    pub(crate) const fn player(&self) -> &Player {
        match self {
            Self::Place(place) => &place.player,
            Self::Move(money) => &money.player,
            Self::Settle(settle) => &settle.player,
        }
    }

    /// What makes it safe to repeat; none for a settlement, which looks at the bet itself.
    pub(crate) const fn keyed(&self) -> Option<&Keyed> {
        match self {
            Self::Place(place) => Some(&place.keyed),
            Self::Move(money) => Some(&money.keyed),
            Self::Settle(_) => None,
        }
    }

    /// The bet that it would place.
    pub(crate) const fn bet_id(&self) -> Option<BetId> {
        match self {
            Self::Place(place) => Some(place.bet_id),
            Self::Move(_) | Self::Settle(_) => None,
        }
    }
}

/// What became of a command.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// The bet was accepted.
    Placed(Box<BetReceipt>),
    /// What was done by hand.
    Moved(Done),
    /// A rule refused it; the trace id is of the request that was first refused so.
    Refused { refusal: Box<Refusal>, trace_id: String },
    /// The bet was looked at: what it returned if it closed now.
    Settled(Option<Cents>),
    /// The key was used before: the answer is read after the transaction.
    UsedKey,
    /// Another process has its cell in hand: it was not carried out, and waits for its turn.
    NotItsTurn,
    /// Its cell's shares of caps are too small for the bet: it was not carried out, and is again once they got more.
    ShortOfCaps(Needs),
    /// Its deadline had passed when its turn came: it was not carried out.
    Expired,
}

/// A command's answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub replayed: bool,
    pub outcome: Outcome,
}
