//! `events.outbox` read as a log, and `events.checkpoints`: how far each consumer has read it.
//!
//! The order is (xid8, identity). Transactions with lower numbers may commit later, so that only what lies below every
//! open transaction is read: nothing can come in before it any more. An aggregate's events come in their order, since
//! each locks its row and so begins after the other was done.

use crate::{Error, Tx};
use overround_domain::events::EventType;
use overround_domain::time::Timestamp;
use overround_domain::wallet::Cell;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

const TABLE: &str = "events.checkpoints";

/// A place in the log: that of an event which was read, and all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The transaction, in decimal digits.
    xid8: String,
    identity: i64,
}

/// An event of a type that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// What happened.
    pub event_type: EventType,
    /// The cell whose rows it changed, if it has one.
    pub cell: Option<Cell>,
    /// The bet, account... it happened to.
    pub aggregate_id: Uuid,
    /// What it says.
    pub payload: Value,
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

/// Where a consumer stands, locked until the transaction ends; a new one stands before the first event. None where
/// another process has it in hand.
///
/// # Errors
/// The database's; [`Error::Inconsistent`] on another cluster than the one that the place is of, whose transactions have
/// other numbers.
pub async fn lock(tx: &mut Tx, consumer: &str, now: Timestamp) -> Result<Option<Place>, Error> {
    sqlx::query(
        "INSERT INTO events.checkpoints (consumer, xid8, identity, cluster, moved_at) \
         SELECT $1, '0', 0, system_identifier, $2 FROM pg_control_system() ON CONFLICT DO NOTHING",
    )
    .bind(consumer)
    .bind(now.to_datetime())
    .execute(&mut **tx)
    .await?;
    let row: Option<(String, i64, bool)> = sqlx::query_as(
        "SELECT xid8::text, identity, cluster = (SELECT system_identifier FROM pg_control_system()) \
         FROM events.checkpoints WHERE consumer = $1 FOR UPDATE SKIP LOCKED",
    )
    .bind(consumer)
    .fetch_optional(&mut **tx)
    .await?;
    match row {
        None => Ok(None),
        Some((xid8, identity, true)) => Ok(Some(Place { xid8, identity })),
        Some((.., false)) => Err(Error::inconsistent(
            TABLE,
            "cluster",
            consumer,
            "the data was moved to another cluster, whose transactions have other numbers; \
             empty this consumer's tables and delete its checkpoint, so that it reads all events anew",
        )),
    }
}

#[derive(FromRow)]
struct Read {
    xid8: String,
    identity: i64,
    cell: Option<i16>,
    r#type: String,
    aggregate_id: Uuid,
    payload: Option<Value>,
}

/// At most `limit` events after a place, and of them those of some types. To be run under READ COMMITTED: what is open
/// and what is there are seen by one statement.
///
/// # Errors
/// The database's.
pub async fn after(tx: &mut Tx, place: &Place, types: &[EventType], limit: i64) -> Result<Part, Error> {
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT o.xid8::text, o.identity, o.cell, o.type, o.aggregate_id, \
                CASE WHEN o.type = any($4) THEN o.payload END AS payload \
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
    })
}

/// Moves a consumer to the place that it has read to, in the transaction of its effect.
///
/// # Errors
/// The database's.
pub async fn advance(tx: &mut Tx, consumer: &str, place: &Place, now: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "UPDATE events.checkpoints SET xid8 = $2::text::xid8, identity = $3, moved_at = $4 WHERE consumer = $1",
    )
    .bind(consumer)
    .bind(&place.xid8)
    .bind(place.identity)
    .bind(now.to_datetime())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
