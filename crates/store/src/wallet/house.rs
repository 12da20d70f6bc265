//! `wallet.house`: what holds for the database's whole life.

use crate::Error;
use sqlx::PgExecutor;

/// The number of cells that this database was made with.
///
/// # Errors
/// [`Error::Inconsistent`] when the row is missing: the database was migrated by no `overround migrate`.
pub async fn cells(executor: impl PgExecutor<'_>) -> Result<u16, Error> {
    let cells: Option<i16> =
        sqlx::query_scalar("SELECT cells FROM wallet.house").fetch_optional(executor).await?;
    cells.and_then(|cells| u16::try_from(cells).ok()).ok_or_else(|| {
        Error::inconsistent("wallet.house", "cells", "the only row", "the number of cells is missing")
    })
}
