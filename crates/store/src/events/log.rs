//! `events.outbox` read as a log, and `events.checkpoints`: how far each consumer has read it.
//!
//! The order is (xid8, identity). Transactions with lower numbers may commit later, so that only what lies below every
//! open transaction is read: nothing can come in before it any more. An account's and a bet's events come in their order,
//! since they are written under SERIALIZABLE: whoever finds their row changed meanwhile begins again, with a higher number.
//! Market data is written under READ COMMITTED, by transactions that may have their number before they wait for a row: its
//! events are ordered by their aggregates' versions.

use crate::{Error, Tx};
use chrono::{DateTime, Utc};
use overround_domain::events::EventType;
use overround_domain::time::Timestamp;
use overround_domain::wallet::Cell;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

const TABLE: &str = "events.checkpoints";
/// The class of the consumers' locks among the database's advisory locks; the second number is of the consumer's name.
const CLASS: i32 = 0x6f76_726c;

/// Where a consumer that is new begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// At the first event that is kept.
    First,
    /// At the present: what happened before is nothing to it.
    Now,
}

/// A place in the log: that of an event which was read, and all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The transaction, in decimal digits.
    pub xid8: String,
    /// The event's number among all.
    pub identity: i64,
}

/// An event of a type that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// Its place.
    pub place: Place,
    /// What happened.
    pub event_type: EventType,
    /// The cell whose rows it changed, if it has one.
    pub cell: Option<Cell>,
    /// The bet, account... it happened to.
    pub aggregate_id: Uuid,
    /// What it says.
    pub payload: Value,
    /// When it happened.
    pub created_at: Timestamp,
}

/// A part of the log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// The events of the types that were asked for, in their order.
    pub events: Vec<Logged>,
    /// The place of the last event, of whatever type; none where there was nothing to read.
    pub end: Option<Place>,
    /// Whether there may be more.
    pub more: bool,
}

/// Where a consumer stands, which is in this process's hand until the transaction ends. None where another process has it
/// in hand. The lock is PostgreSQL's advisory one: it takes no transaction id, below which the log could not be read.
///
/// # Errors
/// The database's; [`Error::Inconsistent`] on another cluster than the one that the place is of, whose transactions have
/// other numbers.
pub async fn lock(
    tx: &mut Tx,
    consumer: &str,
    beginning: Beginning,
    now: Timestamp,
) -> Result<Option<Place>, Error> {
    let is_held: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1, hashtext($2))")
        .bind(CLASS)
        .bind(consumer)
        .fetch_one(&mut **tx)
        .await?;
    if !is_held {
        return Ok(None);
    }
    let row: Option<(String, i64, bool)> = sqlx::query_as(
        "SELECT xid8::text, identity, cluster = (SELECT system_identifier FROM pg_control_system()) \
         FROM events.checkpoints WHERE consumer = $1",
    )
    .bind(consumer)
    .fetch_optional(&mut **tx)
    .await?;
    match row {
        None => begin(tx, consumer, beginning, now).await.map(Some),
        Some((xid8, identity, true)) => Ok(Some(Place { xid8, identity })),
        Some((.., false)) => Err(Error::inconsistent(
            TABLE,
            "cluster",
            consumer,
            "the data was moved to another cluster, whose transactions have other numbers; \
             empty this consumer's tables and delete its checkpoint, so that it begins anew",
        )),
    }
}

async fn begin(tx: &mut Tx, consumer: &str, beginning: Beginning, now: Timestamp) -> Result<Place, Error> {
    let (xid8, identity) = sqlx::query_as(
        "INSERT INTO events.checkpoints (consumer, xid8, identity, cluster, moved_at) \
         SELECT $1, CASE WHEN $3 THEN pg_snapshot_xmin(pg_current_snapshot()) ELSE '0' END, 0, system_identifier, $2 \
         FROM pg_control_system() RETURNING xid8::text, identity",
    )
    .bind(consumer)
    .bind(now.to_datetime())
    .bind(beginning == Beginning::Now)
    .fetch_one(&mut **tx)
    .await?;
    Ok(Place { xid8, identity })
}

/// What the log is called by whom it is passed on to: places of one name have one order. A primary that took over, or was
/// set back to an earlier instant, is on another timeline, and numbers its transactions anew.
///
/// # Errors
/// The database's.
pub async fn name(tx: &mut Tx) -> Result<String, Error> {
    let name = sqlx::query_scalar(
        "SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) \
         FROM pg_control_system()",
    );
    Ok(name.fetch_one(&mut **tx).await?)
}

#[derive(FromRow)]
struct Read {
    xid8: String,
    identity: i64,
    cell: Option<i16>,
    r#type: String,
    aggregate_id: Uuid,
    payload: Option<Value>,
    created_at: DateTime<Utc>,
}

/// At most `limit` events after a place, and of them those of some types. To be run under READ COMMITTED: what is open
/// and what is there are seen by one statement.
///
/// # Errors
/// The database's.
pub async fn after(tx: &mut Tx, place: &Place, types: &[EventType], limit: i64) -> Result<Part, Error> {
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT o.xid8::text, o.identity, o.cell, o.type, o.aggregate_id, \
                CASE WHEN o.type = any($4) THEN o.payload END AS payload, o.created_at \
         FROM events.outbox o \
         WHERE (o.xid8, o.identity) > ($1::text::xid8, $2) AND o.xid8 < pg_snapshot_xmin(pg_current_snapshot()) \
         ORDER BY o.xid8, o.identity LIMIT $3",
    )
    .bind(&place.xid8)
    .bind(place.identity)
    .bind(limit)
    .bind(types.iter().map(|one| one.as_str()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    let more = i64::try_from(rows.len()).is_ok_and(|read| read >= limit);
    let end = rows.last().map(|row| Place { xid8: row.xid8.clone(), identity: row.identity });
    let events = rows.into_iter().filter_map(logged).collect();
    Ok(Part { events, end, more })
}

fn logged(row: Read) -> Option<Logged> {
    Some(Logged {
        event_type: row.r#type.parse().ok()?,
        cell: row.cell.and_then(Cell::from_i16),
        aggregate_id: row.aggregate_id,
        payload: row.payload?,
        created_at: row.created_at.into(),
        place: Place { xid8: row.xid8, identity: row.identity },
    })
}

/// Moves a consumer from a place to the one that it has read to, in the transaction of its effect.
///
/// # Errors
/// The database's; [`Error::Inconsistent`] when it is not at that place any more: nothing may have its effect twice.
pub async fn advance(
    tx: &mut Tx,
    consumer: &str,
    from: &Place,
    to: &Place,
    now: Timestamp,
) -> Result<(), Error> {
    let moved = sqlx::query(
        "UPDATE events.checkpoints SET xid8 = $4::text::xid8, identity = $5, moved_at = $6 \
         WHERE consumer = $1 AND xid8 = $2::text::xid8 AND identity = $3",
    )
    .bind(consumer)
    .bind(&from.xid8)
    .bind(from.identity)
    .bind(&to.xid8)
    .bind(to.identity)
    .bind(now.to_datetime())
    .execute(&mut **tx)
    .await?;
    if moved.rows_affected() == 1 {
        return Ok(());
    }
    Err(Error::inconsistent(TABLE, "identity", consumer, "somebody else moved it meanwhile"))
}
