//! `betting.exposure`: what the open bets of each market come to, as of the checkpoint of the consumer `exposure`.

use crate::{Error, Tx};
use chrono::{DateTime, Utc};
use overround_domain::betting::{Exposure, Figures};
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::money::Currency;
use overround_domain::time::Timestamp;
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor};
use std::collections::BTreeMap;
use uuid::Uuid;

const TABLE: &str = "betting.exposure";

/// The name of the consumer in `events.checkpoints`.
pub const CONSUMER: &str = "exposure";

/// The figures of a market at a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposureRow {
    /// The market.
    pub market_id: MarketId,
    /// Counts the changes of its figures, from 1.
    pub version: i64,
    /// The figures.
    pub exposure: Exposure,
    /// When they were changed.
    pub changed_at: Timestamp,
}

/// The figures as stored: outcomes by their UUIDs, so that SQL can join them.
type Stored = BTreeMap<String, BTreeMap<Uuid, Figures>>;

#[derive(FromRow)]
struct Read {
    market_id: Uuid,
    version: i64,
    figures: serde_json::Value,
    changed_at: DateTime<Utc>,
}

impl TryFrom<Read> for ExposureRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        let bad = |detail: String| Error::inconsistent(TABLE, "figures", row.market_id, detail);
        let stored: Stored = serde_json::from_value(row.figures).map_err(|error| bad(error.to_string()))?;
        let read = |(currency, outcomes): (String, BTreeMap<Uuid, Figures>)| {
            let currency: Currency = currency.parse().map_err(|_| bad(currency))?;
            let outcomes = outcomes.into_iter().map(|(id, figures)| (OutcomeId::from_uuid(id), figures));
            Ok((currency, outcomes.collect()))
        };
        Ok(Self {
            market_id: MarketId::from_uuid(row.market_id),
            version: row.version,
            exposure: Exposure(stored.into_iter().map(read).collect::<Result<_, Error>>()?),
            changed_at: row.changed_at.into(),
        })
    }
}

fn stored(exposure: &Exposure) -> Stored {
    let by_uuid = |outcomes: &BTreeMap<OutcomeId, Figures>| {
        outcomes.iter().map(|(outcome, figures)| (outcome.uuid(), *figures)).collect()
    };
    exposure.0.iter().map(|(currency, outcomes)| (currency.to_string(), by_uuid(outcomes))).collect()
}

/// The figures of these markets; one that never had a bet is left out. Who changes them holds the consumer's checkpoint,
/// and so is alone.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn of_markets(
    executor: impl PgExecutor<'_>,
    markets: &[MarketId],
) -> Result<Vec<ExposureRow>, Error> {
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT market_id, version, figures, changed_at FROM betting.exposure WHERE market_id = any($1)",
    )
    .bind(markets.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(ExposureRow::try_from).collect()
}

/// The figures of markets with open bets, by market after `after`, at most `limit`.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn with_open_bets(
    executor: impl PgExecutor<'_>,
    after: Option<MarketId>,
    limit: i64,
) -> Result<Vec<ExposureRow>, Error> {
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT market_id, version, figures, changed_at FROM betting.exposure \
         WHERE market_id > $1 AND figures <> '{}' ORDER BY market_id LIMIT $2",
    )
    .bind(after.map_or(Uuid::nil(), MarketId::uuid))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(ExposureRow::try_from).collect()
}

/// Writes figures as they are now.
///
/// # Errors
/// The database's.
pub async fn write(tx: &mut Tx, rows: &[ExposureRow]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO betting.exposure (market_id, version, figures, changed_at) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::jsonb[], $4::timestamptz[]) \
         ON CONFLICT (market_id) DO UPDATE \
            SET version = excluded.version, figures = excluded.figures, changed_at = excluded.changed_at",
    )
    .bind(rows.iter().map(|row| row.market_id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| Json(stored(&row.exposure))).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.changed_at.to_datetime()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
