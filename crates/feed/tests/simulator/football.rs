//! The simulated football match: reproducible, priced throughout, and settled at its end.

use crate::*;
use overround_feed::simulator::{Football, Phase};
use std::collections::BTreeSet;

fn play(seed: u64) -> Vec<Applied> {
    Football::new(seed, START).collect()
}

#[test]
fn winners_follow_from_the_score() {
    let mut results = BTreeSet::new();
    for seed in SEEDS {
        let mut simulator = Football::new(seed, START);
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
        let mut simulator = Football::new(seed, START);
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
        let mut simulator = Football::new(seed, START);
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
