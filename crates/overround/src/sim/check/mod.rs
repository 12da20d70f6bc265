//! A step's answers against the model.
//!
//! Operations of a step are concurrent, so that each may be judged by any order of them that the rows do not
//! contradict. Markets have one operation a step: a bet beside it saw the market before or after it, or the
//! fence after and the snapshot before. An account's accepted operations stand in the order of its entries
//! (`book.rs`), its freezes and factors in that of their numbers (`freezes.rs`, `factors.rs`); a refused operation
//! must be right at some point of an order of all (`turns.rs`).

mod book;
mod factors;
mod freezes;
mod look;
mod money;
#[cfg(test)]
mod tests;
mod turns;
mod windows;

pub use look::{look, new_entries, sweep};
pub use windows::learn_windows;

use super::calls::{Ask, Call, Given, OpId, Value};
use super::model::{Account, Bound, Closed, Market, Model, Told, WideBounds};
use super::resolve::Log;
use super::trades::TradeAct;
use overround_app::{EntryView, MarketAction, Published, Recorded};
use overround_domain::betting::{LimitScope, RefusalCode};
use overround_domain::ids::{AccountId, BetId, MarketId};
use overround_domain::markets::SourceMarket;
use overround_domain::money::Currency;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Where the house and the model differ.
#[derive(Debug, Clone)]
pub struct Mismatch {
    /// The operation, where it is one's.
    pub op: Option<OpId>,
    /// What was asked or looked at.
    pub what: String,
    /// The model's view.
    pub model: String,
    /// The house's.
    pub house: String,
}

impl Mismatch {
    fn new(op: Option<OpId>, what: impl fmt::Debug, model: impl fmt::Debug, house: impl fmt::Debug) -> Self {
        Self { op, what: format!("{what:?}"), model: format!("{model:?}"), house: format!("{house:?}") }
    }

    /// A difference that is not about one operation.
    pub fn plain(what: &str, model: impl fmt::Debug, house: impl fmt::Debug) -> Self {
        Self::new(None, what, model, house)
    }

    fn of(ask: &Ask, model: impl fmt::Debug, house: impl fmt::Debug) -> Self {
        Self::new(Some(ask.op), ask, model, house)
    }
}

/// A request with its answer.
pub type Heard = (Ask, Given);

/// What a step came to.
pub struct Round<'a> {
    pub model: &'a mut Model,
    pub log: &'a mut Log,
    /// The instant of all its operations.
    pub now: i64,
    pub heard: &'a [Heard],
    /// The entries that accounts got in it, by their sequence.
    pub entries: &'a BTreeMap<AccountId, Vec<EntryView>>,
}

/// What a step touched, to be looked at.
#[derive(Debug, Default)]
pub struct Touched {
    pub bets: BTreeSet<BetId>,
    pub markets: BTreeSet<usize>,
    /// How the bets that were paid ended.
    pub closed: Vec<Closed>,
    /// How bets were answered by prices that ran out: taken within their window, or refused past it.
    pub stale: Vec<&'static str>,
}

/// The markets of a step by id, before it and after.
struct Markets {
    before: BTreeMap<MarketId, Market>,
    after: BTreeMap<MarketId, Market>,
    /// What limits more than one of them, before the step and where that changes after it.
    wide: Vec<WideBounds>,
}

