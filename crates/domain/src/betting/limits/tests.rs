use super::{
    Factor, LegLimits, LimitBook, LimitScope, MarketClass, StakeLimits, house_stake, largest_paying,
    largest_stake,
};
use crate::betting::potential_payout;
use crate::betting::product::Product;
use crate::ids::{AccountId, EventId, MarketId};
use crate::money::{Cents, Currency};
use crate::odds::Price;
use crate::test_support::{any_price, cents, config, currency, price, uuid};
use num_bigint::BigUint;
use proptest::prelude::*;

fn limits(volume: Option<i64>, liability: Option<i64>, stake: Option<i64>) -> StakeLimits {
    StakeLimits { volume: volume.map(cents), liability: liability.map(cents), stake: stake.map(cents) }
}

fn largest(limits: StakeLimits, prices: &[Price]) -> Option<Cents> {
    let of = LegLimits { limits, factor: Factor::ONE };
    largest_stake(&of, None, &Product::of(prices.iter().copied()))
}

/// Whether a stake at those prices keeps the limits, as the rules put them into words.
fn keeps(limits: StakeLimits, prices: &[Price], stake: i64) -> bool {
    let price = Product::of(prices.iter().copied());
    let big = |cents: i64| BigUint::from(u64::try_from(cents).unwrap());
    // Both sides times the denominator of the price.
    let (staked, win) = (big(stake) * &price.den, big(stake) * (&price.num - &price.den));
    let within = |limit: Option<Cents>, amount: &BigUint| {
        limit.is_none_or(|limit| amount <= &(big(limit.get()) * &price.den))
    };
    within(limits.volume, (&staked).min(&win))
        && within(limits.liability, &win)
        && within(limits.stake, &staked)
}

#[test]
fn the_largest_stake_is_that_of_the_strictest_limit() {
    let cases = [
        (limits(None, None, None), price(2, 1), None),
        (limits(Some(1000), None, None), price(2, 1), Some(1000)),
        (limits(Some(1000), None, None), price(10, 1), Some(1000)),
        (limits(Some(1000), None, None), price(3, 2), Some(2000)),
        (limits(Some(1000), None, None), price(101, 100), Some(100_000)),
        (limits(None, Some(1000), None), price(10, 1), Some(111)),
        (limits(None, Some(1000), None), price(3, 2), Some(2000)),
        (limits(None, None, Some(1000)), price(3, 2), Some(1000)),
        (limits(Some(1000), Some(900), Some(800)), price(3, 1), Some(450)),
        (limits(None, Some(0), None), price(3, 1), Some(0)),
        (limits(None, Some(i64::MAX), None), price(101, 100), Some(i64::MAX)),
    ];
    for (limits, price, expected) in cases {
        assert_eq!(largest(limits, &[price]), expected.map(cents), "{limits:?} at {price:?}");
    }
}

#[test]
fn a_factor_and_the_play_scale_before_the_one_floor() {
    let price = Product::of([price(4, 1)]);
    let of = |pct, liability| LegLimits {
        limits: limits(None, Some(liability), None),
        factor: Factor::from_pct(pct).unwrap(),
    };
    // 100/3 is 33 1/3; by 3 it is 100, and not 99.
    assert_eq!(largest_stake(&of(300, 100), None, &price), Some(cents(100)));
    assert_eq!(largest_stake(&of(300, 100), Some(50), &price), Some(cents(50)));
    assert_eq!(largest_stake(&of(0, 100), Some(50), &price), Some(cents(0)));
    assert_eq!(house_stake(cents(i64::MAX), Factor::ONE), cents(i64::MAX));
}

#[test]
fn all_that_covers_a_market_counts_in_its_own_currency() {
    let (account, market) = (AccountId::from_uuid(uuid(1)), MarketId::from_uuid(uuid(2)));
    let tennis = MarketClass {
        event: EventId::from_uuid(uuid(9)),
        sport: "tennis".to_owned(),
        market_type: "MATCH_ODDS".to_owned(),
    };
    let mut book = LimitBook::default();
    assert!(!book.asks_for_class());
    for (scope, of) in [
        (LimitScope::Default, limits(Some(500), None, Some(900))),
        (LimitScope::Market(market), limits(Some(600), None, None)),
    ] {
        book.limits.insert((scope, Currency::EUR), of);
    }
    assert!(!book.asks_for_class());
    book.limits.insert((LimitScope::Sport("tennis".to_owned()), Currency::EUR), limits(None, Some(70), None));
    book.limits.insert(
        (LimitScope::MarketType("MATCH_ODDS".to_owned()), Currency::EUR),
        limits(None, None, Some(80)),
    );
    book.factors.insert((account, "tennis".to_owned()), Factor::from_pct(20).unwrap());
    assert!(book.asks_for_class());
    let of = |market, class| book.of_leg(account, Currency::EUR, market, class);
    let all =
        LegLimits { limits: limits(Some(500), Some(70), Some(80)), factor: Factor::from_pct(20).unwrap() };
    assert_eq!(of(market, Some(&tennis)), all);
    let football = MarketClass { sport: "football".to_owned(), ..tennis.clone() };
    let other = of(MarketId::from_uuid(uuid(3)), Some(&football));
    assert_eq!(other, LegLimits { limits: limits(Some(500), None, Some(80)), factor: Factor::ONE });
    assert_eq!(book.of_leg(account, currency("GBP"), market, None), LegLimits::default());
}

fn any_limits() -> impl Strategy<Value = StakeLimits> {
    let one = || proptest::option::of(0_i64..10_000_000);
    (one(), one(), one()).prop_map(|(volume, liability, stake)| limits(volume, liability, stake))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_largest_stake_keeps_the_limits_and_one_unit_more_does_not(
        limits in any_limits(), prices in proptest::collection::vec(any_price(), 1..5),
    ) {
        match largest(limits, &prices) {
            None => prop_assert!(limits.is_none()),
            Some(most) => {
                prop_assert!(keeps(limits, &prices, most.get()));
                prop_assert!(most.get() == i64::MAX || !keeps(limits, &prices, most.get() + 1));
            }
        }
    }

    #[test]
    fn the_strictest_of_each_kind_is_as_strict_as_all(
        one in any_limits(), other in any_limits(), price in any_price(),
    ) {
        let most = |limits| largest(limits, &[price]).unwrap_or(cents(i64::MAX));
        prop_assert_eq!(most(one.and(other)), most(one).min(most(other)));
    }

    #[test]
    fn the_largest_paying_stake_pays_no_more_and_the_next_one_does(
        payout_max in 1_i64..1_000_000_000_000, prices in proptest::collection::vec(any_price(), 1..4),
    ) {
        let most = largest_paying(cents(payout_max), &Product::of(prices.iter().copied()));
        let pays = |stake: Cents| potential_payout(stake, prices.iter().copied()).unwrap();
        prop_assert!(pays(most) <= cents(payout_max));
        prop_assert!(pays(most.checked_add(cents(1)).unwrap()) > cents(payout_max));
    }
}
