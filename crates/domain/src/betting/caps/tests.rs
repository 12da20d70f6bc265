use super::*;
use crate::betting::potential_payout;
use crate::test_support::{any_price, cents, config, currency, uuid};
use proptest::prelude::*;

fn market(n: u64) -> MarketId {
    MarketId::from_uuid(uuid(n))
}

fn outcome(n: u64) -> OutcomeId {
    OutcomeId::from_uuid(uuid(10 + n))
}

#[test]
fn a_bet_counts_for_the_caps_of_its_legs_and_of_their_combination_in_any_order() {
    let id = |n: u64| LimitId::from_uuid(uuid(100 + n));
    let both = CapScope::Combination(vec![outcome(2), outcome(1)].into());
    let book: CapBook = [
        (CapScope::Market(market(1)), Currency::EUR, CapMeasure::Liability, id(0)),
        (CapScope::Market(market(1)), Currency::EUR, CapMeasure::Stakes, id(1)),
        (CapScope::Outcome(outcome(2)), Currency::EUR, CapMeasure::Liability, id(2)),
        (both.clone(), Currency::EUR, CapMeasure::Liability, id(3)),
        (CapScope::Sport("tennis".to_owned()), Currency::EUR, CapMeasure::Liability, id(4)),
        (CapScope::Event(EventId::from_uuid(uuid(21))), Currency::EUR, CapMeasure::Liability, id(5)),
    ]
    .into_iter()
    .collect();
    let class = |event: u64, sport: &str| MarketClass {
        event: EventId::from_uuid(uuid(event)),
        sport: sport.to_owned(),
        market_type: "MATCH_ODDS".to_owned(),
    };
    let (golf, tennis) = (class(21, "golf"), class(20, "tennis"));
    let leg = |n: u64, class| CappedLeg { market: market(n), outcome: outcome(n), class: Some(class) };
    let legs = [leg(1, &golf), leg(2, &tennis)];
    let ids = |legs: &[CappedLeg<'_>], currency| -> Vec<LimitId> {
        book.of_bet(legs.iter().copied(), currency).iter().map(|cap| cap.id).collect()
    };
    let all: Vec<LimitId> = (0..6).map(id).collect();
    assert_eq!(ids(&legs, Currency::EUR), all);
    assert_eq!(ids(&[legs[1], legs[0]], Currency::EUR), all);
    assert_eq!(ids(&legs[..1], Currency::EUR), [id(0), id(1), id(5)]);
    assert_eq!(ids(&[leg(3, &tennis), leg(4, &tennis)], Currency::EUR), [id(4)], "once, with two legs");
    assert_eq!(ids(&legs, currency("GBP")), []);
    assert_eq!(CapScope::of(CapLevel::Combination, both.key(), &both.members()), Some(both));
    let sport = CapScope::Sport("golf".to_owned());
    assert_eq!(CapScope::of(CapLevel::Sport, sport.key(), &sport.members()), Some(sport));
}

#[test]
fn a_combination_s_key_does_not_know_the_order_and_no_other_combination_has_it() {
    let key = |outcomes: &[u64]| {
        let outcomes: Vec<OutcomeId> = outcomes.iter().copied().map(outcome).collect();
        CapScope::Combination(outcomes.into()).key()
    };
    assert_eq!(key(&[1, 2, 3]), key(&[3, 1, 2]));
    assert_ne!(key(&[1, 2, 3]), key(&[1, 2]));
    assert_ne!(key(&[1, 2]), key(&[1, 3]));
}

#[test]
fn what_a_bet_took_is_stored_so_that_sql_can_join_it() {
    let take = CapTake { cap_id: LimitId::from_uuid(uuid(7)), measure: CapMeasure::Stakes, cents: cents(5) };
    let stored = serde_json::to_value(take).unwrap();
    assert_eq!(stored["cap_id"], uuid(7).to_string());
    assert_eq!(serde_json::from_value::<CapTake>(stored).unwrap(), take);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_largest_stake_counts_no_more_than_is_left_and_the_next_one_does(
        left in 0_i64..1_000_000_000, prices in proptest::collection::vec(any_price(), 1..4), stakes in any::<bool>(),
    ) {
        let measure = if stakes { CapMeasure::Stakes } else { CapMeasure::Liability };
        let cap = Cap { id: LimitId::from_uuid(uuid(1)), level: CapLevel::Market, measure };
        let most = CapRoom { cap, left: cents(left) }.largest_stake(&Product::of(prices.iter().copied()));
        let counted = |stake: Cents| measure.of(stake, potential_payout(stake, prices.iter().copied()).unwrap());
        prop_assert!(counted(most) <= cents(left));
        prop_assert!(counted(most.checked_add(cents(1)).unwrap()) > cents(left));
    }
}
