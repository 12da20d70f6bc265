//! `market.results`: one row a generation, the newest counts.

use crate::{Error, Tx};
use overround_domain::betting::LegResult;
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::NON_RUNNER;
use overround_domain::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor};
use std::collections::BTreeMap;
use uuid::Uuid;

const TABLE: &str = "market.results";

/// A market's result.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRow {
    /// The market.
    pub market_id: MarketId,
    /// Counts the market's results, from 1.
    pub generation: i32,
    /// Each outcome's result.
    pub outcomes: BTreeMap<OutcomeId, LegResult>,
    /// 2 confirmed, 1 live (UOF certainty).
    pub certainty: i16,
    /// The producer or person that says so.
    pub source: String,
    /// Why, when a person says so.
    pub reason: Option<String>,
    /// When it was recorded.
    pub created_at: Timestamp,
}

/// Results as they are stored, and as events carry them: ids as UUIDs.
///
/// # Errors
/// [`Error::Inconsistent`] when a result has no JSON form.
pub fn stored(result: &ResultRow) -> Result<Value, Error> {
    serde_json::to_value(by_uuid(result))
        .map_err(|error| Error::inconsistent(TABLE, "outcomes", result.market_id.uuid(), error))
}

fn by_uuid(result: &ResultRow) -> BTreeMap<Uuid, &LegResult> {
    result.outcomes.iter().map(|(outcome, decided)| (outcome.uuid(), decided)).collect()
}

/// Inserts results of markets that the caller has locked.
///
/// # Errors
/// The database's; [`Error::Constraint`] `results_pkey` when that generation exists.
pub async fn insert(tx: &mut Tx, results: &[ResultRow]) -> Result<(), Error> {
    if results.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO market.results (market_id, generation, outcomes, certainty, source, reason, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::integer[], $3::jsonb[], $4::smallint[], $5::text[], $6::text[], \
                $7::timestamptz[])",
    )
    .bind(results.iter().map(|row| row.market_id.uuid()).collect::<Vec<_>>())
    .bind(results.iter().map(|row| row.generation).collect::<Vec<_>>())
    .bind(results.iter().map(|row| Json(by_uuid(row))).collect::<Vec<_>>())
    .bind(results.iter().map(|row| row.certainty).collect::<Vec<_>>())
    .bind(results.iter().map(|row| row.source.as_str()).collect::<Vec<_>>())
    .bind(results.iter().map(|row| row.reason.as_deref()).collect::<Vec<_>>())
    .bind(results.iter().map(|row| row.created_at.to_datetime()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is decided about a market: its newest result, and its removed runners, whose legs are void.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The results of the outcomes that are decided.
    pub outcomes: BTreeMap<OutcomeId, LegResult>,
    /// 2 confirmed, 1 live (UOF certainty).
    pub certainty: i16,
    /// The producer or person that says so.
    pub source: String,
    /// Why, when a person says so.
    pub reason: Option<String>,
    /// The result's generation; 0 while only runners are removed.
    pub generation: i32,
}

#[derive(FromRow)]
struct Read {
    producer: String,
    generation: Option<i32>,
    outcomes: Option<Value>,
    certainty: Option<i16>,
    source: Option<String>,
    reason: Option<String>,
    removed: Vec<Uuid>,
}

/// The latest result of each of these markets that has one.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn latest(
    executor: impl PgExecutor<'_>,
    markets: &[MarketId],
) -> Result<BTreeMap<MarketId, BTreeMap<OutcomeId, LegResult>>, Error> {
    let rows: Vec<(Uuid, i32, Value)> = sqlx::query_as(
        "SELECT DISTINCT ON (market_id) market_id, generation, outcomes FROM market.results \
         WHERE market_id = any($1) ORDER BY market_id, generation DESC",
    )
    .bind(markets.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .fetch_all(executor)
    .await?;
    let result = |(market, generation, outcomes)| {
        Ok((MarketId::from_uuid(market), recorded(market, generation, outcomes)?))
    };
    rows.into_iter().map(result).collect()
}

/// Results as they are stored.
fn recorded(market: Uuid, generation: i32, outcomes: Value) -> Result<BTreeMap<OutcomeId, LegResult>, Error> {
    let recorded: BTreeMap<Uuid, LegResult> = serde_json::from_value(outcomes).map_err(|error| {
        Error::inconsistent(TABLE, "outcomes", format!("({market}, {generation})"), error)
    })?;
    Ok(recorded.into_iter().map(|(id, result)| (OutcomeId::from_uuid(id), result)).collect())
}

/// What is decided about a market; none while nothing is, or when there is no such market.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn decided(executor: impl PgExecutor<'_>, market: MarketId) -> Result<Option<Decided>, Error> {
    let row: Option<Read> = sqlx::query_as(
        "SELECT m.producer, r.generation, r.outcomes, r.certainty, r.source, r.reason, \
                ARRAY(SELECT o.id FROM market.outcomes o WHERE o.market_id = m.id AND o.status = 'REMOVED') AS removed \
         FROM market.markets m \
         LEFT JOIN LATERAL (SELECT * FROM market.results r WHERE r.market_id = m.id \
                            ORDER BY r.generation DESC LIMIT 1) AS r ON true \
         WHERE m.id = $1",
    )
    .bind(market.uuid())
    .fetch_optional(executor)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let generation = row.generation.unwrap_or_default();
    let void = || LegResult::refund(Some(NON_RUNNER.to_owned()));
    let mut outcomes: BTreeMap<OutcomeId, LegResult> =
        row.removed.into_iter().map(|id| (OutcomeId::from_uuid(id), void())).collect();
    if let Some(results) = row.outcomes {
        outcomes.extend(recorded(market.uuid(), generation, results)?);
    }
    if outcomes.is_empty() {
        return Ok(None);
    }
    Ok(Some(Decided {
        outcomes,
        certainty: row.certainty.unwrap_or(2),
        source: row.source.unwrap_or(row.producer),
        reason: row.reason,
        generation,
    }))
}
