//! Simulated matches.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod football;
mod tennis;

use overround_domain::markets::{SourceMarket, SourceStatus};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use overround_feed::Applied;
use std::collections::BTreeMap;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const SEEDS: std::ops::Range<u64> = 0..60;

/// The history of each market, by its type.
pub(crate) fn histories(items: &[Applied]) -> BTreeMap<String, Vec<SourceMarket>> {
    let mut histories: BTreeMap<String, Vec<SourceMarket>> = BTreeMap::new();
    for market in items.iter().flat_map(|item| &item.changed) {
        histories.entry(market.market_type.clone()).or_default().push(market.clone());
    }
    histories
}

/// The sum of 1/price over the outcomes, in ten-thousandths, rounded up.
pub(crate) fn book(market: &SourceMarket) -> u32 {
    let prices = market.outcomes.iter().map(|outcome| outcome.best_back.unwrap());
    prices.map(|price| (10_000 * price.den()).div_ceil(price.num())).sum()
}

/// Whether every price that is shown is one of an exchange's, and every book that is on sale is about fair.
pub(crate) fn is_fair(items: &[Applied]) {
    for market in items.iter().flat_map(|item| &item.changed) {
        for outcome in &market.outcomes {
            let price = outcome.best_back.unwrap();
            assert!(price >= Price::new(101, 100).unwrap() && price <= Price::new(1000, 1).unwrap());
        }
        let (open, book) = (market.status == SourceStatus::Open, book(market));
        assert!(!open || (9_900..11_000).contains(&book), "{book} in {market:?}");
    }
}

/// Whether every market is listed, sold, stopped, sold in play with a delay, and closed with one winner.
pub(crate) fn goes_through_its_states(items: &[Applied]) {
    for (market_type, history) in histories(items) {
        let mut states: Vec<_> = history.iter().map(|m| (m.status, m.in_play)).collect();
        states.dedup();
        let beginning = [
            (SourceStatus::Inactive, false),
            (SourceStatus::Open, false),
            (SourceStatus::Suspended, false),
            (SourceStatus::Open, true),
        ];
        let (first, rest) = states.split_at_checked(beginning.len()).unwrap();
        assert_eq!(first, beginning, "{market_type}");
        assert!(rest.iter().all(|(_, in_play)| *in_play));
        let last = history.last().unwrap();
        assert_eq!(last.status, SourceStatus::Closed, "{market_type}");
        assert_eq!(last.outcomes.iter().filter(|o| o.won == Some(true)).count(), 1);
        assert!(last.outcomes.iter().all(|o| o.won.is_some()));
        let earlier = history.split_last().unwrap().1;
        assert!(earlier.iter().all(|m| m.outcomes.iter().all(|o| o.won.is_none())));
        assert!(history.iter().all(|m| m.bet_delay_ms == if m.in_play { 5_000 } else { 0 }));
    }
}

/// Whether messages come on the clock.
pub(crate) fn keeps_time(items: &[Applied]) {
    for (tick, item) in (0_i64..).zip(items) {
        assert_eq!(item.at, START.plus_millis(tick * overround_feed::simulator::TICK_MS));
        assert_eq!(item.heartbeat, item.changed.is_empty());
    }
}

/// Whether the first message has the markets of these types, not on sale.
pub(crate) fn lists(items: &[Applied], types: &[&str]) {
    let listed = items.first().map(|item| item.changed.as_slice()).unwrap_or_default();
    assert!(listed.iter().map(|market| market.market_type.as_str()).eq(types.iter().copied()), "{listed:?}");
    assert!(listed.iter().all(|market| market.status == SourceStatus::Inactive));
}
