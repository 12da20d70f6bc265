use super::{BetSettlement, PayoutError, SettleError, potential_payout, settle_bet};
use crate::betting::{BetKind, BetResult, BetStatus, LegResult, VoidFactor, leg_factor};
use crate::money::Cents;
use crate::odds::Price;
use crate::test_support::{any_price, any_result, cents, config, fraction, price};
use num_rational::BigRational;
use num_traits::FromPrimitive;
use proptest::prelude::*;

type Leg = (Price, Option<LegResult>);
type DecidedLeg = (Price, LegResult);
type Settled = Result<Option<BetSettlement>, SettleError>;

/// A stake on legs, the result (none of a void bet), and the return.
type Case = (i64, Vec<DecidedLeg>, Option<BetResult>, i64);

/// The settlement of a bet of the kind that its legs make.
fn settle(stake: i64, legs: &[Leg]) -> Settled {
    settle_bet(BetKind::of_legs(legs.len()), cents(stake), legs)
}

fn decided(legs: &[DecidedLeg]) -> Vec<Leg> {
    legs.iter().map(|(price, result)| (*price, Some(result.clone()))).collect()
}

#[track_caller]
fn assert_settles(cases: Vec<Case>) {
    for (stake, legs, result, returned) in cases {
        let status = if result.is_some() { BetStatus::Settled } else { BetStatus::Void };
        let expected = BetSettlement { status, result, returned: cents(returned) };
        assert_eq!(settle(stake, &decided(&legs)), Ok(Some(expected)), "{stake} on {legs:?}");
    }
}

fn win() -> LegResult {
    LegResult::win()
}

fn lose() -> LegResult {
    LegResult::lose()
}

/// Its stake back by score.
fn push() -> LegResult {
    LegResult::refund(None)
}

/// Its stake back by decree.
fn void() -> LegResult {
    LegResult::refund(Some("CANCELLED".to_owned()))
}

fn half_win() -> LegResult {
    LegResult::half_win()
}

fn half_lose() -> LegResult {
    LegResult::half_lose()
}

/// Tied with one other for one place.
fn shared() -> LegResult {
    LegResult::dead_heat(fraction(1, 2))
}

#[test]
fn what_a_straight_returns() {
    let on = |price: Price, result: LegResult| vec![(price, result)];
    let p19 = price(19, 10);
    assert_settles(vec![
        (1000, on(p19, win()), Some(BetResult::Won), 1900),
        (1000, on(p19, lose()), Some(BetResult::Lost), 0),
        (1000, on(p19, push()), Some(BetResult::Pushed), 1000),
        (1000, on(p19, void()), None, 1000),
        (1000, on(p19, half_win()), Some(BetResult::HalfWon), 1450),
        (1000, on(p19, half_lose()), Some(BetResult::HalfLost), 500),
        // The draw of the AFL season of 2025.
        (1000, on(p19, shared()), Some(BetResult::Partial), 950),
        // The place part of 10.00 each-way at 17.0, a quarter of the odds, tied third with one other.
        (1000, on(price(5, 1), shared()), Some(BetResult::Partial), 2500),
        (1000, on(p19, LegResult { void: VoidFactor::Half, ..shared() }), Some(BetResult::Partial), 975),
        (1000, on(price(21, 11), win()), Some(BetResult::Won), 1909),
        // The floor leaves nothing of half a cent.
        (1, on(p19, half_lose()), Some(BetResult::Lost), 0),
    ]);
}

#[test]
fn what_a_parlay_returns() {
    let (p2, p3) = (price(2, 1), price(3, 1));
    let two = |here: LegResult, there: LegResult| vec![(p2, here), (p3, there)];
    let (won, lost, partial) = (Some(BetResult::Won), Some(BetResult::Lost), Some(BetResult::Partial));
    assert_settles(vec![
        (100, two(win(), win()), won, 600),
        (100, two(win(), lose()), lost, 0),
        (100, two(void(), lose()), lost, 0),
        // What a pushed, void, half-lost or dead-heated leg returns is the stake of the next.
        (100, two(push(), win()), partial, 300),
        (100, two(void(), win()), partial, 300),
        (100, two(half_lose(), win()), partial, 150),
        (100, two(shared(), win()), partial, 300),
        (100, two(half_win(), win()), partial, 450),
        // No halves but on singles.
        (100, two(half_win(), half_win()), partial, 300),
        (100, two(half_lose(), half_lose()), partial, 25),
        (100, two(half_win(), push()), partial, 150),
        (3, two(half_lose(), half_lose()), lost, 0),
        // Returned by score, or by decree.
        (100, two(push(), push()), Some(BetResult::Pushed), 100),
        (100, two(push(), void()), Some(BetResult::Pushed), 100),
        (100, two(void(), void()), None, 100),
    ]);
}

