//! `market.events`.

use crate::{Error, Tx, keyset};
use chrono::{DateTime, Utc};
use overround_domain::ids::EventId;
use overround_domain::time::Timestamp;
use sqlx::{FromRow, PgExecutor};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A sporting event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its id.
    pub id: EventId,
    /// What its producers are of: they call it by one key.
    pub source: String,
    /// The source's own id of it.
    pub source_key: String,
    /// A name a person can read.
    pub name: String,
    /// A lower-case word: `tennis`, `football`...
    pub sport: String,
    /// The scheduled start.
    pub starts_at: Option<Timestamp>,
    /// Counts its changes, and with them its events.
    pub version: i64,
    /// When it became known.
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct Read {
    id: Uuid,
    source: String,
    source_key: String,
    name: String,
    sport: String,
    starts_at: Option<DateTime<Utc>>,
    version: i64,
    created_at: DateTime<Utc>,
}

impl From<Read> for EventRow {
    fn from(row: Read) -> Self {
        Self {
            id: EventId::from_uuid(row.id),
            source: row.source,
            source_key: row.source_key,
            name: row.name,
            sport: row.sport,
            starts_at: row.starts_at.map(Timestamp::from),
            version: row.version,
            created_at: row.created_at.into(),
        }
    }
}

/// The columns of an [`EventRow`], for the statements of this file.
macro_rules! select_events {
    ($rest:literal) => {
        concat!(
            "SELECT id, source, source_key, name, sport, starts_at, version, created_at FROM market.events ",
            $rest
        )
    };
}

/// Inserts those events whose (source, source key) is not known yet, and returns them. Keys are inserted in their
/// order, so that two that do so at once wait for each other instead of standing in each other's way.
///
/// # Errors
/// The database's.
pub async fn insert_missing(tx: &mut Tx, events: &[EventRow]) -> Result<Vec<EventRow>, Error> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Read> = sqlx::query_as(
        "INSERT INTO market.events (id, source, source_key, name, sport, starts_at, version, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], \
                $7::bigint[], $8::timestamptz[]) AS n (id, source, source_key, name, sport, starts_at, version, created_at) \
         ORDER BY n.source, n.source_key ON CONFLICT (source, source_key) DO NOTHING \
         RETURNING id, source, source_key, name, sport, starts_at, version, created_at",
    )
    .bind(events.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
    .bind(events.iter().map(|row| row.source.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|row| row.source_key.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|row| row.name.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|row| row.sport.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|row| row.starts_at.map(Timestamp::to_datetime)).collect::<Vec<_>>())
    .bind(events.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(events.iter().map(|row| row.created_at.to_datetime()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(EventRow::from).collect())
}

/// A source's events of those keys.
///
/// # Errors
/// The database's.
pub async fn of_source(
    executor: impl PgExecutor<'_>,
    source: &str,
    source_keys: &[String],
) -> Result<Vec<EventRow>, Error> {
    let rows: Vec<Read> = sqlx::query_as(select_events!("WHERE source = $1 AND source_key = any($2)"))
        .bind(source)
        .bind(source_keys)
        .fetch_all(executor)
        .await?;
    Ok(rows.into_iter().map(EventRow::from).collect())
}

/// Writes name, sport and start of events that exist, and returns those of which any was another, at their next version.
///
/// # Errors
/// The database's.
pub async fn update(tx: &mut Tx, events: &[EventRow]) -> Result<Vec<EventRow>, Error> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Read> = sqlx::query_as(
        "WITH c AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) \
                    AS c (id, name, sport, starts_at)), \
              locked AS (SELECT e.id FROM market.events e WHERE e.id = any($1) ORDER BY e.id FOR NO KEY UPDATE) \
         UPDATE market.events e \
         SET name = c.name, sport = c.sport, starts_at = c.starts_at, version = e.version + 1 \
         FROM c JOIN locked USING (id) \
         WHERE e.id = c.id AND (e.name, e.sport, e.starts_at) IS DISTINCT FROM (c.name, c.sport, c.starts_at) \
         RETURNING e.id, e.source, e.source_key, e.name, e.sport, e.starts_at, e.version, e.created_at",
    )
    .bind(events.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
    .bind(events.iter().map(|row| row.name.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|row| row.sport.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|row| row.starts_at.map(Timestamp::to_datetime)).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(EventRow::from).collect())
}

/// One event.
///
/// # Errors
/// The database's.
pub async fn find(executor: impl PgExecutor<'_>, id: EventId) -> Result<Option<EventRow>, Error> {
    let row: Option<Read> =
        sqlx::query_as(select_events!("WHERE id = $1")).bind(id.uuid()).fetch_optional(executor).await?;
    Ok(row.map(EventRow::from))
}

/// The statement of [`list`]. Its parameters are the place in the list (two) and the limit.
pub const fn list_statement() -> &'static str {
    select_events!("WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3")
}

/// Which of these events there are.
///
/// # Errors
/// When the database is away.
pub async fn known(executor: impl PgExecutor<'_>, ids: &[EventId]) -> Result<BTreeSet<EventId>, Error> {
    let known: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM market.events WHERE id = any($1)")
        .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .fetch_all(executor)
        .await?;
    Ok(known.into_iter().map(EventId::from_uuid).collect())
}

/// The newest events that are older than `after`, at most `limit`.
///
/// # Errors
/// The database's.
pub async fn list(
    executor: impl PgExecutor<'_>,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<EventRow>, Error> {
    let rows: Vec<Read> = keyset::newest(executor, list_statement(), after, limit).await?;
    Ok(rows.into_iter().map(EventRow::from).collect())
}
