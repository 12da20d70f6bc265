//! Live producers through the built binary: messages over HTTP and lines over TCP and TLS become prices, and go off
//! sale when they end.

mod betfair;
#[path = "../crates/adapters/tests/betfair/source.rs"]
mod source;
#[path = "../crates/feed/tests/uof/synthetic.rs"]
#[expect(dead_code, reason = "the feed's own tests use more of it")]
mod synthetic;
mod uof;

use crate::cli::Binary;
use overround_testkit::{until, until_is};
use serde_json::Value;
use sqlx::PgPool;
use std::time::Duration;

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what must come.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it does not come")
}

/// What the house has of its markets and producers.
struct House {
    admin: PgPool,
}

impl House {
    async fn of(binary: &Binary) -> Self {
        Self { admin: binary.db().admin().await }
    }

    /// Lets time pass for the producers, until all of them were found silent.
    async fn silence(&self) {
        let passes =
            "UPDATE market.producers SET seen_at = seen_at - interval '1 hour' WHERE state <> 'DOWN'";
        until("producers are found silent", async || {
            sqlx::raw_sql(passes).execute(&self.admin).await.unwrap();
            self.producers().await.iter().all(|one| one.ends_with(" DOWN"))
        })
        .await;
    }

    /// All markets by their keys: `key STATUS price...`, their producer's last word on the first outcome.
    async fn markets(&self) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT concat_ws(' ', m.source_key, m.status, (SELECT m.source_prices -> o.id::text ->> 'num' || '/' || \
                    (m.source_prices -> o.id::text ->> 'den') FROM market.outcomes o \
                    WHERE o.market_id = m.id ORDER BY o.position LIMIT 1)) \
             FROM market.markets m ORDER BY m.source_key",
        )
        .fetch_all(&self.admin)
        .await
        .unwrap()
    }

    /// Who owned the only market, one after the other.
    async fn owners(&self) -> Vec<String> {
        let all: Vec<String> =
            sqlx::query_scalar("SELECT producer FROM market.price_versions ORDER BY version")
                .fetch_all(&self.admin)
                .await
                .unwrap();
        let changes = (0..all.len()).filter(|index| *index == 0 || all[index - 1] != all[*index]);
        changes.map(|index| all[index].clone()).collect()
    }

    /// Waits until the markets are these.
    async fn until(&self, markets: &[&str]) {
        until_is(markets, async || self.markets().await).await;
    }

    /// All producers by name, each with its state.
    async fn producers(&self) -> Vec<String> {
        sqlx::query_scalar("SELECT concat_ws(' ', name, state) FROM market.producers ORDER BY name")
            .fetch_all(&self.admin)
            .await
            .unwrap()
    }

    async fn until_producers(&self, producers: &[&str]) {
        until_is(producers, async || self.producers().await).await;
    }

    /// Whether the books are sound.
    fn is_sound(binary: &Binary) {
        let findings: Value = binary.run(&["doctor", "--json"]).json();
        assert_eq!(findings["ok"], true, "{findings}");
    }
}
