//! The simulated match: reproducible, priced throughout, and settled at its end.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use overround_domain::markets::{SourceMarket, SourceStatus};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use overround_feed::Applied;
use overround_feed::simulator::{Phase, Simulator, TICK_MS};
use std::collections::{BTreeMap, BTreeSet};

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const SEEDS: std::ops::Range<u64> = 0..60;

fn play(seed: u64) -> Vec<Applied> {
    Simulator::football(seed, START).collect()
}

/// The history of each market, by its type.
fn histories(items: &[Applied]) -> BTreeMap<String, Vec<SourceMarket>> {
    let mut histories: BTreeMap<String, Vec<SourceMarket>> = BTreeMap::new();
    for market in items.iter().flat_map(|item| &item.changed) {
        histories.entry(market.market_type.clone()).or_default().push(market.clone());
    }
    histories
}

/// The sum of 1/price over the outcomes, in ten-thousandths, rounded up.
fn book(market: &SourceMarket) -> u32 {
    let prices = market.outcomes.iter().map(|outcome| outcome.best_back.unwrap());
    prices.map(|price| (10_000 * price.den()).div_ceil(price.num())).sum()
}

#[test]
fn one_seed_is_one_match() {
    assert_eq!(play(7), play(7));
    assert_ne!(play(7), play(8));
}

#[test]
fn the_stream_of_a_seed_is_the_one_it_always_was() {
    // Whoever notes a seed counts on its match: a change of the model must be meant.
    let mut simulator = Simulator::football(1, START);
    let first = simulator.next().unwrap();
    let prices: Vec<_> = first.changed[0].outcomes.iter().map(|o| o.best_back.unwrap()).collect();
    assert_eq!(prices, [(360, 100), (330, 100), (226, 100)].map(|(num, den)| Price::new(num, den).unwrap()));
    let (mut changes, mut last) = (0, None);
    for item in simulator {
        changes += item.changed.len();
        last = item.headline.or(last);
    }
    assert_eq!(last.as_deref(), Some("Results: Westhaven Harriers 1-1 Port Hallow"));
    assert_eq!(changes, 2236);
}

#[test]
fn messages_come_on_the_clock() {
    for seed in SEEDS {
        let items = play(seed);
        assert!((700..1200).contains(&items.len()), "seed {seed}: {} messages", items.len());
        for (tick, item) in (0_i64..).zip(&items) {
            assert_eq!(item.at, START.plus_millis(tick * TICK_MS));
            assert_eq!(item.heartbeat, item.changed.is_empty());
        }
    }
}

#[test]
fn the_first_message_has_every_market_not_on_sale() {
    let items = play(3);
    let types: Vec<_> = items[0].changed.iter().map(|market| market.market_type.as_str()).collect();
    let expected = [
        "MATCH_ODDS",
        "OVER_UNDER_05",
        "OVER_UNDER_15",
        "OVER_UNDER_25",
        "OVER_UNDER_35",
        "OVER_UNDER_45",
        "BOTH_TEAMS_TO_SCORE",
    ];
    assert_eq!(types, expected);
    assert!(items[0].changed.iter().all(|market| market.status == SourceStatus::Inactive));
}

#[test]
fn prices_are_those_of_a_fair_exchange() {
    for seed in SEEDS {
        for market in play(seed).iter().flat_map(|item| &item.changed) {
            for outcome in &market.outcomes {
                let price = outcome.best_back.unwrap();
                assert!(price >= Price::new(101, 100).unwrap() && price <= Price::new(1000, 1).unwrap());
            }
            let (open, book) = (market.status == SourceStatus::Open, book(market));
            assert!(!open || (9_900..11_000).contains(&book), "seed {seed}: {book} in {market:?}");
        }
    }
}

