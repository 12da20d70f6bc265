//! `wallet.freezes`: each freezing and unfreezing of an account, and the status that it left.

use crate::{Error, Statement, Tx};
use overround_domain::ids::AccountId;
use overround_domain::time::Timestamp;
use overround_domain::wallet::{AccountStatus, Cell, Freeze};
use std::collections::BTreeMap;
use uuid::Uuid;

/// An account that is frozen or let go.
#[derive(Debug, Clone)]
pub struct NewFreeze {
    /// The account.
    pub account_id: AccountId,
    /// Its number among the account's, from 1.
    pub version: i64,
    /// The account's cell.
    pub cell: Cell,
    /// Whether it is frozen, or else let go.
    pub on: bool,
    /// What of it.
    pub freeze: Freeze,
    /// The status that it leaves.
    pub status: AccountStatus,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
}

/// The number of the last freeze of each account that has one.
///
/// # Errors
/// The database's.
pub async fn versions(
    tx: &mut Tx,
    accounts: &[AccountId],
    cells: &[Cell],
) -> Result<BTreeMap<AccountId, i64>, Error> {
    if accounts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT account_id, max(version) FROM wallet.freezes WHERE account_id = any($1) AND cell = any($2) \
         GROUP BY account_id",
    )
    .bind(accounts.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .bind(cells.iter().map(|cell| cell.get()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|(id, version)| (AccountId::from_uuid(id), version)).collect())
}

/// Inserts freezes. The status that the last one leaves is written with the account.
pub fn insert(to: &mut Statement, rows: &[NewFreeze]) {
    if rows.is_empty() {
        return;
    }
    to.add(
        "INSERT INTO wallet.freezes (account_id, version, cell, act, way, status, reason, author, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[], \
                $7::text[], $8::text[], $9::timestamptz[])",
    )
    .bind(rows.iter().map(|row| row.account_id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.cell.get()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| if row.on { "FREEZE" } else { "UNFREEZE" }).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.freeze.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.status.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.reason.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.author.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.created_at.to_datetime()).collect::<Vec<_>>());
}
