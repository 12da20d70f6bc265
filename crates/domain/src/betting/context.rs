//! What a bet is decided over: the player, the markets, the rules' numbers and the time.

use super::{CapRoom, LegLimits};
use crate::ids::MarketId;
use crate::markets::{MarketStatus, Snapshot};
use crate::money::{Cents, Currency};
use crate::time::Timestamp;
use crate::wallet::AccountStatus;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most legs a bet can have under any rules (betting rules, "Prices").
pub const LEGS_MAX: usize = 20;

/// A market's fence: what PostgreSQL says of it. Prices never change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The market's status.
    pub status: MarketStatus,
    /// Counts the changes of status, line and runners.
    pub status_version: i64,
}

/// A market as a bet is checked against it.
#[derive(Debug, Clone, Default)]
pub struct MarketView {
    /// Its fence; none when there is no such market.
    pub fence: Option<Fence>,
    /// Its snapshot; none when the cache has none that may still be sold.
    pub snapshot: Option<Arc<Snapshot>>,
    /// What limits this account's stakes on it.
    pub limits: LegLimits,
}

/// A bet that the account placed moments ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentBet {
    /// [`PlaceBet::fingerprint`] of what was asked for.
    pub fingerprint: i64,
    /// When it was placed.
    pub at: Timestamp,
}

/// What an account's bets of one day may return together, whatever became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayPayouts {
    /// The day in UTC, counted from 1970-01-01.
    pub day: i64,
    /// The potential payouts of the bets that were accepted on it, in minor units.
    pub payouts: Cents,
}

/// The player's account as a bet is checked against it.
#[derive(Debug, Clone)]
pub struct PlayerView {
    /// Its status.
    pub status: AccountStatus,
    /// Its currency.
    pub currency: Currency,
    /// What can be staked, in minor units.
    pub available: Cents,
    /// Its bets of the last seconds.
    pub recent: Vec<RecentBet>,
    /// Its bets of the day; none where the rules do not ask.
    pub today: Option<DayPayouts>,
}

/// The numbers of the betting rules. Money is in minor units of any currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The version that is frozen on each bet.
    pub rules_version: i32,
    /// The least stake.
    pub stake_min: Cents,
    /// The largest stake.
    pub stake_max: Cents,
    /// The largest potential payout.
    pub payout_max: Cents,
    /// The largest potential payout of all bets together that an account places in a day, in UTC; none: any.
    pub payout_day_max: Option<Cents>,
    /// What is left of the limits of markets in play, in per cent.
    pub in_play_limit_pct: u32,
    /// The largest number of legs; above [`LEGS_MAX`] it counts as that.
    pub legs_max: usize,
    /// For how long the same bet under another key needs to be confirmed, in milliseconds.
    pub duplicate_window_ms: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            rules_version: 1,
            stake_min: Cents::new(100),
            stake_max: Cents::new(1_000_000),
            payout_max: Cents::new(100_000_000),
            payout_day_max: None,
            in_play_limit_pct: 50,
            legs_max: LEGS_MAX,
            duplicate_window_ms: 3_000,
        }
    }
}

impl PlaceContext<'_> {
    /// The largest potential payout of the bet: by itself, and with the account's others of the day.
    pub(super) fn payout_max(&self) -> Cents {
        let left = |most: Cents| {
            let payouts = self.player.today.map_or(Cents::ZERO, |today| today.payouts);
            most.checked_sub(payouts).unwrap_or(Cents::ZERO).max(Cents::ZERO)
        };
        let of_day = self.rules.payout_day_max.map(left);
        of_day.map_or(self.rules.payout_max, |of_day| of_day.min(self.rules.payout_max))
    }
}

/// What a bet is decided over.
#[derive(Debug, Clone, Copy)]
pub struct PlaceContext<'a> {
    /// The present instant.
    pub now: Timestamp,
    /// The player's account.
    pub player: &'a PlayerView,
    /// The markets of the bet's legs.
    pub markets: &'a BTreeMap<MarketId, MarketView>,
    /// The rules' numbers.
    pub rules: &'a Rules,
    /// The version of the limits that stand in the markets' views.
    pub limits_version: i64,
    /// The hard caps that the bet counts for, and what is left of them.
    pub caps: &'a [CapRoom],
}
