//! Drawing a step.

use super::{
    ACCOUNTS, Amount, Batch, BetPlan, Change, HandPlan, Kind, LegFlaw, LegPlan, MARKETS, OPS_MAX, Op, SPORTS,
    SettleFlaw, Target, Trade, Wide,
};
use crate::sim::calls::OpId;
use overround_domain::betting::{PricePolicy, StakeLimits};
use overround_domain::money::Cents;
use overround_domain::wallet::Freeze;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

/// The step of that number, from [`super::PRELUDE`] on.
pub fn batch(seed: u64, step: u32) -> Batch {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(step));
    let mut draw = Draw { rng, acted_on: BTreeSet::new(), limited: false, hot: None };
    draw.batch(step)
}

struct Draw {
    rng: ChaCha8Rng,
    acted_on: BTreeSet<usize>,
    /// Whether something was limited that is more than a market.
    limited: bool,
    /// The account that all money moves on, in some steps.
    hot: Option<usize>,
}

impl Draw {
    fn below(&mut self, end: u32) -> u32 {
        self.rng.random_range(0..end.max(1))
    }

    fn index(&mut self, len: usize) -> usize {
        self.rng.random_range(0..len.max(1))
    }

    fn one_in(&mut self, of: u32) -> bool {
        self.below(of) == 0
    }

    fn batch(&mut self, step: u32) -> Batch {
        // Now and then the producer is silent, until little may be sold or nothing.
        let silent = self.one_in(16);
        let advance_ms = i64::from(if silent { 9_000 + self.below(6_000) } else { 20 + self.below(1_500) });
        let renewed_by = (!silent && !self.one_in(6)).then(|| self.index(2));
        self.hot = self.one_in(5).then(|| self.index(ACCOUNTS - 8));
        let count = if self.one_in(4) { OPS_MAX } else { 1 + self.below(OPS_MAX) };
        let ops = (0..count).map(|index| self.op(OpId { step, index })).collect();
        Batch { step, advance_ms, renewed_by, ops }
    }

    fn op(&mut self, id: OpId) -> Op {
        let kind = self.kind();
        let copies = match (&kind, self.below(8)) {
            (Kind::Replay { .. }, more) => vec![(self.index(2), more < 3)],
            (_, 0) => vec![(0, false), (1, false)],
            (Kind::Publish { .. } | Kind::Pay { .. }, _) => vec![(self.index(2), false)],
            (_, 1) => vec![(0, false), (1, false), (0, false)],
            (_, 2) => vec![(0, false), (1, true)],
            _ => vec![(self.index(2), false)],
        };
        Op { id, copies, kind }
    }

    fn kind(&mut self) -> Kind {
        let kind = match self.below(112) {
            0..=2 => Kind::Open { slot: self.index(ACCOUNTS) },
            3..=12 => self.by_hand(Self::movement),
            13..=18 => Kind::Replay { steps_back: 1 + self.below(12), pick: self.below(1_000) },
            19..=26 => Kind::Publish { slot: self.index(MARKETS), change: self.change() },
            27..=29 => {
                let act = match self.below(5) {
                    0 => Trade::Suspend,
                    // A trader closes seldom, or nothing would be on sale.
                    1 if self.one_in(3) => Trade::Close,
                    2 => Trade::OnNoMarket,
                    _ => Trade::Resume,
                };
                Kind::Trade { slot: self.index(MARKETS), act }
            }
            30..=32 => self.settle(),
            33..=42 => Kind::Pay { slot: self.index(MARKETS) },
            43..=45 => self.by_hand(Self::adjustment),
            46..=49 => self.by_hand(Self::reversal),
            50..=53 => self.by_hand(Self::freeze),
            54..=56 => Kind::Trade { slot: self.index(MARKETS), act: Trade::Margin(self.margin()) },
            57..=60 => Kind::Trade { slot: self.index(MARKETS), act: self.prices() },
            61..=63 => Kind::Trade { slot: self.index(MARKETS), act: self.limit() },
            64..=65 => self.by_hand(Self::factor),
            66 if !std::mem::replace(&mut self.limited, true) => return self.wide_limit(),
            _ => return Kind::Bet(self.bet()),
        };
        let market = match &kind {
            Kind::Publish { slot, .. }
            | Kind::Trade { slot, .. }
            | Kind::Settle { slot, .. }
            | Kind::Pay { slot } => *slot,
            _ => return kind,
        };
        if self.acted_on.insert(market) { kind } else { Kind::Bet(self.bet()) }
    }

