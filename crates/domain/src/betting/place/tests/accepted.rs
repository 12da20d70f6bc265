use super::{Attempt, NOW, STATUS_VERSION, VERSION, event, line, market, outcome, single};
use crate::betting::place::{AcceptedBet, AcceptedLeg};
use crate::betting::{BetKind, LegType, PricePolicy, RefusalCode, VoidPolicy, potential_payout};
use crate::money::Currency;
use crate::odds::Price;
use crate::test_support::{any_price, cents, config, price};
use proptest::prelude::*;
use serde_json::{Map, json};

fn accepted_leg(n: usize, price: Price) -> AcceptedLeg {
    AcceptedLeg {
        event_id: event(n),
        market_id: market(n),
        outcome_id: outcome(n),
        price,
        line: line(n),
        market_version: VERSION,
        status_version: STATUS_VERSION,
        leg_type: LegType::Straight,
        attrs: Map::new(),
    }
}

fn accepted(kind: BetKind, payout: i64, legs: Vec<AcceptedLeg>) -> AcceptedBet {
    AcceptedBet {
        kind,
        stake: cents(1000),
        currency: Currency::EUR,
        potential_payout: cents(payout),
        price_policy: PricePolicy::None,
        void_policy: VoidPolicy::Leg,
        rules_version: 1,
        bet_delay_ms: 0,
        accepted_at: NOW,
        limited: None,
        legs,
    }
}

#[test]
fn a_single_is_frozen_as_it_was_accepted() {
    let p = price(21, 11);
    let expected = accepted(BetKind::Single, 1909, vec![accepted_leg(0, p)]);
    assert_eq!(Attempt::at(&[p]).place(), Ok(expected));
}

#[test]
fn a_parlay_of_two_events_is_frozen_as_it_was_accepted() {
    let prices = [price(21, 11), price(3, 1)];
    let legs = vec![accepted_leg(0, prices[0]), accepted_leg(1, prices[1])];
    let expected = accepted(BetKind::Parlay, 5727, legs);
    assert_eq!(Attempt::at(&prices).place(), Ok(expected));
}

#[test]
fn what_the_request_and_the_rules_say_is_kept_with_the_bet() {
    let mut bet = single();
    let attrs = Map::from_iter([("player".to_owned(), json!("7"))]);
    bet.request.legs[0].attrs = attrs.clone();
    bet.request.price_policy = PricePolicy::Within(3);
    bet.rules.rules_version = 4;
    let accepted = bet.place().unwrap();
    assert_eq!(accepted.legs[0].attrs, attrs);
    assert_eq!(accepted.price_policy, PricePolicy::Within(3));
    assert_eq!(accepted.rules_version, 4);
}

#[test]
fn a_bet_is_held_for_the_longest_delay_of_its_markets_in_play() {
    // Of each leg: whether its event is running, and its market's delay.
    let cases = [
        ([(false, 0), (false, 0)], 0),
        ([(false, 5000), (false, 1000)], 0),
        ([(true, 1000), (false, 5000)], 1000),
        ([(true, 1000), (true, 5000)], 5000),
        ([(true, 0), (false, 0)], 0),
    ];
    for (legs, delay) in cases {
        let mut bet = Attempt::at(&[price(2, 1), price(3, 1)]);
        for (n, (in_play, bet_delay_ms)) in legs.into_iter().enumerate() {
            let snapshot = bet.snapshot(n);
            (snapshot.in_play, snapshot.bet_delay_ms) = (in_play, bet_delay_ms);
        }
        assert_eq!(bet.place().unwrap().bet_delay_ms, delay, "{legs:?}");
    }
}

#[test]
fn the_last_that_a_rule_allows_is_accepted() {
    let changes: [fn(&mut Attempt); 6] = [
        |bet| bet.rules.stake_min = cents(1000),
        |bet| bet.rules.stake_max = cents(1000),
        |bet| bet.rules.payout_max = cents(2000),
        |bet| bet.player.available = cents(1000),
        |bet| bet.rules.legs_max = 1,
        |bet| bet.snapshot(0).cutoff_at = Some(NOW.plus_millis(1)),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut bet = single();
        change(&mut bet);
        assert_eq!(bet.refused(), None, "row {at}");
    }
}

#[test]
fn the_largest_payout_may_be_the_largest_number() {
    let mut bet = single();
    let half = cents(i64::MAX / 2);
    (bet.request.stake, bet.rules.stake_max, bet.player.available) = (half, half, half);
    bet.rules.payout_max = cents(i64::MAX);
    assert_eq!(bet.place().unwrap().potential_payout, cents(i64::MAX - 1));
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_bet_is_accepted_exactly_within_the_bounds(
        prices in proptest::collection::vec(any_price(), 1..6),
        stake in prop_oneof![-10..2_000_i64, any::<i64>()],
        available in 0..2_000_i64,
        payout_max in prop_oneof![1..100_000_i64, Just(i64::MAX)],
    ) {
        let mut bet = Attempt::at(&prices);
        (bet.request.stake, bet.player.available) = (cents(stake), cents(available));
        (bet.rules.stake_max, bet.rules.payout_max) = (cents(1_500), cents(payout_max));
        let payout = potential_payout(cents(stake), prices);
        let expected = match payout {
            _ if stake < 100 => Err(RefusalCode::BelowMin),
            _ if stake > 1_500 => Err(RefusalCode::AboveMax),
            Ok(payout) if payout.get() <= payout_max && stake <= available => Ok(payout),
            Ok(payout) if payout.get() <= payout_max => Err(RefusalCode::InsufficientFunds),
            _ => Err(RefusalCode::MaxPayout),
        };
        let decided = bet.place().map(|bet| bet.potential_payout).map_err(|refusal| refusal.code);
        prop_assert_eq!(decided, expected);
    }
}
