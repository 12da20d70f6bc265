//! `market.producers`: live producers of market data, one row each.
//!
//! Their signs of life are told by this server's clock, so that processes whose clocks disagree agree on who is
//! silent. Of the processes that hear a producer only the last to take it speaks for it: its row's `epoch` says so,
//! and every write of another's is refused.

use crate::{Error, Tx};
use chrono::{DateTime, Utc};
use overround_domain::markets::ProducerState;
use overround_domain::time::Timestamp;
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

const TABLE: &str = "market.producers";

/// A producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerRow {
    /// Its name, as its markets have it.
    pub name: String,
    /// What it is one of: one process hears all producers of a source.
    pub source: String,
    /// What its events are about.
    pub id: Uuid,
    /// Whether it may be trusted.
    pub state: ProducerState,
    /// Why it is in that state.
    pub reason: String,
    /// How long it may be silent, in milliseconds.
    pub silence_ms_max: i64,
    /// The process that hears it.
    pub hearer: Uuid,
    /// Counts the processes that have heard it, from 1.
    pub epoch: i64,
    /// Counts its changes of state, from 1.
    pub version: i64,
    /// When it came to its state.
    pub changed_at: Timestamp,
    /// Its last sign of life, on the server's clock; none before the first.
    pub seen_at: Option<Timestamp>,
    /// Whether it is silent for longer than it may be, by the server's clock.
    pub silent: bool,
}

#[derive(FromRow)]
struct Read {
    name: String,
    source: String,
    id: Uuid,
    state: String,
    reason: String,
    silence_ms_max: i64,
    hearer: Uuid,
    epoch: i64,
    version: i64,
    changed_at: DateTime<Utc>,
    seen_at: Option<DateTime<Utc>>,
    silent: bool,
}

impl TryFrom<Read> for ProducerRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        let state =
            row.state.parse().map_err(|error| Error::inconsistent(TABLE, "state", &row.name, error))?;
        Ok(Self {
            state,
            name: row.name,
            source: row.source,
            id: row.id,
            reason: row.reason,
            silence_ms_max: row.silence_ms_max,
            hearer: row.hearer,
            epoch: row.epoch,
            version: row.version,
            changed_at: row.changed_at.into(),
            seen_at: row.seen_at.map(Timestamp::from),
            silent: row.silent,
        })
    }
}

/// The columns of a [`ProducerRow`], for the statements of this file.
macro_rules! select_producers {
    ($rest:literal) => {
        concat!(
            "SELECT name, source, id, state, reason, silence_ms_max, hearer, epoch, version, changed_at, seen_at, \
                    coalesce(seen_at + silence_ms_max * interval '1 millisecond' < clock_timestamp(), true) AS silent \
             FROM market.producers ",
            $rest
        )
    };
}

/// Locks all producers of a source against every other change, in the order of their names; new ones of it appear one
/// after the other.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn lock_source(tx: &mut Tx, source: &str) -> Result<Vec<ProducerRow>, Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('market.producers ' || $1, 0))")
        .bind(source)
        .execute(&mut **tx)
        .await?;
    let rows: Vec<Read> =
        sqlx::query_as(select_producers!("WHERE source = $1 ORDER BY name FOR NO KEY UPDATE"))
            .bind(source)
            .fetch_all(&mut **tx)
            .await?;
    rows.into_iter().map(ProducerRow::try_from).collect()
}

/// Inserts a producer that nobody has heard yet, or writes all of one that may change. One that is not down was heard just
/// now. The caller has locked its source.
///
/// # Errors
/// The database's.
pub async fn put(tx: &mut Tx, row: &ProducerRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO market.producers AS p \
                (name, source, id, state, reason, silence_ms_max, hearer, epoch, version, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (name) DO UPDATE SET state = $4, reason = $5, silence_ms_max = $6, hearer = $7, epoch = $8, \
                version = $9, changed_at = $10, \
                seen_at = CASE $4 WHEN 'DOWN' THEN p.seen_at ELSE clock_timestamp() END",
    )
    .bind(&row.name)
    .bind(&row.source)
    .bind(row.id)
    .bind(row.state.as_str())
    .bind(&row.reason)
    .bind(row.silence_ms_max)
    .bind(row.hearer)
    .bind(row.epoch)
    .bind(row.version)
    .bind(row.changed_at.to_datetime())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes a sign of life now. Answers the producer's state; none where another process speaks for it.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn seen(tx: &mut Tx, name: &str, epoch: i64) -> Result<Option<ProducerState>, Error> {
    let state: Option<String> = sqlx::query_scalar(
        "UPDATE market.producers SET seen_at = clock_timestamp() WHERE name = $1 AND epoch = $2 RETURNING state",
    )
    .bind(name)
    .bind(epoch)
    .fetch_optional(&mut **tx)
    .await?;
    let read = |text: String| text.parse().map_err(|error| Error::inconsistent(TABLE, "state", name, error));
    state.map(read).transpose()
}

/// Whether that process speaks for the producer; if so, none other takes it before the transaction ends.
///
/// # Errors
/// The database's.
pub async fn is_spoken_for(tx: &mut Tx, name: &str, epoch: i64) -> Result<bool, Error> {
    let found: Option<i32> =
        sqlx::query_scalar("SELECT 1 FROM market.producers WHERE name = $1 AND epoch = $2 FOR SHARE")
            .bind(name)
            .bind(epoch)
            .fetch_optional(&mut **tx)
            .await?;
    Ok(found.is_some())
}

/// All producers, in the order of their names. They are few.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<ProducerRow>, Error> {
    let rows: Vec<Read> = sqlx::query_as(select_producers!("ORDER BY name")).fetch_all(executor).await?;
    rows.into_iter().map(ProducerRow::try_from).collect()
}
