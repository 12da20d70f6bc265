//! `wallet.idempotency`: one request, one effect, one answer; kept for ever.

use crate::cells::distinct;
use crate::{Error, Tx};
use overround_domain::ids::{AccountId, BetId};
use overround_domain::time::Timestamp;
use overround_domain::wallet::Cell;
use serde_json::Value;
use sqlx::PgExecutor;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A request that wants to be the first under its key.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The account.
    pub account_id: AccountId,
    /// Its cell.
    pub cell: Cell,
    /// The request's Idempotency-Key.
    pub key: String,
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
    /// The bet the request would place; none where it places none.
    pub bet_id: Option<BetId>,
}

/// Inserts the claims, which hold no (account, key) twice, and returns those that were first. A claim
/// that does not come back is a replay. Keys are never looked up inside the transaction: a look-up of
/// an absent key locks its index page, and neighbours would abort each other.
///
/// # Errors
/// The database's.
pub async fn claim(
    tx: &mut Tx,
    claims: &[Claim],
    now: Timestamp,
) -> Result<BTreeSet<(AccountId, String)>, Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "INSERT INTO wallet.idempotency (account_id, key, cell, request_hash, bet_id, created_at) \
         SELECT c.account_id, c.key, c.cell, c.request_hash, c.bet_id, $6 \
         FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::bytea[], $5::uuid[]) \
         AS c (account_id, key, cell, request_hash, bet_id) \
         ORDER BY c.account_id, c.key \
         ON CONFLICT DO NOTHING RETURNING account_id, key",
    )
    .bind(claims.iter().map(|claim| claim.account_id.uuid()).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| claim.key.as_str()).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| claim.cell.get()).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| claim.request_hash.as_slice()).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| claim.bet_id.map(BetId::uuid)).collect::<Vec<_>>())
    .bind(now.to_datetime())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|(account, key)| (AccountId::from_uuid(account), key)).collect())
}

/// What became of a claim that placed no bet.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The account.
    pub account_id: AccountId,
    /// Its cell.
    pub cell: Cell,
    /// The request's key.
    pub key: String,
    /// The answer to keep; none releases the key, so that the request may be sent again.
    pub answer: Option<Value>,
}

/// Keeps the answers of claims of the same transaction that placed no bet, and releases the others.
///
/// # Errors
/// The database's.
pub async fn keep(tx: &mut Tx, answers: &[Answered]) -> Result<(), Error> {
    let (kept, released): (Vec<&Answered>, Vec<&Answered>) =
        answers.iter().partition(|answered| answered.answer.is_some());
    if !kept.is_empty() {
        sqlx::query(
            "UPDATE wallet.idempotency i SET answer = c.answer, bet_id = NULL \
             FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::jsonb[]) AS c (account_id, key, cell, answer) \
             WHERE i.account_id = c.account_id AND i.key = c.key AND i.cell = c.cell AND i.cell = any($5)",
        )
        .bind(accounts(&kept))
        .bind(keys(&kept))
        .bind(cells(&kept))
        .bind(kept.iter().filter_map(|answered| answered.answer.clone()).collect::<Vec<_>>())
        .bind(distinct(kept.iter().map(|answered| answered.cell)))
        .execute(&mut **tx)
        .await?;
    }
    if !released.is_empty() {
        sqlx::query(
            "DELETE FROM wallet.idempotency i \
             USING unnest($1::uuid[], $2::text[], $3::smallint[]) AS c (account_id, key, cell) \
             WHERE i.account_id = c.account_id AND i.key = c.key AND i.cell = c.cell AND i.cell = any($4)",
        )
        .bind(accounts(&released))
        .bind(keys(&released))
        .bind(cells(&released))
        .bind(distinct(released.iter().map(|answered| answered.cell)))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

fn accounts(rows: &[&Answered]) -> Vec<Uuid> {
    rows.iter().map(|row| row.account_id.uuid()).collect()
}

fn keys(rows: &[&Answered]) -> Vec<String> {
    rows.iter().map(|row| row.key.clone()).collect()
}

fn cells(rows: &[&Answered]) -> Vec<i16> {
    rows.iter().map(|row| row.cell.get()).collect()
}

/// A request that was executed before.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// SHA-256 of that request.
    pub request_hash: Vec<u8>,
    /// The bet it placed, if it placed one.
    pub bet_id: Option<BetId>,
    /// Its answer, if it placed none.
    pub answer: Option<Value>,
}

/// The request that was executed under the key, if one was. Outside any money transaction.
///
/// # Errors
/// The database's.
pub async fn stored(
    executor: impl PgExecutor<'_>,
    account_id: AccountId,
    cell: Cell,
    key: &str,
) -> Result<Option<Stored>, Error> {
    let row: Option<(Vec<u8>, Option<Uuid>, Option<Value>)> = sqlx::query_as(
        "SELECT request_hash, bet_id, answer FROM wallet.idempotency \
         WHERE account_id = $1 AND key = $2 AND cell = $3",
    )
    .bind(account_id.uuid())
    .bind(key)
    .bind(cell.get())
    .fetch_optional(executor)
    .await?;
    Ok(row.map(|(request_hash, bet_id, answer)| Stored {
        request_hash,
        bet_id: bet_id.map(BetId::from_uuid),
        answer,
    }))
}
