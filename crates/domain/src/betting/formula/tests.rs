use super::{Fraction, FractionError, LegResult, VoidFactor, free_bet_return, leg_factor, stake_share};
use crate::money::Cents;
use crate::odds::Price;
use crate::test_support::{any_price, any_result, cents, config, fraction, price};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Zero};
use proptest::prelude::*;

fn ratio(num: i64, den: i64) -> BigRational {
    BigRational::new(num.into(), den.into())
}

fn value(price: Price) -> BigRational {
    ratio(price.num().into(), price.den().into())
}

fn void() -> LegResult {
    LegResult::refund(Some("CANCELLED".to_owned()))
}

/// Half void, and in a dead heat of two for the rest.
fn half_void_dead_heat() -> LegResult {
    LegResult { void: VoidFactor::Half, ..LegResult::dead_heat(fraction(1, 2)) }
}

#[test]
fn what_each_result_returns_of_one_unit() {
    // At -110, which is 21/11: result, f, g.
    let cases = [
        (LegResult::lose(), (0, 1), (0, 1)),
        (LegResult::win(), (21, 11), (1, 1)),
        (LegResult::refund(None), (1, 1), (1, 1)),
        (void(), (1, 1), (1, 1)),
        (LegResult::half_win(), (16, 11), (1, 1)),
        (LegResult::half_lose(), (1, 2), (1, 2)),
        (LegResult::dead_heat(fraction(1, 2)), (21, 22), (1, 2)),
        (LegResult::dead_heat(fraction(2, 3)), (14, 11), (2, 3)),
        (LegResult::dead_heat(Fraction::ONE), (21, 11), (1, 1)),
        (half_void_dead_heat(), (43, 44), (3, 4)),
        // What is void cannot win, and what lost has no place to share.
        (LegResult { won: true, ..void() }, (1, 1), (1, 1)),
        (LegResult { won: false, ..LegResult::dead_heat(fraction(1, 2)) }, (0, 1), (0, 1)),
    ];
    for (result, f, g) in cases {
        assert_eq!(leg_factor(price(21, 11), &result), ratio(f.0, f.1), "f of {result:?}");
        assert_eq!(stake_share(&result), ratio(g.0, g.1), "g of {result:?}");
    }
}

#[test]
fn what_is_said_of_each_result() {
    let [none, half, full] = [VoidFactor::None, VoidFactor::Half, VoidFactor::Full];
    let reason = Some("CANCELLED".to_owned());
    // Won, void, h, reason; returns nothing, won in full, void by decree.
    let cases = [
        (LegResult::win(), (true, none, Fraction::ONE, None), [false, true, false]),
        (LegResult::lose(), (false, none, Fraction::ONE, None), [true, false, false]),
        (LegResult::refund(None), (false, full, Fraction::ONE, None), [false, false, false]),
        (void(), (false, full, Fraction::ONE, reason), [false, false, true]),
        (LegResult::half_win(), (true, half, Fraction::ONE, None), [false, false, false]),
        (LegResult::half_lose(), (false, half, Fraction::ONE, None), [false, false, false]),
        (LegResult::dead_heat(fraction(1, 3)), (true, none, fraction(1, 3), None), [false, false, false]),
    ];
    for (result, (won, void, dead_heat, void_reason), said) in cases {
        assert_eq!(result, LegResult { won, void, dead_heat, void_reason });
        assert_eq!(
            [result.returns_nothing(), result.won_in_full(), result.is_void_by_decree()],
            said,
            "{result:?}"
        );
    }
}

#[test]
fn a_half_void_leg_is_not_void_by_decree() {
    let result = LegResult { void_reason: Some("CANCELLED".to_owned()), ..LegResult::half_lose() };
    assert!(!result.is_void_by_decree());
}

#[test]
fn a_win_of_no_share_returns_nothing() {
    assert!(LegResult::dead_heat(fraction(0, 1)).returns_nothing());
}

