//! The simulated tennis match: reproducible, priced throughout, and settled at its end.

use crate::*;
use overround_feed::simulator::Tennis;
use std::collections::BTreeSet;

fn play(seed: u64) -> Vec<Applied> {
    Tennis::new(seed, START).collect()
}

fn is_on_sale(game: &Tennis) -> bool {
    game.markets().any(|market| market.status == SourceStatus::Open)
}

#[test]
fn winners_follow_from_the_score() {
    let mut results = BTreeSet::new();
    for seed in SEEDS {
        let mut game = Tennis::new(seed, START);
        while game.next().is_some() {}
        let sets = game.score().sets();
        let side = |home: bool| if home { "home" } else { "away" };
        let won = sets.iter().filter(|(home, away)| home > away).count();
        let games: u32 = sets.iter().map(|(home, away)| home + away).sum();
        for market in game.markets() {
            let winner = market.outcomes.iter().find(|o| o.won == Some(true)).unwrap().key.as_str();
            let expected = match market.market_type.as_str() {
                "MATCH_ODDS" => side(won == 2).to_owned(),
                "SET_WINNER_1" => side(sets[0].0 > sets[0].1).to_owned(),
                "SET_WINNER_2" => side(sets[1].0 > sets[1].1).to_owned(),
                "SET_BETTING" => format!("{won}-{}", sets.len() - won),
                total => {
                    let line: u32 = total["OVER_UNDER_".len()..][..2].parse().unwrap();
                    (if games > line { "over" } else { "under" }).to_owned()
                }
            };
            assert_eq!(winner, expected, "seed {seed}: {} at {game}", market.market_type);
            results.insert(format!("{} {winner}", market.market_type));
        }
    }
    assert_eq!(results.len(), 16, "sixty matches show every result: {results:?}");
}

#[test]
fn sale_stops_before_a_break_a_set_and_the_match_and_what_is_decided_is_closed() {
    for seed in SEEDS {
        let mut game = Tennis::new(seed, START);
        let mut was_on_sale = false;
        while let Some(item) = game.next() {
            let sets = game.score().sets().len();
            if let Some(text) = item.headline
                && ["Break", "Set", "Game, set"].iter().any(|what| text.starts_with(what))
            {
                assert!(!was_on_sale, "seed {seed}: on sale before {text}");
                let decided = game.markets().filter(|m| m.status == SourceStatus::Closed).count();
                assert!(decided >= sets.min(2), "seed {seed}: {text}");
            }
            was_on_sale = is_on_sale(&game);
        }
    }
}

#[test]
fn matches_are_as_long_as_in_tennis() {
    let (mut games, mut thirds) = (0, 0);
    for seed in 0..200 {
        let mut game = Tennis::new(seed, START);
        while game.next().is_some() {}
        let sets = game.score().sets();
        games += sets.iter().map(|(home, away)| home + away).sum::<u32>();
        thirds += usize::from(sets.len() == 3);
    }
    assert!((4_400..5_200).contains(&games), "{games} games in 200 matches");
    assert!((60..120).contains(&thirds), "{thirds} of 200 matches went to a third set");
}

#[test]
fn the_headlines_tell_the_match() {
    let headlines: Vec<String> = play(1).into_iter().filter_map(|item| item.headline).collect();
    let told: Vec<&str> = headlines
        .iter()
        .map(|text| text.split([':', ',']).next().unwrap())
        .filter(|what| *what != "Break")
        .collect();
    assert_eq!(told.first().zip(told.last()), Some((&"On sale", &"Results")));
    assert!(told.contains(&"Play") && told.contains(&"Set") && told.contains(&"Game"), "{told:?}");
}
