//! The reference model: a bookmaker in plain Rust, with arithmetic of its own. It shares the house's words
//! (ids, codes, prices as values) and none of its rules.
//!
//! Resettlements take their place here once the house has them.

mod bets;
mod by_hand;
mod limits;
mod market;
mod prices;
mod ratio;
#[cfg(test)]
mod tests;

pub use bets::{Closed, Ending, Sight, Verdict, close, judge};
pub use by_hand::{Handled, Posted, Stops, is_out_of_range};
pub use limits::{Bound, Factors, WideBounds};
pub use market::{Market, SOLD_MS, Told};

use overround_domain::betting::{PlaceBet, RefusalCode, RefusalData};
use overround_domain::ids::{AccountId, BetId, EventId, MarketId, OutcomeId};
use overround_domain::markets::Line;
use overround_domain::money::Currency;
use overround_domain::odds::Price;
use std::collections::BTreeMap;

/// How many markets are remembered that are not traded any more: those of many steps.
const RETIRED_MAX: usize = 100;

/// The numbers of the rules.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub stake_min: i64,
    pub stake_max: i64,
    pub payout_max: i64,
    pub legs_max: usize,
    pub duplicate_window_ms: i64,
    pub margin_bps: u32,
    /// What is left of limits in play, in hundredths.
    pub in_play_pct: u32,
}

/// What makes a bet the same as another: stake, currency and selections, in whatever order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slip {
    stake: i64,
    currency: Currency,
    legs: Vec<(MarketId, OutcomeId, Option<Line>)>,
}

impl Slip {
    pub fn of(bet: &PlaceBet) -> Self {
        let mut legs: Vec<_> = bet.legs.iter().map(|leg| (leg.market_id, leg.outcome_id, leg.line)).collect();
        legs.sort_unstable();
        Self { stake: bet.stake.get(), currency: bet.currency, legs }
    }
}

/// What an account can be asked for.
#[derive(Debug, Clone)]
pub struct Purse {
    pub currency: Currency,
    pub balance: i64,
    /// Bets of the last moments, with their instants.
    pub recent: Vec<(Slip, i64)>,
    pub stops: Stops,
    pub factors: Factors,
    /// Its latest postings, the newest last.
    pub postings: Vec<Posted>,
}

impl Purse {
    pub const fn empty(currency: Currency) -> Self {
        Self {
            currency,
            balance: 0,
            recent: Vec::new(),
            stops: Stops { debits: false, credits: false },
            factors: Factors::new(),
            postings: Vec::new(),
        }
    }

    pub fn repeats(&self, slip: &Slip, after: i64) -> bool {
        self.recent.iter().any(|(recent, at)| *at > after && recent == slip)
    }

    pub fn insufficient(&self) -> Verdict {
        let data = RefusalData { available_cents: Some(self.balance), ..RefusalData::default() };
        Verdict::Refused { code: RefusalCode::InsufficientFunds, leg: None, data }
    }
}

/// A player's account.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: AccountId,
    pub purse: Purse,
    pub held: i64,
    /// How many entries it has.
    pub seq: i64,
    /// How often it was frozen or let go.
    pub freezes: i64,
    /// How often its factors were set, by sport.
    pub factor_versions: BTreeMap<&'static str, i64>,
}

impl Account {
    /// A new account.
    pub const fn new(id: AccountId, currency: Currency) -> Self {
        Self {
            id,
            purse: Purse::empty(currency),
            held: 0,
            seq: 0,
            freezes: 0,
            factor_versions: BTreeMap::new(),
        }
    }
}

/// A leg of an accepted bet.
#[derive(Debug, Clone)]
pub struct Leg {
    pub market: MarketId,
    pub outcome: OutcomeId,
    pub price: Price,
    pub ending: Option<Ending>,
}

/// An accepted bet.
#[derive(Debug, Clone)]
pub struct Bet {
    pub account: AccountId,
    pub stake: i64,
    pub legs: Vec<Leg>,
    pub closed: Option<Closed>,
}

/// Everything that the house should know.
#[derive(Debug)]
pub struct Model {
    pub limits: Limits,
    /// By slot of the workload; a slot's account is opened once.
    pub accounts: BTreeMap<usize, Account>,
    /// By slot: the market that is traded there now.
    pub markets: BTreeMap<usize, Market>,
    /// Markets that were traded there before, the latest: bets on them are still asked for.
    pub retired: Vec<Market>,
    /// How many markets each slot has had.
    pub generations: BTreeMap<usize, u32>,
    pub events: BTreeMap<String, EventId>,
    /// What limits more than one market.
    pub wide: WideBounds,
    /// Open bets, and those closed since they were last compared.
    pub bets: BTreeMap<BetId, Bet>,
}

impl Model {
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            accounts: BTreeMap::new(),
            markets: BTreeMap::new(),
            retired: Vec::new(),
            generations: BTreeMap::new(),
            events: BTreeMap::new(),
            wide: WideBounds::new(),
            bets: BTreeMap::new(),
        }
    }

    /// Pays a market: its decided legs end, and what that closes is returned, by bet.
    pub fn pay(&mut self, market: &Market) -> Vec<BetId> {
        let mut touched = Vec::new();
        for (id, bet) in &mut self.bets {
            let mut decides = false;
            for leg in bet.legs.iter_mut().filter(|leg| leg.market == market.id && leg.ending.is_none()) {
                leg.ending = market.ending(leg.outcome);
                decides |= leg.ending.is_some();
            }
            if decides {
                touched.push(*id);
            }
        }
        touched
    }

    /// Closes the bets among these that are decided; answers those that closed now.
    pub fn close(&mut self, touched: &[BetId]) -> Vec<(BetId, AccountId, i64, Closed)> {
        let mut now = Vec::new();
        for id in touched {
            let Some(bet) = self.bets.get_mut(id).filter(|bet| bet.closed.is_none()) else { continue };
            let legs: Vec<_> = bet.legs.iter().map(|leg| (leg.price, leg.ending)).collect();
            bet.closed = close(bet.stake, &legs);
            if let Some(closed) = bet.closed {
                now.push((*id, bet.account, bet.stake, closed));
            }
        }
        now
    }

    /// Keeps a market that another one takes the place of.
    pub fn retire(&mut self, market: Market) {
        if self.retired.len() >= RETIRED_MAX {
            self.retired.remove(0);
        }
        self.retired.push(market);
    }

    /// Whether a market still has bets that wait for its result.
    pub fn has_open_legs(&self, market: MarketId) -> bool {
        let mut legs = self.bets.values().flat_map(|bet| &bet.legs);
        legs.any(|leg| leg.market == market && leg.ending.is_none())
    }
}