#[test]
fn markets_go_through_their_states_and_end_settled() {
    for seed in SEEDS {
        for (market_type, history) in histories(&play(seed)) {
            let mut states: Vec<_> = history.iter().map(|m| (m.status, m.in_play)).collect();
            states.dedup();
            let beginning = [
                (SourceStatus::Inactive, false),
                (SourceStatus::Open, false),
                (SourceStatus::Suspended, false),
                (SourceStatus::Open, true),
            ];
            assert_eq!(states[..4], beginning, "seed {seed}, {market_type}");
            assert!(states[4..].iter().all(|(_, in_play)| *in_play));
            let last = history.last().unwrap();
            assert_eq!(last.status, SourceStatus::Closed, "seed {seed}, {market_type}");
            assert_eq!(last.outcomes.iter().filter(|o| o.won == Some(true)).count(), 1);
            assert!(last.outcomes.iter().all(|o| o.won.is_some()));
            let earlier = history.split_last().unwrap().1;
            assert!(earlier.iter().all(|m| m.outcomes.iter().all(|o| o.won.is_none())));
            assert!(history.iter().all(|m| m.bet_delay_ms == if m.in_play { 5_000 } else { 0 }));
        }
    }
}

#[test]
fn winners_follow_from_the_score() {
    let mut results = BTreeSet::new();
    for seed in SEEDS {
        let mut simulator = Simulator::football(seed, START);
        while simulator.next().is_some() {}
        let summary = simulator.summary();
        assert_eq!(summary.phase, Phase::Over);
        let (home, away) = (summary.home_goals, summary.away_goals);
        for market in simulator.markets() {
            let winner = market.outcomes.iter().find(|o| o.won == Some(true)).unwrap().key.as_str();
            let expected = match market.market_type.as_str() {
                "MATCH_ODDS" if home > away => "home",
                "MATCH_ODDS" if home == away => "draw",
                "MATCH_ODDS" => "away",
                "BOTH_TEAMS_TO_SCORE" if home > 0 && away > 0 => "yes",
                "BOTH_TEAMS_TO_SCORE" => "no",
                total => {
                    let line = total.chars().rev().nth(1).and_then(|digit| digit.to_digit(10)).unwrap();
                    if home + away > line { "over" } else { "under" }
                }
            };
            assert_eq!(winner, expected, "seed {seed}: {}", market.market_type);
            results.insert(format!("{} {winner}", market.market_type));
        }
    }
    assert_eq!(results.len(), 15, "sixty matches show every result: {results:?}");
}

#[test]
fn a_goal_suspends_everything_and_settles_what_it_decides() {
    for seed in SEEDS {
        let mut simulator = Simulator::football(seed, START);
        let mut suspended = 0;
        while let Some(item) = simulator.next() {
            let open = simulator.markets().any(|market| market.status == SourceStatus::Open);
            let goals = simulator.summary().home_goals + simulator.summary().away_goals;
            if item.headline.as_ref().is_some_and(|text| text.starts_with("Goal!")) {
                assert!(!open, "seed {seed}: on sale at a goal");
                suspended = 3;
                let decided = simulator.markets().filter(|m| m.status == SourceStatus::Closed).count();
                assert!(decided >= usize::try_from(goals.min(5)).unwrap());
            }
            assert!(suspended == 0 || !open, "seed {seed}: on sale within 30 s of a goal");
            suspended = i32::max(suspended - 1, 0);
        }
    }
}

#[test]
fn goals_are_as_many_as_in_football() {
    let mut goals = 0;
    for seed in 0..200 {
        let mut simulator = Simulator::football(seed, START);
        while simulator.next().is_some() {}
        goals += simulator.summary().home_goals + simulator.summary().away_goals;
    }
    assert!((450..620).contains(&goals), "{goals} goals in 200 matches");
}

#[test]
fn the_headlines_tell_the_match() {
    let headlines: Vec<String> = play(1).into_iter().filter_map(|item| item.headline).collect();
    let told: Vec<&str> = headlines
        .iter()
        .map(|text| text.split([':', '!']).next().unwrap())
        .filter(|what| *what != "Goal")
        .collect();
    assert_eq!(told, ["On sale", "Kick-off", "Half-time", "Second half", "Full time", "Results"]);
}