impl Round<'_> {
    /// Compares every answer and moves the model on.
    pub fn check(mut self) -> Result<Touched, Mismatch> {
        let mut groups: BTreeMap<OpId, Vec<&Heard>> = BTreeMap::new();
        for heard in self.heard {
            if let Value::Failed(why) = &heard.1.value {
                return Err(Mismatch::of(&heard.0, "an answer", why));
            }
            if heard.0.key_of == heard.0.op {
                groups.entry(heard.0.op).or_default().push(heard);
            } else {
                self.replayed(heard)?;
            }
        }
        let mut touched = Touched::default();
        let by_id = |model: &Model| {
            let all = model.markets.values().chain(&model.retired);
            all.map(|one| (one.id, one.clone())).collect()
        };
        let (before, mut wide) = (by_id(self.model), vec![self.model.wide.clone()]);
        let mut leads = Vec::new();
        for copies in groups.values() {
            let Some((first, _)) = copies.first() else { continue };
            match &first.call {
                Call::Publish { slot, said } => self.published(*slot, said, copies, &mut touched)?,
                Call::Pay { .. } => {}
                _ => leads.push(agreed(copies)?),
            }
        }
        for (ask, given) in &leads {
            self.acted(ask, given, &mut touched)?;
        }
        if !wide.contains(&self.model.wide) {
            wide.push(self.model.wide.clone());
        }
        let markets = Markets { before, after: by_id(self.model), wide };
        self.opened(&leads)?;
        self.money(&leads, &markets, &mut touched)?;
        for (ask, given) in leads {
            self.log.keep(ask, &given.value);
        }
        Ok(touched)
    }

    /// An earlier key: the same request has the same answer again, another one is refused.
    fn replayed(&self, (ask, given): &Heard) -> Result<(), Mismatch> {
        let Some((first, kept)) = self.log.kept.get(&ask.key_of) else { return Ok(()) };
        if first.twisted != ask.twisted {
            let mismatch = given.value.refused() == Some(RefusalCode::IdempotencyMismatch);
            return if mismatch {
                Ok(())
            } else {
                Err(Mismatch::of(ask, RefusalCode::IdempotencyMismatch, given))
            };
        }
        let flagged = given.replayed || matches!(kept, Value::Conflict(_));
        if flagged && given.value == *kept { Ok(()) } else { Err(Mismatch::of(ask, kept, given)) }
    }

    fn published(
        &mut self,
        slot: usize,
        said: &SourceMarket,
        copies: &[&Heard],
        touched: &mut Touched,
    ) -> Result<(), Mismatch> {
        touched.markets.insert(slot);
        let known = match self.model.markets.remove(&slot) {
            Some(market) if market.said.key != said.key => {
                self.model.retire(market);
                None
            }
            known => known,
        };
        let is_new = known.is_none();
        let mut market = known.unwrap_or_else(|| Market::unknown(said));
        let told = market.publish(said, self.now, self.model.limits.margin_bps);
        // Of two processes that say the same, one changes the market and the other finds it changed.
        let manual = told.recorded.filter(|recorded| !recorded);
        let quiet = Told { version: None, removed: Vec::new(), recorded: manual };
        let mut loud = 0;
        for (ask, given) in copies {
            let Value::Published(published) = &given.value else {
                return Err(Mismatch::of(ask, "it is published", given));
            };
            if is_new {
                market.learn(published.market_id, published.snapshot.event_id, &published.outcomes);
                let events = &mut self.model.events;
                let event = *events.entry(said.event.key.clone()).or_insert(market.event);
                if event != market.event {
                    return Err(Mismatch::of(ask, event, market.event));
                }
            }
            let house = told_by(published);
            loud += i32::from(house == told);
            if house != told && house != quiet {
                return Err(Mismatch::of(ask, &told, house));
            }
            look::same_snapshot(&market, &published.snapshot)
                .map_err(|(model, house)| Mismatch::of(ask, model, house))?;
        }
        if told != quiet && loud != 1 {
            return Err(Mismatch::new(None, copies, format!("{told:?} once"), format!("{loud} times")));
        }
        if is_new {
            *self.model.generations.entry(slot).or_insert(0) += 1;
        }
        self.model.markets.insert(slot, market);
        Ok(())
    }

    /// What a trader did.
    fn acted(&mut self, ask: &Ask, given: &Given, touched: &mut Touched) -> Result<(), Mismatch> {
        if let Call::Limit { scope, currency, limits, .. } = &ask.call {
            let bound = self.model.wide.entry((scope.clone(), *currency)).or_default().set(*limits);
            return limited(bound, scope.clone(), *currency, ask, given);
        }
        let (slot, id) = match &ask.call {
            Call::Trade { slot, market, .. } | Call::Settle { slot, market, .. } => (*slot, *market),
            _ => return Ok(()),
        };
        let margin_bps = self.model.limits.margin_bps;
        let expected = match self.model.markets.get_mut(&slot).filter(|market| market.id == id) {
            None => Value::NotFound("market"),
            Some(market) => {
                touched.markets.insert(slot);
                if let Call::Trade { act: TradeAct::Limit { currency, limits }, .. } = &ask.call {
                    let bound = market.limit(*currency, *limits);
                    return limited(bound, LimitScope::Market(id), *currency, ask, given);
                }
                act(market, &ask.call, margin_bps)
            }
        };
        if given.value == expected { Ok(()) } else { Err(Mismatch::of(ask, expected, given)) }
    }

    /// One of those that open a user's account in a currency opens it; the others find it there.
    fn opened(&mut self, leads: &[&Heard]) -> Result<(), Mismatch> {
        for (ask, given) in leads {
            let Call::Open { slot, user, currency } = &ask.call else { continue };
            match &given.value {
                Value::Conflict("ACCOUNT_EXISTS") => {}
                Value::Opened(view) if !self.model.accounts.contains_key(slot) => {
                    let told = (view.user_id, view.currency, view.balance.get(), view.held.get());
                    if told != (*user, *currency, 0, 0) {
                        return Err(Mismatch::of(ask, (user, currency, 0, 0), told));
                    }
                    self.model.accounts.insert(*slot, Account::new(view.id, *currency));
                }
                _ => return Err(Mismatch::of(ask, "one account", given)),
            }
        }
        let refused = leads.iter().find(|(ask, _)| match &ask.call {
            Call::Open { slot, .. } => !self.model.accounts.contains_key(slot),
            _ => false,
        });
        refused.map_or(Ok(()), |(ask, given)| Err(Mismatch::of(ask, "it is opened", given)))
    }
}

