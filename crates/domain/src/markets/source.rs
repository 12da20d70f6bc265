//! What a source of market data says, normalized: whatever the feed, the use case sees this.

use super::{Line, MarketKind, OutcomeStatus, TieRule};
use crate::odds::Price;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The event of a market, as its source names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEvent {
    /// The source's own id of the event.
    pub key: String,
    /// A name a person can read, such as `B Hassan v J Haerteis`.
    pub name: String,
    /// A lower-case word: `tennis`, `football`, `horse-racing`...
    pub sport: String,
    /// The scheduled start.
    pub starts_at: Option<Timestamp>,
}

stored_enum! {
    /// The status that the source gives its market.
    SourceStatus {
        /// Not on sale yet.
        Inactive = "INACTIVE",
        /// On sale.
        Open = "OPEN",
        /// Stopped for the moment.
        Suspended = "SUSPENDED",
        /// Over.
        Closed = "CLOSED",
    }
}

/// One outcome as its source describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceOutcome {
    /// The source's own id of the outcome, unique in its market (selection and line).
    pub key: String,
    /// A name a person can read.
    pub name: String,
    /// The handicap or total, on line markets.
    pub line: Option<Line>,
    /// Outcomes of one line share a pair number; none outside line markets.
    pub pair: Option<u32>,
    /// Place in the list, from 0.
    pub position: u32,
    /// Whether it takes part.
    pub status: OutcomeStatus,
    /// The source's best price to back it (the last traded one where there is no book).
    pub best_back: Option<Price>,
    /// The recorded result once the source has settled it: true for a winner.
    pub won: Option<bool>,
}

/// The complete state of one market after a message: level, not change, so that applying it twice or
/// after a gap is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMarket {
    /// The source's own id of the market.
    pub key: String,
    /// Its event.
    pub event: SourceEvent,
    /// The source's type, such as `MATCH_ODDS`.
    pub market_type: String,
    /// A name a person can read.
    pub name: String,
    /// How outcomes stand to each other.
    pub kind: MarketKind,
    /// How many outcomes win; 0 on line markets.
    pub number_of_winners: u32,
    /// What happens on a tie.
    pub tie_rule: TieRule,
    /// The source's status.
    pub status: SourceStatus,
    /// Whether the event is running.
    pub in_play: bool,
    /// How long a bet is held in play, in milliseconds.
    pub bet_delay_ms: i64,
    /// All outcomes, removed ones included, in the order of their position.
    pub outcomes: Vec<SourceOutcome>,
}
