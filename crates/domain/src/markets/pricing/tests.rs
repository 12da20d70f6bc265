use super::{PricedOutcome, house_prices};
use crate::markets::{Margin, MarginBps, MarginMethod, MarketKind};
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

fn margin(method: MarginMethod, bps: u32) -> Margin {
    Margin { method, bps: MarginBps::new(bps).unwrap() }
}

fn proportional(bps: u32) -> Margin {
    margin(MarginMethod::Proportional, bps)
}

fn power(bps: u32) -> Margin {
    margin(MarginMethod::Power, bps)
}

fn any_margin() -> impl Strategy<Value = Margin> {
    let methods = proptest::sample::select(MarginMethod::ALL);
    (methods, 0..3_000_u32).prop_map(|(method, bps)| margin(method, bps))
}

fn odds(number_of_winners: u32, best_backs: &[Price], margin_bps: u32) -> Vec<String> {
    let outcomes: Vec<_> = best_backs.iter().copied().map(outcome).collect();
    shown(&house_prices(MarketKind::Odds, number_of_winners, &outcomes, proportional(margin_bps)))
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

/// From a fair book of 1/4, 3/4, with 5 %: (1/4)^k + (3/4)^k = 1.05 at k = 0.914722..., 3.554 and 1.301 floored.
#[test]
fn the_power_method_takes_more_from_the_long_shot() {
    let outcomes = [outcome(price(4, 1)), outcome(price(4, 3))];
    let prices = |margin| shown(&house_prices(MarketKind::Odds, 1, &outcomes, margin));
    assert_eq!(prices(proportional(500)), ["3.80", "1.26"]);
    assert_eq!(prices(power(500)), ["3.55", "1.30"]);
    assert_eq!(prices(power(0)), prices(proportional(0)), "without a margin they agree");
    let evens = [outcome(price(2, 1)); 2];
    let of_evens = |margin| house_prices(MarketKind::Odds, 1, &evens, margin);
    assert_eq!(of_evens(power(500)), of_evens(proportional(500)), "and on equal chances");
}

#[test]
fn of_several_winners_a_sure_one_leaves_no_price_by_either_method() {
    // Of 1.01, 10 and 10 two win: the first with a probability above one.
    let outcomes = [outcome(price(101, 100)), outcome(price(10, 1)), outcome(price(10, 1))];
    assert_eq!(shown(&house_prices(MarketKind::Odds, 2, &outcomes, proportional(400)))[0], "-");
    assert_eq!(shown(&house_prices(MarketKind::Odds, 2, &outcomes, power(400))), ["-"; 3]);
    let evens = [outcome(price(2, 1)); 4];
    assert_eq!(shown(&house_prices(MarketKind::Odds, 2, &evens, power(400))), ["1.92"; 4]);
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
    let prices =
        |outcomes: &[PricedOutcome]| shown(&house_prices(MarketKind::Odds, 1, outcomes, proportional(400)));
    assert_eq!(prices(&[a, b, unpriced]), ["-", "-", "-"]);
    assert_eq!(prices(&[a, removed, b]), ["1.92", "-", "1.92"], "a non-runner leaves no gap");
    assert_eq!(prices(&[a]), ["-"], "one outcome alone is no book");
    assert_eq!(prices(&[]), [""; 0]);
    assert_eq!(shown(&house_prices(MarketKind::Odds, 0, &[a, b], proportional(400))), ["-", "-"]);
    assert_eq!(shown(&house_prices(MarketKind::Odds, 2, &[a, b], proportional(400))), ["-", "-"]);
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
    let prices = house_prices(MarketKind::Line, 0, &outcomes, proportional(400));
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
        margin in any_margin(),
    ) {
        let outcomes: Vec<_> = best_backs.iter().copied().map(outcome).collect();
        let prices = house_prices(MarketKind::Odds, number_of_winners, &outcomes, margin);
        prop_assert_eq!(prices.len(), outcomes.len());
        for (price, best) in prices.iter().zip(&best_backs) {
            prop_assert!(price.is_none_or(|price| price <= *best && price.is_on_ladder()));
        }
        let all: Option<Vec<Price>> = prices.into_iter().collect();
        if let Some(all) = all {
            let margined = BigRational::new(BigInt::from(10_000 + margin.bps.get()) * number_of_winners, 10_000.into());
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
        for (offered, best) in house_prices(MarketKind::Odds, 1, &outcomes, proportional(margin_bps)).iter().zip(&best_backs) {
            let exact = BigRational::new(best.num().into(), best.den().into());
            let fair = &exact * &sum / &margined;
            let value = |price: Price| BigRational::new(price.num().into(), price.den().into());
            let highest = crate::odds::ladder().filter(|step| value(*step) <= fair && *step <= *best).last();
            prop_assert_eq!(*offered, highest);
        }
    }

    #[test]
    fn the_shorter_price_stays_the_shorter(
        best_backs in proptest::collection::vec(any_price(), 2..12),
        margin in any_margin(),
    ) {
        let outcomes: Vec<_> = best_backs.iter().copied().map(outcome).collect();
        let prices = house_prices(MarketKind::Odds, 1, &outcomes, margin);
        let mut pairs: Vec<_> = best_backs.iter().zip(&prices).collect();
        pairs.sort();
        prop_assert!(pairs.is_sorted_by_key(|(_, price)| **price), "{:?}", pairs);
    }

    /// The power method's prices by floating point, which the domain has none of, from the formula itself.
    #[test]
    fn the_power_method_is_its_formula(
        hundredths in proptest::collection::vec(105..20_000_u32, 2..12),
        margin_bps in 1..2_000_u32,
    ) {
        let best_backs: Vec<Price> = hundredths.iter().map(|hundredths| price(*hundredths, 100)).collect();
        let outcomes: Vec<_> = best_backs.iter().copied().map(outcome).collect();
        let q: Vec<f64> = hundredths.iter().map(|hundredths| 100.0 / f64::from(*hundredths)).collect();
        let fair: Vec<f64> = q.iter().map(|one| one / q.iter().sum::<f64>()).collect();
        let wanted = 1.0 + f64::from(margin_bps) / 10_000.0;
        prop_assume!(wanted < f64::from(u32::try_from(fair.len()).unwrap()) * 0.99);
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let k = f64::midpoint(low, high);
            if fair.iter().map(|p| p.powf(k)).sum::<f64>() >= wanted { low = k } else { high = k }
        }
        let house = house_prices(MarketKind::Odds, 1, &outcomes, power(margin_bps));
        for ((offered, best), p) in house.iter().zip(&best_backs).zip(fair) {
            let value = |price: Price| f64::from(price.num()) / f64::from(price.den());
            let exact = p.powf(-low).min(value(*best));
            let floor = |above: f64| crate::odds::ladder().filter(|step| value(*step) <= above).last();
            // On a step of the ladder a last digit decides.
            prop_assert!(*offered == floor(exact - 1e-9) || *offered == floor(exact + 1e-9), "{:?} {}", offered, exact);
        }
    }

    #[test]
    fn a_prices_place_in_the_list_does_not_matter(
        best_backs in proptest::collection::vec(any_price(), 2..12),
    ) {
        let outcomes: Vec<_> = best_backs.iter().copied().map(outcome).collect();
        let turned: Vec<_> = outcomes.iter().rev().copied().collect();
        let mut prices = house_prices(MarketKind::Odds, 1, &turned, proportional(400));
        prices.reverse();
        prop_assert_eq!(house_prices(MarketKind::Odds, 1, &outcomes, proportional(400)), prices);
    }
}
