//! A person records a market's result.

use super::act::{Act, Change, Contradiction};
use super::decide::{Known, is_final};
use super::offers::{Offers, last_offers};
use super::{MarketAction, SettleMarket};
use crate::{Answer, App, Error, Keyed};
use overround_domain::betting::LegResult;
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::{MarketStatus, NON_RUNNER, OutcomeStatus};
use overround_domain::time::Timestamp;
use overround_store::market::{self, OutcomeRow, ResultRow};
use serde_json::Map;
use std::collections::BTreeMap;
use std::sync::Arc;

impl App {
    /// Records the result of a market, closed or not: it is SETTLED, takes no more bets, and the settler
    /// pays those that it has.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an outcome that is not the market's, or one that takes part and is left
    /// out; [`Error::Conflict`] `ILLEGAL_TRANSITION` when a result is recorded already;
    /// [`Error::NotFound`] when there is no such market.
    pub async fn record_result(
        &self,
        market_id: MarketId,
        actor: &str,
        keyed: Keyed,
        settle: SettleMarket,
    ) -> Result<Answer<MarketAction>, Error> {
        let outcomes = market::outcomes::of_markets(self.store().read(), &[market_id]).await?;
        if !outcomes.is_empty() {
            validate(&outcomes, &settle.outcomes)?;
        }
        let SettleMarket { outcomes: given, reason } = settle;
        let act = Act { market_id, actor: actor.to_owned(), keyed, name: "settle", what: Map::new(), reason };
        self.act(act, Arc::new(move |known, act, now| record(known, act, &given, now))).await
    }
}

/// The market with the result. Its rows are locked; a runner that was removed meanwhile is void.
fn record(
    known: &Known,
    act: &Act,
    given: &BTreeMap<OutcomeId, LegResult>,
    now: Timestamp,
) -> Result<Change, Contradiction> {
    let mut row = known.row.clone();
    if is_final(row.status) || !row.status.can_become(MarketStatus::Settled) {
        return Err(Contradiction::MarketSettled);
    }
    row.status = MarketStatus::Settled;
    let mut outcomes = BTreeMap::new();
    for outcome in &known.outcomes {
        let result = match outcome.status {
            OutcomeStatus::Removed => LegResult::refund(Some(NON_RUNNER.to_owned())),
            OutcomeStatus::Active => given.get(&outcome.id).ok_or(Contradiction::OutcomesMissing)?.clone(),
        };
        outcomes.insert(outcome.id, result);
    }
    let result = ResultRow {
        market_id: row.id,
        generation: 1,
        outcomes,
        certainty: 2,
        source: act.actor.clone(),
        reason: act.reason.clone(),
        created_at: now,
    };
    let offers = match &known.snapshot {
        Some(last) => last_offers(last, &known.outcomes),
        None => Offers::default(),
    };
    Ok(Change { row, offers, hold: None, result: Some(result) })
}

/// Checks that the request decides each outcome that takes part, and no other market's.
fn validate(outcomes: &[OutcomeRow], given: &BTreeMap<OutcomeId, LegResult>) -> Result<(), Error> {
    let invalid = |detail: String| Err(Error::Invalid { pointer: "/outcomes".to_owned(), detail });
    let own: BTreeMap<OutcomeId, &OutcomeRow> = outcomes.iter().map(|row| (row.id, row)).collect();
    if let Some(foreign) = given.keys().find(|id| !own.contains_key(id)) {
        return invalid(format!("{foreign} is not an outcome of this market"));
    }
    let missing =
        outcomes.iter().find(|row| row.status == OutcomeStatus::Active && !given.contains_key(&row.id));
    if let Some(missing) = missing {
        return invalid(format!("the result of {} ({}) is missing", missing.id, missing.name));
    }
    let removed = outcomes.iter().filter(|row| row.status == OutcomeStatus::Removed);
    for runner in removed {
        if given
            .get(&runner.id)
            .is_some_and(|result| *result != LegResult::refund(result.void_reason.clone()))
        {
            return invalid(format!(
                "{} ({}) was removed: its result can only be VOID",
                runner.id, runner.name
            ));
        }
    }
    Ok(())
}
