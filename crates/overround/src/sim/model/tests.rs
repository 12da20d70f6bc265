//! The model against the tables of the betting rules.

use super::bets::{Closed, Ending, close};
use super::limits::{Factors, WideBounds, largest_stake};
use super::market::IsOver;
use super::prices::book;
use super::ratio::Ratio;
use super::{Handled, Limits, Market, Posted, Purse, Stops, Verdict};
use crate::sim::acts::Act;
use crate::sim::resolve::template;
use overround_domain::betting::{BetResult, BetStatus, LimitScope, RefusalCode, StakeLimits};
use overround_domain::ids::{OutcomeId, PostingId};
use overround_domain::markets::MarketStatus;
use overround_domain::money::{Cents, Currency};
use overround_domain::odds::Price;
use overround_domain::wallet::RefType;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The source's prices, how many win, the margin, and the house's prices.
type Priced = (&'static [u32], u32, u32, Option<&'static [u32]>);

fn closed(stake: i64, legs: &[(u32, u32, Ending)]) -> Closed {
    let legs: Vec<_> =
        legs.iter().map(|(num, den, ending)| (Price::new(*num, *den).unwrap(), Some(*ending))).collect();
    close(stake, &legs).unwrap()
}

#[test]
fn one_formula_settles_every_leg() {
    let cases = [
        (Ending::Lose, 0, BetResult::Lost),
        (Ending::Win, 1_909, BetResult::Won),
        (Ending::Push, 1_000, BetResult::Pushed),
        // 1/2 + p/2 and 1/2.
        (Ending::HalfWin, 1_454, BetResult::HalfWon),
        (Ending::HalfLose, 500, BetResult::HalfLost),
        (Ending::DeadHeat(2), 954, BetResult::Partial),
    ];
    for (ending, returned, result) in cases {
        let expected = Closed { status: BetStatus::Settled, result: Some(result), returned };
        assert_eq!(closed(1_000, &[(21, 11, ending)]), expected);
    }
    let void = Closed { status: BetStatus::Void, result: None, returned: 1_000 };
    assert_eq!(closed(1_000, &[(21, 11, Ending::Void)]), void);
}

#[test]
fn the_draw_of_a_dead_heat_returns_half_of_the_win() {
    // AFL 2025: 10.00 at 1.90 returns 9.50.
    assert_eq!(closed(1_000, &[(19, 10, Ending::DeadHeat(2))]).returned, 950);
}

#[test]
fn a_parlay_multiplies_and_floors_once() {
    use Ending::{HalfLose, HalfWin, Lose, Push, Void, Win};
    let cases = [
        // A pushed leg's stake rolls on, a half-lost leg rolls half.
        (vec![(2, 1, Win), (3, 1, Push)], 2_000, Some(BetResult::Partial)),
        (vec![(2, 1, Win), (3, 1, HalfLose)], 1_000, Some(BetResult::Partial)),
        (vec![(2, 1, HalfWin), (3, 1, HalfWin)], 3_000, Some(BetResult::Partial)),
        (vec![(2, 1, Win), (3, 1, Lose)], 0, Some(BetResult::Lost)),
        (vec![(2, 1, Push), (3, 1, Void)], 1_000, Some(BetResult::Pushed)),
        (vec![(2, 1, Void), (3, 1, Void)], 1_000, None),
        (vec![(2, 1, Win), (3, 1, Win), (20, 11, Win)], 10_909, Some(BetResult::Won)),
    ];
    for (legs, returned, result) in cases {
        let bet = closed(1_000, &legs);
        assert_eq!((bet.returned, bet.result), (returned, result), "{legs:?}");
    }
}

#[test]
fn a_parlay_waits_for_all_its_legs_or_the_first_that_is_lost() {
    let price = Price::new(2, 1).unwrap();
    assert_eq!(close(1_000, &[(price, Some(Ending::Win)), (price, None)]), None);
    let lost = close(1_000, &[(price, Some(Ending::Lose)), (price, None)]).unwrap();
    assert_eq!((lost.result, lost.returned), (Some(BetResult::Lost), 0));
}

#[test]
fn a_return_of_less_than_a_cent_is_lost() {
    assert_eq!(closed(1, &[(2, 1, Ending::HalfLose)]).result, Some(BetResult::Lost));
}

#[test]
fn prices_carry_the_margin_and_stand_on_the_ladder() {
    let cases: [Priced; 6] = [
        // 200 / 1.04 is 192.3.
        (&[200, 200], 1, 400, Some(&[192, 192])),
        // Without a margin a fair book is its own; an overround one is never above the source's price.
        (&[200, 200], 1, 0, Some(&[200, 200])),
        (&[190, 190], 1, 0, Some(&[190, 190])),
        // Two of three win: each price is 1 / (2/3 * 1.04) = 1.44.
        (&[300, 300, 300], 2, 400, Some(&[144, 144, 144])),
        // 1.01 is the lowest: what comes below is not offered, and nothing beside it.
        (&[101, 10_000], 1, 400, None),
        (&[200, 200], 2, 400, None),
    ];
    for (backs, winners, margin_bps, expected) in cases {
        let prices = book(backs, winners, margin_bps)
            .and_then(|prices| prices.into_iter().collect::<Option<Vec<_>>>());
        assert_eq!(prices.as_deref(), expected, "{backs:?}");
    }
}

