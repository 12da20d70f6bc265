use super::{Exposure, ExposureError, Figures, OpenBet, Shape, total_stakes, worst};
use crate::betting::{BetKind, LegResult, leg_factor};
use crate::ids::{MarketId, OutcomeId};
use crate::markets::{Line, LineBet, MarketKind, line_result};
use crate::money::{Cents, Currency};
use crate::test_support::{cents, config, price, uuid};
use num_rational::BigRational;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn market(n: u64) -> MarketId {
    MarketId::from_uuid(uuid(n))
}

fn outcome(n: u64) -> OutcomeId {
    OutcomeId::from_uuid(uuid(100 + n))
}

fn bet(stake: i64, payout: i64, legs: &[(u64, u64)]) -> OpenBet {
    OpenBet {
        kind: BetKind::of_legs(legs.len()),
        currency: Currency::EUR,
        stake: cents(stake),
        payout: cents(payout),
        legs: legs.iter().map(|(of, on)| (market(*of), outcome(*on))).collect(),
    }
}

fn odds(number_of_winners: usize) -> Shape {
    Shape { kind: MarketKind::Odds, number_of_winners, pairs: BTreeMap::new() }
}

#[test]
fn a_single_counts_by_its_outcome_and_a_parlay_apart_on_each_leg() {
    let mut one = Exposure::default();
    one.open(market(1), &bet(100, 250, &[(1, 1)])).unwrap();
    one.open(market(1), &bet(10, 90, &[(1, 1), (2, 5)])).unwrap();
    let figures = Figures { stakes: cents(100), payouts: cents(250), multiples: cents(90) };
    assert_eq!(one.0[&Currency::EUR], BTreeMap::from([(outcome(1), figures)]));
    one.close(market(1), &bet(100, 250, &[(1, 1)])).unwrap();
    assert_eq!(one.close(market(1), &bet(100, 250, &[(1, 1)])), Err(ExposureError), "it is closed once");
    let mut other = Exposure::default();
    other.open(market(2), &bet(10, 90, &[(1, 1), (2, 5)])).unwrap();
    other.close(market(2), &bet(10, 90, &[(1, 1), (2, 5)])).unwrap();
    assert_eq!(other, Exposure::default(), "nothing is left of what is closed");
}

#[test]
fn the_worst_is_what_the_winners_are_paid_less_all_stakes() {
    let of =
        |stakes, payouts| Figures { stakes: cents(stakes), payouts: cents(payouts), multiples: cents(7) };
    let outcomes =
        BTreeMap::from([(outcome(1), of(100, 250)), (outcome(2), of(200, 300)), (outcome(3), of(50, 500))]);
    assert_eq!(total_stakes(&outcomes), Ok(cents(350)));
    for (winners, expected) in [(1, 150), (2, 450), (3, 700), (9, 700), (0, 700)] {
        assert_eq!(worst(&outcomes, &odds(winners)), Ok(cents(expected)), "{winners}");
    }
    assert_eq!(worst(&BTreeMap::new(), &odds(1)), Ok(Cents::ZERO));
    let balanced = BTreeMap::from([(outcome(1), of(100, 190)), (outcome(2), of(100, 190))]);
    assert_eq!(worst(&balanced, &odds(1)), Ok(cents(-10)), "the house wins in any case");
}

/// The stakes on both sides of a handicap of each line, at 1.90.
fn on_lines(stakes: &[(i32, i64, i64)]) -> (BTreeMap<OutcomeId, Figures>, Shape) {
    let (mut outcomes, mut pairs) = (BTreeMap::new(), BTreeMap::new());
    for (n, (_, home, away)) in (0_u64..).zip(stakes) {
        for (side, stake) in [(0, home), (1, away)] {
            let id = outcome(2 * n + side);
            pairs.insert(id, i32::try_from(n).unwrap());
            let figures =
                Figures { stakes: cents(*stake), payouts: cents(stake * 19 / 10), multiples: Cents::ZERO };
            outcomes.insert(id, figures);
        }
    }
    (outcomes, Shape { kind: MarketKind::Line, number_of_winners: 0, pairs })
}

/// What the house loses on those stakes at a final margin, by the formula that settles legs.
fn lost_at(stakes: &[(i32, i64, i64)], margin: i32) -> BigRational {
    let amount = |stake: i64| BigRational::from_integer(stake.into());
    let returned = |stake: i64, result: &LegResult| amount(stake) * leg_factor(price(19, 10), result);
    let side =
        |own, opponent, line| line_result(LineBet::Handicap { own, opponent }, Line::from_quarters(line));
    stakes
        .iter()
        .map(|(line, home, away)| {
            let (won, lost) = (side(margin, 0, *line), side(0, margin, -*line));
            returned(*home, &won) + returned(*away, &lost) - amount(home + away)
        })
        .sum()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_margin_of_a_line_market_costs_more_than_the_worst(
        stakes in proptest::collection::vec((-12_i32..12, 0_i64..1000, 0_i64..1000), 1..6),
    ) {
        // Whole tens, so that payouts at 1.90 have no floor.
        let stakes: Vec<_> = stakes.into_iter().map(|(line, home, away)| (line, home * 10, away * 10)).collect();
        let (outcomes, shape) = on_lines(&stakes);
        let most = BigRational::from_integer(worst(&outcomes, &shape).unwrap().get().into());
        for margin in -6..=6 {
            prop_assert!(lost_at(&stakes, margin) <= most, "{margin}");
        }
    }

    #[test]
    fn whatever_was_opened_and_closed_the_figures_are_those_of_what_is_open(
        bets in proptest::collection::vec(((1_i64..1000, 1_i64..9000, 1_u64..4, any::<bool>()), any::<bool>()), 0..30),
    ) {
        let made = |(stake, payout, on, parlay): (i64, i64, u64, bool)| {
            let legs: &[(u64, u64)] = if parlay { &[(1, on), (2, 9)] } else { &[(1, on)] };
            bet(stake, payout, legs)
        };
        let (mut folded, mut open) = (Exposure::default(), Exposure::default());
        for (of, _) in &bets {
            folded.open(market(1), &made(*of)).unwrap();
        }
        for (of, stays) in &bets {
            if *stays {
                open.open(market(1), &made(*of)).unwrap();
            } else {
                folded.close(market(1), &made(*of)).unwrap();
            }
        }
        prop_assert_eq!(folded, open);
    }
}
