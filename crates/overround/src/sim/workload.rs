//! The workload: what every step asks, drawn from the seed and the step's number alone, so that a run can be
//! played again with any of its steps left out.
//!
//! So that the model may judge concurrent operations, a step has at most one operation a market (which may be
//! sent twice, to both processes); the money of one account may be moved by as many as are drawn.

mod draw;

pub use draw::batch;

use super::calls::OpId;
use overround_domain::betting::{PricePolicy, StakeLimits};
use overround_domain::money::Currency;
use overround_domain::wallet::Freeze;

/// Slots of accounts, two a user.
pub const ACCOUNTS: usize = 24;
/// Slots of markets, two an event.
pub const MARKETS: usize = 12;
/// Steps that open, fund and publish before anything is drawn. They are never left out.
pub const PRELUDE: u32 = 2;
/// Operations of a step at most.
const OPS_MAX: u32 = 40;

/// The sports of its events, in turn.
pub const SPORTS: [&str; 2] = ["football", "tennis"];

/// A sport by the name that a run gives it.
pub fn sport_of(name: &str) -> &str {
    name.split_once(' ').map_or(name, |(sport, _)| sport)
}

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
    ByHand {
        slot: usize,
        plan: HandPlan,
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
    /// Bets in the currency of a slot are limited so, on many markets; once a step at most.
    Limit {
        of: Wide,
        currency_of: usize,
        limits: StakeLimits,
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

/// Which markets are limited at once.
#[derive(Debug, Clone, Copy)]
pub enum Wide {
    Sport(&'static str),
    /// All of the run's.
    Type,
}

/// How much money is moved or staked.
#[derive(Debug, Clone, Copy)]
pub enum Amount {
    Of(i64),
    /// The balance and so much more.
    BalanceAnd(i64),
}

/// What is done to an account by hand.
#[derive(Debug, Clone, Copy)]
pub enum HandPlan {
    Move {
        credits: bool,
        amount: Amount,
        foreign: bool,
    },
    Adjust {
        takes: bool,
        amount: Amount,
        foreign: bool,
    },
    Reverse {
        target: Target,
        pick: u32,
    },
    /// `anyway`: as it is drawn, whether or not it changes anything.
    Freeze {
        freeze: Freeze,
        on: bool,
        anyway: bool,
    },
    Factor {
        sport: &'static str,
        pct: u16,
    },
}

/// Which posting is to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One by hand that was not taken back yet, as far as the account has one.
    Fresh,
    /// One by hand.
    ByHand,
    Any,
    Anothers,
    Unknown,
}

/// A bet.
#[derive(Debug, Clone)]
pub struct BetPlan {
    pub slot: usize,
    pub legs: Vec<LegPlan>,
    pub stake: Amount,
    /// Whether so much of it is wanted as may be had.
    pub fills: bool,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trade {
    Suspend,
    Resume,
    Close,
    /// It has a margin of its own, in hundredths of a per cent; none: the house's.
    Margin(Option<u32>),
    /// Runners are sold at these prices, in hundredths; `foreign`: and one that is not the market's.
    Price {
        runners: Vec<(usize, u32)>,
        foreign: bool,
    },
    /// Runners are sold at the prices made from the source's again: one, or all.
    Release(Option<usize>),
    /// Bets in the currency of a slot are limited so.
    Limit {
        currency_of: usize,
        limits: StakeLimits,
    },
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
        Kind::ByHand { slot, plan: HandPlan::Move { credits: true, amount, foreign: false } }
    });
    let second = funds.enumerate().map(|(at, kind)| op(1, at, kind)).collect();
    let batch = |step, ops| Batch { step, advance_ms: 1_000, renewed_by: None, ops };
    vec![batch(0, first), batch(1, second)]
}