/// A market of the workload, as its producer first said it.
fn market() -> Market {
    let said = template(0, 0);
    let mut market = Market::unknown(&said);
    market.publish(&said, 0, 400);
    market
}

/// What stands on the board, in hundredths.
fn board(market: &Market) -> Vec<Option<u32>> {
    let hundredths = |price: Price| price.num() * 100 / price.den();
    market.runners.iter().map(|runner| runner.offer.map(hundredths)).collect()
}

#[test]
fn a_market_has_its_own_margin_until_it_has_the_house_s_again() {
    let mut market = market();
    let by_the_house = board(&market);
    // 1/1.95 + 1/2.10 + 1/2.25 is 1.4334, of which 1.5 leave 0.9556 of each price.
    market.set_margin(Some(5_000), 400).unwrap();
    assert_eq!(board(&market), [186, 200, 214].map(Some));
    market.publish(&template(0, 0), 1, 400);
    assert_eq!(board(&market), [186, 200, 214].map(Some), "the next message keeps it");
    market.set_margin(None, 400).unwrap();
    assert_eq!((board(&market), market.version, market.status_version), (by_the_house, 3, 1));
    market.hold(Some(MarketStatus::Closed)).unwrap();
    assert_eq!(market.set_margin(Some(0), 400), Err(IsOver));
}

#[test]
fn what_a_trader_prices_stands_and_a_gap_takes_its_book_off() {
    let price = |hundredths| Price::new(hundredths, 100).unwrap();
    // Odds, of which the second runner has no price: nothing is offered until the trader prices all.
    let mut odds = market();
    let mut said = odds.said.clone();
    said.outcomes[1].best_back = None;
    odds.publish(&said, 1, 400);
    assert_eq!((board(&odds), odds.status), (vec![None; 3], MarketStatus::Suspended));
    let ids: Vec<OutcomeId> = (1..=3).map(|id| OutcomeId::from_uuid(Uuid::from_u128(id))).collect();
    odds.runners.iter_mut().zip(&ids).for_each(|(runner, id)| runner.id = *id);
    odds.set_prices(&BTreeMap::from([(ids[1], price(300))]), 400).unwrap();
    assert_eq!(board(&odds), [None; 3], "without it there is no book for the others");
    odds.set_prices(&BTreeMap::from([(ids[0], price(200)), (ids[2], price(500))]), 400).unwrap();
    assert_eq!((board(&odds), odds.status), ([200, 300, 500].map(Some).to_vec(), MarketStatus::Open));
    odds.release_prices(Some(&BTreeSet::from([ids[2]])), 400).unwrap();
    assert_eq!(board(&odds), [None; 3]);
    odds.release_prices(None, 400).unwrap();
    assert!(odds.by_hand.is_empty());

    // Lines, of which the first pair has a gap: what the trader priced stands by itself.
    let mut said = template(3, 0);
    said.outcomes[0].best_back = None;
    let mut lines = Market::unknown(&said);
    lines.publish(&said, 0, 400);
    let ids: Vec<OutcomeId> = (1..=4).map(|id| OutcomeId::from_uuid(Uuid::from_u128(id))).collect();
    lines.runners.iter_mut().zip(&ids).for_each(|(runner, id)| runner.id = *id);
    let others = board(&lines)[2..].to_vec();
    lines.set_prices(&BTreeMap::from([(ids[1], price(190))]), 400).unwrap();
    assert_eq!(board(&lines), [vec![None, Some(190)], others].concat());
}