    /// From none to the largest, mostly near what a house has.
    fn margin(&mut self) -> Option<u32> {
        match self.below(6) {
            0 | 1 => None,
            2 => Some(*pick(&[0, 5_000], self.below(2))),
            _ => Some(self.below(1_500)),
        }
    }

    fn limit(&mut self) -> Trade {
        Trade::Limit { currency_of: self.index(2), limits: self.limits(500) }
    }

    fn wide_limit(&mut self) -> Kind {
        let of = if self.one_in(2) { Wide::Type } else { Wide::Sport(pick::<&str>(&SPORTS, self.below(2))) };
        // Higher, since they last.
        Kind::Limit { of, currency_of: self.index(2), limits: self.limits(3_000) }
    }

    /// Limits that some stakes are above and some below, of each kind by itself or all at once; as often none.
    fn limits(&mut self, least: u32) -> StakeLimits {
        let kind = self.below(8);
        let mut cents =
            |of: u32| (kind == of || kind == 3).then(|| Cents::new(i64::from(least + self.below(60_000))));
        StakeLimits { volume: cents(0), liability: cents(1), stake: cents(2) }
    }

    /// From zero, with which nothing is taken, to the largest.
    fn factor(&mut self) -> HandPlan {
        let pct = *pick(&[0, 10, 50, 100, 100, 100, 100, 150, 500], self.below(9));
        HandPlan::Factor { sport: pick::<&str>(&SPORTS, self.below(2)), pct }
    }

    /// Prices of one runner, of some, or of all; or none any more.
    fn prices(&mut self) -> Trade {
        if self.one_in(3) {
            return Trade::Release(self.one_in(2).then(|| self.index(4)));
        }
        let count = *pick(&[1, 1, 2, 4], self.below(4));
        let first = self.index(4);
        let runners = (first..first + count).map(|runner| (runner, self.back())).collect();
        Trade::Price { runners, foreign: self.one_in(12) }
    }

    fn account(&mut self) -> usize {
        let stays = !self.one_in(4);
        self.hot.filter(|_| stays).unwrap_or_else(|| self.index(ACCOUNTS))
    }

    fn by_hand(&mut self, plan: fn(&mut Self) -> HandPlan) -> Kind {
        Kind::ByHand { slot: self.account(), plan: plan(self) }
    }

    fn movement(&mut self) -> HandPlan {
        let credits = !self.one_in(3);
        let amount = match self.below(12) {
            0 => Amount::Of(0),
            1 => Amount::Of(-1),
            2 => Amount::Of(10_000_000_000_001),
            3 | 4 => Amount::BalanceAnd(0),
            5 => Amount::BalanceAnd(1),
            _ => Amount::Of(i64::from(1 + self.below(20_000))),
        };
        HandPlan::Move { credits, amount, foreign: self.one_in(15) }
    }

    fn adjustment(&mut self) -> HandPlan {
        let takes = self.one_in(2);
        let amount = match self.below(12) {
            0 => Amount::Of(0),
            1 => Amount::Of(10_000_000_000_001),
            2 if takes => Amount::BalanceAnd(0),
            3 if takes => Amount::BalanceAnd(1),
            _ => Amount::Of(i64::from(1 + self.below(9_000))),
        };
        HandPlan::Adjust { takes, amount, foreign: self.one_in(15) }
    }

    /// Mostly of the latest postings, so that operations of one step meet at one of them.
    fn reversal(&mut self) -> HandPlan {
        let target = match self.below(12) {
            0..=6 => Target::Fresh,
            7 | 8 => Target::ByHand,
            9 => Target::Any,
            10 => Target::Anothers,
            _ => Target::Unknown,
        };
        let pick = if self.one_in(3) { self.below(1_000) } else { self.below(2) };
        HandPlan::Reverse { target, pick }
    }

    fn freeze(&mut self) -> HandPlan {
        let freeze = *pick(&[Freeze::Debit, Freeze::Credit, Freeze::Both], self.below(3));
        HandPlan::Freeze { freeze, on: self.one_in(2), anyway: self.one_in(4) }
    }

    /// Now and then the market is void as a whole, by a trader's word or by its score.
    fn settle(&mut self) -> Kind {
        let void = match self.below(8) {
            0 => Some(5),
            1 => Some(4),
            _ => None,
        };
        let (slot, endings) =
            (self.index(MARKETS), (0..8).map(|_| void.unwrap_or_else(|| self.below(9))).collect());
        let flaw = match self.below(8) {
            0 => SettleFlaw::LeavesOneOut,
            1 => SettleFlaw::NamesAForeignOne,
            _ => SettleFlaw::None,
        };
        Kind::Settle { slot, endings, flaw }
    }

