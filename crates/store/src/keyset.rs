//! Keyset pages: rows after a place in `(created_at, id)`, newest first.

use crate::Error;
use chrono::{DateTime, Utc};
use overround_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

/// The last millisecond of the year 9999: later than any row.
const BEYOND_ALL_MS: i64 = 253_402_300_799_999;

/// The bound of a page as a statement's parameters. The first page has the greatest bound rather than
/// none, so that one statement, and one index scan, serves every page.
pub(crate) fn bound(after: Option<(Timestamp, Uuid)>) -> (DateTime<Utc>, Uuid) {
    let (at, id) = after.unwrap_or((Timestamp::from_millis(BEYOND_ALL_MS), Uuid::max()));
    (at.to_datetime(), id)
}

/// At most `limit` rows after a place, newest first, by a statement whose parameters are the bound and the limit.
///
/// # Errors
/// The database's.
pub(crate) async fn newest<Row>(
    executor: impl PgExecutor<'_>,
    statement: &'static str,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<Row>, Error>
where
    Row: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let (before_at, before_id) = bound(after);
    let query = sqlx::query_as(statement).bind(before_at).bind(before_id).bind(limit);
    Ok(query.fetch_all(executor).await?)
}
