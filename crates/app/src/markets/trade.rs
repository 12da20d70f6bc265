//! What a trader does to a market or one of its outcomes: suspend, resume, close.

use super::MarketAction;
use super::act::{Act, Change, Refused, check_not_over};
use super::decide::{Known, decide_again, is_final};
use crate::{Answer, App, Error, Keyed};
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::{HoldKind, Margin, Scope};
use overround_store::market::{self, HoldChange};
use serde_json::Map;
use std::sync::Arc;

impl App {
    /// Takes a market off sale until it is [`resume`](Self::resume)d, whatever its producer says.
    /// Suspending one that is suspended is fine.
    ///
    /// # Errors
    /// [`Error::Conflict`] `ILLEGAL_TRANSITION` when it is over, [`Error::NotFound`] when there is none.
    pub async fn suspend(
        &self,
        market_id: MarketId,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        self.trade("suspend", (market_id, None), Some(HoldKind::Suspended), actor, keyed, reason).await
    }

    /// Ends a trader's suspension: the market is again what its producer, its prices and wider holds make it.
    ///
    /// # Errors
    /// [`Error::Conflict`] `ILLEGAL_TRANSITION` when it is over, [`Error::NotFound`] when there is none.
    pub async fn resume(
        &self,
        market_id: MarketId,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        self.trade("resume", (market_id, None), None, actor, keyed, reason).await
    }

    /// Ends all betting on a market, for good.
    ///
    /// # Errors
    /// [`Error::Conflict`] `ILLEGAL_TRANSITION` when its result is recorded, [`Error::NotFound`] when
    /// there is none.
    pub async fn close(
        &self,
        market_id: MarketId,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        self.trade("close", (market_id, None), Some(HoldKind::Closed), actor, keyed, reason).await
    }

    /// Takes an outcome off sale until it is resumed, whatever its producer says; the others of its market stay on
    /// sale.
    ///
    /// # Errors
    /// [`Error::Conflict`] `ILLEGAL_TRANSITION` when its market is over, [`Error::NotFound`] when the market has no
    /// such outcome.
    pub async fn suspend_outcome(
        &self,
        market_id: MarketId,
        outcome_id: OutcomeId,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        let target = (market_id, Some(outcome_id));
        self.trade("suspend_outcome", target, Some(HoldKind::Suspended), actor, keyed, reason).await
    }

    /// Ends the suspension of an outcome; wider ones stay.
    ///
    /// # Errors
    /// As [`suspend_outcome`](Self::suspend_outcome).
    pub async fn resume_outcome(
        &self,
        market_id: MarketId,
        outcome_id: OutcomeId,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        let target = (market_id, Some(outcome_id));
        self.trade("resume_outcome", target, None, actor, keyed, reason).await
    }

    /// Outcomes are never deleted, so this need not stand in the transaction.
    async fn check_outcome(&self, market_id: MarketId, outcome_id: OutcomeId) -> Result<(), Error> {
        let outcomes = market::outcomes::of_markets(self.store().read(), &[market_id]).await?;
        let known = outcomes.iter().any(|row| row.id == outcome_id);
        if known { Ok(()) } else { Err(Error::not_found("outcome", outcome_id)) }
    }

    async fn trade(
        &self,
        name: &'static str,
        (market_id, outcome): (MarketId, Option<OutcomeId>),
        kind: Option<HoldKind>,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        if let Some(outcome) = outcome {
            self.check_outcome(market_id, outcome).await?;
        }
        let act = Act {
            market_id,
            actor: actor.to_owned(),
            keyed,
            name,
            what: Map::new(),
            reason: Some(reason.clone()),
        };
        let scope = match outcome {
            Some(outcome) => Scope::Outcome(market_id, outcome),
            None => Scope::Market(market_id),
        };
        let hold = HoldChange { scope, kind, actor: actor.to_owned(), reason };
        let house = self.settings().margin;
        self.act(act, Arc::new(move |known, _, _| change_hold(known, outcome, &hold, house))).await
    }
}

/// The market with its own hold, or that of an outcome, set or let go.
fn change_hold(
    known: &Known,
    outcome: Option<OutcomeId>,
    hold: &HoldChange,
    house: Margin,
) -> Result<Change, Refused> {
    if hold.kind != Some(HoldKind::Closed) || is_final(known.row.status) {
        check_not_over(known)?;
    }
    let mut holds = known.holds.clone();
    match (outcome, hold.kind) {
        (None, kind) => holds.own = kind,
        (Some(outcome), Some(_)) => drop(holds.outcomes.insert(outcome)),
        (Some(outcome), None) => drop(holds.outcomes.remove(&outcome)),
    }
    let (row, offers) = decide_again(known, known.row.clone(), &holds, house);
    Ok(Change { row, offers, hold: Some(hold.clone()), result: None })
}
