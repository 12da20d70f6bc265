//! The messages as values.

use overround_domain::betting::{Fraction, VoidFactor};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use std::collections::BTreeSet;
use std::fmt;

/// A message of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Prices and statuses of some markets of an event.
    OddsChange(OddsChange),
    /// Sale of some markets of an event stops.
    BetStop(BetStop),
    /// A producer is alive.
    Alive(Alive),
    /// A recovery is complete.
    SnapshotComplete(SnapshotComplete),
    /// Something about an event's fixture changed; what, is in the API beside the feed.
    FixtureChange(FixtureChange),
    /// Results of some markets.
    BetSettlement(BetSettlement),
    /// Bets on some markets, or those of a time, are void.
    BetCancel(BetCancel),
    /// A settlement is undone.
    RollbackBetSettlement(RollbackBetSettlement),
    /// A cancellation is undone.
    RollbackBetCancel(BetCancel),
}

/// What messages have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The producer (`product`) that says it. The settlement family is known to come without.
    pub producer: Option<u32>,
    /// The message's own timestamp, on the producer's clock.
    pub at: Timestamp,
    /// The recovery that the message answers; none in the ordinary course.
    pub request_id: Option<u64>,
}

/// A market of an event: id and specifiers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarketRef {
    /// The id of its description.
    pub id: u32,
    /// Its specifiers, sorted, as `name=value|name=value`; empty when it has none.
    pub specifiers: String,
}

impl MarketRef {
    /// The value of a specifier.
    pub fn specifier(&self, name: &str) -> Option<&str> {
        self.specifiers
            .split('|')
            .find_map(|one| one.split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
    }

    /// Its key among the markets of all events.
    pub(super) fn key(&self, event: &str) -> String {
        format!("{event}/{self}")
    }
}

impl fmt::Display for MarketRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if self.specifiers.is_empty() { Ok(()) } else { write!(f, "/{}", self.specifiers) }
    }
}

/// The status that a producer gives a market. What is none of the documented ones is taken as
/// suspended; none given means active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketStatus {
    /// 1: on sale.
    Active,
    /// 0: not on sale.
    Inactive,
    /// -1: stopped for the moment.
    Suspended,
    /// -2: another producer goes on with it.
    HandedOver,
    /// -3: its results are out.
    Settled,
    /// -4: called off.
    Cancelled,
}

/// `odds_change`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddsChange {
    /// Who says it, and when.
    pub header: Header,
    /// The event.
    pub event: String,
    /// Whether the event is running, where the message says.
    pub in_play: Option<bool>,
    /// Each market's complete state, in the message's order.
    pub markets: Vec<MarketOdds>,
}

/// A market in an `odds_change`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketOdds {
    /// Which market.
    pub market: MarketRef,
    /// Its status.
    pub status: MarketStatus,
    /// Its outcomes, each once.
    pub outcomes: Vec<OutcomeOdds>,
    /// How many outcomes were listed again and left out.
    pub repeated: u64,
}

/// An outcome in an `odds_change`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeOdds {
    /// The outcome's id.
    pub id: String,
    /// Its price; none where the message has none, or odds that are no price.
    pub price: Option<Price>,
    /// Whether it has odds that are no price (0, 1, NaN, below zero, beyond all bounds).
    pub refused: bool,
    /// Whether it is offered.
    pub active: bool,
}

/// `bet_stop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BetStop {
    /// Who says it, and when.
    pub header: Header,
    /// The event.
    pub event: String,
    /// The groups of markets that stop; `all` is every market.
    pub groups: BTreeSet<String>,
    /// What active markets of the groups become; suspended where the message does not say.
    pub status: MarketStatus,
}

/// `alive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alive {
    /// Who says it, and when.
    pub header: Header,
    /// Whether the connection's messages have no gap. Where they have, a recovery must be asked for.
    pub subscribed: bool,
}

/// `snapshot_complete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotComplete {
    /// Who says it, and when.
    pub header: Header,
    /// The recovery that is complete.
    pub request_id: u64,
}

/// `fixture_change`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixtureChange {
    /// Who says it, and when.
    pub header: Header,
    /// The event.
    pub event: String,
}

/// How certain a settlement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// 1: from scouts at the event, and may be corrected.
    Live,
    /// 2: confirmed.
    Confirmed,
}

/// `bet_settlement`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BetSettlement {
    /// Who says it, and when.
    pub header: Header,
    /// The event.
    pub event: String,
    /// How certain it is.
    pub certainty: Certainty,
    /// The markets, in the message's order.
    pub markets: Vec<SettledMarket>,
}

/// A market in a `bet_settlement`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledMarket {
    /// Which market.
    pub market: MarketRef,
    /// Why (part of) it is void, by Sportradar's list of reasons.
    pub void_reason: Option<u32>,
    /// The outcomes' results.
    pub outcomes: Vec<OutcomeResult>,
}

/// An outcome in a `bet_settlement`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeResult {
    /// The outcome's id.
    pub id: String,
    /// Whether it won; none where it is undecided (-1, or no result and not wholly void).
    pub won: Option<bool>,
    /// The part of it that is void.
    pub void: VoidFactor,
    /// The share of a win that a dead heat leaves, above 0.
    pub dead_heat: Fraction,
}

/// `bet_cancel`, and `rollback_bet_cancel`, which has the same parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BetCancel {
    /// Who says it, and when.
    pub header: Header,
    /// The event.
    pub event: String,
    /// The first instant of the bets it is about; none where the window has no beginning.
    pub start: Option<Timestamp>,
    /// The last instant of the bets it is about; none where the window has no end.
    pub end: Option<Timestamp>,
    /// The event that stands in for this one.
    pub superceded_by: Option<String>,
    /// The markets, in the message's order.
    pub markets: Vec<CancelledMarket>,
}

/// A market in a `bet_cancel`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelledMarket {
    /// Which market.
    pub market: MarketRef,
    /// Why it is void, by Sportradar's list of reasons.
    pub void_reason: Option<u32>,
}

/// `rollback_bet_settlement`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackBetSettlement {
    /// Who says it, and when.
    pub header: Header,
    /// The event.
    pub event: String,
    /// The markets, in the message's order.
    pub markets: Vec<RolledBackMarket>,
}

/// A market in a `rollback_bet_settlement`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBackMarket {
    /// Which market.
    pub market: MarketRef,
    /// The outcomes that are undecided again; all where none is named.
    pub outcomes: Vec<String>,
}

impl Message {
    /// Who says it, and when.
    pub fn header(&self) -> &Header {
        match self {
            Self::OddsChange(message) => &message.header,
            Self::BetStop(message) => &message.header,
            Self::Alive(message) => &message.header,
            Self::SnapshotComplete(message) => &message.header,
            Self::FixtureChange(message) => &message.header,
            Self::BetSettlement(message) => &message.header,
            Self::BetCancel(message) | Self::RollbackBetCancel(message) => &message.header,
            Self::RollbackBetSettlement(message) => &message.header,
        }
    }
}
