//! The workload: what every step asks, drawn from the seed and the step's number alone, so that a run can be
//! played again with any of its steps left out.
//!
//! So that the model may judge concurrent operations, a step has at most one operation a market (which may be
//! sent twice, to both processes); the money of one account may be moved by as many as are drawn.

use super::calls::OpId;
use overround_domain::betting::PricePolicy;
use overround_domain::money::Currency;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

/// Slots of accounts, two a user.
pub const ACCOUNTS: usize = 24;
/// Slots of markets, two an event.
pub const MARKETS: usize = 12;
/// Steps that open, fund and publish before anything is drawn. They are never left out.
pub const PRELUDE: u32 = 2;
/// Operations of a step at most.
const OPS_MAX: u32 = 40;

/// A second currency.
pub fn pounds() -> Currency {
    "GBP".parse().unwrap_or(Currency::EUR)
}

/// The currency of a slot's account.
pub fn currency_of(slot: usize) -> Currency {
    if slot % 2 == 1 { pounds() } else { Currency::EUR }
}

/// One step: a batch of operations that are sent at once.
#[derive(Debug, Clone)]
pub struct Batch {
    pub step: u32,
    pub advance_ms: i64,
    /// Whether the producer gives a sign of life before it, and to which process.
    pub renewed_by: Option<usize>,
    pub ops: Vec<Op>,
}

/// An operation.
#[derive(Debug, Clone)]
pub struct Op {
    pub id: OpId,
    /// To which processes it is sent, all under one key; true where as another request.
    pub copies: Vec<(usize, bool)>,
    pub kind: Kind,
}

/// What an operation does, in slots and draws: its ids are found when its turn comes.
#[derive(Debug, Clone)]
pub enum Kind {
    Open {
        slot: usize,
    },
    Move {
        slot: usize,
        credits: bool,
        amount: Amount,
        foreign: bool,
    },
    Bet(BetPlan),
    Publish {
        slot: usize,
        change: Change,
    },
    Trade {
        slot: usize,
        act: Trade,
    },
    Settle {
        slot: usize,
        endings: Vec<u32>,
        flaw: SettleFlaw,
    },
    Pay {
        slot: usize,
    },
    /// An earlier operation's key, for the same request or another one.
    Replay {
        steps_back: u32,
        pick: u32,
    },
}

/// How much money is moved or staked.
#[derive(Debug, Clone, Copy)]
pub enum Amount {
    Of(i64),
    /// The balance and so much more.
    BalanceAnd(i64),
}

/// A bet.
#[derive(Debug, Clone)]
pub struct BetPlan {
    pub slot: usize,
    pub legs: Vec<LegPlan>,
    pub stake: Amount,
    pub policy: PricePolicy,
    pub confirms: bool,
    pub foreign: bool,
    /// The same as a bet of moments ago instead.
    pub again: Option<u32>,
}

/// A leg.
#[derive(Debug, Clone, Copy)]
pub struct LegPlan {
    pub market: usize,
    pub outcome: usize,
    pub flaw: LegFlaw,
}

/// What is wrong with a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegFlaw {
    None,
    UnknownMarket,
    UnknownOutcome,
    OlderVersion,
    FutureVersion,
    /// The price that the player saw is so many per cent of the one that is offered.
    SawPercent(u32),
    OtherLine,
    OtherType,
}

/// What a producer's next message changes.
#[derive(Debug, Clone)]
pub enum Change {
    /// New prices; opens a market that the producer had stopped.
    Prices(Vec<u32>),
    Same,
    Suspend,
    Inactive,
    InPlay(i64),
    /// A runner goes: called so, or left out of the message.
    Remove {
        runner: usize,
        leaves_out: bool,
    },
    Unprice(usize),
    Line(i32),
    Close,
    /// Closed, with as many winners; 9 leaves some undecided.
    Finish {
        winners: u32,
        first: usize,
    },
}

/// What a trader does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trade {
    Suspend,
    Resume,
    Close,
    OnNoMarket,
}

/// What is wrong with a result by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettleFlaw {
    None,
    LeavesOneOut,
    NamesAForeignOne,
}

