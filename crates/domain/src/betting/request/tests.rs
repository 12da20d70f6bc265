use super::{LegRequest, PlaceBet};
use crate::betting::{FillMode, LegType, PricePolicy};
use crate::ids::{MarketId, OutcomeId};
use crate::markets::Line;
use crate::money::Currency;
use crate::test_support::{cents, config, currency, price, uuid};
use proptest::prelude::*;
use serde_json::Map;
use std::collections::BTreeSet;

fn leg(n: u64) -> LegRequest {
    LegRequest {
        market_id: MarketId::from_uuid(uuid(n)),
        outcome_id: OutcomeId::from_uuid(uuid(100 + n)),
        price: price(2, 1),
        line: Some(Line::from_quarters(10)),
        market_version: 7,
        leg_type: LegType::Straight,
        attrs: Map::new(),
    }
}

fn bet(legs: Vec<LegRequest>) -> PlaceBet {
    PlaceBet {
        fill: FillMode::Normal,
        stake: cents(1000),
        currency: Currency::EUR,
        price_policy: PricePolicy::None,
        confirm_duplicate: false,
        legs,
    }
}

/// The fingerprints of a bet of two legs after each of the changes.
fn after(changes: &[fn(&mut PlaceBet)]) -> BTreeSet<i64> {
    let changed = |change: &fn(&mut PlaceBet)| {
        let mut bet = bet(vec![leg(1), leg(2)]);
        change(&mut bet);
        bet.fingerprint()
    };
    changes.iter().map(changed).collect()
}

#[test]
fn another_stake_or_selection_has_another_fingerprint() {
    let changes: &[fn(&mut PlaceBet)] = &[
        |_| {},
        |bet| bet.stake = cents(1001),
        |bet| bet.currency = currency("GBP"),
        |bet| bet.legs[1].market_id = leg(3).market_id,
        |bet| bet.legs[1].outcome_id = leg(3).outcome_id,
        |bet| bet.legs[1].line = Some(Line::from_quarters(-10)),
        |bet| bet.legs[1].line = Some(Line::from_quarters(-1)),
        |bet| bet.legs[1].line = None,
        |bet| bet.legs.push(leg(3)),
        |bet| drop(bet.legs.pop()),
    ];
    assert_eq!(after(changes).len(), changes.len());
}

#[test]
fn the_same_selections_at_another_price_are_the_same_bet() {
    let changes: &[fn(&mut PlaceBet)] = &[
        |_| {},
        |bet| bet.legs[0].price = price(3, 1),
        |bet| bet.legs[0].market_version = 8,
        |bet| bet.price_policy = PricePolicy::Any,
        |bet| bet.confirm_duplicate = true,
        |bet| bet.legs.reverse(),
    ];
    assert_eq!(after(changes).len(), 1);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_order_of_the_legs_does_not_change_a_fingerprint(
        (legs, turned) in proptest::collection::vec(1..100_u64, 1..20)
            .prop_flat_map(|legs| (Just(legs.clone()), Just(legs).prop_shuffle())),
    ) {
        let of = |legs: Vec<u64>| bet(legs.into_iter().map(leg).collect()).fingerprint();
        prop_assert_eq!(of(legs), of(turned));
    }
}