#[test]
fn there_is_one_floor_at_the_end() {
    // 101 * 441/121 is 368.1; with a floor after each leg it would be 366.
    let legs = vec![(price(21, 11), win()); 2];
    assert_settles(vec![(101, legs, Some(BetResult::Won), 368)]);
}

#[test]
fn twenty_legs_are_exact() {
    // Terms of 120 digits: 1000 * (999999/500000)^20.
    let legs = vec![(price(999_999, 500_000), win()); 20];
    assert_settles(vec![(1000, legs, Some(BetResult::Won), 1_048_555_028)]);
}

#[test]
fn a_bet_waits_for_its_legs_unless_one_has_lost() {
    let leg = |result: LegResult| (price(2, 1), Some(result));
    let open = (price(2, 1), None);
    let waits = Ok(None);
    let lost = || {
        let result = Some(BetResult::Lost);
        Ok(Some(BetSettlement { status: BetStatus::Settled, result, returned: Cents::ZERO }))
    };
    let cases: [(Vec<Leg>, Settled); 8] = [
        (vec![open.clone()], waits.clone()),
        (vec![open.clone(), open.clone()], waits.clone()),
        (vec![leg(win()), open.clone()], waits.clone()),
        (vec![leg(void()), open.clone()], waits.clone()),
        (vec![open.clone(), leg(half_lose())], waits),
        (vec![leg(lose()), open.clone()], lost()),
        (vec![open.clone(), leg(win()), leg(lose())], lost()),
        (vec![open, leg(LegResult::dead_heat(fraction(0, 1)))], lost()),
    ];
    for (legs, expected) in cases {
        assert_eq!(settle(100, &legs), expected, "{legs:?}");
    }
}

#[test]
fn what_cannot_be_settled_says_why() {
    use BetKind::{Parlay, Single};
    let wrong = |kind, legs| SettleError::Legs { kind, legs };
    let of_stake = |stake| SettleError::Stake(cents(stake));
    // Kind, stake, number of legs at 2.00 that won.
    let cases = [
        (Single, 100, 0, wrong(Single, 0)),
        (Single, 100, 2, wrong(Single, 2)),
        (Parlay, 100, 0, wrong(Parlay, 0)),
        (Parlay, 100, 1, wrong(Parlay, 1)),
        (Single, 0, 1, of_stake(0)),
        (Single, -1, 1, of_stake(-1)),
        (Parlay, i64::MIN, 2, of_stake(i64::MIN)),
        (Single, i64::MAX, 1, SettleError::Overflow),
        (Parlay, 1, 63, SettleError::Overflow),
    ];
    for (kind, stake, number, error) in cases {
        let legs = vec![(price(2, 1), Some(win())); number];
        assert_eq!(settle_bet(kind, cents(stake), &legs), Err(error), "{stake} on {number} legs");
    }
}

#[test]
fn a_return_may_be_the_largest_number() {
    let most = i64::MAX;
    assert_settles(vec![
        (most, vec![(price(2, 1), shared())], Some(BetResult::Partial), most),
        (1, vec![(price(2, 1), win()); 62], Some(BetResult::Won), 1 << 62),
    ]);
}

#[test]
fn what_is_paid_at_most() {
    let p = price(21, 11);
    let most = i64::MAX;
    let cases = [
        (1000, vec![p], Ok(cents(1909))),
        (101, vec![p, p], Ok(cents(368))),
        (1000, vec![], Ok(cents(1000))),
        (0, vec![p], Ok(Cents::ZERO)),
        (most, vec![], Ok(cents(most))),
        (most, vec![price(1_000_000, 999_999)], Err(PayoutError)),
        (1, vec![price(1_000_000, 1); 20], Err(PayoutError)),
        (-1, vec![p], Err(PayoutError)),
        (i64::MIN, vec![p], Err(PayoutError)),
    ];
    for (stake, prices, expected) in cases {
        assert_eq!(potential_payout(cents(stake), prices.clone()), expected, "{stake} at {prices:?}");
    }
}

fn any_legs() -> impl Strategy<Value = Vec<DecidedLeg>> {
    proptest::collection::vec((any_price(), any_result()), 1..8)
}

