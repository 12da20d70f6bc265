//! What a bet must return by the source's own winners, worked out apart from the house's code.

use super::catalogue::{Catalogue, Known};
use super::wire::Terms;
use overround_domain::markets::{MarketKind, OutcomeStatus, SourceStatus, TieRule};

/// How a leg stands by the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not decided, or not by winners alone.
    Open,
    /// Returns this much on one unit.
    Returns(u128, u128),
}

/// A leg of an accepted bet: market and outcome by the source's keys, and the price.
pub type Filled<'a> = (&'a str, &'a str, Terms);

/// What a bet must have returned, in minor units; none while it must be open.
pub fn expected_return(catalogue: &Catalogue, stake_cents: i64, legs: &[Filled<'_>]) -> Option<i64> {
    let standings: Vec<Standing> =
        legs.iter().map(|(market, outcome, price)| standing(catalogue, market, outcome, *price)).collect();
    if standings.iter().any(|standing| matches!(standing, Standing::Returns(0, _))) {
        return Some(0);
    }
    let (mut num, mut den) = (u128::try_from(stake_cents).ok()?, 1_u128);
    for standing in standings {
        let Standing::Returns(n, d) = standing else { return None };
        num = num.checked_mul(n)?;
        den = den.checked_mul(d)?;
        let divisor = gcd(num, den).max(1);
        (num, den) = (num / divisor, den / divisor);
    }
    i64::try_from(num / den).ok()
}

fn standing(catalogue: &Catalogue, market: &str, outcome: &str, price: Terms) -> Standing {
    let Some(known) = catalogue.get(market) else { return Standing::Open };
    let Some(runner) = known.source.outcomes.iter().find(|one| one.key == outcome) else {
        return Standing::Open;
    };
    if runner.status == OutcomeStatus::Removed {
        return Standing::Returns(1, 1);
    }
    if !is_decided(known) {
        return Standing::Open;
    }
    let winners = winners(known);
    match runner.won {
        Some(true) if winners > places(known) => {
            Standing::Returns(price.num.into(), u128::from(price.den) * winners)
        }
        Some(true) => Standing::Returns(price.num.into(), price.den.into()),
        _ => Standing::Returns(0, 1),
    }
}

/// Whether the source's winners alone decide the market.
fn is_decided(known: &Known) -> bool {
    let source = &known.source;
    let takes_part = |status| status == OutcomeStatus::Active;
    let all_told = source.outcomes.iter().all(|one| !takes_part(one.status) || one.won.is_some());
    let winners = winners(known);
    let places = places(known);
    // More winners than places are told apart only where one place is shared by dead heat.
    let clear = winners <= places || (places == 1 && source.tie_rule == TieRule::DeadHeat);
    source.status == SourceStatus::Closed
        && source.kind == MarketKind::Odds
        && all_told
        && winners > 0
        && clear
}

/// How many can win: who is settled at all has a winner, whatever the source counts.
fn places(known: &Known) -> u128 {
    u128::from(known.source.number_of_winners).max(1)
}

fn winners(known: &Known) -> u128 {
    let won = known.source.outcomes.iter().filter(|one| one.won == Some(true));
    won.filter(|one| one.status == OutcomeStatus::Active).count() as u128
}

const fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::House;
    use super::*;
    use overround_domain::ids::MarketId;
    use overround_domain::markets::{MarketStatus, SourceEvent, SourceMarket, SourceOutcome};
    use std::collections::HashMap;
    use uuid::Uuid;

    fn market(key: &str, places: u32, outcomes: &[(&str, OutcomeStatus, Option<bool>)]) -> SourceMarket {
        let outcomes = outcomes.iter().zip(0..).map(|((key, status, won), position)| SourceOutcome {
            key: (*key).to_owned(),
            name: (*key).to_owned(),
            line: None,
            pair: None,
            position,
            status: *status,
            best_back: None,
            won: *won,
        });
        SourceMarket {
            key: key.to_owned(),
            event: SourceEvent {
                key: key.to_owned(),
                name: key.to_owned(),
                sport: "racing".to_owned(),
                starts_at: None,
            },
            market_type: "WIN".to_owned(),
            name: "Win".to_owned(),
            kind: MarketKind::Odds,
            number_of_winners: places,
            tie_rule: TieRule::DeadHeat,
            status: SourceStatus::Closed,
            in_play: false,
            bet_delay_ms: 0,
            outcomes: outcomes.collect(),
        }
    }

    fn house(status: MarketStatus) -> House {
        House {
            market_id: MarketId::from_uuid(Uuid::nil()),
            status,
            recorded: status == MarketStatus::Settled,
            outcomes: HashMap::new(),
        }
    }

    /// What 100 on an outcome at 2.1 must have returned after the source's words, each with the house's
    /// status after it.
    fn returned(words: &[(SourceMarket, MarketStatus)], outcome: &str) -> Option<i64> {
        let mut catalogue = Catalogue::default();
        for (source, status) in words {
            catalogue.note(source.clone(), house(*status));
        }
        expected_return(&catalogue, 100, &[("m", outcome, Terms { num: 21, den: 10 })])
    }

    #[test]
    fn what_counts_is_what_the_house_was_told_in_time_and_by_its_first_rules() {
        use MarketStatus::{Open, Settled};
        use OutcomeStatus::{Active, Removed};
        let (win, lose) = (Some(true), Some(false));
        let open = SourceMarket {
            status: SourceStatus::Open,
            ..market("m", 1, &[("a", Active, None), ("b", Active, None), ("c", Active, None)])
        };
        let won =
            |a, b, places| market("m", places, &[("a", Active, a), ("b", Active, b), ("c", Active, lose)]);
        let without = market("m", 1, &[("a", Active, win), ("b", Active, lose)]);
        let removed = SourceMarket {
            status: SourceStatus::Open,
            ..market("m", 1, &[("a", Active, None), ("b", Active, None), ("c", Removed, None)])
        };
        let ties = SourceMarket { tie_rule: TieRule::DrawIsAnOutcome, ..won(win, win, 1) };
        let unlisted = SourceMarket { outcomes: Vec::new(), ..open.clone() };
        let start = (open.clone(), Open);
        let cases = [
            (
                "a second result",
                vec![(won(win, lose, 1), Settled), (won(lose, win, 1), Settled)],
                [210, 0, 0],
            ),
            ("a runner that is left out", vec![(without, Settled)], [210, 0, 100]),
            ("a runner that comes back", vec![(removed, Open), (won(win, lose, 1), Settled)], [210, 0, 100]),
            ("no list of runners", vec![(unlisted, Open), (won(win, lose, 1), Settled)], [210, 0, 0]),
            ("no places any more", vec![(won(win, lose, 0), Settled)], [210, 0, 0]),
            ("more places than at first", vec![(won(win, win, 2), Settled)], [105, 105, 0]),
            ("another tie rule than at first", vec![(ties, Settled)], [105, 105, 0]),
        ];
        for (what, words, expected) in cases {
            let words = [vec![start.clone()], words].concat();
            for (outcome, expected) in ["a", "b", "c"].into_iter().zip(expected) {
                assert_eq!(returned(&words, outcome), Some(expected), "{what}: {outcome}");
            }
        }
        let never = SourceMarket { number_of_winners: 0, ..won(win, lose, 1) };
        assert_eq!(returned(&[(never, Settled)], "a"), Some(210), "a number that was never known");
    }

    #[test]
    fn returns_follow_the_recorded_winners() {
        use OutcomeStatus::{Active, Removed};
        let mut catalogue = Catalogue::default();
        let (win, lose) = (Some(true), Some(false));
        let clear = [("a", Active, win), ("b", Active, lose), ("c", Removed, None)];
        let heat = [("a", Active, win), ("b", Active, win), ("c", Active, lose)];
        let untold = [("a", Active, None), ("b", Active, None), ("c", Removed, None)];
        for (key, outcomes) in [("clear", clear), ("heat", heat), ("untold", untold)] {
            catalogue.note(market(key, 1, &outcomes), house(MarketStatus::Settled));
        }
        catalogue.note(market("places", 2, &heat), house(MarketStatus::Settled));
        let price = Terms { num: 21, den: 10 };
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<i64>);
        let cases: &[Case<'_>] = &[
            (&[("clear", "a")], Some(210)),
            (&[("clear", "b")], Some(0)),
            (&[("clear", "c")], Some(100)),
            (&[("heat", "a")], Some(105)),
            (&[("places", "b")], Some(210)),
            (&[("untold", "a")], None),
            (&[("untold", "c")], Some(100)),
            (&[("clear", "a"), ("heat", "a")], Some(220)),
            (&[("clear", "b"), ("untold", "a")], Some(0)),
            (&[("clear", "a"), ("untold", "a")], None),
        ];
        for (legs, expected) in cases {
            let legs: Vec<Filled<'_>> =
                legs.iter().map(|(market, outcome)| (*market, *outcome, price)).collect();
            assert_eq!(expected_return(&catalogue, 100, &legs), *expected, "{legs:?}");
        }
    }
}