/// Limits are set, and the answer says so.
fn limited(
    bound: Bound,
    scope: LimitScope,
    currency: Currency,
    ask: &Ask,
    given: &Given,
) -> Result<(), Mismatch> {
    let model = (scope, currency, bound.limits, bound.version);
    match &given.value {
        Value::Limited(view) if model == (view.scope.clone(), view.currency, view.limits, view.version) => {
            Ok(())
        }
        _ => Err(Mismatch::of(ask, model, given)),
    }
}

/// What an act makes of a market, and is answered with.
fn act(market: &mut Market, call: &Call, margin_bps: u32) -> Value {
    let done = match call {
        Call::Settle { outcomes, .. } => {
            let own = |id| market.runners.iter().any(|runner| runner.id == id);
            let taking_part = market.runners.iter().filter(|runner| !runner.removed);
            let whole = taking_part.into_iter().all(|runner| outcomes.contains_key(&runner.id));
            if !whole || !outcomes.keys().all(|id| own(*id)) {
                return Value::Invalid("/outcomes".to_owned());
            }
            market.settle(outcomes)
        }
        Call::Trade { act, .. } if !market.takes_part(&act.runners()) => {
            return Value::Invalid("/outcomes".to_owned());
        }
        Call::Trade { act, .. } => match act {
            TradeAct::Hold(at) => market.hold(Some(*at)),
            TradeAct::Resume => market.hold(None),
            TradeAct::Margin(own) => market.set_margin(*own, margin_bps),
            TradeAct::Price(prices) => market.set_prices(prices, margin_bps),
            TradeAct::Release(runners) => market.release_prices(runners.as_ref(), margin_bps),
            TradeAct::Limit { .. } => Ok(()),
        },
        _ => Ok(()),
    };
    match done {
        Err(_) => Value::Conflict("ILLEGAL_TRANSITION"),
        Ok(()) => Value::Acted(MarketAction {
            market_id: market.id,
            status: market.status,
            version: market.version,
            status_version: market.status_version,
        }),
    }
}

/// The copy of an operation that was carried out, of those that were sent under one key. The others have its
/// answer, or none: theirs was another request.
fn agreed<'a>(copies: &[&'a Heard]) -> Result<&'a Heard, Mismatch> {
    let is_other = |given: &Given| given.value.refused() == Some(RefusalCode::IdempotencyMismatch);
    let answered = || copies.iter().filter(|(_, given)| !is_other(given));
    let lead = answered().find(|(_, given)| !given.replayed).or_else(|| answered().next());
    let Some(lead) = lead else {
        return Err(Mismatch::new(None, copies, "one of them is carried out", "none was"));
    };
    let (asked, kept) = (lead.0.twisted, lead.1.value.is_kept());
    for (ask, given) in copies.iter() {
        let fits = match (ask.twisted == asked, kept) {
            (false, _) => is_other(given),
            (true, true) => given.value == lead.1.value,
            (true, false) => given.value.name() == lead.1.value.name(),
        };
        if !fits {
            return Err(Mismatch::of(ask, lead, given));
        }
    }
    let firsts = answered().filter(|(_, given)| !given.replayed).count();
    // Contradictions do not say whether they are of an earlier time.
    let says_so = kept && !matches!(lead.1.value, Value::Conflict(_));
    let resent = copies.iter().any(|(_, given)| given.resent);
    if says_so && (firsts > 1 || (firsts == 0 && !resent)) {
        return Err(Mismatch::new(
            Some(lead.0.op),
            copies,
            "it is carried out once",
            format!("{firsts} times"),
        ));
    }
    Ok(lead)
}

/// What an answer says that a message came to.
fn told_by(published: &Published) -> Told {
    let key = |id| published.outcomes.get(id).cloned().unwrap_or_default();
    let mut removed: Vec<String> = published.removed.iter().map(key).collect();
    removed.sort();
    Told {
        version: published.version,
        removed,
        recorded: match published.result {
            Recorded::None => None,
            Recorded::Recorded => Some(true),
            Recorded::NeedsManual(_) => Some(false),
        },
    }
}