#[test]
fn what_a_free_bet_pays() {
    let (win, push, half_lose) = (LegResult::win(), LegResult::refund(None), LegResult::half_lose());
    let (shared, p19) = (LegResult::dead_heat(fraction(1, 2)), price(19, 10));
    let (p2, p3, p21_11) = (price(2, 1), price(3, 1), price(21, 11));
    let cases = [
        (1000, vec![(p19, &win)], 900),
        (1000, vec![(p19, &shared)], 450),
        (1000, vec![(p19, &push)], 0),
        (1000, vec![(p19, &half_lose)], 0),
        (1000, vec![(p2, &win), (p3, &win)], 5000),
        (1000, vec![(p2, &win), (p3, &push)], 1000),
        // f is 3 * 1/2 and g is 1/2.
        (1000, vec![(p2, &half_lose), (p3, &win)], 1000),
        (1000, vec![(p19, &push), (p3, &push)], 0),
        // 267.1; with a floor after each leg it would be 265.
        (101, vec![(p21_11, &win), (p21_11, &win)], 267),
        (0, vec![(p3, &win)], 0),
    ];
    for (stake, legs, paid) in cases {
        let legs: Vec<(Price, LegResult)> =
            legs.into_iter().map(|(price, result)| (price, result.clone())).collect();
        assert_eq!(free_bet_return(cents(stake), &legs), Some(cents(paid)), "{stake} on {legs:?}");
    }
}

#[test]
fn a_free_bet_past_64_bits_pays_none() {
    let won = |legs: usize, price| vec![(price, LegResult::win()); legs];
    let most = cents(i64::MAX);
    assert_eq!(free_bet_return(most, &won(1, price(2, 1))), Some(most));
    assert_eq!(free_bet_return(most, &won(1, price(200_001, 100_000))), None);
    assert_eq!(free_bet_return(cents(1), &won(20, price(1_000_000, 1))), None);
}

#[test]
fn twenty_legs_of_a_free_bet_are_exact() {
    // The terms of the product have 120 and 115 digits.
    let legs = vec![(price(999_999, 500_000), LegResult::win()); 20];
    assert_eq!(free_bet_return(cents(1000), &legs), Some(cents(1_048_554_028)));
}

#[test]
fn fractions_are_from_zero_to_one_in_lowest_terms() {
    let cases = [
        ((0, 1), (0, 1)),
        ((0, 7), (0, 1)),
        ((1, 1), (1, 1)),
        ((2, 4), (1, 2)),
        ((1_000_000, 1_000_000), (1, 1)),
        ((1, 1_000_000), (1, 1_000_000)),
    ];
    for ((num, den), lowest) in cases {
        let fraction = fraction(num, den);
        assert_eq!((fraction.num(), fraction.den()), lowest, "{num}/{den}");
    }
    for (num, den) in [(0, 0), (1, 0), (2, 1), (1, 1_000_001), (1_000_001, 1_000_001), (u32::MAX, u32::MAX)] {
        assert_eq!(Fraction::new(num, den), Err(FractionError), "{num}/{den}");
    }
}

