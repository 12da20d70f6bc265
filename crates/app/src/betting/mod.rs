//! Placing bets and reading them.

mod caps;
mod exposure;
mod limits;
mod place_bet;
mod read;

pub use caps::CapView;
pub use exposure::{CurrencyExposure, ExposureView};
pub use limits::{FactorView, LimitView};
pub(crate) use read::stored_receipt;

use overround_domain::betting::{
    Acceptance, BetKind, BetResult, BetStatus, LegResult, LegType, PricePolicy, VoidPolicy,
};
use overround_domain::ids::{AccountId, BetId, EventId, LegId, MarketId, OutcomeId};
use overround_domain::markets::Line;
use overround_domain::money::{Cents, Currency};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use serde_json::{Map, Value};

/// What was frozen when the bet was accepted: the player's receipt, which never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct BetReceipt {
    /// The bet.
    pub id: BetId,
    /// The account that placed it.
    pub account_id: AccountId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Single or parlay.
    pub kind: BetKind,
    /// The stake in minor units.
    pub stake: Cents,
    /// What was asked for, in minor units, where less of it was staked (FILL_AND_KILL).
    pub requested_stake: Option<Cents>,
    /// Its currency.
    pub currency: Currency,
    /// The return if every leg wins, in minor units.
    pub potential_payout: Cents,
    /// Which price moves the player allowed.
    pub price_policy: PricePolicy,
    /// What a void leg does to the bet.
    pub void_policy: VoidPolicy,
    /// The betting rules it was taken under.
    pub rules_version: i32,
    /// The in-play delay of its markets, in milliseconds.
    pub bet_delay_ms: i64,
    /// Its legs by position.
    pub legs: Vec<LegReceipt>,
}

/// One leg as it was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct LegReceipt {
    /// The leg.
    pub id: LegId,
    /// Its place in the bet, from 0.
    pub position: i16,
    /// The event.
    pub event_id: EventId,
    /// The market.
    pub market_id: MarketId,
    /// The outcome.
    pub outcome_id: OutcomeId,
    /// The price it was taken at.
    pub price: Price,
    /// The handicap or total, on line markets.
    pub line: Option<Line>,
    /// The market's version that the price is of.
    pub market_version: i64,
    /// What kind of selection it is.
    pub leg_type: LegType,
    /// What the client attached.
    pub attrs: Map<String, Value>,
}

/// A bet as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct BetView {
    /// What was frozen when it was accepted.
    pub receipt: BetReceipt,
    /// PENDING, SETTLED or VOID.
    pub status: BetStatus,
    /// Whether it was accepted.
    pub acceptance: Acceptance,
    /// How it ended, once settled.
    pub result: Option<BetResult>,
    /// Paid back so far, in minor units.
    pub returned: Cents,
    /// When it was last settled.
    pub settled_at: Option<Timestamp>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// The legs' results by position; none while open.
    pub leg_results: Vec<Option<LegResult>>,
}
