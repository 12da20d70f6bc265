//! What one bet may stake: a market's limits, an account's factors, and the house's largest stake (betting rules, "Limits
//! and exposure").

use super::Limits;
use super::market::Market;
use super::ratio::Ratio;
use overround_domain::betting::StakeLimits;
use overround_domain::money::{Cents, Currency};
use std::collections::BTreeMap;

/// What an account's limits are multiplied by, in hundredths, by sport: once where it has none.
pub type Factors = BTreeMap<&'static str, u16>;

/// The limits of a market in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bound {
    pub limits: StakeLimits,
    /// Counts their changes.
    pub version: i64,
}

/// The largest stake at a total price, by the limits of the legs' markets. `in_play` is of the legs as they were shown.
pub fn largest_stake(
    rules: &Limits,
    factors: &Factors,
    currency: Currency,
    legs: &[(&Market, bool)],
    price: Ratio,
) -> i64 {
    let factor = |market: &Market| factors.get(market.said.event.sport.as_str()).copied().unwrap_or(100);
    // The house's own number is lowered by the strictest factor of all, and never raised.
    let strictest = legs.iter().map(|(market, _)| factor(market)).min().unwrap_or(100).min(100);
    let house = Ratio::new(strictest.into(), 100).floor_of(rules.stake_max);
    let win = Ratio::new(price.num.saturating_sub(price.den), price.den);
    let by_market = legs.iter().flat_map(|(market, in_play)| {
        let bound = market.bounds.get(&currency).copied().unwrap_or_default().limits;
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
    by_market.flatten().fold(house, i64::min)
}
