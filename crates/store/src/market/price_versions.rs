//! `market.price_versions`: every version that was ever on sale. The truth behind the snapshots in
//! Redis, which can be written again from here.

use super::MarketRow;
use crate::{Error, Statement};
use chrono::{DateTime, Utc};
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::{Line, OutcomeSuspension, Quote, Snapshot, SuspensionReason};
use overround_domain::odds::Price;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor};
use std::collections::BTreeMap;
use uuid::Uuid;

const TABLE: &str = "market.price_versions";

/// A price as stored. Ids are plain UUIDs here, so that SQL can join on them.
#[derive(Serialize, Deserialize)]
struct StoredQuote {
    #[serde(flatten)]
    price: Price,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line_quarters: Option<i32>,
}

/// An outcome that is not on offer, as stored.
#[derive(Serialize, Deserialize)]
struct StoredSuspension {
    outcome_id: Uuid,
    reason: SuspensionReason,
}

type StoredPrices = BTreeMap<Uuid, StoredQuote>;

fn stored_prices(snapshot: &Snapshot) -> StoredPrices {
    let quote =
        |quote: &Quote| StoredQuote { price: quote.price, line_quarters: quote.line.map(Line::quarters) };
    snapshot.prices.iter().map(|(outcome, offered)| (outcome.uuid(), quote(offered))).collect()
}

fn stored_suspensions(snapshot: &Snapshot) -> Vec<StoredSuspension> {
    let stored =
        |one: &OutcomeSuspension| StoredSuspension { outcome_id: one.outcome_id.uuid(), reason: one.reason };
    snapshot.suspensions.iter().map(stored).collect()
}

/// A snapshot's prices and suspensions as they are stored, and as events carry them:
/// `{"<outcome>": {"num", "den", "line_quarters"?}}` and `[{"outcome_id", "reason"}]`, ids as UUIDs.
///
/// # Errors
/// [`Error::Inconsistent`] when a value has no JSON form.
pub fn stored(snapshot: &Snapshot) -> Result<(Value, Value), Error> {
    let key = snapshot.market_id.uuid();
    let prices = serde_json::to_value(stored_prices(snapshot));
    let suspensions = serde_json::to_value(stored_suspensions(snapshot));
    Ok((
        prices.map_err(|error| Error::inconsistent(TABLE, "prices", key, error))?,
        suspensions.map_err(|error| Error::inconsistent(TABLE, "suspensions", key, error))?,
    ))
}

/// Inserts new versions by a statement; `producer` is who set them.
pub fn insert(to: &mut Statement, producer: &str, snapshots: &[&Snapshot]) {
    if snapshots.is_empty() {
        return;
    }
    to.add(
        "INSERT INTO market.price_versions (market_id, version, status_version, status, in_play, bet_delay_ms, \
                prices, suspensions, as_of, producer) \
         SELECT n.*, $10 FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::boolean[], \
                $6::bigint[], $7::jsonb[], $8::jsonb[], $9::timestamptz[]) AS n",
    )
    .bind(snapshots.iter().map(|one| one.market_id.uuid()).collect::<Vec<_>>())
    .bind(snapshots.iter().map(|one| one.version).collect::<Vec<_>>())
    .bind(snapshots.iter().map(|one| one.status_version).collect::<Vec<_>>())
    .bind(snapshots.iter().map(|one| one.status.as_str()).collect::<Vec<_>>())
    .bind(snapshots.iter().map(|one| one.in_play).collect::<Vec<_>>())
    .bind(snapshots.iter().map(|one| one.bet_delay_ms).collect::<Vec<_>>())
    .bind(snapshots.iter().map(|one| Json(stored_prices(one))).collect::<Vec<_>>())
    .bind(snapshots.iter().map(|one| Json(stored_suspensions(one))).collect::<Vec<_>>())
    .bind(snapshots.iter().map(|one| one.as_of.to_datetime()).collect::<Vec<_>>())
    .bind(producer);
}

#[derive(FromRow)]
struct Read {
    market_id: Uuid,
    version: i64,
    status_version: i64,
    status: String,
    in_play: bool,
    bet_delay_ms: i64,
    prices: Value,
    suspensions: Value,
    as_of: DateTime<Utc>,
}

/// The snapshot at the version that each market's row says. A market without a version is left out.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`] when a version is missing or cannot be read.
pub async fn current(
    executor: impl PgExecutor<'_>,
    markets: &[MarketRow],
) -> Result<BTreeMap<MarketId, Snapshot>, Error> {
    let with_version: Vec<&MarketRow> = markets.iter().filter(|row| row.version > 0).collect();
    if with_version.is_empty() {
        return Ok(BTreeMap::new());
    }
    // The newest day first, and no further than the first row found.
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT p.* FROM unnest($1::uuid[], $2::bigint[]) AS k (market_id, version) \
         CROSS JOIN LATERAL ( \
             SELECT v.market_id, v.version, v.status_version, v.status, v.in_play, v.bet_delay_ms, v.prices, \
                    v.suspensions, v.as_of \
             FROM market.price_versions v WHERE v.market_id = k.market_id AND v.version = k.version \
             ORDER BY v.as_of DESC LIMIT 1) AS p",
    )
    .bind(with_version.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
    .bind(with_version.iter().map(|row| row.version).collect::<Vec<_>>())
    .fetch_all(executor)
    .await?;
    let mut found: BTreeMap<Uuid, Read> = rows.into_iter().map(|row| (row.market_id, row)).collect();
    let mut snapshots = BTreeMap::new();
    for market in with_version {
        let key = || format!("({}, {})", market.id.uuid(), market.version);
        let row = found.remove(&market.id.uuid()).ok_or_else(|| {
            Error::inconsistent(TABLE, "version", key(), "the market's last version is missing")
        })?;
        snapshots.insert(market.id, snapshot_of(market, row)?);
    }
    Ok(snapshots)
}

fn snapshot_of(market: &MarketRow, row: Read) -> Result<Snapshot, Error> {
    let key = format!("({}, {})", row.market_id, row.version);
    let bad = |column, detail: String| Error::inconsistent(TABLE, column, &key, detail);
    let prices: StoredPrices =
        serde_json::from_value(row.prices).map_err(|error| bad("prices", error.to_string()))?;
    let suspensions: Vec<StoredSuspension> =
        serde_json::from_value(row.suspensions).map_err(|error| bad("suspensions", error.to_string()))?;
    let quote = |stored: StoredQuote| Quote {
        price: stored.price,
        line: stored.line_quarters.map(Line::from_quarters),
    };
    let suspension = |stored: StoredSuspension| OutcomeSuspension {
        outcome_id: OutcomeId::from_uuid(stored.outcome_id),
        reason: stored.reason,
    };
    Ok(Snapshot {
        market_id: market.id,
        event_id: market.event_id,
        version: row.version,
        status_version: row.status_version,
        status: row.status.parse().map_err(|_| bad("status", format!("{:?}", row.status)))?,
        in_play: row.in_play,
        bet_delay_ms: row.bet_delay_ms,
        cutoff_at: market.cutoff_at,
        as_of: row.as_of.into(),
        prices: prices.into_iter().map(|(id, stored)| (OutcomeId::from_uuid(id), quote(stored))).collect(),
        suspensions: suspensions.into_iter().map(suspension).collect(),
    })
}
