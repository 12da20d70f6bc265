//! What one bet may stake: a market's limits, an account's factors, and the house's largest stake (betting rules, "Limits
//! and exposure").

use super::Limits;
use super::market::Market;
use super::ratio::Ratio;
use crate::sim::workload::sport_of;
use overround_domain::betting::{LimitScope, StakeLimits};
use overround_domain::money::{Cents, Currency};
use std::collections::BTreeMap;

/// What an account's limits are multiplied by, in hundredths, by sport: once where it has none.
pub type Factors = BTreeMap<&'static str, u16>;

/// What limits the stakes of bets on all markets of a sport, or of a type.
pub type WideBounds = BTreeMap<(LimitScope, Currency), Bound>;

/// The limits of a scope in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bound {
    pub limits: StakeLimits,
    /// Counts their changes.
    pub version: i64,
}

impl Bound {
    /// In place of what limited the scope before.
    pub fn set(&mut self, limits: StakeLimits) -> Self {
        *self = Self { limits, version: self.version + 1 };
        *self
    }
}

/// The largest stake at a total price, by the limits of the legs' markets, of their sports and of their types. `in_play`
/// is of the legs as they were shown.
pub fn largest_stake(
    rules: &Limits,
    factors: &Factors,
    wide: &WideBounds,
    currency: Currency,
    legs: &[(&Market, bool)],
    price: Ratio,
) -> i64 {
    let factor = |market: &Market| factors.get(sport_of(&market.said.event.sport)).copied().unwrap_or(100);
    // The house's own number is lowered by the strictest factor of all, and never raised.
    let strictest = legs.iter().map(|(market, _)| factor(market)).min().unwrap_or(100).min(100);
    let house = Ratio::new(strictest.into(), 100).floor_of(rules.stake_max);
    let win = Ratio::new(price.num.saturating_sub(price.den), price.den);
    let bounds = |market: &Market| {
        let said = &market.said;
        let scopes =
            [LimitScope::Sport(said.event.sport.clone()), LimitScope::MarketType(said.market_type.clone())];
        let wide = scopes.map(|scope| wide.get(&(scope, currency)).copied());
        wide.into_iter().chain([market.bounds.get(&currency).copied()]).flatten()
    };
    let all =
        legs.iter().flat_map(|(market, in_play)| bounds(market).map(move |bound| (market, in_play, bound)));
    let by_limits = all.flat_map(|(market, in_play, Bound { limits: bound, .. })| {
        let played = if *in_play { rules.in_play_pct } else { 100 };
        let share = Ratio::new(u128::from(factor(market)) * u128::from(played), 10_000);
        let stake = move |cents: Cents, each: Ratio| share.over(each).floor_of(cents.get());
        // A volume bounds the smaller of stake and win: at even money and longer that is the stake.
        let smaller = if price.num >= 2 * price.den { Ratio::ONE } else { win };
        [
            bound.volume.map(|cents| stake(cents, smaller)),
            bound.liability.map(|cents| stake(cents, win)),
            bound.stake.map(|cents| stake(cents, Ratio::ONE)),
        ]
    });
    by_limits.flatten().fold(house, i64::min)
}
