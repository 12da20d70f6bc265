//! What a trader does to a market: suspend, resume, close.

use super::MarketAction;
use super::act::{Act, Change, Contradiction};
use super::decide::{Known, effective_status, is_final, is_sellable};
use crate::{Answer, App, Error, Keyed};
use overround_domain::ids::MarketId;
use overround_domain::markets::MarketStatus;
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
        self.trade("suspend", Some(MarketStatus::Suspended), market_id, actor, keyed, reason).await
    }

    /// Ends a trader's suspension: the market is again what its producer and its prices make it.
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
        self.trade("resume", None, market_id, actor, keyed, reason).await
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
        self.trade("close", Some(MarketStatus::Closed), market_id, actor, keyed, reason).await
    }

    async fn trade(
        &self,
        name: &'static str,
        held_at: Option<MarketStatus>,
        market_id: MarketId,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        let act = Act { market_id, actor: actor.to_owned(), keyed, name, reason: Some(reason) };
        self.act(act, Arc::new(move |known, _, _| hold_at(known, held_at))).await
    }
}

/// The market held at a trader's status, or released.
fn hold_at(known: &Known, held_at: Option<MarketStatus>) -> Result<Change, Contradiction> {
    let mut row = known.row.clone();
    let closes = held_at == Some(MarketStatus::Closed);
    if is_final(row.status) {
        return Err(Contradiction::MarketSettled);
    }
    if row.status.is_over() && !closes {
        return Err(Contradiction::MarketClosed);
    }
    row.trader_status = held_at;
    let sellable =
        known.snapshot.as_ref().is_some_and(|last| is_sellable(row.kind, &last.prices, &last.suspensions));
    row.status = effective_status(row.source_status, row.trader_status, sellable);
    Ok(Change { row, result: None })
}