/// Legs in two orders.
fn shuffled() -> impl Strategy<Value = (Vec<DecidedLeg>, Vec<DecidedLeg>)> {
    any_legs().prop_flat_map(|legs| (Just(legs.clone()), Just(legs).prop_shuffle()))
}

/// The status, result and return of a bet whose legs are all decided.
fn settlement(stake: i64, legs: &[DecidedLeg]) -> Result<BetSettlement, SettleError> {
    settle(stake, &decided(legs)).map(|settlement| settlement.expect("all legs are decided"))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_return_is_the_stake_times_the_factors_floored(stake in 1..1_000_000_i64, legs in any_legs()) {
        let exact: BigRational = legs.iter().map(|(price, result)| leg_factor(*price, result)).product();
        let exact = exact * BigRational::from_i64(stake).unwrap();
        let amount = |cents: i128| BigRational::from_i128(cents).unwrap();
        match settlement(stake, &legs) {
            Ok(settled) => {
                let returned = i128::from(settled.returned.get());
                prop_assert!(amount(returned) <= exact && exact < amount(returned + 1));
            }
            Err(error) => {
                prop_assert_eq!(error, SettleError::Overflow);
                prop_assert!(exact >= amount(i128::from(i64::MAX) + 1));
            }
        }
    }

    #[test]
    fn no_bet_returns_more_than_its_potential_payout(stake in 1..1_000_000_i64, legs in any_legs()) {
        let payout = potential_payout(cents(stake), legs.iter().map(|(price, _)| *price));
        if let Ok(payout) = payout {
            prop_assert!(settlement(stake, &legs).unwrap().returned <= payout);
        }
    }

    #[test]
    fn a_bet_that_wins_in_full_returns_its_potential_payout(
        stake in 1..1_000_000_i64,
        prices in proptest::collection::vec(any_price(), 1..8),
    ) {
        let legs: Vec<_> = prices.iter().map(|price| (*price, LegResult::win())).collect();
        let returned = settlement(stake, &legs).map(|settled| settled.returned);
        prop_assert_eq!(returned.ok(), potential_payout(cents(stake), prices).ok());
    }

    #[test]
    fn the_order_of_the_legs_does_not_matter(stake in 1..1_000_000_i64, (legs, turned) in shuffled()) {
        prop_assert_eq!(settlement(stake, &legs), settlement(stake, &turned));
    }

    #[test]
    fn one_more_refunded_leg_changes_no_return(
        stake in 1..1_000_000_i64,
        legs in any_legs(),
        price in any_price(),
        by_score in any::<bool>(),
    ) {
        let refund = if by_score { push() } else { void() };
        let longer: Vec<_> = legs.iter().cloned().chain([(price, refund)]).collect();
        let returned = |legs: &[_]| settlement(stake, legs).map(|settled| settled.returned);
        prop_assert_eq!(returned(&legs), returned(&longer));
    }

    #[test]
    fn deciding_more_legs_changes_nothing_of_a_closed_bet(
        stake in 1..1_000_000_i64,
        legs in proptest::collection::vec((any_price(), any_result(), any::<bool>()), 1..8),
    ) {
        let early: Vec<_> =
            legs.iter().cloned().map(|(price, result, known)| (price, known.then_some(result))).collect();
        let all: Vec<_> = legs.into_iter().map(|(price, result, _)| (price, Some(result))).collect();
        if let Ok(Some(closed)) = settle(stake, &early) {
            prop_assert_eq!(settle(stake, &all), Ok(Some(closed)));
        }
    }

    #[test]
    fn the_result_is_the_one_of_the_rules(stake in 1..1_000_000_i64, legs in any_legs()) {
        if let Ok(BetSettlement { status, result, returned }) = settlement(stake, &legs) {
            let every = |is: fn(&LegResult) -> bool| legs.iter().all(|(_, result)| is(result));
            let decreed = every(LegResult::is_void_by_decree);
            prop_assert_eq!(status, if decreed { BetStatus::Void } else { BetStatus::Settled });
            prop_assert_eq!(result.is_none(), decreed);
            prop_assert_eq!(result == Some(BetResult::Lost), returned == Cents::ZERO);
            prop_assert_eq!(result == Some(BetResult::Won), every(LegResult::won_in_full));
            let pushed = !decreed && every(|result| result.void == VoidFactor::Full);
            prop_assert_eq!(result == Some(BetResult::Pushed), pushed);
            let halved = matches!(result, Some(BetResult::HalfWon | BetResult::HalfLost));
            prop_assert!(!halved || legs.len() == 1);
            prop_assert_ne!(result, Some(BetResult::CashedOut));
        }
    }
}