#[test]
fn the_strictest_limit_counts_by_the_factor_and_half_in_play() {
    let rules = Limits {
        stake_min: 100,
        stake_max: 50_000,
        payout_max: 400_000,
        legs_max: 4,
        duplicate_window_ms: 3_000,
        margin_bps: 400,
        in_play_pct: 50,
    };
    let (cents, none) = (|cents| Some(Cents::new(cents)), StakeLimits::default());
    let volume = StakeLimits { volume: cents(1_000), ..none };
    let liability = StakeLimits { liability: cents(1_000), ..none };
    let stake = StakeLimits { stake: cents(1_000), ..none };
    let all = StakeLimits { volume: cents(1_000), liability: cents(900), stake: cents(800) };
    // Limits, factor, in play, price in hundredths, and the largest stake.
    let cases = [
        (none, 100, false, 150, 50_000),
        (none, 500, true, 150, 50_000),
        (none, 50, true, 150, 25_000),
        (none, 0, false, 150, 0),
        // The smaller of stake and win: the win below even money, the stake from there on.
        (volume, 100, false, 150, 2_000),
        (volume, 100, false, 200, 1_000),
        (volume, 100, false, 300, 1_000),
        (volume, 100, false, 170, 1_428),
        (liability, 100, false, 150, 2_000),
        (liability, 100, false, 300, 500),
        (stake, 100, false, 150, 1_000),
        (stake, 150, false, 150, 1_500),
        (stake, 150, true, 150, 750),
        (all, 100, false, 250, 600),
        (all, 100, false, 150, 800),
    ];
    for (limits, factor, in_play, price, most) in cases {
        let mut market = market();
        assert_eq!(market.limit(Currency::EUR, limits).version, 1);
        let price = Ratio::new(price, 100);
        let largest = |currency, factors: &Factors| {
            largest_stake(&rules, factors, &WideBounds::new(), currency, &[(&market, in_play)], price)
        };
        let factors = Factors::from([("football", factor)]);
        assert_eq!(largest(Currency::EUR, &factors), most, "{limits:?} by {factor} at {price:?}");
        let of_another_sport = Factors::from([("tennis", factor)]);
        assert_eq!(largest("GBP".parse().unwrap(), &of_another_sport), 50_000, "another currency and sport");
        // The same by the market's sport or type, with another one beside.
        let market = self::market();
        let said = &market.said;
        for scope in
            [LimitScope::Sport(said.event.sport.clone()), LimitScope::MarketType(said.market_type.clone())]
        {
            let mut wide = WideBounds::new();
            wide.entry((scope, Currency::EUR)).or_default().set(limits);
            let other = LimitScope::Sport("another".to_owned());
            wide.entry((other, Currency::EUR)).or_default().set(StakeLimits { stake: cents(1), ..none });
            let largest = largest_stake(&rules, &factors, &wide, Currency::EUR, &[(&market, in_play)], price);
            assert_eq!(largest, most, "{limits:?} by {factor} at {price:?}");
        }
    }
}

#[test]
fn the_ladder_has_its_steps() {
    for (back, price) in
        [(199, 199), (201, 200), (303, 300), (405, 400), (610, 600), (1_040, 1_000), (2_050, 2_000)]
    {
        // An underround of its own makes the source's price the lowest bound.
        assert_eq!(book(&[back, 101], 1, 0).and_then(|prices| prices[0]), Some(price), "{back}");
    }
}

/// A purse of 1000 with a credit of 1500 (1), a debit of 400 (2) that was taken back, and a bet's stake (3).
fn purse() -> Purse {
    let posted = |id, amount, by_hand, reversed| Posted { id: posting(id), amount, by_hand, reversed };
    let postings =
        vec![posted(1, 1_500, true, false), posted(2, -400, true, true), posted(3, -100, false, false)];
    Purse { balance: 1_000, postings, ..Purse::empty(Currency::EUR) }
}

fn posting(id: u128) -> PostingId {
    PostingId::from_uuid(Uuid::from_u128(id))
}

#[test]
fn acts_by_hand_are_refused_in_the_order_of_the_rules() {
    use RefusalCode::{AccountFrozen, AlreadyReversed, CurrencyMismatch, InsufficientFunds, NotReversible};
    let (own, pounds) = (Currency::EUR, "GBP".parse().unwrap());
    let [debits, credits] = [(true, false), (false, true)].map(|(debits, credits)| Stops { debits, credits });
    let debit = |amount, currency| Act::Move { credits: false, amount, currency };
    let adjust = |amount, currency| Act::Adjust { amount, currency };
    let reverse = |id| Act::Reverse { posting: posting(id) };
    let cases = [
        (debit(1_000, own), Stops::default(), Ok((RefType::Withdrawal, -1_000))),
        (debit(1_001, own), Stops::default(), Err(InsufficientFunds)),
        (debit(1_001, pounds), Stops::default(), Err(CurrencyMismatch)),
        (debit(1_001, pounds), debits, Err(AccountFrozen)),
        (debit(1, own), credits, Ok((RefType::Withdrawal, -1))),
        (adjust(1, own), debits, Ok((RefType::Adjustment, 1))),
        (adjust(1, own), credits, Err(AccountFrozen)),
        (adjust(-1_001, own), Stops::default(), Err(InsufficientFunds)),
        (reverse(1), Stops::default(), Err(InsufficientFunds)),
        (reverse(1), debits, Err(AccountFrozen)),
        (reverse(2), credits, Err(AlreadyReversed)),
        (reverse(3), credits, Err(NotReversible)),
    ];
    for (act, stops, expected) in cases {
        let handled = match (Purse { stops, ..purse() }).handle(&act) {
            Some(Handled::Posted(ref_type, amount)) => Ok((ref_type, amount)),
            Some(Handled::Refused(Verdict::Refused { code, .. })) => Err(code),
            other => panic!("{act:?}: {other:?}"),
        };
        assert_eq!(handled, expected, "{act:?} with {stops:?}");
    }
    assert_eq!(purse().handle(&reverse(4)), Some(Handled::NoPosting));
}
