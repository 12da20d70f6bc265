//! Markets: published from what a producer says, changed by traders, read by everybody.
//!
//! What is sold is first a row of `market.price_versions` with its event, in one transaction that
//! holds the market's row; then a snapshot in Redis. A crash between the two is healed by the next
//! [`App::publish`](crate::App::publish) or [`App::renew`](crate::App::renew), from those rows.

mod act;
mod cache;
mod commit;
mod decide;
mod domain_events;
mod hold;
mod offers;
mod price;
mod producers;
mod publish;
mod read;
mod record_result;
pub(crate) mod refresh;
mod renew;
mod review;
mod trade;
mod version;
mod withdraw;

pub(crate) use cache::State;
pub use overround_live::Freshness;
pub use overround_store::market::MarketFilter;
pub use producers::{PRODUCER_STATE, PRODUCER_TAKEN, ProducerView, Speaker};

use overround_domain::betting::LegResult;
use overround_domain::ids::{EventId, HoldId, MarketId, OutcomeId};
use overround_domain::markets::{
    Group, HoldKind, Line, MarketKind, MarketStatus, OutcomeStatus, Scope, Snapshot, TieRule,
};
use overround_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a message of a producer came to, for one of its markets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The market.
    pub market_id: MarketId,
    /// The producer's own id of it.
    pub source_key: String,
    /// The new version; none when nothing that is sold changed.
    pub version: Option<i64>,
    /// The market's status.
    pub status: MarketStatus,
    /// The market as it stands.
    pub snapshot: Snapshot,
    /// Whether the message decided it.
    pub result: Recorded,
    /// The runners that the message removed: bets on them are void.
    pub removed: Vec<OutcomeId>,
    /// All outcomes, each with the producer's own id of it.
    pub outcomes: BTreeMap<OutcomeId, String>,
}

impl Published {
    /// Adds what an earlier message came to that nobody was told of.
    fn after(mut self, earlier: Self) -> Self {
        self.version = self.version.or(earlier.version);
        if self.result == Recorded::None {
            self.result = earlier.result;
        }
        self.removed.extend(earlier.removed);
        self.removed.sort_unstable();
        self.removed.dedup();
        self
    }
}

/// Whether a message decided a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It says nothing about the result.
    None,
    /// The result is recorded, and the market's bets can be paid.
    Recorded,
    /// It says something that does not settle the market by itself; why. A person must.
    NeedsManual(String),
}

/// What a trader's act left the market at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketAction {
    /// The market.
    pub market_id: MarketId,
    /// Its status.
    pub status: MarketStatus,
    /// Its version.
    pub version: i64,
    /// Its status version.
    pub status_version: i64,
}

/// What is held, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldView {
    /// The hold.
    pub id: HoldId,
    /// What it covers.
    pub scope: Scope,
    /// What it keeps its markets at.
    pub kind: HoldKind,
    /// Who did it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
}

/// What an act left the hold of a group of markets at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAction {
    /// The markets that it covers.
    pub group: Group,
    /// Whether they are held.
    pub held: bool,
    /// Counts the changes of the group's hold.
    pub version: i64,
    /// When it was changed.
    pub changed_at: Timestamp,
}

/// A result as a person gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct SettleMarket {
    /// The result of every outcome that takes part. Removed runners may be left out: they are void.
    pub outcomes: BTreeMap<OutcomeId, LegResult>,
    /// Why.
    pub reason: Option<String>,
}

/// A sporting event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventInfo {
    /// Its id.
    pub id: EventId,
    /// A name a person can read.
    pub name: String,
    /// A lower-case word: `tennis`, `football`...
    pub sport: String,
    /// The scheduled start.
    pub starts_at: Option<Timestamp>,
    /// Counts what it was said to be: of two views the higher one's is the later.
    pub version: i64,
    /// When it became known.
    pub created_at: Timestamp,
}

/// What a market is, whatever its prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketInfo {
    /// Its id.
    pub id: MarketId,
    /// Its event.
    pub event_id: EventId,
    /// A name a person can read.
    pub name: String,
    /// The producer's type, such as `MATCH_ODDS`.
    pub market_type: String,
    /// How outcomes stand to each other.
    pub kind: MarketKind,
    /// How many outcomes win; 0 on line markets.
    pub number_of_winners: i32,
    /// What happens on a tie.
    pub tie_rule: TieRule,
    /// The betting rules it is sold under.
    pub rules_version: i32,
    /// Its outcomes in the order of the list.
    pub outcomes: Vec<OutcomeInfo>,
    /// When it became known.
    pub created_at: Timestamp,
}

/// What an outcome is, whatever its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeInfo {
    /// Its id.
    pub id: OutcomeId,
    /// A name a person can read.
    pub name: String,
    /// The handicap or total, on line markets.
    pub line: Option<Line>,
    /// Whether it takes part.
    pub status: OutcomeStatus,
    /// How it ended, once its market is settled.
    pub result: Option<LegResult>,
}

/// A market with its prices and how far they can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketBoard {
    /// What it is.
    pub market: Arc<MarketInfo>,
    /// Its prices at one version.
    pub snapshot: Arc<Snapshot>,
    /// Its producer's last sign of life; none when it is not known any more.
    pub confirmed_at: Option<Timestamp>,
    /// Milliseconds since then.
    pub age_ms: Option<i64>,
    /// Whether it may be sold; [`Freshness::Expired`] also when Redis holds no snapshot of it.
    pub freshness: Freshness,
}
