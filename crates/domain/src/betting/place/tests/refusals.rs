use super::{Attempt, NOW, STATUS_VERSION, VERSION, event, line, market, outcome, single};
use crate::betting::checks::CHECKS;
use crate::betting::{Cap, CapLevel, CapMeasure, CapRoom, LegType, PricePolicy, RefusalCode, RefusalData};
use crate::ids::LimitId;
use crate::markets::{Line, MarketStatus, OutcomeSuspension, SuspensionReason};
use crate::test_support::{cents, currency, price, uuid};
use crate::wallet::AccountStatus;
use std::collections::BTreeSet;

/// What a refusal says of the present.
#[derive(Clone, Copy)]
enum Says {
    Nothing,
    /// The price, the line and the version of the leg's market.
    Market,
    /// The version of the leg's market, whose outcome has no price.
    Version,
    /// The outcomes of the leg and the last one.
    Related,
    /// The least stake, and the largest that would be taken.
    Most(i64),
    /// The balance.
    Balance,
}

/// The bet as a whole broke the rule, or the leg that was changed.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Bet,
    Leg,
}

/// A change to an accepted bet of three legs, at one of them, and what it is refused for.
type Breakage = (RefusalCode, By, Says, fn(&mut Attempt, usize));

/// A change to a bet and whether it is still the same one.
type Change = (fn(&mut Attempt), bool);