/// The steps that stand before all others.
pub fn prelude() -> Vec<Batch> {
    let op = |step, index: usize, kind| Op {
        id: OpId { step, index: u32::try_from(index).unwrap_or(u32::MAX) },
        copies: vec![(index % 2, false)],
        kind,
    };
    let opens = (0..ACCOUNTS - 4).map(|slot| Kind::Open { slot });
    let publishes = (0..MARKETS).map(|slot| Kind::Publish { slot, change: Change::Same });
    let first = opens.chain(publishes).enumerate().map(|(at, kind)| op(0, at, kind)).collect();
    let funds = (0..ACCOUNTS - 8).map(|slot| {
        let amount = Amount::Of(if slot % 5 == 4 { 2_000 } else { 200_000 });
        Kind::Move { slot, credits: true, amount, foreign: false }
    });
    let second = funds.enumerate().map(|(at, kind)| op(1, at, kind)).collect();
    let batch = |step, ops| Batch { step, advance_ms: 1_000, renewed_by: None, ops };
    vec![batch(0, first), batch(1, second)]
}

/// The step of that number, from [`PRELUDE`] on.
pub fn batch(seed: u64, step: u32) -> Batch {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(step));
    let mut draw = Draw { rng, acted_on: BTreeSet::new(), hot: None };
    draw.batch(step)
}

struct Draw {
    rng: ChaCha8Rng,
    acted_on: BTreeSet<usize>,
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
        // Now and then the producer is silent until nothing may be sold.
        let silent = self.one_in(40);
        let advance_ms = if silent { 30_000 } else { i64::from(20 + self.below(1_500)) };
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
        let kind = match self.below(100) {
            0..=2 => Kind::Open { slot: self.index(ACCOUNTS) },
            3..=12 => self.movement(),
            13..=18 => Kind::Replay { steps_back: 1 + self.below(12), pick: self.below(1_000) },
            19..=26 => Kind::Publish { slot: self.index(MARKETS), change: self.change() },
            27..=29 => {
                let act = *pick(
                    &[Trade::Suspend, Trade::Resume, Trade::Resume, Trade::Close, Trade::OnNoMarket],
                    self.below(5),
                );
                // A trader closes seldom, or nothing would be on sale.
                let act = if act == Trade::Close && !self.one_in(3) { Trade::Resume } else { act };
                Kind::Trade { slot: self.index(MARKETS), act }
            }
            30..=32 => self.settle(),
            33..=42 => Kind::Pay { slot: self.index(MARKETS) },
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

    fn account(&mut self) -> usize {
        let stays = !self.one_in(4);
        self.hot.filter(|_| stays).unwrap_or_else(|| self.index(ACCOUNTS))
    }

    fn movement(&mut self) -> Kind {
        let (slot, credits) = (self.account(), !self.one_in(3));
        let amount = match self.below(12) {
            0 => Amount::Of(0),
            1 => Amount::Of(-1),
            2 => Amount::Of(10_000_000_000_001),
            3 | 4 => Amount::BalanceAnd(0),
            5 => Amount::BalanceAnd(1),
            _ => Amount::Of(i64::from(1 + self.below(20_000))),
        };
        Kind::Move { slot, credits, amount, foreign: self.one_in(15) }
    }

    fn settle(&mut self) -> Kind {
        let (slot, endings) = (self.index(MARKETS), (0..8).map(|_| self.below(9)).collect());
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
            policy,
            confirms: self.one_in(3),
            foreign: self.one_in(25),
            again: self.one_in(8).then(|| self.below(1_000)),
        }
    }

    fn legs(&mut self) -> Vec<LegPlan> {
        let count = *pick(&[1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5], self.below(12));
        let (first, same_event) = (self.index(MARKETS / 2), self.one_in(10));
        let leg = |draw: &mut Self, at: usize| {
            let event = if same_event { first } else { (first + at) % (MARKETS / 2) };
            LegPlan { market: event * 2 + draw.index(2), outcome: draw.index(4), flaw: draw.flaw() }
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
