//! Paying a market: every open leg on a decided outcome is decided, and every bet that this closes is
//! paid, through the lanes.

use super::Paid;
use crate::lanes::{Command, MarketResults, Outcome, Settle};
use crate::{App, Error};
use futures::stream::{FuturesUnordered, StreamExt};
use overround_domain::ids::{BetId, MarketId, OutcomeId};
use overround_domain::wallet::Cell;
use overround_store::betting::legs::{self, OpenLeg};
use overround_store::market;
use std::sync::Arc;
use tokio::time::{Duration, Instant};

/// How many bets are read, and wait for a lane, at once.
const BETS_AT_ONCE: i64 = 512;

/// How long a settlement may wait for a lane. It is not executed later, and found again by its legs.
const LANE_PATIENCE: Duration = Duration::from_secs(30);

impl App {
    /// Settles all open legs on the market's decided outcomes: those of its newest result, and its
    /// removed runners, whose legs are void. What a crash interrupts is found again by
    /// [`App::markets_to_pay`]; a bet is never paid twice, whoever pays.
    ///
    /// # Errors
    /// When a datastore is away or the lane stays full: what was paid stays paid.
    pub async fn pay_market(&self, market_id: MarketId) -> Result<Paid, Error> {
        let Some(results) = self.decided(market_id).await? else { return Ok(Paid::default()) };
        let outcomes: Vec<OutcomeId> = results.outcomes.keys().copied().collect();
        let results = Arc::new(results);
        let mut paid = Paid::default();
        for cell in Cell::all(self.cells()) {
            let mut after: Option<BetId> = None;
            loop {
                let open = legs::open_on_market(
                    self.store().read(),
                    market_id,
                    &outcomes,
                    cell,
                    after,
                    BETS_AT_ONCE,
                )
                .await?;
                let Some(last) = open.last() else { break };
                after = Some(last.bet_id);
                paid.add(self.settle_all(&open, &results).await?);
            }
        }
        Ok(paid)
    }

    /// Markets with open legs that are decided: what a crash, or a settlement cut short, left behind.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn markets_to_pay(&self) -> Result<Vec<MarketId>, Error> {
        Ok(legs::markets_to_pay(self.store().read()).await?)
    }

    async fn decided(&self, market_id: MarketId) -> Result<Option<MarketResults>, Error> {
        let decided = market::results::decided(self.store().read(), market_id).await?;
        Ok(decided.map(|decided| MarketResults {
            market_id,
            outcomes: decided.outcomes,
            certainty: decided.certainty,
            source: decided.source,
            reason: decided.reason,
        }))
    }

    async fn settle_all(&self, open: &[OpenLeg], results: &Arc<MarketResults>) -> Result<Paid, Error> {
        let deadline = Instant::now() + LANE_PATIENCE;
        let mut waiting: FuturesUnordered<_> =
            open.iter().map(|leg| self.settle_bet(leg, Arc::clone(results), deadline)).collect();
        let mut paid = Paid::default();
        while let Some(one) = waiting.next().await {
            paid.add(one?);
        }
        Ok(paid)
    }

    async fn settle_bet(
        &self,
        leg: &OpenLeg,
        results: Arc<MarketResults>,
        deadline: Instant,
    ) -> Result<Paid, Error> {
        let player = self.player(leg.account_id).await?;
        let command = Command::Settle(Settle { player, bet_id: leg.bet_id, results });
        let reply = self.lanes().submit(command, deadline).await?;
        Ok(match reply.outcome {
            Outcome::Settled(Some(returned)) => Paid { bets: 1, returned_cents: returned.get() },
            _ => Paid::default(),
        })
    }
}

impl Paid {
    const fn add(&mut self, other: Self) {
        self.bets = self.bets.saturating_add(other.bets);
        self.returned_cents = self.returned_cents.saturating_add(other.returned_cents);
    }
}