    fn change(&mut self) -> Change {
        match self.below(24) {
            0 | 1 => Change::Same,
            2 => Change::Suspend,
            3 => Change::Inactive,
            4 => Change::InPlay(i64::from(self.below(3)) * 1_000),
            5 => Change::Remove { runner: self.index(4), leaves_out: self.one_in(2) },
            6 => Change::Unprice(self.index(4)),
            7 => Change::Line(*pick(&[-1, 1, 2], self.below(3))),
            8 => Change::Close,
            9..=11 => {
                let winners = *pick(&[1, 1, 1, 2, 3, 0, 9], self.below(7));
                Change::Finish { winners, first: self.index(4) }
            }
            _ => Change::Prices((0..4).map(|_| self.back()).collect()),
        }
    }

    /// A source's price in hundredths, mostly short.
    fn back(&mut self) -> u32 {
        if self.one_in(6) { 102 + self.below(3_000) } else { 150 + self.below(450) }
    }

    fn bet(&mut self) -> BetPlan {
        let slot = self.account();
        let stake = match self.below(24) {
            0 => Amount::Of(i64::from(self.below(100))),
            1 => Amount::Of(-5),
            2 => Amount::Of(50_001 + i64::from(self.below(3))),
            3 | 4 => Amount::BalanceAnd(0),
            5 => Amount::BalanceAnd(1),
            6..=8 => Amount::Of(30_000 + i64::from(self.below(20_001))),
            _ => Amount::Of(i64::from(100 + self.below(3_000))),
        };
        let policy = match self.below(4) {
            0 => PricePolicy::None,
            1 => PricePolicy::Higher,
            2 => PricePolicy::Any,
            _ => PricePolicy::Within(*pick(&[0, 5, 20, 100], self.below(4))),
        };
        BetPlan {
            slot,
            legs: self.legs(),
            stake,
            fills: self.one_in(4),
            policy,
            confirms: self.one_in(3),
            foreign: self.one_in(25),
            again: self.one_in(8).then(|| self.below(1_000)),
        }
    }

    fn legs(&mut self) -> Vec<LegPlan> {
        let count = *pick(&[1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5], self.below(13));
        // With a flaw in every third leg, hardly a long parlay would reach the rules on the whole bet.
        let (first, same_event, sound) = (self.index(MARKETS / 2), self.one_in(10), self.one_in(2));
        let leg = |draw: &mut Self, at: usize| {
            let event = if same_event { first } else { (first + at) % (MARKETS / 2) };
            let flaw = if sound { LegFlaw::None } else { draw.flaw() };
            LegPlan { market: event * 2 + draw.index(2), outcome: draw.index(4), flaw }
        };
        (0..count).map(|at| leg(self, at)).collect()
    }

    fn flaw(&mut self) -> LegFlaw {
        match self.below(40) {
            0 => LegFlaw::UnknownMarket,
            1 => LegFlaw::UnknownOutcome,
            2..=4 => LegFlaw::OlderVersion,
            5 => LegFlaw::FutureVersion,
            6..=9 => LegFlaw::SawPercent(*pick(&[90, 97, 103, 105, 110, 125], self.below(6))),
            10 => LegFlaw::OtherLine,
            11 => LegFlaw::OtherType,
            _ => LegFlaw::None,
        }
    }
}

/// One of them; the first where the number is out of range.
fn pick<T>(of: &[T], at: u32) -> &T {
    let at = usize::try_from(at).unwrap_or(0);
    #[expect(clippy::indexing_slicing, reason = "the lists are written here and none is empty")]
    of.get(at).unwrap_or(&of[0])
}

#[cfg(test)]
mod tests {
    use super::batch;

    #[test]
    fn a_step_is_drawn_from_the_seed_and_its_number_alone() {
        let drawn = |seed, steps: &[u32]| -> Vec<String> {
            steps.iter().map(|step| format!("{:?}", batch(seed, *step))).collect()
        };
        let mut back = drawn(7, &[4, 3, 2]);
        back.reverse();
        assert_eq!(drawn(7, &[2, 3, 4]), back);
        assert_ne!(drawn(8, &[2, 3, 4]), back);
    }
}
