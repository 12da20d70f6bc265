use super::{PricedOutcome, house_prices};
use crate::markets::MarketKind;
use crate::odds::Price;
use crate::test_support::{any_price, config, price};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use proptest::prelude::*;

fn outcome(best_back: Price) -> PricedOutcome {
    PricedOutcome { active: true, pair: None, best_back: Some(best_back) }
}

fn on_pair(pair: u32, best_back: Price) -> PricedOutcome {
    PricedOutcome { pair: Some(pair), ..outcome(best_back) }
}

/// Decimals of the house's prices, `-` for none.
fn shown(prices: &[Option<Price>]) -> Vec<String> {
    prices.iter().map(|price| price.map_or_else(|| "-".to_owned(), Price::decimal)).collect()
}

fn odds(number_of_winners: u32, best_backs: &[Price], margin_bps: u32) -> Vec<String> {
    let outcomes: Vec<_> = best_backs.iter().copied().map(outcome).collect();
    shown(&house_prices(MarketKind::Odds, number_of_winners, &outcomes, margin_bps))
}

#[test]
fn prices_worked_by_hand() {
    let (evens, fair3) = (price(2, 1), price(3, 1));
    // q = 1/2 each, 0.52 with 4 %: 1.923 floored.
    assert_eq!(odds(1, &[evens, evens], 400), ["1.92", "1.92"]);
    // No margin and a book of exactly one: the source's prices.
    assert_eq!(odds(1, &[evens, evens], 0), ["2.00", "2.00"]);
    // A book of 0.9 normalized would give 2.70 for 3.00: 3 * 0.9 / 1.04 = 2.596 floored to a step of 0.02.
    assert_eq!(odds(1, &[price(10, 3), price(10, 3), price(10, 3)], 400), ["2.88", "2.88", "2.88"]);
    // Overround source: 4 outcomes at 3.00, normalized 1/4 each, 4.00 fair, but never above 3.00.
    assert_eq!(odds(1, &[fair3; 4], 400), ["3.00", "3.00", "3.00", "3.00"]);
    // Two of four win: q = 1/2 each.
    assert_eq!(odds(2, &[evens; 4], 400), ["1.92", "1.92", "1.92", "1.92"]);
}

#[test]
fn a_price_below_the_ladder_is_not_offered() {
    assert_eq!(odds(1, &[price(101, 100), price(100, 1)], 400), ["-", "95.00"]);
}

#[test]
fn a_book_with_a_gap_has_no_prices() {
    let unpriced = PricedOutcome { best_back: None, ..outcome(price(2, 1)) };
    let removed = PricedOutcome { active: false, ..outcome(price(9, 1)) };
    let (a, b) = (outcome(price(2, 1)), outcome(price(2, 1)));
    let prices = |outcomes: &[PricedOutcome]| shown(&house_prices(MarketKind::Odds, 1, outcomes, 400));
    assert_eq!(prices(&[a, b, unpriced]), ["-", "-", "-"]);
    assert_eq!(prices(&[a, removed, b]), ["1.92", "-", "1.92"], "a non-runner leaves no gap");
    assert_eq!(prices(&[a]), ["-"], "one outcome alone is no book");
    assert_eq!(prices(&[]), [""; 0]);
    assert_eq!(shown(&house_prices(MarketKind::Odds, 0, &[a, b], 400)), ["-", "-"]);
    assert_eq!(shown(&house_prices(MarketKind::Odds, 2, &[a, b], 400)), ["-", "-"]);
}

#[test]
fn each_pair_of_a_line_market_is_a_book() {
    let evens = price(2, 1);
    let unpriced = PricedOutcome { best_back: None, ..on_pair(2, evens) };
    let outcomes = [
        on_pair(1, evens),
        on_pair(2, evens),
        on_pair(1, evens),
        unpriced,
        on_pair(3, evens),
        outcome(evens),
    ];
    let prices = house_prices(MarketKind::Line, 0, &outcomes, 400);
    assert_eq!(shown(&prices), ["1.92", "-", "1.92", "-", "-", "-"]);
}

/// The sum of 1/price.
fn overround(prices: &[Price]) -> BigRational {
    let q = |price: &Price| BigRational::new(price.den().into(), price.num().into());
    prices.iter().map(q).fold(BigRational::zero(), |sum, q| sum + q)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_book_favours_the_house_and_never_beats_the_source(
        best_backs in proptest::collection::vec(any_price(), 2..40),
        number_of_winners in 1..4_u32,
        margin_bps in 0..3_000_u32,
    ) {
        let outcomes: Vec<_> = best_backs.iter().copied().map(outcome).collect();
        let prices = house_prices(MarketKind::Odds, number_of_winners, &outcomes, margin_bps);
        prop_assert_eq!(prices.len(), outcomes.len());
        for (price, best) in prices.iter().zip(&best_backs) {
            prop_assert!(price.is_none_or(|price| price <= *best && price.is_on_ladder()));
        }
        let all: Option<Vec<Price>> = prices.into_iter().collect();
        if let Some(all) = all {
            let margined = BigRational::new(BigInt::from(10_000 + margin_bps) * number_of_winners, 10_000.into());
            prop_assert!(overround(&all) >= margined);
        }
    }

    /// One step up the ladder a price would be above 1/q with margin, or above the source's.
    #[test]
    fn no_price_is_lower_than_it_must_be(
        best_backs in proptest::collection::vec(any_price(), 2..12),
        margin_bps in 0..3_000_u32,
    ) {
        let outcomes: Vec<_> = best_backs.iter().copied().map(outcome).collect();
        let sum = overround(&best_backs);
        let margined = BigRational::new(BigInt::from(10_000 + margin_bps), 10_000.into());
        for (offered, best) in house_prices(MarketKind::Odds, 1, &outcomes, margin_bps).iter().zip(&best_backs) {
            let exact = BigRational::new(best.num().into(), best.den().into());
            let fair = &exact * &sum / &margined;
            let value = |price: Price| BigRational::new(price.num().into(), price.den().into());
            let highest = crate::odds::ladder().filter(|step| value(*step) <= fair && *step <= *best).last();
            prop_assert_eq!(*offered, highest);
        }
    }

    #[test]
    fn a_prices_place_in_the_list_does_not_matter(
        best_backs in proptest::collection::vec(any_price(), 2..12),
    ) {
        let outcomes: Vec<_> = best_backs.iter().copied().map(outcome).collect();
        let turned: Vec<_> = outcomes.iter().rev().copied().collect();
        let mut prices = house_prices(MarketKind::Odds, 1, &turned, 400);
        prices.reverse();
        prop_assert_eq!(house_prices(MarketKind::Odds, 1, &outcomes, 400), prices);
    }
}
