//! Simulated matches.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod football;
mod tennis;

use overround_domain::markets::{SourceMarket, SourceStatus};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use overround_feed::Applied;
use overround_feed::simulator::{Simulator, Sport};
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

/// What a sport's matches are like.
struct Kind {
    sport: Sport,
    /// How many messages a match has.
    messages: std::ops::Range<usize>,
    types: &'static [&'static str],
    /// Of the match of seed 1: the first prices in hundredths, the last headline, and how many changes there are. Whoever
    /// notes a seed counts on its match: a change of the model must be meant.
    first: (&'static [u32], &'static str, usize),
}

const KINDS: [Kind; 2] = [
    Kind {
        sport: Sport::Football,
        messages: 700..1200,
        types: &[
            "MATCH_ODDS",
            "OVER_UNDER_05",
            "OVER_UNDER_15",
            "OVER_UNDER_25",
            "OVER_UNDER_35",
            "OVER_UNDER_45",
            "BOTH_TEAMS_TO_SCORE",
        ],
        first: (&[360, 330, 226], "Results: Westhaven Harriers 1-1 Port Hallow", 2236),
    },
    Kind {
        sport: Sport::Tennis,
        messages: 450..1400,
        types: &[
            "MATCH_ODDS",
            "SET_WINNER_1",
            "SET_WINNER_2",
            "SET_BETTING",
            "OVER_UNDER_205_GAMES",
            "OVER_UNDER_225_GAMES",
            "OVER_UNDER_245_GAMES",
        ],
        first: (&[395, 130], "Results: S Ferreira Lobo 6-7 5-7 L Vestergaard", 3460),
    },
];

impl Kind {
    fn play(&self, seed: u64) -> Vec<Applied> {
        Simulator::new(self.sport, seed, START).collect()
    }
}

#[test]
fn one_seed_is_one_match() {
    for kind in KINDS {
        assert_eq!(kind.play(7), kind.play(7));
        assert_ne!(kind.play(7), kind.play(8));
    }
}

#[test]
fn the_stream_of_a_seed_is_the_one_it_always_was() {
    for kind in KINDS {
        let items = kind.play(1);
        let (prices, headline, changes) = kind.first;
        let first = items.first().and_then(|item| item.changed.first()).unwrap();
        let found: Vec<Price> = first.outcomes.iter().map(|outcome| outcome.best_back.unwrap()).collect();
        let wanted: Vec<Price> = prices.iter().map(|num| Price::new(*num, 100).unwrap()).collect();
        assert_eq!(found, wanted);
        assert_eq!(items.iter().filter_map(|item| item.headline.as_deref()).next_back(), Some(headline));
        let after_the_first = items.iter().skip(1);
        assert_eq!(after_the_first.map(|item| item.changed.len()).sum::<usize>(), changes);
    }
}

#[test]
fn messages_come_on_the_clock() {
    for kind in KINDS {
        for seed in SEEDS {
            let items = kind.play(seed);
            assert!(kind.messages.contains(&items.len()), "seed {seed}: {} messages", items.len());
            keeps_time(&items);
        }
    }
}

#[test]
fn the_first_message_has_every_market_not_on_sale() {
    for kind in KINDS {
        lists(&kind.play(3), kind.types);
    }
}

#[test]
fn prices_are_fair_and_markets_end_settled() {
    for kind in KINDS {
        for seed in SEEDS {
            let items = kind.play(seed);
            is_fair(&items);
            goes_through_its_states(&items);
        }
    }
}
