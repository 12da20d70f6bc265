//! A person records a market's result.

use super::act::{Act, Change, Contradiction, Refused};
use super::decide::{Known, is_final};
use super::offers::{Offers, last_offers};
use super::{MarketAction, SettleMarket};
use crate::{Answer, App, Error, Keyed};
use overround_domain::betting::LegResult;
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::{MarketStatus, NON_RUNNER, OutcomeStatus};
use overround_domain::time::Timestamp;
use overround_store::market::{OutcomeRow, ResultRow};
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
        let SettleMarket { outcomes: given, reason } = settle;
        let act = Act { market_id, actor: actor.to_owned(), keyed, name: "settle", what: Map::new(), reason };
        self.act(act, Arc::new(move |known, act, now| record(known, act, &given, now))).await
    }
}

/// The market with the result.
fn record(
    known: &Known,
    act: &Act,
    given: &BTreeMap<OutcomeId, LegResult>,
    now: Timestamp,
) -> Result<Change, Refused> {
    let outcomes = results_of(&known.outcomes, given).map_err(Refused::Invalid)?;
    let mut row = known.row.clone();
    if is_final(row.status) || !row.status.can_become(MarketStatus::Settled) {
        return Err(Contradiction::MarketSettled.into());
    }
    row.status = MarketStatus::Settled;
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

/// The result of each outcome. The request decides all that take part, and no other market's; a removed runner is void.
fn results_of(
    outcomes: &[OutcomeRow],
    given: &BTreeMap<OutcomeId, LegResult>,
) -> Result<BTreeMap<OutcomeId, LegResult>, String> {
    if let Some(foreign) = given.keys().find(|id| outcomes.iter().all(|row| row.id != **id)) {
        return Err(format!("{foreign} is not an outcome of this market"));
    }
    let result_of = |row: &OutcomeRow| match (row.status, given.get(&row.id)) {
        (OutcomeStatus::Active, Some(result)) => Ok((row.id, result.clone())),
        (OutcomeStatus::Active, None) => Err(format!("the result of {} ({}) is missing", row.id, row.name)),
        (OutcomeStatus::Removed, Some(result))
            if *result != LegResult::refund(result.void_reason.clone()) =>
        {
            Err(format!("{} ({}) was removed: its result can only be VOID", row.id, row.name))
        }
        (OutcomeStatus::Removed, _) => Ok((row.id, LegResult::refund(Some(NON_RUNNER.to_owned())))),
    };
    outcomes.iter().map(result_of).collect()
}