/// Every rule that is checked, each in its ways to break it, in the order of the codes.
const BREAKAGES: &[Breakage] = &[
    (RefusalCode::DuplicatedRequest, By::Bet, Says::Nothing, |bet, _| bet.placed_before(2_999)),
    (RefusalCode::AccountClosed, By::Bet, Says::Nothing, |bet, _| bet.player.status = AccountStatus::Closed),
    (RefusalCode::AccountFrozen, By::Bet, Says::Nothing, |bet, _| bet.player.status = AccountStatus::Frozen),
    (RefusalCode::AccountFrozen, By::Bet, Says::Nothing, |bet, _| {
        bet.player.status = AccountStatus::DebitFrozen;
    }),
    (RefusalCode::UnknownMarket, By::Leg, Says::Nothing, |bet, n| drop(bet.markets.remove(&market(n)))),
    (RefusalCode::UnknownMarket, By::Leg, Says::Nothing, |bet, n| bet.market(n).fence = None),
    (RefusalCode::UnknownOutcome, By::Leg, Says::Nothing, |bet, n| {
        bet.request.legs[n].outcome_id = outcome(99);
    }),
    (RefusalCode::OutcomeRemoved, By::Leg, Says::Version, |bet, n| {
        suspend(bet, n, SuspensionReason::Removed);
    }),
    (RefusalCode::OfflineEvent, By::Leg, Says::Market, |bet, n| bet.fence(n).status = MarketStatus::Inactive),
    (RefusalCode::MarketClosed, By::Leg, Says::Market, |bet, n| bet.fence(n).status = MarketStatus::Closed),
    (RefusalCode::MarketClosed, By::Leg, Says::Market, |bet, n| bet.fence(n).status = MarketStatus::Settled),
    (RefusalCode::MarketClosed, By::Leg, Says::Market, |bet, n| {
        bet.fence(n).status = MarketStatus::Cancelled;
    }),
    (RefusalCode::PastCutoff, By::Leg, Says::Market, |bet, n| bet.snapshot(n).cutoff_at = Some(NOW)),
    (RefusalCode::BettingSuspended, By::Leg, Says::Market, |bet, n| {
        bet.fence(n).status = MarketStatus::Suspended;
    }),
    (RefusalCode::BettingSuspended, By::Leg, Says::Market, |bet, n| {
        bet.snapshot(n).status = MarketStatus::Suspended;
    }),
    (RefusalCode::BettingSuspended, By::Leg, Says::Nothing, |bet, n| bet.market(n).snapshot = None),
    (RefusalCode::BettingSuspended, By::Leg, Says::Version, |bet, n| {
        suspend(bet, n, SuspensionReason::Unpriced);
    }),
    // The snapshot and the fence are of different changes.
    (RefusalCode::BettingSuspended, By::Leg, Says::Market, |bet, n| {
        bet.fence(n).status_version = STATUS_VERSION + 1;
    }),
    (RefusalCode::BettingSuspended, By::Leg, Says::Market, |bet, n| {
        bet.snapshot(n).status_version = STATUS_VERSION + 1;
    }),
    // An outcome that a snapshot behind the fence cannot know of.
    (RefusalCode::BettingSuspended, By::Leg, Says::Version, |bet, n| {
        bet.fence(n).status_version = STATUS_VERSION + 1;
        bet.request.legs[n].outcome_id = outcome(99);
    }),
    (RefusalCode::StalePrice, By::Leg, Says::Market, |bet, n| {
        bet.request.legs[n].market_version = VERSION + 1;
    }),
    (RefusalCode::LineChanged, By::Leg, Says::Market, |bet, n| {
        bet.request.legs[n].line = Some(Line::from_quarters(11));
    }),
    (RefusalCode::PriceChanged, By::Leg, Says::Market, |bet, n| {
        bet.request.legs[n].price = price(1000, 1);
    }),
    // Down by 4 % each, and so by 7.84 % together.
    (RefusalCode::PriceChanged, By::Bet, Says::Nothing, |bet, _| {
        bet.request.price_policy = PricePolicy::Within(5);
        for n in [0, 1] {
            bet.reprice(n, price(PRICES[n].0 * 24, PRICES[n].1 * 25));
        }
    }),
    (RefusalCode::Correlated, By::Leg, Says::Related, |bet, n| bet.snapshot(n).event_id = event(LAST)),
    (RefusalCode::TooManyLegs, By::Bet, Says::Nothing, |bet, _| bet.rules.legs_max = 2),
    (RefusalCode::LegTypeNotAllowed, By::Leg, Says::Nothing, |bet, n| {
        bet.request.legs[n].leg_type = LegType::Sgp;
    }),
    (RefusalCode::LegTypeNotAllowed, By::Leg, Says::Nothing, |bet, n| {
        bet.request.legs[n].leg_type = LegType::Prop;
    }),
    (RefusalCode::CurrencyMismatch, By::Bet, Says::Nothing, |bet, _| bet.request.currency = currency("GBP")),
    (RefusalCode::BelowMin, By::Bet, Says::Most(1_000_000), |bet, _| bet.rules.stake_min = cents(1001)),
    (RefusalCode::AboveEventMax, By::Bet, Says::Most(999), |bet, _| {
        bet.caps.push(capped(CapLevel::Event, 9_899));
    }),
    (RefusalCode::AboveMax, By::Bet, Says::Most(999), |bet, _| bet.rules.stake_max = cents(999)),
    (RefusalCode::AboveMax, By::Bet, Says::Most(999), |bet, _| {
        bet.caps.push(capped(CapLevel::Market, 9_899));
    }),
    (RefusalCode::CombinationMax, By::Bet, Says::Most(999), |bet, _| {
        bet.caps.push(capped(CapLevel::Combination, 9_899));
    }),
    (RefusalCode::MaxPayout, By::Bet, Says::Most(999), |bet, _| bet.rules.payout_max = cents(10_908)),
    (RefusalCode::InsufficientFunds, By::Bet, Says::Balance, |bet, _| bet.player.available = cents(999)),
];

/// 1000 at these three returns 10909.
const PRICES: [(u32, u32); 3] = [(2, 1), (3, 1), (20, 11)];
const LAST: usize = 2;

fn capped(level: CapLevel, left: i64) -> CapRoom {
    let cap = Cap { id: LimitId::from_uuid(uuid(1)), level, measure: CapMeasure::Liability };
    CapRoom { cap, left: cents(left) }
}

