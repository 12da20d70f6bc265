//! `wallet.actor_idempotency`: acts without a player's account (open, suspend, settle), by (actor, key).

use crate::{Error, Tx};
use overround_domain::time::Timestamp;
use serde_json::Value;

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    /// The key is new: the act is to be done, and its answer kept with [`keep`]; or the claim is given back with
    /// [`release`].
    New,
    /// The act was done for the same request; its answer.
    Done(Value),
    /// The key was used for another request.
    Mismatch,
}

/// Claims (actor, key) for the request. A concurrent claim of the same key is waited for.
///
/// # Errors
/// The database's; [`Error::Serialization`] under SERIALIZABLE when a concurrent claim won.
pub async fn claim(
    tx: &mut Tx,
    actor: &str,
    key: &str,
    request_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Claimed, Error> {
    let inserted = sqlx::query(
        "INSERT INTO wallet.actor_idempotency (actor, key, request_hash, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
    )
    .bind(actor)
    .bind(key)
    .bind(request_hash.as_slice())
    .bind(now.to_datetime())
    .execute(&mut **tx)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Claimed::New);
    }
    let (hash, answer): (Vec<u8>, Option<Value>) = sqlx::query_as(
        "SELECT request_hash, answer FROM wallet.actor_idempotency WHERE actor = $1 AND key = $2",
    )
    .bind(actor)
    .bind(key)
    .fetch_one(&mut **tx)
    .await?;
    if hash != request_hash {
        return Ok(Claimed::Mismatch);
    }
    answer.map(Claimed::Done).ok_or_else(|| {
        Error::inconsistent("wallet.actor_idempotency", "answer", format!("({actor}, {key})"), "it is null")
    })
}

/// Keeps the answer of an act that was claimed in the same transaction.
///
/// # Errors
/// The database's.
pub async fn keep(tx: &mut Tx, actor: &str, key: &str, answer: &Value) -> Result<(), Error> {
    sqlx::query("UPDATE wallet.actor_idempotency SET answer = $3 WHERE actor = $1 AND key = $2")
        .bind(actor)
        .bind(key)
        .bind(answer)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Gives a claim of the same transaction back, for an answer that is not kept.
///
/// # Errors
/// The database's.
pub async fn release(tx: &mut Tx, actor: &str, key: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM wallet.actor_idempotency WHERE actor = $1 AND key = $2")
        .bind(actor)
        .bind(key)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
