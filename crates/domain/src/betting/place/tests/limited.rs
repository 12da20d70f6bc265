use super::{Attempt, outcome, single};
use crate::betting::{
    Cap, CapLevel, CapMeasure, CapRoom, CapTake, DayPayouts, Factor, FillMode, LimitDecision, RefusalCode,
    StakeLimits,
};
use crate::ids::LimitId;
use crate::test_support::{cents, price, uuid};

fn factor(pct: u16) -> Factor {
    Factor::from_pct(pct).unwrap()
}

fn stake_of(most: i64) -> StakeLimits {
    StakeLimits { stake: Some(cents(most)), ..StakeLimits::default() }
}

/// The largest stake that its refusal says; none where it is taken.
fn most(bet: &Attempt) -> Option<(RefusalCode, i64)> {
    bet.place().err().map(|refusal| (refusal.code, refusal.data.stake_cents_max.unwrap()))
}

#[test]
fn the_smallest_of_the_limits_of_every_leg_counts() {
    let mut bet = Attempt::at(&[price(3, 1), price(2, 1)]);
    bet.market(0).limits.limits = stake_of(900);
    bet.market(1).limits.limits = stake_of(800);
    assert_eq!(most(&bet), Some((RefusalCode::AboveMax, 800)));
    // At 6.00 in all: a win of at most 2500 is a stake of 500.
    bet.market(0).limits.limits.liability = Some(cents(2500));
    assert_eq!(most(&bet), Some((RefusalCode::AboveMax, 500)));
    bet.request.stake = cents(500);
    let decision = LimitDecision {
        limits_version: 4,
        stake_cents_max: cents(500),
        requested_stake_cents: cents(500),
        caps: Vec::new(),
        payout_day: None,
    };
    assert_eq!(bet.place().unwrap().limited, Some(decision));
}

#[test]
fn in_play_and_the_account_s_factor_scale_the_limits_of_their_legs_only() {
    let mut bet = Attempt::at(&[price(3, 1), price(2, 1)]);
    bet.market(0).limits.limits = stake_of(800);
    bet.market(1).limits.limits = stake_of(700);
    bet.snapshot(0).in_play = true;
    assert_eq!(most(&bet), Some((RefusalCode::AboveMax, 400)));
    bet.market(0).limits.factor = factor(150);
    assert_eq!(most(&bet), Some((RefusalCode::AboveMax, 600)));
    bet.market(1).limits.factor = factor(33);
    assert_eq!(most(&bet), Some((RefusalCode::AboveMax, 231)));
}

#[test]
fn a_factor_lowers_the_house_s_largest_stake_and_never_raises_it() {
    let mut bet = single();
    bet.rules.stake_max = cents(999);
    for (pct, expected) in [(500, 999), (100, 999), (50, 499), (11, 109), (10, 0), (0, 0)] {
        bet.market(0).limits.factor = factor(pct);
        assert_eq!(most(&bet), Some((RefusalCode::AboveMax, expected)), "{pct}: below the least is none");
    }
    assert!(Factor::from_pct(501).is_err());
}

#[test]
fn fill_and_kill_stakes_what_may_be_or_nothing() {
    let mut bet = single();
    bet.request.fill = FillMode::FillAndKill;
    assert_eq!(bet.place().unwrap().limited, None, "all of it is taken, and nothing limits it");
    bet.market(0).limits.limits = stake_of(250);
    let taken = bet.place().unwrap();
    assert_eq!((taken.stake, taken.potential_payout), (cents(250), cents(500)));
    assert_eq!(taken.limited.unwrap().requested_stake_cents, cents(1000));
    bet.market(0).limits.limits = stake_of(99);
    assert_eq!(most(&bet), Some((RefusalCode::AboveMax, 0)));
    bet.market(0).limits.limits = StakeLimits::default();
    bet.rules.payout_max = cents(601);
    assert_eq!(bet.place().unwrap().stake, cents(300), "the payout bounds it too");
    bet.rules.payout_max = cents(199);
    assert_eq!(most(&bet), Some((RefusalCode::MaxPayout, 0)));
    bet.rules.payout_max = cents(601);
    bet.player.available = cents(299);
    assert_eq!(bet.refused(), Some((RefusalCode::InsufficientFunds, None)), "of what would be staked");
    bet.player.available = cents(300);
    assert!(bet.place().is_ok());
    bet.snapshot(0).prices.remove(&outcome(0));
    assert_eq!(bet.refused().unwrap().0, RefusalCode::UnknownOutcome);
}

fn room(level: CapLevel, measure: CapMeasure, left: i64) -> CapRoom {
    CapRoom { cap: Cap { id: LimitId::from_uuid(uuid(1)), level, measure }, left: cents(left) }
}

#[test]
fn caps_bound_the_stake_by_what_they_count_and_are_frozen_on_the_bet() {
    let mut bet = Attempt::at(&[price(3, 1), price(2, 1)]);
    let (above, combination) = (RefusalCode::AboveMax, RefusalCode::CombinationMax);
    for (level, measure, left, code, expected) in [
        (CapLevel::Sport, CapMeasure::Liability, 4999, RefusalCode::AboveEventMax, 999),
        (CapLevel::Event, CapMeasure::Stakes, 99, RefusalCode::AboveEventMax, 0),
        (CapLevel::Market, CapMeasure::Liability, 4999, above, 999),
        (CapLevel::Outcome, CapMeasure::Stakes, 999, above, 999),
        (CapLevel::Combination, CapMeasure::Liability, 2500, combination, 500),
        (CapLevel::Combination, CapMeasure::Liability, 499, combination, 0),
    ] {
        bet.caps = vec![room(level, measure, left)];
        assert_eq!(most(&bet), Some((code, expected)), "{level} {measure} {left}");
    }
    bet.caps = vec![room(CapLevel::Market, CapMeasure::Liability, 2505)];
    bet.request.fill = FillMode::FillAndKill;
    let taken = bet.place().unwrap();
    assert_eq!(taken.stake, cents(501));
    let take =
        CapTake { cap_id: LimitId::from_uuid(uuid(1)), measure: CapMeasure::Liability, cents: cents(2505) };
    assert_eq!(taken.limited.unwrap().caps, [take]);
}

#[test]
fn the_payouts_of_a_day_are_bounded_together() {
    let mut bet = single();
    bet.rules.payout_day_max = Some(cents(5_000));
    for (payouts, expected) in
        [(0, None), (3_000, None), (3_001, Some(999)), (4_900, Some(0)), (9_000, Some(0))]
    {
        bet.player.today = Some(DayPayouts { day: 7, payouts: cents(payouts) });
        assert_eq!(most(&bet), expected.map(|most| (RefusalCode::MaxPayout, most)), "{payouts}");
    }
    bet.player.today = Some(DayPayouts { day: 7, payouts: cents(4_001) });
    bet.request.fill = FillMode::FillAndKill;
    let taken = bet.place().unwrap();
    assert_eq!((taken.stake, taken.limited.unwrap().payout_day), (cents(499), Some(7)));
}