fn parlay() -> Attempt {
    Attempt::at(&PRICES.map(|(num, den)| price(num, den)))
}

fn suspend(bet: &mut Attempt, n: usize, reason: SuspensionReason) {
    let snapshot = bet.snapshot(n);
    snapshot.prices.remove(&outcome(n));
    snapshot.suspensions.push(OutcomeSuspension { outcome_id: outcome(n), reason });
}

/// What a refusal of the bet because of that leg says.
fn said(says: Says, bet: &Attempt, n: usize) -> RefusalData {
    match says {
        Says::Nothing => RefusalData::default(),
        Says::Market => RefusalData {
            current_price: Some(price(PRICES[n].0, PRICES[n].1)),
            current_line: line(n),
            current_version: Some(VERSION),
            ..RefusalData::default()
        },
        Says::Version => RefusalData { current_version: Some(VERSION), ..RefusalData::default() },
        Says::Related => {
            RefusalData { related_outcomes: vec![outcome(n), outcome(LAST)], ..RefusalData::default() }
        }
        Says::Most(most) => RefusalData {
            stake_cents_min: Some(bet.rules.stake_min.get()),
            stake_cents_max: Some(most),
            ..RefusalData::default()
        },
        Says::Balance => {
            RefusalData { available_cents: Some(bet.player.available.get()), ..RefusalData::default() }
        }
    }
}

#[test]
fn every_code_that_is_checked_is_in_the_table_in_its_order() {
    let checked: BTreeSet<RefusalCode> = CHECKS.iter().map(|(code, _)| *code).collect();
    let tested: BTreeSet<RefusalCode> = BREAKAGES.iter().map(|(code, ..)| *code).collect();
    assert_eq!(tested, checked);
    assert!(BREAKAGES.is_sorted_by_key(|(code, ..)| *code));
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_code_its_leg_and_what_is_true_now() {
    assert!(parlay().place().is_ok());
    for (at, (code, by, says, change)) in BREAKAGES.iter().enumerate() {
        for n in [0, 1] {
            let mut bet = parlay();
            change(&mut bet, n);
            let refusal = bet.place().unwrap_err();
            let leg = (*by == By::Leg).then_some(n);
            assert_eq!((refusal.code, refusal.leg), (*code, leg), "row {at}");
            assert_eq!(refusal.data, said(*says, &bet, n), "{code} of row {at}");
            assert!(!refusal.message.is_empty(), "{code}");
        }
    }
}

/// Whichever leg broke it: the order of the codes goes before the order of the legs.
#[test]
fn of_two_broken_rules_the_first_in_the_order_of_the_codes_wins() {
    for (at, (code, by, _, earlier)) in BREAKAGES.iter().enumerate() {
        for (later_at, (later_code, .., later)) in BREAKAGES.iter().enumerate().skip(at + 1) {
            for (n, other) in [(0, 1), (1, 0)] {
                let mut bet = parlay();
                // The earlier one comes last, as a repetition is of the bet as it is sent.
                later(&mut bet, other);
                earlier(&mut bet, n);
                let (found, leg) = bet.refused().unwrap();
                assert_eq!(found, *code, "rows {at} and {later_at}");
                // Two ways to break one rule have no order but that of the legs.
                if later_code != code {
                    assert_eq!(leg, (*by == By::Leg).then_some(n), "rows {at} and {later_at}");
                }
            }
        }
    }
}

#[test]
fn of_two_legs_that_break_a_rule_the_first_is_named() {
    for (code, .., change) in BREAKAGES.iter().filter(|(_, by, ..)| *by == By::Leg) {
        let mut bet = parlay();
        change(&mut bet, 1);
        change(&mut bet, 0);
        assert_eq!(bet.refused(), Some((*code, Some(0))));
    }
}

#[test]
fn a_bet_without_legs_is_of_no_market() {
    let mut bet = single();
    bet.request.legs.clear();
    assert_eq!(bet.refused(), Some((RefusalCode::UnknownMarket, None)));
}

#[test]
fn two_legs_of_one_event_are_correlated_with_all_that_share_theirs() {
    let mut bet = Attempt::at(&[price(2, 1); 5]);
    for (n, shares) in [(3, 1), (4, 0)] {
        bet.snapshot(n).event_id = event(shares);
    }
    let refusal = bet.place().unwrap_err();
    assert_eq!((refusal.code, refusal.leg), (RefusalCode::Correlated, Some(0)));
    assert_eq!(refusal.data.related_outcomes, [0, 1, 3, 4].map(outcome));
}

#[test]
fn the_same_leg_twice_is_correlated_with_itself() {
    let mut bet = single();
    bet.request.legs.push(bet.request.legs[0].clone());
    let refusal = bet.place().unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Correlated);
    assert_eq!(refusal.data.related_outcomes, [outcome(0), outcome(0)]);
}

