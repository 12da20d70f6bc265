use super::PricePolicy;
use crate::betting::product::Product;
use crate::odds::Price;
use crate::test_support::{any_price, config, price};
use num_rational::Ratio;
use proptest::prelude::*;

#[test]
fn policies_and_their_names() {
    let cases = [
        ("NONE", PricePolicy::None),
        ("HIGHER", PricePolicy::Higher),
        ("ANY", PricePolicy::Any),
        ("WITHIN_0", PricePolicy::Within(0)),
        ("WITHIN_5", PricePolicy::Within(5)),
        ("WITHIN_100", PricePolicy::Within(100)),
    ];
    for (text, policy) in cases {
        assert_eq!(text.parse(), Ok(policy), "{text}");
        assert_eq!(policy.to_string(), text);
        assert_eq!(serde_json::from_value::<PricePolicy>(text.into()).unwrap(), policy);
        assert_eq!(serde_json::to_value(policy).unwrap(), text);
    }
}

#[test]
fn texts_that_are_no_policy() {
    let texts =
        ["", "none", "WITHIN", "WITHIN_", "WITHIN_05", "WITHIN_+5", "WITHIN_-5", "WITHIN_101", "WITHIN_256"];
    for text in texts {
        assert!(text.parse::<PricePolicy>().is_err(), "{text:?}");
        assert!(serde_json::from_value::<PricePolicy>(text.into()).is_err(), "{text:?}");
    }
}

#[test]
fn the_moves_that_each_policy_allows() {
    use PricePolicy::{Any, Higher, None, Within};
    let seen = price(2, 1);
    let (up, down) = (price(201, 100), price(199, 100));
    // By exactly five per cent, and by a little more.
    let (five, more) = (price(19, 10), price(189_999, 100_000));
    let cases: [(PricePolicy, &[Price], &[Price]); 6] = [
        (None, &[seen], &[up, down]),
        (Higher, &[seen, up], &[down]),
        (Any, &[seen, up, down, five, more], &[]),
        (Within(0), &[seen, up], &[down]),
        (Within(5), &[seen, up, down, five], &[more]),
        (Within(100), &[seen, up, down, five, more], &[]),
    ];
    for (policy, allowed, refused) in cases {
        for current in allowed {
            assert!(policy.allows(seen, *current), "{policy} {}", current.decimal());
        }
        for current in refused {
            assert!(!policy.allows(seen, *current), "{policy} {}", current.decimal());
        }
    }
}

#[test]
fn a_tolerance_is_measured_without_rounding() {
    // 95 % of 21/11 is 399/220, which has no finite decimal.
    let (seen, least) = (price(21, 11), price(399, 220));
    let below = price(399_000, 220_001);
    assert!(PricePolicy::Within(5).allows(seen, least));
    assert!(!PricePolicy::Within(5).allows(seen, below));
}

fn any_policy() -> impl Strategy<Value = PricePolicy> {
    prop_oneof![
        Just(PricePolicy::None),
        Just(PricePolicy::Higher),
        Just(PricePolicy::Any),
        (0..=100_u8).prop_map(PricePolicy::Within),
    ]
}

/// Two prices that are often equal or close to each other.
fn two_prices() -> impl Strategy<Value = (Price, Price)> {
    let moved = (any_price(), 90..=110_u32).prop_filter_map("a price", |(price, percent)| {
        Some((price, Price::new(price.num().checked_mul(percent)?, price.den().checked_mul(100)?).ok()?))
    });
    prop_oneof![(any_price(), any_price()), moved, any_price().prop_map(|price| (price, price))]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_tolerance_is_a_share_of_the_submitted_price(
        (submitted, current) in two_prices(),
        percent in 0..=100_u8,
    ) {
        let value = |price: Price| Ratio::new(u128::from(price.num()), u128::from(price.den()));
        let least = value(submitted) * Ratio::new(u128::from(100 - percent), 100);
        let allowed = PricePolicy::Within(percent).allows(submitted, current);
        prop_assert_eq!(allowed, value(current) >= least);
    }

    #[test]
    fn the_same_price_is_always_allowed(policy in any_policy(), price in any_price()) {
        prop_assert!(policy.allows(price, price));
    }

    #[test]
    fn a_wider_policy_allows_what_a_narrower_does((submitted, current) in two_prices()) {
        let within = (0..=100).map(PricePolicy::Within);
        let narrow = [PricePolicy::None, PricePolicy::Higher];
        let widening = narrow.into_iter().chain(within).chain([PricePolicy::Any]);
        let allowed: Vec<bool> = widening.map(|policy| policy.allows(submitted, current)).collect();
        prop_assert!(allowed.is_sorted());
    }

    #[test]
    fn a_product_of_one_price_is_judged_as_the_price(
        policy in any_policy(),
        (submitted, current) in two_prices(),
    ) {
        let (from, to) = (Product::of([submitted]), Product::of([current]));
        prop_assert_eq!(policy.allows_product(&from, &to), policy.allows(submitted, current));
    }
}
