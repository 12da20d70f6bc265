//! What an account's balance was, and what moved it in a period. Two processes' clocks can order an
//! account's entries a little otherwise than their numbers do, so nothing here rests on the
//! `balance_after` of an entry that happens to be the last before an instant: what a balance was is the
//! present one less all that came later.

use super::entries::{COLUMNS, EntryRow, Read};
use crate::Error;
use overround_domain::ids::{AccountId, EntryId};
use overround_domain::money::Cents;
use overround_domain::time::Timestamp;
use overround_domain::wallet::Cell;
use sqlx::PgExecutor;
use uuid::Uuid;

/// From an instant on, up to and without another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// What a period came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// The balance before its first entry.
    pub opening: Cents,
    /// What came in.
    pub credits: Cents,
    /// What went out: zero or less.
    pub debits: Cents,
    /// The balance after its last entry.
    pub closing: Cents,
    /// How many entries it has.
    pub entries: i64,
}

/// The balance after all entries up to and with `at`.
///
/// # Errors
/// The database's.
pub async fn balance_at(
    executor: impl PgExecutor<'_>,
    account_id: AccountId,
    cell: Cell,
    at: Timestamp,
) -> Result<Option<Cents>, Error> {
    let cents: Option<i64> = sqlx::query_scalar(
        "SELECT (a.balance_cents - coalesce(( \
             SELECT sum(e.amount_cents) FROM wallet.ledger_entries e \
             WHERE e.account_id = $1 AND e.cell = any($2) AND e.created_at > $3), 0))::bigint \
         FROM wallet.accounts a WHERE a.id = $1 AND a.cell = any($2)",
    )
    .bind(account_id.uuid())
    .bind(vec![cell.get()])
    .bind(at.to_datetime())
    .fetch_optional(executor)
    .await?;
    Ok(cents.map(Cents::new))
}

/// An entry of an account.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn entry(
    executor: impl PgExecutor<'_>,
    account_id: AccountId,
    cell: Cell,
    id: EntryId,
) -> Result<Option<EntryRow>, Error> {
    let Some(created_at) = id.created_at() else { return Ok(None) };
    // Only constants of this crate are put together here.
    let statement = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM wallet.ledger_entries \
         WHERE account_id = $1 AND cell = any($2) AND created_at = $3 AND id = $4"
    ));
    let row: Option<Read> = sqlx::query_as(statement)
        .bind(account_id.uuid())
        .bind(vec![cell.get()])
        .bind(created_at.to_datetime())
        .bind(id.uuid())
        .fetch_optional(executor)
        .await?;
    row.map(EntryRow::try_from).transpose()
}

/// What a period came to. Opening and closing balance are each counted back from the present one.
///
/// # Errors
/// The database's.
pub async fn totals(
    executor: impl PgExecutor<'_>,
    account_id: AccountId,
    cell: Cell,
    period: Period,
) -> Result<Option<Totals>, Error> {
    let row: Option<(i64, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT (a.balance_cents - coalesce(e.since, 0))::bigint, coalesce(e.credits, 0)::bigint, \
                coalesce(e.debits, 0)::bigint, (a.balance_cents - coalesce(e.after, 0))::bigint, e.entries \
         FROM wallet.accounts a CROSS JOIN ( \
             SELECT sum(amount_cents) AS since, \
                    sum(amount_cents) FILTER (WHERE created_at < $4 AND amount_cents > 0) AS credits, \
                    sum(amount_cents) FILTER (WHERE created_at < $4 AND amount_cents < 0) AS debits, \
                    sum(amount_cents) FILTER (WHERE created_at >= $4) AS after, \
                    count(*) FILTER (WHERE created_at < $4) AS entries \
             FROM wallet.ledger_entries WHERE account_id = $1 AND cell = any($2) AND created_at >= $3 \
         ) e WHERE a.id = $1 AND a.cell = any($2)",
    )
    .bind(account_id.uuid())
    .bind(vec![cell.get()])
    .bind(period.from.to_datetime())
    .bind(period.to.to_datetime())
    .fetch_optional(executor)
    .await?;
    Ok(row.map(|(opening, credits, debits, closing, entries)| Totals {
        opening: Cents::new(opening),
        credits: Cents::new(credits),
        debits: Cents::new(debits),
        closing: Cents::new(closing),
        entries,
    }))
}

/// The period's entries that are later than `after`, oldest first, at most `limit`.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn list(
    executor: impl PgExecutor<'_>,
    account_id: AccountId,
    cell: Cell,
    period: Period,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<EntryRow>, Error> {
    // The first part begins after a place just before the period: no id is nil.
    let (after_at, after_id) = after.unwrap_or((period.from, Uuid::nil()));
    let statement = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM wallet.ledger_entries \
         WHERE account_id = $1 AND cell = any($2) AND created_at >= $3 AND created_at < $4 \
             AND (created_at, id) > ($5, $6) \
         ORDER BY created_at, id LIMIT $7"
    ));
    let rows: Vec<Read> = sqlx::query_as(statement)
        .bind(account_id.uuid())
        .bind(vec![cell.get()])
        .bind(period.from.to_datetime())
        .bind(period.to.to_datetime())
        .bind(after_at.to_datetime())
        .bind(after_id)
        .bind(limit)
        .fetch_all(executor)
        .await?;
    rows.into_iter().map(EntryRow::try_from).collect()
}