#[test]
fn what_is_no_fraction_is_refused_on_reading() {
    let texts = [
        r#"{"num":2,"den":1}"#,
        r#"{"num":1,"den":0}"#,
        r#"{"num":-1,"den":2}"#,
        r#"{"num":0.5,"den":1}"#,
        r#"{"num":1}"#,
        r#""1/2""#,
        "0.5",
    ];
    for text in texts {
        assert!(serde_json::from_str::<Fraction>(text).is_err(), "{text}");
    }
    assert_eq!(serde_json::from_str::<Fraction>(r#"{"num":2,"den":4}"#).unwrap(), fraction(1, 2));
}

/// v, as a number of halves.
fn halves(void: VoidFactor) -> u32 {
    match void {
        VoidFactor::None => 0,
        VoidFactor::Half => 1,
        VoidFactor::Full => 2,
    }
}

/// (1 - v) * r * h, as whole numbers over one another.
fn share_won(result: &LegResult) -> (u64, u64) {
    let won = u64::from(2 - halves(result.void)) * u64::from(result.won) * u64::from(result.dead_heat.num());
    (won, 2 * u64::from(result.dead_heat.den()))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn f_and_g_are_the_written_formula(price in any_price(), result in any_result()) {
        let ((won, of), v) = (share_won(&result), halves(result.void));
        // Each over the common denominator 2 * (2 * h's) * p's.
        let (won, of, v) = (u128::from(won), u128::from(of), u128::from(v));
        let (num, den) = (u128::from(price.num()), u128::from(price.den()));
        let f = BigRational::new(BigInt::from(v * of * den + 2 * won * num), BigInt::from(2 * of * den));
        let g = BigRational::new(BigInt::from(v * of + 2 * won), BigInt::from(2 * of));
        prop_assert_eq!(leg_factor(price, &result), f);
        prop_assert_eq!(stake_share(&result), g);
    }

    #[test]
    fn the_stakes_share_is_from_nothing_to_all_of_it(result in any_result()) {
        let g = stake_share(&result);
        prop_assert!(g >= BigRational::zero() && g <= BigRational::one());
    }

    #[test]
    fn a_leg_returns_between_the_stakes_share_and_that_at_the_price(
        price in any_price(),
        result in any_result(),
    ) {
        let (f, g) = (leg_factor(price, &result), stake_share(&result));
        prop_assert!(g <= f && f <= g * value(price));
    }

    #[test]
    fn a_longer_price_never_returns_less(one in any_price(), other in any_price(), result in any_result()) {
        let (shorter, longer) = (one.min(other), one.max(other));
        prop_assert!(leg_factor(shorter, &result) <= leg_factor(longer, &result));
    }

    #[test]
    fn the_predicates_are_true_of_f(price in any_price(), result in any_result()) {
        let f = leg_factor(price, &result);
        prop_assert_eq!(result.returns_nothing(), f.is_zero());
        prop_assert_eq!(result.won_in_full(), f == value(price));
        prop_assert!(!result.is_void_by_decree() || f.is_one());
    }

    /// `S * (1 - v) * r * h * (p - 1)`.
    #[test]
    fn a_single_free_bet_pays_its_winnings(
        stake in 0..1_000_000_000_u64,
        price in any_price(),
        result in any_result(),
    ) {
        let (won, of) = share_won(&result);
        let num = u128::from(stake) * u128::from(won) * u128::from(price.num() - price.den());
        let expected = num / (u128::from(of) * u128::from(price.den()));
        let stake = Cents::new(stake.try_into().unwrap());
        let expected = i64::try_from(expected).ok().map(Cents::new);
        prop_assert_eq!(free_bet_return(stake, &[(price, result)]), expected);
    }

    #[test]
    fn a_free_bet_of_void_legs_pays_nothing(
        stake in 0..=i64::MAX,
        prices in proptest::collection::vec(any_price(), 1..20),
    ) {
        let legs: Vec<_> = prices.into_iter().map(|price| (price, void())).collect();
        prop_assert_eq!(free_bet_return(Cents::new(stake), &legs), Some(Cents::ZERO));
    }

    #[test]
    fn fractions_read_back(den in 1..=1_000_000_u32, share in 0..=1_000_000_u32) {
        let fraction = fraction(share % (den + 1), den);
        let text = serde_json::to_string(&fraction).unwrap();
        prop_assert_eq!(serde_json::from_str::<Fraction>(&text).unwrap(), fraction);
    }

    #[test]
    fn results_read_back(result in any_result()) {
        let text = serde_json::to_string(&result).unwrap();
        prop_assert_eq!(serde_json::from_str::<LegResult>(&text).unwrap(), result);
    }
}
