use super::{Attempt, VERSION, single};
use crate::betting::{PricePolicy, RefusalCode};
use crate::markets::Line;
use crate::odds::Price;
use crate::test_support::{any_price, cents, config, price};
use num_rational::Ratio;
use proptest::prelude::*;

/// A bet whose legs were seen at the first prices of the pairs and are now at the second.
fn moved(policy: PricePolicy, moves: &[(Price, Price)]) -> Attempt {
    let seen: Vec<Price> = moves.iter().map(|(seen, _)| *seen).collect();
    let mut bet = Attempt::at(&seen);
    bet.request.price_policy = policy;
    for (n, (_, current)) in moves.iter().enumerate() {
        bet.reprice(n, *current);
    }
    bet
}

fn price_changed(leg: Option<usize>) -> Option<(RefusalCode, Option<usize>)> {
    Some((RefusalCode::PriceChanged, leg))
}

#[test]
fn a_moved_price_is_taken_as_the_policy_says() {
    use PricePolicy::{Any, Higher, None as NoMove, Within};
    let (seen, up, down_5, down_6) = (price(2, 1), price(202, 100), price(19, 10), price(188, 100));
    // Policy, whether it takes the same price, one up, 5 % down, 6 % down.
    let cases = [
        (NoMove, [true, false, false, false]),
        (Higher, [true, true, false, false]),
        (Within(5), [true, true, true, false]),
        (Any, [true, true, true, true]),
    ];
    for (policy, taken) in cases {
        for (current, taken) in [seen, up, down_5, down_6].into_iter().zip(taken) {
            let refused = moved(policy, &[(seen, current)]).refused();
            assert_eq!(
                refused,
                if taken { None } else { price_changed(Some(0)) },
                "{policy} {}",
                current.decimal()
            );
        }
    }
}

#[test]
fn the_legs_prices_are_judged_together_too() {
    use PricePolicy::{Any, Higher, None as NoMove, Within};
    let seen = price(2, 1);
    let (same, up, down_4, down_6) = (seen, price(21, 10), price(192, 100), price(188, 100));
    let cases = [
        (NoMove, [same, same], None),
        (NoMove, [same, up], price_changed(Some(1))),
        (Higher, [up, up], None),
        // Up together, but one leg is not.
        (Higher, [up, down_4], price_changed(Some(1))),
        (Within(5), [down_4, same], None),
        (Within(5), [down_4, up], None),
        (Within(5), [down_6, up], price_changed(Some(0))),
        // Each by less than 5 %, together by more.
        (Within(5), [down_4, down_4], price_changed(None)),
        (Within(8), [down_4, down_4], None),
        (Any, [down_6, down_6], None),
    ];
    for (policy, [one, other], expected) in cases {
        let bet = moved(policy, &[(seen, one), (seen, other)]);
        assert_eq!(bet.refused(), expected, "{policy} {} {}", one.decimal(), other.decimal());
    }
}

#[test]
fn an_older_version_is_filled_at_the_current_price_and_version() {
    for version in 1..=VERSION {
        let mut bet = moved(PricePolicy::Higher, &[(price(2, 1), price(21, 10))]);
        bet.request.legs[0].market_version = version;
        let accepted = bet.place().unwrap();
        assert_eq!(accepted.legs[0].price, price(21, 10));
        assert_eq!(accepted.legs[0].market_version, VERSION);
        assert_eq!(accepted.potential_payout, cents(2100));
    }
}

#[test]
fn an_older_version_is_not_filled_at_a_price_the_policy_does_not_allow() {
    let mut bet = moved(PricePolicy::Higher, &[(price(2, 1), price(199, 100))]);
    bet.request.legs[0].market_version = 1;
    assert_eq!(bet.refused(), price_changed(Some(0)));
}

#[test]
fn a_version_above_the_markets_is_stale_at_any_price() {
    let mut bet = single();
    bet.request.price_policy = PricePolicy::Any;
    for version in [VERSION + 1, i64::MAX] {
        bet.request.legs[0].market_version = version;
        assert_eq!(bet.refused(), Some((RefusalCode::StalePrice, Some(0))));
    }
}

#[test]
fn a_changed_line_is_never_a_price_move() {
    let quarters = |quarters| Some(Line::from_quarters(quarters));
    // The line seen, the line now, whether that is another.
    let cases = [
        (quarters(10), quarters(10), false),
        (quarters(10), quarters(11), true),
        (quarters(10), quarters(-10), true),
        (quarters(0), None, true),
        (None, quarters(0), true),
    ];
    for (seen, now, changed) in cases {
        let mut bet = single();
        bet.request.price_policy = PricePolicy::Any;
        bet.request.legs[0].line = seen;
        bet.snapshot(0).prices.values_mut().for_each(|quote| quote.line = now);
        let expected = changed.then_some((RefusalCode::LineChanged, Some(0)));
        assert_eq!(bet.refused(), expected, "{seen:?} to {now:?}");
    }
}

/// A price, and one that is at most a tenth away from it.
fn small_move() -> impl Strategy<Value = (Price, Price)> {
    (110..5_000_u32, 90..=110_u32).prop_filter_map("two prices", |(hundredths, percent)| {
        Some((Price::new(hundredths, 100).ok()?, Price::new(hundredths * percent, 10_000).ok()?))
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_tolerance_holds_for_each_leg_and_then_for_all_together(
        moves in proptest::collection::vec(small_move(), 2..5),
        percent in 0..12_u8,
    ) {
        let value = |price: Price| Ratio::new(u128::from(price.num()), u128::from(price.den()));
        let left = |(seen, current): &(Price, Price)| value(*current) / value(*seen);
        let least = Ratio::new(u128::from(100 - percent), 100);
        let leg = moves.iter().position(|one| left(one) < least);
        let together: Ratio<u128> = moves.iter().map(left).product();
        let expected = match leg {
            Some(leg) => price_changed(Some(leg)),
            None if together < least => price_changed(None),
            None => None,
        };
        let mut bet = moved(PricePolicy::Within(percent), &moves);
        bet.rules.payout_max = cents(i64::MAX);
        prop_assert_eq!(bet.refused(), expected);
    }

    #[test]
    fn what_is_accepted_is_filled_at_the_current_price(seen in any_price(), current in any_price()) {
        let mut bet = moved(PricePolicy::Any, &[(seen, current)]);
        bet.rules.payout_max = cents(i64::MAX);
        let accepted = bet.place().unwrap();
        let returned = 1000 * i64::from(current.num()) / i64::from(current.den());
        prop_assert_eq!(accepted.legs[0].price, current);
        prop_assert_eq!(accepted.potential_payout, cents(returned));
    }
}
