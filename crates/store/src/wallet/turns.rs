//! Turns at cells: by which processes on one database keep out of each other's way.
//!
//! A lane's transaction has the cells in hand that it works on: advisory locks of PostgreSQL, taken with the batch's
//! first statement ([`super::idempotency::claim`]) and gone when the transaction ends, however it ends. What it does
//! not get it leaves, and waits for its turn outside any transaction, in line. Correctness never depends on
//! it: two transactions on one cell at once are kept apart by SERIALIZABLE, at the price of running one again.

use crate::{Error, Store};
use overround_domain::wallet::Cell;
use std::collections::BTreeSet;

/// The class of these locks among the database's advisory locks; the second number is the cell.
pub const CLASS: i32 = 0x6f76_7264;
/// Who does not get its turn within so many milliseconds goes on without: the other process may be held up.
const PATIENCE_MS: u32 = 500;

/// Waits until no other process has any of these cells in hand. False if one still has after half a second.
///
/// # Errors
/// The database's.
pub async fn wait(store: &Store, cells: &BTreeSet<Cell>) -> Result<bool, Error> {
    let cells: Vec<String> = cells.iter().map(|cell| cell.get().to_string()).collect();
    // Two statements in one message are one transaction, whose locks end with it. Only numbers are put in.
    let sql = sqlx::AssertSqlSafe(format!(
        "SET LOCAL lock_timeout = {PATIENCE_MS}; \
         SELECT pg_advisory_xact_lock({CLASS}, c.cell) FROM unnest('{{{}}}'::smallint[]) AS c (cell)",
        cells.join(",")
    ));
    match sqlx::raw_sql(sql).execute(store.read()).await {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03") => Ok(false),
        Err(error) => Err(error.into()),
    }
}
