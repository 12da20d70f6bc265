//! `market.outcomes`.

use crate::{Error, Tx};
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::{Line, OutcomeStatus};
use sqlx::{FromRow, PgExecutor};
use std::collections::BTreeSet;
use uuid::Uuid;

const TABLE: &str = "market.outcomes";

/// An outcome of a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRow {
    /// Its id.
    pub id: OutcomeId,
    /// Its market.
    pub market_id: MarketId,
    /// The producer's own id of it, unique in its market.
    pub source_key: String,
    /// A name a person can read.
    pub name: String,
    /// The handicap or total, on line markets.
    pub line: Option<Line>,
    /// Outcomes of one line share a number.
    pub pair: Option<i32>,
    /// Place in the list, from 0.
    pub position: i32,
    /// Whether it takes part.
    pub status: OutcomeStatus,
}

#[derive(FromRow)]
struct Read {
    id: Uuid,
    market_id: Uuid,
    source_key: String,
    name: String,
    line_quarters: Option<i32>,
    pair: Option<i32>,
    position: i32,
    status: String,
}

impl TryFrom<Read> for OutcomeRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        let bad = |_| Error::inconsistent(TABLE, "status", row.id, format!("{:?}", row.status));
        Ok(Self {
            id: OutcomeId::from_uuid(row.id),
            market_id: MarketId::from_uuid(row.market_id),
            status: row.status.parse().map_err(bad)?,
            source_key: row.source_key,
            name: row.name,
            line: row.line_quarters.map(Line::from_quarters),
            pair: row.pair,
            position: row.position,
        })
    }
}

/// Inserts outcomes of markets that the caller has locked.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &mut Tx, outcomes: &[OutcomeRow]) -> Result<(), Error> {
    if outcomes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO market.outcomes (id, market_id, source_key, name, line_quarters, pair, position, status) \
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::integer[], \
                $7::integer[], $8::text[])",
    )
    .bind(outcomes.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.market_id.uuid()).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.source_key.as_str()).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.name.as_str()).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.line.map(Line::quarters)).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.pair).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.position).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.status.as_str()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes all of these outcomes that may change. The caller has locked their markets.
///
/// # Errors
/// The database's.
pub async fn update(tx: &mut Tx, outcomes: &[OutcomeRow]) -> Result<(), Error> {
    if outcomes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE market.outcomes o SET name = c.name, line_quarters = c.line_quarters, pair = c.pair, \
                position = c.position, status = c.status \
         FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[], $5::integer[], $6::text[]) \
                AS c (id, name, line_quarters, pair, position, status) \
         WHERE o.id = c.id",
    )
    .bind(outcomes.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.name.as_str()).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.line.map(Line::quarters)).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.pair).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.position).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|row| row.status.as_str()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// All outcomes of those markets, each market's in the order of its list.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn of_markets(
    executor: impl PgExecutor<'_>,
    markets: &[MarketId],
) -> Result<Vec<OutcomeRow>, Error> {
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT id, market_id, source_key, name, line_quarters, pair, position, status FROM market.outcomes \
         WHERE market_id = any($1) ORDER BY market_id, position, id",
    )
    .bind(markets.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(OutcomeRow::try_from).collect()
}

/// Which of these outcomes there are.
///
/// # Errors
/// The database's.
pub async fn known(executor: impl PgExecutor<'_>, ids: &[OutcomeId]) -> Result<BTreeSet<OutcomeId>, Error> {
    let known: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM market.outcomes WHERE id = any($1)")
        .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .fetch_all(executor)
        .await?;
    Ok(known.into_iter().map(OutcomeId::from_uuid).collect())
}
