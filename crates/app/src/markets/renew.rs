//! Renewing: the producer is alive, so what it said last still stands.

use super::publish::{Confirmed, MARKETS_AT_ONCE};
use crate::{App, Error};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_domain::time::Timestamp;
use overround_live::{Renewal, Renewed};
use overround_store::market;

impl App {
    /// Takes a producer's sign of life at the instant `at` of this application's clock: every market
    /// of it that is not over is confirmed, and its windows start again. A snapshot that Redis lost is
    /// written again from its row. Answers how many markets are confirmed.
    ///
    /// # Errors
    /// When a datastore is away: what is not renewed runs out, and is not sold.
    pub async fn renew(&self, producer: &str, at: Timestamp) -> Result<u64, Error> {
        self.markets_state().signed(producer, at);
        let on_sale = market::markets::on_sale(self.store().read(), producer).await?;
        let mut confirmed = 0;
        let mut missing = Vec::new();
        for chunk in on_sale.chunks(MARKETS_AT_ONCE) {
            let (of_chunk, lost) = self.confirmed(at, chunk).await?;
            confirmed += of_chunk;
            missing.extend(lost);
        }
        if !missing.is_empty() {
            // What another task has just committed and is about to show seems to be missing. To show it here could
            // overtake the version before it.
            let _alone = self.markets_state().all_is_shown().await;
            for chunk in missing.chunks(MARKETS_AT_ONCE) {
                let (of_chunk, lost) = self.confirmed(at, chunk).await?;
                let lost: Vec<MarketId> = lost.iter().map(|(market_id, _)| *market_id).collect();
                confirmed += of_chunk + self.show_rows(at, &lost).await?;
            }
        }
        metrics::counter!("overround_snapshots_confirmed_total").increment(confirmed);
        Ok(confirmed)
    }

    /// Confirms markets at their versions; how many, and those that Redis does not hold so.
    async fn confirmed(
        &self,
        at: Timestamp,
        markets: &[(MarketId, i64)],
    ) -> Result<(u64, Vec<(MarketId, i64)>), Error> {
        let renewal = |&(market_id, version): &(MarketId, i64)| Renewal {
            market_id,
            version,
            lifetime: self.markets_state().lifetime(),
        };
        let renewals: Vec<Renewal> = markets.iter().map(renewal).collect();
        let renewed = self.live().renew(&renewals, at, self.clock().for_cache()).await?;
        let confirmed = renewed.iter().filter(|one| **one == Renewed::Renewed).map(|_| 1).sum::<u64>();
        let missing = markets.iter().zip(&renewed).filter(|(_, renewed)| **renewed == Renewed::Missing);
        Ok((confirmed, missing.map(|(market, _)| *market).collect()))
    }

    /// Writes markets' current versions to Redis, from PostgreSQL.
    async fn show_rows(&self, at: Timestamp, markets: &[MarketId]) -> Result<u64, Error> {
        if markets.is_empty() {
            return Ok(0);
        }
        let rows = market::markets::load(self.store().read(), markets).await?;
        let snapshots = market::price_versions::current(self.store().read(), &rows).await?;
        let snapshots: Vec<&Snapshot> = snapshots.values().collect();
        self.show(Confirmed::now(at), &snapshots).await
    }
}
