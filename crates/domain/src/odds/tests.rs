use super::{
    LadderPrice, OffLadder, Price, PriceError, from_american, from_decimal, from_fractional, ladder,
    ladder_floor,
};
use crate::test_support::{any_price, config, price};
use proptest::prelude::*;

#[test]
fn views_of_a_price() {
    // num/den, decimal, American, fractional.
    let cases = [
        ((21, 11), "1.909091", "-110", "10/11"),
        ((191, 100), "1.91", "-110", "91/100"),
        ((2, 1), "2.00", "+100", "1/1"),
        ((5, 2), "2.50", "+150", "3/2"),
        ((3, 2), "1.50", "-200", "1/2"),
        ((101, 100), "1.01", "-10000", "1/100"),
        ((1000, 1), "1000.00", "+99900", "999/1"),
        ((4, 3), "1.333333", "-300", "1/3"),
        ((1201, 200), "6.005", "+501", "1001/200"),
        ((1_000_000, 999_999), "1.000001", "-99999900", "1/999999"),
    ];
    for ((num, den), decimal, american, fractional) in cases {
        let price = price(num, den);
        assert_eq!(price.decimal(), decimal);
        assert_eq!(price.american(), american);
        assert_eq!(price.fractional(), fractional);
    }
}

#[test]
fn american_rounds_half_away_from_zero() {
    // 1 + 100.5/100 and 1 + 100/100.5.
    assert_eq!(price(401, 200).american(), "+101");
    assert_eq!(price(401, 201).american(), "-101");
}

#[test]
fn texts_that_are_prices() {
    assert_eq!(from_american("-110"), Ok(price(21, 11)));
    assert_eq!(from_american("+150"), Ok(price(5, 2)));
    assert_eq!(from_american("150"), Ok(price(5, 2)));
    assert_eq!(from_american("-100"), from_american("+100"));
    assert_eq!(from_decimal("1.91"), Ok(price(191, 100)));
    assert_eq!(from_decimal("1.910"), Ok(price(191, 100)));
    assert_eq!(from_decimal("3"), Ok(price(3, 1)));
    assert_eq!(from_decimal("1.000002"), Ok(price(500_001, 500_000)));
    assert_eq!(from_fractional("10/11"), Ok(price(21, 11)));
    assert_eq!(from_fractional("4/2"), Ok(price(3, 1)));
}

#[test]
fn texts_that_are_none() {
    for text in ["99", "-99", "0", "", "+", "1.5", "--110", "−110", "9223372036854775807", "99999901"] {
        assert!(from_american(text).is_err(), "{text:?}");
    }
    for text in ["1", "0.5", "1.", ".5", "", "-2", "+2", "1,5", "1e3", "1.0000001", "1000001", "NaN", "2.5 "]
    {
        assert!(from_decimal(text).is_err(), "{text:?}");
    }
    for text in ["0/1", "1/0", "1", "/", "1/", "-1/2", "+1/2", "1/2/3", "1000000/1", "1/1000001"] {
        assert!(from_fractional(text).is_err(), "{text:?}");
    }
}

#[test]
fn terms_are_bounded_and_above_one() {
    assert_eq!(Price::new(0, 1), Err(PriceError::TermOutOfRange));
    assert_eq!(Price::new(1_000_001, 1), Err(PriceError::TermOutOfRange));
    assert_eq!(Price::new(2, 2), Err(PriceError::NotAboveOne));
    assert_eq!(Price::new(1, 2), Err(PriceError::NotAboveOne));
    assert!(serde_json::from_str::<Price>(r#"{"num":1,"den":2}"#).is_err());
}

#[test]
fn the_ladder_has_its_steps() {
    let all: Vec<Price> = ladder().collect();
    assert_eq!(all.len(), 350);
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    // Each bound with its neighbours, in hundredths.
    let runs: [&[u32]; 10] = [
        &[199, 200, 202],
        &[298, 300, 305],
        &[395, 400, 410],
        &[590, 600, 620],
        &[980, 1_000, 1_050],
        &[1_950, 2_000, 2_100],
        &[2_900, 3_000, 3_200],
        &[4_800, 5_000, 5_500],
        &[9_500, 10_000, 11_000],
        &[98_000, 99_000, 100_000],
    ];
    for run in runs {
        let run: Vec<Price> = run.iter().map(|hundredths| price(*hundredths, 100)).collect();
        assert!(all.windows(3).any(|window| window == run), "{run:?}");
    }
    assert_eq!((all.first(), all.last()), (Some(&price(101, 100)), Some(&price(1000, 1))));
}

#[test]
fn only_steps_of_the_ladder_are_ladder_prices() {
    for step in ladder() {
        assert_eq!(LadderPrice::try_from(step).map(LadderPrice::get), Ok(step));
    }
    for (num, den) in [(1009, 1000), (21, 11), (203, 100), (1001, 1), (1_000_000, 1)] {
        let between = price(num, den);
        assert_eq!(LadderPrice::try_from(between), Err(OffLadder(between)));
    }
}

#[test]
fn the_ends_of_the_ladder() {
    assert_eq!(ladder_floor(100), None);
    assert_eq!(ladder_floor(0), None);
    assert_eq!(ladder_floor(u64::MAX), Some(price(1000, 1)));
    assert_eq!(price(1009, 1000).floor_to_ladder(), None);
    assert_eq!(price(1_000_000, 1).floor_to_ladder(), Some(price(1000, 1)));
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn american_reads_back(american in prop_oneof![100..900_000_i64, -900_000..=-101_i64]) {
        let text = format!("{american:+}");
        prop_assert_eq!(from_american(&text).unwrap().american(), text);
    }

    #[test]
    fn decimals_of_up_to_six_places_read_back(num in 1_000_001..=1_000_000_000_u64, places in 0..=6_u32) {
        let den = 10_u64.pow(places);
        prop_assume!(num / den >= 1);
        let width = usize::try_from(places).unwrap();
        let text = if places == 0 { num.to_string() } else { format!("{}.{:0width$}", num / den, num % den) };
        if let Ok(price) = from_decimal(&text) {
            prop_assert_eq!(u64::from(price.num()) * den, num * u64::from(price.den()));
            prop_assert_eq!(from_decimal(&price.decimal()), Ok(price));
        }
    }

    #[test]
    fn fractions_read_back(price in any_price()) {
        prop_assert_eq!(from_fractional(&price.fractional()), Ok(price));
    }

    #[test]
    fn prices_read_back_from_json(price in any_price()) {
        let text = serde_json::to_string(&price).unwrap();
        prop_assert_eq!(serde_json::from_str::<Price>(&text).unwrap(), price);
    }

    #[test]
    fn reading_never_panics(text in "[-+0-9./e]{0,24}|.{0,12}") {
        for read in [from_american, from_decimal, from_fractional] {
            let _ = read(&text);
        }
    }

    #[test]
    fn the_floor_is_the_highest_of_the_ladder_that_is_not_above(price in any_price()) {
        let expected = ladder().filter(|step| *step <= price).last();
        prop_assert_eq!(price.floor_to_ladder(), expected);
        prop_assert!(expected.is_none_or(|floor| floor.is_on_ladder()));
    }

    #[test]
    fn prices_are_ordered_by_value(one in any_price(), other in any_price()) {
        let value = |price: Price| num_rational::Ratio::new(u64::from(price.num()), u64::from(price.den()));
        prop_assert_eq!(one.cmp(&other), value(one).cmp(&value(other)));
    }
}
