//! `wallet.idempotency`: one request, one effect, one answer; kept for ever.

use crate::cells::distinct;
use crate::error::is_of_constraint;
use crate::wallet::turns;
use crate::{Error, Statement, Tx};
use overround_domain::ids::{AccountId, BetId};
use overround_domain::time::Timestamp;
use overround_domain::wallet::Cell;
use serde_json::Value;
use sqlx::{PgExecutor, Row};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The claims are inserted in one order, so that two processes that claim the same keys wait for each other and
/// never in a circle.
macro_rules! claim {
    ($rest:literal) => {
        concat!(
            "WITH held AS MATERIALIZED ( \
                 SELECT c.cell FROM unnest($7::smallint[]) AS c (cell) \
                 WHERE CASE WHEN $8 THEN true ELSE pg_try_advisory_xact_lock($9, c.cell) END \
             ), claimed AS ( \
                 INSERT INTO wallet.idempotency (account_id, key, cell, request_hash, bet_id, created_at) \
                 SELECT c.account_id, c.key, c.cell, c.request_hash, c.bet_id, $6 \
                 FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::bytea[], $5::uuid[]) \
                      AS c (account_id, key, cell, request_hash, bet_id) \
                 WHERE c.cell = any(ARRAY(SELECT cell FROM held)) \
                 ORDER BY c.account_id, c.key ",
            $rest
        )
    };
}
const CLAIM: &str = claim!(") SELECT cell, NULL::uuid AS account_id, NULL::text AS key FROM held");
const CLAIM_UNUSED: &str = claim!(
    "ON CONFLICT DO NOTHING RETURNING account_id, key) \
     SELECT cell, NULL AS account_id, NULL AS key FROM held UNION ALL SELECT NULL, account_id, key FROM claimed"
);

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

/// What a transaction may do.
#[derive(Debug)]
pub struct Claimed {
    /// The cells that no other process has in hand.
    pub cells: BTreeSet<Cell>,
    /// Of the claims in those cells the first under their keys; the others are replays.
    pub first: BTreeSet<(AccountId, String)>,
}

/// How a transaction begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Begin {
    /// Some claims may be replays. Without it the caller's word is taken that all are the first under their keys,
    /// which costs half: PostgreSQL need not look each key up before it inserts it, nor confirm it afterwards.
    pub may_have_used_keys: bool,
    /// It does not wait for its turn at the cells any longer.
    pub out_of_turn: bool,
}

/// Takes those of `cells` in hand, until the transaction ends, that no other process has ([`super::turns`]), and
/// inserts the claims of those; they hold no (account, key) twice. Keys are never looked up inside the
/// transaction: a look-up of an absent key locks its index page, and neighbours would abort each other.
///
/// # Errors
/// The database's. [`is_used_key`] knows the one of a claim that was not the first, unless that may be: nothing is
/// inserted then, and the transaction is over.
pub async fn claim(
    tx: &mut Tx,
    begin: Begin,
    cells: &BTreeSet<Cell>,
    claims: &[Claim],
    now: Timestamp,
) -> Result<Claimed, Error> {
    let rows = sqlx::query(if begin.may_have_used_keys { CLAIM_UNUSED } else { CLAIM })
        .bind(claims.iter().map(|claim| claim.account_id.uuid()).collect::<Vec<_>>())
        .bind(claims.iter().map(|claim| claim.key.as_str()).collect::<Vec<_>>())
        .bind(claims.iter().map(|claim| claim.cell.get()).collect::<Vec<_>>())
        .bind(claims.iter().map(|claim| claim.request_hash.as_slice()).collect::<Vec<_>>())
        .bind(claims.iter().map(|claim| claim.bet_id.map(BetId::uuid)).collect::<Vec<_>>())
        .bind(now.to_datetime())
        .bind(cells.iter().map(|cell| cell.get()).collect::<Vec<_>>())
        .bind(begin.out_of_turn)
        .bind(turns::CLASS)
        .fetch_all(&mut **tx)
        .await?;
    let mut claimed = Claimed { cells: BTreeSet::new(), first: BTreeSet::new() };
    for row in &rows {
        match row.try_get::<Option<i16>, _>("cell")? {
            Some(cell) => drop(claimed.cells.insert(cell_of(cell)?)),
            None => {
                let account = AccountId::from_uuid(row.try_get("account_id")?);
                claimed.first.insert((account, row.try_get("key")?));
            }
        }
    }
    if !begin.may_have_used_keys {
        let first = claims.iter().filter(|claim| claimed.cells.contains(&claim.cell));
        claimed.first = first.map(|claim| (claim.account_id, claim.key.clone())).collect();
    }
    Ok(claimed)
}

fn cell_of(cell: i16) -> Result<Cell, Error> {
    Cell::from_i16(cell)
        .ok_or_else(|| Error::inconsistent("wallet.idempotency", "cell", cell, "it is negative"))
}

/// Whether a claim of [`claim`] was not the first under its key.
pub fn is_used_key(error: &Error) -> bool {
    matches!(error, Error::Constraint(name) if is_of_constraint(name, "idempotency_pkey"))
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
pub fn keep(to: &mut Statement, answers: &[Answered]) {
    let (kept, released): (Vec<&Answered>, Vec<&Answered>) =
        answers.iter().partition(|answered| answered.answer.is_some());
    if !kept.is_empty() {
        to.add(
            "UPDATE wallet.idempotency i SET answer = c.answer, bet_id = NULL \
             FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::jsonb[]) AS c (account_id, key, cell, answer) \
             WHERE i.account_id = c.account_id AND i.key = c.key AND i.cell = c.cell AND i.cell = any($5)",
        )
        .bind(accounts(&kept))
        .bind(keys(&kept))
        .bind(cells(&kept))
        .bind(kept.iter().filter_map(|answered| answered.answer.clone()).collect::<Vec<_>>())
        .bind(distinct(kept.iter().map(|answered| answered.cell)));
    }
    if !released.is_empty() {
        to.add(
            "DELETE FROM wallet.idempotency i \
             USING unnest($1::uuid[], $2::text[], $3::smallint[]) AS c (account_id, key, cell) \
             WHERE i.account_id = c.account_id AND i.key = c.key AND i.cell = c.cell AND i.cell = any($4)",
        )
        .bind(accounts(&released))
        .bind(keys(&released))
        .bind(cells(&released))
        .bind(distinct(released.iter().map(|answered| answered.cell)));
    }
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