#[test]
fn no_rules_take_more_than_twenty_legs() {
    let of = |legs: usize| {
        let mut bet = Attempt::at(&vec![price(11, 10); legs]);
        bet.rules.legs_max = 50;
        bet.refused()
    };
    assert_eq!(of(20), None);
    assert_eq!(of(21), Some((RefusalCode::TooManyLegs, None)));
}

#[test]
fn a_stake_is_money_whatever_the_rules_say() {
    for stake_min in [0, -5] {
        for stake in [0, -1, i64::MIN] {
            let mut bet = single();
            bet.rules.stake_min = cents(stake_min);
            bet.request.stake = cents(stake);
            assert_eq!(bet.refused(), Some((RefusalCode::BelowMin, None)), "{stake}");
        }
    }
}

#[test]
fn a_payout_past_64_bits_is_above_the_largest() {
    let mut bet = Attempt::at(&[price(1000, 1); 20]);
    bet.rules.payout_max = cents(i64::MAX);
    // Checked before the balance, like any payout.
    bet.player.available = cents(0);
    assert_eq!(bet.refused(), Some((RefusalCode::MaxPayout, None)));
}

#[test]
fn a_repetition_is_refused_while_its_window_lasts_unless_it_is_meant() {
    // Milliseconds since the first, whether it is confirmed, whether it is refused.
    let cases = [
        (0, false, true),
        (2_999, false, true),
        (3_000, false, false),
        (0, true, false),
        // Another process's clock may be ahead.
        (-500, false, true),
    ];
    for (ms, confirmed, refused) in cases {
        let mut bet = parlay();
        bet.placed_before(ms);
        bet.request.confirm_duplicate = confirmed;
        let expected = refused.then_some((RefusalCode::DuplicatedRequest, None));
        assert_eq!(bet.refused(), expected, "{ms} ms, confirmed: {confirmed}");
    }
}

/// A process's clock may be a little behind another's; one that was set back by an hour refuses nothing for it.
#[test]
fn a_bet_from_ahead_is_a_repetition_within_the_window_only() {
    for (ms, refused) in [(-1, true), (-2_999, true), (-3_000, false), (-3_600_000, false)] {
        let mut bet = parlay();
        bet.placed_before(ms);
        assert_eq!(bet.refused(), refused.then_some((RefusalCode::DuplicatedRequest, None)), "{ms} ms");
    }
}

#[test]
fn only_the_same_selections_and_stake_are_a_repetition() {
    let cases: [Change; 4] = [
        (|bet| bet.request.legs.reverse(), true),
        (|bet| bet.request.price_policy = PricePolicy::Any, true),
        (|bet| bet.request.stake = cents(1001), false),
        (|bet| drop(bet.request.legs.pop()), false),
    ];
    for (at, (change, refused)) in cases.into_iter().enumerate() {
        let mut bet = parlay();
        bet.placed_before(0);
        change(&mut bet);
        let expected = refused.then_some((RefusalCode::DuplicatedRequest, None));
        assert_eq!(bet.refused(), expected, "row {at}");
    }
}
