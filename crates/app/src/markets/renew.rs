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
        for chunk in on_sale.chunks(MARKETS_AT_ONCE) {
            let renewals: Vec<Renewal> = chunk
                .iter()
                .map(|(market_id, version)| Renewal {
                    market_id: *market_id,
                    version: *version,
                    lifetime: self.markets_state().lifetime(),
                })
                .collect();
            let renewed = self.live().renew(&renewals, at, self.clock().for_cache()).await?;
            confirmed += renewed.iter().filter(|one| **one == Renewed::Renewed).map(|_| 1).sum::<u64>();
            let missing = chunk.iter().zip(&renewed).filter(|(_, renewed)| **renewed == Renewed::Missing);
            let missing: Vec<MarketId> = missing.map(|((market_id, _), _)| *market_id).collect();
            confirmed += self.show_rows(at, &missing).await?;
        }
        metrics::counter!("overround_snapshots_confirmed_total").increment(confirmed);
        Ok(confirmed)
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
