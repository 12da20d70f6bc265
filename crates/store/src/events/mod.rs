//! `events.outbox`: each change's event, written in the change's own transaction.

pub mod log;

use crate::{Error, Statement, Tx};
use overround_domain::events::DomainEvent;
use sqlx::types::Json;

/// Appends events with one INSERT.
///
/// # Errors
/// The database's.
pub async fn append(tx: &mut Tx, events: &[DomainEvent]) -> Result<(), Error> {
    let mut statement = Statement::default();
    add(&mut statement, events);
    statement.execute(tx).await
}

/// Appends events with one INSERT of a statement. A trigger stamps each with its transaction's id.
pub fn add(to: &mut Statement, events: &[DomainEvent]) {
    if events.is_empty() {
        return;
    }
    let cells: Vec<Option<i16>> = events.iter().map(|event| event.cell.map(|cell| cell.get())).collect();
    let ids: Vec<_> = events.iter().map(|event| event.id.uuid()).collect();
    let types: Vec<_> = events.iter().map(|event| event.event_type.as_str()).collect();
    let aggregates: Vec<_> = events.iter().map(|event| event.event_type.aggregate_type()).collect();
    let aggregate_ids: Vec<_> = events.iter().map(|event| event.aggregate_id).collect();
    let versions: Vec<_> = events.iter().map(|event| event.aggregate_version).collect();
    let payloads: Vec<_> = events.iter().map(|event| Json(&event.payload)).collect();
    let traces: Vec<_> = events.iter().map(|event| event.trace_id.as_deref()).collect();
    let times: Vec<_> = events.iter().map(|event| event.created_at.to_datetime()).collect();
    to.add(
        "INSERT INTO events.outbox \
         (cell, event_id, type, aggregate_type, aggregate_id, aggregate_version, payload, trace_id, created_at) \
         SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], \
         $7::jsonb[], $8::text[], $9::timestamptz[])",
    )
    .bind(cells)
    .bind(ids)
    .bind(types)
    .bind(aggregates)
    .bind(aggregate_ids)
    .bind(versions)
    .bind(payloads)
    .bind(traces)
    .bind(times);
}
