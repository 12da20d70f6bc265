//! A market at one version: what players see and bets are checked against.

use super::{Line, MarketStatus};
use crate::ids::{EventId, MarketId, OutcomeId};
use crate::odds::Price;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The price of one outcome on offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The house's price.
    #[serde(flatten)]
    pub price: Price,
    /// The handicap or total it is offered at, on line markets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Line>,
}

stored_enum! {
    /// Why an outcome of the market is not on offer.
    SuspensionReason {
        /// A non-runner.
        Removed = "REMOVED",
        /// The source gives it no price (or its pair on a line none).
        Unpriced = "UNPRICED",
        /// A trader holds it; the market's others may be on sale.
        Trader = "TRADER",
    }
}

/// An outcome that is not on offer, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeSuspension {
    /// The outcome.
    pub outcome_id: OutcomeId,
    /// Why.
    pub reason: SuspensionReason,
}

/// A market at one version. Every outcome of the market stands either in `prices` or in
/// `suspensions`. What is kept in `market.price_versions` and in Redis under `markets:{market_id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The market.
    pub market_id: MarketId,
    /// Its event.
    pub event_id: EventId,
    /// Counts the snapshots of this market, from 1.
    pub version: i64,
    /// Counts only changes of status, line and runners, from 1.
    pub status_version: i64,
    /// The market's status.
    pub status: MarketStatus,
    /// Whether the event is running.
    pub in_play: bool,
    /// How long a bet would be held in play, in milliseconds.
    pub bet_delay_ms: i64,
    /// No bet is taken from this instant on, whatever the status.
    pub cutoff_at: Option<Timestamp>,
    /// When the prices were set.
    pub as_of: Timestamp,
    /// The outcomes on offer.
    pub prices: BTreeMap<OutcomeId, Quote>,
    /// The outcomes not on offer.
    pub suspensions: Vec<OutcomeSuspension>,
}
