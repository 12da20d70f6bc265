//! `wallet.reversals`: which posting was taken back by which, once.

use crate::{Error, Statement, Tx};
use overround_domain::ids::PostingId;
use overround_domain::time::Timestamp;
use overround_domain::wallet::Cell;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A posting that is taken back.
#[derive(Debug, Clone)]
pub struct NewReversal {
    /// The posting that is taken back.
    pub posting_id: PostingId,
    /// The posting that does it.
    pub reversed_by: PostingId,
    /// Their cell.
    pub cell: Cell,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
}

/// Which of these postings were reversed before.
///
/// # Errors
/// The database's.
pub async fn among(
    tx: &mut Tx,
    postings: &[PostingId],
    cells: &[Cell],
) -> Result<BTreeSet<PostingId>, Error> {
    if postings.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT posting_id FROM wallet.reversals WHERE posting_id = any($1) AND cell = any($2)",
    )
    .bind(postings.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .bind(cells.iter().map(|cell| cell.get()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(found.into_iter().map(PostingId::from_uuid).collect())
}

/// Inserts reversals with one INSERT.
pub fn insert(to: &mut Statement, rows: &[NewReversal]) {
    if rows.is_empty() {
        return;
    }
    to.add(
        "INSERT INTO wallet.reversals (posting_id, reversed_by, cell, reason, author, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::text[], $6::timestamptz[])",
    )
    .bind(rows.iter().map(|row| row.posting_id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.reversed_by.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.cell.get()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.reason.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.author.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.created_at.to_datetime()).collect::<Vec<_>>());
}
