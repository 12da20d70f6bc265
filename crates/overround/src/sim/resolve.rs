//! From what the workload draws to what is asked: slots become ids, and prices those that the model knows, so
//! that a step means something whichever steps were left out before it.

mod messages;

pub use messages::template;

use super::acts::Act;
use super::calls::{Ask, Call, Cast, OpId, Value};
use super::model::{Account, Market, Model, Posted, Stops};
use super::trades::TradeAct;
use super::workload::{
    Amount, BetPlan, Change, HandPlan, Kind, LegFlaw, LegPlan, Op, SettleFlaw, Target, Trade, Wide,
    currency_of, pounds,
};
use messages::changed;
use overround_domain::betting::{FillMode, Fraction, LegRequest, LegResult, LegType, LimitScope, PlaceBet};
use overround_domain::ids::{AccountId, MarketId, OutcomeId, PostingId};
use overround_domain::markets::{Line, MarketStatus, SourceMarket};
use overround_domain::money::{Cents, Currency};
use overround_domain::odds::{Price, ladder_floor};
use overround_domain::wallet::Freeze;
use serde_json::Map;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// How many steps an operation can be replayed after.
const REMEMBERED_STEPS: u32 = 16;

/// How many accounts may be frozen before freezing turns into letting go, so that the others keep betting.
const FROZEN_MAX: usize = 4;

/// Answers that are kept for ever, as far as the workload remembers them.
#[derive(Debug, Default)]
pub struct Log {
    pub kept: BTreeMap<OpId, (Ask, Value)>,
}

impl Log {
    /// Remembers an answer that its house keeps.
    pub fn keep(&mut self, ask: &Ask, value: &Value) {
        if value.is_kept() && ask.op == ask.key_of {
            self.kept.insert(ask.op, (ask.clone(), value.clone()));
        }
    }

    /// Forgets what no later step will replay.
    pub fn forget_before(&mut self, step: u32) {
        let first = OpId { step: step.saturating_sub(REMEMBERED_STEPS), index: 0 };
        self.kept = self.kept.split_off(&first);
    }

    fn pick(&self, step: u32, steps_back: u32, pick: u32, fits: impl Fn(&Ask) -> bool) -> Option<&Ask> {
        let first = OpId { step: step.saturating_sub(steps_back), index: 0 };
        let found: Vec<&Ask> =
            self.kept.range(first..).map(|(_, (ask, _))| ask).filter(|ask| fits(ask)).collect();
        found.get(usize::try_from(pick).ok()? % found.len().max(1)).copied()
    }
}

/// What an operation asks, in as many copies as it is sent.
pub fn resolve(model: &Model, log: &Log, cast: &Cast, op: &Op) -> Vec<Ask> {
    let of = Resolver { model, log, cast, op };
    if let Kind::Replay { steps_back, pick } = &op.kind {
        return of.replay(*steps_back, *pick);
    }
    let Some(call) = of.call() else { return Vec::new() };
    let is_sound = of.is_sound(&call);
    // An unknown market or outcome frees its key: then copies are separate requests, not one.
    let copies = if is_sound || !matches!(call, Call::Bet { .. }) { op.copies.len() } else { 1 };
    let ask = |(process, twisted): &(usize, bool)| {
        let twisted = *twisted && is_sound;
        let call = if twisted { call.twisted() } else { call.clone() };
        Ask { op: op.id, process: *process, key_of: op.id, twisted, call }
    };
    op.copies.iter().take(copies).map(ask).collect()
}

struct Resolver<'a> {
    model: &'a Model,
    log: &'a Log,
    cast: &'a Cast,
    op: &'a Op,
}

impl Resolver<'_> {
    fn replay(&self, steps_back: u32, pick: u32) -> Vec<Ask> {
        let Some(earlier) = self.log.pick(self.op.id.step, steps_back, pick, |_| true) else {
            return Vec::new();
        };
        let ask = |(process, other): &(usize, bool)| Ask {
            op: self.op.id,
            process: *process,
            key_of: earlier.key_of,
            twisted: earlier.twisted != *other,
            call: if *other { earlier.call.twisted() } else { earlier.call.clone() },
        };
        self.op.copies.iter().map(ask).collect()
    }

    fn call(&self) -> Option<Call> {
        Some(match &self.op.kind {
            Kind::Open { slot } => {
                Call::Open { slot: *slot, user: self.cast.user(*slot), currency: currency_of(*slot) }
            }
            Kind::ByHand { slot, plan } => self.by_hand(*slot, plan),
            Kind::Bet(plan) => self.bet(plan)?,
            Kind::Publish { slot, change } => self.publish(*slot, change),
            Kind::Trade { slot, act } => {
                let asked = match act {
                    Trade::Suspend | Trade::OnNoMarket => TradeAct::Hold(MarketStatus::Suspended),
                    Trade::Resume => TradeAct::Resume,
                    Trade::Close => TradeAct::Hold(MarketStatus::Closed),
                    Trade::Margin(bps) => TradeAct::Margin(*bps),
                    Trade::Price { runners, foreign } => self.prices(*slot, runners, *foreign)?,
                    Trade::Release(runner) => match runner {
                        Some(runner) => {
                            TradeAct::Release(Some(BTreeSet::from([self.runner(*slot, *runner)?])))
                        }
                        None => TradeAct::Release(None),
                    },
                    Trade::Limit { currency_of: slot, limits } => {
                        TradeAct::Limit { currency: currency_of(*slot), limits: *limits }
                    }
                };
                let market = match act {
                    Trade::OnNoMarket => MarketId::from_uuid(self.nothing("market")),
                    _ => self.market(*slot)?.id,
                };
                Call::Trade { slot: *slot, market, act: asked, reason: "simulated".to_owned() }
            }
            Kind::Limit { of, currency_of: slot, limits } => {
                let scope = match of {
                    Wide::Sport(sport) => LimitScope::Sport(self.cast.sport(sport)),
                    Wide::Type => LimitScope::MarketType(self.cast.market_type()),
                };
                let reason = "simulated".to_owned();
                Call::Limit { scope, currency: currency_of(*slot), limits: *limits, reason }
            }
            Kind::Settle { slot, endings, flaw } => self.settle(*slot, endings, *flaw)?,
            Kind::Pay { slot } => Call::Pay { slot: *slot, market: self.market(*slot)?.id },
            Kind::Replay { .. } => return None,
        })
    }

    /// Whether a request is answered under its key, so that another one under it is refused.
    fn is_sound(&self, call: &Call) -> bool {
        let found = |account: &AccountId| self.model.accounts.values().find(|one| one.id == *account);
        match call {
            Call::ByHand { account, act } => found(account).is_some_and(|account| match act {
                Act::Move { amount, .. } => (1..1_000_000_000).contains(amount),
                Act::Adjust { amount, .. } => (1..1_000_000_000).contains(&amount.abs()),
                Act::Reverse { posting } => account.purse.posted(*posting).is_some(),
                Act::Freeze { .. } | Act::Factor { .. } => true,
            }),
            Call::Bet { account, bet } => {
                let known = |leg: &LegRequest| {
                    let market = self.model.markets.values().find(|market| market.id == leg.market_id);
                    market.is_some_and(|market| market.runners.iter().any(|one| one.id == leg.outcome_id))
                };
                found(account).is_some() && bet.legs.iter().all(known)
            }
            Call::Trade { market, act, .. } => {
                let found = self.model.markets.values().find(|one| one.id == *market);
                found.is_some_and(|market| market.takes_part(&act.runners()))
            }
            Call::Settle { .. } => matches!(self.op.kind, Kind::Settle { flaw: SettleFlaw::None, .. }),
            Call::Open { .. } | Call::Limit { .. } => true,
            Call::Publish { .. } | Call::Pay { .. } => false,
        }
    }

    fn market(&self, slot: usize) -> Option<&Market> {
        self.model.markets.get(&slot)
    }

    /// An id of nothing.
    fn nothing(&self, what: &str) -> Uuid {
        overround_api::user_id_of(&self.cast.run, &format!("{what} {}", self.op.id)).uuid()
    }

    fn account(&self, slot: usize) -> AccountId {
        let nobody = || AccountId::from_uuid(self.nothing("account"));
        self.model.accounts.get(&slot).map_or_else(nobody, |account| account.id)
    }

    fn amount(&self, slot: usize, amount: Amount) -> i64 {
        match amount {
            Amount::Of(cents) => cents,
            Amount::BalanceAnd(more) => {
                self.model.accounts.get(&slot).map_or(0, |account| account.purse.balance) + more
            }
        }
    }

    fn by_hand(&self, slot: usize, plan: &HandPlan) -> Call {
        let act = match *plan {
            HandPlan::Move { credits, amount, foreign } => {
                Act::Move { credits, amount: self.amount(slot, amount), currency: currency(slot, foreign) }
            }
            HandPlan::Adjust { takes, amount, foreign } => {
                let amount = self.amount(slot, amount);
                let amount = if takes { -amount } else { amount };
                Act::Adjust { amount, currency: currency(slot, foreign) }
            }
            HandPlan::Reverse { target, pick } => Act::Reverse { posting: self.posting(slot, target, pick) },
            HandPlan::Factor { sport, pct } => Act::Factor { sport, pct },
            HandPlan::Freeze { freeze, on, anyway } => return self.freeze(slot, freeze, on, anyway),
        };
        Call::ByHand { account: self.account(slot), act }
    }

    /// Counted from the newest. An id of nothing where the account has none that fits.
    fn posting(&self, slot: usize, target: Target, pick: u32) -> PostingId {
        let anothers = || self.model.accounts.keys().copied().find(|other| *other != slot);
        let slot = if target == Target::Anothers { anothers().unwrap_or(slot) } else { slot };
        let postings = self.model.accounts.get(&slot).map(|account| account.purse.postings.as_slice());
        let among = |fits: fn(&Posted) -> bool| -> Option<PostingId> {
            let fitting: Vec<&Posted> =
                postings.unwrap_or_default().iter().rev().filter(|one| fits(one)).collect();
            let place = usize::try_from(pick).ok()? % fitting.len().max(1);
            fitting.get(place).map(|posted| posted.id)
        };
        let found = match target {
            Target::Fresh => among(|one| one.by_hand && !one.reversed).or_else(|| among(|_| true)),
            Target::ByHand => among(|one| one.by_hand).or_else(|| among(|_| true)),
            Target::Any | Target::Anothers => among(|_| true),
            Target::Unknown => None,
        };
        found.unwrap_or_else(|| PostingId::from_uuid(self.nothing("posting")))
    }

    /// Lets go rather where many accounts are frozen, and rather what is frozen than what is not.
    fn freeze(&self, slot: usize, freeze: Freeze, on: bool, anyway: bool) -> Call {
        let is_frozen = |account: &Account| account.purse.stops != Stops::default();
        let frozen: Vec<&Account> =
            self.model.accounts.values().filter(|account| is_frozen(account)).collect();
        let on = on && frozen.len() < FROZEN_MAX;
        let own = self.model.accounts.get(&slot);
        let elsewhere = !on && !anyway && !own.is_some_and(is_frozen);
        let other = frozen.get(slot % frozen.len().max(1)).filter(|_| elsewhere);
        let account = other.map_or_else(|| self.account(slot), |account| account.id);
        Call::ByHand { account, act: Act::Freeze { freeze, on } }
    }

    fn bet(&self, plan: &BetPlan) -> Option<Call> {
        let earlier = plan.again.and_then(|pick| {
            self.log.pick(self.op.id.step, 3, pick, |ask| matches!(ask.call, Call::Bet { .. }))
        });
        if let Some(Call::Bet { account, bet }) = earlier.map(|ask| &ask.call) {
            let bet = PlaceBet { confirm_duplicate: plan.confirms, ..bet.clone() };
            return Some(Call::Bet { account: *account, bet });
        }
        let bet = PlaceBet {
            stake: Cents::new(self.amount(plan.slot, plan.stake)),
            fill: if plan.fills { FillMode::FillAndKill } else { FillMode::Normal },
            currency: currency(plan.slot, plan.foreign),
            price_policy: plan.policy,
            confirm_duplicate: plan.confirms,
            legs: plan.legs.iter().map(|leg| self.leg(leg)).collect::<Option<_>>()?,
        };
        Some(Call::Bet { account: self.account(plan.slot), bet })
    }

    /// None only while its market was never published.
    fn leg(&self, plan: &LegPlan) -> Option<LegRequest> {
        let (drawn, sibling) = (self.market(plan.market)?, self.market(plan.market ^ 1)?);
        // Most players do not ask for what is over while the event has something else on sale.
        let elsewhere =
            drawn.status.is_over() && !plan.outcome.is_multiple_of(4) && !sibling.status.is_over();
        let market = if elsewhere { sibling } else { drawn };
        let runner = market.runners.get(plan.outcome % market.runners.len().max(1))?;
        let no_outcome = || OutcomeId::from_uuid(self.nothing("outcome"));
        let mut leg = LegRequest {
            market_id: market.id,
            outcome_id: runner.id,
            price: runner.offer.or_else(|| Price::new(2, 1).ok())?,
            line: runner.line,
            market_version: market.version,
            leg_type: LegType::Straight,
            attrs: Map::new(),
        };
        match plan.flaw {
            LegFlaw::None => {}
            LegFlaw::UnknownMarket => leg.market_id = MarketId::from_uuid(self.nothing("market")),
            LegFlaw::UnknownOutcome => leg.outcome_id = no_outcome(),
            LegFlaw::OlderVersion => leg.market_version = (leg.market_version - 1).max(1),
            LegFlaw::FutureVersion => leg.market_version += 5,
            LegFlaw::SawPercent(percent) => {
                let seen =
                    Price::new(leg.price.num().saturating_mul(percent), leg.price.den().saturating_mul(100));
                leg.price = seen.unwrap_or(leg.price);
            }
            LegFlaw::OtherLine => {
                leg.line = Some(Line::from_quarters(leg.line.map_or(0, Line::quarters) + 1));
            }
            LegFlaw::OtherType => leg.leg_type = LegType::Prop,
        }
        Some(leg)
    }

    fn runner(&self, slot: usize, place: usize) -> Option<OutcomeId> {
        let runners = &self.market(slot)?.runners;
        runners.get(place % runners.len().max(1)).map(|runner| runner.id)
    }

    fn prices(&self, slot: usize, runners: &[(usize, u32)], foreign: bool) -> Option<TradeAct> {
        let priced = runners.iter().map(|(place, hundredths)| {
            Some((self.runner(slot, *place)?, ladder_floor(u64::from(*hundredths))?))
        });
        let mut prices: BTreeMap<OutcomeId, Price> = priced.collect::<Option<_>>()?;
        if foreign {
            prices.insert(OutcomeId::from_uuid(self.nothing("outcome")), Price::new(2, 1).ok()?);
        }
        Some(TradeAct::Price(prices))
    }

    fn settle(&self, slot: usize, endings: &[u32], flaw: SettleFlaw) -> Option<Call> {
        let market = self.market(slot)?;
        let taking_part = market.runners.iter().filter(|runner| !runner.removed);
        let mut outcomes: BTreeMap<OutcomeId, LegResult> =
            taking_part.zip(endings).map(|(runner, ending)| (runner.id, result(*ending))).collect();
        match flaw {
            SettleFlaw::None => {}
            SettleFlaw::LeavesOneOut => drop(outcomes.pop_first()),
            SettleFlaw::NamesAForeignOne => {
                outcomes.insert(OutcomeId::from_uuid(self.nothing("outcome")), LegResult::win());
            }
        }
        Some(Call::Settle { slot, market: market.id, outcomes, reason: "simulated".to_owned() })
    }

    /// The producer's next message; where the last one settled a market that still has to be paid, mostly that.
    fn publish(&self, slot: usize, change: &Change) -> Call {
        let unpaid = self
            .market(slot)
            .filter(|market| market.endings.is_some() && self.model.has_open_legs(market.id));
        match unpaid {
            Some(market) if !matches!(change, Change::Same) => Call::Pay { slot, market: market.id },
            _ => Call::Publish { slot, said: Box::new(self.message(slot, change)) },
        }
    }

    /// A new market where the last one of the slot is paid to the end.
    fn message(&self, slot: usize, change: &Change) -> SourceMarket {
        match self.market(slot) {
            // What a trader closed does not come back: its result is all that there is to say.
            Some(market) if market.endings.is_none() && market.trader == Some(MarketStatus::Closed) => {
                changed(&market.said, &Change::Finish { winners: 1, first: 0 })
            }
            Some(market) if market.endings.is_none() => changed(&market.said, change),
            Some(market) if self.model.has_open_legs(market.id) => market.said.clone(),
            _ => {
                let mut said = template(slot, self.model.generations.get(&slot).copied().unwrap_or(0));
                said.event.sport = self.cast.sport(&said.event.sport);
                said.market_type = self.cast.market_type();
                said
            }
        }
    }
}

fn currency(slot: usize, foreign: bool) -> Currency {
    match (currency_of(slot), foreign) {
        (own, false) => own,
        (Currency::EUR, true) => pounds(),
        (_, true) => Currency::EUR,
    }
}

fn result(ending: u32) -> LegResult {
    match ending {
        0 | 1 => LegResult::win(),
        2 | 3 => LegResult::lose(),
        4 => LegResult::refund(None),
        5 => LegResult::refund(Some("ABANDONED".to_owned())),
        6 => LegResult::half_win(),
        7 => LegResult::half_lose(),
        _ => LegResult::dead_heat(Fraction::new(1, 2).unwrap_or(Fraction::ONE)),
    }
}
